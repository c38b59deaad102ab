//! The catalog of MySQL and MariaDB as plain data: `information_schema`, schema by schema.
//!
//! Every statement names one `table_schema`: MariaDB opens each table whose rows are asked for, and finds the tables of a
//! schema without opening those of others only where a constant names it. MySQL 8 returns the names of columns in upper case;
//! rows are read by position.

use std::collections::HashMap;

use smol_str::SmolStr;

use crate::catalog::history_tables::hidden_names;
use crate::catalog::{
    Action, Arity, Catalog, Column, Constraint, Default, ForeignKey, Guarantee, Index, IndexColumn, Key, Name, Table,
    Type,
};
use crate::engines::engine::CatalogReader;
use crate::engines::mysql::SQL;
use crate::engines::mysql::introspect_types::{self, Written};
use crate::engines::values::Values;

/// One message with the statements for all of these schemas (databases); without any, for the session's own.
///
/// `/*M!` is a comment for MySQL and `/*!80013` one for MariaDB (MariaDB manual, "Comment Syntax").
pub(crate) fn sql(schemas: &[String]) -> String {
    let mut statements = vec!["SELECT 'v', VERSION(), @@lower_case_table_names".to_owned()];
    let named: Vec<String> = schemas.iter().filter(|schema| !schema.is_empty()).map(|name| SQL.literal(name)).collect();
    let named = if named.is_empty() { vec!["DATABASE()".to_owned()] } else { named };
    for schema in named {
        statements.extend(OF_SCHEMA.iter().map(|statement| statement.replace("{schema}", &schema)));
    }
    statements.join("; ")
}

const OF_SCHEMA: &[&str] = &[
    "SELECT 's', schema_name FROM information_schema.schemata WHERE schema_name = {schema}",
    "SELECT 't', table_schema, table_name, table_type FROM information_schema.tables \
     WHERE table_schema = {schema} ORDER BY table_name",
    "SELECT 'c', table_schema, table_name, column_name, column_type, is_nullable, column_default, extra, \
     generation_expression FROM information_schema.columns WHERE table_schema = {schema} \
     ORDER BY table_name, ordinal_position",
    "SELECT 'i', table_schema, table_name, index_name, non_unique, column_name, collation, sub_part, index_type \
     /*!80013 , expression */ FROM information_schema.statistics WHERE table_schema = {schema} \
     ORDER BY table_name, index_name, seq_in_index",
    "SELECT 'r', constraint_schema, table_name, constraint_name, delete_rule, update_rule \
     FROM information_schema.referential_constraints WHERE constraint_schema = {schema}",
    "SELECT 'f', table_schema, table_name, constraint_name, column_name, referenced_table_schema, \
     referenced_table_name, referenced_column_name FROM information_schema.key_column_usage \
     WHERE table_schema = {schema} AND referenced_table_name IS NOT NULL \
     ORDER BY table_name, constraint_name, ordinal_position",
    "SELECT 'k', table_schema, table_name, constraint_name, NULL FROM information_schema.table_constraints \
     WHERE table_schema = {schema} AND constraint_type = 'CHECK' \
     /*M!100200 UNION ALL SELECT 'k', constraint_schema, table_name, constraint_name, check_clause \
     FROM information_schema.check_constraints WHERE constraint_schema = {schema} */",
    "SELECT 'g', event_object_schema, event_object_table FROM information_schema.triggers \
     WHERE event_object_schema = {schema} AND action_timing = 'BEFORE' AND event_manipulation = 'INSERT'",
];

/// The place of a table's data in the catalog.
#[derive(Clone, Copy)]
enum Place {
    Table(usize),
    View(usize),
}

impl Place {
    fn next(self) -> Self {
        match self {
            Self::Table(at) => Self::Table(at + 1),
            Self::View(at) => Self::View(at + 1),
        }
    }
}

/// Folds the rows of [`sql`] into a catalog.
#[derive(Default)]
pub(crate) struct Reader {
    catalog: Catalog,
    is_mariadb: bool,
    places: HashMap<Name, Place>,
    /// The place of the row before this one.
    last: Option<Place>,
    /// What foreign keys do, by the place of their table and their name.
    actions: HashMap<(usize, String), (Action, Action)>,
}

