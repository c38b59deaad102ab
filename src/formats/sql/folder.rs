//! Reads a folder of plain SQL: the files that are migrations, the part of each that is to run, and the signs that the
//! folder is another tool's.

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::config::MigrationFormat;
use crate::formats::marks::sections::{self, Sections};
use crate::formats::migration::{Migration, Unreadable, sha256};
use crate::formats::signs::seen::Seen;
use crate::formats::signs::{Claim, Recognised, recognise, strongest};
use crate::formats::sql::names::{self, Arranged, Entry, Misfit, Numbered};
use crate::formats::{Layout, Lineage, Rerun, Resolved, sql_files};
use crate::sql::Dialect;
use crate::sql::script::{Script, TokenKind};

/// The layout.
#[derive(Debug)]
pub(crate) struct SqlFolder {
    /// A setting says that the folder is plain SQL: no other tool is looked for, and `${name}` is text.
    pub is_named: bool,
}

impl Layout for SqlFolder {
    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let entries = entries(folder)?;
        let found = names::arrange(&entries).map_err(|misfit| worded(folder, &misfit))?;
        let mut warnings = Vec::new();
        if found.migrations.is_empty() && !found.has_repeatable {
            warnings.push(without_migrations(folder, &found)?);
        }
        warnings.extend(passed_over(folder, &found));
        let (mut migrations, mut marked) = (Vec::new(), Vec::new());
        let opened = sql_files::open(folder)?;
        for numbered in &found.migrations {
            let path = folder.join(numbered.file);
            let bytes = opened.read(Path::new(numbered.file));
            let (migration, tools) = self.migration(path, bytes, *numbered, dialect);
            migrations.push(migration);
            marked.extend(tools.into_iter().filter(|tool| !marked.contains(tool)).collect::<Vec<_>>());
        }
        let claim = if self.is_named { None } else { claim(folder, marked)? };
        let mut lineage = Lineage::default();
        if found.has_repeatable {
            let (repeatable, warning) = self.repeatable(&folder.join(names::REPEATABLE), dialect)?;
            let rerun = |migration: &Migration| (migration.name.clone(), Rerun::Changed(migration.checksum.clone()));
            lineage.reruns = repeatable.iter().map(rerun).collect();
            migrations.extend(repeatable);
            warnings.extend(warning);
        }
        Ok(Resolved { migrations, warnings, lineage, claim })
    }

    /// What runs after the others has no place in their order.
    fn is_ordered(&self, name: &str) -> bool {
        !names::is_repeatable(name)
    }

    /// A repeatable file may be taken away: what it has made is dropped by a migration, or stays.
    fn missed<'a>(&self, _known: &'a [Migration]) -> Box<dyn Fn(&str) -> bool + 'a> {
        Box::new(|name| !names::is_repeatable(name))
    }

    fn older_release_reruns(&self) -> bool {
        false
    }
}

/// The tools that the folder looks like, unless it looks like plain SQL.
fn claim(folder: &Path, marked: Vec<&'static str>) -> Result<Option<Claim>, Error> {
    let seen = Seen { marked, ..Seen::of(folder, false)? };
    Ok(match recognise(&seen) {
        Recognised::Claimed(_, claim) | Recognised::Foreign(claim) => Some(claim),
        Recognised::Ours(MigrationFormat::Sql) | Recognised::Unknown => None,
        // Files that were not looked at when the folder was recognised have its marks.
        Recognised::Ours(_) => Some(strongest(&seen)),
    })
}

/// What is in the folder. A link that leads nowhere is a migration that cannot be read, not none.
fn entries(folder: &Path) -> Result<Vec<Entry>, Error> {
    let entry = |(name, is_folder): (String, bool)| {
        let has_migrations = is_folder && !name.starts_with('.') && has_migrations(&folder.join(&name));
        Entry { name, is_folder, has_migrations }
    };
    Ok(sql_files::entries(folder)?.into_iter().map(entry).collect())
}

