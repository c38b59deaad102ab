//! The session that holds the lock ends while a command runs: the command never goes on without it, and no other doorstep
//! starts its own before it has ended.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::ground::{Engine, Ground};
use crate::support::running_migration::{backend, kill, terminate};
use crate::support::{Cluster, Database, Doorstep, MysqlDatabase, MysqlServer, Project, Running, run, until};

/// How long after the loss of the lock a process of the command may live.
const LIMIT: Duration = Duration::from_secs(8);

/// A tool that waits in its first run, with processes that ignore SIGTERM: itself, one of its group, and one in a session
/// of its own whose parent has exited. In its second run it is done at once.
const STUBBORN: &str = "#!/bin/sh\n\
    echo run >> runs\n\
    [ -e again ] && exit 0\n\
    touch again\n\
    trap '' TERM\n\
    echo $$ >> pids\n\
    wait_for_ever='trap \"\" TERM; echo $$ >> pids; while :; do sleep 600; done'\n\
    sh -c \"$wait_for_ever\" &\n\
    (setsid sh -c \"$wait_for_ever\" &)\n\
    while [ \"$(wc -l < pids)\" -lt 3 ]; do sleep 0.01; done\n\
    echo begun\n\
    while :; do sleep 600; done\n";

/// A project whose `tool` is this script, and a call of doorstep with it.
fn project(script: &str) -> Project {
    let project = Project::bare().file("tool", script);
    run(Command::new("chmod").arg("+x").arg(project.path("tool")));
    project
}

fn start(project: &Project, url: &str, more: &[&str]) -> Doorstep {
    let arguments = [&["run", "--migrate-command", "./tool"], more, &["--", "echo", "up"]].concat();
    project.doorstep(url, &arguments)
}

/// Starts doorstep, and waits until its command says that it has begun.
fn begun(doorstep: Doorstep) -> Running {
    let mut running = doorstep.spawn();
    running.until_stderr("migrate: begun");
    running
}

/// A start whose command is [`STUBBORN`], and has begun.
fn stubborn(url: &str) -> (Project, Running) {
    let project = project(STUBBORN);
    let doorstep = begun(start(&project, url, &[]));
    (project, doorstep)
}

fn lines(project: &Project, file: &str) -> usize {
    std::fs::read_to_string(project.path(file)).unwrap_or_default().lines().count()
}

/// Waits until all processes of [`STUBBORN`] have ended, children of theirs included.
fn all_end(project: &Project, since: Instant) {
    let pids = std::fs::read_to_string(project.path("pids")).unwrap();
    assert_eq!(pids.lines().count(), 3);
    until("all processes of the command have ended", || (!pids.lines().any(is_alive)).then_some(()));
    assert!(since.elapsed() < LIMIT, "{:?}", since.elapsed());
}

fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

/// Which session holds the advisory lock with this key, the eight characters of the name.
fn holds(name: &str) -> String {
    let key = i64::from_be_bytes(name.as_bytes().try_into().unwrap());
    format!(
        "pid = (SELECT l.pid FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = current_database() \
         AND l.locktype = 'advisory' AND l.granted AND l.classid::bigint = {} AND l.objid::bigint = {})",
        key >> 32,
        key & 0xffff_ffff
    )
}

/// The session that holds the migration lock of a tool that doorstep does not know.
fn holder(ground: &Ground) -> String {
    match ground {
        Ground::Postgres(database) => backend(database, &holds("doorstep")),
        Ground::Mysql(database, _) => user_of_lock(database, "doorstep"),
    }
}

/// The session that says that a command runs.
fn mark(ground: &Ground) -> String {
    match ground {
        Ground::Postgres(database) => backend(database, &holds("doorhook")),
        Ground::Mysql(database, _) => user_of_lock(database, "doorstep child"),
    }
}

/// The session that has the lock of this name and the database's.
fn user_of_lock(database: &MysqlDatabase, name: &str) -> String {
    let user = format!("SELECT IS_USED_LOCK('{name} {}')", database.name);
    until("the lock is taken", || Some(database.sql(&user)).filter(|id| id != "NULL"))
}

#[test]
fn a_command_whose_lock_is_lost_ends_with_all_that_it_has_started_and_runs_again() {
    for (engine, why) in [(Engine::Postgres, "57P01"), (Engine::Mysql, "")] {
        let ground = Ground::fresh(engine);
        let (project, mut doorstep) = stubborn(&ground.url());
        ground.terminate(&holder(&ground));
        let since = Instant::now();
        let seen =
            doorstep.until_stderr("the connection that holds the migration lock was lost while migrate_command runs");
        assert!(seen.contains(why), "{seen}");
        all_end(&project, since);
        let output = doorstep.finish("run").code(0).stdout_is("up").stderr_has("waiting again");
        output.stderr_has("migrate_command succeeded");
        assert_eq!(lines(&project, "runs"), 2);
    }
}

