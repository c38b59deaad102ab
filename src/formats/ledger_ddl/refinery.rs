//! refinery's history table in each dialect.

use crate::sql::Dialect;

/// What differs by dialect in the statements about refinery's history table.
pub(crate) struct RefineryWords {
    /// An expression for the type of the column `version`. Arguments: literals of the table's quoted name and of its bare name.
    pub(crate) version_type: fn(&str, &str) -> String,
    /// The server's clock as RFC 3339 in UTC. (refinery writes the client's, with nanoseconds.)
    pub(crate) now: &'static str,
    /// The engine refuses a byte order mark, which refinery sends.
    pub(crate) sends_bom: bool,
}

static POSTGRES: RefineryWords = RefineryWords {
    version_type: |quoted, _| {
        format!(
            "(SELECT typname::text FROM pg_catalog.pg_attribute JOIN pg_catalog.pg_type ON pg_type.oid = atttypid \
             WHERE attrelid = {quoted}::pg_catalog.regclass AND attname = 'version')"
        )
    },
    now: "pg_catalog.to_char(pg_catalog.clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
    sends_bom: true,
};

static SQLITE: RefineryWords = RefineryWords {
    version_type: |_, name| format!("(SELECT lower(type) FROM pragma_table_info({name}) WHERE name = 'version')"),
    now: "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')",
    sends_bom: false,
};

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static RefineryWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite | Dialect::Mysql => &SQLITE,
    }
}
