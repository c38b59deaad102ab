//! Output on a terminal and elsewhere, and the termination log.

use std::io::Read as _;
use std::process::Command;

use crate::support::running_migration::{GATE, at_gate, gated, open_gate};
use crate::support::{Database, Doorstep, Project, Running, binary, run};

fn logs(database: &Database) -> String {
    database.sql("SELECT logs FROM _prisma_migrations WHERE finished_at IS NULL")
}

#[test]
fn the_termination_log_holds_the_report_that_the_history_holds() {
    let database = Database::fresh();
    let project = Project::new()
        .migration("1_bad", "SELECT 1;\nSELECT 'é', nonsense;\n")
        .file("termination", "old".repeat(3000).as_str());
    let run = || project.doorstep(&database.url(), &["run", "--termination-log", "termination"]).run();
    let output = run().code(65);
    let report = std::fs::read_to_string(project.path("termination")).unwrap();
    let kept = logs(&database);
    assert!(kept.contains("1_bad/migration.sql:2:13\n") && kept.contains("    2 | SELECT 'é', nonsense;"), "{kept}");
    assert!(report.starts_with("migration 1_bad failed\n") && report.contains(&kept), "{report}\n--- logs\n{kept}");
    assert!(report.contains("doorstep resolve --rolled-back 1_bad"), "{report}");
    for line in report.lines() {
        assert!(output.stderr.contains(line), "{line}\n---\n{}", output.stderr);
    }
    // The next start reports the same cause, although it runs nothing.
    run().code(65);
    let report = std::fs::read_to_string(project.path("termination")).unwrap();
    assert!(report.contains("nonsense") && !report.contains("oldold"), "{report}");
}

#[test]
fn the_termination_log_keeps_kubernetes_limit_and_is_never_created() {
    let database = Database::fresh();
    let script = "DO $$ BEGIN RAISE EXCEPTION '%', repeat('é', 9000); END $$;";
    let project = Project::new().migration("1_long", script).file("termination", "");
    project.doorstep(&database.url(), &["run", "--termination-log", "termination"]).run().code(65);
    let report = std::fs::read(project.path("termination")).unwrap();
    assert!(report.len() <= 4096 && report.len() > 4000, "{}", report.len());
    let report = String::from_utf8(report).unwrap();
    assert!(report.starts_with("migration 1_long failed\néé"), "{report}");
    let absent = project.path("absent");
    let run = project.doorstep(&database.url(), &["run"]).env("DOORSTEP_TERMINATION_LOG", absent.to_str().unwrap());
    run.run().code(65);
    assert!(!absent.exists());
    // Success writes nothing there; a signal does.
    let project = Project::new().migration("1_fine", "SELECT 1;").file("termination", "");
    let fresh = Database::fresh();
    project.doorstep(&fresh.url(), &["run", "--termination-log", "termination"]).run().code(0);
    assert_eq!(std::fs::read_to_string(project.path("termination")).unwrap(), "");
}

#[test]
fn what_is_wrong_with_the_settings_goes_to_the_named_termination_log_too() {
    for (url, variable, command) in
        [("nonsense", "HOME", "true"), ("", "HOME", "no-such-command"), ("", "DOORSTEP_WAIT_TIMOUT", "true")]
    {
        let project = Project::with_two().file("termination", "");
        let path = project.path("termination");
        let doorstep = project.doorstep("postgres://u@127.0.0.1:1/d", &["run", "--", command]).env(variable, "1s");
        let doorstep = doorstep.env("DOORSTEP_TERMINATION_LOG", path.to_str().unwrap());
        let doorstep = if url.is_empty() { doorstep } else { doorstep.env("DATABASE_URL", url) };
        let output = doorstep.run();
        let report = std::fs::read_to_string(&path).unwrap();
        assert!(!report.is_empty(), "{variable} {command}\n{}", output.stderr);
    }
}

