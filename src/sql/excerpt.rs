//! Shows where in a script an error is: line, column, and the lines around it with a caret. Lines that may contain a
//! secret are shown with their literals masked.

use crate::base::fault::Place;
use crate::sql::script::Statement;

/// How many lines are shown before the line with the error.
const CONTEXT: usize = 2;

/// A statement of at most this many lines is shown as a whole.
const WHOLE: usize = 12;

/// 1-based line and column, in characters.
#[must_use]
pub(crate) fn line_and_column(text: &str, place: Place, statements: &[Statement<'_>]) -> (usize, usize) {
    let before: String = match place {
        Place::Character(position) => text.chars().take(position.saturating_sub(1)).collect(),
        Place::Statement(index) => {
            let offset = statements.get(index).or(statements.last()).map_or(0, |statement| statement.offset);
            text[..offset].to_owned()
        }
    };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// The lines around a position (line and column), numbered, with a caret under the column. A short statement is shown as a
/// whole. So many lines of the file precede the script.
#[must_use]
pub(crate) fn around(
    script: &str,
    (line, column): (usize, usize),
    lines_before: usize,
    statements: &[Statement<'_>],
) -> String {
    let before = line.saturating_sub(CONTEXT).max(1);
    let (first, last) = match statement_at(script, line, statements) {
        Some((first, last)) if last - first < WHOLE => (first.min(before), last),
        _ => (before, line),
    };
    let shown = || script.lines().enumerate().take(last).skip(first - 1);
    let hides = shown().any(|(_, content)| may_hold_secret(content));
    let mut lines = Vec::new();
    for (index, content) in shown() {
        let content = if hides { masked(content) } else { content.to_owned() };
        let content: String = content.replace('\t', " ").chars().take(160).collect();
        lines.push(format!("{:>5} | {content}", lines_before + index + 1));
        if index + 1 == line {
            lines.push(format!("      | {}^", " ".repeat(column.saturating_sub(1).min(160))));
        }
    }
    lines.join("\n")
}

/// First and last line of the statement on this line; of several statements, those of the last one.
fn statement_at(script: &str, line: usize, statements: &[Statement<'_>]) -> Option<(usize, usize)> {
    let (mut at, mut first, mut found) = (0, 1, None);
    for statement in statements {
        first += script[at..statement.offset].matches('\n').count();
        at = statement.offset;
        let last = first + statement.text.matches('\n').count();
        if (first..=last).contains(&line) {
            found = Some((first, last));
        }
    }
    found
}

/// Masks too much rather than too little: a word is enough, wherever it is in the excerpt.
fn may_hold_secret(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    ["password", "secret", "token"].iter().any(|word| lower.contains(word))
}

/// Replaces the characters within quotes and dollar quotes by `*`, so that every other character keeps its column.
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
    use crate::sql::Dialect;
    use crate::sql::script::statements;

    fn around(script: &str, line: usize, column: usize, dialect: Dialect) -> String {
        super::around(script, (line, column), 0, &statements(script, dialect))
    }

    fn line_and_column(text: &str, place: Place, dialect: Dialect) -> (usize, usize) {
        super::line_and_column(text, place, &statements(text, dialect))
    }

    #[test]
    fn secrets_in_a_script_are_not_shown() {
        let text = around("OPTIONS (user 'a', password 'hunter2')", 1, 10, Dialect::Postgres);
        assert!(text.contains("OPTIONS (user '*', password '*******')"), "{text}");
        let text = around("ALTER ROLE r PASSWORD\n  $$hunter2$$, costs 5$ a $ day, 'x'", 2, 3, Dialect::Postgres);
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
    fn the_caret_stands_under_the_column_and_a_short_statement_is_shown_as_a_whole() {
        let shown = |script: &str, line| around(script, line, 2, Dialect::Postgres);
        assert_eq!(shown("one;\ntwo;\nthree;\nfour;", 3), "    1 | one;\n    2 | two;\n    3 | three;\n      |  ^");
        let text = "    1 | one\n    2 | two\n    3 | three\n    4 | four\n      |  ^\n    5 | five;";
        assert_eq!(shown("one\ntwo\nthree\nfour\nfive;\nsix;", 4), text);
        let long = "line\n".repeat(40);
        assert_eq!(shown(&long, 20), "   18 | line\n   19 | line\n   20 | line\n      |  ^");
        // A line without a statement.
        assert_eq!(shown("one;\n\n-- end", 3), "    1 | one;\n    2 | \n    3 | -- end\n      |  ^");
    }
}
