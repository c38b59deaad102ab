//! Logins beside libpq 18: the same connection strings given to `psql` and to `doorstep wait`, against the same servers. Both get
//! in, over TLS or without, or both are refused at the same step, except for what [`reason_to_differ`] lists.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use crate::support::{Doorstep, Listener, PASSWORD, as_postgres, free_port, run, work};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    InOverTls,
    InPlain,
    /// Before anything was sent.
    Settings,
    /// No answer, or none that is PostgreSQL's.
    Network,
    /// TLS was refused, by either side, or a certificate cannot be read.
    Tls,
    /// The client did not like how the server wanted it to log in.
    Client,
    /// The server's ErrorResponse.
    Server,
}

/// A program of PostgreSQL 18.
fn program(name: &str) -> PathBuf {
    Path::new(&std::env::var("POSTGRESQL_18").expect("eval \"$(scripts/prepare-tests)\"")).join(name)
}

/// A server of PostgreSQL 18, and a directory of certificates.
struct Server {
    port: u16,
    directory: tempfile::TempDir,
}

const HBA: &str = "\
host      all trusted    127.0.0.1/32 trust
host      all cleartext  127.0.0.1/32 password
host      all hashed     127.0.0.1/32 md5
host      all scram      127.0.0.1/32 scram-sha-256
hostssl   all certified  127.0.0.1/32 cert
hostssl   all twice      127.0.0.1/32 scram-sha-256 clientcert=verify-ca
hostssl   all only_tls   127.0.0.1/32 scram-sha-256
hostnossl all only_plain 127.0.0.1/32 scram-sha-256
hostssl   all mixed      127.0.0.1/32 scram-sha-256
hostnossl all mixed      127.0.0.1/32 trust
host      all postgres   127.0.0.1/32 trust
";

const USERS: [&str; 9] =
    ["trusted", "cleartext", "hashed", "scram", "certified", "twice", "only_tls", "only_plain", "mixed"];

