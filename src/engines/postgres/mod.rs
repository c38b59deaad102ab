//! PostgreSQL: where a server is (`conninfo`), how to reach it (`dial`, `login`), the protocol (`client`), one session on
//! it (`session`, `unit`, `hold`, `pooler`, `lookalike`, `copy_text`), and its catalog as SQL (`catalog`, `queries`, `explain`, `introspect`).
//!
//! SQLSTATEs are read in `sqlstate` and mean nothing outside this folder.

pub(crate) mod advisor;
pub(crate) mod catalog;
pub(crate) mod client;
pub(crate) mod conninfo;
mod copy_text;
pub(crate) mod dial;
pub(crate) mod endpoint;
pub(crate) mod explain;
pub(crate) mod hold;
mod imposed;
pub(crate) mod inspector;
pub(crate) mod introspect;
pub(crate) mod login;
pub(crate) mod lookalike;
mod opening;
pub(crate) mod pooler;
mod prepared;
pub(crate) mod queries;
pub(crate) mod session;
pub(crate) mod sqlstate;
mod table_state;
pub(crate) mod trace;
pub(crate) mod unit;

use crate::sql::Dialect;

pub(crate) use crate::engines::postgres::conninfo::Target;

const SQL: Dialect = Dialect::Postgres;
