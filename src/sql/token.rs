//! Cuts a text into tokens: white space and comments, words, what is in quotes, single marks. The tokens cover the text
//! without gaps.

use crate::sql::Dialect;
use crate::sql::dialect::Lexing;

/// All tokens of a text.
pub(crate) fn tokens(text: &str, dialect: Dialect) -> impl Iterator<Item = Token<'_>> {
    Tokenizer::new(text, dialect)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// White space or a comment; also the two ends of a comment that is code (`/*!50003 … */`).
    Blank,
    /// A name or keyword.
    Word,
    /// A string, a quoted name, a dollar-quoted body.
    Quoted,
    /// Anything else, one character; or the delimiter that is in force instead of the semicolon.
    Mark,
}

pub(crate) struct Token<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) text: &'a str,
    /// Its closing quote or mark is missing.
    pub(crate) is_open: bool,
}

impl Token<'_> {
    /// It begins or ends a comment that is code.
    pub(crate) fn is_edge_of_code(&self) -> bool {
        let is_comment = self.kind == TokenKind::Blank && self.text.len() > 1;
        is_comment && (self.text == "*/" || code_begins(self.text).is_some())
    }
}

/// How long a token is; `None` where it never closes.
type Length = Option<usize>;

/// The tokens of a text, one after the other.
pub(crate) struct Tokenizer<'a> {
    text: &'a str,
    lexing: &'static Lexing,
    at: usize,
    /// Within a comment that is code.
    in_code: bool,
    /// What ends a statement instead of the semicolon.
    delimiter: Option<&'a str>,
}

impl<'a> Tokenizer<'a> {
    pub(crate) fn new(text: &'a str, dialect: Dialect) -> Self {
        Self::by(text, &dialect.rules().lexing)
    }

    /// The tokens by these rules.
    pub(crate) fn by(text: &'a str, lexing: &'static Lexing) -> Self {
        Self { text, lexing, at: 0, in_code: false, delimiter: None }
    }

    /// Whether a comment that is code is open.
    pub(crate) fn is_in_code(&self) -> bool {
        self.in_code
    }

    /// What ends a statement now.
    pub(crate) fn delimiter(&self) -> &'a str {
        self.delimiter.unwrap_or(";")
    }

    /// Whether the mysql client's command DELIMITER has changed what ends a statement.
    pub(crate) fn has_own_delimiter(&self) -> bool {
        self.delimiter.is_some()
    }

    /// Reads the rest of a line that begins with the word `DELIMITER`, which has just been read, as the mysql client does
    /// (manual 6.5.1.2): the first word of the rest is what ends a statement from here on. Returns the length of the rest;
    /// `None` where no delimiter is named.
    pub(crate) fn delimiter_command(&mut self) -> Option<usize> {
        let rest = &self.text[self.at..];
        let line = &rest[..rest.find('\n').unwrap_or(rest.len())];
        let argument = line.trim_matches(is_blank).split(is_blank).next().unwrap_or_default();
        let is_separate = line.starts_with(is_blank);
        let unquoted = ['\'', '"', '`'].into_iter().find_map(|quote| argument.strip_prefix(quote)?.strip_suffix(quote));
        let argument = unquoted.unwrap_or(argument);
        if !is_separate || argument.is_empty() || argument.contains('\\') {
            return None;
        }
        self.delimiter = (argument != ";").then_some(argument);
        self.at += line.len();
        Some(line.len())
    }

    /// The token that `rest`, which is not empty, begins with. An unclosed quote or comment goes to the end.
    fn token(&mut self, rest: &'a str) -> Token<'a> {
        if let Some(delimiter) = self.delimiter
            && rest.starts_with(delimiter)
        {
            return Token { kind: TokenKind::Mark, text: delimiter, is_open: false };
        }
        if self.in_code && rest.starts_with("*/") {
            self.in_code = false;
            return Token { kind: TokenKind::Blank, text: &rest[..2], is_open: false };
        }
        if self.lexing.executable_comments
            && let Some(length) = code_begins(rest)
        {
            self.in_code = true;
            return Token { kind: TokenKind::Blank, text: &rest[..length], is_open: false };
        }
        if let Some(delimiter) = self.delimiter
            && rest.starts_with(is_word)
        {
            // A word ends where the delimiter begins: `END//`, `END$$`.
            let ends = |(at, c): &(usize, char)| !(is_word(*c) || *c == '$') || rest[*at..].starts_with(delimiter);
            let end = rest.char_indices().find(ends).map_or(rest.len(), |(at, _)| at);
            return Token { kind: TokenKind::Word, text: &rest[..end], is_open: false };
        }
        token(rest, self.lexing)
    }
}

impl<'a> Iterator for Tokenizer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let token = self.token(rest);
        self.at += token.text.len();
        Some(token)
    }
}

/// The length of the beginning of a comment that is code: `/*!`, `/*M!`, each with the number of a version or without one
/// (MySQL manual 11.7; MariaDB, "Comment Syntax").
fn code_begins(rest: &str) -> Option<usize> {
    let begin = ["/*!", "/*M!"].into_iter().find(|begin| rest.starts_with(begin))?.len();
    let digits = rest[begin..].bytes().take(6).take_while(u8::is_ascii_digit).count();
    Some(begin + if digits >= 5 { digits } else { 0 })
}

