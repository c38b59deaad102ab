//! Folds the rows of the catalog queries into a catalog.

use std::collections::{HashMap, HashSet};

use crate::catalog::history_tables::hidden_names;
use crate::catalog::{
    Access, Action, Arity, BrokenIndex, Catalog, Column, Constraint, Default, Enum, Extension, ForeignKey, Guarantee,
    Index, IndexColumn, Key, Name, Table, Type, value,
};
use crate::engines::engine::CatalogReader;
use crate::engines::postgres::introspect::{access, builtin, qualified};
use crate::engines::values::Values;

/// Tables of PostGIS, which are no part of a catalog; nor are the histories of [`hidden_names`].
const OF_POSTGIS: &[&str] =
    &["spatial_ref_sys", "geometry_columns", "geography_columns", "raster_columns", "raster_overviews"];

/// Folds the rows of [`super::sql`] into a catalog.
#[derive(Debug, Default)]
pub(crate) struct PostgresReader {
    catalog: Catalog,
    types: HashMap<u32, Described>,
    /// What the arrays of them are made of.
    arrays: HashMap<u32, u32>,
    /// Operator classes by name, and whether they are the default of their type.
    classes: HashMap<u32, (String, bool)>,
    /// Tables and views that extensions have created.
    of_extensions: HashSet<u32>,
    /// Which of the relations are views. Until the end they stand among the tables.
    views: HashSet<usize>,
    /// Where each table stands in the catalog, and its columns' numbers in their order.
    tables: HashMap<u32, (usize, Vec<i16>)>,
    /// Foreign keys whose target's columns are still numbers: table, key, target, numbers.
    targets: Vec<(usize, usize, u32, Vec<i16>)>,
}

#[derive(Debug)]
struct Described {
    name: Name,
    kind: char,
    /// What a domain is made of.
    of: u32,
    modifier: Option<i32>,
    not_null: bool,
    /// The default of a domain.
    default: Option<String>,
}

impl CatalogReader for PostgresReader {
    fn row(&mut self, row: &[Option<&str>]) -> Option<()> {
        let row = Values(row);
        match row.text(0)? {
            // For the queries that follow.
            "-" => {}
            "s" => self.catalog.schemas.push(row.owned(1)?),
            "x" => {
                let extension = Extension { name: row.owned(1)?, schema: row.owned(2), version: row.owned(3) };
                self.catalog.extensions.push(extension);
            }
            "v" => self.catalog.views.push(qualified(row, 1)?),
            "o" => {
                self.classes.insert(row.number(1)?, (row.owned(2)?, row.is_true(3)));
            }
            "y" => {
                let described = Described {
                    name: qualified(row, 2)?,
                    kind: row.text(4)?.chars().next()?,
                    of: row.number(6)?,
                    modifier: row.number(7).filter(|modifier| *modifier != -1),
                    not_null: row.is_true(8),
                    default: row.owned(10),
                };
                let oid = row.number(1)?;
                self.arrays.insert(row.number(5)?, oid);
                if described.kind == 'e' && self.catalog.schemas.contains(&described.name.schema) {
                    let values = serde_json::from_str(row.text(9).unwrap_or("[]")).ok()?;
                    self.catalog.enums.push(Enum { name: described.name.clone(), values, origin: None });
                }
                self.types.insert(oid, described);
            }
            "e" => {
                self.of_extensions.insert(row.number(1)?);
            }
            "t" => self.relation(row)?,
            // Rows of other tables, and of one that came into being between two of the queries, are passed over.
            "c" => self.column(row)?,
            "i" => self.index(row)?,
            "k" => self.constraint(row)?,
            "b" => {
                let (index, table) = (qualified(row, 1)?, qualified(row, 3)?);
                self.catalog.broken.push(BrokenIndex { index, table });
            }
            _ => return None,
        }
        Some(())
    }

    fn finish(mut self: Box<Self>) -> Catalog {
        for (table, key, target, numbers) in std::mem::take(&mut self.targets) {
            let columns = numbers.iter().filter_map(|number| self.column_name(target, *number)).collect();
            self.catalog.tables[table].foreign_keys[key].target_columns = columns;
        }
        let relations = std::mem::take(&mut self.catalog.tables);
        for (place, relation) in relations.into_iter().enumerate() {
            match self.views.contains(&place) {
                true => self.catalog.view_columns.push(relation),
                false => self.catalog.tables.push(relation),
            }
        }
        self.catalog
    }
}

