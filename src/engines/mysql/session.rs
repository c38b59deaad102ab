//! A logged-in session: own statements, the lock, cancelling, and a look at what blocks it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::base::fault::Fault;
use crate::engines::engine::Engine;
use crate::engines::mysql::catalog::Mysql;
use crate::engines::mysql::client::{Client, FAREWELL};
use crate::engines::mysql::lock::{HeldLock, is_one};
use crate::engines::mysql::server::Server;
use crate::engines::mysql::settings::{OwnSettings, setting};
use crate::engines::mysql::{SQL, Target, definition, queries};
use crate::engines::net::silent;
use crate::engines::session::{Canceller, ChildMark, Conditions, LockKey, Observer, RowSink, Unit, UnitResult, Work};
use crate::sql::Row;
use crate::sql::script::{self, Statement};

/// How often a session that holds the lock while it is idle asks whether the server is still there, over a Unix socket: the
/// driver cannot wait for the end of a connection.
const PING: Duration = Duration::from_secs(2);

/// A session.
pub(crate) struct Session {
    pub(crate) target: Target,
    pub(crate) client: Client,
    /// The server's number of the connection, for `KILL QUERY`.
    pub(crate) id: String,
    /// What the server is.
    pub(crate) server: Server,
    /// The locks that this session holds.
    pub(crate) locks: Vec<HeldLock>,
    /// The settings before the first script.
    pub(crate) own: Option<OwnSettings>,
    /// The settings made for a script, as they were sent; `None` when the session has its own.
    pub(crate) conditions: Option<String>,
    /// The script may have changed the settings that doorstep made; they last until its end.
    pub(crate) sets_timeout: bool,
    /// The script may have set autocommit = 0; it lasts until its end.
    pub(crate) may_lack_autocommit: bool,
    /// The running script is to be cancelled: none of its other statements is sent. The server reports no error where it
    /// interrupts SLEEP.
    pub(crate) cancelled: Arc<AtomicBool>,
    /// The script that is running may have changed what [`Session::settle`] puts in order.
    pub(crate) has_touched: bool,
    /// Whether the settings of the session show definitions as usual, where that is known and no script has touched it since.
    pub(crate) shows_definitions: Option<bool>,
    /// The queries that were sent with the last piece of a script, and their rows: they answer the next query, if it is the same.
    pub(crate) ahead: Option<(String, Result<Vec<Row>, Fault>)>,
    /// A script has run: the session must be put in order before the next statement of doorstep's own.
    pub(crate) unsettled: bool,
}

impl Session {
    /// A session on a connection that has just logged in; `id` is its number on the server.
    pub(crate) fn new(target: Target, client: Client, id: String, server: Server) -> Self {
        Self {
            target,
            client,
            id,
            server,
            locks: Vec::new(),
            own: None,
            conditions: None,
            sets_timeout: false,
            may_lack_autocommit: false,
            cancelled: Arc::default(),
            has_touched: false,
            shows_definitions: None,
            ahead: None,
            unsettled: false,
        }
    }

