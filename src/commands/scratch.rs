//! A scratch database for `replay`, `snapshot` and `compat`: created beside the real one, migrated, and dropped at the end.

use std::time::Duration;

use crate::base::error::Error;
use crate::base::fault::{Class, Fault};
use crate::base::signal::Stop;
use crate::commands::invocation::{block_on, runtime};
use crate::engines::connect::Target;
use crate::migrate::history::History;
use crate::sql::script;
use crate::startup::setup::Setup;

/// How long `work` may go on after a signal.
const GRACE: Duration = Duration::from_secs(3);

/// Runs `work` with a setup that leads to a scratch database, and drops that database afterwards, also after an error.
///
/// # Errors
/// Those of `work`; [`Error::Settings`] and [`Error::History`] for a folder that cannot be replayed.
pub(crate) fn run<T>(
    setup: Setup,
    stop: &Stop,
    work: impl AsyncFnOnce(&mut Setup) -> Result<T, Error>,
) -> Result<T, Error> {
    let (mut setup, target) = block_on(stop, scratch(setup))?;
    let result = runtime()?.block_on(async {
        let mut work = std::pin::pin!(work(&mut setup));
        tokio::select! {
            result = &mut work => result,
            // CREATE DATABASE keeps running on the server after we disconnect, so let it finish (up to GRACE).
            signal = stop.raised() => {
                let stopped = || Error::Stopped { signal, note: "the scratch database was dropped".to_owned() };
                tokio::time::timeout(GRACE, work).await.unwrap_or_else(|_| Err(stopped()))
            }
        }
    });
    let dropped = runtime()?.block_on(async {
        tokio::select! {
            dropped = target.drop_scratch() => dropped,
            () = grace_after(stop) => Err(Fault::new(Class::Unreachable, "the database did not answer in time")),
        }
    });
    if let Err(fault) = dropped {
        let address = target.address();
        tracing::warn!(
            phase = "replay",
            event = "left_behind",
            "the scratch database {address} is left behind: {fault}"
        );
    }
    result
}

/// Completes [`GRACE`] after a signal.
async fn grace_after(stop: &Stop) {
    stop.raised().await;
    tokio::time::sleep(GRACE).await;
}

/// The same setup for a scratch database, which does not exist yet, and where that will be.
async fn scratch(setup: Setup) -> Result<(Setup, Target), Error> {
    let Some(history) = setup.read_folder().await? else { return Err(setup.no_folder()) };
    if history.writer().is_err() {
        let tool = history.format.tool.name;
        return Err(Error::Settings(format!(
            "{tool} applies these migrations, and only it decides on which database: replay is for folders that \
             doorstep applies itself\n\
             next: in CI, let {tool} migrate an empty database, and doorstep verify compare it"
        )));
    }
    refuse_what_reaches_outside(&history)?;
    let setup = setup.on_scratch_database();
    let target = setup.database.target()?;
    Ok((setup, target))
}

/// Roles, databases and the settings of the server are shared by all of its databases, so a scratch database cannot keep
/// a script from changing them.
fn refuse_what_reaches_outside(history: &History) -> Result<(), Error> {
    let outside = history.migrations.iter().find_map(|migration| {
        let statements = migration.script.statements();
        let reaching = statements.iter().find(|statement| statement.reaches_outside())?;
        Some(format!("{}: {}", migration.path.display(), script::summary_of(std::slice::from_ref(reaching))))
    });
    match outside {
        None => Ok(()),
        Some(outside) => Err(Error::History(format!(
            "the folder cannot be replayed beside the real database: a statement changes what all databases of the \
             server share\n  {outside}\n\
             next: prove the folder on a throw-away server instead: with DATABASE_URL naming an empty database there, \
             doorstep migrate, then doorstep verify"
        ))),
    }
}
