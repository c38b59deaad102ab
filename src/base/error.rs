//! Every way a start can fail, as one closed list: what happened, to which object, what to do next, and the exit code,
//! which says whether another try makes sense.
//!
//! The texts inside were worded where the error was made: nothing here knows of findings, migrations or engines.

use std::fmt;
use std::time::Duration;

use crate::base::fault::{Class, Fault};
use crate::base::log::seconds;
use crate::base::schema_failures::SchemaFailures;
use crate::base::signal;

/// The exit codes of the contract; 128+n for a signal is not in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// `check` found something that is not as it should be.
    Unhealthy = 1,
    /// `verify` found differences. Final.
    Differences = 3,
    /// Bad command line (sysexits `EX_USAGE`). Final.
    Usage = 64,
    /// A migration failed, or history and folder contradict each other (`EX_DATAERR`). Final.
    Migration = 65,
    /// The database was not ready by the deadline (`EX_UNAVAILABLE`). Try again.
    Unavailable = 69,
    /// A bug in doorstep: report it (`EX_SOFTWARE`).
    Internal = 70,
    /// The operating system refused something (`EX_OSERR`).
    Os = 71,
    /// Another replica held a lock until the deadline (`EX_TEMPFAIL`). Try again.
    Locked = 75,
    /// Authentication or privilege (`EX_NOPERM`). Final.
    Permission = 77,
    /// Bad settings (`EX_CONFIG`). Final.
    Settings = 78,
    /// The command exists but cannot be executed (shell convention). Final.
    NotExecutable = 126,
    /// The command does not exist (shell convention). Final.
    NotFound = 127,
}

/// What a start that awaits another process found at its deadline.
#[derive(Debug)]
pub enum Awaited {
    /// The verdict on the history, as `status` words it.
    Verdict(String),
    /// Whether anything is pending is not known: why.
    Unknown(String),
}

/// A start that did not happen. `Display` gives the whole text for the user, cause and remedy included.
#[derive(Debug)]
pub enum Error {
    /// The command line does not make sense.
    Usage(String),
    /// A setting, a URL or a file named by a setting does not make sense.
    Settings(String),
    /// The database did not accept real work before the deadline.
    NotReady {
        /// Host, port and database, without secrets.
        address: String,
        /// Duration of the wait.
        waited: Duration,
        /// Number of connection attempts.
        attempts: u32,
        /// The last error of the server or the network.
        last: Fault,
        /// What a person can do about it.
        remedy: String,
    },
    /// What `wait_for` names was not ready before the deadline.
    NotThere {
        /// Duration of the wait.
        waited: Duration,
        /// Each one, with its last reason.
        unready: Vec<String>,
        /// The database's error, if it was not ready either.
        database: Option<Box<Self>>,
    },
    /// The database refused, and waiting does not change that.
    Refused {
        /// Host, port and database, without secrets.
        address: String,
        /// Its error.
        fault: Fault,
        /// What a person can do about it.
        remedy: Option<String>,
    },
    /// A statement of doorstep's own failed.
    Statement {
        /// What doorstep was doing: "create schema \"app\"".
        doing: String,
        /// The server's error.
        fault: Fault,
        /// The remedy, such as the exact GRANT.
        remedy: Option<String>,
    },
    /// A migration's own SQL failed.
    Migration {
        /// Name of the migration.
        name: String,
        /// The report: message, excerpt, what was kept, next command.
        report: String,
        /// A lock or the server was in the way, and it was rolled back: the next start tries it again by itself.
        again: bool,
        /// The server's error.
        fault: Fault,
    },
    /// The connection broke during a migration. The next start finds out whether it was committed.
    Lost {
        /// What doorstep was doing: "applying `1_users`".
        doing: String,
        /// The error of the network or the server.
        fault: Fault,
    },
    /// A migration's outcome could not be recorded.
    Unrecorded {
        /// Which outcome.
        report: String,
        /// What to do about it.
        next: String,
        /// The server's error.
        fault: Fault,
    },
    /// The history contradicts the folder, or has a failed migration.
    History(String),
    /// The tool that migrates, or a hook, failed; with its last lines.
    Command(String),
    /// The tool that migrates, or a hook, was ended after `command_timeout`; with its last lines.
    CommandTimeout(String),
    /// The whole start was stopped after `start_timeout`.
    StartTimeout {
        /// The limit.
        limit: Duration,
        /// The step that was under way.
        during: String,
        /// Another session held the migration lock.
        is_queueing: bool,
        /// What was interrupted and what state it is in.
        note: String,
    },
    /// The database lacks what the service needs; the summary of the findings.
    Differences(String),
    /// Another session held the migration lock until the deadline.
    Locked {
        /// Duration of the wait.
        waited: Duration,
        /// The session that holds it, as far as the server shows it.
        holder: String,
    },
    /// Sessions of an earlier child process still ran its statements at the deadline.
    StillRunning {
        /// Duration of the wait.
        waited: Duration,
        /// The sessions.
        sessions: String,
    },
    /// With `migrate = await`: no other process had migrated by the deadline.
    NotMigrated {
        /// Duration of the wait.
        waited: Duration,
        /// What was found at the deadline.
        state: Awaited,
    },
    /// Of many schemas, some failed.
    Schemas(Box<SchemaFailures>),
    /// The service's command was not found.
    CommandNotFound(String),
    /// The service's command was found but cannot be executed.
    CommandNotExecutable(String),
    /// A signal ended the start; its number.
    Stopped {
        /// Signal number, 15 for SIGTERM.
        signal: u8,
        /// What was interrupted and what state it is in.
        note: String,
    },
    /// The operating system refused.
    Os(String),
    /// A state doorstep believed impossible.
    Internal(String),
}

