//! One attempt at one entry of `wait_for`: whether it is ready, else why not.

use std::time::Duration;

use crate::base::error::Error;
use crate::base::file::reason;
use crate::base::log::seconds;
use crate::base::mask::Mask;
use crate::base::short_child::{self, Answered, Captured, ShortChild};
use crate::config::{Dependency, DependencyKind};
use crate::startup::exec::Service;
use crate::startup::wait_for::{ATTEMPT, COMMAND};

/// The most that is read of what a command prints.
const LARGEST: usize = 1 << 20;

/// How much of the last line of a command's output is shown, in bytes.
const SHOWN: usize = 200;

/// An entry, with its command looked up.
pub(super) struct Asked {
    /// As messages show it.
    pub(super) name: String,
    kind: DependencyKind,
    /// The command of an `exec:` entry.
    command: Option<Service>,
    mask: Mask,
}

impl Asked {
    /// Looks the command up.
    pub(super) fn find(dependency: &Dependency, path: Option<&str>, mask: &impl Fn() -> Mask) -> Result<Self, Error> {
        let Dependency { shown, kind } = dependency.clone();
        let (command, mask) = match &kind {
            DependencyKind::Exec(words) => (Some(Service::find_for("wait_for", words, path)?), mask()),
            _ => (None, Mask::default()),
        };
        refuse_what_is_left_out(&shown, &kind)?;
        Ok(Self { name: mask.apply(&shown), kind, command, mask })
    }

    /// Asks once, within the time that is `left`.
    ///
    /// # Errors
    /// Why it is not ready.
    pub(super) async fn ask(&self, left: Duration) -> Result<(), String> {
        let limit = if self.command.is_some() { COMMAND } else { ATTEMPT };
        let limit = limit.min(left);
        let attempt = async {
            match &self.kind {
                DependencyKind::Tcp { host, port } => tcp(host, *port).await,
                DependencyKind::Http(url) => http(url).await,
                DependencyKind::File(path) => std::fs::metadata(path).map(drop).map_err(|error| reason(&error)),
                DependencyKind::Exec(_) => self.execute().await,
            }
        };
        tokio::time::timeout(limit, attempt)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {}", seconds(limit))))
    }

    /// Runs the command. Where the attempt is given up, its process group is killed.
    async fn execute(&self) -> Result<(), String> {
        let Some(command) = &self.command else { return Ok(()) };
        let child = ShortChild::start(command.command(), Captured::Both);
        let child = child.map_err(|error| format!("it cannot be started: {}", reason(&error)))?;
        let Answered { status, output } = child.answer(LARGEST).await.map_err(|why| format!("it {why}"))?;
        if status.success() {
            return Ok(());
        }
        let ending = short_child::ending(status);
        match last_line(&output) {
            line if line.is_empty() => Err(format!("it {ending}")),
            line => Err(format!("it {ending}: {}", self.mask.apply(&line))),
        }
    }
}

/// The last line that is not empty, without colours.
fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line = console::strip_ansi_codes(line);
    line[..line.floor_char_boundary(SHOWN)].to_owned()
}

#[cfg(any(feature = "mysql", feature = "postgres"))]
async fn tcp(host: &str, port: u16) -> Result<(), String> {
    use crate::engines::net::dial::{self, Heartbeat};

    dial::tcp(host, None, port, Heartbeat::NONE).await.map(drop).map_err(|fault| fault.message)
}

#[cfg(any(feature = "mysql", feature = "postgres"))]
use super::http::get as http;

#[cfg(not(any(feature = "mysql", feature = "postgres")))]
async fn tcp(_host: &str, _port: u16) -> Result<(), String> {
    Err("this build leaves the network out".to_owned())
}

#[cfg(not(any(feature = "mysql", feature = "postgres")))]
async fn http(_url: &crate::config::wait_for::HttpUrl) -> Result<(), String> {
    Err("this build leaves the network out".to_owned())
}

/// TLS comes with the engine PostgreSQL, name resolution with either engine that has servers.
fn refuse_what_is_left_out(shown: &str, kind: &DependencyKind) -> Result<(), Error> {
    let is_built = match kind {
        DependencyKind::Http(url) if url.is_encrypted => cfg!(feature = "postgres"),
        DependencyKind::Http(_) | DependencyKind::Tcp { .. } => cfg!(any(feature = "mysql", feature = "postgres")),
        DependencyKind::File(_) | DependencyKind::Exec(_) => true,
    };
    match is_built {
        true => Ok(()),
        false => Err(Error::Settings(format!(
            "this build of doorstep leaves out what wait_for needs for {shown}\n\
             next: build it with cargo build --features postgres"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_says_why() {
        assert_eq!(last_line(b"a\n\x1b[31mb \x1b[0m\n\n"), "b ");
        assert_eq!(last_line(b""), "");
        assert_eq!(last_line("ä".repeat(SHOWN).as_bytes()).len(), SHOWN);
    }
}
