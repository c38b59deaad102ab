//! Where diesel looks for its migrations: `MIGRATION_DIRECTORY`, and `diesel.toml`, `[migrations_directory] dir`.
//!
//! Source: diesel_cli 2.3, `migrations_dir` and `Config::file_path`. The library looks for `migrations` alone.

use std::path::{Path, PathBuf};

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::file::{FileKind, read_text};

/// Its name.
const FILE: &str = "diesel.toml";

/// Where diesel's command looks, if its environment or its configuration says so.
///
/// # Errors
/// [`Error::Settings`] for a configuration that cannot be read.
pub(crate) fn place(environment: &Environment) -> Result<Option<PathBuf>, Error> {
    let named = |name| environment.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(place) = named("MIGRATION_DIRECTORY") {
        return Ok(Some(place));
    }
    let file = named("DIESEL_CONFIG_FILE").or_else(|| of_project(&std::env::current_dir().ok()?));
    let Some(file) = file.filter(|file| file.exists()) else { return Ok(None) };
    let wrong =
        |why: &str| Error::Settings(format!("{}: {why}\nnext: correct the file, as diesel reads it", file.display()));
    let text = read_text(&file, FileKind::Source).map_err(|error| wrong(&error.to_string()))?;
    let folder = folder(&text).map_err(|why| wrong(&why))?;
    Ok(folder.map(|folder| file.parent().unwrap_or_else(|| Path::new("")).join(folder)))
}

/// The configuration of the project: in the nearest directory, from here upwards, that has it or a Cargo.toml.
fn of_project(here: &Path) -> Option<PathBuf> {
    let is_root = |place: &&Path| ["Cargo.toml", FILE].iter().any(|file| place.join(file).exists());
    let root = here.ancestors().find(is_root)?;
    Some(if root == here { FILE.into() } else { root.join(FILE) })
}

/// `[migrations_directory] dir`.
fn folder(text: &str) -> Result<Option<String>, String> {
    let file: toml::Table = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    match file.get("migrations_directory").map(|section| section.get("dir")) {
        None => Ok(None),
        Some(Some(toml::Value::String(folder))) => Ok(Some(folder.clone())),
        Some(_) => Err("[migrations_directory] has no text dir".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_read_from_its_section() {
        for (text, expected) in [
            ("", Ok(None)),
            ("[print_schema]\nfile = \"src/schema.rs\"\n", Ok(None)),
            ("[migrations_directory]\ndir = \"db/migrations\"\n", Ok(Some("db/migrations".to_owned()))),
        ] {
            assert_eq!(folder(text), expected, "{text}");
        }
        for wrong in ["[migrations_directory]\n", "[migrations_directory]\ndir = 1\n", "[migrations_directory"] {
            assert!(folder(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_project_is_the_nearest_directory_with_a_configuration_or_a_manifest() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("service/bin");
        std::fs::create_dir_all(&inner).unwrap();
        std::fs::write(root.path().join(FILE), "").unwrap();
        assert_eq!(of_project(&inner), Some(root.path().join(FILE)));
        std::fs::write(root.path().join("service/Cargo.toml"), "").unwrap();
        assert_eq!(of_project(&inner), Some(root.path().join("service").join(FILE)));
        assert_eq!(of_project(root.path()), Some(FILE.into()));
    }
}
