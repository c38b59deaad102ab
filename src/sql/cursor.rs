//! A cursor over the tokens of one statement, and the parts of dotted names. Knows no statement's grammar: `sql::changes` has
//! that.

use std::borrow::Cow;

use crate::sql::Dialect;
use crate::sql::script::{Statement, Token, TokenKind, tokens};

/// The last part of a name as the database stores it: without quotes, or folded to lower case.
pub(crate) fn bare(name: &str) -> String {
    stored(last_part(name))
}

/// One part of a name as the database stores it.
pub(crate) fn stored(part: &str) -> String {
    let within = |open, close| part.strip_prefix(open)?.strip_suffix(close);
    if let Some(name) = within('"', '"') {
        name.replace("\"\"", "\"")
    } else if let Some(name) = within('`', '`') {
        name.replace("``", "`")
    } else if let Some(name) = within('[', ']') {
        name.to_owned()
    } else {
        part.to_ascii_lowercase()
    }
}

/// A part of a name in such a form that [`stored`] gives what the database stores: quoted where the engine keeps the case of a
/// name without quotes.
pub(crate) fn written<'a>(part: &Token<'a>, dialect: Dialect) -> Cow<'a, str> {
    match part.kind {
        TokenKind::Word if !dialect.rules().folds_names => dialect.identifier(part.text).into(),
        _ => part.text.into(),
    }
}

/// The part after the last dot outside quotes.
pub(crate) fn last_part(name: &str) -> &str {
    parts(name).pop().unwrap_or(name)
}

/// Splits a name at the dots outside quotes.
pub(crate) fn parts(name: &str) -> Vec<&str> {
    let (mut quote, mut start, mut parts) = (None, 0, Vec::new());
    for (at, character) in name.char_indices() {
        match (quote, character) {
            (None, '"' | '`') => quote = Some(character),
            (None, '[') => quote = Some(']'),
            (None, '.') => {
                parts.push(&name[start..at]);
                start = at + 1;
            }
            (Some(end), _) if character == end => quote = None,
            _ => {}
        }
    }
    parts.push(&name[start..]);
    parts
}

/// The longest accepted name, in bytes: far above every engine's limit. Objects repeat the names of their tables, so an
/// unlimited name would fill memory.
const LONGEST: usize = 1000;

/// The tokens of one statement without blanks, and the current position among them.
pub(crate) struct Cursor<'a> {
    dialect: Dialect,
    text: &'a str,
    tokens: Vec<Token<'a>>,
    /// Where in the text each token begins.
    offsets: Vec<usize>,
    at: usize,
}

impl<'a> Cursor<'a> {
    /// A piece of SQL, which is lexed for it.
    pub(crate) fn new(text: &'a str, dialect: Dialect) -> Self {
        Self::over(text, tokens(text, dialect), dialect)
    }

    /// A statement that is lexed already.
    pub(crate) fn of(statement: &Statement<'a>) -> Self {
        Self::over(statement.text, statement.tokens(), statement.dialect())
    }

    fn over(text: &'a str, tokens: impl Iterator<Item = Token<'a>>, dialect: Dialect) -> Self {
        let mut reader = Self { dialect, text, tokens: Vec::new(), offsets: Vec::new(), at: 0 };
        let mut offset = 0;
        for token in tokens {
            let length = token.text.len();
            if token.kind != TokenKind::Blank {
                reader.tokens.push(token);
                reader.offsets.push(offset);
            }
            offset += length;
        }
        reader
    }

    /// The byte offset of the next token.
    pub(crate) fn offset(&self) -> usize {
        self.offsets.get(self.at).copied().unwrap_or(self.text.len())
    }

