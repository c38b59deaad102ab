//! Primary keys and indexes: what they make unique, what they make fast, and whether they are whole.

use std::borrow::Cow;

use smol_str::{SmolStr, format_smolstr};

use crate::catalog::value::simplified;
use crate::catalog::{BrokenIndex, Catalog, Index, IndexColumn, Name, Table};
use crate::differ::column::Columns;
use crate::differ::{Compared, Names, mysql};
use crate::finding::{Difference, DifferenceKind, Remedy, Severity};
use crate::sql::{ObjectKind, ObjectRef};

pub(crate) fn primary_key(
    expected: &Table,
    actual: &Table,
    columns: &Columns<'_>,
    compared: Compared<'_>,
    findings: &mut Vec<Difference>,
) {
    let names = compared.names;
    let finding = |severity, kind| {
        let object = ObjectRef::part_of(&expected.name, ObjectKind::PrimaryKey, "");
        compared.found(severity, kind, object, expected.origin.as_ref())
    };
    let wanted = expected.primary_key.as_ref().and_then(|key| Some((key, translated(&key.columns, columns)?)));
    match (wanted, &actual.primary_key) {
        // The missing column has its own finding; without it there can be no key.
        (None, _) if expected.primary_key.is_some() => {}
        (None, None) => {}
        (None, Some(key)) => {
            findings.push(finding(Severity::Notice, DifferenceKind::Extra).but(bracketed(&key.columns)));
        }
        (Some((_, wanted)), None) => {
            let stands_in = actual.indexes.iter().find(|index| is_unique_over(index, &wanted));
            let text = bracketed(&wanted);
            findings.push(match stands_in {
                // As Prisma made join tables up to version 5.
                Some(index) if expected.is_join => {
                    finding(Severity::Notice, DifferenceKind::Different).between(text, described(index))
                }
                Some(index) => finding(Severity::Warning, DifferenceKind::Different).between(text, described(index)),
                None => finding(Severity::Error, DifferenceKind::Missing).between(text, "no primary key"),
            });
        }
        (Some((key, wanted)), Some(there)) => {
            if *wanted == there.columns && key.parts != there.parts {
                let differs = finding(Severity::Warning, DifferenceKind::Different);
                findings.push(differs.between(key.to_string(), there.to_string()));
            } else if *wanted != there.columns {
                let severity = if are_alike(&wanted, &there.columns) { Severity::Warning } else { Severity::Error };
                let differs = finding(severity, DifferenceKind::Different);
                findings.push(differs.between(bracketed(&wanted), bracketed(&there.columns)));
            } else if are_named_apart(&key.name, &there.name, names) {
                findings.push(finding(Severity::Notice, DifferenceKind::Renamed).between(&key.name, &there.name));
            }
        }
    }
}

pub(crate) fn indexes(
    expected: &Table,
    actual: &Table,
    columns: &Columns<'_>,
    compared: Compared<'_>,
    findings: &mut Vec<Difference>,
) {
    let names = compared.names;
    let mut search = IndexSearch { expected, actual, compared, claimed: vec![false; actual.indexes.len()] };
    for index in &expected.indexes {
        let Some(wanted) = in_their_words(index, columns) else { continue };
        findings.extend(search.one(&wanted));
    }
    // The form that join tables had up to Prisma 5 is reported with the primary key.
    let key = expected.primary_key.as_ref().filter(|_| actual.primary_key.is_none());
    let key = key.and_then(|key| translated(&key.columns, columns));
    let has_own = names.0.rules().declares_by_column;
    let is_of_key = |index: &Index| has_own && mysql::is_of_foreign_key(index, actual);
    for (other, claimed) in actual.indexes.iter().zip(search.claimed) {
        let object = || object_of(expected, other);
        if !other.valid {
            let wanted = expected.indexes.iter().find(|index| names.are_same(&index.name, &other.name));
            if wanted.is_some_and(|wanted| !wanted.valid) {
                // A part of a partitioned table's index is lacking, as it was when the desired was read.
                continue;
            }
            let origin = wanted.and_then(|index| index.origin.as_ref());
            let finding = compared.found(Severity::Warning, DifferenceKind::Invalid, object(), origin);
            findings.push(invalid(finding, &expected.name, &other.name, names));
        } else if !claimed
            // Prisma sees no expressions, and no predicates either but with a preview feature.
            && !other.has_expression
            && other.predicate.is_none()
            && !is_of_key(other)
            && !key.as_ref().is_some_and(|key| is_unique_over(other, key))
        {
            findings
                .push(compared.found(Severity::Notice, DifferenceKind::Extra, object(), None).but(described(other)));
        }
    }
}

