//! goose's parser of SQL files (`internal/sqlparser/parser.go`), line by line. It knows no SQL: a statement ends at a line whose
//! last word ends in a semicolon, unless annotations enclose it.

use crate::formats::goose::variables::{self, Variables};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// The longest line that goose reads.
const LONGEST: usize = 4 * 1024 * 1024;

/// What of a file goes up.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Up {
    /// The text that runs, every line at its place.
    pub text: String,
    /// A transaction is not wanted, in either direction.
    pub no_transaction: bool,
    /// The statements as goose sends them, one by one: the range of each in `text`.
    pub statements: Vec<std::ops::Range<usize>>,
}

/// What an annotation says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Annotation {
    Up,
    Down,
    Begin,
    End,
    NoTransaction,
    Substitute(bool),
}

const ANNOTATIONS: &[(&str, Annotation)] = &[
    ("up", Annotation::Up),
    ("down", Annotation::Down),
    ("statementbegin", Annotation::Begin),
    ("statementend", Annotation::End),
    ("no transaction", Annotation::NoTransaction),
    ("envsub on", Annotation::Substitute(true)),
    ("envsub off", Annotation::Substitute(false)),
];

/// Reads a line as an annotation. `Some(Err)` says why goose refuses it; `None` is any other line.
fn annotation(line: &str) -> Option<Result<Annotation, &'static str>> {
    if !line.trim().starts_with("--") || !line.contains("+goose") {
        return None;
    }
    if line.starts_with([' ', '\t']) {
        return Some(Err("goose takes no blanks before an annotation"));
    }
    let text = line.replace("--", "").replacen("+goose", "", 1);
    let known = ANNOTATIONS.iter().find(|(words, _)| text.trim().to_lowercase() == *words);
    Some(known.map(|(_, annotation)| *annotation).ok_or("goose knows no such annotation"))
}

/// Whether a file has the annotation that begins what goes up.
pub(crate) fn is_marked(text: &str) -> bool {
    text.lines().any(|line| annotation(line) == Some(Ok(Annotation::Up)))
}

/// Where in the file a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Up,
    Down,
}

struct Parser<'a> {
    variables: &'a Variables,
    up: Up,
    place: Place,
    /// The line where a block of one statement began.
    block: Option<usize>,
    substitutes: bool,
    /// Where the statement that is being read begins in the text, and its line.
    statement: Option<(usize, usize)>,
}

/// Reads a file.
///
/// # Errors
/// The line, from 1, and why goose does not accept the file.
pub fn parse(text: &str, variables: &Variables) -> Result<Up, (usize, String)> {
    let (up, place) = (Up { text: String::with_capacity(text.len()), ..Up::default() }, Place::Start);
    let mut parser = Parser { variables, up, place, block: None, substitutes: false, statement: None };
    if text.starts_with('\u{feff}') {
        return Err((1, "it begins with a byte order mark, which goose takes for text before -- +goose Up".to_owned()));
    }
    let mut count = 0;
    for (index, line) in text.lines().enumerate() {
        count = index + 1;
        if line.len() > LONGEST {
            return Err((count, "the line is longer than 4 MiB, which goose does not read".to_owned()));
        }
        parser.line(count, line).map_err(|why| (count, why))?;
        parser.up.text.push('\n');
    }
    parser.end(count)
}

