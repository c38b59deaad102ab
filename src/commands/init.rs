//! `init` (hidden): what `run --init` becomes when all is ready. It starts the service and stays as its parent.

use std::ffi::OsString;

use crate::base::error::Error;
use crate::base::log::{self, LogFormat, LogLevel};
use crate::commands::invocation::{Invocation, Next};
use crate::startup::exec::Service;
use crate::startup::init;

/// Arguments of `init`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The service
    #[arg(last = true, required = true, value_name = "CMD")]
    command: Vec<OsString>,
}

/// Stays until the service ends, and exits with its code. Reads no settings but where to report a failure: `run` has
/// checked them, and passes these on as flags.
///
/// # Errors
/// As with exec: [`Error::CommandNotFound`], [`Error::CommandNotExecutable`], [`Error::Stopped`], [`Error::Os`].
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    invocation.place_termination_log();
    log::start(LogLevel::Info, invocation.flags.log_format.unwrap_or(LogFormat::Text));
    let service = Service::find(&args.command, invocation.environment.get("PATH"))?;
    service.map_or(Ok(Next::Exit(0)), |service| init::stay(&service, invocation.stop).map(Next::Exit))
}
