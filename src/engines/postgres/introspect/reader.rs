//! Folds the rows of the catalog's statements into a catalog.

use std::collections::HashSet;

use smol_str::SmolStr;

use crate::catalog::history_tables::hidden_names;
use crate::catalog::{
    Access, Arity, BrokenIndex, Catalog, Column, Constraint, Default, Extension, ForeignKey, Guarantee, Index,
    IndexColumn, Key, Name, Table, Type,
};
use crate::engines::ahead::TypesRead;
use crate::engines::engine::{CatalogReader, Scope};
use crate::engines::postgres::copy_text;
use crate::engines::postgres::introspect::access;
use crate::engines::postgres::introspect::columns::{Declared, Typed, Waiting};
use crate::engines::postgres::introspect::notation::{action, is_below, nth, numbers};
use crate::engines::postgres::introspect::oids::{OidMap, OidSet};
use crate::engines::postgres::introspect::owner::Role;
use crate::engines::postgres::introspect::relations::{Relation, Relations};
use crate::engines::postgres::introspect::texts::{self, Open, Part};
use crate::engines::postgres::introspect::types::Types;
use crate::engines::values::Values;

/// Tables of PostGIS, which are no part of a catalog; nor are the histories of [`hidden_names`].
const OF_POSTGIS: &[&str] =
    &["spatial_ref_sys", "geometry_columns", "geography_columns", "raster_columns", "raster_overviews"];

/// How many relations elsewhere are read, as a hint where to look for what is missing.
const HINTS: usize = 1000;

/// Folds the rows of [`texts::first`] and [`texts::second`] into a catalog.
#[derive(Debug, std::default::Default)]
pub(crate) struct PostgresReader {
    /// What the statements of the message that is being read have rows of.
    parts: Vec<Part>,
    /// The schemas that are read.
    scope: HashSet<String>,
    /// A schema of the server's own is among them.
    reads_servers_own: bool,
    /// Whether the rights are those of another role than the session's: then all of them are asked for.
    of_role: bool,
    catalog: Catalog,
    relations: Relations,
    role: Role,
    types: Types,
    /// Columns whose types are not read yet.
    waiting: Vec<Waiting>,
    /// Operator classes by name, and whether they are the default of their type.
    classes: OidMap<u32, (SmolStr, bool)>,
    methods: OidMap<u32, SmolStr>,
    /// Tables with a trigger that may fill a column.
    filled: OidSet,
    /// Whether `tables` has all relations of the scope.
    is_placed: bool,
    /// Where each table stands in the catalog, and its columns' numbers in their order. Views stand among the tables until
    /// the end.
    tables: OidMap<u32, (usize, Vec<i16>)>,
    views: HashSet<usize>,
    /// Columns of tables elsewhere.
    elsewhere: OidMap<(u32, i16), SmolStr>,
    /// Foreign keys whose target's columns are still numbers: table, key, target, numbers.
    targets: Vec<(usize, usize, u32, Vec<i16>)>,
    /// Indexes with a predicate: the index, where its table stands, its place there.
    partial: OidMap<u32, (usize, usize)>,
    /// Constraints that are not validated: the constraint, where its table stands, its place there, and whether it is a foreign key.
    unvalidated: OidMap<u32, (usize, usize, bool)>,
    open: Open,
}

impl PostgresReader {
    /// A reader for the scope, and the message whose rows it takes first.
    pub(crate) fn of(scope: &Scope<'_>) -> (String, Self) {
        let (sql, parts) = texts::pinned_message(texts::first(scope, TypesRead::All));
        (sql, Self::new(scope, parts))
    }

    /// The same, for a message in which the settings come before.
    pub(crate) fn after_pins(scope: &Scope<'_>, types: TypesRead) -> (String, Self) {
        let (sql, parts) = texts::message(texts::first(scope, types));
        (sql, Self::new(scope, parts))
    }

    fn new(scope: &Scope<'_>, parts: Vec<Part>) -> Self {
        let (reads_servers_own, of_role) = (texts::reads_servers_own(scope), scope.role.is_some());
        let scope = scope.schemas.iter().cloned().collect();
        let mut reader = Self { scope, reads_servers_own, of_role, ..Self::default() };
        reader.begin(parts);
        reader
    }

    /// A message begins whose statements have these rows.
    fn begin(&mut self, parts: Vec<Part>) {
        if parts.contains(&Part::Types) {
            self.types.begin();
        }
        self.parts = parts;
    }

