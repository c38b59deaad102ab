//! The SQL that creates what is missing: written as Prisma writes it, and sufficient. tests/cases/prisma-script.jsonl
//! holds schema files with the script that the engine of Prisma 7.10 generates from each for an empty database.

use std::fmt::Write as _;

use doorstep::internals::Catalog;
use doorstep::internals::Dialect;
use doorstep::internals::compare;
use doorstep::internals::ddl;
use doorstep::internals::prisma;
use doorstep::internals::{Difference, DifferenceKind, Severity};
use doorstep::internals::{Scope, Session};

use crate::engines::introspection::{on_a_runtime, session};
use crate::support::{Database, Project};
use crate::verify::{oldest_server, server_version};

/// Cases where the script differs from Prisma's, and why.
const OTHER: &[(&str, &str)] = &[
    ("every scalar and its default", "numbers and documents are held normalised"),
    ("sqlite/bigint id", "Prisma writes a document and bytes without quotes, a name with an open one"),
    ("sqlite/composite", "Prisma writes an expression without the brackets that SQLite wants"),
    ("names that need their quotes", "Prisma does not double the quote in a value of an enum"),
    ("psl: len 64 table", "names are cut as the server cuts them"),
    ("psl-more: long column", "names are cut as the server cuts them"),
    ("psl-more: @map num esc", "Prisma does not double the quote in a name"),
    ("drift: type/char(1) vs Char", "CHAR is CHAR(1)"),
    ("drift: type/bit vs Bit", "BIT is BIT(1)"),
    ("drift: default/float 1 vs 1.0", "numbers are held normalised"),
    ("drift: default/decimal 0 vs 0.00", "numbers are held normalised"),
    ("drift: default/json ws", "documents are held normalised"),
    ("drift: default/json arr", "documents are held normalised"),
    ("drift: index/asc explicit", "ascending is what an index is"),
];

/// Findings above a notice that remain after the script, and why.
const LEFT: &[(&str, &str)] = &[
    ("index/expr mixed matches", "an index of that name is there, over an expression"),
    ("psl-more: autoincrement optional", "the server makes a serial column NOT NULL"),
    ("psl-more: where dt", "the server casts the time in the predicate"),
    ("psl-more: where unique ref", "a foreign key cannot lead to a partial index, so it waits"),
];

fn cases(file: &str) -> Vec<serde_json::Value> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(file);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a schema file expects; `None` for one that cannot be read.
fn lowered(schema: &str, home: &str) -> Option<Catalog> {
    let schema = prisma::parse(&[("schema.prisma".to_owned(), schema.to_owned())]).ok()?;
    Some(prisma::lower(schema, home))
}

