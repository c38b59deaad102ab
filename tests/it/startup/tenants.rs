//! `schemas_from`: a folder applied to many schemas, each with a history of its own.

use crate::support::running_migration::{GATE, at_gate, backend, gated, kill, open_gate, terminate};
use crate::support::{Database, Output, Project, until};

/// All schemas but the server's and public, each with the names of its tables.
const TABLES: &str = "SELECT n.nspname, string_agg(c.relname, ',' ORDER BY c.relname) FROM pg_namespace n \
                      LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind = 'r' \
                      WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'public') \
                      GROUP BY 1 ORDER BY 1";

/// The tables of public.
const PUBLIC: &str = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'";

/// `a`, `b`, `c` in a table of the control plane.
fn three() -> Database {
    let database = Database::fresh();
    database.sql("CREATE TABLE tenants (name text, active boolean); INSERT INTO tenants VALUES ('c', true), ('a', true), ('b', true), ('old', false)");
    database
}

const QUERY: &str = "SELECT name FROM tenants WHERE active ORDER BY name";

fn run(project: &Project, database: &Database, arguments: &[&str]) -> Output {
    project.doorstep(&database.url(), &[&["run"], arguments].concat()).run()
}

/// A folder of plain SQL; in the schema `b` its second file fails.
fn failing_in_b() -> Project {
    Project::numbered(&[
        ("1_users.sql", "CREATE TABLE users (id integer PRIMARY KEY);"),
        ("2_check.sql", "DO $$ BEGIN IF current_schema() = 'b' THEN RAISE 'b is broken'; END IF; END $$;"),
        ("3_posts.sql", "CREATE TABLE posts (id integer PRIMARY KEY);"),
    ])
}

#[test]
fn each_schema_of_a_list_is_created_and_has_its_own_history() {
    let database = Database::fresh();
    let project = Project::with_two();
    let arguments = ["--schemas-from", "a,b", "--require-tables", "users,posts", "--", "echo", "up"];
    let output = run(&project, &database, &arguments).code(0).stdout_is("up");
    output.stderr_has("a: applied 2 in").stderr_has("b: applied 2 in").stderr_has("(4 applied in 2 schemas)");
    assert_eq!(database.sql(TABLES), "a|_prisma_migrations,posts,users\nb|_prisma_migrations,posts,users");
    assert_eq!(database.sql(PUBLIC), "0");
    assert_eq!(database.sql("SELECT count(*) FROM a._prisma_migrations WHERE finished_at IS NOT NULL"), "2");
    // The next start has nothing to do, and one more schema gets all of it.
    run(&project, &database, &["--schemas-from", "a,b"]).code(0).stderr_has("(0 applied in 2 schemas)");
    run(&project, &database, &["--schemas-from", "a,b,c"]).code(0).stderr_has("(2 applied in 3 schemas)");
}

#[test]
fn a_query_names_the_schemas_read_only() {
    let database = three();
    let project = Project::numbered(&[("1_users.sql", "CREATE TABLE users (id integer);")]);
    run(&project, &database, &["--schemas-from", QUERY]).code(0).stderr_has("(3 applied in 3 schemas)");
    let expected = "a|_doorstep_migrations,users\nb|_doorstep_migrations,users\nc|_doorstep_migrations,users";
    assert_eq!(database.sql(TABLES), expected);
    let none =
        run(&project, &database, &["--schemas-from", "SELECT name FROM tenants WHERE name = 'x'", "--", "echo", "up"]);
    none.code(0).stdout_is("up").stderr_has("returns no schema").stderr_has("(0 applied in 0 schemas)");
    database.sql("CREATE FUNCTION more() RETURNS SETOF text LANGUAGE sql AS $$ INSERT INTO tenants VALUES ('z', true) RETURNING name $$");
    for (query, why) in [
        ("SELECT name, active FROM tenants", "returns 2 columns"),
        ("SELECT NULL::text", "returns NULL"),
        ("SELECT nspname FROM pg_namespace", "a schema of the server's own"),
        ("SELECT nme FROM tenants", "does not exist"),
        ("SELECT more()", "read-only"),
    ] {
        run(&project, &database, &["--schemas-from", query, "--", "echo", "up"]).code(78).stderr_has(why).stdout_is("");
    }
}

