use super::*;
use crate::engines::inspector::LoginFacts;
use crate::engines::trace::{Contact, Resolved, TlsTrace};
use crate::inspect::doctor::State;
use crate::inspect::doctor::facts::{FolderFacts, Problem, ServerAnswers};
use crate::sql::Dialect;

fn contact(address: &str, is_ok: bool) -> Contact {
    let result = if is_ok { Ok(()) } else { Err(Fault::new(Class::Unreachable, "connection refused")) };
    let took = Duration::from_micros(400);
    Contact { address: address.to_owned(), is_local: address.starts_with("127."), took, result }
}

fn tls_of(proof: Proof, is_optional: bool, outcome: TlsOutcome) -> TlsTrace {
    TlsTrace { setting: "sslmode=x".to_owned(), strictest: "sslmode=verify-full", proof, is_optional, outcome }
}

fn host(contacts: Vec<Contact>, tls: TlsTrace) -> HostTrace {
    HostTrace { host: "db:5432".to_owned(), resolved: None, contacts, tls }
}

fn facts(hosts: Vec<HostTrace>, login: Option<Result<LoggedIn, Refusal>>) -> Facts {
    Facts {
        database: Ok(NamedDatabase {
            address: "db:5432/shop".to_owned(),
            origin: "DATABASE_URL".to_owned(),
            role: Some("app".to_owned()),
            acting_role: None,
            dialect: Dialect::Postgres,
            warnings: Vec::new(),
            migrates: true,
        }),
        way: Some(Trace::Hosts(hosts)),
        login,
        server: ServerAnswers::default(),
        service: Answer::Nothing(None),
        folder: Ok(FolderFacts::default()),
        history: Answer::NotAsked,
        drift: Answer::NotAsked,
    }
}

fn session(method: LoginMethod, is_encrypted: bool) -> LoggedIn {
    LoggedIn {
        facts: LoginFacts { method: Some(method), is_encrypted: Some(is_encrypted), is_lookalike: false },
        server: "PostgreSQL 17.2".to_owned(),
        role: "app".to_owned(),
        read_only: None,
    }
}

fn states(lines: &[Line]) -> Vec<(Stage, State)> {
    lines.iter().map(|line| (line.stage, line.state)).collect()
}

fn certificate(days: i64) -> Certificate {
    let span = Duration::from_secs(days.unsigned_abs() * 86_400 + 60);
    let now = SystemTime::now();
    let expires = if days < 0 { now - span } else { now + span };
    Certificate { subject: Some("CN=db".to_owned()), issuer: Some("CN=ca".to_owned()), expires: Some(expires) }
}

fn encryption(days: i64) -> Encryption {
    Encryption { version: "TLS 1.3".to_owned(), cipher: "X".to_owned(), chain: vec![certificate(days)] }
}

#[test]
fn what_depends_on_a_broken_part_is_skipped() {
    use Stage::{Login, Names, Server, Settings, Tcp, Tls, Writes};
    let dead = host(vec![contact("10.0.0.7:5432", false)], tls_of(Proof::Nothing, true, TlsOutcome::Untried));
    let (ok, skipped) = (State::Ok, State::Skipped);
    let expected = [
        (Settings, ok),
        (Names, ok),
        (Tcp, State::Broken),
        (Tls, skipped),
        (Login, skipped),
        (Server, skipped),
        (Writes, skipped),
    ];
    let found = lines(&facts(vec![dead], None));
    assert_eq!((states(&found), found[2].code), (expected.to_vec(), 69));
    let unnamed =
        Facts { way: None, database: Err(Problem { text: "no database".to_owned(), code: 78 }), ..facts(vec![], None) };
    let found = lines(&unnamed);
    assert_eq!((found[0].state, found[0].code), (State::Broken, 78));
    assert!(found[1..].iter().all(|line| line.state == State::Skipped));
}

#[test]
fn names_are_odd_where_another_host_still_leads_on() {
    let resolved = |addresses: Result<Vec<std::net::IpAddr>, String>, millis| {
        Some(Resolved { addresses, took: Duration::from_millis(millis) })
    };
    let of = |resolved| HostTrace { resolved, ..host(vec![], tls_of(Proof::Nothing, true, TlsOutcome::Untried)) };
    let found = || resolved(Ok(vec!["10.0.0.7".parse().unwrap()]), 2);
    let lost = || resolved(Err("the name `db` does not resolve".to_owned()), 2);
    assert_eq!(names(&[of(found())]).state, State::Ok);
    assert_eq!(names(&[of(None)]).message, "nothing to resolve");
    assert_eq!(names(&[of(found()), of(lost())]).state, State::Odd);
    assert_eq!((names(&[of(lost())]).state, names(&[of(lost())]).code), (State::Broken, 69));
    assert_eq!(names(&[of(resolved(Ok(vec!["10.0.0.7".parse().unwrap()]), 1500))]).state, State::Odd);
}

#[test]
fn addresses_that_cost_a_start_time_are_odd_beside_one_that_answers() {
    let of = |contacts| tcp(&[host(contacts, tls_of(Proof::Nothing, true, TlsOutcome::Untried))]);
    assert_eq!(of(vec![contact("10.0.0.7:5432", true)]).message, "10.0.0.7:5432 in 0.4ms");
    let refused = || contact("10.0.0.8:5432", false);
    assert_eq!(of(vec![contact("10.0.0.7:5432", true), refused()]).state, State::Ok);
    let silent = Contact { took: Duration::from_secs(5), ..refused() };
    assert_eq!(of(vec![contact("10.0.0.7:5432", true), silent]).state, State::Odd);
    assert_eq!(of(vec![refused()]).code, 69);
    assert_eq!(of(vec![]).state, State::Skipped);
}

