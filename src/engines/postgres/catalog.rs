//! The stateless part: which query answers which question, and how its rows are read.

use std::time::Duration;

use crate::base::application_name;
use crate::base::fault::{Class, Fault};
use crate::catalog::{Access, Name};
use crate::engines::engine::{
    AvailableExtension, Batch, CatalogQuery, ChildSession, Engine, Found, InvalidTwin, ObjectState, Probe,
    ProbeRequest, Query, Scope, Setting, TableIndex, first_column, tables_by_number, unexpected_row,
};
use crate::engines::inspector::Inspector;
use crate::engines::peer::Peer;
use crate::engines::postgres::lookalike::Lookalike;
use crate::engines::postgres::{SQL, explain, introspect, queries, table_state, unit};
use crate::engines::query_plan::QueryPlan;
use crate::engines::session::LockKey;
use crate::engines::table_state::{TableHold, TableSize, read_sizes};
use crate::sql::name::unquote;
use crate::sql::reindex::ReindexTarget;
use crate::sql::unnamed_build::UnnamedBuild;
use crate::sql::{Dialect, ObjectKind, ObjectRef, Row, TableName, script};

/// PostgreSQL, as an [`Engine`].
pub(crate) struct Postgres;

impl Engine for Postgres {
    fn dialect(&self) -> Dialect {
        SQL
    }

