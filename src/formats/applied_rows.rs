//! Ledgers of tools that have one row for each applied migration, and none for a run that is not done. The row is written
//! with the end of the script: in its transaction, or after a script that refuses one, of which doorstep keeps a note
//! meanwhile ([`Notes`]).
//!
//! The key of such a run is the one of its note; without a note it is [`ROW`], followed by the version where the tool has
//! written the row already.

use crate::formats::migration::{Migration, RunMode};
use crate::formats::notes::{NOTES, Notes};
use crate::formats::{Outcome, RowKey};

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
    let has_note = !row.id.starts_with(ROW);
    match outcome {
        Outcome::Succeeded => insert(),
        Outcome::RolledBack(_) | Outcome::GivenUp => has_note.then(|| format!("DELETE FROM {}", NOTES.locate(row))),
        Outcome::Progress(_) | Outcome::Failed(_) => has_note.then(|| NOTES.end(row, outcome)),
    }
}
