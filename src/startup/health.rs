//! The health port (`health_addr`): serves the progress of a start over HTTP until the service takes over.
//!
//! It shares the one thread of the start, and cannot delay or fail it: few connections, short requests, timeouts.
//! The service may bind the same port right afterwards, even without SO_REUSEADDR, because no connection stays in
//! TIME_WAIT: the side that closes first gets that state, so doorstep waits for the client to close; a client that does
//! not is closed without it (`TCP_LINGER2`), and connections still open when the service starts are reset (`SO_LINGER`
//! of zero).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{AbortHandle, abortable};
use futures_util::stream::FuturesUnordered;
use nix::sys::socket::setsockopt;
use nix::{libc, setsockopt_impl, sockopt_impl};
use serde::Serialize;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::base::error::{Error, NEXT_AFTER_SYSTEM};
use crate::base::neutral;
use crate::base::progress::{Progress, Tracker};
use crate::config::Listen;

/// Connections at a time; more wait in the kernel's queue, until a client that was answered has closed.
const CONNECTIONS: usize = 128;

/// Connections at a time that have not sent a whole request. With one more, the oldest is dropped: a probe is answered at
/// once however many clients have stopped in the middle.
const UNANSWERED: usize = 32;

sockopt_impl!(
    /// How long a connection that doorstep has closed waits for the client to close it, too (`TCP_LINGER2`, `man 7 tcp`).
    /// With a negative value the kernel drops it as soon as the client has acknowledged the FIN.
    Linger2,
    SetOnly,
    libc::IPPROTO_TCP,
    libc::TCP_LINGER2,
    libc::c_int
);

/// Longest head of a request, in bytes.
const HEAD: usize = 4096;

/// Timeout of a request and its response together.
const REQUEST: Duration = Duration::from_secs(2);

/// How long a client may take to close after its response.
const GOODBYE: Duration = Duration::from_millis(500);

/// Pause after a failed accept(2): the process may have run out of descriptors.
const RECOVER: Duration = Duration::from_millis(100);

/// A bound port that does not serve requests yet.
#[derive(Debug)]
pub(crate) struct Port(std::net::TcpListener);

impl Port {
    /// Binds the port.
    ///
    /// # Errors
    /// [`Error::Os`] when the address is in use, not local, or not permitted.
    pub(crate) fn open(listen: Listen) -> Result<Self, Error> {
        let address = listen.0;
        let opened = open(address).or_else(|error| match (address, error.kind()) {
            // A host without IPv6: bind 0.0.0.0 instead of [::].
            (SocketAddr::V6(v6), kind) if v6.ip().is_unspecified() && kind != std::io::ErrorKind::AddrInUse => {
                open((Ipv4Addr::UNSPECIFIED, address.port()).into()).map_err(|_| error)
            }
            _ => Err(error),
        });
        let listener = opened
            .map_err(|error| Error::Os(format!("cannot listen on {address}: {error}\nnext: {}", way_out(&error))))?;
        let address = listener.local_addr().unwrap_or(address);
        tracing::info!(phase = "health", event = "listening", "serving the progress at http://{address}/ready");
        Ok(Self(listener))
    }

    /// Serves requests until `work` is done. All sockets are closed when this returns.
    ///
    /// # Errors
    /// Those of `work`, and [`Error::Os`] when the runtime does not take the socket.
    pub(crate) async fn beside<T>(
        self,
        tracker: Tracker,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let listener = TcpListener::from_std(self.0)
            .map_err(|error| Error::Os(format!("cannot listen: {error}\n{NEXT_AFTER_SYSTEM}")))?;
        tokio::select! {
            biased;
            result = work => result,
            never = serve(&listener, &tracker) => match never {},
        }
    }
}

/// What to do about an address that cannot be listened on.
fn way_out(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "give another port with --health-addr, or end what listens on this one",
        std::io::ErrorKind::AddrNotAvailable => {
            "give an address of this host with --health-addr, or a port alone for all of them: --health-addr :8080"
        }
        std::io::ErrorKind::PermissionDenied => "give a port from 1024 on: --health-addr :8080",
        _ => "give another --health-addr",
    }
}

/// A listener whose connections are reset when they are dropped.
fn open(address: SocketAddr) -> std::io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of an earlier process may still be in TIME_WAIT.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Accepted connections inherit SO_LINGER.
    socket.set_linger(Some(Duration::ZERO))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    Ok(socket.into())
}

async fn serve(listener: &TcpListener, tracker: &Tracker) -> Infallible {
    // Those that have not been answered, by their number: the oldest first.
    let unanswered = RefCell::new(BTreeMap::<u64, AbortHandle>::new());
    let mut connections = FuturesUnordered::new();
    let mut number = 0;
    loop {
        number += 1;
        let has_room = connections.len() < CONNECTIONS;
        tokio::select! {
            accepted = listener.accept(), if has_room => match accepted {
                Ok((stream, _)) => {
                    let mut waiting = unanswered.borrow_mut();
                    if waiting.len() >= UNANSWERED
                        && let Some((_, oldest)) = waiting.pop_first()
                    {
                        oldest.abort();
                    }
                    let unanswered = &unanswered;
                    let (connection, handle) = abortable(converse(stream, tracker, move || {
                        unanswered.borrow_mut().remove(&number);
                    }));
                    waiting.insert(number, handle);
                    connections.push(connection);
                }
                Err(_) => sleep(RECOVER).await,
            },
            Some(_) = connections.next(), if !connections.is_empty() => {}
        }
    }
}

