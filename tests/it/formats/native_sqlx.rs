//! sqlx's folders, applied as sqlx does: the recorded runs of sqlx beside doorstep's, and its history continued.

use crate::formats::recorded::{Bench, Case, Deviation, Left, cases, compare};
use crate::support::running_migration::{GATE, at_gate, gated, kill, open_gate, terminate};
use crate::support::{Database, Project, sqlite, until};

/// Where doorstep differs by design.
const DEVIATIONS: &[Deviation] = &[
    Deviation {
        case: "sqlx-simple-and-up",
        succeeded: &[false, false],
        rows: Some(&[]),
        tables: &[],
        why: "sqlx applies one of two files of a version, and stops for ever",
    },
    Deviation {
        case: "sqlx-dup-version",
        succeeded: &[false, false],
        rows: Some(&[]),
        tables: &[],
        why: "sqlx applies one of two files of a version, and stops for ever",
    },
    Deviation {
        case: "sqlx-edited-later-pending-first",
        succeeded: &[true, false],
        rows: Some(&["2|pear"]),
        tables: &["pear"],
        why: "sqlx applies an older file and then stops at a changed one; here nothing runs",
    },
];

/// What the program around sqlx's library can be told, and doorstep not.
const SKIPPED: &[(&str, &str)] = &[("sqlx-missing-ignored", "set_ignore_missing is an option of the library")];

/// Version, description, success and checksum of each row.
fn rows(bench: &Bench) -> Vec<String> {
    if !bench.has("_sqlx_migrations") {
        return Vec::new();
    }
    let (success, checksum) = match bench.database {
        Some(_) => ("success::int", "encode(checksum, 'hex')"),
        None => ("success", "lower(hex(checksum))"),
    };
    bench.lines(&format!(
        "SELECT CAST(version AS text) || '|' || description || '|' || {success} || '|' || {checksum} \
         FROM _sqlx_migrations ORDER BY version"
    ))
}

fn recorded_rows(case: &Case) -> Vec<String> {
    let text = |row: &serde_json::Value| {
        let success = row[3] == true || row[3] == 1;
        let [description, checksum] = [1, 4].map(|column| row[column].as_str().unwrap());
        format!("{}|{description}|{}|{checksum}", row[0], u8::from(success))
    };
    case.field("rows").as_array().into_iter().flatten().map(text).collect()
}

#[test]
fn doorstep_does_what_sqlx_did() {
    compare("sqlx", SKIPPED, DEVIATIONS, |case| {
        let bench = case.bench();
        let (succeeded, said) = case.migrated(&bench, |_| case.doorstep(&bench, "sqlx"));
        let left = Left { succeeded, rows: rows(&bench), tables: bench.tables(&["_sqlx_migrations"]) };
        let its = Left { succeeded: case.succeeded(), rows: recorded_rows(case), tables: case.tables() };
        (left, its, said)
    });
}

const APPLE: &str = "CREATE TABLE apple (id int);";

fn reversible() -> Project {
    Project::bare()
        .file("migrations/1_apple.up.sql", APPLE)
        .file("migrations/1_apple.down.sql", "DROP TABLE apple; DROP TABLE nothing;")
}

#[test]
fn a_folder_is_recognised_by_what_sqlx_keeps_beside_it_and_the_way_back_never_runs() {
    for beside in [("sqlx.toml", ""), (".sqlx/query-1.json", "{}"), ("Cargo.toml", "[dependencies]\nsqlx = \"0.9\"\n")]
    {
        let project = reversible().file(beside.0, beside.1);
        let run = |arguments: &[&str]| project.doorstep("file:./dev.db", arguments).run();
        run(&["run"]).code(0).stderr_has("(1 applied)");
        run(&["run"]).code(0).stderr_has("(0 applied)");
        run(&["check"]).code(0);
        run(&["status"]).code(0).stdout_has("1_apple  applied").stdout_has(": current (");
        let rows = sqlite(&project.path("dev.db"), "SELECT version, description, success FROM _sqlx_migrations");
        assert_eq!(rows, "1|apple|1");
    }
    // golang-migrate has such files, too.
    let output = reversible().doorstep("file:./dev.db", &["run"]).run().code(78);
    output.stderr_has("sqlx (").stderr_has("golang-migrate (").stderr_has("migration_format = sql or sqlx");
    reversible()
        .doorstep("file:./dev.db", &["run", "--migration-format", "sqlx"])
        .run()
        .code(0)
        .stderr_has("(1 applied)");
}

