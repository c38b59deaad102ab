//! Reads a folder of tern by its own rules (`migrate/migrate.go`, read and not run): numbers without a gap from 1, in the order of
//! the names; what stands before the separator goes up.

use std::collections::BTreeMap;
use std::path::Path;

use crate::base::error::Error;
use crate::formats::marks::sections::{self, Why};
use crate::formats::migration::{Migration, Unreadable, sha256};
use crate::formats::{AppliedOrder, Layout, Lineage, Resolved, sql_files};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// Divides a file, wherever it stands.
const SEPARATOR: &str = "---- create above / drop below ----";

/// A line that turns the transaction off.
const DISABLE_TRANSACTION: &str = "---- tern: disable-tx ----";

/// The layout.
#[derive(Debug)]
pub(crate) struct TernFolder;

impl Layout for TernFolder {
    fn dialects(&self) -> &'static [Dialect] {
        &[Dialect::Postgres]
    }

    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let names = sql_files::names(folder)?;
        let files = arranged(&names).map_err(|why| {
            Error::History(format!(
                "{}: {why}\nnext: number the files without a gap (001_NAME.sql, 002_NAME.sql)",
                folder.display()
            ))
        })?;
        if files.is_empty() {
            return Err(Error::Settings(format!(
                "{} has no migration of tern (001_NAME.sql)\n\
                 next: check that the image contains them, or name the folder with --migrations",
                folder.display()
            )));
        }
        let opened = sql_files::open(folder)?;
        let (mut migrations, mut keys) = (Vec::new(), BTreeMap::new());
        for (index, file) in files.into_iter().enumerate() {
            let name = file.strip_suffix(".sql").unwrap_or(file);
            keys.insert((index + 1).to_string(), name.to_owned());
            let path = folder.join(file);
            let text = sql_files::text(&path, opened.read(Path::new(file)));
            migrations.push(migration(&path, name, text, dialect));
        }
        Ok(Resolved { migrations, lineage: Lineage { keys, ..Lineage::default() }, ..Resolved::default() })
    }

    /// tern stops at a version beyond its files ("current version is outside the valid versions").
    fn forbids(&self, missing: &[&str], _edited: &[&str]) -> Option<String> {
        let [_, ..] = missing else { return None };
        Some(format!(
            "the database is at version {}, which has no file in the folder; tern does not go on with such a history\n\
             next: start an image that has it; to start this one on the newer database: --migrate off",
            missing.join(", ")
        ))
    }

    /// A file that took the place of another one.
    fn forbids_order(&self, order: &AppliedOrder<'_>) -> Option<String> {
        let [_, ..] = order.late else { return None };
        Some(format!(
            "older than the version of the database, and never run, or what they make was removed by hand: {}; tern would \
             never run them\n\
             next: run them with --out-of-order apply; if what they make was dropped on purpose, say so in a new migration \
             (DROP TABLE IF EXISTS …)",
            order.late.join(", ")
        ))
    }
}

/// The files that run: `\A(\d+)_.+\.sql\z`, in the order of the bytes of their names.
///
/// # Errors
/// A number that is not the next one, at which tern stops.
fn arranged(names: &[String]) -> Result<Vec<&str>, String> {
    let mut found: Vec<&str> = Vec::new();
    for name in names {
        let digits = name.bytes().take_while(u8::is_ascii_digit).count();
        let rest = name[digits..].strip_prefix('_').and_then(|rest| rest.strip_suffix(".sql"));
        if digits == 0 || rest.is_none_or(|rest| rest.is_empty() || rest.contains('\n')) {
            continue;
        }
        let next = found.len() + 1;
        if name[..digits].parse::<i32>().ok().and_then(|number| usize::try_from(number).ok()) != Some(next) {
            return Err(format!("{name} stands where tern expects the number {next}, and stops"));
        }
        found.push(name);
    }
    Ok(found)
}

/// The version of a migration of this name.
pub(crate) fn version(name: &str) -> Option<i32> {
    name.split_once('_')?.0.parse().ok()
}

fn migration(path: &Path, name: &str, text: Result<String, Unreadable>, dialect: Dialect) -> Migration {
    let shown = path.display();
    let mut no_transaction = false;
    let (script, checksum, unreadable) = match text {
        Err(why) => (Script::new(String::new(), dialect), String::new(), Some(why)),
        Ok(text) => {
            let checksum = sha256(&text);
            match up(&text, dialect) {
                Err((line, why)) => {
                    (Script::new(text, dialect), checksum, Some(why.at(format_args!("{shown}:{line}"))))
                }
                Ok(up) => {
                    no_transaction = up.split('\n').any(|line| line == DISABLE_TRANSACTION);
                    let script = Script::new(up, dialect);
                    let advice = "write it alone in a file with the line ---- tern: disable-tx ----";
                    let refused = sql_files::refused_in_transaction(&script, "tern", advice);
                    let refused = refused.filter(|_| !no_transaction).map(|why| why.at(shown));
                    (script, checksum, refused)
                }
            }
        }
    };
    let (name, path) = (name.to_owned(), path.to_owned());
    Migration { name, path, script, checksum, unreadable, no_transaction }
}