impl PostgresReader {
    fn relation(&mut self, row: Values<'_>) -> Option<()> {
        let (oid, name) = (row.number(1)?, qualified(row, 2)?);
        let is_view = !matches!(row.text(4)?.chars().next()?, 'r' | 'p');
        let lower = name.name.to_lowercase();
        if is_view {
            self.catalog.views.push(name.clone());
            self.views.insert(self.catalog.tables.len());
        } else if hidden_names().chain(OF_POSTGIS.iter().copied()).any(|hidden| hidden == lower) {
            return Some(());
        }
        self.tables.insert(oid, (self.catalog.tables.len(), Vec::new()));
        self.catalog.tables.push(Table {
            name,
            access: row.text(5).map_or(Some(Access::Granted), access)?,
            may_fill: row.is_true(6),
            of_extension: self.of_extensions.contains(&oid),
            ..Table::default()
        });
        Some(())
    }

    fn column(&mut self, row: Values<'_>) -> Option<()> {
        let oid = row.number(1)?;
        if !self.tables.contains_key(&oid) {
            return Some(());
        }
        let (kind, is_list, is_required) = self.resolve(row.number(4)?, row.number(5))?;
        let default = match (row.text(7), row.text(8), row.text(9)) {
            (Some(_), _, _) => Default::Sequence,
            (_, Some(_), text) => Default::Expression(text.unwrap_or_default().to_owned()),
            (_, _, Some(text)) => value::read(text, &kind, is_list),
            _ => self.domain_default(row.number(4)?).map_or(Default::None, |text| value::read(text, &kind, is_list)),
        };
        let arity = match (is_list, row.is_true(6) || is_required) {
            (true, _) => Arity::List,
            (false, true) => Arity::Required,
            (false, false) => Arity::Optional,
        };
        let (table, numbers) = self.tables.get_mut(&oid)?;
        numbers.push(row.number(2)?);
        let column = Column { name: row.owned(3)?, field: None, kind, arity, default, origin: None };
        self.catalog.tables[*table].columns.push(column);
        Some(())
    }

    /// The default that a domain gives to columns without one of their own (CREATE DOMAIN in the manual).
    fn domain_default(&self, oid: u32) -> Option<&str> {
        self.types.get(&oid).filter(|described| described.kind == 'd')?.default.as_deref()
    }

    /// The type behind domains and arrays, whether there was an array, and whether a domain forbids NULL.
    fn resolve(&self, oid: u32, modifier: Option<i32>) -> Option<(Type, bool, bool)> {
        let (mut oid, mut modifier) = (oid, modifier);
        let (mut is_list, mut is_required) = (false, false);
        loop {
            if let Some((name, is_array)) = builtin::name(oid) {
                is_list |= is_array;
                return Some((native(name, modifier, is_list), is_list, is_required));
            }
            if let Some(of) = self.arrays.get(&oid) {
                (oid, is_list) = (*of, true);
            }
            let Some(described) = self.types.get(&oid) else {
                // Made between two of the queries.
                return Some((Type::Other(format!("type {oid}")), is_list, is_required));
            };
            match described {
                Described { kind: 'd', .. } => {
                    is_required |= described.not_null && !is_list;
                    modifier = modifier.or(described.modifier);
                }
                Described { kind: 'e', .. } => return Some((Type::Enum(described.name.clone()), is_list, is_required)),
                _ => return Some((native(&described.name.name, modifier, is_list), is_list, is_required)),
            }
            oid = described.of;
        }
    }

    fn index(&mut self, row: Values<'_>) -> Option<()> {
        let oid = row.number(1)?;
        let Some((table, _)) = self.tables.get(&oid) else { return Some(()) };
        let table = *table;
        let numbers: Vec<i16> = numbers(row.text(7)?);
        let keys: usize = row.number(8)?;
        let options: Vec<u16> = row.text(9)?.split_whitespace().filter_map(|option| option.parse().ok()).collect();
        let classes: Vec<u32> = row.text(10)?.split_whitespace().filter_map(|class| class.parse().ok()).collect();
        let method = row.owned(6)?;
        let column = |(place, number): (usize, &i16)| {
            let class = classes.get(place).and_then(|class| self.classes.get(class));
            Some(IndexColumn {
                name: self.column_name(oid, *number)?,
                descending: options.get(place).is_some_and(|option| option & 1 == 1),
                length: None,
                class: class.map(|(name, _)| name.clone()),
                usual: class.is_some_and(|(_, usual)| *usual),
            })
        };
        let index = Index {
            name: row.owned(2)?,
            columns: numbers.iter().take(keys).enumerate().filter_map(column).collect(),
            unique: row.is_true(4),
            method,
            predicate: row.text(11).map(str::to_owned),
            include: numbers.iter().skip(keys).filter_map(|number| self.column_name(oid, *number)).collect(),
            has_expression: numbers.contains(&0),
            valid: row.is_true(5),
            origin: None,
        };
        let table = &mut self.catalog.tables[table];
        if row.is_true(3) {
            let columns = index.columns.iter().map(|column| column.name.clone()).collect();
            table.primary_key = Some(Key { name: index.name.clone(), columns, ..Key::default() });
            // A key's index that holds more than the key is an index of its own right.
            if index.include.is_empty() {
                return Some(());
            }
        }
        table.indexes.push(index);
        Some(())
    }

