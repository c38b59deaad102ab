//! doorstep.toml: the same settings, one key each.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Layer, unknown};
use crate::error::Error;

/// Read when it stands in the working directory and no other file is named.
const DEFAULT: &str = "doorstep.toml";

/// The layer in `named`, or in ./doorstep.toml when there is one.
pub(super) fn layer(named: Option<PathBuf>) -> Result<Layer, Error> {
    let path = named.as_deref().unwrap_or(Path::new(DEFAULT));
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, path),
        Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => Ok(Layer::default()),
        Err(error) => Err(Error::Settings(format!("cannot read {}: {error}", path.display()))),
    }
}

/// Only the message and the line of a TOML error are shown: the parser's own rendering quotes the line,
/// which may hold a password.
fn parse(text: &str, path: &Path) -> Result<Layer, Error> {
    let explain = |error: toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start).min(text.len());
        let line = text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
        Error::Settings(format!("{}:{line}: {}", path.display(), error.message()))
    };
    let table: toml::Table = toml::from_str(text).map_err(explain)?;
    if let Some(key) = table.keys().find(|key| !Layer::NAMES.contains(&key.as_str())) {
        let what = format!("key in {}:", path.display());
        return Err(unknown(&what, key, str::to_owned));
    }
    toml::from_str(text).map_err(explain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Layer, String> {
        parse(text, Path::new("doorstep.toml")).map_err(|error| error.to_string())
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
