//! Step 1: wait until a login and a query succeed on a server that accepts writes.
//!
//! It retries faults that pass with time (`Class::is_transient`); any other fault ends the start at once. The log gets a
//! line when the state changes and a heartbeat, but not one per attempt.

use std::time::{Duration, Instant};

use crate::base::error::Error;
use crate::base::fault::{Class, Condition, Fault};
use crate::base::log::{HEARTBEAT, millis, seconds};
use crate::base::progress::{Phase, Tracker};
use crate::base::retry::Pace;
use crate::config::Patience;
use crate::engines::connect::Target;
use crate::engines::endpoint::{MOMENT, PendingLogin};
use crate::engines::session::{Probe, ProbeRequest, Session};
use crate::startup::refusal;
use crate::startup::setup::Setup;

/// How long the first attempt may take before the log says that it is connecting.
const LONG: Duration = Duration::from_secs(1);

/// A session on a database that accepts work.
pub(crate) struct Connected {
    pub(crate) session: Box<dyn Session>,
    /// What its first query found.
    pub(crate) probe: Probe,
    /// When the attempt began that succeeded.
    pub(crate) began: Instant,
}

/// Waits for the database; gives a session, and what its first query found of what is wanted. With `create`, a database that does not exist
/// is created where the role may; without, another process is expected to create it. With `announces`, the log names the
/// server that answered.
///
/// # Errors
/// [`Error::NotReady`] at the deadline, [`Error::Refused`] for a fault that no retry mends, [`Error::Settings`] when
/// the URL does not parse.
pub(crate) async fn until_ready(
    setup: &Setup,
    patience: Patience,
    wanted: &ProbeRequest,
    create: bool,
    announces: bool,
) -> Result<Connected, Error> {
    let began = Instant::now();
    let deadline = patience.timeout.map(|timeout| began + timeout);
    let mut log = StateLog::new(began, setup.tracker.clone());
    let mut rhythm = Rhythm::new(patience.fixed.map(|(_, interval)| interval));
    let mut attempts = 0;
    setup.tracker.enter(Phase::Wait);
    loop {
        attempts += 1;
        let tried = Instant::now();
        let (target, begun) = match setup.early_login.take().await {
            Some((target, login)) => (target, Some(login)),
            None => (setup.database.target()?, None),
        };
        let left = deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(Instant::now()));
        let fault = match tokio::time::timeout(left, log.patiently(&target, opened(&target, begun, wanted))).await {
            Ok(Ok((session, probe))) => {
                if announces {
                    log.ready(&target, &probe, attempts);
                }
                return Ok(Connected { session, probe, began: tried });
            }
            Ok(Err(fault)) if fault.class == Class::NoDatabase && create => match created(&target).await {
                Ok(()) => continue,
                Err(fault) if fault.class.is_transient() => fault,
                Err(fault) => return Err(cannot_create(&target, setup.is_scratch, fault)),
            },
            Ok(Err(fault)) => fault,
            Err(_) => log.last.take().unwrap_or_else(|| {
                Fault::new(Class::Unreachable, "the first attempt has had no answer (name, address, firewall?)")
            }),
        };
        let goes_on = fault.class.is_transient() || (fault.class == Class::NoDatabase && !create);
        if !goes_on && setup.is_scratch && fault.condition == Some(Condition::MayNotConnect) {
            return Err(cannot_create(&target, true, fault));
        }
        if !goes_on {
            let remedy = refusal::remedy(&fault, &refusal::Login::of(&target));
            return Err(Error::Refused { address: target.address(), fault, remedy });
        }
        let pause = rhythm.pause(fault.class);
        let out_of_attempts = patience.fixed.is_some_and(|(most, _)| attempts >= most);
        if out_of_attempts || deadline.is_some_and(|deadline| Instant::now() + pause >= deadline) {
            let (address, waited) = (target.address(), began.elapsed());
            let remedy = refusal::remedy_of_wait(&fault, &refusal::Login::of(&target));
            return Err(Error::NotReady { address, waited, attempts, last: fault, remedy });
        }
        setup.tracker.refused(attempts, &fault.message);
        log.waiting(&target, fault, attempts);
        tokio::time::sleep(pause).await;
    }
}

/// One attempt, with a login that may have begun.
async fn opened(
    target: &Target,
    begun: Option<Box<dyn PendingLogin>>,
    wanted: &ProbeRequest,
) -> Result<(Box<dyn Session>, Probe), Fault> {
    match begun {
        Some(login) => login.open(wanted).await,
        None => target.open(wanted).await,
    }
}

