//! dbmate: `NUMBER_NAME.sql` with the marks `-- migrate:up` and `-- migrate:down`, and the table `schema_migrations`, which
//! has nothing but the versions that are applied.
//!
//! Sources: dbmate 2.36 and 2.37, `pkg/dbmate/db.go` and `migration.go`, `pkg/driver/postgres` and `sqlite`; and runs of
//! both, which are in tests/cases/dbmate.jsonl.

pub(crate) mod folder;

use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::formats::applied_rows;
use crate::formats::applied_rows::AppliedRows;
use crate::formats::dbmate::folder::DbmateFolder;
use crate::formats::migration::{Migration, Record};
use crate::formats::tool::Tool;
use crate::formats::{
    Detection, FileMarks, FolderDetection, Format, FormatEntry, Ledger, Lineage, Opening, RowKey, kept, ledger_ddl, sql,
};
use crate::sql::{Dialect, Row, TableName};

/// dbmate's variable for the name of the table.
const TABLE_VARIABLE: &str = "DBMATE_MIGRATIONS_TABLE";

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Dbmate,
    detection: Detection::Folder(FolderDetection {
        place: |environment| folder::place(environment).map(Some),
        marks: Some(FileMarks { is_migration: folder::is_migration, is_marked: folder::is_marked }),
        ..FolderDetection::new("dbmate: 0001_NAME.sql with -- migrate:up", open)
    }),
};

static TOOL: Tool =
    Tool { name: "dbmate", authoring: "dbmate new SLUG", by_hand: "", writes_from_schema: false, command: None };

/// Opens it, with the table of the setting, of dbmate's variable, or its usual one.
fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    let named = opening.environment.get(TABLE_VARIABLE).filter(|name| !name.is_empty());
    let of_variable = named.map(str::parse::<TableName>).transpose();
    let of_variable = of_variable.map_err(|why| Error::Settings(format!("{TABLE_VARIABLE}: {why}")))?;
    let table = opening.history_table.cloned().or(of_variable);
    let ledger = kept(Dbmate { table, is_named: opening.is_named });
    Ok(Format { layout: &DbmateFolder, ledger, writer: Some(ledger), tool: &TOOL })
}

#[derive(Debug)]
struct Dbmate {
    /// The table, if it is not the usual one.
    table: Option<TableName>,
    /// A setting names the format.
    is_named: bool,
}

/// The version: the digits that a name begins with, as text (`001` is not `1`).
pub(crate) fn version(name: &str) -> &str {
    &name[..name.bytes().take_while(u8::is_ascii_digit).count()]
}

impl Ledger for Dbmate {
    fn table(&self) -> &str {
        self.table.as_ref().map_or("schema_migrations", |table| &table.name)
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

    /// golang-migrate and Ecto have a table of this name with other columns. dbmate does not look at them, and takes
    /// their versions for its own.
    fn foreign(&self, rows: &[Row]) -> Option<String> {
        let columns = rows.first()?.get(1)?.as_deref()?;
        let has = |name: &str| columns.split(',').any(|column| column == name);
        match (has("dirty"), has("inserted_at")) {
            (true, _) => Some("it has the column dirty, as golang-migrate's".to_owned()),
            (_, true) => Some("it has the column inserted_at, as Ecto's".to_owned()),
            _ => None,
        }
    }

    /// The first row has the names of the columns, the others the versions.
    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        let quoted = dialect.table(table);
        let columns = ledger_ddl::columns(dialect, table);
        format!("{columns} UNION ALL SELECT {}, NULL FROM {quoted}", dialect.as_text("version"))
    }

    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record> {
        let mut versions: Vec<String> = rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect();
        versions.sort_unstable();
        let record = |version: String| {
            let name = lineage.keys.get(&version).cloned().unwrap_or_else(|| version.clone());
            let id = format!("{}{version}", applied_rows::ROW);
            // dbmate does not keep the time; that there is one says that the migration is applied.
            Record { id, name, finished_at: Some(String::new()), ..Record::default() }
        };
        versions.into_iter().map(record).collect()
    }
}

impl AppliedRows for Dbmate {
    fn create_table(&self, dialect: Dialect, table: &TableName) -> String {
        format!(
            "CREATE TABLE {} (version {} PRIMARY KEY)",
            dialect.table(table),
            ledger_ddl::dbmate::words(dialect).version
        )
    }

    fn adopt_row(&self, row: RowKey<'_>, migration: &Migration) -> String {
        format!("INSERT INTO {} (version) VALUES ({})", row.table(), row.dialect.literal(version(&migration.name)))
    }

    fn locate_row(&self, row: RowKey<'_>, key: &str) -> String {
        format!("{} WHERE version = {}", row.table(), row.dialect.literal(key))
    }
}
