//! What of the schema a DDL statement of MySQL or MariaDB changes, by the names under which `information_schema` shows it:
//! where an interruption leaves open whether the statement was done, the rows of these names tell.

use std::collections::HashSet;

use crate::sql::cursor::{Cursor, bare, parts};
use crate::sql::script::Statement;

/// The objects whose rows in `information_schema` a statement changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subjects {
    /// Their names: of tables, views, routines, triggers, events, databases; a part is known by its table.
    pub(crate) names: Vec<String>,
    /// All of them are tables or views, whose definition shows whatever the statement changes.
    pub(crate) are_tables: bool,
    /// A server that dies may leave part of the statement done (MariaDB drops several objects one by one).
    pub(crate) is_divisible: bool,
    /// Its result may look like what was there before: it exchanges names.
    pub(crate) exchanges: bool,
}

impl Subjects {
    fn of(names: Vec<String>) -> Self {
        Self { names, are_tables: false, is_divisible: false, exchanges: false }
    }
}

/// Kinds of objects that `information_schema` shows to every role that may change them.
const KINDS: [&str; 10] =
    ["TABLE", "TABLES", "INDEX", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "DATABASE", "SCHEMA"];

/// How many tokens may precede the kind: `CREATE OR REPLACE ALGORITHM = MERGE DEFINER = a@b SQL SECURITY INVOKER VIEW`.
const LONGEST_HEAD: usize = 20;

/// See [`Subjects`]. `None` for a statement whose effect these rows do not show: rows, rights, another database, what lasts as
/// long as the session.
pub(crate) fn subjects(statement: &Statement<'_>) -> Option<Subjects> {
    let mut reader = Cursor::of(statement);
    let verb = ["CREATE", "ALTER", "DROP", "RENAME"].into_iter().find(|verb| reader.take(verb))?;
    let kind = kind(&mut reader)?;
    let are_tables = ["TABLE", "TABLES", "INDEX", "VIEW"].contains(&kind);
    let subjects = match verb {
        "RENAME" => renamed(&mut reader).filter(|_| kind.starts_with("TABLE")),
        "DROP" if kind == "INDEX" => of_index(&mut reader),
        "DROP" => dropped(&mut reader),
        "CREATE" if kind == "INDEX" => of_index(&mut reader),
        "CREATE" if kind == "TRIGGER" => {
            reader.take_all(&["IF", "NOT", "EXISTS"]);
            let trigger = local(&mut reader)?;
            let of = of_index_table(&mut reader)?;
            Some(Subjects::of(vec![trigger, of]))
        }
        _ => {
            let _ = reader.take_all(&["IF", "NOT", "EXISTS"]) || reader.take_all(&["IF", "EXISTS"]);
            let mut subjects = Subjects::of(vec![local(&mut reader)?]);
            if verb == "ALTER" {
                altered(&mut reader, kind, &mut subjects)?;
            }
            Some(subjects)
        }
    };
    subjects.map(|subjects| Subjects { are_tables, ..subjects })
}

