//! Which setting named the URL of a database, for a person who asks why doorstep talks to that one.

use std::fmt;

use crate::base::secret::SecretSource;
use crate::config::Layer;

/// What named a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UrlOrigin {
    /// A flag: `--database-url`.
    Flag(&'static str),
    /// An environment variable.
    Variable(String),
    /// A flag or its variable: doorstep moves a URL from its arguments into its environment, where `ps` does not show it.
    FlagOrVariable(&'static str),
    /// A key of doorstep.toml.
    File(&'static str),
    /// A key of the Prisma schema, and the variable that it takes the URL from.
    PrismaSchema(&'static str, Option<String>),
    /// No URL: libpq's variables.
    Libpq,
}

/// The keys of a URL in a layer of settings, as text and as a file.
type Keys = [(&'static str, fn(&Layer) -> bool); 2];

/// Those of `database_url`.
const DATABASE: Keys = [
    ("database_url", |layer| layer.database_url.is_some()),
    ("database_url_file", |layer| layer.database_url_file.is_some()),
];

/// Those of `migrate_url`.
const MIGRATE: Keys = [
    ("migrate_url", |layer| layer.migrate_url.is_some()),
    ("migrate_url_file", |layer| layer.migrate_url_file.is_some()),
];

impl UrlOrigin {
    /// Which of the layers (flags, environment, file) names it; the first one decides, as for the URL itself.
    fn among(layers: &[&Layer; 3], keys: &Keys) -> Option<Self> {
        let named = layers.iter().zip(0..).find_map(|(layer, place)| {
            let (key, _) = keys.iter().find(|(_, is_in)| is_in(layer))?;
            Some((place, *key))
        });
        named.map(|(place, key)| match place {
            0 => Self::Flag(key),
            1 if key.ends_with("_file") => Self::Variable(variable(key)),
            1 => Self::FlagOrVariable(key),
            _ => Self::File(key),
        })
    }

    /// Of the variable that most tools read.
    fn of_database_url(source: &SecretSource) -> Self {
        let file = if matches!(source, SecretSource::File(_)) { "_FILE" } else { "" };
        Self::Variable(format!("DATABASE_URL{file}"))
    }
}

impl fmt::Display for UrlOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(key) => write!(f, "--{}", key.replace('_', "-")),
            Self::FlagOrVariable(key) => write!(f, "--{} or {}", key.replace('_', "-"), variable(key)),
            Self::Variable(name) => f.write_str(name),
            Self::File(key) => write!(f, "{key} of the settings file"),
            Self::PrismaSchema(key, Some(variable)) => write!(f, "{variable} ({key} of the Prisma schema)"),
            Self::PrismaSchema(key, None) => write!(f, "{key} of the Prisma schema"),
            Self::Libpq => f.write_str("the PG* variables"),
        }
    }
}

/// What named the URLs of the settings; `None` for one that they do not have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origins {
    /// That of `database_url`, or of the variable that stands for it.
    pub(crate) database: Option<UrlOrigin>,
    /// That of `migrate_url`.
    pub(crate) migrate: Option<UrlOrigin>,
}

impl Origins {
    /// Of these layers (flags, environment, file), where the database's URL is this one.
    pub(super) fn of(layers: &[&Layer; 3], database: Option<&SecretSource>) -> Self {
        let named = UrlOrigin::among(layers, &DATABASE);
        Self {
            database: named.or_else(|| database.map(UrlOrigin::of_database_url)),
            migrate: UrlOrigin::among(layers, &MIGRATE),
        }
    }
}

fn variable(key: &str) -> String {
    format!("DOORSTEP_{}", key.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::secret::Secret;

    #[test]
    fn the_first_layer_that_names_a_url_is_its_origin() {
        let with = |url: &str| Layer { database_url: Some(Secret::new(url)), ..Layer::default() };
        let none = Layer::default();
        let origin = |layers: [&Layer; 3]| UrlOrigin::among(&layers, &DATABASE).map(|origin| origin.to_string());
        assert_eq!(origin([&with("a"), &with("b"), &none]).as_deref(), Some("--database-url"));
        assert_eq!(origin([&none, &with("b"), &with("c")]).as_deref(), Some("--database-url or DOORSTEP_DATABASE_URL"));
        let file = Layer { database_url_file: Some("/run/url".into()), ..Layer::default() };
        assert_eq!(origin([&none, &none, &file]).as_deref(), Some("database_url_file of the settings file"));
        assert_eq!(origin([&none; 3]), None);
    }
}
