//! Reads a folder of Flyway, and its sub-folders: versioned, baseline and repeatable migrations of SQL.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::base::error::Error;
use crate::base::sorting;
use crate::formats::flyway::configuration::Configuration;
use crate::formats::flyway::names::{Role, Version, is_callback, role};
use crate::formats::flyway::text::{checksum, replaced};
use crate::formats::migration::{Migration, Unreadable};
use crate::formats::{AppliedOrder, Layout, Lineage, Rerun, Resolved, sql_files};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// How the name of a record begins that is no migration: where the history was begun.
pub(crate) const BASELINE: &str = "<< Flyway Baseline >>";

/// The layout.
#[derive(Debug)]
pub(crate) struct FlywayFolder {
    pub configuration: &'static Configuration,
    /// Where the ledger finds what the rows say of a file.
    pub files: &'static Files,
}

/// What a row says of each file, in the order in which they run.
#[derive(Debug, Default)]
pub(crate) struct Files(OnceLock<Vec<FlywayFile>>);

impl Files {
    /// All of them; none of a folder that was not read.
    pub(crate) fn all(&self) -> &[FlywayFile] {
        self.0.get().map(Vec::as_slice).unwrap_or_default()
    }

    /// The one of this name.
    pub(crate) fn of(&self, name: &str) -> Option<&FlywayFile> {
        self.all().iter().find(|file| file.name == name)
    }

    /// Keeps those of the folder that was read first; a start reads one.
    pub(crate) fn keep(&self, files: Vec<FlywayFile>) {
        let _ = self.0.set(files);
    }
}

/// A file, as its row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FlywayFile {
    /// The name without its ending, as doorstep calls the migration.
    pub name: String,
    /// What it is.
    pub role: Role,
    /// The description.
    pub description: String,
    /// The path below the folder, with `/`.
    pub script: String,
    /// The checksums that fit a row, the one that is written first.
    pub checksums: Vec<i32>,
}

impl FlywayFile {
    /// Its version; a repeatable one has none.
    pub(crate) fn version(&self) -> Option<&Version> {
        match &self.role {
            Role::Versioned(version) | Role::Baseline(version) | Role::Code(version) => Some(version),
            Role::Repeatable => None,
        }
    }
}

