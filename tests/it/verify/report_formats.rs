//! The report of `verify` as people, CI servers and GitHub get it. What each form looks like in full is tested beside
//! the forms, in src/verified/tests.rs.

use crate::support::{BINARY, Database, Doorstep, Project, project_of_a_schema};

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
fn github_is_led_to_the_line_of_the_model() {
    let (database, project) = lacking();
    let output = project.doorstep(&database.url(), &["verify", "--format", "github"]).run().code(3);
    let line = "::error file=prisma/schema.prisma,line=11,title=table public.SLAPolicy is missing::";
    assert!(output.stdout.lines().any(|found| found.starts_with(line)), "{}", output.stdout);
}

#[test]
fn a_database_that_is_well_is_a_green_case_per_table() {
    let (database, project) = lacking();
    let allowed = ["verify", "--format", "junit", "--verify", "report"];
    let output = project.doorstep(&database.url(), &allowed).run().code(0);
    let output = output.stdout_has("name=\"table public.User\"").stdout_has("tests=\"3\" failures=\"0\"");
    output.stdout_has("<system-out>error: table public.SLAPolicy is missing");
    let output = project.doorstep(&database.url(), &["verify", "--format", "junit"]).run().code(3);
    output.stdout_has("tests=\"3\" failures=\"3\"").stdout_has("<failure type=\"missing\"");
    // A database of which nothing is expected is no empty file.
    let empty = Project::bare();
    let output = empty.doorstep(&database.url(), &["verify", "--format", "junit"]).run().code(0);
    output.stdout_has("tests=\"1\" failures=\"0\"");
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
        let command = format!("stty rows 24 cols {columns}; exec {BINARY} verify 2>/dev/null");
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
