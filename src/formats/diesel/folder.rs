//! Reads a folder of diesel: one folder for each migration, with `up.sql` and perhaps `down.sql` and `metadata.toml`.
//!
//! Source: `migrations_internals` 2.3 (`migrations_directories`, `version_from_string`, `TomlMetadata`) and
//! `diesel_migrations` 2.3 (`file_based_migrations.rs`).

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::base::directory::Directory;
use crate::base::error::Error;
use crate::formats::migration::{Migration, Unreadable, sha256};
use crate::formats::{Layout, Lineage, Resolved, ledger_ddl, sql_files};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// The layout.
#[derive(Debug)]
pub(crate) struct DieselFolder;

impl Layout for DieselFolder {
    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let names = folders(folder)?;
        let opened = sql_files::open(folder)?;
        let (mut migrations, mut warnings, mut keys) = (Vec::new(), Vec::new(), BTreeMap::new());
        for name in names {
            let (migration, warning) = read((folder, &opened), &name, dialect)?;
            if let Some(other) = keys.insert(version(&name), name.clone()) {
                return Err(twice(folder, &other, &name));
            }
            migrations.push(migration);
            warnings.extend(warning);
        }
        migrations.sort_by_cached_key(|migration| version(&migration.name));
        if migrations.is_empty() {
            let text =
                format!("{} has no migration of diesel (NAME/up.sql): nothing will be applied", folder.display());
            warnings.push(text);
        }
        Ok(Resolved { migrations, warnings, lineage: Lineage { keys, ..Lineage::default() }, ..Resolved::default() })
    }

    /// diesel ignores versions that only the table has.
    fn tolerates_missing(&self) -> bool {
        true
    }
}

/// The version: what precedes the first `_`, without `-`, as text.
pub(crate) fn version(name: &str) -> String {
    name.split('_').next().unwrap_or_default().replace('-', "")
}

/// The folders of the folder. diesel leaves out files and what begins with a dot, and stops at anything else.
fn folders(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    for (name, is_folder) in sql_files::entries(folder)? {
        let path = folder.join(&name);
        if name.starts_with('.') {
            continue;
        }
        if is_folder {
            names.push(name);
        } else if !path.exists() {
            return Err(Error::History(format!(
                "{} is a link that leads nowhere\nnext: restore the migration that it led to, or remove the link",
                path.display()
            )));
        }
    }
    Ok(names)
}

/// diesel runs one of them, and never the other.
fn twice(folder: &Path, one: &str, other: &str) -> Error {
    Error::History(format!(
        "two migrations in {} have the version {:?}: {one} and {other}; diesel would never run one of them\n\
         next: give the later one a version of its own (what precedes the first _, without -)",
        folder.display(),
        version(one)
    ))
}

/// One migration, and what is to be warned of.
fn read(
    (folder, opened): (&Path, &Directory),
    name: &str,
    dialect: Dialect,
) -> Result<(Migration, Option<String>), Error> {
    let file = Path::new(name).join("up.sql");
    let path = folder.join(&file);
    let bytes = opened.read(&file);
    if bytes.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Err(Error::History(format!(
            "the migration {name} has no file up.sql, and diesel stops at such a folder\n\
             next: restore {}, or move the folder out of {}",
            path.display(),
            folder.display()
        )));
    }
    let metadata_file = Path::new(name).join("metadata.toml");
    let metadata = metadata(opened.read(&metadata_file));
    let warning = metadata.note.map(|note| format!("{}: {note}", folder.join(metadata_file).display()));
    Ok((migration((path, name), sql_files::text(&folder.join(&file), bytes), &metadata, dialect), warning))
}

fn migration(
    (path, name): (PathBuf, &str),
    text: Result<String, Unreadable>,
    metadata: &Metadata,
    dialect: Dialect,
) -> Migration {
    let (script, checksum, unreadable) = match text {
        Err(why) => (Script::new(String::new(), dialect), String::new(), Some(why)),
        Ok(text) => {
            let (checksum, script) = (sha256(&text), Script::new(text, dialect));
            let refused = refused(name, &script, metadata).map(|why| why.at(path.display()));
            (script, checksum, refused)
        }
    };
    // diesel sends the file as one message also without a transaction. PostgreSQL runs that as one transaction, unless
    // its only statement refuses one; so the text decides there.
    let no_transaction = !metadata.in_transaction && !dialect.rules().sends_one_message;
    Migration { name: name.to_owned(), path, script, checksum, unreadable, no_transaction }
}

