//! The forms, each held against what it should look like, over findings of every sort.

use crate::base::environment::Environment;
use crate::catalog::{Name, Origin};
use crate::finding::cause::{FolderState, NoMigration};
use crate::finding::remedy::{Labels, NameFix, Write};
use crate::finding::{Cause, Diagnosis, Difference, DifferenceKind, Finding, Remedy, Severity, Source};
use crate::report::text::{self, Screen};
use crate::report::{TablePlace, Verified, github, junit, markdown};
use crate::sql::{ObjectKind, ObjectRef};

fn name(name: &str) -> Name {
    Name { schema: "public".to_owned(), name: name.to_owned() }
}

fn origin(line: usize) -> Origin {
    Origin { file: "prisma/schema.prisma".into(), line }
}

fn finding(severity: Severity, kind: DifferenceKind, object: ObjectRef, line: usize) -> Finding {
    undiagnosed(Difference::new(severity, kind, object, Source::At(origin(line))))
}

fn undiagnosed(difference: Difference) -> Finding {
    Finding { difference, diagnosis: Diagnosis::default(), sql: None }
}

fn uncreated(object: ObjectRef, line: usize) -> Finding {
    let (folder, state) = ("prisma/migrations".to_owned(), FolderState::Applied(2));
    let cause = Cause::NoMigration(NoMigration::Creates { folder, state, namesake: None });
    let remedy = Remedy::Write(Write::New { slug: "sla".to_owned(), by_prisma: true, what: Labels::default() });
    let missing = finding(Severity::Error, DifferenceKind::Missing, object, line);
    Finding { diagnosis: Diagnosis::new(cause, remedy), ..missing }
}

fn renamed(column: &str, there: &str, line: usize) -> Finding {
    let object = |column: &str| ObjectRef::part_of(&name("reports"), ObjectKind::Column, column);
    let source = Source::At(origin(line));
    let renamed = Difference::new(Severity::Error, DifferenceKind::Renamed, object(column), source);
    let (field, column, sql) = (column.to_owned(), there.to_owned(), "ALTER TABLE …".to_owned());
    let remedy = Remedy::Name(NameFix::MapField { field, column, instead: None, sql });
    let diagnosis = Diagnosis { cause: None, remedy: Some(remedy) };
    Finding { difference: renamed.instead(object(there)), diagnosis, sql: None }
}

fn place(table: &str, line: usize) -> TablePlace {
    TablePlace { table: name(table), model: Some("Model".to_owned()), origin: Some(origin(line)) }
}

/// One of everything.
fn findings() -> Vec<Finding> {
    let index = ObjectRef::index(&name("reports"), "reports_at_idx", false);
    let size = ObjectRef::part_of(&name("reports"), ObjectKind::Column, "size");
    let old = undiagnosed(Difference::new(
        Severity::Notice,
        DifferenceKind::Extra,
        ObjectRef::of(ObjectKind::Table, &name("old|table")),
        Source::Nobody,
    ));
    let extension = ObjectRef::new(ObjectKind::Extension, None, "pg_trgm");
    vec![
        undiagnosed(Difference::new(Severity::Warning, DifferenceKind::Missing, extension, Source::PrismaSchema)),
        uncreated(ObjectRef::of(ObjectKind::Enum, &name("Role")), 40),
        uncreated(ObjectRef::of(ObjectKind::Table, &name("SLAPolicy")), 11),
        uncreated(ObjectRef::of(ObjectKind::Table, &name("SLAMetric")), 20),
        finding(Severity::Warning, DifferenceKind::Missing, index, 36),
        renamed("reportId", "report_id", 33),
        renamed("createdAt", "created_at", 34),
        undiagnosed(
            Difference::new(Severity::Error, DifferenceKind::Different, size, Source::At(origin(35)))
                .between("int8", "text, 100% wrong"),
        ),
        old,
    ]
}

fn verified(findings: Vec<Finding>) -> Verified {
    let tables = vec![place("SLAPolicy", 11), place("SLAMetric", 20), place("reports", 30), place("users", 50)];
    Verified::new(findings, Some(Severity::Error), tables, "db:5432/app".to_owned())
}

