//! The commands on the history: status, resolve, baseline.

use serde_json::Value;

use crate::support::running_migration::{GATE, at_gate, exists, gated, open_gate, prisma_begins, rows};
use crate::support::{Database, Project, sqlite};

fn status(project: &Project, url: &str) -> Value {
    let output = project.doorstep(url, &["status", "--format", "json"]).run().code(0);
    serde_json::from_str(&output.stdout).unwrap()
}

/// The line of one migration.
fn entry<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["migrations"].as_array().unwrap().iter().find(|entry| entry["name"] == name).unwrap()
}

fn folder(project: &Project, name: &str) -> std::path::PathBuf {
    project.path(&format!("prisma/migrations/{name}"))
}

#[test]
fn status_tells_every_state_and_who_wrote_it() {
    let database = Database::fresh();
    let url = database.url();
    let project =
        Project::new().migration("1_a", "SELECT 1;").migration("3_c", "SELECT 3;").migration("5_e", "SELECT 5;");
    assert_eq!(status(&project, &url)["verdict"], "behind");
    project.doorstep(&url, &["migrate"]).run().code(0);
    assert_eq!(status(&project, &url)["verdict"], "current");
    prisma_begins(&database, "4_d", "SELECT 4;");
    database.sql(
        "UPDATE _prisma_migrations SET finished_at = started_at, applied_steps_count = 1 WHERE migration_name = '4_d'",
    );
    let project = project.migration("4_d", "SELECT 4;").migration("2_b", "SELECT 2;").migration("6_f", "SELECT 6;");
    project.doorstep(&url, &["resolve", "--applied", "6_f"]).run().code(0);
    project.write("prisma/migrations/1_a/migration.sql", "SELECT 'edited';");
    std::fs::remove_dir_all(folder(&project, "3_c")).unwrap();

    let text = project.doorstep(&url, &["status"]).run().code(0).stdout;
    let line =
        |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}\n{text}"));
    assert!(line("1_a  edited ").contains("by doorstep"), "{text}");
    assert!(line("2_b  pending").ends_with("out of order"), "{text}");
    assert!(line("3_c  missing").contains("by doorstep"), "{text}");
    assert!(line("4_d  applied").ends_with("by prisma"), "{text}");
    assert!(line("5_e  applied").ends_with("by doorstep"), "{text}");
    assert!(line("6_f  applied").ends_with("by resolve"), "{text}");
    assert!(text.contains(": diverged ("), "{text}");

    let json = status(&project, &url);
    assert_eq!(json["verdict"], "diverged");
    for (name, state, by, matches, out_of_order) in [
        ("1_a", "edited", "doorstep", Value::Bool(false), false),
        ("3_c", "missing", "doorstep", Value::Null, false),
        ("4_d", "applied", "prisma", Value::Bool(true), false),
        ("6_f", "applied", "resolve", Value::Bool(true), false),
    ] {
        let entry = entry(&json, name);
        assert_eq!((&entry["state"], &entry["by"]), (&state.into(), &by.into()), "{entry}");
        assert_eq!((&entry["checksum_matches"], &entry["out_of_order"]), (&matches, &out_of_order.into()), "{entry}");
        assert!(entry["finished_at"].as_str().unwrap().contains('T') && entry["message"].is_null(), "{entry}");
    }
    let pending = entry(&json, "2_b");
    assert_eq!((&pending["state"], &pending["out_of_order"]), (&"pending".into(), &true.into()), "{pending}");
    assert!(pending["started_at"].is_null() && pending["by"].is_null(), "{pending}");
}