#[test]
fn a_signal_leaves_its_reason_in_the_termination_log() {
    let database = gated();
    let project = Project::new().migration("1_slow", GATE).file("termination", "");
    let doorstep = project.doorstep(&database.url(), &["run", "--termination-log", "termination"]).spawn();
    at_gate(&database);
    doorstep.signal("TERM");
    doorstep.finish("run").code(143);
    let report = std::fs::read_to_string(project.path("termination")).unwrap();
    assert!(report.starts_with("stopped by SIGTERM: 1_slow was cancelled and rolled back"), "{report}");
}

/// Twenty quick migrations, one at the gate, and twenty more.
fn many() -> Project {
    let quick = |project: Project, number: usize| {
        project.migration(&format!("{number:03}_quick"), &format!("CREATE TABLE t{number} (id integer);"))
    };
    (0..20).chain(21..41).fold(Project::new(), quick).migration("020_gate", GATE)
}

/// doorstep on its own terminal; all it prints arrives on stdout.
fn on_a_terminal(project: &Project, url: &str, arguments: &str) -> Running {
    let command = format!("stty cols 200; exec '{}' {arguments}", binary());
    let doorstep = Doorstep::through("script", &["-qec", &command, "/dev/null"], &[]).directory(&project.path(""));
    doorstep.env("DATABASE_URL", url).env("TERM", "xterm-256color").env("SHELL", "/bin/sh").spawn()
}

/// Reads stdout until it holds `text`.
fn read_until(running: &mut Running, text: &str) -> String {
    let stdout = running.child.stdout.as_mut().unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(text) {
        let mut bytes = [0; 256];
        let count = stdout.read(&mut bytes).unwrap();
        assert!(count > 0, "`{text}` never came: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&bytes[..count]);
    }
    String::from_utf8_lossy(&seen).into_owned()
}

/// What a terminal shows at the end, if the cursor never moves up.
fn screen(output: &str) -> Vec<String> {
    let (mut lines, mut line, mut column) = (Vec::new(), Vec::<char>::new(), 0);
    let mut rest = output.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\n' => (lines.push(line.drain(..).collect::<String>().trim_end().to_owned()), column = 0).1,
            '\r' => column = 0,
            '\x1b' => {
                assert_eq!(rest.next(), Some('['));
                let sequence: String = std::iter::from_fn(|| rest.next_if(|c| !c.is_ascii_alphabetic())).collect();
                match (rest.next(), sequence.as_str()) {
                    (Some('K'), "2") => line.clear(),
                    (Some('K'), _) => line.truncate(column),
                    (Some('A' | 'B'), up) if !matches!(up, "" | "0" | "1") => panic!("moves {up} lines"),
                    _ => {}
                }
            }
            character => {
                line.resize(line.len().max(column + 1), ' ');
                line[column] = character;
                column += 1;
            }
        }
    }
    lines.push(line.into_iter().collect());
    lines
}

#[test]
fn on_a_terminal_a_bar_is_shown_and_every_line_stays_whole() {
    let database = gated();
    let project = many();
    let mut doorstep = on_a_terminal(&project, &database.url(), "run -- echo up");
    at_gate(&database);
    let mut seen = read_until(&mut doorstep, "20/41");
    open_gate(&database);
    let output = doorstep.finish("run").code(0);
    seen += &output.stdout;
    let lines = screen(&seen);
    for number in 0..41 {
        let name = if number == 20 { "020_gate".to_owned() } else { format!("{number:03}_quick") };
        let whole = |line: &&String| {
            line.starts_with("20")
                && line.contains("Z INFO  migrate: applied ")
                && line.contains(&format!("applied {name} in "))
        };
        assert_eq!(lines.iter().filter(whole).count(), 1, "{name}\n{}", lines.join("\n"));
    }
    assert!(seen.contains("020_gate") && seen.contains("█") || seen.contains("#"), "{seen:?}");
    // The bar is erased, and the output of the service begins on its own line.
    assert!(lines.contains(&"up".to_owned()), "{}", lines.join("\n"));
    assert!(!lines.iter().any(|line| line.contains("/41")), "{}", lines.join("\n"));
    assert_eq!(seen.matches("\x1b[?25l").count(), seen.matches("\x1b[?25h").count(), "the cursor stays hidden");
}

