//! One pass over a script: where each statement begins and ends, and its tokens and words.

use std::ops::Range;
use std::sync::Arc;

use crate::sql::Dialect;
use crate::sql::body::StatementBody;
use crate::sql::dialect::Lexing;
use crate::sql::script::Statement;
use crate::sql::token::{Token, TokenKind, Tokenizer, is_word_byte};
use crate::sql::words::{Word, Words};

/// What one pass over a script finds.
#[derive(Debug, Clone)]
pub(crate) struct Lexed {
    statements: Vec<Span>,
    lexemes: Arc<ScriptLexemes>,
    /// Comments of one line.
    pub(crate) comments: Vec<Comment>,
    /// Comments with a beginning and an end.
    pub(crate) block_comments: Vec<Comment>,
    /// Byte offsets of what ends statements (semicolons, or the delimiter in force), and its length; likewise the commands
    /// that change the delimiter.
    pub(crate) separators: Vec<(usize, usize)>,
    /// No quote, comment, parenthesis or body is left open.
    pub(crate) is_complete: bool,
    /// See [`crate::sql::script::mentions_commit`].
    pub(crate) mentions_commit: bool,
}

/// A comment, by its place in the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comment {
    /// Byte offset of its first sign.
    pub offset: usize,
    /// Byte offset of its end: of a comment of one line, that of the line.
    pub end: usize,
    /// It stands in a parenthesis, or in a body of statements.
    pub nested: bool,
}

/// One statement, by its place in the script and in its lexemes.
#[derive(Debug, Clone)]
struct Span {
    offset: usize,
    end: usize,
    tokens: Range<usize>,
    words: Range<usize>,
}

/// A token: its kind, its length in bytes, and whether the closing quote is missing.
type Lexeme = (TokenKind, usize, bool);

/// The words and tokens of all statements of a script, in two buffers rather than two per statement.
#[derive(Debug)]
struct ScriptLexemes {
    dialect: Dialect,
    /// Where each word is in the text of its statement.
    words: Vec<Range<usize>>,
    tokens: Vec<Lexeme>,
}

/// The words and tokens of a statement, shared by all views of it.
#[derive(Clone)]
pub(crate) struct Lexemes {
    of_script: Arc<ScriptLexemes>,
    tokens: Range<usize>,
    words: Range<usize>,
}

impl Lexemes {
    pub(crate) fn dialect(&self) -> Dialect {
        self.of_script.dialect
    }

    /// They cover the statement without gaps.
    pub(crate) fn tokens(&self) -> &[Lexeme] {
        &self.of_script.tokens[self.tokens.clone()]
    }

    /// The words of the statement, whose text this is.
    pub(crate) fn words<'a>(&'a self, text: &'a str) -> Words<'a> {
        Words::new(text, &self.of_script.words[self.words.clone()])
    }
}

