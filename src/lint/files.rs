//! Which scripts are judged: those of a folder, or files that are named. Looks at files only.

use std::path::{Path, PathBuf};

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::file::{FileKind, read_text, unreadable};
use crate::base::sorting;
use crate::config::{Mode, Settings};
use crate::formats::detect::{self, Project};
use crate::formats::migration::Migration;
use crate::formats::{Folder, Format};
use crate::lint::hazard::Hazard;
use crate::lint::reading::LintScript;
use crate::lint::rules::order::{self, Standing};
use crate::lint::{Circumstances, Runner, lint};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// Tools that send a file as one message, by what doorstep calls them: PostgreSQL runs it as one transaction. Those that begin a
/// transaction themselves refuse such statements, and so does doorstep for their folders.
const ONE_MESSAGE: [&str; 3] = ["prisma", "golang-migrate", "supabase"];

/// Scripts that are judged by the same circumstances.
pub(crate) struct LintBatch {
    /// The dialect.
    pub(crate) dialect: Dialect,
    /// Their format; `None` of files that are in no folder of migrations.
    pub(crate) format: Option<Format>,
    /// The migrations, in their order, each with what it is.
    pub(crate) migrations: Vec<(Migration, Standing)>,
    /// The branch, where that tells which are new.
    pub(crate) base: Option<String>,
    /// A branch or a database tells which are there already, so that a file can be changed or late.
    pub(crate) is_compared: bool,
    /// Those that are judged reach a database together.
    pub(crate) together: bool,
}

impl LintBatch {
    /// All migrations of a folder, each judged as if it were released by itself.
    pub(crate) fn of_folder(dialect: Dialect, format: Format, migrations: Vec<Migration>) -> Self {
        let migrations = migrations.into_iter().map(|migration| (migration, Standing::New)).collect();
        Self { dialect, format: Some(format), migrations, base: None, is_compared: false, together: false }
    }

    /// How many files are judged.
    pub(crate) fn count(&self) -> usize {
        self.migrations.iter().filter(|(_, standing)| *standing == Standing::New).count()
    }

    /// What is found in them.
    ///
    /// # Errors
    /// [`Error::Settings`] for a comment that allows a rule which does not exist.
    pub(crate) fn hazards(&self, settings: &Settings) -> Result<Vec<Hazard>, Error> {
        let is_applied_here = settings.mode == Mode::Apply && settings.migrate_command.is_none();
        // Who runs a file that is in no folder is not known, and nothing is said about it.
        let sets_lock_timeout = self.format.is_none() || (is_applied_here && settings.statement_lock_timeout.is_some());
        let tool = self.format.map(|format| format.tool.name);
        let sends_one_message = tool.is_some_and(|tool| ONE_MESSAGE.contains(&tool));
        let circumstances = Circumstances {
            dialect: self.dialect,
            runner: Runner { tool, sends_one_message, sets_lock_timeout },
            together: self.together,
            is_complete: self.format.is_some(),
        };
        let scripts = self.migrations.iter();
        let scripts = scripts.map(|(migration, standing)| LintScript::of(migration, *standing == Standing::New));
        let scripts: Vec<LintScript<'_>> = scripts.collect();
        scripts.iter().filter(|script| script.is_checked).try_for_each(refuse_wrong_comment)?;
        let is_ordered =
            |migration: &Migration| self.format.is_none_or(|format| format.layout.is_ordered(&migration.name));
        let ordered = self.migrations.iter().zip(&scripts).filter(|((migration, _), _)| is_ordered(migration));
        let files: Vec<(&str, Standing)> =
            ordered.map(|((_, standing), script)| (script.file.as_str(), *standing)).collect();
        let mut found = match self.is_compared {
            true => order::of_folder(&files, self.base.as_deref()),
            false => Vec::new(),
        };
        found.extend(lint(&scripts, &circumstances));
        let is_allowed =
            |hazard: &Hazard| settings.lint_allow.iter().any(|it| it.accepts(hazard.rule, &hazard.place.file));
        found.retain(|hazard| !is_allowed(hazard));
        let at = |file: &str| scripts.iter().position(|script| script.file == file);
        sorting::sort_by_key(&mut found, |hazard| (at(&hazard.place.file), hazard.place.line, hazard.place.column));
        Ok(found)
    }
}

fn refuse_wrong_comment(script: &LintScript<'_>) -> Result<(), Error> {
    let wrong = script.comments.wrong.first();
    wrong.map_or(Ok(()), |(line, why)| Err(Error::Settings(format!("{}:{line}: {why}", script.file))))
}

/// The engine that scripts are written for, as far as the command line or the settings name it.
pub(crate) type NamedDialect<'a> = &'a dyn Fn() -> Result<Option<Dialect>, Error>;

/// The folder of the settings, or the one that is found.
///
/// # Errors
/// [`Error::Settings`] without a folder of SQL files.
pub(crate) fn folder(settings: &Settings, environment: &Environment) -> Result<Folder, Error> {
    let project = Project::find(settings, environment)?;
    let folder = project.folder.ok_or_else(|| {
        let (why, next) = detect::missing();
        Error::Settings(format!("{why}\nnext: {next}; or name the files: doorstep lint FILE…"))
    })?;
    demand_scripts(&folder)?;
    Ok(folder)
}

/// Refuses a folder whose migrations are programs.
///
/// # Errors
/// [`Error::Settings`].
pub(crate) fn demand_scripts(folder: &Folder) -> Result<(), Error> {
    if folder.format.writer.is_none() {
        return Err(Error::Settings(format!(
            "the migrations of {} are no files of SQL, which is what lint reads\n\
             next: let the tool write its SQL to a file, and name that: doorstep lint FILE…",
            folder.format.tool.name
        )));
    }
    Ok(())
}

