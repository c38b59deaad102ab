//! MySQL and MariaDB: DDL commits, so a file runs statement by statement, and the catalog tells how far an interrupted one got.

use crate::support::{MysqlDatabase, Project, until};

const HISTORY: &str = "SELECT migration_name, finished_at IS NOT NULL, applied_steps_count, COALESCE(logs, '-') FROM _prisma_migrations \
                       ORDER BY started_at";

#[test]
fn stored_programs_and_delimiters_are_sent_statement_by_statement() {
    let database = MysqlDatabase::fresh();
    let script = "CREATE TABLE t (a INT, b INT); # it's a comment\n\
                  CREATE PROCEDURE p() BEGIN IF IF(1, 1, 0) THEN INSERT INTO t (a) VALUES (1); END IF; END;\n\
                  DELIMITER //\n\
                  CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW BEGIN SET NEW.b = 5; SET NEW.a = NEW.a + 1; END//\n\
                  DELIMITER ;\n\
                  /*!50003 CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN CASE WHEN 1 THEN 7 END */;\n\
                  CALL p();\nINSERT INTO t (a) VALUES ('9' --1), (f());\n";
    let script = script.replace("'9' --1", "9-- 1\n");
    let project = Project::mysql().migration("1_all", &script);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    assert_eq!(database.sql("SELECT a, b FROM t ORDER BY a"), "2|5\n8|5\n10|5");
    assert_eq!(database.sql(HISTORY), "1_all|1|1|-");
}

#[test]
fn a_file_without_statements_is_applied_and_one_that_loses_its_record_is_refused() {
    let database = MysqlDatabase::fresh();
    let project = Project::mysql().migration("1_empty", "").migration("2_comment", "-- nothing\n");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let project = project
        .migration("3_fine", "CREATE TABLE t (a INT);")
        .migration("4_open", "INSERT INTO t VALUES (1);\nSET autocommit = 0;\nINSERT INTO t VALUES (2);\n");
    let output = project.doorstep(&database.url(), &["migrate"]).run().code(65);
    output.stderr_has("4_open/migration.sql:2: SET autocommit = 0").stderr_has("nothing of the file has run");
    assert_eq!(database.sql("SHOW TABLES"), "_prisma_migrations");
}

#[test]
fn rows_are_rolled_back_with_their_record() {
    let database = MysqlDatabase::fresh();
    database.sql("CREATE TABLE t (a INT PRIMARY KEY)");
    let project = Project::mysql().migration("1_rows", "INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (1);\n");
    database.sql("CREATE TABLE _prisma_migrations (id VARCHAR(36) PRIMARY KEY NOT NULL, checksum VARCHAR(64) NOT NULL, \
                  finished_at DATETIME(3), migration_name VARCHAR(255) NOT NULL, logs TEXT, rolled_back_at DATETIME(3), \
                  started_at DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3), applied_steps_count INTEGER UNSIGNED NOT NULL DEFAULT 0)");
    project.doorstep(&database.url(), &["migrate"]).run().code(65).stderr_has("nothing of it was kept");
    assert_eq!(database.sql("SELECT COUNT(*) FROM t"), "0");
}

/// Two statements, of which the second waits for a transaction that has read its table.
fn waiting() -> (MysqlDatabase, Project) {
    let database = MysqlDatabase::fresh();
    let script = "CREATE TABLE u (a INT);\nALTER TABLE t ADD COLUMN b INT;\nINSERT INTO t VALUES (5, 6);\n";
    let project = Project::mysql().migration("1_t", "CREATE TABLE t (a INT);").migration("2_x", script);
    std::fs::rename(project.path("prisma/migrations/2_x"), project.path("2_x")).unwrap();
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    std::fs::rename(project.path("2_x"), project.path("prisma/migrations/2_x")).unwrap();
    (database, project)
}

