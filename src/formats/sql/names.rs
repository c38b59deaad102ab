//! What the entries of a folder of plain SQL are, by their names. A pure function over the names: a file that is passed
//! over in silence is a table that is missing later, so what is not certainly something else stops.

use std::cmp::Ordering;

use crate::base::sorting;
use crate::formats::signs::forms;

/// An entry of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its name.
    pub name: String,
    /// It is a folder.
    pub is_folder: bool,
    /// It is a folder in which files of SQL have the names of migrations.
    pub has_migrations: bool,
}

/// The folder of the files that run again when they have changed.
pub(crate) const REPEATABLE: &str = "repeatable";

/// The name of the migration in such a file, given the file's name without its ending.
pub(crate) fn repeatable(stem: &str) -> String {
    format!("{REPEATABLE}/{stem}")
}

/// Whether a migration of this name is in that folder.
pub(crate) fn is_repeatable(name: &str) -> bool {
    name.strip_prefix(REPEATABLE).is_some_and(|rest| rest.starts_with('/'))
}

/// What a file of SQL is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role<'a> {
    /// To be applied.
    Migration(Numbered<'a>),
    /// Takes a migration back: never run.
    Undo,
    /// Ends like a file that takes a migration back; the name without that ending.
    Doubtful(Numbered<'a>, &'a str),
    /// Without a number: no migration.
    Other,
    /// Meant as a migration, but the name says more than a number; why.
    Unclear(&'static str),
}

/// A migration by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbered<'a> {
    /// Its number.
    pub number: &'a str,
    /// Its name without the endings: what the history records.
    pub name: &'a str,
    /// The name of its file.
    pub file: &'a str,
    /// Why it is doubtful that the file is a migration. Stops nothing once it is applied.
    pub doubt: Option<&'static str>,
}

/// The entries of a folder, arranged.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arranged<'a> {
    /// What is to be applied, in order.
    pub migrations: Vec<Numbered<'a>>,
    /// There is a folder [`REPEATABLE`].
    pub has_repeatable: bool,
    /// Files of SQL without a number.
    pub passed_over: Vec<&'a str>,
    /// How many files take a migration back.
    pub undo: usize,
    /// Other entries that may well be something: not hidden, no text for people.
    pub others: Vec<&'a str>,
}

/// Why a folder cannot be arranged.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Misfit<'a> {
    /// An entry that is meant as a migration, and that cannot be run as one; why.
    Entry(&'a str, &'static str),
    /// Two files have one number.
    Twice(Numbered<'a>, Numbered<'a>),
}

/// Arranges the entries.
///
/// # Errors
/// The first [`Misfit`].
pub(crate) fn arrange(entries: &[Entry]) -> Result<Arranged<'_>, Misfit<'_>> {
    let mut found = Arranged::default();
    let is_there = |name: &str| entries.iter().any(|entry| !entry.is_folder && entry.name.eq_ignore_ascii_case(name));
    for entry in entries {
        let file = entry.name.as_str();
        if entry.is_folder && file == REPEATABLE {
            found.has_repeatable = true;
            continue;
        }
        if entry.is_folder || !is_sql(file) {
            match stray(entry, &is_there) {
                Stray::Noise => {}
                Stray::Other => found.others.push(file),
                Stray::Refused(why) => return Err(Misfit::Entry(file, why)),
            }
            continue;
        }
        match role(file) {
            Role::Migration(migration) => found.migrations.push(migration),
            Role::Undo => found.undo += 1,
            Role::Doubtful(_, base) if takes_back(base, &is_there) => found.undo += 1,
            Role::Doubtful(migration, _) => found.migrations.push(migration),
            Role::Other => found.passed_over.push(file),
            Role::Unclear(why) => return Err(Misfit::Entry(file, why)),
        }
    }
    sorting::sort_by(&mut found.migrations, |a, b| by_value(a.number, b.number));
    let twice = |pair: &&[Numbered<'_>]| by_value(pair[0].number, pair[1].number).is_eq();
    match found.migrations.windows(2).find(twice) {
        // Of two files with one number the doubtful one is the one to rename.
        Some(pair) => match pair.iter().find_map(|one| Some((one.file, one.doubt?))) {
            Some((file, doubt)) => Err(Misfit::Entry(file, doubt)),
            None => Err(Misfit::Twice(pair[0], pair[1])),
        },
        None => Ok(found),
    }
}

/// Arranges the folder of repeatable files: its files of SQL in the order of the bytes of their names, and what is passed over.
///
/// # Errors
/// The first [`Misfit`].
pub(crate) fn arrange_repeatable(entries: &[Entry]) -> Result<(Vec<&str>, Vec<&str>), Misfit<'_>> {
    let (mut files, mut others) = (Vec::new(), Vec::new());
    let is_there = |name: &str| entries.iter().any(|entry| !entry.is_folder && entry.name.eq_ignore_ascii_case(name));
    for entry in entries.iter().filter(|entry| !entry.name.starts_with('.')) {
        let name = entry.name.as_str();
        match (entry.is_folder, is_sql(name)) {
            (true, _) => {
                return Err(Misfit::Entry(name, "it is a folder, and doorstep does not look into folders here"));
            }
            (false, true) => {
                let stem = &name[..name.len() - ".sql".len()];
                if without_ending(stem, UNDO).is_some() {
                    return Err(Misfit::Entry(
                        name,
                        "it takes something back, and a repeatable file has nothing to take back",
                    ));
                }
                files.push(name);
            }
            (false, false) if matches!(stray(entry, &is_there), Stray::Noise) => {}
            (false, false) => others.push(name),
        }
    }
    files.sort_unstable();
    Ok((files, others))
}