#[test]
fn tls_is_judged_by_what_it_proves_and_where_it_leads() {
    let now = SystemTime::now();
    let judged = |address: &str, trace: TlsTrace| {
        let hosts = [host(vec![contact(address, true)], trace)];
        let line = tls(&hosts, &facts(vec![], None), now);
        (line.state, line.code)
    };
    let done = |days| TlsOutcome::Encrypted(encryption(days));
    let failed = || TlsOutcome::Failed(Fault::new(Class::Tls, "not trusted"), vec![certificate(9)]);
    let (remote, local) = ("10.0.0.7:5432", "127.0.0.1:5432");
    for (address, trace, expected) in [
        (remote, tls_of(Proof::Host, false, done(400)), (State::Ok, 0)),
        (remote, tls_of(Proof::Authority, false, done(400)), (State::Ok, 0)),
        (remote, tls_of(Proof::Nothing, true, done(400)), (State::Odd, 0)),
        (local, tls_of(Proof::Nothing, true, done(400)), (State::Ok, 0)),
        (local, tls_of(Proof::Host, false, done(3)), (State::Odd, 0)),
        (local, tls_of(Proof::Nothing, true, done(-3)), (State::Odd, 0)),
        (remote, tls_of(Proof::Nothing, true, TlsOutcome::NotOffered), (State::Odd, 0)),
        (local, tls_of(Proof::Nothing, true, TlsOutcome::Off), (State::Ok, 0)),
        (remote, tls_of(Proof::Host, false, failed()), (State::Broken, 78)),
        (remote, tls_of(Proof::Nothing, true, failed()), (State::Odd, 0)),
        (
            remote,
            tls_of(Proof::Host, false, TlsOutcome::Failed(Fault::new(Class::Unreachable, "x"), vec![])),
            (State::Broken, 69),
        ),
    ] {
        let shown = format!("{address} {trace:?}");
        assert_eq!(judged(address, trace), expected, "{shown}");
    }
}

#[test]
fn a_certificate_is_shown_with_its_issuer_and_its_last_day() {
    let now = humantime::parse_rfc3339("2026-11-29T00:00:00Z").unwrap();
    let expires = humantime::parse_rfc3339("2026-12-09T00:00:00Z").unwrap();
    let of = |issuer: &str| Certificate {
        subject: Some("CN=db".to_owned()),
        issuer: Some(issuer.to_owned()),
        expires: Some(expires),
    };
    assert_eq!(shown(&of("CN=ca"), now), "CN=db by CN=ca, until 2026-12-09 (10 days left)");
    assert_eq!(shown(&of("CN=db"), now), "CN=db by itself, until 2026-12-09 (10 days left)");
    assert_eq!(
        shown(&of("CN=ca"), expires + Duration::from_secs(86_400)),
        "CN=db by CN=ca, until 2026-12-09 (ended 1 days ago)"
    );
}

#[test]
fn where_the_driver_does_the_handshake_the_session_tells_about_it() {
    let hosts = || vec![host(vec![contact("10.0.0.7:3306", true)], tls_of(Proof::Host, false, TlsOutcome::Untried))];
    let (mut told, now) = (facts(hosts(), None), SystemTime::now());
    assert_eq!(tls(&hosts(), &told, now).state, State::Skipped);
    told.server.encryption = Answer::Told(encryption(400));
    assert_eq!(tls(&hosts(), &told, now).state, State::Ok);
    told.server.encryption = Answer::Told(Encryption::default());
    assert_eq!(tls(&hosts(), &told, now).state, State::Odd);
    let refusal = Refusal { fault: Fault::new(Class::Tls, "unknown issuer"), remedy: None, code: 78 };
    let refused = facts(hosts(), Some(Err(refusal)));
    assert_eq!(tls(&hosts(), &refused, now).code, 78);
}

#[test]
fn weak_logins_are_odd_and_a_standby_is_broken() {
    let at = |address: &str, session: LoggedIn| {
        let hosts = vec![host(vec![contact(address, true)], tls_of(Proof::Nothing, true, TlsOutcome::Off))];
        let facts = facts(hosts, Some(Ok(session)));
        let Some(Ok(session)) = &facts.login else { unreachable!() };
        login(session, &facts).state
    };
    let (remote, local) = ("10.0.0.7:5432", "127.0.0.1:5432");
    assert_eq!(at(remote, session(LoginMethod::ScramBound, true)), State::Ok);
    assert_eq!(at(remote, session(LoginMethod::Md5, true)), State::Odd);
    assert_eq!(at(remote, session(LoginMethod::Cleartext, false)), State::Odd);
    assert_eq!(at(remote, session(LoginMethod::Cleartext, true)), State::Ok);
    assert_eq!(at(remote, session(LoginMethod::Nothing, true)), State::Odd);
    assert_eq!(at(local, session(LoginMethod::Nothing, false)), State::Ok);
    let standby = Some(Fault::new(Class::ReadOnly, "the server is a standby (in recovery)"));
    let line = writes(&LoggedIn { read_only: standby, ..session(LoginMethod::Scram, true) });
    assert_eq!((line.state, line.code), (State::Broken, 69));
}
