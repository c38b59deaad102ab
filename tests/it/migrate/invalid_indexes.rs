//! Indexes that an interrupted or failed concurrent build or drop left INVALID.

use crate::support::running_migration::{backend, begun_by_prisma, exists, kill, rows, terminate, with_t, writer};
use crate::support::{Database, Project};

const WAITS: &str = "wait_event_type = 'Lock'";

fn is_valid(database: &Database, index: &str) -> String {
    database.sql(&format!("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{index}')"))
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
fn verify_names_what_an_interrupted_reindex_has_left_also_of_toast_and_of_tables_that_no_source_names() {
    let database = Database::fresh();
    let schema = "datasource db {\n  provider = \"postgresql\"\n}\n\nmodel Known {\n  id Int @id\n  note String?\n}\n";
    let project = Project::new().file("prisma/schema.prisma", schema).migration(
        "1_t",
        "CREATE TABLE \"Known\" (id integer PRIMARY KEY, note text);\nCREATE TABLE other (a text);\n",
    );
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    database.sql("CREATE INDEX other_i ON other (a)");
    for table in ["\"Known\"", "other"] {
        let (_session, blocker) = writer(&database, table, "SELECT 1");
        let reindex = database.session(&format!("REINDEX TABLE CONCURRENTLY {table}"));
        let pid = backend(&database, &format!("query LIKE 'REINDEX%' AND {WAITS}"));
        terminate(&database, &pid);
        drop(reindex);
        terminate(&database, &blocker);
    }
    let left = database.sql(
        "SELECT n.nspname || '.' || c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT i.indisvalid ORDER BY 1",
    );
    assert_eq!(left.lines().count(), 4, "{left}");
    let output = project.doorstep(&database.url(), &["verify", "--format", "json"]).run().code(0);
    let found: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let findings = found["findings"].as_array().unwrap();
    for index in left.lines() {
        // A unique index is called so.
        let is_it = |object: &str| object.split_once(' ').is_some_and(|(_, name)| name == index);
        let finding = findings.iter().find(|finding| finding["object"].as_str().is_some_and(is_it));
        let finding = finding.unwrap_or_else(|| panic!("{index}\n{}", output.stdout));
        assert_eq!((&finding["kind"], &finding["severity"]), (&"invalid".into(), &"warning".into()));
        // The command that it names works.
        let remedy = finding["remedy"].as_str().unwrap();
        let sql = &remedy[remedy.find("DROP INDEX CONCURRENTLY").unwrap_or_else(|| panic!("{remedy}"))..];
        database.sql(sql);
    }
    let output = project.doorstep(&database.url(), &["verify", "--format", "json"]).run().code(0);
    assert!(!output.stdout.contains("invalid"), "{}", output.stdout);
}
