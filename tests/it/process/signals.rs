//! Signals, synchronised by the log: doorstep logs what it is doing, the test sends the signal, doorstep logs how it
//! ended.

use std::time::{Duration, Instant};

use crate::support::{Database, Doorstep, Project, Running, binary, free_port, is_root, until};

fn waiting() -> Running {
    let url = format!("postgres://u@127.0.0.1:{}/d", free_port());
    let mut doorstep = Doorstep::new(&["run", "--", "echo", "never"]).env("DATABASE_URL", &url).spawn();
    doorstep.until_stderr("connection refused");
    doorstep
}

#[test]
fn a_signal_ends_the_wait_at_once_with_128_plus_n() {
    for (name, code) in [("TERM", 143), ("INT", 130), ("HUP", 129), ("QUIT", 131)] {
        let doorstep = waiting();
        let began = Instant::now();
        doorstep.signal(name);
        doorstep.finish("run").code(code).stdout_is("").stderr_has(&format!("stopped by SIG{name}"));
        // The documented limit is 100 ms (docs/benchmarks.md); this limit only has to exclude a coincidence.
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

/// A running migration that sleeps.
fn migrating(database: &Database, project: &Project) -> Running {
    let doorstep = project.doorstep(&database.url(), &["run", "--", "echo", "never"]).spawn();
    until("the script runs", || {
        let running = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
                       AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()";
        (database.sql(running) == "1").then_some(())
    });
    doorstep
}

#[test]
fn a_signal_cancels_the_running_migration_on_the_server_and_the_history_is_true() {
    let database = Database::fresh();
    let project = Project::new()
        .migration("1_fine", "CREATE TABLE fine (id integer);")
        .migration("2_slow", "CREATE TABLE slow (id integer);\nSELECT pg_sleep(600);")
        .migration("3_never", "CREATE TABLE never (id integer);");
    let doorstep = migrating(&database, &project);
    doorstep.signal("TERM");
    let output = doorstep.finish("run").code(143).stdout_is("");
    output.stderr_has("cancelling the running migration").stderr_has("2_slow was cancelled and rolled back");
    // No backend is left, no lock is held, nothing is half done, and the history row says what happened.
    let alive = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    until("the session is gone", || (database.sql(alive) == "0").then_some(()));
    assert_eq!(database.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 72707369 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"), "0");
    let rows = "SELECT migration_name, finished_at IS NOT NULL, rolled_back_at IS NOT NULL, logs LIKE 'stopped by SIGTERM%' \
                FROM _prisma_migrations ORDER BY started_at";
    assert_eq!(database.sql(rows), "1_fine|t|f|\n2_slow|f|t|t");
    assert_eq!(database.sql("SELECT to_regclass('slow') IS NULL AND to_regclass('never') IS NULL"), "t");
    // The next start applies it.
    project.write("prisma/migrations/2_slow/migration.sql", "CREATE TABLE slow (id integer);");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(2 applied)");
}

#[test]
fn a_signal_during_a_script_that_commits_on_the_way_leaves_a_failed_row() {
    let database = Database::fresh();
    let project =
        Project::new().migration("1_half", "BEGIN; CREATE TABLE half (id integer); COMMIT;\nSELECT pg_sleep(600);");
    let doorstep = migrating(&database, &project);
    doorstep.signal("INT");
    doorstep.finish("run").code(130).stderr_has("parts of it may have been kept");
    assert_eq!(database.sql("SELECT finished_at IS NULL, rolled_back_at IS NULL, to_regclass('half') IS NOT NULL FROM _prisma_migrations"), "t|t|t");
    project.doorstep(&database.url(), &["run"]).run().code(65);
}

#[test]
fn a_signal_while_queueing_for_the_lock_ends_the_queueing() {
    let database = Database::fresh();
    let _holder = database.hold_migration_lock("holder");
    let mut doorstep = Project::with_two().doorstep(&database.url(), &["run"]).spawn();
    doorstep.until_stderr("waiting for the migration lock");
    doorstep.signal("TERM");
    doorstep.finish("run").code(143);
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn sqlite_is_interrupted_too() {
    let endless = "CREATE TABLE t (id integer);\n\
                   WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c;\n";
    let project = Project::sqlite().migration("1_endless", endless);
    let doorstep = project.doorstep("file:./dev.db", &["run"]).spawn();
    // The row that says it has begun is committed.
    until("the migration has begun", || {
        let file = std::fs::read(project.path("dev.db")).unwrap_or_default();
        file.windows(9).any(|bytes| bytes == b"1_endless").then_some(())
    });
    doorstep.signal("TERM");
    doorstep.finish("run").code(143).stderr_has("1_endless was cancelled and rolled back");
}

#[test]
fn sqlite_is_interrupted_where_a_pragma_forbids_a_transaction_too() {
    // The first statement commits on its own and makes the file grow, which the test waits for.
    let endless = "PRAGMA foreign_keys = OFF; CREATE TABLE t AS SELECT zeroblob(2000000);\n\
                   WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c;\n";
    let project = Project::sqlite().migration("1_endless", endless);
    let doorstep = project.doorstep("file:./dev.db", &["run"]).spawn();
    until("the first statement is done", || {
        std::fs::metadata(project.path("dev.db")).is_ok_and(|file| file.len() > 2_000_000).then_some(())
    });
    doorstep.signal("TERM");
    let output = doorstep.finish("run").code(143);
    output.stderr_has("parts of it may have been kept");
}

fn as_pid_1(project: &Project, url: &str, arguments: &[&str]) -> Running {
    let doorstep = Doorstep::through("unshare", &["-pf", "--kill-child", "--mount-proc", binary()], arguments);
    doorstep.directory(&project.path("")).env("DATABASE_URL", url).spawn()
}

/// The only child of `unshare`: PID 1 of its namespace, seen from outside.
fn inner(unshare: &Running) -> u32 {
    let path = format!("/proc/{0}/task/{0}/children", unshare.pid());
    until("unshare has its child", || std::fs::read_to_string(&path).ok()?.trim().parse().ok())
}

fn signal(pid: u32, name: &str) {
    crate::support::run(std::process::Command::new("kill").args(["-s", name, &pid.to_string()]));
}

#[test]
fn as_pid_1_it_answers_signals_while_it_waits() {
    if !is_root() {
        return eprintln!("skipped: unshare -p needs root");
    }
    let url = format!("postgres://u@127.0.0.1:{}/d", free_port());
    let mut doorstep = as_pid_1(&Project::bare(), &url, &["run"]);
    doorstep.until_stderr("connection refused");
    signal(inner(&doorstep), "TERM");
    doorstep.finish("unshare").code(143);
}

#[test]
fn as_pid_1_it_leaves_no_zombies_of_commands_that_it_has_asked() {
    if !is_root() {
        return eprintln!("skipped: unshare -p needs root");
    }
    // Each attempt leaves an orphan behind, which PID 1 inherits.
    let project =
        Project::bare().file("doorstep.toml", "wait_interval = \"1ms\"\nmigrate = \"off\"\nverify = \"off\"\n");
    let orphan = "exec:sh -c 'sleep 1000 & echo x >> calls; test $(wc -l < calls) -gt 4'";
    let zombies = "grep -l 'State:.*Z' /proc/[0-9]*/status | wc -l; pgrep -c sleep";
    let arguments = ["run", "--wait-for", orphan, "--", "sh", "-c", zombies];
    let doorstep = Doorstep::through("unshare", &["-pf", "--kill-child", "--mount-proc", binary()], &arguments);
    doorstep.directory(&project.path("")).run().stdout_is("0\n0");
}

#[test]
fn as_pid_1_it_cancels_and_becomes_the_service() {
    if !is_root() {
        return eprintln!("skipped: unshare -p needs root");
    }
    let database = Database::fresh();
    let project = Project::new().migration("1_slow", "SELECT pg_sleep(600);");
    let doorstep = as_pid_1(&project, &database.url(), &["run"]);
    until("the script runs", || {
        let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600);%' AND datname = current_database()";
        (database.sql(running) == "1").then_some(())
    });
    signal(inner(&doorstep), "TERM");
    doorstep.finish("unshare").code(143);
    project.write("prisma/migrations/1_slow/migration.sql", "SELECT 1;");
    let service = as_pid_1(&project, &database.url(), &["run", "--", "sh", "-c", "echo pid $$"]);
    service.finish("unshare").code(0).stdout_is("pid 1");
}
