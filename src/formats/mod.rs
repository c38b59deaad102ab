//! Migration formats: what the tools of the field have in their folders and in their history tables. A format never talks
//! to a database: it reads files, and gives and reads the statements of its history.
//!
//! A format is three parts: a [`Layout`] (folder to migrations), a [`Ledger`] (the history table), and a [`Tool`] (who
//! applies, and how people work with it). To add one whose files are SQL: one file here with the three parts, an entry in
//! [`ALL`], and its name among the settings ([`MigrationFormat`]).

pub(crate) mod alembic;
pub(crate) mod applied_rows;
pub(crate) mod code;
pub(crate) mod dbmate;
pub(crate) mod detect;
pub(crate) mod diesel;
pub(crate) mod django;
pub(crate) mod drizzle;
pub(crate) mod external;
pub(crate) mod flyway;
pub(crate) mod golang_migrate;
pub(crate) mod goose;
pub(crate) mod guard;
pub(crate) mod inquiry;
pub(crate) mod javascript;
pub(crate) mod ledger;
pub(crate) mod ledger_ddl;
pub(crate) mod ledgers;
pub(crate) mod liquibase;
pub(crate) mod lock_row;
pub(crate) mod marks;
pub(crate) mod migration;
pub(crate) mod name_order;
pub(crate) mod node_pg_migrate;
pub(crate) mod notes;
pub(crate) mod prisma;
pub(crate) mod python;
pub(crate) mod refinery;
pub(crate) mod run_row;
pub(crate) mod signs;
pub(crate) mod sql;
pub(crate) mod sql_files;
pub(crate) mod sqlx_folder;
pub(crate) mod supabase;
pub(crate) mod tern;
pub(crate) mod tool;
pub(crate) mod tool_projects;
pub(crate) mod umzug;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::config::words::Words;
use crate::config::{MigrationFormat, OutOfOrder};
use crate::engines::session::{LockKey, LockName};
use crate::formats::code::Convention;
use crate::formats::migration::Migration;
use crate::formats::signs::Claim;
use crate::formats::tool::Tool;
use crate::sql::{Dialect, TableName};

pub(crate) use crate::formats::ledger::{Ledger, LedgerWriter, LockPlace, Outcome, Review, RowKey};
pub(crate) use crate::formats::prisma::{Datasource, UrlSource};

/// Key of doorstep's own lock, for formats whose tools take none.
pub(crate) const OWN_LOCK: LockKey = LockKey::new(i64::from_be_bytes(*b"doorstep"), LockName::OfDatabase("doorstep"));

/// All formats.
pub(crate) const ALL: &[FormatEntry] = &[
    prisma::ENTRY,
    sql::ENTRY,
    dbmate::ENTRY,
    sqlx_folder::ENTRY,
    diesel::ENTRY,
    drizzle::ENTRY,
    golang_migrate::ENTRY,
    goose::ENTRY,
    flyway::ENTRY,
    supabase::ENTRY,
    liquibase::ENTRY,
    refinery::ENTRY,
    node_pg_migrate::ENTRY,
    umzug::ENTRY,
    tern::ENTRY,
    alembic::ENTRY,
    django::ENTRY,
    code::typeorm::ENTRY,
    code::knex::ENTRY,
    code::sequelize::ENTRY,
    code::rails::ENTRY,
    code::ecto::ENTRY,
    code::laravel::ENTRY,
    code::efcore::ENTRY,
];

/// Whether doorstep applies the migrations of the format of this name.
pub(crate) fn is_applied_here(name: MigrationFormat) -> bool {
    ALL.iter().filter_map(FormatEntry::folder).any(|(known, _)| known == name)
}

/// How a format is found.
#[derive(Clone, Copy)]
pub(crate) struct FormatEntry {
    /// What the settings call it.
    pub name: MigrationFormat,
    /// What it is known by.
    pub detection: Detection,
}

impl FormatEntry {
    /// Its name, and how its folder is found; `None` where a tool applies the migrations.
    pub(crate) fn folder(&self) -> Option<(MigrationFormat, FolderDetection)> {
        match self.detection {
            Detection::Folder(found) => Some((self.name, found)),
            Detection::File { .. } | Detection::Code(_) => None,
        }
    }
}