impl Layout for FlywayFolder {
    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let mut paths = Vec::new();
        look(folder, Path::new(""), &mut paths)?;
        let wrong = |why: String| Error::History(format!("{}: {why}", folder.display()));
        let found = arranged(&paths, self.configuration.skips_callbacks).map_err(wrong)?;
        if found.is_empty() {
            return Err(Error::Settings(format!(
                "{} has no migration of Flyway (V1__NAME.sql)\n\
                 next: check that the image contains them, or name the folder with --migrations",
                folder.display()
            )));
        }
        let opened = sql_files::open(folder)?;
        let (mut migrations, mut files) = (Vec::new(), Vec::new());
        for mut file in found {
            let path = folder.join(&file.script);
            let text = sql_files::text(&path, opened.read(Path::new(&file.script)));
            let script_configuration = script_configuration(&path);
            migrations.push(self.migration(&path, &mut file, (text, script_configuration), dialect));
            files.push(file);
        }
        let is_known = |path: &&PathBuf| files.iter().any(|file| path.to_string_lossy() == file.script);
        let is_sql = |path: &&PathBuf| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("sql"));
        let others = paths.iter().filter(is_sql).filter(|path| !is_known(path) && !is_undo(path));
        let others: Vec<String> = others.map(|path| path.display().to_string()).collect();
        if self.configuration.validates_names {
            unnamed(&others).map_err(wrong)?;
        }
        let warning = format!("{}: Flyway passes over {}", folder.display(), others.join(", "));
        let warnings = if others.is_empty() { Vec::new() } else { vec![warning] };
        let repeatable = files.iter().zip(&migrations).filter(|(file, _)| file.role == Role::Repeatable);
        let rerun =
            |(_, migration): (_, &Migration)| (migration.name.clone(), Rerun::Changed(migration.checksum.clone()));
        let lineage = Lineage { reruns: repeatable.map(rerun).collect(), ..Lineage::default() };
        self.files.keep(files);
        Ok(Resolved { migrations, warnings, lineage, ..Resolved::default() })
    }

    /// A later version than those of the folder is "future", and Flyway goes on.
    fn forbids(&self, missing: &[&str], edited: &[&str]) -> Option<String> {
        let newest = self.files.all().iter().filter_map(FlywayFile::version).max();
        let is_future = |name: &&&str| version_of(name).is_some_and(|version| Some(&version) > newest);
        let gone: Vec<&str> = missing.iter().filter(|name| !is_future(name)).copied().collect();
        if let [_, ..] = gone.as_slice() {
            return Some(format!(
                "applied, but not in the folder: {}; Flyway does not go on with such a history (validate)\n\
                 next: start an image that has them, or have Flyway mark them as deleted (flyway repair)",
                gone.join(", ")
            ));
        }
        let [_, ..] = edited else { return None };
        Some(format!(
            "text, description or type changed since they were applied: {}; Flyway does not go on with such a folder (validate)\n\
             next: restore the files as they were applied, and put the change into a new migration",
            edited.join(", ")
        ))
    }

    /// Without `outOfOrder`, Flyway stops at a pending version that is older than the newest applied one.
    fn forbids_order(&self, order: &AppliedOrder<'_>) -> Option<String> {
        if self.configuration.out_of_order {
            return None;
        }
        let newest = order.applied.iter().filter_map(|name| version_of(name)).max()?;
        let aside = self.left_aside(order.files, order.applied);
        let is_late = |name: &&str| {
            !order.applied.contains(name)
                && !aside.iter().any(|known| known == name)
                && version_of(name).is_some_and(|version| version < newest)
        };
        let late: Vec<&str> = order.files.iter().map(|migration| migration.name.as_str()).filter(is_late).collect();
        let [_, ..] = late.as_slice() else { return None };
        Some(format!(
            "not applied, and older than version {}, which is: {}; Flyway stops at them without outOfOrder (validate)\n\
             next: run them with --out-of-order apply, or give them versions after the applied ones",
            newest.text,
            late.join(", ")
        ))
    }

    /// Versions up to that of the baseline, and other baseline migrations than the newest one of a database without a history.
    fn left_aside(&self, files: &[Migration], applied: &[&str]) -> Vec<String> {
        let own: Vec<&FlywayFile> = files.iter().filter_map(|migration| self.files.of(&migration.name)).collect();
        let is_applied = |name: &str| applied.contains(&name);
        let of_rows = applied.iter().filter(|name| is_baseline(name)).filter_map(|name| version_of(name)).max();
        let is_begun = applied.iter().any(|name| version_of(name).is_some());
        let baselines = own.iter().filter(|file| matches!(file.role, Role::Baseline(_)));
        let first = baselines.filter_map(|file| file.version()).max().filter(|_| !is_begun);
        let until = of_rows.as_ref().or(first);
        let is_aside = |file: &&&FlywayFile| match &file.role {
            Role::Baseline(version) => first != Some(version),
            Role::Versioned(version) | Role::Code(version) => until.is_some_and(|until| version <= until),
            Role::Repeatable => false,
        };
        own.iter().filter(is_aside).filter(|file| !is_applied(&file.name)).map(|file| file.name.clone()).collect()
    }

    fn is_ordered(&self, name: &str) -> bool {
        name != "R" && !name.starts_with("R__")
    }

    fn missed<'a>(&self, _known: &'a [Migration]) -> Box<dyn Fn(&str) -> bool + 'a> {
        Box::new(|name| !name.starts_with("<<"))
    }
}

/// Stops at files of SQL whose names are those of no migration, as Flyway does with `validateMigrationNaming`.
fn unnamed(others: &[String]) -> Result<(), String> {
    let is_unnamed = |path: &&str| !is_callback(path.rsplit('/').next().unwrap_or_default());
    let unnamed: Vec<&str> = others.iter().map(String::as_str).filter(is_unnamed).collect();
    match unnamed.as_slice() {
        [] => Ok(()),
        _ => Err(format!(
            "no names of migrations, at which Flyway stops with validateMigrationNaming: {}\n\
             next: rename them (V1__NAME.sql), or move them out of the folder",
            unnamed.join(", ")
        )),
    }
}

