//! Whether there is anything to apply, and whether it may run in this session.

use crate::base::error::Error;
use crate::engines::session::{Probe, Session};
use crate::migrate::failure_report;
use crate::migrate::history::History;
use crate::migrate::plan::Entry;

/// Whether something is to be applied, or the tool has to be asked; the lock must be held. Repairs what an interrupted
/// start has left, and writes nothing else.
///
/// # Errors
/// [`Error::History`] when the history forbids to go on.
pub(crate) async fn due(history: &mut History, session: &mut dyn Session, probe: &Probe) -> Result<bool, Error> {
    history.read(session, probe, None).await?;
    history.heal(session).await?;
    history.check()?;
    history.check_modes(session).await?;
    Ok(history.entries.iter().any(Entry::is_pending) || history.uncertainty().is_some())
}

impl History {
    /// Refuses a pending file that the session's `sql_mode`, or the one that it sets itself, cuts into other statements.
    ///
    /// # Errors
    /// [`Error::History`].
    pub(crate) async fn check_modes(&self, session: &mut dyn Session) -> Result<(), Error> {
        if self.pending().next().is_none() {
            return Ok(());
        }
        let modes = session.sql_modes().await.map_err(Error::statement("read sql_mode"))?;
        let refused = modes
            .and_then(|modes| self.pending().find_map(|(migration, _)| failure_report::sql_mode(migration, modes)));
        refused.map_or(Ok(()), |why| Err(Error::History(why)))
    }
}
