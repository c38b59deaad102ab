//! The URL form: `postgresql://user:password@host:5432/database?name=value`.
//!
//! Errors never quote the URL: any part of it may be a piece of the password. A special character in the password that is
//! not percent-encoded cuts the URL at the wrong place; characters that the parts do not hold show where.

use percent_encoding::percent_decode_str;

use crate::base::error::Error;
use crate::base::plain_name::{flaw_of_bare, is_parameter_name};
use crate::engines::postgres::conninfo::invalid;
use crate::engines::postgres::conninfo::parameters::{Origin, Parameters};

/// Characters that a query holds percent-encoded only. `/`, `,` and `:` are left out: paths and lists of hosts have them.
const NOT_IN_A_QUERY: &[char] = &['@', '?', '#', ';', '"', '\'', '`', '<', '>', '\\', '{', '}', '|'];

/// Characters that a user name holds percent-encoded only.
const NOT_IN_A_USER: &[char] = &['#', ';', '=', '&', ',', '"', '\'', '`', '<', '>', '\\', '{', '}', '|'];

impl Parameters {
    /// `[user[:password]@][host[:port],…][/database][?name=value&…]`
    pub(crate) fn read_url(&mut self, rest: &str) -> Result<(), Error> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // The `@` of the login stands behind the character that cut the password.
        if path.contains('@') {
            return Err(unencoded('/'));
        }
        if query.contains('@') {
            return Err(unencoded('?'));
        }
        // The last `@` ends the user info, as in a WHATWG URL: an `@` in the password is harmless.
        let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        self.read_login(login)?;
        self.read_hosts(hosts)?;
        self.read_database(path.trim_end_matches('/'))?;
        self.read_query(query)
    }

    fn read_login(&mut self, login: &str) -> Result<(), Error> {
        if login.is_empty() {
            return Ok(());
        }
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (login, None),
        };
        if let Some(character) = user.chars().find(|character| NOT_IN_A_USER.contains(character)) {
            return Err(bare("the user name", character));
        }
        self.put("user", decode(user, "the user name")?, Origin::Login);
        if let Some(password) = password {
            self.put("password", decode(password, "the password")?, Origin::Login);
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
            self.put("host", names.join(","), Origin::Login);
        }
        if ports.iter().any(|port| !port.is_empty()) {
            self.put("port", ports.join(","), Origin::Login);
        }
        Ok(())
    }

    fn read_database(&mut self, path: &str) -> Result<(), Error> {
        if path.is_empty() {
            return Ok(());
        }
        check_bare(path, "the database name")?;
        self.put("dbname", decode(path, "the database name")?, Origin::Login);
        Ok(())
    }

    fn read_query(&mut self, query: &str) -> Result<(), Error> {
        for (at, pair) in query.split('&').enumerate().filter(|(_, pair)| !pair.is_empty()) {
            // libpq refuses it as well (\"missing key/value separator\").
            let Some((name, value)) = pair.split_once('=') else {
                return Err(invalid(&format!(
                    "parameter {} has no `=`; an `&` that belongs to a value is written as %26",
                    at + 1
                )));
            };
            let part = match is_parameter_name(name) && Self::is_known(name) {
                true => format!("the parameter `{name}`"),
                false => format!("parameter {}", at + 1),
            };
            if let Some(character) = pair.chars().find(|character| NOT_IN_A_QUERY.contains(character)) {
                return Err(bare(&part, character));
            }
            let value = if value.contains('+') { value.replace('+', "%20") } else { value.to_owned() };
            if matches!(name, "schema" | "dbname" | "database" | "user") && !value.is_empty() {
                check_bare(&value, &part)?;
            }
            let name = decode(name, &part)?;
            self.put(&name, decode(&value, &part)?, Origin::Encoded);
        }
        Ok(())
    }
}

/// A name that is not encoded holds none of the characters that join the parts of a URL.
fn check_bare(text: &str, part: &str) -> Result<(), Error> {
    match flaw_of_bare(text) {
        Some(flaw) => Err(Error::Settings(format!(
            "the database URL cannot be read: {part} {flaw}\n\
             next: take it out, or percent-encode it if it belongs to the name (`;` is %3B, `,` is %2C, `=` is %3D)"
        ))),
        None => Ok(()),
    }
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
         next: write it as %{code:02X} (and an `@` behind it, if it is part of a name, as %40), or give the password apart, \
         as PGPASSWORD"
    ))
}

fn bare(part: &str, character: char) -> Error {
    let code = u32::from(character);
    Error::Settings(format!(
        "the database URL cannot be read: {part} holds a `{character}`\nnext: write it as %{code:02X} if it belongs there"
    ))
}
