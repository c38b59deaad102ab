//! Supabase CLI: `supabase/migrations/NUMBER_NAME.sql`, and the table `supabase_migrations.schema_migrations`, whose rows
//! have the version, the name, and the statements of the file.
//!
//! Sources: runs of the CLI 2.117, which are in tests/cases/supabase.jsonl, and its documentation.

pub(crate) mod folder;
pub(crate) mod switch;

use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::formats::applied_rows::AppliedRows;
use crate::formats::migration::{Migration, Record};
use crate::formats::supabase::folder::SupabaseFolder;
use crate::formats::tool::Tool;
use crate::formats::{
    Detection, FolderDetection, Format, FormatEntry, Ledger, Lineage, Opening, RowKey, applied_rows, kept, ledger_ddl,
};
use crate::sql::{Dialect, Row, TableName};

/// The schema that the CLI makes for its table.
const SCHEMA: &str = "supabase_migrations";

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Supabase,
    detection: Detection::Folder(FolderDetection {
        place: |_| Ok(Some("supabase/migrations".into())),
        ..FolderDetection::new("Supabase CLI: supabase/migrations/NUMBER_NAME.sql", open)
    }),
};

static TOOL: Tool = Tool {
    name: "supabase",
    authoring: "npx supabase migration new SLUG",
    by_hand: "",
    writes_from_schema: false,
    command: None,
};

fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    let usual = TableName { schema: Some(SCHEMA.to_owned()), name: "schema_migrations".to_owned() };
    let ledger = kept(Supabase { table: opening.history_table.cloned().unwrap_or(usual) });
    let variable = opening.environment.get(switch::VARIABLE).map(str::to_owned);
    Ok(Format { layout: kept(SupabaseFolder { variable }), ledger, writer: Some(ledger), tool: &TOOL })
}

#[derive(Debug)]
struct Supabase {
    table: TableName,
}

/// The version and the name of a file: `^([0-9]+)_(.*)\.sql$`.
fn split(file: &str) -> Option<(&str, &str)> {
    let (version, name) = file.strip_suffix(".sql")?.split_once('_')?;
    let is_number = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !name.contains('\n')).then_some((version, name))
}

/// The version, as text (`001` is not `1`).
pub(crate) fn version(name: &str) -> &str {
    name.split('_').next().unwrap_or(name)
}

impl Ledger for Supabase {
    fn table(&self) -> &str {
        &self.table.name
    }

    fn schema(&self) -> Option<&str> {
        self.table.schema.as_deref()
    }

    fn tool_locks(&self, _dialect: Dialect) -> bool {
        false
    }

    fn begins_beside_others(&self) -> bool {
        true
    }

    /// Where a setting names the table.
    fn foreign(&self, rows: &[Row]) -> Option<String> {
        let columns = rows.first()?.get(1)?.as_deref()?;
        let has = |name: &&str| columns.split(',').any(|column| column == *name);
        let found = ["dirty", "inserted_at"].into_iter().find(has)?;
        Some(format!("it has the column {found}, which the Supabase CLI's has not"))
    }

    /// The first row has the names of the columns, the others version and name. A table that an old CLI has made has no
    /// column `name`: then the word means that of the outer query.
    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        let quoted = dialect.table(table);
        let columns = ledger_ddl::columns(dialect, table);
        format!(
            "{columns} UNION ALL SELECT history.version, history.name FROM (SELECT NULL::text AS name) AS missing \
             CROSS JOIN LATERAL (SELECT version::text AS version, name::text AS name FROM {quoted}) AS history"
        )
    }

    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record> {
        let pair = |row: Row| {
            let mut values = row.into_iter();
            Some((values.next()??, values.next().flatten()))
        };
        let mut rows: Vec<(String, Option<String>)> = rows.into_iter().filter_map(pair).collect();
        rows.sort_unstable();
        let record = |(version, name): (String, Option<String>)| {
            let recorded = || name.map_or_else(|| version.clone(), |name| format!("{version}_{name}"));
            let name = lineage.keys.get(&version).cloned().unwrap_or_else(recorded);
            let id = format!("{}{version}", applied_rows::ROW);
            // The CLI does not keep the time; that there is one says that the migration is applied.
            Record { id, name, finished_at: Some(String::new()), ..Record::default() }
        };
        rows.into_iter().map(record).collect()
    }
}

impl AppliedRows for Supabase {
    fn create_table(&self, dialect: Dialect, table: &TableName) -> String {
        format!(
            "CREATE TABLE {} (version text NOT NULL PRIMARY KEY, statements text[], name text)",
            dialect.table(table)
        )
    }

    /// In the shape that the table has: without the columns of a newer CLI, and with those that the platform adds.
    fn adopt_row(&self, row: RowKey<'_>, migration: &Migration) -> String {
        let (version, name) = migration.name.split_once('_').unwrap_or((&migration.name, ""));
        let values = serde_json::json!({ "version": version, "name": name, "statements": migration.script.pieces() });
        let (table, values) = (row.table(), row.dialect.literal(&values.to_string()));
        format!(
            "INSERT INTO {table} SELECT shape.* FROM pg_catalog.jsonb_populate_record(NULL::{table}, \
             {values}::pg_catalog.jsonb) AS shape"
        )
    }

    fn locate_row(&self, row: RowKey<'_>, key: &str) -> String {
        format!("{} WHERE version = {}", row.table(), row.dialect.literal(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::script::Script;

    #[test]
    fn the_row_has_the_statements_with_the_comments_before_them() {
        let script =
            Script::new("\u{feff}-- a\nCREATE TABLE a (); -- b\n;;\nSELECT ';' ;".to_owned(), Dialect::Postgres);
        assert_eq!(script.pieces(), ["-- a\nCREATE TABLE a ()", "-- b", "SELECT ';'"]);
        assert_eq!(split("1_a.up.sql"), Some(("1", "a.up")));
        assert_eq!(version("001_b"), "001");
    }
}
