//! What a migration asks of the database before it runs: the preconditions of Liquibase.

/// Questions, and what follows from an answer that was not expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guard {
    /// All of them must be answered as expected.
    pub questions: Vec<Question>,
    /// Where one is not.
    pub on_fail: OnFailure,
    /// Where one cannot be asked.
    pub on_error: OnFailure,
}

/// A query, and the value of its first row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// The query.
    pub sql: String,
    /// The value that lets the migration run.
    pub expected: String,
}

/// What becomes of a migration whose questions are not answered as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// The start stops.
    Halt,
    /// It is recorded, and does not run.
    Record,
    /// It runs, with a warning.
    Run,
}
