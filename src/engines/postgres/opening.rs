//! The opening message: the probe, and in the same round trip what the start will most likely ask next.
//!
//! The order is that of the risk: the server answers the statements one by one and ends the message at the first error, with
//! the answers before it sent. What is not answered is asked by itself, where it is needed. So the history comes last: only the
//! probe knows whether there is its table.

use std::cell::Cell;
use std::ops::Range;

use crate::base::fault::{Class, Fault};
use crate::engines::engine::{Answers, CatalogReader as _, Engine as _, Found, ProbeRequest, Query, Scope};
use crate::engines::postgres::catalog::Postgres;
use crate::engines::postgres::introspect::{self, PostgresReader};
use crate::engines::postgres::queries::PINNED;
use crate::engines::postgres::session::Session;
use crate::sql::{Row, TableName};

/// How much of a history is taken ahead, in bytes; of a larger one is told by the query of its own.
const MOST: usize = 32 * 1024 * 1024;

/// The statements of the message, and their rows so far.
struct Opening {
    probe: Vec<Row>,
    tables: Option<Tables>,
    catalog: Option<AheadCatalog>,
    /// The number of its statement, its rows and their size.
    history: Option<(usize, Vec<Row>, usize)>,
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

/// Asks in one message, and in a second one where the catalog left something open. `has_probed` is set once the probe is answered: a
/// catalog may take longer than a connection.
///
/// # Errors
/// Those of the probe.
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
            catalog.is_spoiled |= catalog.reader.row(statement, row).is_none();
        };
        let (_, error) = session.exchange_rows(sql, &mut take).await?;
        catalog.is_spoiled |= error.is_some();
    }
    Ok(opening.finish(completed))
}

impl Opening {
    /// The message for a request.
    fn of(request: &ProbeRequest) -> (String, Self) {
        let ahead = &request.ahead;
        let mut sql = Postgres.probe(request).sql.unwrap_or_default();
        let mut opening = Self { probe: Vec::new(), tables: None, catalog: None, history: None };
        let mut statements = 1;
        if !ahead.tables.is_empty() {
            let query = tables_query(&ahead.tables, ahead.role.as_deref());
            sql = format!("{sql}; {}", query.sql.as_deref().unwrap_or_default());
            opening.tables = Some(Tables { statement: statements, query, rows: Vec::new() });
            statements += 1;
        }
        let pinned = PINNED.matches(';').count();
        if let Some(schemas) = &ahead.schemas {
            let scope = Scope { schemas, role: ahead.role.as_deref() };
            let (catalog, reader) = PostgresReader::of(&scope);
            let range = statements..statements + reader.statements();
            (statements, sql) = (range.end, format!("{sql}; {catalog}"));
            opening.catalog = Some(AheadCatalog { statements: range, reader: Box::new(reader), is_spoiled: false });
        } else if ahead.history.is_some() {
            (statements, sql) = (statements + pinned, format!("{sql}; {PINNED}"));
        }
        if let Some(history) = &ahead.history {
            sql.push_str(history);
            opening.history = Some((statements, Vec::new(), 0));
        }
        (sql, opening)
    }

    fn row(&mut self, statement: usize, row: &[Option<&str>]) {
        let owned = || row.iter().map(|value| value.map(str::to_owned)).collect();
        match self {
            Self { probe, .. } if statement == 0 => probe.push(owned()),
            Self { tables: Some(tables), .. } if statement == tables.statement => tables.rows.push(owned()),
            Self { catalog: Some(catalog), .. } if catalog.statements.contains(&statement) => {
                catalog.is_spoiled |= catalog.reader.row(statement - catalog.statements.start, row).is_none();
            }
            Self { history: Some((place, rows, size)), .. } if statement == *place => {
                *size += row.iter().flatten().map(|value| value.len()).sum::<usize>();
                if *size <= MOST {
                    rows.push(owned());
                }
            }
            _ => {}
        }
    }

    /// The rows of the probe, and the answers of the statements that were completed.
    fn finish(self, completed: usize) -> (Vec<Row>, Answers) {
        let tables = self.tables.filter(|tables| completed > tables.statement);
        let catalog = self.catalog.filter(|catalog| completed >= catalog.statements.end && !catalog.is_spoiled);
        let history = self.history.filter(|(place, _, size)| completed > *place && *size <= MOST);
        let answers = Answers {
            tables: tables.and_then(|tables| tables.query.read(tables.rows).ok().flatten()),
            catalog: catalog.map(|catalog| catalog.reader.finish()),
            history: history.map(|(_, rows, _)| rows),
        };
        (self.probe, answers)
    }
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
