//! sqlx: `NUMBER_NAME.sql` or `NUMBER_NAME.up.sql`, and the table `_sqlx_migrations`, whose rows have a checksum.
//!
//! Sources: sqlx 0.9, `sqlx-core/src/migrate` and `migrate.rs` of its drivers; and runs of it, which are in
//! tests/cases/sqlx.jsonl.

pub(crate) mod configuration;
pub(crate) mod folder;

use crate::base::crc32::crc32;
use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::engines::session::LockKey;
use crate::formats::applied_rows::AppliedRows;
use crate::formats::ledger_ddl::sqlx_folder::SqlxWords;
use crate::formats::migration::{Migration, Record};
use crate::formats::sqlx_folder::configuration::Configuration;
use crate::formats::sqlx_folder::folder::{SqlxFolder, description, version};
use crate::formats::tool::Tool;
use crate::formats::{
    Detection, FolderDetection, Format, FormatEntry, Ledger, Lineage, LockPlace, Opening, Outcome, RowKey,
    applied_rows, kept, ledger_ddl, rfc3339, sql,
};
use crate::sql::{Dialect, Row, TableName};

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Sqlx,
    detection: Detection::Folder(FolderDetection {
        place: |_| Ok(configuration::read()?.folder),
        ..FolderDetection::new("sqlx: NUMBER_NAME.up.sql", open)
    }),
};

static TOOL: Tool =
    Tool { name: "sqlx", authoring: "sqlx migrate add SLUG", by_hand: "", writes_from_schema: false, command: None };

/// Opens it, with what sqlx.toml says.
fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    let Configuration { table, ignored, .. } = configuration::read()?;
    let table = opening.history_table.cloned().or(table);
    let ledger = kept(Sqlx { table, is_named: opening.is_named });
    Ok(Format { layout: kept(SqlxFolder { ignored }), ledger, writer: Some(ledger), tool: &TOOL })
}

#[derive(Debug)]
struct Sqlx {
    /// The table, if it is not the usual one.
    table: Option<TableName>,
    /// A setting names the format.
    is_named: bool,
}

impl Ledger for Sqlx {
    fn table(&self) -> &str {
        self.table.as_ref().map_or("_sqlx_migrations", |table| &table.name)
    }

    fn schema(&self) -> Option<&str> {
        self.table.as_ref()?.schema.as_deref()
    }

    /// `pg_advisory_lock(0x3d32ad9e * crc32(current_database()))`, and `GET_LOCK` with the same number as text. sqlx takes
    /// none on SQLite.
    fn tool_lock_keys(&self, dialect: Dialect, place: &LockPlace<'_>) -> Vec<LockKey> {
        let number = 0x3d32_ad9e * i64::from(crc32(place.database.as_bytes()));
        let name = ledger_ddl::sqlx_folder::words(dialect).lock;
        name.map(|name| LockKey::new(number, name)).into_iter().collect()
    }

    fn tool_locks(&self, dialect: Dialect) -> bool {
        ledger_ddl::sqlx_folder::words(dialect).lock.is_some()
    }

    fn unlocked_on(&self, dialect: Dialect) -> Option<&'static str> {
        ledger_ddl::sqlx_folder::words(dialect).unlocked_on
    }

    fn rival(&self) -> Option<&'static str> {
        (!self.is_named).then_some(sql::TABLE)
    }

    fn begins_beside_others(&self) -> bool {
        true
    }

    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        format!(
            "SELECT {}, description, {}, CASE WHEN success THEN 1 ELSE 0 END, {} \
             FROM {} AS history ORDER BY history.version",
            dialect.as_text("version"),
            dialect.timestamp_as_text("installed_on"),
            ledger_ddl::sqlx_folder::words(dialect).checksum,
            dialect.table(table)
        )
    }

    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record> {
        rows.into_iter().map(|row| record(row, lineage)).collect()
    }

    fn fits(&self, migration: &Migration, checksum: &str) -> bool {
        // A file that is no text has no checksum to compare.
        migration.checksum == checksum || migration.checksum.is_empty()
    }
}