    fn constraint(&mut self, row: Values<'_>) -> Option<()> {
        let oid = row.number(2)?;
        let Some((table, _)) = self.tables.get(&oid) else { return Some(()) };
        let (table, name) = (*table, row.owned(3)?);
        let guarantee = Guarantee { valid: row.is_true(4), enforced: row.text(13) != Some("f") };
        if row.text(1)? != "f" {
            self.catalog.tables[table].constraints.push(Constraint { name, guarantee });
            return Some(());
        }
        let (target, there) = (row.number(6)?, numbers(row.text(9)?));
        let named = row.text(12).and_then(|names| serde_json::from_str::<Vec<String>>(names).ok());
        let key = ForeignKey {
            name,
            columns: numbers(row.text(5)?).iter().filter_map(|number| self.column_name(oid, *number)).collect(),
            target: qualified(row, 7)?,
            target_columns: named.clone().unwrap_or_default(),
            on_delete: action(row.text(10)?)?,
            on_update: action(row.text(11)?)?,
            guarantee,
            origin: None,
        };
        let keys = &mut self.catalog.tables[table].foreign_keys;
        if named.is_none() {
            self.targets.push((table, keys.len(), target, there));
        }
        keys.push(key);
        Some(())
    }

    fn column_name(&self, table: u32, number: i16) -> Option<String> {
        let (table, numbers) = self.tables.get(&table)?;
        let place = numbers.binary_search(&number).ok()?;
        Some(self.catalog.tables[*table].columns[place].name.clone())
    }
}

/// The numbers of an int2vector (`1 2`) or an array (`{1,2}`).
fn numbers(text: &str) -> Vec<i16> {
    let text = text.trim_matches(['{', '}']);
    text.split([' ', ',']).filter_map(|number| number.parse().ok()).collect()
}

fn action(code: &str) -> Option<Action> {
    Some(match code {
        "a" => Action::NoAction,
        "r" => Action::Restrict,
        "c" => Action::Cascade,
        "n" => Action::SetNull,
        "d" => Action::SetDefault,
        _ => return None,
    })
}

