//! Foreign keys: where they lead, what they do, and whether the server has checked the rows from before.

use crate::catalog::{ForeignKey, Table};
use crate::differ::column::Columns;
use crate::differ::index::{bracketed, translated};
use crate::differ::{Compared, Names, unchecked};
use crate::finding::{Detail, Difference, DifferenceKind, Severity};
use crate::sql::ObjectRef;

pub(crate) fn foreign_keys(
    expected: &Table,
    actual: &Table,
    columns: &Columns,
    compared: Compared<'_>,
    findings: &mut Vec<Difference>,
) {
    let names = compared.names;
    let object_of = |key: &ForeignKey| ObjectRef::foreign_key(&expected.name, &key.columns);
    let mut claimed = vec![false; actual.foreign_keys.len()];
    let mut absent = Vec::new();
    let is_join = expected.is_join || matches!(expected.columns.as_slice(), [a, b] if a.name == "A" && b.name == "B");
    for key in &expected.foreign_keys {
        let Some(from) = translated(&key.columns, columns) else { continue };
        let finding = |severity, kind| compared.found(severity, kind, object_of(key), key.origin.as_ref());
        let alike: Vec<usize> = (0..actual.foreign_keys.len())
            .filter(|place| is_alike(key, &from, &actual.foreign_keys[*place], names))
            .collect();
        alike.iter().for_each(|place| claimed[*place] = true);
        // The best of them: with the same actions, checked, of the same name.
        let apart = |other: &ForeignKey| {
            !key.name.is_empty() && !other.name.is_empty() && !names.are_same(&key.name, &other.name)
        };
        let others = alike.into_iter().map(|place| &actual.foreign_keys[place]);
        let best = others.min_by_key(|other| (!has_same_actions(key, other), !other.valid, apart(other)));
        let Some(best) = best else {
            absent.push((key, from));
            continue;
        };
        if !has_same_actions(key, best) {
            findings
                .push(finding(Severity::Warning, DifferenceKind::Different).between(described(key), described(best)));
        }
        if key.valid && !best.valid {
            let invalid = finding(Severity::Warning, DifferenceKind::Invalid);
            findings.push(unchecked(invalid, actual, &best.name, names));
        }
        // Prisma leaves the names in join tables alone.
        if apart(best) && !is_join {
            findings.push(finding(Severity::Notice, DifferenceKind::Renamed).between(&key.name, &best.name));
        }
    }
    for (key, from) in absent {
        let is_of_these = |place: &usize| {
            let same = |one: &[String], other: &[String]| sorted(one, names) == sorted(other, names);
            !claimed[*place] && same(&from, &actual.foreign_keys[*place].columns)
        };
        // One from the same columns leads elsewhere.
        let elsewhere = (0..actual.foreign_keys.len()).find(is_of_these);
        let finding = |kind| compared.found(Severity::Warning, kind, object_of(key), key.origin.as_ref());
        findings.push(match elsewhere {
            Some(place) => {
                claimed[place] = true;
                differs(finding(DifferenceKind::Different), key, &actual.foreign_keys[place])
            }
            None => {
                let detail = Detail::ForeignKey { expected: Box::new(key.clone()), actual: None };
                finding(DifferenceKind::Missing).between(described(key), "no such key").with(detail)
            }
        });
    }
    for (other, claimed) in actual.foreign_keys.iter().zip(claimed) {
        if !claimed {
            findings.push(
                compared.found(Severity::Notice, DifferenceKind::Extra, object_of(other), None).but(described(other)),
            );
        }
    }
}

/// With both keys as data: what leads elsewhere has another remedy than what only acts otherwise.
fn differs(finding: Difference, expected: &ForeignKey, actual: &ForeignKey) -> Difference {
    let (one, other) = (Box::new(expected.clone()), Some(Box::new(actual.clone())));
    finding.between(described(expected), described(actual)).with(Detail::ForeignKey { expected: one, actual: other })
}

/// The same columns, to the same columns of the same table; in any order of the pairs.
fn is_alike(wanted: &ForeignKey, from: &[String], other: &ForeignKey, names: Names) -> bool {
    let pairs = |from: &[String], to: &[String]| {
        let mut pairs: Vec<(String, String)> =
            from.iter().map(|name| names.key(name)).zip(to.iter().map(|name| names.key(name))).collect();
        pairs.sort();
        pairs
    };
    names.key_of(&wanted.target) == names.key_of(&other.target)
        && pairs(from, &wanted.target_columns) == pairs(&other.columns, &other.target_columns)
}

fn sorted(columns: &[String], names: Names) -> Vec<String> {
    let mut columns: Vec<String> = columns.iter().map(|name| names.key(name)).collect();
    columns.sort();
    columns
}

fn has_same_actions(one: &ForeignKey, other: &ForeignKey) -> bool {
    (one.on_delete, one.on_update) == (other.on_delete, other.on_update)
}

/// What a finding says of a foreign key.
pub(crate) fn described(key: &ForeignKey) -> String {
    format!(
        "{} REFERENCES {} {} ON DELETE {} ON UPDATE {}",
        bracketed(&key.columns),
        key.target,
        bracketed(&key.target_columns),
        key.on_delete,
        key.on_update
    )
}
