//! The opening message: the probe, and in the same round trip what the start will most likely ask next.
//!
//! Each statement sees what is committed when it begins. So the history comes before the tables and the catalog: what another
//! process applies meanwhile may be in them and not in the history, but never the other way round. The server ends a message at the
//! first error, with the answers before it sent. A history without a table, which only the probe can tell, is such an error: then
//! there is something to apply, and nothing else is needed yet. What is not answered is asked by itself, where it is needed.
//!
//! Required tables have no statement of their own where the catalog is read, which shows them too.

use std::cell::Cell;
use std::ops::Range;

use crate::base::fault::{Class, Fault};
use crate::catalog::{Access, Catalog};
use crate::engines::ahead::{Answers, HistoryQuery};
use crate::engines::engine::{CatalogReader as _, Engine as _, Found, ProbeRequest, Query, Scope};
use crate::engines::postgres::catalog::Postgres;
use crate::engines::postgres::introspect::{self, PostgresReader};
use crate::engines::postgres::queries::{self, WORDED};
use crate::engines::postgres::session::Session;
use crate::engines::postgres::{SQL, copy_text};
use crate::sql::{Row, TableName};

/// How long what is read ahead waits for a lock: another process may be migrating, and that is to be found out by the migration lock.
const PATIENCE: &str = "SET LOCAL lock_timeout = 100; ";

/// How much of a history is read ahead, in bytes. A larger one is asked for by itself.
const MOST: usize = 32 * 1024 * 1024;

/// The statements of the message, and their rows so far.
struct Opening {
    probe: Vec<Row>,
    /// The tables that are required.
    required: Vec<TableName>,
    tables: Option<Tables>,
    catalog: Option<AheadCatalog>,
    history: Option<AheadHistory>,
}

struct AheadHistory {
    statement: usize,
    /// Its rows are lines of a COPY.
    is_copied: bool,
    rows: Vec<Row>,
    /// In bytes.
    size: usize,
}

/// The question for required tables.
struct Tables {
    statement: usize,
    query: Query<Option<Vec<Found>>>,
    rows: Vec<Row>,
}

struct AheadCatalog {
    statements: Range<usize>,
    reader: Box<PostgresReader>,
    /// A row had an unexpected form.
    is_spoiled: bool,
}

/// Asks in one message, and in a second one where the catalog left something open. `has_probed` is set once rows arrive, the first of
/// which are the probe's: a catalog may take longer than a connection.
///
/// # Errors
/// Those of the probe, and of a connection that is lost.
pub(crate) async fn ask(
    session: &mut Session,
    request: &ProbeRequest,
    has_probed: &Cell<bool>,
) -> Result<(Vec<Row>, Answers), Fault> {
    let (sql, mut opening) = Opening::of(request);
    let mut take = |statement: usize, row: &[Option<&str>]| {
        has_probed.set(true);
        opening.row(statement, row);
    };
    let (completed, error) = session.exchange_rows(sql, &mut take).await?;
    if completed == 0 {
        return Err(error.unwrap_or_else(|| Fault::new(Class::Statement, "the probe returned no answer")));
    }
    if let Some(catalog) = &mut opening.catalog
        && completed >= catalog.statements.end
        && let Some(sql) = catalog.reader.next_message()
    {
        let mut take = |statement: usize, row: &[Option<&str>]| {
            // The first statement is the limit's.
            let row = statement.checked_sub(1).and_then(|statement| catalog.reader.row(statement, row));
            catalog.is_spoiled |= row.is_none();
        };
        let (_, error) = session.exchange_rows(PATIENCE.to_owned() + &sql, &mut take).await?;
        catalog.is_spoiled |= error.is_some();
    }
    Ok(opening.finish(completed))
}

impl Opening {
    /// The message for a request.
    fn of(request: &ProbeRequest) -> (String, Self) {
        let ahead = &request.ahead;
        let mut sql = Postgres.probe(request).sql.unwrap_or_default() + "; " + PATIENCE;
        let required = ahead.tables.clone();
        let mut opening = Self { probe: Vec::new(), required, tables: None, catalog: None, history: None };
        let mut statements = 2;
        if ahead.history.is_some() || ahead.schemas.is_some() {
            sql.push_str(WORDED);
            statements += queries::pins();
        }
        if let Some(history) = &ahead.history {
            sql = sql + &history_text(history) + "; ";
            let is_copied = history.stored.is_some();
            opening.history = Some(AheadHistory { statement: statements, is_copied, rows: Vec::new(), size: 0 });
            statements += 1;
        }
        if !ahead.tables.is_empty() && ahead.schemas.is_none() {
            let query = tables_query(&ahead.tables, ahead.role.as_deref());
            sql = sql + query.sql.as_deref().unwrap_or_default() + "; ";
            opening.tables = Some(Tables { statement: statements, query, rows: Vec::new() });
            statements += 1;
        }
        if let Some(schemas) = &ahead.schemas {
            let scope = Scope { schemas, role: ahead.role.as_deref() };
            let (catalog, reader) = PostgresReader::after_pins(&scope, ahead.types);
            sql.push_str(&catalog);
            let range = statements..statements + reader.statements();
            opening.catalog = Some(AheadCatalog { statements: range, reader: Box::new(reader), is_spoiled: false });
        }
        (sql, opening)
    }

