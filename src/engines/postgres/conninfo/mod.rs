//! Where a PostgreSQL server is and how to log in: URLs, libpq's keyword strings, `PG*` variables and
//! Prisma's URL parameters, read as libpq and Prisma read them (PostgreSQL manual, 34.1 and 34.15).
//!
//! `url` and `keywords` read the two forms of text into `parameters`, which `mod` and `tls` turn into a [`Target`];
//! `names` refuses names that are mistakes; `passfile` is asked when a connection is opened. sqlx's own reader is not used: it keeps the brackets of `[::1]`, knows
//! one host only, and drops parameters that change the meaning (`schema`, `sslaccept`, `target_session_attrs`).

mod keywords;
mod names;
mod parameters;
pub(crate) mod passfile;
mod tls;
mod url;

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::base::application_name::ApplicationName;
use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::fault::Fault;
use crate::base::password_command::PasswordCommand;
use crate::base::plain_name;
use crate::base::secret::{Secret, read_file};
use crate::engines::endpoint::two_passwords;
use crate::engines::net::dial::Heartbeat;
use crate::engines::net::tls::Tls;
use crate::engines::postgres::client::login::{Binding, RequireAuth};
use crate::engines::postgres::conninfo::parameters::Parameters;
use crate::engines::url_text::UrlText;

/// One attempt where the URL sets no other limit; libpq would wait for ever.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long sent bytes may stay unacknowledged where the URL sets no `tcp_user_timeout`: as long as a keepalive idles.
const USER_TIMEOUT: Duration = Duration::from_secs(60);

/// A parsed URL with every default filled in.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Servers to try in order.
    pub(crate) hosts: Vec<Host>,
    pub(crate) user: String,
    password: Option<Secret>,
    /// The role that sessions act as: sent with the login, so that RESET ROLE and DISCARD ALL lead back to it.
    pub(crate) acting_role: Option<String>,
    /// The options that child processes find in PGOPTIONS.
    child_options: Option<String>,
    /// What prints the password, for each login.
    password_command: Option<PasswordCommand>,
    /// PGPASSWORD, where the URL has another one: child processes see it.
    variable_password: Option<Secret>,
    /// Read for each host when there is no password.
    passfile: Option<PathBuf>,
    pub(crate) database: String,
    /// The database is not named, so that it is the user's name, as in libpq. It is not created when it is missing.
    pub(crate) database_is_default: bool,
    /// Prisma's `pgbouncer=true`: a pooler in transaction mode.
    pub(crate) pgbouncer: bool,
    /// `?schema=`: Prisma's target schema, first and only in the search path.
    pub(crate) schema: Option<String>,
    /// The schemas behind it in the search path.
    pub(crate) path: Vec<String>,
    pub(crate) application_name: String,
    pub(crate) options: Option<String>,
    /// One attempt, from name resolution to the first answer.
    pub(crate) connect_timeout: Duration,
    pub(crate) tls: Tls,
    /// `sslnegotiation=direct`: no request first (PostgreSQL 17).
    pub(crate) direct_tls: bool,
    pub(crate) heartbeat: Heartbeat,
    /// `channel_binding`
    pub(crate) binding: Binding,
    /// `require_auth`
    pub(crate) require_auth: Option<RequireAuth>,
    /// Parameters that have no effect.
    pub(crate) warnings: Vec<String>,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    /// Name, address literal, or absolute directory of a Unix socket.
    pub(crate) name: String,
    /// libpq's `hostaddr`: dial this, but verify `name`.
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