fn has_migrations(folder: &Path) -> bool {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.into_iter().any(|name| name.to_str().is_some_and(names::is_migration))
}

fn worded(folder: &Path, misfit: &Misfit<'_>) -> Error {
    Error::History(match misfit {
        Misfit::Entry(name, why) => format!(
            "{} is no migration by its name: {why}\n\
             next: rename it (0001_create_users.sql), or move it out of the folder",
            folder.join(name).display()
        ),
        Misfit::Twice(a, b) => format!(
            "two migrations in {} have the number {}: {} and {}\n\
             next: give the later one the next number, unless it is applied somewhere already",
            folder.display(),
            b.number,
            a.file,
            b.file
        ),
    })
}

/// A folder without migrations: one that is empty may be new, one with other files is probably another tool's.
fn without_migrations(folder: &Path, found: &Arranged<'_>) -> Result<String, Error> {
    let others: Vec<&str> = found.passed_over.iter().chain(&found.others).copied().take(5).collect();
    let text = format!("{} has no file that is a migration of plain SQL (0001_NAME.sql)", folder.display());
    if others.is_empty() && found.undo == 0 {
        return Ok(format!("{text}: nothing will be applied"));
    }
    let others = if others.is_empty() { "files that take migrations back".to_owned() } else { others.join(", ") };
    Err(Error::Settings(format!(
        "{text}; it has {others}\n\
         next: name the folder that holds them with --migrations, or rename the files; if they are of another tool, leave \
         --migration-format out"
    )))
}

fn passed_over(folder: &Path, found: &Arranged<'_>) -> Option<String> {
    let undo = (found.undo > 0).then(|| format!("{} that take migrations back (.down.sql, .undo.sql, U…)", found.undo));
    let names: Vec<String> = found.passed_over.iter().map(|name| (*name).to_owned()).chain(undo).collect();
    (!names.is_empty()).then(|| format!("never run from {}: {}", folder.display(), names.join(", ")))
}

impl SqlFolder {
    /// The migrations of the folder of repeatable files, and a warning of what is none of them.
    fn repeatable(&self, folder: &Path, dialect: Dialect) -> Result<(Vec<Migration>, Option<String>), Error> {
        let entries = entries(folder)?;
        let (files, others) = names::arrange_repeatable(&entries).map_err(|misfit| worded(folder, &misfit))?;
        let warning =
            (!others.is_empty()).then(|| format!("never run from {}: {}", folder.display(), others.join(", ")));
        let opened = sql_files::open(folder)?;
        let mut migration = |file: &&str| {
            let name = names::repeatable(&file[..file.len() - ".sql".len()]);
            let numbered = Numbered { number: "", name: &name, file, doubt: None };
            let bytes = opened.read(Path::new(file));
            self.migration(folder.join(file), bytes, numbered, dialect).0
        };
        Ok((files.iter().map(&mut migration).collect(), warning))
    }

