//! A command in a setting (`migrate_command`, `before_migrate`, `after_migrate`), split into its words as a shell would.
//! doorstep starts the program itself, without a shell, so what only a shell understands is refused here instead of
//! being passed on as an argument.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

/// The words of a command: `alembic upgrade head`, or `["alembic", "upgrade", "head"]` in doorstep.toml. There is at
/// least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// The words.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    fn checked(words: Vec<String>) -> Result<Self, String> {
        match words.first() {
            Some(first) if !first.is_empty() => Ok(Self(words)),
            _ => Err("the command is empty".to_owned()),
        }
    }
}

impl From<&[&str]> for Words {
    fn from(words: &[&str]) -> Self {
        Self(words.iter().map(|word| (*word).to_owned()).collect())
    }
}

impl From<Vec<String>> for Words {
    fn from(words: Vec<String>) -> Self {
        Self(words)
    }
}

/// Quoted so that it can be typed again; user and password of a URL are replaced by `***`.
impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.0.iter().enumerate() {
            let word = without_userinfo(word);
            let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=@%+,*".contains(c));
            let before = if index == 0 { "" } else { " " };
            match is_plain && !word.is_empty() {
                true => write!(f, "{before}{word}")?,
                false => write!(f, "{before}'{}'", word.replace('\'', r"'\''"))?,
            }
        }
        Ok(())
    }
}

fn without_userinfo(word: &str) -> String {
    let parts = word.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1)));
    parts.map_or_else(|| word.to_owned(), |(scheme, rest)| format!("{scheme}://***@{rest}"))
}

impl FromStr for Words {
    type Err = String;

    /// Splits as a POSIX shell does (quotes and backslashes, by the `shlex` crate). A character that asks a shell for
    /// more than that (`|`, `$HOME`, a comment) is an error: no shell runs the command, so it would have no effect.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check_unquoted(text)?;
        match shlex::split(text) {
            Some(words) => Self::checked(words),
            // Open quotes are reported above.
            None => Err("the command ends in a backslash".to_owned()),
        }
    }
}

/// Refuses shell metacharacters outside quotes, and a quote that is not closed. Splits nothing: `shlex` does that.
fn check_unquoted(text: &str) -> Result<(), String> {
    let mut rest = text.chars().peekable();
    let mut begins_word = true;
    while let Some(character) = rest.next() {
        match character {
            '\\' => drop(rest.next()),
            '\'' | '"' => skip_quoted(character, &mut rest)?,
            '|' | '&' | ';' | '<' | '>' | '`' => return Err(shell_only(&character.to_string())),
            '#' if begins_word => return Err(shell_only("#")),
            '$' if rest.peek().is_some_and(|next| next.is_ascii_alphabetic() || "{(_".contains(*next)) => {
                return Err(shell_only("$"));
            }
            _ => {}
        }
        begins_word = character.is_whitespace();
    }
    Ok(())
}

/// Moves behind the closing quote. In double quotes a backslash escapes the character after it.
fn skip_quoted(quote: char, rest: &mut impl Iterator<Item = char>) -> Result<(), String> {
    while let Some(character) = rest.next() {
        match character {
            _ if character == quote => return Ok(()),
            '\\' if quote == '"' => drop(rest.next()),
            _ => {}
        }
    }
    Err(format!("a {quote} is not closed"))
}

fn shell_only(what: &str) -> String {
    format!(
        "{what} has a meaning only to a shell, and none runs the command; put it into quotes, into a script, or write sh -c '…'"
    )
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrWords)
    }
}

struct TextOrWords;

impl<'de> Visitor<'de> for TextOrWords {
    type Value = Words;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a command, or a list of its words")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Words, E> {
        text.parse().map_err(de::Error::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Words, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = items.next_element()? {
            words.push(word);
        }
        Words::checked(words).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.parse::<Words>().unwrap().0
    }

    #[test]
    fn a_command_is_split_like_a_shells() {
        assert_eq!(words("alembic upgrade head"), ["alembic", "upgrade", "head"]);
        assert_eq!(words("  sh -c 'a && b | c > $HOME'\t"), ["sh", "-c", "a && b | c > $HOME"]);
        assert_eq!(words(r#"x "a \"b\" \n" c\ d '' e"f"'g'"#), ["x", r#"a "b" \n"#, "c d", "", "efg"]);
        assert_eq!(words("x 100$ a$ b#c '#d'"), ["x", "100$", "a$", "b#c", "#d"]);
    }

    #[test]
    fn what_only_a_shell_could_do_is_an_error() {
        for text in [
            "a && b", "a; b", "a | b", "a > b", "a `b`", "a $HOME", "a ${B}", "a $(b)", "a 'b", "a \"b", "", " ", "''",
            "a #b", "a \\",
        ] {
            assert!(text.parse::<Words>().is_err(), "{text}");
        }
    }

    #[test]
    fn it_is_shown_as_it_could_be_typed_but_for_passwords() {
        let words: Words = "migrate 'a b' postgres://u:hunter2@h/d -x db=postgres://u:p@ss@h".parse().unwrap();
        assert_eq!(words.to_string(), "migrate 'a b' postgres://***@h/d -x db=postgres://***@h");
    }
}
