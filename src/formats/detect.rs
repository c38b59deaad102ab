//! Finds what of the project concerns a start: the Prisma schema, the migrations folder and its format, and the command
//! that applies the migrations where doorstep does not. Looks at files only.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::file::{FileKind, read_text, unreadable};
use crate::config::words::Words;
use crate::config::{MigrationFormat, Mode, Settings, Strictness};
use crate::engines::url_text::go_parameters;
use crate::formats::code::is_in_code;
use crate::formats::external::External;
use crate::formats::javascript::Place;
use crate::formats::prisma::datasource::SCHEMA_ELSEWHERE;
use crate::formats::signs::seen::Seen;
use crate::formats::signs::{Candidate, Claim, Recognised, TOOLS, candidates, is_flat, recognise};
use crate::formats::{
    ALL, Datasource, FileMarks, Folder, Format, FormatEntry, Opening, Surroundings, is_applied_here, prisma,
    tool_projects,
};
use crate::schema_source::prisma::PrismaSchema;

/// What of the project concerns a start: found once, by convention or by name.
#[derive(Debug, Default)]
pub(crate) struct Project {
    /// The Prisma schema, parsed: the desired state is lowered from it. It is needed to the end of the process and never
    /// freed, since freeing thousands of nodes just before exec takes time.
    pub schema: Option<&'static PrismaSchema>,
    /// The Prisma schema's datasource.
    pub datasource: Option<Datasource>,
    /// The migrations folder.
    pub folder: Option<Folder>,
    /// The tool that applies the migrations, where doorstep does not.
    pub command: Option<Words>,
    /// What the project leaves to others.
    pub external: External,
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
        let config = prisma::find_config(schema.is_some())?.unwrap_or_default();
        let is_verified = settings.strictness != Strictness::Off;
        if (needed && named.is_none()) || (is_verified && schema.is_none()) {
            refuse_closed()?;
        }
        if schema.is_none() && (needed || is_verified) {
            refuse_computed(&config.file, &config.schema, "the Prisma schema", "--prisma-schema")?;
        }
        let is_of_tool = |name| !is_applied_here(name) || is_in_code(name, named);
        let is_tools = name.map_or(settings.migrate_command.is_some(), is_of_tool);
        let url_parameters = url_parameters(settings);
        let (command, history_table) = (settings.migrate_command.as_ref(), settings.history_table.as_ref());
        let (url_parameters, variables) = (&url_parameters, &settings.migration_variables);
        let is_named = name.is_some();
        let opening =
            Opening { is_named, folder: named, place: None, history_table, environment, url_parameters, variables };
        if named.is_none() && needed && !is_tools {
            refuse_computed(&config.file, &config.migrations, "the migrations", "--migrations")?;
        }
        // Without verify, a schema that is not in the image is missed by nothing.
        let of_config = config.schema.path().filter(|path| is_verified || path.exists());
        if let (None, Some(missing)) = (schema, of_config.filter(|path| !path.exists())) {
            return Err(schema_missing(&config.file, missing));
        }
        let found = prisma::find_schema(schema.or(of_config))?;
        let (schema, datasource) = found.unzip();
        let schema = schema.map(|schema| &*Box::leak(Box::new(schema)));
        refuse_two_tools(name.filter(|_| !is_tools), command)?;
        let surroundings = Surroundings { command, ..opening.surroundings() };
        let of_tool = |name| match tool_project(name, &surroundings) {
            // With --migrate off, a project that cannot be read stops nothing.
            Err(_) if !needed => Ok(None),
            found => found,
        };
        let folder = match named.or(config.migrations.path()) {
            _ if is_tools => of_tool(name)?,
            // Named by prisma.config.ts only, and migrations do not matter.
            Some(folder) if named.is_none() && !needed && !folder.is_dir() => None,
            Some(folder) => Some(named_folder(folder, name, datasource.is_some(), &opening)?),
            None => match conventional(datasource.as_ref(), (name, needed), &opening)? {
                None if name.is_none() => of_tool(None)?,
                found => found,
            },
        };
        let default_command = |folder: &Folder| Some(folder.format.tool.command.as_ref()?.words(environment));
        let command = command.cloned().or_else(|| folder.as_ref().and_then(default_command));
        if needed && command.is_none() {
            refuse_without_command(folder.as_ref())?;
        }
        let folder = folder.map(|folder| Folder { out_of_order: settings.out_of_order, ..folder });
        Ok(Self { schema, datasource, folder, command, external: config.external })
    }
}

/// prisma.config.ts names a schema that is not there.
fn schema_missing(config: &Path, schema: &Path) -> Error {
    Error::Settings(format!(
        "{} names the Prisma schema {}, which does not exist\n\
         next: {SCHEMA_ELSEWHERE}",
        config.display(),
        schema.display()
    ))
}

