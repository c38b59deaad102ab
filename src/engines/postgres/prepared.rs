//! Prepared statements for the history: each of 500 pending migrations sends the same two statements with other values, which the
//! server would parse and plan 500 times.
//!
//! A statement that a session sends often is cut into a template and its values. PREPARE of the template is a message of its own, and from
//! then on `EXECUTE name(values)` stands for the statement. What is prepared can disappear (DEALLOCATE, DISCARD) or fail where the
//! statement would not, after a migration has changed the history's columns. So the plain form is always at hand, and all that is
//! decided here is which of the two is sent.

use std::borrow::Cow;

use crate::engines::postgres::SQL;
use crate::sql::token::{Token, TokenKind, is_word, tokens};

/// So many times a statement is sent as it is; once more, and it is prepared. pgjdbc's prepareThreshold is the same.
const UNPREPARED: usize = 4;

/// So many templates are counted: a run sends two, and one whose text differs each time is never prepared.
const MOST: usize = 8;

/// A statement, cut at the literals that are values.
#[derive(Debug, PartialEq, Eq)]
struct Cut<'a> {
    template: Template,
    /// The literals, as the statement has them.
    values: Vec<&'a str>,
}

/// What statements have in common that differ in their values: the text before, between and after these.
#[derive(Debug, PartialEq, Eq)]
struct Template(Vec<String>);

/// The statements that a session has sent, and which of them are prepared.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    known: Vec<Known>,
    /// How many names have been given: none is given twice, since one that is forgotten may still be prepared.
    names: usize,
    /// A prepared statement has failed: from then on all are sent as they are.
    is_over: bool,
}

#[derive(Debug)]
struct Known {
    template: Template,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Sent so many times as it is.
    Plain(usize),
    /// Prepared by this name.
    Prepared(String),
    /// The server has refused to prepare it.
    Refused,
}

impl Prepared {
    /// What to send for this statement, which is counted: EXECUTE where it is prepared.
    pub(crate) fn form<'a>(&mut self, statement: &'a str) -> Cow<'a, str> {
        let plain = Cow::Borrowed(statement);
        if self.is_over {
            return plain;
        }
        for known in &self.known {
            if let State::Prepared(name) = &known.state
                && let Some(values) = known.template.values(statement)
            {
                return Cow::Owned(executing(name, &values));
            }
        }
        let Some(cut) = cut(statement) else { return plain };
        let Some(known) = self.known.iter_mut().find(|known| known.template == cut.template) else {
            if self.known.len() < MOST {
                self.known.push(Known { template: cut.template, state: State::Plain(1) });
            }
            return plain;
        };
        match &mut known.state {
            State::Plain(count) => *count += 1,
            State::Refused => {}
            State::Prepared(name) => return Cow::Owned(executing(name, &cut.values)),
        }
        plain
    }

    /// The PREPARE of a statement that has been sent often enough. Call [`Prepared::refused`] if the server refuses it.
    pub(crate) fn due(&mut self) -> Option<String> {
        let known = self.known.iter_mut().find(|known| matches!(known.state, State::Plain(UNPREPARED..)))?;
        self.names += 1;
        let name = format!("doorstep_{}", self.names);
        let sql = format!("PREPARE {name} AS {}", known.template.text());
        known.state = State::Prepared(name);
        Some(sql)
    }

    /// The last one [`due`](Prepared::due) was refused.
    pub(crate) fn refused(&mut self) {
        let last = format!("doorstep_{}", self.names);
        for known in &mut self.known {
            if matches!(&known.state, State::Prepared(name) if *name == last) {
                known.state = State::Refused;
            }
        }
    }

    /// The session may have lost what is prepared; it may prepare again.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
    }

    /// What is prepared cannot be relied on in this session.
    pub(crate) fn give_up(&mut self) {
        self.is_over = true;
    }
}

impl Template {
    /// The text with `$1`, `$2`, … in place of the values.
    fn text(&self) -> String {
        let mut text = self.0.first().cloned().unwrap_or_default();
        for (index, piece) in self.0.iter().enumerate().skip(1) {
            text.extend(["$", &index.to_string(), piece]);
        }
        text
    }

