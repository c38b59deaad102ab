//! `doctor` on MySQL and MariaDB.

use super::{doctor, is, line, states};
use crate::support::{MysqlDatabase, MysqlServer, PASSWORD, Project, until, variable};

fn two() -> Project {
    Project::mysql()
        .migration("1_users", "CREATE TABLE users (id integer PRIMARY KEY);\n")
        .migration("2_posts", "CREATE TABLE posts (id integer PRIMARY KEY);\n")
}

#[test]
fn a_healthy_database_has_only_lines_that_are_ok() {
    let (database, project) = (MysqlDatabase::fresh(), two());
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let report = doctor(&project, &database.url(), &["--require-tables", "users"], 0);
    let expected = "settings ok, names ok, tcp ok, tls ok, login ok, server ok, writes ok, role ok, rights ok, connections ok, \
                    transactions ok, locks ok, migration_lock ok, folder ok, history ok, pending ok, drift ok";
    assert_eq!(states(&report), expected, "{report:#}");
    is(&report, "rights", "ok", "all that migrations need");
}

#[test]
fn missing_privileges_and_what_they_hide_are_named() {
    let (database, project) = (MysqlDatabase::fresh(), two());
    let account = database.account("SELECT, INSERT ON DB.*");
    let report = doctor(&project, &database.url_as(&account), &[], 77);
    is(&report, "rights", "broken", "no UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES");
    is(&report, "transactions", "unknown", "PROCESS");
    is(&report, "locks", "unknown", "PROCESS");
    let report = doctor(&project, &database.url_as(&account).replace(PASSWORD, "KanariEnvogel"), &[], 77);
    is(&report, "login", "broken", "Access denied");
    assert!(!report.to_string().contains("Kanari"));
}

#[test]
fn a_session_that_waits_for_a_lock_and_who_migrates_are_listed() {
    let (database, project) = (MysqlDatabase::fresh(), two());
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let holder = database.session("BEGIN; SELECT * FROM users; SELECT GET_LOCK('prisma_migrate', 0), SLEEP(600)");
    until("the session holds its locks", || {
        (database.sql(
            "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(600)%' AND db = DATABASE() \
                       AND id <> CONNECTION_ID()",
        ) == "1")
            .then_some(())
    });
    let waiting = database.session("ALTER TABLE users ADD COLUMN name text");
    until("the session waits", || {
        (database.sql("SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for%lock%' AND db = DATABASE()")
            == "1")
            .then_some(())
    });
    let report = doctor(&project, &database.url(), &[], 0);
    is(&report, "locks", "odd", "waits for a lock");
    is(&report, "locks", "odd", "ALTER TABLE users");
    is(&report, "transactions", "ok", "none");
    let report = doctor(&project, &database.url(), &["--long-transaction", "0"], 0);
    is(&report, "transactions", "odd", "SLEEP(600)");
    let held =
        database.sql("SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()");
    for id in held.lines() {
        crate::support::kill_session(&variable("MYSQL_URL"), id);
    }
    drop((holder, waiting));
}

#[test]
fn a_server_that_takes_no_writes_is_read_all_the_same() {
    let server = MysqlServer::started(&[]);
    server.sql("CREATE DATABASE shop");
    let project = two();
    project.doorstep(&server.url("shop"), &["run"]).run().code(0);
    server.sql("SET GLOBAL read_only = 1");
    let report = doctor(&project, &server.url("shop"), &[], 69);
    is(&report, "writes", "broken", "read_only");
    is(&report, "history", "ok", "current: 2 applied");
    assert_eq!(line(&report, "server")["state"], "ok");
}
