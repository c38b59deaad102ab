//! Encryption: libpq's sslmode and certificates, Prisma's `sslaccept` and `sslcert`, node's and asyncpg's `ssl`.

use std::path::PathBuf;

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::file::{irregular, unreadable};
use crate::base::plain_name::shown_path;
use crate::engines::net::tls::{Roots, Tls, TlsMode};
use crate::engines::postgres::conninfo::invalid;
use crate::engines::postgres::conninfo::parameters::Parameters;

/// What `sslcert` and `sslkey` name.
struct Certificates {
    /// The client's certificate and key.
    client: Option<(PathBuf, PathBuf)>,
    /// Prisma's `sslcert`.
    prisma_root: Option<PathBuf>,
}

impl Parameters {
    /// libpq's sslmode (34.19), with Prisma's `sslaccept` and node's and asyncpg's `ssl`.
    pub(crate) fn tls(&self, environment: &Environment) -> Result<Tls, Error> {
        let named = self.get("sslmode").or_else(|| self.get("ssl"));
        let mut mode = mode_of(named)?;
        if self.get("sslaccept") == Some("strict") && mode != TlsMode::Disable {
            mode = TlsMode::VerifyFull;
        }
        if self.get("sslidentity").is_some() || self.get("sslpassword").is_some() {
            return Err(Error::Settings(
                "PKCS#12 identities and encrypted keys (sslidentity, sslpassword) are not read\n\
                 next: convert them with `openssl pkcs12 -nodes` and give sslcert and sslkey as PEM files"
                    .to_owned(),
            ));
        }
        let Certificates { client, prisma_root } = self.certificates(environment)?;
        let root = self.get("sslrootcert");
        let home_root = environment.path("HOME").map(|home| home.join(".postgresql/root.crt"));
        let home_root = home_root.filter(|path| path.exists());
        // libpq does so "for backward compatibility", and its users rely on it.
        if mode == TlsMode::Require && (root.is_some() || home_root.is_some()) {
            mode = TlsMode::VerifyCa;
        }
        let roots = match (root, prisma_root, home_root) {
            (Some("system"), _, _) => {
                // Anyone can get a certificate of a public authority. libpq refuses a weaker mode too.
                if named.is_some() && mode != TlsMode::VerifyFull {
                    return Err(too_weak("sslrootcert=system", "verify-full"));
                }
                mode = TlsMode::VerifyFull;
                check_system_roots(environment)?;
                Roots::System
            }
            (Some(path), _, _) => Roots::File(path.into()),
            (None, Some(path), _) | (None, None, Some(path)) => Roots::File(path),
            (None, None, None) => Roots::Public,
        };
        let direct = self.direct_tls()?;
        // Without a request first, there is no answer that would allow plain text.
        if direct && matches!(mode, TlsMode::Disable | TlsMode::Allow | TlsMode::Prefer) {
            return Err(too_weak("sslnegotiation=direct", "require, verify-ca or verify-full"));
        }
        let client_is_required = match self.get("sslcertmode") {
            None | Some("allow" | "disable") => false,
            Some("require") => true,
            Some(_) => return Err(invalid("sslcertmode is none of disable, allow and require")),
        };
        let protocol = direct.then_some("postgresql");
        Ok(Tls { mode, roots, client, client_is_required, protocol, root_parameter: "sslrootcert" })
    }

    /// The client's certificate and key, and Prisma's root: libpq's sslcert is the client's certificate and has a key; Prisma's,
    /// without one, is a root. Without either, libpq looks into the home directory.
    fn certificates(&self, environment: &Environment) -> Result<Certificates, Error> {
        let path = |name| self.get(name).map(PathBuf::from);
        let at_home = environment.path("HOME").map(|home| home.join(".postgresql/postgresql.crt"));
        let at_home = at_home.filter(|certificate| certificate.exists());
        let (client, prisma_root) = match (path("sslcert"), path("sslkey")) {
            (Some(certificate), Some(key)) => (Some((certificate, key)), None),
            (Some(root), None) => (None, Some(root)),
            (None, None) => (at_home.map(|certificate| (certificate.clone(), certificate.with_extension("key"))), None),
            (None, Some(_)) => return Err(invalid("it has sslkey but no sslcert")),
        };
        let client = client.filter(|_| self.get("sslcertmode") != Some("disable"));
        Ok(Certificates { client, prisma_root })
    }

    /// Whether TLS begins without a request (PostgreSQL 17).
    pub(crate) fn direct_tls(&self) -> Result<bool, Error> {
        match self.get("sslnegotiation") {
            None | Some("postgres") => Ok(false),
            Some("direct") => Ok(true),
            Some(_) => Err(invalid("sslnegotiation is neither postgres nor direct")),
        }
    }
}

/// `SSL_CERT_FILE` names the system's roots, as for OpenSSL. The library that reads them would wait for a FIFO.
fn check_system_roots(environment: &Environment) -> Result<(), Error> {
    let Some(path) = environment.path("SSL_CERT_FILE") else { return Ok(()) };
    match std::fs::metadata(&path).ok().and_then(|metadata| irregular(&metadata)) {
        Some(error) => Err(Error::Settings(unreadable(format_args!("SSL_CERT_FILE {}", shown_path(&path)), &error))),
        None => Ok(()),
    }
}

/// The fault of an sslmode that would make another parameter pointless.
fn too_weak(parameter: &str, modes: &str) -> Error {
    Error::Settings(format!("{parameter} needs a stronger sslmode\nnext: write sslmode={}", modes))
}

/// The values of `sslmode`, and those of node's and asyncpg's `ssl`.
fn mode_of(name: Option<&str>) -> Result<TlsMode, Error> {
    Ok(match name {
        None | Some("prefer") => TlsMode::Prefer,
        Some("disable" | "false" | "0" | "off") => TlsMode::Disable,
        Some("allow") => TlsMode::Allow,
        Some("require" | "true" | "1" | "on" | "no-verify") => TlsMode::Require,
        Some("verify-ca") => TlsMode::VerifyCa,
        Some("verify-full") => TlsMode::VerifyFull,
        Some(_) => {
            return Err(Error::Settings(
                "sslmode is unknown\nnext: write disable, allow, prefer, require, verify-ca or verify-full".to_owned(),
            ));
        }
    })
}
