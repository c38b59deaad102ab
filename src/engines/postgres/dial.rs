//! Connects to a PostgreSQL server, up to the point where the protocol's startup message is sent: socket, request for
//! TLS, handshake. The cancel request is here too, since it is a connection of its own.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::base::fault::{Class, Fault};
use crate::engines::net::dial::{self, Stream, unreachable};
use crate::engines::net::tls::{self, Mode};
use crate::engines::postgres::client::CancelKey;
use crate::engines::postgres::conninfo::{Host, Target};

/// The message that asks a server for TLS (PostgreSQL manual 55.7, SSLRequest).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// The code of CancelRequest (55.7).
const CANCEL_REQUEST: u32 = 80_877_102;

/// How a session's server was reached, to reach it again.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) target: Target,
    pub(crate) host: Host,
    pub(crate) encrypted: bool,
}

/// Connects to one host, encrypted if `encrypted`. With sslmode `prefer` a server without TLS is used in plain text, as
/// libpq does.
pub(crate) async fn dial(route: &Route) -> Result<Stream, Fault> {
    let Route { target, host, encrypted } = route;
    if host.is_socket() {
        return Ok(Box::new(dial::unix(&format!("{}/.s.PGSQL.{}", host.name, host.port)).await?));
    }
    let mut stream = tcp(route).await?;
    if !encrypted {
        return Ok(Box::new(stream));
    }
    if !target.direct_tls {
        match request_tls(&mut stream, host).await? {
            b'S' => {}
            b'N' if target.tls.mode == Mode::Prefer => return Ok(Box::new(stream)),
            b'N' => return Err(Fault::new(Class::Tls, format!("{host} has no TLS, which sslmode demands"))),
            // An old server, or one that cannot fork, answers with an ErrorResponse at once: connect again in plain
            // text, where the client can read it. Only where sslmode allows plain text: an attacker in between can
            // send this answer, and would receive the password.
            b'E' if target.tls.mode == Mode::Prefer => return Ok(Box::new(tcp(route).await?)),
            b'E' => return Err(unreachable(format!("{host} answered the request for TLS with an error"))),
            other => {
                let what = char::from(other).escape_default();
                return Err(unreachable(format!("what listens on {host} is not PostgreSQL (it answered `{what}`)")));
            }
        }
    }
    Ok(Box::new(tls::handshake(stream, &target.tls, &host.name).await?))
}

async fn tcp(route: &Route) -> Result<TcpStream, Fault> {
    let Host { name, address, port } = &route.host;
    dial::tcp(name, *address, *port, route.target.keepalive).await
}

async fn request_tls(stream: &mut TcpStream, host: &Host) -> Result<u8, Fault> {
    // A proxy (docker-proxy, a Service, a load balancer) accepts and closes while no server is behind it.
    let gone = |error| unreachable(format!("{host} closed the connection: {error}"));
    stream.write_all(&SSL_REQUEST).await.map_err(gone)?;
    stream.read_u8().await.map_err(gone)
}

/// Asks the server to cancel what a session runs (55.2.8). The server answers by closing the connection.
pub(crate) async fn cancel(route: &Route, key: &CancelKey) -> Result<(), Fault> {
    let mut stream = dial(route).await?;
    let key = key.bytes();
    let length = u32::try_from(8 + key.len()).unwrap_or(16);
    let message = [length.to_be_bytes().as_slice(), &CANCEL_REQUEST.to_be_bytes(), key].concat();
    stream.write_all(&message).await.map_err(|error| unreachable(format!("the cancel request broke off: {error}")))?;
    let _ = stream.read_u8().await;
    Ok(())
}
