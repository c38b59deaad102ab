//! Applying migrations: history, plan, strategy, execution, recovery and the lock.

pub(crate) mod aftermath;
mod ahead;
mod announcement;
pub(crate) mod apply;
mod begin;
pub(crate) mod claims;
pub(crate) mod committing;
mod continued;
pub(crate) mod due;
mod evidence;
pub(crate) mod execute;
mod existing_schemas;
pub(crate) mod failure_report;
mod guard;
pub(crate) mod halted;
pub(crate) mod history;
mod history_table;
pub(crate) mod intent;
pub(crate) mod interrupted_ddl;
pub(crate) mod invalid_index;
mod leftovers;
pub(crate) mod lock;
pub(crate) mod lock_row;
mod obstacles;
pub(crate) mod own_schemas;
pub(crate) mod plan;
pub(crate) mod recovery;
pub(crate) mod reindex_copies;
mod repaired;
mod repeatable;
pub(crate) mod rights;
mod script_traits;
mod skipped;
pub(crate) mod strangers;
pub mod strategy;
pub(crate) mod tables;
pub(crate) mod trouble;
mod unnamed_index;

#[cfg(test)]
mod tests;
