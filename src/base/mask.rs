//! Hides secrets in the output of other programs, in every spelling that programs give them: as they are, percent-encoded
//! (a URL), escaped (JSON, a string of Python or JavaScript), doubled `%` (an ini file).

use std::ops::Range;

use crate::base::secret::Secret;

/// Masking three characters or fewer would garble the output and protect nothing.
const SHORTEST: usize = 4;

/// What stands for a secret.
const MASK: &str = "***";

/// The longest spelling of one byte is `%%2540` or, of one character, `\ud83d\ude00`: at most this many bytes for each.
const LONGEST_SPELLING: usize = 6;

/// Secrets to look for.
#[derive(Debug, Default, Clone)]
pub(crate) struct Mask(Vec<Hidden>);

/// One secret, or one line of it. No `Display`; `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
struct Hidden(String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(MASK)
    }
}

impl Mask {
    /// Hides these. A secret of several lines is hidden line by line, since output is read so.
    pub(crate) fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut hidden: Vec<Hidden> = Vec::new();
        for secret in secrets {
            let lines = secret.split(['\n', '\r']).map(str::trim).filter(|line| line.len() >= SHORTEST);
            hidden.extend(lines.map(|line| Hidden(line.to_owned())));
        }
        // The longest first: a URL hides more than the password in it.
        hidden.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        hidden.dedup();
        Self(hidden)
    }

    /// The same, and this one.
    pub(crate) fn and(mut self, secret: &Secret) -> Self {
        self.0.extend(Self::new([secret.expose().to_owned()]).0);
        self.0.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        self
    }

    /// How many bytes the longest spelling of a secret may take.
    pub(crate) fn reach(&self) -> usize {
        self.0.iter().map(|secret| secret.0.len() * LONGEST_SPELLING).max().unwrap_or(0)
    }

    /// The text with every secret replaced.
    pub(crate) fn apply(&self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut end = 0;
        for span in self.spans(text) {
            masked.push_str(&text[end..span.start]);
            masked.push_str(MASK);
            end = span.end;
        }
        masked.push_str(&text[end..]);
        masked
    }

    /// Where secrets stand in the text, in order and apart.
    pub(crate) fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            match self.0.iter().find_map(|secret| spelled(rest, &secret.0)) {
                Some(length) => {
                    spans.push(at..at + length);
                    at += length;
                }
                None => at += rest.chars().next().map_or(1, char::len_utf8),
            }
        }
        spans
    }
}

/// How many bytes at the start of the text spell the secret, if they do.
fn spelled(text: &str, secret: &str) -> Option<usize> {
    let mut rest = text;
    for character in secret.chars() {
        rest = after_character(rest, character)?;
    }
    Some(text.len() - rest.len())
}

/// What follows one spelling of the character.
fn after_character(text: &str, character: char) -> Option<&str> {
    // `%%` in an ini file is one `%`, and `%25` in a URL that holds a URL.
    if character == '%' {
        let code = ["%2525", "%%25", "%25"]
            .iter()
            .find_map(|code| text.strip_prefix(code))
            .or_else(|| text.strip_prefix("%%"));
        return code.or_else(|| text.strip_prefix('%')).or_else(|| after_escape(text, character));
    }
    if let Some(rest) = text.strip_prefix(character).filter(|_| character != '\\') {
        return Some(rest);
    }
    match character {
        // A form's blank.
        ' ' if text.starts_with('+') => Some(&text[1..]),
        '\\' => text.strip_prefix("\\\\").or_else(|| text.strip_prefix('\\')).or_else(|| after_code(text, character)),
        _ => after_code(text, character).or_else(|| after_escape(text, character)),
    }
}

/// After `%C3%A9`, in either case.
fn after_code(text: &str, character: char) -> Option<&str> {
    let mut rest = text;
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        rest = rest.strip_prefix('%')?;
        // Doubled in an ini file.
        rest = rest.strip_prefix('%').unwrap_or(rest);
        // Encoded twice.
        rest = rest.strip_prefix("25").filter(|rest| is_hex(rest, byte)).unwrap_or(rest);
        if !is_hex(rest, byte) {
            return None;
        }
        rest = &rest[2..];
    }
    Some(rest)
}

fn is_hex(text: &str, byte: u8) -> bool {
    text.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) == Some(byte) && !text.starts_with('+')
}

/// After `\"`, `\/`, `\'`, `\t`, `\u00e9`, `\ud83d\ude00` or `\xe9`.
fn after_escape(text: &str, character: char) -> Option<&str> {
    let escape = text.strip_prefix('\\')?;
    let is_symbol = !character.is_alphanumeric() && !character.is_control();
    let short = if character == '\t' { escape.strip_prefix('t') } else { None };
    if let Some(rest) = short.or_else(|| escape.strip_prefix(character).filter(|_| is_symbol)) {
        return Some(rest);
    }
    let number = |digits: &str, number: u32| u32::from_str_radix(digits, 16).ok() == Some(number);
    if let Some(rest) = escape.strip_prefix('x') {
        return rest.get(..2).filter(|digits| number(digits, character.into())).map(|_| &rest[2..]);
    }
    let mut rest = text;
    for unit in character.encode_utf16(&mut [0; 2]) {
        rest = rest.strip_prefix("\\u")?;
        rest.get(..4).filter(|digits| number(digits, u32::from(*unit)))?;
        rest = &rest[4..];
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_secret_is_hidden() {
        let mask = Mask::new(["p@ss/\"wörd% 1\\x".to_owned()]);
        for spelling in [
            "p@ss/\"wörd% 1\\x",
            "p%40ss%2F%22w%C3%B6rd%25%201%5Cx",
            "p%40ss%2f%22w%c3%b6rd%25+1%5cx",
            "p%2540ss%252F%2522w%25C3%25B6rd%2525%25201%255Cx",
            r#"p@ss/\"wörd% 1\\x"#,
            r#"p@ss\/\"w\u00f6rd% 1\\x"#,
            r#"p@ss/\"w\xf6rd%% 1\\x"#,
            "p%%40ss%%2F%%22w%%C3%%B6rd%%25%%201%%5Cx",
            r#"p\u0040ss\u002F\u0022w\u00F6rd\u0025\u00201\\x"#,
        ] {
            assert_eq!(mask.apply(&format!("a {spelling} b")), "a *** b", "{spelling}");
        }
        assert_eq!(mask.apply("p@ss/\"word% 1\\x"), "p@ss/\"word% 1\\x");
    }

    #[test]
    fn the_longest_secret_hides_first_and_short_ones_are_left() {
        let mask = Mask::new(["hunter2".to_owned(), "postgres://u:hunter2@h/d".to_owned(), "abc".to_owned()]);
        assert_eq!(mask.apply("abc postgres://u:hunter2@h/d, hunter2hunter2"), "abc ***, ******");
        assert_eq!(Mask::new(["first line\nsecond\r\n".to_owned()]).apply("first line, second"), "***, ***");
        assert_eq!(Mask::default().apply("x"), "x");
    }

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        assert!(!format!("{:?}", Mask::new(["hunter2".to_owned()])).contains("hunter2"));
    }
}
