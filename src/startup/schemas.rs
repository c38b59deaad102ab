//! Step 2: create missing schemas (namespaces).
//!
//! Only those that the probe did not find: PostgreSQL checks the privilege before it checks whether the schema exists,
//! so even CREATE SCHEMA IF NOT EXISTS fails for a role without CREATE on the database.

use crate::base::error::Error;
use crate::base::fault::Class;
use crate::engines::session::{Probe, Session};

/// Creates the schemas that the probe did not find. The migration lock must be held.
///
/// # Errors
/// [`Error::Statement`], with the exact GRANT where a privilege is missing.
pub(crate) async fn create(session: &mut dyn Session, probe: &Probe) -> Result<(), Error> {
    for name in &probe.missing_schemas {
        session.create_schema(name).await.map_err(|fault| {
            let dialect = session.dialect();
            let (database, role) = (dialect.identifier(&probe.database), dialect.identifier(&probe.role));
            let grant = || format!("let an owner run: GRANT CREATE ON DATABASE {database} TO {role};");
            let remedy = (fault.class == Class::Privilege).then(grant);
            Error::Statement { doing: format!("create the schema {}", dialect.identifier(name)), fault, remedy }
        })?;
        tracing::info!(phase = "schemas", event = "schema_created", "created the schema {name}");
    }
    Ok(())
}
