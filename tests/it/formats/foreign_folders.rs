//! Folders and databases of other tools: recognised by their signs, and never taken for doorstep's own.

use crate::support::{Database, Project, sqlite};

/// SHA-384 of `CREATE TABLE apple (id int);`, as sqlx records it.
const APPLE_SHA_384: &str =
    "c4802f59bc73e023f4292b9f52f446550fab74dd0964f27a76291980f79a53523920bb132cf079968a2c28e1487dd182";

const TABLE: &str = "CREATE TABLE a (id integer);\n";

/// A project with these files.
fn project(files: &[(&str, &str)]) -> Project {
    files.iter().fold(Project::bare(), |project, (path, text)| project.file(path, text))
}

/// A folder whose files could be read as plain SQL, and the tools that the message names.
fn flat() -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
    vec![
        ("golang-migrate (", vec![("migrations/1_a.up.sql", TABLE), ("migrations/1_a.down.sql", "DROP TABLE a;")]),
        ("sqlx (Cargo.toml)", vec![("migrations/1_a.sql", TABLE), ("Cargo.toml", "[dependencies]\nsqlx = \"0.9\"\n")]),
        ("Flyway (", vec![("migrations/V1__a.sql", TABLE)]),
        (
            "Supabase CLI (supabase/config.toml)",
            vec![("migrations/20240101120000_a.sql", TABLE), ("supabase/config.toml", "")],
        ),
        ("sql-migrate (", vec![("migrations/1_a.sql", "-- +migrate Up\nCREATE TABLE a (id integer);\n")]),
        ("Atlas (atlas.sum)", vec![("migrations/20240101120000_a.sql", TABLE), ("migrations/atlas.sum", "")]),
    ]
}

#[test]
fn a_folder_of_another_tool_stops_unless_the_setting_or_the_history_says_that_it_is_plain_sql() {
    for (tools, files) in flat() {
        let project = project(&files);
        let run = |arguments: &[&str]| project.doorstep("file:./dev.db", &[&["run"], arguments].concat()).run();
        let output =
            run(&[]).code(78).stderr_has(tools).stderr_has("migration_format = sql").stderr_has("_doorstep_migrations");
        output.stderr_has("migrate_command");
        let count = "SELECT count(*) FROM sqlite_master";
        assert!(!project.path("dev.db").exists() || sqlite(&project.path("dev.db"), count) == "0", "{tools}");
        // Reading commands say the same; one that does not migrate passes.
        project.doorstep("file:./dev.db", &["status"]).run().code(78).stderr_has(tools);
        run(&["--migrate", "off"]).code(0);
        run(&["--migration-format", "sql"]).code(0).stderr_has("(1 applied)");
        run(&[]).code(0).stderr_has("(0 applied)");
        project.doorstep("file:./dev.db", &["replay"]).run().code(0).stdout_has("runs from scratch: 1 migrations");
        project.doorstep("file:./dev.db", &["status"]).run().code(0).stdout_has(": current (");
        assert_eq!(sqlite(&project.path("dev.db"), "SELECT count(*) FROM a"), "0", "{tools}");
    }
}

