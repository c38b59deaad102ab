//! The real tools whose migrations are programs: doorstep starts them where something is pending, and tells as they do
//! whether there is.

use std::os::unix::fs::{PermissionsExt, symlink};

use crate::support::{Database, Output, Project, variable};

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

fn knex() -> Project {
    let config = "module.exports = {\n  client: 'pg',\n  connection: process.env.DATABASE_URL,\n  \
                  migrations: { directory: './db/steps', tableName: 'steps_done' },\n};\n";
    project(&[
        ("knexfile.js", config),
        ("db/steps/20240101000000_apple.js", &migration("await it.raw('CREATE TABLE apple (id int)');")),
    ])
}

fn sequelize() -> Project {
    let rc = "const path = require('path');\nmodule.exports = {\n  config: path.resolve('db', 'config.js'),\n  \
              'migrations-path': path.resolve('db', 'steps'),\n};\n";
    let config = "module.exports = { development: { use_env_variable: 'DATABASE_URL', dialect: 'postgres', migrationStorageTableName: 'Steps' } };\n";
    project(&[
        (".sequelizerc", rc),
        ("db/config.js", config),
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

fn run(project: &Project, database: &Database, arguments: &[&str]) -> Output {
    project
        .doorstep(&database.url(), arguments)
        .env("PATH", &variable("PATH"))
        .env("HOME", project.path("").to_str().unwrap())
        .run()
}

#[test]
fn knex_sequelize_cli_and_node_pg_migrate_are_started_where_a_file_is_pending_and_only_there() {
    let made = "await it.raw('CREATE TABLE pear (id int)');";
    let made_by_sequelize = "await it.sequelize.query('CREATE TABLE pear (id int)');";
    for (project, command, more, text, table) in [
        (knex(), "npx knex migrate:latest", "db/steps/20240102000000_pear.js", migration(made), "steps_done"),
        (
            sequelize(),
            "npx sequelize-cli db:migrate",
            "db/steps/20240102000000-pear.js",
            migration(made_by_sequelize),
            "\"Steps\"",
        ),
        (
            node_pg_migrate(),
            "npx node-pg-migrate up",
            "migrations/20240102000000000_pear.js",
            "exports.up = async (it) => { it.sql('CREATE TABLE pear (id int)'); };\nexports.down = () => {};\n"
                .to_owned(),
            "pgmigrations",
        ),
    ] {
        let database = Database::fresh();
        run(&project, &database, &["status"]).code(0).stdout_has(": behind (");
        let started = format!("migrate_command: {command}");
        let output = run(&project, &database, &["run", "--require-tables", "apple", "--", "echo", "up"]).code(0);
        output.stdout_is("up").stderr_has(&started).stderr_has("(1 applied)");
        run(&project, &database, &["run"]).code(0).stderr_lacks(&started).stderr_has("(0 applied)");
        project.write(more, &text);
        run(&project, &database, &["check"]).code(1).stdout_has("pear");
        run(&project, &database, &["run"]).code(0).stderr_has(&started).stderr_has("(1 applied)");
        run(&project, &database, &["status"]).code(0).stdout_has(": current (");
        assert_eq!(database.sql(&format!("SELECT count(*) FROM {table}")), "2");
        // A migration that fails.
        project.write(&more.replace("20240102", "20240103"), &migration("throw new Error('no third one');"));
        run(&project, &database, &["run", "--", "echo", "up"]).code(65).stdout_is("").stderr_has("no third one");
        run(&project, &database, &["status"]).code(0).stdout_has(": behind (");
    }
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
    let source = "const { DataSource } = require('typeorm');\nmodule.exports.source = new DataSource({\n  type: 'postgres',\n  \
                  url: process.env.DATABASE_URL,\n  migrations: [__dirname + '/steps/*.js'],\n  migrationsTableName: 'steps_done',\n});\n";
    let first = class("Apple1700000000000", "apple");
    let project = beside("TYPEORM_HOME", &[("data-source.js", source), ("steps/a.js", &first)]);
    let database = Database::fresh();
    run(&project, &database, &["status"]).code(0).stdout_has("Apple1700000000000  pending");
    let started = "migrate_command: npx typeorm migration:run -d data-source.js";
    run(&project, &database, &["run"]).code(0).stderr_has(started).stderr_has("(1 applied)");
    run(&project, &database, &["run"]).code(0).stderr_lacks(started).stderr_has("(0 applied)");
    project.write("steps/b.js", &class("Pear1700000001000", "pear"));
    run(&project, &database, &["run"]).code(0).stderr_has(started).stderr_has("(1 applied)");
    run(&project, &database, &["check"]).code(0);
    assert_eq!(
        database.sql("SELECT string_agg(name, ' ' ORDER BY id) FROM steps_done"),
        "Apple1700000000000 Pear1700000001000"
    );
    // What TypeORM stops at.
    project.write("steps/c.js", &class("Plum", "plum"));
    run(&project, &database, &["run"]).code(65).stderr_lacks(started).stderr_has("the class Plum has no timestamp");
}

/// What bin/rails does with these arguments, as far as ActiveRecord alone can.
const RAILS: &str = "#!/usr/bin/env ruby\nrequire \"active_record\"\nActiveRecord::Base.establish_connection(ENV.fetch(\"DATABASE_URL\"))\n\
    context = ActiveRecord::MigrationContext.new(\"db/migrate\", ActiveRecord::SchemaMigration)\n\
    case ARGV\nwhen [\"db:migrate\"] then context.migrate\nwhen [\"pending\"] then puts context.needs_migration?\n\
    else abort \"unknown: #{ARGV}\"\nend\n";

#[test]
#[ignore = "the real ActiveRecord: scripts/test --all"]
fn activerecord_is_started_where_a_version_is_pending_and_only_there() {
    let migration = |name: &str, table: &str| {
        format!("class {name} < ActiveRecord::Migration[6.1]\n  def up\n    create_table :{table}\n  end\nend\n")
    };
    let project = Project::bare()
        .file("config/application.rb", "class Application < Rails::Application\nend\n")
        .file("bin/rails", RAILS)
        .file("db/migrate/20240101000000_create_apples.rb", &migration("CreateApples", "apples"));
    std::fs::set_permissions(project.path("bin/rails"), PermissionsExt::from_mode(0o755)).unwrap();
    let database = Database::fresh();
    let pending = || {
        let call = crate::support::Doorstep::through(project.path("bin/rails").to_str().unwrap(), &[], &["pending"]);
        let call =
            call.directory(&project.path("")).env("DATABASE_URL", &database.url()).env("PATH", &variable("PATH"));
        call.run().code(0).stdout.trim() == "true"
    };
    let is_behind = || run(&project, &database, &["status"]).code(0).stdout.contains(": behind (");
    assert!(pending() && is_behind());
    let started = "migrate_command: bin/rails db:migrate";
    run(&project, &database, &["run"]).code(0).stderr_has(started).stderr_has("(1 applied)");
    assert!(!pending() && !is_behind());
    run(&project, &database, &["run"]).code(0).stderr_lacks(started).stderr_has("(0 applied)");
    // An older version is pending, too, and in a folder within.
    project.write("db/migrate/2023/20230101000000_create_pears.rb", &migration("CreatePears", "pears"));
    assert!(pending() && is_behind());
    run(&project, &database, &["run", "--require-tables", "pears"])
        .code(0)
        .stderr_has(started)
        .stderr_has("(1 applied)");
    assert!(!pending() && !is_behind());
    // ActiveRecord stops at a name that doorstep refuses.
    project.write("db/migrate/20240103000000_Bad.rb", "");
    run(&project, &database, &["run"]).code(65).stderr_lacks(started).stderr_has("Rails stops at this name");
}