/// The parameters of the URL that begin with `x-`, of the one with which doorstep migrates. One that cannot be read is
/// reported where the database is chosen.
fn url_parameters(settings: &Settings) -> Vec<(String, String)> {
    let source = settings.migrate_database.as_ref().or(settings.database.as_ref());
    let url = source.and_then(|source| source.read().ok());
    url.map(|url| go_parameters(url.expose())).unwrap_or_default()
}

/// Either doorstep applies the migrations, or a command does.
fn refuse_two_tools(name: Option<MigrationFormat>, command: Option<&Words>) -> Result<(), Error> {
    match (name, command) {
        (Some(name), Some(command)) if is_applied_here(name) => Err(Error::Settings(format!(
            "migrate_command ({command}) and a format that doorstep applies itself are both set\n\
             next: keep one of them: without migrate_command doorstep applies the migrations, without migration_format \
             the command does"
        ))),
        _ => Ok(()),
    }
}

/// Refuses a project that neither doorstep nor a command can migrate.
fn refuse_without_command(folder: Option<&Folder>) -> Result<(), Error> {
    match folder {
        None => tool_projects::refuse_others(),
        Some(Folder { format, .. }) if format.writer.is_none() => Err(Error::Settings(format!(
            "the command by which {} applies the migrations here is not known\n\
             next: give it with migrate_command",
            format.tool.name
        ))),
        Some(_) => Ok(()),
    }
}

/// A folder that this user may not enter would look as if nothing were in it.
fn refuse_closed() -> Result<(), Error> {
    match Path::new("prisma/migrations").metadata() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(Error::Settings(unreadable("prisma", &error))),
        _ => Ok(()),
    }
}

/// What only Node can tell has to be named.
fn refuse_computed(file: &Path, place: &Place, what: &str, flag: &str) -> Result<(), Error> {
    match place {
        Place::Absent | Place::Path(_) => Ok(()),
        Place::Computed => Err(Error::Settings(format!(
            "{} computes the place of {what}, which only Node can evaluate\nnext: name it with {flag}",
            file.display()
        ))),
    }
}

/// Found once in a start, and needed to its end.
fn kept(path: &Path) -> &'static Path {
    Box::leak(path.to_owned().into_boxed_path())
}

/// The format of this name, if doorstep applies its migrations.
fn script_format(name: MigrationFormat, opening: &Opening<'_>) -> Result<Option<Format>, Error> {
    let mut folders = ALL.iter().filter_map(FormatEntry::folder).filter(|(known, _)| *known == name);
    folders.next().map(|(_, found)| (found.open)(opening)).transpose()
}

