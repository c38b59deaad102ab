//! Lock waits: doorstep reports which session holds the lock that it waits for, and describes itself to sessions that
//! wait for it.

use crate::support::running_migration::{
    GATE, at_gate, backend, exists, gated, kill, open_gate, rows, sqlite_at_work, terminate, with_t, writer,
};
use crate::support::{Database, Project};

const WAITS: &str = "wait_event_type = 'Lock'";

#[test]
fn the_holder_of_the_migration_lock_is_described_without_its_secrets() {
    for (secret, shown) in [
        ("'hunter2'", "'…'"),
        ("$$hunter2$$", "'…'"),
        ("E'\\'hunter2'", "'…'"),
        ("'it''s hunter2'", "'…'"),
        ("/* hunter2 */$x$ 'hunter2 $x$", "'…'"),
    ] {
        let database = Database::fresh();
        let session = database.session(&format!(
            "SET application_name = 'the other'; SELECT pg_advisory_lock(72707369), {secret}::text, pg_sleep(600)"
        ));
        let pid = backend(&database, "wait_event = 'PgSleep'");
        let arguments = ["run", "--migration-lock-timeout", "200ms"];
        let output = Project::with_two().doorstep(&database.url(), &arguments).run().code(75).stderr_lacks("hunter2");
        let holder = format!("held by: pid {pid}, application the other, client 127.0.0.1, connected since 20");
        let output = output.stderr_has(&holder).stderr_has(", active for ");
        output.stderr_has(&format!(": SET application_name = '…'; SELECT pg_advisory_lock(72707369), {shown}::text"));
        kill(session);
        terminate(&database, &pid);
    }
}

#[test]
fn a_holder_that_does_nothing_and_a_long_query_that_was_cut_are_described_too() {
    let database = Database::fresh();
    // The server keeps the first kilobyte: the closing quote is lost.
    let long =
        format!("SELECT pg_advisory_lock(72707369), pg_sleep(600), '{}hunter2{}'", "x".repeat(900), "y".repeat(900));
    let session = database.session(&long);
    let pid = backend(&database, "wait_event = 'PgSleep'");
    let arguments = ["run", "--migration-lock-timeout", "200ms", "--log-format", "json"];
    let output = Project::with_two().doorstep(&database.url(), &arguments).run().code(75).stderr_lacks("hunter2");
    assert_eq!(output.last_event()["exit_code"], 75);
    assert!(output.stderr.contains(&format!("pid {pid}")), "{}", output.stderr);
    drop(session);
}

#[test]
fn a_lock_timeout_says_for_whom_it_waited_each_time_and_in_the_end() {
    let database = gated();
    database.sql("CREATE TABLE side.busy (id integer)");
    let project = Project::new().migration("1_alter", "ALTER TABLE side.busy ADD x integer;");
    let (_session, pid) = writer(&database, "side.busy", "SELECT 'hunter2'");
    let limits = ["run", "--statement-lock-timeout", "400ms", "--migration-lock-timeout", "2s"];
    let output = project.doorstep(&database.url(), &limits).run().code(75).stderr_lacks("hunter2");
    let tries = output.stderr.matches("is tried again").count();
    assert!(tries >= 1, "{}", output.stderr);
    // Each attempt reports it once while it waits; the error at the end repeats it.
    let waits = format!("1_alter waits for pid {pid}, application nightly job, client 127.0.0.1");
    assert!(output.stderr.matches(&waits).count() >= tries, "{}", output.stderr);
    let named = format!("detail: it waited for pid {pid}, application nightly job, client 127.0.0.1");
    assert_eq!(output.stderr.matches(&named).count(), 1, "{}", output.stderr);
    let last = output.stderr.rsplit("ERROR").next().unwrap().to_owned();
    assert!(last.contains(&named) && last.contains("55P03") && last.contains("next: start again"), "{last}");
}

#[test]
fn an_index_that_waits_for_an_old_transaction_says_so() {
    let database = gated();
    database.sql("CREATE TABLE side.busy (id integer)");
    let project = Project::new().migration("1_index", "CREATE INDEX CONCURRENTLY i ON side.busy (id);");
    let (_session, pid) = writer(&database, "side.busy", "SELECT 1");
    let mut doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let seen = doorstep.until_stderr("1_index waits for pid");
    assert!(seen.contains(&format!("waits for pid {pid}, application nightly job")), "{seen}");
    terminate(&database, &pid);
    doorstep.finish("run").code(0);
}

/// doorstep's application_name while it migrates.
fn application(name: &str, environment: &[(&str, &str)]) -> String {
    let database = gated();
    let project = Project::new().migration(name, GATE);
    let doorstep = project.doorstep(&database.url(), &["run"]).envs(environment).spawn();
    let pid = at_gate(&database);
    let application = database.sql(&format!("SELECT application_name FROM pg_stat_activity WHERE pid = {pid}"));
    open_gate(&database);
    doorstep.finish("run").code(0);
    application
}