    fn inspector(&self) -> &'static dyn Inspector {
        &Postgres
    }

    fn probe(&self, request: &ProbeRequest) -> Query<Probe> {
        let (history, only_reads) = (request.history.clone(), request.only_reads);
        Query::new(queries::probe(request), move |rows| read_probe(rows, history, only_reads))
    }

    fn tables_in(&self, schemas: &[String]) -> Query<Vec<String>> {
        Query::new(queries::tables_in(schemas), |rows| Ok(first_column(rows)))
    }

    fn tables_elsewhere(&self, schemas: &[String]) -> Query<Vec<String>> {
        Query::new(queries::tables_elsewhere(schemas), |rows| Ok(first_column(rows)))
    }

    fn find_tables(&self, tables: &[TableName], role: Option<&str>) -> Query<Vec<Found>> {
        let sql = introspect::present(tables, role);
        let tables = tables.to_vec();
        Query::new(sql, move |rows| {
            let present: Vec<introspect::Present> = rows.iter().filter_map(introspect::read_present).collect();
            Ok(tables.iter().map(|table| found(table, &present)).collect())
        })
    }

    fn usable_tables(&self, tables: &[TableName]) -> Option<Query<Vec<bool>>> {
        let is_cheap = tables.iter().all(introspect::is_plain);
        let read = |rows: Vec<Row>| Ok(rows.iter().map(introspect::is_usable).collect());
        is_cheap.then(|| Query::new(introspect::usable(tables), read))
    }

    fn tables_by_schema(&self, schemas: &[String], table: &str) -> Query<Vec<(String, bool)>> {
        Query::new(queries::tables_by_schema(schemas, table), |rows| {
            let pair = |row: Row| match <[Option<String>; 2]>::try_from(row) {
                Ok([Some(schema), has_table]) => Ok((schema, has_table.as_deref() == Some("t"))),
                _ => Err(unexpected_row()),
            };
            rows.into_iter().map(pair).collect()
        })
    }

    fn object_states(&self, objects: &[ObjectRef], since: Option<&str>) -> Query<Vec<ObjectState>> {
        let count = objects.len();
        Query::new(queries::object_states(objects, since), move |rows| {
            let mut states = vec![ObjectState::Absent; count];
            for row in &rows {
                if let Some((index, state)) = object_state(row)
                    && let Some(place) = states.get_mut(index)
                {
                    *place = state;
                }
            }
            Ok(states)
        })
    }

    fn invalid_twins(&self, target: &ReindexTarget, since: &str) -> Query<Vec<InvalidTwin>> {
        Query::new(queries::invalid_twins(target, since), |rows| {
            rows.iter().map(|row| invalid_twin(row).ok_or_else(unexpected_row)).collect()
        })
    }

    fn table_indexes(&self, table: &ObjectRef, since: &str) -> Query<Vec<TableIndex>> {
        Query::new(queries::table_indexes(table, since), |rows| {
            rows.iter().map(|row| table_index(row).ok_or_else(unexpected_row)).collect()
        })
    }

    fn index_definition(&self, build: &UnnamedBuild, table: &ObjectRef) -> Query<Option<String>> {
        Query::new(queries::index_definition(build, table), |rows| Ok(first_column(rows).pop()))
    }

    fn catalog(&self, scope: &Scope<'_>) -> CatalogQuery {
        let (sql, reader) = introspect::PostgresReader::of(scope);
        CatalogQuery { sql, reader: Box::new(reader) }
    }

    fn explain(&self, queries: &[&str]) -> Option<Batch<Vec<QueryPlan>>> {
        Some(explain::plans(queries))
    }

    fn query_bools(&self, queries: &[&str]) -> Option<Batch<bool>> {
        Some(explain::bools(queries))
    }

    fn similar_tables(&self, tables: &[TableName]) -> Query<Vec<Vec<TableName>>> {
        let count = tables.len();
        Query::new(queries::similar(tables), move |rows| Ok(tables_by_number(rows, count)))
    }

    fn schemas(&self) -> Query<Vec<String>> {
        Query::new(queries::SCHEMAS.to_owned(), |rows| Ok(first_column(rows)))
    }

    fn create_schema(&self, name: &str) -> Option<String> {
        Some(format!("CREATE SCHEMA {}", SQL.identifier(name)))
    }

    fn pinned(&self) -> &'static str {
        queries::PINNED
    }

    fn extensions(&self) -> Query<Vec<AvailableExtension>> {
        Query::new(queries::EXTENSIONS.to_owned(), |rows| {
            let read = |row: Row| {
                let [name, schema, requires] = <[Option<String>; 3]>::try_from(row).ok()?;
                let requires = requires.unwrap_or_default();
                let requires = requires.split('\n').filter(|name| !name.is_empty()).map(str::to_owned).collect();
                Some(AvailableExtension { name: name?, schema, requires })
            };
            Ok(rows.into_iter().filter_map(read).collect())
        })
    }

    fn setting(&self, name: &str) -> Query<Option<Setting>> {
        Query::new(queries::setting(name), |rows| {
            let read = |row: &Row| {
                let [Some(value), source] = row.as_slice() else { return None };
                Some(Setting { value: value.clone(), of_connection: source.as_deref() == Some("client") })
            };
            Ok(rows.first().and_then(read))
        })
    }

    fn lock_holder(&self, key: LockKey) -> Query<Option<Peer>> {
        Query::new(queries::holder(key.number), |rows| Ok(rows.first().map(peer)))
    }

    fn lock_owner(&self, key: LockKey) -> Query<Option<Peer>> {
        Query::new(queries::owner(key.number), |rows| Ok(rows.first().map(peer)))
    }

    fn table_sizes(&self, tables: &[TableName], is_exact: bool) -> Query<Vec<Option<TableSize>>> {
        let count = tables.len();
        Query::new(table_state::sizes(tables, is_exact), move |rows| Ok(read_sizes(&rows, count)))
    }

    fn table_holds(&self, tables: &[Name]) -> Query<Option<Vec<TableHold>>> {
        Query::new(table_state::holds(tables), |rows| {
            let holds: Option<Vec<TableHold>> = rows.iter().map(table_state::read_hold).collect();
            holds.map(Some).ok_or_else(unexpected_row)
        })
    }

    fn data_size(&self) -> Query<Option<u64>> {
        Query::new(table_state::DATA_SIZE.to_owned(), |rows| {
            Ok(first_column(rows).first().and_then(|bytes| bytes.parse().ok()))
        })
    }

    fn child_sessions(&self) -> Query<Vec<ChildSession>> {
        Query::new(queries::child_sessions(application_name::OF_CHILDREN), |rows| {
            let session = |row: &Row| {
                let value = |index: usize| row.get(index).cloned().flatten().unwrap_or_default();
                ChildSession { peer: peer(row), began: value(7), is_named: value(8) == "t" }
            };
            Ok(rows.iter().map(session).collect())
        })
    }

    fn running_session(&self, text: &str) -> Query<Option<Peer>> {
        Query::new(queries::running_session(text), |rows| Ok(rows.first().map(peer)))
    }
}

