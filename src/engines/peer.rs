//! Another session on the same server: the one that holds a lock, or that runs the same script.

use std::fmt;

/// A session as the server lists it. Fields are texts for people; only the process id is compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its process id on the server.
    pub pid: String,
    /// Its application name.
    pub application: String,
    /// Its client's address, or `local`.
    pub client: String,
    /// When it connected (RFC 3339).
    pub since: Option<String>,
    /// `active`, `idle in transaction`, …; `None` where this role is not allowed to see it.
    pub state: Option<String>,
    /// How long it has been in that state.
    pub lasting: Option<String>,
    /// Its statement, or its last one, without quoted texts.
    pub query: Option<String>,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let application = if self.application.is_empty() { "unnamed" } else { &self.application };
        write!(f, "pid {}, application {application}, client {}", self.pid, self.client)?;
        if let Some(since) = &self.since {
            write!(f, ", connected since {since}")?;
        }
        match (&self.state, &self.lasting) {
            (Some(state), Some(lasting)) => write!(f, ", {state} for {lasting}")?,
            (Some(state), None) => write!(f, ", {state}")?,
            (None, _) => f.write_str(", its work hidden from this role")?,
        }
        match &self.query {
            Some(query) if !query.is_empty() => write!(f, ": {query}"),
            _ => Ok(()),
        }
    }
}