impl Server {
    fn start(certificates: &Path, configuration: &str) -> Self {
        let directory = tempfile::tempdir_in(work()).unwrap();
        std::fs::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let server = Self { port: free_port(), directory };
        let initdb = program("initdb");
        let options = ["-U", "postgres", "-A", "trust", "-N", "--locale=C.UTF-8", "-E", "UTF8", "-D"];
        run(as_postgres(initdb.to_str().unwrap()).args(options).arg(server.data()).stdout(Stdio::null()));
        for name in ["server.crt", "server.key", "ca.crt"] {
            run(as_postgres("install").args(["-m", "600"]).arg(certificates.join(name)).arg(server.data().join(name)));
        }
        let settings = format!(
            "port = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nfsync = off\n\
             log_connections = on\nssl_ca_file = 'ca.crt'\n{configuration}\n",
            server.port,
            server.directory.path().display()
        );
        std::fs::write(server.data().join("postgresql.auto.conf"), settings).unwrap();
        std::fs::write(server.data().join("pg_hba.conf"), HBA).unwrap();
        server.begin();
        let mut sql = "SET client_min_messages = error; SET password_encryption = 'md5';".to_owned();
        sql += &format!("CREATE ROLE hashed LOGIN PASSWORD '{PASSWORD}'; RESET password_encryption;");
        for user in USERS.iter().filter(|user| **user != "hashed") {
            sql += &format!("CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}';");
        }
        let keywords = format!("hostaddr=127.0.0.1 port={} user=postgres dbname=postgres sslmode=disable", server.port);
        run(Command::new(program("psql")).args(["-X", "-q", "-c", &sql, &keywords]));
        server
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn pg_ctl(&self, action: &[&str]) -> Command {
        let mut command = as_postgres(program("pg_ctl").to_str().unwrap());
        command.args(action).arg("-w").arg("-D").arg(self.data()).stdout(Stdio::null());
        command
    }

    fn begin(&self) {
        let log = self.directory.path().join("log");
        run(&mut self.pg_ctl(&["start", "-l", log.to_str().unwrap()]));
    }

    /// Whether the session of this application was encrypted, as the server's log has it.
    fn was_encrypted(&self, application: &str) -> bool {
        let log = std::fs::read_to_string(self.directory.path().join("log")).unwrap();
        let name = format!("application_name={application}");
        let words = |line: &str| line.split_whitespace().any(|word| word == name);
        let line = log.lines().find(|line| line.contains("connection authorized") && words(line));
        line.unwrap_or_else(|| panic!("{application} is not in the log")).contains("SSL enabled")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.pg_ctl(&["stop", "-m", "immediate"]).stderr(Stdio::null()).status();
    }
}

fn openssl(directory: &Path, arguments: &str) {
    run(Command::new("openssl").args(arguments.split_whitespace()).current_dir(directory).stderr(Stdio::null()));
}

/// An authority, a server's and a client's certificate of its, and another authority.
fn certificates() -> tempfile::TempDir {
    let directory = tempfile::tempdir_in(work()).unwrap();
    let here = directory.path();
    std::fs::set_permissions(here, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    for name in ["ca", "other"] {
        openssl(here, &format!("req -x509 {key} -keyout {name}.key -out {name}.crt -subj /CN={name}"));
    }
    std::fs::write(here.join("extensions"), "subjectAltName=DNS:localhost\n").unwrap();
    for (name, subject) in [("server", "localhost"), ("client", "certified")] {
        openssl(here, &format!("req {key} -keyout {name}.key -out {name}.csr -subj /CN={subject}"));
        let sign = "-CA ca.crt -CAkey ca.key -CAcreateserial -extfile extensions";
        openssl(here, &format!("x509 -req -in {name}.csr {sign} -out {name}.crt"));
    }
    readable(here, &["server.key", "server.crt", "ca.crt"]);
    directory
}

/// The server's user copies these.
fn readable(directory: &Path, names: &[&str]) {
    for name in names {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(directory.join(name), mode).unwrap();
    }
}

/// One attempt, made twice.
#[derive(Debug)]
struct Case {
    server: &'static str,
    user: &'static str,
    password: &'static str,
    options: String,
}

fn case(server: &'static str, user: &'static str, options: impl Into<String>) -> Case {
    let mut options: String = options.into();
    if ["certified", "twice"].contains(&user) {
        options += " sslcert=client.crt sslkey=client.key";
    }
    Case { server, user, password: PASSWORD, options }
}

const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

fn mode(mode: &str) -> String {
    let root = if mode.starts_with("verify") { " sslrootcert=ca.crt" } else { "" };
    format!("sslmode={mode}{root}")
}

/// Every way to log in with every sslmode, channel_binding and require_auth.
fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for user in USERS {
        for server in ["tls", "plain"] {
            cases.extend(MODES.map(|it| case(server, user, mode(it))));
            for binding in ["disable", "prefer", "require"] {
                let options = |it| format!("sslmode={it} channel_binding={binding}");
                cases.extend(["disable", "prefer", "require"].map(|it| case(server, user, options(it))));
            }
        }
        let methods = "password md5 scram-sha-256 none gss sspi oauth !password !md5 !scram-sha-256 !none !oauth \
                       scram-sha-256,none password,md5 !password,!md5 !scram-sha-256,!none";
        cases.extend(methods.split(' ').map(|it| case("tls", user, format!("require_auth={it}"))));
        for password in ["wrong", ""] {
            let wrong = |it| Case { password, ..case("tls", user, format!("sslmode={it}")) };
            cases.extend(["disable", "allow", "prefer", "require"].map(wrong));
        }
    }
    for text in ["kerberos", "md5,md5", "!md5,!md5", "md5,!none", "'md5, scram-sha-256'", "md5,", "!"] {
        cases.push(case("tls", "scram", format!("require_auth={text}")));
    }
    for text in ["channel_binding=on", "sslmode=maybe", "sslnegotiation=other", "sslcertmode=never"] {
        cases.push(case("tls", "scram", text));
    }
    cases.extend(cases_of_tls());
    cases
}

/// Answers to the request for TLS, direct TLS, roots and client certificates.
fn cases_of_tls() -> Vec<Case> {
    let mut cases = Vec::new();
    for it in MODES {
        cases.extend(
            ["error", "silence", "garbage", "close", "S and close"].map(|fake| case(fake, "postgres", mode(it))),
        );
        for server in ["tls", "plain"] {
            cases.push(case(server, "scram", format!("{} sslnegotiation=direct", mode(it))));
        }
        cases.push(case("tls", "scram", format!("sslmode={it} sslrootcert=system")));
        for root in ["ca.crt", "other.crt", "absent.crt"] {
            for host in ["localhost", "other.example"] {
                let options = format!("host={host} sslmode={it} sslrootcert={root}");
                cases.extend(["trusted", "only_tls"].map(|user| case("tls", user, options.clone())));
            }
        }
    }
    cases.push(case("tls", "scram", "sslnegotiation=direct"));
    for it in ["prefer", "require"] {
        for certificate in ["disable", "allow", "require"] {
            let options = format!("sslmode={it} sslcertmode={certificate}");
            cases.extend(["scram", "certified", "twice"].map(|user| case("tls", user, options.clone())));
            cases.push(case("plain", "scram", options.clone()));
            cases.push(case("tls", "scram", format!("{options} sslcert=client.crt sslkey=client.key")));
        }
    }
    cases
}

/// Why doorstep differs from libpq here on purpose; `None` where it must not.
fn reason_to_differ(case: &Case, libpq: Outcome, ours: Outcome) -> Option<&'static str> {
    let says = |text: &str| case.options.contains(text);
    match (libpq, ours) {
        (_, Outcome::Tls) if says("absent.crt") && libpq == Outcome::InOverTls => {
            Some("a file of roots that was named and is not there is no reason to trust any certificate")
        }
        (_, Outcome::InOverTls) if says("other.crt") && (says("=prefer") || says("=allow")) => Some(
            "allow and prefer promise no verification: libpq would go on in plain text, or fail, where TLS is to be had",
        ),
        (_, Outcome::Server) if case.password == "wrong" && case.user == "mixed" => {
            Some("a wrong password is final: libpq would also try it in plain text")
        }
        (Outcome::Network | Outcome::Tls, Outcome::Server) if says("=allow") && case.user == "postgres" => {
            Some("a wrong password is final: libpq would try it once more over TLS")
        }
        _ => None,
    }
}

