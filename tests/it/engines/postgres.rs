//! Connections to PostgreSQL beyond what the driver does: URLs, hosts, sockets, PgBouncer, COPY, notices, round trips.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::support::{
    BlackHole, Cluster, Database, Doorstep, PASSWORD, Project, free_port, pgbouncer, shared_port, until, work,
};

fn ready(url: &str) -> crate::support::Output {
    Doorstep::new(&["wait", "--wait-timeout", "10s"]).env("DATABASE_URL", url).run()
}

#[test]
fn error_texts_are_the_servers_own() {
    let database = Database::fresh();
    let output = Project::new().migration("1_x", "SELECT nope;").doorstep(&database.url(), &["run"]).run().code(65);
    // sqlx appends the line number of PostgreSQL's C source.
    output.stderr_has("column \"nope\" does not exist (42703)").stderr_lacks("at line");
}

#[test]
fn details_and_hints_are_kept() {
    let database = Database::fresh();
    let sql = "DO $$ BEGIN RAISE EXCEPTION 'no' USING DETAIL = 'the detail', HINT = 'the hint'; END $$;";
    let output = Project::new().migration("1_x", sql).doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("detail: the detail").stderr_has("hint: the hint");
}

#[test]
fn notices_and_warnings_of_scripts_are_logged() {
    let database = Database::fresh();
    let sql = "DO $$ BEGIN RAISE NOTICE 'by the way'; RAISE WARNING 'take care'; END $$;";
    let output = Project::new().migration("1_x", sql).doorstep(&database.url(), &["run"]).run().code(0);
    output.stderr_has("INFO  server: by the way").stderr_has("WARN  server: take care");
}

#[test]
fn copy_from_stdin_fails_instead_of_hanging() {
    let database = Database::fresh();
    let sql = "CREATE TABLE t (id integer);\nCOPY t FROM STDIN;\n1\n\\.\n";
    let project =
        Project::new().migration("1_x", "CREATE TABLE t (id integer);\nCOPY t FROM STDIN;\n").migration("2_y", sql);
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("1_x/migration.sql:2: COPY").stderr_has("nothing of the file has run");
    // Where doorstep does not see it, the server asks for the rows, and is told that there are none.
    let hidden = "SET standard_conforming_strings = off;\nCREATE TABLE t (id integer);\nCOPY t FROM STDIN;\n";
    let output = Project::new().migration("1_x", hidden).doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("COPY FROM STDIN needs psql").stderr_has("nothing of it was kept");
}

#[test]
fn copy_to_stdout_and_notifications_disturb_nobody() {
    let database = Database::fresh();
    let copy =
        "CREATE TABLE t (a integer); COPY (SELECT generate_series(1, 100000)) TO STDOUT; CREATE TABLE u (a integer);";
    let notify = "LISTEN foo; NOTIFY foo, 'x'; CREATE TABLE v (a integer);";
    let project = Project::new().migration("1_copy", copy).migration("2_notify", notify);
    project.doorstep(&database.url(), &["run", "--require-tables", "t,u,v"]).run().code(0).stderr_has("(2 applied)");
}

#[test]
fn a_login_refused_for_what_it_asks_is_final() {
    let database = Database::fresh();
    ready(&format!("{}?options=-c%20nosuch%3D1", database.url())).code(78).stderr_has("nosuch");
    // A password that SASLprep forbids is sent as it is, as by libpq, and the server refuses it.
    ready(&database.url().replace(PASSWORD, "hunter%09two")).code(77).stderr_lacks("hunter").stderr_has("(28P01)");
    database.sql(&format!("REVOKE CONNECT ON DATABASE {} FROM public", database.name));
    let role = database.role("");
    let output = Project::bare().doorstep(&database.url_as(&role), &["run"]).run().code(77);
    output.stderr_has("GRANT CONNECT").stderr_lacks("could not create");
}

#[test]
fn a_database_missing_on_one_of_several_hosts_is_created_there() {
    for dead_first in [true, false] {
        let database = Database::absent();
        let (dead, live) = (format!("127.0.0.1:{}", free_port()), format!("127.0.0.1:{}", database.port));
        let hosts = if dead_first { format!("{dead},{live}") } else { format!("{live},{dead}") };
        let url = format!("postgres://postgres:{PASSWORD}@{hosts}/{}", database.name);
        Project::bare().doorstep(&url, &["run"]).run().code(0).stderr_has("created the database");
    }
}

#[test]
fn ipv6_literals_are_understood() {
    let cluster = Cluster::started("listen_addresses = '127.0.0.1, ::1'\n");
    ready(&format!("postgres://postgres:{PASSWORD}@[::1]:{}/postgres", cluster.port)).code(0).stderr_has("[::1]:");
}

