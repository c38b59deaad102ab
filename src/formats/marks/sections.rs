//! Reads the marks of a file: which part of it is to run, and whether without a transaction. A pure function of the
//! script. A mark counts only between statements; in a string or a body it is text. No tool reads marks in block comments: one
//! that holds nothing but such a mark stops.

use crate::base::sorting;
use crate::formats::marks::likeness;
use crate::formats::marks::{Mark, Meaning, NODE_PG_MIGRATE, Standing, ToolMarks, read};
use crate::formats::migration::Unreadable;
use crate::sql::script::{Comment, Script};

/// What the marks of a file say.
#[derive(Debug, Default)]
pub struct Sections {
    /// The tools whose marks the file has; one, unless the marks are at odds.
    pub tools: Vec<&'static str>,
    /// The text that is to run, every line at its place; `None` where all of it is.
    pub up: Option<String>,
    /// The file runs without a transaction around it.
    pub no_transaction: bool,
    /// Why the file cannot be run as its marks say.
    pub error: Option<MarkError>,
}

/// A mark that stops.
#[derive(Debug, PartialEq, Eq)]
pub struct MarkError {
    /// Its line, from 1.
    pub line: usize,
    /// The comment.
    pub text: String,
    /// Why.
    pub why: Why,
}

/// Why a mark stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It looks like a mark, and is one of no known tool.
    NotUnderstood,
    /// A mark of this tool, whose rules doorstep does not follow.
    Refused(&'static str),
    /// In a parenthesis, in a body, or behind a statement on its line: its tool would cut the statement there.
    Misplaced,
    /// A mark of this tool in a file that has marks of another.
    OtherTool(&'static str),
    /// Statements stand before the first mark.
    Before,
    /// No mark before it begins what goes up.
    WithoutUp,
    /// A second section in this direction.
    Repeated,
    /// A sentence that begins like a mark.
    Sentence,
    /// An option that the tool would ignore.
    Option,
    /// Variables of the environment would land in the statements.
    Substitution,
    /// A block of one statement that is not opened or not closed.
    Block,
}

impl MarkError {
    /// Why the file cannot be run, without its line.
    #[must_use]
    pub fn unreadable(&self) -> Unreadable {
        Unreadable::new(format!("\"{}\" {}", self.text, self.why.reason()), self.why.remedy())
    }
}

impl Why {
    fn reason(self) -> String {
        match self {
            Self::NotUnderstood => "looks like a mark that divides a migration or says how it runs, but no known tool \
                                    spells one so: the part that takes the migration back might run"
                .to_owned(),
            Self::Refused(tool) => format!("is a mark of {tool}, which doorstep does not follow"),
            Self::Misplaced => "is a mark within a statement, or not at the beginning of its line".to_owned(),
            Self::OtherTool(tool) => format!("is a mark of {tool}, but the marks before it are another tool's"),
            Self::Before => {
                "is the first mark, but statements stand before it, which its tool would reject or skip".to_owned()
            }
            Self::WithoutUp => "stands in a file in which no mark begins what is to run".to_owned(),
            Self::Repeated => "begins a second part in the same direction, which its tool does not expect".to_owned(),
            Self::Sentence => format!("begins like a mark of {NODE_PG_MIGRATE}, which would divide the file there"),
            Self::Option => {
                "has an option about the transaction that its tool would ignore as it is spelled".to_owned()
            }
            Self::Substitution => {
                "makes goose replace variables of the environment, which doorstep does not do".to_owned()
            }
            Self::Block => "belongs to a block of one statement that is not opened or not closed".to_owned(),
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::NotUnderstood => {
                "spell the mark as its tool does (-- migrate:down, -- +goose Down, …), or reword the comment"
            }
            Self::Refused(_) => "keep only what is to run in the file, or let that tool apply it (migrate_command)",
            Self::Misplaced => "put the mark on a line of its own between statements, or reword the comment",
            Self::OtherTool(_) => "keep the marks of one tool",
            Self::Before => "move the mark to the beginning of the file",
            Self::WithoutUp => "add that mark before the statements that are to run",
            Self::Repeated => "give each part a file of its own",
            Self::Sentence => "write the mark alone on its line, or reword the comment",
            Self::Option => "write transaction:false (dbmate) or notransaction (sql-migrate)",
            Self::Substitution => "write the values into the file, or let goose apply it (migrate_command)",
            Self::Block => "write the mark of its beginning and the mark of its end",
        }
    }
}

/// What every mark has, and everything that looks like one, in lower case.
const TRACES: &[&str] = &[
    "up",
    "down",
    "undo",
    "roll",
    "rever",
    "unapply",
    "grade",
    "backward",
    "@",
    "goose",
    "migrat",
    "micrate",
    "above",
    "transaction",
    "tx",
    "--!",
    "liquibase",
    "changeset",
];

/// Whether a comment of the text may be a mark. Cheap: most files are not lexed for their marks.
#[must_use]
pub fn may_have_marks(text: &str) -> bool {
    let lines = text.split('\n').filter_map(|line| Some(&line[line.find("--")?..]));
    let blocks = text.find("/*").map(|at| &text[at..]);
    lines.chain(blocks).any(|comment| {
        let comment = comment.to_lowercase();
        // Words that signs or blanks divide are put together, too (`no-trans-action`).
        let joined: String = comment.chars().filter(|character| character.is_alphanumeric()).collect();
        TRACES.iter().any(|trace| comment.contains(trace) || joined.contains(trace))
    })
}

/// A comment on a line of its own, at the level of statements.
struct Line<'a> {
    comment: Comment,
    text: &'a str,
    mark: Option<Mark<'a>>,
}