/// Waits for the database while `meanwhile` goes on, whose error ends both. A session that there is then is closed, and one that is
/// being opened has a moment: MySQL counts the logins that a client breaks off, and refuses its host after 100 in a row
/// (`max_connect_errors`).
///
/// # Errors
/// The first of either.
pub(crate) async fn beside<R, T>(
    ready: impl Future<Output = Result<R, Error>>,
    meanwhile: impl Future<Output = Result<T, Error>>,
    session_of: impl FnOnce(R) -> Box<dyn Session>,
) -> Result<(R, T), Error> {
    let (mut ready, mut meanwhile) = (std::pin::pin!(ready), std::pin::pin!(meanwhile));
    let (unneeded, error) = tokio::select! {
        ready = &mut ready => {
            let ready = ready?;
            match meanwhile.await {
                Ok(done) => return Ok((ready, done)),
                Err(error) => (Some(ready), error),
            }
        }
        done = &mut meanwhile => match done {
            Ok(done) => return Ok((ready.await?, done)),
            Err(error) => (tokio::time::timeout(MOMENT, ready).await.ok().and_then(Result::ok), error),
        }
    };
    if let Some(unneeded) = unneeded {
        session_of(unneeded).close().await;
    }
    Err(error)
}

async fn created(target: &Target) -> Result<(), Fault> {
    target.create_database().await?;
    tracing::info!(phase = "wait", event = "database_created", "created the database {}", target.address());
    Ok(())
}

fn cannot_create(target: &Target, is_scratch: bool, fault: Fault) -> Error {
    let login = refusal::Login::of(target);
    let (kind, remedy) = match is_scratch {
        true => ("scratch", refusal::remedy_of_scratch(&fault, &login)),
        false => ("missing", refusal::remedy_of_creation(&fault, &login)),
    };
    let doing = format!("create the {kind} database {}", target.address());
    Error::Statement { doing, fault, remedy: Some(remedy) }
}

/// The pause between attempts. A refused connection costs the server nothing, so it is retried often; a full or
/// read-only server is retried less often.
struct Rhythm {
    fixed: Option<Duration>,
    class: Option<Class>,
    pace: Pace,
}

impl Rhythm {
    fn new(fixed: Option<Duration>) -> Self {
        Self { fixed, class: None, pace: Self::pace(Class::Unreachable) }
    }

    fn pace(class: Class) -> Pace {
        let (first, ceiling) = match class {
            Class::Starting => (60, 60),
            Class::Unreachable => (60, 100),
            Class::Busy => (400, 1200),
            _ => (100, 1000),
        };
        Pace::new(Duration::from_millis(first), Duration::from_millis(ceiling))
    }

    fn pause(&mut self, class: Class) -> Duration {
        if let Some(interval) = self.fixed {
            return interval;
        }
        if self.class.replace(class) != Some(class) {
            self.pace = Self::pace(class);
        }
        self.pace.next()
    }
}

/// The log of the wait: a line for each fault that was not there before, and a heartbeat.
struct StateLog {
    began: Instant,
    said: Instant,
    tracker: Tracker,
    last: Option<Fault>,
}

impl StateLog {
    fn new(began: Instant, tracker: Tracker) -> Self {
        Self { began, said: began, tracker, last: None }
    }

    /// Awaits the attempt; logs a line if the first one takes long (a nameserver, a firewall), so that it does not look
    /// like a hang.
    async fn patiently<T>(&self, target: &Target, attempt: impl Future<Output = T>) -> T {
        tokio::pin!(attempt);
        if self.last.is_none() {
            tokio::select! {
                done = &mut attempt => return done,
                () = tokio::time::sleep(LONG) => {
                    tracing::info!(phase = "wait", event = "connecting", "connecting to the database at {}", target.address());
                }
            }
        }
        attempt.await
    }

    fn waiting(&mut self, target: &Target, fault: Fault, attempts: u32) {
        // Digits are left out: addresses and PIDs differ from attempt to attempt without a change of state.
        let state: String = fault.message.chars().filter(|character| !character.is_ascii_digit()).collect();
        let changed = self.tracker.is_news(state);
        let sqlstate = fault.code.as_deref().unwrap_or_default();
        if changed {
            tracing::info!(
                phase = "wait",
                event = "waiting",
                sqlstate,
                attempts,
                "waiting for the database at {}: {fault}",
                target.address()
            );
        } else if self.said.elapsed() >= HEARTBEAT {
            tracing::info!(
                phase = "wait",
                event = "heartbeat",
                sqlstate,
                attempts,
                duration_ms = millis(self.began.elapsed()),
                "still waiting after {}: {fault}",
                seconds(self.began.elapsed())
            );
        }
        if changed || self.said.elapsed() >= HEARTBEAT {
            self.said = Instant::now();
        }
        self.last = Some(fault);
    }

    fn ready(&self, target: &Target, probe: &Probe, attempts: u32) {
        let duration = self.began.elapsed();
        tracing::info!(
            phase = "wait",
            event = "connected",
            attempts,
            duration_ms = millis(duration),
            "{} at {} accepts work after {}",
            probe.server,
            target.address(),
            seconds(duration)
        );
    }
}
