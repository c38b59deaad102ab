//! What a statement may do besides what a catalog shows, read from its first words. What is not known counts as something.

use crate::sql::Dialect;
use crate::sql::cursor::{Cursor, bare};
use crate::sql::script::{Statement, TokenKind, is_word};

/// How far the effect of a statement goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A catalog shows it, or it ends with the session.
    Catalog,
    /// Rows of this table change, or go; with the columns that are set, where that is all.
    Rows(String, Option<Vec<String>>),
    /// It replaces this function or procedure, if it exists.
    Routine(String),
    /// It replaces this view, if it exists.
    View(String),
    /// It changes what happens at a write to this table, or who sees its rows.
    Table(String),
    /// It drops this type.
    Type(String),
    /// It drops these tables, of which a catalog shows those that are no partitions.
    Tables(Vec<String>),
    /// It takes rights away, or gives an object to another role.
    Rights,
    /// It runs code.
    Code,
    /// It is not known here.
    Unknown,
}

/// Words that begin statements which leave nothing, or which a catalog shows, or which only add.
const HARMLESS: &[&str] = &[
    "ANALYZE",
    "BEGIN",
    "CHECKPOINT",
    "CLUSTER",
    "COMMENT",
    "COMMIT",
    "DEALLOCATE",
    "DECLARE",
    "DISCARD",
    "END",
    "EXPLAIN",
    "FETCH",
    "FLUSH",
    "GRANT",
    "LISTEN",
    "LOCK",
    "NOTIFY",
    "OPTIMIZE",
    "PRAGMA",
    "REFRESH",
    "REINDEX",
    "RELEASE",
    "RENAME",
    "RESET",
    "ROLLBACK",
    "SAVEPOINT",
    "SET",
    "SHOW",
    "START",
    "UNLOCK",
    "USE",
    "VACUUM",
    "VALUES",
];

/// Kinds of objects that a catalog shows whole, at least as far as the running release can notice.
const SHOWN: &[&str] = &["TABLE", "INDEX", "SCHEMA", "VIEW", "EXTENSION", "COLLATION", "STATISTICS"];

/// What may stand in the code of a DO block that a catalog does not show.
const IN_CODE: &[&str] = &[
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "TRUNCATE",
    "COPY",
    "EXECUTE",
    "PERFORM",
    "CALL",
    "FUNCTION",
    "PROCEDURE",
    "TRIGGER",
    "POLICY",
    "RULE",
    "GRANT",
    "REVOKE",
    "OWNER",
    "SECURITY",
    "REPLACE",
    "SELECT",
];

/// See [`Scope`].
pub(crate) fn scope(statement: &Statement<'_>) -> Scope {
    let mut cursor = Cursor::of(statement);
    if HARMLESS.iter().any(|word| statement.starts(&[word])) {
        return Scope::Catalog;
    }
    for (verb, read) in VERBS {
        if cursor.take(verb) {
            return read(&mut cursor, statement).unwrap_or(Scope::Unknown);
        }
    }
    Scope::Unknown
}

/// Reads a statement behind its first word; `None` for one that it does not understand.
type Reader = fn(&mut Cursor<'_>, &Statement<'_>) -> Option<Scope>;

const VERBS: &[(&str, Reader)] = &[
    ("CREATE", created),
    ("ALTER", altered),
    ("DROP", dropped),
    ("INSERT", inserted),
    ("UPDATE", updated),
    ("DELETE", |cursor, _| {
        cursor.take("FROM");
        cursor.take("ONLY");
        Some(Scope::Rows(cursor.name()?, None))
    }),
    ("TRUNCATE", |cursor, _| {
        cursor.take("TABLE");
        cursor.take("ONLY");
        let table = cursor.name()?;
        (!cursor.is_at(",")).then_some(Scope::Rows(table, None))
    }),
    ("REPLACE", |cursor, _| {
        cursor.take("INTO");
        Some(Scope::Rows(cursor.name()?, None))
    }),
    // Rows that are added take nothing away.
    ("COPY", |_, statement| Some(if statement.has("PROGRAM") { Scope::Code } else { Scope::Catalog })),
    ("SELECT", |_, statement| Some(if calls(statement) { Scope::Code } else { Scope::Catalog })),
    ("DO", |_, statement| Some(if is_of_catalog(statement) { Scope::Catalog } else { Scope::Code })),
    ("CALL", |_, _| Some(Scope::Code)),
    ("EXECUTE", |_, _| Some(Scope::Code)),
    ("REVOKE", |_, _| Some(Scope::Rights)),
    ("REASSIGN", |_, _| Some(Scope::Rights)),
];

