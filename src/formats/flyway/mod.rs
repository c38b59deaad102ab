//! Flyway: `V1__NAME.sql`, `R__NAME.sql` and `B1__NAME.sql`, and the table `flyway_schema_history`.
//!
//! Sources: Flyway 11 and 12 community, `flyway-core`, `flyway-database-postgresql` and `flyway-mysql`, and its documentation. The tool
//! itself was not run.

pub(crate) mod configuration;
pub(crate) mod environments;
pub(crate) mod folder;
pub(crate) mod names;
pub(crate) mod settings;
pub(crate) mod text;

use std::path::{Path, PathBuf};

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::engines::session::LockKey;
use crate::formats::applied_rows::AppliedRows;
use crate::formats::flyway::configuration::Configuration;
use crate::formats::flyway::folder::{BASELINE, Files, FlywayFile, FlywayFolder, by_key};
use crate::formats::flyway::names::{Role, Version};
use crate::formats::flyway::text::hash_code;
use crate::formats::ledger_ddl::flyway::{FlywayWords, Index};
use crate::formats::migration::{Migration, Record};
use crate::formats::tool::Tool;
use crate::formats::{
    Detection, FolderDetection, Format, FormatEntry, Ledger, Lineage, LockPlace, Opening, Outcome, RowKey,
    applied_rows, kept, ledger_ddl, rfc3339, sql,
};
use crate::sql::{Dialect, Row, TableName};

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Flyway,
    detection: Detection::Folder(FolderDetection { place, ..FolderDetection::new("Flyway: V1__NAME.sql", open) }),
};

static TOOL: Tool = Tool {
    name: "flyway",
    authoring: "a file V<NEXT VERSION>__SLUG.sql",
    by_hand: "",
    writes_from_schema: false,
    command: None,
};

/// The folder of its configuration, else those of its API and of its command.
fn place(environment: &Environment) -> Result<Option<PathBuf>, Error> {
    let named = configuration::place(environment)?;
    let usual = || ["db/migration", "sql"].into_iter().find(|place| Path::new(place).is_dir()).map(PathBuf::from);
    Ok(named.or_else(usual))
}

/// Opens it, with what its configuration says.
fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    let configuration = kept(configuration::read(opening.environment, opening.variables)?);
    let files = kept(Files::default());
    let table = match opening.history_table {
        Some(table) => table.clone(),
        None => TableName { schema: configuration.schema.clone(), name: configuration.table.clone() },
    };
    let ledger = kept(Flyway { table, configuration, files, is_named: opening.is_named });
    Ok(Format { layout: kept(FlywayFolder { configuration, files }), ledger, writer: Some(ledger), tool: &TOOL })
}

#[derive(Debug)]
struct Flyway {
    table: TableName,
    configuration: &'static Configuration,
    /// What a row says of each file.
    files: &'static Files,
    /// A setting names the format.
    is_named: bool,
}

/// A row of the history.
#[derive(Debug, Clone)]
struct HistoryRow {
    rank: String,
    version: Option<Version>,
    description: String,
    kind: String,
    script: String,
    checksum: Option<i32>,
    at: String,
    success: bool,
}

impl HistoryRow {
    fn of(row: Row) -> Self {
        let mut values = row.into_iter();
        let mut value = || values.next().flatten();
        let (rank, version) = (value().unwrap_or_default(), value().as_deref().and_then(Version::of));
        let [description, kind, script] = std::array::from_fn(|_| value().unwrap_or_default());
        let checksum = value().and_then(|sum| sum.parse().ok());
        let (at, success) = (value().map(rfc3339).unwrap_or_default(), value().as_deref() == Some("1"));
        Self { rank, version, description, kind, script, checksum, at, success }
    }

    /// What the row is about, as [`by_key`] calls it.
    fn key(&self) -> String {
        match (&self.version, self.kind.as_str()) {
            (Some(version), "SQL_BASELINE") => format!("B{}", version.key()),
            (Some(version), _) => format!("V{}", version.key()),
            (None, _) => format!("R{}", self.description),
        }
    }

