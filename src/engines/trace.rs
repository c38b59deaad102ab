//! What lies between doorstep and a database, each part tried once and reported by itself, for a person who asks why
//! (`doctor`). A start does not come here: it opens a session, and its fault names the first thing that went wrong.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::base::fault::Fault;

/// The way to a database.
#[derive(Debug)]
pub(crate) enum Trace {
    /// Over a network or a socket; the hosts of the URL in their order.
    Hosts(Vec<HostTrace>),
    /// A file.
    File(FileTrace),
}

/// One host of a URL.
#[derive(Debug)]
pub(crate) struct HostTrace {
    /// As the URL names it: `db:5432`, or the path of a socket.
    pub(crate) host: String,
    /// What its name resolves to; `None` for an address or a socket.
    pub(crate) resolved: Option<Resolved>,
    /// Each address, tried by itself.
    pub(crate) contacts: Vec<Contact>,
    /// How the connection is encrypted.
    pub(crate) tls: TlsTrace,
}

/// What a name resolves to.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The addresses in the order in which they are tried; the error names the nameservers that were asked.
    pub(crate) addresses: Result<Vec<IpAddr>, String>,
    /// How long it took.
    pub(crate) took: Duration,
}

/// One address, tried once.
#[derive(Debug)]
pub(crate) struct Contact {
    /// `10.0.0.7:5432`, or the path of a socket.
    pub(crate) address: String,
    /// It leads to this machine, so that no other one can read along.
    pub(crate) is_local: bool,
    /// How long the attempt took.
    pub(crate) took: Duration,
    /// Why there is no connection.
    pub(crate) result: Result<(), Fault>,
}

/// The encryption of one host.
#[derive(Debug)]
pub(crate) struct TlsTrace {
    /// The parameter of the URL that decides: `sslmode=prefer`.
    pub(crate) setting: String,
    /// The value of it that proves the host, and what else it needs, to write into the URL.
    pub(crate) strictest: &'static str,
    /// What a connection with this setting proves about the server.
    pub(crate) proof: Proof,
    /// A connection without TLS is used where TLS fails.
    pub(crate) is_optional: bool,
    /// What came of it.
    pub(crate) outcome: TlsOutcome,
}

/// What a handshake proves about the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Nothing: anyone in between can be the server.
    Nothing,
    /// A trusted authority signed the certificate; for which host is not looked at.
    Authority,
    /// The same, and the certificate names the host.
    Host,
}

/// How an attempt to encrypt ended.
#[derive(Debug)]
pub(crate) enum TlsOutcome {
    /// No address of the host answered, or the session itself tells after the login.
    Untried,
    /// The setting turns it off, or tries without it first.
    Off,
    /// A Unix socket, which needs none.
    Socket,
    /// The server has none.
    NotOffered,
    /// It failed; with the certificates that the server shows, as far as they can be read.
    Failed(Fault, Vec<Certificate>),
    /// It succeeded.
    Encrypted(Encryption),
}

/// How a connection is encrypted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encryption {
    /// `TLS 1.3`
    pub version: String,
    /// The cipher suite, in the words of the library or the server.
    pub cipher: String,
    /// The certificates of the server, its own first; empty where only the server tells about the session.
    pub chain: Vec<Certificate>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// `CN=db.example`; `None` where it cannot be read.
    pub subject: Option<String>,
    /// Who signed it.
    pub issuer: Option<String>,
    /// When it ends to be valid.
    pub expires: Option<SystemTime>,
}

/// A file of a database.
#[derive(Debug)]
pub(crate) struct FileTrace {
    /// Its path, as messages may show it.
    pub(crate) path: String,
    /// What is there.
    pub(crate) state: FileState,
}

/// What is at the path of a file.
#[derive(Debug)]
pub(crate) enum FileState {
    /// Nothing.
    Absent,
    /// A directory, a FIFO, or what this user cannot look at.
    Unusable(String),
    /// A file.
    Present {
        /// In bytes.
        size: u64,
        /// This user may write to it.
        is_writable: bool,
        /// This user may write to its directory, where SQLite puts its journal.
        is_directory_writable: bool,
        /// The locks of other processes on it.
        locks: Vec<FileLock>,
    },
}

/// A lock that another process has on the file of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileLock {
    /// It excludes other writers.
    pub(crate) is_exclusive: bool,
    /// The process; `None` where the kernel does not name it, as for one of another container.
    pub(crate) pid: Option<u32>,
}