/// Ends the sessions of this database that sleep, which the server does not notice by itself.
fn kill_sleepers(database: &MysqlDatabase) {
    let kill = database.sql(
        "SELECT GROUP_CONCAT(CONCAT('KILL ', id) SEPARATOR ';') FROM information_schema.processlist WHERE \
         info = 'SELECT SLEEP(600)' AND db = DATABASE()",
    );
    if kill != "NULL" {
        database.sql(&kill);
    }
}

#[test]
fn a_statement_that_the_server_finished_without_its_client_is_not_repeated() {
    for is_done in [true, false] {
        let (database, project) = waiting();
        let reader = database.session("BEGIN; SELECT * FROM t; SELECT SLEEP(600)");
        let sleeps = || {
            database.sql("SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(600)' AND db = DATABASE()")
        };
        until("the table is read", || (sleeps() == "1").then_some(()));
        let doorstep =
            project.doorstep(&database.url(), &["migrate"]).env("DOORSTEP_STATEMENT_LOCK_TIMEOUT", "300s").spawn();
        let waits = "SELECT id FROM information_schema.processlist WHERE info LIKE 'ALTER TABLE t%' AND state LIKE 'Waiting%' AND db = DATABASE()";
        let id = until("the statement waits", || Some(database.sql(waits)).filter(|id| !id.is_empty()));
        doorstep.signal("KILL");
        doorstep.finish("migrate");
        if !is_done {
            database.sql(&format!("KILL {id}"));
        }
        drop(reader);
        kill_sleepers(&database);
        until("the statement has ended", || database.sql(waits).is_empty().then_some(()));
        assert!(database.sql(HISTORY).contains("2_x|0|1|statement 2 of 3 has begun"), "{}", database.sql(HISTORY));
        let output = project.doorstep(&database.url(), &["migrate"]).run().code(0);
        output.stderr_has(if is_done { "it was done" } else { "it had no effect" });
        assert_eq!(database.sql("SELECT a, b FROM t"), "5|6");
        assert_eq!(database.sql(HISTORY).lines().last().unwrap(), "2_x|1|1|-");
    }
}

#[test]
fn a_statement_whose_announcement_finds_no_row_is_not_run() {
    let (database, project) = waiting();
    let reader = database.session("BEGIN; SELECT * FROM t; SELECT SLEEP(600)");
    let sleeps =
        "SELECT COUNT(*) FROM information_schema.processlist WHERE info = 'SELECT SLEEP(600)' AND db = DATABASE()";
    until("the table is read", || (database.sql(sleeps) == "1").then_some(()));
    let mut doorstep =
        project.doorstep(&database.url(), &["migrate"]).env("DOORSTEP_STATEMENT_LOCK_TIMEOUT", "1s").spawn();
    doorstep.until_stderr("2_x met a lock, was rolled back and is tried again");
    database.sql("DELETE FROM _prisma_migrations WHERE migration_name = '2_x'");
    doorstep.finish("migrate").code(65).stderr_has("the row in the history is not ours any more");
    drop(reader);
    kill_sleepers(&database);
    assert_eq!(
        database.sql(
            "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE() AND column_name = 'b'"
        ),
        "0"
    );
}

/// Five statements, of which the third fails.
const HALTED: &str = "CREATE TABLE a (b INT);\nINSERT INTO a VALUES (1);\nALTER TABLE a ADD UNIQUE INDEX i (x);\n\
                      ALTER TABLE a ADD COLUMN c INT;\nINSERT INTO a VALUES (2, 3);\n";

