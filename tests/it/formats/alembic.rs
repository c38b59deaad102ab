//! The real Alembic: on PostgreSQL with the asynchronous template and asyncpg, on MariaDB with the usual one and PyMySQL.

use crate::support::ground::{Engine, Ground};
use crate::support::{Database, MysqlDatabase, Project};

/// The file of `alembic init -t async`, without comments and logging.
const ENV: &str = r#"
import asyncio, os
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

print("python was started", flush=True)

def do_run_migrations(connection):
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()

async def run():
    engine = create_async_engine(os.environ["DATABASE_URL"])
    async with engine.begin() as connection:
        await connection.run_sync(do_run_migrations)
    await engine.dispose()

asyncio.run(run())
"#;

/// The file of `alembic init`, without comments and logging.
const PLAIN_ENV: &str = r#"
import os
from alembic import context
from sqlalchemy import create_engine

print("python was started", flush=True)

with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"#;

/// Alembic's own template, without comments.
const TEMPLATE: &str = "\"\"\"${message}\"\"\"\nrevision: str = ${repr(up_revision)}\n\
    down_revision = ${repr(down_revision)}\nbranch_labels = ${repr(branch_labels)}\ndepends_on = ${repr(depends_on)}\n\n\
    def upgrade() -> None:\n    pass\n";

const INI: &str = "[alembic]\nscript_location = %(here)s/alembic\n";

/// A revision that creates a table with the same name.
fn revision(project: &Project, id: &str, down: &str) {
    let text = format!(
        "\"\"\"{id}\n\"\"\"\nfrom typing import Sequence, Union\nfrom alembic import op\nimport sqlalchemy as sa\n\n\
         revision: str = '{id}'\ndown_revision: Union[str, Sequence[str], None] = {down}\n\
         branch_labels: Union[str, Sequence[str], None] = None\ndepends_on: Union[str, Sequence[str], None] = None\n\n\
         def upgrade() -> None:\n    op.create_table('t_{id}', sa.Column('id', sa.Integer, primary_key=True))\n\n\
         def downgrade() -> None:\n    op.drop_table('t_{id}')\n"
    );
    project.write(&format!("alembic/versions/{id}_x.py"), &text);
}

fn project() -> Project {
    project_on(Engine::Postgres)
}

fn project_on(engine: Engine) -> Project {
    let env = if engine == Engine::Mysql { PLAIN_ENV } else { ENV };
    let project = Project::bare().file("alembic.ini", INI).file("alembic/env.py", env);
    project.write("alembic/script.py.mako", TEMPLATE);
    revision(&project, "a1", "None");
    revision(&project, "b2", "'a1'");
    project
}

fn url(database: &Database) -> String {
    with_driver(&database.url())
}

fn with_driver(url: &str) -> String {
    url.replace("postgresql://", "postgresql+asyncpg://").replace("mysql://", "mysql+pymysql://")
}

/// The same on each server: an empty database, its URL, and a project with two revisions.
fn on_each_server(test: impl Fn(&Ground, &str, &Project)) {
    for engine in Engine::SERVERS {
        let ground = Ground::fresh(engine);
        test(&ground, &with_driver(&ground.url()), &project_on(engine));
    }
}

/// The rows of the history in one line.
fn versions(ground: &Ground) -> String {
    ground.sql("SELECT version_num FROM alembic_version ORDER BY 1").replace('\n', " ")
}

fn has_table(ground: &Ground, name: &str) -> bool {
    let schema = if ground.engine() == Engine::Mysql { "DATABASE()" } else { "current_schema()" };
    let named = format!("table_schema = {schema} AND table_name = '{name}'");
    ground.sql(&format!("SELECT count(*) FROM information_schema.tables WHERE {named}")) == "1"
}

