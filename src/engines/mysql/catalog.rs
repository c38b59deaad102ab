//! The catalog of MySQL and MariaDB as SQL, and how its rows are read.

use crate::base::fault::{Class, Fault};
use crate::catalog::Name;
use crate::engines::engine::{
    Batch, CatalogQuery, ChildSession, Engine, Found, ObjectState, OwnRights, Probe, ProbeRequest, Query, Scope,
    first_column, tables_by_number, unexpected_row,
};
use crate::engines::inspector::Inspector;
use crate::engines::mysql::server::{Server, product};
use crate::engines::mysql::{SQL, definition, explain, fingerprint, introspect, queries};
use crate::engines::peer::Peer;
use crate::engines::query_plan::QueryPlan;
use crate::engines::session::LockKey;
use crate::engines::table_state::{TableSize, read_sizes};
use crate::sql::sql_mode::Modes;
use crate::sql::{Dialect, ObjectRef, Row, TableName};

/// MySQL or MariaDB, as an [`Engine`].
pub(crate) struct Mysql;

impl Engine for Mysql {
    fn dialect(&self) -> Dialect {
        SQL
    }

    fn inspector(&self) -> &'static dyn Inspector {
        &Mysql
    }

    fn probe(&self, request: &ProbeRequest) -> Query<Probe> {
        let (schemas, only_reads) = (request.schemas.clone(), request.only_reads);
        Query::new(queries::probe(request), move |rows| read_probe(rows, schemas, only_reads))
    }

    fn fingerprint(&self, names: &[String]) -> Query<Option<String>> {
        fingerprint::fingerprint(names)
    }

    fn definition(&self, name: &str) -> Query<Option<String>> {
        Query::new(definition::sql(name), |rows| Ok(definition::read(&rows)))
    }

    fn tables_in(&self, schemas: &[String]) -> Query<Vec<String>> {
        Query::new(queries::tables_in(schemas), |rows| Ok(first_column(rows)))
    }

    /// A table on which the role has no right at all does not exist for it.
    fn find_tables(&self, tables: &[TableName], _role: Option<&str>) -> Query<Vec<Found>> {
        if tables.is_empty() {
            return Query::known(Vec::new());
        }
        let names: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
        Query::new(queries::find_tables(tables), move |rows| Ok(found_tables(&names, &rows)))
    }

    fn object_states(&self, objects: &[ObjectRef], _since: Option<&str>) -> Query<Vec<ObjectState>> {
        let count = objects.len();
        Query::new(queries::object_states(objects), move |rows| {
            let mut states = vec![ObjectState::Absent; count];
            numbers(&rows).for_each(|index| states[index.min(count - 1)] = ObjectState::Present);
            Ok(states)
        })
    }

    fn similar_tables(&self, tables: &[TableName]) -> Query<Vec<Vec<TableName>>> {
        let count = tables.len();
        Query::new(queries::similar(tables), move |rows| Ok(tables_by_number(rows, count)))
    }

    fn schemas(&self) -> Query<Vec<String>> {
        Query::new(queries::schemas(), |rows| Ok(first_column(rows)))
    }

    fn create_schema(&self, name: &str) -> Option<String> {
        Some(queries::create_database(name))
    }

    fn own_rights(&self, schemas: &[String]) -> Option<Query<OwnRights>> {
        Some(Query::new(queries::own_rights(schemas), |rows| own_rights(&rows).ok_or_else(unexpected_row)))
    }

    fn sql_modes(&self) -> Query<Option<Modes>> {
        Query::new("SELECT @@SESSION.sql_mode".to_owned(), |rows| {
            first_column(rows).first().map(|modes| Some(Modes::of(modes))).ok_or_else(unexpected_row)
        })
    }

    fn lock_holder(&self, key: LockKey) -> Query<Option<Peer>> {
        Query::new(queries::lock_holder(key), |rows| Ok(rows.first().map(queries::peer)))
    }

    fn child_sessions(&self) -> Query<Vec<ChildSession>> {
        Query::new(queries::CHILD_SESSIONS.to_owned(), |rows| {
            let session = |row: &Row| ChildSession {
                peer: queries::peer(row),
                began: row.get(7).cloned().flatten().unwrap_or_default(),
                is_named: false,
            };
            Ok(rows.iter().map(session).collect())
        })
    }

    /// The numbers are the storage engine's estimates; MySQL 8 keeps them for a day (`information_schema_stats_expiry`).
    fn table_sizes(&self, tables: &[TableName], _is_exact: bool) -> Query<Vec<Option<TableSize>>> {
        let count = tables.len();
        Query::new(queries::table_sizes(tables), move |rows| Ok(read_sizes(&rows, count)))
    }

    fn data_size(&self) -> Query<Option<u64>> {
        Query::new(queries::DATA_SIZE.to_owned(), |rows| {
            Ok(first_column(rows).first().and_then(|bytes| bytes.parse().ok()))
        })
    }

    fn running_session(&self, text: &str) -> Query<Option<Peer>> {
        Query::new(queries::running_session(text), |rows| Ok(rows.first().map(queries::peer)))
    }

    fn catalog(&self, scope: &Scope<'_>) -> CatalogQuery {
        CatalogQuery { sql: introspect::sql(scope.schemas), reader: Box::<introspect::Reader>::default() }
    }

    fn explain(&self, queries: &[&str]) -> Option<Batch<Vec<QueryPlan>>> {
        explain::plan(queries)
    }

    fn query_bools(&self, queries: &[&str]) -> Option<Batch<bool>> {
        Some(explain::bools(queries))
    }
}

