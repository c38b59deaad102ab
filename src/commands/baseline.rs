//! `baseline`: adopts a database that has the tables but no history. A migration is recorded as applied only
//! where everything that it creates exists; none of its SQL runs.

use std::fmt;

use serde::Serialize;

use crate::base::error::Error;
use crate::base::log::LogFormat;
use crate::commands::baseline_empty::{self, Found};
use crate::commands::invocation::{Invocation, Next, lock_history};
use crate::commands::output;
use crate::engines::session::{ObjectState, Probe, Session};
use crate::finding::{Cause, Diagnosis, Difference, DifferenceKind, Finding, Remedy, Severity, Source};
use crate::formats::RowKey;
use crate::formats::migration::Migration;
use crate::migrate::history::History;
use crate::migrate::rights::cannot_write;
use crate::report::summary::summary;
use crate::sql::script::Lasting;
use crate::sql::{ObjectRef, script};
use crate::startup::start::Start;
use crate::verify;
use crate::verify::desired::DesiredState;

/// Arguments of `baseline`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The last migration to record as applied [default: the last of the folder]
    #[arg(long, value_name = "NAME")]
    through: Option<String>,
    /// Begin an empty history beside tables of others, if nothing of what the folder creates exists; the next start applies it
    #[arg(long, conflicts_with = "through")]
    empty: bool,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value = "text")]
    format: LogFormat,
}

/// What was recorded, for `--format json`.
#[derive(Debug, Serialize)]
struct Baseline {
    /// The migrations that are recorded as applied now.
    adopted: Vec<Adopted>,
}

/// One migration that is recorded as applied now.
#[derive(Debug, Serialize)]
struct Adopted {
    name: String,
    /// Number of objects that it creates, that no later migration drops, and that exist.
    objects: usize,
}

impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Adopted { name, objects } in &self.adopted {
            let proof = match objects {
                0 => "it leaves nothing that could be looked for".to_owned(),
                1 => "verified by 1 object".to_owned(),
                count => format!("verified by {count} objects"),
            };
            writeln!(f, "{name} is recorded as applied ({proof})")?;
        }
        Ok(())
    }
}

/// Verifies the database, then records the folder's migrations as applied, both under the migration lock.
///
/// # Errors
/// [`Error::History`] where there is a history already or nothing to check, [`Error::Differences`] when an object that
/// the migrations create does not exist. Nothing is written then.
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    let setup = invocation.settled_setup()?;
    setup.demand_one_schema()?;
    setup.demand_own_history()?;
    if args.empty {
        let begun = invocation.in_session(&setup, false, setup.read_folder(), async |start| {
            lock_history(start).await?;
            refuse_history(start.history.as_ref())?;
            baseline_empty::begin(start).await
        })?;
        output::show(&begun, args.format)?;
        return Ok(Next::Done);
    }
    let through = args.through.as_deref();
    let baseline = invocation.in_session(&setup, false, setup.read_folder(), async |start| {
        lock_history(start).await?;
        refuse_nothing(start).await?;
        let verified = verify_all(start, through.is_some()).await;
        if matches!(verified, Err(Error::Differences(_))) {
            // Where a migration is the reason, verify says to apply it, which needs the history that is being made.
            refuse_unapplied(start, through).await?;
        }
        verified?;
        refuse_history(start.history.as_ref())?;
        let Some(history) = &start.history else { return Err(setup.no_folder()) };
        adopt(history, start.session.as_mut(), &start.probe, through).await
    })?;
    output::show(&baseline, args.format)?;
    Ok(Next::Done)
}

/// `verify` as at a start. For a baseline `in_part` it checks the required tables alone: the schema file has what later
/// migrations create, too.
async fn verify_all(start: &mut Start<'_>, in_part: bool) -> Result<(), Error> {
    let setup = start.setup;
    let desired = match in_part {
        true => DesiredState::of_tables(&setup.settings),
        false => setup.read_desired().await?,
    };
    let findings = start.compare(&desired, Severity::Warning).await?.findings;
    verify::judge(findings, setup.settings.strictness)
}

/// Refuses a database without a history that contradicts the migrations, with advice on which of them to adopt.
async fn refuse_unapplied(start: &mut Start<'_>, through: Option<&str>) -> Result<(), Error> {
    let Start { session, history: Some(history), .. } = start else { return Ok(()) };
    if !history.records.is_empty() {
        return Ok(());
    }
    let migrations = chosen(history, through)?;
    check(&migrations, &created_and_removed(&migrations), session.as_mut()).await
}

/// Adopting is for a database without a history.
fn refuse_history(history: Option<&History>) -> Result<(), Error> {
    let Some(history) = history.filter(|history| !history.records.is_empty()) else { return Ok(()) };
    Err(Error::History(format!(
        "there is a history already: {} has {} row{}\n\
         next: doorstep status shows it; doorstep resolve repairs it, one migration at a time",
        history.format.ledger.table(),
        history.records.len(),
        if history.records.len() == 1 { "" } else { "s" }
    )))
}

/// A database without a history in which nothing of the folder exists is no case for adopting, unless the folder leaves
/// nothing behind.
async fn refuse_nothing(start: &mut Start<'_>) -> Result<(), Error> {
    let Start { setup, session, probe, history: Some(history), .. } = start else { return Ok(()) };
    let all: Vec<&Migration> = history.migrations.iter().collect();
    let leaves_something = created_and_removed(&all).iter().any(|proof| proof.created);
    if !history.records.is_empty() || !leaves_something || !Found::look(history, session.as_mut()).await?.is_none() {
        return Ok(());
    }
    let strangers = history.strangers(session.as_mut(), probe, &setup.territory).await?;
    let next = match strangers.is_empty() {
        true => "doorstep migrate applies it",
        false => {
            "if the tables in this database are of others, begin a history beside them: doorstep baseline --empty; \
             then doorstep migrate applies the folder"
        }
    };
    Err(Error::History(format!(
        "nothing of what {} creates exists, so there is nothing to adopt\nnext: {next}",
        history.folder.path.display()
    )))
}

