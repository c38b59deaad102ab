//! Reads a folder of sqlx: the names that are migrations, their versions and descriptions, by sqlx's own rules
//! (`sqlx-core/src/migrate/source.rs`).

use std::collections::BTreeMap;
use std::path::Path;

use sha2::Digest as _;

use crate::base::error::Error;
use crate::formats::migration::{Migration, Unreadable};
use crate::formats::{Layout, Lineage, Resolved, ledger_ddl, sql_files};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// The first bytes of a file that runs without a transaction; anything may follow.
const NO_TRANSACTION: &str = "-- no-transaction";

/// The layout.
#[derive(Debug)]
pub(crate) struct SqlxFolder {
    /// Characters that the checksum leaves out.
    pub ignored: Vec<char>,
}

/// A file that runs.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Numbered<'a> {
    version: i64,
    /// The name without what says of which type the file is; the version and the description can be read from it.
    name: &'a str,
    file: &'a str,
}

impl Layout for SqlxFolder {
    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let files = sql_files::names(folder)?;
        let found = arranged(&files).map_err(|why| {
            Error::History(format!(
                "{}: {why}\nnext: rename it (1_NAME.sql), or move it out of the folder",
                folder.display()
            ))
        })?;
        let opened = sql_files::open(folder)?;
        let (mut migrations, mut keys) = (Vec::new(), BTreeMap::new());
        for Numbered { version, name, file } in found {
            keys.insert(version.to_string(), name.to_owned());
            let path = folder.join(file);
            let text = sql_files::text(&path, opened.read(Path::new(file)));
            migrations.push(self.migration(&path, name, text, dialect));
        }
        let warnings = match migrations.is_empty() {
            true => {
                vec![format!("{} has no migration of sqlx (1_NAME.sql): nothing will be applied", folder.display())]
            }
            false => Vec::new(),
        };
        Ok(Resolved { migrations, warnings, lineage: Lineage { keys, ..Lineage::default() }, ..Resolved::default() })
    }

    /// sqlx stops at an applied version without a file (VersionMissing), and at a file that has changed
    /// (VersionMismatch), also where nothing is pending.
    fn forbids(&self, missing: &[&str], edited: &[&str]) -> Option<String> {
        if let [_, ..] = missing {
            return Some(format!(
                "applied, but not in the folder: {}; sqlx does not go on with such a history\n\
                 next: start an image that has them; to start this one on the newer database: --migrate off",
                missing.join(", ")
            ));
        }
        let [_, ..] = edited else { return None };
        Some(format!(
            "changed since they were applied: {}; sqlx does not go on with such a folder\n\
             next: restore the files as they were applied, and put the change into a new migration",
            edited.join(", ")
        ))
    }
}

/// The files that run, in their order.
///
/// # Errors
/// A name that sqlx does not understand, at which it stops; or two files of one version, of which it runs one.
fn arranged(files: &[String]) -> Result<Vec<Numbered<'_>>, String> {
    let mut found: Vec<Numbered<'_>> = Vec::new();
    for file in files {
        let Some((number, rest)) = file.split_once('_') else { continue };
        if !rest.ends_with(".sql") {
            continue;
        }
        let version: i64 = number.parse().map_err(|_| {
            format!("{file} is no migration by its name: sqlx wants a number before the first _, and stops without it")
        })?;
        if rest.ends_with(".down.sql") {
            continue;
        }
        let ending = if rest.ends_with(".up.sql") { ".up.sql" } else { ".sql" };
        // As `str::trim_end_matches`: `1_a.sql.sql` is `a`.
        let kept = number.len() + 1 + rest.trim_end_matches(ending).len();
        found.push(Numbered { version, name: &file[..kept], file });
    }
    found.sort_unstable();
    match found.windows(2).find(|pair| pair[0].version == pair[1].version) {
        Some([one, other]) => {
            Err(format!("{} and {} have the version {}, and sqlx runs one of them", one.file, other.file, one.version))
        }
        _ => Ok(found),
    }
}

/// The version of a migration of this name.
pub(crate) fn version(name: &str) -> Option<i64> {
    name.split_once('_')?.0.parse().ok()
}

/// The description of a migration of this name, as its row has it.
pub(crate) fn description(name: &str) -> String {
    name.split_once('_').map_or_else(String::new, |(_, description)| description.replace('_', " "))
}

