//! dbmate's folders, applied as dbmate does: the recorded runs of dbmate beside doorstep's, and its history continued.

use crate::formats::recorded::{Bench, Case, Deviation, Left, cases, compare};
use crate::support::{Database, Doorstep, Project, sqlite};

/// Where doorstep differs by design.
const DEVIATIONS: &[Deviation] = &[
    Deviation {
        case: "dbmate-golang-table",
        succeeded: &[false],
        rows: None,
        tables: &[],
        why: "dbmate takes golang-migrate's versions for its own",
    },
    Deviation {
        case: "dbmate-ecto-table",
        succeeded: &[false],
        rows: None,
        tables: &[],
        why: "dbmate takes Ecto's versions for its own",
    },
    Deviation {
        case: "dbmate-dup-version",
        succeeded: &[false, false],
        rows: None,
        tables: &[],
        why: "dbmate never runs the second file of a version",
    },
    Deviation {
        case: "dbmate-odd-names",
        succeeded: &[false],
        rows: None,
        tables: &[],
        why: "it has two files of the version 1 and two of 3; nothing is half applied",
    },
    Deviation {
        case: "dbmate-two-sections",
        succeeded: &[true, true],
        rows: None,
        tables: &["apple", "pear", "plum"],
        why: "dbmate 2.36 loses the second section; here both run with the one row, as in 2.37",
    },
    Deviation {
        case: "dbmate-concurrently-two-statements",
        succeeded: &[true],
        rows: None,
        tables: &["apple"],
        why: "dbmate sends both statements in one message, which PostgreSQL refuses; here they run one after the other",
    },
    Deviation {
        case: "dbmate-search-path-set",
        succeeded: &[true, true],
        rows: None,
        tables: &["alt.apple"],
        why: "dbmate looks for its table along the path that the file has set",
    },
    Deviation {
        case: "dbmate-own-begin-commit-whole",
        succeeded: &[true, true],
        rows: None,
        tables: &["apple"],
        why: "dbmate fails at its own COMMIT after all was kept and recorded; BEGIN and COMMIT are left out here",
    },
];

/// Options of dbmate's command that doorstep does not have.
const SKIPPED: &[(&str, &str)] = &[("dbmate-strict-text", "dbmate up --strict is an option of its command")];

fn folder(case: &Case) -> &'static str {
    let files = case.field("files").as_object().unwrap();
    if files.keys().any(|path| path.starts_with("m/")) { "m" } else { "db/migrations" }
}

fn doorstep(case: &Case, bench: &Bench, step: &str) -> Doorstep {
    let parameter = if step.ends_with("search_path") { "?search_path=alt" } else { "" };
    let url = bench.url() + parameter;
    let arguments = ["migrate", "--migrations", folder(case), "--migration-format", "dbmate"];
    let call = bench.project.doorstep(&url, &arguments);
    match case.env("DBMATE_MIGRATIONS_TABLE") {
        Some(table) => call.env("DBMATE_MIGRATIONS_TABLE", table),
        None => call,
    }
}

fn versions(bench: &Bench) -> Vec<String> {
    match bench.has("schema_migrations") {
        true => bench.lines("SELECT CAST(version AS text) FROM schema_migrations ORDER BY 1"),
        false => Vec::new(),
    }
}

fn recorded_versions(case: &Case) -> Option<Vec<String>> {
    let rows = case.field("rows").as_array()?;
    let text = |row: &serde_json::Value| row[0].as_str().map_or_else(|| row[0].to_string(), str::to_owned);
    Some(rows.iter().map(text).collect())
}

#[test]
fn doorstep_does_what_dbmate_did() {
    compare("dbmate", SKIPPED, DEVIATIONS, |case| {
        let bench = case.bench();
        if case.has_step("up search_path") {
            bench.sql("CREATE SCHEMA alt");
        }
        let (succeeded, said) = case.migrated(&bench, |step| doorstep(case, &bench, step));
        let hidden = ["schema_migrations", "alt.schema_migrations"];
        let left = Left { succeeded, rows: versions(&bench), tables: bench.tables(&hidden) };
        let rows = recorded_versions(case).unwrap_or_else(|| left.rows.clone());
        let its = Left { succeeded: case.succeeded(), rows, tables: case.tables() };
        (left, its, said)
    });
}

const DOWN: &str = "\n-- migrate:down\nDROP TABLE apple;\nDROP TABLE side.go;\n";

fn file(up: &str) -> String {
    format!("-- migrate:up\n{up}{DOWN}")
}

fn apple() -> Project {
    Project::bare().file("db/migrations/20240101000000_apple.sql", &file("CREATE TABLE apple (id int);"))
}