    /// The row belongs to this file, and the file is as it was.
    fn is_of(&self, file: &FlywayFile) -> bool {
        let kind = if matches!(file.role, Role::Baseline(_)) { "SQL_BASELINE" } else { "SQL" };
        let is_code = matches!(file.role, Role::Code(_));
        let has_sum = file.checksums.is_empty() || self.checksum.is_none_or(|sum| file.checksums.contains(&sum));
        is_code || (self.kind == kind && self.description == file.description && has_sum)
    }
}

impl Flyway {
    /// The record of a row; `None` of one that says nothing about a migration.
    fn record(&self, row: &HistoryRow) -> Option<Record> {
        let id = format!("{}{}", applied_rows::ROW, row.rank);
        let finished_at = row.success.then(|| row.at.clone());
        let record = Record { id, started_at: Some(row.at.clone()), finished_at, ..Record::default() };
        match row.kind.as_str() {
            "SCHEMA" => return None,
            "BASELINE" => {
                let version = row.version.as_ref().map(|version| version.text.as_str()).unwrap_or_default();
                return Some(Record { name: format!("{BASELINE} {version}"), ..record });
            }
            _ => {}
        }
        let files = by_key(self.files.all());
        let Some(file) = files.get(&row.key()) else {
            // The name that its file had.
            let file = row.script.rsplit('/').next().unwrap_or_default();
            let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
            return Some(Record { name: stem.to_owned(), ..record });
        };
        let checksum = match row.is_of(file) {
            true => String::new(),
            false => format!("{:?} {} {}", row.checksum, row.kind, row.description),
        };
        match (&file.role, row.success) {
            // It runs again.
            (Role::Repeatable, true) if !checksum.is_empty() => None,
            _ => Some(Record { name: file.name.clone(), checksum, ..record }),
        }
    }

    /// The statement that writes the row of a migration: how long it took, and whether it succeeded.
    fn row(&self, row: RowKey<'_>, migration: &Migration, (took, success): (&str, &str)) -> Option<String> {
        let file = self.files.of(&migration.name)?;
        let literal = |text: &str| row.dialect.literal(text);
        let user = || ledger_ddl::flyway::words(row.dialect).user.to_owned();
        let user = self.configuration.installed_by.as_deref().map_or_else(user, literal);
        let version = file.version().map_or("NULL".to_owned(), |version| literal(&version.text));
        let kind = if matches!(file.role, Role::Baseline(_)) { "SQL_BASELINE" } else { "SQL" };
        let checksum = file.checksums.first().map_or("NULL".to_owned(), i32::to_string);
        let table = row.table();
        let columns = INSERTED.map(|column| row.dialect.identifier(column));
        Some(format!(
            "INSERT INTO {table} ({}) \
             SELECT COALESCE(max({}), 0) + 1, {version}, {}, '{kind}', {}, {checksum}, {user}, {took}, {success} FROM {table}",
            columns.join(", "),
            columns[0],
            literal(&file.description),
            literal(&file.script),
        ))
    }
}

/// The columns that a new row is given.
const INSERTED: [&str; 9] = [
    "installed_rank",
    "version",
    "description",
    "type",
    "script",
    "checksum",
    "installed_by",
    "execution_time",
    "success",
];

/// Of the rows of one thing the newest counts; one that says "deleted" or "undone" takes it back.
fn newest(rows: Vec<Row>) -> Vec<HistoryRow> {
    let mut kept: Vec<HistoryRow> = Vec::new();
    for row in rows.into_iter().map(HistoryRow::of) {
        let key = row.key();
        let is_taken_back = row.kind == "DELETE" || row.kind.starts_with("UNDO");
        // An undone baseline has another key than its version.
        kept.retain(|known| known.key() != key || known.kind == "BASELINE");
        if !is_taken_back {
            kept.push(row);
        }
    }
    kept
}

impl Ledger for Flyway {
    fn table(&self) -> &str {
        &self.table.name
    }

    fn schema(&self) -> Option<&str> {
        self.table.schema.as_deref()
    }

    fn demands_schema(&self) -> Option<&str> {
        self.configuration.schema.as_deref()
    }

