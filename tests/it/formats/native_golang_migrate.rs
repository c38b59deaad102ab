//! golang-migrate's folders, applied as it does, by the rules and vectors of its source: the tool itself was not run.

use crate::support::running_migration::{GATE, at_gate, gated, kill, open_gate, terminate};
use crate::support::{Database, Doorstep, Project, sqlite, until};

const APPLE: &str = "CREATE TABLE apple (id int);";
const PEAR: &str = "CREATE TABLE pear (id int);";
/// As `ensureVersionTable` creates it.
const DDL: &str = "CREATE TABLE IF NOT EXISTS \"public\".\"schema_migrations\" (version bigint not null primary key, dirty boolean not null)";

fn fruits(files: &[(&str, &str)]) -> Project {
    files.iter().fold(Project::bare(), |project, (name, sql)| {
        project
            .file(&format!("migrations/{name}.up.sql"), sql)
            .file(&format!("migrations/{name}.down.sql"), "DROP TABLE nothing;")
    })
}

fn doorstep(project: &Project, url: &str, arguments: &[&str]) -> Doorstep {
    project.doorstep(url, arguments).env("DOORSTEP_MIGRATION_FORMAT", "golang-migrate")
}

/// A database whose one row the tool has written.
fn at(version: &str, sql: &str) -> Database {
    let database = Database::fresh();
    database.sql(&format!("{DDL}; {sql}; INSERT INTO schema_migrations VALUES ({version})"));
    database
}

fn row(database: &Database) -> String {
    database.sql("SELECT version, dirty FROM schema_migrations")
}

#[test]
fn a_history_that_golang_migrate_made_is_continued_and_an_older_image_stops() {
    let database = at("2, false", &format!("{APPLE} {PEAR}"));
    let project = fruits(&[("1_apple", APPLE), ("2_pear", PEAR), ("10_plum", "CREATE TABLE plum (id int);")]);
    let run = |arguments: &[&str]| doorstep(&project, &database.url(), arguments).run();
    let output = run(&["status"]).code(0).stdout_has("1_apple  applied").stdout_has("2_pear   applied");
    output.stdout_has("10_plum  pending").stdout_has(": behind (");
    run(&["run"]).code(0).stderr_has("(1 applied)");
    assert_eq!(row(&database), "10|f");
    run(&["run"]).code(0).stderr_has("(0 applied)");
    std::fs::remove_file(project.path("migrations/10_plum.up.sql")).unwrap();
    // A file that only takes it back is a file, too.
    run(&["run"]).code(0).stderr_has("10_plum.down.sql has no .up file").stderr_has("(0 applied)");
    std::fs::remove_file(project.path("migrations/10_plum.down.sql")).unwrap();
    run(&["run"]).code(65).stderr_has("at version 10, which has no file").stderr_has("--migrate off");
    run(&["status"]).code(0).stdout_has(": ahead (");
    run(&["check"]).code(0);
}

#[test]
fn the_files_names_are_those_of_the_tool() {
    let project = fruits(&[("1_apple", APPLE)])
        .file("migrations/02_pear.up.pgsql", PEAR)
        .file("migrations/3_none.down.sql", "DROP TABLE nothing;")
        .file("migrations/4_seed.sql", "not a migration")
        .file("migrations/README.md", "");
    let database = Database::fresh();
    doorstep(&project, &database.url(), &["run"]).run().code(0).stderr_has("(3 applied)");
    assert_eq!(row(&database), "3|f");
    project.write("migrations/01_again.up.sql", PEAR);
    doorstep(&project, &database.url(), &["run"]).run().code(65).stderr_has("have the version 1");
    let empty = Project::bare().file("migrations/1_apple.sql", APPLE);
    doorstep(&empty, &database.url(), &["run"]).run().code(78).stderr_has("no migration of golang-migrate");
}

/// CRC-32 as `crc32.ChecksumIEEE`.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn both_keys_of_its_lock_are_respected_and_taken() {
    let database = gated();
    let project = fruits(&[("1_apple", &format!("{APPLE}\n{GATE}"))]);
    let name = &database.name;
    let keys = [format!("/{name}"), name.clone()].map(|database| {
        u64::from(crc32(format!("public\0schema_migrations\0{database}").as_bytes()).wrapping_mul(1_486_364_155))
    });
    let locks = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database \
                 WHERE locktype = 'advisory' AND granted AND datname = current_database()";
    for key in keys {
        let holder =
            database.idle_session(&format!("SET application_name = 'go migrate'; SELECT pg_advisory_lock({key});"));
        until("the lock is taken", || (database.sql(locks) == "1").then_some(()));
        let output = doorstep(&project, &database.url(), &["run", "--migration-lock-timeout", "1s"]).run().code(75);
        output.stderr_has("go migrate");
        kill(holder);
        until("the lock is free", || (database.sql(locks) == "0").then_some(()));
    }
    let running = doorstep(&project, &database.url(), &["run"]).spawn();
    at_gate(&database);
    for key in keys {
        assert_eq!(database.sql(&format!("SELECT pg_try_advisory_lock({key})")), "f");
    }
    assert_eq!(database.sql(locks), "3");
    open_gate(&database);
    running.finish("doorstep run").code(0).stderr_has("(1 applied)");
}

