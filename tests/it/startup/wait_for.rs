//! `wait_for`: other things than the database, asked at the same time, each until it is ready or the deadline comes.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio_rustls::rustls;

use crate::support::{Database, Doorstep, Listener, Output, Project, free_port, until};

/// `wait` without a database.
fn wait(arguments: &[&str]) -> Doorstep {
    Doorstep::new(&[&["wait"], arguments].concat())
}

/// Reads a request, so that closing the socket does not reset the answer.
fn read_request(stream: &mut impl Read) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            break;
        }
        request.push(byte[0]);
    }
    String::from_utf8(request).unwrap()
}

/// A server that gives these answers one after the other, and the last one from then on.
fn web(answers: &'static [&'static str]) -> Listener {
    let count = AtomicUsize::new(0);
    Listener::answering(move |mut stream: TcpStream| {
        let request = read_request(&mut stream);
        assert!(request.starts_with("GET /ready?token=hunter2 HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
        let answer = answers[count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)];
        let _ = stream.write_all(answer.as_bytes());
    })
}

#[test]
fn a_port_that_opens_late_is_noticed_without_any_database() {
    let port = free_port();
    let mut doorstep = wait(&["--wait-for", &format!("tcp://127.0.0.1:{port}")]).spawn();
    doorstep.until_stderr(&format!("waiting for tcp://127.0.0.1:{port}: 127.0.0.1:{port}: connection refused"));
    let _listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    doorstep.finish("wait").code(0).stderr_has(&format!("tcp://127.0.0.1:{port} is ready after"));
}

#[test]
fn an_answer_with_2xx_or_3xx_is_ready_and_redirects_are_not_followed() {
    let answered = |answers| -> Output {
        let url = format!("http://127.0.0.1:{}/ready?token=hunter2", web(answers).port);
        // Attempts in place of a time, which a busy machine may use up before the first answer.
        wait(&["--wait-for", &url, "--wait-attempts", "2", "--wait-interval", "1ms"]).run().stderr_lacks("hunter2")
    };
    for ready in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        answered(Box::leak(Box::new([ready]))).code(0);
    }
    answered(&["HTTP/1.1 503 Service Unavailable\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n"])
        .code(0)
        .stderr_has("/ready: it answered with 503")
        .stderr_has("/ready is ready after");
    answered(&["HTTP/1.1 404 Not Found\r\n\r\n"]).code(69).stderr_has("/ready (").stderr_has("it answered with 404");
    answered(&["SSH-2.0-OpenSSH\r\n"]).code(69).stderr_has("what answers does not speak HTTP");
    answered(&[""]).code(69).stderr_has("it closed the connection without an answer");
}

