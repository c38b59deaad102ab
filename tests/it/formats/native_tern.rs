//! tern's folders, applied by its rules, which were read and not run.

use crate::support::running_migration::kill;
use crate::support::{Database, Project, until};

const SEPARATOR: &str = "---- create above / drop below ----";

fn file(up: &str) -> String {
    format!("{up}\n{SEPARATOR}\nDROP TABLE nothing;\n")
}

fn apple() -> Project {
    Project::bare().file("migrations/001_apple.sql", &file("CREATE TABLE apple (id int);"))
}

#[test]
fn a_folder_with_its_separator_is_recognised_and_its_one_row_is_moved() {
    let database = Database::fresh();
    let project = apple();
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)").stderr_lacks("takes no lock");
    assert_eq!(database.sql("SELECT version, pg_typeof(version) FROM public.schema_version"), "1|integer");
    project.write("migrations/002_pear.sql", &file("CREATE TABLE pear (id int);"));
    project.doorstep(&database.url(), &["status"]).run().code(0).stdout_has("001_apple  applied").stdout_has("pending");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(0 applied)");
    assert_eq!(database.sql("SELECT version FROM public.schema_version"), "2");
    // An older image stops, as tern does.
    std::fs::remove_file(project.path("migrations/002_pear.sql")).unwrap();
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("the database is at version 2, which has no file").stderr_has("next: ");
    // It knows PostgreSQL only.
    project.doorstep("file:./dev.db", &["run"]).run().code(78).stderr_has("on PostgreSQL only");
}

#[test]
fn the_table_of_its_configuration_is_continued_under_its_lock() {
    let database = Database::fresh();
    database.sql(
        "CREATE SCHEMA hist; CREATE TABLE hist.done (version int4 NOT NULL); INSERT INTO hist.done VALUES (1); \
         CREATE TABLE apple (id int)",
    );
    let project = apple()
        .file("tern.conf", "[database]\nversion_table = hist.done\n")
        .file("migrations/002_pear.sql", &file("CREATE TABLE pear (id int);"));
    let holder = database.idle_session("SELECT pg_advisory_lock(9628173550095224);");
    let count = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database \
                 WHERE locktype = 'advisory' AND granted AND datname = current_database()";
    until("the lock is taken", || (database.sql(count) == "1").then_some(()));
    project.doorstep(&database.url(), &["run", "--migration-lock-timeout", "1s"]).run().code(75);
    kill(holder);
    until("the lock is free", || (database.sql(count) == "0").then_some(()));
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    project.doorstep(&database.url(), &["check"]).run().code(0);
    assert_eq!(database.sql("SELECT version FROM hist.done"), "2");
    assert_eq!(database.sql("SELECT to_regclass('public.schema_version') IS NULL"), "t");
    database.sql("INSERT INTO hist.done VALUES (7)");
    project.doorstep(&database.url(), &["run"]).run().code(78).stderr_has("it has 2 rows, and tern keeps one");
}

#[test]
fn what_tern_refuses_or_replaces_stops_before_anything_runs() {
    for (name, text, code, said) in [
        ("003_pear.sql", "CREATE TABLE pear (id int);", 65, "003_pear.sql stands where tern expects the number 2"),
        ("002_pear.sql", "CREATE TABLE {{.table}} (id int);", 65, "tern replaces {{…}}"),
        ("002_pear.sql", "-- nothing", 65, "nothing but comments goes up"),
        ("002_pear.sql", "CREATE INDEX CONCURRENTLY ix ON apple (id);", 65, "---- tern: disable-tx ----"),
        ("002_pear.sql", "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;", 65, "marks"),
    ] {
        let database = Database::fresh();
        let project = apple().file(&format!("migrations/{name}"), text);
        let call = project.doorstep(&database.url(), &["run", "--migration-format", "tern"]);
        call.run().code(code).stderr_has(said).stderr_has("next: ");
        assert_eq!(database.sql("SELECT to_regclass('apple') IS NULL"), "t", "{text}");
    }
}
