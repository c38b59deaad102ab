//! Finds the project of a tool that applies its migrations itself: by its files in the working directory. Two such projects
//! stop the start, unless `migrate_command` starts one of the tools.

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{FileKind, read_text};
use crate::config::MigrationFormat;
use crate::config::words::Words;
use crate::formats::code::{Convention, beside_sql};
use crate::formats::{ALL, Detection, Folder, FormatEntry, Surroundings};

/// Programs that migrate in another way than the projects that are found here.
const OTHER_PROGRAMS: &[&str] = &[
    "prisma",
    "dbmate",
    "goose",
    "flyway",
    "liquibase",
    "sqlx",
    "diesel",
    "refinery",
    "drizzle-kit",
    "supabase",
    "tern",
    "sql-migrate",
    "sqitch",
    "graphile-migrate",
    "mikro-orm",
    "atlas",
];

/// Files by which the projects of tools are known that doorstep neither applies nor reads; with a word of the file that
/// concerns migrations, and the command.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("sqitch.plan", "", "sqitch", "sqitch deploy"),
    ("sqitch.conf", "", "sqitch", "sqitch deploy"),
    (".gmrc", "", "graphile-migrate", "npx graphile-migrate migrate"),
    (".gmrc.js", "", "graphile-migrate", "npx graphile-migrate migrate"),
    (".gmrc.cjs", "", "graphile-migrate", "npx graphile-migrate migrate"),
    ("mikro-orm.config.js", "migrations", "MikroORM", "npx mikro-orm migration:up"),
    ("mikro-orm.config.ts", "migrations", "MikroORM", "npx mikro-orm migration:up"),
    ("src/mikro-orm.config.ts", "migrations", "MikroORM", "npx mikro-orm migration:up"),
    ("dist/mikro-orm.config.js", "migrations", "MikroORM", "npx mikro-orm migration:up"),
    ("dbconfig.yml", "", "sql-migrate", "sql-migrate up"),
];

/// A project, and the file that it is known by.
struct Found {
    entry: FormatEntry,
    file: PathBuf,
}

/// How the tool of a format applies migrations in code.
fn convention(entry: &FormatEntry) -> Option<&'static Convention> {
    match entry.detection {
        Detection::Code(convention) => Some(convention),
        Detection::Folder(_) => beside_sql(entry.name),
        Detection::File { .. } => None,
    }
}

/// Looks for the project of a format.
fn find(entry: &FormatEntry, surroundings: &Surroundings<'_>) -> Option<PathBuf> {
    match entry.detection {
        Detection::File { places, named, owns, .. } => named(surroundings).or_else(|| {
            let is_there = |place: &&Path| place.is_file() && owns(place);
            places.iter().map(Path::new).find(is_there).map(Path::to_owned)
        }),
        Detection::Folder(_) | Detection::Code(_) => (convention(entry)?.find)(surroundings),
    }
}

/// Whether a command shows that it starts the tool of a format.
fn is_started(entry: &FormatEntry, command: &Words) -> bool {
    match entry.detection {
        Detection::File { programs, .. } => has_program(command, programs),
        Detection::Folder(_) | Detection::Code(_) => convention(entry).is_some_and(|it| it.command.is_started(command)),
    }
}

fn has_program(command: &Words, programs: &[&str]) -> bool {
    let words = command.as_slice().iter().flat_map(|word| word.split_whitespace());
    words.map(|word| word.rsplit('/').next().unwrap_or_default()).any(|name| programs.contains(&name))
}

fn open(found: &Found, surroundings: &Surroundings<'_>) -> Result<Folder, Error> {
    let format = match (found.entry.detection, convention(&found.entry)) {
        (Detection::File { open, .. }, _) => {
            refuse_history_table(found.entry.name, surroundings)?;
            open(&found.file, surroundings)?
        }
        (_, Some(convention)) => convention.open(&found.file, surroundings)?,
        (_, None) => return Err(Error::Internal("a folder is no project of a tool".to_owned())),
    };
    Ok(Folder::of(kept(&found.file), format))
}

fn refuse_history_table(name: MigrationFormat, surroundings: &Surroundings<'_>) -> Result<(), Error> {
    match surroundings.history_table {
        None => Ok(()),
        Some(table) => Err(Error::Settings(format!(
            "history_table = {table}: {} keeps the history, and its configuration names the table\nnext: leave it out",
            name.word()
        ))),
    }
}

