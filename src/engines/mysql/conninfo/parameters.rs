//! The parameters of a URL, as the clients of MySQL call them. Each is obeyed, known to be about something that doorstep does
//! not do, or warned of.

use std::path::PathBuf;
use std::time::Duration;

use crate::base::error::Error;
use crate::base::plain_name::is_parameter_name;
use crate::engines::mysql::conninfo::{Target, TlsMode, decoded, invalid};

/// Settings of other clients about what doorstep does not do (pools, caches, how they give values to a program) or always
/// does (utf8mb4, several attempts). Lower case, without `_` and `-`.
const HARMLESS: &[&str] = &[
    // Prisma, sqlx
    "connectionlimit",
    "pooltimeout",
    "maxconnectionlifetime",
    "maxidleconnectionlifetime",
    "sockettimeout",
    "statementcachesize",
    "statementcachecapacity",
    "pgbouncer",
    "charset",
    "collation",
    "preferssocket",
    "prefersocket",
    // JDBC
    "useunicode",
    "characterencoding",
    "connectioncollation",
    "allowpublickeyretrieval",
    "autoreconnect",
    "rewritebatchedstatements",
    "cacheprepstmts",
    "prepstmtcachesize",
    "prepstmtcachesqllimit",
    "useserverprepstmts",
    "allowmultiqueries",
    "zerodatetimebehavior",
    "tinyint1isbit",
    "nullcatalogmeanscurrent",
    "uselegacydatetimecode",
    "createdatabaseifnotexist",
    "maxreconnects",
    "tcpkeepalive",
    "usecursorfetch",
    "usebulkstmts",
    "permitmysqlscheme",
    "usecompression",
    // Go
    "parsetime",
    "loc",
    "multistatements",
    "interpolateparams",
    "clientfoundrows",
    "columnswithalias",
    "maxallowedpacket",
    "readtimeout",
    "writetimeout",
    "checkconnliveness",
    "rejectreadonly",
    "allownativepasswords",
    "allowoldpasswords",
    "allowfallbacktoplaintext",
    "connectionattributes",
    "compress",
    // Python, Ruby, Node
    "usepure",
    "autocommit",
    "poolsize",
    "poolname",
    "pool",
    "reconnect",
    "encoding",
    "adapter",
    "poolrecycle",
    "supportbignumbers",
    "bignumberstrings",
    "datestrings",
    "multiplestatements",
    "waitforconnections",
    "queuelimit",
    "enablekeepalive",
    "connmaxage",
    "binaryprefix",
    "localinfile",
    "allowlocalinfile",
    "waittimeout",
];

impl Target {
    /// Obeys the parameters, and warns of those that have no effect.
    pub(super) fn read_parameters(&mut self, query: &str) -> Result<(), Error> {
        let mut files = ClientFiles::default();
        for (at, pair) in query.split('&').enumerate().filter(|(_, pair)| !pair.is_empty()) {
            let Some((name, value)) = pair.split_once('=') else {
                return Err(invalid(&format!(
                    "parameter {} has no `=`; an `&` that belongs to a value is written as %26",
                    at + 1
                )));
            };
            // mysql2 of Node reads an object there, and people write it as it is.
            let is_object = name == "ssl" && value.starts_with('{') && value.ends_with('}');
            let is_strange = ['#', ';', '"', '\'', '`', '<', '>', '\\', '{', '}', '|'];
            if !is_object && pair.contains(is_strange) {
                return Err(invalid(&format!("parameter {} holds a character that must be percent-encoded", at + 1)));
            }
            let part = format!("parameter {}", at + 1);
            let value = decoded(&value.replace('+', "%20"), &part)?;
            self.read_parameter(name, value, &mut files, at + 1)?;
        }
        self.read_files(files);
        Ok(())
    }