impl Target {
    /// Reads `url`, which may be empty; the environment fills the gaps, as it does for libpq.
    pub(crate) fn parse(url: &UrlText, environment: &Environment) -> Result<Self, Error> {
        let mut parameters = Parameters::default();
        let mut repaired = false;
        match url {
            UrlText::Empty => {}
            UrlText::Keywords(text) => parameters.read_keywords(text)?,
            UrlText::Url { scheme, text, repaired: was_repaired } => {
                repaired = *was_repaired;
                if !["postgres", "postgresql"].contains(&scheme.as_str()) {
                    return Err(invalid(
                        "it starts with an unknown scheme; write postgresql://user@host/database, file:./dev.db or sqlite://dev.db",
                    ));
                }
                let text = text.strip_prefix("jdbc:").unwrap_or(text);
                let (_, rest) = text.split_once(':').unwrap_or_default();
                let Some(rest) = rest.strip_prefix("//") else {
                    return Err(invalid("two slashes follow the scheme: postgresql://user@host/database"));
                };
                parameters.read_url(rest)?;
            }
        }
        let mut target = parameters.into_target(environment)?;
        if repaired {
            target.warnings.push(
                "tabs or line breaks were taken out of the database URL, as Node does; other clients make them part of a name"
                    .to_owned(),
            );
        }
        Ok(target)
    }

    /// The password for a host: the one given, else the password file's.
    pub(crate) fn password_for(&self, host: &Host, database: &str) -> Option<Secret> {
        let from_file = || passfile::lookup(self.passfile.as_deref()?, host, database, &self.user);
        self.password.clone().or_else(from_file)
    }

    /// The same, with the password that the command prints now.
    pub(crate) async fn with_new_password(&self) -> Result<Cow<'_, Self>, Fault> {
        let Some(command) = &self.password_command else { return Ok(Cow::Borrowed(self)) };
        Ok(Cow::Owned(Self { password: Some(command.password().await?), ..self.clone() }))
    }

    /// The same, which gets its password from a command at each login.
    pub(crate) fn with_password_command(&self, command: &PasswordCommand) -> Result<Self, Error> {
        match self.password {
            Some(_) => Err(two_passwords("in the URL, PGPASSWORD or PGPASSWORD_FILE")),
            None => Ok(Self { password_command: Some(command.clone()), ..self.clone() }),
        }
    }

    /// The same, whose sessions act as this role.
    pub(crate) fn with_role(&self, role: &str) -> Self {
        Self { acting_role: Some(role.to_owned()), ..self.clone() }
    }

    /// PGOPTIONS of a child whose sessions act as that role.
    pub(crate) fn acting_options(&self) -> Option<String> {
        // White space and backslashes are escaped by a backslash (manual 34.1.2, `options`).
        let escaped = |c: char| if c.is_whitespace() || c == '\\' { vec!['\\', c] } else { vec![c] };
        let role: String = self.acting_role.as_ref()?.chars().flat_map(escaped).collect();
        let own = self.child_options.as_ref().map(|options| format!("{options} ")).unwrap_or_default();
        Some(format!("{own}-c role={role}"))
    }

    /// The same, with another database.
    pub(crate) fn scratch(&self, name: &str) -> Self {
        Self { database: name.to_owned(), database_is_default: false, ..self.clone() }
    }

    /// `db:5432/app`, `[::1]:5432/app`, `/run/postgresql/app`; without names that may be a piece of a password.
    pub(crate) fn address(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(Host::to_string).collect();
        format!("{}/{}", hosts.join(","), plain_name::shown(&self.database))
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, address, port } = self;
        match address {
            Some(address) if name != &address.to_string() => write!(f, "{name}({address}):{port}"),
            _ if self.is_socket() => write!(f, "{}:{port}", plain_name::shown_path(name.as_ref())),
            _ if name.contains(':') => write!(f, "[{name}]:{port}"),
            _ => write!(f, "{name}:{port}"),
        }
    }
}

impl Host {
    /// True for a Unix socket.
    pub(crate) fn is_socket(&self) -> bool {
        self.name.starts_with('/') || self.name.starts_with('@')
    }
}