impl Line<'_> {
    fn error(&self, script: &str, why: Why) -> MarkError {
        error(script, self.comment, self.text, why)
    }
}

fn error(script: &str, comment: Comment, text: &str, why: Why) -> MarkError {
    let line = script[..comment.offset].bytes().filter(|byte| *byte == b'\n').count() + 1;
    let shown: String = text.chars().filter(|character| !character.is_control()).take(60).collect();
    MarkError { line, text: shown, why }
}

/// Reads the marks of a script.
#[must_use]
pub fn sections(script: &Script) -> Sections {
    let mut found = Sections::default();
    if let Err(error) = found.read(script) {
        found.error = Some(error);
    }
    found
}

impl Sections {
    fn read(&mut self, script: &Script) -> Result<(), MarkError> {
        let text = script.text();
        let mut lines = lines(script)?;
        let statements: Vec<(usize, usize)> = script
            .statements()
            .iter()
            .map(|statement| (statement.offset, statement.offset + statement.text.len()))
            .collect();
        drop_sentences(&mut lines, text, &statements)?;
        for line in &lines {
            let Some(mark) = line.mark else { continue };
            if !self.tools.contains(&mark.marks.tool) {
                self.tools.push(mark.marks.tool);
            }
        }
        for line in &lines {
            let why = match line.mark {
                None if likeness::is_like_a_mark(line.text) => Why::NotUnderstood,
                Some(mark) if mark.meaning == Meaning::Refused => Why::Refused(mark.marks.tool),
                Some(mark) if mark.marks.tool != self.tools[0] => Why::OtherTool(mark.marks.tool),
                Some(mark) if mark.meaning == Meaning::Substitution => Why::Substitution,
                _ => continue,
            };
            return Err(line.error(text, why));
        }
        let marks: Vec<(&Line<'_>, Mark<'_>)> = lines.iter().filter_map(|line| Some((line, line.mark?))).collect();
        let Some((_, first)) = marks.first() else { return Ok(()) };
        self.divide(first.marks, &marks, text, &statements)
    }

