//! Session settings that a file sets hold for its later statements, also after an interruption or a retry.

use crate::support::running_migration::{
    GATE, backend, exists, gone, interrupted_at_gate, kill, terminate, with_t, writer,
};
use crate::support::{Database, Project};

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
    interrupted_at_gate(&database, &project).stderr_has("4 of 6 statements");
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
    // It waits only for the table: a concurrent index build would wait for the writer too.
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

/// What the session is called, and how long it waits for a lock.
const NAMED: &str = "SELECT current_setting('application_name') AS name, current_setting('lock_timeout') AS wait";

#[test]
fn the_name_and_the_lock_timeout_that_a_mixed_file_sets_hold_for_its_later_statements() {
    let script = format!(
        "SET lock_timeout = '59s';\nSET application_name = 'theirs';\nCREATE TABLE u (a integer);\n\
         CREATE INDEX CONCURRENTLY i ON u (a);\nRESET ROLE;\nCREATE TABLE seen AS {NAMED};\n"
    );
    let (database, project) = with_t(&script);
    let project = project.migration("3_next", &format!("CREATE TABLE next AS {NAMED};"));
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(2 applied)");
    assert_eq!(database.sql("SELECT * FROM seen"), "theirs|59s");
    assert_eq!(database.sql("SELECT * FROM next"), "doorstep 3_next|5s");
}

#[test]
fn a_lock_timeout_that_a_mixed_file_sets_holds_after_an_interruption_too() {
    let script = format!(
        "SET lock_timeout = '59s';\nCREATE TABLE u (a integer);\nVACUUM u;\n{GATE}\nCREATE TABLE seen AS {NAMED};\n"
    );
    let (database, project) = with_t(&script);
    interrupted_at_gate(&database, &project).stderr_has("3 of 5 statements");
    project.doorstep(&database.url(), &["run"]).run().code(0);
    assert_eq!(database.sql("SELECT * FROM seen"), "doorstep 2_x|59s");
}

#[test]
fn what_a_mixed_file_leaves_to_doorstep_is_set_again_after_a_reset() {
    // The file itself must not mention the lock_timeout.
    let (database, project) = with_t(
        "SET application_name = 'theirs';\nCREATE TABLE u (a integer);\nVACUUM u;\nCREATE TABLE seen AS TABLE side.named;\n\
         RESET ALL;\nINSERT INTO seen TABLE side.named;\n",
    );
    database.sql(&format!("CREATE VIEW side.named AS {NAMED}"));
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT * FROM seen"), "theirs|5s\ndoorstep|5s");
}

/// A table `t` in the schema `side` and in `public`, and a file that works in the first.
fn in_side(rest: &str) -> (Database, Project) {
    let (database, project) = with_t(&format!("SET search_path = side;\n{rest}"));
    database.sql("CREATE TABLE side.t (id integer)");
    (database, project)
}

