//! `compat`: whether the pending migrations break a release that still runs, by its snapshot. Works on a scratch database.
//!
//! The migrations of the snapshot are applied first, then each further one alone, so that what changes has the migration that
//! changes it. What that means is decided in `verify::compat`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::base::environment::Environment;
use crate::base::error::{Code, Error};
use crate::base::signal::Stop;
use crate::base::termination;
use crate::catalog::Catalog;
use crate::commands::invocation::{Invocation, Next};
use crate::commands::{output, scratch, snapshot};
use crate::config::OnUnknown;
use crate::formats::Rerun;
use crate::formats::migration::Migration;
use crate::migrate::history::History;
use crate::report::compat::Compatibility;
use crate::schema_source::snapshot::Snapshot;
use crate::startup::pipeline::{self, Extent};
use crate::startup::setup::Setup;
use crate::startup::start::Start;
use crate::verify::compat::Trial;

/// Arguments of `compat`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The snapshot of the release that runs: what `doorstep snapshot` wrote of its folder
    #[arg(value_name = "FILE")]
    old: PathBuf,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Form,
}

/// The forms of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people, by migration; coloured on a terminal
    Text,
    /// For machines, with everything
    Json,
    /// Annotations of GitHub Actions: ::error file=…,line=…
    Github,
    /// A table, e.g. for $GITHUB_STEP_SUMMARY
    Markdown,
}

/// Prints the verdict and its reasons. Exit code 3 unless the pending migrations may be applied while the release runs.
///
/// # Errors
/// [`Error::Settings`] for a file that is no snapshot of this engine; [`Error::History`] for a folder that lacks a migration of
/// it; those of the scratch database.
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    let (setup, stop) = (invocation.setup()?, invocation.stop);
    let old = Snapshot::read(&args.old, setup.dialect)?;
    let compatibility = scratch::run(setup, stop, async |setup| judged(setup, stop, (&old, &args.old)).await)?;
    output::print(&render(&compatibility, args.format, invocation.environment))?;
    if compatibility.ok {
        return Ok(Next::Done);
    }
    termination::note(&compatibility.conclusion());
    Ok(Next::Exit(Code::Differences as u8))
}

fn render(compatibility: &Compatibility, format: Form, environment: &Environment) -> String {
    match format {
        Form::Text => compatibility.text(output::screen(environment)),
        Form::Json => output::json(compatibility),
        Form::Github => compatibility.github(),
        Form::Markdown => compatibility.markdown(),
    }
}

/// Applies the folder to the scratch database step by step, and judges what was seen.
async fn judged(setup: &mut Setup, stop: &Stop, (old, path): (&Snapshot, &Path)) -> Result<Compatibility, Error> {
    let history = setup.read_folder().await?.ok_or_else(|| setup.no_folder())?;
    let names: HashSet<&str> = old.migrations().iter().map(String::as_str).collect();
    let is_named = |migration: &Migration| names.contains(migration.name.as_str());
    let is_known = |migration: &&Migration| is_named(migration) && !has_changed(&history, migration, old);
    let (known, rest): (Vec<&Migration>, Vec<&Migration>) = history.migrations.iter().partition(is_known);
    refuse_lost(&history, old, path)?;
    let mut chosen: Vec<String> = known.iter().map(|migration| migration.name.clone()).collect();
    let (_, base) = applied(setup, stop, &chosen, old.home()).await?;
    let mut pending: Vec<(&Migration, Catalog)> = Vec::new();
    for migration in rest {
        chosen.push(migration.name.clone());
        let (count, catalog) = applied(setup, stop, &chosen, old.home()).await?;
        match count {
            0 => tracing::warn!(
                phase = "compat",
                event = "passed_over",
                migration = migration.name,
                "{} is left out: it does not run after the migrations of {}",
                migration.name,
                path.display()
            ),
            _ => pending.push((migration, catalog)),
        }
    }
    let shown = path.display().to_string();
    let promised = old.at(old.home(), &shown);
    let trial = Trial {
        dialect: setup.dialect,
        home: old.home(),
        snapshot: &shown,
        promised: &promised,
        known,
        base: &base,
        changed: pending.iter().map(|(migration, _)| *migration).filter(|migration| is_named(migration)).collect(),
        pending: pending.iter().map(|(migration, catalog)| (*migration, catalog)).collect(),
        allow: &setup.settings.allow,
        accepts_unknown: setup.settings.unknown == OnUnknown::Accept,
    };
    Ok(trial.judge())
}

/// Whether a migration runs again after those of the running release: its text is another, or the one that it had is not known.
fn has_changed(history: &History, migration: &Migration, old: &Snapshot) -> bool {
    match history.lineage.reruns.get(&migration.name) {
        Some(Rerun::Changed(checksum)) => old.repeatable(&migration.name) != Some(checksum),
        Some(Rerun::Always) | None => false,
    }
}

/// Refuses a folder that cannot make the schema of the running release. A file that runs again may have been taken away.
fn refuse_lost(history: &History, old: &Snapshot, path: &Path) -> Result<(), Error> {
    let is_there = |name: &str| history.migrations.iter().any(|migration| migration.name == name);
    let is_lost = |name: &&str| !is_there(name) && old.repeatable(name).is_none();
    let lost: Vec<&str> = old.migrations().iter().map(String::as_str).filter(is_lost).collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(Error::History(format!(
        "{} was made from migrations that {} does not have: {}\n\
         next: compare with a snapshot of a release that this folder continues; after a squash, with one that was made from the \
         squashed folder",
        path.display(),
        history.folder.path.display(),
        lost.join(", ")
    )))
}

/// Applies what is not yet applied of these migrations. Returns how many were, and the catalog, with the home schema called
/// `home`.
async fn applied(setup: &mut Setup, stop: &Stop, chosen: &[String], home: &str) -> Result<(usize, Catalog), Error> {
    setup.chosen = Some(chosen.to_vec());
    let count = pipeline::run(setup, Extent::Migrate, stop).await?;
    let mut start = Start::open(setup, stop, false, Box::pin(setup.read_folder())).await?;
    let read = snapshot::read_all(&mut start).await;
    start.session.close().await;
    let (mut catalog, own) = read?;
    catalog.move_schema(&own, home);
    Ok((count, catalog))
}