#[test]
fn a_repaired_file_goes_on_with_the_statement_that_failed() {
    for format in ["prisma", "sql"] {
        let database = MysqlDatabase::fresh();
        let write = |project: Project, script: &str| match format {
            "prisma" => project.migration("1_x", script),
            _ => project.file("migrations/1_x.sql", script),
        };
        let project = if format == "prisma" { Project::mysql() } else { Project::bare() };
        let project = write(project, HALTED);
        let output = project.doorstep(&database.url(), &["migrate"]).run().code(65);
        output
            .stderr_has("statements 1 to 2 of 5 were done before it, and stay")
            .stderr_has("next: repair the file from statement 3 on, and start again: it goes on there");
        // As it is, it is not tried again.
        let output = project.doorstep(&database.url(), &["migrate"]).run().code(65);
        output.stderr_has("1. CREATE TABLE a (b INT)").stderr_has("next: repair the file from statement 3 on");
        let project = write(project, &HALTED.replace("(x)", "(b)").replace("CREATE", "-- repaired\nCREATE"));
        let output = project.doorstep(&database.url(), &["status"]).run().code(0);
        output.stdout_has("statements 1 to 2 are done and unchanged: the next start goes on with statement 3");
        let output = project.doorstep(&database.url(), &["migrate"]).run().code(0);
        output.stderr_has("statements 1 to 2 are done and unchanged: it goes on with statement 3");
        assert_eq!(database.sql("SELECT b, c FROM a ORDER BY b"), "1|NULL\n2|3", "{format}");
        let output = project.doorstep(&database.url(), &["status"]).run().code(0);
        output.stdout_has("current").stdout_has("(folder and history agree; 1 migration)");
        project.doorstep(&database.url(), &["migrate"]).run().code(0).stderr_has("(0 applied)");
    }
}

#[test]
fn a_file_that_was_edited_in_what_is_done_stops_with_the_list_of_it() {
    let database = MysqlDatabase::fresh();
    let project = Project::mysql().migration("1_x", HALTED);
    project.doorstep(&database.url(), &["migrate"]).run().code(65);
    let project = project.migration("1_x", &HALTED.replace("(x)", "(b)").replace("b INT", "b BIGINT"));
    let output = project.doorstep(&database.url(), &["migrate"]).run().code(65);
    output
        .stderr_has("statements 1 to 2 are done and must stay in the file as they were")
        .stderr_has("1. CREATE TABLE a (b INT)")
        .stderr_has("2. INSERT INTO a VALUES (1)");
    // Run again from its beginning, by the word of a person.
    project.doorstep(&database.url(), &["resolve", "--rolled-back", "1_x"]).run().code(0);
    database.sql("DROP TABLE a");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    assert_eq!(database.sql(HISTORY).lines().last().unwrap(), "1_x|1|1|-");
}

#[test]
fn a_repaired_file_may_fail_again_further_on() {
    let database = MysqlDatabase::fresh();
    let project = Project::mysql().migration("1_x", HALTED);
    project.doorstep(&database.url(), &["migrate"]).run().code(65);
    let further = HALTED.replace("(x)", "(b)");
    let project = project.migration("1_x", &further.replace("(2, 3)", "(1, 3)"));
    let output = project.doorstep(&database.url(), &["migrate"]).run().code(65);
    output.stderr_has("statements 1 to 4 of 5 were done before it, and stay").stderr_has("from statement 5 on");
    let project = project.migration("1_x", &further);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    assert_eq!(database.sql("SELECT b, c FROM a ORDER BY b"), "1|NULL\n2|3");
    assert_eq!(database.sql(HISTORY), "1_x|1|1|-");
}

#[test]
fn a_wait_that_a_file_sets_holds_for_its_later_statements_also_after_an_interruption() {
    let database = MysqlDatabase::fresh();
    let seen = "CREATE TABLE seen AS SELECT @@SESSION.lock_wait_timeout AS w;\n";
    let script = format!("SET lock_wait_timeout = 59;\nCREATE TABLE a (b INT);\n{seen}INSERT INTO a VALUES (1, 2);\n");
    let project = Project::mysql().migration("1_x", &script);
    let output = project.doorstep(&database.url(), &["migrate"]).run().code(65);
    output.stderr_has("statements 1 to 3 of 4 were done before it");
    assert_eq!(database.sql("SELECT w FROM seen"), "59");
    let again = "INSERT INTO seen SELECT @@SESSION.lock_wait_timeout;\n";
    let project = project.migration("1_x", &script.replace("INSERT INTO a VALUES (1, 2);\n", again));
    let project = project.migration("2_next", again);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    assert_eq!(database.sql("SELECT w FROM seen"), "59\n59\n5");
}

