//! Every way a start can fail, as one closed list: what happened, to which object, what to do next,
//! and the exit code that tells the caller whether trying again makes sense.

use std::fmt;
use std::time::Duration;

use crate::base::fault::{Class, Fault};

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
    /// A bug in doorstep (`EX_SOFTWARE`).
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

/// A start that did not happen. `Display` gives the whole text for the user, cause and remedy included.
#[derive(Debug)]
pub enum Error {
    /// The command line does not make sense.
    Usage(String),
    /// A setting, a URL or a file named by a setting does not make sense.
    Settings(String),
    /// The database did not accept real work before the deadline.
    NotReady {
        /// Where it was looked for, without secrets.
        address: String,
        /// How long was waited.
        waited: Duration,
        /// Number of connection attempts.
        attempts: u32,
        /// The last thing the database, or the network, said.
        last: Fault,
    },
    /// The database refused in a way that no waiting mends.
    Refused {
        /// Where, without secrets.
        address: String,
        /// What it said.
        fault: Fault,
    },
    /// A statement of doorstep's own failed.
    Statement {
        /// What doorstep was doing: "create schema \"app\"".
        doing: String,
        /// What the database said.
        fault: Fault,
        /// What would make it work, such as the exact GRANT.
        remedy: Option<String>,
    },
    /// A migration's own SQL failed.
    Migration {
        /// Name of the migration.
        name: String,
        /// The report: message, excerpt, what was kept, next command.
        report: String,
        /// Nothing was kept and nothing is recorded against it: the next start tries it again.
        again: bool,
        /// What the database said.
        fault: Fault,
    },
    /// The connection broke while a migration was at work. What became of it, the next start finds out.
    Lost {
        /// What doorstep was doing: "applying `1_users`".
        doing: String,
        /// What the network, or the server, said.
        fault: Fault,
    },
    /// A migration's outcome could not be recorded.
    Unrecorded {
        /// What is true of it.
        report: String,
        /// What to do about it.
        next: String,
        /// What the database said.
        fault: Fault,
    },
    /// The history table contradicts the folder, or forbids going on.
    History(String),
    /// The tool that migrates, or a hook, failed; with its last lines.
    Command(String),
    /// The database lacks objects that the service needs; the summary of the findings.
    Differences(String),
    /// `verify` has printed findings that would stop a start; their number.
    Unverified(usize),
    /// Another session held the migration lock until the deadline.
    Locked {
        /// How long was waited.
        waited: Duration,
        /// Who holds it, as far as the server tells.
        holder: String,
    },
    /// With `migrate = await`, nobody else had migrated by the deadline.
    NotMigrated {
        /// How long was waited.
        waited: Duration,
        /// The verdict on the history at the deadline, as `status` words it.
        verdict: String,
    },
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
    /// The exit code of this error: one of [`Code`], or 128+n for a signal.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let code = match self {
            Self::Usage(_) => Code::Usage,
            Self::Settings(_) => Code::Settings,
            Self::NotReady { last, .. } if last.class == Class::Held => Code::Locked,
            Self::NotReady { .. } => Code::Unavailable,
            Self::Refused { fault, .. } | Self::Statement { fault, .. } => match fault.class {
                Class::Authentication | Class::Privilege | Class::RowSecurity => Code::Permission,
                Class::Config | Class::Tls => Code::Settings,
                Class::LockTimeout => Code::Locked,
                // A history table that is not as it should be; or a login refused for what it asks for.
                Class::Statement if matches!(self, Self::Statement { .. }) => Code::Migration,
                Class::Statement => Code::Settings,
                _ => Code::Unavailable,
            },
            Self::Lost { .. } => Code::Unavailable,
            Self::Unrecorded { fault, .. } if matches!(fault.class, Class::Privilege | Class::RowSecurity) => {
                Code::Permission
            }
            Self::Migration { again: true, .. } => Code::Locked,
            Self::Migration { .. } | Self::Unrecorded { .. } | Self::History(_) | Self::Command(_) => Code::Migration,
            Self::NotMigrated { .. } => Code::Unavailable,
            Self::Differences(_) | Self::Unverified(_) => Code::Differences,
            Self::Locked { .. } => Code::Locked,
            Self::CommandNotFound(_) => Code::NotFound,
            Self::CommandNotExecutable(_) => Code::NotExecutable,
            Self::Stopped { signal, .. } => return 128 + signal,
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

