//! The pipeline of `run`, `wait` and `migrate`: wait, schemas, migrate, verify, each one call.
//!
//! It ends the moment before exec. It runs in passes, each with a session of its own: a pass is done, or fails, or ends with
//! "later", where another process migrates or holds the migration lock. The pause before the next pass is spent without a
//! connection, so that waiting replicas do not use up the server's connections. A connection that is lost on the way leads
//! to another pass too, a few times, because a server that is being set up is ready once and then restarts.

use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

use crate::base::error::Error;
use crate::base::fault::Class;
use crate::base::progress::Phase;
use crate::base::retry::Pace;
use crate::base::signal::Stop;
use crate::config::{Mode, Patience};
use crate::engines::ahead::TypesRead;
use crate::finding::Severity;
use crate::formats::detect;
use crate::migrate::apply::Migrator;
use crate::migrate::due;
use crate::migrate::history::History;
use crate::migrate::lock::{self, Queue};
use crate::migrate::lock_row::HeldRow;
use crate::startup::follow::Follower;
use crate::startup::hooks::Hooks;
use crate::startup::losses::Losses;
use crate::startup::setup::Setup;
use crate::startup::start::{Report, Start};
use crate::startup::wait::Connected;
use crate::startup::{refusal, schemas, tenants, wait};
use crate::verify;
use crate::verify::ahead::ReadAhead;
use crate::verify::desired::DesiredState;

/// Pause before the wait begins again after a lost connection.
pub(super) const AFTER_A_LOSS: Duration = Duration::from_millis(100);

/// How long to try to record how a migration ended whose session the server has ended.
const TO_RECORD: Duration = Duration::from_secs(5);

/// A server that lacks disk, memory or locks for a statement of doorstep's own: as long as a script would be tried again.
struct Shortage {
    since: Option<Instant>,
    timeout: Option<Duration>,
    pace: Pace,
}

impl Shortage {
    fn new(timeout: Option<Duration>) -> Self {
        Self { since: None, timeout, pace: Pace::after_refusal() }
    }

    /// Whether there is time for another try.
    fn lasts(&mut self) -> bool {
        let since = *self.since.get_or_insert_with(Instant::now);
        self.timeout.is_none_or(|timeout| since.elapsed() < timeout)
    }

    fn pause(&mut self) -> Duration {
        self.pace.next()
    }
}

/// How much of the pipeline a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// `wait`: reads only.
    Wait,
    /// `migrate`: up to and including the migrations.
    Migrate,
    /// `run`: all of it.
    Run,
}

/// How a pass ended that did not fail.
pub(crate) enum PassOutcome {
    /// Nothing is left to do.
    Done,
    /// Another process is at work; look again after this pause.
    Later(Duration),
}

/// What is read from files, for all passes.
struct Files {
    history: Option<History>,
    desired: DesiredState,
}

/// The pipeline of one start, over its passes.
struct Pipeline<'a> {
    setup: &'a Setup,
    stop: &'a Stop,
    extent: Extent,
    hooks: Hooks,
    /// `None` before the first pass.
    files: Option<Files>,
    queue: Queue,
    follower: Follower,
    /// Whether the log names the server once it answers: not in every pass of a start that waits for another process.
    announces: bool,
    report: Report,
}

/// Runs the pipeline and returns how many migrations were applied. Every session is closed when it returns, also after an
/// error.
///
/// # Errors
/// The first step that fails ends it.
pub(crate) async fn run(setup: &Setup, extent: Extent, stop: &Stop) -> Result<usize, Error> {
    // A misspelt command should cost milliseconds, not a migration.
    let hooks = if applies(setup, extent) { setup.hook_commands.find()? } else { Hooks::default() };
    warn_without_migrations(setup, extent);
    let queue = Queue::new(setup.settings.lock_timeout);
    let follower = Follower::new(setup.settings.patience);
    let (files, report) = (None, Report::default());
    let pipeline = Pipeline { setup, stop, extent, hooks, files, queue, follower, announces: true, report };
    // The process ends next, or becomes the service. To free the migrations one by one would only take time.
    ManuallyDrop::new(pipeline).run().await.map_err(|error| refusal::advised(error, setup))
}

