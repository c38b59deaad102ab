//! The real Django: on PostgreSQL with psycopg, on MariaDB with PyMySQL in the place of mysqlclient.

use crate::support::ground::{Engine, Ground};
use crate::support::{Database, Project};

const MANAGE: &str = "import os, sys\nprint('python was started', flush=True)\n\
    os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site_.settings')\n\
    from django.core.management import execute_from_command_line\nexecute_from_command_line(sys.argv)\n";

const SETTINGS: &str = "import os\nfrom urllib.parse import urlsplit\n\
    url = urlsplit(os.environ['DATABASE_URL'])\nSECRET_KEY = 'x'\nDEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'\n\
    if url.scheme.startswith('mysql'):\n    import pymysql\n    pymysql.install_as_MySQLdb()\n\
    ENGINE = 'mysql' if url.scheme.startswith('mysql') else 'postgresql'\n\
    DATABASES = {'default': {'ENGINE': 'django.db.backends.' + ENGINE, 'NAME': url.path[1:], 'USER': url.username,\n    \
    'PASSWORD': url.password, 'HOST': url.hostname, 'PORT': url.port}}\n";

fn migration(project: &Project, name: &str, after: &str, table: &str) {
    let dependencies = if after.is_empty() { String::new() } else { format!("('polls', '{after}')") };
    let text = format!(
        "from django.db import migrations, models\n\nclass Migration(migrations.Migration):\n    \
         dependencies = [{dependencies}]\n    operations = [migrations.CreateModel(name='{table}', fields=[\n        \
         ('id', models.BigAutoField(primary_key=True))])]\n"
    );
    project.write(&format!("polls/migrations/{name}.py"), &text);
}

fn project(apps: &str) -> Project {
    let project = Project::bare()
        .file("manage.py", MANAGE)
        .file("site_/__init__.py", "")
        .file("site_/settings.py", &format!("{SETTINGS}INSTALLED_APPS = {apps}\n"))
        .file("polls/__init__.py", "")
        .file("polls/migrations/__init__.py", "");
    migration(&project, "0001_initial", "", "Poll");
    project
}

#[test]
fn it_is_started_only_where_something_is_pending_in_any_installed_app() {
    for engine in Engine::SERVERS {
        let ground = Ground::fresh(engine);
        let project = project("[\n    'django.contrib.contenttypes',  # comes with migrations\n    'polls',\n]");
        let url = ground.url();
        let run = ["run", "--require-tables", "polls_poll", "--", "echo", "up"];
        let output = project.with_python(&url, &run).run().code(0);
        let output = output.stdout_is("up").stderr_has("python was started").stderr_has("(3 applied)");
        output.stderr_has("migrate_command: python manage.py migrate --noinput");
        let output = project.with_python(&url, &["run"]).run().code(0);
        output.stderr_lacks("python was started").stderr_has("(0 applied)");
        let output = project.with_python(&url, &["status"]).run().code(0);
        let output = output.stdout_has("contenttypes.0002_remove_content_type_name  applied").stdout_has("by django");
        output.stdout_has(": current (");
        migration(&project, "0002_choice", "0001_initial", "Choice");
        let output = project.with_python(&url, &["run"]).run().code(0);
        output.stderr_has("python was started").stderr_has("(1 applied)");
        // An image that is older than the database starts.
        std::fs::remove_file(project.path("polls/migrations/0002_choice.py")).unwrap();
        let output = project.with_python(&url, &["run"]).run().code(0);
        output.stderr_has("ahead of this image").stderr_has("polls.0002_choice");
        migration(&project, "0002_other", "0001_initial", "Other");
        project.with_python(&url, &["run"]).run().code(0);
    }
}

