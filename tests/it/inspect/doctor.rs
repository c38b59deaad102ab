//! `doctor` on PostgreSQL.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

use super::{doctor, is, line, parsed, states};
use crate::support::snapshots::{assert_snapshot, redacted};
use crate::support::{
    Cluster, Database, PASSWORD, Project, as_postgres, free_port, pgbouncer, project_of_a_schema, psql, run, until,
};

#[test]
fn a_healthy_database_has_only_lines_that_are_ok() {
    let (database, project) = (Database::fresh(), Project::with_two());
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let output = project.doorstep(&database.url(), &["doctor", "--require-tables", "users"]).run().code(0);
    assert_eq!(output.stderr, "");
    assert_snapshot!("inspect/doctor-healthy", shown(&output.stdout));
    let report = doctor(&project, &database.url(), &[], 0);
    let expected = "settings ok, names ok, tcp ok, tls ok, login ok, server ok, writes ok, pooler ok, role ok, rights ok, \
                    connections ok, transactions ok, locks ok, migration_lock ok, folder ok, history ok, pending ok, \
                    drift skipped";
    assert_eq!((states(&report).as_str(), &report["ok"]), (expected, &true.into()));
}

/// Without what differs between servers and runs.
fn shown(text: &str) -> String {
    let number = |line: &str| line.contains(" in use").then(|| "ok       connections     [number] in use".to_owned());
    let lines = text.lines().map(|line| number(line).unwrap_or_else(|| line.to_owned()) + "\n");
    redacted(&lines.collect::<String>())
}

#[test]
fn the_keys_of_the_json_are_stable() {
    let (database, project) = (Database::fresh(), Project::with_two());
    let report = doctor(&project, &database.url(), &[], 0);
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(keys(&report), "ok address doorstep lines");
    assert_eq!(keys(&report["lines"][0]), "stage state message next facts");
    for (stage, facts) in [
        ("settings", "origin address role"),
        ("names", "hosts"),
        ("tcp", "addresses"),
        ("tls", "setting proves"),
        ("login", "role method encrypted"),
        ("server", "server"),
        ("writes", "read_only"),
        ("pooler", "mode"),
        ("role", "role attributes valid_until"),
        ("rights", "missing tables_of_others"),
        ("connections", "used limit reserved"),
        ("transactions", "long prepared hidden"),
        ("locks", "held waiting"),
        ("migration_lock", "held"),
        ("folder", "path tool migrations"),
        ("history", "verdict applied"),
        ("pending", "count"),
    ] {
        assert_eq!(keys(&line(&report, stage)["facts"]), facts, "{stage}");
    }
}