#[test]
fn where_everything_is_missing_the_script_is_prismas() {
    let (mut wrong, mut counted) = (String::new(), 0);
    for case in cases("prisma-script.jsonl") {
        let [id, schema, prismas] = ["id", "psl", "script"].map(|key| case[key].as_str().unwrap());
        let (dialect, home) = match schema.contains("\"sqlite\"") {
            true => (Dialect::Sqlite, "main"),
            false => (Dialect::Postgres, "public"),
        };
        let expected = lowered(schema, home).unwrap_or_else(|| panic!("{id}"));
        let nothing = Catalog::default();
        let findings = compare(&expected, &nothing, dialect);
        let ours = ddl::plan(&findings, &expected, &nothing, dialect, home).to_string();
        counted += 1;
        let is_same = ours.trim() == prismas.trim();
        if is_same == OTHER.iter().any(|(other, _)| *other == id) {
            let line = ours.lines().zip(prismas.lines()).find(|(ours, prismas)| ours != prismas);
            writeln!(wrong, "{id}: same: {is_same} {line:#?}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(counted > 100, "{counted}");
}

/// The script between what one schema file makes and what another one expects.
fn between(actual: &str, expected: &str) -> String {
    let lowered = |models: &str| {
        let schema = format!("datasource db {{\n provider = \"postgresql\"\n}}\n{models}");
        lowered(&schema, "public").unwrap_or_else(|| panic!("{models}"))
    };
    let (actual, expected) = (lowered(actual), lowered(expected));
    let findings = compare(&expected, &actual, Dialect::Postgres);
    ddl::plan(&findings, &expected, &actual, Dialect::Postgres, "public").to_string()
}

#[test]
fn what_cannot_be_created_waits_in_a_comment() {
    let there = "model A {\n id Int @id\n x String\n @@index([x], map: \"taken\")\n}\n";
    let of = |wanted: &str| between(there, wanted);
    let renamed = between("enum role {\n A\n}\n", "enum Role {\n A\n}\nmodel B {\n id Int @id\n r Role\n}\n");
    assert_eq!(renamed, "-- CreateTable\n-- \"B\" waits: there is no enum \"Role\"\n");
    let key = |target: &str| {
        format!("{target}model B {{\n id Int @id\n aId Int\n a Aa @relation(fields: [aId], references: [key])\n}}\n")
    };
    let waits = |script: &str, why: &str| {
        assert!(script.contains(&format!(" waits: {why}.\n")), "{script}");
        assert!(!script.contains("ADD CONSTRAINT \"B_aId_fkey\""), "{script}");
    };
    // The table exists as `A`; its key has another type; the referenced column is not unique.
    let table = |model: &str| format!("model Aa {{\n {model}\n bs B[]\n @@map(\"A\")\n}}\n");
    waits(&of(&key("model Aa {\n key Int @id\n bs B[]\n @@map(\"a\")\n}\n")), "there is no such table");
    waits(&of(&key(&table("key Int @id @map(\"iD\")"))), "there is no such column");
    waits(&of(&key(&table("id Int @id\n key Int @unique @map(\"x\")"))), "the types differ");
    let bare = "model A {\n id Int @id\n x Int\n @@index([x])\n}\nmodel B {\n id Int @id\n @@index([id], map: \"A_x_key\")\n}\n";
    let script = between(bare, &key(&table("id Int @id\n key Int @unique(map: \"A_x_key\") @map(\"x\")")));
    waits(&script, "what it leads to is not unique");
    // A name that ends a line does not end the comment.
    let broken = "enum E {\n A\n}\nmodel B {\n id Int @id\n r E\n @@map(\"b\\rDROP\\nDROP\")\n}\n";
    let script = between("enum e {\n A\n}\n", broken);
    assert_eq!(script, "-- CreateTable\n-- \"b\n-- DROP\n-- DROP\" waits: there is no enum \"E\"\n");
    // A relation name is unique in a schema.
    let script = of("model A {\n id Int @id\n x String\n}\nmodel C {\n id Int @id\n @@map(\"taken\")\n}\n");
    assert_eq!(script, "-- CreateTable\n-- \"taken\" waits: something else has that name.\n");
}

#[test]
fn names_are_those_of_the_database_and_what_is_there_stays() {
    let there = "model A {\n id Int @id\n report_id Int?\n wide Int\n}\n";
    let script = between(there, "model A {\n id Int @id\n reportId Int?\n wide BigInt\n @@index([reportId])\n}\n");
    assert_eq!(script, "-- CreateIndex\nCREATE INDEX \"A_reportId_idx\" ON \"A\"(\"report_id\");\n");
    assert_eq!(between(there, there), "-- This is an empty migration.\n");
}

/// All objects of a catalog as text, to see that none has disappeared.
fn things(catalog: &Catalog) -> Vec<String> {
    let mut things = Vec::new();
    for table in &catalog.tables {
        let name = &table.name;
        things.push(name.to_string());
        things.extend(table.primary_key.iter().map(|key| format!("{name} {key:?}")));
        things.extend(table.columns.iter().map(|column| format!("{name} {column:?}")));
        things.extend(table.indexes.iter().map(|index| format!("{name} {index:?}")));
        things.extend(table.foreign_keys.iter().map(|key| format!("{name} {key:?}")));
        things.extend(table.constraints.iter().map(|constraint| format!("{name} {constraint:?}")));
    }
    things
        .extend(catalog.enums.iter().flat_map(|of| of.values.iter().map(move |value| format!("{} {value}", of.name))));
    things.extend(catalog.views.iter().map(|view| format!("view {view}")));
    things
}

const EMPTY: &str =
    "DROP SCHEMA IF EXISTS s2, a, b, base, \"it's\" CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public; ";

async fn read(session: &mut dyn Session, expected: &Catalog) -> Catalog {
    let mut schemas = expected.schemas.clone();
    schemas.push("public".to_owned());
    session.catalog(&Scope { schemas: &schemas, role: None }).await.unwrap()
}

fn told(findings: &[Difference]) -> String {
    findings.iter().map(|finding| format!("\n      {:?}: {finding}", finding.severity)).collect()
}

/// Runs the scripts until nothing changes, and returns the remaining findings.
async fn close(session: &mut dyn Session, schema: &str) -> Result<Vec<Difference>, String> {
    let expected = lowered(schema, "public").unwrap();
    let before = read(session, &expected).await;
    let findings = compare(&expected, &before, Dialect::Postgres);
    let script = ddl::plan(&findings, &expected, &before, Dialect::Postgres, "public").to_string();
    // A migration is one message, but what uses a new value of an enum goes into the next one.
    let (first, second) = match script.split_once("-- AlterTable").or_else(|| script.split_once("-- CreateTable")) {
        Some((first, second)) if first.contains("A default below uses a new value") => (first, second),
        _ => (script.as_str(), ""),
    };
    for script in [first, second] {
        let ran = session.execute(script.to_owned()).await;
        ran.map_err(|fault| format!("{fault:?}\n{script}{}", told(&findings)))?;
    }
    let after = read(session, &expected).await;
    let there = things(&after);
    if let Some(gone) = things(&before).iter().find(|thing| !there.contains(thing)) {
        return Err(format!("{gone} has gone\n{script}"));
    }
    let left = compare(&expected, &after, Dialect::Postgres);
    // Statements that must wait for a later migration are not tried again.
    let again = ddl::plan(&left, &expected, &after, Dialect::Postgres, "public").to_string();
    match again.lines().any(|line| !line.is_empty() && !line.starts_with("--")) {
        true => Err(format!("there is more to do:\n{again}\nafter\n{script}")),
        false => Ok(left),
    }
}

#[test]
fn after_the_script_nothing_is_missing_and_all_that_was_there_still_is() {
    let database = Database::fresh();
    let version = server_version(&database);
    let mut wrong = String::new();
    let mut counted = 0;
    on_a_runtime(async {
        let mut session = session(&database.url()).await;
        for case in cases("prisma-drift.jsonl") {
            let [id, sql, schema] = ["id", "sql", "psl"].map(|key| case[key].as_str().unwrap_or_default());
            if case["verdict"]["7.10"] == "error" || oldest_server(sql) > version {
                continue;
            }
            session.execute(format!("{EMPTY}{sql}")).await.unwrap_or_else(|fault| panic!("{id}: {fault:?}"));
            counted += 1;
            match close(session.as_mut(), schema).await {
                Ok(left) => {
                    let left = left.into_iter().filter(|it| it.kind == DifferenceKind::Missing).collect::<Vec<_>>();
                    if left.is_empty() == is_left(id) {
                        writeln!(wrong, "{id}: {}", told(&left)).unwrap();
                    }
                }
                Err(why) => writeln!(wrong, "{id}: {why}").unwrap(),
            }
        }
        session.close().await;
    });
    assert!(wrong.is_empty(), "{wrong}");
    assert!(counted > 190, "{counted}");
}

fn is_left(id: &str) -> bool {
    LEFT.iter().any(|(other, _)| *other == id)
}

/// Whether the server accepts what Prisma itself would run.
async fn takes_prismas(session: &mut dyn Session, case: &serde_json::Value) -> bool {
    session.execute(EMPTY.to_owned()).await.unwrap();
    session.execute(case["script"].as_str().unwrap().to_owned()).await.is_ok()
}

#[test]
fn from_an_empty_database_the_script_makes_all_that_is_expected() {
    let database = Database::fresh();
    let (mut wrong, mut counted) = (String::new(), 0);
    database.sql(&format!(
        "CREATE SCHEMA types; CREATE EXTENSION citext SCHEMA types; CREATE EXTENSION pg_trgm SCHEMA types; \
         ALTER DATABASE {} SET search_path = public, types",
        database.name
    ));
    on_a_runtime(async {
        let mut session = session(&database.url()).await;
        for case in cases("prisma-script.jsonl") {
            let [id, schema] = ["id", "psl"].map(|key| case[key].as_str().unwrap());
            if schema.contains("\"sqlite\"") {
                continue;
            }
            session.execute(EMPTY.to_owned()).await.unwrap();
            counted += 1;
            match close(session.as_mut(), schema).await {
                Ok(left) => {
                    let left = left.into_iter().filter(|it| it.severity > Severity::Notice).collect::<Vec<_>>();
                    if left.is_empty() == is_left(id) {
                        writeln!(wrong, "{id}: {}", told(&left)).unwrap();
                    }
                }
                // A type that does not exist, or a default that does not fit: the schema file cannot be satisfied.
                Err(why) if takes_prismas(session.as_mut(), &case).await => writeln!(wrong, "{id}: {why}").unwrap(),
                Err(_) => {}
            }
        }
        session.close().await;
    });
    assert!(wrong.is_empty(), "{wrong}");
    assert!(counted > 200, "{counted}");
}

/// A database as large as a service's usually is.
#[test]
fn thirty_tables_are_made_in_one_go() {
    let mut schema = String::from("datasource db {\n provider = \"postgresql\"\n}\nenum Role {\n A\n B\n}\n");
    for number in 0..30 {
        let next = (number + 1) % 30;
        let before = (number + 29) % 30;
        write!(
            schema,
            "model T{number} {{\n id Int @id @default(autoincrement())\n name String @unique\n role Role @default(A)\n \
             at DateTime @default(now())\n tags String[] @default([])\n nextId Int?\n \
             next T{next}? @relation(\"r{number}\", fields: [nextId], references: [id])\n \
             before T{before}[] @relation(\"r{before}\")\n @@index([nextId, name(sort: Desc)])\n}}\n"
        )
        .unwrap();
    }
    let database = Database::fresh();
    let left = on_a_runtime(async {
        let mut session = session(&database.url()).await;
        let left = close(session.as_mut(), &schema).await;
        session.close().await;
        left
    });
    assert_eq!(left, Ok(Vec::new()));
}

#[test]
fn sqlite_takes_the_script_and_has_what_is_expected() {
    let mut counted = 0;
    for case in cases("prisma-script.jsonl") {
        let [id, schema] = ["id", "psl"].map(|key| case[key].as_str().unwrap());
        if !schema.contains("\"sqlite\"") {
            continue;
        }
        let expected = lowered(schema, "main").unwrap();
        let nothing = Catalog::default();
        let findings = compare(&expected, &nothing, Dialect::Sqlite);
        let script = ddl::plan(&findings, &expected, &nothing, Dialect::Sqlite, "main").to_string();
        let project = Project::sqlite();
        let path = project.path("dev.db");
        std::fs::write(&path, "").unwrap();
        crate::support::sqlite(&path, &script);
        let actual = on_a_runtime(async {
            let mut session = session(&format!("file:{}", path.display())).await;
            let catalog = session.catalog(&Scope::default()).await.unwrap();
            session.close().await;
            catalog
        });
        let left = compare(&expected, &actual, Dialect::Sqlite);
        assert!(left.iter().all(|finding| finding.severity == Severity::Notice), "{id}: {}", told(&left));
        counted += 1;
    }
    assert!(counted >= 3, "{counted}");
}
