//! dbmate's folders, applied as dbmate does: the recorded runs of dbmate beside doorstep's, and its history continued.

use crate::formats::recorded::{Bench, Case, Left, cases};
use crate::support::running_migration::{GATE, at_gate, gated, kill, open_gate, terminate};
use crate::support::{Database, Doorstep, Project, sqlite};

/// Where doorstep differs by design: what it ends with, the tables it leaves, and why.
const DEVIATIONS: &[(&str, &[bool], &[&str], &str)] = &[
    ("dbmate-golang-table", &[false], &[], "dbmate takes golang-migrate's versions for its own"),
    ("dbmate-ecto-table", &[false], &[], "dbmate takes Ecto's versions for its own"),
    ("dbmate-dup-version", &[false, false], &[], "dbmate never runs the second file of a version"),
    ("dbmate-odd-names", &[false], &[], "it has two files of the version 1 and two of 3; nothing is half applied"),
    (
        "dbmate-two-sections",
        &[true, true],
        &["apple", "pear", "plum"],
        "dbmate 2.36 loses the second section; here both run with the one row, as in 2.37",
    ),
    (
        "dbmate-concurrently-two-statements",
        &[true],
        &["apple"],
        "dbmate sends both statements in one message, which PostgreSQL refuses; here they run one after the other",
    ),
    (
        "dbmate-search-path-set",
        &[true, true],
        &["alt.apple"],
        "dbmate looks for its table along the path that the file has set",
    ),
    (
        "dbmate-own-begin-commit-whole",
        &[true, true],
        &["apple"],
        "dbmate fails at its own COMMIT after all was kept and recorded; BEGIN and COMMIT are left out here",
    ),
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
    let (mut wrong, mut agreed, mut deviated) = (Vec::new(), 0, 0);
    for case in cases("dbmate") {
        if SKIPPED.iter().any(|(id, _)| *id == case.id()) {
            continue;
        }
        let bench = case.bench();
        if case.has_step("up search_path") {
            bench.sql("CREATE SCHEMA alt");
        }
        let mut texts = Vec::new();
        let succeeded = case.steps(&bench, |step| {
            let output = doorstep(&case, &bench, step).run();
            texts.push(output.stderr.clone());
            output.code == Some(0)
        });
        let hidden = ["schema_migrations", "alt.schema_migrations"];
        let left = Left { succeeded, rows: versions(&bench), tables: bench.tables(&hidden) };
        let its = Left {
            succeeded: case.succeeded(),
            rows: recorded_versions(&case).unwrap_or_else(|| left.rows.clone()),
            tables: case.tables(),
        };
        match DEVIATIONS.iter().find(|(id, ..)| *id == case.id()) {
            Some((_, succeeded, tables, _)) => {
                deviated += 1;
                if left.succeeded != *succeeded || left.tables != *tables || left == its {
                    wrong.push(format!("{} deviates as {left:?}: {texts:?}", case.id()));
                }
            }
            None if left == its => agreed += 1,
            None => wrong.push(format!("{}: dbmate {its:?}\n  doorstep {left:?}\n  {texts:?}", case.id())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((agreed, deviated, SKIPPED.len(), DEVIATIONS.len()), (91, 8, 1, 8));
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
fn a_file_that_fails_in_its_transaction_leaves_nothing_and_runs_again() {
    let database = Database::fresh();
    let project =
        apple().file("db/migrations/20240202000000_pear.sql", &file("CREATE TABLE pear (id int);\nSELECT 1 / 0;"));
    for _ in 0..2 {
        let output = project.doorstep(&database.url(), &["run"]).run().code(65);
        output.stderr_has("20240202000000_pear.sql:3").stderr_has("next: repair the file, and start again");
        assert_eq!(
            database
                .sql("SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'"),
            "apple,schema_migrations"
        );
    }
    project.write("db/migrations/20240202000000_pear.sql", &file("CREATE TABLE pear (id int);"));
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
}

#[test]
fn a_file_that_was_interrupted_in_its_transaction_runs_again() {
    let database = gated();
    let project =
        Project::bare().file("db/migrations/1_apple.sql", &file(&format!("CREATE TABLE apple (id int);\n{GATE}")));
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = at_gate(&database);
    kill(doorstep);
    terminate(&database, &pid);
    assert_eq!(database.sql("SELECT count(*) FROM schema_migrations"), "0");
    open_gate(&database);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT version FROM schema_migrations"), "1");
}

#[test]
fn a_file_outside_a_transaction_has_a_note_until_its_row_is_written() {
    let script = format!(
        "-- migrate:up transaction:false\nCREATE TABLE apple (id int);\nVACUUM apple;\n{GATE}\nCREATE TABLE pear (id int);{DOWN}"
    );
    let database = gated();
    let project = Project::bare().file("db/migrations/1_apple.sql", &script);
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = at_gate(&database);
    let status = project.doorstep(&database.url(), &["status"]).run().code(0);
    status.stdout_has("1_apple").stdout_has("running");
    kill(doorstep);
    terminate(&database, &pid);
    assert_eq!(database.sql("SELECT count(*) FROM schema_migrations"), "0");
    assert_eq!(database.sql("SELECT name, steps FROM _doorstep_runs"), "schema_migrations/1_apple|2");
    open_gate(&database);
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    output.stderr_has("it goes on with statement 3").stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT version FROM schema_migrations"), "1");
    // dbmate finds its database as it left it.
    assert_eq!(database.sql("SELECT to_regclass('_doorstep_runs') IS NULL, to_regclass('pear') IS NULL"), "t|f");
}

#[test]
fn what_cannot_be_told_stops_the_next_start_until_a_person_decides() {
    let script = "-- migrate:up\nCREATE TABLE apple (id int);\nCOMMIT;\nSELECT 1 / 0;\n-- migrate:down\n";
    for (mark, rows) in [("--applied", "1"), ("--rolled-back", "")] {
        let database = Database::fresh();
        let project = Project::bare().file("db/migrations/1_apple.sql", script);
        project.doorstep(&database.url(), &["run"]).run().code(65).stderr_has("parts of it may have been kept");
        let output = project.doorstep(&database.url(), &["run"]).run().code(65);
        output.stderr_has("migrations that did not finish").stderr_has("doorstep resolve --rolled-back 1_apple");
        project.doorstep(&database.url(), &["status"]).run().code(0).stdout_has(": failed (");
        project.doorstep(&database.url(), &["resolve", mark, "1_apple"]).run().code(0);
        assert_eq!(database.sql("SELECT version FROM schema_migrations"), rows);
        assert_eq!(database.sql("SELECT to_regclass('_doorstep_runs') IS NULL"), "t");
    }
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
