//! The histories of many schemas, read in few messages: which schemas have one, then the rows of a hundred at a time.

use std::collections::HashMap;

use crate::base::error::Error;
use crate::base::fault::{Class, Fault};
use crate::base::log::within;
use crate::engines::session::{Probe, Session};
use crate::migrate::history::History;
use crate::migrate::plan::{Entry, State, Verdict};
use crate::sql::{Row, TableName};
use crate::startup::setup::Setup;

/// How many histories are read in one message.
pub(crate) const BATCH: usize = 100;

/// How much is asked of each schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Whether there is something to do.
    Work,
    /// Also which migrations are not applied, and what is known of those that were interrupted.
    Entries,
}

/// What a schema was found to be.
pub(crate) struct Standing {
    /// Its name.
    pub(crate) schema: String,
    /// What its history says, or why it cannot be read.
    pub(crate) state: Result<Reading, Error>,
}

/// What the history of one schema says.
pub(crate) struct Reading {
    /// A start has something to create or to apply, or an obstacle to report.
    pub(crate) has_work: bool,
    pub(crate) verdict: Verdict,
    /// How many migrations are applied.
    pub(crate) applied: usize,
    /// Those that are not, and those that were edited since; empty unless they were asked for.
    pub(crate) open: Vec<Entry>,
}

/// What is known of one schema before its history is compared with the folder.
pub(crate) struct Place {
    /// What the probe of a session in this schema would find.
    pub(crate) probe: Probe,
    /// The rows of its history; `None` where they have to be asked for.
    pub(crate) rows: Option<Vec<Row>>,
}

/// Finds out about all of these schemas. Two round trips, and one more for each hundred histories.
///
/// # Errors
/// Faults of the session; those of one schema are its state.
pub(crate) async fn survey(
    (setup, probe): (&Setup, &Probe),
    session: &mut dyn Session,
    mut history: Option<&mut History>,
    names: &[String],
    detail: Detail,
) -> Result<Vec<Standing>, Error> {
    let mut standings = Vec::with_capacity(names.len());
    let reads = history.is_some();
    for batch in names.chunks(BATCH) {
        for (schema, place) in batch.iter().zip(places((setup, probe), session, batch, reads).await?) {
            let read = async {
                let path = &setup.settings.tenancy.path;
                session.enter_schema(schema, path).await.map_err(Error::statement("enter a schema"))?;
                match history.as_deref_mut() {
                    Some(history) => reading(session, (setup, schema), history, place, detail).await,
                    None => Ok(without_folder(&place.probe)),
                }
            };
            let state = within(schema, read).await;
            match state {
                Err(Error::Statement { fault, doing, remedy }) if is_of_session(&fault) => {
                    return Err(Error::Statement { doing, fault, remedy });
                }
                state => standings.push(Standing { schema: schema.clone(), state }),
            }
        }
    }
    Ok(standings)
}

/// What holds for any session of the same role on the same database; the rest is not known.
pub(super) fn of_server(probe: &Probe) -> Probe {
    let (server, database, role) = (probe.server.clone(), probe.database.clone(), probe.role.clone());
    Probe { server, database, role, ..Probe::default() }
}