    fn row(&mut self, statement: usize, row: &[Option<&str>]) {
        match self {
            Self { probe, .. } if statement == 0 => probe.push(owned(row)),
            Self { tables: Some(tables), .. } if statement == tables.statement => tables.rows.push(owned(row)),
            Self { catalog: Some(catalog), .. } if catalog.statements.contains(&statement) => {
                catalog.is_spoiled |= catalog.reader.row(statement - catalog.statements.start, row).is_none();
            }
            Self { history: Some(history), .. } if statement == history.statement => history.row(row),
            _ => {}
        }
    }

    /// The rows of the probe, and the answers of the statements that were completed.
    fn finish(self, completed: usize) -> (Vec<Row>, Answers) {
        let tables = self.tables.filter(|tables| completed > tables.statement);
        let catalog = self.catalog.filter(|catalog| completed >= catalog.statements.end && !catalog.is_spoiled);
        let history = self.history.filter(|history| completed > history.statement && history.size <= MOST);
        let catalog = catalog.map(|catalog| catalog.reader.finish());
        let in_catalog = || {
            let home = queries::current_schema(self.probe.first()?)?;
            usable_in(catalog.as_ref()?, &self.required, home)
        };
        let answers = Answers {
            tables: tables.and_then(|tables| tables.query.read(tables.rows).ok().flatten()).or_else(in_catalog),
            catalog,
            history: history.map(|history| history.rows),
        };
        (self.probe, answers)
    }
}

impl AheadHistory {
    fn row(&mut self, row: &[Option<&str>]) {
        self.size += row.iter().flatten().map(|value| value.len()).sum::<usize>();
        if self.size > MOST {
            return;
        }
        self.rows.push(match row {
            [Some(line)] if self.is_copied => copy_text::columns(line, owned),
            row => owned(row),
        });
    }
}

fn owned(row: &[Option<&str>]) -> Row {
    row.iter().map(|value| value.map(str::to_owned)).collect()
}

/// The statement that reads a history: without a plan, where no query is needed (0.17 of 1.1 ms of a fresh backend's time for 100 rows). A
/// COPY refuses a view and a partitioned table; then the history is asked for by itself.
fn history_text(history: &HistoryQuery) -> String {
    match &history.stored {
        Some((table, columns)) => copy_text::statement(&SQL.table(table), &columns.join(", ")),
        None => history.sql.clone(),
    }
}

/// The answer for tables all of which the catalog shows, and the role can use. One that is not there may be in another schema of the
/// search path, a partition, or one of those that a catalog leaves out. `home` is the first schema of the search path.
fn usable_in(catalog: &Catalog, tables: &[TableName], home: &str) -> Option<Vec<Found>> {
    let is_usable = |table: &TableName| {
        let wanted = (table.schema.as_deref().unwrap_or(home), table.name.as_str());
        // Both are in the order of names.
        let mut relations = [&catalog.tables, &catalog.view_columns].into_iter().filter_map(|relations| {
            let place = relations.binary_search_by(|it| (&*it.name.schema, &*it.name.name).cmp(&wanted)).ok()?;
            Some(&relations[place])
        });
        relations.next().is_some_and(|relation| relation.access == Access::Granted)
    };
    (!tables.is_empty() && tables.iter().all(is_usable)).then(|| vec![Found::Usable; tables.len()])
}

