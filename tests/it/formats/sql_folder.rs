//! Plain SQL: the grammar of file names, which statements run, and what the history says. What all formats have in
//! common is in `engines::contract`; `migrate::crashes` kills runs of this format, too.

use crate::support::{Database, Project, sqlite, until};

#[test]
fn files_run_in_the_order_of_their_numbers_and_their_checksum_is_that_of_sha256sum() {
    let database = Database::fresh();
    let project = Project::numbered(&[
        ("10_c.sql", "CREATE TABLE c (id integer REFERENCES b);"),
        ("0009-b.sql", "CREATE TABLE b (id integer PRIMARY KEY REFERENCES a);"),
        ("1_a.up.sql", "CREATE TABLE a (id integer PRIMARY KEY);\r\n"),
        ("1_a.down.sql", "DROP TABLE a;"),
        ("seed.sql", "SELECT broken"),
        ("20240101120000_d.sql", "INSERT INTO a VALUES (1);"),
        ("README.md", "text"),
    ]);
    // The pair of 1_a could be golang-migrate's, too.
    let run = || project.doorstep(&database.url(), &["run", "--migration-format", "sql"]).run();
    let output = run().code(0).stderr_has("(4 applied)");
    output.stderr_has("never run from migrations: seed.sql, 1 that take migrations back");
    let rows = "SELECT name, checksum = encode(sha256(bytes), 'hex'), way, run <> '', doorstep FROM _doorstep_migrations \
                JOIN (VALUES ('1_a', convert_to(E'CREATE TABLE a (id integer PRIMARY KEY);\\n', 'UTF8')), \
                ('20240101120000_d', convert_to('INSERT INTO a VALUES (1);', 'UTF8'))) v (n, bytes) ON n = name \
                ORDER BY started_at";
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(database.sql(rows), format!("1_a|t|atomic|t|{version}\n20240101120000_d|t|atomic|t|{version}"));
    // git may change line ends.
    project.write("migrations/1_a.up.sql", "CREATE TABLE a (id integer PRIMARY KEY);\n");
    run().code(0).stderr_lacks("changed since");
    let output = project.doorstep(&database.url(), &["status"]).run().code(0);
    output.stdout_has("1_a               applied").stdout_has("by doorstep").stdout_has(": current (");
}