    /// How many statements the message has that is being read.
    pub(crate) fn statements(&self) -> usize {
        self.parts.len()
    }
}

impl CatalogReader for PostgresReader {
    fn row(&mut self, statement: usize, row: &[Option<&str>]) -> Option<()> {
        let part = *self.parts.get(statement)?;
        match row {
            [Some(line)] if part.is_copied() => {
                if !self.reads_servers_own && part.first_oid().is_some_and(|first| is_below(line, first)) {
                    return Some(());
                }
                copy_text::columns(line, |row| self.values(part, Values(row)))
            }
            row => self.values(part, Values(row)),
        }
    }

    fn next_message(&mut self) -> Option<String> {
        self.place_relations();
        self.open.types = !self.waiting.is_empty() || self.types.lacks_enums();
        let statements = texts::second(&std::mem::take(&mut self.open));
        if statements.is_empty() {
            return None;
        }
        let (sql, parts) = texts::pinned_message(statements);
        self.begin(parts);
        Some(sql)
    }

    fn finish(mut self: Box<Self>) -> Catalog {
        self.catalog.enums = self.types.enums(|oid| self.relations.name_in_scope(oid));
        self.type_columns();
        for (table, key, target, numbers) in std::mem::take(&mut self.targets) {
            let columns = numbers.iter().filter_map(|number| self.name_of_column(target, *number)).collect();
            self.catalog.tables[table].foreign_keys[key].target_columns = columns;
        }
        for (place, mut relation) in std::mem::take(&mut self.catalog.tables).into_iter().enumerate() {
            relation.indexes.sort_by(|one, other| one.name.cmp(&other.name));
            relation.foreign_keys.sort_by(|one, other| one.name.cmp(&other.name));
            relation.constraints.sort_by(|one, other| one.name.cmp(&other.name));
            match self.views.contains(&place) {
                true => self.catalog.view_columns.push(relation),
                false => self.catalog.tables.push(relation),
            }
        }
        self.catalog.broken.sort_by(|one, other| one.index.cmp(&other.index));
        self.catalog.extensions.sort_by(|one, other| one.name.cmp(&other.name));
        self.catalog
    }
}

impl PostgresReader {
    /// The values of a row of this part.
    fn values(&mut self, part: Part, row: Values<'_>) -> Option<()> {
        if matches!(part, Part::Columns | Part::Indexes | Part::Constraints) {
            self.place_relations()?;
        }
        match part {
            Part::Setting => return None,
            Part::Session => {
                self.role = Role { oid: row.oid(0)?, name: row.owned(1)?, is_superuser: row.text(2)? == "on" };
            }
            Part::Schemas => self.relations.schema(row, &self.scope)?,
            Part::Relations => self.relations.relation(row)?,
            Part::Types => self.types.described(row)?,
            Part::Labels => self.types.label(row)?,
            Part::Classes => {
                self.classes.insert(row.oid(0)?, (row.name(1)?, row.is_true(2)));
            }
            Part::Methods => {
                self.methods.insert(row.oid(0)?, row.name(1)?);
            }
            Part::Extensions => self.extension(row)?,
            Part::Triggers => self.trigger(row)?,
            Part::Rights => self.right(row)?,
            // Rows of tables that came into being between two of the statements are passed over.
            Part::Columns => self.column(row)?,
            Part::Indexes => self.index(row)?,
            Part::Constraints => self.constraint(row)?,
            Part::Predicates => self.predicate(row)?,
            Part::Unenforced => self.unenforced(row)?,
            Part::Rules => self.mark(row, |table| table.may_fill = true)?,
            Part::Members => self.mark(row, |table| table.of_extension = true)?,
            Part::ToastIndexes => self.broken_toast(row)?,
            Part::Elsewhere => {
                self.elsewhere.insert((row.oid(0)?, row.number(1)?), row.name(2)?);
            }
        }
        Some(())
    }

    /// Gives each relation of the scope its place among the tables, in the order of names, once all of them are known.
    fn place_relations(&mut self) -> Option<()> {
        if std::mem::replace(&mut self.is_placed, true) {
            return Some(());
        }
        self.catalog.schemas = self.relations.schemas_of_scope();
        let (inside, elsewhere) = self.relations.take_readable(HINTS);
        for (oid, name, relation) in inside {
            self.table(oid, name, &relation);
        }
        self.catalog.views.extend(elsewhere);
        Some(())
    }