#[test]
fn unix_sockets_in_every_spelling() {
    let socket = work().display().to_string();
    let encoded = socket.replace('/', "%2F");
    let port = shared_port();
    for url in [
        format!("postgres://postgres:{PASSWORD}@{encoded}:{port}/postgres"),
        format!("postgres://postgres:{PASSWORD}@localhost:{port}/postgres?host={socket}"),
        format!("host={socket} port={port} user=postgres password={PASSWORD} dbname=postgres"),
    ] {
        ready(&url).code(0).stderr_has(&socket);
    }
    let variables =
        [("PGHOST", socket.as_str()), ("PGUSER", "postgres"), ("PGPASSWORD", PASSWORD), ("PGDATABASE", "postgres")];
    Doorstep::new(&["wait"]).envs(&variables).env("PGPORT", &port.to_string()).run().code(0);
}

#[test]
fn of_several_hosts_the_first_that_takes_writes_is_used() {
    let standby = Cluster::stopped("hot_standby = on\nprimary_conninfo = ''\n");
    std::fs::write(standby.data().join("standby.signal"), "").unwrap();
    standby.begin_start();
    let database = Database::fresh();
    let hosts = format!("127.0.0.1:{},127.0.0.1:{},127.0.0.1:{}", free_port(), standby.port, database.port);
    let url = format!("postgres://postgres:{PASSWORD}@{hosts}/{}?target_session_attrs=primary", database.name);
    ready(&url).code(0);
    let ports = format!("{},{}", standby.port, database.port);
    let keywords =
        format!("host=127.0.0.1,127.0.0.1 port={ports} user=postgres password={PASSWORD} dbname={}", database.name);
    ready(&keywords).code(0);
}

#[test]
fn a_password_file_is_read_and_one_that_others_can_read_is_not() {
    let database = Database::fresh();
    let project = Project::bare().file("pgpass", &format!("127.0.0.1:*:{}:postgres:{PASSWORD}\n", database.name));
    let path = project.path("pgpass");
    let url = database.url().replace(&format!(":{PASSWORD}"), "");
    let run = || project.doorstep(&url, &["wait"]).env("PGPASSFILE", path.to_str().unwrap()).run();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    run().code(77).stderr_has("is ignored: others can read it").stderr_lacks(PASSWORD);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    run().code(0);
}

#[test]
fn session_settings_are_the_servers_not_the_drivers() {
    let database = Database::fresh();
    database.sql(&format!("ALTER DATABASE {} SET timezone = 'Asia/Tokyo'", database.name));
    let sql = "CREATE TABLE z AS SELECT current_setting('TimeZone') AS zone, current_setting('application_name') AS name, \
               current_setting('work_mem') AS mem;";
    let url = format!("{}?options=-c%20work_mem%3D7MB", database.url());
    Project::new().migration("1_z", sql).doorstep(&url, &["run"]).run().code(0);
    assert_eq!(database.sql("SELECT * FROM z"), "Asia/Tokyo|doorstep 1_z|7MB");
}

#[test]
fn pgbouncer_in_session_mode_works() {
    let database = Database::fresh();
    let (_pgbouncer, _directory, url) = pgbouncer(&database, "session");
    let project = Project::with_two();
    project.doorstep(&url, &["run", "--require-tables", "users"]).run().code(0).stderr_has("(2 applied)");
    project.doorstep(&url, &["run", "--require-tables", "users"]).run().code(0).stderr_has("(0 applied)");
}

