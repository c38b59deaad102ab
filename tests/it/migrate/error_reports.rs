//! The report of a failed script: its place in the file, its cause, and no secret.

use crate::support::running_migration::{exists, rows, with_t};
use crate::support::{Database, Project};

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

#[test]
fn an_unclosed_quote_is_the_scripts_own_error_at_its_own_place() {
    for (script, place) in [
        ("CREATE TABLE lost (id integer);\nSELECT 'open;\n", ":2:8"),
        ("CREATE TABLE lost (id integer);\nSELECT $$ open;\n", ":2:8"),
        ("CREATE TABLE lost (id integer);\n/* open;\n", ":2:1"),
        ("CREATE TABLE lost (id integer);\nSELECT \"open;\n", ":2:8"),
        ("CREATE TABLE lost (id integer);\nSELECT (1;\n", ":2:10"),
    ] {
        let database = Database::fresh();
        let project = Project::new().migration("1_open", script);
        let output = project.doorstep(&database.url(), &["run"]).run().code(65);
        let output = output.stderr_has("(42601)").stderr_has("nothing of it was kept").stderr_lacks("application_name");
        output.stderr_has(&format!("1_open/migration.sql{place}")).stderr_lacks("_prisma_migrations");
        assert!(!exists(&database, "lost"), "{script}");
    }
}

#[test]
fn what_fails_only_at_the_commit_keeps_nothing_and_its_cause_is_told() {
    let database = Database::fresh();
    let script = "CREATE TABLE p (id integer PRIMARY KEY);\n\
                  CREATE TABLE c (p integer REFERENCES p DEFERRABLE INITIALLY DEFERRED);\n\
                  INSERT INTO c VALUES (1);\n";
    let project = Project::new().migration("1_deferred", script);
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    let output = output.stderr_has("violates foreign key constraint").stderr_has("(23503)");
    output.stderr_has("nothing of it was kept").stderr_lacks("record could not be written");
    assert!(!exists(&database, "p"));
    assert_eq!(rows(&database, "1_deferred"), "f|f|0");
}

#[test]
fn a_failure_is_told_with_line_and_column_past_characters_of_many_bytes() {
    let database = Database::fresh();
    let script = "-- Ünïcödé 😀\r\nCREATE TABLE lost (\"größe\" text);\r\n\tSELECT '😀', nonsense;\r\n";
    let project = Project::new().migration("1_wide", script);
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("1_wide/migration.sql:3:14").stderr_lacks("\r");
}

#[test]
fn what_only_psql_or_sqlite3_reads_is_named_with_its_line_before_anything_runs() {
    let dump = "--\n-- PostgreSQL database dump\n--\n\n\\restrict k9XzQ\n\nSET client_encoding = 'UTF8';\n\
                CREATE TABLE public.shelf (id integer);\n\\unrestrict k9XzQ\n";
    let rows = "CREATE TABLE shelf (id integer, label text);\nCOPY public.shelf (id, label) FROM stdin;\n\
                1\tit's here\n2\t\\N\n\\.\n";
    for (script, line, next) in [
        (dump, "1_dump/migration.sql:5: \\restrict is a command of psql", "take the lines with \\restrict"),
        (rows, "1_dump/migration.sql:2: COPY", "pg_dump --inserts"),
        ("SELECT 1;\n\\connect other\n", "1_dump/migration.sql:2: \\connect is a command of psql", "write it as SQL"),
        ("SELECT 'SELECT 1' \\gexec\n", "1_dump/migration.sql:1: \\gexec is a command of psql", "write it as SQL"),
    ] {
        let database = Database::fresh();
        let project =
            Project::new().migration("0_first", "CREATE TABLE first (id integer);").migration("1_dump", script);
        let output = project.doorstep(&database.url(), &["run", "--", "echo", "never"]).run().code(65).stdout_is("");
        output.stderr_has(line).stderr_has(next).stderr_lacks("syntax error").stderr_lacks("42601");
        assert!(!exists(&database, "first"), "{script}");
        // As the advice says.
        project.write("prisma/migrations/1_dump/migration.sql", "CREATE TABLE public.shelf (id integer);\n");
        project.doorstep(&database.url(), &["run"]).run().code(0);
    }
    let project = Project::sqlite().migration("1_dump", "CREATE TABLE a (b);\n.mode csv\n");
    let output = project.doorstep("file:./x.db", &["run"]).run().code(65);
    output.stderr_has("1_dump/migration.sql:2: .mode is a command of the program sqlite3");
}

#[test]
fn a_backslash_that_the_server_reads_stops_nothing() {
    let database = Database::fresh();
    let script = "CREATE TABLE t (a text DEFAULT '\\restrict');\n-- \\connect other\n\
                  DO $$ BEGIN PERFORM '\\i x'; END $$;\nINSERT INTO t VALUES (E'\\n \\x41');\n";
    Project::new().migration("1_x", script).doorstep(&database.url(), &["run"]).run().code(0);
}