/// All migrations of a folder.
///
/// # Errors
/// Those of reading it; [`Error::Settings`] where nothing tells the dialect.
pub(crate) fn whole(folder: &Folder, named: NamedDialect<'_>) -> Result<LintBatch, Error> {
    let dialect = dialect_of(folder, named)?;
    let resolved = folder.read(dialect)?;
    for warning in &resolved.warnings {
        tracing::warn!(phase = "lint", event = "folder", "{warning}");
    }
    Ok(LintBatch::of_folder(dialect, folder.format, resolved.migrations))
}

/// The engine that a folder is written for: the one that is named, or the only one that its tool or its files have.
///
/// # Errors
/// [`Error::Settings`] where nothing tells it.
pub(crate) fn dialect_of(folder: &Folder, named: NamedDialect<'_>) -> Result<Dialect, Error> {
    let layout = folder.format.layout;
    match (named()?, layout.dialects()) {
        (Some(dialect), _) => Ok(dialect),
        (None, [only]) => Ok(*only),
        (None, _) => layout.written_for(folder.path).ok_or_else(|| no_dialect(folder.path)),
    }
}

fn no_dialect(path: &Path) -> Error {
    Error::Settings(format!(
        "nothing tells which database {} is written for\nnext: say it with --dialect postgresql, mysql or sqlite",
        path.display()
    ))
}

/// The files that are named, in batches by their folder; a folder among them stands for all that it has.
///
/// # Errors
/// [`Error::Settings`] for a file that cannot be read; those of [`whole`].
pub(crate) fn named(
    paths: &[PathBuf],
    (settings, environment): (&Settings, &Environment),
    dialect: NamedDialect<'_>,
) -> Result<Vec<LintBatch>, Error> {
    let mut batches = Vec::new();
    let mut rest: Vec<&PathBuf> = Vec::new();
    for path in paths {
        if path.is_dir() {
            let settings = Settings { migrations: Some(path.clone()), ..settings.clone() };
            batches.push(whole(&folder(&settings, environment)?, dialect)?);
        } else {
            rest.push(path);
        }
    }
    while let Some(first) = rest.first() {
        let batch = batch_of(first, (settings, environment), dialect)?;
        let Some(mut batch) = batch else {
            batches.push(alone(first, dialect)?);
            rest.remove(0);
            continue;
        };
        for (migration, standing) in &mut batch.migrations {
            let is_named = rest.iter().any(|path| is_same(path, &migration.path));
            *standing = if is_named { Standing::New } else { Standing::Settled };
        }
        rest.retain(|path| !batch.migrations.iter().any(|(migration, _)| is_same(path, &migration.path)));
        batch.together = true;
        batches.push(batch);
    }
    Ok(batches)
}

/// The folder that this file is a migration of: that of the settings, or the one that it lies in.
fn batch_of(
    file: &Path,
    (settings, environment): (&Settings, &Environment),
    dialect: NamedDialect<'_>,
) -> Result<Option<LintBatch>, Error> {
    let places = std::iter::once(settings.migrations.clone());
    let around = file.ancestors().skip(1).take(2).map(|place| match place.as_os_str().is_empty() {
        true => Some(PathBuf::from(".")),
        false => Some(place.to_owned()),
    });
    for migrations in places.chain(around) {
        let settings = Settings { migrations, ..settings.clone() };
        // A folder that is none of migrations says nothing about the file.
        let Ok(folder) = folder(&settings, environment) else { continue };
        let read = whole(&folder, dialect);
        let has_file = |batch: &LintBatch| batch.migrations.iter().any(|(migration, _)| is_same(file, &migration.path));
        match read {
            Ok(batch) if has_file(&batch) => return Ok(Some(batch)),
            // The folder that it lies in is not read for a reason that concerns the file, too.
            Err(error) if file.starts_with(folder.path) => return Err(error),
            _ => {}
        }
    }
    Ok(None)
}

/// A file that is in no folder of migrations.
fn alone(path: &Path, dialect: NamedDialect<'_>) -> Result<LintBatch, Error> {
    let text = read_text(path, FileKind::Migration);
    let text = text.map_err(|error| Error::Settings(unreadable(path.display(), &error)))?;
    let dialect = dialect()?.ok_or_else(|| no_dialect(path))?;
    let migration = Migration {
        name: path.display().to_string(),
        path: path.to_owned(),
        script: Script::new(text, dialect),
        checksum: String::new(),
        unreadable: None,
        no_transaction: false,
    };
    let migrations = vec![(migration, Standing::New)];
    Ok(LintBatch { dialect, format: None, migrations, base: None, is_compared: false, together: false })
}

fn is_same(one: &Path, other: &Path) -> bool {
    one == other || matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// What each file is to a branch: `changed` differ from it, `new` are not in it.
pub(crate) fn since(batch: &mut LintBatch, base: &str, (changed, new): (&[PathBuf], &[PathBuf])) {
    for (migration, standing) in &mut batch.migrations {
        let among = |paths: &[PathBuf]| paths.iter().any(|path| is_same(path, &migration.path));
        *standing = match () {
            () if among(new) => Standing::New,
            () if among(changed) => Standing::Changed,
            () => Standing::Settled,
        };
    }
    batch.base = Some(base.to_owned());
    batch.is_compared = true;
    batch.together = true;
}
