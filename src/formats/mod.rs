//! Migration formats: which tool's folder and history table it is. A format knows files, checksums and
//! the statements of its history; it never talks to a database.
//!
//! Statements are text per dialect rather than a description of columns: the ten tools of the field
//! differ in more than names (several rows per migration, one row in all, batches, times as integers).
//! To add a format: one file here, a variant of [`MigrationFormat`], and an arm where [`Project`] finds it.

pub(crate) mod alembic;
pub(crate) mod django;
pub(crate) mod migration;
pub(crate) mod prisma;
pub(crate) mod python;
pub(crate) mod sql;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::config::words::Words;
use crate::config::{MigrationFormat, Mode, Settings};
use crate::formats::migration::{Migration, Record, Writer};
use crate::schema_source::prisma::PrismaSchema;
use crate::sql::{Dialect, Row, TableName};

pub(crate) use crate::formats::prisma::{Datasource, Value};

/// Key of doorstep's own lock, where no other tool's is to be taken.
pub(crate) const OWN_LOCK: i64 = i64::from_be_bytes(*b"doorstep");

/// The format of Prisma.
pub(crate) const PRISMA: &dyn Format = &prisma::Prisma;

/// One tool's convention: what it reads, and where it notes what is done. How a migration is applied is another
/// matter: doorstep does it where the format has [`Scripts`], else the tool itself.
pub(crate) trait Format: Sync + fmt::Debug {
    /// Reads, orders and checksums the whole folder, before anything is written.
    ///
    /// # Errors
    /// [`Error::History`] for a folder that the tool itself would not accept.
    fn resolve(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error>;

    /// Whether a checksum from the history fits a migration. Tools of their own mostly keep none.
    fn fits(&self, _migration: &Migration, _checksum: &str) -> bool {
        true
    }

    /// Name of the tool whose format it is.
    fn tool(&self) -> &'static str;

    /// Whether the tool writes a migration by itself from a schema file.
    fn writes_from_schema(&self) -> bool {
        false
    }

    /// How a new migration of this name is made, as an instruction to a person.
    fn authoring(&self, slug: &str) -> String;

    /// What of the tool's writes its history by hand, where doorstep does not.
    fn by_hand(&self) -> &'static str {
        ""
    }

    /// Name of the history table.
    fn history_table(&self) -> &str;

    /// Its schema, if it is not looked for along the search path.
    fn history_schema(&self) -> Option<&str> {
        None
    }

    /// Key of the lock that the tool itself takes, so that the two exclude each other; doorstep's own where it takes
    /// none.
    fn lock_key(&self) -> i64 {
        OWN_LOCK
    }

    /// Reads the history, oldest first; the rows go to [`Format::records`].
    fn read_history(&self, dialect: Dialect, table: &TableName) -> String;

    /// What the rows of [`Format::read_history`] say.
    fn records(&self, rows: &[Row], lineage: &Lineage) -> Vec<Record>;

    /// Whether the file of an applied migration that is not there should be.
    fn is_missed(&self, _name: &str, _known: &[Migration]) -> bool {
        true
    }

    /// Why the tool would not go on from here: applied ones are `missing` from the folder, or it cannot tell how to
    /// apply the `pending` ones. With the command that mends it.
    fn obstacle(&self, _missing: &[&str], _pending: &[&str], _lineage: &Lineage) -> Option<String> {
        None
    }

    /// How doorstep itself applies the migrations and notes it; `None` where the tool does.
    fn scripts(&'static self) -> Option<&'static dyn Scripts> {
        None
    }
}

/// A format whose migrations are scripts that doorstep runs, and whose history it writes.
pub(crate) trait Scripts: Format {
    /// Creates the history table.
    fn create_history(&self, dialect: Dialect, table: &TableName) -> String;

