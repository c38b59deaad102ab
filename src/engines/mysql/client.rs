//! One connection to a server: login, statements, rows as text.
//!
//! This is the only file of this engine that uses sqlx.

use std::borrow::Cow;
use std::cell::Cell;
use std::time::Duration;

use futures_util::StreamExt as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Either, Row as _, ValueRef as _};
use tokio::task::JoinHandle;

use crate::base::fault::{Class, Condition, Fault};
use crate::engines::mysql::conninfo::{Target, TlsMode};
use crate::engines::mysql::errors;
use crate::engines::mysql::relay;
use crate::engines::net::dial;
use crate::engines::session::RowSink;
use crate::sql::Row;

/// How long the last message may take on its way.
pub(crate) const FAREWELL: Duration = Duration::from_secs(1);

/// A connection.
pub(crate) struct Client {
    connection: MySqlConnection,
    /// What passes the messages on, over TCP.
    relay: Option<JoinHandle<()>>,
    /// No answer can come any more.
    lost: bool,
}

/// What a message was answered with.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The rows of all its statements.
    pub(crate) rows: Vec<Row>,
    /// How many rows the last statement found to change.
    pub(crate) affected: u64,
}

/// What a message of several statements was answered with, in their order, until one failed.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Of those that were done.
    pub(crate) done: Vec<Answer>,
    /// Why the next one was not.
    pub(crate) fault: Option<Fault>,
}

/// A part of what a message is answered with.
enum Part<'a> {
    Row(&'a [Option<&'a str>]),
    /// The end of a statement, which found so many rows to change.
    Done(u64),
}

impl Client {
    /// Connects and logs in, without the settings that sqlx makes by itself; `database` may be left out.
    pub(crate) async fn connect(target: &Target, database: Option<&str>) -> Result<Self, Fault> {
        let mut options = options(target, database);
        let mut relay = None;
        if target.socket.is_none() {
            let (name, task) = relay::dial(target).await?;
            options = options.socket(name);
            relay = Some(task);
        }
        match options.connect().await {
            Ok(connection) => Ok(Self { connection, relay, lost: false }),
            Err(error) => Err(of_login(fault(&error), target)),
        }
    }

    /// Sends a message; the server goes on with the rest of its statements when its client is dead.
    pub(crate) async fn send(&mut self, sql: impl Into<String>) -> Result<Answer, Fault> {
        let mut rows = Vec::new();
        let mut keep = |_: usize, row: &[Option<&str>]| {
            rows.push(row.iter().map(|value| value.map(str::to_owned)).collect());
            Ok(())
        };
        let affected = self.each_row(sql, &mut keep).await?;
        Ok(Answer { rows, affected })
    }

    /// The same, with the rows one by one, of which only one is in memory; gives how many rows the last statement found to change.
    pub(crate) async fn each_row(&mut self, sql: impl Into<String>, take: RowSink<'_>) -> Result<u64, Fault> {
        let (mut affected, mut statement) = (0, 0);
        let mut sort = |part: Part<'_>| match part {
            Part::Row(row) => take(statement, row),
            Part::Done(count) => {
                (affected, statement) = (count, statement + 1);
                Ok(())
            }
        };
        self.each_part(sql.into(), &mut sort).await?;
        Ok(affected)
    }

    /// The same, with the answers to each of its statements by itself. `has_answered` is set with the first part of an answer.
    pub(crate) async fn send_all(&mut self, sql: String, has_answered: &Cell<bool>) -> Answers {
        let (mut done, mut rows) = (Vec::new(), Vec::new());
        let mut sort = |part: Part<'_>| {
            has_answered.set(true);
            match part {
                Part::Row(row) => rows.push(row.iter().map(|value| value.map(str::to_owned)).collect()),
                Part::Done(affected) => done.push(Answer { rows: std::mem::take(&mut rows), affected }),
            }
            Ok(())
        };
        let fault = self.each_part(sql, &mut sort).await.err();
        Answers { done, fault }
    }

    async fn each_part(
        &mut self,
        sql: String,
        take: &mut dyn FnMut(Part<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let mut results = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(&mut self.connection);
        while let Some(result) = results.next().await {
            match result {
                Ok(Either::Left(done)) => take(Part::Done(done.rows_affected()))?,
                Ok(Either::Right(row)) => match texts(&row) {
                    Some(texts) => take(Part::Row(&texts))?,
                    None => {
                        let texts = lossy_texts(&row);
                        take(Part::Row(&texts.iter().map(Option::as_deref).collect::<Vec<_>>()))?;
                    }
                },
                Err(error) => {
                    drop(results);
                    self.lost |= has_ended(&error);
                    return Err(fault(&error));
                }
            }
        }
        Ok(())
    }

    /// Whether the connection has ended: what it was doing may be done or not.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost
    }

    /// Completes when the connection ends, where it goes over TCP; it may be dropped at any time.
    pub(crate) async fn until_closed(&mut self) -> Fault {
        let Some(relay) = &mut self.relay else { return std::future::pending().await };
        let _ = relay.await;
        (self.relay, self.lost) = (None, true);
        Fault::new(Class::Unreachable, "the server ended the connection")
    }

    /// The connection goes through a Unix socket of the server.
    pub(crate) fn is_local(&self) -> bool {
        self.relay.is_none() && !self.lost
    }

    /// Ends the connection.
    pub(crate) async fn close(self) {
        let _ = self.connection.close().await;
        if let Some(relay) = self.relay {
            let _ = tokio::time::timeout(FAREWELL, relay).await;
        }
    }
}

