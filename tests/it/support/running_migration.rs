//! Helpers for tests of a migration that is running: a gate inside a script, backends, history rows as Prisma writes
//! them.

use crate::support::{Database, Output, Project, Running, until};

/// A statement that waits, without any lock, until the test opens the gate.
pub(crate) const GATE: &str =
    "DO $$ BEGIN WHILE NOT EXISTS (SELECT 1 FROM side.go) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;";

/// A database with a closed gate.
pub(crate) fn gated() -> Database {
    let database = Database::fresh();
    database.sql("CREATE SCHEMA side; CREATE TABLE side.go (id integer)");
    database
}

pub(crate) fn open_gate(database: &Database) {
    database.sql("INSERT INTO side.go VALUES (1)");
}

/// The pid of the backend that waits at the gate, as soon as one does.
pub(crate) fn at_gate(database: &Database) -> String {
    backend(database, "query LIKE '%side.go%' AND wait_event = 'PgSleep'")
}

/// A start that SIGTERM ends at the gate, which is open afterwards.
pub(crate) fn interrupted_at_gate(database: &Database, project: &Project) -> Output {
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    at_gate(database);
    doorstep.signal("TERM");
    let output = doorstep.finish("run").code(143);
    open_gate(database);
    output
}

/// The pid of the only other backend of this database that meets the condition, as soon as there is one.
pub(crate) fn backend(database: &Database, condition: &str) -> String {
    until(&format!("a backend has {condition}"), || {
        let pid = database.sql(&format!(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND {condition}"
        ));
        pid.parse::<u32>().is_ok().then_some(pid)
    })
}

/// Terminates a backend, and waits until it is gone.
pub(crate) fn terminate(database: &Database, pid: &str) {
    database.sql(&format!("SELECT pg_terminate_backend({pid})"));
    gone(database, pid);
}

/// Waits until a backend is gone.
pub(crate) fn gone(database: &Database, pid: &str) {
    until("the backend is gone", || {
        (database.sql(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}")) == "0").then_some(())
    });
}

/// Kills the client at once, as when a node dies; its backend continues.
pub(crate) fn kill(mut doorstep: Running) {
    doorstep.child.kill().unwrap();
    doorstep.child.wait().unwrap();
}

/// An open transaction that has written to the table: DDL waits for it, CREATE INDEX CONCURRENTLY too.
pub(crate) fn writer(database: &Database, table: &str, query: &str) -> (Running, String) {
    let session = database.session(&format!(
        "SET application_name = 'nightly job'; BEGIN; LOCK TABLE {table} IN ROW EXCLUSIVE MODE; {query}; SELECT pg_sleep(600)"
    ));
    let held = format!(
        "pid = (SELECT pid FROM pg_locks WHERE relation = '{table}'::regclass AND mode = 'RowExclusiveLock' LIMIT 1)"
    );
    let pid = backend(database, &(held + " AND wait_event = 'PgSleep'"));
    (session, pid)
}

/// The row that Prisma writes before it runs a script, for this script.
pub(crate) fn prisma_begins(database: &Database, name: &str, script: &str) {
    database.sql(&format!(
        "INSERT INTO _prisma_migrations (id, checksum, started_at, migration_name) VALUES \
         (gen_random_uuid(), encode(sha256(convert_to($script${script}$script$, 'UTF8')), 'hex'), clock_timestamp(), '{name}')"
    ));
}

/// A history with one applied migration, and `2_x` as Prisma leaves it when it dies.
pub(crate) fn begun_by_prisma(script: &str) -> (Database, Project) {
    let database = gated();
    let project = Project::new().migration("1_base", "CREATE TABLE base (id integer);");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    prisma_begins(&database, "2_x", script);
    (database, project.migration("2_x", script))
}

/// Finished, rolled back and steps, for each row of one migration.
pub(crate) fn rows(database: &Database, name: &str) -> String {
    database.sql(&format!(
        "SELECT finished_at IS NOT NULL, rolled_back_at IS NOT NULL, applied_steps_count \
         FROM _prisma_migrations WHERE migration_name = '{name}' ORDER BY started_at"
    ))
}

/// Whether a relation exists.
pub(crate) fn exists(database: &Database, relation: &str) -> bool {
    database.sql(&format!("SELECT to_regclass('{relation}') IS NOT NULL")) == "t"
}

/// Starts doorstep, kills it at the gate, and terminates its backend.
pub(crate) fn dies_at_gate(database: &Database, project: &Project) {
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = at_gate(database);
    kill(doorstep);
    terminate(database, &pid);
}

/// doorstep while it runs an endless script on SQLite.
pub(crate) fn sqlite_at_work() -> (Project, Running) {
    // More than the cache holds, so the file grows while the script runs.
    let endless = "CREATE TABLE t AS SELECT zeroblob(6000000);\n\
                   WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c;\n";
    let project = Project::sqlite().migration("1_endless", endless);
    let doorstep = project.doorstep("file:./dev.db", &["run"]).spawn();
    until("the script runs", || {
        std::fs::metadata(project.path("dev.db")).is_ok_and(|file| file.len() > 2_000_000).then_some(())
    });
    (project, doorstep)
}

/// A database with the table `t`, created by the applied `1_t`, and a pending migration `2_x`.
pub(crate) fn with_t(script: &str) -> (Database, Project) {
    let database = gated();
    let project = Project::new().migration("1_t", "CREATE TABLE t (a integer);\nINSERT INTO t VALUES (1), (1);\n");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    (database, project.migration("2_x", script))
}

/// The next start stops before `2_x`, and names both commands to continue.
#[track_caller]
pub(crate) fn stops(database: &Database, project: &Project) -> Output {
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("2_x").stderr_has("doorstep resolve --rolled-back 2_x")
}