#[test]
fn pgbouncer_in_transaction_mode_is_refused_before_anything_is_written() {
    let database = Database::fresh();
    let (_pgbouncer, _directory, url) = pgbouncer(&database, "transaction");
    let project = Project::with_two();
    for parameters in ["", "?pgbouncer=true"] {
        let output = project.doorstep(&format!("{url}{parameters}"), &["run"]).run().code(78);
        output.stderr_has("a pooler in transaction mode").stderr_has("migrate_url");
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    // It is accepted if there is nothing to write, or with a direct URL.
    project.doorstep(&url, &["run"]).env("DOORSTEP_MIGRATE_URL", &database.url()).run().code(0);
    project.doorstep(&url, &["run", "--require-tables", "users"]).run().code(0);
}

#[test]
fn commands_that_read_leave_nothing_behind_in_a_transaction_pool() {
    let database = Database::fresh();
    database.sql("CREATE SCHEMA app");
    // One backend for all clients, as long as no two of them have a transaction.
    let (_pgbouncer, _directory, url) = pgbouncer(&database, "transaction\ndefault_pool_size = 1");
    let project = Project::with_two();
    project.doorstep(&format!("{}?schema=app", database.url()), &["migrate"]).run().code(0);
    assert_eq!(database.sql("SELECT to_regclass('app.users') IS NOT NULL"), "t");
    let through = format!("{url}?schema=app");
    let shown = "SELECT name, setting FROM pg_settings WHERE name IN ('search_path', 'lock_timeout', 'statement_timeout', \
                 'idle_session_timeout', 'row_security', 'transaction_read_only') ORDER BY 1";
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
                 (SELECT oid FROM pg_database WHERE datname = current_database())";
    let state = || {
        let psql = || std::process::Command::new("psql").args(["-XAtq", &url, "-c", shown]).output().unwrap();
        let output = until("PgBouncer listens", || Some(psql()).filter(|output| output.status.success()));
        (String::from_utf8(output.stdout).unwrap(), database.sql(locks))
    };
    let before = state();
    assert!(before.0.contains("search_path|\"$user\", public"), "{}", before.0);
    let required = ["--require-tables", "users,posts"];
    for arguments in [
        &["wait"][..],
        &["check"],
        &["status"],
        &["verify"],
        &["diff"],
        &["run", "--migrate", "await"],
        &["run", "--migrate", "off"],
        // It has nothing to write.
        &["run"],
    ] {
        let reads_tables = !matches!(arguments[0], "wait" | "status");
        let arguments = [arguments, if reads_tables { &required } else { &[] }].concat();
        project.doorstep(&through, &arguments).run().code(0);
        assert_eq!(state(), before, "{arguments:?}");
    }
    project.write("prisma/migrations/3_x/migration.sql", "SELECT 1;");
    for arguments in [&["run"][..], &["migrate"], &["resolve", "--applied", "3_x"]] {
        project.doorstep(&through, arguments).run().code(78).stderr_has("a pooler in transaction mode");
        assert_eq!(state(), before, "{arguments:?}");
    }
}

/// Relays to the shared server, and calls it something else: the first text becomes the second in its answers.
fn renaming_proxy(before: &str, after: &'static str) -> u16 {
    assert_eq!(before.len(), after.len());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, before) = (listener.local_addr().unwrap().port(), before.to_owned());
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut server = TcpStream::connect(("127.0.0.1", shared_port())).unwrap();
            let (mut down, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let before = before.clone();
            std::thread::spawn(move || {
                let mut buffer = [0; 64 * 1024];
                while let Ok(read @ 1..) = down.read(&mut buffer) {
                    let answer = &mut buffer[..read];
                    while let Some(at) = answer.windows(before.len()).position(|bytes| bytes == before.as_bytes()) {
                        answer[at..at + before.len()].copy_from_slice(after.as_bytes());
                    }
                    to_client.write_all(answer).unwrap_or_default();
                }
                let _ = to_client.shutdown(Shutdown::Both);
            });
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut client, &mut server);
                let _ = server.shutdown(Shutdown::Both);
            });
        }
    });
    port
}

