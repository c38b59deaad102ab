//! `password_command`: a program that prints the password, at each login.

use std::time::{Duration, Instant};

use crate::support::{Database, MysqlDatabase, Output, PASSWORD, Project, mysql, until};

const TOKEN: &str = "hunter2/t@ken";

/// A superuser with the token as its password, and the URL without it.
fn with_token(database: &Database) -> (String, String) {
    let role = database.role("SUPERUSER");
    database.sql(&format!("ALTER ROLE {role} PASSWORD '{TOKEN}'"));
    let url = without_password(&database.url_as(&role));
    (role, url)
}

/// A project whose `password` prints what is in the file `secret`, and counts its calls.
fn project(secret: &str) -> Project {
    Project::with_two()
        .file("secret", secret)
        .file("doorstep.toml", "password_command = \"sh -c 'echo x >> calls; cat secret'\"\n")
}

fn calls(project: &Project) -> usize {
    std::fs::read_to_string(project.path("calls")).unwrap_or_default().lines().count()
}

fn without_password(url: &str) -> String {
    url.replace(&format!(":{PASSWORD}@"), "@")
}

#[test]
fn what_it_prints_is_the_password_of_every_login_and_is_never_printed() {
    let database = Database::fresh();
    let (_, url) = with_token(&database);
    let project = project(&format!("{TOKEN}\n"));
    let run = ["run", "--log", "trace", "--", "sh", "-c", "echo up $DATABASE_URL $PGPASSWORD"];
    let output = project.doorstep(&url, &run).run().code(0).stdout_is(&format!("up {url}"));
    output.stderr_has("(2 applied)").stderr_lacks("hunter2");
    assert!(calls(&project) >= 1);
    for command in ["wait", "status", "verify", "check"] {
        let before = calls(&project);
        project.doorstep(&url, &[command]).run().code(0).stderr_lacks("hunter2");
        assert!(calls(&project) > before, "{command}");
    }
    project.doorstep(&url, &["replay"]).run().code(0);
}

#[test]
fn a_new_password_is_asked_for_until_one_is_right_to_begin_with() {
    // The vault is not there yet: that is waited for. A password that the server refuses is final, as it is elsewhere.
    let database = Database::fresh();
    let (_, url) = with_token(&database);
    let project = project("");
    let mut doorstep = project.doorstep(&url, &["wait"]).spawn();
    doorstep.until_stderr("password_command (sh -c 'echo x >> calls; cat secret') printed nothing");
    project.write("new", TOKEN);
    std::fs::rename(project.path("new"), project.path("secret")).unwrap();
    doorstep.finish("wait").code(0).stderr_lacks("hunter2");
    project.write("secret", "hunter2");
    project
        .doorstep(&url, &["wait"])
        .run()
        .code(77)
        .stderr_has("password authentication failed")
        .stderr_lacks("hunter2");
}

#[test]
fn the_session_that_looks_for_a_lock_gets_a_password_of_its_own() {
    let database = Database::fresh();
    let (role, url) = with_token(&database);
    let project = project(TOKEN);
    project.doorstep(&url, &["migrate"]).run().code(0).stderr_has("(2 applied)");
    project.write("prisma/migrations/3_alter/migration.sql", "ALTER TABLE users ADD COLUMN b integer;");
    let mut holder = database.idle_session("BEGIN; LOCK TABLE users;");
    let mut doorstep = project.doorstep(&url, &["migrate", "--statement-lock-timeout", "20s"]).spawn();
    until("the migration waits", || {
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        (database.sql(waiting) == "1").then_some(())
    });
    database.sql(&format!("ALTER ROLE {role} PASSWORD 'hunter2second'"));
    project.write("new", "hunter2second");
    std::fs::rename(project.path("new"), project.path("secret")).unwrap();
    doorstep.until_stderr("3_alter waits for pid");
    let _ = holder.child.kill();
    doorstep.finish("migrate").code(0).stderr_lacks("hunter2");
}