impl Lexed {
    pub(crate) fn statements<'a>(&self, text: &'a str) -> Vec<Statement<'a>> {
        let statement = |span: &Span| Statement {
            offset: span.offset,
            text: &text[span.offset..span.end],
            lexemes: Lexemes {
                of_script: Arc::clone(&self.lexemes),
                tokens: span.tokens.clone(),
                words: span.words.clone(),
            },
        };
        self.statements.iter().map(statement).collect()
    }

    /// Where this reading of a text first differs from another one, in bytes.
    pub(crate) fn first_difference(&self, other: &Self) -> Option<usize> {
        for (mine, others) in self.statements.iter().zip(&other.statements) {
            if mine.offset != others.offset {
                return Some(mine.offset.min(others.offset));
            }
            let (mut at, same) = (mine.offset, &other.lexemes.tokens[others.tokens.clone()]);
            for (index, token) in self.lexemes.tokens[mine.tokens.clone()].iter().enumerate() {
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
    let mut reading = Reading::new(script, dialect);
    let (mut begins_line, mut is_open) = (true, false);
    let mut tokenizer = Tokenizer::by(script, lexing);
    let has_commands = lexing.delimiter_command;
    loop {
        let blanks = tokenizer.blanks();
        reading.blanks(blanks.len());
        begins_line |= has_commands && blanks.contains('\n');
        let Some(token) = tokenizer.next() else { break };
        let is_command = has_commands && begins_line && reading.current.is_none() && is_delimiter_word(&token);
        if is_command && let Some(rest) = tokenizer.delimiter_command() {
            reading.command(token.text.len() + rest);
            begins_line = false;
            continue;
        }
        match token.kind {
            TokenKind::Blank if !token.is_edge_of_code() => reading.comment(&token),
            TokenKind::Mark if tokenizer.separates(&token) && reading.is_separable(tokenizer.has_own_delimiter()) => {
                reading.separator(&token);
            }
            _ => reading.keep(&token),
        }
        reading.passed(&token);
        begins_line = token.kind == TokenKind::Blank && token.text.ends_with('\n');
        is_open |= token.is_open;
    }
    reading.end_statement();
    let is_complete = !is_open && !reading.is_nested() && !tokenizer.is_in_code();
    let Reading { found: statements, lexemes, comments, block_comments, separators, mentions_commit, .. } = reading;
    let lexemes = Arc::new(lexemes);
    Lexed { statements, lexemes, comments, block_comments, separators, is_complete, mentions_commit }
}

fn is_delimiter_word(token: &Token<'_>) -> bool {
    token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case("DELIMITER")
}

/// The length of the shortest word that ends a transaction.
const SHORTEST_END: usize = 5;

/// Whether such a word is in the token. Asked for every token of a script, so that it looks at bytes, and first at lengths.
fn ends_transaction(token: &Token<'_>) -> bool {
    let ends = |word: &[u8]| match word.len() {
        SHORTEST_END => word.eq_ignore_ascii_case(b"ABORT"),
        6 => word.eq_ignore_ascii_case(b"COMMIT"),
        8 => word.eq_ignore_ascii_case(b"ROLLBACK"),
        _ => false,
    };
    let text = token.text.as_bytes();
    match token.kind {
        _ if text.len() < SHORTEST_END || text[0] == b'$' => false,
        TokenKind::Word if !text.contains(&b'$') => ends(text),
        _ => text.split(|byte| !is_word_byte(*byte)).any(ends),
    }
}

/// The statement that is being read.
struct Current {
    /// Where it begins.
    offset: usize,
    /// Where its last token that is no blank ends.
    end: usize,
    /// Its first token and its first word, among those of the script.
    token: usize,
    word: usize,
    /// How many tokens the script has up to `end`.
    kept: usize,
}

/// The state of [`lex`] between two tokens.
struct Reading<'a> {
    script: &'a str,
    found: Vec<Span>,
    lexemes: ScriptLexemes,
    comments: Vec<Comment>,
    block_comments: Vec<Comment>,
    separators: Vec<(usize, usize)>,
    mentions_commit: bool,
    /// Where the next token begins.
    at: usize,
    /// The last token that was no blank.
    before: &'a str,
    current: Option<Current>,
    /// Open parentheses.
    depth: usize,
    body: StatementBody,
}

impl<'a> Reading<'a> {
    fn new(script: &'a str, dialect: Dialect) -> Self {
        // Most scripts have fewer words and tokens, so that the lists seldom move.
        let (words, tokens) = (Vec::with_capacity(script.len() / 12), Vec::with_capacity(script.len() / 3));
        Self {
            script,
            found: Vec::new(),
            lexemes: ScriptLexemes { dialect, words, tokens },
            comments: Vec::new(),
            block_comments: Vec::new(),
            separators: Vec::new(),
            mentions_commit: false,
            at: 0,
            before: "",
            current: None,
            depth: 0,
            body: StatementBody::of(dialect),
        }
    }

    /// In a parenthesis, or in a body of statements.
    fn is_nested(&self) -> bool {
        self.depth > 0 || self.body.depth() > 0
    }

    /// Whether what separates statements does so here; a delimiter of its own does so anywhere, as in the mysql client.
    fn is_separable(&self, has_own_delimiter: bool) -> bool {
        has_own_delimiter || !self.is_nested()
    }

    /// Takes a command of this length, which is no part of a statement.
    fn command(&mut self, length: usize) {
        self.separators.push((self.at, length));
        self.at += length;
        self.before = "";
    }

    /// Takes what ends a statement.
    fn separator(&mut self, token: &Token<'_>) {
        self.separators.push((self.at, token.text.len()));
        self.end_statement();
        (self.depth, self.body) = (0, StatementBody::of(self.lexemes.dialect));
    }

    /// Takes this many bytes of white space.
    fn blanks(&mut self, count: usize) {
        if self.current.is_some() {
            self.lexemes.tokens.extend(std::iter::repeat_n((TokenKind::Blank, 1, false), count));
        }
        self.at += count;
    }

    /// Takes a comment.
    fn comment(&mut self, token: &Token<'_>) {
        let is_line_comment = token.text.starts_with("--");
        let end = self.at + token.text.trim_end().len();
        let comment = Comment { offset: self.at, end, nested: self.is_nested() };
        if is_line_comment {
            self.comments.push(comment);
        } else if token.text.starts_with("/*") {
            self.block_comments.push(comment);
        }
        let Some(current) = &mut self.current else { return };
        // Without the comment the dashes before it would begin one themselves, and their error would be lost.
        if is_line_comment && self.before == "-" && current.end == self.at {
            let kept = token.text.strip_suffix('\n').unwrap_or(token.text).len();
            self.lexemes.tokens.push((token.kind, kept, token.is_open));
            (current.end, current.kept) = (self.at + kept, self.lexemes.tokens.len());
            if kept < token.text.len() {
                self.lexemes.tokens.push((token.kind, token.text.len() - kept, token.is_open));
            }
        } else {
            self.lexemes.tokens.push((token.kind, token.text.len(), token.is_open));
        }
    }

    /// Makes the token one of the statement, which it begins if there is none.
    fn keep(&mut self, token: &Token<'_>) {
        let ScriptLexemes { words, tokens, .. } = &mut self.lexemes;
        let (at, first) = (self.at, tokens.len());
        let begin = || Current { offset: at, end: at, token: first, word: words.len(), kept: first };
        let current = self.current.get_or_insert_with(begin);
        tokens.push((token.kind, token.text.len(), token.is_open));
        (current.end, current.kept) = (at + token.text.len(), tokens.len());
        let (offset, word) = (current.offset, current.word);
        match token.kind {
            TokenKind::Word => self.word(token.text, offset, word),
            TokenKind::Quoted | TokenKind::Mark => self.mark(token.text),
            TokenKind::Blank => {}
        }
    }

    /// Reads a word of the statement that begins at this offset and with this word of the script.
    fn word(&mut self, text: &str, offset: usize, first: usize) {
        // `t.case` and `AS end` are names.
        let is_name = || self.before == "." || self.before.eq_ignore_ascii_case("AS");
        if self.body.depth() > 0 && is_name() {
            self.body.pass(text);
        } else {
            let before = Words::new(&self.script[offset..], &self.lexemes.words[first..]);
            self.body.read(Word(text), before, self.depth);
        }
        let at = self.at - offset;
        self.lexemes.words.push(at..at + text.len());
    }

    /// Reads a quoted text or a mark of the statement.
    fn mark(&mut self, text: &str) {
        match text.as_bytes() {
            [b'('] => self.depth += 1,
            [b')'] => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.body.pass(text);
    }

    /// Goes on behind the token.
    fn passed(&mut self, token: &Token<'a>) {
        self.at += token.text.len();
        if token.kind != TokenKind::Blank {
            self.before = token.text;
        }
        self.mentions_commit = self.mentions_commit || ends_transaction(token);
    }

    /// Blanks before the semicolon belong to no statement.
    fn end_statement(&mut self) {
        let Some(Current { offset, end, token, word, kept }) = self.current.take() else { return };
        self.lexemes.tokens.truncate(kept);
        self.found.push(Span { offset, end, tokens: token..kept, words: word..self.lexemes.words.len() });
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