impl Error {
    /// The exit code of this error: one of `Code`, or 128+n for a signal.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let code = match self {
            Self::Usage(_) => Code::Usage,
            Self::Settings(_) => Code::Settings,
            Self::NotReady { last, .. } if last.class == Class::Held => Code::Locked,
            Self::NotReady { .. } | Self::NotThere { .. } => Code::Unavailable,
            Self::Refused { fault, .. } | Self::Statement { fault, .. } => match fault.class {
                Class::Authentication | Class::Privilege | Class::RowSecurity => Code::Permission,
                Class::Config | Class::Tls => Code::Settings,
                Class::LockTimeout => Code::Locked,
                // Of a statement: an altered history table. Of a login: an unknown option in the URL.
                Class::Statement if matches!(self, Self::Statement { .. }) => Code::Migration,
                Class::Statement => Code::Settings,
                _ => Code::Unavailable,
            },
            Self::Lost { .. } => Code::Unavailable,
            Self::Unrecorded { fault, .. } if matches!(fault.class, Class::Privilege | Class::RowSecurity) => {
                Code::Permission
            }
            Self::Migration { again: true, fault, .. } => match fault.class {
                Class::LockTimeout | Class::Held => Code::Locked,
                _ => Code::Unavailable,
            },
            Self::Migration { .. } | Self::Unrecorded { .. } | Self::History(_) | Self::Command(_) => Code::Migration,
            Self::StartTimeout { is_queueing: true, .. } => Code::Locked,
            Self::NotMigrated { .. } | Self::CommandTimeout(_) | Self::StartTimeout { .. } => Code::Unavailable,
            Self::Differences(_) => Code::Differences,
            Self::Locked { .. } | Self::StillRunning { .. } => Code::Locked,
            Self::CommandNotFound(_) => Code::NotFound,
            Self::CommandNotExecutable(_) => Code::NotExecutable,
            Self::Stopped { signal, .. } => return 128 + signal,
            Self::Schemas(failures) => return failures.exit_code(),
            Self::Os(_) => Code::Os,
            Self::Internal(_) => Code::Internal,
        };
        code as u8
    }

    /// SQLSTATE (or SQLite code) behind the error, for the log line.
    #[must_use]
    pub fn sqlstate(&self) -> Option<&str> {
        match self {
            Self::NotReady { last: fault, .. }
            | Self::Refused { fault, .. }
            | Self::Statement { fault, .. }
            | Self::Lost { fault, .. }
            | Self::Migration { fault, .. }
            | Self::Unrecorded { fault, .. } => fault.code.as_deref(),
            _ => None,
        }
    }

    /// A signal arrived after the work and before exec, so the service would never get it.
    pub(crate) fn not_started(signal: u8) -> Self {
        Self::Stopped { signal, note: "the service was not started".to_owned() }
    }

    /// Maps the fault of one of doorstep's own statements; `doing` is what the statement was for, as an infinitive.
    pub(crate) fn statement(doing: impl Into<String>) -> impl FnOnce(Fault) -> Self {
        let doing = doing.into();
        move |fault| Self::Statement { doing, fault, remedy: None }
    }
}