    /// The values of a statement of this form, found without cutting it into tokens. `None` for another statement, and for
    /// one with values that only [`cut`] reads.
    fn values<'a>(&self, statement: &'a str) -> Option<Vec<&'a str>> {
        let (first, others) = self.0.split_first()?;
        let mut rest = statement.strip_prefix(first.as_str())?;
        let mut values = Vec::with_capacity(others.len());
        for piece in others {
            let (value, after) = rest.split_at_checked(plain_literal(rest)?)?;
            rest = after.strip_prefix(piece.as_str())?;
            values.push(value);
        }
        rest.is_empty().then_some(values)
    }
}

/// The length of the string or the whole number that a text begins with.
fn plain_literal(text: &str) -> Option<usize> {
    if !text.starts_with('\'') {
        let sign = usize::from(text.starts_with('-'));
        let digits = text.as_bytes()[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        return (digits > 0).then_some(sign + digits);
    }
    let mut at = 1;
    loop {
        at += text[at..].find('\'')? + 1;
        if !text[at..].starts_with('\'') {
            return Some(at);
        }
        at += 1;
    }
}

/// The statement that runs what is prepared by this name.
fn executing(name: &str, values: &[&str]) -> String {
    match values {
        [] => format!("EXECUTE {name}"),
        values => format!("EXECUTE {name}({})", values.join(", ")),
    }
}

/// Cuts a statement; `None` for several statements, and for one that has parameters already.
fn cut(statement: &str) -> Option<Cut<'_>> {
    let tokens: Vec<Token<'_>> = tokens(statement, SQL).collect();
    let has_places = tokens.iter().any(|token| token.kind == TokenKind::Word && counts_columns(token.text));
    let (mut pieces, mut values) = (vec![String::new()], Vec::new());
    let (mut at, mut index) = (0, 0);
    let mut before = Before::default();
    while let Some(token) = tokens.get(index) {
        if token.is_open || (token.kind == TokenKind::Mark && matches!(token.text, ";" | "$")) {
            return None;
        }
        let count = value_at(&tokens[index..], before, has_places).unwrap_or_default();
        let taken = &tokens[index..index + count.max(1)];
        let length: usize = taken.iter().map(|token| token.text.len()).sum();
        let text = &statement[at..at + length];
        if count > 0 {
            values.push(text);
            pieces.push(String::new());
        } else if let Some(piece) = pieces.last_mut() {
            piece.push_str(text);
        }
        for token in taken {
            before.pass(token);
        }
        (at, index) = (at + length, index + taken.len());
    }
    Some(Cut { template: Template(pieces), values })
}

/// The last two tokens that are not blank.
#[derive(Debug, Default, Clone, Copy)]
struct Before<'a> {
    last: &'a str,
    last_but_one: &'a str,
}

impl<'a> Before<'a> {
    fn pass(&mut self, token: &Token<'a>) {
        if token.kind != TokenKind::Blank {
            (self.last_but_one, self.last) = (self.last, token.text);
        }
    }

    /// A string that follows is a value: no constant with its type before it (`interval '1 day'`).
    fn precedes_string(self) -> bool {
        matches!(self.last, "(" | "," | "=") || ["THEN", "ELSE"].iter().any(|word| self.last.eq_ignore_ascii_case(word))
    }

    /// A number that follows is a value: not the length of a type (`varchar(36)`).
    fn precedes_number(self) -> bool {
        let follows_name = self.last_but_one.ends_with(|c| is_word(c) || c == '"');
        match self.last {
            "," | "=" => true,
            // No end of another operator (`->`), whose meaning depends on the type.
            "<" | ">" => follows_name,
            "(" => self.last_but_one.eq_ignore_ascii_case("VALUES"),
            _ => false,
        }
    }
}

/// A clause in which a number may mean a column: `ORDER BY 1, 2`.
fn counts_columns(word: &str) -> bool {
    ["ORDER", "GROUP", "DISTINCT"].iter().any(|clause| word.eq_ignore_ascii_case(clause))
}

