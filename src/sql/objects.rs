//! The objects that a script creates, by name: what must be there once it has run. Statements that are not
//! understood give none; nothing is concluded from their absence.

use std::collections::HashSet;

use crate::sql::Dialect;
use crate::sql::cursor::{Reader, bare, last_part, parts, stored};
use crate::sql::script::{Kind, Statement, Token, is_word, tokens};

/// Something that a statement creates. Names stand as the script writes them: quoted or not.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Object {
    /// A table, view, sequence or index.
    Relation {
        /// What it is, for people: `table`, `index`, …
        kind: &'static str,
        /// Its name, with its schema if the script gives one.
        name: String,
    },
    /// A type or domain.
    Type(String),
    /// A schema.
    Schema(String),
    /// A column of an existing table.
    Column {
        /// The table.
        table: String,
        /// The column.
        name: String,
    },
    /// A named constraint of an existing table.
    Constraint {
        /// The table.
        table: String,
        /// The constraint.
        name: String,
    },
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Relation { kind, name } => write!(f, "{kind} {name}"),
            Self::Type(name) => write!(f, "type {name}"),
            Self::Schema(name) => write!(f, "schema {name}"),
            Self::Column { table, name } => write!(f, "column {table}.{name}"),
            Self::Constraint { table, name } => write!(f, "constraint {name} of {table}"),
        }
    }
}

impl Object {
    /// The kind of thing, in one word.
    #[must_use]
    pub fn thing(&self) -> &'static str {
        match self {
            Self::Relation { kind, .. } => kind,
            Self::Type(_) => "type",
            Self::Schema(_) => "schema",
            Self::Column { .. } => "column",
            Self::Constraint { .. } => "constraint",
        }
    }

    /// True if it does not depend on the search path.
    #[must_use]
    pub fn is_qualified(&self) -> bool {
        let (Self::Relation { name, .. }
        | Self::Type(name)
        | Self::Column { table: name, .. }
        | Self::Constraint { table: name, .. }) = self
        else {
            return true;
        };
        last_part(name).len() < name.len()
    }

    /// The same object in this schema (quoted), if its own name does not say in which it is.
    #[must_use]
    pub fn within(&self, schema: &str) -> Self {
        let mut object = self.clone();
        if let (
            false,
            Self::Relation { name, .. }
            | Self::Type(name)
            | Self::Column { table: name, .. }
            | Self::Constraint { table: name, .. },
        ) = (self.is_qualified(), &mut object)
        {
            *name = format!("{schema}.{name}");
        }
        object
    }

    /// Its own name without schema and quotes, as the database stores it.
    #[must_use]
    pub fn bare_name(&self) -> String {
        let (Self::Relation { name, .. }
        | Self::Type(name)
        | Self::Schema(name)
        | Self::Column { name, .. }
        | Self::Constraint { name, .. }) = self;
        bare(name)
    }
}

/// What the statements create, in their order, without what a later one of them drops, moves or renames, as far
/// as anybody can tell. The flag tells whether the statement would pass over an object that exists
/// (`IF NOT EXISTS`).
#[must_use]
pub fn created(statements: &[Statement<'_>], dialect: Dialect) -> Vec<(Object, bool)> {
    let mut later = Later::default();
    let mut found = Vec::new();
    for statement in statements.iter().rev() {
        let mut made = Vec::new();
        of_statement(statement, dialect, &mut made);
        found.extend(made.into_iter().rev().filter(|made| !later.takes(made)));
        later.add(statement, dialect);
    }
    found.into_iter().rev().map(|made| (made.object, made.lenient)).collect()
}

/// What the statements of a script leave behind, as far as anybody can tell from their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaves {
    /// Nothing but named objects: what is there tells whether they ran.
    Objects,
    /// Named objects and changed rows: that the objects are missing tells that they did not run.
    ObjectsAndRows,
    /// Whatever code does; or something taken away again.
    Unknown,
}