/// Whether each of these schemas exists, and with `reads` the rows of its history: two round trips.
///
/// # Errors
/// Faults of the session.
pub(crate) async fn places(
    (setup, probe): (&Setup, &Probe),
    session: &mut dyn Session,
    names: &[String],
    reads: bool,
) -> Result<Vec<Place>, Error> {
    let folder = setup.folder.filter(|_| reads);
    let table = folder.map(|folder| folder.format.ledger.table_on(setup.dialect));
    let found = session.tables_by_schema(names, table.unwrap_or_default()).await;
    let found = found.map_err(Error::statement("look for the schemas and their histories"))?;
    let found: HashMap<String, bool> = found.into_iter().collect();
    let place = |schema: &String| {
        let has_history = found.get(schema).copied();
        let history = table.filter(|_| has_history == Some(true));
        let history = history.map(|table| TableName { schema: Some(schema.clone()), name: table.to_owned() });
        let missing_schemas = if has_history.is_none() { vec![schema.clone()] } else { Vec::new() };
        let current_schema = has_history.map(|_| schema.clone());
        let probe = Probe { missing_schemas, history, current_schema, ..of_server(probe) };
        Place { probe, rows: None }
    };
    let mut places: Vec<Place> = names.iter().map(place).collect();
    if let Some(folder) = folder {
        let tables: Vec<(usize, &TableName)> =
            places.iter().enumerate().filter_map(|(at, place)| Some((at, place.probe.history.as_ref()?))).collect();
        let selects = tables.iter().map(|(_, table)| folder.format.ledger.select(setup.dialect, table));
        let rows = read_all(session, selects.collect()).await?;
        let places_of: Vec<usize> = tables.iter().map(|(at, _)| *at).collect();
        for (at, rows) in places_of.into_iter().zip(rows) {
            places[at].rows = Some(rows);
        }
    }
    Ok(places)
}

/// The rows of each query, in one message; none where one of them is refused: then each is asked by itself, where it is needed.
async fn read_all(session: &mut dyn Session, queries: Vec<String>) -> Result<Vec<Vec<Row>>, Error> {
    if queries.is_empty() {
        return Ok(Vec::new());
    }
    let pinned = session.engine().pinned();
    let before = pinned.matches(';').count();
    let mut answers = vec![Vec::new(); queries.len()];
    let mut take = |statement: usize, row: &[Option<&str>]| {
        let answer = statement.checked_sub(before).and_then(|at| answers.get_mut(at));
        answer
            .into_iter()
            .for_each(|rows: &mut Vec<Row>| rows.push(row.iter().map(|it| it.map(str::to_owned)).collect()));
        Ok(())
    };
    match session.each_row(format!("{pinned}{}", queries.join("; ")), &mut take).await {
        Ok(()) => Ok(answers),
        Err(fault) if is_of_session(&fault) => Err(Error::statement("read the histories")(fault)),
        Err(_) => Ok(Vec::new()),
    }
}

/// Compares one history with the folder. No round trip, unless something is unfinished.
async fn reading(
    session: &mut dyn Session,
    (setup, schema): (&Setup, &str),
    history: &mut History,
    Place { probe, rows }: Place,
    detail: Detail,
) -> Result<Reading, Error> {
    history.read(session, &probe, rows).await?;
    if detail == Detail::Entries {
        let keys = setup.for_tenant(schema).history_keys(&probe);
        history.mark_running(session, &keys).await;
        history.explain(session).await?;
    }
    let is_applied = |entry: &&Entry| matches!(entry.state, State::Applied | State::Edited);
    let applied = history.entries.iter().filter(is_applied).count();
    let is_open = |entry: &&Entry| entry.state != State::Applied;
    let open = match detail {
        Detail::Work => Vec::new(),
        Detail::Entries => history.entries.iter().filter(is_open).cloned().collect(),
    };
    let has_work = !probe.missing_schemas.is_empty() || history.has_work() || history.forbidden().is_some();
    if !has_work {
        history.log_oddities();
    }
    let verdict = match history.verdict() {
        // A folder without migrations has nothing to apply, and its schema is to be created all the same.
        Verdict::Current if !probe.missing_schemas.is_empty() => Verdict::Behind,
        verdict => verdict,
    };
    Ok(Reading { has_work, verdict, applied, open })
}

/// Without a folder, a schema is only to be created.
fn without_folder(probe: &Probe) -> Reading {
    let has_work = !probe.missing_schemas.is_empty();
    let verdict = if has_work { Verdict::Behind } else { Verdict::Current };
    Reading { has_work, verdict, applied: 0, open: Vec::new() }
}

/// Whether a fault is the session's, rather than one schema's.
pub(crate) fn is_of_session(fault: &Fault) -> bool {
    fault.class.is_transient() && fault.class != Class::Held
}
