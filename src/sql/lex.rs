//! One pass over a script: where each statement begins and ends, and its tokens and words.

use std::sync::Arc;

use crate::sql::Dialect;
use crate::sql::body::StatementBody;
use crate::sql::dialect::Lexing;
use crate::sql::script::Statement;
use crate::sql::token::{Token, TokenKind, Tokenizer, is_word_byte};

/// What one pass over a script finds.
#[derive(Debug, Clone)]
pub(crate) struct Lexed {
    statements: Vec<Span>,
    /// Comments of one line.
    pub(crate) comments: Vec<LineComment>,
    /// Byte offsets of what ends statements (semicolons, or the delimiter in force), and its length; likewise the commands
    /// that change the delimiter.
    pub(crate) separators: Vec<(usize, usize)>,
    /// No quote, comment, parenthesis or body is left open.
    pub(crate) is_complete: bool,
    /// See [`crate::sql::script::mentions_commit`].
    pub(crate) mentions_commit: bool,
}

/// A comment of one line, by its place in the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineComment {
    /// Byte offset of its first dash.
    pub offset: usize,
    /// Byte offset of the end of its line.
    pub end: usize,
    /// It stands in a parenthesis, or in a body of statements.
    pub nested: bool,
}

/// One statement, by its place in the script.
#[derive(Debug, Clone)]
struct Span {
    offset: usize,
    end: usize,
    lexemes: Arc<Lexemes>,
}

/// The words and tokens of a statement, shared by all views of it.
#[derive(Debug)]
pub(crate) struct Lexemes {
    pub(crate) dialect: Dialect,
    pub(crate) words: Vec<String>,
    /// TokenKind, length in bytes, and whether the closing quote is missing. They cover the statement without gaps.
    pub(crate) tokens: Vec<(TokenKind, usize, bool)>,
}

impl Lexed {
    pub(crate) fn statements<'a>(&self, text: &'a str) -> Vec<Statement<'a>> {
        let statement = |span: &Span| Statement {
            offset: span.offset,
            text: &text[span.offset..span.end],
            lexemes: Arc::clone(&span.lexemes),
        };
        self.statements.iter().map(statement).collect()
    }

    /// Where this reading of a text first differs from another one, in bytes.
    pub(crate) fn first_difference(&self, other: &Self) -> Option<usize> {
        for (mine, others) in self.statements.iter().zip(&other.statements) {
            if mine.offset != others.offset {
                return Some(mine.offset.min(others.offset));
            }
            let (mut at, same) = (mine.offset, &others.lexemes.tokens);
            for (index, token) in mine.lexemes.tokens.iter().enumerate() {
                if same.get(index) != Some(token) {
                    return Some(at);
                }
                at += token.1;
            }
            if mine.end != others.end {
                return Some(at);
            }
        }
        let (mine, others) = (&self.statements, &other.statements);
        let further = mine.get(others.len()).or_else(|| others.get(mine.len()));
        let separators = self.separators.iter().zip(&other.separators).find(|(mine, others)| mine != others);
        let further = further.map(|span| span.offset).or(separators.map(|(mine, others)| mine.0.min(others.0)));
        further.or((self.is_complete != other.is_complete).then_some(0))
    }
}

/// Counts how often each text is lexed, for the test that a run lexes each script at most once.
#[cfg(test)]
pub(crate) mod count {
    use std::cell::RefCell;
    use std::collections::HashMap;

    thread_local! {
        static LEXED: RefCell<HashMap<String, usize>> = RefCell::default();
    }

    pub(crate) fn note(text: &str) {
        LEXED.with_borrow_mut(|counts| *counts.entry(text.to_owned()).or_default() += 1);
    }

    /// How often this thread has lexed the text.
    pub(crate) fn of(text: &str) -> usize {
        LEXED.with_borrow(|counts| counts.get(text).copied().unwrap_or_default())
    }
}

/// Reads the whole text once.
pub(crate) fn lex(script: &str, dialect: Dialect) -> Lexed {
    #[cfg(test)]
    count::note(script);
    lex_by(script, dialect, &dialect.rules().lexing)
}

/// Reads the whole text by other rules than those of its dialect.
pub(crate) fn lex_by(script: &str, dialect: Dialect, lexing: &'static Lexing) -> Lexed {
    let mut reading = Reading::new(dialect);
    let (mut at, mut is_open, mut mentions_commit) = (0, false, false);
    let (mut before, mut begins_line) = ("", true);
    let mut tokenizer = Tokenizer::by(script, lexing);
    let has_commands = lexing.delimiter_command;
    while let Some(token) = tokenizer.next() {
        let is_command = has_commands && begins_line && reading.current.is_none() && is_delimiter_word(&token);
        if is_command && let Some(rest) = tokenizer.delimiter_command() {
            let length = token.text.len() + rest;
            reading.separators.push((at, length));
            (at, before, begins_line) = (at + length, "", false);
            continue;
        }
        let separates = token.kind == TokenKind::Mark && token.text == tokenizer.delimiter();
        reading.separates = separates && (tokenizer.has_own_delimiter() || !tokenizer.is_in_code());
        reading.has_own_delimiter = tokenizer.has_own_delimiter();
        is_open |= token.is_open;
        mentions_commit |= ends_transaction(&token);
        reading.take(at, &token, before);
        if token.kind != TokenKind::Blank {
            before = token.text;
        }
        begins_line = ends_line(&token).unwrap_or(begins_line);
        at += token.text.len();
    }
    reading.end_statement();
    let is_complete = !is_open && reading.depth == 0 && reading.body.depth() == 0 && !tokenizer.is_in_code();
    let Reading { found: statements, comments, separators, .. } = reading;
    Lexed { statements, comments, separators, is_complete, mentions_commit }
}