/// See [`Leaves`].
#[must_use]
pub fn leaves(statements: &[Statement<'_>], dialect: Dialect) -> Leaves {
    let creates = |statement: &Statement<'_>| {
        let mut made = Vec::new();
        of_statement(statement, dialect, &mut made);
        let only_adds = !statement.starts(&["ALTER"]) || is_addition(statement, dialect);
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
fn is_addition(statement: &Statement<'_>, dialect: Dialect) -> bool {
    let mut reader = Reader::new(statement.text, dialect);
    if !reader.take_all(&["ALTER", "TABLE"]) {
        return false;
    }
    reader.take("ONLY");
    if reader.name().is_none() {
        return false;
    }
    loop {
        let mut named = Vec::new();
        if !reader.take("ADD") {
            return false;
        }
        addition(&mut reader, "t", &mut named);
        if named.is_empty() {
            return false;
        }
        if !reader.skip_past_comma() {
            return true;
        }
    }
}

/// Something created, and where.
struct Made {
    object: Object,
    lenient: bool,
    /// The table that an index is on; it goes with it.
    table: Option<String>,
}

impl Made {
    fn new(object: Object, lenient: bool) -> Self {
        Self { object, lenient, table: None }
    }

    /// Names, as the database stores them, without which it would not be found: its own, its table's, its schema's.
    fn depends_on(&self) -> Vec<String> {
        let (Object::Relation { name, .. }
        | Object::Type(name)
        | Object::Schema(name)
        | Object::Column { table: name, .. }
        | Object::Constraint { table: name, .. }) = &self.object;
        let tables = [name, self.table.as_ref().unwrap_or(name)];
        let mut names: Vec<String> = tables.iter().flat_map(|name| parts(name).into_iter().map(stored)).collect();
        names.push(self.object.bare_name());
        names
    }
}

/// What later statements drop, move or rename, or may: too much rather than too little. Names are as the database
/// stores them.
#[derive(Default)]
struct Later {
    /// Nobody knows what went with something dropped.
    everything: bool,
    /// Whatever depends on these.
    names: HashSet<String>,
    /// Columns and constraints, of whichever table.
    parts: HashSet<String>,
    /// Tables that lose a part, and perhaps an index with it.
    tables: HashSet<String>,
    /// The words of code, in lower case: it runs whatever it says.
    code: HashSet<String>,
}

impl Later {
    fn add(&mut self, statement: &Statement<'_>, dialect: Dialect) {
        let mentioned = || names(statement.text, dialect).into_iter().map(|name| stored(&name));
        let alters = statement.starts(&["ALTER"]);
        let renames_table = statement.has("TO") && !statement.has("COLUMN") && !statement.has("CONSTRAINT");
        let changes_parts = statement.has("DROP") || statement.has("RENAME");
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
            let mut reader = Reader::new(statement.text, dialect);
            reader.take_all(&["ALTER", "TABLE"]);
            reader.take_all(&["IF", "EXISTS"]);
            reader.take("ONLY");
            self.tables.insert(reader.name().map(|name| bare(&name)).unwrap_or_default());
            self.parts.extend(mentioned());
        } else if statement.starts(&["DROP"]) || (alters && (statement.has("RENAME") || statement.has("SCHEMA"))) {
            self.names.extend(mentioned());
        }
    }

    fn takes(&self, made: &Made) -> bool {
        let is_in_code =
            |name: &String| !self.code.is_empty() && words(&name.to_lowercase()).all(|word| self.code.contains(word));
        let is_part = matches!(&made.object, Object::Column { .. } | Object::Constraint { .. });
        self.everything
            || (is_part && self.parts.contains(&made.object.bare_name()))
            || made.table.as_ref().is_some_and(|of| self.tables.contains(&bare(of)))
            || made.depends_on().iter().any(|name| self.names.contains(name) || is_in_code(name))
    }
}

/// The words of a text, whatever stands between them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character| !is_word(character)).filter(|word| !word.is_empty())
}

/// Every name in a text, part by part.
fn names(text: &str, dialect: Dialect) -> Vec<String> {
    let is_name = |token: &Token<'_>| matches!(token.kind, Kind::Word | Kind::Quoted);
    tokens(text, dialect).filter(is_name).map(|token| token.text.to_owned()).collect()
}