#[test]
fn a_migrating_session_is_called_after_its_pod_and_its_migration() {
    assert_eq!(application("1_a", &[("POD_NAME", "web-1"), ("HOSTNAME", "h")]), "doorstep web-1 1_a");
    assert_eq!(application("1_a", &[("HOSTNAME", "h")]), "doorstep h 1_a");
    assert_eq!(application("1_a", &[]), "doorstep 1_a");
    let pod = format!("{}-7d9f8b-x2x4q", "long".repeat(15));
    let long = application(&format!("20260101120000_{}", "and_so_on_".repeat(15)), &[("POD_NAME", &pod)]);
    assert!(long.len() <= 63 && long.contains("7d9f8b-x2x4q 20260101120000_and_so_on_"), "{long}");
    let quoted = application("1_it's", &[("POD_NAME", "a'b\\c")]);
    assert_eq!(quoted, "doorstep a'b\\c 1_it's");
}

#[test]
fn the_next_migration_of_a_run_has_its_own_name() {
    let database = gated();
    let project = Project::new()
        .migration("1_a", "SELECT 1;")
        .migration("2_b", "CREATE INDEX CONCURRENTLY i ON side.go (id);")
        .migration("3_c", GATE);
    let doorstep = project.doorstep(&database.url(), &["run"]).env("POD_NAME", "web-1").spawn();
    let pid = at_gate(&database);
    let name = format!("SELECT application_name FROM pg_stat_activity WHERE pid = {pid}");
    assert_eq!(database.sql(&name), "doorstep web-1 3_c");
    open_gate(&database);
    doorstep.finish("run").code(0);
}

#[test]
fn a_statement_of_a_mixed_file_that_meets_a_lock_is_tried_again_and_in_the_end_goes_on_there() {
    let database = gated();
    database.sql("CREATE TABLE side.busy (id integer)");
    let script = "VACUUM side.go;\nALTER TABLE side.busy ADD x integer;\nINSERT INTO side.go VALUES (2);\n";
    let project = Project::new().migration("1_mixed", script);
    let (_session, pid) = writer(&database, "side.busy", "SELECT 1");
    let limits = ["run", "--statement-lock-timeout", "200ms", "--migration-lock-timeout", "1s"];
    project.doorstep(&database.url(), &limits).run().code(75).stderr_has("is tried again").stderr_has("55P03");
    terminate(&database, &pid);
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    output.stderr_has("it goes on with statement 2").stderr_lacks("statement 1 of 3");
    assert_eq!(database.sql("SELECT count(*) FROM side.go"), "1");
}

#[test]
fn a_role_that_may_not_see_others_still_names_the_holder() {
    let database = Database::fresh();
    let role = database.role("");
    database.sql(&format!("GRANT CREATE ON SCHEMA public TO {role}"));
    let _holder = database.hold_migration_lock("the-other");
    let output =
        Project::with_two().doorstep(&database.url_as(&role), &["run", "--migration-lock-timeout", "200ms"]).run();
    let output = output.code(75).stderr_has("held by: pid ").stderr_has("application the-other");
    output.stderr_lacks("insufficient privilege");
    terminate(&database, &backend(&database, "application_name = 'the-other'"));
    database.sql(&format!("DROP OWNED BY {role}"));
}

#[test]
fn on_sqlite_another_replica_at_work_is_a_lock_and_no_missing_database() {
    let (project, doorstep) = sqlite_at_work();
    let limits = ["run", "--migration-lock-timeout", "500ms", "--wait-timeout", "2s"];
    project.doorstep("file:./dev.db", &limits).run().code(75);
    doorstep.signal("TERM");
    doorstep.finish("run").code(143);
}

#[test]
fn a_signal_while_the_history_is_locked_is_answered_at_once() {
    let (database, project) = with_t("CREATE TABLE late (id integer);");
    let session = "BEGIN; LOCK TABLE _prisma_migrations IN SHARE MODE; SELECT pg_sleep(600)";
    let _session = database.session(session);
    let holder = backend(&database, "wait_event = 'PgSleep'");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    backend(&database, &format!("query LIKE '%INSERT INTO%_prisma_migrations%' AND {WAITS}"));
    doorstep.signal("TERM");
    doorstep.finish("run").code(143).stderr_has("2_x was not begun");
    assert_eq!(database.sql(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {holder}")), "1");
    assert_eq!(rows(&database, "2_x"), "");
    terminate(&database, &holder);
    assert!(!exists(&database, "late"));
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    assert!(exists(&database, "late"));
}

#[test]
fn what_is_read_ahead_waits_for_no_table_that_another_process_migrates() {
    let database = Database::fresh();
    let schema = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\nmodel users {\n  id Int @id\n}\n";
    let project = Project::with_two().file("prisma/schema.prisma", schema);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    database.sql("CREATE INDEX few ON users (id) WHERE id > 3; ALTER TABLE users ADD twice integer GENERATED ALWAYS AS (id * 2) STORED");
    // The expressions of the catalog cannot be shown while the table is locked: it is the migration lock that this start waits for.
    let session = database.session(
        "SELECT pg_advisory_lock(72707369); BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)",
    );
    let pid = backend(&database, "wait_event = 'PgSleep'");
    let project = project.migration("3_more", "CREATE TABLE more (id integer);");
    let arguments = ["run", "--wait-timeout", "20s", "--migration-lock-timeout", "300ms"];
    let output = project.doorstep(&database.url(), &arguments).run().code(75);
    output.stderr_has(&format!("held by: pid {pid}"));
    kill(session);
    terminate(&database, &pid);
}
