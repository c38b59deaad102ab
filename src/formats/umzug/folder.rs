//! Reads a folder of umzug's SQL files. Which files umzug runs is a glob in the program's code; the usual ones are `*.sql` and
//! `*.up.sql`. Where a folder does not tell them apart, the start stops.

use std::path::Path;

use crate::base::error::Error;
use crate::formats::migration::{Migration, Unreadable, sha256};
use crate::formats::{Layout, Resolved, sql_files};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// The layout.
#[derive(Debug)]
pub(crate) struct UmzugFolder;

impl Layout for UmzugFolder {
    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let shown = folder.display();
        let (mut names, mut folders) = (Vec::new(), Vec::new());
        for (name, is_folder) in sql_files::entries(folder)? {
            if is_folder { folders.push(name) } else { names.push(name) }
        }
        let files = arranged(&names).map_err(|misfit| worded(folder, misfit))?;
        let opened = sql_files::open(folder)?;
        let mut migrations = Vec::new();
        for file in files {
            let path = folder.join(file);
            let text = sql_files::text(&path, opened.read(Path::new(file)));
            migrations.push(migration(&path, file, text, dialect));
        }
        let mut warnings = Vec::new();
        if migrations.is_empty() {
            warnings.push(format!("{shown} has no migration of umzug (NAME.sql): nothing will be applied"));
        }
        // `umzug create` puts the files of the way back there.
        let is_sql = |inner: &&String| {
            let names = sql_files::names(&folder.join(inner)).unwrap_or_default();
            inner.as_str() != "down" && !inner.starts_with('.') && names.iter().any(|name| name.ends_with(".sql"))
        };
        let inner: Vec<&str> = folders.iter().filter(is_sql).map(String::as_str).collect();
        if !inner.is_empty() {
            warnings.push(format!("never run from {shown}: the files in {}", inner.join(", ")));
        }
        Ok(Resolved { migrations, warnings, ..Resolved::default() })
    }

    /// umzug ignores names that only the table has.
    fn tolerates_missing(&self) -> bool {
        true
    }
}

/// Why doorstep cannot run a folder.
#[derive(Debug, PartialEq, Eq)]
enum Misfit<'a> {
    /// A migration in JavaScript or TypeScript.
    Code(&'a str),
    /// Two files of which the program's glob may take one or both.
    Pair(&'a str, &'a str),
}

/// The files that are migrations, in the order of their names (of UTF-16 units, as JavaScript sorts).
fn arranged(names: &[String]) -> Result<Vec<&str>, Misfit<'_>> {
    let visible = || names.iter().map(String::as_str).filter(|name| !name.starts_with('.'));
    let ends = |endings: &[&str], name: &str| endings.iter().any(|ending| name.ends_with(ending));
    let is_code = |name: &&str| {
        ends(&[".js", ".cjs", ".mjs", ".ts", ".cts", ".mts"], name) && !ends(&[".d.ts", ".d.cts", ".d.mts"], name)
    };
    if let Some(code) = visible().find(is_code) {
        return Err(Misfit::Code(code));
    }
    let (mut up, mut down, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for name in visible().filter(|name| name.ends_with(".sql")) {
        match () {
            () if name.ends_with(".up.sql") => up.push(name),
            () if name.ends_with(".down.sql") => down.push(name),
            () => plain.push(name),
        }
    }
    let mut files = match (up.first(), plain.first(), down.first()) {
        (Some(one), Some(other), _) | (None, Some(one), Some(other)) => return Err(Misfit::Pair(one, other)),
        (Some(_), None, _) => up,
        (None, _, _) => plain,
    };
    files.sort_by(|one, other| one.encode_utf16().cmp(other.encode_utf16()));
    Ok(files)
}

fn worded(folder: &Path, misfit: Misfit<'_>) -> Error {
    match misfit {
        Misfit::Code(file) => Error::Settings(format!(
            "{} may be a migration in code, which only the program that uses umzug can run\n\
             next: let it apply the migrations (migrate_command = \"node migrate.js up\"), or keep nothing but SQL in the folder",
            folder.join(file).display()
        )),
        Misfit::Pair(one, other) => Error::History(format!(
            "{one} and {other} in {}: whether umzug runs both depends on the glob in the program\n\
             next: call all migrations NAME.up.sql (and the way back NAME.down.sql), or all of them NAME.sql, with the way back in \
             a folder down",
            folder.display()
        )),
    }
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
    // A file runs without a transaction around it, so the text decides how it runs.
    let marks = || {
        let why = sql_files::foreign_marks(&script, "umzug", "NAME.down.sql beside NAME.up.sql")?;
        Some(why.at(path.display()))
    };
    let unreadable = unreadable.or_else(marks);
    let (name, path) = (name.to_owned(), path.to_owned());
    Migration { name, path, script, checksum, unreadable, no_transaction: false }
}

#[cfg(test)]
mod tests {
    #[test]
    fn which_files_run_is_certain_or_stops() {
        let arranged = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            super::arranged(&names).map(|files| files.join(" ")).map_err(|misfit| format!("{misfit:?}"))
        };
        for (names, expected) in [
            (
                &["a.sql", "B.sql", "_c.sql", "10_b.sql", "9_a.sql", "README.md", ".x.sql"][..],
                "10_b.sql 9_a.sql B.sql _c.sql a.sql",
            ),
            (&["1.up.sql", "1.down.sql", "2.up.sql"], "1.up.sql 2.up.sql"),
            (&["\u{ff5e}.sql", "\u{1f600}.sql"], "\u{1f600}.sql \u{ff5e}.sql"),
            (&["1.down.sql"], ""),
            (&["1.SQL", "types.d.ts"], ""),
        ] {
            assert_eq!(arranged(names).as_deref(), Ok(expected), "{names:?}");
        }
        for names in [&["1.up.sql", "2.sql"][..], &["1.sql", "1.down.sql"], &["1.js", "2.sql"], &["1.mts"]] {
            assert!(arranged(names).is_err(), "{names:?}");
        }
    }
}