fn of_statement(statement: &Statement<'_>, dialect: Dialect, found: &mut Vec<Made>) {
    let mut reader = Reader::new(statement.text, dialect);
    if reader.take("CREATE") {
        while ["OR", "REPLACE", "TEMP", "TEMPORARY", "UNLOGGED", "UNIQUE", "MATERIALIZED", "RECURSIVE"]
            .iter()
            .any(|word| reader.take(word))
        {}
        let kind = ["TABLE", "VIEW", "SEQUENCE", "INDEX", "TYPE", "DOMAIN", "SCHEMA"];
        let Some(kind) = kind.into_iter().find(|kind| reader.take(kind)) else { return };
        // `OR REPLACE` and TEMP objects prove nothing.
        if statement.has("REPLACE") || statement.has("TEMP") || statement.has("TEMPORARY") {
            return;
        }
        reader.take("CONCURRENTLY");
        let lenient = reader.take_all(&["IF", "NOT", "EXISTS"]);
        let Some(name) = reader.name() else { return };
        let relation = |kind| Object::Relation { kind, name: name.clone() };
        let object = match kind {
            "TABLE" => relation("table"),
            "VIEW" => relation("view"),
            "SEQUENCE" => relation("sequence"),
            "TYPE" | "DOMAIN" => Object::Type(name),
            "SCHEMA" if name.eq_ignore_ascii_case("AUTHORIZATION") => return,
            "SCHEMA" => Object::Schema(name),
            _ if name.eq_ignore_ascii_case("ON") => return,
            // An index lives beside its table.
            _ => {
                reader.take("ON");
                reader.take("ONLY");
                let Some(table) = reader.name() else { return };
                let schema = table.len() - last_part(&table).len();
                let object = Object::Relation { kind: "index", name: format!("{}{name}", &table[..schema]) };
                found.push(Made { object, lenient, table: Some(table) });
                return;
            }
        };
        found.push(Made::new(object, lenient));
        return;
    }
    if !reader.take("ALTER") {
        return;
    }
    let kind = ["TABLE", "TYPE", "SCHEMA"].into_iter().find(|kind| reader.take(kind));
    if reader.take_all(&["IF", "EXISTS"]) {
        return;
    }
    reader.take("ONLY");
    let (Some(kind), Some(name)) = (kind, reader.name()) else { return };
    if reader.take_all(&["RENAME", "TO"]) {
        let Some(new) = reader.name() else { return };
        let schema = &name[..name.len() - last_part(&name).len()];
        found.push(Made::new(named(kind, format!("{schema}{new}")), false));
    } else if kind == "TABLE" {
        let table = name;
        loop {
            if reader.take("ADD") {
                addition(&mut reader, &table, found);
            }
            if !reader.skip_past_comma() {
                return;
            }
        }
    }
}

/// An object of this kind.
fn named(kind: &'static str, name: String) -> Object {
    match kind {
        "TYPE" | "DOMAIN" => Object::Type(name),
        "SCHEMA" => Object::Schema(name),
        "INDEX" => Object::Relation { kind: "index", name },
        "VIEW" => Object::Relation { kind: "view", name },
        "SEQUENCE" => Object::Relation { kind: "sequence", name },
        _ => Object::Relation { kind: "table", name },
    }
}

