//! The SQL language as text: dialects, names, scripts as lists of statements, and what each statement does. No I/O.

pub mod changes;
pub mod cursor;
pub mod dialect;
pub mod excerpt;
pub mod name;
pub mod names;
pub mod objects;
pub mod script;

pub use dialect::Dialect;
pub use name::TableName;

/// One row, all values as text.
pub type Row = Vec<Option<String>>;
