//! Migration formats: which tool's folder and history table it is. A format knows files, checksums and
//! the statements of its history; it never talks to a database.
//!
//! Statements are text per dialect rather than a description of columns: the ten tools of the field
//! differ in more than names (several rows per migration, one row in all, batches, times as integers).
//! To add a format: one file here, a variant of [`Kind`], an arm in [`Kind::format`] and in `detect`.

mod prisma;
mod sql;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::engine::{Dialect, Row};
use crate::error::Error;
use crate::migration::{Migration, Record, Writer};
use crate::settings::TableName;

pub use prisma::{Datasource, Value, psl};

/// A known format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Prisma 2 to 7: NAME/migration.sql and _prisma_migrations
    Prisma,
    /// Numbered files: 0001_NAME.sql and _doorstep_migrations
    Sql,
}

/// Key of doorstep's own lock, where no other tool's is to be taken.
pub(crate) const OWN_LOCK: i64 = i64::from_be_bytes(*b"doorstep");

impl Kind {
    /// The format's knowledge.
    #[must_use]
    pub fn format(self) -> &'static dyn Format {
        match self {
            Self::Prisma => &prisma::Prisma,
            Self::Sql => &sql::Sql,
        }
    }
}

/// One tool's convention.
pub trait Format: Sync {
    /// Reads, orders and checksums the whole folder, before anything is written.
    ///
    /// # Errors
    /// [`Error::History`] for a folder that the tool itself would not accept.
    fn resolve(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error>;

    /// Whether a checksum from the history fits a migration.
    fn fits(&self, migration: &Migration, checksum: &str) -> bool;

    /// Name of the tool whose format it is.
    fn tool(&self) -> &'static str;

    /// How a new migration of this name is made, as an instruction to a person.
    fn authoring(&self, slug: &str) -> String;

    /// Name of the history table.
    fn history_table(&self) -> &'static str;

    /// Key of the lock that the tool itself takes, so that the two exclude each other.
    fn lock_key(&self) -> i64;

    /// Creates the history table.
    fn create_history(&self, dialect: Dialect, table: &TableName) -> String;

    /// Reads the history, oldest first; each row goes to [`Format::record`].
    fn read_history(&self, dialect: Dialect, table: &TableName) -> String;

    /// One row of [`Format::read_history`].
    fn record(&self, row: &Row) -> Record;

    /// A key for a new row, from which [`Format::record`] later tells who wrote it.
    fn new_id(&self, writer: Writer) -> String;

    /// Notes that a migration begins, and how it runs.
    fn begin(&self, dialect: Dialect, table: &TableName, id: &str, writer: Writer, migration: &Migration) -> String;

    /// Notes how far it is, or how it ended. Changes a row that is still unfinished, or none.
    fn end(&self, dialect: Dialect, table: &TableName, id: &str, outcome: &Outcome<'_>) -> String;

    /// Notes that a migration is applied that never ran here.
    fn adopt(&self, dialect: Dialect, table: &TableName, id: &str, migration: &Migration) -> String;

    /// The row with this key: `table WHERE condition`.
    fn locate(&self, dialect: Dialect, table: &TableName, id: &str) -> String;
}

/// How a migration ended, or how far it is.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// The script ran.
    Succeeded,
    /// So many of its statements are done.
    Progress(usize),
    /// It failed, and people must look; with the message for the history.
    Failed(&'a str),
    /// It was interrupted and rolled back as a whole: it may run again; with the message.
    RolledBack(&'a str),
    /// A person says that it may run again.
    GivenUp,
}

/// What a folder holds.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Migrations in the order in which they apply.
    pub migrations: Vec<Migration>,
    /// Things worth a warning.
    pub warnings: Vec<String>,
}

/// A folder of migrations, and whose it is.
#[derive(Debug, Clone)]
pub struct Folder {
    /// The folder.
    pub path: PathBuf,
    /// Its format.
    pub kind: Kind,
}

/// What of the project concerns a start: found once, by convention or by name.
#[derive(Debug, Default)]
pub struct Project {
    /// The Prisma schema's datasource.
    pub datasource: Option<Datasource>,
    /// The migrations folder.
    pub folder: Option<Folder>,
}

impl Project {
    /// Looks where Prisma looks (what prisma.config.ts says, schema.prisma, prisma/schema.prisma, prisma/schema/, and the folder
    /// `migrations` beside it), unless a setting names the place. The folder
    /// that prisma.config.ts names must be there if it is `needed`.
    ///
    /// # Errors
    /// [`Error::Settings`] when a named place is not there, or a folder's format is not known.
    pub fn find(
        schema: Option<&Path>,
        migrations: Option<&Path>,
        kind: Option<Kind>,
        needed: bool,
    ) -> Result<Self, Error> {
        let config = prisma::find_config().unwrap_or_default();
        if config.computed && (schema.is_none() || migrations.is_none()) {
            tracing::warn!(
                phase = "settings",
                event = "computed",
                "{} computes the place of the schema or of the migrations, which only Node can tell: name them with \
                 --prisma-schema and --migrations",
                config.file.display()
            );
        }
        let datasource = prisma::find_datasource(schema.or(config.schema.as_deref().filter(|path| path.exists())))?;
        let configured = config.migrations.as_deref();
        let folder = match migrations.or(configured) {
            // Nobody asks for it by hand, and nobody needs it.
            Some(named) if migrations.is_none() && !needed && !named.is_dir() => None,
            Some(named) if !named.is_dir() => {
                return Err(Error::Settings(format!(
                    "the migrations folder {} does not exist\nnext: check --migrations, and that the image contains it",
                    named.display()
                )));
            }
            Some(named) => Some(Folder { path: named.to_owned(), kind: kind.map_or_else(|| named_kind(named), Ok)? }),
            None => conventional(datasource.as_ref(), kind)?,
        };
        Ok(Self { datasource, folder })
    }
}

/// The folder beside the Prisma schema, else prisma/migrations, else migrations. The first two are Prisma's by
/// their place, whatever is in them: files lost on the way to the image must not look like "nothing to do".
fn conventional(datasource: Option<&Datasource>, kind: Option<Kind>) -> Result<Option<Folder>, Error> {
    let beside_schema = datasource.map(|found| found.directory.join("migrations"));
    let places = beside_schema.into_iter().chain(["prisma/migrations".into(), "migrations".into()]);
    let Some(path) = places.into_iter().find(|place| place.is_dir()) else { return Ok(None) };
    let is_prismas_place = datasource.is_some() || path.starts_with("prisma");
    let kind = match (kind, detect(&path)?) {
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) if is_prismas_place => Kind::Prisma,
        (None, None) => {
            tracing::warn!(
                phase = "migrate",
                event = "unknown_folder",
                "the folder {} is of no known format and is left alone",
                path.display()
            );
            return Ok(None);
        }
    };
    Ok(Some(Folder { path, kind }))
}

fn named_kind(folder: &Path) -> Result<Kind, Error> {
    detect(folder)?.ok_or_else(|| {
        Error::Settings(format!(
            "the migrations folder {} is of no known format (Prisma: NAME/migration.sql, plain SQL: 0001_NAME.sql)\n\
             next: name it with --migration-format if it is one all the same",
            folder.display()
        ))
    })
}

/// Tells a folder's format by its files; `None` for an unknown one.
fn detect(folder: &Path) -> Result<Option<Kind>, Error> {
    if prisma::owns(folder)? {
        return Ok(Some(Kind::Prisma));
    }
    Ok(sql::owns(folder)?.then_some(Kind::Sql))
}

/// `2026-11-21 09:00:00.5+00` as RFC 3339. Done here, since the server's to_char costs a fresh backend a
/// millisecond for each hundred rows; any other text stays as it is.
fn rfc3339(text: String) -> String {
    let Some((date, time)) = text.split_once(' ') else { return text };
    let zone = time.rfind(['+', '-']).unwrap_or(time.len());
    match &time[zone..] {
        "+00" => format!("{date}T{}Z", &time[..zone]),
        hours if hours.len() == 3 => format!("{date}T{time}:00"),
        "" => format!("{date}T{time}Z"),
        _ => format!("{date}T{time}"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_are_rfc_3339_in_the_servers_zone() {
        let rfc3339 = |text: &str| super::rfc3339(text.to_owned());
        assert_eq!(rfc3339("2026-11-21 09:00:00.123456+00"), "2026-11-21T09:00:00.123456Z");
        assert_eq!(rfc3339("2026-11-21 18:00:00+09"), "2026-11-21T18:00:00+09:00");
        assert_eq!(rfc3339("2026-11-21 14:30:00+05:30"), "2026-11-21T14:30:00+05:30");
        assert_eq!(rfc3339("2026-11-21 09:00:00"), "2026-11-21T09:00:00Z"); // SQLite's current_timestamp
    }
}