#[test]
fn a_dirty_row_is_judged_by_evidence() {
    let files = [("1_apple", APPLE), ("2_pear", PEAR)];
    // Nothing of it is there: golang-migrate would stop for ever, though the file was rolled back.
    let (project, database) = (fruits(&files), at("2, true", APPLE));
    let run = |arguments: &[&str]| doorstep(&project, &database.url(), arguments).run();
    run(&["status"]).code(0).stdout_has("none of its objects exist");
    run(&["check"]).code(1);
    run(&["run"]).code(0).stderr_has("2_pear was interrupted").stderr_has("(1 applied)");
    assert_eq!(row(&database), "2|f");
    // All of it was made in one transaction after the row.
    database.sql("DROP TABLE pear; UPDATE schema_migrations SET dirty = true");
    database.sql(PEAR);
    run(&["run"]).code(0).stderr_has("it was committed, and is recorded now").stderr_has("(0 applied)");
    assert_eq!(row(&database), "2|f");
    // What is older than the row tells nothing: a person decides.
    database.sql("UPDATE schema_migrations SET dirty = true");
    run(&["run"]).code(65).stderr_has("doorstep resolve --rolled-back 2_pear");
    run(&["resolve", "--rolled-back", "2_pear"]).code(0);
    assert_eq!(row(&database), "1|f");
    database.sql("UPDATE schema_migrations SET version = 2, dirty = true");
    run(&["resolve", "--applied", "2_pear"]).code(0);
    assert_eq!(row(&database), "2|f");
    // The first one has none before it; a way back that failed has left the version -1.
    database.sql("DROP TABLE apple, pear; UPDATE schema_migrations SET version = 1, dirty = true");
    run(&["run"]).code(0).stderr_has("(2 applied)");
    database.sql("UPDATE schema_migrations SET version = -1, dirty = true");
    run(&["run"]).code(65).stderr_has("-1");
}

#[test]
fn a_lower_version_that_never_ran_is_named_and_runs_only_when_told_to() {
    let files = [("1_apple", APPLE), ("2_pear", PEAR), ("3_plum", "CREATE TABLE plum (id int);")];
    let (project, database) = (fruits(&files), at("3, false", &format!("{APPLE} CREATE TABLE plum (id int)")));
    let run = |arguments: &[&str]| doorstep(&project, &database.url(), arguments).run();
    let output = run(&["run"]).code(65).stderr_has("2_pear").stderr_has("never run").stderr_has("--out-of-order apply");
    assert!(!output.stderr.contains("1_apple"), "{}", output.stderr);
    run(&["status"]).code(0).stdout_has("2_pear   pending").stdout_has("does not exist: table pear");
    run(&["check"]).code(1);
    run(&["resolve", "--applied", "2_pear"]).code(65);
    run(&["run", "--out-of-order", "apply"]).code(0).stderr_has("(1 applied)");
    assert_eq!((row(&database).as_str(), database.sql("SELECT to_regclass('pear')").as_str()), ("3|f", "pear"));
    run(&["run"]).code(0).stderr_has("(0 applied)");
    // What a later one drops, or a search path may hide, says nothing.
    database.sql("DROP TABLE pear");
    project.write("migrations/3_plum.up.sql", "CREATE TABLE plum (id int); DROP TABLE IF EXISTS pear;");
    run(&["run"]).code(0).stderr_has("(0 applied)");
    project.write("migrations/3_plum.up.sql", "SET search_path TO public; CREATE TABLE plum (id int);");
    run(&["run"]).code(0).stderr_has("(0 applied)");
}

