//! Where Prisma itself finds a difference between a MySQL database and a schema file, and where it does not.
//! tests/cases/mysql-drift.jsonl holds SQL, a schema and the result of Prisma's native engine on three servers,
//! tests/cases/mysql-ddl.jsonl schemas with the DDL that the engine writes for an empty database.

use doorstep::internals::compare;
use doorstep::internals::ddl;
use doorstep::internals::prisma;
use doorstep::internals::{Catalog, Dialect, Difference, Scope, Session, Severity};

use crate::engines::introspection::{on_a_runtime, session};
use crate::support::MysqlServer;

/// Prisma reports a difference that it makes anew with its own DDL, or that only its notation has.
const NEVER_IN_SYNC: &[(&str, &str)] = &[
    (
        "type/decimal(10,0) against Decimal @db.Decimal",
        "a type without its arguments differs from the server's for ever",
    ),
    (
        "type/timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP against DateTime @default(now()) @db.Timestamp",
        "a type without its arguments differs from the server's for ever",
    ),
    (
        "default/INTEGER NOT NULL DEFAULT (3 + 4) against Int @default(dbgenerated(\"3 + 4\"))",
        "an expression without brackets is the server's one with them",
    ),
    (
        "default/VARCHAR(191) NOT NULL DEFAULT (uuid()) against String @default(dbgenerated(\"uuid()\"))",
        "an expression without brackets is the server's one with them",
    ),
    ("default/BIT(1) NOT NULL DEFAULT b'1' against Boolean @default(true) @db.Bit(1)", "b'1' is true"),
    ("default/BIT(1) NOT NULL DEFAULT b'0' against Boolean @default(false) @db.Bit(1)", "b'0' is false"),
    ("default/BIT(1) NOT NULL DEFAULT 1 against Boolean @default(true) @db.Bit(1)", "b'1' is true"),
    (
        "default/VARBINARY(10) NOT NULL DEFAULT 'hello' against Bytes @default(\"aGVsbG8=\") @db.VarBinary(10)",
        "the same bytes, which Prisma would write as base64",
    ),
    (
        "default/VARBINARY(10) NOT NULL DEFAULT 0x68656c6c6f against Bytes @default(\"aGVsbG8=\") @db.VarBinary(10)",
        "the same bytes, which Prisma would write as base64",
    ),
    ("enum/value with comma", "Prisma cuts the value at its comma"),
    (
        "default/VARCHAR(191) NOT NULL DEFAULT 'NULL' against String @default(\"NULL\")",
        "Prisma takes MySQL's bare NULL for no default",
    ),
    ("index/expression first then another index (MySQL)", "Prisma mixes up the index after one over an expression"),
];

/// The engine's DDL does not make what the schema says.
const OTHERWISE: &[(&str, &str)] = &[
    ("default/String backslash", "it does not escape the backslash, so the server keeps another text"),
    ("unsupported/index", "the server adds the length of a prefix to an index over a geometry"),
];

fn cases(file: &str) -> Vec<serde_json::Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn lowered(schema: &str, home: &str) -> Result<Catalog, String> {
    let schema = prisma::parse(&[("schema.prisma".to_owned(), schema.to_owned())]).map_err(|e| format!("{e:?}"))?;
    Ok(prisma::lower(schema, home))
}

fn told(findings: &[Difference]) -> String {
    findings.iter().map(|finding| format!("\n      {:?}: {finding}", finding.severity)).collect()
}

/// A database of its own, and a session on it.
struct Fresh {
    name: String,
    session: Box<dyn Session>,
}

impl Fresh {
    async fn new(name: &str) -> Self {
        let server = std::env::var("MYSQL_URL").expect("MYSQL_URL is not set: run the tests with scripts/test");
        Self::on(&server, name).await
    }

    async fn on(server: &str, name: &str) -> Self {
        let name = format!("{name}_{}", std::process::id());
        let session = session(&format!("{server}/mysql")).await;
        Self { name, session }
    }

    /// Makes the database anew and runs SQL in it.
    async fn with(&mut self, sql: &str) -> Result<(), String> {
        let name = &self.name;
        let clean = format!(
            "SET foreign_key_checks = 0; DROP DATABASE IF EXISTS `{name}`; SET foreign_key_checks = 1; \
             CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci; USE `{name}`"
        );
        self.session.execute(clean).await.unwrap();
        if sql.trim().is_empty() {
            return Ok(());
        }
        self.session.execute(sql.to_owned()).await.map_err(|fault| format!("{fault:?}"))
    }

    async fn catalog(&mut self) -> Catalog {
        self.session.catalog(&Scope { schemas: std::slice::from_ref(&self.name), role: None }).await.unwrap()
    }

    async fn close(mut self) {
        self.session.execute(format!("DROP DATABASE IF EXISTS `{}`", self.name)).await.unwrap();
        self.session.close().await;
    }

    /// The key of this server's results in the cases.
    async fn server(&mut self) -> &'static str {
        let rows = self.session.query("SELECT VERSION()".to_owned()).await.unwrap();
        let version = rows[0][0].clone().unwrap();
        match (version.contains("MariaDB"), version.starts_with("10.")) {
            (true, true) => "mariadb-10.11",
            (true, false) => "mariadb-11.8",
            (false, _) => "mysql-9.7",
        }
    }
}

