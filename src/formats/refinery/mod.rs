//! refinery: `V1__NAME.sql` and `U1__NAME.sql`, and the table `refinery_schema_history`, whose rows have a checksum.
//!
//! Sources: refinery-core 0.10.1 (`util.rs`, `runner.rs`, `traits`, `drivers`); and runs of it, which are in
//! tests/cases/refinery.jsonl.

pub(crate) mod checksum;
pub(crate) mod configuration;
pub(crate) mod folder;
pub(crate) mod names;

use crate::base::error::Error;
use crate::base::sorting;
use crate::config::MigrationFormat;
use crate::formats::applied_rows::AppliedRows;
use crate::formats::migration::{Migration, Record};
use crate::formats::refinery::checksum::{Width, checksum};
use crate::formats::refinery::folder::RefineryFolder;
use crate::formats::refinery::names::{Numbered, numbered};
use crate::formats::tool::Tool;
use crate::formats::{
    Detection, FolderDetection, Format, FormatEntry, Ledger, Lineage, Opening, RowKey, applied_rows, kept, ledger_ddl,
    rfc3339, sql,
};
use crate::sql::{Dialect, Row, TableName};

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Refinery,
    detection: Detection::Folder(FolderDetection::new("refinery: V1__NAME.sql beside a U2__NAME.sql", open)),
};

static TOOL: Tool = Tool {
    name: "refinery",
    authoring: "the next file of refinery, V<VERSION>__SLUG.sql",
    by_hand: "",
    writes_from_schema: false,
    command: None,
};

/// Opens it. The name of the table is set in the program that uses refinery, so only the setting can say it here.
fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    let width = configuration::width()?;
    let ledger = kept(Refinery { table: opening.history_table.cloned(), is_named: opening.is_named, width });
    Ok(Format { layout: &RefineryFolder, ledger, writer: Some(ledger), tool: &TOOL })
}

#[derive(Debug)]
struct Refinery {
    /// The table, if it is not the usual one.
    table: Option<TableName>,
    /// A setting names the format.
    is_named: bool,
    /// The versions of a table that does not exist yet.
    width: Width,
}

impl Ledger for Refinery {
    fn table(&self) -> &str {
        self.table.as_ref().map_or("refinery_schema_history", |table| &table.name)
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

    /// A version of more than 32 bits in a table without the feature `int8-versions`, with which refinery stops.
    fn has_no_room(&self, rows: Option<&[Row]>, migrations: &[Migration]) -> Option<String> {
        let is_wide = rows.map_or(self.width == Width::Eight, |rows| width_of(rows) == Width::Eight);
        let is_long = |migration: &&Migration| {
            numbered(&migration.name).is_some_and(|numbered| i32::try_from(numbered.version).is_err())
        };
        let long = migrations.iter().find(is_long).filter(|_| !is_wide)?;
        Some(format!(
            "the version of {} needs 64 bits, and refinery has 32, unless its feature int8-versions is on; nothing here says \
             that it is\n\
             next: give it a smaller version; or, if the program has that feature, keep its Cargo.toml in the directory where \
             doorstep starts, or create the table as the program does: CREATE TABLE {} (version int8 PRIMARY KEY, \
             name VARCHAR(255), applied_on VARCHAR(255), checksum VARCHAR(255))",
            long.name,
            self.table()
        ))
    }

    /// The first row has the type of the versions, the others are those of refinery.
    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        let quoted = dialect.table(table);
        let version_type = version_type(dialect, table);
        format!(
            "SELECT NULL, {version_type}, NULL, NULL UNION ALL SELECT {}, name, applied_on, checksum FROM {quoted}",
            dialect.as_text("version")
        )
    }

    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record> {
        let mut records: Vec<(i64, Record)> = rows.into_iter().filter_map(|row| record(row, lineage)).collect();
        sorting::sort_by_key(&mut records, |(version, _)| *version);
        records.into_iter().map(|(_, record)| record).collect()
    }

    fn fits(&self, migration: &Migration, recorded: &str) -> bool {
        let sum = |width| {
            let Numbered { name, version, .. } = numbered(&migration.name)?;
            checksum(name, version, migration.script.source(), width)
        };
        // A file that is no text has no checksum to compare.
        migration.checksum.is_empty()
            || [Width::Four, Width::Eight].into_iter().any(|width| sum(width).as_deref() == Some(recorded))
    }
}

