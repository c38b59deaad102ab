//! Sources of the desired catalog: a Prisma schema, and a snapshot of a migrated database. Both end in the same
//! [`crate::catalog::Catalog`]; comparing it with the live database is `differ`'s work.

pub mod prisma;
pub(crate) mod snapshot;