/// What a format is known by.
#[derive(Clone, Copy)]
pub(crate) enum Detection {
    /// The files of a folder whose migrations doorstep applies, as [`signs`] knows them.
    Folder(FolderDetection),
    /// A file of the project, of a tool that applies its migrations itself.
    File {
        /// Where the file may be, in this order.
        places: &'static [&'static str],
        /// The file that the environment names instead.
        named: fn(&Surroundings<'_>) -> Option<PathBuf>,
        /// Whether a file in one of the places is the tool's: other tools may have it, too.
        owns: fn(&Path) -> bool,
        /// Names of the programs that apply its migrations.
        programs: &'static [&'static str],
        /// Reads the project's configuration, beginning with that file.
        open: fn(&Path, &Surroundings<'_>) -> Result<Format, Error>,
    },
    /// The project of a tool whose migrations are programs in files with names.
    Code(&'static Convention),
}

/// How the folder of a format that doorstep applies is found, and read.
#[derive(Clone, Copy)]
pub(crate) struct FolderDetection {
    /// How such a file is called, for the message about an unknown folder.
    pub example: &'static str,
    /// Where the tool looks for its folder; `None` where that is one of the places where every format is looked for.
    pub place: fn(&Environment) -> Result<Option<PathBuf>, Error>,
    /// Whether this file is the tool's, where the tool is given a file rather than a folder; and whether a setting names the
    /// format. An error says why a file of the tool's is not read.
    pub file: fn(&Path, bool) -> Result<bool, Error>,
    /// The marks that say, before anything else is read, whose files these are.
    pub marks: Option<FileMarks>,
    /// The format, by what decides about it.
    pub open: fn(&Opening<'_>) -> Result<Format, Error>,
}

impl FolderDetection {
    /// Of a format without a place of its own and without marks.
    pub(crate) const fn new(example: &'static str, open: fn(&Opening<'_>) -> Result<Format, Error>) -> Self {
        Self { example, place: |_| Ok(None), file: |_, _| Ok(false), marks: None, open }
    }
}

/// Marks of a tool in its files.
#[derive(Clone, Copy)]
pub(crate) struct FileMarks {
    /// By its name, the tool runs this file.
    pub is_migration: fn(&str) -> bool,
    /// The text has the tool's marks.
    pub is_marked: fn(&str) -> bool,
}

/// What decides how a folder of a format that doorstep applies is read, besides its files.
pub(crate) struct Opening<'a> {
    /// The folder that was found: some formats have several layouts.
    pub place: Option<&'a Path>,
    /// A setting names the format; otherwise the files show it.
    pub is_named: bool,
    /// The folder that the settings name.
    pub folder: Option<&'a Path>,
    /// The history table that the settings name.
    pub history_table: Option<&'a TableName>,
    /// The environment.
    pub environment: &'a Environment,
    /// The parameters of the database's URL that tools of Go read, which begin with `x-`.
    pub url_parameters: &'a [(String, String)],
    /// Names of the variables that may land in statements, where the tool puts them there.
    pub variables: &'a [String],
}

impl<'a> Opening<'a> {
    /// What decides how a tool's project is read, where no command is set.
    fn surroundings(&self) -> Surroundings<'a> {
        let Self { is_named, folder, history_table, environment, .. } = *self;
        Surroundings { folder, command: None, history_table, is_named, environment }
    }

    /// The value of one of these parameters of the URL.
    fn url_parameter(&self, name: &str) -> Option<&str> {
        self.url_parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Refuses the setting `history_table`.
    fn refuse_history_table(&self, why: &str) -> Result<(), Error> {
        match self.history_table {
            None => Ok(()),
            Some(table) => Err(Error::Settings(format!("history_table = {table}: {why}\nnext: leave it out"))),
        }
    }
}

/// A ledger or a layout, found once in a start and needed to its end.
fn kept<T>(part: T) -> &'static T {
    Box::leak(Box::new(part))
}

/// What besides its files decides how a tool's project is read.
pub(crate) struct Surroundings<'a> {
    /// The folder that the settings name.
    pub folder: Option<&'a Path>,
    /// The command that the settings name.
    pub command: Option<&'a Words>,
    /// The history table that the settings name.
    pub history_table: Option<&'a TableName>,
    /// The settings name the format.
    pub is_named: bool,
    /// The environment.
    pub environment: &'a Environment,
}

/// One tool's convention.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    /// How its folder is read.
    pub layout: &'static dyn Layout,
    /// How its history is read.
    pub ledger: &'static dyn Ledger,
    /// How doorstep writes the history; `None` where the tool applies the migrations.
    pub writer: Option<&'static dyn LedgerWriter>,
    /// Who applies.
    pub tool: &'static Tool,
}

impl Format {
    /// How doorstep writes the history.
    ///
    /// # Errors
    /// [`Error::Settings`] where the tool applies the migrations and writes it.
    pub(crate) fn own_writer(&self) -> Result<&'static dyn LedgerWriter, Error> {
        self.writer.ok_or_else(|| {
            let Tool { name: tool, by_hand, .. } = self.tool;
            Error::Settings(format!(
                "{tool} applies these migrations and keeps their history, doorstep only starts it\n\
                 next: do it with {tool} (its history by hand: {by_hand})"
            ))
        })
    }
}

