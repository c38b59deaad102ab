//! `start_timeout` for the whole start, `command_timeout` for the tool that migrates and the hooks.

use std::time::{Duration, Instant};

use crate::support::ground::{Engine, Ground};
use crate::support::{Database, Doorstep, Project, free_port, until};

const NO_TABLES: &str =
    "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_prisma_migrations'";

const NO_LOCKS: &str = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                        WHERE l.locktype = 'advisory' AND d.datname = current_database()";

#[test]
fn a_start_that_waits_too_long_is_stopped() {
    let url = format!("postgres://u@127.0.0.1:{}/d", free_port());
    let began = Instant::now();
    let wait = Doorstep::new(&["wait", "--wait-timeout", "60s", "--start-timeout", "500ms"]).env("DATABASE_URL", &url);
    let output = wait.run().code(69).stderr_has("connection refused");
    output.stderr_has("the start was stopped in the wait: start_timeout is 500ms").stderr_has("next: start again");
    let wait = Doorstep::new(&["wait", "--wait-for", "file:gone", "--wait-timeout", "60s"]);
    wait.env("DOORSTEP_START_TIMEOUT", "500ms").run().code(69).stderr_has("the start was stopped in the wait");
    assert!(began.elapsed() < Duration::from_secs(20));
    let database = Database::fresh();
    let run = ["run", "--start-timeout", "50s", "--", "echo", "up"];
    Project::with_two().doorstep(&database.url(), &run).run().code(0).stdout_is("up");
}

#[test]
fn a_start_that_queues_too_long_has_the_exit_code_of_the_lock() {
    let database = Database::fresh();
    let _holder = database.hold_migration_lock("another");
    let project = Project::with_two();
    let run = ["run", "--start-timeout", "6s", "--", "echo", "never"];
    let output = project.doorstep(&database.url(), &run).run().code(75).stdout_is("");
    output.stderr_has("another session holds the migration lock");
    assert_eq!(database.sql(NO_TABLES), "0");
}

#[test]
fn a_migration_that_takes_too_long_is_cancelled_and_runs_again() {
    let database = Database::fresh();
    let project = Project::new().migration("1_slow", "CREATE TABLE slow (id integer);\nSELECT pg_sleep(600);");
    let run = ["run", "--start-timeout", "6s", "--", "echo", "never"];
    let output = project.doorstep(&database.url(), &run).run().code(69).stdout_is("");
    output
        .stderr_has("start_timeout (6.0s) is over: stopping as at SIGTERM")
        .stderr_has("the start was stopped in the migrations: start_timeout is 6.0s")
        .stderr_has("1_slow was cancelled and rolled back; the next start runs it again");
    assert_eq!(database.sql(NO_TABLES), "0");
    assert_eq!(database.sql(NO_LOCKS), "0");
    project.write("prisma/migrations/1_slow/migration.sql", "CREATE TABLE slow (id integer);");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
}

#[test]
fn a_hook_under_way_is_stopped_with_the_start() {
    let database = Database::fresh();
    let project = Project::with_two();
    let run = ["run", "--start-timeout", "6s", "--before-migrate", "sleep 600", "--", "echo", "never"];
    let output = project.doorstep(&database.url(), &run).run().code(69).stdout_is("");
    output.stderr_has("the start was stopped in").stderr_has("nothing was migrated, and the next start calls it again");
    assert_eq!(database.sql(NO_LOCKS), "0");
}

#[test]
fn a_command_that_hangs_is_ended_and_the_lock_released_on_every_engine() {
    let servers = [Ground::fresh(Engine::Postgres), Ground::fresh(Engine::Mysql)];
    for url in servers.iter().map(Ground::url).chain(["file:./dev.db".to_owned()]) {
        let project = Project::numbered(&[("1_a.sql", "CREATE TABLE a (id integer);\n")]);
        let run = ["run", "--command-timeout", "1s", "--", "echo", "never"];
        let began = Instant::now();
        let hook = |words: &str| project.doorstep(&url, &run).env("DOORSTEP_BEFORE_MIGRATE", words).run();
        // The first is what `sh` runs: SIGTERM reaches its child, too.
        let output = hook("sh -c 'sleep 600 & echo $! > pid; echo so far; wait'").code(69).stdout_is("");
        output
            .stderr_has("before_migrate took longer than command_timeout (1.0s): sh -c")
            .stderr_has("was killed by SIGTERM")
            .stderr_has("its last lines:\n      so far")
            .stderr_has("nothing was migrated\n    next: repair the cause, and start again, or give it longer with --command-timeout");
        assert!(began.elapsed() < Duration::from_secs(30));
        let pid = std::fs::read_to_string(project.path("pid")).unwrap();
        until("its child is gone", || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
            stat.map_or(true, |stat| stat.contains(") Z ")).then_some(())
        });
        // Nothing is held: the next start goes on at once.
        let migrate = ["migrate", "--migration-lock-timeout", "5s"];
        project.doorstep(&url, &migrate).run().code(0).stderr_has("(1 applied)");
    }
}

#[test]
fn a_command_that_ignores_sigterm_is_killed() {
    let database = Database::fresh();
    let project = Project::bare();
    let tool = r#"sh -c 'trap "" TERM; while :; do sleep 1; done'"#;
    let run = ["run", "--command-timeout", "1s", "--migrate-command", tool, "--", "echo", "never"];
    let output = project.doorstep(&database.url(), &run).run().code(69).stdout_is("");
    output
        .stderr_has("migrate_command took longer than command_timeout (1.0s)")
        .stderr_has("did not end, and was killed");
    assert_eq!(database.sql(NO_LOCKS), "0");
}
