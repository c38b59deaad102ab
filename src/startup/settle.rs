//! Whose a folder is, where its files may be of several formats that doorstep applies: the one history in the database tells.

use std::time::Duration;

use crate::base::error::Error;
use crate::config::{Mode, Patience};
use crate::engines::session::{Probe, Session};
use crate::formats::{Folder, Format};
use crate::sql::{Dialect, TableName};
use crate::startup::setup::Setup;
use crate::startup::wait::{self, Connected};

/// Waits for the database and looks for the histories, if the files leave the format open. Such a folder costs a login of its
/// own. With `create`, a database that does not exist is created, as in the start that follows.
///
/// # Errors
/// Those of the wait; [`Error::Statement`] where the catalog cannot be read.
pub(crate) async fn settle(setup: &mut Setup, create: bool) -> Result<(), Error> {
    let Some(folder) = open_folder(setup) else { return Ok(()) };
    let ready = wait::until_ready(setup, setup.settings.patience, create, false).await?;
    let Connected { mut session, probe, .. } = ready;
    let settled = settled(folder, setup.dialect, session.as_mut(), &probe).await;
    session.close().await;
    setup.folder = Some(settled?);
    Ok(())
}

/// The same for a command that tries once and has no time to wait: without an answer, the format stays open.
pub(crate) async fn settle_once(setup: &mut Setup, limit: Duration) {
    let usual = setup.settings.patience;
    setup.settings.patience = Patience { timeout: Some(limit), fixed: Some((1, limit)) };
    // What is wrong with the database is the answer of the command itself.
    let _ = settle(setup, false).await;
    setup.settings.patience = usual;
}

/// Whether a history has to say whose the folder is.
pub(crate) fn is_open(setup: &Setup) -> bool {
    open_folder(setup).is_some()
}

/// The folder, if a history has to say whose it is.
fn open_folder(setup: &Setup) -> Option<Folder> {
    let is_on = setup.settings.mode != Mode::Off && !setup.is_scratch;
    setup.folder.filter(|folder| is_on && folder.claim.is_some() && !folder.alternatives.is_empty())
}

/// The folder as the format whose history the database has.
async fn settled(folder: Folder, dialect: Dialect, session: &mut dyn Session, probe: &Probe) -> Result<Folder, Error> {
    let table = |format: &Format| {
        let ledger = format.ledger;
        let schema = ledger.place(dialect);
        TableName { schema: schema.map(str::to_owned), name: ledger.table().to_owned() }
    };
    let tables: Vec<TableName> = folder.alternatives.iter().map(table).collect();
    let missing = session.missing_tables(&tables, None).await;
    let missing =
        missing.map_err(Error::statement("look for the histories of the formats that the folder may be of"))?;
    let found: Vec<bool> = tables.iter().map(|table| missing.iter().all(|missing| missing.table != *table)).collect();
    let has_own = probe.history.is_some() || !is_missing_in_schema(session, &table(&folder.format)).await?;
    Ok(match the_one(has_own, &found) {
        Some(index) => Folder { format: folder.alternatives[index], claim: None, ..folder },
        None => folder,
    })
}

/// Whether a history with a schema of its own is missing; one without was looked for by the first query.
async fn is_missing_in_schema(session: &mut dyn Session, table: &TableName) -> Result<bool, Error> {
    if table.schema.is_none() {
        return Ok(true);
    }
    let missing = session.missing_tables(std::slice::from_ref(table), None).await;
    Ok(!missing.map_err(Error::statement(format!("look for the history table {table}")))?.is_empty())
}

/// The place of the one history that is there, if the format that the files are read as has none.
fn the_one(has_own: bool, found: &[bool]) -> Option<usize> {
    let mut there = found.iter().enumerate().filter(|(_, is_there)| **is_there).map(|(index, _)| index);
    match (has_own, there.next(), there.next()) {
        (false, Some(only), None) => Some(only),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_history_decides_and_two_or_none_do_not() {
        for (has_own, found, expected) in [
            (false, &[true, false][..], Some(0)),
            (false, &[false, true], Some(1)),
            (false, &[true, true], None),
            (false, &[false, false], None),
            (true, &[true, false], None),
            (false, &[], None),
        ] {
            assert_eq!(the_one(has_own, found), expected, "{has_own} {found:?}");
        }
    }
}