/// A record that says where the history was begun.
fn is_baseline(name: &str) -> bool {
    name.starts_with(BASELINE) || name.starts_with('B')
}

/// The version in the name of a migration or of a record.
pub(crate) fn version_of(name: &str) -> Option<Version> {
    let text = match name.strip_prefix(BASELINE) {
        Some(version) => version.trim(),
        None => name.strip_prefix(['V', 'B'])?.split("__").next()?,
    };
    Version::of(text)
}

/// A file that takes a migration back.
fn is_undo(path: &Path) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with('U') && name.contains("__"))
}

/// Files by their paths from the folder; Flyway passes over hidden folders.
fn look(root: &Path, inner: &Path, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    for (name, is_folder) in sql_files::entries(&root.join(inner))? {
        let path = inner.join(&name);
        match is_folder {
            true if name.starts_with('.') => {}
            true => look(root, &path, found)?,
            false => found.push(path),
        }
    }
    Ok(())
}

/// The migrations, in the order in which they run: by version, the repeatable ones last, by description.
///
/// # Errors
/// A name that stops, with what to do; two files of one version or description.
fn arranged(paths: &[PathBuf], skips_callbacks: bool) -> Result<Vec<FlywayFile>, String> {
    let mut found: Vec<FlywayFile> = Vec::new();
    for path in paths {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (role, description) = match role(name) {
            Ok(None) => continue,
            Err(_) if skips_callbacks && name.to_lowercase().starts_with(['a', 'b', 'c']) => continue,
            Err(why) => {
                return Err(format!(
                    "{why}\nnext: rename it (V1__NAME.sql) or move it out of the folder, or let Flyway apply the migrations \
                     (migrate_command = \"flyway migrate\")"
                ));
            }
            Ok(Some(found)) => found,
        };
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned();
        let script = path.to_string_lossy().into_owned();
        found.push(FlywayFile { name: stem, role, description, script, checksums: Vec::new() });
    }
    let is_second = |file: &FlywayFile| matches!(file.role, Role::Baseline(_));
    sorting::sort_by(&mut found, |one, other| {
        let by_version = (one.version().is_none(), one.version()).cmp(&(other.version().is_none(), other.version()));
        by_version
            .then_with(|| is_second(one).cmp(&is_second(other)))
            .then_with(|| one.description.cmp(&other.description))
    });
    let is_same = |one: &FlywayFile, other: &FlywayFile| match (one.version(), other.version()) {
        (None, None) => one.description == other.description,
        (one_version, other_version) => one_version == other_version && is_second(one) == is_second(other),
    };
    match found.windows(2).find(|pair| is_same(&pair[0], &pair[1])) {
        Some([one, other]) => Err(format!(
            "{} and {} have the same version, or the same description, at which Flyway stops\nnext: rename one of them",
            one.script, other.script
        )),
        _ => Ok(found),
    }
}

/// What `SCRIPT.sql.conf` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ScriptConfiguration {
    in_transaction: bool,
    replaces: bool,
}

/// Reads it, if it is there.
fn script_configuration(path: &Path) -> Result<ScriptConfiguration, Unreadable> {
    let path = PathBuf::from(format!("{}.conf", path.display()));
    match path.exists() {
        false => Ok(ScriptConfiguration { in_transaction: true, replaces: true }),
        true => {
            let text = std::fs::read(&path);
            of_script(&sql_files::text(&path, text)?).map_err(|why| why.at(path.display()))
        }
    }
}

