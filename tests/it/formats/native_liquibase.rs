//! Liquibase's changelogs in formatted SQL, applied as Liquibase does: its recorded runs beside doorstep's, its history
//! continued, its lock.

use crate::formats::recorded::{Bench, Case, Deviation, Left, compare};
use crate::support::running_migration::{GATE, at_gate, gated, kill, open_gate, terminate};
use crate::support::{Database, Doorstep, Project, sqlite};

const LIKENESS: &str = "Liquibase drops what looks like a change set and is none, with its SQL, and reports success";

const fn refused(case: &'static str, why: &'static str) -> Deviation {
    Deviation { case, succeeded: &[false], rows: Some(&[]), tables: &[], why }
}

/// Where doorstep differs by design.
const DEVIATIONS: &[Deviation] = &[
    refused("liquibase-mark-12", LIKENESS),
    refused("liquibase-mark-13", LIKENESS),
    refused("liquibase-mark-15", LIKENESS),
    refused("liquibase-mark-17", LIKENESS),
    refused("liquibase-mark-18", LIKENESS),
    refused("liquibase-text-before-changeset", "Liquibase drops the SQL before the first change set without a word"),
    refused("liquibase-dbms-other", "Liquibase passes a change set over whose dbms has quotes, and reports success"),
    Deviation {
        case: "liquibase-fail-on-error-false",
        succeeded: &[false, false],
        rows: Some(&[]),
        tables: &[],
        why: "Liquibase goes on after the failure, reports success, and tries again at every run",
    },
];

fn doorstep(case: &Case, bench: &Bench, step: &str) -> Doorstep {
    let option = |name: &str| step.split_whitespace().find_map(|word| word.strip_prefix(name));
    let changelog = option("cl=").unwrap_or("changelog.sql");
    let arguments = ["migrate", "--migrations", changelog, "--migration-format", "liquibase"];
    let mut call = bench.project.doorstep(&bench.url(), &arguments);
    if let Some(contexts) = option("--contexts=") {
        call = call.env("LIQUIBASE_COMMAND_CONTEXTS", contexts);
    }
    for (name, value) in case.field("env").as_object().into_iter().flatten() {
        call = call.env(name, value.as_str().unwrap());
    }
    call
}

const HISTORY: &str = "databasechangelog";

const ROWS: &str = "SELECT jsonb_build_array(id, author, filename, orderexecuted, exectype, md5sum, description, comments, tag, \
     contexts, labels) FROM databasechangelog ORDER BY orderexecuted";

fn rows(bench: &Bench) -> Vec<String> {
    let normal = |row: &String| serde_json::from_str::<serde_json::Value>(row).unwrap().to_string();
    if bench.has(HISTORY) { bench.lines(ROWS).iter().map(normal).collect() } else { Vec::new() }
}

#[test]
fn doorstep_does_what_liquibase_did() {
    compare("liquibase", &[], DEVIATIONS, |case| {
        let bench = case.bench();
        let (succeeded, said) = case.migrated(&bench, |step| doorstep(case, &bench, step));
        let mut tables = bench.tables(&[HISTORY, "databasechangeloglock"]);
        tables.extend(bench.lines("SELECT viewname FROM pg_views WHERE schemaname = 'public'"));
        let left = Left { succeeded, rows: rows(&bench), tables };
        let recorded = case.field("rows").as_array();
        let recorded = recorded.map(|rows| rows.iter().map(ToString::to_string).collect());
        let rows = recorded.unwrap_or_else(|| left.rows.clone());
        let its = Left { succeeded: case.succeeded(), rows, tables: case.tables() };
        (left, its, said)
    });
}

const APPLE: &str = "--liquibase formatted sql\n--changeset ann:1\nCREATE TABLE apple (id int);\n";

fn apple(path: &str) -> Project {
    Project::bare().file(path, APPLE)
}

