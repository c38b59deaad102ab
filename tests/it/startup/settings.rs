//! Settings: one name in three forms (flag, environment, file), their order, and that no secret is printed.

use crate::support::{Database, Doorstep, PASSWORD, Project, free_port};

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let url = format!("postgres://u@127.0.0.1:{}/d", free_port());
    let run = |file: bool, env: bool, flag: bool| {
        let project = Project::bare();
        if file {
            project.write("doorstep.toml", "wait_attempts = 2\nwait_interval = \"1ms\"\nwait_timeout = \"9s\"\n");
        }
        let arguments = if flag { &["wait", "--wait-attempts", "4"][..] } else { &["wait"] };
        let doorstep = project.doorstep(&url, arguments).env_remove("DOORSTEP_WAIT_TIMEOUT");
        let doorstep = if env { doorstep.env("DOORSTEP_WAIT_ATTEMPTS", "3") } else { doorstep };
        doorstep.run().code(69)
    };
    run(true, false, false).stderr_has("(2 attempts)");
    run(true, true, false).stderr_has("(3 attempts)");
    run(true, true, true).stderr_has("(4 attempts)");
}

#[test]
fn another_file_can_be_named() {
    let project = Project::bare().file("conf/other.toml", "wait_timeout = \"10o\"\n");
    for doorstep in [
        project.doorstep("file:x.db", &["wait", "--config", "conf/other.toml"]),
        project.doorstep("file:x.db", &["wait"]).env("DOORSTEP_CONFIG", "conf/other.toml"),
    ] {
        doorstep
            .env_remove("DOORSTEP_WAIT_TIMEOUT")
            .run()
            .code(78)
            .stderr_has("conf/other.toml:1: `10o` is not a duration");
    }
    project
        .doorstep("file:x.db", &["wait", "--config", "gone.toml"])
        .run()
        .code(78)
        .stderr_has("cannot read gone.toml");
}

#[test]
fn unknown_names_are_errors_that_name_the_nearest() {
    let project = Project::bare();
    let run = |name: &str, value: &str| project.doorstep("file:x.db", &["wait"]).env(name, value).run();
    run("DOORSTEP_WAIT_TIMOUT", "1s").code(78).stderr_has("did you mean DOORSTEP_WAIT_TIMEOUT?");
    run("DOORSTEP_SERVICE_HOST", "10.0.0.1").code(69); // what Kubernetes injects is passed over
    let output = project.doorstep("file:x.db", &["wait", "--wait-timout", "1s"]).run().code(64);
    output.stderr_has("--wait-timeout");
    let project = Project::bare().file("doorstep.toml", "require_table = \"users\"\n");
    project.doorstep("file:x.db", &["wait"]).run().code(78).stderr_has("did you mean require_tables?");
}

#[test]
fn secrets_come_from_files_that_are_read_again_on_every_connect() {
    let database = Database::fresh();
    let url_file = |url: &str| Project::bare().file("url", &format!("{url}\n"));
    let project = url_file(&database.url());
    for name in ["DATABASE_URL_FILE", "DOORSTEP_DATABASE_URL_FILE", "DOORSTEP_MIGRATE_URL_FILE"] {
        project.doorstep("", &["wait"]).env(name, "url").run().code(0);
    }
    project.doorstep("", &["wait", "--database-url-file", "url"]).run().code(0);
    project
        .doorstep("postgres://a@b/c", &["wait"])
        .env("DATABASE_URL_FILE", "url")
        .run()
        .code(78)
        .stderr_has("both DATABASE_URL");
    project.doorstep("", &["wait"]).env("DATABASE_URL_FILE", "gone").run().code(78).stderr_has("secret file gone");
    // The port changes while doorstep waits, as a rotated secret does.
    let project = url_file(&format!("postgres://u@127.0.0.1:{}/d", free_port()));
    let mut doorstep = project.doorstep("", &["wait"]).env("DATABASE_URL_FILE", "url").spawn();
    doorstep.until_stderr("connection refused");
    project.write("url.new", &database.url());
    std::fs::rename(project.path("url.new"), project.path("url")).unwrap();
    doorstep.finish("wait").code(0);
}

