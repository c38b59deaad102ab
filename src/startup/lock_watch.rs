//! Watches the session that holds the lock while it is idle and a child works: a read sees that it was closed, a question
//! every second that it is silent.

use std::cell::Cell;
use std::pin::Pin;
use std::time::{Duration, Instant};

use crate::base::fault::{Class, Fault};
use crate::base::log::seconds;
use crate::engines::session::Session;

/// How often the session is asked.
const PULSE: Duration = Duration::from_secs(1);

/// How long its answer may take.
const SILENCE: Duration = Duration::from_secs(4);

/// Watches the idle session that holds the lock.
pub(crate) struct Watch {
    /// The last moment at which it was certainly there.
    pub(crate) last_sign: Cell<Instant>,
    is_asking: Cell<bool>,
    is_over: Cell<bool>,
    silence: Duration,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self::with_silence(SILENCE)
    }

    /// A watch that leaves the session this long for an answer.
    pub(crate) fn with_silence(silence: Duration) -> Self {
        Self { last_sign: Cell::new(Instant::now()), is_asking: Cell::new(false), is_over: Cell::new(false), silence }
    }

    /// Completes with an error once the lock is lost; with `Ok` after the answer to the last question of a watch that is
    /// over.
    pub(crate) async fn until_lost(&self, session: &mut dyn Session) -> Result<(), Fault> {
        while !self.is_over.get() {
            tokio::select! {
                fault = session.until_closed() => return Err(fault),
                () = tokio::time::sleep(PULSE) => {}
            }
            self.is_asking.set(true);
            let asked = Instant::now();
            held_within(session, self.silence).await?;
            self.is_asking.set(false);
            self.last_sign.set(asked);
        }
        Ok(())
    }

    /// Ends the watch. An answer that is on its way is awaited, or nothing more could be asked of the session.
    pub(crate) async fn settle(&self, lost: Pin<&mut impl Future<Output = Result<(), Fault>>>) -> Option<Fault> {
        self.is_over.set(true);
        if self.is_asking.get() { lost.await.err() } else { None }
    }
}

/// Asks the session that holds the lock whether it still does.
pub(crate) async fn still_held(session: &mut dyn Session) -> Result<(), Fault> {
    held_within(session, SILENCE).await
}

async fn held_within(session: &mut dyn Session, silence: Duration) -> Result<(), Fault> {
    let silent = || Fault::new(Class::Unreachable, format!("no answer within {}", seconds(silence)));
    tokio::time::timeout(silence, session.check_lock()).await.unwrap_or_else(|_| Err(silent()))
}
