//! One logged-in connection to PostgreSQL: a message out, its answers in. Only the simple protocol is spoken (manual 55.2.2): one
//! message may hold many statements, is one round trip, and no prepared statement can collide behind a pooler. (What is prepared for
//! the history is prepared by SQL, and only where the session has its backend for itself.)
//!
//! An answer is always read to its ReadyForQuery, so that the transaction's state is known afterwards. `COPY … FROM STDIN`
//! of a script is answered with CopyFail; rows of `COPY … TO STDOUT` are rows.
//!
//! `frames` bounds and parses messages, `login`, `scram` and `pbkdf2` authenticate, `notices` logs what a server has to say; the bytes of
//! messages are `postgres-protocol`'s matter.

pub(crate) mod frames;
pub(crate) mod login;
mod notices;
mod pbkdf2;
mod scram;

use std::time::Duration;

use bytes::BytesMut;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;

use crate::base::fault::{Class, Fault};
use crate::engines::inspector::LoginFacts;
use crate::engines::net::silent;
use crate::engines::postgres::client::frames::{Frame, Frames, RowValues, Rows, WholeRow, fault_of, not_postgres};
use crate::engines::postgres::client::login::{LoggedIn, Login};
use crate::engines::postgres::client::notices::Notices;
use crate::engines::postgres::dial::Connection;
use crate::engines::session::RowSink;
use crate::sql::Row;

/// How long a statement of doorstep's own may go without any answer. A script has no such limit.
const SILENCE: Duration = Duration::from_secs(60);

/// The most rows that are read of one answer, in bytes: the catalog of 100,000 tables has fewer. A server that sends rows without
/// end is refused.
const ANSWER: usize = 1024 * 1024 * 1024;

/// The most of them that are held in memory: ten times what a history of 20,000 migrations has.
const HELD: usize = 64 * 1024 * 1024;

/// Rows of so many columns are read without reserving memory.
const FEW: usize = 16;

/// What is answered to `COPY … FROM STDIN`.
const NO_INPUT: &str = "COPY FROM STDIN needs psql: a migration has no input";

/// Takes a row, and the number of the statement in the message that it answers.
pub(crate) type TakeRow<'a> = &'a mut dyn FnMut(usize, &[Option<&str>]);

/// The transaction's state at the end of an answer (ReadyForQuery).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransactionStatus {
    /// No transaction.
    Idle,
    /// In a transaction, or in one that has failed.
    Open,
}

/// What became of one message.
pub(crate) struct Exchange {
    /// How many of its statements completed (CommandComplete).
    pub(crate) completed: usize,
    /// One of them has committed: COMMIT, or PREPARE TRANSACTION.
    pub(crate) committed: bool,
    /// The server's ErrorResponse.
    pub(crate) error: Option<Fault>,
    pub(crate) status: TransactionStatus,
}

/// Process id and secret key of the backend, for cancel requests (BackendKeyData).
#[derive(Debug, Clone, Copy)]
pub(crate) struct CancelKey {
    process_id: i32,
    secret: i32,
}

impl CancelKey {
    /// The backend's process id. A pooler invents one.
    pub(crate) fn process_id(self) -> u32 {
        self.process_id.cast_unsigned()
    }

    /// The CancelRequest message, for a connection of its own.
    pub(crate) fn request(self) -> BytesMut {
        let mut message = BytesMut::new();
        frontend::cancel_request(self.process_id, self.secret, &mut message);
        message
    }
}

/// A connection, logged in.
pub(crate) struct Client {
    frames: Frames,
    cancel_key: Option<CancelKey>,
    /// How it logged in.
    login: LoginFacts,
    /// An answer was begun and not read to its end, or the connection is gone: nothing more can be asked of it.
    broken: Option<Fault>,
}

impl Client {
    /// Logs in on an open connection.
    ///
    /// # Errors
    /// As [`login::log_in`].
    pub(crate) async fn log_in(connection: Connection, login: &Login<'_>) -> Result<Self, Fault> {
        let mut frames = Frames::new(connection.stream);
        let LoggedIn { cancel_key, facts } = login::log_in(&mut frames, login, connection.end_point).await?;
        Ok(Self { frames, cancel_key, login: facts, broken: None })
    }

    /// How it logged in.
    pub(crate) fn login(&self) -> LoginFacts {
        self.login
    }

    /// The key for cancel requests; `None` for a server that sent none.
    pub(crate) fn cancel_key(&self) -> Option<CancelKey> {
        self.cancel_key
    }

