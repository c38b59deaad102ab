//! `diff`: what differs, and the SQL that closes the gap. Gives no verdict, and writes nothing.

use std::fmt;

use serde::Serialize;

use crate::base::error::Error;
use crate::base::log::LogFormat;
use crate::base::neutral;
use crate::commands::invocation::{Invocation, Next, block_on};
use crate::commands::output;
use crate::differ::ddl::DdlScript;
use crate::finding::{Finding, Severity};
use crate::startup::start::Start;
use crate::verify::DatabaseComparison;
use crate::verify::desired::DesiredState;

/// Arguments of `diff`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// The SQL of the gap on stdout, as the text of a migration.sql: it creates, and never drops
    #[arg(long, conflicts_with = "format")]
    script: bool,
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value = "text")]
    format: LogFormat,
}

/// The differences between a database and its desired state.
#[derive(Debug, Serialize)]
struct Diff {
    /// By table.
    findings: Vec<Finding>,
    /// Creates what is missing.
    #[serde(skip)]
    missing: DdlScript,
    /// Where the database is, for people.
    #[serde(skip)]
    address: String,
    /// The files of the desired state.
    #[serde(skip)]
    files: Vec<String>,
}

/// Prints the differences, or the script.
///
/// # Errors
/// [`Error::Settings`] where there is no desired state; those of the wait and of reading.
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    let setup = invocation.settled_setup()?;
    setup.demand_one_schema()?;
    let desired = block_on(invocation.stop, setup.read_desired_files())?;
    desired.demand()?;
    let diff =
        invocation.in_session(&setup, true, setup.read_folder(), async |start| compared(start, desired).await)?;
    match args.script {
        true => output::print(&diff.script())?,
        false => output::show(&diff, args.format)?,
    }
    Ok(Next::Done)
}

async fn compared(start: &mut Start<'_>, desired: DesiredState) -> Result<Diff, Error> {
    start.read_history_and_running().await?;
    let DatabaseComparison { findings, script } = start.compare(&desired, Severity::Notice).await?;
    Ok(Diff { findings, missing: script, address: start.setup.database.target()?.address(), files: desired.files })
}

impl fmt::Display for Diff {
    /// A line for each finding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{:<8} {}", finding.difference.severity, neutral::line(&finding.sentence()))?;
        }
        Ok(())
    }
}

impl Diff {
    /// The script that closes the gap, with a heading that says which: the text of a `migration.sql`.
    fn script(&self) -> String {
        // A name must not end the comment.
        let files = if self.files.is_empty() { "what is required".to_owned() } else { self.files.join(" and ") };
        let heading = format!("What {} lacks of {files}", self.address);
        format!("-- {}\n\n{}", neutral::line(&heading), self.missing)
    }
}
