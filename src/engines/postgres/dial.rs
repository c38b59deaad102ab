//! Connects to a PostgreSQL server, up to the point where the protocol's startup message is sent: socket, request for
//! TLS, handshake. The cancel request is here too, since it is a connection of its own.

use bytes::BytesMut;
use postgres_protocol::message::frontend;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::base::fault::{Class, Fault};
use crate::engines::net::dial::{self, Duplex, Stream, unreachable};
use crate::engines::net::tls::{self, TlsMode};
use crate::engines::postgres::client::CancelKey;
use crate::engines::postgres::client::login::EndPoint;
use crate::engines::postgres::conninfo::{Host, Target};

/// How a session's server was reached, to reach it again.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) target: Target,
    pub(crate) host: Host,
    pub(crate) encrypted: bool,
}

/// An open connection, and what a login on it can bind itself to.
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    pub(crate) end_point: EndPoint,
}

impl Connection {
    fn plain(stream: impl Duplex + 'static) -> Self {
        Self { stream: Box::new(stream), end_point: EndPoint::Plain }
    }
}

/// Connects to one host, encrypted if `encrypted`. With sslmode `prefer` a server without TLS is used in plain text, as
/// libpq does.
pub(crate) async fn dial(route: &Route) -> Result<Connection, Fault> {
    let Route { target, host, encrypted } = route;
    if target.tls.client_is_required && !encrypted {
        return Err(Fault::new(
            Class::Tls,
            format!("sslcertmode=require, but the connection to {host} is without TLS"),
        ));
    }
    if host.is_socket() {
        let path = format!("{}/.s.PGSQL.{}", host.name, host.port);
        return Ok(Connection::plain(dial::unix(&path).await?));
    }
    let stream = tcp(route).await?;
    if !encrypted {
        return Ok(Connection::plain(stream));
    }
    match encrypt(stream, target, host).await? {
        Negotiated::Plain(stream) => Ok(Connection::plain(stream)),
        Negotiated::Encrypted(stream) => {
            let end_point = tls::end_point(&stream).map_or(EndPoint::Unhashable, EndPoint::Hash);
            Ok(Connection { stream, end_point })
        }
    }
}

/// A new connection, after the server was asked for TLS.
pub(crate) enum Negotiated {
    /// The server has none, and the target does not demand it.
    Plain(TcpStream),
    /// The handshake has succeeded.
    Encrypted(Box<tls::Encrypted>),
}

/// Asks for TLS on a new connection, and does the handshake.
pub(crate) async fn encrypt(mut stream: TcpStream, target: &Target, host: &Host) -> Result<Negotiated, Fault> {
    if !request(&mut stream, target, host).await? {
        return Ok(Negotiated::Plain(stream));
    }
    Ok(Negotiated::Encrypted(Box::new(tls::handshake(stream, &target.tls, &host.name).await?)))
}

/// Whether the server agrees to TLS; without a request where the target begins with the handshake.
pub(crate) async fn request(stream: &mut TcpStream, target: &Target, host: &Host) -> Result<bool, Fault> {
    if target.direct_tls {
        return Ok(true);
    }
    match request_tls(stream, host).await? {
        b'S' => Ok(true),
        b'N' if target.tls.mode == TlsMode::Prefer && !target.tls.client_is_required => Ok(false),
        b'N' => Err(Fault::new(Class::Tls, format!("{host} has no TLS, which sslmode demands"))),
        // A server that cannot fork answers with an ErrorResponse. Anyone in between can send one, so its text is not
        // read, and nothing more is sent on this connection, as in libpq 17.
        b'E' => Err(unreachable(format!("{host} answered the request for TLS with an error"))),
        other => {
            let what = char::from(other).escape_default();
            Err(unreachable(format!("what listens on {host} is not PostgreSQL (it answered `{what}`)")))
        }
    }
}

async fn tcp(route: &Route) -> Result<TcpStream, Fault> {
    let Host { name, address, port } = &route.host;
    dial::tcp(name, *address, *port, route.target.heartbeat).await
}

/// Sends the SSLRequest and reads the one byte of the answer. Not a byte more: what follows it would have come
/// unencrypted (CVE-2021-23222).
async fn request_tls(stream: &mut TcpStream, host: &Host) -> Result<u8, Fault> {
    // A proxy (docker-proxy, a Service, a load balancer) accepts and closes while no server is behind it.
    let gone = |error| unreachable(format!("{host} closed the connection: {error}"));
    let mut request = BytesMut::new();
    frontend::ssl_request(&mut request);
    stream.write_all(&request).await.map_err(gone)?;
    stream.read_u8().await.map_err(gone)
}

/// Asks the server to cancel what a session runs (55.2.8). The server answers by closing the connection.
pub(crate) async fn cancel(route: &Route, key: CancelKey) -> Result<(), Fault> {
    let mut stream = dial(route).await?.stream;
    let gone = |error| unreachable(format!("the cancel request broke off: {error}"));
    stream.write_all(&key.request()).await.map_err(gone)?;
    stream.flush().await.map_err(gone)?;
    let _ = stream.read_u8().await;
    Ok(())
}
