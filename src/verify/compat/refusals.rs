//! What rows have to satisfy: promises that are gone, on which ON CONFLICT counts, and new ones, which refuse rows that were
//! accepted.

use std::borrow::Cow;

use smol_str::SmolStr;

use crate::catalog::value::{function, simplified};
use crate::catalog::{Action, Arity, Catalog, Constraint, Default, ForeignKey, Index, Table};
use crate::differ::{self, Names, bracketed, described_key};
use crate::finding::effect::Effect;
use crate::finding::{Difference, DifferenceKind, Severity, Source};
use crate::sql::{Dialect, ObjectKind, ObjectRef};
use crate::verify::compat::Affected;

/// Functions whose values are never the same twice.
const DISTINCT: &[&str] =
    &["nextval", "gen_random_uuid", "uuid_generate_v4", "uuid_generate_v7", "uuidv4", "uuidv7", "uuid"];

/// All of it.
pub(crate) fn refusals(old: &Catalog, new: &Catalog, dialect: Dialect) -> Vec<Affected> {
    let names = Names(dialect);
    let mut found = Vec::new();
    for table in &new.tables {
        let before = old.tables.iter().find(|before| names.are_one(&before.name, &table.name));
        if let Some(old) = before {
            let change = TableChange { old, new: table, names };
            change.unique(&mut found);
            change.checks(&mut found);
        }
        foreign_keys((before, table), old, names, &mut found);
    }
    found
}

/// A table before and after.
struct TableChange<'a> {
    old: &'a Table,
    new: &'a Table,
    names: Names,
}

impl TableChange<'_> {
    fn unique(&self, found: &mut Vec<Affected>) {
        let (before, after) = (uniques(self.old), uniques(self.new));
        for index in &before {
            let is_whole = index.columns.iter().all(|column| has(self.new, &column.name, self.names));
            if is_whole && !after.iter().any(|other| self.serves(other, index)) {
                found.push((self.difference(DifferenceKind::Missing, index), Effect::UniqueGone));
            }
        }
        for index in &after {
            let is_old = before.iter().any(|other| self.implies(other, index));
            let is_free = index.columns.iter().any(|column| self.never_collides(&column.name));
            if !is_old && !is_free {
                found.push((self.difference(DifferenceKind::Extra, index), Effect::Refuses));
            }
        }
    }

    fn difference(&self, kind: DifferenceKind, index: &Index) -> Difference {
        let key = [self.old, self.new].into_iter().filter_map(|table| table.primary_key.as_ref());
        let is_key = key.into_iter().any(|key| key.name == index.name && key.columns.len() == index.columns.len());
        let object = match is_key {
            true => ObjectRef::part_of(&self.new.name, ObjectKind::PrimaryKey, ""),
            false => ObjectRef::index(&self.new.name, &index.name, true),
        };
        let difference = Difference::new(Severity::Error, kind, object, Source::Nobody);
        match kind {
            DifferenceKind::Missing => Difference { expected: Some(differ::described(index)), ..difference },
            _ => difference.but(differ::described(index)),
        }
    }

    /// Whether ON CONFLICT finds the `other` index where it found this one.
    fn serves(&self, other: &Index, index: &Index) -> bool {
        self.has_columns_of(other, index)
            && self.has_columns_of(index, other)
            && self.is_same_expression(other, index)
            && (other.predicate.is_none() || is_same_predicate(other, index))
    }

    /// Whether rows that satisfy the `old` index satisfy this one, too.
    fn implies(&self, old: &Index, index: &Index) -> bool {
        self.has_columns_of(index, old)
            && self.is_same_expression(old, index)
            && (old.predicate.is_none() || is_same_predicate(old, index))
    }

    /// Whether the one has all columns of the other.
    fn has_columns_of(&self, one: &Index, other: &Index) -> bool {
        let is_in = |name: &str| one.columns.iter().any(|column| self.names.are_same(&column.name, name));
        other.columns.iter().all(|column| is_in(&column.name))
    }

    /// Nothing is known of an expression, so the name has to do.
    fn is_same_expression(&self, one: &Index, other: &Index) -> bool {
        one.has_expression == other.has_expression
            && (!one.has_expression || self.names.are_same(&one.name, &other.name))
    }

    /// Whether rows that do not name this column never have the same value in it: it is new, and NULL or numbered.
    fn never_collides(&self, column: &str) -> bool {
        let is_it = |other: &&crate::catalog::Column| self.names.are_same(&other.name, column);
        let Some(new) = self.new.columns.iter().find(is_it) else { return false };
        if has(self.old, column, self.names) {
            return false;
        }
        match &new.default {
            Default::None => new.arity == Arity::Optional,
            Default::Sequence => true,
            Default::Expression(text) => function(text).is_some_and(|name| DISTINCT.contains(&name.as_str())),
            _ => false,
        }
    }

    fn checks(&self, found: &mut Vec<Affected>) {
        for Constraint { name, guarantee, columns } in &self.new.constraints {
            let is_known = self.old.constraints.iter().any(|old| self.names.are_same(&old.name, name));
            let is_of_new = !columns.is_empty() && !columns.iter().any(|column| has(self.old, column, self.names));
            if !is_known && guarantee.enforced && !is_of_new {
                let object = ObjectRef::part_of(&self.new.name, ObjectKind::Constraint, name.as_str());
                let difference = Difference::new(Severity::Warning, DifferenceKind::Extra, object, Source::Nobody);
                let of = (!columns.is_empty()).then(|| format!("of {}", bracketed(columns)));
                found.push((Difference { actual: of, ..difference }, Effect::Refuses));
            }
        }
    }
}