    /// The text of the tokens consumed since this offset.
    pub(crate) fn since(&self, offset: usize) -> &'a str {
        let last = self.at.checked_sub(1).and_then(|last| Some((self.offsets.get(last)?, self.tokens.get(last)?)));
        let end = last.map_or(offset, |(start, token)| start + token.text.len());
        self.text.get(offset..end).unwrap_or_default()
    }

    /// Consumes the next token.
    pub(crate) fn step(&mut self) -> Option<&Token<'a>> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    /// Consumes this mark, if it is next.
    pub(crate) fn take_mark(&mut self, mark: &str) -> bool {
        let taken = self.tokens.get(self.at).is_some_and(|token| token.text == mark);
        self.at += usize::from(taken);
        taken
    }

    /// The dialect of the text.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// True before this word or mark.
    pub(crate) fn is_at(&self, text: &str) -> bool {
        self.tokens.get(self.at).is_some_and(|token| token.text.eq_ignore_ascii_case(text))
    }

    /// True behind the last token.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// True before a comma or a closing parenthesis, and at the end.
    pub(crate) fn is_at_end_of_item(&self) -> bool {
        self.tokens.get(self.at).is_none_or(|token| matches!(token.text, "," | ")"))
    }

    /// Consumes one token, or everything up to the matching parenthesis.
    pub(crate) fn skip(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.step() {
            match token.text {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Consumes a literal in single quotes; returns its value.
    pub(crate) fn literal(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at)?;
        let inner = token.text.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'");
        self.at += 1;
        Some(inner)
    }

    /// Consumes a value that is written out, if one is next: a text, a number, NULL, TRUE, FALSE.
    pub(crate) fn take_value(&mut self) -> bool {
        let is_value = |token: &Token<'_>| {
            let is_word = ["NULL", "TRUE", "FALSE"].iter().any(|word| token.text.eq_ignore_ascii_case(word));
            let begins = token.text.starts_with(|first: char| first == '\'' || first.is_ascii_digit());
            begins || is_word || token.text.starts_with("E'") || token.text.starts_with("e'")
        };
        self.take_mark("-");
        let taken = self.tokens.get(self.at).is_some_and(is_value);
        self.at += usize::from(taken);
        taken
    }

    /// Consumes this word, if it is next.
    pub(crate) fn take(&mut self, word: &str) -> bool {
        let token = self.tokens.get(self.at);
        let taken = token.is_some_and(|token| token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(word));
        self.at += usize::from(taken);
        taken
    }

    /// Consumes these words, if all of them are next; otherwise none.
    pub(crate) fn take_all(&mut self, words: &[&str]) -> bool {
        let start = self.at;
        let taken = words.iter().all(|word| self.take(word));
        self.at = if taken { self.at } else { start };
        taken
    }

    /// Consumes a name of up to three parts; there may be blanks around its dots. `None` if it is too long.
    pub(crate) fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        for _ in 0..3 {
            let part = self.tokens.get(self.at).filter(|token| {
                token.kind == TokenKind::Word
                    || (token.kind == TokenKind::Quoted && token.text.starts_with(['"', '`', '[']))
            })?;
            name += &written(part, self.dialect);
            self.at += 1;
            if name.len() > LONGEST {
                return None;
            }
            if self.tokens.get(self.at).is_none_or(|token| token.text != ".") {
                return Some(name);
            }
            name.push('.');
            self.at += 1;
        }
        None
    }

    /// Moves behind the next comma within the same parentheses; false if they close first, or at the end.
    pub(crate) fn skip_to_next_item(&mut self) -> bool {
        while !self.is_at_end_of_item() {
            self.skip();
        }
        self.take_mark(",")
    }

    /// Moves behind the next comma outside parentheses; false at the end.
    pub(crate) fn skip_past_comma(&mut self) -> bool {
        let mut depth = 0_usize;
        while let Some(token) = self.tokens.get(self.at) {
            self.at += 1;
            match token.text {
                "(" => depth += 1,
                ")" => depth = depth.saturating_sub(1),
                "," if depth == 0 => return true,
                _ => {}
            }
        }
        false
    }
}
