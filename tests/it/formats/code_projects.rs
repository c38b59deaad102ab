//! Projects whose migrations are programs: their tool is started only where files and rows say that something is pending.
//! Here a script stands for the tool; the real ones are in `code_tools`.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::ground::{Engine, Ground};
use crate::support::{Database, Doorstep, MysqlDatabase, Project, variable};

/// A kind of project.
struct Kind {
    format: &'static str,
    /// Its files, with one migration.
    files: &'static [(&'static str, &'static str)],
    /// One more migration, and its name.
    more: (&'static str, &'static str, &'static str),
    /// The name of the first one.
    first: &'static str,
    /// The command that doorstep starts, and the file of its program.
    command: &'static str,
    program: &'static str,
    /// Creates the table and records both.
    rows: [&'static str; 2],
    /// Creates the table as the tool does on MySQL, without the rows.
    mysql: &'static str,
    /// The engines on which it takes a lock.
    locks_on: &'static [Engine],
}

const KNEX: &str = "exports.up = async () => {};\nexports.down = async () => {};\n";
const CLASS: &str = "module.exports.AddA1700000000000 = class AddA1700000000000 { async up() {} async down() {} };\n";

const KINDS: &[Kind] = &[
    Kind {
        format: "knex",
        files: &[
            ("knexfile.js", "module.exports = { client: 'pg', migrations: { directory: './db/steps' } };\n"),
            ("db/steps/20240101000000_a.js", KNEX),
        ],
        more: ("db/steps/20240102000000_b.js", KNEX, "20240102000000_b.js"),
        first: "20240101000000_a.js",
        command: "npx knex migrate:latest",
        program: "bin/npx",
        rows: [
            "CREATE TABLE knex_migrations (id serial PRIMARY KEY, name varchar(255), batch int, migration_time timestamptz);
             INSERT INTO knex_migrations (name, batch, migration_time) VALUES ('20240101000000_a.js', 1, now())",
            "INSERT INTO knex_migrations (name, batch, migration_time) VALUES ('20240102000000_b.js', 2, now())",
        ],
        mysql: "CREATE TABLE `knex_migrations` (`id` int unsigned not null auto_increment primary key, `name` varchar(255), `batch` int, \
                `migration_time` timestamp null)",
        locks_on: &Engine::SERVERS,
    },
    Kind {
        format: "sequelize",
        files: &[
            (
                ".sequelizerc",
                "const path = require('path');\nmodule.exports = {\n  'migrations-path': path.resolve('db', 'migrations'),\n};\n",
            ),
            ("db/migrations/20240101000000-a.js", ""),
        ],
        more: ("db/migrations/20240102000000-b.js", "", "20240102000000-b.js"),
        first: "20240101000000-a.js",
        command: "npx sequelize-cli db:migrate",
        program: "bin/npx",
        rows: [
            "CREATE TABLE \"SequelizeMeta\" (name varchar(255) PRIMARY KEY); \
             INSERT INTO \"SequelizeMeta\" VALUES ('20240101000000-a.js')",
            "INSERT INTO \"SequelizeMeta\" VALUES ('20240102000000-b.js')",
        ],
        mysql: "CREATE TABLE IF NOT EXISTS `SequelizeMeta` (`name` VARCHAR(255) NOT NULL UNIQUE , PRIMARY KEY (`name`)) ENGINE=InnoDB \
                DEFAULT CHARSET=utf8 COLLATE utf8_unicode_ci",
        locks_on: &[],
    },
    Kind {
        format: "typeorm",
        files: &[
            (
                "dist/data-source.js",
                "const typeorm_1 = require(\"typeorm\");\nexports.AppDataSource = new typeorm_1.DataSource({\n    type: \"postgres\",\n    \
                 url: process.env.DATABASE_URL,\n    migrations: [__dirname + \"/migrations/*{.js,.ts}\"],\n});\n",
            ),
            ("dist/migrations/1700000000000-AddA.js", CLASS),
            ("dist/migrations/1700000000000-AddA.d.ts", "export declare class AddA1700000000000 {}\n"),
        ],
        more: (
            "dist/migrations/1700000001000-AddB.js",
            "class AddB { constructor() { this.name = 'AddB1700000001000'; } async up() {} }\nexports.AddB = AddB;\n",
            "AddB1700000001000",
        ),
        first: "AddA1700000000000",
        command: "npx typeorm migration:run -d dist/data-source.js",
        program: "bin/npx",
        rows: [
            "CREATE TABLE migrations (id serial PRIMARY KEY, \"timestamp\" bigint NOT NULL, name varchar NOT NULL); \
             INSERT INTO migrations (\"timestamp\", name) VALUES (1700000000000, 'AddA1700000000000')",
            "INSERT INTO migrations (\"timestamp\", name) VALUES (1700000001000, 'AddB1700000001000')",
        ],
        mysql: "CREATE TABLE `migrations` (`id` int NOT NULL AUTO_INCREMENT, `timestamp` bigint NOT NULL, `name` varchar(255) NOT NULL, \
                PRIMARY KEY (`id`)) ENGINE=InnoDB",
        locks_on: &[],
    },
    Kind {
        format: "rails",
        files: &[
            ("config/application.rb", "module Shop\n  class Application < Rails::Application\n  end\nend\n"),
            ("db/migrate/20240101000000_create_a.rb", "class CreateA < ActiveRecord::Migration[7.1]\nend\n"),
        ],
        more: ("db/migrate/20240102000000_create_b.rb", "class CreateB\nend\n", "20240102000000_create_b"),
        first: "20240101000000_create_a",
        command: "bin/rails db:migrate",
        program: "bin/rails",
        rows: [
            "CREATE TABLE schema_migrations (version varchar PRIMARY KEY); INSERT INTO schema_migrations VALUES ('20240101000000')",
            "INSERT INTO schema_migrations VALUES ('20240102000000')",
        ],
        mysql: "CREATE TABLE `schema_migrations` (`version` varchar(255) NOT NULL PRIMARY KEY)",
        locks_on: &Engine::SERVERS,
    },
    Kind {
        format: "ecto",
        files: &[
            ("mix.exs", "defmodule Shop.MixProject do\nend\n"),
            ("priv/repo/migrations/20240101000000_create_a.exs", ""),
            ("priv/repo/migrations/.formatter.exs", ""),
        ],
        more: ("priv/repo/migrations/20240102000000_create_b.exs", "", "20240102000000_create_b"),
        first: "20240101000000_create_a",
        command: "mix ecto.migrate",
        program: "bin/mix",
        rows: [
            "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0)); \
             INSERT INTO schema_migrations VALUES (20240101000000, now())",
            "INSERT INTO schema_migrations VALUES (20240102000000, now())",
        ],
        mysql: "CREATE TABLE IF NOT EXISTS `schema_migrations` (`version` bigint, `inserted_at` datetime, PRIMARY KEY (`version`)) \
                ENGINE = INNODB",
        locks_on: &[Engine::Postgres],
    },
    Kind {
        format: "laravel",
        files: &[
            ("artisan", "#!/usr/bin/env php\n"),
            ("vendor/autoload.php", "<?php\n"),
            ("vendor/acme/plain/composer.json", "{\"extra\": {\"laravel\": {\"providers\": [\"Acme\\\\Plain\"]}}}"),
            ("vendor/acme/plain/src/Plain.php", "<?php\nclass Plain {}\n"),
            ("database/migrations/2024_01_01_000000_create_a.php", "<?php\n"),
        ],
        more: ("database/migrations/2024_01_02_000000_create_b.php", "<?php\n", "2024_01_02_000000_create_b"),
        first: "2024_01_01_000000_create_a",
        command: "php artisan migrate --force",
        program: "bin/php",
        rows: [
            "CREATE TABLE migrations (id serial PRIMARY KEY, migration varchar(255) NOT NULL, batch int NOT NULL); \
             INSERT INTO migrations (migration, batch) VALUES ('2024_01_01_000000_create_a', 1)",
            "INSERT INTO migrations (migration, batch) VALUES ('2024_01_02_000000_create_b', 2)",
        ],
        mysql: "create table `migrations` (`id` int unsigned not null auto_increment primary key, `migration` varchar(255) not null, \
                `batch` int not null) default character set utf8mb4 collate 'utf8mb4_unicode_ci'",
        locks_on: &[],
    },
    Kind {
        format: "efcore",
        files: &[
            ("Shop.csproj", "<PackageReference Include=\"Npgsql.EntityFrameworkCore.PostgreSQL\" />\n"),
            ("Migrations/20240101000000_CreateA.cs", "public partial class CreateA : Migration {}\n"),
            (
                "Migrations/20240101000000_CreateA.Designer.cs",
                "[DbContext(typeof(Db))]\n[Migration(\"20240101000000_CreateA\")]\npartial class CreateA {}\n",
            ),
            ("obj/20230101000000_Old.cs", "[Migration(\"20230101000000_Old\")]\n"),
        ],
        more: (
            "Migrations/20240102000000_CreateB.Designer.cs",
            "[DbContext(typeof(Db))]\n[Migration(\"20240102000000_CreateB\")]\npartial class CreateB {}\n",
            "20240102000000_CreateB",
        ),
        first: "20240101000000_CreateA",
        command: "dotnet ef database update",
        program: "bin/dotnet",
        rows: [
            "CREATE TABLE \"__EFMigrationsHistory\" (\"MigrationId\" varchar(150) PRIMARY KEY, \"ProductVersion\" varchar(32) NOT NULL); \
             INSERT INTO \"__EFMigrationsHistory\" VALUES ('20240101000000_CreateA', '9.0.0')",
            "INSERT INTO \"__EFMigrationsHistory\" VALUES ('20240102000000_CreateB', '9.0.0')",
        ],
        mysql: "CREATE TABLE IF NOT EXISTS `__EFMigrationsHistory` (`MigrationId` varchar(150) CHARACTER SET utf8mb4 NOT NULL, \
                `ProductVersion` varchar(32) CHARACTER SET utf8mb4 NOT NULL, CONSTRAINT `PK___EFMigrationsHistory` \
                PRIMARY KEY (`MigrationId`)) CHARACTER SET=utf8mb4",
        locks_on: &Engine::SERVERS,
    },
];

impl Kind {
    fn of(format: &str) -> &'static Self {
        KINDS.iter().find(|kind| kind.format == format).unwrap()
    }

    /// Records the first migration, or the second one, as the tool does on this engine.
    fn rows_on(&self, engine: Engine, index: usize) -> String {
        let rows = self.rows[index];
        match engine {
            Engine::Mysql => {
                let insert = rows.rsplit(';').next().unwrap().trim().replace('"', "`");
                if index == 0 { format!("{}; {insert}", self.mysql) } else { insert }
            }
            Engine::Postgres | Engine::Sqlite => rows.to_owned(),
        }
    }

    /// The project, with a program that runs the file todo.sql.
    fn project(&self) -> Project {
        let project = files(self.files);
        program(&project, self.program);
        project
    }
}

fn files(files: &[(&str, &str)]) -> Project {
    files.iter().fold(Project::bare(), |project, (path, text)| project.file(path, text))
}

/// Puts a program there that runs the file todo.sql, and says so.
fn program(project: &Project, path: &str) {
    project.write(
        path,
        "#!/bin/sh\necho the tool was started\n\
         case $DATABASE_URL in mysql://*) ;; *) exec psql -X -q -v ON_ERROR_STOP=1 -f todo.sql \"$DATABASE_URL\" ;; esac\n\
         login=${DATABASE_URL#*://} place=${DATABASE_URL##*@}\nlogin=${login%@*} server=${place%%/*}\n\
         exec mariadb --no-defaults -h\"${server%:*}\" -P\"${server#*:}\" -u\"${login%%:*}\" -p\"${login#*:}\" \"${place#*/}\" <todo.sql\n",
    );
    std::fs::set_permissions(project.path(path), PermissionsExt::from_mode(0o755)).unwrap();
    project.write("todo.sql", "");
}

/// doorstep with the programs of the project in its PATH.
fn doorstep(project: &Project, url: &str, arguments: &[&str]) -> Doorstep {
    let path = format!("{}:{}", project.path("bin").display(), variable("PATH"));
    project.doorstep(url, arguments).env("PATH", &path)
}

fn status(project: &Project, url: &str) -> Value {
    let output = project.doorstep(url, &["status", "--format", "json"]).run().code(0);
    serde_json::from_str(&output.stdout).unwrap()
}

#[test]
fn the_tool_is_started_where_a_file_has_no_row_and_only_there() {
    for (engine, kind) in Engine::SERVERS.iter().flat_map(|engine| KINDS.iter().map(|kind| (*engine, kind))) {
        let (ground, project) = (Ground::fresh(engine), kind.project());
        let url = ground.url();
        let run = |arguments: &[&str]| doorstep(&project, &url, arguments).run();
        // Nothing is there yet.
        let first = status(&project, &url);
        assert_eq!(
            (&first["verdict"], &first["migrations"][0]["name"]),
            (&"behind".into(), &kind.first.into()),
            "{first}"
        );
        assert!(first["uncertain"].is_null() && first["migrations"].as_array().unwrap().len() == 1, "{first}");
        run(&["check"]).code(1).stdout_has(kind.first);
        run(&["run", "--migrate", "await", "--wait-timeout", "100ms"]).code(69).stderr_has("behind");
        project.write("todo.sql", &kind.rows_on(engine, 0));
        let output = run(&["run", "--", "echo", "up"]).code(0).stdout_is("up").stderr_has("(1 applied)");
        let output =
            output.stderr_has(&format!("migrate_command: {}", kind.command)).stderr_has("the tool was started");
        match kind.locks_on.contains(&engine) {
            true => output.stderr_lacks("takes no lock"),
            false => output.stderr_has(&format!("{} takes no lock", kind.format)),
        };
        // Everything is applied.
        run(&["run"]).code(0).stderr_lacks("the tool was started").stderr_has("(0 applied)");
        run(&["status"]).code(0).stdout_has(": current (").stdout_has(&format!("by {}", kind.format));
        run(&["check"]).code(0).stdout_has("healthy");
        run(&["run", "--migrate", "await", "--", "echo", "up"]).code(0).stdout_is("up");
        // One more.
        project.write(kind.more.0, kind.more.1);
        project.write("todo.sql", "");
        let output = run(&["run", "--", "echo", "up"]).code(65).stdout_is("").stderr_has("the tool was started");
        output.stderr_has("succeeded, but these are not applied").stderr_has(kind.more.2);
        project.write("todo.sql", &kind.rows_on(engine, 1));
        run(&["run"]).code(0).stderr_has("(1 applied)");
        assert_eq!(status(&project, &url)["verdict"], "current");
        // A setting says the same, and so does a command of its own.
        run(&["run", "--migration-format", kind.format]).code(0).stderr_has("(0 applied)");
        run(&["run", "--migrate-command", kind.command]).code(0).stderr_has("(0 applied)");
        for command in [&["baseline"][..], &["replay"], &["resolve", "--applied", kind.first]] {
            run(command).code(78).stderr_has(&format!("{} applies these migrations", kind.format));
        }
        // An image that is older than the database starts.
        std::fs::remove_file(project.path(kind.more.0)).unwrap();
        if kind.format != "knex" {
            run(&["run"]).code(0).stderr_lacks("the tool was started").stderr_has("ahead of this image");
        }
    }
}

#[test]
fn a_failure_of_the_tool_stops_the_start() {
    let (database, project) = (Database::fresh(), Kind::of("rails").project());
    project.write("todo.sql", "SELECT no_such_function();");
    let output = doorstep(&project, &database.url(), &["run", "--", "echo", "up"]).run().code(65).stdout_is("");
    output.stderr_has("bin/rails db:migrate exited with 3").stderr_has("no_such_function() does not exist");
}

#[test]
fn verify_knows_whose_migrations_are_pending() {
    let (database, project) = (Database::fresh(), Kind::of("knex").project());
    let arguments = ["verify", "--require-tables", "orders"];
    let output = doorstep(&project, &database.url(), &arguments).run().code(3);
    output.stdout_has("orders").stdout_has("20240101000000_a.js");
}

/// What of a project only its tool can tell, and why.
const UNKNOWN: &[(&str, &str, &str, &str)] = &[
    ("knex", "knexfile.js", "module.exports = makeConfig();\n", "knexfile.js computes the migrations"),
    (
        "knex",
        "knexfile.js",
        "module.exports = { migrations: { directory: './db/steps', tableName: name() } };\n",
        "knexfile.js computes tableName (history_table names the table)",
    ),
    (
        "knex",
        "knexfile.js",
        "module.exports = { migrations: { directory: process.env.DIR } };\n",
        "knexfile.js computes directory (migrations names the folder)",
    ),
    (
        "knex",
        "knexfile.js",
        "module.exports = { migrations: { directory: './db/steps', migrationSource: new Mine() } };\n",
        "knexfile.js has a migrationSource of its own",
    ),
    ("sequelize", ".sequelizerc", "module.exports = paths();\n", ".sequelizerc computes the paths"),
    (
        "sequelize",
        "config/config.json",
        "{\"development\": {\"migrationStorage\": \"json\"}}",
        "config/config.json keeps the history in another place",
    ),
    ("sequelize", "config/config.js", "module.exports = load();\n", "config/config.js computes the options"),
    (
        "typeorm",
        "dist/data-source.js",
        "exports.migrations = [];\nexports.source = new DataSource(options());\n",
        "dist/data-source.js computes the data source",
    ),
    (
        "typeorm",
        "dist/data-source.js",
        "exports.source = new DataSource({ migrations: [AddA] });\n",
        "dist/data-source.js computes migrations",
    ),
    (
        "typeorm",
        "dist/data-source.js",
        "exports.source = new DataSource({ migrations: ['gone/*.js'] });\n",
        "there is no file of gone/*.js",
    ),
    (
        "typeorm",
        "dist/migrations/1700000002000-C.js",
        "exports.C = class C extends Base {};\n",
        "the class C may inherit a migration",
    ),
    (
        "rails",
        "config/initializers/a.rb",
        "ActiveRecord::Base.schema_migrations_table_name = ENV['TABLE']\n",
        "config/initializers/a.rb computes schema_migrations_table_name",
    ),
    (
        "rails",
        "config/initializers/a.rb",
        "Rails.application.config.paths['db/migrate'] << 'other'\n",
        "config/initializers/a.rb changes the folders of the migrations",
    ),
    (
        "rails",
        "config/database.yml",
        "production:\n  primary:\n    url: x\n  animals:\n    migrations_paths: db/animals_migrate\n",
        "config/database.yml names db/animals_migrate",
    ),
    ("rails", "engines/pay/db/migrate/1_x.rb", "", "the engine in engines/pay/db/migrate may add its migrations"),
    ("ecto", "config/config.exs", "config :shop, Shop.Repo, migration_source: name\n", "computes migration_source"),
    (
        "ecto",
        "priv/other_repo/migrations/1_x.exs",
        "",
        "there are several repositories: priv/other_repo/migrations, priv/repo/migrations",
    ),
    (
        "laravel",
        "vendor/acme/plain/src/Provider.php",
        "<?php $this->loadMigrationsFrom(__DIR__.'/x');\n",
        "the package acme/plain adds its migrations at run time",
    ),
    (
        "laravel",
        "app/Providers/AppServiceProvider.php",
        "<?php $this->loadMigrationsFrom('x');\n",
        "app/Providers/AppServiceProvider.php adds folders of migrations",
    ),
    (
        "laravel",
        "config/database.php",
        "<?php return ['migrations' => env('MIGRATIONS', 'migrations')];\n",
        "config/database.php computes the table",
    ),
    (
        "laravel",
        "config/database.php",
        "<?php return ['connections' => ['mysql' => ['prefix' => 'shop_']], 'migrations' => 'migrations'];\n",
        "config/database.php puts a prefix before the names of tables (history_table names the table)",
    ),
    (
        "efcore",
        "Db.cs",
        "options.UseMySql(x, o => o.MigrationsHistoryTable(\"History\", \"ops\"));\n",
        "Db.cs names a schema for the history table, and MySQL has none",
    ),
    (
        "efcore",
        "Db.cs",
        "options.UseNpgsql(x, o => o.MigrationsHistoryTable(Name, \"ops\"));\n",
        "Db.cs computes the history table",
    ),
    (
        "efcore",
        "Migrations/20240103000000_C.Designer.cs",
        "[DbContext(typeof(OtherDb))]\n[Migration(\"20240103000000_C\")]\n",
        "the migrations belong to several contexts: Db, OtherDb",
    ),
];

#[test]
fn what_only_the_tool_can_tell_is_unknown_and_never_current() {
    for (format, path, text, why) in UNKNOWN {
        let kind = Kind::of(format);
        let (database, project) = (Database::fresh(), kind.project().file(path, text));
        let url = database.url();
        database.sql(kind.rows[0]);
        let status = status(&project, &url);
        let uncertain = status["uncertain"].as_str().unwrap_or_else(|| panic!("{path}: {text}: {status}"));
        assert!(uncertain.contains(why), "{path}: {uncertain}");
        assert_eq!(status["verdict"], "unknown", "{path}: {text}: {status}");
        let output = doorstep(&project, &url, &["check"]).run().code(1);
        output.stdout_has("whether migrations are pending is unknown: ").stdout_has("cannot be asked");
        // The tool finds out, at each start.
        doorstep(&project, &url, &["run"]).run().code(0).stderr_has("the tool was started").stderr_has(why);
        doorstep(&project, &url, &["run", "--migrate", "await", "--wait-timeout", "100ms"]).run().code(69);
        doorstep(&project, &url, &["check", "--unknown", "accept"]).run().code(0);
    }
}

#[test]
fn a_command_that_reads_something_else_leaves_nothing_certain() {
    for (format, command, word) in [
        ("knex", "npx knex migrate:latest --env staging", "--env"),
        ("knex", "npx knex migrate:up", "migrate:up"),
        ("sequelize", "npx sequelize-cli db:migrate --migrations-path other", "--migrations-path"),
        ("rails", "bin/rails db:migrate VERSION=1", "VERSION=1"),
        ("laravel", "php artisan migrate --path=other", "--path=other"),
        ("ecto", "mix ecto.migrate -r Other.Repo", "-r"),
        ("efcore", "dotnet ef database update 20240101000000_CreateA", "20240101000000_CreateA"),
        ("typeorm", "npx typeorm migration:run -d dist/data-source.js --fake", "--fake"),
    ] {
        let kind = Kind::of(format);
        let (database, project) = (Database::fresh(), kind.project());
        database.sql(kind.rows[0]);
        let arguments = ["status", "--migrate-command", command];
        let output = doorstep(&project, &database.url(), &arguments).run().code(0).stdout_has(": unknown (");
        output.stdout_has(&format!("the command has {word}, which may change what it reads"));
    }
}

#[test]
fn literals_of_the_configuration_and_the_settings_name_folder_and_table() {
    let database = Database::fresh();
    let url = database.url();
    database
        .sql("CREATE SCHEMA ops; CREATE TABLE ops.done (id serial, name text, batch int, migration_time timestamptz)");
    database.sql("INSERT INTO ops.done (name) VALUES ('a.js')");
    let text = "module.exports = { production: { migrations: { directory: 'steps', tableName: 'done', schemaName: 'ops' } } };\n";
    let project = files(&[("knexfile.js", text), ("steps/a.js", KNEX)]);
    let output = project.doorstep(&url, &["status"]).env("NODE_ENV", "production").run().code(0);
    output.stdout_has("a.js  applied").stdout_has(": current (");
    // What the file computes, the settings say.
    let computed = files(&[
        ("knexfile.js", "module.exports = { migrations: { directory: d(), tableName: t() } };\n"),
        ("steps/a.js", KNEX),
    ]);
    let named = ["status", "--migrations", "steps", "--history-table", "ops.done"];
    computed.doorstep(&url, &named).run().code(0).stdout_has(": current (");
    // Without any configuration, the format's name and a folder are enough; the command has to be given by hand then.
    let bare = files(&[("steps/a.js", KNEX)]);
    let named = ["status", "--migration-format", "knex", "--migrations", "steps", "--history-table", "ops.done"];
    bare.doorstep(&url, &named).run().code(0).stdout_has(": current (");
    bare.doorstep(&url, &["status", "--migration-format", "knex"])
        .run()
        .code(78)
        .stderr_has("there is no knexfile.js here");
    let gone = ["status", "--migration-format", "knex", "--migrations", "gone"];
    bare.doorstep(&url, &gone).run().code(78).stderr_has("the migrations folder gone does not exist");
    let lost = files(&[("knexfile.js", "module.exports = {};\n")]);
    lost.doorstep(&url, &["run"])
        .run()
        .code(78)
        .stderr_has("knexfile.js leads to the folder migrations, which is not here");
    lost.doorstep(&url, &["run", "--migrate", "off"]).run().code(0);
    // Of sequelize-cli, EF Core and Ecto likewise.
    database.sql("CREATE TABLE ops.meta (name text); INSERT INTO ops.meta VALUES ('1-a.js')");
    let config =
        "{\"production\": {\"migrationStorageTableName\": \"meta\", \"migrationStorageTableSchema\": \"ops\"}}";
    let sequelize =
        files(&[(".sequelizerc", "module.exports = {};\n"), ("config/config.json", config), ("migrations/1-a.js", "")]);
    let output = sequelize.doorstep(&url, &["status"]).env("NODE_ENV", "production").run().code(0);
    output.stdout_has(": current (");
    sequelize.doorstep(&url, &["status"]).run().code(0).stdout_has(": behind (");
    database.sql(
        "CREATE TABLE ops.versions (version bigint, inserted_at timestamp); INSERT INTO ops.versions VALUES (1, now())",
    );
    let ecto = files(&[
        ("mix.exs", ""),
        ("config/config.exs", "config :a, A.Repo, migration_source: \"versions\" # x\n"),
        ("priv/repo/migrations/1_a.exs", ""),
    ]);
    let at = format!("{url}?schema=ops");
    ecto.doorstep(&at, &["status"]).run().code(0).stdout_has("1_a  applied").stdout_has(": current (");
    database.sql("CREATE TABLE ops.\"History\" (\"MigrationId\" text, \"ProductVersion\" text); INSERT INTO ops.\"History\" VALUES ('20240101000000_CreateA', '9')");
    let efcore = Kind::of("efcore").project().file("Db.cs", "o.MigrationsHistoryTable(\"History\", \"ops\")\n");
    efcore.doorstep(&url, &["status"]).run().code(0).stdout_has(": current (");
}

#[test]
fn a_project_of_two_tools_stops_with_both_names_and_the_setting() {
    let database = Database::fresh();
    let url = database.url();
    let knex = Kind::of("knex");
    for other in KINDS.iter().filter(|other| other.format != "knex") {
        let project = other.files.iter().fold(knex.project(), |project, (path, text)| project.file(path, text));
        program(&project, other.program);
        let output = project.doorstep(&url, &["run", "--", "echo", "up"]).run().code(78).stdout_is("");
        let output = output.stderr_has("knex (knexfile.js)").stderr_has(&format!("{} (", other.format));
        output.stderr_has("migration_format = ");
        project.doorstep(&url, &["run", "--migrate", "off"]).run().code(0);
        let named = ["status", "--migration-format", other.format];
        project.doorstep(&url, &named).run().code(0).stdout_has(other.first).stdout_lacks(knex.first);
        // A command shows whose it is.
        let command = ["status", "--migrate-command", other.command];
        project.doorstep(&url, &command).run().code(0).stdout_has(other.first).stdout_lacks(knex.first);
        let wrapped = ["status", "--migrate-command", "make migrate"];
        project.doorstep(&url, &wrapped).run().code(78).stderr_has("migration_format = ");
    }
    let django = knex.project().file("manage.py", "");
    django.doorstep(&url, &["run"]).run().code(78).stderr_has("django (manage.py)").stderr_has("knex (knexfile.js)");
    // A folder that doorstep applies itself is there, so the file of a tool says nothing.
    let prisma = Project::with_two().file("knexfile.js", "module.exports = {};\n");
    prisma.doorstep(&url, &["status"]).run().code(0).stdout_has("1_users  pending");
    // Another tool's command is not this project's.
    let command = ["check", "--migrate-command", "flyway migrate"];
    let output = knex.project().doorstep(&url, &command).run().code(1);
    output.stdout_has("doorstep knows neither the files nor the history of flyway migrate");
}

#[test]
fn a_folder_that_looks_like_a_tools_is_read_by_its_project() {
    let database = Database::fresh();
    let url = database.url();
    for (file, text, migration) in [
        ("knexfile.js", "module.exports = {};\n", "migrations/20240101120000_a.js"),
        (".sequelizerc", "module.exports = {};\n", "migrations/20240101120000-a.js"),
        // The configuration says more than the form of a name.
        (".sequelizerc", "module.exports = {};\n", "migrations/20240101120000_a.js"),
        ("package.json", "{\"devDependencies\": {\"sequelize-cli\": \"6\"}}", "migrations/20240101120000-a.js"),
        (
            "data-source.js",
            "exports.d = new DataSource({ migrations: ['migrations/*.js'] });\n",
            "migrations/1700000000000-A.js",
        ),
    ] {
        let project = files(&[(file, text), (migration, CLASS)]);
        project.doorstep(&url, &["status"]).run().code(0).stdout_has(": behind (").stdout_has("pending");
        project.doorstep(&url, &["status", "--migrations", "migrations"]).run().code(0).stdout_has(": behind (");
    }
    // Without its project, the tool is named, and the setting.
    let alone = files(&[("migrations/20240101120000_a.js", KNEX)]);
    let output = alone.doorstep(&url, &["run"]).run().code(78).stderr_has("look like those of knex (");
    output.stderr_has("migration_format = knex").stderr_has("migrate_command = \"npx knex migrate:latest\"");
}

#[test]
fn a_table_of_another_tool_is_none_of_this_one() {
    for (format, other, why) in [
        ("laravel", "typeorm", "migrations in the database is no history of laravel"),
        ("typeorm", "laravel", "migrations in the database is no history of typeorm"),
        ("rails", "ecto", "it has the column inserted_at, as Ecto's"),
        ("ecto", "rails", "schema_migrations in the database is no history of ecto"),
        ("rails", "golang-migrate", "it has the column dirty, as golang-migrate's"),
    ] {
        for engine in Engine::SERVERS {
            let (ground, project) = (Ground::fresh(engine), Kind::of(format).project());
            let kind = KINDS.iter().find(|kind| kind.format == other);
            let golang_migrate = "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean NOT NULL)";
            ground.sql(&kind.map_or(golang_migrate.to_owned(), |kind| kind.rows_on(engine, 0)));
            let output = doorstep(&project, &ground.url(), &["run", "--", "echo", "up"]).run().code(78).stdout_is("");
            output.stderr_has(why).stderr_has("history_table").stderr_lacks("the tool was started");
        }
    }
    let project = Kind::of("laravel").project();
    project.write("dev.db", "");
    crate::support::sqlite(
        &project.path("dev.db"),
        "CREATE TABLE migrations (id integer, timestamp bigint, name text)",
    );
    let output = project.doorstep("file:./dev.db", &["status"]).run().code(78);
    output.stderr_has("migrations in the database is no history of laravel");
}

#[test]
fn a_row_without_its_file_stops_where_the_tool_stops_and_a_file_never_runs_twice() {
    let (database, project) = (Database::fresh(), Kind::of("knex").project());
    let url = database.url();
    database.sql(Kind::of("knex").rows[0]);
    database.sql("INSERT INTO knex_migrations (name) VALUES ('20230101000000_old.js')");
    let output = doorstep(&project, &url, &["run"]).run().code(65).stderr_lacks("the tool was started");
    output.stderr_has("applied, but without a file: 20230101000000_old.js");
    let text = "module.exports = { migrations: { directory: './db/steps', disableMigrationsListValidation: true } };\n";
    project.write("knexfile.js", text);
    doorstep(&project, &url, &["run"]).run().code(0).stderr_lacks("the tool was started");
    // The rows were written in development, with .ts; the image has .js.
    let (database, project) = (Database::fresh(), Kind::of("sequelize").project());
    database.sql(
        "CREATE TABLE \"SequelizeMeta\" (name text); INSERT INTO \"SequelizeMeta\" VALUES ('20240101000000-a.ts')",
    );
    let output = doorstep(&project, &database.url(), &["run"]).run().code(65).stderr_lacks("the tool was started");
    output.stderr_has("20240101000000-a.js is pending, and 20240101000000-a.ts is applied");
    // Rails and Ecto stop at two files of one version.
    for (format, twice) in
        [("rails", "db/migrate/x/020240101000000_z.rb"), ("ecto", "priv/repo/migrations/x/20240101000000_z.exs")]
    {
        let project = Kind::of(format).project().file(twice, "");
        let output = doorstep(&project, &database.url(), &["run"]).run().code(65);
        output.stderr_has("two migrations are called 20240101000000");
    }
    let project = Kind::of("typeorm").project().file("dist/migrations/1700000000000-AddA.ts", CLASS);
    let output = doorstep(&project, &database.url(), &["run"]).run().code(65);
    output.stderr_has("two migrations are called AddA1700000000000");
}

#[test]
fn squashed_migrations_are_not_ahead_and_a_dump_alone_is_not_current() {
    let (database, project) = (Database::fresh(), Kind::of("laravel").project());
    database.sql(Kind::of("laravel").rows[0]);
    database.sql("INSERT INTO migrations (migration, batch) VALUES ('2020_01_01_000000_old', 1)");
    let output = doorstep(&project, &database.url(), &["run"]).run().code(0);
    output.stderr_lacks("ahead of this image").stderr_lacks("the tool was started");
    let empty = files(&[
        ("artisan", ""),
        ("vendor/autoload.php", ""),
        ("database/migrations/.gitkeep", ""),
        ("database/schema/pgsql-schema.sql", ""),
    ]);
    let status = status(&empty, &database.url());
    assert_eq!(status["verdict"], "unknown");
}

#[test]
fn the_programs_of_a_release_are_used_where_they_are_there() {
    let database = Database::fresh();
    let url = database.url();
    let release: &[(&str, &str)] = &[
        ("releases/start_erl.data", "14.2 0.1.0\n"),
        ("lib/shop-0.1.0/priv/repo/migrations/20240101000000_create_a.exs", ""),
    ];
    let project = files(release);
    let output = project.doorstep(&url, &["run"]).run().code(78);
    output
        .stderr_has("the command by which ecto applies the migrations here is not known")
        .stderr_has("migrate_command");
    program(&project, "bin/migrate");
    project.write("todo.sql", Kind::of("ecto").rows[0]);
    project.doorstep(&url, &["run"]).run().code(0).stderr_has("migrate_command: bin/migrate").stderr_has("(1 applied)");
    project.doorstep(&url, &["run"]).run().code(0).stderr_lacks("the tool was started");
    // A bundle of EF Core has no sources beside it: nothing is certain.
    let bundle = Project::bare();
    program(&bundle, "efbundle");
    bundle.doorstep(&url, &["status"]).run().code(0).stdout_has(": unknown (");
    bundle
        .doorstep(&url, &["run"])
        .run()
        .code(0)
        .stderr_has("migrate_command: ./efbundle")
        .stderr_has("the tool was started");
    let published = files(&[("Shop.deps.json", "{}"), ("Shop.dll", "")]);
    published.doorstep(&url, &["run"]).run().code(0);
    let named = ["status", "--migration-format", "efcore"];
    published.doorstep(&url, &named).run().code(0).stdout_has(": unknown (").stdout_has("are compiled");
}

#[test]
fn tools_that_doorstep_neither_applies_nor_reads_are_refused_by_name() {
    let database = Database::fresh();
    let url = database.url();
    for (path, text, tool, command) in [
        ("sqitch.plan", "%syntax-version=1.0.0\n", "sqitch", "sqitch deploy"),
        ("migrations/sqitch.plan", "", "sqitch", "sqitch deploy"),
        (".gmrc", "{}", "graphile-migrate", "npx graphile-migrate migrate"),
        ("migrations/committed/000001.sql", "--! Previous: -\n", "graphile-migrate", "npx graphile-migrate migrate"),
        (
            "mikro-orm.config.ts",
            "export default { migrations: { path: 'x' } };\n",
            "MikroORM",
            "npx mikro-orm migration:up",
        ),
        ("migrations/Migration20240101120000.ts", "", "MikroORM", "npx mikro-orm migration:up"),
        ("dbconfig.yml", "production:\n  dir: steps\n", "sql-migrate", "sql-migrate up"),
        ("migrations/1_a.sql", "-- +migrate Up\nCREATE TABLE a (id int);\n", "sql-migrate", "sql-migrate up"),
        ("migrations/app/20240101_a/ops.json", "[]", "Prisma Next", "migrate_command"),
    ] {
        let project = files(&[(path, text)]);
        let output = project.doorstep(&url, &["run", "--", "echo", "up"]).run().code(78).stdout_is("");
        output.stderr_has(tool).stderr_has("migrate_command").stderr_has(command);
        project.doorstep(&url, &["run", "--migrate", "off"]).run().code(0);
        project.doorstep(&url, &["run", "--migrate-command", "true"]).run().code(0);
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn a_folder_of_node_pg_migrate_or_umzug_with_programs_is_their_tools() {
    let (database, package) = (Database::fresh(), r#"{"dependencies": {"node-pg-migrate": "9"}}"#);
    let url = database.url();
    let sql = "-- Up Migration\nCREATE TABLE a (id int);\n-- Down Migration\nDROP TABLE a;\n";
    let rows = "CREATE TABLE pgmigrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL); \
                INSERT INTO pgmigrations (name, run_on) VALUES ('1700000000000_a', now()), ('1700000001000_b', now())";
    let project = files(&[
        ("package.json", package),
        ("migrations/1700000000000_a.sql", sql),
        ("migrations/1700000001000_b.js", ""),
    ]);
    program(&project, "bin/npx");
    project.write("todo.sql", rows);
    let run = |arguments: &[&str]| doorstep(&project, &url, arguments).run();
    run(&["status"]).code(0).stdout_has(": behind (").stdout_has("1700000001000_b  pending");
    run(&["run"]).code(0).stderr_has("migrate_command: npx node-pg-migrate up").stderr_has("(2 applied)");
    let elsewhere = doorstep(&project, &MysqlDatabase::fresh().url(), &["run"]).run().code(78);
    elsewhere.stderr_has("node-pg-migrate, which doorstep runs on PostgreSQL only, and the database is MySQL");
    run(&["run"]).code(0).stderr_lacks("the tool was started");
    for arguments in [
        &["--migration-format", "node-pg-migrate"][..],
        &["--migrations", "migrations"],
        &["--migrate-command", "npx node-pg-migrate up"],
        &["--migrate-command", "npx node-pg-migrate up -m migrations", "--migration-format", "node-pg-migrate"],
    ] {
        run(&[&["status"], arguments].concat()).code(0).stdout_has(": current (");
    }
    let other = ["status", "--migrate-command", "npx node-pg-migrate up -t other"];
    run(&other).code(0).stdout_has(": behind (");
    // With SQL files alone, doorstep applies them, with the row of the tool.
    std::fs::remove_file(project.path("migrations/1700000001000_b.js")).unwrap();
    database.sql("DROP TABLE pgmigrations");
    run(&["run"]).code(0).stderr_lacks("the tool was started").stderr_has("(1 applied)");
    // What umzug runs, and where its history is, its program decides.
    let package = r#"{"dependencies": {"umzug": "3"}}"#;
    let umzug = files(&[("package.json", package), ("migrations/01_a.js", "")]);
    let output = umzug.doorstep(&url, &["run"]).run().code(78);
    output.stderr_has("the command by which umzug applies the migrations here is not known");
    let command = ["status", "--migrate-command", "node migrate.js up"];
    let output = umzug.doorstep(&url, &command).run().code(0).stdout_has("01_a.js  pending");
    output.stdout_has(": unknown (").stdout_has("the program that uses umzug decides");
}