/// A base type with its modifier read as arguments (src/backend/utils/adt: varchar.c, numeric.c, timestamp.c).
fn native(name: &str, modifier: Option<i32>, is_list: bool) -> Type {
    let whole = |number: i32| u32::try_from(number).ok();
    let length = || modifier.and_then(|modifier| whole(modifier - 4)).into_iter().collect();
    let arguments: Vec<u32> = match name {
        "varchar" | "bpchar" => length(),
        "bit" | "varbit" => modifier.and_then(whole).into_iter().collect(),
        "numeric" => {
            let packed = modifier.map(|modifier| modifier - 4);
            packed.map_or(Vec::new(), |packed| {
                [whole(packed >> 16 & 0xffff), whole(packed & 0x7ff)].into_iter().flatten().collect()
            })
        }
        "timestamp" | "timestamptz" | "time" | "timetz" => match modifier.and_then(whole) {
            Some(precision) => vec![precision],
            // The server rounds to microseconds; Prisma does not read the precision of an array's elements.
            None if is_list => Vec::new(),
            None => vec![6],
        },
        "text" | "char" | "citext" | "uuid" | "xml" | "inet" | "bool" | "int2" | "int4" | "int8" | "oid" | "float4"
        | "float8" | "money" | "date" | "json" | "jsonb" | "bytea" => Vec::new(),
        _ => return Type::Other(name.to_owned()),
    };
    Type::Native(name.to_owned().into(), arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows as `kind|value|…`, where `~` is NULL.
    fn read(rows: &[&str]) -> Catalog {
        let mut reader = Box::<PostgresReader>::default();
        for row in rows {
            let row: Vec<Option<&str>> = row.split('|').map(|value| (value != "~").then_some(value)).collect();
            assert_eq!(reader.row(&row), Some(()), "{row:?}");
        }
        reader.finish()
    }

    #[test]
    fn rows_become_tables() {
        let catalog = read(&[
            "s|public",
            "x|citext|public|1.6",
            "o|99|int4_bloom_ops|f",
            "o|5|text_minmax_ops|t",
            "y|20500|public|short|d|20501|1043|14|t|~",
            "y|20600|public|E|e|20601|0|-1|f|[\"A\",\"B\"]",
            "y|20700|other|F|e|20701|0|-1|f|[\"A\"]",
            "t|10|public|T|r|~",
            "t|11|public|U|p|w",
            "t|12|public|_prisma_migrations|r|~",
            "t|13|public|seen|v|~",
            "c|10|1|id|23|~|t|~|~|nextval('\"T_id_seq\"'::regclass)",
            "c|10|3|tags|1009|~|f|~|~|'{}'::text[]",
            "c|10|4|short|20500|~|f|~|~|~",
            "c|10|5|e|20600|~|t|~|~|'A'::\"E\"",
            "c|10|6|twice|23|~|f|~|s|(id * 2)",
            "c|11|1|t|23|~|f|a|~|~",
            "i|10|T_pkey|t|t|t|btree|1|1|0|1978|~",
            "i|10|T_x|f|f|f|brin|3 4 1|2|1 0|99 5|(id > 0)",
            "i|10|T_y|f|f|t|btree|0 1|2|0 0|1 1|~",
            "k|f|11|U_t_fkey|f|{1}|10|public|T|{1}|c|a|~",
            "k|c|11|U_check|f|{1}|0|~|~|~| | |~",
            "k|c|99|appeared_meanwhile|t|{1}|0|~|~|~| | |~",
            "c|12|1|id|25|~|t|~|~|~",
        ]);
        let [t, u] = catalog.tables.as_slice() else { panic!("{catalog:?}") };
        let kinds: Vec<(&str, &Type, Arity, &Default)> = t
            .columns
            .iter()
            .map(|column| (column.name.as_str(), &column.kind, column.arity, &column.default))
            .collect();
        let native = |name: &str, arguments: &[u32]| Type::Native(name.to_owned().into(), arguments.to_vec());
        let e = Type::Enum(Name { schema: "public".into(), name: "E".into() });
        assert_eq!(
            kinds,
            [
                ("id", &native("int4", &[]), Arity::Required, &Default::Sequence),
                ("tags", &native("text", &[]), Arity::List, &Default::List(Vec::new())),
                ("short", &native("varchar", &[10]), Arity::Required, &Default::None),
                ("e", &e, Arity::Required, &Default::Value("A".into())),
                ("twice", &native("int4", &[]), Arity::Optional, &Default::Expression("(id * 2)".into())),
            ]
        );
        assert_eq!(t.primary_key, Some(Key { name: "T_pkey".into(), columns: vec!["id".into()], ..Key::default() }));
        let [x, y] = t.indexes.as_slice() else { panic!("{:?}", t.indexes) };
        assert_eq!(x.include, ["id"]);
        assert_eq!((x.columns[0].descending, x.columns[0].class.as_deref()), (true, Some("int4_bloom_ops")));
        assert_eq!((x.columns[1].class.as_deref(), x.columns[1].usual), (Some("text_minmax_ops"), true));
        assert_eq!((x.columns[1].name.as_str(), x.valid), ("short", false));
        assert!(y.has_expression && !x.has_expression);
        let key = &u.foreign_keys[0];
        assert_eq!((key.columns.as_slice(), key.target_columns.as_slice()), (&["t".into()][..], &["id".into()][..]));
        assert_eq!((key.on_delete, key.on_update, key.guarantee.valid), (Action::Cascade, Action::NoAction, false));
        assert_eq!(u.columns[0].default, Default::Sequence);
        assert_eq!(
            u.constraints,
            [Constraint { name: "U_check".into(), guarantee: Guarantee { valid: false, enforced: true } }]
        );
        assert_eq!((t.access, u.access), (Access::Granted, Access::WriteOnly));
        assert_eq!((catalog.enums.len(), catalog.views.len()), (1, 1));
        assert_eq!(catalog.enums[0].values, ["A", "B"]);
    }

    #[test]
    fn modifiers_become_arguments() {
        let of = |name, modifier, is_list| match native(name, modifier, is_list) {
            Type::Native(_, arguments) => arguments,
            other => panic!("{other:?}"),
        };
        assert_eq!(of("numeric", Some((65 << 16 | 30) + 4), false), [65, 30]);
        assert_eq!(of("numeric", None, false), [] as [u32; 0]);
        assert_eq!(of("bpchar", Some(5), false), [1]);
        assert_eq!(of("bit", Some(1), false), [1]);
        assert_eq!(of("timestamptz", None, false), [6]);
        assert_eq!(of("timestamp", None, true), [] as [u32; 0]);
        assert_eq!(native("tsvector", None, false), Type::Other("tsvector".into()));
    }

    #[test]
    fn a_row_of_no_kind_is_refused() {
        assert_eq!(PostgresReader::default().row(&[Some("?")]), None);
    }
}
