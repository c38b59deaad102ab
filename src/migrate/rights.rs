//! The rights on the history table that a role lacks, as statements that its owner can run.

use crate::base::error::Error;
use crate::base::fault::{Class, Fault};
use crate::sql::dialect::Accounts;
use crate::sql::{Dialect, TableName};

/// The error of a statement that writes to the history table: which right the role lacks.
pub(crate) fn cannot_write<'a>(
    doing: impl Into<String>,
    (dialect, table): (Dialect, &'a TableName),
    role: &'a str,
) -> impl FnOnce(Fault) -> Error {
    let doing = doing.into();
    move |fault| {
        let is_right = matches!(fault.class, Class::Privilege | Class::RowSecurity);
        let remedy = is_right.then(|| grant((dialect, table), "SELECT, INSERT, UPDATE", role));
        Error::Statement { doing, fault, remedy }
    }
}

/// The statements that give a role rights on the history table.
pub(super) fn grant((dialect, table): (Dialect, &TableName), rights: &str, role: &str) -> String {
    let role = dialect.identifier(role);
    // Only a role needs a right on the schema as well.
    let has_usage = dialect.rules().accounts == Accounts::Roles;
    let schema = table.schema.as_ref().filter(|_| has_usage).map(|schema| dialect.identifier(schema));
    let usage = schema.map(|schema| format!("GRANT USAGE ON SCHEMA {schema} TO {role}; ")).unwrap_or_default();
    format!("let its owner run: {usage}GRANT {rights} ON {} TO {role};", dialect.table(table))
}
