//! Text that others control: notices and errors of the server, names of tables and migrations, output of a child. None of
//! it steers a terminal or a CI server, whatever the form of the output; and none of it floods the log.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Database, Listener, Output, Project};

/// ESC, BEL, a C1 control, DEL, a bidi override, a line separator, and commands as GitHub reads them.
const NASTY: &str = "a\u{1b}[31mb\u{7}c\u{9b}2Jd\u{7f}e\u{202e}f\u{2028}::error::g ##[error]h\r::error::i";

/// The same, behind line breaks.
const LINES: &str = "first\n::error file=x::y\n  ::add-mask::z\n\u{85}::error::w\r\n##[error]v";

/// What the runner of GitHub Actions would take for a command, and what steers a terminal.
#[track_caller]
fn is_harmless(what: &str, text: &str, commands: bool) {
    for line in text.split(['\n', '\r']) {
        assert!(commands || !line.trim_start().starts_with("::"), "{what}: {line:?}");
        assert!(!line.contains("##["), "{what}: {line:?}");
        let steers = |c: char| {
            c.is_control() && c != '\t'
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
        };
        assert!(!line.contains(steers), "{what}: {line:?}");
    }
    assert!(!text.contains('\r'), "{what}: {text:?}");
}

fn quoted(text: &str) -> String {
    text.replace('\'', "''")
}

fn check(what: &str, project: &Project, output: &Output) {
    is_harmless(what, &output.stderr, false);
    is_harmless(what, &output.stdout, false);
    is_harmless(what, &std::fs::read_to_string(project.path("termination")).unwrap(), false);
}

#[test]
fn notices_and_errors_of_the_server_are_neutral_in_every_output() {
    for text in [NASTY, LINES] {
        let database = Database::fresh();
        let raise = |level: &str| {
            format!(
                "DO $do$ BEGIN RAISE {level} USING MESSAGE = '{0}', DETAIL = '{0}', HINT = '{0}'; END $do$;",
                quoted(text)
            )
        };
        let project = Project::new()
            .file("termination", "")
            .migration("1_says", &raise("WARNING"))
            .migration("2_fails", &raise("EXCEPTION"));
        for format in ["text", "json"] {
            let doorstep = project.doorstep(&database.url(), &["run", "--log", "trace", "--log-format", format]);
            let output = doorstep.env("DOORSTEP_TERMINATION_LOG", "termination").run().code(65);
            check(format, &project, &output);
            if format == "json" {
                for line in output.stderr.lines() {
                    serde_json::from_str::<serde_json::Value>(line).unwrap();
                }
            }
        }
        for arguments in [&["status"][..], &["status", "--format", "json"], &["check"], &["check", "--format", "json"]]
        {
            let output = project.doorstep(&database.url(), arguments).run();
            check(&arguments.join(" "), &project, &output);
            assert!(output.stdout.len() > 20, "{}", output.stdout);
        }
    }
}

#[test]
fn names_of_tables_and_of_migrations_are_neutral_in_every_report() {
    let database = Database::fresh();
    let name = format!("::error::x{}", NASTY.replace('\r', ""));
    let identifier = format!("\"{}\"", name.chars().take(30).collect::<String>());
    let snapshot = Project::new().migration(
        "1_a",
        &format!("CREATE TABLE {identifier} (id integer PRIMARY KEY, {identifier} text DEFAULT '{}');", quoted(LINES)),
    );
    snapshot.doorstep(&database.url(), &["snapshot"]).run().code(0);
    let json = snapshot.doorstep(&database.url(), &["snapshot"]).run().stdout;
    let project = Project::new()
        .file("termination", "")
        .file("expected.json", &json)
        .migration("1_b", &format!("CREATE TABLE {identifier} (id bigint, other text);"));
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    for form in ["text", "json", "junit", "github", "markdown"] {
        let output = project
            .doorstep(&database.url(), &["verify", "--notices", "--snapshot", "expected.json", "--format", form])
            .run()
            .code(3);
        is_harmless(form, &output.stdout, form == "github");
        is_harmless(form, &output.stderr, false);
        if form == "github" {
            let commands = output.stdout.lines().filter(|line| line.starts_with("::")).count();
            let findings = output.stdout.lines().filter(|line| line.contains("::") && line.contains("title=")).count();
            assert_eq!(commands, findings, "{}", output.stdout);
        }
    }
    for arguments in [
        &["diff", "--snapshot", "expected.json"][..],
        &["run", "--snapshot", "expected.json"],
        &["check", "--snapshot", "expected.json"],
    ] {
        check(
            &arguments.join(" "),
            &project,
            &project.doorstep(&database.url(), arguments).env("DOORSTEP_TERMINATION_LOG", "termination").run(),
        );
    }
}