#[test]
fn status_tells_a_failure_with_its_cause_and_what_was_rolled_back() {
    let database = Database::fresh();
    let url = database.url();
    let project = Project::new().migration("1_bad", "SELECT 1/0;\n").migration("2_later", "SELECT 1;");
    project.doorstep(&url, &["migrate"]).run().code(65);
    let output = project.doorstep(&url, &["status"]).run().code(0).stdout_has("1_bad    failed ");
    output.stdout_has("    division by zero (22012)").stdout_has("1_bad/migration.sql:1:1").stdout_has(": failed (");
    let json = status(&project, &url);
    assert_eq!((&json["verdict"], &json["migrations"][0]["state"]), (&"failed".into(), &"failed".into()));
    assert!(json["migrations"][0]["message"].as_str().unwrap().contains("division by zero"));
    let resolve = project.doorstep(&url, &["resolve", "--rolled-back", "1_bad"]).run().code(0);
    resolve.stdout_is("1_bad is recorded as rolled back");
    project.doorstep(&url, &["status"]).run().code(0).stdout_has("1_bad    rolled back").stdout_has(": behind (");
    assert_eq!(entry(&status(&project, &url), "1_bad")["state"], "rolled_back");
    // Twice is no error, and changes nothing.
    let resolve = project.doorstep(&url, &["resolve", "--rolled-back", "1_bad"]).run().code(0);
    resolve.stdout_is("1_bad was recorded as rolled back already");
}

#[test]
fn status_tells_what_runs_in_this_moment_and_who_runs_it() {
    let database = gated();
    let project = Project::new().migration("1_slow", GATE).migration("2_next", "SELECT 1;");
    let doorstep = project.doorstep(&database.url(), &["run"]).env("POD_NAME", "web-1").spawn();
    let pid = at_gate(&database);
    let output = project.doorstep(&database.url(), &["status"]).run().code(0);
    let holder = format!("pid {pid}, application doorstep web-1 1_slow, client 127.0.0.1, connected since ");
    output.stdout_has("1_slow  running").stdout_has(&holder).stdout_has("2_next  pending").stdout_has(": behind (");
    let json = status(&project, &database.url());
    let entry = entry(&json, "1_slow");
    assert_eq!((&entry["state"], &entry["by"]), (&"running".into(), &"doorstep".into()), "{entry}");
    assert!(entry["note"].as_str().unwrap().starts_with(&format!("pid {pid}")), "{entry}");
    // It cannot be resolved while it runs.
    let resolve = ["resolve", "--applied", "1_slow", "--migration-lock-timeout", "300ms"];
    project.doorstep(&database.url(), &resolve).run().code(75).stderr_has(&format!("held by: pid {pid}"));
    open_gate(&database);
    doorstep.finish("run").code(0);
}

#[test]
fn resolve_applied_keeps_prismas_rules() {
    let database = Database::fresh();
    let url = database.url();
    // It creates the history table, whatever else is in the database.
    database.sql("CREATE TABLE theirs (id integer)");
    let project = Project::new()
        .migration("20260101_users", "CREATE TABLE theirs (id integer);")
        .migration("20260102_posts", "CREATE TABLE posts (id integer);\nSELECT 1/0;\n");
    let resolve = |name: &str| project.doorstep(&url, &["resolve", "--applied", name]).run();
    resolve("20260101_user").code(65).stderr_has("did you mean 20260101_users?");
    assert!(!exists(&database, "_prisma_migrations"));
    resolve("20260101_users").code(0).stdout_is("20260101_users is recorded as applied").stderr_lacks("do not exist");
    let row = "SELECT started_at = finished_at, applied_steps_count, logs = '', rolled_back_at IS NULL, length(checksum), length(id) \
               FROM _prisma_migrations WHERE finished_at IS NOT NULL ORDER BY started_at DESC LIMIT 1";
    assert_eq!(database.sql(row), "t|0|t|t|64|36");
    resolve("20260101_users").code(65).stderr_has("is recorded as applied already");
    // A failed row is marked; the objects that no migration will create any more are named.
    project.doorstep(&url, &["migrate"]).run().code(65).stderr_has("division by zero");
    resolve("20260102_posts").code(0).stderr_has("these do not exist").stderr_has("table posts");
    assert_eq!(rows(&database, "20260102_posts"), "f|t|0\nt|f|0");
    project.doorstep(&url, &["run"]).run().code(0).stderr_has("(0 applied)");
    assert!(!exists(&database, "posts"));
    // A folder without its file, or for another provider, is no evidence.
    std::fs::create_dir_all(folder(&project, "3_empty")).unwrap();
    resolve("3_empty").code(65).stderr_has("no file migration.sql");
    project.write("prisma/migrations/migration_lock.toml", "provider = \"mysql\"\n");
    resolve("3_empty").code(65).stderr_has("written for mysql");
}