    /// Runs a message of doorstep's own and passes on each row as it arrives. The first error of `take` is returned once
    /// the answer has been read to its end.
    ///
    /// # Errors
    /// The server's error, and that of `take`; [`Class::Unreachable`] where the server is silent for [`SILENCE`].
    pub(crate) async fn each_row(&mut self, sql: &str, take: RowSink<'_>) -> Result<(), Fault> {
        let mut refused = None;
        let mut until_refused = |statement: usize, row: &[Option<&str>]| {
            if refused.is_none() {
                refused = take(statement, row).err();
            }
        };
        let exchange = self.exchange_rows(sql, &mut until_refused).await?;
        match exchange.error.or(refused) {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// Runs a message of doorstep's own and passes on each row as it arrives. The server's error is part of the result.
    ///
    /// # Errors
    /// As [`Client::each_row`], but for the server's error.
    pub(crate) async fn exchange_rows(&mut self, sql: &str, take: TakeRow<'_>) -> Result<Exchange, Fault> {
        self.send(sql).await?;
        self.receive(Rows::Read, Some(SILENCE), take).await
    }

    /// Runs a message of doorstep's own and returns the rows of all its statements.
    ///
    /// # Errors
    /// As [`Client::each_row`].
    pub(crate) async fn query(&mut self, sql: &str) -> Result<Vec<Row>, Fault> {
        let (mut rows, mut size) = (Vec::new(), 0);
        let mut keep = |_: usize, row: &[Option<&str>]| {
            size += row.iter().flatten().map(|value| value.len()).sum::<usize>();
            if size > HELD {
                return Err(not_postgres("it sent more rows than any query of doorstep's returns"));
            }
            rows.push(row.iter().map(|value| value.map(str::to_owned)).collect());
            Ok(())
        };
        self.each_row(sql, &mut keep).await?;
        Ok(rows)
    }

    /// Runs a script, for as long as it takes; its rows are discarded as they arrive. The server's error is part of the
    /// result.
    ///
    /// # Errors
    /// [`Class::Unreachable`] where the connection broke, so that it is unknown how the script ended.
    pub(crate) async fn exchange(&mut self, script: &str) -> Result<Exchange, Fault> {
        self.send(script).await?;
        self.receive(Rows::Discard, None, &mut |_, _| {}).await
    }

    /// Completes when the server ends the idle session, with its reason where it gives one. May be dropped at any time.
    pub(crate) async fn until_closed(&mut self) -> Fault {
        if let Some(fault) = &self.broken {
            return fault.clone();
        }
        let mut notices = Notices::default();
        let fault = loop {
            match self.frames.next(Rows::Discard).await {
                // Without a query, an ErrorResponse is FATAL: the end of the session (manual 55.2.7).
                Ok(Frame::Message(Message::ErrorResponse(body))) => break fault_of(body.fields()),
                Ok(Frame::Message(Message::NoticeResponse(body))) => notices.log(body.fields()),
                Ok(Frame::Message(Message::ParameterStatus(_) | Message::NotificationResponse(_))) => {}
                Ok(_) => break not_postgres("it sent a message that nothing asked for"),
                Err(fault) => break fault,
            }
        };
        // Only a new session shows whether the reason persists.
        let fault = Fault { class: Class::Unreachable, ..fault };
        self.broken = Some(fault.clone());
        fault
    }

    /// The connection broke, or an answer was not read to its end.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.is_some()
    }

    /// Ends the session.
    pub(crate) async fn close(self) {
        let mut terminate = BytesMut::new();
        frontend::terminate(&mut terminate);
        self.frames.close(&terminate).await;
    }

    async fn send(&mut self, sql: &str) -> Result<(), Fault> {
        if let Some(fault) = &self.broken {
            return Err(fault.clone());
        }
        let mut out = BytesMut::with_capacity(sql.len() + 6);
        frontend::query(sql, &mut out).map_err(|_| {
            Fault::new(Class::Statement, "the script holds a NUL character, which PostgreSQL's protocol cannot carry")
        })?;
        // Until its answer has been read: this future may be dropped anywhere.
        self.broken = Some(Fault::new(Class::Unreachable, "an answer of the server was not read to its end"));
        self.frames.send(&out).await.inspect_err(|fault| self.broken = Some(fault.clone()))
    }

    /// Reads an answer to its end.
    async fn receive(&mut self, rows: Rows, silence: Option<Duration>, take: TakeRow<'_>) -> Result<Exchange, Fault> {
        let read = self.read_exchange(rows, silence, take).await;
        match read {
            Ok(exchange) => {
                self.broken = None;
                Ok(exchange)
            }
            Err(fault) => {
                self.broken = Some(fault.clone());
                Err(fault)
            }
        }
    }

    async fn read_exchange(
        &mut self,
        rows: Rows,
        silence: Option<Duration>,
        take: TakeRow<'_>,
    ) -> Result<Exchange, Fault> {
        let mut exchange = Exchange { completed: 0, committed: false, error: None, status: TransactionStatus::Idle };
        let mut rows_read = RowReader { size: 0, take };
        let mut notices = Notices::default();
        loop {
            while rows == Rows::Read
                && let Some(row) = self.frames.row()?
            {
                let length = row.len();
                rows_read.whole(exchange.completed, &row)?;
                self.frames.pass(length);
            }
            // A server that ends the session says why before it closes the connection.
            let said = || exchange.error.clone().filter(|said| ends_session(said.class));
            let next = self.next(rows, silence).await.map_err(|fault| said().unwrap_or(fault))?;
            let Some(message) = next else { continue };
            match message {
                Message::CommandComplete(body) => {
                    let tag = body.tag().unwrap_or_default();
                    exchange.completed += 1;
                    exchange.committed |= tag.starts_with("COMMIT") || tag == "PREPARE TRANSACTION";
                }
                Message::CopyInResponse(_) => self.refuse_copy().await?,
                Message::NoticeResponse(body) => notices.log(body.fields()),
                Message::ErrorResponse(body) => exchange.error = exchange.error.or(Some(fault_of(body.fields()))),
                Message::ReadyForQuery(body) => {
                    let is_idle = body.status() == b'I';
                    let status = if is_idle { TransactionStatus::Idle } else { TransactionStatus::Open };
                    return Ok(Exchange { status, ..exchange });
                }
                Message::EmptyQueryResponse
                | Message::RowDescription(_)
                | Message::CopyOutResponse(_)
                | Message::CopyDone
                | Message::ParameterStatus(_)
                | Message::NotificationResponse(_) => {}
                _ => return Err(not_postgres("an unexpected message in the answer to a query")),
            }
        }
    }

    /// The next message that is not discarded, or `None` where a row is to be read; within `silence`, where there is such a limit.
    async fn next(&mut self, rows: Rows, silence: Option<Duration>) -> Result<Option<Message>, Fault> {
        // Without a timer for each row.
        while let Some(frame) = self.frames.ready(rows)? {
            if let Frame::Message(message) = frame {
                return Ok(Some(message));
            }
        }
        let kept = async {
            loop {
                match self.frames.next(rows).await? {
                    Frame::Message(message) => return Ok(Some(message)),
                    Frame::Row => return Ok(None),
                    Frame::Discarded => {}
                }
            }
        };
        match silence {
            None => kept.await,
            Some(limit) => tokio::time::timeout(limit, kept).await.unwrap_or_else(|_| Err(silent(limit))),
        }
    }

    /// Answers `COPY … FROM STDIN`, which would wait for input for ever.
    async fn refuse_copy(&mut self) -> Result<(), Fault> {
        let mut fail = BytesMut::new();
        frontend::copy_fail(NO_INPUT, &mut fail).map_err(|error| not_postgres(&error.to_string()))?;
        self.frames.send(&fail).await
    }
}

/// Errors that the server sends before it closes the connection.
fn ends_session(class: Class) -> bool {
    matches!(class, Class::Unreachable) || matches!(class, Class::Limit(limit) if limit.ends_session())
}

/// Reads the rows of one answer, and counts their bytes.
struct RowReader<'a> {
    size: usize,
    take: TakeRow<'a>,
}

