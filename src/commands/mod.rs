//! The commands: one file each, with its arguments, what it does and how its result is printed.
//!
//! `cli` is the command line as a whole. `invocation` gives a command its settings and a session, `scratch` a scratch
//! database, `output` prints results, `failure` reports errors.

pub(crate) mod advise;
pub(crate) mod baseline;
pub(crate) mod baseline_empty;
pub(crate) mod check;
pub(crate) mod cli;
pub(crate) mod compat;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod failure;
pub(crate) mod init;
pub(crate) mod install;
pub(crate) mod invocation;
pub(crate) mod lint;
pub(crate) mod migrate;
pub(crate) mod output;
pub(crate) mod plan;
pub(crate) mod replay;
pub(crate) mod resolve;
mod resolve_many;
pub(crate) mod run;
pub(crate) mod scratch;
pub(crate) mod snapshot;
pub(crate) mod status;
mod status_many;
pub(crate) mod verify;
pub(crate) mod version;
pub(crate) mod wait;
