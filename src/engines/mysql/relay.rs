//! The TCP connection that the driver talks through. sqlx dials by itself and sets no option: without TCP_NODELAY a login with
//! TLS waits 40 ms for a delayed ACK, an address that does not answer takes minutes, and a dead server is noticed after hours.
//! So doorstep dials, and the driver reaches the connection by an abstract Unix socket of this process.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::base::fault::{Class, Fault};
use crate::engines::mysql::Target;
use crate::engines::mysql::conninfo::TlsMode;
use crate::engines::net::dial::{self, Heartbeat};

/// A silent connection is asked for its life after this time, and then again; NAT and load balancers drop silent ones.
const HEARTBEAT: Heartbeat = Heartbeat {
    keepalive: true,
    idle: Duration::from_secs(30),
    interval: Duration::from_secs(10),
    count: 3,
    user_timeout: None,
};

/// How long the driver may take to come to the socket.
const PATIENCE: Duration = Duration::from_secs(5);

/// Dials the server; the address of the socket for the driver, and the task that ends with the connection.
pub(crate) async fn dial(target: &Target) -> Result<(String, JoinHandle<()>), Fault> {
    let server = dial::tcp(&target.host, None, target.port, HEARTBEAT).await?;
    // An abstract name begins with NUL, needs no directory, and ends with the socket (man 7 unix).
    let name = format!("\0doorstep-{}", uuid::Uuid::new_v4());
    let listener = UnixListener::bind(&name).map_err(|error| {
        Fault::new(Class::Config, format!("no Unix socket can be made for the driver: {}", dial::reason(&error)))
    })?;
    let is_remote = server.peer_addr().is_ok_and(|address| !address.ip().to_canonical().is_loopback());
    let may_be_plain = (target.tls == TlsMode::Preferred && is_remote).then(|| target.host.clone());
    let task = tokio::spawn(async move {
        if let Ok(Ok(driver)) = tokio::time::timeout(PATIENCE, accept(&listener)).await {
            drop(listener);
            pass_on(driver, server, may_be_plain).await;
        }
    });
    Ok((name, task))
}

/// How much of an answer is passed on at once: the history of a hundred migrations is longer than the 8 KiB of tokio's own copy.
const AT_ONCE: usize = 32 * 1024;

/// The connection of this process: others can see the name.
async fn accept(listener: &UnixListener) -> io::Result<UnixStream> {
    loop {
        let (stream, _) = listener.accept().await?;
        let pid = stream.peer_cred()?.pid().and_then(|pid| u32::try_from(pid).ok());
        if pid == Some(std::process::id()) {
            return Ok(stream);
        }
    }
}

/// Passes on what either side sends, until one of them has ended. Where TLS is preferred only, and the server at `may_be_plain` is on
/// another machine, a login without it is warned of.
async fn pass_on(mut driver: UnixStream, mut server: TcpStream, may_be_plain: Option<String>) {
    let (mut from_driver, mut to_driver) = driver.split();
    let (from_server, mut to_server) = server.split();
    let upwards = async {
        if let Some(host) = may_be_plain {
            let mut beginning = [0; TLS_REQUEST];
            let length = from_driver.read(&mut beginning).await?;
            if length > 0 && !requests_tls(&beginning[..length]) {
                warn_of_plain(&host);
            }
            to_server.write_all(&beginning[..length]).await?;
        }
        tokio::io::copy(&mut from_driver, &mut to_server).await
    };
    let mut from_server = BufReader::with_capacity(AT_ONCE, from_server);
    tokio::select! {
        _ = upwards => {}
        _ = tokio::io::copy_buf(&mut from_server, &mut to_driver) => {}
    }
}

/// The length of a request for TLS: a header of 4 bytes, and 32 bytes (MySQL, "Protocol::SSLRequest"). A login is longer.
const TLS_REQUEST: usize = 36;

/// Whether the first message of a client asks for TLS (CLIENT_SSL, 0x0800).
fn requests_tls(message: &[u8]) -> bool {
    matches!(message, [32, 0, 0, _, _, flags, ..] if flags & 0x08 != 0)
}

/// Once, however many connections there are.
fn warn_of_plain(host: &str) {
    static SAID: AtomicBool = AtomicBool::new(false);
    if !SAID.swap(true, Ordering::Relaxed) {
        tracing::warn!(
            phase = "wait",
            event = "plain",
            "{host} offers no TLS, so what is sent to it can be read on its way (ssl-mode=REQUIRED stops such a start, DISABLED says \
             that it is meant)"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_for_tls_is_told_from_a_login() {
        let mut request = [0; TLS_REQUEST];
        request[..8].copy_from_slice(&[32, 0, 0, 1, 0x85, 0xae, 0xff, 0x01]);
        assert!(requests_tls(&request));
        let mut login = request;
        login[0] = 90;
        assert!(!requests_tls(&login) && !requests_tls(&[]) && !requests_tls(&[32, 0, 0, 1, 0x85, 0xa6]));
    }
}
