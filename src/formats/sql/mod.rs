//! Plain SQL: a folder of numbered files, `0001_create_users.sql`, and doorstep's own table `_doorstep_migrations`.
//! docs/sql-format.md describes it for users.
//!
//! This file has the history; [`names`] says what the entries of a folder are, [`folder`] reads them.

pub(crate) mod folder;
pub(crate) mod names;

use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::formats::migration::{Migration, Record, RecordedBy, RunMode};
use crate::formats::run_row::RunColumns;
use crate::formats::sql::folder::SqlFolder;
use crate::formats::tool::Tool;
use crate::formats::{
    Detection, FolderDetection, Format, FormatEntry, Ledger, LedgerWriter, Lineage, Opening, Outcome, Rerun, Review,
    RowKey, kept, run_row,
};
use crate::sql::dialect::upsert::Upsert;
use crate::sql::{Dialect, Row, TableName};

/// The usual history table.
pub(crate) const TABLE: &str = "_doorstep_migrations";

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Sql,
    detection: Detection::Folder(FolderDetection::new("plain SQL: 0001_NAME.sql", open)),
};

/// Opens it, with its usual table or the one that the settings name.
fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    let ledger = kept(Sql { table: opening.history_table.cloned() });
    let layout = kept(SqlFolder { is_named: opening.is_named });
    Ok(Format { layout, ledger, writer: Some(ledger), tool: &TOOL })
}

pub(crate) const COLUMNS: RunColumns =
    RunColumns { key: "run", note: "message", steps: "steps", steps_of_success: None };

static TOOL: Tool = Tool {
    name: "sql",
    authoring: "the next numbered file, NUMBER_SLUG.sql",
    by_hand: "",
    writes_from_schema: false,
    command: None,
};

#[derive(Debug)]
struct Sql {
    /// The table that the settings name.
    table: Option<TableName>,
}

impl Ledger for Sql {
    fn fits(&self, migration: &Migration, checksum: &str) -> bool {
        // A file that is no text has no checksum to compare.
        migration.checksum == checksum || migration.checksum.is_empty()
    }

    fn table(&self) -> &str {
        self.table.as_ref().map_or(TABLE, |table| &table.name)
    }

    fn schema(&self) -> Option<&str> {
        self.table.as_ref()?.schema.as_deref()
    }

    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        select(dialect, table)
    }

    /// A repeatable file that has changed since it was applied is pending.
    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record> {
        rows.into_iter().map(record).filter(|record| !has_changed(record, lineage)).collect()
    }

    fn review(&self, rows: &[Row], lineage: &Lineage, _table: (Dialect, &TableName)) -> Review {
        if lineage.reruns.is_empty() {
            return Review::default();
        }
        let changed = rows.iter().cloned().map(record).filter(|record| has_changed(record, lineage));
        let changed = changed.map(|record| (record.name, record.finished_at.unwrap_or_default())).collect();
        Review { changed, ..Review::default() }
    }
}

impl LedgerWriter for Sql {
    /// One row for each migration, about its last run, with the types that every engine has, but for the times.
    fn create(&self, dialect: Dialect, table: &TableName) -> String {
        format!("CREATE TABLE {} ({})", dialect.table(table), columns(dialect))
    }

    fn new_id(&self, _mode: Option<RunMode>) -> String {
        uuid::Uuid::new_v4().to_string()
    }

    fn begin(&self, row: RowKey<'_>, mode: RunMode, migration: &Migration) -> Option<String> {
        Some(put(row, (&migration.name, &migration.checksum), way(Some(mode)), "NULL"))
    }

    fn end(&self, row: RowKey<'_>, _migration: Option<&Migration>, outcome: &Outcome<'_>) -> Option<String> {
        Some(COLUMNS.end(row, outcome, row.dialect.rules().now))
    }

    fn adopt(&self, row: RowKey<'_>, migration: &Migration) -> String {
        put(row, (&migration.name, &migration.checksum), way(None), row.dialect.rules().now)
    }