impl Pipeline<'_> {
    async fn run(&mut self) -> Result<usize, Error> {
        let (mut losses, mut began) = (Losses::default(), Instant::now());
        let mut shortage = Shortage::new(self.setup.settings.lock_timeout);
        loop {
            if let Some(signal) = self.stop.signal() {
                return Err(Error::Stopped { signal, note: "the database was lost on the way".to_owned() });
            }
            self.stop.end_deferral();
            match self.pass(left(self.setup, began)).await {
                Ok(PassOutcome::Done) => break,
                Ok(PassOutcome::Later(pause)) => {
                    tokio::time::sleep(pause).await;
                    self.report.migrate += pause;
                    // The server did answer: the deadline of the wait and the count of losses begin again.
                    (losses.in_a_row, began) = (0, Instant::now());
                }
                Err(Error::Statement { doing, fault, .. }) if fault.class == Class::Busy && shortage.lasts() => {
                    tracing::info!(
                        phase = "migrate",
                        event = "shortage",
                        sqlstate = fault.code,
                        "could not {doing}: {}; trying again",
                        fault.message
                    );
                    tokio::time::sleep(shortage.pause()).await;
                }
                Err(error) if has_time(self.setup, began) && losses.survives(&error) => {
                    tokio::time::sleep(AFTER_A_LOSS).await;
                    self.announces = true;
                }
                Err(error) => {
                    if let Error::Migration { fault, .. } = &error
                        && matches!(fault.class, Class::Limit(limit) if limit.ends_session())
                    {
                        self.record_interrupted().await;
                    }
                    return Err(error);
                }
            }
        }
        if self.extent != Extent::Wait && self.stop.signal().is_none() {
            self.report.log();
        }
        Ok(self.report.applied)
    }

    /// One pass, in one session.
    async fn pass(&mut self, patience: Patience) -> Result<PassOutcome, Error> {
        let began = Instant::now();
        let (setup, extent) = (self.setup, self.extent);
        let announces = std::mem::take(&mut self.announces);
        let wanted = match extent {
            Extent::Wait => setup.probe_request(),
            // A start says how many notices there are; `verify` lists them.
            Extent::Run if announces => setup.opening_request(Some(TypesRead::Used)),
            // In a pass that follows another one, there is likely something to do, and a catalog would be outdated. A history that is
            // not there is an error in the server's log.
            Extent::Migrate | Extent::Run if announces || self.has_history() => setup.opening_request(None),
            Extent::Migrate | Extent::Run => setup.probe_request(),
        };
        let ready = wait::until_ready(setup, patience, &wanted, applies(setup, extent), announces);
        let (Connected { session, mut probe, began: opened }, files) = match self.files.take() {
            Some(files) => (ready.await?, files),
            None => wait::beside(ready, read_files(setup, extent), |connected| connected.session).await?,
        };
        self.queue.session_began(opened);
        let mut report = std::mem::take(&mut self.report);
        let waited = if announces { &mut report.wait } else { &mut report.migrate };
        *waited += began.elapsed();
        let Files { history, desired } = files;
        let ahead = ReadAhead::of(wanted.ahead, &mut probe);
        let mut start = Start { setup, stop: self.stop, session, probe, history, pending: None, ahead, report };
        let outcome = self.steps(&mut start, &desired).await;
        let Start { session, history, report, .. } = start;
        session.close().await;
        (self.files, self.report) = (Some(Files { history, desired }), report);
        outcome
    }

    /// Whether an earlier pass has found the table of the history.
    fn has_history(&self) -> bool {
        let history = self.files.as_ref().and_then(|files| files.history.as_ref());
        history.is_some_and(|history| history.table.is_some())
    }

    /// Records, in a session of its own, how the migration ended whose session the server has ended. If that fails, the
    /// next start does it.
    async fn record_interrupted(&mut self) {
        let Some(Files { history: Some(history), .. }) = &mut self.files else { return };
        let recorded = async {
            let patience = Patience { timeout: Some(TO_RECORD), ..self.setup.settings.patience };
            let wanted = self.setup.probe_request();
            let ready = wait::until_ready(self.setup, patience, &wanted, false, false);
            let Connected { mut session, probe, .. } = ready.await?;
            let keys = self.setup.lock_keys(&probe);
            if lock::taken_by_another(session.as_mut(), &keys).await?.is_none() {
                history.read(session.as_mut(), &probe, None).await?;
                history.heal(session.as_mut()).await?;
            }
            session.close().await;
            Ok::<(), Error>(())
        };
        if let Err(error) = recorded.await {
            tracing::debug!(phase = "migrate", event = "unrecorded", "the next start records how it ended: {error}");
        }
    }

    async fn steps(&mut self, start: &mut Start<'_>, desired: &DesiredState) -> Result<PassOutcome, Error> {
        if self.extent == Extent::Wait {
            return Ok(PassOutcome::Done);
        }
        if self.setup.settings.mode == Mode::Await {
            return self.follower.look(start, self.extent, desired).await;
        }
        if let PassOutcome::Later(pause) = start.migrate(&self.hooks, &mut self.queue).await? {
            return Ok(PassOutcome::Later(pause));
        }
        if self.extent == Extent::Run {
            start.verify(desired).await?;
        }
        Ok(PassOutcome::Done)
    }
}