    /// Reads one file, and the tools whose marks it has. A file that cannot be run is noted and stops nothing yet: it may
    /// be applied already.
    fn migration(
        &self,
        path: PathBuf,
        bytes: std::io::Result<Vec<u8>>,
        numbered: Numbered<'_>,
        dialect: Dialect,
    ) -> (Migration, Vec<&'static str>) {
        let shown = path.display();
        let text = sql_files::text(&path, bytes);
        let name = numbered.name.to_owned();
        let text = match text {
            Ok(text) => text,
            Err(why) => {
                let unreadable = Some(why);
                let (script, checksum) = (Script::new(String::new(), dialect), String::new());
                return (Migration { name, path, script, checksum, unreadable, no_transaction: false }, Vec::new());
            }
        };
        // What `sha256sum` says of the file, wherever git has put its line ends.
        let checksum = sha256(&text.replace("\r\n", "\n"));
        let may_have_marks = sections::may_have_marks(&text);
        let whole = Script::new(text, dialect);
        let found = if may_have_marks { sections::sections(&whole) } else { Sections::default() };
        let script = found.up.map_or(whole, |up| Script::new(up, dialect));
        let is_marked = !found.tools.is_empty();
        let unreadable = match (numbered.doubt, &found.error) {
            (Some(doubt), _) => Some(Unreadable::new(
                format!("{shown} may be no migration: {doubt}"),
                "rename it, or move it out of the folder",
            )),
            (None, Some(error)) => Some(error.unreadable().at(format_args!("{shown}:{}", error.line))),
            (None, None) if is_marked && script.statements().is_empty() => Some(Unreadable::new(
                format!("{shown} has no statement that is to run, and would be recorded as applied for ever"),
                "restore its statements, or move it out of the folder",
            )),
            (None, None) => self.placeholder(&script, numbered.file).map(|(line, text)| {
                let way = match names::is_flyways(numbered.file) {
                    true => "write the value into the file, or let Flyway apply it (migrate_command)",
                    false => "write the value into the file; if it is text, say so with migration_format = sql",
                };
                let why = format!("{shown}:{line}: {text} looks like a placeholder, and doorstep replaces none");
                Unreadable::new(why, way)
            }),
        };
        let no_transaction = found.no_transaction;
        (Migration { name, path, script, checksum, unreadable, no_transaction }, found.tools)
    }

    /// The first `${name}` outside comments, with its line. It is text where a setting names the format, but for files
    /// that are named as Flyway's.
    fn placeholder(&self, script: &Script, file: &str) -> Option<(usize, String)> {
        if !script.text().contains("${") || (self.is_named && !names::is_flyways(file)) {
            return None;
        }
        for statement in script.statements() {
            let mut at = statement.offset;
            for token in statement.tokens() {
                // `$` and `{` are tokens of their own outside quotes.
                let rest = &script.text()[at..];
                let found = match (token.kind, token.text) {
                    (TokenKind::Quoted, quoted) => placeholder_in(quoted),
                    (_, "$") if rest.starts_with("${") => placeholder_in(rest).filter(|(start, _)| *start == 0),
                    _ => None,
                };
                if let Some((start, text)) = found {
                    let line = script.text()[..at + start].bytes().filter(|byte| *byte == b'\n').count() + 1;
                    return Some((line, text.to_owned()));
                }
                at += token.text.len();
            }
        }
        None
    }
}

/// The first `${name}` in a text, and where it begins.
fn placeholder_in(text: &str) -> Option<(usize, &str)> {
    text.match_indices("${").find_map(|(at, _)| {
        let inner = &text[at + 2..];
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
        let length = inner.find(|c| !is_part(c))?;
        let is_name =
            inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && inner[length..].starts_with('}');
        is_name.then(|| (at, &text[at..at + 2 + length + 1]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_found_outside_comments() {
        let find = |text: &str, is_named, file| {
            SqlFolder { is_named }.placeholder(&Script::new(text.to_owned(), Dialect::Postgres), file)
        };
        let found = |line, text: &str| Some((line, text.to_owned()));
        assert_eq!(find("SELECT 1;\nSELECT '${app}';", false, "1_a.sql"), found(2, "${app}"));
        assert_eq!(
            find("CREATE SCHEMA ${flyway:defaultSchema};", false, "1_a.sql"),
            found(1, "${flyway:defaultSchema}")
        );
        assert_eq!(find("DO $$ x\n ${a-b} $$;", false, "1_a.sql"), found(2, "${a-b}"));
        assert_eq!(find("SELECT '${app}';", true, "1_a.sql"), None);
        assert_eq!(find("SELECT '${app}';", true, "V1__a.sql"), found(1, "${app}"));
        for text in ["-- ${app}\nSELECT 1;", "/* ${app} */ SELECT 1;", "SELECT '${1}', '${', '$ {a}', '{a}';"] {
            assert_eq!(find(text, false, "1_a.sql"), None, "{text}");
        }
    }
}
