//! What the tools' history tables look like in each dialect, and what else a tool does by dialect, where that is the tool's
//! choice and not the dialect's.
//!
//! A dialect that the format's layout does not list ([`Layout::dialects`](crate::formats::Layout::dialects)) is refused before
//! anything here is asked; it stands with another one.
//!
//! A ledger whose columns have the dialect's own types needs nothing here: it asks [`Dialect::rules`].

pub(crate) mod column_names;
pub(crate) mod dbmate;
pub(crate) mod diesel;
pub(crate) mod drizzle;
pub(crate) mod flyway;
pub(crate) mod golang_migrate;
pub(crate) mod goose;
pub(crate) mod liquibase;
pub(crate) mod node_pg_migrate;
pub(crate) mod prisma;
pub(crate) mod refinery;
pub(crate) mod sqlx_folder;
pub(crate) mod tern;
pub(crate) mod umzug;

use crate::sql::{Dialect, TableName};

/// Selects NULL and the names of a table's columns, separated by commas. Tools share names of tables, and the columns tell whose
/// a table is.
pub(crate) fn columns(dialect: Dialect, table: &TableName) -> String {
    (dbmate::words(dialect).columns)(table)
}
