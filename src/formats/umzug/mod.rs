//! umzug's SQL files: `NAME.sql` or `NAME.up.sql`, and the table `SequelizeMeta` of its SequelizeStorage, which has the names of
//! the files that are applied. Folders with migrations in code are the program's own.
//!
//! Sources: umzug 3.8.3 (`umzug.ts`, `storage/sequelize.ts`) and its documentation; and runs of it, which are in
//! tests/cases/umzug.jsonl.

pub(crate) mod folder;

use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::formats::applied_rows::AppliedRows;
use crate::formats::ledger_ddl::umzug::UmzugWords;
use crate::formats::migration::{Migration, Record};
use crate::formats::tool::Tool;
use crate::formats::umzug::folder::UmzugFolder;
use crate::formats::{
    Detection, FolderDetection, Format, FormatEntry, Ledger, Lineage, Opening, RowKey, applied_rows, kept, ledger_ddl,
    sql,
};
use crate::sql::{Dialect, Row, TableName};

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Umzug,
    detection: Detection::Folder(FolderDetection::new("umzug: 2024.01.01T00.00.00.NAME.sql", open)),
};

static TOOL: Tool = Tool {
    name: "umzug",
    authoring: "node migrate.js create --name SLUG.sql",
    by_hand: "",
    writes_from_schema: false,
    command: None,
};

/// Opens it. The name of the table is set in the program that uses umzug, so only the setting can say it here.
fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    let ledger = kept(Umzug { table: opening.history_table.cloned(), is_named: opening.is_named });
    Ok(Format { layout: &UmzugFolder, ledger, writer: Some(ledger), tool: &TOOL })
}

#[derive(Debug)]
struct Umzug {
    /// The table, if it is not the usual one.
    table: Option<TableName>,
    /// A setting names the format.
    is_named: bool,
}

impl Ledger for Umzug {
    fn table(&self) -> &str {
        self.table.as_ref().map_or("SequelizeMeta", |table| &table.name)
    }

    fn schema(&self) -> Option<&str> {
        self.table.as_ref()?.schema.as_deref()
    }

    fn tool_locks(&self, _dialect: Dialect) -> bool {
        false
    }

    fn rival(&self) -> Option<&'static str> {
        (!self.is_named).then_some(sql::TABLE)
    }

    fn begins_beside_others(&self) -> bool {
        true
    }

    /// The table has other columns than those that doorstep fills.
    fn foreign(&self, rows: &[Row]) -> Option<String> {
        let row = rows.first()?;
        let columns = row.get(1)?.as_deref()?;
        let has_times = row.get(2)?.as_deref() == Some("1");
        let is_known = |column: &&str| *column == "name" || (has_times && matches!(*column, "createdAt" | "updatedAt"));
        let unknown = columns.split(',').find(|column| !is_known(column))?;
        Some(format!("it has the column {unknown}, which doorstep does not fill"))
    }

    /// The first row has the names of the columns, the others those of the files.
    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        let quoted = dialect.table(table);
        let words = ledger_ddl::umzug::words(dialect);
        let columns = (words.names)(table);
        let times = i32::from(words.has_times);
        format!("SELECT NULL, {columns}, '{times}' UNION ALL SELECT name, NULL, NULL FROM {quoted}")
    }

    fn records(&self, rows: Vec<Row>, _lineage: &Lineage) -> Vec<Record> {
        let mut names: Vec<String> = rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
        names.sort_unstable();
        let record = |name: String| {
            let id = format!("{}{name}", applied_rows::ROW);
            // umzug does not keep the time; that there is one says that the migration is applied.
            Record { id, name, finished_at: Some(String::new()), ..Record::default() }
        };
        names.into_iter().map(record).collect()
    }
}

impl AppliedRows for Umzug {
    fn create_table(&self, dialect: Dialect, table: &TableName) -> String {
        let UmzugWords { columns, options, .. } = ledger_ddl::umzug::words(dialect);
        format!("CREATE TABLE {} ({columns}){options}", dialect.table(table))
    }

    fn adopt_row(&self, row: RowKey<'_>, migration: &Migration) -> String {
        (ledger_ddl::umzug::words(row.dialect).insert)(&row.table(), &row.dialect.literal(&migration.name))
    }

    fn locate_row(&self, row: RowKey<'_>, key: &str) -> String {
        format!("{} WHERE name = {}", row.table(), row.dialect.literal(key))
    }
}
