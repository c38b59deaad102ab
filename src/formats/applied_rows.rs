//! Ledgers of tools that have one row for each applied migration, and none for a run that is not done. The row is written
//! with the end of the script: in its transaction, or after a script that refuses one, of which doorstep keeps a note
//! meanwhile ([`Notes`]).
//!
//! The key of such a run is the one of its note; without a note it is [`ROW`], followed by the version where the tool has
//! written the row already.

use crate::formats::migration::{Migration, RunMode};
use crate::formats::notes::{NOTES, Notes};
use crate::formats::{Ledger, LedgerWriter, Outcome, RowKey};
use crate::sql::{Dialect, TableName};

/// A ledger of this kind. Every one is a [`LedgerWriter`].
pub(crate) trait AppliedRows: Ledger {
    /// Creates the table.
    fn create_table(&self, dialect: Dialect, table: &TableName) -> String;

    /// Records that a migration is applied that never ran here.
    fn adopt_row(&self, row: RowKey<'_>, migration: &Migration) -> String;

    /// Records that a script has run, where the row says more than of an adopted one.
    fn applied_row(&self, row: RowKey<'_>, migration: &Migration) -> Option<String> {
        Some(self.adopt_row(row, migration))
    }

    /// The row of a key that follows [`ROW`]: `table WHERE condition`.
    fn locate_row(&self, row: RowKey<'_>, key: &str) -> String;

    /// The tool has a row for a script that has begun and does not commit together with its row, and does not go on while it is
    /// there: [`AppliedRows::mark_begun`] writes it besides the note.
    fn marks(&self) -> bool {
        false
    }

    /// Writes that row.
    fn mark_begun(&self, _row: RowKey<'_>, _migration: &Migration) -> Option<String> {
        None
    }

    /// Deletes it, if it is there.
    fn unmark_begun(&self, _row: RowKey<'_>, _migration: &Migration) -> Option<String> {
        None
    }

    /// Ends a row that another writer has left unfinished; `None` where such an end leaves nothing to write.
    fn end_left(&self, _row: RowKey<'_>, _outcome: &Outcome<'_>) -> Option<String> {
        None
    }
}

impl<T: AppliedRows> LedgerWriter for T {
    fn create(&self, dialect: Dialect, table: &TableName) -> String {
        self.create_table(dialect, table)
    }

    fn new_id(&self, mode: Option<RunMode>) -> String {
        new_id(mode)
    }

    fn begin(&self, row: RowKey<'_>, mode: RunMode, migration: &Migration) -> Option<String> {
        let note = begin(row, mode, migration)?;
        Some(match self.mark_begun(row, migration) {
            Some(mark) => format!("{note}; {mark}"),
            None => note,
        })
    }

    fn clears(&self, row: RowKey<'_>, migration: &Migration) -> Option<String> {
        if has_note(row) { self.unmark_begun(row, migration) } else { None }
    }

    fn end(&self, row: RowKey<'_>, migration: Option<&Migration>, outcome: &Outcome<'_>) -> Option<String> {
        let left = if is_left(row) { self.end_left(row, outcome) } else { None };
        let end = left.or_else(|| end(row, outcome, || self.applied_row(row, migration?)))?;
        let is_void = has_note(row) && matches!(outcome, Outcome::RolledBack(_) | Outcome::GivenUp);
        let unmark = migration.filter(|_| is_void).and_then(|migration| self.unmark_begun(row, migration));
        Some(unmark.map_or(end.clone(), |unmark| format!("{end}; {unmark}")))
    }

    fn marks_begun(&self) -> bool {
        self.marks()
    }

    fn adopt(&self, row: RowKey<'_>, migration: &Migration) -> String {
        self.adopt_row(row, migration)
    }

    fn locate(&self, row: RowKey<'_>) -> String {
        match row.id.strip_prefix(ROW) {
            Some(key) => self.locate_row(row, key),
            None => NOTES.locate(row),
        }
    }

    fn notes(&self) -> Option<&'static Notes> {
        Some(notes())
    }
}

/// Whether the key is that of a row which another writer has left.
pub(crate) fn is_left(row: RowKey<'_>) -> bool {
    row.id.strip_prefix(ROW).is_some_and(|key| !key.is_empty())
}

/// Whether the key is that of a note.
pub(crate) fn has_note(row: RowKey<'_>) -> bool {
    !row.id.starts_with(ROW)
}

/// How the key begins of a run whose only trace is its row.
pub(crate) const ROW: &str = "row:";

/// The notes, for `LedgerWriter::notes`.
pub(crate) fn notes() -> &'static Notes {
    &NOTES
}

/// The key of a new run.
pub(crate) fn new_id(mode: Option<RunMode>) -> String {
    match mode {
        Some(RunMode::Steps | RunMode::Whole) => uuid::Uuid::new_v4().to_string(),
        Some(RunMode::Atomic) | None => ROW.to_owned(),
    }
}

/// The note of a run that does not commit together with its row.
pub(crate) fn begin(row: RowKey<'_>, mode: RunMode, migration: &Migration) -> Option<String> {
    (mode != RunMode::Atomic).then(|| NOTES.begin(row, mode, migration))
}

/// How a run ended: the row where it succeeded, the note where it is not done. A run that left nothing has no note.
pub(crate) fn end(row: RowKey<'_>, outcome: &Outcome<'_>, insert: impl FnOnce() -> Option<String>) -> Option<String> {
    let has_note = has_note(row);
    match outcome {
        Outcome::Succeeded => insert(),
        Outcome::RolledBack(_) | Outcome::GivenUp => has_note.then(|| format!("DELETE FROM {}", NOTES.locate(row))),
        Outcome::Progress(_) | Outcome::At(..) | Outcome::Resumed(..) | Outcome::Failed(_) => {
            has_note.then(|| NOTES.end(row, outcome))
        }
    }
}

/// How a row with `success = false` ends: the column `set` says that the script succeeded, or the row goes. `its` is the condition
/// that finds it.
pub(crate) fn end_of_failed(row: RowKey<'_>, its: &str, set: &str, outcome: &Outcome<'_>) -> Option<String> {
    let table = row.table();
    match outcome {
        Outcome::Succeeded => Some(format!("UPDATE {table} SET {set}{its}")),
        Outcome::RolledBack(_) | Outcome::GivenUp => Some(format!("DELETE FROM {table}{its}")),
        Outcome::Progress(_) | Outcome::At(..) | Outcome::Resumed(..) | Outcome::Failed(_) => None,
    }
}
