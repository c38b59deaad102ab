//! PostgreSQL as an [`Inspector`]. Each question is a transaction that cannot write. What a role may not see of other sessions
//! is counted, not left out.

use std::time::Duration;

use crate::engines::advice_facts::{IndexFacts, KeyFacts, PlanFacts, StatementFacts, Statistics, TableFacts};
use crate::engines::engine::{Query, unexpected_row};
use crate::engines::inspector::{
    Connections, Inspector, OwnedRights, Rights, RoleFacts, SchemaRights, TableLock, TableLocks, Transactions,
};
use crate::engines::postgres::advisor;
use crate::engines::postgres::catalog::{Postgres, peer};
use crate::engines::postgres::explain::CONDITIONS;
use crate::engines::postgres::queries::{DDL_MODES, PEER, PINNED, array};
use crate::engines::values::text;
use crate::sql::{Row, TableName};

/// A session of a client, as far as this role may see what it is.
const IS_CLIENT: &str = "a.datid IS NOT NULL AND coalesce(a.backend_type, 'client backend') = 'client backend'";

/// A session of this database, and not this one.
const IS_BESIDE: &str = "a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()";

impl Inspector for Postgres {
    fn role(&self) -> Option<Query<RoleFacts>> {
        let sql = "SELECT r.rolname, r.rolsuper, r.rolcreatedb, r.rolcreaterole, r.rolbypassrls, \
                   pg_catalog.to_char(s.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), \
                   extract(epoch FROM s.rolvaliduntil - pg_catalog.now())::bigint \
                   FROM pg_catalog.pg_roles r LEFT JOIN pg_catalog.pg_roles s ON s.rolname = session_user \
                   AND pg_catalog.isfinite(s.rolvaliduntil) WHERE r.rolname = current_user";
        Some(asked(sql, |rows| role(rows.first()?)))
    }

    fn rights(&self, schemas: &[String]) -> Option<Query<Rights>> {
        let schemas = array(schemas);
        let sql = format!(
            "SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'); \
             SELECT w, n.oid IS NOT NULL, pg_catalog.has_schema_privilege(n.oid, 'USAGE'), \
             pg_catalog.has_schema_privilege(n.oid, 'CREATE'), NULL FROM pg_catalog.unnest({schemas}) w \
             LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w; \
             SELECT n.nspname, c.relname, pg_catalog.pg_get_userbyid(c.relowner), pg_catalog.count(*) OVER () \
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY ({schemas}) \
             AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE') AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d \
             WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e') \
             ORDER BY 1, 2 LIMIT 3"
        );
        Some(asked(&sql, |rows| Some(Rights::Owned(rights(rows)?))))
    }

    fn connections(&self) -> Option<Query<Connections>> {
        let sql = format!(
            "SELECT pg_catalog.count(*), pg_catalog.current_setting('max_connections'), \
             pg_catalog.current_setting('superuser_reserved_connections')::int \
             + coalesce(pg_catalog.current_setting('reserved_connections', true), '0')::int, \
             pg_catalog.count(*) FILTER (WHERE a.usename = session_user), \
             (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = session_user), \
             pg_catalog.count(*) FILTER (WHERE a.datname = pg_catalog.current_database()), \
             (SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) \
             FROM pg_catalog.pg_stat_activity a WHERE {IS_CLIENT}"
        );
        Some(asked(&sql, |rows| {
            let row = rows.first()?;
            let limited = |used: usize, limit: usize| {
                let limit = number::<i64>(row, limit).and_then(|limit| u64::try_from(limit).ok())?;
                Some((number(row, used)?, limit))
            };
            Some(Connections {
                used: number(row, 0)?,
                limit: number(row, 1)?,
                reserved: number(row, 2)?,
                of_role: limited(3, 4),
                of_database: limited(5, 6),
            })
        }))
    }

    fn transactions(&self, least: Duration) -> Option<Query<Transactions>> {
        let age = |since: &str| format!("(extract(epoch FROM pg_catalog.clock_timestamp() - {since}) * 1000)::bigint");
        let (open, prepared, millis) = (age("a.xact_start"), age("p.prepared"), least.as_millis());
        let sql = format!(
            "SELECT {PEER}, {open} FROM pg_catalog.pg_stat_activity a WHERE {IS_BESIDE} AND {IS_CLIENT} AND {open} >= {millis} \
             ORDER BY a.xact_start LIMIT 5; \
             SELECT p.gid, {prepared} FROM pg_catalog.pg_prepared_xacts p \
             WHERE p.database = pg_catalog.current_database() AND {prepared} >= {millis} ORDER BY p.prepared LIMIT 5; \
             SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a \
             WHERE {IS_BESIDE} AND a.query = '<insufficient privilege>'"
        );
        Some(asked(&sql, move |rows| {
            let mut transactions = Transactions { least, ..Transactions::default() };
            for row in rows {
                match row.len() {
                    1 => transactions.hidden = number(row, 0)?,
                    2 => transactions.prepared.push((text(row, 0), Duration::from_millis(number(row, 1)?))),
                    _ => transactions.long.push((peer(row), Duration::from_millis(number(row, 7)?))),
                }
            }
            Some(transactions)
        }))
    }

