//! The TCP connection that the driver talks through. sqlx dials by itself and sets no option: without TCP_NODELAY a login with
//! TLS waits 40 ms for a delayed ACK, an address that does not answer takes minutes, and a dead server is noticed after hours.
//! So doorstep dials, and the driver reaches the connection by an abstract Unix socket of this process.

use std::io;
use std::time::Duration;

use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::base::fault::{Class, Fault};
use crate::engines::mysql::Target;
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
    let task = tokio::spawn(async move {
        if let Ok(Ok(driver)) = tokio::time::timeout(PATIENCE, accept(&listener)).await {
            drop(listener);
            pass_on(driver, server).await;
        }
    });
    Ok((name, task))
}

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

/// Passes on what either side sends, until one of them has ended.
async fn pass_on(mut driver: UnixStream, mut server: TcpStream) {
    let (mut from_driver, mut to_driver) = driver.split();
    let (mut from_server, mut to_server) = server.split();
    tokio::select! {
        _ = tokio::io::copy(&mut from_driver, &mut to_server) => {}
        _ = tokio::io::copy(&mut from_server, &mut to_driver) => {}
    }
}