    fn locate(&self, row: RowKey<'_>) -> String {
        COLUMNS.locate(row)
    }
}

/// Whether a record says that another text of a repeatable file is applied. A file that is no text has no checksum to compare.
fn has_changed(record: &Record, lineage: &Lineage) -> bool {
    match lineage.reruns.get(&record.name) {
        Some(Rerun::Changed(checksum)) => record.is_applied() && !checksum.is_empty() && record.checksum != *checksum,
        _ => false,
    }
}

/// The columns of the table.
pub(crate) fn columns(dialect: Dialect) -> String {
    let (time, key) = (dialect.rules().timestamp_type, dialect.rules().key_type);
    format!(
        "
    name            {key} PRIMARY KEY NOT NULL,
    checksum        text NOT NULL,
    started_at      {time} NOT NULL,
    finished_at     {time},
    rolled_back_at  {time},
    message         text,
    way             text NOT NULL,
    steps           integer NOT NULL DEFAULT 0,
    run             text NOT NULL,
    doorstep        text NOT NULL
"
    )
}

/// Selects the rows, oldest first, for [`record`].
pub(crate) fn select(dialect: Dialect, table: &TableName) -> String {
    let time = |column: &str| dialect.time_as_text(column);
    format!(
        "SELECT run, checksum, name, {}, {}, {}, message, steps, way FROM {} AS history \
         ORDER BY history.started_at, history.name",
        time("started_at"),
        time("finished_at"),
        time("rolled_back_at"),
        dialect.table(table)
    )
}

/// One row of the history.
pub(crate) fn record(row: Row) -> Record {
    let mut values = row.into_iter();
    let read = run_row::record(&mut values);
    Record { by: recorded_by(values.next().flatten().as_deref()), ..read }
}

/// Writes the row of a migration anew, unless it is applied already; of a repeatable one, unless this text is. Then the run
/// that this row begins finds no row of its own at its end, and is rolled back.
pub(crate) fn put(row: RowKey<'_>, (name, checksum): (&str, &str), way: &str, finished: &str) -> String {
    let literal = |text: &str| row.dialect.literal(text);
    let rules = row.dialect.rules();
    let (own, checksum) = (row.id(), literal(checksum));
    let (way, version) = (literal(way), literal(env!("CARGO_PKG_VERSION")));
    let mut values = vec![
        ("started_at", rules.now),
        ("message", "NULL"),
        ("way", &way),
        ("steps", "0"),
        ("run", &own),
        ("doorstep", &version),
        ("finished_at", finished),
        ("rolled_back_at", "NULL"),
    ];
    let mut condition = "KNOWN.finished_at IS NULL OR KNOWN.rolled_back_at IS NOT NULL".to_owned();
    // The columns of the condition have to be the last ones, and those that are set to NULL or a time precede the one that is
    // compared with what it is set to.
    match names::is_repeatable(name) {
        true => {
            condition += &format!(" OR KNOWN.checksum <> {checksum}");
            values.push(("checksum", &checksum));
        }
        false => values.insert(0, ("checksum", &checksum)),
    }
    let (table, name) = (row.table(), literal(name));
    (rules.upsert)(&Upsert { table: &table, key: ("name", &name), values: &values, condition: &condition })
}

/// How the column `way` spells a mode; `None` for a migration that a person recorded as applied.
pub(crate) fn way(mode: Option<RunMode>) -> &'static str {
    match mode {
        Some(RunMode::Atomic) => "atomic",
        Some(RunMode::Steps) => "steps",
        Some(RunMode::Whole) => "whole",
        None => "resolve",
    }
}

fn recorded_by(way: Option<&str>) -> RecordedBy {
    match way {
        Some("atomic") => RecordedBy::Doorstep(RunMode::Atomic),
        Some("steps") => RecordedBy::Doorstep(RunMode::Steps),
        Some("whole") => RecordedBy::Doorstep(RunMode::Whole),
        Some("resolve") => RecordedBy::Person,
        _ => RecordedBy::Tool,
    }
}
