//! `diff`: what differs, and the SQL that closes the gap. Passes no verdict, and writes nothing.

use std::fmt;

use serde::Serialize;

use crate::differ::ddl::Script;
use crate::finding::Finding;
use crate::report::flat;

/// What differs between a database and what is expected of it.
#[derive(Debug, Serialize)]
pub(crate) struct Diff {
    /// All findings, by table.
    pub findings: Vec<Finding>,
    /// What would close the gap.
    #[serde(skip)]
    pub script: Script,
    /// Where the database is, for people.
    #[serde(skip)]
    pub address: String,
    /// The files that the gap is told from.
    #[serde(skip)]
    pub files: Vec<String>,
}

impl fmt::Display for Diff {
    /// A line for each finding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{:<8} {}", finding.difference.severity, flat(&finding.sentence()))?;
        }
        Ok(())
    }
}

impl Diff {
    /// The script that closes the gap, with a heading that says which: the text of a `migration.sql`.
    #[must_use]
    pub(crate) fn script(&self) -> String {
        // A name must not end the comment.
        let files = if self.files.is_empty() { "what is required".to_owned() } else { self.files.join(" and ") };
        let heading = format!("What {} lacks of {files}", self.address);
        format!("-- {}\n\n{}", flat(&heading), self.script)
    }
}
