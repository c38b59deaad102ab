//! doorstep.toml: one key per setting, and the tables `[require]` and `[[query]]`, which have no flags. An unknown key is an
//! error, so that a typing error does not silently leave a default in place.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::base::error::Error;
use crate::base::file::{FileKind, read_text, unreadable};
use crate::base::plain_name::shown_path;
use crate::config::{Layer, Require, ServiceQuery, requirements_file, unknown};

/// The content of doorstep.toml.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// The settings.
    pub(crate) layer: Layer,
    /// `[require]`
    pub(crate) require: Require,
    /// `[[query]]`
    pub(crate) queries: Vec<ServiceQuery>,
}

/// Read if it is in the working directory and no other file is named.
const DEFAULT: &str = "doorstep.toml";

/// Reads the `named` file, or ./doorstep.toml if it exists.
pub(crate) fn read(named: Option<PathBuf>) -> Result<File, Error> {
    let path = named.as_deref().unwrap_or(Path::new(DEFAULT));
    match read_text(path, FileKind::Configuration) {
        Ok(text) => parse(&text, path),
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => Ok(File::default()),
        Err(error) => Err(Error::Settings(unreadable(shown_path(path), &error))),
    }
}

/// Shows only the message and the line number of a TOML error: the parser's own rendering quotes the line, which may
/// contain a password.
fn parse(text: &str, path: &Path) -> Result<File, Error> {
    let source = requirements_file::Text { text, file: path.display().to_string() };
    let explain = |error: toml::de::Error| {
        let line = source.line(error.span().map_or(0, |span| span.start));
        Error::Settings(format!("{}:{line}: {}", path.display(), error.message()))
    };
    let document = DeTable::parse(text).map_err(explain)?;
    let known = || Layer::NAMES.iter().chain(requirements_file::TABLES).copied();
    if let Some(key) = document.get_ref().keys().find(|key| !known().any(|known| known == key.get_ref())) {
        let what = format!("key in {}:{}:", path.display(), source.line(key.span().start));
        return Err(unknown(&what, key.get_ref(), known(), str::to_owned));
    }
    let (require, queries) = source.requirements(document.get_ref())?;
    Ok(File { layer: toml::from_str(text).map_err(explain)?, require, queries })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Layer, String> {
        let file = parse(text, Path::new("doorstep.toml")).map_err(|error| error.to_string());
        file.map(|file| file.layer)
    }

    #[test]
    fn lists_and_texts_mean_the_same() {
        let layer = read("schemas = [\"a\", \"b\"]\nrequire_tables = \"x,y\"\nwait_attempts = 60").unwrap();
        assert_eq!(layer.schemas.unwrap().0, ["a", "b"]);
        assert_eq!(layer.require_tables.unwrap().0, ["x", "y"]);
        assert_eq!(layer.wait_attempts, Some(60));
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        assert!(read("wait_timout = \"1s\"").unwrap_err().contains("did you mean wait_timeout?"));
    }

    #[test]
    fn errors_show_the_line_and_never_its_text() {
        let error = read("log = \"info\"\ndatabase_url = \"postgres://u:hunter2@h").unwrap_err();
        assert!(error.starts_with("doorstep.toml:2: ") && !error.contains("hunter2"), "{error}");
        let error = read("log = \"info\"\nwait_timeout = \"10o\"").unwrap_err();
        assert!(error.starts_with("doorstep.toml:2: `10o` is not a duration"), "{error}");
    }
}
