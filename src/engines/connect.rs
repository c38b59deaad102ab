//! Chooses the engine by the scheme of the URL. To add an engine, add a line to [`ENGINES`].
//!
//! An engine is a Cargo feature. A URL of an engine that this build leaves out is refused with the feature's name.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::fault::Fault;
use crate::base::password_command::PasswordCommand;
use crate::base::secret::Secret;
use crate::engines::endpoint::{Endpoint, PendingLogin};
use crate::engines::engine::{Probe, ProbeRequest};
use crate::engines::session::Session;
use crate::engines::trace::Trace;
use crate::engines::url_text::UrlText;
use crate::sql::Dialect;

/// What reads the URL of an engine: the text, the environment with the variables that the engine's own clients read, and
/// the directory that a relative path starts from.
type Parse = fn(&UrlText, &Environment, &Path) -> ParsedEndpoint;

type ParsedEndpoint = Result<Arc<dyn Endpoint>, Error>;

/// The schemes of each engine. The last engine reads what has none of them: libpq's keyword strings, and no URL at all.
const ENGINES: &[(&[&str], Parse)] = &[
    (&["file", "sqlite", "sqlite3"], sqlite),
    // Rails names the adapter: mysql2, trilogy.
    (&["mysql", "mariadb", "mysql2", "trilogy"], mysql),
    (&["postgres", "postgresql"], postgres),
];

#[cfg(feature = "sqlite")]
fn sqlite(url: &UrlText, _environment: &Environment, base: &Path) -> ParsedEndpoint {
    Ok(Arc::new(crate::engines::sqlite::Target::parse(url.text(), base)?))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_url: &UrlText, _environment: &Environment, _base: &Path) -> ParsedEndpoint {
    Err(left_out("SQLite", "sqlite"))
}

#[cfg(feature = "mysql")]
fn mysql(url: &UrlText, _environment: &Environment, _base: &Path) -> ParsedEndpoint {
    Ok(Arc::new(crate::engines::mysql::Target::parse(url)?))
}

#[cfg(not(feature = "mysql"))]
fn mysql(_url: &UrlText, _environment: &Environment, _base: &Path) -> ParsedEndpoint {
    Err(left_out("MySQL", "mysql"))
}

#[cfg(feature = "postgres")]
fn postgres(url: &UrlText, environment: &Environment, _base: &Path) -> ParsedEndpoint {
    Ok(Arc::new(crate::engines::postgres::Target::parse(url, environment)?))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_url: &UrlText, _environment: &Environment, _base: &Path) -> ParsedEndpoint {
    Err(left_out("PostgreSQL", "postgres"))
}

#[cfg(not(all(feature = "mysql", feature = "postgres", feature = "sqlite")))]
fn left_out(engine: &str, feature: &str) -> Error {
    Error::Settings(format!(
        "this build of doorstep leaves {engine} out\nnext: build it with cargo build --features {feature}"
    ))
}

/// libpq's variables that name a server or a database, so that no URL is needed.
const LIBPQ_VARIABLES: [&str; 4] = ["PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE"];

