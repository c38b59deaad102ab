//! Foundations without a database: errors, exit codes, signals, retry, logs, times, environment, secrets.

pub(crate) mod application_name;
pub(crate) mod crc32;
pub(crate) mod directory;
pub(crate) mod env_lines;
pub(crate) mod environment;
pub(crate) mod error;
pub(crate) mod fault;
pub(crate) mod file;
pub(crate) mod log;
pub(crate) mod mask;
pub(crate) mod memory;
pub(crate) mod name_map;
pub(crate) mod neutral;
pub(crate) mod password_command;
pub(crate) mod plain_name;
pub(crate) mod progress;
pub(crate) mod progress_bar;
pub(crate) mod retry;
pub(crate) mod schema_failures;
pub(crate) mod secret;
pub(crate) mod secret_file;
pub(crate) mod short_child;
pub(crate) mod signal;
pub(crate) mod termination;
pub(crate) mod time;
pub(crate) mod unseen;