/// How many of these tokens are a literal that is a value.
fn value_at(tokens: &[Token<'_>], before: Before<'_>, has_places: bool) -> Option<usize> {
    let first = tokens.first()?;
    if first.kind == TokenKind::Quoted && before.precedes_string() {
        return first.text.starts_with(['\'', 'e', 'E']).then_some(1);
    }
    if has_places || !before.precedes_number() {
        return None;
    }
    let count = 1 + usize::from(first.text == "-");
    let is_number = tokens.get(count - 1).is_some_and(|token| token.text.bytes().all(|byte| byte.is_ascii_digit()));
    // No part of a longer number (`1.5`) or of a calculation.
    let after = tokens[count.min(tokens.len())..].iter().find(|token| token.kind != TokenKind::Blank);
    let is_whole = after.is_none_or(|token| matches!(token.text, "," | ")") || token.kind == TokenKind::Word);
    (is_number && is_whole).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(statement: &str) -> Option<(String, Vec<&str>)> {
        let cut = cut(statement)?;
        let has_escapes = cut.values.iter().any(|value| value.starts_with('E'));
        let again = cut.template.values(statement);
        assert_eq!(again.as_ref(), Some(&cut.values).filter(|_| !has_escapes), "{statement}");
        Some((cut.template.text(), cut.values))
    }

    #[test]
    fn literals_become_parameters() {
        for (statement, template, values) in [
            (
                "INSERT INTO h (id, at, name) VALUES ('a', clock_timestamp(), 'it''s')",
                "INSERT INTO h (id, at, name) VALUES ($1, clock_timestamp(), $2)",
                &["'a'", "'it''s'"][..],
            ),
            (
                "UPDATE \"h\" SET n = 1, t = NULL, m = E'a\\'b' WHERE id ='a' AND e IS NULL",
                "UPDATE \"h\" SET n = $1, t = NULL, m = $2 WHERE id =$3 AND e IS NULL",
                &["1", "E'a\\'b'", "'a'"],
            ),
            (
                "INSERT INTO h (v, t) VALUES (20240101000001, -1)",
                "INSERT INTO h (v, t) VALUES ($1, $2)",
                &["20240101000001", "-1"],
            ),
            (
                "INSERT INTO h SELECT coalesce(max(n), 0) + 1, 'x', -5, true FROM h",
                "INSERT INTO h SELECT coalesce(max(n), $1) + 1, $2, $3, true FROM h",
                &["0", "'x'", "-5"],
            ),
            (
                "INSERT INTO h VALUES (CASE t WHEN 'int8' THEN 'a' ELSE 'b' END, '{}'::pg_catalog.jsonb)",
                "INSERT INTO h VALUES (CASE t WHEN 'int8' THEN $1 ELSE $2 END, $3::pg_catalog.jsonb)",
                &["'a'", "'b'", "'{}'"],
            ),
            (
                "UPDATE h SET v = GREATEST(v, 3) WHERE v >= 2",
                "UPDATE h SET v = GREATEST(v, $1) WHERE v >= $2",
                &["3", "2"],
            ),
            ("DELETE FROM h WHERE v < 3 AND \"n\" > 4", "DELETE FROM h WHERE v < $1 AND \"n\" > $2", &["3", "4"]),
            ("DELETE FROM h", "DELETE FROM h", &[]),
        ] {
            assert_eq!(parts(statement), Some((template.to_owned(), values.to_vec())), "{statement}");
        }
    }

    #[test]
    fn what_is_no_value_stays() {
        for statement in [
            "SELECT 1 / count(*) FROM r WHERE pg_try_advisory_lock(72707369)",
            "SELECT 1 / (EXISTS (SELECT FROM r) AND pg_try_advisory_lock(72707369) AND pg_try_advisory_lock_shared(-5))::int4",
            "SELECT a, b FROM t ORDER BY 1, 2",
            "SELECT a, 2, count(*) FROM t GROUP BY 1, 2",
            "SELECT a FROM t LIMIT 5 OFFSET 2",
            "SELECT n::varchar(36), now()::timestamp(3)",
            "SELECT n - interval '1 day', timestamp '2024-01-01'",
            "SELECT a, 1.5, 2 * a, 1e5, (-x) FROM t",
            "SELECT (\"a\", \"b\") = (c, d)",
            "SELECT a -- = 'x', 1\n FROM t /* , 'y' */",
            "SELECT j -> 1, j ->> 2, j <-> 3, f(a => 4)",
            "SELECT a1 = b2, c = d1",
            "SELECT (U&'a', B'1')",
        ] {
            assert_eq!(parts(statement), Some((statement.to_owned(), Vec::new())), "{statement}");
        }
    }

    #[test]
    fn several_statements_and_parameters_are_left_alone() {
        for statement in ["DELETE FROM a; INSERT INTO b VALUES ('x')", "SELECT $1, 'a'", "SELECT 'open", "SELECT 1;"] {
            assert_eq!(parts(statement), None, "{statement}");
        }
        assert_eq!(parts("SELECT a = 'x;y'"), Some(("SELECT a = $1".to_owned(), vec!["'x;y'"])));
    }

    #[test]
    fn another_statement_has_no_values() {
        let template = cut("UPDATE h SET a = 'x', b = 1 WHERE c = 'y'").unwrap().template;
        assert_eq!(template.values("UPDATE h SET a = '', b = -2 WHERE c = ''''''"), Some(vec!["''", "-2", "''''''"]));
        for statement in [
            "UPDATE h SET a = 'x', b = 1 WHERE c = 'y",
            "UPDATE h SET a = 'x', b = 1 WHERE c = 'y''",
            "UPDATE h SET a = 'x', b = 1.5 WHERE c = 'y'",
            "UPDATE h SET a = 'x', b = - WHERE c = 'y'",
            "UPDATE h SET a = 'x' || 'z', b = 1 WHERE c = 'y'",
            "UPDATE h SET a = 'x', b = 1 WHERE c = 'y' OR true",
            "UPDATE h SET a = ",
            "",
        ] {
            assert_eq!(template.values(statement), None, "{statement}");
        }
    }

    /// The forms of this statement with the values 1, 2, …, and what was prepared after each.
    fn sent(prepared: &mut Prepared, count: usize) -> Vec<String> {
        let mut sent = Vec::new();
        for value in 1..=count {
            sent.push(prepared.form(&format!("UPDATE h SET a = '{value}'")).into_owned());
            sent.extend(prepared.due());
        }
        sent
    }

    #[test]
    fn the_fifth_is_the_first_that_is_executed() {
        let mut prepared = Prepared::default();
        let plain: Vec<String> = (1..=4).map(|value| format!("UPDATE h SET a = '{value}'")).collect();
        let executed = ["PREPARE doorstep_1 AS UPDATE h SET a = $1".to_owned(), "EXECUTE doorstep_1('5')".to_owned()];
        assert_eq!(sent(&mut prepared, 5), [&plain[..], &executed].concat());
        assert_eq!(prepared.form("UPDATE other SET a = '1'"), "UPDATE other SET a = '1'");
        prepared.forget();
        let again = executed.map(|text| text.replace("_1", "_2"));
        assert_eq!(sent(&mut prepared, 5), [&plain[..], &again].concat());
        prepared.give_up();
        assert_eq!(sent(&mut prepared, 2), plain[..2]);
    }

    #[test]
    fn what_was_refused_is_not_tried_again() {
        let mut prepared = Prepared::default();
        assert_eq!(sent(&mut prepared, 4).len(), 5);
        prepared.refused();
        assert_eq!(sent(&mut prepared, 6).len(), 6);
        assert_eq!(prepared.known[0].state, State::Refused);
    }

    #[test]
    fn a_statement_without_values_has_no_parentheses() {
        assert_eq!(executing("doorstep_1", &[]), "EXECUTE doorstep_1");
        assert_eq!(executing("doorstep_1", &["'a'", "2"]), "EXECUTE doorstep_1('a', 2)");
    }

    #[test]
    fn texts_that_differ_each_time_are_not_kept() {
        let mut prepared = Prepared::default();
        for number in 0..100 {
            prepared.form(&format!("DELETE FROM h WHERE v + {number} > 0"));
        }
        assert_eq!((prepared.known.len(), prepared.due()), (MOST, None));
    }
}