#[test]
fn no_secret_is_printed_at_any_level_or_in_any_error() {
    let database = Database::fresh();
    let project = Project::with_two();
    project.doorstep(&database.url(), &["run", "--log", "trace"]).run().code(0).stderr_lacks(PASSWORD);
    let port = free_port();
    for url in [
        format!("postgres://u:hunter2@127.0.0.1:{port}/d"),
        "postgres://u:hunter2/@h/d".to_owned(),
        "postgres://u:hunter2?@h/d".to_owned(),
        "postgres://u:hunter2%@h/d".to_owned(),
        "postgres://u:p@h:hunter2/d".to_owned(),
        "nonsense:hunter2".to_owned(),
        "hunter2".to_owned(),
        "sqlserver://u:hunter2@h/d".to_owned(),
        "postgres://u:p@[hunter2/d".to_owned(),
        format!("postgres://u:x@127.0.0.1:{port}/d?hunter2=hunter2x").replace("hunter2=", "pass="),
        format!("host=127.0.0.1 port={port} user=u password='hunter2"),
    ] {
        for format in ["text", "json"] {
            let arguments = ["run", "--log", "trace", "--log-format", format, "--wait-timeout", "300ms"];
            let output = project.doorstep(&url, &arguments).run();
            assert!(matches!(output.code, Some(69 | 78)), "{url}: {:?}\n{}", output.code, output.stderr);
            output.stderr_lacks("hunter2").stdout_is("");
        }
    }
}

#[test]
fn a_url_given_as_a_flag_leaves_the_process_title() {
    let url = format!("postgres://u:hunter2@127.0.0.1:{}/d", free_port());
    let assigned = format!("--migrate-url={url}");
    for arguments in [
        vec!["wait", "--database-url", &url],
        vec!["wait", &assigned],
        // Before the command and behind it; both at once.
        vec!["--database-url", &url, "wait", "--database-url", &url],
        vec![&assigned, "wait", "--database-url", &url],
    ] {
        let mut doorstep = Doorstep::new(&arguments).spawn();
        doorstep.until_stderr("connection refused");
        let title = std::fs::read_to_string(format!("/proc/{}/cmdline", doorstep.pid())).unwrap();
        assert!(title.contains("wait") && !title.contains("hunter2"), "{title:?}");
        doorstep.signal("TERM");
        doorstep.finish("wait").code(143);
    }
}

#[test]
fn migrate_url_does_the_work_and_never_reaches_the_service() {
    let database = Database::fresh();
    let output = Project::with_two()
        .doorstep("postgres://app@service/db", &["run", "--", "env"])
        .env("DOORSTEP_MIGRATE_URL", &database.url())
        .run()
        .code(0)
        .stdout_has("DATABASE_URL=postgres://app@service/db");
    assert!(!output.stdout.contains(PASSWORD), "{}", output.stdout);
    assert_eq!(database.sql("SELECT count(*) FROM _prisma_migrations"), "2");
}

#[test]
fn the_prisma_schema_names_urls_and_prismas_direct_url_migrates() {
    let database = Database::fresh();
    let schema =
        "datasource db {\n  provider = \"postgresql\"\n  url = env(\"APP_DB\")\n  directUrl = env(\"APP_DIRECT\")\n}\n";
    let project = Project::with_two().file("prisma/schema.prisma", schema);
    project.doorstep("", &["run"]).env("APP_DB", &database.url()).run().code(0);
    let closed = format!("postgres://u@127.0.0.1:{}/d", free_port());
    let doorstep = project.doorstep("", &["run"]).env("APP_DB", &closed).env("APP_DIRECT", &database.url());
    doorstep.run().code(0);
    project.doorstep("", &["run"]).run().code(78).stderr_has("no database is named");
}

#[test]
fn json_logs_are_one_object_per_line_and_end_with_the_steps() {
    let database = Database::fresh();
    let output = Project::with_two().doorstep(&database.url(), &["run", "--log-format", "json"]).run().code(0);
    for line in output.stderr.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        for key in ["time", "level", "phase", "event", "message"] {
            assert!(event[key].is_string(), "{key} in {line}");
        }
    }
    let applied: Vec<serde_json::Value> =
        output.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let applied: Vec<&serde_json::Value> = applied.iter().filter(|event| event["event"] == "applied").collect();
    assert_eq!(applied.len(), 2);
    assert!(applied[0]["migration"] == "1_users" && applied[0]["duration_ms"].is_u64());
    let last = output.last_event();
    assert_eq!(last["event"], "ready");
    assert_eq!(last["applied"], 2);
    for step in ["wait", "schemas", "migrate", "verify"] {
        assert!(last["steps"][step].is_u64(), "{last}");
    }
}