/// From a folder to migrations: the grammar of their names, their order, the sections of a file that run, checksums.
pub(crate) trait Layout: Sync + fmt::Debug {
    /// The engines on which doorstep runs such a folder.
    fn dialects(&self) -> &'static [Dialect] {
        Dialect::ALL
    }

    /// The engine that the folder itself says it is written for.
    fn written_for(&self, _folder: &Path) -> Option<Dialect> {
        None
    }

    /// Reads, orders and checksums the whole folder, before anything is written.
    ///
    /// # Errors
    /// [`Error::History`] for a folder that the tool itself would not accept.
    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error>;

    /// Tells of an applied migration whose file is not in the folder whether that is an error; `known` are the files.
    fn missed<'a>(&self, _known: &'a [Migration]) -> Box<dyn Fn(&str) -> bool + 'a> {
        Box::new(|_| true)
    }

    /// Why the tool stops at such a history, whether or not something is pending: applied migrations are `missing` from the
    /// folder, or have been `edited` since.
    fn forbids(&self, _missing: &[&str], _edited: &[&str]) -> Option<String> {
        None
    }

    /// Why the tool does not go on with a folder in which migrations precede those that are applied, or never runs them;
    /// with the command that resolves it. Not asked where the setting `out_of_order` decides.
    fn forbids_order(&self, _order: &AppliedOrder<'_>) -> Option<String> {
        None
    }

    /// The names of pending migrations that the tool leaves aside, given those that are applied: a later one stands for them.
    fn left_aside(&self, _files: &[Migration], _applied: &[&str]) -> Vec<String> {
        Vec::new()
    }

    /// Whether a migration of the folder is for this server: product and version, as [`Probe`](crate::engines::session::Probe)
    /// has them.
    fn is_for_server(&self, _migration: &Migration, _server: &str) -> bool {
        true
    }

    /// Whether a migration has a place in an order, so that it can be late.
    fn is_ordered(&self, _name: &str) -> bool {
        true
    }

    /// Whether a release that is older than the database runs its own text of a migration that a newer release has run since.
    fn older_release_reruns(&self) -> bool {
        true
    }

    /// Whether the tool goes on where applied migrations are not in the folder.
    fn tolerates_missing(&self) -> bool {
        false
    }

    /// Whether a migration that is pending by the files is pending indeed, given the applied ones that are not in them.
    fn is_lower_bound(&self, _missing: usize, lineage: &Lineage) -> bool {
        lineage.partial.as_ref().is_none_or(|partial| partial.is_lower_bound)
    }

    /// Why the tool would refuse to continue: applied migrations are `missing` from the folder, or it cannot decide how
    /// to apply the `pending` ones. With the command that resolves it.
    fn obstacle(&self, _missing: &[&str], _pending: &[&str], _lineage: &Lineage) -> Option<String> {
        None
    }
}

/// A folder of migrations, and its format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folder {
    /// The folder; of a tool that applies its migrations itself, the file it was found by.
    pub path: &'static Path,
    /// Its format.
    pub format: Format,
    /// The tools that the folder looks like, where only a history in the database can say that it is this format.
    pub claim: Option<&'static Claim>,
    /// Further formats of doorstep's own that it may be: their histories in the database tell.
    pub alternatives: &'static [Format],
    /// What the settings say about migrations that are older than applied ones; `None`: as the tool does.
    pub out_of_order: Option<OutOfOrder>,
}

impl Folder {
    /// A folder whose format is certain.
    pub(crate) fn of(path: &'static Path, format: Format) -> Self {
        Self { path, format, claim: None, alternatives: &[], out_of_order: None }
    }

    /// Reads the folder, for a database of this engine.
    ///
    /// # Errors
    /// [`Error::Settings`] where doorstep does not run the format on the engine; those of [`Layout::read`].
    pub(crate) fn read(&self, dialect: Dialect) -> Result<Resolved, Error> {
        let dialects = self.format.layout.dialects();
        if dialects.contains(&dialect) {
            return self.format.layout.read(self.path, dialect);
        }
        let products: Vec<&str> = dialects.iter().map(|dialect| dialect.product()).collect();
        Err(Error::Settings(format!(
            "the migrations in {} are those of {}, which doorstep runs on {} only, and the database is {}\n\
             next: check DATABASE_URL, or name another format with --migration-format",
            self.path.display(),
            self.format.tool.name,
            products.join(" and "),
            dialect.product()
        )))
    }
}

