//! Liquibase's changelogs in formatted SQL, applied as Liquibase does: its recorded runs beside doorstep's, its history
//! continued, its lock.

use crate::formats::recorded::{Bench, Case, Deviation, Left, compare};
use crate::support::running_migration::{GATE, at_gate, gated, kill, open_gate, terminate};
use crate::support::{Database, Doorstep, MysqlDatabase, Project, sqlite, until};

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
fn a_change_set_with_ignored_lines_keeps_its_key_and_its_preconditions() {
    let project = changelog(
        "--changeset ann:1\nCREATE TABLE apple (id int);\n\
         --changeset ann:2\n--comment: why\n--ignoreLines:start\nCREATE TABLE never (id int);\n--ignoreLines:end\n\
         INSERT INTO apple VALUES (2);\n\
         --changeset ann:3\n--ignoreLines:start\nbogus\n--ignoreLines:end\n--preconditions onFail:MARK_RAN\n\
         --precondition-sql-check expectedResult:7 SELECT count(*) FROM apple\nINSERT INTO apple VALUES (3);\n",
    );
    let run = || project.doorstep("file:./dev.db", &["run", "--migrations", "changelog.sql"]).run();
    run().code(0).stderr_has("changelog.sql::3::ann is recorded and does not run");
    run().code(0).stderr_has("(0 applied)");
    let rows = "SELECT id, author, filename, exectype, comments FROM databasechangelog ORDER BY orderexecuted";
    let expected = "1|ann|changelog.sql|EXECUTED|\n2|ann|changelog.sql|EXECUTED|why\n3|ann|changelog.sql|MARK_RAN|";
    assert_eq!(sqlite(&project.path("dev.db"), rows), expected);
    assert_eq!(sqlite(&project.path("dev.db"), "SELECT id FROM apple"), "2");
}

#[test]
fn a_filter_for_the_command_update_counts() {
    let sets = "--changeset ann:1 context:dev labels:x\nCREATE TABLE apple (id int);\n\
                --changeset ann:2 context:prod labels:y\nCREATE TABLE pear (id int);\n";
    for (properties, variable) in [
        ("liquibase.command.update.contextFilter: prod\n", None),
        ("liquibase.command.update.label-filter: y\n", None),
        ("contexts: dev\nliquibase.command.update.contexts: prod\n", None),
        ("liquibase.command.rollback.contexts: dev\n", Some(("LIQUIBASE_COMMAND_UPDATE_CONTEXT_FILTER", "prod"))),
        ("", Some(("LIQUIBASE_COMMAND_UPDATE_LABEL_FILTER", "y"))),
        ("", Some(("LIQUIBASE_COMMAND_UPDATE_CONTEXTS", "prod"))),
    ] {
        let project = changelog(sets);
        project.write("liquibase.properties", properties);
        let call = project.doorstep("file:./dev.db", &["run", "--migrations", "changelog.sql"]);
        let call = variable.into_iter().fold(call, |call, (name, value)| call.env(name, value));
        call.run().code(0).stderr_has("(1 applied)");
        let id = sqlite(&project.path("dev.db"), "SELECT id FROM databasechangelog");
        assert_eq!(id, "2", "{properties} {variable:?}");
    }
}

