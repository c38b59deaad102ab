//! golang-migrate: `NUMBER_NAME.up.sql`, and the table `schema_migrations`, whose one row has the version of the database.
//!
//! Sources: golang-migrate 4, `migrate.go`, `source/parse.go`, `database/postgres`, `database/sqlite` and
//! `database/util.go`. The tool itself was not run.

pub(crate) mod folder;

use crate::base::crc32::crc32;
use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::engines::session::LockKey;
use crate::formats::golang_migrate::folder::{GolangMigrateFolder, Versions, version};
use crate::formats::ledger_ddl::golang_migrate::Version;
use crate::formats::migration::{Migration, Record, RunMode};
use crate::formats::notes::{NOTES, Notes};
use crate::formats::tool::Tool;
use crate::formats::{
    Detection, FolderDetection, Format, FormatEntry, Ledger, LedgerWriter, Lineage, LockPlace, Opening, Outcome,
    RowKey, applied_rows, kept, ledger_ddl, sql,
};
use crate::sql::{Dialect, Row, TableName};

/// The factor of the lock's key (`database/util.go`).
const SALT: u32 = 1_486_364_155;

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::GolangMigrate,
    detection: Detection::Folder(FolderDetection::new("golang-migrate: NUMBER_NAME.up.sql", open)),
};

static TOOL: Tool = Tool {
    name: "golang-migrate",
    authoring: "migrate create -ext sql -dir migrations -seq SLUG",
    by_hand: "",
    writes_from_schema: false,
    command: None,
};

/// Opens it, with the table of the setting, of the URL's parameters, or its usual one.
fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    let table = match opening.history_table {
        Some(table) => Some(table.clone()),
        None => table_of_url(opening)?,
    };
    let versions = kept(Versions::default());
    let ledger = kept(GolangMigrate { table, versions, is_named: opening.is_named });
    Ok(Format { layout: kept(GolangMigrateFolder { versions }), ledger, writer: Some(ledger), tool: &TOOL })
}

/// `x-migrations-table`: the name as it is, or with `x-migrations-table-quoted` one or two names in quotes.
fn table_of_url(opening: &Opening<'_>) -> Result<Option<TableName>, Error> {
    let Some(name) = opening.url_parameter("x-migrations-table") else { return Ok(None) };
    let is_quoted = opening.url_parameter("x-migrations-table-quoted").is_some_and(is_true);
    match is_quoted {
        false => Ok(Some(TableName { schema: None, name: name.to_owned() })),
        true => {
            let parsed = name.parse();
            parsed.map(Some).map_err(|why: String| Error::Settings(format!("x-migrations-table of the URL: {why}")))
        }
    }
}

/// Go's `strconv.ParseBool`.
fn is_true(text: &str) -> bool {
    matches!(text, "1" | "t" | "T" | "TRUE" | "true" | "True")
}

#[derive(Debug)]
struct GolangMigrate {
    /// The table, if it is not the usual one.
    table: Option<TableName>,
    /// The versions of the folder.
    versions: &'static Versions,
    /// A setting names the format.
    is_named: bool,
}

impl GolangMigrate {
    /// The texts whose numbers are the keys. PostgreSQL: for a database that its name or its URL's path names: `Open(url)` passes
    /// the path with its slash, a program that passes a connection has `current_database()`. MySQL: database and table.
    fn key_texts(&self, dialect: Dialect, place: &LockPlace<'_>) -> Vec<String> {
        let (database, table) = (place.database, self.table());
        if dialect.rules().locks_names {
            return vec![format!("{database}:{table}")];
        }
        let schema = self.schema().or(place.schema).unwrap_or_default();
        ["/", ""].map(|slash| format!("{schema}\0{table}\0{slash}{database}")).into()
    }

    /// Writes this version as the one of the database, unless it is at a later one, after [`GolangMigrate::clear`].
    fn put(row: RowKey<'_>, version: u64, dirty: bool) -> String {
        let words = ledger_ddl::golang_migrate::words(row.dialect);
        (words.put)(&Version { table: &row.table(), version, dirty: words.dirty[usize::from(dirty)] })
    }

    /// Makes way for it.
    fn clear(row: RowKey<'_>, version: u64, dirty: bool) -> String {
        let words = ledger_ddl::golang_migrate::words(row.dialect);
        (words.clear)(&Version { table: &row.table(), version, dirty: words.dirty[usize::from(dirty)] })
    }

