//! One connection to a server: login, statements, rows as text.
//!
//! This is the only file of this engine that uses sqlx.

use futures_util::StreamExt as _;
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlDatabaseError, MySqlRow, MySqlSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Either, Row as _, ValueRef as _};

use crate::base::fault::{Class, Fault};
use crate::engines::mysql::errors;
use crate::engines::mysql::url::{Target, TlsMode};
use crate::sql::Row;

/// A connection.
pub(crate) struct Client {
    connection: MySqlConnection,
}

/// What a message was answered with.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The rows of all its statements.
    pub(crate) rows: Vec<Row>,
    /// How many rows the last statement found to change.
    pub(crate) affected: u64,
}

impl Client {
    /// Connects and logs in, without the settings that sqlx makes by itself; `database` may be left out.
    pub(crate) async fn connect(target: &Target, database: Option<&str>) -> Result<Self, Fault> {
        let mode = match target.tls {
            TlsMode::Disabled => MySqlSslMode::Disabled,
            TlsMode::Preferred => MySqlSslMode::Preferred,
            TlsMode::Required => MySqlSslMode::Required,
            TlsMode::VerifyCa => MySqlSslMode::VerifyCa,
            TlsMode::VerifyIdentity => MySqlSslMode::VerifyIdentity,
        };
        let mut options = MySqlConnectOptions::new()
            .host(&target.host)
            .port(target.port)
            .username(&target.user)
            .ssl_mode(mode)
            .statement_cache_capacity(0)
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None)
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
        let connection = options.connect().await.map_err(|error| fault(&error))?;
        Ok(Self { connection })
    }

    /// Sends a message, which should be one statement: the server goes on with the rest of a message when its client is dead.
    pub(crate) async fn send(&mut self, sql: String) -> Result<Answer, Fault> {
        let mut answer = Answer::default();
        let mut results = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(&mut self.connection);
        while let Some(result) = results.next().await {
            match result.map_err(|error| fault(&error))? {
                Either::Left(done) => answer.affected = done.rows_affected(),
                Either::Right(row) => answer.rows.push(texts(&row)),
            }
        }
        Ok(answer)
    }

    /// Ends the connection.
    pub(crate) async fn close(self) {
        let _ = self.connection.close().await;
    }
}

fn texts(row: &MySqlRow) -> Row {
    let text = |index| {
        let value = row.try_get_raw(index).ok().filter(|value| !value.is_null())?;
        let bytes = <Vec<u8> as sqlx::Decode<sqlx::MySql>>::decode(value).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    (0..row.len()).map(text).collect()
}

fn fault(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(error) => match error.try_downcast_ref::<MySqlDatabaseError>() {
            Some(error) => Fault {
                code: Some(error.number().to_string()),
                ..Fault::new(errors::class(error.number()), error.message())
            },
            None => Fault::new(Class::Statement, error.message()),
        },
        sqlx::Error::Tls(error) => Fault::new(Class::Tls, error.to_string()),
        sqlx::Error::Io(error) => Fault::new(Class::Unreachable, error.to_string()),
        error => Fault::new(Class::Unreachable, error.to_string()),
    }
}
