//! diesel's folders, applied as diesel does: the recorded runs of diesel_migrations beside doorstep's, and its history
//! continued.

use crate::formats::recorded::{Bench, Case, Left, cases};
use crate::support::{Database, Project, sqlite};

/// Where doorstep differs by design: whether its steps succeed, its versions and tables, and why.
type Deviation = (&'static str, &'static [bool], &'static [&'static str], &'static [&'static str], &'static str);

const DEVIATIONS: &[Deviation] = &[
    ("diesel-odd-names", &[false], &[], &[], "_f and --_n have one version, and diesel never runs one of them"),
    ("diesel-dup-version", &[false, false], &[], &[], "diesel never runs one of two folders of a version"),
    ("diesel-dup-version-dash", &[false, false], &[], &[], "diesel never runs one of two folders of a version"),
    (
        "diesel-concurrently-two-notx",
        &[true],
        &["1"],
        &["apple"],
        "diesel sends both statements in one message, which PostgreSQL refuses; here they run one after the other",
    ),
    (
        "diesel-own-begin-commit",
        &[true],
        &["1"],
        &["apple"],
        "diesel fails at its own COMMIT after all was kept and recorded; BEGIN and COMMIT are left out here",
    ),
    (
        "diesel-search-path-reset",
        &[true, true],
        &["1"],
        &["apple"],
        "diesel looks for its table along the path that the file has set",
    ),
    ("diesel-find-env", &[true], &["1"], &["apple"], "the library does not read MIGRATION_DIRECTORY, diesel's command does"),
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
    let (mut wrong, mut agreed, mut deviated) = (Vec::new(), 0, 0);
    for case in cases("diesel") {
        let (bench, mut texts) = (case.bench(), Vec::new());
        let succeeded = case.steps(&bench, |step| {
            let mut arguments = vec!["migrate", "--migration-format", "diesel"];
            if step != "find" {
                arguments.extend(["--migrations", "migrations"]);
            }
            let call = bench.project.doorstep(&bench.url(), &arguments);
            let call = match case.env("MIGRATION_DIRECTORY") {
                Some(folder) => call.env("MIGRATION_DIRECTORY", folder),
                None => call,
            };
            let output = call.run();
            texts.push(output.stderr.clone());
            output.code == Some(0)
        });
        let mut rows = versions(&bench);
        rows.sort();
        let left = Left { succeeded, rows, tables: bench.tables(&["__diesel_schema_migrations"]) };
        let its = Left { succeeded: case.succeeded(), rows: recorded_versions(&case), tables: case.tables() };
        match DEVIATIONS.iter().find(|(id, ..)| *id == case.id()) {
            Some((_, succeeded, rows, tables, _)) => {
                deviated += 1;
                let rows: Vec<String> = rows.iter().map(|row| format!("={row}")).collect();
                if left.succeeded != *succeeded || left.rows != rows || left.tables != *tables || left == its {
                    wrong.push(format!("{} deviates as {left:?}: {texts:?}", case.id()));
                }
            }
            None if left == its => agreed += 1,
            None => wrong.push(format!("{}: diesel {its:?}\n  doorstep {left:?}\n  {texts:?}", case.id())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((agreed, deviated, DEVIATIONS.len()), (41, 7, 7));
}
