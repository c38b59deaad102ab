//! libpq's password file (PostgreSQL manual 34.16): `host:port:database:user:password`.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::base::file::{self, FileKind};
use crate::base::plain_name::shown_path;
use crate::base::secret::Secret;
use crate::engines::postgres::conninfo::Host;

/// The file, if there is one and only its owner can read it; otherwise what to warn of.
pub(crate) fn usable(path: Option<PathBuf>) -> Result<Option<PathBuf>, String> {
    let Some((path, file)) = path.and_then(|path| Some((path.clone(), std::fs::metadata(path).ok()?))) else {
        return Ok(None);
    };
    // As libpq: "is not a plain file".
    if let Some(error) = file::irregular(&file) {
        return Err(format!("the password file {} is ignored: {error}", shown_path(&path)));
    }
    match file.permissions().mode() & 0o077 {
        0 if file.len() > FileKind::Configuration.limit() => {
            Err(format!("the password file {} is ignored: it is too long", shown_path(&path)))
        }
        0 => Ok(Some(path)),
        _ => Err(format!("the password file {} is ignored: others can read it; chmod 0600 it", shown_path(&path))),
    }
}

/// The first matching password.
pub(crate) fn lookup(path: &Path, host: &Host, database: &str, user: &str) -> Option<Secret> {
    let text = file::read_text(path, FileKind::Configuration).ok()?;
    text.lines().find_map(|line| entry(line, host, database, user))
}

fn entry(line: &str, host: &Host, database: &str, user: &str) -> Option<Secret> {
    if line.starts_with('#') {
        return None;
    }
    let fields = fields(line);
    let [name, port, db, role, password] = fields.as_slice() else { return None };
    let port_is = host.port.to_string();
    // libpq: a Unix socket is looked up as `localhost`.
    let host_is = if host.is_socket() { "localhost" } else { &host.name };
    let fits = |pattern: &str, value: &str| pattern == "*" || pattern == value;
    let all = fits(name, host_is) && fits(port, &port_is) && fits(db, database) && fits(role, user);
    all.then(|| Secret::new(password.as_str()))
}

/// Splits at `:`; a backslash takes the next character as it is.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (character, fields.len()) {
            ('\\', _) => fields.last_mut().into_iter().for_each(|field| field.extend(characters.next())),
            (':', ..5) => fields.push(String::new()),
            _ => fields.last_mut().into_iter().for_each(|field| field.push(character)),
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_match_literally_or_by_star_and_unescape() {
        let host = Host { name: "db".to_owned(), address: None, port: 5432 };
        let find = |line: &str| entry(line, &host, "shop", "app").map(|secret| secret.expose().to_owned());
        assert_eq!(find("db:5432:shop:app:se:cret").as_deref(), Some("se:cret"));
        assert_eq!(find("*:*:*:app:a\\:b\\\\c").as_deref(), Some("a:b\\c"));
        assert_eq!(find("other:5432:shop:app:x"), None);
        assert_eq!(find("# db:5432:shop:app:x"), None);
        assert_eq!(find("too:few"), None);
    }
}
