//! MySQL and MariaDB: where a server is (`url`, `endpoint`), the driver (`client`), what its error numbers mean (`errors`), what
//! it is (`server`), one session on it (`session`, `unit`, `lock`, `settings`), and its catalog as SQL (`catalog`, `queries`).

pub(crate) mod catalog;
pub(crate) mod client;
pub(crate) mod endpoint;
pub(crate) mod errors;
pub(crate) mod introspect;
pub(crate) mod introspect_types;
pub(crate) mod lock;
pub(crate) mod queries;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod unit;
pub(crate) mod url;

use crate::sql::Dialect;

pub(crate) use crate::engines::mysql::url::Target;

const SQL: Dialect = Dialect::Mysql;
