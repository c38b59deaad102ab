//! refinery's folders, applied as refinery does: the recorded runs of refinery beside doorstep's, and its history continued.

use crate::formats::recorded::{Bench, Case, Deviation, Left, cases, compare};
use crate::support::{Database, Project, sqlite};

const TWICE: &str = "refinery runs both files of a version, and keeps the second one without a row";

/// Where doorstep differs by design.
const DEVIATIONS: &[Deviation] = &[
    Deviation {
        case: "refinery-dup-version-same-name-dirs",
        succeeded: &[false],
        rows: Some(&[]),
        tables: &[],
        why: TWICE,
    },
    Deviation { case: "refinery-dup-version-uv", succeeded: &[false, false], rows: Some(&[]), tables: &[], why: TWICE },
    Deviation {
        case: "refinery-concurrently",
        succeeded: &[false],
        rows: Some(&[]),
        tables: &[],
        why: "refinery fails at the second file; here a file that cannot run stops before the first one",
    },
    Deviation {
        case: "refinery-search-path-set",
        succeeded: &[true, true],
        rows: Some(&["1|a|"]),
        tables: &["alt.apple"],
        why: "refinery keeps the file, looks for its table along the path that the file has set, and fails for ever",
    },
];

/// What the program around refinery's library can be told, and doorstep not.
const SKIPPED: &[(&str, &str)] = &[
    ("refinery-fail-grouped", "set_grouped is an option of the library"),
    ("refinery-abort-missing-off", "set_abort_missing(false) is an option of the library"),
    ("refinery-abort-missing-off-v-lower", "set_abort_missing(false) is an option of the library"),
    ("refinery-abort-divergent-off", "set_abort_divergent(false) is an option of the library"),
];

/// Version, name and checksum of each row.
fn rows(bench: &Bench) -> Vec<String> {
    match bench.has("refinery_schema_history") {
        true => bench.lines(
            "SELECT CAST(version AS text) || '|' || name || '|' || checksum FROM refinery_schema_history ORDER BY version",
        ),
        false => Vec::new(),
    }
}

fn recorded_rows(case: &Case) -> Vec<String> {
    let text =
        |row: &serde_json::Value| format!("{}|{}|{}", row[0], row[1].as_str().unwrap(), row[3].as_str().unwrap());
    case.field("rows").as_array().into_iter().flatten().map(text).collect()
}

#[test]
fn doorstep_does_what_refinery_did() {
    compare("refinery", SKIPPED, DEVIATIONS, |case| {
        let bench = case.bench();
        let (succeeded, said) = case.migrated(&bench, |_| case.doorstep(&bench, "refinery"));
        let left = Left { succeeded, rows: rows(&bench), tables: bench.tables(&["refinery_schema_history"]) };
        let its = Left { succeeded: case.succeeded(), rows: recorded_rows(case), tables: case.tables() };
        (left, its, said)
    });
}

const APPLE: &str = "CREATE TABLE apple (id int);";

#[test]
fn a_folder_is_recognised_by_what_refinery_alone_has_and_else_asks() {
    let folder = || Project::bare().file("migrations/V1__apple.sql", APPLE);
    for project in [
        folder().file("Cargo.toml", "[dependencies]\nrefinery = \"0.9\"\n"),
        folder().file("refinery.toml", "[main]\n"),
        folder().file("migrations/U2__pear.sql", "CREATE TABLE pear (id int);"),
    ] {
        project.doorstep("file:./dev.db", &["run"]).run().code(0).stderr_has("refinery takes no lock");
        project.doorstep("file:./dev.db", &["run"]).run().code(0).stderr_has("(0 applied)");
        let ddl = sqlite(&project.path("dev.db"), "SELECT sql FROM sqlite_master WHERE name LIKE 'refinery%'");
        assert!(ddl.contains("version int4 PRIMARY KEY"), "{ddl}");
    }
    // Flyway has such files, too.
    let output = folder().doorstep("file:./dev.db", &["run"]).run().code(78);
    output.stderr_has("Flyway (").stderr_has("refinery (").stderr_has("refinery").stderr_has("migration_format = ");
}

