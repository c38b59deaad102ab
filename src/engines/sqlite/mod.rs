//! SQLite: one file, no server, no schemas. The embedded default of the quick start, with the same
//! pipeline as a server.

pub(crate) mod explain;
pub(crate) mod guard;
pub(crate) mod introspect;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use percent_encoding::percent_decode_str;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Either, Row as _, ValueRef as _};

use crate::engines::sqlite::guard::Guard;

use crate::base::error::Error;
use crate::base::fault::{Class, Fault, Place};
use crate::catalog::Catalog;
use crate::engines::peer::Peer;
use crate::engines::query_plan::QueryPlan;
use crate::engines::session::{
    Attempt, Canceller, Conditions, Failure, Missing, ObjectState, Observer, Probe, ProbeRequest, Rollback, Scope,
    Unit, Work, first_column,
};
use crate::engines::target::{EngineTarget, Opened};
use crate::sql::{Dialect, ObjectKind, ObjectRef, Row, TableName};

const SQL: Dialect = Dialect::Sqlite;

/// Virtual machine steps between two looks at the stop flag: some microseconds of work.
const STEPS_PER_LOOK: i32 = 1000;

/// A parsed SQLite URL.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    path: PathBuf,
}

impl Target {
    /// `file:./dev.db?…` (Prisma), `sqlite:dev.db`, `sqlite://dev.db`, `sqlite:///abs/dev.db` (dbmate, sqlx),
    /// `sqlite+aiosqlite:///dev.db` (SQLAlchemy: three slashes are relative, four absolute).
    pub(crate) fn parse(url: &str, base: &Path) -> Result<Self, Error> {
        let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
        let rest = rest.split('?').next().unwrap_or_default();
        let is_sqlalchemy = scheme.contains('+');
        let path = match rest.strip_prefix("//") {
            Some(path) if is_sqlalchemy => path.strip_prefix('/').unwrap_or(path),
            Some(path) => path,
            None => rest,
        };
        let path = path.strip_prefix("localhost/").map_or(path.to_owned(), |path| format!("/{path}"));
        let path = percent_decode_str(&path).decode_utf8_lossy();
        if path.is_empty() || path.contains(":memory:") {
            return Err(Error::Settings(
                "the database URL names no file: a database in memory would be gone before the service starts\n\
                 next: write file:./dev.db"
                    .to_owned(),
            ));
        }
        // Prisma 6 and older start from the schema's directory, everyone else from the working directory.
        let base = if scheme == "file" { base } else { Path::new("") };
        Ok(Self { path: base.join(path.as_ref()) })
    }

    /// Removes the file, and what SQLite may have put beside it.
    fn remove(&self) -> Result<(), Fault> {
        for suffix in ["-journal", "-wal", "-shm", ""] {
            let mut path = self.path.clone().into_os_string();
            path.push(suffix);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Fault::new(Class::Privilege, format!("cannot remove {}: {error}", path.display())));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn options(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new().filename(&self.path).busy_timeout(Duration::ZERO).disable_statement_logging()
    }
}

impl EngineTarget for Target {
    fn address(&self) -> String {
        self.path.display().to_string()
    }

    fn dialect(&self) -> Dialect {
        SQL
    }

    fn open<'a>(&'a self, request: &'a ProbeRequest) -> Work<'a, Opened> {
        Box::pin(async move {
            let mut session = open(self).await?;
            let probe = crate::engines::session::Session::probe(&mut session, request).await?;
            Ok((Box::new(session) as _, probe))
        })
    }

    fn create_database(&self) -> Work<'_, ()> {
        Box::pin(create_database(self))
    }

    fn scratch(&self, name: &str) -> Arc<dyn EngineTarget> {
        Arc::new(Self { path: std::env::temp_dir().join(format!("{name}.db")) })
    }

    fn drop_scratch(&self) -> Work<'_, ()> {
        Box::pin(std::future::ready(self.remove()))
    }
}

/// Opens the file; it must exist.
async fn open(target: &Target) -> Result<Session, Fault> {
    if !target.path.exists() {
        let text = format!("the file {} does not exist", target.path.display());
        return Err(Fault::new(Class::NoDatabase, text));
    }
    let mut connection = target.options().connect().await.map_err(|error| fault(&error))?;
    let stop = Arc::new(AtomicBool::new(false));
    let go_on = {
        let stop = Arc::clone(&stop);
        move || !stop.load(Ordering::SeqCst)
    };
    let mut handle = connection.lock_handle().await.map_err(|error| fault(&error))?;
    handle.set_progress_handler(STEPS_PER_LOOK, go_on);
    drop(handle);
    Ok(Session { connection, stop, path: target.path.clone(), guard: Guard::Unopened })
}

