//! Rules over the scripts of migrations: which statement would stop a running service, fail, or lose data, why, and how to
//! write it so that it does not. Reads scripts only; nothing here talks to a database.

pub(crate) mod effects;
pub(crate) mod preview;