/// A server with TLS, whose certificate is for `name`.
fn encrypted(name: &str) -> (Listener, String) {
    let rcgen::CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key).unwrap());
    let listener = Listener::answering(move |stream| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        if read_request(&mut stream).starts_with("GET / HTTP/1.1\r\n") {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    (listener, cert.pem())
}

#[test]
fn https_is_verified_with_the_systems_store() {
    let (listener, pem) = encrypted("localhost");
    let project = Project::bare().file("ca.pem", &pem);
    let wait = |host: &str, store: &str| {
        let url = format!("https://{host}:{}", listener.port);
        let once = ["wait", "--wait-attempts", "1", "--wait-for", &url];
        let doorstep = project.doorstep("", &once).env_remove("DOORSTEP_WAIT_TIMEOUT");
        doorstep.env("SSL_CERT_FILE", store).run()
    };
    wait("localhost", "ca.pem").code(0);
    wait("127.0.0.1", "ca.pem").code(69).stderr_has("not valid for name");
    wait("localhost", "/dev/null").code(69).stderr_has("issuer is not trusted").stderr_has("SSL_CERT_FILE=FILE");
}

#[test]
fn a_file_and_a_command_are_waited_for_in_every_form_of_the_setting() {
    for form in 0..3 {
        let project = Project::bare();
        let entries = r#"file:there, exec:sh -c "echo busy, very; test -e there""#;
        let arguments =
            ["wait", "--wait-for", "file:there", "--wait-for", r#"exec:sh -c "echo busy, very; test -e there""#];
        let mut doorstep = match form {
            0 => project.doorstep("", &arguments),
            1 => project.doorstep("", &["wait"]).env("DOORSTEP_WAIT_FOR", entries),
            _ => {
                let toml = "wait_for = [\"file:there\", \"exec:sh -c 'echo busy, very; test -e there'\"]\n";
                project.write("doorstep.toml", toml);
                project.doorstep("", &["wait"])
            }
        }
        .spawn();
        let mut seen = doorstep.until_stderr("waiting for ");
        seen += &doorstep.until_stderr("waiting for ");
        assert!(seen.contains("waiting for file:there: no such file or directory"), "{seen}");
        assert!(seen.contains("it exited with 1: busy, very"), "{seen}");
        project.write("there", "");
        doorstep.finish("wait").code(0).stderr_has("file:there is ready after");
    }
}

#[test]
fn at_the_deadline_each_one_that_was_not_ready_is_named_with_its_reason() {
    let (port, other) = (free_port(), free_port());
    let url = format!("postgres://u@127.0.0.1:{other}/d");
    let tcp = format!("tcp://127.0.0.1:{port}");
    let entries = ["--wait-for", &tcp, "--wait-for", "file:gone", "--wait-for", "file:/"];
    let doorstep = wait(&[&entries[..], &["--wait-attempts", "3", "--wait-interval", "1ms"]].concat());
    let output = doorstep.env("DATABASE_URL", &url).run().code(69);
    let error = output.error().to_owned();
    for part in
        [&*format!("{tcp} ("), "connection refused", "file:gone (", "no such file", "the database at", "last cause: "]
    {
        assert!(error.contains(part), "{part}\n{error}");
    }
    assert!(!error.contains("file:/ "), "{error}");
    assert!(error.contains("file:gone (3 attempts)"), "{error}");
    // The deadline is one for all of them.
    let began = Instant::now();
    let arguments = ["--wait-for", "file:gone", "--wait-for", "file:away", "--wait-timeout", "4s"];
    wait(&arguments).run().code(69).stderr_has("not ready after").stderr_has("file:gone (").stderr_has("file:away (");
    assert!(began.elapsed() < Duration::from_secs(8), "one after the other");
}

#[test]
fn an_entry_that_cannot_be_asked_stops_at_once_with_its_name() {
    for (entry, code, expected) in [
        ("ftp://x", 78, "wait_for: `ftp://x` begins with a scheme that is not known: ftp"),
        ("redis:6379", 78, "wait_for: `redis:6379` begins with a scheme"),
        ("tcp://redis", 78, "wait_for: `tcp://redis` names no port"),
        ("http://u:hunter2@x/", 78, "wait_for: `http://***@x/` holds user and password"),
        ("exec:a | hunter2", 78, "wait_for: the command of an exec: entry cannot be read: |"),
        ("exec:no-such-program hunter2", 127, "wait_for: the command no-such-program was not found"),
        ("exec:/etc/passwd", 126, "wait_for: the command /etc/passwd is not executable"),
    ] {
        wait(&["--wait-for", entry]).run().code(code).stderr_has(expected).stderr_lacks("hunter2");
    }
    // In the file, the line is not quoted either.
    let project = Project::bare().file("doorstep.toml", "wait_for = \"tcp:x\"\n");
    project.doorstep("", &["wait"]).run().code(78).stderr_has("wait_for: `tcp:x` lacks the `//` behind tcp:");
}

/// True once no process has this number, or it is only not reaped yet.
fn is_gone(pid: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn a_command_does_not_outlive_its_attempt() {
    for (how, code) in [("deadline", 69), ("signal", 143), ("exit", 69)] {
        let project = Project::bare();
        let last = if how == "exit" { "exit 7" } else { "wait" };
        let script = format!("sleep 1000 & echo $! > pid.new; mv pid.new pid; {last}");
        let entry = format!("exec:sh -c '{script}'");
        let timeout = if how == "signal" { "60s" } else { "4s" };
        let doorstep = project.doorstep("", &["wait", "--wait-timeout", timeout, "--wait-for", &entry]).spawn();
        let pid = until("the command runs", || std::fs::read_to_string(project.path("pid")).ok());
        if how == "signal" {
            doorstep.signal("TERM");
        }
        let output = doorstep.finish("wait").code(code);
        until("its processes are gone", || is_gone(pid.trim()).then_some(()));
        match how {
            "deadline" => drop(output.stderr_has("no answer within")),
            "exit" => drop(output.stderr_has("it exited with 7")),
            _ => {}
        }
    }
}

#[test]
fn a_command_does_not_get_the_secrets_of_doorstep() {
    let entry = r#"exec:sh -c "env | grep -c ^DOORSTEP_MIGRATE_URL; exit 1""#;
    let doorstep = wait(&["--wait-for", entry, "--wait-attempts", "1"]);
    let url = format!("postgres://u:hunter2@127.0.0.1:{}/d", free_port());
    doorstep.env("DOORSTEP_MIGRATE_URL", &url).run().code(69).stderr_has("it exited with 1: 0").stderr_lacks("hunter2");
}

#[test]
fn run_waits_for_all_of_them_before_it_writes_and_holds_no_connection_meanwhile() {
    let database = Database::fresh();
    let project = Project::with_two();
    let arguments = ["run", "--wait-for", "file:there", "--", "echo", "up"];
    let mut doorstep = project.doorstep(&database.url(), &arguments).spawn();
    doorstep.until_stderr("waiting for file:there");
    until("the session is closed", || {
        let sessions =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        (database.sql(sessions) == "0").then_some(())
    });
    assert_eq!(database.sql("SELECT to_regclass('users') IS NULL"), "t");
    assert!(doorstep.is_running());
    project.write("there", "");
    doorstep.finish("run").code(0).stdout_is("up").stderr_has("(2 applied)");
    // One that is not ready keeps the service from starting, and the database as it was.
    let fresh = Database::fresh();
    let arguments = ["run", "--wait-for", "file:gone", "--wait-timeout", "1s", "--", "echo", "up"];
    project.doorstep(&fresh.url(), &arguments).run().code(69).stdout_is("").stderr_has("file:gone (");
    assert_eq!(fresh.sql("SELECT to_regclass('users') IS NULL"), "t");
    // What no waiting mends ends the wait at once.
    let url = fresh.url().replace(crate::support::PASSWORD, "hunter2");
    project.doorstep(&url, &["run", "--wait-for", "file:gone"]).run().code(77).stderr_lacks("hunter2");
}

#[test]
fn run_without_a_database_needs_both_steps_turned_off_by_name() {
    let project = Project::bare();
    let run = |arguments: &[&str]| {
        project.doorstep("", &[&["run", "--wait-for", "file:/"], arguments, &["--", "echo", "up"]].concat()).run()
    };
    run(&[]).code(78).stdout_is("").stderr_has("no database is named");
    run(&["--migrate", "off"]).code(78).stdout_is("");
    run(&["--migrate", "off", "--verify", "off"]).code(0).stdout_is("up");
    project.doorstep("", &["wait"]).run().code(78).stderr_has("no database is named");
    project.doorstep("", &["migrate", "--wait-for", "file:/"]).run().code(78).stderr_has("no database is named");
}
