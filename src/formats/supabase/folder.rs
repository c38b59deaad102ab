//! Reads a folder of the Supabase CLI: the names that are migrations, by its own rules. The files have no sections.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::error::Error;
use crate::formats::migration::{Migration, Unreadable, sha256};
use crate::formats::supabase::{split, switch, version};
use crate::formats::{AppliedOrder, Layout, Lineage, Resolved, sql_files};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// Before this version, the CLI wrote a file `…_init.sql` of what the project began with, which it passes over.
const FIRST_INIT: u64 = 20_211_209_000_000;

/// The layout.
#[derive(Debug)]
pub(crate) struct SupabaseFolder {
    /// The value of the variable that turns migrations on or off.
    pub variable: Option<String>,
}

impl Layout for SupabaseFolder {
    fn dialects(&self) -> &'static [Dialect] {
        &[Dialect::Postgres]
    }

    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        switch::check(folder, self.variable.as_deref())?;
        let names = sql_files::names(folder)?;
        let (files, skipped) = arranged(&names);
        let mut warnings: Vec<String> = skipped.map(|why| format!("{}: {why}", folder.display())).into_iter().collect();
        if files.is_empty() {
            let text = "has no migration of the Supabase CLI (NUMBER_NAME.sql): nothing will be applied";
            warnings.push(format!("{} {text}", folder.display()));
        }
        let opened = sql_files::open(folder)?;
        let (mut migrations, mut keys) = (Vec::new(), BTreeMap::new());
        for file in files {
            let name = file.strip_suffix(".sql").unwrap_or(file);
            if let Some(other) = keys.insert(version(name).to_owned(), name.to_owned()) {
                return Err(twice(folder, &other, name));
            }
            let path = folder.join(file);
            let text = sql_files::text(&path, opened.read(Path::new(file)));
            migrations.push(migration(&path, name, text, dialect));
        }
        Ok(Resolved { migrations, warnings, lineage: Lineage { keys, ..Lineage::default() }, ..Resolved::default() })
    }

    /// The CLI stops at an applied version without a file, also where nothing is pending. It does not notice edits.
    fn forbids(&self, missing: &[&str], _edited: &[&str]) -> Option<String> {
        let [_, ..] = missing else { return None };
        Some(format!(
            "applied, but not in the folder: {}; the Supabase CLI does not go on with such a history\n\
             next: start an image that has them; to start this one on the newer database: --migrate off",
            missing.join(", ")
        ))
    }

    /// The CLI stops at a version that precedes an applied one, but for `--include-all`.
    fn forbids_order(&self, order: &AppliedOrder<'_>) -> Option<String> {
        let [_, ..] = order.late else { return None };
        Some(format!(
            "older than what is applied already: {}; the Supabase CLI does not apply them without --include-all\n\
             next: run them with --out-of-order apply, or give them versions after the applied ones",
            order.late.join(", ")
        ))
    }
}

/// The files that run, in the order of their names, and why one is passed over that looks like them.
fn arranged(names: &[String]) -> (Vec<&str>, Option<String>) {
    let is_old_init = |name: &str| {
        let version = name.strip_suffix("_init.sql").filter(|version| version.len() == 14);
        version.and_then(|version| version.parse().ok()).is_some_and(|version: u64| version < FIRST_INIT)
    };
    let is_sql = |name: &&str| name.to_ascii_lowercase().ends_with(".sql");
    let names = names.iter().map(String::as_str).enumerate();
    let (mut files, mut unlike, mut init) = (Vec::new(), Vec::new(), None);
    for (index, name) in names {
        match split(name) {
            Some(_) if index == 0 && is_old_init(name) => init = Some(name),
            Some(_) => files.push(name),
            None => unlike.extend(Some(name).filter(is_sql)),
        }
    }
    let of_init = init.map(|name| {
        format!("{name} is passed over, as by the Supabase CLI: it takes a first file of this name for an old dump")
    });
    let of_names = (!unlike.is_empty()).then(|| {
        format!("no migrations of the Supabase CLI (NUMBER_NAME.sql), and passed over: {}", unlike.join(", "))
    });
    let skipped: Vec<String> = of_init.into_iter().chain(of_names).collect();
    (files, (!skipped.is_empty()).then(|| skipped.join("; ")))
}

/// The CLI fails at the key of the second one, at every run.
fn twice(folder: &Path, one: &str, other: &str) -> Error {
    Error::History(format!(
        "two migrations in {} have the version {}: {one}.sql and {other}.sql; the Supabase CLI records one of them\n\
         next: give the later one a version of its own",
        folder.display(),
        version(one)
    ))
}

fn migration(path: &Path, name: &str, text: Result<String, Unreadable>, dialect: Dialect) -> Migration {
    let (text, checksum, unreadable) = match text {
        Err(why) => (String::new(), String::new(), Some(why)),
        Ok(text) => {
            let checksum = sha256(&text);
            (text, checksum, None)
        }
    };
    let script = Script::new(text, dialect);
    let of_marks = || sql_files::foreign_marks(&script, "the Supabase CLI", "outside the folder");
    let unreadable = unreadable.or_else(|| of_marks().map(|why| why.at(path.display())));
    // The CLI sends the statements of a file in one batch, and alone those that refuse a transaction: as the text asks.
    Migration { name: name.to_owned(), path: path.to_owned(), script, checksum, unreadable, no_transaction: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(names: &[&'a str]) -> (Vec<&'a str>, Option<String>) {
        let owned: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let (files, skipped) = arranged(&owned);
        (names.iter().copied().filter(|name| files.contains(name)).collect(), skipped)
    }

    #[test]
    fn names_are_digits_and_an_underscore() {
        for name in ["1_a.sql", "0001_.sql", "20240101000000_a b.sql", "20240101000000_a.up.sql", "1_é.sql", "1__.sql"]
        {
            assert_eq!(read(&[name]), (vec![name], None), "{name}");
        }
        for name in ["20240101000000.sql", "a.sql", "1_a.SQL", ".1_a.sql", "1-a.sql", "١_a.sql"] {
            let (files, skipped) = read(&[name]);
            assert!(files.is_empty() && skipped.unwrap().contains(name), "{name}");
        }
        assert_eq!(read(&["README.md", ".gitkeep", "1_a.sql~"]), (vec![], None));
    }

    #[test]
    fn an_old_first_file_of_what_was_there_is_passed_over() {
        let (files, skipped) = read(&["20200101000000_init.sql", "20200102000000_init.sql"]);
        assert_eq!(files, ["20200102000000_init.sql"]);
        assert!(skipped.unwrap().contains("20200101000000_init.sql"));
        for names in [["20211209000000_init.sql", "3_a.sql"], ["1_a.sql", "20200101000000_init.sql"]] {
            assert_eq!(read(&names), (names.to_vec(), None), "{names:?}");
        }
    }
}
