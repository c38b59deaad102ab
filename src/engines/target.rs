//! What an engine knows before there is a session: its parsed URL, and how to open, create and drop that database.
//! The choice among the engines is made in `connect`.

use std::fmt::Debug;
use std::sync::Arc;

use crate::engines::session::{Probe, ProbeRequest, Session, Work};
use crate::sql::Dialect;

/// An open session, and what its first look at the database found.
pub(crate) type Opened = (Box<dyn Session>, Probe);

/// A parsed database URL of one engine.
pub(crate) trait EngineTarget: Debug + Send + Sync {
    /// See [`crate::engines::connect::Target::address`].
    fn address(&self) -> String;

    /// The SQL that the engine speaks.
    fn dialect(&self) -> Dialect;

    /// Whether the engine has schemas (namespaces).
    fn has_schemas(&self) -> bool {
        false
    }

    /// The schema that the URL names.
    fn schema(&self) -> Option<&str> {
        None
    }

    /// The role that the URL logs in with, where the engine has roles.
    fn role(&self) -> Option<&str> {
        None
    }

    /// Things in the URL that have no effect here.
    fn warnings(&self) -> &[String] {
        &[]
    }

    /// Connects, logs in and probes once.
    fn open<'a>(&'a self, request: &'a ProbeRequest) -> Work<'a, Opened>;

    /// Creates the database; one that appeared meanwhile is fine.
    fn create_database(&self) -> Work<'_, ()>;

    /// A database of this name, which does not exist yet, on the same server; for a file, one among the temporary files.
    fn scratch(&self, name: &str) -> Arc<dyn EngineTarget>;

    /// Drops the database that [`EngineTarget::scratch`] named.
    fn drop_scratch(&self) -> Work<'_, ()>;
}
