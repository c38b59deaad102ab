//! Decides the format of a folder whose files fit several formats that doorstep applies: by the one history in the database.

use crate::base::error::Error;
use crate::config::{Mode, Patience};
use crate::engines::session::Session;
use crate::formats::{Folder, Format};
use crate::sql::{Dialect, TableName};
use crate::startup::setup::Setup;
use crate::startup::wait::{self, Connected};

/// Waits for the database and looks for the histories, if the files leave the format open. Such a folder costs a login of its
/// own. With `create`, a database that does not exist is created, as in the start that follows.
///
/// # Errors
/// Those of the wait; [`Error::Statement`] where the catalog cannot be read.
pub(crate) async fn settle(setup: &mut Setup, patience: Patience, create: bool) -> Result<(), Error> {
    let is_on = setup.settings.mode != Mode::Off && !setup.is_scratch;
    let is_open = |folder: &Folder| is_on && folder.claim.is_some() && !folder.alternatives.is_empty();
    let Some(folder) = setup.folder.filter(is_open) else { return Ok(()) };
    let Connected { mut session, .. } =
        wait::until_ready(setup, patience, &setup.probe_request(), create, false).await?;
    let format = format_by_history(folder, setup.dialect, session.as_mut()).await;
    session.close().await;
    if let Some(format) = format? {
        setup.folder = Some(Folder { format, claim: None, ..folder });
    }
    Ok(())
}

/// The format whose history the database has, if it is another one than that as which the files are read.
async fn format_by_history(
    folder: Folder,
    dialect: Dialect,
    session: &mut dyn Session,
) -> Result<Option<Format>, Error> {
    let table = |format: &Format| {
        let schema = format.ledger.place(dialect).map(str::to_owned);
        TableName { schema, name: format.ledger.table_on(dialect).to_owned() }
    };
    let formats = std::iter::once(&folder.format).chain(folder.alternatives);
    let tables: Vec<TableName> = formats.map(table).collect();
    let missing = session.missing_tables(&tables, None).await;
    let missing =
        missing.map_err(Error::statement("look for the histories of the formats that the folder may be of"))?;
    let found = tables.iter().map(|table| missing.iter().all(|missing| missing.table != *table));
    let found: Vec<bool> = found.collect();
    Ok(the_one(found[0], &found[1..]).map(|index| folder.alternatives[index]))
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
