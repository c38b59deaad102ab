//! What `liquibase.properties` and Liquibase's variables say about a start: the changelog, the search path, the names of
//! the tables, contexts, labels and parameters. The file is read in the directory in which doorstep runs, as Liquibase
//! does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::file::{FileKind, read_text, way_to_read};
use crate::formats::migration::Unreadable;

/// Its usual name.
const FILE: &str = "liquibase.properties";

const CORRECT: &str = "correct the file";

/// The part that concerns a start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Configuration {
    /// The changelog.
    pub changelog: Option<PathBuf>,
    /// Where changelogs are looked for; empty: the working directory.
    pub search: Vec<PathBuf>,
    /// The schema of the history table, as it is written.
    pub schema: Option<String>,
    /// The catalog of the history table, which is its database on MySQL and has no effect elsewhere.
    pub catalog: Option<String>,
    /// The catalog of everything else.
    pub default_catalog: Option<String>,
    /// The history table, as it is written, if it is not the usual one.
    pub table: Option<String>,
    /// The table of the lock, as it is written, if it is not the usual one.
    pub lock_table: Option<String>,
    /// Contexts, in lower case.
    pub contexts: Vec<String>,
    /// The filter of labels.
    pub labels: String,
    /// Parameters of changelogs.
    pub parameters: Vec<(String, String)>,
}

impl Configuration {
    /// The changelog, where it is found on the search path.
    pub(crate) fn changelog_file(&self) -> Option<PathBuf> {
        let changelog = self.changelog.as_ref()?;
        let found = self.search.iter().map(|place| place.join(changelog)).find(|path| path.is_file());
        Some(found.unwrap_or_else(|| changelog.clone()))
    }
}

/// Reads the file, if it is there, and the variables, which count more.
///
/// # Errors
/// [`Error::Settings`] for a file that cannot be read, and for a value that is computed.
pub(crate) fn read(environment: &Environment) -> Result<Configuration, Error> {
    let named = environment.get("LIQUIBASE_DEFAULTS_FILE").filter(|file| !file.is_empty());
    let path = Path::new(named.unwrap_or(FILE));
    let wrong = |why: Unreadable| Error::Settings(why.at(path.display()).to_string());
    let mut values = match named.is_some() || path.exists() {
        true => properties(
            &read_text(path, FileKind::Source)
                .map_err(|error| wrong(Unreadable::new(error.to_string(), way_to_read(&error))))?,
        ),
        false => BTreeMap::new(),
    };
    let variables = environment.variables().filter_map(|(name, value)| {
        let name = name.strip_prefix("LIQUIBASE_")?;
        Some((bare(name), value.expose().to_owned()))
    });
    values.extend(one_name(variables.collect()));
    of(&values).map_err(wrong)
}

/// How names begin that count for `liquibase update` only.
const OF_UPDATE: &str = "update.";

/// `liquibase.command.changelogFile`, `changelog-file` and `CHANGELOG_FILE` are one name. With the command's name,
/// `liquibase.command.update.changelogFile`, it is another one, which counts more: it begins with [`OF_UPDATE`].
fn bare(name: &str) -> String {
    let name = name.to_ascii_lowercase().replace(['-', '_', '.'], "");
    let is_of_history = |rest: &&str| rest.starts_with("schemaname") || rest.starts_with("catalogname");
    let name = name.strip_prefix("liquibase").filter(|rest| !is_of_history(rest)).unwrap_or(&name);
    let name = name.strip_prefix("command").unwrap_or(name);
    match name.strip_prefix("update") {
        Some(name) => format!("{OF_UPDATE}{name}"),
        None => name.to_owned(),
    }
}

/// The older names of filters become the newer ones, which count more within one file, and among the variables.
fn one_name(mut values: BTreeMap<String, String>) -> BTreeMap<String, String> {
    for (older, newer) in [("contexts", "contextfilter"), ("labels", "labelfilter")] {
        for prefix in ["", OF_UPDATE] {
            if let Some(value) = values.remove(&format!("{prefix}{older}")) {
                values.entry(format!("{prefix}{newer}")).or_insert(value);
            }
        }
    }
    values
}

/// The lines `name: value` and `name=value` of a file of Java properties. Names of parameters keep their case.
fn properties(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '!']));
    let pair = |line: &str| {
        let end = line.find([':', '=', ' ', '\t'])?;
        let value = line[end..].trim_start().trim_start_matches([':', '=']).trim_start();
        let name = match line[..end].strip_prefix("parameter.") {
            Some(parameter) => format!("parameter.{parameter}"),
            None => bare(&line[..end]),
        };
        Some((name, value.to_owned()))
    };
    one_name(lines.filter_map(pair).collect())
}

