//! Reads a changelog in formatted SQL, or a folder of them: which change sets there are, under which path, and what of them
//! runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use md5::{Digest as _, Md5};

use crate::base::error::Error;
use crate::base::file::{FileKind, read_text};
use crate::base::sorting;
use crate::formats::liquibase::changelog::{self, Section};
use crate::formats::liquibase::configuration::{Configuration, recorded_path};
use crate::formats::liquibase::expression::Runtime;
use crate::formats::liquibase::header::Header;
use crate::formats::liquibase::parameters::Parameters;
use crate::formats::liquibase::{author_and_id, comments, conditions, delimiters, name_of, said, wrong};
use crate::formats::migration::{Migration, Unreadable};
use crate::formats::signs::forms;
use crate::formats::{Layout, Lineage, Rerun, Resolved, ledger_ddl, sql_files};
use crate::sql::Dialect;
use crate::sql::script::Script;

/// The layout.
#[derive(Debug)]
pub(crate) struct Changelogs {
    pub(crate) configuration: Configuration,
    /// Names of the environment's variables.
    pub(crate) environment: BTreeSet<String>,
}

impl Layout for Changelogs {
    /// By the `dbms` of a change set: Liquibase calls a server mariadb whose version says so, by any driver and any URL.
    fn is_for_server(&self, migration: &Migration, server: &str) -> bool {
        let (header, _) = said(migration);
        let product = ledger_ddl::liquibase::product(migration.script.dialect(), server);
        header.is_none_or(|header| header.is_for(product))
    }

    fn read(&self, folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let catalog = self.configuration.default_catalog.as_ref();
        if let Some(catalog) = catalog.filter(|_| ledger_ddl::liquibase::words(dialect).has_catalogs) {
            return Err(Error::Settings(format!(
                "defaultCatalogName = {catalog}: doorstep takes the database from the URL\n\
                 next: name the database {catalog} in DATABASE_URL, and set LIQUIBASE_COMMAND_DEFAULT_CATALOG_NAME to nothing for \
                 doorstep"
            )));
        }
        let files = match folder.is_dir() {
            true => files(folder)?,
            false => vec![folder.to_owned()],
        };
        let parameters = self.parameters(dialect);
        let mut reading =
            Reading { layout: self, dialect, parameters, resolved: Resolved::default(), seen: BTreeMap::new() };
        for file in &files {
            reading.file(file)?;
        }
        let mut resolved = reading.resolved;
        if resolved.migrations.is_empty() {
            let text = format!("{} has no change set for this database: nothing will be applied", folder.display());
            resolved.warnings.push(text);
        }
        Ok(resolved)
    }

    /// Liquibase stops at a change set that was changed since (validation), also where nothing is pending.
    fn forbids(&self, _missing: &[&str], edited: &[&str]) -> Option<String> {
        let [_, ..] = edited else { return None };
        Some(format!(
            "changed since they were applied: {}; Liquibase does not go on with such a changelog\n\
             next: restore them as they were applied, or accept the change with a line --validCheckSum: ANY in them",
            edited.join(", ")
        ))
    }

    /// Liquibase takes a change set under another path for another one, and would run it again.
    fn obstacle(&self, missing: &[&str], pending: &[&str], _lineage: &Lineage) -> Option<String> {
        let parts = |name: &str| {
            let (path, key) = name.split_once("::").unwrap_or((name, ""));
            (path.rsplit('/').next().unwrap_or_default().to_owned(), key.to_owned())
        };
        let (old, new) = pending.iter().find_map(|new| {
            let moved = missing.iter().find(|old| parts(old) == parts(new))?;
            Some((moved, new))
        })?;
        let path = old.split("::").next().unwrap_or_default();
        Some(format!(
            "the history has {old}, and the changelog has it as {new}: Liquibase takes that for another change set, and would \
             run it again\n\
             next: name the changelog by the path that Liquibase is given (searchPath in liquibase.properties), or write \
             logicalFilePath:{path} into its first line"
        ))
    }

    /// Rows that no file has are ignored.
    fn tolerates_missing(&self) -> bool {
        true
    }
}

