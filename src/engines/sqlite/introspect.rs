//! SQLite's catalog as plain data: `sqlite_master` and the pragmas, as table-valued functions in one query.

use smol_str::SmolStr;

use crate::catalog::history_tables::hidden_names;
use crate::catalog::{
    Action, Arity, Catalog, Column, Constraint, Default, ForeignKey, Guarantee, Index, IndexColumn, Key, Name, Table,
    Type, value,
};
use crate::engines::engine::CatalogReader;
use crate::engines::values::Values;
use crate::sql::{Dialect, script};

const SCHEMA: &str = "main";

/// Rows in the order in which [`SqliteReader`] wants them; nine values each.
pub(crate) const CATALOG: &str = "\
    SELECT 't', name, sql, NULL, NULL, NULL, NULL, NULL, NULL FROM (SELECT name, sql FROM sqlite_master \
    WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
    ORDER BY name); \
    SELECT 'v', name FROM sqlite_master WHERE type = 'view' ORDER BY name; \
    SELECT 'c', m.name, c.name, c.type, c.\"notnull\", c.dflt_value, c.pk, c.hidden, c.cid FROM sqlite_master m \
    JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid; \
    SELECT 'i', m.name, i.name, i.\"unique\", i.origin, i.partial, \
    (SELECT s.sql FROM sqlite_master s WHERE s.type = 'index' AND s.name = i.name) \
    FROM sqlite_master m JOIN pragma_index_list(m.name) i WHERE m.type = 'table' ORDER BY m.name, i.name; \
    SELECT 'k', m.name, i.name, c.name, c.\"desc\" FROM sqlite_master m JOIN pragma_index_list(m.name) i \
    JOIN pragma_index_xinfo(i.name) c WHERE m.type = 'table' AND c.key = 1 ORDER BY m.name, i.name, c.seqno; \
    SELECT 'f', m.name, f.id, f.\"from\", f.\"table\", f.\"to\", f.on_delete, f.on_update FROM sqlite_master m \
    JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table' ORDER BY m.name, f.id, f.seq";

/// Folds the rows of [`CATALOG`] into a catalog.
#[derive(Default)]
pub(crate) struct SqliteReader {
    catalog: Catalog,
    /// Which table has which column at which place of its primary key.
    keys: Vec<(usize, u32, SmolStr)>,
    /// The table and number of the foreign key whose columns are arriving.
    foreign_key: Option<(usize, String)>,
}

impl CatalogReader for SqliteReader {
    fn row(&mut self, _statement: usize, row: &[Option<&str>]) -> Option<()> {
        let row = Values(row);
        let table = self.catalog.tables.iter().position(|table| Some(table.name.name.as_str()) == row.text(1));
        match (row.text(0)?, table) {
            ("t", _) if hidden_names().any(|hidden| row.text(1) == Some(hidden)) => {}
            ("t", _) => {
                // The names of constraints are kept in the text of the table only; what each of them says is not read.
                let names = script::constraints(row.text(2).unwrap_or_default(), Dialect::Sqlite).into_iter();
                let constraints = names.map(|name| Constraint { name: name.into(), ..Constraint::default() }).collect();
                self.catalog.tables.push(Table { name: in_main(row, 1)?, constraints, ..Table::default() });
            }
            ("v", _) => self.catalog.views.push(in_main(row, 1)?),
            ("c", Some(table)) => {
                if let Some(place) = row.text(6).and_then(|place| place.parse().ok()).filter(|place| *place > 0) {
                    self.keys.push((table, place, row.name(2)?));
                }
                self.catalog.tables[table].columns.push(column(Values(row.0.get(2..)?))?);
            }
            ("i", Some(table)) => self.index(table, row)?,
            ("k", Some(table)) => self.index_column(table, row),
            ("f", Some(table)) => self.foreign_key_column(table, row)?,
            // Of a table that is left out.
            _ => {}
        }
        Some(())
    }

