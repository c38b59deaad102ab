//! Scripts that change their session or the history table: the record is still written, and the next script runs in a
//! clean session.

use crate::support::running_migration::{exists, rows};
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
