//! Folds the rows of the catalog's statements into a catalog.

use std::collections::HashSet;

use crate::catalog::history_tables::hidden_names;
use crate::catalog::{
    Access, Action, Arity, BrokenIndex, Catalog, Column, Constraint, Default, Extension, ForeignKey, Guarantee, Index,
    IndexColumn, Key, Name, Table, value,
};
use crate::engines::engine::{CatalogReader, Scope};
use crate::engines::postgres::introspect::oids::{OidMap, OidSet};
use crate::engines::postgres::introspect::owner::{Owned, Role};
use crate::engines::postgres::introspect::relations::{Relation, Relations};
use crate::engines::postgres::introspect::texts::{self, Open, Part};
use crate::engines::postgres::introspect::types::{Resolved, Types};
use crate::engines::postgres::introspect::{access, copy_text};
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
    /// The types of columns so far, by oid and modifier.
    resolved: OidMap<(u32, i32), Resolved>,
    /// Operator classes by name, and whether they are the default of their type.
    classes: OidMap<u32, (String, bool)>,
    methods: OidMap<u32, String>,
    /// Tables with a trigger that may fill a column.
    filled: OidSet,
    defaults: OidMap<(u32, i16), String>,
    /// Whether `tables` has all relations of the scope.
    is_placed: bool,
    /// Where each table stands in the catalog, and its columns' numbers in their order. Views stand among the tables until
    /// the end.
    tables: OidMap<u32, (usize, Vec<i16>)>,
    views: HashSet<usize>,
    /// Columns of tables elsewhere.
    elsewhere: OidMap<(u32, i16), String>,
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
        let (sql, parts) = texts::pinned_message(texts::first(scope));
        (sql, Self::new(scope, parts))
    }

    /// The same, for a message in which the settings come before.
    pub(crate) fn after_pins(scope: &Scope<'_>) -> (String, Self) {
        let (sql, parts) = texts::message(texts::first(scope));
        (sql, Self::new(scope, parts))
    }

    fn new(scope: &Scope<'_>, parts: Vec<Part>) -> Self {
        let reads_servers_own =
            scope.schemas.iter().any(|name| name == "information_schema" || name.starts_with("pg_"));
        let (scope, of_role) = (scope.schemas.iter().cloned().collect(), scope.role.is_some());
        Self { parts, scope, reads_servers_own, of_role, ..Self::default() }
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
        let statements = texts::second(&std::mem::take(&mut self.open));
        if statements.is_empty() {
            return None;
        }
        let (sql, parts) = texts::pinned_message(statements);
        self.parts = parts;
        Some(sql)
    }

    fn finish(mut self: Box<Self>) -> Catalog {
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
                self.role = Role { oid: row.number(0)?, name: row.owned(1)?, is_superuser: row.text(2)? == "on" };
            }
            Part::Schemas => self.relations.schema(row, &self.scope)?,
            Part::Relations => self.relations.relation(row)?,
            Part::Types => self.types.described(row)?,
            Part::Labels => self.types.label(row)?,
            Part::Classes => {
                self.classes.insert(row.number(0)?, (row.owned(1)?, row.is_true(2)));
            }
            Part::Methods => {
                self.methods.insert(row.number(0)?, row.owned(1)?);
            }
            Part::Extensions => self.extension(row)?,
            Part::Triggers => self.trigger(row)?,
            Part::Rights => self.right(row)?,
            Part::Defaults => {
                self.defaults.insert((row.number(0)?, row.number(1)?), row.owned(2).unwrap_or_default());
            }
            // Rows of tables that came into being between two of the statements are passed over.
            Part::Columns => self.column(row)?,
            Part::Indexes => self.index(row)?,
            Part::Constraints => self.constraint(row)?,
            Part::Predicates => self.predicate(row)?,
            Part::Unenforced => self.unenforced(row)?,
            Part::Rules => self.mark(row, |table| table.may_fill = true)?,
            Part::Members => self.mark(row, |table| table.of_extension = true)?,
            Part::Elsewhere => {
                self.elsewhere.insert((row.number(0)?, row.number(1)?), row.owned(2)?);
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
        self.catalog.enums = self.types.enums(|oid| self.relations.name_in_scope(oid));
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
        if !self.of_role && !self.is_certainly_readable(relation) {
            self.open.rights.push(oid);
        }
        if !relation.is_view() && relation.has_rules {
            self.open.rules.push(oid);
        }
        self.tables.insert(oid, (self.catalog.tables.len(), Vec::new()));
        self.catalog.tables.push(Table { name, may_fill: self.filled.contains(&oid), ..Table::default() });
    }

    fn is_certainly_readable(&self, relation: &Relation) -> bool {
        let owned = Owned { owner: relation.owner, rights: relation.rights.as_deref() };
        let may_use = self.relations.schema_rights(relation.schema).is_some_and(|schema| self.role.may_use(schema));
        may_use && self.role.may_read(owned) && (self.role.is_superuser || !relation.forces_row_security)
    }

    fn extension(&mut self, row: Values<'_>) -> Option<()> {
        let name = row.owned(0)?;
        // It has no tables.
        self.open.members |= name != "plpgsql";
        let schema = self.relations.schema_name(row.number(1)?).map(str::to_owned);
        self.catalog.extensions.push(Extension { name, schema, version: row.owned(2) });
        Some(())
    }

    /// What may fill a column that has no default: a trigger FOR EACH ROW (1) BEFORE (2) INSERT (4) that is not disabled, and is
    /// not that of a constraint.
    fn trigger(&mut self, row: Values<'_>) -> Option<()> {
        let kind: i16 = row.number(1)?;
        if kind & 7 == 7 && row.text(2)? != "D" && !row.is_true(3) {
            self.filled.insert(row.number(0)?);
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
        if let Some((table, _)) = self.tables.get(&row.number(0)?) {
            note(&mut self.catalog.tables[*table]);
        }
        Some(())
    }

    fn column(&mut self, row: Values<'_>) -> Option<()> {
        let oid = row.number(0)?;
        if row.is_true(8) || !self.tables.contains_key(&oid) {
            return Some(());
        }
        let (number, type_oid): (i16, u32) = (row.number(1)?, row.number(3)?);
        let modifier = row.number(4).filter(|modifier| *modifier != -1);
        // Most columns have one of a few types.
        let key = (type_oid, modifier.unwrap_or(-1));
        let Resolved { kind, is_list, is_required } = match self.resolved.get(&key) {
            Some(known) => known.clone(),
            None => {
                let resolved = self.types.resolve(type_oid, modifier, |schema| self.relations.schema_name(schema));
                self.resolved.insert(key, resolved.clone());
                resolved
            }
        };
        let text = self.defaults.remove(&(oid, number));
        let default = match (row.text(6), row.text(7), text) {
            (Some(identity), _, _) if !identity.is_empty() => Default::Sequence,
            (_, Some(generated), text) if !generated.is_empty() => Default::Expression(text.unwrap_or_default()),
            (_, _, Some(text)) => value::read(&text, &kind, is_list),
            _ => match self.types.domain_default(type_oid) {
                Some(text) => value::read(text, &kind, is_list),
                None => Default::None,
            },
        };
        let arity = match (is_list, row.is_true(5) || is_required) {
            (true, _) => Arity::List,
            (false, true) => Arity::Required,
            (false, false) => Arity::Optional,
        };
        let column = Column { name: row.owned(2)?, field: None, kind, arity, default, origin: None };
        let (table, numbers) = self.tables.get_mut(&oid)?;
        let place = numbers.partition_point(|other| *other < number);
        numbers.insert(place, number);
        self.catalog.tables[*table].columns.insert(place, column);
        Some(())
    }

    fn index(&mut self, row: Values<'_>) -> Option<()> {
        let (own, of): (u32, u32) = (row.number(0)?, row.number(1)?);
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
        let options: Vec<u16> = row.text(8)?.split_whitespace().filter_map(|option| option.parse().ok()).collect();
        let classes: Vec<u32> = row.text(9)?.split_whitespace().filter_map(|class| class.parse().ok()).collect();
        let column = |(place, number): (usize, &i16)| {
            let class = classes.get(place).and_then(|class| self.classes.get(class));
            Some(IndexColumn {
                name: self.name_of_column(of, *number)?,
                descending: options.get(place).is_some_and(|option| option & 1 == 1),
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
        if row.is_true(2) {
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

    /// An INVALID index, also of what is not read otherwise: partitions, materialised views, TOAST tables, exclusions. That of a
    /// partitioned table is INVALID as long as a partition lacks one.
    fn broken(&mut self, index: u32, of: u32) {
        let table = self.relations.behind_toast(of);
        if let (Some(own), Some(of)) = (self.relations.get(index), self.relations.get(table))
            && own.kind == 'i'
            && self.relations.name_in_scope(of.schema).is_some()
            && let (Some(index), Some(table)) = (self.relations.name(index), self.relations.name(table))
        {
            self.catalog.broken.push(BrokenIndex { index, table });
        }
    }

    fn predicate(&mut self, row: Values<'_>) -> Option<()> {
        if let Some((table, index)) = self.partial.get(&row.number(0)?) {
            self.catalog.tables[*table].indexes[*index].predicate = row.owned(1);
        }
        Some(())
    }

    fn constraint(&mut self, row: Values<'_>) -> Option<()> {
        let (own, of): (u32, u32) = (row.number(0)?, row.number(2)?);
        let kind = row.text(1)?;
        let Some((table, _)) = self.tables.get(&of).filter(|_| matches!(kind, "f" | "c" | "x")) else {
            return Some(());
        };
        // That of a partition comes from its table.
        if row.number::<u32>(10)? != 0 {
            return Some(());
        }
        let (table, name) = (*table, row.owned(3)?);
        let target: u32 = row.number(6)?;
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
        let columns: Vec<String> = row
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
        if let Some((table, place, is_key)) = self.unvalidated.get(&row.number(0)?) {
            let table = &mut self.catalog.tables[*table];
            match is_key {
                true => table.foreign_keys[*place].guarantee.enforced = false,
                false => table.constraints[*place].guarantee.enforced = false,
            }
        }
        Some(())
    }

    fn name_of_column(&self, table: u32, number: i16) -> Option<String> {
        let Some((table, numbers)) = self.tables.get(&table) else {
            return self.elsewhere.get(&(table, number)).cloned();
        };
        let place = numbers.binary_search(&number).ok()?;
        Some(self.catalog.tables[*table].columns[place].name.clone())
    }
}

/// Whether the oid that the line begins with is lower. Compared as text, because most lines are passed over so.
fn is_below(line: &str, first: &str) -> bool {
    let oid = line.as_bytes().iter().position(|byte| !byte.is_ascii_digit()).map_or(line, |end| &line[..end]);
    (oid.len(), oid) < (first.len(), first)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Type;

    /// Rows as `value|…`, where `~` is NULL, of the parts of a message for the schema public.
    fn read(rows: &[(Part, &str)]) -> (Catalog, Option<String>) {
        let scope = Scope { schemas: &["public".to_owned()], role: None };
        let mut reader = Box::new(PostgresReader::of(&scope).1);
        let mut second = None;
        let asks = |part: &Part| matches!(part, Part::Predicates | Part::Unenforced | Part::Rights | Part::Elsewhere);
        for (part, row) in rows {
            if asks(part) && second.is_none() {
                second = reader.next_message();
            }
            reader.parts = vec![*part];
            let line = row.replace('~', "\\N").replace('|', "\t") + "\n";
            let values = row.split('|').map(|value| (value != "~").then_some(value));
            let row = if part.is_copied() { vec![Some(line.as_str())] } else { values.collect() };
            assert_eq!(reader.row(0, &row), Some(()), "{row:?}");
        }
        let second = second.or_else(|| reader.next_message());
        (reader.finish(), second)
    }

    /// Schemas and relations, and the session of their owner.
    const RELATIONS: &[(Part, &str)] = &[
        (Part::Schemas, "11|pg_catalog|10|{=U/postgres}"),
        (Part::Schemas, "2200|public|10|{=U/postgres}"),
        (Part::Schemas, "2300|other|10|~"),
        (Part::Relations, "16401|U|2200|p|2|20|{reader=r/app}|f|f|f|f|0"),
        (Part::Relations, "16400|T|2200|r|2|20|~|f|f|f|f|16450"),
        (Part::Relations, "16402|_prisma_migrations|2200|r|2|20|~|f|f|f|f|0"),
        (Part::Relations, "16403|seen|2200|v|0|20|~|f|f|f|t|0"),
        (Part::Relations, "16404|far|2300|r|2|20|~|f|f|f|f|0"),
        (Part::Relations, "16410|T_pkey|2200|i|403|20|~|f|f|f|f|0"),
        (Part::Relations, "16411|T_x|2200|i|3580|20|~|f|f|f|f|0"),
        (Part::Relations, "16412|T_y|2200|i|403|20|~|f|f|f|f|0"),
        (Part::Relations, "1259|pg_class|11|r|2|10|~|f|f|f|f|0"),
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
            (Part::Defaults, "16400|1|nextval('\"T_id_seq\"'::regclass)"),
            (Part::Defaults, "16400|3|'{}'::text[]"),
            (Part::Defaults, "16400|5|'A'::\"E\""),
            (Part::Defaults, "16400|6|(id * 2)"),
            (Part::Columns, "16400|3|tags|1009|-1|f|||f"),
            (Part::Columns, "16400|1|id|23|-1|t|||f"),
            (Part::Columns, "16400|2|gone|0|-1|f|||t"),
            (Part::Columns, "16400|4|short|20500|-1|f|||f"),
            (Part::Columns, "16400|5|e|20600|-1|t|||f"),
            (Part::Columns, "16400|6|twice|23|-1|f||s|f"),
            (Part::Columns, "16401|1|t|23|-1|f|a||f"),
            (Part::Columns, "16402|1|id|25|-1|t|||f"),
            (Part::Indexes, "16412|16400|f|f|t|f|2|0 1|0 0|1 1|{EXPR}"),
            (Part::Indexes, "16411|16400|f|f|f|f|2|3 4 1|1 0|99 5|~"),
            (Part::Indexes, "16410|16400|t|t|t|f|1|1|0|1978|~"),
            (Part::Constraints, "17000|f|16401|U_t_fkey|f|{1}|16400|{1}|c|a|0"),
            (Part::Constraints, "17001|c|16401|U_check|f|{1}|0|~| | |0"),
            (Part::Constraints, "17002|c|99|appeared_meanwhile|t|{1}|0|~| | |0"),
            (Part::Constraints, "17003|f|16401|far_fkey|t|{1}|16404|{2}|a|a|0"),
            (Part::Predicates, "16412|(id > 0)"),
            (Part::Unenforced, "17001"),
            (Part::Rights, "16401|w"),
            (Part::Elsewhere, "16404|2|key"),
        ];
        let (catalog, second) = read(&[RELATIONS, &rows].concat());
        let second = second.unwrap();
        for asked in ["'{16412}'", "'{17000,17001}'", "'{16401}'", "'{16404}'"] {
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
        assert_eq!((x.method.as_str(), x.include.as_slice()), ("brin", &["id".to_owned()][..]));
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
                columns: Vec::new()
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
        let [broken] = catalog.broken.as_slice() else { panic!("{:?}", catalog.broken) };
        assert_eq!((broken.index.name.as_str(), broken.table.name.as_str()), ("T_x", "T"));
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
    fn the_servers_own_begin_with_low_numbers() {
        let of = |line: &str| is_below(line, "16384");
        assert!(of("9\tx") && of("16383\tx") && !of("16384\tx") && !of("20000\t") && !of("100000\tx"));
    }

    #[test]
    fn a_row_of_no_statement_is_refused() {
        assert_eq!(PostgresReader::default().row(0, &[Some("?")]), None);
    }
}
