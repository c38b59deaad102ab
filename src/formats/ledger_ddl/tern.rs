//! tern's history table: it knows PostgreSQL only.

use crate::sql::Dialect;

/// What differs by dialect.
pub(crate) struct TernWords {
    /// Why the tool has no such history.
    pub(crate) unknown: Option<&'static str>,
    /// Creates the table with its one row. Argument: the table.
    pub(crate) create: fn(&str) -> String,
}

static POSTGRES: TernWords = TernWords {
    unknown: None,
    create: |table| format!("CREATE TABLE {table} (version int4 NOT NULL); INSERT INTO {table} (version) VALUES (0)"),
};

static SQLITE: TernWords = TernWords { unknown: Some("tern knows PostgreSQL only"), ..POSTGRES };

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static TernWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite => &SQLITE,
        Dialect::Mysql => &SQLITE,
    }
}
