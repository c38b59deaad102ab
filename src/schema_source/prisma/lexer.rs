//! Text to tokens, one at a time. Reads each character once, so that time is linear in the length of the text. What is
//! no token becomes [`PrismaToken::Bad`] with a reason; reporting it is up to the parser.
//!
//! Prisma: `psl/schema-ast/src/parser/datamodel.pest`.

use std::borrow::Cow;

use crate::schema_source::prisma::{LONGEST_NAME, Position};

/// A token: a part of the text wherever it can be. `Display` is how the parser's messages name it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PrismaToken<'a> {
    /// A name, a keyword or a constant. It may begin with a digit here; `check` reports names that do.
    Word(&'a str),
    /// A number as written: `-1`, `0.50`.
    Number(&'a str),
    /// A string, its escapes resolved.
    Text(Cow<'a, str>),
    /// `@` or `@@`.
    At,
    AtAt,
    /// One of `( ) [ ] { } , : = . ? !`.
    Sign(char),
    /// The end of a line.
    Newline,
    /// The end of the file.
    End,
    /// Something that is no token, and why.
    Bad(String),
}

impl std::fmt::Display for PrismaToken<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Word(text) | Self::Number(text) => write!(f, "`{text}`"),
            Self::Text(text) => write!(f, "the string {text:?}"),
            Self::At => f.write_str("`@`"),
            Self::AtAt => f.write_str("`@@`"),
            Self::Sign(sign) => write!(f, "`{sign}`"),
            Self::Newline => f.write_str("the end of the line"),
            Self::End => f.write_str("the end of the file"),
            Self::Bad(why) => f.write_str(why),
        }
    }
}