#[test]
fn a_restart_of_the_server_and_a_cut_connection_are_losses_too() {
    let cluster = Cluster::started("");
    let (project, doorstep) = stubborn(&cluster.url());
    let since = Instant::now();
    run(cluster.pg_ctl("restart").args(["-m", "immediate"]));
    all_end(&project, since);
    doorstep.finish("run").code(0).stdout_is("up").stderr_has("was lost while migrate_command runs");
    let mut server = MysqlServer::started(&[]);
    let (project, doorstep) = stubborn(&server.url("app"));
    let since = Instant::now();
    server.kill();
    server.start(&[]);
    all_end(&project, since);
    doorstep.finish("run").code(0).stdout_is("up").stderr_has("was lost while migrate_command runs");
}

/// Relays to a server. The connections that are open at [`Relay::fail`] are cut, or silent from then on.
struct Relay {
    port: u16,
    failures: Arc<AtomicUsize>,
}

impl Relay {
    /// To the server of this URL.
    fn new(url: &str, cuts: bool) -> Self {
        let to = port(url);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, failures) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let failed = Arc::clone(&failures);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let (failed, born) = (Arc::clone(&failed), failed.load(Ordering::SeqCst));
                    std::thread::spawn(move || relay(from, to, cuts, &|| failed.load(Ordering::SeqCst) > born));
                }
            }
        });
        Self { port, failures }
    }

    fn fail(&self) {
        self.failures.fetch_add(1, Ordering::SeqCst);
    }

    /// The URL with its own port.
    fn url(&self, ground: &Ground) -> String {
        let (url, tls) = match ground.engine() {
            Engine::Mysql => (ground.url(), "ssl-mode=DISABLED"),
            Engine::Postgres | Engine::Sqlite => (ground.url(), "sslmode=disable"),
        };
        format!("{}?{tls}", url.replace(&format!(":{}/", port(&url)), &format!(":{}/", self.port)))
    }
}

/// The port of a URL.
fn port(url: &str) -> u16 {
    let place = url.rsplit_once('@').unwrap().1;
    place.split([':', '/']).nth(1).unwrap().parse().unwrap()
}

