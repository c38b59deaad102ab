//! Compares a folder with its history: the state of each migration, what is pending, and a verdict in one word. Pure
//! functions over lists, no I/O.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::base::name_map::{NameMap, NameSet};
use crate::formats::migration::{Migration, Record, RecordedBy, RunMode};
use crate::migrate::halted::Halt;
use crate::migrate::intent::Intent;

/// State of one migration (contract: `status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Recorded as finished, and the file is unchanged.
    Applied,
    /// In the folder, not yet applied.
    Pending,
    /// Begun and not finished.
    Failed,
    /// Applied, but the file has changed since.
    Edited,
    /// Applied, but no longer in the folder.
    Missing,
    /// Declared rolled back, and pending again if the folder still has it.
    RolledBack,
    /// Begun, and another session holds the migration lock.
    Running,
}

impl State {
    /// In the folder, without a row or with one that was rolled back.
    #[must_use]
    pub(crate) fn is_pending(self) -> bool {
        matches!(self, Self::Pending | Self::RolledBack)
    }
}

/// One word for the whole history (contract: `status`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Folder and history agree.
    Current,
    /// The folder has pending migrations.
    Behind,
    /// The history has migrations that the folder lacks: the image is older than the database.
    Ahead,
    /// Both.
    Diverged,
    /// A migration failed, or was interrupted.
    Failed,
    /// The files alone do not tell: only the tool of the format can.
    Unknown,
}

/// How much the files of a folder tell about what is pending.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All of it.
    #[default]
    Complete,
    /// What is pending by the files is pending; there may be more.
    LowerBound,
    /// Nothing that is certain.
    Nothing,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Current => "current",
            Self::Behind => "behind",
            Self::Ahead => "ahead",
            Self::Diverged => "diverged",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        })
    }
}

/// One migration of the folder, the history or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Name of the migration.
    pub name: String,
    /// Its place in the folder, from 0; `None` where only the history has it.
    pub migration: Option<usize>,
    /// Its state.
    pub state: State,
    /// The row that decided, if any.
    pub record: Option<Arc<Record>>,
    /// Pending, though a later one is applied already.
    pub out_of_order: bool,
    /// Missing, but recorded before a migration of the folder that a person marked as applied. Prisma's
    /// documentation squashes migrations like this, so it is no divergence.
    pub superseded: bool,
    /// Begun, and to go on with this statement (counted from 0).
    pub resume: Option<usize>,
    /// What was found out about it, beyond what the record says.
    pub note: Option<String>,
}

impl Entry {
    /// To be applied.
    #[must_use]
    pub(crate) fn is_pending(&self) -> bool {
        self.state.is_pending()
    }

    /// Failed at a statement behind others that are done.
    #[must_use]
    pub(crate) fn is_halted(&self) -> bool {
        let message = self.record.as_ref().and_then(|record| record.message.as_deref());
        message.is_some_and(|message| Halt::read(message).is_some())
    }

    /// An unfinished row without a recorded reason, or with no more than what it was about to do: its process died, or is still running.
    #[must_use]
    pub(crate) fn is_unexplained(&self) -> bool {
        let is_open = |message: &String| Intent::read(message).is_some();
        let interrupted = |record: &Arc<Record>| record.is_unfinished() && record.message.as_ref().is_none_or(is_open);
        self.record.as_ref().is_some_and(interrupted) && self.resume.is_none()
    }
}

/// Compares the folder with the history. The entries of the folder come first, in its order.
///
/// Rolled-back rows are ignored beside others, as in Prisma since 7.9. `same` tells whether a
/// stored checksum fits a migration. An unfinished row whose script commits together with it was rolled back,
/// unless another session holds the migration lock, which the caller knows.
pub(crate) fn compare(
    resolved: &[Migration],
    records: &[Arc<Record>],
    same: impl Fn(&Migration, &str) -> bool,
) -> Vec<Entry> {
    let unfinished = |record: &Record| match is_void(record) {
        true => State::RolledBack,
        false => State::Failed,
    };
    let mut rows: NameMap<&str, Vec<&Arc<Record>>> = NameMap::default();
    for record in records {
        rows.entry(&record.name).or_default().push(record);
    }
    let rows_of = |name: &str| rows.get(name).map(Vec::as_slice).unwrap_or_default();
    let last_applied = resolved.iter().rposition(|migration| counted(rows_of(&migration.name)).is_some());
    let in_folder = resolved.iter().enumerate().map(|(index, migration)| {
        let rows = rows_of(&migration.name);
        let record = counted(rows);
        let state = match record {
            Some(record) if record.is_unfinished() => unfinished(record),
            Some(record) if same(migration, &record.checksum) => State::Applied,
            Some(_) => State::Edited,
            None if rolled_back(rows).is_some() => State::RolledBack,
            None => State::Pending,
        };
        let out_of_order = record.is_none() && Some(index) < last_applied;
        let record = record.or_else(|| rolled_back(rows));
        Entry { migration: Some(index), out_of_order, ..entry(&migration.name, state, record) }
    });
    let known: NameSet<&str> = resolved.iter().map(|migration| migration.name.as_str()).collect();
    let is_known = |record: &Record| known.contains(record.name.as_str());
    let is_squash = |record: &Record| record.by == RecordedBy::Person && record.is_applied() && is_known(record);
    let comes_first = |record: &Record| resolved.first().is_some_and(|first| first.name == record.name);
    let squashed_at = records.iter().rposition(|record| is_squash(record) && comes_first(record));
    // Ignore rolled-back rows whose migration has left the folder.
    let is_gone = |record: &Record| {
        let is_void = record.is_unfinished() && is_void(record);
        record.rolled_back_at.is_none() && !is_known(record) && !is_void
    };
    let gone = records.iter().enumerate().filter(|(_, record)| is_gone(record)).map(|(index, record)| {
        let state = if record.is_unfinished() { unfinished(record) } else { State::Missing };
        Entry { superseded: Some(index) < squashed_at, ..entry(&record.name, state, Some(record)) }
    });
    in_folder.chain(gone).collect()
}

