//! The keyword form: `host=db port=5432 user=app` (libpq 34.1.1.1).

use crate::base::error::Error;
use crate::engines::postgres::conninfo::invalid;
use crate::engines::postgres::conninfo::parameters::Parameters;

impl Parameters {
    /// `host=db port=5432 password='it\'s'` (libpq 34.1.1.1).
    pub(crate) fn read_keywords(&mut self, text: &str) -> Result<(), Error> {
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (name, after) = rest
                .split_once('=')
                .ok_or_else(|| invalid("a keyword lacks its `=`; quote values that hold spaces: password='a b'"))?;
            let (value, after) = keyword_value(after.trim_start())?;
            self.put(name.trim(), value);
            rest = after.trim_start();
        }
        Ok(())
    }
}

/// One value of a keyword string, and what follows it.
fn keyword_value(text: &str) -> Result<(String, &str), Error> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            _ if !quoted && character.is_whitespace() => return Ok((value, &text[at..])),
            _ => value.push(character),
        }
    }
    if quoted {
        return Err(invalid("a quoted value lacks its closing quote"));
    }
    Ok((value, ""))
}
