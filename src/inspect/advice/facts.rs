//! What `advise` has found, before anything is judged.

use crate::engines::advice_facts::{IndexFacts, KeyFacts, PlanFacts, StatementFacts, Statistics, TableFacts};
use crate::sql::Dialect;

/// All of it.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Where the database is, without secrets.
    pub(crate) address: String,
    /// Product and version.
    pub(crate) server: String,
    /// How the engine writes SQL.
    pub(crate) dialect: Dialect,
    /// What the server counts; `None` where the engine does not.
    pub(crate) statistics: Option<Statistics>,
    pub(crate) tables: Vec<TableFacts>,
    pub(crate) indexes: Vec<IndexFacts>,
    /// `None` where the engine makes an index for each foreign key.
    pub(crate) keys: Option<Vec<KeyFacts>>,
    /// The queries of the service.
    pub(crate) queries: Vec<QueryFacts>,
    /// The slowest statements, and the plan of each or why there is none.
    pub(crate) statements: Vec<(StatementFacts, Result<PlanFacts, String>)>,
    /// What could not be asked, and why.
    pub(crate) notes: Vec<String>,
}

/// A `[[query]]`.
#[derive(Debug, Clone)]
pub(crate) struct QueryFacts {
    /// Its name.
    pub(crate) name: String,
    /// Its text.
    pub(crate) sql: String,
    /// How it would be run now, and with what it could search by; or why the server makes no plan.
    pub(crate) plans: Result<QueryPlans, String>,
}

/// The plan of a query, and what it lacks.
#[derive(Debug, Clone)]
pub(crate) struct QueryPlans {
    /// What the server would do now.
    pub(crate) now: PlanFacts,
    /// For each table that is read as a whole even where the planner would rather search: the index that would serve, and its
    /// proof.
    pub(crate) missing: Vec<MissingIndex>,
}

/// A table that a query reads as a whole, because no index serves.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MissingIndex {
    /// The table, as the plan names it: schema and name.
    pub(crate) table: crate::catalog::Name,
    /// The columns of the index that would serve; empty where the condition does not show any.
    pub(crate) columns: Vec<String>,
    /// The condition.
    pub(crate) filter: String,
    pub(crate) proof: Proof,
}

/// Whether the planner takes an index that does not exist yet.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Proof {
    /// It does, with the statistics of this database; the costs of the plan before and after.
    Hypothetical(Option<f64>, Option<f64>),
    /// It can on a scratch database, which is empty; the costs there say nothing.
    Scratch,
    /// It does not.
    Refuted,
    /// It was not tried.
    Untried(String),
}
