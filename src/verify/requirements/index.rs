//! Required indexes and constraints. An index is found by its name, or by what it has to do:
//!
//! - `table (a, b desc)`: any index whose first columns are these in this order and these directions, or in all of
//!   them the other way round, since it can be read backwards. More columns may follow; partial ones and expressions
//!   do not count.
//! - `unique table (a, b)`: what makes exactly these columns unique in every row, in whichever order: a unique index,
//!   a unique constraint or the primary key.

use crate::config::requirement_form::{ConstraintForm, IndexForm};
use crate::verify::requirements::Look;
use std::borrow::Cow;

use crate::catalog::{Guarantee, Index, Name, Origin, Table};
use crate::differ;
use crate::finding::remedy::{NameFix, RequirementFix};
use crate::finding::{Difference, DifferenceKind, Remedy, Severity};
use crate::sql::{ObjectKind, ObjectRef};

impl Look<'_> {
    pub(crate) fn index(&self, form: &IndexForm, origin: &Origin) -> Option<Difference> {
        match form {
            IndexForm::Named(name) => self.named(&self.name(name), origin),
            IndexForm::On { table, columns, unique } => self.on(&self.name(table), columns, *unique, origin),
        }
    }

    /// The index of this name, or the key, with its table.
    pub(crate) fn index_named(&self, name: &Name) -> Option<(&Table, Cow<'_, Index>)> {
        differ::index_named(self.catalog, Some(&name.schema), &name.name, self.names)
    }

    fn named(&self, name: &Name, origin: &Origin) -> Option<Difference> {
        let error = |kind, object| Difference::at(Severity::Error, kind, object, origin);
        if let Some((table, index)) = self.index_named(name) {
            let finding = || error(DifferenceKind::Invalid, ObjectRef::index(&table.name, &index.name, index.unique));
            return (!index.valid).then(|| differ::invalid(finding(), &table.name, &index.name, self.names));
        }
        let nowhere = Name { schema: name.schema.clone(), name: String::new() };
        let object = ObjectRef::index(&nowhere, &name.name, false);
        let similar = self.catalog.tables.iter().find_map(|table| {
            let index = table.index(|other| differ::folded(other) == differ::folded(&name.name))?;
            Some(format!("index {}.{} on {}", table.name.schema, index.name, table.name.name))
        });
        Some(match similar {
            Some(similar) => error(DifferenceKind::Renamed, object).but(similar).remedied(Remedy::Name(NameFix::Index)),
            None => error(DifferenceKind::Missing, object),
        })
    }

    fn on(&self, name: &Name, columns: &[(String, bool)], unique: bool, origin: &Origin) -> Option<Difference> {
        let written =
            |(name, descending): &(String, bool)| if *descending { format!("{name} DESC") } else { name.clone() };
        let columns_text = columns.iter().map(written).collect::<Vec<_>>().join(", ");
        let object = ObjectRef::index(name, &format!("{} ({columns_text})", name.name), unique);
        let Some(table) = self.table(name) else { return Some(self.without_table(object, name, origin)) };
        let alike: Vec<Cow<'_, Index>> =
            table.every_index().filter(|index| self.does(index, columns, unique)).collect();
        if alike.iter().any(|index| index.valid) {
            return None;
        }
        let error = |kind| Difference::at(Severity::Error, kind, object.clone(), origin);
        if let Some(broken) = alike.first() {
            return Some(differ::invalid(error(DifferenceKind::Invalid), &table.name, &broken.name, self.names));
        }
        let lacking = columns
            .iter()
            .find(|(name, _)| !table.columns.iter().any(|column| self.names.are_same(&column.name, name)));
        if let Some((column, _)) = lacking {
            return Some(error(DifferenceKind::Missing).but(format!("no column {column} in {}", table.name)));
        }
        // What was probably meant to be it: an index over the same columns, or one that begins with the first.
        let over = |index: &Cow<'_, Index>| {
            columns.iter().filter(|(name, _)| index.columns.iter().any(|column| column.name == *name)).count()
        };
        let begins = |index: &Cow<'_, Index>| index.columns.first().is_some_and(|first| first.name == columns[0].0);
        let nearest = table
            .every_index()
            .filter(|index| over(index) == columns.len() || begins(index))
            .max_by_key(|index| (over(index), begins(index)));
        let sql = format!(
            "CREATE {}INDEX ON {} ({columns})",
            if unique { "UNIQUE " } else { "" },
            self.names.sql(&table.name),
            columns = columns
                .iter()
                .map(|(name, descending)| self.names.0.identifier(name) + if *descending { " DESC" } else { "" })
                .collect::<Vec<_>>()
                .join(", ")
        );
        let remedy = Remedy::Requirement(RequirementFix::Create(sql));
        Some(match nearest {
            Some(other) => error(DifferenceKind::Different)
                .between(format!("({columns_text})"), format!("{} {}", other.name, differ::described(&other)))
                .remedied(remedy),
            None => error(DifferenceKind::Missing).remedied(remedy),
        })
    }

    /// Whether an index does what is asked for, broken or not.
    fn does(&self, index: &Index, columns: &[(String, bool)], unique: bool) -> bool {
        if unique {
            let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
            let is_among = |column: &str| names.iter().any(|name| self.names.are_same(name, column));
            return index.unique
                && index.predicate.is_none()
                && !index.has_expression
                && index.columns.len() == names.len()
                && index.columns.iter().all(|column| is_among(&column.name));
        }
        let pairs = || index.columns.iter().zip(columns);
        let mirrored = pairs().next().is_some_and(|(one, (_, descending))| one.descending != *descending);
        index.predicate.is_none()
            && !index.has_expression
            && index.columns.len() >= columns.len()
            && pairs().all(|(one, (name, descending))| {
                self.names.are_same(&one.name, name) && (one.descending != *descending) == mirrored
            })
    }

    pub(crate) fn constraint(&self, form: &ConstraintForm, origin: &Origin) -> Option<Difference> {
        let table = form.table.as_ref().map(|name| self.name(name));
        if let Some((table, name, guarantee)) = self.constraint_named(table.as_ref(), &form.name) {
            let object = ObjectRef::part_of(&table.name, ObjectKind::Constraint, name);
            let finding = Difference::at(Severity::Warning, DifferenceKind::Invalid, object, origin);
            return differ::without_guarantee(finding, guarantee, table, name, self.names);
        }
        let nowhere = Name { schema: self.home.to_owned(), name: String::new() };
        let object = ObjectRef::part_of(&table.clone().unwrap_or(nowhere), ObjectKind::Constraint, &form.name);
        if let Some(table) = table.filter(|table| self.table(table).is_none()) {
            return Some(self.without_table(object, &table, origin));
        }
        let similar = self.catalog.tables.iter().find_map(|table| {
            let name = constraints(table)
                .map(|(name, _)| name)
                .find(|name| differ::folded(name) == differ::folded(&form.name))?;
            Some(format!("constraint {}.{name}", table.name))
        });
        let error = |kind| Difference::at(Severity::Error, kind, object.clone(), origin);
        Some(match similar {
            Some(similar) => error(DifferenceKind::Renamed).but(similar).remedied(Remedy::Name(NameFix::Constraint)),
            None => error(DifferenceKind::Missing),
        })
    }

    /// The constraint, with its table, and what the server guarantees of it.
    pub(crate) fn constraint_named(&self, of: Option<&Name>, name: &str) -> Option<(&Table, &str, Guarantee)> {
        let is_meant = |table: &&Table| match of {
            Some(of) => self.names.are_one(&table.name, of),
            None => self.names.are_same(&table.name.schema, self.home),
        };
        self.catalog.tables.iter().filter(is_meant).find_map(|table| {
            let (name, guarantee) = constraints(table).find(|(other, _)| self.names.are_same(other, name))?;
            Some((table, name, guarantee))
        })
    }
}

/// Every constraint of a table by name, and what the server guarantees of it. A unique index counts as one, since it does
/// the same.
fn constraints(table: &Table) -> impl Iterator<Item = (&str, Guarantee)> {
    let full = |name| (name, Guarantee::default());
    let key = table.primary_key.iter().map(move |key| full(key.name.as_str()));
    let unique = table.indexes.iter().filter(|index| index.unique && index.valid);
    let unique = unique.map(move |index| full(index.name.as_str()));
    let foreign = table.foreign_keys.iter().map(|key| (key.name.as_str(), key.guarantee));
    let others = table.constraints.iter().map(|constraint| (constraint.name.as_str(), constraint.guarantee));
    key.chain(unique).chain(foreign).chain(others).filter(|(name, _)| !name.is_empty())
}
