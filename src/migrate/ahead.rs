//! Writes the row that announces a migration together with the end of the one before it. Then a migration is one message and one
//! commit, and other sessions still see what runs.
//!
//! Only a migration whose script commits with its record is announced so, by the record of another such one, and only by an
//! engine that runs a message of several statements as one transaction ([`Session::sends_next`]). A start that stops before the
//! announced migration has begun ends its row.
//!
//! All of it is written while the server runs the migration before: what is worked out between an answer and the next message, the
//! server waits for.
//!
//! [`Session::sends_next`]: crate::engines::session::Session::sends_next

use std::rc::Rc;

use crate::base::application_name::ApplicationName;
use crate::engines::session::{Failure, Next, Rollback};
use crate::formats::migration::{Migration, RecordedBy, RunMode};
use crate::formats::{LedgerWriter, Outcome, RowKey};
use crate::migrate::apply::{Current, MigrationRun};
use crate::migrate::plan::Entry;
use crate::migrate::script_traits::ScriptTraits;
use crate::migrate::strategy::{Strategy, strategy_of};
use crate::migrate::trouble::Trouble;
use crate::sql::{Dialect, TableName};

/// A migration that is to be applied, and what the history has of it.
pub(super) type Pending<'m> = (&'m Migration, &'m Entry);

/// What the row of a migration says that was announced and did not begin.
const NOT_BEGUN: &str = "it was announced, but the start stopped before it began";

/// A migration that the record of the one before it announces.
#[derive(Debug)]
pub(super) struct Ahead<'m> {
    /// Its name.
    name: &'m str,
    /// The key of its row.
    pub(super) id: String,
    /// What writes the row; `None` where the history has none before the end.
    record: Option<String>,
    application_name: String,
    /// How it runs, and what records its success; `None` once that is taken.
    ready: Option<(Strategy<'m>, Success)>,
}

/// What records that a migration has succeeded.
#[derive(Debug)]
pub(super) struct Success {
    /// `None` where the script does it.
    pub(super) record: Option<String>,
    /// What makes way for the record.
    pub(super) clears: Option<String>,
}

impl Success {
    pub(super) fn of(ledger: &dyn LedgerWriter, row: RowKey<'_>, migration: &Migration) -> Self {
        let record = ledger.end(row, Some(migration), &Outcome::Succeeded);
        Self { record, clears: ledger.precedes(row, migration) }
    }
}

/// Writes what announces a migration, and what records it; needs no session.
struct Announcer<'a> {
    ledger: &'static dyn LedgerWriter,
    dialect: Dialect,
    table: Rc<TableName>,
    application_name: &'a ApplicationName,
}

impl Announcer<'_> {
    /// The announcement of a migration, where it need not wait for the end of the one before it.
    fn ahead<'m>(&self, (migration, entry): Pending<'m>) -> Option<Ahead<'m>> {
        if entry.resume.is_some() || self.ledger.guard(migration).is_some() {
            return None;
        }
        let strategy = strategy_of(migration, RecordedBy::Tool);
        if strategy.mode != RunMode::Atomic {
            return None;
        }
        let (name, id) = (migration.name.as_str(), self.ledger.new_id(Some(strategy.mode)));
        let row = RowKey { dialect: self.dialect, table: &self.table, id: &id };
        let record = self.ledger.begin(row, strategy.mode, migration);
        let success = Success::of(self.ledger, row, migration);
        let application_name = self.application_name.with(name);
        Some(Ahead { name, id, record, application_name, ready: Some((strategy, success)) })
    }
}

impl<'a> MigrationRun<'a> {
    /// What writes the announcements of this run; `None` where the engine sends none.
    fn announcer(&self) -> Option<Announcer<'a>> {
        let Self { migrator, ledger, table, .. } = self;
        let (dialect, application_name) = (migrator.history.dialect, migrator.application_name);
        let announcer = Announcer { ledger: *ledger, dialect, table: Rc::clone(table), application_name };
        migrator.session.sends_next().then_some(announcer)
    }

    /// The announcement of the migration that comes next, if it can have one.
    fn ahead(&mut self, announcer: &Announcer<'_>, next: Pending<'a>) -> Option<Ahead<'a>> {
        let prepared = self.prepared.take().filter(|ahead| ahead.name == next.0.name);
        prepared.or_else(|| announcer.ahead(next))
    }

    /// The same, as it goes to the session.
    pub(super) fn next<'b>(&self, ahead: &'b Ahead<'_>) -> Next<'b> {
        let conditions = self.conditions(&ahead.application_name, ScriptTraits::default());
        Next { record: ahead.record.as_deref(), conditions }
    }

    /// The script, its record, and the announcement of the next migration. While the server runs it, the one after that is made
    /// ready.
    pub(super) async fn execute_announcing(
        &mut self,
        current: &Current<'_>,
        strategy: &Strategy<'_>,
        following: &[Pending<'a>],
    ) -> Result<(), Failure> {
        let (announcer, sent) = (self.announcer(), (&*strategy.sql, strategy.statements.as_slice()));
        let next = announcer.as_ref().zip(following.first());
        let ahead = next.and_then(|(announcer, next)| self.ahead(announcer, *next));
        // Polled first, the message is on its way before the other begins.
        let (result, prepared) = tokio::join!(self.execute_atomic(current, sent, ahead.as_ref()), async {
            announcer.as_ref()?.ahead(*following.get(1)?)
        });
        self.prepared = prepared;
        match &result {
            Ok(()) => self.announced = ahead,
            Err(failure) if ahead.is_some() && is_refused_announcement(failure) => {
                tracing::debug!(
                    phase = "migrate",
                    event = "unannounced",
                    migration = current.migration.name,
                    "runs again without announcing the next one: {}",
                    failure.fault
                );
                return self.execute_atomic(current, sent, None).await;
            }
            Err(_) => {}
        }
        result
    }

    /// How this migration runs, and what records its success, where it has been announced.
    pub(super) fn take_ready(&mut self, name: &str) -> Option<(Strategy<'a>, Success)> {
        self.announced.as_mut().filter(|ahead| ahead.name == name)?.ready.take()
    }

    /// The key of the row of this migration, where it has been announced.
    pub(super) fn take_announced(&mut self, name: &str) -> Option<String> {
        self.announced.take_if(|ahead| ahead.name == name).map(|ahead| ahead.id)
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

/// All was done but the announcement, which was refused; not for a lock or a row that another session has taken.
fn is_refused_announcement(failure: &Failure) -> bool {
    failure.of_next && failure.kept == Rollback::Complete && !Trouble::of(failure, "").passes()
}
