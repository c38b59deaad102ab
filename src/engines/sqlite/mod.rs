//! SQLite: one file, no server, no schemas. Where the file is, and how it comes into being; one session on it (`session`,
//! `guard`), and its catalog as SQL (`catalog`, `explain`, `introspect`).

pub(crate) mod catalog;
pub(crate) mod explain;
pub(crate) mod guard;
pub(crate) mod introspect;
pub(crate) mod session;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::base::error::Error;
use crate::base::fault::{Class, Fault};
use crate::engines::endpoint::Endpoint;
use crate::engines::engine::{Engine, Probe, ProbeRequest};
use crate::engines::session::{Session, Work};
use crate::engines::sqlite::catalog::Sqlite;
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
        let path = path.strip_prefix("localhost/").map_or(path.to_owned(), |path| format!("/{path}"));
        let path = percent_decode_str(&path).decode_utf8_lossy();
        if path.is_empty() || path.contains(":memory:") {
            return Err(Error::Settings(
                "the database URL names no file: a database in memory would be gone before the service starts\n\
                 next: write file:./dev.db"
                    .to_owned(),
            ));
        }
        // Prisma 6 and older start from the schema's directory, everyone else from the working directory.
        let base = if scheme == "file" { base } else { Path::new("") };
        Ok(Self { path: base.join(path.as_ref()) })
    }

    /// Creates the file and its directory, as Prisma does.
    fn create(&self) -> Result<(), Fault> {
        let refused = |error: std::io::Error| {
            Fault::new(Class::Privilege, format!("cannot create {}: {error}", self.path.display()))
        };
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
                    return Err(Fault::new(Class::Privilege, format!("cannot remove {}: {error}", path.display())));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Endpoint for Target {
    fn engine(&self) -> &'static dyn Engine {
        &Sqlite
    }

    fn address(&self) -> String {
        self.path.display().to_string()
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
}
