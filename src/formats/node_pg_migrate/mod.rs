//! node-pg-migrate's SQL files: `1700000000000_NAME.sql` with the marks `-- Up Migration` and `-- Down Migration`, and the
//! table `pgmigrations`. Folders with migrations in code are the tool's own.
//!
//! Sources: node-pg-migrate 9.0.0 (`runner.ts`, `migration.ts`, `sqlMigration.ts`); and runs of it, which are in
//! tests/cases/node-pg-migrate.jsonl.

pub(crate) mod folder;
pub(crate) mod names;
pub(crate) mod sections;

use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::engines::session::{LockKey, LockName};
use crate::formats::applied_rows::AppliedRows;
use crate::formats::migration::{Migration, Record};
use crate::formats::node_pg_migrate::folder::NodePgMigrateFolder;
use crate::formats::tool::Tool;
use crate::formats::{
    Detection, FileMarks, FolderDetection, Format, FormatEntry, Ledger, Lineage, Opening, RowKey, applied_rows, kept,
    ledger_ddl, rfc3339, sql,
};
use crate::sql::{Dialect, Row, TableName};

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::NodePgMigrate,
    detection: Detection::Folder(FolderDetection {
        marks: Some(FileMarks {
            is_migration: |name| name.to_ascii_lowercase().ends_with(".sql") && !name.starts_with('.'),
            is_marked: sections::is_marked,
        }),
        ..FolderDetection::new("node-pg-migrate: 1700000000000_NAME.sql with -- Up Migration", open)
    }),
};

static TOOL: Tool = Tool {
    name: "node-pg-migrate",
    authoring: "npx node-pg-migrate create SLUG -j sql",
    by_hand: "",
    writes_from_schema: false,
    command: None,
};

/// Opens it. The name of the table is an option of the tool's command, so only the setting can say it here.
fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    let ledger = kept(NodePgMigrate { table: opening.history_table.cloned(), is_named: opening.is_named });
    Ok(Format { layout: &NodePgMigrateFolder, ledger, writer: Some(ledger), tool: &TOOL })
}

#[derive(Debug)]
struct NodePgMigrate {
    /// The table, if it is not the usual one.
    table: Option<TableName>,
    /// A setting names the format.
    is_named: bool,
}

impl Ledger for NodePgMigrate {
    fn table(&self) -> &str {
        self.table.as_ref().map_or("pgmigrations", |table| &table.name)
    }

    fn schema(&self) -> Option<&str> {
        self.table.as_ref()?.schema.as_deref()
    }

    /// `PG_MIGRATE_LOCK_ID`.
    fn lock_key(&self) -> LockKey {
        LockKey::new(7_241_865_325_823_964, LockName::OfDatabase("node-pg-migrate"))
    }

    fn rival(&self) -> Option<&'static str> {
        (!self.is_named).then_some(sql::TABLE)
    }

    fn begins_beside_others(&self) -> bool {
        true
    }

    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        format!(
            "SELECT CAST(id AS text), name, CAST(run_on AS text) FROM {} AS history ORDER BY history.run_on, history.id",
            dialect.table(table)
        )
    }

    fn records(&self, rows: Vec<Row>, _lineage: &Lineage) -> Vec<Record> {
        rows.into_iter().map(record).collect()
    }
}

fn record(row: Row) -> Record {
    let mut values = row.into_iter().map(Option::unwrap_or_default);
    let [id, name, run_on] = std::array::from_fn(|_| values.next().unwrap_or_default());
    let at = rfc3339(run_on);
    Record {
        id: format!("{}{id}", applied_rows::ROW),
        name,
        started_at: Some(at.clone()),
        finished_at: Some(at),
        ..Record::default()
    }
}

impl AppliedRows for NodePgMigrate {
    fn create_table(&self, dialect: Dialect, table: &TableName) -> String {
        format!("CREATE TABLE {} ({})", dialect.table(table), ledger_ddl::node_pg_migrate::COLUMNS)
    }

    fn adopt_row(&self, row: RowKey<'_>, migration: &Migration) -> String {
        let run_on = ledger_ddl::node_pg_migrate::run_on(&row.table());
        let name = row.dialect.literal(&migration.name);
        format!("INSERT INTO {} (name, run_on) VALUES ({name}, {run_on})", row.table())
    }

    fn locate_row(&self, row: RowKey<'_>, key: &str) -> String {
        format!("{} WHERE id = {}", row.table(), key.parse().unwrap_or(-1_i64))
    }
}
