//! Alembic: `versions/*.py`, a graph of revisions, and the table `alembic_version` with the revisions that the database is
//! at. Alembic applies them itself. This module reads, without Python, whether anything is pending, and what Alembic would
//! fail at.

pub(crate) mod configuration;
pub(crate) mod graph;
pub(crate) mod inquiry;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{self, FileKind};
use crate::config::MigrationFormat;
use crate::formats::alembic::configuration::{
    Aim, Keys, PYPROJECT, aim, context, elsewhere, mentions_alembic, resource,
};
use crate::formats::alembic::graph::{Revision, closure, in_order};
use crate::formats::alembic::inquiry::AlembicInquiry;
use crate::formats::migration::{Migration, Record};
use crate::formats::python::{PythonValue, assigned};
use crate::formats::tool::{Tool, ToolCommand};
use crate::formats::{Detection, Format, FormatEntry, Layout, Ledger, Lineage, Partial, Resolved, Surroundings};
use crate::sql::script::Script;
use crate::sql::{Dialect, Row, TableName};

/// How it is found. Flask-Migrate has the file in the folder of the migrations; since Alembic 1.16 pyproject.toml may have
/// it all.
pub(crate) const ENTRY: FormatEntry = FormatEntry {
    name: MigrationFormat::Alembic,
    detection: Detection::File {
        places: &["alembic.ini", "migrations/alembic.ini", "pyproject.toml"],
        named: |surroundings| surroundings.environment.get("ALEMBIC_CONFIG").map(PathBuf::from),
        owns: |file| file.file_name().is_none_or(|name| name != PYPROJECT) || mentions_alembic(file),
        programs: &["alembic", "flask"],
        open,
    },
};

static TOOL: Tool = Tool {
    name: "alembic",
    authoring: "alembic revision --autogenerate -m SLUG",
    writes_from_schema: false,
    by_hand: "alembic stamp REVISION",
    command: Some(ToolCommand {
        programs: &["alembic"],
        beside: ".venv/bin/alembic",
        arguments: &["upgrade", "heads"],
        inquiry: Some(&AlembicInquiry),
    }),
};

/// Alembic with Flask-Migrate around it.
static FLASK: Tool = Tool {
    name: TOOL.name,
    authoring: TOOL.authoring,
    writes_from_schema: false,
    by_hand: TOOL.by_hand,
    command: Some(ToolCommand {
        programs: &["flask"],
        beside: ".venv/bin/flask",
        arguments: &["db", "upgrade"],
        inquiry: Some(&AlembicInquiry),
    }),
};

fn open(ini: &Path, surroundings: &Surroundings<'_>) -> Result<Format, Error> {
    // Read once in a start, and needed to its end.
    let alembic: &'static Alembic = Box::leak(Box::new(Alembic::of(ini, surroundings)?));
    let tool = if ini.starts_with("migrations") { &FLASK } else { &TOOL };
    Ok(Format { layout: alembic, ledger: alembic, writer: None, tool })
}

/// A project's configuration, as far as it concerns the history.
#[derive(Debug)]
pub(crate) struct Alembic {
    /// Where the revisions are.
    versions: Vec<PathBuf>,
    /// And in the folders within.
    is_recursive: bool,
    table: String,
    schema: Option<String>,
    /// The part of the configuration that only Python can evaluate.
    computed: Option<String>,
    aim: Aim,
}

impl Alembic {
    /// Reads alembic.ini and pyproject.toml, and of env.py the name of the table. The folder of a setting takes precedence. Where
    /// another source than these files decides, no folder is read.
    ///
    /// # Errors
    /// [`Error::Settings`] where the revisions cannot be found.
    pub(crate) fn of(ini: &Path, surroundings: &Surroundings<'_>) -> Result<Self, Error> {
        let Surroundings { folder: named, command, .. } = *surroundings;
        let keys = Keys::read(ini)?;
        let script_location = keys.text("script_location");
        let location = match (named, &script_location) {
            (Some(named), _) => named.to_owned(),
            (None, Some(location)) => resource(location),
            // Flask-Migrate has the file in the folder itself.
            (None, None) => ini.parent().map(Path::to_owned).unwrap_or_default(),
        };
        let places = keys.places("version_locations");
        let versions: Vec<PathBuf> = match &places {
            Some(places) => places.iter().map(resource).collect(),
            None => vec![location.join("versions")],
        };
        let gone = versions.iter().find(|folder| !folder.is_dir());
        let is_of_a_package = |place: &String| place.contains([':', '%']);
        let elsewhere = command.and_then(|command| elsewhere(command, ini)).or_else(|| match gone {
            Some(gone) if places.is_some() || script_location.as_ref().is_some_and(is_of_a_package) => {
                Some(format!("{} is not a folder here", gone.display()))
            }
            _ => None,
        });
        if let (Some(gone), None) = (gone, &elsewhere) {
            return Err(Error::Settings(format!(
                "{} leads to {}, where no revisions are\n\
                 next: check script_location, and that the image contains it; or name the folder that has env.py and \
                 versions: --migration-format alembic --migrations FOLDER",
                ini.display(),
                gone.display()
            )));
        }
        let env = location.join("env.py");
        let (schema, table, computed) = context(&env);
        let sourceless = keys.is_set("sourceless").then(|| format!("{} has sourceless = true", ini.display()));
        Ok(Self {
            versions: if elsewhere.is_some() { Vec::new() } else { versions },
            is_recursive: keys.is_set("recursive_version_locations"),
            table: table.or_else(|| keys.text("version_table")).unwrap_or_else(|| "alembic_version".to_owned()),
            schema,
            computed: elsewhere.or(computed).or(sourceless),
            aim: command.map_or(Aim::Branches, aim),
        })
    }

