//! The names in a piece of SQL: columns of a condition, parameters of a query, constraints of a CREATE TABLE. Works on tokens,
//! not on a grammar, so that it accepts every dialect.

use crate::sql::Dialect;
use crate::sql::cursor::{stored, written};
use crate::sql::script::{Token, TokenKind, tokens};

/// Every unqualified name in an expression, as the database stores it. Keywords are included: callers look up names that
/// they know.
#[must_use]
pub fn names(expression: &str, dialect: Dialect) -> Vec<String> {
    let tokens = without_blanks(expression, dialect);
    let is_name = |token: &Token<'_>| {
        token.kind == TokenKind::Word || (token.kind == TokenKind::Quoted && token.text.starts_with(['"', '`', '[']))
    };
    let qualifies = |at: usize| tokens.get(at + 1).is_some_and(|next| next.text == ".");
    let named = tokens.iter().enumerate().filter(|(at, token)| is_name(token) && !qualifies(*at));
    named.map(|(_, token)| stored(&written(token, dialect))).collect()
}

/// How many parameters a query of PostgreSQL takes: the highest number in `$1`.
#[must_use]
pub fn parameters(query: &str) -> usize {
    let all: Vec<Token<'_>> = tokens(query, Dialect::Postgres).collect();
    let numbered = all.windows(2).filter(|pair| pair[0].text == "$");
    numbered.filter_map(|pair| pair[1].text.parse().ok()).max().unwrap_or(0)
}

/// How many `?` stand for a value in a query.
#[must_use]
pub fn question_marks(query: &str, dialect: Dialect) -> usize {
    tokens(query, dialect).filter(|token| token.text == "?").count()
}

/// The names of constraints in a `CREATE TABLE`, of columns and of the table.
#[must_use]
pub fn constraints(create: &str, dialect: Dialect) -> Vec<String> {
    let tokens = without_blanks(create, dialect);
    let named = tokens.windows(2).filter(|pair| pair[0].text.eq_ignore_ascii_case("CONSTRAINT"));
    // SQLite keeps the case of a name.
    named.map(|pair| pair[1].text.trim_matches(['"', '`', '[', ']']).replace("\"\"", "\"")).collect()
}

fn without_blanks(text: &str, dialect: Dialect) -> Vec<Token<'_>> {
    tokens(text, dialect).filter(|token| token.kind != TokenKind::Blank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_names_its_columns() {
        let condition = "((clients.status = $1) AND (\"Client\".\"createdAt\" > 'x'::timestamp))";
        let names = names(condition, Dialect::Postgres);
        assert!(names.contains(&"status".to_owned()) && names.contains(&"createdAt".to_owned()), "{names:?}");
        assert!(!names.contains(&"clients".to_owned()) && !names.contains(&"Client".to_owned()), "{names:?}");
        assert_eq!(super::names("a=? AND b>?", Dialect::Sqlite), ["a", "and", "b"]);
    }

    #[test]
    fn parameters_are_counted_by_their_highest_number() {
        assert_eq!(parameters("SELECT $2, $1 WHERE a = $12 -- $40\n AND '$50' = x AND y = $$ $60 $$"), 12);
        assert_eq!(parameters("SELECT 1 AS a$7"), 0);
    }

    #[test]
    fn constraints_of_a_table_are_named_in_its_text() {
        let text = "CREATE TABLE t (a INT CONSTRAINT \"A one\" UNIQUE, b INT, -- CONSTRAINT no\n \
                    constraint two CHECK (b > 0 AND 'CONSTRAINT x' <> ''), CHECK (a > 0))";
        assert_eq!(constraints(text, Dialect::Sqlite), ["A one", "two"]);
    }
}
