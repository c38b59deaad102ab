//! `before_migrate` and `after_migrate`.

use crate::support::ground::{Engine, Ground};
use crate::support::{Database, Project};

fn project() -> Project {
    let project = Project::with_two();
    let hook = |name: &str| {
        format!(
            "#!/bin/sh\necho {name} >> order\npsql -XAtq $DATABASE_URL -c \"SELECT '{name} sees ' || count(*) FROM pg_tables WHERE schemaname = 'public'\"\n[ ! -e {name}.fails ]\n"
        )
    };
    for name in ["before", "after"] {
        project.write(name, &hook(name));
        crate::support::run(std::process::Command::new("chmod").arg("+x").arg(project.path(name)));
    }
    project.file("doorstep.toml", "before_migrate = \"./before\"\nafter_migrate = [\"./after\"]\n")
}

fn order(project: &Project) -> String {
    std::fs::read_to_string(project.path("order")).unwrap_or_default().replace('\n', " ")
}

#[test]
fn they_run_around_the_migrations_and_only_where_there_are_any() {
    let database = Database::fresh();
    let project = project();
    let output = project.doorstep(&database.url(), &["run", "--", "echo", "up"]).run().code(0).stdout_is("up");
    output.stderr_has("before sees 0").stderr_has("after sees 3").stderr_has("before_migrate succeeded in");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_lacks("sees");
    assert_eq!(order(&project), "before after ");
    project.write("prisma/migrations/3_x/migration.sql", "SELECT 1;");
    project.doorstep(&database.url(), &["replay"]).run().code(0);
    assert_eq!(order(&project), "before after ");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    assert_eq!(order(&project), "before after before after ");
}

#[test]
fn a_failure_before_stops_the_start_before_anything_is_written() {
    let database = Database::fresh();
    let project = project().file("before.fails", "");
    let arguments = ["run", "--schemas", "app", "--", "echo", "never"];
    let output = project.doorstep(&database.url(), &arguments).run().code(65).stdout_is("");
    output
        .stderr_has("before_migrate failed: ./before exited with 1")
        .stderr_has("before sees 0")
        .stderr_has("nothing was migrated");
    assert_eq!(order(&project), "before ");
    let written = "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'app'), (SELECT count(*) FROM pg_tables \
                   WHERE schemaname = 'public')";
    assert_eq!(database.sql(written), "0|0");
    std::fs::remove_file(project.path("before.fails")).unwrap();
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(2 applied)");
}

#[test]
fn a_failure_after_stops_the_start_and_the_next_one_calls_it_again() {
    let database = Database::fresh();
    let project = project().file("after.fails", "");
    let run = || project.doorstep(&database.url(), &["run", "--", "echo", "up"]).run();
    let output = run().code(65).stdout_is("");
    output
        .stderr_has("after_migrate failed")
        .stderr_has("the migrations are applied")
        .stderr_has("the next start calls it again");
    run().code(65).stdout_is("").stderr_has("after_migrate failed");
    std::fs::remove_file(project.path("after.fails")).unwrap();
    run().code(0).stdout_is("up").stderr_has("after_migrate succeeded");
    run().code(0).stdout_is("up").stderr_lacks("after_migrate");
    assert_eq!(order(&project), "before after after after ");
    assert_eq!(database.sql("SELECT to_regtype('_doorstep_after_migrate') IS NULL"), "t");
    assert_eq!(database.sql("SELECT count(*), count(logs) FROM _prisma_migrations"), "2|0");
}

/// Kills doorstep and its child at once.
fn kill_both(mut doorstep: crate::support::Running) {
    let children = format!("/proc/{0}/task/{0}/children", doorstep.pid());
    let children = std::fs::read_to_string(children).unwrap();
    doorstep.child.kill().unwrap();
    for child in children.split_whitespace() {
        crate::support::run(std::process::Command::new("kill").args(["-9", child]));
    }
    doorstep.child.wait().unwrap();
}

