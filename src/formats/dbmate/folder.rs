//! Reads a folder of dbmate: the names that are migrations, and the sections of each file, by dbmate's own rules. A file is
//! refused where dbmate would refuse it, and where its rules and those of SQL lead to different texts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::formats::dbmate::version;
use crate::formats::marks::sections::{self, Why};
use crate::formats::migration::{Migration, Unreadable, sha256};
use crate::formats::{Layout, Lineage, Resolved, sql_files};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// The layout.
#[derive(Debug)]
pub(crate) struct DbmateFolder;

impl Layout for DbmateFolder {
    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let files: Vec<String> = sql_files::names(folder)?.into_iter().filter(|name| is_migration(name)).collect();
        if files.is_empty() {
            return Err(Error::Settings(format!(
                "{} has no migration of dbmate (NUMBER_NAME.sql)\n\
                 next: check that the image contains them, or name the folder with --migrations",
                folder.display()
            )));
        }
        let opened = sql_files::open(folder)?;
        let (mut migrations, mut warnings, mut keys) = (Vec::new(), Vec::new(), BTreeMap::new());
        for file in &files {
            let path = folder.join(file);
            let name = file.strip_suffix(".sql").unwrap_or(file);
            if let Some(other) = keys.insert(version(name).to_owned(), name.to_owned()) {
                return Err(twice(folder, &other, name));
            }
            let text = sql_files::text(&path, opened.read(Path::new(file)));
            let (migration, warning) = migration(&path, name, text, dialect);
            migrations.push(migration);
            warnings.extend(warning);
        }
        Ok(Resolved { migrations, warnings, lineage: Lineage { keys, ..Lineage::default() }, ..Resolved::default() })
    }

    /// dbmate ignores versions that only the table has.
    fn tolerates_missing(&self) -> bool {
        true
    }
}

/// Where dbmate looks: in the directory that its variable names, or in db/migrations.
///
/// # Errors
/// [`Error::Settings`] where the variable names several.
pub(crate) fn place(environment: &Environment) -> Result<PathBuf, Error> {
    match environment.get("DBMATE_MIGRATIONS_DIR").filter(|place| !place.is_empty()) {
        Some(several) if several.contains(',') => Err(Error::Settings(format!(
            "DBMATE_MIGRATIONS_DIR names several directories ({several}), and doorstep reads one\n\
             next: put the migrations into one directory, or let dbmate apply them (migrate_command = \"dbmate up\")"
        ))),
        Some(place) => Ok(place.into()),
        None => Ok("db/migrations".into()),
    }
}

/// `^\d+.*\.sql$`: `.` is no line end.
pub(crate) fn is_migration(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_digit()) && name.ends_with(".sql") && !name.contains('\n')
}

/// dbmate records the version of one of them, and never runs the other.
fn twice(folder: &Path, one: &str, other: &str) -> Error {
    Error::History(format!(
        "two migrations in {} have the version {}: {one}.sql and {other}.sql; dbmate would never run one of them\n\
         next: give the later one a version of its own",
        folder.display(),
        version(one)
    ))
}

/// One migration, and what is to be warned of.
fn migration(
    path: &Path,
    name: &str,
    text: Result<String, Unreadable>,
    dialect: Dialect,
) -> (Migration, Option<String>) {
    let shown = path.display();
    let (mut warning, mut no_transaction) = (None, false);
    let (script, checksum, unreadable) = match text {
        Err(why) => (Script::new(String::new(), dialect), String::new(), Some(why)),
        Ok(text) => {
            let checksum = sha256(&text);
            match divided(&text, dialect) {
                Ok(up) => {
                    no_transaction = up.no_transaction;
                    warning = up.idle_option.map(|(line, option)| {
                        format!("{shown}:{line}: dbmate does not know the option {option}; it knows transaction:false")
                    });
                    let script = Script::new(up.text, dialect);
                    let advice = "write it alone in a file, under -- migrate:up transaction:false";
                    let refused = sql_files::refused_in_transaction(&script, "dbmate", advice);
                    let refused = refused.filter(|_| !no_transaction).map(|why| why.at(shown));
                    (script, checksum, refused)
                }
                Err((line, why)) => {
                    (Script::new(text, dialect), checksum, Some(why.at(format_args!("{shown}:{line}"))))
                }
            }
        }
    };
    // dbmate sends the part as one message also without a transaction. PostgreSQL runs that as one transaction, unless
    // its only statement refuses one; so the text decides there.
    no_transaction &= !dialect.rules().sends_one_message;
    let (name, path) = (name.to_owned(), path.to_owned());
    (Migration { name, path, script, checksum, unreadable, no_transaction }, warning)
}