/// The search for the counterparts of the expected indexes of one table.
struct IndexSearch<'a> {
    expected: &'a Table,
    actual: &'a Table,
    compared: Compared<'a>,
    /// Which of the actual indexes stand for an expected one.
    claimed: Vec<bool>,
}

impl<'a> IndexSearch<'a> {
    fn found(&self, wanted: &Index, severity: Severity, kind: DifferenceKind) -> Difference {
        self.compared.found(severity, kind, object_of(self.expected, wanted), wanted.origin.as_ref())
    }

    fn differs(&self, wanted: &Index, severity: Severity, there: impl AsRef<str>) -> Difference {
        self.found(wanted, severity, DifferenceKind::Different).between(described(wanted), there)
    }

    /// Claims the first actual index that `is_it` accepts.
    fn claim(&mut self, is_it: impl Fn(&Index) -> bool) -> Option<&'a Index> {
        let place = self.actual.indexes.iter().position(is_it)?;
        self.claimed[place] = true;
        Some(&self.actual.indexes[place])
    }

    /// The differences of one expected index, whose columns have the names of the database.
    fn one(&mut self, wanted: &Index) -> Vec<Difference> {
        let names = self.compared.names;
        if wanted.has_expression {
            // Nothing is known of an expression, so the name has to do.
            let is_it = |other: &Index| other.has_expression && names.are_same(&wanted.name, &other.name);
            let severity = if wanted.unique { Severity::Error } else { Severity::Warning };
            let is_there = self.actual.indexes.iter().any(is_it);
            let missing = (!is_there).then(|| self.found(wanted, severity, DifferenceKind::Missing));
            return missing.into_iter().collect();
        }
        // The best of those that are the same: of the same name, without a predicate that nothing asked for.
        let distance = |other: &Index| {
            (other.predicate.is_some() != wanted.predicate.is_some(), !names.are_same(&other.name, &wanted.name))
        };
        let (mut best, mut count): (Option<&Index>, usize) = (None, 0);
        for (other, claimed) in self.actual.indexes.iter().zip(&mut self.claimed) {
            if is_same(wanted, other) {
                (*claimed, count) = (true, count + 1);
                best = best.filter(|best| distance(best) <= distance(other)).or(Some(other));
            }
        }
        let Some(best) = best else { return vec![self.stand_in(wanted)] };
        let mut findings = Vec::new();
        if best.predicate.is_some() && wanted.predicate.is_none() {
            findings.push(self.differs(wanted, Severity::Notice, described(best)));
        }
        let has_parameters = |(wanted, there): (&IndexColumn, &IndexColumn)| {
            wanted.class != there.class && wanted.class.as_ref().is_some_and(|class| class.contains('('))
        };
        if wanted.columns.iter().zip(&best.columns).any(has_parameters) {
            let found = self.found(wanted, Severity::Notice, DifferenceKind::Uncompared);
            findings.push(found.between(described(wanted), "parameters of operator classes, which are not read"));
        }
        // Of several that are alike any will do.
        if count == 1 && are_named_apart(&wanted.name, &best.name, names) {
            let renamed = self.found(wanted, Severity::Notice, DifferenceKind::Renamed);
            findings.push(renamed.between(&wanted.name, &best.name));
        }
        findings
    }

    /// No index is the same: one that does as much, or what comes nearest, or nothing.
    fn stand_in(&mut self, wanted: &Index) -> Difference {
        let (names, keys) = (self.compared.names, keys(wanted));
        let includes_more = |other: &Index| {
            wanted.include.iter().all(|name| other.include.contains(name))
                && is_same(&Index { include: other.include.clone(), ..wanted.clone() }, other)
        };
        if let Some(other) = self.claim(includes_more) {
            return self.differs(wanted, Severity::Notice, described(other));
        }
        if wanted.unique && wanted.predicate.is_none() {
            if self.actual.primary_key.as_ref().is_some_and(|key| are_alike(&keys, &key.columns)) {
                return self.differs(wanted, Severity::Notice, "the primary key");
            }
            if let Some(other) = self.claim(|other| is_unique_over(other, &keys)) {
                let severity = if self::keys(other) == keys { Severity::Notice } else { Severity::Warning };
                return self.differs(wanted, severity, described(other));
            }
        }
        let is_namesake = |other: &Index| names.are_same(&other.name, &wanted.name) && !other.has_expression;
        let is_alike = |other: &Index| !wanted.unique && !other.has_expression && self::keys(other) == keys;
        let other = self.claim(is_namesake).or_else(|| self.claim(is_alike));
        let severity = match (wanted.unique, other) {
            // The same with a promise on top.
            (false, Some(other)) if other.unique && is_same(&Index { unique: true, ..wanted.clone() }, other) => {
                Severity::Notice
            }
            // Its rows are still unique, though not the same rows.
            (true, Some(other)) if other.unique && self::keys(other) == keys && wanted.predicate.is_some() => {
                Severity::Warning
            }
            (true, _) => Severity::Error,
            (false, _) => Severity::Warning,
        };
        match other {
            Some(other) => self.differs(wanted, severity, described(other)),
            None => self.found(wanted, severity, DifferenceKind::Missing),
        }
    }
}

