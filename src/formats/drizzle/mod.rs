//! Drizzle: files that `meta/_journal.json` lists (0.x), or folders `TIME_NAME/migration.sql` (1.0), and the table
//! `drizzle.__drizzle_migrations`, whose shape 1.0 has changed.
//!
//! Sources: drizzle-orm 0.45.4 and 1.0.0-rc.4 (`migrator.js`, `pg-core/dialect.js`, `sqlite-core`, `up-migrations`),
//! drizzle-kit 0.31.11; and runs of them, which are in tests/cases/drizzle.jsonl.

pub mod breakpoints;
pub(crate) mod configuration;
pub(crate) mod folder;
pub mod journal;
pub(crate) mod matching;

use std::path::Path;

use crate::base::error::Error;
use crate::base::sorting;
use crate::config::MigrationFormat;
use crate::formats::applied_rows::AppliedRows;
use crate::formats::drizzle::folder::Kind;
use crate::formats::drizzle::matching::{File, HistoryRow};
use crate::formats::migration::{Migration, Record};
use crate::formats::tool::Tool;
use crate::formats::{
    AppliedOrder, Detection, FolderDetection, Format, FormatEntry, Layout, Ledger, Lineage, Opening, Resolved, Review,
    RowKey, applied_rows, kept, ledger_ddl, rfc3339, sql,
};
use crate::sql::{Dialect, Row, TableName};

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Drizzle,
    detection: Detection::Folder(FolderDetection {
        place: |_| configuration::place(),
        ..FolderDetection::new("Drizzle: meta/_journal.json, or TIME_NAME/migration.sql", open)
    }),
};

static TOOL: Tool = Tool {
    name: "drizzle",
    authoring: "npx drizzle-kit generate --name SLUG",
    by_hand: "",
    writes_from_schema: true,
    command: None,
};

/// Opens it: with the layout of the folder, and the table of the setting or of `drizzle.config`.
fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    let (schema, table) = match opening.history_table {
        Some(TableName { schema, name }) => (schema.clone(), Some(name.clone())),
        None => configuration::read()?.history()?,
    };
    let (is_named, is_set) = (opening.is_named, opening.history_table.is_some());
    let drizzle = kept(Drizzle { kind: Kind::of(opening.place), schema, is_set, table, is_named });
    Ok(Format { layout: drizzle, ledger: drizzle, writer: Some(drizzle), tool: &TOOL })
}

#[derive(Debug)]
struct Drizzle {
    /// How the folder is laid out, which also says what a new row has.
    kind: Kind,
    /// The schema of the table, if it is not the usual one.
    schema: Option<String>,
    /// The setting names the table, and not the configuration.
    is_set: bool,
    /// Its name, if it is not the usual one.
    table: Option<String>,
    /// A setting names the format.
    is_named: bool,
}

impl Layout for Drizzle {
    /// The journal of Drizzle 0.x names it.
    fn written_for(&self, folder: &Path) -> Option<Dialect> {
        let text = std::fs::read_to_string(folder.join(journal::FILE)).ok()?;
        let journal: serde_json::Value = serde_json::from_str(&text).ok()?;
        let named = journal["dialect"].as_str()?;
        Dialect::ALL.iter().copied().find(|dialect| dialect.rules().providers.contains(&named))
    }

    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        folder::read(&self.kind, folder, dialect)
    }

    /// Drizzle ignores rows that have no file.
    fn tolerates_missing(&self) -> bool {
        true
    }

    /// Drizzle 0.x never runs an entry that is not newer than the newest row, and says that it succeeded.
    fn forbids_order(&self, order: &AppliedOrder<'_>) -> Option<String> {
        let Kind::Journal(_) = self.kind else { return None };
        let [_, ..] = order.late else { return None };
        Some(format!(
            "pending, but not newer (\"when\" in {}) than the newest that is applied: {}; Drizzle never runs them, and says \
             that it has succeeded\n\
             next: --out-of-order apply runs them; doorstep resolve --applied NAME records one whose changes are there already",
            journal::FILE,
            order.late.join(", ")
        ))
    }
}

