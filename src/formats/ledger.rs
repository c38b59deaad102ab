//! The history of a tool: the traits by which a format says how its table is read and written.

use std::fmt;

use crate::engines::session::LockKey;
use crate::formats::guard::Guard;
use crate::formats::lock_row::LockRow;
use crate::formats::migration::{Migration, Record, RunMode};
use crate::formats::notes::Notes;
use crate::formats::{Lineage, OWN_LOCK, applied_rows};
use crate::sql::{Dialect, Row, TableName};

/// The history table: its name, and what its rows say. Statements are text per dialect, not a description of columns,
/// because the tools of the field differ in more than names: several rows per migration or one row in all, batches, dirty
/// flags, times as integers.
pub(crate) trait Ledger: Sync + fmt::Debug {
    /// Name of the table.
    fn table(&self) -> &str;

    /// The same on this engine, where the tool writes it in another case of letters, and the engine tells them apart.
    fn table_on(&self, _dialect: Dialect) -> &str {
        self.table()
    }

    /// Its schema, where something names one.
    fn schema(&self) -> Option<&str> {
        None
    }

    /// The schema in which the tool has unqualified names looked up, where its configuration names one.
    fn demands_schema(&self) -> Option<&str> {
        None
    }

    /// The schema in which the tool has it, where nothing names another one.
    fn usual_schema(&self, _dialect: Dialect) -> Option<&str> {
        None
    }

    /// The schema in which its table is, if it is not looked up along the search path: the one that is named, or the tool's.
    fn place(&self, dialect: Dialect) -> Option<&str> {
        self.schema().or_else(|| self.usual_schema(dialect))
    }

    /// Key of the lock that the tool itself takes, so that it and doorstep exclude each other; doorstep's own where it
    /// takes none.
    fn lock_key(&self) -> LockKey {
        OWN_LOCK
    }

    /// Keys of all locks that the tool takes or may take, in the order in which they are taken, besides
    /// [`Ledger::lock_key`]; computed from where its history is.
    fn tool_lock_keys(&self, _dialect: Dialect, _place: &LockPlace<'_>) -> Vec<LockKey> {
        Vec::new()
    }

    /// The tool locks other runs of itself out. (Where doorstep alone reads the format, it does.)
    fn tool_locks(&self, _dialect: Dialect) -> bool {
        true
    }

    /// A server of this dialect on which the tool's lock locks nothing, by the name that its version begins with.
    fn unlocked_on(&self, _dialect: Dialect) -> Option<&'static str> {
        None
    }

    /// Where the files alone say which format this is: the table of a history by which they would be plain SQL.
    fn rival(&self) -> Option<&'static str> {
        None
    }

    /// Whether a first migration may begin in a database that has tables of others, as the tool itself does.
    fn begins_beside_others(&self) -> bool {
        false
    }

    /// A row says that all older migrations of the folder are applied, too: whether they ever ran is not in the history.
    fn implies_older(&self) -> bool {
        false
    }

    /// Why a table of this name is the history of another tool, by the rows of [`Ledger::select`].
    fn foreign(&self, _rows: &[Row]) -> Option<String> {
        None
    }

    /// Why the table cannot hold the rows of these migrations, which are in the folder: by the rows of [`Ledger::select`];
    /// `None` before there is a table.
    fn has_no_room(&self, _rows: Option<&[Row]>, _migrations: &[Migration]) -> Option<String> {
        None
    }

    /// Selects the history, oldest first; the rows go to [`Ledger::records`].
    fn select(&self, dialect: Dialect, table: &TableName) -> String;

    /// The columns of the table, where all its rows with these, in any order, are what [`Ledger::select`] selects.
    fn stored_columns(&self, _dialect: Dialect) -> Option<&'static [&'static str]> {
        None
    }

    /// What the rows of [`Ledger::select`] say.
    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record>;

    /// What the rows of [`Ledger::select`] mean together.
    fn review(&self, _rows: &[Row], _lineage: &Lineage, _table: (Dialect, &TableName)) -> Review {
        Review::default()
    }

    /// Whether a recorded checksum fits a migration. Many tools keep none; doorstep's notes do.
    fn fits(&self, migration: &Migration, checksum: &str) -> bool {
        checksum.is_empty() || migration.checksum == checksum
    }
}

/// A ledger that doorstep writes.
pub(crate) trait LedgerWriter: Ledger {
    /// Creates the table.
    fn create(&self, dialect: Dialect, table: &TableName) -> String;

    /// A key for a new row; of a script that doorstep runs, with its mode, which [`Ledger::records`] reads back.
    fn new_id(&self, mode: Option<RunMode>) -> String;

