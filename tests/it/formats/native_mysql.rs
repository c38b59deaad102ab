//! What single tools do on MySQL and MariaDB, where DDL commits: rows of a run that is not done, locks with computed names, the
//! DDL of a history whose tool no package registry has.

use crate::support::ground::{Engine, Ground};
use crate::support::native::{NATIVE, Native, Step};
use crate::support::running_migration::kill;
use crate::support::{Doorstep, MysqlDatabase, MysqlServer, Project};

fn native(name: &str) -> &'static Native {
    NATIVE.iter().find(|format| format.name == name).unwrap()
}

fn apple(rest: &str) -> Step {
    Step::new(1, "apple", &format!("CREATE TABLE apple (id int);\n{rest}"))
}

/// CRC-32 of a text, as the server computes it, times a factor.
fn product(ground: &Ground, text: &str, factor: u64) -> u64 {
    ground.sql(&format!("SELECT CRC32({text}) * {factor}")).parse().unwrap()
}

/// The real sqlx.
fn sqlx(project: &Project, url: &str) -> Doorstep {
    let sqlx = format!("{}/bin/sqlx", std::env::var("PYTHON_HOME").unwrap());
    Doorstep::through(&sqlx, &[], &["migrate", "run"]).directory(&project.path("")).env("DATABASE_URL", url)
}

#[test]
fn while_a_script_of_sqlx_runs_its_row_says_so_and_sqlx_stops_there() {
    let (format, ground) = (native("sqlx"), Ground::gated(Engine::Mysql));
    let project = format.project(&[apple(Engine::Mysql.gate())]);
    let rows = || ground.sql("SELECT version, description, success, execution_time FROM _sqlx_migrations");
    let doorstep = ground.doorstep(format, &project, &["run"]).spawn();
    let session = ground.at_gate();
    assert_eq!(rows(), "1|apple|0|-1");
    let name = format!("{:x}", product(&ground, "DATABASE()", 0x3d32_ad9e));
    assert_eq!(ground.sql(&format!("SELECT IS_USED_LOCK('{name}')")), session);
    sqlx(&project, &ground.url()).run().code(1).stdout_has("partially applied");
    kill(doorstep);
    ground.terminate(&session);
    assert_eq!(rows(), "1|apple|0|-1");
    ground.open_gate();
    let output = ground.doorstep(format, &project, &["run"]).run().code(0).stderr_has("(1 applied)");
    match ground.sql("SELECT VERSION()").contains("MariaDB") {
        true => output.stderr_has("sqlx takes no lock on MariaDB"),
        false => output.stderr_lacks("takes no lock"),
    };
    assert_eq!(rows(), "1|apple|1|-1");
    sqlx(&project, &ground.url()).run().code(0);
}

#[test]
fn a_script_of_sqlx_that_fails_leaves_its_row_until_a_person_decides() {
    let format = native("sqlx");
    for mark in ["--applied", "--rolled-back"] {
        let ground = Ground::fresh(Engine::Mysql);
        let project = format.project(&[apple("INSERT INTO nowhere VALUES (1);")]);
        let run = |arguments: &[&str]| ground.doorstep(format, &project, arguments).run();
        let rows = || ground.sql("SELECT version, success FROM _sqlx_migrations");
        run(&["run"]).code(65);
        assert_eq!(rows(), "1|0");
        run(&["resolve", mark, "01_apple"]).code(0);
        assert_eq!(rows(), if mark == "--applied" { "1|1" } else { "" });
        assert_eq!(ground.tables(format), "apple");
    }
}

#[test]
fn what_sqlx_itself_has_left_stops_a_start() {
    let (format, ground) = (native("sqlx"), Ground::fresh(Engine::Mysql));
    let project = format.project(&[apple("INSERT INTO nowhere VALUES (1);")]);
    sqlx(&project, &ground.url()).run().code(1);
    let run = |arguments: &[&str]| ground.doorstep(format, &project, arguments).run();
    run(&["run"]).code(65).stderr_has("it was begun by another program").stderr_has("doorstep resolve");
    run(&["resolve", "--rolled-back", "01_apple"]).code(0);
    assert_eq!(ground.sql("SELECT COUNT(*) FROM _sqlx_migrations"), "0");
    format.write(&project, &[Step::new(1, "apple", "CREATE TABLE IF NOT EXISTS apple (id int);")]);
    run(&["run"]).code(0).stderr_has("(1 applied)");
}

