//! What forbids a start to go on with a history, and what only deserves a warning: by the tool of the format, by the settings, and
//! by the state of the migrations. Reads nothing and runs nothing.

use crate::base::error::Error;
use crate::config::OutOfOrder;
use crate::formats::AppliedOrder;
use crate::formats::migration::Migration;
use crate::migrate::failure_report;
use crate::migrate::history::History;
use crate::migrate::plan::{self, Entry, State, Verdict};

impl History {
    /// Why the tool of the format stops at this history, whether or not something is pending.
    pub(crate) fn forbidden(&self) -> Option<String> {
        let names = |state| {
            let of = self.entries.iter().filter(move |entry| entry.state == state && !entry.superseded);
            of.map(|entry| entry.name.as_str()).collect::<Vec<_>>()
        };
        let of_files = self.format.layout.forbids(&names(State::Missing), &names(State::Edited));
        of_files
            .or_else(|| self.forbidden_order())
            .or_else(|| self.no_room.clone())
            .or_else(|| self.review.refused.clone())
    }

    /// Why migrations that are older than applied ones do not run: the setting decides, or else the tool.
    fn forbidden_order(&self) -> Option<String> {
        let late = self.entries.iter().filter(|entry| entry.out_of_order && entry.is_pending());
        let late: Vec<&str> = late.map(|entry| entry.name.as_str()).collect();
        match self.folder.out_of_order {
            Some(OutOfOrder::Apply) => None,
            Some(OutOfOrder::Refuse) if !late.is_empty() => Some(failure_report::out_of_order(&late)),
            Some(OutOfOrder::Refuse) | None => {
                let applied = self.records.iter().filter(|record| record.is_applied());
                let applied: Vec<&str> = applied.map(|record| record.name.as_str()).collect();
                let order = AppliedOrder { files: &self.migrations, applied: &applied, late: &late };
                self.format.layout.forbids_order(&order)
            }
        }
    }

    /// The verdict in one word.
    #[must_use]
    pub(crate) fn verdict(&self) -> Verdict {
        match plan::verdict(&self.entries, self.reach) {
            Verdict::Diverged if self.format.layout.tolerates_missing() => Verdict::Behind,
            verdict => verdict,
        }
    }

    /// Logs what does not stop a start: ahead, edited, out of order, unreadable.
    pub(crate) fn log_oddities(&self) {
        let names = |wanted: &dyn Fn(&Entry) -> bool| {
            let names: Vec<&str> =
                self.entries.iter().filter(|entry| wanted(entry)).map(|entry| entry.name.as_str()).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        if let Some(names) = names(&|entry| entry.state == State::Missing && !entry.superseded) {
            tracing::warn!(
                phase = "migrate",
                event = "ahead",
                "the database is ahead of this image: applied, but not in the folder: {names}"
            );
        }
        if let Some(names) = names(&|entry| entry.state == State::Edited) {
            tracing::warn!(phase = "migrate", event = "edited", "changed since they were applied: {names}");
        }
        if let Some(names) = names(&|entry| entry.out_of_order) {
            tracing::warn!(phase = "migrate", event = "out_of_order", "older than what is applied already: {names}");
        }
        let is_lost = |it: &Migration| it.unreadable.is_some() && it.script.source().is_empty();
        let unreadable = |entry: &Entry| entry.migration.is_some_and(|index| is_lost(&self.migrations[index]));
        if let Some(names) = names(&unreadable) {
            tracing::warn!(
                phase = "migrate",
                event = "unreadable",
                "applied, but their files are gone or unreadable: {names}"
            );
        }
    }

    /// Refuses what Prisma refuses too (an unfinished row, P3009; a pending folder without its file, P3015), and
    /// a history that has diverged.
    ///
    /// # Errors
    /// [`Error::History`].
    pub(crate) fn check(&self) -> Result<(), Error> {
        let pending: Vec<&str> = self.entries.iter().filter(|it| it.is_pending()).map(|it| it.name.as_str()).collect();
        let missing = self.entries.iter().filter(|entry| entry.state == State::Missing && !entry.superseded);
        let missing: Vec<&str> = missing.map(|entry| entry.name.as_str()).collect();
        if let Some(why) = self.format.layout.obstacle(&missing, &pending, &self.lineage) {
            return Err(Error::History(why));
        }
        if let Some(why) = self.forbidden() {
            return Err(Error::History(why));
        }
        match self.verdict() {
            Verdict::Failed => return Err(Error::History(failure_report::failed(&self.entries))),
            Verdict::Diverged => return Err(Error::History(failure_report::diverged(&self.entries))),
            Verdict::Current | Verdict::Behind | Verdict::Ahead | Verdict::Unknown => {}
        }
        let refused = |migration: &Migration| {
            let of_client = || failure_report::client_command(migration);
            let of_transaction = || failure_report::transaction_control(migration);
            let of_file = migration.unreadable.as_ref().map(ToString::to_string);
            of_file.or_else(of_client).or_else(of_transaction)
        };
        match self.pending().find_map(|(migration, _)| refused(migration)) {
            Some(why) => Err(Error::History(why)),
            None => Ok(()),
        }
    }
}