/// The project of a tool that applies its migrations itself: the one of this name, or the one that is here.
fn tool_project(name: Option<MigrationFormat>, surroundings: &Surroundings<'_>) -> Result<Option<Folder>, Error> {
    match name {
        Some(name) => tool_projects::named(name, surroundings),
        None => tool_projects::any(surroundings),
    }
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
fn named_folder(
    path: &Path,
    name: Option<MigrationFormat>,
    has_schema: bool,
    opening: &Opening<'_>,
) -> Result<Folder, Error> {
    if let Some(folder) = named_file(path, name, opening)? {
        return Ok(folder);
    }
    if !path.is_dir() {
        let shown = path.display();
        return Err(Error::Settings(match path.metadata() {
            Ok(_) => format!("the migrations folder {shown} is a file\nnext: name its folder with --migrations"),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => unreadable(shown, &error),
            Err(_) => format!(
                "the migrations folder {shown} does not exist\n\
                 next: check --migrations, and that the image contains it"
            ),
        }));
    }
    match name {
        Some(name) => of_name(path, name, opening),
        None => match detect(path, has_schema || path.starts_with("prisma"), opening)? {
            Some(found) => Ok(found),
            None => tool_projects::of_folder(path, &[], &opening.surroundings())?.ok_or_else(|| unknown(path)),
        },
    }
}

/// The file as that of a tool that is given one, of the format of this name or of any.
fn named_file(path: &Path, name: Option<MigrationFormat>, opening: &Opening<'_>) -> Result<Option<Folder>, Error> {
    if !path.is_file() {
        return Ok(None);
    }
    let concerned = ALL.iter().filter(|entry| name.is_none_or(|name| name == entry.name));
    for (_, found) in concerned.filter_map(FormatEntry::folder) {
        if (found.file)(path, name.is_some())? {
            return Ok(Some(Folder::of(kept(path), (found.open)(opening)?)));
        }
    }
    Ok(None)
}

/// The folder as the format that a setting names.
fn of_name(path: &Path, name: MigrationFormat, opening: &Opening<'_>) -> Result<Folder, Error> {
    let opening = Opening { place: Some(path), ..*opening };
    let Some(format) = script_format(name, &opening)? else { return Err(unknown(path)) };
    let seen = Seen::of(path, false)?;
    let candidates = candidates(&seen);
    // The files of these say little by their names; what is in them is looked at when they are read.
    let fits = |format: MigrationFormat| format == name || (is_flat(name) && is_flat(format));
    // Of a tool's own folder that is in a form which is not read, the layout says so.
    let tool = TOOLS.iter().find(|tool| tool.format == Some(name)).map(|tool| tool.name);
    let is_its = |candidate: &Candidate| {
        candidate.tool.format.is_some_and(fits) || tool.is_some_and(|tool| tool == candidate.tool.name)
    };
    if !candidates.is_empty() && !candidates.iter().any(is_its) {
        return Err(Error::Settings(format!(
            "migration_format = {} contradicts the folder {}, which looks like that of {}\n\
             next: name another folder with --migrations, or leave migration_format out",
            format.tool.name,
            path.display(),
            Claim { candidates }.tools()
        )));
    }
    Ok(Folder::of(kept(path), format))
}

fn unknown(folder: &Path) -> Error {
    let examples = ALL.iter().filter_map(FormatEntry::folder).map(|(_, found)| found.example);
    Error::Settings(format!(
        "the migrations folder {} is of no known format ({})\n\
         next: {REMEDY}",
        folder.display(),
        examples.collect::<Vec<_>>().join(", ")
    ))
}

/// A tool's folder that doorstep does not read.
fn foreign(folder: &Path, seen: &Seen, claim: &Claim, opening: &Opening<'_>) -> Error {
    let of = |format| script_format(format, opening).ok().flatten();
    let readable = candidates(seen).iter().find_map(|candidate| of(candidate.tool.format?));
    let by_tools: Vec<String> = claim.by_tools().into_iter().map(MigrationFormat::word).collect();
    let or = match readable {
        None if !by_tools.is_empty() => {
            format!(
                "name the tool, and doorstep starts it when something is pending: migration_format = {}",
                by_tools.join(" or ")
            )
        }
        Some(format) => format!("if doorstep is to apply them, say so with migration_format = {}", format.tool.name),
        None => "leave them alone: --migrate off (no migration_format reads them)".to_owned(),
    };
    Error::Settings(format!(
        "the migrations in {} look like those of {}, which doorstep does not apply\n\
         next: let that tool apply them (migrate_command = \"{}\"), or {or}",
        folder.display(),
        claim.tools(),
        claim.command()
    ))
}

/// The folders in which tools look that have a place of their own, and the format; of the format that is named, if one is.
fn places_of_tools(
    name: Option<MigrationFormat>,
    environment: &Environment,
) -> Result<Vec<(MigrationFormat, PathBuf)>, Error> {
    let concerned = ALL.iter().filter(|entry| name.is_none_or(|name| name == entry.name));
    let mut places = Vec::new();
    for (name, found) in concerned.filter_map(FormatEntry::folder) {
        places.extend((found.place)(environment)?.map(|place| (name, place)));
    }
    Ok(places)
}

/// The folder beside the Prisma schema, else prisma/migrations, else migrations. The first two are Prisma's by
/// their place, even without files: files lost on the way to the image must not look like "nothing to do".
fn conventional(
    datasource: Option<&Datasource>,
    (name, needed): (Option<MigrationFormat>, bool),
    opening: &Opening<'_>,
) -> Result<Option<Folder>, Error> {
    let beside_schema = datasource.map(|found| found.directory.join("migrations"));
    let usual = beside_schema.into_iter().chain(["prisma/migrations".into(), "migrations".into()]);
    let is_there = |place: &PathBuf| place.is_dir() || (name.is_some() && place.is_file());
    // The configurations of tools are read only where they matter: one that is broken, or slow to find, is no other's concern.
    let named = if name.is_some() { places_of_tools(name, opening.environment)? } else { Vec::new() };
    let Some(path) = named.into_iter().map(|(_, place)| place).chain(usual).find(is_there) else {
        return in_place_of_tool(name, needed, opening);
    };
    let is_prismas_place = datasource.is_some() || path.starts_with("prisma");
    if let Some(name) = name.filter(|name| is_applied_here(*name)) {
        return named_folder(&path, Some(name), false, opening).map(Some);
    }
    match detect(&path, is_prismas_place, opening) {
        Ok(None) if is_prismas_place => {
            let format = script_format(MigrationFormat::Prisma, opening)?.unwrap_or(prisma::FORMAT);
            Ok(Some(Folder::of(kept(&path), format)))
        }
        // A command that needs a folder of migrations reports that there is none ([`missing`]).
        Ok(None) => Ok(None),
        // With --migrate off, a folder of another tool stops nothing.
        Err(_) if !needed => Ok(None),
        found => found,
    }
}

/// The folder in the place that a tool has of its own, or the file that its configuration names.
fn in_place_of_tool(
    name: Option<MigrationFormat>,
    needed: bool,
    opening: &Opening<'_>,
) -> Result<Option<Folder>, Error> {
    let places = places_of_tools(name, opening.environment)?;
    for (format, place) in places.iter().filter(|_| needed) {
        if let Some(folder) = named_file(place, Some(*format), opening)? {
            return Ok(Some(folder));
        }
    }
    // The directory is other tools', too (Rails).
    for (format, place) in places.iter().filter(|(_, place)| place.is_dir()) {
        match detect(place, false, opening) {
            Ok(Some(folder)) if is_of(&folder, *format) => return Ok(Some(folder)),
            Err(error) if needed && shows_signs(place, *format) => return Err(error),
            _ => {}
        }
    }
    Ok(None)
}

/// Whether a folder is of this format, or may be.
fn is_of(folder: &Folder, format: MigrationFormat) -> bool {
    match folder.claim {
        None => folder.format.tool.name == format.word(),
        Some(claim) => claim.candidates.iter().any(|candidate| candidate.tool.format == Some(format)),
    }
}

/// Whether the files of a folder are named as this format's.
fn shows_signs(folder: &Path, format: MigrationFormat) -> bool {
    let seen = Seen::of(folder, false);
    seen.is_ok_and(|seen| candidates(&seen).iter().any(|candidate| candidate.tool.format == Some(format)))
}

/// The tools whose marks the first and the last of their files have. The layouts read the others.
fn marked(folder: &Path, files: &[String]) -> Vec<&'static str> {
    let mut texts: BTreeMap<&str, Option<String>> = BTreeMap::new();
    let mut is_marked = |name, marks: &FileMarks| {
        let read = || read_text(&folder.join(name), FileKind::Migration).ok();
        texts.entry(name).or_insert_with(read).as_deref().is_some_and(marks.is_marked)
    };
    let of = |entry: &FormatEntry| {
        let (format, marks) = entry.folder().and_then(|(name, found)| Some((name, found.marks?)))?;
        let mut migrations = files.iter().map(String::as_str).filter(|name| (marks.is_migration)(name));
        let (first, last) = (migrations.next()?, migrations.next_back());
        (is_marked(first, &marks) && last.is_none_or(|last| is_marked(last, &marks))).then_some(format)
    };
    let of_format = |format| TOOLS.iter().find(|tool| tool.format == Some(format)).map(|tool| tool.name);
    ALL.iter().filter_map(of).filter_map(of_format).collect()
}

