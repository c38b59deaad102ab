//! The arguments of attributes and functions.

use crate::schema_source::prisma::check::{Problems, wrong};
use crate::schema_source::prisma::syntax::{Argument, Attribute, Value, ValueKind};
use crate::schema_source::prisma::{LONGEST_NAME, Place};

/// An attribute's arguments by name.
pub(crate) struct Arguments<'a> {
    /// The attribute as the user knows it: `@@index`.
    title: String,
    place: Place,
    found: Vec<(&'a str, &'a Value)>,
}

impl<'a> Arguments<'a> {
    /// Reads an attribute's arguments. The first `unnamed` of the `names` may stand without their name.
    pub(crate) fn read(
        attribute: &'a Attribute,
        signs: &str,
        names: &[&'a str],
        unnamed: usize,
        problems: &mut Problems,
    ) -> Self {
        let title = format!("{signs}{}", attribute.name.text);
        Self::of(title, attribute.name.place, &attribute.arguments, names, unnamed, problems)
    }

    /// The same for a function, or a field in an index.
    pub(crate) fn of(
        title: String,
        place: Place,
        arguments: &'a [Argument],
        names: &[&'a str],
        unnamed: usize,
        problems: &mut Problems,
    ) -> Self {
        let mut found: Vec<(&str, &Value)> = Vec::new();
        for argument in arguments {
            let (name, at) = match &argument.name {
                Some(name) => (name.text.as_str(), name.place),
                None if unnamed > 0 => (names[0], argument.value.place),
                None => {
                    wrong(problems, argument.value.place, format!("{title} takes no argument without a name"));
                    continue;
                }
            };
            match names.iter().find(|known| **known == name) {
                None => wrong(problems, at, format!("{title} has no argument `{name}` here")),
                Some(_) if found.iter().any(|(known, _)| *known == name) => {
                    wrong(problems, at, format!("{title} has the argument `{name}` twice"));
                }
                Some(name) => found.push((name, &argument.value)),
            }
        }
        Self { title, place, found }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.found.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// A string that is a name.
    pub(crate) fn text(&self, name: &str, problems: &mut Problems) -> Option<String> {
        let value = self.get(name)?;
        match &value.kind {
            ValueKind::Text(text) if text.len() > LONGEST_NAME => {
                let message = format!("`{name}` of {} has more than {LONGEST_NAME} bytes", self.title);
                wrong(problems, value.place, message);
                Some(String::new())
            }
            ValueKind::Text(text) => Some(text.clone()),
            _ => {
                wrong(problems, value.place, format!("`{name}` of {} is a string, in double quotes", self.title));
                Some(String::new())
            }
        }
    }

    /// One of some constants.
    pub(crate) fn one_of<T: Copy>(&self, name: &str, known: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        let value = self.get(name)?;
        let found = match &value.kind {
            ValueKind::Constant(text) => known.iter().find(|(name, _)| name == text),
            _ => None,
        };
        if found.is_none() {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            wrong(problems, value.place, format!("`{name}` of {} is one of {}", self.title, names.join(", ")));
        }
        found.map(|(_, value)| *value)
    }

    /// A list of names, without arguments of their own.
    pub(crate) fn names(&self, name: &str, problems: &mut Problems) -> Option<Vec<(&'a str, Place)>> {
        let value = self.get(name)?;
        let items = match &value.kind {
            ValueKind::List(items) => items.as_slice(),
            _ => std::slice::from_ref(value),
        };
        let mut names = Vec::new();
        for item in items {
            match &item.kind {
                ValueKind::Constant(text) => names.push((text.as_str(), item.place)),
                _ => wrong(problems, item.place, format!("`{name}` of {} is a list of fields", self.title)),
            }
        }
        Some(names)
    }

    /// Complains that an argument is not there, unless one is that is wrong.
    pub(crate) fn lacks(&self, name: &str, problems: &mut Problems) {
        wrong(problems, self.place, format!("{} lacks its argument `{name}`", self.title));
    }
}
