//! Names of databases, schemas, hosts and files as settings and URLs give them: which of them doorstep takes, and which it
//! shows.
//!
//! A name that a person did not mean (a comment of an env file, a `;` of another tool's URL, a line break) would become a
//! database or a schema of that name. And what looks like no name may be a piece of a password.

use std::path::Path;

use crate::base::unseen::{called, is_unseen};

/// Characters that end, join or quote something in a URL, a list or a shell, so that a name that holds one as it is was
/// probably cut at the wrong place.
#[cfg(any(feature = "mysql", feature = "postgres"))]
const JOINTS: &[char] =
    &['"', '\'', '`', '#', '&', ',', ';', '<', '=', '>', '?', '@', '[', ']', '\\', '^', '{', '|', '}', '/', ':'];

/// Characters that a name may hold and that are not shown: a URL that was cut at the wrong place has them in its pieces.
const TELLTALE: &[char] = &['@', ';', '=', ':', '/', '?', '&', '#', ',', '"', '\''];

/// Stands for a name that is not shown.
pub(crate) const NOT_SHOWN: &str = "***";

/// What keeps a text from being a name, however it was written: `holds a line break (U+000A) at character 3`.
pub(crate) fn flaw(name: &str) -> Option<String> {
    if let Some((at, character)) = name.chars().enumerate().find(|(_, character)| is_unseen(*character)) {
        return Some(format!("holds {} at character {}", called(character), at + 1));
    }
    let first = name.chars().next().filter(|character| character.is_whitespace());
    let last = name.chars().next_back().filter(|character| character.is_whitespace());
    match (first, last) {
        (Some(character), _) => Some(format!("begins with {}", called(character))),
        (_, Some(character)) => Some(format!("ends with {}", called(character))),
        (None, None) => name.is_empty().then(|| "is empty".to_owned()),
    }
}

/// The same for a name that stands where nothing quotes or encodes it: it holds none of the characters that join parts.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) fn flaw_of_bare(name: &str) -> Option<String> {
    let joint = name.chars().enumerate().find(|(_, character)| JOINTS.contains(character));
    flaw(name)
        .or_else(|| unmeant(name))
        .or_else(|| joint.map(|(at, character)| format!("holds {} at character {}", called(character), at + 1)))
}

/// What a shell or an env file has left in a name: a variable that was not replaced, a comment.
pub(crate) fn unmeant(name: &str) -> Option<String> {
    if name.starts_with('$') {
        return Some("begins with `$`, as a variable that was not replaced".to_owned());
    }
    name.contains(" #").then(|| "holds a blank and a `#`, as a comment begins".to_owned())
}

/// A name as messages may show it.
#[cfg(feature = "postgres")]
pub(crate) fn shown(name: &str) -> &str {
    if is_telltale(name) { NOT_SHOWN } else { name }
}

/// True for a name that messages do not show.
pub(crate) fn is_telltale(name: &str) -> bool {
    name.contains(TELLTALE) || name.chars().any(|character| is_unseen(character) || character.is_whitespace())
}

/// A path that a URL names, as messages may show it: not at all if it looks like a piece of a URL.
pub(crate) fn shown_path(path: &Path) -> String {
    let text = path.to_string_lossy();
    let hides = text.contains(['@', ';', '=', '?', '&', '#']) || text.contains("://") || text.chars().any(is_unseen);
    if hides { format!("{NOT_SHOWN} (its name holds special characters)") } else { text.into_owned() }
}

/// True for what may be the name of a parameter. Anything else may be a piece of a value.
pub(crate) fn is_parameter_name(name: &str) -> bool {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    name.len() <= 63 && name.chars().all(is_word) && name.starts_with(|first: char| !first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nobody_meant_have_a_flaw() {
        for (name, expected) in [
            ("db\n", "a line break (U+000A) at character 3"),
            (" db", "begins with a blank"),
            ("db\u{a0}", "ends with a no-break space"),
            ("d\u{200b}b", "a zero-width space"),
            ("", "is empty"),
        ] {
            assert!(flaw(name).unwrap().contains(expected), "{name:?}: {:?}", flaw(name));
        }
        for name in ["db", "my db", "a;b", "größe", "データ"] {
            assert_eq!(flaw(name), None, "{name}");
        }
    }

    #[test]
    fn what_stands_bare_joins_nothing() {
        for name in ["db;schema=x", "db,", "a=b", "\"db\"", "u:p", "${DB}", "$DB", "a b # c", "db#x"] {
            assert!(flaw_of_bare(name).is_some(), "{name}");
        }
        for name in ["db", "my-db", "db.v2", "größe", "a b", "x~1", "a$b"] {
            assert_eq!(flaw_of_bare(name), None, "{name}");
        }
    }

    #[test]
    fn what_may_be_a_piece_of_a_password_is_not_shown() {
        assert_eq!((shown("shop"), shown("u;password=x"), shown("a@b")), ("shop", "***", "***"));
        assert_eq!(shown_path(Path::new("/data/app.db")), "/data/app.db");
        assert!(!shown_path(Path::new("u:hunter2@h/app.db")).contains("hunter2"));
        assert!(is_parameter_name("connection_limit") && !is_parameter_name("u:x") && !is_parameter_name("9a"));
    }
}