/// Whether a file of this name is a migration, or meant as one.
#[must_use]
pub(crate) fn is_migration(file: &str) -> bool {
    is_sql(file) && matches!(role(file), Role::Migration(_) | Role::Doubtful(..) | Role::Unclear(_))
}

/// Whether Flyway's rules for placeholders apply to a file of this name.
#[must_use]
pub(crate) fn is_flyways(file: &str) -> bool {
    file.starts_with(['V', 'R', 'B']) && is_migration(file)
}

fn is_sql(file: &str) -> bool {
    file.len() >= ".sql".len()
        && file.get(file.len() - ".sql".len()..).is_some_and(|it| it.eq_ignore_ascii_case(".sql"))
}

/// Endings that certainly name a file that takes a migration back.
const UNDO: &[&str] = &[".down", ".undo"];

/// Endings that name such a file only beside the migration that it takes back: `0005_shut_down` may be a migration.
const MAY_UNDO: &[&str] = &[
    ".rollback",
    ".revert",
    ".downgrade",
    "-down",
    "_down",
    "-undo",
    "_undo",
    "-rollback",
    "_rollback",
    "-revert",
    "_revert",
    "-downgrade",
    "_downgrade",
];

const DOUBT: &str = "its name ends like that of a file that takes a migration back, but there is no file that it would \
                     take back";

fn without_ending<'a>(stem: &'a str, endings: &[&str]) -> Option<&'a str> {
    endings.iter().find_map(|ending| {
        let (base, end) = stem.split_at_checked(stem.len().checked_sub(ending.len())?)?;
        end.eq_ignore_ascii_case(ending).then_some(base)
    })
}

/// Whether the migration that a file would take back is there, given the file's name without its ending.
fn takes_back(base: &str, is_there: &dyn Fn(&str) -> bool) -> bool {
    ["", ".up", "-up", "_up", ".do", "-do", ".apply", "-apply"]
        .iter()
        .any(|ending| is_there(&format!("{base}{ending}.sql")))
}

fn role(file: &str) -> Role<'_> {
    let stem = &file[..file.len() - ".sql".len()];
    if without_ending(stem, UNDO).is_some() {
        return Role::Undo;
    }
    if is_callback(stem) {
        return Role::Unclear("it is a callback of Flyway, which doorstep does not run");
    }
    let name = without_ending(stem, &[".up"]).unwrap_or(stem);
    // Flyway's names begin with a letter, and have two underscores after the number.
    let (letter, rest) = match name.split_at_checked(1) {
        Some((letter @ ("V" | "U" | "R" | "B"), rest)) => (letter, rest),
        _ => ("", name),
    };
    let (number, rest) = rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count());
    let migration = Numbered { number, name, file, doubt: None };
    let is_migration = match letter {
        "R" if number.is_empty() && rest.starts_with("__") => {
            return Role::Unclear(
                "it is a repeatable migration of Flyway, which has no place in the order: give it a number, or move it to the folder \
                 repeatable",
            );
        }
        "V" | "U" | "B" if number.is_empty() => return Role::Other,
        "B" if rest.starts_with(['.', '_']) => {
            return Role::Unclear("it is a baseline migration of Flyway, which only runs on an empty database");
        }
        "V" if rest.starts_with(['.', '_']) && !rest.starts_with("__") => {
            return Role::Unclear("its number has several parts: give it a whole number");
        }
        "U" if rest.starts_with(['.', '_']) => return Role::Undo,
        "V" => rest.starts_with("__"),
        "" if number.is_empty() => return Role::Other,
        "" if rest.is_empty() || rest.starts_with(['_', '-']) => true,
        "" => return Role::Unclear("after the number it needs _ or -"),
        _ => false,
    };
    match without_ending(name, MAY_UNDO) {
        _ if !is_migration => Role::Other,
        Some(base) => Role::Doubtful(Numbered { doubt: Some(DOUBT), ..migration }, base),
        None => Role::Migration(migration),
    }
}

