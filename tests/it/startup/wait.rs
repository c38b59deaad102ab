//! Step 1, wait: each class of connection error occurs on a real server. Transient errors are retried until the
//! deadline, final ones end the start at once.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::support::{BlackHole, Cluster, Database, Doorstep, Listener, Output, PASSWORD, free_port, until};

fn wait(url: &str, timeout: &str) -> Output {
    Doorstep::new(&["wait", "--wait-timeout", timeout]).env("DATABASE_URL", url).run()
}

#[test]
fn a_ready_database_ends_the_wait_at_once() {
    let database = Database::fresh();
    wait(&database.url(), "20s").code(0).stderr_has("accepts work after").stdout_is("");
}

#[test]
fn a_closed_port_is_waited_for_and_named_in_the_end() {
    let url = format!("postgres://u@127.0.0.1:{}/d", free_port());
    let output = wait(&url, "1s").code(69).stderr_has("was not ready after").stderr_has("connection refused");
    // One line for the state and one for the end, not one per attempt.
    assert_eq!(output.stderr.lines().filter(|line| line.contains(" wait: ")).count(), 1, "{}", output.stderr);
}

#[test]
fn a_server_that_comes_late_is_noticed() {
    let cluster = Cluster::stopped("");
    let mut doorstep = Doorstep::new(&["run", "--", "echo", "up"]).env("DATABASE_URL", &cluster.url()).spawn();
    doorstep.until_stderr("connection refused");
    cluster.start();
    doorstep.finish("run").code(0).stdout_is("up");
}

#[test]
fn a_name_that_does_not_resolve_is_waited_for() {
    wait("postgres://u@no-such-host.invalid/d", "1s").code(69).stderr_has("no-such-host.invalid").stderr_has("resolve");
}

#[test]
fn a_server_that_is_starting_up_is_polled_until_it_is_ready() {
    // Recovery waits for a WAL segment that never comes: the server answers 57P03 for as long as we like.
    let cluster = Cluster::stopped("hot_standby = off\nrestore_command = 'false'\n");
    std::fs::write(cluster.data().join("standby.signal"), "").unwrap();
    cluster.begin_start();
    let doorstep = Doorstep::new(&["wait", "--wait-timeout", "3s"]).env("DATABASE_URL", &cluster.url()).run();
    doorstep.code(69).stderr_has("57P03").stderr_has("last cause: the database system is");
    // Promotion ends the recovery, and a wait in progress notices.
    let mut doorstep = Doorstep::new(&["wait"]).env("DATABASE_URL", &cluster.url()).spawn();
    doorstep.until_stderr("57P03");
    crate::support::run(cluster.pg_ctl("promote").arg("-W"));
    doorstep.finish("wait").code(0);
}

#[test]
fn a_server_that_is_shutting_down_is_waited_for() {
    let cluster = Cluster::started("");
    // A smart shutdown waits for this session and refuses new ones.
    let mut command = std::process::Command::new("psql");
    command.args(["-X", "-h", "127.0.0.1", "-U", "postgres", "-p", &cluster.port.to_string(), "postgres"]);
    command.env("PGPASSWORD", PASSWORD).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut session = crate::support::Running::from(command.spawn().unwrap());
    let stdin = session.child.stdin.as_mut().unwrap();
    writeln!(stdin, "\\echo in").unwrap();
    assert_eq!(session.stdout_line(), "in");
    crate::support::run(cluster.pg_ctl("stop").args(["-m", "smart", "-W"]));
    let url = cluster.url();
    until("the shutdown begins", || {
        let output = wait(&url, "500ms");
        output.stderr.contains("shutting down").then_some(())
    });
}

#[test]
fn a_wrong_password_stops_at_once() {
    let database = Database::fresh();
    let began = Instant::now();
    let output = wait(&database.url().replace(PASSWORD, "hunter2"), "20s").code(77);
    output.stderr_has("password authentication failed").stderr_has("28P01").stderr_lacks("hunter2");
    assert!(began.elapsed() < Duration::from_secs(10), "it waited for what never passes");
}

#[test]
fn a_missing_password_is_said_to_be_missing() {
    let database = Database::fresh();
    wait(&database.url().replace(&format!(":{PASSWORD}"), ""), "20s").code(77).stderr_has("no password was given");
}

