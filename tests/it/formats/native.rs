//! What doorstep does alike with every format that it applies itself: one test for each behaviour, over all entries of
//! [`NATIVE`] and the servers that they know. What only one format has is in its own file.
//!
//! A failed or interrupted script leaves nothing on PostgreSQL. On MySQL that is so of one that only reads and writes rows; of
//! any other the statements that are done stay.

use crate::support::ground::{Engine, Ground};
use crate::support::native::{NATIVE, Native, Step};
use crate::support::running_migration::kill;
use crate::support::{Project, sqlite};

const APPLE: &str = "CREATE TABLE apple (id int);";
const PEAR: &str = "CREATE TABLE pear (id int);";

/// Calls a test with every format that this is true of. A failure names its format.
fn each(fits: impl Fn(&Native) -> bool, test: impl Fn(&'static Native)) {
    for format in NATIVE.iter().filter(|format| fits(format)) {
        eprintln!("--- {}", format.name);
        test(format);
    }
}

/// The same with every server that such a format knows.
fn on_each(fits: impl Fn(&Native) -> bool, test: impl Fn(&'static Native, Engine)) {
    each(fits, |format| {
        for engine in Engine::SERVERS.into_iter().filter(|engine| format.knows(*engine)) {
            eprintln!("    {engine:?}");
            test(format, engine);
        }
    });
}

fn apple() -> Step {
    Step::new(1, "apple", APPLE)
}

fn pear(sql: &str) -> Step {
    Step::new(2, "pear", sql)
}

/// Pending, applied, current: on the engine of this URL. `query` reads beside doorstep.
fn applied_once(format: &Native, (engine, url): (Engine, &str), project: &Project, query: impl Fn(&str) -> String) {
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
        assert_eq!(query(&format.count_on(engine, step)), "1", "{}", format.name);
    }
}

#[test]
fn an_engine_on_which_doorstep_does_not_run_the_format_is_named_before_anything_is_connected() {
    each(
        |format| !format.knows(Engine::Mysql),
        |format| {
            let project = format.project(&[apple()]);
            let output = format.doorstep(&project, "mysql://root@127.0.0.1:1/d", &["run", "--", "true"]).run();
            output.code(78).stderr_has("only, and the database is MySQL").stderr_has("next: check DATABASE_URL");
        },
    );
}

#[test]
fn a_folder_is_applied_once_and_current_then() {
    on_each(
        |_| true,
        |format, engine| {
            let ground = Ground::fresh(engine);
            applied_once(format, (engine, &ground.url()), &Project::bare(), |sql| ground.sql(sql));
            assert_eq!(ground.tables(format), "apple pear");
        },
    );
}

#[test]
fn so_it_is_on_sqlite_where_the_tool_knows_it() {
    each(
        |format| format.knows(Engine::Sqlite),
        |format| {
            let project = Project::bare();
            let path = project.path("dev.db");
            applied_once(format, (Engine::Sqlite, "file:./dev.db"), &project, |sql| sqlite(&path, sql));
        },
    );
}

/// A script that a transaction of the engine covers; and a query for what it leaves.
fn covered(engine: Engine) -> (&'static str, &'static str) {
    match engine {
        Engine::Mysql => ("INSERT INTO apple VALUES (7);", "SELECT count(*) FROM apple"),
        Engine::Postgres | Engine::Sqlite => (PEAR, "SELECT count(*) FROM pg_tables WHERE tablename = 'pear'"),
    }
}

#[test]
fn a_script_that_fails_in_its_transaction_leaves_nothing_and_runs_again_when_repaired() {
    on_each(
        |_| true,
        |format, engine| {
            let ground = Ground::fresh(engine);
            let ((script, left), (failing, message)) = (covered(engine), engine.failing());
            let project = format.project(&[apple(), pear(&format!("{script}\n{failing}"))]);
            for _ in 0..2 {
                let output = ground.doorstep(format, &project, &["run"]).run().code(65);
                output.stderr_has(message).stderr_has("next: repair the file, and start again");
                assert_eq!(ground.tables(format), "apple", "{}", format.name);
                assert_eq!(ground.sql(left), "0", "{}", format.name);
            }
            format.write(&project, &[apple(), pear(script)]);
            ground.doorstep(format, &project, &["run"]).run().code(0).stderr_has("(1 applied)");
            assert_eq!(ground.sql(left), "1", "{}", format.name);
        },
    );
}

#[test]
fn a_script_that_was_killed_in_its_transaction_runs_again() {
    on_each(
        |_| true,
        |format, engine| {
            let ground = Ground::gated(engine);
            let (script, left) = covered(engine);
            let step = pear(&format!("{script}\n{}", engine.gate()));
            let project = format.project(&[apple()]);
            ground.doorstep(format, &project, &["run"]).run().code(0);
            format.write(&project, &[apple(), step.clone()]);
            let doorstep = ground.doorstep(format, &project, &["run"]).spawn();
            let session = ground.at_gate();
            kill(doorstep);
            ground.terminate(&session);
            assert_eq!(ground.count(format, &step), "0");
            assert_eq!((ground.tables(format).as_str(), ground.sql(left).as_str()), ("apple", "0"));
            ground.open_gate();
            ground.doorstep(format, &project, &["run"]).run().code(0).stderr_has("(1 applied)");
            assert_eq!((ground.count(format, &step).as_str(), ground.sql(left).as_str()), ("1", "1"));
        },
    );
}

#[test]
fn a_script_without_a_transaction_has_a_note_until_its_row_is_written() {
    on_each(
        |format| format.has_mark || format.knows(Engine::Mysql),
        |format, engine| {
            // On MySQL every file with DDL is one without a transaction.
            let (between, resumed) = match engine {
                Engine::Mysql => ("", "goes on"),
                _ if !format.has_mark => return,
                _ => ("VACUUM apple;\n", "it goes on with statement 3"),
            };
            let ground = Ground::gated(engine);
            let step = Step::new(1, "apple", &format!("{APPLE}\n{between}{}\n{PEAR}", engine.gate()));
            let step = if format.has_mark { step.alone() } else { step };
            let project = format.project(std::slice::from_ref(&step));
            let run = |arguments: &[&str]| ground.doorstep(format, &project, arguments).run();
            let doorstep = ground.doorstep(format, &project, &["run"]).spawn();
            let session = ground.at_gate();
            run(&["status"]).code(0).stdout_has(&(format.migration)(&step)).stdout_has("running");
            kill(doorstep);
            ground.terminate(&session);
            assert_eq!(ground.count(format, &step), "0");
            assert!(ground.tables(format).contains("_doorstep_runs"));
            ground.open_gate();
            let (copy, notes) = (engine.aside("copy"), ground.notes(format));
            ground.sql(&format!("CREATE TABLE {copy} AS SELECT * FROM {notes}"));
            run(&["run"]).code(0).stderr_has(resumed).stderr_has("(1 applied)");
            assert_eq!(ground.count(format, &step), "1");
            // The tool finds its database as it would have left it.
            assert_eq!(ground.tables(format), "apple pear");
            // Also after a kill between the row and the end of its note.
            ground.sql(&format!("CREATE TABLE {notes} AS SELECT * FROM {copy}"));
            format.write(&project, &[step, Step::new(2, "plum", "CREATE TABLE plum (id int);")]);
            ground.doorstep(format, &project, &["run"]).run().code(0).stderr_has("(1 applied)");
            assert_eq!(ground.tables(format), "apple pear plum");
        },
    );
}

#[test]
fn what_cannot_be_told_stops_the_next_start_until_a_person_decides() {
    on_each(
        |_| true,
        |format, engine| {
            let step = Step::new(1, "apple", &engine.half_kept(APPLE));
            let name = (format.migration)(&step);
            for (mark, rows) in [("--applied", "1"), ("--rolled-back", "0")] {
                let ground = Ground::fresh(engine);
                let project = format.project(std::slice::from_ref(&step));
                let run = |arguments: &[&str]| ground.doorstep(format, &project, arguments).run();
                let kept = if engine == Engine::Mysql {
                    "the first of 2 statements was done before it, and stays"
                } else {
                    "parts of it may have been kept"
                };
                run(&["run"]).code(65).stderr_has(kept);
                let output = run(&["run"]).code(65).stderr_has("migrations that did not finish");
                output.stderr_has(&format!("doorstep resolve --rolled-back {name}"));
                run(&["status"]).code(0).stdout_has(": failed (");
                run(&["resolve", mark, &name]).code(0);
                assert_eq!(ground.count(format, &step), rows, "{}", format.name);
                assert_eq!(ground.tables(format), "apple");
            }
        },
    );
}

#[test]
fn an_existing_database_is_adopted_replayed_and_snapshotted() {
    on_each(
        |_| true,
        |format, engine| {
            let ground = Ground::fresh(engine);
            ground.sql(&format!("{APPLE} {PEAR}"));
            let steps = [apple(), pear(PEAR)];
            let project = format.project(&steps);
            let run = |arguments: &[&str]| ground.doorstep(format, &project, arguments).run();
            let mut output = run(&["baseline"]).code(0);
            for step in &steps {
                output = output.stdout_has(&format!("{} is recorded", (format.migration)(step)));
                assert_eq!(ground.count(format, step), "1", "{}", format.name);
            }
            run(&["run"]).code(0).stderr_has("(0 applied)");
            run(&["replay"]).code(0).stdout_has("runs from scratch: 2 migrations");
            run(&["snapshot", "--output", "doorstep.snapshot.json"]).code(0);
            run(&["verify", "--snapshot", "doorstep.snapshot.json"]).code(0);
            ground.sql("DROP TABLE pear");
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
            let ground = Ground::fresh(Engine::Postgres);
            let index = Step::new(2, "ix", "CREATE INDEX CONCURRENTLY ix ON apple (id);");
            let project = format.project(&[apple(), index.clone()]);
            let output = ground.doorstep(format, &project, &["run"]).run();
            // Some tools see the statement and need no mark.
            if output.code == Some(65) {
                output.stderr_has("cannot run in a transaction").stderr_has("next: ");
                assert_eq!(ground.tables(format), "", "{}", format.name);
                format.write(&project, &[apple(), index.alone()]);
                ground.doorstep(format, &project, &["run"]).run().code(0).stderr_has("(2 applied)");
            }
            assert_eq!(ground.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix'::regclass"), "t");
        },
    );
}

#[test]
fn two_starts_at_once_apply_each_migration_once() {
    on_each(
        |_| true,
        |format, engine| {
            let (ground, log) = (Ground::gated(engine), engine.aside("log"));
            // Some tools do not begin beside a table that is there already.
            let first = Step::new(1, "log", &format!("CREATE TABLE {log} (name text);"));
            let project = format.project(std::slice::from_ref(&first));
            ground.doorstep(format, &project, &["run"]).run().code(0);
            let script = format!("INSERT INTO {log} VALUES ('apple');\n{APPLE}\n{}", engine.gate());
            format.write(&project, &[first, Step::new(2, "apple", &script), Step::new(3, "pear", PEAR)]);
            let start = || ground.doorstep(format, &project, &["run"]).spawn();
            let (first, second) = (start(), start());
            ground.at_gate();
            ground.open_gate();
            for running in [first, second] {
                running.finish("run").code(0);
            }
            assert_eq!(ground.sql(&format!("SELECT count(*) FROM {log}")), "1", "{}", format.name);
        },
    );
}
