//! PostgreSQL: its catalog, its error codes, its lock. The driver (sqlx) is used for login and simple
//! queries only; the socket under it is doorstep's own (`dial`, `tls`, `resolve`, `wire`).
//!
//! Everything goes through the simple protocol: one message is one round trip, and no prepared
//! statement can collide behind a pooler.

pub(crate) mod conninfo;
pub(crate) mod dial;
pub(crate) mod explain;
pub(crate) mod fault;
pub(crate) mod introspect;
pub(crate) mod passfile;
pub(crate) mod pooler;
pub(crate) mod queries;
pub(crate) mod relay;
pub(crate) mod unit;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, ValueRef as _};
use tokio::task::JoinHandle;

use crate::base::fault::{Class, Fault};
use crate::catalog::{Access, Catalog};
use crate::engines::peer::Peer;
use crate::engines::query_plan::QueryPlan;
use crate::engines::session::{
    Attempt, Canceller, Conditions, Missing, ObjectState, Observer, Probe, ProbeRequest, Scope, Unit, Work,
    first_column,
};
use crate::engines::target::{EngineTarget, Opened};
use crate::sql::script;
use crate::sql::{Dialect, ObjectRef, Row, TableName};

pub(crate) use crate::engines::postgres::conninfo::Target;

use crate::engines::net::silent;
use crate::engines::net::tls::Mode;
use crate::engines::postgres::conninfo::Host;
use crate::engines::postgres::fault::fault;
use crate::engines::postgres::relay::Wire;

const SQL: Dialect = Dialect::Postgres;

impl EngineTarget for Target {
    fn address(&self) -> String {
        Target::address(self)
    }

    fn dialect(&self) -> Dialect {
        SQL
    }

    fn has_schemas(&self) -> bool {
        true
    }

    fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    fn role(&self) -> Option<&str> {
        Some(&self.user)
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn open<'a>(&'a self, request: &'a ProbeRequest) -> Work<'a, Opened> {
        Box::pin(async move {
            let (session, probe) = open(self, request).await?;
            Ok((Box::new(session) as _, probe))
        })
    }

    fn create_database(&self) -> Work<'_, ()> {
        Box::pin(create_database(self))
    }

    fn scratch(&self, name: &str) -> Arc<dyn EngineTarget> {
        Arc::new(Target::scratch(self, name))
    }

    fn drop_scratch(&self) -> Work<'_, ()> {
        Box::pin(drop_scratch(self))
    }
}

/// One attempt at each host in turn, as libpq does: a refused login ends the round, anything else moves
/// on to the next host. A standby is not what is looked for, so it moves on too.
async fn open(target: &Target, wanted: &ProbeRequest) -> Result<(Session, Probe), Fault> {
    let mut last = None;
    for host in &target.hosts {
        let attempt = async {
            let mut session = login(target, host, &target.database).await?;
            let probe = crate::engines::session::Session::probe(&mut session, wanted).await?;
            Ok((session, probe))
        };
        let timeout = target.connect_timeout;
        let fault = match tokio::time::timeout(timeout, attempt).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(fault)) => fault,
            Err(_) => silent(timeout),
        };
        if fault.class == Class::Authentication {
            return Err(fault);
        }
        // What a server said tells more than that another one said nothing.
        if last.as_ref().is_none_or(|last: &Fault| weight(fault.class) >= weight(last.class)) {
            last = Some(fault);
        }
    }
    Err(last.unwrap_or_else(|| Fault::new(Class::Config, "no host is named")))
}

/// How much a fault tells about what is to be done, for the choice among several hosts.
fn weight(class: Class) -> u8 {
    match class {
        Class::Unreachable => 0,
        Class::Busy | Class::ReadOnly => 1,
        Class::Starting => 2,
        Class::NoDatabase => 3,
        _ => 4,
    }
}

/// Creates the target's database, from the maintenance database as `createdb` does.
async fn create_database(target: &Target) -> Result<(), Fault> {
    if target.database_is_default {
        let text = format!("the URL names no database, and there is none called {} like the user", target.database);
        return Err(Fault::new(Class::Config, text));
    }
    maintain(target, format!("CREATE DATABASE {}", SQL.identifier(&target.database))).await
}

