//! `CREATE INDEX CONCURRENTLY` without a name: what it builds on, and how the server names the index.

use crate::sql::cursor::Cursor;
use crate::sql::script::Statement;
use crate::sql::{ObjectKind, ObjectRef};

/// Such a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnnamedBuild {
    /// The table, as the statement names it.
    pub table: ObjectRef,
    /// It says UNIQUE.
    pub is_unique: bool,
    /// What follows the table's name: method, columns, condition.
    pub rest: String,
}

/// What a `CREATE INDEX CONCURRENTLY` without a name builds; `None` for another statement.
#[must_use]
pub(crate) fn unnamed(statement: &Statement<'_>) -> Option<UnnamedBuild> {
    let mut cursor = Cursor::of(statement);
    if !cursor.take("CREATE") {
        return None;
    }
    let is_unique = cursor.take("UNIQUE");
    // ON is a reserved word: it is no name.
    if !cursor.take_all(&["INDEX", "CONCURRENTLY", "ON"]) {
        return None;
    }
    cursor.take("ONLY");
    let table = ObjectRef::written(ObjectKind::Table, &cursor.name()?);
    let offset = cursor.offset();
    while cursor.step().is_some() {}
    Some(UnnamedBuild { table, is_unique, rest: cursor.since(offset).to_owned() })
}

/// The longest name, in bytes (`NAMEDATALEN - 1` in the server's source).
const LONGEST: usize = 63;

/// Whether the server may have given this name to an index of `table` with these columns, which are named as the index names
/// them: `table_column_column_idx`, with a number where that name was taken (`ChooseIndexName`, `ChooseIndexNameAddition`,
/// `ChooseRelationName` and `makeObjectName` in its source).
#[must_use]
pub(crate) fn is_chosen_name(table: &str, columns: &[String], name: &str) -> bool {
    let Some((_, number)) = name.rsplit_once("_idx") else { return false };
    let is_number = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    is_number && name == chosen(table, &of_columns(columns), &format!("idx{number}"))
}

/// The columns' names, as far as the server adds them to a name.
fn of_columns(columns: &[String]) -> String {
    let mut names = String::new();
    for column in columns {
        if !names.is_empty() {
            names.push('_');
        }
        names += column;
        if names.len() > LONGEST {
            break;
        }
    }
    names
}

/// The parts joined by underscores; of the first two, the longer one is cut until all fits.
fn chosen(table: &str, columns: &str, label: &str) -> String {
    let room = LONGEST.saturating_sub(label.len() + 2);
    let (mut first, mut second) = (table.len(), columns.len());
    while first + second > room {
        if first > second { first -= 1 } else { second -= 1 }
    }
    format!("{}_{}_{label}", cut(table, first), cut(columns, second))
}

/// The beginning of a text, at most so many bytes, without a part of a character.
fn cut(text: &str, mut length: usize) -> &str {
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    &text[..length]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Dialect;
    use crate::sql::script::statements;

    #[test]
    fn only_a_concurrent_build_without_a_name_is_read() {
        let build = |schema: Option<&str>, table, is_unique, rest: &str| UnnamedBuild {
            table: ObjectRef::new(ObjectKind::Table, schema.map(str::to_owned), table),
            is_unique,
            rest: rest.to_owned(),
        };
        for (text, expected) in [
            ("CREATE INDEX CONCURRENTLY ON t (a)", Some(build(None, "t", false, "(a)"))),
            (
                "create unique index concurrently on only App.\"T x\" using btree (a, lower(b)) where c = ';' -- why\n",
                Some(build(Some("app"), "T x", true, "using btree (a, lower(b)) where c = ';'")),
            ),
            ("CREATE INDEX CONCURRENTLY i ON t (a)", None),
            ("CREATE INDEX CONCURRENTLY \"on\" ON t (a)", None),
            ("CREATE INDEX CONCURRENTLY IF NOT EXISTS i ON t (a)", None),
            ("CREATE INDEX ON t (a)", None),
            ("CREATE INDEX CONCURRENTLY ON", None),
        ] {
            let statements = statements(text, Dialect::Postgres);
            assert_eq!(unnamed(&statements[0]), expected, "{text}");
        }
    }

    #[test]
    fn names_are_those_that_the_server_chooses() {
        let (long, wide) = ("x".repeat(60), "ö".repeat(30));
        // PostgreSQL 15 has given these names, apart from those that are false.
        for (table, columns, name, expected) in [
            ("t", &["a"][..], "t_a_idx", true),
            ("t", &["a"], "t_a_idx12", true),
            ("t", &["a", "lower"], "t_a_lower_idx", true),
            ("T x", &["A"], "T x_A_idx", true),
            (&long, &["a"], &format!("{}_a_idx", "x".repeat(57)), true),
            (&long, &["a"], &format!("{}_a_idx1", "x".repeat(56)), true),
            ("t", &[&long], &format!("t_{}_idx", "x".repeat(57)), true),
            (&wide, &[&wide], &format!("{}_{}_idx", "ö".repeat(14), "ö".repeat(14)), true),
            ("t", &[&long, "b", "c"], &format!("t_{}_idx", "x".repeat(57)), true),
            ("t", &["a", "lower", "lower1", "expr", "a1", "b"], "t_a_lower_lower1_expr_a1_b_idx", true),
            ("t", &["a"], "t_a_idx0", false),
            ("t", &["a"], "t_a_idx_x", false),
            ("t", &["a"], "t_a_key", false),
            ("t", &["a"], "mine", false),
            ("t", &["b"], "t_a_idx", false),
        ] {
            let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
            assert_eq!(is_chosen_name(table, &columns, name), expected, "{table} {columns:?} {name}");
        }
    }
}
