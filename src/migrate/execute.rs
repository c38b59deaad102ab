//! Runs one piece of a migration: repeats it while it fails of a lock or of the server (`trouble`), cancels it on a signal,
//! and logs which session it is waiting for. What a failure means for the history is decided in `apply`.

use std::time::{Duration, Instant};

use crate::base::fault::{Class, Fault};
use crate::base::log::{HEARTBEAT, seconds};
use crate::base::retry::Pace;
use crate::base::signal::{self, Stop};
use crate::engines::peer::Peer;
use crate::engines::session::{Canceller, Failure, Observer, Rollback, Session, Unit, Work};
use crate::formats::migration::Migration;
use crate::migrate::trouble::Trouble;

/// How often a cancel request is repeated: it is lost when it arrives between two statements.
const CANCEL_AGAIN: Duration = Duration::from_millis(500);

/// The shortest and the longest interval between two looks at a running piece: the session that it waits for must be
/// seen before its lock_timeout runs out.
const LOOK: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(2500));

/// How long a piece runs before it is watched: most are done by then, and a signal waits no longer.
const UNWATCHED: Duration = Duration::from_millis(20);

/// How far the interval grows without a lock_timeout.
const LONGEST: Duration = Duration::from_secs(30);

/// How often a long script is reported to be running.
const STILL_RUNNING: Duration = Duration::from_secs(30);

/// How long a piece is tried again, and at which pace.
pub(crate) struct Retries<'a> {
    began: Instant,
    pace: Pace,
    /// `None`: for ever.
    patience: Option<Duration>,
    stop: &'a Stop,
    migration: &'a Migration,
}

impl<'a> Retries<'a> {
    /// Until `patience` has passed, or a signal arrives.
    pub(crate) fn new(migration: &'a Migration, patience: Option<Duration>, stop: &'a Stop) -> Self {
        Self { began: Instant::now(), pace: Pace::after_refusal(), patience, stop, migration }
    }

    /// Pauses before the next try of a piece that failed like this; `false`, at once, where there is none.
    pub(crate) async fn pause(&mut self, failure: &Failure) -> bool {
        let name = &self.migration.name;
        match Trouble::of(failure, self.migration.sql()) {
            Trouble::Lock => {
                let what = format!("{name} met a lock, was rolled back and is tried again");
                self.pause_after("lock_timeout", &what, &failure.fault).await
            }
            Trouble::Server => {
                let what = format!("the server could not run {name}, which was rolled back and is tried again");
                self.pause_after("shortage", &what, &failure.fault).await
            }
            Trouble::Script | Trouble::Limit(_) => false,
        }
    }

    async fn pause_after(&mut self, event: &str, what: &str, fault: &Fault) -> bool {
        let pause = self.pace.next();
        let over = self.patience.is_some_and(|patience| self.began.elapsed() + pause >= patience);
        if over || self.stop.signal().is_some() {
            return false;
        }
        let (migration, sqlstate) = (&self.migration.name, fault.code.as_deref());
        tracing::info!(phase = "migrate", event, migration, sqlstate, "{what}: {}", fault.message);
        tokio::select! {
            () = tokio::time::sleep(pause) => true,
            _ = self.stop.raised() => false,
        }
    }
}

/// Runs the unit; repeats it after a failure that passes and left nothing behind, as long as `retries` allow.
///
/// # Errors
/// The last failure, with the session that held the lock as its detail.
pub(crate) async fn run(session: &mut dyn Session, unit: &Unit<'_>, retries: &mut Retries<'_>) -> Result<(), Failure> {
    let (name, stop) = (&retries.migration.name, retries.stop);
    loop {
        let mut blocker = None;
        let Err(mut failure) = watched(session, unit, name, stop, &mut blocker).await else { return Ok(()) };
        let met_a_lock = Trouble::of(&failure, unit.sql) == Trouble::Lock;
        if let (true, None, Some(blocker)) = (met_a_lock, &failure.fault.detail, blocker) {
            failure.fault.detail = Some(format!("it waited for {blocker}"));
        }
        if failure.kept != Rollback::Complete || !retries.pause(&failure).await {
            return Err(failure);
        }
    }
}

