//! The pipeline of `run`, step by step: wait, schemas, migrate, verify, exec; and the processes around it.

pub mod child;
pub mod database;
pub mod exec;
pub mod follow;
pub mod health;
pub mod hooks;
pub mod init;
pub mod pipeline;
pub mod schemas;
pub mod wait;
