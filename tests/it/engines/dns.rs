//! Names that musl's resolver cannot resolve and other resolvers can.
//!
//! Each test has its own nameservers on loopback and its own /etc/resolv.conf in a mount namespace; both need root.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use simple_dns::rdata::{A, RData};
use simple_dns::{CLASS, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

use crate::support::{Database, Doorstep, Output, Project, binary, is_root};

/// A nameserver's answer to one question.
#[derive(Clone, Copy)]
enum Answer {
    /// The address of the shared PostgreSQL server.
    Loopback,
    /// The name exists, but has no address of this family.
    Nothing,
    NoSuchName,
    ServerFailure,
    Silence,
}

use Answer::{Loopback, NoSuchName, Nothing, ServerFailure, Silence};

/// A nameserver on port 53 of some loopback address; its thread ends with the test process.
struct Nameserver {
    address: Ipv4Addr,
    /// The requested names, in order.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Nameserver {
    fn answering(answer: impl Fn(&str, TYPE) -> Answer + Send + 'static) -> Self {
        let (socket, address) = bound();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&asked);
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut buffer) {
                let Ok(query) = Packet::parse(&buffer[..length]) else { continue };
                let question = &query.questions[0];
                let name = question.qname.to_string();
                let QTYPE::TYPE(family) = question.qtype else { continue };
                record.lock().unwrap().push(name.clone());
                if let Some(reply) = reply(&query, answer(&name, family)) {
                    let _ = socket.send_to(&reply, client);
                }
            }
        });
        Self { address, asked }
    }

    /// Has one name, with no IPv6 address.
    fn knowing(name: &'static str) -> Self {
        Self::answering(move |asked, family| match family {
            _ if asked != name => NoSuchName,
            TYPE::A => Loopback,
            _ => Nothing,
        })
    }

    /// Has one name, and answers NXDOMAIN to AAAA, as podman's aardvark does. musl concludes
    /// that the name does not exist.
    fn denying_ipv6(name: &'static str) -> Self {
        Self::answering(move |asked, family| if asked == name && family == TYPE::A { Loopback } else { NoSuchName })
    }

    fn saying(answer: Answer) -> Self {
        Self::answering(move |_, _| answer)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Port 53 of a loopback address that no other test and no other test run uses.
fn bound() -> (UdpSocket, Ipv4Addr) {
    static NEXT: AtomicU16 = AtomicU16::new(1);
    loop {
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let number = NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let address = Ipv4Addr::new(127, 1 + (high ^ number[0]) % 250, low, number[1]);
        if let Ok(socket) = UdpSocket::bind(SocketAddr::from((address, 53))) {
            return (socket, address);
        }
    }
}

fn reply(query: &Packet<'_>, answer: Answer) -> Option<Vec<u8>> {
    let mut reply = Packet::new_reply(query.id());
    reply.set_flags(PacketFlag::RECURSION_DESIRED | PacketFlag::RECURSION_AVAILABLE);
    reply.questions = query.questions.clone();
    match answer {
        Loopback => {
            let address = RData::A(A { address: Ipv4Addr::LOCALHOST.into() });
            reply.answers.push(ResourceRecord::new(query.questions[0].qname.clone(), CLASS::IN, 60, address));
        }
        Nothing => {}
        NoSuchName => *reply.rcode_mut() = RCODE::NameError,
        ServerFailure => *reply.rcode_mut() = RCODE::ServerFailure,
        Silence => return None,
    }
    Some(reply.build_bytes_vec().unwrap())
}

/// A container's view: these nameservers, this /etc/hosts, and the shared PostgreSQL server.
struct Container {
    project: Project,
    database: Database,
}

impl Container {
    /// `more` are further lines of resolv.conf.
    fn new(nameservers: &[&Nameserver], more: &str) -> Self {
        let lines: String = nameservers.iter().map(|server| format!("nameserver {}\n", server.address)).collect();
        let project = Project::bare().file("resolv.conf", &(lines + more)).file("hosts", "127.0.0.1 in-hosts-only\n");
        Self { project, database: Database::fresh() }
    }

    fn wait(&self, name: &str, arguments: &[&str]) -> Output {
        let script = "mount --bind resolv.conf /etc/resolv.conf; mount --bind hosts /etc/hosts; exec \"$@\"";
        let first = ["-m", "sh", "-ec", script, "sh", binary(), "wait"];
        let url = self.database.url().replace("127.0.0.1", name);
        let doorstep = Doorstep::through("unshare", &first, arguments);
        doorstep.directory(&self.project.path("")).env("DATABASE_URL", &url).run()
    }

    /// The name resolves to the PostgreSQL server, within the timeout of one attempt.
    #[track_caller]
    fn reaches(&self, name: &str) {
        self.wait(name, &[]).code(0).stderr_has("accepts work after").stderr_lacks("waiting for");
    }
}

/// Whether a test may bind port 53 and mount; prints a note if not.
fn possible() -> bool {
    let mount = "mount --bind /etc/hosts /etc/hosts";
    let possible = is_root() && Command::new("unshare").args(["-m", "sh", "-c", mount]).status().unwrap().success();
    if !possible {
        eprintln!("skipped: a mount namespace and port 53 need root");
    }
    possible
}

#[test]
fn a_name_in_dns_and_one_only_in_the_hosts_file() {
    if !possible() {
        return;
    }
    let nameserver = Nameserver::knowing("db.test");
    let container = Container::new(&[&nameserver], "");
    container.reaches("db.test");
    container.reaches("in-hosts-only");
    assert!(!nameserver.asked().iter().any(|name| name == "in-hosts-only"));
    // And without any nameserver.
    Container::new(&[], "").reaches("in-hosts-only");
}

#[test]
fn an_ipv6_answer_that_denies_the_name_does_not_hide_the_ipv4_one() {
    if possible() {
        Container::new(&[&Nameserver::denying_ipv6("db.test")], "").reaches("db.test");
    }
}

#[test]
fn an_ipv6_question_that_fails_does_not_either() {
    for failure in [ServerFailure, Silence] {
        if possible() {
            let nameserver = Nameserver::answering(move |_, family| if family == TYPE::A { Loopback } else { failure });
            Container::new(&[&nameserver], "").reaches("db.test");
        }
    }
}

#[test]
fn a_first_nameserver_that_does_not_know_does_not_hide_the_second() {
    for answer in [NoSuchName, ServerFailure, Nothing, Silence] {
        if possible() {
            let (first, second) = (Nameserver::saying(answer), Nameserver::denying_ipv6("db.test"));
            Container::new(&[&first, &second], "").reaches("db.test");
        }
    }
}

/// As Kubernetes writes it.
const SEARCH: &str = "search ns.svc.cluster.test svc.cluster.test cluster.test\noptions ndots:5\n";

#[test]
fn the_search_list_is_gone_through() {
    if !possible() {
        return;
    }
    for (name, whole) in [
        ("db", "db.ns.svc.cluster.test"),
        ("db.other", "db.other.svc.cluster.test"),
        ("db.other.svc.cluster.test", "db.other.svc.cluster.test"),
        ("db.example", "db.example"),
    ] {
        for nameserver in [Nameserver::knowing(whole), Nameserver::denying_ipv6(whole)] {
            Container::new(&[&nameserver], SEARCH).reaches(name);
        }
    }
}

#[test]
fn a_trailing_dot_skips_the_search_list() {
    if !possible() {
        return;
    }
    for nameserver in [Nameserver::knowing("db.test"), Nameserver::denying_ipv6("db.test")] {
        Container::new(&[&nameserver], SEARCH).reaches("db.test.");
        assert!(nameserver.asked().iter().all(|name| name == "db.test"), "{:?}", nameserver.asked());
    }
}

#[test]
fn a_search_domain_that_fails_does_not_hide_the_next() {
    if !possible() {
        return;
    }
    for failure in [ServerFailure, NoSuchName] {
        let nameserver = Nameserver::answering(move |name, family| match family {
            _ if name == "db.ns.svc.cluster.test" => failure,
            TYPE::A if name == "db.svc.cluster.test" => Loopback,
            _ => NoSuchName,
        });
        Container::new(&[&nameserver], SEARCH).reaches("db");
    }
}

#[test]
fn a_dead_nameserver_costs_its_timeout_once_and_not_for_each_name() {
    if possible() {
        let (dead, alive) = (Nameserver::saying(Silence), Nameserver::denying_ipv6("db.example"));
        // 2 s for each of these names would exceed the time of an attempt.
        let search = "search a.test b.test c.test d.test e.test\noptions ndots:5\n";
        Container::new(&[&dead, &alive], search).reaches("db.example");
    }
}

#[test]
fn a_name_that_nobody_knows_is_waited_for_and_the_questions_are_shown() {
    if !possible() {
        return;
    }
    let (first, second) = (Nameserver::saying(NoSuchName), Nameserver::saying(ServerFailure));
    let servers = format!("asked {}, {}", first.address, second.address);
    let container = Container::new(&[&first, &second], SEARCH);
    let output = container.wait("db", &["--wait-timeout", "9s"]).code(69);
    let output = output.stderr_has("the name `db` does not resolve").stderr_has(&servers);
    output.stderr_has("for db.ns.svc.cluster.test, db.svc.cluster.test, db.cluster.test, db)");
    Container::new(&[], "")
        .wait("db.test", &["--wait-timeout", "8s"])
        .code(69)
        .stderr_has("`db.test` does not resolve");
}

#[test]
fn a_silent_nameserver_is_named_and_holds_nothing_up() {
    if !possible() {
        return;
    }
    let nameserver = Nameserver::saying(Silence);
    let container = Container::new(&[&nameserver], "");
    let output = container.wait("db.test", &["--wait-timeout", "8s"]).code(69);
    output.stderr_has("the name `db.test` does not resolve").stderr_has(&nameserver.address.to_string());
    // The C library's own timeout is longer, and must not keep the process alive.
    let began = Instant::now();
    container.wait("db.test", &["--wait-timeout", "1s"]).code(69);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}
