//! Takes the lock of a tool that keeps it as a row of a table (Liquibase's databasechangeloglock), besides doorstep's own,
//! and judges a row that someone has left.
//!
//! doorstep's own lock ends with its session. So a process that holds that lock and finds a row written by doorstep knows that
//! the writer has ended. About a row of the tool only this is certain: its writer was connected when doorstep first saw the row.
//! When none of those sessions is left, the writer has ended. Until then the row counts as held.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::base::error::Error;
use crate::base::log::HEARTBEAT;
use crate::base::retry::Pace;
use crate::engines::session::{Probe, Session};
use crate::formats::lock_row::LockRow;
use crate::migrate::history::History;
use crate::sql::TableName;

/// The pause between two tries.
const PACE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_millis(1900));

/// A lock row that this start holds.
pub(crate) struct HeldRow {
    release: String,
}

/// Who holds the row: as the row says, and the sessions one of which it may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Seen {
    holder: String,
    since: String,
    /// `None` where the engine does not list them.
    sessions: Option<BTreeSet<String>>,
}

impl Seen {
    /// Whether the holder is gone for certain, given what was seen first.
    fn is_gone(&self, first: &Self) -> bool {
        let is_same = (&self.holder, &self.since) == (&first.holder, &first.since);
        let gone = |first: &BTreeSet<String>, now: &BTreeSet<String>| first.is_disjoint(now);
        is_same && matches!((&first.sessions, &self.sessions), (Some(first), Some(now)) if gone(first, now))
    }
}

impl History {
    /// Takes the lock row of the format's tool, if it has one; waits for it up to `timeout` (`None`: for ever).
    ///
    /// # Errors
    /// [`Error::Locked`] at the deadline, naming the holder.
    pub(crate) async fn take_lock_row(
        &self,
        session: &mut dyn Session,
        probe: &Probe,
        name: &str,
        timeout: Option<Duration>,
    ) -> Result<Option<HeldRow>, Error> {
        let Some(writer) = self.format.writer else { return Ok(None) };
        let ledger = self.format.ledger;
        let named = ledger.place(self.dialect);
        let schema = named.map(str::to_owned).or_else(|| probe.current_schema.clone());
        let usual = TableName { schema, name: ledger.table_on(self.dialect).to_owned() };
        let Some(row) = writer.lock_row(self.dialect, self.table.as_ref().unwrap_or(&usual)) else { return Ok(None) };
        if let Some(schema) = named {
            self.create_schema(session, schema).await?;
        }
        let doing = || Error::statement(format!("take the lock in {}", row.table));
        let missing = session.missing_tables(std::slice::from_ref(&row.table), None).await.map_err(doing())?;
        let prepare = if missing.is_empty() { row.fill.clone() } else { format!("{}; {}", row.create, row.fill) };
        session.execute(prepare).await.map_err(doing())?;
        let own = self.dialect.literal(name);
        let (began, mut said, mut pace) = (Instant::now(), None::<Instant>, Pace::scattered(PACE.0, PACE.1));
        let mut first: Option<Seen> = None;
        loop {
            if !session.query(row.take.replace("HOLDER", &own)).await.map_err(doing())?.is_empty() {
                return Ok(Some(HeldRow { release: row.release.replace("HOLDER", &own) }));
            }
            let Some(now) = seen(session, &row).await? else { continue };
            let known = first.get_or_insert_with(|| now.clone());
            if (&known.holder, &known.since) != (&now.holder, &now.since) {
                *known = now.clone();
            }
            if now.is_gone(known) && self.steal(session, &row, &now, &own).await? {
                return Ok(Some(HeldRow { release: row.release.replace("HOLDER", &own) }));
            }
            let holder = format!("{}, by its row in {} since {}", now.holder, row.table, now.since);
            let pause = pace.next();
            if timeout.is_some_and(|timeout| began.elapsed() + pause >= timeout) {
                let holder = format!("{holder}; if that process is gone: {}", row.remedy);
                return Err(Error::Locked { waited: began.elapsed(), holder });
            }
            if said.is_none_or(|said| said.elapsed() >= HEARTBEAT) {
                tracing::info!(
                    phase = "migrate",
                    event = "lock_wait",
                    "waiting for the migration lock, held by {holder}"
                );
                said = Some(Instant::now());
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Takes the row of a holder that is gone.
    async fn steal(&self, session: &mut dyn Session, row: &LockRow, seen: &Seen, own: &str) -> Result<bool, Error> {
        let former = self.dialect.literal(&seen.holder);
        let sql = row.steal.replace("FORMER", &former).replace("HOLDER", own);
        let taken = session.query(sql).await.map_err(Error::statement(format!("take the lock in {}", row.table)))?;
        if !taken.is_empty() {
            tracing::warn!(
                phase = "migrate",
                event = "lock_taken_over",
                "took the lock that {} has left in {} since {}: no session is connected any more that was when it was seen",
                seen.holder,
                row.table,
                seen.since
            );
        }
        Ok(!taken.is_empty())
    }
}

/// Who holds it now; `None` where it is free.
async fn seen(session: &mut dyn Session, row: &LockRow) -> Result<Option<Seen>, Error> {
    let doing = || Error::statement(format!("look at the lock in {}", row.table));
    let rows = session.query(row.holder.clone()).await.map_err(doing())?;
    let Some(found) = rows.into_iter().next() else { return Ok(None) };
    let mut values = found.into_iter().map(Option::unwrap_or_default);
    let (holder, since) = (values.next().unwrap_or_default(), values.next().unwrap_or_default());
    let sessions = match row.sessions {
        None => None,
        Some(sql) => {
            let rows = session.query(sql.to_owned()).await.map_err(doing())?;
            Some(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
        }
    };
    Ok(Some(Seen { holder, since, sessions }))
}

impl HeldRow {
    /// Gives the lock back. If that fails, the row says that doorstep has left it, and the next one takes it over.
    pub(crate) async fn release(self, session: &mut dyn Session) {
        if let Err(fault) = session.execute(self.release).await {
            tracing::debug!(phase = "migrate", event = "lock_left", "the lock row is left: {fault}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(holder: &str, sessions: Option<&[&str]>) -> Seen {
        let sessions = sessions.map(|sessions| sessions.iter().map(|it| (*it).to_owned()).collect());
        Seen { holder: holder.to_owned(), since: "t".to_owned(), sessions }
    }

    #[test]
    fn a_holder_is_gone_when_no_session_is_left_that_could_be_it() {
        for (first, now, expected) in [
            (seen("a", Some(&["1", "2"])), seen("a", Some(&["3"])), true),
            (seen("a", Some(&["1", "2"])), seen("a", Some(&["2", "3"])), false),
            (seen("a", Some(&[])), seen("a", Some(&[])), true),
            (seen("a", Some(&["1"])), seen("b", Some(&[])), false),
            (seen("a", None), seen("a", None), false),
        ] {
            assert_eq!(now.is_gone(&first), expected, "{first:?} {now:?}");
        }
    }
}
