//! Finds what of the project concerns a start: the Prisma schema, the migrations folder and its format, and the command
//! that applies the migrations where doorstep does not. Looks at files only.

use std::path::{Path, PathBuf};

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::config::words::Words;
use crate::config::{MigrationFormat, Mode, Settings};
use crate::formats::{ALL, Datasource, Detection, Folder, Format, FormatEntry, Surroundings, prisma};
use crate::schema_source::prisma::PrismaSchema;

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
    /// that prisma.config.ts names must exist if migrations matter.
    ///
    /// # Errors
    /// [`Error::Settings`] when a named place does not exist, or a folder's format is not known.
    pub(crate) fn find(settings: &Settings, environment: &Environment) -> Result<Self, Error> {
        let (schema, named, name) =
            (settings.prisma_schema.as_deref(), settings.migrations.as_deref(), settings.format);
        let needed = settings.mode != Mode::Off;
        let config = prisma::find_config().unwrap_or_default();
        if config.computed && (schema.is_none() || named.is_none()) {
            tracing::warn!(
                phase = "settings",
                event = "computed",
                "{} computes the place of the schema or of the migrations, which only Node can evaluate: name them with \
                 --prisma-schema and --migrations",
                config.file.display()
            );
        }
        let found = prisma::find_schema(schema.or(config.schema.as_deref().filter(|path| path.exists())))?;
        let (schema, datasource) = found.unzip();
        let command = settings.migrate_command.as_ref();
        if let (Some(name), Some(command)) = (name, command)
            && script_format(name).is_some()
        {
            return Err(Error::Settings(format!(
                "migrate_command ({command}) and a format that doorstep applies itself are both set\n\
                 next: keep one of them"
            )));
        }
        let surroundings = Surroundings { folder: named, command, environment };
        let of_tool = |name| match tool_project(name, &surroundings) {
            // With --migrate off, a project that cannot be read stops nothing.
            Err(_) if !needed => Ok(None),
            found => found,
        };
        let is_tools = name.map_or(command.is_some(), |name| script_format(name).is_none());
        let folder = match named.or(config.migrations.as_deref()) {
            _ if is_tools => of_tool(name)?,
            // Named by prisma.config.ts only, and migrations do not matter.
            Some(folder) if named.is_none() && !needed && !folder.is_dir() => None,
            Some(folder) => Some(named_folder(folder, name)?),
            None => match conventional(datasource.as_ref(), name)? {
                None if name.is_none() => of_tool(None)?,
                found => found,
            },
        };
        let default_command = |folder: &Folder| Some(folder.format.tool.command.as_ref()?.words(environment));
        let command = command.cloned().or_else(|| folder.as_ref().and_then(default_command));
        Ok(Self { schema, datasource, folder, command })
    }
}

/// Found once in a start, and needed to its end.
fn kept(path: &Path) -> &'static Path {
    Box::leak(path.to_owned().into_boxed_path())
}

/// The format of this name, if doorstep applies its migrations.
fn script_format(name: MigrationFormat) -> Option<Format> {
    ALL.into_iter().filter(|entry| entry.name == name).find_map(|entry| match entry.detection {
        Detection::Folder { format, .. } => Some(format),
        Detection::File { .. } => None,
    })
}

/// The project of a tool that applies its migrations itself: the one of this name, or any whose file is in its usual
/// place.
fn tool_project(name: Option<MigrationFormat>, surroundings: &Surroundings<'_>) -> Result<Option<Folder>, Error> {
    for FormatEntry { name: known, detection } in ALL {
        let Detection::File { places, open } = detection else { continue };
        if name.is_some_and(|name| name != known) {
            continue;
        }
        match (places.iter().map(Path::new).find(|place| place.is_file()), places) {
            (Some(file), _) => return Ok(Some(Folder { path: kept(file), format: open(file, surroundings)? })),
            (None, [usual, ..]) if name.is_some() => {
                return Err(Error::Settings(format!(
                    "there is no {usual} here\n\
                     next: start doorstep in the directory that holds it; if there is none, leave --migration-format \
                     out, and give the command that migrates with --migrate-command"
                )));
            }
            (None, _) => {}
        }
    }
    Ok(None)
}

/// Why there is no folder of migrations, and what to do about it.
pub(crate) fn missing() -> (String, &'static str) {
    let usual = Path::new("migrations");
    let here = std::env::current_dir().unwrap_or_default();
    match usual.is_dir() {
        true => (format!("the folder {} is of no known format and is left alone", here.join(usual).display()), REMEDY),
        false => (
            format!("no migrations folder was found in {} (prisma/migrations, migrations)", here.display()),
            "start doorstep in the project's directory, or name the folder with --migrations",
        ),
    }
}

/// What to do about a folder of no known format.
const REMEDY: &str = "name another folder with --migrations, or name the files as one of the known formats does; \
     for Alembic or Django, leave --migrations out and start doorstep in the directory of alembic.ini or manage.py; \
     for another tool, give its command with --migrate-command";

/// The folder that a setting names.
fn named_folder(path: &Path, name: Option<MigrationFormat>) -> Result<Folder, Error> {
    if !path.is_dir() {
        return Err(Error::Settings(format!(
            "the migrations folder {} does not exist\n\
             next: check --migrations, and that the image contains it",
            path.display()
        )));
    }
    let format = match name.and_then(script_format) {
        Some(format) => format,
        None => detect(path)?.ok_or_else(|| unknown(path))?,
    };
    Ok(Folder { path: kept(path), format })
}

fn unknown(folder: &Path) -> Error {
    let examples = ALL.iter().filter_map(|entry| match entry.detection {
        Detection::Folder { example, .. } => Some(example),
        Detection::File { .. } => None,
    });
    Error::Settings(format!(
        "the migrations folder {} is of no known format ({})\n\
         next: {REMEDY}",
        folder.display(),
        examples.collect::<Vec<_>>().join(", ")
    ))
}

/// The folder beside the Prisma schema, else prisma/migrations, else migrations. The first two are Prisma's by
/// their place, even without files: files lost on the way to the image must not look like "nothing to do".
fn conventional(datasource: Option<&Datasource>, name: Option<MigrationFormat>) -> Result<Option<Folder>, Error> {
    let beside_schema = datasource.map(|found| found.directory.join("migrations"));
    let places = beside_schema.into_iter().chain(["prisma/migrations".into(), "migrations".into()]);
    let Some(path) = places.into_iter().find(|place: &PathBuf| place.is_dir()) else { return Ok(None) };
    let is_prismas_place = datasource.is_some() || path.starts_with("prisma");
    let format = match (detect(&path)?, name.and_then(script_format)) {
        (_, Some(format)) | (Some(format), None) => format,
        (None, None) if is_prismas_place => prisma::FORMAT,
        (None, None) if path.join("alembic.ini").is_file() => return Ok(None),
        // Whoever misses a folder of migrations says so ([`missing`]).
        (None, None) => return Ok(None),
    };
    Ok(Some(Folder { path: kept(&path), format }))
}

/// Recognises a folder by its files; `None` for an unknown one.
fn detect(folder: &Path) -> Result<Option<Format>, Error> {
    for entry in ALL {
        if let Detection::Folder { owns, format, .. } = entry.detection
            && owns(folder)?
        {
            return Ok(Some(format));
        }
    }
    Ok(None)
}
