//! Migrations that run again when their text has changed. That they have is found where the rows are read
//! ([`Lineage::reruns`](crate::formats::Lineage), `Review::changed`); this module says it, and keeps an older release from undoing
//! what a newer one has made.

use crate::migrate::history::History;
use crate::migrate::plan::{Entry, State};

/// The note of one that stays as it is.
const OF_ANOTHER: &str = "with the text of another release, which stays: the database is ahead of this folder";

impl History {
    /// Notes why a migration that is applied is pending all the same.
    pub(super) fn note_changed(&mut self) {
        for (name, at) in &self.review.changed {
            for entry in self.entries.iter_mut().filter(|entry| entry.is_pending() && entry.name == *name) {
                entry.note = Some(format!("its text has changed since {at}: it runs again"));
            }
        }
    }

    /// Leaves what runs again as it is, where the database is ahead of the folder and another text was applied: it is most likely
    /// that of the newer release, which may still be running.
    pub(super) fn leave_to_newer(&mut self) {
        let is_ahead = self.entries.iter().any(|entry| entry.state == State::Missing && !entry.superseded);
        if !is_ahead || self.format.layout.older_release_reruns() {
            return;
        }
        let is_changed = |entry: &Entry| self.review.changed.iter().any(|(name, _)| *name == entry.name);
        for entry in self.entries.iter_mut().filter(|entry| entry.is_pending() && is_changed(entry)) {
            (entry.state, entry.note) = (State::Applied, Some(OF_ANOTHER.to_owned()));
        }
    }
}
