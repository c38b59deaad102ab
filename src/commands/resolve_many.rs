//! `resolve --rolled-back` of many schemas: in each whose history has the migration as begun and not done.

use std::fmt;

use serde::Serialize;

use crate::base::error::Error;
use crate::base::log::{LogFormat, within};
use crate::commands::invocation::{Invocation, Next};
use crate::commands::output;
use crate::commands::resolve::rolled_back;
use crate::config::SchemasFrom;
use crate::engines::session::{Probe, Session};
use crate::formats::migration::Record;
use crate::migrate::history::History;
use crate::migrate::lock;
use crate::startup::setup::Setup;
use crate::startup::start::Start;
use crate::startup::tenants::names::find;
use crate::startup::tenants::schemas_text;
use crate::startup::tenants::survey::{BATCH, places};

/// What was done, for `--format json`.
#[derive(Debug, Serialize)]
struct Marked {
    name: String,
    state: &'static str,
    changed: bool,
    /// The schemas in whose histories it was recorded.
    schemas: Vec<String>,
}

impl fmt::Display for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for schema in &self.schemas {
            writeln!(f, "{schema}: {} is recorded as rolled back", self.name)?;
        }
        writeln!(f, "{}", schemas_text(self.schemas.len()))
    }
}

/// Writes the mark in each schema under its lock.
///
/// # Errors
/// [`Error::History`] where no history has such a row; the first error of a schema.
pub(super) fn run(
    name: &str,
    format: LogFormat,
    invocation: &Invocation<'_>,
    (setup, from): (&Setup, &SchemasFrom),
) -> Result<Next, Error> {
    let folder = crate::commands::resolve::read_folder_of_rollback(setup);
    let schemas = invocation.in_session(setup, false, folder, async |start| mark_all(start, from, name).await)?;
    if schemas.is_empty() {
        return Err(Error::History(format!(
            "no history has a row of the migration {name} that was begun and is not done, so nothing was changed\n\
             next: doorstep status shows which migrations failed"
        )));
    }
    let marked = Marked { name: name.to_owned(), state: "rolled_back", changed: true, schemas };
    output::show(&marked, format)?;
    Ok(Next::Done)
}

/// The schemas in which it was recorded.
async fn mark_all(start: &mut Start<'_>, from: &SchemasFrom, name: &str) -> Result<Vec<String>, Error> {
    let setup = start.setup;
    let Some(mut history) = start.history.take() else { return Err(setup.no_folder()) };
    history.writer()?;
    let session = start.session.as_mut();
    let mut marked = Vec::new();
    for names in find(session, from).await?.chunks(BATCH) {
        let places = places((setup, &start.probe), session, names, true).await?;
        for (schema, place) in names.iter().zip(places) {
            session
                .enter_schema(schema, &setup.settings.tenancy.path)
                .await
                .map_err(Error::statement("enter a schema"))?;
            let one = async {
                history.read(session, &place.probe, place.rows).await?;
                match is_open(&history, name) {
                    true => mark(session, (setup, schema), (&mut history, &place.probe), name).await,
                    false => Ok(false),
                }
            };
            if within(schema, one).await? {
                marked.push(schema.clone());
            }
        }
    }
    Ok(marked)
}

/// Writes it under the lock, if the history is still the same.
async fn mark(
    session: &mut dyn Session,
    (setup, schema): (&Setup, &str),
    (history, probe): (&mut History, &Probe),
    name: &str,
) -> Result<bool, Error> {
    let setup = setup.for_tenant(schema);
    lock::acquire(session, &setup.lock_keys(probe), setup.settings.lock_timeout).await?;
    let probe = session.probe(&setup.probe_request()).await.map_err(Error::statement("look at the database"))?;
    history.read(session, &probe, None).await?;
    if !is_open(history, name) {
        return Ok(false);
    }
    rolled_back(history, session, &probe, name).await.map(|marked| marked.changed)
}

/// Whether the history has a row of the migration that was begun and is not done.
fn is_open(history: &History, name: &str) -> bool {
    history.records.iter().map(AsRef::as_ref).any(|record: &Record| record.name == name && record.is_unfinished())
}
