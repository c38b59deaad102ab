//! `run`: the whole pipeline, then the service. `wait` and `migrate` are the first parts of it.

use std::ffi::OsString;

use crate::base::error::Error;
use crate::base::log::LogLevel;
use crate::commands::invocation::{Invocation, Next, block_on};
use crate::config::Mode;
use crate::startup::exec::Service;
use crate::startup::health::Port;
use crate::startup::pipeline::{self, Extent};
use crate::startup::refusal;
use crate::startup::settle;
use crate::startup::setup::Setup;

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
    let service = Service::find(command, invocation.environment.get("PATH"))?;
    let service =
        if settings.init { service.map(|service| service.beside_init(&settings)).transpose()? } else { service };
    let health_addr = settings.health_addr;
    let mut setup = Setup::new(settings, invocation.environment)?;
    let port = health_addr.map(Port::open).transpose()?;
    let tracker = setup.tracker.clone();
    let work = async {
        if extent != Extent::Wait {
            let (patience, applies) = (setup.settings.patience, setup.settings.mode == Mode::Apply);
            settle::settle(&mut setup, patience, applies).await.map_err(|error| refusal::advised(error, &setup))?;
        }
        pipeline::run(&setup, extent, invocation.stop).await
    };
    match port {
        Some(port) => block_on(invocation.stop, port.beside(tracker, work))?,
        None => block_on(invocation.stop, work)?,
    };
    Ok(service.map_or(Next::Done, Next::Exec))
}
