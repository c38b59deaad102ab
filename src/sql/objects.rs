//! The objects that a script creates, by name: what must be there once it has run. Statements that are not
//! understood give none; nothing is concluded from their absence.

use std::collections::HashSet;

use crate::sql::cursor::{Cursor, bare, stored, written};
use crate::sql::script::{Statement, Token, TokenKind, is_word};
use crate::sql::table_parts::{PartOp, actions, renames};
use crate::sql::{ObjectKind, ObjectRef};

/// What the statements create, in their order, without what a later one of them drops, moves or renames, as far
/// as anybody can tell. The flag tells whether the statement would pass over an object that exists
/// (`IF NOT EXISTS`).
#[must_use]
pub fn created(statements: &[Statement<'_>]) -> Vec<(ObjectRef, bool)> {
    let mut later = Later::default();
    let mut found = Vec::new();
    for statement in statements.iter().rev() {
        let mut made = Vec::new();
        of_statement(statement, &mut made);
        found.extend(made.into_iter().rev().filter(|made| !later.takes(made)));
        later.add(statement);
    }
    found.into_iter().rev().map(|made| (made.object, made.lenient)).collect()
}

/// What one statement creates.
pub(crate) fn created_by(statement: &Statement<'_>) -> Vec<ObjectRef> {
    let mut made = Vec::new();
    of_statement(statement, &mut made);
    made.into_iter().map(|made| made.object).collect()
}

/// What one statement drops or renames.
pub(crate) fn removed_by(statement: &Statement<'_>) -> Vec<ObjectRef> {
    let mut gone = Vec::new();
    removals(statement, &mut gone);
    gone
}

/// What the statements of a script leave behind, as far as anybody can tell from their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// Nothing but named objects: what is there tells whether they ran.
    Objects,
    /// Named objects and changed rows: that the objects are missing tells that they did not run.
    ObjectsAndRows,
    /// Anything: it runs code, or it drops something.
    Unknown,
}

/// See [`Leaves`].
#[must_use]
pub fn leaves(statements: &[Statement<'_>]) -> Leaves {
    let creates = |statement: &Statement<'_>| {
        let mut made = Vec::new();
        of_statement(statement, &mut made);
        let only_adds = !statement.starts(&["ALTER"]) || is_addition(statement);
        !made.is_empty() && only_adds
    };
    let changes_rows =
        |statement: &Statement<'_>| ["INSERT", "UPDATE", "DELETE"].iter().any(|verb| statement.starts(&[verb]));
    let runs_code = |statement: &Statement<'_>| ["DROP", "RENAME", "SELECT"].iter().any(|word| statement.has(word));
    match statements {
        _ if statements.iter().any(runs_code) => Leaves::Unknown,
        _ if statements.iter().all(creates) => Leaves::Objects,
        _ if statements.iter().all(|statement| creates(statement) || changes_rows(statement)) => Leaves::ObjectsAndRows,
        _ => Leaves::Unknown,
    }
}

/// `ALTER TABLE t ADD …, ADD …` and nothing else, each with a name.
fn is_addition(statement: &Statement<'_>) -> bool {
    let mut reader = Cursor::of(statement);
    if !reader.take_all(&["ALTER", "TABLE"]) {
        return false;
    }
    reader.take("ONLY");
    let Some(table) = reader.name() else { return false };
    let table = ObjectRef::written(ObjectKind::Table, &table);
    loop {
        let mut named = Vec::new();
        if !reader.take("ADD") {
            return false;
        }
        addition(&mut reader, &table, &mut named);
        if named.is_empty() {
            return false;
        }
        if !reader.skip_past_comma() {
            return true;
        }
    }
}

/// An object that a statement creates.
struct Made {
    object: ObjectRef,
    /// The statement passes over an object that exists.
    lenient: bool,
}

impl Made {
    /// The names without which it would not be found: its own, that of its table (an index is dropped with it), that of
    /// its schema.
    fn depends_on(&self) -> impl Iterator<Item = &String> {
        let ObjectRef { schema, table, name, .. } = &self.object;
        schema.iter().chain(table).chain([name])
    }
}

