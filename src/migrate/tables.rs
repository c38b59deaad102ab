//! The tables of a history: the tool's, and doorstep's notes beside it.

use std::sync::Arc;

use crate::base::error::Error;
use crate::base::fault::{Class, Condition, Fault};
use crate::engines::session::{Probe, ProbeRequest, Session};
use crate::formats::RowKey;
use crate::formats::migration::Record;
use crate::migrate::failure_report;
use crate::migrate::history::History;
use crate::migrate::plan::{Entry, State};
use crate::sql::TableName;
use crate::sql::dialect::Accounts;

impl History {
    /// The history table, created where Prisma would create it.
    ///
    /// # Errors
    /// [`Error::Statement`] where it cannot be created.
    pub(crate) async fn ensure_table(&self, session: &mut dyn Session, probe: &Probe) -> Result<TableName, Error> {
        if let Some(table) = &self.table {
            if let Some(upgrade) = &self.review.upgrade {
                let doing = || Error::statement(format!("bring the history table {table} up to date"));
                session.execute(upgrade.clone()).await.map_err(doing())?;
            }
            return Ok(table.clone());
        }
        let ledger = self.format.ledger;
        let named = ledger.place(self.dialect);
        let schema = named.map(str::to_owned).or_else(|| probe.current_schema.clone());
        let table = TableName { schema, name: ledger.table_on(self.dialect).to_owned() };
        if let Some(named) = named {
            self.create_schema(session, named).await?;
        }
        let created = session.execute(self.writer()?.create(self.dialect, &table)).await;
        created.map_err(|mut fault| {
            // No schema of the search path exists and may be used.
            if fault.condition == Some(Condition::NoSchema) {
                fault.class = Class::Privilege;
            }
            let schema = self.dialect.identifier(probe.current_schema.as_deref().unwrap_or("public"));
            let role = self.dialect.identifier(&probe.role);
            let grant = match self.dialect.rules().accounts {
                Accounts::Hosts => format!("let an administrator run: GRANT ALL ON {schema}.* TO {role};"),
                _ => format!("let an owner run: GRANT USAGE, CREATE ON SCHEMA {schema} TO {role};"),
            };
            let remedy = (fault.class == Class::Privilege).then_some(grant);
            Error::Statement { doing: format!("create the history table {table}"), fault, remedy }
        })?;
        Ok(table)
    }

    /// Creates the schema that the settings name for the history table.
    pub(super) async fn create_schema(&self, session: &mut dyn Session, name: &str) -> Result<(), Error> {
        let request = ProbeRequest { schemas: vec![name.to_owned()], ..ProbeRequest::default() };
        let probe = session.probe(&request).await.map_err(Error::statement(format!("look for the schema {name}")))?;
        if !self.dialect.rules().has_schemas || probe.missing_schemas.is_empty() {
            return Ok(());
        }
        let sql = format!("CREATE SCHEMA {}", self.dialect.identifier(name));
        session.execute(sql).await.map_err(Error::statement(format!("create the schema {name} of the history table")))
    }

    /// Refuses a folder that is of this format by its files alone, and of plain SQL by the history in the database.
    pub(super) async fn refuse_rival(&self, session: &mut dyn Session) -> Result<(), Error> {
        let (Some(rival), None) = (self.format.ledger.rival(), &self.table) else { return Ok(()) };
        let table = TableName { schema: None, name: rival.to_owned() };
        let missing = session.missing_tables(std::slice::from_ref(&table), None).await;
        match missing.map_err(Error::statement(format!("look for the history table {table}")))?.is_empty() {
            false => Ok(()),
            true => Err(Error::Settings(failure_report::two_formats(rival, &self.folder))),
        }
    }

    /// Refuses to begin a history in the usual schema of the tool while a table of its name stands where unqualified names
    /// lead.
    pub(super) fn refuse_elsewhere_on_path(&self, probe: &Probe) -> Result<(), Error> {
        let ledger = self.format.ledger;
        let is_usual = ledger.schema().is_none() && ledger.usual_schema(self.dialect).is_some();
        match (&probe.history, &self.table) {
            (Some(other), None) if is_usual => {
                Err(Error::Settings(failure_report::history_elsewhere(other, ledger.usual_schema(self.dialect))))
            }
            _ => Ok(()),
        }
    }

