//! Opens the socket: name, addresses, TCP options, TLS. The driver never dials itself (see `wire`), so
//! everything a network can do to a start is handled here.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;

use crate::base::fault::{Class, Fault};
use crate::engines::net::dns;
use crate::engines::net::tls::{self, Mode};
use crate::engines::postgres::conninfo::{Host, Keepalive, Target};

/// A connection to the server, encrypted or not.
pub(crate) type Stream = Box<dyn Duplex>;

/// What a relay needs of a connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// Head start of each address before the next is tried beside it (RFC 8305, 5: 250 ms): a black-holed
/// first address must not eat the whole attempt.
const HEAD_START: Duration = Duration::from_millis(250);

/// The message that asks a server for TLS (PostgreSQL manual 55.7, SSLRequest).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Connects to one host, encrypted if `encrypted`. With sslmode `prefer` a server without TLS is taken
/// in plain text, as libpq does.
pub(crate) async fn dial(target: &Target, host: &Host, encrypted: bool) -> Result<Stream, Fault> {
    if host.is_socket() {
        return socket(host).await;
    }
    let stream = tcp(host, target.keepalive).await?;
    if !encrypted {
        return Ok(Box::new(stream));
    }
    let mut stream = stream;
    if !target.tls.direct {
        match request_tls(&mut stream, host).await? {
            b'S' => {}
            b'N' if target.tls.mode == Mode::Prefer => return Ok(Box::new(stream)),
            b'N' => return Err(Fault::new(Class::Tls, format!("{host} has no TLS, which sslmode demands"))),
            // An old server, or one too full to fork, answers with an ErrorResponse at once; ask in plain
            // text, where the driver can read it. But only where plain text is allowed: anybody in between
            // can give this answer, and would be told the password.
            b'E' if target.tls.mode == Mode::Prefer => return Ok(Box::new(tcp(host, target.keepalive).await?)),
            b'E' => return Err(unreachable(format!("{host} answered the request for TLS with an error"))),
            other => {
                let what = char::from(other).escape_default();
                let text = format!("what listens on {host} is not PostgreSQL (it answered `{what}`)");
                return Err(Fault::new(Class::Unreachable, text));
            }
        }
    }
    Ok(Box::new(tls::handshake(stream, &target.tls, &host.name).await?))
}

async fn request_tls(stream: &mut TcpStream, host: &Host) -> Result<u8, Fault> {
    // A proxy (docker-proxy, a Service, a load balancer) accepts and closes while nothing is behind it.
    let gone = |error| unreachable(format!("{host} closed the connection: {error}"));
    stream.write_all(&SSL_REQUEST).await.map_err(gone)?;
    stream.read_u8().await.map_err(gone)
}

async fn socket(host: &Host) -> Result<Stream, Fault> {
    let path = format!("{}/.s.PGSQL.{}", host.name, host.port);
    // `@` is how libpq writes an abstract socket, a leading NUL how the kernel does.
    let name = path.strip_prefix('@').map_or(path.clone(), |name| format!("\0{name}"));
    match UnixStream::connect(name).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(unreachable(format!("{path}: {}", reason(&error)))),
    }
}

/// Connects to the first address that answers.
async fn tcp(host: &Host, keepalive: Keepalive) -> Result<TcpStream, Fault> {
    let addresses = match host.address {
        Some(address) => vec![SocketAddr::new(address, host.port)],
        None => dns::addresses(&host.name, host.port).await.map_err(unreachable)?,
    };
    let stream = race(addresses).await?;
    // Nagle's algorithm and delayed ACK cost 40 ms for each flight of a TLS handshake.
    let _ = stream.set_nodelay(true);
    if keepalive.on {
        let probes = socket2::TcpKeepalive::new().with_time(keepalive.idle).with_interval(keepalive.interval);
        let _ = socket2::SockRef::from(&stream).set_tcp_keepalive(&probes);
    }
    Ok(stream)
}

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

/// Asks the server to cancel what a session runs (PostgreSQL manual 55.2.8). It answers by closing.
pub(crate) async fn cancel(target: &Target, host: &Host, encrypted: bool, key: &[u8]) -> Result<(), Fault> {
    let mut stream = dial(target, host, encrypted).await?;
    let length = u32::try_from(8 + key.len()).unwrap_or(16);
    let mut message = length.to_be_bytes().to_vec();
    message.extend(80_877_102_u32.to_be_bytes());
    message.extend(key);
    let gone = |error| unreachable(format!("the cancel request broke off: {error}"));
    stream.write_all(&message).await.map_err(gone)?;
    let _ = stream.read_u8().await;
    Ok(())
}

fn unreachable(text: String) -> Fault {
    Fault::new(Class::Unreachable, text)
}

/// The operating system's words without its number: `connection refused`.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}