#[test]
fn the_verdict_is_prismas() {
    let (mut wrong, mut excepted, mut counted) = (Vec::new(), 0, 0);
    on_a_runtime(async {
        let mut database = Fresh::new("drift").await;
        let server = database.server().await;
        for case in cases("mysql-drift.jsonl") {
            let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
            let id = text("id");
            let Some(verdict @ ("ok" | "drift")) = case["verdict"][server].as_str() else { continue };
            database.with(&text("sql")).await.unwrap_or_else(|fault| panic!("{id}: {fault}"));
            let actual = database.catalog().await;
            let expected = lowered(&text("psl"), &database.name).unwrap_or_else(|fault| panic!("{id}: {fault}"));
            let findings = compare(&expected, &actual, Dialect::Mysql);
            counted += 1;
            let worst = findings.iter().map(|finding| finding.severity).max();
            let is_right = match verdict {
                "ok" => worst.is_none_or(|worst| worst == Severity::Notice),
                _ => worst.is_some(),
            };
            let is_excepted = verdict == "drift" && NEVER_IN_SYNC.iter().any(|(other, _)| *other == id);
            excepted += usize::from(is_excepted);
            if is_right == is_excepted {
                wrong.push(format!("{id}: Prisma says {verdict}; here {worst:?}{}", told(&findings)));
            }
        }
        database.close().await;
    });
    assert!(wrong.is_empty(), "{} of {counted} are wrong ({excepted} exceptions):\n{}", wrong.len(), wrong.join("\n"));
    assert!(counted > 300, "{counted}");
}

#[test]
fn what_the_engine_creates_is_as_expected() {
    let (mut wrong, mut counted) = (Vec::new(), 0);
    on_a_runtime(async {
        let mut database = Fresh::new("made").await;
        let server = database.server().await;
        for case in cases("mysql-ddl.jsonl") {
            let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
            let (id, schema) = (text("id"), text("psl"));
            let expected = lowered(&schema, &database.name);
            if case["ok"] != true || expected.is_err() {
                // What the engine refuses and this program reads does no harm.
                if case["ok"] == true {
                    wrong.push(format!("{id}: Prisma reads it; here {:?}", expected.map(drop)));
                }
                continue;
            }
            if case["applied"]["verdict"][server] == "sql-error" || database.with(&text("ddl")).await.is_err() {
                continue;
            }
            counted += 1;
            let findings = compare(&expected.unwrap(), &database.catalog().await, Dialect::Mysql);
            let is_right = findings.iter().all(|finding| finding.severity == Severity::Notice);
            if is_right == OTHERWISE.iter().any(|(other, _)| *other == id) {
                wrong.push(format!("{id}{}", told(&findings)));
            }
        }
        database.close().await;
    });
    assert!(wrong.is_empty(), "{} of {counted} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(counted > 150, "{counted}");
}

/// A server that takes `T` and `t` for one table, as on Windows and macOS.
#[test]
fn names_of_tables_are_compared_as_the_server_compares_them() {
    let server = MysqlServer::folding_names();
    let (mut wrong, mut counted) = (Vec::new(), 0);
    on_a_runtime(async {
        let mut database = Fresh::on(server.url("").trim_end_matches('/'), "folded").await;
        for case in cases("mysql-drift.jsonl") {
            let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
            let Some(verdict) = case["verdict"]["mariadb-10.11-lower1"].as_str() else { continue };
            database.with(&text("sql")).await.unwrap();
            let expected = lowered(&text("psl"), &database.name).unwrap();
            let findings = compare(&expected, &database.catalog().await, Dialect::Mysql);
            counted += 1;
            let is_right = match verdict {
                "ok" => findings.iter().all(|finding| finding.severity == Severity::Notice),
                _ => !findings.is_empty(),
            };
            if !is_right {
                wrong.push(format!("{}: Prisma says {verdict}{}", text("id"), told(&findings)));
            }
        }
        database.close().await;
    });
    assert!(wrong.is_empty(), "{} of {counted} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(counted, 8);
}

/// Where the script leaves a finding above a notice, and why.
const LEFT: &[(&str, &str)] = &[
    ("relation/native types differ", "the server refuses a foreign key between the two, so it waits"),
    ("unsupported/index", "the server adds the length of a prefix to an index over a geometry"),
];

/// The script for an empty database is enough: after it nothing is left to find.
#[test]
fn the_script_satisfies_the_schema() {
    let (mut wrong, mut counted, mut same, mut refused) = (Vec::new(), 0, 0, 0);
    on_a_runtime(async {
        let mut database = Fresh::new("script").await;
        let server = database.server().await;
        for case in cases("mysql-ddl.jsonl").iter().filter(|case| case["ok"] == true) {
            let text = |key: &str| case[key].as_str().unwrap_or_default().to_owned();
            let id = text("id");
            let Ok(expected) = lowered(&text("psl"), &database.name) else { continue };
            database.with("").await.unwrap();
            let before = database.catalog().await;
            let script = |findings: &[Difference], actual: &Catalog| {
                ddl::plan(findings, &expected, actual, Dialect::Mysql, &expected.schemas[0]).to_string()
            };
            let text_of = script(&compare(&expected, &before, Dialect::Mysql), &before);
            same += usize::from(text_of.trim() == text("ddl").trim());
            counted += 1;
            let ran = database.with(if expected.tables.is_empty() { "" } else { &text_of }).await;
            let findings = compare(&expected, &database.catalog().await, Dialect::Mysql);
            if ran.is_err() && case["applied"]["verdict"][server] == "sql-error" {
                // The server refuses Prisma's own statements, too.
                refused += 1;
                continue;
            }
            let is_right = ran.is_ok() && findings.iter().all(|finding| finding.severity == Severity::Notice);
            if is_right == LEFT.iter().any(|(other, _)| *other == id) {
                wrong.push(format!("{id}: {ran:?}{}\n{text_of}", told(&findings)));
            }
        }
        database.close().await;
    });
    assert!(wrong.is_empty(), "{} of {counted} are wrong, {same} the same:\n{}", wrong.len(), wrong.join("\n"));
    assert!(counted > 220 && same > 200 && refused < 20, "{counted}, {same} the same, {refused} refused");
}
