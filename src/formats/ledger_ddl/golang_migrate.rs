//! golang-migrate's history table in each dialect.

use crate::engines::session::LockName;
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
    /// The lock that it takes.
    pub(crate) lock: Option<LockName>,
    /// Makes way for [`GolangMigrateWords::put`].
    pub(crate) clear: fn(&Version<'_>) -> String,
    /// Writes this version as the one of the database, unless it is at a later one; one row changes in either case.
    pub(crate) put: fn(&Version<'_>) -> String,
    /// The file runs in a transaction of the tool's, so that a statement which refuses one fails.
    pub(crate) wraps: bool,
    /// The engine refuses a byte order mark, which golang-migrate sends.
    pub(crate) sends_bom: bool,
}

/// A version of the database to write.
pub(crate) struct Version<'a> {
    /// The table, quoted.
    pub(crate) table: &'a str,
    /// The version.
    pub(crate) version: u64,
    /// The literal of `dirty`.
    pub(crate) dirty: &'a str,
}

impl Version<'_> {
    /// Deletes the row of an older version.
    fn clear(&self) -> String {
        format!("DELETE FROM {} WHERE version <= {}", self.table, self.version)
    }

    /// Selects this version, or the later one of the table.
    fn insert(&self) -> String {
        let Self { table, version, dirty } = self;
        format!(
            "INSERT INTO {table} (version, dirty) SELECT COALESCE(max(version), {version}), {dirty} FROM {table} \
             WHERE version > {version}"
        )
    }

    fn put(&self) -> String {
        format!("{} ON CONFLICT (version) DO UPDATE SET dirty = {}", self.insert(), self.dirty)
    }
}

static POSTGRES: GolangMigrateWords = GolangMigrateWords {
    columns: "version bigint not null primary key, dirty boolean not null",
    after_creation: "",
    dirty: ["false", "true"],
    names: column_names::postgres,
    lock: Some(LockName::OfDatabase("golang-migrate")),
    clear: |it| it.clear(),
    put: |it| it.put(),
    wraps: false,
    sends_bom: true,
};

static SQLITE: GolangMigrateWords = GolangMigrateWords {
    columns: "version uint64,dirty bool",
    after_creation: "; CREATE UNIQUE INDEX IF NOT EXISTS version_unique ON TABLE (version)",
    dirty: ["0", "1"],
    names: column_names::sqlite,
    lock: None,
    clear: |it| it.clear(),
    put: |it| it.put(),
    wraps: true,
    sends_bom: false,
};

static MYSQL: GolangMigrateWords = GolangMigrateWords {
    columns: "version bigint not null primary key, dirty boolean not null",
    after_creation: "",
    dirty: ["false", "true"],
    names: column_names::mysql,
    lock: Some(LockName::Numbered("")),
    // A row that ON DUPLICATE KEY UPDATE changes counts as two, and as one where it stays as it is (MySQL manual 15.2.7.2).
    clear: |it| format!("{}; UPDATE {} SET dirty = {} WHERE version > {}", it.clear(), it.table, it.dirty, it.version),
    put: |it| format!("{} ON DUPLICATE KEY UPDATE dirty = {}", it.insert(), it.dirty),
    wraps: false,
    sends_bom: true,
};

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static GolangMigrateWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite => &SQLITE,
        Dialect::Mysql => &MYSQL,
    }
}
