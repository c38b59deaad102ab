//! Replicas that start together: all succeed, each migration is applied once.

use std::time::{Duration, Instant};

use crate::support::{Cluster, Database, Doorstep, Project, binary, psql, release_binary, sqlite, until};

fn together(count: usize, project: &Project, url: &str) {
    let arguments = ["run", "--wait-timeout", "60s", "--require-tables", "users,posts", "--", "echo", "up"];
    let replicas: Vec<_> = (0..count).map(|_| project.doorstep(url, &arguments).spawn()).collect();
    for replica in replicas {
        replica.finish("run").code(0).stdout_is("up");
    }
}

/// Each script fails if it runs twice, or at the same time as the other.
fn project() -> Project {
    Project::new()
        .migration(
            "1_users",
            "CREATE TABLE users (id integer PRIMARY KEY); SELECT pg_sleep(0.2); INSERT INTO users VALUES (1);",
        )
        .migration("2_posts", "CREATE TABLE posts (id integer PRIMARY KEY); INSERT INTO posts SELECT id FROM users;")
}

const ROWS: &str = "SELECT migration_name, count(*), count(finished_at) FROM _prisma_migrations GROUP BY 1 ORDER BY 1";

#[test]
fn two_on_an_empty_database() {
    let database = Database::fresh();
    together(2, &project(), &database.url());
    assert_eq!(database.sql(ROWS), "1_users|1|1\n2_posts|1|1");
}

#[test]
fn twenty_on_a_database_and_schemas_that_do_not_exist() {
    let cluster = Cluster::started("max_connections = 50\n");
    let project = project()
        .file("prisma/schema.prisma", "datasource db {\n  provider = \"postgresql\"\n  schemas = [\"a\", \"b\"]\n}\n");
    let url = cluster.url().trim_end_matches("postgres").to_owned() + "born_in_a_race";
    together(20, &project, &url);
    let look = |sql: &str| psql(cluster.port, "born_in_a_race", sql);
    assert_eq!(look(ROWS), "1_users|1|1\n2_posts|1|1");
    assert_eq!(look("SELECT count(*) FROM pg_namespace WHERE nspname IN ('a', 'b')"), "2");
}

#[test]
fn five_on_one_sqlite_file() {
    let project = Project::sqlite()
        .migration("1_users", "CREATE TABLE users (id integer PRIMARY KEY); INSERT INTO users VALUES (1);")
        .migration("2_posts", "CREATE TABLE posts (id integer PRIMARY KEY); INSERT INTO posts SELECT id FROM users;");
    together(5, &project, "file:./dev.db");
    let rows = sqlite(&project.path("dev.db"), ROWS);
    assert_eq!(rows, "1_users|1|1\n2_posts|1|1");
}

/// Sessions of doorstep that do not hold the migration lock.
const WAITERS: &str = "SELECT count(*) FROM pg_stat_activity a WHERE application_name LIKE 'doorstep%' AND NOT EXISTS \
                       (SELECT FROM pg_locks l WHERE l.pid = a.pid AND l.locktype = 'advisory' AND l.granted)";

