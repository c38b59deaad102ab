//! The text of a database URL before an engine reads it: white space and invisible characters.
//!
//! Environment files, secret files and copied text bring line breaks, comments, quotes and invisible characters into a
//! URL. Clients disagree about them: Node's `new URL` takes tabs and line breaks out (WHATWG URL, 4.4 "URL parsing", steps
//! 1 to 3), libpq makes them part of a name. doorstep does what Node does, and refuses the rest: it would create a database
//! that the service never sees.

use crate::base::error::Error;
use crate::base::unseen::{called, is_unseen};

/// A text that has been looked through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UrlText {
    /// `scheme:…`
    Url {
        /// In lower case, and without a driver: `postgresql` of `postgresql+asyncpg`.
        scheme: String,
        /// The whole text, without what was taken out.
        text: String,
        /// Tabs or line breaks were taken out of it.
        repaired: bool,
    },
    /// libpq's `name=value name=value`, in which line breaks separate.
    Keywords(String),
    /// No text at all.
    Empty,
}

/// A blank that a file name may hold; Prisma does not decode `%20` in it.
const MAY_HOLD_BLANKS: &[&str] = &["file", "sqlite", "sqlite3"];

impl UrlText {
    /// Looks the text through.
    ///
    /// # Errors
    /// [`Error::Settings`], which names the place and the kind of a character, and none of the text.
    pub(crate) fn read(raw: &str) -> Result<Self, Error> {
        let raw = raw.trim_matches(|character| character <= ' ');
        if raw.is_empty() {
            return Ok(Self::Empty);
        }
        if raw.starts_with(['"', '\'', '`']) {
            return Err(invalid("it has quotes around it (docker's --env-file keeps them); write it without"));
        }
        if let Some(character) = raw.chars().next().filter(|character| is_unseen(*character)) {
            return Err(misplaced(0, character));
        }
        if begins_with_keyword(raw) {
            return Ok(Self::Keywords(raw.to_owned()));
        }
        let text: String = raw.chars().filter(|character| !is_removed(*character)).collect();
        // Go's form for MySQL has none: what stands there is the user.
        let is_go = go_address(text.split('?').next().unwrap_or_default()).is_some();
        let Some(scheme) = (if is_go { Some("mysql") } else { scheme(&text) }) else {
            return Err(invalid(
                "it has no scheme; write postgresql://user@host/database, mysql://user@host/database, or file:./dev.db for \
                 SQLite",
            ));
        };
        let scheme = scheme.split('+').next().unwrap_or_default().to_ascii_lowercase();
        refuse_comment(raw)?;
        let may_hold_blanks = MAY_HOLD_BLANKS.contains(&scheme.as_str());
        // Counted with what is taken out, so that an editor finds the place.
        for (at, character) in raw.chars().enumerate() {
            let is_fine = is_removed(character) || (character == ' ' && may_hold_blanks);
            if !is_fine && (is_unseen(character) || character.is_whitespace()) {
                return Err(misplaced(at, character));
            }
        }
        if text.ends_with(['"', '\'', '`']) {
            return Err(invalid("it ends with a quote; write it without"));
        }
        Ok(Self::Url { scheme, repaired: text.len() < raw.len(), text })
    }

    /// The text as an engine reads it, and as a child process gets it.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Url { text, .. } | Self::Keywords(text) => text,
            Self::Empty => "",
        }
    }
}

/// The parts of Go's `user:password@tcp(host:3306)/database` (go-sql-driver/mysql, "DSN"), which are not percent-encoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GoAddress<'a> {
    pub(crate) login: &'a str,
    /// `tcp` or `unix`.
    pub(crate) network: &'a str,
    pub(crate) address: &'a str,
    pub(crate) database: &'a str,
}

/// The parts of a text of that form, also behind `mysql://`, without its parameters.
pub(crate) fn go_address(text: &str) -> Option<GoAddress<'_>> {
    let text = text.strip_prefix("mysql://").unwrap_or(text);
    let (before, database) = text.rsplit_once(")/")?;
    let (before, address) = before.rsplit_once('(')?;
    let (login, network) = before.rsplit_once('@').unwrap_or(("", before));
    ["tcp", "tcp6", "unix"].contains(&network).then_some(GoAddress { login, network, address, database })
}

/// Tab, line feed and carriage return, which a WHATWG parser takes out.
fn is_removed(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r')
}

/// `host=…`, `host = …`
fn begins_with_keyword(text: &str) -> bool {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.trim_start_matches(is_name).trim_start().starts_with('=') && text.starts_with(is_name)
}

