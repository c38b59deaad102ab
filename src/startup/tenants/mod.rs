//! A folder applied to many schemas (`schemas_from`), each with a history of its own.
//!
//! `names` finds the schemas, `survey` reads their histories in few messages, `worker` migrates those that have something to do, a few
//! at a time, with the code that migrates one schema, and `verify` compares them with the desired state. The start runs in passes, as
//! `pipeline` does: what another process is migrating is looked at again in the next pass, and the pause is spent without a connection.

mod keeper;
pub(crate) mod keys;
pub(crate) mod names;
pub(crate) mod refuse;
pub(crate) mod survey;
pub(crate) mod verify;
mod worker;

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use crate::base::error::{Awaited, Error};
use crate::base::log::{self, HEARTBEAT, number};
use crate::base::progress::Phase;
use crate::base::progress_bar::Bar;
use crate::base::retry::Pace;
use crate::base::schema_failures::SchemaFailures;
use crate::base::signal::Stop;
use crate::config::{Mode, SchemasFrom};
use crate::engines::session::{Probe, ProbeRequest, Session};
use crate::migrate::history::History;
use crate::migrate::lock::Queue;
use crate::startup::losses::Losses;
use crate::startup::pipeline::{AFTER_A_LOSS, Extent, PassOutcome, has_time, left, warn_without_migrations};
use crate::startup::setup::Setup;
use crate::startup::start::Report;
use crate::startup::tenants::keeper::Keeper;
use crate::startup::tenants::survey::{Detail, Standing, survey};
use crate::startup::tenants::worker::{Board, Tally, Task};
use crate::startup::wait::Connected;
use crate::startup::{refusal, schemas, wait};
use crate::verify::desired::DesiredState;

/// Pause after the first polls of `migrate = await`, and after later ones.
const PACE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));

/// How many schemas an error names.
const NAMED: usize = 3;

/// The start on many schemas, over its passes.
struct TenantRun<'a> {
    setup: &'a Setup,
    stop: &'a Stop,
    extent: Extent,
    from: &'a SchemasFrom,
    /// The folder; `None` without one, and where migrations are off.
    history: Option<History>,
    desired: DesiredState,
    /// All schemas; `None` before the first pass.
    names: Option<Vec<String>>,
    /// Those that are not known to be current, and did not fail.
    tasks: Vec<Task>,
    tally: Tally,
    /// For the schemas that all of them share.
    queue: Queue,
    pace: Pace,
    began: Instant,
    /// When the log last told that it waits.
    said: Option<Instant>,
    /// What the log last told that it waits for.
    told: String,
    /// When the server last did what it was asked: the time to wait for it counts from there.
    answered: Instant,
    /// Since when it has given no connection to migrate over.
    unserved: Option<Instant>,
    report: Report,
}

/// Runs the steps up to `extent` on all schemas of `from`, and returns how many migrations were applied.
///
/// # Errors
/// [`Error::Schemas`] with those that failed, when all others are done; the first error of the server as a whole.
pub(crate) async fn run(setup: &Setup, from: &SchemasFrom, extent: Extent, stop: &Stop) -> Result<usize, Error> {
    warn_without_migrations(setup, extent);
    let (history, desired) = setup.read_files(extent).await?;
    let run = TenantRun {
        setup,
        stop,
        extent,
        from,
        history,
        desired,
        names: None,
        tasks: Vec::new(),
        tally: Tally::new(0),
        queue: Queue::new(setup.settings.lock_timeout),
        pace: Pace::new(PACE.0, PACE.1),
        began: Instant::now(),
        said: None,
        told: String::new(),
        answered: Instant::now(),
        unserved: None,
        report: Report::default(),
    };
    Box::pin(run.all_passes()).await.map_err(|error| refusal::advised(error, setup))
}

