//! Foundations of every other room: errors and exit codes, signals, retry, logs, environment, secrets. Nothing here uses a
//! database, a file format or a setting.

pub(crate) mod application_name;
pub(crate) mod environment;
pub(crate) mod error;
pub(crate) mod fault;
pub mod log;
pub(crate) mod progress;
pub(crate) mod progress_bar;
pub(crate) mod retry;
pub(crate) mod secret;
pub mod signal;
pub mod termination;
