//! What types mean in MySQL and MariaDB, whose catalogs have them as text: UNSIGNED and ZEROFILL are words after the name, and an
//! enum is its list of values.

use crate::catalog::value::{self, Family};
use crate::catalog::{Default, Type};

/// The family of a type.
#[must_use]
pub(crate) fn family(kind: &Type) -> Family {
    match kind {
        Type::Other(_) if enum_values(kind).is_some() => Family::Enum,
        Type::Native(name, _) => match plain(name) {
            "year" | "bit" => Family::Integer,
            "int unsigned" | "bigint unsigned" | "smallint unsigned" | "tinyint unsigned" | "mediumint unsigned" => {
                Family::Integer
            }
            "varbinary" | "tinyblob" | "mediumblob" | "longblob" => Family::Bytes,
            name => value::family_of(name),
        },
        _ => value::family(kind),
    }
}

/// The name as Prisma tells types apart: it sees UNSIGNED at the very end only, and not on fractions.
#[must_use]
pub(crate) fn plain(name: &str) -> &str {
    match name.split_once(' ') {
        Some((bare @ ("float" | "double" | "decimal"), _)) => bare,
        Some((bare, "unsigned zerofill")) => bare,
        _ => name,
    }
}

/// The text of an enum type with these values.
#[must_use]
pub(crate) fn enum_of(values: &[String]) -> Type {
    let values: Vec<String> =
        values.iter().map(|value| format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))).collect();
    Type::Other(format!("enum({})", values.join(",")))
}

/// The values of an enum type; `None` for any other type.
#[must_use]
pub(crate) fn enum_values(kind: &Type) -> Option<Vec<String>> {
    let Type::Other(text) = kind else { return None };
    let head = text.get(.."enum(".len())?;
    let mut rest = text[head.len()..].trim_start();
    if !head.eq_ignore_ascii_case("enum(") {
        return None;
    }
    let mut values = Vec::new();
    loop {
        let (value, after) = quoted(rest.strip_prefix('\'')?)?;
        values.push(value);
        rest = match after.trim_start().strip_prefix(',') {
            Some(after) => after.trim_start(),
            None => return after.trim_start().starts_with(')').then_some(values),
        };
    }
}

/// The text up to the closing quote, and what follows it: quotes are doubled, a backslash escapes (MySQL manual 11.1.1).
#[must_use]
pub(crate) fn quoted(body: &str) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut characters = body.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => text.push(match characters.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                'b' => '\u{8}',
                'Z' => '\u{1a}',
                other => other,
            }),
            '\'' if characters.next_if(|(_, next)| *next == '\'').is_some() => text.push('\''),
            '\'' => return Some((text, &body[at + 1..])),
            c => text.push(c),
        }
    }
    None
}

/// A default as the catalog has it: a Boolean is 0 or 1.
#[must_use]
pub(crate) fn stored(default: &Default, kind: &Type) -> Default {
    match default {
        Default::Value(value) if family(kind) == Family::Integer => Default::Value(match value.as_str() {
            "true" => "1".to_owned(),
            "false" => "0".to_owned(),
            _ => value.clone(),
        }),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enum_is_its_values() {
        let values = ["A", "it's", "a,b", "", "c\\d"].map(str::to_owned);
        assert_eq!(enum_values(&enum_of(&values)).as_deref(), Some(&values[..]));
        assert_eq!(enum_values(&Type::Other("ENUM('a', 'b')".into())).unwrap(), ["a", "b"]);
        for other in ["set('a')", "enum", "enum(a)", "enum('a'", "é"] {
            assert_eq!(enum_values(&Type::Other(other.into())), None, "{other}");
        }
    }

    #[test]
    fn unsigned_counts_at_the_end_only() {
        assert_eq!(plain("int unsigned"), "int unsigned");
        assert_eq!(plain("int unsigned zerofill"), "int");
        assert_eq!(plain("decimal unsigned"), "decimal");
        assert_eq!(family(&Type::Native("bigint unsigned".into(), Vec::new())), Family::Integer);
    }
}