#[test]
fn a_missing_database_is_waited_for_by_wait_and_created_by_run() {
    let database = Database::absent();
    wait(&database.url(), "500ms").code(69).stderr_has("3D000");
    let url = database.url();
    Doorstep::new(&["run"]).env("DATABASE_URL", &url).run().code(0).stderr_has("created the database");
    assert_eq!(database.sql("SELECT 1"), "1");
}

#[test]
fn a_role_that_may_not_create_the_database_is_told_so() {
    let (database, absent) = (Database::fresh(), Database::absent());
    let role = database.role("");
    let url = absent.url_as(&role);
    let output = Doorstep::new(&["run"]).env("DATABASE_URL", &url).run();
    output.code(77).stderr_has("could not create the missing database").stderr_has("CREATEDB");
}

#[test]
fn a_full_server_is_waited_for() {
    let cluster = Cluster::started("max_connections = 4\nsuperuser_reserved_connections = 0\n");
    let database = Database { name: "postgres".to_owned(), port: cluster.port };
    let sleeper = || database.session("SELECT pg_sleep(600)");
    let mut held: Vec<_> = (0..4).map(|_| sleeper()).collect();
    until("all places are taken", || {
        // Another connection may have taken the slot of doorstep's attempt.
        for session in &mut held {
            if !session.is_running() {
                *session = sleeper();
            }
        }
        let output = wait(&cluster.url(), "200ms");
        output.stderr.contains("53300").then_some(())
    });
    let mut doorstep = Doorstep::new(&["wait"]).env("DATABASE_URL", &cluster.url()).spawn();
    doorstep.until_stderr("53300");
    // A backend does not end together with its client; it notices when it writes.
    held.clear();
    crate::support::run(cluster.pg_ctl("restart").args(["-m", "immediate", "-w"]));
    doorstep.finish("wait").code(0);
    std::mem::forget(database);
}

#[test]
fn a_standby_is_not_what_is_waited_for() {
    let cluster = Cluster::stopped("hot_standby = on\nprimary_conninfo = ''\n");
    std::fs::write(cluster.data().join("standby.signal"), "").unwrap();
    cluster.begin_start();
    until("the standby answers", || {
        let output = wait(&cluster.url(), "700ms").code(69);
        output.stderr.contains("the server is a standby (in recovery)").then_some(())
    });
    crate::support::run(cluster.pg_ctl("promote").arg("-w"));
    wait(&cluster.url(), "20s").code(0);
}