    fn folder(&self) -> String {
        self.versions.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
    }

    /// Every revision in the folders; and the files that only Python can read.
    fn revisions(&self) -> Result<(Vec<Revision>, Vec<PathBuf>), Error> {
        let (mut revisions, mut computed) = (Vec::new(), Vec::new());
        let files = self.versions.iter().map(|folder| files(folder, self.is_recursive));
        for path in files.collect::<Result<Vec<_>, _>>()?.concat() {
            let text = file::read(&path, FileKind::Source)
                .map_err(|error| Error::History(file::unreadable(path.display(), &error)))?;
            let Ok(text) = String::from_utf8(text) else {
                computed.push(path);
                continue;
            };
            let texts = |name: &str| assigned(&text, name).map_or(Some(Vec::new()), PythonValue::texts);
            let Some(id) = assigned(&text, "revision") else { continue };
            let read = (id.texts(), texts("down_revision"), texts("branch_labels"), texts("depends_on"));
            match read {
                (Some(id), Some(down), Some(labels), Some(depends)) if id.len() == 1 => {
                    let id = id.concat();
                    revisions.push(Revision { id, path, text, down, labels, depends });
                }
                _ => computed.push(path),
            }
        }
        Ok((revisions, computed))
    }

    fn two_heads(&self, heads: &[&Revision], all: &BTreeMap<&str, &Revision>) -> Option<String> {
        let has_label = |head: &&Revision| {
            closure(&head.id, |id| all.get(id).map(|it| it.down.as_slice()).unwrap_or_default())
                .iter()
                .any(|id| all.get(id.as_str()).is_some_and(|revision| !revision.labels.is_empty()))
        };
        let allowed = match self.aim {
            Aim::Head => false,
            Aim::Branches => heads.iter().all(has_label),
            Aim::Heads | Aim::Other(_) => true,
        };
        if heads.len() < 2 || allowed {
            return None;
        }
        let parents = |id: &str| all.get(id).map(|it| it.down.as_slice()).unwrap_or_default();
        let ancestors: Vec<BTreeSet<String>> = heads.iter().map(|head| closure(&head.id, parents)).collect();
        let shared = ancestors.iter().skip(1).fold(ancestors[0].clone(), |shared, more| &shared & more);
        // Where they part: the shared ancestor that no other shared one follows.
        let followed: BTreeSet<&String> = shared.iter().flat_map(|other| parents(other)).collect();
        let is_last = |id: &&String| !followed.contains(id);
        let fork = shared
            .iter()
            .find(is_last)
            .map_or_else(|| "they have no revision in common".to_owned(), |id| format!("they part after {id}"));
        let list: Vec<String> = heads.iter().map(|head| format!("\n  {}  {}", head.id, head.path.display())).collect();
        Some(format!(
            "the revisions in {} have {} heads, so the last one is ambiguous: {fork}{}\n\
             next: join them where you develop: alembic merge heads -m \"merge\"\n      \
             or, if each is a branch of its own, apply all: --migrate-command 'alembic upgrade heads'",
            self.folder(),
            heads.len(),
            list.concat()
        ))
    }
}

