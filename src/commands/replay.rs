//! `replay`: applies the whole folder to a scratch database and verifies it. Finds the migration that cannot run from
//! scratch (Prisma's P3006) before it meets an empty volume or a colleague's machine.

use std::fmt;

use serde::Serialize;

use crate::base::error::Error;
use crate::base::log::LogFormat;
use crate::commands::invocation::{Invocation, Next};
use crate::commands::{output, scratch};
use crate::startup::pipeline::{self, Extent};

/// Arguments of `replay`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value = "text")]
    format: LogFormat,
}

/// The result, for `--format json`.
#[derive(Debug, Serialize)]
struct Replayed {
    /// The folder runs from scratch, and what the service needs exists afterwards.
    ok: bool,
    /// How many migrations were applied, if all were.
    applied: Option<usize>,
    /// Why not.
    message: Option<String>,
}

/// Replays, and prints the result.
///
/// # Errors
/// The first step that fails on the scratch database.
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    let (setup, stop) = (invocation.setup()?, invocation.stop);
    let replayed = scratch::run(setup, stop, async |setup| pipeline::run(setup, Extent::Run, stop).await);
    output::show(&Replayed::of(&replayed), args.format)?;
    replayed.map(|_| Next::Done)
}

impl Replayed {
    fn of(outcome: &Result<usize, Error>) -> Self {
        let message = outcome.as_ref().err().map(ToString::to_string);
        Self { ok: outcome.is_ok(), applied: outcome.as_ref().ok().copied(), message }
    }
}

impl fmt::Display for Replayed {
    /// Of a failure the error says all, on stderr.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.applied {
            Some(applied) => writeln!(f, "the folder runs from scratch: {applied} migrations"),
            None => Ok(()),
        }
    }
}
