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
    /// What is not read yet.
    rest: &'a str,
    lexing: &'static Lexing,
    /// Within a comment that is code.
    in_code: bool,
    /// What ends a statement instead of the semicolon. It holds no white space.
    delimiter: Option<&'a str>,
}

impl<'a> Tokenizer<'a> {
    pub(crate) fn new(text: &'a str, dialect: Dialect) -> Self {
        Self::by(text, &dialect.rules().lexing)
    }

    /// The tokens by these rules.
    pub(crate) fn by(text: &'a str, lexing: &'static Lexing) -> Self {
        Self { rest: text, lexing, in_code: false, delimiter: None }
    }

    /// Whether a comment that is code is open.
    pub(crate) fn is_in_code(&self) -> bool {
        self.in_code
    }

    /// Whether this mark, the last token read, is what ends a statement.
    pub(crate) fn separates(&self, mark: &Token<'_>) -> bool {
        match self.delimiter {
            Some(delimiter) => mark.text == delimiter,
            None => mark.text == ";" && !self.in_code,
        }
    }

    /// Whether the mysql client's command DELIMITER has changed what ends a statement.
    pub(crate) fn has_own_delimiter(&self) -> bool {
        self.delimiter.is_some()
    }

    /// Reads the white space before the next other token: as many tokens as it has bytes, without one after the other.
    pub(crate) fn blanks(&mut self) -> &'a str {
        let length = self.rest.bytes().position(|byte| class(byte) != Class::Blank).unwrap_or(self.rest.len());
        if length == 0 {
            return "";
        }
        let (blanks, rest) = self.rest.split_at(length);
        self.rest = rest;
        blanks
    }

    /// Reads the rest of a line that begins with the word `DELIMITER`, which has just been read, as the mysql client does
    /// (manual 6.5.1.2): the first word of the rest is what ends a statement from here on. Returns the length of the rest;
    /// `None` where no delimiter is named.
    pub(crate) fn delimiter_command(&mut self) -> Option<usize> {
        let (line, rest) = self.rest.split_at(self.rest.find('\n').unwrap_or(self.rest.len()));
        let argument = line.trim_matches(is_blank).split(is_blank).next().unwrap_or_default();
        let is_separate = line.starts_with(is_blank);
        let unquoted = ['\'', '"', '`'].into_iter().find_map(|quote| argument.strip_prefix(quote)?.strip_suffix(quote));
        let argument = unquoted.unwrap_or(argument);
        if !is_separate || argument.is_empty() || argument.contains('\\') {
            return None;
        }
        self.delimiter = (argument != ";").then_some(argument);
        self.rest = rest;
        Some(line.len())
    }

    /// The token that begins with this byte, which is neither white space nor of a word.
    fn mark(&mut self, first: u8) -> (TokenKind, Length) {
        if self.in_code && self.rest.starts_with("*/") {
            self.in_code = false;
            return (TokenKind::Blank, Some(2));
        }
        if first == b'/'
            && self.lexing.executable_comments
            && let Some(length) = code_begins(self.rest)
        {
            self.in_code = true;
            return (TokenKind::Blank, Some(length));
        }
        quote_or_mark(self.rest, first, self.lexing)
    }
}

impl<'a> Iterator for Tokenizer<'a> {
    type Item = Token<'a>;

    /// An unclosed quote or comment goes to the end. Most tokens are white space and words, and their first byte tells.
    fn next(&mut self) -> Option<Token<'a>> {
        let rest = self.rest;
        let first = *rest.as_bytes().first()?;
        let (kind, length) = match (class(first), self.delimiter) {
            (Class::Blank, _) => (TokenKind::Blank, Some(1)),
            (_, Some(delimiter)) if rest.starts_with(delimiter) => (TokenKind::Mark, Some(delimiter.len())),
            (Class::Word, Some(delimiter)) => (TokenKind::Word, Some(word_before(delimiter, rest))),
            (Class::Word, None) if self.lexing.escape_strings && begins_escape_string(rest) => {
                (TokenKind::Quoted, escaped(&rest[1..]).map(|length| length + 1))
            }
            (Class::Word, None) => (TokenKind::Word, Some(word(rest))),
            (Class::Dollar | Class::Mark, _) => self.mark(first),
        };
        let (text, rest) = rest.split_at(length.unwrap_or(rest.len()));
        self.rest = rest;
        Some(Token { kind, text, is_open: length.is_none() })
    }
}

/// The length of the beginning of a comment that is code: `/*!`, `/*M!`, each with the number of a version or without one
/// (MySQL manual 11.7; MariaDB, "Comment Syntax").
fn code_begins(rest: &str) -> Option<usize> {
    let begin = ["/*!", "/*M!"].into_iter().find(|begin| rest.starts_with(begin))?.len();
    let digits = rest[begin..].bytes().take(6).take_while(u8::is_ascii_digit).count();
    Some(begin + if digits >= 5 { digits } else { 0 })
}