#[test]
fn errors_are_json_too_with_code_and_sqlstate() {
    let database = Database::fresh();
    let url = database.url().replace(PASSWORD, "wrong");
    let output = Doorstep::new(&["wait", "--log-format", "json"]).env("DATABASE_URL", &url).run().code(77);
    let last = output.last_event();
    assert_eq!(
        (last["level"].as_str(), last["exit_code"].as_u64(), last["sqlstate"].as_str()),
        (Some("error"), Some(77), Some("28P01"))
    );
    let doorstep = Doorstep::new(&["wait"]).env("DOORSTEP_LOG_FORMAT", "json").env("DOORSTEP_NOPE", "1");
    assert_eq!(doorstep.run().code(78).last_event()["event"], "failed");
}

#[test]
fn variables_that_are_not_utf8_disturb_nobody() {
    use std::os::unix::ffi::OsStrExt;
    let database = Database::fresh();
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let mut command = std::process::Command::new(crate::support::binary());
    command.args(["run", "--", "printenv", "ODD"]).env("ODD", odd).env("DATABASE_URL", database.url());
    let output = command.current_dir("/").output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"\xff\xfe\n".as_slice()));
}

#[test]
fn a_mistyped_command_is_answered_with_the_nearest_one() {
    for (word, command) in [("statsu", "status"), ("verfy", "verify"), ("migrat", "migrate")] {
        let output = Doorstep::new(&[word]).run().code(64).stderr_has(&format!("did you mean `doorstep {command}`?"));
        output.stderr_lacks("two dashes");
    }
    Doorstep::new(&["servre"]).run().code(64).stderr_has("doorstep run -- CMD").stderr_lacks("did you mean");
}

#[test]
fn short_help_fits_one_screen_of_eighty_columns() {
    let help = Doorstep::new(&["-h"]).run().code(0).stdout;
    let lines: usize = help.lines().map(|line| line.chars().count().div_ceil(80).max(1)).sum();
    assert!(lines <= 50, "{lines} lines\n{help}");
    let long = Doorstep::new(&["--help"]).run().code(0).stdout;
    assert!(!help.contains("--before-migrate") && long.contains("--before-migrate"), "{help}");
}

#[test]
fn help_and_version_go_to_stdout() {
    let help = Doorstep::new(&["--help"]).run().code(0).stdout_has("--wait-timeout").stdout_has("Exit codes (");
    assert!(help.stderr.is_empty());
    Doorstep::new(&["--version"]).run().code(0).stdout_has("doorstep ");
    Doorstep::new(&["status", "--help"]).run().code(0).stdout_has("--format");
}

