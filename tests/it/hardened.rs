//! What a review found, and what must never come back.

use std::process::Command;

use crate::scene::{GATE, at_gate, backend, begun_by_prisma, exists, gated, kill, open_gate, rows, terminate, writer};
use crate::steps::with_t;
use crate::support::{Database, Output, Project, run, sqlite};

const WAITS: &str = "wait_event_type = 'Lock'";

fn is_valid(database: &Database, index: &str) -> String {
    database.sql(&format!("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{index}')"))
}

/// The next start stops before `2_x`, with both ways out.
#[track_caller]
fn stops(database: &Database, project: &Project) -> Output {
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("2_x").stderr_has("doorstep resolve --rolled-back 2_x")
}

#[test]
fn an_index_whose_concurrent_drop_was_interrupted_is_dropped_by_the_next_start() {
    for signal in ["TERM", "KILL"] {
        let (database, project) = with_t("DROP INDEX CONCURRENTLY i;\nINSERT INTO t VALUES (4);\n");
        database.sql("CREATE INDEX i ON t (a)");
        let (_session, blocker) = writer(&database, "t", "SELECT 1");
        let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
        let pid = backend(&database, &format!("query LIKE 'DROP INDEX%' AND {WAITS}"));
        if signal == "TERM" {
            doorstep.signal(signal);
            doorstep.finish("run").code(143);
        } else {
            kill(doorstep);
            terminate(&database, &pid);
        }
        assert_eq!(is_valid(&database, "i"), "f", "{signal}");
        terminate(&database, &blocker);
        project.doorstep(&database.url(), &["run"]).run().code(0);
        assert!(!exists(&database, "i"), "{signal}");
        assert_eq!(database.sql("SELECT count(*) FROM t WHERE a = 4"), "1", "{signal}");
        assert_eq!(rows(&database, "2_x"), "t|f|1", "{signal}");
    }
}

#[test]
fn a_procedure_that_commits_in_a_mixed_file_never_runs_twice() {
    for signal in ["TERM", "KILL"] {
        let (database, project) = with_t("CALL side.p();\nCREATE INDEX CONCURRENTLY i ON t (a);\n");
        database.sql(
            "CREATE PROCEDURE side.p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (7); COMMIT; \
             WHILE NOT EXISTS (SELECT 1 FROM side.go) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$",
        );
        let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
        let pid = backend(&database, "query LIKE 'CALL side.p%' AND wait_event = 'PgSleep'");
        if signal == "TERM" {
            doorstep.signal(signal);
            doorstep.finish("run").code(143);
        } else {
            kill(doorstep);
            terminate(&database, &pid);
        }
        open_gate(&database);
        let output = stops(&database, &project);
        let evidence = if signal == "TERM" {
            "stopped by SIGTERM"
        } else {
            "statement 1 of 2 runs outside a transaction and was interrupted; it may be done, or half done"
        };
        output.stderr_has(evidence);
        assert_eq!(database.sql("SELECT count(*) FROM t WHERE a = 7"), "1", "{signal}");
        assert!(!exists(&database, "i"), "{signal}");
    }
}

