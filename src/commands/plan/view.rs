//! The plan as data: what text, JSON and Markdown show. Keys of the JSON are only ever added.

use serde::Serialize;

use crate::config::{self, Strictness};
use crate::formats::migration::RunMode;
use crate::lint::effects::{Lock, OnlineDdl, Work};
use crate::lint::preview::{StatementPreview, Touch, Wait};
use crate::migrate::history::History;
use crate::migrate::plan::Verdict;
use crate::migrate::strategy::{Reason, Strategy};
use crate::sql::script::Script;
use crate::startup::setup::Setup;
use crate::verify;
use crate::verify::forecast::Forecast;

/// How fast a dump is assumed to read, in bytes per second (docs/backups.md).
pub(super) const DUMP_RATE: u64 = 50 << 20;

/// What a start would do.
#[derive(Debug, Serialize)]
pub(super) struct Plan {
    /// The database; `None` where none is named.
    #[serde(flatten)]
    pub(super) place: Option<Place>,
    /// The migrations folder.
    pub(super) folder: String,
    /// The tool whose format it is.
    pub(super) format: &'static str,
    /// The state of the history.
    pub(super) verdict: Verdict,
    /// How many migrations the folder has.
    pub(super) total: usize,
    /// Why the start would stop at the history or at a file, before it applies anything.
    pub(super) blocked: Option<String>,
    /// Why more or less may be pending: only the tool itself can tell.
    pub(super) uncertain: Option<String>,
    /// Schemas that it would create.
    pub(super) schemas: Vec<String>,
    /// What runs before the migrations and after them, without passwords.
    pub(super) hooks: Vec<String>,
    /// The command that applies the migrations, where doorstep does not.
    pub(super) command: Option<String>,
    /// The setting `migrate`: `apply`; `await`, where another process applies them; `off`, where none does.
    pub(super) migrate: &'static str,
    /// The pending migrations, in their order.
    pub(super) migrations: Vec<Migration>,
    /// Sessions that they would wait for now; `None` where the server does not tell.
    pub(super) waits: Option<Vec<WaitView>>,
    /// What verify would find afterwards; `None` where nothing is expected, or there is no database yet.
    pub(super) verify: Option<Afterwards>,
    /// What a backup has to read.
    pub(super) backup: Option<Backup>,
}

/// Where the database is.
#[derive(Debug, Serialize)]
pub(super) struct Place {
    /// Its address, without a password.
    #[serde(rename = "database")]
    pub(super) address: String,
    /// Product and version; `None` where the database does not exist yet.
    pub(super) server: Option<String>,
}

/// A pending migration.
#[derive(Debug, Serialize)]
pub(super) struct Migration {
    /// Its name.
    pub(super) name: String,
    /// Its file, as the user would write its path.
    pub(super) file: String,
    /// How it runs, and why so.
    #[serde(flatten)]
    pub(super) mode: Mode,
    /// An older one than is applied already.
    #[serde(rename = "out_of_order")]
    pub(super) is_out_of_order: bool,
    /// An earlier start ended within it; it goes on with this statement, counted from 0.
    pub(super) resumes_at: Option<usize>,
    /// Its statements.
    pub(super) statements: Vec<Statement>,
}

/// How a migration runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Mode {
    /// In one transaction, statement by statement, as the file has it, or by the tool.
    #[serde(rename = "mode")]
    pub(super) run: Run,
    /// Why.
    pub(super) reason: Option<Why>,
    /// The line of the statement that is the reason.
    pub(super) reason_line: Option<usize>,
    /// How many transactions it takes; 0 where doorstep does not know.
    pub(super) transactions: usize,
}

/// [`RunMode`], and the tool of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Run {
    Atomic,
    Steps,
    Whole,
    Tool,
}

/// [`Reason`] without its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Why {
    OwnTransaction,
    RefusesTransaction,
    CommitsItself,
    ControlsTransaction,
    MayCommit,
    MentionsCommit,
    Incomplete,
    Asked,
    Recorded,
}

