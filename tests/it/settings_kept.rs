//! What a mixed file sets holds for its later statements, whatever happens on the way; and what of it was found
//! out by asking is as certain as what its text shows.

use crate::scene::{GATE, at_gate, backend, begun_by_prisma, exists, kill, open_gate, rows, terminate, writer};
use crate::steps::with_t;

const SETTINGS: &str = "SET statement_timeout = '59s';\nSET search_path = side;\nCREATE TABLE u (a integer);\n\
                        CREATE INDEX CONCURRENTLY i ON u (a);\n";
const SEEN: &str =
    "CREATE TABLE seen AS SELECT current_setting('statement_timeout') AS t, current_setting('search_path') AS p;\n";

#[test]
fn settings_in_a_mixed_file_hold_for_its_later_statements_and_not_for_the_next_file() {
    let (database, project) = with_t(&format!("{SETTINGS}{SEEN}"));
    let project = project.migration("3_next", SEEN);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(2 applied)");
    assert_eq!(database.sql("SELECT * FROM side.seen"), "59s|side");
    assert_eq!(database.sql("SELECT * FROM public.seen"), "0|\"$user\", public");
}

#[test]
fn settings_in_a_mixed_file_hold_after_an_interruption_too() {
    let (database, project) = with_t(&format!("{SETTINGS}{GATE}\n{SEEN}"));
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    at_gate(&database);
    doorstep.signal("TERM");
    doorstep.finish("run").code(143).stderr_has("4 of 6 statements");
    open_gate(&database);
    project.doorstep(&database.url(), &["run"]).run().code(0);
    assert!(!exists(&database, "public.seen"), "it went to another schema than the one the file sets");
    assert_eq!(database.sql("SELECT * FROM side.seen"), "59s|side");
}

#[test]
fn a_role_set_in_a_mixed_file_need_not_reach_the_history() {
    let (database, project) = with_t("");
    let role = database.role("");
    database.sql(&format!("GRANT ALL ON SCHEMA side TO {role}"));
    let script = format!(
        "SET ROLE {role};\nCREATE TABLE side.o (a integer);\nCREATE INDEX CONCURRENTLY i ON side.o (a);\nRESET ROLE;\nSELECT 1;\n"
    );
    project.write("prisma/migrations/2_x/migration.sql", &script);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'o'"), role);
    database.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn settings_in_a_mixed_file_hold_after_a_lock_timeout_too() {
    let (database, project) = with_t(&format!("{SETTINGS}ALTER TABLE busy ADD x integer;\n{SEEN}"));
    database.sql("CREATE TABLE side.busy (id integer)");
    // It waits for nothing but the table: an index built concurrently would wait for the writer too.
    let script = format!(
        "{}VACUUM u;\nALTER TABLE busy ADD x integer;\n{SEEN}",
        SETTINGS.replace("CREATE INDEX CONCURRENTLY i ON u (a);\n", "")
    );
    project.write("prisma/migrations/2_x/migration.sql", &script);
    let (_session, pid) = writer(&database, "side.busy", "SELECT 1");
    let mut doorstep = project.doorstep(&database.url(), &["run", "--statement-lock-timeout", "200ms"]).spawn();
    doorstep.until_stderr("is tried again");
    terminate(&database, &pid);
    doorstep.finish("run").code(0);
    assert_eq!(database.sql("SELECT * FROM side.seen"), "59s|side");
}

#[test]
fn settings_in_a_mixed_file_hold_after_a_refusal_that_its_text_did_not_show() {
    let (database, project) = with_t(&format!("{SETTINGS}CLUSTER;\n{SEEN}"));
    project.doorstep(&database.url(), &["run"]).run().code(0);
    assert!(!exists(&database, "public.seen"), "it went to another schema than the one the file sets");
    assert_eq!(database.sql("SELECT * FROM side.seen"), "59s|side");
}

#[test]
fn what_was_found_out_by_asking_does_not_run_twice_after_a_crash_either() {
    // Nothing in its text says that CLUSTER refuses a transaction, so the next start takes it for one.
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
    crate::scene::prisma_begins(&database, "2_x", script);
    project.write("prisma/migrations/2_x/migration.sql", script);
    project.doorstep(&database.url(), &["run"]).run().code(65).stderr_lacks("it goes on with statement 2");
}
