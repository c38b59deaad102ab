//! A folder and its history, read together: what is applied, what is pending, what failed. Repairs what an interrupted
//! start has left in the history where the evidence is certain (`recovery`), and refuses what forbids going on.
//! It runs no migration.

use std::sync::Arc;

use crate::base::error::Error;
use crate::engines::session::{LockKey, Probe, Session};
use crate::formats::migration::{Migration, Record, RunMode, nearest};
use crate::formats::signs::Claim;
use crate::formats::{Folder, Format, LedgerWriter, Lineage, Outcome, Resolved, Review, RowKey};
use crate::migrate::own_schemas;
use crate::migrate::plan::{self, Entry, Reach, State, Verdict};
use crate::migrate::recovery::Conclusion;
use crate::migrate::{failure_report, history_table};
use crate::sql::script::{self, Creation};
use crate::sql::{Dialect, Row, TableName};

/// A folder and its history.
pub(crate) struct History {
    /// The folder's format.
    pub format: Format,
    /// The folder.
    pub folder: Folder,
    /// How the engine quotes.
    pub dialect: Dialect,
    /// The folder's migrations, in their order.
    pub migrations: Vec<Migration>,
    /// How they depend on each other.
    pub lineage: Lineage,
    /// Where the table is; `None` before the first migration ever.
    pub table: Option<TableName>,
    /// The table's rows, oldest first.
    pub records: Vec<Arc<Record>>,
    /// Every migration with its state.
    pub entries: Vec<Entry>,
    /// The tools that the folder looks like, unless its tool is certain.
    claim: Option<Claim>,
    /// How much of it the files tell.
    pub reach: Reach,
    /// Migrations that are applied and have a note all the same.
    pub(super) left_notes: Vec<String>,
    /// Why the table cannot hold the rows of the folder's migrations.
    pub(super) no_room: Option<String>,
    /// What its rows mean together.
    pub(super) review: Review,
}

impl History {
    /// A folder whose history is still unread.
    #[must_use]
    pub(crate) fn of(folder: &Folder, dialect: Dialect, resolved: Resolved) -> Self {
        for warning in &resolved.warnings {
            tracing::warn!(phase = "migrate", event = "folder", "{warning}");
        }
        let (folder, format) = (*folder, folder.format);
        Self {
            format,
            folder,
            dialect,
            migrations: resolved.migrations,
            lineage: resolved.lineage,
            table: None,
            records: Vec::new(),
            entries: Vec::new(),
            // What the files say includes what their names say.
            claim: resolved.claim.or_else(|| folder.claim.cloned()),
            reach: Reach::default(),
            left_notes: Vec::new(),
            no_room: None,
            review: Review::default(),
        }
    }

    /// The same folder, whose history is still unread, for work beside this one.
    #[must_use]
    pub(crate) fn another(&self) -> Self {
        Self {
            format: self.format,
            folder: self.folder,
            dialect: self.dialect,
            migrations: self.migrations.clone(),
            lineage: self.lineage.clone(),
            table: None,
            records: Vec::new(),
            entries: Vec::new(),
            claim: self.claim.clone(),
            reach: Reach::default(),
            left_notes: Vec::new(),
            no_room: None,
            review: Review::default(),
        }
    }

    /// The same, where nothing depends on whose folder it is: in a scratch database no tool has a history.
    #[must_use]
    pub(crate) fn unclaimed(self) -> Self {
        Self { claim: None, ..self }
    }

