//! What an engine tells about indexes and slow statements (`advise`). Numbers are the server's own; one that it does not keep is
//! `None`.

use crate::catalog::Name;

/// Since when, and by what means, a server counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Since when uses of indexes count (RFC 3339); `None` where they were never reset, or the engine does not count.
    pub since: Option<String>,
    /// The schema of pg_stat_statements, where it is installed.
    pub statements: Option<String>,
    /// The schema of hypopg, where it is installed.
    pub hypothetical: Option<String>,
    /// The server plans statements with parameters (PostgreSQL 16).
    pub plans_parameters: bool,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableFacts {
    /// The table.
    pub table: Name,
    /// Its rows, as the last ANALYZE estimated them.
    pub rows: Option<u64>,
    /// In bytes, without its indexes.
    pub bytes: Option<u64>,
    /// Rows that were deleted since the statistics count.
    pub deletes: Option<u64>,
    /// Rows that were updated since then.
    pub updates: Option<u64>,
}

/// An index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IndexFacts {
    /// Its table.
    pub table: Name,
    /// Its name.
    pub name: String,
    /// Its key columns; an expression has an empty name.
    pub columns: Vec<String>,
    /// All that each of them is: expression, operator class, collation, direction. Alike texts are alike parts.
    pub parts: Vec<String>,
    /// Columns that it only includes.
    pub include: Vec<String>,
    /// `btree`, `gin`, …
    pub method: String,
    /// Its predicate.
    pub predicate: Option<String>,
    /// It is unique.
    pub is_unique: bool,
    /// A constraint, a replica identity or the engine itself needs it: it is not to be dropped by itself.
    pub is_needed: bool,
    /// Queries may use it.
    pub is_valid: bool,
    /// In bytes.
    pub bytes: Option<u64>,
    /// How often it was scanned since the statistics count.
    pub scans: Option<u64>,
    /// When it was last (PostgreSQL 16).
    pub last_scan: Option<String>,
}

/// A foreign key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// Its table.
    pub table: Name,
    /// Its name; empty where the engine has none.
    pub name: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// The table that it points to.
    pub target: Name,
}

/// A statement that the server has counted.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementFacts {
    /// Its text, with parameters in place of values.
    pub query: String,
    /// How often it ran.
    pub calls: u64,
    /// In milliseconds, all calls together.
    pub total_ms: f64,
    /// The same for one call.
    pub mean_ms: f64,
    /// The rows that it returned or changed.
    pub rows: u64,
}

/// A plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlanFacts {
    /// Its steps in one line.
    pub outline: String,
    /// The planner's cost of all of it.
    pub cost: Option<f64>,
    /// Each reading of a table or an index.
    pub reads: Vec<PlanRead>,
}

/// One reading of a table or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRead {
    /// The table; its schema may be empty where the engine does not say it.
    pub table: Name,
    /// The index that is read.
    pub index: Option<String>,
    /// It is searched by something, rather than read from its beginning to its end.
    pub is_search: bool,
    /// By what, as the engine writes it; empty where its plans do not show that.
    pub condition: String,
    /// What is left to check for each row, as the engine writes it.
    pub filter: String,
}