/// From parameters to a target.
impl Parameters {
    fn into_target(mut self, environment: &Environment) -> Result<Target, Error> {
        self.add_variables(environment);
        self.check_names()?;
        if self.get("service").is_some() {
            return Err(Error::Settings(
                "connection service files (service=, PGSERVICE) are not read\nnext: write host, port, user and dbname out".to_owned(),
            ));
        }
        let hosts = self.hosts()?;
        let user = match self.get("user").or_else(|| environment.get("USER")).or_else(|| environment.get("LOGNAME")) {
            Some(user) => user.to_owned(),
            None => return Err(invalid("it names no user; write postgresql://user@host/database or set PGUSER")),
        };
        let named = self.get("dbname").or_else(|| self.get("database"));
        let (database, database_is_default) = (named.unwrap_or(&user).to_owned(), named.is_none());
        let (tls, heartbeat) = (self.tls(environment)?, self.heartbeat()?);
        let password = match (self.get("password"), environment.get("PGPASSWORD_FILE")) {
            (Some(password), _) => Some(Secret::new(password)),
            (None, Some(path)) => Some(read_file(path.as_ref())?),
            (None, None) => None,
        };
        self.refuse_the_impossible()?;
        let mut warnings = self.unknown();
        let passfile = passfile::usable(self.passfile(environment)).unwrap_or_else(|warning| {
            warnings.extend(password.is_none().then_some(warning));
            None
        });
        Ok(Target {
            connect_timeout: match self.number("connect_timeout")? {
                None | Some(0) => CONNECT_TIMEOUT,
                Some(seconds) => Duration::from_secs(seconds),
            },
            schema: self.get("schema").map(str::to_owned),
            path: Vec::new(),
            application_name: self
                .get("application_name")
                .map_or_else(|| ApplicationName::of_process(environment).with(""), str::to_owned),
            options: self.options(),
            direct_tls: self.direct_tls()?,
            pgbouncer: self.get("pgbouncer") == Some("true"),
            warnings,
            hosts,
            user,
            variable_password: environment.get("PGPASSWORD").map(Secret::new),
            password,
            acting_role: None,
            child_options: environment.get("PGOPTIONS").map(str::to_owned),
            password_command: None,
            passfile,
            database,
            database_is_default,
            tls,
            heartbeat,
            binding: self.binding()?,
            require_auth: self.require_auth()?,
        })
    }

    /// libpq: comma-separated lists of equal length, a single port serves all hosts.
    fn hosts(&self) -> Result<Vec<Host>, Error> {
        let list = |name| self.get(name).map(|text| text.split(',').map(str::to_owned).collect::<Vec<_>>());
        let addresses = list("hostaddr");
        let names = list("host").or_else(|| addresses.clone()).unwrap_or_else(|| vec![String::new()]);
        let ports = list("port").unwrap_or_else(|| vec![String::new()]);
        if ports.len() > 1 && ports.len() != names.len() {
            return Err(invalid("it names several ports, but not one for each host"));
        }
        let mut hosts = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let port = match ports.get(index).or(ports.first()).map_or("", String::as_str) {
                "" => 5432,
                text => text.trim().parse().map_err(|_| bad_port())?,
            };
            let address = match addresses.as_ref().and_then(|list| list.get(index)).filter(|text| !text.is_empty()) {
                Some(text) => Some(text.parse().map_err(|_| invalid("hostaddr is not an IP address"))?),
                None => None,
            };
            let name = name.trim_start_matches('[').trim_end_matches(']');
            let name = if name.is_empty() { default_host(port) } else { name.to_owned() };
            hosts.push(Host { name, address, port });
        }
        Ok(hosts)
    }

    /// libpq's keepalive parameters and `tcp_user_timeout` (34.1.2).
    fn heartbeat(&self) -> Result<Heartbeat, Error> {
        let seconds = |number: Option<u64>, default| Duration::from_secs(number.filter(|n| *n > 0).unwrap_or(default));
        let count = self.number("keepalives_count")?.filter(|count| *count > 0).unwrap_or(6);
        Ok(Heartbeat {
            keepalive: self.get("keepalives") != Some("0"),
            idle: seconds(self.number("keepalives_idle")?, 60),
            interval: seconds(self.number("keepalives_interval")?, 10),
            count: u32::try_from(count).unwrap_or(u32::MAX),
            // Milliseconds; 0 is the kernel's default.
            user_timeout: match self.number("tcp_user_timeout")? {
                None => Some(USER_TIMEOUT),
                Some(0) => None,
                Some(millis) => Some(Duration::from_millis(millis)),
            },
        })
    }

    fn binding(&self) -> Result<Binding, Error> {
        match self.get("channel_binding") {
            None | Some("prefer") => Ok(Binding::Prefer),
            Some("disable") => Ok(Binding::Disable),
            Some("require") => Ok(Binding::Require),
            Some(_) => Err(invalid("channel_binding is none of disable, prefer and require")),
        }
    }

    fn require_auth(&self) -> Result<Option<RequireAuth>, Error> {
        self.get("require_auth").map(RequireAuth::parse).transpose().map_err(|why| invalid(&why))
    }

    /// libpq's password file, wherever it is.
    fn passfile(&self, environment: &Environment) -> Option<PathBuf> {
        let named = self.get("passfile").map(PathBuf::from);
        named.or_else(|| environment.path("HOME").map(|home| home.join(".pgpass")))
    }
}

