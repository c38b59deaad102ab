//! Failures that are not the script's fault: the server lacks something, another server does not answer, or a limit of the
//! role ended the script. They are tried again where that can help, and never block a later start.

use crate::support::running_migration::{GATE, at_gate, exists, rows, with_t};
use crate::support::{Database, Doorstep, Output, Prisma, Project};

/// A statement that fails with this SQLSTATE the first two times; a sequence is not rolled back.
fn fails_twice(sqlstate: &str) -> String {
    format!(
        "DO $$ BEGIN IF nextval('side.tries') < 3 THEN \
         RAISE EXCEPTION 'no place left' USING ERRCODE = '{sqlstate}'; END IF; END $$;\n"
    )
}

/// A statement that fails with this SQLSTATE until somebody has opened the gate.
fn fails_until_open(sqlstate: &str) -> String {
    format!(
        "DO $$ BEGIN IF NOT EXISTS (SELECT FROM side.go) THEN \
         RAISE EXCEPTION 'no place left' USING ERRCODE = '{sqlstate}'; END IF; END $$;\n"
    )
}

/// As `with_t`, with the sequence of [`fails_twice`].
fn with_tries(script: &str) -> (Database, Project) {
    let (database, project) = with_t(script);
    database.sql("CREATE SEQUENCE side.tries");
    (database, project)
}

const SHORT: [&str; 3] = ["run", "--migration-lock-timeout", "700ms"];

#[test]
fn what_the_server_lacks_for_a_moment_is_waited_for() {
    for sqlstate in ["53000", "53100", "53200", "53300", "58000", "58030", "25006", "08001", "HV00N", "40001", "40P01"]
    {
        let (database, project) = with_tries(&format!("CREATE TABLE made (a int);\n{}", fails_twice(sqlstate)));
        let output = project.doorstep(&database.url(), &["run"]).run().code(0);
        assert_eq!(output.stderr.matches("was rolled back and is tried again").count(), 2, "{sqlstate}");
        assert_eq!(rows(&database, "2_x"), "t|f|1", "{sqlstate}");
    }
}

#[test]
fn what_the_server_lacks_to_the_end_is_worth_another_start_also_for_prisma() {
    for sqlstate in ["53100", "53200", "58030"] {
        let (database, project) = with_t(&format!("CREATE TABLE made (a int);\n{}", fails_until_open(sqlstate)));
        project.write("prisma/schema.prisma", "datasource db {\n  provider = \"postgresql\"\n}\n");
        let output = project.doorstep(&database.url(), &SHORT).run().code(69);
        let output = output.stderr_has(&format!("no place left ({sqlstate})")).stderr_has("nothing of it was kept");
        output.stderr_has("next: free on the server").stderr_lacks("resolve").stderr_lacks("repair the file");
        assert_eq!(rows(&database, "2_x"), "f|t|0", "{sqlstate}");
        let status = project.doorstep(&database.url(), &["status"]).run().code(0);
        status.stdout_has("2_x  rolled back").stdout_has("behind");
        database.sql("INSERT INTO side.go VALUES (1)");
        match sqlstate {
            "53100" => project.prisma(Prisma::Seven, &database.url(), &["migrate", "deploy"]).run().code(0),
            _ => project.doorstep(&database.url(), &["run"]).run().code(0),
        };
        assert_eq!(rows(&database, "2_x"), "f|t|0\nt|f|1", "{sqlstate}");
    }
}

#[test]
fn a_script_that_commits_on_the_way_still_blocks() {
    let (database, project) = with_t("CALL side.half();\n");
    database.sql(
        "CREATE PROCEDURE side.half() LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE half (a int); COMMIT; \
         RAISE EXCEPTION 'no place left' USING ERRCODE = '53100'; END $$",
    );
    project.doorstep(&database.url(), &SHORT).run().code(65).stderr_has("parts of it may have been kept");
    assert_eq!(rows(&database, "2_x"), "f|f|0");
    project.doorstep(&database.url(), &SHORT).run().code(65).stderr_has("did not finish");
}

