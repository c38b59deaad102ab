//! Sizes and locks of tables.

use std::time::Duration;

use crate::catalog::Name;
use crate::engines::postgres::SQL;
use crate::engines::postgres::catalog::peer;
use crate::engines::postgres::queries::PEER;
use crate::engines::table_state::TableHold;
use crate::sql::{Row, TableName};

/// `to_regclass` finds no table where the schema is missing, either.
fn regclass(table: &TableName) -> String {
    format!("pg_catalog.to_regclass({})", SQL.literal(&SQL.table(table)))
}

/// What the statistics tell of the table `c`, as a row `s`: its rows, and the sums of these numbers by name. Its partitions count with
/// it: `p` is each of them in turn. (`pg_partition_tree` would wait for a lock.)
///
/// `reltuples` is an estimate, and -1 (before PostgreSQL 14: 0 with 0 pages) where the table was never analysed. Since PostgreSQL 14,
/// ANALYZE writes the sum of the partitions into the partitioned table as well, with -1 pages: it is left out. With `is_exact`, an
/// empty table is recognised by its size, for which the server takes an ACCESS SHARE lock for a moment.
pub(crate) fn of_tree(is_exact: bool, sums: &[(&str, &str)]) -> String {
    let is_empty = if is_exact { "pg_catalog.pg_relation_size(p.oid) = 0" } else { "false" };
    let sum = |(value, name): &(&str, &str)| format!(", pg_catalog.sum({value})::bigint AS {name}");
    let sums: String = sums.iter().map(sum).collect();
    format!(
        "(SELECT CASE WHEN NOT pg_catalog.bool_or(p.reltuples <= 0 AND p.relpages = 0 AND p.relkind <> 'p' AND NOT {is_empty}) \
         THEN pg_catalog.sum(CASE p.relkind WHEN 'p' THEN 0 ELSE greatest(p.reltuples, 0) END)::bigint END AS rows{sums} \
         FROM (WITH RECURSIVE tree (oid) AS (SELECT c.oid UNION ALL SELECT k.oid FROM tree \
         JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid \
         JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid AND k.relispartition) SELECT oid FROM tree) tree \
         JOIN pg_catalog.pg_class p ON p.oid = tree.oid) s"
    )
}

/// A row per relation that exists: its number, its schema and name (of an index, those of its table), its rows, its bytes.
///
/// The exact size takes a lock (`pg_total_relation_size`), for which the message waits 100 ms. The other one is that of the last
/// VACUUM or ANALYZE, in pages of 8 kB, and takes no lock.
pub(crate) fn sizes(tables: &[TableName], is_exact: bool) -> String {
    let row = |(index, table): (usize, &TableName)| format!("({index}, {})", regclass(table));
    let rows: Vec<String> = tables.iter().enumerate().map(row).collect();
    let bytes = match is_exact {
        true => "pg_catalog.pg_total_relation_size(p.oid)",
        false => {
            "(SELECT pg_catalog.sum(greatest(q.relpages, 0)) * 8192 FROM pg_catalog.pg_class q WHERE q.oid IN (p.oid, p.reltoastrelid) \
             OR q.oid IN (SELECT i.indexrelid FROM pg_catalog.pg_index i WHERE i.indrelid = p.oid))"
        }
    };
    format!(
        "SET LOCAL lock_timeout = '100ms'; SELECT w.i, n.nspname, c.relname, s.rows, s.bytes \
         FROM (VALUES {}) AS w(i, relation) JOIN pg_catalog.pg_class x ON x.oid = w.relation \
         LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = x.oid \
         JOIN pg_catalog.pg_class c ON c.oid = coalesce(i.indrelid, x.oid) \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL {} \
         WHERE c.relkind IN ('r', 'p', 'm', 'f', 'v') ORDER BY w.i",
        rows.join(", "),
        of_tree(is_exact, &[(bytes, "bytes")])
    )
}

/// The locks that other sessions have on these tables, the oldest transaction first.
pub(crate) fn holds(tables: &[Name]) -> String {
    let of = |table: &Name| regclass(&TableName { schema: Some(table.schema.clone()), name: table.name.clone() });
    let tables: Vec<String> = tables.iter().map(of).collect();
    format!(
        "SELECT {PEER}, n.nspname, c.relname, l.mode, \
         (extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start) * 1000)::bigint \
         FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid = l.relation \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'relation' AND l.granted AND l.pid <> pg_catalog.pg_backend_pid() \
         AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
         AND l.relation IN ({}) ORDER BY a.xact_start NULLS LAST, c.relname, l.mode",
        tables.join(", ")
    )
}

/// A row of [`holds`].
pub(crate) fn read_hold(row: &Row) -> Option<TableHold> {
    let [.., Some(schema), Some(name), Some(mode), since] = row.as_slice() else { return None };
    let table = Name { schema: schema.clone(), name: name.clone() };
    let since = since.as_ref().and_then(|millis| millis.parse().ok()).map(Duration::from_millis);
    Some(TableHold { table, mode: mode.clone(), peer: peer(row), since })
}

/// The size of all tables with their long values, without indexes. Temporary tables are those of a session.
pub(crate) const DATA_SIZE: &str = "SET LOCAL lock_timeout = '100ms'; \
     SELECT coalesce(pg_catalog.sum(pg_catalog.pg_table_size(c.oid)), 0)::bigint FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' \
     AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE E'pg\\\\_%'";
