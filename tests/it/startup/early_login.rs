//! The login begins before the service and the project's files are looked for, and is ended where they say that it is not needed.

use std::io::Read as _;

use crate::support::{Database, Listener, MysqlServer, Project};

fn counter(server: &MysqlServer, name: &str) -> u32 {
    let row = server.sql(&format!("SHOW GLOBAL STATUS LIKE '{name}'"));
    row.rsplit(|character: char| !character.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[test]
fn a_login_that_a_mistake_makes_needless_is_not_broken_off() {
    let server = MysqlServer::started(&[]);
    server.sql("CREATE DATABASE shop");
    let url = server.url("shop");
    let two = || Project::mysql().migration("1_t", "CREATE TABLE t (id int PRIMARY KEY);\n");
    let unreadable = two();
    std::fs::create_dir_all(unreadable.path("prisma/migrations/2_u/migration.sql")).unwrap();
    for _ in 0..5 {
        two().doorstep(&url, &["run", "--migrations", "absent"]).run().code(78);
        two().doorstep(&url, &["run", "--before-migrate", "no-such-command"]).run().code(127);
        two().doorstep(&url, &["run", "--", "no-such-service"]).run().code(127);
        unreadable.doorstep(&url, &["run"]).run().code(65);
    }
    assert_eq!((counter(&server, "Aborted_connects"), counter(&server, "Aborted_clients")), (0, 0));
}

#[test]
fn a_start_logs_in_once() {
    let server = MysqlServer::started(&[]);
    server.sql("CREATE DATABASE shop");
    let project = Project::mysql().migration("1_t", "CREATE TABLE t (id int PRIMARY KEY);\n");
    project.doorstep(&server.url("shop"), &["run"]).run().code(0);
    let before = counter(&server, "Connections");
    project.doorstep(&server.url("shop"), &["run"]).run().code(0);
    // The second one is that of the counter.
    assert_eq!(counter(&server, "Connections"), before + 2);
}

#[test]
fn a_project_that_names_another_database_has_its_way() {
    let database = Database::fresh();
    let silent = Listener::answering(|mut stream| while stream.read(&mut [0; 64]).is_ok_and(|read| read > 0) {});
    let schema = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n  directUrl = env(\"DIRECT_URL\")\n}\n";
    let project = Project::new().file("prisma/schema.prisma", schema);
    let project = project.migration("1_t", "CREATE TABLE t (id int PRIMARY KEY);\n");
    project.doorstep(&silent.url(), &["run"]).env("DIRECT_URL", &database.url()).run().code(0);
    assert_eq!(database.sql("SELECT count(*) FROM t"), "0");
}