    /// A signal has come so late that the service would never hear of it.
    pub(crate) fn not_started(signal: u8) -> Self {
        Self::Stopped { signal, note: "the service was not started".to_owned() }
    }

    /// Turns a failed statement of doorstep's own into an error that says what it was for.
    pub(crate) fn statement(doing: impl Into<String>) -> impl FnOnce(Fault) -> Self {
        let doing = doing.into();
        move |fault| Self::Statement { doing, fault, remedy: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text)
            | Self::Settings(text)
            | Self::History(text)
            | Self::Command(text)
            | Self::CommandNotFound(text)
            | Self::CommandNotExecutable(text)
            | Self::Os(text) => f.write_str(text),
            Self::NotReady { address, waited, attempts, last } => {
                writeln!(
                    f,
                    "the database at {address} was not ready after {} ({attempts} attempts)",
                    crate::base::log::seconds(*waited)
                )?;
                write!(f, "last cause: {last}")?;
                let check = match last.class {
                    Class::Held => "start again when the other process is done",
                    Class::NoDatabase => {
                        "check its name (doorstep run creates it where the role may; nothing else does)"
                    }
                    _ => "check that address",
                };
                write!(f, "\nnext: {check}, or give it longer with --wait-timeout (0 = no limit)")
            }
            Self::Refused { address, fault } => {
                write!(f, "the database at {address} refused: {fault}")?;
                match fault.class.remedy() {
                    Some(remedy) => write!(f, "\nnext: {remedy}"),
                    None => Ok(()),
                }
            }
            Self::Statement { doing, fault, remedy } => {
                write!(f, "could not {doing}: {fault}")?;
                match remedy {
                    Some(remedy) => write!(f, "\nnext: {remedy}"),
                    None => Ok(()),
                }
            }
            Self::Migration { name, report, .. } => write!(f, "migration {name} failed\n{report}"),
            Self::Lost { doing, fault } => {
                write!(f, "lost the database while {doing}: {fault}")?;
                write!(f, "\nnext: start again; what became of it is found out then")
            }
            Self::Unrecorded { report, next, fault } => write!(f, "{report}\ncause: {fault}\nnext: {next}"),
            Self::Differences(summary) => {
                write!(f, "the database lacks what the service needs: {summary}")
            }
            Self::Unverified(count) => {
                let findings = if *count == 1 { "finding" } else { "findings" };
                write!(f, "the database lacks what the service needs: {count} {findings} would stop a start")
            }
            Self::Locked { waited, holder } => {
                writeln!(f, "the migration lock was still taken after {}", crate::base::log::seconds(*waited))?;
                writeln!(f, "held by: {holder}")?;
                write!(f, "next: start again (nothing was changed), or allow more with --migration-lock-timeout")
            }
            Self::NotMigrated { waited, verdict } => {
                writeln!(
                    f,
                    "nobody has migrated the database after {}: it is {verdict}",
                    crate::base::log::seconds(*waited)
                )?;
                write!(f, "next: look at the process that migrates, or give it longer with --wait-timeout")
            }
            Self::Stopped { signal, note } => {
                write!(f, "stopped by {}: {note}", crate::base::signal::name(*signal))
            }
            Self::Internal(text) => {
                write!(f, "a bug in doorstep: {text}\nnext: please report it with the log at --log debug")
            }
        }
    }
}

impl std::error::Error for Error {}
