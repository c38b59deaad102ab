//! diesel's folders, applied as diesel does: the recorded runs of diesel_migrations beside doorstep's, and its history
//! continued.

use crate::formats::recorded::{Bench, Case, Deviation, Left, cases, compare};
use crate::support::{Database, Project, sqlite};

/// Where doorstep differs by design.
const DEVIATIONS: &[Deviation] = &[
    Deviation {
        case: "diesel-odd-names",
        succeeded: &[false],
        rows: Some(&[]),
        tables: &[],
        why: "_f and --_n have one version, and diesel never runs one of them",
    },
    Deviation {
        case: "diesel-dup-version",
        succeeded: &[false, false],
        rows: Some(&[]),
        tables: &[],
        why: "diesel never runs one of two folders of a version",
    },
    Deviation {
        case: "diesel-dup-version-dash",
        succeeded: &[false, false],
        rows: Some(&[]),
        tables: &[],
        why: "diesel never runs one of two folders of a version",
    },
    Deviation {
        case: "diesel-concurrently-two-notx",
        succeeded: &[true],
        rows: Some(&["=1"]),
        tables: &["apple"],
        why: "diesel sends both statements in one message, which PostgreSQL refuses; here they run one after the other",
    },
    Deviation {
        case: "diesel-own-begin-commit",
        succeeded: &[true],
        rows: Some(&["=1"]),
        tables: &["apple"],
        why: "diesel fails at its own COMMIT after all was kept and recorded; BEGIN and COMMIT are left out here",
    },
    Deviation {
        case: "diesel-search-path-reset",
        succeeded: &[true, true],
        rows: Some(&["=1"]),
        tables: &["apple"],
        why: "diesel looks for its table along the path that the file has set",
    },
    Deviation {
        case: "diesel-find-env",
        succeeded: &[true],
        rows: Some(&["=1"]),
        tables: &["apple"],
        why: "the library does not read MIGRATION_DIRECTORY, diesel's command does",
    },
];

fn versions(bench: &Bench) -> Vec<String> {
    match bench.has("__diesel_schema_migrations") {
        true => bench.lines("SELECT '=' || CAST(version AS text) FROM __diesel_schema_migrations ORDER BY 1"),
        false => Vec::new(),
    }
}

fn recorded_versions(case: &Case) -> Vec<String> {
    let rows = case.field("rows").as_array().into_iter().flatten();
    let mut versions: Vec<String> = rows.map(|row| format!("={}", row[0].as_str().unwrap())).collect();
    versions.sort();
    versions
}

#[test]
fn doorstep_does_what_diesel_did() {
    compare("diesel", &[], DEVIATIONS, |case| {
        let bench = case.bench();
        let (succeeded, said) = case.migrated(&bench, |step| {
            let mut arguments = vec!["migrate", "--migration-format", "diesel"];
            if step != "find" {
                arguments.extend(["--migrations", "migrations"]);
            }
            let call = bench.project.doorstep(&bench.url(), &arguments);
            match case.env("MIGRATION_DIRECTORY") {
                Some(folder) => call.env("MIGRATION_DIRECTORY", folder),
                None => call,
            }
        });
        let mut rows = versions(&bench);
        rows.sort();
        let left = Left { succeeded, rows, tables: bench.tables(&["__diesel_schema_migrations"]) };
        let its = Left { succeeded: case.succeeded(), rows: recorded_versions(case), tables: case.tables() };
        (left, its, said)
    });
}

const APPLE: &str = "CREATE TABLE apple (id int);";

