//! The real tools whose migrations are programs: doorstep starts them where something is pending, and tells as they do
//! whether there is.

use std::os::unix::fs::symlink;

use crate::support::{Database, Output, Project, variable};

fn migration(up: &str) -> String {
    format!("exports.up = async (it) => {{ {up} }};\nexports.down = async () => {{}};\n")
}

/// A project beside the packages of tests/tools/npm, as `npm install` leaves it.
fn project(files: &[(&str, &str)]) -> Project {
    let project = files.iter().fold(Project::bare(), |project, (path, text)| project.file(path, text));
    symlink(format!("{}/node_modules", variable("REAL_TOOLS")), project.path("node_modules")).unwrap();
    project
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

fn run(project: &Project, database: &Database, arguments: &[&str]) -> Output {
    project
        .doorstep(&database.url(), arguments)
        .env("PATH", &variable("PATH"))
        .env("HOME", project.path("").to_str().unwrap())
        .run()
}

#[test]
fn knex_and_sequelize_cli_are_started_where_a_file_is_pending_and_only_there() {
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
