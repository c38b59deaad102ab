//! Step 3: apply what is pending, one migration after the other, and leave a history that is true
//! whatever happens in between.

use std::time::{Duration, Instant, SystemTime};

use crate::engine::{Dialect, Failure, Kept, Session, Survey};
use crate::error::Error;
use crate::excerpt;
use crate::fault::{Class, Fault};
use crate::format::{Folder, Format, Outcome, Resolved};
use crate::log::{millis, seconds};
use crate::migration::{Migration, Record};
use crate::plan::{self, Entry, State, Verdict};
use crate::retry::Pace;
use crate::script;
use crate::settings::TableName;
use crate::signal::{self, Stop};

/// How often a cancel request is repeated: it is lost when it arrives between two statements.
const CANCEL_AGAIN: Duration = Duration::from_millis(500);

/// A folder and its history, side by side.
pub struct History {
    format: &'static dyn Format,
    folder: Folder,
    dialect: Dialect,
    migrations: Vec<Migration>,
    /// Where the table is; `None` before the first migration ever.
    table: Option<TableName>,
    /// Every migration with its state.
    pub entries: Vec<Entry>,
}

/// What limits a run of migrations.
pub struct Limits<'a> {
    /// Schemas whose tables decide whether a database without history is empty.
    pub schemas: &'a [String],
    /// `lock_timeout` of each statement.
    pub statement_lock_timeout: Option<Duration>,
    /// How long a migration that met a lock is tried again.
    pub lock_timeout: Option<Duration>,
}

impl History {
    /// A folder whose history is still unread.
    #[must_use]
    pub fn of(folder: &Folder, dialect: Dialect, resolved: Resolved) -> Self {
        for warning in &resolved.warnings {
            tracing::warn!(phase = "migrate", event = "folder", "{warning}");
        }
        let (folder, format) = (folder.clone(), folder.kind.format());
        Self { format, folder, dialect, migrations: resolved.migrations, table: None, entries: Vec::new() }
    }

    /// Reads the history; writes nothing, takes no lock. One round trip, none without a history table.
    ///
    /// # Errors
    /// [`Error::Statement`] for a table that cannot be read.
    pub async fn read(&mut self, session: &mut dyn Session, survey: &Survey) -> Result<(), Error> {
        self.table.clone_from(&survey.history);
        let records = records(session, self.format, self.table.as_ref()).await?;
        let fits = |migration: &Migration, checksum: &str| self.format.fits(migration, checksum);
        self.entries = plan::picture(&self.migrations, &records, fits, false);
        Ok(())
    }

    /// Tells unfinished from running: somebody holds the migration lock.
    pub async fn mark_running(&mut self, session: &mut dyn Session) {
        let unfinished = self.entries.iter().any(|entry| entry.state == State::Failed);
        if unfinished && matches!(session.lock_holder(self.lock_key()).await, Ok(Some(_))) {
            let failed = self.entries.iter_mut().filter(|entry| entry.state == State::Failed);
            failed.for_each(|entry| entry.state = State::Running);
        }
    }

    /// Key of the migration lock.
    #[must_use]
    pub fn lock_key(&self) -> i64 {
        self.format.lock_key()
    }