/// Drops a database that doorstep has made, even if a backend of ours has not noticed yet that we are gone.
async fn drop_scratch(target: &Target) -> Result<(), Fault> {
    match maintain(target, format!("DROP DATABASE {} WITH (FORCE)", SQL.identifier(&target.database))).await {
        Err(fault) if fault.class == Class::NoDatabase => Ok(()),
        dropped => dropped,
    }
}

/// Runs a statement about databases, in one that is always there.
async fn maintain(target: &Target, sql: String) -> Result<(), Fault> {
    let mut last = Fault::new(Class::NoDatabase, "there is no database to create another one from");
    for host in &target.hosts {
        for maintenance in ["postgres", "template1"] {
            let attempt = async {
                let mut session = login(target, host, maintenance).await?;
                let created = crate::engines::session::Session::execute(&mut session, sql.clone()).await;
                crate::engines::session::Session::close(Box::new(session)).await;
                created
            };
            let created = tokio::time::timeout(target.connect_timeout.max(Duration::from_secs(30)), attempt).await;
            match created.unwrap_or_else(|_| Err(silent(target.connect_timeout))) {
                Ok(()) => return Ok(()),
                // Another replica was faster: 42P04, or a unique index in the very same moment.
                Err(fault) if matches!(fault.code.as_deref(), Some("42P04" | "23505")) => return Ok(()),
                Err(fault) if fault.class == Class::NoDatabase => last = fault,
                // Not this host; perhaps the next one.
                Err(fault) if matches!(fault.class, Class::Unreachable | Class::Starting | Class::ReadOnly) => {
                    last = fault;
                    break;
                }
                // "source database is being accessed by other users": try again.
                Err(fault) if fault.code.as_deref() == Some("55006") => {
                    return Err(Fault { class: Class::Busy, ..fault });
                }
                Err(fault) => return Err(fault),
            }
        }
    }
    Err(last)
}

/// Connects and logs in, with TLS and without as sslmode allows (PostgreSQL manual 34.19, table 34.1).
async fn login(target: &Target, host: &Host, database: &str) -> Result<Session, Fault> {
    let (first, second) = match target.tls.mode {
        _ if host.is_socket() => (false, None),
        Mode::Disable => (false, None),
        Mode::Allow => (false, Some(true)),
        Mode::Prefer => (true, Some(false)),
        Mode::Require | Mode::VerifyCa | Mode::VerifyFull => (true, None),
    };
    match (login_once(target, host, database, first).await, second) {
        // pg_hba.conf may have a line for the other kind of connection only.
        (Err(fault), Some(other)) if fault.class == Class::Tls || fault.code.as_deref() == Some("28000") => {
            login_once(target, host, database, other).await
        }
        (result, _) => result,
    }
}

async fn login_once(target: &Target, host: &Host, database: &str, encrypted: bool) -> Result<Session, Fault> {
    let stream = dial::dial(target, host, encrypted).await?;
    let internal = |error: std::io::Error| Fault::new(Class::Unreachable, dial::reason(&error));
    let (wire, relay) = Wire::lay(stream, target, database).map_err(internal)?;
    let mut options = PgConnectOptions::new_without_pgpass()
        .socket(&wire.directory)
        .port(relay::PORT)
        .ssl_mode(PgSslMode::Disable)
        .username(&target.user)
        .database(database)
        .statement_cache_capacity(0)
        .disable_statement_logging();
    let password = target.password_for(host, database);
    if let Some(password) = &password {
        options = options.password(password.expose());
    }
    let connection = eagerly(PgConnection::connect_with(&options)).await.map_err(|error| {
        let mut fault = fault(&error, &wire);
        if fault.class == Class::Authentication && password.is_none() {
            fault.hint = Some("no password was given".to_owned());
        }
        fault
    })?;
    Ok(Session {
        connection,
        wire,
        relay,
        way: Way { target: target.clone(), host: host.clone(), encrypted },
        lock: None,
        conditions: None,
        unsettled: false,
    })
}

/// While it hashes the password the driver yields 819 times, and each yield would ask the kernel for
/// events: 1 to 2 ms of a login. Polled in batches, it does not.
async fn eagerly<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        let mut polls = (0..32).map(|_| future.as_mut().poll(context));
        polls.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}

