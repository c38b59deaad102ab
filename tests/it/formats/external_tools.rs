//! `migrate_command`: another tool migrates, and doorstep does the rest of the start. Here the tool is a shell; real
//! tools are in `alembic` and `django`.

use crate::support::{Database, PASSWORD, Project, Running, sqlite, until};

/// A shell that runs this text, as the setting has it.
fn shell(text: &str) -> String {
    format!("sh -c '{text}'")
}

fn command(project: &Project, database: &Database, text: &str) -> crate::support::Doorstep {
    let arguments = ["run", "--migrate-command", &shell(text), "--", "echo", "up"];
    project.doorstep(&database.url(), &arguments)
}

#[test]
fn a_command_runs_under_the_lock_with_its_output_in_the_log_and_the_service_follows() {
    let database = Database::fresh();
    // The command itself queries the holder of the lock, on the database of DATABASE_URL.
    let look = "echo out; echo err >&2; psql -X -At $DATABASE_URL -c \"SELECT application_name, \
                count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = \\$\\$advisory\\$\\$ AND \
                classid::bigint * 4294967296 + objid::bigint = $DOORSTEP_MIGRATION_LOCK GROUP BY 1\"";
    let output = command(&Project::bare(), &database, look).env("HOSTNAME", "pod").run().code(0).stdout_is("up");
    let output = output.stderr_has("migrate: migrate_command: sh -c").stderr_has("migrate: out");
    let output = output.stderr_has("migrate: err").stderr_has(" pod|1");
    output.stderr_has("migrate_command succeeded in").stderr_lacks("no migrations folder").stderr_lacks(PASSWORD);
}

#[test]
fn a_command_that_fails_stops_the_start_with_its_last_lines() {
    let database = Database::fresh();
    let project = Project::bare().file("note", "");
    let note = project.path("note").display().to_string();
    let many = "i=0; while [ $i -lt 2000 ]; do echo \"line $i\"; i=$((i+1)); done; echo the cause; exit 3";
    let output = command(&project, &database, many).env("DOORSTEP_TERMINATION_LOG", &note).run().code(65).stdout_is("");
    let output = output.stderr_has("migrate_command failed: sh -c").stderr_has("exited with 3");
    output.stderr_has("its last lines:").stderr_has("  the cause\n").stderr_has("next: ");
    let noted = std::fs::read_to_string(&note).unwrap();
    assert!(noted.len() <= 4096 && noted.contains("the cause\n") && noted.contains("next: "), "{noted}");
    assert!(!noted.contains("line 1000\n"), "{noted}");
    command(&project, &database, "kill -9 $$").run().code(65).stderr_has("was killed by SIGKILL");
    command(&project, &database, "exit 1").run().code(65).stderr_has("it printed nothing");
}

#[test]
fn what_cannot_be_started_is_told_before_anything_is_written() {
    let database = Database::fresh();
    let project = Project::bare().file("plain", "text");
    let run = |command: &str| {
        let arguments = ["run", "--schemas", "app", "--migrate-command", command];
        project.doorstep(&database.url(), &arguments).run()
    };
    run("no-such-tool --x").code(127).stderr_has("migrate_command: the command no-such-tool was not found");
    run("./plain").code(126).stderr_has("migrate_command: the command ./plain is not executable");
    run("a && b").code(64).stderr_has("has a meaning only to a shell");
    assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'app'"), "0");
    // A start that does not migrate does not need the tool.
    let arguments = ["run", "--migrate", "off", "--migrate-command", "no-such-tool"];
    project.doorstep(&database.url(), &arguments).run().code(0);
}

#[test]
fn the_command_is_written_alike_everywhere() {
    let database = Database::fresh();
    let project =
        Project::bare().file("doorstep.toml", "migrate_command = [\"sh\", \"-c\", \"echo a; echo $0\", \"b c\"]");
    project.doorstep(&database.url(), &["migrate"]).run().code(0).stderr_has("migrate: b c");
    let by_variable = project.doorstep(&database.url(), &["migrate"]);
    by_variable.env("DOORSTEP_MIGRATE_COMMAND", "sh -c 'echo $0' 'd e'").run().code(0).stderr_has("migrate: d e");
    let project = Project::bare().file("doorstep.toml", "migrate_command = \"a | b\"");
    project.doorstep(&database.url(), &["migrate"]).run().code(78).stderr_has("doorstep.toml:1: | has a meaning only");
    let project = Project::with_two();
    let both = ["run", "--migrate-command", "true", "--migration-format", "prisma"];
    project.doorstep(&database.url(), &both).run().code(78).stderr_has("keep one of them");
}

#[test]
fn the_command_gets_the_url_that_doorstep_migrates_with_and_none_of_its_secrets() {
    let database = Database::fresh();
    let role = database.role("");
    let show = "for v in DATABASE_URL DATABASE_URL_FILE DOORSTEP_MIGRATE_URL; do eval echo $v=\\$$v | cut -c1-28; done; \
                echo whole: $DATABASE_URL";
    let project = Project::bare();
    let service = database.url_as(&role);
    let output = command(&project, &database, show)
        .env("DATABASE_URL", &service)
        .env("DOORSTEP_MIGRATE_URL", &database.url())
        .run()
        .code(0);
    let output = output.stderr_has("DATABASE_URL=postgresql://po").stderr_has("DOORSTEP_MIGRATE_URL=\n");
    // If it prints the URL, the password is masked.
    output.stderr_has("whole: ***").stderr_lacks(PASSWORD);
    let file = project.path("url");
    std::fs::write(&file, database.url()).unwrap();
    let output = command(&project, &database, show)
        .env_remove("DATABASE_URL")
        .env("DATABASE_URL_FILE", file.to_str().unwrap())
        .run()
        .code(0);
    output.stderr_has("DATABASE_URL=postgresql://po").stderr_has("DATABASE_URL_FILE=\n");
}

