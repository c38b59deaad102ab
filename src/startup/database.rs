//! Which database a start works on: the URL of the settings, else of the Prisma schema, else libpq's variables.
//!
//! A secret file is read again at every connect, so that a rotated password is picked up. Parsing the URL is up to
//! `engines/connect.rs`.

use std::path::PathBuf;

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::mask::Mask;
use crate::base::plain_name::is_parameter_name;
use crate::base::secret::{Secret, SecretSource};
use crate::config::Settings;
use crate::engines::connect::Target;
use crate::engines::url_text::UrlText;
use crate::formats::{Datasource, UrlSource};

/// The database that doorstep itself works on.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    source: SecretSource,
    /// The URL that the service uses, if it differs.
    service: Option<SecretSource>,
    environment: Environment,
    /// The directory that a relative `file:` URL is relative to.
    base: PathBuf,
    /// A scratch database of this name on the same server, instead of the one that the URL names.
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
        Self::named(settings, datasource, environment).ok_or_else(|| nothing_named(datasource))
    }

    /// The same; `None` where nothing names a database.
    pub(crate) fn named(
        settings: &Settings,
        datasource: Option<&Datasource>,
        environment: &Environment,
    ) -> Option<Self> {
        let from_schema = |value: &Option<UrlSource>| match value.as_ref()? {
            UrlSource::Literal(url) => Some(SecretSource::Text(Secret::new(url))),
            UrlSource::Environment(name) => environment.get(name).map(|url| SecretSource::Text(Secret::new(url))),
        };
        let direct = datasource.and_then(|datasource| from_schema(&datasource.direct_url));
        let plain = datasource.and_then(|datasource| from_schema(&datasource.url));
        let libpq = || Target::is_in(environment).then_some(SecretSource::Libpq);
        let own = settings.migrate_database.clone().or(direct);
        let plain = settings.database.clone().or(plain);
        let service = own.as_ref().and(plain.clone());
        let source = own.or(plain).or_else(libpq)?;
        // Prisma up to 6 has the URL in the schema and resolves it from the directory of the schema; Prisma 7 has it
        // elsewhere and resolves it from the working directory.
        let base = datasource.filter(|datasource| datasource.url.is_some());
        let base = base.map(|datasource| datasource.directory.clone()).unwrap_or_default();
        Some(Self { source, service, environment: environment.clone(), base, scratch: None })
    }

    /// The URLs of the Prisma schema that differ from those of the settings, which win.
    pub(crate) fn overruled<'a>(
        settings: &Settings,
        datasource: Option<&'a Datasource>,
        environment: &Environment,
    ) -> Vec<Overruled<'a>> {
        let Some(datasource) = datasource else { return Vec::new() };
        let pairs = [
            (&settings.database, &datasource.url, "DATABASE_URL (or --database-url)", "url", "a service"),
            (&settings.migrate_database, &datasource.direct_url, "migrate_url", "directUrl", "another tool"),
        ];
        let overruled = pairs.into_iter().filter_map(|(setting, url, used, key, reader)| {
            let name = variable_of(url.as_ref())?;
            let (own, other) = (setting.as_ref()?.read().ok()?, environment.get(name)?);
            let differ = own.expose().trim() != other.trim();
            differ.then_some(Overruled { used, key, other: name, reader })
        });
        overruled.collect()
    }

    /// The current URL, parsed.
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

    /// The role of the service, if it has its own URL and that names a role: the URL of a hosted proxy does not.
    #[must_use]
    pub(crate) fn service_role(&self) -> Option<String> {
        self.service_target()?.role().map(str::to_owned)
    }

    /// The service's own URL, parsed, if it has one.
    pub(crate) fn service_target(&self) -> Option<Target> {
        let url = self.service.as_ref()?.read().ok()?;
        Target::parse(&url, &self.environment, &self.base).ok()
    }

    /// The current URL, for a child process; `None` where libpq's variables name the database, which the child inherits.
    ///
    /// # Errors
    /// [`Error::Settings`] when the file cannot be read.
    pub(crate) fn url(&self) -> Result<Option<Secret>, Error> {
        let url = UrlText::read(self.source.read()?.expose())?;
        // As doorstep reads it: another client would make a line break part of a name.
        Ok((url != UrlText::Empty).then(|| Secret::new(url.text())))
    }

    /// The URLs and every password that belongs to them, to be hidden in the output of child processes.
    #[must_use]
    pub(crate) fn mask(&self) -> Mask {
        let urls = [Some(&self.source), self.service.as_ref()].into_iter().flatten().filter_map(|it| it.read().ok());
        let secrets = urls.flat_map(|url| {
            let passwords = Target::parse(&url, &self.environment, &self.base).map(|target| target.secrets());
            let read = UrlText::read(url.expose()).map(|text| text.text().to_owned());
            let texts = [url.expose().trim().to_owned(), written_password(url.expose()).unwrap_or_default()];
            texts.into_iter().chain(read).chain(passwords.unwrap_or_default())
        });
        Mask::new(secrets)
    }

    /// A scratch database on the same server, which does not exist yet.
    #[must_use]
    pub(crate) fn scratch(&self) -> Self {
        let name = format!("doorstep_replay_{}", uuid::Uuid::new_v4().simple());
        Self { scratch: Some(name), ..self.clone() }
    }
}

/// A URL of the Prisma schema that is not used, because a setting names another one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Overruled<'a> {
    /// The setting.
    pub(crate) used: &'static str,
    /// The key in the schema.
    pub(crate) key: &'static str,
    /// The variable that the schema names.
    pub(crate) other: &'a str,
    /// Who uses that one.
    pub(crate) reader: &'static str,
}

/// The variable that a URL of the Prisma schema is taken from. A text that cannot be a variable may be a secret.
fn variable_of(url: Option<&UrlSource>) -> Option<&str> {
    match url? {
        UrlSource::Environment(name) if is_parameter_name(name) => Some(name),
        _ => None,
    }
}

fn nothing_named(datasource: Option<&Datasource>) -> Error {
    let ways = "DATABASE_URL_FILE, --database-url, or libpq's PGHOST, PGUSER, …";
    Error::Settings(
        match variable_of(datasource.and_then(|it| it.url.as_ref())).filter(|name| *name != "DATABASE_URL") {
            Some(name) => format!(
                "no database is named: the Prisma schema takes it from {name}, which is not set\n\
             next: set {name}, or DATABASE_URL (or {ways})"
            ),
            None => format!("no database is named\nnext: set DATABASE_URL (or {ways})"),
        },
    )
}

/// The password as the URL spells it, also of a URL that does not parse.
fn written_password(url: &str) -> Option<String> {
    let (_, rest) = url.trim().split_once("://")?;
    let (login, _) = rest.rsplit_once('@')?;
    login.split_once(':').map(|(_, password)| password.to_owned())
}
