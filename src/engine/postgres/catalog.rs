//! Questions to PostgreSQL's catalog, as SQL. Its tables are qualified: a migration, or a role's settings, may
//! have put another `pg_class` before them on the search path.

use crate::engine::{Dialect, Wanted};
use crate::settings::TableName;

const SQL: Dialect = Dialect::Postgres;

/// Every subquery costs a fresh backend some hundred microseconds of catalog loading, so there are no joins,
/// and nothing about schemas where none is wanted.
pub(super) fn survey(wanted: &Wanted) -> String {
    let schemas: Vec<String> = wanted.schemas.iter().map(|name| SQL.literal(name)).collect();
    let missing = match schemas.is_empty() {
        true => "NULL".to_owned(),
        false => format!(
            "(SELECT pg_catalog.json_agg(w) FROM pg_catalog.unnest(ARRAY[{}]::text[]) w \
             WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace n WHERE n.nspname = w))",
            schemas.join(", ")
        ),
    };
    let history = wanted.history.as_deref().map_or("NULL".to_owned(), |table| SQL.literal(&SQL.identifier(table)));
    // The history table is where an unqualified name leads: Prisma never qualifies it.
    format!(
        "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only'), \
         pg_catalog.current_setting('server_version'), pg_catalog.current_database(), current_user, \
         pg_catalog.current_schema(), {missing}, \
         (SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = \
          (SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass({history})))"
    )
}

/// Who holds the advisory lock with this key, as one text.
pub(super) fn holder(key: i64) -> String {
    format!(
        "SELECT pg_catalog.format('pid %s, application %s, client %s, connected since %s, %s', \
         a.pid, coalesce(nullif(a.application_name, ''), 'unnamed'), coalesce(host(a.client_addr), 'local'), \
         to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), coalesce(a.state, 'state hidden')) \
         FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
         AND l.classid::bigint = {key}::bigint >> 32 AND l.objid::bigint = {key}::bigint & 4294967295 \
         AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
    )
}

/// Ordinary tables in these schemas: relkind 'r' and the PostGIS names as Prisma's P3005 has them.
pub(super) fn tables_in(schemas: &[String]) -> String {
    let schemas: Vec<String> = schemas.iter().map(|name| SQL.literal(name)).collect();
    format!(
        "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relkind = 'r' AND n.nspname IN ({}) AND lower(c.relname) NOT IN \
         ('spatial_ref_sys', 'geometry_columns', 'geography_columns', 'raster_columns', 'raster_overviews') \
         ORDER BY 1",
        schemas.join(", ")
    )
}

/// Every relation of one of the names, and whether its schema is on the search path. Views, materialised
/// views and foreign tables answer queries too.
pub(super) fn present(tables: &[TableName]) -> String {
    let names: Vec<String> = tables.iter().map(|table| SQL.literal(&table.name)).collect();
    format!(
        "SELECT n.nspname, c.relname, n.nspname = ANY (pg_catalog.current_schemas(false)) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relname = ANY (ARRAY[{}]::name[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
        names.join(", ")
    )
}

/// Same name in another schema, other case, or snake_case against camelCase.
pub(super) fn similar(tables: &[TableName]) -> String {
    let row = |(index, table): (usize, &TableName)| format!("({index}, {})", SQL.literal(&table.name));
    let rows: Vec<String> = tables.iter().enumerate().map(row).collect();
    format!(
        "SELECT w.i, n.nspname, c.relname FROM (VALUES {}) AS w(i, t) \
         JOIN pg_catalog.pg_class c ON c.relkind IN ('r', 'p', 'v', 'm', 'f') \
         AND replace(lower(c.relname), '_', '') = replace(lower(w.t), '_', '') \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' \
         ORDER BY 1, 2, 3 LIMIT 100",
        rows.join(", ")
    )
}
