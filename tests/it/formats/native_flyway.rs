//! Flyway's folders, applied as it does, by the rules and vectors of its source: the tool itself was not run.

use crate::support::running_migration::{GATE, at_gate, gated, kill, open_gate};
use crate::support::{Database, Doorstep, MysqlDatabase, Project, sqlite, until};

const APPLE: &str = "CREATE TABLE apple (id int);";
const PEAR: &str = "CREATE TABLE pear (id int);";

/// As `PostgreSQLDatabase.getRawCreateScript` creates it.
const DDL: &str = "CREATE TABLE \"public\".\"flyway_schema_history\" (\"installed_rank\" INT NOT NULL, \"version\" VARCHAR(50), \
    \"description\" VARCHAR(200) NOT NULL, \"type\" VARCHAR(20) NOT NULL, \"script\" VARCHAR(1000) NOT NULL, \"checksum\" INTEGER, \
    \"installed_by\" VARCHAR(100) NOT NULL, \"installed_on\" TIMESTAMP NOT NULL DEFAULT now(), \"execution_time\" INTEGER NOT NULL, \
    \"success\" BOOLEAN NOT NULL); \
    ALTER TABLE \"public\".\"flyway_schema_history\" ADD CONSTRAINT \"flyway_schema_history_pk\" PRIMARY KEY (\"installed_rank\"); \
    CREATE INDEX \"flyway_schema_history_s_idx\" ON \"public\".\"flyway_schema_history\" (\"success\")";

fn folder(files: &[(&str, &str)]) -> Project {
    files.iter().fold(Project::bare(), |project, (name, text)| project.file(&format!("migrations/{name}"), text))
}

fn doorstep(project: &Project, url: &str, arguments: &[&str]) -> Doorstep {
    project.doorstep(url, arguments).env("DOORSTEP_MIGRATION_FORMAT", "flyway")
}

fn rows(database: &Database) -> String {
    database.sql(
        "SELECT installed_rank, version, description, type, script, checksum, success FROM flyway_schema_history ORDER BY 1",
    )
}

/// A row that Flyway has written: rank, version, description, type, script, checksum, success.
fn insert(row: &str) -> String {
    format!(
        "INSERT INTO flyway_schema_history (installed_rank, version, description, type, script, checksum, success, installed_by, \
         execution_time) VALUES ({row}, 'flyway', 7);"
    )
}

#[test]
fn rows_and_table_are_those_of_flyway() {
    let database = Database::fresh();
    let project = folder(&[
        ("V1__init.sql", "CREATE TABLE t (id int);\n"),
        ("more/V1_2__add_a_thing.sql", "SELECT 1;"),
        ("V02__.sql", "CREATE TABLE u (id int);\r\nSELECT 1;"),
        ("R__the_view.sql", "\u{feff}SELECT 1;\n"),
        ("U1__init.sql", "DROP TABLE t;"),
        ("README.sql", "not a migration"),
    ]);
    let run = |arguments: &[&str]| doorstep(&project, &database.url(), arguments).run();
    run(&["run"]).code(0).stderr_has("(4 applied)");
    let crc = |sql: &str| database.sql(sql);
    let last = crc("SELECT checksum FROM flyway_schema_history WHERE version = '02'");
    assert_eq!(
        rows(&database),
        format!(
            "1|1|init|SQL|V1__init.sql|92137680|t\n2|1.2|add a thing|SQL|more/V1_2__add_a_thing.sql|78787420|t\n\
             3|02||SQL|V02__.sql|{last}|t\n4||the view|SQL|R__the_view.sql|78787420|t"
        )
    );
    assert_eq!(
        crc(
            "SELECT bool_and(installed_by = current_user AND execution_time >= 0 AND installed_on <= now()) FROM flyway_schema_history"
        ),
        "t"
    );
    run(&["run"]).code(0).stderr_has("(0 applied)");
    let shape = "SELECT string_agg(column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, ''), ',' \
                 ORDER BY ordinal_position) FROM information_schema.columns WHERE table_name = 'flyway_schema_history'";
    let indexes =
        "SELECT string_agg(indexdef, ',' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'flyway_schema_history'";
    let its = Database::fresh();
    its.sql(DDL);
    for question in [shape, indexes] {
        assert_eq!(database.sql(question), its.sql(question));
    }
}

