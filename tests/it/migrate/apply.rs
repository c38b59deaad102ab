//! Step 3, migrate: what is specific to PostgreSQL. What all engines have in common is in `engines::contract`.

use crate::support::running_migration::{backend, exists, rows, terminate};
use crate::support::{Database, Project, sqlite, until};

#[test]
fn a_replica_with_nothing_to_do_takes_no_lock_and_writes_nothing() {
    let database = Database::fresh();
    let project = Project::with_two();
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let role = database.role("");
    database.sql(&format!("GRANT SELECT ON _prisma_migrations TO {role}; REVOKE CREATE ON SCHEMA public FROM public"));
    // Another session holds the migration lock: a start that requested it would wait.
    let mut holder = database.hold_migration_lock("holder");
    project.doorstep(&database.url_as(&role), &["run"]).run().code(0).stderr_has("(0 applied)");
    assert!(holder.is_running());
}

#[test]
fn the_lock_is_prismas_and_its_holder_is_named() {
    let database = Database::fresh();
    let mut holder = database.hold_migration_lock("the-other");
    let project = Project::with_two();
    let output = project.doorstep(&database.url(), &["run", "--migration-lock-timeout", "1s"]).run().code(75);
    output.stderr_has("held by: pid").stderr_has("application the-other");
    // While it waits it blocks no other session: no snapshot, no queued lock.
    let mut doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    doorstep.until_stderr("waiting for the migration lock, held by pid");
    assert_eq!(database.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"), "0");
    assert!(holder.is_running());
    terminate(&database, &backend(&database, "application_name = 'the-other'"));
    doorstep.finish("run").code(0).stderr_has("(2 applied)");
}

#[test]
fn many_files_are_applied_in_their_order_and_the_first_bad_one_stops_all() {
    let project = Project::sqlite();
    let name = |number: usize| format!("{number:04}_m");
    for number in 0..700 {
        let script = match number {
            0 => "CREATE TABLE t0 (a integer);\n".to_owned(),
            _ => format!("ALTER TABLE t{} RENAME TO t{number};\n", number - 1),
        };
        project.write(&format!("prisma/migrations/{}/migration.sql", name(number)), &script);
    }
    for bad in [300, 690] {
        project.write(&format!("prisma/migrations/{}/migration.sql", name(bad)), "SELECT 1;\0\n");
    }
    let output = project.doorstep("file:./dev.db", &["run"]).run().code(65);
    output.stderr_has("0300_m/migration.sql holds a NUL byte").stderr_lacks("applied 0");
    for bad in [300, 690] {
        let script = format!("ALTER TABLE t{} RENAME TO t{bad};\n", bad - 1);
        project.write(&format!("prisma/migrations/{}/migration.sql", name(bad)), &script);
    }
    project.doorstep("file:./dev.db", &["run"]).run().code(0).stderr_has("(700 applied)");
    assert_eq!(sqlite(&project.path("dev.db"), "SELECT name FROM sqlite_schema WHERE name LIKE 't%'"), "t699");
}

#[test]
fn a_failing_script_is_rolled_back_as_a_whole_and_shown_with_a_caret() {
    let database = Database::fresh();
    let script =
        "CREATE TABLE kept (id integer);\n\nUPDATE kept k\nSET id = 1\nFROM kept c\nWHERE k.\"customer_id\" = c.id;\n";
    let project = Project::new().migration("1_align", script);
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    let output =
        output.stderr_has("column k.customer_id does not exist (42703)").stderr_has("1_align/migration.sql:6:7");
    output
        .stderr_has("    6 | WHERE k.\"customer_id\" = c.id;\n          |       ^")
        .stderr_has("nothing of it was kept");
    assert_eq!(database.sql("SELECT to_regclass('kept') IS NULL"), "t");
}

#[test]
fn concurrently_runs_alone_in_its_file_and_a_failure_says_what_may_be_left() {
    let database = Database::fresh();
    let project = Project::new()
        .migration("1_t", "CREATE TABLE t (a integer); INSERT INTO t VALUES (1);\n")
        .migration("2_i", "-- why\nCREATE INDEX CONCURRENTLY i ON t (a);\n");
    project.doorstep(&database.url(), &["run"]).run().code(0);
    project.write("prisma/migrations/3_u/migration.sql", "CREATE UNIQUE INDEX CONCURRENTLY u ON t ((a / 0));\n");
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("22012").stderr_has("parts of it may have been kept");
}

#[test]
fn a_transaction_left_open_is_no_success() {
    let database = Database::fresh();
    let project = Project::new().migration("1_open", "BEGIN;\nCREATE TABLE lost (id integer);\n");
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("leaves a transaction open").stderr_has("nothing of it was kept");
    assert_eq!(database.sql("SELECT to_regclass('lost') IS NULL"), "t");
    assert_eq!(
        database.sql("SELECT finished_at IS NULL, logs LIKE '%transaction open%' FROM _prisma_migrations"),
        "t|t"
    );
}

#[test]
fn a_failure_inside_begin_and_commit_keeps_its_cause() {
    let database = Database::fresh();
    let project = Project::new().migration("1_b", "BEGIN;\nCREATE TABLE a (id integer);\nSELECT 1/0;\nCOMMIT;\n");
    project.doorstep(&database.url(), &["run"]).run().code(65).stderr_has("division by zero (22012)");
    assert_eq!(database.sql("SELECT logs LIKE '%division by zero%' FROM _prisma_migrations"), "t");
}

#[test]
fn what_a_script_does_to_its_session_ends_with_it() {
    let database = Database::fresh();
    let role = database.role("");
    let project = Project::new()
        .migration(
            "1_baseline",
            "SELECT pg_catalog.set_config('search_path', '', false); CREATE TABLE public.a (id integer);",
        )
        .migration("2_role", &format!("SET ROLE {role}; SET lock_timeout = '1ms'; SET TimeZone = 'Asia/Tokyo';"))
        .migration("3_plain", "CREATE TABLE b AS SELECT current_user AS u, current_setting('TimeZone') AS z;");
    project.doorstep(&database.url(), &["run", "--require-tables", "a,b"]).run().code(0);
    let zone = database.sql("SHOW TimeZone");
    assert_eq!(database.sql("SELECT u, z FROM b"), format!("postgres|{zone}"));
}

#[test]
fn a_database_with_strangers_tables_is_not_touched() {
    let database = Database::fresh();
    database.sql("CREATE TABLE theirs (id integer)");
    let output = Project::with_two().doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("the database has tables but no _prisma_migrations: public.theirs").stderr_has("baseline");
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "1");
    // Tables of extensions, and objects that are not tables, do not count (Prisma's P3005).
    database.sql("DROP TABLE theirs; CREATE TABLE spatial_ref_sys (id integer); CREATE VIEW v AS SELECT 1");
    Project::with_two().doorstep(&database.url(), &["run"]).run().code(0);
}