fn of(values: &BTreeMap<String, String>) -> Result<Configuration, Unreadable> {
    let get = |name: &str| {
        let value = values.get(&format!("{OF_UPDATE}{name}")).or_else(|| values.get(name));
        value.map(String::as_str).filter(|value| !value.is_empty())
    };
    let known = [
        "changelogfile",
        "searchpath",
        "databasechangelogtablename",
        "liquibaseschemaname",
        "contextfilter",
        "labelfilter",
    ];
    if let Some(name) = known.into_iter().find(|name| get(name).is_some_and(|value| value.contains("${"))) {
        return Err(Unreadable::new(format!("{name} is computed, and doorstep reads literals only"), CORRECT));
    }
    if let Some(schema) = get("defaultschemaname") {
        return Err(Unreadable::new(
            format!("defaultSchemaName = {schema}: doorstep takes the schema from the URL"),
            format!(
                "add ?schema={schema} to DATABASE_URL (on MySQL, name the database {schema} in it), and set \
             LIQUIBASE_COMMAND_DEFAULT_SCHEMA_NAME to nothing for doorstep"
            ),
        ));
    }
    let contexts = get("contextfilter").unwrap_or_default();
    let parameters = values.iter().filter_map(|(name, value)| Some((name.strip_prefix("parameter.")?, value)));
    Ok(Configuration {
        changelog: get("changelogfile").map(PathBuf::from),
        search: get("searchpath")
            .map(|path| path.split([',', ';']).map(|path| path.trim().into()).collect())
            .unwrap_or_default(),
        schema: get("liquibaseschemaname").map(str::to_owned),
        catalog: get("liquibasecatalogname").map(str::to_owned),
        default_catalog: get("defaultcatalogname").map(str::to_owned),
        table: get("databasechangelogtablename").map(str::to_owned),
        lock_table: get("databasechangeloglocktablename").map(str::to_owned),
        contexts: contexts.split(',').map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty()).collect(),
        labels: get("labelfilter").unwrap_or_default().to_owned(),
        parameters: parameters.map(|(name, value)| (name.to_owned(), value.clone())).collect(),
    })
}

/// Liquibase quotes names of mixed case only, so that PostgreSQL folds the others.
pub(crate) fn folded(name: &str) -> String {
    let is_mixed = name.chars().any(char::is_uppercase) && name.chars().any(char::is_lowercase);
    if is_mixed { name.to_owned() } else { name.to_lowercase() }
}

/// The path by which Liquibase records a file: relative to the search path, with `/`.
///
/// # Errors
/// Why it has none.
pub(crate) fn recorded_path(file: &Path, search: &[PathBuf], directory: &Path) -> Result<String, Unreadable> {
    let absolute = |path: &Path| normal(&directory.join(path));
    let file = absolute(file);
    let usual = [PathBuf::new()];
    let search = if search.is_empty() { &usual[..] } else { search };
    let found = search.iter().find_map(|place| file.strip_prefix(absolute(place)).ok().map(Path::to_owned));
    let path = found.ok_or_else(|| {
        Unreadable::new(
            "it is not below Liquibase's search path, and its path there decides which change sets are applied",
            "set searchPath in liquibase.properties (or LIQUIBASE_SEARCH_PATH), as for Liquibase",
        )
    })?;
    let parts = path
        .iter()
        .map(|part| part.to_str().ok_or_else(|| Unreadable::new("its path is not UTF-8", "rename the file")));
    Ok(parts.collect::<Result<Vec<_>, _>>()?.join("/"))
}