/// The row of [`queries::probe`].
fn read_probe(mut rows: Vec<Row>, history: Option<String>, only_reads: bool) -> Result<Probe, Fault> {
    let row = rows.pop().unwrap_or_default();
    let [recovering, read_only, number, database, role, schema, missing, home, version] = row.as_slice() else {
        return Err(Fault::new(Class::Statement, "the probe returned no row"));
    };
    if recovering.as_deref() == Some("t") && !only_reads {
        return Err(Fault::new(Class::ReadOnly, "the server is a standby (in recovery)"));
    }
    if read_only.as_deref() == Some("on") && !only_reads {
        return Err(Fault::new(Class::ReadOnly, "the database is read-only (default_transaction_read_only)"));
    }
    let missing_schemas: Vec<String> = serde_json::from_str(missing.as_deref().unwrap_or("[]"))
        .map_err(|error| Fault::new(Class::Statement, error.to_string()))?;
    let history = match (home, history) {
        (Some(schema), Some(name)) => Some(TableName { schema: Some(unquote(schema)), name }),
        _ => None,
    };
    Ok(Probe {
        server: product(version.as_deref().unwrap_or_default(), number.as_deref().unwrap_or_default()),
        missing_schemas,
        history,
        current_schema: schema.clone(),
        database: database.clone().unwrap_or_default(),
        role: role.clone().unwrap_or_default(),
        ..Probe::default()
    })
}

/// Product and version, for the log.
fn product(version: &str, number: &str) -> String {
    match Lookalike::of(version) {
        None => format!("PostgreSQL {number}"),
        Some(lookalike) => lookalike.to_string(),
    }
}

/// Of several tables on the search path, one that can be used.
fn found(table: &TableName, present: &[introspect::Present]) -> Found {
    let same = present.iter().filter(|present| present.is(table));
    match same.min_by_key(|present| present.access != Access::Granted) {
        None => Found::Absent,
        Some(present) if present.access == Access::Granted => Found::Usable,
        Some(present) => Found::Hidden(present.name.clone(), present.access),
    }
}

/// A row of [`queries::object_states`]: which object, and its state.
fn object_state(row: &Row) -> Option<(usize, ObjectState)> {
    let [Some(index), Some(transaction), newer, valid, untouched] = row.as_slice() else { return None };
    let state = match (valid.as_deref(), newer.as_deref()) {
        (Some("f"), _) => ObjectState::Invalid,
        (_, Some("t")) if untouched.as_deref() == Some("t") => ObjectState::Newer(transaction.clone()),
        (_, Some("f")) => ObjectState::Older,
        _ => ObjectState::Present,
    };
    Some((index.parse().ok()?, state))
}

/// A row of [`queries::invalid_twins`]: the session that holds the index, then what is known about the index.
fn invalid_twin(row: &Row) -> Option<InvalidTwin> {
    let [pid, .., Some(schema), Some(name), Some(original), newer, made] = row.as_slice() else { return None };
    Some(InvalidTwin {
        index: ObjectRef::new(ObjectKind::Index, Some(schema.clone()), name),
        original: original.clone(),
        is_newer: newer.as_deref() == Some("t"),
        is_made_since: made.as_deref() == Some("t"),
        holder: pid.is_some().then(|| peer(row)),
    })
}

