//! The `datasource` block of a Prisma schema: provider, URLs and schemas. Prisma 6 and older have the URL
//! here, Prisma 7 refuses it here; both are read.

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::schema_source::prisma::{ExpressionKind, PrismaSchema};

/// What the datasource says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Datasource {
    /// Directory of the schema file, or the schema folder itself; it contains `migrations`.
    pub directory: PathBuf,
    /// `url`, in Prisma 6 and older.
    pub url: Option<UrlSource>,
    /// `directUrl`: what migrations use.
    pub direct_url: Option<UrlSource>,
    /// `schemas = […]`.
    pub schemas: Vec<String>,
}

/// A URL in the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum UrlSource {
    /// `env("NAME")`
    Environment(String),
    /// A literal.
    Literal(String),
}

/// What to do about a schema that is not where a setting or a configuration says.
pub(crate) const SCHEMA_ELSEWHERE: &str =
    "check that the image contains it, or name it with --prisma-schema; or leave it out: --verify off";

/// The schema that is `named`, or found where Prisma looks, parsed; and its datasource. `None` without a schema.
pub(crate) fn find(named: Option<&Path>) -> Result<Option<(PrismaSchema, Datasource)>, Error> {
    let usual = ["schema.prisma", "prisma/schema.prisma", "prisma/schema"].map(Path::new);
    let path = match named {
        Some(path) if !path.exists() => {
            return Err(Error::Settings(format!(
                "the Prisma schema {} does not exist\nnext: {SCHEMA_ELSEWHERE}",
                path.display()
            )));
        }
        Some(path) => path,
        None => match usual.into_iter().find(|path| path.exists()) {
            Some(path) => path,
            None => return Ok(None),
        },
    };
    let directory = match path.is_dir() {
        true => path.to_owned(),
        false => path.parent().map_or_else(PathBuf::new, Path::to_owned),
    };
    let schema = PrismaSchema::load(path)?;
    let datasource = Datasource { directory, ..of_settings(schema.datasource()) };
    Ok(Some((schema, datasource)))
}

/// Reads URLs and schemas from the lines of a datasource; ignores its other keys.
fn of_settings<'a>(settings: impl Iterator<Item = (&'a str, &'a ExpressionKind<'a>)>) -> Datasource {
    let mut found = Datasource::default();
    for (key, value) in settings {
        match key {
            "url" => found.url = url(value),
            "directUrl" => found.direct_url = url(value),
            "schemas" => found.schemas = strings(value),
            _ => {}
        }
    }
    found
}

fn url(value: &ExpressionKind) -> Option<UrlSource> {
    match value {
        ExpressionKind::Text(url) => Some(UrlSource::Literal(url.to_string())),
        ExpressionKind::Call(function, arguments) if function == "env" => {
            strings(&arguments.first()?.value.kind).into_iter().next().map(UrlSource::Environment)
        }
        _ => None,
    }
}

fn strings(value: &ExpressionKind) -> Vec<String> {
    match value {
        ExpressionKind::Text(text) => vec![text.to_string()],
        ExpressionKind::List(values) => values.iter().flat_map(|value| strings(&value.kind)).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Datasource {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("schema.prisma");
        std::fs::write(&path, text).unwrap();
        let (_, datasource) = find(Some(&path)).unwrap().unwrap();
        assert_eq!(datasource.directory, folder.path());
        Datasource { directory: PathBuf::new(), ..datasource }
    }

    #[test]
    fn what_is_wrong_around_it_does_not_matter() {
        let text = "model A {\n id Intt @idd(\n}\ndatasource db {\n what is this\n url = env(\"A\")\n}\n}}";
        assert_eq!(of(text).url, Some(UrlSource::Environment("A".to_owned())));
    }

    #[test]
    fn urls_and_schemas_are_read_past_comments() {
        let text = r#"
            generator client { provider = "prisma-client-js" }
            // datasource old {
            datasource db {
              provider  = "postgresql" // url = "no"
              url       = env("DATABASE_URL")
              directUrl = "postgres://u@h/d" // literal
              schemas   = ["financial", "public", "tagging", "trading"]
            }
            model A { }
        "#;
        let found = of(text);
        assert_eq!(found.url, Some(UrlSource::Environment("DATABASE_URL".to_owned())));
        assert_eq!(found.direct_url, Some(UrlSource::Literal("postgres://u@h/d".to_owned())));
        assert_eq!(found.schemas, ["financial", "public", "tagging", "trading"]);
    }

    #[test]
    fn a_schema_without_datasource_has_none() {
        assert_eq!(of("model A {\n id Int @id\n}"), Datasource::default());
    }
}