/// What later statements drop, move or rename, or may: too much rather than too little. Names are as the database
/// stores them.
#[derive(Default)]
struct Later {
    /// A CASCADE may have dropped anything.
    everything: bool,
    /// Objects that depend on these names.
    names: HashSet<String>,
    /// Columns and constraints, of whichever table.
    parts: HashSet<String>,
    /// Tables that lose a part, and perhaps an index with it.
    tables: HashSet<String>,
    /// The words of DO blocks, in lower case: any object that they name may be changed.
    code: HashSet<String>,
}

impl Later {
    fn add(&mut self, statement: &Statement<'_>) {
        let mentioned = || names(statement).into_iter().map(|name| stored(&name));
        let alters = statement.starts(&["ALTER"]);
        let renames_table = statement.has("TO") && !statement.has("COLUMN") && !statement.has("CONSTRAINT");
        let changes_parts = ["DROP", "RENAME", "CHANGE"].iter().any(|word| statement.has(word));
        let of_parts = alters && statement.has("TABLE") && changes_parts && !renames_table;
        if statement.starts(&["DO"]) {
            let code = statement.text.to_lowercase();
            for word in words(&code) {
                // `\nusers` in an E'' string, `%Iusers` in a format: the letter may not belong to the name.
                let mut letters = word.chars();
                letters.next();
                self.code.extend([word, letters.as_str()].map(str::to_owned));
            }
        } else if statement.starts(&["DROP"]) && statement.has("CASCADE") {
            self.everything = true;
        } else if of_parts {
            // `ALTER TABLE t DROP x`: t itself stays, but an index on x goes too.
            let mut reader = Cursor::of(statement);
            reader.take_all(&["ALTER", "TABLE"]);
            reader.take_all(&["IF", "EXISTS"]);
            reader.take("ONLY");
            self.tables.insert(reader.name().map(|name| bare(&name)).unwrap_or_default());
            self.parts.extend(mentioned());
        } else if statement.starts(&["RENAME"]) {
            let old = removed_by(statement).into_iter().map(|object| object.name);
            self.names.extend(old);
        } else if statement.starts(&["DROP"]) || (alters && (statement.has("RENAME") || statement.has("SCHEMA"))) {
            self.names.extend(mentioned());
        }
    }

    fn takes(&self, made: &Made) -> bool {
        let is_in_code =
            |name: &String| !self.code.is_empty() && words(&name.to_lowercase()).all(|word| self.code.contains(word));
        let ObjectRef { kind, table, name, .. } = &made.object;
        let is_part = matches!(kind, ObjectKind::Column | ObjectKind::Constraint);
        let loses_index = *kind == ObjectKind::Index && table.as_ref().is_some_and(|of| self.tables.contains(of));
        self.everything
            || (is_part && self.parts.contains(name))
            || loses_index
            || made.depends_on().any(|name| self.names.contains(name) || is_in_code(name))
    }
}

/// The words of a text, without separators.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character| !is_word(character)).filter(|word| !word.is_empty())
}

/// Every name in a statement, part by part.
pub(crate) fn names(statement: &Statement<'_>) -> Vec<String> {
    let is_name = |token: &Token<'_>| matches!(token.kind, TokenKind::Word | TokenKind::Quoted);
    let dialect = statement.dialect();
    statement.tokens().filter(is_name).map(|token| written(&token, dialect).into_owned()).collect()
}

/// Words between CREATE and the kind of what is created.
const BEFORE_KIND: [&str; 10] =
    ["OR", "REPLACE", "TEMP", "TEMPORARY", "UNLOGGED", "UNIQUE", "MATERIALIZED", "RECURSIVE", "FULLTEXT", "SPATIAL"];

