//! Files of `migrations/repeatable`: after the others, and again when their text has changed.

use std::time::Duration;

use crate::migrate::crashes::{Campaign, ending};
use crate::support::{Database, MysqlDatabase, Output, Project, sqlite};

const BASE: (&str, &str) = ("0001_base.sql", "CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER);\n");

/// A view for each engine, written so that it can run again.
fn view(columns: &str) -> String {
    format!("DROP VIEW IF EXISTS v;\nCREATE VIEW v AS SELECT {columns} FROM t;\n")
}

/// A project with one table and these repeatable files.
fn with(files: &[(&str, &str)]) -> Project {
    let project = Project::numbered(&[BASE]);
    files.iter().for_each(|(file, sql)| project.write(&format!("migrations/repeatable/{file}"), sql));
    project
}

#[track_caller]
fn states(project: &Project, url: &str) -> (String, Vec<String>) {
    let output = project.doorstep(url, &["status", "--format", "json"]).run().code(0);
    let status: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let line = |it: &serde_json::Value| format!("{} {}", word(&it["name"]), word(&it["state"]));
    (word(&status["verdict"]), status["migrations"].as_array().unwrap().iter().map(line).collect())
}

fn applied(project: &Project, url: &str) -> Output {
    project.doorstep(url, &["migrate"]).run().code(0)
}

/// The whole life of a view on one engine: `names` of the columns that it has.
fn lives(url: &str, names: &dyn Fn() -> String) {
    let project = with(&[("views.sql", &view("id"))]);
    let output = applied(&project, url);
    output.stderr_has("applied 0001_base").stderr_has("applied repeatable/views").stderr_has("(2 applied)");
    assert_eq!(names(), "id");
    applied(&project, url).stderr_has("(0 applied)");
    project.doorstep(url, &["check"]).run().code(0);

    // Line ends are git's business.
    project.write("migrations/repeatable/views.sql", &view("id").replace('\n', "\r\n"));
    applied(&project, url).stderr_has("(0 applied)");

    project.write("migrations/repeatable/views.sql", &view("id, a"));
    project.write("migrations/repeatable/a_first.sql", "SELECT 1;\n");
    let pending = ["0001_base applied", "repeatable/a_first pending", "repeatable/views pending"].map(str::to_owned);
    assert_eq!(states(&project, url), ("behind".to_owned(), pending.to_vec()));
    let status = project.doorstep(url, &["status"]).run().code(0);
    status.stdout_has("its text has changed since 20").stdout_has(": it runs again");
    project.doorstep(url, &["check"]).run().code(1).stdout_has("repeatable/");
    let awaiting = project.doorstep(url, &["migrate", "--migrate", "await", "--wait-timeout", "1s"]).run().code(69);
    awaiting.stderr_has("behind");

    // After a numbered file that is new, which is not late.
    project.write("migrations/0002_b.sql", "ALTER TABLE t ADD COLUMN b INTEGER;\n");
    project.write("migrations/repeatable/views.sql", &view("id, a, b"));
    let output = applied(&project, url).stderr_has("(3 applied)").stderr_lacks("out of order");
    let place = |name: &str| output.stderr.find(&format!("applied {name}")).unwrap();
    assert!(place("0002_b") < place("repeatable/a_first") && place("repeatable/a_first") < place("repeatable/views"));
    assert_eq!(names(), "id,a,b");
    project.doorstep(url, &["migrate", "--migrate", "await"]).run().code(0);

    // And back again.
    project.write("migrations/repeatable/views.sql", &view("id"));
    applied(&project, url).stderr_has("(1 applied)");
    assert_eq!(names(), "id");

    // What is taken away is not missed.
    std::fs::remove_file(project.path("migrations/repeatable/views.sql")).unwrap();
    assert_eq!(states(&project, url).0, "current");
    project.write("migrations/0003_c.sql", "SELECT 1;\n");
    applied(&project, url).stderr_has("(1 applied)");
}

const COLUMNS: &str =
    "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'v'::regclass";

#[test]
fn a_view_lives_on_postgres() {
    let database = Database::fresh();
    lives(&database.url(), &|| database.sql(COLUMNS));
    let row =
        "SELECT count(*), min(length(checksum)), min(way) FROM _doorstep_migrations WHERE name = 'repeatable/views'";
    assert_eq!(database.sql(row), "1|64|atomic");
}

