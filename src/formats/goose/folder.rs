//! Reads a folder of goose: the names that are migrations, by goose's own rules (`migrate.go`), and what of each file goes up.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::error::Error;
use crate::formats::goose::parser;
use crate::formats::goose::variables::Variables;
use crate::formats::migration::{Migration, Unreadable, sha256};
use crate::formats::{AppliedOrder, Layout, Lineage, Resolved, ledger_ddl, sql_files};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// The layout.
#[derive(Debug)]
pub(crate) struct GooseFolder {
    /// The variables that may land in statements.
    pub variables: Variables,
}

/// A migration file.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Numbered<'a> {
    version: i64,
    /// The name without its ending.
    name: &'a str,
    file: &'a str,
    is_go: bool,
}

impl Layout for GooseFolder {
    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let files = sql_files::names(folder)?;
        let found = arranged(&files).map_err(|why| {
            Error::History(format!(
                "{}: {why}\nnext: rename it (00001_NAME.sql), or move it out of the folder",
                folder.display()
            ))
        })?;
        if found.is_empty() {
            return Err(Error::Settings(format!(
                "{} has no migration of goose (00001_NAME.sql)\n\
                 next: check that the image contains them, or name the folder with --migrations",
                folder.display()
            )));
        }
        let opened = sql_files::open(folder)?;
        let (mut migrations, mut keys) = (Vec::new(), BTreeMap::new());
        for Numbered { version, name, file, is_go } in found {
            keys.insert(version.to_string(), name.to_owned());
            let path = folder.join(file);
            migrations.push(match is_go {
                true => in_go(&path, name, dialect),
                false => {
                    let text = sql_files::text(&path, opened.read(Path::new(file)));
                    self.migration(&path, name, text, dialect)
                }
            });
        }
        Ok(Resolved { migrations, lineage: Lineage { keys, ..Lineage::default() }, ..Resolved::default() })
    }

    /// goose ignores versions that only the table has.
    fn tolerates_missing(&self) -> bool {
        true
    }

    /// goose stops at files that are older than the highest version of the table ("missing migrations"), unless it is called
    /// with `-allow-missing`. That version need not be in the folder.
    fn forbids_order(&self, order: &AppliedOrder<'_>) -> Option<String> {
        let highest = order.applied.iter().filter_map(|name| version(name)).max()?;
        let is_applied = |name: &str| order.applied.contains(&name);
        let late = order.files.iter().map(|migration| migration.name.as_str()).filter(|name| !is_applied(name));
        let late: Vec<&str> = late.filter(|name| version(name).is_some_and(|version| version < highest)).collect();
        let [_, ..] = late.as_slice() else { return None };
        Some(format!(
            "missing in the history, and older than its highest version {highest}: {}; goose stops at them\n\
             next: run them with --out-of-order apply (goose: -allow-missing), or give them a higher version",
            late.join(", ")
        ))
    }
}

/// The version of a file: what stands before the first `_`, a whole number from 1.
fn version_of_file(file: &str) -> Result<i64, String> {
    let (number, _) = file.split_once('_').ok_or_else(|| format!("{file} has no _ behind its version"))?;
    let version: i64 = number.parse().map_err(|_| format!("{file} does not begin with a version"))?;
    if version < 1 { Err(format!("the version of {file} is not greater than zero")) } else { Ok(version) }
}

/// The version of a migration of this name, or of one that has no file and is called by its version.
pub(crate) fn version(name: &str) -> Option<i64> {
    name.split_once('_').map_or(name, |(number, _)| number).parse().ok()
}

/// The migrations, in their order: goose stops at a file of SQL that has no version, and passes over such a file of Go.
///
/// # Errors
/// A name that goose does not understand, or two files of one version.
fn arranged(files: &[String]) -> Result<Vec<Numbered<'_>>, String> {
    let mut found: Vec<Numbered<'_>> = Vec::new();
    for file in files {
        let (name, is_go) = match (file.strip_suffix(".sql"), file.strip_suffix(".go")) {
            (Some(name), _) => (name, false),
            (None, Some(name)) if !name.ends_with("_test") => (name, true),
            _ => continue,
        };
        match version_of_file(file) {
            Ok(version) => found.push(Numbered { version, name, file, is_go }),
            Err(_) if is_go => {}
            Err(why) => return Err(format!("{why}, and goose stops at such a file of SQL")),
        }
    }
    found.sort_unstable();
    match found.windows(2).find(|pair| pair[0].version == pair[1].version) {
        Some([one, other]) => Err(format!("{} and {} have the version {}", one.file, other.file, one.version)),
        _ => Ok(found),
    }
}

