//! node-pg-migrate's history table: it knows PostgreSQL only.

/// The columns.
pub(crate) const COLUMNS: &str = "id SERIAL PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL";

/// `NOW()` in the time zone of the tool's session, which a script cannot change. The tool reads its rows in this order, so
/// none gets an earlier time than the ones before it.
pub(crate) fn run_on(table: &str) -> String {
    format!(
        "GREATEST(pg_catalog.now() AT TIME ZONE \
         (SELECT reset_val FROM pg_catalog.pg_settings WHERE name = 'TimeZone'), (SELECT max(run_on) FROM {table}))"
    )
}
