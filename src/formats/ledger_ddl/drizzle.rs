//! Drizzle's history table in each dialect, as drizzle-orm 0.45 and 1.0 make it.

use crate::formats::drizzle::breakpoints::Pieces;
use crate::formats::ledger_ddl::column_names;
use crate::sql::{Dialect, TableName};

/// What differs by dialect in what Drizzle does.
pub(crate) struct DrizzleWords {
    /// The schema of the table, where nothing else names one.
    pub(crate) schema: Option<&'static str>,
    /// The columns that 0.x makes.
    pub(crate) old_columns: &'static str,
    /// The columns that 1.0 makes.
    pub(crate) columns: &'static str,
    /// What 1.0 does to a table of 0.x, each in an ALTER TABLE.
    pub(crate) added: &'static [&'static str],
    /// The column by which a row is found; on SQLite, 0.x leaves `id` empty.
    pub(crate) key: &'static str,
    /// Name and value of a column that 1.0 writes itself.
    pub(crate) applied_at: Option<(&'static str, &'static str)>,
    /// The names of the table's columns, separated by commas.
    pub(crate) names: fn(&TableName) -> String,
    /// Selects key, hash, created_at, name and applied_at as texts, the last two NULL where the table does not have them, and
    /// NULL. The argument is the quoted table.
    pub(crate) rows: fn(&str) -> String,
    /// The engine refuses a byte order mark, which Drizzle sends.
    pub(crate) sends_bom: bool,
    /// What may stand between two breakpoints.
    pub(crate) pieces: Pieces,
}

static POSTGRES: DrizzleWords = DrizzleWords {
    schema: Some("drizzle"),
    old_columns: "
    id SERIAL PRIMARY KEY,
    hash text NOT NULL,
    created_at bigint
",
    columns: "
    id SERIAL PRIMARY KEY,
    hash text NOT NULL,
    created_at bigint,
    name text,
    applied_at timestamp with time zone DEFAULT now()
",
    added: &["ADD COLUMN name text", "ADD COLUMN applied_at timestamp with time zone DEFAULT now()"],
    key: "id",
    applied_at: None,
    names: column_names::postgres,
    rows: |table| {
        format!(
            "SELECT id::text, hash, created_at::text, pg_catalog.to_jsonb(history) ->> 'name', \
             pg_catalog.to_jsonb(history) ->> 'applied_at', NULL FROM {table} AS history"
        )
    },
    sends_bom: true,
    pieces: Pieces::Any,
};

static SQLITE: DrizzleWords = DrizzleWords {
    schema: None,
    old_columns: "
    id SERIAL PRIMARY KEY,
    hash text NOT NULL,
    created_at numeric
",
    columns: "
    id INTEGER PRIMARY KEY,
    hash text NOT NULL,
    created_at numeric,
    name text,
    applied_at TEXT
",
    added: &["ADD COLUMN name text", "ADD COLUMN applied_at TEXT"],
    key: "rowid",
    applied_at: Some(("applied_at", "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')")),
    names: column_names::sqlite,
    // A name that the inner table does not have is that of the outer one.
    rows: |table| {
        let own = |column| format!("(SELECT {column} FROM {table} AS own WHERE own.rowid = history.rowid)");
        format!(
            "SELECT CAST(history.rowid AS text), history.hash, CAST(history.created_at AS text), {}, {}, NULL \
             FROM (SELECT NULL AS name, NULL AS applied_at) AS absent, {table} AS history",
            own("name"),
            own("applied_at")
        )
    },
    sends_bom: false,
    pieces: Pieces::One,
};

/// As drizzle-orm's `mysql-core` makes it, in the database of the session. `applied_at` is the server's time.
static MYSQL: DrizzleWords = DrizzleWords {
    schema: None,
    old_columns: "
    id serial primary key,
    hash text not null,
    created_at bigint
",
    columns: "
    id SERIAL PRIMARY KEY,
    hash TEXT NOT NULL,
    created_at BIGINT,
    name TEXT,
    applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP
",
    // In one statement, since each commits.
    added: &["ADD COLUMN name text, ADD COLUMN applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP"],
    key: "id",
    applied_at: None,
    names: column_names::mysql,
    // A name that the inner table does not have is that of the outer one.
    rows: |table| {
        let own = |value: &str| format!("(SELECT {value} FROM {table} AS own WHERE own.id = history.id)");
        format!(
            "SELECT CAST(history.id AS char), history.hash, CAST(history.created_at AS char), {}, {}, NULL \
             FROM (SELECT NULL AS name, NULL AS applied_at) AS absent, {table} AS history",
            own("name"),
            own(&Dialect::Mysql.timestamp_as_text("applied_at"))
        )
    },
    sends_bom: true,
    pieces: Pieces::OneOrComment,
};

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static DrizzleWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite => &SQLITE,
        Dialect::Mysql => &MYSQL,
    }
}