    fn table(&mut self, oid: u32, name: Name, relation: &Relation) {
        let lower = name.name.to_lowercase();
        if relation.is_view() {
            self.catalog.views.push(name.clone());
            self.views.insert(self.catalog.tables.len());
        } else if hidden_names().chain(OF_POSTGIS.iter().copied()).any(|hidden| hidden == lower) {
            return;
        }
        if !self.of_role && !self.is_certainly_readable(oid, relation) {
            self.open.rights.push(oid);
        }
        if !relation.is_view() && relation.has_rules {
            self.open.rules.push(oid);
        }
        self.tables.insert(oid, (self.catalog.tables.len(), Vec::with_capacity(relation.columns.into())));
        // Memory for exactly these columns: a list that grows with each of them takes up to three times as much.
        let columns = Vec::with_capacity(relation.columns.into());
        self.catalog.tables.push(Table { name, columns, may_fill: self.filled.contains(&oid), ..Table::default() });
    }

    fn is_certainly_readable(&self, oid: u32, relation: &Relation) -> bool {
        let may_use = self.relations.schema_rights(relation.schema).is_some_and(|schema| self.role.may_use(schema));
        may_use
            && self.relations.rights(oid).is_some_and(|table| self.role.may_read(table))
            && (self.role.is_superuser || !relation.forces_row_security)
    }

    fn extension(&mut self, row: Values<'_>) -> Option<()> {
        let name = row.owned(0)?;
        // It has no tables.
        self.open.members |= name != "plpgsql";
        let schema = self.relations.schema_name(row.oid(1)?).map(str::to_owned);
        self.catalog.extensions.push(Extension { name, schema, version: row.owned(2) });
        Some(())
    }

    /// What may fill a column that has no default: a trigger FOR EACH ROW (1) BEFORE (2) INSERT (4) that is not disabled, and is
    /// not that of a constraint.
    fn trigger(&mut self, row: Values<'_>) -> Option<()> {
        let kind: i16 = row.number(1)?;
        if kind & 7 == 7 && row.text(2)? != "D" && !row.is_true(3) {
            self.filled.insert(row.oid(0)?);
        }
        Some(())
    }

    fn right(&mut self, row: Values<'_>) -> Option<()> {
        self.place_relations()?;
        let access = row.text(1).map_or(Some(Access::Granted), access)?;
        self.mark(row, |table| table.access = access)
    }

    /// Notes something about the table whose oid the row begins with.
    fn mark(&mut self, row: Values<'_>, note: impl FnOnce(&mut Table)) -> Option<()> {
        if let Some((table, _)) = self.tables.get(&row.oid(0)?) {
            note(&mut self.catalog.tables[*table]);
        }
        Some(())
    }

    fn column(&mut self, row: Values<'_>) -> Option<()> {
        let Some((table, numbers)) = self.tables.get_mut(&row.oid(0)?) else { return Some(()) };
        let number: i16 = row.number(1)?;
        let typed = Declared::of(row)?.typed(&mut self.types, |schema| self.relations.schema_name(schema));
        let Typed { kind, arity, default } = typed.unwrap_or_else(|declared| {
            self.waiting.push((*table, number, declared));
            Typed { kind: Type::Other(String::new()), arity: Arity::Optional, default: Default::None }
        });
        let column = Column { name: row.name(2)?, field: None, kind, arity, default, origin: None };
        let place = numbers.partition_point(|other| *other < number);
        numbers.insert(place, number);
        self.catalog.tables[*table].columns.insert(place, column);
        Some(())
    }

    /// Completes the columns that waited for their types.
    fn type_columns(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let numbers: OidMap<usize, &[i16]> =
            self.tables.values().map(|(table, numbers)| (*table, numbers.as_slice())).collect();
        for (table, number, declared) in std::mem::take(&mut self.waiting) {
            let typed = declared.typed(&mut self.types, |schema| self.relations.schema_name(schema));
            let place = numbers.get(&table).and_then(|numbers| numbers.binary_search(&number).ok());
            if let (Ok(Typed { kind, arity, default }), Some(place)) = (typed, place) {
                let column = &mut self.catalog.tables[table].columns[place];
                (column.kind, column.arity, column.default) = (kind, arity, default);
            }
        }
    }