/// Whether the tables are there. For the session's own role the cheap question, which has an answer only where all of them can be
/// used.
fn tables_query(tables: &[TableName], role: Option<&str>) -> Query<Option<Vec<Found>>> {
    if role.is_none() && tables.iter().all(introspect::is_plain) {
        let count = tables.len();
        return Query::new(introspect::usable(tables), move |rows| {
            let are_usable = rows.len() == count && rows.iter().all(introspect::is_usable);
            Ok(are_usable.then(|| vec![Found::Usable; count]))
        });
    }
    let full = Postgres.find_tables(tables, role);
    Query::new(full.sql.clone().unwrap_or_default(), move |rows| full.read(rows).map(Some))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Name, Table};
    use crate::engines::ahead::Ahead;

    fn history(sql: &str) -> HistoryQuery {
        HistoryQuery { sql: sql.to_owned(), stored: None }
    }

    #[test]
    fn the_history_comes_before_what_it_tells_of() {
        let ahead = Ahead {
            tables: vec!["users".parse().unwrap()],
            schemas: Some(vec!["public".to_owned()]),
            history: Some(history("SELECT id FROM history")),
            ..Ahead::default()
        };
        let request = ProbeRequest { ahead, ..ProbeRequest::default() };
        let (sql, opening) = Opening::of(&request);
        let at = |text: &str| sql.find(text).unwrap();
        let order = ["transaction_read_only", "lock_timeout", "datestyle", "FROM history", "FROM pg_catalog.pg_class"];
        assert!(order.map(at).is_sorted(), "{sql}");
        assert_eq!(sql.matches("SET LOCAL datestyle").count(), 1);
        // The numbers of the statements are those of the text.
        let number = |text: &str| sql[..at(text)].matches("; ").count();
        assert_eq!(opening.history.as_ref().unwrap().statement, number("FROM history"));
        assert!(opening.tables.is_none() && !sql.contains("to_regclass"), "the catalog shows them: {sql}");
        let catalog = opening.catalog.as_ref().unwrap().statements.clone();
        assert_eq!(catalog, number("COPY pg_catalog.pg_namespace")..sql.matches("; ").count());
    }

    #[test]
    fn required_tables_follow_the_history_where_no_catalog_is_read() {
        let ahead = Ahead {
            tables: vec!["users".parse().unwrap()],
            history: Some(history("SELECT id FROM history")),
            ..Ahead::default()
        };
        let (sql, opening) = Opening::of(&ProbeRequest { ahead, ..ProbeRequest::default() });
        let number = |text: &str| sql[..sql.find(text).unwrap()].matches("; ").count();
        assert_eq!(opening.tables.unwrap().statement, number("to_regclass"));
        assert!(number("FROM history") < number("to_regclass"), "{sql}");
    }

    #[test]
    fn a_catalog_shows_required_tables_that_can_be_used() {
        let table = |schema: &str, name: &str, access| Table {
            name: Name { schema: schema.into(), name: name.into() },
            access,
            ..Table::default()
        };
        let catalog = Catalog {
            tables: vec![
                table("app", "hidden", Access::Nothing),
                table("app", "orders", Access::Granted),
                table("app", "users", Access::Granted),
            ],
            view_columns: vec![table("app", "recent", Access::Granted)],
            ..Catalog::default()
        };
        let usable = |names: &[&str]| {
            let tables: Vec<TableName> = names.iter().map(|name| name.parse().unwrap()).collect();
            usable_in(&catalog, &tables, "app").map(|found| found.len())
        };
        assert_eq!(usable(&["users", "app.orders", "recent"]), Some(3));
        for unknown in [&["users", "gone"][..], &["hidden"], &["public.users"], &[]] {
            assert_eq!(usable(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn what_is_not_completed_is_not_answered() {
        let ahead = Ahead { history: Some(history("SELECT 1")), ..Ahead::default() };
        let request = ProbeRequest { ahead, ..ProbeRequest::default() };
        let place = 2 + queries::pins();
        for (completed, is_known) in [(1, false), (place, false), (place + 1, true)] {
            let (_, mut opening) = Opening::of(&request);
            opening.row(0, &[Some("t")]);
            opening.row(place, &[Some("1")]);
            let (probe, answers) = opening.finish(completed);
            assert_eq!((probe.len(), answers.history.is_some()), (1, is_known), "{completed}");
        }
    }

    #[test]
    fn a_history_of_stored_columns_is_copied() {
        let columns: &[&str] = &["id", "logs"];
        let stored = Some((TableName { schema: Some("App".into()), name: "history".into() }, columns));
        let ahead = Ahead { history: Some(HistoryQuery { stored, ..history("SELECT 1") }), ..Ahead::default() };
        let (sql, mut opening) = Opening::of(&ProbeRequest { ahead, ..ProbeRequest::default() });
        assert!(sql.contains("; COPY \"App\".\"history\" (id, logs) TO STDOUT; "), "{sql}");
        let place = 2 + queries::pins();
        opening.row(place, &[Some("1\ta\\tb\n")]);
        opening.row(place, &[Some("2\t\\N\n")]);
        let rows = opening.finish(place + 1).1.history.unwrap();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(rows, [vec![some("1"), some("a\tb")], vec![some("2"), None]]);
    }
}