/// The place in the folder of the last migration that is applied, or has begun, of those that have a place in the order.
pub(crate) fn last_applied(entries: &[Entry], is_ordered: impl Fn(&str) -> bool) -> Option<usize> {
    let has_run = |entry: &&Entry| matches!(entry.state, State::Applied | State::Edited | State::Failed);
    entries.iter().filter(has_run).filter(|entry| is_ordered(&entry.name)).filter_map(|entry| entry.migration).max()
}

/// An unfinished row whose script commits together with it, and without a recorded failure: both were rolled back.
fn is_void(record: &Record) -> bool {
    record.ran(RunMode::Atomic) && record.message.is_none()
}

fn entry(name: &str, state: State, record: Option<&Arc<Record>>) -> Entry {
    Entry {
        name: name.to_owned(),
        migration: None,
        state,
        record: record.cloned(),
        out_of_order: false,
        superseded: false,
        resume: None,
        note: None,
    }
}

/// Of one migration's rows, the one that says it is applied or begun; an unfinished one first.
///
/// One that was rolled back together with its script is ignored if another is applied.
fn counted<'a>(rows: &[&'a Arc<Record>]) -> Option<&'a Arc<Record>> {
    let mut rows = rows.iter().copied().filter(|record| record.rolled_back_at.is_none());
    let first = rows.clone().next();
    let applied = rows.clone().find(|record| record.is_applied());
    let unfinished = rows.find(|record| record.is_unfinished());
    match (unfinished, applied) {
        (Some(record), Some(applied)) if is_void(record) => Some(applied),
        (unfinished, _) => unfinished.or(first),
    }
}

/// Of one migration's rows, the last that was declared rolled back.
fn rolled_back<'a>(rows: &[&'a Arc<Record>]) -> Option<&'a Arc<Record>> {
    rows.iter().copied().rev().find(|record| record.rolled_back_at.is_some())
}

