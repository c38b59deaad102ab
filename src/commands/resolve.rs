//! `resolve`: corrects the history of one migration, by name. Runs none of its SQL.

use std::fmt;

use serde::Serialize;

use crate::base::error::Error;
use crate::base::log::LogFormat;
use crate::base::sorting;
use crate::commands::invocation::{Invocation, Next, lock_history};
use crate::commands::{output, resolve_many};
use crate::engines::session::{ObjectState, Probe, Session};
use crate::formats::migration::{Migration, Record, nearest};
use crate::formats::{Outcome, Resolved, RowKey};
use crate::migrate::history::History;
use crate::migrate::rights::cannot_write;
use crate::sql::script::{self, Script};
use crate::sql::{ObjectKind, ObjectRef};
use crate::startup::setup::Setup;
use crate::verify::diagnose::provenance::Provenance;

/// Arguments of `resolve`: one of the two marks.
#[derive(clap::Args, Debug)]
#[command(group(clap::ArgGroup::new("mark").required(true)))]
pub(crate) struct Args {
    /// All of it exists, or was done by hand: never run it
    #[arg(long, value_name = "NAME", group = "mark")]
    applied: Option<String>,
    /// None of it exists: run it again
    #[arg(long, value_name = "NAME", group = "mark")]
    rolled_back: Option<String>,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value = "text")]
    format: LogFormat,
}

/// What a person says about a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mark {
    /// All of it exists: never run it.
    Applied(String),
    /// None of it exists: run it again.
    RolledBack(String),
}

/// What was done, for `--format json`.
#[derive(Debug, Serialize)]
pub(super) struct Marked {
    /// The migration.
    name: String,
    /// `applied` or `rolled_back`.
    state: &'static str,
    /// False when the history said so already.
    pub(super) changed: bool,
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

/// Writes the mark under the migration lock. The rules are those of `prisma migrate resolve`.
///
/// # Errors
/// [`Error::History`] where the mark contradicts the history or the folder, [`Error::Statement`] where it
/// cannot be written.
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    let mark = args.mark()?;
    let setup = invocation.settled_setup()?;
    setup.demand_own_history()?;
    match (&mark, setup.tenants()) {
        (Mark::RolledBack(name), Some(from)) => {
            return resolve_many::run(name, args.format, invocation, (&setup, from));
        }
        _ => setup.demand_one_schema()?,
    }
    let marked = invocation.in_session(&setup, false, read_folder(&setup, &mark), async |start| {
        lock_history(start).await?;
        let Some(history) = &start.history else { return Err(setup.no_folder()) };
        match &mark {
            Mark::Applied(name) => applied(history, start.session.as_mut(), &start.probe, name).await,
            Mark::RolledBack(name) => rolled_back(history, start.session.as_mut(), &start.probe, name).await,
        }
    })?;
    output::show(&marked, args.format)?;
    Ok(Next::Done)
}

impl Args {
    fn mark(&self) -> Result<Mark, Error> {
        let mark = self.applied.clone().map(Mark::Applied).or(self.rolled_back.clone().map(Mark::RolledBack));
        mark.ok_or_else(|| {
            Error::Usage("resolve needs --applied or --rolled-back\nnext: doorstep resolve --help".to_owned())
        })
    }
}

/// The folder. A rollback needs none of its files: one that contradicts itself is passed over, as Prisma does.
async fn read_folder(setup: &Setup, mark: &Mark) -> Result<Option<History>, Error> {
    match mark {
        Mark::Applied(_) => setup.read_folder().await,
        Mark::RolledBack(_) => read_folder_of_rollback(setup).await,
    }
}

/// The same for a rollback.
pub(super) async fn read_folder_of_rollback(setup: &Setup) -> Result<Option<History>, Error> {
    match (setup.read_folder().await, &setup.folder) {
        (Err(Error::History(_)), Some(folder)) => Ok(Some(History::of(folder, setup.dialect, Resolved::default()))),
        (folder, _) => folder,
    }
}

async fn applied(history: &History, session: &mut dyn Session, probe: &Probe, name: &str) -> Result<Marked, Error> {
    let migration = history.migration(name)?;
    if let Some(why) = &migration.unreadable {
        return Err(Error::History(why.to_string()));
    }
    // As Prisma does (P3008), even if the row is also marked rolled back.
    if history.records.iter().any(|record| record.name == name && record.finished_at.is_some()) {
        return Err(Error::History(format!(
            "the migration {name} is recorded as applied already, so nothing was changed\n\
             next: doorstep status shows what is left to do"
        )));
    }
    refuse_implied(history, name)?;
    let table = history.ensure_table(session, probe).await?;
    let (writer, dialect) = (history.writer()?, history.dialect);
    let unfinished = history.records.iter().filter(|record| record.name == name && record.is_unfinished());
    let mut statements: Vec<String> = unfinished
        .filter_map(|record| {
            let row = RowKey { dialect, table: &table, id: &record.id };
            writer.end(row, Some(migration), &Outcome::GivenUp)
        })
        .collect();
    statements.push(writer.adopt(RowKey { dialect, table: &table, id: &writer.new_id(None) }, migration));
    let doing = cannot_write(format!("record that {name} is applied"), (dialect, &table), &probe.role);
    session.execute(statements.join("; ")).await.map_err(doing)?;
    history.drop_notes(session, &table).await;
    warn_of_what_is_missing(session, migration).await;
    Ok(Marked { name: name.to_owned(), state: "applied", changed: true })
}

