//! What diesel does by dialect.

use crate::sql::Dialect;

/// What differs by dialect in what diesel does.
pub(crate) struct DieselWords {
    /// The engine refuses a byte order mark, which diesel sends.
    pub(crate) sends_bom: bool,
    /// A file without a statement is an error ("Received an empty query" of libpq).
    pub(crate) refuses_blank: bool,
    /// The engine refuses a version that is longer than its column.
    pub(crate) longest_version: Option<usize>,
}

static POSTGRES: DieselWords = DieselWords { sends_bom: true, refuses_blank: true, longest_version: Some(50) };

static SQLITE: DieselWords = DieselWords { sends_bom: false, refuses_blank: false, longest_version: None };

static MYSQL: DieselWords = DieselWords { sends_bom: true, refuses_blank: false, longest_version: Some(50) };

/// For this dialect.
pub(crate) fn words(dialect: Dialect) -> &'static DieselWords {
    match dialect {
        Dialect::Postgres => &POSTGRES,
        Dialect::Sqlite => &SQLITE,
        Dialect::Mysql => &MYSQL,
    }
}
