//! Where in a script an error lies: line, column, and the lines around it with a caret.

use crate::engine::Dialect;
use crate::fault::Place;
use crate::script;

/// Lines shown before the one with the error.
const CONTEXT: usize = 2;

/// 1-based line and column, in characters.
#[must_use]
pub fn line_and_column(text: &str, place: Place, dialect: Dialect) -> (usize, usize) {
    let before: String = match place {
        Place::Character(position) => text.chars().take(position.saturating_sub(1)).collect(),
        Place::Statement(index) => {
            let statements = script::statements(text, dialect);
            let offset = statements.get(index).or(statements.last()).map_or(0, |statement| statement.offset);
            text[..offset].to_owned()
        }
    };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// The lines around a place, numbered, with a caret under the column.
#[must_use]
pub fn around(script: &str, line: usize, column: usize) -> String {
    let mut text = String::new();
    let shown = || script.lines().enumerate().take(line).skip(line.saturating_sub(CONTEXT + 1));
    let hides = shown().any(|(_, content)| speaks_of_a_secret(content));
    for (index, content) in shown() {
        let content = if hides { masked(content) } else { content.to_owned() };
        let content: String = content.replace('\t', " ").chars().take(160).collect();
        text += &format!("{:>5} | {content}\n", index + 1);
    }
    text + &format!("      | {}^", " ".repeat(column.saturating_sub(1).min(160)))
}

fn speaks_of_a_secret(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    ["password", "secret", "token"].iter().any(|word| lower.contains(word))
}

/// A line with its texts in quotes, of either kind, hidden; every character keeps its column.
fn masked(line: &str) -> String {
    let (mut quoted, mut before) = (false, ' ');
    let mut hide = |character: char| {
        // A dollar quote begins and ends with the second of two dollars.
        let ends = character == '\'' || (character == '$' && before == '$');
        quoted ^= ends;
        before = if ends { ' ' } else { character };
        if quoted && !ends && character != '$' { '*' } else { character }
    };
    line.chars().map(&mut hide).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_a_script_are_not_shown() {
        let text = around("OPTIONS (user 'a', password 'hunter2')", 1, 10);
        assert!(text.contains("OPTIONS (user '*', password '*******')"), "{text}");
        let text = around("ALTER ROLE r PASSWORD\n  $$hunter2$$, costs 5$ a $ day, 'x'", 2, 3);
        assert!(text.contains("  $$*******$$, costs 5$ a $ day, '*'"), "{text}");
    }

    #[test]
    fn positions_are_characters_and_lines_start_at_one() {
        assert_eq!(line_and_column("SELECT 'é';\nSELEC 1;", Place::Character(13), Dialect::Postgres), (2, 1));
        assert_eq!(line_and_column("x", Place::Character(1), Dialect::Postgres), (1, 1));
    }

    #[test]
    fn statements_are_counted_past_strings_comments_and_triggers() {
        let script = "-- a; b\nCREATE TABLE a (x TEXT DEFAULT ';');\n;\n\
                      CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE a SET x = 1; DELETE FROM a; END;\n\
                      /* ; */ DROP TABLE b;";
        assert_eq!(line_and_column(script, Place::Statement(0), Dialect::Sqlite), (2, 1));
        assert_eq!(line_and_column(script, Place::Statement(1), Dialect::Sqlite), (4, 1));
        assert_eq!(line_and_column(script, Place::Statement(2), Dialect::Sqlite), (5, 9));
    }

    #[test]
    fn the_caret_stands_under_the_column() {
        let text = around("one\ntwo\nthree\nfour", 3, 2);
        assert_eq!(text, "    1 | one\n    2 | two\n    3 | three\n      |  ^");
    }
}
