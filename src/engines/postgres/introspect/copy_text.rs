//! Lines of `COPY … TO STDOUT` in its text format (COPY in the manual, "Text Format").

use std::borrow::Cow;

/// The most columns of a COPY of doorstep's own.
const MOST: usize = 12;

/// Gives `take` the values of a line. Values beyond the [`MOST`] are left out.
pub(super) fn columns<T>(line: &str, take: impl FnOnce(&[Option<&str>]) -> T) -> T {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let (mut values, mut count, mut begin, mut has_escapes) = ([""; MOST], 0, 0, false);
    // One pass over the bytes: the values are short, so that a search for each tab would begin anew all the time.
    for (at, byte) in line.bytes().enumerate() {
        match byte {
            b'\t' if count < MOST => {
                values[count] = &line[begin..at];
                (count, begin) = (count + 1, at + 1);
            }
            b'\\' => has_escapes = true,
            _ => {}
        }
    }
    if count < MOST {
        values[count] = &line[begin..];
        count += 1;
    }
    let values = &values[..count];
    let mut texts = [None; MOST];
    if !has_escapes {
        for (text, value) in texts.iter_mut().zip(values) {
            *text = Some(*value);
        }
        return take(&texts[..count]);
    }
    let unescaped: Vec<Option<Cow<'_, str>>> = values.iter().map(|text| value(text)).collect();
    for (text, value) in texts.iter_mut().zip(&unescaped) {
        *text = value.as_deref();
    }
    take(&texts[..count])
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
        let of = |line: &str| columns(line, |row| row.iter().map(|value| value.map(str::to_owned)).collect::<Vec<_>>());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("16384\tt\t\n"), [some("16384"), some("t"), some("")]);
        assert_eq!(of("a\\\\b\t\\N\tc\\td\\ne\\r\\x\n"), [some("a\\b"), None, some("c\td\ne\rx")]);
        assert_eq!(of("\\\\N\n"), [some("\\N")]);
    }
}
