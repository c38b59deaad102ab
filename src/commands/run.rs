//! `run`: the whole pipeline, then the service. `wait` and `migrate` are the first parts of it.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use crate::base::error::Error;
use crate::base::log::{LogLevel, seconds};
use crate::base::mask::Mask;
use crate::base::progress::Tracker;
use crate::base::signal::Stop;
use crate::commands::invocation::{Invocation, Next, block_on};
use crate::config::{Mode, Settings, Strictness};
use crate::startup::early_login::EarlyLogin;
use crate::startup::exec::Service;
use crate::startup::health::Port;
use crate::startup::pipeline::{self, Extent};
use crate::startup::refusal;
use crate::startup::settle;
use crate::startup::setup::Setup;
use crate::startup::tenants;
use crate::startup::wait_for::Dependencies;

/// Arguments of `run`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The service; without it doorstep exits 0 when all is ready
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

/// Runs all of the pipeline.
///
/// # Errors
/// The first step that fails.
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    start(&args.command, Extent::Run, invocation)
}

/// Runs the pipeline up to `extent`, and answers on the health port meanwhile.
///
/// # Errors
/// The first step that fails; before it, [`Error::CommandNotFound`] for a service that does not exist.
pub(crate) fn start(command: &[OsString], extent: Extent, invocation: &Invocation<'_>) -> Result<Next, Error> {
    let settings = invocation.settings(LogLevel::Info)?;
    let limit = settings.start_timeout;
    if is_without_database(&settings, extent) && !Setup::names_database(&settings, invocation.environment)? {
        let service = service(command, &settings, invocation)?;
        wait_only(&settings, invocation)?;
        return Ok(service.map_or(Next::Done, Next::Exec));
    }
    let port = settings.health_addr.map(Port::open).transpose()?;
    let tracker = Tracker::default();
    let work = async {
        let early = EarlyLogin::begin(&settings, invocation.environment).await;
        let result = async {
            let service = service(command, &settings, invocation)?;
            let mut setup = Setup::beside(&early, settings, invocation.environment)?;
            setup.tracker = tracker.clone();
            steps(setup, extent, invocation).await?;
            Ok(service)
        }
        .await;
        early.end().await;
        result
    };
    let service = in_time(limit, invocation.stop, &tracker, port, work)?;
    Ok(service.map_or(Next::Done, Next::Exec))
}

/// The service, if the command line names one.
fn service(command: &[OsString], settings: &Settings, invocation: &Invocation<'_>) -> Result<Option<Service>, Error> {
    let service = Service::find(command, invocation.environment.get("PATH"))?;
    match settings.init {
        true => service.map(|service| service.beside_init(settings)).transpose(),
        false => Ok(service),
    }
}

/// The steps up to `extent`, after what `wait_for` names.
async fn steps(mut setup: Setup, extent: Extent, invocation: &Invocation<'_>) -> Result<usize, Error> {
    if let Some(dependencies) = dependencies(&setup.settings, invocation, || setup.database.mask())? {
        let (began, creates) = (Instant::now(), extent != Extent::Wait && setup.settings.mode == Mode::Apply);
        let waited = dependencies.wait_beside_database(&setup, creates).await;
        waited.map_err(|error| refusal::advised(error, &setup))?;
        setup.settings.patience = dependencies.left(began);
    }
    if extent != Extent::Wait {
        let (patience, applies) = (setup.settings.patience, setup.settings.mode == Mode::Apply);
        settle::settle(&mut setup, patience, applies).await.map_err(|error| refusal::advised(error, &setup))?;
    }
    match setup.tenants().filter(|_| extent != Extent::Wait) {
        Some(from) => tenants::run(&setup, from, extent, invocation.stop).await,
        None => pipeline::run(&setup, extent, invocation.stop).await,
    }
}

/// Whether this start needs no database, if none is named: it only waits, or migrations and `verify` are turned off by name.
fn is_without_database(settings: &Settings, extent: Extent) -> bool {
    let is_idle = settings.mode == Mode::Off && settings.strictness == Strictness::Off;
    !settings.wait_for.is_empty() && (extent == Extent::Wait || (extent == Extent::Run && is_idle))
}

/// Waits for what `wait_for` names, and nothing else.
fn wait_only(settings: &Settings, invocation: &Invocation<'_>) -> Result<(), Error> {
    let Some(dependencies) = dependencies(settings, invocation, Mask::default)? else { return Ok(()) };
    let port = settings.health_addr.map(Port::open).transpose()?;
    in_time(settings.start_timeout, invocation.stop, &Tracker::default(), port, dependencies.wait())
}

/// Runs the work of a start, answers on the health port meanwhile, and stops as at SIGTERM when the time is up.
fn in_time<T>(
    limit: Option<Duration>,
    stop: &Stop,
    tracker: &Tracker,
    port: Option<Port>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    // Boxed, because it is large: each function that takes it by value would have room for it twice.
    let work = limited(limit, stop, Box::pin(work));
    let result = match port {
        Some(port) => block_on(stop, port.beside(tracker.clone(), work)),
        None => block_on(stop, work),
    };
    let Some(limit) = limit.filter(|_| stop.has_expired()) else { return result };
    let note = match result {
        Ok(_) => "all was done, and the service was not started".to_owned(),
        Err(Error::Stopped { note, .. }) => note,
        Err(other) => return Err(other),
    };
    let (during, is_queueing) = (tracker.standing().phase.to_string(), tracker.is_queueing());
    Err(Error::StartTimeout { limit, during, is_queueing, note })
}

/// The work, which learns of the end of its time as of a signal.
async fn limited<T>(limit: Option<Duration>, stop: &Stop, mut work: impl Future<Output = T> + Unpin) -> T {
    let Some(limit) = limit else { return work.await };
    tokio::select! {
        done = &mut work => return done,
        () = tokio::time::sleep(limit) => {}
    }
    tracing::warn!(
        phase = "exit",
        event = "late",
        "start_timeout ({}) is over: stopping as at SIGTERM",
        seconds(limit)
    );
    stop.expire();
    work.await
}

/// What `wait_for` names, if anything.
fn dependencies(
    settings: &Settings,
    invocation: &Invocation<'_>,
    mask: impl Fn() -> Mask,
) -> Result<Option<Dependencies>, Error> {
    if settings.wait_for.is_empty() {
        return Ok(None);
    }
    let path = invocation.environment.get("PATH");
    Dependencies::find(&settings.wait_for, settings.patience, path, mask).map(Some)
}