/// libpq's default is the Unix socket of the machine, where there is one; a container has none.
fn default_host(port: u16) -> String {
    let is_there = |dir: &&str| std::path::Path::new(dir).join(format!(".s.PGSQL.{port}")).exists();
    ["/var/run/postgresql", "/tmp"].iter().find(|dir| is_there(dir)).map_or("localhost", |dir| dir).to_owned()
}

fn bad_port() -> Error {
    invalid(
        "the port is not a number; if the password holds a special character, percent-encode it \
         (`/` is %2F, `?` is %3F, `#` is %23, `@` is %40, `:` is %3A, `%` is %25)",
    )
}

/// Says what is wrong without quoting any of the URL.
fn invalid(what: &str) -> Error {
    Error::Settings(format!("the database URL cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::net::tls::{Roots, TlsMode};

    fn parse_with(text: &str, variables: &[(&str, &str)]) -> Result<Target, String> {
        let environment = Environment::from_pairs(variables.iter().map(|(k, v)| ((*k).into(), (*v).into())));
        let target = UrlText::read(text).and_then(|text| Target::parse(&text, &environment));
        target.map_err(|error| error.to_string())
    }

    fn parse(text: &str) -> Target {
        parse_with(text, &[]).unwrap()
    }

    fn password(target: &Target) -> &str {
        target.password.as_ref().map_or("", Secret::expose)
    }

    #[test]
    fn a_plain_url() {
        let target = parse("postgresql://app:s%40cret@db:6432/shop?schema=app&connection_limit=5");
        assert_eq!(target.address(), "db:6432/shop");
        assert_eq!((target.user.as_str(), password(&target)), ("app", "s@cret"));
        assert_eq!(target.schema.as_deref(), Some("app"));
        assert!(target.warnings.is_empty());
    }

    #[test]
    fn driver_suffixes_say_nothing() {
        for scheme in ["postgres", "postgresql+asyncpg", "postgresql+psycopg2", "jdbc:postgresql"] {
            assert_eq!(parse(&format!("{scheme}://u@h/d")).address(), "h:5432/d");
        }
    }

    #[test]
    fn ipv6_literals_and_several_hosts() {
        assert_eq!(parse("postgres://u@[::1]:5433/d").hosts[0].name, "::1");
        assert_eq!(parse("postgres://u@[::1]:5433/d").address(), "[::1]:5433/d");
        assert_eq!(parse("postgres://u@a:1,[::2],c:3/d").address(), "a:1,[::2]:5432,c:3/d");
        assert_eq!(parse("host=a,b port=7 user=u dbname=d").address(), "a:7,b:7/d");
    }

    #[test]
    fn unix_sockets() {
        assert_eq!(parse("postgres://u@%2Frun%2Fpg/d").hosts[0].name, "/run/pg");
        assert!(parse("postgres://u@localhost/d?host=/run/pg").hosts[0].is_socket());
        assert_eq!(parse("postgres://u@/d?host=/run/pg").address(), "/run/pg:5432/d");
    }

    #[test]
    fn keyword_strings() {
        let target = parse(r"host=db user=app password='it\'s a \\ pass' dbname = shop sslmode=disable");
        assert_eq!(password(&target), r"it's a \ pass");
        assert_eq!(target.address(), "db:5432/shop");
        assert!(parse_with("host=db user='x", &[]).unwrap_err().contains("closing quote"));
    }

    #[test]
    fn an_at_sign_or_hash_in_the_password_is_taken_as_it_is() {
        assert_eq!(password(&parse("postgres://u:p@ss@h/d")), "p@ss");
        assert_eq!(password(&parse("postgres://u:p#ss@h/d")), "p#ss");
        assert_eq!(password(&parse("postgres://u:p:ss@h/d")), "p:ss");
    }

    #[test]
    fn a_password_that_cuts_the_url_is_explained_and_never_shown() {
        for (url, code) in [
            ("postgres://u:hunter/2@h/d", "%2F"),
            ("postgres://u:1/hunter@h/d", "%2F"),
            ("postgres://u:hunter?2@h/d", "%3F"),
            ("postgres://u:hunter%2@h/d", "%25"),
            ("postgres://u:hunter%zz2@h/d", "%25"),
        ] {
            let error = parse_with(url, &[]).unwrap_err();
            assert!(error.contains(code) && !error.contains("hunter"), "{url}: {error}");
        }
        let error = parse_with("postgres://u@h:hunter2/d", &[]).unwrap_err();
        assert!(error.contains("port is not a number") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn the_environment_fills_gaps_as_for_libpq() {
        let variables = [("PGHOST", "db"), ("PGPORT", "7"), ("PGUSER", "u"), ("PGDATABASE", "d"), ("PGPASSWORD", "x")];
        let target = parse_with("", &variables).unwrap();
        assert_eq!((target.address().as_str(), password(&target)), ("db:7/d", "x"));
        assert_eq!(parse_with("postgres://v@h/e", &variables).unwrap().address(), "h:7/e");
    }

    #[test]
    fn the_user_names_the_database_when_nothing_else_does() {
        assert_eq!(parse("postgres://u@h").database, "u");
        assert!(parse_with("postgres://h/d", &[]).unwrap_err().contains("names no user"));
    }

    #[test]
    fn tls_modes_as_libpq_means_them() {
        assert_eq!(parse("postgres://u@h/d").tls.mode, TlsMode::Prefer);
        assert_eq!(parse("postgres://u@h/d?sslmode=require").tls.mode, TlsMode::Require);
        assert_eq!(parse("postgres://u@h/d?sslmode=require&sslrootcert=/ca").tls.mode, TlsMode::VerifyCa);
        assert_eq!(parse("postgres://u@h/d?sslrootcert=system").tls.mode, TlsMode::VerifyFull);
        assert_eq!(parse("postgres://u@h/d?sslmode=require&sslaccept=strict").tls.mode, TlsMode::VerifyFull);
        assert!(matches!(parse("postgres://u@h/d?sslcert=/ca").tls.roots, Roots::File(_)));
        assert!(parse("postgres://u@h/d?sslcert=/c&sslkey=/k").tls.client.is_some());
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for parameter in [
            "channel_binding=always",
            "require_auth=kerberos",
            "sslidentity=x.p12",
            "target_session_attrs=standby",
            "sslmode=verify_full",
            "service=prod",
        ] {
            assert!(parse_with(&format!("postgres://u@h/d?{parameter}"), &[]).is_err(), "{parameter}");
        }
    }

    #[test]
    fn unknown_parameters_are_named_without_their_value() {
        let target = parse("postgres://u@h/d?passwrod=hunter2");
        assert_eq!(target.warnings, ["the URL's parameter `passwrod` is unknown and has no effect"]);
    }

    #[test]
    fn a_clients_certificate_at_home_is_used_as_by_libpq() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".postgresql")).unwrap();
        std::fs::write(home.path().join(".postgresql/postgresql.crt"), "").unwrap();
        let client = |url| parse_with(url, &[("HOME", home.path().to_str().unwrap())]).unwrap().tls.client;
        assert!(client("postgres://u@h/d").unwrap().1.ends_with(".postgresql/postgresql.key"));
        assert!(client("postgres://u@h/d?sslcert=a&sslkey=b").unwrap().0.ends_with("a"));
        assert!(client("postgres://u@h/d?sslcertmode=disable").is_none());
        assert!(parse("postgres://u@h/d").tls.client.is_none());
    }
}