#[test]
fn a_kill_between_the_migrations_and_the_hook_does_not_lose_it() {
    let database = Database::fresh();
    let waits = "sh -c 'echo begun; exec sleep 600'";
    let arguments = ["run", "--after-migrate", waits];
    let mut doorstep = Project::with_two().doorstep(&database.url(), &arguments).spawn();
    doorstep.until_stderr("migrate: begun");
    kill_both(doorstep);
    let arguments = ["run", "--after-migrate", "echo called"];
    let project = Project::with_two();
    project.doorstep(&database.url(), &arguments).run().code(0).stderr_has("called").stderr_has("(0 applied)");
    project.doorstep(&database.url(), &arguments).run().code(0).stderr_lacks("called");
}

#[test]
fn on_sqlite_and_for_a_tool_of_its_own_a_failed_hook_is_called_again_too() {
    let project = Project::sqlite().migration("1_a", "CREATE TABLE a (id integer);");
    project.doorstep("file:./dev.db", &["run", "--after-migrate", "false"]).run().code(65);
    let again = ["run", "--after-migrate", "echo called"];
    project.doorstep("file:./dev.db", &again).run().code(0).stderr_has("called");
    project.doorstep("file:./dev.db", &again).run().code(0).stderr_lacks("called");
    let database = Database::fresh();
    let first = ["run", "--migrate-command", "true", "--after-migrate", "false"];
    Project::bare().doorstep(&database.url(), &first).run().code(65);
    assert_eq!(database.sql("SELECT to_regtype('_doorstep_after_migrate') IS NOT NULL"), "t");
    // It is no table of the service.
    let verified = Project::bare().doorstep(&database.url(), &["verify", "--require-tables", "pg_class"]).run();
    verified.stderr_lacks("_doorstep_after_migrate");
}

#[test]
fn on_mysql_they_run_around_the_migrations_and_a_failed_one_is_called_again() {
    let ground = Ground::fresh(Engine::Mysql);
    let project = Project::mysql().migration("1_a", "CREATE TABLE a (id integer);");
    let marker = || {
        let named = "table_schema = DATABASE() AND table_name = '_doorstep_after_migrate'";
        ground.sql(&format!("SELECT count(*) FROM information_schema.tables WHERE {named}"))
    };
    let hooks = |after: &'static str| ["run", "--before-migrate", "echo prepared", "--after-migrate", after];
    let output = project.doorstep(&ground.url(), &hooks("false")).run().code(65);
    output.stderr_has("prepared").stderr_has("after_migrate failed").stderr_has("the migrations are applied");
    assert_eq!((marker(), ground.sql("SELECT count(*) FROM a")), ("1".to_owned(), "0".to_owned()));
    // It is no table of the service, and none of another tool's.
    project.doorstep(&ground.url(), &["verify", "--require-tables", "a"]).run().code(0).stdout_lacks("_doorstep_after");
    let output = project.doorstep(&ground.url(), &hooks("echo called")).run().code(0);
    output.stderr_lacks("prepared").stderr_has("called").stderr_has("(0 applied)");
    assert_eq!(marker(), "0");
    project.doorstep(&ground.url(), &hooks("echo called")).run().code(0).stderr_lacks("called");
    // A kill between the migrations and the hook does not lose it.
    let project = project.migration("2_b", "CREATE TABLE b (id integer);");
    let mut doorstep = project.doorstep(&ground.url(), &hooks("sh -c 'echo begun; exec sleep 600'")).spawn();
    doorstep.until_stderr("migrate: begun");
    kill_both(doorstep);
    let output = project.doorstep(&ground.url(), &hooks("echo called")).run().code(0);
    output.stderr_has("called").stderr_has("(0 applied)");
}

#[test]
fn a_history_that_forbids_to_go_on_calls_nobody() {
    let database = Database::fresh();
    let project = project();
    project.doorstep(&database.url(), &["run"]).run().code(0);
    std::fs::remove_dir_all(project.path("prisma/migrations/2_posts")).unwrap();
    project.write("prisma/migrations/3_new/migration.sql", "SELECT 1;");
    project.doorstep(&database.url(), &["run"]).run().code(65).stderr_has("have diverged");
    assert_eq!(order(&project), "before after ");
}

