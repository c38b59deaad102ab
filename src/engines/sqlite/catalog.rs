//! The stateless part: which query answers which question, and how its rows are read. SQLite has no schemas, no roles and
//! no list of sessions, so those questions keep their defaults.

use crate::catalog::Name;
use crate::engines::engine::{
    Batch, CatalogQuery, Engine, Found, ObjectState, Probe, ProbeRequest, Query, Scope, first_column,
};
use crate::engines::inspector::Inspector;
use crate::engines::query_plan::QueryPlan;
use crate::engines::sqlite::{SQL, explain, introspect};
use crate::engines::table_state::TableSize;
use crate::sql::{Dialect, ObjectKind, ObjectRef, Row, TableName};

/// Tables and views, without SQLite's own.
const RELATIONS: &str =
    "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

/// SQLite, as an [`Engine`].
pub(crate) struct Sqlite;

impl Engine for Sqlite {
    fn dialect(&self) -> Dialect {
        SQL
    }

    fn inspector(&self) -> &'static dyn Inspector {
        &Sqlite
    }

    fn probe(&self, request: &ProbeRequest) -> Query<Probe> {
        let table = SQL.literal(request.history.as_deref().unwrap_or_default());
        let sql = format!(
            "SELECT sqlite_version(), (SELECT name FROM sqlite_master WHERE type = 'table' AND name = {table} COLLATE NOCASE)"
        );
        Query::new(sql, |rows| Ok(read_probe(rows)))
    }

    fn tables_in(&self, _schemas: &[String]) -> Query<Vec<String>> {
        Query::new(RELATIONS.to_owned(), |rows| Ok(first_column(rows)))
    }

    fn find_tables(&self, tables: &[TableName], _role: Option<&str>) -> Query<Vec<Found>> {
        let tables = tables.to_vec();
        Query::new(RELATIONS.to_owned(), move |rows| {
            let present = first_column(rows);
            let exists = |table: &TableName| {
                let is_here = table.schema.as_deref().is_none_or(|schema| SQL.is_same_name(schema, SQL.home()));
                is_here && present.iter().any(|name| SQL.is_same_name(name, &table.name))
            };
            Ok(tables.iter().map(|table| if exists(table) { Found::Usable } else { Found::Absent }).collect())
        })
    }

    /// SQLite keeps no statistics of a table without ANALYZE, and to count its rows would read all of it.
    fn table_sizes(&self, tables: &[TableName], _is_exact: bool) -> Query<Vec<Option<TableSize>>> {
        let tables = tables.to_vec();
        let sql = "SELECT name, tbl_name FROM sqlite_master WHERE type IN ('table', 'view', 'index')".to_owned();
        Query::new(sql, move |rows| {
            let size = |table: &TableName| {
                let is_it = |row: &&Row| row[0].as_ref().is_some_and(|name| SQL.is_same_name(name, &table.name));
                let name = rows.iter().find(is_it)?.get(1)?.clone()?;
                let table = Name { schema: SQL.home().to_owned(), name };
                Some(TableSize { table, rows: None, bytes: None })
            };
            Ok(tables.iter().map(size).collect())
        })
    }

    /// The pages in use, indexes included.
    fn data_size(&self) -> Query<Option<u64>> {
        let sql = "SELECT (p.page_count - f.freelist_count) * s.page_size FROM pragma_page_count p, pragma_freelist_count f, \
                   pragma_page_size s";
        Query::new(sql.to_owned(), |rows| Ok(first_column(rows).first().and_then(|bytes| bytes.parse().ok())))
    }

    fn similar_tables(&self, tables: &[TableName]) -> Query<Vec<Vec<TableName>>> {
        let tables = tables.to_vec();
        Query::new(RELATIONS.to_owned(), move |rows| {
            let present = first_column(rows);
            let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
            let similar = |table: &TableName| {
                let alike = present.iter().filter(|name| plain(name) == plain(&table.name));
                alike.map(|name| TableName { schema: None, name: name.clone() }).collect()
            };
            Ok(tables.iter().map(similar).collect())
        })
    }

    /// SQLite does not say when an object was created. It has no types and no schemas, and keeps constraints in the text
    /// of their table only, so these count as present.
    fn object_states(&self, objects: &[ObjectRef], _since: Option<&str>) -> Query<Vec<ObjectState>> {
        let queries: Vec<Option<String>> = objects.iter().enumerate().map(|(at, object)| exists(at, object)).collect();
        let initial = |query: &Option<String>| query.as_ref().map_or(ObjectState::Present, |_| ObjectState::Absent);
        let mut states: Vec<ObjectState> = queries.iter().map(initial).collect();
        let queries: Vec<String> = queries.into_iter().flatten().collect();
        if queries.is_empty() {
            return Query::known(states);
        }
        Query::new(queries.join("; "), move |rows| {
            for index in first_column(rows).iter().filter_map(|index| index.parse::<usize>().ok()) {
                if let Some(state) = states.get_mut(index) {
                    *state = ObjectState::Present;
                }
            }
            Ok(states)
        })
    }

    fn catalog(&self, _scope: &Scope<'_>) -> CatalogQuery {
        CatalogQuery { sql: introspect::CATALOG.to_owned(), reader: Box::<introspect::SqliteReader>::default() }
    }

    /// The rows of two plans in one message cannot be told apart.
    fn explain(&self, queries: &[&str]) -> Option<Batch<Vec<QueryPlan>>> {
        let [query] = queries else { return None };
        Some(Batch {
            sql: explain::sql(query),
            cleanup: None,
            offset: None,
            read: Box::new(|rows| vec![Ok(vec![explain::read(&rows)])]),
        })
    }

    fn query_bools(&self, queries: &[&str]) -> Option<Batch<bool>> {
        let count = queries.len();
        Some(Batch {
            sql: queries.join("; "),
            cleanup: None,
            offset: None,
            read: Box::new(move |rows| {
                let values = first_column(rows);
                (0..count).map(|index| Ok(values.get(index).is_some_and(|value| value == "1"))).collect()
            }),
        })
    }
}

