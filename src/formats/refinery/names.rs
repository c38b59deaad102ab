//! What a file is by its name: `^[U|V](\d+(\.\d+)?)__(\w+)\.(sql|rs)$`, and the number must be an integer
//! (refinery-core 0.10.1, `util.rs`). A pure function over the name.

/// A file, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role<'a> {
    /// A migration.
    Migration(Numbered<'a>),
    /// A migration in Rust.
    Code,
    /// refinery passes it over, with a warning.
    Other,
    /// refinery fails at it, or it is not certain what it takes it for; why.
    Refused(&'static str),
}

/// A migration, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbered<'a> {
    /// It may run although a later one is applied: `U`.
    pub unversioned: bool,
    /// Its version.
    pub version: i64,
    /// What follows the version: what the history records.
    pub name: &'a str,
    /// The name of its file without `.sql`.
    pub stem: &'a str,
}

/// What a file of this name is.
#[must_use]
pub(crate) fn role(file: &str) -> Role<'_> {
    let Some((stem, is_code)) =
        file.strip_suffix(".sql").map(|stem| (stem, false)).or_else(|| Some((file.strip_suffix(".rs")?, true)))
    else {
        return Role::Other;
    };
    let Some(rest) = stem.strip_prefix(['U', 'V', '|']) else { return Role::Other };
    let Some((number, name)) = rest.split_once("__") else { return Role::Other };
    let kinds: Vec<Kind> = number.split('.').map(|digits| kind(digits, digit)).chain([kind(name, word)]).collect();
    match () {
        () if kinds.contains(&Kind::No) || kinds.len() > 3 => Role::Other,
        () if kinds.contains(&Kind::Unknown) => {
            Role::Refused("refinery may or may not take a character of it for a letter")
        }
        () if is_code => Role::Code,
        () if stem.starts_with('|') => Role::Refused("refinery panics at it: it begins with | instead of U or V"),
        () => match number.parse() {
            Ok(version) => Role::Migration(Numbered { unversioned: stem.starts_with('U'), version, name, stem }),
            Err(_) => Role::Refused("its version is no integer, or does not fit 64 bits, and refinery stops at it"),
        },
    }
}

/// The migration of this name, which is that of its file without `.sql`.
#[must_use]
pub(crate) fn numbered(stem: &str) -> Option<Numbered<'_>> {
    let (letter, rest) = stem.split_at_checked(1)?;
    let (number, name) = rest.split_once("__")?;
    Some(Numbered { unversioned: letter == "U", version: number.parse().ok()?, name, stem })
}

/// Whether a character, or a text, belongs to a class of a regular expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Yes,
    No,
    /// Only the tables of Unicode tell.
    Unknown,
}

/// Whether a text is one or more characters of a class.
fn kind(text: &str, class: fn(char) -> Kind) -> Kind {
    let kinds: Vec<Kind> = text.chars().map(class).collect();
    match kinds.as_slice() {
        [] => Kind::No,
        kinds if kinds.contains(&Kind::No) => Kind::No,
        kinds if kinds.contains(&Kind::Unknown) => Kind::Unknown,
        _ => Kind::Yes,
    }
}

/// `\d`: a decimal digit of any script.
fn digit(c: char) -> Kind {
    match c {
        _ if c.is_ascii() => {
            if c.is_ascii_digit() {
                Kind::Yes
            } else {
                Kind::No
            }
        }
        _ if c.is_numeric() => Kind::Unknown,
        _ => Kind::No,
    }
}

/// `\w`: letters, marks, decimal digits, connecting punctuation and joiners of any script.
fn word(c: char) -> Kind {
    match c {
        '_' => Kind::Yes,
        _ if c.is_ascii() => {
            if c.is_ascii_alphanumeric() {
                Kind::Yes
            } else {
                Kind::No
            }
        }
        // Combining marks (`é` as macOS writes it), joiners and connectors.
        '\u{300}'..='\u{36f}' | '\u{200c}' | '\u{200d}' | '\u{203f}' | '\u{2040}' | '\u{2054}' => Kind::Yes,
        _ if c.is_alphabetic() => Kind::Yes,
        _ if c.is_whitespace() || c.is_control() => Kind::No,
        _ => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_refinery_reads_them() {
        for (file, unversioned, version, name) in [
            ("V1__a.sql", false, 1, "a"),
            ("U2__b.sql", true, 2, "b"),
            ("V022__w.sql", false, 22, "w"),
            ("V0__z.sql", false, 0, "z"),
            ("V14___n.sql", false, 14, "_n"),
            ("V18__r__s.sql", false, 18, "r__s"),
            ("V6__é.sql", false, 6, "é"),
            ("V6__e\u{301}.sql", false, 6, "e\u{301}"),
            ("V20240101000000__a.sql", false, 20_240_101_000_000, "a"),
        ] {
            let stem = file.strip_suffix(".sql").unwrap();
            assert_eq!(role(file), Role::Migration(Numbered { unversioned, version, name, stem }), "{file}");
        }
        for file in [
            "v3__c.sql",
            "V4_d.sql",
            "V5__e-f.sql",
            "V10__j.SQL",
            "V11__.sql",
            "V12__k.sql.bak",
            "V13__l m.sql",
            "R15__o.sql",
            "V16__p.up.sql",
            "xV17__q.sql",
            ".V21__v.sql",
            "V+23__x.sql",
            "V-24__y.sql",
            "V 25__z.sql",
            "V__a.sql",
            "V1.__a.sql",
            "V1.2.3__a.sql",
            "V1_2__a.sql",
            "README.md",
            "mod.rs",
        ] {
            assert_eq!(role(file), Role::Other, "{file}");
        }
        for file in ["V1.5__a.sql", "|8__h.sql", "V9223372036854775808__a.sql", "V１__a.sql", "V1__a–b.sql"] {
            assert!(matches!(role(file), Role::Refused(_)), "{file}");
        }
        assert_eq!(role("V1__a.rs"), Role::Code);
    }
}
