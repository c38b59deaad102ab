//! Which database a start is for: the URL from the settings, else from the Prisma schema, else from
//! libpq's variables. Read anew for every connect, so that a rotated secret is picked up.

use std::path::PathBuf;

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::secret::{Secret, SecretSource};
use crate::config::Settings;
use crate::engines::connect::Target;
use crate::engines::postgres::has_libpq_variables;
use crate::formats::{Datasource, UrlSource};

/// The database that doorstep itself works on.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    source: SecretSource,
    /// The URL that the service itself uses, if it is another one.
    service: Option<SecretSource>,
    environment: Environment,
    /// Where a relative `file:` URL starts.
    base: PathBuf,
    /// Instead of the database that the URL names, one of this name on the same server.
    scratch: Option<String>,
}

impl Database {
    /// Decides where the URL comes from.
    ///
    /// # Errors
    /// [`Error::Settings`] when nothing names a database.
    pub(crate) fn choose(
        settings: &Settings,
        datasource: Option<&Datasource>,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let from_schema = |value: &Option<UrlSource>| match value.as_ref()? {
            UrlSource::Literal(url) => Some(SecretSource::Text(Secret::new(url))),
            UrlSource::Environment(name) => environment.get(name).map(|url| SecretSource::Text(Secret::new(url))),
        };
        let direct = datasource.and_then(|datasource| from_schema(&datasource.direct_url));
        let plain = datasource.and_then(|datasource| from_schema(&datasource.url));
        let libpq = || has_libpq_variables(environment).then_some(SecretSource::Libpq);
        let own = settings.migrate_database.clone().or(direct);
        let plain = settings.database.clone().or(plain);
        let service = own.as_ref().and(plain.clone());
        let source = own.or(plain).or_else(libpq).ok_or_else(|| {
            Error::Settings(
                "no database is named\n\
                 next: set DATABASE_URL (or DATABASE_URL_FILE, --database-url, or PGHOST and its kin)"
                    .to_owned(),
            )
        })?;
        // Prisma 6 and older, which have the URL in the schema, start from the schema's directory;
        // Prisma 7, which does not, from the working directory.
        let base = datasource.filter(|datasource| datasource.url.is_some());
        let base = base.map(|datasource| datasource.directory.clone()).unwrap_or_default();
        Ok(Self { source, service, environment: environment.clone(), base, scratch: None })
    }

    /// The URL as it is now, parsed.
    ///
    /// # Errors
    /// [`Error::Settings`] when the file cannot be read or the URL does not parse.
    pub(crate) fn target(&self) -> Result<Target, Error> {
        let target = Target::parse(&self.source.read()?, &self.environment, &self.base)?;
        Ok(match &self.scratch {
            Some(name) => target.scratch(name),
            None => target,
        })
    }

    /// The role that the service logs in with, if it has a URL of its own that leads to a database: a hosted proxy's
    /// does not.
    #[must_use]
    pub(crate) fn service_role(&self) -> Option<String> {
        let url = self.service.as_ref()?.read().ok()?;
        let target = Target::parse(&url, &self.environment, &self.base).ok()?;
        target.role().map(str::to_owned)
    }

    /// The URL as it is now, for a child that works on the same database; `None` where libpq's variables name it.
    ///
    /// # Errors
    /// [`Error::Settings`] when the file cannot be read.
    pub(crate) fn url(&self) -> Result<Option<Secret>, Error> {
        let url = self.source.read()?;
        Ok((!url.expose().is_empty()).then_some(url))
    }

    /// The URLs and their passwords: what must not be shown of another program's output.
    #[must_use]
    pub(crate) fn secrets(&self) -> Vec<String> {
        let urls = [Some(&self.source), self.service.as_ref()].into_iter().flatten().filter_map(|it| it.read().ok());
        let secrets = urls.flat_map(|url| {
            let url = url.expose().trim().to_owned();
            let password = url.split_once("://").and_then(|(_, rest)| {
                let (user, _) = rest.split_once(['/', '?']).unwrap_or((rest, "")).0.rsplit_once('@')?;
                user.split_once(':').map(|(_, password)| password.to_owned())
            });
            let decoded = password.iter().map(|it| percent_encoding::percent_decode_str(it).decode_utf8_lossy().into());
            let decoded: Vec<String> = decoded.collect();
            [vec![url], password.into_iter().collect(), decoded].concat()
        });
        // A shorter one would hide half of the text, and no secret.
        secrets.filter(|secret| secret.len() > 3).collect()
    }

    /// A database beside this one that does not exist yet.
    #[must_use]
    pub(crate) fn scratch(&self) -> Self {
        let name = format!("doorstep_replay_{}", uuid::Uuid::new_v4().simple());
        Self { scratch: Some(name), ..self.clone() }
    }
}
