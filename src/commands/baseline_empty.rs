//! `baseline --empty`: begins a history in a database that has tables of others, once it is proved that nothing of what
//! the folder creates exists. The next start applies the folder.

use std::fmt;

use serde::Serialize;

use crate::base::error::Error;
use crate::engines::session::{ObjectState, Session};
use crate::formats::migration::Migration;
use crate::migrate::claims::{Claims, claims};
use crate::migrate::history::History;
use crate::sql::ObjectRef;
use crate::startup::start::Start;

/// What was done, for `--format json`.
#[derive(Debug, Serialize)]
pub(crate) struct Begun {
    /// The history table, which is empty.
    history: String,
    /// Number of objects of which none exists.
    objects: usize,
    /// The migrations that the next start applies.
    pending: Vec<String>,
}

impl fmt::Display for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { history, objects, pending } = self;
        let count = pending.len();
        writeln!(f, "{history} is empty: of {objects} objects that the folder creates, none exists")?;
        writeln!(f, "the next start applies {count} migration{}", if count == 1 { "" } else { "s" })
    }
}

/// Which of the objects that a folder creates exist.
pub(crate) struct Found<'a> {
    claims: Claims,
    migrations: &'a [Migration],
    existing: Vec<(usize, ObjectRef)>,
}

impl<'a> Found<'a> {
    /// Looks for each object.
    ///
    /// # Errors
    /// [`Error::History`] for a file that cannot be read, [`Error::Statement`] where the catalog cannot be.
    pub(crate) async fn look(history: &'a History, session: &mut dyn Session) -> Result<Self, Error> {
        let migrations = &history.migrations;
        if let Some(why) = migrations.iter().find_map(|migration| migration.unreadable.as_ref()) {
            return Err(Error::History(why.to_string()));
        }
        let claims = claims(&migrations.iter().collect::<Vec<_>>());
        let objects: Vec<ObjectRef> = claims.objects.iter().map(|(_, object)| object.clone()).collect();
        let states = session.object_states(&objects, None).await;
        let states = states.map_err(Error::statement("look for what the migrations create"))?;
        let existing = claims.objects.iter().zip(states).filter(|(_, state)| *state != ObjectState::Absent);
        let existing = existing.map(|(object, _)| object.clone()).collect();
        Ok(Self { claims, migrations, existing })
    }

    /// Some object is looked for, and none of them exists.
    pub(crate) fn is_none(&self) -> bool {
        self.existing.is_empty() && !self.claims.objects.is_empty()
    }

    /// Refuses what contradicts or prevents the proof.
    ///
    /// # Errors
    /// [`Error::History`].
    fn prove(&self) -> Result<(), Error> {
        let path = |of: usize| self.migrations[of].path.display();
        if let Some((of, object)) = self.existing.first() {
            let more = match self.existing.len() {
                1 => String::new(),
                count => format!(" and {} more", count - 1),
            };
            return Err(Error::History(format!(
                "{object}, which {} creates, exists{more}: this database is not without the folder's objects\n\
                 next: if they are the folder's, adopt them: doorstep baseline (up to a migration: --through NAME); \
                 if they are of others, give this folder a schema of its own (?schema=NAME in the URL)",
                path(*of)
            )));
        }
        if let Some((of, line)) = self.claims.untold.first() {
            let more = match self.claims.untold.len() {
                1 => String::new(),
                count => format!(" (and of {} more statements)", count - 1),
            };
            return Err(Error::History(format!(
                "whether the statement at {}:{line} has run cannot be told{more}: it leaves no object that could be \
                 looked for, so that nothing proves that this database is without the folder's objects\n\
                 next: give this folder a schema of its own (?schema=NAME in the URL, then doorstep migrate), \
                 or a database of its own",
                path(*of)
            )));
        }
        Ok(())
    }
}

/// Proves that nothing of the folder exists, and creates the history table; the lock must be held.
///
/// # Errors
/// [`Error::History`] where there is a history already, or where the proof fails. Nothing is written then.
pub(crate) async fn begin(start: &mut Start<'_>) -> Result<Begun, Error> {
    let Start { setup, session, probe, history: Some(history), .. } = start else {
        return Err(start.setup.no_folder());
    };
    let session = session.as_mut();
    // Tables of others matter only to the start; a history elsewhere matters here too.
    history.strangers(session, probe, &setup.territory).await?;
    let found = Found::look(history, session).await?;
    found.prove()?;
    if probe.current_schema.is_none() && setup.dialect.rules().has_schemas {
        return Err(Error::History(format!(
            "the schema {} does not exist, so no table of others is in it\nnext: doorstep migrate creates and fills it",
            setup.home(probe)
        )));
    }
    let table = history.ensure_table(session, probe).await?;
    let pending = history.pending().map(|(migration, _)| migration.name.clone()).collect();
    Ok(Begun { history: table.to_string(), objects: found.claims.objects.len(), pending })
}
