//! The client on top of sqlx. No other file of this engine uses sqlx.
//!
//! sqlx is used for login and for simple queries; the socket under it is doorstep's own (see `relay`).

use std::future::Future;
use std::task::Poll;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError, PgErrorPosition, PgRow, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Row as _, ValueRef as _};
use tokio::task::JoinHandle;

use crate::base::fault::{Class, Fault, Place};
use crate::engines::net::dial::{Stream, reason, unreachable};
use crate::engines::postgres::client::relay::{self, Wire};
use crate::engines::postgres::client::{CancelKey, Exchange, Login};
use crate::engines::postgres::sqlstate;
use crate::engines::session::RowSink;
use crate::sql::Row;

/// How long the relay may take to pass on the last message.
const GOODBYE: Duration = Duration::from_secs(1);

/// A logged-in connection.
pub(crate) struct Client {
    connection: PgConnection,
    wire: Wire,
    relay: JoinHandle<()>,
}

impl Client {
    /// Logs in on an open connection.
    pub(crate) async fn login(stream: Stream, login: &Login<'_>) -> Result<Self, Fault> {
        let (wire, relay) = Wire::lay(stream, login).map_err(|error| unreachable(reason(&error)))?;
        let mut options = PgConnectOptions::new_without_pgpass()
            .socket(&wire.directory)
            .port(relay::PORT)
            .ssl_mode(PgSslMode::Disable)
            .username(login.user)
            .database(login.database)
            .statement_cache_capacity(0)
            .disable_statement_logging();
        if let Some(password) = login.password {
            options = options.password(password.expose());
        }
        let connected = eagerly(PgConnection::connect_with(&options)).await;
        let connection = connected.map_err(|error| fault(&error, &wire))?;
        Ok(Self { connection, wire, relay })
    }

    /// Runs a message and returns the rows of all its statements.
    pub(crate) async fn query(&mut self, sql: String) -> Result<Vec<Row>, Fault> {
        let result = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(&mut self.connection).await;
        let rows = result.map_err(|error| fault(&error, &self.wire))?;
        Ok(rows.iter().map(|row| texts(row).map(|text| text.map(str::to_owned)).collect()).collect())
    }

    /// Runs a message and passes on each row as it arrives.
    pub(crate) async fn each_row(&mut self, sql: String, take: RowSink<'_>) -> Result<(), Fault> {
        let mut rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch(&mut self.connection);
        while let Some(row) = rows.try_next().await.map_err(|error| fault(&error, &self.wire))? {
            let row: Vec<Option<&str>> = texts(&row).collect();
            take(&row)?;
        }
        Ok(())
    }

    /// Runs a message whose failure has to be understood: which statements completed, and how the transaction stands.
    pub(crate) async fn exchange(&mut self, message: String) -> Exchange {
        self.wire.forget();
        let result = sqlx::raw_sql(AssertSqlSafe(message)).execute(&mut self.connection).await;
        let result = result.map(drop).map_err(|error| fault(&error, &self.wire));
        // sqlx stops reading at an error; an empty query reads up to the next ReadyForQuery. Where that fails, the
        // connection is gone.
        let empty = || AssertSqlSafe(String::new());
        let alive = result.is_ok() || sqlx::raw_sql(empty()).execute(&mut self.connection).await.is_ok();
        let seen = self.wire.seen();
        Exchange { result, tags: seen.tags.clone(), refused: seen.refused, status: alive.then_some(seen.status) }
    }

    /// The key for cancel requests.
    pub(crate) fn cancel_key(&self) -> CancelKey {
        self.wire.seen().key.clone()
    }

    /// Says goodbye and waits until the server has received it.
    pub(crate) async fn close(self) {
        let _ = self.connection.close().await;
        let _ = tokio::time::timeout(GOODBYE, self.relay).await;
    }
}

/// While it hashes the password sqlx yields 819 times, and each yield would ask the kernel for events: 1 to 2 ms of a
/// login. Polled in batches, it does not.
async fn eagerly<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        let mut polls = (0..32).map(|_| future.as_mut().poll(context));
        polls.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}

/// The values of a row, all of which are texts in the simple protocol.
fn texts(row: &PgRow) -> impl Iterator<Item = Option<&str>> {
    (0..row.len()).map(|index| row.try_get_raw(index).ok().filter(|value| !value.is_null())?.as_str().ok())
}

/// An error of sqlx as a fault. sqlx's own text is not used where the server sent one: it adds a line number of
/// PostgreSQL's C source.
fn fault(error: &sqlx::Error, wire: &Wire) -> Fault {
    let broken = || wire.seen().broken.clone();
    match error {
        sqlx::Error::Database(error) => match error.try_downcast_ref::<PgDatabaseError>() {
            Some(error) => of_server(error),
            None => Fault::new(Class::Statement, error.message()),
        },
        sqlx::Error::Io(error) => broken().unwrap_or_else(|| unreachable(reason(error))),
        sqlx::Error::Protocol(text) => {
            broken().unwrap_or_else(|| unreachable(format!("the server does not speak PostgreSQL's protocol: {text}")))
        }
        // sqlx's text quotes a character of the password.
        sqlx::Error::Configuration(_) => Fault::new(
            Class::Config,
            "the password cannot be used: it holds a control character or another one that SASLprep (RFC 4013) forbids",
        ),
        other => Fault::new(Class::Statement, other.to_string()),
    }
}

/// An ErrorResponse.
fn of_server(error: &PgDatabaseError) -> Fault {
    Fault {
        class: sqlstate::class_of(error.code(), error.routine()),
        code: Some(error.code().to_owned()),
        message: error.message().to_owned(),
        detail: error.detail().map(str::to_owned),
        hint: error.hint().map(str::to_owned),
        context: error.r#where().map(str::to_owned),
        place: match error.position() {
            Some(PgErrorPosition::Original(position)) => Some(Place::Character(position)),
            _ => None,
        },
        condition: sqlstate::condition_of(error.code()),
    }
}