/// What an invalid index says of itself, and how it is repaired.
pub(crate) fn invalid(finding: Difference, table: &Name, index: &str, names: Names) -> Difference {
    let name = format!("{}.{}", names.0.identifier(&table.schema), names.0.identifier(index));
    let finding = finding.but("an index whose build was interrupted, or is under way: no query uses it");
    let verb = if BrokenIndex::is_leftover(index) { "DROP" } else { "REINDEX" };
    finding.remedied(Remedy::Sql(format!("{verb} INDEX CONCURRENTLY {name}")))
}

/// INVALID indexes that no source names, and that the comparison of the tables has not met.
pub(crate) fn broken(expected: &Catalog, actual: &Catalog, compared: Compared<'_>, findings: &mut Vec<Difference>) {
    let names = compared.names;
    for BrokenIndex { index, table } in &actual.broken {
        let is_met = |finding: &Difference| {
            let object = &finding.object;
            finding.kind == DifferenceKind::Invalid
                && object.schema.as_deref() == Some(index.schema.as_str())
                && names.are_same(&object.name, &index.name)
        };
        let is_known = |other: &Index| !other.valid && names.are_same(&other.name, &index.name);
        let mut same = expected.tables.iter().filter(|expected| names.are_one(&expected.name, table));
        if findings.iter().any(is_met) || same.any(|table| table.indexes.iter().any(is_known)) {
            continue;
        }
        let place = Name { schema: index.schema.clone(), name: table.name.clone() };
        let object = ObjectRef::part_of(&place, ObjectKind::Index, index.name.as_str());
        let finding = compared.found(Severity::Warning, DifferenceKind::Invalid, object, None);
        findings.push(invalid(finding, &place, &index.name, names));
    }
}

/// As Prisma compares: included columns are columns, and without a predicate any will do.
fn is_same(wanted: &Index, other: &Index) -> bool {
    let method = method(wanted);
    let classes = wanted.columns.iter().zip(&other.columns);
    let count = |index: &Index| index.columns.len() + index.include.len();
    !other.has_expression
        && wanted.unique == other.unique
        && count(wanted) == count(other)
        && method == self::method(other)
        && seen(wanted).eq(seen(other))
        && classes.into_iter().all(|(one, other)| is_same_class(one, other, method))
        && is_same_predicate(wanted, other)
}

/// The columns with their directions and the lengths of their prefixes, included ones last.
fn seen(index: &Index) -> impl Iterator<Item = (&str, bool, Option<u32>)> {
    let keys = index.columns.iter().map(|column| (column.name.as_str(), column.descending, column.length));
    keys.chain(index.include.iter().map(|name| (name.as_str(), false, None)))
}

fn is_same_predicate(wanted: &Index, other: &Index) -> bool {
    match (&wanted.predicate, &other.predicate) {
        (None, _) => true,
        (Some(one), Some(other)) => simplified(one) == simplified(other),
        (Some(_), None) => false,
    }
}

