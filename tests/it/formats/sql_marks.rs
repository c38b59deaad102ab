//! Plain SQL files with the marks of other tools: what of them runs, and what stops.

use crate::support::{Database, Doorstep, Project, sqlite};

/// doorstep on the project's SQLite file, with the format named.
fn named(project: &Project, arguments: &[&str]) -> Doorstep {
    project.doorstep("file:./dev.db", arguments).env("DOORSTEP_MIGRATION_FORMAT", "sql")
}

fn tables(project: &Project) -> String {
    sqlite(
        &project.path("dev.db"),
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' ORDER BY name",
    )
}

fn applied(project: &Project) -> String {
    sqlite(&project.path("dev.db"), "SELECT name FROM _doorstep_migrations WHERE finished_at IS NOT NULL ORDER BY name")
}

#[test]
fn a_line_that_looks_like_a_mark_and_is_none_stops_before_anything_of_its_file_runs() {
    for mark in [
        " -- migrate:down",
        "-- Migrate:Down",
        "-- migrate: down",
        "-- migrate:dwon",
        "\t-- +goose Down",
        "-- +goose Downn",
        "--+migrate Down",
        "-- +migrate down",
        "-- +micrate Down",
        "-- rambler down",
        "-- Down",
        "-- DOWN",
        "--down--",
        "-- @down",
        "-- //@UNDO",
        "-- [Rollback]",
        "-- === UNDO ===",
        "-- Down Migration",
        "---- create above, drop below ----",
        "-- !Downs",
        "-- undo section",
        "-- roll back",
        "-- downgrade",
        "/* down */",
        "/* migrate:down */",
        "/*** Rollback ***/",
        "/*\n * Down\n */",
    ] {
        let text = format!("CREATE TABLE pear (id integer);\n\n{mark}\nDROP TABLE pear;\nDROP TABLE apple;\n");
        let project = Project::numbered(&[("1_a.sql", "CREATE TABLE apple (id integer);\n"), ("2_b.sql", &text)]);
        let output = named(&project, &["run"]).run().code(65);
        output.stderr_has("migrations/2_b.sql:3: ").stderr_has("next: ");
        assert!(!project.path("dev.db").exists() || tables(&project) != "pear", "{mark}");
    }
}

#[test]
fn marks_as_their_tools_write_them_leave_the_way_back_out() {
    let pairs = [
        ("-- migrate:up", "-- migrate:down"),
        ("--migrate:up", "--\tmigrate:down"),
        ("-- +goose Up", "--  +goose Down"),
        ("--+goose UP", "-- +goose down"),
        ("-- +migrate Up", "-- +migrate  Down"),
        ("-- Up Migration", "-- Down Migration"),
        ("--- up migration ---", "--- Down Migration ---"),
        ("", "---- create above / drop below ----"),
    ];
    let text = |up: &str, down: &str, number: usize| {
        format!("{up}\nCREATE TABLE t{number} (id integer)\n{down}\nDROP TABLE t{number};\nDROP TABLE t0;\n")
    };
    let files: Vec<(String, String)> = pairs
        .iter()
        .enumerate()
        .map(|(number, (up, down))| (format!("{number}_x.sql"), text(up, down, number)))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let project = Project::numbered(&files);
    named(&project, &["run"]).run().code(0).stderr_has("(8 applied)");
    assert_eq!(tables(&project), "t0\nt1\nt2\nt3\nt4\nt5\nt6\nt7");
}

#[test]
fn words_in_sentences_strings_comments_and_bodies_are_text() {
    let database = Database::fresh();
    let project = Project::numbered(&[
        (
            "1_a.sql",
            "CREATE TABLE a (id int);\n-- Down migration: none, we only go forward\nCREATE TABLE a2 (id int);\n",
        ),
        ("2_b.sql", "CREATE TABLE b (id int);\n-- migrate:downtime 5 minutes\nCREATE TABLE b2 (id int);\n"),
        (
            "3_c.sql",
            "CREATE TABLE c (t text);\nINSERT INTO c VALUES ('x\n-- migrate:down\ny');\nINSERT INTO c VALUES ('z');\n",
        ),
        ("4_d.sql", "/*\n-- +goose Up\n-- +goose Down\n*/\nCREATE TABLE d (id int);\n"),
        (
            "5_e.sql",
            "DO $body$\nBEGIN\n-- +migrate Down\nCREATE TABLE e (id int);\nEND\n$body$;\nCREATE TABLE e2 (id int);\n",
        ),
        ("6_f.sql", "CREATE TABLE f (\n  -- up\n  up int,\n  -- down\n  down int\n);\n"),
        ("7_g.sql", "CREATE TABLE g (id int); -- clean up later, or roll back by hand\n-- ROLLBACK;\n"),
    ]);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(7 applied)");
    assert_eq!(
        database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename ~ '^[a-g]2?$'"),
        "10"
    );
    assert_eq!(database.sql("SELECT count(*) FROM c"), "2");
}

