//! Django: `APP/migrations/*.py` and the table `django_migrations`. Django applies them itself. This module reads, without
//! Python, whether anything is pending.
//!
//! That is certain only if every installed app is known and its files are found: those of the project are beside
//! manage.py, others (`django.contrib.auth`) among Python's packages. If one of them is not found, or the settings are
//! computed, nothing is concluded: Django is started, and the log says why.

pub(crate) mod inquiry;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::file::{self, FileKind};
use crate::config::MigrationFormat;
use crate::formats::django::inquiry::DjangoInquiry;
use crate::formats::migration::{Migration, Record};
use crate::formats::python::{AssignmentScope, PythonValue, assignments, attribute, imports_all, mentions};
use crate::formats::tool::{Tool, ToolCommand};
use crate::formats::{
    Detection, Format, FormatEntry, Layout, Ledger, Lineage, Partial, Resolved, Surroundings, rfc3339,
};
use crate::sql::script::Script;
use crate::sql::{Dialect, Row, TableName};

/// How it is found.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Django,
    detection: Detection::File {
        places: &["manage.py"],
        named: |_| None,
        owns: |_| true,
        programs: &["manage.py", "django-admin", "django"],
        open,
    },
};

static TOOL: Tool = Tool {
    name: "django",
    authoring: "python manage.py makemigrations --name SLUG",
    writes_from_schema: false,
    by_hand: "python manage.py migrate --fake APP NAME",
    command: Some(ToolCommand {
        programs: &["python", "python3"],
        beside: ".venv/bin/python",
        arguments: &["manage.py", "migrate", "--noinput"],
        inquiry: Some(&DjangoInquiry),
    }),
};

fn open(manage: &Path, surroundings: &Surroundings<'_>) -> Result<Format, Error> {
    // Read once in a start, and needed to its end.
    let django: &'static Django = Box::leak(Box::new(Django::of(manage, surroundings.environment)));
    Ok(Format { layout: django, ledger: django, writer: None, tool: &TOOL })
}

/// Folders without apps of the project.
const WITHOUT_APPS: [&str; 4] = ["node_modules", "site-packages", "__pycache__", "static"];

/// How deep apps are looked for.
const DEPTH: usize = 6;

/// A project.
#[derive(Debug)]
pub(crate) struct Django {
    /// Where manage.py is.
    root: PathBuf,
    /// The file of the settings module, if it is known.
    settings: Option<PathBuf>,
    /// Where Python keeps its packages, if it is known.
    packages: Vec<PathBuf>,
}

/// The migrations of one app.
struct App {
    label: String,
    /// The label is computed, so only Python knows it.
    is_computed: bool,
    files: Vec<PathBuf>,
}

