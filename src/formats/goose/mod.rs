//! goose: `VERSION_NAME.sql` with the annotations `-- +goose Up` and `-- +goose Down`, and the table `goose_db_version`.
//!
//! Sources: goose 3, `internal/sqlparser`, `migrate.go`, `up.go`, `provider.go`, `lock/` and `internal/dialects`. The tool
//! itself was not run.

pub(crate) mod folder;
pub mod parser;
pub mod variables;

use std::collections::BTreeMap;

use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::engines::session::{LockKey, LockName};
use crate::formats::applied_rows::AppliedRows;
use crate::formats::goose::folder::{GooseFolder, is_migration, version};
use crate::formats::goose::variables::Variables;
use crate::formats::migration::{Migration, Record};
use crate::formats::tool::Tool;
use crate::formats::{
    Detection, FileMarks, FolderDetection, Format, FormatEntry, Ledger, Lineage, LockPlace, Opening, RowKey,
    applied_rows, kept, ledger_ddl, rfc3339, sql,
};
use crate::sql::{Dialect, Row, TableName};

/// goose's variables for the name of the table and for the folder.
const TABLE_VARIABLE: &str = "GOOSE_TABLE";
const FOLDER_VARIABLE: &str = "GOOSE_MIGRATION_DIR";

/// The key of the lock that a program can have goose take (`lock.DefaultLockID`): crc32("goose").
const LOCK: LockKey = LockKey::new(4_097_083_626, LockName::OfDatabase("goose"));

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Goose,
    detection: Detection::Folder(FolderDetection {
        place: |environment| Ok(environment.path(FOLDER_VARIABLE)),
        marks: Some(FileMarks { is_migration, is_marked: parser::is_marked }),
        ..FolderDetection::new("goose: 00001_NAME.sql with -- +goose Up", open)
    }),
};

static TOOL: Tool =
    Tool { name: "goose", authoring: "goose create SLUG sql", by_hand: "", writes_from_schema: false, command: None };

/// Opens it, with the table of the setting, of goose's variable, or its usual one.
fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    let of_variable = opening.environment.get(TABLE_VARIABLE).map(str::parse::<TableName>).transpose();
    let of_variable = of_variable.map_err(|why| Error::Settings(format!("{TABLE_VARIABLE}: {why}")))?;
    let table = opening.history_table.cloned().or(of_variable);
    let value = |name: &String| opening.environment.variables().find(|(known, _)| known == name);
    let allowed = opening.variables.iter();
    let variables: BTreeMap<String, Option<String>> =
        allowed.map(|name| (name.clone(), value(name).map(|(_, value)| value.expose().to_owned()))).collect();
    let ledger = kept(Goose { table, is_named: opening.is_named });
    let layout = kept(GooseFolder { variables: Variables(variables) });
    Ok(Format { layout, ledger, writer: Some(ledger), tool: &TOOL })
}

#[derive(Debug)]
struct Goose {
    /// The table, if it is not the usual one.
    table: Option<TableName>,
    /// A setting names the format.
    is_named: bool,
}

impl Ledger for Goose {
    fn table(&self) -> &str {
        self.table.as_ref().map_or("goose_db_version", |table| &table.name)
    }

    fn schema(&self) -> Option<&str> {
        self.table.as_ref()?.schema.as_deref()
    }

    /// A program can have its provider take it. The command takes none.
    fn tool_lock_keys(&self, dialect: Dialect, _place: &LockPlace<'_>) -> Vec<LockKey> {
        ledger_ddl::goose::words(dialect).may_lock.then_some(LOCK).into_iter().collect()
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

    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        format!(
            "SELECT {}, CASE WHEN is_applied THEN 1 ELSE 0 END, {} FROM {} AS history \
             ORDER BY history.id",
            dialect.as_text("version_id"),
            dialect.timestamp_as_text("tstamp"),
            dialect.table(table)
        )
    }

    /// Of the rows of a version the newest decides: very old versions of goose wrote one for the way back, too. The first row,
    /// of the version 0, says that the table is goose's.
    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record> {
        let mut newest: Vec<(String, bool, String)> = Vec::new();
        for row in rows {
            let mut values = row.into_iter().map(Option::unwrap_or_default);
            let mut value = || values.next().unwrap_or_default();
            let (version, is_applied, at) = (value(), value() == "1", value());
            newest.retain(|(known, ..)| *known != version);
            newest.push((version, is_applied, at));
        }
        let applied = newest.into_iter().filter(|(version, is_applied, _)| *is_applied && version != "0");
        let record = |(version, _, at): (String, bool, String)| {
            let name = lineage.keys.get(&version).cloned().unwrap_or_else(|| version.clone());
            let id = format!("{}{version}", applied_rows::ROW);
            let at = rfc3339(at);
            Record { id, name, started_at: Some(at.clone()), finished_at: Some(at), ..Record::default() }
        };
        applied.map(record).collect()
    }

    /// goose keeps no checksum; doorstep's notes do.
    fn fits(&self, migration: &Migration, checksum: &str) -> bool {
        checksum.is_empty() || migration.checksum == checksum
    }
}

impl AppliedRows for Goose {
    fn create_table(&self, dialect: Dialect, table: &TableName) -> String {
        let (words, table) = (ledger_ddl::goose::words(dialect), dialect.table(table));
        format!(
            "CREATE TABLE {table} ({}); INSERT INTO {table} (version_id, is_applied) VALUES (0, {})",
            words.columns, words.truth
        )
    }

    fn adopt_row(&self, row: RowKey<'_>, migration: &Migration) -> String {
        format!(
            "INSERT INTO {} (version_id, is_applied) VALUES ({}, {})",
            row.table(),
            version(&migration.name).unwrap_or_default(),
            ledger_ddl::goose::words(row.dialect).truth
        )
    }

    fn locate_row(&self, row: RowKey<'_>, key: &str) -> String {
        format!("{} WHERE version_id = {}", row.table(), key.parse::<i64>().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::crc32::crc32;

    #[test]
    fn the_key_of_the_lock_is_gooses_constant() {
        assert_eq!(LOCK.number, i64::from(crc32(b"goose")));
    }

    #[test]
    fn the_newest_row_of_a_version_decides() {
        let row = |version: &str, applied: &str| -> Row {
            vec![Some(version.to_owned()), Some(applied.to_owned()), Some("2026-01-01 00:00:00".to_owned())]
        };
        let rows = vec![
            row("0", "1"),
            row("1", "1"),
            row("2", "1"),
            row("2", "0"),
            row("3", "0"),
            row("3", "1"),
            row("9", "1"),
        ];
        let keys = [("1", "1_a"), ("2", "2_b"), ("3", "3_c")];
        let keys = keys.into_iter().map(|(key, name)| (key.to_owned(), name.to_owned())).collect();
        let goose = Goose { table: None, is_named: true };
        let found = goose.records(rows, &Lineage { keys, ..Lineage::default() });
        let names: Vec<&str> = found.iter().map(|record| record.name.as_str()).collect();
        assert_eq!(names, ["1_a", "3_c", "9"]);
    }
}