#[test]
fn pending_migrations_and_drift_are_counted() {
    let (database, project) = (Database::fresh(), project_of_a_schema());
    let report = doctor(&project, &database.url(), &[], 3);
    is(&report, "history", "ok", "behind: 0 applied");
    is(&report, "pending", "odd", "1: 1_init");
    is(&report, "drift", "broken", "error");
    assert_eq!(line(&report, "pending")["facts"]["count"], 1);
    assert!(line(&report, "drift")["facts"]["stopping"].as_u64().unwrap() > 0);
    let report = doctor(&project, &database.url(), &["--verify", "report"], 0);
    is(&report, "drift", "odd", "error");
    let report = doctor(&project, &database.url(), &["--verify", "off", "--migrate", "off"], 0);
    is(&report, "drift", "skipped", "verify = off");
    is(&report, "history", "skipped", "migrate = off");
    assert_eq!(database.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"), "0");
}

#[test]
fn a_failed_history_is_broken_with_the_exit_code_of_a_start() {
    let database = Database::fresh();
    let project = Project::with_two().migration("3_fails", "SELECT 1/0;");
    project.doorstep(&database.url(), &["run"]).run().code(65);
    let report = doctor(&project, &database.url(), &[], 65);
    is(&report, "history", "broken", "3_fails");
    assert_eq!(line(&report, "history")["facts"]["verdict"], "failed");
}

#[test]
fn a_wrong_password_stops_at_the_login_and_the_way_to_it_is_shown() {
    let (database, project) = (Database::fresh(), Project::with_two());
    let url = database.url().replace(PASSWORD, "KanariEnvogel");
    let output = project.doorstep(&url, &["doctor", "--format", "json"]).run().code(77);
    let report = parsed(&output);
    is(&report, "tcp", "ok", "127.0.0.1");
    is(&report, "login", "broken", "password authentication failed");
    is(&report, "rights", "skipped", "needs a login");
    is(&report, "history", "skipped", "needs a login");
    is(&report, "folder", "ok", "prisma/migrations");
    assert!(line(&report, "login")["next"].as_str().unwrap().contains("check user and password"));
    assert!(!output.stdout.contains("Kanari") && !output.stderr.contains("Kanari"));
}

#[test]
fn a_closed_port_and_an_unknown_name_are_broken_where_they_are() {
    let project = Project::with_two();
    let url = format!("postgresql://u:KanariEnvogel@127.0.0.1:{}/d", free_port());
    let report = doctor(&project, &url, &[], 69);
    is(&report, "tcp", "broken", "refused");
    is(&report, "tls", "skipped", "");
    is(&report, "login", "skipped", "needs tcp");
    let report = doctor(&project, "postgresql://u@no-such-host.invalid/d", &["--timeout", "3s"], 69);
    is(&report, "names", "broken", "no-such-host.invalid");
    is(&report, "tcp", "skipped", "needs an address");
    let report = doctor(&project, "postgres://u:KanariEnvogel/x@h/d", &[], 78);
    is(&report, "settings", "broken", "database URL cannot be read");
    assert!(!report.to_string().contains("Kanari"), "{report:#}");
    let report = doctor(&project, "", &[], 78);
    is(&report, "settings", "broken", "no database is named");
    project.doorstep("", &["doctor", "--timeout", "0"]).run().code(64);
}

#[test]
fn of_several_hosts_each_is_shown() {
    let (database, project) = (Database::fresh(), Project::with_two());
    let (dead, name, port) = (free_port(), &database.name, database.port);
    let url = format!("host=127.0.0.1,127.0.0.1 port={dead},{port} user=postgres password={PASSWORD} dbname={name}");
    let report = doctor(&project, &url, &[], 0);
    is(&report, "tcp", "ok", &format!("127.0.0.1:{dead}: connection refused"));
    is(&report, "login", "ok", "postgres");
}

#[test]
fn what_names_the_url_is_named() {
    let (database, project) = (Database::fresh(), Project::bare());
    let origin = |doorstep: crate::support::Doorstep| {
        let report = parsed(&doorstep.run().code(0));
        line(&report, "settings")["facts"]["origin"].as_str().unwrap().to_owned()
    };
    let doctor = |more: &[&str]| project.doorstep("", &[&["doctor", "--format", "json"], more].concat());
    let url = database.url();
    assert_eq!(origin(doctor(&["--database-url", &url])), "--database-url or DOORSTEP_DATABASE_URL");
    assert_eq!(origin(doctor(&[]).env("DATABASE_URL", &url)), "DATABASE_URL");
    assert_eq!(
        origin(doctor(&["--migrate-url", &url]).env("DATABASE_URL", &url)),
        "--migrate-url or DOORSTEP_MIGRATE_URL"
    );
    project.write("url", &url);
    assert_eq!(origin(doctor(&[]).env("DATABASE_URL_FILE", "url")), "DATABASE_URL_FILE");
    let variables = doctor(&[]).env("PGHOST", "127.0.0.1").env("PGPORT", &database.port.to_string());
    let variables = variables.env("PGUSER", "postgres").env("PGPASSWORD", PASSWORD).env("PGDATABASE", &database.name);
    assert_eq!(origin(variables), "the PG* variables");
    project.write("doorstep.toml", &format!("database_url = \"{url}\"\n"));
    assert_eq!(origin(doctor(&[])), "database_url of the settings file");
}

#[test]
fn a_mistake_in_the_project_does_not_hide_the_database() {
    let database = Database::fresh();
    let project = Project::bare().file("migrations/0001_a.sql", "SELECT 1;").file("migrations/1_b.up.sql", "SELECT 1;");
    let report = doctor(&project, &database.url(), &["--migration-format", "prisma"], 78);
    is(&report, "settings", "ok", "DATABASE_URL names");
    is(&report, "login", "ok", "SCRAM");
    is(&report, "rights", "ok", "may create in public");
    is(&report, "folder", "broken", "");
    is(&report, "history", "skipped", "needs the folder");
}

#[test]
fn missing_rights_and_tables_of_others_are_named_with_their_grants() {
    let database = Database::fresh();
    let role = database.role("");
    database.sql("REVOKE CREATE ON SCHEMA public FROM public");
    let project = Project::with_two();
    let report = doctor(&project, &database.url_as(&role), &[], 77);
    is(&report, "rights", "broken", "no CREATE on the schema public");
    let grant = format!("GRANT CREATE ON SCHEMA \"public\" TO \"{role}\";");
    assert!(line(&report, "rights")["next"].as_str().unwrap().contains(&grant), "{report:#}");
    database.sql(&grant);
    database.sql("CREATE TABLE theirs (id integer)");
    let report = doctor(&project, &database.url_as(&role), &[], 0);
    is(&report, "rights", "odd", "1 tables, e.g. public.theirs (postgres)");
    let report = doctor(&project, &database.url_as(&role), &["--schemas", "later"], 77);
    is(&report, "rights", "broken", "the schema later is missing");
    let report = doctor(&project, &database.url_as(&role), &["--migrate", "await", "--schemas", "later"], 0);
    is(&report, "rights", "ok", "another process migrates");
}

#[test]
fn long_transactions_locks_and_who_holds_them_are_listed() {
    let (database, project) = (Database::fresh(), Project::with_two());
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let holder = database.idle_session("BEGIN; LOCK TABLE users IN SHARE MODE;");
    let lock = database.hold_migration_lock("another");
    let waiting = database.session("INSERT INTO users VALUES (1)");
    until("the session waits", || {
        (database.sql("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'users'::regclass") == "1")
            .then_some(())
    });
    let report = doctor(&project, &database.url(), &[], 0);
    is(&report, "locks", "odd", "ShareLock on public.users");
    is(&report, "locks", "odd", "waits for pid");
    is(&report, "migration_lock", "odd", "application another");
    is(&report, "transactions", "ok", "none");
    let report = doctor(&project, &database.url(), &["--long-transaction", "0"], 0);
    is(&report, "transactions", "odd", "LOCK TABLE users IN SHARE MODE");
    drop((holder, lock, waiting));
}

#[test]
fn sessions_that_the_role_may_not_see_leave_the_transactions_unknown() {
    let (database, project) = (Database::fresh(), Project::bare());
    let role = database.role("CONNECTION LIMIT 5 VALID UNTIL '2020-01-01'");
    database.sql(&format!("ALTER ROLE {role} VALID UNTIL '2999-01-01'"));
    let held = database.idle_session("BEGIN;");
    let report = doctor(&project, &database.url_as(&role), &["--migrate", "off"], 0);
    is(&report, "transactions", "unknown", "1 sessions of other roles");
    is(&report, "role", "ok", "its password ends at 2999-01-01T00:00:00Z");
    is(&report, "connections", "ok", "of this role 1 of 5");
    drop(held);
}

#[test]
fn a_standby_is_read_and_broken_because_it_takes_no_writes() {
    let primary = Cluster::started("wal_level = replica\nmax_wal_senders = 4\n");
    let standby = primary.started_standby();
    let project = Project::with_two();
    project.doorstep(&primary.url(), &["run"]).run().code(0);
    let report = until("the standby has the history", || {
        let report = doctor(&project, &standby.url(), &[], 69);
        (line(&report, "history")["facts"]["applied"] == 2).then_some(report)
    });
    is(&report, "login", "ok", "SCRAM");
    is(&report, "writes", "broken", "standby");
    is(&report, "history", "ok", "current: 2 applied");
}

#[test]
fn a_read_only_database_is_broken() {
    let (database, project) = (Database::fresh(), Project::with_two());
    database.sql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name));
    let report = doctor(&project, &database.url(), &[], 69);
    is(&report, "writes", "broken", "default_transaction_read_only");
    is(&report, "pending", "odd", "2: 1_users, 2_posts");
}