/// A folder and what was applied of it, for [`Layout::forbids_order`].
#[derive(Debug)]
pub(crate) struct AppliedOrder<'a> {
    /// The migrations of the folder, in its order.
    pub files: &'a [Migration],
    /// The applied ones, in the order of the history.
    pub applied: &'a [&'a str],
    /// Those that are pending, though a later one is applied.
    pub late: &'a [&'a str],
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    /// Migrations in the order in which they apply.
    pub migrations: Vec<Migration>,
    /// Things worth a warning.
    pub warnings: Vec<String>,
    /// How they depend on each other.
    pub lineage: Lineage,
    /// The tools that the files look like, where only a history in the database can say that they are of this format.
    pub claim: Option<Claim>,
}

/// How the migrations of a tool of its own depend on each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lineage {
    /// Names of the migrations, by the key that the history has of them; where that is not the name.
    pub keys: BTreeMap<String, String>,
    /// By name, those that are applied wherever it is.
    pub implies: BTreeMap<String, Vec<String>>,
    /// By name, those that may run again though they are applied, and when.
    pub reruns: BTreeMap<String, Rerun>,
    /// By name, their checksums as an older version of the tool computes them.
    pub former: BTreeMap<String, String>,
    /// Why the tool could apply none of them.
    pub broken: Option<String>,
    /// Set where the files alone do not tell what is pending, so that the tool has to be asked.
    pub partial: Option<Partial>,
}

/// When an applied migration runs again: the rule of every format that has such migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rerun {
    /// At every start.
    Always,
    /// When its checksum is no longer the recorded one; with the one that it has.
    Changed(String),
}

/// Why the files alone do not tell what is pending, and what they tell all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partial {
    /// Why.
    pub why: String,
    /// What is read is right, and only not all of it: a migration that is pending by the files is pending.
    pub is_lower_bound: bool,
}

impl Partial {
    /// The files say less than all.
    pub(crate) fn lower_bound(why: String) -> Self {
        Self { why, is_lower_bound: true }
    }

    /// What the files say may be wrong.
    pub(crate) fn nothing_certain(why: String) -> Self {
        Self { why, is_lower_bound: false }
    }
}

/// `2026-11-21 09:00:00.5+00` as RFC 3339. Done here, since the server's to_char costs a fresh backend a
/// millisecond for each hundred rows; any other text stays as it is.
fn rfc3339(text: String) -> String {
    let Some(blank) = text.bytes().position(|byte| byte == b' ') else { return text };
    // In place: a long history has three times in each row.
    let mut bytes = text.into_bytes();
    bytes[blank] = b'T';
    let zone = bytes[blank..].iter().rposition(|byte| matches!(byte, b'+' | b'-'));
    match zone.map_or(&b""[..], |zone| &bytes[blank + zone..]) {
        b"+00" => {
            bytes.truncate(bytes.len() - 3);
            bytes.push(b'Z');
        }
        b"" => bytes.push(b'Z'),
        hours if hours.len() == 3 => bytes.extend(b":00"),
        _ => {}
    }
    String::from_utf8(bytes).expect("ASCII took the place of ASCII")
}

#[cfg(test)]
impl<'a> Surroundings<'a> {
    /// Without a setting.
    pub(crate) fn without_settings(environment: &'a Environment) -> Self {
        Self { folder: None, command: None, history_table: None, is_named: false, environment }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_one_entry_and_one_that_applies() {
        use clap::ValueEnum;
        assert!(
            MigrationFormat::value_variants()
                .iter()
                .all(|name| { ALL.iter().filter(|entry| entry.name == *name).count() == 1 })
        );
        for entry in ALL {
            if let Detection::Folder(FolderDetection { open, .. }) = entry.detection {
                let environment = Environment::default();
                let format = open(&Opening {
                    place: None,
                    is_named: true,
                    folder: None,
                    history_table: None,
                    environment: &environment,
                    url_parameters: &[],
                    variables: &[],
                })
                .unwrap();
                assert!(format.writer.is_some() && format.tool.command.is_none(), "{format:?}");
                assert!(ledgers::tool_of(format.ledger.table()).is_some(), "{format:?}");
            }
        }
    }

    #[test]
    fn times_are_rfc_3339_in_the_servers_zone() {
        let rfc3339 = |text: &str| super::rfc3339(text.to_owned());
        assert_eq!(rfc3339("2026-11-21 09:00:00.123456+00"), "2026-11-21T09:00:00.123456Z");
        assert_eq!(rfc3339("2026-11-21 18:00:00+09"), "2026-11-21T18:00:00+09:00");
        assert_eq!(rfc3339("2026-11-21 14:30:00+05:30"), "2026-11-21T14:30:00+05:30");
        assert_eq!(rfc3339("2026-11-21 09:00:00"), "2026-11-21T09:00:00Z"); // SQLite's current_timestamp
    }
}
