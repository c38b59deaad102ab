//! The URL of a MySQL or MariaDB server.

use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use crate::base::error::Error;
use crate::engines::url_text::UrlText;

/// How long one attempt may take, where the URL does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

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
    pub(crate) database: String,
    pub(crate) tls: TlsMode,
    /// File of the authority's certificate.
    pub(crate) authority: Option<PathBuf>,
    /// Files of the client's certificate and key.
    pub(crate) certificate: Option<(PathBuf, PathBuf)>,
    /// How long one attempt may take.
    pub(crate) connect_timeout: Duration,
    /// Parameters that have no effect.
    pub(crate) warnings: Vec<String>,
}

impl Target {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`Error::Settings`], which quotes none of the URL.
    pub(crate) fn parse(url: &UrlText) -> Result<Self, Error> {
        let (_, rest) = url.text().split_once("://").ok_or_else(|| invalid("it has no ://"))?;
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (login, None),
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host, port.parse().map_err(|_| invalid("its port is no number"))?)
            }
            _ => (place, 3306),
        };
        if database.is_empty() {
            return Err(invalid("it names no database; write mysql://user@host/database"));
        }
        let mut target = Self {
            host: decoded(host.trim_matches(['[', ']']))?,
            port,
            socket: None,
            user: decoded(user)?,
            password: password.map(decoded).transpose()?,
            database: decoded(database)?,
            tls: TlsMode::Preferred,
            authority: None,
            certificate: None,
            connect_timeout: CONNECT_TIMEOUT,
            warnings: Vec::new(),
        };
        for (name, value) in parameters.split('&').filter_map(|pair| pair.split_once('=')) {
            if name == "socket" {
                target.socket = Some(decoded(value)?.into());
            }
        }
        Ok(target)
    }
}

fn decoded(text: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(Into::into).map_err(|_| invalid("a part of it is not UTF-8 once decoded"))
}

fn invalid(what: &str) -> Error {
    Error::Settings(format!("the database URL cannot be read: {what}"))
}
