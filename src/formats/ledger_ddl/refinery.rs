//! refinery's history table in each dialect.

use crate::formats::ledger_ddl::column_names;
use crate::sql::{Dialect, TableName};

/// What differs by dialect in the statements about refinery's history table.
pub(crate) struct RefineryWords {
    /// An expression for the type of the column `version`: `int4` or `int8`.
    pub(crate) version_type: fn(&TableName) -> String,
    /// The server's clock as RFC 3339 in UTC. (refinery writes the client's, with nanoseconds.)
    pub(crate) now: &'static str,
    /// The engine refuses a byte order mark, which refinery sends.
    pub(crate) sends_bom: bool,
}

static POSTGRES: RefineryWords = RefineryWords {
    version_type: |table| {
        let quoted = Dialect::Postgres.literal(&Dialect::Postgres.table(table));
        format!(
            "(SELECT typname::text FROM pg_catalog.pg_attribute JOIN pg_catalog.pg_type ON pg_type.oid = atttypid \
             WHERE attrelid = {quoted}::pg_catalog.regclass AND attname = 'version')"
        )
    },
    now: "pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
    sends_bom: true,
};

static SQLITE: RefineryWords = RefineryWords {
    version_type: |table| {
        let name = Dialect::Sqlite.literal(&table.name);
        format!("(SELECT lower(type) FROM pragma_table_info({name}) WHERE name = 'version')")
    },
    now: "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    sends_bom: false,
};

static MYSQL: RefineryWords = RefineryWords {
    version_type: |table| {
        format!(
            "(SELECT IF(data_type = 'bigint', 'int8', 'int4') FROM information_schema.columns WHERE {} \
             AND column_name = 'version')",
            column_names::of_table(table)
        )
    },
    now: "DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ')",
    sends_bom: true,
};

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static RefineryWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite => &SQLITE,
        Dialect::Mysql => &MYSQL,
    }
}
