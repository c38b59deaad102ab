//! The options of the tools of Node: an object in JSON, JavaScript or TypeScript, as far as it is written in literals.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::base::file::{FileKind, read_text};
use crate::formats::code::stated::Stated;
use crate::formats::javascript::{Lookup, Object, PlaceOf};

/// The options in a file, or a part of them.
pub(crate) struct Options<'a> {
    /// The file.
    file: &'a Path,
    /// All of its text, by which a path is understood.
    text: &'a str,
    part: Part,
}

enum Part {
    /// An object of JSON.
    Json(Value),
    /// One of JavaScript.
    Js(Object),
    /// There is none.
    Absent,
    /// Only Node can tell.
    Computed,
}

/// The text of a file of options; `None` where it cannot be read.
pub(crate) fn text_of(file: &Path) -> Option<String> {
    read_text(file, FileKind::Source).ok()
}

impl<'a> Options<'a> {
    /// What the file exports.
    pub(crate) fn exported(file: &'a Path, text: &'a str) -> Self {
        let is_json = file.extension().is_some_and(|ending| ending == "json");
        let part = match is_json {
            true => serde_json::from_str(text).map_or(Part::Computed, Part::Json),
            false => Object::exported(text).map_or(Part::Computed, Part::Js),
        };
        Self { file, text, part }
    }

    /// This object of the file; computed without one.
    pub(crate) fn of(file: &'a Path, text: &'a str, object: Option<Object>) -> Self {
        Self { file, text, part: object.map_or(Part::Computed, Part::Js) }
    }

    /// Whether nothing of it is known.
    pub(crate) fn is_computed(&self) -> bool {
        matches!(self.part, Part::Computed)
    }

    /// Why a value of it is not known.
    fn why(&self, key: &str) -> String {
        format!("{} computes {key}", self.file.display())
    }

    /// The object that a key has.
    pub(crate) fn within(&self, key: &str) -> Self {
        let part = match &self.part {
            Part::Json(value) => match value.get(key) {
                None => Part::Absent,
                Some(value) => Part::Json(value.clone()),
            },
            Part::Js(object) => match object.get(key) {
                Lookup::Absent => Part::Absent,
                found => found.object().map_or(Part::Computed, Part::Js),
            },
            Part::Absent => Part::Absent,
            Part::Computed => Part::Computed,
        };
        Self { file: self.file, text: self.text, part }
    }

    /// Whether it has a key; computed where it may have.
    pub(crate) fn has(&self, key: &str) -> Stated<()> {
        match &self.part {
            Part::Json(value) => value.get(key).map_or(Stated::Absent, |_| Stated::Is(())),
            Part::Js(object) => match object.get(key) {
                Lookup::Absent => Stated::Absent,
                Lookup::Value(_) => Stated::Is(()),
                Lookup::Computed => Stated::Computed(self.why(key)),
            },
            Part::Absent => Stated::Absent,
            Part::Computed => Stated::Computed(self.why(key)),
        }
    }

    /// The expressions that a key has: one, or those of a list.
    fn items<T>(&self, key: &str, read: impl Fn(&str) -> Option<T>) -> Stated<Vec<T>> {
        let whole = |items: Option<Vec<T>>| items.map_or_else(|| Stated::Computed(self.why(key)), Stated::Is);
        match &self.part {
            Part::Json(value) => match value.get(key) {
                None | Some(Value::Null) => Stated::Absent,
                Some(Value::Array(items)) => whole(items.iter().map(|item| read(&item.to_string())).collect()),
                Some(item) => whole(read(&item.to_string()).map(|item| vec![item])),
            },
            Part::Js(object) => match object.get(key) {
                Lookup::Absent => Stated::Absent,
                Lookup::Computed => Stated::Computed(self.why(key)),
                found @ Lookup::Value(_) => match found.items() {
                    Some(items) => whole(items.into_iter().map(read).collect()),
                    None => match found {
                        Lookup::Value("undefined" | "null") => Stated::Absent,
                        Lookup::Value(item) => whole(read(item).map(|item| vec![item])),
                        Lookup::Absent | Lookup::Computed => Stated::Absent,
                    },
                },
            },
            Part::Absent => Stated::Absent,
            Part::Computed => Stated::Computed(self.why(key)),
        }
    }

    fn one<T>(&self, key: &str, read: impl Fn(&str) -> Option<T>) -> Stated<T> {
        match self.items(key, read) {
            Stated::Absent => Stated::Absent,
            Stated::Is(mut items) if items.len() == 1 => Stated::Is(items.remove(0)),
            Stated::Is(_) => Stated::Computed(self.why(key)),
            Stated::Computed(why) => Stated::Computed(why),
        }
    }

    /// A text.
    pub(crate) fn text(&self, key: &str) -> Stated<String> {
        self.one(key, unquoted)
    }

    /// One text, or a list of them.
    pub(crate) fn texts(&self, key: &str) -> Stated<Vec<String>> {
        self.items(key, unquoted)
    }

    /// `true` or `false`.
    pub(crate) fn flag(&self, key: &str) -> Stated<bool> {
        self.one(key, |text| text.trim().parse().ok())
    }

    /// One path, or a list of them, relative to this directory where they are relative.
    pub(crate) fn paths(&self, key: &str, base: &Path) -> Stated<Vec<PathBuf>> {
        self.items(key, |expression| self.path(expression, base))
    }

    /// A path: a text, with `path.join` and `path.resolve`, or `__dirname` before a text.
    fn path(&self, expression: &str, base: &Path) -> Option<PathBuf> {
        let directory = self.file.parent().unwrap_or(Path::new(""));
        let anchors = ["__dirname", "import.meta.dirname"];
        if let Some(text) = unquoted(expression) {
            return Some(base.join(text));
        }
        let expression = expression.trim();
        let is_anchored = anchors.iter().any(|anchor| expression.contains(anchor));
        if let Some(path) =
            (PlaceOf { directory: if is_anchored { directory } else { base }, text: self.text }).path(expression)
        {
            return Some(path);
        }
        let is_usual = !self.text.contains("__dirname =") || self.text.contains("import.meta.url");
        let template = expression.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        let tail = match template {
            Some(inner) => anchors.iter().find_map(|anchor| inner.strip_prefix(&format!("${{{anchor}}}")))?.to_owned(),
            None => {
                let (anchor, rest) = expression.split_once('+')?;
                unquoted(rest).filter(|_| anchors.contains(&anchor.trim()))?
            }
        };
        let is_literal = is_usual && tail.starts_with('/') && !tail.contains(['`', '$', '\\']);
        is_literal.then(|| directory.join(tail.trim_start_matches('/')))
    }
}

/// The value of a literal without escapes and placeholders.
fn unquoted(text: &str) -> Option<String> {
    crate::formats::javascript::unquoted(text)
}

/// Whether package.json in this directory depends on a package.
pub(crate) fn depends_on(package: &str) -> bool {
    let Ok(text) = read_text(Path::new("package.json"), FileKind::Configuration) else { return false };
    let Ok(manifest) = serde_json::from_str::<Value>(&text) else { return false };
    ["dependencies", "devDependencies"].iter().any(|group| manifest[group].get(package).is_some())
}
