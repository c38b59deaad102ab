//! node-pg-migrate's SQL files, applied as it does: its recorded runs beside doorstep's, and its history continued.

use crate::formats::recorded::{Bench, Case, Deviation, Left, cases, compare};
use crate::support::running_migration::kill;
use crate::support::{Database, Project, until, variable};

const MARKS: &str = "node-pg-migrate runs also the part that takes the migration back, and ends with success";

const fn refused(case: &'static str, why: &'static str) -> Deviation {
    Deviation { case, succeeded: &[false], rows: Some(&[]), tables: &[], why }
}

/// Where doorstep differs by design.
const DEVIATIONS: &[Deviation] = &[
    refused("node-pg-migrate-mark-up-only", MARKS),
    refused("node-pg-migrate-mark-none-down", MARKS),
    refused("node-pg-migrate-mark-goose", MARKS),
    refused("node-pg-migrate-mark-dbmate", MARKS),
    Deviation {
        case: "node-pg-migrate-fail-middle",
        succeeded: &[false, false],
        rows: Some(&["1700000000000_apple"]),
        tables: &["apple"],
        why: "each file commits with its row, as with --no-single-transaction: the files before the one that fails stay",
    },
];

/// Options of node-pg-migrate's command that doorstep does not have.
const SKIPPED: &[(&str, &str)] = &[
    ("node-pg-migrate-fake", "--fake records what did not run; doorstep baseline looks whether it is there"),
    ("node-pg-migrate-timestamp-flag", "an option of its command"),
    ("node-pg-migrate-count", "an option of its command"),
    ("node-pg-migrate-dry-run", "an option of its command"),
];

/// The names, in the order in which node-pg-migrate reads them.
fn rows(bench: &Bench) -> Vec<String> {
    match bench.has("pgmigrations") {
        true => bench.lines("SELECT name FROM pgmigrations ORDER BY run_on, id"),
        false => Vec::new(),
    }
}

fn recorded_rows(case: &Case) -> Vec<String> {
    let text = |row: &serde_json::Value| row[1].as_str().unwrap().to_owned();
    case.field("rows").as_array().into_iter().flatten().map(text).collect()
}

#[test]
fn doorstep_does_what_node_pg_migrate_did() {
    compare("node-pg-migrate", SKIPPED, DEVIATIONS, |case| {
        let bench = case.bench();
        // With migrations in code doorstep starts the real tool.
        let packages = format!("{}/node_modules", variable("REAL_TOOLS"));
        std::os::unix::fs::symlink(packages, bench.project.path("node_modules")).unwrap();
        let (succeeded, said) = case.migrated(&bench, |step| {
            let folder = if step.contains("-m db/m") { "db/m" } else { "migrations" };
            let schema = if step.contains("-s alt") { "?schema=alt" } else { "" };
            let arguments = ["migrate", "--migrations", folder, "--migration-format", "node-pg-migrate"];
            let call = bench.project.doorstep(&(bench.url() + schema), &arguments);
            let call = call.env("HOME", bench.project.path("").to_str().unwrap());
            match step.contains("--no-check-order") {
                true => call.env("DOORSTEP_OUT_OF_ORDER", "apply"),
                false => call,
            }
        });
        let history = ["pgmigrations", "alt.pgmigrations"];
        let left = Left { succeeded, rows: rows(&bench), tables: bench.tables(&history) };
        let its = Left { succeeded: case.succeeded(), rows: recorded_rows(case), tables: case.tables() };
        (left, its, said)
    });
}

fn file(up: &str) -> String {
    format!("-- Up Migration\n{up}\n-- Down Migration\nDROP TABLE nothing;\n")
}

fn apple() -> Project {
    Project::bare().file("migrations/1700000000000_apple.sql", &file("CREATE TABLE apple (id int);"))
}

#[test]
fn a_folder_with_its_marks_is_recognised_and_its_lock_is_taken() {
    let database = Database::fresh();
    let project = apple();
    let holder = database.idle_session("SELECT pg_advisory_lock(7241865325823964);");
    let count = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database \
                 WHERE locktype = 'advisory' AND granted AND datname = current_database()";
    until("the lock is taken", || (database.sql(count) == "1").then_some(()));
    let call = project.doorstep(&database.url(), &["run", "--migration-lock-timeout", "1s"]);
    call.run().code(75);
    kill(holder);
    until("the lock is free", || (database.sql(count) == "0").then_some(()));
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)").stderr_lacks("takes no lock");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(0 applied)");
    project.doorstep(&database.url(), &["check"]).run().code(0);
    let ddl = database.sql(
        "SELECT string_agg(column_name || ' ' || data_type || ' ' || is_nullable, ', ' ORDER BY ordinal_position) \
         FROM information_schema.columns WHERE table_name = 'pgmigrations'",
    );
    assert_eq!(ddl, "id integer NO, name character varying NO, run_on timestamp without time zone NO");
    // It knows PostgreSQL only.
    project.doorstep("file:./dev.db", &["run"]).run().code(78).stderr_has("on PostgreSQL only");
}

