//! umzug's history table, `SequelizeMeta` of its SequelizeStorage, in each dialect.

use crate::sql::Dialect;

/// What differs by dialect in the statements about umzug's history table.
pub(crate) struct UmzugWords {
    /// The columns.
    pub(crate) columns: &'static str,
    /// An expression for the names of the table's columns, separated by commas. Arguments: literals of the table's quoted name
    /// and of its bare name.
    pub(crate) names: fn(&str, &str) -> String,
    /// Inserts a row, with the times where the table has them (`timestamps` of the storage). Arguments: the table, and the
    /// literal of the name.
    pub(crate) insert: fn(&str, &str) -> String,
    /// That statement knows the columns of times.
    pub(crate) has_times: bool,
}

static POSTGRES: UmzugWords = UmzugWords {
    columns: "\"name\" VARCHAR(255) NOT NULL PRIMARY KEY",
    names: |quoted, _| {
        format!(
            "(SELECT pg_catalog.string_agg(attname::text, ',') FROM pg_catalog.pg_attribute \
             WHERE attrelid = {quoted}::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped)"
        )
    },
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
    names: |_, name| format!("(SELECT group_concat(name) FROM pragma_table_info({name}))"),
    insert: |table, name| format!("INSERT INTO {table} (name) VALUES ({name})"),
    has_times: false,
};

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static UmzugWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite | Dialect::Mysql => &SQLITE,
    }
}
