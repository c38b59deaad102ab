//! One child at a time, over all doorsteps of a database: a child starts only after that of another doorstep has ended,
//! and with it the statements that its sessions were running.
//!
//! The migration lock alone does not say so. Its session may end while the child still has some seconds to end in, hence
//! the mark, a lock in a second session. And the server runs a statement on after its client was killed, hence the look
//! at the sessions.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::base::error::Error;
use crate::base::log::HEARTBEAT;
use crate::engines::engine::ChildSession;
use crate::engines::session::{ChildMark, LockKey, LockName, Session};
use crate::startup::start::Start;

/// The lock of the second session.
const MARK: LockKey = LockKey::new(i64::from_be_bytes(*b"doorhook"), LockName::OfDatabase("doorstep child"));

/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// A session that is gone after this time is not worth a line: a service's transactions are short.
const SHORT: Duration = Duration::from_secs(1);

/// What a start waits for before its own child, and for how long.
struct Patience {
    began: Instant,
    said: Option<Instant>,
    timeout: Option<Duration>,
}

impl Patience {
    fn new(timeout: Option<Duration>) -> Self {
        Self { began: Instant::now(), said: None, timeout }
    }

    /// Waits a moment for these sessions.
    ///
    /// # Errors
    /// [`Error::StillRunning`] at the deadline.
    async fn wait_for(&mut self, sessions: String) -> Result<(), Error> {
        let waited = self.began.elapsed();
        if self.timeout.is_some_and(|timeout| waited >= timeout) {
            return Err(Error::StillRunning { waited, sessions });
        }
        if waited >= SHORT && self.said.is_none_or(|said| said.elapsed() >= HEARTBEAT) {
            tracing::info!(
                phase = "migrate",
                event = "child_wait",
                "waiting for the end of an earlier child: {sessions}"
            );
            self.said = Some(Instant::now());
        }
        tokio::time::sleep(LOOK).await;
        Ok(())
    }
}

impl Start<'_> {
    /// Waits until no child of another doorstep runs, and marks that one of this doorstep does, until the session is
    /// closed. `None` where the engine has no such mark.
    ///
    /// # Errors
    /// [`Error::StillRunning`] after the migration lock's timeout.
    pub(crate) async fn mark_child(&mut self) -> Result<Option<Box<dyn Session>>, Error> {
        let mut patience = Patience::new(self.setup.settings.lock_timeout);
        loop {
            match self.session.mark_child(MARK).await {
                Ok(ChildMark::Set(session)) => return Ok(Some(session)),
                Ok(ChildMark::Unavailable) => return Ok(None),
                Ok(ChildMark::Taken(peer)) => {
                    let shown =
                        peer.map_or_else(|| "a session that has just ended".to_owned(), |peer| peer.to_string());
                    patience.wait_for(shown).await?;
                }
                Err(fault) => {
                    // The server may be out of connections. The lock alone still excludes all but the unlikely.
                    tracing::debug!(phase = "migrate", event = "no_mark", "no second session for a child: {fault}");
                    return Ok(None);
                }
            }
        }
    }

    /// Waits until the sessions have ended, or their transactions, that may still run a statement of an earlier child.
    ///
    /// # Errors
    /// [`Error::StillRunning`] after the migration lock's timeout, with their names.
    pub(crate) async fn await_child_sessions(&mut self) -> Result<(), Error> {
        let mut patience = Patience::new(self.setup.settings.lock_timeout);
        let mut first: Option<BTreeSet<(String, String)>> = None;
        loop {
            let sessions = self.session.child_sessions().await;
            let sessions = sessions.map_err(Error::statement("look for sessions of an earlier command"))?;
            let first = first.get_or_insert_with(|| sessions.iter().map(key).collect());
            let left = left_of(first, &sessions);
            if left.is_empty() {
                return Ok(());
            }
            let shown: Vec<String> = left.iter().map(|session| session.peer.to_string()).collect();
            patience.wait_for(shown.join("\n  ")).await?;
        }
    }
}

/// A session and its transaction.
fn key(session: &ChildSession) -> (String, String) {
    (session.peer.pid.clone(), session.began.clone())
}

/// Those to wait for: what has a child's name, and of the others only the transactions that the first look found. A
/// service of the same role begins new ones all the time.
fn left_of<'s>(first: &BTreeSet<(String, String)>, sessions: &'s [ChildSession]) -> Vec<&'s ChildSession> {
    sessions.iter().filter(|session| session.is_named || first.contains(&key(session))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::peer::Peer;

    fn session(pid: &str, began: &str, is_named: bool) -> ChildSession {
        ChildSession { peer: Peer { pid: pid.into(), ..Peer::default() }, began: began.into(), is_named }
    }

    #[test]
    fn of_unnamed_sessions_only_the_transactions_of_the_first_look_count() {
        let first: BTreeSet<_> = [session("1", "10:00", false), session("2", "10:01", false)].iter().map(key).collect();
        let left = |sessions: &[ChildSession]| -> Vec<String> {
            left_of(&first, sessions).iter().map(|session| session.peer.pid.clone()).collect()
        };
        assert_eq!(left(&[session("1", "10:00", false), session("2", "10:02", false)]), ["1"]);
        assert_eq!(left(&[session("3", "10:02", false)]), [""; 0]);
        assert_eq!(left(&[session("3", "10:02", true)]), ["3"]);
        assert_eq!(left(&[]), [""; 0]);
    }
}