/// New foreign keys: of columns that were there, and those that keep rows of old tables from being deleted.
fn foreign_keys((before, table): (Option<&Table>, &Table), old: &Catalog, names: Names, found: &mut Vec<Affected>) {
    let is_same = |one: &ForeignKey, other: &ForeignKey| {
        let pairs = |key: &ForeignKey| {
            let mut pairs: Vec<(String, String)> = key
                .columns
                .iter()
                .map(|name| names.key(name))
                .zip(key.target_columns.iter().map(|name| names.key(name)))
                .collect();
            pairs.sort();
            pairs
        };
        names.are_one(&one.target, &other.target) && pairs(one) == pairs(other)
    };
    for key in &table.foreign_keys {
        if before.is_some_and(|before| before.foreign_keys.iter().any(|other| is_same(key, other))) {
            continue;
        }
        let is_null = |name: &SmolStr| {
            let column = table.columns.iter().find(|column| names.are_same(&column.name, name));
            let is_new = before.is_none_or(|before| !has(before, name, names));
            is_new && column.is_some_and(|column| column.default == Default::None && column.arity == Arity::Optional)
        };
        let effect = if before.is_some() && !key.columns.iter().any(is_null) {
            Effect::Refuses
        } else if matches!(key.on_delete, Action::NoAction | Action::Restrict)
            && old.tables.iter().any(|old| names.are_one(&old.name, &key.target))
        {
            Effect::NewReference
        } else {
            continue;
        };
        let object = ObjectRef::foreign_key(&table.name, &key.columns);
        let difference = Difference::new(Severity::Warning, DifferenceKind::Extra, object, Source::Nobody);
        found.push((difference.but(described_key(key)), effect));
    }
}

/// What makes rows unique.
fn uniques(table: &Table) -> Vec<Cow<'_, Index>> {
    table.every_index().filter(|index| index.unique && index.valid).collect()
}

fn has(table: &Table, column: &str, names: Names) -> bool {
    table.columns.iter().any(|other| names.are_same(&other.name, column))
}

