//! A hazard, as data: which rule, where, of what, and why. `wording` has the sentences.

use crate::config::LintRule;
use crate::finding::Severity;
use crate::formats::migration::Unreadable;
use crate::lint::effects::Work;
use crate::sql::ObjectRef;
use crate::sql::actions::constraint::ConstraintKind;

/// Something in a script that would stop a running service, fail, or lose data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hazard {
    /// The rule that found it.
    pub(crate) rule: LintRule,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// Where it stands.
    pub(crate) place: Place,
    /// What it is about.
    pub(crate) object: Option<ObjectRef>,
    /// Why it is one.
    pub(crate) why: Why,
    /// The text that it is about: the statement, or one action of it.
    pub(crate) sql: String,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The file's path, as it was found or named.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column, in characters, from 1.
    pub(crate) column: usize,
    /// The line on which the statement begins, from 1.
    pub(crate) statement_line: usize,
}

/// Why something is a hazard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    /// An index is built while writes wait.
    IndexBlocksWrites {
        /// Of a partitioned table, which has no CONCURRENTLY.
        partitioned: bool,
    },
    /// An index is dropped under a lock that others wait for.
    DropsIndex,
    /// All rows are read under ACCESS EXCLUSIVE.
    ReadsForNotNull,
    /// A table with rows cannot get such a column.
    NoValueForRows,
    /// The running release inserts rows without a value for it.
    NoValueFromRelease,
    /// All rows are checked under a lock.
    ChecksRows(ConstraintKind),
    /// An index is built under ACCESS EXCLUSIVE.
    BuildsUnique,
    /// All rows are written anew, for certain or perhaps.
    ChangesType {
        /// It is certain.
        certain: bool,
        /// The new type.
        to: String,
    },
    /// All rows get a value of their own.
    ValuesDiffer(RowValues),
    /// The table is locked for as long as this takes.
    LongLock {
        /// What is done meanwhile.
        work: Work,
        /// Others may not even read.
        blocks_reads: bool,
        /// It is certain.
        certain: bool,
    },
    /// The running release knows the old name.
    Renames {
        /// The new one; a schema, where it moves.
        to: String,
    },
    /// The running release may use it, and its rows are lost.
    Drops,
    /// All rows are lost.
    Empties,
    /// A value is used before it is committed.
    UsesNewValue {
        /// The value.
        value: String,
        /// The line that adds it.
        added: usize,
    },
    /// The tool would run it in a transaction.
    ToolWraps {
        /// The tool.
        tool: String,
    },
    /// An invalid index of that name would be taken for it.
    HidesInvalid,
    /// Nothing bounds how long it waits for its lock, with others queueing behind it.
    NoLockTimeout {
        /// The script switches the timeout off itself.
        switched_off: bool,
    },
    /// Rows are written while a table stays locked.
    RowsUnderLock {
        /// The table that is locked.
        locked: ObjectRef,
        /// The line that locks it.
        since: usize,
    },
    /// doorstep, and the tool, refuse the file.
    Refused(Unreadable),
    /// The file was changed after it was applied, or after it was merged.
    Edited {
        /// The branch that has it; `None`: a database has applied it.
        base: Option<String>,
    },
    /// It comes before one that is applied, or merged.
    Late {
        /// That one.
        after: String,
        /// The branch that has it; `None`: a database has applied it.
        base: Option<String>,
    },
}

/// Why each row gets a value of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowValues {
    /// The default is volatile.
    Volatile,
    /// The default calls a function that is not known.
    Unknown,
    /// They are numbered.
    Numbered,
    /// They are computed and stored.
    Stored,
}