/// The token that begins with this byte, which is neither white space nor of a word.
fn quote_or_mark(rest: &str, first: u8, lexing: &Lexing) -> (TokenKind, Length) {
    let second = rest.as_bytes().get(1);
    match first {
        b'-' if second == Some(&b'-') => {
            if !lexing.dashes_need_blank || is_blank_or_end(&rest[2..]) {
                (TokenKind::Blank, Some(line(rest, lexing)))
            } else if rest[2..].starts_with(';') {
                // The text is cut at the semicolon, so that the server reads a comment at its end.
                (TokenKind::Blank, Some(2))
            } else {
                (TokenKind::Mark, Some(1))
            }
        }
        b'#' if lexing.hash_comments => (TokenKind::Blank, Some(line(rest, lexing))),
        b'/' if second == Some(&b'*') => (TokenKind::Blank, comment(rest, lexing.nested_comments)),
        b'\'' | b'"' => {
            let escapes = lexing.backslash_escapes.contains(&char::from(first));
            (TokenKind::Quoted, quoted(rest, first, escapes))
        }
        b'`' if lexing.backquotes => (TokenKind::Quoted, quoted(rest, first, false)),
        b'[' if lexing.brackets => (TokenKind::Quoted, rest.find(']').map(|end| end + 1)),
        b'$' if lexing.dollar_quotes => {
            dollar_quoted(rest).map_or((TokenKind::Mark, Some(1)), |length| (TokenKind::Quoted, length))
        }
        _ => (TokenKind::Mark, Some(1)),
    }
}

/// The length of a comment of one line, with the end of the line.
fn line(rest: &str, lexing: &Lexing) -> usize {
    let ends = |byte: u8| byte == b'\n' || (byte == b'\r' && lexing.carriage_return_ends_line);
    rest.bytes().position(ends).map_or(rest.len(), |end| end + 1)
}

fn is_blank_or_end(rest: &str) -> bool {
    rest.chars().next().is_none_or(|next| next == ' ' || next.is_ascii_control())
}

/// White space, as PostgreSQL has it. SQLite takes the vertical tab for an error, so that nothing depends on it.
pub(crate) const fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{b}' | '\u{c}')
}

/// A character of a name. Every character outside ASCII is one.
pub(crate) const fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || !character.is_ascii()
}

/// The same of a byte: all bytes of a character outside ASCII are.
pub(crate) fn is_word_byte(byte: u8) -> bool {
    class(byte) == Class::Word
}

/// What a byte is to the lexer.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// A letter, a digit, an underscore, a byte of a character outside ASCII.
    Word,
    /// A part of a word, but not its beginning.
    Dollar,
    /// White space.
    Blank,
    /// Anything else.
    Mark,
}

/// The class of a byte, from a table, because every byte of a script is asked.
fn class(byte: u8) -> Class {
    static CLASSES: [Class; 256] = {
        let mut classes = [Class::Mark; 256];
        let mut byte = 0_u8;
        loop {
            classes[byte as usize] = match byte as char {
                '$' => Class::Dollar,
                character if is_blank(character) => Class::Blank,
                character if is_word(character) => Class::Word,
                _ => Class::Mark,
            };
            if byte == u8::MAX {
                break classes;
            }
            byte += 1;
        }
    };
    CLASSES[usize::from(byte)]
}

fn word(rest: &str) -> usize {
    let ends = |byte: u8| !matches!(class(byte), Class::Word | Class::Dollar);
    rest.bytes().position(ends).unwrap_or(rest.len())
}

/// A word ends where the delimiter begins: `END//`, `END$$`.
fn word_before(delimiter: &str, rest: &str) -> usize {
    let ends = |(at, c): &(usize, char)| !(is_word(*c) || *c == '$') || rest[*at..].starts_with(delimiter);
    rest.char_indices().find(ends).map_or(rest.len(), |(at, _)| at)
}

fn begins_escape_string(rest: &str) -> bool {
    matches!(rest.as_bytes(), [b'e' | b'E', b'\'', ..])
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
    loop {
        let rest = bytes.get(at..)?.iter();
        at += match escapes {
            true => rest.copied().position(|byte| byte == quote || byte == b'\\'),
            false => rest.copied().position(|byte| byte == quote),
        }?;
        if bytes[at] == quote && bytes.get(at + 1) != Some(&quote) {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// `$$ … $$` or `$tag$ … $tag$`; `None` for a lone dollar or a parameter.
fn dollar_quoted(rest: &str) -> Option<Length> {
    let tag_end = rest[1..].find(|c: char| !is_word(c))? + 1;
    let is_tag = rest[tag_end..].starts_with('$') && !rest[1..tag_end].starts_with(|c: char| c.is_ascii_digit());
    let tag = is_tag.then(|| &rest[..=tag_end])?;
    Some(rest[tag.len()..].find(tag).map(|end| tag.len() + end + tag.len()))
}
