//! The real tools whose migrations are programs: doorstep starts them where something is pending, and tells as they do
//! whether there is.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::ground::{Engine, Ground};
use crate::support::{Doorstep, Output, Project, until, variable};

fn migration(up: &str) -> String {
    format!("exports.up = async (it) => {{ {up} }};\nexports.down = async () => {{}};\n")
}

/// A project beside the packages in the directory of this variable, as `npm install` leaves it.
fn beside(packages: &str, files: &[(&str, &str)]) -> Project {
    let project = files.iter().fold(Project::bare(), |project, (path, text)| project.file(path, text));
    symlink(format!("{}/node_modules", variable(packages)), project.path("node_modules")).unwrap();
    project
}

fn project(files: &[(&str, &str)]) -> Project {
    beside("REAL_TOOLS", files)
}

fn knex(engine: Engine) -> Project {
    let client = if engine == Engine::Mysql { "mysql2" } else { "pg" };
    let config = format!(
        "module.exports = {{\n  client: '{client}',\n  connection: process.env.DATABASE_URL,\n  \
         migrations: {{ directory: './db/steps', tableName: 'steps_done' }},\n}};\n"
    );
    project(&[
        ("knexfile.js", &config),
        ("db/steps/20240101000000_apple.js", &migration("await it.raw('CREATE TABLE apple (id int)');")),
    ])
}

fn sequelize(engine: Engine) -> Project {
    let rc = "const path = require('path');\nmodule.exports = {\n  config: path.resolve('db', 'config.js'),\n  \
              'migrations-path': path.resolve('db', 'steps'),\n};\n";
    // Sequelize knows no schemas on MySQL, and makes this one a part of the table's name.
    let (dialect, schema) =
        if engine == Engine::Mysql { ("mysql", ", migrationStorageTableSchema: 'ops'") } else { ("postgres", "") };
    let options = format!("dialect: '{dialect}', migrationStorageTableName: 'Steps'{schema}");
    let config = format!("module.exports = {{ development: {{ use_env_variable: 'DATABASE_URL', {options} }} }};\n");
    project(&[
        (".sequelizerc", rc),
        ("db/config.js", &config),
        ("db/steps/20240101000000-apple.js", &migration("await it.sequelize.query('CREATE TABLE apple (id int)');")),
    ])
}

fn node_pg_migrate() -> Project {
    let text = "exports.up = (it) => { it.sql('CREATE TABLE apple (id int)'); };\nexports.down = () => {};\n";
    project(&[
        ("package.json", "{\"dependencies\": {\"node-pg-migrate\": \"9\"}}"),
        ("migrations/1700000000000_apple.js", text),
    ])
}

fn run(project: &Project, url: &str, arguments: &[&str]) -> Output {
    command(project, url, arguments).run()
}

fn command(project: &Project, url: &str, arguments: &[&str]) -> Doorstep {
    project.doorstep(url, arguments).env("PATH", &variable("PATH")).env("HOME", project.path("").to_str().unwrap())
}

/// A project of a tool with one migration, and what follows.
struct Case {
    project: Project,
    /// What doorstep starts.
    command: &'static str,
    /// The file of one more migration, and the statement by which it creates the table `pear`.
    more: (&'static str, &'static str),
    /// The history, as the engine quotes it.
    table: &'static str,
}

fn cases(engine: Engine) -> Vec<Case> {
    let is_mysql = engine == Engine::Mysql;
    let mut cases = vec![
        Case {
            project: knex(engine),
            command: "npx knex migrate:latest",
            more: ("db/steps/20240102000000_pear.js", "await it.raw('CREATE TABLE pear (id int)');"),
            table: "steps_done",
        },
        Case {
            project: sequelize(engine),
            command: "npx sequelize-cli db:migrate",
            more: ("db/steps/20240102000000-pear.js", "await it.sequelize.query('CREATE TABLE pear (id int)');"),
            table: if is_mysql { "`ops.Steps`" } else { "\"Steps\"" },
        },
    ];
    if !is_mysql {
        cases.push(Case {
            project: node_pg_migrate(),
            command: "npx node-pg-migrate up",
            more: ("migrations/20240102000000000_pear.js", "it.sql('CREATE TABLE pear (id int)');"),
            table: "pgmigrations",
        });
    }
    cases
}

