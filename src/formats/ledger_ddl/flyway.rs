//! Flyway's history table in each dialect.

use crate::sql::Dialect;

/// What differs by dialect in what Flyway does.
pub(crate) struct FlywayWords {
    /// The columns.
    pub(crate) columns: &'static str,
    /// The value of `success`.
    pub(crate) truth: &'static str,
    /// The value of `installed_by`.
    pub(crate) user: &'static str,
    /// How long the script took, in milliseconds, where the server's clock tells it.
    pub(crate) took: &'static str,
    /// It takes an advisory lock.
    pub(crate) locks: bool,
}

static POSTGRES: FlywayWords = FlywayWords {
    columns: "
    \"installed_rank\" INT NOT NULL,
    \"version\" VARCHAR(50),
    \"description\" VARCHAR(200) NOT NULL,
    \"type\" VARCHAR(20) NOT NULL,
    \"script\" VARCHAR(1000) NOT NULL,
    \"checksum\" INTEGER,
    \"installed_by\" VARCHAR(100) NOT NULL,
    \"installed_on\" TIMESTAMP NOT NULL DEFAULT now(),
    \"execution_time\" INTEGER NOT NULL,
    \"success\" BOOLEAN NOT NULL",
    truth: "true",
    user: "current_user",
    took: "(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - pg_catalog.now()) * 1000)::int",
    locks: true,
};

static SQLITE: FlywayWords = FlywayWords {
    columns: "
    \"installed_rank\" INT NOT NULL,
    \"version\" VARCHAR(50),
    \"description\" VARCHAR(200) NOT NULL,
    \"type\" VARCHAR(20) NOT NULL,
    \"script\" VARCHAR(1000) NOT NULL,
    \"checksum\" INT,
    \"installed_by\" VARCHAR(100) NOT NULL,
    \"installed_on\" TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')),
    \"execution_time\" INT NOT NULL,
    \"success\" BOOLEAN NOT NULL",
    truth: "1",
    user: "''",
    took: "0",
    locks: false,
};

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static FlywayWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite | Dialect::Mysql => &SQLITE,
    }
}