#[test]
fn it_is_started_only_where_something_is_pending() {
    on_each_server(|ground, url, project| {
        let status = |verdict: &str| {
            let output = project.doorstep(url, &["status"]).run().code(0);
            output.stdout_has(&format!(": {verdict} ("))
        };
        status("behind").stdout_has("a1  pending");
        let output = project.doorstep(url, &["verify", "--require-tables", "t_a1"]).run().code(3);
        let output = output.stdout_has("pending: a1 and 1 more; alembic applies");
        output.stdout_has("apply what is pending: doorstep migrate");
        let run = ["run", "--require-tables", "t_a1,t_b2", "--", "echo", "up"];
        let output = project.with_python(url, &run).run().code(0);
        let output = output.stdout_is("up").stderr_has("python was started").stderr_has("(2 applied)");
        output.stderr_has("migrate_command: alembic upgrade heads");
        assert_eq!(versions(ground), "b2");
        // The cause of a missing table does not mention files that were not read.
        let users = ["run", "--migrate-command", "false", "--require-tables", "users"];
        let output = project.doorstep(url, &users).run().code(3);
        let output = output.stderr_has("alembic applies the migrations, which are code");
        output.stderr_has("alembic revision --autogenerate");
        // A role that may only read, and no Python: there is nothing to do.
        status("current").stdout_has("b2  applied").stdout_has("by alembic");
        let bare = ["run", "--migrate-command", "false", "--", "echo", "up"];
        project.doorstep(url, &bare).run().code(0).stdout_is("up").stderr_has("(0 applied)");
        // One more revision is pending.
        revision(project, "c3", "'b2'");
        project.with_python(url, &["run"]).run().code(0).stderr_has("(1 applied)");
        let output = project.with_python(url, &["run"]).run().code(0);
        output.stderr_lacks("python was started").stderr_has("(0 applied)");
    });
}

#[test]
fn without_the_tool_it_is_said_what_to_set() {
    let database = Database::fresh();
    let output = project().doorstep(&url(&database), &["run"]).env("PATH", "/nowhere").run().code(127);
    output.stderr_has("the command alembic was not found").stderr_has("poetry run alembic upgrade head");
    let project = Project::bare().file("alembic.ini", INI);
    project
        .with_python(&url(&database), &["run"])
        .run()
        .code(78)
        .stderr_has("alembic/versions, where no revisions are");
    let arguments = ["run", "--migration-format", "alembic"];
    Project::bare().doorstep(&url(&database), &arguments).run().code(78).stderr_has("there is no alembic.ini here");
}

#[test]
fn several_heads_are_explained_with_the_command_that_joins_them() {
    on_each_server(|ground, url, project| {
        revision(project, "c3", "'a1'");
        let output = project.with_python(url, &["run"]).run().code(65).stderr_lacks("python was started");
        let output = output.stderr_has("have 2 heads").stderr_has("they part after a1").stderr_has("b2_x.py");
        output.stderr_has("alembic merge heads");
        assert!(!has_table(ground, "alembic_version"));
        // The remedies work.
        let wanted = ["run", "--migrate-command", "alembic upgrade heads"];
        project.with_python(url, &wanted).run().code(0).stderr_has("(3 applied)");
        assert_eq!(versions(ground), "b2 c3");
        project.python(url, "alembic", &["merge", "heads", "-m", "merge", "--rev-id", "m4"]);
        project.with_python(url, &["run"]).run().code(0).stderr_has("(1 applied)");
        assert_eq!(versions(ground), "m4");
    });
}

#[test]
fn an_unknown_revision_a_lost_parent_and_a_double_are_told_before_anything_runs() {
    let database = Database::fresh();
    let (project, url) = (project(), url(&database));
    project.with_python(&url, &["run"]).run().code(0);
    database.sql("UPDATE alembic_version SET version_num = 'f00'");
    let output = project.with_python(&url, &["run"]).run().code(65).stderr_lacks("python was started");
    output.stderr_has("the database is at the revision f00, which no file").stderr_has("--migrate off");
    project.doorstep(&url, &["status"]).run().code(0).stdout_has("f00  missing").stdout_has(": diverged (");
    project.doorstep(&url, &["run", "--migrate", "off"]).run().code(0);
    database.sql("UPDATE alembic_version SET version_num = 'b2'");
    revision(&project, "d4", "'gone'");
    project.with_python(&url, &["run"]).run().code(65).stderr_has("follows the revision gone, which no file");
    std::fs::remove_file(project.path("alembic/versions/d4_x.py")).unwrap();
    let text = std::fs::read_to_string(project.path("alembic/versions/b2_x.py")).unwrap();
    project.write("alembic/versions/copy.py", &text);
    project.with_python(&url, &["run"]).run().code(65).stderr_has("two files have the revision b2");
}

#[test]
fn a_success_that_changed_nothing_is_none() {
    on_each_server(|_, url, project| {
        let output = project.doorstep(url, &["run", "--migrate-command", "true"]).run().code(65);
        let output = output.stderr_has("true succeeded, but these are not applied in").stderr_has("a1, b2");
        output.stderr_has("DATABASE_URL");
    });
}

