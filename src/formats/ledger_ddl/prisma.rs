//! Prisma's history table in each dialect.

use crate::sql::Dialect;

/// What differs by dialect in the statements about Prisma's history table.
pub(crate) struct DdlWords {
    /// The columns.
    pub(crate) columns: &'static str,
    /// What follows the columns.
    pub(crate) options: &'static str,
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
    options: "",
    time: "COLUMN",
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
    options: "",
    time: "CASE typeof(COLUMN) WHEN 'integer' \
           THEN strftime('%Y-%m-%dT%H:%M:%fZ', COLUMN / 1000.0, 'unixepoch') ELSE COLUMN END",
    now: "CAST((julianday('now') - 2440587.5) * 86400000.0 + 0.5 AS INTEGER)",
};

/// As Prisma creates it on MySQL and MariaDB, with times of UTC in milliseconds.
static MYSQL: DdlWords = DdlWords {
    columns: "
    id                      VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum                VARCHAR(64) NOT NULL,
    finished_at             DATETIME(3),
    migration_name          VARCHAR(255) NOT NULL,
    logs                    TEXT,
    rolled_back_at          DATETIME(3),
    started_at              DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
    applied_steps_count     INTEGER UNSIGNED NOT NULL DEFAULT 0",
    options: " DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    time: "DATE_FORMAT(COLUMN, '%Y-%m-%dT%H:%i:%s.%fZ')",
    now: "UTC_TIMESTAMP(3)",
};

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static DdlWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite => &SQLITE,
        Dialect::Mysql => &MYSQL,
    }
}