/// Writes to the history, again and again while the server lacks something: what was done must not be lost for it.
pub(crate) async fn write(session: &mut dyn Session, sql: &str, retries: &mut Retries<'_>) -> Result<(), Fault> {
    let what = format!("how {} ended could not be recorded, which is tried again", retries.migration.name);
    loop {
        match session.execute(sql.to_owned()).await {
            Err(fault) if fault.class == Class::Busy && retries.pause_after("shortage", &what, &fault).await => {}
            result => return result,
        }
    }
}

/// Runs the unit once; on a signal, asks the server to cancel it until it ends. Stores in `blocker` the session that it
/// was last seen to wait for.
async fn watched(
    session: &mut dyn Session,
    unit: &Unit<'_>,
    name: &str,
    stop: &Stop,
    blocker: &mut Option<Peer>,
) -> Result<(), Failure> {
    let (cancel, observer) = (session.canceller(), session.observer());
    let mut running = session.run_unit(unit);
    if let Ok(result) = tokio::time::timeout(UNWATCHED, &mut running).await {
        return result;
    }
    let watch = watch(observer, unit.conditions.lock_timeout, name, blocker);
    tokio::select! {
        result = &mut running => return result,
        () = watch => {}
        () = report_running(name) => {}
        signal = stop.raised() => tracing::warn!(
            phase = "migrate",
            event = "cancelling",
            migration = name,
            "{}: cancelling the running migration",
            signal::name(signal)
        ),
    }
    cancelled(&cancel, running).await
}

/// A statement of doorstep's own, which may have to wait for a lock; on a signal it is cancelled.
pub(crate) async fn own<T>(cancel: Canceller, work: Work<'_, T>, stop: &Stop) -> Result<T, Fault> {
    own_within(cancel, work, stop, None).await
}

/// The same, which is also cancelled after `limit`.
pub(crate) async fn own_within<T>(
    cancel: Canceller,
    mut work: Work<'_, T>,
    stop: &Stop,
    limit: Option<Duration>,
) -> Result<T, Fault> {
    let over = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        result = &mut work => return result,
        _ = stop.raised() => {}
        () = over => {}
    }
    cancelled(&cancel, work).await
}

/// Asks the server to cancel what runs, again and again until it ends.
async fn cancelled<T>(cancel: &Canceller, mut running: impl Future<Output = T> + Unpin) -> T {
    loop {
        // The request itself may hang, so wait for the end of the statement at the same time.
        let again = async {
            cancel().await;
            tokio::time::sleep(CANCEL_AGAIN).await;
        };
        tokio::select! {
            result = &mut running => return result,
            () = again => {}
        }
    }
}

/// Logs again and again that the migration is still running. Never ends.
async fn report_running(name: &str) {
    let began = Instant::now();
    loop {
        tokio::time::sleep(STILL_RUNNING).await;
        let running = seconds(began.elapsed());
        tracing::info!(
            phase = "migrate",
            event = "heartbeat",
            migration = name,
            "{name} is still running after {running}"
        );
    }
}

/// Looks again and again at which session keeps this one waiting, and logs it. Never ends.
async fn watch(observer: Option<Observer>, timeout: Option<Duration>, name: &str, blocker: &mut Option<Peer>) {
    let Some(look) = observer else { return std::future::pending().await };
    let mut pause = timeout.map_or(LOOK.1, |timeout| (timeout / 2).clamp(LOOK.0, LOOK.1));
    let mut said: Option<Instant> = None;
    loop {
        tokio::time::sleep(pause).await;
        if timeout.is_none() {
            // Each look opens a connection: an index that takes hours must not cause thousands of them.
            pause = (pause * 5 / 4).min(LONGEST);
        }
        // Ignore failures: the server may be out of connections.
        let Some(peer) = look().await.ok().and_then(|peers| peers.into_iter().next()) else { continue };
        let is_new = blocker.as_ref().is_none_or(|known| known.pid != peer.pid);
        if is_new || said.is_none_or(|said| said.elapsed() >= HEARTBEAT) {
            tracing::info!(phase = "migrate", event = "blocked", migration = name, "{name} waits for {peer}");
            said = Some(Instant::now());
        }
        *blocker = Some(peer);
    }
}