    /// A key for a new row, from which [`Format::records`] may later tell who wrote it.
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
pub(crate) enum Outcome<'a> {
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
pub(crate) struct Resolved {
    /// Migrations in the order in which they apply.
    pub migrations: Vec<Migration>,
    /// Things worth a warning.
    pub warnings: Vec<String>,
    /// What they say of each other.
    pub lineage: Lineage,
}

/// What the migrations of a tool of its own say of each other.
#[derive(Debug, Default)]
pub(crate) struct Lineage {
    /// By name, those that are applied wherever it is.
    pub implies: BTreeMap<String, Vec<String>>,
    /// Why the tool could apply none of them.
    pub broken: Option<String>,
    /// Why the files alone do not tell what is pending: the tool has to be asked.
    pub partial: Option<String>,
}

/// A folder of migrations, and whose it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Folder {
    /// The folder; of a tool of its own, where it is started.
    pub path: &'static Path,
    /// Its format.
    pub format: &'static dyn Format,
}

/// What of the project concerns a start: found once, by convention or by name.
#[derive(Debug, Default)]
pub(crate) struct Project {
    /// The Prisma schema, parsed: the desired state is lowered from it.
    pub schema: Option<PrismaSchema>,
    /// The Prisma schema's datasource.
    pub datasource: Option<Datasource>,
    /// The migrations folder.
    pub folder: Option<Folder>,
    /// The tool that applies the migrations, where doorstep does not.
    pub command: Option<Words>,
}

impl Project {
    /// Looks where Prisma looks (what prisma.config.ts says, schema.prisma, prisma/schema.prisma, prisma/schema/, and the folder
    /// `migrations` beside it), then for alembic.ini and manage.py, unless a setting names the place. The folder
    /// that prisma.config.ts names must be there if migrations matter.
    ///
    /// # Errors
    /// [`Error::Settings`] when a named place is not there, or a folder's format is not known.
    pub(crate) fn find(settings: &Settings, environment: &Environment) -> Result<Self, Error> {
        let (schema, named, kind) =
            (settings.prisma_schema.as_deref(), settings.migrations.as_deref(), settings.format);
        let needed = settings.mode != Mode::Off;
        let config = prisma::find_config().unwrap_or_default();
        if config.computed && (schema.is_none() || named.is_none()) {
            tracing::warn!(
                phase = "settings",
                event = "computed",
                "{} computes the place of the schema or of the migrations, which only Node can tell: name them with \
                 --prisma-schema and --migrations",
                config.file.display()
            );
        }
        let found = prisma::find_schema(schema.or(config.schema.as_deref().filter(|path| path.exists())))?;
        let (schema, datasource) = found.unzip();
        let command = settings.migrate_command.as_ref();
        if let (Some(MigrationFormat::Prisma | MigrationFormat::Sql), Some(command)) = (kind, command) {
            return Err(Error::Settings(format!(
                "migrate_command ({command}) and a format that doorstep applies itself are both set\n\
                 next: keep one of them"
            )));
        }
        let of_tool = |kind| match tool(kind, named, command, environment) {
            // Nobody needs it.
            Err(_) if !needed => Ok(None),
            found => found,
        };
        let folder = match (kind, command) {
            (Some(MigrationFormat::Alembic | MigrationFormat::Django), _) | (None, Some(_)) => of_tool(kind)?,
            _ => match named.or(config.migrations.as_deref()) {
                // Nobody asks for it by hand, and nobody needs it.
                Some(folder) if named.is_none() && !needed && !folder.is_dir() => None,
                Some(folder) if !folder.is_dir() => {
                    return Err(Error::Settings(format!(
                        "the migrations folder {} does not exist\n\
                         next: check --migrations, and that the image contains it",
                        folder.display()
                    )));
                }
                Some(folder) => Some(scripts_in(folder, kind.map_or_else(|| named_kind(folder), Ok)?)),
                None => match conventional(datasource.as_ref(), kind)? {
                    None if kind.is_none() => of_tool(None)?,
                    found => found,
                },
            },
        };
        let runs_by_itself = folder.is_some_and(|folder| folder.format.scripts().is_some());
        let command = match (command, &folder) {
            (Some(command), _) => Some(command.clone()),
            (None, Some(folder)) if !runs_by_itself => Some(default_command(folder, environment)),
            (None, _) => None,
        };
        Ok(Self { schema, datasource, folder, command })
    }
}

/// A folder whose migrations doorstep applies.
fn scripts_in(path: &Path, kind: MigrationFormat) -> Folder {
    let format: &'static dyn Format = if kind == MigrationFormat::Sql { &sql::Sql } else { PRISMA };
    Folder { path: kept(path.to_owned()), format }
}

/// Found once in a start, and needed to its end.
fn kept(path: PathBuf) -> &'static Path {
    Box::leak(path.into_boxed_path())
}

