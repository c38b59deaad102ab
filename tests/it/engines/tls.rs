//! sslmode, sslrootcert and client certificates as libpq means them.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};

use crate::support::{Cluster, Database, Doorstep, Listener, Output, PASSWORD, Project, as_postgres, run, until};

/// A certificate authority, as PEM and as signer.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate (or a chain of them) and its key, PEM.
struct Pair {
    certificate: String,
    key: String,
}

fn authority_parameters(name: &str) -> CertificateParams {
    let mut parameters = parameters(name, &[]);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters
}

fn parameters(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let mut parameters = CertificateParams::new(names).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, common_name);
    parameters
}

impl Authority {
    fn new(name: &str) -> Self {
        Self(CertifiedIssuer::self_signed(authority_parameters(name), KeyPair::generate().unwrap()).unwrap())
    }

    /// An authority below this one.
    fn intermediate(&self, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::signed_by(authority_parameters(name), key, &self.0).unwrap())
    }

    fn sign(&self, common_name: &str, names: &[&str]) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters(common_name, names).signed_by(&key, &self.0).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn pem(&self) -> String {
        self.0.pem()
    }
}

/// What `openssl req -x509` makes: a self-signed authority that is used as a server certificate.
fn self_signed(names: &[&str], last_year: i32) -> Pair {
    let mut parameters = parameters("db.example", names);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.not_after = date_time_ymd(last_year, 1, 1);
    let key = KeyPair::generate().unwrap();
    Pair { certificate: parameters.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

/// A PostgreSQL server with this certificate.
fn server(pair: &Pair) -> Cluster {
    let cluster = stopped(pair, "");
    cluster.start();
    cluster
}

fn stopped(pair: &Pair, configuration: &str) -> Cluster {
    let cluster = Cluster::stopped(&format!("ssl = on\n{configuration}"));
    // PostgreSQL requires that the key belongs to its user and that no other user can read it.
    for (name, text) in [("server.crt", &pair.certificate), ("server.key", &pair.key)] {
        let here = cluster.directory.path().join(name);
        std::fs::write(&here, text).unwrap();
        run(as_postgres("install").args(["-m", "600"]).arg(here).arg(cluster.data().join(name)));
    }
    cluster
}

/// Keywords for the server on loopback under a name that certificates can carry.
fn keywords(cluster: &Cluster, name: &str, more: &str) -> String {
    let port = cluster.port;
    format!("host={name} hostaddr=127.0.0.1 port={port} user=postgres password={PASSWORD} dbname=postgres {more}")
}

/// A directory with PEM files, and doorstep in it.
struct Client(Project);

impl Client {
    fn with(files: &[(&str, &str)]) -> Self {
        Self(files.iter().fold(Project::bare(), |project, (name, text)| project.file(name, text)))
    }

    fn wait(&self, keywords: &str) -> Output {
        self.0.doorstep(keywords, &["wait"]).run()
    }

    /// `tls` or `plain` as the server reports the session, or the exit code.
    fn outcome(&self, cluster: &Cluster, name: &str, more: &str) -> String {
        let database = Database::fresh_on(cluster.port);
        let sql = "CREATE TABLE s AS SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid();";
        self.0.write("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n");
        self.0.write("prisma/migrations/1_s/migration.sql", sql);
        let keywords = keywords(cluster, name, &format!("dbname={} {more}", database.name));
        match self.0.doorstep(&keywords, &["run"]).run().code {
            Some(0) if database.sql("SELECT ssl FROM s") == "t" => "tls".to_owned(),
            Some(0) => "plain".to_owned(),
            code => format!("{code:?}"),
        }
    }
}

#[test]
fn every_sslmode_does_what_libpq_does_with_sslrootcert() {
    let (ca, other) = (Authority::new("ours"), Authority::new("another"));
    let client = Client::with(&[("ca.pem", &ca.pem())]);
    let trusted = server(&ca.sign("x", &["db.example"]));
    let untrusted = server(&other.sign("x", &["db.example"]));
    let without = Cluster::started("");
    let final_ = "Some(78)";
    for (mode, right, wrong_name, wrong_issuer, no_tls) in [
        ("disable", "plain", "plain", "plain", "plain"),
        ("allow", "plain", "plain", "plain", "plain"),
        ("prefer", "tls", "tls", "tls", "plain"),
        // The chain is verified ("for backward compatibility", says libpq's manual).
        ("require", "tls", "tls", final_, final_),
        ("verify-ca", "tls", "tls", final_, final_),
        ("verify-full", "tls", final_, final_, final_),
    ] {
        let more = format!("sslmode={mode} sslrootcert=ca.pem");
        let outcome = |cluster, name| client.outcome(cluster, name, &more);
        assert_eq!(outcome(&trusted, "db.example"), right, "{mode}, right authority and name");
        assert_eq!(outcome(&trusted, "other.example"), wrong_name, "{mode}, wrong name");
        assert_eq!(outcome(&untrusted, "db.example"), wrong_issuer, "{mode}, wrong authority");
        assert_eq!(outcome(&without, "db.example"), no_tls, "{mode}, no TLS");
    }
}

#[test]
fn require_encrypts_and_looks_at_nothing() {
    let cluster = server(&Authority::new("nobody's").sign("x", &["other.example"]));
    for name in ["db.example", "db_1", "127.0.0.1"] {
        assert_eq!(Client::with(&[]).outcome(&cluster, name, "sslmode=require"), "tls", "{name}");
    }
    // Prisma's parameter for the same.
    let more = "sslmode=require sslaccept=accept_invalid_certs";
    assert_eq!(Client::with(&[]).outcome(&cluster, "db.example", more), "tls");
}

#[test]
fn require_takes_certificates_of_the_first_version_too() {
    // `openssl x509 -req` without extensions made these until OpenSSL 3.2, and the manual's example with it.
    let pair = version_1();
    assert_eq!(Client::with(&[]).outcome(&server(&pair), "db.example", "sslmode=require"), "tls");
    let older = stopped(&pair, "ssl_max_protocol_version = 'TLSv1.2'\n");
    older.start();
    assert_eq!(Client::with(&[]).outcome(&older, "db.example", "sslmode=require"), "tls");
}

#[test]
fn certificates_of_the_first_version_cannot_be_verified_and_the_message_says_so() {
    let cluster = server(&version_1());
    let client = Client::with(&[("server.crt", VERSION_1)]);
    for mode in ["verify-ca", "verify-full"] {
        let more = format!("sslmode={mode} sslrootcert=server.crt");
        client.wait(&keywords(&cluster, "db.example", &more)).code(78).stderr_has("X.509 version 1");
    }
}

fn version_1() -> Pair {
    Pair { certificate: VERSION_1.to_owned(), key: VERSION_1_KEY.to_owned() }
}

/// Self-signed, without extensions, for db.example, until 2126.
const VERSION_1: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBJTCBzQIUThrRuFirpgn2l47I/jKPmb2NCE4wCgYIKoZIzj0EAwIwFTETMBEG\n\
A1UEAwwKZGIuZXhhbXBsZTAgFw0yNjExMjExMDMzMDJaGA8yMTI2MTAyODEwMzMw\n\
MlowFTETMBEGA1UEAwwKZGIuZXhhbXBsZTBZMBMGByqGSM49AgEGCCqGSM49AwEH\n\
A0IABCLjnlGO5syn6xh+q83sAV3KwM4BOmIXByO4eqoNIAHk8uGy6kCOSnNPWkhh\n\
1xNq0YIvjfiwwF7Fr6CLtvQCgH4wCgYIKoZIzj0EAwIDRwAwRAIgUvKCNousfTi0\n\
HorutPS5tlbZ+1LsZk901SAbrocvnOECIGjyV3em9XqB6CcQOdpd/8npR4cRfqsT\n\
j2sZKtsPGXxs\n\
-----END CERTIFICATE-----\n";
const VERSION_1_KEY: &str = "\
-----BEGIN PRIVATE KEY-----\n\
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgfBtn0N8HjG3LS1Wb\n\
8qlHe9uWWN2hOMQAY3psdtcGEO6hRANCAAQi455RjubMp+sYfqvN7AFdysDOATpi\n\
FwcjuHqqDSAB5PLhsupAjkpzT1pIYdcTatGCL434sMBexa+gi7b0AoB+\n\
-----END PRIVATE KEY-----\n";

#[test]
fn strict_is_prismas_word_for_verify_full() {
    let ca = Authority::new("ours");
    let client = Client::with(&[("ca.pem", &ca.pem())]);
    let cluster = server(&ca.sign("x", &["localhost"]));
    let url = |host: &str| format!("{}?sslmode=require&sslaccept=strict&sslcert=ca.pem", at(&cluster, host));
    client.wait(&url("localhost")).code(0);
    client.wait(&url("127.0.0.1")).code(78).stderr_has("certificate");
}

fn at(cluster: &Cluster, host: &str) -> String {
    cluster.url().replace("127.0.0.1", host)
}

#[test]
fn a_server_without_tls_is_final_where_sslmode_demands_it() {
    let database = Database::fresh();
    for mode in ["require", "verify-ca", "verify-full"] {
        let began = Instant::now();
        let output = Client::with(&[]).wait(&format!("{}?sslmode={mode}", database.url()));
        output.code(78).stderr_has("has no TLS, which sslmode demands").stderr_has("check sslmode");
        assert!(began.elapsed() < Duration::from_secs(10), "it waited for what never passes");
    }
}

#[test]
fn an_untrusted_certificate_is_final_and_leads_to_sslrootcert() {
    let cluster = server(&Authority::new("nobody's").sign("x", &["db.example"]));
    let began = Instant::now();
    let output = Client::with(&[]).wait(&keywords(&cluster, "db.example", "sslmode=verify-full"));
    output.code(78).stderr_has("issuer is not trusted").stderr_has("sslrootcert=FILE").stderr_lacks(PASSWORD);
    assert!(began.elapsed() < Duration::from_secs(10), "it waited for what never passes");
}

#[test]
fn a_certificate_for_another_name_is_final_and_both_names_are_shown() {
    let ca = Authority::new("ours");
    let client = Client::with(&[("ca.pem", &ca.pem())]);
    let cluster = server(&ca.sign("x", &["db.example"]));
    let output = client.wait(&keywords(&cluster, "replica.example", "sslmode=verify-full sslrootcert=ca.pem"));
    output.code(78).stderr_has("replica.example").stderr_has("db.example");
}

#[test]
fn an_expired_certificate_is_final() {
    let ca = Authority::new("ours");
    let key = KeyPair::generate().unwrap();
    let mut parameters = parameters("x", &["db.example"]);
    parameters.not_after = date_time_ymd(2020, 1, 1);
    let certificate = parameters.signed_by(&key, &ca.0).unwrap().pem();
    let cluster = server(&Pair { certificate, key: key.serialize_pem() });
    let client = Client::with(&[("ca.pem", &ca.pem())]);
    for mode in ["verify-ca", "verify-full"] {
        let more = format!("sslmode={mode} sslrootcert=ca.pem");
        client.wait(&keywords(&cluster, "db.example", &more)).code(78).stderr_has("expired");
    }
}

#[test]
fn the_name_is_verified_and_not_the_address_that_is_dialled() {
    let ca = Authority::new("ours");
    let client = Client::with(&[("ca.pem", &ca.pem())]);
    let more = "sslmode=verify-full sslrootcert=ca.pem";
    let named = server(&ca.sign("x", &["db.example", "*.cluster.example", "db_1"]));
    for name in ["db.example", "DB.example", "db.example.", "a.cluster.example", "db_1"] {
        client.wait(&keywords(&named, name, more)).code(0);
    }
    for name in ["a.b.cluster.example", "cluster.example", "127.0.0.1"] {
        client.wait(&keywords(&named, name, more)).code(78);
    }
    let numbered = server(&ca.sign("x", &["127.0.0.1"]));
    client.wait(&keywords(&numbered, "db.example", more)).code(78);
    client.wait(&keywords(&numbered, "127.0.0.1", more)).code(0);
    // Without a name, the address is compared.
    let nameless = keywords(&numbered, "x", more).replace("host=x ", "");
    client.wait(&nameless).code(0);
}

#[test]
fn a_common_name_is_no_name() {
    // libpq uses the common name if there is no other name; other clients no longer do.
    let ca = Authority::new("ours");
    let client = Client::with(&[("ca.pem", &ca.pem())]);
    let cluster = server(&ca.sign("db.example", &[]));
    let output = client.wait(&keywords(&cluster, "db.example", "sslmode=verify-full sslrootcert=ca.pem"));
    output.code(78).stderr_has("subjectAltName");
    client.wait(&keywords(&cluster, "db.example", "sslmode=verify-ca sslrootcert=ca.pem")).code(0);
}

#[test]
fn an_intermediate_authority_may_come_from_the_server() {
    let root = Authority::new("root");
    let intermediate = root.intermediate("intermediate");
    let mut pair = intermediate.sign("x", &["db.example"]);
    let more = "sslmode=verify-full sslrootcert=root.pem";
    let client = Client::with(&[("root.pem", &root.pem())]);
    client.wait(&keywords(&server(&pair), "db.example", more)).code(78);
    pair.certificate += &intermediate.pem();
    client.wait(&keywords(&server(&pair), "db.example", more)).code(0);
}

#[test]
fn a_self_signed_certificate_is_its_own_root() {
    let pair = self_signed(&["db.example"], 4000);
    let client = Client::with(&[("server.crt", &pair.certificate)]);
    let cluster = server(&pair);
    let full = "sslmode=verify-full sslrootcert=server.crt";
    let chain = "sslmode=verify-ca sslrootcert=server.crt";
    assert_eq!(client.outcome(&cluster, "db.example", full), "tls");
    assert_eq!(client.outcome(&cluster, "other.example", chain), "tls");
    client.wait(&keywords(&cluster, "other.example", full)).code(78).stderr_has("other.example");
    // The same name, but not the same certificate.
    let impostor = server(&self_signed(&["db.example"], 4000));
    for more in [full, chain] {
        client.wait(&keywords(&impostor, "db.example", more)).code(78);
    }
}

#[test]
fn a_self_signed_certificate_expires_like_any_other() {
    let pair = self_signed(&["db.example"], 2020);
    let client = Client::with(&[("server.crt", &pair.certificate)]);
    let cluster = server(&pair);
    for mode in ["verify-ca", "verify-full"] {
        let more = format!("sslmode={mode} sslrootcert=server.crt");
        client.wait(&keywords(&cluster, "db.example", &more)).code(78).stderr_has("expired");
    }
}

#[test]
fn the_systems_store_is_used_where_it_is_asked_for_and_nowhere_else() {
    let (ca, other) = (Authority::new("ours"), Authority::new("another"));
    let client = Client::with(&[("ca.pem", &ca.pem()), ("other.pem", &other.pem())]);
    let cluster = server(&ca.sign("x", &["db.example"]));
    let wait = |more: &str, name: &str, store: &str| {
        let doorstep = client.0.doorstep(&keywords(&cluster, name, more), &["wait"]);
        doorstep.env("SSL_CERT_FILE", client.0.path(store).to_str().unwrap()).run()
    };
    wait("sslmode=verify-full sslrootcert=system", "db.example", "ca.pem").code(0);
    wait("sslmode=verify-full sslrootcert=system", "db.example", "other.pem").code(78).stderr_has("not trusted");
    // Anyone can get a certificate from a public root, so the name must be verified too.
    wait("sslrootcert=system", "other.example", "ca.pem").code(78);
    // A file replaces the store.
    wait("sslmode=verify-full sslrootcert=other.pem", "db.example", "ca.pem").code(78).stderr_has("not trusted");
    wait("sslmode=verify-full", "db.example", "ca.pem").code(78).stderr_has("not trusted");
}

#[test]
fn a_root_file_that_cannot_be_used_is_named() {
    let ca = Authority::new("ours");
    let cluster = server(&ca.sign("x", &["db.example"]));
    let garbage = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
    let client = Client::with(&[("empty.pem", ""), ("garbage.pem", garbage)]);
    for (file, why) in [
        ("absent.pem", "cannot read absent.pem"),
        ("empty.pem", "empty.pem holds no certificate"),
        // It must not fall back to the public roots either.
        ("garbage.pem", "garbage.pem holds no certificate"),
    ] {
        let more = format!("sslmode=verify-full sslrootcert={file}");
        client.wait(&keywords(&cluster, "db.example", &more)).code(78).stderr_has(why).stderr_has("next: ");
    }
}

/// `postgres` may log in without TLS; these roles may not.
fn picky(ca: &Authority, configuration: &str) -> Cluster {
    let cluster = stopped(&ca.sign("x", &["db.example"]), &format!("ssl_ca_file = 'ca.crt'\n{configuration}"));
    std::fs::write(cluster.data().join("ca.crt"), ca.pem()).unwrap();
    let lines = "hostssl   all only_tls   127.0.0.1/32 scram-sha-256\n\
                 hostnossl all only_plain 127.0.0.1/32 scram-sha-256\n\
                 hostssl   all certified  127.0.0.1/32 cert\n\
                 hostssl   all twice      127.0.0.1/32 scram-sha-256 clientcert=verify-full\n\
                 host      all postgres   127.0.0.1/32 scram-sha-256\n";
    std::fs::write(cluster.data().join("pg_hba.conf"), lines).unwrap();
    cluster.start();
    for role in ["only_tls", "only_plain", "certified", "twice"] {
        let sql = format!("CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{PASSWORD}'");
        crate::support::psql(cluster.port, "postgres", &sql);
    }
    cluster
}

#[test]
fn prefer_and_allow_try_the_other_way_where_pg_hba_has_no_line_for_the_first() {
    let cluster = picky(&Authority::new("ours"), "");
    let client = Client::with(&[]);
    for (role, mode, expected) in [
        ("only_tls", "disable", "Some(77)"),
        ("only_tls", "allow", "tls"),
        ("only_tls", "prefer", "tls"),
        ("only_tls", "require", "tls"),
        ("only_plain", "disable", "plain"),
        ("only_plain", "allow", "plain"),
        ("only_plain", "prefer", "plain"),
        ("only_plain", "require", "Some(77)"),
    ] {
        let more = format!("user={role} sslmode={mode}");
        assert_eq!(client.outcome(&cluster, "db.example", &more), expected, "{more}");
    }
    // A wrong password is final in both cases.
    let more = "user=only_tls password=hunter2 sslmode=prefer";
    client.wait(&keywords(&cluster, "db.example", more)).code(77).stderr_has("28P01");
}

#[test]
fn a_client_certificate_is_shown() {
    let ca = Authority::new("ours");
    let cluster = picky(&ca, "");
    let (certified, twice) = (ca.sign("certified", &[]), ca.sign("twice", &[]));
    let client = Client::with(&[
        ("ca.pem", &ca.pem()),
        ("certified.crt", &certified.certificate),
        ("certified.key", &certified.key),
        ("twice.crt", &twice.certificate),
        ("twice.key", &twice.key),
    ]);
    let more = |role: &str, file: &str| {
        format!("user={role} sslmode=verify-full sslrootcert=ca.pem sslcert={file}.crt sslkey={file}.key")
    };
    let wait = |more: &str| client.wait(&keywords(&cluster, "db.example", more));
    assert_eq!(client.outcome(&cluster, "db.example", &more("certified", "certified")), "tls");
    assert_eq!(client.outcome(&cluster, "db.example", &more("twice", "twice")), "tls");
    // Without a certificate, with another role's, and with the certificate but without the password.
    wait("user=certified sslmode=require").code(77).stderr_has("valid client certificate");
    wait(&more("certified", "twice")).code(77);
    wait(&format!("{} password=hunter2", more("twice", "twice"))).code(77).stderr_has("28P01");
}

#[test]
fn a_client_certificate_that_cannot_be_used_is_final() {
    let (ca, other) = (Authority::new("ours"), Authority::new("another"));
    let cluster = picky(&ca, "");
    let (certified, foreign) = (ca.sign("certified", &[]), other.sign("certified", &[]));
    let client = Client::with(&[
        ("client.crt", &certified.certificate),
        ("client.key", &certified.key),
        ("foreign.crt", &foreign.certificate),
        ("foreign.key", &foreign.key),
    ]);
    let wait = |certificate: &str, key: &str| {
        let more = format!("user=certified sslmode=require sslcert={certificate} sslkey={key}");
        client.wait(&keywords(&cluster, "db.example", &more))
    };
    wait("absent.crt", "client.key").code(78).stderr_has("cannot read absent.crt").stderr_has("next: check the path");
    wait("client.crt", "absent.key").code(78).stderr_has("cannot read absent.key");
    wait("client.crt", "foreign.key").code(78).stderr_has("client certificate");
}

#[test]
fn a_client_certificate_that_the_server_does_not_trust_is_final() {
    let (ca, other) = (Authority::new("ours"), Authority::new("another"));
    let foreign = other.sign("certified", &[]);
    let client = Client::with(&[("foreign.crt", &foreign.certificate), ("foreign.key", &foreign.key)]);
    // Before TLS 1.3 the server reports this during the handshake, since then after it.
    for version in ["TLSv1.2", "TLSv1.3"] {
        let cluster = picky(&ca, &format!("ssl_max_protocol_version = '{version}'\n"));
        let more = "user=certified sslmode=require sslcert=foreign.crt sslkey=foreign.key";
        client.wait(&keywords(&cluster, "db.example", more)).code(78).stderr_has("UnknownCA");
    }
}

#[test]
fn a_cancel_request_is_encrypted_like_the_session() {
    let ca = Authority::new("ours");
    let client = Client::with(&[("ca.pem", &ca.pem())]);
    client.0.write("prisma/migrations/migration_lock.toml", "provider = \"postgresql\"\n");
    client.0.write("prisma/migrations/1_slow/migration.sql", "SELECT pg_sleep(600);");
    let cluster = picky(&ca, "");
    let database = Database::fresh_on(cluster.port);
    let more = format!("user=only_tls dbname={} sslmode=verify-full sslrootcert=ca.pem", database.name);
    let doorstep = client.0.doorstep(&keywords(&cluster, "db.example", &more), &["run", "--", "echo", "never"]).spawn();
    let others = |state: &str| {
        database.sql(&format!(
            "SELECT count(*) FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) \
             WHERE datname = current_database() AND ssl AND pid <> pg_backend_pid() AND {state}"
        ))
    };
    let sleeping = "state = 'active' AND query LIKE '%pg_sleep(600)%' AND usename = 'only_tls'";
    until("the script runs", || (others(sleeping) == "1").then_some(()));
    doorstep.signal("TERM");
    doorstep.finish("run").code(143).stdout_is("").stderr_has("1_slow was cancelled and rolled back");
    until("the session is gone", || (others("usename = 'only_tls'") == "0").then_some(()));
}

#[test]
fn a_server_that_closes_in_the_middle_of_the_handshake_is_waited_for() {
    // A server that is stopped, or a proxy whose backend is: after the `S`, and after the client's hello.
    for reads_the_hello in [false, true] {
        let closing = Listener::answering(move |mut stream| {
            let _ = stream.read_exact(&mut [0; 8]).and_then(|()| stream.write_all(b"S"));
            if reads_the_hello {
                let _ = stream.read(&mut [0; 4096]);
            }
        });
        let url = format!("{}?sslmode=require", closing.url());
        let doorstep = Doorstep::new(&["wait", "--wait-timeout", "500ms"]).env("DATABASE_URL", &url);
        doorstep.run().code(69).stderr_has("broke off");
    }
}

#[test]
fn an_error_instead_of_tls_never_leads_to_plain_text() {
    // Such an answer is not authenticated: an attacker in between can send it to get the password in plain text.
    let (sender, received) = mpsc::channel();
    let failing = Listener::answering(move |mut stream| {
        let mut head = [0; 8];
        if stream.read_exact(&mut head).is_err() {
            return;
        }
        let [length, code] = [0, 4].map(|at| u32::from_be_bytes(head[at..at + 4].try_into().unwrap()));
        let _ = stream.read_exact(&mut vec![0; length as usize - 8]);
        sender.send(code == 80_877_103).unwrap();
        let fields = b"SFATAL\0VFATAL\0C53300\0Mno more forks\0\0";
        let _ = stream.write_all(&[b"E", &(4 + fields.len() as u32).to_be_bytes()[..], fields].concat());
    });
    let wait = |mode: &str| {
        let url = format!("{}?sslmode={mode}", failing.url());
        Doorstep::new(&["wait", "--wait-timeout", "500ms"]).env("DATABASE_URL", &url).run()
    };
    for mode in ["prefer", "require", "verify-ca", "verify-full"] {
        wait(mode).code(69).stderr_has("answered the request for TLS with an error");
        assert!(received.try_iter().all(|is_tls_request| is_tls_request), "{mode} fell back to plain text");
    }
}