impl SqlxFolder {
    fn migration(&self, path: &Path, name: &str, text: Result<String, Unreadable>, dialect: Dialect) -> Migration {
        let words = ledger_ddl::sqlx_folder::words(dialect);
        let (text, checksum, unreadable, asks) = match text {
            Err(why) => (String::new(), String::new(), Some(why), false),
            Ok(text) => {
                let (checksum, asks) = (self.checksum(&text), text.starts_with(NO_TRANSACTION));
                let bom = text.starts_with('\u{feff}') && words.sends_bom;
                let unreadable = bom.then(|| sql_files::byte_order_mark("sqlx", dialect));
                (text, checksum, unreadable, asks)
            }
        };
        let script = Script::new(text, dialect);
        // sqlx has a way out of the transaction on PostgreSQL only.
        let is_free = asks && words.heeds_no_transaction;
        let in_transaction =
            || (!is_free).then(|| sql_files::refused_in_transaction(&script, "sqlx", words.advice)).flatten();
        let unreadable =
            unreadable.or_else(|| sql_files::foreign_marks(&script, "sqlx", ".down.sql")).or_else(in_transaction);
        let unreadable = unreadable.map(|why| why.at(path.display()));
        let (name, path) = (name.to_owned(), path.to_owned());
        // sqlx sends the file as one message also without a transaction, so the text decides how it runs.
        Migration { name, path, script, checksum, unreadable, no_transaction: false }
    }

    /// SHA-384 of the text, as hexadecimal digits.
    fn checksum(&self, text: &str) -> String {
        let hashed = match self.ignored.as_slice() {
            [] => sha2::Sha384::digest(text),
            ignored => sha2::Sha384::digest(text.replace(ignored, "")),
        };
        hashed.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[&str]) -> Result<Vec<(i64, String, String)>, String> {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        let found = arranged(&files)?;
        Ok(found.iter().map(|it| (it.version, it.name.to_owned(), description(it.name))).collect())
    }

    #[test]
    fn names_are_read_as_sqlx_reads_them() {
        for (file, version, description) in [
            ("1_a.sql", 1, "a"),
            ("+1_c.sql", 1, "c"),
            ("007_d.sql", 7, "d"),
            ("-3_e.sql", -3, "e"),
            ("1_i.sql.sql", 1, "i"),
            ("1_j_k__l.sql", 1, "j k  l"),
            ("1_m.up.sql", 1, "m"),
            ("1_.sql", 1, ""),
            ("1_w.up.up.sql", 1, "w.up"),
            ("1_x.sql.up.sql", 1, "x.sql"),
            ("1_y.UP.sql", 1, "y.UP"),
            ("1_000_a.sql", 1, "000 a"),
        ] {
            let found = names(&[file]).unwrap();
            assert_eq!((found[0].0, found[0].2.as_str()), (version, description), "{file}");
            assert_eq!(super::version(&found[0].1), Some(version), "{file}");
        }
        for skipped in ["1_e", "seed.sql", "1_n.down.sql", "1_q.sql~", "README_first.md", "1-a.sql", "1_a.SQL"] {
            assert_eq!(names(&[skipped]), Ok(Vec::new()), "{skipped}");
        }
        for wrong in ["seed_data.sql", "_o.sql", ".1_p.sql", " 1_r.sql", "1 _s.sql", "9223372036854775808_u.sql"] {
            assert!(names(&[wrong]).unwrap_err().contains(wrong), "{wrong}");
        }
        let ordered = names(&["10_b.sql", "9_a.sql"]).unwrap();
        assert_eq!([ordered[0].0, ordered[1].0], [9, 10]);
        assert!(names(&["1_a.sql", "01_b.up.sql"]).is_err() && names(&["1_a.up.sql", "1_a.down.sql"]).is_ok());
    }

    #[test]
    fn the_checksum_leaves_out_what_the_configuration_says() {
        let sum = |ignored: Vec<char>, text| SqlxFolder { ignored }.checksum(text);
        let known = "e1cc0b49a7d453bb345d9fc52670c0bfd4a694b2befb7061a9bad55916701e1ef4ddd22ee7cb1c80b4317a1b5780422c";
        assert_eq!(sum(vec![], "CREATE TABLE t (id int);\n"), known);
        assert_eq!(sum(vec!['\r'], "CREATE TABLE t (id int);\r\n"), known);
        assert_ne!(sum(vec![], "CREATE TABLE t (id int);\r\n"), known);
    }
}
