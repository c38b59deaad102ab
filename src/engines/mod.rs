//! One session on one database engine: the traits, the choice by URL, and one folder per engine.
//!
//! Each engine is a Cargo feature. A build without the feature has neither the engine's folder nor its driver;
//! `connect` then refuses the engine's URLs. `net` (names, TLS) serves the engines that have a server.

pub(crate) mod connect;
#[cfg(feature = "postgres")]
pub(crate) mod net;
pub(crate) mod peer;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
pub(crate) mod query_plan;
pub(crate) mod session;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
pub(crate) mod target;
