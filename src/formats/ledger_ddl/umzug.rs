//! umzug's history table, `SequelizeMeta` of its SequelizeStorage, in each dialect.

use crate::formats::ledger_ddl::column_names;
use crate::sql::{Dialect, TableName};

/// What differs by dialect in the statements about umzug's history table.
pub(crate) struct UmzugWords {
    /// The columns.
    pub(crate) columns: &'static str,
    /// What follows the columns.
    pub(crate) options: &'static str,
    /// The names of the table's columns, separated by commas.
    pub(crate) names: fn(&TableName) -> String,
    /// Inserts a row, with the times where the table has them (`timestamps` of the storage). Arguments: the table, and the
    /// literal of the name.
    pub(crate) insert: fn(&str, &str) -> String,
    /// That statement knows the columns of times.
    pub(crate) has_times: bool,
}

static POSTGRES: UmzugWords = UmzugWords {
    columns: "\"name\" VARCHAR(255) NOT NULL PRIMARY KEY",
    options: "",
    names: column_names::postgres,
    insert: |table, name| {
        format!(
            "INSERT INTO {table} SELECT * FROM pg_catalog.jsonb_populate_record(NULL::{table}, \
             pg_catalog.jsonb_build_object('name', {name}, 'createdAt', pg_catalog.now(), 'updatedAt', pg_catalog.now()))"
        )
    },
    has_times: true,
};

static SQLITE: UmzugWords = UmzugWords {
    columns: "\"name\" VARCHAR(255) NOT NULL UNIQUE PRIMARY KEY",
    options: "",
    names: column_names::sqlite,
    insert: |table, name| format!("INSERT INTO {table} (name) VALUES ({name})"),
    has_times: false,
};

/// As Sequelize's dialects mysql and mariadb make it.
static MYSQL: UmzugWords = UmzugWords {
    columns: "`name` VARCHAR(255) NOT NULL UNIQUE , PRIMARY KEY (`name`)",
    options: " ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE utf8_unicode_ci",
    names: column_names::mysql,
    insert: SQLITE.insert,
    has_times: false,
};

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static UmzugWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite => &SQLITE,
        Dialect::Mysql => &MYSQL,
    }
}