#[test]
fn a_history_that_refinery_made_is_continued_in_both_of_its_shapes() {
    let plain = cases("refinery").into_iter().find(|case| case.id() == "refinery-plain").unwrap();
    let narrow = plain.field("history_ddl").as_str().unwrap().to_owned();
    // The checksum of a version with 64 bits is another one.
    let (four, eight) = ("1459393547224997786", "7567865042636220382");
    for (ddl, sum, version_type) in
        [(narrow.clone(), four, "integer"), (narrow.replace("integer", "bigint"), eight, "bigint")]
    {
        let database = Database::fresh();
        database.sql(&ddl);
        database.sql(&format!(
            "CREATE TABLE t (id int); \
             INSERT INTO refinery_schema_history VALUES (1, 'initial', '2026-11-28T12:18:10.99496162Z', '{sum}')"
        ));
        let project = Project::bare()
            .file("migrations/V1__initial.sql", "CREATE TABLE t (id int);\n")
            .file("migrations/V12__add_col.sql", "ALTER TABLE t ADD c text;");
        let run = |arguments: &[&str]| {
            project.doorstep(&database.url(), arguments).env("DOORSTEP_MIGRATION_FORMAT", "refinery").run()
        };
        run(&["status"]).code(0).stdout_has("V1__initial   applied").stdout_has("V12__add_col  pending");
        run(&["run"]).code(0).stderr_has("(1 applied)");
        run(&["check"]).code(0);
        let added = if version_type == "bigint" { "3546462343166227518" } else { "3305551141918070182" };
        let row = database.sql(
            "SELECT pg_typeof(version), name, checksum, applied_on ~ '^[0-9-]{10}T[0-9:]{8}[.][0-9]+Z$' \
             FROM refinery_schema_history WHERE version = 12",
        );
        assert_eq!(row, format!("{version_type}|add_col|{added}|t"));
        // Another text under the same name.
        project.write("migrations/V1__initial.sql", "CREATE TABLE t (id bigint);\n");
        run(&["run"]).code(65).stderr_has("changed since they were applied: V1__initial").stderr_has("next: restore");
    }
}

#[test]
fn a_version_of_64_bits_needs_a_word_that_the_program_has_them() {
    let database = Database::fresh();
    let project = Project::bare().file("migrations/V20240101000000__apple.sql", APPLE);
    let run = |arguments: &[&str]| {
        project.doorstep(&database.url(), arguments).env("DOORSTEP_MIGRATION_FORMAT", "refinery").run()
    };
    let output = run(&["run"]).code(65).stderr_has("int8-versions").stderr_has("next: ");
    // The statement of the advice can be taken as it is.
    let from = output.stderr.find("CREATE TABLE refinery_schema_history").unwrap();
    let advice = &output.stderr[from..];
    database.sql(&advice[..advice.find("checksum VARCHAR(255))").unwrap() + "checksum VARCHAR(255))".len()]);
    run(&["run"]).code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT version, name FROM refinery_schema_history"), "20240101000000|apple");

    let database = Database::fresh();
    let cargo = "[dependencies]\nrefinery = { version = \"0.9\", features = [\"int8-versions\"] }\n";
    let project = Project::bare().file("Cargo.toml", cargo).file("migrations/V20240101000000__apple.sql", APPLE);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT pg_typeof(version) FROM refinery_schema_history"), "bigint");
}

#[test]
fn a_lower_version_that_never_ran_stops_unless_it_is_told_to_run() {
    let database = Database::fresh();
    let project = Project::bare()
        .file("migrations/V1__apple.sql", APPLE)
        .file("migrations/V3__fig.sql", "CREATE TABLE fig (id int);");
    let run = |arguments: &[&str]| {
        project.doorstep(&database.url(), arguments).env("DOORSTEP_MIGRATION_FORMAT", "refinery").run()
    };
    run(&["run"]).code(0);
    project.write("migrations/V2__pear.sql", "CREATE TABLE pear (id int);");
    let output = run(&["run"]).code(65).stderr_has("older than what is applied already: V2__pear");
    output.stderr_has("next: give them versions after the applied ones").stderr_has("--out-of-order apply");
    run(&["status"]).code(0).stdout_has("out of order").stdout_has(": behind (");
    run(&["check"]).code(1);
    run(&["run", "--out-of-order", "apply"]).code(0).stderr_has("(1 applied)");
    run(&["run"]).code(0).stderr_has("(0 applied)");
    assert_eq!(database.sql("SELECT version FROM refinery_schema_history ORDER BY 1"), "1\n2\n3");
}

#[test]
fn migrations_in_rust_are_left_to_their_program_and_links_are_followed_as_refinery_follows_them() {
    let project = Project::bare()
        .file("migrations/V1__apple.sql", APPLE)
        .file("migrations/mod.rs", "")
        .file("migrations/V2__pear.rs", "pub fn migration() -> String { String::new() }");
    let run = |project: &Project| project.doorstep("file:./dev.db", &["run", "--migration-format", "refinery"]).run();
    run(&project).code(78).stderr_has("V2__pear.rs").stderr_has("migrate_command");

    // As Kubernetes mounts a ConfigMap.
    let project = Project::bare().file("migrations/..2026_11_28/V1__apple.sql", APPLE);
    std::os::unix::fs::symlink("..2026_11_28", project.path("migrations/..data")).unwrap();
    std::os::unix::fs::symlink("..data/V1__apple.sql", project.path("migrations/V1__apple.sql")).unwrap();
    run(&project).code(0).stderr_has("(1 applied)").stderr_lacks("never run");
    run(&project).code(0).stderr_has("(0 applied)");
}