/// Refuses a mark that says of older, pending migrations that they are applied, too: the history has one row for all.
fn refuse_implied(history: &History, name: &str) -> Result<(), Error> {
    if !history.format.ledger.implies_older() {
        return Ok(());
    }
    let pending = history.pending().map(|(migration, _)| migration.name.as_str());
    match pending.take_while(|pending| *pending != name).next() {
        None => Ok(()),
        Some(older) => Err(Error::History(format!(
            "the history of {} has one row, so that {name} cannot be recorded as applied without {older}, which is pending\n\
             next: doorstep resolve --applied {older}, or doorstep migrate, before it",
            history.format.tool.name
        ))),
    }
}

/// Warns of objects that do not exist: no migration will create them after this mark.
async fn warn_of_what_is_missing(session: &mut dyn Session, migration: &Migration) {
    let objects = made(&migration.script);
    let Ok(object_states) = session.object_states(&objects, None).await else { return };
    let missing = objects
        .iter()
        .zip(&object_states)
        .filter(|(_, state)| matches!(state, ObjectState::Absent | ObjectState::Invalid));
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

/// The objects that a script creates and does not drop. Tables, types and columns come from the lenient reading, which
/// includes DO blocks, everything else from the strict one.
fn made(script: &Script) -> Vec<ObjectRef> {
    // Without a home schema, names stay as the script writes them.
    let provenance = Provenance::of(vec![script::changes(script)], "", script.dialect());
    let bare = |object: ObjectRef| ObjectRef { schema: object.schema.filter(|schema| !schema.is_empty()), ..object };
    let lasting: Vec<ObjectRef> = provenance.lasting().map(|(_, object)| bare(object)).collect();
    // Columns of a table that the script creates need no mention of their own.
    let is_of_its_own = |object: &ObjectRef| match &object.table {
        Some(table) => {
            !lasting.iter().any(|it| it.kind == ObjectKind::Table && it.name == *table && it.schema == object.schema)
        }
        None => true,
    };
    let mut objects: Vec<ObjectRef> = lasting.iter().filter(|object| is_of_its_own(object)).cloned().collect();
    // CREATE TYPE stands for every kind of type.
    for object in objects.iter_mut().filter(|object| object.kind == ObjectKind::Enum) {
        object.kind = ObjectKind::Type;
    }
    sorting::sort_by_key(&mut objects, |object| (object.kind == ObjectKind::Column, object.to_string()));
    let strict = script::created(&script.statements()).into_iter().map(|(object, _)| object);
    let is_known =
        |object: &ObjectRef| matches!(object.kind, ObjectKind::Table | ObjectKind::Type | ObjectKind::Column);
    objects.extend(strict.filter(|object| !is_known(object)));
    objects
}

/// Records that a migration whose run was not completed may run again.
pub(super) async fn rolled_back(
    history: &History,
    session: &mut dyn Session,
    probe: &Probe,
    name: &str,
) -> Result<Marked, Error> {
    let rows: Vec<&Record> = history.records.iter().map(AsRef::as_ref).filter(|record| record.name == name).collect();
    let (Some(table), false) = (&history.table, rows.is_empty()) else {
        return Err(Error::History(format!(
            "the history has no row of the migration {name}, so it cannot be marked rolled back{}\n\
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
            "the first {} statements of {name} are applied, and will run again with the others",
            record.steps
        );
    }
    let unfinished = rows.iter().filter(|record| record.is_unfinished());
    let (writer, dialect) = (history.writer()?, history.dialect);
    let migration = history.migrations.iter().find(|migration| migration.name == name);
    let given_up =
        |record: &&&Record| writer.end(RowKey { dialect, table, id: &record.id }, migration, &Outcome::GivenUp);
    let statements: Vec<String> = unfinished.filter_map(|record| given_up(&record)).collect();
    let changed = !statements.is_empty();
    if changed {
        let doing = cannot_write(format!("record that {name} is rolled back"), (dialect, table), &probe.role);
        session.execute(statements.join("; ")).await.map_err(doing)?;
        history.drop_notes(session, table).await;
    }
    Ok(Marked { name: name.to_owned(), state: "rolled_back", changed })
}