/// A position in the text, and the rest of the text.
#[derive(Clone)]
pub(crate) struct Lexer<'a> {
    rest: &'a str,
    position: Position,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of the file with this number.
    pub(crate) fn new(text: &'a str, file: usize) -> Self {
        Self { rest: text, position: Position { file, line: 1, column: 1 } }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let mut rest = self.rest.chars();
        let character = rest.next()?;
        self.rest = rest.as_str();
        let ends_line = match character {
            '\n' => true,
            '\r' => !self.rest.starts_with('\n'),
            _ => false,
        };
        match ends_line {
            true => self.position = Position { line: self.position.line + 1, column: 1, ..self.position },
            false => self.position.column += 1,
        }
        Some(character)
    }

    /// Skips one character of ASCII that ends no line.
    fn step(&mut self) {
        self.rest = &self.rest[1..];
        self.position.column += 1;
    }

    /// Takes all characters that are wanted, among which are no line ends. `is_byte` decides about ASCII, which most schemas
    /// consist of, and wants no other byte; `is_other` decides about all other characters.
    fn bump_while(&mut self, is_byte: impl Fn(u8) -> bool, is_other: impl Fn(char) -> bool) -> &'a str {
        let here = self.rest;
        let (mut end, mut characters) = (0, 0);
        loop {
            let run = here.as_bytes()[end..].iter().position(|byte| !is_byte(*byte)).unwrap_or(here.len() - end);
            (end, characters) = (end + run, characters + run);
            if here.as_bytes().get(end).is_none_or(u8::is_ascii) {
                break;
            }
            let Some(other) = here[end..].chars().next().filter(|character| is_other(*character)) else { break };
            (end, characters) = (end + other.len_utf8(), characters + 1);
        }
        self.position.column += characters;
        let (taken, rest) = here.split_at(end);
        self.rest = rest;
        taken
    }

    /// Skips the rest of the line; the next token is the end of the line.
    pub(crate) fn skip_line(&mut self) {
        self.bump_while(|byte| byte.is_ascii() && !matches!(byte, b'\n' | b'\r'), |_| true);
    }

    /// The next token, and where it begins. Its first byte tells what it is, nearly always.
    pub(crate) fn next(&mut self) -> (PrismaToken<'a>, Position) {
        loop {
            let position = self.position;
            let Some(first) = self.rest.as_bytes().first() else { return (PrismaToken::End, position) };
            let token = match begins(*first) {
                Begins::Blank => {
                    self.bump_while(|byte| begins(byte) == Begins::Blank, char::is_whitespace);
                    continue;
                }
                Begins::Word => self.word(),
                Begins::Sign => {
                    self.step();
                    PrismaToken::Sign(char::from(*first))
                }
                Begins::Newline => {
                    self.rest = &self.rest[1..];
                    self.position = Position { line: position.line + 1, column: 1, ..position };
                    PrismaToken::Newline
                }
                Begins::Comment if self.rest.starts_with("//") => {
                    self.skip_line();
                    continue;
                }
                Begins::Comment if self.rest.starts_with("/*") => match self.comment() {
                    true => continue,
                    false => PrismaToken::Bad("a comment without its `*/`".to_owned()),
                },
                Begins::Comment | Begins::Other => match self.other() {
                    Some(token) => token,
                    None => continue,
                },
            };
            return (token, position);
        }
    }

    /// Skips a `/* */` comment; false if it has no end.
    fn comment(&mut self) -> bool {
        let mut before = ' ';
        self.bump();
        self.bump();
        while let Some(character) = self.bump() {
            if before == '*' && character == '/' {
                return true;
            }
            before = character;
        }
        false
    }

    /// A token that begins with any other character; `None` for white space.
    fn other(&mut self) -> Option<PrismaToken<'a>> {
        let first = self.peek()?;
        if first.is_alphabetic() {
            return Some(self.word());
        }
        let here = self.rest;
        self.bump();
        Some(match first {
            blank if !blank.is_ascii() && blank.is_whitespace() => return None,
            '\r' => {
                if self.peek() == Some('\n') {
                    self.bump();
                }
                PrismaToken::Newline
            }
            '@' if self.peek() == Some('@') => {
                self.bump();
                PrismaToken::AtAt
            }
            '@' => PrismaToken::At,
            '"' => self.text(),
            '-' if self.peek().is_some_and(|next| next.is_ascii_digit()) => match self.word() {
                PrismaToken::Number(digits) => PrismaToken::Number(&here[..1 + digits.len()]),
                other => PrismaToken::Bad(format!("`-` before {other}")),
            },
            '_' => PrismaToken::Bad(
                "a name that begins with `_`; begin it with a letter, and give it its name in the \
                database with @map or @@map"
                    .to_owned(),
            ),
            '\u{feff}' => PrismaToken::Bad("a byte order mark; save the file without it".to_owned()),
            '\'' => PrismaToken::Bad("a single quote; strings are in double quotes".to_owned()),
            other => PrismaToken::Bad(format!("the character {other:?}, which means nothing here")),
        })
    }

    /// A word, or a number without its sign.
    fn word(&mut self) -> PrismaToken<'a> {
        let here = self.rest;
        let is_byte = |byte: u8| begins(byte) == Begins::Word || matches!(byte, b'_' | b'-');
        let word = self.bump_while(is_byte, char::is_alphanumeric);
        if !word.bytes().all(|byte| byte.is_ascii_digit()) {
            return match word.len() <= LONGEST_NAME {
                true => PrismaToken::Word(word),
                false => PrismaToken::Bad(format!("a name of more than {LONGEST_NAME} bytes")),
            };
        }
        match self.rest.as_bytes() {
            [b'.', digit, ..] if digit.is_ascii_digit() => {
                self.bump();
                let fraction = self.bump_while(|byte| byte.is_ascii_digit(), |_| false);
                PrismaToken::Number(&here[..word.len() + 1 + fraction.len()])
            }
            _ => PrismaToken::Number(word),
        }
    }

    /// A string, its opening quote already read.
    fn text(&mut self) -> PrismaToken<'a> {
        let plain = self.bump_while(|byte| matches!(byte, b' '..=b'\x7f') && !matches!(byte, b'"' | b'\\'), |_| true);
        if self.rest.starts_with('"') {
            self.step();
            return PrismaToken::Text(plain.into());
        }
        let mut text = plain.to_owned();
        let mut wrong = None;
        loop {
            match self.peek() {
                None | Some('\n' | '\r') => {
                    return PrismaToken::Bad("a string without its closing `\"` on the same line".to_owned());
                }
                Some('"') => break,
                Some('\\') => {
                    self.bump();
                    match self.escape() {
                        Some(character) => text.push(character),
                        None => wrong = Some(r#"an escape that is not one of \" \\ \/ \b \f \n \r \t \uXXXX"#),
                    }
                }
                Some(character) => {
                    if character < ' ' {
                        wrong = Some("a control character in a string; write it as an escape, as in \\t");
                    }
                    text.push(character);
                    self.bump();
                }
            }
        }
        self.bump();
        wrong.map_or(PrismaToken::Text(text.into()), |wrong| PrismaToken::Bad(wrong.to_owned()))
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Option<char> {
        let character = self.peek().filter(|character| !matches!(character, '\n' | '\r'))?;
        self.bump();
        Some(match character {
            '"' | '\\' | '/' => character,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.code_point(),
            _ => return None,
        })
    }

    /// `XXXX`, or both halves of a surrogate pair: `XXXX\uXXXX`.
    fn code_point(&mut self) -> Option<char> {
        let high = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&high) {
            return char::from_u32(high);
        }
        if !self.rest.starts_with("\\u") {
            return None;
        }
        self.bump();
        self.bump();
        let low = self.four_digits().filter(|low| (0xdc00..0xe000).contains(low))?;
        char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
    }

    fn four_digits(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |value, _| {
            let digit = self.peek()?.to_digit(16)?;
            self.bump();
            Some(value * 16 + digit)
        })
    }
}