/// Why diesel fails at such a migration.
fn refused(name: &str, script: &Script, metadata: &Metadata) -> Option<Unreadable> {
    let (text, words) = (script.source(), ledger_ddl::diesel::words(script.dialect()));
    let length = version(name).chars().count();
    if words.longest_version.is_some_and(|longest| length > longest) {
        let why = format!("its version has {length} characters, and the column of diesel's table takes 50");
        return Some(Unreadable::new(why, "rename its folder"));
    }
    if text.is_empty() || (words.refuses_blank && script.statements().is_empty()) {
        let why = "it has no statement, and diesel stops at an empty migration";
        return Some(Unreadable::new(why, "write SELECT 1; into it"));
    }
    if text.starts_with('\u{feff}') && words.sends_bom {
        return Some(sql_files::byte_order_mark("diesel", script.dialect()));
    }
    let advice = "write it alone in a migration with run_in_transaction = false in its metadata.toml";
    let in_transaction =
        || metadata.in_transaction.then(|| sql_files::refused_in_transaction(script, "diesel", advice)).flatten();
    sql_files::foreign_marks(script, "diesel", "down.sql").or_else(in_transaction)
}

/// What `metadata.toml` says.
#[derive(Debug, PartialEq, Eq)]
struct Metadata {
    /// The migration runs in a transaction.
    in_transaction: bool,
    /// What was probably meant otherwise.
    note: Option<&'static str>,
}

/// Reads `metadata.toml` as diesel does: without the file, and with one that it cannot read, a migration runs in a
/// transaction; with one that does not have the key, it does not.
fn metadata(bytes: io::Result<Vec<u8>>) -> Metadata {
    let usual = |note| Metadata { in_transaction: true, note };
    let text = match bytes.map(String::from_utf8) {
        Err(error) if error.kind() == ErrorKind::NotFound => return usual(None),
        Err(_) | Ok(Err(_)) => return usual(Some(IGNORED)),
        Ok(Ok(text)) => text,
    };
    let Ok(table) = text.parse::<toml::Table>() else { return usual(Some(IGNORED)) };
    match table.get("run_in_transaction") {
        Some(toml::Value::Boolean(value)) => Metadata { in_transaction: *value, note: None },
        Some(_) => usual(Some(IGNORED)),
        None => Metadata {
            in_transaction: false,
            note: Some(
                "it does not have the key run_in_transaction, and diesel runs such a migration without a transaction",
            ),
        },
    }
}

const IGNORED: &str =
    "diesel cannot read it and runs the migration in a transaction; it reads run_in_transaction = false";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_what_precedes_the_first_underscore_without_dashes() {
        for (name, expected) in [
            ("2023-01-01-000000_c", "20230101000000"),
            ("2023-01-01-000001-d", "20230101000001d"),
            ("1_a", "1"),
            ("2", "2"),
            ("03_b", "03"),
            ("_f", ""),
            ("--_n", ""),
            ("2023-01-01 00:00_l", "20230101 00:00"),
            ("é_h", "é"),
        ] {
            assert_eq!(version(name), expected, "{name}");
        }
    }

    #[test]
    fn metadata_without_the_exact_key_turns_the_transaction_off() {
        for (text, in_transaction, has_note) in [
            ("run_in_transaction = false\n", false, false),
            ("run_in_transaction = true", true, false),
            ("", false, true),
            ("# nothing\n", false, true),
            ("[m]\nrun_in_transaction = true", false, true),
            ("Run_In_Transaction = true", false, true),
            ("run-in-transaction = true", false, true),
            ("run_in_transaction = = no", true, true),
            ("run_in_transaction = \"false\"", true, true),
        ] {
            let read = metadata(Ok(text.as_bytes().to_vec()));
            assert_eq!((read.in_transaction, read.note.is_some()), (in_transaction, has_note), "{text}");
        }
        assert_eq!(metadata(Err(ErrorKind::NotFound.into())), Metadata { in_transaction: true, note: None });
        assert!(metadata(Ok(vec![0xff])).in_transaction);
    }

    #[test]
    fn what_diesel_refuses_is_refused() {
        let why = |name: &str, text: &str, dialect, in_transaction| {
            let script = Script::new(text.to_owned(), dialect);
            refused(name, &script, &Metadata { in_transaction, note: None })
        };
        let (postgres, sqlite) = (Dialect::Postgres, Dialect::Sqlite);
        for blank in ["", " \n", ";\n", "-- later\n"] {
            assert!(why("1_a", blank, postgres, true).is_some(), "{blank:?}");
            assert_eq!(why("1_a", blank, sqlite, true).is_some(), blank.is_empty(), "{blank:?}");
        }
        let long = "1".repeat(51);
        assert!(why(&long, "SELECT 1", postgres, true).is_some() && why(&long, "SELECT 1", sqlite, true).is_none());
        assert!(why("1", "VACUUM", postgres, true).is_some() && why("1", "VACUUM", postgres, false).is_none());
        assert!(why("1", "\u{feff}SELECT 1", postgres, true).is_some());
        assert!(why("1", "\u{feff}SELECT 1", sqlite, true).is_none());
        assert!(why("1", "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;", sqlite, true).is_some());
    }
}