#[test]
fn knex_sequelize_cli_and_node_pg_migrate_are_started_where_a_file_is_pending_and_only_there() {
    for engine in Engine::SERVERS {
        for Case { project, command, more: (more, made), table } in cases(engine) {
            let ground = Ground::fresh(engine);
            let run = |arguments: &[&str]| run(&project, &ground.url(), arguments);
            run(&["status"]).code(0).stdout_has(": behind (");
            let started = format!("migrate_command: {command}");
            let output = run(&["run", "--require-tables", "apple", "--", "echo", "up"]).code(0);
            output.stdout_is("up").stderr_has(&started).stderr_has("(1 applied)");
            run(&["run"]).code(0).stderr_lacks(&started).stderr_has("(0 applied)");
            project.write(more, &migration(made));
            run(&["check"]).code(1).stdout_has("pear");
            run(&["run"]).code(0).stderr_has(&started).stderr_has("(1 applied)");
            run(&["status"]).code(0).stdout_has(": current (");
            assert_eq!(ground.sql(&format!("SELECT count(*) FROM {table}")), "2");
            // A migration that fails.
            project.write(&more.replace("20240102", "20240103"), &migration("throw new Error('no third one');"));
            run(&["run", "--", "echo", "up"]).code(65).stdout_is("").stderr_has("no third one");
            run(&["status"]).code(0).stdout_has(": behind (");
        }
    }
}

#[test]
fn a_migration_that_failed_on_mysql_is_begun_anew_until_a_person_has_repaired_it() {
    for Case { project, more: (more, made), table, .. } in cases(Engine::Mysql) {
        let ground = Ground::fresh(Engine::Mysql);
        let run = |arguments: &[&str]| run(&project, &ground.url(), arguments);
        project.write(more, &migration(&format!("{made} throw new Error('halfway');")));
        let output = run(&["run", "--", "echo", "up"]).code(65).stdout_is("").stderr_has("halfway");
        output.stderr_has("what it did before its error is kept").stderr_has("the rows of");
        run(&["status"]).code(0).stdout_has("apple.js  applied").stdout_has("pear.js   pending");
        run(&["run", "--", "echo", "up"]).code(65).stdout_is("").stderr_has("Table 'pear' already exists");
        assert_eq!(ground.sql(&format!("SELECT count(*) FROM {table}")), "1");
        ground.sql("DROP TABLE pear");
        project.write(more, &migration(made));
        let output = run(&["run", "--require-tables", "pear", "--", "echo", "up"]).code(0);
        output.stdout_is("up").stderr_has("(1 applied)");
    }
}

#[test]
fn knex_that_was_killed_on_mysql_leaves_its_lock_and_the_next_start_says_how_it_ends() {
    let (project, ground) = (knex(Engine::Mysql), Ground::fresh(Engine::Mysql));
    let sql = "CREATE TABLE pear AS SELECT SLEEP(600) AS c";
    project.write("db/steps/20240102000000_pear.js", &migration(&format!("await it.raw('{sql}');")));
    let first = command(&project, &ground.url(), &["run", "--", "echo", "up"]).spawn();
    let running = format!("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND info = '{sql}'");
    let id = until("the migration runs", || Some(ground.sql(&running)).filter(|id| !id.is_empty()));
    first.signal("TERM");
    first.finish("run").code(143).stdout_is("").stderr_has("the next start finds out what became of it");
    // The server runs the statement on: no other run begins meanwhile.
    let limit = ["run", "--migration-lock-timeout", "500ms"];
    run(&project, &ground.url(), &limit).code(75).stderr_has(&format!("pid {id}"));
    ground.terminate(&id);
    let output = run(&project, &ground.url(), &["run", "--", "echo", "up"]).code(65).stdout_is("");
    output
        .stderr_has("Migration table is already locked")
        .stderr_has("knex migrate:unlock")
        .stderr_has("if a migration failed halfway");
    run(&project, &ground.url(), &["status"]).code(0).stdout_has("apple.js  applied").stdout_has("pear.js   pending");
    project.write("db/steps/20240102000000_pear.js", &migration("await it.raw('CREATE TABLE pear (id int)');"));
    // MySQL may end the statement with its table, and MariaDB without it.
    ground.sql("UPDATE steps_done_lock SET is_locked = 0; DROP TABLE IF EXISTS pear");
    let output = run(&project, &ground.url(), &["run", "--", "echo", "up"]).code(0).stdout_is("up");
    output.stderr_has("(1 applied)");
}

fn class(name: &str, table: &str) -> String {
    format!(
        "module.exports.{name} = class {name} {{\n  async up(runner) {{ await runner.query('CREATE TABLE {table} (id int)'); }}\n  \
         async down() {{}}\n}};\n"
    )
}