fn is_same_predicate(one: &Index, other: &Index) -> bool {
    match (&one.predicate, &other.predicate) {
        (Some(one), Some(other)) => simplified(one) == simplified(other),
        (one, other) => one.is_none() && other.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Column, IndexColumn, Key, Name, Type};

    fn column(name: &str, arity: Arity, default: Default) -> Column {
        let kind = Type::Native("int4".into(), Vec::new());
        Column { name: name.into(), field: None, kind, arity, default, origin: None }
    }

    fn index(name: &str, columns: &[&str]) -> Index {
        let columns = columns.iter().map(|name| IndexColumn { name: (*name).into(), ..IndexColumn::default() });
        Index { name: name.into(), columns: columns.collect(), unique: true, valid: true, ..Index::default() }
    }

    /// `t (id, a, b)` with a primary key and a unique index over `a`.
    fn table() -> Table {
        let columns = ["id", "a", "b"].map(|name| column(name, Arity::Optional, Default::None));
        Table {
            name: Name { schema: "public".to_owned(), name: "t".to_owned() },
            columns: columns.to_vec(),
            primary_key: Some(Key { name: "t_pkey".into(), columns: vec!["id".into()], ..Key::default() }),
            indexes: vec![index("t_a", &["a"])],
            ..Table::default()
        }
    }

    /// What is found between the table and what `change` makes of it: effect and object.
    fn after(change: impl FnOnce(&mut Table)) -> Vec<String> {
        let mut new = table();
        change(&mut new);
        let catalog = |table: Table| Catalog { tables: vec![table], ..Catalog::default() };
        let found = refusals(&catalog(table()), &catalog(new), Dialect::Postgres);
        found.iter().map(|(difference, effect)| format!("{effect:?} {}", difference.object)).collect()
    }

    fn with(arity: Arity, default: Default, columns: &[&str]) -> Vec<String> {
        after(|table| {
            table.columns.push(column("new", arity, default));
            table.indexes.push(index("t_new", columns));
        })
    }

    #[test]
    fn promises_that_are_gone_and_new_ones() {
        let refuses = ["Refuses unique public.t_new"];
        let nothing = [""; 0];
        assert_eq!(after(|_| {}), nothing);
        assert_eq!(after(|table| table.indexes.clear()), ["UniqueGone unique public.t_a"]);
        assert_eq!(after(|table| table.indexes[0].name = "other".into()), nothing);
        assert_eq!(after(|table| table.indexes[0].unique = false), ["UniqueGone unique public.t_a"]);
        assert_eq!(after(|table| table.primary_key = None), ["UniqueGone primary_key public.t"]);
        // ON CONFLICT (a) does not find an index of some rows only.
        let partial = |table: &mut Table| table.indexes[0].predicate = Some("b > 0".to_owned());
        assert_eq!(after(partial), ["UniqueGone unique public.t_a"]);
        assert_eq!(after(|table| table.indexes.push(index("t_new", &["b"]))), refuses);
        // Rows that are unique over a are unique over more.
        assert_eq!(after(|table| table.indexes.push(index("t_new", &["b", "a"]))), nothing);
        // The missing column has its own finding.
        assert_eq!(after(|table| drop(table.columns.remove(1))), nothing);
    }

    #[test]
    fn over_a_new_column_rows_of_the_old_release_collide_only_where_it_has_one_value() {
        let uuid = || Default::Expression("gen_random_uuid()".to_owned());
        for (arity, default, is_refused) in [
            (Arity::Optional, Default::None, false),
            (Arity::Required, Default::Sequence, false),
            (Arity::Required, uuid(), false),
            (Arity::Required, Default::Value("0".to_owned()), true),
            (Arity::Required, Default::Now, true),
            (Arity::Required, Default::Expression("lower('A')".to_owned()), true),
        ] {
            assert_eq!(with(arity, default.clone(), &["new"]).len(), usize::from(is_refused), "{default:?}");
            assert_eq!(with(arity, default.clone(), &["b", "new"]).len(), usize::from(is_refused), "{default:?}");
        }
    }

    #[test]
    fn a_check_of_new_columns_alone_refuses_nothing() {
        let check = |columns: &[&str], enforced| {
            let columns = columns.iter().map(|name| (*name).into()).collect();
            let guarantee = crate::catalog::Guarantee { valid: true, enforced };
            after(|table| table.constraints.push(Constraint { name: "c".into(), guarantee, columns }))
        };
        assert_eq!(check(&["a"], true), ["Refuses constraint public.t.c"]);
        assert_eq!(check(&["a", "new"], true), ["Refuses constraint public.t.c"]);
        // Of which columns is not known.
        assert_eq!(check(&[], true), ["Refuses constraint public.t.c"]);
        assert_eq!(check(&["new"], true), [""; 0]);
        assert_eq!(check(&["a"], false), [""; 0]);
    }
}
