//! Reads the files of a flat folder of SQL, for the formats that have one.

use std::io;
use std::path::Path;

use crate::base::directory::Directory;
use crate::base::error::Error;
use crate::base::file;
use crate::formats::marks::sections;
use crate::formats::migration::Unreadable;
use crate::sql::Dialect;
use crate::sql::script::Script;

const AS_UTF8: &str = "save it as UTF-8";

/// What is in a folder, in the order of the bytes of the names, and whether it is a folder. Symbolic links are followed: a
/// Kubernetes ConfigMap is made of them. A link that leads nowhere counts as a file, which cannot be read.
///
/// # Errors
/// [`Error::Settings`] where the folder cannot be read, [`Error::History`] for a name that is not UTF-8.
pub(crate) fn entries(folder: &Path) -> Result<Vec<(String, bool)>, Error> {
    let unreadable = |error: io::Error| unreadable(folder, &error);
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().into_string().map_err(|name| {
            let text = format!("the migration {} has a name that is not UTF-8", name.display());
            Error::History(format!("{text}\nnext: rename the file"))
        })?;
        let kind = entry.file_type().map_err(unreadable)?;
        entries.push((name, kind.is_dir() || (kind.is_symlink() && entry.path().is_dir())));
    }
    entries.sort_unstable();
    Ok(entries)
}

/// The names of the files among the [`entries`].
///
/// # Errors
/// As [`entries`].
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let files = entries(folder)?.into_iter().filter(|(_, is_folder)| !is_folder);
    Ok(files.map(|(name, _)| name).collect())
}

/// Opens a folder.
///
/// # Errors
/// [`Error::Settings`].
pub(crate) fn open(folder: &Path) -> Result<Directory, Error> {
    Directory::open(folder).map_err(|error| unreadable(folder, &error))
}

/// Why a folder cannot be read.
fn unreadable(folder: &Path, error: &io::Error) -> Error {
    Error::Settings(file::unreadable(folder.display(), error))
}

/// The text of a file.
///
/// # Errors
/// Why it is none, for a person.
pub(crate) fn text(path: &Path, bytes: io::Result<Vec<u8>>) -> Result<String, Unreadable> {
    let shown = path.display();
    match bytes {
        Ok(bytes) if bytes.contains(&0) => {
            Err(Unreadable::new(format!("{shown} holds a NUL byte (it may be UTF-16)"), AS_UTF8))
        }
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| Unreadable::new(format!("{shown} is not UTF-8"), AS_UTF8)),
        Err(error) => Err(unread(path, &error)),
    }
}

/// Why a file cannot be read.
pub(crate) fn unread(path: &Path, error: &io::Error) -> Unreadable {
    Unreadable::new(format!("cannot read {}: {error}", path.display()), file::way_to_read(error))
}

/// Why a script that its tool runs in a transaction would fail there, and what to do instead.
pub(crate) fn refused_in_transaction(script: &Script, tool: &str, advice: &str) -> Option<Unreadable> {
    let dialect = script.dialect();
    let statement = script.statements().into_iter().find(|statement| statement.fails_in_transaction(dialect))?;
    let line = script.line_at(statement.offset);
    let why = format!("the statement in line {line} cannot run in a transaction, and {tool} runs the file in one");
    Some(Unreadable::new(why, advice))
}

/// Why a file that begins with a byte order mark fails with a tool that sends it to such a server.
pub(crate) fn byte_order_mark(tool: &str, dialect: Dialect) -> Unreadable {
    let product = dialect.product();
    let why =
        format!("it begins with a byte order mark, which {tool} sends to {product}, and which is a syntax error there");
    Unreadable::new(why, "save it without the mark")
}

/// Why a file with the mysql client's command DELIMITER fails with a tool that sends it to the server.
pub(crate) fn delimiter_command(script: &Script, tool: &str, next: &str) -> Option<Unreadable> {
    if !script.dialect().rules().lexing.delimiter_command {
        return None;
    }
    let is_command = |line: &str| {
        let (word, rest) = line.trim_start().split_at_checked("DELIMITER".len()).unwrap_or_default();
        word.eq_ignore_ascii_case("DELIMITER") && rest.starts_with([' ', '\t']) && !rest.trim().is_empty()
    };
    let text = script.text();
    let in_statement =
        |at: usize| script.statements().iter().any(|it| (it.offset..it.offset + it.text.len()).contains(&at));
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if is_command(line) && !in_statement(at + line.len() - line.trim_start().len()) {
            let why = format!(
                "line {}: DELIMITER is a command of the mysql client, which {tool} sends to the server, and which is a syntax \
                 error there",
                script.line_at(at)
            );
            return Some(Unreadable::new(why, next));
        }
        at += line.len();
    }
    None
}

/// Why a file with marks of another tool stops, by which a part of it takes the migration back: this tool runs all of it.
/// `down` is what the tool calls the file for that part.
pub(crate) fn foreign_marks(script: &Script, tool: &str, down: &str) -> Option<Unreadable> {
    if !sections::may_have_marks(script.text()) {
        return None;
    }
    let found = sections::sections(script);
    if let Some(error) = found.error {
        return Some(error.unreadable().at(format_args!("line {}", error.line)));
    }
    let tools = found.up.map(|_| found.tools.join(", "))?;
    let why = format!("it has marks of {tools}, and {tool} would run also the part that takes the migration back");
    Some(Unreadable::new(why, format!("put that part into a file of its own ({down})")))
}
