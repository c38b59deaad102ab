//! Which database a start works on: the URL of the settings, else of the Prisma schema, else libpq's variables.
//!
//! A secret file is read again at every connect, so that a rotated password is picked up. Parsing the URL is up to
//! `engines/connect.rs`.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::mask::Mask;
use crate::base::password_command::PasswordCommand;
use crate::base::plain_name::is_parameter_name;
use crate::base::secret::{Secret, SecretSource};
use crate::config::{Settings, UrlOrigin};
use crate::engines::connect::Target;
use crate::engines::url_text::UrlText;
use crate::formats::{Datasource, UrlSource};
use crate::startup::exec::Service;

/// How long `password_command` may take where no setting says it.
const PASSWORD_LIMIT: Duration = Duration::from_secs(30);

/// What to do about a command that gives no password.
pub(crate) const NEXT_WITHOUT_PASSWORD: &str =
    "run that command in this container, as this user and with this environment, to see why";

/// The database that doorstep itself works on.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    source: SecretSource,
    /// What named it.
    origin: UrlOrigin,
    /// The URL that the service uses, if it differs.
    service: Option<SecretSource>,
    environment: Environment,
    /// The role that doorstep's own sessions act as.
    acting_role: Option<String>,
    /// What prints the password for each login of doorstep's own.
    password_command: Option<PasswordCommand>,
    /// The directory that a relative `file:` URL is relative to.
    base: PathBuf,
    /// Where unqualified names lead instead of to the schema of the URL: to this schema, then to those behind it.
    schema: Option<(String, Vec<String>)>,
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
        let from_schema = |key: &'static str, value: &Option<UrlSource>| {
            let (url, variable) = match value.as_ref()? {
                UrlSource::Literal(url) => (url.as_str(), None),
                UrlSource::Environment(name) => (environment.get(name)?, Some(name.clone())),
            };
            let variable = variable.filter(|name| is_parameter_name(name));
            Some((SecretSource::Text(Secret::new(url)), UrlOrigin::PrismaSchema(key, variable)))
        };
        let direct = datasource.and_then(|datasource| from_schema("directUrl", &datasource.direct_url));
        let plain = datasource.and_then(|datasource| from_schema("url", &datasource.url));
        let libpq = || Target::is_in(environment).then_some((SecretSource::Libpq, UrlOrigin::Libpq));
        let own = settings.migrate_database.clone().zip(settings.origins.migrate.clone()).or(direct);
        let plain = settings.database.clone().zip(settings.origins.database.clone()).or(plain);
        let service = own.as_ref().and(plain.clone()).map(|(source, _)| source);
        let (source, origin) = own.or(plain).or_else(libpq)?;
        // Prisma up to 6 has the URL in the schema and resolves it from the directory of the schema; Prisma 7 has it
        // elsewhere and resolves it from the working directory.
        let base = datasource.filter(|datasource| datasource.url.is_some());
        let base = base.map(|datasource| datasource.directory.clone()).unwrap_or_default();
        let (environment, acting_role) = (environment.clone(), settings.migrate_role.clone());
        let (password_command, schema, scratch) = (None, None, None);
        Some(Self { source, origin, service, environment, acting_role, password_command, base, schema, scratch })
    }

    /// The same, with the command that the settings name for the password.
    ///
    /// # Errors
    /// [`Error::CommandNotFound`] or [`Error::CommandNotExecutable`].
    pub(crate) fn with_password_command(self, settings: &Settings, path: Option<&str>) -> Result<Self, Error> {
        let Some(words) = &settings.password_command else { return Ok(self) };
        let program = Service::find_for("password_command", words, path)?;
        let limit = settings.command_timeout.unwrap_or(PASSWORD_LIMIT);
        let command = PasswordCommand::new(words.to_string(), limit, move || program.command());
        Ok(Self { password_command: Some(command), ..self })
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

    /// The Prisma schema names it, and not the settings or the environment alone.
    pub(crate) fn is_of_project(&self) -> bool {
        matches!(self.origin, UrlOrigin::PrismaSchema(..))
    }

    /// What named the URL.
    pub(crate) fn origin(&self) -> &UrlOrigin {
        &self.origin
    }

    /// The current URL, parsed.
    ///
    /// # Errors
    /// [`Error::Settings`] when the file cannot be read or the URL does not parse.
    pub(crate) fn target(&self) -> Result<Target, Error> {
        let target = Target::parse(&self.source.read()?, &self.environment, &self.base)?;
        let target = match &self.password_command {
            Some(command) => target.with_password_command(command)?,
            None => target,
        };
        let target = match &self.acting_role {
            Some(role) => target.with_role(role)?,
            None => target,
        };
        let target = match &self.schema {
            Some((schema, path)) => target.with_schema(schema, path)?,
            None => target,
        };
        Ok(match &self.scratch {
            Some(name) => target.scratch(name),
            None => target,
        })
    }

    /// The role of the service, if it is another one than doorstep acts as: that of its own URL, where that names one (the URL of
    /// a hosted proxy does not), or that of the login under `migrate_role`.
    #[must_use]
    pub(crate) fn service_role(&self) -> Option<String> {
        let login = || self.acting_role.as_ref().and_then(|_| self.target().ok()?.role().map(str::to_owned));
        match &self.service {
            Some(_) => self.service_target()?.role().map(str::to_owned),
            None => login(),
        }
    }

    /// The service's own URL, parsed, if it has one.
    pub(crate) fn service_target(&self) -> Option<Target> {
        let url = self.service.as_ref()?.read().ok()?;
        Target::parse(&url, &self.environment, &self.base).ok()
    }

    /// The current URL, for a child process, and a new password where a command gives it.
    ///
    /// # Errors
    /// [`Error::Settings`] when the file cannot be read, [`Error::Refused`] when there is no password.
    pub(crate) async fn child_login(&self) -> Result<ChildLogin, Error> {
        let url = UrlText::read(self.source.read()?.expose())?;
        // As doorstep reads it: another client would make a line break part of a name.
        let url = (url != UrlText::Empty).then(|| Secret::new(url.text()));
        let target = self.target()?;
        let options = target.acting_options();
        let Some(command) = &self.password_command else { return Ok(ChildLogin { url, password: None, options }) };
        let password = command.password().await.map_err(|fault| {
            let remedy = Some(NEXT_WITHOUT_PASSWORD.to_owned());
            Error::Refused { address: target.address(), fault, remedy }
        })?;
        let url = url.map(|url| with_password(url.expose(), password.expose()).map_or(url, Secret::new));
        Ok(ChildLogin { url, password: target.password_variable().map(|name| (name, password)), options })
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

    /// The same database, where unqualified names lead to this schema, then to those of `path`.
    #[must_use]
    pub(crate) fn at_schema(&self, schema: &str, path: &[String]) -> Self {
        Self { schema: Some((schema.to_owned(), path.to_vec())), ..self.clone() }
    }

    /// A scratch database on the same server, which does not exist yet.
    #[must_use]
    pub(crate) fn scratch(&self) -> Self {
        let name = format!("doorstep_replay_{}", uuid::Uuid::new_v4().simple());
        Self { scratch: Some(name), ..self.clone() }
    }
}

/// How a child process logs in.
pub(crate) struct ChildLogin {
    /// `None` where libpq's variables name the database, which the child inherits.
    pub(crate) url: Option<Secret>,
    /// What `password_command` has printed, and the variable in which clients look for it.
    pub(crate) password: Option<(&'static str, Secret)>,
    /// What makes its sessions act as `migrate_role`, and the variable for it.
    pub(crate) options: Option<(&'static str, String)>,
}

/// The URL with a password, if it has a user and no password yet.
fn with_password(url: &str, password: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (user, host) = authority.rsplit_once('@').filter(|(user, _)| !user.is_empty() && !user.contains(':'))?;
    let password = percent_encoding::utf8_percent_encode(password, percent_encoding::NON_ALPHANUMERIC);
    Some(format!("{scheme}://{user}:{password}@{host}{path}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_password_goes_into_a_url_that_has_a_user_and_none() {
        let with = |url: &str| with_password(url, "p@s/s");
        assert_eq!(with("postgres://u@h:1/d?x=a@b").as_deref(), Some("postgres://u:p%40s%2Fs@h:1/d?x=a@b"));
        assert_eq!(with("mysql://u@h").as_deref(), Some("mysql://u:p%40s%2Fs@h"));
        for other in ["postgres://h/d", "postgres://u:x@h/d", "host=h user=u", "u@tcp(h)/d", "postgres:///d?host=/a@b"]
        {
            assert_eq!(with(other), None, "{other}");
        }
    }
}
