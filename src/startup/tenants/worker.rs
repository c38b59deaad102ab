//! Migrates schemas one after the other over one connection; several workers share the list.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::base::error::Error;
use crate::base::fault::Class;
use crate::base::log::{millis, number, seconds, within};
use crate::base::progress_bar::Bar;
use crate::base::schema_failures::first_line;
use crate::base::signal::Stop;
use crate::config::{OnFailure, tenants};
use crate::engines::session::{Probe, Session};
use crate::migrate::history::History;
use crate::migrate::lock::Queue;
use crate::startup::hooks::Hooks;
use crate::startup::losses::Losses;
use crate::startup::pipeline::PassOutcome;
use crate::startup::setup::Setup;
use crate::startup::start::{Report, Start};
use crate::startup::tenants::keeper::Keeper;
use crate::startup::tenants::survey::of_server;
use crate::verify::ahead::ReadAhead;

/// Interval of the log lines that say how far it is.
const PROGRESS: Duration = Duration::from_secs(5);

/// Up to so many schemas, each is named when it is migrated.
const FEW: usize = 20;

/// Up to so many failures are logged whole.
const WHOLE: usize = 5;

/// A schema that is to be migrated, over several passes.
pub(super) struct Task {
    /// Its place among all.
    pub(super) at: usize,
    pub(super) schema: String,
    /// `None` before its lock is tried for the first time.
    queue: Option<Queue>,
    losses: Losses,
}

impl Task {
    pub(super) fn new(at: usize, schema: String) -> Self {
        Self { at, schema, queue: None, losses: Losses::default() }
    }
}

/// What the workers of one pass share.
pub(super) struct Board<'a> {
    pub(super) setup: &'a Setup,
    pub(super) stop: &'a Stop,
    /// What the first session has found of the server.
    pub(super) probe: &'a Probe,
    pub(super) tasks: RefCell<VecDeque<Task>>,
    pub(super) done: &'a Tally,
    pub(super) bar: &'a Bar,
    /// Those that another process is migrating, or whose connection was lost.
    pub(super) later: RefCell<Vec<Task>>,
    /// The shortest pause before the next pass.
    pub(super) pause: Cell<Option<Duration>>,
    /// The session that holds the lock of the start.
    pub(super) keeper: Keeper,
    /// A worker has got a session.
    pub(super) is_served: Cell<bool>,
    /// Why the server gave one of them none.
    pub(super) refused: RefCell<Option<Error>>,
}

/// How far the start is, over all passes.
pub(super) struct Tally {
    pub(super) count: usize,
    /// How many have had something to do.
    pub(super) due: Cell<usize>,
    pub(super) current: Cell<usize>,
    pub(super) applied: Cell<usize>,
    pub(super) failed: RefCell<Vec<(usize, String, Error)>>,
    said: Cell<Option<Instant>>,
}

impl Tally {
    pub(super) fn new(count: usize) -> Self {
        let (due, current, applied, said) = (Cell::default(), Cell::default(), Cell::default(), Cell::default());
        Self { count, due, current, applied, failed: RefCell::default(), said }
    }

    /// `340 of 1,000 schemas`.
    pub(super) fn progress(&self) -> String {
        format!("{} of {} schemas", number(self.current.get() + self.failed.borrow().len()), number(self.count))
    }

    /// Counts a schema that is current, and says how far it is every so often.
    fn count(&self, setup: &Setup, task: &Task, (applied, took): (usize, Duration)) {
        self.current.set(self.current.get() + 1);
        self.applied.set(self.applied.get() + applied);
        let text = format!("{}: applied {applied} in {}", task.schema, seconds(took));
        let (schema, duration_ms) = (task.schema.as_str(), millis(took));
        match self.due.get() <= FEW {
            true => {
                tracing::info!(phase = "migrate", event = "schema_migrated", schema, applied, duration_ms, "{text}")
            }
            false => {
                tracing::debug!(phase = "migrate", event = "schema_migrated", schema, applied, duration_ms, "{text}");
            }
        }
        self.say(setup);
    }

