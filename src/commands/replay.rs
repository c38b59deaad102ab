//! `replay`: the whole folder on a throwaway database. Finds the migration that cannot run from scratch (Prisma's
//! P3006), before it meets an empty volume or a colleague's machine.

use std::fmt;

use serde::Serialize;

use crate::base::error::Error;
use crate::migrate::history::History;
use crate::sql::script;

/// How it went, for `--format json`.
#[derive(Debug, Serialize)]
pub(crate) struct Replayed {
    /// The folder runs from scratch, and what the service needs is there afterwards.
    pub ok: bool,
    /// How many migrations were applied, if all were.
    pub applied: Option<usize>,
    /// Why not.
    pub message: Option<String>,
}

impl Replayed {
    /// Of the outcome of a start on the throwaway database.
    #[must_use]
    pub(crate) fn of(outcome: &Result<usize, Error>) -> Self {
        let message = outcome.as_ref().err().map(ToString::to_string);
        Self { ok: outcome.is_ok(), applied: outcome.as_ref().ok().copied(), message }
    }
}

impl fmt::Display for Replayed {
    /// A failure is told on stderr, as every error is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.applied {
            Some(applied) => writeln!(f, "the folder runs from scratch: {applied} migrations"),
            None => Ok(()),
        }
    }
}

/// Roles, databases and the server's settings are shared by all of its databases: a throwaway one keeps nobody
/// safe from a script that changes them.
///
/// # Errors
/// [`Error::History`] that names the first such statement.
pub(crate) fn refuse_what_reaches_outside(history: &History) -> Result<(), Error> {
    let outside = history.migrations.iter().find_map(|migration| {
        let statements = script::statements(migration.sql(), history.dialect);
        let reaching = statements.iter().find(|statement| statement.reaches_outside())?;
        Some(format!("{}: {}", migration.path.display(), script::summary(reaching.text, history.dialect)))
    });
    match outside {
        None => Ok(()),
        Some(outside) => Err(Error::History(format!(
            "the folder cannot be replayed beside the real database: a statement changes what all databases of the \
             server share\n  {outside}\n\
             next: replay on a server of its own, or create roles and databases outside the migrations"
        ))),
    }
}
