//! Scripts that leave their session, or the history, in disorder: none of it reaches the record or the next
//! migration.

use crate::scene::{exists, rows};
use crate::support::{Database, Project};

#[test]
fn whatever_a_script_leaves_behind_it_is_recorded_and_the_next_one_is_not_touched() {
    let database = Database::fresh();
    let role = database.role("");
    let scripts = [
        "SET search_path = pg_catalog;".to_owned(),
        "SELECT set_config('search_path', '', false);".to_owned(),
        format!("SET ROLE {role};"),
        format!("SET SESSION AUTHORIZATION {role};"),
        "SELECT pg_advisory_unlock_all();".to_owned(),
        "SET default_transaction_read_only = on;".to_owned(),
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;".to_owned(),
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;".to_owned(),
        "SET statement_timeout = 1; SET lock_timeout = 1; SET idle_session_timeout = 1;".to_owned(),
        "SET standard_conforming_strings = off; SET client_encoding = 'LATIN1';".to_owned(),
        "CREATE TABLE t1 (id integer); -- a comment without an end of line".to_owned(),
        "CREATE TABLE t2 (id integer) /* no semicolon */".to_owned(),
        String::new(),
        "  \n\t;;\n".to_owned(),
        "-- nothing".to_owned(),
        "\u{feff}CREATE TABLE t3 (id integer);".to_owned(),
        "LISTEN x; PREPARE p AS SELECT 1; DECLARE c CURSOR WITH HOLD FOR SELECT 1;".to_owned(),
        "CREATE TEMPORARY TABLE _prisma_migrations (id integer);".to_owned(),
        "DISCARD ALL;".to_owned(),
        "BEGIN; CREATE TABLE t4 (id integer); COMMIT".to_owned(),
        "BEGIN; ROLLBACK".to_owned(),
        "DO $$ BEGIN RAISE WARNING 'loud'; END $$".to_owned(),
    ];
    for (index, script) in scripts.iter().enumerate() {
        let name = format!("{:03}_a", 2 * index);
        let check = format!(
            "CREATE TABLE public.check_{index} AS SELECT current_user::text AS u, session_user::text AS s, \
             current_setting('search_path') AS p, current_setting('transaction_read_only') AS r, \
             current_setting('statement_timeout') AS t, current_setting('standard_conforming_strings') AS c;"
        );
        let project = Project::new().migration(&name, script).migration(&format!("{:03}_check", 2 * index + 1), &check);
        let database = Database::fresh();
        let output = project.doorstep(&database.url(), &["run"]).run();
        assert_eq!(output.code, Some(0), "{script}\n{}", output.stderr);
        let seen = database.sql(&format!("SELECT * FROM check_{index}"));
        assert_eq!(seen, "postgres|postgres|\"$user\", public|off|0|on", "{script}");
        assert_eq!(rows(&database, &name), "t|f|1", "{script}");
    }
}

#[test]
fn a_script_that_drops_the_history_fails_and_keeps_nothing() {
    let database = Database::fresh();
    let project = Project::new()
        .migration("1_fine", "CREATE TABLE fine (id integer);")
        .migration("2_drop", "CREATE TABLE lost (id integer);\nDROP TABLE _prisma_migrations;");
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("its record could not be written").stderr_has("nothing of it was kept");
    assert!(!exists(&database, "lost"));
    assert_eq!(rows(&database, "1_fine"), "t|f|1");
    assert_eq!(rows(&database, "2_drop"), "f|t|0");
}

#[test]
fn a_script_that_empties_the_history_fails_and_keeps_nothing() {
    for emptying in ["DELETE FROM _prisma_migrations;", "TRUNCATE _prisma_migrations;"] {
        let database = Database::fresh();
        let project = Project::new().migration("1_empty", &format!("CREATE TABLE lost (id integer);\n{emptying}"));
        let output = project.doorstep(&database.url(), &["run"]).run().code(65);
        output.stderr_has("its record could not be written");
        assert!(!exists(&database, "lost"));
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
