//! dbmate's history table in each dialect.

use crate::formats::ledger_ddl::column_names;
use crate::sql::{Dialect, TableName};

/// What differs by dialect in the statements about dbmate's history table.
pub(crate) struct DbmateWords {
    /// The type of the column `version`.
    pub(crate) version: &'static str,
    /// Selects NULL and the names of the table's columns, separated by commas.
    pub(crate) columns: fn(&TableName) -> String,
}

static POSTGRES: DbmateWords =
    DbmateWords { version: "varchar", columns: |table| format!("SELECT NULL, {}", column_names::postgres(table)) };

static SQLITE: DbmateWords =
    DbmateWords { version: "varchar(128)", columns: |table| format!("SELECT NULL, {}", column_names::sqlite(table)) };

static MYSQL: DbmateWords =
    DbmateWords { version: "varchar(128)", columns: |table| format!("SELECT NULL, {}", column_names::mysql(table)) };

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static DbmateWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite => &SQLITE,
        Dialect::Mysql => &MYSQL,
    }
}
