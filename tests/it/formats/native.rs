//! What doorstep does alike with every format that it applies itself: one test for each behaviour, over all entries of
//! [`NATIVE`]. What only one format has is in its own file.

use crate::support::native::{NATIVE, Native, Step};
use crate::support::running_migration::{GATE, at_gate, gated, kill, open_gate, terminate};
use crate::support::{Database, Project, sqlite};

const APPLE: &str = "CREATE TABLE apple (id int);";
const PEAR: &str = "CREATE TABLE pear (id int);";

/// Calls a test with every format that this is true of. A failure names its format.
fn each(fits: impl Fn(&Native) -> bool, test: impl Fn(&'static Native)) {
    for format in NATIVE.iter().filter(|format| fits(format)) {
        eprintln!("--- {}", format.name);
        test(format);
    }
}

fn apple() -> Step {
    Step::new(1, "apple", APPLE)
}

fn pear(sql: &str) -> Step {
    Step::new(2, "pear", sql)
}

/// The tables of a database but the history's, of all schemas.
fn tables(format: &Native, database: &Database) -> String {
    let all = database.sql(
        "SELECT CASE schemaname WHEN 'public' THEN '' ELSE schemaname || '.' END || tablename FROM pg_tables \
         WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1",
    );
    all.lines().filter(|table| !format.history.contains(table) && *table != "side.go").collect::<Vec<_>>().join(" ")
}

/// Pending, applied, current: on the engine of this URL. `query` reads beside doorstep.
fn applied_once(format: &Native, url: &str, project: &Project, query: impl Fn(&str) -> String) {
    let run = |arguments: &[&str]| format.doorstep(project, url, arguments).run();
    format.write(project, &[apple()]);
    run(&["check"]).code(1);
    run(&["run", "--", "true"]).code(0).stderr_has("(1 applied)");
    format.write(project, &[apple(), pear(PEAR)]);
    let [first, second] = [apple(), pear(PEAR)];
    let names = [&first, &second].map(|step| (format.migration)(step));
    run(&["status"]).code(0).stdout_has(&names[1]).stdout_has("pending").stdout_has(": behind (");
    run(&["check"]).code(1);
    run(&["run", "--require-tables", "apple,pear", "--", "true"]).code(0).stderr_has("(1 applied)");
    run(&["run", "--", "true"]).code(0).stderr_has("(0 applied)");
    run(&["check"]).code(0);
    run(&["run", "--migrate", "await", "--", "true"]).code(0);
    run(&["status"]).code(0).stdout_has(&names[0]).stdout_has(&names[1]).stdout_has(": current (");
    for step in [&first, &second] {
        assert_eq!(query(&format.count(step)), "1", "{}", format.name);
    }
}

#[test]
fn an_engine_on_which_doorstep_does_not_run_the_format_is_named_before_anything_is_connected() {
    each(
        |_| true,
        |format| {
            let project = format.project(&[apple()]);
            let output = format.doorstep(&project, "mysql://root@127.0.0.1:1/d", &["run", "--", "true"]).run();
            output.code(78).stderr_has("only, and the database is MySQL").stderr_has("next: check DATABASE_URL");
        },
    );
}

#[test]
fn a_folder_is_applied_once_and_current_then() {
    each(
        |_| true,
        |format| {
            let database = Database::fresh();
            applied_once(format, &database.url(), &Project::bare(), |sql| database.sql(sql));
            assert_eq!(tables(format, &database), "apple pear");
        },
    );
}

#[test]
fn so_it_is_on_sqlite_where_the_tool_knows_it() {
    each(
        |format| format.on_sqlite,
        |format| {
            let project = Project::bare();
            let path = project.path("dev.db");
            applied_once(format, "file:./dev.db", &project, |sql| sqlite(&path, sql));
        },
    );
}

#[test]
fn a_script_that_fails_in_its_transaction_leaves_nothing_and_runs_again_when_repaired() {
    each(
        |_| true,
        |format| {
            let database = Database::fresh();
            let broken = pear(&format!("{PEAR}\nSELECT 1 / 0;"));
            let project = format.project(&[apple(), broken]);
            for _ in 0..2 {
                let output = format.doorstep(&project, &database.url(), &["run"]).run().code(65);
                output.stderr_has("division by zero").stderr_has("next: repair the file, and start again");
                assert_eq!(tables(format, &database), "apple", "{}", format.name);
            }
            format.write(&project, &[apple(), pear(PEAR)]);
            format.doorstep(&project, &database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
        },
    );
}

#[test]
fn a_script_that_was_killed_in_its_transaction_runs_again() {
    each(
        |_| true,
        |format| {
            let database = gated();
            let step = Step::new(1, "apple", &format!("{APPLE}\n{GATE}"));
            let project = format.project(std::slice::from_ref(&step));
            let doorstep = format.doorstep(&project, &database.url(), &["run"]).spawn();
            let pid = at_gate(&database);
            kill(doorstep);
            terminate(&database, &pid);
            assert_eq!(database.sql(&format.count(&step)), "0");
            assert_eq!(tables(format, &database), "");
            open_gate(&database);
            format.doorstep(&project, &database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
            assert_eq!(database.sql(&format.count(&step)), "1");
        },
    );
}

#[test]
fn a_script_without_a_transaction_has_a_note_until_its_row_is_written() {
    each(
        |format| format.has_mark,
        |format| {
            let database = gated();
            let step = Step::new(1, "apple", &format!("{APPLE}\nVACUUM apple;\n{GATE}\n{PEAR}")).alone();
            let project = format.project(std::slice::from_ref(&step));
            let run = |arguments: &[&str]| format.doorstep(&project, &database.url(), arguments).run();
            let doorstep = format.doorstep(&project, &database.url(), &["run"]).spawn();
            let pid = at_gate(&database);
            run(&["status"]).code(0).stdout_has(&(format.migration)(&step)).stdout_has("running");
            kill(doorstep);
            terminate(&database, &pid);
            assert_eq!(database.sql(&format.count(&step)), "0");
            assert!(tables(format, &database).contains("_doorstep_runs"));
            open_gate(&database);
            let schema = format.history[0].rsplit_once('.').map_or("public", |(schema, _)| schema);
            database.sql(&format!("CREATE TABLE side.copy AS TABLE {schema}._doorstep_runs"));
            run(&["run"]).code(0).stderr_has("it goes on with statement 3").stderr_has("(1 applied)");
            assert_eq!(database.sql(&format.count(&step)), "1");
            // The tool finds its database as it would have left it.
            let now = || tables(format, &database).replace("side.copy", "");
            assert_eq!(now().trim(), "apple pear");
            // Also after a kill between the row and the end of its note.
            database.sql(&format!("CREATE TABLE {schema}._doorstep_runs AS TABLE side.copy"));
            format.write(&project, &[step, Step::new(2, "plum", "CREATE TABLE plum (id int);")]);
            format.doorstep(&project, &database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
            assert_eq!(now().trim(), "apple pear plum");
        },
    );
}

#[test]
fn what_cannot_be_told_stops_the_next_start_until_a_person_decides() {
    each(
        |_| true,
        |format| {
            let step = Step::new(1, "apple", &format!("{APPLE}\nCOMMIT;\nSELECT 1 / 0;"));
            let name = (format.migration)(&step);
            for (mark, rows) in [("--applied", "1"), ("--rolled-back", "0")] {
                let database = Database::fresh();
                let project = format.project(std::slice::from_ref(&step));
                let run = |arguments: &[&str]| format.doorstep(&project, &database.url(), arguments).run();
                run(&["run"]).code(65).stderr_has("parts of it may have been kept");
                let output = run(&["run"]).code(65).stderr_has("migrations that did not finish");
                output.stderr_has(&format!("doorstep resolve --rolled-back {name}"));
                run(&["status"]).code(0).stdout_has(": failed (");
                run(&["resolve", mark, &name]).code(0);
                assert_eq!(database.sql(&format.count(&step)), rows, "{}", format.name);
                assert_eq!(tables(format, &database), "apple");
            }
        },
    );
}

#[test]
fn an_existing_database_is_adopted_replayed_and_snapshotted() {
    each(
        |_| true,
        |format| {
            let database = Database::fresh();
            database.sql(&format!("{APPLE} {PEAR}"));
            let steps = [apple(), pear(PEAR)];
            let project = format.project(&steps);
            let run = |arguments: &[&str]| format.doorstep(&project, &database.url(), arguments).run();
            let mut output = run(&["baseline"]).code(0);
            for step in &steps {
                output = output.stdout_has(&format!("{} is recorded", (format.migration)(step)));
                assert_eq!(database.sql(&format.count(step)), "1", "{}", format.name);
            }
            run(&["run"]).code(0).stderr_has("(0 applied)");
            run(&["replay"]).code(0).stdout_has("runs from scratch: 2 migrations");
            run(&["snapshot", "--output", "doorstep.snapshot.json"]).code(0);
            run(&["verify", "--snapshot", "doorstep.snapshot.json"]).code(0);
            database.sql("DROP TABLE pear");
            run(&["verify", "--snapshot", "doorstep.snapshot.json"])
                .code(3)
                .stdout_has("pear")
                .stdout_lacks("applied at ;");
        },
    );
}

#[test]
fn a_statement_that_refuses_a_transaction_needs_the_mark_of_the_tool() {
    each(
        |format| format.has_mark,
        |format| {
            let database = Database::fresh();
            let index = Step::new(2, "ix", "CREATE INDEX CONCURRENTLY ix ON apple (id);");
            let project = format.project(&[apple(), index.clone()]);
            let output = format.doorstep(&project, &database.url(), &["run"]).run();
            // Some tools see the statement and need no mark.
            if output.code == Some(65) {
                output.stderr_has("cannot run in a transaction").stderr_has("next: ");
                assert_eq!(tables(format, &database), "", "{}", format.name);
                format.write(&project, &[apple(), index.alone()]);
                format.doorstep(&project, &database.url(), &["run"]).run().code(0).stderr_has("(2 applied)");
            }
            assert_eq!(database.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix'::regclass"), "t");
        },
    );
}

#[test]
fn two_starts_at_once_apply_each_migration_once() {
    each(
        |_| true,
        |format| {
            let database = gated();
            database.sql("CREATE TABLE side.log (name text)");
            let script = format!("INSERT INTO side.log VALUES ('apple');\n{APPLE}\n{GATE}");
            let project = format.project(&[Step::new(1, "apple", &script), pear(PEAR)]);
            let start = || format.doorstep(&project, &database.url(), &["run"]).spawn();
            let (first, second) = (start(), start());
            at_gate(&database);
            open_gate(&database);
            for running in [first, second] {
                running.finish("run").code(0);
            }
            assert_eq!(database.sql("SELECT count(*) FROM side.log"), "1", "{}", format.name);
        },
    );
}
