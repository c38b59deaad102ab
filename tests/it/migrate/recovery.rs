//! What a crash leaves in the history, and what the next start does about it.

use crate::support::running_migration::{
    GATE, at_gate, begun_by_prisma, dies_at_gate, exists, gated, gone, kill, open_gate, prisma_begins, rows,
    sqlite_at_work, stops, terminate,
};
use crate::support::{Database, Project, sqlite};

const SLOW: &str = "CREATE TABLE slow (id integer);\n";

#[test]
fn a_script_whose_client_died_and_that_commits_is_applied() {
    let database = gated();
    let project = Project::new().migration("1_slow", &format!("{SLOW}{GATE}"));
    let doorstep = project.doorstep(&database.url(), &["run"]).env("POD_NAME", "web-1").spawn();
    at_gate(&database);
    kill(doorstep);
    // Meanwhile the backend holds the lock, and its application_name identifies it.
    let mut next = project.doorstep(&database.url(), &["run"]).spawn();
    let waiting = next.until_stderr("waiting for the migration lock, held by pid");
    assert!(waiting.contains("application doorstep web-1 1_slow,"), "{waiting}");
    open_gate(&database);
    next.finish("run").code(0).stderr_has("(0 applied)").stderr_lacks("interrupted");
    assert_eq!(rows(&database, "1_slow"), "t|f|1");
    project.doorstep(&database.url(), &["status"]).run().code(0).stdout_has("1_slow  applied");
}

#[test]
fn a_script_that_died_with_its_client_is_rolled_back_and_runs_again() {
    let database = gated();
    let project = Project::new().migration("1_slow", &format!("{SLOW}{GATE}"));
    dies_at_gate(&database, &project);
    assert_eq!(rows(&database, "1_slow"), "f|f|0");
    let status = project.doorstep(&database.url(), &["status"]).run().code(0);
    status.stdout_has("1_slow  rolled back").stdout_has("the next start runs it again").stdout_has(": behind (");
    open_gate(&database);
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    output.stderr_has("1_slow was interrupted: it was rolled back, and runs again").stderr_has("(1 applied)");
    assert_eq!(rows(&database, "1_slow"), "f|t|0\nt|f|1");
}

#[test]
fn a_file_that_was_repaired_after_the_crash_runs_as_it_is_now() {
    let database = gated();
    let project = Project::new().migration("1_slow", &format!("{SLOW}{GATE}"));
    dies_at_gate(&database, &project);
    project.write("prisma/migrations/1_slow/migration.sql", "CREATE TABLE quick (id integer);");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    assert!(exists(&database, "quick") && !exists(&database, "slow"));
}

#[test]
fn a_script_that_dropped_the_lock_cannot_commit_behind_its_successor() {
    let database = gated();
    let project = Project::new().migration("1_slow", &format!("SELECT pg_advisory_unlock_all();\n{SLOW}{GATE}"));
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = at_gate(&database);
    kill(doorstep);
    project.write("prisma/migrations/1_slow/migration.sql", "CREATE TABLE quick (id integer);");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    open_gate(&database);
    gone(&database, &pid);
    assert!(exists(&database, "quick") && !exists(&database, "slow"));
    assert_eq!(rows(&database, "1_slow"), "f|t|0\nt|f|1");
}

#[test]
fn what_prisma_left_and_rolled_back_runs_again() {
    let (database, project) = begun_by_prisma("CREATE TABLE a (id integer);\nCREATE INDEX i ON a (id);\n");
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    output.stderr_has("2_x was interrupted: it was rolled back, and runs again").stderr_has("no table a");
    assert_eq!(rows(&database, "2_x"), "f|t|0\nt|f|1");
    assert!(exists(&database, "i"));
}

#[test]
fn what_prisma_left_and_committed_is_recorded_and_does_not_run_again() {
    let script = "CREATE TABLE a (id integer);\nCREATE INDEX i ON a (id);\nALTER TABLE a ADD COLUMN x integer;\n";
    let (database, project) = begun_by_prisma(script);
    database.sql(script);
    let status = project.doorstep(&database.url(), &["status"]).run().code(0);
    status.stdout_has("interrupted after it was committed").stdout_has("the next start records it");
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    output.stderr_has("2_x was interrupted: it was committed, and is recorded now").stderr_has("(0 applied)");
    assert_eq!(rows(&database, "2_x"), "t|f|1");
}

#[test]
fn what_anybody_could_have_made_is_no_proof_that_prisma_committed() {
    // (the script, what was done instead of it)
    for (script, done) in [
        ("CREATE TABLE a (id integer);\nINSERT INTO a VALUES (1);\n", "CREATE TABLE a (id integer);"),
        ("CREATE TABLE IF NOT EXISTS base (id integer);\n", "GRANT SELECT ON base TO public;"),
        ("CREATE TABLE a (id integer);\n", "CREATE TABLE a (id integer); GRANT SELECT ON a TO public;"),
        ("CREATE TABLE a (id integer);\nCREATE INDEX i ON a (id);\n", "CREATE TABLE a (id integer);"),
        ("CREATE INDEX i ON base (id);\n", "CREATE INDEX i ON base (id);"),
        ("CREATE TEMP TABLE t (id integer);\nINSERT INTO base VALUES (1);\n", "SELECT 1;"),
        ("BEGIN;\nINSERT INTO base VALUES (1);\nCOMMIT;\nCREATE INDEX CONCURRENTLY i ON base (id);\n", "SELECT 1;"),
    ] {
        let (database, project) = begun_by_prisma(script);
        for statement in done.split_inclusive(';') {
            database.sql(statement);
        }
        unclear(&database, &project, &["interrupted"]);
    }
}

