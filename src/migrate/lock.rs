//! Takes the migration lock: before the first write, and until the session ends. It is always polled, because a session
//! that blocks in `pg_advisory_lock` holds a snapshot, and CREATE INDEX CONCURRENTLY waits for snapshots.

use std::time::{Duration, Instant};

use crate::base::error::Error;
use crate::base::log::{HEARTBEAT, millis, seconds};
use crate::base::retry::Pace;
use crate::engines::session::{LockKey, Session};

/// Takes the lock with this key, or gives up after `timeout` (`None` never does).
///
/// # Errors
/// [`Error::Locked`] at the deadline, naming the holder.
pub(crate) async fn acquire(session: &mut dyn Session, key: LockKey, timeout: Option<Duration>) -> Result<(), Error> {
    let began = Instant::now();
    let mut pace = Pace::new(Duration::from_millis(50), Duration::from_millis(500));
    let mut said: Option<Instant> = None;
    loop {
        if session.try_lock(key).await.map_err(Error::statement("take the migration lock"))? {
            // At the level at which the wait was logged.
            let duration_ms = millis(began.elapsed());
            let text = format!("took the migration lock after {}", seconds(began.elapsed()));
            match said {
                Some(_) => tracing::info!(phase = "migrate", event = "locked", duration_ms, "{text}"),
                None => tracing::debug!(phase = "migrate", event = "locked", duration_ms, "{text}"),
            }
            return Ok(());
        }
        let left = timeout.map_or(Duration::MAX, |timeout| timeout.saturating_sub(began.elapsed()));
        let (pause, over) = (pace.next().min(left), left.is_zero());
        if over || said.is_none_or(|said| said.elapsed() >= HEARTBEAT) {
            let holder = match session.lock_holder(key).await {
                Ok(Some(peer)) => peer.to_string(),
                Ok(None) => "a session that the engine does not name".to_owned(),
                Err(fault) => fault.message,
            };
            if over {
                return Err(Error::Locked { waited: began.elapsed(), holder });
            }
            tracing::info!(phase = "migrate", event = "lock_wait", "waiting for the migration lock, held by {holder}");
            said = Some(Instant::now());
        }
        tokio::time::sleep(pause).await;
    }
}
