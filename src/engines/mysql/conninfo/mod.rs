//! Where a server is and how to log in: a URL in one of the forms that clients of MySQL know.
//!
//! `mysql://user:password@host:3306/database?name=value` (Prisma, sqlx, Node, Rails, Django), the same with a driver
//! (`mysql+pymysql://`) or behind `jdbc:`, and Go's `user:password@tcp(host:3306)/database?name=value`. Errors never quote
//! the text: any part of it may be a piece of the password.

mod parameters;

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::base::error::Error;
use crate::base::password_command::PasswordCommand;
use crate::base::plain_name::{flaw, flaw_of_bare};
use crate::engines::url_text::{UrlText, go_address};

/// How long one attempt may take, where the URL does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The port of both servers.
const PORT: u16 = 3306;

/// The account of a URL without one: Prisma and sqlx take root, too.
const USER: &str = "root";

/// How a connection is encrypted (MySQL manual, `--ssl-mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// Never.
    Disabled,
    /// Where the server offers it; its certificate is not looked at.
    Preferred,
    /// Always; its certificate is not looked at.
    Required,
    /// Always; its certificate is signed by the given authority.
    VerifyCa,
    /// The same, and the certificate names the host.
    VerifyIdentity,
}

impl TlsMode {
    /// The server proves who it is, so that a password may be sent to it.
    pub(crate) fn is_verified(self) -> bool {
        matches!(self, Self::VerifyCa | Self::VerifyIdentity)
    }
}

/// A parsed URL.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Name or address of the server.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// The socket, which goes before host and port.
    pub(crate) socket: Option<PathBuf>,
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    /// What prints the password, for each login.
    pub(crate) password_command: Option<PasswordCommand>,
    pub(crate) database: String,
    pub(crate) tls: TlsMode,
    /// File of the authority's certificate.
    pub(crate) authority: Option<PathBuf>,
    /// Files of the client's certificate and key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// How long one attempt may take.
    pub(crate) connect_timeout: Duration,
    /// Other secrets of the URL, for the mask.
    pub(crate) other_secrets: Vec<String>,
    /// Parameters that have no effect.
    pub(crate) warnings: Vec<String>,
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`Error::Settings`], which quotes none of the URL.
    pub(crate) fn parse(url: &UrlText) -> Result<Self, Error> {
        let text = url.text();
        let (rest, query) = text.split_once('?').unwrap_or((text, ""));
        let mut target = match go_address(rest) {
            Some(address) => Self::of_go(&address)?,
            None => Self::of_url(rest, query)?,
        };
        target.read_parameters(query)?;
        target.checked()
    }

    fn empty() -> Self {
        Self {
            host: String::new(),
            port: PORT,
            socket: None,
            user: String::new(),
            password: None,
            password_command: None,
            database: String::new(),
            tls: TlsMode::Preferred,
            authority: None,
            certificate: None,
            connect_timeout: CONNECT_TIMEOUT,
            other_secrets: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// `scheme://[user[:password]@][host[:port]][/database]`
    fn of_url(rest: &str, query: &str) -> Result<Self, Error> {
        let rest = rest.strip_prefix("jdbc:").unwrap_or(rest);
        let (scheme, rest) = rest.split_once("://").ok_or_else(|| invalid("it has no ://"))?;
        if scheme.contains(':') {
            return Err(invalid("it names several servers (replication, loadbalance); name the one that takes writes"));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // The `@` of the login stands behind the character that cut the password.
        for (part, character) in [(path, '/'), (query, '?')] {
            if part.contains('@') {
                return Err(unencoded(character));
            }
        }
        // The last `@` ends the login, as in a WHATWG URL: an `@` in the password is harmless.
        let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let mut target = Self::empty();
        let (user, password) = login.split_once(':').map_or((login, None), |(user, password)| (user, Some(password)));
        if user.contains(['#', ';', '=', '&', ',', '"', '\'', '<', '>', '\\']) {
            return Err(invalid("the user name holds a character that must be percent-encoded there"));
        }
        target.user = decoded(user, "the user name")?;
        target.password = password.map(|password| decoded(password, "the password")).transpose()?;
        target.read_place(place)?;
        let path = path.trim_end_matches('/');
        if let Some(flaw) = (!path.is_empty()).then(|| flaw_of_bare(path)).flatten() {
            return Err(invalid(&format!("the database name {flaw}")));
        }
        target.database = decoded(path, "the database name")?;
        Ok(target)
    }

    /// Go's form, whose login is not encoded.
    fn of_go(address: &crate::engines::url_text::GoAddress<'_>) -> Result<Self, Error> {
        let mut target = Self::empty();
        let (user, password) =
            address.login.split_once(':').map_or((address.login, None), |(user, password)| (user, Some(password)));
        (target.user, target.password) = (user.to_owned(), password.map(str::to_owned));
        match address.network {
            "unix" => target.socket = Some(address.address.into()),
            _ => target.read_place(address.address)?,
        }
        target.database = decoded(address.database, "the database name")?;
        // go-sql-driver encrypts only where `tls` says so.
        target.tls = TlsMode::Preferred;
        Ok(target)
    }

    /// `host`, `host:port`, `[::1]:port`, or the path of a socket, percent-encoded.
    fn read_place(&mut self, place: &str) -> Result<(), Error> {
        if place.contains(',') {
            return Err(invalid("it names several servers; name the one that takes writes"));
        }
        let (host, port) = match place.strip_prefix('[') {
            Some(literal) => match literal.split_once(']') {
                Some((address, port)) => (address, port.strip_prefix(':').unwrap_or(port)),
                None => return Err(invalid("an IPv6 address lacks its closing bracket `]`")),
            },
            None => place.split_once(':').unwrap_or((place, "")),
        };
        if !port.is_empty() {
            self.port = port.parse().map_err(|_| invalid("its port is no number from 1 to 65535"))?;
        }
        let host = decoded(host, "the host")?;
        match host.starts_with('/') {
            true => self.socket = Some(host.into()),
            false => self.host = host,
        }
        Ok(())
    }

    fn checked(mut self) -> Result<Self, Error> {
        if self.database.is_empty() {
            return Err(invalid("it names no database; write mysql://user@host/database"));
        }
        if self.user.is_empty() {
            USER.clone_into(&mut self.user);
        }
        if self.host.is_empty() {
            "localhost".clone_into(&mut self.host);
        }
        let names = [(&self.database, "the database name"), (&self.user, "the user name"), (&self.host, "the host")];
        for (name, called) in names {
            if let Some(flaw) = flaw(name) {
                return Err(Error::Settings(format!(
                    "the database URL cannot be read: {called} {flaw}\nnext: correct it; nothing was created"
                )));
            }
        }
        if self.host.contains(|character: char| character.is_ascii() && !is_part_of_host(character)) {
            return Err(invalid("the host holds a character that no host name has"));
        }
        Ok(self)
    }
}

fn is_part_of_host(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | ':' | '%')
}

/// Percent-decodes one part of a URL.
fn decoded(text: &str, part: &str) -> Result<String, Error> {
    let bytes = text.as_bytes();
    let hex = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    if (0..bytes.len()).any(|at| bytes[at] == b'%' && !(hex(at + 1) && hex(at + 2))) {
        return Err(invalid(&format!("{part} holds a `%` that starts no code; write it as %25")));
    }
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| invalid(&format!("{part} is not UTF-8 once decoded")))
}