    /// Follows the marks of one tool through the file.
    fn divide(
        &mut self,
        tool: &'static ToolMarks,
        marks: &[(&Line<'_>, Mark<'_>)],
        text: &str,
        statements: &[(usize, usize)],
    ) -> Result<(), MarkError> {
        let (mut kept, mut at, mut block) = (String::with_capacity(text.len()), 0, None);
        let mut direction = tool.order.up_by_default.then_some(Meaning::Up);
        let mut begun = Vec::new();
        for (line, mark) in marks.iter().copied() {
            match mark.meaning {
                Meaning::NoTransaction => self.no_transaction = true,
                Meaning::BlockBegin | Meaning::BlockEnd => {
                    let opens = mark.meaning == Meaning::BlockBegin;
                    if direction.is_none() || block.is_some() == opens {
                        return Err(line.error(text, Why::Block));
                    }
                    block = opens.then_some(line);
                }
                Meaning::Up | Meaning::Down => {
                    let start = line_start(text, line.comment.offset);
                    let is_before = direction.is_none() && statements.iter().any(|(first, _)| *first < start);
                    let is_second = begun.contains(&mark.meaning) && !tool.order.repeats;
                    let why = match mark.meaning {
                        _ if block.is_some() => Some(Why::Block),
                        _ if is_before => Some(Why::Before),
                        _ if is_second || begun.last() == Some(&mark.meaning) => Some(Why::Repeated),
                        Meaning::Down if direction.is_none() && !tool.order.down_first => Some(Why::WithoutUp),
                        _ => None,
                    };
                    if let Some(why) = why {
                        return Err(line.error(text, why));
                    }
                    if mark.meaning == Meaning::Up {
                        self.no_transaction |= turns_off(tool, mark.rest).map_err(|why| line.error(text, why))?;
                    }
                    copy(&mut kept, text, at..start, direction);
                    (at, direction) = (start, Some(mark.meaning));
                    begun.push(mark.meaning);
                }
                _ => {}
            }
        }
        match (block, direction) {
            (Some(line), _) => return Err(line.error(text, Why::Block)),
            (None, None) => return Err(marks[0].0.error(text, Why::WithoutUp)),
            (None, Some(_)) => copy(&mut kept, text, at..text.len(), direction),
        }
        self.up = begun.contains(&Meaning::Down).then_some(kept);
        Ok(())
    }
}

/// The comments on lines of their own at the level of statements, and the block comments there that hold one line.
fn lines(script: &Script) -> Result<Vec<Line<'_>>, MarkError> {
    let text = script.text();
    let mut lines = Vec::new();
    for comment in script.comments() {
        let shown = &text[comment.offset..comment.end];
        let start = line_start(text, comment.offset);
        let is_alone = text[start..comment.offset].trim().is_empty();
        let standing = Standing { indented: start < comment.offset, first: comment.offset == 0 };
        let mark = read(shown, standing);
        // Only node-pg-migrate, in JavaScript, takes CR alone for a line end.
        let is_line = start == 0 || text[..start].ends_with('\n');
        let is_its = mark.is_none_or(|mark| is_line || mark.marks.tool == NODE_PG_MIGRATE);
        match is_alone && !comment.nested {
            true if is_its => lines.push(Line { comment: *comment, text: shown, mark }),
            _ if mark.is_some_and(|mark| mark.marks.tool != NODE_PG_MIGRATE) || likeness::is_surely_a_mark(shown) => {
                return Err(error(text, *comment, shown, Why::Misplaced));
            }
            _ => {}
        }
    }
    for comment in script.block_comments() {
        let Some(shown) = only_line(&text[comment.offset..comment.end]) else { continue };
        let is_alone = text[line_start(text, comment.offset)..comment.offset].trim().is_empty();
        match is_alone && !comment.nested {
            true => lines.push(Line { comment: *comment, text: shown, mark: None }),
            false if likeness::is_surely_a_mark(shown) => return Err(error(text, *comment, shown, Why::Misplaced)),
            false => {}
        }
    }
    sorting::sort_by_key(&mut lines, |line| line.comment.offset);
    Ok(lines)
}

/// The only line with words of a block comment, without the signs around it; `None` of one that has several or none.
fn only_line(comment: &str) -> Option<&str> {
    let inner = comment.strip_prefix("/*")?.strip_suffix("*/")?;
    let mut lines = inner.split(['\n', '\r']).filter(|line| line.contains(char::is_alphanumeric));
    let line = lines.next().filter(|_| lines.next().is_none())?;
    Some(line.trim_matches(|sign: char| sign == '*' || sign.is_whitespace()))
}