impl Parser<'_> {
    /// Reads one line. What of it runs is added to the text; its end is the caller's.
    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        match annotation(line) {
            Some(Err(why)) => return Err(format!("{why}: {}", line.trim())),
            Some(Ok(found)) => return self.annotation(number, found),
            None => {}
        }
        let is_ignored = self.statement.is_none() && (line.trim().starts_with("--") || line.is_empty());
        match self.place {
            Place::Start if is_ignored || line.trim().is_empty() => Ok(()),
            Place::Start => Err("goose allows nothing but comments (--) before -- +goose Up".to_owned()),
            Place::Down => Ok(()),
            Place::Up => self.of_up(number, line, is_ignored),
        }
    }

    /// A line of what goes up.
    fn of_up(&mut self, number: usize, line: &str, is_ignored: bool) -> Result<(), String> {
        let line = match self.substitutes && !is_ignored {
            true => variables::expanded(line, self.variables)?,
            false => line.to_owned(),
        };
        if !is_ignored && self.statement.is_none() {
            self.statement = Some((self.up.text.len(), number));
        }
        self.up.text += &line;
        if self.block.is_none() && !is_ignored && ends_statement(&line) {
            self.flush();
        }
        Ok(())
    }

    fn annotation(&mut self, number: usize, found: Annotation) -> Result<(), String> {
        match (found, self.place) {
            (Annotation::NoTransaction, _) => self.up.no_transaction = true,
            (Annotation::Substitute(is_on), _) => self.substitutes = is_on,
            (Annotation::Up, Place::Start) => self.place = Place::Up,
            (Annotation::Up, _) => return Err("a second -- +goose Up".to_owned()),
            (Annotation::Down, Place::Up) if self.block.is_none() => {
                self.refuse_rest()?;
                self.place = Place::Down;
            }
            (Annotation::Down, _) => {
                return Err("-- +goose Down stands before -- +goose Up, within a block, or twice".to_owned());
            }
            (Annotation::Begin, Place::Up | Place::Down) if self.block.is_none() => self.block = Some(number),
            (Annotation::Begin, _) => {
                return Err("-- +goose StatementBegin stands before -- +goose Up, or within a block".to_owned());
            }
            (Annotation::End, _) if self.block.is_none() => {
                return Err("-- +goose StatementEnd has no -- +goose StatementBegin before it".to_owned());
            }
            (Annotation::End, Place::Up) => {
                // The block may not end in a semicolon, and another one is harmless. One of comments alone is no statement.
                if self.statement.is_some() {
                    self.up.text.push(';');
                }
                self.block = None;
                self.flush();
            }
            (Annotation::End, _) => self.block = None,
        }
        Ok(())
    }

    fn flush(&mut self) {
        self.up.statements.extend(self.statement.take().map(|(begin, _)| begin..self.up.text.len()));
    }

    /// A rest that no semicolon ends.
    fn refuse_rest(&self) -> Result<(), String> {
        let Some((begin, line)) = self.statement.filter(|(begin, _)| !self.up.text[*begin..].trim().is_empty()) else {
            return Ok(());
        };
        let first: String = self.up.text[begin..].trim().chars().take_while(|c| *c != '\n').take(60).collect();
        Err(format!(
            "the statement in line {line} does not end: the last word of its last line must end in a semicolon ({first})"
        ))
    }

    fn end(mut self, count: usize) -> Result<Up, (usize, String)> {
        match (self.place, self.block) {
            (Place::Start, _) => Err((1, "it has no -- +goose Up".to_owned())),
            (_, Some(line)) => Err((line, "-- +goose StatementBegin has no -- +goose StatementEnd".to_owned())),
            (Place::Up, None) => self.refuse_rest().map_err(|why| (count, why)).map(|()| std::mem::take(&mut self.up)),
            (Place::Down, None) => Ok(self.up),
        }
    }
}

/// The last word before a comment ends in a semicolon.
fn ends_statement(line: &str) -> bool {
    line.split_whitespace().take_while(|word| !word.starts_with("--")).last().is_some_and(|word| word.ends_with(';'))
}

