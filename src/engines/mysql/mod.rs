//! MySQL and MariaDB: where a server is (`url`), the driver (`client`), what its error numbers mean (`errors`), one session on it
//! (`session`, `unit`), and its catalog as SQL (`catalog`).

pub(crate) mod catalog;
pub(crate) mod client;
pub(crate) mod endpoint;
pub(crate) mod errors;
pub(crate) mod introspect;
pub(crate) mod introspect_types;
pub(crate) mod session;
pub(crate) mod unit;
pub(crate) mod url;

use crate::sql::Dialect;

pub(crate) use crate::engines::mysql::url::Target;

const SQL: Dialect = Dialect::Mysql;
