//! Drizzle's history table in each dialect, as drizzle-orm 0.45 and 1.0 make it.

use crate::sql::Dialect;

/// What differs by dialect in what Drizzle does.
pub(crate) struct DrizzleWords {
    /// The schema of the table, where nothing else names one.
    pub(crate) schema: Option<&'static str>,
    /// The columns that 0.x makes.
    pub(crate) old_columns: &'static str,
    /// The columns that 1.0 makes.
    pub(crate) columns: &'static str,
    /// What 1.0 adds to a table of 0.x: each column with its type.
    pub(crate) added: [&'static str; 2],
    /// The column by which a row is found; on SQLite, 0.x leaves `id` empty.
    pub(crate) key: &'static str,
    /// Name and value of a column that 1.0 writes itself.
    pub(crate) applied_at: Option<(&'static str, &'static str)>,
    /// Selects the names of the table's columns, separated by commas. Arguments: literals of the table's quoted name and of
    /// its bare name.
    pub(crate) names: fn(&str, &str) -> String,
    /// Selects key, hash, created_at, name and applied_at as texts, the last two NULL where the table does not have them, and
    /// NULL. The argument is the quoted table.
    pub(crate) rows: fn(&str) -> String,
    /// The engine refuses a byte order mark, which Drizzle sends.
    pub(crate) sends_bom: bool,
    /// What stands between two breakpoints is one statement: the drivers refuse more and less, or leave out what follows.
    pub(crate) one_by_one: bool,
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
    added: ["name text", "applied_at timestamp with time zone DEFAULT now()"],
    key: "id",
    applied_at: None,
    names: |quoted, _| {
        format!(
            "SELECT pg_catalog.string_agg(attname::text, ',') FROM pg_catalog.pg_attribute \
             WHERE attrelid = {quoted}::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped"
        )
    },
    rows: |table| {
        format!(
            "SELECT id::text, hash, created_at::text, pg_catalog.to_jsonb(history) ->> 'name', \
             pg_catalog.to_jsonb(history) ->> 'applied_at', NULL FROM {table} AS history"
        )
    },
    sends_bom: true,
    one_by_one: false,
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
    added: ["name text", "applied_at TEXT"],
    key: "rowid",
    applied_at: Some(("applied_at", "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')")),
    names: |_, name| format!("SELECT group_concat(name) FROM pragma_table_info({name})"),
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
    one_by_one: true,
};

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static DrizzleWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite | Dialect::Mysql => &SQLITE,
    }
}