#[test]
fn a_folder_that_doorstep_cannot_read_stops_with_the_name_of_its_tool() {
    for (tool, files) in [
        (
            "Hasura",
            vec![
                ("migrations/1693400000000_a/up.sql", TABLE),
                ("config.yaml", "version: 3\nmetadata_directory: metadata\n"),
            ],
        ),
        ("knex", vec![("migrations/20240101120000_a.js", "")]),
        ("TypeORM", vec![("migrations/1693400000000-AddUser.ts", "")]),
        ("sequelize-cli", vec![("migrations/20240101120000-a.js", "")]),
        ("MikroORM", vec![("migrations/Migration20240101120000.ts", ""), ("migrations/.snapshot-app.json", "{}")]),
        ("graphile-migrate", vec![("migrations/committed/000001.sql", TABLE), ("migrations/current.sql", "")]),
        ("Rails", vec![("migrations/20240101120000_create_a.rb", "")]),
        ("Liquibase", vec![("migrations/db.changelog-master.xml", "")]),
        ("sqitch", vec![("migrations/sqitch.plan", ""), ("migrations/deploy/a.sql", TABLE)]),
    ] {
        let project = project(&files).file("dev.db", "");
        let run = |arguments: &[&str]| project.doorstep("file:./dev.db", &[&["run"], arguments].concat()).run();
        let output =
            run(&[]).code(78).stderr_has(&format!("look like those of {tool} (")).stderr_has("migration_format");
        output.stderr_has("migrate_command = ");
        run(&["--migration-format", "sql"]).code(78).stderr_has("contradicts the folder migrations").stderr_has(tool);
        run(&["--migrate", "off"]).code(0);
        run(&["--migrate-command", "true"]).code(0);
        assert_eq!(sqlite(&project.path("dev.db"), "SELECT count(*) FROM sqlite_master"), "0", "{tool}");
    }
}

#[test]
fn two_candidates_stop_with_both_names_and_the_setting() {
    for (first, second, files) in [
        ("sqlx (", "golang-migrate (", vec![("migrations/1_a.up.sql", TABLE)]),
        (
            "dbmate (",
            "goose (",
            vec![
                ("migrations/1_a.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\n"),
                ("migrations/2_b.sql", "-- +goose Up\nSELECT 1;\n"),
            ],
        ),
        ("Prisma (", "Drizzle 1.0 (", vec![("migrations/20240101120000_a/migration.sql", TABLE)]),
        (
            "Prisma (migration_lock.toml)",
            "Drizzle 1.0 (",
            vec![
                ("migrations/migration_lock.toml", "provider = \"sqlite\"\n"),
                ("migrations/20240101120000_a/migration.sql", TABLE),
                ("migrations/20240101120000_a/snapshot.json", "{}"),
            ],
        ),
        ("Prisma (", "plain SQL (", vec![("migrations/a/migration.sql", TABLE), ("migrations/1_a.sql", TABLE)]),
    ] {
        let output = project(&files).doorstep("file:./dev.db", &["run"]).run().code(78);
        output.stderr_has(first).stderr_has(second).stderr_has("migration_format");
    }
    // Its name and the history decide between Prisma and Drizzle.
    let dated = project(&[("migrations/20240101120000_a/migration.sql", TABLE)]);
    dated.doorstep("file:./dev.db", &["run", "--migration-format", "prisma"]).run().code(0).stderr_has("(1 applied)");
    dated.doorstep("file:./dev.db", &["run"]).run().code(0).stderr_has("(0 applied)");
}

#[test]
fn a_format_that_contradicts_its_folder_stops_and_an_empty_folder_is_said() {
    let run = |project: &Project, format: &str| {
        project.doorstep("file:./dev.db", &["run", "--migrations", "migrations", "--migration-format", format]).run()
    };
    let numbered = Project::numbered(&[("1_a.sql", TABLE)]);
    run(&numbered, "prisma")
        .code(78)
        .stderr_has("migration_format = prisma contradicts the folder")
        .stderr_has("plain SQL");
    let prisma = project(&[
        ("migrations/migration_lock.toml", "provider = \"sqlite\"\n"),
        ("migrations/a/migration.sql", TABLE),
    ]);
    run(&prisma, "sql").code(78).stderr_has("migration_format = sql contradicts the folder").stderr_has("Prisma");
    let other = project(&[("migrations/schema.sql", TABLE), ("migrations/notes.doc", "")]);
    run(&other, "sql")
        .code(78)
        .stderr_has("no file that is a migration of plain SQL")
        .stderr_has("it has schema.sql, notes.doc");
    let empty = project(&[("migrations/.gitkeep", ""), ("migrations/README.md", "")]);
    run(&empty, "sql")
        .code(0)
        .stderr_has("no file that is a migration of plain SQL (0001_NAME.sql): nothing will be applied");
}

