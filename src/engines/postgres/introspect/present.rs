//! Whether required tables exist, and what a role may do with them.

use crate::catalog::{Access, Name};
use crate::engines::postgres::SQL;
use crate::engines::postgres::introspect::texts::access_of;
use crate::engines::postgres::introspect::{access, qualified};
use crate::engines::values::Values;
use crate::sql::{Row, TableName};

/// A relation of a required name.
pub(crate) struct Present {
    /// Its name.
    pub(crate) name: Name,
    /// Its schema is on the search path.
    is_visible: bool,
    /// What the role may do with it.
    pub(crate) access: Access,
}

impl Present {
    /// Whether the name leads to it.
    pub(crate) fn is(&self, table: &TableName) -> bool {
        let is_meant = table.schema.as_ref().map_or(self.is_visible, |schema| *schema == self.name.schema);
        is_meant && self.name.name == table.name
    }
}

/// Every relation of one of the names, for [`read_present`]. Views, materialised views and foreign tables answer
/// queries too.
pub(crate) fn present(tables: &[TableName], role: Option<&str>) -> String {
    let (access, roles) = access_of(role);
    let names: Vec<String> = tables.iter().map(|table| SQL.literal(&table.name)).collect();
    let named: Vec<String> =
        tables.iter().filter_map(|table| table.schema.as_deref().map(|it| SQL.literal(it))).collect();
    // A database with a schema for each tenant has a table of this name in every one of them.
    let elsewhere = match named.is_empty() {
        true => String::new(),
        false => format!(" OR n.nspname = ANY (ARRAY[{}]::name[])", named.join(", ")),
    };
    format!(
        "SELECT n.nspname, c.relname, n.nspname = ANY (pg_catalog.current_schemas(false)), {access} \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         {roles} WHERE c.relname = ANY (ARRAY[{}]::name[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
         AND (n.nspname = ANY (pg_catalog.current_schemas(false)){elsewhere})",
        names.join(", ")
    )
}

/// Whether each name leads to something that the session's role can query, in their order, for [`is_usable`]: without a look
/// at the rows of `pg_class`, which costs a fresh backend three times as much.
pub(crate) fn usable(tables: &[TableName]) -> String {
    let names: Vec<String> = tables.iter().map(|table| SQL.literal(&SQL.table(table))).collect();
    format!(
        "SELECT (pg_catalog.pg_identify_object(1259, r, 0)).type, pg_catalog.has_table_privilege(r, 'SELECT'), \
         pg_catalog.row_security_active(r) \
         FROM (SELECT pg_catalog.to_regclass(name)::pg_catalog.oid AS r FROM pg_catalog.unnest(ARRAY[{}]) AS name) AS named",
        names.join(", ")
    )
}

/// Whether a row of [`usable`] says so. What is not certain has another answer from [`present`].
pub(crate) fn is_usable(row: &Row) -> bool {
    let [Some(kind), may_read, is_filtered] = row.as_slice() else { return false };
    let is_table = matches!(kind.as_str(), "table" | "view" | "materialized view" | "foreign table");
    is_table && may_read.as_deref() == Some("t") && is_filtered.as_deref() == Some("f")
}

/// Whether the server takes the name as it is: it cuts off what is longer (NAMEDATALEN).
pub(crate) fn is_plain(table: &TableName) -> bool {
    table.name.len() < 64 && table.schema.as_ref().is_none_or(|schema| schema.len() < 64)
}

/// A row of [`present`].
pub(crate) fn read_present(row: &Row) -> Option<Present> {
    let row: Vec<Option<&str>> = row.iter().map(Option::as_deref).collect();
    let row = Values(&row);
    let access = row.text(3).map_or(Some(Access::Granted), access)?;
    Some(Present { name: qualified(row, 0)?, is_visible: row.is_true(2), access })
}
