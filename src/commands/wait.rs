//! `wait`: step 1 of the pipeline, and nothing else. Writes nothing.

use crate::base::error::Error;
use crate::commands::invocation::{Invocation, Next};
use crate::commands::run;
use crate::startup::pipeline::Extent;

/// Arguments of `wait`: the settings.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {}

/// Returns once the database accepts logins and writes.
///
/// # Errors
/// [`Error::NotReady`] at the deadline, [`Error::Refused`] for what no waiting mends.
pub(crate) fn run(Args {}: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    run::start(&[], Extent::Wait, invocation)
}