#[test]
fn what_is_ambiguous_stops_with_its_line() {
    for (text, line, why) in [
        (
            "-- Up Migration\nCREATE TABLE a (id int);\n-- Down migration: drops a\nDROP TABLE a;",
            3,
            "begins like a mark of node-pg-migrate",
        ),
        (
            "CREATE TABLE a (id int);\n-- migrate:up\nCREATE TABLE b (id int);\n-- migrate:down\n",
            2,
            "statements stand before it",
        ),
        ("-- migrate:down\nDROP TABLE a;", 1, "no mark begins what is to run"),
        (
            "-- +goose Up\nCREATE TABLE a (id int);\n-- +goose Up\nCREATE TABLE b (id int);",
            3,
            "second part in the same direction",
        ),
        ("-- migrate:up\nCREATE TABLE a (id int);\n-- +goose Down\nDROP TABLE a;", 3, "a mark of goose"),
        ("CREATE TABLE a (\n-- migrate:down\nid int);", 2, "within a statement"),
        ("CREATE TABLE a (id int); -- migrate:down\nDROP TABLE a;", 1, "not at the beginning of its line"),
        ("-- migrate:up transaction=false\nSELECT 1;\n-- migrate:down", 1, "option about the transaction"),
        ("--no-transaction\nSELECT 1;", 1, "looks like a mark"),
        ("-- +goose Up\n-- +goose ENVSUB ON\nCREATE TABLE ${app} (id int);", 2, "replace variables of the environment"),
        (
            "--liquibase formatted sql\n--changeset ann:1 dbms:oracle\nCREATE TABLE a (id int);",
            1,
            "a mark of Liquibase",
        ),
    ] {
        let project = Project::numbered(&[("1_a.sql", text)]);
        let output = named(&project, &["run"]).run().code(65);
        output.stderr_has(&format!("migrations/1_a.sql:{line}: ")).stderr_has(why).stderr_has("next: ");
        assert!(!project.path("dev.db").exists() || tables(&project).is_empty(), "{text}");
    }
}

#[test]
fn a_file_of_which_nothing_is_left_is_never_recorded_in_silence() {
    for text in ["-- migrate:up\n\n-- migrate:down\nDROP TABLE a;\n", "-- +goose Up\n-- +goose Down\n"] {
        let project = Project::numbered(&[("1_a.sql", text)]);
        named(&project, &["run"]).run().code(65).stderr_has("migrations/1_a.sql has no statement that is to run");
    }
    for text in ["", "\u{feff}\n", " ; \n", "-- done by hand in production\n"] {
        let project = Project::numbered(&[("1_a.sql", text)]);
        let output = named(&project, &["run"]).run().code(0);
        output.stderr_has("1_a has no statement: it is recorded as applied, but changes nothing");
        assert_eq!(applied(&project), "1_a");
        named(&project, &["run"]).run().code(0).stderr_lacks("has no statement");
    }
}

#[test]
fn a_file_that_is_applied_stops_nothing_whatever_its_marks() {
    let project = Project::numbered(&[("1_a.sql", "CREATE TABLE a (id int);\n")]);
    named(&project, &["run"]).run().code(0);
    project.write("migrations/1_a.sql", "CREATE TABLE a (id int);\n-- Down\nDROP TABLE a;\n");
    project.write("migrations/2_b.sql", "CREATE TABLE b (id int);\n");
    named(&project, &["run"])
        .run()
        .code(0)
        .stderr_has("changed since they were applied: 1_a")
        .stderr_lacks("unreadable");
    assert_eq!(tables(&project), "a\nb");
}

#[test]
fn a_file_that_asks_for_no_transaction_gets_none() {
    for (file, begin, end) in [
        ("1_a.sql", "-- +goose NO TRANSACTION\n-- +goose Up\n", "-- +goose Down\n"),
        ("1_a.sql", "-- migrate:up transaction:false\n", "-- migrate:down\n"),
        ("1_a.sql", "-- +migrate Up notransaction\n", "-- +migrate Down\n"),
        ("1_a.sql", "-- no-transaction\n", ""),
        ("1_a.sql", "---- tern: disable-tx ----\n", "---- create above / drop below ----\n"),
    ] {
        let database = Database::fresh();
        let text = format!("{begin}CREATE TABLE a (id int);\nSELECT 1/0;\n{end}");
        let project = Project::numbered(&[(file, &text)]);
        let run = || project.doorstep(&database.url(), &["run", "--migration-format", "sql"]).run();
        run().code(65).stderr_has("division by zero");
        assert_eq!(database.sql("SELECT to_regclass('a') IS NOT NULL"), "t", "{begin}");
        assert_eq!(database.sql("SELECT way, steps FROM _doorstep_migrations"), "steps|1", "{begin}");
    }
    // The same file with its transaction leaves nothing.
    let database = Database::fresh();
    let project =
        Project::numbered(&[("1_a.sql", "-- migrate:up\nCREATE TABLE a (id int);\nSELECT 1/0;\n-- migrate:down\n")]);
    project.doorstep(&database.url(), &["run", "--migration-format", "sql"]).run().code(65);
    assert_eq!(database.sql("SELECT to_regclass('a') IS NULL"), "t");
}

#[test]
fn a_placeholder_is_never_stored_as_it_is_unless_a_setting_says_that_it_is_text() {
    let database = Database::fresh();
    let project = Project::numbered(&[("1_a.sql", "CREATE TABLE a (t text);\nINSERT INTO a VALUES ('${app}');\n")]);
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("migrations/1_a.sql:2: ${app} looks like a placeholder").stderr_has("migration_format = sql");
    project.doorstep(&database.url(), &["run", "--migration-format", "sql"]).run().code(0);
    assert_eq!(database.sql("SELECT t FROM a"), "${app}");
    // Flyway replaces them in files of such names, so there they are no text.
    let project = Project::numbered(&[("V1__b.sql", "CREATE TABLE b (t text DEFAULT '${flyway:user}');\n")]);
    let output = project.doorstep(&Database::fresh().url(), &["run", "--migration-format", "sql"]).run().code(65);
    output.stderr_has("migrations/V1__b.sql:1: ${flyway:user}").stderr_has("let Flyway apply it");
}
