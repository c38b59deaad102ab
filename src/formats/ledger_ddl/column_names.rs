//! The names of a table's columns, separated by commas, as one value: what tells the histories of tools that share a name of a
//! table. An expression for each dialect.

use crate::sql::{Dialect, TableName};

/// PostgreSQL.
pub(crate) fn postgres(table: &TableName) -> String {
    let quoted = Dialect::Postgres.literal(&Dialect::Postgres.table(table));
    format!(
        "(SELECT pg_catalog.string_agg(attname::text, ',') FROM pg_catalog.pg_attribute \
         WHERE attrelid = {quoted}::pg_catalog.regclass AND attnum > 0 AND NOT attisdropped)"
    )
}

/// SQLite.
pub(crate) fn sqlite(table: &TableName) -> String {
    format!("(SELECT group_concat(name) FROM pragma_table_info({}))", Dialect::Sqlite.literal(&table.name))
}

/// MySQL and MariaDB.
pub(crate) fn mysql(table: &TableName) -> String {
    format!("(SELECT GROUP_CONCAT(column_name) FROM information_schema.columns WHERE {})", of_table(table))
}

/// The condition on a view of `information_schema` that finds the rows of a table, on MySQL and MariaDB.
pub(crate) fn of_table(table: &TableName) -> String {
    let literal = |name: &str| Dialect::Mysql.literal(name);
    let schema = table.schema.as_deref().map_or_else(|| "DATABASE()".to_owned(), literal);
    format!("table_schema = {schema} AND table_name = {}", literal(&table.name))
}
