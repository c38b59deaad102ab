//! Where a PostgreSQL server is and how to log in: URLs, libpq's keyword strings, `PG*` variables and
//! Prisma's URL parameters, read as libpq and Prisma read them (PostgreSQL manual, 34.1 and 34.15).
//!
//! sqlx's own reader is not used: it keeps the brackets of `[::1]`, knows one host only, and drops
//! parameters that change the meaning (`schema`, `sslaccept`, `target_session_attrs`).

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::base::application_name::ApplicationName;
use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::secret::Secret;
use crate::engines::net::tls::{Mode, Roots, Tls};

/// A parsed URL with every default filled in.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Servers to try in order.
    pub(crate) hosts: Vec<Host>,
    pub(crate) user: String,
    password: Option<Secret>,
    /// Looked at for each host when there is no password.
    passfile: Option<PathBuf>,
    pub(crate) database: String,
    /// Nobody named the database; libpq takes the user's name. Not to be created by a slip.
    pub(crate) database_is_default: bool,
    /// Prisma's `pgbouncer=true`: a pooler in transaction mode.
    pub(crate) pgbouncer: bool,
    /// `?schema=`: Prisma's target schema, first and only in the search path.
    pub(crate) schema: Option<String>,
    pub(crate) application_name: String,
    pub(crate) options: Option<String>,
    /// One attempt, from name resolution to the first answer.
    pub(crate) connect_timeout: Duration,
    pub(crate) tls: Tls,
    pub(crate) keepalive: Keepalive,
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

/// TCP keepalive; on by default, since NAT and load balancers drop a silent connection during long DDL.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keepalive {
    pub(crate) on: bool,
    pub(crate) idle: Duration,
    pub(crate) interval: Duration,
}

/// Parameters that mean something to a connection pool or a client, not to one session.
const OF_NO_CONCERN: &[&str] = &[
    "connection_limit",
    "pool_timeout",
    "socket_timeout",
    "statement_cache_size",
    "max_connection_lifetime",
    "max_idle_connection_lifetime",
    "single_use_connections",
    "client_encoding",
    "fallback_application_name",
    "keepalives_count",
    "tcp_user_timeout",
    "load_balance_hosts",
    "sslcompression",
    "sslsni",
    "krbsrvname",
    "gsslib",
    "gssdelegation",
];

impl Target {
    /// Reads `text`, which may be empty; the environment fills the gaps, as it does for libpq.
    pub(crate) fn parse(text: &str, environment: &Environment) -> Result<Self, Error> {
        let mut parameters = Parameters::default();
        if text.starts_with(['"', '\'']) {
            return Err(invalid("it has quotes around it (docker's --env-file keeps them); write it without"));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            let scheme = scheme.strip_prefix("jdbc:").unwrap_or(scheme);
            let engine = scheme.split('+').next().unwrap_or(scheme).to_ascii_lowercase();
            if !["postgres", "postgresql"].contains(&engine.as_str()) {
                return Err(invalid(
                    "it starts with an unknown scheme; write postgresql://user@host/database, file:./dev.db or sqlite://dev.db",
                ));
            }
            parameters.read_url(rest)?;
        } else if text.contains('=') {
            parameters.read_keywords(text)?;
        } else if !text.is_empty() {
            return Err(invalid("write postgresql://user@host/database, or file:./dev.db for SQLite"));
        }
        parameters.into_target(environment)
    }

    /// The password for a host: the one given, else the password file's.
    pub(crate) fn password_for(&self, host: &Host, database: &str) -> Option<Secret> {
        let from_file =
            || crate::engines::postgres::passfile::lookup(self.passfile.as_deref()?, host, database, &self.user);
        self.password.clone().or_else(from_file)
    }

    /// The same, with another database.
    pub(crate) fn scratch(&self, name: &str) -> Self {
        Self { database: name.to_owned(), database_is_default: false, ..self.clone() }
    }

