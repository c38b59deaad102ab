//! The session that holds the lock of a start on many schemas, while further sessions migrate them.
//!
//! A session that migrates cannot hold it: it ends as new after each schema, without locks. So it asks, once it has the locks that
//! keep other starts out, whether the keeper still has that of the start. Then no other start can begin before this schema is done:
//! it would first take the lock of the start, and then see the locks of this session.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use crate::base::error::Error;
use crate::base::fault::{Class, Fault};
use crate::engines::peer::Peer;
use crate::engines::session::Session;
use crate::startup::lock_watch::Watch;
use crate::startup::tenants::keys;

/// The keeper of a start, as the sessions that migrate see it.
pub(super) struct Keeper {
    peer: Peer,
    /// It no longer holds the lock: nothing more is begun.
    is_lost: Cell<bool>,
}

impl Keeper {
    /// The session has taken the locks of the start.
    ///
    /// # Errors
    /// [`Error::Lost`] where it has them no more, and faults of the session.
    pub(super) async fn of(session: &mut dyn Session) -> Result<Self, Error> {
        let holder = session.lock_holder(keys::of_start()).await.map_err(Error::statement(ASKED))?;
        let peer = holder.ok_or_else(|| lost(ended()))?;
        // It is idle from now on.
        session.suspend_lock().await.map_err(Error::statement("lift the session's limits of time"))?;
        Ok(Self { peer, is_lost: Cell::default() })
    }

    pub(super) fn is_lost(&self) -> bool {
        self.is_lost.get()
    }

    /// Whether it holds the lock now, asked by a session that migrates.
    ///
    /// # Errors
    /// Faults of that session.
    pub(super) async fn still_holds(&self, session: &mut dyn Session) -> Result<bool, Error> {
        let holder = session.lock_holder(keys::of_start()).await.map_err(Error::statement(ASKED))?;
        // A process id is given again: the time of its connection tells two of them apart.
        let holds = holder.is_some_and(|holder| holder.pid == self.peer.pid && holder.since == self.peer.since);
        self.is_lost.set(self.is_lost.get() || !holds);
        Ok(holds)
    }

    /// Runs `workers` to their end, and watches the keeper's session meanwhile. That can only be closed afterwards.
    ///
    /// # Errors
    /// The first of theirs; [`Error::Lost`] where the lock is lost.
    pub(super) async fn watch(
        &self,
        session: &mut dyn Session,
        mut workers: FuturesUnordered<impl Future<Output = Result<(), Error>>>,
    ) -> Result<(), Error> {
        let (watch, mut result, mut fault) = (Watch::with_silence(SILENCE), Ok(()), None);
        let mut until_lost = pin!(watch.until_lost(session));
        loop {
            tokio::select! {
                ended = workers.next() => match ended {
                    Some(ended) => result = result.and(ended),
                    None => break,
                },
                ended = &mut until_lost, if fault.is_none() => {
                    self.is_lost.set(true);
                    fault = ended.err();
                }
            }
        }
        result?;
        match fault.or_else(|| self.is_lost.get().then(ended)) {
            Some(fault) => Err(lost(fault)),
            None => Ok(()),
        }
    }
}

/// How long the server may leave a question unanswered. The lock is on the server, and each worker asks for it: a busy server is no
/// reason to stop.
const SILENCE: Duration = Duration::from_secs(60);

const ASKED: &str = "look who holds the migration lock";

fn lost(fault: Fault) -> Error {
    Error::Lost { doing: "holding the migration lock".to_owned(), fault }
}

fn ended() -> Fault {
    Fault::new(Class::Unreachable, "its session has it no more")
}