#[test]
fn folders_that_prisma_would_refuse_are_refused_before_anything_is_written() {
    let database = Database::fresh();
    let project = Project::with_two();
    std::fs::create_dir(project.path("prisma/migrations/3_empty")).unwrap();
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("the migration 3_empty has no file migration.sql");
    let project = Project::with_two().file("prisma/migrations/migration_lock.toml", "provider = \"mysql\"\n");
    project.doorstep(&database.url(), &["run"]).run().code(65).stderr_has("written for mysql");
    let project = Project::bare().file("prisma/migrations/app/20260101_x/ops.json", "[]");
    project.doorstep(&database.url(), &["run"]).run().code(78).stderr_has("Prisma Next");
    let project = Project::bare();
    project
        .doorstep(&database.url(), &["run", "--migrations", "nowhere"])
        .run()
        .code(78)
        .stderr_has("nowhere does not exist");
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn odd_folders_that_prisma_accepts_are_accepted() {
    let database = Database::fresh();
    let project = Project::new()
        .migration("20240101_init", "")
        .migration("20240101120000_x copy", "-- only a comment")
        .migration(".hidden", ";;;\n")
        .file("prisma/migrations/README.md", "text")
        .file("prisma/migrations/stray.sql", "SELECT broken")
        .migration("z_last", "CREATE TABLE \"Ünï\" (id integer)");
    project.doorstep(&database.url(), &["run", "--require-tables", "Ünï"]).run().code(0).stderr_has("(4 applied)");
    let order = "SELECT string_agg(migration_name, ',' ORDER BY started_at) FROM _prisma_migrations";
    assert_eq!(database.sql(order), ".hidden,20240101_init,20240101120000_x copy,z_last");
}

#[test]
fn a_diverged_history_stops_the_start_and_one_that_is_ahead_does_not() {
    let database = Database::fresh();
    let project = Project::with_two();
    project.doorstep(&database.url(), &["run"]).run().code(0);
    std::fs::remove_dir_all(project.path("prisma/migrations/2_posts")).unwrap();
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("ahead of this image");
    project.write("prisma/migrations/3_new/migration.sql", "SELECT 1;");
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("have diverged").stderr_has("not in the folder: 2_posts").stderr_has("not applied: 3_new");
    project.doorstep(&database.url(), &["status"]).run().code(0).stdout_has(": diverged (");
}

#[test]
fn a_statement_that_meets_a_lock_is_tried_again_and_in_the_end_leaves_nothing() {
    let database = Database::fresh();
    database.sql("CREATE SCHEMA side; CREATE TABLE side.busy (id integer)");
    let project =
        Project::new().migration("1_alter", "CREATE TABLE n (id integer); ALTER TABLE side.busy ADD x integer;");
    let mut reader = database.session("BEGIN; SELECT * FROM side.busy; SELECT pg_sleep(600)");
    until("the table is locked", || {
        (database.sql("SELECT count(*) FROM pg_locks WHERE relation = 'side.busy'::regclass") == "1").then_some(())
    });
    let limits = ["run", "--statement-lock-timeout", "100ms", "--migration-lock-timeout"];
    let output = project.doorstep(&database.url(), &[&limits[..], &["1s"]].concat()).run().code(75);
    output.stderr_has("is tried again").stderr_has("55P03").stderr_has("nothing of it was kept");
    // The history does not block the next start: the row is marked as rolled back.
    assert_eq!(database.sql("SELECT rolled_back_at IS NOT NULL, finished_at IS NULL FROM _prisma_migrations"), "t|t");
    let mut doorstep = project.doorstep(&database.url(), &[&limits[..], &["60s"]].concat()).spawn();
    doorstep.until_stderr("is tried again");
    assert!(reader.is_running());
    database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid() AND datname = current_database()");
    doorstep.finish("run").code(0).stderr_has("(1 applied)");
}

#[test]
fn after_a_lost_connection_the_same_start_goes_on() {
    let database = Database::fresh();
    database.sql("CREATE SCHEMA side; CREATE TABLE side.patience AS SELECT 600 AS seconds");
    let project =
        Project::new().migration("1_slow", "CREATE TABLE t (id integer); SELECT pg_sleep(seconds) FROM side.patience;");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    until("the script runs", || {
        let running = "UPDATE side.patience SET seconds = 0 WHERE EXISTS (SELECT 1 FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event = 'PgSleep') RETURNING 1";
        (database.sql(running) == "1").then_some(())
    });
    database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()");
    let output = doorstep.finish("run").code(0).stderr_has("lost the database (applying 1_slow)");
    output.stderr_has("1_slow was interrupted: it was rolled back, and runs again").stderr_has("(1 applied)");
    let rows = "SELECT finished_at IS NOT NULL, rolled_back_at IS NOT NULL, logs LIKE 'interrupted%' FROM _prisma_migrations ORDER BY started_at";
    assert_eq!(database.sql(rows), "f|t|t\nt|f|");
}

#[test]
fn a_follower_awaits_what_another_applies() {
    let database = Database::fresh();
    let project = Project::with_two();
    project
        .doorstep(&database.url(), &["run", "--migrate", "await", "--wait-timeout", "1s"])
        .run()
        .code(69)
        .stderr_has("it is behind");
    let mut follower = project.doorstep(&database.url(), &["run", "--migrate", "await", "--", "echo", "up"]).spawn();
    follower.until_stderr("waiting for another process to migrate");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    follower.finish("run").code(0).stdout_is("up");
}

#[test]
fn a_follower_may_only_read_and_awaits_what_verify_asks_for_too() {
    let database = Database::fresh();
    let project = Project::with_two();
    let role = database.role("");
    database.sql(&format!("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {role}"));
    let follow = ["run", "--migrate", "await", "--require-tables", "users,by_hand", "--", "echo", "up"];
    let mut follower = project.doorstep(&database.url_as(&role), &follow).spawn();
    follower.until_stderr("waiting for another process to migrate: behind");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    follower.until_stderr("it is migrated, but table by_hand is missing");
    database.sql("CREATE TABLE by_hand (id integer)");
    follower.finish("run").code(0).stdout_is("up");

    let never = ["run", "--migrate", "await", "--require-tables", "never", "--wait-timeout", "1s"];
    project.doorstep(&database.url_as(&role), &never).run().code(3).stderr_has("table never is missing");
}

#[test]
fn migrations_can_be_off() {
    let database = Database::fresh();
    Project::with_two()
        .doorstep(&database.url(), &["run", "--migrate", "off", "--", "echo", "up"])
        .run()
        .code(0)
        .stdout_is("up");
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn a_role_that_may_not_read_the_history_is_told_which_grant_it_lacks() {
    let database = Database::fresh();
    let project = Project::with_two();
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let role = database.role("");
    let output = project.doorstep(&database.url_as(&role), &["run"]).run().code(77);
    output.stderr_has("GRANT SELECT ON \"public\".\"_prisma_migrations\" TO");
}

#[test]
fn a_folder_whose_files_were_lost_on_the_way_is_not_nothing_to_do() {
    let database = Database::fresh();
    let project = Project::bare().file("prisma/schema.prisma", "datasource db {\n  provider = \"postgresql\"\n}\n");
    std::fs::create_dir_all(project.path("prisma/migrations/1_init")).unwrap();
    let output = project.doorstep(&database.url(), &["run", "--", "echo", "never"]).run().code(65);
    output.stdout_is("").stderr_has("the migration 1_init has no file migration.sql");
    // A folder named `migrations` may belong to another tool: it is ignored, with a warning.
    let project = Project::bare().file("migrations/notes.sql", "SELECT 1;");
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    output.stderr_has("of no known format and is left alone").stderr_lacks("no migrations folder");
    let project = Project::bare();
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("no migrations folder");
}

#[test]
fn an_index_built_concurrently_has_the_time_it_needs() {
    let database = Database::fresh();
    database.sql("CREATE SCHEMA side; CREATE TABLE side.busy (id integer)");
    let project = Project::new().migration("1_i", "CREATE INDEX CONCURRENTLY i ON side.busy (id);");
    let _writer = database.session("BEGIN; INSERT INTO side.busy VALUES (1); SELECT pg_sleep(600)");
    until("the writer writes", || {
        (database.sql("SELECT count(*) FROM pg_locks WHERE relation = 'side.busy'::regclass") == "1").then_some(())
    });
    let doorstep = project.doorstep(&database.url(), &["run", "--statement-lock-timeout", "50ms"]).spawn();
    until("the build has waited longer than the timeout", || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock' \
                       AND query_start < clock_timestamp() - interval '500ms' AND datname = current_database()";
        (database.sql(waiting) == "1").then_some(())
    });
    database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid() AND datname = current_database()");
    doorstep.finish("run").code(0).stderr_has("(1 applied)");
}

#[test]
fn what_a_lone_block_commits_is_not_called_rolled_back() {
    let database = Database::fresh();
    database.sql("CREATE SCHEMA side; CREATE PROCEDURE side.p() LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE side.kept (); COMMIT; END $$");
    let project = Project::new().migration("1_do", "DO $$ BEGIN CALL side.p(); RAISE EXCEPTION 'boom'; END $$;");
    project
        .doorstep(&database.url(), &["run"])
        .run()
        .code(65)
        .stderr_has("boom")
        .stderr_has("parts of it may have been kept");
    assert_eq!(database.sql("SELECT to_regclass('side.kept') IS NOT NULL"), "t");
}

#[test]
fn recording_waits_for_locks_and_survives_what_the_script_set() {
    let database = Database::fresh();
    let project = Project::new()
        .migration("1_ro", "SET default_transaction_read_only = on;")
        .migration("2_slow", "SELECT pg_sleep(0.5);");
    let doorstep = project.doorstep(&database.url(), &["run", "--statement-lock-timeout", "50ms"]).spawn();
    until("the second script runs", || {
        (database.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(0.5);%' AND datname = current_database()") == "1").then_some(())
    });
    database.sql("BEGIN; LOCK TABLE _prisma_migrations IN SHARE MODE; SELECT pg_sleep(1); COMMIT");
    doorstep.finish("run").code(0).stderr_has("(2 applied)");
}

#[test]
fn a_script_that_drops_the_lock_does_not_lose_it() {
    let database = Database::fresh();
    let project = Project::new()
        .migration("1_unlock", "SELECT pg_advisory_unlock_all();")
        .migration("2_slow", "SELECT pg_sleep(600);");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    until("the second script runs", || {
        (database.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(600);%' AND datname = current_database()") == "1").then_some(())
    });
    assert_eq!(database.sql("SELECT pg_try_advisory_lock(72707369)"), "f");
    doorstep.signal("TERM");
    doorstep.finish("run").code(143);
}

#[test]
fn awaiting_ends_with_the_attempts_and_a_failed_history_is_no_matter_of_time() {
    let database = Database::fresh();
    let await_it = ["run", "--migrate", "await", "--wait-attempts", "2", "--wait-interval", "300ms"];
    let project = Project::with_two();
    let doorstep = || project.doorstep(&database.url(), &await_it).env_remove("DOORSTEP_WAIT_TIMEOUT");
    doorstep().run().code(69).stderr_has("it is behind");
    project.write("prisma/migrations/3_bad/migration.sql", "SELECT 1/0;");
    project.doorstep(&database.url(), &["migrate"]).run().code(65);
    doorstep().run().code(65).stderr_has("3_bad (started").stderr_has("division by zero");
}

#[test]
fn a_schema_that_the_script_drops_is_not_taken_for_one_that_exists() {
    let database = Database::fresh();
    let role = database.role("");
    database.sql(&format!(
        "GRANT CREATE ON SCHEMA public TO {role}; CREATE SCHEMA app AUTHORIZATION {role}; \
         SET ROLE {role}; CREATE TABLE app.kept (id integer)"
    ));
    for create in ["CREATE SCHEMA IF NOT EXISTS app;", "CREATE SCHEMA IF NOT EXISTS \"app\";\nSELECT 1;"] {
        let project = Project::new().migration("2_x", &format!("DROP SCHEMA IF EXISTS app CASCADE;\n{create}\n"));
        let output = project.doorstep(&database.url_as(&role), &["run"]).run().stderr_has("42501");
        assert!(matches!(output.code, Some(65 | 77)), "{:?}\n{}", output.code, output.stderr);
        assert!(exists(&database, "app.kept"), "{create}\n{}", output.stderr);
        assert_eq!(rows(&database, "2_x"), "f|f|0", "{create}");
        database.sql("DELETE FROM _prisma_migrations");
    }
    database.sql(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}

#[test]
fn code_that_fails_to_commit_is_no_reason_to_give_the_transaction_up() {
    let database = Database::fresh();
    let block = "DO $$ BEGIN BEGIN COMMIT; EXCEPTION WHEN division_by_zero THEN NULL; END; END $$;";
    let script = format!("CREATE TABLE a ();\n{block}\nCREATE TABLE b ();\n");
    let project = Project::new().migration("2_x", &script);
    project.doorstep(&database.url(), &["run"]).run().code(65).stderr_has("nothing of it was kept");
    assert!(!exists(&database, "a") && !exists(&database, "b"));
    assert_eq!(rows(&database, "2_x"), "f|f|0");
}

#[test]
fn sqlite_takes_a_deferred_constraint_for_the_fault_of_its_script() {
    let script = "CREATE TABLE p (id INTEGER PRIMARY KEY);\n\
                  CREATE TABLE c (p INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO c VALUES (1);\n";
    let project = Project::sqlite().migration("1_bad", script);
    for expected in ["FOREIGN KEY constraint failed", "doorstep resolve --rolled-back 1_bad"] {
        let output = project.doorstep("file:./dev.db", &["run"]).run().code(65).stderr_has(expected);
        output.stderr_lacks("_prisma_migrations");
    }
    let query = |sql: &str| sqlite(&project.path("dev.db"), sql);
    assert_eq!(query("SELECT finished_at IS NULL, rolled_back_at IS NULL FROM _prisma_migrations"), "1|1");
    assert_eq!(query("SELECT count(*) FROM sqlite_master WHERE name IN ('p', 'c')"), "0");
}

#[test]
fn the_folder_that_prisma_config_names_is_the_folder() {
    let config = "import { defineConfig } from 'prisma/config';\n\
                  export default defineConfig({ migrations: { path: \"db/migrations\" } });\n";
    let database = Database::fresh();
    let project = Project::with_two().file("prisma.config.ts", config);
    project.doorstep(&database.url(), &["run"]).run().code(78).stderr_has("db/migrations");
    assert!(!exists(&database, "users") && !exists(&database, "_prisma_migrations"));
    project.doorstep(&database.url(), &["run", "--migrate", "off"]).run().code(0);
    assert!(!exists(&database, "users") && !exists(&database, "_prisma_migrations"));
    project.write("db/migrations/migration_lock.toml", "provider = \"postgresql\"\n");
    project.write("db/migrations/1_new/migration.sql", "CREATE TABLE fresh (id integer);");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    assert!(exists(&database, "fresh") && !exists(&database, "users"));
}

#[test]
fn a_history_behind_a_view_or_row_security_is_read_as_before() {
    let (database, project) = (Database::fresh(), Project::with_two());
    project.doorstep(&database.url(), &["migrate"]).run().code(0).stderr_has("(2 applied)");
    let nothing_to_do = |url: &str| {
        let output = project.doorstep(url, &["run", "--require-tables", "posts", "--", "echo", "up"]).run().code(0);
        output.stderr_has("(0 applied)").stdout_has("up");
    };
    nothing_to_do(&database.url());
    // A role that is not the owner, which a policy shows all rows.
    let role = database.role("");
    database.sql(&format!(
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}; ALTER TABLE _prisma_migrations ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY all_rows ON _prisma_migrations FOR SELECT USING (true)"
    ));
    nothing_to_do(&database.url_as(&role));
    // COPY refuses a view.
    database.sql("ALTER TABLE _prisma_migrations RENAME TO kept; CREATE VIEW _prisma_migrations AS SELECT * FROM kept");
    nothing_to_do(&database.url());
}
