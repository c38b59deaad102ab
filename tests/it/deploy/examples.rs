//! The examples: each demo runs from start to end, and its README shows what the demo prints.

use std::path::PathBuf;
use std::process::Command;

use crate::deploy::yaml::{documents, items};
use crate::support::snapshots::{assert_snapshot, redacted};
use crate::support::{Database, PASSWORD, Prisma, Project, binary, free_port, shared_port};

const EXAMPLES: [&str; 15] = [
    "backups",
    "blue-green",
    "broken-migration",
    "column-mapping",
    "fastapi-alembic",
    "four-services",
    "lint",
    "missing-indexes",
    "mysql",
    "plan",
    "repeatable",
    "sla-tables",
    "success-they-said",
    "tenants",
    "what-support-asks",
];

/// Those that show a command or a setting, and replay no incident.
const OF_COMMANDS: [&str; 8] =
    ["backups", "blue-green", "lint", "missing-indexes", "plan", "repeatable", "tenants", "what-support-asks"];

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
    let server = format!("postgresql://tools:{PASSWORD}@127.0.0.1:{}", shared_port());
    let mut demo = Command::new(folder(example).join("demo"));
    demo.env_clear().env("PATH", std::env::var("PATH").unwrap());
    for variable in ["PYTHON_HOME", "PRISMA_HOME", "REAL_TOOLS", "MYSQL_URL"] {
        demo.env(variable, std::env::var(variable).unwrap());
    }
    let output = demo.env("DOORSTEP", binary()).env("POSTGRES_URL", server).output().unwrap();
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
fn blue_green() {
    tells_its_story("blue-green");
}

