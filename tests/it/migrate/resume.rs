//! A file that runs statement by statement was interrupted: the next start, or the same start after a lost connection,
//! continues at the right statement or stops, and no statement runs twice.

use crate::support::running_migration::{
    GATE, at_gate, backend, begun_by_prisma, exists, kill, open_gate, prisma_begins, rows, stops, terminate, with_t,
    writer,
};

#[test]
fn a_procedure_that_commits_in_a_mixed_file_never_runs_twice() {
    for signal in ["TERM", "KILL"] {
        let (database, project) = with_t("CALL side.p();\nCREATE INDEX CONCURRENTLY i ON t (a);\n");
        database.sql(
            "CREATE PROCEDURE side.p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (7); COMMIT; \
             WHILE NOT EXISTS (SELECT 1 FROM side.go) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$",
        );
        let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
        let pid = backend(&database, "query LIKE 'CALL side.p%' AND wait_event = 'PgSleep'");
        if signal == "TERM" {
            doorstep.signal(signal);
            doorstep.finish("run").code(143);
        } else {
            kill(doorstep);
            terminate(&database, &pid);
        }
        open_gate(&database);
        let output = stops(&database, &project);
        let evidence = if signal == "TERM" {
            "stopped by SIGTERM"
        } else {
            "statement 1 of 2 runs outside a transaction and was interrupted; it may be done, or half done"
        };
        output.stderr_has(evidence);
        assert_eq!(database.sql("SELECT count(*) FROM t WHERE a = 7"), "1", "{signal}");
        assert!(!exists(&database, "i"), "{signal}");
    }
}

#[test]
fn a_temporary_table_that_later_statements_need_is_missed_before_they_run() {
    let script = format!(
        "INSERT INTO t VALUES (4);\nCREATE TEMP TABLE kept AS SELECT 5 AS a;\nVACUUM t;\n{GATE}\n\
         INSERT INTO t SELECT a FROM kept;\n"
    );
    let (database, project) = with_t(&script);
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = at_gate(&database);
    kill(doorstep);
    terminate(&database, &pid);
    open_gate(&database);
    let output = stops(&database, &project).stderr_has("3 of its 5 statements are done for certain");
    output.stderr_has("went with its session: CREATE TEMP TABLE kept");
    assert_eq!(database.sql("SELECT string_agg(a::text, ',' ORDER BY a) FROM t"), "1,1,4");
}

#[test]
fn what_was_found_out_by_asking_does_not_run_twice_after_a_crash_either() {
    // The text does not show that CLUSTER refuses a transaction, so the next start tries one.
    let script = format!("INSERT INTO t VALUES (5);\nCLUSTER;\n{GATE}\nCREATE TABLE last (id integer);\n");
    let (database, project) = with_t(&script);
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    backend(&database, "query LIKE 'DO $$%' AND query NOT LIKE 'INSERT%' AND wait_event = 'PgSleep'");
    kill(doorstep);
    let pid = at_gate(&database);
    terminate(&database, &pid);
    assert_eq!(rows(&database, "2_x").lines().last(), Some("f|f|2"));
    open_gate(&database);
    let output = project.doorstep(&database.url(), &["run"]).run();
    assert_eq!(database.sql("SELECT count(*) FROM t WHERE a = 5"), "1", "{}", output.stderr);
    output.code(0);
}

#[test]
fn what_was_found_out_by_asking_goes_on_after_a_signal_as_it_was_promised() {
    let script = format!("INSERT INTO t VALUES (5);\nCLUSTER;\n{GATE}\nINSERT INTO t VALUES (6);\n");
    let (database, project) = with_t(&script);
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    backend(&database, "query LIKE 'DO $$%' AND query NOT LIKE 'INSERT%' AND wait_event = 'PgSleep'");
    doorstep.signal("TERM");
    doorstep.finish("run").code(143).stderr_has("2 of 4 statements of 2_x are done; the next start goes on there");
    open_gate(&database);
    project.doorstep(&database.url(), &["run"]).run().code(0);
    assert_eq!(database.sql("SELECT string_agg(a::text, ',' ORDER BY a) FROM t"), "1,1,5,6");
}

#[test]
fn a_connection_lost_in_the_middle_goes_on_in_the_same_start() {
    let script = format!("INSERT INTO t VALUES (2);\nVACUUM t;\n{GATE}\nINSERT INTO t VALUES (3);\n");
    let (database, project) = with_t(&script);
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = at_gate(&database);
    terminate(&database, &pid);
    open_gate(&database);
    let output =
        doorstep.finish("run").code(0).stderr_has("lost the database").stderr_has("it goes on with statement 3");
    output.stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT string_agg(a::text, ',' ORDER BY a) FROM t"), "1,1,2,3");
    assert_eq!(rows(&database, "2_x"), "t|f|1");
}

#[test]
fn an_index_build_that_a_signal_cancelled_is_taken_up_again() {
    let (database, project) = with_t("INSERT INTO t VALUES (2);\nCREATE INDEX CONCURRENTLY i ON t (a);\n");
    let (_session, blocker) = writer(&database, "t", "SELECT 1");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    backend(&database, "query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock'");
    doorstep.signal("TERM");
    doorstep.finish("run").code(143).stderr_has("1 of 2 statements of 2_x are done; the next start goes on there");
    assert_eq!(database.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"), "f");
    terminate(&database, &blocker);
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    output.stderr_has("it goes on with statement 2").stderr_has("dropped the INVALID index i");
    assert_eq!(database.sql("SELECT count(*) FROM t"), "3");
}

#[test]
fn a_mixed_file_that_changed_after_the_interruption_is_put_before_a_person() {
    let (database, project) = with_t(&format!("INSERT INTO t VALUES (2);\nVACUUM t;\n{GATE}\n"));
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    at_gate(&database);
    doorstep.signal("TERM");
    doorstep.finish("run").code(143);
    project.write("prisma/migrations/2_x/migration.sql", "INSERT INTO t VALUES (3);\nVACUUM t;\n");
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("the file has changed since it began").stderr_has("doorstep resolve --rolled-back 2_x");
    assert_eq!(database.sql("SELECT count(*) FROM t"), "3");
}

#[test]
fn an_index_that_was_there_before_is_not_the_one_that_was_to_be_built() {
    let (database, project) = begun_by_prisma("SELECT 1;\n");
    database.sql("CREATE TABLE t (a integer, b integer); CREATE INDEX i ON t (a)");
    database.sql("DELETE FROM _prisma_migrations WHERE migration_name = '2_x'");
    let script = "CREATE INDEX CONCURRENTLY i ON t (b);\n";
    prisma_begins(&database, "2_x", script);
    project.write("prisma/migrations/2_x/migration.sql", script);
    project.doorstep(&database.url(), &["run"]).run().code(65).stderr_lacks("it goes on with statement 2");
}