/// Without a class it is the default one. Prisma asks no B-tree and no hash for its class unless one is named.
fn is_same_class(wanted: &IndexColumn, other: &IndexColumn, method: &str) -> bool {
    let name = |column: &IndexColumn| column.class.as_deref().and_then(class_name);
    match name(wanted) {
        None => other.usual || matches!(method, "btree" | "hash") || name(other).is_none(),
        Some(wanted) => name(other).is_none_or(|other| wanted == other),
    }
}

/// The class in `"public"."gist_trgm_ops"(siglen = 32)`, as `raw("…")` of a Prisma schema has it; `None` for an empty text.
/// The catalog is not asked for the parameters.
fn class_name(class: &str) -> Option<String> {
    let name = class.split('(').next().unwrap_or_default().trim();
    let name = name.rsplit('.').next().unwrap_or_default().trim();
    let name = match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.to_owned(),
        None => name.to_lowercase(),
    };
    (!name.is_empty()).then_some(name)
}

/// Whether it makes these columns unique in every row, in whichever order.
fn is_unique_over(index: &Index, columns: &[SmolStr]) -> bool {
    index.unique
        && index.valid
        && index.predicate.is_none()
        && !index.has_expression
        && are_alike(&keys(index), columns)
}

fn are_alike(one: &[SmolStr], other: &[SmolStr]) -> bool {
    one.len() == other.len() && one.iter().all(|name| other.contains(name))
}

fn are_named_apart(wanted: &str, other: &str, names: Names) -> bool {
    !wanted.is_empty() && !other.is_empty() && !names.are_same(wanted, other)
}

/// The method as Prisma sees it: what it does not know, such as pgvector's hnsw, it takes for a B-tree.
fn method(index: &Index) -> &str {
    match index.method.as_str() {
        known @ ("hash" | "gin" | "gist" | "spgist" | "brin" | "fulltext" | "spatial") => known,
        _ => "btree",
    }
}

fn keys(index: &Index) -> Vec<SmolStr> {
    index.columns.iter().map(|column| column.name.clone()).collect()
}

/// The index with the columns as the database calls them; `None` where one is missing.
fn in_their_words<'a>(index: &'a Index, columns: &Columns<'_>) -> Option<Cow<'a, Index>> {
    let mut names = index.columns.iter().map(|column| &column.name).chain(&index.include);
    if names.try_fold(true, |same, name| Some(same && columns.get(name)? == name))? {
        return Some(Cow::Borrowed(index));
    }
    let mut index = index.clone();
    for name in index.columns.iter_mut().map(|column| &mut column.name).chain(&mut index.include) {
        *name = columns.get(name)?.into();
    }
    Some(Cow::Owned(index))
}

/// Names of columns as the database calls them; `None` where one is missing.
pub(crate) fn translated<'a>(names: &'a [SmolStr], columns: &Columns<'_>) -> Option<Cow<'a, [SmolStr]>> {
    if names.iter().try_fold(true, |same, name| Some(same && columns.get(name)? == name))? {
        return Some(Cow::Borrowed(names));
    }
    names.iter().map(|name| columns.get(name).map(SmolStr::from)).collect()
}

fn object_of(table: &Table, index: &Index) -> ObjectRef {
    ObjectRef::index(&table.name, &index.name, index.unique)
}

pub(crate) fn bracketed(columns: &[SmolStr]) -> String {
    format!("({})", columns.join(", "))
}

/// An index without its name: `unique (a, b DESC) WHERE c`.
pub(crate) fn described(index: &Index) -> String {
    let column = |column: &IndexColumn| {
        let class = column.class.as_ref().filter(|_| !column.usual).map_or(String::new(), |class| format!(" {class}"));
        let length = column.length.map_or(String::new(), |length| format!("({length})"));
        format_smolstr!("{}{length}{class}{}", column.name, if column.descending { " DESC" } else { "" })
    };
    let columns: Vec<SmolStr> = index.columns.iter().map(column).collect();
    let mut text = if index.unique { "unique ".to_owned() } else { String::new() };
    if !matches!(index.method.as_str(), "" | "btree") {
        text = text + &index.method + " ";
    }
    text += &bracketed(&columns);
    if !index.include.is_empty() {
        text = text + " INCLUDE " + &bracketed(&index.include);
    }
    match &index.predicate {
        Some(predicate) => format!("{text} WHERE {predicate}"),
        None => text,
    }
}
