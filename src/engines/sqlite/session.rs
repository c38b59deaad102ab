//! An open file: SQLite's own lock, statement-by-statement execution, and cancelling.
//!
//! This is the only file of this engine that uses sqlx.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Either, Row as _, ValueRef as _};

use crate::base::fault::{Class, Condition, Fault, Place};
use crate::base::file::irregular;
use crate::engines::engine::{Engine, Probe, ProbeRequest, first_column};
use crate::engines::session::{Canceller, Conditions, Failure, LockKey, Rollback, Unit, UnitResult, Work};
use crate::engines::sqlite::Target;
use crate::engines::sqlite::catalog::Sqlite;
use crate::engines::sqlite::guard::Guard;
use crate::sql::Row;

/// Virtual machine steps between two looks at the stop flag: some microseconds of work.
const STEPS_PER_LOOK: i32 = 1000;

/// Opens the file; it must exist.
pub(crate) async fn open(target: &Target, request: &ProbeRequest) -> Result<(Session, Probe), Fault> {
    if !target.path.exists() {
        let text = format!("the file {} does not exist", target.shown());
        return Err(Fault::new(Class::NoDatabase, text));
    }
    // SQLite would wait for a FIFO, and write to a device.
    if let Some(error) = std::fs::metadata(&target.path).ok().and_then(|metadata| irregular(&metadata)) {
        let text = format!("{} cannot be a database: {error}", target.shown());
        let condition = target.path.is_dir().then_some(Condition::IsDirectory);
        return Err(Fault { condition, ..Fault::new(Class::Config, text) });
    }
    let mut connection = options(&target.path).connect().await.map_err(|error| fault(&error))?;
    let stop = Arc::new(AtomicBool::new(false));
    let go_on = {
        let stop = Arc::clone(&stop);
        move || !stop.load(Ordering::SeqCst)
    };
    let mut handle = connection.lock_handle().await.map_err(|error| fault(&error))?;
    handle.set_progress_handler(STEPS_PER_LOOK, go_on);
    drop(handle);
    let mut session = Session { connection, stop, path: target.path.clone(), guard: Guard::Unopened };
    let query = Sqlite.probe(request);
    let rows = session.run(query.sql.clone().unwrap_or_default()).await?;
    if std::fs::metadata(&target.path).is_ok_and(|file| file.permissions().readonly()) {
        let text = format!("the file {} is read-only for this user", target.shown());
        return Err(Fault::new(Class::Privilege, text));
    }
    Ok((session, query.read(rows)?))
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(Duration::ZERO).disable_statement_logging()
}

/// An open file.
pub(crate) struct Session {
    connection: SqliteConnection,
    stop: Arc<AtomicBool>,
    path: PathBuf,
    /// The file once more, for the lock that remains while SQLite's own is suspended. Kept open to the end: POSIX removes
    /// all locks of a process on a file when the process closes any descriptor of it.
    guard: Guard,
}

impl Session {
    async fn run(&mut self, sql: String) -> Result<Vec<Row>, Fault> {
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.connection).await;
        Ok(rows.map_err(|error| fault(&error))?.iter().map(texts).collect())
    }

    /// All in one transaction: SQLite would commit each statement apart.
    async fn run_atomically(&mut self, sql: String) -> Result<(), Fault> {
        let result = self.run(format!("BEGIN IMMEDIATE; {sql}; COMMIT")).await;
        if result.is_err() {
            let _ = self.run("ROLLBACK".to_owned()).await;
        }
        result.map(drop)
    }

    /// Runs a script statement by statement, as the driver does; on a failure says how many were done.
    async fn stream(&mut self, sql: &str) -> Result<(), (Fault, usize)> {
        let mut done = 0;
        let mut results = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_many(&mut self.connection);
        while let Some(result) = results.next().await {
            match result {
                Ok(Either::Left(_)) => done += 1,
                Ok(Either::Right(_)) => {}
                Err(error) => return Err((fault(&error), done)),
            }
        }
        Ok(())
    }

    async fn run_one(&mut self, unit: &Unit<'_>) -> Result<(), Failure> {
        let Some(record) = unit.record else { return self.run_plain(unit.sql).await };
        self.run("BEGIN IMMEDIATE".to_owned()).await.map_err(Failure::without_effect)?;
        let result = match self.stream(unit.sql).await {
            Ok(()) => match self.record(unit.clears, record).await {
                // What fails only now, a deferred constraint, is the script's.
                Ok(()) => self.run("COMMIT".to_owned()).await.map(drop).map_err(Failure::without_effect),
                Err(fault) => Err(Failure { of_record: true, ..Failure::without_effect(fault) }),
            },
            Err((fault, done)) => Err(Failure::without_effect(Fault { place: Some(Place::Statement(done)), ..fault })),
        };
        self.stop.store(false, Ordering::SeqCst);
        if result.is_err() {
            let _ = self.run("ROLLBACK".to_owned()).await;
        }
        result
    }

    /// The record, which must change one row.
    async fn record(&mut self, clears: Option<&str>, record: &str) -> Result<(), Fault> {
        if let Some(clears) = clears {
            self.run(clears.to_owned()).await?;
        }
        let changed = self.run(format!("{record}; SELECT changes()")).await?;
        if first_column(changed) != ["1"] {
            return Err(Fault::new(Class::Statement, "the row in the history is not ours any more"));
        }
        Ok(())
    }

    async fn run_plain(&mut self, sql: &str) -> Result<(), Failure> {
        let failed = self.stream(sql).await.err();
        self.stop.store(false, Ordering::SeqCst);
        // A script's own transaction must not swallow the bookkeeping; outside one, ROLLBACK is an error
        // that means all is well.
        let left_open = self.run("ROLLBACK".to_owned()).await.is_ok();
        // Nor may what it set: Prisma's own scripts turn foreign keys off and, if they fail, not on again.
        let settings = "PRAGMA query_only = OFF; PRAGMA foreign_keys = ON; PRAGMA main.locking_mode = EXCLUSIVE";
        let _ = self.run(settings.to_owned()).await;
        // SQLite commits statement by statement, as Prisma runs it.
        let kept = |done| if done == 0 { Rollback::Complete } else { Rollback::Partial };
        match failed {
            None if !left_open => Ok(()),
            None => {
                let text = "the script leaves a transaction open (BEGIN without COMMIT), which would be lost; it was rolled back";
                Err(Failure {
                    fault: Fault::new(Class::Statement, text),
                    kept: Rollback::Partial,
                    of_record: false,
                    repeatable: false,
                    of_next: false,
                })
            }
            Some((fault, done)) => {
                let fault = Fault { place: Some(Place::Statement(done)), ..fault };
                Err(Failure { fault, kept: kept(done), of_record: false, repeatable: false, of_next: false })
            }
        }
    }
}

