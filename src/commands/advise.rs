//! `advise`: index recommendations and slow statements, once, read only. Numbers and SQL; what they are worth is for the reader.
//!
//! The facts are asked for in `inspect/advice`. Without hypopg an index is proved on a scratch database, if a flag allows one.

use crate::base::error::Error;
use crate::base::fault::Fault;
use crate::base::log::LogFormat;
use crate::base::signal::Stop;
use crate::commands::invocation::{Invocation, Next};
use crate::commands::{output, scratch};
use crate::differ::ddl::index::{IndexName, create_index};
use crate::engines::session::Session;
use crate::inspect::advice::examine::examine;
use crate::inspect::advice::facts::{Facts, MissingIndex, Proof};
use crate::inspect::advice::report::report;
use crate::startup::pipeline::{self, Extent};
use crate::startup::setup::Setup;
use crate::startup::start::Start;

/// Arguments of `advise`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Form of the result on stdout
    #[arg(long, value_enum, default_value = "text")]
    format: LogFormat,
    // No doc comment, in which rustdoc would look for an item of this name.
    #[arg(
        long,
        help = "Where hypopg is not installed, prove indexes for [[query]]s on a scratch database; needs CREATEDB"
    )]
    scratch: bool,
}

/// Prints the recommendations. They are no failure: the exit code is 0.
///
/// # Errors
/// Those of the wait, and of the scratch database.
pub(crate) fn run(args: &Args, invocation: &Invocation<'_>) -> Result<Next, Error> {
    let setup = invocation.setup()?;
    let mut facts = invocation.in_session(&setup, false, async { Ok(None) }, ask)?;
    let is_open = facts
        .queries
        .iter()
        .filter_map(|query| query.plans.as_ref().ok())
        .any(|plans| plans.missing.iter().any(is_provable));
    if args.scratch && is_open {
        facts = prove(facts, setup, invocation.stop)?;
    }
    output::show(&report(facts), args.format)?;
    Ok(Next::Done)
}

async fn ask(start: &mut Start<'_>) -> Result<Facts, Error> {
    let place = (start.setup.database.target()?.address(), start.probe.server.clone());
    Ok(examine(start.session.as_mut(), place, &start.setup.settings.queries).await)
}

/// An index that was not tried, and could be.
fn is_provable(index: &MissingIndex) -> bool {
    matches!(index.proof, Proof::Untried(_)) && !index.columns.is_empty()
}

/// The name of an index on a scratch database.
const CANDIDATE: &str = "doorstep_candidate";

/// Creates each index on a scratch database with the folder's schema, and asks the planner whether it can search by it.
fn prove(mut facts: Facts, setup: Setup, stop: &Stop) -> Result<Facts, Error> {
    scratch::run(setup, stop, async |setup| {
        pipeline::run(setup, Extent::Migrate, stop).await?;
        let opened = setup.database.target()?.open(&setup.probe_request()).await;
        let (mut session, _) = opened.map_err(Error::statement("open the scratch database"))?;
        for query in &mut facts.queries {
            let Ok(plans) = &mut query.plans else { continue };
            for index in plans.missing.iter_mut().filter(|index| is_provable(index)) {
                index.proof = match takes(session.as_mut(), &query.sql, index).await {
                    Ok(true) => Proof::Scratch,
                    Ok(false) => Proof::Refuted,
                    Err(fault) => Proof::Untried(format!("the scratch database refused: {fault}")),
                };
            }
        }
        session.close().await;
        Ok(())
    })?;
    Ok(facts)
}

/// Whether one of the plans that verify looks at searches by the index.
async fn takes(session: &mut dyn Session, sql: &str, index: &MissingIndex) -> Result<bool, Fault> {
    let dialect = session.dialect();
    session.execute(create_index(dialect, &index.table, &index.columns, IndexName::Given(CANDIDATE))).await?;
    let explained = session.explain(&[sql]).await;
    // Dropped also where the query was refused: the next candidate has the same name.
    let schema = dialect.identifier(&index.table.schema);
    session.execute(format!("DROP INDEX {schema}.{}", dialect.identifier(CANDIDATE))).await?;
    let plans = explained?.into_iter().next().unwrap_or_else(|| Ok(Vec::new()))?;
    let mut scans = plans.iter().flat_map(|plan| &plan.scans);
    Ok(scans.any(|scan| scan.index.as_deref() == Some(CANDIDATE) && !scan.condition.is_empty()))
}