#[test]
fn a_folder_is_recognised_where_diesel_looks_and_the_way_back_never_runs() {
    for (place, beside, variable) in [
        ("migrations", ("README.md", ""), None),
        ("db/steps", ("diesel.toml", "[migrations_directory]\ndir = \"db/steps\"\n"), None),
        ("db/steps", ("conf/d.toml", "[migrations_directory]\ndir = \"../db/steps\"\n"), Some("DIESEL_CONFIG_FILE")),
        ("db/steps", ("README.md", ""), Some("MIGRATION_DIRECTORY")),
    ] {
        let path = format!("{place}/2024-01-01-000000_apple");
        let project = Project::bare()
            .file(&format!("{path}/up.sql"), APPLE)
            .file(&format!("{path}/down.sql"), "DROP TABLE apple; DROP TABLE nothing;")
            .file(beside.0, beside.1);
        let run = |arguments: &[&str]| {
            let call = project.doorstep("file:./dev.db", arguments);
            match variable {
                Some("DIESEL_CONFIG_FILE") => call.env("DIESEL_CONFIG_FILE", beside.0).run(),
                Some(variable) => call.env(variable, place).run(),
                None => call.run(),
            }
        };
        run(&["run"]).code(0).stderr_has("(1 applied)").stderr_has("WARN  migrate: diesel takes no lock");
        run(&["run"]).code(0).stderr_has("(0 applied)");
        run(&["status"]).code(0).stdout_has("2024-01-01-000000_apple  applied").stdout_has(": current (");
        let rows = sqlite(&project.path("dev.db"), "SELECT version FROM __diesel_schema_migrations");
        assert_eq!(rows, "20240101000000", "{place}");
    }
    let broken = Project::bare().file("diesel.toml", "[migrations_directory]\ndir = 1\n");
    broken.doorstep("file:./dev.db", &["run"]).run().code(78).stderr_has("diesel.toml: ").stderr_has("next: ");
    // Hasura has such folders, too.
    let hasura = Project::bare().file("migrations/1693400000000_apple/up.sql", APPLE);
    let output = hasura.doorstep("file:./dev.db", &["run"]).run().code(78);
    output.stderr_has("diesel (NAME/up.sql) or Hasura (NAME/up.sql)").stderr_has("migration_format = diesel");
    let call = hasura.doorstep("file:./dev.db", &["run", "--migration-format", "diesel"]);
    call.run().code(0).stderr_has("(1 applied)");
    hasura.doorstep("file:./dev.db", &["run"]).run().code(0).stderr_has("(0 applied)");
}

#[test]
fn a_history_that_diesel_made_is_continued() {
    let plain = cases("diesel").into_iter().find(|case| case.id() == "diesel-plain").unwrap();
    let database = Database::fresh();
    database.sql(plain.field("history_ddl").as_str().unwrap());
    database.sql(&format!("{APPLE} INSERT INTO __diesel_schema_migrations (version) VALUES ('20240101000000'), ('9')"));
    let project = Project::bare()
        .file("migrations/2024-01-01-000000_apple/up.sql", APPLE)
        .file("migrations/2024-01-02-000000_pear/up.sql", "CREATE TABLE pear (id int);");
    let run = |arguments: &[&str]| project.doorstep(&database.url(), arguments).run();
    // A version without a folder concerns diesel as little as it does doorstep.
    let status = run(&["status"]).code(0).stdout_has("2024-01-01-000000_apple  applied");
    status.stdout_has("2024-01-02-000000_pear   pending").stdout_has("9  ").stdout_has(": behind (");
    run(&["check"]).code(1);
    run(&["run"]).code(0).stderr_has("(1 applied)");
    let rows =
        "SELECT version, run_on <= localtimestamp FROM __diesel_schema_migrations ORDER BY version COLLATE \"C\"";
    assert_eq!(database.sql(rows), "20240101000000|t\n20240102000000|t\n9|t");
    // One that is older than what is applied runs, as with diesel.
    project.write("migrations/2024-01-01-120000_fig/up.sql", "CREATE TABLE fig (id int);");
    run(&["run"])
        .code(0)
        .stderr_has("older than what is applied already: 2024-01-01-120000_fig")
        .stderr_has("(1 applied)");
}

#[test]
fn the_same_table_may_have_another_name() {
    let database = Database::fresh();
    let project = Project::bare().file("migrations/1_apple/up.sql", APPLE);
    project.doorstep(&database.url(), &["run", "--history-table", "hist.done"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT version FROM hist.done"), "1");
}

#[test]
fn metadata_that_says_something_else_than_it_means_is_named() {
    for (text, warning) in [
        ("run-in-transaction = true\n", "does not have the key run_in_transaction"),
        ("run_in_transaction = \"false\"\n", "diesel cannot read it"),
    ] {
        let project =
            Project::bare().file("migrations/1_apple/up.sql", APPLE).file("migrations/1_apple/metadata.toml", text);
        let output = project.doorstep("file:./dev.db", &["run"]).run().code(0).stderr_has("(1 applied)");
        output.stderr_has("migrations/1_apple/metadata.toml: ").stderr_has(warning);
    }
}