impl Start<'_> {
    /// Steps 2 and 3, schemas and migrations. Reads first, and takes the lock only when there is something to write:
    /// a replica with nothing to do never queues.
    async fn migrate(&mut self, hooks: &Hooks, queue: &mut Queue) -> Result<PassOutcome, Error> {
        let (began, schemas) = (Instant::now(), self.report.schemas);
        self.setup.tracker.enter(Phase::Migrate);
        self.read_history().await?;
        let is_owed = self.owes_after_hook(hooks).await?;
        let has_work = is_owed || !self.probe.missing_schemas.is_empty() || self.has_work(hooks);
        let outcome = match has_work {
            true => self.migrate_under_lock(hooks, queue).await?,
            false => {
                self.setup.tracker.queues(false);
                PassOutcome::Done
            }
        };
        self.report.migrate += began.elapsed().saturating_sub(self.report.schemas - schemas);
        if let (PassOutcome::Done, Some(history)) = (&outcome, &self.history) {
            history.log_oddities();
        }
        Ok(outcome)
    }

    async fn migrate_under_lock(&mut self, hooks: &Hooks, queue: &mut Queue) -> Result<PassOutcome, Error> {
        match self.take_lock(queue).await? {
            PassOutcome::Done => self.migrate_locked(hooks).await,
            later @ PassOutcome::Later(_) => Ok(later),
        }
    }

    pub(super) async fn take_lock(&mut self, queue: &mut Queue) -> Result<PassOutcome, Error> {
        self.setup.tracker.held_up("queueing for the migration lock");
        let keys = self.setup.lock_keys(&self.probe);
        let is_taken = !queue.try_take(self.session.as_mut(), &keys).await?;
        self.setup.tracker.queues(is_taken);
        Ok(if is_taken { PassOutcome::Later(queue.pause()) } else { PassOutcome::Done })
    }

    pub(super) async fn migrate_locked(&mut self, hooks: &Hooks) -> Result<PassOutcome, Error> {
        // Another replica may have been faster: only what the holder of the lock sees counts.
        self.probe_again().await?;
        let missing = self.probe.missing_schemas.len();
        let is_due = self.is_due(hooks).await?;
        let is_owed = self.owes_after_hook(hooks).await?;
        if (is_due || is_owed) && hooks.are_any() {
            self.await_child_sessions().await?;
        }
        let leaves_some = self.probe.missing_schemas.len() < missing;
        self.pending = self.pending_names(is_due);
        if is_due {
            self.run_before_hook(hooks).await?;
        }
        self.create_schemas().await?;
        if is_due {
            if !is_owed {
                self.owe_after_hook(hooks).await?;
            }
            self.report.applied = self.apply(hooks).await?;
            if leaves_some {
                // A migration that was to create a schema may not have done so after all.
                self.probe_again().await?;
                self.create_schemas().await?;
            }
        }
        if is_due || is_owed {
            self.run_after_hook(hooks).await?;
        }
        Ok(PassOutcome::Done)
    }

    /// Whether there is anything to apply, now that the lock is held. Leaves schemas out that a pending migration
    /// creates itself, or by an extension: it must find them absent, as it does under its own tool. The schema of the URL is created
    /// all the same, since that tool creates it first, too.
    async fn is_due(&mut self, hooks: &Hooks) -> Result<bool, Error> {
        let Some(history) = &mut self.history else { return Ok(hooks.migrate.is_some()) };
        if !self.probe.missing_schemas.is_empty() {
            let later = history.own_schemas(self.session.as_mut(), &self.probe.missing_schemas).await?;
            let url_schema = self.setup.url_schema.as_ref();
            self.probe.missing_schemas.retain(|name| !later.contains(name) || url_schema == Some(name));
        }
        let is_due = due::due(history, self.session.as_mut(), &self.probe).await?;
        if is_due {
            history.refuse_to_begin(self.session.as_mut(), &self.probe, &self.setup.territory).await?;
        }
        Ok(is_due)
    }

    /// Step 2. The history table may go to a schema that is created here, hence the second probe.
    async fn create_schemas(&mut self) -> Result<(), Error> {
        let began = Instant::now();
        self.setup.tracker.enter(Phase::Schemas);
        schemas::create(self.session.as_mut(), &self.probe).await?;
        self.report.schemas += began.elapsed();
        if !self.probe.missing_schemas.is_empty() {
            self.probe_again().await?;
        }
        self.setup.tracker.enter(Phase::Migrate);
        Ok(())
    }

    /// Step 3, by the tool of the format or by doorstep itself. Returns how many migrations were applied.
    async fn apply(&mut self, hooks: &Hooks) -> Result<usize, Error> {
        if let Some(tool) = &hooks.migrate {
            return self.delegate(tool).await;
        }
        let Some(row) = self.take_lock_row().await? else { return self.apply_pending().await };
        // A signal is answered when the row is given back.
        self.stop.defer_signals();
        let applied = self.apply_what_is_left().await;
        row.release(self.session.as_mut()).await;
        self.stop.end_deferral();
        applied
    }

    /// Takes the lock of the format's tool that is a row of a table, if it has one.
    async fn take_lock_row(&mut self) -> Result<Option<HeldRow>, Error> {
        let (setup, Some(history)) = (self.setup, &self.history) else { return Ok(None) };
        if setup.is_scratch {
            return Ok(None);
        }
        let (name, timeout) = (setup.application_name.with(""), setup.settings.lock_timeout);
        history.take_lock_row(self.session.as_mut(), &self.probe, &name, timeout).await
    }

    /// The tool may have migrated until its lock was taken: looks again before it applies.
    async fn apply_what_is_left(&mut self) -> Result<usize, Error> {
        self.probe_again().await?;
        let Some(history) = &mut self.history else { return Ok(0) };
        match due::due(history, self.session.as_mut(), &self.probe).await? {
            true => self.apply_pending().await,
            false => Ok(0),
        }
    }

    async fn apply_pending(&mut self) -> Result<usize, Error> {
        let (setup, Some(history)) = (self.setup, &mut self.history) else { return Ok(0) };
        tenants::refuse::elsewhere(setup, &self.probe)?;
        let migrator = Migrator {
            history,
            session: self.session.as_mut(),
            probe: &self.probe,
            stop: self.stop,
            tracker: &setup.tracker,
            application_name: &setup.application_name,
            statement_lock_timeout: setup.settings.statement_lock_timeout,
            lock_timeout: setup.settings.lock_timeout,
            is_scratch: setup.is_scratch,
        };
        let applied = migrator.apply_pending().await?;
        history.note_applied();
        Ok(applied)
    }

    /// Step 4.
    async fn verify(&mut self, desired: &DesiredState) -> Result<(), Error> {
        let began = Instant::now();
        let compared = self.compare(desired, Severity::Warning).await?;
        self.report.verify += began.elapsed();
        verify::judge(compared.findings, self.setup.settings.strictness)
    }
}

