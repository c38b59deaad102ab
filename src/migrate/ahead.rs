//! Writes the row that announces a migration together with the end of the one before it. Then a migration is one message and one
//! commit, and other sessions still see what runs.
//!
//! Only a migration whose script commits with its record is announced so, by the record of another such one, and only by an
//! engine that runs a message of several statements as one transaction ([`Session::sends_next`]). A start that stops before the
//! announced migration has begun ends its row.
//!
//! [`Session::sends_next`]: crate::engines::session::Session::sends_next

use crate::engines::session::Next;
use crate::formats::Outcome;
use crate::formats::migration::{Migration, RecordedBy, RunMode};
use crate::migrate::apply::MigrationRun;
use crate::migrate::plan::Entry;
use crate::migrate::strategy::{Strategy, strategy_of};

/// A migration that is to be applied, and what the history has of it.
pub(super) type Pending<'m> = (&'m Migration, &'m Entry);

/// What the row of a migration says that was announced and did not begin.
const NOT_BEGUN: &str = "it was announced, but the start stopped before it began";

/// A migration that the record of the one before it announces.
#[derive(Debug)]
pub(super) struct Ahead<'m> {
    /// Its name.
    name: &'m str,
    /// How it runs.
    strategy: Strategy<'m>,
    /// The key of its row.
    pub(super) id: String,
    /// What writes the row; `None` where the history has none before the end.
    record: Option<String>,
    application_name: String,
}

impl<'a> MigrationRun<'a> {
    /// The announcement of the migration that comes next, where it need not wait for the end of the one before it.
    pub(super) fn ahead(&self, next: Option<Pending<'a>>) -> Option<Ahead<'a>> {
        let (migration, entry) = next?;
        if !self.migrator.session.sends_next() || entry.resume.is_some() || self.ledger.guard(migration).is_some() {
            return None;
        }
        let strategy = strategy_of(migration, RecordedBy::Tool);
        if strategy.mode != RunMode::Atomic {
            return None;
        }
        let (name, id) = (migration.name.as_str(), self.ledger.new_id(Some(strategy.mode)));
        let record = self.ledger.begin(self.row(&id), strategy.mode, migration);
        let application_name = self.migrator.application_name.with(name);
        Some(Ahead { name, strategy, id, record, application_name })
    }

    /// The same, as it goes to the session.
    pub(super) fn next<'b>(&self, ahead: &'b Ahead<'_>) -> Next<'b> {
        let conditions = self.conditions(&ahead.application_name);
        Next { record: ahead.record.as_deref(), conditions }
    }

    /// The key of the row of this migration, and how it runs, where it has been announced.
    pub(super) fn take_announced(&mut self, name: &str) -> Option<(String, Strategy<'a>)> {
        self.announced.take_if(|ahead| ahead.name == name).map(|ahead| (ahead.id, ahead.strategy))
    }

    /// Ends the row of a migration that was announced and does not begin. Without that, the next start would: the script
    /// commits with its record, so that nothing of it can be there.
    pub(super) async fn end_announced(&mut self) {
        let Some(ahead) = self.announced.take().filter(|ahead| ahead.record.is_some()) else { return };
        let Some(sql) = self.ledger.end(self.row(&ahead.id), None, &Outcome::RolledBack(NOT_BEGUN)) else { return };
        if let Err(fault) = self.migrator.session.execute(sql).await {
            let name = ahead.name;
            tracing::debug!(
                phase = "migrate",
                event = "announced",
                migration = name,
                "the row of {name} is left: {fault}"
            );
        }
    }
}
