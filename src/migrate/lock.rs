//! Takes the migration lock: before the first write, and until the session ends. It is always polled, because a session
//! that blocks in `pg_advisory_lock` holds a snapshot, and CREATE INDEX CONCURRENTLY waits for snapshots.
//!
//! A replica that waits holds no connection: the pipeline closes the session after each try that fails, or hundreds of
//! replicas would take all connections of the server, and with them those of the release that is still serving.

use std::time::{Duration, Instant};

use crate::base::error::Error;
use crate::base::log::{HEARTBEAT, millis, seconds};
use crate::base::retry::Pace;
use crate::engines::session::{LockKey, Session};

/// The pause after the first try, and after later ones. Each try is a login, which two hundred waiting replicas make
/// about a hundred times a second; and each replica starts within three seconds after the migration.
const PACE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_millis(1900));

/// The pause is at least this many times as long as the session of the try was: the busier the server, the rarer the tries.
const REST: u32 = 25;

/// The longest such pause.
const LONGEST_REST: Duration = Duration::from_secs(5);

/// A place in the queue for the migration lock, kept over several sessions.
pub(crate) struct Queue {
    began: Instant,
    said: Option<Instant>,
    pace: Pace,
    /// When the session of the last try began to be opened.
    session: Option<Instant>,
    tried_before: bool,
    timeout: Option<Duration>,
}

impl Queue {
    /// A queue that is left after `timeout` (`None`: never), counted from the first try.
    pub(crate) fn new(timeout: Option<Duration>) -> Self {
        Self {
            began: Instant::now(),
            said: None,
            pace: Pace::scattered(PACE.0, PACE.1),
            session: None,
            tried_before: false,
            timeout,
        }
    }

    /// Tries once to take the locks with these keys, one after the other. `false`: another session holds one of them; try
    /// again after [`Queue::pause`]. A lock that was taken before is kept: every replica takes them in this order.
    ///
    /// # Errors
    /// [`Error::Locked`] at the deadline, naming the holder.
    pub(crate) async fn try_take(&mut self, session: &mut dyn Session, keys: &[LockKey]) -> Result<bool, Error> {
        let taken = taken_by_another(session, keys).await?;
        self.has_tried(session, taken).await
    }

    /// The same for a start that shares `keys` with further sessions of its own: it takes `first` for itself, and then no other
    /// session may have any of them, also not shared.
    ///
    /// # Errors
    /// Those of [`Queue::try_take`].
    pub(crate) async fn try_take_alone(
        &mut self,
        session: &mut dyn Session,
        first: LockKey,
        keys: &[LockKey],
    ) -> Result<bool, Error> {
        let mut taken = taken_by_another(session, &[first]).await?;
        for key in keys {
            if taken.is_none() {
                let holder = session.lock_holder(*key).await.map_err(Error::statement("take the migration lock"))?;
                taken = match holder {
                    Some(_) => Some(*key),
                    None => taken_by_another(session, &[*key]).await?,
                };
            }
        }
        self.has_tried(session, taken).await
    }

    /// Whether no other session has the lock with this key, for one that has waited before: it takes nothing. A queue that has not
    /// waited yet asks nothing.
    ///
    /// # Errors
    /// Those of [`Queue::try_take`].
    pub(crate) async fn is_worth_a_try(&mut self, session: &mut dyn Session, key: LockKey) -> Result<bool, Error> {
        if !self.tried_before {
            return Ok(true);
        }
        match session.lock_holder(key).await.map_err(Error::statement("look who holds the migration lock"))? {
            Some(_) => self.has_tried(session, Some(key)).await,
            None => Ok(true),
        }
    }

    /// Logs how a try ended. Gives whether no lock is `taken` by another session.
    async fn has_tried(&mut self, session: &mut dyn Session, taken: Option<LockKey>) -> Result<bool, Error> {
        let waited = self.began.elapsed();
        let Some(key) = taken else {
            // At the level at which the wait was logged.
            let (duration_ms, text) = (millis(waited), format!("took the migration lock after {}", seconds(waited)));
            match self.said {
                Some(_) => tracing::info!(phase = "migrate", event = "locked", duration_ms, "{text}"),
                None => tracing::debug!(phase = "migrate", event = "locked", duration_ms, "{text}"),
            }
            return Ok(true);
        };
        let over = self.left().is_zero();
        // Naming the holder is another round trip. The first try leaves it out: many replicas may be making theirs now.
        let tried_before = std::mem::replace(&mut self.tried_before, true);
        if over || (tried_before && self.said.is_none_or(|said| said.elapsed() >= HEARTBEAT)) {
            let holder = match session.lock_holder(key).await {
                Ok(Some(peer)) => peer.to_string(),
                Ok(None) => "a session that the engine does not name".to_owned(),
                Err(fault) => fault.message,
            };
            if over {
                return Err(Error::Locked { waited, holder });
            }
            tracing::info!(phase = "migrate", event = "lock_wait", "waiting for the migration lock, held by {holder}");
            self.said = Some(Instant::now());
        }
        Ok(false)
    }

    /// The next try is made in a session that began to be opened at this moment.
    pub(crate) fn session_began(&mut self, at: Instant) {
        self.session = Some(at);
    }

    /// How long to stay away before the next try.
    pub(crate) fn pause(&mut self) -> Duration {
        let rest = self.session.take().map_or(Duration::ZERO, |began| began.elapsed() * REST).min(LONGEST_REST);
        let mut pause = self.pace.next();
        if rest > PACE.0 {
            pause = pause.max(Pace::scattered(rest, LONGEST_REST).next());
        }
        pause.min(self.left())
    }

    fn left(&self) -> Duration {
        self.timeout.map_or(Duration::MAX, |timeout| timeout.saturating_sub(self.began.elapsed()))
    }
}

/// Takes the locks with these keys; the first one that another session holds.
pub(crate) async fn taken_by_another(session: &mut dyn Session, keys: &[LockKey]) -> Result<Option<LockKey>, Error> {
    for key in keys {
        if !session.try_lock(*key).await.map_err(Error::statement("take the migration lock"))? {
            return Ok(Some(*key));
        }
    }
    Ok(None)
}

/// Takes the locks with these keys, and keeps the session while it waits: for a command that a person runs, and after a child
/// for which the lock was suspended.
///
/// # Errors
/// [`Error::Locked`] after `timeout` (`None`: never), naming the holder.
pub(crate) async fn acquire(
    session: &mut dyn Session,
    keys: &[LockKey],
    timeout: Option<Duration>,
) -> Result<(), Error> {
    let mut queue = Queue::new(timeout);
    while !queue.try_take(session, keys).await? {
        tokio::time::sleep(queue.pause()).await;
    }
    Ok(())
}
