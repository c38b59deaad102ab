//! Applying migrations: history, plan, strategy, execution, recovery and the lock.

pub mod apply;
pub mod execute;
pub mod failure_report;
pub mod history;
pub mod invalid_index;
pub mod lock;
pub mod plan;
pub mod recovery;
pub mod strategy;
