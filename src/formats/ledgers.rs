//! Which tool a history table belongs to. The list itself is plain data in the catalog, because the engines leave some of
//! these tables out of what they read.

use crate::catalog::history_tables::HISTORY_TABLES;

/// The tool, or tools, that keep their history in a table of this name.
#[must_use]
pub(crate) fn tool_of(table: &str) -> Option<&'static str> {
    HISTORY_TABLES.iter().find(|known| known.name == table).map(|known| known.tool)
}
