//! Compares indexes with foreign keys and with each other. Pure.

use crate::engines::advice_facts::{IndexFacts, KeyFacts};

/// The foreign keys that no index serves, so that each delete in the other table reads all of this one: an index serves if its first
/// columns are those of the key, in any order, and it covers every row.
pub(crate) fn keys_without_index<'a>(keys: &'a [KeyFacts], indexes: &[IndexFacts]) -> Vec<&'a KeyFacts> {
    let serves = |key: &KeyFacts, index: &IndexFacts| {
        let first = index.columns.get(..key.columns.len()).unwrap_or_default();
        let is_ordered = index.method == "btree" || (index.method == "hash" && key.columns.len() == 1);
        index.table == key.table
            && index.is_valid
            && index.predicate.is_none()
            && is_ordered
            && !first.is_empty()
            && key.columns.iter().all(|column| first.contains(column))
    };
    keys.iter().filter(|key| !indexes.iter().any(|index| serves(key, index))).collect()
}

/// An index that another one can replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Duplicate<'a> {
    /// The one to drop.
    pub(crate) index: &'a IndexFacts,
    /// The one that serves its queries.
    pub(crate) by: &'a IndexFacts,
    /// Both are the same, apart from their names; else the other one begins alike.
    pub(crate) is_exact: bool,
}

/// The indexes that another one can replace: of the same table, method and predicate, with the same columns, or with the same first
/// ones. One that a constraint needs is never among them, and a unique one only where the other is unique by the same columns.
pub(crate) fn duplicates(indexes: &[IndexFacts]) -> Vec<Duplicate<'_>> {
    let mut found = Vec::new();
    for (place, index) in indexes.iter().enumerate() {
        if index.is_needed || !index.is_valid {
            continue;
        }
        let by = indexes.iter().enumerate().find_map(|(other, by)| {
            let relation = relation(index, by)?;
            // Of two that are the same, the one that is worth less goes.
            let goes = match relation {
                Relation::Same => worth(index, place) < worth(by, other),
                Relation::Begins => true,
            };
            (place != other && goes).then_some((by, relation == Relation::Same))
        });
        found.extend(by.map(|(by, is_exact)| Duplicate { index, by, is_exact }));
    }
    found
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Same,
    Begins,
}

/// How `other` stands to the index, if its queries can use the other one as well.
fn relation(index: &IndexFacts, other: &IndexFacts) -> Option<Relation> {
    let is_alike = index.table == other.table
        && index.method == other.method
        && index.predicate == other.predicate
        && other.is_valid
        && index.include.iter().all(|column| other.include.contains(column));
    if !is_alike {
        return None;
    }
    let is_same = index.parts == other.parts && (index.include.len() == other.include.len());
    let begins = index.parts.len() <= other.parts.len() && other.parts.starts_with(&index.parts);
    match (is_same, begins) {
        (true, _) if !index.is_unique || other.is_unique => Some(Relation::Same),
        (false, true) if !index.is_unique && index.method == "btree" => Some(Relation::Begins),
        _ => None,
    }
}

/// What makes one of two equal indexes the one to keep: a constraint, uniqueness, its scans, then its place.
fn worth(index: &IndexFacts, place: usize) -> (bool, bool, u64, std::cmp::Reverse<usize>) {
    (index.is_needed, index.is_unique, index.scans.unwrap_or(0), std::cmp::Reverse(place))
}

/// The indexes that were never scanned since the statistics count, and that are there for queries only.
pub(crate) fn unused(indexes: &[IndexFacts]) -> Vec<&IndexFacts> {
    let is_unused = |index: &&IndexFacts| {
        index.scans == Some(0) && index.last_scan.is_none() && !index.is_needed && !index.is_unique && index.is_valid
    };
    indexes.iter().filter(is_unused).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Name;

    fn table() -> Name {
        Name { schema: "public".to_owned(), name: "orders".to_owned() }
    }

    /// `name(a,b)`, with `!` for unique, `+` for one that a constraint needs, `?` for a partial one.
    fn index(text: &str) -> IndexFacts {
        let (name, columns) = text.split_once('(').unwrap();
        let columns: Vec<String> = columns.trim_end_matches(')').split(',').map(str::to_owned).collect();
        IndexFacts {
            table: table(),
            name: name.trim_end_matches(['!', '+', '?']).to_owned(),
            parts: columns.clone(),
            columns,
            method: "btree".to_owned(),
            is_unique: name.contains('!'),
            is_needed: name.contains('+'),
            predicate: name.contains('?').then(|| "(total > 0)".to_owned()),
            is_valid: true,
            scans: Some(0),
            ..IndexFacts::default()
        }
    }

    fn indexes(texts: &[&str]) -> Vec<IndexFacts> {
        texts.iter().map(|text| index(text)).collect()
    }

    #[test]
    fn a_foreign_key_is_served_by_its_columns_in_any_order_at_the_beginning() {
        let key = |columns: &[&str]| KeyFacts {
            table: table(),
            name: "k".to_owned(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            target: table(),
        };
        let is_served =
            |columns: &[&str], there: &[&str]| keys_without_index(&[key(columns)], &indexes(there)).is_empty();
        assert!(is_served(&["a"], &["i(a,b)"]) && is_served(&["a", "b"], &["i(b,a,c)"]));
        assert!(
            !is_served(&["b"], &["i(a,b)"]) && !is_served(&["a"], &["i?(a)"]) && !is_served(&["a", "b"], &["i(a)"])
        );
        let invalid = IndexFacts { is_valid: false, ..index("i(a)") };
        assert_eq!(keys_without_index(&[key(&["a"])], &[invalid]).len(), 1);
        let gin = IndexFacts { method: "gin".to_owned(), ..index("i(a)") };
        assert_eq!(keys_without_index(&[key(&["a"])], &[gin]).len(), 1);
    }

    #[test]
    fn the_one_that_is_worth_less_goes() {
        let found = |texts: &[&str]| {
            let indexes = indexes(texts);
            let shown = |it: &Duplicate<'_>| {
                format!("{} by {}{}", it.index.name, it.by.name, if it.is_exact { "" } else { " (begins)" })
            };
            duplicates(&indexes).iter().map(shown).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(found(&["i(a)", "j(a)"]), "j by i");
        assert_eq!(found(&["i(a)", "j+!(a)"]), "i by j");
        assert_eq!(found(&["i(a)", "j!(a)"]), "i by j");
        assert_eq!(found(&["i(a)", "j(a,b)"]), "i by j (begins)");
        assert_eq!(found(&["i!(a)", "j(a,b)"]), "");
        assert_eq!(found(&["i+!(a)", "j(a,b)"]), "");
        assert_eq!(found(&["i(a)", "j?(a)"]), "");
        assert_eq!(found(&["i(b)", "j(a,b)"]), "");
        assert_eq!(found(&["i(a)", "j(a)", "k(a,b)"]), "i by k (begins), j by i");
    }

    #[test]
    fn an_index_that_a_query_has_used_or_a_rule_needs_is_not_unused() {
        let used = IndexFacts { scans: Some(1), ..index("i(a)") };
        let uncounted = IndexFacts { scans: None, ..index("j(a)") };
        let all = [used, uncounted, index("k!(a)"), index("l+(a)"), index("m(a)")];
        assert_eq!(unused(&all).iter().map(|index| index.name.as_str()).collect::<Vec<_>>(), ["m"]);
    }
}
