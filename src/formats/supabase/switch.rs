//! Whether the project has its migrations turned off: `[db.migrations] enabled` of the `config.toml` beside the folder, or the
//! variable that overrules it.

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{FileKind, read_text};
use crate::config::toml_switch::toml_switch;

/// The variable that overrules the file.
pub(crate) const VARIABLE: &str = "SUPABASE_DB_MIGRATIONS_ENABLED";

/// The keys in the file.
const KEYS: [&str; 3] = ["db", "migrations", "enabled"];

/// Checks that the migrations of this folder are not turned off; `variable` is the value of [`VARIABLE`].
///
/// # Errors
/// [`Error::Settings`] where they are, or where that cannot be told.
pub(crate) fn check(folder: &Path, variable: Option<&str>) -> Result<(), Error> {
    let (place, is_on) = match variable {
        Some(value) => (VARIABLE.to_owned(), of_variable(value).map_err(|why| unclear(VARIABLE, &why))?),
        None => match of_file(folder)? {
            Some((file, is_on)) => (file.display().to_string(), is_on),
            None => return Ok(()),
        },
    };
    match is_on {
        true => Ok(()),
        false => Err(Error::Settings(format!(
            "{place}: {} is false, and the Supabase CLI skips the migrations\n\
             next: set it to true, or leave migrations alone: --migrate off; to apply the folder with a history of doorstep's \
             own, name it with --migrations, and --migration-format sql",
            KEYS.join(".")
        ))),
    }
}

fn unclear(place: &str, why: &str) -> Error {
    Error::Settings(format!("{place}: {why}\nnext: correct it, as the Supabase CLI reads it"))
}

/// The value of the variable, as Go reads it (`strconv.ParseBool`).
fn of_variable(value: &str) -> Result<bool, String> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("it is neither true nor false".to_owned()),
    }
}

/// What the file says, and which one it is: `config.toml` or `supabase/config.toml` beside the folder.
fn of_file(folder: &Path) -> Result<Option<(PathBuf, bool)>, Error> {
    let beside = folder.parent().unwrap_or(Path::new(""));
    for file in ["config.toml", "supabase/config.toml"].map(|name| beside.join(name)) {
        if !file.exists() {
            continue;
        }
        let wrong = |why: &str| unclear(&file.display().to_string(), why);
        let text = read_text(&file, FileKind::Configuration).map_err(|error| wrong(&error.to_string()))?;
        // Other programs have a config.toml, too.
        let is_its = file.parent().is_some_and(|folder| folder.ends_with("supabase")) || text.contains("project_id");
        if let Some(is_on) = is_its.then(|| toml_switch(&text, &KEYS)).transpose().map_err(|why| wrong(&why))?.flatten()
        {
            return Ok(Some((file, is_on)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_decides_before_the_file() {
        for (value, told) in [("true", None), ("1", None), ("false", Some("is false")), ("off", Some("neither"))] {
            let error = check(Path::new("nowhere/migrations"), Some(value)).err().map(|error| error.to_string());
            assert_eq!(error.is_some(), told.is_some(), "{value}");
            assert!(error.unwrap_or_default().contains(told.unwrap_or_default()), "{value}");
        }
        assert!(check(Path::new("nowhere/migrations"), None).is_ok());
    }
}
