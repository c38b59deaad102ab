//! Prisma's migrations, versions 2 to 7: `migrations/<name>/migration.sql` and `_prisma_migrations`. The rules are those
//! of Prisma's source, checked on the real engine; an odd one has its origin beside it.

pub(crate) mod config;
pub(crate) mod datasource;

use std::io::ErrorKind;
use std::path::Path;

use sha2::{Digest, Sha256};

pub(crate) use crate::formats::prisma::config::find as find_config;
pub(crate) use crate::formats::prisma::datasource::find as find_schema;
pub(crate) use crate::formats::prisma::datasource::{Datasource, UrlSource};

use crate::base::directory::Directory;
use crate::base::error::Error;
use crate::base::file::{self, FileKind};
use crate::config::MigrationFormat;
use crate::engines::session::{LockKey, LockName};
use crate::formats::ledger_ddl;
use crate::formats::migration::{Migration, Record, RecordedBy, RunMode, Unreadable};
use crate::formats::name_order;
use crate::formats::run_row::RunColumns;
use crate::formats::sql_files;
use crate::formats::tool::Tool;
use crate::formats::{
    Detection, FolderDetection, Format, FormatEntry, Layout, Ledger, LedgerWriter, Lineage, LockPlace, OWN_LOCK,
    Opening, Outcome, Resolved, RowKey, run_row,
};
use crate::sql::script::Script;
use crate::sql::{Dialect, Row, TableName};

/// Opens it. Prisma's history table has no other name.
fn open(opening: &Opening<'_>) -> Result<Format, Error> {
    opening.refuse_history_table("Prisma's history table is always _prisma_migrations")?;
    Ok(FORMAT)
}

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Prisma,
    detection: Detection::Folder(FolderDetection::new("Prisma: NAME/migration.sql", open)),
};

/// The format.
pub(crate) const FORMAT: Format = Format { layout: &Prisma, ledger: &Prisma, writer: Some(&Prisma), tool: &TOOL };

/// The columns of `_prisma_migrations` in the order in which the history is read.
const STORED: &[&str] =
    &["id", "checksum", "migration_name", "started_at", "finished_at", "rolled_back_at", "logs", "applied_steps_count"];

/// Prisma counts a migration that succeeded as one step.
const COLUMNS: RunColumns =
    RunColumns { key: "id", note: "logs", steps: "applied_steps_count", steps_of_success: Some(1) };

static TOOL: Tool = Tool {
    name: "prisma",
    authoring: "npx prisma migrate dev --name SLUG",
    by_hand: "",
    writes_from_schema: true,
    command: None,
};

#[derive(Debug)]
struct Prisma;

/// Refuses a folder of Prisma Next.
///
/// # Errors
/// [`Error::Settings`].
pub(crate) fn refuse_next(folder: &Path) -> Result<(), Error> {
    if folder.join("migration_lock.toml").exists() {
        return Ok(());
    }
    let directories = directories(folder)?;
    if directories.iter().any(|name| folder.join(name).join("migration.sql").exists()) {
        return Ok(());
    }
    let is_next = |name: &String| {
        let space = folder.join(name);
        let inner = self::directories(&space).unwrap_or_default();
        is_next(&space) || inner.iter().any(|name| is_next(&space.join(name)))
    };
    if directories.iter().any(is_next) {
        return Err(Error::Settings(format!(
            "{} holds Prisma Next migrations (migration.json, ops.json), which are no SQL files\n\
             next: let Prisma's own tool apply them (migrate_command with its command), or leave them alone: --migrate off",
            folder.display()
        )));
    }
    Ok(())
}

/// Prisma 8 ("Prisma Next") keeps operations, not SQL, and another history.
fn is_next(directory: &Path) -> bool {
    ["ops.json", "migration.json"].iter().any(|file| directory.join(file).exists())
}

/// Direct children that are real directories. Prisma's listers do not follow symbolic links.
fn directories(folder: &Path) -> Result<Vec<String>, Error> {
    let unreadable = |error: std::io::Error| unreadable(folder, &error);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.file_type().map_err(unreadable)?.is_dir() {
            match entry.file_name().into_string() {
                Ok(name) => names.push(name),
                Err(name) => {
                    let text = format!("the migration {} has a name that is not UTF-8", name.display());
                    return Err(Error::History(format!("{text}\nnext: rename its folder")));
                }
            }
        }
    }
    Ok(names)
}

fn unreadable(folder: &Path, error: &std::io::Error) -> Error {
    Error::Settings(file::unreadable(folder.display(), error))
}

