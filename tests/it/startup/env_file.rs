//! `env_file`: variables for doorstep itself, from a file that a setting names.

use crate::support::{Database, Project, free_port};

const SERVICE: [&str; 4] = ["--", "sh", "-c", "echo ${DATABASE_URL-unset} ${DOORSTEP_VERIFY-unset} ${OTHER-unset}"];

#[test]
fn it_is_read_only_where_it_is_named_and_the_service_does_not_get_it() {
    let database = Database::fresh();
    let project = Project::with_two();
    let lines = format!(
        "# for development\nexport DATABASE_URL=\"{}\" # here\nDOORSTEP_VERIFY='off'\nOTHER=x\n",
        database.url()
    );
    project.write(".env", &lines);
    project.doorstep("", &["run"]).run().code(78).stderr_has("no database is named");
    let hook = r#"sh -c 'psql -XAtq "$DATABASE_URL" -c "SELECT 40 + 2"; echo "hook ${OTHER-unset}"'"#;
    let run = [&["run", "--env-file", ".env", "--before-migrate", hook][..], &SERVICE].concat();
    let output = project.doorstep("", &run).run().code(0).stdout_is("unset unset unset");
    output.stderr_has("(2 applied)").stderr_has("42").stderr_has("hook unset");
    let run = [&["run"][..], &SERVICE].concat();
    project.doorstep("", &run).env("DOORSTEP_ENV_FILE", ".env").run().code(0).stdout_is("unset unset unset");
    project.write("doorstep.toml", "env_file = \".env\"\n");
    project.doorstep("", &run).run().code(0).stdout_is("unset unset unset");
    project.doorstep("", &["status"]).run().code(0).stdout_has("current");
    project.doorstep("", &["check"]).run().code(0);
    // What the service has of its own, it keeps.
    project.doorstep(&database.url(), &run).run().code(0).stdout_is(&format!("{} unset unset", database.url()));
}

#[test]
fn the_environment_wins_and_settings_keep_their_order() {
    let database = Database::fresh();
    let closed = format!("postgres://u@127.0.0.1:{}/d", free_port());
    let project = Project::bare()
        .file(".env", &format!("DATABASE_URL={closed}\nDOORSTEP_WAIT_ATTEMPTS=2\nDOORSTEP_WAIT_INTERVAL=1ms\n"));
    let wait = ["wait", "--env-file", ".env"];
    project.doorstep("", &wait).env_remove("DOORSTEP_WAIT_TIMEOUT").run().code(69).stderr_has("(2 attempts)");
    project.doorstep(&database.url(), &wait).run().code(0);
    project.write("url", &database.url());
    project.doorstep("", &wait).env("DATABASE_URL_FILE", "url").run().code(0);
    let flagged = ["wait", "--env-file", ".env", "--wait-attempts", "3"];
    project.doorstep("", &flagged).env_remove("DOORSTEP_WAIT_TIMEOUT").run().code(69).stderr_has("(3 attempts)");
    // An empty variable is not set, as everywhere.
    project.doorstep("", &wait).env("DATABASE_URL", "").run().code(69).stderr_has("connection refused");
}

#[test]
fn a_file_that_is_wrong_stops_the_start_without_a_value() {
    for (content, expected) in [
        ("A=1\nhunter2\n", ".env:2: the line has no `=`"),
        ("DATABASE_URL='postgres://u:hunter2@h/d\n", ".env:1: the line opens a ' that is not closed"),
        ("DOORSTEP_WAIT_TIMOUT=hunter2\n", "did you mean DOORSTEP_WAIT_TIMEOUT?"),
        ("DOORSTEP_CONFIG=hunter2\n", "DOORSTEP_CONFIG in .env has no effect"),
        ("DOORSTEP_ENV_FILE=hunter2\n", "DOORSTEP_ENV_FILE in .env has no effect"),
        ("DATABASE_URL=postgres://u:hunter2/x@h/d#\n", ""),
    ] {
        let project = Project::bare().file(".env", content);
        let output = project.doorstep("", &["wait", "--env-file", ".env", "--wait-timeout", "300ms"]).run();
        assert!(matches!(output.code, Some(78 | 69)), "{content}: {}", output.stderr);
        output.stderr_has(expected).stderr_lacks("hunter2");
    }
    let project = Project::bare();
    project.doorstep("", &["wait", "--env-file", ".env"]).run().code(78).stderr_has("cannot read the env file .env");
    project.doorstep("", &["check", "--env-file", ".env"]).run().code(1).stdout_has("cannot read the env file .env");
}