fn token<'a>(rest: &'a str, lexing: &Lexing) -> Token<'a> {
    let first = rest.chars().next().unwrap_or(' ');
    let second = rest[first.len_utf8()..].chars().next();
    let escapes = lexing.backslash_escapes.contains(&first);
    let (kind, length): (TokenKind, Length) = match (first, second) {
        ('-', Some('-')) if !lexing.dashes_need_blank || is_blank_or_end(&rest[2..]) => {
            (TokenKind::Blank, Some(line(rest, lexing)))
        }
        // The text is cut at the semicolon, so that the server reads a comment at its end.
        ('-', Some('-')) if rest[2..].starts_with(';') => (TokenKind::Blank, Some(2)),
        ('#', _) if lexing.hash_comments => (TokenKind::Blank, Some(line(rest, lexing))),
        ('/', Some('*')) => (TokenKind::Blank, comment(rest, lexing.nested_comments)),
        ('\'' | '"', _) => (TokenKind::Quoted, quoted(rest, rest.as_bytes()[0], escapes)),
        ('`', _) if lexing.backquotes => (TokenKind::Quoted, quoted(rest, b'`', false)),
        ('[', _) if lexing.brackets => (TokenKind::Quoted, rest.find(']').map(|end| end + 1)),
        ('e' | 'E', Some('\'')) if lexing.escape_strings => {
            (TokenKind::Quoted, escaped(&rest[1..]).map(|length| length + 1))
        }
        ('$', _) if lexing.dollar_quotes => {
            dollar_quoted(rest).map_or((TokenKind::Mark, Some(1)), |length| (TokenKind::Quoted, length))
        }
        _ if is_blank(first) => (TokenKind::Blank, Some(1)),
        _ if is_word(first) => (TokenKind::Word, Some(word(rest))),
        _ => (TokenKind::Mark, Some(first.len_utf8())),
    };
    Token { kind, text: &rest[..length.unwrap_or(rest.len())], is_open: length.is_none() }
}

/// The length of a comment of one line, with the end of the line.
fn line(rest: &str, lexing: &Lexing) -> usize {
    let end = rest.find(|c| c == '\n' || (lexing.carriage_return_ends_line && c == '\r'));
    end.map_or(rest.len(), |end| end + 1)
}

fn is_blank_or_end(rest: &str) -> bool {
    rest.chars().next().is_none_or(|next| next == ' ' || next.is_ascii_control())
}

/// White space, as PostgreSQL has it. SQLite takes the vertical tab for an error, so that nothing depends on it.
pub(crate) fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

/// A character of a name. Every character outside ASCII is one.
pub(crate) fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
}

/// The same of a byte: all bytes of a character outside ASCII are.
pub(crate) fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn word(rest: &str) -> usize {
    rest.bytes().position(|byte| !is_word_byte(byte) && byte != b'$').unwrap_or(rest.len())
}

/// An E'' string; it goes on after a line break that another quote follows (PostgreSQL manual 4.1.2.1), with comments
/// of one line between them.
fn escaped(rest: &str) -> Length {
    let mut length = quoted(rest, b'\'', true)?;
    loop {
        let mut after = rest[length..].trim_start_matches(is_blank);
        while after.starts_with("--") {
            after = after.trim_start_matches(|c| !matches!(c, '\n' | '\r')).trim_start_matches(is_blank);
        }
        let gap = &rest[length..rest.len() - after.len()];
        if !after.starts_with('\'') || !gap.contains(['\n', '\r']) {
            return Some(length);
        }
        length += gap.len() + quoted(after, b'\'', true)?;
    }
}

/// PostgreSQL's comments nest, SQLite's do not.
fn comment(rest: &str, nests: bool) -> Length {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(pair) = rest.as_bytes().get(at..at + 2) {
        match pair {
            b"/*" if depth == 0 || nests => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// A doubled quote is part of the text; a backslash escapes in E'' strings only. Both are ASCII, so that no byte of another
/// character is taken for one.
fn quoted(rest: &str, quote: u8, escapes: bool) -> Length {
    let (bytes, mut at) = (rest.as_bytes(), 1);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if escapes => at += 2,
            _ if *byte != quote => at += 1,
            _ if bytes.get(at + 1) == Some(&quote) => at += 2,
            _ => return Some(at + 1),
        }
    }
    None
}

/// `$$ … $$` or `$tag$ … $tag$`; `None` for a lone dollar or a parameter.
fn dollar_quoted(rest: &str) -> Option<Length> {
    let tag_end = rest[1..].find(|c: char| !is_word(c))? + 1;
    let is_tag = rest[tag_end..].starts_with('$') && !rest[1..tag_end].starts_with(|c: char| c.is_ascii_digit());
    let tag = is_tag.then(|| &rest[..=tag_end])?;
    Some(rest[tag.len()..].find(tag).map(|end| tag.len() + end + tag.len()))
}