/// The text that goes up, every line at its place; or the line, and why not.
///
/// # Errors
/// What tern refuses, replaces, or would divide within a statement.
pub fn up(text: &str, dialect: Dialect) -> Result<String, (usize, Unreadable)> {
    let line_of = |at: usize| text[..at].matches('\n').count() + 1;
    if let Some(at) = text.find("{{") {
        let next = "write the value into the file, or let tern apply it (migrate_command = \"tern migrate\")";
        let why = Unreadable::new("tern replaces {{…}} in the file, which doorstep does not do", next);
        return Err((line_of(at), why));
    }
    let script = Script::new(text.to_owned(), dialect);
    if text.starts_with('\u{feff}') {
        return Err((1, sql_files::byte_order_mark("tern", dialect)));
    }
    let cut = text.find(SEPARATOR);
    let is_comment = |at: usize| script.comments().iter().any(|it| !it.nested && it.offset <= at && at < it.end);
    if let Some(at) = cut.filter(|at| !is_comment(*at)) {
        let why = "tern divides the file here, but the line stands within a statement";
        return Err((line_of(at), Unreadable::new(why, "repair the marks of the file")));
    }
    let (up, rest) = text.split_at(cut.unwrap_or(text.len()));
    let is_code = |line: &str| !line.trim().is_empty() && !line.trim().starts_with("--");
    if !up.split('\n').any(is_code) {
        let why = "nothing but comments goes up, and tern stops at such a file";
        return Err((1, Unreadable::new(why, "restore its statements")));
    }
    if let Some(error) = other_marks(&script) {
        return Err(error);
    }
    Ok(up.to_owned() + &"\n".repeat(rest.matches('\n').count()))
}

/// Whether a text has tern's separator.
pub(crate) fn is_marked(text: &str) -> bool {
    text.lines().any(|line| line.trim_end() == SEPARATOR)
}

/// Marks of other tools, and comments like marks.
fn other_marks(script: &Script) -> Option<(usize, Unreadable)> {
    let found = sections::sections(script);
    if let Some(error) = found.error {
        // A second separator stands in the part that tern never runs here.
        return (error.why != Why::Repeated).then(|| (error.line, error.unreadable()));
    }
    let other = found.tools.iter().find(|tool| **tool != "tern").filter(|_| found.up.is_some())?;
    let why = format!("the file has marks of {other}, and tern would run also the part that takes the migration back");
    Some((1, Unreadable::new(why, format!("write {SEPARATOR}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_gap_in_the_order_of_the_names() {
        let arranged = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            super::arranged(&names).map(|files| files.join(" ")).ok()
        };
        for (names, expected) in [
            (&["001_a.sql", "002_b.sql", "README.md", "1_.sql", "a.sql"][..], Some("001_a.sql 002_b.sql")),
            (&["1_a.sql", "2_b.sql"], Some("1_a.sql 2_b.sql")),
            (&["001_a.sql", "003_b.sql"], None),
            (&["001_a.sql", "001_b.sql"], None),
            // As text, 10_… comes before 1_….
            (&["10_j.sql", "1_a.sql"], None),
            (&["0_a.sql"], None),
            (&[], Some("")),
        ] {
            assert_eq!(arranged(names).as_deref(), expected, "{names:?}");
        }
        assert_eq!(version("007_a_b"), Some(7));
    }

    #[test]
    fn what_stands_before_the_separator_goes_up() {
        let of = |text: &str| up(text, Dialect::Postgres).map_err(|(line, _)| line);
        for (text, expected) in [
            ("a;\n---- create above / drop below ----\nb;\n", Ok("a;\n\n\n")),
            ("a;\n", Ok("a;\n")),
            ("---- tern: disable-tx ----\na;\n", Ok("---- tern: disable-tx ----\na;\n")),
            ("a;\n---- create above / drop below ----\nb;\n---- create above / drop below ----\nc;", Ok("a;\n\n\n\n")),
            ("a '\n---- create above / drop below ----\n';", Err(2)),
            ("a;\nb {{.x}};", Err(2)),
            ("\u{feff}a;", Err(1)),
            ("-- why\n---- create above / drop below ----\nb;", Err(1)),
            ("a;\n-- +goose Down\nb;", Err(2)),
            ("-- migrate:up\na;\n-- migrate:down\nb;", Err(1)),
        ] {
            assert_eq!(of(text).as_deref(), expected.as_deref(), "{text}");
        }
    }
}