impl crate::engines::session::Session for Session {
    fn engine(&self) -> &'static dyn Engine {
        &Sqlite
    }

    fn query(&mut self, sql: String) -> Work<'_, Vec<Row>> {
        Box::pin(self.run(sql))
    }

    fn execute(&mut self, sql: String) -> Work<'_, ()> {
        Box::pin(self.run_atomically(sql))
    }

    /// SQLite has neither a lock timeout nor application names.
    fn begin<'a>(&'a mut self, record: String, _conditions: Conditions<'a>) -> Work<'a, ()> {
        Box::pin(self.run_atomically(record))
    }

    fn run_unit<'a>(&'a mut self, unit: &'a Unit<'a>) -> UnitResult<'a> {
        Box::pin(self.run_one(unit))
    }

    /// Prisma's lock on SQLite: exclusive locking mode. Prisma's begins with its first write, this one at once, so that
    /// of two replicas only one can have it.
    fn try_lock(&mut self, _key: LockKey) -> Work<'_, bool> {
        Box::pin(async move {
            if !self.guard.lock(&self.path) {
                return Ok(false);
            }
            let sql = "PRAGMA main.locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT";
            match self.run(sql.to_owned()).await {
                Ok(_) => Ok(true),
                Err(fault) if fault.class == Class::Held => {
                    // A shared lock kept by the exclusive mode would block the other side for ever.
                    self.suspend_lock().await.ok();
                    self.guard.unlock();
                    Ok(false)
                }
                Err(fault) => Err(fault),
            }
        })
    }

    fn suspend_lock(&mut self) -> Work<'_, ()> {
        let sql = "PRAGMA main.locking_mode = NORMAL; SELECT 1 FROM sqlite_master LIMIT 1";
        Box::pin(async move { self.run(sql.to_owned()).await.map(drop) })
    }

    fn only_read(&mut self, _limit: Duration) -> Work<'_, ()> {
        Box::pin(async move { self.run("PRAGMA query_only = ON".to_owned()).await.map(drop) })
    }

    fn canceller(&self) -> Canceller {
        let stop = Arc::clone(&self.stop);
        Box::new(move || {
            stop.store(true, Ordering::SeqCst);
            Box::pin(std::future::ready(()))
        })
    }

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            let _ = self.connection.close().await;
        })
    }
}

fn texts(row: &SqliteRow) -> Row {
    let text = |index| {
        let value = row.try_get_raw(index).ok().filter(|value| !value.is_null())?;
        // SQLite converts any value to text when asked for one.
        <String as sqlx::Decode<sqlx::Sqlite>>::decode(value).ok()
    };
    (0..row.len()).map(text).collect()
}

fn fault(error: &sqlx::Error) -> Fault {
    let sqlx::Error::Database(error) = error else {
        return Fault::new(Class::Statement, error.to_string());
    };
    let code = error.code().unwrap_or_default().parse::<i32>().unwrap_or(0);
    // Primary result codes are the low byte (sqlite.org/rescode.html).
    let class = match code & 0xff {
        5 | 6 => Class::Held,
        // No memory, an input or output error, a full disk.
        7 | 10 | 13 => Class::Busy,
        8 => Class::Privilege,
        9 => Class::Cancelled,
        14 => Class::Privilege,
        26 => Class::Config,
        _ => Class::Statement,
    };
    let condition = match code & 0xff {
        26 => Some(Condition::NoDatabaseFile),
        // SQLite has no code of its own for it (sqlite3.c: resolve.c).
        1 if error.message().starts_with("no such column: ") => Some(Condition::NoColumn),
        _ => None,
    };
    Fault { code: Some(code.to_string()), condition, ..Fault::new(class, error.message()) }
}