/// Recognises a folder by its files; `None` for an unknown one.
///
/// # Errors
/// [`Error::Settings`] for a folder of a tool that doorstep does not read.
fn detect(folder: &Path, is_prismas_place: bool, opening: &Opening<'_>) -> Result<Option<Folder>, Error> {
    prisma::refuse_next(folder)?;
    let found = |name, claim: Option<Claim>| {
        if is_in_code(name, Some(folder)) {
            let surroundings = Surroundings { folder: Some(folder), ..opening.surroundings() };
            return tool_projects::named(name, &surroundings);
        }
        let opening = Opening { place: Some(folder), ..*opening };
        let others = claim.as_ref().map(|claim| claim.own_but(name)).unwrap_or_default();
        // One whose configuration cannot be read is left out: the start stops, and its setting tells why.
        let others = others.into_iter().filter_map(|name| script_format(name, &opening).ok().flatten());
        let alternatives = Box::leak(others.collect::<Vec<_>>().into_boxed_slice());
        let claim = claim.map(|claim| &*Box::leak(Box::new(claim)));
        let format = script_format(name, &opening)?;
        Ok(format.map(|format| Folder { claim, alternatives, ..Folder::of(kept(folder), format) }))
    };
    let seen = Seen::of(folder, is_prismas_place)?;
    let seen = Seen { marked: marked(folder, &seen.files), ..seen };
    match recognise(&seen) {
        Recognised::Unknown => Ok(None),
        Recognised::Ours(name) => found(name, None),
        Recognised::Claimed(name, claim) => found(name, Some(claim)),
        Recognised::Foreign(claim) => {
            let of_tool = match claim.by_tools().as_slice() {
                [] => None,
                claimed => tool_projects::of_folder(folder, claimed, &opening.surroundings())?,
            };
            of_tool.map_or_else(|| Err(foreign(folder, &seen, &claim, opening)), |found| Ok(Some(found)))
        }
    }
}
