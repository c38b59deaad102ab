//! Session settings that a file sets hold for its later statements, also after an interruption or a retry.

use crate::support::running_migration::{GATE, at_gate, exists, open_gate, terminate, with_t, writer};

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
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    at_gate(&database);
    doorstep.signal("TERM");
    doorstep.finish("run").code(143).stderr_has("3 of 5 statements");
    open_gate(&database);
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
