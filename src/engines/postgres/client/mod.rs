//! The client: one logged-in connection that exchanges messages of SQL for rows.
//!
//! [`Client`] is the whole interface to the protocol: log in on an open stream, run a message, report how the
//! transaction stands and which statements completed, hand out the key for cancel requests. Which library speaks the
//! protocol is known to this folder only. Everything goes through the simple protocol: one message is one round trip,
//! and no prepared statement can collide behind a pooler.

mod driver;
mod relay;

use crate::base::fault::Fault;
use crate::base::secret::Secret;

pub(crate) use driver::Client;

/// What a server needs for the startup.
pub(crate) struct Login<'a> {
    pub(crate) user: &'a str,
    pub(crate) database: &'a str,
    pub(crate) password: Option<&'a Secret>,
    pub(crate) application_name: &'a str,
    /// libpq's `options`: command-line arguments for the backend.
    pub(crate) options: Option<&'a str>,
}

/// The transaction state that the server reports after each message (ReadyForQuery, PostgreSQL manual 55.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum TransactionStatus {
    /// No transaction.
    #[default]
    Idle,
    /// In a transaction.
    Open,
    /// In a transaction that has failed.
    Failed,
}

/// What a message led to.
pub(crate) struct Exchange {
    /// Whether all of it succeeded.
    pub(crate) result: Result<(), Fault>,
    /// One command tag for each statement that completed: `CREATE TABLE`, `COMMIT`, …
    pub(crate) tags: Vec<String>,
    /// The server itself sent an ErrorResponse.
    pub(crate) refused: bool,
    /// The state after the message; `None` when the connection broke.
    pub(crate) status: Option<TransactionStatus>,
}

/// Process id and secret key of the backend, as BackendKeyData has them.
#[derive(Debug, Clone, Default)]
pub(crate) struct CancelKey(Vec<u8>);

impl CancelKey {
    /// The bytes that a cancel request repeats.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The backend's process id. A pooler invents one.
    pub(crate) fn process_id(&self) -> Option<u32> {
        self.0.first_chunk().map(|pid| u32::from_be_bytes(*pid))
    }
}