impl Changelogs {
    /// Those that are defined before the first file.
    fn parameters(&self, dialect: Dialect) -> Parameters {
        let runtime = Runtime {
            dbms: ledger_ddl::liquibase::words(dialect).dbms,
            contexts: self.configuration.contexts.clone(),
            labels: self.configuration.labels.clone(),
        };
        let mut parameters = Parameters { environment: self.environment.clone(), runtime, ..Parameters::default() };
        for (name, value) in &self.configuration.parameters {
            parameters.set(name, value);
        }
        parameters
    }
}

/// The files of a folder and its folders in Liquibase's order.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = all_files(folder)?;
    sorting::sort_by_key(&mut found, |path| order_of(path));
    Ok(found)
}

/// Liquibase sorts the paths as text of Java, in units of UTF-16: `1.sql` stands before `1/x.sql`.
fn order_of(path: &Path) -> Vec<u16> {
    path.to_string_lossy().encode_utf16().collect()
}

/// Whether the name is one of SQL, in any case, as Liquibase takes it.
pub(crate) fn is_sql(name: &str) -> bool {
    let end = name.len().checked_sub(".sql".len()).and_then(|at| name.get(at..));
    end.is_some_and(|end| end.eq_ignore_ascii_case(".sql"))
}

/// The files of a folder and its folders, also of hidden ones. Those whose names begin with two dots are Kubernetes' own
/// (`..data`): the files in them stand beside them, too.
fn all_files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut found = Vec::new();
    for (name, is_folder) in sql_files::entries(folder)? {
        let path = folder.join(&name);
        match is_folder {
            true if !name.starts_with("..") => found.extend(all_files(&path)?),
            false if forms::changelog(&name) => return Err(other_changelog(&path)),
            false if is_sql(&name) => found.push(path),
            _ => {}
        }
    }
    Ok(found)
}

/// Whether a file is a changelog in formatted SQL.
///
/// # Errors
/// [`Error::Settings`] for a changelog of another kind.
pub(crate) fn is_changelog(path: &Path, is_named: bool) -> Result<bool, Error> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    let is_other = matches!(extension.as_str(), "xml" | "yaml" | "yml" | "json");
    if forms::changelog(name) || (is_named && is_other) {
        return Err(other_changelog(path));
    }
    let is_marked = || {
        let text = read_text(path, FileKind::Migration);
        text.is_ok_and(|text| changelog::marked(&text).is_some())
    };
    Ok(extension == "sql" && (is_named || is_marked()))
}

/// A changelog that is not SQL.
pub(crate) fn other_changelog(path: &Path) -> Error {
    Error::Settings(format!(
        "{} is a changelog of Liquibase in XML, YAML or JSON, which doorstep does not apply\n\
         next: let Liquibase apply it (migrate_command = \"liquibase update\"), or name a changelog in formatted SQL with \
         --migrations",
        path.display()
    ))
}

/// A folder that is being read.
struct Reading<'a> {
    layout: &'a Changelogs,
    dialect: Dialect,
    /// Those that the files before have defined count.
    parameters: Parameters,
    resolved: Resolved,
    /// The file and the line of each change set.
    seen: BTreeMap<String, String>,
}