impl CatalogReader for Reader {
    fn row(&mut self, _statement: usize, row: &[Option<&str>]) -> Option<()> {
        let row = Values(row);
        match row.text(0)? {
            "v" => {
                self.is_mariadb = row.text(1)?.contains("MariaDB");
                self.catalog.folds_table_names = row.text(2)? != "0";
                return Some(());
            }
            "s" => {
                self.catalog.schemas.push(row.owned(1)?);
                return Some(());
            }
            "t" => return self.table(row),
            _ => {}
        }
        let Some(place) = self.place(row.text(1)?, row.text(2)?) else { return Some(()) };
        match (row.text(0)?, place) {
            ("c", Place::Table(at)) => {
                let column = self.column(row)?;
                self.catalog.tables[at].columns.push(column);
            }
            ("c", Place::View(at)) => {
                let column = self.column(row)?;
                self.catalog.view_columns[at].columns.push(column);
            }
            ("i", Place::Table(at)) => index_column(&mut self.catalog.tables[at], row)?,
            ("r", Place::Table(at)) => {
                let actions = (action(row.text(4)?), action(row.text(5)?));
                self.actions.insert((at, row.owned(3)?), actions);
            }
            ("f", Place::Table(at)) => self.foreign_key_column(at, row)?,
            ("k", Place::Table(at)) => check(&mut self.catalog.tables[at], row)?,
            ("g", Place::Table(at)) => self.catalog.tables[at].may_fill = true,
            _ => {}
        }
        Some(())
    }

    fn finish(self: Box<Self>) -> Catalog {
        self.catalog
    }
}

impl Reader {
    /// The table or view of a row. Rows come in the order of the tables, so it is that of the row before, or the next one, in all
    /// but a few rows.
    fn place(&mut self, schema: &str, name: &str) -> Option<Place> {
        let is_it = |place: &Place| {
            let table = match *place {
                Place::Table(at) => self.catalog.tables.get(at),
                Place::View(at) => self.catalog.view_columns.get(at),
            };
            table.is_some_and(|table| table.name.name == name && table.name.schema == schema)
        };
        let near = self.last.into_iter().flat_map(|place| [place, place.next()]).find(is_it);
        let found = near.or_else(|| {
            let name = Name { schema: schema.to_owned(), name: name.to_owned() };
            self.places.get(&name).copied()
        });
        self.last = found.or(self.last);
        found
    }

    /// A system-versioned table of MariaDB is listed with the views, where Prisma does not see it either.
    fn table(&mut self, row: Values<'_>) -> Option<()> {
        let name = name(row, 1)?;
        let is_hidden = |hidden: &str| match self.catalog.folds_table_names {
            true => hidden.eq_ignore_ascii_case(&name.name),
            false => hidden == name.name,
        };
        let table = Table { name: name.clone(), ..Table::default() };
        let place = match row.text(3)? {
            "SEQUENCE" => return Some(()),
            "BASE TABLE" if hidden_names().any(is_hidden) => return Some(()),
            "BASE TABLE" => {
                self.catalog.tables.push(table);
                Place::Table(self.catalog.tables.len() - 1)
            }
            _ => {
                self.catalog.views.push(name.clone());
                self.catalog.view_columns.push(table);
                Place::View(self.catalog.view_columns.len() - 1)
            }
        };
        self.places.insert(name, place);
        Some(())
    }

    fn column(&self, row: Values<'_>) -> Option<Column> {
        let kind = introspect_types::kind(row.text(4)?);
        let written = Written {
            default: row.text(6),
            extra: row.text(7).unwrap_or_default(),
            generation: row.text(8).unwrap_or_default(),
            is_sql: self.is_mariadb,
        };
        let default: Default = introspect_types::default(&written, &kind);
        let arity = if row.text(5)? == "NO" { Arity::Required } else { Arity::Optional };
        Some(Column { name: row.name(3)?, field: None, kind, arity, default, origin: None })
    }

    fn foreign_key_column(&mut self, table: usize, row: Values<'_>) -> Option<()> {
        let called = row.text(3)?;
        let keys = &mut self.catalog.tables[table].foreign_keys;
        if keys.last().is_none_or(|key| key.name != called) {
            let unknown = (Action::Restrict, Action::Restrict);
            let key = (table, called.to_owned());
            let (on_delete, on_update) = self.actions.get(&key).copied().unwrap_or(unknown);
            keys.push(ForeignKey {
                name: called.into(),
                columns: Vec::new(),
                target: name(row, 5)?,
                target_columns: Vec::new(),
                on_delete,
                on_update,
                guarantee: Guarantee::default(),
                origin: None,
            });
        }
        let key = keys.last_mut()?;
        key.columns.push(row.name(4)?);
        key.target_columns.push(row.name(7)?);
        Some(())
    }
}

