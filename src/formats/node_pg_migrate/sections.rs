//! The part of a file that goes up, by node-pg-migrate's own rule (9.0.0, `sqlMigration.ts`): from the first
//! `^\s*--[\s-]*up\s+migration` to the first one with `down`, in any case; all of the file where the former is missing. A pure
//! function of the text. What the tool would lose or run by mistake under this rule is an error.

use crate::formats::marks::NODE_PG_MIGRATE;
use crate::formats::marks::sections::{self, Why};
use crate::formats::migration::Unreadable;
use crate::sql::Dialect;
use crate::sql::script::Script;

/// A match of a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    /// Where it begins, with the blanks before it.
    start: usize,
    /// Where its dashes are.
    dashes: usize,
    /// Where its words end.
    end: usize,
}

/// The text that runs, every line at its place; or the line, and why not.
///
/// # Errors
/// A mark within a statement, parts that the tool would not run, or would run although they take the migration back, and
/// marks of other tools.
pub fn up(text: &str, dialect: Dialect) -> Result<String, (usize, Unreadable)> {
    let (ups, downs) = (marks(text, "up"), marks(text, "down"));
    let script = Script::new(text.to_owned(), dialect);
    let comments: Vec<usize> = script.comments().iter().filter(|it| !it.nested).map(|it| it.offset).collect();
    // A byte order mark before them is no part of the script.
    let bom = text.len() - script.text().len();
    let fails = |mark: &Mark, why: &str| {
        let line = text[..mark.dashes].matches('\n').count() + 1;
        Err((line, Unreadable::new(why, "repair the marks of the file")))
    };
    if let Some(mark) = ups.iter().chain(&downs).find(|mark| !comments.contains(&(mark.dashes - bom))) {
        return fails(mark, "node-pg-migrate takes this line for a mark, but it stands within a statement");
    }
    let Some(up) = ups.first() else { return unlike_marks(&script).map_or(Ok(text.to_owned()), Err) };
    let is_code = |from: usize, to: usize| {
        script.statements().iter().any(|it| it.offset + bom < to && it.offset + it.text.len() + bom > from)
    };
    let first = ups.iter().chain(&downs).map(|mark| mark.start).min().unwrap_or_default();
    if is_code(0, first) {
        return fails(up, "statements stand before the first mark, and node-pg-migrate would never run them");
    }
    let range = match downs.first().filter(|down| down.start >= up.start) {
        Some(down) => {
            if let Some(lost) = ups.iter().find(|mark| mark.start > down.start) {
                return fails(
                    lost,
                    "node-pg-migrate runs the part before the first -- Down Migration only, and never this one",
                );
            }
            up.start..down.start
        }
        None => {
            if let Some(back) = downs.iter().find(|mark| mark.start > up.start) {
                return fails(
                    back,
                    "the first -- Down Migration precedes the part that goes up, so that this one would run with it",
                );
            }
            up.start..text.len()
        }
    };
    if let Some(error) = unlike_marks(&script) {
        return Err(error);
    }
    let lines = |part: &str| "\n".repeat(part.matches('\n').count());
    Ok(lines(&text[..range.start]) + &text[range.clone()] + &lines(&text[range.end..]))
}

/// Whether a text has the mark of what goes up.
pub(crate) fn is_marked(text: &str) -> bool {
    !marks(text, "up").is_empty()
}

/// All matches of the mark of a direction.
fn marks(text: &str, direction: &str) -> Vec<Mark> {
    let is_end = |c: char| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}');
    let ends = text.char_indices().filter(|(_, c)| is_end(*c)).map(|(at, c)| at + c.len_utf8());
    let mut found: Vec<Mark> = Vec::new();
    for start in std::iter::once(0).chain(ends) {
        if found.last().is_some_and(|last| start < last.end) {
            continue;
        }
        found.extend(mark(text, start, direction));
    }
    found
}