/// What the statements drop or rename, and no later one of them creates again: what must not be there once they
/// have run.
#[must_use]
pub fn removed(statements: &[Statement<'_>], dialect: Dialect) -> Vec<Object> {
    let mut made_later = HashSet::new();
    let mut gone = Vec::new();
    for statement in statements.iter().rev() {
        let (mut removed, mut made) = (Vec::new(), Vec::new());
        removals(statement, dialect, &mut removed);
        gone.extend(removed.into_iter().rev().filter(|object| !made_later.contains(&object.bare_name())));
        of_statement(statement, dialect, &mut made);
        made_later.extend(made.iter().map(|made| made.object.bare_name()));
    }
    gone.reverse();
    gone
}

fn removals(statement: &Statement<'_>, dialect: Dialect, gone: &mut Vec<Object>) {
    let kinds = ["TABLE", "VIEW", "SEQUENCE", "INDEX", "TYPE", "DOMAIN", "SCHEMA"];
    let mut reader = Reader::new(statement.text, dialect);
    if reader.take("DROP") {
        reader.take("MATERIALIZED");
        let Some(kind) = kinds.into_iter().find(|kind| reader.take(kind)) else { return };
        reader.take("CONCURRENTLY");
        reader.take_all(&["IF", "EXISTS"]);
        loop {
            gone.extend(reader.name().map(|name| named(kind, name)));
            if !reader.skip_past_comma() {
                return;
            }
        }
    }
    if !reader.take("ALTER") {
        return;
    }
    let kind = ["TABLE", "TYPE", "SCHEMA"].into_iter().find(|kind| reader.take(kind));
    reader.take_all(&["IF", "EXISTS"]);
    reader.take("ONLY");
    let (Some(kind), Some(name)) = (kind, reader.name()) else { return };
    if reader.take_all(&["RENAME", "TO"]) {
        gone.push(named(kind, name));
    } else if kind == "TABLE" {
        let table = name;
        loop {
            if reader.take("DROP") || reader.take("RENAME") {
                let is_constraint = reader.take("CONSTRAINT");
                reader.take("COLUMN");
                reader.take_all(&["IF", "EXISTS"]);
                let part = |name| match is_constraint {
                    true => Object::Constraint { table: table.clone(), name },
                    false => Object::Column { table: table.clone(), name },
                };
                gone.extend(reader.name().map(part));
            }
            if !reader.skip_past_comma() {
                return;
            }
        }
    }
}

/// What follows ADD in ALTER TABLE.
fn addition(reader: &mut Reader<'_>, table: &str, found: &mut Vec<Made>) {
    let table = table.to_owned();
    if reader.take("CONSTRAINT") {
        found.extend(reader.name().map(|name| Made::new(Object::Constraint { table, name }, false)));
        return;
    }
    let unnamed = ["PRIMARY", "UNIQUE", "FOREIGN", "CHECK", "EXCLUDE"];
    if !reader.take("COLUMN") && unnamed.iter().any(|word| reader.take(word)) {
        return;
    }
    let lenient = reader.take_all(&["IF", "NOT", "EXISTS"]);
    found.extend(reader.name().map(|name| Made::new(Object::Column { table, name }, lenient)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::script::statements;

    fn all(script: &str) -> Vec<String> {
        let found = created(&statements(script, Dialect::Postgres), Dialect::Postgres);
        found.iter().map(|(object, lenient)| format!("{object}{}", if *lenient { "?" } else { "" })).collect()
    }

    #[test]
    fn what_is_created_is_named_as_written() {
        assert_eq!(all("CREATE TABLE \"SLAPolicy\" (id int)"), ["table \"SLAPolicy\""]);
        assert_eq!(all("create table if not exists public . users(id int)"), ["table public.users?"]);
        assert_eq!(all("CREATE UNLOGGED TABLE a.\"b\" AS SELECT 1"), ["table a.\"b\""]);
        assert_eq!(all("CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1)"), ["table p1"]);
        assert_eq!(all("CREATE UNIQUE INDEX CONCURRENTLY \"i\" ON app.\"t\"(a)"), ["index app.\"i\""]);
        assert_eq!(all("CREATE INDEX ON t (a); CREATE INDEX \"i.j\" ON \"t.u\" (a)"), ["index \"i.j\""]);
        assert_eq!(all("CREATE TYPE \"Role\" AS ENUM ('A'); CREATE SCHEMA s"), ["type \"Role\"", "schema s"]);
        assert_eq!(all("SELECT 1; CREATE OR REPLACE VIEW v AS SELECT 1; CREATE TEMP TABLE t ()"), [""; 0]);
    }

    #[test]
    fn additions_to_a_table_are_found_one_by_one() {
        assert_eq!(
            all(
                "ALTER TABLE \"T\" ADD COLUMN \"a\" numeric(10, 2), ADD b int, DROP COLUMN x, ADD CONSTRAINT c CHECK (a > 0), ADD UNIQUE (b)"
            ),
            ["column \"T\".\"a\"", "column \"T\".b", "constraint c of \"T\""]
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
        let leaves = |script: &str| leaves(&statements(script, Dialect::Postgres), Dialect::Postgres);
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
            let gone = removed(&statements(script, Dialect::Postgres), Dialect::Postgres);
            gone.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(gone("DROP TABLE IF EXISTS a, s.\"B\" CASCADE"), ["table a", "table s.\"B\""]);
        assert_eq!(
            gone("ALTER TABLE t DROP COLUMN a, DROP CONSTRAINT IF EXISTS c, ALTER COLUMN d DROP NOT NULL, DROP e"),
            ["column t.a", "constraint c of t", "column t.e"]
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
