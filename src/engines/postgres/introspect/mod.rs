//! PostgreSQL's catalog as plain data. Only pg_catalog is read, which every role may read: information_schema hides
//! objects on which the role has no privilege.
//!
//! `texts` holds the queries, `reader` folds their rows into a catalog, `builtin` lists the server's own types. One message
//! of several queries, each with rows of its own kind: types and operator classes are sent once and named by their oid,
//! columns by their number. Rows are folded as they arrive, so that only the result is held in memory.

pub(crate) mod builtin;
mod present;
mod reader;
mod texts;

pub(crate) use present::{Present, present, read_present};
pub(crate) use reader::PostgresReader;
pub(crate) use texts::sql;

use crate::catalog::{Access, Name};
use crate::engines::values::Values;

/// Two values as a qualified name.
fn qualified(row: Values<'_>, place: usize) -> Option<Name> {
    Some(Name { schema: row.owned(place)?, name: row.owned(place + 1)? })
}

/// A code of [`texts::access_of`].
fn access(code: &str) -> Option<Access> {
    Some(match code {
        "s" => Access::NoSchema,
        "n" => Access::Nothing,
        "w" => Access::WriteOnly,
        "c" => Access::SomeColumns,
        "r" => Access::NoRows,
        _ => return None,
    })
}
