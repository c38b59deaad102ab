//! Tools whose migrations are programs (JavaScript, Ruby, Elixir, PHP, C#): the tool applies them, and doorstep tells without
//! starting it whether anything is pending. That is files minus rows: one engine, to which each tool is a [`Convention`],
//! plain data and a few functions on names and texts.
//!
//! What a project computes (the place of the files, the name of the table) is not guessed: the lineage is then partial, and
//! the verdict `unknown`. The settings `migrations` and `history_table` say what a configuration does not.
//!
//! None of these tools keeps a checksum. Their locks are left to them: doorstep holds a key of its own while the tool runs,
//! and no lock on a table.

pub(crate) mod command;
pub(crate) mod files;
pub(crate) mod options;
pub(crate) mod project;
pub(crate) mod stated;
pub(crate) mod text;

pub(crate) mod ecto;
pub(crate) mod efcore;
pub(crate) mod glob;
pub(crate) mod knex;
pub(crate) mod laravel;
pub(crate) mod node_pg_migrate;
pub(crate) mod rails;
pub(crate) mod sequelize;
pub(crate) mod typeorm;
pub(crate) mod typeorm_classes;
pub(crate) mod umzug;

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::formats::code::command::CommandForm;
use crate::formats::code::files::{Named, SourceFile};
use crate::formats::code::stated::{Configuration, Stated};
use crate::formats::tool::Tool;
use crate::formats::{Format, Partial, Surroundings};
use crate::sql::Dialect;

/// Formats of SQL files that doorstep applies, and that may have migrations in code, too: a folder with such files is the tool's.
/// With the name of the tool.
const BESIDE_SQL: &[(MigrationFormat, &str, &Convention)] = &[
    (MigrationFormat::NodePgMigrate, "node-pg-migrate", &node_pg_migrate::CONVENTION),
    (MigrationFormat::Umzug, "umzug", &umzug::CONVENTION),
];

/// How a tool applies a folder of this format that has migrations in code.
pub(crate) fn beside_sql(name: MigrationFormat) -> Option<&'static Convention> {
    BESIDE_SQL.iter().find(|(known, ..)| *known == name).map(|(.., convention)| *convention)
}

/// The format of a tool of this name that has migrations in code beside SQL files.
pub(crate) fn format_beside_sql(tool: &str) -> Option<MigrationFormat> {
    BESIDE_SQL.iter().find(|(_, known, _)| *known == tool).map(|(name, ..)| *name)
}

/// Whether a folder of this format has migrations in code.
pub(crate) fn is_in_code(name: MigrationFormat, folder: Option<&Path>) -> bool {
    beside_sql(name).is_some_and(|it| node_pg_migrate::has_programs(folder.unwrap_or(Path::new(it.folder))))
}

/// Whether a file is a program of JavaScript or TypeScript, by its ending.
pub(crate) fn is_script(name: &str) -> bool {
    let endings = [".js", ".cjs", ".mjs", ".ts", ".cts", ".mts"];
    endings.iter().any(|ending| name.ends_with(ending))
        && ![".d.ts", ".d.cts", ".d.mts"].iter().any(|it| name.ends_with(it))
}

