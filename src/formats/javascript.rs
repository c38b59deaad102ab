//! The little of JavaScript and TypeScript that a configuration is written in: the object that a file exports, its keys, and
//! paths. Anything else counts as computed.

use std::path::{Path, PathBuf};

/// What the project says about a place.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Nothing.
    #[default]
    Absent,
    /// This path.
    Path(PathBuf),
    /// Only Node can tell.
    Computed,
}

impl Place {
    /// The path, if it is known.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::Path(path) => Some(path),
            Self::Absent | Self::Computed => None,
        }
    }
}

/// An object literal: its keys, each with the text of its value; `None` for a key or a value that is not written out.
pub(crate) struct Object {
    entries: Vec<(Option<String>, String)>,
}

/// What an object says about a key.
pub(crate) enum Lookup<'a> {
    /// It cannot have it.
    Absent,
    /// This expression.
    Value(&'a str),
    /// It may have it.
    Computed,
}

impl Object {
    /// The object that a module exports; `None` where that is no literal.
    pub(crate) fn exported(text: &str) -> Option<Self> {
        let text = without_comments(text);
        let forms = ["export default", "module.exports =", "exports.default ="];
        let (_, exported) = forms.iter().find_map(|it| text.split_once(it))?;
        Self::meant(&text, exported.trim_start())
    }

    /// The argument of the only `new NAME(…)` in a module; `None` where that is no literal.
    pub(crate) fn constructed(text: &str, name: &str) -> Option<Self> {
        let text = without_comments(text);
        let call = format!("{name}(");
        // `new typeorm_1.NAME(` is what compilers make of it.
        let is_new = |at: usize| {
            let before = text[..at].trim_end_matches(|c: char| is_name(c) || c == '.');
            before.ends_with([' ', '\n']) && before.trim_end().ends_with("new")
        };
        let mut calls = text.match_indices(&call).map(|(at, _)| at).filter(|at| is_new(*at));
        match (calls.next(), calls.next()) {
            (Some(at), None) => Self::meant(&text, text[at + call.len()..].trim_start()),
            _ => None,
        }
    }

    /// The object that an expression of the text means: itself, or a constant.
    fn meant(text: &str, expression: &str) -> Option<Self> {
        if let Some(object) = Self::of(expression) {
            return Some(object);
        }
        // A constant, mentioned where it is defined and here, and nowhere else.
        let name: &str = expression.split(|c: char| !is_name(c)).next().filter(|name| !name.is_empty())?;
        let is_whole =
            |(at, _): &(usize, &str)| !text[..*at].ends_with(is_name) && !text[at + name.len()..].starts_with(is_name);
        let mentioned: Vec<usize> = text.match_indices(name).filter(is_whole).map(|(at, _)| at).collect();
        let [defined, _] = mentioned.as_slice() else { return None };
        text[..*defined].trim_end().ends_with("const").then_some(())?;
        let (_, value) = text[defined + name.len()..].split_once('=')?;
        Self::of(value.trim_start())
    }

    /// `{ … }`, or `defineConfig({ … })`.
    fn of(text: &str) -> Option<Self> {
        let text = match text.strip_prefix("defineConfig") {
            Some(call) => call.trim_start().strip_prefix('(')?.trim_start(),
            None => text,
        };
        let inner = text.strip_prefix('{')?;
        let entries = items(inner)?.into_iter().map(|item| {
            let (key, value) = item.split_once(':').unwrap_or((item, ""));
            let key = key.trim();
            let bare = unquoted(key).or_else(|| key.chars().all(is_name).then(|| key.to_owned()));
            // A shorthand `schema`, a method `schema() {…}`: the key without a value that can be read.
            let name: String = key.chars().take_while(|c| is_name(*c)).collect();
            (bare.or(Some(name).filter(|name| !name.is_empty())), value.trim().to_owned())
        });
        Some(Self { entries: entries.collect() })
    }

    /// What it says about a key. The last entry counts, and a spread may hold any key.
    pub(crate) fn get(&self, key: &str) -> Lookup<'_> {
        let entry = self.entries.iter().rev().find(|(name, _)| name.as_deref().is_none_or(|name| name == key));
        match entry {
            None => Lookup::Absent,
            Some((Some(_), value)) if !value.is_empty() => Lookup::Value(value),
            Some(_) => Lookup::Computed,
        }
    }
}

impl Lookup<'_> {
    /// The object that is the value.
    pub(crate) fn object(&self) -> Option<Object> {
        match self {
            Self::Value(text) => Object::of(text),
            Self::Absent | Self::Computed => None,
        }
    }

    /// The text that is the value, if it is a literal.
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Self::Value(text) => unquoted(text),
            Self::Absent | Self::Computed => None,
        }
    }

    /// The expressions of a list; `None` for any other value.
    pub(crate) fn items(&self) -> Option<Vec<&str>> {
        let Self::Value(text) = self else { return None };
        let inner = text.strip_prefix('[')?;
        closes_at_end(inner).then(|| items(inner)).flatten()
    }

    /// The literals of a list; those that are computed are left out.
    pub(crate) fn texts(&self) -> Vec<String> {
        let Self::Value(text) = self else { return Vec::new() };
        let inner = text.strip_prefix('[').and_then(items).unwrap_or_default();
        inner.into_iter().filter_map(unquoted).collect()
    }
}

/// Paths in a file of this directory.
pub(crate) struct PlaceOf<'a> {
    /// Where the file is: what `__dirname` is, and what Prisma resolves a relative path against.
    pub(crate) directory: &'a Path,
    /// The whole file.
    pub(crate) text: &'a str,
}