fn of_statement(statement: &Statement<'_>, found: &mut Vec<Made>) {
    let mut reader = Cursor::of(statement);
    if reader.take("CREATE") {
        while BEFORE_KIND.iter().any(|word| reader.take(word)) {}
        let Some(kind) = kind(&mut reader) else { return };
        // `OR REPLACE` and TEMP objects prove nothing.
        if statement.has("REPLACE") || statement.has("TEMP") || statement.has("TEMPORARY") {
            return;
        }
        reader.take("CONCURRENTLY");
        let lenient = reader.take_all(&["IF", "NOT", "EXISTS"]);
        let Some(name) = reader.name() else { return };
        let object = match kind {
            ObjectKind::Schema if name.eq_ignore_ascii_case("AUTHORIZATION") => return,
            ObjectKind::Index => match index(&mut reader, &name) {
                Some(object) => object,
                None => return,
            },
            _ => ObjectRef::written(kind, &name),
        };
        found.push(Made { object, lenient });
        return;
    }
    if reader.take("RENAME") {
        let renames = renames(&mut reader);
        if !renames.lenient {
            found.extend(renames.tables.into_iter().map(|(_, object)| Made { object, lenient: false }));
        }
        return;
    }
    if !reader.take("ALTER") {
        return;
    }
    let kind = altered(&mut reader);
    if reader.take_all(&["IF", "EXISTS"]) {
        return;
    }
    reader.take("ONLY");
    let (Some(kind), Some(name)) = (kind, reader.name()) else { return };
    let whole = ObjectRef::written(kind, &name);
    if reader.take_all(&["RENAME", "TO"]) {
        let Some(new) = reader.name() else { return };
        found.push(Made { object: whole.renamed(&new, reader.dialect()), lenient: false });
    } else if kind == ObjectKind::Table && reader.dialect().rules().keeps_indexes_in_tables {
        actions(&mut reader, |change| match change.op {
            PartOp::Adds { lenient } => found.push(Made { object: whole.part(change.kind, change.name), lenient }),
            PartOp::Renames(new) => found.push(Made { object: whole.part(change.kind, new), lenient: false }),
            PartOp::Drops => {}
        });
    } else if kind == ObjectKind::Table {
        loop {
            if reader.take("ADD") {
                addition(&mut reader, &whole, found);
            }
            if !reader.skip_past_comma() {
                return;
            }
        }
    }
}

/// The index of this name, by what follows the name; `None` where it has none.
fn index(reader: &mut Cursor<'_>, name: &str) -> Option<ObjectRef> {
    if name.eq_ignore_ascii_case("ON") {
        return None;
    }
    // MySQL has the kind of index before the table.
    if reader.take("USING") {
        reader.skip();
    }
    reader.take("ON");
    reader.take("ONLY");
    let table = reader.name()?;
    Some(ObjectRef::written(ObjectKind::Table, &table).part(ObjectKind::Index, bare(name)))
}

/// The kind that CREATE or DROP names, if it is next.
fn kind(reader: &mut Cursor<'_>) -> Option<ObjectKind> {
    let kinds = [
        ("TABLE", ObjectKind::Table),
        ("VIEW", ObjectKind::View),
        ("SEQUENCE", ObjectKind::Sequence),
        ("INDEX", ObjectKind::Index),
        ("TYPE", ObjectKind::Type),
        ("DOMAIN", ObjectKind::Type),
        ("SCHEMA", ObjectKind::Schema),
    ];
    kinds.into_iter().find(|(word, _)| reader.take(word)).map(|(_, kind)| kind)
}

/// The kind that ALTER names, as far as it is understood.
fn altered(reader: &mut Cursor<'_>) -> Option<ObjectKind> {
    let kinds = [("TABLE", ObjectKind::Table), ("TYPE", ObjectKind::Type), ("SCHEMA", ObjectKind::Schema)];
    kinds.into_iter().find(|(word, _)| reader.take(word)).map(|(_, kind)| kind)
}

