//! Tables of others in a database without a history: a start refuses to begin one beside them (Prisma's P3005).

use crate::base::error::Error;
use crate::catalog::history_tables::AFTER_MIGRATE;
use crate::engines::session::{Probe, Session};
use crate::formats::external::External;
use crate::formats::{ledgers, sql};
use crate::migrate::failure_report;
use crate::migrate::history::History;

/// Where the project's tables are.
#[derive(Debug, Default)]
pub(crate) struct Territory {
    /// Schemas whose tables decide whether a database without history is empty.
    pub schemas: Vec<String>,
    /// What in them the project leaves to others.
    pub external: External,
    /// The other schemas of the database belong to other tenants of the service.
    pub is_apart: bool,
}

impl History {
    /// The ordinary tables of others in these schemas (as Prisma counts them for P3005), without those that the project
    /// calls external.
    ///
    /// # Errors
    /// [`Error::History`] where one of them is the history, in a schema that the session does not look in.
    pub(crate) async fn strangers(
        &self,
        session: &mut dyn Session,
        probe: &Probe,
        territory: &Territory,
    ) -> Result<Vec<String>, Error> {
        if self.table.is_some() {
            return Ok(Vec::new());
        }
        let mut strangers = session.tables_in(&territory.schemas).await.map_err(Error::statement("look for tables"))?;
        strangers.retain(|table| table.rsplit('.').next() != Some(AFTER_MIGRATE));
        let ledger = self.format.ledger;
        let suffix = format!(".{}", ledger.table_on(self.dialect));
        // A history with a schema of its own is in no other.
        let is_on_path = ledger.place(self.dialect).is_none();
        let elsewhere = strangers.iter().find_map(|table| table.strip_suffix(&suffix)).filter(|_| is_on_path);
        if let Some(schema) = elsewhere {
            return Err(Error::History(format!(
                "the history is in the schema {schema}, but the session looks in {}\n\
                 next: add ?schema={schema} to the URL, or take it off where it names another schema",
                probe.current_schema.as_deref().unwrap_or("none")
            )));
        }
        strangers.retain(|table| !territory.external.tables.contains(table));
        Ok(strangers)
    }

    /// Whether the first migration may run, where one is pending: a tool that begins beside tables of others does so here, too,
    /// but a history in another schema still stops it. Call it before anything is written.
    ///
    /// # Errors
    /// [`Error::History`].
    pub(crate) async fn refuse_to_begin(
        &self,
        session: &mut dyn Session,
        probe: &Probe,
        territory: &Territory,
    ) -> Result<(), Error> {
        match self.format.ledger.begins_beside_others() {
            _ if self.format.writer.is_none() => Ok(()),
            true => self.strangers(session, probe, territory).await.map(drop),
            false => self.refuse_strangers(session, probe, territory).await,
        }
    }

    /// Refuses to begin a history in a database that has tables in these schemas already (P3005).
    async fn refuse_strangers(
        &self,
        session: &mut dyn Session,
        probe: &Probe,
        territory: &Territory,
    ) -> Result<(), Error> {
        let strangers = self.strangers(session, probe, territory).await?;
        match strangers.is_empty() {
            true => self.refuse_elsewhere(session, probe, territory).await,
            false => Err(Error::History(failure_report::not_empty(&strangers, &self.folder))),
        }
    }

    /// Refuses a database whose other schemas have the history of another tool, or tables of this role, to a folder of plain
    /// SQL: they may be that tool's work on this folder. Prisma (P3005) and Flyway look at the service's own schemas only, so for
    /// their folders only a history counts that is in a schema of its tool's. A service whose schema is not the default one shares
    /// the database with others, and what is outside its schema does not concern it.
    async fn refuse_elsewhere(
        &self,
        session: &mut dyn Session,
        probe: &Probe,
        territory: &Territory,
    ) -> Result<(), Error> {
        let home = self.dialect.home();
        // A schema that the URL names may not exist yet.
        let is_shared = probe.current_schema.as_deref().is_some_and(|schema| schema != home)
            || !territory.schemas.iter().any(|schema| schema == home);
        if self.table.is_some() || is_shared || territory.is_apart {
            return Ok(());
        }
        let tables = session.tables_elsewhere(&territory.schemas).await;
        let mut tables = tables.map_err(Error::statement("look for tables"))?;
        if self.format.ledger.table() != sql::TABLE {
            tables.retain(|table| ledgers::is_in_schema_of_tool(table));
        }
        match tables.is_empty() {
            true => Ok(()),
            false => Err(Error::History(failure_report::not_empty_elsewhere(&tables, &self.folder))),
        }
    }
}