/// What of a file runs.
#[derive(Debug, PartialEq, Eq)]
struct Up {
    /// The text, every line at its place.
    text: String,
    /// A section of it turns the transaction off.
    no_transaction: bool,
    /// An option that is without effect, and was probably meant to turn the transaction off.
    idle_option: Option<(usize, String)>,
}

/// A line that divides the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Directive<'a> {
    Up(&'a str),
    Down,
}

/// `^--\s*migrate:up(\s*$|\s+\S+)`, and the same with `down`.
fn directive(line: &str) -> Option<Directive<'_>> {
    let text = line.strip_prefix("--")?.trim_start();
    let options = |rest: &str| rest.is_empty() || rest.starts_with(char::is_whitespace);
    let (up, down) = (text.strip_prefix("migrate:up"), text.strip_prefix("migrate:down"));
    up.filter(|rest| options(rest)).map(Directive::Up).or(down.filter(|rest| options(rest)).map(|_| Directive::Down))
}

/// Divides a file as dbmate does; or the line, and why not.
fn divided(text: &str, dialect: Dialect) -> Result<Up, (usize, Unreadable)> {
    let fails = |line: usize, why: &str| Err((line, Unreadable::new(why, "repair the marks of the file")));
    let script = Script::new(text.to_owned(), dialect);
    let is_comment = |at: usize| script.comments().iter().any(|comment| comment.offset == at && !comment.nested);
    let mut up = Up { text: String::with_capacity(text.len()), no_transaction: false, idle_option: None };
    let (mut runs, mut begun, mut closed, mut offset) = (false, 0, 0, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let number = index + 1;
        let found = directive(line);
        if found.is_some() && !is_comment(offset) {
            return fails(number, "dbmate takes this line for a mark, but it stands within a statement");
        }
        match found {
            Some(Directive::Up(_)) if runs => return fails(number, "the section before it has no -- migrate:down"),
            Some(Directive::Up(options)) => {
                (runs, begun) = (true, begun + 1);
                let option = turns_off(options);
                up.no_transaction |= option == Ok(true);
                up.idle_option = up.idle_option.or(option.err().map(|option| (number, option.to_owned())));
            }
            Some(Directive::Down) if !runs => return fails(number, "no -- migrate:up precedes it"),
            Some(Directive::Down) => (runs, closed) = (false, closed + 1),
            None if begun == 0 && !line.trim().is_empty() && !line.trim_start().starts_with("--") => {
                return fails(number, "dbmate allows nothing but comments (--) before -- migrate:up");
            }
            None => {}
        }
        match runs {
            true => up.text += line,
            false => up.text.extend(line.chars().filter(|character| *character == '\n')),
        }
        offset += line.len();
    }
    match (begun, runs) {
        (0, _) => fails(1, "the file has no -- migrate:up"),
        (_, true) => fails(1, "the file has no -- migrate:down after its last -- migrate:up"),
        _ => unlike_marks(&script).map_or(Ok(up), Err),
    }
}

/// Comments that look like marks and are none, by which the part that takes the migration back might run.
fn unlike_marks(script: &Script) -> Option<(usize, Unreadable)> {
    let error = sections::sections(script).error?;
    (error.why != Why::Option).then(|| (error.line, error.unreadable()))
}

