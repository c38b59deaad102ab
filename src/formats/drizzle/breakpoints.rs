//! The breakpoints of Drizzle's files: `--> statement-breakpoint`, wherever it stands. Drizzle cuts the file there and sends
//! each piece by itself; doorstep makes one script of them.

use crate::sql::Dialect;
use crate::sql::script::{Script, TokenKind, tokens};

/// The mark; Drizzle knows no other spelling.
pub const BREAKPOINT: &str = "--> statement-breakpoint";

/// What Drizzle's drivers take between two breakpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pieces {
    /// Any number of statements.
    Any,
    /// One statement: the drivers refuse more and less, or leave out what follows.
    One,
    /// One statement, or a comment: the server refuses more, and an empty query (MySQL's error 1065).
    OneOrComment,
}

impl Pieces {
    /// Whether a piece with so many statements is taken.
    fn takes(self, script: &Script) -> bool {
        match (self, script.statements().len()) {
            (Self::Any, _) | (_, 1) => true,
            (Self::OneOrComment, 0) => {
                script.is_complete() && tokens(script.text(), script.dialect()).any(|token| is_comment(token.text))
            }
            _ => false,
        }
    }
}

/// The text of a token that is a comment.
fn is_comment(text: &str) -> bool {
    ["--", "#", "/*"].iter().any(|begin| text.starts_with(begin))
}

/// The pieces as one script, every line and every byte at its place: a semicolon and blanks take the place of the mark. Or the
/// line of a mark, and why it cannot be read so.
///
/// # Errors
/// A mark that cuts a statement, and a piece that the drivers do not take.
pub fn joined(text: &str, dialect: Dialect, taken: Pieces) -> Result<String, (usize, &'static str)> {
    let mut joined = String::with_capacity(text.len());
    let mut pieces = text.split(BREAKPOINT).peekable();
    while let Some(piece) = pieces.next() {
        let script = Script::new(piece.to_owned(), dialect);
        if !taken.takes(&script) {
            let first = script.statements().first().map_or(piece.trim_end().len(), |statement| statement.offset);
            let why = match script.statements().len() {
                0 => {
                    "no statement stands between two breakpoints, or after the last one, and Drizzle's driver refuses that"
                }
                _ => {
                    "several statements stand between two breakpoints: Drizzle's drivers refuse them, or run the first one"
                }
            };
            return Err((line(&joined) + lines(&piece[..first.min(piece.len())]), why));
        }
        joined += piece;
        let Some(next) = pieces.peek() else { break };
        match End::of(&script) {
            End::Statement => joined.extend(std::iter::once(';').chain(std::iter::repeat_n(' ', BREAKPOINT.len() - 1))),
            // What follows on the line is part of the next piece, as long as nothing does.
            End::Comment if next.lines().next().is_none_or(|rest| rest.trim().is_empty()) => joined += BREAKPOINT,
            End::Comment => return Err((line(&joined), "text follows a breakpoint that stands in a comment")),
            End::UnclosedStatement => {
                return Err((line(&joined), "a breakpoint stands in a comment after a statement without a semicolon"));
            }
            End::Open => {
                return Err((line(&joined), "a breakpoint stands within a string or a comment, where Drizzle cuts it"));
            }
        }
    }
    Ok(joined)
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

/// The line at which a text ends, from 1.
fn line(text: &str) -> usize {
    lines(text) + 1
}

/// How a piece ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// Outside all quotes and comments.
    Statement,
    /// In a comment to the end of the line, with all statements closed.
    Comment,
    /// In such a comment, with a statement before it that has no semicolon.
    UnclosedStatement,
    /// Within a string, a body, or a comment of several lines.
    Open,
}

impl End {
    fn of(script: &Script) -> Self {
        let (mut is_comment, mut is_open, mut live) = (false, false, None);
        for token in tokens(script.text(), script.dialect()) {
            is_open |= token.is_open;
            is_comment = token.text.starts_with(['-', '#'])
                && self::is_comment(token.text)
                && !token.text.ends_with(['\n', '\r']);
            live = if token.kind == TokenKind::Blank { live } else { Some(token.text) };
        }
        match (is_open || !script.is_complete(), is_comment, live) {
            (true, ..) => Self::Open,
            (_, false, _) => Self::Statement,
            (_, true, None | Some(";")) => Self::Comment,
            (_, true, Some(_)) => Self::UnclosedStatement,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Result<Vec<String>, (usize, &'static str)> {
        let joined = joined(text, Dialect::Postgres, Pieces::Any)?;
        assert_eq!((joined.len(), lines(&joined)), (text.len(), lines(text)));
        let script = Script::new(joined, Dialect::Postgres);
        Ok(script.statements().iter().map(|statement| statement.text.trim().to_owned()).collect())
    }

    #[test]
    fn the_pieces_are_one_script() {
        for (text, expected) in [
            ("a;\n--> statement-breakpoint\nb;", &["a", "b"][..]),
            ("a--> statement-breakpoint\nb", &["a", "b"]),
            ("a;--> statement-breakpointb;\n--> statement-breakpoint\nc;", &["a", "b", "c"]),
            ("a;\r\n--> statement-breakpoint\r\nb;\r\n", &["a", "b"]),
            ("a;\n--> statement-breakpoint\n\n--> statement-breakpoint\n", &["a"]),
            ("-->statement-breakpoint\na;\n--> Statement-Breakpoint\nb", &["a", "b"]),
            ("-- a;--> statement-breakpoint\nb;", &["b"]),
            ("a; -- x --> statement-breakpoint\nb;", &["a", "b"]),
            ("", &[]),
        ] {
            assert_eq!(texts(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn a_breakpoint_that_cuts_a_statement_is_refused_with_its_line() {
        for (text, line) in [
            ("a;\nb 'x\n--> statement-breakpoint\ny'", 3),
            ("/* a;--> statement-breakpoint\nb; */", 1),
            ("do $$ x;--> statement-breakpoint\ny $$", 1),
            ("-- a;--> statement-breakpoint b;\n", 1),
            ("a -- x --> statement-breakpoint\nb", 1),
        ] {
            assert_eq!(texts(text).map_err(|(line, _)| line), Err(line), "{text}");
        }
    }

    #[test]
    fn the_drivers_of_sqlite_take_one_statement_between_two_breakpoints() {
        let line = |text: &str| joined(text, Dialect::Sqlite, Pieces::One).err().map(|(line, _)| line);
        assert_eq!(line("a;\n--> statement-breakpoint\nb;\n"), None);
        for (text, expected) in [
            ("a;\nb;", 1),
            ("a;\n--> statement-breakpoint\n", 2),
            ("-- later\n", 1),
            ("", 1),
            ("a;\n--> statement-breakpoint\nb;\nc", 3),
        ] {
            assert_eq!(line(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn mysql_takes_a_comment_between_two_breakpoints_and_no_empty_query() {
        let line = |text: &str| joined(text, Dialect::Mysql, Pieces::OneOrComment).err().map(|(line, _)| line);
        for fine in [
            "a;\n--> statement-breakpoint\nb;\n",
            "# c\n--> statement-breakpoint\n-- d\n--> statement-breakpoint\nb; -- e\n",
            "/* c */",
            "CREATE PROCEDURE p() BEGIN a; b; END;\n--> statement-breakpoint\nc",
        ] {
            assert_eq!(line(fine), None, "{fine}");
        }
        for (text, expected) in [("a;\nb;", 1), ("a;\n--> statement-breakpoint\n", 2), ("", 1), (";", 1)] {
            assert_eq!(line(text), Some(expected), "{text}");
        }
    }
}
