//! The catalog of MySQL and MariaDB as SQL, and how its rows are read.

use crate::base::fault::{Class, Fault};
use crate::engines::engine::{
    Batch, CatalogQuery, Engine, Found, ObjectState, Probe, ProbeRequest, Query, Scope, first_column, unexpected_row,
};
use crate::engines::mysql::{SQL, introspect};
use crate::engines::query_plan::QueryPlan;
use crate::sql::{Dialect, ObjectRef, Row, TableName};

/// MySQL or MariaDB, as an [`Engine`].
pub(crate) struct Mysql;

impl Engine for Mysql {
    fn dialect(&self) -> Dialect {
        SQL
    }

    fn probe(&self, request: &ProbeRequest) -> Query<Probe> {
        let history = SQL.literal(request.history.as_deref().unwrap_or_default());
        let sql = format!(
            "SELECT VERSION(), DATABASE(), SUBSTRING_INDEX(CURRENT_USER(), '@', 1), @@global.read_only, \
             (SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = {history})"
        );
        Query::new(sql, read_probe)
    }

    fn tables_in(&self, schemas: &[String]) -> Query<Vec<String>> {
        let schemas: Vec<String> = schemas.iter().map(|schema| SQL.literal(schema)).collect();
        let within = if schemas.is_empty() { "DATABASE()".to_owned() } else { schemas.join(", ") };
        let sql = format!(
            "SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema IN ({within}) ORDER BY 1"
        );
        Query::new(sql, |rows| Ok(first_column(rows)))
    }

    fn find_tables(&self, tables: &[TableName], _role: Option<&str>) -> Query<Vec<Found>> {
        Query::known(vec![Found::Absent; tables.len()])
    }

    fn object_states(&self, objects: &[ObjectRef], _since: Option<&str>) -> Query<Vec<ObjectState>> {
        Query::known(vec![ObjectState::Present; objects.len()])
    }

    fn catalog(&self, scope: &Scope<'_>) -> CatalogQuery {
        CatalogQuery { sql: introspect::sql(scope.schemas), reader: Box::<introspect::Reader>::default() }
    }

    fn explain(&self, _queries: &[&str]) -> Option<Batch<Vec<QueryPlan>>> {
        None
    }

    fn query_bools(&self, _queries: &[&str]) -> Option<Batch<bool>> {
        None
    }
}

fn read_probe(mut rows: Vec<Row>) -> Result<Probe, Fault> {
    let row = rows.pop().ok_or_else(unexpected_row)?;
    let value = |index: usize| row.get(index).cloned().flatten();
    if value(3).as_deref() == Some("1") {
        return Err(Fault::new(Class::ReadOnly, "the server takes no writes (read_only)"));
    }
    let database = value(1).unwrap_or_default();
    Ok(Probe {
        server: format!("MySQL {}", value(0).unwrap_or_default()),
        missing_schemas: Vec::new(),
        history: value(4).map(|name| TableName { schema: Some(database.clone()), name }),
        current_schema: Some(database.clone()),
        database,
        role: value(2).unwrap_or_default(),
    })
}
