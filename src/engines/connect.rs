//! Chooses the engine by the scheme of the URL.

use std::path::Path;

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::fault::Fault;
use crate::base::secret::Secret;
use crate::engines::session::{Probe, ProbeRequest, Session};
use crate::engines::{postgres, sqlite};
use crate::sql::Dialect;

/// A parsed database URL: everything needed to open a session.
#[derive(Debug, Clone)]
pub struct Target(Engine);

#[derive(Debug, Clone)]
enum Engine {
    Postgres(Box<postgres::Target>),
    Sqlite(sqlite::Target),
}

impl Target {
    /// Reads a URL, a libpq keyword string, or (with an empty text) the `PG*` variables alone.
    /// `base` is the directory that a relative `file:` URL starts from.
    ///
    /// # Errors
    /// [`Error::Settings`] with what is wrong and how to write it. The URL itself is never quoted.
    pub fn parse(url: &Secret, environment: &Environment, base: &Path) -> Result<Self, Error> {
        let text = url.expose().trim();
        let (scheme, _) = text.split_once(':').unwrap_or(("", text));
        // SQLAlchemy's and others' driver suffixes say nothing about the database.
        let (engine, _driver) = scheme.split_once('+').unwrap_or((scheme, ""));
        match engine.to_ascii_lowercase().as_str() {
            "file" | "sqlite" | "sqlite3" => {
                sqlite::Target::parse(text, base).map(|target| Self(Engine::Sqlite(target)))
            }
            "prisma" => Err(Error::Settings(
                "a prisma+postgres:// URL is Prisma's hosted proxy, not a database\n\
                 next: give the direct postgres:// URL as migrate_url"
                    .to_owned(),
            )),
            "mysql" | "mariadb" | "sqlserver" | "mssql" | "mongodb" | "cockroachdb" | "oracle" => Err(Error::Settings(
                format!("doorstep does not speak {engine}\nnext: use a postgresql://, file: or sqlite: URL"),
            )),
            _ => {
                let target = postgres::Target::parse(text, environment)?;
                Ok(Self(Engine::Postgres(Box::new(target))))
            }
        }
    }

    /// Where the database is, without secrets: `db:5432/app`.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.0 {
            Engine::Postgres(target) => target.address(),
            Engine::Sqlite(target) => target.address(),
        }
    }

    /// The schema that `?schema=` of the URL names.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        match &self.0 {
            Engine::Postgres(target) => target.schema.as_deref(),
            Engine::Sqlite(_) => None,
        }
    }

    /// The role that the URL logs in with, where the engine has roles.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        match &self.0 {
            Engine::Postgres(target) => Some(&target.user),
            Engine::Sqlite(_) => None,
        }
    }

    /// Things in the URL that have no effect here, for one warning each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        match &self.0 {
            Engine::Postgres(target) => &target.warnings,
            Engine::Sqlite(_) => &[],
        }
    }

    /// How the engine quotes.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match &self.0 {
            Engine::Postgres(_) => Dialect::Postgres,
            Engine::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// Whether the engine has schemas (namespaces).
    #[must_use]
    pub fn has_schemas(&self) -> bool {
        matches!(&self.0, Engine::Postgres(_))
    }

    /// One attempt: connect, log in, look. Bounded in time by the target's connect timeout.
    ///
    /// # Errors
    /// The fault, classed; with several hosts, the one of the last.
    pub async fn open(&self, wanted: &ProbeRequest) -> Result<(Box<dyn Session>, Probe), Fault> {
        match &self.0 {
            Engine::Postgres(target) => {
                let (session, probe) = postgres::open(target, wanted).await?;
                Ok((Box::new(session), probe))
            }
            Engine::Sqlite(target) => {
                let mut session = sqlite::open(target).await?;
                let probe = session.probe(wanted).await?;
                Ok((Box::new(session), probe))
            }
        }
    }

    /// The same server, and a database of this name that does not exist yet; with SQLite, a temporary file.
    #[must_use]
    pub fn scratch(&self, name: &str) -> Self {
        Self(match &self.0 {
            Engine::Postgres(target) => Engine::Postgres(Box::new(target.scratch(name))),
            Engine::Sqlite(_) => Engine::Sqlite(sqlite::Target::temporary(name)),
        })
    }

    /// Drops the database. Only ever called on a [`Target::scratch`].
    ///
    /// # Errors
    /// The fault, classed.
    pub(crate) async fn drop_scratch(&self) -> Result<(), Fault> {
        match &self.0 {
            Engine::Postgres(target) => postgres::drop_scratch(target).await,
            Engine::Sqlite(target) => target.remove(),
        }
    }

    /// Creates the database that [`Class::NoDatabase`] missed; one that appeared meanwhile is fine.
    ///
    /// # Errors
    /// [`Class::Privilege`] when the role may not.
    pub async fn create_database(&self) -> Result<(), Fault> {
        match &self.0 {
            Engine::Postgres(target) => postgres::create_database(target).await,
            Engine::Sqlite(target) => sqlite::create_database(target).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_engines_are_refused_by_name() {
        for url in ["mysql://u:hunter2@h/d", "prisma+postgres://hunter2", "mongodb://hunter2"] {
            let error = Target::parse(&Secret::new(url), &Environment::default(), Path::new("."));
            let text = error.unwrap_err().to_string();
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
