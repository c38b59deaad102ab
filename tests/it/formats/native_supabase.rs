//! Folders of the Supabase CLI, applied as it does: its recorded runs beside doorstep's, and its history continued.

use crate::formats::recorded::{Bench, Case, Deviation, Left, compare};
use crate::support::{Database, Doorstep, Project};

/// Where doorstep differs by design.
const DEVIATIONS: &[Deviation] = &[];

const TABLE: &str = "supabase_migrations.schema_migrations";

fn doorstep(bench: &Bench, step: &str) -> Doorstep {
    let run = |arguments: &[&str]| bench.project.doorstep(&bench.url(), arguments);
    let call = match step.strip_prefix("migration repair ") {
        Some(rest) => {
            let version = rest.split(' ').next().unwrap();
            let files = std::fs::read_dir(bench.project.path("supabase/migrations")).unwrap();
            let mut names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
            let file = names.find(|name| name.starts_with(version)).unwrap();
            run(&["resolve", "--applied", file.strip_suffix(".sql").unwrap()])
        }
        None if step.ends_with("all") => run(&["migrate", "--out-of-order", "apply"]),
        None => run(&["migrate"]),
    };
    call.env("DOORSTEP_MIGRATION_FORMAT", "supabase")
}

fn rows(bench: &Bench) -> Vec<String> {
    let sql = format!(
        "SELECT to_jsonb(ARRAY[to_jsonb(version), to_jsonb(name), to_jsonb(statements)]) FROM {TABLE} ORDER BY version"
    );
    if bench.has(TABLE) { bench.lines(&sql).iter().map(|row| normal(row)).collect() } else { Vec::new() }
}

fn normal(row: &str) -> String {
    serde_json::from_str::<serde_json::Value>(row).unwrap().to_string()
}

fn recorded_rows(case: &Case) -> Vec<String> {
    let rows = case.field("rows").as_array();
    rows.into_iter().flatten().map(ToString::to_string).collect()
}

#[test]
fn doorstep_does_what_the_supabase_cli_did() {
    compare("supabase", &[], DEVIATIONS, |case| {
        let bench = case.bench();
        // A folder that is empty but for sub-folders.
        std::fs::create_dir_all(bench.project.path("supabase/migrations")).unwrap();
        let (succeeded, said) = case.migrated(&bench, |step| doorstep(&bench, step));
        let left = Left { succeeded, rows: rows(&bench), tables: bench.tables(&[TABLE]) };
        let its = Left { succeeded: case.succeeded(), rows: recorded_rows(case), tables: case.tables() };
        (left, its, said)
    });
}

#[test]
fn migrations_that_the_project_has_turned_off_stop_the_start() {
    let config = "project_id = \"app\"\n[db.migrations]\nenabled = false\n";
    let project = apple().file("supabase/config.toml", config);
    let database = Database::fresh();
    let run =
        |arguments: &[&str]| project.doorstep(&database.url(), arguments).env("DOORSTEP_MIGRATION_FORMAT", "supabase");
    let told = "supabase/config.toml: db.migrations.enabled is false";
    run(&["migrate"]).run().code(78).stderr_has(told).stderr_has("next: set it to true").stderr_has("--migrate off");
    run(&["run", "--migrate", "off"]).run().code(0);
    assert_eq!(database.sql("SELECT to_regclass('apple') IS NULL"), "t");
    run(&["migrate"]).env("SUPABASE_DB_MIGRATIONS_ENABLED", "true").run().code(0).stderr_has("(1 applied)");
    project.write("supabase/config.toml", &config.replace("false", "true"));
    run(&["migrate"]).run().code(0).stderr_has("(0 applied)");
    run(&["migrate"]).env("SUPABASE_DB_MIGRATIONS_ENABLED", "0").run().code(78).stderr_has("MIGRATIONS_ENABLED: ");
    project.write("supabase/config.toml", &config.replace("false", "\"env(ON)\""));
    run(&["migrate"]).run().code(78).stderr_has("neither true nor false");
}

fn apple() -> Project {
    Project::bare().file("supabase/migrations/20240101000000_apple.sql", "CREATE TABLE apple (id int);\n")
}

