//! The table of a history: where it is, and its rows as they are.

use crate::base::error::Error;
use crate::base::fault::{Class, Condition};
use crate::engines::session::{Probe, Session};
use crate::formats::{Folder, Ledger};
use crate::migrate::failure_report;
use crate::migrate::rights::grant;
use crate::sql::{Dialect, Row, TableName};

/// Where the table is: in the schema of its tool, or where the probe has found it along the search path. `is_known` says that its
/// rows have been read, so that it need not be looked for.
///
/// # Errors
/// [`Error::Statement`].
pub(super) async fn find(
    session: &mut dyn Session,
    (ledger, dialect): (&dyn Ledger, Dialect),
    probe: &Probe,
    is_known: bool,
) -> Result<Option<TableName>, Error> {
    let Some(schema) = ledger.place(dialect) else { return Ok(probe.history.clone()) };
    let table = TableName { schema: Some(schema.to_owned()), name: ledger.table_on(dialect).to_owned() };
    if is_known {
        return Ok(Some(table));
    }
    let missing = session.missing_tables(std::slice::from_ref(&table), None).await;
    let missing = missing.map_err(Error::statement(format!("look for the history table {table}")))?;
    Ok(missing.is_empty().then_some(table))
}

/// The rows of the table, for [`Ledger::records`].
///
/// # Errors
/// [`Error::Statement`] for a table that cannot be read, [`Error::Settings`] for one of another tool.
pub(super) async fn rows(
    session: &mut dyn Session,
    (folder, table): (&Folder, &TableName),
    role: &str,
) -> Result<Vec<Row>, Error> {
    let dialect = session.dialect();
    let sql = session.engine().pinned().to_owned() + &folder.format.ledger.select(dialect, table);
    session.query(sql).await.map_err(|fault| {
        if fault.condition == Some(Condition::NoColumn) {
            return Error::Settings(failure_report::history_of_another(&fault.to_string(), folder));
        }
        let remedy = (fault.class == Class::Privilege).then(|| grant((dialect, table), "SELECT", role));
        Error::Statement { doing: format!("read the history table {table}"), fault, remedy }
    })
}
