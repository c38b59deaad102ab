//! The request of an `http://` or `https://` entry: one GET over HTTP/1.1 (RFC 9112), of which only the status counts. A client
//! with redirects, cookies and compression would be larger than the rest of this program's network code.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::config::wait_for::HttpUrl;
use crate::engines::net::dial::{self, Heartbeat, Stream, reason};

/// The most that is read before the final status: a server may send interim responses (103, RFC 8297) with headers.
const LARGEST: usize = 64 * 1024;

/// Asks once.
///
/// # Errors
/// Why it is not ready: no connection, no certificate that is trusted, no HTTP, or another status than 2xx and 3xx.
pub(super) async fn get(url: &HttpUrl) -> Result<(), String> {
    let mut stream = connect(url).await?;
    let broken = |error: std::io::Error| format!("the connection broke: {}", reason(&error));
    stream.write_all(request(url).as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut received = Vec::new();
    loop {
        match status(&received) {
            Status::Final(200..=399) => return Ok(()),
            Status::Final(code) => return Err(format!("it answered with {code}")),
            Status::Foreign => return Err("what answers does not speak HTTP".to_owned()),
            Status::Incomplete if received.len() >= LARGEST => return Err("its answer has no end".to_owned()),
            Status::Incomplete => {}
        }
        // A close without TLS's close_notify is an error here, after a status it no longer counts.
        if stream.read_buf(&mut received).await.map_err(broken)? == 0 {
            return Err("it closed the connection without an answer".to_owned());
        }
    }
}

async fn connect(url: &HttpUrl) -> Result<Stream, String> {
    let stream = dial::tcp(&url.host, None, url.port, Heartbeat::NONE).await.map_err(|fault| fault.message)?;
    if !url.is_encrypted {
        return Ok(Box::new(stream));
    }
    encrypted(stream, &url.host).await
}

#[cfg(feature = "postgres")]
async fn encrypted(stream: tokio::net::TcpStream, host: &str) -> Result<Stream, String> {
    use crate::engines::net::tls::{self, Roots, Tls, TlsMode};

    let tls = Tls {
        mode: TlsMode::VerifyFull,
        roots: Roots::System,
        client: None,
        client_is_required: false,
        protocol: None,
        root_parameter: "SSL_CERT_FILE",
    };
    let stream = tls::handshake(stream, &tls, host).await.map_err(|fault| fault.message)?;
    Ok(Box::new(stream))
}

#[cfg(not(feature = "postgres"))]
async fn encrypted(_stream: tokio::net::TcpStream, _host: &str) -> Result<Stream, String> {
    Err("this build leaves TLS out".to_owned())
}

fn request(url: &HttpUrl) -> String {
    let HttpUrl { authority, target, .. } = url;
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "GET {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: doorstep/{version}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )
}

/// What the bytes that have arrived say.
#[derive(Debug, PartialEq, Eq)]
enum Status {
    /// The status line is not complete, or that of an interim response.
    Incomplete,
    Final(u16),
    /// No status line.
    Foreign,
}

fn status(received: &[u8]) -> Status {
    let mut rest = received;
    loop {
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            let start = b"HTTP/1.";
            let is_start = rest.iter().zip(start).all(|(byte, expected)| byte == expected);
            return if is_start { Status::Incomplete } else { Status::Foreign };
        };
        let Some(code) = code_of(&rest[..end]) else { return Status::Foreign };
        if code >= 200 || code == 101 {
            return Status::Final(code);
        }
        // The interim response ends with an empty line.
        let Some(end) = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Status::Incomplete };
        rest = &rest[end + 4..];
    }
}

/// `HTTP/1.1 200 OK`
fn code_of(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line.get(..12)?).ok()?;
    let code = line.strip_prefix("HTTP/1.0 ").or_else(|| line.strip_prefix("HTTP/1.1 "))?;
    let code = code.bytes().all(|byte| byte.is_ascii_digit()).then(|| code.parse().ok())??;
    (100..=599).contains(&code).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_final_status_counts() {
        for (received, expected) in [
            (&b""[..], Status::Incomplete),
            (b"HTT", Status::Incomplete),
            (b"HTTP/1.1 20", Status::Incomplete),
            (b"HTTP/1.1 204 No Content\r\n", Status::Final(204)),
            (b"HTTP/1.0 503\r\n", Status::Final(503)),
            (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n", Status::Incomplete),
            (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 302 Found\r\n", Status::Final(302)),
            (b"SSH-2.0-x\r\n", Status::Foreign),
            (b"SSH-2.0-x", Status::Foreign),
            (b"HTTP/1.1 2x0 OK\r\n", Status::Foreign),
            (b"HTTP/1.1 099 OK\r\n", Status::Foreign),
            (b"HTTP/1.1\r\n", Status::Foreign),
        ] {
            assert_eq!(status(received), expected, "{}", String::from_utf8_lossy(received));
        }
    }
}
