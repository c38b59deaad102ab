//! MySQL and MariaDB: logins, TLS, locks, signals, and what a script leaves in its session. Each test has a fresh database on a
//! real server.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{
    Doorstep, MysqlDatabase, MysqlServer, Output, PASSWORD, Project, Running, free_port, is_mariadb, mysql, until,
};

fn wait(url: &str, timeout: &str) -> Output {
    Doorstep::new(&["wait", "--wait-timeout", timeout]).env("DATABASE_URL", url).run()
}

/// The names that DROP USER takes.
fn drop_account(account: &str) {
    mysql("", &format!("DROP USER {account}@'%'"));
}

/// The number of the session of this database that runs this, as soon as there is one.
fn at_work(database: &MysqlDatabase, text: &str) -> String {
    until(&format!("a session runs {text}"), || {
        let sql = format!(
            "SELECT id FROM information_schema.processlist WHERE db = '{}' AND id <> CONNECTION_ID() AND info LIKE '{text}%'",
            database.name
        );
        Some(mysql("", &sql)).filter(|id| id.parse::<u32>().is_ok())
    })
}

#[test]
fn a_ready_database_ends_the_wait_and_is_called_by_its_name() {
    let database = MysqlDatabase::fresh();
    wait(&database.url(), "20s").code(0).stderr_has(" accepts work after").stdout_is("");
}

#[test]
fn every_form_of_a_url_reaches_the_same_database() {
    let database = MysqlDatabase::fresh();
    let url = database.url();
    let place = url.split_once('@').unwrap().1.to_owned();
    let (host, path) = place.split_once('/').unwrap();
    for form in [
        url.replace("mysql://", "mariadb://"),
        url.replace("mysql://", "mysql+pymysql://") + "?charset=utf8mb4",
        url.replace("mysql://", "jdbc:mysql://"),
        format!("jdbc:mariadb://{place}?user=root&password={PASSWORD}&useSSL=false"),
        format!("root:{PASSWORD}@tcp({host})/{path}?parseTime=true"),
        url.clone() + "?connection_limit=1&connect_timeout=3&sslaccept=accept_invalid_certs&ssl-mode=PREFERRED",
    ] {
        wait(&form, "20s").code(0).stderr_lacks("WARN");
    }
    wait(&(url + "?serverTimezone=UTC"), "20s").code(0).stderr_has("`serverTimezone` has no effect");
}

/// An address of this machine that is not its loopback; none of its packets is sent.
fn own_address() -> Option<std::net::IpAddr> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|address| !address.is_loopback())
}

#[test]
fn a_login_without_tls_over_a_network_is_warned_of_once() {
    let Some(address) = own_address() else { return eprintln!("skipped: this machine has no address of its own") };
    if !is_mariadb() {
        return eprintln!("skipped: MySQL makes a certificate for itself, and its first login needs TLS");
    }
    let server = MysqlServer::started(&["--bind-address=0.0.0.0", "--skip-ssl"]);
    server.sql(&format!("CREATE DATABASE d; CREATE USER u@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON d.* TO u@'%'"));
    let url = format!("mysql://u:{PASSWORD}@{address}:{}/d", server.port);
    let output = wait(&url, "20s").code(0);
    assert_eq!(output.stderr.matches("offers no TLS").count(), 1, "{}", output.stderr);
    wait(&format!("{url}?ssl-mode=DISABLED"), "20s").code(0).stderr_lacks("WARN");
    wait(&server.url("d"), "20s").code(0).stderr_lacks("WARN");
}

#[test]
fn a_closed_port_is_waited_for_and_named_in_the_end() {
    let output = wait(&format!("mysql://u@127.0.0.1:{}/d", free_port()), "1s").code(69);
    output.stderr_has("was not ready after").stderr_has("connection refused");
    wait("mysql://u@no-such-host.invalid/d", "1s").code(69).stderr_has("no-such-host.invalid").stderr_has("resolve");
}

#[test]
fn a_server_that_comes_late_is_noticed() {
    let mut server = MysqlServer::stopped();
    let mut doorstep = Doorstep::new(&["run", "--", "echo", "up"]).env("DATABASE_URL", &server.url("mysql")).spawn();
    doorstep.until_stderr("connection refused");
    server.start(&[]);
    doorstep.finish("run").code(0).stdout_is("up");
}

