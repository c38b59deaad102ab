//! `verify`: compares the database with the desired state and prints every difference. Writes nothing.
//!
//! The forms of the report are in `report/`. Its last line is the verdict, so a failure adds no line to the log.

use std::cell::OnceCell;

use clap::ValueEnum;

use crate::base::environment::Environment;
use crate::base::error::{Code, Error};
use crate::base::schema_failures::SchemaFailures;
use crate::base::termination;
use crate::commands::invocation::{Invocation, Next};
use crate::commands::output;
use crate::config::SchemasFrom;
use crate::finding::Severity;
use crate::report::{TablePlace, Verified, github, junit, markdown, text};
use crate::startup::setup::Setup;
use crate::startup::start::Start;
use crate::startup::tenants;
use crate::startup::tenants::verify::Compared;
use crate::verify;
use crate::verify::desired::DesiredState;

/// Arguments of `verify`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value = "text")]
    format: Form,
    /// Name the notices, too: differences that affect no query of the service
    #[arg(long)]
    notices: bool,
}

/// The forms of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people, by table; coloured on a terminal
    Text,
    /// For machines, with everything
    Json,
    /// JUnit's XML: a suite per file, a case per table
    Junit,
    /// Annotations of GitHub Actions: ::error file=…,line=…
    Github,
    /// Tables, e.g. for $GITHUB_STEP_SUMMARY
    Markdown,
}

/// Prints the report. Exit code 3 if a finding would stop a start.
///
/// # Errors
/// Those of the wait and of reading; findings are no error.
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    let setup = invocation.settled_setup()?;
    if let Some(from) = setup.tenants() {
        return finish(&many(&setup, from, invocation)?, args, invocation);
    }
    // The server reads its tables longer than doorstep its files.
    let desired = OnceCell::new();
    let files = async {
        let (history, read) = tokio::try_join!(setup.read_folder(), setup.read_desired())?;
        let _ = desired.set(read);
        Ok(history)
    };
    let work = async |start: &mut Start<'_>| match desired.get() {
        Some(desired) => verified(start, desired).await,
        None => Err(Error::Internal("the desired state was not read".to_owned())),
    };
    let verified = invocation.in_session(&setup, true, files, work)?;
    finish(&verified, args, invocation)
}

/// Prints the report; the exit code says whether a start would stop.
fn finish(verified: &Verified, args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    output::print(&render(verified, args, invocation.environment))?;
    if verified.ok {
        return Ok(Next::Done);
    }
    termination::note(&verified.stopped());
    Ok(Next::Exit(Code::Differences as u8))
}

async fn verified(start: &mut Start<'_>, desired: &DesiredState) -> Result<Verified, Error> {
    if desired.hollow().is_some() {
        desired.demand()?;
    }
    start.read_history_and_running().await?;
    let findings = start.compare(desired, Severity::Notice).await?.findings;
    let places = TablePlace::of(&desired.catalogs(start.setup.home(&start.probe)));
    let least = verify::threshold(start.setup.settings.strictness);
    Ok(Verified::new(findings, least, places, start.setup.database.target()?.address()))
}

/// Compares all schemas of `from`: the names of the findings have their schemas.
///
/// # Errors
/// [`Error::Schemas`] for those that cannot be compared.
fn many(setup: &Setup, from: &SchemasFrom, invocation: &Invocation<'_>) -> Result<Verified, Error> {
    let (mut findings, mut places, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    let work = async |start: &mut Start<'_>| {
        let mut desired = setup.read_desired().await?;
        desired.demand()?;
        let names = tenants::names::find(start.session.as_mut(), from).await?;
        let mut take = |compared: Compared, desired: &DesiredState| match compared.findings {
            Ok(found) => {
                places.extend(TablePlace::of(&desired.catalogs(&names[compared.at])));
                findings.extend(found);
            }
            Err(error) => failed.push((names[compared.at].clone(), error)),
        };
        let of = (setup, &start.probe, Severity::Notice);
        let expected = (&mut desired, start.history.as_mut());
        tenants::verify::compare(of, start.session.as_mut(), expected, &names, &mut take).await?;
        Ok(names.len())
    };
    let count = invocation.in_session(setup, false, setup.read_folder(), work)?;
    if !failed.is_empty() {
        return Err(Error::Schemas(Box::new(SchemaFailures { failed, count, left: 0 })));
    }
    let least = verify::threshold(setup.settings.strictness);
    Ok(Verified::new(findings, least, places, setup.database.target()?.address()))
}

fn render(verified: &Verified, args: &Args, environment: &Environment) -> String {
    match args.format {
        Form::Text => text::render(verified, args.notices, output::screen(environment)),
        Form::Json => output::json(verified),
        Form::Junit => junit::render(verified),
        Form::Github => github::render(verified),
        Form::Markdown => markdown::render(verified),
    }
}