/// How this session's server was reached, to reach it again for a cancel request.
#[derive(Debug, Clone)]
struct Way {
    target: Target,
    host: Host,
    encrypted: bool,
}

/// A logged-in session.
pub(crate) struct Session {
    connection: PgConnection,
    wire: Wire,
    relay: JoinHandle<()>,
    way: Way,
    /// The advisory lock that this session holds.
    lock: Option<i64>,
    /// The settings made for a script, as they were sent; `None` when the session has its own.
    conditions: Option<String>,
    /// A script has run: the session is to be put in order before the next statement of ours.
    unsettled: bool,
}

impl Session {
    async fn run(&mut self, sql: String) -> Result<Vec<Row>, Fault> {
        if std::mem::take(&mut self.unsettled) {
            self.settle().await?;
        }
        self.send(sql).await
    }

    async fn send(&mut self, sql: String) -> Result<Vec<Row>, Fault> {
        let result = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.connection).await;
        let rows = result.map_err(|error| fault(&error, &self.wire))?;
        Ok(rows.iter().map(|row| texts(row).map(|text| text.map(str::to_owned)).collect()).collect())
    }

    /// Each row as it arrives, so that only what is made of them is kept.
    async fn each(&mut self, sql: String, mut take: impl FnMut(&[Option<&str>]) -> Option<()>) -> Result<(), Fault> {
        if std::mem::take(&mut self.unsettled) {
            self.settle().await?;
        }
        let mut rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await.map_err(|error| fault(&error, &self.wire))? {
            let row: Vec<Option<&str>> = texts(&row).collect();
            take(&row).ok_or_else(|| Fault::new(Class::Statement, format!("a row of no known kind: {row:?}")))?;
        }
        Ok(())
    }

    /// `?schema=` is the search path, as in Prisma: the statement that sets it, to put before another.
    fn search_path(&self) -> String {
        let schema = self.way.target.schema.as_deref();
        schema.map_or_else(String::new, |schema| format!("SET search_path = {}; ", SQL.identifier(schema)))
    }
}

/// The values of a row, all of which are texts in the simple protocol.
fn texts(row: &PgRow) -> impl Iterator<Item = Option<&str>> {
    (0..row.len()).map(|index| row.try_get_raw(index).ok().filter(|value| !value.is_null())?.as_str().ok())
}

/// The first value of the first row, as a number.
fn number(rows: &[Row]) -> Option<u32> {
    rows.first()?.first()?.as_ref()?.parse().ok()
}

/// A row of pg_stat_activity, as `catalog` selects it.
fn peer(row: &Row) -> Peer {
    let value = |index: usize| row.get(index).cloned().flatten();
    let text = |index: usize| value(index).unwrap_or_default();
    let lasting = |millis: String| Some(crate::base::log::seconds(Duration::from_millis(millis.parse().ok()?)));
    let state = value(4);
    Peer {
        pid: text(0),
        application: text(1),
        client: text(2),
        since: value(3),
        lasting: value(5).and_then(lasting),
        // Of a doorstep's message, the script; what is put after it tells nobody anything.
        query: (state.as_ref().and(value(6)))
            .map(|query| script::summary(query.split(unit::AFTER).next().unwrap_or_default(), SQL)),
        state,
    }
}

fn is_true(rows: &[Row]) -> bool {
    rows.first().and_then(|row| row.first()?.as_deref()) == Some("t")
}

impl crate::engines::session::Session for Session {
    fn dialect(&self) -> Dialect {
        SQL
    }

    fn probe<'a>(&'a mut self, wanted: &'a ProbeRequest) -> Work<'a, Probe> {
        Box::pin(async move {
            // The search path goes first, in the same message: it decides where names lead.
            let sql = self.search_path() + &queries::probe(wanted);
            let row = self.run(sql).await?.pop().unwrap_or_default();
            let [recovering, read_only, version, database, role, schema, missing, home] = row.as_slice() else {
                return Err(Fault::new(Class::Statement, "the probe gave no row"));
            };
            if recovering.as_deref() == Some("t") {
                return Err(Fault::new(Class::ReadOnly, "the server is a standby (in recovery)"));
            }
            if read_only.as_deref() == Some("on") {
                return Err(Fault::new(Class::ReadOnly, "the database is read-only (default_transaction_read_only)"));
            }
            let missing: Vec<String> = serde_json::from_str(missing.as_deref().unwrap_or("[]"))
                .map_err(|error| Fault::new(Class::Statement, error.to_string()))?;
            let history = match (home, &wanted.history) {
                (Some(schema), Some(table)) => Some(TableName { schema: Some(schema.clone()), name: table.clone() }),
                _ => None,
            };
            Ok(Probe {
                server: format!("PostgreSQL {}", version.as_deref().unwrap_or_default()),
                missing_schemas: missing,
                history,
                current_schema: schema.clone(),
                database: database.clone().unwrap_or_default(),
                role: role.clone().unwrap_or_default(),
            })
        })
    }

