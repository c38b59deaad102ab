//! `health_addr`: what a prober gets while a start is running, and that the port has no other effect on the start.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::running_migration::{GATE, at_gate, backend, gated, open_gate, terminate};
use crate::support::{Cluster, Database, Doorstep, Project, Running, free_port, until};

/// Where a start with `--health-addr 127.0.0.1:0` listens.
fn port(doorstep: &mut Running) -> u16 {
    let log = doorstep.until_stderr("serving the progress at http://");
    let (_, rest) = log.rsplit_once("/ready").unwrap().0.rsplit_once(':').unwrap();
    rest.parse().unwrap()
}

fn listening(doorstep: Doorstep) -> (Running, u16) {
    let mut doorstep = doorstep.env("DOORSTEP_HEALTH_ADDR", "127.0.0.1:0").spawn();
    let port = port(&mut doorstep);
    (doorstep, port)
}

/// A start whose database does not answer until the test lets it.
fn waiting() -> (Running, u16) {
    let url = format!("postgres://u:hunter2@127.0.0.1:{}/d", free_port());
    listening(Project::bare().doorstep(&url, &["run", "--", "echo", "never"]))
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

/// Sends what is no whole request on a connection that may have waited: the server ends one that is silent for 2 s, and a
/// busy machine takes longer than that to open many.
fn say_part(stream: &mut TcpStream, text: &[u8]) {
    match stream.write_all(text) {
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {}
        sent => sent.unwrap(),
    }
}

/// Sends the text, reads until the server closes, and returns head and body.
fn exchange(port: u16, request: &str) -> (String, String) {
    let mut stream = connect(port);
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

fn request(port: u16, method: &str, path: &str) -> (u16, String) {
    let (head, body) = exchange(port, &format!("{method} {path} HTTP/1.1\r\nHost: probe\r\n\r\n"));
    assert!(head.contains("\r\nConnection: close"), "{head}");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

fn ready(port: u16) -> Value {
    let (status, body) = request(port, "GET", "/ready");
    let json: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
    assert_eq!((status, &json["ready"]), (503, &Value::Bool(false)), "{body}");
    json
}

#[test]
fn it_is_alive_and_not_ready_while_the_database_is_down() {
    let (doorstep, port) = waiting();
    for path in ["/live", "/livez", "/healthz"] {
        assert_eq!(request(port, "GET", path), (200, "{\"live\":true}\n".to_owned()));
        assert_eq!(request(port, "HEAD", path), (200, String::new()));
    }
    let refused = until("an attempt has failed", || Some(ready(port)).filter(|json| json["attempts"].is_u64()));
    assert_eq!(refused["phase"], "wait");
    assert!(refused["cause"].as_str().unwrap().contains("connection refused"), "{refused}");
    assert!(!refused.to_string().contains("hunter2"), "{refused}");
    let later = until("more attempts fail", || Some(ready(port)).filter(|json| json["attempts"].as_u64() > Some(2)));
    assert!(later["elapsed_ms"].as_u64() > refused["elapsed_ms"].as_u64(), "{refused} {later}");
    assert_eq!(request(port, "GET", "/readyz").0, 503);
    assert_eq!(request(port, "HEAD", "/ready"), (503, String::new()));
    assert_eq!(request(port, "GET", "/").0, 404);
    assert_eq!(request(port, "GET", "/ready/x").0, 404);
    assert_eq!(request(port, "POST", "/ready").0, 405);
    assert_eq!(request(port, "DELETE", "/live").0, 405);
    doorstep.signal("TERM");
    doorstep.finish("run").code(143);
}

#[test]
fn what_is_no_http_is_answered_shortly() {
    let (_doorstep, port) = waiting();
    let status = |text: &str| exchange(port, text).0.split(' ').nth(1).unwrap().to_owned();
    assert_eq!(status("hello\r\n\r\n"), "400");
    assert_eq!(status("GET /live HTTP/2.0\r\n\r\n"), "400");
    assert_eq!(status("GET /live HTTP/1.0\n\n"), "200");
    assert_eq!(status(&format!("GET /live HTTP/1.1\r\nX: {}", "x".repeat(5000))), "431");
    // A request head that arrives byte by byte is answered as well.
    let mut stream = connect(port);
    stream.set_nodelay(true).unwrap();
    b"GET /live HTTP/1.1\r\n\r\n".iter().for_each(|byte| stream.write_all(&[*byte]).unwrap());
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
}

#[test]
fn curl_understands_it() {
    let (_doorstep, port) = waiting();
    let curl = |arguments: &[&str]| {
        let url = format!("http://127.0.0.1:{port}/ready");
        let mut curl = std::process::Command::new("curl");
        curl.args(["-sS", "--max-time", "20", "--noproxy", "*", "-w", "|%{http_code}"]).args(arguments).arg(url);
        let Ok(output) = curl.output() else { return None };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(String::from_utf8(output.stdout).unwrap())
    };
    let Some(answer) = curl(&[]) else { return eprintln!("skipped: no curl") };
    assert!(answer.starts_with("{\"ready\":false,\"phase\":\"wait\",") && answer.ends_with("}\n|503"), "{answer}");
    assert!(curl(&["--head"]).unwrap().ends_with("\r\n\r\n|503"));
    assert!(curl(&["--http1.0"]).unwrap().ends_with("|503"));
    assert!(curl(&["--data", "x"]).unwrap().ends_with("|405"));
}

#[test]
fn the_migration_that_runs_is_named() {
    let database = gated();
    let project =
        Project::new().migration("1_quick", "SELECT 1;").migration("2_slow", GATE).migration("3_next", "SELECT 1;");
    let (doorstep, port) = listening(project.doorstep(&database.url(), &["run", "--", "echo", "up"]));
    at_gate(&database);
    let json = ready(port);
    assert_eq!(json["phase"], "migrate");
    assert_eq!((&json["migration"], &json["applied"], &json["pending"]), (&"2_slow".into(), &1.into(), &3.into()));
    assert_eq!(request(port, "GET", "/live").0, 200);
    open_gate(&database);
    doorstep.finish("run").code(0).stdout_is("up");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn a_queue_for_the_lock_and_another_migrator_are_told() {
    let database = Database::fresh();
    let holder = database.hold_migration_lock("holder");
    let project = Project::with_two();
    let (leader, at_leader) = listening(project.doorstep(&database.url(), &["run"]));
    let follower = project.doorstep(&database.url(), &["run", "--migrate", "await"]);
    let (follower, at_follower) = listening(follower);
    for (port, cause) in
        [(at_leader, "queueing for the migration lock"), (at_follower, "waiting for another process to migrate")]
    {
        let json = until("it is held up", || {
            Some(ready(port)).filter(|json| json["phase"] == "migrate" && json["cause"].is_string())
        });
        assert!(json["cause"].as_str().unwrap().starts_with(cause), "{json}");
    }
    terminate(&database, &backend(&database, "application_name = 'holder'"));
    drop(holder);
    leader.finish("run").code(0);
    follower.finish("run").code(0);
}

#[test]
fn a_schema_that_another_transaction_is_creating_shows_as_the_phase() {
    let database = Database::fresh();
    let creator = database.session("BEGIN; CREATE SCHEMA financial; SELECT pg_sleep(600)");
    let asleep = backend(&database, "wait_event = 'PgSleep'");
    let doorstep = Project::bare().doorstep(&database.url(), &["run", "--schemas", "financial"]);
    let (doorstep, port) = listening(doorstep);
    until("it creates the schema", || (ready(port)["phase"] == "schemas").then_some(()));
    terminate(&database, &asleep);
    drop(creator);
    doorstep.finish("run").code(0).stderr_has("created the schema financial");
}

/// A service that binds the port without SO_REUSEADDR and prints that it did.
const PLAIN: &str = "import socket, sys\n\
                     s = socket.socket()\n\
                     s.bind(('127.0.0.1', int(sys.argv[1])))\n\
                     s.listen()\n\
                     print('bound', flush=True)\n";

#[test]
fn the_service_can_bind_the_same_port_at_once_whatever_the_clients_did() {
    let database = gated();
    let project = Project::new().migration("1_slow", GATE);
    let port = free_port();
    let (address, number) = (format!("127.0.0.1:{port}"), port.to_string());
    let arguments = ["run", "--health-addr", &address, "--", "python3", "-c", PLAIN, &number];
    let mut doorstep = project.doorstep(&database.url(), &arguments).spawn();
    doorstep.until_stderr("serving the progress");
    at_gate(&database);
    let get = b"GET /live HTTP/1.1\r\n\r\n";
    for _ in 0..5 {
        // Reads to the end, and closes after the server; closes when it has the answer; closes at once; closes its
        // half before the answer. No variant leaves a TIME_WAIT on the port.
        request(port, "GET", "/live");
        let mut polite = connect(port);
        polite.write_all(get).unwrap();
        let mut answer = [0; 512];
        assert!(polite.read(&mut answer).unwrap() > 0);
        drop(polite);
        connect(port).write_all(get).unwrap();
        let mut half = connect(port);
        half.write_all(get).unwrap();
        half.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        half.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK"), "{text}");
    }
    // Some requests are open when the service starts: answered, half sent, not yet sent.
    let mut middle: Vec<TcpStream> = (0..3).map(|_| connect(port)).collect();
    middle[0].write_all(get).unwrap();
    middle[1].write_all(b"GET /li").unwrap();
    let mut answer = [0; 512];
    assert!(middle[0].read(&mut answer).unwrap() > 0);
    open_gate(&database);
    doorstep.finish("run").code(0).stdout_is("bound");
}

#[test]
fn connections_that_say_nothing_delay_neither_the_start_nor_other_probes_for_long() {
    let cluster = Cluster::stopped("");
    let doorstep = Project::with_two().doorstep(&cluster.url(), &["run", "--", "echo", "up"]);
    let (mut doorstep, port) = listening(doorstep);
    // Twice as many as are served at a time; they stay open, and some send single bytes.
    let mut silent: Vec<TcpStream> = (0..64).map(|_| connect(port)).collect();
    silent.iter_mut().step_by(3).for_each(|stream| say_part(stream, b"GET /live HTTP/1.1\r\nX: "));
    let began = Instant::now();
    assert_eq!(request(port, "GET", "/live").0, 200);
    // Two rounds of 2 s, and time to spare on a busy machine.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    silent.extend((0..64).map(|_| connect(port)));
    cluster.start();
    doorstep.until_stderr("ready: wait");
    doorstep.finish("run").code(0).stdout_is("up");
}

#[test]
fn a_probe_is_answered_at_once_beside_hundreds_of_half_requests() {
    let (doorstep, port) = waiting();
    let half = |_| {
        let mut stream = connect(port);
        say_part(&mut stream, b"GET /live HTTP/1.1\r\nHost:");
        stream
    };
    let mut open: Vec<TcpStream> = (0..300).map(half).collect();
    for _ in 0..5 {
        let began = Instant::now();
        assert_eq!(request(port, "GET", "/live").0, 200);
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        open.extend((0..50).map(half));
    }
    doorstep.signal("TERM");
    doorstep.finish("run").code(143);
}

#[test]
fn an_address_that_cannot_be_is_an_error_before_anything_is_written() {
    let database = Database::fresh();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let project = Project::with_two();
    for (address, code, text) in [
        ("8080", 78, "DOORSTEP_HEALTH_ADDR: `8080` is not an address to listen on; write :8080"),
        ("localhost:8080", 78, "is not an address"),
        (":99999", 78, "is not an address"),
        (taken.as_str(), 71, "in use"),
        ("192.0.2.1:8080", 71, "cannot listen on 192.0.2.1:8080"),
    ] {
        let doorstep = project.doorstep(&database.url(), &["run"]).env("DOORSTEP_HEALTH_ADDR", address);
        doorstep.run().code(code).stderr_has(text);
    }
    project.doorstep(&database.url(), &["run", "--health-addr", "x"]).run().code(64).stderr_has("is not an address");
    project.write("doorstep.toml", "health_addr = 8080\n");
    project.doorstep(&database.url(), &["run"]).run().code(78).stderr_has("doorstep.toml:1:");
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn a_bare_port_is_every_interface_and_wait_and_migrate_have_it_too() {
    let url = format!("postgres://u@127.0.0.1:{}/d", free_port());
    for command in ["wait", "migrate"] {
        let mut doorstep = Project::bare().doorstep(&url, &[command, "--health-addr", ":0"]).spawn();
        let port = port(&mut doorstep);
        assert_eq!(request(port, "GET", "/live").0, 200);
        if let Ok(stream) = TcpStream::connect(("::1", port)) {
            drop(stream);
        }
        doorstep.signal("TERM");
        doorstep.finish(command).code(143);
    }
}

#[test]
fn beside_init_the_port_is_free_as_well() {
    let database = Database::fresh();
    let port = free_port();
    let (address, number) = (format!("127.0.0.1:{port}"), port.to_string());
    let arguments = ["run", "--init", "--health-addr", &address, "--", "python3", "-c", PLAIN, &number];
    Project::bare().doorstep(&database.url(), &arguments).run().code(0).stdout_is("bound");
}
