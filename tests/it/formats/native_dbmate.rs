//! dbmate's folders, applied as dbmate does: the recorded runs of dbmate beside doorstep's, and its history continued.

use crate::formats::recorded::{Bench, Case, Left, cases};
use crate::support::{Database, Doorstep, Project, until};

/// Where doorstep differs by design: what it ends with, the tables it leaves, and why.
const DEVIATIONS: &[(&str, &[bool], &[&str], &str)] = &[
    ("dbmate-golang-table", &[false], &[], "dbmate takes golang-migrate's versions for its own"),
    ("dbmate-ecto-table", &[false], &[], "dbmate takes Ecto's versions for its own"),
    ("dbmate-dup-version", &[false, false], &[], "dbmate never runs the second file of a version"),
    ("dbmate-odd-names", &[false], &[], "it has two files of the version 1 and two of 3; nothing is half applied"),
    (
        "dbmate-two-sections",
        &[true, true],
        &["apple", "pear", "plum"],
        "dbmate 2.36 loses the second section; here both run with the one row, as in 2.37",
    ),
    (
        "dbmate-concurrently-two-statements",
        &[true],
        &["apple"],
        "dbmate sends both statements in one message, which PostgreSQL refuses; here they run one after the other",
    ),
    (
        "dbmate-search-path-set",
        &[true, true],
        &["alt.apple"],
        "dbmate looks for its table along the path that the file has set",
    ),
    (
        "dbmate-own-begin-commit-whole",
        &[true, true],
        &["apple"],
        "dbmate fails at its own COMMIT after all was kept and recorded; BEGIN and COMMIT are left out here",
    ),
];

/// Options of dbmate's command that doorstep does not have.
const SKIPPED: &[(&str, &str)] = &[("dbmate-strict-text", "dbmate up --strict is an option of its command")];

fn folder(case: &Case) -> &'static str {
    let files = case.field("files").as_object().unwrap();
    if files.keys().any(|path| path.starts_with("m/")) { "m" } else { "db/migrations" }
}

fn doorstep(case: &Case, bench: &Bench, step: &str) -> Doorstep {
    let parameter = if step.ends_with("search_path") { "?search_path=alt" } else { "" };
    let url = bench.url() + parameter;
    let arguments = ["migrate", "--migrations", folder(case), "--migration-format", "dbmate"];
    let call = bench.project.doorstep(&url, &arguments);
    match case.env("DBMATE_MIGRATIONS_TABLE") {
        Some(table) => call.env("DBMATE_MIGRATIONS_TABLE", table),
        None => call,
    }
}

fn versions(bench: &Bench) -> Vec<String> {
    match bench.has("schema_migrations") {
        true => bench.lines("SELECT CAST(version AS text) FROM schema_migrations ORDER BY 1"),
        false => Vec::new(),
    }
}

fn recorded_versions(case: &Case) -> Option<Vec<String>> {
    let rows = case.field("rows").as_array()?;
    let text = |row: &serde_json::Value| row[0].as_str().map_or_else(|| row[0].to_string(), str::to_owned);
    Some(rows.iter().map(text).collect())
}

#[test]
fn doorstep_does_what_dbmate_did() {
    let (mut wrong, mut agreed, mut deviated) = (Vec::new(), 0, 0);
    for case in cases("dbmate") {
        if SKIPPED.iter().any(|(id, _)| *id == case.id()) {
            continue;
        }
        let bench = case.bench();
        if case.has_step("up search_path") {
            bench.sql("CREATE SCHEMA alt");
        }
        let mut texts = Vec::new();
        let succeeded = case.steps(&bench, |step| {
            let output = doorstep(&case, &bench, step).run();
            texts.push(output.stderr.clone());
            output.code == Some(0)
        });
        let hidden = ["schema_migrations", "alt.schema_migrations"];
        let left = Left { succeeded, rows: versions(&bench), tables: bench.tables(&hidden) };
        let its = Left {
            succeeded: case.succeeded(),
            rows: recorded_versions(&case).unwrap_or_else(|| left.rows.clone()),
            tables: case.tables(),
        };
        match DEVIATIONS.iter().find(|(id, ..)| *id == case.id()) {
            Some((_, succeeded, tables, _)) => {
                deviated += 1;
                if left.succeeded != *succeeded || left.tables != *tables || left == its {
                    wrong.push(format!("{} deviates as {left:?}: {texts:?}", case.id()));
                }
            }
            None if left == its => agreed += 1,
            None => wrong.push(format!("{}: dbmate {its:?}\n  doorstep {left:?}\n  {texts:?}", case.id())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((agreed, deviated, SKIPPED.len(), DEVIATIONS.len()), (91, 8, 1, 8));
}