/// The rows of [`Ledger::select`]: the names of the columns come first.
fn rows(rows: &[Row]) -> (String, Vec<HistoryRow>) {
    let [columns, rows @ ..] = rows else { return Default::default() };
    let value = |row: &Row, index: usize| row.get(index).cloned().flatten();
    let row = |row: &Row| HistoryRow {
        key: value(row, 0).unwrap_or_default(),
        hash: value(row, 1).unwrap_or_default(),
        created_at: value(row, 2).and_then(|text| text.trim_end_matches(".0").parse().ok()),
        name: value(row, 3),
        applied_at: value(row, 4),
    };
    let mut found: Vec<HistoryRow> = rows.iter().map(row).collect();
    sorting::sort_by_key(&mut found, |row| row.key.parse::<i64>().unwrap_or(i64::MAX));
    (value(columns, 5).unwrap_or_default(), found)
}

impl Drizzle {
    /// For each row, the index of its file.
    fn matched(&self, rows: &[HistoryRow], files: &[File]) -> Vec<Option<usize>> {
        let by_name = |row: &HistoryRow| match &row.name {
            Some(name) => files.iter().position(|file| file.name == *name),
            None => matching::by_second(row, files),
        };
        match self.kind {
            Kind::Journal(_) => matching::by_time(rows, files),
            Kind::Folders => rows.iter().map(by_name).collect(),
        }
    }

    /// What gives a table of 0.x the shape of 1.0; or the rows that no folder fits.
    fn upgrade(
        &self,
        rows: &[HistoryRow],
        files: &[File],
        (dialect, table): (Dialect, &TableName),
    ) -> Result<String, Vec<String>> {
        let quoted = dialect.table(table);
        let added = ledger_ddl::drizzle::words(dialect).added;
        let mut statements: Vec<String> = added.iter().map(|added| format!("ALTER TABLE {quoted} {added}")).collect();
        statements.extend(self.naming(rows, files, (dialect, table))?);
        Ok(statements.join("; "))
    }

    /// What gives the rows without a name theirs; or the rows that no folder fits.
    fn naming(
        &self,
        rows: &[HistoryRow],
        files: &[File],
        (dialect, table): (Dialect, &TableName),
    ) -> Result<Vec<String>, Vec<String>> {
        let words = ledger_ddl::drizzle::words(dialect);
        let quoted = dialect.table(table);
        let (mut statements, mut unknown) = (Vec::new(), Vec::new());
        for (row, index) in rows.iter().zip(self.matched(rows, files)).filter(|(row, _)| row.name.is_none()) {
            match index {
                Some(index) => statements.push(format!(
                    "UPDATE {quoted} SET name = {}, applied_at = NULL WHERE {} = {}",
                    dialect.literal(&files[index].name),
                    words.key,
                    row.key.parse::<i64>().unwrap_or_default()
                )),
                None => unknown.push(row.key.clone()),
            }
        }
        if unknown.is_empty() { Ok(statements) } else { Err(unknown) }
    }

    /// The migrations of a journal that Drizzle would never run.
    fn passed_over(&self, rows: &[HistoryRow], files: &[File]) -> Vec<String> {
        let matched = self.matched(rows, files);
        let newest = matching::newest(rows);
        let is_lost = |(index, file): &(usize, &File)| file.time <= newest && !matched.contains(&Some(*index));
        let lost = files.iter().enumerate().filter(|_| newest.is_some()).filter(is_lost);
        lost.map(|(_, file)| file.name.clone()).collect()
    }

    /// The row of a migration.
    fn row(&self, row: RowKey<'_>, migration: &Migration) -> String {
        let time = self.kind.time(&migration.name).unwrap_or_default();
        let mut columns = vec!["hash", "created_at"];
        let mut values = vec![row.dialect.literal(&migration.checksum), time.to_string()];
        if self.kind == Kind::Folders {
            columns.push("name");
            values.push(row.dialect.literal(&migration.name));
            let applied_at = ledger_ddl::drizzle::words(row.dialect).applied_at;
            columns.extend(applied_at.map(|(column, _)| column));
            values.extend(applied_at.map(|(_, now)| now.to_owned()));
        }
        format!("INSERT INTO {} ({}) VALUES ({})", row.table(), columns.join(", "), values.join(", "))
    }
}

impl Ledger for Drizzle {
    fn table(&self) -> &str {
        self.table.as_deref().unwrap_or("__drizzle_migrations")
    }

    fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    fn usual_schema(&self, dialect: Dialect) -> Option<&str> {
        ledger_ddl::drizzle::words(dialect).schema
    }