/// A statement of a pending migration.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Statement {
    /// The line of the file.
    pub(super) line: usize,
    /// The statement in one line, without quoted texts.
    pub(super) sql: String,
    /// The transaction, counted from 0.
    pub(super) step: usize,
    /// Which tables it touches is unknown.
    #[serde(rename = "opaque")]
    pub(super) is_opaque: bool,
    /// What it does to tables that exist.
    pub(super) tables: Vec<TableView>,
}

/// What a statement does to a table that exists.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct TableView {
    /// The table, by its name before the start.
    pub(super) table: String,
    /// Its rows, as the statistics say.
    pub(super) rows: Option<u64>,
    /// Its size with indexes.
    pub(super) bytes: Option<u64>,
    /// The lock, as the server's manual calls it.
    pub(super) lock: &'static str,
    /// Whether SELECT of others waits meanwhile.
    pub(super) blocks_reads: Option<bool>,
    /// Whether INSERT, UPDATE and DELETE of others wait meanwhile.
    pub(super) blocks_writes: Option<bool>,
    /// The work under the lock.
    pub(super) work: &'static str,
    /// The line of a later statement of the same transaction whose work takes longer.
    pub(super) held_line: Option<usize>,
    /// That work.
    pub(super) held_work: Option<&'static str>,
}

/// A session that a migration would wait for.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct WaitView {
    /// The migration.
    pub(super) migration: String,
    /// The line of the statement.
    pub(super) line: usize,
    /// The table.
    pub(super) table: String,
    /// The lock that the statement needs.
    pub(super) needs: &'static str,
    /// The lock that the session has.
    pub(super) has: &'static str,
    /// How long its transaction has been open, in seconds.
    pub(super) seconds: Option<u64>,
    /// The session: process id, application, client, state, statement without quoted texts.
    pub(super) session: String,
}

/// What verify would find.
#[derive(Debug, Serialize)]
pub(super) struct Afterwards {
    /// Nothing that is certain would stop the start, and nothing is unclear.
    pub(super) ok: Option<bool>,
    #[serde(flatten)]
    pub(super) forecast: Forecast,
}

/// What a backup has to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Backup {
    /// All tables without their indexes.
    pub(super) bytes: u64,
    /// How long a dump takes at the assumed rate.
    pub(super) seconds: u64,
}

impl Backup {
    pub(super) fn of(bytes: u64) -> Self {
        Self { bytes, seconds: bytes.div_ceil(DUMP_RATE) }
    }
}

impl Plan {
    /// A plan of this folder without migrations, waits and findings.
    pub(super) fn new(place: Option<Place>, history: &History) -> Self {
        Self {
            place,
            folder: history.folder.path.display().to_string(),
            format: history.format.tool.name,
            verdict: history.verdict(),
            total: history.migrations.len(),
            blocked: None,
            uncertain: history.uncertainty().map(str::to_owned),
            schemas: Vec::new(),
            hooks: Vec::new(),
            command: None,
            migrate: "apply",
            migrations: Vec::new(),
            waits: None,
            verify: None,
            backup: None,
        }
    }

    /// The same of a start with its settings.
    pub(super) fn of(setup: &Setup, place: Place, history: &History) -> Self {
        Self {
            hooks: setup.hook_commands.shown_hooks(),
            command: setup.hook_commands.shown(),
            migrate: match setup.settings.mode {
                config::Mode::Apply => "apply",
                config::Mode::Await => "await",
                config::Mode::Off => "off",
            },
            ..Self::new(Some(place), history)
        }
    }
}

impl Mode {
    /// What the tool of the format does.
    pub(super) const TOOL: Self = Self { run: Run::Tool, reason: None, reason_line: None, transactions: 0 };