/// A running command that continues until it is stopped.
fn running(text: &str) -> (Database, Running) {
    let database = Database::fresh();
    let mut doorstep = command(&Project::bare(), &database, text).spawn();
    doorstep.until_stderr("migrate: begun");
    (database, doorstep)
}

#[test]
fn a_signal_is_passed_on_and_then_obeyed() {
    for (name, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let text = format!("trap \"echo heard {name}; exit 7\" {name}; echo begun; while :; do sleep 600 & wait; done");
        let (_database, doorstep) = running(&text);
        doorstep.signal(name);
        let output = doorstep.finish("run").code(code).stdout_is("");
        let output = output.stderr_has(&format!("heard {name}")).stderr_has("which exited with 7");
        output.stderr_has(&format!("stopped by SIG{name}"));
    }
}

#[test]
fn a_command_that_does_not_obey_is_killed_with_all_that_it_has_started() {
    let (database, doorstep) = running("trap : TERM; echo begun; while :; do sleep 600; done");
    let children = format!("/proc/{0}/task/{0}/children", doorstep.pid());
    let shell = until("the child is there", || std::fs::read_to_string(&children).ok()?.trim().parse::<u32>().ok());
    doorstep.signal("TERM");
    doorstep.finish("run").code(143).stderr_has("did not end, and was killed");
    let in_group = |stat: String| {
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[0] != "Z" && fields[2] == shell.to_string()
    };
    until("its process group is empty", || {
        let stats = std::fs::read_dir("/proc").unwrap().flatten();
        let mut stats = stats.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
        (!stats.any(in_group)).then_some(())
    });
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
                 (SELECT oid FROM pg_database WHERE datname = current_database())";
    until("the lock is free", || (database.sql(locks) == "0").then_some(()));
}

#[test]
fn two_replicas_never_run_it_at_once() {
    let database = Database::fresh();
    database.sql("CREATE TABLE log (line text)");
    let text = "psql -X -q $DATABASE_URL -c \"INSERT INTO log VALUES (\\$\\$in\\$\\$)\"; \
                psql -X -q $DATABASE_URL -c \"INSERT INTO log VALUES (\\$\\$out\\$\\$)\"";
    let replicas: Vec<_> = (0..4).map(|_| command(&Project::bare(), &database, text).spawn()).collect();
    for replica in replicas {
        replica.finish("run").code(0);
    }
    assert_eq!(database.sql("SELECT string_agg(line, ' ' ORDER BY ctid) FROM log"), ["in out"; 4].join(" "));
}

#[test]
fn on_sqlite_the_file_is_lent_to_the_command_and_to_nobody_elses() {
    let project = Project::bare();
    let path = project.path("dev.db");
    std::fs::write(&path, "").unwrap();
    let gate = project.path("gate");
    crate::support::run(std::process::Command::new("mkfifo").arg(&gate));
    let first = ["run", "--migrate-command", "sh -c 'echo begun; read x < gate; echo done'"];
    let mut first = project.doorstep("file:./dev.db", &first).spawn();
    first.until_stderr("migrate: begun");
    // What the command would do.
    sqlite(&path, "CREATE TABLE t (id integer)");
    let second = ["run", "--migrate-command", "true", "--migration-lock-timeout", "300ms"];
    project.doorstep("file:./dev.db", &second).run().code(75).stderr_has("lock was still taken");
    std::fs::OpenOptions::new().write(true).open(&gate).unwrap();
    first.finish("run").code(0);
    project.doorstep("file:./dev.db", &["run", "--migrate-command", "true"]).run().code(0);
}

#[test]
fn what_nobody_can_tell_of_an_unknown_tool_is_refused_with_the_way_round() {
    let database = Database::fresh();
    let ask = |arguments: &[&str]| {
        let arguments = [arguments, &["--migrate-command", "make migrate"]].concat();
        Project::bare().doorstep(&database.url(), &arguments).run().code(78)
    };
    for arguments in [&["status"][..], &["replay"], &["baseline"], &["resolve", "--applied", "x"]] {
        ask(arguments).stderr_has("doorstep knows neither the files nor the history of make migrate");
    }
    ask(&["run", "--migrate", "await"]).stderr_has("--require-tables");
}

#[test]
fn json_logs_stay_one_object_per_line() {
    let database = Database::fresh();
    let output = command(
        &Project::bare(),
        &database,
        "printf \"\\033[31mred\\033[0m\\n\"; printf \"10%%\\r90%%\\n\"; printf end",
    );
    let output = output.env("DOORSTEP_LOG_FORMAT", "json").run().code(0);
    let lines: Vec<serde_json::Value> = output.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let printed = lines.iter().filter(|line| line["event"] == "output");
    let printed: Vec<&str> = printed.map(|line| line["message"].as_str().unwrap()).collect();
    assert_eq!(printed, ["red", "90%", "end"]);
}