    fn finish(mut self: Box<Self>) -> Catalog {
        self.catalog.schemas = vec![SCHEMA.to_owned()];
        self.keys.sort();
        for (table, _, column) in std::mem::take(&mut self.keys) {
            let table = &mut self.catalog.tables[table];
            table.primary_key.get_or_insert_with(Key::default).columns.push(column);
        }
        self.catalog.tables.iter_mut().for_each(number_rows);
        self.imply_targets();
        self.catalog
    }
}

impl SqliteReader {
    fn index(&mut self, table: usize, row: Values<'_>) -> Option<()> {
        let index = Index {
            name: row.name(2)?,
            unique: row.is_true(3),
            method: SmolStr::new_static("btree"),
            predicate: row.is_true(5).then(|| predicate(row.text(6).unwrap_or_default())),
            valid: true,
            ..Index::default()
        };
        // The index of a primary key is listed as the key.
        if row.text(4) != Some("pk") {
            self.catalog.tables[table].indexes.push(index);
        }
        Some(())
    }

    fn index_column(&mut self, table: usize, row: Values<'_>) {
        let mut indexes = self.catalog.tables[table].indexes.iter_mut();
        match (indexes.find(|index| Some(index.name.as_str()) == row.text(2)), row.name(3)) {
            (Some(index), Some(name)) => {
                index.columns.push(IndexColumn { name, descending: row.is_true(4), ..IndexColumn::default() });
            }
            (Some(index), None) => index.has_expression = true,
            (None, _) => {}
        }
    }

    fn foreign_key_column(&mut self, table: usize, row: Values<'_>) -> Option<()> {
        let place = Some((table, row.owned(2)?));
        let keys = &mut self.catalog.tables[table].foreign_keys;
        if self.foreign_key != place {
            self.foreign_key = place;
            keys.push(ForeignKey {
                name: SmolStr::default(),
                columns: Vec::new(),
                target: in_main(row, 4)?,
                target_columns: Vec::new(),
                on_delete: action(row.text(6)?),
                on_update: action(row.text(7)?),
                guarantee: Guarantee::default(),
                origin: None,
            });
        }
        let key = keys.last_mut()?;
        key.columns.push(row.name(3)?);
        key.target_columns.extend(row.name(5));
        Some(())
    }

    /// A foreign key without target columns refers to the primary key there.
    fn imply_targets(&mut self) {
        let tables = &self.catalog.tables;
        let primary = |name: &Name| tables.iter().find(|table| table.name.name.eq_ignore_ascii_case(&name.name));
        let implied: Vec<(usize, usize, Vec<SmolStr>)> = (tables.iter().enumerate())
            .flat_map(|(at, table)| table.foreign_keys.iter().enumerate().map(move |(key, foreign)| (at, key, foreign)))
            .filter(|(_, _, foreign)| foreign.target_columns.is_empty())
            .filter_map(|(at, key, foreign)| Some((at, key, primary(&foreign.target)?.primary_key.clone()?.columns)))
            .collect();
        for (table, key, columns) in implied {
            self.catalog.tables[table].foreign_keys[key].target_columns = columns;
        }
    }
}

/// An INTEGER that is a primary key by itself is the number of the row, AUTOINCREMENT or not. Any other key column may be
/// NULL unless it is declared NOT NULL.
fn number_rows(table: &mut Table) {
    let Some(Key { columns, .. }) = &table.primary_key else { return };
    let [name] = columns.as_slice() else { return };
    let is_number =
        |column: &&mut Column| column.name == *name && column.kind == Type::Native("integer".into(), Vec::new());
    if let Some(column) = table.columns.iter_mut().find(is_number) {
        column.arity = Arity::Required;
        column.default = Default::Sequence;
    }
}

/// The name of a table; SQLite has no schemas.
fn in_main(row: Values<'_>, place: usize) -> Option<Name> {
    Some(Name { schema: SCHEMA.to_owned(), name: row.owned(place)? })
}

