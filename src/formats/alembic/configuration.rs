//! Reads where Alembic's revisions are and in which table it records them, from the command, alembic.ini, pyproject.toml and
//! env.py. If
//! anything else can decide that, its name is returned, and Alembic is started to find out.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{self, FileKind};
use crate::config::words::Words;
use crate::formats::python::{PythonValue, argument, code};

/// The target of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Aim {
    /// The one head.
    Head,
    /// All heads, if each is that of a branch with a label: what doorstep does by itself.
    Branches,
    /// All heads.
    Heads,
    /// Another target.
    Other(String),
}

/// The TARGET of `alembic … upgrade TARGET`; `flask db upgrade` without one goes to the head.
pub(crate) fn aim(command: &Words) -> Aim {
    let words = command.as_slice();
    let Some(at) = words.iter().position(|word| word == "upgrade") else { return Aim::Heads };
    match words[at + 1..].iter().find(|word| !word.starts_with('-')).map(String::as_str) {
        None | Some("head") => Aim::Head,
        Some("heads") => Aim::Heads,
        Some(other) => Aim::Other(other.to_owned()),
    }
}

/// The word of the command that makes Alembic read more than this alembic.ini: another file, another section, another
/// folder, arguments for env.py.
pub(crate) fn elsewhere(command: &Words, ini: &Path) -> Option<String> {
    let words: Vec<&str> = command.as_slice().iter().flat_map(|word| word.split_whitespace()).collect();
    let is_program = |word: &&str| ["alembic", "flask"].contains(&word.rsplit('/').next().unwrap_or_default());
    let at = words.iter().position(is_program)?;
    let moves = ["cd", "-C", "--directory", "--chdir", "--cwd"];
    let is_moved = |word: &&&str| moves.contains(&word.split('=').next().unwrap_or_default());
    let is_variable = |word: &&&str| word.starts_with("ALEMBIC_CONFIG=");
    let harmless = ["-q", "--quiet", "--raiseerr", "--app", "-A"];
    let is_harmless = |word: &str| harmless.contains(&word.split('=').next().unwrap_or_default());
    let is_this = |file: &str| {
        let file = file.strip_prefix("./").unwrap_or(file);
        // Beside alembic.ini, pyproject.toml is read in any case.
        file == ini.to_string_lossy() || Path::new(file) == ini.with_file_name(PYPROJECT)
    };
    let mut after = words[at + 1..].iter();
    let mut found = words[..at].iter().find(|word| is_moved(word) || is_variable(word));
    while let (None, Some(word)) = (found, after.next()) {
        let names_this = match word.split_once('=') {
            Some(("--config", file)) => is_this(file),
            _ if ["-c", "--config"].contains(word) => after.next().is_some_and(|file| is_this(file)),
            _ => false,
        };
        found = (word.starts_with('-') && !names_this && !is_harmless(word)).then_some(word);
    }
    found.map(|word| format!("the command has {word}, which overrides {}", ini.display()))
}

/// The second file of Alembic's configuration, since 1.16.
pub(crate) const PYPROJECT: &str = "pyproject.toml";

/// Whether a pyproject.toml has a table for Alembic, readable or not.
pub(crate) fn mentions_alembic(file: &Path) -> bool {
    let text = file::read(file, FileKind::Configuration).unwrap_or_default();
    let is_alembics = |line: &str| line.trim_start().strip_prefix('[').is_some_and(|it| it.contains("alembic"));
    String::from_utf8_lossy(&text).lines().any(is_alembics)
}

/// The keys of both files. As in Alembic, alembic.ini takes precedence, key by key.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    ini: BTreeMap<String, String>,
    toml: BTreeMap<String, Vec<String>>,
}

impl Keys {
    /// Reads the file that the project was found by, and pyproject.toml beside it. Flask-Migrate does not read the latter.
    ///
    /// # Errors
    /// [`Error::Settings`] for a file that cannot be read.
    pub(crate) fn read(file: &Path) -> Result<Self, Error> {
        let here = file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let toml = file.with_file_name(PYPROJECT);
        let mut keys = Self::default();
        if *file != toml {
            let text = file::read(file, FileKind::Configuration)
                .map_err(|error| Error::Settings(file::unreadable(file.display(), &error)))?;
            keys.ini = section(&String::from_utf8_lossy(&text), "alembic", here);
        }
        if !file.starts_with("migrations") && mentions_alembic(&toml) {
            keys.toml = of_toml(&toml, here)?;
        }
        Ok(keys)
    }