    /// Records that a migration begins, and how it runs; `None` where nothing is written before its end.
    fn begin(&self, row: RowKey<'_>, mode: RunMode, migration: &Migration) -> Option<String>;

    /// Records how far it is, or how it ended. Changes a row that is still unfinished, or none; `None` where such an end
    /// leaves nothing to write. The migration is given where it is in the folder.
    fn end(&self, row: RowKey<'_>, migration: Option<&Migration>, outcome: &Outcome<'_>) -> Option<String>;

    /// A statement that precedes the record of a success, in the same transaction, and may change any number of rows: it
    /// makes way for the row in a history that has one for all migrations.
    fn clears(&self, _row: RowKey<'_>, _migration: &Migration) -> Option<String> {
        None
    }

    /// All that precedes the record of a success, in the same transaction: the note of the run goes, and the row has its place.
    fn precedes(&self, row: RowKey<'_>, migration: &Migration) -> Option<String> {
        let notes = self.notes().filter(|_| applied_rows::has_note(row));
        let note = notes.map(|notes| format!("DELETE FROM {}", notes.locate(row)));
        let both: Vec<String> = note.into_iter().chain(self.clears(row, migration)).collect();
        (!both.is_empty()).then(|| both.join("; "))
    }

    /// The end of a run, for a message that is not sent with a script: with what precedes it.
    fn end_alone(&self, row: RowKey<'_>, migration: Option<&Migration>, outcome: &Outcome<'_>) -> Option<String> {
        let end = self.end(row, migration, outcome)?;
        let is_success = matches!(outcome, Outcome::Succeeded);
        let before = migration.filter(|_| is_success).and_then(|migration| self.precedes(row, migration));
        Some(before.map_or(end.clone(), |before| format!("{before}; {end}")))
    }

    /// Records that a migration is applied that never ran here.
    fn adopt(&self, row: RowKey<'_>, migration: &Migration) -> String;

    /// The row: `table WHERE condition`.
    fn locate(&self, row: RowKey<'_>) -> String;

    /// The history says, besides doorstep's note, that a script has begun which does not commit together with its row.
    fn marks_begun(&self) -> bool {
        false
    }

    /// What the migration asks of the database before it runs.
    fn guard(&self, _migration: &Migration) -> Option<Guard> {
        None
    }

    /// Records that a migration does not run for what its [`LedgerWriter::guard`] was answered.
    fn pass_over(&self, _row: RowKey<'_>, _migration: &Migration) -> Option<String> {
        None
    }

    /// Writes the checksum of an applied migration into its row, which has none.
    fn refill(&self, _row: RowKey<'_>, _migration: &Migration) -> Option<String> {
        None
    }

    /// The tool's lock, where it is a row of a table; it is taken besides [`Ledger::lock_key`] while migrations are applied.
    fn lock_row(&self, _dialect: Dialect, _table: &TableName) -> Option<LockRow> {
        None
    }

    /// doorstep's own table of runs, where the tool's history has no place for a run that is not done.
    fn notes(&self) -> Option<&'static Notes> {
        None
    }
}

/// What the rows of a history mean together.
#[derive(Debug, Default)]
pub(crate) struct Review {
    /// Why the tool does not go on with them; with what resolves it.
    pub refused: Option<String>,
    /// What has to be done to the table before a row is written.
    pub upgrade: Option<String>,
    /// The migrations that the tool would never run; `None` where their order in the folder says it.
    pub passed_over: Option<Vec<String>>,
    /// The migrations that are applied with another text and run again, each with the time of its last run.
    pub changed: Vec<(String, String)>,
}

/// Where a history is, for the key of a lock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LockPlace<'a> {
    /// The database.
    pub database: &'a str,
    /// The schema of unqualified names, if there is one.
    pub schema: Option<&'a str>,
}

/// One row of a history table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowKey<'a> {
    /// How its statements are written.
    pub dialect: Dialect,
    /// The table.
    pub table: &'a TableName,
    /// The key, from [`LedgerWriter::new_id`] or a record.
    pub id: &'a str,
}

impl RowKey<'_> {
    /// The table, quoted.
    pub(crate) fn table(&self) -> String {
        self.dialect.table(self.table)
    }

    /// The key, quoted.
    pub(crate) fn id(&self) -> String {
        self.dialect.literal(self.id)
    }
}

/// How a migration ended, or how far it is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome<'a> {
    /// The script ran.
    Succeeded,
    /// So many of its statements are done.
    Progress(usize),
    /// So many of its statements are done; with what is to be said of the next one: that it has begun, or why it failed.
    At(usize, &'a str),
    /// It failed, and its file was repaired: so many statements are done, and it goes on with the file that has this checksum.
    Resumed(usize, &'a str),
    /// It failed, and a person must look; with the message for the history.
    Failed(&'a str),
    /// It was interrupted and rolled back as a whole: it may run again; with the message.
    RolledBack(&'a str),
    /// A person declares that it may run again.
    GivenUp,
}
