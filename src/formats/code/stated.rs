//! What a project's configuration says about its migrations, as far as it says it in literals.

use std::path::PathBuf;

use crate::formats::Partial;

/// What a configuration says about a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Stated<T> {
    /// Nothing: the tool's default counts.
    #[default]
    Absent,
    /// This.
    Is(T),
    /// Something that only the tool can evaluate; with the reason.
    Computed(String),
}

impl<T> Stated<T> {
    /// Why it is not known.
    pub(crate) fn computed(&self) -> Option<&str> {
        match self {
            Self::Computed(why) => Some(why),
            Self::Absent | Self::Is(_) => None,
        }
    }
}

/// The configuration of a project.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    /// Where the migrations are. Files where the tool names files.
    pub folders: Stated<Vec<PathBuf>>,
    /// Patterns of the files, where the tool has no folders.
    pub patterns: Vec<String>,
    /// The name of the history table.
    pub table: Stated<String>,
    /// Its schema.
    pub schema: Stated<String>,
    /// The endings of the files, where they are not the usual ones.
    pub endings: Option<Vec<String>>,
    /// Rows without files do not stop the tool.
    pub tolerates_missing: bool,
    /// What else only the tool can tell.
    pub partial: Option<Partial>,
}

impl Configuration {
    /// A project of which nothing is known but that the tool's own code decides.
    pub(crate) fn opaque(why: String) -> Self {
        Self { folders: Stated::Is(Vec::new()), partial: Some(Partial::nothing_certain(why)), ..Self::default() }
    }

    /// Notes why less is known. What may be wrong outweighs what may not be all.
    pub(crate) fn doubt(&mut self, partial: Partial) {
        match &self.partial {
            Some(known) if !known.is_lower_bound || partial.is_lower_bound => {}
            _ => self.partial = Some(partial),
        }
    }
}
