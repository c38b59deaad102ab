//! Foundations that know nothing of databases: errors, exit codes, signals, retry, logs, environment, secrets.

pub mod application_name;
pub mod environment;
pub mod error;
pub mod fault;
pub mod log;
pub mod progress;
pub mod progress_bar;
pub mod retry;
pub mod secret;
pub mod signal;
pub mod termination;