    /// Counts a schema that failed.
    fn fail(&self, setup: &Setup, task: &Task, error: Error) {
        self.note(task.at, &task.schema, error);
        self.say(setup);
    }

    /// A failure is to stop the others, and there is one.
    pub(super) fn is_halting(&self, setup: &Setup) -> bool {
        setup.settings.tenancy.on_failure == OnFailure::Stop && !self.failed.borrow().is_empty()
    }

    /// Logs the failure of a schema, and keeps it.
    pub(super) fn note(&self, at: usize, schema: &str, error: Error) {
        let exit_code = error.exit_code();
        let text = match self.failed.borrow().len() < WHOLE {
            true => with_flag(&error, schema),
            false => first_line(&error),
        };
        let sqlstate = error.sqlstate();
        tracing::error!(phase = "migrate", event = "schema_failed", schema, exit_code, sqlstate, "{schema}: {text}");
        self.failed.borrow_mut().push((at, schema.to_owned(), error));
    }

    fn say(&self, setup: &Setup) {
        let said = self.said.get().unwrap_or_else(|| {
            let now = Instant::now();
            self.said.set(Some(now));
            now
        });
        let text = self.progress();
        setup.tracker.held_up(&text);
        if said.elapsed() >= PROGRESS {
            let (done, schemas) = (self.current.get() + self.failed.borrow().len(), self.count);
            tracing::info!(
                phase = "migrate",
                event = "progress",
                done,
                schemas,
                applied = self.applied.get(),
                "{text}"
            );
            self.said.set(Some(Instant::now()));
        }
    }
}

/// Works through the list until it is empty, a signal arrives, a failure stops it, or the lock of the start is lost. Opens a session;
/// where that fails, it ends, and leaves its tasks to the others.
///
/// # Errors
/// [`Error::Os`] where the signals cannot be listened for.
pub(super) async fn work(board: &Board<'_>, mut history: Option<History>) -> Result<(), Error> {
    let mut session: Option<Box<dyn Session>> = None;
    let stop = board.stop.beside().map_err(|error| Error::Os(format!("cannot listen for signals: {error}")))?;
    while board.stop.signal().is_none() && !board.done.is_halting(board.setup) && !board.keeper.is_lost() {
        let Some(mut task) = board.tasks.borrow_mut().pop_front() else { break };
        let open = match session.take() {
            Some(session) => Ok(session),
            None => tokio::select! {
                opened = open(board.setup) => opened,
                _ = board.stop.raised() => Err(None),
            },
        };
        let open = match open {
            Ok(open) => open,
            Err(why) => {
                if let Some(why) = why {
                    board.refused.replace(Some(why));
                    board.tell_of_refusal();
                }
                board.later.borrow_mut().push(task);
                break;
            }
        };
        if !board.is_served.replace(true) {
            board.tell_of_refusal();
        }
        board.bar.begin(&task.schema);
        let began = Instant::now();
        let schema = task.schema.clone();
        let queue = task.queue.get_or_insert_with(|| Queue::new(board.setup.settings.lock_timeout));
        let migrated = migrate(board, &stop, queue, (&schema, open), history.take());
        let Migrated { outcome, session: left, history: read, applied } = within(&schema, migrated).await;
        (session, history) = (left, read);
        stop.end_deferral();
        board.settle(task, outcome, (applied, began.elapsed()));
    }
    if let Some(session) = session {
        session.close().await;
    }
    Ok(())
}

impl Board<'_> {
    /// Logs that a connection was refused, once others work.
    fn tell_of_refusal(&self) {
        if let (true, Some(why)) = (self.is_served.get(), &*self.refused.borrow()) {
            tracing::info!(phase = "migrate", event = "fewer_connections", "goes on with fewer connections: {why}");
        }
    }

    /// Files what became of a schema.
    fn settle(&self, mut task: Task, outcome: Result<PassOutcome, Error>, counted: (usize, Duration)) {
        match outcome {
            Ok(PassOutcome::Done) => {
                self.done.count(self.setup, &task, counted);
                self.bar.end();
            }
            Ok(PassOutcome::Later(pause)) => {
                self.pause.set(Some(self.pause.get().map_or(pause, |shortest| shortest.min(pause))));
                self.later.borrow_mut().push(task);
            }
            // The whole start ends; this is what became of the schema.
            Err(Error::Stopped { note, .. }) => {
                let schema = task.schema;
                tracing::warn!(phase = "migrate", event = "schema_stopped", schema, "{schema}: {note}");
            }
            Err(error) if task.losses.survives(&error) => self.later.borrow_mut().push(task),
            Err(error) => {
                self.done.fail(self.setup, &task, error);
                self.bar.end();
            }
        }
    }
}

