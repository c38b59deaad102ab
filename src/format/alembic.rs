//! Alembic: `versions/*.py`, a graph of revisions, and the table `alembic_version`, which holds where the database
//! stands in it. Alembic applies them itself; here is read, without Python, whether it has anything to do, and what it
//! would stumble over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::python::{Value, argument, assigned};
use super::{Format, Lineage, Resolved};
use crate::engine::{Dialect, Row};
use crate::error::Error;
use crate::migration::{Migration, Record};
use crate::settings::{TableName, Words};

/// A project's configuration, as far as it concerns the history.
#[derive(Debug)]
pub(super) struct Alembic {
    /// Where the revisions are.
    versions: Vec<PathBuf>,
    table: String,
    schema: Option<String>,
    /// What of the configuration only Python can tell.
    computed: Option<String>,
    aim: Aim,
}

/// What the command is told to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Aim {
    /// The one head.
    Head,
    /// All heads, if each is that of a branch with a label: what doorstep does by itself.
    Branches,
    /// All heads.
    Heads,
    /// Something else.
    Other(String),
}

/// One revision, as its file has it.
#[derive(Debug, Clone, Default)]
struct Revision {
    id: String,
    path: PathBuf,
    text: String,
    down: Vec<String>,
    labels: Vec<String>,
    depends: Vec<String>,
}

impl Alembic {
    /// Reads alembic.ini, and of env.py the name of the table. The folder of a setting is stronger.
    ///
    /// # Errors
    /// [`Error::Settings`] where the revisions cannot be found.
    pub(super) fn of(ini: &Path, named: Option<&Path>, command: Option<&Words>) -> Result<Self, Error> {
        let text = std::fs::read_to_string(ini)
            .map_err(|error| Error::Settings(format!("cannot read {}: {error}", ini.display())))?;
        let here = ini.parent().map(Path::to_owned).unwrap_or_default();
        let keys = section(&text, "alembic", if here.as_os_str().is_empty() { Path::new(".") } else { &here });
        let location = match (named, keys.get("script_location")) {
            (Some(named), _) => named.to_owned(),
            (None, Some(location)) => resource(location),
            // Flask-Migrate has the file in the folder itself.
            (None, None) => here.clone(),
        };
        let versions: Vec<PathBuf> = match keys.get("version_locations") {
            Some(places) => {
                places.split([' ', ',', ':', ';', '\n']).filter(|it| !it.is_empty()).map(resource).collect()
            }
            None => vec![location.join("versions")],
        };
        if let Some(gone) = versions.iter().find(|folder| !folder.is_dir()) {
            return Err(Error::Settings(format!(
                "{} leads to {}, where no revisions are\n\
                 next: check script_location, and that the image contains it; or name the folder with --migrations",
                ini.display(),
                gone.display()
            )));
        }
        let env = std::fs::read_to_string(location.join("env.py")).unwrap_or_default();
        let literal = |name: &str| match argument(&env, name) {
            Some(Value::Texts(texts)) if texts.len() == 1 => (texts.into_iter().next(), None),
            Some(Value::None) | None => (None, None),
            Some(_) => (None, Some(format!("{} computes {name}", location.join("env.py").display()))),
        };
        let (table, computed_table) = literal("version_table");
        let (schema, computed_schema) = literal("version_table_schema");
        let table = table.or_else(|| keys.get("version_table").cloned());
        Ok(Self {
            versions,
            table: table.unwrap_or_else(|| "alembic_version".to_owned()),
            schema,
            computed: computed_table.or(computed_schema),
            aim: command.map_or(Aim::Branches, aim),
        })
    }

    fn folder(&self) -> String {
        self.versions.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
    }

    /// Every revision in the folders; and the files that only Python can read.
    fn revisions(&self) -> Result<(Vec<Revision>, Vec<PathBuf>), Error> {
        let (mut revisions, mut computed) = (Vec::new(), Vec::new());
        for path in self.versions.iter().map(|folder| files(folder)).collect::<Result<Vec<_>, _>>()?.concat() {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| Error::History(format!("cannot read {}: {error}", path.display())))?;
            let texts = |name: &str| assigned(&text, name).map_or(Some(Vec::new()), Value::texts);
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
        let is_last = |id: &&String| !shared.iter().any(|other| parents(other).contains(id));
        let fork = shared
            .iter()
            .find(is_last)
            .map_or_else(|| "they have no revision in common".to_owned(), |id| format!("they part after {id}"));
        let list: Vec<String> = heads.iter().map(|head| format!("\n  {}  {}", head.id, head.path.display())).collect();
        Some(format!(
            "the revisions in {} have {} heads, so that nobody can tell which is the last: {fork}{}\n\
             next: join them where you develop: alembic merge heads -m \"merge\"\n      \
             or, if each is a branch of its own, apply all: --migrate-command 'alembic upgrade heads'",
            self.folder(),
            heads.len(),
            list.concat()
        ))
    }
}