/// A server that answers the request for TLS in this way, and a login in plain text with 28P01.
fn fake(answer: &'static str) -> u16 {
    let (sender, connections) = std::sync::mpsc::channel();
    // Each connection has its own thread: some of them are silent.
    std::thread::spawn(move || {
        for mut client in connections {
            std::thread::spawn(move || answer_as(answer, &mut client));
        }
    });
    Listener::answering(move |client| sender.send(client).unwrap()).port
}

fn answer_as(answer: &str, client: &mut std::net::TcpStream) -> std::io::Result<()> {
    let error = |code: &str| {
        let fields = format!("SFATAL\0VFATAL\0C{code}\0Mno\0\0");
        [b"E", &(4 + fields.len() as u32).to_be_bytes()[..], fields.as_bytes()].concat()
    };
    let mut head = [0; 8];
    client.read_exact(&mut head)?;
    let [length, code] = [0, 4].map(|at| u32::from_be_bytes(head[at..at + 4].try_into().unwrap()));
    if code != 80_877_103 {
        client.read_exact(&mut vec![0; length as usize - 8])?;
        return client.write_all(&error("28P01"));
    }
    match answer {
        "error" => client.write_all(&error("53300"))?,
        "garbage" => client.write_all(b"H")?,
        "S and close" => client.write_all(b"S")?,
        "close" => return Ok(()),
        _ => {}
    }
    client.read(&mut [0; 4096]).map(drop)
}

fn by_libpq(directory: &Path, keywords: &str) -> Result<(), Outcome> {
    let output = Command::new(program("psql"))
        .args(["-X", "-c", "SELECT 1", keywords])
        .current_dir(directory)
        .env_clear()
        .env("HOME", "/nonexistent")
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(());
    }
    // The last attempt is the last paragraph.
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = &text[text.rfind("connection to server").unwrap_or(0)..];
    let outcomes: [(Outcome, &[&str]); 5] = [
        (
            Outcome::Network,
            &["timeout expired", "during SSL exchange", "response to SSL negotiation", "server closed the connection"],
        ),
        (Outcome::Client, &["no password supplied", "authentication method requirement", "channel binding"]),
        (Outcome::Server, &["FATAL:"]),
        (Outcome::Tls, &["SSL", "certificate"]),
        (Outcome::Settings, &["invalid", "weak sslmode", "more than once", "cannot be mixed"]),
    ];
    let settings = &outcomes[4];
    let connected = last.starts_with("connection to server");
    let fits = |words: &[&str]| words.iter().any(|word| last.contains(word));
    match outcomes[..4].iter().find(|(_, words)| connected && fits(words)) {
        Some((outcome, _)) => Err(*outcome),
        None if fits(settings.1) => Err(Outcome::Settings),
        None => panic!("{keywords}: unknown error of libpq\n{text}"),
    }
}

fn by_doorstep(directory: &Path, keywords: &str) -> Result<(), Outcome> {
    let doorstep = Doorstep::new(&["wait", "--wait-timeout", "4s"]).env("DATABASE_URL", keywords);
    let output = doorstep.env("HOME", "/nonexistent").directory(directory).run();
    let says = |text: &str| output.stderr.contains(text);
    match output.code {
        Some(0) => Ok(()),
        // The server may be restarting, so doorstep tries again.
        Some(69) if says("broke off") => Err(Outcome::Tls),
        Some(69) => Err(Outcome::Network),
        Some(77) if says("(28") => Err(Outcome::Server),
        Some(77) => Err(Outcome::Client),
        Some(78) if says(" refused: ") => Err(Outcome::Tls),
        Some(78) => Err(Outcome::Settings),
        code => panic!("{keywords}: {code:?}\n{}", output.stderr),
    }
}