    /// `db:5432/app`, `[::1]:5432/app`, `/run/postgresql/app`.
    pub(crate) fn address(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(Host::to_string).collect();
        format!("{}/{}", hosts.join(","), self.database)
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, address, port } = self;
        match address {
            Some(address) if name != &address.to_string() => write!(f, "{name}({address}):{port}"),
            _ if self.is_socket() => write!(f, "{name}:{port}"),
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

/// Parameter names and values as written, before any default.
#[derive(Default)]
struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The last mention wins, as in libpq.
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    fn put(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_owned(), value.into()));
    }

    /// `[user[:password]@][host[:port],…][/database][?name=value&…]`
    fn read_url(&mut self, rest: &str) -> Result<(), Error> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // A `/` or `?` in the password has cut the URL short: its `@` now stands behind the cut.
        let port_is_no_number = authority.split_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_err());
        if !authority.contains('@') && authority.contains(':') && path.contains('@') {
            return Err(unencoded('/'));
        }
        if !rest.contains('@') && port_is_no_number && query.contains('@') {
            return Err(unencoded('?'));
        }
        // The last `@` ends the user info, as in a WHATWG URL: an `@` in the password is harmless.
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        if !login.is_empty() {
            let (user, password) = match login.split_once(':') {
                Some((user, password)) => (user, Some(password)),
                None => (login, None),
            };
            self.put("user", decode(user, "the user name")?);
            if let Some(password) = password {
                self.put("password", decode(password, "the password")?);
            }
        }
        self.read_hosts(hosts)?;
        if !path.is_empty() {
            self.put("dbname", decode(path.trim_end_matches('/'), "the database name")?);
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decode(name, "a parameter's name")?;
            let value = decode(&value.replace('+', "%20"), &format!("the parameter `{name}`"))?;
            self.put(&name, value);
        }
        Ok(())
    }

    fn read_hosts(&mut self, hosts: &str) -> Result<(), Error> {
        let (mut names, mut ports) = (Vec::new(), Vec::new());
        for host in hosts.split(',') {
            let (name, port) = match host.strip_prefix('[') {
                Some(literal) => match literal.split_once(']') {
                    Some((address, port)) => (address, port.strip_prefix(':').unwrap_or(port)),
                    None => return Err(invalid("an IPv6 address lacks its closing bracket `]`")),
                },
                None => host.split_once(':').unwrap_or((host, "")),
            };
            names.push(decode(name, "the host")?);
            ports.push(port.to_owned());
        }
        if names.iter().any(|name| !name.is_empty()) {
            self.put("host", names.join(","));
        }
        if ports.iter().any(|port| !port.is_empty()) {
            self.put("port", ports.join(","));
        }
        Ok(())
    }

    /// `host=db port=5432 password='it\'s'` (libpq 34.1.1.1).
    fn read_keywords(&mut self, text: &str) -> Result<(), Error> {
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let (name, after) = rest
                .split_once('=')
                .ok_or_else(|| invalid("a keyword lacks its `=`; quote values that hold spaces: password='a b'"))?;
            let (value, after) = keyword_value(after.trim_start())?;
            self.put(name.trim(), value);
            rest = after.trim_start();
        }
        Ok(())
    }

    fn into_target(mut self, environment: &Environment) -> Result<Target, Error> {
        for (variable, name) in LIBPQ_VARIABLES {
            if let (None, Some(value)) = (self.get(name), environment.get(variable)) {
                self.put(name, value);
            }
        }
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
        let (tls, keepalive) = (self.tls(environment)?, self.keepalive()?);
        let password = match (self.get("password"), environment.get("PGPASSWORD_FILE")) {
            (Some(password), _) => Some(Secret::new(password)),
            (None, Some(path)) => Some(crate::base::secret::SecretSource::File(path.into()).read()?),
            (None, None) => None,
        };
        self.refuse_the_impossible()?;
        let mut warnings = self.unknown();
        let passfile =
            crate::engines::postgres::passfile::usable(self.passfile(environment)).unwrap_or_else(|warning| {
                warnings.extend(password.is_none().then_some(warning));
                None
            });
        Ok(Target {
            connect_timeout: match self.number("connect_timeout")? {
                None | Some(0) => Duration::from_secs(10),
                Some(seconds) => Duration::from_secs(seconds.max(1)),
            },
            schema: self.get("schema").map(str::to_owned),
            application_name: self
                .get("application_name")
                .map_or_else(|| ApplicationName::of_process(environment).with(""), str::to_owned),
            options: self.get("options").map(str::to_owned),
            pgbouncer: self.get("pgbouncer") == Some("true"),
            warnings,
            hosts,
            user,
            password,
            passfile,
            database,
            database_is_default,
            tls,
            keepalive,
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
                text => text.parse().map_err(|_| bad_port())?,
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

    /// libpq's sslmode (34.19), with Prisma's `sslaccept` and node's and asyncpg's `ssl`.
    fn tls(&self, environment: &Environment) -> Result<Tls, Error> {
        let mode = self.get("sslmode").or_else(|| self.get("ssl"));
        let root = self.get("sslrootcert");
        let mut mode = match mode {
            None | Some("prefer") => Mode::Prefer,
            Some("disable" | "false" | "0" | "off") => Mode::Disable,
            Some("allow") => Mode::Allow,
            Some("require" | "true" | "1" | "on" | "no-verify") => Mode::Require,
            Some("verify-ca") => Mode::VerifyCa,
            Some("verify-full") => Mode::VerifyFull,
            Some(other) => {
                return Err(Error::Settings(format!(
                    "sslmode `{other}` is unknown\nnext: write disable, allow, prefer, require, verify-ca or verify-full"
                )));
            }
        };
        match self.get("sslaccept") {
            Some("strict") if mode != Mode::Disable => mode = Mode::VerifyFull,
            _ => {}
        }
        if self.get("sslidentity").is_some() || self.get("sslpassword").is_some() {
            return Err(Error::Settings(
                "PKCS#12 identities and encrypted keys (sslidentity, sslpassword) are not read\n\
                 next: convert them with `openssl pkcs12 -nodes` and give sslcert and sslkey as PEM files"
                    .to_owned(),
            ));
        }
        let path = |name| self.get(name).map(PathBuf::from);
        // libpq's sslcert is the client's certificate and has a key; Prisma's, without one, is a root.
        let (client, prisma_root) = match (path("sslcert"), path("sslkey")) {
            (Some(certificate), Some(key)) => (Some((certificate, key)), None),
            (root, None) => (None, root),
            (None, Some(_)) => return Err(invalid("it has sslkey but no sslcert")),
        };
        let home_root = environment.path("HOME").map(|home| home.join(".postgresql/root.crt"));
        let home_root = home_root.filter(|path| path.exists());
        // libpq: "for backward compatibility", and what its users rely on.
        if mode == Mode::Require && (root.is_some() || home_root.is_some()) {
            mode = Mode::VerifyCa;
        }
        let roots = match (root, prisma_root, home_root) {
            (Some("system"), _, _) => {
                mode = Mode::VerifyFull; // libpq: weaker modes are refused with the system's roots
                Roots::System
            }
            (Some(path), _, _) => Roots::File(path.into()),
            (None, Some(path), _) | (None, None, Some(path)) => Roots::File(path),
            (None, None, None) => Roots::Public,
        };
        let direct = match self.get("sslnegotiation") {
            None | Some("postgres") => false,
            Some("direct") => true,
            Some(_) => return Err(invalid("sslnegotiation is neither postgres nor direct")),
        };
        Ok(Tls { mode, roots, client, direct })
    }

    fn keepalive(&self) -> Result<Keepalive, Error> {
        let seconds = |number: Option<u64>, default| Duration::from_secs(number.filter(|n| *n > 0).unwrap_or(default));
        Ok(Keepalive {
            on: self.get("keepalives") != Some("0"),
            idle: seconds(self.number("keepalives_idle")?, 60),
            interval: seconds(self.number("keepalives_interval")?, 10),
        })
    }

    /// What doorstep cannot honour must not be ignored when ignoring it makes things less safe.
    fn refuse_the_impossible(&self) -> Result<(), Error> {
        let refuse = |text: &str| Err(Error::Settings(text.to_owned()));
        if self.get("channel_binding") == Some("require") {
            return refuse(
                "channel_binding=require cannot be met\nnext: use sslmode=verify-full, which proves the server's identity",
            );
        }
        for name in ["require_auth", "sslcrl", "sslcrldir", "requirepeer"] {
            if self.get(name).is_some() {
                return refuse(&format!(
                    "the parameter {name} cannot be honoured, and ignoring it would be less safe than asked for\nnext: leave it out; sslmode=verify-full proves the server's identity"
                ));
            }
        }
        if self.get("ssl_min_protocol_version").is_some_and(|version| version.eq_ignore_ascii_case("TLSv1.3")) {
            return refuse(
                "ssl_min_protocol_version=TLSv1.3 cannot be met: TLS 1.2 is accepted too\nnext: set it on the server",
            );
        }
        if self.get("gssencmode") == Some("require") {
            return refuse("gssencmode=require cannot be met\nnext: use TLS: sslmode=verify-full");
        }
        match self.get("target_session_attrs") {
            Some("read-only" | "standby") => refuse(
                "target_session_attrs asks for a read-only server, but doorstep needs one that takes writes\n\
                 next: give the primary as migrate_url",
            ),
            Some("any" | "read-write" | "primary" | "prefer-standby") | None => Ok(()),
            Some(_) => refuse("target_session_attrs is unknown\nnext: write read-write, primary or any"),
        }
    }

    fn passfile(&self, environment: &Environment) -> Option<PathBuf> {
        let named = self.get("passfile").map(PathBuf::from);
        named.or_else(|| environment.path("HOME").map(|home| home.join(".pgpass")))
    }

    fn number(&self, name: &str) -> Result<Option<u64>, Error> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| invalid(&format!("the parameter `{name}` is not a number")))
    }

    /// Names (never values: one may be a misspelt password) of parameters nobody knows.
    fn unknown(&self) -> Vec<String> {
        let known = |name: &str| {
            UNDERSTOOD.contains(&name)
                || OF_NO_CONCERN.contains(&name)
                || LIBPQ_VARIABLES.iter().any(|(_, known)| *known == name)
        };
        let names = self.0.iter().map(|(name, _)| name).filter(|name| !known(name));
        names.map(|name| format!("the URL's parameter `{name}` is unknown and has no effect")).collect()
    }
}