    /// True when a start has something to apply, or an obstacle to report under the lock.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !plan::pending(&self.entries).is_empty() || self.verdict() == Verdict::Failed
    }

    /// The verdict in one word.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        plan::verdict(&self.entries)
    }

    /// Why a required table may be missing, from the scripts and the history.
    #[must_use]
    pub fn explain_missing(&self, table: &str) -> (String, String) {
        let creates = |migration: &&Migration| {
            let statements = script::statements(&migration.script, self.dialect);
            statements.iter().any(|statement| statement.creates_table(self.dialect).is_some_and(|name| name == table))
        };
        let folder = self.folder.path.display();
        let Some(migration) = self.migrations.iter().rev().find(creates) else {
            return (
                format!("no migration in {folder} creates it"),
                "write the migration (npx prisma migrate dev --name …), or correct the name".to_owned(),
            );
        };
        let name = &migration.name;
        let record = self.entries.iter().find(|entry| entry.name == *name).and_then(|entry| entry.record.as_ref());
        let when = record.and_then(|record| record.finished_at.as_deref()).map(|at| format!(" at {at}"));
        (
            format!("{name} creates it and is recorded as applied{}", when.unwrap_or_default()),
            "it was lost since, or never ran here: restore it, or create it in a new migration".to_owned(),
        )
    }

    /// Says what a start should know though it does not stop it: ahead, edited, out of order.
    pub fn log_oddities(&self) {
        let names = |wanted: fn(&Entry) -> bool| {
            let names: Vec<&str> =
                self.entries.iter().filter(|entry| wanted(entry)).map(|entry| entry.name.as_str()).collect();
            (!names.is_empty()).then(|| names.join(", "))
        };
        if let Some(names) = names(|entry| entry.state == State::Missing) {
            tracing::warn!(
                phase = "migrate",
                event = "ahead",
                "the database is ahead of this image: applied, but not in the folder: {names}"
            );
        }
        if let Some(names) = names(|entry| entry.state == State::Edited) {
            tracing::warn!(phase = "migrate", event = "edited", "changed since they were applied: {names}");
        }
        if let Some(names) = names(|entry| entry.out_of_order) {
            tracing::warn!(phase = "migrate", event = "out_of_order", "older than what is applied already: {names}");
        }
    }

    /// Applies what is pending; the lock must be held. Returns how many were applied.
    ///
    /// # Errors
    /// [`Error::History`] when the history forbids it, [`Error::Migration`] when a script fails,
    /// [`Error::Stopped`] on a signal: the running statement is cancelled and its outcome recorded first.
    pub async fn apply_pending(
        &mut self,
        session: &mut dyn Session,
        survey: &Survey,
        limits: &Limits<'_>,
        stop: &Stop,
    ) -> Result<usize, Error> {
        self.read(session, survey).await?;
        self.check()?;
        let pending: Vec<Migration> = {
            let names = plan::pending(&self.entries);
            self.migrations.iter().filter(|migration| names.contains(&migration.name.as_str())).cloned().collect()
        };
        if pending.is_empty() {
            return Ok(0);
        }
        // From here on a signal is answered here: what runs is cancelled, and the history says so.
        stop.hold();
        let table = self.ensure_table(session, survey, limits.schemas).await?;
        session.set_lock_timeout(limits.statement_lock_timeout);
        for (done, migration) in pending.iter().enumerate() {
            if let Some(signal) = stop.signal() {
                let note =
                    format!("{done} of {} pending migrations are applied, the next was not begun", pending.len());
                return Err(Error::Stopped { signal, note });
            }
            self.apply(session, &table, migration, limits, stop).await?;
        }
        stop.release();
        Ok(pending.len())
    }

    /// Refuses a history that Prisma refuses too (P3009), and one that has diverged.
    ///
    /// # Errors
    /// [`Error::History`].
    pub fn check(&self) -> Result<(), Error> {
        match self.verdict() {
            Verdict::Failed => Err(Error::History(failed(&self.entries))),
            Verdict::Diverged => Err(Error::History(diverged(&self.entries))),
            Verdict::Current | Verdict::Behind | Verdict::Ahead => Ok(()),
        }
    }

    /// The history table, created where Prisma would create it, unless the database is somebody's (P3005).
    async fn ensure_table(
        &self,
        session: &mut dyn Session,
        survey: &Survey,
        schemas: &[String],
    ) -> Result<TableName, Error> {
        if let Some(table) = &self.table {
            return Ok(table.clone());
        }
        let strangers = session.tables_in(schemas).await.map_err(Error::statement("look for tables"))?;
        if !strangers.is_empty() {
            return Err(Error::History(not_empty(&strangers, &self.folder, self.format.history_table())));
        }
        let name = self.format.history_table().to_owned();
        let table = TableName { schema: survey.current_schema.clone(), name };
        let created = session.execute(self.format.create_history(self.dialect, &table)).await;
        created.map_err(|mut fault| {
            // 3F000, "no schema has been selected": none that exists may be used.
            if fault.code.as_deref() == Some("3F000") {
                fault.class = Class::Privilege;
            }
            let schema = self.dialect.identifier(survey.current_schema.as_deref().unwrap_or("public"));
            let grant = format!(
                "let an owner run: GRANT USAGE, CREATE ON SCHEMA {schema} TO {};",
                self.dialect.identifier(&survey.role)
            );
            let remedy = (fault.class == Class::Privilege).then_some(grant);
            Error::Statement { doing: format!("create the history table {table}"), fault, remedy }
        })?;
        Ok(table)
    }

    async fn apply(
        &self,
        session: &mut dyn Session,
        table: &TableName,
        migration: &Migration,
        limits: &Limits<'_>,
        stop: &Stop,
    ) -> Result<(), Error> {
        let (began, id) = (Instant::now(), uuid::Uuid::new_v4().to_string());
        let name = migration.name.as_str();
        tracing::debug!(phase = "migrate", event = "applying", migration = name, "applying {name}");
        let begin = self.format.begin(self.dialect, table, &id, migration, SystemTime::now());
        session.execute(begin).await.map_err(|fault| match fault.class {
            Class::Privilege => Error::Statement {
                doing: format!("record the start of {name}"),
                remedy: Some(format!(
                    "let its owner run: GRANT SELECT, INSERT, UPDATE ON {} TO the role of the URL;",
                    self.dialect.table(table)
                )),
                fault,
            },
            _ => Error::Unrecorded {
                report: format!("the start of migration {name} could not be recorded, so it was not run"),
                fault,
            },
        })?;
        let result = match stop.signal() {
            None => self.run(session, migration, limits.lock_timeout, stop).await,
            // It came while the row was written; the script must not begin after it.
            Some(_) => Err(Failure { fault: Fault::new(Class::Cancelled, "it was not begun"), kept: Kept::Nothing }),
        };

        let end = |outcome: Outcome<'_>| self.format.end(self.dialect, table, &id, &outcome, SystemTime::now());
        match result {
            Ok(()) => {
                let recorded = session.execute(end(Outcome::Succeeded)).await;
                recorded.map_err(|fault| {
                    let report = format!(
                        "migration {name} ran, and its effects are there, but that could not be recorded\n\
                         next: npx prisma migrate resolve --applied {name}"
                    );
                    Error::Unrecorded { report, fault }
                })?;
                let duration = began.elapsed();
                tracing::info!(
                    phase = "migrate",
                    event = "applied",
                    migration = name,
                    duration_ms = millis(duration),
                    "applied {name} in {}",
                    seconds(duration)
                );
                Ok(())
            }
            Err(failure) => {
                let report = report(migration, &failure);
                let signal = stop.signal();
                let interrupted = signal.is_some() || failure.fault.class == Class::LockTimeout;
                let cause = signal.map(|signal| format!("stopped by {}\n", signal::name(signal)));
                let logs = cause.unwrap_or_default() + &report;
                let outcome = match failure.kept {
                    // Nothing happened, and nothing is wrong with it: the next start runs it again.
                    Kept::Nothing if interrupted => Outcome::RolledBack(&logs),
                    _ => Outcome::Failed(&logs),
                };
                let recorded = session.execute(end(outcome)).await;
                Err(self.failed_error(name, failure, report, signal, recorded.err()))
            }
        }
    }

    fn failed_error(
        &self,
        name: &str,
        failure: Failure,
        report: String,
        signal: Option<u8>,
        unrecorded: Option<Fault>,
    ) -> Error {
        let resolve = format!("npx prisma migrate resolve --rolled-back {name}");
        let certain = failure.kept == Kept::Nothing && unrecorded.is_none();
        if let Some(signal) = signal {
            let note = match certain {
                true => format!("{name} was cancelled and rolled back; the next start runs it again"),
                false => format!(
                    "{name} was cancelled, but parts of it may have been kept\n\
                     next: look at what is there, then mark it: {resolve}"
                ),
            };
            return Error::Stopped { signal, note };
        }
        let next = match failure.fault.class {
            Class::LockTimeout if certain => "next: start again when the other session is done".to_owned(),
            _ if failure.kept == Kept::Unknown => format!(
                "the connection was lost, so the history could not be completed\n\
                 next: look whether its objects exist; then {resolve} (or --applied)"
            ),
            _ => format!("next: repair the file, then {resolve}, and start again"),
        };
        let again = certain && failure.fault.class == Class::LockTimeout;
        Error::Migration { name: name.to_owned(), report: format!("{report}\n{next}"), again, fault: failure.fault }
    }

    /// Runs the script; repeats it after a lock timeout, where nothing of it was kept, until the deadline.
    async fn run(
        &self,
        session: &mut dyn Session,
        migration: &Migration,
        patience: Option<Duration>,
        stop: &Stop,
    ) -> Result<(), Failure> {
        let began = Instant::now();
        let mut pace = Pace::new(Duration::from_millis(200), Duration::from_secs(5));
        loop {
            let failure = match cancellable(session, &migration.script, stop).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let pause = pace.next();
            let again = failure.fault.class == Class::LockTimeout && failure.kept == Kept::Nothing;
            let over = patience.is_some_and(|patience| began.elapsed() + pause >= patience);
            if !again || over || stop.signal().is_some() {
                return Err(failure);
            }
            tracing::info!(
                phase = "migrate",
                event = "lock_timeout",
                migration = migration.name,
                sqlstate = failure.fault.code,
                "{} met a lock, was rolled back and is tried again: {}",
                migration.name,
                failure.fault
            );
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = stop.raised() => return Err(failure),
            }
        }
    }
}

