//! Projects of Alembic and Django whose files do not tell what is pending: the verdict is unknown, `check` and `await` ask
//! the real tool, and without its answer neither passes.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::support::{Database, Output, PASSWORD, Project, until};

/// The table's place is computed, so that only Python knows it.
const ENV: &str = r#"
import os
from alembic import context
from sqlalchemy import create_engine

print("env.py is loaded", flush=True)
options = {"version_table": "versions_of_" + "orders"}
engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg:"))
with engine.connect() as connection:
    context.configure(connection=connection, **options)
    with context.begin_transaction():
        context.run_migrations()
"#;

fn alembic(env: &str) -> Project {
    let project =
        Project::bare().file("alembic.ini", "[alembic]\nscript_location = %(here)s/db\n").file("db/env.py", env);
    for (id, down) in [("k1", "None"), ("k2", "'k1'")] {
        let text = format!(
            "\"\"\"Adds {id}\n\nRev: none (head)\n\"\"\"\nfrom alembic import op\nrevision = '{id}'\ndown_revision = {down}\n\
             def upgrade():\n    op.execute('CREATE TABLE t_{id} (id integer)')\n"
        );
        project.write(&format!("db/versions/{id}_x.py"), &text);
    }
    project
}

const SETTINGS: &str = "import os\nfrom urllib.parse import urlsplit\nprint('settings are loaded')\n\
    url = urlsplit(os.environ['DATABASE_URL'])\nSECRET_KEY = 'x'\nDEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'\n\
    DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'NAME': url.path[1:], 'USER': url.username,\n    \
    'PASSWORD': url.password, 'HOST': url.hostname, 'PORT': url.port}}\n\
    INSTALLED_APPS = [name for name in ['stock', 'django.contrib.contenttypes']]\n";

fn django() -> Project {
    let manage = "import os, sys\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n\
                  from django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n";
    let migration = "from django.db import migrations, models\nclass Migration(migrations.Migration):\n    \
                     dependencies = []\n    operations = [migrations.CreateModel(name='Item', fields=[\n        \
                     ('id', models.BigAutoField(primary_key=True))])]\n";
    Project::bare()
        .file("manage.py", manage)
        .file("shop/__init__.py", "")
        .file("shop/settings.py", SETTINGS)
        .file("stock/__init__.py", "")
        .file("stock/migrations/__init__.py", "")
        .file("stock/migrations/0001_first.py", migration)
}