    /// Reads the history; writes nothing, takes no lock. One round trip, none without a history table, nor where its rows are known
    /// already.
    ///
    /// # Errors
    /// [`Error::Statement`] for a table that cannot be read.
    pub(crate) async fn read(
        &mut self,
        session: &mut dyn Session,
        probe: &Probe,
        known: Option<Vec<Row>>,
    ) -> Result<(), Error> {
        let (ledger, layout) = (self.format.ledger, self.format.layout);
        self.migrations.retain(|migration| layout.is_for_server(migration, &probe.server));
        self.table = history_table::find(session, (ledger, self.dialect), probe, known.is_some()).await?;
        if let Some(demanded) = ledger.demands_schema() {
            let current = probe.current_schema.as_deref();
            if current.is_some_and(|current| current != demanded) {
                let why =
                    failure_report::other_schema(demanded, current.unwrap_or_default(), (&self.folder, self.dialect));
                return Err(Error::Settings(why));
            }
        }
        if let Some(claim) = self.claim.as_ref().filter(|_| self.table.is_none()) {
            return Err(Error::Settings(failure_report::claimed(claim, &self.folder)));
        }
        self.refuse_rival(session).await?;
        self.refuse_elsewhere_on_path(probe)?;
        let rows = match (known, &self.table) {
            (Some(known), Some(_)) => known,
            (_, Some(table)) => history_table::rows(session, (&self.folder, table), &probe.role).await?,
            (_, None) => Vec::new(),
        };
        if let Some(why) = ledger.foreign(&rows) {
            return Err(Error::Settings(failure_report::history_of_another(&why, &self.folder)));
        }
        let review = self.table.as_ref().map(|table| ledger.review(&rows, &self.lineage, (self.dialect, table)));
        self.review = review.unwrap_or_default();
        self.no_room = ledger.has_no_room(self.table.as_ref().map(|_| rows.as_slice()), &self.migrations);
        self.records = ledger.records(rows, &self.lineage).into_iter().map(Arc::new).collect();
        self.compare();
        if self.add_notes(session).await? {
            self.compare();
        }
        self.find_skipped(session).await?;
        self.judge();
        Ok(())
    }

    /// The state of the folder where there is no database yet: nothing is applied.
    pub(crate) fn assume_empty(&mut self) {
        self.compare();
        self.judge();
    }

    /// What the states of the migrations imply.
    fn judge(&mut self) {
        self.leave_aside();
        self.judge_order();
        let missing = self.entries.iter().filter(|entry| entry.state == State::Missing).count();
        self.reach = match self.format.layout.is_lower_bound(missing, &self.lineage) {
            _ if self.lineage.partial.is_none() => Reach::Complete,
            true => Reach::LowerBound,
            false => Reach::Nothing,
        };
        // If the files alone do not tell which migrations there are, none is known to be missing.
        let is_certain = self.reach == Reach::Complete;
        let is_missed = self.format.layout.missed(&self.migrations);
        self.entries.retain(|entry| entry.state != State::Missing || (is_certain && is_missed(&entry.name)));
        drop(is_missed);
        self.leave_to_newer();
    }

    /// Says which migrations are late: none without a place in an order; those that the tool passes over, where it does.
    fn judge_order(&mut self) {
        let (is_list, layout) = (self.format.writer.is_some(), self.format.layout);
        let last = plan::last_applied(&self.entries, |name| layout.is_ordered(name));
        self.entries.iter_mut().for_each(|entry| {
            entry.out_of_order &= is_list && layout.is_ordered(&entry.name) && entry.migration < last;
        });
        if let Some(names) = &self.review.passed_over {
            let judge = |entry: &mut Entry| entry.out_of_order = entry.is_pending() && names.contains(&entry.name);
            self.entries.iter_mut().for_each(judge);
        }
    }

    /// Leaves out the pending migrations for which another one stands.
    fn leave_aside(&mut self) {
        let applied = self.records.iter().filter(|record| record.is_applied());
        let applied: Vec<&str> = applied.map(|record| record.name.as_str()).collect();
        let aside = self.format.layout.left_aside(&self.migrations, &applied);
        self.entries.retain(|entry| !(entry.is_pending() && aside.contains(&entry.name)));
    }

    fn compare(&mut self) {
        let ledger = self.format.ledger;
        self.entries = plan::compare(&self.migrations, &self.records, |migration, sum| ledger.fits(migration, sum));
        self.note_changed();
    }