impl Django {
    /// The project of this manage.py.
    pub(crate) fn of(manage: &Path, environment: &Environment) -> Self {
        let root = manage.parent().filter(|root| !root.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        let text = file::read_text(manage, FileKind::Source).unwrap_or_default();
        let by_default = || {
            let (_, rest) = text.split_once("DJANGO_SETTINGS_MODULE")?;
            rest.split(['"', '\'']).find(|part| part.contains(|c: char| c.is_alphanumeric())).map(str::to_owned)
        };
        let module = environment.get("DJANGO_SETTINGS_MODULE").map(str::to_owned).or_else(by_default);
        let settings = module.and_then(|module| settings_file(&root, &module));
        Self { packages: packages(&root, environment), root, settings }
    }

    /// The installed apps, by their dotted names; or why they are not known.
    fn installed(&self) -> Result<BTreeSet<String>, String> {
        let Some(file) = &self.settings else { return Err("the settings module was not found".to_owned()) };
        let text = file::read_text(file, FileKind::Source).map_err(|error| format!("{}: {error}", file.display()))?;
        let apps = installed_in(&text).map_err(|what| format!("{} computes {what}", file.display()))?;
        match apps.is_empty() {
            true => Err("INSTALLED_APPS was not found".to_owned()),
            // An app may be named by its configuration: polls.apps.PollsConfig.
            false => Ok(apps.iter().map(|app| app.split(".apps.").next().unwrap_or(app).to_owned()).collect()),
        }
    }

    /// The apps with migrations; and what could not be found out.
    fn apps(&self) -> (Vec<App>, Option<String>) {
        let mut own = Vec::new();
        find_apps(&self.root, DEPTH, &mut own);
        own.sort();
        let dotted = |folder: &Path| {
            let relative = folder.strip_prefix(&self.root).unwrap_or(folder);
            relative.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join(".")
        };
        let (installed, mut unknown) = match self.installed() {
            Ok(installed) => (installed, None),
            Err(why) => (BTreeSet::new(), Some(why)),
        };
        let mut apps = Vec::new();
        let is_named = |name: &str| installed.iter().any(|app| app == name || name.ends_with(&format!(".{app}")));
        for folder in &own {
            let name = dotted(folder);
            match is_named(&name) {
                true => apps.push(App::of(folder)),
                false => {
                    unknown.get_or_insert(format!("whether the app {name} is installed, the settings do not say"));
                }
            }
        }
        let elsewhere = installed.iter().filter(|app| {
            !own.iter().any(|folder| {
                let name = dotted(folder);
                name == **app || name.ends_with(&format!(".{app}"))
            })
        });
        for app in elsewhere {
            let path: PathBuf = app.split('.').collect();
            let places = std::iter::once(&self.root).chain(&self.packages);
            match places.map(|place| place.join(&path)).find(|folder| folder.is_dir()) {
                Some(folder) if folder.join("migrations").is_dir() => apps.push(App::of(&folder)),
                Some(_) => {}
                None => {
                    unknown.get_or_insert(format!("the app {app} was not found among the packages of Python"));
                }
            }
        }
        (apps, unknown)
    }
}

impl App {
    fn of(folder: &Path) -> Self {
        let config = file::read(&folder.join("apps.py"), FileKind::Source);
        let is_unreadable = config.as_ref().is_err_and(|error| error.kind() != ErrorKind::NotFound);
        let label = attribute(&String::from_utf8_lossy(&config.unwrap_or_default()), "label");
        let is_computed = is_unreadable || label == Some(PythonValue::Computed);
        let label = label.and_then(PythonValue::texts).map(|texts| texts.concat());
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join("migrations"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|it| it == "py"))
            .filter(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with(['_', '~', '.'])))
            .collect();
        files.sort();
        Self { label: label.or(name).unwrap_or_default(), is_computed, files }
    }
}

impl Layout for Django {
    fn read(&self, _folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let (apps, unknown) = self.apps();
        // Names that may be wrong, unlike apps that are not known.
        let mut uncertain = None;
        let (mut migrations, mut implies) = (Vec::new(), BTreeMap::new());
        for App { label, is_computed, files } in apps {
            if is_computed {
                uncertain.get_or_insert(format!("the label of the app {label} is computed"));
            }
            for path in files {
                let script = file::read(&path, FileKind::Source)
                    .map_err(|error| Error::History(file::unreadable(path.display(), &error)))?;
                let script = String::from_utf8(script).unwrap_or_else(|error| {
                    uncertain.get_or_insert(format!("{} is not UTF-8", path.display()));
                    String::from_utf8_lossy(error.as_bytes()).into_owned()
                });
                let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                let name = format!("{label}.{stem}");
                match attribute(&script, "replaces").unwrap_or(PythonValue::None).texts() {
                    Some(pairs) => {
                        let replaced: Vec<String> = pairs.chunks(2).map(|pair| pair.join(".")).collect();
                        implies.extend((!replaced.is_empty()).then(|| (name.clone(), replaced)));
                    }
                    None => {
                        uncertain.get_or_insert(format!("{} computes what it replaces", path.display()));
                    }
                }
                let script = Script::new(script, dialect);
                migrations.push(Migration {
                    name,
                    path,
                    script,
                    checksum: String::new(),
                    unreadable: None,
                    no_transaction: false,
                });
            }
        }
        let partial = uncertain.map(Partial::nothing_certain).or(unknown.map(Partial::lower_bound));
        let lineage = Lineage { implies, partial, ..Lineage::default() };
        Ok(Resolved { migrations, lineage, ..Resolved::default() })
    }

    fn missed<'a>(&self, known: &'a [Migration]) -> Box<dyn Fn(&str) -> bool + 'a> {
        fn app(name: &str) -> &str {
            name.split('.').next().unwrap_or_default()
        }
        let mut last: HashMap<&str, &str> = HashMap::new();
        for Migration { name, .. } in known {
            let last = last.entry(app(name)).or_insert(name);
            *last = (*last).max(name);
        }
        Box::new(move |name| last.get(app(name)).is_some_and(|last| name > *last))
    }

    fn obstacle(&self, missing: &[&str], pending: &[&str], lineage: &Lineage) -> Option<String> {
        (!missing.is_empty() && !pending.is_empty() && lineage.partial.is_none()).then(|| {
            format!(
                "project and database have diverged\n  applied, but without a file: {}\n  with a file, but not applied: {}\n\
                 next: bring both branches together where you develop: python manage.py makemigrations --merge",
                missing.join(", "),
                pending.join(", ")
            )
        })
    }
}

