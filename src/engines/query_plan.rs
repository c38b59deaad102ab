//! How an engine would run a query: which indexes it searches, and whether it sorts. Costs and row estimates are left
//! out: on an empty database they say nothing.

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryPlan {
    /// Each table and index that it reads, in the order of the plan.
    pub scans: Vec<Scan>,
    /// Whether it sorts.
    pub sorts: bool,
    /// All of it in one line: `Limit > Sort > Seq Scan on clients`.
    pub outline: String,
}

/// One reading of a table, or of an index.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan {
    /// The schema of the table, if the engine says it.
    pub schema: Option<String>,
    /// The index; `None` where the table itself is read.
    pub index: Option<String>,
    /// What the index is searched for, as the engine writes it; empty where it is read as a whole.
    pub condition: String,
}
