//! Leaves `CREATE SCHEMA IF NOT EXISTS` out of a script whose role may not create schemas, where the schemas exist.

use crate::engines::session::ProbeRequest;
use crate::migrate::apply::MigrationRun;
use crate::migrate::strategy::Strategy;
use crate::sql::ObjectKind;
use crate::sql::script::{self, Statement};

impl MigrationRun<'_> {
    /// `CREATE SCHEMA IF NOT EXISTS "public"`, with which Prisma's first migrations begin, fails for a role that
    /// may not create schemas even where the schema exists: PostgreSQL checks the privilege first. Returns the
    /// script and its statements without those that would do nothing; `None` if there are none.
    pub(super) async fn without_existing_schemas<'s>(
        &mut self,
        strategy: &Strategy<'s>,
    ) -> Option<(String, Vec<Statement<'s>>)> {
        // Only at the head of the file: a statement before it may have dropped the schema.
        let creations: Vec<(&Statement<'_>, String)> = (strategy.statements.iter())
            .map_while(|statement| match script::created(std::slice::from_ref(statement)).as_slice() {
                [(schema, true)] if schema.kind == ObjectKind::Schema && !statement.has("AUTHORIZATION") => {
                    Some((statement, schema.name.clone()))
                }
                _ => None,
            })
            .collect();
        let schemas: Vec<String> = creations.iter().map(|(_, name)| name.clone()).collect();
        if schemas.is_empty() {
            return None;
        }
        let request = ProbeRequest { schemas, ..ProbeRequest::default() };
        let missing = self.migrator.session.probe(&request).await.ok()?.missing_schemas;
        let needless = creations.into_iter().filter(|(_, name)| !missing.contains(name));
        let (needless, names): (Vec<&Statement<'_>>, Vec<String>) = needless.unzip();
        if needless.is_empty() {
            return None;
        }
        tracing::info!(
            phase = "migrate",
            event = "schema_exists",
            "CREATE SCHEMA IF NOT EXISTS is left out for what exists, since this role may not create schemas: {}",
            names.join(", ")
        );
        let left = strategy.statements.iter().filter(|it| !needless.iter().any(|gone| gone.offset == it.offset));
        Some((script::without(&strategy.sql, &needless), left.cloned().collect()))
    }
}
