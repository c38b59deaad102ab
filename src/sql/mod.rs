//! The SQL language as text: dialects, names, scripts as lists of statements, and what each statement does. No I/O.

pub(crate) mod actions;
pub(crate) mod body;
pub(crate) mod changes;
pub(crate) mod client_command;
pub(crate) mod creations;
pub(crate) mod cursor;
pub(crate) mod dialect;
pub(crate) mod excerpt;
pub(crate) mod lasting;
pub(crate) mod lex;
pub(crate) mod name;
pub(crate) mod names;
pub(crate) mod object_ref;
pub(crate) mod objects;
pub(crate) mod reindex;
pub mod script;
pub(crate) mod sql_mode;
pub(crate) mod subjects;
pub(crate) mod table_parts;
pub(crate) mod token;
pub(crate) mod unnamed_build;
pub(crate) mod words;

pub use dialect::Dialect;
pub(crate) use name::TableName;
pub(crate) use object_ref::{ObjectKind, ObjectRef};

/// One row, all values as text.
pub(crate) type Row = Vec<Option<String>>;