#[test]
fn an_index_that_met_a_lock_is_built_again_in_the_files_schema() {
    let (database, project) =
        in_side("SET lock_timeout = '200ms';\nCREATE INDEX CONCURRENTLY i ON t (id);\nCREATE TABLE after ();\n");
    let (_session, pid) = writer(&database, "side.t", "SELECT 1");
    let mut doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    doorstep.until_stderr("is tried again");
    terminate(&database, &pid);
    doorstep.finish("run").code(0);
    assert_eq!(database.sql("SELECT schemaname FROM pg_indexes WHERE indexname = 'i'"), "side");
    assert_eq!(database.sql("SELECT schemaname FROM pg_tables WHERE tablename = 'after'"), "side");
    assert_eq!(database.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'side.i'::regclass"), "t");
}

#[test]
fn a_dropped_index_is_looked_for_in_the_files_schema() {
    let (database, project) = in_side("DROP INDEX CONCURRENTLY i;\nCREATE TABLE after ();\n");
    database.sql("CREATE INDEX i ON side.t (id)");
    let (_session, pid) = writer(&database, "side.t", "SELECT 1");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let waits = backend(&database, "query LIKE '%DROP INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'");
    doorstep.signal("TERM");
    doorstep.finish("run").code(143);
    gone(&database, &waits);
    terminate(&database, &pid);
    project.doorstep(&database.url(), &["run"]).run().code(0);
    assert_eq!(database.sql("SELECT to_regclass('side.i') IS NULL"), "t");
    assert_eq!(database.sql("SELECT schemaname FROM pg_tables WHERE tablename = 'after'"), "side");
}

#[test]
fn settings_of_a_transaction_in_the_file_hold_after_an_interruption() {
    let script = format!(
        "BEGIN;\nSET search_path = side;\nCREATE TABLE u (a integer);\nCOMMIT;\nVACUUM u;\n{GATE}\nCREATE TABLE after ();\n"
    );
    let (database, project) = with_t(&script);
    interrupted_at_gate(&database, &project);
    project.doorstep(&database.url(), &["run"]).run().code(0);
    assert_eq!(database.sql("SELECT schemaname FROM pg_tables WHERE tablename = 'after'"), "side");
}

#[test]
fn a_setting_that_was_computed_stops_an_interrupted_file() {
    let script = format!(
        "SELECT set_config('my.most', (SELECT count(*) FROM t)::text, false);\nINSERT INTO t VALUES (1);\nVACUUM t;\n{GATE}\nSELECT 1;\n"
    );
    let (database, project) = with_t(&script);
    interrupted_at_gate(&database, &project);
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("what a statement of it made went with its session: SELECT set_config(");
}

#[test]
fn a_setting_that_cannot_be_repeated_is_named_with_what_is_done() {
    let database = Database::fresh();
    database.sql("CREATE SCHEMA side; CREATE TABLE side.go (id integer)");
    let role = database.role("");
    let script = format!(
        "CREATE TABLE u (a integer);\nSET ROLE {role};\nRESET ROLE;\nDROP ROLE {role};\nVACUUM u;\n{GATE}\nSELECT 1;\n"
    );
    let project = Project::new().migration("2_x", &script);
    interrupted_at_gate(&database, &project);
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output
        .stderr_has("what the statements that are done have set cannot be set again in another session: role")
        .stderr_has("migration.sql:2:1")
        .stderr_has("statements 1 to 5 of 7 were done before it, and stay");
    assert_eq!(database.sql("SELECT applied_steps_count FROM _prisma_migrations"), "5");
}

#[test]
fn a_mixed_file_may_become_another_user_and_the_history_stays_doorsteps() {
    let database = Database::fresh();
    let (first, second) = (database.role(""), database.role(""));
    database.sql(&format!("GRANT ALL ON SCHEMA public TO {first}, {second}; GRANT {second} TO {first}"));
    let script = format!(
        "SET SESSION AUTHORIZATION {first};\nCREATE TABLE a (x integer);\nSET ROLE {second};\nCREATE TABLE b (x integer);\n\
         RESET SESSION AUTHORIZATION;\nCREATE INDEX CONCURRENTLY i ON a (x);\nCREATE TABLE c (x integer);\n"
    );
    let project = Project::new().migration("1_x", &script);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    let owners = database.sql("SELECT tableowner = current_user, tableowner FROM pg_tables WHERE tablename IN ('a', 'b', 'c') ORDER BY tablename");
    assert_eq!(owners, format!("f|{first}\nf|{second}\nt|{}", database.sql("SELECT current_user")));
    database.sql(&format!("DROP OWNED BY {first}, {second}; DROP ROLE {first}, {second}"));
}

#[test]
fn the_next_file_has_the_sessions_settings_behind_one_that_was_done_without_its_client() {
    let (database, project) = in_side("CREATE INDEX CONCURRENTLY i ON t (id);\n");
    let project = project.migration("3_next", "CREATE TABLE after ();");
    let (_session, blocker) = writer(&database, "side.t", "SELECT 1");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = backend(&database, "query LIKE '%CREATE INDEX CONCURRENTLY i%' AND wait_event_type = 'Lock'");
    kill(doorstep);
    terminate(&database, &blocker);
    gone(&database, &pid);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("it goes on with statement 3");
    assert_eq!(database.sql("SELECT schemaname FROM pg_tables WHERE tablename = 'after'"), "public");
}

#[test]
fn a_dropped_index_is_looked_for_in_the_schema_of_the_files_role() {
    let database = Database::fresh();
    let role = database.role("");
    database.sql(&format!("CREATE SCHEMA {role} AUTHORIZATION {role}; SET ROLE {role}; CREATE TABLE t (id integer); CREATE INDEX i ON t (id)"));
    let script = format!("SET ROLE {role};\nDROP INDEX CONCURRENTLY i;\nCREATE TABLE after ();\n");
    let project = Project::new().migration("1_x", &script);
    let (_session, pid) = writer(&database, &format!("{role}.t"), "SELECT 1");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let waits = backend(&database, "query LIKE '%DROP INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'");
    kill(doorstep);
    database.sql(&format!("SELECT pg_terminate_backend({waits})"));
    gone(&database, &waits);
    terminate(&database, &pid);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("it goes on with statement 2");
    assert_eq!(database.sql(&format!("SELECT to_regclass('{role}.i') IS NULL")), "t");
    assert_eq!(database.sql("SELECT schemaname FROM pg_tables WHERE tablename = 'after'"), role);
    database.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_role_of_the_file_that_may_not_read_the_history_may_rebuild_its_indexes() {
    let database = Database::fresh();
    let role = database.role("");
    database.sql(&format!(
        "CREATE SCHEMA side AUTHORIZATION {role}; SET ROLE {role}; CREATE TABLE side.t (id integer PRIMARY KEY)"
    ));
    let script = format!("SET ROLE {role};\nREINDEX TABLE CONCURRENTLY side.t;\nCREATE TABLE side.after ();\n");
    Project::new().migration("1_x", &script).doorstep(&database.url(), &["run"]).run().code(0);
    assert_eq!(database.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'after'"), role);
    database.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