/// A row with `success = false` is that of a run that is not done.
fn record(row: Row, lineage: &Lineage) -> Record {
    let mut values = row.into_iter().map(Option::unwrap_or_default);
    let mut value = || values.next().unwrap_or_default();
    let [version, description, installed, success, checksum] = std::array::from_fn(|_| value());
    let name = lineage.keys.get(&version).cloned();
    let name = name.unwrap_or_else(|| format!("{version}_{}", description.replace(' ', "_")));
    let at = rfc3339(installed);
    Record {
        id: format!("{}{version}", applied_rows::ROW),
        name,
        checksum,
        started_at: Some(at.clone()),
        finished_at: (success == "1").then_some(at),
        ..Record::default()
    }
}

impl Sqlx {
    /// The row of a migration; with the time that its script took in nanoseconds, where the server's clock tells it.
    fn row(&self, row: RowKey<'_>, migration: &Migration, (success, took): (&str, &str)) -> String {
        let literal = |text: &str| row.dialect.literal(text);
        let words = ledger_ddl::sqlx_folder::words(row.dialect);
        let checksum = words.decoded.replace("LITERAL", &literal(&migration.checksum));
        format!(
            "INSERT INTO {} (version, description, success, checksum, execution_time) VALUES ({}, {}, {}, {checksum}, {took})",
            row.table(),
            version(&migration.name).unwrap_or_default(),
            literal(&description(&migration.name)),
            success,
        )
    }
}

impl AppliedRows for Sqlx {
    fn create_table(&self, dialect: Dialect, table: &TableName) -> String {
        let SqlxWords { time, bytes, .. } = ledger_ddl::sqlx_folder::words(dialect);
        format!(
            "CREATE TABLE {} (
    version BIGINT PRIMARY KEY,
    description TEXT NOT NULL,
    installed_on {time},
    success BOOLEAN NOT NULL,
    checksum {bytes} NOT NULL,
    execution_time BIGINT NOT NULL
)",
            dialect.table(table)
        )
    }

    /// −1 is sqlx's own value for "not known".
    fn adopt_row(&self, row: RowKey<'_>, migration: &Migration) -> String {
        let truth = ledger_ddl::sqlx_folder::words(row.dialect).truth;
        self.row(row, migration, (truth, "-1"))
    }

    fn applied_row(&self, row: RowKey<'_>, migration: &Migration) -> Option<String> {
        let SqlxWords { truth, took, .. } = ledger_ddl::sqlx_folder::words(row.dialect);
        Some(self.row(row, migration, (truth, took)))
    }

    fn marks(&self) -> bool {
        true
    }

    fn mark_begun(&self, row: RowKey<'_>, migration: &Migration) -> Option<String> {
        let marks = ledger_ddl::sqlx_folder::words(row.dialect).marks_begun;
        marks.then(|| self.row(row, migration, ("FALSE", "-1")))
    }

    fn unmark_begun(&self, row: RowKey<'_>, migration: &Migration) -> Option<String> {
        let version = version(&migration.name).filter(|_| ledger_ddl::sqlx_folder::words(row.dialect).marks_begun)?;
        Some(format!("DELETE FROM {} WHERE version = {version} AND NOT success", row.table()))
    }

    fn locate_row(&self, row: RowKey<'_>, _key: &str) -> String {
        row.table() + &its(row)
    }

    /// A row with `success = false`.
    fn end_left(&self, row: RowKey<'_>, outcome: &Outcome<'_>) -> Option<String> {
        let set = format!("success = {}", ledger_ddl::sqlx_folder::words(row.dialect).truth);
        applied_rows::end_of_failed(row, &its(row), &set, outcome)
    }
}

/// The condition that finds a row that sqlx has written.
fn its(row: RowKey<'_>) -> String {
    let version = row.id.strip_prefix(applied_rows::ROW).and_then(|version| version.parse::<i64>().ok());
    format!(" WHERE version = {} AND NOT success", version.unwrap_or(i64::MIN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_lock_comes_from_the_name_of_the_database() {
        let place = LockPlace { database: "app", schema: None };
        let ledger = Sqlx { table: None, is_named: true };
        let keys = |dialect| ledger.tool_lock_keys(dialect, &place).iter().map(|key| key.number).collect::<Vec<_>>();
        assert_eq!(keys(Dialect::Postgres), [3_469_795_979_745_788_610]);
        assert!(keys(Dialect::Sqlite).is_empty());
        assert_eq!(format!("{:x}", keys(Dialect::Mysql)[0]), "3027310f4fd382c2");
    }
}