impl Format for Alembic {
    fn resolve(&self, _folder: &Path, _dialect: Dialect) -> Result<Resolved, Error> {
        let (revisions, computed) = self.revisions()?;
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
            if let (Some(gone), true) =
                (revision.down.iter().find(|id| !all.contains_key(id.as_str())), computed.is_empty())
            {
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
        let computed = computed.first().map(|path| format!("{} computes its revision", path.display()));
        let broken = self.two_heads(&heads, &all);
        Ok(Resolved {
            migrations: order.into_iter().map(migration).collect(),
            warnings: Vec::new(),
            lineage: Lineage { implies, broken, partial: computed.or(aimed).or_else(|| self.computed.clone()) },
        })
    }

    fn tool(&self) -> &'static str {
        "alembic"
    }

    fn authoring(&self, slug: &str) -> String {
        format!("alembic revision --autogenerate -m {slug}")
    }

    fn by_hand(&self) -> &'static str {
        "alembic stamp REVISION"
    }

    fn history_table(&self) -> &str {
        &self.table
    }

    fn history_schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    fn read_history(&self, dialect: Dialect, table: &TableName) -> String {
        format!("SELECT version_num FROM {} ORDER BY 1", dialect.table(table))
    }

    /// A row stands for its revision and all that comes before it. The table knows no times.
    fn records(&self, rows: &[Row], lineage: &Lineage) -> Vec<Record> {
        let stands_for = |id: &str| lineage.implies.get(id).map(Vec::as_slice).unwrap_or_default();
        let versions = rows.iter().filter_map(|row| row.first()?.clone());
        let applied: BTreeSet<String> = versions.flat_map(|version| closure(&version, stands_for)).collect();
        applied.into_iter().map(|name| Record { name, finished_at: Some(String::new()), ..Record::default() }).collect()
    }

    fn obstacle(&self, missing: &[&str], pending: &[&str], lineage: &Lineage) -> Option<String> {
        if missing.is_empty() || lineage.partial.is_some() {
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

fn migration(revision: &Revision) -> Migration {
    Migration {
        name: revision.id.clone(),
        path: revision.path.clone(),
        script: revision.text.clone(),
        checksum: String::new(),
        unreadable: None,
    }
}

/// A name, and all that it stands for.
fn closure<'a>(name: &str, stands_for: impl Fn(&str) -> &'a [String]) -> BTreeSet<String> {
    let (mut known, mut open) = (BTreeSet::new(), vec![name.to_owned()]);
    while let Some(name) = open.pop() {
        open.extend(stands_for(&name).iter().filter(|name| !known.contains(*name)).cloned());
        known.insert(name);
    }
    known
}

/// Each after those it follows, otherwise by file name; or the name of one that follows itself.
fn in_order<'a>(
    revisions: &'a [Revision],
    follows: &BTreeMap<String, Vec<String>>,
) -> Result<Vec<&'a Revision>, String> {
    let mut open: Vec<&Revision> = revisions.iter().collect();
    let mut order: Vec<&Revision> = Vec::new();
    while !open.is_empty() {
        let waits = |revision: &&Revision| {
            let before = follows.get(&revision.id).map(Vec::as_slice).unwrap_or_default();
            before.iter().any(|id| open.iter().any(|other| other.id == *id))
        };
        let (later, ready): (Vec<&Revision>, Vec<&Revision>) = open.iter().partition(|revision| waits(revision));
        if ready.is_empty() {
            return Err(later.first().map_or_else(String::new, |revision| revision.id.clone()));
        }
        order.extend(ready);
        open = later;
    }
    Ok(order)
}

/// What `alembic … upgrade TARGET` is told; `flask db upgrade` is told nothing, and goes to the head.
fn aim(command: &Words) -> Aim {
    let words = command.as_slice();
    let Some(at) = words.iter().position(|word| word == "upgrade") else { return Aim::Heads };
    match words[at + 1..].iter().find(|word| !word.starts_with('-')).map(String::as_str) {
        None | Some("head") => Aim::Head,
        Some("heads") => Aim::Heads,
        Some(other) => Aim::Other(other.to_owned()),
    }
}

/// The files that Alembic takes for revisions.
fn files(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |error: std::io::Error| Error::Settings(format!("cannot read {}: {error}", folder.display()));
    let entries = std::fs::read_dir(folder).map_err(unreadable)?.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    let is_revision = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.ends_with(".py") && !name.starts_with("__init__") && !name.starts_with(".#") && path.is_file()
    };
    let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).filter(is_revision).collect();
    files.sort();
    Ok(files)
}