/// `CREATE …`
fn created(cursor: &mut Cursor<'_>, statement: &Statement<'_>) -> Option<Scope> {
    let replaces = cursor.take_all(&["OR", "REPLACE"]);
    let head = ["TRIGGER", "POLICY", "RULE", "VIEW", "FUNCTION", "PROCEDURE", "AGGREGATE", "EVENT"];
    while !cursor.is_at_end()
        && !head.iter().any(|word| cursor.is_at(word))
        && !cursor.is_at("TABLE")
        && !cursor.is_at("AS")
    {
        cursor.step()?;
    }
    let kind = head.into_iter().find(|word| cursor.take(word));
    match kind {
        Some("EVENT") => Some(Scope::Code),
        Some("TRIGGER" | "POLICY") => {
            while !cursor.take("ON") {
                cursor.step()?;
            }
            Some(Scope::Table(cursor.name()?))
        }
        Some("RULE") => {
            while !cursor.take("TO") {
                cursor.step()?;
            }
            Some(Scope::Table(cursor.name()?))
        }
        Some("VIEW") if replaces => Some(Scope::View(cursor.name()?)),
        Some("FUNCTION" | "PROCEDURE" | "AGGREGATE") if replaces => Some(Scope::Routine(cursor.name()?)),
        // What is new takes nothing away; a rebuilt table of SQLite may have other checks, which have no names.
        None if statement.dialect() == Dialect::Sqlite && statement.starts(&["CREATE", "TABLE"]) => {
            let is_checked = statement.has("CHECK");
            is_checked.then(|| rebuilt(statement)).flatten().or(Some(Scope::Catalog))
        }
        _ => Some(Scope::Catalog),
    }
}

/// The function or procedure that a statement creates.
pub(crate) fn routine(statement: &Statement<'_>) -> Option<String> {
    let mut cursor = Cursor::of(statement);
    if !cursor.take("CREATE") {
        return None;
    }
    // MySQL: DEFINER = account.
    while !["FUNCTION", "PROCEDURE", "AGGREGATE"].iter().any(|kind| cursor.take(kind)) {
        let is_other = ["TABLE", "INDEX", "VIEW", "TRIGGER", "TYPE", "AS"].iter().any(|kind| cursor.is_at(kind));
        if is_other {
            return None;
        }
        cursor.step()?;
    }
    cursor.name()
}

/// The table whose place this one will most likely take: `new_users`, `users_new`, `_users`, `__new_users`.
fn rebuilt(statement: &Statement<'_>) -> Option<Scope> {
    let mut cursor = Cursor::of(statement);
    cursor.take_all(&["CREATE", "TABLE"]);
    cursor.take_all(&["IF", "NOT", "EXISTS"]);
    let name = bare(&cursor.name()?);
    let stem = name.trim_start_matches('_').trim_end_matches('_');
    let old = ["new_", "tmp_", "temp_"].iter().find_map(|start| stem.strip_prefix(start));
    let old = old.or_else(|| ["_new", "_tmp", "_temp"].iter().find_map(|end| stem.strip_suffix(end)))?;
    Some(Scope::Table(format!("\"{old}\"")))
}

/// `ALTER …`
fn altered(cursor: &mut Cursor<'_>, statement: &Statement<'_>) -> Option<Scope> {
    if statement.has_pair("OWNER", "TO") {
        return Some(Scope::Rights);
    }
    if cursor.take("TABLE") {
        let _ = cursor.take_all(&["IF", "EXISTS"]);
        cursor.take("ONLY");
        let table = cursor.name()?;
        let acts = |first, second| statement.has_pair(first, second);
        let hides = statement.has("SECURITY") || acts("ENABLE", "TRIGGER") || acts("DISABLE", "TRIGGER");
        let moves = ["ATTACH", "DETACH", "INHERIT", "ENABLE", "DISABLE"].iter().any(|word| statement.has(word));
        // GENERATED ALWAYS refuses a value that BY DEFAULT takes.
        let moves = moves || acts("SET", "GENERATED") || acts("ADD", "GENERATED");
        return Some(if hides || moves { Scope::Table(table) } else { Scope::Catalog });
    }
    let is_shown =
        ["INDEX", "EXTENSION", "SCHEMA", "TYPE", "VIEW", "MATERIALIZED"].iter().any(|kind| cursor.is_at(kind));
    let is_composite = statement.has("ATTRIBUTE");
    is_shown.then_some(if is_composite { Scope::Unknown } else { Scope::Catalog })
}