impl Layout for Prisma {
    fn written_for(&self, folder: &Path) -> Option<Dialect> {
        let is_locked = folder.join("migration_lock.toml").is_file();
        Dialect::ALL.iter().copied().find(|dialect| is_locked && check_provider(folder, *dialect).is_ok())
    }

    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        check_provider(folder, dialect)?;
        let mut names = directories(folder)?;
        let mut warnings = Vec::new();
        names.sort_unstable();
        let is_by_bytes = names.is_sorted_by(|a, b| name_order::compare(a, b).is_le());
        if !is_by_bytes {
            names.sort_by(|a, b| name_order::compare(a, b));
        }
        if !is_by_bytes || !names.iter().all(|name| name.is_ascii()) {
            warnings.push(
                "the order of migration names depends on the Prisma version (6.6 and later sort as ICU does, \
                 earlier ones by bytes); doorstep follows the later ones, for names in plain ASCII exactly"
                    .to_owned(),
            );
        }
        let opened = Directory::open(folder).map_err(|error| unreadable(folder, &error))?;
        Ok(Resolved {
            migrations: names.iter().map(|name| read((folder, &opened), name, dialect)).collect(),
            warnings,
            ..Resolved::default()
        })
    }
}

impl Ledger for Prisma {
    /// As is, with every CRLF as LF, and with every LF as CRLF; and Prisma's earliest checksums, whose
    /// bytes are not padded to two digits.
    fn fits(&self, migration: &Migration, checksum: &str) -> bool {
        if migration.checksum == checksum || migration.unreadable.is_some() {
            return true;
        }
        let script = migration.script.source();
        let forms = [script.to_owned(), script.replace("\r\n", "\n"), script.replace('\n', "\r\n")];
        let is_legacy = checksum.len() != 64;
        let unpadded = |form: &String| Sha256::digest(form).iter().map(|byte| format!("{byte:x}")).collect::<String>();
        forms.iter().any(|form| if is_legacy { unpadded(form) == checksum } else { hex(form) == checksum })
    }

    fn table(&self) -> &'static str {
        "_prisma_migrations"
    }

    /// What Prisma takes: `SELECT pg_advisory_lock(72707369)`, on MySQL `SELECT GET_LOCK('prisma_migrate', …)`.
    fn lock_key(&self) -> LockKey {
        LockKey::new(72_707_369, LockName::OfServer("prisma_migrate"))
    }

    /// Prisma waits 10 s for `GET_LOCK('prisma_migrate', 10)` and then goes on without it, and other databases of the server
    /// use the same name: doorsteps exclude each other with a lock of their own besides.
    fn tool_lock_keys(&self, dialect: Dialect, _place: &LockPlace<'_>) -> Vec<LockKey> {
        if dialect.rules().locks_names { vec![OWN_LOCK] } else { Vec::new() }
    }

    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        let text = |column: &&str| match column.ends_with("_at") {
            true => ledger_ddl::prisma::words(dialect).time.replace("COLUMN", column),
            false => (*column).to_owned(),
        };
        let columns: Vec<String> = STORED.iter().map(text).collect();
        format!("SELECT {} FROM {} AS history", columns.join(", "), dialect.table(table))
    }

    fn stored_columns(&self, dialect: Dialect) -> Option<&'static [&'static str]> {
        (ledger_ddl::prisma::words(dialect).time == "COLUMN").then_some(STORED)
    }

    /// In the order in which they began, then of names. The rows come in any order: to sort them costs a backend of PostgreSQL that has
    /// just started a third of a millisecond, and SQLite would sort times that are numbers before those that are texts.
    fn records(&self, rows: Vec<Row>, _lineage: &Lineage) -> Vec<Record> {
        let mut records: Vec<Record> = rows.into_iter().map(record).collect();
        // A fraction of a second has any number of digits, so that the `Z` behind it does not count.
        fn began(record: &Record) -> (&str, &str) {
            (record.started_at.as_deref().unwrap_or_default().trim_end_matches('Z'), &record.name)
        }
        records.sort_by(|one, other| began(one).cmp(&began(other)));
        records
    }
}

impl LedgerWriter for Prisma {
    fn create(&self, dialect: Dialect, table: &TableName) -> String {
        let words = ledger_ddl::prisma::words(dialect);
        format!("CREATE TABLE {} ({}\n){}", dialect.table(table), words.columns, words.options)
    }