#[test]
fn a_migration_with_such_a_name_is_shown_neutral() {
    let nasty = "3_x\u{1b}[2J\u{202e}::error::y ##[error]";
    let database = Database::fresh();
    let project = Project::with_two().file("termination", "").migration(nasty, "SELECT 1/0;");
    let run = |arguments: &[&str]| {
        project.doorstep(&database.url(), arguments).env("DOORSTEP_TERMINATION_LOG", "termination").run()
    };
    for arguments in [
        &["status"][..],
        &["run"],
        &["status"],
        &["status", "--format", "json"],
        &["check"],
        &["run", "--log-format", "json"],
    ] {
        check(&arguments.join(" "), &project, &run(arguments));
    }
}

#[test]
fn the_output_of_a_child_is_neutral() {
    let database = Database::fresh();
    let project = Project::bare().file("termination", "").file("said", &format!("{NASTY}\n{LINES}\n"));
    for format in ["text", "json"] {
        let doorstep = project.doorstep(
            &database.url(),
            &["run", "--migrate-command", "sh -c 'cat said; exit 1'", "--log-format", format],
        );
        check(format, &project, &doorstep.env("DOORSTEP_TERMINATION_LOG", "termination").run().code(65));
    }
    let nasty = format!("--{NASTY}");
    let output = project.doorstep("", &["run", &nasty]).run().code(64);
    is_harmless("an argument", &output.stderr, false);
    let output = project.doorstep(&database.url(), &["run", "--config", NASTY]).run().code(78);
    is_harmless("a path", &output.stderr, false);
}

#[test]
fn a_million_notices_become_a_few_lines_and_a_count() {
    let database = Database::fresh();
    let script = "DO $$ BEGIN FOR i IN 1..1000000 LOOP RAISE NOTICE 'row % of many', i; END LOOP; RAISE WARNING 'the end'; END $$;";
    let project = Project::new().migration("1_loud", script);
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    output.stderr_has("row 1 of many").stderr_has("999997 more notices").stderr_has("the end");
}

#[test]
fn notices_that_differ_are_bounded_too() {
    let database = Database::fresh();
    let script = "DO $$ BEGIN FOR i IN 1..50000 LOOP RAISE NOTICE '%', translate(i::text, '0123456789', 'abcdefghij'); END LOOP; END $$;";
    let project = Project::new().migration("1_loud", script);
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    assert!(output.stderr.lines().count() < 150, "{} lines", output.stderr.lines().count());
    output.stderr_has("49900 more notices");
}

/// What a port does with each connection, in turn.
fn waits(attempts: &str, answer: impl Fn(u32, TcpStream) + Send + 'static) -> Output {
    let turn = AtomicU32::new(0);
    let listener = Listener::answering(move |stream| answer(turn.fetch_add(1, Ordering::Relaxed), stream));
    let arguments = ["wait", "--wait-attempts", attempts, "--wait-interval", "1ms"];
    Project::bare().doorstep(&listener.url(), &arguments).env_remove("DOORSTEP_WAIT_TIMEOUT").run().code(69)
}

#[test]
fn a_port_that_accepts_and_closes_gets_one_line_for_each_state() {
    let reset =
        |stream: &TcpStream| socket2::SockRef::from(stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    let lines =
        |output: &Output| output.stderr.lines().filter(|line| line.contains("waiting for the database")).count();
    let output = waits("60", |_, stream| drop(stream));
    assert!((1..=3).contains(&lines(&output)), "{}", output.stderr);
    // It closes, resets, and says nonsense, by turns.
    let output = waits("90", move |turn, mut stream| match turn % 3 {
        0 => drop(stream),
        1 => {
            let mut request = [0; 8];
            let _ = stream.read(&mut request);
            reset(&stream);
        }
        _ => {
            let _ = stream.write_all(format!("HTTP/1.1 400 {turn}\r\n").as_bytes());
            let _ = stream.shutdown(Shutdown::Both);
        }
    });
    assert!((2..=6).contains(&lines(&output)), "{}", output.stderr);
    // Another answer each time.
    let output = waits("200", |turn, mut stream| {
        let word: String = format!("{turn:04}").chars().map(|digit| char::from(digit as u8 + 50)).collect();
        let _ = stream.write_all(&[b"E\0\0\0\x30SFATAL\0C53300\0Mbusy ", word.as_bytes(), &[0; 20]].concat());
    });
    assert!((1..=16).contains(&lines(&output)), "{}", output.stderr);
}
