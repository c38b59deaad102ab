//! Applies what is pending, one migration after the other, and records each outcome, also after a signal or a failure.
//!
//! How a script runs is decided in `strategy`, how one piece of it is sent in `execute`, what a failure is called in
//! `failure_report`. This module connects them with the rows of the history.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::base::application_name::ApplicationName;
use crate::base::error::Error;
use crate::base::fault::{Class, Fault, Place};
use crate::base::log::{self, millis, seconds};
use crate::base::progress::Tracker;
use crate::base::progress_bar::Bar;
use crate::base::signal::Stop;
use crate::engines::session::{Conditions, Failure, Probe, Rollback, Session, Unit};
use crate::formats::migration::{Migration, RecordedBy, RunMode};
use crate::formats::{LedgerWriter, Outcome, RowKey};
use crate::migrate::ahead::{Ahead, Pending, Success};
use crate::migrate::execute::Retries;
use crate::migrate::history::History;
use crate::migrate::leftovers::Ready;
use crate::migrate::script_traits::ScriptTraits;
use crate::migrate::strategy::strategy_of;
use crate::migrate::strategy::{self, ScriptStep, Strategy};
use crate::migrate::{continued, execute, failure_report, recovery, trouble};
use crate::sql::TableName;
use crate::sql::script::{self, Statement};

/// Applies the pending migrations of one start. The session must hold the migration lock.
pub(crate) struct Migrator<'a> {
    /// The folder and its history, just read.
    pub history: &'a History,
    /// The session that holds the lock.
    pub session: &'a mut dyn Session,
    /// What was seen of the database.
    pub probe: &'a Probe,
    /// Signals.
    pub stop: &'a Stop,
    /// Where the migration under way is published.
    pub tracker: &'a Tracker,
    /// What the session calls itself.
    pub application_name: &'a ApplicationName,
    /// `lock_timeout` of each statement.
    pub statement_lock_timeout: Option<Duration>,
    /// How long a migration that met a lock is tried again.
    pub lock_timeout: Option<Duration>,
    /// The database is a scratch database: its history is never repaired.
    pub is_scratch: bool,
}

impl Migrator<'_> {
    /// Applies what is [`due`](crate::migrate::due::due). Returns how many migrations were applied.
    ///
    /// # Errors
    /// [`Error::History`] when the history forbids it, [`Error::Migration`] when a script fails, [`Error::Lost`] when the
    /// connection breaks, [`Error::Stopped`] on a signal: the running statement is cancelled and its outcome recorded
    /// first.
    pub(crate) async fn apply_pending(self) -> Result<usize, Error> {
        let pending: Vec<Pending<'_>> = self.history.pending().collect();
        if pending.is_empty() {
            return Ok(0);
        }
        let (history, stop, count) = (self.history, self.stop, pending.len());
        history.warn_of_unlocked_tool(self.probe);
        let table = history.ensure_table(self.session, self.probe).await?;
        // From here on a signal is answered here: the running statement is cancelled and its outcome recorded.
        stop.defer_signals();
        let progress = Bar::start(count, log::is_watched());
        let ledger = history.writer()?;
        let table = Rc::new(table);
        let mut run = MigrationRun { ledger, table, has_noted: false, announced: None, prepared: None, migrator: self };
        let mut applied = Ok(count);
        for (done, (migration, entry)) in pending.iter().copied().enumerate() {
            if let Some(signal) = stop.signal() {
                let note = format!("{done} of {count} pending migrations are applied, the next was not begun");
                applied = Err(Error::Stopped { signal, note });
                break;
            }
            progress.begin(&migration.name);
            run.migrator.tracker.migrating(&migration.name, done, count);
            if let Err(error) = run.apply((migration, entry), &pending[done + 1..]).await {
                applied = Err(error);
                break;
            }
            progress.end();
        }
        if !matches!(applied, Err(Error::Lost { .. })) {
            run.end_announced().await;
            run.drop_table_of_notes().await;
        }
        if applied.is_ok() {
            stop.end_deferral();
        }
        applied
    }
}

/// A run over the pending migrations.
pub(super) struct MigrationRun<'a> {
    pub(super) migrator: Migrator<'a>,
    pub(super) ledger: &'static dyn LedgerWriter,
    pub(super) table: Rc<TableName>,
    /// A migration of this run has had a note, which is deleted.
    has_noted: bool,
    /// The migration that the record of the last one has announced.
    pub(super) announced: Option<Ahead<'a>>,
    /// The one after that, which was made ready meanwhile.
    pub(super) prepared: Option<Ahead<'a>>,
}