    /// How doorstep writes the history.
    ///
    /// # Errors
    /// [`Error::Settings`] where the tool of the format applies the migrations and writes it.
    pub(crate) fn writer(&self) -> Result<&'static dyn LedgerWriter, Error> {
        self.format.own_writer()
    }

    /// Why the files alone do not tell what is pending, so that the tool has to be asked.
    #[must_use]
    pub(crate) fn uncertainty(&self) -> Option<&str> {
        self.lineage.partial.as_ref().map(|partial| partial.why.as_str())
    }

    /// Marks unfinished rows as running if another session holds one of the locks of a start; the session becomes their note.
    pub(crate) async fn mark_running(&mut self, session: &mut dyn Session, keys: &[LockKey]) {
        if !self.entries.iter().any(Entry::is_unexplained) {
            return;
        }
        let mut holder = None;
        for key in keys {
            if let Ok(Some(peer)) = session.lock_owner(*key).await {
                holder = Some(peer);
                break;
            }
        }
        let Some(holder) = holder else { return };
        for entry in self.entries.iter_mut().filter(|entry| entry.is_unexplained()) {
            entry.state = State::Running;
            entry.note = Some(holder.to_string());
        }
    }

    /// Notes what the unexplained unfinished rows mean, for a person; writes nothing.
    ///
    /// # Errors
    /// [`Error::Statement`] when the catalog cannot be read.
    pub(crate) async fn explain(&mut self, session: &mut dyn Session) -> Result<(), Error> {
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            if !entry.is_unexplained() || entry.state == State::Running {
                continue;
            }
            let note = match self.conclude(session, entry).await? {
                Conclusion::RolledBack(why) => {
                    format!("interrupted, and rolled back: {why}; the next start runs it again")
                }
                Conclusion::Committed(why) => {
                    format!("interrupted after it was committed: {why}; the next start records it")
                }
                Conclusion::Resume(step) => format!("interrupted; the next start goes on with statement {}", step + 1),
                Conclusion::Proved { step, why } => {
                    format!("interrupted; the next start goes on behind {step} statements ({why})")
                }
                Conclusion::Unclear(evidence) => failure_report::unclear(&evidence),
            };
            self.entries[index].note = Some(note);
        }
        self.note_repaired();
        Ok(())
    }

    /// Completes the unfinished rows whose outcome is certain. The lock must be held, so that no other process is working
    /// on them.
    ///
    /// # Errors
    /// [`Error::Statement`] when the catalog cannot be read or the history not be written.
    pub(crate) async fn heal(&mut self, session: &mut dyn Session) -> Result<(), Error> {
        let Some(table) = self.table.clone() else { return Ok(()) };
        self.take_up_repaired();
        self.close_abandoned(session, &table).await?;
        self.refill(session).await?;
        self.drop_left_notes(session, &table).await;
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            let (true, Some(record)) = (entry.is_unexplained(), &entry.record) else { continue };
            let (name, id) = (entry.name.clone(), record.id.clone());
            let conclusion = self.conclude(session, entry).await?;
            let (state, why) = match &conclusion {
                Conclusion::RolledBack(why) => {
                    (State::RolledBack, format!("it was rolled back, and runs again ({why})"))
                }
                Conclusion::Committed(why) => {
                    (State::Applied, format!("it was committed, and is recorded now ({why})"))
                }
                Conclusion::Resume(step) => (State::Pending, format!("it goes on with statement {}", step + 1)),
                Conclusion::Proved { step, why } => {
                    (State::Pending, format!("it goes on behind {step} of its statements ({why})"))
                }
                Conclusion::Unclear(evidence) => (State::Failed, failure_report::unclear(evidence)),
            };
            let text = format!("interrupted: {why}");
            let outcome = match &conclusion {
                Conclusion::RolledBack(_) => Some(Outcome::RolledBack(&text)),
                Conclusion::Committed(_) => Some(Outcome::Succeeded),
                Conclusion::Resume(_) | Conclusion::Proved { .. } | Conclusion::Unclear(_) => None,
            };
            if let Some(outcome) = outcome {
                let row = RowKey { dialect: self.dialect, table: &table, id: &id };
                self.record_end(session, row, &name, &outcome).await?;
                self.drop_notes(session, &table).await;
            }
            let entry = &mut self.entries[index];
            entry.state = state;
            match conclusion {
                Conclusion::Unclear(_) => entry.note = Some(why),
                conclusion => {
                    if let Conclusion::Resume(step) | Conclusion::Proved { step, .. } = conclusion {
                        entry.resume = Some(step);
                    }
                    tracing::warn!(phase = "migrate", event = "healed", migration = name, "{name} was {text}");
                }
            }
        }
        Ok(())
    }

    async fn close_abandoned(&self, session: &mut dyn Session, table: &TableName) -> Result<(), Error> {
        for record in self.abandoned() {
            let (name, outcome) = (&record.name, Outcome::RolledBack("interrupted: it was rolled back"));
            let row = RowKey { dialect: self.dialect, table, id: &record.id };
            self.record_end(session, row, name, &outcome).await?;
            tracing::warn!(
                phase = "migrate",
                event = "healed",
                migration = name,
                "{name} was interrupted: it was rolled back, and its migration is no longer in the folder"
            );
        }
        Ok(())
    }

    async fn record_end(
        &self,
        session: &mut dyn Session,
        row: RowKey<'_>,
        name: &str,
        outcome: &Outcome<'_>,
    ) -> Result<(), Error> {
        let migration = self.migrations.iter().find(|migration| migration.name == name);
        let Some(sql) = self.writer()?.end_alone(row, migration, outcome) else { return Ok(()) };
        session.execute(sql).await.map_err(Error::statement(format!("record how {name} ended")))
    }

    /// The migrations to apply, each with its entry, in the folder's order.
    pub(crate) fn pending(&self) -> impl Iterator<Item = (&Migration, &Entry)> {
        let entries = self.entries.iter().filter(|entry| entry.is_pending());
        entries.filter_map(|entry| Some((&self.migrations[entry.migration?], entry)))
    }

    /// True when a start has something to apply, or an obstacle to report under the lock.
    #[must_use]
    pub(crate) fn has_work(&self) -> bool {
        let is_open = self.entries.iter().any(Entry::is_pending) || self.verdict() == Verdict::Failed;
        is_open || !self.abandoned().is_empty() || !self.refills().is_empty()
    }

    /// Unfinished rows of an image that was taken back, whose scripts were rolled back with their records. Their
    /// migrations are not in this folder, but Prisma would stop at the rows.
    fn abandoned(&self) -> Vec<&Record> {
        let is_known = |record: &Record| {
            self.entries.iter().any(|entry| entry.record.as_ref().is_some_and(|known| known.id == record.id))
        };
        let is_void = |record: &&Record| record.is_unfinished() && record.message.is_none() && !is_known(record);
        self.records.iter().map(AsRef::as_ref).filter(|record| record.ran(RunMode::Atomic)).filter(is_void).collect()
    }

    /// Notes that nothing is pending any more: all of it has just been applied.
    pub(crate) fn note_applied(&mut self) {
        for entry in self.entries.iter_mut().filter(|entry| entry.is_pending()) {
            (entry.state, entry.record, entry.resume) = (State::Applied, None, None);
        }
    }

    /// Warns of a tool that takes no lock, before anything is applied.
    pub(crate) fn warn_of_unlocked_tool(&self, probe: &Probe) {
        let ledger = self.format.ledger;
        let server = ledger.unlocked_on(self.dialect).filter(|server| probe.server.starts_with(server));
        if server.is_some() || !ledger.tool_locks(self.dialect) {
            let (tool, on) = (self.format.tool.name, server.map_or_else(String::new, |server| format!(" on {server}")));
            let text = format!("{tool} takes no lock{on}: do not start it while doorstep migrates");
            tracing::warn!(phase = "migrate", event = "unlocked_tool", "{text}");
        }
    }

    /// The migration of this name.
    ///
    /// # Errors
    /// [`Error::History`] with the name that was probably meant.
    pub(crate) fn migration(&self, name: &str) -> Result<&Migration, Error> {
        let Some(migration) = self.migrations.iter().find(|migration| migration.name == name) else {
            let names = self.migrations.iter().map(|migration| migration.name.as_str());
            return Err(Error::History(format!(
                "there is no migration {name} in {}{}\nnext: give the whole name, as doorstep status shows it",
                self.folder.path.display(),
                nearest(name, names)
            )));
        };
        Ok(migration)
    }

    /// Schemas of these that a pending migration creates itself, by CREATE SCHEMA without IF NOT EXISTS or with an
    /// extension that brings its own: it would fail if they existed.
    ///
    /// # Errors
    /// [`Error::Statement`] when the server does not tell about its extensions.
    pub(crate) async fn own_schemas(
        &self,
        session: &mut dyn Session,
        missing: &[String],
    ) -> Result<Vec<String>, Error> {
        if self.format.writer.is_none() || missing.is_empty() {
            return Ok(Vec::new());
        }
        let creations: Vec<Creation> =
            self.pending().flat_map(|(migration, _)| script::creations(&migration.script)).collect();
        let creates_extension = creations.iter().any(|it| matches!(it, Creation::Extension { .. }));
        let extensions = match creates_extension {
            true => session.extensions().await.map_err(Error::statement("look for the server's extensions"))?,
            false => Vec::new(),
        };
        Ok(own_schemas::own_schemas(missing, &creations, &extensions))
    }
}
