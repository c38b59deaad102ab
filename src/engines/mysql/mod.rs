//! MySQL and MariaDB: where a server is (`conninfo`, `endpoint`), the driver (`client`, `relay`), the first message of a session
//! (`opening`), what its error numbers mean (`errors`), what it is (`server`), one session on it (`session`, `unit`, `lock`,
//! `settings`), and its catalog as SQL (`catalog`, `queries`).

pub(crate) mod catalog;
pub(crate) mod client;
pub(crate) mod conninfo;
pub(crate) mod definition;
pub(crate) mod endpoint;
pub(crate) mod errors;
pub(crate) mod explain;
pub(crate) mod fingerprint;
pub(crate) mod inspector;
pub(crate) mod introspect;
pub(crate) mod introspect_types;
pub(crate) mod lock;
pub(crate) mod message;
pub(crate) mod opening;
pub(crate) mod queries;
pub(crate) mod relay;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod trace;
pub(crate) mod unit;

use crate::sql::Dialect;

pub(crate) use crate::engines::mysql::conninfo::Target;

const SQL: Dialect = Dialect::Mysql;