#[test]
fn a_server_whose_locks_exclude_nobody_is_read_and_never_written() {
    let version = Database::fresh().sql("SELECT split_part(version(), '.', 1)");
    for (name, product) in
        [("CockroachDB 1", "CockroachDB"), ("CrateDB 5.4.4", "CrateDB"), ("Anything 1.23", "`Anything 1.23")]
    {
        let database = Database::fresh();
        let port = renaming_proxy(&version, name);
        let url =
            |database: &str| format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/{database}?sslmode=disable");
        let project = Project::with_two();
        project.doorstep(&url(&database.name), &["wait"]).run().code(0).stderr_has(product);
        for arguments in [
            &["run", "--schemas", "app"][..],
            &["migrate"],
            &["run", "--before-migrate", "touch called"],
            &["run", "--migrate-command", "touch called"],
        ] {
            let project = if arguments.contains(&"--migrate-command") { Project::bare() } else { Project::with_two() };
            let output = project.doorstep(&url(&database.name), arguments).run().code(78);
            output.stderr_has(product).stderr_has("session advisory locks").stderr_has("next: ");
            assert!(!project.path("called").exists(), "{arguments:?}");
        }
        let written = "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'app'), (SELECT count(*) FROM pg_tables \
                       WHERE schemaname = 'public')";
        assert_eq!(database.sql(written), "0|0");
        // Nor is a database created.
        let absent = Database::absent();
        project.doorstep(&url(&absent.name), &["run"]).run().code(78).stderr_has(product);
        assert_eq!(database.sql(&format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", absent.name)), "0");
        // What reads works, and so does a start with nothing to write.
        project.doorstep(&database.url(), &["migrate"]).run().code(0);
        project.doorstep(&url(&database.name), &["verify", "--require-tables", "users"]).run().code(0);
        project.doorstep(&url(&database.name), &["run", "--", "echo", "up"]).run().code(0).stdout_is("up");
    }
}

#[test]
fn functions_of_the_search_path_do_not_stand_before_those_of_the_server() {
    let database = Database::fresh();
    database.sql(
        "CREATE SCHEMA app; CREATE FUNCTION app.version() RETURNS text LANGUAGE sql AS $$SELECT 'CockroachDB v1'$$; \
         CREATE FUNCTION app.pg_backend_pid() RETURNS integer LANGUAGE sql AS 'SELECT 1'; \
         CREATE FUNCTION app.current_database() RETURNS name LANGUAGE sql AS $$SELECT 'x'::name$$; \
         CREATE FUNCTION app.lower(text) RETURNS text LANGUAGE sql AS $$SELECT 'x'$$",
    );
    database.sql(&format!("ALTER DATABASE {} SET search_path = app, pg_catalog", database.name));
    let output = Project::with_two().doorstep(&database.url(), &["run", "--require-tables", "users"]).run().code(0);
    output.stderr_has("(2 applied)").stderr_lacks("CockroachDB");
}

/// Relays to the shared server, and counts the queries that the client sends after login.
fn counting_proxy() -> (u16, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (queries, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, connected) = (Arc::clone(&queries), Arc::clone(&connections));
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            connected.fetch_add(1, Ordering::SeqCst);
            let mut server = TcpStream::connect(("127.0.0.1", shared_port())).unwrap();
            let (mut down, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut down, &mut to_client);
                let _ = to_client.shutdown(Shutdown::Both);
            });
            let counted = Arc::clone(&counted);
            std::thread::spawn(move || {
                let mut length = [0; 4];
                client.read_exact(&mut length).unwrap();
                let mut body = vec![0; u32::from_be_bytes(length) as usize - 4];
                client.read_exact(&mut body).unwrap();
                server.write_all(&[&length[..], &body].concat()).unwrap();
                let mut header = [0; 5];
                while client.read_exact(&mut header).is_ok() {
                    let mut body =
                        vec![0; u32::from_be_bytes([header[1], header[2], header[3], header[4]]) as usize - 4];
                    client.read_exact(&mut body).unwrap();
                    // Query, Sync and Flush each wait for an answer.
                    counted.fetch_add(usize::from(b"QSH".contains(&header[0])), Ordering::SeqCst);
                    server.write_all(&[&header[..], &body].concat()).unwrap();
                }
                let _ = server.shutdown(Shutdown::Both);
            });
        }
    });
    (port, queries, connections)
}

#[test]
fn a_server_that_is_gone_after_the_first_look_is_waited_for_again() {
    let database = Database::fresh();
    let (port, lives) = (free_port(), Arc::new(AtomicUsize::new(0)));
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let counted = Arc::clone(&lives);
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let life = counted.fetch_add(1, Ordering::SeqCst);
            let mut server = TcpStream::connect(("127.0.0.1", shared_port())).unwrap();
            let (mut down, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut down, &mut to_client));
            // The first two connections end at their second query: the opening message passes, what follows does not.
            let (mut buffer, mut queries) = ([0; 16 * 1024], 0);
            while let Ok(read @ 1..) = client.read(&mut buffer) {
                queries += usize::from(buffer[0] == b'Q');
                if life < 2 && queries == 2 {
                    break;
                }
                server.write_all(&buffer[..read]).unwrap();
            }
            let _ = (client.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
        }
    });
    let project = Project::with_two();
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let project = project.migration("20300101000000_pending", "CREATE TABLE pending (id integer);");
    let url = format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/{}?sslmode=disable", database.name);
    let output = project.doorstep(&url, &["run", "--require-tables", "users", "--", "echo", "up"]).run();
    output.code(0).stdout_is("up").stderr_has("lost the database").stderr_has("waiting again");
    assert_eq!(lives.load(Ordering::SeqCst), 3);
}

