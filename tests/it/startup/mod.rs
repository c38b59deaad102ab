//! The steps of a start, its settings, hooks, health port and exit codes.

mod check;
mod exit_codes;
mod health;
mod hooks;
mod lost_lock;
mod replicas;
mod schemas;
mod settings;
mod wait;
