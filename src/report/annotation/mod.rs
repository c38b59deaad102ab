//! What rules say about lines of files, in every form in which `verify` reports: for people, and for what reads along in CI.

pub(crate) mod ci;
pub(crate) mod sarif;
pub(crate) mod text;

use serde::Serialize;

use crate::finding::Severity;
use crate::report::counted;

/// What a rule says about a line of a file.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Annotation {
    /// The rule's name.
    pub(crate) rule: &'static str,
    /// How bad it is.
    pub(crate) severity: Severity,
    /// The file, as a path from the working directory.
    pub(crate) file: String,
    /// The line, from 1.
    pub(crate) line: usize,
    /// The column, in characters, from 1.
    pub(crate) column: usize,
    /// The kind of thing and its qualified name.
    pub(crate) object: Option<String>,
    /// Why.
    pub(crate) why: String,
    /// How to write it instead; may have several lines.
    pub(crate) safe_way: String,
}

/// The result of a command that judges files.
#[derive(Debug, Serialize)]
pub(crate) struct Annotated {
    /// None is as severe as `least`.
    pub(crate) ok: bool,
    /// How many files were judged.
    pub(crate) files: usize,
    /// What was found, in the order of the files.
    pub(crate) hazards: Vec<Annotation>,
    /// The least severity that fails.
    #[serde(skip)]
    pub(crate) least: Severity,
    /// All rules, each with what it is about.
    #[serde(skip)]
    pub(crate) rules: Vec<(&'static str, &'static str)>,
}

impl Annotated {
    fn count(&self, severity: Severity) -> usize {
        self.hazards.iter().filter(|hazard| hazard.severity == severity).count()
    }

    /// `2 files: 1 error, 3 warnings, 0 notices`.
    pub(crate) fn verdict(&self) -> String {
        let of = |severity, thing| counted(self.count(severity), thing);
        format!(
            "{}: {}, {}, {}",
            counted(self.files, "file"),
            of(Severity::Error, "error"),
            of(Severity::Warning, "warning"),
            of(Severity::Notice, "notice")
        )
    }
}
