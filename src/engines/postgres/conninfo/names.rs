//! Which names of hosts, users, databases and schemas are taken, and which of them messages show.

use crate::base::error::Error;
use crate::base::fault::Fault;
use crate::base::plain_name::{NOT_SHOWN, flaw, flaw_of_bare, is_telltale};
use crate::engines::postgres::conninfo::Target;
use crate::engines::postgres::conninfo::parameters::{Origin, Parameter, Parameters};

/// Parameters that are names, with what messages call them.
const NAMES: &[(&str, &str)] = &[
    ("dbname", "the database name"),
    ("database", "the database name"),
    ("user", "the user name"),
    ("schema", "the schema"),
    ("host", "the host"),
];

impl Parameters {
    /// `options` of libpq, with the search path that the URLs of Go's drivers (lib/pq, pgx) name. A backslash makes a
    /// blank part of a value (PostgreSQL manual 19.1.3).
    pub(crate) fn options(&self) -> Option<String> {
        let escaped = |path: &str| path.replace('\\', "\\\\").replace(' ', "\\ ");
        let path = self.get("search_path").filter(|path| !path.is_empty());
        let path = path.map(|path| format!("-c search_path={}", escaped(path)));
        let both: Vec<String> = self.get("options").map(str::to_owned).into_iter().chain(path).collect();
        (!both.is_empty()).then(|| both.join(" "))
    }

    /// Refuses names that are mistakes: with an invisible character, white space around them, or, where nothing quotes or
    /// encodes them, with a character that joins parts of a URL.
    pub(crate) fn check_names(&self) -> Result<(), Error> {
        for Parameter { name, value, origin } in &self.0 {
            let Some((_, called)) = NAMES.iter().find(|(known, _)| known == name) else { continue };
            if value.is_empty() {
                continue;
            }
            let found = match (name.as_str(), origin) {
                ("host", _) => value.split(',').find_map(flaw_of_host),
                // An account of a hosted server is called user@server.
                ("user", _) | (_, Origin::Login | Origin::Encoded) => flaw(value),
                (_, Origin::Bare | Origin::Variable(_)) => flaw_of_bare(value),
            };
            if let Some(flaw) = found {
                let place = match origin {
                    Origin::Variable(variable) => format!("the variable {variable} cannot be used: {called} {flaw}"),
                    _ => format!("the database URL cannot be read: {called} {flaw}"),
                };
                return Err(Error::Settings(format!("{place}\nnext: correct it; nothing was created")));
            }
        }
        Ok(())
    }
}

/// A name, an address or the directory of a socket; empty for the default.
fn flaw_of_host(host: &str) -> Option<String> {
    if host.is_empty() {
        return None;
    }
    if host.starts_with('/') || host.starts_with('@') {
        return flaw(host);
    }
    let is_part = |character: char| {
        character.is_ascii_alphanumeric()
            || (!character.is_ascii() && character.is_alphanumeric())
            || matches!(character, '-' | '_' | '.' | ':' | '%' | '[' | ']' | '~')
    };
    let odd = host.chars().any(|character| !is_part(character));
    flaw(host).or_else(|| odd.then(|| "holds a character that no host name has".to_owned()))
}

impl Target {
    /// Takes names that are not shown out of what a server says.
    pub(crate) fn conceal(&self, mut fault: Fault) -> Fault {
        let hidden = [&self.database, &self.user].into_iter().filter(|name| is_telltale(name));
        for name in hidden {
            let conceal = |text: &mut String| *text = text.replace(name.as_str(), NOT_SHOWN);
            conceal(&mut fault.message);
            [&mut fault.detail, &mut fault.hint, &mut fault.context].into_iter().flatten().for_each(conceal);
        }
        fault
    }

    /// Every password that a login on one of the hosts may use.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let given = self.password.iter().cloned().chain(self.variable_password.iter().cloned());
        let found = self.hosts.iter().filter_map(|host| self.password_for(host, &self.database));
        given.chain(found).map(|secret| secret.expose().to_owned()).collect()
    }
}