fn of_script(text: &str) -> Result<ScriptConfiguration, Unreadable> {
    let mut found = ScriptConfiguration { in_transaction: true, replaces: true };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '!'])) {
        let (name, value) = line.split_once('=').map_or((line, ""), |(name, value)| (name.trim(), value.trim()));
        let switch = match value.to_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        match (name, switch) {
            ("executeInTransaction", Some(is_on)) => found.in_transaction = is_on,
            ("placeholderReplacement", Some(is_on)) => found.replaces = is_on,
            ("shouldExecute", Some(true)) => {}
            ("encoding", _) if value.eq_ignore_ascii_case("utf-8") => {}
            _ => {
                let next = "leave it out, or let Flyway apply the migrations (migrate_command)";
                return Err(Unreadable::new(format!("doorstep does not follow {line}"), next));
            }
        }
    }
    Ok(found)
}

impl FlywayFolder {
    fn migration(
        &self,
        path: &Path,
        file: &mut FlywayFile,
        (text, own): (Result<String, Unreadable>, Result<ScriptConfiguration, Unreadable>),
        dialect: Dialect,
    ) -> Migration {
        let (shown, mixed) = (path.display(), self.configuration.mixed);
        let mut no_transaction = false;
        let placeholders = self.configuration.placeholders.as_ref();
        let read = match (&file.role, text, own) {
            (Role::Code(_), ..) => Err((
                String::new(),
                Unreadable::new(
                    format!("{shown}: Flyway runs it as a program, and doorstep does not"),
                    "let Flyway apply the migrations (migrate_command = \"flyway migrate\")",
                ),
            )),
            (_, Err(why), _) => Err((String::new(), why)),
            (_, Ok(text), Err(why)) => Err((text, why)),
            (_, Ok(text), Ok(own)) => {
                no_transaction = !own.in_transaction;
                let plain = checksum(&text);
                let replaced = match placeholders.filter(|_| own.replaces) {
                    Some(values) => {
                        let mut values = values.clone();
                        let name = file.script.rsplit('/').next().unwrap_or_default();
                        values.insert("flyway:filename".to_owned(), name.to_owned());
                        replaced(&text, &values).map_err(|(line, why)| {
                            let next = "write the value into the file, or into the configuration as a literal, or let \
                                        Flyway apply the migrations (migrate_command = \"flyway migrate\")";
                            Unreadable::new(format!("{shown}:{line}: {why}"), next)
                        })
                    }
                    None => Ok(text.clone()),
                };
                file.checksums = vec![plain];
                if let (Role::Repeatable, Ok(replaced)) = (&file.role, &replaced) {
                    file.checksums.insert(0, checksum(replaced));
                }
                replaced.map_err(|why| (text, why))
            }
        };
        let (text, unreadable) = match read {
            Ok(text) => (text, None),
            Err((text, why)) => (text, Some(why)),
        };
        let script = Script::new(text, dialect);
        let others = || sql_files::foreign_marks(&script, "Flyway", "U1__NAME.sql").map(|why| why.at(&shown));
        let is_mixed = || (!mixed && !no_transaction).then(|| mixture(&script)).flatten().map(|why| why.at(&shown));
        let unreadable = unreadable.or_else(others).or_else(is_mixed);
        let checksum = file.checksums.first().map(i32::to_string).unwrap_or_default();
        Migration { name: file.name.clone(), path: path.to_owned(), script, checksum, unreadable, no_transaction }
    }
}

/// Why Flyway refuses a file in which a statement that refuses a transaction stands beside others.
fn mixture(script: &Script) -> Option<Unreadable> {
    let statements = script.statements();
    let dialect = script.dialect();
    let refusing = statements.iter().find(|statement| statement.fails_in_transaction(dialect))?;
    if statements.iter().all(|statement| statement.fails_in_transaction(dialect)) {
        return None;
    }
    let line = script.text()[..refusing.offset].bytes().filter(|byte| *byte == b'\n').count() + 1;
    let why = format!(
        "the statement in line {line} cannot run in a transaction, and Flyway refuses it beside others without mixed"
    );
    Some(Unreadable::new(why, "write it alone in a file"))
}

