//! doorstep's notes about runs, beside the history of a tool that has one row for each applied migration and none for a run
//! that is not done.
//!
//! A script that commits together with its row needs no note: without the row, nothing of it was kept. A script that runs
//! outside a transaction has one as long as its row is not written. The table has the columns of plain SQL's history. It
//! is created for the first such script and dropped with its last row, so that the tool finds its database as it left it.

use crate::formats::migration::{Migration, Record, RunMode};
use crate::formats::{Outcome, RowKey, sql};
use crate::sql::{Dialect, Row, TableName};

/// Name of the table, in the schema of the history table.
pub(crate) const TABLE: &str = "_doorstep_runs";

/// The table.
#[derive(Debug)]
pub(crate) struct Notes;

/// The notes.
pub(crate) static NOTES: Notes = Notes;

impl Notes {
    /// The table beside this history.
    pub(crate) fn table(&self, history: &TableName) -> TableName {
        TableName { schema: history.schema.clone(), name: TABLE.to_owned() }
    }

    /// Selects the notes, oldest first.
    pub(crate) fn select(&self, dialect: Dialect, history: &TableName) -> String {
        sql::select(dialect, &self.table(history))
    }

    /// What the rows of [`Notes::select`] say.
    pub(crate) fn records(&self, history: &TableName, rows: Vec<Row>) -> Vec<Record> {
        let own = |record: Record| {
            let name = record.name.strip_prefix(&name(history, ""))?.to_owned();
            Some(Record { name, ..record })
        };
        rows.into_iter().map(sql::record).filter_map(own).collect()
    }

    /// Notes that a migration begins; creates the table.
    pub(crate) fn begin(&self, row: RowKey<'_>, mode: RunMode, migration: &Migration) -> String {
        let (history, table) = (row.table, self.table(row.table));
        let (dialect, row) = (row.dialect, RowKey { table: &table, ..row });
        let create = format!("CREATE TABLE IF NOT EXISTS {} ({})", dialect.table(&table), sql::columns(dialect));
        let name = name(history, &migration.name);
        format!("{create}; {}", sql::put(row, (&name, &migration.checksum), sql::way(Some(mode)), "NULL"))
    }

    /// Notes how far a run is, or how it ended.
    pub(crate) fn end(&self, row: RowKey<'_>, outcome: &Outcome<'_>) -> String {
        let table = self.table(row.table);
        sql::COLUMNS.end(RowKey { table: &table, ..row }, outcome, row.dialect.rules().now)
    }

    /// The note of a run: `table WHERE condition`.
    pub(crate) fn locate(&self, row: RowKey<'_>) -> String {
        let table = self.table(row.table);
        sql::COLUMNS.locate(RowKey { table: &table, ..row })
    }

    /// Deletes the note of a migration that is applied.
    pub(crate) fn delete(&self, dialect: Dialect, history: &TableName, name: &str) -> String {
        format!(
            "DELETE FROM {} WHERE name = {}",
            dialect.table(&self.table(history)),
            dialect.literal(&self::name(history, name))
        )
    }

    /// One row for each note that is left.
    pub(crate) fn left(&self, dialect: Dialect, history: &TableName) -> String {
        format!("SELECT name FROM {} LIMIT 1", dialect.table(&self.table(history)))
    }

    /// Drops the table.
    pub(crate) fn drop_table(&self, dialect: Dialect, history: &TableName) -> String {
        format!("DROP TABLE {}", dialect.table(&self.table(history)))
    }
}

/// How a migration is called there: several histories of one schema share the table.
fn name(history: &TableName, migration: &str) -> String {
    format!("{}/{migration}", history.name)
}