#[test]
fn logins_end_as_with_libpq() {
    let certificates = certificates();
    let (tls, plain) = (Server::start(certificates.path(), "ssl = on"), Server::start(certificates.path(), ""));
    let fakes = ["error", "silence", "garbage", "close", "S and close"].map(|answer| (answer, fake(answer)));
    let cases = cases();
    let (rest, wrong) = (Mutex::new(cases.iter().enumerate()), Mutex::new(Vec::new()));
    let reasons = Mutex::new(BTreeSet::new());
    let compare = |number: usize, case: &Case| {
        let (server, port) = match case.server {
            "tls" => (Some(&tls), tls.port),
            "plain" => (Some(&plain), plain.port),
            name => (None, fakes.iter().find(|(known, _)| *known == name).unwrap().1),
        };
        let attempt = |who: &str, try_it: fn(&Path, &str) -> Result<(), Outcome>| {
            let Case { user, password, options, .. } = case;
            let host = if options.contains("host=") { "" } else { "host=localhost" };
            let keywords = format!(
                "{host} hostaddr=127.0.0.1 port={port} dbname=postgres user={user} password='{password}' \
                 connect_timeout=3 application_name={who}{number} {options}"
            );
            match (try_it(certificates.path(), &keywords), server) {
                (Ok(()), Some(server)) if server.was_encrypted(&format!("{who}{number}")) => Outcome::InOverTls,
                (Ok(()), _) => Outcome::InPlain,
                (Err(outcome), _) => outcome,
            }
        };
        let (libpq, ours) = (attempt("libpq", by_libpq), attempt("doorstep", by_doorstep));
        match reason_to_differ(case, libpq, ours) {
            _ if libpq == ours => {}
            Some(reason) => drop(reasons.lock().unwrap().insert(reason)),
            None => wrong.lock().unwrap().push(format!("{case:?}: libpq {libpq:?}, doorstep {ours:?}")),
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let next = rest.lock().unwrap().next();
                    let Some((number, case)) = next else { return };
                    compare(number, case);
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert_eq!(reasons.into_inner().unwrap().len(), 4, "an exception that no case needs");
}

/// The certificate's key and signature, and whether a login can be bound to it. Debian's OpenSSL serves a self-signed
/// certificate whatever its signature.
const SIGNATURES: [(&str, bool); 10] = [
    ("rsa:2048 -sha256 -sigopt rsa_padding_mode:pss", true),
    ("rsa:2048 -sha384 -sigopt rsa_padding_mode:pss", true),
    ("rsa:2048 -sha512 -sigopt rsa_padding_mode:pss", true),
    // The hash function of RSASSA-PSS that its parameters leave out.
    ("rsa:2048 -sha1 -sigopt rsa_padding_mode:pss", true),
    ("rsa:2048 -sha1", true),
    ("rsa:2048 -md5", true),
    ("rsa:2048 -sha224", true),
    ("ec -pkeyopt ec_paramgen_curve:P-384 -sha384", true),
    ("ec -pkeyopt ec_paramgen_curve:P-256 -sha512", true),
    // No hash function: libpq refuses this even where channel binding is only preferred.
    ("ed25519", false),
];

#[test]
fn channel_binding_hashes_the_certificate_as_the_servers_openssl_does() {
    let certificates = certificates();
    let server = Server::start(certificates.path(), "ssl = on");
    for (signature, can_be_bound) in SIGNATURES {
        openssl(
            certificates.path(),
            &format!("req -x509 -nodes -keyout server.key -out server.crt -subj /CN=x -newkey {signature}"),
        );
        readable(certificates.path(), &["server.key", "server.crt"]);
        for name in ["server.crt", "server.key"] {
            let source = certificates.path().join(name);
            run(as_postgres("install").args(["-m", "600"]).arg(source).arg(server.data().join(name)));
        }
        run(&mut server.pg_ctl(&["stop", "-m", "fast"]));
        server.begin();
        for binding in ["require", "prefer", "disable"] {
            let keywords = format!(
                "hostaddr=127.0.0.1 host=localhost port={} dbname=postgres user=scram password={PASSWORD} \
                 sslmode=require channel_binding={binding}",
                server.port
            );
            let ours = by_doorstep(certificates.path(), &keywords);
            let expected = if can_be_bound || binding != "require" { Ok(()) } else { Err(Outcome::Client) };
            assert_eq!(ours, expected, "{signature}, {binding}");
            if can_be_bound {
                assert_eq!(by_libpq(certificates.path(), &keywords), ours, "{signature}, {binding}: libpq");
            }
        }
    }
}