/// Replicas that wait for a migration of some seconds, on a server with 20 connections: other logins are never refused, also
/// while all replicas log in for the first time; then the waiting ones hold few connections; and all start afterwards.
fn waiters_hold_few_connections(binary: &str, replicas: usize, seconds: u32) {
    let cluster = Cluster::started("max_connections = 20\n");
    psql(cluster.port, "postgres", "CREATE ROLE app LOGIN PASSWORD 'doorstep'");
    psql(cluster.port, "postgres", "CREATE DATABASE app OWNER app");
    let sql = format!("CREATE TABLE users (id integer PRIMARY KEY); SELECT pg_sleep({seconds});");
    let project = Project::new().migration("1_users", &sql);
    let url = cluster.url().replace("postgres:doorstep@", "app:doorstep@").replace("/postgres", "/app");
    let start = || {
        let doorstep = Doorstep::through(binary, &["run", "--wait-timeout", "60s"], &["--", "echo", "up"]);
        doorstep.directory(&project.path("")).env("DATABASE_URL", &url).spawn()
    };
    let mut first = start();
    until("the migration runs", || {
        let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted";
        (psql(cluster.port, "app", held) == "1").then_some(())
    });
    let waiting: Vec<_> = (1..replicas).map(|_| start()).collect();
    let arrived = Instant::now();
    let mut most = 0;
    while first.is_running() {
        // The old release is served all the time.
        let wait = project.doorstep(&url, &["wait", "--wait-attempts", "1"]);
        // Its backend may still be ending at the next look, and is no waiter's.
        wait.env("PGAPPNAME", "old release").run().code(0);
        if arrived.elapsed() > Duration::from_secs(1) {
            most = most.max(psql(cluster.port, "app", WAITERS).parse().unwrap());
        }
    }
    first.finish("run").code(0).stdout_is("up");
    for replica in waiting {
        replica.finish("run").code(0).stdout_is("up");
    }
    assert!(most <= 5, "{most} connections were held by waiting replicas");
    assert_eq!(psql(cluster.port, "app", "SELECT count(*) FROM _prisma_migrations"), "1");
}

/// A replica that waits until its second look, after another session has taken the migration lock: the messages of that look, and
/// the server's log.
fn second_look(applied: Option<&Project>, project: &Project) -> (Vec<String>, String) {
    let cluster = Cluster::started("log_statement = 'all'\nlog_line_prefix = '%a %p '\n");
    let database = Database::fresh_on(cluster.port);
    let migrate = |project: &Project| project.doorstep(&database.url(), &["migrate"]).spawn();
    if let Some(applied) = applied {
        migrate(applied).finish("migrate").code(0);
    }
    let holder = database.hold_migration_lock("other");
    let mut waiting = migrate(project);
    waiting.until_stderr("waiting for the migration lock");
    drop((waiting, holder));
    let log = std::fs::read_to_string(cluster.directory.path().join("log")).unwrap();
    let messages = || log.lines().filter_map(|line| line.split_once(" LOG:  statement: "));
    // Who holds the lock is asked for with the second look only.
    let is_second = |(session, sql): &(&str, &str)| session.starts_with("doorstep") && sql.contains("pg_locks");
    let (second, _) = messages().find(is_second).unwrap();
    (messages().filter(|(session, _)| *session == second).map(|(_, sql)| sql.to_owned()).collect(), log)
}

#[test]
fn a_look_of_a_waiting_replica_reads_the_history_with_the_first_message() {
    let users = || Project::new().migration("1_users", "CREATE TABLE users (id integer);");
    let project = users().migration("2_posts", "CREATE TABLE posts (id integer);");
    let (messages, _) = second_look(Some(&users()), &project);
    let [opening, lock, holder] = &messages[..] else { panic!("{messages:#?}") };
    assert!(opening.contains("COPY") && opening.contains("_prisma_migrations"), "{opening}");
    assert!(lock.contains("pg_try_advisory_lock") && holder.contains("pg_locks"), "{lock}\n{holder}");
}

#[test]
fn a_look_of_a_waiting_replica_asks_for_no_history_that_is_not_there() {
    let project = Project::new().migration("1_users", "CREATE TABLE users (id integer);");
    let (messages, log) = second_look(None, &project);
    assert!(!messages[0].contains("COPY"), "{messages:#?}");
    // The first look's.
    assert_eq!(log.matches("ERROR: ").count(), 1, "{log}");
}

#[test]
fn replicas_that_wait_hold_few_connections() {
    // More than the server has connections.
    waiters_hold_few_connections(binary(), 22, 3);
}

#[test]
#[ignore = "slow: two hundred processes, of the release build that scripts/test --all makes"]
fn two_hundred_replicas_that_wait_hold_few_connections() {
    // Two hundred of the debug build are busy with themselves for seconds, and their sessions last as long.
    waiters_hold_few_connections(&release_binary(), 200, 8);
}
