//! What `doctor` has found, before anything is judged.

use crate::base::error::Error;
use crate::base::fault::Fault;
use crate::engines::inspector::{Connections, LoginFacts, Pooling, Rights, RoleFacts, TableLocks, Transactions};
use crate::engines::peer::Peer;
use crate::engines::trace::{Encryption, Trace};
use crate::migrate::plan::Verdict;
use crate::sql::Dialect;

/// All of it.
#[derive(Debug)]
pub(crate) struct Facts {
    /// The settings, and the database that they name.
    pub(crate) database: Result<NamedDatabase, Problem>,
    /// The way to it; `None` where no database is named.
    pub(crate) way: Option<Trace>,
    /// The login; `None` where the way ends before it.
    pub(crate) login: Option<Result<LoggedIn, Refusal>>,
    /// The server's answers.
    pub(crate) server: ServerAnswers,
    /// The login of the service, where its URL is another one.
    pub(crate) service: Answer<Result<String, Refusal>>,
    /// The folder of migrations.
    pub(crate) folder: Result<FolderFacts, Problem>,
    /// Its history.
    pub(crate) history: Answer<Result<HistoryFacts, Problem>>,
    /// The comparison with the desired state.
    pub(crate) drift: Answer<Result<DriftFacts, Problem>>,
}

/// What became of a question.
#[derive(Debug, Default)]
pub(crate) enum Answer<T> {
    /// It was not asked: there is no session.
    #[default]
    NotAsked,
    /// There is nothing to ask: the engine has no such thing, or a setting turns it off; with the reason, if a person
    /// should see it.
    Nothing(Option<String>),
    /// The server refused.
    Refused(Fault),
    /// The answer.
    Told(T),
}

/// An error of doorstep's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What happened, and what to do.
    pub(crate) text: String,
    /// Its exit code.
    pub(crate) code: u8,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self { text: error.to_string(), code: error.exit_code() }
    }
}

/// A login that was refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) fault: Fault,
    /// What to do about it.
    pub(crate) remedy: Option<String>,
    /// The exit code of a start.
    pub(crate) code: u8,
}

/// The database that the settings name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedDatabase {
    /// Where it is, without secrets.
    pub(crate) address: String,
    /// What names it.
    pub(crate) origin: String,
    /// The role that logs in, where it may be shown.
    pub(crate) role: Option<String>,
    /// The role that sessions act as.
    pub(crate) acting_role: Option<String>,
    /// How the engine writes SQL.
    pub(crate) dialect: Dialect,
    /// Parameters of the URL without effect.
    pub(crate) warnings: Vec<String>,
    /// A start applies migrations, rather than waiting for another process to do so.
    pub(crate) migrates: bool,
}

/// A session.
#[derive(Debug)]
pub(crate) struct LoggedIn {
    pub(crate) facts: LoginFacts,
    /// Product and version.
    pub(crate) server: String,
    /// The role that the session acts as.
    pub(crate) role: String,
    /// Why a start would not have got this session: the server takes no writes.
    pub(crate) read_only: Option<Fault>,
}

/// What a server told about itself.
#[derive(Debug, Default)]
pub(crate) struct ServerAnswers {
    pub(crate) pooling: Answer<Pooling>,
    pub(crate) role: Answer<RoleFacts>,
    pub(crate) rights: Answer<Rights>,
    pub(crate) connections: Answer<Connections>,
    pub(crate) transactions: Answer<Transactions>,
    pub(crate) table_locks: Answer<TableLocks>,
    /// Who holds the migration lock.
    pub(crate) lock_holder: Answer<Option<Peer>>,
    pub(crate) encryption: Answer<Encryption>,
    pub(crate) journal: Answer<String>,
}

/// The folder of migrations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FolderFacts {
    /// Its path; `None` where there is none.
    pub(crate) path: Option<String>,
    /// The tool whose format it has.
    pub(crate) tool: Option<String>,
    /// How many migrations it has; `None` where it was not read.
    pub(crate) migrations: Option<usize>,
    /// The command that applies them, where doorstep does not; without secrets.
    pub(crate) command: Option<String>,
}

/// A history, compared with its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HistoryFacts {
    pub(crate) verdict: Verdict,
    /// How many of the folder's migrations are applied.
    pub(crate) applied: usize,
    /// The names of those that are pending; `None` where only the tool can tell, and has not told.
    pub(crate) pending: Option<Vec<String>>,
    /// Why that is not known.
    pub(crate) uncertain: Option<String>,
    /// Why a start would refuse this history.
    pub(crate) refused: Option<Problem>,
    /// Who applies the migrations: `doorstep migrate`, or the tool's command.
    pub(crate) applied_by: String,
    /// A migration is being applied right now.
    pub(crate) running: Option<String>,
}

/// How many differences there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DriftFacts {
    pub(crate) errors: usize,
    pub(crate) warnings: usize,
    pub(crate) notices: usize,
    /// How many of them stop a start.
    pub(crate) stopping: usize,
}
