//! Names, sockets and TLS: what every engine with a server needs. Nothing here knows an engine's protocol.

pub(crate) mod dial;
pub(crate) mod dns;
#[cfg(feature = "postgres")]
pub(crate) mod tls;

use std::time::Duration;

use crate::base::fault::{Class, Fault};

/// The fault of a server or a network that does not answer in time.
pub(crate) fn silent(timeout: Duration) -> Fault {
    Fault::new(Class::Unreachable, format!("no answer within {}", crate::base::log::seconds(timeout)))
}