#[test]
fn success_they_said() {
    tells_its_story("success-they-said");
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
fn tenants() {
    // No snapshot: its schemas are migrated at the same time, so the order of lines varies.
    tells_its_story("tenants");
}

#[test]
fn lint() {
    assert_snapshot!("examples/lint", tells_its_story("lint"));
}

#[test]
fn mysql() {
    // No snapshot: it prints times of the history.
    tells_its_story("mysql");
}

#[test]
fn plan() {
    // No snapshot: it prints sizes and the age of a transaction.
    tells_its_story("plan");
}

#[test]
fn backups() {
    // No snapshot: it prints the times of dumps.
    tells_its_story("backups");
}

#[test]
fn repeatable() {
    // No snapshot: it prints times of the history.
    tells_its_story("repeatable");
}

#[test]
fn what_support_asks() {
    tells_its_story("what-support-asks");
}

#[test]
fn missing_indexes() {
    tells_its_story("missing-indexes");
}

/// The schema of the README's first start; line 21 is where its next release adds a model.
const README_SCHEMA: &str = "datasource db {
  provider = \"postgresql\"
  url      = env(\"DATABASE_URL\")
  schemas  = [\"public\", \"financial\"]
}

model User {
  id    Int    @id @default(autoincrement())
  email String @unique

  @@schema(\"public\")
}

model Invoice {
  id    Int @id @default(autoincrement())
  total Int

  @@schema(\"financial\")
}

";
const README_MODEL: &str = "model SLAPolicy {
  id Int @id

  @@schema(\"public\")
}
";
const README_MIGRATION: &str = "
CREATE TABLE \"User\" (\"id\" SERIAL PRIMARY KEY, \"email\" TEXT NOT NULL);
CREATE UNIQUE INDEX \"User_email_key\" ON \"User\"(\"email\");
CREATE TABLE \"financial\".\"Invoice\" (\"id\" SERIAL PRIMARY KEY, \"total\" INTEGER NOT NULL);
";

/// What the README's demo prints, line by line, without the times of log lines.
fn readme_demo() -> Vec<String> {
    let database = Database::absent();
    let closed = free_port();
    let project = Project::new().migration("20260102090000_init", README_MIGRATION);
    project.write("prisma/schema.prisma", README_SCHEMA);
    project.write("server", "#!/bin/sh\necho \"listening on :8080\"\n");
    std::fs::set_permissions(project.path("server"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // The server comes up while doorstep waits: the URL's file names a closed port first.
    let unreachable = database.url().replace(&format!(":{}/", database.port), &format!(":{closed}/"));
    project.write("url", &unreachable);
    let start = || project.doorstep("", &["run", "--", "./server"]).env("DATABASE_URL_FILE", "url");

    let mut first = start().spawn();
    let waiting = first.until_stderr("connection refused");
    project.write("url.new", &database.url());
    std::fs::rename(project.path("url.new"), project.path("url")).unwrap();
    let first = first.finish("run").code(0);

    project.write("prisma/schema.prisma", &format!("{README_SCHEMA}{README_MODEL}"));
    let second = start().run().code(3);

    let mut said =
        [waiting, first.stderr, first.stdout, second.stderr, second.stdout, "(exit code 3)".to_owned()].concat();
    for port in [closed, database.port] {
        said = said.replace(&format!("127.0.0.1:{port}/{}", database.name), "db:5432/shop");
    }
    // PostgreSQL 15.18 (Debian 15.18-0+deb12u1) at …: the packager's suffix is not part of every server's version.
    if let Some(suffix) = said.split_once(" (Debian ").and_then(|(_, rest)| Some(rest.split_once(')')?.0.to_owned())) {
        said = said.replace(&format!(" (Debian {suffix})"), "");
    }
    // 2026-11-21T09:00:00.012Z INFO …
    let without_time = |line: &str| match line.split_once(' ') {
        Some((time, rest)) if time.ends_with('Z') && time.starts_with("20") => rest.to_owned(),
        _ => line.to_owned(),
    };
    said.lines().map(without_time).collect()
}

/// Words that begin with a digit (durations, versions, addresses) differ from run to run. Names of migrations and the exit
/// code do not.
fn shape(line: &str) -> String {
    if line.starts_with("(exit code ") {
        return line.to_owned();
    }
    let masked = |word: &str| {
        let number = word.trim_end_matches([')', ',', ':']);
        let is_number = number.starts_with(|c: char| c.is_ascii_digit()) && !number.contains('_');
        if is_number { format!("N{}", &word[number.len()..]) } else { word.to_owned() }
    };
    line.split(' ').map(masked).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_readme_shows_what_doorstep_prints() {
    let readme = std::fs::read_to_string(folder("../README.md")).unwrap();
    let blocks = readme.split("```").skip(1).step_by(2).filter_map(|block| block.strip_prefix("console\n"));
    let demo = blocks.filter(|block| block.starts_with("$ doorstep run -- ./server\n")).flat_map(str::lines);
    let wanted: Vec<String> = demo.filter(|line| !line.starts_with("$ ")).map(shape).collect();
    let printed: Vec<String> = readme_demo().iter().map(|line| shape(line)).collect();
    let is_equal =
        wanted.len() == printed.len() && printed.iter().zip(&wanted).all(|(line, wanted)| is_like(line, wanted));
    assert!(is_equal, "README.md shows\n{}\n\nand doorstep prints\n{}", wanted.join("\n"), printed.join("\n"));
}

#[test]
fn every_example_with_a_demo_is_tested_and_whole() {
    let entries = std::fs::read_dir(folder("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut found: Vec<String> = entries.filter(|name| folder(name).join("demo").exists()).collect();
    found.sort();
    assert_eq!(found, EXAMPLES);
    let (readme, list) = (read("..", "README.md"), read("", "README.md"));
    for example in EXAMPLES {
        assert!(list.contains(&format!("[{example}]({example}/)")), "examples/README.md lacks {example}");
        if OF_COMMANDS.contains(&example) {
            continue;
        }
        // Of the tools there is no image: that example runs here only.
        let is_incident = example != "success-they-said";
        assert!(!is_incident || read(example, "compose.yaml").contains("doorstep, run, --"), "{example}");
        assert!(readme.contains(&format!("(examples/{example}/)")), "README.md lacks {example}");
    }
}

#[test]
fn what_the_compose_files_name_is_there() {
    for example in EXAMPLES.iter().filter(|example| folder(example).join("compose.yaml").exists()) {
        let compose = documents(&read(example, "compose.yaml")).remove(0);
        let services = compose["services"].as_object().unwrap();
        for (name, service) in services {
            for needed in service["depends_on"].as_object().into_iter().flatten() {
                assert!(services.contains_key(needed.0), "{example}: {name} depends on {}", needed.0);
            }
            for volume in items(service, "volumes") {
                let source = volume.as_str().unwrap().split(':').next().unwrap();
                let known = compose["volumes"].as_object().is_some_and(|volumes| volumes.contains_key(source));
                assert!(known || folder(example).join(source).exists(), "{example}: {name}: {source}");
            }
            // The account, password and database of a URL are those that the server's image makes.
            let Some(url) = service["environment"]["DATABASE_URL"].as_str() else { continue };
            let (account, place) = url.split_once("://").unwrap().1.split_once('@').unwrap();
            let (user, password) = account.split_once(':').unwrap();
            let (host, database) = place.split_once('/').unwrap();
            let server = &services[host.split(':').next().unwrap()]["environment"];
            let made: Vec<&str> = server.as_object().unwrap().values().filter_map(|value| value.as_str()).collect();
            let own_roles = folder(example).join("database/roles.sql").exists();
            for word in [user, password, database.split('?').next().unwrap()] {
                assert!(own_roles || made.contains(&word), "{example}: {name}: {word}");
            }
        }
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
