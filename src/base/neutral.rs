//! Text that others control, made harmless for where it is shown: messages of a server, names of tables and migrations,
//! output of a child process. Such text could steer a terminal (ESC), hide or reorder what is read (U+202E), or be read by
//! a CI server as a command (`::error` at the beginning of a line, `##[error]` anywhere in it).
//!
//! Every form of output passes through here: [`text`] for log lines, the termination log and results, [`line()`] for a piece
//! of one line, [`json`] for JSON in logs, results and the health port.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::base::plain_name::NOT_SHOWN;
use crate::base::unseen::is_unseen;

/// The runner of GitHub Actions trims a line and takes what begins so as a command (actions/runner,
/// `ActionCommand.TryParseV2`).
const COMMAND: &str = "::";

/// The older form, which it finds anywhere in a line (`ActionCommand.TryParse`); Azure Pipelines has it, too.
const OLD_COMMAND: &str = "##[";

/// Text of several lines. Line breaks and tabs stay; a control character is written as `\x1b`, `\u{202e}`.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    if is_harmless(text) {
        return Cow::Borrowed(text);
    }
    let text = without_passwords(text);
    let mut out = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        for (at, character) in line.char_indices() {
            match character {
                '\n' | '\t' => out.push(character),
                '\r' if line[at..] == *"\r\n" => {}
                ':' if at == indent && line[at..].starts_with(COMMAND) => out.push_str("\\:"),
                '#' if line[at..].starts_with(OLD_COMMAND) => out.push_str("#\\"),
                _ if is_steering(character) => escape(&mut out, character),
                _ => out.push(character),
            }
        }
    }
    Cow::Owned(out)
}

/// A piece of one line: what breaks or steers it becomes a blank.
pub(crate) fn line(text: &str) -> String {
    let parts: Vec<&str> = text.split(is_steering).filter(|part| !part.is_empty()).collect();
    self::text(&parts.join(" ")).into_owned()
}

/// The first line of a message, with the second one where that says what it is about.
pub(crate) fn first_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    match lines.next().filter(|_| first.ends_with(':')) {
        Some(second) => format!("{first} {second}"),
        None => first.to_owned(),
    }
}

/// JSON, already serialised: what it holds stays the same value, and is written so that a terminal and a CI server that
/// show it find nothing in it.
pub(crate) fn json(json: &str) -> Cow<'_, str> {
    let is_plain = |character: char| !is_steering(character) || character == '\n';
    if json.chars().all(is_plain) && !json.contains(OLD_COMMAND) && !json.contains("://") {
        return Cow::Borrowed(json);
    }
    let json = without_passwords(json);
    let mut out = String::with_capacity(json.len() + 16);
    for (at, character) in json.char_indices() {
        match character {
            '#' if json[at..].starts_with(OLD_COMMAND) => out.push_str("\\u0023"),
            _ if is_plain(character) => out.push(character),
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    Cow::Owned(out)
}

fn is_harmless(text: &str) -> bool {
    text.chars().all(|character| !is_steering(character) || matches!(character, '\n' | '\t'))
        && !text.contains(COMMAND)
        && !text.contains(OLD_COMMAND)
        && !text.contains("://")
}

/// Unseen characters, but for those that letters of some languages and emoji are joined with.
fn is_steering(character: char) -> bool {
    is_unseen(character)
        && !matches!(character, '\u{200c}' | '\u{200d}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}')
}

fn escape(out: &mut String, character: char) {
    let _ = match u32::from(character) {
        0x0d => write!(out, "\\r"),
        code @ 0..=0xff => write!(out, "\\x{code:02x}"),
        code => write!(out, "\\u{{{code:x}}}"),
    };
}

/// Hides the password of every URL in the text: `postgres://app:***@db/shop`. doorstep itself shows no URL; this is for
/// settings and scripts that hold one where none is expected.
fn without_passwords(text: &str) -> Cow<'_, str> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let ends = |character: char| character.is_whitespace() || matches!(character, '"' | '`' | '\'' | '<' | '>');
        let token = &after[..after.find(ends).unwrap_or(after.len())];
        rest = after;
        let Some((login, _)) = token.rsplit_once('@') else { continue };
        let Some((user, _)) = login.split_once(':') else { continue };
        let _ = write!(out, "{user}:{NOT_SHOWN}");
        rest = &after[login.len()..];
    }
    if out.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(out + rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        assert_eq!(text("a\u{1b}[2Jb\u{7}\r\nc\rd\te"), "a\\x1b[2Jb\\x07\nc\\rd\te");
        assert_eq!(
            text("\u{9b}31m \u{202e}x\u{2066} \u{2028}\u{feff}\u{7f}\0"),
            "\\x9b31m \\u{202e}x\\u{2066} \\u{2028}\\u{feff}\\x7f\\x00"
        );
        assert_eq!(text("größe 👩\u{200d}💻 :: a::b"), "größe 👩\u{200d}💻 :: a::b");
    }

    #[test]
    fn what_a_ci_server_takes_for_a_command_is_broken() {
        assert_eq!(text("::error::x\n  ::add-mask::y\n\u{2028}::z"), "\\::error::x\n  \\::add-mask::y\n\\u{2028}\\::z");
        assert_eq!(text("a ##[error]b"), "a #\\#[error]b");
        assert_eq!(line("a\u{1b}[0m\n::b"), "a [0m ::b");
        assert_eq!(line("::error::a\r\nb"), "\\::error::a b");
    }

    #[test]
    fn json_keeps_its_value() {
        let value = serde_json::json!({ "a": "\u{1b}##[error]\u{9b}\u{202e}\u{e0041}ö\n" });
        let written = serde_json::to_string_pretty(&value).unwrap();
        let neutral = json(&written);
        assert!(!neutral.contains("##[") && !neutral.contains(['\u{9b}', '\u{202e}', '\u{e0041}']), "{neutral}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&neutral).unwrap(), value);
    }

    #[test]
    fn passwords_of_urls_are_hidden() {
        for (given, shown) in [
            ("`postgres://u:hunter2@h/d` is", "`postgres://u:***@h/d` is"),
            ("x://u:a/hunter2@h y://v:b@c z", "x://u:***@h y://v:***@c z"),
            ("postgresql://user@host/database, https://x.y/z", "postgresql://user@host/database, https://x.y/z"),
        ] {
            assert_eq!(text(given), shown);
            assert_eq!(json(given), shown);
        }
    }
}
