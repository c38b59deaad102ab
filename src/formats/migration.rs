//! Plain data that every format produces: a migration on disk, and its record in the history table.

use std::fmt;
use std::path::PathBuf;

use sha2::Digest as _;

use crate::base::likeness;
use crate::engines::session::Rollback;
use crate::sql::script::Script;

/// One migration, as read from its folder.
#[derive(Debug, Clone)]
pub(crate) struct Migration {
    /// Its name: what the history records.
    pub name: String,
    /// The file its script was read from.
    pub path: PathBuf,
    /// The script; of a migration in code, the text of its file, which is never lexed.
    pub script: Script,
    /// Checksum of the script, as the format computes it.
    pub checksum: String,
    /// Why it cannot be run: its file is missing, is not text, or does not say what of it is to run. Ignored once it is
    /// applied.
    pub unreadable: Option<Unreadable>,
    /// Its file asks for no transaction around it.
    pub no_transaction: bool,
}

/// Why a file cannot be run, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// Why: the file, and its line where one is to blame.
    pub why: String,
    /// What to do.
    pub next: String,
}

impl Unreadable {
    pub(crate) fn new(why: impl Into<String>, next: impl Into<String>) -> Self {
        Self { why: why.into(), next: next.into() }
    }

    /// With the place that it is said of before it.
    #[must_use]
    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        Self { why: format!("{place}: {}", self.why), ..self }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nnext: {}", self.why, self.next)
    }
}

impl Migration {
    /// The text to run.
    #[must_use]
    pub(crate) fn sql(&self) -> &str {
        self.script.text()
    }
}

/// How doorstep runs a script. The strategy chooses it, and the history keeps it: after a crash it decides what an
/// unfinished row means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunMode {
    /// Script and record in one transaction: both are kept, or neither.
    Atomic,
    /// Statement by statement, with a record of how many are done.
    Steps,
    /// In one message as the file has it, with the record after it.
    Whole,
}

/// Who wrote a row of the history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum RecordedBy {
    /// doorstep, for a script that it ran like this.
    Doorstep(RunMode),
    /// A person, with `resolve` or `baseline`: nothing ran.
    Person,
    /// The original tool, or an unknown writer.
    #[default]
    Tool,
}

/// One row of the history table (all times as RFC 3339 text).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Record {
    /// Key of the row.
    pub id: String,
    /// Name of the migration.
    pub name: String,
    /// Checksum of the script that ran.
    pub checksum: String,
    /// When it began.
    pub started_at: Option<String>,
    /// When it was done, empty where the history keeps no times; `None` while it runs, and for ever if it failed.
    pub finished_at: Option<String>,
    /// When it was declared rolled back.
    pub rolled_back_at: Option<String>,
    /// Why it failed.
    pub message: Option<String>,
    /// How many of its statements are done; they are counted while it runs statement by statement.
    pub steps: usize,
    /// Who wrote the row.
    pub by: RecordedBy,
}

/// How the recorded report of a failure that left nothing behind begins its last line. The text is part of the history
/// format: rows that earlier versions wrote have it, so it must not change.
const NOTHING_KEPT: &str = "nothing of it was kept";

/// The line of a failure report that says what the failed script, or its failed statement, left behind.
#[must_use]
pub(crate) fn rollback_line(rollback: Rollback, is_statement: bool) -> String {
    match (rollback, is_statement) {
        (Rollback::Complete, false) => format!("{NOTHING_KEPT}: it was rolled back as a whole"),
        (Rollback::Complete, true) => "nothing of this statement was kept".to_owned(),
        (Rollback::Partial, _) => "parts of it may have been kept: it does not run in one transaction".to_owned(),
        (Rollback::Unknown, _) => "whether it was kept is unknown: the connection was lost".to_owned(),
    }
}

impl Record {
    /// Counts as applied: finished, and not rolled back.
    #[must_use]
    pub(crate) fn is_applied(&self) -> bool {
        self.finished_at.is_some() && self.rolled_back_at.is_none()
    }

    /// Blocks every later migration: begun, not finished, not rolled back (Prisma's P3009).
    #[must_use]
    pub(crate) fn is_unfinished(&self) -> bool {
        self.finished_at.is_none() && self.rolled_back_at.is_none()
    }

    /// When it was rolled back, done or begun; `None` where the history keeps no times.
    #[must_use]
    pub(crate) fn last_moment(&self) -> Option<&str> {
        let moments = [&self.rolled_back_at, &self.finished_at, &self.started_at];
        moments.into_iter().find_map(Option::as_deref).filter(|moment| !moment.is_empty())
    }

    /// doorstep ran the script in this mode.
    #[must_use]
    pub(crate) fn ran(&self, mode: RunMode) -> bool {
        self.by == RecordedBy::Doorstep(mode)
    }

    /// Whether the recorded failure left nothing behind. The history tables are those of the original tools and have no
    /// column for this, so it is read back from the message, here and nowhere else.
    #[must_use]
    pub(crate) fn failed_without_effect(&self) -> bool {
        let message = self.message.as_deref().unwrap_or_default();
        self.steps == 0 && message.lines().any(|line| line.trim_start().starts_with(NOTHING_KEPT))
    }
}

/// The known name that a slip was probably meant to be, as an aside; empty if none is near.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    likeness::nearest(name, known).map_or_else(String::new, |known| format!(" (did you mean {known}?)"))
}

/// SHA-256 of a text, in lower-case hexadecimal digits.
pub(crate) fn sha256(script: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    // Not with `format!` or `String::push`, which take longer than the hash.
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(sha2::Sha256::digest(script)) {
        pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_recorded_failure_left_behind_is_read_back_from_its_message() {
        let record = |message: String, steps| Record { message: Some(message), steps, ..Record::default() };
        let report = |rollback, is_statement| format!("ERROR: x\n{}", rollback_line(rollback, is_statement));
        assert!(record(report(Rollback::Complete, false), 0).failed_without_effect());
        // As the versions before wrote it.
        let old = "ERROR: x\nnothing of it was kept: it was rolled back as a whole";
        assert!(record(old.to_owned(), 0).failed_without_effect());
        assert!(!record(report(Rollback::Complete, false), 2).failed_without_effect());
        for rollback in [Rollback::Partial, Rollback::Unknown] {
            assert!(!record(report(rollback, false), 0).failed_without_effect());
        }
        assert!(!record(report(Rollback::Complete, true), 0).failed_without_effect());
        assert!(!Record::default().failed_without_effect());
    }
}