#[test]
fn resolve_rolled_back_keeps_prismas_rules() {
    let database = Database::fresh();
    let url = database.url();
    let project = Project::with_two().migration("3_bad", "SELECT 1/0;");
    let resolve = |name: &str| project.doorstep(&url, &["resolve", "--rolled-back", name]).run();
    resolve("1_users").code(65).stderr_has("the history has no row of the migration");
    assert!(!exists(&database, "_prisma_migrations"));
    project.doorstep(&url, &["migrate"]).run().code(65);
    resolve("1_users").code(65).stderr_has("is applied, it has not failed");
    resolve("4_nothing_like_it")
        .code(65)
        .stderr_has("the history has no row of the migration")
        .stderr_lacks("did you mean");
    resolve("3_bat").code(65).stderr_has("did you mean 3_bad?");
    // Its folder may be gone.
    std::fs::remove_dir_all(folder(&project, "3_bad")).unwrap();
    let json = project.doorstep(&url, &["resolve", "--rolled-back", "3_bad", "--format", "json"]).run().code(0);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json, serde_json::json!({"name": "3_bad", "state": "rolled_back", "changed": true}));
    assert_eq!(rows(&database, "3_bad"), "f|t|0");
    project.doorstep(&url, &["run"]).run().code(0);
    // The same name runs again, in a second row.
    project.write("prisma/migrations/3_bad/migration.sql", "SELECT 1;");
    project.doorstep(&url, &["run"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(rows(&database, "3_bad"), "f|t|0\nt|f|1");
    resolve("3_bad").code(0).stdout_is("3_bad was recorded as rolled back already");
}

#[test]
fn resolve_rolled_back_asks_for_no_provider_as_prisma_does_not() {
    let database = Database::fresh();
    let project = Project::new().migration("1_bad", "SELECT 1/0;");
    project.doorstep(&database.url(), &["migrate"]).run().code(65);
    project.write("prisma/migrations/migration_lock.toml", "provider = \"mysql\"\n");
    project.doorstep(&database.url(), &["resolve", "--rolled-back", "1_bad"]).run().code(0);
}

#[test]
fn a_row_that_is_finished_and_rolled_back_counts_as_finished_for_resolve_as_with_prisma() {
    // P3008 and P3012. `run` treats such a row differently: the migration runs again.
    let database = Database::fresh();
    let url = database.url();
    let project = Project::with_two();
    project.doorstep(&url, &["migrate"]).run().code(0);
    database.sql("UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name = '2_posts'");
    project.doorstep(&url, &["resolve", "--rolled-back", "2_posts"]).run().code(65);
    project.doorstep(&url, &["resolve", "--applied", "2_posts"]).run().code(65);
}

#[test]
fn resolve_needs_exactly_one_mark() {
    let project = Project::with_two();
    let resolve = |arguments: &[&str]| project.doorstep("postgres://u@127.0.0.1:1/d", arguments).run();
    resolve(&["resolve"]).code(64);
    resolve(&["resolve", "--applied", "1_users", "--rolled-back", "2_posts"]).code(64);
    resolve(&["resolve", "--applied"]).code(64);
    resolve(&["resolve", "1_users"]).code(64);
}

#[test]
fn baseline_adopts_what_is_there_and_the_rows_are_prismas() {
    let database = Database::fresh();
    let url = database.url();
    let project = Project::with_two().migration(
        "3_swap",
        "ALTER TABLE posts ADD COLUMN title text;\nDROP TABLE users;\nCREATE TABLE people (id integer);",
    );
    database.sql("CREATE TABLE posts (id integer, title text)");
    let output = project.doorstep(&url, &["baseline"]).run().code(3);
    output.stderr_has("table people").stderr_lacks("table users").stderr_lacks("table posts");
    assert!(!exists(&database, "_prisma_migrations"));
    // With --through a migration whose objects a later one drops, those objects are required.
    let output = project.doorstep(&url, &["baseline", "--through", "2_posts"]).run().code(3);
    output.stderr_has("table users").stderr_lacks("table people");
    project.doorstep(&url, &["baseline", "--through", "9_no"]).run().code(65).stderr_has("there is no migration 9_no");
    assert!(!exists(&database, "_prisma_migrations"));
    database.sql("CREATE TABLE people (id integer)");
    let output = project.doorstep(&url, &["baseline"]).run().code(0);
    output.stdout_has("1_users is recorded as applied").stdout_has("3_swap is recorded as applied");
    let row = "SELECT DISTINCT started_at = finished_at, applied_steps_count, logs = '', rolled_back_at IS NULL FROM _prisma_migrations";
    assert_eq!(database.sql(row), "t|0|t|t");
    project.doorstep(&url, &["run"]).run().code(0).stderr_has("(0 applied)");
    assert_eq!(entry(&status(&project, &url), "2_posts")["by"], "resolve");
    let order = "SELECT string_agg(migration_name, ',' ORDER BY started_at, finished_at) FROM _prisma_migrations";
    assert_eq!(database.sql(order), "1_users,2_posts,3_swap");
    project.doorstep(&url, &["baseline"]).run().code(65).stderr_has("there is a history already");
}

#[test]
fn baseline_through_leaves_the_rest_to_run() {
    let database = Database::fresh();
    let url = database.url();
    database.sql("CREATE TABLE users (id integer)");
    let project = Project::with_two();
    let json = project.doorstep(&url, &["baseline", "--through", "1_users", "--format", "json"]).run().code(0);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json["adopted"], serde_json::json!([{"name": "1_users", "objects": 1}]));
    project.doorstep(&url, &["run"]).run().code(0).stderr_has("(1 applied)");
    // Without any evidence for the folder, nothing is recorded.
    let empty = Database::fresh();
    let project = Project::new().migration("1_data", "SELECT 1;");
    project
        .doorstep(&empty.url(), &["baseline"])
        .run()
        .code(65)
        .stderr_has("1_data cannot be checked")
        .stderr_has("--through 1_data");
    assert!(!exists(&empty, "_prisma_migrations"));
}

