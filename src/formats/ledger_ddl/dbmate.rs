//! dbmate's history table in each dialect.

use crate::sql::Dialect;

/// What differs by dialect in the statements about dbmate's history table.
pub(crate) struct DbmateWords {
    /// The type of the column `version`.
    pub(crate) version: &'static str,
    /// Selects NULL and the names of the table's columns, separated by commas. Arguments: literals of the table's quoted name
    /// and of its bare name.
    pub(crate) columns: fn(&str, &str) -> String,
}

static POSTGRES: DbmateWords = DbmateWords {
    version: "varchar",
    columns: |quoted, _| {
        format!(
            "SELECT NULL, pg_catalog.string_agg(attname::text, ',') FROM pg_catalog.pg_attribute \
             WHERE attrelid = {quoted}::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped"
        )
    },
};

static SQLITE: DbmateWords = DbmateWords {
    version: "varchar(128)",
    columns: |_, name| format!("SELECT NULL, group_concat(name) FROM pragma_table_info({name})"),
};

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static DbmateWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite | Dialect::Mysql => &SQLITE,
    }
}
