//! What an interrupted `REINDEX … CONCURRENTLY` of a migration left: its next start drops it, and nothing else.

use crate::support::running_migration::{backend, kill, rows, terminate, with_t, writer};
use crate::support::{Database, Project};

const REINDEX_WAITS: &str = "query LIKE 'REINDEX%' AND wait_event_type = 'Lock'";

/// The table `app.doc` with an index and a TOAST table, a partitioned table with an index, and this pending script.
fn with_doc(script: &str) -> (Database, Project) {
    let (database, project) = with_t(script);
    database.sql(
        "CREATE SCHEMA app; CREATE TABLE app.doc (id integer, body text); CREATE INDEX doc_id ON app.doc (id); \
         CREATE TABLE app.part (id integer) PARTITION BY RANGE (id); CREATE INDEX part_id ON app.part (id); \
         CREATE TABLE app.part_1 PARTITION OF app.part FOR VALUES FROM (0) TO (9)",
    );
    (database, project)
}

/// The INVALID indexes, one a line.
fn invalid(database: &Database) -> String {
    database.sql(
        "SELECT n.nspname || '.' || c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT i.indisvalid ORDER BY 1",
    )
}

/// Starts doorstep, and kills it and its backend while its REINDEX waits for the writer of the table.
fn interrupt(database: &Database, project: &Project, table: &str) {
    let (_session, blocker) = writer(database, table, "SELECT 1");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = backend(database, REINDEX_WAITS);
    kill(doorstep);
    terminate(database, &pid);
    terminate(database, &blocker);
}

#[test]
fn each_form_leaves_nothing_after_the_next_start() {
    for (statement, table, count) in [
        ("REINDEX INDEX CONCURRENTLY app.doc_id", "app.doc", 1),
        ("reindex (concurrently) table app.doc", "app.doc", 2),
        ("REINDEX SCHEMA CONCURRENTLY app", "app.doc", 2),
        ("REINDEX (VERBOSE) TABLE CONCURRENTLY app.part", "t", 1),
        ("REINDEX INDEX CONCURRENTLY app.part_id", "t", 1),
    ] {
        let (database, project) = with_doc(&format!("INSERT INTO t VALUES (2);\n{statement};\n"));
        let all = "SELECT string_agg(indexrelid::regclass::text, ' ' ORDER BY indexrelid::regclass::text) FROM pg_index WHERE indexrelid >= 16384";
        let before = database.sql(all);
        // For partitions a session with a snapshot: their REINDEX would not begin beside a writer.
        let (_session, blocker) = writer(&database, table, "SELECT 1");
        let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
        let pid = backend(&database, "upper(query) LIKE 'REINDEX%' AND wait_event_type = 'Lock'");
        kill(doorstep);
        terminate(&database, &pid);
        terminate(&database, &blocker);
        let left = invalid(&database);
        assert_eq!(left.lines().count(), count, "{statement}: {left}");
        let mut output = project.doorstep(&database.url(), &["run"]).run().code(0);
        for index in left.lines() {
            output = output.stderr_has(&format!("dropped the INVALID index {index}"));
        }
        assert_eq!((invalid(&database), database.sql(all)), (String::new(), before), "{statement}");
        assert_eq!(database.sql("SELECT count(*) FROM t WHERE a = 2"), "1", "{statement}");
        assert_eq!(rows(&database, "2_x"), "t|f|1", "{statement}");
    }
}

#[test]
fn a_reindex_of_the_database_that_a_signal_cancelled_leaves_nothing() {
    let (database, project) = with_doc("SELECT 1;\n");
    let name = database.sql("SELECT quote_ident(current_database())");
    project.write("prisma/migrations/2_x/migration.sql", &format!("REINDEX DATABASE CONCURRENTLY {name};\n"));
    let (_session, blocker) = writer(&database, "app.doc", "SELECT 1");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    backend(&database, REINDEX_WAITS);
    doorstep.signal("TERM");
    doorstep.finish("run").code(143);
    // Of the first table already: the writer's statement has a snapshot, for which every table waits.
    let left = invalid(&database);
    assert!(left.contains("_ccnew"), "{left}");
    terminate(&database, &blocker);
    let mut output = project.doorstep(&database.url(), &["run"]).run().code(0);
    for index in left.lines() {
        output = output.stderr_has(&format!("dropped the INVALID index {index}"));
    }
    assert_eq!(invalid(&database), "");
}

#[test]
fn a_start_that_lost_its_session_drops_what_that_left_and_goes_on() {
    let (database, project) = with_doc("INSERT INTO t VALUES (2);\nREINDEX TABLE CONCURRENTLY app.doc;\n");
    let (_session, blocker) = writer(&database, "app.doc", "SELECT 1");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = backend(&database, REINDEX_WAITS);
    // Both at once: the same start may be at the statement again before a second message.
    database.sql(&format!("SELECT pg_terminate_backend({pid}), pg_terminate_backend({blocker})"));
    let output = doorstep.finish("run").code(0).stderr_has("it goes on with statement 2");
    output.stderr_has("dropped the INVALID index app.doc_id_ccnew").stderr_has("dropped the INVALID index pg_toast.");
    assert_eq!((invalid(&database), database.sql("SELECT count(*) FROM t WHERE a = 2")), (String::new(), "1".into()));
    assert_eq!(rows(&database, "2_x"), "t|f|1");
}

