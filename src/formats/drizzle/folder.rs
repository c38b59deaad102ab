//! Reads a folder of Drizzle: files that a journal lists (0.x), or a folder for each migration (1.0).
//!
//! Source: drizzle-orm 0.45.4 and 1.0.0-rc.4, `migrator.js` and `migrator.utils.js`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{self, FileKind};
use crate::formats::drizzle::breakpoints;
use crate::formats::drizzle::journal::{self, Entry};
use crate::formats::drizzle::matching::File;
use crate::formats::migration::{Migration, Unreadable, sha256};
use crate::formats::{Lineage, Resolved, ledger_ddl, name_order, sql_files};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// The two layouts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 0.x: `meta/_journal.json` lists the files; or why it cannot be read.
    Journal(Result<Vec<Entry>, String>),
    /// 1.0: folders whose names begin with a time.
    Folders,
}

impl Kind {
    /// Looks at a folder.
    pub(crate) fn of(folder: Option<&Path>) -> Self {
        let Some(file) = folder.map(|folder| folder.join(journal::FILE)).filter(|file| file.exists()) else {
            return Self::Folders;
        };
        let text = sql_files::text(&file, file::read(&file, FileKind::Source));
        Self::Journal(text.map_err(|why| why.to_string()).and_then(|text| {
            journal::entries(&text).map_err(|why| format!("{}: {why}\nnext: repair the file", file.display()))
        }))
    }

    /// The time of a migration, in milliseconds since 1970.
    pub(crate) fn time(&self, name: &str) -> Option<i64> {
        match self {
            Self::Journal(Ok(entries)) => entries.iter().find(|entry| entry.tag == name).map(|entry| entry.when),
            Self::Journal(Err(_)) => None,
            Self::Folders => millis(name),
        }
    }
}

/// Reads a folder.
///
/// # Errors
/// [`Error::History`] for one that Drizzle would not accept, [`Error::Settings`] for one without a migration.
pub(crate) fn read(kind: &Kind, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
    let folders = folders(folder)?;
    let (named, mut warnings) = match kind {
        Kind::Journal(Err(why)) => return Err(Error::History(why.clone())),
        Kind::Journal(Ok(_)) if !folders.is_empty() => return Err(both(folder, &folders[0])),
        Kind::Journal(Ok(entries)) => of_journal(folder, entries),
        Kind::Folders if folders.is_empty() => return Err(none(folder)),
        Kind::Folders => of_folders(folders),
    };
    let opened = sql_files::open(folder)?;
    let (mut migrations, mut keys) = (Vec::new(), BTreeMap::new());
    for (index, Named { name, file }) in named.into_iter().enumerate() {
        let bytes = opened.read(&file);
        let path = folder.join(&file);
        if bytes.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
            return Err(Error::History(format!(
                "the journal has {name}, but there is no {}, and Drizzle stops at that\n\
                 next: restore the file, or take its entry out of {}",
                path.display(),
                folder.join(journal::FILE).display()
            )));
        }
        let migration = migration(kind, (path, &name), bytes, dialect);
        keys.insert(format!("{index:09} {}", migration.checksum), name);
        migrations.push(migration);
    }
    if migrations.is_empty() {
        warnings.push(format!("{} has no migration: nothing will be applied", folder.display()));
    }
    Ok(Resolved { migrations, warnings, lineage: Lineage { keys, ..Lineage::default() }, ..Resolved::default() })
}

/// The migrations of a folder in its order, as [`read`] has noted them in [`Lineage::keys`]: the key is the place and the hash, since
/// two files may be alike.
pub(crate) fn files(kind: &Kind, lineage: &Lineage) -> Vec<File> {
    let file = |(key, name): (&String, &String)| {
        let hash = key.split_once(' ').map(|(_, hash)| hash.to_owned()).unwrap_or_default();
        File { name: name.clone(), hash, time: kind.time(name) }
    };
    lineage.keys.iter().map(file).collect()
}

/// A migration, and its file from the folder.
struct Named {
    name: String,
    file: PathBuf,
}

fn of_journal(folder: &Path, entries: &[Entry]) -> (Vec<Named>, Vec<String>) {
    let named = |Entry { tag, .. }: &Entry| Named { name: tag.clone(), file: format!("{tag}.sql").into() };
    let listed: Vec<Named> = entries.iter().map(named).collect();
    let is_listed = |name: &String| entries.iter().any(|entry| name.strip_suffix(".sql") == Some(&entry.tag));
    let mut other = sql_files::names(folder).unwrap_or_default();
    other.retain(|name| name.ends_with(".sql") && !is_listed(name));
    let warning = || format!("not in {}, so that Drizzle never runs them: {}", journal::FILE, other.join(", "));
    (listed, (!other.is_empty()).then(warning).into_iter().collect())
}

fn of_folders(mut names: Vec<String>) -> (Vec<Named>, Vec<String>) {
    names.sort_by(|a, b| name_order::compare(a, b));
    let mut warnings = Vec::new();
    if !names.iter().all(|name| name.is_ascii()) {
        warnings.push(
            "Drizzle orders names that are not ASCII by the rules of Unicode; doorstep does for Latin letters"
                .to_owned(),
        );
    }
    let named = |name: String| Named { file: Path::new(&name).join("migration.sql"), name };
    (names.into_iter().map(named).collect(), warnings)
}

