//! Reads a folder of golang-migrate: the names that are migrations, and their versions, by the tool's own rules
//! (`source/parse.go`, `source/iofs`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use crate::base::error::Error;
use crate::base::sorting;
use crate::formats::migration::{Migration, Unreadable, sha256};
use crate::formats::{AppliedOrder, Layout, Lineage, Resolved, ledger_ddl, sql_files};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// The layout.
#[derive(Debug)]
pub(crate) struct GolangMigrateFolder {
    /// Where the ledger finds the versions of the folder.
    pub versions: &'static Versions,
}

/// The versions of the folder, in their order. The history has one row for all of them, so what a row is put back to
/// depends on the folder.
#[derive(Debug, Default)]
pub(crate) struct Versions(OnceLock<Vec<u64>>);

impl Versions {
    /// The version before this one: `None` for a folder that was not read, `Some(None)` for the first.
    pub(crate) fn before(&self, version: u64) -> Option<Option<u64>> {
        let all = self.0.get()?;
        Some(all.iter().copied().take_while(|known| *known < version).last())
    }

    /// Keeps those of the folder that was read first; a start reads one.
    fn keep(&self, versions: Vec<u64>) {
        let _ = self.0.set(versions);
    }
}

/// A file's direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    Up,
    Down,
}

/// What runs for a version.
#[derive(Debug, PartialEq, Eq)]
struct Numbered<'a> {
    version: u64,
    /// The name of the file up to its direction.
    name: &'a str,
    file: &'a str,
    /// `Down`: the version has no other file, and nothing runs for it.
    direction: Direction,
}

impl Layout for GolangMigrateFolder {
    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let files = sql_files::names(folder)?;
        let found = arranged(&files)
            .map_err(|why| Error::History(format!("{}: {why}\nnext: rename it (1_NAME.up.sql)", folder.display())))?;
        if found.is_empty() {
            return Err(Error::Settings(format!(
                "{} has no migration of golang-migrate (1_NAME.up.sql)\n\
                 next: check that the image contains them, or name the folder with --migrations",
                folder.display()
            )));
        }
        self.versions.keep(found.iter().map(|numbered| numbered.version).collect());
        let opened = sql_files::open(folder)?;
        let (mut migrations, mut keys, mut warnings) = (Vec::new(), BTreeMap::new(), Vec::new());
        for Numbered { version, name, file, direction } in found {
            keys.insert(version.to_string(), name.to_owned());
            let path = folder.join(file);
            let text = match direction {
                Direction::Up => sql_files::text(&path, opened.read(Path::new(file))),
                Direction::Down => {
                    warnings.push(format!("{} has no .up file: nothing runs for its version", path.display()));
                    Ok(String::new())
                }
            };
            migrations.push(migration(&path, name, text, dialect));
        }
        Ok(Resolved { migrations, warnings, lineage: Lineage { keys, ..Lineage::default() }, ..Resolved::default() })
    }

    /// golang-migrate does not find its way from a version that has no file ("no migration found for version N").
    fn forbids(&self, missing: &[&str], _edited: &[&str]) -> Option<String> {
        let [_, ..] = missing else { return None };
        Some(format!(
            "the database is at version {}, which has no file in the folder; golang-migrate does not go on with such a \
             history\n\
             next: start an image that has it; to start this one on the newer database: --migrate off",
            missing.join(", ")
        ))
    }

    fn forbids_order(&self, order: &AppliedOrder<'_>) -> Option<String> {
        let (Some(current), Some(newest), [_, ..]) = (order.applied.last(), order.files.last(), order.late) else {
            return None;
        };
        Some(format!(
            "older than {current}, the version of the database, and never run, or what they make was removed by hand: {}; \
             golang-migrate would never run them\n\
             next: run them with --out-of-order apply, or give them a number above that of {}; if what they make was \
             dropped on purpose, say so in a new migration (DROP TABLE IF EXISTS …)",
            order.late.join(", "),
            newest.name
        ))
    }
}

/// Version, length of the name and direction: `^([0-9]+)_(.*)\.(down|up)\.(.*)$`, in which `.` is no line end. `None`
/// for other names; the error is for a number that the tool passes over, because it is too large for it.
fn parsed(file: &str) -> Option<Result<(u64, usize, Direction), String>> {
    let digits = file.bytes().take_while(u8::is_ascii_digit).count();
    let is_one = digits > 0 && file[digits..].starts_with('_') && !file.contains('\n');
    let rest = is_one.then(|| &file[digits + 1..])?;
    let (up, down) = (rest.rfind(".up."), rest.rfind(".down."));
    let (at, direction) = if up > down { (up?, Direction::Up) } else { (down?, Direction::Down) };
    let length = digits + 1 + at;
    // The column is a bigint.
    Some(match file[..digits].parse::<u64>().ok().filter(|version| i64::try_from(*version).is_ok()) {
        Some(version) => Ok((version, length, direction)),
        None => Err(format!("{file} has a number that is larger than a version can be")),
    })
}