/// One request and one response; then waits for the client to close first, so that it gets the TIME_WAIT. `answered` is
/// called between the two.
async fn converse(mut stream: TcpStream, tracker: &Tracker, answered: impl FnOnce()) {
    let exchange = async {
        let head = read_head(&mut stream).await?;
        stream.write_all(&answer(&head, &tracker.standing())).await
    };
    let exchanged = timeout(REQUEST, exchange).await;
    answered();
    if !matches!(exchanged, Ok(Ok(()))) {
        return;
    }
    let mut rest = [0; 512];
    let closed = async { while stream.read(&mut rest).await.is_ok_and(|length| length > 0) {} };
    let _ = timeout(GOODBYE, closed).await;
    // Close with a FIN rather than a reset: some clients read until the end of the stream.
    if setsockopt(&stream, Linger2, &-1).is_ok() {
        let _ = SockRef::from(&stream).set_linger(None);
    }
}

/// The request up to the empty line, or its first [`HEAD`] bytes.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut chunk = [0; 512];
    while !is_whole(&head) && head.len() <= HEAD {
        match stream.read(&mut chunk).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            length => head.extend_from_slice(&chunk[..length]),
        }
    }
    Ok(head)
}

fn is_whole(head: &[u8]) -> bool {
    head.windows(4).any(|bytes| bytes == b"\r\n\r\n") || head.windows(2).any(|bytes| bytes == b"\n\n")
}

/// The response to a request.
fn answer(head: &[u8], standing: &Progress) -> Vec<u8> {
    #[derive(Serialize)]
    struct Ready<'a> {
        ready: bool,
        #[serde(flatten)]
        standing: &'a Progress,
    }
    let line = head.split(|byte| *byte == b'\n').next().and_then(|line| std::str::from_utf8(line).ok());
    let words: Vec<&str> = line.unwrap_or_default().split_ascii_whitespace().collect();
    let (method, target) = match words[..] {
        _ if !is_whole(head) => return response("431 Request Header Fields Too Large", "", "{}", true),
        [method, target, version] if version.starts_with("HTTP/1.") => (method, target),
        _ => return response("400 Bad Request", "", "{}", true),
    };
    let with_body = method != "HEAD";
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let found = match path {
        "/live" | "/livez" | "/healthz" => ("200 OK", r#"{"live":true}"#.to_owned()),
        "/ready" | "/readyz" => {
            let body = serde_json::to_string(&Ready { ready: false, standing });
            ("503 Service Unavailable", neutral::json(&body.unwrap_or_default()).into_owned())
        }
        _ => return response("404 Not Found", "", "{}", with_body),
    };
    match method {
        "GET" | "HEAD" => response(found.0, "", &found.1, with_body),
        _ => response("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "{}", true),
    }
}

fn response(status: &str, header: &str, body: &str, with_body: bool) -> Vec<u8> {
    let length = body.len() + 1;
    let head = format!(
        "HTTP/1.1 {status}\r\n{header}Content-Type: application/json\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    );
    let body = if with_body { format!("{body}\n") } else { String::new() };
    (head + &body).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Phase;

    fn answered(head: &str) -> (String, String) {
        let tracker = Tracker::default();
        tracker.enter(Phase::Migrate);
        tracker.migrating("1_x", 0, 2);
        let text = String::from_utf8(answer(head.as_bytes(), &tracker.standing())).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    fn status(head: &str) -> String {
        answered(head).0.lines().next().unwrap().to_owned()
    }

    #[test]
    fn each_path_and_method_has_its_answer() {
        for (request, expected) in [
            ("GET /live", "200 OK"),
            ("GET /livez?verbose", "200 OK"),
            ("HEAD /healthz", "200 OK"),
            ("GET /ready", "503 Service Unavailable"),
            ("GET /readyz", "503 Service Unavailable"),
            ("GET /", "404 Not Found"),
            ("GET /live/", "404 Not Found"),
            ("POST /nowhere", "404 Not Found"),
            ("POST /live", "405 Method Not Allowed"),
            ("get /live", "405 Method Not Allowed"),
        ] {
            assert_eq!(status(&format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n")), format!("HTTP/1.1 {expected}"));
        }
        assert!(answered("DELETE /ready HTTP/1.1\n\n").0.contains("\r\nAllow: GET, HEAD\r\n"));
    }

    #[test]
    fn what_is_no_request_is_told_so() {
        for nonsense in
            ["\r\n\r\n", "GET /live\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n", "\u{16}\u{3}\u{1}\n\n", "a b c d\n\n"]
        {
            assert_eq!(status(nonsense), "HTTP/1.1 400 Bad Request", "{nonsense:?}");
        }
        assert!(status(&"x".repeat(HEAD + 1)).contains(" 431 "));
    }

    #[test]
    fn the_body_says_the_phase_and_head_says_its_length() {
        let (head, body) = answered("GET /ready HTTP/1.1\r\n\r\n");
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&json["ready"], &json["phase"]), (&false.into(), &"migrate".into()));
        assert_eq!((&json["migration"], &json["applied"], &json["pending"]), (&"1_x".into(), &0.into(), &2.into()));
        assert!(json["elapsed_ms"].is_u64() && json.get("cause").is_none(), "{body}");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        let (head, body) = answered("HEAD /live HTTP/1.1\r\n\r\n");
        assert!(head.contains("Content-Length: 14") && body.is_empty(), "{head}");
    }
}
