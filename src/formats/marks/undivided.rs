//! Marks in the files of a tool that has none: it runs all of the file, also the part that takes the migration back.

use crate::formats::marks::sections;
use crate::sql::script::Script;

/// Why a file that `tool` runs as a whole must not run so: it has marks of another tool, or comments like them.
#[must_use]
pub(crate) fn refused(script: &Script, tool: &str, next: &str) -> Option<String> {
    if !sections::may_have_marks(script.text()) {
        return None;
    }
    let found = sections::sections(script);
    if let Some(error) = found.error {
        return Some(format!("line {}: {error}", error.line));
    }
    let tools = found.up.map(|_| found.tools.join(", "))?;
    Some(format!(
        "it has marks of {tools}, and {tool} would run also the part that takes the migration back\nnext: {next}"
    ))
}
