//! Servers that break PostgreSQL's protocol, by accident or on purpose: doorstep says so, in time, within bounded memory, and
//! never believes a login that libpq would not believe.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Doorstep, Listener, Output, until};

/// What the server does once it has read the startup message. It may go on until doorstep closes.
type Answer = fn(&mut TcpStream) -> std::io::Result<()>;

/// The most memory that a start may take, whatever a server sends: 16 MiB of buffers, and the program itself in a debug build.
const PEAK: u64 = 40 * 1024 * 1024;

/// A message: its tag, and a length that is true.
fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    announced(tag, u32::try_from(body.len() + 4).unwrap(), body)
}

/// A message whose length is what the test says.
fn announced(tag: u8, length: u32, body: &[u8]) -> Vec<u8> {
    [&[tag], length.to_be_bytes().as_slice(), body].concat()
}

fn authentication(code: u32, rest: &[u8]) -> Vec<u8> {
    message(b'R', &[code.to_be_bytes().as_slice(), rest].concat())
}

/// AuthenticationOk, BackendKeyData, ReadyForQuery.
fn welcome() -> Vec<u8> {
    [authentication(0, b""), message(b'K', &[0, 0, 0, 1, 0, 0, 0, 2]), message(b'Z', b"I")].concat()
}

/// Reads one message of the client; gives its body. The startup message has no tag.
fn read(client: &mut TcpStream, has_tag: bool) -> std::io::Result<Vec<u8>> {
    if has_tag {
        client.read_exact(&mut [0])?;
    }
    let mut length = [0; 4];
    client.read_exact(&mut length)?;
    let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
    client.read_exact(&mut body)?;
    Ok(body)
}

fn for_ever(client: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    loop {
        client.write_all(bytes)?;
    }
}

/// `doorstep wait` against such a server, and the most memory that it took.
fn wait_for(answer: Answer) -> (Output, u64, Duration) {
    let listener = Listener::answering(move |mut client| {
        let _ = read(&mut client, false).and_then(|_| answer(&mut client));
    });
    let url = format!("{}?sslmode=disable&connect_timeout=1", listener.url());
    let began = Instant::now();
    let mut running = Doorstep::new(&["wait", "--wait-timeout", "1500ms"]).env("DATABASE_URL", &url).spawn();
    let status = format!("/proc/{}/status", running.pid());
    let mut peak = 0;
    until("doorstep ends", || {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kilobytes) = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()) {
            peak = peak.max(kilobytes * 1024);
        }
        (!running.is_running()).then_some(())
    });
    (running.finish("doorstep wait"), peak, began.elapsed())
}

/// Runs all cases beside each other: each takes as long as the wait.
fn hold(cases: &[Case]) {
    std::thread::scope(|scope| {
        for (what, answer, code, text) in cases {
            scope.spawn(move || {
                let (output, peak, took) = wait_for(*answer);
                let output = output.code(*code).stderr_has(text).stderr_lacks("panicked");
                assert!(peak < PEAK, "{what}: {peak} bytes\n{}", output.stderr);
                assert!(took < Duration::from_secs(20), "{what}: {took:?}\n{}", output.stderr);
            });
        }
    });
}

/// What the server does, the exit code, and what the last cause says.
type Case = (&'static str, Answer, i32, &'static str);

