//! The steps of a start, its settings, hooks, health port and exit codes.

mod advice;
mod check;
mod early_login;
mod env_file;
mod exit_codes;
mod files;
mod foreign_text;
mod health;
mod hooks;
mod lost_lock;
mod migrate_role;
mod password_command;
mod replicas;
mod schemas;
mod secret_files;
mod secrets;
mod settings;
mod tenants;
mod time_limits;
mod urls;
mod wait;
mod wait_for;
