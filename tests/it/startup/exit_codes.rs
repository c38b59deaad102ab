//! The exit-code table of the contract, row by row. What leads to a code is tested where it belongs;
//! here each row is met once, so that the table cannot lose one.

use crate::support::{Database, PASSWORD, Project, free_port};

#[test]
fn every_row_of_the_table() {
    let database = Database::fresh();
    let project = Project::with_two();
    let run = |url: &str, arguments: &[&str]| project.doorstep(url, arguments).run();
    let url = database.url();

    run(&url, &["run", "--", "true"]).code(0);
    run(&url, &["run", "--require-tables", "nope"]).code(3);
    run(&url, &["run", "--no-such-flag"]).code(64);
    run(&url, &[]).code(64);
    run(&url, &["dance"]).code(64);
    let broken = Database::fresh();
    let failing = Project::new().migration("1_x", "SELECT 1/0;");
    failing.doorstep(&broken.url(), &["run"]).run().code(65);
    run(&format!("postgres://u@127.0.0.1:{}/d", free_port()), &["run", "--wait-timeout", "200ms"]).code(69);
    run(&url, &["install", "/proc/nowhere"]).code(71);
    run(&url.replace(PASSWORD, "wrong"), &["run"]).code(77);
    run("nonsense", &["run"]).code(78);
    run(&url, &["run", "--", "/etc/passwd"]).code(126);
    run(&url, &["run", "--", "no-such-command"]).code(127);

    let empty = Database::fresh();
    let _holder = empty.hold_migration_lock("holder");
    run(&empty.url(), &["run", "--migration-lock-timeout", "200ms"]).code(75);
    let mut doorstep = project.doorstep(&empty.url(), &["run"]).spawn();
    doorstep.until_stderr("waiting for the migration lock");
    doorstep.signal("TERM");
    doorstep.finish("run").code(143);
}

#[test]
fn a_bug_has_its_own_code_and_asks_for_a_report() {
    // The one row that no input can lead to.
    let bug = doorstep::internals::Error::Internal("an impossible state".to_owned());
    assert_eq!(bug.exit_code(), 70);
    assert!(bug.to_string().contains("a bug in doorstep: an impossible state"));
}

#[test]
fn the_service_does_not_start_after_any_failure() {
    let database = Database::fresh();
    let project = Project::new().migration("1_x", "SELECT 1/0;");
    for _ in 0..2 {
        project.doorstep(&database.url(), &["run", "--", "echo", "never"]).run().code(65).stdout_is("");
    }
}
