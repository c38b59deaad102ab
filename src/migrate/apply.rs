//! Step 3: apply what is pending, one migration after the other, and leave a history that is true
//! whatever happens in between.

use std::time::{Duration, Instant};

use crate::base::application_name::ApplicationName;
use crate::base::error::Error;
use crate::base::fault::{Class, Fault, Place};
use crate::base::log::{self, millis, seconds};
use crate::base::progress::Tracker;
use crate::base::progress_bar::Progress;
use crate::base::signal::{self, Stop};
use crate::engines::session::{Conditions, Failure, Probe, ProbeRequest, Rollback, Session, Unit};
use crate::formats::migration::{Migration, Writer};
use crate::formats::{Outcome, Scripts};
use crate::migrate::history::History;
use crate::migrate::invalid_index::{self, Blocked};
use crate::migrate::strategy::{self, Step, Way};
use crate::migrate::{execute, failure_report, plan};
use crate::sql::script::{self, Statement};
use crate::sql::{ObjectKind, TableName};

/// What limits a run of migrations.
pub(crate) struct Limits<'a> {
    /// Schemas whose tables decide whether a database without history is empty.
    pub schemas: &'a [String],
    /// `lock_timeout` of each statement.
    pub statement_lock_timeout: Option<Duration>,
    /// How long a migration that met a lock is tried again.
    pub lock_timeout: Option<Duration>,
    /// What the session calls itself.
    pub label: &'a ApplicationName,
    /// Where the migration under way is written down.
    pub tracker: &'a Tracker,
    /// The database is a throwaway one: its history is nothing to repair.
    pub rehearsal: bool,
}

/// Whether something is to be applied, or the tool has to be asked; the lock must be held. Heals what an earlier start
/// has left behind, and writes nothing else.
///
/// # Errors
/// [`Error::History`] when the history forbids to go on.
pub(crate) async fn due(history: &mut History, session: &mut dyn Session, probe: &Probe) -> Result<bool, Error> {
    history.read(session, probe).await?;
    history.heal(session).await?;
    history.check()?;
    Ok(!plan::pending(&history.entries).is_empty() || history.uncertainty().is_some())
}

/// Applies what is [`due`]; the lock must be held. Returns how many were applied.
///
/// # Errors
/// [`Error::History`] when the history forbids it, [`Error::Migration`] when a script fails,
/// [`Error::Lost`] when the connection breaks, [`Error::Stopped`] on a signal: the running statement is
/// cancelled and its outcome recorded first.
pub(crate) async fn apply_pending(
    history: &mut History,
    session: &mut dyn Session,
    probe: &Probe,
    limits: &Limits<'_>,
    stop: &Stop,
) -> Result<usize, Error> {
    let names = plan::pending(&history.entries);
    let resume = |name: &str| history.entries.iter().find(|entry| entry.name == name).and_then(resumed);
    let pending: Vec<(&Migration, Option<Begun>)> = (history.migrations.iter())
        .filter(|migration| names.contains(&migration.name.as_str()))
        .map(|migration| (migration, resume(&migration.name)))
        .collect();
    if pending.is_empty() {
        return Ok(0);
    }
    let table = history.ensure_table(session, probe, Some(limits.schemas)).await?;
    // From here on a signal is answered here: what runs is cancelled, and the history says so.
    stop.hold();
    let progress = Progress::start(pending.len(), log::is_watched());
    let mut run = Run { scripts: history.scripts()?, history, session, table, limits, stop };
    for (done, (migration, begun)) in pending.iter().enumerate() {
        if let Some(signal) = stop.signal() {
            let note = format!("{done} of {} pending migrations are applied, the next was not begun", pending.len());
            return Err(Error::Stopped { signal, note });
        }
        progress.begin(&migration.name);
        limits.tracker.migrating(&migration.name, done, pending.len());
        run.apply(migration, begun.as_ref()).await?;
        progress.end();
    }
    stop.release();
    Ok(pending.len())
}

/// A row that an earlier start has begun, and how many statements are done.
struct Begun {
    id: String,
    done: usize,
}

fn resumed(entry: &plan::Entry) -> Option<Begun> {
    let id = entry.record.as_ref()?.id.clone();
    entry.resume.map(|done| Begun { id, done })
}

