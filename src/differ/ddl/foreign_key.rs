//! Foreign keys, which come last: each needs what it leads to, made unique, and of the same types.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use crate::catalog::{Column, Default, ForeignKey, Table};
use crate::differ::ddl::DdlStep;
use crate::differ::ddl::planner::Plan;
use crate::differ::{self, NameKey};
use crate::finding::{Detail, Difference};
use crate::sql::{Dialect, ObjectKind, ObjectRef};

impl<'a> Plan<'a> {
    /// The foreign keys of one finding; all that they may point to is planned by now.
    pub(crate) fn keys_to_others(&mut self, finding: &'a Difference) {
        let object = &finding.object;
        let Some(table) = object.in_table().and_then(|table| self.expected.get(&self.names.key_of(&table)).copied())
        else {
            return;
        };
        let key = self.names.key_of(&table.name);
        let lacking = self.lacking.get(&key).map_or(&[][..], Vec::as_slice);
        let wanted: Vec<&ForeignKey> = match object.kind {
            ObjectKind::Table if self.tables.contains(&key) && self.ddl.dialect != Dialect::Sqlite => {
                table.foreign_keys.iter().collect()
            }
            // Under the first of its columns that is missing.
            ObjectKind::Column => {
                let is_first = |key: &&ForeignKey| {
                    key.columns
                        .iter()
                        .find(|column| lacking.contains(&column.as_str()))
                        .is_some_and(|column| *column == object.name)
                };
                table.foreign_keys.iter().filter(is_first).collect()
            }
            // Two keys may have the same columns: the finding tells which of them it is about.
            ObjectKind::ForeignKey => {
                let Detail::ForeignKey { expected, .. } = &finding.detail else { return };
                table.foreign_keys.iter().filter(|key| **key == **expected).collect()
            }
            _ => return,
        };
        for key in wanted {
            self.foreign_key(object, table, key);
        }
    }

    fn foreign_key(&mut self, object: &ObjectRef, table: &'a Table, key: &'a ForeignKey) {
        let Some(columns) = self.in_their_words(table, &key.columns) else { return };
        let (of, target) = (self.ddl.name(&table.name), self.ddl.name(&key.target));
        let text = format!("({}) of {of} to {target} ({})", columns.join(", "), key.target_columns.join(", "));
        let note = if self.ddl.dialect == Dialect::Sqlite {
            let is_it = |column: &&Column| column.name == object.name && inline(table, column) == Some(key);
            let is_inline = object.kind == ObjectKind::Column && table.columns.iter().any(|column| is_it(&column));
            if is_inline {
                return;
            }
            Some(format!(
                "The foreign key {text} cannot be added:\nmake the table anew with it, copy its rows, drop the old one."
            ))
        } else if self.has_constraint(table, &key.name) {
            Some(format!("{} waits: something else has that name.", self.ddl.quoted(&key.name)))
        } else {
            self.is_out_of_reach(table, key).map(|why| format!("The foreign key {text} waits: {why}."))
        };
        if let Some(note) = note {
            return self.wait(DdlStep::AddForeignKey, object, note);
        }
        let key = ForeignKey { columns, ..key.clone() };
        let sql = format!("ALTER TABLE {of} ADD {};", self.ddl.foreign_key(table, &key));
        self.run(DdlStep::AddForeignKey, object, sql);
    }

    /// Whether a constraint of the table has this name already.
    fn has_constraint(&self, table: &Table, name: &str) -> bool {
        self.there.get(&self.names.key_of(&table.name)).is_some_and(|there| {
            let keys = there.foreign_keys.iter().map(|key| &key.name);
            let mut names = keys.chain(there.constraints.iter().map(|constraint| &constraint.name));
            names.any(|other| self.names.key(other) == self.names.key(name))
        })
    }

    /// Why a foreign key cannot lead to where it is to lead, once all else is created.
    fn is_out_of_reach(&self, table: &Table, key: &ForeignKey) -> Option<&'static str> {
        let target = self.names.key_of(&key.target);
        if !self.schemas.contains(key.target.schema.as_str()) {
            // That schema was not read.
            return None;
        }
        let there = self.there.get(&target);
        if there.is_none() && !self.tables.contains(&target) {
            return Some("there is no such table");
        }
        let of = |table: &'a Table, name: &str| {
            table.columns.iter().find(|column| self.names.key(&column.name) == self.names.key(name))
        };
        let kind = |table: NameKey, name: &str| {
            let actual = self.there.get(&table).and_then(|there| of(there, name));
            let made = self.columns.contains(&(table.clone(), self.names.key(name)));
            let made = self.expected.get(&table).filter(|_| made).and_then(|table| of(table, name));
            actual.or(made).map(|column| &column.kind)
        };
        let from = self.in_their_words(table, &key.columns).unwrap_or_default();
        for (one, other) in from.iter().zip(&key.target_columns) {
            match (kind(self.names.key_of(&table.name), one), kind(target.clone(), other)) {
                (_, None) => return Some("there is no such column"),
                (Some(one), Some(other)) if !differ::is_comparable(one, other, self.ddl.dialect) => {
                    return Some("the types differ");
                }
                _ => {}
            }
        }
        let wanted: BTreeSet<String> = key.target_columns.iter().map(|name| self.names.key(name)).collect();
        let is_it = |columns: &mut dyn Iterator<Item = &SmolStr>| {
            columns.map(|name| self.names.key(name)).collect::<BTreeSet<_>>() == wanted
        };
        let is_unique = there.is_some_and(|there| {
            there.primary_key.as_ref().is_some_and(|key| is_it(&mut key.columns.iter()))
                || there.indexes.iter().any(|index| {
                    let is_whole = index.unique && index.valid && index.predicate.is_none() && !index.has_expression;
                    is_whole && is_it(&mut index.columns.iter().map(|column| &column.name))
                })
        });
        (!is_unique && !self.unique.contains(&(target, wanted.clone()))).then_some("what it leads to is not unique")
    }
}

/// The foreign key that SQLite takes together with a new column: of it alone, and without a default.
pub(crate) fn inline<'a>(table: &'a Table, column: &Column) -> Option<&'a ForeignKey> {
    let is_it = |key: &&ForeignKey| key.columns == [column.name.as_str()] && column.default == Default::None;
    table.foreign_keys.iter().find(is_it)
}