impl Layout for Alembic {
    fn read(&self, _folder: &Path, dialect: Dialect) -> Result<Resolved, Error> {
        let (revisions, computed) = self.revisions()?;
        let is_certain = computed.is_empty() && self.computed.is_none();
        let mut all: BTreeMap<&str, &Revision> = BTreeMap::new();
        for revision in &revisions {
            if let Some(other) = all.insert(&revision.id, revision) {
                return Err(Error::History(format!(
                    "two files have the revision {}: {} and {}\n\
                     next: give one of them another id (alembic revision makes one), and what follows it, too",
                    revision.id,
                    other.path.display(),
                    revision.path.display()
                )));
            }
        }
        let labelled = |name: &str| {
            let of_label = revisions.iter().filter(|revision| revision.labels.iter().any(|label| label == name));
            of_label.map(|revision| revision.id.clone()).collect::<Vec<_>>()
        };
        let mut implies = BTreeMap::new();
        for revision in &revisions {
            let depends = revision.depends.iter().flat_map(|name| match all.contains_key(name.as_str()) {
                true => vec![name.clone()],
                false => labelled(name),
            });
            if let (Some(gone), true) = (revision.down.iter().find(|id| !all.contains_key(id.as_str())), is_certain) {
                return Err(Error::History(format!(
                    "{} follows the revision {gone}, which no file in {} has\n\
                     next: bring its file into the image (is it in version control?), or correct down_revision",
                    revision.path.display(),
                    self.folder()
                )));
            }
            implies.insert(revision.id.clone(), revision.down.iter().cloned().chain(depends).collect::<Vec<_>>());
        }
        let order = in_order(&revisions, &implies).map_err(|id| {
            Error::History(format!("the revision {id} follows itself\nnext: correct the down_revision of its file"))
        })?;
        let followed: BTreeSet<&String> = revisions.iter().flat_map(|revision| &revision.down).collect();
        let heads: Vec<&Revision> = revisions.iter().filter(|revision| !followed.contains(&revision.id)).collect();
        let aimed = match &self.aim {
            Aim::Other(aim) => Some(format!("the command aims at {aim}")),
            _ => None,
        };
        let elsewhere = self.computed.clone().or(aimed).map(Partial::nothing_certain);
        let computed = computed.first().map(|path| format!("{} computes its revision", path.display()));
        let partial = elsewhere.or(computed.map(Partial::lower_bound));
        let broken = self.two_heads(&heads, &all);
        Ok(Resolved {
            migrations: order.into_iter().map(|revision| migration(revision, dialect)).collect(),
            lineage: Lineage { implies, broken, partial, ..Lineage::default() },
            ..Resolved::default()
        })
    }

    /// A row stands for its ancestors, too. If its own file cannot be read, they are unknown.
    fn is_lower_bound(&self, missing: usize, lineage: &Lineage) -> bool {
        lineage.partial.as_ref().is_none_or(|partial| partial.is_lower_bound && missing == 0)
    }

    fn obstacle(&self, missing: &[&str], pending: &[&str], lineage: &Lineage) -> Option<String> {
        // Only Alembic can tell, and reports it itself.
        if lineage.partial.is_some() {
            return None;
        }
        if missing.is_empty() {
            return lineage.broken.clone().filter(|_| !pending.is_empty());
        }
        Some(format!(
            "the database is at the revision {}, which no file in {} has\n\
             the image is older than the database, or was built from another branch\n\
             next: start the image that has this revision (it can take it back, too: alembic downgrade REVISION);\n      \
             to run this one beside it, leave migrations alone: --migrate off",
            missing.join(", "),
            self.folder()
        ))
    }
}

impl Ledger for Alembic {
    fn table(&self) -> &str {
        &self.table
    }

    fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    fn select(&self, dialect: Dialect, table: &TableName) -> String {
        format!("SELECT version_num FROM {} ORDER BY 1", dialect.table(table))
    }

    /// A row stands for its revision and all before it. The table has no times.
    fn records(&self, rows: Vec<Row>, lineage: &Lineage) -> Vec<Record> {
        let stands_for = |id: &str| lineage.implies.get(id).map(Vec::as_slice).unwrap_or_default();
        let versions = rows.into_iter().filter_map(|row| row.into_iter().next()?);
        let applied: BTreeSet<String> = versions.flat_map(|version| closure(&version, stands_for)).collect();
        applied.into_iter().map(|name| Record { name, finished_at: Some(String::new()), ..Record::default() }).collect()
    }
}

fn migration(revision: &Revision, dialect: Dialect) -> Migration {
    Migration {
        name: revision.id.clone(),
        path: revision.path.clone(),
        script: Script::new(revision.text.clone(), dialect),
        checksum: String::new(),
        unreadable: None,
        no_transaction: false,
    }
}