#[test]
fn a_server_for_its_socket_only_is_still_initialising() {
    let mut server = MysqlServer::stopped();
    server.start(&["--skip-networking"]);
    let url = format!("mysql://root:{PASSWORD}@localhost/mysql?socket={}/socket", server.directory.path().display());
    let mut doorstep = Doorstep::new(&["wait"]).env("DATABASE_URL", &url).spawn();
    doorstep.until_stderr("skip_networking");
    server.stop();
    server.start(&[]);
    doorstep.finish("wait").code(0);
}

#[test]
fn a_server_that_takes_no_writes_is_waited_for() {
    let server = MysqlServer::started(&["--read-only"]);
    let mut doorstep = Doorstep::new(&["run"]).env("DATABASE_URL", &server.url("mysql")).spawn();
    doorstep.until_stderr("takes no writes (read_only)");
    server.sql("SET GLOBAL read_only = 0");
    doorstep.finish("run").code(0);
}

#[test]
fn an_account_that_has_no_place_left_is_waited_for() {
    let server = MysqlServer::started(&["--max-user-connections=100"]);
    server.sql("CREATE USER app@'%' IDENTIFIED BY 'doorstep'; GRANT ALL ON mysql.* TO app@'%'");
    server.sql("ALTER USER app@'%' WITH MAX_USER_CONNECTIONS 1");
    let url = server.url("mysql").replace("root", "app");
    let held = server.session_as("app", "DO SLEEP(600)");
    until("the account's only place is taken", || {
        (server.sql("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'app' AND state = 'User sleep'")
            == "1")
            .then_some(())
    });
    let mut doorstep = Doorstep::new(&["wait"]).env("DATABASE_URL", &url).spawn();
    doorstep.until_stderr("1226");
    server.sql("ALTER USER app@'%' WITH MAX_USER_CONNECTIONS 0");
    doorstep.finish("wait").code(0);
    drop(held);
}

#[test]
fn a_refused_login_stops_at_once_and_says_what_it_may_be() {
    let database = MysqlDatabase::fresh();
    let began = Instant::now();
    let wrong = database.url().replace(&format!(":{PASSWORD}"), ":hunter2");
    let output = wait(&wrong, "20s").code(77).stderr_has("1045").stderr_lacks("hunter2");
    output.stderr_has("next: check user and password of the URL").stderr_lacks("PG");
    // MySQL wants the whole login for a password that it does not have in its cache.
    let output = wait(&(wrong + "?ssl-mode=DISABLED"), "20s").stderr_has("TLS").stderr_has("ssl-mode=REQUIRED");
    assert!(matches!(output.code, Some(77 | 78)), "{}", output.stderr);
    let account = database.account("");
    let output = wait(&database.url_as(&account), "20s").code(77).stderr_has("1044");
    output.stderr_has("whether or not the database exists").stderr_has("GRANT ALL ON");
    mysql("", &format!("GRANT ALL ON {}.* TO {account}@'%'", database.name));
    mysql("", &format!("ALTER USER {account}@'%' ACCOUNT LOCK"));
    wait(&database.url_as(&account), "20s").code(77).stderr_has("ACCOUNT UNLOCK");
    mysql("", &format!("ALTER USER {account}@'%' ACCOUNT UNLOCK PASSWORD EXPIRE"));
    wait(&database.url_as(&account), "20s").code(77).stderr_has("IDENTIFIED BY");
    drop_account(&account);
    assert!(began.elapsed() < Duration::from_secs(15), "it waited for what never passes");
}

/// MySQL's caching_sha2_password asks for the whole password once, which goes over TLS only, and answers from a cache then.
#[test]
fn the_first_login_of_an_account_needs_tls_where_the_server_asks_for_the_password() {
    let database = MysqlDatabase::fresh();
    let account = database.account("ALL ON DB.*");
    let url = database.url_as(&account);
    if !is_mariadb() {
        let output = wait(&format!("{url}?ssl-mode=DISABLED"), "20s").code(78);
        output.stderr_has("caching_sha2_password").stderr_has("next: encrypt the connection: ssl-mode=REQUIRED");
    }
    for mode in ["", "?ssl-mode=PREFERRED", "?ssl-mode=DISABLED"] {
        wait(&format!("{url}{mode}"), "20s").code(0);
    }
    drop_account(&account);
}

