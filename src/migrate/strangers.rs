//! A database without a history, but with tables: another project's, or one that another tool has migrated so far.

use crate::base::error::Error;
use crate::engines::session::{Probe, Session};
use crate::formats::prisma;
use crate::migrate::failure_report;
use crate::migrate::history::History;

/// Refuses such a database. `own`: the schemas of the service.
///
/// # Errors
/// [`Error::History`] that names the tables, and the tool whose history is among them.
pub(crate) async fn refuse(
    history: &History,
    session: &mut dyn Session,
    probe: &Probe,
    own: &[String],
) -> Result<(), Error> {
    let strangers = session.tables_in(own).await.map_err(Error::statement("look for tables"))?;
    let suffix = format!(".{}", history.format.ledger.table());
    if let Some(schema) = strangers.iter().find_map(|table| table.strip_suffix(&suffix)) {
        return Err(Error::History(format!(
            "the history is in the schema {schema}, but the session looks in {}\n\
             next: add ?schema={schema} to the URL, or take it off where it names another schema",
            probe.current_schema.as_deref().unwrap_or("none")
        )));
    }
    if !strangers.is_empty() {
        return Err(Error::History(failure_report::not_empty(&strangers, &history.folder)));
    }
    refuse_elsewhere(history, session, probe, own).await
}

/// Refuses a database whose other schemas have the history of another tool, or tables of this role, to a folder of plain
/// SQL: they may be that tool's work on this folder. A folder of Prisma is certainly Prisma's, which looks at the service's
/// own schemas only (P3005): histories elsewhere are those of other services. A service whose schema is not the default one
/// shares the database with others, and what is outside its schema does not concern it.
async fn refuse_elsewhere(
    history: &History,
    session: &mut dyn Session,
    probe: &Probe,
    own: &[String],
) -> Result<(), Error> {
    let is_prismas = history.format.ledger.table() == prisma::FORMAT.ledger.table();
    if is_prismas || probe.current_schema.as_deref().is_some_and(|home| home != history.dialect.home()) {
        return Ok(());
    }
    let tables = session.tables_elsewhere(own).await.map_err(Error::statement("look for tables"))?;
    match tables.is_empty() {
        true => Ok(()),
        false => Err(Error::History(failure_report::not_empty_elsewhere(&tables, &history.folder))),
    }
}