/// A column of an index or of the primary key, which is the index PRIMARY. A column that is an expression has no name.
fn index_column(table: &mut Table, row: Values<'_>) -> Option<()> {
    let (called, is_descending) = (row.text(3)?, row.text(6) == Some("D"));
    let length: Option<u32> = row.number(7);
    if called == "PRIMARY" {
        let key = table.primary_key.get_or_insert_with(Key::default);
        key.add(row.name(5)?, length, is_descending);
        return Some(());
    }
    if table.indexes.last().is_none_or(|index| index.name != called) {
        table.indexes.push(Index {
            name: called.into(),
            unique: row.text(4)? == "0",
            method: match row.text(8)? {
                "FULLTEXT" => SmolStr::new_static("fulltext"),
                "SPATIAL" => SmolStr::new_static("spatial"),
                // InnoDB makes a B-tree of a HASH, too.
                _ => SmolStr::new_static("btree"),
            },
            valid: true,
            ..Index::default()
        });
    }
    let index = table.indexes.last_mut()?;
    match row.name(5) {
        // The catalog has a length for every column of a spatial index.
        Some(name) => {
            let length = length.filter(|_| index.method == "btree");
            index.columns.push(IndexColumn { name, descending: is_descending, length, ..IndexColumn::default() });
        }
        None => index.has_expression = true,
    }
    Some(())
}

/// The name of a check. MariaDB's JSON columns are LONGTEXT with a check `json_valid(…)` of the column's name.
fn check(table: &mut Table, row: Values<'_>) -> Option<()> {
    let called = row.name(3)?;
    let clause = row.text(4).unwrap_or_default();
    let mut columns = table.columns.iter_mut();
    if let Some(column) = columns.find(|column| column.name == called)
        && clause.eq_ignore_ascii_case(&format!("json_valid({})", SQL.identifier(&called)))
        && column.kind == Type::Native("longtext".into(), Vec::new())
    {
        column.kind = Type::Native("json".into(), Vec::new());
        table.constraints.retain(|constraint| constraint.name != called);
        return Some(());
    }
    if !table.constraints.iter().any(|constraint| constraint.name == called) {
        table.constraints.push(Constraint { name: called, ..Constraint::default() });
    }
    Some(())
}

/// The name in two columns of a row: schema and table.
fn name(row: Values<'_>, place: usize) -> Option<Name> {
    Some(Name { schema: row.owned(place)?, name: row.owned(place + 1)? })
}

fn action(text: &str) -> Action {
    match text {
        "CASCADE" => Action::Cascade,
        "SET NULL" => Action::SetNull,
        "SET DEFAULT" => Action::SetDefault,
        "NO ACTION" => Action::NoAction,
        _ => Action::Restrict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &[&str]) -> Catalog {
        let mut reader = Box::<Reader>::default();
        for row in rows {
            let row: Vec<Option<&str>> = row.split('|').map(|value| (value != "~").then_some(value)).collect();
            assert_eq!(reader.row(0, &row), Some(()), "{row:?}");
        }
        reader.finish()
    }

    #[test]
    fn rows_of_mariadb_become_tables() {
        let catalog = read(&[
            "v|10.11.19-MariaDB|0",
            "s|app",
            "t|app|_prisma_migrations|BASE TABLE",
            "t|app|a|BASE TABLE",
            "t|app|seen|VIEW",
            "c|app|a|id|int(10) unsigned|NO|~|auto_increment|~",
            "c|app|a|j|longtext|YES|NULL||~",
            "c|app|seen|id|int(11)|YES|~||~",
            "c|app|_prisma_migrations|id|varchar(36)|NO|~||~",
            "i|app|a|PRIMARY|0|id|A|~|BTREE",
            "i|app|a|a_j_idx|1|j|D|20|BTREE",
            "r|app|a|a_id_fkey|CASCADE|NO ACTION",
            "f|app|a|a_id_fkey|id|app|b|id",
            "k|app|a|j|~",
            "k|app|a|j|json_valid(`j`)",
            "g|app|a",
        ]);
        assert_eq!((catalog.tables.len(), catalog.schemas.as_slice()), (1, &["app".to_owned()][..]));
        let table = &catalog.tables[0];
        assert!(table.may_fill && table.constraints.is_empty());
        assert_eq!(table.columns[0].kind, Type::Native("int unsigned".into(), Vec::new()));
        assert_eq!(table.columns[0].default, Default::Sequence);
        assert_eq!(table.columns[1].kind, Type::Native("json".into(), Vec::new()));
        assert_eq!(table.primary_key.as_ref().unwrap().columns, ["id"]);
        assert_eq!((table.indexes[0].columns[0].length, table.indexes[0].columns[0].descending), (Some(20), true));
        assert_eq!(table.foreign_keys[0].on_delete, Action::Cascade);
        assert_eq!((catalog.views.len(), catalog.view_columns[0].columns.len()), (1, 1));
    }

    #[test]
    fn every_statement_names_its_schema() {
        let sql = sql(&["app".to_owned(), "it's".to_owned()]);
        let of = |name: &str| sql.split("; ").filter(|statement| statement.contains(name)).count();
        assert_eq!((of("= 'app'"), of("= 'it''s'")), (OF_SCHEMA.len(), OF_SCHEMA.len()));
        assert!(super::sql(&[]).contains("table_schema = DATABASE()"));
    }
}
