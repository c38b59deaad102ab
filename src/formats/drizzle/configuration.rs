//! `drizzle.config.ts`, `.js` or `.json`: the folder (`out`), and table and schema of the history (`migrations`). What the first
//! two say in literals is read; anything else is computed, and then says so.

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{FileKind, read_text, unreadable};
use crate::formats::javascript::{Lookup, Object, Place, PlaceOf};

/// Where drizzle-kit looks for its configuration, in this order.
const FILES: [&str; 3] = ["drizzle.config.ts", "drizzle.config.js", "drizzle.config.json"];

/// Where drizzle-kit writes migrations without a configuration.
const USUAL: &str = "drizzle";

/// A text of the configuration.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing is said.
    #[default]
    Absent,
    /// This.
    Text(String),
    /// Only Node can tell.
    Computed,
}

/// What concerns migrations.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Configuration {
    /// The file.
    pub file: PathBuf,
    /// `out`
    pub out: Place,
    /// `migrations.table`
    pub table: Said,
    /// `migrations.schema`
    pub schema: Said,
}

impl Configuration {
    /// What the settings have to say instead.
    ///
    /// # Errors
    /// [`Error::Settings`].
    fn computed<T>(&self, what: &str, instead: &str) -> Result<T, Error> {
        Err(Error::Settings(format!(
            "{} computes {what}, which only Node can evaluate\nnext: name it with {instead}",
            self.file.display()
        )))
    }

    /// The schema and the table of the history, where the configuration names them.
    ///
    /// # Errors
    /// [`Error::Settings`] where they are computed.
    pub(crate) fn history(&self) -> Result<(Option<String>, Option<String>), Error> {
        let text = |said: &Said| match said {
            Said::Absent => Ok(None),
            Said::Text(text) => Ok(Some(text.clone())),
            Said::Computed => self.computed("the table of the history", "--history-table SCHEMA.TABLE"),
        };
        Ok((text(&self.schema)?, text(&self.table)?))
    }
}

/// Where Drizzle's migrations are.
///
/// # Errors
/// [`Error::Settings`] where that is computed, or the configuration cannot be read.
pub(crate) fn place() -> Result<Option<PathBuf>, Error> {
    let configuration = read()?;
    match &configuration.out {
        Place::Absent => Ok(Some(USUAL.into())),
        Place::Path(path) => Ok(Some(path.clone())),
        Place::Computed => configuration.computed("the place of the migrations", "--migrations"),
    }
}

/// Reads the configuration in the working directory, if there is one.
///
/// # Errors
/// [`Error::Settings`] for a file that cannot be read.
pub(crate) fn read() -> Result<Configuration, Error> {
    let Some(file) = FILES.iter().map(Path::new).find(|file| file.exists()) else {
        return Ok(Configuration::default());
    };
    let text =
        read_text(file, FileKind::Source).map_err(|error| Error::Settings(unreadable(file.display(), &error)))?;
    match file.extension().is_some_and(|extension| extension == "json") {
        true => of_json(&text, file),
        false => Ok(of_module(&text, file)),
    }
}

fn of_json(text: &str, file: &Path) -> Result<Configuration, Error> {
    let json: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| Error::Settings(format!("{}: {error}\nnext: correct the file", file.display())))?;
    let said = |value: &serde_json::Value| value.as_str().map_or(Said::Absent, |text| Said::Text(text.to_owned()));
    Ok(Configuration {
        file: file.to_owned(),
        out: json["out"].as_str().map_or(Place::Absent, |path| Place::Path(path.into())),
        table: said(&json["migrations"]["table"]),
        schema: said(&json["migrations"]["schema"]),
    })
}

fn of_module(text: &str, file: &Path) -> Configuration {
    let configuration = Configuration { file: file.to_owned(), ..Configuration::default() };
    let Some(object) = Object::exported(text) else {
        return Configuration { out: Place::Computed, table: Said::Computed, schema: Said::Computed, ..configuration };
    };
    // drizzle-kit resolves `out` against the working directory, where the file is.
    let out = PlaceOf { directory: Path::new(""), text }.place(object.get("out"));
    let block = object.get("migrations");
    let (table, schema) = match (&block, block.object()) {
        (Lookup::Absent, _) => (Said::Absent, Said::Absent),
        (_, None) => (Said::Computed, Said::Computed),
        (_, Some(block)) => (said(&block.get("table")), said(&block.get("schema"))),
    };
    Configuration { out, table, schema, ..configuration }
}

fn said(lookup: &Lookup<'_>) -> Said {
    match lookup {
        Lookup::Absent => Said::Absent,
        found => found.text().map_or(Said::Computed, Said::Text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Said {
        Said::Text(text.to_owned())
    }

    #[test]
    fn literals_are_read_and_what_is_computed_is_told() {
        let read = |text: &str| {
            let Configuration { out, table, schema, .. } = of_module(text, Path::new("drizzle.config.ts"));
            (out, table, schema)
        };
        let whole = "import { defineConfig } from 'drizzle-kit';\nexport default defineConfig({\n  dialect: 'postgresql',\n  \
                     out: './db/steps', // out: 'no'\n  migrations: { table: \"done\", schema: 'hist' },\n});\n";
        assert_eq!(read(whole), (Place::Path("./db/steps".into()), text("done"), text("hist")));
        assert_eq!(
            read("export default { schema: './schema.ts' } satisfies Config;"),
            (Place::Absent, Said::Absent, Said::Absent)
        );
        for computed in
            ["export default { out: process.env.OUT }", "export default { ...base }", "export default make()"]
        {
            assert_eq!(read(computed).0, Place::Computed, "{computed}");
        }
        assert_eq!(
            read("export default { migrations: { table: name } }"),
            (Place::Absent, Said::Computed, Said::Absent)
        );
        assert_eq!(read("export default { migrations }").1, Said::Computed);
    }

    #[test]
    fn a_json_file_says_the_same() {
        let read = of_json(r#"{"out": "steps", "migrations": {"table": "done"}}"#, Path::new("drizzle.config.json"));
        let read = read.unwrap();
        assert_eq!((read.out, read.table, read.schema), (Place::Path("steps".into()), text("done"), Said::Absent));
        assert!(of_json("{", Path::new("drizzle.config.json")).is_err());
    }
}