/// The scheme, `jdbc:` left out: a letter, and then letters, digits, `+`, `-` and `.` (RFC 3986, 3.1).
fn scheme(text: &str) -> Option<&str> {
    let text = text.strip_prefix("jdbc:").unwrap_or(text);
    let (scheme, _) = text.split_once(':')?;
    let is_part = |character: char| character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.');
    (scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.chars().all(is_part)).then_some(scheme)
}

/// `postgres://…/db # comment`: `--env-file` and secret files have no comments behind a value.
fn refuse_comment(raw: &str) -> Result<(), Error> {
    let mut before = 'x';
    for (at, character) in raw.chars().enumerate() {
        if character == '#' && before.is_whitespace() {
            return Err(invalid(&format!(
                "white space and a `#` stand at character {}: a comment cannot follow it on the line; remove it, or write \
                 the `#` as %23",
                at + 1
            )));
        }
        before = character;
    }
    Ok(())
}

fn misplaced(at: usize, character: char) -> Error {
    let bytes =
        character.encode_utf8(&mut [0; 4]).bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"));
    Error::Settings(format!(
        "the database URL cannot be read: it holds {} at character {}\nnext: take it out, or write it as {bytes} if it belongs there",
        called(character),
        at + 1
    ))
}

fn invalid(what: &str) -> Error {
    Error::Settings(format!("the database URL cannot be read: {what}"))
}

/// The parameters of a URL whose names begin with `x-`: tools of Go take their own settings from there.
pub(crate) fn go_parameters(url: &str) -> Vec<(String, String)> {
    let query = url.trim().split_once('?').map_or("", |(_, query)| query.split('#').next().unwrap_or_default());
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let decoded =
        |text: &str| percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    pairs.filter(|(name, _)| name.starts_with("x-")).map(|(name, value)| (name.to_owned(), decoded(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(raw: &str) -> String {
        UrlText::read(raw).unwrap().text().to_owned()
    }

    #[test]
    fn tabs_and_line_breaks_are_taken_out_of_a_url() {
        for raw in
            ["postgres://u@h/db\n?schema=x", " postgres://u@h/db?\r\nschema=x\n", "postgres://u@h/d\tb?schema=x\0"]
        {
            assert_eq!(url(raw), "postgres://u@h/db?schema=x", "{raw:?}");
        }
        let of = |repaired| UrlText::Url { scheme: "postgres".to_owned(), text: "postgres://h/d".to_owned(), repaired };
        assert_eq!(UrlText::read("Postgres+x://h/d").unwrap().text(), "Postgres+x://h/d");
        assert_eq!(UrlText::read("postgres://h/d\n").unwrap(), of(false));
        assert_eq!(UrlText::read("postgres://h\n/d").unwrap(), of(true));
    }

    #[test]
    fn what_else_shows_nothing_is_refused_with_its_place() {
        for (raw, expected) in [
            ("postgres://u:hunter2@h/d b", "a blank (U+0020) at character 25"),
            ("postgres://u:hunter2@h/d\u{a0}", "a no-break space (U+00A0) at character 25"),
            ("postgres://u:hunter2@h\u{200b}/d", "a zero-width space (U+200B) at character 23"),
            ("\u{feff}postgres://u:hunter2@h/d", "a byte order mark (U+FEFF) at character 1"),
            ("postgres://u:hunter2@h/d\0x", "a NUL (U+0000) at character 25"),
            ("postgres://u:hunter2@h/d\u{1b}[0m", "a control character (U+001B)"),
            ("postgres://u:hunter2@h/d\n# hunter2", "a comment cannot follow"),
            ("postgres://u:hunter2@h/d #hunter2", "a comment cannot follow"),
            ("file:./d.db # hunter2", "a comment cannot follow"),
            ("`postgres://u:hunter2@h/d`", "quotes around it"),
            ("postgres://u:hunter2@h/d\"", "ends with a quote"),
            ("u:hunter2@h/d?x=1", "Settings"),
            ("//u:hunter2@h/d?x=1", "no scheme"),
            ("hunter2", "no scheme"),
        ] {
            let read = UrlText::read(raw);
            if let Ok(UrlText::Url { scheme, .. }) = &read {
                assert_eq!(scheme, "u", "{raw}");
                continue;
            }
            let error = read.unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("hunter2"), "{raw:?}: {error}");
        }
    }

    #[test]
    fn line_breaks_separate_keywords_and_files_may_have_blanks() {
        assert_eq!(url("host=h\nuser=u"), "host=h\nuser=u");
        assert!(matches!(UrlText::read("host = h"), Ok(UrlText::Keywords(_))));
        assert_eq!(url("file:./my data/dev.db\n"), "file:./my data/dev.db");
        assert_eq!(UrlText::read(" \n").unwrap(), UrlText::Empty);
    }
}