/// Creates the file and its directory, as Prisma does.
async fn create_database(target: &Target) -> Result<(), Fault> {
    let refused = |error: std::io::Error| {
        Fault::new(Class::Privilege, format!("cannot create {}: {error}", target.path.display()))
    };
    if let Some(directory) = target.path.parent().filter(|path| !path.as_os_str().is_empty()) {
        std::fs::create_dir_all(directory).map_err(refused)?;
    }
    match std::fs::OpenOptions::new().write(true).create_new(true).open(&target.path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(refused(error)),
        _ => Ok(()),
    }
}

/// An open file.
pub(crate) struct Session {
    connection: SqliteConnection,
    stop: Arc<AtomicBool>,
    path: PathBuf,
    /// The file once more, for the lock that remains when it is lent. Rollback to the end: POSIX takes SQLite's locks away
    /// from a process that closes any descriptor of the file.
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

    async fn run_unit(&mut self, unit: &Unit<'_>) -> Result<(), Failure> {
        let Some(record) = unit.record else { return self.run_plain(unit.sql).await };
        self.run("BEGIN IMMEDIATE".to_owned()).await.map_err(Failure::without_effect)?;
        let result = match self.stream(unit.sql).await {
            Ok(()) => match self.record(record).await {
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
    async fn record(&mut self, record: &str) -> Result<(), Fault> {
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
                })
            }
            Some((fault, done)) => {
                let fault = Fault { place: Some(Place::Statement(done)), ..fault };
                Err(Failure { fault, kept: kept(done), of_record: false, repeatable: false })
            }
        }
    }

    async fn relations(&mut self) -> Result<Vec<String>, Fault> {
        let sql =
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
        Ok(first_column(self.run(sql.to_owned()).await?))
    }
}

impl crate::engines::session::Session for Session {
    fn dialect(&self) -> Dialect {
        SQL
    }

    fn probe<'a>(&'a mut self, wanted: &'a ProbeRequest) -> Work<'a, Probe> {
        Box::pin(async move {
            let table = SQL.literal(wanted.history.as_deref().unwrap_or_default());
            let sql = format!(
                "SELECT sqlite_version(), (SELECT name FROM sqlite_master WHERE type = 'table' AND name = {table}), \
                 (SELECT query_only FROM pragma_query_only)"
            );
            let row = self.run(sql).await?.pop().unwrap_or_default();
            let value = |index: usize| row.get(index).cloned().flatten();
            if std::fs::metadata(&self.path).is_ok_and(|file| file.permissions().readonly()) {
                let text = format!("the file {} is read-only for this user", self.path.display());
                return Err(Fault::new(Class::Privilege, text));
            }
            Ok(Probe {
                server: format!("SQLite {}", value(0).unwrap_or_default()),
                history: value(1).map(|name| TableName { schema: None, name }),
                ..Probe::default()
            })
        })
    }

