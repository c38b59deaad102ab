//! One session on one database engine: what has state (the connection, its lock, its settings).
//!
//! An engine implements [`Session`] with the few methods that need the connection, and [`Engine`] with the SQL texts of
//! its catalog and how their rows are read. What callers ask beyond that (`probe`, `catalog`, `explain`, …) is written
//! once for all engines, in [`super::queries`], on `dyn Session`.
//!
//! A session never retries and never corrects what the user wrote: it returns a [`Fault`] with the right class, and the
//! steps above (`startup`, `migrate`, `verify`) decide what to do.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use crate::base::fault::Fault;
use crate::engines::engine::Engine;
use crate::engines::inspector::{LoginFacts, Pooling};
use crate::engines::peer::Peer;
use crate::sql::script::Statement;
use crate::sql::{Dialect, Row};

pub(crate) use crate::engines::engine::{
    AvailableExtension, InvalidTwin, Missing, ObjectState, Probe, ProbeRequest, Scope, Setting, TableIndex,
};

/// What every session method returns: boxed, so that callers hold a `dyn Session` and are compiled once for all engines.
pub(crate) type Work<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + 'a>>;

/// What running a [`Unit`] returns.
pub(crate) type UnitResult<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>>;

/// Cancels the statement that a session is running; usable while the session is busy.
pub(crate) type Canceller = Box<dyn Fn() -> Pin<Box<dyn Future<Output = ()>>>>;

/// Lists the sessions that block a busy session, through a connection of its own.
pub(crate) type Observer = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Vec<Peer>, Fault>>>>>;

/// Takes one row, as it arrives, with the number of the statement in the message that it answers, from 0.
pub(crate) type RowSink<'a> = &'a mut dyn FnMut(usize, &[Option<&str>]) -> Result<(), Fault>;

/// The migration lock, in the two forms that engines know: PostgreSQL locks a number, MySQL a name. SQLite locks the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockKey {
    /// For `pg_advisory_lock`.
    pub number: i64,
    /// For `GET_LOCK`, whose names are those of the whole server.
    pub name: LockName,
    /// Other sessions may share it: it excludes only those that want it for themselves. Only engines with schemas know that.
    pub is_shared: bool,
}

impl LockKey {
    /// A lock that a session has for itself.
    #[must_use]
    pub const fn new(number: i64, name: LockName) -> Self {
        Self { number, name, is_shared: false }
    }

    /// The same lock, taken together with others.
    #[must_use]
    pub(crate) const fn shared(self) -> Self {
        Self { is_shared: true, ..self }
    }
}

/// The name of a lock of a server that locks names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockName {
    /// This text: databases of one server that use it wait for each other.
    OfServer(&'static str),
    /// This text with the name of the session's database.
    OfDatabase(&'static str),
    /// This text with the key's number in decimal digits, for tools that put where their history is into a number.
    Numbered(&'static str),
    /// The key's number in hexadecimal digits of lower case.
    Hexadecimal,
}

/// One connection, one session: the lock, `SET`s and the transaction state belong to it.
pub trait Session {
    /// The stateless part of this session's engine.
    fn engine(&self) -> &'static dyn Engine;

    /// Runs doorstep's own queries (one message, several statements are allowed) and returns all rows as text.
    fn query(&mut self, sql: String) -> Work<'_, Vec<Row>>;

    /// The same, one row at a time, for results that should not be held in memory twice. An engine without statements that
    /// answer one by one gives all rows the number 0.
    fn each_row<'a>(&'a mut self, sql: String, take: RowSink<'a>) -> Work<'a, ()> {
        Box::pin(async move {
            for row in self.query(sql).await? {
                take(0, &row.iter().map(Option::as_deref).collect::<Vec<_>>())?;
            }
            Ok(())
        })
    }

    /// Runs doorstep's own statements, in one transaction where the engine has transactional DDL.
    fn execute(&mut self, sql: String) -> Work<'_, ()>;

    /// Writes the row that says a migration has started, and applies `conditions` to the session; one round trip.
    fn begin<'a>(&'a mut self, record: String, conditions: Conditions<'a>) -> Work<'a, ()>;

    /// Whether it heeds the `next` of a `Unit`.
    fn sends_next(&self) -> bool {
        false
    }

    /// Runs a migration's script, or a piece of it, exactly as it is written. Afterwards no transaction is open,
    /// even if the script left one, and after the last piece the script's settings are gone.
    fn run_unit<'a>(&'a mut self, unit: &'a Unit<'a>) -> UnitResult<'a>;

    /// Between the pieces of a file: whether what the session does next is done in the settings that the file has made, or in the
    /// session's own. A piece that failed leads to the session's own.
    fn stay_in_file(&mut self, _stays: bool) {}

    /// The schemas in which names without one are looked up after these statements, of which nothing stays; none for an engine without
    /// schemas.
    ///
    /// # Errors
    /// Where one of the statements fails.
    fn schemas_after(&mut self, _statements: String) -> Work<'_, Vec<String>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Whether the session's settings leave the definitions of tables as any other session is shown them; `false` where the engine
    /// needs no definitions.
    fn shows_definitions(&mut self) -> Work<'_, bool> {
        Box::pin(std::future::ready(Ok(false)))
    }

    /// Tries to take a migration lock; never blocks. A session may take several, one for each key. They last until the
    /// session ends: an engine takes them again after each script, in case the script has released them.
    ///
    /// # Errors
    /// `Class::Config` where a session lock excludes nothing: behind a pooler in transaction mode.
    fn try_lock(&mut self, key: LockKey) -> Work<'_, bool>;

    /// Makes `schema` the place of unqualified names, with the schemas of `path` behind it; a session that has worked elsewhere
    /// is as new then: without locks, settings and temporary tables. No round trip, one for a session that has held a lock.
    ///
    /// # Errors
    /// `Class::Config` for an engine without schemas.
    fn enter_schema<'a>(&'a mut self, schema: &'a str, _path: &'a [String]) -> Work<'a, ()> {
        let text = format!("{} has no schemas, so `{schema}` cannot be entered", self.engine().dialect().product());
        Box::pin(std::future::ready(Err(Fault::new(crate::base::fault::Class::Config, text))))
    }

    /// Prepares the session to hold the lock while it is idle and a child process works on the data: lifts the limits of
    /// time that would end it, and lets others work on the data (SQLite locks the data file itself). The lock still
    /// excludes other doorsteps. [`Session::try_lock`] ends this.
    fn suspend_lock(&mut self) -> Work<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Completes when the connection of the idle session ends, with the reason. It may be dropped at any time.
    fn until_closed(&mut self) -> Pin<Box<dyn Future<Output = Fault> + '_>> {
        Box::pin(std::future::pending())
    }

    /// Asks whether the session still has its lock; between [`Session::suspend_lock`] and [`Session::try_lock`].
    ///
    /// # Errors
    /// A transient fault where the lock is lost.
    fn check_lock(&mut self) -> Work<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Shows other doorsteps that a child of this one runs, with a second session: it keeps them from starting their own
    /// until this child has ended, also where the session that holds the lock ends first.
    fn mark_child(&self, _key: LockKey) -> Work<'_, ChildMark> {
        Box::pin(std::future::ready(Ok(ChildMark::Unavailable)))
    }

    /// How it logged in.
    fn login(&self) -> LoginFacts {
        LoginFacts::default()
    }

    /// What stands between the session and its server, found with further sessions; `None` where the engine has no poolers.
    fn pooling(&mut self) -> Work<'_, Option<Pooling>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// From now on the server refuses every write of this session, and ends its statements after `limit`, where the engine can,
    /// and where no other client shares the session's settings.
    fn only_read(&mut self, _limit: Duration) -> Work<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// See `Canceller`.
    fn canceller(&self) -> Canceller;

    /// See `Observer`; `None` for an engine that reports a lock at once instead of waiting for it.
    fn observer(&self) -> Option<Observer> {
        None
    }

    /// Ends the session in an orderly way; its locks are released when this returns.
    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()>>>;
}