/// Moves behind the kind of object; `None` for another kind, and for a temporary object.
fn kind(reader: &mut Cursor<'_>) -> Option<&'static str> {
    for _ in 0..LONGEST_HEAD {
        if let Some(kind) = KINDS.into_iter().find(|kind| reader.take(kind)) {
            return Some(kind);
        }
        let others = ["TEMPORARY", "USER", "ROLE", "SERVER", "TABLESPACE", "SEQUENCE", "UNDO", "LOGFILE", "PACKAGE"];
        if others.iter().any(|word| reader.take(word)) {
            return None;
        }
        reader.step()?;
    }
    None
}

/// A name without a database, which would be another one.
fn local(reader: &mut Cursor<'_>) -> Option<String> {
    reader.name().filter(|name| parts(name).len() == 1).map(|name| bare(&name))
}

/// `a TO b, c TO d`.
fn renamed(reader: &mut Cursor<'_>) -> Option<Subjects> {
    reader.take_all(&["IF", "EXISTS"]);
    let mut names = Vec::new();
    loop {
        names.push(local(reader)?);
        if reader.take("WAIT") || reader.take("NOWAIT") {
            return None;
        }
        if !reader.take("TO") {
            return None;
        }
        names.push(local(reader)?);
        if !reader.take_mark(",") {
            break;
        }
    }
    let exchanges = names.iter().collect::<HashSet<_>>().len() < names.len();
    Some(Subjects { exchanges, ..Subjects::of(names) })
}

/// `IF EXISTS a, b`.
fn dropped(reader: &mut Cursor<'_>) -> Option<Subjects> {
    reader.take_all(&["IF", "EXISTS"]);
    let mut names = vec![local(reader)?];
    while reader.take_mark(",") {
        names.push(local(reader)?);
    }
    Some(Subjects { is_divisible: names.len() > 1, ..Subjects::of(names) })
}

/// `i ON t`.
fn of_index(reader: &mut Cursor<'_>) -> Option<Subjects> {
    let _ = reader.take_all(&["IF", "NOT", "EXISTS"]) || reader.take_all(&["IF", "EXISTS"]);
    reader.name()?;
    of_index_table(reader).map(|table| Subjects::of(vec![table]))
}

/// The table after the next ON.
fn of_index_table(reader: &mut Cursor<'_>) -> Option<String> {
    while !reader.take("ON") {
        reader.step()?;
    }
    local(reader)
}

/// What ALTER does beyond the object that it names; `None` where the rows of `information_schema` do not tell.
fn altered(reader: &mut Cursor<'_>, kind: &str, subjects: &mut Subjects) -> Option<()> {
    while !reader.is_at_end() {
        if ["TRUNCATE", "EXCHANGE", "DISCARD", "IMPORT", "UPGRADE"].iter().any(|word| reader.take(word)) {
            return None;
        }
        if reader.take("RENAME") {
            if ["COLUMN", "INDEX", "KEY"].iter().any(|word| reader.take(word)) {
                continue;
            }
            let _ = reader.take("TO") || reader.take("AS");
            subjects.names.push(local(reader)?);
        } else if kind == "EVENT" && reader.take("DO") {
            return Some(());
        } else {
            reader.skip();
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Dialect;
    use crate::sql::script::statements;

    #[test]
    fn what_a_statement_changes_is_named_as_the_catalog_names_it() {
        for (text, expected) in [
            ("CREATE TABLE Users (id INT, INDEX i (id))", "Users"),
            ("create table if not exists `my t` like u", "my t"),
            ("CREATE UNIQUE INDEX i USING BTREE ON T (a)", "T"),
            ("CREATE FULLTEXT INDEX IF NOT EXISTS i ON t (a)", "t"),
            ("DROP INDEX i ON `t`", "t"),
            ("ALTER TABLE t ADD COLUMN a INT, DROP INDEX i", "t"),
            ("ALTER TABLE t RENAME COLUMN a TO b, RENAME KEY i TO j, RENAME TO u", "t u"),
            ("ALTER TABLE t RENAME u", "t u"),
            ("ALTER IGNORE TABLE IF EXISTS t ADD UNIQUE (a)", "t"),
            ("DROP TABLE IF EXISTS a, `b`", "a b divisible"),
            ("DROP VIEW v", "v"),
            ("RENAME TABLE a TO b, c TO d", "a b c d"),
            ("RENAME TABLE a TO tmp, b TO a, tmp TO b", "a tmp b a tmp b exchanges"),
            ("CREATE OR REPLACE ALGORITHM = MERGE DEFINER = `a`@`b` SQL SECURITY INVOKER VIEW v AS SELECT 1", "v"),
            (
                "/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`h`*/ /*!50003 TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET @a = 1 */",
                "tr t",
            ),
            ("CREATE FUNCTION f(a INT) RETURNS INT RETURN 1", "f"),
            ("DROP PROCEDURE IF EXISTS p", "p"),
            ("ALTER EVENT e RENAME TO f", "e f"),
            ("CREATE DATABASE d", "d"),
        ] {
            let found = subjects(&statements(text, Dialect::Mysql)[0]).unwrap_or_else(|| panic!("{text}"));
            let is_program =
                ["TRIGGER", "FUNCTION", "PROCEDURE", "EVENT", "DATABASE"].iter().any(|kind| text.contains(kind));
            assert_eq!(found.are_tables, !is_program, "{text}");
            let marks = [(found.is_divisible, " divisible"), (found.exchanges, " exchanges")];
            let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
            assert_eq!(found.names.join(" ") + &marks, expected, "{text}");
        }
        for text in [
            "CREATE TABLE other.t (a INT)",
            "CREATE TEMPORARY TABLE t (a INT)",
            "ALTER TABLE t TRUNCATE PARTITION p",
            "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u",
            "TRUNCATE TABLE t",
            "CREATE USER u",
            "GRANT SELECT ON t TO u",
            "CALL p()",
            "RENAME USER a TO b",
            "DROP TABLE a, other.b",
            "OPTIMIZE TABLE t",
            "INSERT INTO t VALUES (1)",
            "CREATE",
        ] {
            assert_eq!(subjects(&statements(text, Dialect::Mysql)[0]), None, "{text}");
        }
    }
}
