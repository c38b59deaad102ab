//! node-pg-migrate's history table: it knows PostgreSQL only.

use crate::sql::Dialect;

/// What differs by dialect.
pub(crate) struct NodePgMigrateWords {
    /// Why the tool has no such history.
    pub(crate) unknown: Option<&'static str>,
    /// The columns.
    pub(crate) columns: &'static str,
    /// `NOW()` in the time zone of the tool's session, which a script cannot change. The tool reads its rows in this order, so
    /// none gets an earlier time than the ones before it. Argument: the table.
    pub(crate) run_on: fn(&str) -> String,
}

static POSTGRES: NodePgMigrateWords = NodePgMigrateWords {
    unknown: None,
    columns: "id SERIAL PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL",
    run_on: |table| {
        format!(
            "GREATEST(pg_catalog.now() AT TIME ZONE \
             (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'TimeZone'), (SELECT max(run_on) FROM {table}))"
        )
    },
};

static SQLITE: NodePgMigrateWords =
    NodePgMigrateWords { unknown: Some("node-pg-migrate knows PostgreSQL only"), ..POSTGRES };

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static NodePgMigrateWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite => &SQLITE,
        Dialect::Mysql => &SQLITE,
    }
}
