//! Connections, and what engines have in common.

mod contract;
mod dns;
pub(crate) mod introspection;
mod postgres;
mod tls;