    fn index(&mut self, row: Values<'_>) -> Option<()> {
        let (own, of) = (row.oid(0)?, row.oid(1)?);
        let valid = row.is_true(4);
        if !valid {
            self.broken(own, of);
        }
        let Some((table, _)) = self.tables.get(&of) else { return Some(()) };
        let table = *table;
        // An exclusion constraint's index excludes more than equals: it is none of ours.
        let (Some(relation), false) = (self.relations.get(own), row.is_true(5)) else { return Some(()) };
        let (name, method) = (relation.name.clone(), self.methods.get(&relation.method).cloned().unwrap_or_default());
        let numbers: Vec<i16> = numbers(row.text(7)?);
        let keys: usize = row.number(6)?;
        let (options, classes) = (row.text(8)?, row.text(9)?);
        let column = |(place, number): (usize, &i16)| {
            let class: Option<u32> = nth(classes, place);
            let class = class.and_then(|class| self.classes.get(&class));
            Some(IndexColumn {
                name: self.name_of_column(of, *number)?,
                descending: nth(options, place).is_some_and(|option: u16| option & 1 == 1),
                length: None,
                class: class.map(|(name, _)| name.clone()),
                usual: class.is_some_and(|(_, usual)| *usual),
            })
        };
        let index = Index {
            name,
            columns: numbers.iter().take(keys).enumerate().filter_map(column).collect(),
            unique: row.is_true(3),
            method,
            // Its text is asked for.
            predicate: row.text(10).map(|_| String::new()),
            include: numbers.iter().skip(keys).filter_map(|number| self.name_of_column(of, *number)).collect(),
            has_expression: numbers.contains(&0),
            valid,
            origin: None,
        };
        if index.predicate.is_some() {
            self.open.predicates.push(own);
            self.partial.insert(own, (table, self.catalog.tables[table].indexes.len()));
        }
        let table = &mut self.catalog.tables[table];
        if !row.is_true(2) {
            table.indexes.push(index);
            return Some(());
        }
        // A key's index that holds more than the key is an index of its own right.
        if !index.include.is_empty() {
            table.indexes.push(index.clone());
        }
        let columns = index.columns.into_iter().map(|column| column.name).collect();
        table.primary_key = Some(Key { name: index.name, columns, ..Key::default() });
        Some(())
    }

    /// An INVALID index, also of what is not read otherwise: partitions, materialised views, exclusions. That of a partitioned table
    /// is INVALID as long as a partition lacks one.
    fn broken(&mut self, index: u32, table: u32) {
        let Some(of) = self.relations.get(table) else {
            self.open.toast_indexes.push(index);
            return;
        };
        if self.relations.name_in_scope(of.schema).is_some()
            && self.relations.get(index).is_some_and(|own| own.kind == 'i')
            && let (Some(index), Some(table)) = (self.relations.name(index), self.relations.name(table))
        {
            self.catalog.broken.push(BrokenIndex { index, table });
        }
    }

    /// That of a TOAST table, with the table whose long values it keeps.
    fn broken_toast(&mut self, row: Values<'_>) -> Option<()> {
        let table = row.oid(0)?;
        let is_read = |relation: &Relation| self.relations.name_in_scope(relation.schema).is_some();
        if self.relations.get(table).is_some_and(is_read)
            && let Some(table) = self.relations.name(table)
        {
            let index = Name { schema: row.owned(1)?, name: row.owned(2)? };
            self.catalog.broken.push(BrokenIndex { index, table });
        }
        Some(())
    }

    fn predicate(&mut self, row: Values<'_>) -> Option<()> {
        if let Some((table, index)) = self.partial.get(&row.oid(0)?) {
            self.catalog.tables[*table].indexes[*index].predicate = row.owned(1);
        }
        Some(())
    }