/// By its name, goose runs this file of SQL.
pub(crate) fn is_migration(file: &str) -> bool {
    file.ends_with(".sql") && version_of_file(file).is_ok()
}

/// A migration in Go is a part of a program.
fn in_go(path: &Path, name: &str, dialect: Dialect) -> Migration {
    let why = Unreadable::new(
        format!("{}: it is written in Go, and only the program that contains it can run it", path.display()),
        "let that program apply the migrations (migrate_command)",
    );
    Migration {
        name: name.to_owned(),
        path: path.to_owned(),
        script: Script::new(String::new(), dialect),
        checksum: String::new(),
        unreadable: Some(why),
        no_transaction: false,
    }
}

impl GooseFolder {
    fn migration(&self, path: &Path, name: &str, text: Result<String, Unreadable>, dialect: Dialect) -> Migration {
        let shown = path.display();
        let none = || Script::new(String::new(), dialect);
        let (script, checksum, unreadable, no_transaction) = match text {
            Err(why) => (none(), String::new(), Some(why), false),
            Ok(text) => {
                let checksum = sha256(&text);
                match parser::parse(&text, &self.variables) {
                    Err((line, why)) => {
                        let why = format!("{shown}:{line}: {why}");
                        let why = Unreadable::new(why, "repair the annotations of the file");
                        (none(), checksum, Some(why), false)
                    }
                    Ok(up) => {
                        let cut = parser::cut_within(&up, dialect);
                        let script = Script::new(up.text, dialect);
                        let why = unreadable(&script, cut, up.no_transaction);
                        (script, checksum, why.map(|why| why.at(shown)), up.no_transaction)
                    }
                }
            }
        };
        let (name, path) = (name.to_owned(), path.to_owned());
        Migration { name, path, script, checksum, unreadable, no_transaction }
    }
}

/// Why what goes up cannot run as goose runs it.
fn unreadable(script: &Script, cut: Option<usize>, no_transaction: bool) -> Option<Unreadable> {
    let cut = cut.map(|line| {
        let why = format!(
            "goose cuts the statement in line {line} where a line ends in a semicolon, within a string, a body or a comment"
        );
        Unreadable::new(why, "put -- +goose StatementBegin before it and -- +goose StatementEnd after it")
    });
    let advice = ledger_ddl::goose::words(script.dialect()).advice;
    let refused = || sql_files::refused_in_transaction(script, "goose", advice);
    cut.or_else(|| sql_files::foreign_marks(script, "goose", "-- +goose Down"))
        .or_else(|| (!no_transaction).then(refused).flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[&str]) -> Result<Vec<(i64, String, bool)>, String> {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        let found = arranged(&files)?;
        Ok(found.iter().map(|it| (it.version, it.name.to_owned(), it.is_go)).collect())
    }

    #[test]
    fn names_are_read_as_goose_reads_them() {
        for (file, version, name) in [
            ("00001_a.sql", 1, "00001_a"),
            ("20240101120000_a_b.sql", 20_240_101_120_000, "20240101120000_a_b"),
            ("+2_a.sql", 2, "+2_a"),
            ("3_.sql", 3, "3_"),
            ("4_a.down.sql", 4, "4_a.down"),
        ] {
            assert_eq!(names(&[file]), Ok(vec![(version, name.to_owned(), false)]), "{file}");
            assert_eq!(super::version(name), Some(version), "{file}");
            assert!(is_migration(file), "{file}");
        }
        for skipped in ["README.md", "1_a.SQL", "main.go", "1_a_test.go", "0_a.go", "1_a.txt"] {
            assert_eq!(names(&[skipped]), Ok(Vec::new()), "{skipped}");
        }
        for wrong in
            ["seed.sql", "seed_data.sql", "0_a.sql", "-1_a.sql", "_a.sql", "1-a.sql", "9223372036854775808_a.sql"]
        {
            assert!(names(&[wrong]).unwrap_err().contains(wrong), "{wrong}");
        }
        let ordered = names(&["10_c.sql", "2_b.go", "1_a.sql"]).unwrap();
        assert_eq!(
            ordered.iter().map(|(version, _, is_go)| (*version, *is_go)).collect::<Vec<_>>(),
            [(1, false), (2, true), (10, false)]
        );
        assert!(names(&["1_a.sql", "01_b.go"]).unwrap_err().contains("version 1"));
    }
}
