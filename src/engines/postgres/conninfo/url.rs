//! The URL form: `postgresql://user:password@host:5432/database?name=value`.
//!
//! Errors never quote the URL: any part of it may be a piece of the password.

use percent_encoding::percent_decode_str;

use crate::base::error::Error;
use crate::engines::postgres::conninfo::invalid;
use crate::engines::postgres::conninfo::parameters::Parameters;

impl Parameters {
    /// `[user[:password]@][host[:port],…][/database][?name=value&…]`
    pub(crate) fn read_url(&mut self, rest: &str) -> Result<(), Error> {
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
