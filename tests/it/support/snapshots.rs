//! Expected output in files: `tests/snapshots/FOLDER/NAME.snap`. `INSTA_UPDATE=always scripts/test FILTER` writes what
//! the tests see now; without it, a snapshot that is missing or differs fails its test (.config/insta.yaml).

use std::path::{Path, PathBuf};

/// Compares a text with the snapshot of this name (`"folder/name"`). What differs from run to run must be replaced before:
/// [`redacted`].
macro_rules! assert_snapshot {
    ($name:literal, $text:expr) => {
        match ($name.rsplit('/').next().unwrap(), $text) {
            (name, text) => $crate::support::snapshots::settings($name).bind(|| insta::assert_snapshot!(name, text)),
        }
    };
}
pub(crate) use assert_snapshot;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots")
}

/// Where insta reads and writes the snapshot.
pub(crate) fn settings(name: &str) -> insta::Settings {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join(folder));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// Several texts in one snapshot, each under a heading.
#[derive(Default)]
pub(crate) struct Sections(String);

impl Sections {
    pub(crate) fn add(&mut self, heading: &str, text: &str) {
        let separator = if self.0.is_empty() { "" } else { "\n" };
        self.0 += &format!("{separator}=== {heading}\n{}\n", redacted(text).trim_end());
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// What differs from run to run, and what stands for it. In a pattern `#` is a number, `%` a duration such as 12ms or 1.5s, `*` a
/// word, and `…` what stands in parentheses; the rest is literal.
const VARIABLE: &[(&str, &str)] = &[
    ("#-#-#T#:#:#.#Z", "[time]"),
    ("#-#-#T#:#:#Z", "[time]"),
    ("after %", "after [duration]"),
    ("for %", "for [duration]"),
    ("in %", "in [duration]"),
    ("wait %", "wait [duration]"),
    ("schemas %", "schemas [duration]"),
    ("migrate %", "migrate [duration]"),
    ("verify %", "verify [duration]"),
    ("# attempts", "[number] attempts"),
    ("127.0.0.1:#", "127.0.0.1:[port]"),
    ("t_#_#", "[database]"),
    ("r_#_#", "[role]"),
    ("broken_migration_demo_#", "[database]"),
    ("column_mapping_demo_#", "[database]"),
    ("lint_demo_#", "[database]"),
    ("sla_tables_demo_#", "[database]"),
    ("/tmp/.tmp*", "[directory]"),
    ("doorstep_replay_*", "[scratch database]"),
    ("doorstep/#.#.#", "doorstep/[version]"),
    ("doorstep #.#.#", "doorstep [version]"),
    ("PostgreSQL #.# (…)", "PostgreSQL [version]"),
    ("PostgreSQL #.#", "PostgreSQL [version]"),
    ("SQLite #.#.#", "SQLite [version]"),
    ("pid #", "pid [pid]"),
    ("PID #", "PID [pid]"),
    ("\"doorstep\": \"#.#.#\"", "\"doorstep\": \"[version]\""),
];

/// The text with each variable part replaced by its name in brackets.
pub(crate) fn redacted(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let (mut rest, mut previous) = (text, ' ');
    while let Some(character) = rest.chars().next() {
        let begins = !is_word(previous) && previous != '.';
        let found = VARIABLE.iter().find_map(|(pattern, name)| Some((length(pattern, rest)?, name)));
        if let Some((length, name)) = found.filter(|_| begins) {
            result.push_str(name);
            rest = &rest[length..];
            // In a table a column is as wide as its longest time.
            if *name == "[time]" && rest.starts_with("  ") {
                rest = rest.trim_start_matches(' ');
                result.push_str("  ");
            }
            previous = ']';
        } else {
            result.push(character);
            rest = &rest[character.len_utf8()..];
            previous = character;
        }
    }
    result
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// How many bytes at the start of the text match the pattern, if it matches and a word ends there.
fn length(pattern: &str, text: &str) -> Option<usize> {
    let mut rest = text;
    for expected in pattern.chars() {
        let after = match expected {
            '#' => rest.trim_start_matches(|character: char| character.is_ascii_digit()),
            '%' => after_duration(rest)?,
            '…' => &rest[rest.find(')')?..],
            '*' => rest.trim_start_matches(is_word),
            _ => rest.strip_prefix(expected)?,
        };
        if after.len() == rest.len() {
            return None;
        }
        rest = after;
    }
    (!rest.starts_with(is_word)).then_some(text.len() - rest.len())
}

fn after_duration(text: &str) -> Option<&str> {
    let unit = text.trim_start_matches(|character: char| character.is_ascii_digit() || character == '.');
    let digits = unit.len() < text.len();
    ["ns", "µs", "ms", "s", "m", "h"].iter().find_map(|name| unit.strip_prefix(name)).filter(|_| digits)
}

#[test]
fn what_differs_from_run_to_run_is_replaced() {
    let log = "2026-11-21T09:00:02.441Z INFO  migrate: applied 1_init in 5ms at 127.0.0.1:5432/t_12_3, after 1.5s";
    let expected =
        "[time] INFO  migrate: applied 1_init in [duration] at 127.0.0.1:[port]/[database], after [duration]";
    assert_eq!(redacted(log), expected);
    let same = "15 lines, schema.prisma:11, 1_x.sql:2:7, write 500ms, in 5 files, after 9msx, t_1, int8";
    assert_eq!(redacted(same), same);
}
