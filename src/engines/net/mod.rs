//! Names, sockets and TLS: what every engine with a server needs. Nothing here knows an engine's protocol.

pub(crate) mod dial;
pub(crate) mod dns;
pub(crate) mod tls;