/// The start stops before `2_x` with this evidence, and names both commands to continue.
#[track_caller]
fn unclear(database: &Database, project: &Project, evidence: &[&str]) {
    for verb in ["run", "migrate"] {
        let mut output = project.doorstep(&database.url(), &[verb]).run().code(65);
        for line in evidence {
            output = output.stderr_has(line);
        }
        output.stderr_has("doorstep resolve --rolled-back 2_x").stderr_has("doorstep resolve --applied 2_x");
    }
    assert_eq!(rows(database, "2_x"), "f|f|0");
}

#[test]
fn evidence_that_contradicts_itself_is_put_before_a_person() {
    let (database, project) = begun_by_prisma("CREATE TABLE a (id integer);\nCREATE TABLE b (id integer);\n");
    database.sql("CREATE TABLE a (id integer)");
    unclear(&database, &project, &["table a: exists, made or altered since", "table b: does not exist"]);
    // Two transactions, as when a person runs the script by hand: parts of it may be missing.
    database.sql("CREATE TABLE b (id integer)");
    unclear(&database, &project, &["table a: exists, made", "table b: exists, made"]);
}

#[test]
fn what_was_there_before_proves_nothing() {
    let database = gated();
    let script = "CREATE TABLE old (id integer);\n";
    let project = Project::new().migration("1_base", script);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    prisma_begins(&database, "2_x", script);
    let project = project.migration("2_x", script);
    unclear(&database, &project, &["table old: exists, and did before the migration began"]);
}

#[test]
fn scripts_without_witnesses_changed_files_and_lost_folders_are_put_before_a_person() {
    let (database, project) = begun_by_prisma("UPDATE base SET id = 1;\n");
    unclear(&database, &project, &["it creates nothing that could be looked for"]);
    project.write("prisma/migrations/2_x/migration.sql", "CREATE TABLE a (id integer);\n");
    unclear(&database, &project, &["the file has changed since it began"]);
    std::fs::remove_dir_all(project.path("prisma/migrations/2_x")).unwrap();
    unclear(&database, &project, &["it is no longer in the folder"]);
}

#[test]
fn a_session_of_prisma_that_still_runs_it_is_named_though_the_lock_is_free() {
    let script = format!("CREATE TABLE a (id integer);\n{GATE}\n");
    let (database, project) = begun_by_prisma(&script);
    let session = database.session(&script);
    let pid = at_gate(&database);
    unclear(&database, &project, &["still running it", &format!("pid {pid}, application psql")]);
    open_gate(&database);
    session.finish("psql").code(0);
    // The script does more than create objects: a person must confirm that all of it ran.
    unclear(&database, &project, &["table a: exists, made"]);
    project.doorstep(&database.url(), &["resolve", "--applied", "2_x"]).run().code(0);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(0 applied)");
}

#[test]
fn a_failure_that_prisma_recorded_is_shown_without_colours() {
    let (database, project) = begun_by_prisma("CREATE TABLE a (id integer);\nSELECT nonsense;\n");
    let logs = "A migration failed to apply. New migrations cannot be applied before the error is recovered from.\n\n\
                Migration name: 2_x\n\nDatabase error code: 42703\n\nDatabase error:\n\
                ERROR: column \"nonsense\" does not exist\n\nPosition:\n\x1b[1m  0\x1b[0m\n\
                \x1b[1m  1\x1b[1;31m SELECT nonsense;\x1b[0m\n\n\
                DbError { severity: \"ERROR\", parsed_severity: Some(Error) }\n\n   0: sql_schema_connector::apply_migration\n";
    database.sql(&format!("UPDATE _prisma_migrations SET logs = $logs${logs}$logs$ WHERE migration_name = '2_x'"));
    unclear(&database, &project, &["2_x (started ", "column \"nonsense\" does not exist"]);
    project.doorstep(&database.url(), &["run"]).run().code(65).stderr_lacks("\x1b");
    let status = project.doorstep(&database.url(), &["status"]).run().code(0).stdout_has("does not exist");
    assert!(!status.stdout.contains('\x1b'), "{}", status.stdout);
}

#[test]
fn a_script_with_a_transaction_of_its_own_is_judged_by_what_is_there() {
    for commits in [true, false] {
        let database = gated();
        let script = format!("BEGIN;\n{SLOW}{GATE}\nCOMMIT;\n");
        let project = Project::new().migration("1_own", &script);
        let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
        let pid = at_gate(&database);
        kill(doorstep);
        if commits {
            open_gate(&database);
            gone(&database, &pid);
        } else {
            terminate(&database, &pid);
            open_gate(&database);
        }
        let output = project.doorstep(&database.url(), &["run"]).run().code(0);
        output.stderr_has(if commits { "(0 applied)" } else { "it was rolled back, and runs again" });
        assert_eq!(rows(&database, "1_own"), if commits { "t|f|1" } else { "f|t|0\nt|f|1" });
        assert!(exists(&database, "slow"));
    }
}

