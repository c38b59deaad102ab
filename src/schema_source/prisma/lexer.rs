//! Text to tokens, one at a time. Reads each character once, so that time is linear in the length of the text. What is
//! no token becomes [`PrismaToken::Bad`] with a reason; reporting it is up to the parser.
//!
//! Prisma: `psl/schema-ast/src/parser/datamodel.pest`.

use crate::schema_source::prisma::{LONGEST_NAME, Position};

/// A token. `Display` is how the parser's messages name it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PrismaToken {
    /// A name, a keyword or a constant. It may begin with a digit here; `check` reports names that do.
    Word(String),
    /// A number as written: `-1`, `0.50`.
    Number(String),
    /// A string, its escapes resolved.
    Text(String),
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

impl std::fmt::Display for PrismaToken {
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
    rest: std::str::Chars<'a>,
    position: Position,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of the file with this number.
    pub(crate) fn new(text: &'a str, file: usize) -> Self {
        Self { rest: text.chars(), position: Position { file, line: 1, column: 1 } }
    }

    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn bump(&mut self) -> Option<char> {
        let character = self.rest.next()?;
        let ends_line = match character {
            '\n' => true,
            '\r' => self.peek() != Some('\n'),
            _ => false,
        };
        match ends_line {
            true => self.position = Position { line: self.position.line + 1, column: 1, ..self.position },
            false => self.position.column += 1,
        }
        Some(character)
    }

    /// Takes all characters that are wanted, among which are no line ends.
    fn bump_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let here = self.rest.as_str();
        let (taken, rest) = here.split_at(here.find(|character| !wanted(character)).unwrap_or(here.len()));
        self.position.column += if taken.is_ascii() { taken.len() } else { taken.chars().count() };
        self.rest = rest.chars();
        taken
    }

    /// Skips the rest of the line; the next token is the end of the line.
    pub(crate) fn skip_line(&mut self) {
        self.bump_while(|character| !matches!(character, '\n' | '\r'));
    }

    /// The next token, and where it begins.
    pub(crate) fn next(&mut self) -> (PrismaToken, Position) {
        loop {
            self.bump_while(|character| character.is_whitespace() && !matches!(character, '\n' | '\r'));
            let position = self.position;
            let rest = self.rest.as_str();
            if rest.starts_with("//") {
                self.skip_line();
                continue;
            }
            if rest.starts_with("/*") {
                match self.comment() {
                    true => continue,
                    false => return (PrismaToken::Bad("a comment without its `*/`".to_owned()), position),
                }
            }
            return (self.token(), position);
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

    fn token(&mut self) -> PrismaToken {
        let Some(first) = self.peek() else { return PrismaToken::End };
        if first.is_alphabetic() || first.is_ascii_digit() {
            return self.word();
        }
        self.bump();
        match first {
            '\n' => PrismaToken::Newline,
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
                PrismaToken::Number(digits) => PrismaToken::Number(format!("-{digits}")),
                other => PrismaToken::Bad(format!("`-` before {other}")),
            },
            '(' | ')' | '[' | ']' | '{' | '}' | ',' | ':' | '=' | '.' | '?' | '!' => PrismaToken::Sign(first),
            '_' => PrismaToken::Bad(
                "a name that begins with `_`; begin it with a letter, and give it its name in the \
                database with @map or @@map"
                    .to_owned(),
            ),
            '\u{feff}' => PrismaToken::Bad("a byte order mark; save the file without it".to_owned()),
            '\'' => PrismaToken::Bad("a single quote; strings are in double quotes".to_owned()),
            other => PrismaToken::Bad(format!("the character {other:?}, which means nothing here")),
        }
    }

    /// A word, or a number without its sign.
    fn word(&mut self) -> PrismaToken {
        let word = self.bump_while(|character| character.is_alphanumeric() || matches!(character, '_' | '-'));
        if !word.bytes().all(|byte| byte.is_ascii_digit()) {
            return match word.len() <= LONGEST_NAME {
                true => PrismaToken::Word(word.to_owned()),
                false => PrismaToken::Bad(format!("a name of more than {LONGEST_NAME} bytes")),
            };
        }
        let mut ahead = self.rest.clone();
        match (ahead.next(), ahead.next()) {
            (Some('.'), Some(digit)) if digit.is_ascii_digit() => {
                self.bump();
                let fraction = self.bump_while(|character| character.is_ascii_digit());
                PrismaToken::Number(format!("{word}.{fraction}"))
            }
            _ => PrismaToken::Number(word.to_owned()),
        }
    }

    /// A string, its opening quote already read.
    fn text(&mut self) -> PrismaToken {
        let mut text = String::new();
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
        wrong.map_or(PrismaToken::Text(text), |wrong| PrismaToken::Bad(wrong.to_owned()))
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
        if !self.rest.as_str().starts_with("\\u") {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<PrismaToken> {
        let mut lexer = Lexer::new(text, 0);
        let mut found = Vec::new();
        loop {
            match lexer.next().0 {
                PrismaToken::End => return found,
                token => found.push(token),
            }
        }
    }

    fn one(text: &str) -> PrismaToken {
        let mut found = tokens(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        found.remove(0)
    }

    #[test]
    fn words_and_numbers() {
        assert_eq!(one("a-B_9ä"), PrismaToken::Word("a-B_9ä".to_owned()));
        assert_eq!(one("1A"), PrismaToken::Word("1A".to_owned()));
        assert_eq!(one("-12.50"), PrismaToken::Number("-12.50".to_owned()));
        assert_eq!(tokens("1."), [PrismaToken::Number("1".to_owned()), PrismaToken::Sign('.')]);
        assert!(matches!(one("_"), PrismaToken::Bad(_)));
    }

    #[test]
    fn comments_are_blanks() {
        assert_eq!(
            tokens("a /* b\n c */ d // e\n/// f\n"),
            [
                PrismaToken::Word("a".to_owned()),
                PrismaToken::Word("d".to_owned()),
                PrismaToken::Newline,
                PrismaToken::Newline
            ]
        );
        assert!(matches!(one("/* /"), PrismaToken::Bad(_)));
        assert!(matches!(one("/*/"), PrismaToken::Bad(_)));
    }

    #[test]
    fn strings_resolve_their_escapes() {
        assert_eq!(one(r#""a\u0041\t\/\b // \"\\""#), PrismaToken::Text("aA\t/\u{8} // \"\\".to_owned()));
        assert_eq!(one(r#""\ud83d\ude00""#), PrismaToken::Text("😀".to_owned()));
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
