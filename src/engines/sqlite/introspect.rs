//! SQLite's catalog as plain data: `sqlite_master` and the pragmas, as table-valued functions in one query.

use crate::catalog::history_tables::hidden_names;
use crate::catalog::{
    Action, Arity, Catalog, Column, Constraint, Default, ForeignKey, Index, IndexColumn, Key, Name, Table, Type, value,
};
use crate::sql::{Dialect, Row, script};

const SCHEMA: &str = "main";

/// Rows in the order in which [`Reader`] wants them; nine values each.
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

/// Folds the rows of [`CATALOG`] into a catalog; `None` where a row is not as the query gives them.
pub(crate) fn read(rows: &[Row]) -> Option<Catalog> {
    let mut catalog = Catalog { schemas: vec![SCHEMA.to_owned()], ..Catalog::default() };
    // Where in the primary key each column stands, and the foreign key that is under way.
    let mut keys: Vec<(usize, u32, String)> = Vec::new();
    let mut number = None;
    for row in rows {
        let value = |place: usize| row.get(place).and_then(Option::as_deref);
        let owned = |place: usize| value(place).map(str::to_owned);
        let name = |place: usize| Some(Name { schema: SCHEMA.to_owned(), name: owned(place)? });
        let table = catalog.tables.iter().position(|table| Some(table.name.name.as_str()) == value(1));
        match (value(0)?, table) {
            ("t", _) if hidden_names().any(|hidden| value(1) == Some(hidden)) => {}
            ("t", _) => {
                // Nowhere else are the names of constraints kept; what each one is, is not looked at.
                let names = script::constraints(value(2).unwrap_or_default(), Dialect::Sqlite).into_iter();
                let constraints = names.map(|name| Constraint { name, valid: true }).collect();
                catalog.tables.push(Table { name: name(1)?, constraints, ..Table::default() });
            }
            ("v", _) => catalog.views.push(name(1)?),
            ("c", Some(table)) => {
                if let Some(place) = value(6).and_then(|place| place.parse().ok()).filter(|place| *place > 0) {
                    keys.push((table, place, owned(2)?));
                }
                catalog.tables[table].columns.push(column(&row[2..])?);
            }
            ("i", Some(table)) => {
                let sql = value(6).unwrap_or_default();
                let index = Index {
                    name: owned(2)?,
                    unique: value(3) == Some("1"),
                    method: "btree".to_owned(),
                    predicate: (value(5) == Some("1")).then(|| predicate(sql)),
                    valid: true,
                    ..Index::default()
                };
                // The index of a primary key comes with it.
                if value(4) != Some("pk") {
                    catalog.tables[table].indexes.push(index);
                }
            }
            ("k", Some(table)) => {
                let index =
                    catalog.tables[table].indexes.iter_mut().find(|index| Some(index.name.as_str()) == value(2));
                match (index, owned(3)) {
                    (Some(index), Some(name)) => {
                        index.columns.push(IndexColumn {
                            name,
                            descending: value(4) == Some("1"),
                            ..IndexColumn::default()
                        });
                    }
                    (Some(index), None) => index.has_expression = true,
                    (None, _) => {}
                }
            }
            ("f", Some(at)) => {
                let place = Some((at, owned(2)?));
                let keys = &mut catalog.tables[at].foreign_keys;
                if number != place {
                    number = place;
                    keys.push(ForeignKey {
                        name: String::new(),
                        columns: Vec::new(),
                        target: name(4)?,
                        target_columns: Vec::new(),
                        on_delete: action(value(6)?),
                        on_update: action(value(7)?),
                        valid: true,
                        origin: None,
                    });
                }
                let key = keys.last_mut()?;
                key.columns.push(owned(3)?);
                key.target_columns.extend(owned(5));
            }
            // Of a table that is passed over.
            _ => {}
        }
    }
    keys.sort();
    for (table, _, column) in keys {
        let table = &mut catalog.tables[table];
        table.primary_key.get_or_insert_with(Key::default).columns.push(column);
    }
    for table in &mut catalog.tables {
        let Some(key) = &table.primary_key else { continue };
        // The only column of a key that is an INTEGER is the row's number, AUTOINCREMENT or not. Any other may be NULL
        // unless it is said that it may not.
        let [name] = key.columns.as_slice() else { continue };
        let is_number = |column: &&mut Column| {
            column.name == *name && column.kind == Type::Native("integer".to_owned(), Vec::new())
        };
        if let Some(column) = table.columns.iter_mut().find(is_number) {
            column.arity = Arity::Required;
            column.default = Default::Sequence;
        }
    }
    // A key that names no columns there means the primary key.
    let primary = |name: &Name| catalog.tables.iter().find(|table| table.name.name.eq_ignore_ascii_case(&name.name));
    let implied: Vec<(usize, usize, Vec<String>)> = (catalog.tables.iter().enumerate())
        .flat_map(|(at, table)| table.foreign_keys.iter().enumerate().map(move |(key, foreign)| (at, key, foreign)))
        .filter(|(_, _, foreign)| foreign.target_columns.is_empty())
        .filter_map(|(at, key, foreign)| Some((at, key, primary(&foreign.target)?.primary_key.clone()?.columns)))
        .collect();
    for (table, key, columns) in implied {
        catalog.tables[table].foreign_keys[key].target_columns = columns;
    }
    Some(catalog)
}

/// `name, type, notnull, dflt_value, pk, hidden`.
fn column(row: &[Option<String>]) -> Option<Column> {
    let value = |place: usize| row.get(place).and_then(Option::as_deref);
    let declared = value(1).unwrap_or_default().trim().to_ascii_lowercase();
    let (name, arguments) = declared.split_once('(').unwrap_or((&declared, ""));
    let arguments =
        arguments.trim_end_matches(')').split(',').filter_map(|number| number.trim().parse().ok()).collect();
    let kind = match name.trim() {
        "" => Type::Other(String::new()),
        name => Type::Native(name.to_owned(), arguments),
    };
    let default = match (value(3), value(5)) {
        // Generated columns have hidden 2 or 3, and their expression is nowhere but in the text of the table.
        (_, Some("2" | "3")) => Default::Expression(String::new()),
        (Some(text), _) => value::read(text, &kind, false),
        (None, _) => Default::None,
    };
    let arity = if value(2) == Some("1") { Arity::Required } else { Arity::Optional };
    Some(Column { name: value(0)?.to_owned(), field: None, kind, arity, default, origin: None })
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
        let row = |row: &str| row.split('|').map(|value| (value != "~").then(|| value.to_owned())).collect::<Row>();
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
        let catalog = read(&rows.map(row)).unwrap();
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