#[test]
fn a_read_only_database_is_waited_for() {
    let database = Database::fresh();
    database.sql(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", database.name));
    wait(&database.url(), "500ms").code(69).stderr_has("default_transaction_read_only");
}

#[test]
fn a_black_hole_costs_one_attempt_timeout_each() {
    let hole = BlackHole::new("127.0.0.1");
    let url = format!("postgres://u:p@127.0.0.1:{}/d?connect_timeout=1", hole.port);
    wait(&url, "3s").code(69).stderr_has("no answer within 1.0s");
}

#[test]
fn a_server_that_accepts_and_stays_silent_is_a_black_hole_too() {
    let silent = Listener::answering(|mut stream| while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {});
    let url = format!("{}?connect_timeout=1&sslmode=disable", silent.url());
    wait(&url, "3s").code(69).stderr_has("no answer within 1.0s");
}

#[test]
fn a_proxy_with_nothing_behind_it_is_waited_for() {
    // What is not read when a connection is closed makes the kernel reset it.
    let closing = Listener::answering(|mut stream| drop(stream.read(&mut [0; 1024])));
    for mode in ["prefer", "disable"] {
        let url = format!("{}?sslmode={mode}", closing.url());
        wait(&url, "500ms").code(69).stderr_has("closed the connection");
    }
}

#[test]
fn something_that_is_not_postgresql_is_named() {
    let web = Listener::answering(|mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    wait(&web.url(), "500ms").code(69).stderr_has("is not PostgreSQL");
}

#[test]
fn attempts_and_interval_replace_backoff() {
    let url = format!("postgres://u@127.0.0.1:{}/d", free_port());
    let output = Doorstep::new(&["wait", "--wait-attempts", "3", "--wait-interval", "50ms"]);
    let output = output.env_remove("DOORSTEP_WAIT_TIMEOUT").env("DATABASE_URL", &url).run();
    output.code(69).stderr_has("(3 attempts)");
}

#[test]
fn a_long_wait_has_a_heartbeat() {
    let url = format!("postgres://u@127.0.0.1:{}/d", free_port());
    let mut doorstep = Doorstep::new(&["wait", "--wait-timeout", "60s"]).env("DATABASE_URL", &url).spawn();
    doorstep.until_stderr("still waiting after 1");
    doorstep.signal("TERM");
    doorstep.finish("wait").code(143);
}

#[test]
fn a_login_that_pg_hba_does_not_admit_is_not_blamed_on_the_password() {
    let cluster = Cluster::started("");
    std::fs::write(cluster.data().join("pg_hba.conf"), "host all postgres 127.0.0.1/32 scram-sha-256\n").unwrap();
    crate::support::psql(cluster.port, "postgres", "CREATE ROLE shopper LOGIN PASSWORD 'x'");
    crate::support::run(&mut cluster.pg_ctl("reload"));
    let url = |mode: &str| format!("postgres://shopper:x@127.0.0.1:{}/postgres?sslmode={mode}", cluster.port);
    until("the server has read its pg_hba.conf", || {
        let output = wait(&url("disable"), "20s").code(77);
        output.stderr.contains("no pg_hba.conf entry").then_some(())
    });
    let output = wait(&url("disable"), "20s").code(77).stderr_lacks("check user and password");
    output.stderr_has("sslmode=require in the URL").stderr_has("a line for \"shopper\"");
    // The server has no TLS.
    let output = wait(&url("prefer"), "20s").code(77).stderr_lacks("check user and password");
    output.stderr_has("pg_hba.conf").stderr_lacks("sslmode=require");
}

#[test]
fn a_role_without_connect_is_told_the_grant_that_it_needs() {
    let (database, absent) = (Database::fresh(), Database::absent());
    let role = database.role("");
    database.sql(&format!("REVOKE CONNECT ON DATABASE \"{}\" FROM PUBLIC", database.name));
    let output = wait(&database.url_as(&role), "20s").code(77).stderr_has("42501").stderr_lacks("CREATEDB");
    let (_, grant) = output.stderr.split_once("run: ").expect("a statement");
    database.sql(grant.lines().next().unwrap());
    wait(&database.url_as(&role), "20s").code(0);
    // A server of its own, since others use the database postgres of the shared one.
    let cluster = Cluster::started("");
    let sql = |sql: &str| crate::support::psql(cluster.port, "postgres", sql);
    sql("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC");
    sql(&format!("CREATE ROLE shopper LOGIN PASSWORD '{PASSWORD}'"));
    let url = format!("postgres://shopper:{PASSWORD}@127.0.0.1:{}/{}", cluster.port, absent.name);
    let run = || Doorstep::new(&["run"]).env("DATABASE_URL", &url).run();
    let output = run().code(77).stderr_has("GRANT CONNECT ON DATABASE postgres TO \"shopper\";");
    let (_, allow) = output.stderr.split_once("allow the role to: ").expect("statements");
    sql(allow.lines().next().unwrap());
    run().code(0);
}

#[test]
fn a_role_that_may_not_log_in_is_told_the_statement_that_it_needs() {
    let database = Database::fresh();
    let role = database.role("");
    database.sql(&format!("ALTER ROLE {role} NOLOGIN"));
    let output = wait(&database.url_as(&role), "20s").code(77);
    let (_, alter) = output.stderr.split_once("if it exists: ").expect("a statement");
    database.sql(alter.lines().next().unwrap().trim_end_matches(')'));
    wait(&database.url_as(&role), "20s").code(0);
}

#[test]
fn a_directory_in_place_of_an_sqlite_file_is_said_to_be_one() {
    let project = crate::support::Project::bare();
    std::fs::create_dir(project.path("data")).unwrap();
    let output = project.doorstep("file:./data", &["run"]).run().code(78).stderr_lacks("GRANT");
    let output = output.stderr_has("directory").stderr_has("name a file in the URL");
    let (_, url) = output.stderr.split_once("such as ").expect("a URL");
    project.doorstep(url.lines().next().unwrap(), &["run"]).run().code(0);
    project.write("notes.db", "this is no database, but text of some length that SQLite refuses to read as one");
    project.doorstep("file:./notes.db", &["run"]).run().code(78).stderr_has("this file is another one");
}