#[test]
#[ignore = "the real TypeORM: scripts/test --all"]
fn typeorm_is_started_where_a_class_is_pending_and_only_there() {
    for (engine, kind) in [(Engine::Postgres, "postgres"), (Engine::Mysql, "mysql")] {
        let source = format!(
            "const {{ DataSource }} = require('typeorm');\nmodule.exports.source = new DataSource({{\n  type: '{kind}',\n  \
             url: process.env.DATABASE_URL,\n  migrations: [__dirname + '/steps/*.js'],\n  migrationsTableName: 'steps_done',\n}});\n"
        );
        let first = class("Apple1700000000000", "apple");
        let project = beside("TYPEORM_HOME", &[("data-source.js", &source), ("steps/a.js", &first)]);
        let ground = Ground::fresh(engine);
        let run = |arguments: &[&str]| run(&project, &ground.url(), arguments);
        run(&["status"]).code(0).stdout_has("Apple1700000000000  pending");
        let started = "migrate_command: npx typeorm migration:run -d data-source.js";
        run(&["run"]).code(0).stderr_has(started).stderr_has("(1 applied)");
        run(&["run"]).code(0).stderr_lacks(started).stderr_has("(0 applied)");
        project.write("steps/b.js", &class("Pear1700000001000", "pear"));
        run(&["run"]).code(0).stderr_has(started).stderr_has("(1 applied)");
        run(&["check"]).code(0);
        let names = ground.sql("SELECT name FROM steps_done ORDER BY id").replace('\n', " ");
        assert_eq!(names, "Apple1700000000000 Pear1700000001000");
        // What TypeORM stops at.
        project.write("steps/c.js", &class("Plum", "plum"));
        run(&["run"]).code(65).stderr_lacks(started).stderr_has("the class Plum has no timestamp");
    }
}

/// What bin/rails does with these arguments, as far as ActiveRecord alone can.
const RAILS: &str = "#!/usr/bin/env ruby\nrequire \"active_record\"\nActiveRecord::Base.establish_connection(ENV.fetch(\"DATABASE_URL\"))\n\
    context = ActiveRecord::MigrationContext.new(\"db/migrate\", ActiveRecord::SchemaMigration)\n\
    case ARGV\nwhen [\"db:migrate\"] then context.migrate\nwhen [\"pending\"] then puts context.needs_migration?\n\
    else abort \"unknown: #{ARGV}\"\nend\n";

/// A project of ActiveRecord's with one migration.
fn rails() -> Project {
    let project = Project::bare()
        .file("config/application.rb", "class Application < Rails::Application\nend\n")
        .file("bin/rails", RAILS)
        .file("db/migrate/20240101000000_create_apples.rb", &active_record("CreateApples", "apples"));
    std::fs::set_permissions(project.path("bin/rails"), PermissionsExt::from_mode(0o755)).unwrap();
    project
}

fn active_record(name: &str, table: &str) -> String {
    format!("class {name} < ActiveRecord::Migration[6.1]\n  def up\n    create_table :{table}\n  end\nend\n")
}

#[test]
#[ignore = "the real ActiveRecord: scripts/test --all"]
fn activerecord_is_started_where_a_version_is_pending_and_only_there() {
    for engine in Engine::SERVERS {
        let (project, ground) = (rails(), Ground::fresh(engine));
        let url = ground.url().replace("mysql://", "mysql2://");
        let pending = || {
            let call = Doorstep::through(project.path("bin/rails").to_str().unwrap(), &[], &["pending"]);
            let call = call.directory(&project.path("")).env("DATABASE_URL", &url).env("PATH", &variable("PATH"));
            call.run().code(0).stdout.trim() == "true"
        };
        let run = |arguments: &[&str]| run(&project, &url, arguments);
        let is_behind = || run(&["status"]).code(0).stdout.contains(": behind (");
        assert!(pending() && is_behind());
        let started = "migrate_command: bin/rails db:migrate";
        run(&["run"]).code(0).stderr_has(started).stderr_has("(1 applied)");
        assert!(!pending() && !is_behind());
        run(&["run"]).code(0).stderr_lacks(started).stderr_has("(0 applied)");
        // An older version is pending, too, and in a folder within.
        project.write("db/migrate/2023/20230101000000_create_pears.rb", &active_record("CreatePears", "pears"));
        assert!(pending() && is_behind());
        let output = run(&["run", "--require-tables", "pears"]).code(0);
        output.stderr_has(started).stderr_has("(1 applied)");
        assert!(!pending() && !is_behind());
        // ActiveRecord stops at a name that doorstep refuses.
        project.write("db/migrate/20240103000000_Bad.rb", "");
        run(&["run"]).code(65).stderr_lacks(started).stderr_has("Rails stops at this name");
    }
}