/// node-pg-migrate takes any comment that begins with its words for a mark, and the way back for one only if the way up
/// is marked. So a sentence that begins with them is text, unless the tool would divide the file there.
fn drop_sentences(lines: &mut [Line<'_>], text: &str, statements: &[(usize, usize)]) -> Result<(), MarkError> {
    let is_its = |mark: &Mark<'_>| mark.marks.tool == NODE_PG_MIGRATE;
    let is_exact = |mark: &Mark<'_>| !mark.rest.contains(char::is_alphanumeric);
    let its: Vec<Mark<'_>> = lines.iter().filter_map(|line| line.mark.filter(is_its)).collect();
    let has = |meaning| its.iter().any(|mark| mark.meaning == meaning);
    let is_divided = has(Meaning::Up) && has(Meaning::Down);
    let is_marked = its.iter().any(|mark| mark.meaning == Meaning::Up && is_exact(mark));
    for line in lines.iter_mut() {
        let Some(mark) = line.mark.filter(is_its) else { continue };
        if !is_divided && !is_marked {
            line.mark = None;
        } else if !is_exact(&mark) {
            let at = line.comment.offset;
            let matters = match mark.meaning {
                Meaning::Up => statements.iter().any(|(start, _)| *start < at),
                _ => statements.iter().any(|(_, end)| *end > at),
            };
            if matters {
                return Err(line.error(text, Why::Sentence));
            }
        }
    }
    Ok(())
}

/// Whether the options of an up mark turn the transaction off: the last one counts.
fn turns_off(tool: &ToolMarks, options: &str) -> Result<bool, Why> {
    let Some(option) = tool.no_transaction else { return Ok(false) };
    let mut off = false;
    for word in options.split_whitespace() {
        match word {
            _ if word == option => off = true,
            "transaction:true" => off = false,
            _ if word.to_ascii_lowercase().contains("transaction") => return Err(Why::Option),
            _ => {}
        }
    }
    Ok(off)
}

fn line_start(text: &str, offset: usize) -> usize {
    text[..offset].rfind(['\n', '\r']).map_or(0, |at| at + 1)
}

/// Copies what goes up; of the rest only the line ends, so that every line stays where it is.
fn copy(kept: &mut String, text: &str, range: std::ops::Range<usize>, direction: Option<Meaning>) {
    let part = &text[range];
    match direction {
        Some(Meaning::Up) | None => *kept += part,
        Some(_) => kept.extend(part.chars().filter(|character| *character == '\n')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Dialect;

    fn read_as(text: &str) -> Sections {
        sections(&Script::new(text.to_owned(), Dialect::Postgres))
    }

    /// The part that runs.
    fn up(text: &str) -> String {
        let found = read_as(text);
        assert_eq!(found.error, None, "{text}");
        assert!(found.tools.is_empty() || may_have_marks(text), "{text}");
        found.up.unwrap_or_else(|| text.to_owned())
    }

    fn why(text: &str) -> (usize, Why) {
        assert!(may_have_marks(text), "{text}");
        let error = read_as(text).error.unwrap_or_else(|| panic!("{text}"));
        (error.line, error.why)
    }

    #[test]
    fn only_what_goes_up_runs_and_every_line_stays_where_it_is() {
        for (text, expected) in [
            ("-- migrate:up\na;\n-- migrate:down\nb;\nc;", "-- migrate:up\na;\n\n\n"),
            ("--migrate:up\na;\n--migrate:down\nb;\n", "--migrate:up\na;\n\n\n"),
            (
                "-- migrate:up x\na;\n-- migrate:down\nb;\n-- migrate:up\nc;\n",
                "-- migrate:up x\na;\n\n\n-- migrate:up\nc;\n",
            ),
            ("-- why\n-- +goose Up\na;\n--  +goose Down\nb;\n", "-- why\n-- +goose Up\na;\n\n\n"),
            ("-- +migrate Down\nb;\n-- +migrate Up\na;", "\n\n-- +migrate Up\na;"),
            ("-- Up Migration\r\na;\r\n--- Down Migration ---\r\nb;\r\n", "-- Up Migration\r\na;\r\n\n\n"),
            ("a;\n---- create above / drop below ----\nb;", "a;\n\n"),
            ("-- +goose Up\na\n-- +goose Down\nb;", "-- +goose Up\na\n\n"),
        ] {
            assert_eq!(up(text), expected, "{text}");
        }
    }

    #[test]
    fn a_mark_that_is_none_of_its_tool_or_out_of_place_stops_with_its_line() {
        for (text, expected) in [
            ("a;\n -- migrate:down\nb;", (2, Why::NotUnderstood)),
            ("-- +goose Up\na;\n -- +goose Down\nb;", (3, Why::NotUnderstood)),
            ("-- +migrate Up\na;\n--+migrate Down\nb;", (3, Why::NotUnderstood)),
            ("-- Up\na;\n-- Down\nb;", (1, Why::NotUnderstood)),
            ("a;\n-- @down\nb;", (2, Why::NotUnderstood)),
            ("a;\n-- Down Migration\nb;", (2, Why::NotUnderstood)),
            ("a;\n-- //@UNDO\nb;", (2, Why::Refused("MyBatis Migrations"))),
            ("-- +micrate Up\na;\n-- +micrate Down\nb;", (1, Why::Refused("micrate"))),
            ("--liquibase formatted sql\n--changeset a:1\na;", (1, Why::Refused("Liquibase"))),
            ("-- migrate:up\na;\n-- +goose Down\nb;", (3, Why::OtherTool("goose"))),
            ("-- migrate:down\nb;", (1, Why::WithoutUp)),
            ("-- +goose NO TRANSACTION\na;", (1, Why::WithoutUp)),
            ("a;\n-- migrate:up\nb;", (2, Why::Before)),
            ("-- +goose Up\na;\n-- +goose Up\nb;", (3, Why::Repeated)),
            ("a (\n-- migrate:down\n);", (2, Why::Misplaced)),
            ("a; -- migrate:down\nb;", (1, Why::Misplaced)),
            ("-- Up Migration\na;\n-- Down migration: none, we only go forward\nb;", (3, Why::Sentence)),
            ("-- migrate:up transaction=false\na;\n-- migrate:down", (1, Why::Option)),
            ("-- +goose Up\n-- +goose ENVSUB ON\na;", (2, Why::Substitution)),
            ("-- +goose Up\n-- +goose StatementBegin\na;\n", (2, Why::Block)),
            ("-- +goose Up\na;\n-- +goose StatementEnd\n", (3, Why::Block)),
            ("--no-transaction\na;", (1, Why::NotUnderstood)),
            ("/* up */\na;\n/* down */\nb;", (1, Why::NotUnderstood)),
            ("a;\n/* down */ b;", (2, Why::NotUnderstood)),
            ("a;\n/* migrate:down */\nb;", (2, Why::NotUnderstood)),
            ("-- +goose Up\na;\n/* +goose Down */\nb;", (3, Why::NotUnderstood)),
            ("a;\n/*\n * Down\n */\nb;", (2, Why::NotUnderstood)),
            ("a (\n/* @down */\n);", (2, Why::Misplaced)),
        ] {
            assert_eq!(why(text), expected, "{text}");
        }
    }

    #[test]
    fn words_in_sentences_strings_comments_and_bodies_are_text() {
        for text in [
            "a;\n-- Down migration: none, we only go forward\nb;",
            "-- Up migration of the users\na;\n",
            "a;\n-- migrate:downtime 5 minutes\nb;",
            "a '\n-- migrate:down\n';\nb;",
            "/*\n-- migrate:up\n-- migrate:down\n*/\nb;",
            "a;\n/* ROLLBACK; */\n/* clean up */ b;\n/**/",
            "a (\n  /* up */ x int,\n  /* down */ y int\n);",
            "DO $$\nBEGIN\n-- +goose Down\nEND $$;\nb;",
            "a (\n  -- up\n  x int,\n  -- down\n  y int\n);",
            "a (up int, -- up\n down int -- down\n);",
        ] {
            assert_eq!(up(text), text, "{text}");
            assert!(read_as(text).tools.is_empty(), "{text}");
        }
    }

    #[test]
    fn each_tool_has_its_way_to_turn_the_transaction_off() {
        for (text, expected) in [
            ("-- migrate:up transaction:false\na;\n-- migrate:down\n", true),
            ("-- migrate:up transaction:false transaction:true\na;\n-- migrate:down\n", false),
            ("-- migrate:up\na;\n-- migrate:down transaction:false\n", false),
            ("-- +goose NO TRANSACTION\n-- +goose Up\na;\n", true),
            ("-- +migrate Up notransaction\na;\n", true),
            ("---- tern: disable-tx ----\na;\n", true),
            ("-- no-transaction\na;\n", true),
            ("--! no-transaction\na;\n", true),
            ("a;\n", false),
        ] {
            let found = read_as(text);
            assert_eq!((found.error, found.no_transaction), (None, expected), "{text}");
        }
    }
}