fn not_there(waited: Duration, unready: &[String], database: Option<&Error>) -> String {
    let database = database.map(|error| format!("\n{error}")).unwrap_or_default();
    format!("not ready after {}:\n  {}{database}\n{NEXT_AFTER_NOT_THERE}", seconds(waited), unready.join("\n  "))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text)
            | Self::Settings(text)
            | Self::History(text)
            | Self::Command(text)
            | Self::CommandTimeout(text)
            | Self::CommandNotFound(text)
            | Self::CommandNotExecutable(text)
            | Self::Os(text) => f.write_str(text),
            Self::NotReady { address, waited, attempts, last, remedy } => {
                let waited = seconds(*waited);
                writeln!(f, "the database at {address} was not ready after {waited} ({attempts} attempts)")?;
                write!(f, "last cause: {last}\nnext: {remedy}")
            }
            Self::NotThere { waited, unready, database } => {
                f.write_str(&not_there(*waited, unready, database.as_deref()))
            }
            Self::Refused { address, fault, remedy } => {
                write!(f, "the database at {address} refused: {fault}{}", next(remedy.as_deref()))
            }
            Self::Statement { doing, fault, remedy } => {
                let remedy = remedy.as_deref().or(fault.class.remedy_of_statement());
                write!(f, "could not {doing}: {fault}{}", next(remedy))
            }
            Self::Migration { name, report, .. } => write!(f, "migration {name} failed\n{report}"),
            Self::Lost { doing, fault } => {
                write!(f, "lost the database while {doing}: {fault}\n{NEXT_AFTER_A_LOSS}")
            }
            Self::Unrecorded { report, next, fault } => write!(f, "{report}\ncause: {fault}\nnext: {next}"),
            Self::Differences(summary) => write!(f, "the database lacks what the service needs: {summary}"),
            Self::Locked { waited, holder } => {
                writeln!(f, "the migration lock was still taken after {}", seconds(*waited))?;
                write!(f, "held by: {holder}\n{NEXT_AFTER_THE_LOCK}")
            }
            Self::StillRunning { waited, sessions } => {
                let waited = seconds(*waited);
                writeln!(f, "statements that may be those of an earlier command were still running after {waited}")?;
                write!(f, "by: {sessions}\n{NEXT_AFTER_A_CHILD}")
            }
            Self::NotMigrated { waited, state: Awaited::Verdict(verdict) } => {
                let waited = seconds(*waited);
                writeln!(f, "no other process has migrated the database after {waited}: it is {verdict}")?;
                f.write_str(NEXT_AFTER_AWAIT)
            }
            Self::NotMigrated { waited, state: Awaited::Unknown(why) } => {
                writeln!(f, "after {}, {why}", seconds(*waited))?;
                f.write_str(NEXT_AFTER_UNKNOWN)
            }
            Self::StartTimeout { limit, during, is_queueing, note } => {
                let queueing = if *is_queueing { " (another session holds the migration lock)" } else { "" };
                let what = format!("the start was stopped in {during}{queueing}: start_timeout is {}", seconds(*limit));
                write!(f, "{what}\n{note}\nnext: start again, or give it longer with --start-timeout")
            }
            Self::Schemas(failures) => failures.fmt(f),
            Self::Stopped { signal, note } => write!(f, "stopped by {}: {note}", signal::name(*signal)),
            Self::Internal(text) => write!(f, "a bug in doorstep: {text}\n{NEXT_AFTER_A_BUG}"),
        }
    }
}

/// What to do where the operating system refuses a process, a thread or a pipe.
pub(crate) const NEXT_AFTER_SYSTEM: &str =
    "next: check the limits of this container (memory, processes, open files), and start again";

const NEXT_AFTER_NOT_THERE: &str = "next: check that what wait_for names runs and can be reached from here, or give it longer \
     with --wait-timeout";

const NEXT_AFTER_UNKNOWN: &str =
    "next: add the tool to this image, so that it can be asked; or start in spite of it: --unknown accept";

const NEXT_AFTER_A_BUG: &str = "next: please report it with the log at --log debug";

const NEXT_AFTER_A_LOSS: &str = "next: start again; the next start finds out what became of it";

const NEXT_AFTER_THE_LOCK: &str =
    "next: start again (nothing was changed), or allow more with --migration-lock-timeout";

const NEXT_AFTER_A_CHILD: &str = "next: wait for their end, or end them (PostgreSQL: SELECT pg_terminate_backend(PID); MySQL: KILL PID), and start again; sessions of another role \
     than that of migrate_url do not count";

const NEXT_AFTER_AWAIT: &str = "next: check the process that migrates, or give it longer with --wait-timeout";

fn next(remedy: Option<&str>) -> String {
    remedy.map(|remedy| format!("\nnext: {remedy}")).unwrap_or_default()
}

impl std::error::Error for Error {}