#[test]
fn on_a_terminal_a_failure_is_whole_and_a_signal_is_answered() {
    let database = gated();
    let project = many().migration("041_bad", "SELECT nonsense;");
    let mut doorstep = on_a_terminal(&project, &database.url(), "run");
    at_gate(&database);
    let mut seen = read_until(&mut doorstep, "20/42");
    open_gate(&database);
    seen += &doorstep.finish("run").code(65).stdout;
    let shown = screen(&seen).join("\n");
    assert!(
        shown.contains(
            "\n    at prisma/migrations/041_bad/migration.sql:1:8\n        1 | SELECT nonsense;\n          |        ^\n"
        ),
        "{shown}"
    );
    assert!(!shown.contains("/42"), "{shown}");
}

#[test]
fn times_on_a_terminal_are_to_the_second_and_say_how_long_ago() {
    let database = Database::fresh();
    let project = Project::with_two();
    let log = on_a_terminal(&project, &database.url(), "run").finish("run").code(0).stdout;
    // `2026-11-28 13:40:02Z INFO  wait: …`
    let at = |line: &String, range: std::ops::Range<usize>| line.as_bytes().get(range).map(<[u8]>::to_vec);
    let is_short =
        |line: &&String| at(line, 10..11) == Some(b" ".to_vec()) && at(line, 19..22) == Some(b"Z I".to_vec());
    assert!(screen(&log).iter().filter(is_short).count() >= 3, "{log}");
    let status = on_a_terminal(&project, &database.url(), "status").finish("status").code(0).stdout;
    let ages = status.lines().filter(|line| line.contains(" ago)") || line.contains(" (just now)"));
    assert_eq!(ages.count(), 2, "{status}");
    assert!(!status.contains('Z') && !status.contains('T'), "{status}");
    // So are times within a cause.
    let lacking = Project::with_two().migration("3_more", "CREATE TABLE more (id integer);");
    lacking.doorstep(&database.url(), &["resolve", "--applied", "3_more"]).run().code(0);
    let verify = on_a_terminal(&lacking, &database.url(), "verify --require-tables more").finish("verify").code(3);
    let words: Vec<&str> = verify.stdout.split_whitespace().collect();
    let text = words.join(" ");
    let age = text.contains(" ago)") || text.contains(" (just now)");
    assert!(text.contains("recorded as applied by hand at 20") && age, "{text}");
    assert!(!text.contains("Z:") && !text.contains("Z)"), "{text}");
    // A pipe keeps RFC 3339.
    let status = project.doorstep(&database.url(), &["status"]).run().code(0).stdout;
    assert!(!status.contains(" ago") && status.contains('T') && status.contains('Z'), "{status}");
}

#[test]
fn elsewhere_there_are_no_escape_sequences() {
    let database = gated();
    open_gate(&database);
    let project = many();
    let output = project.doorstep(&database.url(), &["run"]).env("TERM", "xterm-256color").run().code(0);
    assert!(output.stderr.lines().count() >= 41);
    output.stderr_lacks("\x1b").stderr_lacks("\r");
    // With JSON logs, a terminal gets JSON lines only.
    let database = gated();
    open_gate(&database);
    let output = on_a_terminal(&project, &database.url(), "run --log-format json").finish("run").code(0);
    for line in output.stdout.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line.trim_end()).is_ok(), "{line:?}");
    }
}

#[test]
fn a_termination_log_that_is_a_pipe_without_a_reader_holds_nobody_up() {
    let database = Database::fresh();
    let project = Project::new().migration("1_bad", "SELECT nonsense;");
    run(Command::new("mkfifo").arg(project.path("pipe")));
    project.doorstep(&database.url(), &["run", "--termination-log", "pipe"]).run().code(65).stderr_has("42703");
}
