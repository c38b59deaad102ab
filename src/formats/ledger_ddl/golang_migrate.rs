//! golang-migrate's history table in each dialect.

use crate::sql::Dialect;

/// What differs by dialect in what golang-migrate does.
pub(crate) struct GolangMigrateWords {
    /// The columns.
    pub(crate) columns: &'static str,
    /// A statement after the creation; TABLE stands for the table.
    pub(crate) after_creation: &'static str,
    /// The values of `dirty`.
    pub(crate) dirty: [&'static str; 2],
    /// Selects the names of the table's columns, separated by commas, as one value. Arguments: literals of the table's quoted
    /// name and of its bare name.
    pub(crate) names: fn(&str, &str) -> String,
    /// It takes an advisory lock.
    pub(crate) locks: bool,
    /// The file runs in a transaction of the tool's, so that a statement which refuses one fails.
    pub(crate) wraps: bool,
    /// The engine refuses a byte order mark, which golang-migrate sends.
    pub(crate) sends_bom: bool,
}

static POSTGRES: GolangMigrateWords = GolangMigrateWords {
    columns: "version bigint not null primary key, dirty boolean not null",
    after_creation: "",
    dirty: ["false", "true"],
    names: |quoted, _| {
        format!(
            "SELECT pg_catalog.string_agg(attname::text, ',') FROM pg_catalog.pg_attribute \
             WHERE attrelid = {quoted}::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped"
        )
    },
    locks: true,
    wraps: false,
    sends_bom: true,
};

static SQLITE: GolangMigrateWords = GolangMigrateWords {
    columns: "version uint64,dirty bool",
    after_creation: "; CREATE UNIQUE INDEX IF NOT EXISTS version_unique ON TABLE (version)",
    dirty: ["0", "1"],
    names: |_, name| format!("SELECT group_concat(name) FROM pragma_table_info({name})"),
    locks: false,
    wraps: true,
    sends_bom: false,
};

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static GolangMigrateWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite | Dialect::Mysql => &SQLITE,
    }
}