#[test]
fn a_history_that_it_made_is_continued_in_the_time_zone_of_its_sessions() {
    let plain = cases("node-pg-migrate").into_iter().find(|case| case.id() == "node-pg-migrate-plain").unwrap();
    let database = Database::fresh();
    database.sql(plain.field("history_ddl").as_str().unwrap());
    database.sql(&format!("ALTER DATABASE \"{}\" SET timezone = 'Asia/Tokyo'", database.name));
    database.sql(
        "CREATE TABLE apple (id int); INSERT INTO pgmigrations (name, run_on) VALUES ('1700000000000_apple', now())",
    );
    let project = apple().file(
        "migrations/1700000001000_pear.sql",
        &file("CREATE TABLE pear (id int); SET timezone = 'America/Los_Angeles';"),
    );
    let run = |arguments: &[&str]| project.doorstep(&database.url(), arguments).run();
    run(&["status"]).code(0).stdout_has("1700000000000_apple  applied").stdout_has("1700000001000_pear   pending");
    run(&["run"]).code(0).stderr_has("(1 applied)");
    run(&["check"]).code(0);
    let rows = "SELECT name, run_on BETWEEN now()::timestamp - interval '1 hour' AND now()::timestamp FROM pgmigrations \
                ORDER BY run_on, id";
    assert_eq!(database.sql(rows), "1700000000000_apple|t\n1700000001000_pear|t");
}

#[test]
fn the_order_of_the_history_counts_unless_it_is_told_not_to() {
    let database = Database::fresh();
    let project = apple().file("migrations/1700000002000_fig.sql", &file("CREATE TABLE fig (id int);"));
    let run = |arguments: &[&str]| project.doorstep(&database.url(), arguments).run();
    run(&["run"]).code(0);
    project.write("migrations/1700000001000_pear.sql", &file("CREATE TABLE pear (id int);"));
    let output = run(&["run"]).code(65).stderr_has("1700000001000_pear stands where 1700000002000_fig is applied");
    output.stderr_has("next: ").stderr_has("--out-of-order apply");
    run(&["run", "--out-of-order", "apply"]).code(0).stderr_has("(1 applied)");
    // The tool stops at the order of the rows from now on, and so does a start without the setting.
    run(&["run"]).code(65).stderr_has("--out-of-order apply");
    run(&["run", "--out-of-order", "apply"]).code(0).stderr_has("(0 applied)");
    // An older image on a newer database starts.
    let database = Database::fresh();
    let run = |arguments: &[&str]| project.doorstep(&database.url(), arguments).run();
    run(&["run"]).code(0).stderr_has("(3 applied)");
    std::fs::remove_file(project.path("migrations/1700000002000_fig.sql")).unwrap();
    run(&["run"]).code(0).stderr_has("(0 applied)").stderr_has("ahead");
}

#[test]
fn what_the_tool_would_lose_stops_before_anything_runs() {
    for (text, said) in [
        (
            "CREATE TABLE a (id int);\n-- Up Migration\nCREATE TABLE b (id int);\n",
            "statements stand before the first mark",
        ),
        (
            "-- Up Migration\nCREATE TABLE a (id int);\n-- Down Migration\nDROP TABLE a;\n-- Up Migration\nCREATE TABLE b (id int);\n",
            "never this one",
        ),
        (
            "-- Down Migration\nDROP TABLE a;\n-- Up Migration\nCREATE TABLE a (id int);\n-- Down Migration\nDROP TABLE a;\n",
            "would run with it",
        ),
    ] {
        let database = Database::fresh();
        let project = apple().file("migrations/1700000001000_b.sql", text);
        let output =
            project.doorstep(&database.url(), &["run", "--migration-format", "node-pg-migrate"]).run().code(65);
        output.stderr_has(said).stderr_has("next: ");
        assert_eq!(database.sql("SELECT to_regclass('apple') IS NULL"), "t");
    }
}
