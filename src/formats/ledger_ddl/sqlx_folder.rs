//! What sqlx does in each dialect.

use crate::engines::session::LockName;
use crate::sql::Dialect;

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
    /// The lock that it takes.
    pub(crate) lock: Option<LockName>,
    /// A server on which that lock locks nothing, as its version names it.
    pub(crate) unlocked_on: Option<&'static str>,
    /// It writes a row with `success = false` before a script, because DDL commits.
    pub(crate) marks_begun: bool,
    /// `-- no-transaction` at the beginning of a file is heeded.
    pub(crate) heeds_no_transaction: bool,
    /// The engine refuses a byte order mark, which sqlx sends.
    pub(crate) sends_bom: bool,
    /// What to do about a statement that fails in sqlx's transaction.
    pub(crate) advice: &'static str,
}

static POSTGRES: SqlxWords = SqlxWords {
    time: "TIMESTAMPTZ NOT NULL DEFAULT now()",
    bytes: "BYTEA",
    checksum: "pg_catalog.encode(checksum, 'hex')",
    decoded: "pg_catalog.decode(LITERAL, 'hex')",
    truth: "TRUE",
    took: "(pg_catalog.date_part('epoch', pg_catalog.clock_timestamp() - pg_catalog.now()) * 1000000000)::bigint",
    lock: Some(LockName::OfDatabase("sqlx")),
    unlocked_on: None,
    marks_begun: false,
    heeds_no_transaction: true,
    sends_bom: true,
    advice: "write it alone in a file that begins with -- no-transaction",
};

static SQLITE: SqlxWords = SqlxWords {
    time: "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP",
    bytes: "BLOB",
    checksum: "lower(hex(checksum))",
    decoded: "XLITERAL",
    truth: "1",
    took: "0",
    lock: None,
    unlocked_on: None,
    marks_begun: false,
    heeds_no_transaction: false,
    sends_bom: false,
    advice: "leave it out: sqlx runs every file in a transaction on SQLite",
};

static MYSQL: SqlxWords = SqlxWords {
    time: "TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP",
    bytes: "BLOB",
    checksum: "lower(hex(checksum))",
    decoded: "XLITERAL",
    truth: "TRUE",
    // "Not known": the server has no clock of a transaction.
    took: "-1",
    lock: Some(LockName::Hexadecimal),
    // sqlx waits with GET_LOCK(…, -1) and does not look at the answer, which is NULL on MariaDB.
    unlocked_on: Some("MariaDB"),
    marks_begun: true,
    heeds_no_transaction: false,
    sends_bom: true,
    advice: "",
};

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static SqlxWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite => &SQLITE,
        Dialect::Mysql => &MYSQL,
    }
}
