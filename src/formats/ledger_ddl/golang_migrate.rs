//! golang-migrate's history table in each dialect.

use crate::formats::ledger_ddl::column_names;
use crate::sql::{Dialect, TableName};

/// What differs by dialect in what golang-migrate does.
pub(crate) struct GolangMigrateWords {
    /// The columns.
    pub(crate) columns: &'static str,
    /// A statement after the creation; TABLE stands for the table.
    pub(crate) after_creation: &'static str,
    /// The values of `dirty`.
    pub(crate) dirty: [&'static str; 2],
    /// The names of the table's columns, separated by commas.
    pub(crate) names: fn(&TableName) -> String,
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
    names: column_names::postgres,
    locks: true,
    wraps: false,
    sends_bom: true,
};

static SQLITE: GolangMigrateWords = GolangMigrateWords {
    columns: "version uint64,dirty bool",
    after_creation: "; CREATE UNIQUE INDEX IF NOT EXISTS version_unique ON TABLE (version)",
    dirty: ["0", "1"],
    names: column_names::sqlite,
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
