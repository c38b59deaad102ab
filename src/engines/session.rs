//! One session on one database engine. The engines are dumb on purpose: they know their SQL, their wire
//! and their error codes; what to do with them is decided by the steps (`wait`, `migrate`, …).
//!
//! To add an engine: write `engine/<name>.rs` with a target (parsed URL) and an `impl Session`, add it to
//! [`Target`], and let the contract suite in `tests/it/contract.rs` run on it. An engine never retries
//! and never corrects what the user wrote: it returns a [`Fault`] with the right class. Of the environment
//! it gets a snapshot, for the variables that its own clients read (`PG*`).

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::base::fault::Fault;
use crate::catalog::{Access, Catalog, Name};
use crate::engines::peer::Peer;
use crate::engines::query_plan::QueryPlan;
use crate::sql::script::Statement;
use crate::sql::{Dialect, ObjectRef, Row, TableName};

/// What every session method returns: boxed, so that the steps can hold a `dyn Session` and stay one
/// piece of machine code for all engines.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + 'a>>;

/// What running a script returns.
pub(crate) type Attempt<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

/// A way to stop the statement that a session is running, usable while the session is busy.
pub(crate) type Canceller = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()>>>>;

/// A look, through a session of its own, at who keeps a busy session waiting.
pub(crate) type Observer = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Vec<Peer>, Fault>>>>>;

/// One connection, one session: the lock, `SET`s and the transaction state belong to it.
pub trait Session {
    /// How names and texts are quoted.
    fn dialect(&self) -> Dialect;

    /// One look at all that decides whether anything is to be done; one round trip.
    ///
    /// # Errors
    /// [`Class::ReadOnly`](crate::base::fault::Class::ReadOnly) when the server takes no writes.
    fn probe<'a>(&'a mut self, wanted: &'a ProbeRequest) -> Work<'a, Probe>;

    /// Runs one query of doorstep's own.
    fn rows(&mut self, sql: String) -> Work<'_, Vec<Row>>;

    /// Runs statements of doorstep's own, atomically where the engine can.
    fn execute(&mut self, sql: String) -> Work<'_, ()>;

    /// Writes the record that a migration begins, and puts the session in the conditions of its script; one round
    /// trip.
    fn begin<'a>(&'a mut self, record: String, conditions: Conditions<'a>) -> Work<'a, ()>;
    /// Runs a migration's script, or a piece of it, exactly as it is and in one message, where the engine has
    /// messages. Leaves no transaction open, whatever the script did, and with the last piece nothing that the
    /// script set.
    fn script<'a>(&'a mut self, unit: &'a Unit<'a>) -> Attempt<'a>;
    /// Tries to take the migration lock; never blocks. The lock lasts until the session ends: it is taken
    /// again after each script, in case the script has dropped it.
    ///
    /// # Errors
    /// [`Class::Config`](crate::base::fault::Class::Config) where a session lock means nothing, behind a transaction-mode pooler.
    fn try_lock(&mut self, key: i64) -> Work<'_, bool>;

    /// Lets other processes at the data, while the lock goes on to keep other doorsteps away: SQLite's is on the file
    /// itself. [`Session::try_lock`] takes it back.
    fn suspend_lock(&mut self) -> Work<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Who holds that lock; `None` when nobody does, or the engine cannot tell.
    fn lock_holder(&mut self, key: i64) -> Work<'_, Option<Peer>>;
    /// Another session whose statement of this moment holds this text.
    fn running_session<'a>(&'a mut self, text: &'a str) -> Work<'a, Option<Peer>>;
    /// What there is of each object; `since` names a row (`table WHERE condition`), and with it the moment that
    /// tells old from new. One round trip.
    fn object_states<'a>(&'a mut self, objects: &'a [ObjectRef], since: Option<&'a str>) -> Work<'a, Vec<ObjectState>>;

    /// Creates a schema; one that appeared meanwhile is fine.
    fn create_schema<'a>(&'a mut self, name: &'a str) -> Work<'a, ()>;

    /// Names of the schemas that are neither the engine's nor an extension's.
    fn schemas(&mut self) -> Work<'_, Vec<String>>;

    /// Names of ordinary tables in the schemas that decide whether a database is "empty" (all of them
    /// when the engine has no schemas).
    fn tables_in<'a>(&'a mut self, schemas: &'a [String]) -> Work<'a, Vec<String>>;

    /// Those of `tables` that do not exist, or not for the role of the scope; one round trip.
    fn missing_tables<'a>(&'a mut self, tables: &'a [TableName], role: Option<&'a str>) -> Work<'a, Vec<Missing>>;

    /// What the scope holds, as far as a service can need it; one round trip, and no right beyond what every
    /// role has. Relations of other schemas are among the views: where to look for what is missing.
    fn catalog<'a>(&'a mut self, scope: &'a Scope<'a>) -> Work<'a, Catalog>;

    /// Ways to run each query, without one that reads a whole table where the engine can leave it out; or why there is
    /// none. Executes nothing; one round trip if no query is refused.
    fn explain<'a>(&'a mut self, queries: &'a [&'a str]) -> Work<'a, Vec<Result<Vec<QueryPlan>, Fault>>>;
    /// The truth value that each query gives, in a transaction that cannot write and in which no row is hidden: what
    /// would be, is a fault. One round trip if no query is refused.
    fn query_bools<'a>(&'a mut self, queries: &'a [String]) -> Work<'a, Vec<Result<bool, Fault>>>;

    /// See [`Canceller`].
    fn canceller(&self) -> Canceller;
    /// See [`Observer`]; `None` for an engine in which nobody waits in silence.
    fn observer(&self) -> Option<Observer>;

    /// Ends the session in an orderly way; locks are released by the time it returns.
    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()>>>;
}

