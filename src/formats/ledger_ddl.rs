//! What the tools' history tables look like in each dialect, and what else a tool does by dialect, where that is the tool's
//! choice and not the dialect's.
//!
//! A ledger whose columns have the dialect's own types needs nothing here: it asks [`Dialect::rules`].

use crate::sql::Dialect;

/// What differs by dialect in the statements about Prisma's history table.
pub(crate) struct DdlWords {
    /// The columns.
    pub(crate) columns: &'static str,
    /// A time as text; COLUMN stands for its column.
    pub(crate) time: &'static str,
    /// The server's clock, because the rows are written together with a script. (Prisma uses the client's.)
    pub(crate) now: &'static str,
}

/// As Prisma creates it on PostgreSQL.
static POSTGRES: DdlWords = DdlWords {
    columns: "
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             TIMESTAMPTZ,
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          TIMESTAMPTZ,
    started_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count     INTEGER NOT NULL DEFAULT 0",
    time: "COLUMN::text",
    now: "pg_catalog.clock_timestamp()",
};

/// As Prisma creates it on SQLite. It writes times in milliseconds since the epoch; people write them as texts.
static SQLITE: DdlWords = DdlWords {
    columns: "
    \"id\"                    TEXT PRIMARY KEY NOT NULL,
    \"checksum\"              TEXT NOT NULL,
    \"finished_at\"           DATETIME,
    \"migration_name\"        TEXT NOT NULL,
    \"logs\"                  TEXT,
    \"rolled_back_at\"        DATETIME,
    \"started_at\"            DATETIME NOT NULL DEFAULT current_timestamp,
    \"applied_steps_count\"   INTEGER UNSIGNED NOT NULL DEFAULT 0",
    time: "CASE typeof(COLUMN) WHEN 'integer' \
           THEN strftime('%Y-%m-%dT%H:%M:%fZ', COLUMN / 1000.0, 'unixepoch') ELSE COLUMN END",
    now: "CAST((julianday('now') - 2440587.5) * 86400000.0 + 0.5 AS INTEGER)",
};

/// For this dialect.
pub(crate) fn prisma(dialect: Dialect) -> &'static DdlWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite => &SQLITE,
    }
}

/// What differs by dialect in what sqlx does.
pub(crate) struct SqlxWords {
    /// The type and the default of the column `installed_on`.
    pub(crate) time: &'static str,
    /// The type of the column `checksum`.
    pub(crate) bytes: &'static str,
    /// That column as hexadecimal text.
    pub(crate) checksum: &'static str,
    /// Bytes; LITERAL stands for a literal of hexadecimal digits.
    pub(crate) decoded: &'static str,
    /// The value of `success`.
    pub(crate) truth: &'static str,
    /// How long the script took, in nanoseconds, where the server's clock tells it.
    pub(crate) took: &'static str,
    /// It takes an advisory lock.
    pub(crate) locks: bool,
    /// `-- no-transaction` at the beginning of a file is heeded.
    pub(crate) heeds_no_transaction: bool,
    /// The engine refuses a byte order mark, which sqlx sends.
    pub(crate) sends_bom: bool,
    /// What to do about a statement that fails in sqlx's transaction.
    pub(crate) advice: &'static str,
}

static SQLX_POSTGRES: SqlxWords = SqlxWords {
    time: "TIMESTAMPTZ NOT NULL DEFAULT now()",
    bytes: "BYTEA",
    checksum: "pg_catalog.encode(checksum, 'hex')",
    decoded: "pg_catalog.decode(LITERAL, 'hex')",
    truth: "TRUE",
    took: "(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - pg_catalog.now()) * 1000000000)::bigint",
    locks: true,
    heeds_no_transaction: true,
    sends_bom: true,
    advice: "write it alone in a file that begins with -- no-transaction",
};

static SQLX_SQLITE: SqlxWords = SqlxWords {
    time: "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP",
    bytes: "BLOB",
    checksum: "lower(hex(checksum))",
    decoded: "XLITERAL",
    truth: "1",
    took: "0",
    locks: false,
    heeds_no_transaction: false,
    sends_bom: false,
    advice: "leave it out: sqlx runs every file in a transaction on SQLite",
};

/// For this dialect.
pub(crate) fn sqlx(dialect: Dialect) -> &'static SqlxWords {
    match dialect {
        Dialect::Postgres => &SQLX_POSTGRES,
        Dialect::Sqlite => &SQLX_SQLITE,
    }
}

/// What differs by dialect in the statements about dbmate's history table.
pub(crate) struct DbmateWords {
    /// The type of the column `version`.
    pub(crate) version: &'static str,
    /// Selects NULL and the names of the table's columns, separated by commas. Arguments: literals of the table's quoted name
    /// and of its bare name.
    pub(crate) columns: fn(&str, &str) -> String,
}

static DBMATE_POSTGRES: DbmateWords = DbmateWords {
    version: "varchar",
    columns: |quoted, _| {
        format!(
            "SELECT NULL, pg_catalog.string_agg(attname::text, ',') FROM pg_catalog.pg_attribute \
             WHERE attrelid = {quoted}::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped"
        )
    },
};

static DBMATE_SQLITE: DbmateWords = DbmateWords {
    version: "varchar(128)",
    columns: |_, name| format!("SELECT NULL, group_concat(name) FROM pragma_table_info({name})"),
};

/// For this dialect.
pub(crate) fn dbmate(dialect: Dialect) -> &'static DbmateWords {
    match dialect {
        Dialect::Postgres => &DBMATE_POSTGRES,
        Dialect::Sqlite => &DBMATE_SQLITE,
    }
}