#[test]
fn an_empty_url_is_an_error_and_leads_to_no_other_database() {
    let database = Database::fresh();
    let project = Project::with_two().file("empty", "\n");
    for arguments in [&["run", "--database-url", ""][..], &["run", "--database-url="], &["run", "--migrate-url", ""]] {
        project.doorstep(&database.url(), arguments).run().code(78).stderr_has("_url is empty");
    }
    let doorstep = project.doorstep("", &["run"]).env("DATABASE_URL_FILE", "empty").env("PGHOST", "127.0.0.1");
    doorstep.run().code(78).stderr_has("the secret file empty is empty");
    project.doorstep(&database.url(), &["run", "--database-url", "x", "--database-url", "y"]).run().code(64);
    project.doorstep("\"postgres://u@h/d\"", &["run"]).run().code(78).stderr_has("quotes around it");
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn the_variable_of_the_schema_is_named_where_it_is_missing_or_overruled() {
    let schema = "datasource db {\n  provider = \"sqlite\"\n  url = env(\"SHELF_URL\")\n}\n";
    let project = Project::bare().file("prisma/schema.prisma", schema);
    let run = |url: &str| project.doorstep(url, &["run"]);
    let output = run("").env_remove("DATABASE_URL").run().code(78);
    output.stderr_has("takes it from SHELF_URL, which is not set").stderr_has("next: set SHELF_URL, or DATABASE_URL");
    run("").env_remove("DATABASE_URL").env("SHELF_URL", "file:./one.db").run().code(0).stderr_lacks("two databases");
    let output = run("file:./two.db").env("SHELF_URL", "file:./hunter2.db").run().code(0).stderr_lacks("hunter2");
    let output = output.stderr_has("doorstep uses DATABASE_URL").stderr_has("SHELF_URL, which has another value");
    assert_eq!(output.stderr.matches("two databases are named").count(), 1, "{}", output.stderr);
    run("file:./one.db").env("SHELF_URL", "file:./one.db").run().code(0).stderr_lacks("two databases");
}

#[test]
fn a_folder_of_no_known_format_is_explained_once_and_each_step_of_the_advice_can_be_taken() {
    let project = Project::bare().file("migrations/notes.txt", "x");
    let run = |arguments: &[&str]| project.doorstep("file:./x.db", &[&["run"], arguments].concat()).run();
    let output = run(&[]).code(0).stderr_has("migrations is of no known format").stderr_has("--migrate off");
    assert_eq!(output.stderr.matches("WARN").count(), 1, "{}", output.stderr);
    let output = run(&["--migrations", "migrations"]).code(78).stderr_has("of no known format");
    output.stderr_has("alembic.ini or manage.py").stderr_has("--migrate-command");
    let output = run(&["--migration-format", "alembic"]).code(78).stderr_has("there is no alembic.ini here");
    output.stderr_has("leave --migration-format out").stderr_has("--migrate-command");
    run(&["--migrate-command", "true"]).code(0);
    run(&["--migrations", "migrations", "--migrate-command", "true"]).code(0);
    run(&["--migrate", "await"]).code(78).stderr_has("is of no known format");
}

#[test]
fn a_migration_that_is_older_than_an_applied_one_runs_or_stops_as_the_setting_says() {
    for (value, code, said) in [
        (None, 0, "WARN  migrate: older than what is applied already: 0001_apple"),
        (Some("apply"), 0, "(1 applied)"),
        (Some("refuse"), 65, "older than what is applied already: 0001_apple; the setting out_of_order = refuse stops"),
    ] {
        let project = Project::bare().file("migrations/0002_pear.sql", "CREATE TABLE pear (id int);");
        project.doorstep("file:./dev.db", &["run"]).run().code(0);
        project.write("migrations/0001_apple.sql", "CREATE TABLE apple (id int);");
        let call = project.doorstep("file:./dev.db", &["run"]);
        let call = value.into_iter().fold(call, |call, value| call.env("DOORSTEP_OUT_OF_ORDER", value));
        call.run().code(code).stderr_has(said);
    }
}

#[test]
fn the_history_table_has_the_name_of_the_setting_where_the_tool_leaves_it_open() {
    let project = Project::numbered(&[("1_a.sql", "CREATE TABLE a (id integer);")]);
    let database = Database::fresh();
    for form in ["flag", "variable", "file"] {
        let mut call = project.doorstep(&database.url(), &["run"]);
        match form {
            "flag" => call = project.doorstep(&database.url(), &["run", "--history-table", "ops.\"Done\""]),
            "variable" => call = call.env("DOORSTEP_HISTORY_TABLE", "ops.\"Done\""),
            _ => project.write("doorstep.toml", "history_table = 'ops.\"Done\"'"),
        }
        call.run().code(0).stderr_has(if form == "flag" { "(1 applied)" } else { "(0 applied)" });
    }
    assert_eq!(database.sql("SELECT name FROM ops.\"Done\""), "1_a");
    assert_eq!(database.sql("SELECT to_regclass('_doorstep_migrations') IS NULL"), "t");
    let prisma = Project::new().migration("1_a", "CREATE TABLE a (id integer);");
    let output = prisma.doorstep(&database.url(), &["run", "--history-table", "other"]).run().code(78);
    output.stderr_has("history_table = other").stderr_has("_prisma_migrations");
    project.doorstep(&database.url(), &["run", "--history-table", "a.b.c"]).run().code(64);
}