/// One more session; why not, where the server gives none.
async fn open(setup: &Setup) -> Result<Box<dyn Session>, Option<Error>> {
    let target = setup.database.target().map_err(Some)?;
    let opened = target.open(&crate::engines::session::ProbeRequest::default()).await;
    let failed = |fault| Some(Error::Refused { address: target.address(), fault, remedy: None });
    opened.map(|(session, _)| session).map_err(failed)
}

/// What became of one schema, and what can be used again for the next.
struct Migrated {
    outcome: Result<PassOutcome, Error>,
    /// `None` after an error: the next schema gets a new one.
    session: Option<Box<dyn Session>>,
    history: Option<History>,
    applied: usize,
}

/// Migrates one schema under its lock.
async fn migrate(
    board: &Board<'_>,
    stop: &Stop,
    queue: &mut Queue,
    (schema, mut session): (&str, Box<dyn Session>),
    history: Option<History>,
) -> Migrated {
    let setup = board.setup.for_tenant(schema);
    let probe = of_server(board.probe);
    let entered = tokio::select! {
        entered = session.enter_schema(schema, &setup.settings.tenancy.path) => {
            entered.map_err(Error::statement("enter a schema"))
        }
        signal = stop.undeferred() => Err(stopped(signal)),
    };
    if let Err(error) = entered {
        return Migrated { outcome: Err(error), session: None, history, applied: 0 };
    }
    let (ahead, report) = (ReadAhead::default(), Report::default());
    queue.session_began(Instant::now());
    let mut start = Start { setup: &setup, stop, session, probe, history, pending: None, ahead, report };
    let (outcome, is_cut) = tokio::select! {
        biased;
        outcome = under_lock(&mut start, queue, &board.keeper) => (outcome, false),
        signal = stop.undeferred() => (Err(stopped(signal)), true),
    };
    let Start { session, history, report, .. } = start;
    let session = match &outcome {
        Ok(_) => Some(session),
        // In the middle of a message: the server notices that the connection is gone.
        Err(_) if is_cut => None,
        Err(error) => {
            if !is_lost(error) {
                session.close().await;
            }
            None
        }
    };
    let outcome = outcome.map_err(|error| crate::startup::refusal::advised(error, &setup));
    Migrated { outcome, session, history, applied: report.applied }
}

async fn under_lock(start: &mut Start<'_>, queue: &mut Queue, keeper: &Keeper) -> Result<PassOutcome, Error> {
    if let later @ PassOutcome::Later(_) = start.take_lock(queue).await? {
        return Ok(later);
    }
    match keeper.still_holds(start.session.as_mut()).await? {
        true => start.migrate_locked(&Hooks::default()).await,
        false => Ok(PassOutcome::Later(Duration::ZERO)),
    }
}

fn stopped(signal: u8) -> Error {
    Error::Stopped { signal, note: "nothing was left half done".to_owned() }
}

fn is_lost(error: &Error) -> bool {
    match error {
        Error::Lost { .. } => true,
        Error::Statement { fault, .. } => matches!(fault.class, Class::Unreachable | Class::Starting),
        _ => false,
    }
}

/// The whole error; with how to name the schema in the commands that it names.
fn with_flag(error: &Error, schema: &str) -> String {
    let text = error.to_string();
    match text.contains("doorstep ") {
        true => format!("{text}\n(doorstep works on this schema alone with {})", tenants::flag(schema)),
        false => text,
    }
}