fn is_delimiter_word(token: &Token<'_>) -> bool {
    token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case("DELIMITER")
}

/// Whether what follows the token begins a line; `None` for white space within one.
fn ends_line(token: &Token<'_>) -> Option<bool> {
    match token.kind {
        TokenKind::Blank if token.text.as_bytes().last() == Some(&b'\n') => Some(true),
        TokenKind::Blank if token.text.len() == 1 => None,
        _ => Some(false),
    }
}

/// Asked for every token of a script, so that it looks at bytes, and first at lengths.
fn ends_transaction(token: &Token<'_>) -> bool {
    const ENDS: [&[u8]; 3] = [b"COMMIT", b"ROLLBACK", b"ABORT"];
    let text = token.text.as_bytes();
    if text.len() < 5 || text[0] == b'$' {
        return false;
    }
    let mut words = text.split(|byte| !is_word_byte(*byte)).filter(|word| matches!(word.len(), 5 | 6 | 8));
    words.any(|word| ENDS.iter().any(|ends| word.eq_ignore_ascii_case(ends)))
}

/// The statement that is being read.
struct Current {
    /// Where it begins.
    offset: usize,
    /// Where its last token that is no blank ends.
    end: usize,
    /// How many tokens it has up to there.
    kept: usize,
    lexemes: Lexemes,
}

/// The state of [`lex`] between two tokens.
struct Reading {
    dialect: Dialect,
    found: Vec<Span>,
    comments: Vec<LineComment>,
    separators: Vec<(usize, usize)>,
    current: Option<Current>,
    /// Open parentheses.
    depth: usize,
    body: StatementBody,
    /// The token is what ends a statement.
    separates: bool,
    /// It does so anywhere, as in the mysql client.
    has_own_delimiter: bool,
}

