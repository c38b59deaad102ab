//! Names, TLS and sockets: what every engine with a server needs, whatever its protocol.

pub(crate) mod dns;
pub(crate) mod tls;