#[test]
fn a_hook_that_does_not_exist_or_is_stopped_leaves_nothing_behind() {
    let database = Database::fresh();
    let project = Project::with_two();
    let missing = ["run", "--before-migrate", "no-such-backup"];
    project
        .doorstep(&database.url(), &missing)
        .run()
        .code(127)
        .stderr_has("before_migrate: the command no-such-backup");
    let slow = ["run", "--before-migrate", "sh -c 'echo begun; sleep 600'"];
    let mut doorstep = project.doorstep(&database.url(), &slow).spawn();
    doorstep.until_stderr("migrate: begun");
    doorstep.signal("TERM");
    doorstep.finish("run").code(143).stderr_has("which was killed by SIGTERM");
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn on_sqlite_a_backup_can_read_the_file() {
    let project = Project::sqlite().migration("1_a", "CREATE TABLE a (id integer);");
    let backup = "import sqlite3; sqlite3.connect(\"dev.db\").backup(sqlite3.connect(\"backup.db\")); print(\"saved\")";
    let backup = format!("python3 -c '{backup}'");
    let arguments = ["run", "--before-migrate", &backup, "--after-migrate", &backup];
    project.doorstep("file:./dev.db", &arguments).run().code(0).stderr_has("saved").stderr_has("(1 applied)");
    assert_eq!(crate::support::sqlite(&project.path("backup.db"), "SELECT count(*) FROM a"), "0");
}

#[test]
fn hooks_know_the_names_that_are_pending_and_the_service_does_not() {
    let servers = [Ground::fresh(Engine::Postgres), Ground::fresh(Engine::Mysql)];
    for url in servers.iter().map(Ground::url).chain(["file:./dev.db".to_owned()]) {
        let project = Project::numbered(&[("1_a.sql", "CREATE TABLE a (id integer);\n"), ("2_b.sql", "SELECT 1;\n")]);
        let note = r#"sh -c 'echo "${DOORSTEP_PENDING-unset}" | tr "\n" " " >> told; test ! -e fails'"#;
        let toml = format!("before_migrate = {note:?}\nafter_migrate = {note:?}\n");
        project.write("doorstep.toml", &toml);
        let run = || {
            let service = ["run", "--", "sh", "-c", "echo ${DOORSTEP_PENDING-unset}"];
            // doorstep passes over what an outer doorstep has told it.
            project.doorstep(&url, &service).env("DOORSTEP_PENDING", "outer").run()
        };
        let told = || std::fs::read_to_string(project.path("told")).unwrap();
        run().code(0).stdout_is("unset");
        assert_eq!(told(), "1_a 2_b 1_a 2_b ");
        project.write("migrations/3_c.sql", "SELECT 1;\n");
        run().code(0).stdout_is("unset");
        assert_eq!(told(), "1_a 2_b 1_a 2_b 3_c 3_c ");
    }
}

#[test]
fn a_hook_that_is_only_owed_is_told_that_nothing_is_pending() {
    let database = Database::fresh();
    let project = Project::with_two().file("after.fails", "");
    let hook = r#"sh -c 'echo "pending=${DOORSTEP_PENDING-unset}"; test ! -e after.fails'"#;
    let run = || project.doorstep(&database.url(), &["run", "--after-migrate", hook]).run();
    run().code(65).stderr_has("pending=1_users\n");
    std::fs::remove_file(project.path("after.fails")).unwrap();
    run().code(0).stderr_has("pending=\n");
    // Of a tool whose history doorstep does not know, nothing is told.
    let tool = r#"sh -c 'echo "pending=${DOORSTEP_PENDING-unset}"'"#;
    let project = Project::bare();
    project.doorstep(&database.url(), &["run", "--migrate-command", tool]).run().code(0).stderr_has("pending=unset\n");
}

#[test]
fn a_list_that_no_variable_holds_is_left_out_with_a_warning() {
    let project = Project::sqlite();
    for number in 0..700 {
        let name = format!("prisma/migrations/{number:04}_{}/migration.sql", "x".repeat(180));
        project.write(&name, "SELECT 1;\n");
    }
    let hook = r#"sh -c 'echo "pending=${DOORSTEP_PENDING-unset}"'"#;
    let output = project.doorstep("file:./dev.db", &["migrate", "--before-migrate", hook]).run().code(0);
    output
        .stderr_has("before_migrate does not get DOORSTEP_PENDING: the names of 700 migrations")
        .stderr_has("pending=unset\n");
}
