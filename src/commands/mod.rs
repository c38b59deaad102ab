//! The command line: the arguments, and one file per command.

pub mod args;
pub mod baseline;
pub mod check;
pub mod diff;
pub mod install;
pub mod open;
pub mod replay;
pub mod resolve;
pub mod status;