/// `name, type, notnull, dflt_value, pk, hidden`.
fn column(row: Values<'_>) -> Option<Column> {
    let value = |place: usize| row.text(place);
    let declared = value(1).unwrap_or_default().trim().to_ascii_lowercase();
    let (name, arguments) = declared.split_once('(').unwrap_or((&declared, ""));
    let arguments =
        arguments.trim_end_matches(')').split(',').filter_map(|number| number.trim().parse().ok()).collect();
    let kind = match name.trim() {
        "" => Type::Other(String::new()),
        name => Type::Native(name.to_owned().into(), arguments),
    };
    let default = match (value(3), value(5)) {
        // Generated columns have hidden 2 or 3; their expression is in the text of the table only.
        (_, Some("2" | "3")) => Default::Expression(String::new()),
        (Some(text), _) => value::read(text, &kind, false),
        (None, _) => Default::None,
    };
    let arity = if value(2) == Some("1") { Arity::Required } else { Arity::Optional };
    Some(Column { name: value(0)?.into(), field: None, kind, arity, default, origin: None })
}

/// What follows the last WHERE of `CREATE INDEX`.
fn predicate(sql: &str) -> String {
    let at = sql.to_ascii_lowercase().rfind("where");
    at.and_then(|at| sql.get(at + "where".len()..)).unwrap_or_default().trim().to_owned()
}

fn action(text: &str) -> Action {
    match text {
        "RESTRICT" => Action::Restrict,
        "CASCADE" => Action::Cascade,
        "SET NULL" => Action::SetNull,
        "SET DEFAULT" => Action::SetDefault,
        _ => Action::NoAction,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_tables() {
        let rows = [
            "t|a|~|~|~|~|~|~|~",
            "t|b|~|~|~|~|~|~|~",
            "c|a|id|INTEGER|1|~|1|0|0",
            "c|a|price|DECIMAL(10, 2)|0|0.50|0|0|1",
            "c|b|x|TEXT|1|'it''s'|2|0|0",
            "c|b|y|integer|1|~|1|0|1",
            "c|b|z|text|0|~|3|0|2",
            "c|_prisma_migrations|id|TEXT|1|~|1|0|1",
            "i|a|a_price_key|1|c|1|CREATE UNIQUE INDEX a_price_key ON a (price DESC) WHERE price > 0",
            "i|b|sqlite_autoindex_b_1|1|pk|0|~",
            "k|a|a_price_key|price|1",
            "f|b|0|y|a|~|CASCADE|NO ACTION",
        ];
        let mut reader = Box::<SqliteReader>::default();
        for row in rows {
            let row: Vec<Option<&str>> = row.split('|').map(|value| (value != "~").then_some(value)).collect();
            assert_eq!(reader.row(0, &row), Some(()), "{row:?}");
        }
        let catalog = reader.finish();
        let [a, b] = catalog.tables.as_slice() else { panic!("{catalog:?}") };
        assert_eq!(a.columns[0].default, Default::Sequence);
        assert_eq!(a.columns[1].kind, Type::Native("decimal".into(), vec![10, 2]));
        assert_eq!(a.columns[1].default, Default::Value("0.5".into()));
        assert_eq!(a.indexes[0].predicate.as_deref(), Some("price > 0"));
        assert!(a.indexes[0].columns[0].descending);
        assert_eq!(b.primary_key.as_ref().unwrap().columns, ["y", "x", "z"]);
        assert_eq!(b.columns[1].default, Default::None);
        assert_eq!((b.columns[1].arity, b.columns[2].arity), (Arity::Required, Arity::Optional));
        assert_eq!(b.indexes, []);
        assert_eq!(
            (b.foreign_keys[0].target_columns.as_slice(), b.foreign_keys[0].on_delete),
            (&["id".into()][..], Action::Cascade)
        );
    }
}
