//! Plain data: a migration on disk, and its record in the history table.

use std::path::PathBuf;

/// One migration, as resolved from its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Migration {
    /// Its name: what the history records.
    pub name: String,
    /// The file its script was read from.
    pub path: PathBuf,
    /// The script, whole.
    pub script: String,
    /// Checksum of the script, as the format computes it.
    pub checksum: String,
    /// Why it cannot be run: its file is missing, or is no text. Of no account once it is applied.
    pub unreadable: Option<String>,
}

impl Migration {
    /// The text to run: without the byte order mark that some editors put before it, and every database
    /// stumbles over.
    #[must_use]
    pub(crate) fn sql(&self) -> &str {
        self.script.strip_prefix('\u{feff}').unwrap_or(&self.script)
    }
}

/// One row of the history table, in the words of the field (all times as RFC 3339 text).
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
    /// When it was done; `None` while it runs, and for ever if it failed.
    pub finished_at: Option<String>,
    /// When somebody declared it rolled back.
    pub rolled_back_at: Option<String>,
    /// Why it failed.
    pub message: Option<String>,
    /// How many of its statements are done; they are counted while it runs statement by statement.
    pub steps: usize,
    /// Who wrote the row.
    pub writer: Writer,
}

/// Who wrote a row of the history.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Writer {
    /// doorstep, for a script that commits together with its record: unfinished means rolled back.
    Atomic,
    /// doorstep, for a script that runs statement by statement.
    Steps,
    /// doorstep, for a script that goes whole, with its record after it.
    Whole,
    /// A person, with `resolve` or `baseline`: nothing ran.
    Resolve,
    /// The original tool, or somebody else.
    #[default]
    Other,
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
}

/// The known name that a slip was probably meant to be, as an aside; empty if none is near.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let likeness = known.map(|known| (strsim::normalized_damerau_levenshtein(name, known), known));
    let best = likeness.filter(|(likeness, _)| *likeness > 0.6).max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.map_or_else(String::new, |(_, known)| format!(" (did you mean {known}?)"))
}