#[test]
fn a_view_lives_on_mysql() {
    let database = MysqlDatabase::fresh();
    let columns = "SELECT group_concat(column_name ORDER BY ordinal_position) FROM information_schema.columns
                   WHERE table_schema = database() AND table_name = 'v'";
    lives(&database.url(), &|| database.sql(columns));
    let row =
        "SELECT count(*), min(length(checksum)), min(way) FROM _doorstep_migrations WHERE name = 'repeatable/views'";
    assert_eq!(database.sql(row), "1|64|steps");
}

#[test]
fn a_view_lives_on_sqlite() {
    let directory = Project::bare();
    let file = directory.path("dev.db");
    let columns = "SELECT group_concat(name) FROM pragma_table_info('v')";
    lives(&format!("file:{}", file.display()), &|| sqlite(&file, columns));
}

#[test]
fn a_view_whose_columns_changed_names_the_file_and_says_what_to_do() {
    let database = Database::fresh();
    let project = with(&[("views.sql", "CREATE OR REPLACE VIEW v AS SELECT id, a FROM t;\n")]);
    applied(&project, &database.url());
    project.write("migrations/repeatable/views.sql", "-- less\nCREATE OR REPLACE VIEW v AS SELECT id FROM t;\n");
    let output = project.doorstep(&database.url(), &["migrate"]).run().code(65);
    let output = output.stderr_has("migration repeatable/views failed").stderr_has("cannot drop columns from view");
    let output = output.stderr_has("migrations/repeatable/views.sql:2:1").stderr_has("nothing of it was kept");
    let output = output.stderr_has("DROP … IF EXISTS before CREATE, as a view needs whose columns change");
    output.stderr_has("doorstep resolve --rolled-back repeatable/views");
    assert_eq!(database.sql(COLUMNS), "id,a");
    assert_eq!(states(&project, &database.url()).0, "failed");
    project.write("migrations/repeatable/views.sql", &view("id"));
    project.doorstep(&database.url(), &["migrate"]).run().code(65);
    project.doorstep(&database.url(), &["resolve", "--rolled-back", "repeatable/views"]).run().code(0);
    applied(&project, &database.url()).stderr_has("(1 applied)");
    assert_eq!(database.sql(COLUMNS), "id");
}

#[test]
fn an_older_release_does_not_put_back_what_a_newer_one_has_made() {
    let database = Database::fresh();
    let url = database.url();
    let old = with(&[("views.sql", &view("id"))]);
    applied(&old, &url);
    let new =
        with(&[("views.sql", &view("id, b"))]).file("migrations/0002_b.sql", "ALTER TABLE t ADD COLUMN b INTEGER;\n");
    applied(&new, &url).stderr_has("(2 applied)");
    // The old image is started again, as during a rollout.
    applied(&old, &url).stderr_has("(0 applied)");
    assert_eq!(database.sql(COLUMNS), "id,b");
    assert_eq!(states(&old, &url).0, "ahead");
    let status = old.doorstep(&url, &["status"]).run().code(0);
    status.stdout_has("with the text of another release, which stays: the database is ahead of this folder");
    old.doorstep(&url, &["check"]).run().code(0);
    applied(&new, &url).stderr_has("(0 applied)");
}

#[test]
fn the_commands_on_the_history_take_them_too() {
    let database = Database::fresh();
    let url = database.url();
    let project = with(&[("views.sql", &view("id"))]);
    // Adopted: what they create is there.
    database.sql("CREATE TABLE t (id integer PRIMARY KEY, a integer); CREATE VIEW v AS SELECT id FROM t");
    let output = project.doorstep(&url, &["baseline"]).run().code(0);
    output.stdout_has("repeatable/views is recorded as applied");
    applied(&project, &url).stderr_has("(0 applied)");
    // Recorded by hand, with the text that the file has now.
    project.write("migrations/repeatable/views.sql", &view("a"));
    assert_eq!(states(&project, &url).0, "behind");
    project.doorstep(&url, &["resolve", "--applied", "repeatable/views"]).run().code(0);
    assert_eq!(states(&project, &url).0, "current");
    assert_eq!(database.sql(COLUMNS), "id", "nothing ran");
    project.doorstep(&url, &["resolve", "--applied", "repeatable/views"]).run().code(65);
}

