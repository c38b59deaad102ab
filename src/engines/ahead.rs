//! What is asked with a probe, in the same message.

use crate::catalog::Catalog;
use crate::engines::engine::Found;
use crate::sql::{Row, TableName};

/// What a start will most likely ask next. An engine that can sends it with the probe, when the session is opened.
#[derive(Debug, Clone, Default)]
pub struct Ahead {
    /// The tables for [`Engine::find_tables`](super::engine::Engine::find_tables).
    pub tables: Vec<TableName>,
    /// The schemas for [`Engine::catalog`](super::engine::Engine::catalog); `None` where no catalog is needed.
    pub schemas: Option<Vec<String>>,
    /// Which types the catalog has.
    pub types: TypesRead,
    /// The role whose privileges count for both.
    pub role: Option<String>,
    /// The history, as far as the format says where it is.
    pub history: Option<HistoryQuery>,
}

/// The question for a history.
#[derive(Debug, Clone)]
pub struct HistoryQuery {
    /// The query, which fails where there is no such table.
    pub sql: String,
    /// The table and its columns, where the rows in any order are the answer: an engine can send them without a query.
    pub stored: Option<(TableName, &'static [&'static str])>,
}

/// The answers to [`Ahead`]; `None` is what was not asked, or not answered.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// For each of the tables.
    pub tables: Option<Vec<Found>>,
    /// The catalog of the schemas.
    pub catalog: Option<Catalog>,
    /// The rows of the history.
    pub history: Option<Vec<Row>>,
}

/// Which types a catalog has. Most databases of a service without enums have none of their own, and the server's are a sixth of what
/// is sent for a small database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TypesRead {
    /// All of them.
    #[default]
    All,
    /// Those of columns, and enums that have a value: an enum without one, and without a column, may be left out.
    Used,
}
