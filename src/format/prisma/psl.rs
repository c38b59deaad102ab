//! The Prisma Schema Language: the text of `schema.prisma` to what a database should hold.
//!
//! [`read`] is the only part that touches files; [`parse`] and [`lower`] are pure. A text goes through
//! `lexer` → `parser` → `check` → `lower`; the types in between are `syntax` (what is written) and [`schema`] (what it
//! means). It accepts what Prisma accepts, of any version: URLs in the datasource or not, preview features that nobody
//! knows, keys of the datasource that are misspelt.

mod check;
mod lexer;
mod lower;
mod names;
mod parser;
pub mod schema;
mod syntax;
mod types;

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::Error;
pub use lower::lower;
pub use schema::Schema;

/// A place in the files of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// The file, by its place among those given.
    pub file: usize,
    /// Its line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
}

/// Something that is wrong, before the file has its name.
struct Problem {
    place: Place,
    message: String,
}

/// Something that is wrong in a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file, as the user would write its path.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong, and what to do about it.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)
    }
}

/// The texts of a schema by their names: of a file, or of all `*.prisma` below a folder.
///
/// # Errors
/// [`Error::Settings`] if something cannot be read.
pub fn read(path: &Path) -> Result<Vec<(String, String)>, Error> {
    let mut paths = Vec::new();
    match path.is_dir() {
        true => walk(path, &mut HashSet::new(), &mut paths)?,
        false => paths.push(path.to_owned()),
    }
    paths.sort();
    let text = |path: &PathBuf| std::fs::read_to_string(path).map_err(|error| unreadable(path, &error));
    paths.iter().map(|path| Ok((path.display().to_string(), text(path)?))).collect()
}

/// Follows symbolic links, as Prisma does, but into no folder twice.
fn walk(directory: &Path, visited: &mut HashSet<PathBuf>, found: &mut Vec<PathBuf>) -> Result<(), Error> {
    let real = directory.canonicalize().map_err(|error| unreadable(directory, &error))?;
    if !visited.insert(real) {
        return Ok(());
    }
    for entry in std::fs::read_dir(directory).map_err(|error| unreadable(directory, &error))? {
        let child = entry.map_err(|error| unreadable(directory, &error))?.path();
        if child.is_dir() {
            walk(&child, visited, found)?;
        } else if child.extension().is_some_and(|extension| extension == "prisma") {
            found.push(child);
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::Settings(format!("cannot read {}: {error}", path.display()))
}

/// Parses the files of a schema, given as names and texts. Their order does not matter.
///
/// # Errors
/// Everything that is wrong, in the order of files and lines: the syntax of all files or, once that is right, the rest.
pub fn parse(files: &[(String, String)]) -> Result<Schema, Vec<Diagnostic>> {
    let mut problems = Vec::new();
    let mut blocks = Vec::new();
    for (number, (_, text)) in files.iter().enumerate() {
        blocks.extend(parser::parse(text, number, &mut problems));
    }
    let mut parsed = Schema::default();
    // A line that could not be read would be missed everywhere.
    if problems.is_empty() {
        let names = files.iter().map(|(name, _)| name.clone()).collect();
        parsed = check::check(&blocks, names, &mut problems);
    }
    if problems.is_empty() {
        return Ok(parsed);
    }
    problems.sort_by_key(|problem| problem.place);
    let named = |Problem { place, message }| Diagnostic {
        file: files[place.file].0.clone(),
        line: place.line,
        column: place.column,
        message,
    };
    Err(problems.into_iter().map(named).collect())
}