/// What the statements drop or rename, and no later one of them creates again: what must not be there once they
/// have run.
#[must_use]
pub fn removed(statements: &[Statement<'_>]) -> Vec<ObjectRef> {
    let mut made_later = HashSet::new();
    let mut gone = Vec::new();
    for statement in statements.iter().rev() {
        let (mut removed, mut made) = (Vec::new(), Vec::new());
        removals(statement, &mut removed);
        gone.extend(removed.into_iter().rev().filter(|object| !made_later.contains(&object.name)));
        of_statement(statement, &mut made);
        made_later.extend(made.into_iter().map(|made| made.object.name));
    }
    gone.reverse();
    gone
}

fn removals(statement: &Statement<'_>, gone: &mut Vec<ObjectRef>) {
    let mut reader = Cursor::of(statement);
    if reader.take("DROP") {
        reader.take("MATERIALIZED");
        let Some(kind) = kind(&mut reader) else { return };
        reader.take("CONCURRENTLY");
        reader.take_all(&["IF", "EXISTS"]);
        if kind == ObjectKind::Index && reader.dialect().rules().keeps_indexes_in_tables {
            let (index, _, table) = (reader.name(), reader.take("ON"), reader.name());
            let table = table.map(|table| ObjectRef::written(ObjectKind::Table, &table));
            gone.extend(table.zip(index).map(|(table, index)| table.part(kind, bare(&index))));
            return;
        }
        loop {
            gone.extend(reader.name().map(|name| ObjectRef::written(kind, &name)));
            if !reader.skip_past_comma() {
                return;
            }
        }
    }
    if reader.take("RENAME") {
        gone.extend(renames(&mut reader).tables.into_iter().map(|(old, _)| old));
        return;
    }
    if !reader.take("ALTER") {
        return;
    }
    let kind = altered(&mut reader);
    reader.take_all(&["IF", "EXISTS"]);
    reader.take("ONLY");
    let (Some(kind), Some(name)) = (kind, reader.name()) else { return };
    let whole = ObjectRef::written(kind, &name);
    if reader.take_all(&["RENAME", "TO"]) {
        gone.push(whole);
    } else if kind == ObjectKind::Table && reader.dialect().rules().keeps_indexes_in_tables {
        actions(&mut reader, |change| match change.op {
            PartOp::Adds { .. } => {}
            PartOp::Drops | PartOp::Renames(_) => gone.push(whole.part(change.kind, change.name)),
        });
    } else if kind == ObjectKind::Table {
        loop {
            if reader.take("DROP") || reader.take("RENAME") {
                let kind = if reader.take("CONSTRAINT") { ObjectKind::Constraint } else { ObjectKind::Column };
                reader.take("COLUMN");
                reader.take_all(&["IF", "EXISTS"]);
                gone.extend(reader.name().map(|name| whole.part(kind, bare(&name))));
            }
            if !reader.skip_past_comma() {
                return;
            }
        }
    }
}

/// What follows ADD in ALTER TABLE.
fn addition(reader: &mut Cursor<'_>, table: &ObjectRef, found: &mut Vec<Made>) {
    let part = |kind, lenient| move |name: String| Made { object: table.part(kind, bare(&name)), lenient };
    if reader.take("CONSTRAINT") {
        found.extend(reader.name().map(part(ObjectKind::Constraint, false)));
        return;
    }
    let unnamed = ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "EXCLUDE"];
    if !reader.take("COLUMN") && unnamed.iter().any(|word| reader.take(word)) {
        return;
    }
    let lenient = reader.take_all(&["IF", "NOT", "EXISTS"]);
    found.extend(reader.name().map(part(ObjectKind::Column, lenient)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Dialect;
    use crate::sql::script::statements;

    fn all(script: &str) -> Vec<String> {
        let found = created(&statements(script, Dialect::Postgres));
        found.iter().map(|(object, lenient)| format!("{object}{}", if *lenient { "?" } else { "" })).collect()
    }

    #[test]
    fn what_is_created_is_named_as_the_database_stores_it() {
        assert_eq!(all("CREATE TABLE \"SLAPolicy\" (id int)"), ["table SLAPolicy"]);
        assert_eq!(all("create table if not exists public . users(id int)"), ["table public.users?"]);
        assert_eq!(all("CREATE UNLOGGED TABLE a.\"b\" AS SELECT 1"), ["table a.b"]);
        assert_eq!(all("CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)"), ["table p1"]);
        assert_eq!(all("CREATE UNIQUE INDEX CONCURRENTLY \"i\" ON app.\"t\"(a)"), ["index app.i"]);
        assert_eq!(all("CREATE INDEX ON t (a); CREATE INDEX \"i.j\" ON \"t.u\" (a)"), ["index i.j"]);
        assert_eq!(all("CREATE TYPE \"Role\" AS ENUM ('A'); CREATE SCHEMA s"), ["type Role", "schema s"]);
        assert_eq!(all("SELECT 1; CREATE OR REPLACE VIEW v AS SELECT 1; CREATE TEMP TABLE t ()"), [""; 0]);
    }

    #[test]
    fn additions_to_a_table_are_found_one_by_one() {
        assert_eq!(
            all(
                "ALTER TABLE \"T\" ADD COLUMN \"a\" numeric(10, 2), ADD b int, DROP COLUMN x, ADD CONSTRAINT c CHECK (a > 0), ADD UNIQUE (b)"
            ),
            ["column T.a", "column T.b", "constraint T.c"]
        );
    }

    #[test]
    fn what_is_dropped_or_renamed_later_is_left_out() {
        assert_eq!(all("CREATE TABLE a (); CREATE TABLE \"B\" (); DROP TABLE \"B\""), ["table a"]);
        assert_eq!(all("CREATE SCHEMA s; CREATE TABLE s.t (); DROP SCHEMA s CASCADE"), [""; 0]);
        assert_eq!(all("ALTER TABLE IF EXISTS t ADD COLUMN a int"), [""; 0]);
        // What goes with a table, a column or a schema.
        assert_eq!(all("CREATE TABLE c (x int); CREATE INDEX c_i ON c (x); DROP TABLE c"), [""; 0]);
        assert_eq!(all("CREATE TABLE c (x int); CREATE INDEX c_i ON c (x); ALTER TABLE c DROP COLUMN x"), ["table c"]);
        assert_eq!(all("ALTER TABLE b ADD x int; ALTER TABLE b RENAME TO o"), ["table o"]);
        assert_eq!(all("ALTER TABLE b ADD x int, ADD y int; ALTER TABLE b RENAME COLUMN x TO z"), ["column b.y"]);
        assert_eq!(all("CREATE TABLE s.t (); ALTER SCHEMA s RENAME TO r"), ["schema r"]);
        assert_eq!(
            all("CREATE TABLE x (); CREATE TABLE y (); DO $$ BEGIN EXECUTE 'DROP TABLE X'; END $$"),
            ["table y"]
        );
        assert_eq!(
            all("CREATE TABLE x (); CREATE TABLE y (); DO $$ BEGIN EXECUTE E'DROP TABLE\\nX'; END $$"),
            ["table y"]
        );
    }

    #[test]
    fn what_a_script_leaves_is_known_only_where_all_its_statements_are() {
        let leaves = |script: &str| leaves(&statements(script, Dialect::Postgres));
        let plain = "CREATE TABLE a (x int DEFAULT now()); CREATE INDEX i ON a (x); ALTER TABLE b ADD c int";
        assert_eq!(leaves(plain), Leaves::Objects);
        assert_eq!(leaves("CREATE TABLE a (); INSERT INTO a VALUES (1)"), Leaves::ObjectsAndRows);
        for script in [
            "CREATE TEMP TABLE a ()",
            "CREATE TABLE a (); DROP TABLE a",
            "ALTER TABLE a ADD b int, DROP COLUMN c",
            "ALTER TABLE a ADD UNIQUE (b)",
            "CREATE TABLE a AS SELECT f()",
            "CREATE INDEX ON a (x)",
            "CREATE SCHEMA AUTHORIZATION x",
            "SET search_path = a; CREATE TABLE b ()",
            "CREATE TABLE a (); DO $$ BEGIN END $$",
        ] {
            assert_eq!(leaves(script), Leaves::Unknown, "{script}");
        }
    }

    #[test]
    fn what_is_dropped_or_renamed_for_good_is_gone() {
        let gone = |script: &str| {
            let gone = removed(&statements(script, Dialect::Postgres));
            gone.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(gone("DROP TABLE IF EXISTS a, s.\"B\" CASCADE"), ["table a", "table s.B"]);
        assert_eq!(
            gone("ALTER TABLE t DROP COLUMN a, DROP CONSTRAINT IF EXISTS c, ALTER COLUMN d DROP NOT NULL, DROP e"),
            ["column t.a", "constraint t.c", "column t.e"]
        );
        assert_eq!(gone("ALTER TYPE a RENAME TO b; ALTER TABLE t RENAME COLUMN x TO y"), ["type a", "column t.x"]);
        assert_eq!(gone("CREATE TABLE new_t (); DROP TABLE t; ALTER TABLE new_t RENAME TO t"), ["table new_t"]);
        assert_eq!(all("CREATE TABLE new_t (); DROP TABLE t; ALTER TABLE new_t RENAME TO t"), ["table t"]);
    }

    #[test]
    fn bare_names_are_what_the_database_stores() {
        for (written, stored) in [
            ("Users", "users"),
            ("\"Users\"", "Users"),
            ("a.\"B.c\"", "B.c"),
            ("\"a\"\"b\"", "a\"b"),
            ("A.B", "b"),
            ("\"a`.b\"", "a`.b"),
            ("[a.b]", "a.b"),
        ] {
            assert_eq!(bare(written), stored);
        }
    }
}