/// A run of migrations under way.
struct Run<'a> {
    history: &'a History,
    scripts: &'static dyn Scripts,
    session: &'a mut dyn Session,
    table: TableName,
    limits: &'a Limits<'a>,
    stop: &'a Stop,
}

/// A migration under way: which it is, and which row is its record.
struct Current<'a> {
    migration: &'a Migration,
    id: String,
    label: String,
    /// Statements done, and their number, where it runs statement by statement.
    steps: Option<(usize, usize)>,
}

impl Run<'_> {
    async fn apply(&mut self, migration: &Migration, begun: Option<&Begun>) -> Result<(), Error> {
        let (began, name) = (Instant::now(), migration.name.as_str());
        tracing::debug!(phase = "migrate", event = "applying", migration = name, "applying {name}");
        let current = Current { migration, id: String::new(), label: self.limits.label.with(name), steps: None };
        let writer = begun.map_or(Writer::Other, |_| Writer::Steps);
        match (self.history.way(migration, writer), begun) {
            (Way::Steps(steps), Some(begun)) => {
                let current = Current { id: begun.id.clone(), ..current };
                self.step_by_step(current, &steps, begun.done).await?;
            }
            (Way::Steps(steps), None) => {
                let current = Current { id: self.begin(migration, Writer::Steps).await?, ..current };
                self.step_by_step(current, &steps, 0).await?;
            }
            (Way::Whole, _) => {
                self.drop_invalid(&current, migration.sql()).await?;
                let current = Current { id: self.begin(migration, Writer::Whole).await?, ..current };
                self.whole(&current).await?;
            }
            (Way::Atomic(sql), _) => {
                self.drop_invalid(&current, &sql).await?;
                let current = Current { id: self.begin(migration, Writer::Atomic).await?, ..current };
                self.atomic(current, &sql).await?;
            }
        }
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

    /// Notes that a migration begins; gives the key of its row.
    async fn begin(&mut self, migration: &Migration, writer: Writer) -> Result<String, Error> {
        let (scripts, dialect) = (self.scripts, self.history.dialect);
        let (id, name) = (scripts.new_id(writer), &migration.name);
        let label = self.limits.label.with(name);
        let conditions = self.conditions(&label);
        let cancel = self.session.canceller();
        let begin = self.session.begin(scripts.begin(dialect, &self.table, &id, writer, migration), conditions);
        execute::own(cancel, begin, self.stop).await.map_err(|fault| match fault.class {
            Class::Cancelled if self.stop.signal().is_some() => self.not_begun(name),
            class if class.is_transient() => Error::Lost { doing: format!("recording the start of {name}"), fault },
            _ => self.not_recorded(name, "its start could not be recorded, so it was not run".to_owned(), fault),
        })?;
        Ok(id)
    }

    fn not_begun(&self, name: &str) -> Error {
        Error::Stopped { signal: self.stop.signal().unwrap_or_default(), note: format!("{name} was not begun") }
    }

    fn not_recorded(&self, name: &str, report: String, fault: Fault) -> Error {
        let table = self.history.dialect.table(&self.table);
        let next = match fault.class {
            Class::Privilege | Class::RowSecurity => {
                format!("let its owner run: GRANT SELECT, INSERT, UPDATE ON {table} TO the role of the URL;")
            }
            _ => format!("look at {table} (its columns, triggers, policies), and start again"),
        };
        Error::Unrecorded { report: format!("migration {name}: {report}"), next, fault }
    }

    /// The script and its record in one transaction.
    async fn atomic(&mut self, current: Current<'_>, sql: &str) -> Result<(), Error> {
        let Err(failure) = self.attempt_atomic(&current, sql).await else { return Ok(()) };
        let nothing_kept = failure.kept == Rollback::Complete && !failure.of_record;
        match failure.fault.class {
            // The server knows best which statements refuse a transaction.
            Class::RefusesTransaction if nothing_kept && self.is_utility(sql, failure.fault.place) => {
                self.without_transaction(current, failure).await
            }
            Class::Privilege if nothing_kept => match self.without_existing_schemas(sql).await {
                Some(shorter) => match self.attempt_atomic(&current, &shorter).await {
                    Ok(()) => Ok(()),
                    Err(failure) => Err(self.failed(&current, failure).await),
                },
                None => Err(self.failed(&current, failure).await),
            },
            _ => Err(self.failed(&current, failure).await),
        }
    }

    async fn attempt_atomic(&mut self, current: &Current<'_>, sql: &str) -> Result<(), Failure> {
        let record = self.record(&current.id, &Outcome::Succeeded);
        let unit = Unit { record: Some(&record), last: true, ..self.unit(current, sql) };
        self.attempt(&unit, current).await
    }

    /// `CREATE SCHEMA IF NOT EXISTS "public"`, with which Prisma's first migrations begin, fails for a role that
    /// may not create schemas even where the schema exists: PostgreSQL asks for the privilege first. Gives the
    /// script without such statements, which would do nothing; `None` if there are none.
    async fn without_existing_schemas(&mut self, sql: &str) -> Option<String> {
        let dialect = self.history.dialect;
        let statements = script::statements(sql, dialect);
        // Only at the head of the file: what stands before it may have dropped the schema.
        let creations: Vec<(&Statement<'_>, String)> = statements
            .iter()
            .map_while(|statement| match script::created(std::slice::from_ref(statement), dialect).as_slice() {
                [(schema, true)] if schema.kind == ObjectKind::Schema && !statement.has("AUTHORIZATION") => {
                    Some((statement, schema.name.clone()))
                }
                _ => None,
            })
            .collect();
        let schemas: Vec<String> = creations.iter().map(|(_, name)| name.clone()).collect();
        if schemas.is_empty() {
            return None;
        }
        let missing = self.session.probe(&ProbeRequest { schemas, history: None }).await.ok()?.missing_schemas;
        let needless: Vec<(&Statement<'_>, String)> =
            creations.into_iter().filter(|(_, name)| !missing.contains(name)).collect();
        let (needless, names): (Vec<&Statement<'_>>, Vec<String>) = needless.into_iter().unzip();
        if needless.is_empty() {
            return None;
        }
        tracing::info!(
            phase = "migrate",
            event = "schema_exists",
            "CREATE SCHEMA IF NOT EXISTS is left out for what exists, since this role may not create schemas: {}",
            names.join(", ")
        );
        Some(script::without(sql, &needless))
    }

    /// True if what failed is a statement that can only run outside a transaction; code that raises such an error, or
    /// fails to commit, is no reason to give the transaction up, unless the file holds nothing else.
    fn is_utility(&self, sql: &str, place: Option<Place>) -> bool {
        let statements = script::statements(sql, self.history.dialect);
        let code = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "DO", "CALL", "EXECUTE", "SET"];
        match place {
            Some(Place::Statement(index)) => statements
                .get(index)
                .is_some_and(|failed| statements.len() == 1 || !code.iter().any(|word| failed.starts(&[word]))),
            _ => false,
        }
    }

    /// The server refused the script in a transaction, where its text had not shown it.
    async fn without_transaction(&mut self, current: Current<'_>, failure: Failure) -> Result<(), Error> {
        let why =
            format!("a statement of it does not run in a transaction ({}); it runs again without one", failure.fault);
        self.write(&current.id, &Outcome::RolledBack(&why)).await.map_err(|fault| unrecorded(&current, fault))?;
        let sql = current.migration.sql();
        let steps = strategy::steps(sql, self.history.dialect).unwrap_or_default();
        // A lone CALL or DO may commit on the way.
        let is_alone = steps.len() < 2;
        let writer = if is_alone { Writer::Whole } else { Writer::Steps };
        let current = Current { id: self.begin(current.migration, writer).await?, ..current };
        match is_alone {
            true => self.whole(&current).await,
            false => self.step_by_step(current, &steps, 0).await,
        }
    }

    /// The script as it is, as Prisma sends it, and the record after it.
    async fn whole(&mut self, current: &Current<'_>) -> Result<(), Error> {
        let unit = Unit { last: true, ..self.unit(current, current.migration.sql()) };
        if let Err(failure) = self.attempt(&unit, current).await {
            return Err(self.failed(current, failure).await);
        }
        self.write(&current.id, &Outcome::Succeeded).await.map_err(|fault| unrecorded(current, fault))
    }

    /// One message for each statement from `done` on, each with a record of how far it got.
    async fn step_by_step(&mut self, mut current: Current<'_>, steps: &[Step<'_>], done: usize) -> Result<(), Error> {
        let sets_timeout = current.migration.sql().to_ascii_lowercase().contains("lock_timeout");
        let (name, count) = (current.migration.name.clone(), steps.len());
        self.restore_settings(&current, &steps[..done.min(count)]).await?;
        for (index, step) in steps.iter().enumerate().skip(done) {
            current.steps = Some((index, count));
            if let Some(signal) = self.stop.signal() {
                return Err(stopped_between(&current, signal));
            }
            self.drop_invalid(&current, step.text).await?;
            let is_last = index + 1 == count;
            let outcome = if is_last { Outcome::Succeeded } else { Outcome::Progress(index + 1) };
            let record = self.record(&current.id, &outcome);
            let unit = self.unit(&current, step.text);
            // A statement outside transactions has to wait for others by its nature, and leaves an INVALID
            // index behind when it gives up: no lock_timeout for it.
            let lock_timeout = unit.conditions.lock_timeout.filter(|_| !step.alone && !sets_timeout);
            let conditions = Conditions { lock_timeout, ..unit.conditions };
            let mut unit = Unit { record: Some(&record), alone: step.alone, last: is_last, conditions, ..unit };
            let began = Instant::now();
            let mut result = self.attempt(&unit, &current).await;
            if matches!(&result, Err(failure) if refuses(failure)) {
                // Once it has begun outside a transaction, nobody can tell how far it came: the row says so until
                // it is done.
                let why = format!(
                    "statement {} of {count} runs outside a transaction and was interrupted; it may be done, or half done",
                    index + 1
                );
                let announcement = self.record(&current.id, &Outcome::Failed(&why));
                let conditions = Conditions { lock_timeout: None, ..conditions };
                unit = Unit { alone: true, announcement: Some(&announcement), conditions, ..unit };
                result = self.attempt(&unit, &current).await;
            }
            if let Err(mut failure) = result {
                // Such a statement is judged by what it leaves (`recovery`); one found out by asking is not.
                failure.repeatable = step.alone;
                failure.fault.place =
                    failure.fault.place.map(|place| failure_report::in_file(current.migration.sql(), step, place));
                let failure = invalid_index::with_invalid(self.session, step.text, failure).await;
                return Err(self.failed(&current, failure).await);
            }
            if count > 1 {
                tracing::info!(
                    phase = "migrate",
                    event = "statement",
                    migration = name,
                    duration_ms = millis(began.elapsed()),
                    "{name}: statement {} of {count} done in {}: {}",
                    index + 1,
                    seconds(began.elapsed()),
                    script::summary(step.text, self.history.dialect)
                );
            }
        }
        if done >= count {
            self.write(&current.id, &Outcome::Succeeded).await.map_err(|fault| unrecorded(&current, fault))?;
        }
        Ok(())
    }

    /// What the earlier statements of a file have set for the later ones went with the session they ran in.
    async fn restore_settings(&mut self, current: &Current<'_>, done: &[Step<'_>]) -> Result<(), Error> {
        for step in done.iter().filter(|step| strategy::only_sets(step, self.history.dialect)) {
            if let Err(failure) = self.attempt(&self.unit(current, step.text), current).await {
                return Err(self.failed(current, failure).await);
            }
        }
        Ok(())
    }

    async fn drop_invalid(&mut self, current: &Current<'_>, sql: &str) -> Result<(), Error> {
        let name = &current.migration.name;
        match invalid_index::drop_invalid(self.session, self.stop, name, sql).await {
            Ok(()) => Ok(()),
            Err(Blocked::Statement { fault, .. })
                if fault.class == Class::Cancelled && self.stop.signal().is_some() =>
            {
                Err(self.not_begun(name))
            }
            Err(Blocked::Statement { doing, fault }) => Err(Error::statement(doing)(fault)),
            Err(Blocked::Builder(fault)) => {
                let report = format!("{fault}\n{}", failure_report::next(name, true, self.limits.rehearsal, None));
                Err(Error::Migration { name: name.clone(), report, again: true, fault })
            }
        }
    }

    /// The defaults of a piece of this migration.
    fn unit<'b>(&self, current: &'b Current<'_>, sql: &'b str) -> Unit<'b> {
        let conditions = self.conditions(&current.label);
        Unit { sql, record: None, alone: false, announcement: None, last: false, conditions }
    }

    fn conditions<'b>(&self, label: &'b str) -> Conditions<'b> {
        Conditions { lock_timeout: self.limits.statement_lock_timeout, label }
    }

    async fn attempt(&mut self, unit: &Unit<'_>, current: &Current<'_>) -> Result<(), Failure> {
        if self.stop.signal().is_some() {
            // It came while the row was written; the script must not begin after it.
            return Err(Failure::without_effect(Fault::new(Class::Cancelled, "it was not begun")));
        }
        execute::run(self.session, unit, &current.migration.name, self.limits.lock_timeout, self.stop).await
    }

    fn record(&self, id: &str, outcome: &Outcome<'_>) -> String {
        self.scripts.end(self.history.dialect, &self.table, id, outcome)
    }

    async fn write(&mut self, id: &str, outcome: &Outcome<'_>) -> Result<(), Fault> {
        let sql = self.record(id, outcome);
        self.session.execute(sql).await
    }

    /// Records a failure, and says what it means.
    async fn failed(&mut self, current: &Current<'_>, failure: Failure) -> Error {
        let name = current.migration.name.clone();
        let is_lost = matches!(failure.fault.class, Class::Unreachable | Class::Starting);
        if failure.kept == Rollback::Unknown || is_lost {
            return Error::Lost { doing: format!("applying {name}"), fault: failure.fault };
        }
        let report = failure_report::failure(current.migration, &failure, current.steps, self.history.dialect);
        let signal = self.stop.signal();
        // A record that could not be written is no fault of the script's.
        let interrupted = signal.is_some() || failure.of_record || failure.fault.class == Class::LockTimeout;
        let nothing_kept = failure.kept == Rollback::Complete;
        let cause = signal.map(|signal| format!("stopped by {}\n", signal::name(signal)));
        let logs = cause.unwrap_or_default() + &report;
        // What was interrupted between two statements goes on there, and its row stays as it is.
        let goes_on = interrupted && current.steps.is_some() && (nothing_kept || failure.repeatable);
        let outcome = match (nothing_kept && interrupted, goes_on) {
            (_, true) => None,
            // Nothing happened, and nothing is wrong with it: the next start runs it again.
            (true, _) => Some(Outcome::RolledBack(&logs)),
            (false, _) => Some(Outcome::Failed(&logs)),
        };
        let recorded = match &outcome {
            Some(outcome) => self.write(&current.id, outcome).await,
            None => Ok(()),
        };
        let resolve = format!("doorstep resolve --rolled-back {name}");
        let certain = nothing_kept && recorded.is_ok();
        if let Some(signal) = signal {
            if goes_on {
                return stopped_between(current, signal);
            }
            let note = match certain {
                true => format!("{name} was cancelled and rolled back; the next start runs it again"),
                false => format!(
                    "{name} was cancelled, but parts of it may have been kept\n\
                     next: look at what is there, then mark it: {resolve}"
                ),
            };
            return Error::Stopped { signal, note };
        }
        if failure.of_record {
            return self.not_recorded(&name, report, failure.fault);
        }
        let again = failure.fault.class == Class::LockTimeout && (certain || goes_on);
        let next = failure_report::next(&name, again, self.limits.rehearsal, current.steps);
        Error::Migration { name, report: format!("{report}\n{next}"), again, fault: failure.fault }
    }
}

fn refuses(failure: &Failure) -> bool {
    failure.fault.class == Class::RefusesTransaction && failure.kept == Rollback::Complete && !failure.of_record
}

fn stopped_between(current: &Current<'_>, signal: u8) -> Error {
    let (done, count) = current.steps.unwrap_or_default();
    let name = &current.migration.name;
    Error::Stopped {
        signal,
        note: format!("{done} of {count} statements of {name} are done; the next start goes on there"),
    }
}

fn unrecorded(current: &Current<'_>, fault: Fault) -> Error {
    let name = &current.migration.name;
    if fault.class.is_transient() {
        return Error::Lost { doing: format!("recording the end of {name}"), fault };
    }
    let report = format!("migration {name} ran, and its effects are there, but that could not be recorded");
    Error::Unrecorded { report, next: format!("doorstep resolve --applied {name}"), fault }
}