    /// `pg_try_advisory_xact_lock` or `GET_LOCK`, with the hash of the table's quoted name. On SQLite Flyway takes none.
    fn tool_lock_keys(&self, dialect: Dialect, place: &LockPlace<'_>) -> Vec<LockKey> {
        let schema = self.schema().or(place.schema).unwrap_or_default();
        let table = TableName { schema: Some(schema.to_owned()), name: self.table.name.clone() };
        let hash = hash_code(&dialect.table(&table));
        ledger_ddl::flyway::words(dialect).lock.map(|key| key(hash)).into_iter().collect()
    }

    fn tool_locks(&self, dialect: Dialect) -> bool {
        ledger_ddl::flyway::words(dialect).lock.is_some()
    }

    fn rival(&self) -> Option<&'static str> {
        (!self.is_named).then_some(sql::TABLE)
    }

    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        let column = |name: &str| dialect.identifier(name);
        let texts = ["version", "description", "type", "script"].map(column).join(", ");
        let (rank, success) = (column("installed_rank"), column("success"));
        format!(
            "SELECT {}, {texts}, {}, {}, CASE WHEN {success} THEN 1 ELSE 0 END FROM {} ORDER BY {rank}",
            dialect.as_text(&rank),
            dialect.as_text(&column("checksum")),
            dialect.timestamp_as_text(&column("installed_on")),
            dialect.table(table)
        )
    }

    fn records(&self, rows: Vec<Row>, _lineage: &Lineage) -> Vec<Record> {
        newest(rows).iter().filter_map(|row| self.record(row)).collect()
    }

    /// Rows are compared with their files where they are read; what is left here are doorstep's notes.
    fn fits(&self, migration: &Migration, checksum: &str) -> bool {
        checksum.is_empty() || migration.checksum.is_empty() || migration.checksum == checksum
    }
}

impl AppliedRows for Flyway {
    fn create_table(&self, dialect: Dialect, table: &TableName) -> String {
        let FlywayWords { columns, index, .. } = ledger_ddl::flyway::words(dialect);
        let [key, name] = ["pk", "s_idx"].map(|suffix| dialect.identifier(&format!("{}_{suffix}", table.name)));
        let [rank, success] = ["installed_rank", "success"].map(|column| dialect.identifier(column));
        let (quoted, key) = (dialect.table(table), format!("CONSTRAINT {key} PRIMARY KEY ({rank})"));
        match index {
            Index::Apart => {
                format!("CREATE TABLE {quoted} ({columns}, {key}); CREATE INDEX {name} ON {quoted} ({success})")
            }
            Index::Within => format!("CREATE TABLE {quoted} ({columns}, {key}, INDEX {name} ({success}))"),
        }
    }

    fn adopt_row(&self, row: RowKey<'_>, migration: &Migration) -> String {
        self.row(row, migration, ("0", ledger_ddl::flyway::words(row.dialect).truth)).unwrap_or_default()
    }

    fn applied_row(&self, row: RowKey<'_>, migration: &Migration) -> Option<String> {
        let FlywayWords { took, truth, .. } = ledger_ddl::flyway::words(row.dialect);
        self.row(row, migration, (took, truth))
    }

    fn marks(&self) -> bool {
        true
    }

    /// Flyway writes a row with `success = false` after a failure that may have left something, and does not go on while it is
    /// there. It would run the file of a doorstep that was killed from its beginning.
    fn mark_begun(&self, row: RowKey<'_>, migration: &Migration) -> Option<String> {
        self.row(row, migration, ("0", ledger_ddl::flyway::words(row.dialect).falsehood))
    }

    fn unmark_begun(&self, row: RowKey<'_>, migration: &Migration) -> Option<String> {
        let file = self.files.of(&migration.name)?;
        let [version, description, success] =
            ["version", "description", "success"].map(|column| row.dialect.identifier(column));
        let its = match file.version() {
            Some(of) => format!("{version} = {}", row.dialect.literal(&of.text)),
            None => format!("{version} IS NULL AND {description} = {}", row.dialect.literal(&file.description)),
        };
        Some(format!("DELETE FROM {} WHERE {its} AND NOT {success}", row.table()))
    }

    fn locate_row(&self, row: RowKey<'_>, _key: &str) -> String {
        row.table() + &its(row)
    }

    /// A row with `success = false`.
    fn end_left(&self, row: RowKey<'_>, outcome: &Outcome<'_>) -> Option<String> {
        let success = row.dialect.identifier("success");
        let set = format!("{success} = {}", ledger_ddl::flyway::words(row.dialect).truth);
        applied_rows::end_of_failed(row, &its(row), &set, outcome)
    }
}

