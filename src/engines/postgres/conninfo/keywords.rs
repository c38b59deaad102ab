//! The keyword form: `host=db port=5432 user=app` (libpq 34.1.1.1).

use crate::base::error::Error;
use crate::base::plain_name::is_parameter_name;
use crate::engines::postgres::conninfo::invalid;
use crate::engines::postgres::conninfo::parameters::{Origin, Parameters};

impl Parameters {
    /// `host=db port=5432 password='it\'s'` (libpq 34.1.1.1). As libpq, refuses a keyword that it does not know. Errors
    /// count the keywords rather than quote them: what stands in the place of a keyword may be a piece of the password.
    pub(crate) fn read_keywords(&mut self, text: &str) -> Result<(), Error> {
        let mut rest = text.trim_start();
        let mut number = 0;
        while !rest.is_empty() {
            number += 1;
            let (name, after) = rest.split_once('=').ok_or_else(|| {
                invalid(&format!("keyword {number} lacks its `=`; quote values that hold spaces: password='a b'"))
            })?;
            let name = name.trim();
            if !is_parameter_name(name) || !Self::is_known(name) {
                return Err(Error::Settings(format!(
                    "the database URL cannot be read: libpq knows no keyword like number {number}\n\
                     next: write host=… port=… user=… password=… dbname=…, apart by blanks, in small letters"
                )));
            }
            let (value, after, origin) = keyword_value(after.trim_start())?;
            // `Host=h;Password=x`, as ADO.NET writes it.
            if origin == Origin::Bare && value.contains(';') && name != "password" {
                return Err(invalid(&format!(
                    "the value of {name} holds a `;`; keywords stand apart by blanks, and a value that holds one is quoted"
                )));
            }
            self.put(name, value, origin);
            rest = after.trim_start();
        }
        Ok(())
    }
}

/// One value of a keyword string, what follows it, and whether it was quoted.
fn keyword_value(text: &str) -> Result<(String, &str, Origin), Error> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..], Origin::Encoded)),
            _ if !quoted && character.is_ascii_whitespace() => return Ok((value, &text[at..], Origin::Bare)),
            _ => value.push(character),
        }
    }
    if quoted {
        return Err(invalid("a quoted value lacks its closing quote"));
    }
    Ok((value, "", Origin::Bare))
}
