//! Values by the name of an object. Most scripts leave the schema out, and then it may be any: only names that both have a schema
//! are kept apart.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Values by a name, and by the schema where a script writes it.
#[derive(Debug, Clone)]
pub(crate) struct ByName<K, T> {
    entries: HashMap<K, Vec<(Option<String>, T)>>,
}

impl<K, T> Default for ByName<K, T> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

/// The entry with this very schema; else the last one that may be meant.
fn place<T>(entries: &[(Option<String>, T)], schema: Option<&str>) -> Option<usize> {
    let exact = entries.iter().position(|(of, _)| of.as_deref() == schema);
    exact.or_else(|| entries.iter().rposition(|(of, _)| of.is_none() || schema.is_none()))
}

impl<K: Eq + Hash, T> ByName<K, T> {
    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&self, schema: Option<&str>, name: &Q) -> Option<&T>
    where
        K: Borrow<Q>,
    {
        let entries = self.entries.get(name)?;
        Some(&entries[place(entries, schema)?].1)
    }

    pub(crate) fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, schema: Option<&str>, name: &Q) -> Option<&mut T>
    where
        K: Borrow<Q>,
    {
        let entries = self.entries.get_mut(name)?;
        let place = place(entries, schema)?;
        Some(&mut entries[place].1)
    }

    pub(crate) fn has<Q: Eq + Hash + ?Sized>(&self, schema: Option<&str>, name: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.get(schema, name).is_some()
    }

    pub(crate) fn insert(&mut self, schema: Option<&str>, name: K, value: T) {
        let entries = self.entries.entry(name).or_default();
        entries.retain(|(of, _)| of.as_deref() != schema);
        entries.push((schema.map(str::to_owned), value));
    }

    /// Takes out a value, with the schema that it was put in by.
    pub(crate) fn remove<Q: Eq + Hash + ?Sized>(
        &mut self,
        schema: Option<&str>,
        name: &Q,
    ) -> Option<(Option<String>, T)>
    where
        K: Borrow<Q>,
    {
        let entries = self.entries.get_mut(name)?;
        let place = place(entries, schema)?;
        Some(entries.remove(place))
    }

    /// What has this name gets a new one; where the schemas are the same, in the one that it was put in by.
    pub(crate) fn rename<Q: Eq + Hash + ?Sized>(
        &mut self,
        (schema, name): (Option<&str>, &Q),
        (new_schema, new): (Option<&str>, K),
    ) where
        K: Borrow<Q>,
    {
        if let Some((known, value)) = self.remove(schema, name) {
            let stays = schema == new_schema;
            self.insert(if stays { known.as_deref() } else { new_schema }, new, value);
        }
    }

    /// What has this name goes to another schema.
    pub(crate) fn move_to(&mut self, schema: Option<&str>, name: K, to: &str) {
        if let Some((_, value)) = self.remove(schema, &name) {
            self.insert(Some(to), name, value);
        }
    }

    pub(crate) fn rename_schema(&mut self, schema: &str, new: &str) {
        for (of, _) in self.entries.values_mut().flatten().filter(|(of, _)| of.as_deref() == Some(schema)) {
            *of = Some(new.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_schemas_tell_names_apart() {
        let mut known: ByName<String, u8> = ByName::default();
        known.insert(Some("a"), "users".to_owned(), 1);
        assert_eq!((known.get(Some("a"), "users"), known.get(None, "users")), (Some(&1), Some(&1)));
        assert!(!known.has(Some("b"), "users"));
        known.insert(None, "users".to_owned(), 2);
        assert_eq!((known.get(Some("a"), "users"), known.get(Some("b"), "users")), (Some(&1), Some(&2)));
        known.move_to(Some("a"), "users".to_owned(), "c");
        known.rename((Some("c"), "users"), (Some("c"), "people".to_owned()));
        known.rename_schema("c", "d");
        assert_eq!((known.get(Some("d"), "people"), known.get(Some("c"), "people")), (Some(&1), None));
        known.remove(Some("b"), "users");
        assert!(!known.has(None, "users"));
        known.rename((Some("d"), "people"), (Some("e"), "people".to_owned()));
        known.rename((None, "people"), (None, "persons".to_owned()));
        assert_eq!((known.get(Some("e"), "persons"), known.get(Some("d"), "persons")), (Some(&1), None));
    }
}
