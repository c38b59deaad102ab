//! Chooses the engine by the scheme of the URL. To add an engine, add a line to [`ENGINES`].

use std::path::Path;
use std::sync::Arc;

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::fault::Fault;
use crate::base::secret::Secret;
use crate::engines::endpoint::Endpoint;
use crate::engines::engine::{Probe, ProbeRequest};
use crate::engines::session::Session;
use crate::engines::{postgres, sqlite};
use crate::sql::Dialect;

/// What reads the URL of an engine: the text, the environment with the variables that the engine's own clients read, and
/// the directory that a relative path starts from.
type Parse = fn(&str, &Environment, &Path) -> Result<Arc<dyn Endpoint>, Error>;

/// The schemes of each engine. The last engine reads what has none of them: libpq's keyword strings, and no URL at all.
const ENGINES: &[(&[&str], Parse)] = &[
    (&["file", "sqlite", "sqlite3"], |url, _, base| Ok(Arc::new(sqlite::Target::parse(url, base)?))),
    (&["postgres", "postgresql"], |url, environment, _| Ok(Arc::new(postgres::Target::parse(url, environment)?))),
];

/// Schemes of engines that doorstep does not support.
const UNSUPPORTED: &[&str] = &["mysql", "mariadb", "sqlserver", "mssql", "mongodb", "cockroachdb", "oracle"];

/// A parsed database URL: everything needed to open a session.
#[derive(Debug, Clone)]
pub struct Target(Arc<dyn Endpoint>);

impl Target {
    /// Reads a URL, a libpq keyword string, or (with an empty text) the `PG*` variables alone.
    /// `base` is the directory that a relative `file:` URL starts from.
    ///
    /// # Errors
    /// [`Error::Settings`] with what is wrong and how to write it. The URL itself is never quoted.
    pub fn parse(url: &Secret, environment: &Environment, base: &Path) -> Result<Self, Error> {
        let text = url.expose().trim();
        let (scheme, _) = text.split_once(':').unwrap_or(("", text));
        // The driver in `postgresql+asyncpg` (SQLAlchemy) says nothing about the database.
        let scheme = scheme.split('+').next().unwrap_or_default().to_ascii_lowercase();
        if scheme == "prisma" {
            return Err(Error::Settings(
                "a prisma+postgres:// URL is Prisma's hosted proxy, not a database\n\
                 next: give the direct postgres:// URL as migrate_url"
                    .to_owned(),
            ));
        }
        if UNSUPPORTED.contains(&scheme.as_str()) {
            return Err(Error::Settings(format!(
                "doorstep does not speak {scheme}\nnext: use a postgresql://, file: or sqlite: URL"
            )));
        }
        let chosen = ENGINES.iter().find(|(schemes, _)| schemes.contains(&scheme.as_str()));
        let (_, parse) = chosen.unwrap_or(&ENGINES[ENGINES.len() - 1]);
        parse(text, environment, base).map(Self)
    }

    /// Whether the environment alone names a database, in the variables of an engine's own clients.
    #[must_use]
    pub(crate) fn is_in(environment: &Environment) -> bool {
        postgres::has_libpq_variables(environment)
    }

    /// Where the database is, without secrets: `db:5432/app`.
    #[must_use]
    pub fn address(&self) -> String {
        self.0.address()
    }

    /// The schema that `?schema=` of the URL names.
    #[must_use]
    pub fn schema(&self) -> Option<&str> {
        self.0.schema()
    }

    /// The role that the URL logs in with, where the engine has roles.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        self.0.role()
    }

    /// Parameters of the URL that have no effect, for one warning each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        self.0.warnings()
    }

    /// How the engine writes SQL, and what it is able to do.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.0.engine().dialect()
    }

    /// One attempt: connect, log in, probe. Bounded in time by the target's connect timeout.
    ///
    /// # Errors
    /// The fault, classed; with several hosts, the one that says most.
    pub async fn open(&self, request: &ProbeRequest) -> Result<(Box<dyn Session>, Probe), Fault> {
        self.0.open(request).await
    }

    /// The same server, and a database of this name that does not exist yet; with SQLite, a temporary file.
    #[must_use]
    pub fn scratch(&self, name: &str) -> Self {
        Self(self.0.scratch(name))
    }

    /// Drops the database. Only call it on a [`Target::scratch`].
    ///
    /// # Errors
    /// The fault, classed.
    pub(crate) async fn drop_scratch(&self) -> Result<(), Fault> {
        self.0.drop_scratch().await
    }

    /// Creates the database that [`Target::open`] missed; it is no error if it appeared meanwhile.
    ///
    /// # Errors
    /// [`Class::Privilege`](crate::base::fault::Class::Privilege) when the role may not.
    pub async fn create_database(&self) -> Result<(), Fault> {
        self.0.create_database().await
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

    #[test]
    fn the_scheme_chooses_the_engine() {
        let dialect = |url: &str| {
            let target = Target::parse(&Secret::new(url), &Environment::default(), Path::new("."));
            target.unwrap().dialect()
        };
        for url in ["postgres://u@h/d", "postgresql+asyncpg://u@h/d", "jdbc:postgresql://u@h/d", "host=h user=u"] {
            assert_eq!(dialect(url), Dialect::Postgres, "{url}");
        }
        for url in ["file:./dev.db", "SQLite:dev.db", "sqlite+aiosqlite:///dev.db"] {
            assert_eq!(dialect(url), Dialect::Sqlite, "{url}");
        }
    }
}
