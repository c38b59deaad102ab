//! Chooses the engine by the scheme of the URL.
//!
//! An engine is a Cargo feature. A URL of an engine that this build leaves out is refused with the feature's name.

use std::path::Path;
use std::sync::Arc;

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::fault::Fault;
use crate::base::secret::Secret;
use crate::engines::session::{Probe, ProbeRequest, Session};
use crate::engines::target::EngineTarget;
use crate::sql::Dialect;

/// A parsed database URL: everything needed to open a session.
#[derive(Debug, Clone)]
pub struct Target(Arc<dyn EngineTarget>);

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
            "file" | "sqlite" | "sqlite3" => sqlite(text, base).map(Self),
            "prisma" => Err(Error::Settings(
                "a prisma+postgres:// URL is Prisma's hosted proxy, not a database\n\
                 next: give the direct postgres:// URL as migrate_url"
                    .to_owned(),
            )),
            "mysql" | "mariadb" | "sqlserver" | "mssql" | "mongodb" | "cockroachdb" | "oracle" => Err(Error::Settings(
                format!("doorstep does not speak {engine}\nnext: use a postgresql://, file: or sqlite: URL"),
            )),
            _ => postgres(text, environment).map(Self),
        }
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

    /// Things in the URL that have no effect here, for one warning each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        self.0.warnings()
    }

    /// How the engine quotes.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.0.dialect()
    }

    /// Whether the engine has schemas (namespaces).
    #[must_use]
    pub fn has_schemas(&self) -> bool {
        self.0.has_schemas()
    }

    /// One attempt: connect, log in, look. Bounded in time by the target's connect timeout.
    ///
    /// # Errors
    /// The fault, classed; with several hosts, the one of the last.
    pub async fn open(&self, wanted: &ProbeRequest) -> Result<(Box<dyn Session>, Probe), Fault> {
        self.0.open(wanted).await
    }

    /// The same server, and a database of this name that does not exist yet; with SQLite, a temporary file.
    #[must_use]
    pub fn scratch(&self, name: &str) -> Self {
        Self(self.0.scratch(name))
    }

    /// Drops the database. Only ever called on a [`Target::scratch`].
    ///
    /// # Errors
    /// The fault, classed.
    pub(crate) async fn drop_scratch(&self) -> Result<(), Fault> {
        self.0.drop_scratch().await
    }

    /// Creates the database that [`Class::NoDatabase`](crate::base::fault::Class::NoDatabase) missed; one that appeared
    /// meanwhile is fine.
    ///
    /// # Errors
    /// [`Class::Privilege`](crate::base::fault::Class::Privilege) when the role may not.
    pub async fn create_database(&self) -> Result<(), Fault> {
        self.0.create_database().await
    }
}

/// True when libpq's variables name a server or a database, so that no URL is needed.
#[must_use]
pub(crate) fn has_libpq_variables(environment: &Environment) -> bool {
    ["PGHOST", "PGHOSTADDR", "PGDATABASE", "PGSERVICE"].iter().any(|name| environment.get(name).is_some())
}

#[cfg(feature = "postgres")]
fn postgres(text: &str, environment: &Environment) -> Result<Arc<dyn EngineTarget>, Error> {
    Ok(Arc::new(crate::engines::postgres::Target::parse(text, environment)?))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_: &str, _: &Environment) -> Result<Arc<dyn EngineTarget>, Error> {
    Err(left_out("PostgreSQL", "postgres"))
}

#[cfg(feature = "sqlite")]
fn sqlite(text: &str, base: &Path) -> Result<Arc<dyn EngineTarget>, Error> {
    Ok(Arc::new(crate::engines::sqlite::Target::parse(text, base)?))
}

#[cfg(not(feature = "sqlite"))]
fn sqlite(_: &str, _: &Path) -> Result<Arc<dyn EngineTarget>, Error> {
    Err(left_out("SQLite", "sqlite"))
}

#[cfg(not(all(feature = "postgres", feature = "sqlite")))]
fn left_out(engine: &str, feature: &str) -> Error {
    Error::Settings(format!(
        "this doorstep was built without {engine}\n\
         next: build it with the Cargo feature `{feature}` (cargo build --features {feature})"
    ))
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

    #[cfg(not(all(feature = "postgres", feature = "sqlite")))]
    #[test]
    fn an_engine_that_was_left_out_is_refused_with_its_feature() {
        for (url, feature, is_built) in [
            ("postgresql://u:hunter2@h/d", "postgres", cfg!(feature = "postgres")),
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