fn relay(mut from: TcpStream, mut to: TcpStream, cuts: bool, has_failed: &dyn Fn() -> bool) {
    from.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let mut buffer = [0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer);
        if has_failed() {
            if cuts {
                let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
                return;
            }
            continue;
        }
        match read {
            Ok(0) => break,
            Ok(length) => to.write_all(&buffer[..length]).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

#[test]
fn silence_and_a_cut_are_noticed_within_seconds() {
    for (engine, cuts) in Engine::SERVERS.into_iter().flat_map(|engine| [(engine, true), (engine, false)]) {
        let ground = Ground::fresh(engine);
        let relay = Relay::new(&ground.url(), cuts);
        let (project, mut doorstep) = stubborn(&relay.url(&ground));
        relay.fail();
        let since = Instant::now();
        doorstep.until_stderr("was lost while migrate_command runs");
        all_end(&project, since);
        // The server does not notice the silence: the sessions hold their locks.
        if !cuts {
            ground.terminate(&mark(&ground));
            ground.terminate(&holder(&ground));
        }
        doorstep.finish("run").code(0).stdout_is("up");
        assert_eq!(lines(&project, "runs"), 2);
    }
}

#[test]
fn a_hook_is_a_command_too() {
    for engine in Engine::SERVERS {
        let ground = Ground::fresh(engine);
        let project = if engine == Engine::Mysql { Project::mysql() } else { Project::new() };
        let project = project.file("tool", STUBBORN).migration("1_users", "CREATE TABLE users (id integer);\n");
        run(Command::new("chmod").arg("+x").arg(project.path("tool")));
        let arguments = ["run", "--before-migrate", "./tool", "--", "echo", "up"];
        let doorstep = begun(project.doorstep(&ground.url(), &arguments));
        let pid = match &ground {
            Ground::Postgres(database) => backend(database, &holds("\0\0\0\0\u{4}Um)")),
            Ground::Mysql(..) => holder(&ground),
        };
        ground.terminate(&pid);
        let since = Instant::now();
        all_end(&project, since);
        let output = doorstep.finish("run").code(0).stdout_is("up").stderr_has("(1 applied)");
        output.stderr_has("while before_migrate runs");
    }
}

#[test]
fn limits_of_time_do_not_end_the_session_that_holds_the_lock_and_scripts_keep_them() {
    let database = Database::fresh();
    let role = database.role("");
    database.sql(&format!(
        "ALTER ROLE {role} SET idle_session_timeout = '200ms'; ALTER ROLE {role} SET statement_timeout = '30s'; \
         ALTER ROLE {role} SET idle_in_transaction_session_timeout = '300ms'; GRANT ALL ON SCHEMA public TO {role}"
    ));
    let sql = "CREATE TABLE limits AS SELECT current_setting('idle_session_timeout'), current_setting('statement_timeout'), \
               current_setting('idle_in_transaction_session_timeout') AS c;";
    let sql = sql.replacen("'),", "') AS a,", 1).replacen("'), current", "') AS b, current", 1);
    let project = Project::new().migration("1_limits", &sql);
    let hook = "psql -XAtq $DATABASE_URL -c 'SET statement_timeout = 0; SELECT pg_sleep(1)'";
    let hook = format!("sh -c \"{hook}\"");
    let arguments = ["run", "--before-migrate", &hook, "--after-migrate", &hook];
    let output = project.doorstep(&database.url_as(&role), &arguments).run().code(0);
    output.stderr_lacks("lost").stderr_has("after_migrate succeeded");
    assert_eq!(database.sql("SELECT * FROM limits"), "200ms|30s|300ms");
    database.sql(&format!("DROP OWNED BY {role}"));
}

/// A tool that runs one statement in psql and says that it is about to.
fn statement(sql: &str) -> Project {
    project(&format!(
        "#!/bin/sh\n[ -e again ] && exit 0\ntouch again\necho begun\nexec psql -Xq $DATABASE_URL -c \"{sql}\"\n"
    ))
}

/// Kills doorstep and its child, whose statement runs on.
fn killed_with_its_child(database: &Database, doorstep: Running) -> String {
    let statement = backend(database, "query LIKE '%pg_sleep(600)%' AND wait_event = 'PgSleep'");
    let children = format!("/proc/{0}/task/{0}/children", doorstep.pid());
    let child = std::fs::read_to_string(children).unwrap().trim().to_owned();
    kill(doorstep);
    run(Command::new("kill").args(["-9", &child]));
    statement
}

#[test]
fn the_next_start_waits_for_a_statement_that_runs_on_and_names_its_session() {
    // The first is known by its name alone, the second by the lock of a new table.
    for (sql, name) in [("SELECT pg_sleep(600)", ""), ("CREATE TABLE t (); SELECT pg_sleep(600)", "mine")] {
        let database = Database::fresh();
        let project = statement(sql);
        let first = start(&project, &database.url(), &[]).env("HOSTNAME", "pod-1").env("PGAPPNAME", name);
        let first = if name.is_empty() { first.env_remove("PGAPPNAME") } else { first };
        let pid = killed_with_its_child(&database, first.spawn());
        let limit = ["--migration-lock-timeout", "1500ms"];
        let output = start(&project, &database.url(), &limit).run().code(75).stdout_is("");
        let application = if name.is_empty() { "doorstep pod-1 migrate_command" } else { name };
        let shown = format!("pid {pid}, application {application}, client 127.0.0.1");
        output.stderr_has(&format!("by: {shown}")).stderr_has("pg_terminate_backend");
        let mut next = start(&project, &database.url(), &[]).spawn();
        next.until_stderr(&format!("waiting for the end of an earlier child: {shown}"));
        terminate(&database, &pid);
        next.finish("run").code(0).stdout_is("up");
    }
}

#[test]
fn on_mysql_the_next_start_waits_for_a_statement_that_runs_on_and_names_its_session() {
    let ground = Ground::fresh(Engine::Mysql);
    let Ground::Mysql(database, _) = &ground else { panic!("it is on MySQL") };
    let url = ground.url();
    let (login, place) = url.strip_prefix("mysql://").unwrap().split_once('@').unwrap();
    let (user, password) = login.split_once(':').unwrap();
    let (host, port) = place.split_once(':').unwrap();
    let client = format!(
        "mariadb --no-defaults -h{host} -P{} -u{user} -p{password} {}",
        port.split_once('/').unwrap().0,
        database.name
    );
    let sql = "CREATE TABLE t AS SELECT SLEEP(600) AS c";
    let project =
        project(&format!("#!/bin/sh\n[ -e again ] && exit 0\ntouch again\necho begun\nexec {client} -e '{sql}'\n"));
    let first = begun(start(&project, &url, &[]));
    let running = format!("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND info = '{sql}'");
    let id = until("the statement runs", || Some(database.sql(&running)).filter(|id| !id.is_empty()));
    let children = format!("/proc/{0}/task/{0}/children", first.pid());
    let child = std::fs::read_to_string(children).unwrap().trim().to_owned();
    kill(first);
    run(Command::new("kill").args(["-9", &child]));
    let limit = ["--migration-lock-timeout", "1500ms"];
    let output = start(&project, &url, &limit).run().code(75).stdout_is("");
    output.stderr_has(&format!("pid {id}, application root, client "));
    let mut next = start(&project, &url, &[]).spawn();
    next.until_stderr(&format!("waiting for the end of an earlier child: pid {id}"));
    ground.terminate(&id);
    next.finish("run").code(0).stdout_is("up");
}

#[test]
fn a_service_of_the_same_role_does_not_keep_a_start_waiting() {
    let database = Database::fresh();
    database.sql("CREATE TABLE busy (id integer); INSERT INTO busy VALUES (1)");
    let service = "DO $$ BEGIN LOOP UPDATE busy SET id = id + 1; COMMIT; PERFORM pg_sleep(0.01); END LOOP; END $$";
    let _service = database.session(service);
    let _reader = database.session("SELECT pg_sleep(600)");
    backend(&database, "query LIKE 'DO %'");
    start(&project("#!/bin/sh\n"), &database.url(), &["--migration-lock-timeout", "5s"]).run().code(0).stdout_is("up");
}

#[test]
fn on_mysql_a_service_of_the_same_role_does_not_keep_a_start_waiting() {
    let database = MysqlDatabase::fresh();
    database.sql("CREATE TABLE busy (id integer); INSERT INTO busy VALUES (1)");
    let service = "UPDATE busy SET id = id + 1; DO SLEEP(0.01); ".repeat(1500);
    let _service = database.session(&service);
    let _reader = database.session("SELECT SLEEP(600)");
    until("the service writes", || (database.sql("SELECT id > 5 FROM busy") == "1").then_some(()));
    start(&project("#!/bin/sh\n"), &database.url(), &["--migration-lock-timeout", "5s"]).run().code(0).stdout_is("up");
}

#[test]
fn the_next_replica_does_not_start_its_command_while_the_first_is_still_ending() {
    for engine in Engine::SERVERS {
        let ground = Ground::fresh(engine);
        let tool = "#!/bin/sh\ntrap '' TERM\necho in >> order\n[ -e again ] || { touch again; echo begun; sleep 600; }\necho out >> order\n";
        let project = project(tool);
        let mut first = begun(start(&project, &ground.url(), &[]));
        let second = start(&project, &ground.url(), &[]).spawn();
        ground.terminate(&holder(&ground));
        // The first one's second session is there until its command is gone.
        mark(&ground);
        first.until_stderr("was lost while migrate_command runs");
        assert_eq!(std::fs::read_to_string(project.path("order")).unwrap(), "in\n");
        first.finish("run").code(0).stdout_is("up");
        second.finish("run").code(0).stdout_is("up");
        // The first command was killed before its `out`.
        assert_eq!(std::fs::read_to_string(project.path("order")).unwrap(), "in\nin\nout\nin\nout\n");
    }
}

#[test]
fn a_second_signal_kills_the_command_instead_of_leaving_it_behind() {
    for engine in Engine::SERVERS {
        let ground = Ground::fresh(engine);
        let (project, mut doorstep) = stubborn(&ground.url());
        let since = Instant::now();
        doorstep.signal("TERM");
        doorstep.until_stderr("passed on to");
        // Until then the first signal may not have been answered.
        doorstep.signal("TERM");
        all_end(&project, since);
        assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
        doorstep.finish("run").code(143);
    }
}

#[test]
fn one_signal_ends_the_command_with_all_that_it_has_started() {
    let database = Database::fresh();
    let (project, doorstep) = stubborn(&database.url());
    let since = Instant::now();
    doorstep.signal("TERM");
    doorstep.finish("run").code(143).stderr_has("did not end, and was killed").stderr_lacks("unknown");
    assert!(since.elapsed() < LIMIT, "{:?}", since.elapsed());
    all_end(&project, since);
}
