//! The pipeline of `run`, step by step: wait, schemas, migrate, verify, exec.
//!
//! `setup` is what is known before the first connection, `start` what a session adds, `pipeline` the order of the steps;
//! `migrate/` and `verify/` do the work of theirs. Beside them stand the child processes (`hooks`, `child`), the health
//! port, and `--init`.

pub(crate) mod account_refusal;
pub(crate) mod ask;
pub(crate) mod child;
pub(crate) mod child_output;
pub(crate) mod database;
pub(crate) mod early_login;
pub(crate) mod exec;
pub(crate) mod follow;
pub(crate) mod health;
pub(crate) mod hooks;
pub(crate) mod init;
pub(crate) mod lock_watch;
pub(crate) mod losses;
pub(crate) mod one_child;
pub(crate) mod owed_hook;
pub(crate) mod pipeline;
pub(crate) mod process_tree;
mod program;
mod project_files;
pub(crate) mod refusal;
pub(crate) mod schemas;
pub(crate) mod settle;
pub(crate) mod setup;
pub(crate) mod start;
pub(crate) mod tenants;
pub(crate) mod wait;
pub(crate) mod wait_for;
