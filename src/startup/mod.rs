//! The pipeline of `run`, step by step: wait, schemas, migrate, verify, exec; and the processes around it.

pub(crate) mod child;
pub(crate) mod database;
pub(crate) mod exec;
pub(crate) mod follow;
pub(crate) mod health;
pub(crate) mod hooks;
pub(crate) mod init;
pub(crate) mod pipeline;
pub(crate) mod schemas;
pub(crate) mod setup;
pub(crate) mod start;
pub(crate) mod wait;