/// `beforeMigrate`, `afterEachMigrate__x`: Flyway runs such files around the migrations.
fn is_callback(stem: &str) -> bool {
    let events = [
        "Migrate",
        "Each",
        "Versioned",
        "Repeatables",
        "Clean",
        "Info",
        "Validate",
        "Baseline",
        "Repair",
        "Undo",
        "Connect",
    ];
    let event = stem.strip_prefix("before").or_else(|| stem.strip_prefix("after"));
    let name = event.map_or("", |event| event.split("__").next().unwrap_or_default());
    name.bytes().all(|byte| byte.is_ascii_alphabetic()) && events.iter().any(|event| name.starts_with(event))
}

/// What an entry is that is no file of SQL.
enum Stray {
    /// Version control, texts for people, copies that editors leave.
    Noise,
    /// Something else that cannot be meant as a migration.
    Other,
    /// It may be meant as a migration; why it cannot be run.
    Refused(&'static str),
}

/// Endings of texts, tables and sums: no migration, with any number.
const TEXTS: &[&str] = &[
    ".md",
    ".markdown",
    ".rst",
    ".adoc",
    ".txt",
    ".pdf",
    ".png",
    ".svg",
    ".html",
    ".csv",
    ".tsv",
    ".sum",
    ".sha256",
    ".md5",
    ".asc",
    ".sig",
    ".license",
];

/// Endings of the copies that editors and merges leave beside a file.
const COPIES: &[&str] = &["~", ".bak", ".orig", ".rej", ".swp", ".swo", ".tmp", ".old"];

/// Folders whose files of SQL are no migrations.
const SIDE_FOLDERS: &[&str] = &[
    "seed",
    "seeds",
    "seeders",
    "fixture",
    "fixtures",
    "test",
    "tests",
    "testdata",
    "down",
    "undo",
    "rollback",
    "rollbacks",
    "revert",
    "reverts",
    "archive",
    "archived",
    "old",
    "doc",
    "docs",
    "example",
    "examples",
    "sample",
    "samples",
    "script",
    "scripts",
    "node_modules",
    "target",
    "vendor",
];

fn stray(entry: &Entry, is_there: &dyn Fn(&str) -> bool) -> Stray {
    let name = entry.name.as_str();
    let is_hidden = name.starts_with('.');
    let digits = name.bytes().take_while(u8::is_ascii_digit).count();
    let is_numbered = digits > 0 && (digits == name.len() || name[digits..].starts_with(['_', '-', '.']));
    let is_versioned = forms::flyway(&format!("{}.sql", name.rsplit_once('.').map_or(name, |(stem, _)| stem)));
    let ends = |endings: &[&str]| without_ending(name, endings);
    if is_hidden {
        return Stray::Noise;
    }
    if entry.is_folder {
        let is_side = SIDE_FOLDERS.iter().any(|side| side.eq_ignore_ascii_case(name));
        return match () {
            () if is_numbered => Stray::Refused("it is a folder, and a migration is a file"),
            () if entry.has_migrations && !is_side => {
                Stray::Refused("it is a folder with migrations, and doorstep does not look into folders")
            }
            () => Stray::Other,
        };
    }
    let is_copy = ends(COPIES).is_some_and(is_there);
    let is_text = ends(TEXTS).is_some();
    match () {
        () if name.to_ascii_lowercase().ends_with(".sql.conf") => {
            Stray::Refused("it is a configuration of Flyway for one script, which doorstep does not read")
        }
        () if is_text || is_copy => Stray::Noise,
        () if is_numbered || is_versioned => Stray::Refused("it is no file of SQL"),
        () => Stray::Other,
    }
}

/// Numbers of any length, by their value: `9` before `0010`, dates after both.
fn by_value(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(names: &[&str]) -> Vec<Entry> {
        let entry = |name: &&str| Entry {
            name: name.trim_end_matches('/').trim_end_matches('+').to_owned(),
            is_folder: name.ends_with('/'),
            has_migrations: name.ends_with("+/"),
        };
        names.iter().map(entry).collect()
    }

    #[test]
    fn a_file_is_what_its_name_says() {
        for (file, number, name) in [
            ("0001_create_users.sql", "0001", "0001_create_users"),
            ("001-init.sql", "001", "001-init"),
            ("20240101120000_x.SQL", "20240101120000", "20240101120000_x"),
            ("V1__x.sql", "1", "V1__x"),
            ("7__x.sql", "7", "7__x"),
            ("7.sql", "7", "7"),
            ("1_x.up.sql", "1", "1_x"),
            ("1_clean_up.sql", "1", "1_clean_up"),
        ] {
            assert_eq!(role(file), Role::Migration(Numbered { number, name, file, doubt: None }), "{file}");
        }
        for undo in ["1_x.down.sql", "1_x.undo.sql", "1_x.DOWN.sql", "U1__x.sql"] {
            assert_eq!(role(undo), Role::Undo, "{undo}");
        }
        for other in ["seed.sql", "Views.sql", "Reports.sql", "Backup.sql", ".sql", "before_all.sql"] {
            assert_eq!(role(other), Role::Other, "{other}");
        }
        for unclear in [
            "R__views.sql",
            "V1.2__x.sql",
            "V1_2__x.sql",
            "1.do.x.sql",
            "2a_x.sql",
            "B3__x.sql",
            "beforeMigrate.sql",
            "afterEachMigrate__x.sql",
        ] {
            assert!(matches!(role(unclear), Role::Unclear(_)), "{unclear}");
        }
    }

    #[test]
    fn a_folder_of_repeatable_files_is_no_migration_and_its_files_run_by_name() {
        let numbered = entries(&["0001_a.sql", "repeatable+/"]);
        let found = arrange(&numbered).unwrap();
        assert_eq!((found.has_repeatable, found.migrations.len(), found.others.len()), (true, 1, 0));
        assert!(!arrange(&entries(&["0001_a.sql", "repeatable"])).unwrap().has_repeatable);
        assert!(matches!(arrange(&entries(&["0001_a.sql", "Repeatable+/"])), Err(Misfit::Entry("Repeatable", _))));

        let names =
            ["views.sql", "20_b.sql", "100_a.SQL", "README.md", "views.sql.orig", ".gitkeep", "..data/", "x.psql"];
        let entries_of = entries(&names);
        assert_eq!(arrange_repeatable(&entries_of), Ok((vec!["100_a.SQL", "20_b.sql", "views.sql"], vec!["x.psql"])));
        for wrong in ["views.down.sql", "views.undo.sql", "more/"] {
            let entries = entries(&[wrong]);
            assert!(matches!(arrange_repeatable(&entries), Err(Misfit::Entry(..))), "{wrong}");
        }
        assert!(
            is_repeatable("repeatable/views") && !is_repeatable("repeatables/views") && !is_repeatable("1_repeatable")
        );
    }

    #[test]
    fn the_order_is_that_of_the_numbers() {
        let mut numbers = ["20240101", "10", "0009", "1", "20240101120000", "011"];
        numbers.sort_by(|a, b| by_value(a, b));
        assert_eq!(numbers, ["1", "0009", "10", "011", "20240101", "20240101120000"]);
        assert!(by_value("0001", "1").is_eq());
    }

    #[test]
    fn a_file_that_takes_a_migration_back_is_known_by_that_migration() {
        for back in
            ["1_a.rollback.sql", "1_a-down.sql", "1_a_down.sql", "1_a_Down.sql", "1_a.revert.sql", "1_a_undo.sql"]
        {
            for forth in ["1_a.sql", "1_a.up.sql"] {
                let entries = entries(&[forth, back]);
                let found = arrange(&entries).unwrap();
                assert_eq!((found.undo, found.migrations.len()), (1, 1), "{forth} {back}");
            }
            let alone = entries(&[back]);
            assert_eq!(arrange(&alone).unwrap().migrations[0].doubt, Some(DOUBT), "{back}");
            let beside = entries(&["1_b.sql", back]);
            assert_eq!(arrange(&beside), Err(Misfit::Entry(back, DOUBT)), "{back}");
        }
        let halves = entries(&["1_a-up.sql", "1_a-down.sql"]);
        assert_eq!(arrange(&halves).unwrap().undo, 1);
    }

    #[test]
    fn nothing_that_may_be_a_migration_is_passed_over() {
        for stray in [
            "0002_b.go",
            "0002_b.ts",
            "0002_b.py",
            "0002_b.sql.gz",
            "0002_b.json",
            "0002_b.sql.bak",
            "0002_b/",
            "0002/",
            "2.rb",
            "0002-b.xml",
            "V2__b.java",
            "V1__a.sql.conf",
            "v2+/",
            "0002_b",
            "0002_b.sql.disabled",
        ] {
            let entries = entries(&["0001_a.sql", stray]);
            let name = stray.trim_end_matches('/').trim_end_matches('+');
            assert!(matches!(arrange(&entries), Err(Misfit::Entry(found, _)) if found == name), "{stray}");
        }
        let noise = entries(&[
            "0001_a.sql",
            "0001_a.sql~",
            "0001_a.sql.orig",
            "0001_a.md",
            ".git/",
            ".gitkeep",
            ".DS_Store",
            "..data/",
            "README.md",
            "LICENSE",
            "seeds+/",
            "meta/",
            "embed.go",
            "atlas.sum",
            "Down+/",
        ]);
        let found = arrange(&noise).unwrap();
        assert_eq!((found.migrations.len(), found.undo), (1, 0));
        assert_eq!(found.others, ["LICENSE", "seeds", "meta", "embed.go", "Down"]);
    }
}