fn unencoded(character: char) -> Error {
    let code = u32::from(character);
    Error::Settings(format!(
        "the database URL cannot be read: the password seems to hold a `{character}`, which ends that part of a URL\n\
         next: write it as %{code:02X}"
    ))
}

fn invalid(what: &str) -> Error {
    Error::Settings(format!("the database URL cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Target {
        Target::parse(&UrlText::read(url).unwrap()).unwrap_or_else(|error| panic!("{url}: {error}"))
    }

    #[test]
    fn every_form_names_the_same_place() {
        for url in [
            "mysql://app:p%40w@db:3307/shop",
            "mariadb://app:p@w@db:3307/shop/",
            "mysql+pymysql://app:p%40w@db:3307/shop?charset=utf8mb4",
            "mysql2://app:p%40w@db:3307/shop?encoding=utf8mb4&pool=5&reconnect=true",
            "jdbc:mysql://app:p%40w@db:3307/shop",
            "jdbc:mariadb://db:3307/shop?user=app&password=p%40w",
            "app:p@w@tcp(db:3307)/shop?parseTime=true",
            "mysql://app:p@w@tcp(db:3307)/shop",
        ] {
            let it = target(url);
            let found = (it.user.as_str(), it.password.as_deref(), it.host.as_str(), it.port, it.database.as_str());
            assert_eq!(found, ("app", Some("p@w"), "db", 3307, "shop"), "{url}");
            assert!(it.warnings.is_empty(), "{url}: {:?}", it.warnings);
        }
        let it = target("mysql:///shop");
        assert_eq!((it.user.as_str(), it.host.as_str(), it.port), ("root", "localhost", 3306));
        assert_eq!(target("mysql://[::1]:3310/d").host, "::1");
    }

    #[test]
    fn a_socket_goes_before_a_host() {
        for url in [
            "mysql://u@localhost/d?socket=/run/mysqld/mysqld.sock",
            "mysql://u@%2Frun%2Fmysqld%2Fmysqld.sock/d",
            "mysql+pymysql://u@/d?unix_socket=/run/mysqld/mysqld.sock",
            "u@unix(/run/mysqld/mysqld.sock)/d",
        ] {
            assert_eq!(target(url).socket.unwrap().to_str(), Some("/run/mysqld/mysqld.sock"), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_being_quoted() {
        for url in [
            "mysql://u:hunter2@h",
            "mysql://u:hunter2/x@h/d",
            "mysql://u:hunter2?x@h/d",
            "mysql://u:hunter2@h:port/d",
            "mysql://u:hunter2@a,b/d",
            "mysql://u:hunter2@h/d;x=1",
            "mysql://u:hunter2@h/d%0A",
            "mysql://u:hunter2%zz@h/d",
            "mysql://u:hunter2@h/d?ssl-mode=hunter2",
            "mysql://u:hunter2@h/d?connect_timeout=hunter2",
            "jdbc:mysql:loadbalance://u:hunter2@h/d",
        ] {
            let text = Target::parse(&UrlText::read(url).unwrap()).unwrap_err().to_string();
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