#[test]
fn a_file_that_no_transaction_covers_is_dirty_until_it_is_done() {
    let script = format!("{PEAR}\nVACUUM pear;\n{GATE}\nCREATE TABLE plum (id int);");
    let database = gated();
    let project = fruits(&[("1_apple", APPLE), ("2_pear", &script)]);
    let running = doorstep(&project, &database.url(), &["run"]).spawn();
    let pid = at_gate(&database);
    // golang-migrate would stop at it, as at its own.
    assert_eq!(row(&database), "2|t");
    doorstep(&project, &database.url(), &["status"]).run().code(0).stdout_has("running");
    kill(running);
    terminate(&database, &pid);
    assert_eq!(row(&database), "2|t");
    assert_eq!(database.sql("SELECT name, steps FROM _doorstep_runs"), "schema_migrations/2_pear|2");
    open_gate(&database);
    let output = doorstep(&project, &database.url(), &["run"]).run().code(0);
    output.stderr_has("it goes on with statement 3").stderr_has("(1 applied)");
    assert_eq!(row(&database), "2|f");
    assert_eq!(database.sql("SELECT to_regclass('_doorstep_runs') IS NULL, to_regclass('plum') IS NULL"), "t|f");
}

#[test]
fn a_mark_over_older_pending_ones_is_refused() {
    let project = fruits(&[("1_apple", APPLE), ("2_pear", PEAR)]);
    let database = Database::fresh();
    let run = |arguments: &[&str]| doorstep(&project, &database.url(), arguments).run();
    run(&["resolve", "--applied", "2_pear"]).code(65).stderr_has("without 1_apple");
    run(&["resolve", "--applied", "1_apple"]).code(0);
    run(&["run"]).code(0).stderr_has("(1 applied)");
    assert_eq!(row(&database), "2|f");
}

#[test]
fn the_table_is_that_of_the_url_or_of_the_setting_and_never_another_tools() {
    let project = fruits(&[("1_apple", APPLE)]);
    let database = Database::fresh();
    let with = |parameters: &str| {
        format!("{}{}{parameters}", database.url(), if database.url().contains('?') { "&" } else { "?" })
    };
    let output = doorstep(&project, &with("x-migrations-table=done"), &["run"]).run().code(0).stderr_has("(1 applied)");
    assert!(!output.stderr.contains("has no effect"), "{}", output.stderr);
    assert_eq!(database.sql("SELECT version, dirty FROM done"), "1|f");
    database.sql("DROP TABLE apple; CREATE SCHEMA hist");
    let url = with("x-migrations-table=%22hist%22.%22Done%22&x-migrations-table-quoted=1");
    doorstep(&project, &url, &["run"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT version, dirty FROM hist.\"Done\""), "1|f");
    database.sql("DROP TABLE apple");
    doorstep(&project, &database.url(), &["run", "--history-table", "hist.mine"])
        .run()
        .code(0)
        .stderr_has("(1 applied)");
    for ddl in [
        "CREATE TABLE schema_migrations (version varchar PRIMARY KEY)",
        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp)",
    ] {
        let database = Database::fresh();
        database.sql(ddl);
        let output = doorstep(&project, &database.url(), &["run"]).run().code(78);
        output.stderr_has("no history of golang-migrate").stderr_has("history_table");
    }
    let lite = fruits(&[("1_apple", APPLE)]).file("dev.db", "");
    sqlite(&lite.path("dev.db"), "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY)");
    doorstep(&lite, "file:./dev.db", &["run"]).run().code(78).stderr_has("no history of golang-migrate");
}

#[test]
fn its_history_on_sqlite_is_as_the_tool_makes_it() {
    let project = fruits(&[("1_apple", APPLE), ("2_pear", PEAR)]).file("dev.db", "");
    let path = project.path("dev.db");
    sqlite(
        &path,
        "CREATE TABLE IF NOT EXISTS schema_migrations (version uint64,dirty bool); \
         CREATE UNIQUE INDEX IF NOT EXISTS version_unique ON schema_migrations (version); \
         CREATE TABLE apple (id int); INSERT INTO schema_migrations VALUES (1, 0)",
    );
    doorstep(&project, "file:./dev.db", &["run"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(sqlite(&path, "SELECT version, dirty FROM schema_migrations"), "2|0");
    let fresh = fruits(&[("1_apple", APPLE)]);
    doorstep(&fresh, "file:./dev.db", &["run"]).run().code(0);
    let names = "SELECT name FROM sqlite_master WHERE tbl_name = 'schema_migrations' ORDER BY 1";
    assert_eq!(sqlite(&fresh.path("dev.db"), names), "schema_migrations\nversion_unique");
}

#[test]
fn a_folder_is_recognised_by_go_mod_and_otherwise_both_tools_are_named() {
    let database = Database::fresh();
    let project = fruits(&[("1_apple", APPLE)]);
    let output = project.doorstep(&database.url(), &["run"]).run().code(78);
    output.stderr_has("sqlx (").stderr_has("golang-migrate (").stderr_has("migration_format = ");
    project.write("go.mod", "module app\n\nrequire github.com/golang-migrate/migrate/v4 v4.18.1\n");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(row(&database), "1|f");
}