/// The mark that begins at this beginning of a line.
fn mark(text: &str, start: usize, direction: &str) -> Option<Mark> {
    let after = text[start..].trim_start_matches(is_blank);
    let rest = after.strip_prefix("--")?.trim_start_matches(|c| is_blank(c) || c == '-');
    let rest = without(rest, direction)?;
    let words = rest.trim_start_matches(is_blank);
    let end = text.len() - without(words, "migration").filter(|_| words.len() < rest.len())?.len();
    Some(Mark { start, dashes: text.len() - after.len(), end })
}

fn without<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (beginning, rest) = text.split_at_checked(word.len())?;
    beginning.eq_ignore_ascii_case(word).then_some(rest)
}

/// `\s` of JavaScript.
fn is_blank(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

/// Comments that look like marks and are none of node-pg-migrate, by which the part that takes the migration back might run.
fn unlike_marks(script: &Script) -> Option<(usize, Unreadable)> {
    let found = sections::sections(script);
    if let Some(error) = found.error {
        // The others are answered by the rule of the tool.
        let is_own = matches!(error.why, Why::Sentence | Why::Repeated | Why::Before | Why::WithoutUp);
        return (!is_own).then(|| (error.line, error.unreadable()));
    }
    let other = found.tools.iter().find(|tool| **tool != NODE_PG_MIGRATE).filter(|_| found.up.is_some())?;
    let why = format!(
        "the file has marks of {other}, and node-pg-migrate would run also the part that takes the migration back"
    );
    Some((1, Unreadable::new(why, "write -- Up Migration and -- Down Migration")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<String, usize> {
        up(text, Dialect::Postgres).map_err(|(line, _)| line)
    }

    #[test]
    fn the_part_that_goes_up_is_kept_at_its_lines() {
        for (text, expected) in [
            ("-- Up Migration\na;\n-- Down Migration\nb;\n", "-- Up Migration\na;\n\n\n"),
            ("-- up migration\na;\n-- down migration\nb;\n", "-- up migration\na;\n\n\n"),
            ("--Up Migration\r\na;\r\n--Down Migration\r\nb;", "--Up Migration\r\na;\r\n\n"),
            (
                "  ----  UP   MIGRATION of users ---\na;\n --- Down migration: none\nb;",
                "  ----  UP   MIGRATION of users ---\na;\n\n",
            ),
            ("-- Down Migration\nb;\n-- Up Migration\na;", "\n\n-- Up Migration\na;"),
            ("-- Up Migration\na;", "-- Up Migration\na;"),
            (
                "-- why\n-- Up Migration\na;\n-- up migration, second part\nb;",
                "\n-- Up Migration\na;\n-- up migration, second part\nb;",
            ),
            ("a;", "a;"),
            ("", ""),
            (
                "-- then Up Migration\na;\n-- then Down Migration\nb;\n",
                "-- then Up Migration\na;\n-- then Down Migration\nb;\n",
            ),
            ("-- Down migration: none, we only go forward\nb;", "-- Down migration: none, we only go forward\nb;"),
        ] {
            assert_eq!(of(text), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_would_be_lost_or_run_by_mistake_is_refused_with_its_line() {
        for (text, line) in [
            ("-- Up\na;\n-- Down\nb;\n", 1),
            ("-- Upmigration\na;", 1),
            ("a;\n-- Down Migration\nb;\n", 2),
            ("-- +goose Up\na;\n-- +goose Down\nb;\n", 1),
            ("-- migrate:up\na;\n-- migrate:down\nb;\n", 1),
            ("-- Up Migration\na '\n-- Down Migration\n';\n-- Down Migration\nb;", 3),
            ("a;\n-- Up Migration\nb;\n-- Down Migration\nc;", 2),
            ("-- Up Migration\na;\n-- Down Migration\nb;\n-- Up Migration\nc;", 5),
            ("-- Down Migration\nb;\n-- Up Migration\na;\n-- Down Migration\nc;", 5),
            ("-- Up Migration\na (\n-- Down Migration\n);", 3),
            ("-- Up Migration\na;\n-- migrate:down\nb;", 3),
        ] {
            assert_eq!(of(text), Err(line), "{text}");
        }
    }
}
