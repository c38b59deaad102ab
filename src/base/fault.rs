//! An error of a database or of the network, with its class. `engines` makes it of SQLSTATEs and error kinds; the
//! steps of a start decide by the class, such as whether a retry can help.

use std::fmt;

/// What kind of refusal it is. The order is that of a start-up: network, login, work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The server answers "starting up" (57P03): ready within moments, so poll fast.
    Starting,
    /// No conversation yet: refused, reset, no such name, silence, 57P01, 08xxx.
    Unreachable,
    /// The server is there, but lacks connections, memory, locks or disk (53…, 58000, 58030).
    Busy,
    /// Another process has locked the file.
    Held,
    /// It answers but takes no writes: a standby, or `default_transaction_read_only`.
    ReadOnly,
    /// The database of that name does not exist (3D000, or no such file).
    NoDatabase,
    /// Wrong password or role (28P01, 28000).
    Authentication,
    /// Certificate not trusted, or TLS demanded and not offered.
    Tls,
    /// The URL asks for something that cannot be.
    Config,
    /// The role may not do this (42501).
    Privilege,
    /// Row security would hide rows from the role, and it asked for all of them (`row_security = off`).
    RowSecurity,
    /// `lock_timeout` ran out (55P03), or the server chose the victim of a conflict (40P01, 40001).
    LockTimeout,
    /// A limit on the role, the database or the server ended it.
    Limit(Limit),
    /// The statement was cancelled (57014).
    Cancelled,
    /// It does not run inside a transaction, or ends one that is not its own (25001, 2D000).
    RefusesTransaction,
    /// Any other error of a statement.
    Statement,
}

/// A limit that an administrator has set, and that only a person can raise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// `statement_timeout` (57014, which also stands for a request to cancel).
    Statement,
    /// `transaction_timeout` (25P04), which ends the session.
    Transaction,
    /// `idle_in_transaction_session_timeout` (25P03), which ends the session.
    IdleTransaction,
    /// `temp_file_limit` (53400).
    TemporaryFiles,
    /// Another configured limit (53400): the server's message names it.
    Configured,
}

impl Limit {
    /// The parameter of the server; `None` where only the message tells.
    #[must_use]
    pub(crate) fn parameter(self) -> Option<&'static str> {
        match self {
            Self::Statement => Some("statement_timeout"),
            Self::Transaction => Some("transaction_timeout"),
            Self::IdleTransaction => Some("idle_in_transaction_session_timeout"),
            Self::TemporaryFiles => Some("temp_file_limit"),
            Self::Configured => None,
        }
    }

    /// The server ends the session with it, so that the outcome can only be recorded in another one.
    #[must_use]
    pub(crate) fn ends_session(self) -> bool {
        matches!(self, Self::Transaction | Self::IdleTransaction)
    }
}

impl Class {
    /// True where time alone may mend it, so that the wait goes on until its deadline.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(self, Self::Starting | Self::Unreachable | Self::Busy | Self::Held | Self::ReadOnly)
    }

    /// What a person can do about a statement of doorstep's own that failed with this class.
    pub(crate) fn remedy_of_statement(self) -> Option<&'static str> {
        match self {
            Self::Busy => Some(NEXT_AFTER_SHORTAGE),
            Self::Starting | Self::Unreachable => Some(
                "check what the server and its sessions wait for (pg_stat_activity, SHOW PROCESSLIST), and start again",
            ),
            _ => None,
        }
    }
}

/// What to do about a server that lacks something.
pub(crate) const NEXT_AFTER_SHORTAGE: &str =
    "free on the server what the cause names (disk, memory, locks, connections), and start again";

/// One refusal by a server, a driver or the network. Never carries a secret.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Its class.
    pub class: Class,
    /// SQLSTATE, or SQLite's extended result code.
    pub code: Option<String>,
    /// The server's message, as it wrote it.
    pub message: String,
    /// The server's DETAIL.
    pub detail: Option<String>,
    /// The server's HINT.
    pub hint: Option<String>,
    /// The server's CONTEXT: which function, which line of it, called from where.
    pub context: Option<String>,
    /// Where in the text that was sent, if known.
    pub place: Option<Place>,
    /// A closer reason, where a step decides by it.
    pub condition: Option<Condition>,
}

/// Reasons that a class does not tell apart, so that nothing outside an engine compares its error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition {
    /// A schema, a database or a key of this name exists already (42P06, 42P04, 23505).
    AlreadyExists,
    /// No schema of the search path exists and may be used (3F000).
    NoSchema,
    /// A table lacks a column of the statement (42703).
    NoColumn,
    /// There is no table of this name (MySQL's 1146).
    NoTable,
    /// `pg_hba.conf` admits no login from here (28000).
    NotAdmitted,
    /// The same, and the connection was not encrypted because the URL says so.
    NotAdmittedPlain,
    /// The line of `pg_hba.conf` proves the role in another way than by a password: peer, ident, certificate (28000).
    OtherMethod,
    /// There is no such role, or it may not log in (28000).
    NoLogin,
    /// The server admits no login from this host after too many failed ones (MySQL's 1129).
    HostBlocked,
    /// The password must be changed before anything else.
    PasswordExpired,
    /// The role has no CONNECT on the database (42501).
    MayNotConnect,
    /// The database takes no connections (55000).
    ClosedDatabase,
    /// The login may not act as the role of `migrate_role` (42501).
    MayNotSetRole,
    /// `password_command` gave no password.
    NoPassword,
    /// The file of the database is a directory.
    IsDirectory,
    /// The file holds something else than a database.
    NoDatabaseFile,
}

/// Where in a script the fault lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// 1-based position in characters, as PostgreSQL counts (protocol field `P`).
    Character(usize),
    /// 0-based index of the statement, where the engine reports no position (SQLite).
    Statement(usize),
}

impl Fault {
    /// A fault without a server's fields.
    pub(crate) fn new(class: Class, message: impl Into<String>) -> Self {
        Self {
            class,
            code: None,
            message: message.into(),
            detail: None,
            hint: None,
            context: None,
            place: None,
            condition: None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(code) = &self.code {
            write!(f, " ({code})")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, "\ndetail: {detail}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        if let Some(context) = &self.context {
            write!(f, "\ncontext: {}", context.replace('\n', "\n         "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}
