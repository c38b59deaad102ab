//! The exit-code table of the contract. What leads to a code is tested in the module of its subject; here each code
//! occurs once, and tests/snapshots/errors.snap holds its message.

use crate::support::snapshots::{Sections, assert_snapshot};
use crate::support::{Database, Doorstep, Output, PASSWORD, Project, free_port};

/// The messages, in the order of the runs.
#[derive(Default)]
struct Errors(Sections);

impl Errors {
    /// Runs doorstep, which must end with this code, and records its error.
    #[track_caller]
    fn met(&mut self, code: i32, situation: &str, doorstep: Doorstep) {
        self.note(code, situation, doorstep.run());
    }

    #[track_caller]
    fn note(&mut self, code: i32, situation: &str, output: Output) {
        let output = output.code(code);
        let text = format!("$ {}\n{}", output.shown.trim_end(), output.error());
        self.0.add(&format!("{code}: {situation}"), &text);
    }
}

#[test]
fn every_row_of_the_table() {
    let database = Database::fresh();
    let project = Project::with_two();
    let run = |url: &str, arguments: &[&str]| project.doorstep(url, arguments).env("PATH", "/usr/bin:/bin");
    let url = database.url();
    let mut errors = Errors::default();

    run(&url, &["run", "--", "true"]).run().code(0);
    errors.met(3, "a required table is missing", run(&url, &["run", "--require-tables", "nope"]));
    errors.met(64, "an unknown flag", run(&url, &["run", "--no-such-flag"]));
    errors.met(64, "no command", run(&url, &[]));
    errors.met(64, "an unknown command", run(&url, &["dance"]));
    errors.met(64, "a mistyped command", run(&url, &["verfy"]));
    errors.met(64, "a mistyped flag", run(&url, &["verify", "--fromat", "json"]));
    errors.met(64, "a value that is none of the possible ones", run(&url, &["verify", "--format", "html"]));
    errors.met(64, "resolve without a mark", run(&url, &["resolve"]));
    let broken = Database::fresh();
    let failing = Project::new().migration("1_x", "SELECT 1;\nSELECT 1/0;\n");
    errors.met(65, "a migration fails", failing.doorstep(&broken.url(), &["run"]));
    errors.met(65, "a migration failed in an earlier start", failing.doorstep(&broken.url(), &["run"]));
    let refused = format!("postgres://u@127.0.0.1:{}/d", free_port());
    errors.met(69, "the database refuses connections", run(&refused, &["run", "--wait-timeout", "200ms"]));
    let bug = doorstep::internals::Error::Internal("an impossible state".to_owned());
    errors.0.add(&format!("{}: a bug", bug.exit_code()), &bug.to_string());
    errors.met(71, "a folder that cannot be written", run(&url, &["install", "/proc/nowhere"]));
    let empty = Database::fresh();
    let _holder = empty.hold_migration_lock("holder");
    let held = run(&empty.url(), &["run", "--migration-lock-timeout", "200ms"]);
    errors.met(75, "another replica migrates and does not end", held);
    errors.met(77, "a wrong password", run(&url.replace(PASSWORD, "wrong"), &["run"]));
    errors.met(78, "a URL that cannot be read", run("nonsense", &["run"]));
    errors.met(78, "no URL", run(&url, &["run"]).env_remove("DATABASE_URL"));
    errors.met(78, "an unknown setting", run(&url, &["run"]).env("DOORSTEP_WAIT_TIMEOT", "5s"));
    errors.met(78, "a setting's value that cannot be read", run(&url, &["run"]).env("DOORSTEP_WAIT_TIMEOUT", "soon"));
    errors.met(126, "a command that cannot be executed", run(&url, &["run", "--", "/etc/passwd"]));
    errors.met(127, "a command that does not exist", run(&url, &["run", "--", "no-such-command"]));

    let mut doorstep = project.doorstep(&empty.url(), &["run"]).spawn();
    doorstep.until_stderr("waiting for the migration lock");
    doorstep.signal("TERM");
    errors.note(143, "SIGTERM while waiting for the lock", doorstep.finish("doorstep run"));
    assert_snapshot!("errors", errors.0.text());
}

#[test]
fn a_bug_has_its_own_code_and_asks_for_a_report() {
    // The only code that no input leads to.
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