/// What runs, in its order.
///
/// # Errors
/// Two files of one version and direction, at which golang-migrate stops; a number that is too large.
fn arranged(files: &[String]) -> Result<Vec<Numbered<'_>>, String> {
    let mut found: Vec<Numbered<'_>> = Vec::new();
    for file in files {
        let Some(parsed) = parsed(file) else { continue };
        let (version, length, direction) = parsed?;
        found.push(Numbered { version, name: &file[..length], file, direction });
    }
    sorting::sort_by_key(&mut found, |numbered| (numbered.version, numbered.direction));
    let is_twice =
        |pair: &&[Numbered<'_>]| pair[0].version == pair[1].version && pair[0].direction == pair[1].direction;
    if let Some([one, other]) = found.windows(2).find(is_twice) {
        return Err(format!("{} and {} have the version {}", one.file, other.file, one.version));
    }
    found.dedup_by_key(|numbered| numbered.version);
    Ok(found)
}

/// The version of a migration of this name.
pub(crate) fn version(name: &str) -> Option<u64> {
    name.split_once('_')?.0.parse().ok()
}

fn migration(path: &Path, name: &str, text: Result<String, Unreadable>, dialect: Dialect) -> Migration {
    let words = ledger_ddl::golang_migrate::words(dialect);
    let (text, checksum, unreadable) = match text {
        Err(why) => (String::new(), String::new(), Some(why)),
        Ok(text) => {
            let bom = text.starts_with('\u{feff}') && words.sends_bom;
            let bom = bom.then(|| sql_files::byte_order_mark("golang-migrate", dialect));
            let checksum = sha256(&text);
            (text, checksum, bom)
        }
    };
    let script = Script::new(text, dialect);
    let marks = || sql_files::foreign_marks(&script, "golang-migrate", ".down.sql");
    let refused = || {
        let advice = "leave it out: golang-migrate runs every file in a transaction on SQLite";
        words.wraps.then(|| sql_files::refused_in_transaction(&script, "golang-migrate", advice)).flatten()
    };
    let unreadable = unreadable.or_else(marks).or_else(refused).map(|why| why.at(path.display()));
    let (name, path) = (name.to_owned(), path.to_owned());
    // Sent as one message, so the text decides how it runs.
    Migration { name, path, script, checksum, unreadable, no_transaction: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[&str]) -> Result<Vec<(u64, String, Direction)>, String> {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        let found = arranged(&files)?;
        Ok(found.iter().map(|it| (it.version, it.name.to_owned(), it.direction)).collect())
    }

    #[test]
    fn names_are_read_as_golang_migrate_reads_them() {
        use Direction::{Down, Up};
        for (file, version, name, direction) in [
            ("1_a.up.sql", 1, "1_a", Up),
            ("007_a.up.sql", 7, "007_a", Up),
            ("1_.up.sql", 1, "1_", Up),
            ("1_a b.up.json", 1, "1_a b", Up),
            ("1_a.up.", 1, "1_a", Up),
            ("1_a.up.down.sql", 1, "1_a.up", Down),
            ("1_a.down.up.sql", 1, "1_a.down", Up),
            ("1_a.up.sql.up.sql", 1, "1_a.up.sql", Up),
            ("20240101120000_a.up.pgsql", 20_240_101_120_000, "20240101120000_a", Up),
        ] {
            assert_eq!(names(&[file]), Ok(vec![(version, name.to_owned(), direction)]), "{file}");
            assert_eq!(super::version(name), Some(version), "{file}");
        }
        for skipped in
            ["1_a.sql", "a_1.up.sql", "_a.up.sql", "-1_a.up.sql", "1-a.up.sql", "1_a.UP.sql", "1_a.up", "+1_a.up.sql"]
        {
            assert_eq!(names(&[skipped]), Ok(Vec::new()), "{skipped}");
        }
    }

    #[test]
    fn versions_are_ordered_by_number_and_an_up_file_counts_before_a_down_file() {
        use Direction::{Down, Up};
        let files = ["10_b.up.sql", "9_a.up.sql", "9_x.down.sql", "11_only.down.sql", "README.md"];
        let expected = vec![(9, "9_a".to_owned(), Up), (10, "10_b".to_owned(), Up), (11, "11_only".to_owned(), Down)];
        assert_eq!(names(&files), Ok(expected));
        for twice in [["1_a.up.sql", "01_b.up.sql"], ["1_a.down.sql", "1_b.down.sql"], ["1_a.up.sql", "1_a.up.txt"]] {
            assert!(names(&twice).unwrap_err().contains("version 1"), "{twice:?}");
        }
        assert!(names(&["9223372036854775808_a.up.sql"]).unwrap_err().contains("larger"));
        assert!(names(&["99999999999999999999_a.up.sql"]).unwrap_err().contains("larger"));
    }

    #[test]
    fn the_version_before_another_comes_from_the_folder() {
        let versions = Versions::default();
        assert_eq!(versions.before(3), None);
        versions.keep(vec![1, 3, 7]);
        assert_eq!(
            [versions.before(1), versions.before(3), versions.before(9)],
            [Some(None), Some(Some(1)), Some(Some(7))]
        );
    }
}
