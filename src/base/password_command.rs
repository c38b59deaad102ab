//! `password_command`: a program that prints the password, started for every login: a token of IAM, a lease of Vault.
//!
//! What it prints is never shown: its stdout is the password, and its stderr may hold one.

use std::fmt;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use crate::base::fault::{Class, Condition, Fault};
use crate::base::log::seconds;
use crate::base::secret::{Secret, without_newline};
use crate::base::short_child::{self, Answered, Captured, ShortChild};

/// The longest password, in bytes: as long as a secret file may be.
const LONGEST: usize = 64 * 1024;

/// A program that was found, and how long it may take.
#[derive(Clone)]
pub(crate) struct PasswordCommand {
    shown: String,
    limit: Duration,
    command: Arc<dyn Fn() -> Command + Send + Sync>,
}

impl PasswordCommand {
    /// `shown` is the command as messages show it; `command` makes it anew for each login.
    pub(crate) fn new(shown: String, limit: Duration, command: impl Fn() -> Command + Send + Sync + 'static) -> Self {
        Self { shown, limit, command: Arc::new(command) }
    }

    /// Runs the program. Its stdout, without one trailing newline, is the password.
    ///
    /// # Errors
    /// A fault that may pass, with [`Condition::NoPassword`]: a vault may start later than this container.
    pub(crate) async fn password(&self) -> Result<Secret, Fault> {
        let run = async {
            let child = ShortChild::start((self.command)(), Captured::Stdout);
            let child = child.map_err(|error| format!("cannot be started: {error}"))?;
            let Answered { status, output } = child.answer(LONGEST).await?;
            match status.success() {
                true => password_of(output),
                false => Err(format!("{} (what it prints is not shown)", short_child::ending(status))),
            }
        };
        let late = |_| Err(format!("gave no password within {}", seconds(self.limit)));
        let password = tokio::time::timeout(self.limit, run).await.unwrap_or_else(late);
        password.map_err(|why| {
            let text = format!("password_command ({}) {why}", self.shown);
            Fault { condition: Some(Condition::NoPassword), ..Fault::new(Class::Unreachable, text) }
        })
    }
}

/// The password in what the program has printed.
fn password_of(output: Vec<u8>) -> Result<Secret, String> {
    let text = String::from_utf8(output).map_err(|_| "printed something that is not UTF-8".to_owned())?;
    match without_newline(&text) {
        "" => Err("printed nothing".to_owned()),
        text if text.contains('\0') => Err("printed a NUL".to_owned()),
        text => Ok(Secret::new(text)),
    }
}

impl fmt::Debug for PasswordCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PasswordCommand").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_at_the_end_is_not_part_of_the_password() {
        let read = |text: &[u8]| password_of(text.to_vec()).map(|secret| secret.expose().to_owned());
        assert_eq!(read(b"a b").unwrap(), "a b");
        assert_eq!(read(b"a\n").unwrap(), "a");
        assert_eq!(read(b"a\r\n").unwrap(), "a");
        assert_eq!(read(b"a\n\n").unwrap(), "a\n");
        assert_eq!(read(b" a ").unwrap(), " a ");
        for bad in [&b""[..], b"\n", b"a\0b", b"\xff"] {
            assert!(read(bad).is_err());
        }
    }
}