/// The type of the versions of a table, by the rows of the selection.
fn width_of(rows: &[Row]) -> Width {
    let of_column = rows.first().and_then(|row| row.get(1)?.as_deref());
    if of_column == Some("int8") { Width::Eight } else { Width::Four }
}

/// An expression for the type of the versions.
fn version_type(dialect: Dialect, table: &TableName) -> String {
    (ledger_ddl::refinery::words(dialect).version_type)(table)
}

/// A row; `None` for the first one, which has no version.
fn record(row: Row, lineage: &Lineage) -> Option<(i64, Record)> {
    let mut values = row.into_iter();
    let version = values.next().flatten()?;
    let [name, applied_on, sum] = std::array::from_fn(|_| values.next().flatten().unwrap_or_default());
    let file = lineage.keys.get(&version);
    let is_renamed = file.is_some_and(|file| numbered(file).is_none_or(|numbered| numbered.name != name));
    let at = Some(rfc3339(applied_on));
    let record = Record {
        id: format!("{}{version}", applied_rows::ROW),
        // refinery does not keep the letter, and calls all of them V.
        name: file.cloned().unwrap_or_else(|| format!("V{version}__{name}")),
        // refinery compares the names, too.
        checksum: if is_renamed { format!("{sum} of {name}") } else { sum },
        started_at: at.clone(),
        finished_at: at,
        ..Record::default()
    };
    Some((version.parse().unwrap_or(i64::MAX), record))
}

impl AppliedRows for Refinery {
    fn create_table(&self, dialect: Dialect, table: &TableName) -> String {
        let version_type = if self.width == Width::Eight { "int8" } else { "int4" };
        format!(
            "CREATE TABLE {} (
    version {version_type} PRIMARY KEY,
    name VARCHAR(255),
    applied_on VARCHAR(255),
    checksum VARCHAR(255)
)",
            dialect.table(table)
        )
    }

    /// The checksum depends on the type of the versions, so the statement looks at it.
    fn adopt_row(&self, row: RowKey<'_>, migration: &Migration) -> String {
        let literal = |text: &str| row.dialect.literal(text);
        let Some(Numbered { name, version, .. }) = numbered(&migration.name) else { return String::new() };
        let sum = |width| {
            let text = checksum(name, version, migration.script.source(), width);
            text.map_or_else(|| "NULL".to_owned(), |text| literal(&text))
        };
        format!(
            "INSERT INTO {} (version, name, applied_on, checksum) VALUES ({version}, {}, {}, \
             CASE {} WHEN 'int8' THEN {} ELSE {} END)",
            row.table(),
            literal(name),
            ledger_ddl::refinery::words(row.dialect).now,
            version_type(row.dialect, row.table),
            sum(Width::Eight),
            sum(Width::Four),
        )
    }

    fn locate_row(&self, row: RowKey<'_>, key: &str) -> String {
        format!("{} WHERE version = {}", row.table(), key.parse().unwrap_or(i64::MIN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_another_name_is_one_of_another_migration() {
        let keys = [("1".to_owned(), "V1__apple".to_owned())].into();
        let lineage = Lineage { keys, ..Lineage::default() };
        let row = |version: &str, name: &str| -> Row {
            [version, name, "2026-11-28T12:18:10.99496162Z", "7"].map(|value| Some(value.to_owned())).into()
        };
        let ledger = Refinery { table: None, is_named: true, width: Width::Four };
        let first: Row = vec![None, Some("int4".to_owned()), None, None];
        let records = ledger.records(vec![first, row("10", "pear"), row("1", "apple"), row("2", "x")], &lineage);
        let names: Vec<(&str, &str)> = records.iter().map(|it| (it.name.as_str(), it.checksum.as_str())).collect();
        assert_eq!(names, [("V1__apple", "7"), ("V2__x", "7"), ("V10__pear", "7")]);
        let records = ledger.records(vec![row("1", "apples")], &lineage);
        assert_eq!(records[0].checksum, "7 of apples");
    }
}