/// Applies the folder to one database, copies the result without the history into another one, and runs baseline there.
#[track_caller]
fn adopts(project: &Project) {
    let database = Database::fresh();
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    database.sql("DROP TABLE _prisma_migrations");
    project.doorstep(&database.url(), &["baseline"]).run().code(0);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(0 applied)");
}

#[test]
fn baseline_knows_what_went_with_a_table_that_a_later_migration_drops() {
    let first = "CREATE TABLE \"User\" (id integer PRIMARY KEY);\nCREATE TABLE \"Old\" (id integer, \"userId\" integer);\n\
                 CREATE UNIQUE INDEX \"Old_id_key\" ON \"Old\"(\"id\");\n\
                 ALTER TABLE \"Old\" ADD COLUMN \"note\" text,\nADD CONSTRAINT \"Old_userId_fkey\" FOREIGN KEY (\"userId\") REFERENCES \"User\"(id);\n";
    adopts(&Project::new().migration("1_init", first).migration("2_drop", "DROP TABLE \"Old\";\n"));
}

#[test]
fn baseline_knows_what_went_with_a_column_that_a_later_migration_drops() {
    let first = "CREATE TABLE \"User\" (id integer PRIMARY KEY, email text);\nCREATE INDEX \"User_email_idx\" ON \"User\"(\"email\");\n";
    adopts(
        &Project::new().migration("1_init", first).migration("2_drop", "ALTER TABLE \"User\" DROP COLUMN \"email\";\n"),
    );
}

#[test]
fn baseline_follows_tables_and_schemas_that_a_later_migration_renames() {
    let first = "CREATE TABLE a (id integer);\nALTER TABLE a ADD COLUMN x integer, ADD CONSTRAINT a_c CHECK (x > 0);\n\
                 CREATE INDEX a_i ON a (x);\nCREATE SCHEMA s;\nCREATE TABLE s.t (id integer);\nCREATE TABLE keep (id integer);\n";
    let second = "ALTER TABLE a RENAME TO b;\nALTER SCHEMA s RENAME TO r;\n";
    adopts(&Project::new().migration("1_init", first).migration("2_rename", second));
}