/// What a start wants to find, for [`Session::probe`].
#[derive(Debug, Clone, Default)]
pub struct ProbeRequest {
    /// Schemas that should exist.
    pub schemas: Vec<String>,
    /// Name of the history table to locate.
    pub history: Option<String>,
}

/// What of a database is looked at, for [`Session::catalog`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Scope<'a> {
    /// Schemas; an engine without them looks at everything.
    pub schemas: &'a [String],
    /// The role whose access counts; `None` for the session's own.
    pub role: Option<&'a str>,
}

/// What a probe found.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    /// Product and version, for the log.
    pub server: String,
    /// ProbeRequest schemas that do not exist.
    pub missing_schemas: Vec<String>,
    /// Where the history table is; `None` when it is nowhere on the search path.
    pub history: Option<TableName>,
    /// Where an unqualified `CREATE TABLE` would land; `None` when the search path leads nowhere.
    pub current_schema: Option<String>,
    /// The database's name, for GRANTs.
    pub database: String,
    /// The session's role, for GRANTs.
    pub role: String,
}

/// A script, or a piece of one, and what is to be recorded with it.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'a> {
    /// The text, as the file has it.
    pub sql: &'a str,
    /// Its statements.
    pub statements: &'a [Statement<'a>],
    /// A statement that must change exactly one row of the history, or the unit fails.
    pub record: Option<&'a str>,
    /// The text refuses a transaction: the record follows it, where it would otherwise commit with it.
    pub alone: bool,
    /// A statement to be committed before the text.
    pub announcement: Option<&'a str>,
    /// The last piece of its file: the session goes back to its own settings.
    pub last: bool,
    /// What holds for the session meanwhile.
    pub conditions: Conditions<'a>,
}

/// What holds for a session while a script runs, until the script says otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Conditions<'a> {
    /// `lock_timeout`, where the engine has one; `None` leaves the session's.
    pub lock_timeout: Option<Duration>,
    /// What the session calls itself.
    pub label: &'a str,
}

/// A script that failed, and what it left behind.
#[derive(Debug)]
pub struct Failure {
    /// What the database said.
    pub fault: Fault,
    /// What of the script is still there.
    pub kept: Rollback,
    /// The script itself ran; it was the record that failed.
    pub of_record: bool,
    /// The next start can find out whether it was done, or do it again.
    pub repeatable: bool,
}

impl Failure {
    /// A failure that left nothing behind.
    pub(crate) fn without_effect(fault: Fault) -> Self {
        Self { fault, kept: Rollback::Complete, of_record: false, repeatable: false }
    }
}

/// What there is of an object that a script creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObjectState {
    /// Nothing.
    Absent,
    /// It was there before the moment in question.
    Older,
    /// One transaction has made it after that, and nobody has altered it since; its number.
    Newer(String),
    /// It is there, and nobody can tell since when.
    Present,
    /// An index whose build was interrupted.
    Invalid,
}

/// What a failed script left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollback {
    /// Everything was rolled back, for certain.
    Complete,
    /// The script commits parts of itself, or runs statements that no transaction covers.
    Partial,
    /// The connection was lost, and with it the answer.
    Unknown,
}

/// A required table that the service cannot use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// As required, with the schema it was looked for in, where that is certain.
    pub table: TableName,
    /// Tables of the same name elsewhere, or in another case: the likely slip.
    pub similar: Vec<TableName>,
    /// It is there, and this is all that the role may do with it.
    pub hidden: Option<(Name, Access)>,
}

/// The first value of each row, where there is one.
pub(crate) fn first_column(rows: Vec<Row>) -> Vec<String> {
    rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}
