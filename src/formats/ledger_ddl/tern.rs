//! tern's history table: it knows PostgreSQL only.

/// Creates the table with its one row.
pub(crate) fn create(table: &str) -> String {
    format!("CREATE TABLE {table} (version int4 NOT NULL); INSERT INTO {table} (version) VALUES (0)")
}
