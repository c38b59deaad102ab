//! The `datasource` block of a Prisma schema: provider, URLs and schemas. Prisma 6 and older have the URL
//! here, Prisma 7 refuses it here; both are read.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// What the datasource says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Datasource {
    /// Directory of the schema file, or the schema folder itself: `migrations` stands in it.
    pub directory: PathBuf,
    /// The schema file or folder itself.
    pub path: PathBuf,
    /// `url`, in Prisma 6 and older.
    pub url: Option<Value>,
    /// `directUrl`: what migrations use.
    pub direct_url: Option<Value>,
    /// `schemas = […]`.
    pub schemas: Vec<String>,
}

/// A URL in the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `env("NAME")`
    Environment(String),
    /// A literal.
    Literal(String),
}

/// The datasource of the schema that is `named`, or found where Prisma looks; `None` without a schema.
pub(in crate::format) fn find(named: Option<&Path>) -> Result<Option<Datasource>, Error> {
    let usual = ["schema.prisma", "prisma/schema.prisma", "prisma/schema"].map(Path::new);
    let path = match named {
        Some(path) if !path.exists() => {
            return Err(Error::Settings(format!("the Prisma schema {} does not exist", path.display())));
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
    for file in files(path)? {
        if let Some(datasource) = parse(&read(&file)?) {
            return Ok(Some(Datasource { directory, path: path.to_owned(), ..datasource }));
        }
    }
    Ok(Some(Datasource { directory, path: path.to_owned(), ..Datasource::default() }))
}

/// The schema file, or all `*.prisma` below the schema folder.
fn files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| Error::Settings(format!("cannot read {}: {error}", path.display()));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let child = entry.map_err(unreadable)?.path();
        if child.is_dir() {
            found.extend(files(&child)?);
        } else if child.extension().is_some_and(|extension| extension == "prisma") {
            found.push(child);
        }
    }
    found.sort();
    Ok(found)
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::Settings(format!("cannot read {}: {error}", path.display())))
}

/// Prisma's grammar is line-oriented: one `key = value` per line, the closing brace on its own.
fn parse(text: &str) -> Option<Datasource> {
    let mut lines = text.lines().map(|line| without_comment(line).trim());
    lines.find(|line| line.starts_with("datasource ") && line.contains('{'))?;
    let mut found = Datasource::default();
    for (key, value) in lines.take_while(|line| *line != "}").filter_map(|line| line.split_once('=')) {
        match key.trim() {
            "url" => found.url = url(value),
            "directUrl" => found.direct_url = url(value),
            "schemas" => found.schemas = strings(value),
            _ => {}
        }
    }
    Some(found)
}

/// Cuts a `//` comment, unless it stands in a string (`"postgres://…"`).
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, character) in line.char_indices() {
        quoted ^= character == '"';
        if !quoted && line[at..].starts_with("//") {
            return &line[..at];
        }
    }
    line
}

fn url(value: &str) -> Option<Value> {
    let text = strings(value).into_iter().next()?;
    match value.trim().starts_with("env") {
        true => Some(Value::Environment(text)),
        false => Some(Value::Literal(text)),
    }
}

/// The string literals of a value.
fn strings(value: &str) -> Vec<String> {
    value.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let found = parse(text).unwrap();
        assert_eq!(found.url, Some(Value::Environment("DATABASE_URL".to_owned())));
        assert_eq!(found.direct_url, Some(Value::Literal("postgres://u@h/d".to_owned())));
        assert_eq!(found.schemas, ["financial", "public", "tagging", "trading"]);
    }

    #[test]
    fn a_schema_without_datasource_has_none() {
        assert_eq!(parse("model A {\n id Int @id\n}"), None);
    }
}
