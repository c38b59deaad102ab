//! Connections, and what engines have in common.

mod contract;
mod dns;
pub(crate) mod introspection;
mod libpq_logins;
mod misbehaving_server;
mod mysql;
mod postgres;
mod tls;
mod unreliable_network;