#[test]
fn one_schema_that_fails_leaves_the_others_migrated_and_the_service_down() {
    let database = Database::fresh();
    let project = failing_in_b();
    let output = run(&project, &database, &["--schemas-from", "a,b,c", "--", "echo", "up"]).code(65).stdout_is("");
    let output = output.stderr_has("1 of 3 schemas failed").stderr_has("b is broken");
    output.stderr_has("--schemas-from b").stderr_lacks("a: migration").stderr_lacks("ready:");
    let json = run(&project, &database, &["--schemas-from", "a,b,c", "--log-format", "json"]).code(65);
    let line = json.stderr.lines().find(|line| line.contains("schema_failed")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!((&line["schema"], &line["exit_code"], &line["level"]), (&"b".into(), &65.into(), &"error".into()));
    let histories = "SELECT (SELECT count(*) FROM a._doorstep_migrations), (SELECT count(*) FROM b._doorstep_migrations), \
                     (SELECT count(*) FROM c._doorstep_migrations)";
    assert_eq!(database.sql(histories).split('|').next(), Some("3"));
    let status = project.doorstep(&database.url(), &["status", "--schemas-from", "a,b,c"]).run().code(0);
    let status = status.stdout_has("b  ").stdout_has("2_check").stdout_has("3 schemas: 2 current, 1 failed");
    drop(status);
    // Repaired, the next start goes on with the one that is left.
    let resolve = ["resolve", "--rolled-back", "2_check", "--schemas-from", "a,b,c"];
    let resolved = project.doorstep(&database.url(), &resolve).run().code(0);
    resolved.stdout_is("b: 2_check is recorded as rolled back\n1 schema");
    project.doorstep(&database.url(), &resolve).run().code(65).stderr_has("nothing was changed");
    project.write("migrations/2_check.sql", "SELECT 1;");
    let output = run(&project, &database, &["--schemas-from", "a,b,c", "--", "echo", "up"]);
    output.code(0).stdout_is("up").stderr_has("1 of 3 schemas have something to migrate");
}

#[test]
fn a_failure_stops_the_others_where_that_is_asked_for() {
    let database = Database::fresh();
    let stops = ["--schemas-from", "b,c,d", "--tenant-failure", "stop", "--tenant-jobs", "1"];
    let output = run(&failing_in_b(), &database, &stops).code(65);
    output.stderr_has("1 of 3 schemas failed, and 2 were not begun after that");
    assert_eq!(database.sql(TABLES), "b|_doorstep_migrations,users");
}

#[test]
fn odd_names_are_quoted() {
    let database = Database::fresh();
    database.sql("CREATE TABLE names (name text); INSERT INTO names VALUES ('it''s \"odd\"; --'), ('Ünïcode 1'), ('a,b'), ('select')");
    let project = Project::with_two();
    run(&project, &database, &["--schemas-from", "SELECT name FROM names"])
        .code(0)
        .stderr_has("(8 applied in 4 schemas)");
    let count = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE c.relname = 'users' AND n.nspname IN (SELECT name FROM names)";
    assert_eq!(database.sql(count), "4");
    run(&project, &database, &["--schemas-from", "\"it's \"\"odd\"\"; --\", \"a,b\"", "--require-tables", "users"])
        .code(0);
}

#[test]
fn one_replica_migrates_all_schemas_and_the_others_wait() {
    let database = Database::fresh();
    let names: Vec<String> = (0..24).map(|at| format!("t{at:02}")).collect();
    let names = names.join(",");
    // Each script fails if it runs twice in one schema.
    let project = Project::new()
        .migration(
            "1_users",
            "CREATE TABLE users (id integer PRIMARY KEY); SELECT pg_sleep(0.05); INSERT INTO users VALUES (1);",
        )
        .migration("2_posts", "CREATE TABLE posts (id integer PRIMARY KEY); INSERT INTO posts SELECT id FROM users;");
    let arguments =
        ["run", "--schemas-from", &names, "--tenant-jobs", "2", "--wait-timeout", "60s", "--", "echo", "up"];
    let replicas: Vec<_> = (0..3).map(|_| project.doorstep(&database.url(), &arguments).spawn()).collect();
    let outputs: Vec<Output> = replicas.into_iter().map(|it| it.finish("run").code(0).stdout_is("up")).collect();
    let applied = |output: &Output| {
        let (before, _) = output.stderr.split_once(" applied in 24 schemas").unwrap();
        before.rsplit('(').next().unwrap().parse::<usize>().unwrap()
    };
    let mut applied: Vec<usize> = outputs.iter().map(applied).collect();
    applied.sort_unstable();
    assert_eq!(applied, [0, 0, 48]);
    assert_eq!(database.sql("SELECT count(*) FROM t00._prisma_migrations"), "2");
}

/// Its migration waits at the gate in the schema `a`.
fn gated_in_a() -> (Database, Project) {
    let gate = GATE.trim_start_matches("DO $$ BEGIN ").trim_end_matches(" END $$;");
    let script =
        format!("DO $$ BEGIN IF current_schema() = 'a' THEN {gate} END IF; END $$; CREATE TABLE users (id integer);");
    (gated(), Project::new().migration("1_users", &script))
}

#[test]
fn another_start_on_other_schemas_or_on_the_whole_database_waits() {
    let (database, project) = gated_in_a();
    let first = project.doorstep(&database.url(), &["run", "--schemas-from", "a,z", "--tenant-jobs", "1"]).spawn();
    at_gate(&database);
    let others: [&[&str]; 3] = [&["--schemas-from", "b,c"], &["--schemas-from", "d"], &[]];
    let others = others.map(|which| {
        let arguments = [&["run"], which, &["--", "echo", "up"]].concat();
        let mut other = project.doorstep(&database.url(), &arguments).spawn();
        other.until_stderr("waiting for the migration lock, held by");
        other
    });
    let tables = "SELECT count(*) FROM pg_class WHERE relname = 'users'";
    assert_eq!(database.sql(tables), "0");
    open_gate(&database);
    first.finish("run").code(0);
    for other in others {
        other.finish("run").code(0).stdout_is("up");
    }
    assert_eq!(database.sql(tables), "6");
}

#[test]
fn a_start_that_lost_its_lock_ends_the_schema_at_work_before_another_start_begins() {
    let (database, project) = gated_in_a();
    let first = project.doorstep(&database.url(), &["run", "--schemas-from", "a,z", "--tenant-jobs", "1"]).spawn();
    let at_work = at_gate(&database);
    let keeper = database.sql(&format!(
        "SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' AND pid <> {at_work} \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    ));
    terminate(&database, &keeper);
    let mut second = project.doorstep(&database.url(), &["run", "--schemas-from", "b,c", "--", "echo", "up"]).spawn();
    second.until_stderr("waiting for the migration lock, held by");
    assert_eq!(database.sql("SELECT to_regclass('b.users') IS NULL AND to_regclass('c.users') IS NULL"), "t");
    open_gate(&database);
    first.finish("run").code(0).stderr_has("lost the database (holding the migration lock)");
    second.finish("run").code(0).stdout_is("up");
    let tables = "SELECT string_agg(relnamespace::regnamespace::text, ',' ORDER BY relnamespace::regnamespace::text) FROM pg_class WHERE relname = 'users'";
    assert_eq!(database.sql(tables), "a,b,c,z");
}

#[test]
fn the_tool_of_the_format_is_kept_out() {
    let database = Database::fresh();
    let holder = database.hold_migration_lock("prisma migrate deploy");
    let mut start = Project::with_two().doorstep(&database.url(), &["run", "--schemas-from", "a,b"]).spawn();
    start.until_stderr("waiting for the migration lock, held by");
    assert_eq!(database.sql("SELECT to_regnamespace('a') IS NULL AND to_regnamespace('b') IS NULL"), "t");
    terminate(&database, &backend(&database, "application_name = 'prisma migrate deploy'"));
    drop(holder);
    until("the lock is free", || {
        let held = "SELECT count(*) FROM pg_locks WHERE objid = 72707369 AND mode = 'ExclusiveLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        (database.sql(held) == "0").then_some(())
    });
    start.finish("run").code(0);
}

#[test]
fn a_signal_cancels_what_is_running_and_the_next_start_goes_on() {
    let database = Database::fresh();
    let slow = "CREATE TABLE slow (id integer); DO $$ BEGIN IF current_schema() = 'b' THEN PERFORM pg_sleep(600); END IF; END $$;";
    let project = Project::new().migration("1_fine", "CREATE TABLE fine (id integer);").migration("2_slow", slow);
    let arguments = ["run", "--schemas-from", "a,b,c", "--tenant-jobs", "1", "--", "echo", "never"];
    let start = project.doorstep(&database.url(), &arguments).spawn();
    until("the script of b runs", || {
        let running =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        (database.sql(running) == "1").then_some(())
    });
    start.signal("TERM");
    let output = start.finish("run").code(143).stdout_is("");
    let output =
        output.stderr_has("cancelling the running migration").stderr_has("b: 2_slow was cancelled and rolled back");
    output.stderr_has("1 of 3 schemas are done; the next start goes on");
    let rows = "SELECT migration_name, finished_at IS NOT NULL, rolled_back_at IS NOT NULL FROM b._prisma_migrations ORDER BY started_at";
    assert_eq!(database.sql(rows), "1_fine|t|f\n2_slow|f|t");
    assert_eq!(database.sql("SELECT to_regnamespace('c') IS NULL"), "t");
    project.write("prisma/migrations/2_slow/migration.sql", "CREATE TABLE slow (id integer);");
    run(&project, &database, &["--schemas-from", "a,b,c"]).code(0).stderr_has("(3 applied in 3 schemas)");
}

#[test]
fn the_next_start_goes_on_after_a_crash() {
    let database = gated();
    let project = Project::new()
        .migration("1_users", "CREATE TABLE users (id integer);")
        .migration("2_gate", &format!("CREATE TABLE posts (id integer); {GATE}"));
    let start = project.doorstep(&database.url(), &["run", "--schemas-from", "a,b,c", "--tenant-jobs", "1"]).spawn();
    let pid = at_gate(&database);
    kill(start);
    terminate(&database, &pid);
    open_gate(&database);
    run(&project, &database, &["--schemas-from", "a,b,c"]).code(0).stderr_has("(5 applied in 3 schemas)");
}

#[test]
fn a_lost_connection_concerns_one_schema_which_is_tried_again() {
    let database = gated();
    let project = Project::new().migration("1_gate", &format!("CREATE TABLE users (id integer); {GATE}"));
    let start = project
        .doorstep(&database.url(), &["run", "--schemas-from", "a,b", "--tenant-jobs", "1", "--", "echo", "up"])
        .spawn();
    let pid = at_gate(&database);
    terminate(&database, &pid);
    open_gate(&database);
    start.finish("run").code(0).stdout_is("up").stderr_has("lost the database").stderr_lacks("schemas failed");
    assert_eq!(database.sql("SELECT to_regclass('a.users') IS NOT NULL AND to_regclass('b.users') IS NOT NULL"), "t");
}

#[test]
fn nothing_of_public_is_taken_for_a_schemas_own() {
    let database = Database::fresh();
    let project = Project::with_two();
    // The service had one schema before, whose history is in public.
    project.doorstep(&database.url(), &["run"]).run().code(0);
    let arguments = ["--schemas-from", "a,b", "--tenant-path", "public", "--require-tables", "a.users,b.posts"];
    run(&project, &database, &arguments).code(0).stderr_has("(4 applied in 2 schemas)");
    run(&project, &database, &arguments).code(0).stderr_has("(0 applied in 2 schemas)");
    assert_eq!(database.sql("SELECT count(*) FROM public._prisma_migrations"), "2");
    // One schema alone is treated in the same way.
    run(&project, &database, &["--schemas-from", "c", "--tenant-path", "public"]).code(0).stderr_has("(2 applied)");
    assert_eq!(database.sql("SELECT count(*) FROM c._prisma_migrations"), "2");
}

#[test]
fn a_schema_that_the_role_may_not_use_is_not_replaced_by_the_next_of_the_path() {
    let database = Database::fresh();
    let role = database.role("");
    database
        .sql(&format!("CREATE SCHEMA a; CREATE SCHEMA b AUTHORIZATION {role}; GRANT ALL ON SCHEMA public TO {role}"));
    let arguments = ["run", "--schemas-from", "a,b", "--tenant-path", "public"];
    let output = Project::with_two().doorstep(&database.url_as(&role), &arguments).run().code(77);
    output
        .stderr_has(&format!("GRANT USAGE, CREATE ON SCHEMA \"a\" TO \"{role}\";"))
        .stderr_has("1 of 2 schemas failed");
    assert_eq!(database.sql(PUBLIC), "0");
    assert_eq!(database.sql(TABLES), "a|\nb|_prisma_migrations,posts,users");
}

#[test]
fn extensions_of_a_shared_schema_are_found_along_the_path() {
    let database = Database::fresh();
    database.sql("CREATE TYPE public.email AS (text text)");
    let project = Project::new().migration("1_users", "CREATE TABLE users (id integer, email email);");
    run(&project, &database, &["--schemas-from", "a,b"]).code(65).stderr_has("type \"email\" does not exist");
    let database = Database::fresh();
    database.sql("CREATE TYPE public.email AS (text text)");
    run(&project, &database, &["--schemas-from", "a,b", "--tenant-path", "public"]).code(0);
}

#[test]
fn what_a_script_leaves_in_its_session_does_not_reach_the_next_schema() {
    let database = Database::fresh();
    let sql = "CREATE TEMP TABLE scratch (id integer); SET search_path = public; SET statement_timeout = '9s'; SELECT pg_advisory_lock(5);";
    let project = Project::new().migration("1_temp", sql).migration("2_users", "CREATE TABLE users (id integer);");
    run(&project, &database, &["--schemas-from", "a,b,c", "--tenant-jobs", "1"]).code(0);
    assert_eq!(database.sql(PUBLIC), "0");
}

#[test]
fn objects_that_all_schemas_would_create_are_warned_of() {
    let database = Database::fresh();
    let project =
        Project::new().migration("1_plans", "CREATE TABLE public.plans (id integer); CREATE TABLE users (id integer);");
    let output = run(&project, &database, &["--schemas-from", "a,b"]).code(65);
    output
        .stderr_has("create the same object")
        .stderr_has("table public.plans (1_plans)")
        .stderr_has("1 of 2 schemas failed");
}

#[test]
fn verify_names_the_schema_of_each_finding() {
    let database = Database::fresh();
    let project = Project::with_two().file(
        "prisma/schema.prisma",
        "datasource db {\n  provider = \"postgresql\"\n}\nmodel users {\n  id Int @id\n}\nmodel posts {\n  id Int @id\n}\n",
    );
    run(&project, &database, &["--schemas-from", "a,b,c"]).code(0);
    database.sql("ALTER TABLE b.users RENAME COLUMN id TO key; DROP TABLE c.posts");
    let verify = |arguments: &[&str]| {
        project.doorstep(&database.url(), &[&["verify", "--schemas-from", "a,b,c"], arguments].concat()).run()
    };
    let output = verify(&["--format", "json"]).code(3).stdout_has("column b.users.id").stdout_has("table c.posts");
    output.stdout_lacks("column a.users.id").stdout_lacks("table a.");
    verify(&[]).code(3).stdout_has("b.users").stdout_has("c.posts");
    let output = run(&project, &database, &["--schemas-from", "a,b,c", "--", "echo", "up"]).code(3).stdout_is("");
    output.stderr_has("2 of 3 schemas failed").stderr_has("column b.users.id");
    run(&project, &database, &["--schemas-from", "a", "--", "echo", "up"]).code(0).stdout_is("up");
    // Without migrations, verify alone.
    run(&project, &database, &["--schemas-from", "a,b", "--migrate", "off"])
        .code(3)
        .stderr_has("1 of 2 schemas failed");
}

#[test]
fn one_name_is_one_schema_for_every_command() {
    let database = Database::fresh();
    let project = failing_in_b();
    run(&project, &database, &["--schemas-from", "a,b"]).code(65);
    let call = |arguments: &[&str]| project.doorstep(&database.url(), arguments).run();
    call(&["status", "--schemas-from", "b"]).code(0).stdout_has("1_users").stdout_has("3_posts");
    for command in [&["resolve", "--applied", "2_check"][..], &["baseline"], &["diff"]] {
        call(&[command, &["--schemas-from", "a,b", "--require-tables", "users"]].concat())
            .code(78)
            .stderr_has("--schemas-from NAME");
    }
    call(&["resolve", "--applied", "2_check", "--schemas-from", "b"]).code(0);
    run(&project, &database, &["--schemas-from", "a,b"]).code(0).stderr_has("(1 applied in 2 schemas)");
    call(&["baseline", "--schemas-from", "nowhere"]).code(77).stderr_has("it does not exist");
    call(&["check", "--schemas-from", "b"]).code(0);
    call(&["replay", "--schemas-from", "a,b"]).code(0);
}

#[test]
fn status_and_check_count_the_schemas() {
    let database = Database::fresh();
    let project = Project::with_two();
    run(&project, &database, &["--schemas-from", "a,b"]).code(0);
    let call = |arguments: &[&str]| project.doorstep(&database.url(), arguments).run();
    let current = call(&["status", "--schemas-from", "a,b"]).code(0);
    current.stdout_has("current (folder and history agree; 2 schemas: 2 current)");
    call(&["check", "--schemas-from", "a,b", "--require-tables", "users"])
        .code(0)
        .stdout_has("healthy: 2 schemas, all migrated, verified");
    let project = project.migration("3_more", "CREATE TABLE more (id integer);");
    let call = |arguments: &[&str]| project.doorstep(&database.url(), arguments).run();
    let behind = call(&["status", "--schemas-from", "a,b,c"]).code(0);
    behind
        .stdout_has("a  behind    2 applied; not: 3_more")
        .stdout_has("c  behind    0 applied; not: 1_users, 2_posts, 3_more");
    let json = call(&["status", "--schemas-from", "a,b,c", "--format", "json"]).code(0);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&json["verdict"], &json["schemas"][1]["schema"]), (&"behind".into(), &"b".into()));
    assert_eq!(
        (&json["schemas"][0]["applied"], &json["schemas"][0]["migrations"][0]["name"]),
        (&2.into(), &"3_more".into())
    );
    call(&["check", "--schemas-from", "a,b,c"]).code(1).stdout_has("unhealthy: 3 of 3 schemas: a: pending: 3_more; ");
}

#[test]
fn a_start_that_awaits_waits_for_all_schemas() {
    let database = Database::fresh();
    let project = Project::with_two();
    let awaits = ["run", "--migrate", "await", "--schemas-from", "a,b", "--require-tables", "users"];
    let late = project.doorstep(&database.url(), &[&awaits[..], &["--wait-timeout", "1s"]].concat()).run();
    late.code(69).stderr_has("not current in 2 schemas (a: behind, b: behind)");
    let waiting = project.doorstep(&database.url(), &[&awaits[..], &["--", "echo", "up"]].concat()).spawn();
    run(&project, &database, &["--schemas-from", "a,b"]).code(0);
    waiting.finish("run").code(0).stdout_is("up").stderr_has("(0 applied in 2 schemas)");
}

#[test]
fn what_cannot_be_applied_schema_by_schema_is_refused() {
    let database = Database::fresh();
    let refused = |project: Project, arguments: &[&str], why: &str| {
        let arguments = [&["run", "--schemas-from", "a,b"], arguments].concat();
        project.doorstep(&database.url(), &arguments).run().code(78).stderr_has(why).stderr_has("next: ");
    };
    refused(Project::with_two(), &["--before-migrate", "true"], "before_migrate and schemas_from are set");
    refused(Project::bare(), &["--migrate-command", "true"], "doorstep cannot tell it a schema");
    let sql = || Project::numbered(&[("1_a.sql", "SELECT 1;")]);
    refused(sql(), &["--history-table", "app.history"], "in the schema app");
    let sqlite = Project::sqlite().doorstep("file:./dev.db", &["run", "--schemas-from", "a"]).run();
    sqlite.code(78).stderr_has("on PostgreSQL only, not on SQLite");
    let named =
        |value: &str| sql().doorstep(&database.url(), &["run"]).env("DOORSTEP_SCHEMAS_FROM", value).run().code(78);
    named("a,pg_temp").stderr_has("a schema of the server's own");
    named("SELECT 1; DROP TABLE tenants").stderr_has("several statements");
    // A history table without a schema is in that of each.
    run(&sql(), &database, &["--schemas-from", "a,b", "--history-table", "history"]).code(0);
    assert_eq!(database.sql(TABLES), "a|history\nb|history");
}

#[test]
fn the_formats_of_other_tools_have_their_history_in_each_schema() {
    for (format, file, table) in [
        (
            "dbmate",
            ("20240101000000_users.sql", "-- migrate:up\nCREATE TABLE users (id integer);\n-- migrate:down\n"),
            "schema_migrations",
        ),
        ("goose", ("00001_users.sql", "-- +goose Up\nCREATE TABLE users (id integer);\n"), "goose_db_version"),
        ("golang-migrate", ("1_users.up.sql", "CREATE TABLE users (id integer);"), "schema_migrations"),
        ("flyway", ("V1__users.sql", "CREATE TABLE users (id integer);"), "flyway_schema_history"),
        ("sqlx", ("1_users.sql", "CREATE TABLE users (id integer);"), "_sqlx_migrations"),
    ] {
        let database = Database::fresh();
        let project = Project::numbered(&[file]);
        let arguments = ["--migration-format", format, "--schemas-from", "a,b,c", "--require-tables", "users"];
        run(&project, &database, &arguments).code(0).stderr_has("(3 applied in 3 schemas)");
        let tables = |schema: &str| database.sql(&format!("SELECT to_regclass('{schema}.{table}') IS NOT NULL"));
        assert_eq!(["a", "b", "c", "public"].map(tables), ["t", "t", "t", "f"], "{format}");
        run(&project, &database, &arguments).code(0).stderr_has("(0 applied in 3 schemas)");
    }
}

#[test]
fn a_thousand_schemas_are_migrated_over_five_connections() {
    let database = Database::fresh();
    let role = database.role("CONNECTION LIMIT 5");
    database.sql(&format!("GRANT CREATE ON DATABASE \"{}\" TO {role}", database.name));
    let project = Project::numbered(&[
        ("1_users.sql", "CREATE TABLE users (id integer PRIMARY KEY, name text);"),
        ("2_index.sql", "CREATE INDEX ON users (name);"),
        ("3_rows.sql", "INSERT INTO users VALUES (1, current_schema());"),
    ]);
    let query = "SELECT 'tenant_' || i FROM generate_series(1, 1000) i";
    let url = database.url_as(&role);
    let call = |arguments: &[&str]| project.doorstep(&url, &[arguments, &["--schemas-from", query]].concat()).spawn();
    let output = call(&["run", "--wait-timeout", "60s", "--require-tables", "users"]).finish("run").code(0);
    output.stderr_has("(3,000 applied in 1,000 schemas)").stderr_lacks("fewer connections");
    let rows = "SELECT count(*), count(DISTINCT n.nspname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                WHERE c.relname IN ('users', '_doorstep_migrations') AND n.nspname LIKE 'tenant\\_%'";
    assert_eq!(database.sql(rows), "2000|1000");
    assert_eq!(database.sql("SELECT name FROM tenant_777.users"), "tenant_777");
    let again = call(&["run", "--require-tables", "users"]).finish("run").code(0);
    again.stderr_has("(0 applied in 1,000 schemas)");
    database.sql("DELETE FROM tenant_5._doorstep_migrations WHERE name = '3_rows'; DELETE FROM tenant_5.users; DROP SCHEMA tenant_9 CASCADE");
    let status = call(&["status"]).finish("status").code(0);
    let status = status
        .stdout_has("1,000 schemas: 998 current, 2 behind")
        .stdout_has("tenant_5  behind    2 applied; not: 3_rows");
    drop(status);
    call(&["run"]).finish("run").code(0).stderr_has("(4 applied in 1,000 schemas)");
}

#[test]
fn a_start_goes_on_with_fewer_connections_than_it_may_have() {
    let database = Database::fresh();
    let role = database.role("CONNECTION LIMIT 2");
    database.sql(&format!("GRANT CREATE ON DATABASE \"{}\" TO {role}", database.name));
    let names: Vec<String> = (0..12).map(|at| format!("t{at}")).collect();
    let arguments = ["run", "--tenant-jobs", "8", "--schemas-from", &names.join(",")];
    let output = Project::with_two().doorstep(&database.url_as(&role), &arguments).run().code(0);
    output.stderr_has("goes on with fewer connections").stderr_has("(24 applied in 12 schemas)");
}

#[test]
fn a_start_needs_two_connections() {
    let database = Database::fresh();
    let role = database.role("CONNECTION LIMIT 1");
    database.sql(&format!("GRANT CREATE ON DATABASE \"{}\" TO {role}", database.name));
    let arguments = ["run", "--schemas-from", "a,b", "--wait-timeout", "1s"];
    let output = Project::with_two().doorstep(&database.url_as(&role), &arguments).run().code(69);
    output.stderr_has("waiting for a connection to migrate over").stderr_has("too many connections for role");
}

#[test]
fn what_runs_is_told_of_the_schema_that_is_migrated_and_of_no_other() {
    let (database, project) = gated_in_a();
    let call = |command: &str, schemas: &str| project.doorstep(&database.url(), &[command, "--schemas-from", schemas]);
    call("migrate", "z").run().code(0);
    database.sql("UPDATE z._prisma_migrations SET finished_at = NULL, applied_steps_count = 0");
    let many = call("migrate", "a,b").spawn();
    at_gate(&database);
    call("status", "a,z").run().stdout_has("1_users (running)").stdout_has("1_users (rolled back)");
    call("status", "z").run().stdout_lacks("running");
    call("status", "a").run().stdout_has("running");
    open_gate(&database);
    many.finish("migrate").code(0);
    database.sql("DROP SCHEMA a CASCADE; DELETE FROM side.go");
    let one = call("migrate", "a").spawn();
    at_gate(&database);
    call("status", "a,z").run().stdout_has("1_users (running)").stdout_has("1_users (rolled back)");
    open_gate(&database);
    one.finish("migrate").code(0);
}