impl Reading<'_> {
    fn file(&mut self, path: &Path) -> Result<(), Error> {
        let shown = path.display();
        let refuse = |why: &str| Error::History(format!("{shown}: {why}"));
        let text = sql_files::text(path, std::fs::read(path)).map_err(|why| Error::History(why.to_string()))?;
        if text.trim_start_matches('\u{feff}').trim().is_empty() {
            return Err(refuse("the changelog is empty, and Liquibase does not accept that\nnext: leave it out"));
        }
        let configuration = &self.layout.configuration;
        let directory = std::env::current_dir().unwrap_or_default();
        let recorded = recorded_path(path, &configuration.search, &directory)
            .map_err(|why| Error::Settings(why.at(&shown).to_string()))?;
        self.parameters.begin_file();
        let found = changelog::read(&text, &mut self.parameters)
            .map_err(|(line, why)| Error::History(why.at(format_args!("{shown}:{line}")).to_string()))?;
        if found.sets.first().is_some_and(|set| set.header.is_none()) {
            let text =
                "its first line is not --liquibase formatted sql: Liquibase runs the whole file as one change set";
            self.resolved.warnings.push(format!("{shown}: {text}"));
        }
        let logical = found.path.unwrap_or(recorded);
        for section in found.sets {
            self.section(path, &logical, section)?;
        }
        Ok(())
    }

    /// A change set, if it is for this run.
    fn section(&mut self, path: &Path, logical: &str, section: Section) -> Result<(), Error> {
        let (line, runtime) = (section.line, &self.parameters.runtime);
        let at = format!("{}:{line}", path.display());
        let fails = |why: Unreadable| Error::History(why.at(&at).to_string());
        let header = section.header.as_ref();
        let (author, id) = author_and_id(header);
        let logical = header.and_then(|header| header.path.as_deref()).unwrap_or(logical);
        let name = name_of(logical, id, author);
        if let Some(other) = self.seen.insert(name.clone(), at.clone()) {
            return Err(fails(wrong(format!("the change set {name} is there already ({other})"))));
        }
        for idle in header.into_iter().flat_map(|header| &header.idle) {
            self.resolved
                .warnings
                .push(format!("{at}: Liquibase does not know the attribute {idle}, and passes it over"));
        }
        let context = header.and_then(|header| header.context.as_deref());
        let is_in_context = context.map_or(Ok(true), |context| runtime.is_in_context(context)).map_err(fails)?;
        let has_labels = runtime.has_labels(header.and_then(|it| it.labels.as_deref())).map_err(fails)?;
        // Which of the products the server is, is known later.
        let is_for_one = |header: &Header| runtime.dbms.iter().any(|dbms| header.is_for(dbms));
        let is_for = header.is_none_or(|header| !header.ignored && is_for_one(header));
        if !(is_in_context && has_labels && is_for) {
            return Ok(());
        }
        let checksum = checksum(&section.sql);
        self.resolved.lineage.former.insert(name.clone(), former_checksum(&section.sql, header));
        if header.is_some_and(|header| header.always) {
            self.resolved.lineage.reruns.insert(name.clone(), Rerun::Always);
        } else if header.is_some_and(|header| header.on_change) {
            self.resolved.lineage.reruns.insert(name.clone(), Rerun::Changed(checksum.clone()));
        }
        let facts = (section.header.clone(), section.notes.clone());
        let migration = self.migration(path, name, section, checksum);
        if changelog::notes(migration.sql()).ok() != Some(facts) {
            return Err(fails(Unreadable::new(
                "doorstep cannot keep what this change set says about itself (its id, its comment, its preconditions)",
                "let Liquibase apply the changelog (migrate_command = \"liquibase update\")",
            )));
        }
        self.resolved.migrations.push(migration);
        Ok(())
    }

    fn migration(&self, path: &Path, name: String, section: Section, checksum: String) -> Migration {
        let Section { line, header, text, notes, .. } = section;
        let no_transaction = header.as_ref().is_some_and(|header| header.no_transaction);
        let fails = |(at, why): (usize, Unreadable)| why.at(format_args!("{}:{}", path.display(), line + at));
        let conditions = conditions::read(&notes, self.dialect).err().map(|why| fails((0, why)));
        let read = comments::for_server(&text, header.as_ref(), self.dialect)
            .and_then(|text| delimiters::as_sql(text, header.as_ref(), self.dialect));
        let (text, cut) = match read {
            Ok(sql) => (sql, None),
            Err(why) => (text, Some(fails(why))),
        };
        let script = Script::new(text, self.dialect).at_line(line);
        let quoted =
            || (!script.is_complete()).then(|| fails((0, wrong("it ends within a quote, a comment or a body"))));
        let delimiter = || {
            let why = sql_files::delimiter_command(&script, "Liquibase", "write an endDelimiter on its --changeset")?;
            Some(why.at(path.display()))
        };
        let advice = "write runInTransaction:false on its --changeset";
        let refused = || sql_files::refused_in_transaction(&script, "Liquibase", advice).filter(|_| !no_transaction);
        let in_transaction = || refused().map(|why| why.at(path.display()));
        let unreadable = conditions.or(cut).or_else(delimiter).or_else(quoted).or_else(in_transaction);
        Migration { name, path: path.to_owned(), script, checksum, unreadable, no_transaction }
    }
}