fn options(target: &Target, database: Option<&str>) -> MySqlConnectOptions {
    let mode = match target.tls {
        TlsMode::Disabled => MySqlSslMode::Disabled,
        TlsMode::Preferred => MySqlSslMode::Preferred,
        TlsMode::Required => MySqlSslMode::Required,
        TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
        TlsMode::VerifyIdentity => MySqlSslMode::VerifyIdentity,
    };
    // The login says utf8mb4, and no statement changes the session: a routine keeps the sql_mode of the session that
    // creates it.
    let mut options = MySqlConnectOptions::new()
        .host(&target.host)
        .port(target.port)
        .username(&target.user)
        .ssl_mode(mode)
        .statement_cache_capacity(0)
        .pipes_as_concat(false)
        .no_engine_substitution(false)
        .timezone(None)
        .set_names(false)
        .enable_cleartext_plugin(target.tls.is_verified())
        .disable_statement_logging();
    if let Some(password) = &target.password {
        options = options.password(password);
    }
    if let Some(database) = database {
        options = options.database(database);
    }
    if let Some(socket) = &target.socket {
        options = options.socket(socket);
    }
    if let Some(authority) = &target.authority {
        options = options.ssl_ca(authority);
    }
    if let Some((certificate, key)) = &target.certificate {
        options = options.ssl_client_cert(certificate).ssl_client_key(key);
    }
    options
}

/// The values of a row; `None` where one is not UTF-8.
fn texts(row: &MySqlRow) -> Option<Vec<Option<&str>>> {
    let mut texts = Vec::with_capacity(row.len());
    for index in 0..row.len() {
        texts.push(value(row, index).map(std::str::from_utf8).transpose().ok()?);
    }
    Some(texts)
}

/// The same, with a replacement character for what is not UTF-8.
fn lossy_texts(row: &MySqlRow) -> Vec<Option<Cow<'_, str>>> {
    (0..row.len()).map(|index| value(row, index).map(String::from_utf8_lossy)).collect()
}

/// The bytes of a value; `None` for NULL.
fn value(row: &MySqlRow, index: usize) -> Option<&[u8]> {
    let value = row.try_get_raw(index).ok().filter(|value| !value.is_null())?;
    <&[u8] as sqlx::Decode<sqlx::MySql>>::decode(value).ok()
}

/// The server says 1045 both for a wrong password and for an account that wants TLS, on MariaDB also for a server that does.
fn of_login(fault: Fault, target: &Target) -> Fault {
    let is_plain = target.tls == TlsMode::Disabled || target.socket.is_some();
    match fault.code.as_deref() {
        Some("1045") if is_plain => Fault {
            message: format!("{} (or the server wants TLS for this account)", fault.message),
            condition: Some(Condition::NotAdmittedPlain),
            ..fault
        },
        Some("1044") => Fault {
            message: format!("{} (the server says this whether or not the database exists)", fault.message),
            ..fault
        },
        _ => fault,
    }
}

fn has_ended(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => match error.try_downcast_ref::<MySqlDatabaseError>() {
            Some(error) => errors::ends_session(error.number()),
            None => false,
        },
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => false,
        _ => true,
    }
}

fn fault(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(error) => match error.try_downcast_ref::<MySqlDatabaseError>() {
            Some(error) => {
                let (class, condition) = errors::meaning(error.number(), error.message());
                let code = Some(error.number().to_string());
                Fault { code, condition, ..Fault::new(class, error.message()) }
            }
            None => Fault::new(Class::Statement, error.message()),
        },
        sqlx::Error::Tls(error) => Fault::new(Class::Tls, error.to_string()),
        sqlx::Error::Io(error) => of_io(error),
        error => {
            let (class, condition, text) = errors::of_driver(&error.to_string());
            Fault { condition, ..Fault::new(class, text) }
        }
    }
}

fn of_io(error: &std::io::Error) -> Fault {
    use std::io::ErrorKind::{InvalidData, UnexpectedEof};
    match error.kind() {
        // rustls reports a refused certificate like this.
        InvalidData => Fault::new(Class::Tls, error.to_string()),
        UnexpectedEof => Fault::new(Class::Unreachable, "the server ended the connection"),
        _ => Fault::new(Class::Unreachable, dial::reason(error)),
    }
}