/// What became of [`Session::mark_child`].
pub enum ChildMark {
    /// The mark lasts until this session is closed.
    Set(Box<dyn Session>),
    /// A child of another doorstep is still running; the session that says so, where the engine names it.
    Taken(Option<Peer>),
    /// The engine has no such mark, or a pooler may have no second session to give.
    Unavailable,
}

impl dyn Session + '_ {
    /// How the engine writes SQL.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.engine().dialect()
    }
}

/// A script, or a piece of one, and the row of the history that belongs to it.
#[derive(Debug, Clone, Copy)]
pub struct Unit<'a> {
    /// The text, as the file has it.
    pub sql: &'a str,
    /// Its statements.
    pub statements: &'a [Statement<'a>],
    /// A statement that must change exactly one row of the history, or the unit fails.
    pub record: Option<&'a str>,
    /// A statement before the record, in its transaction; it may change any number of rows.
    pub clears: Option<&'a str>,
    /// The text refuses a transaction: the record is written after it, instead of in the same transaction.
    pub alone: bool,
    /// A statement to be committed before the text.
    pub announcement: Option<&'a str>,
    /// What the caller will ask next by [`Session::query`] if the unit succeeds: an engine may send it along.
    pub read_ahead: Option<&'a str>,
    /// The last piece of its file: the session returns to its own settings.
    pub last: bool,
    /// What begins the next file, in the transaction of the record; only with the last piece, and only where the session
    /// [sends it](Session::sends_next).
    pub next: Option<Next<'a>>,
    /// The settings of the session meanwhile.
    pub conditions: Conditions<'a>,
}

/// How the next file begins.
#[derive(Debug, Clone, Copy)]
pub struct Next<'a> {
    /// The statement that writes its row, if it has one.
    pub record: Option<&'a str>,
    /// The settings of the session for it.
    pub conditions: Conditions<'a>,
}

/// Settings of a session while a script runs, until the script itself changes them.
#[derive(Debug, Clone, Copy)]
pub struct Conditions<'a> {
    /// `lock_timeout`, where the engine has one; `None` leaves the session's.
    pub lock_timeout: Option<Duration>,
    /// The application name.
    pub label: &'a str,
}

/// A script that failed, and what it left behind.
#[derive(Debug)]
pub struct Failure {
    /// The database's error.
    pub fault: Fault,
    /// What of the script is still there.
    pub kept: Rollback,
    /// The script itself ran; writing its record failed.
    pub of_record: bool,
    /// The next start can find out whether it was done, or run it again.
    pub repeatable: bool,
    /// The script and its record ran; what begins the next file was refused.
    pub of_next: bool,
}

impl Failure {
    /// A failure that left nothing behind.
    pub(crate) fn without_effect(fault: Fault) -> Self {
        Self { fault, kept: Rollback::Complete, of_record: false, repeatable: false, of_next: false }
    }
}

/// What a failed script left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rollback {
    /// Everything was certainly rolled back.
    Complete,
    /// The script commits parts of itself, or runs statements that no transaction covers.
    Partial,
    /// The connection broke before the server answered.
    Unknown,
}