#[test]
fn the_service_is_logged_in_too_where_its_url_is_another_one() {
    let (database, project) = (Database::fresh(), Project::bare());
    let role = database.role("");
    let doctor = |url: &str, code| {
        let doorstep = project.doorstep(url, &["doctor", "--format", "json", "--migrate-url", &database.url()]);
        parsed(&doorstep.run().code(code))
    };
    is(&doctor(&database.url_as(&role), 0), "service", "ok", &role);
    is(
        &doctor(&database.url_as(&role).replace(PASSWORD, "wrong"), 77),
        "service",
        "broken",
        "password authentication failed",
    );
}

#[test]
fn a_certificate_of_an_unknown_authority_is_shown_and_refused() {
    let mut parameters = CertificateParams::new(Vec::<String>::new()).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, "ours");
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
    let mut parameters = CertificateParams::new(vec!["db.example".to_owned()]).unwrap();
    parameters.distinguished_name.push(DnType::CommonName, "the server");
    let key = KeyPair::generate().unwrap();
    let certificate = parameters.signed_by(&key, &authority).unwrap().pem();
    let cluster = Cluster::stopped("ssl = on\n");
    for (name, text) in [("server.crt", certificate), ("server.key", key.serialize_pem())] {
        let here = cluster.directory.path().join(name);
        std::fs::write(&here, text).unwrap();
        run(as_postgres("install").args(["-m", "600"]).arg(here).arg(cluster.data().join(name)));
    }
    cluster.start();
    let project = Project::bare().file("ca.pem", &authority.pem());
    let port = cluster.port;
    let url = |more: &str| {
        format!(
            "host=db.example hostaddr=127.0.0.1 port={port} user=postgres password={PASSWORD} dbname=postgres {more}"
        )
    };
    let report = doctor(&project, &url("sslmode=verify-full"), &[], 78);
    is(&report, "tls", "broken", "issuer is not trusted");
    is(&report, "tls", "broken", "the server shows the certificate CN=the server");
    is(&report, "login", "skipped", "needs tls");
    let report = doctor(&project, &url("sslmode=verify-full sslrootcert=ca.pem"), &[], 0);
    is(&report, "tls", "ok", "TLS 1.3");
    is(&report, "tls", "ok", "proves the host");
    is(&report, "login", "ok", "SCRAM-SHA-256, bound to the server's certificate");
    assert_eq!(line(&report, "tls")["facts"]["certificates"][0]["subject"], "CN=the server");
    let report = doctor(&project, &url("sslmode=require"), &[], 0);
    is(&report, "tls", "ok", "sslmode=require proves nothing about the server");
}

#[test]
fn a_pooler_is_found_and_its_mode_told() {
    let (database, project) = (Database::fresh(), Project::with_two());
    for (mode, state, code) in [("session", "ok", 0), ("transaction", "broken", 78)] {
        let (_pgbouncer, _directory, url) = pgbouncer(&database, mode);
        project.doorstep(&url, &["wait"]).run().code(0);
        let report = doctor(&project, &url, &[], code);
        is(&report, "pooler", state, &format!("a pooler in {mode} mode"));
        is(&report, "pending", "odd", "2: 1_users, 2_posts");
    }
}

#[test]
fn no_transaction_of_doctor_writes() {
    let project = project_of_a_schema();
    // Every transaction that writes takes a number (PostgreSQL manual 67.1): on a server of its own, only doctor's would.
    let cluster = Cluster::started("autovacuum = off");
    let before = psql(cluster.port, "postgres", "SELECT pg_snapshot_xmax(pg_current_snapshot())");
    doctor(&project, &cluster.url(), &["--verify", "report"], 0);
    assert_eq!(psql(cluster.port, "postgres", "SELECT pg_snapshot_xmax(pg_current_snapshot())"), before);
}
