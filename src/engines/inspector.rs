//! What a person asks a server about itself (`doctor`): roles, rights, sessions, locks. Questions of a start are in
//! [`engine`](super::engine).
//!
//! As there, an engine supplies the text and reads the rows, without a connection; `None` where the engine cannot tell. A
//! session refuses to write before it is asked ([`only_read`](super::session::Session::only_read)).

use std::time::Duration;

use crate::engines::advice_facts::{IndexFacts, KeyFacts, PlanFacts, StatementFacts, Statistics, TableFacts};
use crate::engines::engine::Query;
use crate::engines::peer::Peer;
use crate::engines::trace::Encryption;
use crate::sql::TableName;

/// How a session logged in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LoginFacts {
    /// What the server asked for; `None` where the driver does not tell.
    pub method: Option<LoginMethod>,
    /// Whether this connection is encrypted; `None` where the driver does not tell.
    pub is_encrypted: Option<bool>,
    /// The server speaks the protocol, and is not known to lock as the original does.
    pub is_lookalike: bool,
}

/// What a server asked for at the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginMethod {
    /// Nothing that doorstep answered: `trust`, or a client certificate during the handshake.
    Nothing,
    /// The password as it is.
    Cleartext,
    /// MD5 of the password.
    Md5,
    /// SCRAM-SHA-256.
    Scram,
    /// The same, bound to the server's certificate.
    ScramBound,
}

/// What stands between a session and its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Nothing that pools.
    None,
    /// A pooler that gives a session a backend to itself.
    OfSessions,
    /// A pooler that gives each transaction another backend.
    OfTransactions,
}

/// The role of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleFacts {
    /// Its name, or the account.
    pub name: String,
    /// Its attributes, in the server's words: `SUPERUSER`, `CREATEDB`.
    pub attributes: Vec<String>,
    /// When its password ends to be valid (RFC 3339), and in how many seconds; negative once it has.
    pub expires: Option<(String, i64)>,
}

/// What a role may do, as far as migrations need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rights {
    /// Of an engine whose objects have owners.
    Owned(OwnedRights),
    /// Of an engine with grants on databases.
    Granted(GrantedRights),
}

/// Rights where objects have owners.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnedRights {
    /// The role may create schemas in the database.
    pub may_create_schemas: bool,
    /// The schemas in question.
    pub schemas: Vec<SchemaRights>,
    /// Some of the tables in these schemas that belong to a role which this one is no member of, each with its owner.
    pub tables_of_others: Vec<(TableName, String)>,
    /// How many there are.
    pub count_of_others: u64,
}

/// Rights on a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaRights {
    /// Its name.
    pub name: String,
    /// It exists.
    pub exists: bool,
    /// The role may look into it.
    pub may_use: bool,
    /// The role may create objects in it.
    pub may_create: bool,
}

/// Rights by grants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantedRights {
    /// The account, as GRANT spells it.
    pub account: String,
    /// The database.
    pub database: String,
    /// The privileges that it has on the server or the database: `CREATE`, `ALTER`.
    pub privileges: Vec<String>,
    /// A role is active, whose privileges are not among these.
    pub has_role: bool,
}

/// How full a server is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connections {
    /// Sessions of clients, of all databases.
    pub used: u64,
    /// How many there may be.
    pub limit: u64,
    /// How many of these are kept for administrators.
    pub reserved: u64,
    /// Sessions of this role and their limit, where it has one.
    pub of_role: Option<(u64, u64)>,
    /// Sessions of this database and their limit, where it has one.
    pub of_database: Option<(u64, u64)>,
}

/// Transactions that are open for long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transactions {
    /// How long is long.
    pub least: Duration,
    /// Each with its age; the oldest first.
    pub long: Vec<(Peer, Duration)>,
    /// Prepared ones (PREPARE TRANSACTION), by their identifier.
    pub prepared: Vec<(String, Duration)>,
    /// Other sessions, of which this role may not see since when their transactions are open.
    pub hidden: u64,
}

/// Locks on tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableLocks {
    /// Locks that exclude the queries or the migrations of others.
    pub held: Vec<TableLock>,
    /// Sessions that wait for a lock, each with the process ids of those that it waits for, where the engine tells.
    pub waiting: Vec<(Peer, String)>,
}

/// A lock on a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableLock {
    /// The table.
    pub table: String,
    /// The mode, in the server's words.
    pub mode: String,
    /// Who has it.
    pub holder: Peer,
}

/// The questions. Lists of rows are short: an answer names a few sessions, not hundreds.
pub trait Inspector: Sync {
    /// The session's role.
    fn role(&self) -> Option<Query<RoleFacts>> {
        None
    }

    /// What it may do in these schemas.
    fn rights(&self, _schemas: &[String]) -> Option<Query<Rights>> {
        None
    }

    /// How full the server is.
    fn connections(&self) -> Option<Query<Connections>> {
        None
    }

    /// The transactions of this database that are open for at least this long.
    fn transactions(&self, _least: Duration) -> Option<Query<Transactions>> {
        None
    }

    /// The locks on the tables of these schemas.
    fn table_locks(&self, _schemas: &[String]) -> Option<Query<TableLocks>> {
        None
    }

    /// How the session is encrypted, where the handshake did not tell.
    fn encryption(&self) -> Option<Query<Encryption>> {
        None
    }

    /// How the engine keeps what is being written: the journal of a file.
    fn journal(&self) -> Option<Query<String>> {
        None
    }

    /// Since when the server counts, and what it counts.
    fn statistics(&self) -> Option<Query<Statistics>> {
        None
    }

    /// The tables of these schemas, with their sizes: exact ones, which may have to wait for a lock, or else as the statistics say.
    fn tables(&self, _schemas: &[String], _is_exact: bool) -> Option<Query<Vec<TableFacts>>> {
        None
    }

    /// Their indexes.
    fn indexes(&self, _schemas: &[String]) -> Option<Query<Vec<IndexFacts>>> {
        None
    }

    /// Their foreign keys; `None` too where the engine makes an index for each.
    fn foreign_keys(&self, _schemas: &[String]) -> Option<Query<Vec<KeyFacts>>> {
        None
    }

    /// The statements that took the most time, as the extension in this schema has counted them.
    fn statements(&self, _schema: &str) -> Option<Query<Vec<StatementFacts>>> {
        None
    }

    /// How the server would run such a statement.
    fn statement_plan(&self, _query: &str) -> Option<Query<PlanFacts>> {
        None
    }

    /// How the server would run a query of the service now; with `searches`, rather by an index than by reading a table.
    fn query_plan(&self, _query: &str, _searches: bool) -> Option<Query<PlanFacts>> {
        None
    }

    /// The same with an index that does not exist, made by the extension in this schema from this statement; and the name that the
    /// index has in the plan.
    fn hypothetical_plan(&self, _query: &str, _index: (&str, &str)) -> Option<Query<(PlanFacts, Option<String>)>> {
        None
    }
}

/// An engine of which nothing is asked.
pub(crate) struct Silent;

impl Inspector for Silent {}