#[test]
fn two_files_with_one_number_and_names_that_mean_more_are_refused_before_anything_is_written() {
    let database = Database::fresh();
    for (file, why) in [
        ("001_other.sql", "have the number 1: 001_other.sql and 1_a.sql"),
        ("R__views.sql", "repeatable migration of Flyway"),
        ("V1.2__x.sql", "its number has several parts"),
        ("002.do.x.sql", "after the number it needs _ or -"),
    ] {
        let project = Project::numbered(&[("1_a.sql", "CREATE TABLE a (id integer);"), (file, "SELECT 1;")]);
        project.doorstep(&database.url(), &["run"]).run().code(65).stderr_has(why).stderr_has("next: ");
    }
    let project = Project::bare().file("scripts/x.sql", "SELECT 1;");
    let output = project.doorstep(&database.url(), &["run", "--migrations", "scripts"]).run().code(78);
    output.stderr_has("of no known format").stderr_has("0001_NAME.sql");
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn of_a_file_with_two_sections_only_the_one_that_goes_up_runs() {
    let database = Database::fresh();
    let project = Project::numbered(&[
        ("1_a.sql", "-- migrate:up\nCREATE TABLE a (id integer);\n\n-- migrate:down\nDROP TABLE a;\n"),
        ("2_b.sql", "-- +goose Up\nCREATE TABLE b (id integer);\n-- +goose Down\nDROP TABLE b;\n"),
        ("3_c.sql", "-- migrate:up\n\nSELECT nothing;\n\n-- migrate:down\n"),
    ]);
    let output = project.doorstep(&database.url(), &["run", "--migration-format", "sql"]).run().code(65);
    output.stderr_has("migrations/3_c.sql:3:8").stderr_has("3 | SELECT nothing;");
    assert_eq!(database.sql("SELECT to_regclass('a') IS NOT NULL, to_regclass('b') IS NOT NULL"), "t|t");
}

#[test]
fn a_file_that_is_no_text_stops_what_is_pending_and_nothing_else() {
    let database = Database::fresh();
    let project = Project::numbered(&[("1_a.sql", "CREATE TABLE a (id integer);")]);
    project.doorstep(&database.url(), &["run"]).run().code(0);
    for bytes in [&b"S\0E\0"[..], b"SELECT '\xe4';"] {
        std::fs::write(project.path("migrations/2_b.sql"), bytes).unwrap();
        let output = project.doorstep(&database.url(), &["run"]).run().code(65);
        output.stderr_has("migrations/2_b.sql").stderr_has("next: save it as UTF-8");
    }
    std::fs::remove_file(project.path("migrations/2_b.sql")).unwrap();
    std::fs::write(project.path("migrations/1_a.sql"), b"\xff").unwrap();
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("gone or unreadable: 1_a");
}

#[test]
fn the_history_is_repaired_by_name_and_keeps_one_row_for_each_migration() {
    let database = Database::fresh();
    let project = Project::numbered(&[
        ("1_a.sql", "CREATE TABLE a (id integer);"),
        ("2_broken.sql", "SELECT nothing;"),
        ("3_c.sql", "CREATE TABLE c (id integer);"),
    ]);
    let url = database.url();
    project.doorstep(&url, &["run"]).run().code(65).stderr_has("doorstep resolve --rolled-back 2_broken");
    project
        .doorstep(&url, &["resolve", "--applied", "2_broken.sql"])
        .run()
        .code(65)
        .stderr_has("did you mean 2_broken?");
    project.doorstep(&url, &["resolve", "--rolled-back", "2_broken"]).run().code(0);
    project.doorstep(&url, &["run"]).run().code(65);
    project
        .doorstep(&url, &["resolve", "--applied", "2_broken"])
        .run()
        .code(0)
        .stdout_has("2_broken is recorded as applied");
    project.doorstep(&url, &["resolve", "--applied", "2_broken"]).run().code(65).stderr_has("applied already");
    project.doorstep(&url, &["run"]).run().code(0).stderr_has("(1 applied)");
    let rows = "SELECT name, way, finished_at IS NOT NULL, rolled_back_at IS NULL, message IS NULL \
                FROM _doorstep_migrations ORDER BY name";
    assert_eq!(database.sql(rows), "1_a|atomic|t|t|t\n2_broken|resolve|t|t|t\n3_c|atomic|t|t|t");
    let output = project.doorstep(&url, &["status"]).run().code(0);
    output.stdout_has("by resolve").stdout_has(": current (folder and history agree; 3 migrations)");
}

#[test]
fn a_database_that_another_tool_has_migrated_is_adopted_only_by_name() {
    let database = Database::fresh();
    database.sql("CREATE TABLE a (id integer); CREATE TABLE schema_migrations (version varchar PRIMARY KEY)");
    let project = Project::numbered(&[("1_a.sql", "CREATE TABLE a (id integer);")]);
    let url = database.url();
    let output = project.doorstep(&url, &["run"]).run().code(65).stderr_has("has tables but no _doorstep_migrations");
    output.stderr_has("public.schema_migrations is the history of golang-migrate, dbmate, Rails or Ecto");
    let output = project.doorstep(&url, &["baseline"]).run().code(0);
    output.stdout_has("1_a is recorded as applied (verified by 1 object)");
    project.doorstep(&url, &["run"]).run().code(0).stderr_has("(0 applied)");
}

#[test]
fn the_folder_is_replayed_and_awaited_like_any_other() {
    let database = Database::fresh();
    let (url, files) = (database.url(), [("1_a.sql", "CREATE TABLE a (id integer);")]);
    let project = Project::numbered(&files);
    project.doorstep(&url, &["replay"]).run().code(0).stdout_has("runs from scratch: 1 migrations");
    let mut follower = project.doorstep(&url, &["run", "--migrate", "await", "--", "echo", "up"]).spawn();
    follower.until_stderr("waiting for another process to migrate");
    project.doorstep(&url, &["run"]).run().code(0);
    follower.finish("await").code(0).stdout_is("up");
    // A folder that runs statement by statement, and one that cannot run at all.
    project.write("migrations/2_i.sql", "CREATE INDEX CONCURRENTLY i ON a (id);\nCREATE TABLE b (id integer);");
    project.doorstep(&url, &["run"]).run().code(0).stderr_has("2_i: statement 2 of 2 done");
    assert_eq!(database.sql("SELECT way, steps FROM _doorstep_migrations WHERE name = '2_i'"), "steps|1");
    project.write("migrations/3_x.sql", "SELECT nothing;");
    project.doorstep(&url, &["replay"]).run().code(65).stderr_has("3_x.sql:1:8").stderr_has("cannot run from scratch");
}

#[test]
fn its_lock_is_its_own_and_its_holder_is_named() {
    let database = Database::fresh();
    let project = Project::numbered(&[("1_a.sql", "SELECT pg_sleep(600);")]);
    let first = project.doorstep(&database.url(), &["run"]).env("HOSTNAME", "first").spawn();
    let running = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
                   AND query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()";
    until("the script runs", || (database.sql(running) == "1").then_some(()));
    let output = project.doorstep(&database.url(), &["run", "--migration-lock-timeout", "500ms"]).run().code(75);
    output.stderr_has("application doorstep first 1_a");
    project.doorstep(&database.url(), &["status"]).run().code(0).stdout_has("1_a  running");
    first.signal("TERM");
    first.finish("first").code(143).stderr_has("1_a was cancelled and rolled back");
    let row = "SELECT rolled_back_at IS NOT NULL, message LIKE 'stopped by SIGTERM%' FROM _doorstep_migrations";
    assert_eq!(database.sql(row), "t|t");
}

#[test]
fn a_row_that_is_applied_is_never_written_over() {
    // A second migrator, admitted because a script had released the lock, must not overwrite the row of the first one.
    let database = Database::fresh();
    let project = Project::numbered(&[("1_a.sql", "CREATE TABLE a (id integer);")]);
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let before = database.sql("SELECT * FROM _doorstep_migrations");
    // Simulates a migrator that read an old history: a view hides the row, and writes go to the table.
    database.sql(
        "ALTER TABLE _doorstep_migrations RENAME TO rows; \
         CREATE VIEW _doorstep_migrations AS SELECT * FROM rows WHERE false",
    );
    database.sql("DROP TABLE a");
    project.doorstep(&database.url(), &["run", "--migration-lock-timeout", "1s"]).run().code(65);
    assert_eq!(database.sql("SELECT * FROM rows"), before);
}

#[test]
fn on_sqlite_the_times_are_texts_that_people_can_read() {
    let project = Project::numbered(&[("1_a.sql", "CREATE TABLE a (id integer);")]);
    project.doorstep("file:./dev.db", &["run"]).run().code(0);
    let look = |sql: &str| sqlite(&project.path("dev.db"), sql);
    assert_eq!(look("SELECT finished_at GLOB '20??-??-??T??:??:??.???Z' FROM _doorstep_migrations"), "1");
}

#[test]
fn a_link_that_leads_nowhere_is_a_migration_that_cannot_be_read() {
    let database = Database::fresh();
    let project = Project::numbered(&[("1_a.sql", "CREATE TABLE a (id integer);")]);
    std::os::unix::fs::symlink("../gone.sql", project.path("migrations/2_b.sql")).unwrap();
    project.doorstep(&database.url(), &["run"]).run().code(65).stderr_has("cannot read migrations/2_b.sql");
}