#[test]
fn a_script_that_commits_on_the_way_is_put_before_a_person() {
    let database = gated();
    let script = format!("BEGIN;\nCREATE TABLE first (id integer);\nCOMMIT;\n{SLOW}{GATE}");
    let project = Project::new().migration("2_x", &script);
    dies_at_gate(&database, &project);
    unclear(&database, &project, &["table first: exists, made", "table slow: does not exist"]);
}

#[test]
fn a_server_that_goes_away_while_a_script_commits_leaves_the_truth() {
    let database = gated();
    let project = Project::new().migration("1_slow", &format!("{SLOW}{GATE}"));
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = at_gate(&database);
    // Its backend ends, its client lives: the same start goes on.
    database.sql(&format!("INSERT INTO side.go VALUES (1); SELECT pg_terminate_backend({pid})"));
    let output = doorstep.finish("run").code(0);
    let applied = if output.stderr.contains("lost the database") { "f|t|0\nt|f|1" } else { "t|f|1" };
    assert_eq!(rows(&database, "1_slow"), applied);
    assert!(exists(&database, "slow"));
}

#[test]
fn sqlite_rolls_back_what_was_killed_or_failed_and_runs_it_again() {
    let (project, doorstep) = sqlite_at_work();
    kill(doorstep);
    project
        .write("prisma/migrations/1_endless/migration.sql", "CREATE TABLE t (id integer);\nSELECT * FROM nowhere;\n");
    let output = project.doorstep("file:./dev.db", &["run"]).run().code(65);
    output.stderr_has("1_endless was interrupted: it was rolled back").stderr_has("nothing of it was kept");
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table'";
    assert_eq!(sqlite(&project.path("dev.db"), tables), "_prisma_migrations");
    project.write("prisma/migrations/1_endless/migration.sql", "CREATE TABLE t (id integer);\n");
    project.doorstep("file:./dev.db", &["resolve", "--rolled-back", "1_endless"]).run().code(0);
    project.doorstep("file:./dev.db", &["run"]).run().code(0).stderr_has("(1 applied)");
}

#[test]
fn the_holder_of_the_lock_is_known_before_anything_is_concluded() {
    // An unfinished row whose backend is active means "running", not "failed": a follower waits for it.
    let database = gated();
    let project = Project::new().migration("1_slow", &format!("{SLOW}{GATE}"));
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    at_gate(&database);
    let mut follower = project.doorstep(&database.url(), &["run", "--migrate", "await"]).spawn();
    follower.until_stderr("waiting for another process to migrate");
    open_gate(&database);
    doorstep.finish("run").code(0);
    follower.finish("run").code(0).stderr_lacks("interrupted");
}

/// Prisma began it, it was committed in one transaction, and Prisma died.
#[track_caller]
fn committed_is_never_called_rolled_back(script: &str) {
    let (database, project) = begun_by_prisma(script);
    database.sql("CREATE TABLE seen (id integer)");
    database.sql(script);
    let output = project.doorstep(&database.url(), &["run"]).run().stderr_lacks("rolled back, and runs again");
    assert_eq!(database.sql("SELECT count(*) FROM seen"), "1", "{}", output.stderr);
}

#[test]
fn a_committed_script_that_renames_the_table_it_altered_is_not_called_rolled_back() {
    committed_is_never_called_rolled_back(
        "INSERT INTO seen VALUES (1);\nALTER TABLE base ADD COLUMN x integer;\nALTER TABLE base RENAME TO other;\n",
    );
}

#[test]
fn a_committed_script_that_drops_dynamically_what_it_created_is_not_called_rolled_back() {
    committed_is_never_called_rolled_back(
        "INSERT INTO seen VALUES (1);\nCREATE TABLE temp_copy AS SELECT 1;\nDO $$ BEGIN EXECUTE 'DROP TABLE temp_copy'; END $$;\n",
    );
}

#[test]
fn a_committed_script_whose_index_went_with_its_table_is_not_called_rolled_back() {
    committed_is_never_called_rolled_back(
        "INSERT INTO seen VALUES (1);\nCREATE TABLE c (id integer);\nCREATE INDEX c_i ON c (id);\nDROP TABLE c;\n",
    );
}

#[test]
fn a_row_of_doorsteps_own_whose_folder_is_gone_stops_no_older_image() {
    // The release is rolled back after its migration was killed, and certainly nothing of the migration was kept.
    let database = gated();
    let project = Project::new().migration("1_base", "SELECT 1;").migration("2_x", &format!("{SLOW}{GATE}"));
    dies_at_gate(&database, &project);
    std::fs::remove_dir_all(project.path("prisma/migrations/2_x")).unwrap();
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("2_x was interrupted: it was rolled back");
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