/// The project of a tool that applies its migrations itself, if its files are where they usually are. Flask-Migrate
/// has alembic.ini in the folder of the migrations.
fn tool(
    kind: Option<MigrationFormat>,
    named: Option<&Path>,
    command: Option<&Words>,
    environment: &Environment,
) -> Result<Option<Folder>, Error> {
    let first = |places: &[&str]| places.iter().map(PathBuf::from).find(|place| place.is_file());
    let absent = |file: &str| Error::Settings(format!("there is no {file} here\nnext: run doorstep where it is"));
    let alembic = match kind {
        None | Some(MigrationFormat::Alembic) => first(&["alembic.ini", "migrations/alembic.ini"]),
        Some(_) => None,
    };
    if let Some(ini) = alembic {
        let format = alembic::Alembic::of(&ini, named, command, environment)?;
        return Ok(Some(Folder { path: kept(ini), format: Box::leak(Box::new(format)) }));
    }
    let django = if kind == Some(MigrationFormat::Alembic) { None } else { first(&["manage.py"]) };
    if let Some(manage) = django {
        let format = django::Django::of(&manage, environment);
        return Ok(Some(Folder { path: kept(manage), format: Box::leak(Box::new(format)) }));
    }
    match kind {
        Some(MigrationFormat::Alembic) => Err(absent("alembic.ini")),
        Some(MigrationFormat::Django) => Err(absent("manage.py")),
        _ => Ok(None),
    }
}

/// What people type. Poetry and uv put a virtual environment beside the project that is not on the path.
fn default_command(folder: &Folder, environment: &Environment) -> Words {
    let is_on_path = |name: &str| {
        let path = environment.get("PATH").unwrap_or_default();
        std::env::split_paths(path).any(|folder| folder.join(name).is_file())
    };
    let program = |names: &[&'static str], beside: &'static str| {
        let found = names.iter().find(|name| is_on_path(name));
        let beside = || Path::new(beside).is_file().then_some(beside);
        found.copied().or_else(beside).unwrap_or(names[0])
    };
    match folder.format.tool() {
        "alembic" if folder.path.starts_with("migrations") => {
            [program(&["flask"], ".venv/bin/flask"), "db", "upgrade"][..].into()
        }
        "alembic" => [program(&["alembic"], ".venv/bin/alembic"), "upgrade", "heads"][..].into(),
        _ => [program(&["python", "python3"], ".venv/bin/python"), "manage.py", "migrate", "--noinput"][..].into(),
    }
}

/// The folder beside the Prisma schema, else prisma/migrations, else migrations. The first two are Prisma's by
/// their place, whatever is in them: files lost on the way to the image must not look like "nothing to do".
fn conventional(datasource: Option<&Datasource>, kind: Option<MigrationFormat>) -> Result<Option<Folder>, Error> {
    let beside_schema = datasource.map(|found| found.directory.join("migrations"));
    let places = beside_schema.into_iter().chain(["prisma/migrations".into(), "migrations".into()]);
    let Some(path) = places.into_iter().find(|place| place.is_dir()) else { return Ok(None) };
    let is_prismas_place = datasource.is_some() || path.starts_with("prisma");
    let kind = match (kind, detect(&path)?) {
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) if is_prismas_place => MigrationFormat::Prisma,
        (None, None) if path.join("alembic.ini").is_file() => return Ok(None),
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
    Ok(Some(scripts_in(&path, kind)))
}

fn named_kind(folder: &Path) -> Result<MigrationFormat, Error> {
    detect(folder)?.ok_or_else(|| {
        Error::Settings(format!(
            "the migrations folder {} is of no known format (Prisma: NAME/migration.sql, plain SQL: 0001_NAME.sql)\n\
             next: name it with --migration-format if it is one all the same",
            folder.display()
        ))
    })
}

/// Tells a folder's format by its files; `None` for an unknown one.
fn detect(folder: &Path) -> Result<Option<MigrationFormat>, Error> {
    if prisma::owns(folder)? {
        return Ok(Some(MigrationFormat::Prisma));
    }
    Ok(sql::owns(folder)?.then_some(MigrationFormat::Sql))
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