#[test]
fn a_scratch_database_has_them_and_verify_knows_their_lines() {
    let database = Database::fresh();
    let url = database.url();
    let project = with(&[("views.sql", &view("id"))]);
    project.doorstep(&url, &["replay"]).run().code(0).stdout_is("the folder runs from scratch: 2 migrations");
    project.doorstep(&url, &["snapshot", "--output", "doorstep.snapshot.json"]).run().code(0);
    let snapshot = std::fs::read_to_string(project.path("doorstep.snapshot.json")).unwrap();
    let snapshot: serde_json::Value = serde_json::from_str(&snapshot).unwrap();
    assert_eq!(snapshot["migrations"], serde_json::json!(["0001_base", "repeatable/views"]));
    assert!(snapshot["repeatable"]["repeatable/views"].is_string());
    applied(&project, &url);
    database.sql("DROP VIEW v");
    let output = project.doorstep(&url, &["verify", "--notices"]).run().code(0);
    output.stdout_has("migrations/repeatable/views.sql:2");
}

#[test]
fn compat_tells_those_that_the_running_release_has_from_those_that_changed() {
    let database = Database::absent();
    let url = database.url();
    let project = with(&[("views.sql", &view("id")), ("gone.sql", "SELECT 1;\n")]);
    project.doorstep(&url, &["snapshot", "--output", "old.json"]).run().code(0);
    project.write("migrations/0002_b.sql", "ALTER TABLE t ADD COLUMN b INTEGER;\n");
    let output = project.doorstep(&url, &["compat", "old.json"]).run().code(0);
    output.stdout_has("0002_b: expand\n").stdout_lacks("repeatable/views");
    // The view of the running release stands in the way, as it does in production.
    project.write("migrations/0003_drop.sql", "ALTER TABLE t DROP COLUMN id CASCADE;\n");
    let output = project.doorstep(&url, &["compat", "old.json"]).run().code(3);
    output.stdout_has("error    view public.v is gone  migrations/0003_drop.sql:1");
    std::fs::remove_file(project.path("migrations/0003_drop.sql")).unwrap();
    // A text that the running release does not have.
    project.write("migrations/repeatable/views.sql", &view("id, b"));
    project.write("migrations/repeatable/fresh.sql", "CREATE OR REPLACE VIEW w AS SELECT 1 AS one;\n");
    std::fs::remove_file(project.path("migrations/repeatable/gone.sql")).unwrap();
    let output = project.doorstep(&url, &["compat", "old.json"]).run().code(3);
    let output = output.stdout_has("repeatable/fresh: expand\n").stdout_has("repeatable/views: unknown\n");
    output.stdout_has("unknown  all of the file  migrations/repeatable/views.sql:1");
}

#[test]
fn compat_tells_them_apart_in_a_folder_of_flyway_too() {
    let database = Database::absent();
    let doorstep = |project: &Project, arguments: &[&str]| {
        project.doorstep(&database.url(), arguments).env("DOORSTEP_MIGRATION_FORMAT", "flyway").run()
    };
    let project = Project::bare()
        .file("migrations/V1__base.sql", "CREATE TABLE t (id integer PRIMARY KEY);\n")
        .file("migrations/R__views.sql", "CREATE OR REPLACE VIEW v AS SELECT id FROM t;\n");
    doorstep(&project, &["snapshot", "--output", "old.json"]).code(0);
    let project = project.file("migrations/V2__more.sql", "ALTER TABLE t ADD COLUMN b integer;\n");
    let output = doorstep(&project, &["compat", "old.json"]).code(0).stdout_has("V2__more: expand\n");
    output.stdout_lacks("R__views");
    let project = project.file("migrations/R__views.sql", "CREATE OR REPLACE VIEW v AS SELECT id, b FROM t;\n");
    doorstep(&project, &["compat", "old.json"]).code(3).stdout_has("R__views: unknown\n");
}

#[test]
fn a_file_without_a_transaction_runs_statement_by_statement_and_again_when_it_changed() {
    let database = Database::fresh();
    let url = database.url();
    let file =
        |name: &str| format!("DROP INDEX CONCURRENTLY IF EXISTS i;\nCREATE INDEX CONCURRENTLY i ON t ({name});\n");
    let project = with(&[("index.sql", &file("id"))]);
    applied(&project, &url);
    project.write("migrations/repeatable/index.sql", &file("a"));
    applied(&project, &url).stderr_has("(1 applied)");
    assert_eq!(
        database.sql("SELECT indexdef FROM pg_indexes WHERE indexname = 'i'"),
        "CREATE INDEX i ON public.t USING btree (a)"
    );
    assert_eq!(database.sql("SELECT way FROM _doorstep_migrations WHERE name = 'repeatable/index'"), "steps");
}