#[test]
fn a_failure_of_alembics_is_shown_with_its_last_lines() {
    on_each_server(|ground, url, project| {
        ground.sql("CREATE TABLE t_b2 (id integer)");
        let output = project.with_python(url, &["run", "--", "echo", "never"]).run().code(65).stdout_is("");
        let output = output.stderr_has("alembic upgrade heads exited with 1");
        match ground.engine() {
            Engine::Mysql => {
                output.stderr_has("Table 't_b2' already exists").stderr_has(KEPT).stderr_has("alembic stamp REVISION");
                // What came before it is kept, with its row.
                assert!(has_table(ground, "t_a1"));
                project.doorstep(url, &["status"]).run().code(0).stdout_has("a1  applied").stdout_has("b2  pending");
                ground.sql("DROP TABLE t_b2");
                project.with_python(url, &["run"]).run().code(0).stderr_has("(1 applied)");
                assert_eq!(versions(ground), "b2");
            }
            Engine::Postgres | Engine::Sqlite => {
                output.stderr_has("relation \"t_b2\" already exists").stderr_lacks(KEPT);
                // It is one transaction.
                assert!(!has_table(ground, "t_a1"));
            }
        }
        let output = project.doorstep(url, &["resolve", "--applied", "b2"]).run().code(78);
        output.stderr_has("alembic applies these migrations").stderr_has("alembic stamp REVISION");
        project.doorstep(url, &["replay"]).run().code(78).stderr_has("only it decides on which database");
    });
}

/// What a failure says where the tool's DDL commits by itself.
const KEPT: &str = "what it did before its error is kept";

#[test]
fn a_migration_that_failed_on_mysql_is_begun_anew_until_a_person_has_repaired_it() {
    let ground = Ground::fresh(Engine::Mysql);
    let (project, url) = (project_on(Engine::Mysql), with_driver(&ground.url()));
    let text = "from alembic import op\nrevision = 'c3'\ndown_revision = 'b2'\ndef upgrade():\n    \
                op.execute('CREATE TABLE half (id int)')\n    op.execute('CREATE TABLE half (id int)')\n";
    project.write("alembic/versions/c3_x.py", text);
    for _ in 0..2 {
        let output = project.with_python(&url, &["run", "--", "echo", "never"]).run().code(65).stdout_is("");
        output.stderr_has("Table 'half' already exists").stderr_has(KEPT);
        project.doorstep(&url, &["status"]).run().code(0).stdout_has("c3  pending").stdout_has(": behind (");
        assert_eq!(versions(&ground), "b2");
    }
    // The remedy of the message: by hand, and recorded.
    project.python(&url, "alembic", &["stamp", "c3"]);
    let output = project.with_python(&url, &["run", "--", "echo", "up"]).run().code(0).stdout_is("up");
    output.stderr_lacks("python was started");
}

#[test]
fn verify_and_a_snapshot_stand_beside_alembic_on_mysql() {
    let ground = Ground::fresh(Engine::Mysql);
    let (project, url) = (project_on(Engine::Mysql), with_driver(&ground.url()));
    project.write("doorstep.toml", "[require]\ntables = [\"t_a1\", \"t_b2\"]\ncolumns = [\"t_a1.id\"]\n");
    project.with_python(&url, &["run", "--", "echo", "up"]).run().code(0).stdout_is("up");
    project.doorstep(&url, &["verify"]).run().code(0);
    // A snapshot of the same tables, as a folder of SQL makes them.
    let sql = "CREATE TABLE t_a1 (id INTEGER NOT NULL AUTO_INCREMENT, PRIMARY KEY (id)); \
               CREATE TABLE t_b2 (id INTEGER NOT NULL AUTO_INCREMENT, PRIMARY KEY (id));";
    let beside = Project::numbered(&[("0001_all.sql", sql)]);
    let output = project.path("doorstep.snapshot.json").display().to_string();
    let snapshot = ["snapshot", "--migration-format", "sql", "--output", &output];
    beside.doorstep(&ground.url(), &snapshot).run().code(0);
    let output = project.doorstep(&url, &["verify"]).run().code(0);
    output.stdout_has("verified (0 errors, 0 warnings").stdout_lacks("alembic_version");
    ground.sql("ALTER TABLE t_a1 RENAME COLUMN id TO key_");
    let output = project.doorstep(&url, &["verify"]).run().code(3).stdout_has("t_a1").stdout_has("id");
    output.stdout_has("doorstep.snapshot.json");
    std::fs::remove_file(project.path("doorstep.snapshot.json")).unwrap();
    let output = project.doorstep(&url, &["verify"]).run().code(3).stdout_has("t_a1").stdout_has("id");
    output.stdout_has("doorstep.toml");
}

