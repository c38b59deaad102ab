//! What `sqlx.toml` says about migrations (sqlx 0.9): the folder, the table, and characters that the checksum leaves out.
//! doorstep reads the one in its own directory, as sqlx reads that of the crate.

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{FileKind, read_text};
use crate::sql::TableName;

/// Its name.
const FILE: &str = "sqlx.toml";

/// The part that concerns a start.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Configuration {
    /// `migrate.table-name`.
    pub table: Option<TableName>,
    /// `migrate.ignored-chars`.
    pub ignored: Vec<char>,
    /// `migrate.migrations-dir`.
    pub folder: Option<PathBuf>,
}

/// Reads it, if it is there.
///
/// # Errors
/// [`Error::Settings`] for a file that cannot be read, and for what doorstep does not do.
pub(crate) fn read() -> Result<Configuration, Error> {
    let path = Path::new(FILE);
    if !path.exists() {
        return Ok(Configuration::default());
    }
    let text = read_text(path, FileKind::Source).map_err(|error| wrong(&error.to_string()))?;
    parse(&text).map_err(|why| wrong(&why))
}

fn wrong(why: &str) -> Error {
    Error::Settings(format!("{FILE}: {why}\nnext: correct the file, as sqlx reads it"))
}

fn parse(text: &str) -> Result<Configuration, String> {
    let file: toml::Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let Some(migrate) = file.get("migrate").and_then(toml::Value::as_table) else {
        return Ok(Configuration::default());
    };
    let of = |name: &str| migrate.get(name);
    let texts = |name: &str| -> Vec<&str> {
        of(name).and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_str).collect()
    };
    let table = of("table-name").and_then(toml::Value::as_str).map(table).transpose()?;
    let home = table.as_ref().and_then(|table| table.schema.as_deref());
    if let Some(schema) = texts("create-schemas").into_iter().find(|schema| Some(*schema) != home) {
        return Err(format!("doorstep does not create the schema {schema} of create-schemas: name it with --schemas"));
    }
    Ok(Configuration {
        table,
        ignored: texts("ignored-chars").into_iter().flat_map(str::chars).collect(),
        folder: of("migrations-dir").and_then(toml::Value::as_str).map(PathBuf::from),
    })
}

/// sqlx writes the name into its statements as it is, so that PostgreSQL folds what stands without quotes.
fn table(text: &str) -> Result<TableName, String> {
    let folded = if text.contains('"') { text.to_owned() } else { text.to_lowercase() };
    folded.parse().map_err(|why| format!("table-name: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_migrations_is_read() {
        let name = |schema: Option<&str>, name: &str| {
            Some(TableName { schema: schema.map(str::to_owned), name: name.to_owned() })
        };
        let text = "[common]\ndatabase-url-var = \"X\"\n[migrate]\ntable-name = \"Hist.Done\"\ncreate-schemas = [\"hist\"]\n\
                    ignored-chars = [\"\\r\", \"\\uFEFF\"]\nmigrations-dir = \"db/sqlx\"\n";
        let folder = Some(PathBuf::from("db/sqlx"));
        let expected = Configuration { table: name(Some("hist"), "done"), ignored: vec!['\r', '\u{feff}'], folder };
        assert_eq!(parse(text), Ok(expected));
        let quoted = parse("[migrate]\ntable-name = '\"Done\"'\n").unwrap();
        assert_eq!(quoted.table, name(None, "Done"));
        assert_eq!(parse(""), Ok(Configuration::default()));
        assert!(parse("[migrate]\ncreate-schemas = [\"other\"]\n").unwrap_err().contains("--schemas"));
        assert!(parse("[migrate\n").is_err());
    }
}