#[test]
fn an_index_that_is_built_alone_is_built_again_when_there_is_place() {
    let (database, project) = with_tries("CREATE INDEX CONCURRENTLY t_i ON t (side.costly(a));\nSELECT 1;\n");
    let function = |raises: &str| {
        database.sql(&format!(
            "CREATE OR REPLACE FUNCTION side.costly(integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS \
             $$ BEGIN {raises} RETURN $1; END $$"
        ))
    };
    function("IF nextval('side.tries') < 3 THEN RAISE EXCEPTION 'no place' USING ERRCODE = '53100'; END IF;");
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    output.stderr_has("2_x: dropped the INVALID index t_i").stderr_has("is tried again");
    assert_eq!(rows(&database, "2_x"), "t|f|1");
    // To the end: the next start goes on there.
    let script = "SELECT 1;\nCREATE INDEX CONCURRENTLY t_j ON t (side.costly(a), a);\n";
    project.write("prisma/migrations/3_y/migration.sql", script);
    function("RAISE EXCEPTION 'no place' USING ERRCODE = '53100';");
    project.doorstep(&database.url(), &SHORT).run().code(69).stderr_has("next: free on the server");
    function("");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("it goes on with statement 2");
    assert_eq!(database.sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
}

#[test]
fn the_history_itself_may_have_to_wait_for_place() {
    let (database, project) = with_tries("BEGIN;\nCREATE TABLE made (a int);\nCOMMIT;\nSELECT 1;\n");
    database.sql(&format!(
        "CREATE FUNCTION side.full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('side.tries') % 3 <> 0 \
         THEN RAISE EXCEPTION 'no place left' USING ERRCODE = '53100'; END IF; RETURN NEW; END $$; {}",
        "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON _prisma_migrations FOR EACH ROW EXECUTE FUNCTION side.full_disk()"
    ));
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    let output = output.stderr_has("could not record the start of 2_x: no place left");
    output.stderr_has("how 2_x ended could not be recorded, which is tried again");
    assert_eq!(rows(&database, "2_x"), "t|f|1");
    database.sql(
        "CREATE OR REPLACE FUNCTION side.full_disk() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'no place left' USING ERRCODE = '53100'; END $$",
    );
    project.write("prisma/migrations/3_y/migration.sql", "SELECT 1;\n");
    let output = project.doorstep(&database.url(), &SHORT).run().code(69);
    output.stderr_has("could not record the start of 3_y").stderr_has("next: free on the server");
}

/// The SQL after `marker` in the output, which a person would copy.
fn advice(output: &Output, marker: &str) -> String {
    let line = output.stderr.lines().find(|line| line.contains(marker)).unwrap_or_else(|| panic!("{}", output.stderr));
    let from = line.find(marker).unwrap() + marker.len() - "ALTER ROLE".len();
    line[from..=line.rfind(';').unwrap()].to_owned()
}

#[test]
fn a_limit_of_the_role_is_named_with_its_remedy_and_does_not_block() {
    for set in ["ROLE {role} SET", "ROLE {role} IN DATABASE {db} SET", "DATABASE {db} SET"] {
        let (database, project) = with_t("CREATE TABLE made (a int);\nSELECT pg_sleep(0.6);\n");
        let role = database.role("SUPERUSER");
        let set = set.replace("{role}", &role).replace("{db}", &database.name);
        database.sql(&format!("ALTER {set} statement_timeout = '150ms'"));
        let output = project.doorstep(&database.url_as(&role), &["run"]).run().code(65);
        let output = output.stderr_has("(57014)").stderr_has("limit: statement_timeout = 150ms");
        let output = output.stderr_lacks("resolve").stderr_lacks("repair").stderr_lacks("is tried again");
        assert_eq!(rows(&database, "2_x"), "f|t|0", "{set}");
        database.sql(&advice(&output, "raise it for the role: ALTER ROLE"));
        project.doorstep(&database.url_as(&role), &["run"]).run().code(0);
        assert_eq!(rows(&database, "2_x"), "f|t|0\nt|f|1", "{set}");
        database.sql(&format!("REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}; DROP ROLE {role}"));
    }
}

#[test]
fn a_limit_may_also_be_raised_in_the_file_and_comes_from_the_url_or_the_file_too() {
    let (database, project) = with_t("SELECT pg_sleep(0.6);\n");
    let url = format!("{}?options=-c%20statement_timeout%3D150ms", database.url());
    let output = project.doorstep(&url, &["run"]).run().code(65);
    output
        .stderr_has("limit: statement_timeout = 150ms, in the options")
        .stderr_has("raise statement_timeout in the options");
    database.sql(&format!("ALTER DATABASE {} SET statement_timeout = '150ms'", database.name));
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("or for this file only, as its first statement: SET statement_timeout = 0;");
    project.write("prisma/migrations/2_x/migration.sql", "SET statement_timeout = 0;\nSELECT pg_sleep(0.6);\n");
    project.doorstep(&database.url(), &["run"]).run().code(0);
    project.write("prisma/migrations/3_y/migration.sql", "SET statement_timeout = '50ms';\nSELECT pg_sleep(0.6);\n");
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output
        .stderr_has("limit: statement_timeout, which the file sets")
        .stderr_has("raise statement_timeout in the file");
    assert_eq!(rows(&database, "3_y"), "f|t|0");
}

#[test]
fn a_statement_that_another_session_cancels_runs_again() {
    let (database, project) = with_t(GATE);
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = at_gate(&database);
    database.sql(&format!("SELECT pg_cancel_backend({pid})"));
    doorstep.finish("run").code(65).stderr_has("another session has cancelled it").stderr_has("next: start again");
    database.sql("INSERT INTO side.go VALUES (1)");
    project.doorstep(&database.url(), &["run"]).run().code(0);
}

#[test]
fn a_limit_on_temporary_files_and_one_in_a_concurrent_build_do_not_block_either() {
    let big = "CREATE TABLE sorted AS SELECT g FROM generate_series(1, 200000) g ORDER BY md5(g::text);\n";
    let (database, project) = with_t(&format!("SET work_mem = '64kB';\n{big}"));
    let role = database.role("SUPERUSER");
    database.sql(&format!("ALTER ROLE {role} SET temp_file_limit = '64kB'"));
    let output = project.doorstep(&database.url_as(&role), &["run"]).run().code(65);
    let output = output.stderr_has("(53400)").stderr_has("limit: temp_file_limit = 64kB");
    database.sql(&advice(&output, "let a superuser run: ALTER ROLE"));
    project.doorstep(&database.url_as(&role), &["run"]).run().code(0);

    database.sql(
        "CREATE FUNCTION side.slow(integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS \
         $$ BEGIN PERFORM pg_sleep(0.3); RETURN $1; END $$",
    );
    database.sql(&format!("ALTER ROLE {role} SET statement_timeout = '150ms'"));
    let script = "SELECT 1;\nCREATE INDEX CONCURRENTLY t_i ON t (side.slow(a));\n";
    project.write("prisma/migrations/3_y/migration.sql", script);
    let output = project.doorstep(&database.url_as(&role), &["run"]).run().code(65);
    let output = output.stderr_has("limit: statement_timeout = 150ms").stderr_lacks("or for this file");
    database.sql(&advice(&output, "raise it for the role: ALTER ROLE"));
    project.doorstep(&database.url_as(&role), &["run"]).run().code(0).stderr_has("it goes on with statement 2");
    assert_eq!(database.sql("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
    database.sql(&format!("REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_limit_that_ends_the_session_is_recorded_in_another_one() {
    let (database, project) = with_t("CREATE TABLE made (a int);\nSELECT pg_sleep(5);\n");
    if database.sql("SELECT current_setting('server_version_num')::int < 170000") == "t" {
        // transaction_timeout is new in PostgreSQL 17.
        return;
    }
    database.sql(&format!("ALTER DATABASE {} SET transaction_timeout = '300ms'", database.name));
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    let output = output.stderr_has("(25P04)").stderr_has("limit: transaction_timeout").stderr_lacks("is tried again");
    assert_eq!(rows(&database, "2_x"), "f|t|0");
    assert!(!exists(&database, "made"));
    database.sql(&advice(&output, "raise it for the role: ALTER ROLE"));
    project.write("prisma/migrations/2_x/migration.sql", "SELECT pg_sleep(0.6);\n");
    project.doorstep(&database.url(), &["run"]).run().code(0);
}

#[test]
fn a_full_disk_does_not_block_a_history_in_a_file() {
    let project = Project::sqlite().migration("1_big", "CREATE TABLE big AS SELECT zeroblob(3000000) AS b;\n");
    // Without the signal, a write beyond the limit is an error of the system, as on a full disk.
    let limited = "trap '' XFSZ; ulimit -f 1000; exec \"$@\"";
    let binary = env!("CARGO_BIN_EXE_doorstep");
    let doorstep = Doorstep::through("/bin/sh", &["-c", limited, "sh", binary], &SHORT).directory(&project.path(""));
    let output = doorstep.env("DATABASE_URL", "file:./dev.db").run().code(69);
    output.stderr_has("next: free on the server").stderr_lacks("resolve");
    project.doorstep("file:./dev.db", &["run"]).run().code(0).stderr_has("(1 applied)");
}