/// The keys of one section of an .ini file, with `%(here)s` and the section's own keys filled in.
fn section(text: &str, wanted: &str, here: &Path) -> BTreeMap<String, String> {
    let mut keys: BTreeMap<String, String> = BTreeMap::new();
    let (mut current, mut last) = (String::new(), None);
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            (current, last) = (name.to_owned(), None);
        } else if current == wanted {
            match (line.starts_with([' ', '\t']), &last, trimmed.split_once(['=', ':'])) {
                (true, Some(key), _) => keys.entry(String::clone(key)).or_default().extend(["\n", trimmed]),
                (_, _, Some((key, value))) => {
                    keys.insert(key.trim().to_owned(), value.trim().to_owned());
                    last = Some(key.trim().to_owned());
                }
                _ => {}
            }
        }
    }
    let filled = |value: &String| {
        let value = value.replace("%(here)s", &here.display().to_string());
        keys.iter().fold(value, |value, (key, text)| value.replace(&format!("%({key})s"), text)).replace("%%", "%")
    };
    keys.iter().map(|(key, value)| (key.clone(), filled(value))).collect()
}

/// A folder, or `package:folder` of a package in the working directory.
fn resource(place: impl AsRef<str>) -> PathBuf {
    let place = place.as_ref();
    match place.split_once(':') {
        Some((package, folder)) => Path::new(&package.replace('.', "/")).join(folder),
        None => PathBuf::from(place.strip_prefix("./").unwrap_or(place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Words {
        text.parse().unwrap()
    }

    #[test]
    fn the_aim_of_a_command_is_found() {
        assert_eq!(aim(&words("poetry run alembic -c x.ini upgrade head")), Aim::Head);
        assert_eq!(aim(&words("alembic upgrade --tag x heads")), Aim::Other("x".to_owned()));
        assert_eq!(aim(&words("python -m alembic upgrade heads")), Aim::Heads);
        assert_eq!(aim(&words("flask db upgrade")), Aim::Head);
        assert_eq!(aim(&words("alembic upgrade +1")), Aim::Other("+1".to_owned()));
        assert_eq!(aim(&words("make migrate")), Aim::Heads);
    }

    #[test]
    fn an_ini_file_is_read_as_pythons_configparser_would() {
        let text = "[a]\nx = 1\n[alembic]\n# c\nscript_location = %(here)s/db\nversion_locations:\n  %(here)s/a\n  b\nz=%%\n[b]\nx=2\n";
        let keys = section(text, "alembic", Path::new("/p"));
        assert_eq!(keys["script_location"], "/p/db");
        assert_eq!(keys["version_locations"], "\n/p/a\nb");
        assert_eq!(keys["z"], "%");
        assert!(!keys.contains_key("x"));
        assert_eq!(resource("app.db:migrations"), PathBuf::from("app/db/migrations"));
    }

    fn project(files: &[(&str, &str)], command: &str) -> (tempfile::TempDir, Alembic) {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let aim = aim(&words(command));
        let versions = vec![directory.path().to_owned()];
        let alembic = Alembic { versions, table: "alembic_version".to_owned(), schema: None, computed: None, aim };
        (directory, alembic)
    }

    fn resolve(files: &[(&str, &str)], command: &str) -> Result<Resolved, String> {
        let (directory, alembic) = project(files, command);
        alembic.resolve(directory.path(), Dialect::Postgres).map_err(|error| error.to_string())
    }

    const A: (&str, &str) = ("a.py", "revision = 'a'\ndown_revision = None\n");
    const B: (&str, &str) = ("b.py", "revision = 'b'\ndown_revision = 'a'\n");
    const C: (&str, &str) = ("c.py", "revision = 'c'\ndown_revision = 'a'\n");

    #[test]
    fn a_row_stands_for_all_that_comes_before_it() {
        let merge = ("m.py", "revision = 'm'\ndown_revision = ('b', 'c')\n");
        let side = ("s.py", "revision = 's'\ndown_revision = None\nbranch_labels = ('side',)\ndepends_on = 'b'\n");
        let (directory, alembic) = project(&[side, merge, C, B, A], "alembic upgrade heads");
        let resolved = alembic.resolve(directory.path(), Dialect::Postgres).unwrap();
        let names: Vec<&str> = resolved.migrations.iter().map(|migration| migration.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c", "m", "s"]);
        let applied = |rows: &[&str]| {
            let rows: Vec<Row> = rows.iter().map(|row| vec![Some((*row).to_owned())]).collect();
            alembic.records(&rows, &resolved.lineage).into_iter().map(|record| record.name).collect::<Vec<_>>()
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
        // What cannot be read is no error: Alembic has to be asked.
        let computed = ("k.py", "revision = make()\ndown_revision = 'b'\n");
        assert!(resolve(&[A, B, computed], "x").unwrap().lineage.partial.unwrap().contains("k.py computes"));
        assert!(resolve(&[A, ("n.py", "x = 1")], "x").unwrap().lineage.partial.is_none());
    }
}