/// `DROP …`
fn dropped(cursor: &mut Cursor<'_>, statement: &Statement<'_>) -> Option<Scope> {
    if statement.dialect() == Dialect::Postgres && cursor.take("TABLE") {
        let _ = cursor.take_all(&["IF", "EXISTS"]);
        let mut names = vec![cursor.name()?];
        while cursor.take_mark(",") {
            names.push(cursor.name()?);
        }
        return Some(Scope::Tables(names));
    }
    cursor.take("MATERIALIZED");
    if cursor.take("TYPE") {
        let _ = cursor.take_all(&["IF", "EXISTS"]);
        let name = cursor.name()?;
        return (!cursor.is_at(",")).then_some(Scope::Type(name));
    }
    SHOWN.iter().any(|kind| cursor.is_at(kind)).then_some(Scope::Catalog)
}

/// `INSERT …`: rows that are added take nothing away; those that exist may change.
fn inserted(cursor: &mut Cursor<'_>, statement: &Statement<'_>) -> Option<Scope> {
    let overwrites = statement.has_pair("DO", "UPDATE")
        || statement.has_pair("KEY", "UPDATE")
        || statement.has_pair("OR", "REPLACE");
    if !overwrites {
        return Some(Scope::Catalog);
    }
    while !cursor.take("INTO") {
        cursor.step()?;
    }
    Some(Scope::Rows(cursor.name()?, None))
}

/// `UPDATE t SET a = …, b = …`
fn updated(cursor: &mut Cursor<'_>, _: &Statement<'_>) -> Option<Scope> {
    cursor.take("ONLY");
    let table = cursor.name()?;
    while !cursor.take("SET") {
        // Several tables at once.
        if cursor.is_at(",") || cursor.is_at("JOIN") {
            return None;
        }
        cursor.step()?;
    }
    let mut columns = Vec::new();
    loop {
        let column = cursor.name()?;
        if !cursor.take_mark("=") {
            return Some(Scope::Rows(table, None));
        }
        columns.push(column);
        while !cursor.is_at(",") {
            if cursor.is_at_end() || cursor.is_at("WHERE") || cursor.is_at("FROM") || cursor.is_at("RETURNING") {
                return Some(Scope::Rows(table, Some(columns)));
            }
            cursor.skip();
        }
        cursor.take_mark(",");
    }
}

/// Whether a query calls a function: a name with a bracket behind it. Settings of the session end with it.
fn calls(statement: &Statement<'_>) -> bool {
    let mut before = None;
    let mut calls = false;
    for token in statement.tokens().filter(|token| token.kind != TokenKind::Blank) {
        let is_call = token.text == "(" && before.is_some_and(|name: &str| name.chars().all(is_word));
        calls |= is_call && before.is_some_and(|name| !name.eq_ignore_ascii_case("set_config"));
        before = (token.kind != TokenKind::Mark).then_some(token.text);
    }
    calls
}