    /// Adds doorstep's notes about runs of pending migrations to the records; whether there are any. Of a migration that
    /// the history has, only the history counts.
    pub(super) async fn add_notes(&mut self, session: &mut dyn Session) -> Result<bool, Error> {
        self.left_notes.clear();
        let Some((writer, notes)) = self.format.writer.and_then(|writer| Some((writer, writer.notes()?))) else {
            return Ok(false);
        };
        // Where the history itself says that a script has begun, too, the note says how far it is.
        let is_open = |entry: &Entry| entry.is_pending() || (writer.marks_begun() && entry.is_unexplained());
        let (Some(table), true) = (&self.table, self.entries.iter().any(is_open)) else { return Ok(false) };
        let table_of_notes = notes.table(table);
        let doing = || Error::statement(format!("read doorstep's table {table_of_notes}"));
        let missing = session.missing_tables(std::slice::from_ref(&table_of_notes), None).await.map_err(doing())?;
        if !missing.is_empty() {
            return Ok(false);
        }
        let sql = session.engine().pinned().to_owned() + &notes.select(self.dialect, table);
        let rows = match session.query(sql).await {
            Ok(rows) => rows,
            // Another replica has finished what the note was about, and has dropped the table since.
            Err(fault) => match session.missing_tables(std::slice::from_ref(&table_of_notes), None).await {
                Ok(missing) if !missing.is_empty() => return Ok(false),
                _ => return Err(doing()(fault)),
            },
        };
        let records = notes.records(table, rows);
        let is_of_open = |record: &Record| self.entries.iter().any(|it| is_open(it) && it.name == record.name);
        let (records, left): (Vec<Record>, Vec<Record>) = records.into_iter().partition(is_of_open);
        self.left_notes = left.into_iter().map(|record| record.name).collect();
        self.records.retain(|known| {
            !(writer.marks_begun() && known.is_unfinished() && records.iter().any(|record| record.name == known.name))
        });
        self.records.extend(records.into_iter().map(Arc::new));
        Ok(true)
    }

    /// Deletes the notes of migrations that are applied: a start was killed between the row and the end of its note.
    pub(super) async fn drop_left_notes(&self, session: &mut dyn Session, table: &TableName) {
        for name in &self.left_notes {
            self.delete_note(session, table, name).await;
        }
        if !self.left_notes.is_empty() {
            self.drop_notes(session, table).await;
        }
    }

    /// Deletes the note of a migration that is applied. One that cannot be deleted has no effect: the history has the
    /// migration.
    pub(crate) async fn delete_note(&self, session: &mut dyn Session, table: &TableName, name: &str) {
        let Some(notes) = self.format.writer.and_then(|writer| writer.notes()) else { return };
        if let Err(fault) = session.execute(notes.delete(self.dialect, table, name)).await {
            note_left(&fault);
        }
    }

    /// Drops the table of notes where it has none.
    pub(crate) async fn drop_notes(&self, session: &mut dyn Session, table: &TableName) {
        let (Some(notes), dialect) = (self.format.writer.and_then(|writer| writer.notes()), self.dialect) else {
            return;
        };
        let dropped = async {
            if session.query(notes.left(dialect, table)).await?.is_empty() {
                session.execute(notes.drop_table(dialect, table)).await?;
            }
            Ok::<(), Fault>(())
        };
        if let Err(fault) = dropped.await {
            note_left(&fault);
        }
    }

    /// The statements that write the checksums of applied migrations into rows that have none, as the tool does.
    pub(super) fn refills(&self) -> Vec<String> {
        let (Some(writer), Some(table)) = (self.format.writer, &self.table) else { return Vec::new() };
        let lacks = |entry: &&Entry| {
            let is_empty = entry.record.as_ref().is_some_and(|record| record.checksum.is_empty());
            entry.state == State::Applied && is_empty
        };
        let statement = |entry: &Entry| {
            let (record, migration) = (entry.record.as_ref()?, &self.migrations[entry.migration?]);
            writer.refill(RowKey { dialect: self.dialect, table, id: &record.id }, migration)
        };
        self.entries.iter().filter(lacks).filter_map(statement).collect()
    }

    /// Writes them.
    pub(super) async fn refill(&self, session: &mut dyn Session) -> Result<(), Error> {
        let statements = self.refills();
        if statements.is_empty() {
            return Ok(());
        }
        let doing = Error::statement("write the checksums that the history lacks");
        session.execute(statements.join("; ")).await.map_err(doing)?;
        tracing::info!(
            phase = "migrate",
            event = "refilled",
            "wrote {} checksums that the history lacked",
            statements.len()
        );
        Ok(())
    }
}

fn note_left(fault: &Fault) {
    tracing::debug!(phase = "migrate", event = "note_left", "a note about an applied migration is left: {fault}");
}