/// The migration that is being applied.
pub(super) struct Current<'m> {
    pub(super) migration: &'m Migration,
    /// The key of its row.
    pub(super) id: String,
    /// What records its success, if that is written already.
    success: Option<Success>,
    application_name: String,
    /// How it runs, as its row says.
    pub(super) mode: RunMode,
    /// Statements done, and their number, where it runs statement by statement.
    pub(super) steps: Option<(usize, usize)>,
    /// What all of its steps have in common.
    pub(super) script: ScriptTraits,
    /// Its first step was announced when the row was written.
    pub(super) is_announced: bool,
    /// What [`MigrationRun::intent`] will ask for the next step.
    read_ahead: Option<String>,
}

impl<'a> MigrationRun<'a> {
    /// Applies one migration; the record of its success announces the first of those that follow, where it can.
    async fn apply(&mut self, (migration, entry): Pending<'a>, following: &[Pending<'a>]) -> Result<(), Error> {
        let (began, name) = (Instant::now(), migration.name.as_str());
        if !self.passes_guard(migration).await? {
            return Ok(());
        }
        tracing::debug!(phase = "migrate", event = "applying", migration = name, "applying {name}");
        // An earlier start has begun the row, and has done so many statements.
        let begun = entry.record.as_ref().and_then(|record| Some((record.id.clone(), entry.resume?)));
        let by = begun.as_ref().map_or(RecordedBy::Tool, |_| RecordedBy::Doorstep(RunMode::Steps));
        let (ready, success) = self.take_ready(name).unzip();
        let strategy = ready.unwrap_or_else(|| strategy_of(migration, by));
        if strategy.statements.is_empty() {
            tracing::warn!(
                phase = "migrate",
                event = "empty",
                migration = name,
                "{name} has no statement: it is recorded as applied, but changes nothing"
            );
        }
        let (application_name, mode) = (self.migrator.application_name.with(name), strategy.mode);
        let mut current = Current {
            migration,
            id: String::new(),
            success,
            application_name,
            mode,
            steps: None,
            script: if mode == RunMode::Steps { ScriptTraits::of(migration) } else { ScriptTraits::default() },
            is_announced: false,
            read_ahead: None,
        };
        if strategy.mode != RunMode::Steps {
            self.drop_invalid(&current, &strategy.statements).await?;
        }
        let done = begun.as_ref().map_or(0, |(_, done)| *done);
        match (begun, self.take_announced(name)) {
            (Some((id, _)), _) if strategy.mode == RunMode::Steps => current.id = id,
            (_, Some(id)) => current.id = id,
            (_, None) => self.begin(&mut current, &strategy.steps).await?,
        }
        if done > 0 && entry.is_halted() {
            self.take_up(&current, done).await?;
        }
        let has_note = match strategy.mode {
            RunMode::Atomic => self.atomic(current, &strategy, following).await?,
            RunMode::Whole => self.whole(&current).await.map(|()| true)?,
            RunMode::Steps => self.step_by_step(current, &strategy.steps, done).await.map(|()| true)?,
        };
        self.has_noted |= has_note;
        let duration = began.elapsed();
        tracing::info!(
            phase = "migrate",
            event = "applied",
            migration = name,
            duration_ms = millis(duration),
            "applied {name} in {}",
            seconds(duration)
        );
        Ok(())
    }

    /// Once for all migrations of a run: the next one would only create the table again.
    async fn drop_table_of_notes(&mut self) {
        if self.has_noted {
            let Migrator { history, session, .. } = &mut self.migrator;
            history.drop_notes(&mut **session, &self.table).await;
        }
    }

    /// The script and its record in one transaction; whether it ran without one in the end.
    async fn atomic(
        &mut self,
        current: Current<'_>,
        strategy: &Strategy<'_>,
        following: &[Pending<'a>],
    ) -> Result<bool, Error> {
        let Err(mut failure) = self.execute_announcing(&current, strategy, following).await else { return Ok(false) };
        let mut sent = Cow::Borrowed(strategy.statements.as_slice());
        let nothing_kept = failure.kept == Rollback::Complete && !failure.of_record;
        // The server knows best which statements refuse a transaction.
        if nothing_kept
            && failure.fault.class == Class::RefusesTransaction
            && trouble::is_utility(&sent, failure.fault.place)
        {
            return self.without_transaction(current, failure).await.map(|()| true);
        }
        if nothing_kept
            && failure.fault.class == Class::Privilege
            && let Some((sql, left)) = self.without_existing_schemas(strategy).await
        {
            match self.execute_atomic(&current, (&sql, &left), None).await {
                Ok(()) => return Ok(false),
                Err(second) => (failure, sent) = (second, Cow::Owned(left)),
            }
        }
        let place = failure.fault.place;
        failure.fault.place = place.map(|place| failure_report::of_sent(strategy, &sent, place));
        Err(self.failed(&current, failure).await)
    }

    pub(super) async fn execute_atomic(
        &mut self,
        current: &Current<'_>,
        (sql, statements): (&str, &[Statement<'_>]),
        ahead: Option<&Ahead<'_>>,
    ) -> Result<(), Failure> {
        let written;
        let success = match &current.success {
            Some(success) => success,
            None => {
                written = Success::of(self.ledger, self.row(&current.id), current.migration);
                &written
            }
        };
        let (record, clears) = (success.record.as_deref(), success.clears.as_deref());
        let next = ahead.map(|ahead| self.next(ahead));
        let unit = Unit { record, clears, last: true, next, ..self.unit(current, sql, statements) };
        self.execute(&unit, current).await
    }

    /// Runs a script without a transaction, after the server has refused one of its statements in a transaction.
    async fn without_transaction(&mut self, mut current: Current<'_>, failure: Failure) -> Result<(), Error> {
        let why =
            format!("a statement of it does not run in a transaction ({}); it runs again without one", failure.fault);
        self.write(&current, &Outcome::RolledBack(&why))
            .await
            .map_err(|fault| failure_report::unrecorded(&current.migration.name, fault))?;
        let steps = strategy::steps(&current.migration.script).unwrap_or_default();
        // A lone CALL or DO may commit on the way.
        let mode = if steps.len() < 2 { RunMode::Whole } else { RunMode::Steps };
        (current.mode, current.script) = (mode, ScriptTraits::of(current.migration));
        self.begin(&mut current, &steps).await?;
        match mode {
            RunMode::Steps => self.step_by_step(current, &steps, 0).await,
            RunMode::Whole | RunMode::Atomic => self.whole(&current).await,
        }
    }

    /// The script as it is, as Prisma sends it, and the record after it.
    async fn whole(&mut self, current: &Current<'_>) -> Result<(), Error> {
        let statements = current.migration.script.statements();
        let unit = Unit { last: true, ..self.unit(current, current.migration.sql(), &statements) };
        if let Err(failure) = self.execute(&unit, current).await {
            return Err(self.failed(current, failure).await);
        }
        self.succeeded(current).await
    }

    /// One message for each statement from `done` on, each with a record of how many are done.
    async fn step_by_step(
        &mut self,
        mut current: Current<'_>,
        steps: &[ScriptStep<'_>],
        done: usize,
    ) -> Result<(), Error> {
        let (name, count) = (current.migration.name.clone(), steps.len());
        if (1..count).contains(&done) {
            current.steps = Some((done, count));
            self.restore_settings(&current, &steps[..done]).await?;
        }
        for (index, step) in steps.iter().enumerate().skip(done) {
            current.steps = Some((index, count));
            current.read_ahead = self.look_ahead(&current, steps.get(index + 1));
            if let Some(signal) = self.migrator.stop.signal() {
                return Err(failure_report::stopped_between(&current.migration.name, current.steps, signal));
            }
            let began = Instant::now();
            self.complete_step(&current, step, (index, count)).await?;
            if count > 1 {
                tracing::info!(
                    phase = "migrate",
                    event = "statement",
                    migration = name,
                    duration_ms = millis(began.elapsed()),
                    "{name}: statement {} of {count} done in {}: {}",
                    index + 1,
                    seconds(began.elapsed()),
                    script::summary_of(&step.statements)
                );
            }
        }
        if done >= count {
            self.succeeded(&current).await?;
        }
        Ok(())
    }

    /// One of `count` steps, tried again where what a try has left does not hinder the next one.
    async fn complete_step(
        &mut self,
        current: &Current<'_>,
        step: &ScriptStep<'_>,
        position: (usize, usize),
    ) -> Result<(), Error> {
        let mut retries = self.retries(current.migration);
        loop {
            if self.clear_way(current, step).await? == Ready::Done {
                return self.record_done(current, position).await;
            }
            let Err(failure) = self.execute_step(current, step, position).await else { return Ok(()) };
            let answered = failure.kept != Rollback::Unknown && !failure.of_record;
            let left_nothing_in_the_way = answered && failure.repeatable && recovery::is_repeatable(step);
            if !left_nothing_in_the_way || !retries.pause(&failure).await {
                let failure = self.with_leftovers(current, step, failure).await;
                return Err(self.failed(current, failure).await);
            }
            self.migrator.session.stay_in_file(true);
        }
    }

    /// One of `count` steps, with its record: in one transaction, unless the step refuses it.
    async fn execute_step(
        &mut self,
        current: &Current<'_>,
        step: &ScriptStep<'_>,
        (index, count): (usize, usize),
    ) -> Result<(), Failure> {
        let is_last = index + 1 == count;
        let record = self.record_of_step(current, step, (index, count));
        let unit = self.unit(current, step.text, &step.statements);
        // CREATE INDEX CONCURRENTLY waits for other transactions by design, and leaves an INVALID index behind when a
        // timeout ends it: no lock_timeout for it.
        let commits_ddl = strategy::commits_ddl(self.migrator.history.dialect);
        let lock_timeout = unit.conditions.lock_timeout.filter(|_| !step.alone || commits_ddl);
        let intent = self.intent(current, step, (index, count)).await?;
        let conditions = Conditions { lock_timeout, ..unit.conditions };
        let clears = if is_last { self.clears(current) } else { None };
        let (record, clears) = (record.as_deref(), clears.as_deref());
        let (announcement, read_ahead) = (intent.as_deref(), current.read_ahead.as_deref());
        let mut unit =
            Unit { record, clears, alone: step.alone, announcement, read_ahead, last: is_last, conditions, ..unit };
        let mut result = self.execute(&unit, current).await;
        if matches!(&result, Err(failure) if trouble::refuses(failure)) {
            // Outside a transaction an interrupted statement may be done, half done or not done, and nothing in the
            // database tells which. The row says so until the statement is done.
            let why = format!(
                "statement {} of {count} runs outside a transaction and was interrupted; it may be done, or half done",
                index + 1
            );
            let announcement = self.record(current, &Outcome::Failed(&why));
            let conditions = Conditions { lock_timeout: None, ..conditions };
            unit = Unit { alone: true, announcement: announcement.as_deref(), conditions, ..unit };
            result = self.execute(&unit, current).await;
        }
        let Err(mut failure) = result else { return Ok(()) };
        // Recovery judges such a statement by what it leaves; not one that was found out by asking the server.
        failure.repeatable = step.alone && (!commits_ddl || Self::is_decidable(current, step));
        failure.fault.place =
            failure.fault.place.map(|place| failure_report::in_file(current.migration.sql(), step.offset, place));
        Err(failure)
    }

    /// Repeats the SET statements among the steps that are done: their effect ended with the session they ran in.
    async fn restore_settings(&mut self, current: &Current<'_>, done: &[ScriptStep<'_>]) -> Result<(), Error> {
        for statement in continued::repeated(done) {
            let unit = self.unit(current, statement.text, std::slice::from_ref(statement));
            if let Err(mut failure) = self.execute(&unit, current).await {
                failure.fault.message = format!(
                    "what the statements that are done have set cannot be set again in another session: {}",
                    failure.fault.message
                );
                let place = failure.fault.place.unwrap_or(Place::Statement(0));
                failure.fault.place = Some(failure_report::in_file(current.migration.sql(), statement.offset, place));
                return Err(self.failed(current, failure).await);
            }
        }
        Ok(())
    }

    /// A piece of this migration, without a record.
    pub(super) fn unit<'b>(&self, current: &'b Current<'_>, sql: &'b str, statements: &'b [Statement<'b>]) -> Unit<'b> {
        let conditions = self.conditions(&current.application_name, current.script);
        Unit {
            sql,
            statements,
            record: None,
            clears: None,
            alone: false,
            announcement: None,
            read_ahead: None,
            last: false,
            next: None,
            conditions,
        }
    }

    /// The settings for a script. One that runs in steps and sets a lock_timeout of its own has none of doorstep's in any of them.
    pub(super) fn conditions<'b>(&self, label: &'b str, script: ScriptTraits) -> Conditions<'b> {
        let lock_timeout = self.migrator.statement_lock_timeout.filter(|_| !script.sets_timeout);
        Conditions { lock_timeout, label }
    }

    pub(super) async fn execute(&mut self, unit: &Unit<'_>, current: &Current<'_>) -> Result<(), Failure> {
        if self.migrator.stop.signal().is_some() {
            // The signal came while the row was written; the script must not begin after it.
            return Err(Failure::without_effect(Fault::new(Class::Cancelled, "it was not begun")));
        }
        let mut retries = self.retries(current.migration);
        execute::run(self.migrator.session, unit, &mut retries).await
    }

    /// The tries that are left for a piece of this migration.
    pub(super) fn retries<'b>(&self, migration: &'b Migration) -> Retries<'b>
    where
        'a: 'b,
    {
        Retries::new(migration, self.migrator.lock_timeout, self.migrator.stop)
    }

    pub(super) fn row<'b>(&'b self, id: &'b str) -> RowKey<'b> {
        RowKey { dialect: self.migrator.history.dialect, table: &self.table, id }
    }

    /// What makes way for the record of a success.
    fn clears(&self, current: &Current<'_>) -> Option<String> {
        self.ledger.precedes(self.row(&current.id), current.migration)
    }

    pub(super) fn record(&self, current: &Current<'_>, outcome: &Outcome<'_>) -> Option<String> {
        self.ledger.end(self.row(&current.id), Some(current.migration), outcome)
    }
}
