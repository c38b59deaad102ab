//! The relay between sqlx and the server. sqlx does not accept a socket, but it accepts the path of one: doorstep listens
//! on an abstract Unix socket (no file, and only this process may connect), sqlx connects to it, and the relay passes the
//! bytes on to the connection that `dial` opened.
//!
//! The relay also supplies what sqlx lacks (PostgreSQL manual, chapter 55):
//!
//! - the startup message is doorstep's own: no forced `TimeZone`, no `extra_float_digits` that PgBouncer
//!   refuses, so that a script behaves as it does under psql and Prisma;
//! - `COPY … FROM STDIN` in a script is answered with CopyFail, where sqlx would hang;
//! - the cancel key, the transaction state, the command tags and the notices are known;
//! - a connection that breaks says why.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::base::fault::Fault;
use crate::engines::net::dial::Stream;
use crate::engines::postgres::client::{CancelKey, Login, TransactionStatus};

/// What passed by.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// From BackendKeyData.
    pub(crate) key: CancelKey,
    /// From the last ReadyForQuery.
    pub(crate) status: TransactionStatus,
    /// Command tags since the last [`Wire::forget`]: `CREATE TABLE`, `COMMIT`, …
    pub(crate) tags: Vec<String>,
    /// An ErrorResponse has passed since then: the server itself said that the script failed.
    pub(crate) refused: bool,
    /// Why the connection broke, if it did.
    pub(crate) broken: Option<Fault>,
}

/// A relay's outside.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    seen: Arc<Mutex<Seen>>,
    /// Directory and port that make sqlx find the socket: it appends `/.s.PGSQL.<port>`.
    pub(crate) directory: String,
}

/// The port in the socket's name; it has no other meaning.
pub(crate) const PORT: u16 = 5432;

impl Wire {
    /// Starts relaying between `server` and the one client that may connect. The task ends once either side has closed
    /// and the other side has been closed too.
    pub(crate) fn lay(server: Stream, login: &Login<'_>) -> std::io::Result<(Self, JoinHandle<()>)> {
        let name = format!("doorstep-{}", uuid::Uuid::new_v4());
        let address = SocketAddr::from_abstract_name(format!("{name}/.s.PGSQL.{PORT}"))?;
        let listener = StdListener::bind_addr(&address)?;
        listener.set_nonblocking(true)?;
        let wire = Self { seen: Arc::default(), directory: format!("\0{name}") };
        let relay = Relay { server, startup: startup(login), seen: Arc::clone(&wire.seen) };
        let task = tokio::spawn(relay.run(UnixListener::from_std(listener)?));
        Ok((wire, task))
    }

    /// What has passed by.
    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets tags and errors before the next script.
    pub(crate) fn forget(&self) {
        let mut seen = self.seen();
        seen.tags.clear();
        seen.refused = false;
    }
}