/// The kinds of project, with the first line of what is pending.
fn projects() -> [(Project, &'static str); 2] {
    [(alembic(ENV), "pending: k2"), (django(), "pending: contenttypes.0001_initial and 2 more")]
}

/// One line of `check`, and its code.
#[track_caller]
fn says(output: Output, code: i32, line: &str) {
    output.code(code).stdout_has(line);
}

#[test]
fn the_verdict_is_unknown_and_check_asks_the_tool() {
    for (project, pending) in projects() {
        let database = Database::fresh();
        let url = database.url();
        let status = || {
            let output = project.doorstep(&url, &["status", "--format", "json"]).run().code(0);
            let status: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
            assert!(status["uncertain"].is_string(), "{status}");
            status["verdict"].clone()
        };
        assert_eq!(status(), "unknown");
        project.doorstep(&url, &["status"]).run().code(0).stdout_has(": unknown (the files alone do not tell");
        says(project.checked_with_python(&url, &[]), 1, &format!("unhealthy: {pending}"));
        // The question wrote nothing.
        let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
        assert_eq!(database.sql(tables), "0");
        assert!(!project.path("shop/__pycache__").exists());
        project.with_python(&url, &["migrate"]).run().code(0);
        assert_eq!(status(), "unknown");
        let output = project.checked_with_python(&url, &["--format", "json"]).code(0);
        let checked: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!((&checked["ok"], &checked["migrations"]), (&true.into(), &"current".into()));
        // An image without Python.
        let bare = |arguments: &[&str]| project.doorstep(&url, arguments).env("PATH", "/nowhere").run();
        says(bare(&["check"]), 1, "unhealthy: whether migrations are pending is unknown: ");
        says(bare(&["check"]), 1, "was not found");
        says(bare(&["check", "--unknown", "accept"]), 0, "unknown (accepted)");
        let output = bare(&["check", "--unknown", "accept", "--format", "json"]).code(0);
        assert!(output.stdout.contains("\"migrations\": \"unknown\""), "{}", output.stdout);
    }
}

#[test]
fn a_follower_goes_on_when_the_tool_says_that_nothing_is_pending() {
    for (project, _) in projects() {
        let database = Database::fresh();
        let url = database.url();
        let patient = ["run", "--migrate", "await", "--wait-timeout", "5m", "--", "echo", "up"];
        let mut follower = project.with_python(&url, &patient).spawn();
        follower.until_stderr("waiting for another process to migrate: behind");
        assert!(follower.is_running());
        project.with_python(&url, &["migrate"]).run().code(0);
        follower.finish("await").code(0).stdout_is("up");
    }
}

#[test]
fn without_an_answer_a_follower_waits_until_the_deadline() {
    for (project, _) in projects() {
        let database = Database::fresh();
        let run = |arguments: &[&str]| {
            let arguments = [&["run", "--migrate", "await", "--wait-timeout", "2s"], arguments].concat();
            project.doorstep(&database.url(), &arguments).env("PATH", "/bin").run()
        };
        let output =
            run(&["--migrate-command", "no-such-tool upgrade head", "--", "echo", "up"]).code(69).stdout_is("");
        output.stderr_has("whether migrations are pending is unknown").stderr_has("--unknown accept");
        let output = run(&["--unknown", "accept", "--", "echo", "up"]).code(0).stdout_is("up");
        output.stderr_has("unknown = accept");
    }
}

/// A project whose env.py computes the table, and a program in place of alembic.
fn with_stub(script: &str) -> (Project, String) {
    let project = alembic(ENV).file("bin/alembic", &format!("#!/bin/sh\n{script}\n"));
    let path = project.path("bin/alembic");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:/bin:/usr/bin", project.path("bin").display());
    (project, path)
}

#[test]
fn an_answer_in_another_form_is_none() {
    let database = Database::fresh();
    let heads = "if [ \"$1\" = heads ]; then echo 'k2 (head)'; exit; fi\n";
    let current = "echo 'Current revision(s) for x:'\n";
    for (script, code, line) in [
        (format!("{heads}{current}echo 'Rev: k2 (head)'"), 0, "healthy: nothing is pending for alembic"),
        (format!("{heads}{current}echo 'Rev: k1'"), 1, "unhealthy: pending: k2"),
        (format!("{heads}{current}echo 'Rev: k2 (head)'; echo done"), 1, "printed something besides revisions"),
        (format!("{heads}{current}echo 'Rev: k2 (head)'; exit 3"), 1, "exited with 3"),
        (format!("{heads}{current}echo 'Rev: k2 (head)'; kill -9 $$"), 1, "was killed by SIGKILL"),
        ("echo yes".to_owned(), 1, "`heads` names no revision"),
        ("yes 'k2 (head)'".to_owned(), 1, "prints too much"),
        ("printf '\\377'".to_owned(), 1, "is not UTF-8"),
    ] {
        let (project, path) = with_stub(&script);
        says(project.doorstep(&database.url(), &["check"]).env("PATH", &path).run(), code, line);
    }
}

#[test]
fn a_tool_that_hangs_costs_check_no_more_than_its_budget_and_is_killed() {
    let database = Database::fresh();
    let (project, path) = with_stub("echo $$ >> \"$PIDS\"; sleep 600 & echo $! >> \"$PIDS\"; wait");
    let pids = project.path("pids");
    let check = |more: &[&str]| {
        let arguments = [&["check"], more].concat();
        let check = project.doorstep(&database.url(), &arguments).env("PATH", &path);
        check.env("PIDS", pids.to_str().unwrap()).run()
    };
    let began = Instant::now();
    says(check(&[]), 1, "alembic gave no answer within");
    says(check(&["--unknown", "accept"]), 0, "unknown (accepted), nothing to verify");
    assert!(began.elapsed() < Duration::from_secs(14), "{:?}", began.elapsed());
    let pids = std::fs::read_to_string(pids).unwrap();
    assert_eq!(pids.lines().count(), 8);
    until("every process of the tool is gone", || {
        let is_gone = |pid: &str| match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(stat) => stat.contains(") Z "),
            Err(_) => true,
        };
        pids.lines().all(is_gone).then_some(())
    });
}