/// The condition that finds a failed row.
fn its(row: RowKey<'_>) -> String {
    let rank = row.id.strip_prefix(applied_rows::ROW).and_then(|rank| rank.parse::<i64>().ok());
    let [column, success] = ["installed_rank", "success"].map(|column| row.dialect.identifier(column));
    format!(" WHERE {column} = {} AND NOT {success}", rank.unwrap_or(i64::MIN))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::session::LockName;

    fn ledger() -> Flyway {
        let configuration = kept(configuration::read(&Environment::default(), &[]).unwrap());
        let table = TableName { schema: None, name: configuration.table.clone() };
        Flyway { table, configuration, files: kept(Files::default()), is_named: true }
    }

    #[test]
    fn the_key_of_the_lock_comes_from_the_name_of_the_table() {
        let place = LockPlace { database: "app", schema: Some("public") };
        let keys = |dialect| ledger().tool_lock_keys(dialect, &place).iter().map(|key| key.number).collect::<Vec<_>>();
        assert_eq!(keys(Dialect::Postgres), [77_433_833_903_597]);
        assert!(keys(Dialect::Sqlite).is_empty());
        // Of `app`.`flyway_schema_history`; the lock is called Flyway--320650056.
        let place = LockPlace { database: "app", schema: Some("app") };
        let [key] = ledger().tool_lock_keys(Dialect::Mysql, &place)[..] else { panic!("one lock") };
        assert_eq!(key, LockKey::new(-320_650_056, LockName::Numbered("Flyway-")));
    }

    fn row(rank: &str, version: Option<&str>, description: &str, kind: &str, sum: Option<&str>) -> Row {
        let text = |text: &str| Some(text.to_owned());
        let script =
            version.map_or(format!("R__{description}.sql"), |version| format!("V{version}__{description}.sql"));
        let (version, sum) = (version.map(str::to_owned), sum.map(str::to_owned));
        vec![
            text(rank),
            version,
            text(description),
            text(kind),
            text(&script),
            sum,
            text("2026-01-01 00:00:00"),
            text("1"),
        ]
    }

    #[test]
    fn rows_are_matched_with_files_by_version_or_description() {
        let flyway = ledger();
        let file = |name: &str, sums: &[i32]| {
            let (role, description) = names::role(&format!("{name}.sql")).unwrap().unwrap();
            FlywayFile {
                name: name.to_owned(),
                role,
                description,
                script: format!("{name}.sql"),
                checksums: sums.to_vec(),
            }
        };
        flyway.files.keep(vec![
            file("V1__a", &[1]),
            file("V2.0__b", &[2]),
            file("V3__c", &[3]),
            file("R__v", &[8, 9]),
            file("R__w", &[5]),
        ]);
        let rows = vec![
            row("0", None, "<< Flyway Schema Creation >>", "SCHEMA", None),
            row("1", Some("1"), "a", "SQL", Some("1")),
            row("2", Some("2"), "b", "SQL", Some("7")),
            row("3", Some("3"), "other", "SQL", Some("3")),
            row("4", None, "v", "SQL", Some("1")),
            row("5", None, "v", "SQL", Some("9")),
            row("6", None, "w", "SQL", Some("6")),
            row("7", Some("9"), "later", "SQL", Some("6")),
            row("8", Some("4"), "gone", "SQL", Some("6")),
            row("9", Some("4"), "gone", "DELETE", None),
        ];
        let found = flyway.records(rows, &Lineage::default());
        let shown: Vec<(&str, bool)> =
            found.iter().map(|record| (record.name.as_str(), record.checksum.is_empty())).collect();
        // Edited: another checksum, another description. The second view has changed and runs again.
        let expected = [("V1__a", true), ("V2.0__b", false), ("V3__c", false), ("R__v", true), ("V9__later", true)];
        assert_eq!(shown, expected);
        let baseline = row("1", Some("5"), "<< Flyway Baseline >>", "BASELINE", None);
        let found = flyway.records(vec![baseline], &Lineage::default());
        assert_eq!(found[0].name, "<< Flyway Baseline >> 5");
    }
}
