//! `replay`: applies the whole folder to a scratch database.

use std::fmt::Write as _;

use crate::support::{Cluster, Database, Doorstep, Output, Project, psql, sqlite, until};

/// The name of the scratch database, from the log at level info.
fn scratch(output: &Output) -> String {
    let start = output.stderr.find("doorstep_replay_").unwrap_or_else(|| panic!("{}", output.stderr));
    output.stderr[start..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

#[track_caller]
fn is_gone(port: u16, name: &str) {
    assert_eq!(
        psql(port, "postgres", &format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'")),
        "0",
        "{name}"
    );
}

#[test]
fn a_folder_that_cannot_run_from_scratch_is_found_with_line_column_and_caret() {
    let database = Database::fresh();
    // From a real incident: years of manual changes, and one long file that joins a column which no migration creates.
    let mut script = String::from("-- align\nCREATE TABLE \"Order\" (id integer, customer integer);\n");
    for number in 0..150 {
        write!(script, "-- part {number}\nCREATE TABLE part_{number} (id integer);\n").unwrap();
    }
    script += "UPDATE part_1 AS p\nSET id = os.id\nFROM \"Order\" os\nWHERE p.id = os.\"customer_id\";\n";
    let line = script.lines().position(|line| line.contains("customer_id")).unwrap() + 1;
    let project = Project::new().migration("1_init", "CREATE TABLE first (id integer);").migration("2_align", &script);
    database.sql("CREATE TABLE \"Order\" (customer_id integer)");
    let output = project.doorstep(&database.url(), &["replay", "--log", "info"]).run().code(65).stdout_is("");
    is_gone(database.port, &scratch(&output));
    let output = output.stderr_has("column os.customer_id does not exist (42703)");
    let output = output.stderr_has(&format!("prisma/migrations/2_align/migration.sql:{line}:14\n"));
    let output =
        output.stderr_has(&format!("{line:>9} | WHERE p.id = os.\"customer_id\";\n          |              ^"));
    output.stderr_has("it cannot run from scratch").stderr_lacks("doorstep resolve");
    assert_eq!(database.sql("SELECT string_agg(relname, ',') FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"), "Order");
}

#[test]
fn a_good_folder_runs_and_the_real_database_is_not_even_asked() {
    // The history, the lock and the existence of the real database have no influence.
    let database = Database::fresh();
    let project = Project::with_two().migration("3_index", "SELECT 1;\nCREATE INDEX CONCURRENTLY i ON users (id);\n");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let before = database.sql("SELECT md5(string_agg(m::text, ',')) FROM _prisma_migrations m");
    let _holder = database.hold_migration_lock("holder");
    let output = project.doorstep(&database.url(), &["replay", "--log", "info"]).run().code(0);
    is_gone(database.port, &scratch(&output));
    output.stdout_is("the folder runs from scratch: 3 migrations");
    assert_eq!(database.sql("SELECT md5(string_agg(m::text, ',')) FROM _prisma_migrations m"), before);
    let absent = Database::absent();
    let output = project.doorstep(&absent.url(), &["replay", "--log", "info", "--format", "json"]).run().code(0);
    let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((&json["ok"], &json["applied"]), (&true.into(), &3.into()), "{json}");
    is_gone(database.port, &absent.name);
    is_gone(database.port, &scratch(&output));
}

#[test]
fn a_schema_of_the_url_and_of_the_settings_is_there_in_the_scratch_database_too() {
    let database = Database::fresh();
    let project = Project::with_two().migration("3_more", "CREATE TABLE extra.t (id integer);");
    let url = database.url() + "?schema=app";
    let replay = ["replay", "--schemas", "extra", "--require-tables", "app.users,extra.t"];
    project.doorstep(&url, &replay).run().code(0);
    assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname IN ('app', 'extra')"), "0");
}

#[test]
fn the_result_is_held_against_the_schema_file() {
    let schema = "datasource db {\n  provider = \"postgresql\"\n}\nmodel User {\n  id Int @id\n}\nmodel SLAPolicy {\n  id Int @id\n}\n";
    let project = Project::new()
        .file("prisma/schema.prisma", schema)
        .migration("1_init", "CREATE TABLE \"User\" (id integer PRIMARY KEY);");
    // The real database has it because someone created it manually; the folder does not create it.
    let database = Database::fresh();
    database.sql("CREATE TABLE \"SLAPolicy\" (id integer PRIMARY KEY)");
    let output = project.doorstep(&database.url(), &["replay"]).run().code(3).stdout_is("");
    output.stderr_has("table public.SLAPolicy is missing (required by prisma/schema.prisma:7)");
}

#[test]
fn the_result_is_held_against_what_is_required() {
    let database = Database::fresh();
    database.sql("CREATE TABLE lost (id integer)");
    let project = Project::with_two();
    let replay = ["replay", "--require-tables", "users,lost", "--format", "json", "--log", "info"];
    let output = project.doorstep(&database.url(), &replay).run().code(3).stderr_has("lost");
    is_gone(database.port, &scratch(&output));
    let json: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(json["ok"], false);
    assert!(json["message"].as_str().unwrap().contains("lost"), "{json}");
}

#[test]
fn a_signal_in_the_middle_leaves_no_database_behind() {
    let database = Database::fresh();
    let project = Project::new().migration("1_slow", &format!("/* {} */ SELECT pg_sleep(600);", database.name));
    let doorstep = project.doorstep(&database.url(), &["replay"]).spawn();
    let running = format!(
        "SELECT datname FROM pg_stat_activity WHERE query LIKE '%{} */ SELECT pg_sleep(600)%' AND datname LIKE 'doorstep_replay_%' AND wait_event = 'PgSleep'",
        database.name
    );
    let name = until("the script runs", || Some(database.sql(&running)).filter(|name| !name.is_empty()));
    doorstep.signal("TERM");
    doorstep.finish("replay").code(143);
    is_gone(database.port, &name);
}

#[test]
fn a_signal_while_the_database_is_being_created_leaves_none_behind() {
    // A session in the template makes CREATE DATABASE wait, up to five seconds.
    let cluster = Cluster::started("");
    let template = Database { name: "template1".to_owned(), port: cluster.port };
    let holder = template.session("SELECT pg_sleep(600)");
    let sql = |sql: &str| psql(cluster.port, "postgres", sql);
    let count = |condition: &str| {
        sql(&format!("SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND {condition}"))
    };
    until("the template is in use", || (count("wait_event = 'PgSleep'") == "1").then_some(()));
    let project = Project::with_two();
    let doorstep = project.doorstep(&cluster.url(), &["replay"]).spawn();
    let creating = "state = 'active' AND query LIKE 'CREATE DATABASE%'";
    until("the database is being created", || (count(creating) == "1").then_some(()));
    doorstep.signal("TERM");
    sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'");
    doorstep.finish("replay").code(143);
    until("nobody creates it any more", || (count(creating) == "0").then_some(()));
    assert_eq!(sql("SELECT count(*) FROM pg_database WHERE datname LIKE 'doorstep%'"), "0");
    drop(holder);
    std::mem::forget(template);
}

#[test]
fn a_role_that_may_not_create_databases_is_told_so() {
    let database = Database::fresh();
    let role = database.role("");
    let output = Project::with_two().doorstep(&database.url_as(&role), &["replay"]).run().code(77);
    output.stderr_has("42501").stderr_has("next: ").stderr_has("CREATEDB");
}

#[test]
fn what_reaches_beyond_the_database_is_refused_before_anything_is_created() {
    let database = Database::fresh();
    for statement in [
        "ALTER ROLE postgres SET search_path = x",
        "DROP DATABASE IF EXISTS nothing",
        "CREATE USER u",
        "alter system set work_mem = '1MB'",
    ] {
        refused(&database, statement);
    }
    // These do not reach outside.
    let fine = "GRANT SELECT ON users TO postgres;\nALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO postgres;\n\
                ALTER TABLE users OWNER TO postgres;\n";
    let project = Project::with_two().migration("3_inside", fine);
    project.doorstep(&database.url(), &["replay"]).run().code(0);
}

#[test]
fn membership_in_roles_and_what_they_own_is_shared_by_all_databases_too() {
    let database = Database::fresh();
    for statement in
        ["GRANT pg_monitor TO postgres", "REVOKE pg_monitor FROM postgres", "REASSIGN OWNED BY pg_monitor TO postgres"]
    {
        refused(&database, statement);
    }
}

#[track_caller]
fn refused(database: &Database, statement: &str) {
    let project = Project::with_two().migration("3_outside", &format!("SELECT 1;\n{statement};\n"));
    let output = project.doorstep(&database.url(), &["replay"]).run();
    assert_eq!(output.code, Some(65), "{statement}\n{}", output.stderr);
    let output = output.stderr_has("3_outside/migration.sql: ").stderr_has(statement.split(" '").next().unwrap());
    output.stderr_lacks("accepts work");
}

#[test]
fn sqlite_replays_in_a_temporary_file_that_is_gone_afterwards() {
    let project = Project::sqlite().migration("1_a", "CREATE TABLE a (id integer);").file("tmp/.keep", "");
    let temporary = project.path("tmp");
    let replay = || project.doorstep("file:./dev.db", &["replay"]).env("TMPDIR", temporary.to_str().unwrap());
    let left = || std::fs::read_dir(&temporary).unwrap().count() - 1;
    replay().run().code(0).stdout_is("the folder runs from scratch: 1 migrations");
    assert_eq!(left(), 0);
    project.write("prisma/migrations/2_b/migration.sql", "CREATE TABLE b (id integer);\nSELECT * FROM nowhere;\n");
    replay().run().code(65).stderr_has("2_b/migration.sql:2:1");
    assert_eq!(left(), 0);
    let endless = "CREATE TABLE t AS SELECT zeroblob(6000000);\n\
                   WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c;\n";
    project.write("prisma/migrations/2_b/migration.sql", endless);
    let doorstep = replay().spawn();
    until("the script runs", || {
        let mut files = std::fs::read_dir(&temporary).unwrap().flatten();
        files.any(|file| file.metadata().is_ok_and(|file| file.len() > 2_000_000)).then_some(())
    });
    doorstep.signal("TERM");
    doorstep.finish("replay").code(143);
    assert_eq!(left(), 0);
    assert!(!project.path("dev.db").exists());
}

#[test]
fn replay_refuses_what_reaches_outside_in_a_disguise() {
    let database = Database::fresh();
    let refused = |project: &Project, url: &str, sql: &str| {
        let project = project.path("");
        let output = Doorstep::new(&["replay"]).directory(&project).env("DATABASE_URL", url).run();
        assert_eq!(output.code, Some(65), "{sql}\n{}", output.stderr);
        output.stderr_has("2_x/migration.sql: ").stderr_lacks("doorstep_replay_").stderr_lacks("accepts work");
    };
    for sql in [
        &format!("GRANT CONNECT ON DATABASE {} TO PUBLIC;", database.name),
        "DO $$ BEGIN CREATE ROLE doorstep_escaped; END $$;",
        "DO $do$ BEGIN EXECUTE 'create role doorstep_escaped'; END $do$;",
        &format!("COMMENT ON DATABASE {} IS 'seen';", database.name),
        "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p WITH (connect = false, slot_name = NONE);",
    ] {
        refused(&Project::with_two().migration("2_x", &format!("SELECT 1;\n{sql}\n")), &database.url(), sql);
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_roles WHERE rolname = 'doorstep_escaped'"), "0");
    for sql in [
        "ATTACH DATABASE 'prod.db' AS prod;\nDELETE FROM prod.t;",
        "SELECT 1;\nattach 'prod.db' AS prod;",
        "VACUUM INTO 'prod.db';",
    ] {
        let project = Project::sqlite().migration("2_x", sql);
        std::fs::write(project.path("prod.db"), "").unwrap();
        sqlite(&project.path("prod.db"), "CREATE TABLE t (id integer); INSERT INTO t VALUES (1)");
        let before = std::fs::read(project.path("prod.db")).unwrap();
        refused(&project, "file:./dev.db", sql);
        assert!(before == std::fs::read(project.path("prod.db")).unwrap(), "{sql}");
    }
}
