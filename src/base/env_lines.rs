//! Lines of `KEY=VALUE`, as env files and secret files have them.
//!
//! Blank lines, comments, `export ` and quotes are read as most readers of env files read them. Nothing is interpolated: `$NAME` is
//! these characters.

/// The pairs, in their order. An error has the number of the line, counted from 1, and what is wrong; it quotes nothing, since any
/// part of the line may be a secret.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String)>, (usize, &'static str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (mut pairs, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let at = text.len() - rest.len();
        let end = rest.find('\n').unwrap_or(rest.len());
        let line = rest[..end].trim();
        if line.is_empty() || line.starts_with('#') {
            rest = &rest[(end + 1).min(rest.len())..];
            continue;
        }
        let wrong = |why| (text[..at].matches('\n').count() + 1, why);
        let name_end = rest[..end].find('=').ok_or(wrong("has no `=`"))?;
        let name = rest[..name_end].trim();
        let name = name.strip_prefix("export").filter(|it| it.starts_with([' ', '\t'])).map_or(name, str::trim_start);
        if !is_name(name) {
            return Err(wrong("begins with no name of a variable"));
        }
        let (value, after) = value(&rest[name_end + 1..]).map_err(wrong)?;
        if value.contains('\0') {
            return Err(wrong("holds a NUL"));
        }
        pairs.push((name.to_owned(), value));
        rest = after;
    }
    Ok(pairs)
}

/// A letter or `_`, then letters, digits and `_`.
pub(crate) fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(is_part) && name.starts_with(|c: char| !c.is_ascii_digit())
}

/// The value that begins after `=`, and what follows its line. A quoted one may have several lines.
fn value(text: &str) -> Result<(String, &str), &'static str> {
    let start = text.trim_start_matches([' ', '\t']);
    let (value, rest) = match start.chars().next() {
        Some('\'') => {
            let (value, rest) = start[1..].split_once('\'').ok_or("opens a ' that is not closed")?;
            (value.to_owned(), rest)
        }
        Some('"') => double_quoted(&start[1..]).ok_or("opens a \" that is not closed")?,
        _ => {
            let end = start.find('\n').unwrap_or(start.len());
            let line = &start[..end];
            // A comment begins after a blank.
            let comment = line.char_indices().find(|(at, c)| *c == '#' && line[..*at].ends_with([' ', '\t']));
            let value = comment.map_or(line, |(at, _)| &line[..at]);
            let is_comment = line.starts_with('#') && start.len() < text.len();
            let value = if is_comment { "" } else { value.trim() };
            return Ok((value.to_owned(), &start[(end + 1).min(start.len())..]));
        }
    };
    let end = rest.find('\n').unwrap_or(rest.len());
    match rest[..end].trim() {
        "" => {}
        comment if comment.starts_with('#') && rest.starts_with([' ', '\t']) => {}
        _ => return Err("goes on after its closing quote"),
    }
    Ok((value, &rest[(end + 1).min(rest.len())..]))
}

/// Up to the closing quote: `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are escapes, any other backslash is one.
fn double_quoted(text: &str) -> Option<(String, &str)> {
    let (mut value, mut characters) = (String::new(), text.char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                'r' => value.push('\r'),
                't' => value.push('\t'),
                escaped @ ('"' | '\\' | '$') => value.push(escaped),
                other => value.extend(['\\', other]),
            },
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> String {
        let pairs = parse(line).unwrap_or_else(|error| panic!("{line}: {error:?}"));
        assert_eq!(pairs.len(), 1, "{line}");
        assert_eq!(pairs[0].0, "A");
        pairs[0].1.clone()
    }

    #[test]
    fn values_are_read_with_quotes_comments_and_without_interpolation() {
        for (line, expected) in [
            ("A=b", "b"),
            ("A = b \r\n", "b"),
            ("export A=b", "b"),
            ("A=", ""),
            ("A= # comment", ""),
            ("A=#b", "#b"),
            ("A=b#c", "b#c"),
            ("A=b # c", "b"),
            ("A=b c", "b c"),
            ("A='b # c' # d", "b # c"),
            ("A=\"b\\n\\\"c\\\\ \\d $E\"", "b\n\"c\\ \\d $E"),
            ("A='b\\n'", "b\\n"),
            ("A='b\nc'", "b\nc"),
            ("A=$HOME${X}", "$HOME${X}"),
            ("A=b=c", "b=c"),
            ("A=it's", "it's"),
            ("\u{feff}A=b", "b"),
        ] {
            assert_eq!(one(line), expected, "{line}");
        }
        let pairs = parse("# a\n\nA=1\n  export  B='2\n3'\nC=4").unwrap();
        let names: Vec<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["A", "B", "C"]);
    }

    #[test]
    fn what_is_no_pair_is_named_by_its_line() {
        for (text, line) in [
            ("A=1\nhunter2", 2),
            ("\n1A=2", 2),
            ("A B=2", 1),
            ("=2", 1),
            ("A='b\nc\n", 1),
            ("B='x\ny'\nA=\"b", 3),
            ("A='b'c", 1),
            ("A=b\0", 1),
        ] {
            assert_eq!(parse(text).unwrap_err().0, line, "{text}");
        }
    }
}
