//! Finds and drops INVALID indexes, which an interrupted `CREATE INDEX CONCURRENTLY` leaves behind. No query uses such an
//! index, and `IF NOT EXISTS` would accept it, so it is dropped before the statement that builds it runs again.

use crate::base::fault::{Class, Fault};
use crate::base::signal::Stop;
use crate::engines::peer::Peer;
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
    /// One of several indexes may be left of an earlier try: which, and what a person can do.
    Unclear(String),
}

impl Blocked {
    /// This session builds the index.
    pub(crate) fn by_builder(index: &ObjectRef, peer: &Peer) -> Self {
        let text = format!("the index {} is being built by another session: {peer}", index.qualified_name());
        Self::Builder(Fault::new(Class::LockTimeout, text))
    }
}

/// Drops the INVALID indexes that have the name of one that these statements of the migration `name` build.
pub(crate) async fn drop_invalid(
    session: &mut dyn Session,
    stop: &Stop,
    name: &str,
    statements: &[Statement<'_>],
) -> Result<(), Blocked> {
    for object in invalid(session, statements).await {
        // An index is INVALID also while another session builds it.
        let doing = "look who builds an index".to_owned();
        let peer = session.running_session(&object.name).await.map_err(|fault| Blocked::Statement { doing, fault })?;
        let builds = |query: &String| query.to_ascii_uppercase().contains("INDEX");
        if let Some(peer) = peer.filter(|peer| peer.query.as_ref().is_some_and(builds)) {
            return Err(Blocked::by_builder(&object, &peer));
        }
        drop_one(session, stop, name, &object).await?;
    }
    Ok(())
}

/// Drops the INVALID index of an interrupted build of the migration `name`.
pub(crate) async fn drop_one(
    session: &mut dyn Session,
    stop: &Stop,
    name: &str,
    object: &ObjectRef,
) -> Result<(), Blocked> {
    let (index, sql) = (object.qualified_name(), dropped_by_hand(session, object));
    let (cancel, drop) = (session.canceller(), session.execute(sql));
    let doing = format!("drop the INVALID index {index}, which an interrupted build left");
    execute::own(cancel, drop, stop).await.map_err(|fault| Blocked::Statement { doing, fault })?;
    said(name, &format!("dropped the INVALID index {index}, which an interrupted build left; it is built again"));
    Ok(())
}

/// The statement that drops an index, also for a person.
pub(crate) fn dropped_by_hand(session: &dyn Session, index: &ObjectRef) -> String {
    format!("DROP INDEX CONCURRENTLY {};", index.relation(session.dialect()))
}

/// Logs what became of an INVALID index of a migration.
pub(crate) fn said(migration: &str, text: &str) {
    tracing::warn!(phase = "migrate", event = "invalid_index", migration, "{migration}: {text}");
}

/// The failure of these statements, with the INVALID indexes that they have left as its detail.
pub(crate) async fn with_invalid(session: &mut dyn Session, statements: &[Statement<'_>], failure: Failure) -> Failure {
    let indexes: Vec<String> = invalid(session, statements).await.iter().map(ObjectRef::qualified_name).collect();
    if indexes.is_empty() {
        return failure;
    }
    let left =
        format!("an INVALID index is left; the next attempt drops it and builds it again: {}", indexes.join(", "));
    detailed(failure, &left)
}

/// The failure with one more line of detail.
pub(crate) fn detailed(failure: Failure, more: &str) -> Failure {
    let detail = failure.fault.detail.map_or(more.to_owned(), |detail| format!("{detail}\n        {more}"));
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