#[test]
fn a_changelog_is_found_by_name_by_configuration_and_by_its_mark() {
    for (path, arguments, properties) in [
        ("changelog.sql", &["--migrations", "changelog.sql"][..], ""),
        ("db/changelog.sql", &[], "changelog-file: db/changelog.sql\n"),
        ("db/changelog.sql", &[], "changelogFile=changelog.sql\nsearchPath: db\n"),
        ("migrations/a.sql", &[], ""),
    ] {
        let database = Database::fresh();
        let project = apple(path);
        if !properties.is_empty() {
            project.write("liquibase.properties", properties);
        }
        let run = |command: &str| project.doorstep(&database.url(), &[&[command], arguments].concat()).run();
        run("run").code(0).stderr_has("(1 applied)");
        run("run").code(0).stderr_has("(0 applied)");
        let name = if properties.contains("searchPath") { "changelog.sql" } else { path };
        run("status").code(0).stdout_has(&format!("{name}::1::ann  applied")).stdout_has(": current (");
        run("check").code(0);
        assert_eq!(database.sql("SELECT id, author, filename FROM databasechangelog"), format!("1|ann|{name}"));
        assert_eq!(database.sql("SELECT id, locked, lockedby FROM databasechangeloglock"), "1|f|");
    }
}

#[test]
fn a_changelog_that_is_not_sql_is_refused_by_name() {
    let database = Database::fresh();
    for (file, arguments) in [
        ("db.changelog-master.yaml", &["--migrations", "db.changelog-master.yaml"][..]),
        ("x.xml", &["--migrations", "x.xml", "--migration-format", "liquibase"]),
        ("migrations/changelog.xml", &["--migration-format", "liquibase"]),
        ("db/changelog.json", &[]),
    ] {
        let project = Project::bare().file(file, "x\n").file("migrations/a.sql", APPLE);
        if arguments.is_empty() {
            std::fs::remove_dir_all(project.path("migrations")).unwrap();
            project.write("liquibase.properties", &format!("changelogFile: {file}\n"));
        }
        let output = project.doorstep(&database.url(), &[&["run"], arguments].concat()).run().code(78);
        output.stderr_has("XML, YAML or JSON").stderr_has("migrate_command = \"liquibase update\"");
    }
}

#[test]
fn an_error_is_shown_at_its_line_of_the_changelog() {
    let database = Database::fresh();
    let project = Project::bare().file(
        "changelog.sql",
        &format!("{APPLE}\n--changeset ann:2\n--comment: why\nCREATE TABLE pear (id int);\nSELECT 1 / 0;\n"),
    );
    let run = || project.doorstep(&database.url(), &["run", "--migrations", "changelog.sql"]).run();
    let output = run().code(65).stderr_has("changelog.sql::2::ann").stderr_has("at changelog.sql:8:");
    output.stderr_has("    8 | SELECT 1 / 0;").stderr_has("    7 | CREATE TABLE pear");
    assert_eq!(database.sql("SELECT to_regclass('pear') IS NULL, count(*) FROM databasechangelog"), "t|1");
    // The lock is given back.
    assert_eq!(database.sql("SELECT locked FROM databasechangeloglock"), "f");
    project.write("changelog.sql", &format!("{APPLE}--changeset ann:2\nCREATE INDEX CONCURRENTLY i ON apple (id);\n"));
    run().code(65).stderr_has("the statement in line 5").stderr_has("runInTransaction:false");
    project.write("changelog.sql", &format!("{APPLE}--change-set ann:2\nSELECT 1;\n"));
    run().code(65).stderr_has("changelog.sql:4: it looks like a --changeset and is none");
}