    /// Another session like this one, whose connection has just logged in.
    pub(crate) async fn second(&self) -> Result<Self, Fault> {
        let target = self.target.with_new_password().await?;
        let mut client = Client::connect(&target, Some(&target.database)).await?;
        let rows = client.send("SELECT CONNECTION_ID(), 0").await?.rows;
        let id = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()).unwrap_or_default();
        Ok(Self::new(self.target.clone(), client, id, self.server))
    }

    /// Runs a message of doorstep's own, in a session without a script's settings.
    pub(crate) async fn run(&mut self, sql: String) -> Result<Vec<Row>, Fault> {
        if let Some((asked, answer)) = self.ahead.take()
            && asked == sql
        {
            return answer;
        }
        if std::mem::take(&mut self.unsettled) {
            self.settle().await?;
        }
        Ok(self.client.send(sql).await?.rows)
    }

    /// Each statement in a message of its own, all in one transaction but DDL at the beginning, which would commit it.
    async fn run_atomically(&mut self, sql: String) -> Result<(), Fault> {
        let statements = script::statements(&sql, SQL);
        if statements.len() < 2 {
            return self.run(sql).await.map(drop);
        }
        let is_ddl =
            |statement: &Statement<'_>| ["CREATE", "ALTER", "DROP"].iter().any(|verb| statement.starts(&[verb]));
        let (ddl, rows) = statements.split_at(statements.iter().take_while(|statement| is_ddl(statement)).count());
        for statement in ddl {
            self.run(statement.text.to_owned()).await?;
        }
        self.run("START TRANSACTION".to_owned()).await?;
        for statement in rows {
            if let Err(fault) = self.client.send(statement.text).await {
                let _ = self.client.send("ROLLBACK").await;
                return Err(fault);
            }
        }
        self.client.send("COMMIT").await.map(drop)
    }

    /// All statements in one message, in one transaction as far as they do not commit by themselves, in a session that holds its
    /// locks. They are doorstep's own: it does no harm that the server runs them to the end when doorstep is dead.
    async fn run_in_one_message(&mut self, sql: String) -> Result<(), Fault> {
        let holding = self.holding();
        let sql = match script::statements(&sql, SQL).len() {
            0 | 1 => format!("SELECT {holding}; {sql}"),
            _ => format!("SELECT {holding}; START TRANSACTION; {sql}; COMMIT"),
        };
        match self.run(sql).await {
            Ok(rows) if is_one(rows.first()) => Ok(()),
            Ok(_) => self.retake().await,
            Err(fault) => {
                let _ = self.client.send("ROLLBACK").await;
                Err(fault)
            }
        }
    }

    /// Puts the session in these conditions, unless it is in them already.
    pub(crate) async fn impose(&mut self, conditions: Conditions<'_>) -> Result<(), Fault> {
        if self.own.is_none() {
            self.own = Some(OwnSettings::of(&mut self.client).await?);
        }
        let setting = setting(conditions);
        if self.conditions.as_ref() != Some(&setting) {
            self.client.send(setting.clone()).await?;
            self.conditions = Some(setting);
        }
        Ok(())
    }

    /// Waits for the end of the connection; over a Unix socket by asking again and again. Dropped in between, the driver reads the answer
    /// before the next message.
    async fn until_lost(&mut self) -> Fault {
        if !self.client.is_local() {
            return self.client.until_closed().await;
        }
        loop {
            tokio::time::sleep(PING).await;
            match self.client.send("DO 0").await {
                Err(fault) if self.client.is_lost() => return fault,
                _ => {}
            }
        }
    }

    async fn mark(&self, key: LockKey) -> Result<ChildMark, Fault> {
        let attempt = async {
            let mut session = self.second().await?;
            session.lift_limits().await?;
            if session.lock(key).await? {
                return Ok(ChildMark::Set(Box::new(session)));
            }
            let holder = session.client.send(queries::lock_holder(key)).await?.rows.first().map(queries::peer);
            session.client.close().await;
            Ok(ChildMark::Taken(holder))
        };
        let timeout = self.target.connect_timeout;
        tokio::time::timeout(timeout, attempt).await.unwrap_or_else(|_| Err(silent(timeout)))
    }
}