/// Found once in a start, and needed to its end.
fn kept(path: &Path) -> &'static Path {
    Box::leak(path.to_owned().into_boxed_path())
}

/// The project of a format that a setting names.
///
/// # Errors
/// [`Error::Settings`] where it is not here, or cannot be read.
pub(crate) fn named(name: MigrationFormat, surroundings: &Surroundings<'_>) -> Result<Option<Folder>, Error> {
    let Some(entry) = ALL.iter().find(|entry| entry.name == name) else { return Ok(None) };
    if let (Some(folder), Some(_)) = (surroundings.folder.filter(|it| !it.is_dir()), convention(entry)) {
        return Err(Error::Settings(format!(
            "the migrations folder {} does not exist\nnext: check --migrations, and that the image contains it",
            folder.display()
        )));
    }
    if let Some(file) = find(entry, surroundings) {
        return open(&Found { entry: *entry, file }, surroundings).map(Some);
    }
    match (convention(entry), entry.detection) {
        (Some(convention), _) => {
            let (folder, format) = convention.open_named(surroundings)?;
            Ok(Some(Folder::of(kept(&folder), format)))
        }
        (None, Detection::File { places: [usual, ..], .. }) => Err(Error::Settings(format!(
            "there is no {usual} here\n\
             next: start doorstep in the directory that holds it; if there is none, leave --migration-format \
             out, and give the command that migrates with --migrate-command"
        ))),
        (None, _) => Ok(None),
    }
}

/// All projects that are here; of several, the one whose tool the command starts.
fn all(surroundings: &Surroundings<'_>) -> Vec<Found> {
    let find = |entry: &FormatEntry| Some(Found { entry: *entry, file: find(entry, surroundings)? });
    let mut found: Vec<Found> = ALL.iter().filter_map(find).collect();
    if let Some(command) = surroundings.command {
        if has_program(command, OTHER_PROGRAMS) {
            found.retain(|found| matches!(found.entry.detection, Detection::File { .. }));
        }
        if found.iter().any(|found| is_started(&found.entry, command)) {
            found.retain(|found| is_started(&found.entry, command));
        }
    }
    found
}

/// The one project that is here.
///
/// # Errors
/// [`Error::Settings`] for two, and for one that cannot be read.
pub(crate) fn any(surroundings: &Surroundings<'_>) -> Result<Option<Folder>, Error> {
    let found = all(surroundings);
    match found.as_slice() {
        [] => Ok(None),
        [one] => open(one, surroundings).map(Some),
        several => {
            let named = |found: &Found| format!("{} ({})", found.entry.name.word(), found.file.display());
            let names: Vec<String> = several.iter().map(|found| found.entry.name.word()).collect();
            Err(Error::Settings(format!(
                "the project looks like that of {}\n\
                 next: say which tool migrates: migration_format = {}",
                several.iter().map(named).collect::<Vec<_>>().join(" and of "),
                names.join(" or ")
            )))
        }
    }
}

/// The project whose tool reads this folder, which looks like that of the `claimed` formats.
///
/// # Errors
/// As [`any`].
pub(crate) fn of_folder(
    folder: &Path,
    claimed: &[MigrationFormat],
    surroundings: &Surroundings<'_>,
) -> Result<Option<Folder>, Error> {
    let reads = |found: &Found| {
        convention(&found.entry).is_some_and(|convention| {
            claimed.contains(&found.entry.name) || convention.reads(&found.file, folder, surroundings)
        })
    };
    if all(surroundings).iter().any(reads) { any(surroundings) } else { Ok(None) }
}

/// Refuses a project of a tool that doorstep neither applies nor reads, rather than to start without its migrations.
///
/// # Errors
/// [`Error::Settings`] with the name of the tool.
pub(crate) fn refuse_others() -> Result<(), Error> {
    let is_here = |(file, word, ..): &&(&str, &str, &str, &str)| {
        let path = Path::new(file);
        path.is_file() && (word.is_empty() || read_text(path, FileKind::Source).is_ok_and(|text| text.contains(word)))
    };
    match REFUSED.iter().find(is_here) {
        None => Ok(()),
        Some((file, _, tool, command)) => Err(Error::Settings(format!(
            "{file} says that {tool} migrates this project, whose migrations doorstep does not apply\n\
             next: let {tool} apply them (migrate_command = \"{command}\"), or leave them alone: --migrate off"
        ))),
    }
}
