//! Applying migrations: failures, interruptions, locks, and the commands on the history.

mod announced;
mod apply;
mod baseline_reading;
mod command_output;
mod crashes;
mod error_reports;
mod extensions;
mod failover;
mod history_commands;
mod invalid_indexes;
mod locks;
mod mysql;
mod mysql_crashes;
mod mysql_modes;
mod non_transactional;
mod plan;
mod recovery;
mod reindex;
mod replay;
mod resume;
mod role_settings;
mod session_settings;
mod shared_schema;
mod side_effects;
mod trouble;
mod unnamed_indexes;
