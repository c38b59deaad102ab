//! The row of a run, in ledgers that have one for each run of a migration: how it ends, and how it is found again.

use crate::formats::migration::Record;
use crate::formats::{Outcome, RowKey, rfc3339};

/// What such a ledger calls its columns, and what else a success sets.
pub(crate) struct RunColumns {
    /// The key of the row.
    pub(crate) key: &'static str,
    /// The error of a run that failed.
    pub(crate) note: &'static str,
    /// How many statements are done.
    pub(crate) steps: &'static str,
    /// The steps of a run that succeeded; `None` keeps those that are recorded.
    pub(crate) steps_of_success: Option<u32>,
}

impl RunColumns {
    /// The statement that ends a run which nothing has ended yet; `now` is the server's clock.
    pub(crate) fn end(&self, row: RowKey<'_>, outcome: &Outcome<'_>, now: &str) -> String {
        let Self { key, note, steps, steps_of_success } = self;
        let literal = |message| row.dialect.literal(message);
        let change = match outcome {
            Outcome::Succeeded => {
                let set = steps_of_success.map_or_else(String::new, |count| format!("{steps} = {count}, "));
                format!("{set}{note} = NULL, finished_at = {now}")
            }
            Outcome::Progress(count) => format!("{steps} = {count}, {note} = NULL"),
            Outcome::Resumed(count, checksum) => {
                format!("{steps} = {count}, {note} = NULL, checksum = {}", literal(checksum))
            }
            Outcome::At(count, message) => format!("{steps} = {count}, {note} = {}", literal(message)),
            Outcome::Failed(message) => format!("{note} = {}", literal(message)),
            Outcome::RolledBack(message) => {
                format!("{note} = {}, {steps} = 0, rolled_back_at = {now}", literal(message))
            }
            Outcome::GivenUp => format!("rolled_back_at = {now}"),
        };
        let (table, id) = (row.table(), row.id());
        format!("UPDATE {table} SET {change} WHERE {key} = {id} AND finished_at IS NULL AND rolled_back_at IS NULL")
    }

    /// The row, as `LedgerWriter::locate` gives it.
    pub(crate) fn locate(&self, row: RowKey<'_>) -> String {
        format!("{} WHERE {} = {}", row.table(), self.key, row.id())
    }
}

/// Reads what such a row holds, in this order: key, checksum, name, begin, end, when it was rolled back, the error, the steps.
pub(crate) fn record(values: &mut impl Iterator<Item = Option<String>>) -> Record {
    let mut value = || values.next().flatten();
    let [id, checksum, name] = std::array::from_fn(|_| value().unwrap_or_default());
    let [started_at, finished_at, rolled_back_at] = std::array::from_fn(|_| value().map(rfc3339));
    let (message, steps) = (value(), value().and_then(|steps| steps.parse().ok()).unwrap_or(0));
    Record { id, name, checksum, started_at, finished_at, rolled_back_at, message, steps, ..Record::default() }
}