    fn table_locks(&self, schemas: &[String]) -> Option<Query<TableLocks>> {
        let sql = format!(
            "SELECT {PEER}, n.nspname || '.' || c.relname, l.mode FROM pg_catalog.pg_locks l \
             JOIN pg_catalog.pg_class c ON c.oid = l.relation JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'relation' AND l.granted \
             AND l.mode IN ({DDL_MODES}) AND c.relkind IN ('r', 'p', 'm') AND n.nspname = ANY ({}) \
             AND {IS_BESIDE} AND {IS_CLIENT} ORDER BY a.xact_start, 8 LIMIT 5; \
             SELECT {PEER}, pg_catalog.array_to_string(pg_catalog.pg_blocking_pids(a.pid), ', ') \
             FROM pg_catalog.pg_stat_activity a WHERE {IS_BESIDE} AND EXISTS (SELECT FROM pg_catalog.pg_locks l \
             WHERE l.pid = a.pid AND NOT l.granted) ORDER BY a.xact_start LIMIT 5",
            array(schemas)
        );
        Some(asked(&sql, |rows| {
            let mut locks = TableLocks::default();
            for row in rows {
                match row.len() {
                    8 => locks.waiting.push((peer(row), text(row, 7))),
                    _ => locks.held.push(TableLock { table: text(row, 7), mode: text(row, 8), holder: peer(row) }),
                }
            }
            Some(locks)
        }))
    }

    fn statistics(&self) -> Option<Query<Statistics>> {
        Some(advisor::statistics())
    }

    fn tables(&self, schemas: &[String], is_exact: bool) -> Option<Query<Vec<TableFacts>>> {
        Some(advisor::tables(schemas, is_exact))
    }

    fn indexes(&self, schemas: &[String]) -> Option<Query<Vec<IndexFacts>>> {
        Some(advisor::indexes(schemas))
    }

    fn foreign_keys(&self, schemas: &[String]) -> Option<Query<Vec<KeyFacts>>> {
        Some(advisor::foreign_keys(schemas))
    }

    fn statements(&self, schema: &str) -> Option<Query<Vec<StatementFacts>>> {
        Some(advisor::statements(schema))
    }

    fn statement_plan(&self, query: &str) -> Option<Query<PlanFacts>> {
        Some(advisor::statement_plan(query))
    }

    fn query_plan(&self, query: &str, searches: bool) -> Option<Query<PlanFacts>> {
        Some(advisor::prepared_plan(query, searches, None).map(|(plan, _)| plan))
    }

    fn hypothetical_plan(
        &self,
        query: &str,
        (schema, index): (&str, &str),
    ) -> Option<Query<(PlanFacts, Option<String>)>> {
        Some(advisor::prepared_plan(query, false, Some((schema, index))))
    }
}

/// A question in a transaction that cannot write.
pub(crate) fn asked<T: 'static>(sql: &str, read: impl FnOnce(&[Row]) -> Option<T> + 'static) -> Query<T> {
    Query::new(format!("{CONDITIONS}{PINNED}{sql}"), move |rows| read(&rows).ok_or_else(unexpected_row))
}

fn role(row: &Row) -> Option<RoleFacts> {
    const ATTRIBUTES: [&str; 4] = ["SUPERUSER", "CREATEDB", "CREATEROLE", "BYPASSRLS"];
    let has = |index: &usize| text(row, index + 1) == "t";
    let attributes = (0..ATTRIBUTES.len()).filter(has).map(|index| ATTRIBUTES[index].to_owned()).collect();
    let expires = row.get(5)?.clone().zip(number(row, 6));
    Some(RoleFacts { name: text(row, 0), attributes, expires })
}

fn rights(rows: &[Row]) -> Option<OwnedRights> {
    let mut rights = OwnedRights::default();
    for row in rows {
        let is_true = |index: usize| text(row, index) == "t";
        match row.len() {
            1 => rights.may_create_schemas = is_true(0),
            5 => rights.schemas.push(SchemaRights {
                name: text(row, 0),
                exists: is_true(1),
                may_use: is_true(2),
                may_create: is_true(3),
            }),
            _ => {
                let table = TableName { schema: Some(text(row, 0)), name: text(row, 1) };
                rights.tables_of_others.push((table, text(row, 2)));
                rights.count_of_others = number(row, 3)?;
            }
        }
    }
    Some(rights)
}

pub(crate) fn number<T: std::str::FromStr>(row: &Row, index: usize) -> Option<T> {
    row.get(index)?.as_deref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &str) -> Row {
        values.split('|').map(|value| (value != "~").then(|| value.to_owned())).collect()
    }

    #[test]
    fn attributes_and_the_end_of_a_password_are_read() {
        let read = role(&row("app|f|t|f|t|2027-01-01T00:00:00Z|-5")).unwrap();
        assert_eq!(read.attributes, ["CREATEDB", "BYPASSRLS"]);
        assert_eq!(read.expires, Some(("2027-01-01T00:00:00Z".to_owned(), -5)));
        assert_eq!(role(&row("app|f|f|f|f|~|~")).unwrap().expires, None);
    }

    #[test]
    fn rights_on_a_database_on_schemas_and_on_tables_are_told_apart() {
        let rows = ["t", "public|t|t|f|~", "later|f|~|~|~", "public|users|owner|4"].map(row);
        let read = rights(&rows).unwrap();
        assert!(read.may_create_schemas && read.schemas[0].may_use && !read.schemas[0].may_create);
        assert!(!read.schemas[1].exists);
        assert_eq!((read.tables_of_others[0].0.to_string().as_str(), read.count_of_others), ("public.users", 4));
    }
}
