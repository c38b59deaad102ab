//! What a project's Cargo.toml says about refinery: whether versions have 64 bits. Everything else (the table's name,
//! `set_abort_missing`, `set_grouped`) is set in code.

use std::path::Path;

use crate::base::error::Error;
use crate::base::file::{FileKind, read_text};
use crate::formats::refinery::checksum::Width;

const FILE: &str = "Cargo.toml";

/// How wide versions are, by the Cargo.toml in the working directory.
///
/// # Errors
/// [`Error::Settings`] for a file that cannot be read.
pub(crate) fn width() -> Result<Width, Error> {
    let path = Path::new(FILE);
    if !path.exists() {
        return Ok(Width::Four);
    }
    let wrong = |why: &str| Error::Settings(format!("{FILE}: {why}\nnext: correct the file, as cargo reads it"));
    let text = read_text(path, FileKind::Source).map_err(|error| wrong(&error.to_string()))?;
    let file: toml::Table = toml::from_str(&text).map_err(|error| wrong(error.message()))?;
    Ok(if is_wide(&file) { Width::Eight } else { Width::Four })
}

/// Whether one of its tables has a dependency on refinery with the feature `int8-versions`.
fn is_wide(table: &toml::Table) -> bool {
    table.iter().any(|(name, value)| match value {
        toml::Value::Table(inner) if name.starts_with("refinery") => {
            let features = inner.get("features").and_then(toml::Value::as_array).into_iter().flatten();
            features.filter_map(toml::Value::as_str).any(|feature| feature == "int8-versions")
        }
        toml::Value::Table(inner) => is_wide(inner),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feature_says_how_wide_versions_are() {
        for (text, expected) in [
            ("[dependencies]\nrefinery = { version = \"0.9\", features = [\"postgres\", \"int8-versions\"] }", true),
            ("[dependencies.refinery-core]\nversion = \"0.9\"\nfeatures = [\"int8-versions\"]", true),
            ("[workspace.dependencies]\nrefinery = { version = \"0.9\", features = [\"int8-versions\"] }", true),
            ("[target.'cfg(unix)'.dependencies]\nrefinery = { version = \"1\", features = [\"int8-versions\"] }", true),
            ("[dependencies]\nrefinery = { version = \"0.9\", features = [\"postgres\"] }", false),
            ("[dependencies]\nrefinery = \"0.9\"\n# int8-versions", false),
            ("[dependencies]\nother = { version = \"1\", features = [\"int8-versions\"] }", false),
        ] {
            assert_eq!(is_wide(&toml::from_str(text).unwrap()), expected, "{text}");
        }
    }
}