    fn read_parameter(&mut self, name: &str, value: String, files: &mut ClientFiles, at: usize) -> Result<(), Error> {
        let plain = name.to_ascii_lowercase().replace(['-', '_'], "");
        match plain.as_str() {
            "user" | "username" => self.user = value,
            "password" => self.password = Some(value),
            "database" | "dbname" | "db" if self.database.is_empty() => self.database = value,
            "socket" | "unixsocket" | "socketpath" | "localsocket" => self.socket = Some(value.into()),
            "port" => self.port = value.parse().map_err(|_| invalid("its port is no number from 1 to 65535"))?,
            "host" if self.host.is_empty() => self.host = value,
            // Milliseconds in JDBC and Node, seconds elsewhere, Go writes the unit.
            "connecttimeout" if name.starts_with("connectT") => self.connect_timeout = timeout(&format!("{value}ms"))?,
            "connecttimeout" | "connectiontimeout" => self.connect_timeout = timeout(&format!("{value}s"))?,
            "timeout" => self.connect_timeout = timeout(&value)?,
            "timezone" | "servertimezone" | "connectiontimezone" | "initcommand" | "sessionvariables" | "sqlmode"
            | "timetruncate" => {
                self.warn_of(name, at, "has no effect: migrations run with the server's own settings");
            }
            known if pair_of_go(known) => {}
            _ if HARMLESS.contains(&plain.as_str()) => {}
            _ => return self.read_tls(name, &plain, value, (files, at)),
        }
        Ok(())
    }

    fn read_tls(
        &mut self,
        name: &str,
        plain: &str,
        value: String,
        (files, at): (&mut ClientFiles, usize),
    ) -> Result<(), Error> {
        let is_on = matches!(value.to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "on");
        match (name, plain) {
            ("ssl", _) => files.mode = Some(self.mode_of_node(&value)),
            (_, "sslmode") => files.mode = Some(mode(&value)?),
            (_, "sslaccept") => {
                files.mode = Some(match value.as_str() {
                    "strict" => TlsMode::VerifyIdentity,
                    "accept_invalid_certs" => TlsMode::Required,
                    _ => return Err(invalid("sslaccept is strict or accept_invalid_certs")),
                });
            }
            (_, "tls") => files.mode = Some(self.mode_of_go(&value)),
            (_, "usessl") => {
                files.mode = files.mode.or(Some(if is_on { TlsMode::Preferred } else { TlsMode::Disabled }))
            }
            (_, "requiressl") if is_on => {
                files.mode = Some(files.mode.filter(|it| it.is_verified()).unwrap_or(TlsMode::Required))
            }
            (_, "ssldisabled") if is_on => files.mode = Some(TlsMode::Disabled),
            (_, "verifyservercertificate" | "sslverifycert") if is_on => {
                files.mode = Some(files.mode.filter(|it| it.is_verified()).unwrap_or(TlsMode::VerifyCa));
            }
            (_, "sslverifyidentity") if is_on => files.mode = Some(TlsMode::VerifyIdentity),
            (_, "trustservercertificate") if is_on => files.mode = Some(TlsMode::Required),
            (
                _,
                "requiressl"
                | "ssldisabled"
                | "verifyservercertificate"
                | "sslverifycert"
                | "sslverifyidentity"
                | "trustservercertificate",
            ) => {}
            // Prisma's is the authority's certificate.
            ("sslcert", _) => {
                self.authority = Some(value.into());
                files.is_prisma = true;
            }
            (_, "sslca" | "serversslcert") => self.authority = Some(value.into()),
            (_, "sslcert") => files.certificate = Some(value.into()),
            (_, "sslkey") => files.key = Some(value.into()),
            (_, "sslidentity") => {
                self.warn_of(
                    name,
                    at,
                    "has no effect: doorstep reads no PKCS 12 file; give ssl-cert and ssl-key (PEM)",
                );
            }
            (_, "sslpassword") => self.other_secrets.push(value),
            _ => self.warn_of(name, at, "is unknown and has no effect"),
        }
        Ok(())
    }

