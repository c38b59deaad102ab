//! What interrupted builds and rebuilds of indexes have left, around each try of a script or a step: it is dropped before,
//! and named after a failure.

use crate::base::error::Error;
use crate::base::fault::Class;
use crate::engines::session::{Failure, Rollback, Unit};
use crate::formats::Outcome;
use crate::formats::migration::{Record, RunMode};
use crate::migrate::apply::{Current, MigrationRun};
use crate::migrate::invalid_index::{self, Blocked, dropped_by_hand, said};
use crate::migrate::reindex_copies::Copies;
use crate::migrate::strategy::ScriptStep;
use crate::migrate::trouble::Trouble;
use crate::migrate::unnamed_index::{self, Builds, Earlier};
use crate::migrate::{execute, failure_report};
use crate::sql::script::Statement;
use crate::sql::{reindex, unnamed_build};

/// What is left of a step to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ready {
    /// All of it; nothing is in its way.
    ToRun,
    /// Its record: an earlier try has done it.
    Done,
}

impl MigrationRun<'_> {
    /// Drops the INVALID indexes that have the name of one that these statements build.
    pub(super) async fn drop_invalid(
        &mut self,
        current: &Current<'_>,
        statements: &[Statement<'_>],
    ) -> Result<(), Error> {
        let (name, stop) = (&current.migration.name, self.migrator.stop);
        let dropped = invalid_index::drop_invalid(self.migrator.session, stop, name, statements).await;
        dropped.map_err(|blocked| self.not_dropped(name, blocked))
    }

    /// Before a try of a step: drops what an earlier one has left.
    pub(super) async fn clear_way(&mut self, current: &Current<'_>, step: &ScriptStep<'_>) -> Result<Ready, Error> {
        let (name, stop) = (current.migration.name.as_str(), self.migrator.stop);
        self.drop_invalid(current, &step.statements).await?;
        if let Some(target) = step.statements.first().and_then(reindex::reindexed) {
            let copies = Copies { target, since: self.ledger.locate(self.row(&current.id)) };
            let dropped = copies.drop_own(self.migrator.session, stop, name).await;
            dropped.map_err(|blocked| self.not_dropped(name, blocked))?;
        }
        let Some(builds) = self.builds(current, step) else { return Ok(Ready::ToRun) };
        let ready = self.clear_unnamed(name, &builds).await;
        ready.map_err(|blocked| self.not_dropped(name, blocked))
    }

    /// The same for a step that builds an index without a name.
    async fn clear_unnamed(&mut self, name: &str, builds: &Builds) -> Result<Ready, Blocked> {
        let (session, stop) = (&mut *self.migrator.session, self.migrator.stop);
        let found = builds.look(session, stop).await?;
        for other in &found.others {
            let (index, by_hand) = (other.qualified_name(), dropped_by_hand(session, other));
            said(
                name,
                &format!("the INVALID index {index} stays: it was there before; if no session builds it: {by_hand}"),
            );
        }
        match found.earlier {
            Earlier::Nothing => Ok(Ready::ToRun),
            Earlier::Built(index) => {
                said(name, &format!("the index {} is there: an earlier try has built it", index.qualified_name()));
                Ok(Ready::Done)
            }
            Earlier::Interrupted(index) => {
                invalid_index::drop_one(session, stop, name, &index).await.map(|()| Ready::ToRun)
            }
            Earlier::Held(index, peer) => Err(Blocked::by_builder(&index, &peer)),
            Earlier::Unclear(indexes) => {
                let unread = found.unread.as_ref();
                Err(Blocked::Unclear(unnamed_index::unclear(&builds.build.table, session, &indexes, unread)))
            }
        }
    }

    /// What the step builds, if that is an index without a name.
    fn builds(&self, current: &Current<'_>, step: &ScriptStep<'_>) -> Option<Builds> {
        let build = step.statements.first().and_then(unnamed_build::unnamed).filter(|_| step.alone)?;
        let is_earlier = |record: &Record| {
            record.name == current.migration.name && record.id != current.id && !record.ran(RunMode::Atomic)
        };
        let has_earlier_rows = self.migrator.history.records.iter().any(|record| is_earlier(record));
        Some(Builds { build, since: self.ledger.locate(self.row(&current.id)), has_earlier_rows })
    }

    /// The failure of a step that is not tried again, with the INVALID indexes that it has left as its detail. They are looked for in
    /// the file's settings, which end with this.
    pub(super) async fn with_leftovers(
        &mut self,
        current: &Current<'_>,
        step: &ScriptStep<'_>,
        failure: Failure,
    ) -> Failure {
        self.migrator.session.stay_in_file(true);
        let failure = self.with_left_indexes(current, step, failure).await;
        self.migrator.session.stay_in_file(false);
        failure
    }

    async fn with_left_indexes(&mut self, current: &Current<'_>, step: &ScriptStep<'_>, failure: Failure) -> Failure {
        let Some(builds) = self.builds(current, step) else {
            return invalid_index::with_invalid(self.migrator.session, &step.statements, failure).await;
        };
        if failure.kept == Rollback::Unknown || failure.of_record || self.migrator.stop.signal().is_some() {
            return failure;
        }
        // What cannot be looked up is found by the next start.
        let found = builds.look(self.migrator.session, self.migrator.stop).await;
        let Ok(Earlier::Interrupted(index)) = found.map(|found| found.earlier) else { return failure };
        let name = index.qualified_name();
        if Trouble::of(&failure, current.migration.sql()) != Trouble::Script {
            return invalid_index::detailed(
                failure,
                &format!("an INVALID index is left; the next attempt drops it and builds it again: {name}"),
            );
        }
        // The row will be another one, and the index no longer known as this migration's.
        let sql = dropped_by_hand(self.migrator.session, &index);
        let (cancel, limit) = (self.migrator.session.canceller(), self.migrator.statement_lock_timeout);
        let drop = self.migrator.session.execute(sql.clone());
        let left = match execute::own_within(cancel, drop, self.migrator.stop, limit).await {
            Ok(()) => format!("the INVALID index that it left was dropped: {name}"),
            Err(_) => format!("an INVALID index is left; drop it before the next attempt: {sql}"),
        };
        invalid_index::detailed(failure, &left)
    }

    fn not_dropped(&self, name: &str, blocked: Blocked) -> Error {
        match blocked {
            Blocked::Statement { fault, .. }
                if fault.class == Class::Cancelled && self.migrator.stop.signal().is_some() =>
            {
                self.not_begun(name)
            }
            Blocked::Statement { doing, fault } => Error::statement(doing)(fault),
            Blocked::Builder(fault) => {
                let report = format!("{fault}\n{}", failure_report::NEXT_AFTER_A_LOCK);
                Error::Migration { name: name.to_owned(), report, again: true, fault }
            }
            Blocked::Unclear(report) => Error::History(format!("{name} cannot go on: {report}")),
        }
    }

    /// Records a step that an earlier try has done: it is one of `count`.
    pub(super) async fn record_done(
        &mut self,
        current: &Current<'_>,
        (index, count): (usize, usize),
    ) -> Result<(), Error> {
        if index + 1 == count {
            self.migrator.session.stay_in_file(false);
            return self.succeeded(current).await;
        }
        let Some(sql) = self.record(current, &Outcome::Progress(index + 1)) else { return Ok(()) };
        // As a piece without a text: the settings of the file stay for the next one.
        let unit = Unit { record: Some(&sql), ..self.unit(current, "", &[]) };
        let written = self.execute(&unit, current).await.map_err(|failure| failure.fault);
        written.map_err(Error::statement(format!("record what is done of {}", current.migration.name)))
    }
}
