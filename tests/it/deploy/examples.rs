//! The examples: each demo runs from start to end, and its README shows what the demo prints.

use std::path::PathBuf;
use std::process::Command;

use crate::support::snapshots::{assert_snapshot, redacted};
use crate::support::{BINARY, Database, PASSWORD, Prisma, Project, shared_port};

const EXAMPLES: [&str; 5] = ["broken-migration", "column-mapping", "fastapi-alembic", "four-services", "sla-tables"];

fn folder(example: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples").join(example)
}

fn read(example: &str, file: &str) -> String {
    std::fs::read_to_string(folder(example).join(file)).unwrap()
}

/// Runs the demo and holds the README against what it printed: every line of a `console` block stands there, in this
/// order. `…` stands for anything. Returns what the demo printed, for a snapshot of the whole.
#[track_caller]
fn tells_its_story(example: &str) -> String {
    let server = format!("postgresql://postgres:{PASSWORD}@127.0.0.1:{}", shared_port());
    let mut demo = Command::new(folder(example).join("demo"));
    demo.env_clear().env("PATH", std::env::var("PATH").unwrap());
    demo.env("PYTHON_HOME", std::env::var("PYTHON_HOME").unwrap());
    let output = demo.env("DOORSTEP", BINARY).env("POSTGRES_URL", server).output().unwrap();
    let (said, complaint) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{said}\n{complaint}");

    let readme = read(example, "README.md");
    let blocks = readme.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("console\n"));
    let (mut lines, mut shown) = (said.lines(), 0);
    for wanted in blocks.flat_map(str::lines).filter(|line| !line.trim().is_empty()) {
        assert!(
            lines.any(|line| is_like(line, wanted)),
            "README.md shows what the demo does not print:\n{wanted}\n\n{said}"
        );
        shown += 1;
    }
    assert!(shown > 10, "README.md shows {shown} lines");
    redacted(&said)
}

fn is_like(line: &str, wanted: &str) -> bool {
    let mut pieces = wanted.split('…');
    let Some(rest) = pieces.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let rest = pieces.try_fold(rest, |rest, piece| rest.find(piece).map(|at| &rest[at + piece.len()..]));
    rest.is_some_and(|rest| rest.is_empty() || wanted.ends_with('…'))
}

#[test]
fn sla_tables() {
    assert_snapshot!("examples/sla-tables", tells_its_story("sla-tables"));
}

#[test]
fn broken_migration() {
    assert_snapshot!("examples/broken-migration", tells_its_story("broken-migration"));
}

#[test]
fn column_mapping() {
    assert_snapshot!("examples/column-mapping", tells_its_story("column-mapping"));
}

#[test]
fn fastapi_alembic() {
    // No snapshot: its services start at the same time, so the order of lines varies.
    tells_its_story("fastapi-alembic");
}

#[test]
fn four_services() {
    // No snapshot: its services start at the same time, so the order of lines varies.
    tells_its_story("four-services");
}

#[test]
fn every_example_with_a_demo_is_tested_and_whole() {
    let entries = std::fs::read_dir(folder("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<String> = entries.filter(|name| folder(name).join("demo").exists()).collect();
    found.sort();
    assert_eq!(found, EXAMPLES);
    let readme = std::fs::read_to_string(folder("../README.md")).unwrap();
    for example in EXAMPLES {
        assert!(read(example, "compose.yaml").contains("doorstep, run, --"), "{example}");
        assert!(readme.contains(&format!("(examples/{example}/)")), "README.md lacks {example}");
    }
}

#[test]
fn the_broken_statement_stands_where_the_report_has_it() {
    let sql = read("broken-migration", "prisma/migrations/20241223_align_schema_with_production/migration.sql");
    let lines: Vec<&str> = sql.lines().collect();
    assert!(lines[201].starts_with("UPDATE \"onboarding_states\" os") && lines[205].ends_with("IS NULL;"));
    assert_eq!((lines[196], lines[197]), (lines[198], "-- 6. Backfill"));
}

#[test]
fn the_real_prisma_sees_nothing_pending_in_the_old_data_directory() {
    let database = Database::fresh();
    let mut project = Project::new();
    for file in ["prisma/schema.prisma", "prisma/migrations/20240129000000_init/migration.sql"] {
        project = project.file(file, &read("sla-tables", file));
    }
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let output = project.prisma(Prisma::Six, &database.url(), &["migrate", "deploy"]).run().code(0);
    output.stdout_has("No pending migrations to apply.");
}