#[test]
fn the_old_index_of_a_finished_exchange_is_dropped() {
    let (database, project) = with_doc("REINDEX INDEX CONCURRENTLY app.doc_id;\n");
    // A reader does not keep the exchange waiting, but the old index must not go while it may be in use.
    let reader = database.idle_session("BEGIN; LOCK TABLE app.doc IN ACCESS SHARE MODE;");
    let reading = backend(&database, "state = 'idle in transaction' AND query LIKE 'LOCK TABLE app.doc%'");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = backend(&database, REINDEX_WAITS);
    kill(doorstep);
    terminate(&database, &pid);
    assert_eq!(invalid(&database), "app.doc_id_ccold");
    terminate(&database, &reading);
    drop(reader);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("dropped the INVALID index app.doc_id_ccold");
    assert_eq!(invalid(&database), "");
    assert_eq!(rows(&database, "2_x"), "t|f|1");
}

#[test]
fn what_was_there_before_is_named_and_stays() {
    let (database, project) = with_doc("REINDEX TABLE CONCURRENTLY app.doc;\n");
    let (_session, blocker) = writer(&database, "app.doc", "SELECT 1");
    let _by_hand = database.session("REINDEX INDEX CONCURRENTLY app.doc_id");
    let pid = backend(&database, REINDEX_WAITS);
    terminate(&database, &pid);
    terminate(&database, &blocker);
    assert_eq!(invalid(&database), "app.doc_id_ccnew");
    interrupt(&database, &project, "app.doc");
    let left = invalid(&database);
    assert_eq!(left.lines().count(), 3, "{left}");
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    let output = output.stderr_has("the INVALID index app.doc_id_ccnew stays: it was there before");
    let output = output.stderr_has("DROP INDEX CONCURRENTLY \"app\".\"doc_id_ccnew\";");
    output.stderr_has("dropped the INVALID index app.doc_id_ccnew1");
    assert_eq!(invalid(&database), "app.doc_id_ccnew");
}

#[test]
fn an_index_of_another_table_or_another_name_stays() {
    let (database, project) = with_doc("REINDEX INDEX CONCURRENTLY app.doc_id;\n");
    interrupt(&database, &project, "app.doc");
    // Made after the row, but no copies of what the statement rebuilds.
    database.sql("CREATE TABLE app.other (a integer); INSERT INTO app.other VALUES (1), (1); CREATE INDEX other_a ON app.other (a)");
    for index in ["other_a_ccnew ON app.other (a)", "doc_idx_ccnew ON app.doc ((id / 0))"] {
        database.sql("INSERT INTO app.doc VALUES (1, 'x')");
        database.session(&format!("CREATE UNIQUE INDEX CONCURRENTLY {index}")).finish("psql").code(1);
    }
    let others = invalid(&database).replace("app.doc_id_ccnew\n", "");
    assert_eq!(others.lines().count(), 2, "{others}");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("dropped the INVALID index app.doc_id_ccnew");
    assert_eq!(invalid(&database), others);
}

#[test]
fn a_role_that_may_not_use_pg_toast_is_told_what_to_do() {
    let (database, project) = with_doc("REINDEX TABLE CONCURRENTLY app.doc;\n");
    let role = database.role("");
    database.sql(&format!("ALTER TABLE app.doc OWNER TO {role}; ALTER SCHEMA app OWNER TO {role}"));
    interrupt(&database, &project, "app.doc");
    assert_eq!(invalid(&database).lines().count(), 2);
    database.sql(&format!("ALTER TABLE t OWNER TO {role}; ALTER TABLE _prisma_migrations OWNER TO {role}"));
    let output = project.doorstep(&database.url_as(&role), &["run"]).run().code(0);
    let output = output.stderr_has("dropped the INVALID index app.doc_id_ccnew").stderr_has("let a superuser run: ");
    let left = invalid(&database);
    assert!(left.starts_with("pg_toast.") && left.lines().count() == 1, "{left}");
    // The command that it names works.
    let (_, sql) = output.stderr.split_once("let a superuser run: ").unwrap();
    database.sql(sql.split_once(';').unwrap().0);
    assert_eq!(invalid(&database), "");
}

#[test]
fn an_index_that_somebody_rebuilds_right_now_is_left_alone() {
    let (database, project) = with_doc("REINDEX INDEX CONCURRENTLY app.doc_id;\n");
    interrupt(&database, &project, "app.doc");
    let (_session, blocker) = writer(&database, "app.doc", "SELECT 1");
    let by_hand = database.session("REINDEX INDEX CONCURRENTLY app.doc_id");
    let pid = backend(&database, REINDEX_WAITS);
    let output = project.doorstep(&database.url(), &["run"]).run().code(75);
    output.stderr_has("is being built or dropped by another session").stderr_has(&format!("pid {pid}"));
    assert!(invalid(&database).contains("app.doc_id_ccnew1"));
    terminate(&database, &blocker);
    by_hand.finish("psql").code(0);
    project.doorstep(&database.url(), &["run"]).run().code(0);
    assert_eq!(invalid(&database), "");
}
