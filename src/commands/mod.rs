//! The command line: the arguments, and one file per command.

pub(crate) mod args;
pub(crate) mod baseline;
pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod install;
pub(crate) mod open;
pub(crate) mod replay;
pub(crate) mod resolve;
pub(crate) mod status;
