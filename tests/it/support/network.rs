//! Ports, and listeners that misbehave.

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};

use super::PASSWORD;

/// A port that is free, and stays so: it lies below those that the kernel gives to connections (ip(7), `ip_local_port_range`, from
/// 32768), and no other test of this process gets it.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_mul(97).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(12_000 + number % 18_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A listener on loopback that treats every connection alike.
pub(crate) struct Listener {
    pub(crate) port: u16,
}

impl Listener {
    /// Answers each connection with `answer`; the thread ends with the test process.
    pub(crate) fn answering(answer: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || listener.incoming().flatten().for_each(answer));
        Self { port }
    }

    pub(crate) fn url(&self) -> String {
        format!("postgresql://postgres:{PASSWORD}@127.0.0.1:{}/postgres", self.port)
    }
}

/// An address that drops connections: the queue of the listener is full, so the kernel drops every
/// further SYN, as a firewall would.
pub(crate) struct BlackHole {
    pub(crate) port: u16,
    _sockets: Vec<socket2::Socket>,
}

impl BlackHole {
    pub(crate) fn new(address: &str) -> Self {
        Self::on(address, 0)
    }

    pub(crate) fn on(address: &str, port: u16) -> Self {
        use socket2::{Domain, Socket, Type};
        let wanted: std::net::SocketAddr = (address.parse::<std::net::IpAddr>().unwrap(), port).into();
        let listener = Socket::new(Domain::for_address(wanted), Type::STREAM, None).unwrap();
        listener.set_reuse_address(true).unwrap();
        listener.bind(&wanted.into()).unwrap();
        listener.listen(0).unwrap();
        let bound = listener.local_addr().unwrap();
        let mut sockets = vec![listener];
        for _ in 0..4 {
            let filler = Socket::new(Domain::for_address(wanted), Type::STREAM, None).unwrap();
            filler.set_nonblocking(true).unwrap();
            let _ = filler.connect(&bound);
            sockets.push(filler);
        }
        Self { port: bound.as_socket().unwrap().port(), _sockets: sockets }
    }
}