/// Parameters that have no variable of their own.
const UNDERSTOOD: &[&str] = &[
    "database",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "pgbouncer",
    "schema",
    "ssl",
    "ssl_min_protocol_version",
    "sslaccept",
    "sslidentity",
    "sslpassword",
];

/// libpq 34.15: variable, parameter it stands in for.
const LIBPQ_VARIABLES: &[(&str, &str)] = &[
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGDATABASE", "dbname"),
    ("PGSERVICE", "service"),
    ("PGOPTIONS", "options"),
    ("PGAPPNAME", "application_name"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGGSSENCMODE", "gssencmode"),
];

/// libpq's default is the Unix socket of the machine, where there is one; a container has none.
fn default_host(port: u16) -> String {
    let is_there = |dir: &&str| std::path::Path::new(dir).join(format!(".s.PGSQL.{port}")).exists();
    ["/var/run/postgresql", "/tmp"].iter().find(|dir| is_there(dir)).map_or("localhost", |dir| dir).to_owned()
}

/// One value of a keyword string, and what follows it.
fn keyword_value(text: &str) -> Result<(String, &str), Error> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, &text[at + 1..])),
            _ if !quoted && character.is_whitespace() => return Ok((value, &text[at..])),
            _ => value.push(character),
        }
    }
    if quoted {
        return Err(invalid("a quoted value lacks its closing quote"));
    }
    Ok((value, ""))
}

