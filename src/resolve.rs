//! `resolve`: repairs the history by name, one migration at a time. Runs none of its SQL.

use std::fmt;

use serde::Serialize;

use crate::engine::{Session, Survey, Trace};
use crate::error::Error;
use crate::format::Outcome;
use crate::history::History;
use crate::migration::{Migration, Record, Writer, nearest};
use crate::script;

/// What somebody says about a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// All of it is there: it is never to run.
    Applied(String),
    /// None of it is there: it is to run again.
    RolledBack(String),
}

/// What was done, for `--format json`.
#[derive(Debug, Serialize)]
pub struct Marked {
    /// The migration.
    pub name: String,
    /// `applied` or `rolled_back`.
    pub state: &'static str,
    /// False when the history said so already.
    pub changed: bool,
}

impl fmt::Display for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, state) = (&self.name, self.state.replace('_', " "));
        match self.changed {
            true => writeln!(f, "{name} is recorded as {state}"),
            false => writeln!(f, "{name} was recorded as {state} already"),
        }
    }
}

/// Writes the mark; the lock must be held. The rules are those of `prisma migrate resolve`.
///
/// # Errors
/// [`Error::History`] where the mark contradicts the history or the folder, [`Error::Statement`] where it
/// cannot be written.
pub async fn mark(history: &History, session: &mut dyn Session, survey: &Survey, mark: &Mark) -> Result<Marked, Error> {
    match mark {
        Mark::Applied(name) => applied(history, session, survey, name).await,
        Mark::RolledBack(name) => rolled_back(history, session, name).await,
    }
}

async fn applied(history: &History, session: &mut dyn Session, survey: &Survey, name: &str) -> Result<Marked, Error> {
    let migration = history.migration(name)?;
    if let Some(why) = &migration.unreadable {
        return Err(Error::History(why.clone()));
    }
    // As Prisma has it (P3008), even a row that is rolled back as well.
    if history.records.iter().any(|record| record.name == name && record.finished_at.is_some()) {
        return Err(Error::History(format!("the migration {name} is recorded as applied already")));
    }
    let table = history.ensure_table(session, survey, None).await?;
    let (format, dialect) = (history.scripts()?, history.dialect);
    let unfinished = history.records.iter().filter(|record| record.name == name && record.is_unfinished());
    let mut statements: Vec<String> =
        unfinished.map(|record| format.end(dialect, &table, &record.id, &Outcome::GivenUp)).collect();
    statements.push(format.adopt(dialect, &table, &format.new_id(Writer::Resolve), migration));
    let doing = Error::statement(format!("record that {name} is applied"));
    session.execute(statements.join("; ")).await.map_err(doing)?;
    warn_of_what_is_missing(history, session, migration).await;
    Ok(Marked { name: name.to_owned(), state: "applied", changed: true })
}

/// Nothing will ever create it any more: the risk of this mark.
async fn warn_of_what_is_missing(history: &History, session: &mut dyn Session, migration: &Migration) {
    let statements = script::statements(migration.sql(), history.dialect);
    let created = script::created(&statements, history.dialect);
    let objects: Vec<script::Object> = created.into_iter().map(|(object, _)| object).collect();
    let Ok(traces) = session.traces(&objects, None).await else { return };
    let missing = objects.iter().zip(&traces).filter(|(_, trace)| matches!(trace, Trace::Absent | Trace::Invalid));
    let missing: Vec<String> = missing.map(|(object, _)| object.to_string()).collect();
    if !missing.is_empty() {
        tracing::warn!(
            phase = "resolve",
            event = "missing",
            "{} is recorded as applied, but these do not exist (or are INVALID), and no migration will create them now: {}",
            migration.name,
            missing.join(", ")
        );
    }
}

async fn rolled_back(history: &History, session: &mut dyn Session, name: &str) -> Result<Marked, Error> {
    let rows: Vec<&Record> = history.records.iter().filter(|record| record.name == name).collect();
    let (Some(table), false) = (&history.table, rows.is_empty()) else {
        return Err(Error::History(format!(
            "the migration {name} was never begun, so it cannot be marked rolled back{}\n\
             next: give the whole name, as doorstep status shows it",
            nearest(name, history.records.iter().map(|record| record.name.as_str()))
        )));
    };
    if rows.iter().all(|record| record.finished_at.is_some()) {
        return Err(Error::History(format!(
            "the migration {name} is applied, it has not failed\n\
             next: write a new migration that takes back what it did"
        )));
    }
    for record in rows.iter().filter(|record| record.is_unfinished() && record.steps > 0) {
        tracing::warn!(
            phase = "resolve",
            event = "repeated",
            "the first {} statements of {name} are done, and will run again with the others",
            record.steps
        );
    }
    let unfinished = rows.iter().filter(|record| record.is_unfinished());
    let format = history.scripts()?;
    let statements: Vec<String> =
        unfinished.map(|record| format.end(history.dialect, table, &record.id, &Outcome::GivenUp)).collect();
    let changed = !statements.is_empty();
    if changed {
        let doing = Error::statement(format!("record that {name} is rolled back"));
        session.execute(statements.join("; ")).await.map_err(doing)?;
    }
    Ok(Marked { name: name.to_owned(), state: "rolled_back", changed })
}