impl Reading {
    fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            found: Vec::new(),
            comments: Vec::new(),
            separators: Vec::new(),
            current: None,
            depth: 0,
            body: StatementBody::of(dialect),
            separates: false,
            has_own_delimiter: false,
        }
    }

    /// Takes the token at this offset, given the last one that was no blank.
    fn take(&mut self, at: usize, token: &Token<'_>, before: &str) {
        let lexeme = (token.kind, token.text.len(), token.is_open);
        if token.kind == TokenKind::Blank && token.text.starts_with("--") {
            let nested = self.depth > 0 || self.body.depth() > 0;
            self.comments.push(LineComment { offset: at, end: at + token.text.trim_end().len(), nested });
        }
        if token.kind == TokenKind::Blank && !token.is_edge_of_code() {
            if let Some(current) = &mut self.current {
                // Without the comment the dashes before it would begin one themselves, and their error would be lost.
                let belongs = before == "-" && current.end == at && token.text.starts_with("--");
                let kept = if belongs { token.text.strip_suffix('\n').unwrap_or(token.text).len() } else { 0 };
                let pieces = [kept, token.text.len() - kept].into_iter().filter(|length| *length > 0);
                current.lexemes.tokens.extend(pieces.map(|length| (token.kind, length, token.is_open)));
                if belongs {
                    let newlines = usize::from(kept < token.text.len());
                    (current.end, current.kept) = (at + kept, current.lexemes.tokens.len() - newlines);
                }
            }
            return;
        }
        if self.separates && (self.has_own_delimiter || (self.depth == 0 && self.body.depth() == 0)) {
            self.separators.push((at, token.text.len()));
            self.end_statement();
            (self.depth, self.body) = (0, StatementBody::of(self.dialect));
            return;
        }
        let dialect = self.dialect;
        let current = self.current.get_or_insert_with(|| Current {
            offset: at,
            end: at,
            kept: 0,
            lexemes: Lexemes { dialect, words: Vec::new(), tokens: Vec::new() },
        });
        current.end = at + token.text.len();
        current.lexemes.tokens.push(lexeme);
        current.kept = current.lexemes.tokens.len();
        if token.kind == TokenKind::Word {
            let word = token.text.to_ascii_uppercase();
            // `t.case` and `AS end` are names.
            let is_name = before == "." || before.eq_ignore_ascii_case("AS");
            if self.body.depth() == 0 || !is_name {
                self.body.read(&word, &current.lexemes.words, self.depth);
            } else {
                self.body.pass(token.text);
            }
            current.lexemes.words.push(word);
            return;
        }
        match token.text {
            "(" => self.depth += 1,
            ")" => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if token.kind != TokenKind::Blank {
            self.body.pass(token.text);
        }
    }

    /// Blanks before the semicolon belong to no statement.
    fn end_statement(&mut self) {
        let Some(Current { offset, end, kept, mut lexemes }) = self.current.take() else { return };
        lexemes.tokens.truncate(kept);
        self.found.push(Span { offset, end, lexemes: Arc::new(lexemes) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::script::{Script, is_complete, statements, summary};

    fn texts(script: &str) -> Vec<&str> {
        statements(script, Dialect::Mysql).into_iter().map(|statement| statement.text).collect()
    }

    #[test]
    fn the_comments_and_strings_of_mysql_end_nothing() {
        for (script, expected) in [
            ("a -- ;\n; b", vec!["a", "b"]),
            ("a --\n; b", vec!["a", "b"]),
            ("a --; b", vec!["a", "b"]),
            ("a --x; b", vec!["a --x", "b"]),
            ("SELECT 5--4; b", vec!["SELECT 5--4", "b"]),
            ("a # ; it's\n; b --", vec!["a", "b"]),
            ("a;\n---- b;\nc", vec!["a", "---- b;\nc"]),
            ("a ---- b;", vec!["a ---- b;"]),
            ("a '\\';' ; b \"\\\";\" ; c 'it''s;'", vec!["a '\\';'", "b \"\\\";\"", "c 'it''s;'"]),
            ("a `;\\`; b ```;`", vec!["a `;\\`", "b ```;`"]),
            ("a /* /* ; */; b", vec!["a", "b"]),
            ("SELECT /*+ MAX(1;) */ 1; b", vec!["SELECT /*+ MAX(1;) */ 1", "b"]),
            ("SELECT 2*/*c*/3; b", vec!["SELECT 2*/*c*/3", "b"]),
            ("a $$ ; b $$", vec!["a $$", "b $$"]),
            (";;\n-- nothing\n# nothing\n", vec![]),
        ] {
            assert_eq!(texts(script), expected, "{script}");
            assert!(is_complete(script, Dialect::Mysql), "{script}");
        }
        for open in ["a 'b\\'", "a /*! b", "a /* b", "a `b", "f("] {
            assert!(!is_complete(open, Dialect::Mysql), "{open}");
        }
    }

    #[test]
    fn comments_that_are_code_belong_to_their_statement() {
        let script = "/*!40101 SET NAMES utf8 */;\n/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`h`*/ /*!50003 VIEW v AS SELECT 1 */;\n\
                      ALTER TABLE t /*M!100100 ADD x int, */ ADD y int; /*! DROP */ TABLE t;";
        assert_eq!(
            texts(script),
            [
                "/*!40101 SET NAMES utf8 */",
                "/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`h`*/ /*!50003 VIEW v AS SELECT 1 */",
                "ALTER TABLE t /*M!100100 ADD x int, */ ADD y int",
                "/*! DROP */ TABLE t",
            ]
        );
        let all = statements(script, Dialect::Mysql);
        assert!(all[0].is(&["SET", "NAMES", "UTF8"]) && all[1].starts(&["CREATE", "DEFINER", "VIEW"]));
        assert!(all[2].has_pair("X", "INT") && all[3].is(&["DROP", "TABLE", "T"]));
        assert_eq!(summary(all[0].text, Dialect::Mysql), "SET NAMES utf8");
    }

    #[test]
    fn a_delimiter_is_the_clients_and_no_part_of_a_statement() {
        for (script, expected) in [
            (
                "a;\nDELIMITER //\nCREATE x BEGIN b; c; END//\nd //\n delimiter ;\ne; f",
                vec!["a", "CREATE x BEGIN b; c; END", "d", "e", "f"],
            ),
            ("DELIMITER $$\nBEGIN a; END$$\nb$$DELIMITER ;\n", vec!["BEGIN a; END", "b", "DELIMITER ;"]),
            ("delimiter ;;\r\na; b ;;\r\nDELIMITER ;\r\nc", vec!["a; b", "c"]),
            ("DELIMITER '|'\na; (b | c|\n", vec!["a; (b", "c"]),
            ("DELIMITER go\na; b\ngo\ncgo", vec!["a; b", "c"]),
            ("SELECT 1\nDELIMITER //\n;", vec!["SELECT 1\nDELIMITER //"]),
            ("a '//'; DELIMITER\nDELIMITER", vec!["a '//'", "DELIMITER\nDELIMITER"]),
            (
                "DELIMITER //\n/*!50003 CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN x; END */ //\n",
                vec!["/*!50003 CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN x; END */"],
            ),
        ] {
            assert_eq!(texts(script), expected, "{script}");
        }
        let script = Script::new("a;\nDELIMITER //\nb;//\nDELIMITER ;\nc".to_owned(), Dialect::Mysql);
        assert_eq!(script.pieces(), ["a", "b;", "c"]);
        assert!(script.is_complete());
    }
}
