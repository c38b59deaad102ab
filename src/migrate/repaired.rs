//! A failed migration whose file was repaired: where each statement commits, it goes on behind those that are done and
//! unchanged.

use crate::base::error::Error;
use crate::formats::Outcome;
use crate::formats::migration::{Migration, RecordedBy, RunMode};
use crate::migrate::apply::{Current, MigrationRun};
use crate::migrate::halted::{Halt, Repair};
use crate::migrate::history::History;
use crate::migrate::plan::{Entry, State};
use crate::migrate::strategy::strategy_of;

impl History {
    /// Marks the failed migrations that go on as pending, with the statement; notes of the others why they do not. Writes nothing.
    pub(super) fn take_up_repaired(&mut self) {
        for index in 0..self.entries.len() {
            let Some((halt, repair)) = self.repair(&self.entries[index]) else { continue };
            let (done, those) = (halt.done, halt.those());
            let entry = &mut self.entries[index];
            match repair {
                Repair::GoesOn => {
                    (entry.state, entry.resume) = (State::Pending, Some(done));
                    let (name, next) = (&entry.name, done + 1);
                    tracing::warn!(
                        phase = "migrate",
                        event = "repaired",
                        migration = name,
                        "{name} failed, and its file was changed since: {those} done and unchanged: it goes on with statement {next}"
                    );
                }
                Repair::Refused(why) => entry.note = Some(why),
            }
        }
    }

    /// Notes what the next start does with the failed migrations whose file was changed.
    pub(super) fn note_repaired(&mut self) {
        for index in 0..self.entries.len() {
            let Some((halt, repair)) = self.repair(&self.entries[index]) else { continue };
            self.entries[index].note = Some(match repair {
                Repair::GoesOn => format!(
                    "its file was changed since: {} done and unchanged: the next start goes on with statement {}",
                    halt.those(),
                    halt.done + 1
                ),
                Repair::Refused(why) => why,
            });
        }
    }

    /// What a failed migration allows whose file was changed since; `None` for any other.
    fn repair(&self, entry: &Entry) -> Option<(Halt, Repair)> {
        let record = entry.record.as_ref().filter(|_| entry.state == State::Failed)?;
        let halt = record.message.as_deref().and_then(Halt::read).filter(|halt| halt.done == record.steps)?;
        let migration: &Migration = &self.migrations[entry.migration?];
        let is_changed = !self.format.ledger.fits(migration, &record.checksum);
        if !is_changed || !record.ran(RunMode::Steps) {
            return None;
        }
        let strategy = strategy_of(migration, RecordedBy::Doorstep(RunMode::Steps));
        let repair = halt.repair(&strategy.steps);
        Some((halt, repair))
    }
}

impl MigrationRun<'_> {
    /// Makes the row of a failed migration that of an interrupted one, with the checksum of the repaired file.
    pub(super) async fn take_up(&mut self, current: &Current<'_>, done: usize) -> Result<(), Error> {
        let written = self.write(current, &Outcome::Resumed(done, &current.migration.checksum)).await;
        written.map_err(Error::statement(format!("record that {} goes on", current.migration.name)))
    }
}