/// The folders with a `migration.sql`; Drizzle leaves out everything else.
fn folders(folder: &Path) -> Result<Vec<String>, Error> {
    let folders = sql_files::entries(folder)?.into_iter().filter(|(_, is_folder)| *is_folder).map(|(name, _)| name);
    Ok(folders.filter(|name| folder.join(name).join("migration.sql").exists()).collect())
}

fn both(folder: &Path, name: &str) -> Error {
    Error::History(format!(
        "{} has the journal of Drizzle 0.x ({}) and a migration of Drizzle 1.0 ({name}), so it is not certain which of them \
         are to run\n\
         next: npx drizzle-kit up, which turns the files into folders, or remove what is left of the other version",
        folder.display(),
        journal::FILE
    ))
}

fn none(folder: &Path) -> Error {
    Error::Settings(format!(
        "{} has no migration of Drizzle (no {}, and no TIME_NAME/migration.sql)\n\
         next: check that the image contains them, also the folder meta; or name the folder with --migrations, or what it has \
         with migration_format",
        folder.display(),
        journal::FILE
    ))
}

fn migration(kind: &Kind, (path, name): (PathBuf, &str), bytes: io::Result<Vec<u8>>, dialect: Dialect) -> Migration {
    let shown = path.display();
    let words = ledger_ddl::drizzle::words(dialect);
    let (script, checksum, unreadable) = match sql_files::text(&path, bytes) {
        Err(why) => (Script::new(String::new(), dialect), String::new(), Some(why)),
        Ok(text) => {
            let checksum = sha256(&text);
            match breakpoints::joined(&text, dialect, words.pieces) {
                Err((line, why)) => {
                    let why = format!("{shown}:{line}: {why}");
                    let why = Unreadable::new(why, "repair the breakpoints of the file");
                    (Script::new(text, dialect), checksum, Some(why))
                }
                Ok(joined) => {
                    let script = Script::new(joined, dialect);
                    let refused = refused(&script, words.sends_bom).map(|why| why.at(shown));
                    (script, checksum, refused)
                }
            }
        }
    };
    let timeless = || {
        (kind.time(name).is_none()).then(|| {
            let why = format!(
                "the name of the folder {name} does not begin with the 14 digits of a time, and Drizzle fails at its row"
            );
            Unreadable::new(why, "rename the folder")
        })
    };
    let unreadable = unreadable.or_else(timeless);
    Migration { name: name.to_owned(), path, script, checksum, unreadable, no_transaction: false }
}

/// Why Drizzle fails at such a script.
fn refused(script: &Script, sends_bom: bool) -> Option<Unreadable> {
    if script.source().starts_with('\u{feff}') && sends_bom {
        return Some(sql_files::byte_order_mark("Drizzle", script.dialect()));
    }
    let advice =
        "run it by hand and record the migration with doorstep resolve --applied, or write it without CONCURRENTLY";
    let down = "a custom migration";
    sql_files::delimiter_command(script, "Drizzle", "take it out: the server finds the end of a stored program itself")
        .or_else(|| sql_files::foreign_marks(script, "Drizzle", down))
        .or_else(|| sql_files::refused_in_transaction(script, "Drizzle", advice))
}

/// The time with which the name of a folder begins: `Date.UTC` of `yyyyMMddHHmmss`, which lets months and hours overflow.
fn millis(name: &str) -> Option<i64> {
    let digits = name.get(..14).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let part = |from: usize, to: usize| digits[from..to].parse::<i64>().ok();
    let (year, month) = (part(0, 4)?, part(4, 6)? - 1);
    // Date.UTC takes two digits for a year of the twentieth century.
    let year = if year < 100 { year + 1900 } else { year };
    let days = days(year + month.div_euclid(12), month.rem_euclid(12)) + part(6, 8)? - 1;
    Some((((days * 24 + part(8, 10)?) * 60 + part(10, 12)?) * 60 + part(12, 14)?) * 1000)
}

/// Days from 1970 to the first of a month, which counts from 0.
fn days(year: i64, month: i64) -> i64 {
    // Years from March, so that the leap day is the last one (proleptic Gregorian calendar).
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leaps + (153 * month + 2) / 5 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_folder_is_that_of_date_utc() {
        for (name, expected) in [
            ("19700101000000_a", Some(0)),
            ("20240101000000_apple", Some(1_704_067_200_000)),
            ("20240229120000", Some(1_709_208_000_000)),
            ("20241301000000_badmonth", Some(1_735_689_600_000)),
            ("20240101999999_badtime", Some(1_704_429_639_000)),
            ("20240000000000_x", Some(1_701_302_400_000)),
            ("00010101000000_x", Some(-2_177_452_800_000)),
            ("2024_a", None),
            ("a_20240101000000", None),
            ("2024010100000x_a", None),
            ("é240101000000_a", None),
        ] {
            assert_eq!(millis(name), expected, "{name}");
        }
    }
}
