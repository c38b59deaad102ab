//! `[[query]]` of doorstep.toml: a query of the service, and the indexes that its plan must be able to use. The plans are
//! read in `verify::index_use`.

use crate::base::error::Error;
use crate::catalog::Origin;
use crate::config::requirements::settings_error;
use crate::finding::Severity;
use crate::sql::{Dialect, TableName, script};

/// A query that the service runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceQuery {
    /// Its name in findings.
    pub name: String,
    /// Its text, one statement.
    pub sql: String,
    /// The indexes that it must be able to use. Without any, the server only has to accept the query.
    pub indexes: Vec<TableName>,
    /// The severity of the finding if it cannot.
    pub severity: Severity,
    /// Its file and line.
    pub origin: Origin,
}

/// Statements that can be explained.
const VERBS: &[&str] = &["SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES"];

impl ServiceQuery {
    /// Whether the text is one statement that an engine can explain.
    ///
    /// # Errors
    /// [`Error::Settings`] with its line.
    pub(crate) fn suits(&self, dialect: Dialect) -> Result<(), Error> {
        let refuse = |why: &str| Err(settings_error(&self.origin, &format!("the query {} {why}", self.name)));
        match script::statements(&self.sql, dialect).as_slice() {
            [] => refuse("is empty"),
            [_] if !script::is_complete(&self.sql, dialect) => refuse("leaves a quote, a comment or a bracket open"),
            [one] if VERBS.iter().any(|verb| one.starts(&[verb])) => Ok(()),
            [_] => refuse("is not a SELECT, INSERT, UPDATE, DELETE or WITH; no other statement has a plan"),
            _ => refuse("is several statements; write a [[query]] for each"),
        }
    }

    /// The statement alone.
    #[must_use]
    pub(crate) fn statement(&self, dialect: Dialect) -> &str {
        script::statements(&self.sql, dialect).first().map_or("", |statement| statement.text)
    }
}