#[test]
fn a_folder_with_its_marks_is_recognised_at_its_usual_places_and_the_way_back_never_runs() {
    for place in ["db/migrations", "migrations", "elsewhere"] {
        let path = format!("{place}/20240101000000_apple.sql");
        let project = Project::bare().file(&path, &file("CREATE TABLE apple (id int);"));
        let run = |arguments: &[&str]| {
            let call = project.doorstep("file:./dev.db", arguments);
            let call = if place == "elsewhere" { call.env("DBMATE_MIGRATIONS_DIR", place) } else { call };
            call.run()
        };
        run(&["run"]).code(0).stderr_has("(1 applied)").stderr_has("WARN  migrate: dbmate takes no lock");
        run(&["run"]).code(0).stderr_has("(0 applied)").stderr_lacks("takes no lock");
        run(&["check"]).code(0);
        run(&["status"]).code(0).stdout_has("20240101000000_apple  applied").stdout_has(": current (");
        let ddl = sqlite(&project.path("dev.db"), "SELECT sql FROM sqlite_master ORDER BY rowid");
        assert!(ddl.contains("schema_migrations\" (version varchar(128) PRIMARY KEY)"), "{ddl}");
        assert!(ddl.contains("CREATE TABLE apple") && !ddl.contains("_doorstep"), "{ddl}");
    }
    // Rails keeps its files there, too.
    let rails = Project::bare().file("db/migrations/20240101000000_apple.rb", "");
    rails.doorstep("file:./dev.db", &["run"]).run().code(0);
}

#[test]
fn a_history_that_dbmate_made_is_continued() {
    let plain = cases("dbmate").into_iter().find(|case| case.id() == "dbmate-tx-false").unwrap();
    let database = Database::fresh();
    database.sql(plain.field("history_ddl").as_str().unwrap());
    database.sql(
        "INSERT INTO schema_migrations VALUES ('20230101000000'), ('20240101000000'); CREATE TABLE apple (id int)",
    );
    let project = apple().file("db/migrations/20240202000000_pear.sql", &file("CREATE TABLE pear (id int);"));
    let status = project.doorstep(&database.url(), &["status"]).run().code(0);
    // dbmate ignores the version whose file is gone.
    status.stdout_has("20240101000000_apple  applied").stdout_has("20230101000000").stdout_has(": behind (");
    project.doorstep(&database.url(), &["check"]).run().code(1);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    project.doorstep(&database.url(), &["check"]).run().code(0);
    let rows = database.sql("SELECT version FROM schema_migrations ORDER BY 1");
    assert_eq!(rows, "20230101000000\n20240101000000\n20240202000000");
}

#[test]
fn a_history_of_plain_sql_stops_until_the_setting_says_which_it_is() {
    let database = Database::fresh();
    let project = Project::bare().file("migrations/1_apple.sql", &file("CREATE TABLE apple (id int);"));
    let run = |format: &[&str]| project.doorstep(&database.url(), &[&["run"], format].concat()).run();
    run(&["--migration-format", "sql"]).code(0).stderr_has("(1 applied)");
    let output = run(&[]).code(78).stderr_has("_doorstep_migrations").stderr_has("schema_migrations");
    output.stderr_has("migration_format = sql").stderr_has("migration_format = dbmate");
    run(&["--migration-format", "sql"]).code(0).stderr_has("(0 applied)");
    assert_eq!(database.sql("SELECT to_regclass('schema_migrations') IS NULL"), "t");
}

#[test]
fn an_existing_database_is_adopted_version_by_version() {
    let database = Database::fresh();
    database.sql("CREATE TABLE apple (id int)");
    let project = apple();
    project.doorstep(&database.url(), &["baseline"]).run().code(0).stdout_has("20240101000000_apple is recorded");
    assert_eq!(database.sql("SELECT version FROM schema_migrations"), "20240101000000");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(0 applied)");
    project.doorstep(&database.url(), &["replay"]).run().code(0).stdout_has("runs from scratch: 1 migrations");
}

#[test]
fn a_statement_that_refuses_a_transaction_needs_the_mark() {
    let database = Database::fresh();
    let project =
        apple().file("db/migrations/20240202000000_ix.sql", &file("CREATE INDEX CONCURRENTLY ix ON apple (id);"));
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("the statement in line 2").stderr_has("-- migrate:up transaction:false");
    assert_eq!(database.sql("SELECT to_regclass('apple') IS NULL"), "t");
}

#[test]
fn the_table_has_the_name_of_the_setting() {
    for (name, value) in [("DBMATE_MIGRATIONS_TABLE", "hist.done"), ("DOORSTEP_HISTORY_TABLE", "hist.done")] {
        let database = Database::fresh();
        let project = apple();
        for applied in ["(1 applied)", "(0 applied)"] {
            project.doorstep(&database.url(), &["run"]).env(name, value).run().code(0).stderr_has(applied);
        }
        assert_eq!(database.sql("SELECT version FROM hist.done"), "20240101000000");
        assert_eq!(database.sql("SELECT to_regclass('schema_migrations') IS NULL"), "t");
    }
}
