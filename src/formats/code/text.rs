//! Literals in the text of Ruby, Elixir, PHP and C#: what follows a word, outside comments.

/// How a language marks a comment to the end of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comments {
    /// Ruby, Elixir: `#`.
    Hash,
    /// C#: `//` and `/* */`.
    Slashes,
    /// PHP: all of these.
    Both,
}

/// The text with blanks for what is in comments, of the same length.
pub(crate) fn without_comments(text: &str, comments: Comments) -> String {
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    let has_hash = comments != Comments::Slashes;
    let has_slashes = comments != Comments::Hash;
    while let Some(first) = rest.chars().next() {
        let blank = match first {
            '#' if has_hash => rest.find('\n').unwrap_or(rest.len()),
            '/' if has_slashes && rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if has_slashes && rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            _ => 0,
        };
        let length = match first {
            _ if blank > 0 => blank,
            '"' | '\'' => literal_length(rest, first),
            _ => first.len_utf8(),
        };
        match blank {
            0 => kept += &rest[..length],
            blank => kept.extend(rest[..blank].chars().map(|c| if c == '\n' { '\n' } else { ' ' })),
        }
        rest = &rest[length..];
    }
    kept
}

/// The length of the literal that begins here; one character where it does not end on its line (an apostrophe).
fn literal_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            '\n' => return 1,
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    1
}

/// What follows each occurrence of a word in a text without comments.
pub(crate) fn after<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let is_of_a_name = |c: char| c.is_alphanumeric() || c == '_';
    let is_whole =
        |at: usize| !text[..at].ends_with(is_of_a_name) && !text[at + word.len()..].starts_with(is_of_a_name);
    text.match_indices(word).filter(|(at, _)| is_whole(*at)).map(|(at, _)| &text[at + word.len()..]).collect()
}

/// The value of the literal that a text begins with, past blanks and these signs (`=`, `:`, `=>`, `(`): one without escapes
/// and placeholders, after which the expression ends.
pub(crate) fn literal(text: &str, signs: &str) -> Option<String> {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || signs.contains(c));
    let quote = text.chars().next().filter(|quote| "\"'".contains(*quote))?;
    let (value, rest) = text[1..].split_once(quote)?;
    let ends = |rest: &str| {
        let rest = rest.trim_start_matches([' ', '\t']);
        rest.is_empty() || rest.starts_with(['\n', '\r', ',', ')', ']', ';', '}'])
    };
    (!value.contains(['\\', '#', '$']) && ends(rest)).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_in_a_comment_is_passed_over_and_one_in_a_literal_is_not() {
        let text = "a = 1 # table 'x'\ntable = \"y # z\"\n";
        assert_eq!(after(&without_comments(text, Comments::Hash), "table"), [" = \"y # z\"\n"]);
        let text = "// table('x')\n/* table */ table('y'); retable(); table_2();";
        assert_eq!(after(&without_comments(text, Comments::Slashes), "table"), ["('y'); retable(); table_2();"]);
        assert_eq!(without_comments("it's # x\nb", Comments::Hash), "it's    \nb");
    }

    #[test]
    fn a_literal_is_one_without_anything_computed() {
        for (text, value) in [
            (" = \"a\"\n", Some("a")),
            (": 'b',", Some("b")),
            (" => 'c']", Some("c")),
            ("('d')", Some("d")),
            (" = \"a#{x}\"", None),
            (" = 'a' + b", None),
            (" = a", None),
            (" = env('A', 'b')", None),
            ("", None),
        ] {
            assert_eq!(literal(text, "=:>(").as_deref(), value, "{text}");
        }
    }
}