#[test]
fn a_history_that_flyway_made_is_continued_and_judged_as_it_judges_it() {
    let database = Database::fresh();
    let t = "CREATE TABLE t (id int);\n";
    database.sql(&format!(
        "{DDL}; CREATE TABLE t (id int); {} {}",
        insert("0, NULL, '<< Flyway Schema Creation >>', 'SCHEMA', '\"public\"', NULL, true"),
        insert("1, '1', 'init', 'SQL', 'V1__init.sql', 92137680, true"),
    ));
    let project = folder(&[("V1__init.sql", t), ("V2__pear.sql", PEAR)]);
    let run = |arguments: &[&str]| doorstep(&project, &database.url(), arguments).run();
    run(&["status"]).code(0).stdout_has("V1__init  applied").stdout_has("V2__pear  pending");
    run(&["run"]).code(0).stderr_has("(1 applied)");
    // Changed text, or another description of the same version.
    project.write("migrations/V1__init.sql", &format!("{t}-- more\n"));
    run(&["run"]).code(65).stderr_has("changed since they were applied: V1__init");
    std::fs::remove_file(project.path("migrations/V1__init.sql")).unwrap();
    project.write("migrations/V1__other.sql", t);
    run(&["run"]).code(65).stderr_has("changed since they were applied: V1__other");
    std::fs::remove_file(project.path("migrations/V1__other.sql")).unwrap();
    run(&["run"]).code(65).stderr_has("applied, but not in the folder: V1__init");
    project.write("migrations/V1__init.sql", "CREATE TABLE t (id int);\r\n");
    run(&["run"]).code(0).stderr_has("(0 applied)");
    // A newer image has applied more: "future".
    database.sql(&insert("9, '9', 'later', 'SQL', 'V9__later.sql', 1, true"));
    run(&["run"]).code(0).stderr_has("ahead of this image");
    run(&["check"]).code(0);
    // What is older than it and not applied is an error of Flyway.
    project.write("migrations/V3__plum.sql", "CREATE TABLE plum (id int);");
    run(&["run"]).code(65).stderr_has("older than version 9").stderr_has("V3__plum");
    database.sql("DELETE FROM flyway_schema_history WHERE version = '9'");
    project.write("migrations/V1.5__late.sql", "CREATE TABLE late (id int);");
    run(&["run"]).code(65).stderr_has("V1.5__late").stderr_has("--out-of-order apply");
    project.write("flyway.conf", "flyway.outOfOrder=true\n");
    run(&["run"]).code(0).stderr_has("(2 applied)");
}

#[test]
fn repeatable_files_run_after_the_others_and_again_when_they_change() {
    let database = Database::fresh();
    let project = folder(&[
        ("R__a_view.sql", "CREATE OR REPLACE VIEW v AS SELECT id FROM apple;"),
        ("R__b.sql", "SELECT 1;"),
        ("V1__apple.sql", APPLE),
    ]);
    let run = |arguments: &[&str]| doorstep(&project, &database.url(), arguments).run();
    run(&["run"]).code(0).stderr_has("(3 applied)");
    project.write("migrations/R__a_view.sql", "CREATE OR REPLACE VIEW v AS SELECT id, id + 1 AS next FROM apple;");
    run(&["status"]).code(0).stdout_has("R__a_view  pending").stdout_has(": behind (");
    let output = run(&["run"]).code(0).stderr_has("(1 applied)");
    assert!(!output.stderr.contains("older than what is applied"), "{}", output.stderr);
    run(&["run"]).code(0).stderr_has("(0 applied)");
    run(&["check"]).code(0);
    assert_eq!(
        database.sql("SELECT string_agg(description, ',' ORDER BY installed_rank) FROM flyway_schema_history"),
        "apple,a view,b,a view"
    );
    project.write("migrations/V2__pear.sql", PEAR);
    run(&["run"]).code(0).stderr_has("(1 applied)").stderr_lacks("older than what is applied");
    std::fs::remove_file(project.path("migrations/R__b.sql")).unwrap();
    run(&["run"]).code(65).stderr_has("applied, but not in the folder: R__b");
}

