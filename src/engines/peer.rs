//! Another session on the same server, as far as the server tells.

use std::fmt;

/// Who it is and what it does, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its process id on the server.
    pub pid: String,
    /// What it calls itself.
    pub application: String,
    /// Where it comes from: an address, or `local`.
    pub client: String,
    /// When it connected (RFC 3339).
    pub since: Option<String>,
    /// `active`, `idle in transaction`, …; `None` where this role may not see it.
    pub state: Option<String>,
    /// For how long it has been in that state.
    pub lasting: Option<String>,
    /// Its statement, or its last one; texts in quotes left out.
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
