//! `snapshot`: applies the whole folder to a scratch database, and writes the schema that results as JSON.

use std::path::PathBuf;

use crate::base::error::Error;
use crate::base::file::unwritable;
use crate::catalog::Catalog;
use crate::commands::invocation::{Invocation, Next};
use crate::commands::{output, scratch};
use crate::engines::session::Scope;
use crate::formats::Rerun;
use crate::schema_source::snapshot::Snapshot;
use crate::startup::pipeline::{self, Extent};
use crate::startup::start::Start;

/// Arguments of `snapshot`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Where to write it [default: stdout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Migrates the scratch database, reads its catalog, and writes the snapshot.
///
/// # Errors
/// The first step that fails; [`Error::Os`] where the file cannot be written.
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    let (setup, stop) = (invocation.setup()?, invocation.stop);
    let snapshot = scratch::run(setup, stop, async |setup| {
        pipeline::run(setup, Extent::Migrate, stop).await?;
        let mut start = Start::open(setup, stop, false, Box::pin(setup.read_folder())).await?;
        let snapshot = read(&mut start).await;
        start.session.close().await;
        snapshot
    })?;
    match &args.output {
        None => output::print(&snapshot.text()?)?,
        Some(path) => std::fs::write(path, snapshot.text()?).map_err(|error| Error::Os(unwritable(path, &error)))?,
    }
    Ok(Next::Done)
}

async fn read(start: &mut Start<'_>) -> Result<Snapshot, Error> {
    let (catalog, home) = read_all(start).await?;
    let migrations = start.history.iter().flat_map(|history| &history.migrations).map(|it| it.name.clone()).collect();
    let reruns = start.history.iter().flat_map(|history| &history.lineage.reruns);
    let repeatable = reruns.filter_map(|(name, rerun)| match rerun {
        Rerun::Changed(checksum) => Some((name.clone(), checksum.clone())),
        Rerun::Always => None,
    });
    let repeatable = repeatable.collect();
    Ok(Snapshot::of(catalog, start.setup.dialect, &home, migrations).with_repeatable(repeatable))
}

/// The catalog of every schema, and the schema that unqualified names belong to.
///
/// # Errors
/// [`Error::Statement`].
pub(crate) async fn read_all(start: &mut Start<'_>) -> Result<(Catalog, String), Error> {
    let reading = || Error::statement("read the catalog");
    let schemas = start.session.schemas().await.map_err(reading())?;
    let catalog = start.session.catalog(&Scope { schemas: &schemas, role: None }).await.map_err(reading())?;
    let home = start.probe.current_schema.as_deref().unwrap_or(start.setup.dialect.home());
    Ok((catalog, home.to_owned()))
}
