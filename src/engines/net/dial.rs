//! Opens sockets: name resolution, a race between addresses, TCP options. Drivers never connect by themselves, so
//! everything that a network can do to a start is handled here. Encryption is in [`super::tls`].

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;

use crate::base::fault::{Class, Fault};
pub(crate) use crate::base::file::reason;
use crate::base::plain_name::shown_path;
use crate::engines::net::dns;

/// A connection to a server, encrypted or not.
pub(crate) type Stream = Box<dyn Duplex>;

/// What a protocol needs of a connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// How the kernel finds out that the peer is gone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heartbeat {
    /// TCP keepalive; on by default, since NAT and load balancers drop a silent connection during long DDL.
    pub(crate) keepalive: bool,
    pub(crate) idle: Duration,
    pub(crate) interval: Duration,
    /// Probes without an answer before the connection counts as dead.
    pub(crate) count: u32,
    /// `TCP_USER_TIMEOUT` (`man 7 tcp`): how long sent bytes may stay unacknowledged. `None` leaves the kernel's default.
    pub(crate) user_timeout: Option<Duration>,
}

impl Heartbeat {
    /// For a connection that is closed at once.
    pub(crate) const NONE: Self =
        Self { keepalive: false, idle: Duration::ZERO, interval: Duration::ZERO, count: 0, user_timeout: None };
}

/// Head start of each address before the next is tried as well (RFC 8305, 5: 250 ms): an address whose packets are
/// dropped must not use up the whole attempt.
const HEAD_START: Duration = Duration::from_millis(250);

/// Connects to the first address of `name` that answers, or to `address` where it is given.
pub(crate) async fn tcp(
    name: &str,
    address: Option<IpAddr>,
    port: u16,
    heartbeat: Heartbeat,
) -> Result<TcpStream, Fault> {
    let addresses = match address {
        Some(address) => vec![SocketAddr::new(address, port)],
        None => dns::addresses(name, port).await.map_err(unreachable)?,
    };
    let stream = race(addresses).await?;
    // Nagle's algorithm and delayed ACK cost 40 ms for each flight of a TLS handshake.
    let _ = stream.set_nodelay(true);
    let socket = socket2::SockRef::from(&stream);
    if heartbeat.keepalive {
        let probes = socket2::TcpKeepalive::new()
            .with_time(heartbeat.idle)
            .with_interval(heartbeat.interval)
            .with_retries(heartbeat.count);
        let _ = socket.set_tcp_keepalive(&probes);
    }
    if heartbeat.user_timeout.is_some() {
        let _ = socket.set_tcp_user_timeout(heartbeat.user_timeout);
    }
    Ok(stream)
}

/// Connects to a Unix socket. `@` begins the name of an abstract one, as libpq writes it.
pub(crate) async fn unix(path: &str) -> Result<UnixStream, Fault> {
    // The kernel begins such a name with NUL.
    let name = path.strip_prefix('@').map_or(path.to_owned(), |name| format!("\0{name}"));
    UnixStream::connect(name)
        .await
        .map_err(|error| unreachable(format!("{}: {}", shown_path(path.as_ref()), reason(&error))))
}

/// Tries the addresses in their order, each beside those before it.
async fn race(addresses: Vec<SocketAddr>) -> Result<TcpStream, Fault> {
    let mut waiting = addresses.into_iter();
    let mut racing = JoinSet::new();
    let mut last = unreachable("the name has no address".to_owned());
    loop {
        if let Some(address) = waiting.next() {
            racing.spawn(async move { (address, TcpStream::connect(address).await) });
        }
        let result = tokio::select! {
            result = racing.join_next() => result,
            () = tokio::time::sleep(HEAD_START), if waiting.len() > 0 => continue,
        };
        match result {
            Some(Ok((_, Ok(stream)))) => return Ok(stream),
            Some(Ok((address, Err(error)))) => last = unreachable(format!("{address}: {}", reason(&error))),
            Some(Err(_)) => {}
            None if waiting.len() == 0 => return Err(last),
            None => {}
        }
    }
}

/// A fault of the network.
pub(crate) fn unreachable(text: String) -> Fault {
    Fault::new(Class::Unreachable, text)
}