/// The StartupMessage (55.7): what psql sends, and nothing else.
fn startup(login: &Login<'_>) -> Vec<u8> {
    let mut pairs = vec![
        ("user", login.user),
        ("database", login.database),
        ("application_name", login.application_name),
        ("client_encoding", "UTF8"),
    ];
    if let Some(options) = login.options {
        pairs.push(("options", options));
    }
    let mut body = 196_608_u32.to_be_bytes().to_vec(); // protocol 3.0
    for (name, value) in pairs {
        body.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [length.to_be_bytes().as_slice(), &body].concat()
}

struct Relay {
    server: Stream,
    startup: Vec<u8>,
    seen: Arc<Mutex<Seen>>,
}

impl Relay {
    async fn run(self, listener: UnixListener) {
        let seen = Arc::clone(&self.seen);
        let ended = match accept_self(listener).await {
            Ok(client) => self.pass(client).await,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.broken = Some(crate::engines::net::tls::broken(&error));
        }
    }

    /// Passes bytes both ways until one side closes.
    async fn pass(mut self, mut client: UnixStream) -> std::io::Result<()> {
        // The driver's own startup message is replaced.
        let length = client.read_u32().await?.saturating_sub(4);
        let mut theirs = vec![0; usize::try_from(length).unwrap_or(0)];
        client.read_exact(&mut theirs).await?;
        self.server.write_all(&self.startup).await?;
        self.server.flush().await?;

        let (mut up, mut down) = (vec![0; 16 * 1024], Vec::with_capacity(16 * 1024));
        loop {
            tokio::select! {
                read = client.read(&mut up) => match read? {
                    0 => return self.server.shutdown().await,
                    length => {
                        self.server.write_all(&up[..length]).await?;
                        self.server.flush().await?;
                    }
                },
                read = self.server.read_buf(&mut down) => {
                    if read? == 0 {
                        return Err(std::io::Error::other("the server closed the connection"));
                    }
                    let (whole, copy_in) = self.look_at(&mut down);
                    client.write_all(&whole).await?;
                    if copy_in {
                        self.server.write_all(&copy_fail()).await?;
                        self.server.flush().await?;
                    }
                }
            }
        }
    }

    /// Takes the complete messages off `buffer`, and notes what they say.
    fn look_at(&self, buffer: &mut Vec<u8>) -> (Vec<u8>, bool) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut whole, mut copy_in, mut at) = (Vec::new(), false, 0);
        while let Some(header) = buffer.get(at..at + 5) {
            let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
            let end = at + 1 + usize::try_from(length).unwrap_or(usize::MAX - at - 1);
            let Some(message) = buffer.get(at..end) else { break };
            let body = message.get(5..).unwrap_or_default();
            match message[0] {
                b'K' => seen.key = CancelKey(body.to_vec()),
                b'Z' => seen.status = status(body),
                b'C' => seen.tags.push(text(body).to_owned()),
                b'E' => seen.refused = true,
                b'N' => notice(body),
                // CopyInResponse: sqlx does not handle it and would wait for ever.
                b'G' => copy_in = true,
                _ => {}
            }
            // sqlx does not handle CopyOutResponse, CopyData and CopyDone of COPY TO STDOUT either, nor notifications in
            // a simple query: they are dropped, since doorstep uses none of them.
            if !b"GHdcA".contains(&message[0]) {
                whole.extend_from_slice(message);
            }
            at = end;
        }
        buffer.drain(..at);
        (whole, copy_in)
    }
}

/// Only this process may use the connection: it may be authenticated by a client certificate.
async fn accept_self(listener: UnixListener) -> std::io::Result<UnixStream> {
    loop {
        let (client, _) = listener.accept().await?;
        let pid = client.peer_cred()?.pid();
        if pid.and_then(|pid| u32::try_from(pid).ok()) == Some(std::process::id()) {
            return Ok(client);
        }
    }
}

/// The byte of ReadyForQuery.
fn status(body: &[u8]) -> TransactionStatus {
    match body.first() {
        Some(b'T') => TransactionStatus::Open,
        Some(b'E') => TransactionStatus::Failed,
        _ => TransactionStatus::Idle,
    }
}

fn copy_fail() -> Vec<u8> {
    let reason = b"COPY FROM STDIN needs psql: a migration has no input\0";
    let length = u32::try_from(reason.len() + 4).unwrap_or(4);
    [b"f".as_slice(), &length.to_be_bytes(), reason].concat()
}

/// Writes NOTICE and WARNING messages of scripts to the log.
fn notice(body: &[u8]) {
    let field = |wanted: u8| body.split(|byte| *byte == 0).find_map(|field| field.strip_prefix(&[wanted]));
    let (severity, message) = (field(b'V').unwrap_or_default(), field(b'M').unwrap_or_default());
    let (message, code) = (String::from_utf8_lossy(message), text(field(b'C').unwrap_or_default()));
    match severity {
        b"WARNING" => tracing::warn!(phase = "server", event = "notice", sqlstate = code, "{message}"),
        b"NOTICE" => tracing::info!(phase = "server", event = "notice", sqlstate = code, "{message}"),
        _ => tracing::debug!(phase = "server", event = "notice", sqlstate = code, "{message}"),
    }
}

fn text(bytes: &[u8]) -> &str {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..end]).unwrap_or_default()
}
