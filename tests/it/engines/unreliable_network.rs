//! Connections that break, fall silent or trickle, at every place of a start: the exit code and the history are right each
//! time, and one SIGTERM ends doorstep in time.
//!
//! A proxy stands between doorstep and the server and does its harm to the first connection, after so many bytes in one
//! direction: a sample, or after every 17th byte (`scripts/test --all`).

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::support::{Cluster, Database, PASSWORD, Project, as_postgres, run, until};

/// What happens to the first connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    /// Both sides are closed.
    Cut,
    /// Nothing passes any more, and neither side is told.
    Stall,
    /// From here on every byte is a packet of its own.
    Trickle,
    /// None: the bytes are only counted.
    Nothing,
}

/// Which way the bytes go that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// From doorstep to the server.
    Up,
    /// From the server to doorstep.
    Down,
}

/// A proxy that harms its first connection.
struct Proxy {
    port: u16,
    /// Once for the harm.
    harmed: Receiver<()>,
    up: &'static AtomicUsize,
    down: &'static AtomicUsize,
    /// Set once the silent connection is to end.
    given_up: &'static AtomicBool,
    /// Set once it accepts no more: thousands of listening threads would slow every fork of the tests after it.
    is_over: &'static AtomicBool,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// What one direction of a connection reports.
struct Way {
    count: &'static AtomicUsize,
    harmed: Sender<()>,
    given_up: &'static AtomicBool,
}

impl Proxy {
    fn before(server: u16, harm: Harm, direction: Direction, after: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, harmed) = channel();
        // The threads may outlive the test.
        let counts: [&'static AtomicUsize; 2] = [(); 2].map(|()| &*Box::leak(Box::new(AtomicUsize::new(0))));
        let [given_up, is_over]: [&'static AtomicBool; 2] =
            [(); 2].map(|()| &*Box::leak(Box::new(AtomicBool::new(false))));
        std::thread::spawn(move || {
            let mut harm = Some(harm);
            for client in listener.incoming().flatten() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
                let _ = (client.set_nodelay(true), server.set_nodelay(true));
                let harm = harm.take().unwrap_or(Harm::Nothing);
                for (side, from, to, count) in [
                    (Direction::Up, client.try_clone().unwrap(), server.try_clone().unwrap(), counts[0]),
                    (Direction::Down, server, client, counts[1]),
                ] {
                    let harm = if side == direction { harm } else { Harm::Nothing };
                    let way = Way { count, harmed: sender.clone(), given_up };
                    std::thread::spawn(move || pass(from, to, &way, harm, after));
                }
            }
        });
        Self { port, harmed, up: counts[0], down: counts[1], given_up, is_over }
    }
}

/// Passes bytes on, and does harm after `after` of them.
fn pass(mut from: TcpStream, mut to: TcpStream, way: &Way, harm: Harm, after: usize) {
    let Way { count, harmed, given_up } = way;
    let (mut buffer, mut passed) = ([0; 16 * 1024], 0);
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        count.fetch_add(read, Ordering::SeqCst);
        let whole = match harm {
            Harm::Nothing => read,
            _ => read.min(after.saturating_sub(passed)),
        };
        if to.write_all(&buffer[..whole]).is_err() {
            break;
        }
        passed += read;
        if whole == read {
            continue;
        }
        let _ = harmed.send(());
        match harm {
            Harm::Cut => break,
            // The sockets stay open, and silent, as behind a firewall that has forgotten the connection. Once the test gives
            // it up, so does the server.
            Harm::Stall => {
                while !given_up.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                break;
            }
            Harm::Trickle | Harm::Nothing => {
                if buffer[whole..read].iter().any(|byte| to.write_all(&[*byte]).is_err()) {
                    break;
                }
            }
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// How doorstep logs in.
struct Server {
    name: &'static str,
    cluster: Option<Cluster>,
    /// What goes behind the URL.
    parameters: &'static str,
}

impl Server {
    fn database(&self) -> Database {
        self.cluster.as_ref().map_or_else(Database::fresh, |cluster| Database::fresh_on(cluster.port))
    }
}

/// Trust, SCRAM, and SCRAM-PLUS over TLS.
fn servers() -> Vec<Server> {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
    let tls = Cluster::stopped("ssl = on\n");
    for (name, text) in [("server.crt", certificate.pem()), ("server.key", key.serialize_pem())] {
        let here = tls.directory.path().join(name);
        std::fs::write(&here, text).unwrap();
        run(as_postgres("install").args(["-m", "600"]).arg(here).arg(tls.data().join(name)));
    }
    tls.start();
    let trust = Cluster::stopped("");
    std::fs::write(trust.data().join("pg_hba.conf"), "host all all 127.0.0.1/32 trust\n").unwrap();
    trust.start();
    vec![
        Server { name: "trust", cluster: Some(trust), parameters: "sslmode=disable" },
        Server { name: "SCRAM", cluster: None, parameters: "sslmode=disable" },
        Server { name: "SCRAM-PLUS", cluster: Some(tls), parameters: "sslmode=require&channel_binding=require" },
    ]
}

fn project() -> Project {
    let sql = "CREATE TABLE users (id integer PRIMARY KEY);\nINSERT INTO users VALUES (1);\n";
    Project::new().migration("1_users", sql)
}

fn url(database: &Database, port: u16, parameters: &str) -> String {
    format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/{}?{parameters}", database.name)
}

/// Exactly one finished row, and what the script made, once.
fn assert_applied_once(database: &Database, when: &str) {
    let history = "SELECT count(*) FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL";
    assert_eq!(database.sql(history), "1", "{when}");
    assert_eq!(database.sql("SELECT count(*) FROM users"), "1", "{when}");
}

/// All places at which harm is done, on several threads: most of the time of each is spent waiting.
fn at_all_places(step: usize, test: impl Fn(&Server, Direction, usize) + Sync) {
    for server in servers() {
        let database = server.database();
        let proxy = Proxy::before(database.port, Harm::Nothing, Direction::Up, 0);
        project().doorstep(&url(&database, proxy.port, server.parameters), &["run"]).run().code(0);
        let of = |direction, count: &AtomicUsize| {
            (0..count.load(Ordering::SeqCst)).step_by(step).map(move |place| (direction, place)).collect()
        };
        let mut places: Vec<(Direction, usize)> = of(Direction::Up, proxy.up);
        places.extend::<Vec<_>>(of(Direction::Down, proxy.down));
        let places = Mutex::new(places.into_iter());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    loop {
                        let next = places.lock().unwrap().next();
                        let Some((direction, place)) = next else { return };
                        test(&server, direction, place);
                    }
                });
            }
        });
    }
}