/// Without `.` and `..`, as far as the text tells.
fn normal(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => drop(result.pop()),
            other => result.push(other),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_and_the_variables_name_the_same_things() {
        let text = "# x\nchangelog-file: db/a.sql\nliquibase.searchPath=db,etc\nliquibase.command.contexts: Dev, test\n\
                    databaseChangelogTableName DONE\nliquibaseSchemaName=Hist\nparameter.Tbl: apple\n";
        let found = of(&properties(text)).unwrap();
        assert_eq!(found.changelog, Some("db/a.sql".into()));
        assert_eq!(found.search, [PathBuf::from("db"), "etc".into()]);
        assert_eq!(found.contexts, ["dev", "test"]);
        assert_eq!((found.schema.as_deref(), found.table.as_deref()), (Some("Hist"), Some("DONE")));
        assert_eq!(["DONE", "Done"].map(folded), ["done", "Done"]);
        assert_eq!(found.parameters, [("Tbl".to_owned(), "apple".to_owned())]);
        for (variable, name) in [
            ("COMMAND_CHANGELOG_FILE", "changelogfile"),
            ("LIQUIBASE_SCHEMA_NAME", "liquibaseschemaname"),
            ("LIQUIBASE_CATALOG_NAME", "liquibasecatalogname"),
            ("COMMAND_DEFAULT_CATALOG_NAME", "defaultcatalogname"),
            ("DATABASE_CHANGELOG_LOCK_TABLE_NAME", "databasechangeloglocktablename"),
            ("SEARCH_PATH", "searchpath"),
            ("COMMAND_UPDATE_CHANGELOG_FILE", "update.changelogfile"),
            ("liquibase.command.update.labelFilter", "update.labelfilter"),
            ("liquibase.command.rollback.labels", "rollbacklabels"),
        ] {
            assert_eq!(bare(variable), name);
        }
        for (refused, next) in [
            ("changelogFile: ${DIR}/a.sql", CORRECT),
            ("defaultSchemaName: app", "add ?schema=app to DATABASE_URL (on MySQL"),
        ] {
            assert!(of(&properties(refused)).unwrap_err().next.starts_with(next), "{refused}");
        }
        let missing = Environment::from_pairs([("LIQUIBASE_DEFAULTS_FILE".into(), "/none/x.properties".into())]);
        let error = read(&missing).unwrap_err().to_string();
        assert!(error.starts_with("/none/x.properties: ") && error.contains("\nnext: check the path, and"), "{error}");
    }

    /// Found with Liquibase 4.28: a name with its command counts more than one without, wherever both stand; then
    /// variables count more than the file, and then the newer name more than the older one.
    #[test]
    fn the_filter_that_counts_most_is_taken() {
        let contexts = |file: &str, variables: &[(&str, &str)]| {
            let mut values = properties(file);
            let variables = variables.iter().map(|(name, value)| (bare(name), (*value).to_owned()));
            values.extend(one_name(variables.collect()));
            of(&values).unwrap().contexts.join(",")
        };
        for name in ["contextFilter", "context-filter", "contexts"] {
            assert_eq!(contexts(&format!("liquibase.command.update.{name}: prod\n"), &[]), "prod", "{name}");
            assert_eq!(contexts(&format!("liquibase.command.rollback.{name}: prod\n"), &[]), "", "{name}");
        }
        for (file, variables, expected) in [
            ("contexts=dev\nliquibase.command.update.contextFilter=prod", &[][..], "prod"),
            ("liquibase.command.update.contextFilter=prod", &[("COMMAND_CONTEXTS", "dev")], "prod"),
            ("contexts: dev\ncontextFilter: prod", &[], "prod"),
            ("liquibase.command.contextFilter=prod", &[("COMMAND_CONTEXTS", "dev")], "dev"),
            ("", &[("COMMAND_CONTEXTS", "dev"), ("COMMAND_CONTEXT_FILTER", "prod")], "prod"),
            ("liquibase.command.contextFilter=prod", &[("COMMAND_UPDATE_CONTEXTS", "dev")], "dev"),
            ("contextFilter: dev\nliquibase.command.update.contexts: prod", &[], "prod"),
        ] {
            assert_eq!(contexts(file, variables), expected, "{file} {variables:?}");
        }
        let text = "liquibase.command.update.labels: a or b\nliquibase.command.update.changelogFile: x.sql\n";
        let found = of(&properties(text)).unwrap();
        assert_eq!((found.labels.as_str(), found.changelog), ("a or b", Some("x.sql".into())));
    }

    #[test]
    fn the_path_is_relative_to_the_search_path() {
        let path = |file: &str, search: &[&str]| {
            let search: Vec<PathBuf> = search.iter().map(PathBuf::from).collect();
            recorded_path(Path::new(file), &search, Path::new("/app"))
        };
        for (file, search, expected) in [
            ("changelog.sql", &[][..], "changelog.sql"),
            ("./sub//a.sql", &[], "sub/a.sql"),
            ("/app/sub/a.sql", &[], "sub/a.sql"),
            ("sub/a.sql", &["sub"], "a.sql"),
            ("/etc/db/a.sql", &["sub", "/etc"], "db/a.sql"),
        ] {
            assert_eq!(path(file, search).as_deref(), Ok(expected), "{file}");
        }
        assert!(path("/etc/a.sql", &[]).is_err() && path("../a.sql", &[]).is_err());
    }
}
