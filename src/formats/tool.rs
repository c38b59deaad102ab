//! The tools of the formats, as data: who applies the migrations, and what to tell people who work with them.

use std::path::Path;

use crate::base::environment::Environment;
use crate::config::words::Words;
use crate::formats::inquiry::Inquiry;

/// The tool that a format belongs to.
#[derive(Debug)]
pub(crate) struct Tool {
    /// Its name, as `doorstep status` shows it.
    pub name: &'static str,
    /// How a new migration is written, as an instruction to a person; SLUG stands for its name.
    pub authoring: &'static str,
    /// Whether it writes a migration by itself from a schema file.
    pub writes_from_schema: bool,
    /// The command that edits its history, where doorstep does not write it.
    pub by_hand: &'static str,
    /// The command that applies the migrations; `None` where doorstep does.
    pub command: Option<ToolCommand>,
}

/// The command that people type to apply migrations.
#[derive(Debug)]
pub(crate) struct ToolCommand {
    /// Names of the program, the preferred one first.
    pub programs: &'static [&'static str],
    /// Where Poetry and uv put it: in a virtual environment beside the project that is not on the path.
    pub beside: &'static str,
    /// Its arguments.
    pub arguments: &'static [&'static str],
    /// How it is asked what is pending; `None` where its own commands for that write (they create its table).
    pub inquiry: Option<&'static dyn Inquiry>,
}

impl Tool {
    /// How a new migration of this name is written.
    #[must_use]
    pub(crate) fn new_migration(&self, slug: &str) -> String {
        self.authoring.replace("SLUG", slug)
    }
}

impl ToolCommand {
    /// The words of the command, with the program that is found here.
    #[must_use]
    pub(crate) fn words(&self, environment: &Environment) -> Words {
        let path = environment.get("PATH").unwrap_or_default();
        let is_on_path = |name: &&&str| std::env::split_paths(path).any(|folder| folder.join(name).is_file());
        let beside = || Path::new(self.beside).is_file().then_some(self.beside);
        let program = self.programs.iter().find(is_on_path).copied().or_else(beside).unwrap_or(self.programs[0]);
        let words: Vec<&str> = std::iter::once(program).chain(self.arguments.iter().copied()).collect();
        words[..].into()
    }
}
