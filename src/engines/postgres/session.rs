//! A logged-in session: the advisory lock, settings that scripts leave behind, cancelling, and a look at what blocks it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::base::fault::{Fault, Place};
use crate::engines::engine::Engine;
use crate::engines::inspector::{LoginFacts, Pooling};
use crate::engines::net::silent;
use crate::engines::postgres::catalog::{Postgres, peer};
use crate::engines::postgres::client::{CancelKey, Client, TakeRow};
use crate::engines::postgres::dial::{self, Route};
use crate::engines::postgres::imposed::Imposed;
use crate::engines::postgres::login::log_in_beside;
use crate::engines::postgres::lookalike::Lookalike;
use crate::engines::postgres::prepared::Prepared;
use crate::engines::postgres::{SQL, Target, queries};
use crate::engines::session::{Canceller, ChildMark, Conditions, LockKey, Observer, RowSink, Unit, UnitResult, Work};
use crate::sql::Row;

/// A logged-in session.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) route: Arc<Route>,
    /// The advisory lock that this session holds.
    pub(crate) locks: Vec<LockKey>,
    /// The settings made for a script.
    pub(crate) imposed: Imposed,
    /// A script has run: the session must be reset before the next statement of doorstep's own.
    pub(crate) unsettled: bool,
    /// It is between two pieces of a file, in the settings that the file has made.
    pub(crate) in_file: bool,
    /// The connection has this backend for itself, so that settings of the session reach no other client. Behind a pooler that
    /// gives each transaction another backend, they would be those of other clients.
    pub(crate) is_own: bool,
    /// The server is no PostgreSQL: what it is, and that it cannot lock.
    pub(crate) lookalike: Option<Lookalike>,
    /// The backend that holds the lock.
    pub(crate) backend: Option<u32>,
    /// The statements for the history that are prepared in it.
    pub(crate) prepared: Prepared,
    /// The limits of time that are lifted while a child runs.
    pub(crate) lifted: Vec<String>,
}

impl Session {
    /// Runs a message of doorstep's own, in a session without a script's settings.
    pub(crate) async fn run(&mut self, sql: String) -> Result<Vec<Row>, Fault> {
        self.settle_if_needed().await?;
        let setting = self.local_search_path();
        let sent = self.send(format!("{setting}{sql}")).await;
        sent.map_err(|fault| without_prefix(fault, setting.chars().count()))
    }

    /// Runs a message in the session as it is.
    pub(crate) async fn send(&mut self, sql: String) -> Result<Vec<Row>, Fault> {
        self.client.query(&sql).await
    }

    /// Runs a message in the session as it is, and passes on its rows with the number of their statement. Gives how many statements
    /// completed, and the server's error.
    pub(crate) async fn exchange_rows(
        &mut self,
        sql: String,
        take: TakeRow<'_>,
    ) -> Result<(usize, Option<Fault>), Fault> {
        let setting = self.local_search_path();
        let before = usize::from(!setting.is_empty());
        let mut counted = |statement: usize, row: &[Option<&str>]| {
            if let Some(statement) = statement.checked_sub(before) {
                take(statement, row);
            }
        };
        let exchange = self.client.exchange_rows(&(setting + &sql), &mut counted).await?;
        Ok((exchange.completed.saturating_sub(before), exchange.error))
    }

    async fn settle_if_needed(&mut self) -> Result<(), Fault> {
        match std::mem::take(&mut self.unsettled) {
            true => self.settle().await,
            false => Ok(()),
        }
    }

    /// The same until the end of the message, where the connection may share its backend with others.
    fn local_search_path(&self) -> String {
        if self.is_own { String::new() } else { self.search_path().replacen("SET ", "SET LOCAL ", 1) }
    }

    /// The statement that makes `?schema=` of the URL the search path, as Prisma does, to put before another one.
    pub(crate) fn search_path(&self) -> String {
        let Target { schema: Some(schema), path, .. } = &self.route.target else { return String::new() };
        let names: Vec<String> = std::iter::once(schema).chain(path).map(|name| SQL.identifier(name)).collect();
        format!("SET search_path = {}; ", names.join(", "))
    }