const BEFORE_LOGIN: &[Case] = &[
    (
        "another protocol",
        |c| c.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        69,
        "does not speak PostgreSQL's protocol",
    ),
    (
        "a length of 2 GiB",
        |c| c.write_all(&announced(b'R', 0x7fff_ffff, b"")).and_then(|()| for_ever(c, &[0; 4096])),
        69,
        "announced a message",
    ),
    (
        "a length of 4 GiB",
        |c| c.write_all(&announced(b'R', 0xffff_ffff, b"")).and_then(|()| for_ever(c, &[0; 4096])),
        69,
        "announced a message",
    ),
    ("a length of 0", |c| c.write_all(&announced(b'R', 0, b"")), 69, "shorter than its own length"),
    ("a length of 3", |c| c.write_all(&announced(b'S', 3, b"")), 69, "shorter than its own length"),
    ("an authentication request without its number", |c| c.write_all(&message(b'R', b"\0\0")), 69, "protocol"),
    ("an unknown authentication request", |c| c.write_all(&authentication(99, b"")), 69, "protocol"),
    ("an MD5 request without salt", |c| c.write_all(&authentication(5, b"")), 69, "protocol"),
    ("SASL mechanisms without an end", |c| c.write_all(&authentication(10, b"SCRAM-SHA-256")), 69, "protocol"),
    (
        "a parameter without its end",
        |c| c.write_all(&[authentication(0, b""), message(b'S', b"name")].concat()),
        69,
        "protocol",
    ),
    (
        "a key that is too short",
        |c| c.write_all(&[authentication(0, b""), message(b'K', b"\0")].concat()),
        69,
        "protocol",
    ),
    (
        "a state that is missing",
        |c| c.write_all(&[authentication(0, b""), message(b'Z', b"")].concat()),
        69,
        "protocol",
    ),
    (
        "parameters without end",
        |c| {
            c.write_all(&authentication(0, b""))
                .and_then(|()| for_ever(c, &message(b'S', &[&[b'x'; 900][..], b"\0y\0"].concat())))
        },
        69,
        "no answer within",
    ),
    (
        "notices without end",
        |c| c.write_all(&authentication(0, b"")).and_then(|()| for_ever(c, &message(b'N', b"VDEBUG\0Mx\0\0"))),
        69,
        "no answer within",
    ),
    (
        "an error of 50 MB",
        |c| {
            c.write_all(&announced(b'E', 50_000_000 + 4 + 9, b"C53300\0M"))?;
            (0..500).try_for_each(|_| c.write_all(&[b'x'; 100_000]))?;
            c.write_all(b"\0\0")
        },
        69,
        "(53300)",
    ),
    ("an error whose length lies", |c| c.write_all(&announced(b'E', 9, b"C5330")), 69, "protocol"),
    ("silence", |c| c.read(&mut [0; 1]).map(drop), 69, "no answer within"),
    ("rows before the login", |c| c.write_all(&message(b'D', b"\0\0")), 69, "protocol"),
];

#[test]
fn what_is_wrong_before_the_login_is_said_in_bounded_time_and_memory() {
    hold(BEFORE_LOGIN);
}

/// After the login, and the first message of doorstep's.
fn logged_in(client: &mut TcpStream) -> std::io::Result<()> {
    client.write_all(&welcome())?;
    read(client, true).map(drop)
}

/// A row description of one column, of which nobody reads the details.
fn one_column() -> Vec<u8> {
    let column = [b"c\0".as_slice(), &[0; 6], &25_u32.to_be_bytes(), &[0xff; 6], &[0; 2]].concat();
    message(b'T', &[&[0, 1], column.as_slice()].concat())
}

const AFTER_LOGIN: &[Case] = &[
    (
        "a row whose field is longer than the row",
        |c| logged_in(c).and_then(|()| c.write_all(&[one_column(), message(b'D', b"\0\x01\0\0\x0f\xff")].concat())),
        69,
        "protocol",
    ),
    (
        "a row with fewer fields than it says",
        |c| logged_in(c).and_then(|()| c.write_all(&[one_column(), message(b'D', b"\0\x09")].concat())),
        69,
        "protocol",
    ),
    (
        "a row of 2 GiB",
        |c| {
            logged_in(c)
                .and_then(|()| c.write_all(&announced(b'D', 0x7fff_ffff, b"\0\x01")))
                .and_then(|()| for_ever(c, &[0; 4096]))
        },
        69,
        "announced a message",
    ),
    ("a message of no known kind", |c| logged_in(c).and_then(|()| c.write_all(&message(b'?', b""))), 69, "protocol"),
    (
        "an answer of another kind of query",
        |c| logged_in(c).and_then(|()| c.write_all(&message(b'R', &[0; 4]))),
        69,
        "protocol",
    ),
    (
        "notices without end",
        |c| logged_in(c).and_then(|()| for_ever(c, &message(b'N', b"VDEBUG\0Mx\0\0"))),
        69,
        "no answer within",
    ),
    ("silence", |c| logged_in(c).and_then(|()| c.read(&mut [0; 1]).map(drop)), 69, "no answer within"),
    ("the end", |c| logged_in(c), 69, "closed the connection"),
];

