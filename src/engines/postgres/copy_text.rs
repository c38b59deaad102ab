//! `COPY … TO STDOUT`, and its lines in the text format (COPY in the manual, "Text Format").

use std::borrow::Cow;

/// The most columns of a COPY of doorstep's own.
const MOST: usize = 11;

/// The statement that sends the columns of a table as they are stored; both as SQL.
pub(crate) fn statement(table: &str, columns: &str) -> String {
    format!("COPY {table} ({columns}) TO STDOUT")
}

/// Gives `take` the values of a line: `\N` is NULL. Values beyond the [`MOST`] are left out.
pub(crate) fn columns<T>(line: &str, take: impl FnOnce(&[Option<&str>]) -> T) -> T {
    let line = line.strip_suffix('\n').unwrap_or(line);
    let (mut values, mut count, mut begin, mut has_escapes) = ([None; MOST], 0, 0, false);
    let value = |text| if text == "\\N" { None } else { Some(text) };
    // One pass over the bytes: the values are short, so that a search for each tab would begin anew all the time. A slice's iterator is
    // inlined where this program is compiled for size; str::bytes is not.
    for (at, byte) in line.as_bytes().iter().enumerate() {
        match byte {
            b'\t' if count < MOST => {
                values[count] = value(&line[begin..at]);
                (count, begin) = (count + 1, at + 1);
            }
            // Most lines have no escape but that of NULL.
            b'\\' => has_escapes |= line.as_bytes().get(at + 1) != Some(&b'N'),
            _ => {}
        }
    }
    if count < MOST {
        values[count] = value(&line[begin..]);
        count += 1;
    }
    let values = &values[..count];
    if !has_escapes {
        return take(values);
    }
    let plain: Vec<Option<Cow<'_, str>>> = values.iter().map(|text| text.map(unescaped)).collect();
    let plain: Vec<Option<&str>> = plain.iter().map(Option::as_deref).collect();
    take(&plain)
}

/// A value without the backslashes that precede what would end a value or a line. The server sends no numbered escapes.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
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
    plain.into()
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
        assert_eq!(of("\\N\tx\t\\N\n"), [None, some("x"), None]);
        assert_eq!(of("x\\\\N\t\\N"), [some("x\\N"), None]);
    }
}
