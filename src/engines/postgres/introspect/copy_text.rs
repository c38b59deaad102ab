//! Lines of `COPY … TO STDOUT` in its text format (COPY in the manual, "Text Format").

use std::borrow::Cow;

/// Gives `take` the values of a line.
pub(super) fn columns(line: &str, take: &mut dyn FnMut(&[Option<&str>])) {
    let line = line.strip_suffix('\n').unwrap_or(line);
    if !line.contains('\\') {
        return take(&line.split('\t').map(Some).collect::<Vec<_>>());
    }
    let values: Vec<Option<Cow<'_, str>>> = line.split('\t').map(value).collect();
    take(&values.iter().map(Option::as_deref).collect::<Vec<_>>());
}

/// A value: `\N` is NULL, and a backslash precedes what would end a value or a line. The server sends no numbered escapes.
fn value(text: &str) -> Option<Cow<'_, str>> {
    if text == "\\N" {
        return None;
    }
    if !text.contains('\\') {
        return Some(text.into());
    }
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '\\' => match characters.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('v') => '\u{b}',
                Some(other) => other,
                None => '\\',
            },
            other => other,
        });
    }
    Some(plain.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart() {
        let of = |line: &str| {
            let mut values = Vec::new();
            columns(line, &mut |row| values = row.iter().map(|value| value.map(str::to_owned)).collect());
            values
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("16384\tt\t\n"), [some("16384"), some("t"), some("")]);
        assert_eq!(of("a\\\\b\t\\N\tc\\td\\ne\\r\\x\n"), [some("a\\b"), None, some("c\td\ne\rx")]);
        assert_eq!(of("\\\\N\n"), [some("\\N")]);
    }
}