    /// What the files mean: a client of MySQL that is given an authority checks the certificate with it; Prisma does with
    /// `sslaccept=strict`.
    fn read_files(&mut self, files: ClientFiles) {
        let default = match &self.authority {
            Some(_) if files.is_prisma => TlsMode::Required,
            Some(_) => TlsMode::VerifyCa,
            None => TlsMode::Preferred,
        };
        self.tls = files.mode.unwrap_or(default);
        if files.is_prisma && !self.tls.is_verified() {
            self.warnings.push("the URL's parameter `sslcert` has no effect without sslaccept=strict".to_owned());
        }
        match (files.certificate, files.key) {
            (Some(certificate), Some(key)) => self.certificate = Some((certificate, key)),
            (None, None) => {}
            _ => self.warnings.push("of ssl-cert and ssl-key the URL gives only one: neither has an effect".to_owned()),
        }
    }

    /// The values of go-sql-driver's `tls`; another one is the name of a configuration that a program registers.
    fn mode_of_go(&mut self, value: &str) -> TlsMode {
        match value.to_ascii_lowercase().as_str() {
            "true" | "1" => TlsMode::VerifyIdentity,
            "false" | "0" => TlsMode::Disabled,
            "preferred" => TlsMode::Preferred,
            "skip-verify" => TlsMode::Required,
            _ => {
                let text = "the URL's parameter `tls` names a configuration of a program, which doorstep does not know: it encrypts \
                            and checks no certificate; give ssl-mode and ssl-ca to a URL for doorstep (migrate_url)";
                self.warnings.push(text.to_owned());
                TlsMode::Required
            }
        }
    }

    /// The values of `ssl` in a URL of Node's mysql2: the options of its TLS, or the name of a list of authorities.
    fn mode_of_node(&mut self, value: &str) -> TlsMode {
        let options: serde_json::Value = serde_json::from_str(value).unwrap_or_default();
        let is = |name: &str, expected: bool| options.get(name).and_then(serde_json::Value::as_bool) == Some(expected);
        match options {
            serde_json::Value::Bool(false) => TlsMode::Disabled,
            serde_json::Value::Bool(true) => TlsMode::Required,
            serde_json::Value::Object(_) if is("rejectUnauthorized", false) => TlsMode::Required,
            serde_json::Value::Object(ref object) if !object.contains_key("ca") => {
                if is("verifyIdentity", true) {
                    TlsMode::VerifyIdentity
                } else {
                    TlsMode::VerifyCa
                }
            }
            _ => {
                let text = "the URL's parameter `ssl` holds or names certificates of authorities, which doorstep does not read there: it \
                            encrypts and checks no certificate; give ssl-mode and ssl-ca to a URL for doorstep (migrate_url)";
                self.warnings.push(text.to_owned());
                TlsMode::Required
            }
        }
    }

    fn warn_of(&mut self, name: &str, at: usize, what: &str) {
        // What is no name may be a piece of the password.
        let shown = match is_parameter_name(&name.replace('-', "_")) {
            true => format!("`{name}`"),
            false => at.to_string(),
        };
        self.warnings.push(format!("the URL's parameter {shown} {what}"));
    }
}

/// What several parameters say together.
#[derive(Default)]
struct ClientFiles {
    mode: Option<TlsMode>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    is_prisma: bool,
}

/// golang-migrate's own settings, `x-migrations-table` and others (`url_text::go_parameters`).
fn pair_of_go(plain: &str) -> bool {
    ["xmigrationstable", "xnolock", "xtlsca", "xtlscert", "xtlskey", "xtlsinsecureskipverify", "xstatementtimeout"]
        .contains(&plain)
}

/// `--ssl-mode` of MySQL's clients and sqlx, `sslMode` of both JDBC drivers, and what libpq calls it.
fn mode(value: &str) -> Result<TlsMode, Error> {
    Ok(match value.to_ascii_lowercase().replace('_', "-").as_str() {
        "disabled" | "disable" => TlsMode::Disabled,
        "preferred" | "prefer" | "allow" => TlsMode::Preferred,
        "required" | "require" | "trust" => TlsMode::Required,
        "verify-ca" => TlsMode::VerifyCa,
        "verify-identity" | "verify-full" => TlsMode::VerifyIdentity,
        _ => return Err(invalid("ssl-mode is DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY")),
    })
}

