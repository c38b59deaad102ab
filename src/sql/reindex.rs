//! What a `REINDEX … CONCURRENTLY` works on, and how the server names what an interrupted one leaves.

use crate::sql::cursor::{Cursor, stored};
use crate::sql::script::Statement;
use crate::sql::{ObjectKind, ObjectRef};

/// What a `REINDEX` rebuilds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReindexTarget {
    /// One index; with those of its partitions.
    Index(ObjectRef),
    /// All indexes of a table, of its partitions and of their TOAST tables.
    Table(ObjectRef),
    /// All indexes of a schema's tables.
    Schema(String),
    /// All indexes of the database.
    Database,
}

/// The target of a `REINDEX … CONCURRENTLY`; `None` for another statement. Both forms: the word after the kind of target,
/// and in the list of options (PostgreSQL manual, REINDEX).
#[must_use]
pub(crate) fn reindexed(statement: &Statement<'_>) -> Option<ReindexTarget> {
    if !statement.starts(&["REINDEX"]) || !statement.has("CONCURRENTLY") {
        return None;
    }
    let mut cursor = Cursor::of(statement);
    cursor.take("REINDEX");
    if cursor.take_mark("(") {
        while cursor.skip_to_next_item() {}
        cursor.take_mark(")");
    }
    let kind = ["INDEX", "TABLE", "SCHEMA", "DATABASE"].into_iter().find(|kind| cursor.take(kind))?;
    cursor.take("CONCURRENTLY");
    // Since version 16 the name of the database may be left out.
    let name = cursor.name();
    match kind {
        "INDEX" => Some(ReindexTarget::Index(ObjectRef::written(ObjectKind::Index, &name?))),
        "TABLE" => Some(ReindexTarget::Table(ObjectRef::written(ObjectKind::Table, &name?))),
        "SCHEMA" => Some(ReindexTarget::Schema(stored(&name?))),
        _ => Some(ReindexTarget::Database),
    }
}

/// Which of the two indexes a `REINDEX … CONCURRENTLY` left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Copy {
    /// The new one, before it took the place of the other.
    New,
    /// The old one, after the new one had taken its place.
    Old,
}

/// The longest name, in bytes (`NAMEDATALEN - 1` in the server's source).
const LONGEST: usize = 63;

/// Which copy of the index `original` this name is, as `ReindexRelationConcurrently`, `ChooseRelationName` and
/// `makeObjectName` in the server's source form it: the name, cut to what fits, `_ccnew` or `_ccold`, and a number where that
/// name was taken.
#[must_use]
pub(crate) fn copy_of(original: &str, name: &str) -> Option<Copy> {
    let marked = |marker: &str, copy: Copy| {
        let (stem, number) = name.rsplit_once(marker)?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
        let mut room = LONGEST.checked_sub(marker.len() + number.len())?.min(original.len());
        while !original.is_char_boundary(room) {
            room -= 1;
        }
        (is_number && stem == &original[..room]).then_some(copy)
    };
    marked("_ccnew", Copy::New).or_else(|| marked("_ccold", Copy::Old))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Dialect;
    use crate::sql::script::statements;

    #[test]
    fn the_target_of_each_form_is_read() {
        let index = |schema: Option<&str>, name| {
            ReindexTarget::Index(ObjectRef::new(ObjectKind::Index, schema.map(str::to_owned), name))
        };
        let table = |name| ReindexTarget::Table(ObjectRef::new(ObjectKind::Table, None, name));
        for (text, expected) in [
            ("REINDEX INDEX CONCURRENTLY app.\"I x\"", Some(index(Some("app"), "I x"))),
            ("reindex (verbose, concurrently) index I", Some(index(None, "i"))),
            ("REINDEX (TABLESPACE fast, CONCURRENTLY TRUE) TABLE t", Some(table("t"))),
            ("REINDEX TABLE CONCURRENTLY \"T\" -- why\n", Some(table("T"))),
            ("REINDEX (VERBOSE) SCHEMA CONCURRENTLY app", Some(ReindexTarget::Schema("app".to_owned()))),
            ("REINDEX DATABASE CONCURRENTLY shop", Some(ReindexTarget::Database)),
            ("REINDEX DATABASE CONCURRENTLY", Some(ReindexTarget::Database)),
            ("REINDEX TABLE t", None),
            ("CREATE INDEX CONCURRENTLY i ON t (a)", None),
        ] {
            let statements = statements(text, Dialect::Postgres);
            assert_eq!(reindexed(&statements[0]), expected, "{text}");
        }
    }

    #[test]
    fn copies_are_named_as_the_server_names_them() {
        let (long, wide) = ("x".repeat(63), "ö".repeat(31));
        let (cut, numbered) = (format!("{}_ccnew", "x".repeat(57)), format!("{}_ccold12", "x".repeat(55)));
        let wide_cut = format!("{}_ccnew", "ö".repeat(28));
        for (original, name, expected) in [
            ("i", "i_ccnew", Some(Copy::New)),
            ("i", "i_ccnew3", Some(Copy::New)),
            ("i", "i_ccold", Some(Copy::Old)),
            ("i_ccnew", "i_ccnew_ccold1", Some(Copy::Old)),
            (&long, &cut, Some(Copy::New)),
            (&long, &numbered, Some(Copy::Old)),
            (&wide, &wide_cut, Some(Copy::New)),
            ("i", "j_ccnew", None),
            ("i", "i_ccnew_x", None),
            ("i", "i_ccnew0", None),
            ("index", "in_ccnew", None),
            ("i", "i", None),
        ] {
            assert_eq!(copy_of(original, name), expected, "{original} {name}");
        }
    }
}
