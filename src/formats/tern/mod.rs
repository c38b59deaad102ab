//! tern: `001_NAME.sql` with `---- create above / drop below ----`, and the table `schema_version`, whose one row has the version
//! of the database.
//!
//! Source: jackc/tern 2, `migrate/migrate.go`. The tool itself was not run.

pub(crate) mod configuration;
pub(crate) mod folder;

use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::engines::session::{LockKey, LockName};
use crate::formats::applied_rows::AppliedRows;
use crate::formats::migration::{Migration, Record};
use crate::formats::tern::folder::{TernFolder, version};
use crate::formats::tool::Tool;
use crate::formats::{
    Detection, FileMarks, FolderDetection, Format, FormatEntry, Ledger, Lineage, Opening, RowKey, applied_rows, kept,
    ledger_ddl, sql,
};
use crate::sql::{Dialect, Row, TableName};

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Tern,
    detection: Detection::Folder(FolderDetection {
        marks: Some(FileMarks {
            is_migration: |name| name.starts_with(|c: char| c.is_ascii_digit()) && name.ends_with(".sql"),
            is_marked: folder::is_marked,
        }),
        ..FolderDetection::new("tern: 001_NAME.sql with ---- create above / drop below ----", open)
    }),
};

static TOOL: Tool =
    Tool { name: "tern", authoring: "tern new SLUG", by_hand: "", writes_from_schema: false, command: None };

/// Opens it, with the table of the setting, of tern.conf, or its usual one.
fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    let table = match opening.history_table {
        Some(table) => Some(table.clone()),
        None => configuration::table()?,
    };
    let usual = || TableName { schema: Some("public".to_owned()), name: "schema_version".to_owned() };
    let ledger = kept(Tern { table: table.unwrap_or_else(usual), is_named: opening.is_named });
    Ok(Format { layout: &TernFolder, ledger, writer: Some(ledger), tool: &TOOL })
}

#[derive(Debug)]
struct Tern {
    table: TableName,
    /// A setting names the format.
    is_named: bool,
}

impl Ledger for Tern {
    fn table(&self) -> &str {
        &self.table.name
    }

    fn schema(&self) -> Option<&str> {
        self.table.schema.as_deref()
    }

    /// `lockNum`.
    fn lock_key(&self) -> LockKey {
        LockKey::new(9_628_173_550_095_224, LockName::OfDatabase("tern"))
    }

    fn rival(&self) -> Option<&'static str> {
        (!self.is_named).then_some(sql::TABLE)
    }

    fn begins_beside_others(&self) -> bool {
        true
    }

    fn implies_older(&self) -> bool {
        true
    }

    fn foreign(&self, rows: &[Row]) -> Option<String> {
        let count = rows.first()?.first()?.as_deref()?;
        (count != "1").then(|| format!("it has {count} rows, and tern keeps one"))
    }

    /// One row: the number of rows, and the version.
    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        format!("SELECT CAST(count(*) AS text), CAST(max(version) AS text) FROM {}", dialect.table(table))
    }

    /// The version of the row, and all lower ones, are applied.
    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record> {
        let value = rows.into_iter().next().and_then(|row| row.into_iter().nth(1).flatten()).unwrap_or_default();
        let current: i32 = value.parse().unwrap_or(0);
        let record = |version: i32| {
            let id = format!("{}{version}", applied_rows::ROW);
            let name = lineage.keys.get(&version.to_string()).cloned().unwrap_or_else(|| version.to_string());
            // tern does not keep the time; that there is one says that the migration is applied.
            Record { id, name, finished_at: Some(String::new()), ..Record::default() }
        };
        // Of versions beyond the folder the last one tells enough.
        let known = i32::try_from(lineage.keys.len()).unwrap_or(i32::MAX).min(current);
        (1..=known).chain((current > known).then_some(current)).map(record).collect()
    }
}

impl AppliedRows for Tern {
    fn create_table(&self, dialect: Dialect, table: &TableName) -> String {
        ledger_ddl::tern::create(&dialect.table(table))
    }

    /// From the version before, or a later one, which stays.
    fn adopt_row(&self, row: RowKey<'_>, migration: &Migration) -> String {
        let version = version(&migration.name).unwrap_or_default();
        format!("UPDATE {} SET version = GREATEST(version, {version}) WHERE version >= {}", row.table(), version - 1)
    }

    fn locate_row(&self, row: RowKey<'_>, key: &str) -> String {
        format!("{} WHERE version = {}", row.table(), key.parse().unwrap_or(-1_i32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_row_says_that_its_version_and_all_lower_ones_are_applied() {
        let table = TableName { schema: None, name: "schema_version".to_owned() };
        let ledger = Tern { table, is_named: true };
        let keys = [("1", "001_a"), ("2", "002_b")].map(|(key, name)| (key.to_owned(), name.to_owned())).into();
        let lineage = Lineage { keys, ..Lineage::default() };
        let names = |version: &str| -> Vec<String> {
            let rows = vec![vec![Some("1".to_owned()), Some(version.to_owned())]];
            ledger.records(rows, &lineage).into_iter().map(|record| record.name).collect()
        };
        assert_eq!(names("0"), [""; 0]);
        assert_eq!(names("1"), ["001_a"]);
        assert_eq!(names("2"), ["001_a", "002_b"]);
        assert_eq!(names("7"), ["001_a", "002_b", "7"]);
        let foreign = |count: &str| ledger.foreign(&[vec![Some(count.to_owned()), None]]);
        // Without a table there are no rows.
        assert!(foreign("0").is_some() && foreign("2").is_some() && foreign("1").is_none());
        assert!(ledger.foreign(&[]).is_none());
    }
}
