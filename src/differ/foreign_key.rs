//! Foreign keys: where they lead, what they do, and whether the server has checked the rows from before.

use smol_str::SmolStr;

use crate::catalog::{ForeignKey, Table};
use crate::differ::column::Columns;
use crate::differ::index::{bracketed, translated};
use crate::differ::{Compared, Names, mysql, without_guarantee};
use crate::finding::{Detail, Difference, DifferenceKind, Severity};
use crate::sql::ObjectRef;

/// Compares the foreign keys of one table: those that lead where they should, then those that are missing or lead
/// elsewhere, then those that no source expects.
pub(crate) fn foreign_keys(
    expected: &Table,
    actual: &Table,
    columns: &Columns<'_>,
    compared: Compared<'_>,
    findings: &mut Vec<Difference>,
) {
    let mut search = ForeignKeySearch { expected, actual, compared, claimed: vec![false; actual.foreign_keys.len()] };
    let mut absent = Vec::new();
    for key in &expected.foreign_keys {
        let Some(from) = translated(&key.columns, columns) else { continue };
        match search.best(key, &from) {
            Some(best) => findings.extend(search.compared(key, &from, best)),
            None => absent.push((key, from)),
        }
    }
    // Only now is it known which keys of the same columns are left over.
    for (key, from) in absent {
        findings.push(search.absent(key, &from));
    }
    for (other, _) in actual.foreign_keys.iter().zip(&search.claimed).filter(|(_, claimed)| !**claimed) {
        let object = ObjectRef::foreign_key(&expected.name, &other.columns);
        let extra = compared.found(Severity::Notice, DifferenceKind::Extra, object, None);
        findings.push(extra.but(described(other)));
    }
}

/// The search for the counterparts of the expected foreign keys of one table.
struct ForeignKeySearch<'a> {
    expected: &'a Table,
    actual: &'a Table,
    compared: Compared<'a>,
    /// Which of the actual keys stand for an expected one.
    claimed: Vec<bool>,
}

impl<'a> ForeignKeySearch<'a> {
    fn found(&self, key: &ForeignKey, severity: Severity, kind: DifferenceKind) -> Difference {
        let object = ObjectRef::foreign_key(&self.expected.name, &key.columns);
        self.compared.found(severity, kind, object, key.origin.as_ref())
    }

    /// The best of the keys that lead where this one should: with the same actions, validated, of the same name.
    fn best(&mut self, key: &ForeignKey, from: &[SmolStr]) -> Option<&'a ForeignKey> {
        let (names, keys) = (self.compared.names, &self.actual.foreign_keys);
        let alike: Vec<usize> = (0..keys.len()).filter(|place| is_alike(key, from, &keys[*place], names)).collect();
        alike.iter().for_each(|place| self.claimed[*place] = true);
        let others = alike.into_iter().map(|place| &keys[place]);
        let distance = |other: &&ForeignKey| {
            (!has_same_actions(key, other), !other.guarantee.valid, are_named_apart(key, other, names))
        };
        others.min_by_key(distance)
    }

    /// In what the key that leads to the same columns differs.
    fn compared(&self, key: &ForeignKey, from: &[SmolStr], best: &ForeignKey) -> Vec<Difference> {
        let (names, expected) = (self.compared.names, self.expected);
        let mut findings = Vec::new();
        if !has_same_actions(key, best) {
            let severity = match names.0.rules().declares_by_column && mysql::act_alike(key, best) {
                true => Severity::Notice,
                false => Severity::Warning,
            };
            findings.push(differs(self.found(key, severity, DifferenceKind::Different), key, best));
        }
        // Prisma's engine for MySQL compares the columns in their order.
        if names.0.rules().declares_by_column && from != best.columns {
            findings.push(differs(self.found(key, Severity::Notice, DifferenceKind::Different), key, best));
        }
        if key.guarantee.valid && !best.guarantee.valid {
            let severity = self.compared.severity_of_lost(best.guarantee);
            let invalid = self.found(key, severity, DifferenceKind::Invalid);
            findings.extend(without_guarantee(invalid, best.guarantee, self.actual, &best.name, names));
        }
        // Prisma does not rename the keys of join tables.
        let is_join =
            expected.is_join || matches!(expected.columns.as_slice(), [a, b] if a.name == "A" && b.name == "B");
        if are_named_apart(key, best, names) && !is_join {
            let renamed = self.found(key, Severity::Notice, DifferenceKind::Renamed);
            findings.push(renamed.between(&key.name, &best.name));
        }
        findings
    }

    /// No key leads where this one should; one from the same columns may lead elsewhere.
    fn absent(&mut self, key: &ForeignKey, from: &[SmolStr]) -> Difference {
        let names = self.compared.names;
        let keys = self.actual.foreign_keys.iter().zip(&self.claimed);
        let mut places = keys.map(|(other, claimed)| !claimed && sorted(from, names) == sorted(&other.columns, names));
        match places.position(|is_from_these| is_from_these) {
            Some(place) => {
                self.claimed[place] = true;
                let found = self.found(key, Severity::Warning, DifferenceKind::Different);
                differs(found, key, &self.actual.foreign_keys[place])
            }
            None => {
                let detail = Detail::ForeignKey { expected: Box::new(key.clone()), actual: None };
                let missing = self.found(key, Severity::Warning, DifferenceKind::Missing);
                missing.between(described(key), "no such key").with(detail)
            }
        }
    }
}

fn are_named_apart(key: &ForeignKey, other: &ForeignKey, names: Names) -> bool {
    !key.name.is_empty() && !other.name.is_empty() && !names.are_same(&key.name, &other.name)
}

/// With both keys as data: what leads elsewhere has another remedy than what only acts otherwise.
fn differs(finding: Difference, expected: &ForeignKey, actual: &ForeignKey) -> Difference {
    let (one, other) = (Box::new(expected.clone()), Some(Box::new(actual.clone())));
    finding.between(described(expected), described(actual)).with(Detail::ForeignKey { expected: one, actual: other })
}

/// The same columns, to the same columns of the same table; in any order of the pairs.
fn is_alike(wanted: &ForeignKey, from: &[SmolStr], other: &ForeignKey, names: Names) -> bool {
    let pairs = |from: &[SmolStr], to: &[SmolStr]| {
        let mut pairs: Vec<(String, String)> =
            from.iter().map(|name| names.key(name)).zip(to.iter().map(|name| names.key(name))).collect();
        pairs.sort();
        pairs
    };
    let is_identical = || from == other.columns && wanted.target_columns == other.target_columns;
    names.are_one(&wanted.target, &other.target)
        && (is_identical() || pairs(from, &wanted.target_columns) == pairs(&other.columns, &other.target_columns))
}

fn sorted(columns: &[SmolStr], names: Names) -> Vec<String> {
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