#[test]
fn what_stands_between_numbered_files_is_refused_by_name_and_noise_is_not() {
    for stray in [
        "0002_b.go",
        "0002_b.ts",
        "0002_b.py",
        "0002_b.sql.gz",
        "0002_b/x.txt",
        "0002_b.json",
        "V2__b.java",
        "extra/0002_b.sql",
    ] {
        let path = format!("migrations/{stray}");
        let project = project(&[("migrations/0001_a.sql", TABLE), (&path, "x")]);
        let name = path.strip_suffix("/x.txt").or_else(|| path.strip_suffix("/0002_b.sql")).unwrap_or(&path);
        let output = project.doorstep("file:./dev.db", &["run", "--migration-format", "sql"]).run().code(65);
        output.stderr_has(&format!("{name} is no migration by its name: ")).stderr_has("next: ");
    }
    let noise = project(&[
        ("migrations/0001_a.sql", TABLE),
        ("migrations/.git/0002_b.go", ""),
        ("migrations/.gitkeep", ""),
        ("migrations/README.md", ""),
        ("migrations/0001_a.md", ""),
        ("migrations/0001_a.sql.orig", ""),
        ("migrations/embed.go", ""),
        ("migrations/seeds/01_users.sql", "SELECT broken;"),
    ]);
    noise.doorstep("file:./dev.db", &["run"]).run().code(0).stderr_has("(1 applied)");
}

#[test]
fn a_file_that_takes_a_migration_back_never_runs() {
    for back in ["1_a.rollback.sql", "1_a-down.sql", "1_a_down.sql", "1_a_Undo.sql", "1_a.revert.sql"] {
        let (path, drop) = (format!("migrations/{back}"), "DROP TABLE a;");
        let beside = project(&[("migrations/1_a.sql", TABLE), (&path, drop)]);
        let output = beside.doorstep("file:./dev.db", &["run", "--migration-format", "sql"]).run().code(0);
        output.stderr_has("(1 applied)").stderr_has("1 that take migrations back");
        assert_eq!(sqlite(&beside.path("dev.db"), "SELECT count(*) FROM a"), "0", "{back}");
        // Without the migration that it takes back, nothing tells what it is.
        let alone = project(&[("migrations/0_z.sql", TABLE), (&path, drop)]);
        let output = alone.doorstep("file:./dev.db", &["run", "--migration-format", "sql"]).run().code(65);
        output.stderr_has(&path).stderr_has("like that of a file that takes a migration back");
        let twice = project(&[("migrations/1_z.sql", TABLE), (&path, drop)]);
        let output = twice.doorstep("file:./dev.db", &["run", "--migration-format", "sql"]).run().code(65);
        output
            .stderr_has(&path)
            .stderr_has("takes a migration back")
            .stderr_lacks("give the later one the next number");
    }
}

#[test]
fn a_history_of_another_tool_or_tables_elsewhere_stop_a_first_migration() {
    for (made, named) in [
        (
            "CREATE SCHEMA drizzle; CREATE TABLE drizzle.__drizzle_migrations (id serial, hash text, created_at bigint)",
            "drizzle.__drizzle_migrations is the history of Drizzle",
        ),
        (
            "CREATE SCHEMA supabase_migrations; CREATE TABLE supabase_migrations.schema_migrations (version text)",
            "supabase_migrations.schema_migrations is the history of Supabase CLI",
        ),
        (
            "CREATE SCHEMA ops; CREATE TABLE ops.goose_db_version (id int)",
            "ops.goose_db_version is the history of goose",
        ),
    ] {
        for project in [Project::numbered(&[("1_a.sql", TABLE)]), Project::new().migration("1_a", TABLE)] {
            let database = Database::fresh();
            database.sql(made);
            // goose has no schema of its own, so that its history may be another service's; Prisma looks at its own only.
            if made.contains("goose") && project.path("prisma").exists() {
                project.doorstep(&database.url(), &["run"]).run().code(0);
                continue;
            }
            project.doorstep(&database.url(), &["run"]).run().code(65).stderr_has(named).stderr_has("next: ");
            assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
        }
    }
    // Tables that say nothing of a tool concern plain SQL; Prisma looks at its own schemas only.
    let made = "CREATE SCHEMA app; CREATE TABLE app.users (id int)";
    let database = Database::fresh();
    database.sql(made);
    let numbered = Project::numbered(&[("1_a.sql", TABLE)]);
    let output = numbered.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("tables in other schemas: app.users").stderr_has("?schema=NAME");
    // A schema of its own, as the message says.
    numbered.doorstep(&format!("{}?schema=own", database.url()), &["run"]).run().code(0).stderr_has("(1 applied)");
    let database = Database::fresh();
    database.sql(made);
    Project::new().migration("1_a", TABLE).doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    // What a platform has made belongs to another role.
    let database = Database::fresh();
    let (owner, role) = (database.role(""), database.role(""));
    database.sql(&format!(
        "CREATE SCHEMA auth; CREATE TABLE auth.schema_migrations (version text); ALTER TABLE auth.schema_migrations OWNER TO {owner}; \
         GRANT CREATE, USAGE ON SCHEMA public TO {role}"
    ));
    numbered.doorstep(&database.url_as(&role), &["run"]).run().code(0).stderr_has("(1 applied)");
}

