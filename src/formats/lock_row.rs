//! A lock that a tool keeps as a row of a table, and that therefore outlives the process that took it: Liquibase's.

use crate::sql::TableName;

/// The table, and its statements; HOLDER stands for a literal of who takes the lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LockRow {
    /// The table.
    pub table: TableName,
    /// Creates the table.
    pub create: String,
    /// Inserts its row where that is missing.
    pub fill: String,
    /// Takes a lock that is free, or that a doorstep has left, and returns a row then. The caller must hold doorstep's own
    /// lock, which ends with the session of the doorstep that had it: what is left of that one is a row without a holder.
    pub take: String,
    /// Takes one that FORMER, a literal, has left, and returns a row then.
    pub steal: String,
    /// Lists the other sessions, one of which the holder is; `None` where the engine does not.
    pub sessions: Option<&'static str>,
    /// Who holds it, and since when; no row where it is free.
    pub holder: String,
    /// Gives it back.
    pub release: String,
    /// The command of the tool that frees a lock whose holder is gone.
    pub remedy: &'static str,
}
