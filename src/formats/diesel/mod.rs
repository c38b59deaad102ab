//! diesel: folders `VERSION_NAME/up.sql`, and the table `__diesel_schema_migrations`, which has the versions that are applied
//! and when.
//!
//! Sources: diesel_migrations 2.3.2 and its migrations_internals, diesel 2.3.14 (`src/migration`), diesel_cli 2.3; and runs
//! of the library, which are in tests/cases/diesel.jsonl.

pub(crate) mod configuration;
pub(crate) mod folder;

use crate::base::error::Error;
use crate::base::sorting;
use crate::config::MigrationFormat;
use crate::formats::applied_rows::AppliedRows;
use crate::formats::diesel::folder::{DieselFolder, version};
use crate::formats::migration::{Migration, Record};
use crate::formats::tool::Tool;
use crate::formats::{
    Detection, FolderDetection, Format, FormatEntry, Ledger, Lineage, Opening, RowKey, applied_rows, kept, rfc3339,
};
use crate::sql::{Dialect, Row, TableName};

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Diesel,
    detection: Detection::Folder(FolderDetection {
        place: configuration::place,
        ..FolderDetection::new("diesel: VERSION_NAME/up.sql", open)
    }),
};

static TOOL: Tool = Tool {
    name: "diesel",
    authoring: "diesel migration generate SLUG",
    by_hand: "",
    writes_from_schema: false,
    command: None,
};

/// Opens it, with its usual table or the one that the settings name.
fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    let ledger = kept(Diesel { table: opening.history_table.cloned() });
    Ok(Format { layout: &DieselFolder, ledger, writer: Some(ledger), tool: &TOOL })
}

#[derive(Debug)]
struct Diesel {
    /// The table that the settings name.
    table: Option<TableName>,
}

impl Ledger for Diesel {
    fn table(&self) -> &str {
        self.table.as_ref().map_or("__diesel_schema_migrations", |table| &table.name)
    }

    fn schema(&self) -> Option<&str> {
        self.table.as_ref()?.schema.as_deref()
    }

    fn tool_locks(&self, _dialect: Dialect) -> bool {
        false
    }

    fn begins_beside_others(&self) -> bool {
        true
    }

    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        format!(
            "SELECT {}, {} FROM {} AS history",
            dialect.as_text("version"),
            dialect.timestamp_as_text("run_on"),
            dialect.table(table)
        )
    }

    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record> {
        let mut records: Vec<Record> = rows.into_iter().map(|row| record(row, lineage)).collect();
        // In the order in which diesel applies them, which is that of the bytes; the collation of the database may differ.
        sorting::sort_by(&mut records, |a, b| a.id.cmp(&b.id));
        records
    }
}

fn record(row: Row, lineage: &Lineage) -> Record {
    let mut values = row.into_iter().map(Option::unwrap_or_default);
    let (version, run_on) = (values.next().unwrap_or_default(), values.next().unwrap_or_default());
    let name = lineage.keys.get(&version).cloned().unwrap_or_else(|| version.clone());
    let at = Some(rfc3339(run_on));
    let id = format!("{}{version}", applied_rows::ROW);
    Record { id, name, started_at: at.clone(), finished_at: at, ..Record::default() }
}

impl AppliedRows for Diesel {
    /// As `diesel_migrations` creates it.
    fn create_table(&self, dialect: Dialect, table: &TableName) -> String {
        format!(
            "CREATE TABLE {} (
       version VARCHAR(50) PRIMARY KEY NOT NULL,
       run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
)",
            dialect.table(table)
        )
    }

    fn adopt_row(&self, row: RowKey<'_>, migration: &Migration) -> String {
        format!("INSERT INTO {} (version) VALUES ({})", row.table(), row.dialect.literal(&version(&migration.name)))
    }

    fn locate_row(&self, row: RowKey<'_>, key: &str) -> String {
        format!("{} WHERE version = {}", row.table(), row.dialect.literal(key))
    }
}
