//! Expressions of contexts and labels: `a and (b or !c)`, with a comma for `or`, in any case.

use crate::formats::liquibase::wrong;
use crate::formats::migration::Unreadable;

/// What a run says about which change sets it is for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Runtime {
    /// Liquibase's names of the databases that the server may be.
    pub dbms: &'static [&'static str],
    /// The contexts; empty: all.
    pub contexts: Vec<String>,
    /// An expression over labels; empty: all.
    pub labels: String,
}

impl Runtime {
    /// Whether a change set with this context runs.
    ///
    /// # Errors
    /// Why the expression is none.
    pub(crate) fn is_in_context(&self, expression: &str) -> Result<bool, Unreadable> {
        match self.contexts.is_empty() {
            true => holds(expression, &[]).map(|_| true),
            false => holds(expression, &self.contexts),
        }
    }

    /// Whether a change set with these labels, divided by commas, runs.
    ///
    /// # Errors
    /// Why the filter is no expression.
    pub(crate) fn has_labels(&self, labels: Option<&str>) -> Result<bool, Unreadable> {
        let Some(labels) = labels.filter(|_| !self.labels.is_empty()) else { return Ok(true) };
        let labels: Vec<String> = labels.split(',').map(|label| label.trim().to_lowercase()).collect();
        holds(&self.labels, &labels)
    }
}

/// Whether the expression holds where these names, in lower case, are true.
fn holds(expression: &str, names: &[String]) -> Result<bool, Unreadable> {
    let spaced =
        expression.to_lowercase().replace('(', " ( ").replace(')', " ) ").replace(',', " , ").replace('!', " ! ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut parser = Parser { words: &words, names };
    let value = parser.any();
    match value {
        Some(value) if parser.words.is_empty() => Ok(value),
        _ => Err(wrong(format!("{expression:?} is no expression that doorstep reads"))),
    }
}

struct Parser<'a> {
    words: &'a [&'a str],
    names: &'a [String],
}

impl Parser<'_> {
    fn takes(&mut self, wanted: &[&str]) -> bool {
        let found = self.words.first().is_some_and(|word| wanted.contains(word));
        if found {
            self.words = &self.words[1..];
        }
        found
    }

    fn any(&mut self) -> Option<bool> {
        let mut value = self.all()?;
        while self.takes(&[",", "or"]) {
            value |= self.all()?;
        }
        Some(value)
    }

    fn all(&mut self) -> Option<bool> {
        let mut value = self.one()?;
        while self.takes(&["and"]) {
            value &= self.one()?;
        }
        Some(value)
    }

    fn one(&mut self) -> Option<bool> {
        if self.takes(&["!", "not"]) {
            return self.one().map(|value| !value);
        }
        if self.takes(&["("]) {
            let value = self.any()?;
            return self.takes(&[")"]).then_some(value);
        }
        let (name, rest) = self.words.split_first()?;
        let is_name = !matches!(*name, ")" | "," | "and" | "or") && !name.starts_with('@');
        self.words = rest;
        is_name.then(|| self.names.iter().any(|known| known == name))
    }
}

/// How Liquibase records an expression: in parentheses where it has several words.
pub(crate) fn recorded(expression: &str) -> String {
    match expression.contains([' ', ',']) {
        true => format!("({expression})"),
        false => expression.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_evaluated() {
        let names = ["a".to_owned(), "dev".to_owned()];
        for (expression, expected) in [
            ("dev", true),
            ("Dev", true),
            ("prod", false),
            ("!prod", true),
            ("not prod and dev", true),
            ("prod, dev", true),
            ("prod or b and dev", false),
            ("(prod or a) and !b", true),
        ] {
            assert_eq!(holds(expression, &names), Ok(expected), "{expression}");
        }
        for wrong in ["", "a b", "(a", "a and", "@a", ")"] {
            assert!(holds(wrong, &names).is_err(), "{wrong}");
        }
    }

    #[test]
    fn without_contexts_and_filter_all_run() {
        let all = Runtime::default();
        assert_eq!((all.is_in_context("prod"), all.has_labels(Some("x"))), (Ok(true), Ok(true)));
        let some = Runtime { contexts: vec!["dev".to_owned()], labels: "x or z".to_owned(), ..Runtime::default() };
        assert_eq!((some.is_in_context("prod"), some.has_labels(Some("y,z"))), (Ok(false), Ok(true)));
        assert_eq!((some.has_labels(Some("y")), some.has_labels(None)), (Ok(false), Ok(true)));
    }
}
