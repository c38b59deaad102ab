//! Where Prisma itself finds a difference between a database and a schema file, and where it does not:
//! tests/cases/prisma-drift.jsonl holds SQL, a schema and the result of the real engine, for each version.

use doorstep::internals::Catalog;
use doorstep::internals::Dialect;
use doorstep::internals::Scope;
use doorstep::internals::compare;
use doorstep::internals::prisma;
use doorstep::internals::{Difference, DifferenceKind, Severity};

use crate::engines::introspection::{on_a_runtime, session};
use crate::support::{Database, Project};
use crate::verify::{oldest_server, server_version};

/// The engine whose results are compared.
const ENGINE: &str = "7.10";

/// Prisma reports a difference although there is none: even for its own output, or because it does not read the default of a
/// domain, which fills the column as one of its own does.
const LENIENT: &[&str] = &["type/char(1) vs Char", "type/bit vs Bit", "default/domain default in type"];

/// Broken indexes and unchecked keys, at which Prisma does not look.
const STRICT: &[&str] = &["table/fk not valid", "misc/invalid index (concurrent failed)"];

/// Prisma rejects these schema files or databases, so there is nothing to compare.
fn is_refused(verdict: &str) -> bool {
    verdict == "error"
}

fn tell(findings: &[Difference]) -> String {
    findings.iter().map(|finding| format!("\n      {:?}: {finding}", finding.severity)).collect()
}

#[test]
fn the_verdict_is_prismas() {
    let database = Database::fresh();
    let version = server_version(&database);
    let cases =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/prisma-drift.jsonl")).unwrap();
    let mut wrong = Vec::new();
    let mut counted = 0;
    on_a_runtime(async {
        let mut session = session(&database.url()).await;
        for case in cases.lines() {
            let case: serde_json::Value = serde_json::from_str(case).unwrap();
            let text = |key: &str| case[key].as_str().unwrap_or_default();
            let (id, verdict) = (text("id"), case["verdict"][ENGINE].as_str().unwrap());
            if is_refused(verdict) || oldest_server(text("sql")) > version {
                continue;
            }
            let clean = "DROP SCHEMA IF EXISTS s2 CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public; ";
            session.execute(format!("{clean}{}", text("sql"))).await.unwrap_or_else(|fault| panic!("{id}: {fault:?}"));
            let schemas = ["public".to_owned(), "s2".to_owned()];
            let actual = session.catalog(&Scope { schemas: &schemas, role: None }).await.unwrap();
            let expected = expected(text("psl"));
            let findings = compare(&expected, &actual, Dialect::Postgres);
            counted += 1;
            let worst = findings.iter().map(|finding| finding.severity).max();
            let right = match verdict {
                _ if LENIENT.contains(&id) => worst.is_none(),
                _ if STRICT.contains(&id) => {
                    worst == Some(Severity::Warning) && findings.iter().all(|it| it.kind == DifferenceKind::Invalid)
                }
                "ok" => worst.is_none_or(|worst| worst == Severity::Notice),
                _ => worst.is_some() && findings.iter().all(is_severe_enough),
            };
            if !right {
                wrong.push(format!("{id}: Prisma says {verdict}; here {worst:?}{}", tell(&findings)));
            }
        }
        session.close().await;
    });
    assert!(wrong.is_empty(), "{} of {counted} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(counted > 190, "{counted}");
}

/// A missing object that a query needs is an error.
fn is_severe_enough(finding: &Difference) -> bool {
    let essential = ["table ", "column ", "enum ", "primary_key ", "unique "];
    let is_missing = matches!(finding.kind, DifferenceKind::Missing);
    !is_missing
        || finding.severity == Severity::Error
        || !essential.iter().any(|thing| finding.object.to_string().starts_with(thing))
}

fn expected(schema: &str) -> Catalog {
    let schema = prisma::parse(&[("schema.prisma".to_owned(), schema.to_owned())]).unwrap_or_else(|e| panic!("{e:?}"));
    prisma::lower(schema, "public")
}

/// What Prisma makes of a schema on SQLite is what the schema expects.
#[test]
fn prismas_own_tables_on_sqlite_are_as_expected() {
    let project = Project::sqlite();
    let path = project.path("dev.db");
    std::fs::write(&path, "").unwrap();
    crate::support::sqlite(
        &path,
        "CREATE TABLE \"User\" (\"id\" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, \"email\" TEXT NOT NULL, \
         \"active\" BOOLEAN NOT NULL DEFAULT true, \"price\" DECIMAL DEFAULT 1.5, \"big\" BIGINT, \"ratio\" REAL, \
         \"raw\" BLOB, \"at\" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, \"name\" TEXT NOT NULL DEFAULT 'it''s'); \
         CREATE UNIQUE INDEX \"User_email_key\" ON \"User\"(\"email\"); \
         CREATE TABLE \"Post\" (\"id\" TEXT NOT NULL PRIMARY KEY, \"userId\" INTEGER, CONSTRAINT \"Post_userId_fkey\" \
         FOREIGN KEY (\"userId\") REFERENCES \"User\" (\"id\") ON DELETE SET NULL ON UPDATE CASCADE); \
         CREATE TABLE \"_prisma_migrations\" (\"id\" TEXT PRIMARY KEY)",
    );
    let schema = "datasource db {\n provider = \"sqlite\"\n url = \"file:./dev.db\"\n}\nmodel User {\n \
        id Int @id @default(autoincrement())\n email String @unique\n active Boolean @default(true)\n \
        price Decimal? @default(1.5)\n big BigInt?\n ratio Float?\n raw Bytes?\n at DateTime @default(now())\n \
        name String @default(\"it's\")\n posts Post[]\n}\nmodel Post {\n id String @id @default(uuid())\n userId Int?\n \
        user User? @relation(fields: [userId], references: [id])\n}\n";
    let actual = on_a_runtime(async {
        let mut session = session(&format!("file:{}", path.display())).await;
        let catalog = session.catalog(&Scope::default()).await.unwrap();
        session.close().await;
        catalog
    });
    let schema = prisma::parse(&[("schema.prisma".to_owned(), schema.to_owned())]).unwrap_or_else(|e| panic!("{e:?}"));
    let findings = compare(&prisma::lower(schema, "main"), &actual, Dialect::Sqlite);
    assert!(findings.is_empty(), "{}", tell(&findings));
}