    /// Puts a row that says "dirty" back to the version before; `None` where the folder does not tell it.
    fn put_back(&self, row: RowKey<'_>, version: u64) -> Option<String> {
        let [clean, _] = ledger_ddl::golang_migrate::words(row.dialect).dirty;
        let table = row.table();
        Some(match self.versions.before(version)? {
            Some(before) => {
                format!("UPDATE {table} SET version = {before}, dirty = {clean} WHERE version = {version} AND dirty")
            }
            None => format!("DELETE FROM {table} WHERE version = {version} AND dirty"),
        })
    }
}

/// The version of a row that the tool has written.
fn version_of_row(row: RowKey<'_>) -> Option<u64> {
    row.id.strip_prefix(applied_rows::ROW)?.parse().ok()
}

impl Ledger for GolangMigrate {
    fn table(&self) -> &str {
        self.table.as_ref().map_or("schema_migrations", |table| &table.name)
    }

    fn schema(&self) -> Option<&str> {
        self.table.as_ref()?.schema.as_deref()
    }

    /// `pg_advisory_lock`, with one of two keys, or `GET_LOCK` with a number as text. The tool takes none on SQLite.
    fn tool_lock_keys(&self, dialect: Dialect, place: &LockPlace<'_>) -> Vec<LockKey> {
        let Some(name) = ledger_ddl::golang_migrate::words(dialect).lock else { return Vec::new() };
        let number = |text: String| i64::from(crc32(text.as_bytes()).wrapping_mul(SALT));
        self.key_texts(dialect, place).into_iter().map(|text| LockKey::new(number(text), name)).collect()
    }

    fn tool_locks(&self, dialect: Dialect) -> bool {
        ledger_ddl::golang_migrate::words(dialect).lock.is_some()
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

    /// dbmate, Rails and Ecto have a table of this name with other columns.
    fn foreign(&self, rows: &[Row]) -> Option<String> {
        let row = rows.first()?;
        let columns = row.first()?.as_deref()?;
        let has = |name: &str| columns.split(',').any(|column| column == name);
        let count = row.get(1)?.as_deref()?;
        match (has("version"), has("dirty")) {
            (true, true) if !matches!(count, "0" | "1") => {
                Some(format!("it has {count} rows, and golang-migrate keeps one"))
            }
            (true, true) => None,
            _ => Some(format!("it has the columns {columns}, and golang-migrate's has version and dirty")),
        }
    }

    /// One row: the names of the columns, the number of rows, and a row of the table. Where the table has no such columns,
    /// the names lead to those of `fallback`.
    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        let quoted = dialect.table(table);
        let names = (ledger_ddl::golang_migrate::words(dialect).names)(table);
        let [count, version, dirty] = ["count(*)", "version", "dirty"].map(|value| dialect.as_text(value));
        format!(
            "SELECT {names}, (SELECT {count} FROM {quoted}), (SELECT {version} FROM {quoted} LIMIT 1), \
             (SELECT {dirty} FROM {quoted} LIMIT 1) FROM (SELECT NULL AS version, NULL AS dirty) AS fallback"
        )
    }

    /// The version of the row, and all older ones of the folder, are applied.
    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record> {
        let row: Vec<Option<String>> = rows.into_iter().next().unwrap_or_default();
        let [_, _, Some(current), dirty] = row.as_slice() else { return Vec::new() };
        let is_dirty = matches!(dirty.as_deref(), Some("true" | "t" | "1"));
        let number: i64 = current.parse().unwrap_or(i64::MIN);
        let known = lineage.keys.iter().filter_map(|(key, name)| Some((key.parse::<i64>().ok()?, name.as_str())));
        let mut applied: Vec<(i64, &str)> = known.filter(|(version, _)| *version <= number).collect();
        if !applied.iter().any(|(version, _)| *version == number) {
            applied.push((number, current));
        }
        applied.sort_unstable();
        let record = |(version, name): (i64, &str)| {
            let is_done = version < number || !is_dirty;
            // The tool does not keep the time; that there is one says that the migration is applied.
            let finished_at = is_done.then(String::new);
            let id = format!("{}{version}", applied_rows::ROW);
            Record { id, name: name.to_owned(), finished_at, ..Record::default() }
        };
        applied.into_iter().map(record).collect()
    }
}

impl LedgerWriter for GolangMigrate {
    fn create(&self, dialect: Dialect, table: &TableName) -> String {
        let words = ledger_ddl::golang_migrate::words(dialect);
        let table = dialect.table(table);
        format!("CREATE TABLE {table} ({}){}", words.columns, words.after_creation.replace("TABLE", &table))
    }

    fn new_id(&self, mode: Option<RunMode>) -> String {
        applied_rows::new_id(mode)
    }

