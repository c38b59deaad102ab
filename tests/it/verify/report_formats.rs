//! The reports of `verify` for people, CI servers and GitHub: the snapshots in tests/snapshots/verify hold them
//! completely. What depends on a terminal, or on names that must be escaped, is tested in the report's unit tests.

use crate::support::snapshots::{Sections, assert_snapshot, redacted};
use crate::support::{Database, Doorstep, Project, binary, project_of_a_schema};

/// A database with every kind of difference that a report shows in its own way: tables, an enum and
/// an index are missing, two columns have other names, one has another type, and one table is not expected.
fn differing() -> (Database, Project) {
    let schema = "datasource db {
  provider = \"postgresql\"
}

model User {
  id    Int    @id
  email String @unique
}

model SLAPolicy {
  id      Int         @id
  role    Role
  metrics SLAMetric[]
}

model SLAMetric {
  id       Int       @id
  policy   SLAPolicy @relation(fields: [policyId], references: [id])
  policyId Int
}

model Report {
  id        Int      @id
  reportId  Int
  createdAt DateTime
  size      BigInt
  at        DateTime

  @@index([at])
  @@map(\"reports\")
}

enum Role {
  A
  B
}
";
    let project = Project::new().file("prisma/schema.prisma", schema).migration(
        "1_init",
        "CREATE TABLE \"User\" (id integer NOT NULL, email text NOT NULL, CONSTRAINT \"User_pkey\" PRIMARY KEY (id));
CREATE UNIQUE INDEX \"User_email_key\" ON \"User\" (email);
CREATE TABLE reports (id integer NOT NULL, report_id integer NOT NULL, created_at timestamp(3) NOT NULL, size text NOT NULL,
    at timestamp(3) NOT NULL, CONSTRAINT reports_pkey PRIMARY KEY (id));
CREATE TABLE \"left|over\" (id integer);
",
    );
    let database = Database::fresh();
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    (database, project)
}

/// What `verify` prints, if it ends with this code.
#[track_caller]
fn report(code: i32, arguments: &[&str]) -> String {
    let (database, project) = differing();
    redacted(&project.doorstep(&database.url(), &[&["verify"], arguments].concat()).run().code(code).stdout)
}

#[test]
fn text() {
    assert_snapshot!("verify/text", report(3, &[]));
}

#[test]
fn text_with_notices() {
    assert_snapshot!("verify/text-notices", report(3, &["--notices"]));
}

#[test]
fn text_where_nothing_stops_a_start() {
    assert_snapshot!("verify/text-report-only", report(0, &["--verify", "report"]));
}

#[test]
fn json() {
    let report: serde_json::Value = serde_json::from_str(&report(3, &["--format", "json"])).unwrap();
    assert_snapshot!("verify/json", serde_json::to_string_pretty(&report).unwrap());
}

/// One case per table, also for those that are as expected.
#[test]
fn junit() {
    assert_snapshot!("verify/junit", report(3, &["--format", "junit"]));
}

#[test]
fn junit_where_nothing_stops_a_start() {
    assert_snapshot!("verify/junit-report-only", report(0, &["--format", "junit", "--verify", "report"]));
}

/// One command per finding, with the line of its model.
#[test]
fn github() {
    assert_snapshot!("verify/github", report(3, &["--format", "github"]));
}

#[test]
fn markdown() {
    assert_snapshot!("verify/markdown", report(3, &["--format", "markdown"]));
}

/// A report without findings, in each form.
#[test]
fn nothing_differs() {
    let database = Database::fresh();
    let schema = "datasource db {\n  provider = \"postgresql\"\n}\n\nmodel User {\n  id Int @id\n}\n";
    let migration = "CREATE TABLE \"User\" (id integer NOT NULL, CONSTRAINT \"User_pkey\" PRIMARY KEY (id));";
    let project = Project::new().file("prisma/schema.prisma", schema).migration("1_init", migration);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let mut reports = Sections::default();
    for form in ["text", "json", "junit", "github", "markdown"] {
        reports.add(form, &project.doorstep(&database.url(), &["verify", "--format", form]).run().code(0).stdout);
    }
    // A JUnit report has a case even if nothing is expected.
    let output = Project::bare().doorstep(&database.url(), &["verify", "--format", "junit"]).run().code(0);
    reports.add("junit, where nothing is expected", &output.stdout);
    assert_snapshot!("verify/nothing-differs", reports.text());
}

/// A database that lacks a table, an enum and a unique index of the project's schema, and has a column under another name.
fn lacking() -> (Database, Project) {
    let (database, project) = (Database::fresh(), project_of_a_schema());
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    (database, project)
}

#[test]
fn every_form_says_the_same_on_stdout_and_stops_with_the_same_code() {
    let (database, project) = lacking();
    for form in ["text", "json", "junit", "github", "markdown"] {
        let output = project.doorstep(&database.url(), &["verify", "--format", form]).run().code(3);
        let output = output.stdout_has("SLAPolicy").stdout_has("report").stdout_has("prisma/schema.prisma");
        assert_eq!(output.stderr, "", "{form}: the report ends with the verdict, so the log has nothing to add");
    }
    project.doorstep(&database.url(), &["verify", "--format", "html"]).run().code(64);
}

#[test]
fn notices_are_counted_and_named_on_demand() {
    let (database, project) = lacking();
    database.sql("CREATE TABLE leftover (id integer)");
    let verify = |more: &[&str]| project.doorstep(&database.url(), &[&["verify"], more].concat()).run().code(3);
    let output = verify(&[]).stdout_has("not shown: 1 notice, which affects no query (--notices)\n");
    assert!(!output.stdout.contains("leftover"), "{}", output.stdout);
    for more in [&["--notices"][..], &["--verify", "notice"]] {
        verify(more).stdout_has("notice   table public.leftover   is not expected by any source");
    }
}

#[test]
fn colours_are_for_terminals_and_for_who_forces_them() {
    let (database, project) = lacking();
    let verify = |variables: &[(&str, &str)]| {
        let doorstep = project.doorstep(&database.url(), &["verify"]).env("TERM", "xterm-256color");
        doorstep.envs(variables).run().code(3).stdout
    };
    assert!(!verify(&[]).contains('\u{1b}'));
    assert!(verify(&[("CLICOLOR_FORCE", "1")]).contains("\u{1b}[31m"));
    assert!(!verify(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).contains('\u{1b}'));

    let on_a_terminal = |columns: u32, variables: &[(&str, &str)]| {
        let command = format!("stty rows 24 cols {columns}; exec '{}' verify 2>/dev/null", binary());
        let doorstep = Doorstep::through("script", &["-qec", &command, "/dev/null"], &[]).directory(&project.path(""));
        let doorstep = doorstep.env("DATABASE_URL", &database.url()).env("SHELL", "/bin/sh");
        doorstep.env("TERM", "xterm-256color").envs(variables).run().code(3).stdout
    };
    assert!(on_a_terminal(100, &[]).contains("\u{1b}[31m"));
    for variables in [&[("NO_COLOR", "1")], &[("TERM", "dumb")], &[("CLICOLOR", "0")]] {
        let text = on_a_terminal(66, variables);
        assert!(!text.contains('\u{1b}'), "{variables:?} {text}");
        // SQL stays as it is.
        let report = text.lines().take_while(|line| !line.starts_with("SQL "));
        let widths = report.filter(|line| line.starts_with(' ')).map(|line| line.trim_end().chars().count());
        assert!(widths.max().unwrap() <= 66, "{text}");
    }
}
