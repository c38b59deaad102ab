//! PostgreSQL: its catalog, its error codes, its lock. The driver (sqlx) is used for login and simple
//! queries only; the socket under it is doorstep's own (`dial`, `tls`, `resolve`, `wire`).
//!
//! Everything goes through the simple protocol: one message is one round trip, and no prepared
//! statement can collide behind a pooler.

mod dial;
mod passfile;
mod resolve;
mod target;
mod tls;
mod wire;

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgErrorPosition, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, ValueRef as _};
use tokio::task::JoinHandle;

use super::{Canceller, Dialect, Failure, Kept, Missing, Row, Survey, Wanted, Work, silent};
use crate::fault::{Class, Fault, Place};
use crate::script;
use crate::settings::TableName;

pub(crate) use target::Target;
pub use target::has_libpq_variables;

use target::Host;
use tls::Mode;
use wire::Wire;

const SQL: Dialect = Dialect::Postgres;

/// One attempt at each host in turn, as libpq does: a refused login ends the round, anything else moves
/// on to the next host. A standby is not what is looked for, so it moves on too.
pub(super) async fn open(target: &Target, wanted: &Wanted) -> Result<(Session, Survey), Fault> {
    let mut last = None;
    for host in &target.hosts {
        let attempt = async {
            let mut session = login(target, host, &target.database).await?;
            let survey = super::Session::survey(&mut session, wanted).await?;
            Ok((session, survey))
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
        last = Some(fault);
    }
    Err(last.unwrap_or_else(|| Fault::new(Class::Config, "no host is named")))
}

/// Creates the target's database, from the maintenance database as `createdb` does.
pub(super) async fn create_database(target: &Target) -> Result<(), Fault> {
    let sql = format!("CREATE DATABASE {}", SQL.identifier(&target.database));
    let mut last = Fault::new(Class::NoDatabase, "there is no database to create another one from");
    for host in &target.hosts {
        for maintenance in ["postgres", "template1"] {
            let attempt = async {
                let mut session = login(target, host, maintenance).await?;
                let created = super::Session::execute(&mut session, sql.clone()).await;
                super::Session::close(Box::new(session)).await;
                created
            };
            let created = tokio::time::timeout(target.connect_timeout.max(Duration::from_secs(30)), attempt).await;
            match created.unwrap_or_else(|_| Err(silent(target.connect_timeout))) {
                Ok(()) => return Ok(()),
                // Another replica was faster: 42P04, or a unique index in the very same moment.
                Err(fault) if matches!(fault.code.as_deref(), Some("42P04" | "23505")) => return Ok(()),
                Err(fault) if fault.class == Class::NoDatabase => last = fault,
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
        .port(wire::PORT)
        .ssl_mode(PgSslMode::Disable)
        .username(&target.user)
        .database(database)
        .statement_cache_capacity(0)
        .disable_statement_logging();
    if let Some(password) = &target.password {
        options = options.password(password.expose());
    }
    let connection = eagerly(PgConnection::connect_with(&options)).await.map_err(|error| {
        let mut fault = fault(&error, &wire);
        if fault.class == Class::Authentication && target.password.is_none() {
            fault.hint = Some("no password was given".to_owned());
        }
        fault
    })?;
    Ok(Session {
        connection,
        wire,
        relay,
        way: Way { target: target.clone(), host: host.clone(), encrypted },
        lock_timeout: None,
        unsettled: target.schema.is_some(),
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
    lock_timeout: Option<Duration>,
    /// Session settings are to be put in order before the next statement of ours.
    unsettled: bool,
}

impl Session {
    async fn run(&mut self, sql: String) -> Result<Vec<Row>, Fault> {
        let sql = match std::mem::take(&mut self.unsettled) {
            true => format!("{}{sql}", self.settle()),
            false => sql,
        };
        let result = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.connection).await;
        let rows = result.map_err(|error| fault(&error, &self.wire))?;
        let column = |row: &sqlx::postgres::PgRow, index| {
            let value = row.try_get_raw(index).ok().filter(|value| !value.is_null())?;
            value.as_str().ok().map(str::to_owned)
        };
        Ok(rows.iter().map(|row| (0..row.len()).map(|index| column(row, index)).collect()).collect())
    }

    /// A script may have left any setting behind (`search_path` of a pg_dump baseline, `SET ROLE`); the
    /// next one starts from the session's own settings. Goes out with the next statement of ours.
    fn settle(&self) -> String {
        let mut sql = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; ".to_owned();
        if let Some(schema) = &self.way.target.schema {
            sql += &format!("SET search_path = {}; ", SQL.identifier(schema));
        }
        if let Some(timeout) = self.lock_timeout {
            sql += &format!("SET lock_timeout = {}; ", timeout.as_millis());
        }
        sql
    }

    async fn run_script(&mut self, sql: &str) -> Result<(), Failure> {
        if self.unsettled {
            self.run(String::new()).await.map_err(|fault| Failure { fault, kept: Kept::Nothing })?;
        }
        self.wire.forget();
        self.unsettled = true;
        let result = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.connection).await;
        let open = self.wire.seen().status != b'I';
        let fault = match result {
            Ok(_) if !open => return Ok(()),
            Ok(_) => Fault::new(
                Class::Statement,
                "the script leaves a transaction open (BEGIN without COMMIT), which would be lost; it was rolled back",
            ),
            Err(error) => fault(&error, &self.wire),
        };
        // The driver stops reading at the error; an empty query brings the state up to date. Where that
        // fails the connection is gone, and nobody knows whether the last statement committed.
        let alive = sqlx::raw_sql(AssertSqlSafe(String::new())).execute(&mut self.connection).await.is_ok();
        if alive && self.wire.seen().status != b'I' {
            let _ = sqlx::raw_sql(AssertSqlSafe("ROLLBACK".to_owned())).execute(&mut self.connection).await;
        }
        let committed = self.wire.seen().tags.iter().any(|tag| tag.starts_with("COMMIT") || tag.starts_with("PREPARE"));
        let kept = if alive && !committed && is_transactional(sql) { Kept::Nothing } else { Kept::Maybe };
        Err(Failure { fault, kept })
    }
}

/// True unless a statement commits on its own: then a failure may leave something behind. A lone CALL or
/// DO may commit inside; among others it may not (it is in their implicit transaction).
fn is_transactional(sql: &str) -> bool {
    let statements = script::statements(sql, SQL);
    let alone = statements.len() == 1;
    !statements.iter().any(|it| it.refuses_transaction() || (alone && it.may_commit_inside()))
}

impl super::Session for Session {
    fn dialect(&self) -> Dialect {
        SQL
    }

    fn survey<'a>(&'a mut self, wanted: &'a Wanted) -> Work<'a, Survey> {
        Box::pin(async move {
            let row = self.run(survey_sql(wanted)).await?.pop().unwrap_or_default();
            let [recovering, read_only, version, database, role, schema, missing, home] = row.as_slice() else {
                return Err(Fault::new(Class::Statement, "the survey gave no row"));
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
            Ok(Survey {
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

    fn script<'a>(&'a mut self, sql: &'a str) -> Pin<Box<dyn Future<Output = Result<(), Failure>> + 'a>> {
        Box::pin(self.run_script(sql))
    }

    fn set_lock_timeout(&mut self, timeout: Option<Duration>) -> Work<'_, ()> {
        // Sent with the next statement.
        (self.lock_timeout, self.unsettled) = (timeout, true);
        Box::pin(std::future::ready(Ok(())))
    }

    fn try_lock(&mut self, key: i64) -> Work<'_, bool> {
        Box::pin(async move {
            let rows = self.run(format!("SELECT pg_catalog.pg_try_advisory_lock({key})")).await?;
            Ok(rows.first().and_then(|row| row.first()?.as_deref()) == Some("t"))
        })
    }

    fn lock_holder(&mut self, key: i64) -> Work<'_, Option<String>> {
        Box::pin(async move {
            let rows = self.run(holder_sql(key)).await?;
            Ok(rows.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
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

    fn tables_in<'a>(&'a mut self, schemas: &'a [String]) -> Work<'a, Vec<String>> {
        Box::pin(async move {
            let schemas: Vec<String> = schemas.iter().map(|name| SQL.literal(name)).collect();
            // relkind 'r' and the PostGIS names as Prisma's P3005 has them.
            let sql = format!(
                "SELECT n.nspname || '.' || c.relname FROM pg_catalog.pg_class c \
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.relkind = 'r' AND n.nspname IN ({}) AND lower(c.relname) NOT IN \
                 ('spatial_ref_sys', 'geometry_columns', 'geography_columns', 'raster_columns', 'raster_overviews') \
                 ORDER BY 1",
                schemas.join(", ")
            );
            Ok(self.run(sql).await?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
        })
    }

    fn missing_tables<'a>(&'a mut self, tables: &'a [TableName]) -> Work<'a, Vec<Missing>> {
        Box::pin(async move {
            let found = self.run(present_sql(tables)).await?;
            let is_there = |table: &&TableName| {
                found.iter().any(|row| match (row.as_slice(), &table.schema) {
                    ([schema, name, _], Some(wanted)) => {
                        name.as_ref() == Some(&table.name) && schema.as_ref() == Some(wanted)
                    }
                    ([_, name, visible], None) => name.as_ref() == Some(&table.name) && visible.as_deref() == Some("t"),
                    _ => false,
                })
            };
            let absent: Vec<TableName> = tables.iter().filter(|table| !is_there(table)).cloned().collect();
            if absent.is_empty() {
                return Ok(Vec::new());
            }
            let index = |row: &Row| row.first()?.as_ref()?.parse::<usize>().ok();
            let rows = self.run(similar_sql(&absent)).await?;
            let similar = |wanted: usize| {
                let of_it = rows.iter().filter(move |row| index(row) == Some(wanted));
                of_it.filter_map(|row| Some(TableName { schema: row.get(1)?.clone(), name: row.get(2)?.clone()? }))
            };
            let with_similar = absent.iter().enumerate();
            Ok(with_similar.map(|(i, table)| Missing { table: table.clone(), similar: similar(i).collect() }).collect())
        })
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

    fn close(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            let _ = self.connection.close().await;
            // The goodbye is on its way only once the relay has passed it on.
            let _ = tokio::time::timeout(Duration::from_secs(1), self.relay).await;
        })
    }
}

/// Every subquery costs a fresh backend some hundred microseconds of catalog loading, so there are no joins,
/// and nothing about schemas where none is wanted.
fn survey_sql(wanted: &Wanted) -> String {
    let schemas: Vec<String> = wanted.schemas.iter().map(|name| SQL.literal(name)).collect();
    let missing = match schemas.is_empty() {
        true => "NULL".to_owned(),
        false => format!(
            "(SELECT pg_catalog.json_agg(w) FROM pg_catalog.unnest(ARRAY[{}]::text[]) w \
             WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace n WHERE n.nspname = w))",
            schemas.join(", ")
        ),
    };
    let history = wanted.history.as_deref().map_or("NULL".to_owned(), |table| SQL.literal(&SQL.identifier(table)));
    // The history table is where an unqualified name leads: Prisma never qualifies it.
    format!(
        "SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only'), \
         pg_catalog.current_setting('server_version'), pg_catalog.current_database(), current_user, \
         pg_catalog.current_schema(), {missing}, \
         (SELECT nspname FROM pg_catalog.pg_namespace WHERE oid = \
          (SELECT relnamespace FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass({history})))"
    )
}

fn holder_sql(key: i64) -> String {
    format!(
        "SELECT pg_catalog.format('pid %s, application %s, client %s, connected since %s, %s', \
         a.pid, coalesce(nullif(a.application_name, ''), 'unnamed'), coalesce(host(a.client_addr), 'local'), \
         to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), coalesce(a.state, 'state hidden')) \
         FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
         AND l.classid::bigint = {key}::bigint >> 32 AND l.objid::bigint = {key}::bigint & 4294967295 \
         AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
    )
}

/// Every relation of one of the names, and whether its schema is on the search path. Views, materialised
/// views and foreign tables answer queries too.
fn present_sql(tables: &[TableName]) -> String {
    let names: Vec<String> = tables.iter().map(|table| SQL.literal(&table.name)).collect();
    format!(
        "SELECT n.nspname, c.relname, n.nspname = ANY (pg_catalog.current_schemas(false)) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE c.relname = ANY (ARRAY[{}]::name[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
        names.join(", ")
    )
}

/// Same name in another schema, other case, or snake_case against camelCase.
fn similar_sql(tables: &[TableName]) -> String {
    let row = |(index, table): (usize, &TableName)| format!("({index}, {})", SQL.literal(&table.name));
    let rows: Vec<String> = tables.iter().enumerate().map(row).collect();
    format!(
        "SELECT w.i, n.nspname, c.relname FROM (VALUES {}) AS w(i, t) \
         JOIN pg_catalog.pg_class c ON c.relkind IN ('r', 'p', 'v', 'm', 'f') \
         AND replace(lower(c.relname), '_', '') = replace(lower(w.t), '_', '') \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' \
         ORDER BY 1, 2, 3 LIMIT 100",
        rows.join(", ")
    )
}

/// What sqlx reports, classed. Its own texts are not used where the server gave one: they add a line
/// number of PostgreSQL's C source.
fn fault(error: &sqlx::Error, wire: &Wire) -> Fault {
    let broken = || wire.seen().broken.clone();
    match error {
        sqlx::Error::Database(error) => match error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
            Some(error) => Fault {
                class: class_of(error.code()),
                code: Some(error.code().to_owned()),
                message: error.message().to_owned(),
                detail: error.detail().map(str::to_owned),
                hint: error.hint().map(str::to_owned),
                place: match error.position() {
                    Some(PgErrorPosition::Original(position)) => Some(Place::Character(position)),
                    _ => None,
                },
            },
            None => Fault::new(Class::Statement, error.message()),
        },
        sqlx::Error::Io(error) => broken().unwrap_or_else(|| Fault::new(Class::Unreachable, dial::reason(error))),
        sqlx::Error::Protocol(text) => broken().unwrap_or_else(|| {
            Fault::new(Class::Unreachable, format!("the server does not speak PostgreSQL's protocol: {text}"))
        }),
        other => Fault::new(Class::Statement, other.to_string()),
    }
}

/// SQLSTATE to class (PostgreSQL manual, appendix A).
fn class_of(code: &str) -> Class {
    match code {
        "57P03" => Class::Starting,
        "57P01" | "57P02" | "57P04" | "57P05" => Class::Unreachable,
        "25006" => Class::ReadOnly,
        "3D000" => Class::NoDatabase,
        "42501" => Class::Privilege,
        // A deadlock victim is as well rolled back, and as safe to repeat, as a lock_timeout.
        "55P03" | "40P01" => Class::LockTimeout,
        "57014" => Class::Cancelled,
        _ if code.starts_with("08") => Class::Unreachable,
        _ if code.starts_with("53") => Class::Busy,
        _ if code.starts_with("28") => Class::Authentication,
        _ => Class::Statement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_that_pass_with_time_and_those_that_do_not() {
        for code in ["57P03", "57P01", "53300", "08006", "25006"] {
            assert!(class_of(code).is_transient(), "{code}");
        }
        for code in ["28P01", "28000", "3D000", "42501", "42P01", "55P03"] {
            assert!(!class_of(code).is_transient(), "{code}");
        }
    }

    #[test]
    fn statements_outside_transactions_make_a_failure_uncertain() {
        assert!(is_transactional("CREATE TABLE a (id int); UPDATE a SET id = 1; DO $$ BEGIN COMMIT; END $$;"));
        assert!(is_transactional("DO $$ BEGIN PERFORM 1; END $$; -- CONCURRENTLY"));
        assert!(!is_transactional("create unique index concurrently i on t (a)"));
        assert!(!is_transactional("DO $$ BEGIN COMMIT; END $$;"));
    }
}
