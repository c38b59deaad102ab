//! Reads one statement token by token, and takes names apart.

use crate::sql::Dialect;
use crate::sql::script::{Statement, Token, TokenKind, tokens};

/// A name as the database stores it: without schema, with quotes off or folded to lower case.
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

/// What follows the last dot that stands outside quotes.
pub(crate) fn last_part(name: &str) -> &str {
    parts(name).pop().unwrap_or(name)
}

/// A name, cut at the dots that stand outside quotes.
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

/// How many bytes a name has at most; no engine keeps as many. Objects repeat the names of their tables.
const LONGEST: usize = 1000;

/// Walks over the tokens of one statement, blanks left out.
pub(crate) struct Reader<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    /// Where in the text each token begins.
    offsets: Vec<usize>,
    at: usize,
}

impl<'a> Reader<'a> {
    /// A piece of SQL, which is lexed for it.
    pub(crate) fn new(text: &'a str, dialect: Dialect) -> Self {
        Self::over(text, tokens(text, dialect))
    }

    /// A statement that is lexed already.
    pub(crate) fn of(statement: &Statement<'a>) -> Self {
        Self::over(statement.text, statement.tokens())
    }

    fn over(text: &'a str, tokens: impl Iterator<Item = Token<'a>>) -> Self {
        let mut reader = Self { text, tokens: Vec::new(), offsets: Vec::new(), at: 0 };
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

    /// Where in the text the next token begins.
    pub(crate) fn offset(&self) -> usize {
        self.offsets.get(self.at).copied().unwrap_or(self.text.len())
    }

    /// What was read since this offset.
    pub(crate) fn since(&self, offset: usize) -> &'a str {
        let last = self.at.checked_sub(1).and_then(|last| Some((self.offsets.get(last)?, self.tokens.get(last)?)));
        let end = last.map_or(offset, |(start, token)| start + token.text.len());
        self.text.get(offset..end).unwrap_or_default()
    }

    /// The next token, stepped over.
    pub(crate) fn step(&mut self) -> Option<&Token<'a>> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    /// Steps over this mark, if it is next.
    pub(crate) fn take_mark(&mut self, mark: &str) -> bool {
        let taken = self.tokens.get(self.at).is_some_and(|token| token.text == mark);
        self.at += usize::from(taken);
        taken
    }

    /// True before a comma or a closing parenthesis, and at the end.
    pub(crate) fn is_at_end_of_item(&self) -> bool {
        self.tokens.get(self.at).is_none_or(|token| matches!(token.text, "," | ")"))
    }

    /// Steps over one token, or over all that stands in parentheses.
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

    /// A text in quotes, as the database stores it.
    pub(crate) fn literal(&mut self) -> Option<String> {
        let token = self.tokens.get(self.at)?;
        let inner = token.text.strip_prefix('\'')?.strip_suffix('\'')?.replace("''", "'");
        self.at += 1;
        Some(inner)
    }

    /// Steps over this word, if it is next.
    pub(crate) fn take(&mut self, word: &str) -> bool {
        let token = self.tokens.get(self.at);
        let taken = token.is_some_and(|token| token.kind == TokenKind::Word && token.text.eq_ignore_ascii_case(word));
        self.at += usize::from(taken);
        taken
    }

    pub(crate) fn take_all(&mut self, words: &[&str]) -> bool {
        let start = self.at;
        let taken = words.iter().all(|word| self.take(word));
        self.at = if taken { self.at } else { start };
        taken
    }

    /// A name with up to three parts, without the blanks that may stand around its dots. `None` if it is too long.
    pub(crate) fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        for _ in 0..3 {
            let part = self.tokens.get(self.at).filter(|token| {
                token.kind == TokenKind::Word
                    || (token.kind == TokenKind::Quoted && token.text.starts_with(['"', '`', '[']))
            })?;
            name += part.text;
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

    /// To after the next comma in the same parentheses; false where they close, and at the end.
    pub(crate) fn skip_to_next_item(&mut self) -> bool {
        while !self.is_at_end_of_item() {
            self.skip();
        }
        self.take_mark(",")
    }

    /// To after the next comma outside parentheses; false at the end.
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