#[test]
fn a_start_with_nothing_to_do_takes_one_connection_and_one_round_trip() {
    let database = Database::fresh();
    let mut project = Project::new();
    for index in 0..100 {
        project =
            project.migration(&format!("{index:03}_t"), &format!("CREATE TABLE t{index} (id integer primary key);"));
    }
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let tables: Vec<String> = (0..20).map(|index| format!("t{index}")).collect();
    let (port, queries, connections) = counting_proxy();
    let url = format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/{}?sslmode=disable", database.name);
    project.doorstep(&url, &["run", "--require-tables", &tables.join(","), "--", "true"]).run().code(0);
    assert_eq!((connections.load(Ordering::SeqCst), queries.load(Ordering::SeqCst)), (1, 1));
    // Nor does a comparison with the models take another one.
    let models: String = (0..100).map(|index| format!("model t{index} {{\n  id Int @id\n}}\n")).collect();
    let schema = format!("datasource db {{\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}}\n{models}");
    let project = project.file("prisma/schema.prisma", &schema);
    project.doorstep(&url, &["run", "--require-tables", &tables.join(","), "--", "true"]).run().code(0);
    assert_eq!((connections.load(Ordering::SeqCst), queries.load(Ordering::SeqCst)), (2, 2));
    project.doorstep(&url, &["verify"]).run().code(0);
    assert_eq!((connections.load(Ordering::SeqCst), queries.load(Ordering::SeqCst)), (3, 3));
}

#[test]
fn one_round_trip_is_enough_in_a_schema_of_its_own() {
    // Its name has to be quoted. The predicate of an index is asked for in a second message.
    let database = Database::fresh();
    let schema = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\nmodel users {\n  id Int @id\n  mail String @unique\n}\n";
    let project = Project::new().file("prisma/schema.prisma", schema).migration(
        "1_users",
        "CREATE TABLE users (id integer PRIMARY KEY, mail text NOT NULL);\nCREATE UNIQUE INDEX users_mail_key ON users (mail);\n\
         GRANT SELECT ON users TO PUBLIC;\n",
    );
    let (port, queries, _) = counting_proxy();
    let url = format!(
        "postgres://postgres:{PASSWORD}@127.0.0.1:{port}/{}?sslmode=disable&schema=My.%22own%27s%22",
        database.name
    );
    project.doorstep(&url, &["run"]).run().code(0);
    let counted = |words: &[&str]| {
        let before = queries.load(Ordering::SeqCst);
        project.doorstep(&url, words).run().code(0);
        queries.load(Ordering::SeqCst) - before
    };
    assert_eq!(counted(&["run", "--require-tables", "users"]), 1);
    assert_eq!(counted(&["verify"]), 1);
    let project = project.migration("2_more", "CREATE INDEX users_some ON users (mail) WHERE id > 3;\n");
    project.doorstep(&url, &["run"]).run().code(0);
    let before = queries.load(Ordering::SeqCst);
    project.doorstep(&url, &["run"]).run().code(0);
    assert_eq!(queries.load(Ordering::SeqCst) - before, 2, "the text of the predicate");
}

#[test]
fn types_take_a_second_round_trip_only_where_the_schema_file_has_no_enum() {
    let database = Database::fresh();
    let schema = |mood: &str, more: &str| {
        format!(
            "datasource db {{\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}}\n\
             model users {{\n  id Int @id\n  mood {mood}\n}}\n{more}"
        )
    };
    let project = Project::new().migration(
        "1_users",
        "CREATE TYPE \"Mood\" AS ENUM ('good', 'bad');\n\
         CREATE TABLE users (id integer PRIMARY KEY, mood \"Mood\" NOT NULL DEFAULT 'good');\n",
    );
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let (port, queries, _) = counting_proxy();
    let url = format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/{}?sslmode=disable", database.name);
    let project =
        project.file("prisma/schema.prisma", &schema("Mood @default(good)", "enum Mood {\n  good\n  bad\n}\n"));
    project.doorstep(&url, &["run", "--verify", "notice", "--require-tables", "users"]).run().code(0);
    assert_eq!(queries.load(Ordering::SeqCst), 1);
    let project = project.file("prisma/schema.prisma", &schema("String", ""));
    let output = project.doorstep(&url, &["run"]).run().code(3);
    output.stderr_has("users.mood").stderr_has("enum public.Mood");
    assert_eq!(queries.load(Ordering::SeqCst), 3);
}

#[test]
fn a_black_holed_first_address_does_not_hide_the_second() {
    // `localhost` is ::1 and 127.0.0.1, in this order: the first drops packets, the second answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let _hole = BlackHole::on("::1", port);
    let answered = Arc::new(Mutex::new(false));
    let flag = Arc::clone(&answered);
    std::thread::spawn(move || {
        let _ = listener.accept();
        *flag.lock().unwrap() = true;
    });
    let url = format!("postgres://u:p@localhost:{port}/d?sslmode=disable&connect_timeout=5");
    Doorstep::new(&["wait", "--wait-timeout", "3s"]).env("DATABASE_URL", &url).run().code(69);
    until("the second address was dialled", || answered.lock().unwrap().then_some(()));
}