/// The rows' keys of the files, for tests and the ledger: by version, or by description.
pub(crate) fn by_key(files: &[FlywayFile]) -> BTreeMap<String, &FlywayFile> {
    let key = |file: &FlywayFile| match (&file.role, file.version()) {
        (Role::Baseline(version), _) => format!("B{}", version.key()),
        (_, Some(version)) => format!("V{}", version.key()),
        (_, None) => format!("R{}", file.description),
    };
    files.iter().map(|file| (key(file), file)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[&str]) -> Result<Vec<String>, String> {
        let paths: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
        Ok(arranged(&paths, false)?.into_iter().map(|file| file.name).collect())
    }

    #[test]
    fn files_run_by_version_and_repeatable_ones_after_them() {
        let files = [
            "R__b.sql",
            "sub/V10__c.sql",
            "V2__b.sql",
            "B2__all.sql",
            "V1.1__x.sql",
            "V1__a.sql",
            "R__a.sql",
            "V3.sql",
            "R.sql",
            "README.md",
        ];
        let expected = ["V1__a", "V1.1__x", "V2__b", "B2__all", "V3", "V10__c", "R", "R__a", "R__b"];
        assert_eq!(names(&files).unwrap(), expected);
        for twice in [
            ["V1__a.sql", "V1.0__b.sql"],
            ["R__a_b.sql", "sub/R__a b.sql"],
            ["R.sql", "R__.sql"],
            ["V2.sql", "V2__b.sql"],
            ["B1__a.sql", "B01__b.sql"],
        ] {
            assert!(names(&twice).unwrap_err().contains("at which Flyway stops"), "{twice:?}");
        }
        assert!(names(&["afterMigrate.sql"]).unwrap_err().contains("callback"));
        assert!(arranged(&["afterMigrate.sql".into(), "V1__a.sql".into()], true).is_ok());
    }

    #[test]
    fn names_of_no_migration_stop_where_the_configuration_says_so() {
        assert_eq!(unnamed(&["beforeClean.sql".to_owned(), "sub/afterInfo__x.sql".to_owned()]), Ok(()));
        assert!(unnamed(&["sub/seed.sql".to_owned()]).unwrap_err().contains(": sub/seed.sql\nnext: "));
    }

    #[test]
    fn the_configuration_of_a_script_is_followed_or_refused() {
        assert_eq!(
            of_script("executeInTransaction=false\n"),
            Ok(ScriptConfiguration { in_transaction: false, replaces: true })
        );
        assert_eq!(
            of_script("# c\nplaceholderReplacement = false"),
            Ok(ScriptConfiguration { in_transaction: true, replaces: false })
        );
        assert!(of_script("shouldExecute=false").unwrap_err().why.contains("shouldExecute"));
        assert!(of_script("shouldExecute=${a}==b").is_err() && of_script("encoding=ISO-8859-1").is_err());
    }

    #[test]
    fn a_baseline_stands_for_the_versions_up_to_its_own() {
        let names = ["V1__a.sql", "V2__b.sql", "B2__all.sql", "V3__c.sql", "R__v.sql"];
        let files = arranged(&names.map(PathBuf::from), false).unwrap();
        let migration = |file: &FlywayFile| Migration {
            name: file.name.clone(),
            path: file.script.clone().into(),
            script: Script::new(String::new(), Dialect::Postgres),
            checksum: String::new(),
            unreadable: None,
            no_transaction: false,
        };
        let migrations: Vec<Migration> = files.iter().map(migration).collect();
        let kept: &'static Files = Box::leak(Box::default());
        kept.keep(files);
        let configuration = crate::formats::flyway::configuration::read(&Default::default(), &[]).unwrap();
        let layout = FlywayFolder { configuration: Box::leak(Box::new(configuration)), files: kept };
        for (applied, aside) in [
            (&[][..], &["V1__a", "V2__b"][..]),
            (&["V1__a"], &["B2__all"]),
            (&["B2__all"], &["V1__a", "V2__b"]),
            (&["<< Flyway Baseline >> 1"], &["V1__a", "B2__all"]),
            (&["R__v"], &["V1__a", "V2__b"]),
        ] {
            assert_eq!(layout.left_aside(&migrations, applied), aside, "{applied:?}");
        }
        assert!(layout.forbids(&["V9__future"], &[]).is_none());
        assert!(layout.forbids(&["V2.5__gone", "R__gone"], &[]).unwrap().contains("V2.5__gone, R__gone"));
    }
}