/// What the engine has to know of a tool.
#[derive(Debug)]
pub(crate) struct Convention {
    /// The file or folder that a project of the tool is known by, for the message that it is missing.
    pub usual: &'static str,
    /// Looks for it.
    pub find: fn(&Surroundings<'_>) -> Option<PathBuf>,
    /// Reads the project's configuration, beginning with that file.
    pub configure: fn(&Path, &Surroundings<'_>) -> Result<Configuration, Error>,
    /// The engines that the tool knows.
    pub dialects: &'static [Dialect],
    /// Where the migrations are, unless the configuration says otherwise.
    pub folder: &'static str,
    /// The migrations in a file of these folders.
    pub files: FileRule,
    /// The rows.
    pub rows: RowRule,
    /// What the tool makes of a row without a file.
    pub missing: Missing,
    /// The command that applies the migrations.
    pub command: CommandForm,
    /// Who applies, by the file that the project was found by, and the folder that the settings name.
    pub tool: fn(&Path, Option<&Path>) -> &'static Tool,
}

/// How a tool reads its files.
#[derive(Debug)]
pub(crate) struct FileRule {
    /// The folders within count, too.
    pub is_recursive: bool,
    /// The migrations of a file.
    pub read: fn(&SourceFile<'_>, &Configuration) -> Vec<Named>,
    /// Their order, by the keys that the history has.
    pub order: fn(&str, &str) -> Ordering,
    /// The tool stops at two migrations of one key, or of one name.
    pub refuses_duplicates: bool,
}

/// How a dialect reads a column as text.
type AsText = fn(Dialect, &str) -> String;

/// The history table of a tool.
#[derive(Debug)]
pub(crate) struct RowRule {
    /// Its usual name.
    pub table: &'static str,
    /// The column with the key of a migration.
    pub key: &'static str,
    /// The column with the time, and how it is read as text.
    pub time: Option<(&'static str, AsText)>,
    /// Columns of other tools' tables that have the same name and the same column with the key.
    pub of_others: &'static [(&'static str, &'static str)],
    /// The key in the form in which files have it.
    pub normal: fn(String) -> String,
    /// The engines on which the tool locks other runs of itself out.
    pub locks_on: &'static [Dialect],
}

/// What a tool makes of rows without files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Nothing.
    Ignored,
    /// It stops, unless its configuration says otherwise.
    Refused,
}

impl Convention {
    /// The project that this file belongs to; with the settings, what its configuration does not say.
    ///
    /// # Errors
    /// [`Error::Settings`] where the migrations cannot be found.
    pub(crate) fn open(&'static self, file: &Path, surroundings: &Surroundings<'_>) -> Result<Format, Error> {
        let configuration = (self.configure)(file, surroundings)?;
        self.with(file, configuration, surroundings)
    }

    /// Whether the tool looks into this folder.
    pub(crate) fn reads(&self, file: &Path, folder: &Path, surroundings: &Surroundings<'_>) -> bool {
        if surroundings.folder.is_some() {
            return true;
        }
        let Ok(configuration) = (self.configure)(file, surroundings) else { return false };
        let is_within = |pattern: &String| Path::new(pattern.trim_start_matches("./")).starts_with(folder);
        match &configuration.folders {
            Stated::Is(folders) if configuration.patterns.is_empty() => folders.iter().any(|it| is_same(it, folder)),
            Stated::Absent if configuration.patterns.is_empty() => is_same(Path::new(self.folder), folder),
            Stated::Is(_) | Stated::Absent => configuration.patterns.iter().any(is_within),
            Stated::Computed(_) => false,
        }
    }

    /// The project without a configuration, where settings name the format.
    ///
    /// # Errors
    /// [`Error::Settings`] without a folder.
    pub(crate) fn open_named(&'static self, surroundings: &Surroundings<'_>) -> Result<(PathBuf, Format), Error> {
        let folder = surroundings.folder.map_or_else(|| PathBuf::from(self.folder), Path::to_owned);
        if surroundings.folder.is_none() && !folder.is_dir() {
            return Err(Error::Settings(format!(
                "there is no {} here, and no folder {}\n\
                 next: start doorstep in the directory that holds it, or name the folder with --migrations",
                self.usual, self.folder
            )));
        }
        let mut configuration = Configuration::default();
        if let Some(option) = surroundings.command.and_then(|command| self.command.heeded_option(command)) {
            configuration
                .doubt(Partial::nothing_certain(format!("the command has {option}, and there is no {}", self.usual)));
        }
        let format = self.with(&folder, configuration, surroundings)?;
        Ok((folder, format))
    }

    fn with(
        &'static self,
        file: &Path,
        configuration: Configuration,
        surroundings: &Surroundings<'_>,
    ) -> Result<Format, Error> {
        let tool = (self.tool)(file, surroundings.folder);
        let project = project::CodeProject::new(self, (file, tool), configuration, surroundings)?;
        // Read once in a start, and needed to its end.
        let project = crate::formats::kept(project);
        Ok(Format { layout: project, ledger: project, writer: None, tool })
    }
}

fn is_same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

/// The order of the names as JavaScript compares texts: by UTF-16 code units.
pub(crate) fn by_code_units(one: &str, other: &str) -> Ordering {
    one.encode_utf16().cmp(other.encode_utf16())
}

/// The order of the numbers that keys consist of.
pub(crate) fn by_number(one: &str, other: &str) -> Ordering {
    let digits = |key: &str| key.trim_start_matches('0').len();
    digits(one).cmp(&digits(other)).then_with(|| one.trim_start_matches('0').cmp(other.trim_start_matches('0')))
}

/// The number as texts of it agree: without zeros before it.
pub(crate) fn normal_number(key: String) -> String {
    let digits = key.trim_start();
    let digits = &digits[..digits.bytes().take_while(u8::is_ascii_digit).count()];
    match digits.trim_start_matches('0') {
        "" => "0".to_owned(),
        number => number.to_owned(),
    }
}