#[test]
fn what_is_wrong_after_the_login_is_said_in_bounded_time_and_memory() {
    hold(AFTER_LOGIN);
}

/// Begins a SCRAM exchange; gives the client's nonce.
fn begin_scram(client: &mut TcpStream) -> std::io::Result<String> {
    client.write_all(&authentication(10, b"SCRAM-SHA-256\0\0"))?;
    let first = String::from_utf8_lossy(&read(client, true)?).into_owned();
    Ok(first.split("r=").nth(1).unwrap_or_default().to_owned())
}

/// The server's first message, made of the client's nonce.
fn continue_scram(client: &mut TcpStream, first: impl Fn(&str) -> String) -> std::io::Result<()> {
    let nonce = begin_scram(client)?;
    client.write_all(&authentication(11, first(&nonce).as_bytes()))
}

const SCRAM: &[Case] = &[
    (
        "a nonce that does not begin with ours",
        |c| continue_scram(c, |_| "r=other,s=c2FsdA==,i=4096".to_owned()),
        77,
        "nonce",
    ),
    ("no iterations", |c| continue_scram(c, |nonce| format!("r={nonce}x,s=c2FsdA==,i=0")), 77, "iteration"),
    ("fewer than no iterations", |c| continue_scram(c, |nonce| format!("r={nonce}x,s=c2FsdA==,i=-1")), 77, "iteration"),
    (
        "a million iterations",
        |c| continue_scram(c, |nonce| format!("r={nonce}x,s=c2FsdA==,i=1000000")),
        77,
        "iterations",
    ),
    ("a salt that is no base64", |c| continue_scram(c, |nonce| format!("r={nonce}x,s=!!,i=4096")), 77, "SCRAM"),
    (
        "AuthenticationOk instead of the exchange's end",
        |c| {
            continue_scram(c, |nonce| format!("r={nonce}x,s=c2FsdA==,i=4096"))?;
            read(c, true)?;
            c.write_all(&welcome())
        },
        77,
        "without proving that it knows the password",
    ),
    (
        "a proof that is wrong",
        |c| {
            continue_scram(c, |nonce| format!("r={nonce}x,s=c2FsdA==,i=4096"))?;
            read(c, true)?;
            c.write_all(&authentication(12, b"v=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="))?;
            c.write_all(&welcome())
        },
        77,
        "does not prove that it knows the password",
    ),
    (
        "channel binding without TLS",
        |c| c.write_all(&authentication(10, b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0")),
        77,
        "without TLS",
    ),
];

#[test]
fn a_scram_exchange_is_held_to_as_strictly_as_by_libpq() {
    hold(SCRAM);
}

#[test]
fn an_error_in_place_of_the_answer_to_the_tls_request_ends_the_attempt() {
    // libpq 17 and later: nothing more is sent on that connection, and no plain text is tried.
    let listener = Listener::answering(|mut client| {
        let request = read(&mut client, false);
        let _ = client.write_all(&message(b'E', b"SFATAL\0C53300\0Mtoo many\0\0"));
        // A startup message in plain text would be a fault.
        let mut more = [0; 1];
        if request.is_ok() && client.read(&mut more).is_ok_and(|count| count > 0) {
            let _ = client.write_all(&welcome());
        }
    });
    let url = format!("{}?sslmode=prefer", listener.url());
    let output = Doorstep::new(&["wait", "--wait-timeout", "500ms"]).env("DATABASE_URL", &url).run().code(69);
    output.stderr_has("answered the request for TLS with an error");
}