    fn constraint(&mut self, row: Values<'_>) -> Option<()> {
        let (own, of) = (row.oid(0)?, row.oid(2)?);
        let kind = row.text(1)?;
        let Some((table, _)) = self.tables.get(&of).filter(|_| matches!(kind, "f" | "c" | "x")) else {
            return Some(());
        };
        // That of a partition comes from its table.
        if row.oid(10)? != 0 {
            return Some(());
        }
        let (table, name) = (*table, row.name(3)?);
        let target = row.oid(6)?;
        let target_name = self.relations.name(target);
        if kind == "f" && target_name.is_none() {
            return Some(());
        }
        let guarantee = Guarantee { valid: row.is_true(4), ..Guarantee::default() };
        let place = match kind {
            "f" => self.catalog.tables[table].foreign_keys.len(),
            _ => self.catalog.tables[table].constraints.len(),
        };
        if !guarantee.valid {
            self.open.unvalidated.push(own);
            self.unvalidated.insert(own, (table, place, kind == "f"));
        }
        let columns: Vec<SmolStr> = row
            .text(5)
            .map(numbers)
            .unwrap_or_default()
            .iter()
            .filter_map(|number| self.name_of_column(of, *number))
            .collect();
        if kind != "f" {
            self.catalog.tables[table].constraints.push(Constraint { name, guarantee, columns });
            return Some(());
        }
        if !self.tables.contains_key(&target) {
            self.open.elsewhere.push(target);
        }
        let key = ForeignKey {
            name,
            columns,
            target: target_name?,
            target_columns: Vec::new(),
            on_delete: action(row.text(8)?)?,
            on_update: action(row.text(9)?)?,
            guarantee,
            origin: None,
        };
        self.targets.push((table, place, target, numbers(row.text(7)?)));
        self.catalog.tables[table].foreign_keys.push(key);
        Some(())
    }

    fn unenforced(&mut self, row: Values<'_>) -> Option<()> {
        if let Some((table, place, is_key)) = self.unvalidated.get(&row.oid(0)?) {
            let table = &mut self.catalog.tables[*table];
            match is_key {
                true => table.foreign_keys[*place].guarantee.enforced = false,
                false => table.constraints[*place].guarantee.enforced = false,
            }
        }
        Some(())
    }