/// Runs a script; on a signal, asks the server to cancel it until it ends, one way or the other.
async fn cancellable(session: &mut dyn Session, script: &str, stop: &Stop) -> Result<(), Failure> {
    let cancel = session.canceller();
    let mut running = session.script(script);
    tokio::select! {
        result = &mut running => return result,
        signal = stop.raised() => tracing::warn!(
            phase = "migrate",
            event = "cancelling",
            "{}: cancelling the running migration",
            signal::name(signal)
        ),
    }
    loop {
        // The request itself may hang; what counts is the end of the script.
        let again = async {
            cancel().await;
            tokio::time::sleep(CANCEL_AGAIN).await;
        };
        tokio::select! {
            result = &mut running => return result,
            () = again => {}
        }
    }
}

async fn records(
    session: &mut dyn Session,
    format: &dyn Format,
    table: Option<&TableName>,
) -> Result<Vec<Record>, Error> {
    let Some(table) = table else { return Ok(Vec::new()) };
    let dialect = session.dialect();
    let rows = session.rows(format.read_history(dialect, table)).await.map_err(|fault| {
        let grant = format!("let its owner run: GRANT SELECT ON {} TO the role of the URL;", dialect.table(table));
        let remedy = (fault.class == Class::Privilege).then_some(grant);
        Error::Statement { doing: format!("read the history table {table}"), fault, remedy }
    })?;
    Ok(rows.iter().map(|row| format.record(row)).collect())
}

