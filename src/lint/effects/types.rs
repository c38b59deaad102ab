//! Whether PostgreSQL writes a table anew when a column gets another type (manual, ALTER TABLE, notes; `ATColumnChangeRequiresRewrite`
//! and the `_transform` functions of types in its source).

use crate::lint::effects::Work;
use crate::sql::Dialect;

/// A type of PostgreSQL, as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Declared {
    /// The name in `pg_type`.
    name: String,
    /// Length, precision and scale.
    arguments: Vec<u32>,
}

/// A type in one of its spellings; `None` for one that is none of the well-known ones.
fn declared(text: &str) -> Option<Declared> {
    let text = text.trim().to_ascii_lowercase();
    let text = text.strip_prefix("pg_catalog.").unwrap_or(&text);
    if text.ends_with(']') || text.ends_with(" array") {
        return None;
    }
    let (name, arguments) = match text.split_once('(') {
        Some((name, rest)) => {
            let (inner, after) = rest.split_once(')')?;
            let arguments: Option<Vec<u32>> = inner.split(',').map(|part| part.trim().parse().ok()).collect();
            (format!("{} {}", name.trim(), after.trim()).trim().to_owned(), arguments?)
        }
        None => (text.trim().to_owned(), Vec::new()),
    };
    let words: Vec<&str> = name.split_whitespace().collect();
    let name = words.join(" ");
    let known = (Dialect::Postgres.rules().type_name)(&name, text)?.to_owned();
    Some(Declared { name: known, arguments })
}

/// Whether this is one of the built-in types: others may be domains, whose constraints are checked.
pub(crate) fn is_built_in(text: &str) -> bool {
    let element = text.trim().trim_end_matches(']').trim_end_matches(|c: char| c == '[' || c.is_ascii_digit());
    declared(element).is_some()
}

/// The work of a change from one type to another, where the expression after USING is none or the plain cast.
pub(crate) fn change(from: Option<&str>, to: &str) -> Work {
    let (Some(from), Some(to)) = (from.and_then(declared), declared(to)) else { return Work::Unknown };
    let first = |of: &Declared| of.arguments.first().copied();
    let is_text = |name: &str| matches!(name, "text" | "varchar");
    let free = match (from.name.as_str(), to.name.as_str()) {
        // varchar_support: a length that is not smaller, or none.
        (one, other) if is_text(one) && is_text(other) => match (first(&from), first(&to)) {
            (_, None) => true,
            (Some(from), Some(to)) => from <= to,
            (None, Some(_)) => false,
        },
        // numeric_support: the same scale and no smaller precision, or none.
        ("numeric", "numeric") => match (from.arguments.as_slice(), to.arguments.as_slice()) {
            (_, []) => true,
            ([], _) => false,
            (from, to) => {
                let scale = |of: &[u32]| of.get(1).copied().unwrap_or(0);
                scale(from) == scale(to) && from[0] <= to[0]
            }
        },
        // timestamp_support, interval_support: no smaller precision; 6 is the greatest, and the default.
        ("timestamp", "timestamp") | ("timestamptz", "timestamptz") | ("time", "time") | ("timetz", "timetz") => {
            first(&to).unwrap_or(6) >= first(&from).unwrap_or(6)
        }
        ("varbit", "varbit") => first(&to).is_none_or(|to| first(&from).is_some_and(|from| from <= to)),
        // Free where the session's time zone is UTC (release notes of version 12): the text does not tell.
        ("timestamp", "timestamptz") | ("timestamptz", "timestamp") => return Work::Unknown,
        // Binary coercible.
        ("bpchar" | "char", "text" | "varchar") => return Work::Unknown,
        ("inet", "inet") | ("xml", "text") | ("citext", "text") | ("text", "citext") => true,
        _ => from == to,
    };
    if free { Work::None } else { Work::Rewrite }
}