    fn name_of_column(&self, table: u32, number: i16) -> Option<SmolStr> {
        let Some((table, numbers)) = self.tables.get(&table) else {
            return self.elsewhere.get(&(table, number)).cloned();
        };
        let place = numbers.binary_search(&number).ok()?;
        Some(self.catalog.tables[*table].columns[place].name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Action;

    /// Rows as `value|…`, where `~` is NULL, of the parts of a message for the schema public.
    fn read(rows: &[(Part, &str)]) -> (Catalog, Option<String>) {
        let scope = Scope { schemas: &["public".to_owned()], role: None };
        let mut reader = Box::new(PostgresReader::of(&scope).1);
        let mut second = None;
        let asks = |part: &Part| {
            matches!(part, Part::Predicates | Part::Unenforced | Part::Rights | Part::Elsewhere | Part::ToastIndexes)
        };
        for (part, row) in rows {
            if asks(part) && second.is_none() {
                second = reader.next_message();
            }
            assert_eq!(take(&mut reader, *part, row), Some(()), "{row:?}");
        }
        let second = second.or_else(|| reader.next_message());
        (reader.finish(), second)
    }

    /// One row, of a message that has this part alone.
    fn take(reader: &mut PostgresReader, part: Part, row: &str) -> Option<()> {
        reader.begin(vec![part]);
        let line = row.replace('~', "\\N").replace('|', "\t") + "\n";
        let values = row.split('|').map(|value| (value != "~").then_some(value));
        let row = if part.is_copied() { vec![Some(line.as_str())] } else { values.collect() };
        reader.row(0, &row)
    }

    /// Schemas and relations, and the session of their owner.
    const RELATIONS: &[(Part, &str)] = &[
        (Part::Schemas, "11|pg_catalog|10|{=U/postgres}"),
        (Part::Schemas, "2200|public|10|{=U/postgres}"),
        (Part::Schemas, "2300|other|10|~"),
        (Part::Relations, "16401|U|2200|p|2|20|{reader=r/app}|f|f|f|2"),
        (Part::Relations, "16400|T|2200|r|2|20|~|f|f|f|2"),
        (Part::Relations, "16402|_prisma_migrations|2200|r|2|20|~|f|f|f|2"),
        (Part::Relations, "16403|seen|2200|v|0|20|~|f|f|t|2"),
        (Part::Relations, "16404|far|2300|r|2|20|~|f|f|f|2"),
        (Part::Relations, "16410|T_pkey|2200|i|403|20|~|f|f|f|2"),
        (Part::Relations, "16411|T_x|2200|i|3580|20|~|f|f|f|2"),
        (Part::Relations, "16412|T_y|2200|i|403|20|~|f|f|f|2"),
        (Part::Relations, "1259|pg_class|11|r|2|10|~|f|f|f|2"),
        (Part::Session, "20|app|off"),
    ];

    #[test]
    fn rows_become_tables() {
        let rows = [
            (Part::Types, "20500|short|2200|d|S|20501|1043|14|t|~"),
            (Part::Types, "20600|E|2200|e|E|20601|0|-1|f|~"),
            (Part::Types, "20700|F|2300|e|E|20701|0|-1|f|~"),
            (Part::Types, "16499|T|2200|c|C|16498|0|-1|f|~"),
            (Part::Triggers, "16401|7|O|f"),
            (Part::Triggers, "16400|7|D|f"),
            (Part::Triggers, "16400|5|O|t"),
            (Part::Labels, "20600|2|B"),
            (Part::Labels, "20600|1|A"),
            (Part::Classes, "99|int4_bloom_ops|f"),
            (Part::Classes, "5|text_minmax_ops|t"),
            (Part::Methods, "403|btree"),
            (Part::Methods, "3580|brin"),
            (Part::Extensions, "plpgsql|11|1.0"),
            (Part::Columns, "16400|3|tags|1009|-1|f|||'{}'::text[]"),
            (Part::Columns, "16400|1|id|23|-1|t|||nextval('\"T_id_seq\"'::regclass)"),
            (Part::Columns, "16400|4|short|20500|-1|f|||~"),
            (Part::Columns, "16400|5|e|20600|-1|t|||'A'::\"E\""),
            (Part::Columns, "16400|6|twice|23|-1|f||s|(id * 2)"),
            (Part::Columns, "16401|1|t|23|-1|f|a||~"),
            (Part::Columns, "16402|1|id|25|-1|t|||~"),
            (Part::Indexes, "16412|16400|f|f|t|f|2|0 1|0 0|1 1|{EXPR}"),
            (Part::Indexes, "16411|16400|f|f|f|f|2|3 4 1|1 0|99 5|~"),
            (Part::Indexes, "16410|16400|t|t|t|f|1|1|0|1978|~"),
            (Part::Indexes, "16451|16450|t|t|f|f|2|1 2|0 0|1 1|~"),
            (Part::Constraints, "17000|f|16401|U_t_fkey|f|{1}|16400|{1}|c|a|0"),
            (Part::Constraints, "17001|c|16401|U_check|f|{1}|0|~| | |0"),
            (Part::Constraints, "17002|c|99|appeared_meanwhile|t|{1}|0|~| | |0"),
            (Part::Constraints, "17003|f|16401|far_fkey|t|{1}|16404|{2}|a|a|0"),
            (Part::Predicates, "16412|(id > 0)"),
            (Part::Unenforced, "17001"),
            (Part::Rights, "16401|w"),
            (Part::Elsewhere, "16404|2|key"),
            (Part::ToastIndexes, "16400|pg_toast|pg_toast_16400_index_ccnew"),
        ];
        let (catalog, second) = read(&[RELATIONS, &rows].concat());
        let second = second.unwrap();
        for asked in ["'{16412}'", "'{17000,17001}'", "'{16401}'", "'{16404}'", "'{16451}'"] {
            assert!(second.contains(asked), "{asked}: {second}");
        }
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
        assert_eq!((x.method.as_str(), x.include.as_slice()), ("brin", &["id".into()][..]));
        assert_eq!((x.columns[0].descending, x.columns[0].class.as_deref()), (true, Some("int4_bloom_ops")));
        assert_eq!((x.columns[1].class.as_deref(), x.columns[1].usual), (Some("text_minmax_ops"), true));
        assert_eq!((x.columns[1].name.as_str(), x.valid), ("short", false));
        assert!(y.has_expression && !x.has_expression);
        assert_eq!((y.predicate.as_deref(), x.predicate.as_deref()), (Some("(id > 0)"), None));
        let [key, far] = u.foreign_keys.as_slice() else { panic!("{:?}", u.foreign_keys) };
        assert_eq!((key.columns.as_slice(), key.target_columns.as_slice()), (&["t".into()][..], &["id".into()][..]));
        assert_eq!((key.on_delete, key.on_update, key.guarantee.valid), (Action::Cascade, Action::NoAction, false));
        assert_eq!(
            (far.target.to_string().as_str(), far.target_columns.as_slice()),
            ("other.far", &["key".into()][..])
        );
        assert_eq!(u.columns[0].default, Default::Sequence);
        assert_eq!(
            u.constraints,
            [Constraint {
                name: "U_check".into(),
                guarantee: Guarantee { valid: false, enforced: false },
                columns: vec!["t".into()]
            }]
        );
        assert_eq!((t.may_fill, u.may_fill), (false, true));
        assert_eq!((t.access, u.access), (Access::Granted, Access::WriteOnly));
        let views: Vec<String> = catalog.views.iter().map(Name::to_string).collect();
        assert_eq!(
            (catalog.enums.len(), views.as_slice()),
            (1, &["public.seen".to_owned(), "other.far".to_owned()][..])
        );
        assert_eq!(catalog.enums[0].values, ["A", "B"]);
        let broken: Vec<(String, &str)> =
            catalog.broken.iter().map(|broken| (broken.index.to_string(), broken.table.name.as_str())).collect();
        assert_eq!(broken, [("pg_toast.pg_toast_16400_index_ccnew".into(), "T"), ("public.T_x".into(), "T")]);
    }

    #[test]
    fn types_are_asked_for_only_where_there_are_any() {
        let scope = Scope { schemas: &["public".to_owned()], role: None };
        let read = |rows: &[(Part, &str)]| {
            let (sql, mut reader) = PostgresReader::after_pins(&scope, TypesRead::Used);
            assert!(!sql.contains("pg_type"), "{sql}");
            let plain = RELATIONS.iter().filter(|(_, row)| !row.contains("reader"));
            plain.chain(rows).for_each(|(part, row)| assert_eq!(take(&mut reader, *part, row), Some(()), "{row:?}"));
            (reader.next_message(), reader)
        };
        assert_eq!(read(&[(Part::Columns, "16400|1|id|23|-1|t|||~")]).0, None);
        assert!(read(&[(Part::Labels, "20600|1|A")]).0.unwrap().contains("pg_type"), "an enum without a column");
        let (second, mut reader) = read(&[
            (Part::Columns, "16400|1|id|23|-1|t|||~"),
            (Part::Columns, "16400|2|short|20500|-1|f|||~"),
            (Part::Columns, "16400|3|es|20601|-1|f|||'{A}'::\"E\"[]"),
        ]);
        assert!(second.unwrap().contains("COPY pg_catalog.pg_type"));
        for row in ["20500|short|2200|d|S|20501|1043|14|t|'x'::text", "20600|E|2200|e|E|20601|0|-1|f|~"] {
            assert_eq!(take(&mut reader, Part::Types, row), Some(()));
        }
        let catalog = Box::new(reader).finish();
        let columns: Vec<(&Type, Arity, &Default)> =
            catalog.tables[0].columns.iter().map(|column| (&column.kind, column.arity, &column.default)).collect();
        let e = Type::Enum(Name { schema: "public".into(), name: "E".into() });
        assert_eq!(columns[0].0, &Type::Native("int4".into(), Vec::new()));
        assert_eq!(
            columns[1..],
            [
                (&Type::Native("varchar".into(), vec![10]), Arity::Required, &Default::Value("x".into())),
                (&e, Arity::List, &Default::List(vec!["A".into()])),
            ]
        );
        assert_eq!(catalog.enums.len(), 1);
    }

    #[test]
    fn a_second_message_asks_only_for_what_is_open() {
        let plain: Vec<(Part, &str)> = RELATIONS.iter().copied().filter(|(_, row)| !row.contains("reader")).collect();
        assert_eq!(read(&plain).1, None);
        let row = [(Part::Session, "10|postgres|on")];
        assert_eq!(read(&[RELATIONS, &row].concat()).1, None, "a superuser may read everything");
        let row = [(Part::Session, "21|service|off")];
        assert!(read(&[RELATIONS, &row].concat()).1.unwrap().contains("'{16400,16401,16403}'"));
        let row = [(Part::Extensions, "citext|2200|1.6")];
        assert!(read(&[plain.as_slice(), &row].concat()).1.unwrap().contains("pg_depend"));
    }

    #[test]
    fn a_scope_without_a_schema_is_asked_for_too() {
        let (sql, _) = PostgresReader::of(&Scope { schemas: &[], role: None });
        assert!(sql.contains("relnamespace = ANY ((SELECT ARRAY[]::pg_catalog.oid[])::pg_catalog.oid[])"), "{sql}");
    }

    #[test]
    fn a_row_of_no_statement_is_refused() {
        assert_eq!(PostgresReader::default().row(0, &[Some("?")]), None);
    }
}
