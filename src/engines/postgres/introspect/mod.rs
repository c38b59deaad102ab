//! PostgreSQL's catalog as plain data. Only pg_catalog is read, which every role may read: information_schema hides
//! objects on which the role has no privilege.
//!
//! `texts` holds the statements, `reader` folds their rows into a catalog by what `relations`, `columns` and `types` know,
//! `builtin` lists the server's own types, `notation` reads lists of numbers, `owner` tells what the session's role may
//! certainly read. One message of several statements: what they name is sent once and named by its oid, columns by their number. A
//! second message asks for what only some databases have.

pub(crate) mod builtin;
mod columns;
mod notation;
mod oids;
mod owner;
mod present;
mod reader;
mod relations;
mod texts;
mod types;

pub(crate) use present::{Present, is_plain, is_usable, present, read_present, usable};
pub(crate) use reader::PostgresReader;

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