/// The numbers in the first column.
/// Which tables the rows of [`queries::find_tables`] have. A server that keeps the case of letters has a table only under its very name.
fn found_tables(names: &[String], rows: &[Row]) -> Vec<Found> {
    let mut found = vec![Found::Absent; names.len()];
    for row in rows {
        let value = |place: usize| row.get(place).and_then(Option::as_deref);
        let Some(index) = value(0).and_then(|number| number.parse::<usize>().ok()) else { continue };
        let keeps_case = value(2) == Some("0");
        if names.get(index).is_some_and(|name| !keeps_case || value(1) == Some(name)) {
            found[index] = Found::Usable;
        }
    }
    found
}

fn numbers(rows: &[Row]) -> impl Iterator<Item = usize> {
    rows.iter().filter_map(|row| row.first()?.as_deref()?.parse().ok())
}

/// Of the row of [`queries::probe`]: the number of the session, what the server is, and the client's character set.
pub(crate) fn of_session(rows: &[Row]) -> (String, Server, String) {
    let value = |index: usize| rows.first().and_then(|row| row.get(index)?.clone()).unwrap_or_default();
    (value(0), Server::of(&value(1), &value(2), value(9) == "1"), value(10))
}

/// The rows of [`queries::own_rights`].
fn own_rights(rows: &[Row]) -> Option<OwnRights> {
    let mut rights = OwnRights::default();
    for row in rows {
        let value = |index: usize| row.get(index).cloned().flatten();
        match value(1) {
            None => rights.account = value(0)?,
            Some(name) => rights.readable.push((Name { schema: value(0)?, name }, value(2)?.parse().ok()?)),
        }
    }
    Some(rights)
}

/// The row of [`queries::probe`].
fn read_probe(rows: Vec<Row>, schemas: Vec<String>, only_reads: bool) -> Result<Probe, Fault> {
    let row = rows.into_iter().next().ok_or_else(unexpected_row)?;
    let value = |index: usize| row.get(index).cloned().flatten();
    let is_on = |index: usize| value(index).is_some_and(|value| !matches!(value.as_str(), "0" | "OFF"));
    if is_on(8) {
        let text = "the server takes no connections from the network (skip_networking), as the temporary server of an image does \
                    while it initialises the data";
        return Err(Fault::new(Class::Starting, text));
    }
    for (index, variable) in [(7, "super_read_only"), (5, "read_only"), (6, "innodb_read_only")] {
        if is_on(index) && !only_reads {
            return Err(Fault::new(Class::ReadOnly, format!("the server takes no writes ({variable})")));
        }
    }
    let is_missing = |(index, _): &(usize, String)| value(12 + index).as_deref() == Some("0");
    let missing_schemas = schemas.into_iter().enumerate().filter(is_missing).map(|(_, schema)| schema).collect();
    let database = value(3);
    Ok(Probe {
        server: product(&value(1).unwrap_or_default(), &value(2).unwrap_or_default()),
        missing_schemas,
        history: value(11).map(|name| TableName { schema: database.clone(), name }),
        current_schema: database.clone(),
        database: database.unwrap_or_default(),
        role: value(4).unwrap_or_default(),
        ..Probe::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_in_another_case_is_the_same_one_where_the_server_does_not_keep_it() {
        let names = ["users", "posts", "tags"].map(|name| TableName { schema: None, name: name.to_owned() });
        let found = |rows: &[[&str; 3]]| {
            let rows = rows.iter().map(|row| row.iter().map(|value| Some((*value).to_owned())).collect()).collect();
            Mysql.find_tables(&names, None).read(rows).unwrap()
        };
        let rows = |setting| [["2", "Tags", setting], ["0", "users", setting]];
        assert_eq!(found(&rows("0")), [Found::Usable, Found::Absent, Found::Absent]);
        assert_eq!(found(&rows("1")), [Found::Usable, Found::Absent, Found::Usable]);
        // Both are there.
        assert_eq!(found(&[["1", "POSTS", "0"], ["1", "posts", "0"]])[1], Found::Usable);
    }

    #[test]
    fn a_probe_finds_the_history_and_refuses_a_server_that_takes_no_writes() {
        let request = ProbeRequest {
            schemas: vec!["a".into(), "b".into()],
            history: Some("_history".into()),
            ..ProbeRequest::default()
        };
        let read = |values: &str| {
            let row = values.split('|').map(|value| (value != "~").then(|| value.to_owned())).collect();
            Mysql.probe(&request).read(vec![row])
        };
        let probe = read("7|10.11.19-MariaDB|Debian|shop|app|0|0|0|0|0|utf8mb4|_history|1|0").unwrap();
        assert_eq!((probe.server.as_str(), probe.missing_schemas), ("MariaDB 10.11.19", vec!["b".to_owned()]));
        assert_eq!(probe.history.unwrap().to_string(), "shop._history");
        for (refused, class) in [
            ("7|9.7.4||shop|app|1|0|1|0|0|utf8mb4|~|1|1", Class::ReadOnly),
            ("7|9.7.4||shop|app|0|1|0|0|0|utf8mb4|~|1|1", Class::ReadOnly),
            ("7|12.0.2-MariaDB||shop|app|NO_LOCK|0|0|0|0|utf8mb4|~|1|1", Class::ReadOnly),
            ("7|9.7.4||shop|app|0|0|0|1|0|utf8mb4|~|1|1", Class::Starting),
        ] {
            assert_eq!(read(refused).unwrap_err().class, class, "{refused}");
        }
    }
}