/// Where goose cuts a statement that SQL does not end there: in a string, a body, a comment. It sends the pieces one by one,
/// and the database refuses them. The line of the piece, from 1.
pub fn cut_within(up: &Up, dialect: Dialect) -> Option<usize> {
    let whole = Script::new(up.text.clone(), dialect);
    let mut pieces =
        up.statements.iter().map(|range| (range.start, Script::new(up.text[range.clone()].to_owned(), dialect)));
    let count: usize = pieces.clone().map(|(_, piece)| piece.statements().len()).sum();
    let incomplete = pieces.find(|(_, piece)| !piece.is_complete()).map(|(start, _)| start);
    let starts = |at: usize| up.text[..at].bytes().filter(|byte| *byte == b'\n').count() + 1;
    let by_count = || {
        let begins: Vec<usize> = whole.statements().iter().map(|statement| statement.offset).collect();
        let is_begin = |range: &&std::ops::Range<usize>| {
            let piece = Script::new(up.text[(*range).clone()].to_owned(), dialect);
            piece.statements().iter().any(|statement| !begins.contains(&(range.start + statement.offset)))
        };
        up.statements.iter().find(is_begin).map_or(0, |range| range.start)
    };
    match incomplete {
        Some(at) => Some(starts(at)),
        None if count != whole.statements().len() => Some(starts(by_count())),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(text: &str) -> Up {
        parse(text, &Variables::default()).unwrap_or_else(|why| panic!("{text}: {why:?}"))
    }

    fn sent(text: &str) -> Vec<String> {
        let up = up(text);
        assert!(up.text.matches('\n').count() >= text.lines().count(), "{text}");
        up.statements.iter().map(|range| up.text[range.clone()].trim().to_owned()).collect()
    }

    #[test]
    fn statements_end_where_goose_ends_them() {
        for (text, expected) in [
            ("-- +goose Up\na;\nb\nc;\n-- +goose Down\nd;\n", vec!["a;", "b\nc;"]),
            ("-- why\n\n  \n-- +goose Up\na; b;\n", vec!["a; b;"]),
            ("-- +goose Up\na; -- and; more\nb; --\n", vec!["a; -- and; more", "b; --"]),
            ("-- +goose Up\na; /* c */\nb;\n", vec!["a; /* c */\nb;"]),
            ("-- +goose Up\na --;\n;\n", vec!["a --;\n;"]),
            ("-- +goose Up\n-- c;\na;\n", vec!["a;"]),
            ("-- +goose Up\na\n-- c;\n\nb;\n", vec!["a\n-- c;\n\nb;"]),
            ("-- +goose Up\r\na;\r\n-- +goose Down\r\n", vec!["a;"]),
            ("-- +goose Up\n-- +goose StatementBegin\na;\nb\n-- +goose StatementEnd\nc;", vec!["a;\nb\n;", "c;"]),
            ("-- +goose Up\n-- +goose StatementBegin\n-- a\n-- +goose StatementEnd\nc;", vec!["c;"]),
            ("-- +goose up\n--   +goose   statementbegin\na\n--+goose STATEMENTEND --\n", vec!["a\n;"]),
            ("-- +goose Up\n-- +goose Down\nd", vec![]),
            ("-- +goose Up\n", vec![]),
        ] {
            assert_eq!(sent(text), expected, "{text}");
        }
        assert!(up("-- +goose Up\na;\n-- +goose Down\n-- +goose NO TRANSACTION\nb;").no_transaction);
        assert!(!up("-- +goose Up\na;").no_transaction);
        assert_eq!(up("-- +goose Up\na;\r\n").text, "\na;\n");
    }

    #[test]
    fn what_goose_refuses_is_refused_with_its_line() {
        for (text, line) in [
            ("", 1),
            ("a;\n-- +goose Up\n", 1),
            ("/* c */\n-- +goose Up\n", 1),
            ("\u{feff}-- +goose Up\na;", 1),
            ("-- +goose Down\n-- +goose Up\n", 1),
            ("-- +goose Up\n-- +goose Up\n", 2),
            ("-- +goose Up\na;\n -- +goose Down\n", 3),
            ("-- +goose Up\na;\n-- +goose Downn\n", 3),
            ("-- +goose Up\nSELECT '\n-- +goose nothing\n';", 3),
            ("-- +goose Up\n-- +goose +goose Down\n", 2),
            ("-- +goose Up\n-- +goose\n", 2),
            ("-- +goose Up\na;\n-- +goose Down\n-- +goose Down\n", 4),
            ("-- +goose Up\na\n-- +goose Down\n", 3),
            ("-- +goose Up\na;\nb", 3),
            ("-- +goose Up\n-- +goose StatementBegin\na;\n", 2),
            ("-- +goose Up\n-- +goose StatementEnd\n", 2),
            ("-- +goose Up\n-- +goose StatementBegin\n-- +goose StatementBegin\n", 3),
            ("-- +goose Up\n-- +goose StatementBegin\na;\n-- +goose Down\n", 4),
            ("-- +goose StatementBegin\n-- +goose Up\n", 1),
            ("-- +goose Up\n-- +goose Down\n-- +goose StatementBegin\nb;\n", 3),
        ] {
            assert_eq!(parse(text, &Variables::default()).map_err(|(line, _)| line), Err(line), "{text}");
        }
    }

    #[test]
    fn a_cut_within_a_statement_is_found() {
        let at = |text: &str| cut_within(&up(text), Dialect::Postgres);
        for (text, line) in [
            ("-- +goose Up\na;\nSELECT 'x;\ny';\n", 3),
            ("-- +goose Up\nCREATE FUNCTION f() RETURNS int AS $$\nBEGIN\nRETURN 1;\nEND;\n$$ LANGUAGE plpgsql;\n", 2),
            ("-- +goose Up\n/* a;\nb */ c;\n", 2),
            ("-- +goose Up\na;\nCREATE FUNCTION f() RETURNS int BEGIN ATOMIC\nSELECT 1;\nEND;\n", 3),
        ] {
            assert_eq!(at(text), Some(line), "{text}");
        }
        for text in [
            "-- +goose Up\na;\nb; c;\nSELECT 'x\ny';\n-- it's\nd;\n",
            "-- +goose Up\n-- +goose StatementBegin\nDO $$\nBEGIN\nx;\nEND $$\n-- +goose StatementEnd\na;\n",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }
}
