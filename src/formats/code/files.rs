//! The files of a project, and what its tool makes of them.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{self, FileKind};
use crate::base::sorting;

/// How deep a recursive tool is followed. Deeper folders are a mistake, or a loop of links.
const DEPTH: usize = 12;

/// A file that may hold migrations.
#[derive(Debug)]
pub(crate) struct SourceFile<'a> {
    /// Where it is.
    pub path: &'a Path,
    /// Its name.
    pub name: &'a str,
    text: OnceCell<Option<String>>,
}

impl<'a> SourceFile<'a> {
    /// The file of this path; `None` where its name is not UTF-8.
    pub(crate) fn of(path: &'a Path) -> Option<Self> {
        Some(Self { path, name: path.file_name()?.to_str()?, text: OnceCell::new() })
    }

    /// Its text, read once; `None` where it cannot be read as text.
    pub(crate) fn text(&self) -> Option<&str> {
        self.text.get_or_init(|| file::read_text(self.path, FileKind::Source).ok()).as_deref()
    }

    #[cfg(test)]
    pub(crate) fn with(name: &'a str, text: &str) -> Self {
        Self { path: Path::new(name), name, text: OnceCell::from(Some(text.to_owned())) }
    }
}

/// What a tool makes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// A migration: the key that the history has of it, and its name for people.
    Migration { key: String, name: String },
    /// The tool stops at this file; with the reason.
    Refused(String),
    /// Only the tool can tell which migrations it holds; with the reason.
    Unknown(String),
}

impl Named {
    /// A migration whose key is its name.
    pub(crate) fn key(key: &str) -> Self {
        Self::Migration { key: key.to_owned(), name: key.to_owned() }
    }
}

/// All files of a folder, by their names; those of the folders within, too, if the tool looks there, but for those whose
/// names begin with a dot.
///
/// # Errors
/// [`Error::Settings`] for a folder that cannot be read.
pub(crate) fn list(folder: &Path, is_recursive: bool) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    walk(folder, if is_recursive { DEPTH } else { 0 }, &|_| true, &mut found)?;
    Ok(found)
}

/// All files of a project, without the folders whose names `leaves_out` says.
///
/// # Errors
/// [`Error::Settings`] for a folder that cannot be read.
pub(crate) fn tree(folder: &Path, leaves_out: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    walk(folder, DEPTH, &|name| !leaves_out(name), &mut found)?;
    Ok(found)
}

fn walk(folder: &Path, depth: usize, enters: &impl Fn(&str) -> bool, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let unreadable = |error: std::io::Error| Error::Settings(file::unreadable(folder.display(), &error));
    let mut entries =
        std::fs::read_dir(folder).map_err(unreadable)?.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    sorting::sort_by_key(&mut entries, std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let kind = entry.file_type().map_err(unreadable)?;
        match kind.is_dir() || (kind.is_symlink() && path.is_dir()) {
            true if depth > 0 && !name.starts_with('.') && enters(&name) => walk(&path, depth - 1, enters, found)?,
            true => {}
            false => found.push(path),
        }
    }
    Ok(())
}
