//! Where in a script an error lies: line, column, and the lines around it with a caret.

use crate::fault::Place;

/// Lines shown before the one with the error.
const CONTEXT: usize = 2;

/// 1-based line and column, in characters.
#[must_use]
pub fn line_and_column(script: &str, place: Place) -> (usize, usize) {
    let before: String = match place {
        Place::Character(position) => script.chars().take(position.saturating_sub(1)).collect(),
        Place::Statement(index) => script[..statement_start(script, index)].to_owned(),
    };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// The lines around a place, numbered, with a caret under the column.
#[must_use]
pub fn around(script: &str, line: usize, column: usize) -> String {
    let mut text = String::new();
    for (index, content) in script.lines().enumerate().take(line).skip(line.saturating_sub(CONTEXT + 1)) {
        let content: String = content.replace('\t', " ").chars().take(160).collect();
        text += &format!("{:>5} | {content}\n", index + 1);
    }
    text + &format!("      | {}^", " ".repeat(column.saturating_sub(1).min(160)))
}

/// Byte offset at which the statement with this 0-based index begins, white space and comments skipped.
/// Knows what SQLite's scripts hold: strings, quoted names, comments and trigger bodies.
fn statement_start(script: &str, index: usize) -> usize {
    let (mut start, mut seen, mut at) = (None, 0, 0);
    let mut words: Vec<String> = Vec::new();
    while at < script.len() {
        let rest = &script[at..];
        let length = token_length(rest);
        let token = &rest[..length];
        let is_blank = token.trim().is_empty() || token.starts_with("--") || token.starts_with("/*");
        if token == ";" && !in_trigger_body(&words) {
            if start.take().is_some() {
                if seen == index {
                    break;
                }
                seen += 1;
            }
            words.clear();
        } else if !is_blank {
            start.get_or_insert(at);
            if seen == index && start == Some(at) {
                return at;
            }
            words.push(token.to_ascii_uppercase());
        }
        at += length;
    }
    start.unwrap_or(0)
}

/// In `CREATE … TRIGGER … BEGIN a; b; END`, a semicolon ends the statement only after END.
fn in_trigger_body(words: &[String]) -> bool {
    let has = |word: &str| words.iter().any(|known| known == word);
    has("CREATE") && has("TRIGGER") && has("BEGIN") && words.last().is_none_or(|last| last != "END")
}

/// Length in bytes of the token that `rest`, which is not empty, starts with.
fn token_length(rest: &str) -> usize {
    let until = |end: &str, from: usize| rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len());
    let first = rest.chars().next().unwrap_or(' ');
    match first {
        '-' if rest.starts_with("--") => until("\n", 2),
        '/' if rest.starts_with("/*") => until("*/", 2),
        '\'' | '"' | '`' => until(&first.to_string(), 1),
        '[' => until("]", 1),
        _ if first.is_alphanumeric() || first == '_' => {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
        }
        _ => first.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_characters_and_lines_start_at_one() {
        assert_eq!(line_and_column("SELECT 'é';\nSELEC 1;", Place::Character(13)), (2, 1));
        assert_eq!(line_and_column("x", Place::Character(1)), (1, 1));
    }

    #[test]
    fn statements_are_counted_past_strings_comments_and_triggers() {
        let script = "-- a; b\nCREATE TABLE a (x TEXT DEFAULT ';');\n;\n\
                      CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = 1; DELETE FROM a; END;\n\
                      /* ; */ DROP TABLE b;";
        assert_eq!(line_and_column(script, Place::Statement(0)), (2, 1));
        assert_eq!(line_and_column(script, Place::Statement(1)), (4, 1));
        assert_eq!(line_and_column(script, Place::Statement(2)), (5, 9));
    }

    #[test]
    fn the_caret_stands_under_the_column() {
        let text = around("one\ntwo\nthree\nfour", 3, 2);
        assert_eq!(text, "    1 | one\n    2 | two\n    3 | three\n      |  ^");
    }
}