/// A row of [`queries::table_indexes`]: the session that may hold the index, then what is known about the index.
fn table_index(row: &Row) -> Option<TableIndex> {
    let [pid, .., Some(schema), Some(table), Some(name), Some(columns), valid, newer, Some(definition)] =
        row.as_slice()
    else {
        return None;
    };
    let table = ObjectRef::new(ObjectKind::Table, Some(schema.clone()), table);
    Some(TableIndex {
        index: table.part(ObjectKind::Index, name),
        columns: serde_json::from_str(columns).ok()?,
        is_valid: valid.as_deref() == Some("t"),
        is_newer: newer.as_deref() == Some("t"),
        definition: definition.clone(),
        holder: pid.is_some().then(|| peer(row)),
    })
}

/// A row of pg_stat_activity, as [`queries`] selects it.
pub(crate) fn peer(row: &Row) -> Peer {
    let value = |index: usize| row.get(index).cloned().flatten();
    let text = |index: usize| value(index).unwrap_or_default();
    let lasting = |millis: String| Some(crate::base::log::seconds(Duration::from_millis(millis.parse().ok()?)));
    let state = value(4);
    Peer {
        pid: text(0),
        application: text(1),
        client: text(2),
        since: value(3),
        lasting: value(5).and_then(lasting),
        // Of a message that another doorstep sent, only the script: what follows it is the same in every message.
        query: (state.as_ref().and(value(6)))
            .map(|query| script::summary(query.split(unit::AFTER).next().unwrap_or_default(), SQL)),
        state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &str) -> Row {
        values.split('|').map(|value| (value != "~").then(|| value.to_owned())).collect()
    }

    #[test]
    fn a_probe_finds_the_history_and_refuses_a_standby() {
        let request =
            ProbeRequest { schemas: vec!["app".into()], history: Some("_history".into()), ..ProbeRequest::default() };
        let read = |values| Postgres.probe(&request).read(vec![row(values)]);
        let probe = read("f|off|17.2|shop|svc|public|[\"app\"]|public|PostgreSQL 17.2 on x").unwrap();
        assert_eq!((probe.server.as_str(), probe.missing_schemas.as_slice()), ("PostgreSQL 17.2", &["app".into()][..]));
        assert_eq!(probe.history.unwrap().to_string(), "public._history");
        assert_eq!(read("f|off|17.2|shop|svc|~|~|~|PostgreSQL 17.2 on x").unwrap().history, None);
        let quoted = read("f|off|17.2|shop|svc|public|~|\"My \"\"own\"\"\"|PostgreSQL 17.2 on x").unwrap().history;
        assert_eq!(quoted.unwrap().schema.as_deref(), Some("My \"own\""));
        for refused in ["t|off|17.2|shop|svc|public|~|~|~", "f|on|17.2|shop|svc|public|~|~|~"] {
            assert_eq!(read(refused).unwrap_err().class, Class::ReadOnly);
        }
    }

    #[test]
    fn object_states_are_read_by_number() {
        let objects = ["a", "b", "c", "d"].map(|name| ObjectRef::new(ObjectKind::Type, None, name));
        let rows = ["1|700|t|t|t", "2|701|f|t|t", "3|702|~|f|t"].map(row).to_vec();
        let states = Postgres.object_states(&objects, None).read(rows).unwrap();
        let newer = ObjectState::Newer("700".into());
        assert_eq!(states, [ObjectState::Absent, newer, ObjectState::Older, ObjectState::Invalid]);
    }

    #[test]
    fn a_usable_table_is_preferred_to_a_hidden_one() {
        let tables: Vec<TableName> = ["users", "gone"].map(|name| name.parse().unwrap()).to_vec();
        let rows = ["a|users|t|n", "b|users|t|~"].map(row).to_vec();
        assert_eq!(Postgres.find_tables(&tables, None).read(rows).unwrap(), [Found::Usable, Found::Absent]);
        let rows = vec![row("a|users|t|w")];
        let found = Postgres.find_tables(&tables[..1], None).read(rows).unwrap();
        assert!(matches!(found.as_slice(), [Found::Hidden(_, Access::WriteOnly)]), "{found:?}");
    }
}