#[test]
fn what_its_configuration_says_counts() {
    let toml = "[migrate]\ntable-name = \"hist.done\"\ncreate-schemas = [\"hist\"]\nmigrations-dir = \"db/sqlx\"\n\
                ignored-chars = [\"\\r\"]\n";
    let database = Database::fresh();
    let project =
        Project::bare().file("sqlx.toml", toml).file("db/sqlx/1_apple.sql", "CREATE TABLE apple (id int);\r\n");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    project.write("db/sqlx/1_apple.sql", "CREATE TABLE apple (id int);\n");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(0 applied)");
    assert_eq!(database.sql("SELECT version, success FROM hist.done"), "1|t");
    project.write("sqlx.toml", "[migrate]\ncreate-schemas = [\"other\"]\n");
    project.doorstep(&database.url(), &["run"]).run().code(78).stderr_has("--schemas");
}

#[test]
fn a_history_that_sqlx_made_is_continued() {
    let plain = cases("sqlx").into_iter().find(|case| case.id() == "sqlx-plain").unwrap();
    let database = Database::fresh();
    database.sql(plain.field("history_ddl").as_str().unwrap());
    let row = &plain.field("rows")[0];
    database.sql(&format!(
        "CREATE TABLE apple (id int); INSERT INTO _sqlx_migrations VALUES (1, 'apple', now(), true, decode('{}', 'hex'), 1234)",
        row[4].as_str().unwrap()
    ));
    let project = Project::bare();
    for file in ["1_apple.sql", "2_pear.sql"] {
        let path = format!("migrations/{file}");
        project.write(&path, plain.field("files")[&path].as_str().unwrap());
    }
    let run = |arguments: &[&str]| {
        project.doorstep(&database.url(), arguments).env("DOORSTEP_MIGRATION_FORMAT", "sqlx").run()
    };
    run(&["status"]).code(0).stdout_has("1_apple  applied").stdout_has("2_pear   pending").stdout_has(": behind (");
    run(&["check"]).code(1);
    run(&["run"]).code(0).stderr_has("(1 applied)");
    run(&["check"]).code(0);
    let took = "SELECT version, success, execution_time >= 0, installed_on <= now() FROM _sqlx_migrations ORDER BY 1";
    assert_eq!(database.sql(took), "1|t|t|t\n2|t|t|t");
    // An older image stops, as sqlx does; check passes, since a rollout may be under way.
    std::fs::remove_file(project.path("migrations/2_pear.sql")).unwrap();
    run(&["run"]).code(65).stderr_has("applied, but not in the folder: 2_pear").stderr_has("next: ");
    run(&["status"]).code(0).stdout_has(": ahead (");
    run(&["check"]).code(0);
}