#[test]
fn while_a_script_of_golang_migrate_runs_its_row_is_dirty() {
    let (format, ground) = (native("golang-migrate"), Ground::gated(Engine::Mysql));
    let project = format.project(&[apple(Engine::Mysql.gate())]);
    let row = || ground.sql("SELECT version, dirty FROM schema_migrations");
    let doorstep = ground.doorstep(format, &project, &["run"]).spawn();
    let session = ground.at_gate();
    assert_eq!(row(), "1|1");
    let name = product(&ground, "CONCAT(DATABASE(), ':schema_migrations')", 1_486_364_155) % (1 << 32);
    assert_eq!(ground.sql(&format!("SELECT IS_USED_LOCK('{name}')")), session);
    kill(doorstep);
    ground.terminate(&session);
    assert_eq!(row(), "1|1");
    ground.open_gate();
    ground.doorstep(format, &project, &["run"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(row(), "1|0");
}

#[test]
fn a_script_of_golang_migrate_that_comes_late_leaves_the_version() {
    let (format, ground) = (native("golang-migrate"), Ground::fresh(Engine::Mysql));
    let [apple, pear, plum] = [(1, "apple"), (2, "pear"), (3, "plum")]
        .map(|(number, slug)| Step::new(number, slug, &format!("CREATE TABLE {slug} (id int);")));
    let project = format.project(&[apple.clone(), plum.clone()]);
    ground.doorstep(format, &project, &["run"]).run().code(0).stderr_has("(2 applied)");
    format.write(&project, &[apple, pear, plum]);
    ground.doorstep(format, &project, &["run"]).run().code(65).stderr_has("golang-migrate would never run them");
    let arguments = ["run", "--out-of-order", "apply"];
    ground.doorstep(format, &project, &arguments).run().code(0).stderr_has("(1 applied)");
    assert_eq!(ground.sql("SELECT version, dirty FROM schema_migrations"), "3|0");
    assert_eq!(ground.tables(format), "apple pear plum");
    ground.doorstep(format, &project, &arguments).run().code(0).stderr_has("(0 applied)");
}

#[test]
fn the_histories_are_as_the_tools_make_them() {
    // As `ensureVersionTable` and `CreateTable` of the tools' drivers have them.
    let golang_migrate =
        "CREATE TABLE `schema_migrations` (version bigint not null primary key, dirty boolean not null)";
    let goose = "CREATE TABLE goose_db_version (
        id bigint(20) unsigned NOT NULL AUTO_INCREMENT,
        version_id bigint NOT NULL,
        is_applied boolean NOT NULL,
        tstamp timestamp NULL default now(),
        PRIMARY KEY(id)
    )";
    for (name, ddl, first) in [("golang-migrate", golang_migrate, ""), ("goose", goose, "(0, true)")] {
        let (format, [ours, theirs]) = (native(name), [MysqlDatabase::fresh(), MysqlDatabase::fresh()]);
        let project = format.project(&[apple("")]);
        let table = format.history[0];
        let rows = if first.is_empty() {
            String::new()
        } else {
            format!("; INSERT INTO {table} (version_id, is_applied) VALUES {first}")
        };
        theirs.sql(&format!("{ddl}{rows}"));
        for database in [&ours, &theirs] {
            format.doorstep(&project, &database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
        }
        let shown = |database: &MysqlDatabase| database.sql(&format!("SHOW CREATE TABLE {table}"));
        assert_eq!(shown(&ours), shown(&theirs));
    }
}

#[test]
fn what_these_tools_cannot_send_runs_or_is_refused_before_anything_runs() {
    let with_delimiter = "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END//\nDELIMITER ;";
    for format in ["dbmate", "sqlx", "golang-migrate", "goose", "refinery", "diesel"].map(native) {
        let ground = Ground::fresh(Engine::Mysql);
        let project = format.project(&[Step::new(1, "empty", ""), Step::new(2, "program", with_delimiter)]);
        ground.doorstep(format, &project, &["run"]).run().code(0).stderr_has("(2 applied)");
        let (path, text) = (format.files)(&[Step::new(3, "pear", "CREATE TABLE pear (id int);")]).swap_remove(0);
        project.write(&path, &format!("\u{feff}{text}"));
        ground.doorstep(format, &project, &["run"]).run().code(65).stderr_has("next: ");
        assert_eq!(ground.tables(format), "", "{}", format.name);
    }
}

#[test]
fn a_database_of_latin1_has_the_same_history() {
    for format in NATIVE.iter().filter(|format| format.knows(Engine::Mysql)) {
        let ground = Ground::fresh(Engine::Mysql);
        ground.sql("ALTER DATABASE CHARACTER SET latin1");
        let project = format.project(&[apple("")]);
        ground.doorstep(format, &project, &["run"]).run().code(0).stderr_has("(1 applied)");
        ground.doorstep(format, &project, &["run"]).run().code(0).stderr_has("(0 applied)");
        assert_eq!(ground.count(format, &apple("")), "1", "{}", format.name);
    }
}

#[test]
fn times_are_those_of_the_server_whatever_its_zone() {
    let server = MysqlServer::started(&["--default-time-zone=+05:00"]);
    for (number, format) in ["sqlx", "goose", "diesel"].map(native).into_iter().enumerate() {
        let name = format!("zone{number}");
        server.sql(&format!("CREATE DATABASE {name}"));
        let project = format.project(&[apple("")]);
        let run = |arguments: &[&str]| format.doorstep(&project, &server.url(&name), arguments).run().code(0);
        run(&["run"]);
        let status: serde_json::Value = serde_json::from_str(&run(&["status", "--format", "json"]).stdout).unwrap();
        let at = status["migrations"][0]["finished_at"].as_str().unwrap_or_else(|| panic!("{status}")).to_owned();
        let moment = at.trim_end_matches('Z').replace('T', " ");
        let is_now = format!("SELECT ABS(TIMESTAMPDIFF(SECOND, '{moment}', UTC_TIMESTAMP())) < 60");
        assert_eq!(server.sql(&is_now), "1", "{}: {at}", format.name);
    }
}
