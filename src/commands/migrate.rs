//! `migrate`: the pipeline without `verify` and without a service.

use crate::base::error::Error;
use crate::commands::invocation::{Invocation, Next};
use crate::commands::run;
use crate::startup::pipeline::Extent;

/// Arguments of `migrate`: the settings.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {}

/// Waits, creates schemas, migrates.
///
/// # Errors
/// The first step that fails.
pub(crate) fn run(Args {}: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    run::start(&[], Extent::Migrate, invocation)
}
