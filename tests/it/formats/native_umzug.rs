//! umzug's SQL files, applied as it does: its recorded runs beside doorstep's, and its history continued.

use crate::formats::recorded::{Bench, Case, Deviation, Left, compare};
use crate::support::{Database, MysqlDatabase, Project, sqlite};

const CODE: &str = "a folder with migrations in code is left to its program (migrate_command)";

/// Where doorstep differs by design.
const DEVIATIONS: &[Deviation] =
    &[Deviation { case: "umzug-js", succeeded: &[false], rows: Some(&[]), tables: &[], why: CODE }];

fn rows(bench: &Bench) -> Vec<String> {
    match bench.has("\"SequelizeMeta\"") {
        true => bench.lines("SELECT name FROM \"SequelizeMeta\" ORDER BY name COLLATE \"C\""),
        false => Vec::new(),
    }
}

fn recorded_rows(case: &Case) -> Vec<String> {
    let text = |row: &serde_json::Value| row[0].as_str().unwrap().to_owned();
    case.field("rows").as_array().into_iter().flatten().map(text).collect()
}

#[test]
fn doorstep_does_what_umzug_did() {
    compare("umzug", &[], DEVIATIONS, |case| {
        let (bench, mut said) = (case.bench(), Vec::new());
        let mut succeeded = Vec::new();
        case.steps(&bench, |step| {
            if step != "up" {
                return true;
            }
            let arguments = ["migrate", "--migrations", "migrations", "--migration-format", "umzug"];
            let call = bench.project.doorstep(&bench.url(), &arguments);
            let call = match case.env("T_TABLE") {
                // The name of a model, of which Sequelize makes the plural.
                Some(model) => call.env("DOORSTEP_HISTORY_TABLE", &format!("{model}s")),
                None => call,
            };
            let output = call.run();
            said.push(output.stderr.clone());
            succeeded.push(output.code == Some(0));
            true
        });
        // Of the steps that only read, the tool's exit says nothing.
        let steps = case.field("steps").as_array().unwrap().iter().filter_map(serde_json::Value::as_str);
        let exits = steps.zip(case.succeeded()).filter(|(step, _)| *step == "up").map(|(_, exit)| exit).collect();
        let left = Left { succeeded, rows: rows(&bench), tables: bench.tables(&["SequelizeMeta"]) };
        let its = Left { succeeded: exits, rows: recorded_rows(case), tables: case.tables() };
        (left, its, said)
    });
}

#[test]
fn a_folder_is_recognised_by_its_names_and_the_way_back_never_runs() {
    let project = Project::bare()
        .file("migrations/2024.01.01T12.00.00.apple.sql", "-- up migration\nCREATE TABLE apple (id int);\n")
        .file("migrations/down/2024.01.01T12.00.00.apple.sql", "-- down migration\nDROP TABLE apple;\n");
    let run = |arguments: &[&str]| project.doorstep("file:./dev.db", arguments).run();
    run(&["run"]).code(0).stderr_has("(1 applied)").stderr_has("umzug takes no lock").stderr_lacks("never run");
    run(&["run"]).code(0).stderr_has("(0 applied)");
    run(&["check"]).code(0);
    let rows = sqlite(&project.path("dev.db"), "SELECT name FROM SequelizeMeta");
    assert_eq!(rows, "2024.01.01T12.00.00.apple.sql");
}

#[test]
fn a_folder_that_does_not_tell_which_files_run_stops() {
    for (files, code, said) in [
        (&["1.up.sql", "2.sql"][..], 65, "depends on the glob"),
        (&["1.sql", "1.down.sql"], 65, "depends on the glob"),
        (&["1.sql", "2.js"], 78, "the command by which umzug applies the migrations here is not known"),
    ] {
        let project = files.iter().fold(Project::bare(), |project, file| {
            project.file(&format!("migrations/{file}"), "CREATE TABLE apple (id int);")
        });
        let output = project.doorstep("file:./dev.db", &["run", "--migration-format", "umzug"]).run().code(code);
        output.stderr_has(said).stderr_has("next: ");
    }
}