/// What a byte begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begins {
    /// White space within a line.
    Blank,
    /// A name, a keyword, a constant or a number.
    Word,
    /// A [`PrismaToken::Sign`].
    Sign,
    /// A [`PrismaToken::Newline`].
    Newline,
    /// A comment, or nothing.
    Comment,
    /// Any other token.
    Other,
}

/// What a byte begins, from a table, because every byte of a schema is asked.
fn begins(byte: u8) -> Begins {
    static BEGINS: [Begins; 256] = {
        let mut begins = [Begins::Other; 256];
        let mut byte = 0_u8;
        loop {
            begins[byte as usize] = match byte {
                b' ' | b'\t' | b'\x0b' | b'\x0c' => Begins::Blank,
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => Begins::Word,
                b'(' | b')' | b'[' | b']' | b'{' | b'}' | b',' | b':' | b'=' | b'.' | b'?' | b'!' => Begins::Sign,
                b'\n' => Begins::Newline,
                b'/' => Begins::Comment,
                _ => Begins::Other,
            };
            if byte == u8::MAX {
                break begins;
            }
            byte += 1;
        }
    };
    BEGINS[usize::from(byte)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<PrismaToken<'_>> {
        let mut lexer = Lexer::new(text, 0);
        let mut found = Vec::new();
        loop {
            match lexer.next().0 {
                PrismaToken::End => return found,
                token => found.push(token),
            }
        }
    }

    fn one(text: &str) -> PrismaToken<'_> {
        let mut found = tokens(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        found.remove(0)
    }

    #[test]
    fn words_and_numbers() {
        assert_eq!(one("a-B_9ä"), PrismaToken::Word("a-B_9ä"));
        assert_eq!(one("1A"), PrismaToken::Word("1A"));
        assert_eq!(one("-12.50"), PrismaToken::Number("-12.50"));
        assert_eq!(tokens("1."), [PrismaToken::Number("1"), PrismaToken::Sign('.')]);
        assert!(matches!(one("_"), PrismaToken::Bad(_)));
    }

    #[test]
    fn comments_are_blanks() {
        assert_eq!(
            tokens("a /* b\n c */ d // e\n/// f\n"),
            [PrismaToken::Word("a"), PrismaToken::Word("d"), PrismaToken::Newline, PrismaToken::Newline]
        );
        assert!(matches!(one("/* /"), PrismaToken::Bad(_)));
        assert!(matches!(one("/*/"), PrismaToken::Bad(_)));
    }

    #[test]
    fn strings_resolve_their_escapes() {
        assert_eq!(one(r#""a\u0041\t\/\b // \"\\""#), PrismaToken::Text("aA\t/\u{8} // \"\\".into()));
        assert_eq!(one(r#""\ud83d\ude00""#), PrismaToken::Text("😀".into()));
        for wrong in [r#""\x""#, r#""\u12""#, r#""\ud83d""#, "\"a\tb\""] {
            assert!(matches!(one(wrong), PrismaToken::Bad(_)), "{wrong}");
        }
        assert!(matches!(tokens("\"a\n\"")[0], PrismaToken::Bad(_)));
    }

    #[test]
    fn places_count_lines_and_characters() {
        let mut lexer = Lexer::new("ä\r\n  b\rc", 3);
        let positions: Vec<_> =
            (0..5).map(|_| lexer.next().1).map(|position| (position.line, position.column)).collect();
        assert_eq!(positions, [(1, 1), (1, 2), (2, 3), (2, 4), (3, 1)]);
    }
}