/// Schemes of engines that doorstep does not support.
const UNSUPPORTED: &[&str] = &["sqlserver", "mssql", "mongodb", "cockroachdb", "oracle"];

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
        let text = UrlText::read(url.expose())?;
        // The driver in `postgresql+asyncpg` (SQLAlchemy) says nothing about the database.
        let scheme = match &text {
            UrlText::Url { scheme, .. } => scheme.as_str(),
            UrlText::Keywords(_) | UrlText::Empty => "",
        };
        if scheme == "prisma" {
            return Err(Error::Settings(
                "a prisma+postgres:// URL is Prisma's hosted proxy, not a database\n\
                 next: give the direct postgres:// URL as migrate_url"
                    .to_owned(),
            ));
        }
        if UNSUPPORTED.contains(&scheme) {
            return Err(Error::Settings(format!(
                "doorstep does not speak {scheme}\nnext: use a postgresql://, mysql://, file: or sqlite: URL"
            )));
        }
        let chosen = ENGINES.iter().find(|(schemes, _)| schemes.contains(&scheme));
        let (_, parse) = chosen.unwrap_or(&ENGINES[ENGINES.len() - 1]);
        parse(&text, environment, base).map(Self)
    }

    /// Whether the environment alone names a database, in the variables of an engine's own clients.
    #[must_use]
    pub(crate) fn is_in(environment: &Environment) -> bool {
        cfg!(feature = "postgres") && LIBPQ_VARIABLES.iter().any(|name| environment.get(name).is_some())
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

    /// The name of the database, where the engine has servers.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.0.database()
    }

    /// Parameters of the URL that have no effect, for one warning each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        self.0.warnings()
    }

    /// The passwords that the URL, the environment and the password file give, to be hidden in what other programs print.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.0.secrets()
    }

    /// The same, which gets its password from a command at each login.
    ///
    /// # Errors
    /// [`Error::Settings`] where a password is given already, and where the engine has none.
    pub(crate) fn with_password_command(&self, command: &PasswordCommand) -> Result<Self, Error> {
        self.0.with_password_command(command).map(Self)
    }

    /// The same, whose sessions act as this role from their beginning.
    ///
    /// # Errors
    /// [`Error::Settings`] where the tables of the engine have no owners.
    pub(crate) fn with_role(&self, role: &str) -> Result<Self, Error> {
        self.0.with_role(role).map(Self)
    }

    /// The same, whose sessions look up unqualified names in `schema`, then in those of `path`.
    ///
    /// # Errors
    /// [`Error::Settings`] for an engine whose sessions cannot change the schema.
    pub(crate) fn with_schema(&self, schema: &str, path: &[String]) -> Result<Self, Error> {
        self.0.with_schema(schema, path).map(Self)
    }

    /// The role that sessions act as, where it is another one than that of the login.
    pub(crate) fn acting_role(&self) -> Option<&str> {
        self.0.acting_role()
    }

    /// The variable with options for the sessions of the engine's own clients, and its value, that makes them act as that role.
    pub(crate) fn acting_options(&self) -> Option<(&'static str, String)> {
        self.0.acting_options()
    }

    /// The variable in which the engine's own clients look for a password.
    pub(crate) fn password_variable(&self) -> Option<&'static str> {
        self.0.password_variable()
    }

    /// How the engine writes SQL, and what it is able to do.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.0.engine().dialect()
    }

    /// The way to the database, part by part; no part takes longer than `limit`.
    pub(crate) async fn trace(&self, limit: Duration) -> Trace {
        self.0.trace(limit).await
    }

    /// One attempt: connect, log in, probe. Bounded in time by the target's connect timeout.
    ///
    /// # Errors
    /// The fault, classed; with several hosts, the one that says most.
    pub async fn open(&self, request: &ProbeRequest) -> Result<(Box<dyn Session>, Probe), Fault> {
        self.0.open(request).await
    }

    /// Begins to log in, before it is known what the session asks first; not for a password that a command gives. `None` where the
    /// engine has no servers.
    pub(crate) fn begin_login(&self) -> Option<Box<dyn PendingLogin>> {
        self.0.begin_login()
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
    /// `Class::Privilege` when the role may not.
    pub async fn create_database(&self) -> Result<(), Fault> {
        self.0.create_database().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_engines_are_refused_by_name() {
        for url in ["sqlserver://u:hunter2@h/d", "prisma+postgres://hunter2", "mongodb://hunter2"] {
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
        for url in [
            "mysql://u@h/d",
            "mariadb+pymysql://u@h/d",
            "mysql2://u@h/d?pool=5",
            "trilogy://u@h/d",
            "jdbc:mariadb://h/d",
        ] {
            assert_eq!(dialect(url), Dialect::Mysql, "{url}");
        }
    }

    #[cfg(not(all(feature = "mysql", feature = "postgres", feature = "sqlite")))]
    #[test]
    fn an_engine_that_was_left_out_is_refused_with_its_feature() {
        for (url, feature, is_built) in [
            ("postgresql://u:hunter2@h/d", "postgres", cfg!(feature = "postgres")),
            ("mysql://u:hunter2@h/d", "mysql", cfg!(feature = "mysql")),
            ("file:./hunter2.db", "sqlite", cfg!(feature = "sqlite")),
        ] {
            let target = Target::parse(&Secret::new(url), &Environment::default(), Path::new("."));
            if is_built {
                assert!(target.is_ok());
                continue;
            }
            let text = target.unwrap_err().to_string();
            assert!(text.contains(&format!("--features {feature}")), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