impl RowReader<'_> {
    fn whole(&mut self, statement: usize, row: &WholeRow<'_>) -> Result<(), Fault> {
        self.size += row.len();
        match row {
            _ if self.size > ANSWER => Err(not_postgres("it sent more rows than any query of doorstep's returns")),
            WholeRow::Copied(line) => self.copied(statement, line),
            WholeRow::Data(body) => self.row(statement, body),
        }
    }

    /// A line of `COPY … TO STDOUT`, as a row of one value.
    fn copied(&mut self, statement: usize, line: &[u8]) -> Result<(), Fault> {
        match std::str::from_utf8(line) {
            Ok(line) => (self.take)(statement, &[Some(line)]),
            Err(_) => (self.take)(statement, &[Some(&String::from_utf8_lossy(line))]),
        }
        Ok(())
    }

    /// The values of a row. Bytes that are not UTF-8 (of a database in SQL_ASCII) become U+FFFD.
    fn row(&mut self, statement: usize, body: &[u8]) -> Result<(), Fault> {
        let mut values = RowValues::of(body)?;
        let count = values.count();
        let (mut few, mut many) = ([None; FEW], Vec::new());
        let texts = match few.get_mut(..count) {
            Some(few) => few,
            None => {
                many.resize(count, None);
                &mut many[..]
            }
        };
        for text in &mut *texts {
            match values.next()?.map(std::str::from_utf8).transpose() {
                Ok(value) => *text = value,
                Err(_) => return self.lossy(statement, body),
            }
        }
        (self.take)(statement, texts);
        Ok(())
    }

    fn lossy(&mut self, statement: usize, body: &[u8]) -> Result<(), Fault> {
        let mut values = RowValues::of(body)?;
        let texts = (0..values.count()).map(|_| Ok(values.next()?.map(String::from_utf8_lossy)));
        let texts = texts.collect::<Result<Vec<_>, Fault>>()?;
        (self.take)(statement, &texts.iter().map(Option::as_deref).collect::<Vec<_>>());
        Ok(())
    }
}