#[test]
fn a_history_that_an_old_liquibase_made_is_continued_in_its_shape() {
    let database = Database::fresh();
    database.sql(
        "CREATE TABLE databasechangelog (id varchar(63) NOT NULL, author varchar(63) NOT NULL, filename varchar(200) NOT NULL, \
         dateexecuted timestamptz NOT NULL, orderexecuted int NOT NULL, exectype varchar(10) NOT NULL, md5sum varchar(35), \
         description varchar(255), comments varchar(255), tag varchar(255), liquibase varchar(20), \
         PRIMARY KEY (id, author, filename)); \
         INSERT INTO databasechangelog VALUES ('1', 'ann', 'changelog.sql', now(), 1, 'EXECUTED', '7:old'); \
         CREATE TABLE apple (id int)",
    );
    let project = apple("changelog.sql");
    project.write("changelog.sql", &format!("{APPLE}--changeset ann:2 labels:x\nCREATE TABLE pear (id int);\n"));
    let run = |command: &str| project.doorstep(&database.url(), &[command, "--migrations", "changelog.sql"]).run();
    run("status").code(0).stdout_has("changelog.sql::1::ann  applied").stdout_has(": behind (");
    run("run").code(0).stderr_has("(1 applied)");
    run("check").code(0);
    assert_eq!(
        database.sql("SELECT id, orderexecuted, exectype FROM databasechangelog ORDER BY 2"),
        "1|1|EXECUTED\n2|2|EXECUTED"
    );
}

#[test]
fn what_liquibase_would_put_in_from_elsewhere_is_refused_by_name() {
    let database = Database::fresh();
    let project = Project::bare()
        .file("changelog.sql", "--liquibase formatted sql\n--changeset ann:1\nCREATE TABLE ${TBL} (id int);\n");
    let call = || project.doorstep(&database.url(), &["run", "--migrations", "changelog.sql"]).env("TBL", "apple");
    call().run().code(65).stderr_has("changelog.sql:3").stderr_has("variable TBL");
    // A parameter of the file does not change that: Liquibase looks into the environment first.
    project.write("liquibase.properties", "parameter.TBL: pear\nparameter.OTHER: fig\n");
    call().run().code(65).stderr_has("next: allow it with migration_variables = TBL");
    let text = "--liquibase formatted sql\n--changeset ann:1\nCREATE TABLE ${TBL} (id int);\nCREATE TABLE ${OTHER} (id int);\n";
    project.write("changelog.sql", text);
    call().env("DOORSTEP_MIGRATION_VARIABLES", "TBL").run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT to_regclass('apple') IS NULL, to_regclass('fig') IS NULL"), "f|f");
}

#[test]
fn liquibases_lock_row_is_waited_for_and_named() {
    let database = Database::fresh();
    let project = apple("changelog.sql");
    let arguments = ["run", "--migrations", "changelog.sql", "--migration-lock-timeout", "2s"];
    let run = || project.doorstep(&database.url(), &arguments).run();
    database.sql(
        "CREATE TABLE databasechangeloglock (id int PRIMARY KEY, locked boolean NOT NULL, lockgranted timestamp, \
         lockedby varchar(255)); INSERT INTO databasechangeloglock VALUES (1, true, now(), 'build-7 (10.0.0.7)')",
    );
    // A session that is connected may be the holder.
    let holder = database.idle_session("SELECT 1");
    run().code(75).stderr_has("build-7 (10.0.0.7)").stderr_has("liquibase release-locks");
    assert_eq!(database.sql("SELECT to_regclass('apple') IS NULL, locked FROM databasechangeloglock"), "t|t");
    drop(holder);
    // Nobody is left who could be it.
    run().code(0).stderr_has("took the lock that build-7 (10.0.0.7) has left").stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT locked FROM databasechangeloglock"), "f");
}

#[test]
fn the_lock_row_of_a_doorstep_that_was_killed_is_taken_over() {
    let database = gated();
    let project = Project::bare()
        .file("changelog.sql", &format!("{}{GATE}\n", APPLE.replace("ann:1", "ann:1 splitStatements:false")));
    let arguments = ["run", "--migrations", "changelog.sql"];
    let doorstep = project.doorstep(&database.url(), &arguments).spawn();
    let pid = at_gate(&database);
    assert_eq!(database.sql("SELECT locked, lockedby LIKE 'doorstep%' FROM databasechangeloglock"), "t|t");
    kill(doorstep);
    terminate(&database, &pid);
    open_gate(&database);
    project.doorstep(&database.url(), &arguments).run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT locked, lockedby FROM databasechangeloglock"), "f|");
}

