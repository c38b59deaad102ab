//! A folder and its history, side by side: what is applied, what is pending, what went wrong.

use crate::base::error::Error;
use crate::base::fault::Class;
use crate::engines::session::{ObjectState, Probe, Session};
use crate::formats::migration::{Migration, Record, Writer, nearest};
use crate::formats::{Folder, Format, Lineage, Outcome, Resolved, Scripts};
use crate::migrate::failure_report;
use crate::migrate::plan::{self, Entry, State, Verdict};
use crate::migrate::recovery::{self, Conclusion, Evidence};
use crate::migrate::strategy::{self, Way};
use crate::sql::script;
use crate::sql::{Dialect, ObjectKind, ObjectRef, Row, TableName};

/// A folder and its history, side by side.
pub(crate) struct History {
    /// What the format knows.
    pub format: &'static dyn Format,
    /// The folder.
    pub folder: Folder,
    /// How the engine quotes.
    pub dialect: Dialect,
    /// The folder's migrations, in their order.
    pub migrations: Vec<Migration>,
    /// What they say of each other.
    pub lineage: Lineage,
    /// Where the table is; `None` before the first migration ever.
    pub table: Option<TableName>,
    /// The table's rows, oldest first.
    pub records: Vec<Record>,
    /// Every migration with its state.
    pub entries: Vec<Entry>,
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
        }
    }

    /// Reads the history; writes nothing, takes no lock. One round trip, none without a history table.
    ///
    /// # Errors
    /// [`Error::Statement`] for a table that cannot be read.
    pub(crate) async fn read(&mut self, session: &mut dyn Session, probe: &Probe) -> Result<(), Error> {
        self.table = match self.format.history_schema() {
            None => probe.history.clone(),
            Some(schema) => {
                let table = TableName { schema: Some(schema.to_owned()), name: self.format.history_table().to_owned() };
                let missing = session.missing_tables(std::slice::from_ref(&table), None).await;
                let missing = missing.map_err(Error::statement(format!("look for the history table {table}")))?;
                missing.is_empty().then_some(table)
            }
        };
        let rows = rows(session, self.format, self.table.as_ref()).await?;
        self.records = self.format.records(&rows, &self.lineage);
        let fits = |migration: &Migration, checksum: &str| self.format.fits(migration, checksum);
        self.entries = plan::picture(&self.migrations, &self.records, fits);
        let is_list = self.format.scripts().is_some();
        self.entries.iter_mut().for_each(|entry| entry.out_of_order &= is_list);
        // Where the files alone do not tell, it may well be there.
        let is_certain = self.lineage.partial.is_none();
        let is_missed = |entry: &Entry| is_certain && self.format.is_missed(&entry.name, &self.migrations);
        self.entries.retain(|entry| entry.state != State::Missing || is_missed(entry));
        Ok(())
    }

    /// How doorstep itself applies the migrations, and writes their history.
    ///
    /// # Errors
    /// [`Error::Settings`] where a tool of its own does.
    pub(crate) fn scripts(&self) -> Result<&'static dyn Scripts, Error> {
        self.format.scripts().ok_or_else(|| {
            let (tool, by_hand) = (self.format.tool(), self.format.by_hand());
            let text = format!("{tool} applies these migrations and keeps their history, doorstep only lets it");
            Error::Settings(format!("{text}\nnext: do it with {tool} (its history by hand: {by_hand})"))
        })
    }

    /// Why the files alone do not tell what is pending, so that the tool has to be asked.
    #[must_use]
    pub(crate) fn uncertainty(&self) -> Option<&str> {
        self.lineage.partial.as_deref()
    }

    /// Tells unfinished from running: somebody holds the migration lock. Who that is becomes the note.
    pub(crate) async fn mark_running(&mut self, session: &mut dyn Session) {
        if !self.entries.iter().any(Entry::is_unexplained) {
            return;
        }
        let Ok(Some(holder)) = session.lock_holder(self.lock_key()).await else { return };
        for entry in self.entries.iter_mut().filter(|entry| entry.is_unexplained()) {
            entry.state = State::Running;
            entry.note = Some(holder.to_string());
        }
    }

    /// Finds out what the unfinished rows mean that nobody has explained, for people; writes nothing.
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
                Conclusion::Unclear(evidence) => failure_report::unclear(&evidence),
            };
            self.entries[index].note = Some(note);
        }
        Ok(())
    }

    /// Heals what is certain about rows that were left unfinished. The lock must be held: then nobody is at
    /// work on them.
    ///
    /// # Errors
    /// [`Error::Statement`] when the catalog cannot be read or the history not be written.
    pub(crate) async fn heal(&mut self, session: &mut dyn Session) -> Result<(), Error> {
        let Some(table) = self.table.clone() else { return Ok(()) };
        self.close_abandoned(session, &table).await?;
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
                Conclusion::Unclear(evidence) => (State::Failed, failure_report::unclear(evidence)),
            };
            let text = format!("interrupted: {why}");
            let outcome = match &conclusion {
                Conclusion::RolledBack(_) => Some(Outcome::RolledBack(&text)),
                Conclusion::Committed(_) => Some(Outcome::Succeeded),
                Conclusion::Resume(_) | Conclusion::Unclear(_) => None,
            };
            if let Some(outcome) = outcome {
                self.record_end(session, &table, &id, &name, &outcome).await?;
            }
            let entry = &mut self.entries[index];
            entry.state = state;
            match conclusion {
                Conclusion::Unclear(_) => entry.note = Some(why),
                conclusion => {
                    if let Conclusion::Resume(step) = conclusion {
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
            self.record_end(session, table, &record.id, name, &outcome).await?;
            tracing::warn!(
                phase = "migrate",
                event = "healed",
                migration = name,
                "{name} was interrupted: it was rolled back, and nobody is to run it again"
            );
        }
        Ok(())
    }

    async fn record_end(
        &self,
        session: &mut dyn Session,
        table: &TableName,
        id: &str,
        name: &str,
        outcome: &Outcome<'_>,
    ) -> Result<(), Error> {
        let sql = self.scripts()?.end(self.dialect, table, id, outcome);
        session.execute(sql).await.map_err(Error::statement(format!("record how {name} ended")))
    }

    /// Gathers the evidence about one unfinished row, and concludes.
    async fn conclude(&self, session: &mut dyn Session, entry: &Entry) -> Result<Conclusion, Error> {
        let migration = self.migrations.iter().find(|migration| migration.name == entry.name);
        let (Some(record), Some(migration)) = (&entry.record, migration) else {
            return Ok(Conclusion::Unclear(vec!["it is no longer in the folder".to_owned()]));
        };
        let looking = || Error::statement(format!("find out what became of {}", entry.name));
        let way = self.way(migration, record.writer);
        let text: &str = match &way {
            Way::Atomic(text) => text,
            Way::Whole | Way::Steps(_) => migration.sql(),
        };
        let is_certain = record.writer == Writer::Atomic;
        let objects = match is_certain {
            true => Vec::new(),
            false => recovery::witnesses(migration.sql(), &way, record, self.dialect),
        };
        let (objects, lenient): (Vec<_>, Vec<_>) = objects.into_iter().unzip();
        let object_states = match &self.table {
            Some(table) if !objects.is_empty() => {
                // A bare name leads where this role's search path says, or where it led for whoever made the history.
                let home = table.schema.as_deref();
                let at_home = objects.iter().map(|object| home.map_or(object.clone(), |home| object.within(home)));
                let both: Vec<ObjectRef> = objects.iter().cloned().chain(at_home).collect();
                let since = self.scripts()?.locate(self.dialect, table, &record.id);
                let mut object_states = session.object_states(&both, Some(&since)).await.map_err(looking())?;
                let at_home = object_states.split_off(objects.len());
                let either = |(bare, at_home)| if bare == ObjectState::Absent { at_home } else { bare };
                object_states.into_iter().zip(at_home).map(either).collect()
            }
            _ => Vec::new(),
        };
        let running_session = match is_certain || migration.sql().trim().is_empty() {
            true => None,
            false => session.running_session(migration.sql()).await.map_err(looking())?,
        };
        let object_states = objects.into_iter().zip(lenient).zip(object_states);
        Ok(recovery::conclude(&Evidence {
            record,
            way: &way,
            same_script: self.format.fits(migration, &record.checksum),
            one_message: self.dialect == Dialect::Postgres,
            leaves: script::leaves(&script::statements(text, self.dialect), self.dialect),
            object_states: object_states.map(|((object, lenient), trace)| (object, lenient, trace)).collect(),
            running_session,
        }))
    }

    /// Key of the migration lock.
    #[must_use]
    pub(crate) fn lock_key(&self) -> i64 {
        self.format.lock_key()
    }

    /// True when a start has something to apply, or an obstacle to report under the lock.
    #[must_use]
    pub(crate) fn has_work(&self) -> bool {
        !plan::pending(&self.entries).is_empty() || self.verdict() == Verdict::Failed || !self.abandoned().is_empty()
    }

    /// Rows of an image that was taken back, whose scripts were rolled back with their records: nobody will run
    /// them, but Prisma would stop at them.
    fn abandoned(&self) -> Vec<&Record> {
        let is_known = |record: &Record| {
            self.entries.iter().any(|entry| entry.record.as_ref().is_some_and(|known| known.id == record.id))
        };
        let is_void = |record: &&Record| record.is_unfinished() && record.message.is_none() && !is_known(record);
        self.records.iter().filter(|record| record.writer == Writer::Atomic).filter(is_void).collect()
    }

    /// The verdict in one word.
    #[must_use]
    pub(crate) fn verdict(&self) -> Verdict {
        plan::verdict(&self.entries)
    }

    /// Notes that nothing is pending any more: all of it has just been applied.
    pub(crate) fn note_applied(&mut self) {
        let names: Vec<String> = plan::pending(&self.entries).into_iter().map(str::to_owned).collect();
        for entry in self.entries.iter_mut().filter(|entry| names.contains(&entry.name)) {
            (entry.state, entry.record, entry.resume) = (State::Applied, None, None);
        }
    }

    /// Says what a start should know though it does not stop it: ahead, edited, out of order.
    pub(crate) fn log_oddities(&self) {
        let names = |wanted: &dyn Fn(&Entry) -> bool| {
            let names: Vec<&str> =
                self.entries.iter().filter(|entry| wanted(entry)).map(|entry| entry.name.as_str()).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        if let Some(names) = names(&|entry| entry.state == State::Missing && !entry.superseded) {
            tracing::warn!(
                phase = "migrate",
                event = "ahead",
                "the database is ahead of this image: applied, but not in the folder: {names}"
            );
        }
        if let Some(names) = names(&|entry| entry.state == State::Edited) {
            tracing::warn!(phase = "migrate", event = "edited", "changed since they were applied: {names}");
        }
        if let Some(names) = names(&|entry| entry.out_of_order) {
            tracing::warn!(phase = "migrate", event = "out_of_order", "older than what is applied already: {names}");
        }
        let unreadable = |entry: &Entry| {
            self.migrations.iter().any(|migration| migration.name == entry.name && migration.unreadable.is_some())
        };
        if let Some(names) = names(&unreadable) {
            tracing::warn!(
                phase = "migrate",
                event = "unreadable",
                "applied, but their files are gone or unreadable: {names}"
            );
        }
    }

    /// Refuses what Prisma refuses too (an unfinished row, P3009; a pending folder without its file, P3015), and
    /// a history that has diverged.
    ///
    /// # Errors
    /// [`Error::History`].
    pub(crate) fn check(&self) -> Result<(), Error> {
        let pending = plan::pending(&self.entries);
        let missing = self.entries.iter().filter(|entry| entry.state == State::Missing && !entry.superseded);
        let missing: Vec<&str> = missing.map(|entry| entry.name.as_str()).collect();
        if let Some(why) = self.format.obstacle(&missing, &pending, &self.lineage) {
            return Err(Error::History(why));
        }
        match self.verdict() {
            Verdict::Failed => return Err(Error::History(failure_report::failed(&self.entries))),
            Verdict::Diverged => return Err(Error::History(failure_report::diverged(&self.entries))),
            Verdict::Current | Verdict::Behind | Verdict::Ahead => {}
        }
        let broken = self.migrations.iter().filter(|migration| pending.contains(&migration.name.as_str()));
        match broken.filter_map(|migration| migration.unreadable.as_ref()).next() {
            Some(why) => Err(Error::History(why.clone())),
            None => Ok(()),
        }
    }

    /// The history table, created where Prisma would create it. With `own_schemas`, not in a database that is
    /// somebody's already: one with tables in these schemas (P3005).
    ///
    /// # Errors
    /// [`Error::History`] for such a database, [`Error::Statement`] where it cannot be created.
    pub(crate) async fn ensure_table(
        &self,
        session: &mut dyn Session,
        probe: &Probe,
        own_schemas: Option<&[String]>,
    ) -> Result<TableName, Error> {
        if let Some(table) = &self.table {
            return Ok(table.clone());
        }
        if let Some(schemas) = own_schemas {
            let strangers = session.tables_in(schemas).await.map_err(Error::statement("look for tables"))?;
            let suffix = format!(".{}", self.format.history_table());
            if let Some(schema) = strangers.iter().find_map(|table| table.strip_suffix(&suffix)) {
                return Err(Error::History(format!(
                    "the history is in the schema {schema}, but the session looks in {}\n\
                     next: add ?schema={schema} to the URL, or take it off where it names another schema",
                    probe.current_schema.as_deref().unwrap_or("none")
                )));
            }
            if !strangers.is_empty() {
                return Err(Error::History(failure_report::not_empty(
                    &strangers,
                    &self.folder,
                    self.format.history_table(),
                )));
            }
        }
        let name = self.format.history_table().to_owned();
        let table = TableName { schema: probe.current_schema.clone(), name };
        let created = session.execute(self.scripts()?.create_history(self.dialect, &table)).await;
        created.map_err(|mut fault| {
            // 3F000, "no schema has been selected": none that exists may be used.
            if fault.code.as_deref() == Some("3F000") {
                fault.class = Class::Privilege;
            }
            let schema = self.dialect.identifier(probe.current_schema.as_deref().unwrap_or("public"));
            let grant = format!(
                "let an owner run: GRANT USAGE, CREATE ON SCHEMA {schema} TO {};",
                self.dialect.identifier(&probe.role)
            );
            let remedy = (fault.class == Class::Privilege).then_some(grant);
            Error::Statement { doing: format!("create the history table {table}"), fault, remedy }
        })?;
        Ok(table)
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

    /// Schemas that a pending migration creates by itself, and would stumble over if they were there.
    #[must_use]
    pub(crate) fn own_schemas(&self) -> Vec<String> {
        if self.format.scripts().is_none() {
            return Vec::new();
        }
        let pending = plan::pending(&self.entries);
        let scripts = self.migrations.iter().filter(|migration| pending.contains(&migration.name.as_str()));
        let created = scripts.flat_map(|migration| {
            let statements = script::statements(migration.sql(), self.dialect);
            script::created(&statements, self.dialect)
        });
        let is_new_schema = |(object, lenient): &(ObjectRef, bool)| object.kind == ObjectKind::Schema && !lenient;
        created.filter(is_new_schema).map(|(object, _)| object.name).collect()
    }

    /// How the script of a migration runs: as its text says, unless it was found out otherwise by asking the
    /// server, as the writer of its row remembers.
    #[must_use]
    pub(crate) fn way<'a>(&self, migration: &'a Migration, writer: Writer) -> Way<'a> {
        let steps = (writer == Writer::Steps).then(|| strategy::steps(migration.sql(), self.dialect)).flatten();
        steps.map_or_else(|| strategy::way(migration.sql(), self.dialect), Way::Steps)
    }
}

async fn rows(session: &mut dyn Session, format: &dyn Format, table: Option<&TableName>) -> Result<Vec<Row>, Error> {
    let Some(table) = table else { return Ok(Vec::new()) };
    let dialect = session.dialect();
    session.rows(format.read_history(dialect, table)).await.map_err(|fault| {
        let grant = format!("let its owner run: GRANT SELECT ON {} TO the role of the URL;", dialect.table(table));
        let remedy = (fault.class == Class::Privilege).then_some(grant);
        Error::Statement { doing: format!("read the history table {table}"), fault, remedy }
    })
}