/// Records the migrations up to and including `through`; the lock must be held.
async fn adopt(
    history: &History,
    session: &mut dyn Session,
    probe: &Probe,
    through: Option<&str>,
) -> Result<Baseline, Error> {
    let migrations = chosen(history, through)?;
    let proofs = created_and_removed(&migrations);
    check(&migrations, &proofs, session).await?;
    if through.is_none() {
        refuse_unproven(&migrations, &proofs)?;
    }
    let adopted = migrations.iter().enumerate().map(|(index, migration)| Adopted {
        name: migration.name.clone(),
        objects: proofs.iter().filter(|proof| proof.of == index).count(),
    });
    let adopted: Vec<Adopted> = adopted.collect();
    let (writer, dialect) = (history.writer()?, history.dialect);
    let table = history.ensure_table(session, probe).await?;
    let rows =
        migrations.iter().map(|it| writer.adopt(RowKey { dialect, table: &table, id: &writer.new_id(None) }, it));
    let doing = cannot_write("record what is applied", (dialect, &table), &probe.role);
    session.execute(rows.collect::<Vec<_>>().join("; ")).await.map_err(doing)?;
    Ok(Baseline { adopted })
}

/// Compares what the migrations create and drop with the database.
async fn check(migrations: &[&Migration], proofs: &[Proof], session: &mut dyn Session) -> Result<(), Error> {
    let objects: Vec<ObjectRef> = proofs.iter().map(|proof| proof.object.clone()).collect();
    let states = session.object_states(&objects, None).await;
    let states = states.map_err(Error::statement("look for what the migrations create"))?;
    let exists = |state: &ObjectState| !matches!(state, ObjectState::Absent | ObjectState::Invalid);
    let against = proofs.iter().zip(&states).filter(|(proof, state)| exists(state) != proof.created);
    let against: Vec<&Proof> = against.map(|(proof, _)| proof).collect();
    let before = against.iter().map(|proof| proof.of).min().and_then(|first| first.checked_sub(1));
    let before = before.map(|index| migrations[index].name.as_str());
    let findings: Vec<Finding> = against.iter().map(|proof| finding(migrations[proof.of], proof, before)).collect();
    match findings.is_empty() {
        true => Ok(()),
        false => Err(Error::Differences(summary(&findings).to_string())),
    }
}

/// A migration with nothing to check is accepted if a later one checks out; trailing ones need --through.
fn refuse_unproven(migrations: &[&Migration], proofs: &[Proof]) -> Result<(), Error> {
    let proven = proofs.iter().map(|proof| proof.of + 1).max().unwrap_or(0);
    let (Some(unproven), Some(last)) = (migrations.get(proven), migrations.last()) else { return Ok(()) };
    let before = proven.checked_sub(1).map(|index| &migrations[index].name);
    let or_not = before.map_or(String::new(), |name| format!(", --through {name} if not"));
    Err(Error::History(format!(
        "{} cannot be checked: it leaves no object that could be looked for\n\
         next: doorstep baseline --through {} if it did run on this database{or_not}",
        unproven.name, last.name
    )))
}

fn chosen<'a>(history: &'a History, through: Option<&str>) -> Result<Vec<&'a Migration>, Error> {
    let all = &history.migrations;
    let end = match through {
        None => all.len(),
        Some(name) => {
            let last = history.migration(name)?;
            all.iter().take_while(|migration| migration.name != last.name).count() + 1
        }
    };
    match all[..end].iter().find_map(|migration| migration.unreadable.as_ref()) {
        Some(why) => Err(Error::History(why.to_string())),
        None => Ok(all[..end].iter().collect()),
    }
}

/// An object whose presence or absence shows whether a migration ran.
struct Proof {
    /// Index of the migration.
    of: usize,
    object: ObjectRef,
    /// The migration creates it, so it must exist; otherwise the migration drops or renames it, and it must not exist.
    created: bool,
}

/// The objects that exist once the migrations have run, and those that they have dropped or renamed; not those of which the
/// scripts do not tell.
fn created_and_removed(migrations: &[&Migration]) -> Vec<Proof> {
    let Some(dialect) = migrations.first().map(|migration| migration.script.dialect()) else { return Vec::new() };
    let scripts: Vec<Vec<script::Statement<'_>>> =
        migrations.iter().map(|migration| migration.script.statements()).collect();
    let proof = |it: Lasting| Proof { of: it.script, object: it.object, created: it.exists };
    script::lasting(&scripts, dialect).into_iter().map(proof).collect()
}

/// An object that is missing although its migration would have created it, or exists although it would have been dropped.
/// `before` is the migration before the first that contradicts the database.
fn finding(migration: &Migration, proof: &Proof, before: Option<&str>) -> Finding {
    let kind = if proof.created { DifferenceKind::Missing } else { DifferenceKind::Extra };
    let source = Source::Named(migration.path.display().to_string());
    let cause = Cause::NotApplied { migration: migration.name.clone(), creates: proof.created };
    Finding {
        difference: Difference::new(Severity::Error, kind, proof.object.clone(), source),
        diagnosis: Diagnosis::new(cause, Remedy::AdoptFewer(before.map(str::to_owned))),
        sql: None,
    }
}