/// A duration; 0 is none, and then the usual one counts.
fn timeout(text: &str) -> Result<Duration, Error> {
    let duration = humantime::parse_duration(text).map_err(|_| invalid("the connect timeout is no duration"))?;
    Ok(if duration.is_zero() { super::CONNECT_TIMEOUT } else { duration })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::url_text::UrlText;

    fn with(query: &str) -> Target {
        Target::parse(&UrlText::read(&format!("mysql://u:p@h/d?{query}")).unwrap()).unwrap()
    }

    #[test]
    fn the_mode_of_tls_is_understood_as_each_client_writes_it() {
        use TlsMode::{Disabled, Preferred, Required, VerifyCa, VerifyIdentity};
        for (query, expected) in [
            ("", Preferred),
            ("ssl-mode=VERIFY_CA", VerifyCa),
            ("sslmode=required", Required),
            ("sslMode=verify-full", VerifyIdentity),
            ("ssl-ca=/ca.pem", VerifyCa),
            ("ssl_ca=/ca.pem&ssl_verify_identity=true", VerifyIdentity),
            ("sslaccept=strict&sslcert=/ca.pem", VerifyIdentity),
            ("sslaccept=accept_invalid_certs", Required),
            ("useSSL=false", Disabled),
            ("useSSL=true&requireSSL=true", Required),
            ("useSSL=true&verifyServerCertificate=true", VerifyCa),
            ("tls=skip-verify", Required),
            ("tls=true", VerifyIdentity),
            ("ssl_disabled=True", Disabled),
            ("ssl={\"rejectUnauthorized\":true}", VerifyCa),
            ("ssl=%7B%22rejectUnauthorized%22%3Atrue,%22verifyIdentity%22%3Atrue%7D", VerifyIdentity),
            ("ssl={\"rejectUnauthorized\":false}", Required),
            ("ssl=true", Required),
            ("ssl=false", Disabled),
        ] {
            let target = with(query);
            assert_eq!((target.tls, target.warnings.len()), (expected, 0), "{query}: {:?}", target.warnings);
        }
        assert_eq!(with("ssl-cert=/c&ssl-key=/k").certificate, Some(("/c".into(), "/k".into())));
    }

    #[test]
    fn timeouts_have_the_unit_of_their_client() {
        for (query, millis) in [
            ("connect_timeout=3", 3000),
            ("connectTimeout=2500", 2500),
            ("timeout=90s", 90_000),
            ("connect_timeout=0", 5000),
        ] {
            assert_eq!(with(query).connect_timeout.as_millis(), millis, "{query}");
        }
    }

    #[test]
    fn what_has_no_effect_is_warned_of_by_name_and_never_with_its_value() {
        for (query, expected) in [
            (
                "sslidentity=/secret.p12&sslpassword=hunter2",
                "`sslidentity` has no effect: doorstep reads no PKCS 12 file",
            ),
            ("serverTimezone=hunter2", "`serverTimezone` has no effect"),
            ("passwrod=hunter2", "`passwrod` is unknown"),
            ("schema=app", "`schema` is unknown"),
            ("sslcert=/ca.pem", "`sslcert` has no effect without sslaccept=strict"),
            ("ssl=hunter2", "`ssl` holds or names certificates"),
            ("ssl={\"ca\":\"hunter2\"}", "`ssl` holds or names certificates"),
            ("tls=custom", "`tls` names a configuration of a program"),
        ] {
            let target = with(query);
            let [warning] = target.warnings.as_slice() else { panic!("{query}: {:?}", target.warnings) };
            assert!(warning.contains(expected) && !warning.contains("hunter2"), "{query}: {warning}");
        }
        assert!(
            with("connection_limit=1&pool_timeout=2&parseTime=true&x-migrations-table=t&charset=utf8mb4")
                .warnings
                .is_empty()
        );
    }
}