#[test]
fn on_mysql_the_moments_of_the_history_are_shown_in_utc() {
    let ground = Ground::fresh(Engine::Mysql);
    let project = project("['polls']");
    project.with_python(&ground.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    ground.sql("UPDATE django_migrations SET applied = '2026-11-21 09:00:00.25'");
    let output = project.doorstep(&ground.url(), &["status", "--format", "json"]).run().code(0);
    output.stdout_has("2026-11-21T09:00:00.250000Z");
}

#[test]
fn a_migration_that_failed_on_mysql_is_begun_anew_until_a_person_has_repaired_it() {
    let ground = Ground::fresh(Engine::Mysql);
    let (project, url) = (project("['polls']"), ground.url());
    let operations =
        "[migrations.RunSQL('CREATE TABLE half (id int)'), migrations.RunSQL('CREATE TABLE half (id int)')]";
    let text = format!(
        "from django.db import migrations\n\nclass Migration(migrations.Migration):\n    \
         dependencies = [('polls', '0001_initial')]\n    operations = {operations}\n"
    );
    project.write("polls/migrations/0002_half.py", &text);
    for _ in 0..2 {
        let output = project.with_python(&url, &["run", "--", "echo", "never"]).run().code(65).stdout_is("");
        let output =
            output.stderr_has("manage.py migrate --noinput exited with 1").stderr_has("Table 'half' already exists");
        output.stderr_has("what it did before its error is kept").stderr_has("migrate --fake APP NAME");
        let output = project.with_python(&url, &["status"]).run().code(0).stdout_has(": behind (");
        output.stdout_has("polls.0001_initial  applied").stdout_has("polls.0002_half     pending");
    }
    // The remedy of the message: by hand, and recorded.
    project.python(&url, "python", &["manage.py", "migrate", "--fake", "polls", "0002_half"]);
    let output = project.with_python(&url, &["run", "--", "echo", "up"]).run().code(0).stdout_is("up");
    output.stderr_lacks("python was started");
}

#[test]
fn verify_stands_beside_django_on_mysql() {
    let ground = Ground::fresh(Engine::Mysql);
    let (project, url) = (project("['polls']"), ground.url());
    project.write(
        "doorstep.toml",
        "[require]\ntables = [\"polls_poll\"]\ncolumns = [\"polls_poll.id bigint not null\"]\n",
    );
    project.with_python(&url, &["run", "--", "echo", "up"]).run().code(0).stdout_is("up");
    ground.sql("ALTER TABLE polls_poll MODIFY COLUMN id int NOT NULL AUTO_INCREMENT");
    let output = project.with_python(&url, &["verify"]).run().code(0);
    output.stdout_has("warning  column id  expected bigint, there is int").stdout_has("doorstep.toml:3");
    ground.sql("ALTER TABLE polls_poll RENAME COLUMN id TO key_");
    project.with_python(&url, &["verify"]).run().code(3).stdout_has("polls_poll").stdout_has("doorstep.toml:3");
}

#[test]
fn where_the_files_do_not_tell_it_is_asked_each_time_and_the_log_says_why() {
    for engine in Engine::SERVERS {
        let ground = Ground::fresh(engine);
        let url = ground.url();
        for (apps, why) in [
            ("['polls'] + list(())", "settings.py computes INSTALLED_APPS"),
            (
                "['polls', 'django.contrib.auth', 'django.contrib.contenttypes'] if url else []",
                "computes INSTALLED_APPS",
            ),
        ] {
            let project = project(apps);
            for _ in 0..2 {
                project.with_python(&url, &["run"]).run().code(0).stderr_has("python was started");
            }
            let output = project.with_python(&url, &["run"]).run().code(0);
            output.stderr_has("django has to be asked: ").stderr_has(why);
            // Asked with `manage.py showmigrations --plan`.
            project.checked_with_python(&url, &[]).code(0);
        }
        // Without Python's packages the migrations of contenttypes are unknown.
        let project = project("['polls', 'django.contrib.contenttypes']");
        let output = project.doorstep(&url, &["run", "--migrate-command", "true"]).env("PATH", "/bin").run().code(0);
        output.stderr_has("the app django.contrib.contenttypes was not found among the packages of Python");
    }
}

#[test]
fn a_failure_of_djangos_is_shown_and_branches_that_have_parted_are_explained() {
    let database = Database::fresh();
    let url = database.url();
    database.sql("CREATE TABLE polls_poll (id integer)");
    let project = project("['polls']");
    let output = project.with_python(&url, &["run"]).run().code(65);
    output.stderr_has("manage.py migrate --noinput exited with 1").stderr_has("\"polls_poll\" already exists");
    database.sql("DROP TABLE polls_poll");
    migration(&project, "0002_z", "0001_initial", "Zed");
    project.with_python(&url, &["run"]).run().code(0);
    std::fs::remove_file(project.path("polls/migrations/0002_z.py")).unwrap();
    migration(&project, "0002_a", "0001_initial", "Ay");
    let output = project.with_python(&url, &["run"]).run().code(65).stderr_lacks("python was started");
    output.stderr_has("applied, but without a file: polls.0002_z").stderr_has("makemigrations --merge");
}

#[test]
fn a_list_that_grows_in_another_file_or_under_a_condition_is_asked_for() {
    let database = Database::fresh();
    let url = database.url();
    let project = project("['polls']");
    for (settings, why) in [
        (
            "from .settings import *\nINSTALLED_APPS += ['django.contrib.contenttypes']\n",
            "prod.py computes INSTALLED_APPS",
        ),
        ("from .settings import *\nif False:\n    INSTALLED_APPS += ['gone']\n", "prod.py computes INSTALLED_APPS"),
    ] {
        project.write("site_/prod.py", settings);
        for _ in 0..2 {
            let run = project.with_python(&url, &["run"]).env("DJANGO_SETTINGS_MODULE", "site_.prod").run().code(0);
            run.stderr_has("python was started").stderr_has(why);
        }
    }
    assert_eq!(database.sql("SELECT count(*) FROM django_migrations"), "3");
}
