//! Names and sockets, tried once and reported address by address ([`crate::engines::trace`]).

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::net::TcpStream;

use crate::engines::net::dial::{reason, unreachable};
use crate::engines::net::{dial, dns, silent};
use crate::engines::trace::{Contact, Resolved};

/// What became of a host over TCP.
pub(crate) struct Reached {
    /// What the name resolves to; `None` where there was nothing to resolve.
    pub(crate) resolved: Option<Resolved>,
    /// Each address.
    pub(crate) contacts: Vec<Contact>,
    /// The connection to the first address that answered, in the order of the addresses.
    pub(crate) stream: Option<TcpStream>,
}

/// Resolves a name, and connects to each of its addresses, all at the same time; `address` stands for the name where it is
/// given. Each of the two steps takes at most `limit`.
pub(crate) async fn reach(name: &str, address: Option<IpAddr>, port: u16, limit: Duration) -> Reached {
    let literal = address.or_else(|| name.parse().ok());
    let (resolved, addresses) = match literal {
        Some(address) => (None, vec![SocketAddr::new(address, port)]),
        None => {
            let (began, asked) = (Instant::now(), tokio::time::timeout(limit, dns::addresses(name, port)).await);
            let addresses = asked.unwrap_or_else(|_| Err(silent(limit).message));
            let found = addresses.clone().unwrap_or_default();
            let addresses = addresses.map(|list| list.iter().map(SocketAddr::ip).collect());
            (Some(Resolved { addresses, took: began.elapsed() }), found)
        }
    };
    let (mut contacts, mut stream) = (Vec::new(), None);
    for (contact, connected) in join_all(addresses.into_iter().map(|address| contact(address, limit))).await {
        contacts.push(contact);
        stream = stream.or(connected);
    }
    Reached { resolved, contacts, stream }
}

async fn contact(address: SocketAddr, limit: Duration) -> (Contact, Option<TcpStream>) {
    let (began, connecting) = (Instant::now(), tokio::time::timeout(limit, TcpStream::connect(address)).await);
    let (result, stream) = match connecting {
        Ok(Ok(stream)) => (Ok(()), Some(stream)),
        Ok(Err(error)) => (Err(unreachable(reason(&error))), None),
        Err(_) => (Err(silent(limit)), None),
    };
    if let Some(stream) = &stream {
        let _ = stream.set_nodelay(true);
    }
    let is_local = address.ip().to_canonical().is_loopback();
    (Contact { address: address.to_string(), is_local, took: began.elapsed(), result }, stream)
}

/// Connects to a Unix socket.
pub(crate) async fn reach_socket(path: &str, shown: String, limit: Duration) -> Contact {
    let (began, connecting) = (Instant::now(), tokio::time::timeout(limit, dial::unix(path)).await);
    let result = match connecting {
        Ok(result) => result.map(drop),
        Err(_) => Err(silent(limit)),
    };
    Contact { address: shown, is_local: true, took: began.elapsed(), result }
}