impl PlaceOf<'_> {
    /// The place that an object says.
    pub(crate) fn place(&self, found: Lookup<'_>) -> Place {
        match found {
            Lookup::Absent => Place::Absent,
            Lookup::Computed => Place::Computed,
            Lookup::Value(expression) => self.path(expression).map_or(Place::Computed, Place::Path),
        }
    }

    /// `"a/b"`, `path.join(__dirname, "a")`, `path.resolve("a")`; `None` for any other expression.
    pub(crate) fn path(&self, expression: &str) -> Option<PathBuf> {
        if let Some(text) = unquoted(expression) {
            return Some(self.directory.join(text));
        }
        let (function, rest) = expression.split_once('(')?;
        let arguments = items_to(rest, ')')?;
        let function = function.trim();
        let method =
            function.strip_prefix("path.posix.").or_else(|| function.strip_prefix("path.")).unwrap_or(function);
        // Node's `path` must be in the file, or these are functions of somebody else's.
        let is_nodes = ["'path'", "\"path\"", "'node:path'", "\"node:path\""].iter().any(|it| self.text.contains(it));
        if !closes_at_end(rest) || !is_nodes || arguments.is_empty() {
            return None;
        }
        match method {
            "join" => self.joined(&arguments),
            "resolve" => self.resolved(&arguments),
            _ => None,
        }
    }

    fn joined(&self, arguments: &[&str]) -> Option<PathBuf> {
        let (first, rest) = arguments.split_first()?;
        let mut path = match self.anchor(first) {
            Some(anchor) => anchor,
            None => self.directory.join(unquoted(first)?),
        };
        for part in rest {
            path.push(unquoted(part)?.trim_start_matches('/'));
        }
        Some(path)
    }

    /// From the working directory; an absolute part begins anew.
    fn resolved(&self, arguments: &[&str]) -> Option<PathBuf> {
        let mut path = PathBuf::new();
        for part in arguments {
            match self.anchor(part) {
                Some(anchor) => path = anchor,
                None => path.push(unquoted(part)?),
            }
        }
        Some(path)
    }

    /// What stands for an absolute folder.
    fn anchor(&self, expression: &str) -> Option<PathBuf> {
        // `const __dirname = path.dirname(fileURLToPath(import.meta.url))` is what a module writes to have it.
        let (_, defined) = self.text.split_once("__dirname =").unwrap_or_default();
        let is_usual =
            defined.is_empty() || defined.lines().next().is_some_and(|line| line.contains("import.meta.url"));
        match expression.trim() {
            "__dirname" if is_usual => Some(self.directory.to_owned()),
            "import.meta.dirname" => Some(self.directory.to_owned()),
            "process.cwd()" => Some(PathBuf::new()),
            _ => None,
        }
    }
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_' || character == '$'
}

/// The value of a literal without escapes and placeholders.
pub(crate) fn unquoted(text: &str) -> Option<String> {
    let text = text.trim();
    let quote = text.chars().next().filter(|quote| "\"'`".contains(*quote))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.contains([quote, '\\']) && !inner.contains("${")).then(|| inner.to_owned())
}

/// The items up to the bracket that closes the text's level.
fn items(text: &str) -> Option<Vec<&str>> {
    let end = close(text)?;
    Some(split(&text[..end]))
}

fn items_to(text: &str, bracket: char) -> Option<Vec<&str>> {
    let end = close(text)?;
    text[end..].starts_with(bracket).then(|| split(&text[..end]))
}

/// Nothing follows the closing bracket.
fn closes_at_end(text: &str) -> bool {
    close(text).is_some_and(|end| text[end + 1..].trim().is_empty())
}

/// Where the bracket that was opened before the text closes.
fn close(text: &str) -> Option<usize> {
    scan(text).find(|(_, character, depth)| "})]".contains(*character) && *depth == 0).map(|(at, ..)| at)
}

/// The parts between commas of this level.
fn split(text: &str) -> Vec<&str> {
    let commas = scan(text).filter(|(_, character, depth)| *character == ',' && *depth == 0).map(|(at, ..)| at);
    let (mut start, mut parts) = (0, Vec::new());
    for at in commas.chain([text.len()]) {
        parts.push(text[start..at].trim());
        start = (at + 1).min(text.len());
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The characters outside quotes, with their offset and the number of brackets around them: a closing bracket is counted
/// outside its pair.
fn scan(text: &str) -> impl Iterator<Item = (usize, char, usize)> {
    let (mut depth, mut quote, mut is_escaped) = (0_usize, None, false);
    text.char_indices().filter_map(move |(at, character)| {
        if let Some(open) = quote {
            match (is_escaped, character) {
                (true, _) => is_escaped = false,
                (false, '\\') => is_escaped = true,
                (false, character) if character == open => quote = None,
                _ => {}
            }
            return None;
        }
        match character {
            '"' | '\'' | '`' => quote = Some(character),
            '{' | '(' | '[' => {
                depth += 1;
                return Some((at, character, depth - 1));
            }
            '}' | ')' | ']' => {
                let outside = depth;
                depth = depth.saturating_sub(1);
                return Some((at, character, outside));
            }
            _ => {}
        }
        Some((at, character, depth))
    })
}

fn without_comments(text: &str) -> String {
    let (mut kept, mut rest) = (String::new(), text);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' | '`' => literal_length(rest, first),
            '/' if rest.starts_with("//") => {
                rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
                continue;
            }
            '/' if rest.starts_with("/*") => {
                rest = &rest[rest.find("*/").map_or(rest.len(), |end| end + 2)..];
                continue;
            }
            _ => first.len_utf8(),
        };
        kept += &rest[..length];
        rest = &rest[length..];
    }
    kept
}

/// The length of the literal that begins here.
fn literal_length(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    let end = text.char_indices().skip(1).find(|(_, character)| {
        let is_end = !is_escaped && *character == quote;
        is_escaped = !is_escaped && *character == '\\';
        is_end
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}
