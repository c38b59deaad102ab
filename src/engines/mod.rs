//! Database engines.
//!
//! - `engine`: the stateless part of an engine, SQL texts and how their rows are read; `ahead`: what is asked with its first query;
//! - `session`: the stateful part, one connection; `queries`: what callers ask a session, written once;
//! - `trace`: the way to a database, part by part; `inspector`, `advice_facts`: what a person asks a server;
//! - `url_text`: what is checked before a URL is parsed; `endpoint`: a parsed URL; `connect`: the choice of the engine by
//!   the scheme of the URL;
//! - `net`: names, sockets and TLS, for every engine with a server;
//! - one folder per engine.
//!
//! Each engine is a Cargo feature. A build without the feature has neither the engine's folder nor its driver; `connect` then
//! refuses the engine's URLs.
//!
//! To add an engine: a folder with an `Endpoint`, a `Session` and an `Engine`; a line in `connect::ENGINES`; a file under
//! `sql/dialect`; a line in the contract suite (`tests/it/engines/contract.rs`).

// A build without an engine does not use what only that engine calls.
#![cfg_attr(not(all(feature = "mysql", feature = "postgres", feature = "sqlite")), allow(dead_code))]

pub(crate) mod advice_facts;
pub(crate) mod ahead;
pub(crate) mod connect;
pub(crate) mod endpoint;
pub(crate) mod engine;
pub(crate) mod inspector;
#[cfg(feature = "mysql")]
pub(crate) mod mysql;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) mod net;
pub(crate) mod peer;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
pub(crate) mod queries;
pub(crate) mod query_plan;
pub(crate) mod session;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;
pub(crate) mod table_state;
pub(crate) mod trace;
pub(crate) mod url_text;
pub(crate) mod values;
