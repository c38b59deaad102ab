//! Primary keys.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::catalog::{Index, IndexColumn};

/// A primary key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Key {
    /// Its name; empty where the engine has none.
    pub name: SmolStr,
    /// Its columns, in their order.
    pub columns: Vec<SmolStr>,
    /// What follows each column in MySQL: `(20)` for the length of a prefix, ` DESC`; empty where nothing follows any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
}

impl std::fmt::Display for Key {
    /// `(a, b(20))`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = self.parts.iter().map(String::as_str).chain(std::iter::repeat(""));
        let columns: Vec<String> = self.columns.iter().zip(parts).map(|(name, part)| format!("{name}{part}")).collect();
        write!(f, "({})", columns.join(", "))
    }
}

impl Key {
    /// Takes a further column, of which only a prefix of this length may be part of the key.
    pub(crate) fn add(&mut self, column: SmolStr, length: Option<u32>, is_descending: bool) {
        let length = length.map_or(String::new(), |length| format!("({length})"));
        let part = if is_descending { length + " DESC" } else { length };
        if !part.is_empty() || !self.parts.is_empty() {
            self.parts.resize(self.columns.len(), String::new());
            self.parts.push(part);
        }
        self.columns.push(column);
    }

    /// The index behind it.
    pub(crate) fn index(&self) -> Index {
        let column = |name: &SmolStr| IndexColumn { name: name.clone(), ..IndexColumn::default() };
        Index {
            name: self.name.clone(),
            columns: self.columns.iter().map(column).collect(),
            unique: true,
            method: SmolStr::new_static("btree"),
            valid: true,
            ..Index::default()
        }
    }
}