#[test]
fn a_statement_behind_set_statement_is_not_repeated_as_a_setting() {
    let database = MysqlDatabase::fresh();
    let script = "CREATE TABLE a (b INT);\nSET STATEMENT max_statement_time = 60 FOR INSERT INTO a VALUES (1);\n\
                  ALTER TABLE nonesuch ADD c INT;\n";
    let project = Project::mysql().migration("1_x", script);
    project.doorstep(&database.url(), &["migrate"]).run().code(65).stderr_has("statements 1 to 2 of 3 were done");
    let project = project.migration("1_x", &script.replace("nonesuch", "a"));
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    assert_eq!(database.sql("SELECT b, c FROM a"), "1|NULL");
}

#[test]
fn an_id_that_only_the_session_knew_stops_a_repaired_file() {
    let database = MysqlDatabase::fresh();
    let script = "CREATE TABLE a (id INT AUTO_INCREMENT PRIMARY KEY, n INT);\nCREATE TABLE b (a INT);\nINSERT INTO a (n) VALUES (1);\n\
                  INSERT INTO b (typo) VALUES (LAST_INSERT_ID());\n";
    let project = Project::mysql().migration("1_x", script);
    project.doorstep(&database.url(), &["migrate"]).run().code(65);
    let project = project.migration("1_x", &script.replace("typo", "a"));
    let output = project.doorstep(&database.url(), &["migrate"]).run().code(65);
    output.stderr_has("what a statement that is done made went with its session: INSERT INTO a");
    assert_eq!(database.sql("SELECT count(*) FROM b"), "0");
}

#[test]
fn what_a_record_between_statements_would_change_is_refused_before_anything_runs() {
    for (line, why) in [
        ("SET @n = ROW_COUNT();", "it would count the rows of a statement of doorstep's own"),
        ("SET TRANSACTION READ ONLY;", "it is for the next transaction only"),
    ] {
        let database = MysqlDatabase::fresh();
        let script = format!("CREATE TABLE a (b INT);\nUPDATE a SET b = 1;\n{line}\n");
        let output = Project::mysql().migration("1_x", &script).doorstep(&database.url(), &["migrate"]).run().code(65);
        output.stderr_has("migration.sql:3: ").stderr_has(why).stderr_has("nothing of the file has run");
    }
    let database = MysqlDatabase::fresh();
    let script = "CREATE TABLE a (b INT);\nINSERT INTO a VALUES (1), (2);\nBEGIN;\nUPDATE a SET b = b + 1;\n\
                  SET @n = ROW_COUNT();\nINSERT INTO a VALUES (@n + 100);\nCOMMIT;\n";
    Project::mysql().migration("1_x", script).doorstep(&database.url(), &["migrate"]).run().code(0);
    assert_eq!(database.sql("SELECT max(b) FROM a"), "102");
}

#[test]
fn the_next_file_has_the_settings_of_the_session() {
    let database = MysqlDatabase::fresh();
    let project = Project::mysql()
        .migration(
            "1_x",
            "SET group_concat_max_len = 4;\nSET auto_increment_increment = 10;\nSET div_precision_increment = 0;\n",
        )
        .migration(
            "2_y",
            "CREATE TABLE seen AS SELECT @@SESSION.group_concat_max_len AS g, @@SESSION.auto_increment_increment AS a, \
             @@SESSION.div_precision_increment AS d;\n",
        );
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let own = database.sql(
        "SELECT @@GLOBAL.group_concat_max_len, @@GLOBAL.auto_increment_increment, @@GLOBAL.div_precision_increment",
    );
    assert_eq!(database.sql("SELECT g, a, d FROM seen"), own);
}
