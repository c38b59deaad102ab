//! Files with statements that cannot run in a transaction: they run statement by statement, and no statement runs
//! twice.

use crate::support::running_migration::{
    GATE, at_gate, backend, exists, gone, kill, open_gate, rows, terminate, with_t, writer,
};

#[test]
fn a_mixed_file_runs_statement_by_statement_with_a_line_for_each() {
    let (database, project) = with_t(
        "-- add b\nALTER TABLE t ADD b integer;\nCREATE INDEX CONCURRENTLY i ON t (b);\nINSERT INTO t VALUES (2, 2);\n",
    );
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    let output = output.stderr_has("2_x: statement 1 of 3 done in ").stderr_has(": ALTER TABLE t ADD b integer\n");
    let output =
        output.stderr_has("2_x: statement 2 of 3 done in ").stderr_has(": CREATE INDEX CONCURRENTLY i ON t (b)");
    output.stderr_has("2_x: statement 3 of 3 done in ").stderr_has("applied 2_x in").stderr_has("(1 applied)");
    assert_eq!(rows(&database, "2_x"), "t|f|1");
    assert_eq!(database.sql("SELECT logs IS NULL FROM _prisma_migrations WHERE migration_name = '2_x'"), "t");
    assert_eq!(database.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"), "t");
    assert_eq!(database.sql("SELECT count(*) FROM t"), "3");
}

#[test]
fn a_failure_in_the_middle_says_what_stays_and_where_in_the_file_it_is() {
    let (database, project) = with_t(
        "/* é 😀 */ ALTER TABLE t ADD b integer;\r\nCREATE INDEX CONCURRENTLY i ON t (b);\r\n\r\n\
         INSERT INTO t\r\n  SELECT 'ü', nonsense;\r\nSELECT 1;\r\n",
    );
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    let output = output.stderr_has("\"nonsense\" does not exist (42703)").stderr_has("2_x/migration.sql:5:15\n");
    let output =
        output.stderr_has("nothing of this statement was kept; statements 1 to 2 of 4 were done before it, and stay");
    output.stderr_has("doorstep resolve --rolled-back 2_x");
    assert!(exists(&database, "i"));
    assert_eq!(rows(&database, "2_x"), "f|f|2");
    // If the server reports no position, it is the beginning of the statement.
    let (database, project) = with_t("CREATE INDEX CONCURRENTLY i ON t (a);\n-- why\n  SELECT 1/0\n;\n");
    project.doorstep(&database.url(), &["run"]).run().code(65).stderr_has("2_x/migration.sql:3:3\n");
}

#[test]
fn after_a_signal_in_the_middle_the_next_start_goes_on_at_that_statement() {
    let script = format!(
        "INSERT INTO t VALUES (2);\nCREATE INDEX CONCURRENTLY i ON t (a);\nINSERT INTO t VALUES (3);\n{GATE}\n\
         INSERT INTO t VALUES (4);\n"
    );
    let (database, project) = with_t(&script);
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    at_gate(&database);
    doorstep.signal("TERM");
    doorstep.finish("run").code(143).stderr_has("3 of 5 statements of 2_x are done; the next start goes on there");
    assert_eq!(rows(&database, "2_x"), "f|f|3");
    let status = project.doorstep(&database.url(), &["status"]).run().code(0);
    status.stdout_has("the next start goes on with statement 4");
    open_gate(&database);
    let output = project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("it goes on with statement 4");
    output.stderr_lacks("statement 3 of 5").stderr_has("statement 4 of 5 done").stderr_has("statement 5 of 5 done");
    assert_eq!(database.sql("SELECT string_agg(a::text, ',' ORDER BY a) FROM t"), "1,1,2,3,4");
    assert_eq!(rows(&database, "2_x"), "t|f|1");
}

#[test]
fn a_statement_whose_client_died_and_that_committed_does_not_run_again() {
    let script = format!("CREATE INDEX CONCURRENTLY i ON t (a);\n{GATE}\nINSERT INTO t VALUES (4);\n");
    let (database, project) = with_t(&script);
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = at_gate(&database);
    kill(doorstep);
    open_gate(&database);
    gone(&database, &pid);
    assert_eq!(rows(&database, "2_x"), "f|f|2");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("it goes on with statement 3");
    assert_eq!(database.sql("SELECT count(*) FROM t"), "3");
}

#[test]
fn an_index_whose_client_died_is_kept_if_it_was_built_and_built_again_if_not() {
    for finishes in [true, false] {
        let (database, project) = with_t("CREATE INDEX CONCURRENTLY i ON t (a);\nINSERT INTO t VALUES (4);\n");
        let (_writer, blocker) = writer(&database, "t", "SELECT 1");
        let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
        let pid = backend(&database, "query LIKE 'CREATE INDEX%' AND wait_event_type = 'Lock'");
        kill(doorstep);
        if !finishes {
            terminate(&database, &pid);
        }
        terminate(&database, &blocker);
        gone(&database, &pid);
        let before = database.sql("SELECT indexrelid, indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass");
        assert!(before.ends_with(if finishes { "|t" } else { "|f" }), "{before}");
        let output = project.doorstep(&database.url(), &["run"]).run().code(0);
        if finishes {
            output.stderr_has("it goes on with statement 2").stderr_lacks("INVALID");
        } else {
            output.stderr_has("dropped the INVALID index i");
        }
        assert_eq!(database.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = 'i'::regclass"), "t");
        assert_eq!(database.sql("SELECT count(*) FROM t"), "3");
        assert_eq!(rows(&database, "2_x"), "t|f|1");
    }
}

#[test]
fn an_invalid_index_is_named_dropped_and_built_again_however_the_file_builds_it() {
    for script in [
        "CREATE UNIQUE INDEX CONCURRENTLY \"t_A\" ON t (a);",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"t_A\" ON t (a);",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"t_A\" ON t (a); SELECT 1;",
        "CREATE UNIQUE INDEX IF NOT EXISTS \"t_A\" ON t (a);",
        "CREATE INDEX IF NOT EXISTS \"t_A\" ON public.t (a);",
    ] {
        let (database, project) = with_t(script);
        let failed = database.session("CREATE UNIQUE INDEX CONCURRENTLY \"t_A\" ON t (a)").finish("psql").code(1);
        failed.stderr_has("could not create unique index");
        database.sql("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)");
        let output = project.doorstep(&database.url(), &["run"]).run();
        assert_eq!(output.code, Some(0), "{script}\n{}", output.stderr);
        let index = if script.contains("public.t") { "public.t_A" } else { "t_A" };
        let dropped = format!("dropped the INVALID index {index},");
        assert!(output.stderr.contains(&dropped), "{script}\n{}", output.stderr);
        assert_eq!(database.sql("SELECT indisvalid FROM pg_index WHERE indexrelid = '\"t_A\"'::regclass"), "t");
    }
}

#[test]
fn a_build_that_fails_names_the_invalid_index_it_leaves() {
    let (database, project) = with_t("CREATE UNIQUE INDEX CONCURRENTLY u ON t (a);");
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("(23505)").stderr_has("an INVALID index is left").stderr_has("again: u");
    database.sql("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)");
    project.doorstep(&database.url(), &["resolve", "--rolled-back", "2_x"]).run().code(0);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("dropped the INVALID index u");
}

#[test]
fn a_block_between_begin_and_commit_stays_whole_beside_a_concurrent_index() {
    let block = "BEGIN;\nALTER TABLE t ADD b integer;\nINSERT INTO t VALUES (2, 2);\nCOMMIT;\n";
    let (database, project) = with_t(&format!("{block}CREATE INDEX CONCURRENTLY i ON t (b);\n"));
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    output.stderr_has("statement 1 of 2 done").stderr_has("statement 2 of 2 done");
    assert_eq!(database.sql("SELECT count(*) FROM t WHERE b = 2"), "1");
    let block = block.replace("VALUES (2, 2)", "VALUES (2, 2, 2)");
    let (database, project) = with_t(&format!("CREATE INDEX CONCURRENTLY i ON t (a);\n{block}"));
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("2_x/migration.sql:4:29").stderr_has("nothing of this statement was kept");
    assert_eq!(database.sql("SELECT count(*) FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'b'"), "0");
}

#[test]
fn semicolons_in_bodies_comments_and_strings_cut_no_statement() {
    let (database, project) = with_t(
        "CREATE FUNCTION f() RETURNS integer LANGUAGE plpgsql AS $body$ BEGIN PERFORM 1; RETURN 2; END; $body$;\n\
         CREATE FUNCTION g() RETURNS integer BEGIN ATOMIC SELECT CASE WHEN true THEN 1 ELSE 2 END; SELECT 3; END;\n\
         /* a ; /* nested ; */ ' ; */ CREATE INDEX CONCURRENTLY i ON t (a);\n\
         INSERT INTO t SELECT length(E'a\\';b') + length('c;''d') + length(U&'\\0061;') + length($$;'$$);\n\
         CREATE RULE r AS ON DELETE TO t DO ALSO (SELECT 1; SELECT 2);\n\
         COMMENT ON TABLE t IS 'one; -- two'; -- three; four\n\
         DO $$ BEGIN PERFORM f(); PERFORM g(); END $$",
    );
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    output.stderr_has("statement 7 of 7 done");
    assert_eq!(database.sql("SELECT max(a) FROM t"), "12");
    assert_eq!(database.sql("SELECT f() + g()"), "5");
}

#[test]
fn a_lone_call_of_a_procedure_that_commits_runs() {
    let (database, project) = with_t("CALL side.p();\n");
    database.sql(
        "CREATE PROCEDURE side.p() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO t VALUES (7); COMMIT; INSERT INTO t VALUES (8); END $$",
    );
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT count(*) FROM t WHERE a > 6"), "2");
    assert_eq!(rows(&database, "2_x"), "t|f|1");
}

#[test]
fn a_refusal_that_the_text_does_not_show_is_found_out_by_asking() {
    let (database, project) = with_t("");
    let name = &database.name;
    project.write(
        "prisma/migrations/2_x/migration.sql",
        &format!("INSERT INTO t VALUES (5);\nCLUSTER;\nREINDEX DATABASE {name};\nINSERT INTO t VALUES (6);\n"),
    );
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT string_agg(a::text, ',' ORDER BY a) FROM t"), "1,1,5,6");
    assert_eq!(rows(&database, "2_x").lines().last(), Some("t|f|1"));
}

#[test]
fn a_new_enum_value_used_in_the_same_file_fails_as_with_prisma() {
    let (database, project) =
        with_t("ALTER TYPE side.mood ADD VALUE 'sad';\nCREATE TABLE m (x side.mood DEFAULT 'sad');\n");
    database.sql("CREATE TYPE side.mood AS ENUM ('ok')");
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("unsafe use of new value \"sad\"").stderr_has("(55P04)").stderr_has("nothing of it was kept");
    assert_eq!(database.sql("SELECT enum_range(NULL::side.mood)"), "{ok}");
}