#[test]
fn a_connection_that_is_cut_anywhere_is_made_again() {
    succeeds_despite(Harm::Cut, 331);
}

#[test]
#[ignore = "slow: every 17th byte"]
fn a_connection_that_is_cut_anywhere_is_made_again_after_every_17th_byte() {
    succeeds_despite(Harm::Cut, 17);
}

/// A start whose first connection suffers this succeeds all the same.
fn succeeds_despite(harm: Harm, step: usize) {
    at_all_places(step, |server, direction, place| {
        let when = format!("{} {harm:?} after {place} bytes {direction:?}", server.name);
        let database = server.database();
        let proxy = Proxy::before(database.port, harm, direction, place);
        let output = project().doorstep(&url(&database, proxy.port, server.parameters), &["run"]).run();
        assert!(matches!(output.code, Some(0)), "{when}: {:?}\n{}", output.code, output.stderr);
        assert_applied_once(&database, &when);
    });
}

#[test]
fn a_connection_that_trickles_is_as_good_as_another() {
    succeeds_despite(Harm::Trickle, 997);
}

#[test]
#[ignore = "slow: every 17th byte"]
fn a_connection_that_trickles_is_as_good_as_another_after_every_17th_byte() {
    succeeds_despite(Harm::Trickle, 17);
}

#[test]
fn one_sigterm_ends_a_start_whose_connection_is_silent() {
    silent_after_every(499);
}

#[test]
#[ignore = "slow: every 17th byte"]
fn one_sigterm_ends_a_start_whose_connection_is_silent_after_every_17th_byte() {
    silent_after_every(17);
}

fn silent_after_every(step: usize) {
    at_all_places(step, |server, direction, place| {
        let when = format!("{} silent after {place} bytes {direction:?}", server.name);
        let database = server.database();
        let proxy = Proxy::before(database.port, Harm::Stall, direction, place);
        let project = project();
        let mut running = project.doorstep(&url(&database, proxy.port, server.parameters), &["run"]).spawn();
        // Bytes at the very end (Terminate) may be on their way only when doorstep has ended.
        let stalled = until("the connection is silent, or doorstep has ended", || match proxy.harmed.try_recv() {
            Ok(()) => Some(true),
            Err(_) => (!running.is_running()).then_some(false),
        });
        let began = Instant::now();
        if stalled && running.is_running() {
            running.signal("TERM");
        }
        let output = running.finish("doorstep run");
        assert!(began.elapsed() < Duration::from_secs(8), "{when}: {:?}\n{}", began.elapsed(), output.stderr);
        assert!(matches!(output.code, Some(0 | 143)), "{when}: {:?}\n{}", output.code, output.stderr);
        proxy.given_up.store(true, Ordering::SeqCst);
        // What that start left behind, the next one explains or finishes.
        let direct = url(&database, database.port, server.parameters);
        project.doorstep(&direct, &["run"]).run().code(0);
        assert_applied_once(&database, &when);
    });
}