#[track_caller]
fn is(actual: &str, expected: &str) {
    assert!(actual == expected, "--- there is\n{actual}\n--- expected\n{expected}");
}

#[test]
fn a_pipe_gets_one_line_per_finding_by_table_and_says_once_what_is_the_same() {
    is(
        &text::render(&verified(findings()), false, Screen::default()),
        "\
tables
  error    table public.SLAPolicy  is missing  prisma/schema.prisma:11
  error    table public.SLAMetric  is missing  prisma/schema.prisma:20
  error    enum  public.Role       is missing  prisma/schema.prisma:40
           cause: no migration in prisma/migrations creates them (no pending migrations: all 2 are applied)
           next:  npx prisma migrate dev --name sla writes the migration for it; doorstep diff --script prints its SQL

public.reports  (model Model, prisma/schema.prisma:30)
  error    column reportId → report_id    @map(\"report_id\")                         prisma/schema.prisma:33
  error    column createdAt → created_at  @map(\"created_at\")                        prisma/schema.prisma:34
           next:  map each field to its column (@map), or rename the columns
  error    column size                    expected int8, there is text, 100% wrong  prisma/schema.prisma:35
  warning  index  reports_at_idx          is missing                                prisma/schema.prisma:36

database
  warning  extension pg_trgm  is missing  the Prisma schema

not shown: 1 notice, which affects no query (--notices)
db:5432/app: not verified (6 errors, 2 warnings, 1 notice)
",
    );
}

#[test]
fn a_terminal_gets_lines_of_its_width() {
    let screen = Screen { width: Some(72), ..Screen::default() };
    let text = text::render(&verified(findings()), false, screen);
    // But for the verdict, which a terminal may break where it likes.
    for line in text.lines().filter(|line| !line.starts_with("db:")) {
        assert!(line.chars().count() <= 72, "{line}");
    }
    let size = "\
  error    column size                    expected int8, there is text,
                                          100% wrong
                                          prisma/schema.prisma:35
";
    assert!(text.contains(size), "{text}");
}

#[test]
fn all_is_well_in_one_line() {
    let text = text::render(&verified(Vec::new()), false, Screen::default());
    is(&text, "db:5432/app: verified (0 errors, 0 warnings, 0 notices)\n");
    // Where nothing stops a start, errors are errors all the same.
    let told = Verified { least: None, ..verified(findings()) };
    let told = Verified::new(told.findings, None, told.tables, told.address);
    assert!(told.ok);
    assert!(told.verdict().starts_with("not verified, and verify lets it start (6 errors"));
    let index = findings().into_iter().filter(|finding| finding.difference.severity == Severity::Warning).collect();
    let strict = Verified::new(index, Some(Severity::Warning), Vec::new(), String::new());
    assert!(!strict.ok && strict.verdict().starts_with("not verified at the severity"));
}

#[test]
fn notices_are_named_when_they_are_asked_for_or_stop_a_start() {
    let row = "  notice   table public.old|table  is not expected by any source";
    let asked = text::render(&verified(findings()), true, Screen::default());
    let strict = Verified { least: Some(Severity::Notice), ..verified(findings()) };
    for text in [asked, text::render(&strict, false, Screen::default())] {
        assert!(text.contains(row) && !text.contains("not shown"), "{text}");
    }
}

#[test]
fn the_sql_of_the_gap_is_shown_once_and_only_while_it_is_short() {
    let with = |sql: &str| {
        let mut findings = findings();
        findings.iter_mut().take(2).for_each(|finding| finding.sql = Some(sql.to_owned()));
        text::render(&verified(findings), false, Screen::default())
    };
    let text = with("CREATE EXTENSION pg_trgm;\nSELECT 1;");
    assert!(text.contains("\nSQL that would close the gap\n  CREATE EXTENSION pg_trgm;\n  SELECT 1;\n\n"), "{text}");
    let text = with(&"SELECT 1;\n".repeat(61));
    assert!(text.contains("the SQL that would close the gap has 61 lines: doorstep diff --script\n"), "{text}");
}

#[test]
fn names_cannot_steer_a_terminal() {
    let object = ObjectRef::of(ObjectKind::Table, &name("a\u{1b}[2Jb\nc"));
    let text = text::render(
        &verified(vec![finding(Severity::Error, DifferenceKind::Missing, object, 1)]),
        false,
        Screen::default(),
    );
    assert!(text.contains("table public.a [2Jb c  is missing"), "{text}");
}

#[test]
fn colours_follow_the_terminal_and_the_usual_variables() {
    let screen = |terminal: Option<usize>, variables: &[(&str, &str)]| {
        let pairs = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Screen::of(terminal, &Environment::from_pairs(pairs))
    };
    let on = |terminal, variables: &[(&str, &str)]| screen(terminal, variables).colour;
    assert!(on(Some(80), &[]) && on(Some(80), &[("TERM", "xterm")]) && on(None, &[("CLICOLOR_FORCE", "1")]));
    assert!(!on(None, &[]) && !on(None, &[("CLICOLOR_FORCE", "0")]) && !on(Some(80), &[("TERM", "dumb")]));
    assert!(!on(Some(80), &[("NO_COLOR", "1")]) && !on(None, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
    assert!(!on(Some(80), &[("CLICOLOR", "0")]) && on(Some(80), &[("CLICOLOR", "0"), ("CLICOLOR_FORCE", "1")]));
    assert_eq!(screen(Some(300), &[]).width, Some(110));
    assert_eq!(screen(None, &[]).width, None);

    let text = text::render(&verified(findings()), false, screen(None, &[("CLICOLOR_FORCE", "1")]));
    assert!(text.contains("\u{1b}[31m\u{1b}[1merror  \u{1b}[0m  table public.SLAPolicy  is missing"), "{text:?}");
    let plain = text::render(&verified(findings()), false, Screen::default());
    is(&console::strip_ansi_codes(&text), &plain);
}

#[test]
fn github_gets_a_command_per_finding_with_its_line() {
    let text = github::render(&verified(findings()));
    let lines: Vec<&str> = text.lines().collect();
    is(
        lines[0],
        "::error file=prisma/schema.prisma,line=40,title=enum public.Role is missing::enum public.Role is missing \
         (required by prisma/schema.prisma:40); no migration in prisma/migrations creates it \
         (no pending migrations: all 2 are applied)%0A    \
         next: npx prisma migrate dev --name sla writes the migration for it; doorstep diff --script prints its SQL",
    );
    let wrong = "expected int8, there is text, 100%25 wrong";
    assert!(lines[5].starts_with("::error file=prisma/schema.prisma,line=35,") && lines[5].ends_with(wrong), "{text}");
    is(
        lines[6],
        "::warning title=extension pg_trgm is missing::extension pg_trgm is missing (required by the Prisma schema)",
    );
    assert!(lines[7].starts_with("::warning file=prisma/schema.prisma,line=36,title=index "), "{text}");
    is(
        lines[8],
        "::notice title=table public.old|table is not expected by any source::\
         table public.old|table is not expected by any source",
    );
    assert!(lines[9].starts_with("db:5432/app: not verified"), "{text}");
    let object = ObjectRef::part_of(&name("users"), ObjectKind::Column, "x");
    let extra = undiagnosed(Difference::new(Severity::Error, DifferenceKind::Extra, object, Source::Nobody));
    let text = github::render(&verified(vec![extra]));
    assert!(text.starts_with("::error file=prisma/schema.prisma,line=50,title=column public.users.x "), "{text}");
    // What would end the command, or begin another one.
    let object = ObjectRef::of(ObjectKind::Table, &name("a,b:c%\r\n::error::d"));
    let text = github::render(&verified(vec![finding(Severity::Error, DifferenceKind::Missing, object, 1)]));
    assert!(text.contains("title=table public.a%2Cb%3Ac%25%0D%0A%3A%3Aerror%3A%3Ad is missing::"), "{text}");
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn junit_has_a_suite_per_file_and_a_case_per_table_those_that_are_well_too() {
    let text = junit::render(&verified(findings()));
    let expected = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites>
  <testsuite name=\"prisma/schema.prisma\" tests=\"5\" failures=\"4\" errors=\"0\">
    <testcase classname=\"prisma/schema.prisma\" name=\"table public.SLAPolicy\" file=\"prisma/schema.prisma\" line=\"11\">
      <failure type=\"missing\" message=\"table public.SLAPolicy is missing\">error: table public.SLAPolicy is missing \
(required by prisma/schema.prisma:11); no migration in prisma/migrations creates it (no pending migrations: all 2 are applied)
    next: npx prisma migrate dev --name sla writes the migration for it; doorstep diff --script prints its SQL</failure>
    </testcase>
";
    assert!(text.starts_with(expected), "{text}");
    let well = "    <testcase classname=\"prisma/schema.prisma\" name=\"table public.users\" \
                file=\"prisma/schema.prisma\" line=\"50\"/>\n";
    assert!(text.contains(well), "{text}");
    assert!(text.contains("column public.reports.reportId has another name (and 2 more)\">"), "{text}");
    assert!(text.contains("<system-out>warning: index public.reports_at_idx is missing"), "{text}");
    assert!(text.contains("  <testsuite name=\"database\" tests=\"1\" failures=\"0\" errors=\"0\">"), "{text}");
    assert!(text.ends_with("  </testsuite>\n</testsuites>\n"), "{text}");
}

#[test]
fn junit_is_green_where_nothing_is_expected_and_is_xml_whatever_the_names_are() {
    let nothing = Verified::new(Vec::new(), Some(Severity::Error), Vec::new(), String::new());
    assert!(junit::render(&nothing).contains("tests=\"1\" failures=\"0\""));
    let object = ObjectRef::of(ObjectKind::Table, &name("<a & \"b\">\u{1}\u{FFFF}"));
    let text = junit::render(&verified(vec![finding(Severity::Error, DifferenceKind::Missing, object, 1)]));
    assert!(text.contains("name=\"table public.&lt;a &amp; &quot;b&quot;&gt;\""), "{text}");
}

#[test]
fn markdown_has_a_table_of_what_counts_and_unfolds_the_rest() {
    let mut findings = findings();
    findings[1].sql = Some("CREATE TYPE \"Role\" AS ENUM ('```');".to_owned());
    is(
        &markdown::render(&verified(findings)),
        "\
### doorstep verify: not verified (6 errors, 2 warnings, 1 notice)

Database: `db:5432/app`

| severity | object | what | required by | why |
| --- | --- | --- | --- | --- |
| error | `table public.SLAPolicy` | is missing | prisma/schema.prisma:11 | no migration in prisma/migrations creates them (no pending migrations: all 2 are applied)<br>next: npx prisma migrate dev --name sla writes the migration for it; doorstep diff --script prints its SQL |
| error | `table public.SLAMetric` | is missing | prisma/schema.prisma:20 | the same |
| error | `enum public.Role` | is missing | prisma/schema.prisma:40 | the same |
| error | `column public.reports.reportId` | has another name: there is column public.reports.report\\_id | prisma/schema.prisma:33 | next: map each field to its column (\\@map), or rename the columns |
| error | `column public.reports.createdAt` | has another name: there is column public.reports.created\\_at | prisma/schema.prisma:34 | the same |
| error | `column public.reports.size` | expected int8, there is text, 100% wrong | prisma/schema.prisma:35 |  |
| warning | `index public.reports_at_idx` | is missing | prisma/schema.prisma:36 |  |
| warning | `extension pg_trgm` | is missing | the Prisma schema |  |

<details><summary>1 notice: differences that affect no query of the service</summary>

| severity | object | what | required by | why |
| --- | --- | --- | --- | --- |
| notice | `table public.old\\|table` | is not expected by any source |  |  |

</details>

<details><summary>SQL that would close the gap</summary>

````sql
CREATE TYPE \"Role\" AS ENUM ('```');
````

</details>

",
    );
}
