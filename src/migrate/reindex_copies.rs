//! Finds and drops the INVALID copies of indexes that an interrupted `REINDEX … CONCURRENTLY` of a migration left. No query
//! uses them, every write maintains them, and nothing else drops them (PostgreSQL manual, REINDEX, "Rebuilding Indexes
//! Concurrently": both kinds are to be dropped). What is not certain to be this migration's own is only named.

use crate::base::fault::{Class, Fault};
use crate::base::signal::Stop;
use crate::engines::peer::Peer;
use crate::engines::session::{InvalidTwin, Session};
use crate::migrate::execute;
use crate::migrate::invalid_index::{Blocked, said};
use crate::sql::ObjectRef;
use crate::sql::reindex::{self, Copy, ReindexTarget};

/// The copies that one step of a migration may have left.
pub(crate) struct Copies {
    /// What the step rebuilds.
    pub target: ReindexTarget,
    /// The migration's row of the history, which was written before the step began.
    pub since: String,
}

/// What becomes of an INVALID copy.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    /// An earlier try of the step made it: it is dropped.
    Own,
    /// It was there before the migration's row was written: it is named.
    Foreign,
    /// A session works on it.
    Held(Peer),
}

/// Judges each INVALID index that has the name of a copy of the index beside it; others are none of this step's.
fn fates(twins: Vec<InvalidTwin>) -> Vec<(ObjectRef, Fate)> {
    let mut fates: Vec<(ObjectRef, Fate)> = Vec::new();
    for twin in twins {
        // The exchange writes the row of an old index, whose columns stay. A new one was made with its columns; only its
        // own row is younger where somebody has renamed it since.
        let is_own = match reindex::copy_of(&twin.original, &twin.index.name) {
            None => continue,
            Some(Copy::Old) => twin.is_newer,
            Some(Copy::New) => twin.is_newer && twin.is_made_since,
        };
        let fate = match (twin.holder, is_own) {
            (Some(peer), _) => Fate::Held(peer),
            (None, true) => Fate::Own,
            (None, false) => Fate::Foreign,
        };
        // Two indexes whose long names begin alike have the same copies.
        if fates.iter().all(|(index, _)| *index != twin.index) {
            fates.push((twin.index, fate));
        }
    }
    fates
}

impl Copies {
    /// Drops those that the migration `name` made, and names the others.
    pub(crate) async fn drop_own(&self, session: &mut dyn Session, stop: &Stop, name: &str) -> Result<(), Blocked> {
        let doing = "look for what an interrupted REINDEX left".to_owned();
        let twins = session.invalid_twins(&self.target, &self.since).await;
        let fates = fates(twins.map_err(|fault| Blocked::Statement { doing, fault })?);
        // First of all: a drop would wait for a session that works on another copy of the same table.
        let held = fates.iter().find_map(|(index, fate)| match fate {
            Fate::Held(peer) => Some((index.qualified_name(), peer)),
            Fate::Own | Fate::Foreign => None,
        });
        if let Some((index, peer)) = held {
            let text = format!("the index {index} is being built or dropped by another session: {peer}");
            return Err(Blocked::Builder(Fault::new(Class::LockTimeout, text)));
        }
        for (index, fate) in fates {
            let by_hand = format!("DROP INDEX CONCURRENTLY {}", index.relation(session.dialect()));
            let index = index.qualified_name();
            match fate {
                Fate::Foreign => said(
                    name,
                    &format!(
                        "the INVALID index {index} stays: it was there before; if no REINDEX needs it: {by_hand};"
                    ),
                ),
                Fate::Own => drop_one(session, stop, name, (&index, by_hand)).await?,
                Fate::Held(_) => {}
            }
        }
        Ok(())
    }
}

/// Drops one; where this role may not, it is named: the REINDEX goes past it.
async fn drop_one(
    session: &mut dyn Session,
    stop: &Stop,
    name: &str,
    (index, sql): (&str, String),
) -> Result<(), Blocked> {
    let cancel = session.canceller();
    let doing = format!("drop the INVALID index {index}, which an interrupted REINDEX left");
    match execute::own(cancel, session.execute(sql.clone()), stop).await {
        Ok(()) => said(name, &format!("dropped the INVALID index {index}, which an interrupted REINDEX left")),
        // A TOAST table's is in pg_toast, whose names only superusers may use.
        Err(fault) if fault.class == Class::Privilege => said(
            name,
            &format!(
                "the INVALID index {index}, which an interrupted REINDEX left, stays: {fault}; let a superuser run: {sql};"
            ),
        ),
        Err(fault) => return Err(Blocked::Statement { doing, fault }),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::ObjectKind;

    fn twin(original: &str, name: &str, (is_newer, is_made_since): (bool, bool)) -> InvalidTwin {
        let index = ObjectRef::new(ObjectKind::Index, Some("app".to_owned()), name);
        InvalidTwin { index, original: original.to_owned(), is_newer, is_made_since, holder: None }
    }

    #[test]
    fn only_a_copy_that_was_made_after_the_row_and_that_nobody_holds_is_dropped() {
        let held = InvalidTwin { holder: Some(Peer::default()), ..twin("i", "i_ccnew", (true, true)) };
        for (twin, expected) in [
            (twin("i", "i_ccnew", (true, true)), Some(Fate::Own)),
            (twin("i", "i_ccold1", (true, false)), Some(Fate::Own)),
            // Made before, and renamed since.
            (twin("i", "i_ccnew", (true, false)), Some(Fate::Foreign)),
            (twin("i", "i_ccnew", (false, false)), Some(Fate::Foreign)),
            (twin("i", "i_ccold", (false, false)), Some(Fate::Foreign)),
            (twin("j", "i_ccnew", (true, true)), None),
            (twin("i", "i_broken", (true, true)), None),
            (held, Some(Fate::Held(Peer::default()))),
        ] {
            let name = twin.index.name.clone();
            let found = fates(vec![twin]).pop().map(|(_, fate)| fate);
            assert_eq!(found, expected, "{name}");
        }
        let (long, other) = (format!("{}a", "x".repeat(62)), format!("{}b", "x".repeat(62)));
        let name = format!("{}_ccnew", "x".repeat(57));
        let both = vec![twin(&long, &name, (true, true)), twin(&other, &name, (true, true))];
        assert_eq!(fates(both).len(), 1);
    }
}
