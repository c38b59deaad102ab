//! Names and values as the URL, the keyword string and the `PG*` variables give them, and which names are known.

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::plain_name::is_parameter_name;
use crate::engines::postgres::conninfo::invalid;

/// Parameters that concern a connection pool or a client library, not one session.
const SILENTLY_IGNORED: &[&str] = &[
    "connection_limit",
    // golang-migrate's: its format reads the first two, and a file is one transaction here in any case.
    "x-migrations-table",
    "x-migrations-table-quoted",
    "x-multi-statement",
    "pool_timeout",
    "socket_timeout",
    "statement_cache_size",
    "max_connection_lifetime",
    "max_idle_connection_lifetime",
    "single_use_connections",
    "client_encoding",
    "fallback_application_name",
    "load_balance_hosts",
    "sslcompression",
    "sslsni",
    "krbsrvname",
    "gsslib",
    "gssdelegation",
];

/// Parameters that have no variable of their own.
const UNDERSTOOD: &[&str] = &[
    "database",
    "keepalives",
    "keepalives_idle",
    "keepalives_count",
    "keepalives_interval",
    "pgbouncer",
    "schema",
    "search_path",
    "ssl",
    "ssl_min_protocol_version",
    "sslaccept",
    "sslidentity",
    "sslpassword",
    "tcp_user_timeout",
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
    ("PGSSLCERTMODE", "sslcertmode"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGGSSENCMODE", "gssencmode"),
];

/// Where a parameter was read, for messages about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The part of a URL before `?`.
    Login,
    /// The query of a URL, or a quoted value of the keyword form.
    Encoded,
    /// A value of the keyword form without quotes.
    Bare,
    /// A variable of libpq.
    Variable(&'static str),
}

/// One parameter, before any default.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

/// Parameters as written, in their order.
#[derive(Default)]
pub(crate) struct Parameters(pub(crate) Vec<Parameter>);

impl Parameters {
    /// The last mention wins, as in libpq.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|parameter| parameter.name == name);
        found.map(|parameter| parameter.value.as_str()).filter(|value| !value.is_empty())
    }

    pub(crate) fn put(&mut self, name: &str, value: impl Into<String>, origin: Origin) {
        self.0.push(Parameter { name: name.to_owned(), value: value.into(), origin });
    }

    /// Fills what is missing from libpq's variables.
    pub(crate) fn add_variables(&mut self, environment: &Environment) {
        for (variable, name) in LIBPQ_VARIABLES {
            if let (None, Some(value)) = (self.get(name), environment.get(variable)) {
                self.put(name, value, Origin::Variable(variable));
            }
        }
    }

    /// True for a parameter that has a meaning, or none that matters here.
    pub(crate) fn is_known(name: &str) -> bool {
        UNDERSTOOD.contains(&name)
            || SILENTLY_IGNORED.contains(&name)
            || LIBPQ_VARIABLES.iter().any(|(_, known)| *known == name)
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, Error> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| invalid(&format!("the parameter `{name}` is not a number")))
    }

    /// Refuses parameters that doorstep cannot honour, where ignoring them would be less safe than what was asked for.
    pub(crate) fn refuse_the_impossible(&self) -> Result<(), Error> {
        let refuse = |text: &str| Err(Error::Settings(text.to_owned()));
        for name in ["sslcrl", "sslcrldir", "requirepeer"] {
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

    /// Warnings about unknown parameters. They are named where that is certain to be no piece of a secret: behind a
    /// password, `&` may belong to it.
    pub(crate) fn unknown(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let mut secrets: Vec<&str> = Vec::new();
        let mut number = 0;
        let mut is_behind_a_password = false;
        for Parameter { name, value, origin } in &self.0 {
            if name == "password" {
                secrets.push(value);
            }
            // What stands before the query is no parameter that people count.
            number += usize::from(*origin != Origin::Login);
            if Self::is_known(name) {
                is_behind_a_password |= name == "password" && *origin != Origin::Login;
                continue;
            }
            let may_be_named = is_parameter_name(name)
                && !is_behind_a_password
                && secrets.iter().all(|secret| !secret.contains(name.as_str()));
            let which = if may_be_named { format!("`{name}`") } else { format!("number {number}") };
            warnings.push(format!("the URL's parameter {which} is unknown and has no effect"));
        }
        warnings
    }
}