/// Whether a file has dbmate's mark of what is to run.
pub(crate) fn is_marked(text: &str) -> bool {
    text.lines().any(|line| matches!(directive(line), Some(Directive::Up(_))))
}

/// Whether the options of a mark turn the transaction off: of `transaction:…` the last one counts. Otherwise the option
/// that was probably meant so.
fn turns_off(options: &str) -> Result<bool, &str> {
    let words: Vec<&str> = options.split_whitespace().collect();
    let last = words.iter().rev().find_map(|word| word.strip_prefix("transaction:"));
    let is_idle = |word: &&&str| {
        let lower = word.to_ascii_lowercase();
        let is_option = lower.strip_prefix("transaction").is_some_and(|rest| rest.starts_with([':', '=']));
        is_option && !matches!(**word, "transaction:true" | "transaction:false")
    };
    match words.iter().find(is_idle) {
        Some(word) if last != Some("false") => Err(word),
        _ => Ok(last == Some("false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up(text: &str) -> Up {
        divided(text, Dialect::Postgres).unwrap()
    }

    #[test]
    fn each_section_that_goes_up_is_kept_at_its_lines() {
        for (text, expected) in [
            ("-- migrate:up\na;\n-- migrate:down\nb;\n", "-- migrate:up\na;\n\n\n"),
            ("\n-- why\n--migrate:up hello\r\na;\r\n--\tmigrate:down x\nb;", "\n\n--migrate:up hello\r\na;\r\n\n"),
            (
                "-- migrate:up\na;\n-- migrate:down\nb;\n-- migrate:up\nc;\n-- migrate:down",
                "-- migrate:up\na;\n\n\n-- migrate:up\nc;\n",
            ),
        ] {
            assert_eq!(up(text).text, expected, "{text}");
        }
    }

    #[test]
    fn what_dbmate_refuses_is_refused_with_its_line() {
        for (text, line) in [
            ("", 1),
            ("-- nothing\n", 1),
            ("-- migrate:up\na;", 1),
            ("-- migrate:down\nb;\n-- migrate:up\na;", 1),
            ("/* a */\n-- migrate:up\na;\n-- migrate:down", 1),
            ("\u{feff}-- migrate:up\na;\n-- migrate:down", 1),
            ("-- migrate:up\na;\n-- migrate:up\nb;\n-- migrate:down", 3),
            ("-- migrate:up\na;\n-- migrate:down\n-- migrate:down", 4),
            ("-- migrate:up\na '\n-- migrate:down\n';\n-- migrate:down", 3),
            ("-- migrate:up\ndo $$\n-- migrate:up\n$$;\n-- migrate:down", 3),
            ("-- migrate:up\na;\n -- migrate:down\nb;\n-- migrate:down\n", 3),
            ("-- migrate:up\ra;\r-- migrate:down\rb;", 1),
        ] {
            assert_eq!(divided(text, Dialect::Postgres).unwrap_err().0, line, "{text}");
        }
    }

    #[test]
    fn the_last_option_counts_and_an_idle_one_is_named() {
        for (options, expected) in [
            ("", Ok(false)),
            (" transaction:false", Ok(true)),
            ("\ta b:c transaction:false", Ok(true)),
            (" transaction:false transaction:true", Ok(false)),
            (" transaction:true transaction:false", Ok(true)),
            (" transaction:False", Err("transaction:False")),
            (" transaction=false", Err("transaction=false")),
            (" transaction: false", Err("transaction:")),
            (" Transaction:false", Err("Transaction:false")),
            (" transaction:false, x:y", Err("transaction:false,")),
        ] {
            assert_eq!(turns_off(options), expected, "{options}");
        }
    }

    #[test]
    fn names_begin_with_digits() {
        for (name, expected) in
            [("3c.sql", true), ("18_u.down.sql", true), ("x7.sql", false), ("1.SQL", false), ("１_a.sql", false)]
        {
            assert_eq!(is_migration(name), expected, "{name}");
        }
        assert_eq!(version("001_b"), "001");
    }
}