    /// See [`crate::engines::session::Session::enter_schema`]. Until the session takes a lock, each message sets the path for
    /// itself, as behind a pooler.
    async fn enter(&mut self, schema: &str, path: &[String]) -> Result<(), Fault> {
        if std::mem::take(&mut self.is_own) {
            (self.unsettled, self.in_file, self.imposed, self.backend) = (false, false, Imposed::default(), None);
            self.locks.clear();
            self.lifted.clear();
            self.prepared.forget();
            // The server refuses it beside other statements. It gives up the locks, too.
            self.send("DISCARD ALL".to_owned()).await?;
        }
        let target = &mut Arc::make_mut(&mut self.route).target;
        (target.schema, target.path) = (Some(schema.to_owned()), path.to_vec());
        Ok(())
    }

    /// The connection has been found to have its backend for itself: its settings may last.
    async fn claim(&mut self) -> Result<(), Fault> {
        let setting = self.search_path();
        if !std::mem::replace(&mut self.is_own, true) && !setting.is_empty() {
            self.send(setting).await?;
        }
        Ok(())
    }

    /// The expression that takes a lock, if no other session has it.
    pub(crate) fn taking(key: &LockKey) -> String {
        let shared = if key.is_shared { "_shared" } else { "" };
        format!("pg_catalog.pg_try_advisory_lock{shared}({})", key.number)
    }

    async fn lock(&mut self, key: LockKey) -> Result<bool, Fault> {
        self.restore_limits().await?;
        if let Some(lookalike) = &self.lookalike {
            return Err(lookalike.fault());
        }
        let (taking, login) = (Self::taking(&key), self.client.cancel_key().map_or(0, CancelKey::process_id));
        // A pooler invents the process id of the login. Then nothing is locked yet: the lock would be on some backend.
        let expected = if self.is_own { "pg_catalog.pg_backend_pid()".to_owned() } else { login.to_string() };
        let sql = format!(
            "SELECT CASE WHEN pg_catalog.pg_backend_pid() = {expected} THEN {taking} END, \
             pg_catalog.pg_backend_pid()"
        );
        let mut rows = self.run(sql.clone()).await?;
        let value = |rows: &[Row], index: usize| rows.first().and_then(|row| row.get(index).cloned().flatten());
        let backend = value(&rows, 1).and_then(|pid| pid.parse().ok()).unwrap_or_default();
        if value(&rows, 0).is_none() {
            self.refuse_transaction_pooling(backend).await?;
            rows = self.run(sql.replacen(&expected, "pg_catalog.pg_backend_pid()", 1)).await?;
        }
        self.claim().await?;
        if !is_true(&rows) {
            return Ok(false);
        }
        self.backend = Some(backend);
        if !self.locks.contains(&key) {
            self.locks.push(key);
        }
        Ok(true)
    }
}