/// Whether a DO block only creates, alters and drops what a catalog shows.
fn is_of_catalog(statement: &Statement<'_>) -> bool {
    let code = statement.text.to_ascii_uppercase();
    // A look into the server's own catalogs decides whether something is created.
    let looks = code.contains("EXISTS") && (code.contains("PG_") || code.contains("INFORMATION_SCHEMA"));
    let mut words = code.split(|character: char| !is_word(character));
    !words.any(|word| IN_CODE.contains(&word) && !(word == "SELECT" && looks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::script::Script;

    fn of(sql: &str, dialect: Dialect) -> Scope {
        scope(&Script::new(sql.to_owned(), dialect).statements()[0])
    }

    #[test]
    fn a_catalog_shows_it() {
        for sql in [
            "CREATE TABLE t (id int)",
            "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)",
            "CREATE VIEW v AS SELECT f(x) FROM t",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "CREATE TYPE e AS ENUM ('a')",
            "ALTER TABLE t ADD COLUMN a int, DROP b, ALTER c SET NOT NULL",
            "ALTER TABLE t ADD COLUMN d int GENERATED ALWAYS AS (1) STORED",
            "ALTER TYPE e ADD VALUE 'b'",
            "DROP MATERIALIZED VIEW v",
            "INSERT INTO t VALUES (1)",
            "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
            "SELECT 1",
            "SELECT pg_catalog.set_config('search_path', '', false)",
            "SET lock_timeout = '1s'",
            "DO $$ BEGIN CREATE TYPE e AS ENUM ('a'); EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            "DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'e') THEN CREATE TYPE e AS ENUM ('a'); END IF; END $$",
            "GRANT SELECT ON t TO r",
        ] {
            assert_eq!(of(sql, Dialect::Postgres), Scope::Catalog, "{sql}");
        }
    }

    #[test]
    fn rows_code_and_rights_are_not_shown() {
        let rows = |table: &str, columns: Option<&[&str]>| {
            Scope::Rows(table.to_owned(), columns.map(|columns| columns.iter().map(|it| (*it).to_owned()).collect()))
        };
        for (sql, expected) in [
            ("UPDATE t SET a = 1, b = f(x, y) WHERE c = 2", rows("t", Some(&["a", "b"]))),
            ("UPDATE ONLY s.t AS x SET a = (SELECT 1)", rows("s.t", Some(&["a"]))),
            ("UPDATE t SET (a, b) = (1, 2)", Scope::Unknown),
            ("UPDATE t, u SET t.a = 1", Scope::Unknown),
            ("DELETE FROM t WHERE a = 1", rows("t", None)),
            ("TRUNCATE t", rows("t", None)),
            ("INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET a = 1", rows("t", None)),
            ("CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", Scope::Routine("f".to_owned())),
            ("CREATE OR REPLACE VIEW v AS SELECT 1", Scope::View("v".to_owned())),
            ("CREATE TRIGGER g BEFORE INSERT OR UPDATE OF a ON t EXECUTE FUNCTION f()", Scope::Table("t".to_owned())),
            ("CREATE POLICY p ON t USING (true)", Scope::Table("t".to_owned())),
            ("CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING", Scope::Table("t".to_owned())),
            ("ALTER TABLE t ENABLE ROW LEVEL SECURITY", Scope::Table("t".to_owned())),
            ("ALTER TABLE t OWNER TO r", Scope::Rights),
            ("REVOKE ALL ON t FROM r", Scope::Rights),
            ("DROP TYPE e", Scope::Type("e".to_owned())),
            ("DROP TABLE IF EXISTS t, s.u CASCADE", Scope::Tables(vec!["t".to_owned(), "s.u".to_owned()])),
            ("ALTER TABLE t ALTER id SET GENERATED ALWAYS", Scope::Table("t".to_owned())),
            ("DROP FUNCTION f()", Scope::Unknown),
            ("DROP SEQUENCE s", Scope::Unknown),
            ("ALTER DOMAIN d ADD CHECK (VALUE > 0)", Scope::Unknown),
            ("ALTER TYPE c ADD ATTRIBUTE a int", Scope::Unknown),
            ("DO $$ BEGIN UPDATE t SET a = 1; END $$", Scope::Code),
            ("SELECT setval('s', 1)", Scope::Code),
            ("CALL p()", Scope::Code),
            ("WITH x AS (DELETE FROM t RETURNING *) SELECT 1", Scope::Unknown),
            ("MERGE INTO t USING u ON true WHEN MATCHED THEN DELETE", Scope::Unknown),
        ] {
            assert_eq!(of(sql, Dialect::Postgres), expected, "{sql}");
        }
    }

    #[test]
    fn a_rebuilt_table_of_sqlite_may_have_another_check() {
        let table = |name: &str| Scope::Table(format!("\"{name}\""));
        assert_eq!(of("CREATE TABLE new_users (a INT CHECK (a > 0))", Dialect::Sqlite), table("users"));
        assert_eq!(of("CREATE TABLE new_users (a INT)", Dialect::Sqlite), Scope::Catalog);
        assert_eq!(of("CREATE TABLE users (a INT CHECK (a > 0))", Dialect::Sqlite), Scope::Catalog);
    }

    #[test]
    fn whatever_is_cut_off_gives_an_answer() {
        let script = "UPDATE t SET a = f(1, (2)), b = 2 WHERE c; CREATE OR REPLACE VIEW v AS SELECT 1; CREATE TRIGGER g ON t; DELETE FROM";
        for (end, _) in script.char_indices() {
            for statement in Script::new(script[..end].to_owned(), Dialect::Postgres).statements() {
                let _ = scope(&statement);
            }
        }
    }
}
