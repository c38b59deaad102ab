//! What the Supabase CLI knows: PostgreSQL only.

use crate::sql::Dialect;

/// Whether the CLI can have a history there.
pub(crate) fn is_known(dialect: Dialect) -> bool {
    match dialect {
        Dialect::Postgres => true,
        Dialect::Sqlite | Dialect::Mysql => false,
    }
}