    /// Of a script that does not commit together with the row, the row says that it has begun, as the tool's does: the tool
    /// stops there. doorstep goes on by its note.
    fn begin(&self, row: RowKey<'_>, mode: RunMode, migration: &Migration) -> Option<String> {
        let note = applied_rows::begin(row, mode, migration)?;
        let version = version(&migration.name)?;
        Some(format!("{note}; {}; {}", Self::clear(row, version, true), Self::put(row, version, true)))
    }

    fn clears(&self, row: RowKey<'_>, migration: &Migration) -> Option<String> {
        version(&migration.name)
            .filter(|_| version_of_row(row).is_none())
            .map(|version| Self::clear(row, version, false))
    }

    /// Also the end of a row that says "dirty", which another writer has left.
    fn end(&self, row: RowKey<'_>, migration: Option<&Migration>, outcome: &Outcome<'_>) -> Option<String> {
        let [clean, _] = ledger_ddl::golang_migrate::words(row.dialect).dirty;
        match (outcome, version_of_row(row)) {
            (Outcome::Succeeded, Some(version)) => {
                Some(format!("UPDATE {} SET dirty = {clean} WHERE version = {version} AND dirty", row.table()))
            }
            (Outcome::RolledBack(_) | Outcome::GivenUp, Some(version)) => self.put_back(row, version),
            (Outcome::RolledBack(_) | Outcome::GivenUp, None) => {
                let note = applied_rows::end(row, outcome, || None)?;
                let version = version(&migration?.name)?;
                Some(format!("{note}; {}", self.put_back(row, version)?))
            }
            _ => applied_rows::end(row, outcome, || {
                migration.and_then(|migration| version(&migration.name)).map(|version| Self::put(row, version, false))
            }),
        }
    }

    fn adopt(&self, row: RowKey<'_>, migration: &Migration) -> String {
        let version = version(&migration.name).unwrap_or_default();
        format!("{}; {}", Self::clear(row, version, false), Self::put(row, version, false))
    }

    fn locate(&self, row: RowKey<'_>) -> String {
        match version_of_row(row) {
            Some(version) => format!("{} WHERE version = {version} AND dirty", row.table()),
            None => NOTES.locate(row),
        }
    }

    fn notes(&self) -> Option<&'static Notes> {
        Some(applied_rows::notes())
    }

    fn marks_begun(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger() -> GolangMigrate {
        GolangMigrate { table: None, versions: kept(Versions::default()), is_named: true }
    }

    #[test]
    fn the_keys_of_the_lock_come_from_schema_table_and_database() {
        let place = LockPlace { database: "app", schema: Some("public") };
        let keys = |dialect| ledger().tool_lock_keys(dialect, &place).iter().map(|key| key.number).collect::<Vec<_>>();
        // By the URL's path, and by current_database().
        assert_eq!(keys(Dialect::Postgres), [1_726_534_663, 1_787_120_056]);
        assert!(keys(Dialect::Sqlite).is_empty());
        assert_eq!(keys(Dialect::Mysql), [2_938_252_834]);
    }

    fn records(version: &str, dirty: &str) -> Vec<(String, bool)> {
        let keys = [("9", "9_a"), ("10", "10_b"), ("11", "11_c")];
        let keys = keys.into_iter().map(|(key, name)| (key.to_owned(), name.to_owned())).collect();
        let row: Row = vec![
            Some("version,dirty".to_owned()),
            Some("1".to_owned()),
            Some(version.to_owned()),
            Some(dirty.to_owned()),
        ];
        let found = ledger().records(vec![row], &Lineage { keys, ..Lineage::default() });
        found.into_iter().map(|record| (record.name.clone(), record.is_applied())).collect()
    }

    #[test]
    fn one_row_says_that_its_version_and_all_older_ones_are_applied() {
        let named = |name: &str, applied| (name.to_owned(), applied);
        assert_eq!(records("10", "false"), [named("9_a", true), named("10_b", true)]);
        assert_eq!(records("10", "1"), [named("9_a", true), named("10_b", false)]);
        assert_eq!(records("12", "0").last(), Some(&named("12", true)));
        assert_eq!(records("-1", "true"), [named("-1", false)]);
        let empty: Row = vec![Some("version,dirty".to_owned()), Some("0".to_owned()), None, None];
        assert!(ledger().records(vec![empty], &Lineage::default()).is_empty());
    }

    #[test]
    fn a_table_of_another_tool_is_known_by_its_columns() {
        let foreign = |columns: &str, count: &str| {
            ledger().foreign(&[vec![Some(columns.to_owned()), Some(count.to_owned()), None, None]])
        };
        assert_eq!(foreign("version,dirty", "1"), None);
        assert!(foreign("version", "0").is_some() && foreign("version,inserted_at", "1").is_some());
        assert!(foreign("version,dirty", "2").unwrap().contains("2 rows"));
    }
}
