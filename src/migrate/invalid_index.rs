//! Finds and drops INVALID indexes, which an interrupted `CREATE INDEX CONCURRENTLY` leaves behind. No query uses such an
//! index, and `IF NOT EXISTS` would accept it, so it is dropped before the statement that builds it runs again.

use crate::base::fault::{Class, Fault};
use crate::base::signal::Stop;
use crate::engines::session::{Failure, ObjectState, Session};
use crate::migrate::{execute, recovery};
use crate::sql::script::{self, Statement};
use crate::sql::{ObjectKind, ObjectRef};

/// Why an INVALID index is still there.
pub(crate) enum Blocked {
    /// Another session is building it.
    Builder(Fault),
    /// The server refused something.
    Statement {
        /// What doorstep was doing.
        doing: String,
        /// What the server said.
        fault: Fault,
    },
}

/// Drops the INVALID indexes that have the name of one that these statements of the migration `name` build.
pub(crate) async fn drop_invalid(
    session: &mut dyn Session,
    stop: &Stop,
    name: &str,
    statements: &[Statement<'_>],
) -> Result<(), Blocked> {
    for object in invalid(session, statements).await {
        let (index, sql_name) = (object.qualified_name(), object.relation(session.dialect()));
        // An index is INVALID also while another session builds it.
        let doing = "look who builds an index".to_owned();
        let peer = session.running_session(&object.name).await.map_err(|fault| Blocked::Statement { doing, fault })?;
        let builds = |query: &String| query.to_ascii_uppercase().contains("INDEX");
        if let Some(peer) = peer.filter(|peer| peer.query.as_ref().is_some_and(builds)) {
            let text = format!("the index {index} is being built by another session: {peer}");
            return Err(Blocked::Builder(Fault::new(Class::LockTimeout, text)));
        }
        let cancel = session.canceller();
        let drop = session.execute(format!("DROP INDEX CONCURRENTLY {sql_name}"));
        let doing = format!("drop the INVALID index {index}, which an interrupted build left");
        execute::own(cancel, drop, stop).await.map_err(|fault| Blocked::Statement { doing, fault })?;
        tracing::warn!(
            phase = "migrate",
            event = "invalid_index",
            migration = name,
            "{name}: dropped the INVALID index {index}, which an interrupted build left; it is built again"
        );
    }
    Ok(())
}

/// The failure of these statements, with the INVALID indexes that they have left as its detail.
pub(crate) async fn with_invalid(session: &mut dyn Session, statements: &[Statement<'_>], failure: Failure) -> Failure {
    let indexes: Vec<String> = invalid(session, statements).await.iter().map(ObjectRef::qualified_name).collect();
    if indexes.is_empty() {
        return failure;
    }
    let left =
        format!("an INVALID index is left; the next attempt drops it and builds it again: {}", indexes.join(", "));
    let detail = failure.fault.detail.map_or(left.clone(), |detail| format!("{detail}\n        {left}"));
    Failure { fault: Fault { detail: Some(detail), ..failure.fault }, ..failure }
}

/// The INVALID indexes that have the name of one that these statements build with CONCURRENTLY or IF NOT EXISTS.
async fn invalid(session: &mut dyn Session, statements: &[Statement<'_>]) -> Vec<ObjectRef> {
    let suspicious = statements.iter().filter(|it| recovery::builds_index(it) || it.has("EXISTS"));
    let created = script::created(&suspicious.cloned().collect::<Vec<_>>());
    let is_index = |object: &ObjectRef| object.kind == ObjectKind::Index;
    let indexes: Vec<ObjectRef> = created.into_iter().map(|(object, _)| object).filter(is_index).collect();
    if indexes.is_empty() {
        return Vec::new();
    }
    let Ok(object_states) = session.object_states(&indexes, None).await else { return Vec::new() };
    let invalid = indexes.into_iter().zip(object_states).filter(|(_, state)| *state == ObjectState::Invalid);
    invalid.map(|(object, _)| object).collect()
}
