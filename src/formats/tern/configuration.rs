//! What `tern.conf` says about the history: `version_table` in its section `database`.

use std::path::Path;

use crate::base::error::Error;
use crate::base::file::{FileKind, read_text};
use crate::sql::TableName;

const FILE: &str = "tern.conf";

/// The table that the tern.conf in the working directory names.
///
/// # Errors
/// [`Error::Settings`] for a file that cannot be read, and for a name that is computed.
pub(crate) fn table() -> Result<Option<TableName>, Error> {
    let path = Path::new(FILE);
    if !path.exists() {
        return Ok(None);
    }
    let wrong = |why: &str| Error::Settings(format!("{FILE}: {why}\nnext: name the table with --history-table"));
    let text = read_text(path, FileKind::Source).map_err(|error| wrong(&error.to_string()))?;
    let Some(name) = version_table(&text) else { return Ok(None) };
    if name.contains("{{") {
        return Err(wrong("version_table is computed"));
    }
    // tern writes the name into its statements as it is, so that PostgreSQL folds what stands without quotes.
    let folded = if name.contains('"') { name.to_owned() } else { name.to_lowercase() };
    folded.parse().map(Some).map_err(|why: String| wrong(&format!("version_table: {why}")))
}

/// The value of `version_table`.
fn version_table(text: &str) -> Option<&str> {
    let mut section = "";
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['#', ';'])) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim();
        } else if let Some((key, value)) = line.split_once('=')
            && section == "database"
            && key.trim() == "version_table"
        {
            return Some(value.trim());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_section_database_counts() {
        for (text, expected) in [
            ("[database]\nhost = h\nversion_table = hist.done\n[data]\nx = 1\n", Some("hist.done")),
            ("[database]\n# version_table = a\n", None),
            ("[data]\nversion_table = a\n", None),
            ("", None),
        ] {
            assert_eq!(version_table(text), expected, "{text}");
        }
    }
}