impl crate::engines::session::Session for Session {
    fn engine(&self) -> &'static dyn Engine {
        &Mysql
    }

    fn query(&mut self, sql: String) -> Work<'_, Vec<Row>> {
        Box::pin(self.run(sql))
    }

    fn each_row<'a>(&'a mut self, sql: String, take: RowSink<'a>) -> Work<'a, ()> {
        Box::pin(async move {
            self.ahead = None;
            if std::mem::take(&mut self.unsettled) {
                self.settle().await?;
            }
            self.client.each_row(sql, take).await.map(drop)
        })
    }

    fn execute(&mut self, sql: String) -> Work<'_, ()> {
        Box::pin(self.run_atomically(sql))
    }

    fn stay_in_file(&mut self, stays: bool) {
        self.unsettled = !stays;
    }

    fn begin<'a>(&'a mut self, record: String, conditions: Conditions<'a>) -> Work<'a, ()> {
        Box::pin(async move {
            self.run_in_one_message(record).await?;
            self.impose(conditions).await
        })
    }

    fn run_unit<'a>(&'a mut self, unit: &'a Unit<'a>) -> UnitResult<'a> {
        Box::pin(self.run_one(unit))
    }

    fn shows_definitions(&mut self) -> Work<'_, bool> {
        Box::pin(async move {
            if let Some(known) = self.shows_definitions {
                return Ok(known);
            }
            let shows = is_one(self.run(definition::IS_USUAL.to_owned()).await?.first());
            self.shows_definitions = (!self.has_touched).then_some(shows);
            Ok(shows)
        })
    }

    fn try_lock(&mut self, key: LockKey) -> Work<'_, bool> {
        Box::pin(self.lock(key))
    }

    fn suspend_lock(&mut self) -> Work<'_, ()> {
        Box::pin(self.lift_limits())
    }

    fn until_closed(&mut self) -> Pin<Box<dyn Future<Output = Fault> + '_>> {
        Box::pin(self.until_lost())
    }

    fn check_lock(&mut self) -> Work<'_, ()> {
        Box::pin(self.check_held())
    }

    fn mark_child(&self, key: LockKey) -> Work<'_, ChildMark> {
        Box::pin(self.mark(key))
    }

    /// Times of the server's views are in the time zone of its system.
    fn only_read(&mut self, limit: Duration) -> Work<'_, ()> {
        let (seconds, millis) = (limit.as_secs_f64(), limit.as_millis());
        let sql = format!(
            "SET SESSION TRANSACTION READ ONLY; SET SESSION time_zone = 'SYSTEM' \
             /*M!100101 , max_statement_time = {seconds} */ /*!80000 , max_execution_time = {millis} */"
        );
        Box::pin(async move { self.run(sql).await.map(drop) })
    }

    fn canceller(&self) -> Canceller {
        let (target, id, cancelled) = (self.target.clone(), self.id.clone(), Arc::clone(&self.cancelled));
        Box::new(move || {
            cancelled.store(true, Ordering::SeqCst);
            let (target, id) = (target.clone(), id.clone());
            Box::pin(async move {
                let kill = async {
                    let target = target.with_new_password().await?;
                    let mut client = Client::connect(&target, None).await?;
                    let killed = client.send(format!("KILL QUERY {id}")).await;
                    client.close().await;
                    killed.map(drop)
                };
                let timeout = target.connect_timeout;
                if let Err(fault) = tokio::time::timeout(timeout, kill).await.unwrap_or_else(|_| Err(silent(timeout))) {
                    tracing::debug!(phase = "migrate", event = "cancel_failed", "KILL QUERY: {fault}");
                }
            })
        })
    }

    fn observer(&self) -> Option<Observer> {
        let (target, id) = (self.target.clone(), self.id.clone());
        Some(Box::new(move || {
            let (target, id) = (target.clone(), id.clone());
            Box::pin(async move {
                let look = async {
                    let target = target.with_new_password().await?;
                    let mut client = Client::connect(&target, None).await?;
                    let mut rows = Vec::new();
                    // A role without PROCESS may ask neither.
                    for sql in queries::blockers(&id, &target.database) {
                        rows = client.send(sql).await.map(|answer| answer.rows).unwrap_or_default();
                        if !rows.is_empty() {
                            break;
                        }
                    }
                    client.close().await;
                    Ok(rows.iter().map(queries::peer).collect())
                };
                let timeout = target.connect_timeout;
                tokio::time::timeout(timeout, look).await.unwrap_or_else(|_| Err(silent(timeout)))
            })
        }))
    }

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            let mut session = *self;
            if !session.locks.is_empty() {
                // The server looks at the end of a connection when it comes to it. One that is silent does not answer.
                let release = session.client.send("DO RELEASE_ALL_LOCKS()");
                let _ = tokio::time::timeout(FAREWELL, release).await;
            }
            session.client.close().await;
        })
    }
}