    pub(super) fn of(script: &Script, strategy: &Strategy<'_>) -> Self {
        let (reason, offset) = match strategy.reason {
            Reason::Plain => (None, None),
            Reason::OwnTransaction => (Some(Why::OwnTransaction), None),
            Reason::Refuses(at) => (Some(Why::RefusesTransaction), Some(at)),
            Reason::CommitsItself(at) => (Some(Why::CommitsItself), Some(at)),
            Reason::Controls(at) => (Some(Why::ControlsTransaction), Some(at)),
            Reason::MayCommit => (Some(Why::MayCommit), None),
            Reason::MentionsCommit => (Some(Why::MentionsCommit), None),
            Reason::Incomplete => (Some(Why::Incomplete), None),
            Reason::Asked => (Some(Why::Asked), None),
            Reason::Recorded => (Some(Why::Recorded), None),
        };
        let (run, transactions) = match strategy.mode {
            RunMode::Atomic => (Run::Atomic, 1),
            RunMode::Steps => (Run::Steps, strategy.steps.len()),
            RunMode::Whole => (Run::Whole, 0),
        };
        Self { run, reason, reason_line: offset.map(|at| script.line_at(at)), transactions }
    }
}

impl Statement {
    /// It does something to a table that exists, or may.
    pub(super) fn is_told(&self) -> bool {
        self.is_opaque || !self.tables.is_empty()
    }
}

impl From<StatementPreview> for Statement {
    fn from(preview: StatementPreview) -> Self {
        let StatementPreview { line, text, step, touches, is_opaque } = preview;
        Self { line, sql: text, step, is_opaque, tables: touches.iter().map(TableView::from).collect() }
    }
}

impl From<&Touch> for TableView {
    fn from(touch: &Touch) -> Self {
        let table = touch.size.as_ref().map(|size| size.table.to_string());
        Self {
            table: table.unwrap_or_else(|| touch.object.qualified_name()),
            rows: touch.size.as_ref().and_then(|size| size.rows),
            bytes: touch.size.as_ref().and_then(|size| size.bytes),
            lock: lock(touch.lock),
            blocks_reads: touch.lock.blocks_reads(),
            blocks_writes: touch.lock.blocks_writes(),
            work: work(touch.work),
            held_line: touch.held.map(|held| held.line),
            held_work: touch.held.map(|held| work(held.work)),
        }
    }
}

impl WaitView {
    pub(super) fn of(wait: &Wait, migrations: &[Migration]) -> Self {
        Self {
            migration: migrations.get(wait.migration).map(|it| it.name.clone()).unwrap_or_default(),
            line: wait.line,
            table: wait.table.to_string(),
            needs: wait.needs.name(),
            has: wait.has.name(),
            seconds: wait.since.map(|since| since.as_secs()),
            session: wait.peer.to_string(),
        }
    }
}

impl Afterwards {
    pub(super) fn of(forecast: Forecast, strictness: Strictness) -> Self {
        let stops = forecast.remaining.iter().any(|finding| verify::stops(finding, strictness));
        let is_certain = forecast.unclear.is_empty();
        let breaks = !forecast.broken.is_empty() && verify::threshold(strictness).is_some();
        let ok = if stops || breaks { Some(false) } else { is_certain.then_some(true) };
        Self { ok, forecast }
    }
}

/// The lock in the words of the server's manual.
fn lock(lock: Lock) -> &'static str {
    match lock {
        Lock::Table(lock) => lock.name(),
        Lock::Metadata(OnlineDdl::Rows) => "rows",
        Lock::Metadata(OnlineDdl::Instant) => "INSTANT",
        Lock::Metadata(OnlineDdl::Inplace) => "INPLACE, LOCK=NONE",
        Lock::Metadata(OnlineDdl::InplaceShared) => "INPLACE, LOCK=SHARED",
        Lock::Metadata(OnlineDdl::Copy) => "COPY, LOCK=SHARED",
        Lock::Metadata(OnlineDdl::Exclusive) => "LOCK=EXCLUSIVE",
        Lock::Database => "whole database",
        Lock::Unknown => "unknown",
    }
}

/// The work in a word.
fn work(work: Work) -> &'static str {
    match work {
        Work::None => "none",
        Work::Unknown => "unknown",
        Work::Rows => "rows",
        Work::Scan => "scan",
        Work::IndexBuild => "index build",
        Work::Rewrite => "rewrite",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_takes_a_second_for_each_50_mib_begun() {
        for (bytes, seconds) in [(0, 0), (1, 1), (50 << 20, 1), (100 << 20, 2), ((100 << 20) + 1, 3)] {
            assert_eq!(Backup::of(bytes), Backup { bytes, seconds });
        }
    }
}