#[test]
fn a_temporary_table_that_later_statements_need_is_missed_before_they_run() {
    let script = format!(
        "INSERT INTO t VALUES (4);\nCREATE TEMP TABLE kept AS SELECT 5 AS a;\nVACUUM t;\n{GATE}\n\
         INSERT INTO t SELECT a FROM kept;\n"
    );
    let (database, project) = with_t(&script);
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = at_gate(&database);
    kill(doorstep);
    terminate(&database, &pid);
    open_gate(&database);
    let output = stops(&database, &project).stderr_has("3 of its 5 statements are done for certain");
    output.stderr_has("went with its session: CREATE TEMP TABLE kept");
    assert_eq!(database.sql("SELECT string_agg(a::text, ',' ORDER BY a) FROM t"), "1,1,4");
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
fn a_signal_while_the_history_is_locked_is_answered_at_once() {
    let (database, project) = with_t("CREATE TABLE late (id integer);");
    let session = "BEGIN; LOCK TABLE _prisma_migrations IN SHARE MODE; SELECT pg_sleep(600)";
    let _session = database.session(session);
    let holder = backend(&database, "wait_event = 'PgSleep'");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    backend(&database, &format!("query LIKE '%INSERT INTO%_prisma_migrations%' AND {WAITS}"));
    doorstep.signal("TERM");
    doorstep.finish("run").code(143).stderr_has("2_x was not begun");
    assert_eq!(database.sql(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {holder}")), "1");
    assert_eq!(rows(&database, "2_x"), "");
    terminate(&database, &holder);
    assert!(!exists(&database, "late"));
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    assert!(exists(&database, "late"));
}

#[test]
fn a_signal_while_an_invalid_index_is_dropped_is_answered_at_once() {
    let (database, project) = with_t("CREATE UNIQUE INDEX IF NOT EXISTS t_broken ON t (a);");
    database.session("CREATE UNIQUE INDEX CONCURRENTLY t_broken ON t (a)").finish("psql").code(1);
    database.sql("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)");
    let (_session, old) = writer(&database, "t", "SELECT 1");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    backend(&database, &format!("query LIKE '%DROP INDEX CONCURRENTLY%' AND {WAITS}"));
    doorstep.signal("TERM");
    doorstep.finish("run").code(143).stderr_has("2_x was not begun");
    assert_eq!(database.sql(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {old}")), "1");
    terminate(&database, &old);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("dropped the INVALID index t_broken");
    assert_eq!(is_valid(&database, "t_broken"), "t");
}

#[test]
fn a_termination_log_that_is_a_pipe_without_a_reader_holds_nobody_up() {
    let database = Database::fresh();
    let project = Project::new().migration("1_bad", "SELECT nonsense;");
    run(Command::new("mkfifo").arg(project.path("pipe")));
    project.doorstep(&database.url(), &["run", "--termination-log", "pipe"]).run().code(65).stderr_has("42703");
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
fn replay_refuses_what_reaches_outside_in_a_disguise() {
    let database = Database::fresh();
    let refused = |project: &Project, url: &str, sql: &str| {
        let project = project.path("");
        let output = crate::support::Doorstep::new(&["replay"]).directory(&project).env("DATABASE_URL", url).run();
        assert_eq!(output.code, Some(65), "{sql}\n{}", output.stderr);
        output.stderr_has("2_x/migration.sql: ").stderr_lacks("doorstep_replay_").stderr_lacks("accepts work");
    };
    for sql in [
        &format!("GRANT CONNECT ON DATABASE {} TO PUBLIC;", database.name),
        "DO $$ BEGIN CREATE ROLE doorstep_escaped; END $$;",
        "DO $do$ BEGIN EXECUTE 'create role doorstep_escaped'; END $do$;",
        &format!("COMMENT ON DATABASE {} IS 'seen';", database.name),
        "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p WITH (connect = false, slot_name = NONE);",
    ] {
        refused(&Project::with_two().migration("2_x", &format!("SELECT 1;\n{sql}\n")), &database.url(), sql);
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'doorstep_escaped'"), "0");
    for sql in [
        "ATTACH DATABASE 'prod.db' AS prod;\nDELETE FROM prod.t;",
        "SELECT 1;\nattach 'prod.db' AS prod;",
        "VACUUM INTO 'prod.db';",
    ] {
        let project = Project::sqlite().migration("2_x", sql);
        std::fs::write(project.path("prod.db"), "").unwrap();
        sqlite(&project.path("prod.db"), "CREATE TABLE t (id integer); INSERT INTO t VALUES (1)");
        let before = std::fs::read(project.path("prod.db")).unwrap();
        refused(&project, "file:./dev.db", sql);
        assert!(before == std::fs::read(project.path("prod.db")).unwrap(), "{sql}");
    }
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
fn carriage_returns_alone_end_comments_too() {
    let database = gated();
    let script = format!(
        "-- one\rCREATE TABLE returned (id int);\rINSERT INTO returned VALUES (1);\rCOMMIT;\r{GATE}\rSELECT 1;\r"
    );
    let project = Project::new().migration("2_x", &script);
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = at_gate(&database);
    assert_eq!(database.sql("SELECT count(*) FROM returned"), "1");
    kill(doorstep);
    terminate(&database, &pid);
    open_gate(&database);
    stops(&database, &project).stderr_has("table returned: exists, made or altered since");
    assert_eq!(database.sql("SELECT count(*) FROM returned"), "1");
    assert_eq!(rows(&database, "2_x"), "f|f|0");
}

#[test]
fn an_index_that_somebody_builds_right_now_is_left_alone() {
    let (database, project) = with_t("CREATE INDEX IF NOT EXISTS t_x ON t (a);");
    let (_session, old) = writer(&database, "t", "SELECT 1");
    let builder = database.session("CREATE INDEX CONCURRENTLY t_x ON t (a)");
    let pid = backend(&database, &format!("query LIKE 'CREATE INDEX CONCURRENTLY t_x%' AND {WAITS}"));
    let output = project.doorstep(&database.url(), &["run"]).run().code(75);
    output.stderr_has("t_x is being built by another session").stderr_has(&format!("pid {pid}"));
    let oid = database.sql("SELECT 't_x'::regclass::oid");
    terminate(&database, &old);
    builder.finish("psql").code(0);
    assert_eq!(is_valid(&database, "t_x"), "t");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_lacks("INVALID");
    assert_eq!(database.sql("SELECT 't_x'::regclass::oid"), oid);
}

#[test]
fn an_index_that_is_invalid_on_purpose_is_left_alone() {
    let (database, project) = begun_by_prisma("SELECT 1;");
    database.sql(
        "DELETE FROM _prisma_migrations WHERE migration_name = '2_x'; CREATE TABLE p (a int) PARTITION BY RANGE (a); \
         CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9); CREATE INDEX p_i ON ONLY p (a)",
    );
    let before = database.sql("SELECT indexrelid, indisvalid FROM pg_index WHERE indexrelid = 'p_i'::regclass");
    assert!(before.ends_with("|f"), "{before}");
    project.write("prisma/migrations/2_x/migration.sql", "CREATE INDEX IF NOT EXISTS p_i ON p (a);");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_lacks("INVALID");
    let after = database.sql("SELECT indexrelid, indisvalid FROM pg_index WHERE indexrelid = 'p_i'::regclass");
    assert_eq!(after, before);
}

#[test]
fn a_password_in_a_line_that_fails_is_shown_to_nobody() {
    for sql in ["ALTER ROLE doorstep_nobody PASSWORD 'hunter2';", "SELECT nonsense AS password, 'hunter2', 1/0;"] {
        let (database, project) = with_t(&format!("SELECT 1;\n{sql}\n"));
        project.write("termination", "");
        let arguments = ["run", "--termination-log", "termination"];
        let output = project.doorstep(&database.url(), &arguments).run().code(65);
        output.stderr_has("2_x/migration.sql:2:").stderr_lacks("hunter2");
        let kept = database.sql("SELECT logs FROM _prisma_migrations WHERE migration_name = '2_x'");
        let report = std::fs::read_to_string(project.path("termination")).unwrap();
        assert!(!kept.is_empty() && !report.is_empty());
        assert!(!kept.contains("hunter2") && !report.contains("hunter2"), "{kept}\n---\n{report}");
    }
}