#[test]
fn the_lock_of_sqlx_is_respected_and_taken() {
    let database = gated();
    let project = Project::bare().file("migrations/1_apple.sql", &format!("{APPLE}\n{GATE}"));
    let name = &database.name;
    // CRC-32 of the database's name, as PostgreSQL can compute it.
    let crc = "WITH RECURSIVE bits(position, crc) AS (SELECT 0, 4294967295::bigint UNION ALL SELECT position + 1, \
               CASE WHEN position % 8 = 0 THEN step(crc # get_byte(name, position / 8)) ELSE step(crc) END FROM bits, \
               (SELECT convert_to(current_database(), 'UTF8') AS name) AS named WHERE position < 8 * length(name)) \
               SELECT 1026731422 * ((SELECT crc FROM bits ORDER BY position DESC LIMIT 1) # 4294967295)";
    database.sql(
        "CREATE FUNCTION step(crc bigint) RETURNS bigint LANGUAGE sql AS \
         'SELECT (crc >> 1) # CASE WHEN crc & 1 = 1 THEN 3988292384 ELSE 0 END'",
    );
    let key = database.sql(crc);
    let holder =
        database.idle_session(&format!("SET application_name = 'sqlx migrate'; SELECT pg_advisory_lock({key});"));
    let locks = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database \
                 WHERE locktype = 'advisory' AND granted AND datname = current_database()";
    until("the lock is taken", || (database.sql(locks) == "1").then_some(()));
    let arguments = ["run", "--migration-format", "sqlx", "--migration-lock-timeout", "1s"];
    project.doorstep(&database.url(), &arguments).run().code(75).stderr_has("sqlx migrate");
    kill(holder);
    until("the lock is free", || (database.sql(locks) == "0").then_some(()));
    let doorstep = project.doorstep(&database.url(), &["run", "--migration-format", "sqlx"]).spawn();
    at_gate(&database);
    assert_eq!(database.sql(&format!("SELECT pg_try_advisory_lock({key})")), "f", "{name}");
    // doorstep's own and sqlx's.
    assert_eq!(database.sql(locks), "2");
    open_gate(&database);
    doorstep.finish("doorstep run").code(0).stderr_has("(1 applied)");
}

#[test]
fn what_was_interrupted_is_judged_by_evidence() {
    let database = gated();
    let project = Project::bare()
        .file("migrations/1_apple.sql", &format!("{APPLE}\n{GATE}"))
        .file("migrations/2_pear.sql", "CREATE TABLE pear (id int);");
    let run = |arguments: &[&str]| {
        project.doorstep(&database.url(), arguments).env("DOORSTEP_MIGRATION_FORMAT", "sqlx").run()
    };
    let doorstep = project.doorstep(&database.url(), &["run", "--migration-format", "sqlx"]).spawn();
    let pid = at_gate(&database);
    kill(doorstep);
    terminate(&database, &pid);
    assert_eq!(database.sql("SELECT count(*) FROM _sqlx_migrations"), "0");
    open_gate(&database);
    run(&["run"]).code(0).stderr_has("(2 applied)");
    // A row that says "dirty", of a file of which nothing is there: sqlx would stop for ever.
    database.sql("DROP TABLE pear; UPDATE _sqlx_migrations SET success = false WHERE version = 2");
    run(&["status"]).code(0).stdout_has("none of its objects exist");
    run(&["run"]).code(0).stderr_has("2_pear was interrupted").stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT version, success FROM _sqlx_migrations ORDER BY 1"), "1|t\n2|t");
    // Of one that nothing tells about, a person decides.
    database.sql("UPDATE _sqlx_migrations SET success = false WHERE version = 2");
    run(&["run"]).code(65).stderr_has("table pear: exists").stderr_has("doorstep resolve --applied 2_pear");
    run(&["resolve", "--applied", "2_pear"]).code(0);
    assert_eq!(
        database.sql("SELECT description, success, execution_time FROM _sqlx_migrations WHERE version = 2"),
        "pear|t|-1"
    );
    run(&["run"]).code(0).stderr_has("(0 applied)");
    assert_eq!(database.sql("SELECT to_regclass('_doorstep_runs') IS NULL"), "t");
}

#[test]
fn marks_of_another_tool_stop_a_file_of_which_sqlx_would_run_the_way_back() {
    let text = "-- migrate:up\nCREATE TABLE apple (id int);\n-- migrate:down\nDROP TABLE apple;\n";
    let project = Project::bare().file("migrations/1_apple.sql", text);
    let output = project.doorstep("file:./dev.db", &["run", "--migration-format", "sqlx"]).run().code(65);
    output.stderr_has("marks of dbmate").stderr_has("next: ");
}
