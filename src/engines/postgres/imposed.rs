//! The settings that doorstep makes in a session for a script: its name, and how long a statement waits for a lock. What the script
//! sets itself is left alone until the end of its file.

use std::time::Duration;

use crate::engines::postgres::SQL;
use crate::engines::session::Conditions;

/// What doorstep has set in a session. Nothing of it is set in one that has just been reset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Imposed {
    label: Option<String>,
    lock_timeout: Option<Duration>,
    /// The script may have set a label of its own.
    is_relabelled: bool,
    /// The script may have become another user, by SET SESSION AUTHORIZATION.
    pub(crate) is_another_user: bool,
}

impl Imposed {
    /// The statements that put the session in these conditions, and what is set after them; `None` where it is in them already.
    pub(crate) fn change(&self, wanted: Conditions<'_>) -> Option<(String, Self)> {
        let is_labelled = self.is_relabelled || self.label.as_deref() == Some(wanted.label);
        let label = (!is_labelled).then(|| format!("SET application_name = {}", SQL.literal(wanted.label)));
        let lock_timeout = (self.lock_timeout != wanted.lock_timeout).then(|| match wanted.lock_timeout {
            Some(timeout) => format!("SET lock_timeout = {}", timeout.as_millis()),
            None => "RESET lock_timeout".to_owned(),
        });
        let statements: Vec<String> = label.into_iter().chain(lock_timeout).collect();
        let after = || Self { label: Some(wanted.label.to_owned()), lock_timeout: wanted.lock_timeout, ..*self };
        (!statements.is_empty()).then(|| (statements.join("; "), after()))
    }

    /// What is still set after a piece of a script with this text ran. It is searched for words, also in a body or a comment.
    pub(crate) fn pass(&mut self, text: &str) {
        let text = text.to_ascii_lowercase();
        self.is_relabelled |= text.contains("application_name");
        self.is_another_user |= text.contains(USER);
        if text.contains("reset") || text.contains("discard") {
            (self.label, self.lock_timeout) = (None, None);
        }
    }
}

/// The word without which no statement becomes another user.
const USER: &str = "authorization";

/// Whether a piece of a script may become another user.
pub(crate) fn names_user(text: &str) -> bool {
    text.to_ascii_lowercase().contains(USER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(label: &str, millis: u64) -> Conditions<'_> {
        Conditions { label, lock_timeout: (millis > 0).then(|| Duration::from_millis(millis)) }
    }

    /// The session in these conditions, after a piece with this text.
    fn after(text: &str) -> Imposed {
        let (_, mut imposed) = Imposed::default().change(conditions("a", 5)).unwrap();
        imposed.pass(text);
        imposed
    }

    #[test]
    fn only_what_differs_is_set() {
        for (text, wanted, expected) in [
            ("SELECT 1", conditions("a", 5), None),
            ("SELECT 1", conditions("b", 5), Some("SET application_name = 'b'")),
            ("SELECT 1", conditions("a", 0), Some("RESET lock_timeout")),
            ("SELECT 1", conditions("b", 6), Some("SET application_name = 'b'; SET lock_timeout = 6")),
            ("reset all", conditions("a", 5), Some("SET application_name = 'a'; SET lock_timeout = 5")),
            ("EXECUTE 'DisCard ALL'", conditions("a", 0), Some("SET application_name = 'a'")),
            ("SET APPLICATION_NAME = x", conditions("a", 5), None),
            ("SET application_name = x", conditions("a", 0), Some("RESET lock_timeout")),
            ("SET application_name = x; RESET ROLE", conditions("a", 5), Some("SET lock_timeout = 5")),
            ("SET application_name = x; RESET ROLE", conditions("a", 0), None),
        ] {
            let found = after(text).change(wanted).map(|(statements, _)| statements);
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
