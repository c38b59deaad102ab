//! `check`: one look for HEALTHCHECK and exec probes, and one line about it.

use std::fmt;

use serde::Serialize;

use crate::migrate::history::History;
use crate::migrate::plan::{self, Entry, State, Verdict};

/// What one look saw. Keys of its JSON are only ever added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Checked {
    /// All is as it should be, as far as it was looked at.
    pub ok: bool,
    /// The database let us in.
    pub reachable: bool,
    /// How folder and history stand to each other; `None` where nobody asked, or got so far.
    pub migrations: Option<Verdict>,
    /// No finding would stop a start; `None` where nobody asked, or got so far.
    pub verified: Option<bool>,
    /// One line: what is well, or the first thing that is not.
    pub message: String,
}

impl Checked {
    /// What keeps anything from being looked at is an answer, too.
    #[must_use]
    pub(crate) fn of(reason: &dyn fmt::Display) -> Self {
        let mut checked = Self::default();
        checked.conclude(Err(reason.to_string()));
        checked
    }

    /// Says in the end what was well, or what was not.
    pub(crate) fn conclude(&mut self, result: Result<String, String>) {
        self.ok = result.is_ok();
        let (word, text) = match result {
            Ok(text) => ("healthy", text),
            Err(text) => ("unhealthy", text),
        };
        self.message = format!("{word}: {}", text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.message)
    }
}

/// Where an image stands, and what to say of it; [`Err`] where it is not as it should be.
///
/// Whatever the folder does not know is a newer image's business, finished or not: an old replica keeps serving while
/// that one migrates.
pub(crate) fn standing(history: &History) -> (Verdict, Result<String, String>) {
    let known: Vec<&str> = history.migrations.iter().map(|migration| migration.name.as_str()).collect();
    judged(&history.entries, &known)
}

fn judged(entries: &[Entry], known: &[&str]) -> (Verdict, Result<String, String>) {
    let ours = |entry: &Entry| match known.contains(&entry.name.as_str()) {
        true => entry.clone(),
        false => Entry { state: State::Missing, ..entry.clone() },
    };
    let entries: Vec<Entry> = entries.iter().map(ours).collect();
    let named = |states: &[State]| {
        let names: Vec<&str> =
            entries.iter().filter(|entry| states.contains(&entry.state)).map(|entry| entry.name.as_str()).collect();
        match names.as_slice() {
            [] => String::new(),
            [name] => (*name).to_owned(),
            [name, rest @ ..] => format!("{name} and {} more", rest.len()),
        }
    };
    let verdict = plan::verdict(&entries);
    let applied = entries.iter().filter(|entry| matches!(entry.state, State::Applied | State::Edited)).count();
    let applied = format!("{applied} migration{}", if applied == 1 { "" } else { "s" });
    let running = named(&[State::Running]);
    let told = match verdict {
        Verdict::Current => Ok(applied),
        Verdict::Ahead => Ok(format!("{applied}, and the database is ahead of this image")),
        Verdict::Failed => Err(format!("migration {} failed or was interrupted", named(&[State::Failed]))),
        Verdict::Behind | Verdict::Diverged if !running.is_empty() => Err(format!("{running} is being applied")),
        Verdict::Behind => Err(format!("pending: {}", named(&[State::Pending, State::RolledBack]))),
        Verdict::Diverged => Err(format!(
            "the history has diverged from the folder: pending {}, missing {}",
            named(&[State::Pending, State::RolledBack]),
            named(&[State::Missing])
        )),
    };
    (verdict, told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(entries: &[(&str, State)], known: &[&str]) -> (Verdict, Result<String, String>) {
        let entry = |(name, state): &(&str, State)| Entry {
            name: (*name).to_owned(),
            state: *state,
            record: None,
            out_of_order: false,
            superseded: false,
            resume: None,
            note: None,
        };
        let entries: Vec<Entry> = entries.iter().map(entry).collect();
        judged(&entries, known)
    }

    #[test]
    fn a_newer_image_that_migrates_or_fails_leaves_an_old_one_healthy() {
        for state in [State::Missing, State::Running, State::Failed] {
            let (verdict, told) = judge(&[("1", State::Applied), ("2", state)], &["1"]);
            assert_eq!(verdict, Verdict::Ahead);
            assert_eq!(told.unwrap(), "1 migration, and the database is ahead of this image");
        }
    }

    #[test]
    fn what_the_image_itself_lacks_is_named() {
        let told = |entries: &[(&str, State)]| judge(entries, &["1", "2", "3"]).1.unwrap_err();
        assert_eq!(
            told(&[("1", State::Applied), ("2", State::Pending), ("3", State::Pending)]),
            "pending: 2 and 1 more"
        );
        assert_eq!(told(&[("1", State::Running), ("2", State::Pending)]), "1 is being applied");
        assert_eq!(told(&[("1", State::Failed)]), "migration 1 failed or was interrupted");
        assert!(told(&[("1", State::Pending), ("9", State::Missing)]).ends_with("pending 1, missing 9"));
    }

    #[test]
    fn an_answer_is_one_line() {
        let checked = Checked::of(&"no database is named\nnext: set DATABASE_URL");
        assert_eq!(checked.to_string(), "unhealthy: no database is named next: set DATABASE_URL\n");
        assert!(!checked.ok);
    }
}