impl crate::engines::session::Session for Session {
    fn engine(&self) -> &'static dyn Engine {
        &Postgres
    }

    fn query(&mut self, sql: String) -> Work<'_, Vec<Row>> {
        // Between two pieces of a file the names are the file's, and the rights doorstep's.
        let own = if self.in_file && !self.unsettled { self.own_role("") } else { "" };
        Box::pin(async move {
            let ran = self.run(own.to_owned() + &sql).await;
            ran.map_err(|fault| without_prefix(fault, own.chars().count()))
        })
    }

    fn each_row<'a>(&'a mut self, sql: String, take: RowSink<'a>) -> Work<'a, ()> {
        Box::pin(async move {
            self.settle_if_needed().await?;
            let setting = self.local_search_path();
            let before = usize::from(!setting.is_empty());
            let mut counted = |statement: usize, row: &[Option<&str>]| match statement.checked_sub(before) {
                Some(statement) => take(statement, row),
                None => Ok(()),
            };
            self.client.each_row(&(setting + &sql), &mut counted).await
        })
    }

    fn execute(&mut self, sql: String) -> Work<'_, ()> {
        Box::pin(async move { self.run(sql).await.map(drop) })
    }

    fn begin<'a>(&'a mut self, record: String, conditions: Conditions<'a>) -> Work<'a, ()> {
        Box::pin(async move {
            self.settle_if_needed().await?;
            let Some((statements, imposed)) = self.imposed.change(conditions) else {
                return self.run(record).await.map(drop);
            };
            self.run(format!("{record}; {statements}")).await?;
            self.imposed = imposed;
            Ok(())
        })
    }

    fn stay_in_file(&mut self, stays: bool) {
        (self.unsettled, self.in_file) = (!stays, stays);
    }

    fn schemas_after(&mut self, statements: String) -> Work<'_, Vec<String>> {
        Box::pin(async move {
            let schemas = "SELECT 'schema', pg_catalog.unnest(pg_catalog.current_schemas(false))";
            let found = self.run(format!("BEGIN; {statements}; {schemas}; ROLLBACK")).await;
            if found.is_err() && !self.client.is_broken() {
                self.send("ROLLBACK".to_owned()).await?;
            }
            // The statements may have rows of their own.
            let schema = |row: Row| (row.len() == 2 && row[0].as_deref() == Some("schema")).then(|| row[1].clone())?;
            Ok(found?.into_iter().filter_map(schema).collect())
        })
    }

    fn sends_next(&self) -> bool {
        true
    }

    fn run_unit<'a>(&'a mut self, unit: &'a Unit<'a>) -> UnitResult<'a> {
        Box::pin(self.run_one(unit))
    }

    fn try_lock(&mut self, key: LockKey) -> Work<'_, bool> {
        Box::pin(self.lock(key))
    }

    fn enter_schema<'a>(&'a mut self, schema: &'a str, path: &'a [String]) -> Work<'a, ()> {
        Box::pin(self.enter(schema, path))
    }

    fn suspend_lock(&mut self) -> Work<'_, ()> {
        Box::pin(self.lift_limits())
    }

    fn until_closed(&mut self) -> Pin<Box<dyn Future<Output = Fault> + '_>> {
        Box::pin(self.client.until_closed())
    }

    fn check_lock(&mut self) -> Work<'_, ()> {
        Box::pin(self.check_backend())
    }

    fn mark_child(&self, key: LockKey) -> Work<'_, ChildMark> {
        Box::pin(self.mark(key))
    }

    fn login(&self) -> LoginFacts {
        LoginFacts { is_lookalike: self.lookalike.is_some(), ..self.client.login() }
    }

    fn pooling(&mut self) -> Work<'_, Option<Pooling>> {
        Box::pin(async move { self.find_pooling().await.map(Some) })
    }

    fn only_read(&mut self, limit: Duration) -> Work<'_, ()> {
        let millis = limit.as_millis();
        let sql = format!(
            "SET default_transaction_read_only = on; SET statement_timeout = {millis}; SET lock_timeout = 1000"
        );
        Box::pin(async move {
            match self.is_behind_pooler().await? {
                true => Ok(()),
                false => self.send(sql).await.map(drop),
            }
        })
    }

    fn canceller(&self) -> Canceller {
        let (route, key) = (Arc::clone(&self.route), self.client.cancel_key());
        Box::new(move || {
            let route = Arc::clone(&route);
            Box::pin(async move {
                let Some(key) = key else { return };
                let request = dial::cancel(&route, key);
                if let Ok(Err(fault)) = tokio::time::timeout(route.target.connect_timeout, request).await {
                    tracing::debug!(phase = "migrate", event = "cancel_failed", "cancel request: {fault}");
                }
            })
        })
    }

    fn observer(&self) -> Option<Observer> {
        let (route, backend) = (Arc::clone(&self.route), self.client.cancel_key()?.process_id());
        Some(Box::new(move || {
            let route = Arc::clone(&route);
            Box::pin(async move {
                let look = async {
                    let mut session = log_in_beside(&route).await?;
                    let rows = session.send(queries::blockers(backend)).await;
                    session.client.close().await;
                    rows
                };
                let timeout = route.target.connect_timeout;
                let rows = tokio::time::timeout(timeout, look).await.unwrap_or_else(|_| Err(silent(timeout)))?;
                Ok(rows.iter().map(peer).collect())
            })
        }))
    }

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(self.client.close())
    }
}

/// A fault whose place is counted from behind what was put before the message.
fn without_prefix(mut fault: Fault, prefix: usize) -> Fault {
    if let Some(Place::Character(at)) = &mut fault.place {
        *at = at.saturating_sub(prefix);
    }
    fault
}

/// The first value of the first row is true.
pub(crate) fn is_true(rows: &[Row]) -> bool {
    rows.first().and_then(|row| row.first()?.as_deref()) == Some("t")
}
