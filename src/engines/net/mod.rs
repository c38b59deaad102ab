//! Names, TLS and sockets: what every engine with a server needs, whatever its protocol.

pub mod dns;
pub mod tls;
