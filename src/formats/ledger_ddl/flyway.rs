//! Flyway's history table in each dialect.

use crate::engines::session::{LockKey, LockName};
use crate::sql::Dialect;

/// "Flyway" in ASCII; the hash of the table's name is added.
const LOCK_BASE: i64 = 0x466C_7977_6179;

/// What differs by dialect in what Flyway does.
pub(crate) struct FlywayWords {
    /// The columns.
    pub(crate) columns: &'static str,
    /// The value of `success`.
    pub(crate) truth: &'static str,
    /// Its value in the row of a script that has failed.
    pub(crate) falsehood: &'static str,
    /// The value of `installed_by`.
    pub(crate) user: &'static str,
    /// How long the script took, in milliseconds, where the server's clock tells it.
    pub(crate) took: &'static str,
    /// Where the index on `success` is made.
    pub(crate) index: Index,
    /// The key of the lock that it takes, by the hash of the table's quoted name; `None` where it takes none.
    pub(crate) lock: Option<fn(i32) -> LockKey>,
}

/// Where the index of the history is made.
pub(crate) enum Index {
    /// By a statement of its own.
    Apart,
    /// With the table, since each statement commits.
    Within,
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
    falsehood: "false",
    user: "current_user",
    took: "(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - pg_catalog.now()) * 1000)::int",
    index: Index::Apart,
    // `PostgreSQLAdvisoryLockTemplate`.
    lock: Some(|hash| LockKey::new(LOCK_BASE + i64::from(hash), LockName::OfDatabase("flyway"))),
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
    falsehood: "0",
    user: "''",
    took: "0",
    index: Index::Apart,
    lock: None,
};

/// As `MySQLDatabase.getRawCreateScript` has it.
static MYSQL: FlywayWords = FlywayWords {
    columns: "
    `installed_rank` INT NOT NULL,
    `version` VARCHAR(50),
    `description` VARCHAR(200) NOT NULL,
    `type` VARCHAR(20) NOT NULL,
    `script` VARCHAR(1000) NOT NULL,
    `checksum` INT,
    `installed_by` VARCHAR(100) NOT NULL,
    `installed_on` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    `execution_time` INT NOT NULL,
    `success` BOOL NOT NULL",
    truth: "1",
    falsehood: "0",
    user: "SUBSTRING_INDEX(USER(), '@', 1)",
    // NOW() is the time of the statement, not of the transaction.
    took: "0",
    index: Index::Within,
    // `MySQLNamedLockTemplate`.
    lock: Some(|hash| LockKey::new(i64::from(hash), LockName::Numbered("Flyway-"))),
};

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static FlywayWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite => &SQLITE,
        Dialect::Mysql => &MYSQL,
    }
}