/// Percent-decodes one part of a URL.
fn decode(text: &str, part: &str) -> Result<String, Error> {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let stray = (0..bytes.len()).any(|at| bytes[at] == b'%' && !(hex(at + 1) && hex(at + 2)));
    if stray {
        return Err(Error::Settings(format!(
            "the database URL cannot be read: {part} holds a `%` that starts no code\nnext: write it as %25"
        )));
    }
    let decoded = percent_decode_str(text).decode_utf8();
    if decoded.as_ref().is_ok_and(|text| text.contains('\0')) {
        return Err(invalid(&format!("{part} holds a NUL (%00)")));
    }
    decoded.map(Into::into).map_err(|_| invalid(&format!("{part} is not UTF-8 once decoded")))
}

fn unencoded(character: char) -> Error {
    let code = u32::from(character);
    Error::Settings(format!(
        "the database URL cannot be read: the password seems to hold a `{character}`, which ends that part of a URL\n\
         next: write it as %{code:02X}, or give the password apart, as PGPASSWORD"
    ))
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

    fn parse_with(text: &str, variables: &[(&str, &str)]) -> Result<Target, String> {
        let environment = Environment::from_pairs(variables.iter().map(|(k, v)| ((*k).into(), (*v).into())));
        Target::parse(text, &environment).map_err(|error| error.to_string())
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
        assert_eq!(parse("postgres://u@h/d").tls.mode, Mode::Prefer);
        assert_eq!(parse("postgres://u@h/d?sslmode=require").tls.mode, Mode::Require);
        assert_eq!(parse("postgres://u@h/d?sslmode=require&sslrootcert=/ca").tls.mode, Mode::VerifyCa);
        assert_eq!(parse("postgres://u@h/d?sslrootcert=system").tls.mode, Mode::VerifyFull);
        assert_eq!(parse("postgres://u@h/d?sslmode=require&sslaccept=strict").tls.mode, Mode::VerifyFull);
        assert!(matches!(parse("postgres://u@h/d?sslcert=/ca").tls.roots, Roots::File(_)));
        assert!(parse("postgres://u@h/d?sslcert=/c&sslkey=/k").tls.client.is_some());
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for parameter in [
            "channel_binding=require",
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
}
