//! Names, sockets and TLS: what every engine with a server needs. Nothing here knows an engine's protocol.

#[cfg(feature = "postgres")]
pub(crate) mod certificate;
pub(crate) mod dial;
pub(crate) mod dns;
pub(crate) mod login;
#[cfg(feature = "postgres")]
pub(crate) mod tls;
pub(crate) mod trace;

use std::cell::Cell;
use std::time::Duration;

use crate::base::fault::{Class, Fault};

/// The fault of a server or a network that does not answer in time.
pub(crate) fn silent(timeout: Duration) -> Fault {
    Fault::new(Class::Unreachable, format!("no answer within {}", crate::base::log::seconds(timeout)))
}

/// Awaits an attempt to open a session: at most this long until rows of the server arrive, then as long as it takes, because a history
/// or a catalog may be long.
///
/// # Errors
/// [`silent`], and those of the attempt.
pub(crate) async fn until_answered<T>(
    timeout: Duration,
    has_answered: &Cell<bool>,
    attempt: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let mut attempt = std::pin::pin!(attempt);
    match tokio::time::timeout(timeout, &mut attempt).await {
        Ok(opened) => opened,
        Err(_) if has_answered.get() => attempt.await,
        Err(_) => Err(silent(timeout)),
    }
}