/// The verdict over all entries, as far as the files reach.
#[must_use]
pub(crate) fn verdict(entries: &[Entry], reach: Reach) -> Verdict {
    let any = |states: &[State]| entries.iter().any(|entry| states.contains(&entry.state));
    let pending = any(&[State::Pending, State::RolledBack]);
    let missing = entries.iter().any(|entry| entry.state == State::Missing && !entry.superseded);
    match (any(&[State::Failed]), pending || any(&[State::Running]), missing) {
        (true, _, _) => Verdict::Failed,
        (_, false, _) if reach == Reach::LowerBound => Verdict::Unknown,
        _ if reach == Reach::Nothing => Verdict::Unknown,
        (_, true, true) => Verdict::Diverged,
        (_, true, false) => Verdict::Behind,
        (_, false, true) => Verdict::Ahead,
        (_, false, false) => Verdict::Current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::Dialect;
    use crate::sql::script::Script;

    fn folder(names: &[&str]) -> Vec<Migration> {
        let migration = |name: &&str| Migration {
            name: (*name).to_owned(),
            path: name.into(),
            script: Script::new(String::new(), Dialect::Postgres),
            checksum: "sum".to_owned(),
            unreadable: None,
            no_transaction: false,
        };
        names.iter().map(migration).collect()
    }

    fn row(name: &str) -> Record {
        Record { name: name.to_owned(), checksum: "sum".to_owned(), ..Record::default() }
    }

    fn applied(name: &str) -> Record {
        Record { finished_at: Some("t".to_owned()), ..row(name) }
    }

    fn rolled(name: &str) -> Record {
        Record { rolled_back_at: Some("t".to_owned()), ..row(name) }
    }

    fn history(records: &[Record]) -> Vec<Arc<Record>> {
        records.iter().cloned().map(Arc::new).collect()
    }

    fn look(names: &[&str], records: &[Record]) -> (Vec<State>, Verdict, Vec<String>) {
        let entries = compare(&folder(names), &history(records), |m, sum| m.checksum == sum);
        let pending = entries.iter().filter(|it| it.is_pending()).map(|entry| entry.name.clone()).collect();
        (entries.iter().map(|entry| entry.state).collect(), verdict(&entries, Reach::Complete), pending)
    }

    #[test]
    fn every_verdict() {
        use State::*;
        assert_eq!(look(&["a", "b"], &[]), (vec![Pending, Pending], Verdict::Behind, vec!["a".into(), "b".into()]));
        assert_eq!(look(&["a"], &[applied("a")]), (vec![Applied], Verdict::Current, vec![]));
        assert_eq!(look(&["a"], &[applied("a"), applied("b")]).1, Verdict::Ahead);
        assert_eq!(look(&["a", "c"], &[applied("a"), applied("b")]).1, Verdict::Diverged);
        assert_eq!(look(&["a", "b"], &[applied("a"), row("b")]).1, Verdict::Failed);
        assert_eq!(look(&[], &[row("gone")]).1, Verdict::Failed);
    }

    #[test]
    fn what_the_files_do_not_tell_is_unknown() {
        let verdict = |names: &[&str], records: &[Record], reach| {
            verdict(&compare(&folder(names), &history(records), |_, _| true), reach)
        };
        assert_eq!(verdict(&["a"], &[applied("a")], Reach::LowerBound), Verdict::Unknown);
        assert_eq!(verdict(&[], &[], Reach::LowerBound), Verdict::Unknown);
        // One that is known to be pending is enough for "behind", if its file can be trusted.
        assert_eq!(verdict(&["a", "b"], &[applied("a")], Reach::LowerBound), Verdict::Behind);
        assert_eq!(verdict(&["a", "b"], &[applied("a")], Reach::Nothing), Verdict::Unknown);
        assert_eq!(verdict(&["a"], &[applied("a")], Reach::Nothing), Verdict::Unknown);
        assert_eq!(verdict(&["a"], &[row("a")], Reach::Nothing), Verdict::Failed);
    }

    #[test]
    fn an_earlier_name_is_applied_late_and_said_to_be_out_of_order() {
        let entries = compare(&folder(&["a", "b"]), &history(&[applied("b")]), |_, _| true);
        assert!(entries[0].out_of_order && !entries[1].out_of_order);
        assert_eq!([entries[0].is_pending(), entries[1].is_pending()], [true, false]);
        assert_eq!([entries[0].migration, entries[1].migration], [Some(0), Some(1)]);
    }

    #[test]
    fn rolled_back_rows_leave_a_migration_pending_and_later_rows_count() {
        assert_eq!(look(&["a"], &[rolled("a")]).2, ["a"]);
        assert_eq!(look(&["a"], &[rolled("a"), applied("a")]).0, [State::Applied]);
        assert_eq!(look(&[], &[rolled("a")]).1, Verdict::Current);
        // Prisma: finished and rolled back both set means "runs again".
        let both = Record { rolled_back_at: Some("t".to_owned()), ..applied("a") };
        assert_eq!(look(&["a"], &[both]).2, ["a"]);
    }

    #[test]
    fn migrations_that_a_squash_stands_for_are_no_divergence() {
        let squash = Record { by: RecordedBy::Person, ..applied("0_all") };
        let history = [applied("1_a"), applied("2_b"), squash.clone()];
        assert_eq!(look(&["0_all", "3_c"], &history).1, Verdict::Behind);
        assert_eq!(look(&["0_all"], &history).1, Verdict::Current);
        // What came after it is missed.
        let later = [applied("1_a"), squash, applied("2_b")];
        assert_eq!(look(&["0_all", "3_c"], &later).1, Verdict::Diverged);
    }

    #[test]
    fn an_edited_file_is_told_but_changes_no_verdict() {
        let other = Record { checksum: "other".to_owned(), ..applied("a") };
        assert_eq!(look(&["a"], &[other]), (vec![State::Edited], Verdict::Current, vec![]));
    }

    #[test]
    fn an_unfinished_row_that_commits_with_its_script_was_rolled_back_unless_it_failed() {
        let atomic = Record { by: RecordedBy::Doorstep(RunMode::Atomic), ..row("a") };
        assert_eq!(
            look(&["a"], std::slice::from_ref(&atomic)),
            (vec![State::RolledBack], Verdict::Behind, vec!["a".into()])
        );
        let failed = Record { message: Some("why".to_owned()), ..atomic.clone() };
        assert_eq!(look(&["a"], &[failed]).1, Verdict::Failed);
        assert_eq!(look(&[], &[atomic]), (vec![], Verdict::Current, vec![]));
    }
}