#[test]
fn a_missing_database_is_waited_for_by_wait_and_created_by_run() {
    let database = MysqlDatabase::absent();
    wait(&database.url(), "500ms").code(69).stderr_has("1049");
    Doorstep::new(&["run"]).env("DATABASE_URL", &database.url()).run().code(0).stderr_has("created the database");
    let set = format!(
        "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name = '{}'",
        database.name
    );
    assert_eq!(mysql("", &set), "utf8mb4_unicode_ci");
}

#[test]
fn a_wanted_schema_is_a_database() {
    let (database, other) = (MysqlDatabase::fresh(), MysqlDatabase::absent());
    let project = Project::numbered(&[("1_t.sql", "CREATE TABLE t (id integer);")]);
    project.doorstep(&database.url(), &["run", "--schemas", &other.name]).run().code(0);
    assert_eq!(other.sql("SELECT 1"), "1");
}

/// A certificate for 127.0.0.1 in this directory, and its authority.
fn certificate(directory: &std::path::Path) {
    let openssl = |arguments: &str| {
        let output = Command::new("openssl").args(arguments.split(' ')).current_dir(directory).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    openssl("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=ca");
    openssl("req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=server");
    std::fs::write(directory.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    openssl("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile names");
    for name in ["server.key", "server.pem", "ca.pem"] {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        std::fs::set_permissions(directory.join(name), mode).unwrap();
    }
}

#[test]
fn tls_is_used_where_offered_and_checked_where_asked_for() {
    let mut server = MysqlServer::stopped();
    let at = server.directory.path().display().to_string();
    certificate(server.directory.path());
    let options = [format!("--ssl-cert={at}/server.pem"), format!("--ssl-key={at}/server.key")];
    server.start(&options.iter().map(String::as_str).collect::<Vec<_>>());
    server.until_ready();
    server.sql("CREATE USER app@'%' IDENTIFIED BY 'doorstep' REQUIRE SSL; GRANT ALL ON mysql.* TO app@'%'");
    let url = server.url("mysql").replace("root", "app");
    for fine in [
        String::new(),
        "?ssl-mode=REQUIRED".to_owned(),
        format!("?ssl-mode=VERIFY_IDENTITY&ssl-ca={at}/ca.pem"),
        format!("?sslaccept=strict&sslcert={at}/ca.pem"),
        "?tls=skip-verify".to_owned(),
    ] {
        wait(&(url.clone() + &fine), "20s").code(0);
    }
    wait(&(url.clone() + "?ssl-mode=DISABLED"), "20s").code(77).stderr_has("or the server wants TLS");
    for refused in ["?ssl-mode=VERIFY_IDENTITY", "?sslaccept=strict"] {
        wait(&(url.clone() + refused), "20s").code(78).stderr_has("next: check ssl-mode and ssl-ca of the URL");
    }
}

/// A project with one file that runs for ten minutes, and doorstep at its first statement.
fn at_sleep(database: &MysqlDatabase, script: &str) -> (Project, Running, String) {
    let project = Project::numbered(&[("1_slow.sql", script)]);
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let id = at_work(database, "DO SLEEP");
    (project, doorstep, id)
}

#[test]
fn a_signal_cancels_the_running_statement_and_its_outcome_is_recorded() {
    let database = MysqlDatabase::fresh();
    let (_project, doorstep, id) = at_sleep(&database, "DO SLEEP(600);\nCREATE TABLE late (id integer);\n");
    doorstep.signal("TERM");
    doorstep.finish("run").code(143);
    until("the session is gone", || {
        (mysql("", &format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id}")) == "0")
            .then_some(())
    });
    assert_eq!(database.sql("SELECT finished_at IS NULL FROM _doorstep_migrations"), "1");
    assert_eq!(database.sql("SHOW TABLES LIKE 'late'"), "");
}

#[test]
fn a_dead_client_leaves_at_most_the_statement_that_was_running() {
    let database = MysqlDatabase::fresh();
    let (project, mut doorstep, id) = at_sleep(&database, "DO SLEEP(2);\nCREATE TABLE late (id integer);\n");
    doorstep.child.kill().unwrap();
    doorstep.child.wait().unwrap();
    until("the session is gone", || {
        (mysql("", &format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id}")) == "0")
            .then_some(())
    });
    assert_eq!(database.sql("SHOW TABLES LIKE 'late'"), "");
    project.doorstep(&database.url(), &["status"]).run().stdout_has("1_slow");
}

#[test]
fn two_replicas_exclude_each_other_and_the_holder_is_named() {
    let database = MysqlDatabase::fresh();
    let (project, doorstep, id) = at_sleep(&database, "DO SLEEP(600);\n");
    let arguments = ["run", "--migration-lock-timeout", "200ms"];
    let output = project.doorstep(&database.url(), &arguments).run().code(75);
    output.stderr_has(&format!("held by: pid {id}, application root")).stderr_has("DO SLEEP(600)");
    // Another database has another lock.
    let other = MysqlDatabase::fresh();
    Project::numbered(&[("1_t.sql", "CREATE TABLE t (id integer);")]).doorstep(&other.url(), &["run"]).run().code(0);
    doorstep.signal("TERM");
    doorstep.finish("run").code(143);
}

#[test]
fn prismas_lock_is_waited_for_and_taken() {
    let database = MysqlDatabase::fresh();
    let project = Project::mysql().migration("1_slow", "DO SLEEP(600);\n");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let id = at_work(&database, "DO SLEEP");
    assert_eq!(mysql("", "SELECT IS_USED_LOCK('prisma_migrate')"), id);
    doorstep.signal("TERM");
    doorstep.finish("run").code(143);
}

#[test]
fn a_metadata_lock_is_waited_for_a_moment_and_the_statement_tried_again() {
    let database = MysqlDatabase::fresh();
    let project = Project::numbered(&[("1_busy.sql", "CREATE TABLE busy (id integer);\n")]);
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let reader = database.session("START TRANSACTION; SELECT * FROM busy; DO SLEEP(600)");
    let reader_id = at_work(&database, "DO SLEEP(600)");
    project.write("migrations/2_alter.sql", "ALTER TABLE busy ADD x integer;\n");
    let arguments = ["run", "--statement-lock-timeout", "1s", "--migration-lock-timeout", "60s"];
    let mut doorstep = project.doorstep(&database.url(), &arguments).spawn();
    let seen = doorstep.until_stderr("is tried again: Lock wait timeout exceeded");
    assert!(seen.contains(&format!("2_alter waits for pid {reader_id}")), "{seen}");
    mysql("", &format!("KILL {reader_id}"));
    doorstep.finish("run").code(0);
    drop(reader);
    assert_eq!(database.sql("SHOW COLUMNS FROM busy LIKE 'x'").split('|').next(), Some("x"));
}

#[test]
fn what_a_script_sets_ends_with_it() {
    let database = MysqlDatabase::fresh();
    let other = MysqlDatabase::fresh();
    let first = format!(
        "SET sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT', foreign_key_checks = 0, time_zone = '+05:00';\nSET NAMES latin1;\n\
         SET timestamp = 1;\nUSE {};\nCREATE TABLE elsewhere (id integer);\n",
        other.name
    );
    let reads = |table: &str| {
        format!(
            "CREATE TABLE {table} AS SELECT @@sql_mode AS mode, @@foreign_key_checks AS checks, @@time_zone AS zone, \
             @@character_set_client AS client, @@collation_connection AS collation, YEAR(NOW()) > 2000 AS now;\n"
        )
    };
    let [before, after] = ["at_first", "here"].map(reads);
    let project = Project::numbered(&[
        ("1_reads.sql", before.as_str()),
        ("2_sets.sql", first.as_str()),
        ("3_reads.sql", after.as_str()),
    ]);
    project.doorstep(&database.url(), &["run"]).run().code(0);
    assert_eq!(other.sql("SHOW TABLES"), "elsewhere");
    let expected = mysql("", "SELECT @@global.sql_mode, 1, @@global.time_zone, 'utf8mb4', 1");
    assert_eq!(database.sql("SELECT mode, checks, zone, client, now FROM here"), expected);
    // The collation of a new session is the server's choice.
    let collations = database.sql("SELECT collation FROM at_first UNION SELECT collation FROM here");
    assert!(collations.starts_with("utf8mb4_") && collations.lines().count() == 1, "{collations}");
    let times =
        "SELECT COUNT(*) FROM _doorstep_migrations WHERE finished_at >= started_at AND YEAR(finished_at) > 2000";
    assert_eq!(database.sql(times), "3");
}

#[test]
fn a_transaction_that_a_procedure_leaves_open_is_not_lost_unnoticed() {
    for body in ["START TRANSACTION; INSERT INTO t VALUES (1)", "SET autocommit = 0; INSERT INTO t VALUES (1)"] {
        let database = MysqlDatabase::fresh();
        let create = format!("CREATE PROCEDURE p() BEGIN {body}; END;\n");
        let project = Project::numbered(&[
            ("1_t.sql", "CREATE TABLE t (id integer);\n"),
            ("2_p.sql", create.as_str()),
            ("3_call.sql", "CALL p();\n"),
            ("4_later.sql", "CREATE TABLE later (id integer);\n"),
        ]);
        let output = project.doorstep(&database.url(), &["run"]).run();
        let row = database.sql("SELECT finished_at IS NOT NULL FROM _doorstep_migrations WHERE name = '3_call'");
        // Either all of it is kept and recorded, or none.
        assert_eq!(row, database.sql("SELECT COUNT(*) FROM t"), "{body}\n{}", output.stderr);
        assert_eq!(output.code == Some(0), row == "1", "{body}\n{}", output.stderr);
    }
}

#[test]
fn a_script_that_releases_the_lock_does_not_keep_it_released() {
    let database = MysqlDatabase::fresh();
    let project =
        Project::numbered(&[("1_release.sql", "DO RELEASE_ALL_LOCKS();\n"), ("2_slow.sql", "DO SLEEP(600);\n")]);
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    at_work(&database, "DO SLEEP");
    project.doorstep(&database.url(), &["run", "--migration-lock-timeout", "200ms"]).run().code(75);
    doorstep.signal("TERM");
    doorstep.finish("run").code(143);
}

#[test]
fn a_history_is_not_begun_beside_tables_of_others() {
    let (database, other) = (MysqlDatabase::fresh(), MysqlDatabase::fresh());
    other.sql("CREATE TABLE elsewhere (id integer)");
    let project = Project::numbered(&[("1_t.sql", "CREATE TABLE t (id integer);\n")]);
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let database = MysqlDatabase::fresh();
    database.sql("CREATE TABLE stranger (id integer)");
    project.doorstep(&database.url(), &["run"]).run().code(65).stderr_has("stranger");
    assert_eq!(database.sql("SHOW TABLES"), "stranger");
}

#[test]
fn rows_and_their_record_are_one_transaction() {
    let database = MysqlDatabase::fresh();
    let rows = "INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\nINSERT INTO t VALUES (1);\n";
    let project = Project::numbered(&[("1_t.sql", "CREATE TABLE t (id integer PRIMARY KEY);\n"), ("2_rows.sql", rows)]);
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("2_rows.sql:3").stderr_has("1062").stderr_has("nothing of it was kept");
    assert_eq!(database.sql("SELECT COUNT(*) FROM t"), "0");
}

#[test]
fn a_history_is_resolved_and_begun_from_a_baseline() {
    for project in [
        Project::mysql().migration("1_t", "CREATE TABLE t (id integer);\n"),
        Project::numbered(&[("1_t.sql", "CREATE TABLE t (id integer);\n")]),
    ] {
        let database = MysqlDatabase::fresh();
        database.sql("CREATE TABLE t (id integer)");
        project.doorstep(&database.url(), &["baseline", "--through", "1_t"]).run().code(0);
        project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(0 applied)");
        project.doorstep(&database.url(), &["status"]).run().code(0).stdout_has(": current (");
    }
    let database = MysqlDatabase::fresh();
    let project =
        Project::mysql().migration("1_bad", "CREATE TABLE t (id integer);\nALTER TABLE nowhere ADD x integer;\n");
    project.doorstep(&database.url(), &["run"]).run().code(65).stderr_has("1_bad/migration.sql:2").stderr_has("1146");
    project.doorstep(&database.url(), &["resolve", "--applied", "1_bad"]).run().code(0);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(0 applied)");
}