#[test]
fn the_one_history_in_the_database_says_whose_a_folder_is() {
    let up_files: &[(&str, &str)] = &[
        ("migrations/1_apple.up.sql", "CREATE TABLE apple (id int);"),
        ("migrations/1_apple.down.sql", "DROP TABLE apple;"),
        ("migrations/2_pear.up.sql", "CREATE TABLE pear (id int);"),
        ("migrations/2_pear.down.sql", "DROP TABLE pear;"),
    ];
    let golang = "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL); \
                  INSERT INTO schema_migrations VALUES (1, false); CREATE TABLE apple (id int)";
    let sqlx = "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, \
                installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL, \
                execution_time bigint NOT NULL); CREATE TABLE apple (id int); \
                INSERT INTO _sqlx_migrations VALUES (1, 'apple', now(), true, \
                decode('CHECKSUM', 'hex'), 1)"
        .replace("CHECKSUM", APPLE_SHA_384);
    let project = || up_files.iter().fold(Project::bare(), |project, (path, text)| project.file(path, text));
    for (history, rows) in [
        (golang, "SELECT version, dirty FROM schema_migrations"),
        (&sqlx, "SELECT max(version), bool_and(NOT success) FROM _sqlx_migrations"),
    ] {
        let (database, project) = (Database::fresh(), project());
        database.sql(history);
        let run = |arguments: &[&str]| project.doorstep(&database.url(), arguments).run();
        run(&["status"]).code(0).stdout_has("1_apple").stdout_has("applied").stdout_has(": behind (");
        run(&["check"]).code(1);
        run(&["run"]).code(0).stderr_has("(1 applied)");
        run(&["check"]).code(0);
        assert_eq!(database.sql(rows), "2|f");
    }
    // No history, and two of them, decide nothing.
    for history in ["SELECT 1", &format!("{golang}; {}", sqlx.replace("CREATE TABLE apple (id int);", ""))] {
        let (database, project) = (Database::fresh(), project());
        database.sql(history);
        let output = project.doorstep(&database.url(), &["run"]).run().code(78);
        output.stderr_has("sqlx (").stderr_has("golang-migrate (").stderr_has("migration_format = ");
        project.doorstep(&database.url(), &["check"]).run().code(1).stdout_has("golang-migrate");
    }
}

#[test]
fn the_configuration_of_another_tool_is_no_matter_of_a_folder_in_its_usual_place() {
    let project = Project::sqlite()
        .migration("1_apple", "CREATE TABLE apple (id int);")
        .file("sqlx.toml", "[migrate\n")
        .file("flyway.toml", "[flyway\n");
    let call = project.doorstep("file:./dev.db", &["run"]).env("DBMATE_MIGRATIONS_DIR", "a,b");
    call.run().code(0).stderr_has("(1 applied)");
}
