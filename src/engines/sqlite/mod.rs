//! SQLite: one file, no server, no schemas. Where the file is, and how it comes into being; one session on it (`session`,
//! `guard`), and its catalog as SQL (`catalog`, `explain`, `introspect`).

pub(crate) mod catalog;
pub(crate) mod explain;
pub(crate) mod guard;
pub(crate) mod inspector;
pub(crate) mod introspect;
pub(crate) mod session;
pub(crate) mod trace;

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::base::error::Error;
use crate::base::fault::{Class, Fault};
use crate::base::plain_name::{flaw, shown_path};
use crate::base::unseen::called;
use crate::engines::endpoint::Endpoint;
use crate::engines::engine::{Engine, Probe, ProbeRequest};
use crate::engines::session::{Session, Work};
use crate::engines::sqlite::catalog::Sqlite;
use crate::engines::trace::Trace;
use crate::sql::Dialect;

const SQL: Dialect = Dialect::Sqlite;

/// A parsed SQLite URL.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) path: PathBuf,
}

impl Target {
    /// `file:./dev.db?…` (Prisma), `sqlite:dev.db`, `sqlite://dev.db`, `sqlite:///abs/dev.db` (dbmate, sqlx),
    /// `sqlite+aiosqlite:///dev.db` (SQLAlchemy: three slashes are relative, four absolute).
    pub(crate) fn parse(url: &str, base: &Path) -> Result<Self, Error> {
        let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
        let rest = rest.split('?').next().unwrap_or_default();
        let is_sqlalchemy = scheme.contains('+');
        let path = match rest.strip_prefix("//") {
            Some(path) if is_sqlalchemy => path.strip_prefix('/').unwrap_or(path),
            Some(path) => path,
            None => rest,
        };
        refuse_login(rest)?;
        let path = path.strip_prefix("localhost/").map_or(path.to_owned(), |path| format!("/{path}"));
        let decoded = percent_decode_str(&path).decode_utf8();
        let path = decoded.map_err(|_| invalid("the file name is not UTF-8 once decoded"))?;
        if path.is_empty() || path.contains(":memory:") {
            return Err(Error::Settings(
                "the database URL names no file: a database in memory would be gone before the service starts\n\
                 next: write file:./dev.db"
                    .to_owned(),
            ));
        }
        if let Some(flaw) = path.split('/').filter(|name| !name.is_empty()).find_map(flaw_of_file) {
            return Err(invalid(&format!("a part of the file name {flaw}")));
        }
        // Prisma 6 and older start from the schema's directory, everyone else from the working directory.
        let base = if scheme == "file" { base } else { Path::new("") };
        Ok(Self { path: base.join(path.as_ref()) })
    }

    /// The file as messages may show it.
    pub(crate) fn shown(&self) -> String {
        shown_path(&self.path)
    }

    /// Creates the file and its directory, as Prisma does.
    fn create(&self) -> Result<(), Fault> {
        let refused =
            |error: std::io::Error| Fault::new(Class::Privilege, format!("cannot create {}: {error}", self.shown()));
        if let Some(directory) = self.path.parent().filter(|path| !path.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory).map_err(refused)?;
        }
        match std::fs::OpenOptions::new().write(true).create_new(true).open(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(refused(error)),
            _ => Ok(()),
        }
    }

    /// Removes the file, and the files that SQLite may have put beside it.
    fn remove(&self) -> Result<(), Fault> {
        for suffix in ["-journal", "-wal", "-shm", ""] {
            let mut path = self.path.clone().into_os_string();
            path.push(suffix);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Fault::new(
                        Class::Privilege,
                        format!("cannot remove {}: {error}", shown_path(Path::new(&path))),
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// A URL of a server with the scheme of a file: `sqlite://user:password@host/app.db`. SQLite has no users, and the file
/// would have the password in its name.
fn refuse_login(rest: &str) -> Result<(), Error> {
    let authority = rest.strip_prefix("//").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if authority.contains('@') {
        return Err(invalid("it has a user or a host, and SQLite has neither; write sqlite:///path/to/file.db"));
    }
    if rest.contains(';') {
        return Err(invalid("it holds a `;`; write it as %3B if it belongs to the file's name"));
    }
    Ok(())
}

/// What keeps a text from being the name of a file or a directory that doorstep would create.
fn flaw_of_file(name: &str) -> Option<String> {
    let last = name.chars().next_back().filter(|last| matches!(last, ',' | '"' | '\'' | '`'));
    let template = name.starts_with("${").then(|| "begins with `${`, as a variable that was not replaced".to_owned());
    flaw(name).or(template).or_else(|| last.map(|last| format!("ends with {}", called(last))))
}

fn invalid(what: &str) -> Error {
    Error::Settings(format!("the database URL cannot be read: {what}"))
}

impl Endpoint for Target {
    fn engine(&self) -> &'static dyn Engine {
        &Sqlite
    }

    fn address(&self) -> String {
        self.shown()
    }

    fn trace(&self, _limit: Duration) -> Pin<Box<dyn Future<Output = Trace> + '_>> {
        Box::pin(std::future::ready(trace::trace(self)))
    }

    fn open<'a>(&'a self, request: &'a ProbeRequest) -> Work<'a, (Box<dyn Session>, Probe)> {
        Box::pin(async move {
            let (session, probe) = session::open(self, request).await?;
            Ok((Box::new(session) as Box<dyn Session>, probe))
        })
    }

    fn create_database(&self) -> Work<'_, ()> {
        Box::pin(std::future::ready(self.create()))
    }

    /// A file of this name in the directory for temporary files.
    fn scratch(&self, name: &str) -> Arc<dyn Endpoint> {
        Arc::new(Self { path: std::env::temp_dir().join(format!("{name}.db")) })
    }

    fn drop_scratch(&self) -> Work<'_, ()> {
        Box::pin(std::future::ready(self.remove()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(url: &str) -> String {
        Target::parse(url, Path::new("prisma")).unwrap().address()
    }

    #[test]
    fn the_forms_of_an_sqlite_url() {
        assert_eq!(path("file:./dev.db?connection_limit=1"), "prisma/./dev.db");
        assert_eq!(path("file:/abs/dev.db"), "/abs/dev.db");
        assert_eq!(path("file://localhost/abs/dev.db"), "/abs/dev.db");
        assert_eq!(path("sqlite:dev.db"), "dev.db");
        assert_eq!(path("sqlite://dev.db"), "dev.db");
        assert_eq!(path("sqlite:///abs/dev.db"), "/abs/dev.db");
        assert_eq!(path("sqlite+aiosqlite:///dev.db"), "dev.db");
        assert_eq!(path("sqlite+aiosqlite:////abs/dev.db"), "/abs/dev.db");
        assert!(Target::parse("sqlite::memory:", Path::new("")).is_err());
    }

    #[test]
    fn files_that_nobody_meant_are_refused_or_not_shown() {
        for url in [
            "sqlite://u:hunter2@h/x.db",
            "sqlite:///x.db;password=hunter2",
            "file:hunter2 ",
            "file:./hunter2,",
            "file:${hunter2}",
        ] {
            let error = Target::parse(url, Path::new("")).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(!path("sqlite:///u:hunter2@h/x.db").contains("hunter2"));
        assert_eq!(path("file:./my data/a,b.db"), "prisma/./my data/a,b.db");
    }
}