#[test]
fn what_cannot_be_meant_stops_and_other_formats_look_at_no_such_folder() {
    let database = Database::fresh();
    let url = database.url();
    for (file, why) in [
        ("repeatable/views.down.sql", "it takes something back, and a repeatable file has nothing to take back"),
        ("repeatable/more/views.sql", "it is a folder, and doorstep does not look into folders here"),
    ] {
        let project = Project::numbered(&[BASE]).file(&format!("migrations/{file}"), "SELECT 1;\n");
        project.doorstep(&url, &["migrate"]).run().code(65).stderr_has(why).stderr_has("migrations/repeatable/");
    }
    // Flyway looks into its folders for itself, and dbmate into none.
    let flyway = Project::bare()
        .file("migrations/V1__base.sql", "CREATE TABLE t (id integer);\n")
        .file("migrations/repeatable/R__views.sql", "CREATE OR REPLACE VIEW v AS SELECT id FROM t;\n");
    let format = ["migrate", "--migration-format", "flyway"];
    let output = flyway.doorstep(&url, &format).run().code(0).stderr_has("applied R__views");
    output.stderr_lacks("repeatable/");
    let other = Database::fresh();
    let dbmate = Project::bare()
        .file(
            "db/migrations/20240101000000_base.sql",
            "-- migrate:up\nCREATE TABLE t (id integer);\n\n-- migrate:down\nDROP TABLE t;\n",
        )
        .file("db/migrations/repeatable/views.sql", "CREATE VIEW v AS SELECT id FROM t;\n");
    dbmate.doorstep(&other.url(), &["migrate"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(other.sql("SELECT count(*) FROM pg_views WHERE viewname = 'v'"), "0");
}

/// Kills that a sample of rounds needs.
const KILLS: u32 = 12;

/// Kills doorstep while it runs a repeatable file, whose text is another in each round: the view is that of the last text, and each
/// text has run once.
fn is_neither_lost_nor_doubled(url: &str, sleep: &str, sql: &dyn Fn(&str) -> String) {
    let ledger = "CREATE TABLE ledger (round varchar(9));\nINSERT INTO t VALUES (1, 1);\n";
    let project = Project::numbered(&[BASE, ("0002_ledger.sql", ledger)]);
    // From here on a kill meets a repeatable file.
    applied(&project, url);
    let mut round = 0;
    Campaign::new(0x5EED, KILLS, Duration::from_millis(120)).run(|campaign| {
        round += 1;
        let text = format!(
            "DROP VIEW IF EXISTS v;\nCREATE VIEW v AS SELECT {round} AS round, id FROM t;\n\
             INSERT INTO ledger VALUES ('{round}');\n{sleep};\n"
        );
        project.write("migrations/repeatable/view.sql", &text);
        let runs = || sql(&format!("SELECT count(*) FROM ledger WHERE round = '{round}'"));
        while campaign.goes_on() {
            let mut doorstep = project.doorstep(url, &["run"]).spawn();
            let delay = campaign.delay(&mut doorstep);
            if !doorstep.is_running() {
                break;
            }
            doorstep.signal("KILL");
            doorstep.finish("run");
            let doubled = !["0", "1"].contains(&runs().as_str());
            campaign.killed("doorstep", delay, if doubled { Err("it ran twice".to_owned()) } else { Ok(0) })?;
        }
        let last = project.doorstep(url, &["run"]).run();
        if last.code != Some(0) || runs() != "1" || sql("SELECT round FROM v") != round.to_string() {
            return Err(format!("{} runs; {}", runs(), ending(&last)));
        }
        Ok(())
    });
}

#[test]
fn a_killed_run_of_a_repeatable_file_is_neither_lost_nor_doubled() {
    let database = Database::fresh();
    is_neither_lost_nor_doubled(&database.url(), "SELECT pg_sleep(0.02)", &|sql| database.sql(sql));
}

#[test]
fn a_killed_run_on_mysql_goes_on_where_it_was() {
    let database = MysqlDatabase::fresh();
    is_neither_lost_nor_doubled(&database.url(), "SELECT SLEEP(0.02)", &|sql| database.sql(sql));
}