#[test]
fn the_folder_is_known_by_its_place() {
    let database = Database::fresh();
    let project = apple();
    let run = |arguments: &[&str]| project.doorstep(&database.url(), arguments).run();
    run(&["run"]).code(0).stderr_has("(1 applied)").stderr_has("supabase takes no lock");
    run(&["run", "--migrations", "supabase/migrations"]).code(0).stderr_has("(0 applied)");
    run(&["status"]).code(0).stdout_has("20240101000000_apple  applied").stdout_has(": current (");
    // Elsewhere, files with digits are plain SQL's as well, and the history in the database says whose they are.
    let project = Project::bare()
        .file("migrations/20240101000000_apple.sql", "CREATE TABLE apple (id int);\n")
        .file("supabase/config.toml", "project_id = \"t\"\n");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(0 applied)");
    let output = project.doorstep(&Database::fresh().url(), &["run"]).run().code(78);
    output.stderr_has("Supabase CLI").stderr_has("migration_format = sql or supabase");
}

#[test]
fn a_table_that_an_old_cli_made_is_continued_in_its_shape() {
    for (columns, expected) in [
        ("version text NOT NULL PRIMARY KEY", "20240101000000\n20240102000000"),
        (
            "version text NOT NULL PRIMARY KEY, statements text[], name text, created_by text",
            "20240101000000|||\n20240102000000|{\"CREATE TABLE pear (id int)\"}|pear|",
        ),
    ] {
        let database = Database::fresh();
        database.sql(&format!("CREATE SCHEMA supabase_migrations; CREATE TABLE {TABLE} ({columns})"));
        database.sql(&format!("INSERT INTO {TABLE} (version) VALUES ('20240101000000'); CREATE TABLE apple (id int)"));
        let project = apple().file("supabase/migrations/20240102000000_pear.sql", "CREATE TABLE pear (id int);\n");
        let run = |arguments: &[&str]| project.doorstep(&database.url(), arguments).run();
        run(&["status"]).code(0).stdout_has("20240101000000_apple  applied").stdout_has(": behind (");
        run(&["run"]).code(0).stderr_has("(1 applied)");
        run(&["check"]).code(0);
        assert_eq!(database.sql(&format!("SELECT * FROM {TABLE} ORDER BY version")), expected);
    }
}

#[test]
fn what_precedes_an_applied_migration_runs_only_when_told_to() {
    let database = Database::fresh();
    let project = Project::bare().file("supabase/migrations/2_pear.sql", "CREATE TABLE pear (id int);\n");
    let run = |arguments: &[&str]| project.doorstep(&database.url(), arguments).run();
    run(&["run"]).code(0);
    project.write("supabase/migrations/1_apple.sql", "CREATE TABLE apple (id int);\n");
    run(&["run"]).code(65).stderr_has("1_apple").stderr_has("next: run them with --out-of-order apply");
    assert_eq!(database.sql("SELECT to_regclass('apple') IS NULL"), "t");
    run(&["run", "--out-of-order", "apply"]).code(0).stderr_has("(1 applied)");
    std::fs::remove_file(project.path("supabase/migrations/2_pear.sql")).unwrap();
    run(&["run"]).code(65).stderr_has("applied, but not in the folder: 2_pear");
}

#[test]
fn what_the_cli_cannot_do_or_would_lose_is_refused() {
    let database = Database::fresh();
    let project = apple().file("supabase/migrations/20240101000000_pear.sql", "CREATE TABLE pear (id int);\n");
    let run = |url: &str| project.doorstep(url, &["run"]).run();
    run(&database.url()).code(65).stderr_has("20240101000000_pear.sql; the Supabase CLI records one of them");
    run("file:./dev.db").code(78).stderr_has("PostgreSQL only");
    let down = "CREATE TABLE pear (id int);\n-- migrate:down\nDROP TABLE pear;\n";
    let project = apple().file("supabase/migrations/20240102000000_pear.sql", &format!("-- migrate:up\n{down}"));
    project.doorstep(&database.url(), &["run"]).run().code(65).stderr_has("it has marks of dbmate");
    assert_eq!(database.sql("SELECT to_regclass('apple') IS NULL"), "t");
}

#[test]
fn the_table_has_the_name_of_the_setting() {
    let database = Database::fresh();
    let project = apple();
    for applied in ["(1 applied)", "(0 applied)"] {
        let call = project.doorstep(&database.url(), &["run", "--history-table", "hist.done"]);
        call.run().code(0).stderr_has(applied);
    }
    assert_eq!(database.sql("SELECT version, name FROM hist.done"), "20240101000000|apple");
    database.sql("CREATE TABLE public.go (version bigint PRIMARY KEY, dirty boolean NOT NULL)");
    let output = project.doorstep(&database.url(), &["run", "--history-table", "public.go"]).run().code(78);
    output.stderr_has("column dirty");
}