#[test]
fn a_history_with_times_is_continued_where_they_can_be_filled() {
    let database = Database::fresh();
    database.sql(
        "CREATE TABLE apple (id int); CREATE TABLE \"SequelizeMeta\" (name varchar(255) PRIMARY KEY, \
         \"createdAt\" timestamptz NOT NULL, \"updatedAt\" timestamptz NOT NULL); \
         INSERT INTO \"SequelizeMeta\" VALUES ('01_apple.sql', now(), now()), ('00_gone.js', now(), now())",
    );
    let project = Project::bare()
        .file("migrations/01_apple.sql", "CREATE TABLE apple (id int);")
        .file("migrations/02_pear.sql", "CREATE TABLE pear (id int);");
    let run = |url: &str, arguments: &[&str]| {
        project.doorstep(url, arguments).env("DOORSTEP_MIGRATION_FORMAT", "umzug").run()
    };
    run(&database.url(), &["run"]).code(0).stderr_has("(1 applied)");
    run(&database.url(), &["check"]).code(0);
    let rows = "SELECT name, \"createdAt\" <= now(), \"updatedAt\" <= now() FROM \"SequelizeMeta\" ORDER BY name";
    assert_eq!(database.sql(rows), "00_gone.js|t|t\n01_apple.sql|t|t\n02_pear.sql|t|t");

    project.write("dev.db", "");
    sqlite(
        &project.path("dev.db"),
        "CREATE TABLE SequelizeMeta (name varchar(255) PRIMARY KEY, createdAt datetime NOT NULL, updatedAt datetime NOT NULL)",
    );
    run("file:./dev.db", &["run"]).code(78).stderr_has("has the column createdAt").stderr_has("next: ");
}

#[test]
fn a_statement_that_refuses_a_transaction_runs_as_it_does_with_umzug() {
    let database = Database::fresh();
    let project = Project::bare()
        .file("migrations/01_apple.sql", "CREATE TABLE apple (id int);")
        .file("migrations/02_ix.sql", "CREATE INDEX CONCURRENTLY ix ON apple (id);\nINSERT INTO apple VALUES (1);");
    let call = project.doorstep(&database.url(), &["run", "--migration-format", "umzug"]);
    call.run().code(0).stderr_has("(2 applied)");
    assert_eq!(
        database.sql("SELECT indisvalid, (SELECT count(*) FROM apple) FROM pg_index WHERE indexrelid = 'ix'::regclass"),
        "t|1"
    );
    assert_eq!(database.sql("SELECT to_regclass('_doorstep_runs') IS NULL"), "t");
}

#[test]
fn on_mysql_the_table_is_sequelizes() {
    let database = MysqlDatabase::fresh();
    let project = Project::bare()
        .file("migrations/01_apple.up.sql", "CREATE TABLE apple (id int);\nINSERT INTO apple VALUES (1);")
        .file("migrations/01_apple.down.sql", "DROP TABLE apple;");
    let run = || project.doorstep(&database.url(), &["run", "--migration-format", "umzug"]).run();
    run().code(0).stderr_has("(1 applied)").stderr_has("umzug takes no lock");
    run().code(0).stderr_has("(0 applied)");
    assert_eq!(database.sql("SELECT name FROM SequelizeMeta"), "01_apple.up.sql");
    // As Sequelize 6.37 makes it, with mysql2 and with mariadb.
    let its = MysqlDatabase::fresh();
    its.sql(
        "CREATE TABLE IF NOT EXISTS `SequelizeMeta` (`name` VARCHAR(255) NOT NULL UNIQUE , PRIMARY KEY (`name`)) ENGINE=InnoDB \
         DEFAULT CHARSET=utf8 COLLATE utf8_unicode_ci;",
    );
    let shape = "SHOW CREATE TABLE SequelizeMeta";
    assert_eq!(database.sql(shape), its.sql(shape));
    its.sql("ALTER TABLE SequelizeMeta ADD createdAt datetime NOT NULL, ADD updatedAt datetime NOT NULL");
    let output = project.doorstep(&its.url(), &["run", "--migration-format", "umzug"]).run();
    output.code(78).stderr_has("has the column createdAt").stderr_has("next: ");
}