#[test]
fn a_file_without_a_description_is_a_migration_with_an_empty_one() {
    let project = folder(&[("V1.sql", APPLE), ("V2__pear.sql", PEAR), ("R.sql", "SELECT 1;")]);
    let run = || doorstep(&project, "file:./dev.db", &["run"]).run();
    run().code(0).stderr_has("(3 applied)");
    let rows = "SELECT version, description, script FROM flyway_schema_history ORDER BY installed_rank";
    assert_eq!(sqlite(&project.path("dev.db"), rows), "1||V1.sql\n2|pear|V2__pear.sql\n||R.sql");
    run().code(0).stderr_has("(0 applied)");
    project.write("migrations/R.sql", "SELECT 2;");
    project.write("migrations/V3.sql", "CREATE TABLE plum (id int);");
    run().code(0).stderr_has("(2 applied)");
    project.write("migrations/V1.sql", PEAR);
    run().code(65).stderr_has("changed since they were applied: V1;");
}

#[test]
fn a_baseline_stands_for_what_came_before_it() {
    let files = [("V1__apple.sql", APPLE), ("V2__pear.sql", PEAR), ("V3__plum.sql", "CREATE TABLE plum (id int);")];
    // A file of Flyway's, in a database without a history.
    let database = Database::fresh();
    let project = folder(&files).file("migrations/B2__both.sql", &format!("{APPLE} {PEAR}"));
    let run = |arguments: &[&str]| doorstep(&project, &database.url(), arguments).run();
    run(&["run"]).code(0).stderr_has("(2 applied)");
    assert_eq!(
        database.sql("SELECT version, type FROM flyway_schema_history ORDER BY installed_rank"),
        "2|SQL_BASELINE\n3|SQL"
    );
    run(&["run"]).code(0).stderr_has("(0 applied)");
    run(&["check"]).code(0);
    // With a history it is passed over.
    let database = Database::fresh();
    doorstep(&folder(&files), &database.url(), &["run"]).run().code(0).stderr_has("(3 applied)");
    doorstep(&project, &database.url(), &["run"]).run().code(0).stderr_has("(0 applied)");
    // A row of `flyway baseline`.
    let database = Database::fresh();
    let row = insert("1, '2', '<< Flyway Baseline >>', 'BASELINE', '<< Flyway Baseline >>', NULL, true");
    database.sql(&format!("{DDL}; {APPLE} {PEAR} {row}"));
    doorstep(&folder(&files), &database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
}

#[test]
fn what_flyway_would_run_or_lose_beside_the_files_is_refused_by_its_name() {
    let database = Database::fresh();
    for (file, text, told) in [
        ("afterMigrate.sql", "SELECT 1;", "afterMigrate"),
        ("beforeEachMigrate__x.sql", "SELECT 1;", "beforeEachMigrate"),
        ("V2_lost.sql", "SELECT 1;", "V2_lost.sql"),
        ("v2__lost.sql", "SELECT 1;", "small letter"),
        ("V1.0__again.sql", "SELECT 1;", "at which Flyway stops"),
        ("V2__fill.java", "class V2__fill {}", "runs it as a program"),
        ("V2__a.sql", "CREATE TABLE ${prefix}_a (id int);", "V2__a.sql:1: no literal"),
        ("V2__a.sql", "SELECT '${flyway:user}';", "only when it runs"),
        ("V2__a.sql", "CREATE TABLE a (id int);\nCREATE INDEX CONCURRENTLY i ON a (id);", "without mixed"),
    ] {
        let project = folder(&[("V1__apple.sql", APPLE), (file, text)]);
        doorstep(&project, &database.url(), &["run"]).run().code(65).stderr_has(told).stderr_has("next: ");
    }
    assert_eq!(database.sql("SELECT to_regclass('apple') IS NULL"), "t");
    // A database with tables and without a history: Flyway stops without baselineOnMigrate.
    database.sql(PEAR);
    doorstep(&folder(&[("V1__apple.sql", APPLE)]), &database.url(), &["run"]).run().code(65).stderr_has("pear");
}

#[test]
fn its_configuration_says_where_and_how() {
    let database = Database::fresh();
    let toml = "[flyway]\nlocations = [\"filesystem:db/sql\"]\ntable = \"done\"\ndefaultSchema = \"app\"\n[flyway.placeholders]\nPrefix = \"x\"\n";
    let project = Project::bare()
        .file("flyway.toml", toml)
        .file(
            "db/sql/V1__a.sql",
            "CREATE TABLE ${prefix}_a (t text DEFAULT '${flyway:table} ${flyway:defaultSchema}');\n",
        )
        .file("db/sql/V2__b.sql", "CREATE INDEX CONCURRENTLY i ON x_a (t);\n")
        .file("db/sql/V3__c.sql", "CREATE TABLE c (t text DEFAULT '${none}');\n")
        .file("db/sql/V3__c.sql.conf", "placeholderReplacement=false\n");
    let url = |parameter: &str| {
        format!("{}{}{parameter}", database.url(), if database.url().contains('?') { "&" } else { "?" })
    };
    // Flyway makes its schema the first of the search path.
    project.doorstep(&database.url(), &["run"]).run().code(78).stderr_has("schema=app");
    project.doorstep(&url("schema=app"), &["run"]).run().code(0).stderr_has("(3 applied)");
    assert_eq!(database.sql("SELECT count(*) FROM app.done"), "3");
    assert_eq!(
        database.sql("SELECT column_default FROM information_schema.columns WHERE table_name = 'x_a'"),
        "'done app'::text"
    );
    project.write("flyway.toml", &toml.replace("table =", "target = \"1\"\ntable ="));
    project.doorstep(&url("schema=app"), &["run"]).run().code(78).stderr_has("target");
    // A value of the environment only where a setting names its variable.
    let project = folder(&[("V1__a.sql", "CREATE TABLE ${name} (id int);")]);
    let database = Database::fresh();
    let with = |arguments: &[&str]| {
        doorstep(&project, &database.url(), arguments).env("FLYWAY_PLACEHOLDERS_NAME", "fig").run()
    };
    with(&["run"]).code(65).stderr_has("${name}");
    with(&["run", "--migration-variables", "FLYWAY_PLACEHOLDERS_NAME"]).code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT to_regclass('fig')"), "fig");
}

#[test]
fn a_variable_of_flyways_counts_as_its_setting_in_the_file() {
    let project = folder(&[("V1__apple.sql", APPLE)]).file("other.conf", "flyway.table=done\nflyway.mixed=true\n");
    let with = |variables: &[(&str, &str)]| {
        let call = doorstep(&project, "file:./dev.db", &["run"]);
        variables.iter().fold(call, |call, (name, value)| call.env(name, value)).run()
    };
    for (name, value) in [
        ("FLYWAY_PLACEHOLDER_PREFIX", "@{"),
        ("FLYWAY_SKIP_EXECUTING_MIGRATIONS", "true"),
        ("FLYWAY_REPEATABLE_SQL_MIGRATION_PREFIX", "X"),
        ("FLYWAY_SQL_MIGRATION_SUFFIXES", ".sql,.ddl"),
        ("FLYWAY_ENCODING", "ISO-8859-1"),
        ("FLYWAY_EXECUTE_IN_TRANSACTION", "false"),
        ("FLYWAY_CALLBACK_LOCATIONS", "filesystem:hooks"),
        ("FLYWAY_INIT_SQL", "SELECT 1"),
        ("FLYWAY_GROUP", "true"),
        ("FLYWAY_TARGET", "1"),
        ("FLYWAY_CHERRY_PICK", "1"),
        ("flyway_target", "1"),
        ("FLYWAY_CONFIG_FILES", "missing.toml"),
    ] {
        with(&[(name, value)]).code(78).stderr_has(name).stderr_has("next: ");
    }
    assert!(!project.path("dev.db").exists());
    let not_settings = [("FLYWAY_EDITION", "community"), ("FLYWAY_VERSION", "12"), ("FLYWAY_URL", "jdbc:sqlite:x")];
    let settings = [("FLYWAY_CONFIG_FILES", "other.conf"), ("FLYWAY_INSTALLED_BY", "the deployment")];
    with(&[&not_settings[..], &settings[..]].concat()).code(0).stderr_has("(1 applied)");
    assert_eq!(sqlite(&project.path("dev.db"), "SELECT version, installed_by FROM done"), "1|the deployment");
    // Of a folder that is not Flyway's they are no matter.
    let project = Project::numbered(&[("1_a.sql", APPLE)]);
    let call = project.doorstep("file:./dev.db", &["run"]).env("FLYWAY_CONFIG_FILES", "missing.conf");
    call.env("FLYWAY_TARGET", "1").run().code(0).stderr_has("(1 applied)");
}

#[test]
fn the_schemas_of_the_environment_count() {
    let database = Database::fresh();
    let toml = "[environments.prod]\nschemas = [\"app\"]\n[flyway]\nenvironment = \"prod\"\n";
    let project = folder(&[("V1__apple.sql", APPLE)]).file("flyway.toml", toml);
    let run = |url: &str| doorstep(&project, url, &["run"]);
    let url = format!("{}{}schema=app", database.url(), if database.url().contains('?') { "&" } else { "?" });
    run(&database.url()).run().code(78).stderr_has("schema=app");
    run(&url).run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT count(*) FROM app.flyway_schema_history"), "1");
    // Nothing says which one, or the session is to begin with a statement.
    project.write("flyway.toml", &toml.replace("environment =", "# environment ="));
    run(&url).run().code(78).stderr_has("environment prod has schemas").stderr_has("flyway_environment");
    run(&url).env("flyway_environment", "prod").run().code(0).stderr_has("(0 applied)");
    run(&url).env("FLYWAY_ENVIRONMENT", "prod").run().code(78).stderr_has("in small letters");
    project.write("flyway.toml", &toml.replace("schemas =", "initSql = \"SELECT 1\"\nschemas ="));
    run(&url).run().code(78).stderr_has("flyway.toml, environment prod: initSql is set");
}

#[test]
fn a_failed_row_is_judged_by_evidence() {
    let database = Database::fresh();
    let project = folder(&[("V1__apple.sql", APPLE), ("V2__pear.sql", PEAR)]);
    let run = |arguments: &[&str]| doorstep(&project, &database.url(), arguments).run();
    run(&["run"]).code(0).stderr_has("(2 applied)");
    database.sql("DROP TABLE pear; UPDATE flyway_schema_history SET success = false WHERE version = '2'");
    run(&["status"]).code(0).stdout_has("none of its objects exist");
    run(&["run"]).code(0).stderr_has("V2__pear was interrupted").stderr_has("(1 applied)");
    database.sql("UPDATE flyway_schema_history SET success = false WHERE version = '2'");
    run(&["run"]).code(65).stderr_has("doorstep resolve --applied V2__pear");
    run(&["resolve", "--rolled-back", "V2__pear"]).code(0);
    run(&["resolve", "--applied", "V2__pear"]).code(0);
    assert_eq!(database.sql("SELECT installed_rank, version, success FROM flyway_schema_history"), "1|1|t\n2|2|t");
    run(&["run"]).code(0).stderr_has("(0 applied)");
}

#[test]
fn the_lock_of_flyway_is_respected_and_taken() {
    let database = gated();
    let project = folder(&[("V1__a.sql", &format!("{APPLE}\n{GATE}"))]);
    let key = 77_433_833_903_597_i64;
    let locks = "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database \
                 WHERE locktype = 'advisory' AND granted AND datname = current_database()";
    let holder = database.idle_session(&format!("SET application_name = 'Flyway by'; SELECT pg_advisory_lock({key});"));
    until("the lock is taken", || (database.sql(locks) == "1").then_some(()));
    doorstep(&project, &database.url(), &["run", "--migration-lock-timeout", "1s"])
        .run()
        .code(75)
        .stderr_has("Flyway by");
    kill(holder);
    until("the lock is free", || (database.sql(locks) == "0").then_some(()));
    let running = doorstep(&project, &database.url(), &["run"]).spawn();
    at_gate(&database);
    assert_eq!(database.sql(&format!("SELECT pg_try_advisory_xact_lock({key})")), "f");
    open_gate(&database);
    running.finish("doorstep run").code(0).stderr_has("(1 applied)");
}

#[test]
fn a_folder_of_flyways_alone_is_recognised_and_one_that_may_be_refinerys_needs_a_sign() {
    for (name, text) in [("migrations/R__v.sql", "SELECT 1;"), ("flyway.conf", "flyway.url=jdbc:postgresql:app\n")] {
        let project = folder(&[("V1__apple.sql", APPLE)]).file(name, text);
        project.doorstep("file:./dev.db", &["run"]).run().code(0).stderr_has("applied)");
        let row = "SELECT version, description, checksum IS NULL FROM flyway_schema_history WHERE version = 1";
        assert_eq!(sqlite(&project.path("dev.db"), row), "1|apple|0");
    }
    let output =
        folder(&[("V1__apple.sql", APPLE), ("V2__pear.sql", PEAR)]).doorstep("file:./dev.db", &["run"]).run().code(78);
    output.stderr_has("Flyway (").stderr_has("refinery (").stderr_has("migration_format");
}

/// As `MySQLDatabase.getRawCreateScript` creates it.
const MYSQL_DDL: &str = "CREATE TABLE `flyway_schema_history` (\n    `installed_rank` INT NOT NULL,\n    `version` VARCHAR(50),\n    \
    `description` VARCHAR(200) NOT NULL,\n    `type` VARCHAR(20) NOT NULL,\n    `script` VARCHAR(1000) NOT NULL,\n    \
    `checksum` INT,\n    `installed_by` VARCHAR(100) NOT NULL,\n    `installed_on` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,\n    \
    `execution_time` INT NOT NULL,\n    `success` BOOL NOT NULL,\n    CONSTRAINT `flyway_schema_history_pk` PRIMARY KEY \
    (`installed_rank`)\n);\nCREATE INDEX `flyway_schema_history_s_idx` ON `flyway_schema_history` (`success`);";

/// Java's `String.hashCode`, which is the number in the name of Flyway's lock.
fn lock(database: &MysqlDatabase) -> String {
    let table = format!("`{}`.`flyway_schema_history`", database.name);
    let hash = table.bytes().fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
    format!("Flyway-{hash}")
}

#[test]
fn on_mysql_rows_and_table_are_those_of_flyway() {
    let database = MysqlDatabase::fresh();
    let project = folder(&[
        ("V1__init.sql", "CREATE TABLE t (id int);\n"),
        (
            "V1_2__a_program.sql",
            "# the mysql client's command\nDELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END//\nDELIMITER ;\nCALL p();\n",
        ),
        ("V02__rows.sql", "INSERT INTO t VALUES (1);\r\nINSERT INTO t VALUES (2);"),
        ("R__the_view.sql", "CREATE OR REPLACE VIEW v AS SELECT 1 AS one;\n"),
    ]);
    let run = |arguments: &[&str]| doorstep(&project, &database.url(), arguments).run();
    run(&["run"]).code(0).stderr_has("(4 applied)").stderr_lacks("takes no lock");
    let rows = "SELECT installed_rank, version, description, type, script, checksum, installed_by, success FROM flyway_schema_history \
                ORDER BY 1";
    let sums = database.sql("SELECT checksum FROM flyway_schema_history ORDER BY installed_rank");
    let [init, program, second, view] = sums.lines().collect::<Vec<_>>()[..] else { panic!("{sums}") };
    assert_eq!(init, "92137680");
    assert_eq!(
        database.sql(rows),
        format!(
            "1|1|init|SQL|V1__init.sql|{init}|root|1\n2|1.2|a program|SQL|V1_2__a_program.sql|{program}|root|1\n\
             3|02|rows|SQL|V02__rows.sql|{second}|root|1\n4|NULL|the view|SQL|R__the_view.sql|{view}|root|1"
        )
    );
    run(&["run"]).code(0).stderr_has("(0 applied)");
    project.write("migrations/R__the_view.sql", "CREATE OR REPLACE VIEW v AS SELECT 2 AS one;\n");
    run(&["run"]).code(0).stderr_has("(1 applied)");
    run(&["check"]).code(0);
    let its = MysqlDatabase::fresh();
    its.sql(MYSQL_DDL);
    let shape = "SHOW CREATE TABLE flyway_schema_history";
    assert_eq!(database.sql(shape), its.sql(shape));
}

#[test]
fn on_mysql_a_script_that_is_not_done_is_a_failed_row_for_flyway() {
    let database = MysqlDatabase::fresh();
    let project =
        folder(&[("V1__apple.sql", APPLE), ("V2__pear.sql", &format!("{PEAR}\nINSERT INTO nowhere VALUES (1);"))]);
    let run = |arguments: &[&str]| doorstep(&project, &database.url(), arguments).run();
    let rows = || database.sql("SELECT installed_rank, version, success FROM flyway_schema_history ORDER BY 1");
    run(&["run"]).code(65).stderr_has("the first of 2 statements was done before it, and stays");
    assert_eq!(rows(), "1|1|1\n2|2|0");
    run(&["resolve", "--rolled-back", "V2__pear"]).code(0);
    assert_eq!(rows(), "1|1|1");
    database.sql("DROP TABLE pear");
    project.write("migrations/V2__pear.sql", PEAR);
    run(&["run"]).code(0).stderr_has("(1 applied)");
    assert_eq!(rows(), "1|1|1\n2|2|1");
    // A row that Flyway has left, after DDL that stays.
    database.sql("UPDATE flyway_schema_history SET success = 0 WHERE version = '2'");
    run(&["run"]).code(65).stderr_has("doorstep resolve --applied V2__pear");
    run(&["resolve", "--applied", "V2__pear"]).code(0);
    assert_eq!(rows(), "1|1|1\n2|2|1");
    run(&["run"]).code(0).stderr_has("(0 applied)");
}

#[test]
fn on_mysql_the_lock_of_flyway_is_respected_and_taken() {
    let database = MysqlDatabase::fresh();
    let name = lock(&database);
    let project =
        folder(&[("V1__a.sql", &format!("{APPLE}\nINSERT INTO apple SELECT IS_USED_LOCK('{name}') IS NOT NULL;"))]);
    let run = || doorstep(&project, &database.url(), &["run", "--migration-lock-timeout", "1s"]).run();
    let holder = database.session(&format!("SELECT GET_LOCK('{name}', 0); SELECT SLEEP(600)"));
    let used = || database.sql(&format!("SELECT IS_USED_LOCK('{name}')"));
    let id = until("the lock is taken", || Some(used()).filter(|id| id != "NULL"));
    run().code(75).stderr_has(&id);
    kill(holder);
    database.sql(&format!("KILL {id}"));
    until("the lock is free", || (used() == "NULL").then_some(()));
    run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT id FROM apple"), "1");
}

#[test]
fn on_mysql_the_default_schema_is_the_database_of_the_url() {
    let database = MysqlDatabase::fresh();
    let project = folder(&[("V1__a.sql", "CREATE TABLE `${flyway:defaultSchema}`.apple (id int);")]);
    let run = |schema: &str| {
        project.write("flyway.conf", &format!("flyway.defaultSchema={schema}\n"));
        doorstep(&project, &database.url(), &["run"]).run()
    };
    run("elsewhere").code(78).stderr_has("next: name the database elsewhere in the URL");
    run(&database.name).code(0).stderr_has("(1 applied)");
    run(&database.name).code(0).stderr_has("(0 applied)");
    assert_eq!(database.sql("SHOW TABLES"), "apple\nflyway_schema_history");
}