/// The files that Alembic takes for revisions.
fn files(folder: &Path, is_recursive: bool) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |error: std::io::Error| Error::Settings(file::unreadable(folder.display(), &error));
    let entries = std::fs::read_dir(folder).map_err(unreadable)?.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    let mut found = Vec::new();
    for path in entries.into_iter().map(|entry| entry.path()) {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let is_revision = name.ends_with(".py") && !name.starts_with("__init__") && !name.starts_with(".#");
        if is_revision && path.is_file() {
            found.push(path);
        } else if is_recursive && name != "__pycache__" && path.is_dir() && !path.is_symlink() {
            found.extend(files(&path, is_recursive)?);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::environment::Environment;
    use crate::config::words::Words;

    fn words(text: &str) -> Words {
        text.parse().unwrap()
    }

    fn project(files: &[(&str, &str)], command: &str) -> (tempfile::TempDir, Alembic) {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let aim = aim(&words(command));
        let versions = vec![directory.path().to_owned()];
        let alembic = Alembic {
            versions,
            is_recursive: false,
            table: "alembic_version".to_owned(),
            schema: None,
            computed: None,
            aim,
        };
        (directory, alembic)
    }

    fn resolve(files: &[(&str, &str)], command: &str) -> Result<Resolved, String> {
        let (directory, alembic) = project(files, command);
        alembic.read(directory.path(), Dialect::Postgres).map_err(|error| error.to_string())
    }

    const A: (&str, &str) = ("a.py", "revision = 'a'\ndown_revision = None\n");
    const B: (&str, &str) = ("b.py", "revision = 'b'\ndown_revision = 'a'\n");
    const C: (&str, &str) = ("c.py", "revision = 'c'\ndown_revision = 'a'\n");

    #[test]
    fn a_chain_of_any_length_is_ordered_with_one_look_at_each_revision() {
        let names: Vec<String> = (0..20_000).map(|number| format!("r{number}")).collect();
        // Each follows the one behind it in the list, so that every level has one name.
        let follows: BTreeMap<&str, Vec<String>> =
            names.iter().zip(names.iter().skip(1)).map(|(name, next)| (name.as_str(), vec![next.clone()])).collect();
        let list: Vec<&str> = names.iter().map(String::as_str).collect();
        let looks = std::cell::Cell::new(0);
        let before = |name: &str| {
            looks.set(looks.get() + 1);
            follows.get(name).map(Vec::as_slice).unwrap_or_default()
        };
        let order = graph::by_levels(&list, before).unwrap();
        assert_eq!((order[0], order[19_999], looks.get()), (19_999, 0, 20_000));
        let knot = |name: &str| if name == "b" { [vec!["b".to_owned()]].concat().leak() } else { &[][..] };
        assert_eq!(graph::by_levels(&["a", "b"], knot), Err(1));
    }

    #[test]
    fn a_row_stands_for_all_that_comes_before_it() {
        let merge = ("m.py", "revision = 'm'\ndown_revision = ('b', 'c')\n");
        let side = ("s.py", "revision = 's'\ndown_revision = None\nbranch_labels = ('side',)\ndepends_on = 'b'\n");
        let (directory, alembic) = project(&[side, merge, C, B, A], "alembic upgrade heads");
        let resolved = alembic.read(directory.path(), Dialect::Postgres).unwrap();
        let names: Vec<&str> = resolved.migrations.iter().map(|migration| migration.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "m", "s"]);
        let applied = |rows: &[&str]| {
            let rows: Vec<Row> = rows.iter().map(|row| vec![Some((*row).to_owned())]).collect();
            alembic.records(rows, &resolved.lineage).into_iter().map(|record| record.name).collect::<Vec<_>>()
        };
        assert_eq!(applied(&["m"]), ["a", "b", "c", "m"]);
        assert_eq!(applied(&["s"]), ["a", "b", "s"]);
        assert_eq!(applied(&["c", "x"]), ["a", "c", "x"]);
        assert!(applied(&[]).is_empty());
    }

    #[test]
    fn several_heads_are_explained_unless_they_are_wanted() {
        let broken = |files: &[(&str, &str)], command: &str| resolve(files, command).unwrap().lineage.broken;
        let text = broken(&[A, B, C], "alembic upgrade head").unwrap();
        assert!(text.contains("have 2 heads") && text.contains("they part after a"), "{text}");
        assert!(text.contains("alembic merge heads"), "{text}");
        assert_eq!(broken(&[A, B, C], "alembic upgrade heads"), None);
        assert_eq!(broken(&[A, B], "alembic upgrade head"), None);
    }

    #[test]
    fn what_alembic_would_stumble_over_is_told_before_it_starts() {
        let twin = ("z.py", "revision = 'b'\ndown_revision = 'a'\n");
        assert!(resolve(&[A, B, twin], "x").unwrap_err().contains("two files have the revision b"));
        let orphan = ("o.py", "revision = 'o'\ndown_revision = 'gone'\n");
        assert!(resolve(&[A, orphan], "x").unwrap_err().contains("follows the revision gone, which no file"));
        let circle = ("a.py", "revision = 'a'\ndown_revision = 'b'\n");
        assert!(resolve(&[circle, B], "x").unwrap_err().contains("follows itself"));
        // What cannot be read is no error: Alembic has to be asked, and may well know a revision that no file has.
        let computed = ("k.py", "revision = make()\ndown_revision = 'b'\n");
        assert!(resolve(&[A, B, computed], "x").unwrap().lineage.partial.unwrap().why.contains("k.py computes"));
        let tuple = ("t.py", "revision, down_revision = 'c', 'b'\n");
        let lineage = resolve(&[A, B, C, tuple], "alembic upgrade head").unwrap().lineage;
        assert!(lineage.partial.as_ref().unwrap().why.contains("t.py computes") && lineage.broken.is_some());
        let (_directory, alembic) = project(&[A], "x");
        assert_eq!(alembic.obstacle(&["k"], &["a"], &lineage), None);
        assert!(resolve(&[A, ("n.py", "x = 1")], "x").unwrap().lineage.partial.is_none());
    }

    #[test]
    fn what_something_else_decides_is_asked_and_folders_within_are_read() {
        let of = |ini: &str, files: &[(&str, &[u8])], command: Option<&str>| {
            let directory = tempfile::tempdir().unwrap();
            let path = |name: &str| directory.path().join(name);
            std::fs::create_dir_all(path("db/versions/2024")).unwrap();
            std::fs::write(path("alembic.ini"), ini).unwrap();
            std::fs::write(path("db/versions/2024/a.py"), A.1).unwrap();
            files.iter().for_each(|(name, text)| std::fs::write(path(name), text).unwrap());
            let command = command.map(words);
            let environment = Environment::default();
            let surroundings = Surroundings {
                folder: None,
                command: command.as_ref(),
                history_table: None,
                is_named: false,
                environment: &environment,
            };
            let alembic = Alembic::of(&path("alembic.ini"), &surroundings).map_err(|error| error.to_string())?;
            let resolved = alembic.read(directory.path(), Dialect::Postgres).map_err(|error| error.to_string())?;
            Ok::<_, String>((resolved.migrations.len(), resolved.lineage.partial.is_some()))
        };
        const INI: &str = "[alembic]\nscript_location = %(here)s/db\n";
        const DEEP: &str = "[alembic]\nscript_location = %(here)s/db\nrecursive_version_locations = true\n";
        assert_eq!(of(INI, &[], None), Ok((0, false)));
        assert_eq!(of(DEEP, &[], None), Ok((1, false)));
        assert_eq!(of(DEEP, &[], Some("alembic -c other.ini upgrade head")), Ok((0, true)));
        assert!(of("[alembic]\n", &[], None).is_err());
        let toml: &[(&str, &[u8])] = &[("pyproject.toml", b"[tool.alembic]\nscript_location = '%(here)s/db'\n")];
        assert_eq!(of("[alembic]\n", toml, None), Ok((0, false)));
        let deep = b"[tool.alembic]\nscript_location = '%(here)s/gone'\nrecursive_version_locations = true\n\
                     version_locations = ['%(here)s/db']\n";
        assert_eq!(of("[alembic]\n", &[("pyproject.toml", deep)], None), Ok((1, false)));
        // alembic.ini takes precedence, key by key.
        let ini = "[alembic]\nrecursive_version_locations = false\n";
        assert_eq!(of(ini, &[("pyproject.toml", deep)], None), Ok((0, false)));
        assert!(of("[alembic]\n", &[("pyproject.toml", b"[tool.alembic\n")], None).is_err());
        assert_eq!(of("[alembic]\nscript_location = package:db\n", &[], None), Ok((0, true)));
        assert_eq!(of(DEEP, &[("db/env.py", b"context.configure(connection=c)\n")], None), Ok((1, false)));
        assert_eq!(of(DEEP, &[("db/env.py", b"context.configure(connection=c, **opts)\n")], None), Ok((1, true)));
        assert_eq!(of(DEEP, &[("db/env.py", b"from shared import run\nrun()\n")], None), Ok((1, true)));
        let latin: &[(&str, &[u8])] = &[("db/versions/b.py", b"# -*- coding: latin-1 -*-\n# \xe9\nrevision = 'b'\n")];
        assert_eq!(of(DEEP, latin, None), Ok((1, true)));
    }
}