    fn new_id(&self, mode: Option<RunMode>) -> String {
        let mut bytes = uuid::Uuid::new_v4().into_bytes();
        bytes[16 - MARK.len() - 1..15].copy_from_slice(MARK);
        bytes[15] = match mode {
            Some(RunMode::Atomic) => ATOMIC,
            Some(RunMode::Steps) => STEPS,
            Some(RunMode::Whole) | None => b'.',
        };
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    fn begin(&self, row: RowKey<'_>, _mode: RunMode, migration: &Migration) -> Option<String> {
        Some(format!(
            "INSERT INTO {} (id, checksum, started_at, migration_name) VALUES ({}, {}, {}, {})",
            row.table(),
            row.id(),
            row.dialect.literal(&migration.checksum),
            ledger_ddl::prisma::words(row.dialect).now,
            row.dialect.literal(&migration.name)
        ))
    }

    fn end(&self, row: RowKey<'_>, _migration: Option<&Migration>, outcome: &Outcome<'_>) -> Option<String> {
        Some(COLUMNS.end(row, outcome, ledger_ddl::prisma::words(row.dialect).now))
    }

    /// As `prisma migrate resolve --applied` does: no step, an empty text, and both times the same.
    fn adopt(&self, row: RowKey<'_>, migration: &Migration) -> String {
        format!(
            "INSERT INTO {} (id, checksum, logs, started_at, finished_at, migration_name) \
             SELECT {}, {}, '', t, t, {} FROM (SELECT {} AS t) AS moment",
            row.table(),
            row.id(),
            row.dialect.literal(&migration.checksum),
            row.dialect.literal(&migration.name),
            ledger_ddl::prisma::words(row.dialect).now
        )
    }

    fn locate(&self, row: RowKey<'_>) -> String {
        COLUMNS.locate(row)
    }
}

/// One row of the history.
fn record(row: Row) -> Record {
    let read = run_row::record(&mut row.into_iter());
    let has_no_text = read.message.as_deref() == Some("");
    // Only `resolve --applied` writes this: no step, and an empty text.
    let is_resolved = read.steps == 0 && has_no_text && read.rolled_back_at.is_none();
    let by = if is_resolved { RecordedBy::Person } else { recorded_by(&read.id) };
    Record { by, message: read.message.filter(|_| !has_no_text), ..read }
}

/// The end of every id that doorstep writes: five letters, and one for the way it ran. The rest is random, and the
/// whole a UUID of version 4 like Prisma's, none of which ends so by chance (1 in 2^40).
const MARK: &[u8] = b"dstep";

/// [`MARK`] as an id spells it.
const MARK_IN_ID: &str = "6473746570";

/// The last byte of an id whose script commits together with its record.
const ATOMIC: u8 = b'A';

/// The last byte of an id whose script runs statement by statement.
const STEPS: u8 = b'S';

fn recorded_by(id: &str) -> RecordedBy {
    // The last six bytes, as the text has them: parsing 100 ids took two hundredths of the instructions of a start.
    let (Some(mark), Some(way)) = (id.get(24..34), id.get(34..36)) else { return RecordedBy::Tool };
    if !mark.eq_ignore_ascii_case(MARK_IN_ID) {
        return RecordedBy::Tool;
    }
    match u8::from_str_radix(way, 16) {
        Ok(ATOMIC) => RecordedBy::Doorstep(RunMode::Atomic),
        Ok(STEPS) => RecordedBy::Doorstep(RunMode::Steps),
        Ok(_) => RecordedBy::Doorstep(RunMode::Whole),
        Err(_) => RecordedBy::Tool,
    }
}

/// SHA-256 of a script, as Prisma writes it.
fn hex(script: &str) -> String {
    crate::formats::migration::sha256(script)
}

/// Reads one migration. A file that cannot be run is noted and stops nothing yet: it may be applied already, and then
/// Prisma's deploy does not read it either.
fn read((folder, opened): (&Path, &Directory), name: &str, dialect: Dialect) -> Migration {
    let file = format!("{name}/migration.sql");
    let path = folder.join(&file);
    let (bytes, unreadable) = match opened.read(Path::new(&file)) {
        Ok(bytes) if bytes.contains(&0) => (
            Vec::new(),
            Some(Unreadable::new(
                format!("{} holds a NUL byte (it may be UTF-16)", path.display()),
                "save it as UTF-8",
            )),
        ),
        Ok(bytes) => (bytes, None),
        Err(error) => (
            Vec::new(),
            Some(match error.kind() {
                ErrorKind::NotFound if is_next(&folder.join(name)) => Unreadable::new(
                    format!(
                        "the migration {name} is one of Prisma Next (migration.json, ops.json), which is no SQL file"
                    ),
                    "apply it with Prisma's own tool and set migrate = off",
                ),
                ErrorKind::NotFound | ErrorKind::IsADirectory => Unreadable::new(
                    format!("the migration {name} has no file migration.sql"),
                    format!("restore {}, or delete the folder if the migration was given up", path.display()),
                ),
                _ => sql_files::unread(&path, &error),
            }),
        ),
    };
    // Prisma 6.6 and later replace what is not UTF-8, then hash and run the result.
    let script =
        String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    let checksum = hex(&script);
    Migration {
        name: name.to_owned(),
        path,
        script: Script::new(script, dialect),
        checksum,
        unreadable,
        no_transaction: false,
    }
}

/// `migration_lock.toml` names the provider that the SQL was written for (Prisma's P3019). Prisma reads
/// it line by line; real TOML is accepted too.
fn check_provider(folder: &Path, dialect: Dialect) -> Result<(), Error> {
    let path = folder.join("migration_lock.toml");
    let text = match file::read_text(&path, FileKind::Configuration) {
        Ok(text) => text,
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::FileTooLarge) => {
            return Err(Error::Settings(file::unreadable(path.display(), &error)));
        }
        Err(_) => return Ok(()),
    };
    let line = text.lines().map(str::trim).find(|line| line.starts_with("provider"));
    let provider = line.and_then(|line| line.split_once('=')).map(|(_, value)| {
        let value = value.split('#').next().unwrap_or_default();
        value.trim().trim_matches(['"', '\'']).to_owned()
    });
    match provider {
        Some(provider) if dialect.rules().providers.contains(&provider.as_str()) => Ok(()),
        Some(provider) => Err(Error::History(format!(
            "the migrations in {} are written for {provider}, but the database is {}\n\
             next: point the URL at the right database, or begin a new migrations folder",
            folder.display(),
            dialect.provider()
        ))),
        None => Err(Error::History(format!(
            "{} names no provider\n\
             next: restore the file; if the migrations are written for this database: provider = \"{}\"",
            path.display(),
            dialect.provider()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn migration(script: &str) -> Migration {
        let checksum = hex(script);
        let script = Script::new(script.to_owned(), Dialect::Postgres);
        Migration { name: "a".to_owned(), path: "a".into(), script, checksum, unreadable: None, no_transaction: false }
    }

    #[test]
    fn line_ends_do_not_make_a_file_edited() {
        let (lf, crlf) = (migration("a\nb\n"), migration("a\r\nb\r\n"));
        assert!(Prisma.fits(&lf, &crlf.checksum) && Prisma.fits(&crlf, &lf.checksum));
        assert!(!Prisma.fits(&lf, &migration("a\nc\n").checksum));
        assert!(!Prisma.fits(&lf, ""));
    }

    #[test]
    fn an_id_tells_who_wrote_its_row() {
        for mode in [RunMode::Atomic, RunMode::Steps, RunMode::Whole] {
            assert_eq!(recorded_by(&Prisma.new_id(Some(mode))), RecordedBy::Doorstep(mode));
        }
        assert_eq!(recorded_by(&uuid::Uuid::new_v4().to_string()), RecordedBy::Tool);
        assert_eq!(recorded_by("not-a-uuid"), RecordedBy::Tool);
        assert_eq!(Prisma.new_id(Some(RunMode::Atomic)).len(), 36);
    }

    #[test]
    fn checksums_without_padding_still_fit() {
        let one = migration("x");
        let legacy: String = Sha256::digest(b"x").iter().map(|byte| format!("{byte:x}")).collect();
        assert_ne!(legacy.len(), 64);
        assert!(Prisma.fits(&one, &legacy));
    }

    #[test]
    fn a_lock_file_for_another_database_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(folder.path().join("migration_lock.toml"), text).unwrap();
        for fine in ["provider = \"postgresql\"", "# c\r\nprovider = \"postgresql\"\r\n", "provider='postgres' # x"] {
            write(fine);
            assert!(check_provider(folder.path(), Dialect::Postgres).is_ok(), "{fine}");
        }
        for wrong in ["provider = \"mysql\"", "", "nothing"] {
            write(wrong);
            assert!(check_provider(folder.path(), Dialect::Postgres).is_err(), "{wrong}");
        }
    }
}