#[test]
fn baseline_accepts_what_prisma_writes_to_change_an_enum() {
    let first =
        "CREATE TYPE \"Role\" AS ENUM ('A', 'B');\nCREATE TABLE \"User\" (id integer, role \"Role\" NOT NULL);\n";
    let second = "BEGIN;\nCREATE TYPE \"Role_new\" AS ENUM ('A', 'C');\n\
                  ALTER TABLE \"User\" ALTER COLUMN \"role\" TYPE \"Role_new\" USING (\"role\"::text::\"Role_new\");\n\
                  ALTER TYPE \"Role\" RENAME TO \"Role_old\";\nALTER TYPE \"Role_new\" RENAME TO \"Role\";\n\
                  DROP TYPE \"Role_old\";\nCOMMIT;\n";
    adopts(&Project::new().migration("1_init", first).migration("2_enum", second));
}

#[test]
fn sqlite_is_repaired_and_adopted_too() {
    let project = Project::sqlite()
        .migration("1_a", "CREATE TABLE a (id integer);")
        .migration("2_b", "ALTER TABLE a ADD COLUMN b text;");
    let url = "file:./dev.db";
    sqlite_file(&project, "CREATE TABLE a (id integer)");
    project.doorstep(url, &["baseline"]).run().code(3).stderr_has("column a.b");
    project.doorstep(url, &["baseline", "--through", "1_a"]).run().code(0);
    project.doorstep(url, &["run"]).run().code(0).stderr_has("(1 applied)");
    project.write("prisma/migrations/3_bad/migration.sql", "CREATE TABLE c (id integer);\nSELECT * FROM nowhere;");
    project.doorstep(url, &["run"]).run().code(65).stderr_has("nothing of it was kept");
    project.doorstep(url, &["resolve", "--applied", "3_bad"]).run().code(0).stderr_has("table c");
    project.doorstep(url, &["run"]).run().code(0).stderr_has("(0 applied)");
    let states: Vec<Value> =
        status(&project, url)["migrations"].as_array().unwrap().iter().map(|entry| entry["by"].clone()).collect();
    assert_eq!(states, ["resolve", "doorstep", "resolve"]);
}

fn sqlite_file(project: &Project, sql: &str) {
    std::fs::write(project.path("dev.db"), "").unwrap();
    sqlite(&project.path("dev.db"), sql);
}

#[test]
fn what_resolve_applied_leaves_missing_is_named_also_where_a_do_block_speaks_of_it() {
    let database = Database::fresh();
    let script = "DO $$ BEGIN CREATE TYPE \"Role\" AS ENUM ('A'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;\n\
                  CREATE TABLE IF NOT EXISTS staff (id integer, role \"Role\");\nALTER TABLE users ADD COLUMN IF NOT EXISTS email text;\n\
                  DO $$ BEGIN ALTER TABLE staff ADD CONSTRAINT c CHECK (id > 0); EXCEPTION WHEN duplicate_object THEN NULL; END $$;\n\
                  SELECT 1/0;\n";
    let project = Project::new().migration("1_users", "CREATE TABLE users (id integer);").migration("2_align", script);
    project.doorstep(&database.url(), &["migrate"]).run().code(65);
    let output = project.doorstep(&database.url(), &["resolve", "--applied", "2_align"]).run().code(0);
    output.stderr_has("will create them now: table staff, type Role, column users.email");
}

#[test]
fn commands_that_answer_a_person_log_nothing_below_warn_unless_asked() {
    let database = Database::fresh();
    let project = Project::with_two();
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has(" INFO ");
    for arguments in [&["status"][..], &["verify"], &["replay"], &["snapshot"]] {
        let output = project.doorstep(&database.url(), arguments).run().code(0);
        assert_eq!(output.stderr, "", "{arguments:?}");
        assert!(!output.stdout.is_empty(), "{arguments:?}");
        let asked = [arguments, &["--log", "info"]].concat();
        project.doorstep(&database.url(), &asked).run().code(0).stderr_has(" INFO ");
        project.doorstep(&database.url(), arguments).env("DOORSTEP_LOG", "info").run().code(0).stderr_has(" INFO ");
    }
}
