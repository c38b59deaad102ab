//! Patterns of files as TypeORM has them: `dist/migrations/*.js`, `src/**/*{.ts,.js}`.

use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::formats::code::files::tree;

/// The files that a pattern means.
///
/// # Errors
/// [`Error::Settings`] for a folder that cannot be read.
pub(crate) fn files(pattern: &str) -> Result<Vec<PathBuf>, Error> {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    let magic = pattern.find(['*', '?', '{', '[']).unwrap_or(pattern.len());
    let root = pattern[..magic].rfind('/').map_or("", |end| &pattern[..=end]);
    if magic == pattern.len() {
        let path = PathBuf::from(pattern);
        return Ok(if path.is_file() { vec![path] } else { Vec::new() });
    }
    let folder = Path::new(if root.is_empty() { "." } else { root });
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let patterns = braces(&pattern[root.len()..]);
    let mut found = tree(folder, |name| name == "node_modules")?;
    found.retain(|path| {
        let relative = path.strip_prefix(folder).unwrap_or(path);
        let segments: Vec<&str> = relative.iter().filter_map(|part| part.to_str()).collect();
        patterns.iter().any(|pattern| fits(&pattern.split('/').collect::<Vec<_>>(), &segments))
    });
    Ok(found)
}

/// Whether the pattern can be read here: no classes and no extended forms.
pub(crate) fn is_plain(pattern: &str) -> bool {
    !pattern.contains(['[', '!', '(', '?', '\\', '@'])
}

/// The patterns that `{a,b}` stands for.
fn braces(pattern: &str) -> Vec<String> {
    let parts = pattern.find('{').and_then(|open| Some((open, open + pattern[open..].find('}')?)));
    let Some((open, close)) = parts else { return vec![pattern.to_owned()] };
    let (before, rest) = (&pattern[..open], &pattern[close + 1..]);
    pattern[open + 1..close].split(',').flat_map(|part| braces(&format!("{before}{part}{rest}"))).collect()
}

fn fits(pattern: &[&str], path: &[&str]) -> bool {
    match (pattern, path) {
        ([], []) => true,
        (["**", rest @ ..], _) => fits(rest, path) || path.split_first().is_some_and(|(_, more)| fits(pattern, more)),
        ([part, rest @ ..], [name, more @ ..]) => fits_name(part, name) && fits(rest, more),
        _ => false,
    }
}

/// `*` stands for any characters, but for a dot at the beginning.
fn fits_name(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => {
            let Some(rest) = name.strip_prefix(before) else { return false };
            if before.is_empty() && rest.starts_with('.') {
                return false;
            }
            rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| fits_rest(after, &rest[at..]))
        }
    }
}

fn fits_rest(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| fits_rest(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_node_glob_says() {
        let fits = |pattern: &str, path: &str| {
            let path: Vec<&str> = path.split('/').collect();
            braces(pattern).iter().any(|one| super::fits(&one.split('/').collect::<Vec<_>>(), &path))
        };
        for (pattern, path, expected) in [
            ("*.js", "a.js", true),
            ("*.js", "a.ts", false),
            ("*.js", "b/a.js", false),
            ("*.js", ".a.js", false),
            ("**/*.js", "a.js", true),
            ("**/*.js", "b/c/a.js", true),
            ("*{.ts,.js}", "a.ts", true),
            ("*.{ts,js}", "a.cjs", false),
            ("**/migrations/*.js", "x/migrations/a.js", true),
            ("a-*-b.*", "a-1-b.js", true),
            ("a-*-b.*", "a-1-c.js", false),
        ] {
            assert_eq!(fits(pattern, path), expected, "{pattern} {path}");
        }
    }
}