#[test]
fn a_follower_awaits_it() {
    on_each_server(|_, url, project| {
        let mut follower = project.doorstep(url, &["run", "--migrate", "await", "--", "echo", "up"]).spawn();
        follower.until_stderr("waiting for another process to migrate: behind");
        project.with_python(url, &["run"]).run().code(0);
        follower.finish("await").code(0).stdout_is("up");
    });
}

#[test]
fn on_mysql_a_table_in_another_database_is_found() {
    let (database, other) = (MysqlDatabase::fresh(), MysqlDatabase::fresh());
    let (project, url) = (project_on(Engine::Mysql), with_driver(&database.url()));
    let named = format!("target_metadata=None, version_table='v', version_table_schema='{}'", other.name);
    project.write("alembic/env.py", &PLAIN_ENV.replace("target_metadata=None", &named));
    project.with_python(&url, &["run"]).run().code(0).stderr_has("(2 applied)");
    assert_eq!(other.sql("SELECT version_num FROM v"), "b2");
    project.with_python(&url, &["run"]).run().code(0).stderr_lacks("python was started");
    project.doorstep(&url, &["status"]).run().code(0).stdout_has("b2  applied");
}

#[test]
fn a_table_in_a_schema_of_its_own_and_a_file_that_only_python_can_read() {
    let database = Database::fresh();
    let (project, url) = (project(), url(&database));
    let with_schema = |schema: &str| {
        ENV.replace("target_metadata=None", &format!("version_table='v', version_table_schema={schema}"))
    };
    project.write("alembic/env.py", &with_schema("'app'"));
    project.with_python(&url, &["run", "--schemas", "app"]).run().code(0).stderr_has("(2 applied)");
    assert_eq!(database.sql("SELECT version_num FROM app.v"), "b2");
    project.with_python(&url, &["run"]).run().code(0).stderr_lacks("python was started");
    project.write("alembic/env.py", &with_schema("'a' + 'pp'"));
    let output = project.with_python(&url, &["run"]).run().code(0).stderr_has("python was started");
    output.stderr_has("alembic has to be asked: ").stderr_has("env.py computes version_table_schema");
    let output = project.doorstep(&url, &["status"]).run().code(0);
    output.stdout_has("only the tool itself can tell for certain: alembic/env.py computes");
}

#[test]
fn a_revision_whose_id_is_computed_is_asked_for_at_every_start() {
    on_each_server(|ground, url, project| {
        let text = "revision = 'c' + '3'\ndown_revision = 'b2'\n\ndef upgrade():\n    pass\n";
        project.write("alembic/versions/c3_x.py", text);
        for _ in 0..2 {
            let output = project.with_python(url, &["run"]).run().code(0).stderr_has("python was started");
            output.stderr_has("c3_x.py computes its revision").stderr_lacks("ahead of this image");
        }
        assert_eq!(versions(ground), "c3");
        if ground.engine() == Engine::Mysql {
            // Asked with `alembic heads` and `alembic current`.
            project.checked_with_python(url, &[]).code(0);
        }
    });
}

#[test]
fn folders_within_are_read_and_another_configuration_is_left_to_alembic() {
    let database = Database::fresh();
    let (project, url) = (project(), url(&database));
    project.write("alembic.ini", &format!("{INI}recursive_version_locations = true\n"));
    let text = "revision = 'c3'\ndown_revision = 'b2'\n\ndef upgrade():\n    pass\n";
    project.write("alembic/versions/2026/c3_x.py", text);
    project.with_python(&url, &["run"]).run().code(0).stderr_has("(3 applied)");
    project.with_python(&url, &["run"]).run().code(0).stderr_lacks("python was started");
    project.write("other.ini", "[alembic]\nscript_location = %(here)s/other\nversion_table = other\n");
    project.write("other/env.py", &ENV.replace("target_metadata=None", "version_table='other'"));
    project.write("other/versions/o1.py", "revision = 'o1'\ndown_revision = None\n\ndef upgrade():\n    pass\n");
    let other = ["run", "--migrate-command", "alembic -c other.ini upgrade head"];
    for _ in 0..2 {
        let output = project.with_python(&url, &other).run().code(0).stderr_has("python was started");
        output.stderr_has("alembic has to be asked: the command has -c").stderr_lacks("ahead of this image");
    }
    assert_eq!(database.sql("SELECT version_num FROM other"), "o1");
}
