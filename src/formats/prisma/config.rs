//! `prisma.config.ts` (Prisma 6.4 and later): where the schema and the migrations are. It is a program; what it
//! says in literals is read, what it computes is not, and then says so.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::base::file::{FileKind, read_text};

/// What the file says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Config {
    /// The file.
    pub(crate) file: PathBuf,
    /// `schema`
    pub(crate) schema: Option<PathBuf>,
    /// `migrations.path`
    pub(crate) migrations: Option<PathBuf>,
    /// Something of the two is there, but computed.
    pub(crate) computed: bool,
}

/// The configuration in the working directory, where Prisma looks for it.
pub(crate) fn find() -> Option<Config> {
    let extensions = ["ts", "js", "mts", "mjs", "cts", "cjs"];
    let places = ["prisma.config", ".config/prisma"].into_iter();
    let mut files = places.flat_map(|place| extensions.map(|extension| format!("{place}.{extension}")));
    files.find_map(|file| {
        match read_text(Path::new(&file), FileKind::Source) {
            Ok(text) => Some(parse(&text, Path::new(&file))),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            // What cannot be read may name both.
            Err(_) => Some(Config { file: file.into(), computed: true, ..Config::default() }),
        }
    })
}

fn parse(text: &str, file: &Path) -> Config {
    let text = without_comments(text);
    let directory = file.parent().unwrap_or_else(|| Path::new(""));
    let schema = value(&text, "schema");
    let migrations = value(&text, "migrations").filter(|block| block.starts_with('{'));
    let path = migrations.and_then(|block| value(block, "path"));
    let place = |value: Option<&str>| value.and_then(literal).map(|path| directory.join(path));
    let (schema_path, migrations_path) = (place(schema), place(path));
    Config {
        file: file.to_owned(),
        computed: (schema.is_some() && schema_path.is_none()) || (path.is_some() && migrations_path.is_none()),
        schema: schema_path,
        migrations: migrations_path,
    }
}

/// What follows `key:`, up to the comma or brace that ends it.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let is_name = |character: char| character.is_alphanumeric() || "_$.".contains(character);
    let mut places = text.match_indices(key);
    let rest = places.find_map(|(at, _)| {
        let after = text[at + key.len()..].trim_start_matches(['"', '\'']).trim_start();
        let begins_a_name = !text[..at].ends_with(is_name);
        after.strip_prefix(':').filter(|_| begins_a_name)
    })?;
    let (mut depth, mut quote) = (0_usize, None);
    let end = rest.char_indices().find(|(_, character)| match (quote, character) {
        (Some(open), character) => {
            quote = Some(open).filter(|open| open != character);
            false
        }
        (None, '"' | '\'' | '`') => {
            quote = Some(*character);
            false
        }
        (None, '{' | '(' | '[') => {
            depth += 1;
            false
        }
        (None, '}' | ')' | ']' | ',') if depth == 0 => true,
        (None, '}' | ')' | ']') => {
            depth -= 1;
            false
        }
        _ => false,
    });
    Some(rest[..end.map_or(rest.len(), |(at, _)| at)].trim())
}

/// `"a/b"`, or `path.join("a", "b")`.
fn literal(expression: &str) -> Option<PathBuf> {
    let joined = ["path.join(", "join("].iter().find_map(|call| expression.strip_prefix(call));
    let parts = joined.map_or(Some(expression), |inner| inner.trim_end().strip_suffix(')'))?;
    let unquoted = |part: &str| {
        let part = part.trim();
        let quote = part.chars().next().filter(|quote| "\"'`".contains(*quote))?;
        let inner = part.strip_prefix(quote)?.strip_suffix(quote)?;
        (!inner.contains(quote) && !inner.contains("${")).then(|| inner.to_owned())
    };
    let parts = parts.trim().trim_end_matches(',');
    if joined.is_some() { parts.split(',').map(unquoted).collect() } else { unquoted(parts).map(PathBuf::from) }
}

fn without_comments(text: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' | '`' => rest[1..].find(first).map_or(rest.len(), |end| end + 2),
            '/' if rest.starts_with("//") => {
                rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
                continue;
            }
            '/' if rest.starts_with("/*") => {
                rest = &rest[rest.find("*/").map_or(rest.len(), |end| end + 2)..];
                continue;
            }
            _ => first.len_utf8(),
        };
        kept += &rest[..length];
        rest = &rest[length..];
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<PathBuf>, Option<PathBuf>, bool) {
        let config = parse(text, Path::new("prisma.config.ts"));
        (config.schema, config.migrations, config.computed)
    }

    #[test]
    fn literals_are_read_past_comments() {
        let text = r#"
            import 'dotenv/config'; // schema: "no"
            import { defineConfig, env } from "prisma/config";
            export default defineConfig({
              schema: "db/schema.prisma",
              migrations: { seed: `tsx db/seed.ts`, path: 'db/migrations' /* path: "no" */ },
              datasource: { url: env("DATABASE_URL") },
            });
        "#;
        assert_eq!(read(text), (Some("db/schema.prisma".into()), Some("db/migrations".into()), false));
        let joined = "export default { schema: path.join('db', \"schema.prisma\"), }";
        assert_eq!(read(joined), (Some("db/schema.prisma".into()), None, false));
    }

    #[test]
    fn what_is_computed_is_told() {
        for text in
            ["{ schema: process.env.SCHEMA }", "{ migrations: { path: join(__dirname, 'm') } }", "{ schema: `${x}/a` }"]
        {
            assert_eq!(read(text), (None, None, true), "{text}");
        }
        assert_eq!(read("export default defineConfig({ datasource: { url: 'x' } })"), (None, None, false));
    }
}
