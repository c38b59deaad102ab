//! Compares many schemas with the desired state: their catalogs are read together, some at a time, and compared one by one. The server
//! sends names of all relations with each catalog, so that one for each schema would take time with the square of their number.

use crate::base::error::Error;
use crate::base::log::within;
use crate::base::progress::Phase;
use crate::catalog::Catalog;
use crate::engines::session::{Probe, Scope, Session};
use crate::finding::{Finding, Severity};
use crate::migrate::history::History;
use crate::report::summary::summary;
use crate::sql::TableName;
use crate::startup::setup::Setup;
use crate::startup::start::Comparison;
use crate::startup::tenants::survey::{Place, is_of_session, places};
use crate::verify as comparison;
use crate::verify::ahead::ReadAhead;
use crate::verify::desired::DesiredState;

/// How many catalogs are read in one message.
const BATCH: usize = 50;

/// How many findings are kept for the log that do not stop a start.
const REPORTED: usize = 1000;

/// What was found in one schema, or why it cannot be compared.
pub(crate) struct Compared {
    /// Its place among all.
    pub(crate) at: usize,
    pub(crate) findings: Result<Vec<Finding>, Error>,
}

/// Compares all of these schemas, and gives each result to `take`. For each fifty, two round trips for their histories and one for
/// their catalogs.
///
/// # Errors
/// Faults of the session; those of one schema are its result.
pub(crate) async fn compare(
    (setup, probe, explained): (&Setup, &Probe, Severity),
    session: &mut dyn Session,
    (desired, mut history): (&mut DesiredState, Option<&mut History>),
    names: &[String],
    take: &mut dyn FnMut(Compared, &DesiredState),
) -> Result<(), Error> {
    setup.tracker.enter(Phase::Verify);
    for (batch, names) in names.chunks(BATCH).enumerate() {
        let places = places((setup, probe), session, names, history.is_some()).await?;
        let catalogs = catalogs(setup, session, desired, names).await?;
        let aheads = with_tables(setup, session, desired, (names, catalogs)).await;
        for (at, ((schema, place), ahead)) in names.iter().zip(places).zip(aheads).enumerate() {
            desired.move_to(schema);
            let one = one((setup, schema, explained), session, (desired, history.as_deref_mut()), (place, ahead));
            match within(schema, one).await {
                Err(Error::Statement { fault, doing, remedy }) if is_of_session(&fault) => {
                    return Err(Error::Statement { doing, fault, remedy });
                }
                findings => take(Compared { at: batch * BATCH + at, findings }, desired),
            }
        }
    }
    Ok(())
}

/// The catalogs of these schemas with what else is looked at for each, as if they had been read one by one.
async fn catalogs(
    setup: &Setup,
    session: &mut dyn Session,
    desired: &mut DesiredState,
    names: &[String],
) -> Result<Vec<ReadAhead>, Error> {
    let role = setup.role();
    // Which schemas these are is found out for one of them: the others differ in their own name.
    let first = &names[0];
    desired.move_to(first);
    let of_first = comparison::schemas_of(desired, first);
    let scope_of = |name: &String| {
        let mut scope: Vec<String> =
            of_first.iter().map(|schema| if schema == first { name } else { schema }).cloned().collect();
        scope.sort_unstable();
        scope.dedup();
        scope
    };
    let scopes: Vec<Vec<String>> = names.iter().map(scope_of).collect();
    let mut all: Vec<String> = scopes.iter().flatten().cloned().collect();
    all.sort_unstable();
    all.dedup();
    if all.is_empty() {
        return Ok(names.iter().map(|_| ReadAhead::default()).collect());
    }
    let scope = Scope { schemas: &all, role: role.as_deref() };
    let catalog = session.catalog(&scope).await.map_err(Error::statement("read the catalogs"))?;
    let ahead = |(scope, catalog): (Vec<String>, Catalog)| ReadAhead::of_catalog(scope, role.clone(), catalog);
    Ok(scopes.into_iter().zip(catalog.split(names)).map(ahead).collect())
}

/// Finds out in one message in which of these schemas all required tables are; in the others they are asked for one by one.
async fn with_tables(
    setup: &Setup,
    session: &mut dyn Session,
    desired: &DesiredState,
    (names, aheads): (&[String], Vec<ReadAhead>),
) -> Vec<ReadAhead> {
    let required: Vec<TableName> = desired.tables.iter().map(|(table, _)| table.clone()).collect();
    if required.is_empty() || setup.role().is_some() {
        return aheads;
    }
    let within = |schema: &String| {
        let of_schema = |table: &TableName| TableName {
            schema: table.schema.clone().or_else(|| Some(schema.clone())),
            name: table.name.clone(),
        };
        required.iter().map(of_schema).collect::<Vec<TableName>>()
    };
    let asked: Vec<TableName> = names.iter().flat_map(within).collect();
    let usable = session.usable_tables(&asked).await;
    let mut answers = usable.chunks(required.len());
    let with = |ahead: ReadAhead| match answers.next() {
        Some(answer) if answer.len() == required.len() && answer.iter().all(|is_usable| *is_usable) => {
            ahead.with_usable(required.clone())
        }
        _ => ahead,
    };
    aheads.into_iter().map(with).collect()
}

/// Compares one schema.
async fn one(
    (setup, schema, explained): (&Setup, &str, Severity),
    session: &mut dyn Session,
    (desired, history): (&DesiredState, Option<&mut History>),
    (Place { probe, rows }, ahead): (Place, ReadAhead),
) -> Result<Vec<Finding>, Error> {
    let setup = setup.for_tenant(schema);
    let entered = session.enter_schema(schema, &setup.settings.tenancy.path).await;
    entered.map_err(Error::statement("enter a schema"))?;
    let history = match history {
        Some(history) => {
            history.read(session, &probe, rows).await?;
            Some(&*history)
        }
        None => None,
    };
    let comparison = Comparison { setup: &setup, probe: &probe, history, ahead, explained };
    Ok(comparison.with(session, None, desired).await?.findings)
}

/// Step 4 of a start: gives the schemas that lack something, and logs what stops none.
///
/// # Errors
/// As [`compare`].
pub(crate) async fn step(
    (setup, probe): (&Setup, &Probe),
    session: &mut dyn Session,
    (desired, history): (&mut DesiredState, Option<&mut History>),
    names: &[String],
) -> Result<Vec<(usize, Error)>, Error> {
    let strictness = setup.settings.strictness;
    let (mut failed, mut reported) = (Vec::new(), Vec::new());
    let mut take = |compared: Compared, _: &DesiredState| match compared.findings {
        Err(error) => failed.push((compared.at, error)),
        Ok(findings) => {
            let (stopping, others): (Vec<Finding>, Vec<Finding>) =
                findings.into_iter().partition(|finding| comparison::stops(finding, strictness));
            if !stopping.is_empty() {
                failed.push((compared.at, Error::Differences(summary(&stopping).to_string())));
            }
            reported.extend(others.into_iter().take(REPORTED.saturating_sub(reported.len())));
        }
    };
    compare((setup, probe, Severity::Warning), session, (desired, history), names, &mut take).await?;
    comparison::judge(reported, crate::config::Strictness::Report)?;
    Ok(failed)
}