impl Ledger for Django {
    fn table(&self) -> &'static str {
        "django_migrations"
    }

    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        let time = dialect.time_as_text("applied");
        format!("SELECT app, name, {time} FROM {} ORDER BY id", dialect.table(table))
    }

    /// A migration that replaces others stands for them, and they for it. Django leaves the rows of squashed migrations in
    /// the table; that their files are gone is no error.
    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record> {
        let record = |name: &str, at: Option<String>| Record {
            name: name.to_owned(),
            finished_at: Some(at.map(rfc3339).unwrap_or_default()),
            ..Record::default()
        };
        let mut records: BTreeMap<String, Record> = BTreeMap::new();
        for row in rows {
            let mut values = row.into_iter();
            if let (Some(Some(app)), Some(Some(name)), Some(at)) = (values.next(), values.next(), values.next()) {
                let name = format!("{app}.{name}");
                let record = record(&name, at);
                records.insert(name, record);
            }
        }
        for (squash, replaced) in &lineage.implies {
            if replaced.iter().all(|name| records.contains_key(name)) {
                records.entry(squash.clone()).or_insert_with(|| record(squash, None));
            }
            if records.contains_key(squash) {
                for name in replaced {
                    records.entry(name.clone()).or_insert_with(|| record(name, None));
                }
            }
        }
        records.into_values().collect()
    }
}

/// `A_APPS + B_APPS`: each part is a list that is read by its own.
fn is_sum(written: &str) -> bool {
    let is_list = |part: &str| part.ends_with("APPS") && part.chars().all(|c| c.is_alphanumeric() || c == '_');
    written.split('#').next().is_some_and(|sum| sum.split('+').all(|part| is_list(part.trim())))
}

/// The list that a settings module ends with; or the name whose value is computed. What other files bring in, and what
/// is done under a condition, counts as computed.
fn installed_in(text: &str) -> Result<Vec<String>, String> {
    let is_list = |name: &str| name.ends_with("APPS");
    let of_others = ["MIGRATION_MODULES", "globals", "locals", "vars", "exec", "include"];
    if let Some(word) = of_others.iter().find(|word| mentions(text, word) > 0) {
        return Err((*word).to_owned());
    }
    if imports_all(text) {
        return Err("INSTALLED_APPS (import *)".to_owned());
    }
    let mut lists: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut expected: BTreeMap<&str, usize> = BTreeMap::new();
    for it in assignments(text, is_list).into_iter().filter(|it| it.scope != AssignmentScope::Local) {
        let computed = || Err(it.name.to_owned());
        *expected.entry(it.name).or_default() += 1;
        let names = it.written.split('#').next().unwrap_or_default().split('+').map(str::trim);
        let value = match it.value {
            _ if it.scope != AssignmentScope::Module => return computed(),
            PythonValue::Texts(texts) => texts,
            PythonValue::Computed if is_sum(it.written) => {
                let mut sum = Vec::new();
                for name in names {
                    *expected.entry(name).or_default() += 1;
                    sum.extend(lists.get(name).ok_or_else(|| it.name.to_owned())?.iter().cloned());
                }
                sum
            }
            PythonValue::Computed | PythonValue::None => return computed(),
        };
        match (it.adds, lists.get_mut(it.name)) {
            (false, _) => drop(lists.insert(it.name, value)),
            (true, Some(list)) => list.extend(value),
            (true, None) => return computed(),
        }
    }
    // Any other use of a list may change it.
    match expected.iter().find(|(name, count)| mentions(text, name) != **count) {
        Some((name, _)) => Err((*name).to_owned()),
        None if !lists.contains_key("INSTALLED_APPS") => Err("INSTALLED_APPS".to_owned()),
        None => Ok(lists.remove("INSTALLED_APPS").unwrap_or_default()),
    }
}

/// The file of a module: itself, or what its package does at first.
fn settings_file(root: &Path, module: &str) -> Option<PathBuf> {
    let path = root.join(module.replace('.', "/"));
    [path.join("__init__.py"), path.with_extension("py")].into_iter().find(|file| file.is_file())
}

/// Folders with a package `migrations` in them.
fn find_apps(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    let is_environment = folder.join("pyvenv.cfg").exists();
    if depth == 0 || is_environment {
        return;
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if !is_folder || name.starts_with('.') || WITHOUT_APPS.contains(&name.as_ref()) {
            continue;
        }
        match name == "migrations" && path.join("__init__.py").exists() {
            true => found.push(folder.to_owned()),
            false => find_apps(&path, depth - 1, found),
        }
    }
}