#[test]
fn hooks_and_tools_get_the_password_with_the_url_and_it_is_masked() {
    let database = Database::fresh();
    let (role, url) = with_token(&database);
    let project = project(TOKEN);
    let hook = r#"sh -c 'psql -XAtq "$DATABASE_URL" -c "SELECT 40 + 2"; echo "told $PGPASSWORD"'"#;
    let output = project.doorstep(&url, &["run", "--before-migrate", hook]).run().code(0);
    output.stderr_has("42").stderr_has("told ***").stderr_lacks("hunter2");
    // libpq's variables name the database: the password is one of them.
    let keywords = [("PGHOST", "127.0.0.1"), ("PGUSER", role.as_str()), ("PGDATABASE", "postgres")];
    let port = database.port.to_string();
    let tool = r#"sh -c 'psql -XAtqc "SELECT 40 + 2"'"#;
    let other = Project::bare().file("secret", TOKEN).file("doorstep.toml", "password_command = \"cat secret\"\n");
    let doorstep = other.doorstep("", &["migrate", "--before-migrate", tool, "--migrate-command", "true"]);
    doorstep.env("PGPORT", &port).envs(&keywords).run().code(0).stderr_has("42").stderr_lacks("hunter2");
}

#[test]
fn a_command_that_gives_no_password_is_named_without_what_it_prints() {
    let database = Database::fresh();
    let (_, url) = with_token(&database);
    let wait = |command: &str| -> Output {
        let arguments = ["wait", "--wait-timeout", "1s", "--password-command", command];
        Project::bare().doorstep(&url, &arguments).run().stderr_lacks("hunter2")
    };
    let output = wait("sh -c 'cat /proc/self/cmdline; printf hunter; echo 2 >&2; exit 7'").code(69);
    output
        .stderr_has("exited with 7 (what it prints is not shown)")
        .stderr_has("next: run that command in this container");
    wait("no-such-program").code(127).stderr_has("password_command: the command no-such-program was not found");
    let began = Instant::now();
    let project = Project::bare();
    let hangs = "sh -c 'sleep 600 & echo $! > pid; wait'";
    let arguments = ["wait", "--wait-timeout", "2s", "--command-timeout", "500ms", "--password-command", hangs];
    project.doorstep(&url, &arguments).run().code(69).stderr_has("gave no password within 500ms");
    assert!(began.elapsed() < Duration::from_secs(20));
    let pid = std::fs::read_to_string(project.path("pid")).unwrap();
    until("its child is gone", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        stat.map_or(true, |stat| stat.contains(") Z ")).then_some(())
    });
}

#[test]
fn two_passwords_and_none_are_settings_errors() {
    let project = Project::bare();
    let wait = |url: &str| project.doorstep(url, &["wait", "--password-command", "echo hunter2"]);
    for url in ["postgres://u:hunter2@h/d", "mysql://u:hunter2@h/d"] {
        wait(url).run().code(78).stderr_has("both password_command and a password").stderr_lacks("hunter2@");
    }
    wait("postgres://u@h/d").env("PGPASSWORD", "x").run().code(78).stderr_has("PGPASSWORD");
    wait("file:./dev.db").run().code(78).stderr_has("password_command is set, but SQLite has no passwords");
}

#[test]
fn on_mysql_it_is_asked_at_every_login_too() {
    let database = MysqlDatabase::fresh();
    let account = database.account("ALL ON DB.*");
    mysql("", &format!("ALTER USER {account}@'%' IDENTIFIED BY '{TOKEN}'"));
    let url = without_password(&database.url_as(&account));
    let project = Project::numbered(&[("1_a.sql", "CREATE TABLE a (id integer);\n")])
        .file("secret", TOKEN)
        .file("doorstep.toml", "password_command = \"sh -c 'echo x >> calls; cat secret'\"\n");
    let hook = r#"sh -c 'echo "$DATABASE_URL $MYSQL_PWD"'"#;
    let output = project.doorstep(&url, &["run", "--log", "trace", "--before-migrate", hook]).run().code(0);
    output.stderr_has("(1 applied)").stderr_has(":***@").stderr_has(" ***\n").stderr_lacks("hunter2");
    let before = calls(&project);
    project.doorstep(&url, &["wait"]).run().code(0);
    assert!(calls(&project) > before);
    project.write("secret", "hunter2");
    project.doorstep(&url, &["wait"]).run().code(77).stderr_lacks("hunter2");
}
