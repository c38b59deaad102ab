//! Looks at a folder and the project around it for what the table of signs asks for.

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{self, FileKind, read_text};
use crate::formats::signs::{KnownTool, Sign, TOOLS};

/// How many sub-folders are looked into: enough to see what they have in common. Every look is a system call per file, and
/// one into each of 100 migrations took a fifth of the processor time of a start.
const SAMPLE: usize = 8;

/// What was seen of a folder: plain data.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    /// Its files, in the order of their names.
    pub files: Vec<String>,
    /// Its folders, likewise.
    pub folders: Vec<Inner>,
    /// Tools whose marks its files have; unknown before the files are read.
    pub marked: Vec<&'static str>,
    /// What is beside it, of what the table asks for.
    pub beside: Vec<&'static str>,
    /// Files beside it, and what they mention.
    pub mentions: Vec<(&'static str, &'static str)>,
    /// Its name.
    pub name: Option<String>,
    /// The name of the folder in which it is, as far as its path says.
    pub under: Option<String>,
    /// A Prisma schema is there, or the folder is Prisma's by its place.
    pub is_prismas_place: bool,
}

/// A folder in the folder.
#[derive(Debug, Clone)]
pub(crate) struct Inner {
    /// Its name.
    pub name: String,
    /// Of its files those that the table asks for; none of a folder that was not looked into.
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
        let under = folder.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut seen = Self { is_prismas_place, name, under, ..Self::default() };
        for entry in std::fs::read_dir(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            // What is not UTF-8 has no tool's form; the format that reads the folder names it.
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type().map_err(unreadable)?;
            match kind.is_dir() || (kind.is_symlink() && entry.path().is_dir()) {
                true => seen.folders.push(Inner { name, files: Vec::new() }),
                false => seen.files.push(name),
            }
        }
        seen.files.sort_unstable();
        seen.folders.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        seen.look_inside(folder);
        seen.look_around(folder);
        Ok(seen)
    }

    /// Looks into the folders that a sign names, the first ones, and the last: a project that has changed its tool has the
    /// newest of the other.
    fn look_inside(&mut self, folder: &Path) {
        let (files, paths) = inner_files();
        let first_of_last = self.folders.len().saturating_sub(SAMPLE / 2);
        for (index, inner) in self.folders.iter_mut().enumerate() {
            let is_sample = index < SAMPLE / 2 || index >= first_of_last;
            let asked = files.iter().filter(|_| is_sample).copied();
            let named = paths.iter().filter(|(folder, _)| *folder == inner.name).map(|(_, file)| *file);
            let there = asked.chain(named).filter(|file| folder.join(&inner.name).join(file).exists());
            inner.files = there.map(str::to_owned).collect();
        }
    }

    /// Looks for what is beside the folder, where that still matters after a look inside.
    fn look_around(&mut self, folder: &Path) {
        let parent = folder.parent().unwrap_or(folder);
        let above = parent.parent().filter(|above| !above.as_os_str().is_empty());
        let places: Vec<&Path> = [Some(parent), above, Some(Path::new(""))].into_iter().flatten().collect();
        let find = |file: &str| places.iter().map(|place| place.join(file)).find(|path: &PathBuf| path.exists());
        let mut texts: Vec<(&str, Option<String>)> = Vec::new();
        let (mut beside, mut mentions) = (Vec::new(), Vec::new());
        let matters = |tool: &KnownTool, sign: Sign| sign.is_open(self, tool.name);
        looked_for(matters, |file, text| match text {
            None => {
                if !beside.contains(&file) && find(file).is_some() {
                    beside.push(file);
                }
            }
            Some(wanted) => {
                if !texts.iter().any(|(known, _)| *known == file) {
                    let path = find(file).filter(|path| path.is_file());
                    texts.push((file, path.and_then(|path| read_text(&path, FileKind::Source).ok())));
                }
                let read = texts.iter().find(|(known, _)| *known == file).and_then(|(_, text)| text.as_deref());
                if read.is_some_and(|text| format!("\n{text}").contains(wanted)) {
                    mentions.push((file, wanted));
                }
            }
        });
        (self.beside, self.mentions) = (beside, mentions);
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

/// Calls `found` with every file that a sign looks for beside a folder, and with the text that it should mention; of the
/// signs that matter.
pub(crate) fn looked_for(
    matters: impl Fn(&KnownTool, Sign) -> bool,
    mut found: impl FnMut(&'static str, Option<&'static str>),
) {
    for tool in TOOLS {
        for (_, sign) in tool.signs.iter().filter(|(_, sign)| matters(tool, *sign)) {
            sign.each_part(&mut |part| match part {
                Sign::Beside(file) => found(file, None),
                Sign::Mentions(file, text) => found(file, Some(text)),
                _ => {}
            });
        }
    }
}

/// The files that a sign looks for in each folder of a folder; and those it looks for in a folder that it names.
fn inner_files() -> (Vec<&'static str>, Vec<(&'static str, &'static str)>) {
    let (mut files, mut paths) = (Vec::new(), Vec::new());
    for (_, sign) in TOOLS.iter().flat_map(|tool| tool.signs) {
        sign.each_part(&mut |part| match part {
            Sign::Folder(names) => files.extend(names),
            Sign::AllFolders(file, _) => files.push(file),
            Sign::Inside(path) => paths.extend(path.split_once('/')),
            _ => {}
        });
    }
    files.sort_unstable();
    files.dedup();
    (files, paths)
}