/// The packages of the Python that `python` on the path is: beside its folder, if it is in a place of its own (a virtual
/// environment, /usr/local). Those of a shim are unknown.
fn packages(root: &Path, environment: &Environment) -> Vec<PathBuf> {
    let named = environment.get("VIRTUAL_ENV").map(PathBuf::from);
    let beside = Some(root.join(".venv")).filter(|folder| folder.join("pyvenv.cfg").exists());
    let on_path = || {
        let path = environment.get("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = std::env::split_paths(path).collect();
        let first =
            folders.into_iter().find(|folder| ["python", "python3"].iter().any(|it| folder.join(it).exists()))?;
        first.parent().map(Path::to_owned)
    };
    let Some(prefix) = named.or_else(on_path).or(beside) else { return Vec::new() };
    let versions = std::fs::read_dir(prefix.join("lib")).into_iter().flatten().flatten();
    let pythons = versions.filter(|entry| entry.file_name().to_string_lossy().starts_with("python3"));
    let places = pythons.flat_map(|entry| ["site-packages", "dist-packages"].map(|name| entry.path().join(name)));
    let mut places: Vec<PathBuf> = places.filter(|place| place.is_dir()).collect();
    places.sort();
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_squashed_is_applied_with_what_replaces_it() {
        let django = Django { root: PathBuf::new(), settings: None, packages: Vec::new() };
        let replaced = vec!["a.0001".to_owned(), "a.0002".to_owned()];
        let lineage = Lineage { implies: [("a.0003_squash".to_owned(), replaced)].into(), ..Lineage::default() };
        let applied = |rows: &[&str]| {
            let row = |row: &&str| row.split('.').map(|part| Some(part.to_owned())).chain([None]).collect();
            let rows: Vec<Row> = rows.iter().map(row).collect();
            django.records(rows, &lineage).into_iter().map(|record| record.name).collect::<Vec<_>>()
        };
        assert_eq!(applied(&["a.0003_squash"]), ["a.0001", "a.0002", "a.0003_squash"]);
        assert_eq!(applied(&["a.0001", "a.0002"]), ["a.0001", "a.0002", "a.0003_squash"]);
        assert_eq!(applied(&["a.0001"]), ["a.0001"]);
    }

    #[test]
    fn a_sum_of_lists_is_told_from_anything_else() {
        assert!(is_sum(" DJANGO_APPS + LOCAL_APPS  # all"));
        assert!(is_sum("APPS"));
        for other in ["DJANGO_APPS + list()", "env('APPS_')", "['a'] + APPS", "[", ""] {
            assert!(!is_sum(other), "{other}");
        }
    }

    #[test]
    fn the_installed_apps_are_certain_only_where_one_file_says_all() {
        let list = |text: &str| installed_in(text).map(|apps| apps.join(" "));
        for (text, apps) in [
            ("INSTALLED_APPS = ['a', 'b']\n", "a b"),
            (
                "X_APPS = ['a']\nY_APPS = ['b']\nINSTALLED_APPS = X_APPS + Y_APPS  # all\nINSTALLED_APPS += ['c']\n",
                "a b c",
            ),
            ("X_APPS = ['a']\nINSTALLED_APPS = ['b']\nINSTALLED_APPS += X_APPS\n", "b a"),
            ("\"\"\"INSTALLED_APPS += ['no']\"\"\"\nINSTALLED_APPS: list[str] = ['a']\n", "a"),
        ] {
            assert_eq!(list(text), Ok(apps.to_owned()), "{text}");
        }
        for text in [
            "INSTALLED_APPS += ['a']\n",
            "from .base import *\nINSTALLED_APPS = ['a']\n",
            "from .base import INSTALLED_APPS\n",
            "INSTALLED_APPS = ['a']\nif DEBUG:\n    INSTALLED_APPS += ['b']\n",
            "INSTALLED_APPS = ['a']\nif DEBUG: INSTALLED_APPS += ['b']\n",
            "INSTALLED_APPS = ['a']\nINSTALLED_APPS.append('b')\n",
            "INSTALLED_APPS = ['a']\nINSTALLED_APPS[0:0] = ['b']\n",
            "INSTALLED_APPS = X_APPS + ['a']\n",
            "INSTALLED_APPS = X_APPS\n",
            "INSTALLED_APPS = ['a']\nMIGRATION_MODULES = {'a': 'b'}\n",
            "X = 1\n",
        ] {
            assert!(list(text).is_err(), "{text}");
        }
    }
}