/// The rows are those of Liquibase 4.28 for this folder.
#[test]
fn parameters_are_replaced_where_and_from_where_on_liquibase_does_it() {
    let first = "--liquibase formatted sql\n\
         --changeset ann:1\nCREATE TABLE t_1 (id int, x varchar(30) default '${mid} ${late} ${glob}');\n\
         --property name:mid value:m1\n--comment ${mid}\n\
         --changeset ann:${mid}2 context:${mid2}\n--property name:mid3 value:7\n--property name:mid2 value:m2\n\
         --preconditions onFail:MARK_RAN\n--precondition-sql-check expectedResult:${mid3} SELECT ${mid3}\n\
         CREATE TABLE t2_${mid} (id int);\n\
         --changeset ann:3\n--property name: them value: eve\n--property   name:   them2    value:   eve two   global:   false\n\
         CREATE TABLE t3_${them} (id int, x varchar(40) default '${them2}');\n\
         --property name:glob value:g1\n--property name:loc value:l1 global:false\n--property name:late value:z\n";
    let second = "--liquibase formatted sql\n\
         --changeset ann:1\nCREATE TABLE b1 (id int, x varchar(40) default '${glob} ${loc} ${them} ${late}');\n\
         --property name:glob value:g2\n--property name:loc value:l2 global:false\n\
         --changeset ann:${loc}\nCREATE TABLE b2 (id int, x varchar(40) default '${glob} ${loc} ${late}');\n";
    let raw = "CREATE TABLE raw_1 (id int, x varchar(40) default '${loc}');\n";
    let project = Project::bare().file("d/a.sql", first).file("d/b.sql", second).file("d/raw.sql", raw);
    let run =
        || project.doorstep("file:./dev.db", &["run", "--migrations", "d", "--migration-format", "liquibase"]).run();
    run().code(0).stderr_has("(6 applied)");
    run().code(0).stderr_has("(0 applied)");
    let rows = "SELECT id, author, filename, md5sum, comments, contexts FROM databasechangelog ORDER BY orderexecuted";
    let expected = [
        "1|ann|d/a.sql|9:84340205e3675a863e445f09bde5d3f7|${mid}|",
        "m12|ann|d/a.sql|9:2bbbb65c9dfe7fcb0e4f5b10db2009c7||${mid2}",
        "3|ann|d/a.sql|9:346eed6b2baecc368905c7b1ed35b046||",
        "1|ann|d/b.sql|9:e4cf454f9f358debce3742cba1b34aea||",
        "l2|ann|d/b.sql|9:fffb73da0658750d04c94108a8bd15a1||",
        "raw|includeAll|d/raw.sql|9:ab787de5722f390b0035b9a1314608c2||",
    ];
    assert_eq!(sqlite(&project.path("dev.db"), rows), expected.join("\n"));
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

/// As Liquibase 4.28 makes them on MariaDB.
const MYSQL_DDL: &str = "CREATE TABLE DATABASECHANGELOG (ID VARCHAR(255) NOT NULL, AUTHOR VARCHAR(255) NOT NULL, FILENAME VARCHAR(255) NOT NULL, \
    DATEEXECUTED datetime NOT NULL, ORDEREXECUTED INT NOT NULL, EXECTYPE VARCHAR(10) NOT NULL, MD5SUM VARCHAR(35) NULL, \
    DESCRIPTION VARCHAR(255) NULL, COMMENTS VARCHAR(255) NULL, TAG VARCHAR(255) NULL, LIQUIBASE VARCHAR(20) NULL, CONTEXTS VARCHAR(255) \
    NULL, LABELS VARCHAR(255) NULL, DEPLOYMENT_ID VARCHAR(10) NULL); CREATE TABLE DATABASECHANGELOGLOCK (ID INT NOT NULL, LOCKED TINYINT(1) \
    NOT NULL, LOCKGRANTED datetime NULL, LOCKEDBY VARCHAR(255) NULL, CONSTRAINT PK_DATABASECHANGELOGLOCK PRIMARY KEY (ID))";

fn changelog(sets: &str) -> Project {
    Project::bare().file("changelog.sql", &format!("--liquibase formatted sql\n{sets}"))
}

#[test]
fn on_mysql_tables_and_rows_are_those_of_liquibase() {
    let database = MysqlDatabase::fresh();
    let project = changelog(
        "--changeset ann:1\n--it's a comment of Liquibase's only\nCREATE TABLE apple (id int); --another\n\
         --changeset ann:2 runOnChange:true\n--comment: why\nCREATE OR REPLACE VIEW v AS SELECT 1;\n--rollback DROP VIEW v;\n\
         --changeset ann:3\nCREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END;\nINSERT INTO apple VALUES (1);\n\
         --changeset ann:4 stripComments:false\n/*!50000 CREATE TABLE fig (id int) */;\n\
         --changeset ann:5 endDelimiter://\nCREATE PROCEDURE q() BEGIN IF 1 THEN SELECT 1; END IF; END//\n",
    );
    let run = |command: &str| project.doorstep(&database.url(), &[command, "--migrations", "changelog.sql"]).run();
    run("run").code(0).stderr_has("(5 applied)");
    run("check").code(0);
    let rows = "SELECT ID, AUTHOR, FILENAME, ORDEREXECUTED, EXECTYPE, DESCRIPTION, COMMENTS FROM DATABASECHANGELOG ORDER BY 4 LIMIT 2";
    assert_eq!(database.sql(rows), "1|ann|changelog.sql|1|EXECUTED|sql|\n2|ann|changelog.sql|2|EXECUTED|sql|why");
    assert_eq!(database.sql("SELECT LOCKED, LOCKEDBY FROM DATABASECHANGELOGLOCK"), "0|NULL");
    let text = "--liquibase formatted sql\n--changeset ann:2 runOnChange:true\nCREATE OR REPLACE VIEW v AS SELECT 2;\n";
    project.write("changelog.sql", text);
    run("run").code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT ID, ORDEREXECUTED FROM DATABASECHANGELOG WHERE EXECTYPE = 'RERAN'"), "2|6");
    let its = MysqlDatabase::fresh();
    its.sql(MYSQL_DDL);
    for table in ["DATABASECHANGELOG", "DATABASECHANGELOGLOCK"] {
        let shape = format!("SHOW CREATE TABLE {table}");
        assert_eq!(database.sql(&shape), its.sql(&shape));
    }
}

#[test]
fn on_mysql_the_product_of_the_server_decides_about_a_change_set() {
    let database = MysqlDatabase::fresh();
    let sets = ["mariadb", "mysql", "!mysql", "postgresql", "mysql,mariadb"].into_iter().zip(1..);
    let set = |(dbms, id): (&str, u32)| format!("--changeset ann:{id} dbms:{dbms}\nCREATE TABLE t{id} (id int);\n");
    let project = changelog(&sets.map(set).collect::<String>());
    let run = |command: &str| project.doorstep(&database.url(), &[command, "--migrations", "changelog.sql"]).run();
    run("run").code(0);
    run("check").code(0);
    let is_mariadb = database.sql("SELECT VERSION() LIKE '%MariaDB%'") == "1";
    let expected = if is_mariadb { "1,3,5" } else { "2,5" };
    assert_eq!(database.sql("SELECT GROUP_CONCAT(ID ORDER BY ID) FROM DATABASECHANGELOG"), expected);
    project.write(
        "changelog.sql",
        "--liquibase formatted sql\n--property name:x value:y dbms:mysql\n--changeset ann:9\nCREATE TABLE ${x} (id int);\n",
    );
    run("run").code(65).stderr_has("changelog.sql:2: the property has another value on").stderr_has("next: ");
}

#[test]
fn on_mysql_what_liquibase_would_lose_or_cut_is_refused() {
    let database = MysqlDatabase::fresh();
    for (sql, told) in [
        ("/*!50000 CREATE TABLE fig (id int) */;", "changelog.sql:3: Liquibase takes this for a comment"),
        ("SELECT 1;\nSELECT 2 # one; two\n;", "changelog.sql:4: Liquibase would cut the statement within this comment"),
        (
            "CREATE PROCEDURE p() BEGIN IF 1 THEN SELECT 1; END IF; END;",
            "changelog.sql:3: Liquibase would cut this statement",
        ),
        ("DELIMITER //\nCREATE PROCEDURE p() SELECT 1//", "line 3: DELIMITER is a command of the mysql client"),
    ] {
        let project = changelog(&format!("--changeset ann:1\n{sql}\n"));
        let call = project.doorstep(&database.url(), &["run", "--migrations", "changelog.sql"]);
        call.run().code(65).stderr_has(told).stderr_has("next: ");
    }
}

#[test]
fn on_mysql_an_error_is_shown_at_its_line_and_a_precondition_is_asked() {
    let database = MysqlDatabase::fresh();
    let set = "--changeset ann:1\nCREATE TABLE apple (id int);\n--changeset ann:2\n--preconditions onFail:MARK_RAN\n\
               --precondition-table-exists table:pear\nCREATE TABLE fig (id int);\n";
    let project = changelog(&format!(
        "{set}--changeset ann:3\n--why\nCREATE TABLE pear (id int);\nINSERT INTO nowhere VALUES (1);\n"
    ));
    let run = || project.doorstep(&database.url(), &["run", "--migrations", "changelog.sql"]).run();
    let output = run().code(65).stderr_has("changelog.sql::3::ann").stderr_has("changelog.sql:11");
    output.stderr_has("changelog.sql::2::ann is recorded and does not run").stderr_has("and stays");
    assert_eq!(database.sql("SELECT GROUP_CONCAT(EXECTYPE ORDER BY ID) FROM DATABASECHANGELOG"), "EXECUTED,MARK_RAN");
    assert_eq!(database.sql("SELECT LOCKED FROM DATABASECHANGELOGLOCK"), "0");
    run().code(65).stderr_has("doorstep resolve --rolled-back changelog.sql::3::ann");
}

#[test]
fn on_mysql_the_lock_row_is_waited_for_and_taken_over() {
    let database = MysqlDatabase::fresh();
    let project = changelog("--changeset ann:1\nCREATE TABLE apple (id int);\n");
    let arguments = ["run", "--migrations", "changelog.sql", "--migration-lock-timeout", "2s"];
    let lock = "INSERT INTO DATABASECHANGELOGLOCK VALUES (1, true, NOW(), 'build-7 (10.0.0.7)')";
    database.sql(&format!("{MYSQL_DDL}; {lock}"));
    // A session that is connected may be the holder.
    let holder = database.session("SELECT SLEEP(600)");
    let sessions = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND info = 'SELECT SLEEP(600)'";
    let id = until("the session is there", || Some(database.sql(sessions)).filter(|id| !id.is_empty()));
    let output = project.doorstep(&database.url(), &arguments).run().code(75);
    output.stderr_has("build-7 (10.0.0.7)").stderr_has("liquibase release-locks");
    database.sql(&format!("KILL {id}"));
    drop(holder);
    until("the session is gone", || database.sql(sessions).is_empty().then_some(()));
    // A role that does not see the sessions of others cannot know that.
    let blind = database.account("ALL ON DB.*");
    project.doorstep(&database.url_as(&blind), &arguments).run().code(75).stderr_has("build-7 (10.0.0.7)");
    assert_eq!(database.sql("SELECT LOCKED FROM DATABASECHANGELOGLOCK"), "1");
    // Nobody is left who could be it.
    let output = project.doorstep(&database.url(), &["run", "--migrations", "changelog.sql"]).run().code(0);
    output.stderr_has("took the lock that build-7 (10.0.0.7) has left").stderr_has("(1 applied)");
    // doorstep's own lock says that the doorstep which has left this one is gone.
    database.sql("UPDATE DATABASECHANGELOGLOCK SET LOCKED = 1, LOCKEDBY = 'doorstep: gone'");
    project.write("changelog.sql", "--liquibase formatted sql\n--changeset ann:2\nCREATE TABLE pear (id int);\n");
    project.doorstep(&database.url(), &arguments).run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT LOCKED, LOCKEDBY FROM DATABASECHANGELOGLOCK"), "0|NULL");
}

#[test]
fn on_mysql_a_catalog_is_a_database_of_the_server() {
    let (database, other) = (MysqlDatabase::fresh(), MysqlDatabase::fresh());
    let project = changelog("--changeset ann:1\nCREATE TABLE apple (id int);\n");
    project.write("liquibase.properties", &format!("liquibaseCatalogName: {}\n", other.name));
    let run = || project.doorstep(&database.url(), &["run", "--migrations", "changelog.sql"]).run();
    run().code(0).stderr_has("(1 applied)");
    run().code(0).stderr_has("(0 applied)");
    assert_eq!(database.sql("SHOW TABLES"), "apple");
    assert_eq!(other.sql("SHOW TABLES"), "DATABASECHANGELOG\nDATABASECHANGELOGLOCK");
    project.write("liquibase.properties", "defaultCatalogName: elsewhere\n");
    run().code(78).stderr_has("next: name the database elsewhere in DATABASE_URL");
}