impl TenantRun<'_> {
    async fn all_passes(mut self) -> Result<usize, Error> {
        let mut losses = Losses::default();
        loop {
            if let Some(signal) = self.stop.signal() {
                return Err(self.stopped(signal));
            }
            match self.pass().await {
                Ok(PassOutcome::Done) => break,
                Ok(PassOutcome::Later(pause)) => {
                    tokio::time::sleep(pause).await;
                    self.report.migrate += pause;
                    (losses.in_a_row, self.answered) = (0, Instant::now());
                }
                Err(error) if has_time(self.setup, self.answered) && losses.survives(&error) => {
                    tokio::time::sleep(AFTER_A_LOSS).await;
                }
                Err(error) => return Err(error),
            }
        }
        self.report.applied = self.tally.applied.get();
        self.report.tenants = Some(self.tally.count);
        if self.stop.signal().is_none() {
            self.report.log();
        }
        Ok(self.report.applied)
    }

    /// One pass: a session, and more of them while schemas are migrated.
    async fn pass(&mut self) -> Result<PassOutcome, Error> {
        let (setup, waited) = (self.setup, Instant::now());
        let is_first = self.names.is_none();
        let wanted = ProbeRequest { history: None, ..setup.probe_request() };
        let creates = setup.settings.mode == Mode::Apply;
        let ready = wait::until_ready(setup, left(setup, self.answered), &wanted, creates, is_first);
        let Connected { mut session, probe, began: opened } = ready.await?;
        self.queue.session_began(opened);
        let waited = waited.elapsed();
        *(if is_first { &mut self.report.wait } else { &mut self.report.migrate }) += waited;
        match self.prepare(session.as_mut(), &probe).await {
            Ok(PassOutcome::Done) => {}
            other => {
                session.close().await;
                return other;
            }
        }
        let outcome = match setup.settings.mode {
            Mode::Apply => {
                let (migrating, verified) = (Instant::now(), self.report.verify);
                let outcome = self.migrate(session.as_mut(), &probe).await;
                self.report.migrate += migrating.elapsed().saturating_sub(self.report.verify - verified);
                outcome
            }
            Mode::Await | Mode::Off => self.look(session.as_mut(), &probe).await,
        };
        session.close().await;
        outcome
    }

    /// Finds the names, once, and creates the schemas that all of them share.
    async fn prepare(&mut self, session: &mut dyn Session, probe: &Probe) -> Result<PassOutcome, Error> {
        let setup = self.setup;
        if self.names.is_none() {
            let names = names::find(session, self.from).await?;
            let count = names.len();
            if count == 0 {
                tracing::warn!(
                    phase = "migrate",
                    event = "no_schemas",
                    "the query of schemas_from returns no schema, so there is none to migrate"
                );
            }
            let task = |(at, name): (usize, &String)| Task::new(at, name.clone());
            self.tasks = names.iter().enumerate().map(task).collect();
            self.tally = Tally::new(count);
            self.names = Some(names);
        }
        if setup.settings.mode != Mode::Apply || probe.missing_schemas.is_empty() {
            return Ok(PassOutcome::Done);
        }
        let began = Instant::now();
        setup.tracker.enter(Phase::Schemas);
        if !self.queue.try_take(session, &setup.lock_keys(probe)).await? {
            return Ok(PassOutcome::Later(self.queue.pause()));
        }
        let probe = session.probe(&setup.probe_request()).await.map_err(Error::statement("look at the database"))?;
        schemas::create(session, &probe).await?;
        self.report.schemas += began.elapsed();
        Ok(PassOutcome::Done)
    }

    /// Migrates what has something to do, and verifies all when nothing is left.
    async fn migrate(&mut self, session: &mut dyn Session, probe: &Probe) -> Result<PassOutcome, Error> {
        let setup = self.setup;
        setup.tracker.enter(Phase::Migrate);
        // The histories are worth reading once the start that migrates them is over.
        if !self.queue.is_worth_a_try(session, keys::of_start()).await? {
            return Ok(PassOutcome::Later(self.queue.pause()));
        }
        self.sort_out(session, probe).await?;
        if self.tasks.is_empty() {
            setup.tracker.queues(false);
            self.judge()?;
            return self.verify(session, probe).await;
        }
        setup.tracker.held_up("queueing for the migration lock");
        let is_free = self.queue.try_take_alone(session, keys::of_start(), &setup.common_keys(probe)).await?;
        setup.tracker.queues(!is_free);
        if !is_free {
            return Ok(PassOutcome::Later(self.queue.pause()));
        }
        let applied = self.apply(session, probe).await;
        // The next time counts anew: a pass may last.
        self.queue = Queue::new(setup.settings.lock_timeout);
        self.answered = Instant::now();
        if let Some(signal) = self.stop.signal() {
            return Err(self.stopped(signal));
        }
        if let Some(pause) = applied? {
            return Ok(PassOutcome::Later(pause));
        }
        self.judge()?;
        match self.extent == Extent::Run && !self.desired.is_empty() {
            // Without the lock, as in every start.
            true => Ok(PassOutcome::Later(Duration::ZERO)),
            false => Ok(PassOutcome::Done),
        }
    }

    /// Reads the histories of the tasks, and takes those off the list that have nothing to do, or cannot be read.
    async fn sort_out(&mut self, session: &mut dyn Session, probe: &Probe) -> Result<(), Error> {
        let names: Vec<String> = self.tasks.iter().map(|task| task.schema.clone()).collect();
        let of = (self.setup, probe);
        let standings = survey(of, session, self.history.as_mut(), &names, Detail::Work).await?;
        let (tally, is_first) = (&self.tally, self.tally.due.get() == 0);
        let mut due = Vec::new();
        for (task, Standing { state, .. }) in std::mem::take(&mut self.tasks).into_iter().zip(standings) {
            match state {
                Ok(reading) if reading.has_work => due.push(task),
                Ok(_) => tally.current.set(tally.current.get() + 1),
                Err(error) => tally.note(task.at, &task.schema, error),
            }
        }
        if is_first && !due.is_empty() {
            tally.due.set(due.len());
            if let Some(history) = &self.history {
                refuse::warn_of_common_objects(history, tally.count);
            }
            let (due, count) = (number(due.len()), number(tally.count));
            tracing::info!(phase = "migrate", event = "due", "{due} of {count} schemas have something to migrate");
        }
        self.tasks = due;
        Ok(())
    }

    /// Migrates the tasks, in sessions beside this one, which holds the lock. Gives the pause after which those are looked at again
    /// that are not done.
    async fn apply(&mut self, session: &mut dyn Session, probe: &Probe) -> Result<Option<Duration>, Error> {
        let setup = self.setup;
        let keeper = Keeper::of(session).await?;
        let tasks = std::mem::take(&mut self.tasks);
        let count = setup.settings.tenancy.jobs.min(tasks.len());
        let bar = Bar::start(tasks.len(), log::is_watched());
        let board = Board {
            setup,
            stop: self.stop,
            probe,
            tasks: RefCell::new(tasks.into()),
            done: &self.tally,
            bar: &bar,
            later: RefCell::default(),
            pause: Cell::default(),
            keeper,
            is_served: Cell::default(),
            refused: RefCell::default(),
        };
        // From here on each worker answers a signal for itself: it may have a migration to cancel and to record.
        self.stop.defer_signals();
        let work = |_| worker::work(&board, self.history.as_ref().map(History::another));
        let result = board.keeper.watch(session, (0..count).map(work).collect()).await;
        self.stop.end_deferral();
        let Board { tasks, later, pause, is_served, refused, .. } = board;
        let is_halted = self.tally.is_halting(setup);
        let mut tasks: Vec<Task> = tasks.into_inner().into_iter().chain(later.into_inner()).collect();
        tasks.sort_unstable_by_key(|task| task.at);
        self.tasks = tasks;
        match refused.into_inner() {
            Some(refused) if !is_served.get() => return self.without_connection(refused).map(Some),
            _ => self.unserved = None,
        }
        // Without it, what was at work was done all the same.
        if !self.tasks.is_empty() {
            result?;
        }
        let pause = (!self.tasks.is_empty() && !is_halted).then(|| pause.get().unwrap_or(AFTER_A_LOSS));
        if pause.is_some() && self.said.is_none_or(|said| said.elapsed() >= HEARTBEAT) && self.stop.signal().is_none() {
            let named: Vec<&str> = self.tasks.iter().take(NAMED).map(|task| task.schema.as_str()).collect();
            let more = if self.tasks.len() > NAMED { ", …" } else { "" };
            let (count, named) = (schemas_text(self.tasks.len()), named.join(", "));
            tracing::info!(
                phase = "migrate",
                event = "lock_wait",
                "waiting for {count} that are not free: {named}{more}"
            );
            self.said = Some(Instant::now());
        }
        Ok(pause)
    }

    /// The pause before the server is asked again for a connection to migrate over.
    ///
    /// # Errors
    /// `refused`, if it does not pass by itself, or once the time to wait for the server is over.
    fn without_connection(&mut self, refused: Error) -> Result<Duration, Error> {
        let since = *self.unserved.get_or_insert_with(Instant::now);
        match &refused {
            Error::Refused { fault, .. } if fault.class.is_transient() && since.elapsed() < self.limit() => {
                self.tell(format!("waiting for a connection to migrate over: {fault}"));
                Ok(self.pace.next())
            }
            _ => Err(refused),
        }
    }

    /// Looks, with reads only, whether other processes have migrated all, and verifies them.
    async fn look(&mut self, session: &mut dyn Session, probe: &Probe) -> Result<PassOutcome, Error> {
        let (setup, looked) = (self.setup, Instant::now());
        setup.tracker.enter(Phase::Migrate);
        if setup.settings.mode == Mode::Await {
            let names: Vec<String> = self.tasks.iter().map(|task| task.schema.clone()).collect();
            let standings = survey((setup, probe), session, self.history.as_mut(), &names, Detail::Work).await?;
            let is_over = self.left().is_zero();
            let mut behind = Vec::new();
            for (task, Standing { state, .. }) in std::mem::take(&mut self.tasks).into_iter().zip(standings) {
                match state {
                    Ok(reading) if !reading.has_work => {}
                    Ok(reading) => behind.push((task, reading.verdict)),
                    Err(error) => self.tally.note(task.at, &task.schema, error),
                }
            }
            self.judge()?;
            self.report.migrate += looked.elapsed();
            if !behind.is_empty() {
                let text =
                    behind_text(behind.iter().map(|(task, verdict)| (task.schema.as_str(), verdict.to_string())));
                if is_over {
                    return Err(Error::NotMigrated { waited: self.began.elapsed(), state: Awaited::Verdict(text) });
                }
                self.tasks = behind.into_iter().map(|(task, _)| task).collect();
                setup.tracker.held_up(&text);
                self.tell(format!("waiting for another process to migrate: {text}"));
                return Ok(PassOutcome::Later(self.pace.next().min(self.left())));
            }
        }
        self.verify(session, probe).await
    }

    /// Step 4. What is missing may still come where another process migrates.
    async fn verify(&mut self, session: &mut dyn Session, probe: &Probe) -> Result<PassOutcome, Error> {
        if self.extent != Extent::Run || self.desired.is_empty() {
            return Ok(PassOutcome::Done);
        }
        let began = Instant::now();
        let names = self.names.clone().unwrap_or_default();
        let expected = (&mut self.desired, self.history.as_mut());
        let failed = verify::step((self.setup, probe), session, expected, &names).await;
        self.report.verify += began.elapsed();
        let failed = failed?;
        if !failed.is_empty() && self.setup.settings.mode == Mode::Await && !self.left().is_zero() {
            let count = schemas_text(failed.len());
            self.tell(format!("waiting for another process: all is migrated, but {count} lack something"));
            return Ok(PassOutcome::Later(self.pace.next().min(self.left())));
        }
        for (at, error) in failed {
            self.tally.note(at, &names[at], error);
        }
        self.judge()?;
        Ok(PassOutcome::Done)
    }

    /// Logs what is waited for, once.
    fn tell(&mut self, text: String) {
        if self.told != text {
            tracing::info!(phase = "migrate", event = "awaiting", "{text}");
            self.told = text;
        }
    }

    /// The error of the schemas that failed, if any.
    fn judge(&self) -> Result<(), Error> {
        let mut failed = self.tally.failed.take();
        if failed.is_empty() {
            return Ok(());
        }
        failed.sort_by_key(|(at, ..)| *at);
        let failed = failed.into_iter().map(|(_, schema, error)| (schema, error)).collect();
        Err(Error::Schemas(Box::new(SchemaFailures { failed, count: self.tally.count, left: self.tasks.len() })))
    }

    fn stopped(&self, signal: u8) -> Error {
        let note = format!("{} are done; the next start goes on with the others", self.tally.progress());
        Error::Stopped { signal, note }
    }

    /// What is left of the time to await another process in.
    fn left(&self) -> Duration {
        match self.limit() {
            Duration::MAX => Duration::MAX,
            limit => limit.saturating_sub(self.began.elapsed()),
        }
    }

    /// How long to wait for the server, or for another process.
    fn limit(&self) -> Duration {
        let patience = self.setup.settings.patience;
        let fixed = patience.fixed.map(|(attempts, interval)| interval.saturating_mul(attempts));
        patience.timeout.or(fixed).unwrap_or(Duration::MAX)
    }
}

/// `behind in 2 schemas (a: failed, b: behind)`.
fn behind_text<'a>(behind: impl ExactSizeIterator<Item = (&'a str, String)>) -> String {
    let count = behind.len();
    let named: Vec<String> = behind.take(NAMED).map(|(schema, verdict)| format!("{schema}: {verdict}")).collect();
    let more = if count > NAMED { format!(", and {} more", number(count - NAMED)) } else { String::new() };
    format!("not current in {} ({}{more})", schemas_text(count), named.join(", "))
}

/// `1 schema`, `1,000 schemas`.
pub(crate) fn schemas_text(count: usize) -> String {
    format!("{} {}", number(count), if count == 1 { "schema" } else { "schemas" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_awaited_names_three() {
        let text = |names: &[&'static str]| behind_text(names.iter().map(|name| (*name, "behind".to_owned())));
        assert_eq!(text(&["a"]), "not current in 1 schema (a: behind)");
        let five = text(&["a", "b", "c", "d", "e"]);
        assert_eq!(five, "not current in 5 schemas (a: behind, b: behind, c: behind, and 2 more)");
    }
}