#[test]
fn on_sqlite_the_same_tables_are_written() {
    let project = apple("changelog.sql");
    project.write("changelog.sql", &format!("{APPLE}--changeset ann:2 runOnChange:true\nCREATE VIEW v AS SELECT 1;\n"));
    let run = || project.doorstep("file:./dev.db", &["run", "--migrations", "changelog.sql"]).run();
    run().code(0).stderr_has("(2 applied)");
    run().code(0).stderr_has("(0 applied)");
    let text = format!("{APPLE}--changeset ann:2 runOnChange:true\nDROP VIEW v; CREATE VIEW v AS SELECT 2;\n");
    project.write("changelog.sql", &text);
    run().code(0).stderr_has("(1 applied)");
    let rows = sqlite(&project.path("dev.db"), "SELECT id, orderexecuted, exectype FROM databasechangelog ORDER BY 2");
    assert_eq!(rows, "1|1|EXECUTED\n2|3|RERAN");
}

#[test]
fn an_edited_change_set_stops_also_where_nothing_is_pending_and_a_missing_one_does_not() {
    let database = Database::fresh();
    let project = apple("changelog.sql");
    let run = |command: &str| project.doorstep(&database.url(), &[command, "--migrations", "changelog.sql"]).run();
    run("run").code(0);
    project.write("changelog.sql", "--liquibase formatted sql\n--changeset ann:1\nCREATE TABLE apple (id bigint);\n");
    run("run")
        .code(65)
        .stderr_has("changed since they were applied: changelog.sql::1::ann")
        .stderr_has("--validCheckSum");
    project.write("changelog.sql", "--liquibase formatted sql\n--changeset ann:2\nCREATE TABLE pear (id int);\n");
    run("run").code(0).stderr_has("(1 applied)");
}

#[test]
fn preconditions_are_asked_before_a_change_set_runs() {
    let database = Database::fresh();
    let set = |id: u32, conditions: &str, sql: &str| format!("--changeset ann:{id}\n{conditions}\n{sql}\n");
    let exists = "--precondition-table-exists table:apple";
    let text = format!(
        "{APPLE}{}{}{}",
        set(2, &format!("--preconditions onFail:MARK_RAN\n{exists}"), "CREATE TABLE pear (id int);"),
        set(3, "--preconditions onFail:MARK_RAN\n--precondition-view-exists view:v", "CREATE TABLE never (id int);"),
        set(
            4,
            "--preconditions onError:WARN\n--precondition-sql-check expectedResult:1 SELECT nope",
            "CREATE TABLE fig (id int);"
        ),
    );
    let project = Project::bare().file("changelog.sql", &text);
    let run = |command: &str| project.doorstep(&database.url(), &[command, "--migrations", "changelog.sql"]).run();
    run("run")
        .code(0)
        .stderr_has("changelog.sql::3::ann is recorded and does not run")
        .stderr_has("changelog.sql::4::ann runs although");
    run("check").code(0);
    let rows = database.sql("SELECT id, exectype FROM databasechangelog ORDER BY orderexecuted");
    assert_eq!(rows, "1|EXECUTED\n2|EXECUTED\n3|MARK_RAN\n4|EXECUTED");
    assert_eq!(database.sql("SELECT to_regclass('never') IS NULL, to_regclass('fig') IS NULL"), "t|f");
    project.write(
        "changelog.sql",
        &(text + &set(5, "--precondition-sql-check expectedResult:0 SELECT count(*) FROM pear", "DROP TABLE pear;")),
    );
    database.sql("INSERT INTO pear VALUES (1)");
    let output = run("run").code(65).stderr_has("changelog.sql::5::ann was not run: its precondition is not met");
    output.stderr_has("gives 1, and 0 is expected").stderr_has("next: make it true");
    let continues = set(6, &format!("--preconditions onFail:CONTINUE\n{exists}"), "SELECT 1;");
    project.write("changelog.sql", &format!("{APPLE}{continues}"));
    run("run").code(65).stderr_has("changelog.sql:4: doorstep does not follow onFail:CONTINUE");
}