    fn rows(&mut self, sql: String) -> Work<'_, Vec<Row>> {
        Box::pin(self.run(sql))
    }

    fn execute(&mut self, sql: String) -> Work<'_, ()> {
        Box::pin(async move { self.run(sql).await.map(drop) })
    }

    fn begin<'a>(&'a mut self, record: String, conditions: Conditions<'a>) -> Work<'a, ()> {
        Box::pin(async move {
            self.run(format!("{record}; {}", unit::setting(conditions))).await?;
            self.conditions = Some(unit::setting(conditions));
            Ok(())
        })
    }

    fn script<'a>(&'a mut self, unit: &'a Unit<'a>) -> Attempt<'a> {
        Box::pin(self.run_unit(unit))
    }

    fn try_lock(&mut self, key: i64) -> Work<'_, bool> {
        Box::pin(async move {
            let sql = format!("SELECT pg_catalog.pg_try_advisory_lock({key}), pg_catalog.pg_backend_pid()");
            let rows = self.run(sql).await?;
            let got_it = is_true(&rows);
            if got_it {
                let backend = rows[0].get(1).and_then(|pid| pid.as_ref()?.parse().ok()).unwrap_or_default();
                let checked = self.refuse_transaction_pooling(backend).await;
                if checked.is_err() {
                    // Wherever it is now, it must not be left behind.
                    let _ = self.send(format!("SELECT pg_catalog.pg_advisory_unlock({key})")).await;
                }
                checked?;
                self.lock = Some(key);
            }
            Ok(got_it)
        })
    }

    fn lock_holder(&mut self, key: i64) -> Work<'_, Option<Peer>> {
        Box::pin(async move { Ok(self.run(queries::holder(key)).await?.first().map(peer)) })
    }

    fn running_session<'a>(&'a mut self, text: &'a str) -> Work<'a, Option<Peer>> {
        Box::pin(async move { Ok(self.run(queries::running_session(text)).await?.first().map(peer)) })
    }

    fn object_states<'a>(&'a mut self, objects: &'a [ObjectRef], since: Option<&'a str>) -> Work<'a, Vec<ObjectState>> {
        Box::pin(async move {
            let mut object_states = vec![ObjectState::Absent; objects.len()];
            if objects.is_empty() {
                return Ok(object_states);
            }
            for row in self.run(queries::object_states(objects, since)).await? {
                let [Some(index), Some(transaction), newer, valid, untouched] = row.as_slice() else { continue };
                let trace = match (valid.as_deref(), newer.as_deref()) {
                    (Some("f"), _) => ObjectState::Invalid,
                    (_, Some("t")) if untouched.as_deref() == Some("t") => ObjectState::Newer(transaction.clone()),
                    (_, Some("f")) => ObjectState::Older,
                    _ => ObjectState::Present,
                };
                if let Some(place) = index.parse().ok().and_then(|index: usize| object_states.get_mut(index)) {
                    *place = trace;
                }
            }
            Ok(object_states)
        })
    }

    fn create_schema<'a>(&'a mut self, name: &'a str) -> Work<'a, ()> {
        Box::pin(async move {
            match self.run(format!("CREATE SCHEMA {}", SQL.identifier(name))).await {
                // Somebody without our lock was faster.
                Err(fault) if matches!(fault.code.as_deref(), Some("42P06" | "23505")) => Ok(()),
                other => other.map(drop),
            }
        })
    }

    fn schemas(&mut self) -> Work<'_, Vec<String>> {
        Box::pin(async move { Ok(first_column(self.run(queries::SCHEMAS.to_owned()).await?)) })
    }

    fn tables_in<'a>(&'a mut self, schemas: &'a [String]) -> Work<'a, Vec<String>> {
        Box::pin(async move { Ok(first_column(self.run(queries::tables_in(schemas)).await?)) })
    }

    fn missing_tables<'a>(&'a mut self, tables: &'a [TableName], role: Option<&'a str>) -> Work<'a, Vec<Missing>> {
        Box::pin(async move {
            let found: Vec<introspect::Present> = self
                .run(introspect::present(tables, role))
                .await?
                .iter()
                .filter_map(introspect::read_present)
                .collect();
            let (there, absent): (Vec<_>, Vec<_>) = tables
                .iter()
                .cloned()
                .map(|table| {
                    // Of several on the search path, one that can be used.
                    let same = found.iter().filter(|present| present.is(&table));
                    (same.min_by_key(|present| present.access != Access::Granted), table)
                })
                .partition(|(present, _)| present.is_some());
            let absent: Vec<TableName> = absent.into_iter().map(|(_, table)| table).collect();
            let hidden = there.into_iter().filter_map(|(present, table)| {
                let (name, access) = present.map(|present| (present.name.clone(), present.access))?;
                let hidden = Some((name, access)).filter(|_| access != Access::Granted)?;
                Some(Missing { table, similar: Vec::new(), hidden: Some(hidden) })
            });
            let mut missing: Vec<Missing> = hidden.collect();
            if absent.is_empty() {
                return Ok(missing);
            }
            let index = |row: &Row| row.first()?.as_ref()?.parse::<usize>().ok();
            let rows = self.run(queries::similar(&absent)).await?;
            let similar = |wanted: usize| {
                let of_it = rows.iter().filter(move |row| index(row) == Some(wanted));
                of_it.filter_map(|row| Some(TableName { schema: row.get(1)?.clone(), name: row.get(2)?.clone()? }))
            };
            let with_similar = absent.iter().enumerate();
            missing.extend(with_similar.map(|(i, table)| Missing {
                table: table.clone(),
                similar: similar(i).collect(),
                hidden: None,
            }));
            Ok(missing)
        })
    }

    fn catalog<'a>(&'a mut self, scope: &'a Scope<'a>) -> Work<'a, Catalog> {
        Box::pin(async move {
            let mut reader = introspect::Reader::default();
            self.each(introspect::sql(scope), |row| reader.row(row)).await?;
            Ok(reader.finish())
        })
    }

    fn explain<'a>(&'a mut self, queries: &'a [&'a str]) -> Work<'a, Vec<Result<Vec<QueryPlan>, Fault>>> {
        Box::pin(self.plans(queries))
    }

    fn query_bools<'a>(&'a mut self, queries: &'a [String]) -> Work<'a, Vec<Result<bool, Fault>>> {
        Box::pin(self.answers(queries))
    }

    fn canceller(&self) -> Canceller {
        let (way, wire) = (self.way.clone(), self.wire.clone());
        Box::new(move || {
            let (way, key) = (way.clone(), wire.seen().key.clone());
            Box::pin(async move {
                let request = dial::cancel(&way.target, &way.host, way.encrypted, &key);
                if let Ok(Err(fault)) = tokio::time::timeout(way.target.connect_timeout, request).await {
                    tracing::debug!(phase = "migrate", event = "cancel_failed", "cancel request: {fault}");
                }
            })
        })
    }

    fn observer(&self) -> Option<Observer> {
        let (way, backend) = (self.way.clone(), self.wire.backend()?);
        Some(Box::new(move || {
            let way = way.clone();
            Box::pin(async move {
                let look = async {
                    let mut session = login(&way.target, &way.host, &way.target.database).await?;
                    let rows = session.send(queries::blockers(backend)).await;
                    crate::engines::session::Session::close(Box::new(session)).await;
                    rows
                };
                let rows = tokio::time::timeout(way.target.connect_timeout, look).await;
                let rows = rows.unwrap_or_else(|_| Err(silent(way.target.connect_timeout)))?;
                Ok(rows.iter().map(peer).collect())
            })
        }))
    }

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            let _ = self.connection.close().await;
            // The goodbye is on its way only once the relay has passed it on.
            let _ = tokio::time::timeout(Duration::from_secs(1), self.relay).await;
        })
    }
}