/// Checksum of version 9 (since Liquibase 4.22): without blanks and line ends.
pub(crate) fn checksum(sql: &str) -> String {
    let bytes: Vec<u8> = sql.bytes().filter(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).collect();
    of_version('9', &bytes)
}

/// Checksum of version 8: blanks and line ends are one blank, and what divides the statements counts. The rule was found with
/// rows of Liquibase 4.4.
fn former_checksum(sql: &str, header: Option<&Header>) -> String {
    let usual = Header::default();
    let Header { delimiter, whole, with_comments, .. } = header.unwrap_or(&usual);
    let words: Vec<&str> = sql.split_ascii_whitespace().collect();
    let delimiter = delimiter.as_deref().unwrap_or("null");
    of_version('8', format!("{delimiter}:{}:{}:{}", !whole, !with_comments, words.join(" ")).as_bytes())
}

/// Of the one change that a change set has here, then of all.
fn of_version(version: char, bytes: &[u8]) -> String {
    let hex = |bytes: &[u8]| Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let change = format!("{version}:{}:", hex(bytes));
    format!("{version}:{}", hex(change.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_liquibases() {
        for (sql, expected) in [
            ("select 1", "9:3b78b9910981c62ca27148640fad7bc2"),
            ("create table thisShouldRun(id int)\n", "9:62336a615e62e89c9d86128d1ca60ecf"),
            ("CREATE TABLE t (id int);", "9:6d4549ab668f0fa3a148fb9da6d22712"),
            ("CREATE TABLE apple (id int);\r\n", "9:c2524c3b0411a00b1cadc022141e7d0c"),
        ] {
            assert_eq!(checksum(sql), expected);
        }
    }

    #[test]
    fn the_checksum_of_an_older_liquibase_is_known_too() {
        for (attributes, sql, expected) in [
            ("", "CREATE TABLE apple (id int);", "8:536b25071c2aa4ae7eeabe6de893354f"),
            ("", "CREATE   TABLE pear\n (id int);\nINSERT INTO pear VALUES (1);", "8:c2b0f6e6e8c43431bac8fcaf711c6279"),
            ("splitStatements:false stripComments:false", "-- c\nSELECT 1;", "8:8cfbab9c5afae32471a16f59ed19f666"),
            ("endDelimiter:@", "SELECT 1@", "8:de995bf56642dacd4dc9af0684e8e685"),
            ("", "SELECT 'é' ;", "8:6e6ea4d3b005ebc17fc653010438fb7c"),
        ] {
            let header = crate::formats::liquibase::header::read(&format!(" ann:1 {attributes}")).unwrap();
            assert_eq!(former_checksum(sql, Some(&header)), expected, "{sql}");
        }
    }

    #[test]
    fn a_folder_is_read_in_the_order_of_liquibases_paths() {
        let folder = tempfile::tempdir().unwrap();
        let expected = [
            ".h.sql",
            ".hid/h.sql",
            "1.sql",
            "1/x.sql",
            "2.SQL",
            "B.sql",
            "a-b/x.sql",
            "a/x.sql",
            "b.sql",
            "c\u{10000}.sql",
            "c\u{ff61}.sql",
        ];
        let others = ["a/readme.md", "z.sql.txt", "..data/a.sql"];
        for name in expected.iter().rev().chain(&others) {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = files(folder.path()).unwrap();
        let found: Vec<&str> =
            found.iter().map(|it| it.strip_prefix(folder.path()).unwrap().to_str().unwrap()).collect();
        assert_eq!(found, expected);
        assert!(
            ["x.sql", "x.Sql", ".SQL"].map(is_sql) == [true; 3]
                && ["xsql", "sql", "é", "x.sql1"].map(is_sql) == [false; 4]
        );
    }

    #[test]
    fn a_change_set_under_another_path_is_an_obstacle() {
        let layout = Changelogs { configuration: Configuration::default(), environment: BTreeSet::new() };
        let of = |missing: &str, pending: &str| layout.obstacle(&[missing], &[pending], &Lineage::default()).is_some();
        assert!(of("changelog.sql::1::ann", "sub/changelog.sql::1::ann"));
        assert!(!of("changelog.sql::1::ann", "sub/changelog.sql::2::ann"));
        assert!(!of("old.sql::1::ann", "new.sql::1::ann"));
    }
}