fn read_probe(mut rows: Vec<Row>) -> Probe {
    let row = rows.pop().unwrap_or_default();
    let value = |index: usize| row.get(index).cloned().flatten();
    Probe {
        server: format!("SQLite {}", value(0).unwrap_or_default()),
        history: value(1).map(|name| TableName { schema: None, name }),
        ..Probe::default()
    }
}

/// A query that returns `index` if the object exists; `None` where SQLite cannot look it up.
fn exists(index: usize, object: &ObjectRef) -> Option<String> {
    let (name, table) = (SQL.literal(&object.name), SQL.literal(object.table.as_deref().unwrap_or_default()));
    match object.kind {
        ObjectKind::Type | ObjectKind::Schema | ObjectKind::Constraint => None,
        ObjectKind::Column => {
            Some(format!("SELECT {index} FROM pragma_table_info({table}) WHERE name = {name} COLLATE NOCASE"))
        }
        _ => Some(format!("SELECT {index} FROM sqlite_master WHERE name = {name} COLLATE NOCASE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(values: &[&str]) -> Vec<Row> {
        values.iter().map(|value| vec![Some((*value).to_owned())]).collect()
    }

    #[test]
    fn tables_are_found_without_regard_to_case() {
        let tables: Vec<TableName> = ["Users", "main.posts", "app.posts"].map(|name| name.parse().unwrap()).to_vec();
        let found = Sqlite.find_tables(&tables, None).read(rows(&["users", "posts"])).unwrap();
        assert_eq!(found, [Found::Usable, Found::Usable, Found::Absent]);
        let similar = Sqlite.similar_tables(&["user_posts".parse().unwrap()]).read(rows(&["userPosts"])).unwrap();
        assert_eq!(similar[0][0].name, "userPosts");
    }

    #[test]
    fn objects_that_sqlite_cannot_look_up_count_as_present() {
        let column = ObjectRef { table: Some("t".into()), ..ObjectRef::new(ObjectKind::Column, None, "a") };
        let objects = [ObjectRef::new(ObjectKind::Type, None, "e"), column];
        let query = Sqlite.object_states(&objects, None);
        assert_eq!(query.sql.as_deref().map(|sql| sql.starts_with("SELECT 1 FROM pragma_table_info('t')")), Some(true));
        assert_eq!(query.read(rows(&["1"])).unwrap(), [ObjectState::Present, ObjectState::Present]);
        assert_eq!(Sqlite.object_states(&objects[..1], None).sql, None);
    }
}
