//! The schemas that a service may be built for: schema.prisma, and a snapshot of a migrated database.

pub mod prisma;
pub(crate) mod snapshot;