    /// Drizzle follows `migrations.schema` on PostgreSQL only.
    fn place(&self, dialect: Dialect) -> Option<&str> {
        let usual = self.usual_schema(dialect);
        self.schema().filter(|_| self.is_set || usual.is_some()).or(usual)
    }

    fn tool_locks(&self, _dialect: Dialect) -> bool {
        false
    }

    fn rival(&self) -> Option<&'static str> {
        (!self.is_named && self.kind != Kind::Folders).then_some(sql::TABLE)
    }

    fn begins_beside_others(&self) -> bool {
        true
    }

    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        let (quoted, words) = (dialect.table(table), ledger_ddl::drizzle::words(dialect));
        let names = (words.names)(table);
        format!("SELECT NULL, NULL, NULL, NULL, NULL, {names} UNION ALL {}", (words.rows)(&quoted))
    }

    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record> {
        let (_, rows) = self::rows(&rows);
        let files = folder::files(&self.kind, lineage);
        let matched = self.matched(&rows, &files);
        let record = |(row, index): (HistoryRow, Option<usize>)| {
            let named = index.map(|index| files[index].name.clone()).or(row.name);
            let name = named.unwrap_or_else(|| row.created_at.unwrap_or_default().to_string());
            let id = format!("{}{}", applied_rows::ROW, row.key);
            // 0.x does not keep when a migration was applied; that there is a time says that it is.
            let at = row.applied_at.map(rfc3339).unwrap_or_default();
            Record { id, name, checksum: row.hash, finished_at: Some(at), ..Record::default() }
        };
        rows.into_iter().zip(matched).map(record).collect()
    }

    fn review(&self, rows: &[Row], lineage: &Lineage, table: (Dialect, &TableName)) -> Review {
        let (columns, rows) = self::rows(rows);
        let files = folder::files(&self.kind, lineage);
        if let Some(row) = rows.iter().find(|row| row.created_at.is_none() && row.name.is_none()) {
            let refused = format!(
                "a row of {} has no time (created_at; key {}), and Drizzle takes the newest time for the state of all\n\
                 next: give it the time of its migration, or delete it",
                table.1, row.key
            );
            return Review { refused: Some(refused), ..Review::default() };
        }
        let is_old = !columns.split(',').any(|column| column == "name");
        match self.kind {
            Kind::Journal(_) => Review { passed_over: Some(self.passed_over(&rows, &files)), ..Review::default() },
            // An upgrade on MySQL that was interrupted has made the columns only.
            Kind::Folders if !is_old => {
                let naming = self.naming(&rows, &files, table).unwrap_or_default();
                Review { upgrade: (!naming.is_empty()).then(|| naming.join("; ")), ..Review::default() }
            }
            Kind::Folders => match self.upgrade(&rows, &files, table) {
                Ok(upgrade) => Review { upgrade: Some(upgrade), ..Review::default() },
                Err(unknown) => Review { refused: Some(unmatched(table.1, &unknown)), ..Review::default() },
            },
        }
    }

    fn fits(&self, migration: &Migration, checksum: &str) -> bool {
        // A file that is no text has no checksum to compare.
        migration.checksum == checksum || migration.checksum.is_empty() || checksum.is_empty()
    }
}

/// Rows of 0.x that none of the folders of 1.0 fits.
fn unmatched(table: &TableName, keys: &[String]) -> String {
    format!(
        "{table} is of Drizzle 0.x, and no folder fits these rows by its time or its text: {}; Drizzle 1.0 stops at them\n\
         next: restore the folders of these migrations (npx drizzle-kit up makes them from the files of 0.x)",
        keys.join(", ")
    )
}

impl AppliedRows for Drizzle {
    fn create_table(&self, dialect: Dialect, table: &TableName) -> String {
        let words = ledger_ddl::drizzle::words(dialect);
        let columns = if self.kind == Kind::Folders { words.columns } else { words.old_columns };
        format!("CREATE TABLE {} ({columns})", dialect.table(table))
    }

    fn adopt_row(&self, row: RowKey<'_>, migration: &Migration) -> String {
        self.row(row, migration)
    }

    fn locate_row(&self, row: RowKey<'_>, key: &str) -> String {
        let column = ledger_ddl::drizzle::words(row.dialect).key;
        format!("{} WHERE {column} = {}", row.table(), key.parse::<i64>().unwrap_or(-1))
    }
}