/// What happened, where in the file, and whether anything of it was kept.
fn report(migration: &Migration, failure: &Failure) -> String {
    let mut text = failure.fault.to_string();
    if let Some(place) = failure.fault.place {
        let (line, column) = excerpt::line_and_column(&migration.script, place);
        let excerpt = excerpt::around(&migration.script, line, column);
        text += &format!("\nat {}:{line}:{column}\n{excerpt}", migration.path.display());
    }
    text + match failure.kept {
        Kept::Nothing => "\nnothing of it was kept: it was rolled back as a whole",
        Kept::Maybe => "\nparts of it may have been kept: it does not run in one transaction",
        Kept::Unknown => "\nwhether it was kept is unknown: the connection was lost",
    }
}

fn failed(entries: &[Entry]) -> String {
    let mut text = "migrations that did not finish block all later ones:".to_owned();
    let mut example = "";
    for entry in entries.iter().filter(|entry| entry.state == State::Failed) {
        let started = entry.record.as_ref().and_then(|record| record.started_at.as_deref()).unwrap_or("unknown");
        let message = entry.record.as_ref().and_then(|record| record.message.as_deref());
        let message = message.unwrap_or("no message: it was interrupted, or is still running");
        let message: Vec<&str> = message.lines().take(12).collect();
        text += &format!("\n  {} (started {started})\n    {}", entry.name, message.join("\n    "));
        example = &entry.name;
    }
    text + &format!(
        "\nnext: look at what of it is there, then either\n  \
         npx prisma migrate resolve --rolled-back {example}   to run it again, or\n  \
         npx prisma migrate resolve --applied {example}       if all of it is there"
    )
}

fn diverged(entries: &[Entry]) -> String {
    let list = |states: &[State]| {
        let names = entries.iter().filter(|entry| states.contains(&entry.state)).map(|entry| entry.name.as_str());
        names.collect::<Vec<_>>().join(", ")
    };
    format!(
        "folder and history have diverged\n  applied, but not in the folder: {}\n  in the folder, but not applied: {}\n\
         next: merge the branches that the two come from, so that one folder holds both",
        list(&[State::Missing]),
        list(&[State::Pending, State::RolledBack])
    )
}

fn not_empty(strangers: &[String], folder: &Folder, table: &str) -> String {
    let shown: Vec<&str> = strangers.iter().take(5).map(String::as_str).collect();
    let more = if strangers.len() > shown.len() { ", …" } else { "" };
    format!(
        "the database has tables but no {table}: {}{more}\n\
         next: if they are what {} creates, baseline them: npx prisma migrate resolve --applied NAME for each migration; \
         otherwise point the URL at the right database",
        shown.join(", "),
        folder.path.display()
    )
}