    fn rows(&mut self, sql: String) -> Work<'_, Vec<Row>> {
        Box::pin(self.run(sql))
    }

    fn execute(&mut self, sql: String) -> Work<'_, ()> {
        Box::pin(self.run_atomically(sql))
    }

    /// The file's lock is ours as a whole, and nobody sees our name.
    fn begin<'a>(&'a mut self, record: String, _conditions: Conditions<'a>) -> Work<'a, ()> {
        Box::pin(self.run_atomically(record))
    }

    fn script<'a>(&'a mut self, unit: &'a Unit<'a>) -> Attempt<'a> {
        Box::pin(self.run_unit(unit))
    }

    /// Prisma's lock on SQLite: exclusive locking mode. Its lock begins with the first write, ours at
    /// once, so that two replicas cannot both believe they have it.
    fn try_lock(&mut self, _key: i64) -> Work<'_, bool> {
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

    fn lock_holder(&mut self, _key: i64) -> Work<'_, Option<Peer>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn running_session<'a>(&'a mut self, _text: &'a str) -> Work<'a, Option<Peer>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn object_states<'a>(
        &'a mut self,
        objects: &'a [ObjectRef],
        _since: Option<&'a str>,
    ) -> Work<'a, Vec<ObjectState>> {
        Box::pin(async move {
            let mut object_states = Vec::with_capacity(objects.len());
            for object in objects {
                let (name, table) = (SQL.literal(&object.name), object.table.as_deref().unwrap_or_default());
                let table = SQL.literal(table);
                let sql = match object.kind {
                    ObjectKind::Column => {
                        format!("SELECT 1 FROM pragma_table_info({table}) WHERE name = {name} COLLATE NOCASE")
                    }
                    ObjectKind::Type | ObjectKind::Schema | ObjectKind::Constraint => "SELECT 1".to_owned(),
                    _ => format!("SELECT 1 FROM sqlite_master WHERE name = {name} COLLATE NOCASE"),
                };
                let found = !self.run(sql).await?.is_empty();
                object_states.push(if found { ObjectState::Present } else { ObjectState::Absent });
            }
            Ok(object_states)
        })
    }

    fn create_schema<'a>(&'a mut self, name: &'a str) -> Work<'a, ()> {
        let text = format!("SQLite has no schemas, so `{name}` cannot be created");
        Box::pin(std::future::ready(Err(Fault::new(Class::Config, text))))
    }

    fn schemas(&mut self) -> Work<'_, Vec<String>> {
        Box::pin(async { Ok(vec!["main".to_owned()]) })
    }

    fn tables_in<'a>(&'a mut self, _schemas: &'a [String]) -> Work<'a, Vec<String>> {
        Box::pin(self.relations())
    }

    fn missing_tables<'a>(&'a mut self, tables: &'a [TableName], _role: Option<&'a str>) -> Work<'a, Vec<Missing>> {
        Box::pin(async move {
            let present = self.relations().await?;
            // SQLite compares names without case (ASCII).
            let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
            let plain = |name: &str| name.replace('_', "").to_ascii_lowercase();
            let absent = tables.iter().filter(|table| {
                let schema_is_main = table.schema.as_deref().is_none_or(|schema| same(schema, "main"));
                !schema_is_main || !present.iter().any(|name| same(name, &table.name))
            });
            Ok(absent
                .map(|table| Missing {
                    table: table.clone(),
                    similar: (present.iter().filter(|name| plain(name) == plain(&table.name)))
                        .map(|name| TableName { schema: None, name: name.clone() })
                        .collect(),
                    hidden: None,
                })
                .collect())
        })
    }

    fn catalog<'a>(&'a mut self, _scope: &'a Scope<'a>) -> Work<'a, Catalog> {
        Box::pin(async move {
            let rows = self.run(introspect::CATALOG.to_owned()).await?;
            introspect::read(&rows).ok_or_else(|| Fault::new(Class::Statement, "a row of no known kind"))
        })
    }

    fn explain<'a>(&'a mut self, queries: &'a [&'a str]) -> Work<'a, Vec<Result<Vec<QueryPlan>, Fault>>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(queries.len());
            for query in queries {
                let rows = self.run(explain::sql(query)).await;
                answers.push(rows.map(|rows| vec![explain::read(&rows)]));
            }
            Ok(answers)
        })
    }

    fn query_bools<'a>(&'a mut self, queries: &'a [String]) -> Work<'a, Vec<Result<bool, Fault>>> {
        Box::pin(async move {
            let mut answers = Vec::with_capacity(queries.len());
            for query in queries {
                answers.push(self.run(query.clone()).await.map(|rows| first_column(rows) == ["1"]));
            }
            Ok(answers)
        })
    }

    fn canceller(&self) -> Canceller {
        let stop = Arc::clone(&self.stop);
        Box::new(move || {
            stop.store(true, Ordering::SeqCst);
            Box::pin(std::future::ready(()))
        })
    }

    fn observer(&self) -> Option<Observer> {
        None
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
        8 => Class::Privilege,
        9 => Class::Cancelled,
        14 => Class::Privilege,
        26 => Class::Config,
        _ => Class::Statement,
    };
    Fault { code: Some(code.to_string()), ..Fault::new(class, error.message()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(url: &str) -> String {
        Target::parse(url, Path::new("prisma")).unwrap().address()
    }

    #[test]
    fn the_forms_of_an_sqlite_url() {
        assert_eq!(path("file:./dev.db?connection_limit=1"), "prisma/./dev.db");
        assert_eq!(path("file:/abs/dev.db"), "/abs/dev.db");
        assert_eq!(path("file://localhost/abs/dev.db"), "/abs/dev.db");
        assert_eq!(path("sqlite:dev.db"), "dev.db");
        assert_eq!(path("sqlite://dev.db"), "dev.db");
        assert_eq!(path("sqlite:///abs/dev.db"), "/abs/dev.db");
        assert_eq!(path("sqlite+aiosqlite:///dev.db"), "dev.db");
        assert_eq!(path("sqlite+aiosqlite:////abs/dev.db"), "/abs/dev.db");
        assert!(Target::parse("sqlite::memory:", Path::new("")).is_err());
    }
}
