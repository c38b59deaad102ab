//! Whether a default gives one value for all rows that are there, so that PostgreSQL notes it instead of writing the rows
//! (manual, ALTER TABLE, notes: "a non-volatile DEFAULT").

use crate::sql::Dialect;
use crate::sql::script::{TokenKind, tokens};

/// What a default is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DefaultValue {
    /// No default, or NULL: the rows keep nothing.
    Null,
    /// The same for all rows: a value that is written out, or what functions give that are stable.
    Stable,
    /// Another one for each row.
    Volatile,
    /// It calls a function that is not known.
    Unknown,
}

/// Functions that give another value at each call (`pg_proc.provolatile = 'v'`), of PostgreSQL and of the extensions uuid-ossp and
/// pgcrypto.
const VOLATILE: [&str; 20] = [
    "RANDOM",
    "GEN_RANDOM_UUID",
    "UUIDV4",
    "UUIDV7",
    "CLOCK_TIMESTAMP",
    "TIMEOFDAY",
    "NEXTVAL",
    "CURRVAL",
    "SETVAL",
    "LASTVAL",
    "UUID_GENERATE_V1",
    "UUID_GENERATE_V1MC",
    "UUID_GENERATE_V4",
    "GEN_RANDOM_BYTES",
    "GEN_SALT",
    "CUID",
    "RANDOM_NORMAL",
    "PG_SLEEP",
    "SETSEED",
    "TXID_CURRENT_IF_ASSIGNED",
];

/// Functions and words that give one value throughout a statement (`provolatile` is `s` or `i`), as defaults use them.
const STABLE: [&str; 46] = [
    "NOW",
    "CURRENT_TIMESTAMP",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "LOCALTIMESTAMP",
    "LOCALTIME",
    "TRANSACTION_TIMESTAMP",
    "STATEMENT_TIMESTAMP",
    "CURRENT_USER",
    "SESSION_USER",
    "USER",
    "CURRENT_ROLE",
    "CURRENT_SCHEMA",
    "CURRENT_DATABASE",
    "CURRENT_SETTING",
    "DATE_TRUNC",
    "DATE_PART",
    "EXTRACT",
    "TIMEZONE",
    "TO_TIMESTAMP",
    "TO_CHAR",
    "TO_DATE",
    "LOWER",
    "UPPER",
    "CONCAT",
    "COALESCE",
    "NULLIF",
    "MD5",
    "JSONB_BUILD_OBJECT",
    "JSON_BUILD_OBJECT",
    "JSONB_BUILD_ARRAY",
    "JSON_BUILD_ARRAY",
    "TO_JSON",
    "TO_JSONB",
    "MAKE_INTERVAL",
    "MAKE_DATE",
    "INT4RANGE",
    "INT8RANGE",
    "TSTZRANGE",
    "TSRANGE",
    "DATERANGE",
    "NUMRANGE",
    "FLOOR",
    "ROUND",
    "CAST",
    "TRUNC",
];

/// Words of types and operators, which may have parentheses behind them and are no functions.
const NO_CALLS: [&str; 22] = [
    "VARCHAR",
    "CHARACTER",
    "VARYING",
    "CHAR",
    "NUMERIC",
    "DECIMAL",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "TIME",
    "BIT",
    "INTERVAL",
    "IN",
    "AND",
    "OR",
    "NOT",
    "ARRAY",
    "ROW",
    "AT",
    "ZONE",
    "AS",
    "FLOAT",
    "POINT",
];

/// What this expression after DEFAULT is.
pub(crate) fn value(default: Option<&str>) -> DefaultValue {
    let Some(text) = default else { return DefaultValue::Null };
    let tokens: Vec<_> = tokens(text, Dialect::Postgres).filter(|token| token.kind != TokenKind::Blank).collect();
    if tokens.first().is_some_and(|first| first.text.eq_ignore_ascii_case("NULL")) && !text.contains('(') {
        return DefaultValue::Null;
    }
    let mut found = DefaultValue::Stable;
    for (at, token) in tokens.iter().enumerate() {
        if tokens.get(at + 1).is_none_or(|next| next.text != "(") {
            continue;
        }
        let name = token.text.trim_matches('"').to_ascii_uppercase();
        let is_name = matches!(token.kind, TokenKind::Word) || token.text.starts_with('"');
        match name.as_str() {
            _ if !is_name => {}
            name if VOLATILE.contains(&name) => return DefaultValue::Volatile,
            name if STABLE.contains(&name) || NO_CALLS.contains(&name) => {}
            _ => found = DefaultValue::Unknown,
        }
    }
    found
}