    /// A key with one value.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.ini.get(key).cloned().or_else(|| self.toml.get(key)?.first().cloned())
    }

    /// A key with several: pyproject.toml has a list, alembic.ini a text.
    pub(crate) fn places(&self, key: &str) -> Option<Vec<String>> {
        let split = |text: &String| {
            let parts = text.split([' ', ',', ':', ';', '\n']).filter(|it| !it.is_empty());
            parts.map(str::to_owned).collect()
        };
        self.ini.get(key).map(split).or_else(|| self.toml.get(key).cloned())
    }

    /// Whether a key is on, in any of the ways that Alembic takes.
    pub(crate) fn is_set(&self, key: &str) -> bool {
        let value = self.text(key).map(|value| value.to_lowercase()).unwrap_or_default();
        ["true", "yes", "on", "y", "t", "1"].contains(&value.as_str())
    }
}

/// `[tool.alembic]`, with `%(here)s` filled in.
fn of_toml(file: &Path, here: &Path) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let wrong = |why: String| {
        let name = file.display();
        Error::Settings(format!("{name} configures Alembic, and cannot be read: {why}\nnext: repair it"))
    };
    let text = file::read_text(file, FileKind::Configuration).map_err(|error| wrong(error.to_string()))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| wrong(error.message().to_owned()))?;
    let Some(alembic) = table.get("tool").and_then(|tool| tool.get("alembic")) else { return Ok(BTreeMap::new()) };
    let keys = alembic.as_table().ok_or_else(|| wrong("tool.alembic is no table".to_owned()))?;
    let here = here.display().to_string();
    let filled = |text: &str| text.replace("%(here)s", &here).replace("%%", "%");
    let texts = |value: &toml::Value| match value {
        toml::Value::String(text) => vec![filled(text)],
        toml::Value::Array(values) => values.iter().filter_map(|value| value.as_str().map(filled)).collect(),
        toml::Value::Boolean(is_on) => vec![is_on.to_string()],
        // Numbers and tables: nothing that matters here.
        _ => Vec::new(),
    };
    Ok(keys.iter().map(|(key, value)| (key.clone(), texts(value))).collect())
}

/// Of env.py the schema of the history's table and its name; and what of that is computed.
pub(crate) fn context(env: &Path) -> (Option<String>, Option<String>, Option<String>) {
    let text = match file::read(env, FileKind::Source) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return (None, None, Some(format!("cannot read {}: {error}", env.display())));
        }
        read => read.unwrap_or_default(),
    };
    let text = String::from_utf8_lossy(&text);
    let computes = |what: &str| Some(format!("{} computes {what}", env.display()));
    let literal = |name: &str| match argument(&text, name) {
        Some(PythonValue::Texts(texts)) if texts.len() == 1 => (texts.into_iter().next(), None),
        Some(PythonValue::None) | None => (None, None),
        Some(_) => (None, computes(name)),
    };
    let (table, computed_table) = literal("version_table");
    let (schema, computed_schema) = literal("version_table_schema");
    let code = code(&text);
    let is_open = code.contains("**") || (!text.is_empty() && !code.contains("configure"));
    let computed = computed_table.or(computed_schema);
    (schema, table, computed.or_else(|| computes("its options").filter(|_| is_open)))
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
pub(crate) fn resource(place: impl AsRef<str>) -> PathBuf {
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

    #[test]
    fn a_command_that_reads_something_else_is_known_by_its_options() {
        let other = |command: &str| elsewhere(&words(command), Path::new("alembic.ini"));
        for command in [
            "alembic upgrade head",
            "uv run --no-sync alembic -c alembic.ini upgrade head",
            "alembic --config=./alembic.ini upgrade heads",
            "flask --app x db upgrade",
            "make -C x migrate",
        ] {
            assert_eq!(other(command), None, "{command}");
        }
        for command in [
            "alembic -c other.ini upgrade head",
            "alembic -cother.ini upgrade head",
            "alembic --config other.ini upgrade head",
            "alembic -n tenant upgrade head",
            "alembic --name=tenant upgrade head",
            "poetry run alembic -x tenant=a upgrade head",
            "sh -c 'cd backend && alembic upgrade head'",
            "sh -c 'alembic -c other.ini upgrade head'",
            "env ALEMBIC_CONFIG=other.ini alembic upgrade head",
            "flask db upgrade --directory other",
        ] {
            assert!(other(command).is_some(), "{command}");
        }
    }
}