/// Whether this start creates and migrates, rather than only looking.
fn applies(setup: &Setup, extent: Extent) -> bool {
    extent != Extent::Wait && setup.settings.mode == Mode::Apply
}

/// Reads the folder and the desired state, as far as the extent needs them, once the early login is over.
async fn read_files(setup: &Setup, extent: Extent) -> Result<Files, Error> {
    setup.early_login.over().await;
    let (history, desired) = setup.read_files(extent).await?;
    Ok(Files { history, desired })
}

pub(super) fn warn_without_migrations(setup: &Setup, extent: Extent) {
    if setup.folder.is_some() || setup.hook_commands.migrate.is_some() || !applies(setup, extent) {
        return;
    }
    let (why, next) = detect::missing();
    tracing::warn!(
        phase = "migrate",
        event = "no_folder",
        "{why}, so nothing is migrated (next: {next}; if that is meant, say so with --migrate off)"
    );
}

/// What is left of the patience since `began`.
pub(super) fn left(setup: &Setup, began: Instant) -> Patience {
    let patience = setup.settings.patience;
    Patience { timeout: patience.timeout.map(|timeout| timeout.saturating_sub(began.elapsed())), ..patience }
}

pub(super) fn has_time(setup: &Setup, began: Instant) -> bool {
    left(setup, began).timeout.is_none_or(|left| left > AFTER_A_LOSS)
}
