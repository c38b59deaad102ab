//! Reads a folder of refinery, and its sub-folders, by refinery's own rules (refinery-core 0.10.1, `util.rs` and
//! `traits/mod.rs`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::formats::migration::{Migration, Unreadable};
use crate::formats::refinery::checksum::{Width, checksum};
use crate::formats::refinery::names::{Numbered, Role, role};
use crate::formats::{AppliedOrder, Layout, Lineage, Resolved, ledger_ddl, sql_files};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// The layout.
#[derive(Debug)]
pub(crate) struct RefineryFolder;

impl Layout for RefineryFolder {
    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let mut found = Found::default();
        found.look(folder, Path::new(""))?;
        let files = arranged(folder, &found.files)?;
        let opened = sql_files::open(folder)?;
        let (mut migrations, mut keys) = (Vec::new(), BTreeMap::new());
        for (numbered, file) in files {
            keys.insert(numbered.version.to_string(), numbered.stem.to_owned());
            let path = folder.join(file);
            let text = sql_files::text(&path, opened.read(file));
            migrations.push(migration(&path, numbered, text, dialect));
        }
        let mut warnings = Vec::new();
        if migrations.is_empty() {
            let shown = folder.display();
            warnings.push(format!("{shown} has no migration of refinery (V1__NAME.sql): nothing will be applied"));
        }
        if !found.passed_over.is_empty() {
            warnings.push(format!("never run from {}: {}", folder.display(), found.passed_over.join(", ")));
        }
        Ok(Resolved { migrations, warnings, lineage: Lineage { keys, ..Lineage::default() }, ..Resolved::default() })
    }

    /// refinery stops at an applied migration without a file (abort_missing), and at one whose name or text has changed
    /// (abort_divergent), also where nothing is pending.
    fn forbids(&self, missing: &[&str], edited: &[&str]) -> Option<String> {
        if let [_, ..] = missing {
            return Some(format!(
                "applied, but not in the folder: {}; refinery does not go on with such a history\n\
                 next: start an image that has them; to start this one on the newer database: --migrate off",
                missing.join(", ")
            ));
        }
        let [_, ..] = edited else { return None };
        Some(format!(
            "name or text changed since they were applied: {}; refinery does not go on with such a folder\n\
             next: restore the files as they were applied, and put the change into a new migration",
            edited.join(", ")
        ))
    }

    /// A `V` file of a lower version than an applied one is an error of refinery, or is skipped for ever with
    /// `set_abort_missing(false)`; a `U` file runs.
    fn forbids_order(&self, order: &AppliedOrder<'_>) -> Option<String> {
        let versioned: Vec<&str> = order.late.iter().copied().filter(|name| !name.starts_with('U')).collect();
        let [_, ..] = versioned.as_slice() else { return None };
        Some(format!(
            "older than what is applied already: {}; refinery does not run them, unless their name begins with U\n\
             next: give them versions after the applied ones, or run them as they are with --out-of-order apply",
            versioned.join(", ")
        ))
    }
}

/// What is in a folder and its sub-folders.
#[derive(Debug, Default)]
struct Found {
    /// Files with the names of migrations, by their paths from the folder.
    files: Vec<PathBuf>,
    /// What refinery passes over, and a person may have meant as a migration.
    passed_over: Vec<String>,
}

impl Found {
    /// Looks into a sub-folder. As refinery does, it follows links to files, and none to folders.
    fn look(&mut self, root: &Path, inner: &Path) -> Result<(), Error> {
        for (name, is_folder) in sql_files::entries(&root.join(inner))? {
            let path = inner.join(&name);
            if is_folder && root.join(&path).is_symlink() {
                // Kubernetes mounts a ConfigMap as links into the folder to which ..data leads.
                self.passed_over.extend((!name.starts_with("..")).then(|| format!("{} (a link)", path.display())));
                continue;
            }
            if is_folder {
                self.look(root, &path)?;
                continue;
            }
            match role(&name) {
                Role::Migration(_) => self.files.push(path),
                Role::Code => return Err(code(&root.join(path))),
                Role::Refused(why) => {
                    return Err(Error::History(format!(
                        "{}: {why}\nnext: rename it (V1__NAME.sql), or move it out of the folder",
                        root.join(path).display()
                    )));
                }
                Role::Other => {
                    let is_sql = name.to_ascii_lowercase().ends_with(".sql");
                    self.passed_over.extend(is_sql.then(|| path.display().to_string()));
                }
            }
        }
        Ok(())
    }
}

fn code(path: &Path) -> Error {
    Error::Settings(format!(
        "{} is a migration in Rust, which only the program that it is compiled into can run\n\
         next: let that program apply the migrations (migrate_command = \"PROGRAM ARGUMENTS\")",
        path.display()
    ))
}

/// The files in the order of their versions.
///
/// # Errors
/// [`Error::History`] for two files of one version: refinery runs both, and fails at the second one's row.
fn arranged<'a>(folder: &Path, files: &'a [PathBuf]) -> Result<Vec<(Numbered<'a>, &'a Path)>, Error> {
    let mut by_version: BTreeMap<i64, (Numbered<'a>, &'a Path)> = BTreeMap::new();
    for file in files {
        let Some(Role::Migration(numbered)) = file.file_name().and_then(|name| name.to_str()).map(role) else {
            continue;
        };
        let Some((_, other)) = by_version.insert(numbered.version, (numbered, file)) else { continue };
        let same = |one: &Path, other: &Path| {
            let real = |path: &Path| folder.join(path).canonicalize().ok();
            real(one).is_some_and(|one| Some(one) == real(other))
        };
        if !same(file, other) {
            return Err(Error::History(format!(
                "two migrations in {} have the version {}: {} and {}; refinery runs both and fails to record the second\n\
                 next: give the later one a version of its own",
                folder.display(),
                numbered.version,
                other.display(),
                file.display()
            )));
        }
    }
    Ok(by_version.into_values().collect())
}

fn migration(path: &Path, numbered: Numbered<'_>, text: Result<String, Unreadable>, dialect: Dialect) -> Migration {
    let words = ledger_ddl::refinery::words(dialect);
    let Numbered { version, name, stem, .. } = numbered;
    let sum = |text: &str| {
        let of = |width| checksum(name, version, text, width);
        of(Width::Four).or_else(|| of(Width::Eight)).unwrap_or_default()
    };
    let (text, checksum, unreadable) = match text {
        Err(why) => (String::new(), String::new(), Some(why)),
        Ok(text) => {
            let bom = text.starts_with('\u{feff}') && words.sends_bom;
            let unreadable = bom.then(|| sql_files::byte_order_mark("refinery", dialect));
            let checksum = sum(&text);
            (text, checksum, unreadable)
        }
    };
    let script = Script::new(text, dialect);
    let in_transaction = || {
        let advice = "leave it out, or let a program apply it that runs it outside of migrations (migrate_command)";
        sql_files::refused_in_transaction(&script, "refinery", advice)
    };
    let marks = || sql_files::foreign_marks(&script, "refinery", "outside of this folder");
    let unreadable = unreadable.or_else(marks).or_else(in_transaction);
    let unreadable = unreadable.map(|why| why.at(path.display()));
    let (name, path) = (stem.to_owned(), path.to_owned());
    Migration { name, path, script, checksum, unreadable, no_transaction: false }
}
