//! Looks at a folder and the project around it for what the table of signs asks for.

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{self, FileKind, read_text};
use crate::formats::signs::{KnownTool, Sign, TOOLS};

/// How many sub-folders are looked into: enough to see what they have in common.
const SAMPLE: usize = 200;

/// What was seen of a folder: plain data.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Its files.
    pub files: Vec<String>,
    /// Its folders.
    pub folders: Vec<Inner>,
    /// Tools whose marks its files have; unknown before the files are read.
    pub marked: Vec<&'static str>,
    /// What is beside it, of what the table asks for.
    pub beside: Vec<&'static str>,
    /// Files beside it, and what they mention.
    pub mentions: Vec<(&'static str, &'static str)>,
    /// A Prisma schema is there, or the folder is Prisma's by its place.
    pub is_prismas_place: bool,
}

/// A folder in the folder.
#[derive(Debug, Clone)]
pub(crate) struct Inner {
    /// Its name.
    pub name: String,
    /// Of its files those that the table asks for.
    pub files: Vec<String>,
}

impl Inner {
    /// Whether it has this file.
    #[must_use]
    pub(crate) fn has(&self, file: &str) -> bool {
        self.files.iter().any(|known| known == file)
    }
}

impl Seen {
    /// Looks at a folder.
    ///
    /// # Errors
    /// [`Error::Settings`] where it cannot be read.
    pub(crate) fn of(folder: &Path, is_prismas_place: bool) -> Result<Self, Error> {
        let unreadable = |error: std::io::Error| Error::Settings(file::unreadable(folder.display(), &error));
        let mut seen = Self { is_prismas_place, ..Self::default() };
        let inner = inner_files();
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            // What is not UTF-8 has no tool's form; the format that reads the folder names it.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type().map_err(unreadable)?;
            let is_folder = kind.is_dir() || (kind.is_symlink() && entry.path().is_dir());
            if !is_folder {
                seen.files.push(name);
                continue;
            }
            let is_asked = seen.folders.len() < SAMPLE;
            let has = |file: &&str| is_asked && entry.path().join(file).exists();
            let files = inner.iter().copied().filter(has).map(str::to_owned).collect();
            seen.folders.push(Inner { name, files });
        }
        seen.files.sort_unstable();
        seen.folders.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        seen.look_around(folder);
        Ok(seen)
    }

    fn look_around(&mut self, folder: &Path) {
        let parent = folder.parent().unwrap_or(folder);
        let above = parent.parent().filter(|above| !above.as_os_str().is_empty());
        let places: Vec<&Path> = [Some(parent), above, Some(Path::new(""))].into_iter().flatten().collect();
        let find = |file: &str| places.iter().map(|place| place.join(file)).find(|path: &PathBuf| path.exists());
        let mut texts: Vec<(&str, Option<String>)> = Vec::new();
        looked_for(TOOLS, |file, text| match text {
            None => {
                if find(file).is_some() && !self.beside.contains(&file) {
                    self.beside.push(file);
                }
            }
            Some(wanted) => {
                if !texts.iter().any(|(known, _)| *known == file) {
                    let path = find(file).filter(|path| path.is_file());
                    texts.push((file, path.and_then(|path| read_text(&path, FileKind::Source).ok())));
                }
                let read = texts.iter().find(|(known, _)| *known == file).and_then(|(_, text)| text.as_deref());
                if read.is_some_and(|text| format!("\n{text}").contains(wanted)) {
                    self.mentions.push((file, wanted));
                }
            }
        });
    }

    /// Whether this file or folder is in it.
    #[must_use]
    pub(crate) fn has(&self, name: &str) -> bool {
        match name.split_once('/') {
            Some((folder, file)) => self.folders.iter().any(|inner| inner.name == folder && inner.has(file)),
            None => self.names().any(|known| known == name),
        }
    }

    /// The names of its files and folders.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str).chain(self.folders.iter().map(|folder| folder.name.as_str()))
    }
}

/// Calls `found` with every file that a sign looks for beside a folder, and with the text that it should mention.
pub(crate) fn looked_for(tools: &[KnownTool], mut found: impl FnMut(&'static str, Option<&'static str>)) {
    for (_, sign) in tools.iter().flat_map(|tool| tool.signs) {
        for part in sign.parts() {
            match part {
                Sign::Beside(file) => found(file, None),
                Sign::Mentions(file, text) => found(file, Some(text)),
                _ => {}
            }
        }
    }
}

/// The names of files that a sign looks for in the folders of a folder.
fn inner_files() -> Vec<&'static str> {
    let mut names = Vec::new();
    for (_, sign) in TOOLS.iter().flat_map(|tool| tool.signs) {
        for part in sign.parts() {
            match part {
                Sign::Folder(files) => names.extend(files),
                Sign::AllFolders(file, _) => names.push(file),
                Sign::Inside(path) => names.extend(path.split_once('/').map(|(_, file)| file)),
                _ => {}
            }
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}