#[test]
fn a_question_has_the_environment_of_the_command_that_migrates() {
    let database = Database::fresh();
    // The two questions run at the same time, and the first that fails ends the other one: each waits until both have written.
    let wait = "until [ -e \"$OUT.heads\" ] && [ -e \"$OUT.current\" ]; do sleep 0.01; done";
    let (project, path) =
        with_stub(&format!("env > \"$OUT.$1.part\"; mv \"$OUT.$1.part\" \"$OUT.$1\"; {wait}; exit 1"));
    let (secret, out) = (database.url(), project.path("seen"));
    let doorstep = |arguments: &[&str]| {
        let doorstep = project.doorstep("", arguments).env("PATH", &path).env("OUT", out.to_str().unwrap());
        doorstep.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/x").env("DOORSTEP_MIGRATE_URL", &secret).run()
    };
    doorstep(&["check"]).code(1);
    doorstep(&["migrate"]).code(65);
    let variables = |question: &str| {
        let text = std::fs::read_to_string(format!("{}.{question}", out.display())).unwrap();
        let ours = ["PYTHONDONTWRITEBYTECODE", "DOORSTEP_MIGRATION_LOCK", "DOORSTEP_CHILD", "PGAPPNAME", "_"];
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| !ours.contains(&line.split('=').next().unwrap_or_default()))
            .map(str::to_owned)
            .collect();
        lines.sort();
        lines
    };
    let of_migrate = variables("upgrade");
    assert!(of_migrate.contains(&format!("DATABASE_URL={secret}")), "{of_migrate:?}");
    for question in ["heads", "current"] {
        assert_eq!(variables(question), of_migrate);
        assert!(!variables(question).iter().any(|line| line.starts_with("DOORSTEP_") && line.contains(PASSWORD)));
    }
}

#[test]
fn a_follower_asks_rarely_and_again_when_the_history_changes() {
    let database = Database::fresh();
    // What it answers is certain before the test sees that it was asked.
    let answer = "if [ \"$1\" = heads ]; then echo 'k3 (head)'; exit; fi\necho 'Current revision(s) for x:'\n\
                  if [ -e applied ]; then echo 'Rev: k3 (head)'; fi\necho x >> \"$OUT\"";
    let (project, path) = with_stub(answer);
    // The folder is known but for one revision.
    project.write("db/env.py", "context.configure(connection=connection)\n");
    project.write("db/versions/k3_x.py", "revision = 'k' + '3'\ndown_revision = 'k2'\n");
    let out = project.path("asked");
    let run = project.doorstep(&database.url(), &["run", "--migrate", "await", "--", "echo", "up"]);
    let mut follower = run.env("PATH", &path).env("OUT", out.to_str().unwrap()).spawn();
    follower.until_stderr("waiting for another process to migrate: behind");
    let asked = || std::fs::read_to_string(&out).unwrap_or_default().lines().count();
    database.sql("CREATE TABLE alembic_version (version_num text); INSERT INTO alembic_version VALUES ('k1')");
    // While the files tell that something is pending, nothing is asked.
    assert_eq!(asked(), 0);
    database.sql("UPDATE alembic_version SET version_num = 'k2'");
    until("the tool is asked", || (asked() == 1).then_some(()));
    project.write("applied", "");
    database.sql("UPDATE alembic_version SET version_num = 'k3'");
    follower.finish("await").code(0).stdout_is("up");
    assert_eq!(asked(), 2);
}

#[test]
fn the_state_of_a_tool_that_doorstep_does_not_know_is_unknown_too() {
    let (database, project) = (Database::fresh(), Project::bare());
    let check = |more: &[&str]| {
        let arguments = [&["check", "--migrate-command", "knex migrate:latest"], more].concat();
        project.doorstep(&database.url(), &arguments).run()
    };
    says(check(&[]), 1, "unhealthy: doorstep knows neither the files nor the history of knex migrate:latest");
    says(check(&["--unknown", "accept"]), 0, "healthy: migrations of knex migrate:latest unknown (accepted)");
    says(check(&["--migrate", "off"]), 0, "healthy: ");
    let run = ["run", "--migrate", "await", "--migrate-command", "knex migrate:latest", "--", "echo", "up"];
    project.doorstep(&database.url(), &run).run().code(78).stderr_has("--unknown accept");
    project.doorstep(&database.url(), &run).env("DOORSTEP_UNKNOWN", "accept").run().code(0).stdout_is("up");
    project.write("doorstep.toml", "unknown = \"accept\"\n");
    project.doorstep(&database.url(), &run).run().code(0).stdout_is("up");
    says(check(&["--unknown", "refuse"]), 1, "unhealthy: ");
}
