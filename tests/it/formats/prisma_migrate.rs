//! doorstep and the real Prisma on one database: each continues where the other stopped. Where the two differ on
//! purpose, the test says so and shows both.

use std::process::Command;

use crate::support::{Database, Output, Prisma, Project, Running, psql, shared_port, until};

/// A project for both tools.
fn project() -> Project {
    let schema = "datasource db {\n  provider = \"postgresql\"\n  url      = env(\"DATABASE_URL\")\n}\n";
    Project::new().file("prisma/schema.prisma", schema)
}

/// `1_a` is fine, `2_bad` fails half way, `3_c` is fine.
fn failing() -> Project {
    project()
        .migration("1_a", "CREATE TABLE a (id integer);\n")
        .migration("2_bad", BAD)
        .migration("3_c", "CREATE TABLE c (id integer);\n")
}

const BAD: &str = "CREATE TABLE b (id integer);\nCREATE TABLE broken (id nosuchtype);\n";

fn deploy(project: &Project, prisma: Prisma, url: &str) -> Output {
    project.prisma(prisma, url, &["migrate", "deploy"]).run()
}

fn resolve(project: &Project, prisma: Prisma, url: &str, flag: &str, name: &str) -> Output {
    project.prisma(prisma, url, &["migrate", "resolve", flag, name]).run()
}

fn run(project: &Project, url: &str) -> Output {
    project.doorstep(url, &["run"]).run()
}

#[track_caller]
fn prisma_finds_nothing_to_do(project: &Project, prisma: Prisma, url: &str) {
    deploy(project, prisma, url).code(0).stdout_has("No pending migrations to apply.");
}

#[track_caller]
fn doorstep_finds_nothing_to_do(project: &Project, url: &str) {
    run(project, url).code(0).stderr_has("(0 applied)");
}

/// The history without the columns that always differ (id, times) and without the text of failures, which each tool words itself.
const ROWS: &str = "SELECT migration_name, checksum, \
     CASE WHEN logs <> '' THEN 'some text' ELSE quote_nullable(logs) END, rolled_back_at IS NULL, \
     finished_at IS NOT NULL, started_at <= finished_at, applied_steps_count, \
     CASE applied_steps_count WHEN 0 THEN started_at = finished_at END, id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-4' \
     FROM _prisma_migrations ORDER BY migration_name, started_at";

/// The history table as the catalogs see it.
const DEFINITION: &str = "SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid) \
     FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum \
     WHERE attrelid = '_prisma_migrations'::regclass AND attnum > 0 \
     UNION ALL SELECT conname, pg_get_constraintdef(oid), null, null FROM pg_constraint \
     WHERE conrelid = '_prisma_migrations'::regclass ORDER BY 1";

/// The order in which migrations ran; each must have recorded itself with [`note`].
const ORDER: &str = "SELECT string_agg(name, ' ' ORDER BY at) FROM side.seen";

/// A script that inserts its name into the table that [`noting`] created.
fn note(name: &str) -> String {
    format!("INSERT INTO side.seen (name) VALUES ('{name}');\n")
}

fn noting() -> Database {
    let database = Database::fresh();
    database.sql("CREATE SCHEMA side; CREATE TABLE side.seen (at serial, name text)");
    database
}

/// What `doorstep status` says of the migrations: `(name, value of key)`.
fn status(project: &Project, url: &str, key: &str) -> Vec<(String, String)> {
    let json = project.doorstep(url, &["status", "--format", "json"]).run().code(0).stdout;
    let status: serde_json::Value = serde_json::from_str(&json).unwrap();
    let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let migrations = status["migrations"].as_array().unwrap();
    migrations.iter().map(|migration| (text(&migration["name"]), text(&migration[key]))).collect()
}

/// What Prisma's engine returns to its own command line for the status.
fn diagnosis(project: &Project, prisma: Prisma, url: &str, key: &str) -> Vec<String> {
    let output = project.prisma(prisma, url, &["migrate", "status"]).env("DEBUG", "prisma:migrate:status").run();
    // The JSON stands, escaped, in one string of the trace.
    let trace = output.stderr.replace("\\n", "\n").replace("\\\"", "\"");
    let (_, rest) = trace.split_once(&format!("\"{key}\": [")).unwrap_or_else(|| panic!("no {key} in {trace}"));
    let list = rest.split_once(']').unwrap().0;
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

// === The same history ===

/// A migrations folder with everything that both tools accept.
fn everything() -> Project {
    project()
        .migration("01_plain", "CREATE TABLE plain (id serial PRIMARY KEY, \"Größe\" text DEFAULT ';');\n")
        .migration("02_crlf", "CREATE TABLE crlf (\r\n  id integer\r\n);\r\n")
        .migration("03_no_newline", "CREATE TABLE no_newline (id integer)")
        .migration("04_empty", "")
        .migration("05_blank", "  \n\t\n")
        .migration("06_comment", "-- nothing /* yet\n")
        .migration("07_semicolons", ";;;\n")
        .migration("08 name with ä 'quotes\"", "SELECT 1;\n")
        .migration(
            "09_body",
            "CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM 1; RETURN 2; END $$;\nSELECT f();\n",
        )
        .migration("10_concurrently", "-- alone\nCREATE INDEX CONCURRENTLY i ON plain (\"Größe\");\n")
        .migration("11_block", "BEGIN;\nCREATE TABLE block (id integer);\nCOMMIT;\n")
        .migration("12_enum", "CREATE TYPE e AS ENUM ('a');\n")
        .migration("13_value", "ALTER TYPE e ADD VALUE 'b';\nALTER TYPE e ADD VALUE 'c';\n")
        .migration("14_used", "CREATE TABLE used (e e DEFAULT 'c');\nCOMMIT;\nINSERT INTO used DEFAULT VALUES;\n")
        .migration("15_notice", "DO $$ BEGIN RAISE WARNING 'w'; END $$;\nVALUES (1), (2);\n")
        .migration("16_vacuum", "VACUUM plain")
        .migration(".hidden", "SELECT 1;\n")
        .migration("20240101120000_usual", "ALTER TABLE plain ADD more text;\n")
        .file("prisma/migrations/README.md", "text")
        .file("prisma/migrations/01_plain/down.sql", "DROP TABLE plain;")
}

#[test]
fn doorstep_leaves_the_history_that_prisma_would_have_left_and_each_finds_nothing_to_do_after_the_other() {
    let project = everything();
    let ours = Database::fresh();
    run(&project, &ours.url()).code(0);
    for prisma in Prisma::BOTH {
        let theirs = Database::fresh();
        deploy(&project, prisma, &theirs.url()).code(0);
        assert_eq!(ours.sql(ROWS), theirs.sql(ROWS), "{prisma:?}");
        assert_eq!(ours.sql(DEFINITION), theirs.sql(DEFINITION), "{prisma:?}");
        doorstep_finds_nothing_to_do(&project, &theirs.url());
        project.doorstep(&theirs.url(), &["status"]).run().code(0).stdout_has(": current (");
        prisma_finds_nothing_to_do(&project, prisma, &ours.url());
        let status = project.prisma(prisma, &ours.url(), &["migrate", "status"]).run();
        status.code(0).stdout_has("Database schema is up to date!");
    }
}

#[test]
fn one_applies_half_and_the_other_the_rest() {
    let (half, whole) =
        (Project::with_two, || Project::with_two().migration("0_late", "SELECT 1;").migration("3_more", "SELECT 2;"));
    let complete = |project: Project| {
        let schema = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\n";
        project.file("prisma/schema.prisma", schema)
    };
    let (half, whole) = (complete(half()), complete(whole()));
    let alone = Database::fresh();
    run(&half, &alone.url()).code(0);
    run(&whole, &alone.url()).code(0);
    for prisma in Prisma::BOTH {
        let (ours_first, theirs_first) = (Database::fresh(), Database::fresh());
        run(&half, &ours_first.url()).code(0).stderr_has("(2 applied)");
        deploy(&whole, prisma, &ours_first.url()).code(0).stdout_has("3_more");
        deploy(&half, prisma, &theirs_first.url()).code(0);
        run(&whole, &theirs_first.url()).code(0).stderr_has("(2 applied)");
        assert_eq!(ours_first.sql(ROWS), alone.sql(ROWS), "{prisma:?}");
        assert_eq!(theirs_first.sql(ROWS), alone.sql(ROWS), "{prisma:?}");
    }
}

#[test]
fn a_history_without_migrations_is_no_obstacle() {
    let (empty, one) = (project(), project().migration("1_a", "CREATE TABLE a (id integer);"));
    for prisma in Prisma::BOTH {
        // Prisma creates the table even if no migration exists.
        let database = Database::fresh();
        deploy(&empty, prisma, &database.url()).code(0);
        doorstep_finds_nothing_to_do(&empty, &database.url());
        run(&one, &database.url()).code(0).stderr_has("(1 applied)");
        prisma_finds_nothing_to_do(&one, prisma, &database.url());
    }
}

// === Failures ===

#[test]
fn what_doorstep_failed_at_stops_prisma_and_is_resolved_by_prisma() {
    let database = Database::fresh();
    run(&failing(), &database.url()).code(65).stderr_has("2_bad");
    let failed = "SELECT finished_at IS NULL, rolled_back_at IS NULL, applied_steps_count, logs LIKE '%nosuchtype%' \
                  FROM _prisma_migrations WHERE migration_name = '2_bad'";
    assert_eq!(database.sql(failed), "t|t|0|t");
    assert_eq!(database.sql("SELECT to_regclass('b') IS NULL"), "t");
    for prisma in Prisma::BOTH {
        let (rolled_back, applied) = (database.copy(), database.copy());
        let project = failing();
        let output = deploy(&project, prisma, &rolled_back.url()).code(1);
        output.stderr_has("P3009").stderr_has("The `2_bad` migration started at");
        project.write("prisma/migrations/2_bad/migration.sql", "CREATE TABLE b (id integer);\n");
        resolve(&project, prisma, &rolled_back.url(), "--rolled-back", "2_bad").code(0);
        run(&project, &rolled_back.url()).code(0).stderr_has("(2 applied)");
        prisma_finds_nothing_to_do(&project, prisma, &rolled_back.url());

        applied.sql("CREATE TABLE b (id integer)");
        resolve(&project, prisma, &applied.url(), "--applied", "2_bad").code(0);
        run(&project, &applied.url()).code(0).stderr_has("(1 applied)");
        prisma_finds_nothing_to_do(&project, prisma, &applied.url());
    }
}

#[test]
fn a_failure_leaves_the_same_row_whoever_failed() {
    let ours = Database::fresh();
    run(&failing(), &ours.url()).code(65);
    for prisma in Prisma::BOTH {
        let theirs = Database::fresh();
        deploy(&failing(), prisma, &theirs.url()).code(1);
        assert_eq!(ours.sql(ROWS), theirs.sql(ROWS), "{prisma:?}");
    }
}

#[test]
fn what_prisma_failed_at_stops_doorstep_with_its_cause_and_is_resolved_by_doorstep() {
    for prisma in Prisma::BOTH {
        let database = Database::fresh();
        let project = failing();
        deploy(&project, prisma, &database.url()).code(1);
        let output = run(&project, &database.url()).code(65);
        output.stderr_has("2_bad").stderr_has("type \"nosuchtype\" does not exist");
        assert_eq!(database.sql("SELECT count(*) FROM _prisma_migrations"), "2");

        project.write("prisma/migrations/2_bad/migration.sql", "CREATE TABLE b (id integer);\n");
        for (flag, prepare) in [("--rolled-back", "SELECT 1"), ("--applied", "CREATE TABLE b (id integer)")] {
            let (ours, theirs) = (database.copy(), database.copy());
            ours.sql(prepare);
            project.doorstep(&ours.url(), &["resolve", flag, "2_bad"]).run().code(0);
            resolve(&project, prisma, &theirs.url(), flag, "2_bad").code(0);
            assert_eq!(ours.sql(ROWS), theirs.sql(ROWS), "{prisma:?} {flag}");
            deploy(&project, prisma, &ours.url()).code(0).stdout_has("3_c");
            doorstep_finds_nothing_to_do(&project, &ours.url());
        }
    }
}

#[test]
fn what_prisma_refuses_to_resolve_doorstep_refuses_and_neither_writes() {
    let project = failing();
    let database = Database::fresh();
    run(&project, &database.url()).code(65);
    let before = database.sql(ROWS);
    for (flag, name, code) in [
        ("--applied", "1_a", "P3008"),
        ("--applied", "nowhere", "P3017"),
        ("--rolled-back", "nowhere", "P3011"),
        ("--rolled-back", "1_a", "P3012"),
    ] {
        resolve(&project, Prisma::Seven, &database.url(), flag, name).code(1).stderr_has(code);
        let output = project.doorstep(&database.url(), &["resolve", flag, name]).run();
        output.code(65).stderr_has(name);
        assert_eq!(database.sql(ROWS), before, "{flag} {name}");
    }
    // Declaring it twice is no error for either.
    for _ in 0..2 {
        project.doorstep(&database.url(), &["resolve", "--rolled-back", "2_bad"]).run().code(0);
    }
    resolve(&project, Prisma::Seven, &database.url(), "--rolled-back", "2_bad").code(0);
}

#[test]
fn a_database_older_than_its_history_is_baselined_by_either() {
    let project = project().migration("1_a", "CREATE TABLE a (id integer);\n");
    let database = Database::fresh();
    database.sql("CREATE TABLE a (id integer)");
    run(&project, &database.url()).code(65).stderr_has("no _prisma_migrations");
    for prisma in Prisma::BOTH {
        let (ours, theirs) = (database.copy(), database.copy());
        deploy(&project, prisma, &theirs.url()).code(1).stderr_has("P3005");
        resolve(&project, prisma, &theirs.url(), "--applied", "1_a").code(0);
        doorstep_finds_nothing_to_do(&project, &theirs.url());
        project.doorstep(&ours.url(), &["resolve", "--applied", "1_a"]).run().code(0);
        assert_eq!(ours.sql(ROWS), theirs.sql(ROWS), "{prisma:?}");
        assert_eq!(ours.sql(DEFINITION), theirs.sql(DEFINITION), "{prisma:?}");
        prisma_finds_nothing_to_do(&project, prisma, &ours.url());
    }
}

#[test]
fn a_transaction_left_open_that_prisma_calls_a_success_is_explained_by_doorstep() {
    let project = project().migration("1_open", "BEGIN;\nCREATE TABLE lost (id integer);\n");
    for prisma in Prisma::BOTH {
        let database = Database::fresh();
        deploy(&project, prisma, &database.url()).code(0).stdout_has("successfully applied");
        assert_eq!(database.sql("SELECT to_regclass('lost') IS NULL"), "t");
        // The row was written before the script opened its transaction; what finished it went with it.
        run(&project, &database.url()).code(65).stderr_has("1_open");
    }
}

#[test]
fn what_doorstep_was_stopped_at_is_applied_by_prisma() {
    for prisma in Prisma::BOTH {
        let (project, database) = gated();
        let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
        until_it_runs(&database);
        doorstep.signal("TERM");
        doorstep.finish("run").code(143).stderr_has("rolled back");
        database.sql("DELETE FROM side.gate");
        deploy(&project, prisma, &database.url()).code(0).stdout_has("1_once");
        doorstep_finds_nothing_to_do(&project, &database.url());
        assert_eq!(
            database.sql("SELECT count(*), count(finished_at), count(rolled_back_at) FROM _prisma_migrations"),
            "2|1|1"
        );
    }
}

#[test]
fn a_connection_that_prisma_lost_is_explained_by_doorstep() {
    for prisma in Prisma::BOTH {
        let (project, database) = gated();
        let other = project.prisma(prisma, &database.url(), &["migrate", "deploy"]).spawn();
        until_it_runs(&database);
        database.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'DO $$ BEGIN WHILE%' \
             AND datname = current_database()",
        );
        other.finish("migrate deploy").code(1);
        database.sql("DELETE FROM side.gate");
        deploy(&project, prisma, &database.url()).code(1).stderr_has("P3009");
        // The script runs code, so existing objects do not prove its result: doorstep reports them, and a person decides.
        run(&project, &database.url()).code(65).stderr_has("table once: does not exist");
        resolve(&project, prisma, &database.url(), "--rolled-back", "1_once").code(0);
        run(&project, &database.url()).code(0).stderr_has("(1 applied)");
        prisma_finds_nothing_to_do(&project, prisma, &database.url());
    }
}

#[test]
fn what_a_script_sets_reaches_the_next_script_with_prisma_and_not_with_doorstep() {
    // With Prisma the result depends on how many migrations one deploy finds pending; with doorstep it does not.
    let project = project()
        .migration("1_a", "CREATE SCHEMA app; SET search_path = app, public; CREATE TABLE a (id integer);")
        .migration("2_b", "CREATE TABLE b (id integer);");
    let place = "SELECT string_agg(schemaname || '.' || tablename, ' ' ORDER BY tablename) FROM pg_tables \
                 WHERE tablename IN ('a', 'b')";
    let (ours, theirs) = (Database::fresh(), Database::fresh());
    run(&project, &ours.url()).code(0);
    deploy(&project, Prisma::Seven, &theirs.url()).code(0);
    assert_eq!((ours.sql(place).as_str(), theirs.sql(place).as_str()), ("app.a public.b", "app.a app.b"));
    prisma_finds_nothing_to_do(&project, Prisma::Seven, &ours.url());
    doorstep_finds_nothing_to_do(&project, &theirs.url());
}

#[test]
fn rows_of_every_kind_mean_the_same_to_both() {
    let names = ["1_finished_and_rolled_back", "2_twice", "3_no_steps", "4_logs", "5_rolled_back", "6_new"];
    let project = names.iter().fold(project(), |project, name| project.migration(name, &note(name)));
    let database = noting();
    run(&project, &database.url()).code(0);
    database.sql(
        "UPDATE _prisma_migrations SET rolled_back_at = now() WHERE migration_name LIKE '1%'; \
         INSERT INTO _prisma_migrations SELECT 'not-a-uuid', checksum, finished_at, migration_name, logs, rolled_back_at, started_at, 1 \
         FROM _prisma_migrations WHERE migration_name LIKE '2%'; \
         UPDATE _prisma_migrations SET applied_steps_count = 0 WHERE migration_name LIKE '3%'; \
         UPDATE _prisma_migrations SET logs = 'text' WHERE migration_name LIKE '4%'; \
         UPDATE _prisma_migrations SET finished_at = NULL, rolled_back_at = now() WHERE migration_name LIKE '5%'; \
         DELETE FROM _prisma_migrations WHERE migration_name LIKE '6%'; TRUNCATE side.seen",
    );
    let runs = "1_finished_and_rolled_back 5_rolled_back 6_new";
    let gone = database.copy();
    gone.sql(
        "UPDATE _prisma_migrations SET migration_name = 'gone', finished_at = NULL WHERE migration_name LIKE '4%'",
    );
    run(&project, &gone.url()).code(65).stderr_has("gone");
    for prisma in Prisma::BOTH {
        let theirs = database.copy();
        deploy(&project, prisma, &theirs.url()).code(0);
        assert_eq!(theirs.sql(ORDER), runs, "{prisma:?}");
        deploy(&project, prisma, &gone.url()).code(1).stderr_has("P3009").stderr_has("gone");
    }
    run(&project, &database.url()).code(0).stderr_has("(3 applied)");
    assert_eq!(database.sql(ORDER), runs);
}

// === Both at once ===

/// A migration that runs until the test opens the gate, and fails if it runs twice.
const GATED: &str = "DO $$ BEGIN WHILE EXISTS (SELECT FROM side.gate) LOOP PERFORM pg_sleep(0.01); END LOOP; END $$;\n\
                     CREATE TABLE once (id integer);\n";

fn gated() -> (Project, Database) {
    let database = Database::fresh();
    database.sql("CREATE SCHEMA side; CREATE TABLE side.gate AS SELECT 1");
    (project().migration("1_once", GATED), database)
}

fn until_it_runs(database: &Database) {
    until("the migration runs", || {
        let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO $$ BEGIN WHILE%' AND state = 'active' \
                       AND datname = current_database()";
        (database.sql(running) == "1").then_some(())
    });
}

const ONCE: &str = "SELECT count(*), count(finished_at), count(logs) FROM _prisma_migrations";

#[test]
fn prisma_waits_while_doorstep_migrates() {
    for prisma in Prisma::BOTH {
        let (project, database) = gated();
        let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
        until_it_runs(&database);
        let other = project.prisma(prisma, &database.url(), &["migrate", "deploy"]).spawn();
        until("Prisma waits for the lock", || {
            let waiting = "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                           WHERE objid = 72707369 AND NOT granted AND datname = current_database()";
            (database.sql(waiting) == "1").then_some(())
        });
        database.sql("DELETE FROM side.gate");
        doorstep.finish("run").code(0).stderr_has("(1 applied)");
        other.finish("migrate deploy").code(0).stdout_has("No pending migrations to apply.");
        assert_eq!(database.sql(ONCE), "1|1|0");
    }
}

#[test]
fn doorstep_waits_while_prisma_migrates() {
    for prisma in Prisma::BOTH {
        let (project, database) = gated();
        let other = project.prisma(prisma, &database.url(), &["migrate", "deploy"]).spawn();
        until_it_runs(&database);
        // A row that is not finished, and a lock that is held: it runs, it has not failed.
        assert_eq!(status(&project, &database.url(), "state"), [("1_once".to_owned(), "running".to_owned())]);
        let mut doorstep = project.doorstep(&database.url(), &["run"]).spawn();
        doorstep.until_stderr("waiting for the migration lock");
        database.sql("DELETE FROM side.gate");
        other.finish("migrate deploy").code(0);
        doorstep.finish("run").code(0).stderr_has("(0 applied)");
        assert_eq!(database.sql(ONCE), "1|1|0");
    }
}

#[test]
fn both_tools_in_two_versions_at_once_all_succeed() {
    let names = ["1_a", "2_b", "3_c"];
    let project = names.iter().fold(project(), |project, name| {
        project.migration(name, &format!("CREATE TABLE \"{name}\" (id integer); {}", note(name)))
    });
    let database = noting();
    let url = database.url();
    let mut all: Vec<Running> =
        Prisma::BOTH.map(|prisma| project.prisma(prisma, &url, &["migrate", "deploy"]).spawn()).into();
    all.extend((0..2).map(|_| project.doorstep(&url, &["run"]).spawn()));
    for one in all {
        one.finish("one of four").code(0);
    }
    assert_eq!(database.sql(ORDER), "1_a 2_b 3_c");
    assert_eq!(database.sql(ONCE), "3|3|0");
}

#[test]
fn four_at_once_on_a_database_that_does_not_exist_all_succeed() {
    // Of four Prisma processes one succeeds; the others fail because the database exists already (P1009).
    let project = project().migration("1_a", "CREATE TABLE a (id integer);").migration("2_b", "SELECT pg_sleep(0.1);");
    let database = Database::absent();
    let four: Vec<Running> = (0..4).map(|_| project.doorstep(&database.url(), &["run"]).spawn()).collect();
    for one in four {
        one.finish("run").code(0);
    }
    assert_eq!(database.sql(ONCE), "2|2|0");
    for prisma in Prisma::BOTH {
        prisma_finds_nothing_to_do(&project, prisma, &database.url());
    }
}

#[test]
fn a_database_that_prisma_creates_is_like_one_that_doorstep_creates() {
    let project = project().migration("1_a", "CREATE TABLE a (id integer);");
    let (ours, theirs) = (Database::absent(), Database::absent());
    run(&project, &ours.url()).code(0);
    deploy(&project, Prisma::Seven, &theirs.url()).code(0);
    let look = |database: &Database| {
        let sql = "SELECT pg_encoding_to_char(encoding), datcollate, datctype, datdba::regrole, datacl, datconnlimit \
                   FROM pg_database WHERE datname = ";
        psql(shared_port(), "postgres", &format!("{sql}'{}'", database.name))
    };
    assert_eq!(look(&ours), look(&theirs));
}

// === The folder ===

#[test]
fn migrations_run_in_prismas_order_with_a_warning_where_the_order_of_bytes_differs() {
    let names = [
        "20240101",
        "20240101120000_add",
        "202401011200_y",
        "20240101_init",
        "20240102000000_x",
        "-dash",
        "0_init",
        "10_b",
        "1_A",
        "1_a",
        "1_a-b",
        "1_a.b",
        "2_c",
        "A_upper",
        "_under",
        "a_lower",
        "Z",
    ];
    let project = names.iter().fold(project(), |project, name| project.migration(name, &note(name)));
    let database = noting();
    let ours = database.copy();
    run(&project, &ours.url()).code(0).stderr_has("the order of migration names depends on the Prisma version");
    for prisma in Prisma::BOTH {
        let theirs = database.copy();
        deploy(&project, prisma, &theirs.url()).code(0);
        assert_eq!(ours.sql(ORDER), theirs.sql(ORDER), "{prisma:?}");
    }
    let usual = Project::with_two();
    run(&usual, &Database::fresh().url()).code(0).stderr_lacks("the order of migration names");
}

/// Prisma's order is JavaScript's `localeCompare`: ask JavaScript itself.
fn by_locale_compare(project: &Project) -> Vec<String> {
    let script = "const names = require('fs').readdirSync(process.argv[1], { withFileTypes: true })\
                  .filter(entry => entry.isDirectory()).map(entry => entry.name);\
                  console.log(names.sort((a, b) => a.localeCompare(b)).join('\\n'))";
    let node = Command::new("node").args(["-e", script]).arg(project.path("prisma/migrations")).output().unwrap();
    assert!(node.status.success(), "{}", String::from_utf8_lossy(&node.stderr));
    String::from_utf8(node.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn names_of_any_ascii_characters_sort_as_locale_compare_does() {
    let characters: Vec<char> = (' '..='~').filter(|character| *character != '/').collect();
    let mut names: Vec<String> = characters.iter().map(|character| format!("{character}x")).collect();
    // A fixed sequence of arbitrary numbers (Knuth's generator), for names with several odd places.
    let mut state = 1_u64;
    let mut any = |count: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % count
    };
    for _ in 0..400 {
        let length = 1 + any(5);
        let name: String =
            (0..length).map(|_| ['a', 'A', 'b', '_', '-', '1', '2', characters[any(94)]][any(8)]).collect();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    names.sort();
    names.dedup();
    let project = names.iter().fold(project(), |project, name| project.migration(name, ""));
    let theirs = by_locale_compare(&project);
    let ours: Vec<String> =
        status(&project, &Database::fresh().url(), "state").into_iter().map(|(name, _)| name).collect();
    for (index, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert_eq!(ours, theirs, "place {index} of {}", names.len());
    }
    assert_eq!(ours.len(), names.len());
}

#[test]
fn names_of_other_letters_sort_as_locale_compare_does_or_with_a_warning() {
    for names in [&["né_1", "ne_2"][..], &["Über", "über_a", "ubes"], &["straße_1", "strasse_2"], &["Б", "а", "б", "я"]]
    {
        let project = names.iter().fold(project(), |project, name| project.migration(name, ""));
        let output = project.doorstep(&Database::fresh().url(), &["status", "--format", "json"]).run().code(0);
        let status: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        let ours: Vec<&str> =
            status["migrations"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
        let warned = output.stderr.contains("the order of migration names");
        assert!(warned || ours == by_locale_compare(&project), "silently in another order: {ours:?}");
    }
}

#[test]
fn a_file_is_edited_for_doorstep_exactly_where_it_is_edited_for_prisma() {
    // Every form of one script, recorded with the checksum of every other form, and with malformed checksums.
    let forms = [
        ("lf", "SELECT\n1;\n"),
        ("crlf", "SELECT\r\n1;\r\n"),
        ("mixed", "SELECT\r\n1;\n"),
        ("bare", "SELECT 1;"),
        ("cr", "SELECT\r1;\r"),
    ];
    let checksums = forms.map(|(form, script)| (form, format!("encode(sha256('{}'), 'hex')", bytea(script))));
    let legacy = forms.map(|(form, script)| {
        let unpadded = "(SELECT string_agg(to_hex(get_byte(hash, at)), '' ORDER BY at) FROM generate_series(0, 31) at)";
        (form, format!("(SELECT {unpadded} FROM (SELECT sha256('{}') AS hash) AS s)", bytea(script)))
    });
    let mut recorded: Vec<(String, String)> = Vec::new();
    recorded.extend(checksums.iter().map(|(form, sum)| (format!("as_{form}"), sum.clone())));
    recorded.extend(legacy.iter().map(|(form, sum)| (format!("as_legacy_{form}"), sum.clone())));
    recorded.push(("as_upper".to_owned(), format!("upper({})", checksums[0].1)));
    recorded.push(("as_nothing".to_owned(), "''".to_owned()));
    let (mut project, mut update) = (project(), String::new());
    for (form, script) in forms {
        for (sum, expression) in &recorded {
            let name = format!("{form}_{sum}");
            project = project.migration(&name, script);
            update +=
                &format!("UPDATE _prisma_migrations SET checksum = {expression} WHERE migration_name = '{name}';");
        }
    }
    let database = Database::fresh();
    run(&project, &database.url()).code(0);
    database.sql(&update);
    let entries = status(&project, &database.url(), "checksum_matches");
    let ours: Vec<String> =
        entries.into_iter().filter(|(_, matches)| matches == "false").map(|(name, _)| name).collect();
    assert!(!ours.is_empty());
    for prisma in Prisma::BOTH {
        assert_eq!(ours, diagnosis(&project, prisma, &database.url(), "editedMigrationNames"), "{prisma:?}");
    }
}

/// A literal of type bytea.
fn bytea(text: &str) -> String {
    text.bytes().fold("\\x".to_owned(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[test]
fn a_file_that_is_not_utf_8_has_the_same_checksum_and_effect() {
    let project = project().migration("1_a", "");
    let script = b"CREATE TABLE a AS SELECT '\xff\xfe\xe4'::text AS t;\n";
    std::fs::write(project.path("prisma/migrations/1_a/migration.sql"), script).unwrap();
    let ours = Database::fresh();
    run(&project, &ours.url()).code(0);
    for prisma in Prisma::BOTH {
        let theirs = Database::fresh();
        deploy(&project, prisma, &theirs.url()).code(0);
        assert_eq!(ours.sql(ROWS), theirs.sql(ROWS), "{prisma:?}");
        assert_eq!(ours.sql("SELECT t FROM a"), theirs.sql("SELECT t FROM a"), "{prisma:?}");
    }
}

#[test]
fn a_byte_order_mark_that_prisma_chokes_on_is_not_sent_but_hashed() {
    let project = project().migration("1_bom", "\u{feff}CREATE TABLE bom (id integer);\n");
    let database = Database::fresh();
    run(&project, &database.url()).code(0).stderr_has("(1 applied)");
    for prisma in Prisma::BOTH {
        prisma_finds_nothing_to_do(&project, prisma, &database.url());
        assert!(diagnosis(&project, prisma, &database.url(), "editedMigrationNames").is_empty(), "{prisma:?}");
        let theirs = Database::fresh();
        deploy(&project, prisma, &theirs.url()).code(1).stderr_has("syntax error");
        resolve(&project, prisma, &theirs.url(), "--rolled-back", "1_bom").code(0);
        run(&project, &theirs.url()).code(0).stderr_has("(1 applied)");
        let sum = "SELECT DISTINCT checksum FROM _prisma_migrations";
        assert_eq!(database.sql(sum), theirs.sql(sum), "{prisma:?}");
    }
}

#[test]
fn a_pending_folder_without_its_file_stops_doorstep_before_and_prisma_after_the_earlier_ones() {
    let project = project().migration("1_a", "CREATE TABLE a (id integer);").migration("3_c", "SELECT 1;");
    std::fs::create_dir(project.path("prisma/migrations/2_lost")).unwrap();
    let ours = Database::fresh();
    run(&project, &ours.url()).code(65).stderr_has("2_lost has no file migration.sql");
    assert_eq!(ours.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    for prisma in Prisma::BOTH {
        let theirs = Database::fresh();
        deploy(&project, prisma, &theirs.url()).code(1).stderr_has("P3015");
        assert_eq!(theirs.sql("SELECT string_agg(migration_name, ' ') FROM _prisma_migrations"), "1_a", "{prisma:?}");
        run(&project, &theirs.url()).code(65).stderr_has("2_lost has no file migration.sql");
    }
}

#[test]
fn an_applied_folder_without_its_file_stops_neither() {
    let project = project().migration("1_a", "CREATE TABLE a (id integer);").migration("2_lost", "SELECT 1;");
    let database = Database::fresh();
    run(&project, &database.url()).code(0);
    std::fs::remove_file(project.path("prisma/migrations/2_lost/migration.sql")).unwrap();
    for prisma in Prisma::BOTH {
        prisma_finds_nothing_to_do(&project, prisma, &database.url());
    }
    run(&project, &database.url()).code(0).stderr_has("2_lost");
    project.write("prisma/migrations/3_c/migration.sql", "CREATE TABLE c (id integer);");
    run(&project, &database.url()).code(0).stderr_has("(1 applied)");
}

#[test]
fn the_lock_file_stops_both_before_anything_is_written() {
    let project = project().migration("1_a", "CREATE TABLE a (id integer);");
    let database = Database::fresh();
    let lock = |text: &str| project.write("prisma/migrations/migration_lock.toml", text);
    for text in ["provider = \"mysql\"\n", "", "# provider = \"postgresql\"\n", "provider = \"cockroachdb\"\n"] {
        lock(text);
        run(&project, &database.url()).code(65).stderr_has("written for");
        deploy(&project, Prisma::Seven, &database.url()).code(1).stderr_has("P3019");
    }
    deploy(&project, Prisma::Six, &database.url()).code(1).stderr_has("P3019");
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    // Prisma searches for a line, doorstep parses TOML: syntax that only TOML allows does not stop a start.
    lock("provider = 'postgresql' # ours\n");
    run(&project, &database.url()).code(0);
    deploy(&project, Prisma::Seven, &database.url()).code(1).stderr_has("P3019");
    lock("# Please do not edit this file manually\r\nprovider = \"postgresql\"\r\nmore = 1\r\n");
    doorstep_finds_nothing_to_do(&project, &database.url());
    prisma_finds_nothing_to_do(&project, Prisma::Seven, &database.url());
    std::fs::remove_file(project.path("prisma/migrations/migration_lock.toml")).unwrap();
    doorstep_finds_nothing_to_do(&project, &database.url());
    prisma_finds_nothing_to_do(&project, Prisma::Six, &database.url());
}

#[test]
fn a_linked_folder_is_no_migration_and_a_linked_file_is_one() {
    use std::os::unix::fs::symlink;
    let project = project()
        .migration("1_real", "CREATE TABLE real (id integer);")
        .file("elsewhere/migration.sql", "CREATE TABLE linked (id integer);")
        .file("prisma/migrations/2_file/notes.txt", "");
    symlink(project.path("elsewhere"), project.path("prisma/migrations/3_folder")).unwrap();
    symlink("../../../elsewhere/migration.sql", project.path("prisma/migrations/2_file/migration.sql")).unwrap();
    let ours = Database::fresh();
    run(&project, &ours.url()).code(0).stderr_has("(2 applied)");
    for prisma in Prisma::BOTH {
        let theirs = Database::fresh();
        deploy(&project, prisma, &theirs.url()).code(0);
        assert_eq!(ours.sql(ROWS), theirs.sql(ROWS), "{prisma:?}");
    }
}

// === Where the history is ===

#[test]
fn a_diverged_history_stops_doorstep_where_prisma_goes_on() {
    let whole = Project::with_two();
    let database = Database::fresh();
    run(&whole, &database.url()).code(0);
    let other = project()
        .migration("1_users", "CREATE TABLE users (id integer PRIMARY KEY);\n")
        .migration("3_new", "SELECT 1;");
    run(&other, &database.url()).code(65).stderr_has("have diverged");
    for prisma in Prisma::BOTH {
        let copy = database.copy();
        deploy(&other, prisma, &copy.url()).code(0).stdout_has("3_new");
        // Nothing is pending then: doorstep reports "ahead", and starts.
        run(&other, &copy.url()).code(0).stderr_has("ahead of this image");
    }
}

#[test]
fn a_schema_in_the_url_holds_the_history_and_the_tables_of_both() {
    let project = project().migration("1_a", "CREATE TABLE a (id integer);").migration("2_b", "CREATE TABLE b ();");
    let place = "SELECT string_agg(schemaname || '.' || tablename, ' ' ORDER BY 1) FROM pg_tables \
                 WHERE tablename IN ('a', 'b', '_prisma_migrations')";
    for prisma in Prisma::BOTH {
        for (encoded, schema) in [("app", "app"), ("My%20App", "My App")] {
            let (ours, theirs) = (Database::fresh(), Database::fresh());
            let url = |database: &Database| format!("{}?schema={encoded}", database.url());
            run(&project, &url(&ours)).code(0);
            prisma_finds_nothing_to_do(&project, prisma, &url(&ours));
            deploy(&project, prisma, &url(&theirs)).code(0);
            doorstep_finds_nothing_to_do(&project, &url(&theirs));
            assert_eq!(ours.sql(place), theirs.sql(place), "{prisma:?}");
            let rows = ROWS.replace("_prisma_migrations", &format!("\"{schema}\"._prisma_migrations"));
            assert_eq!(ours.sql(&rows), theirs.sql(&rows), "{prisma:?}");
        }
    }
}

#[test]
fn a_schema_named_like_the_role_holds_the_history_of_both() {
    let project = project().migration("1_a", "CREATE TABLE a (id integer);");
    let place = "SELECT string_agg(format('%s %s', tablename, schemaname LIKE 'r\\_%'), ',' ORDER BY 1) FROM pg_tables \
                 WHERE tablename IN ('a', '_prisma_migrations')";
    for prisma in Prisma::BOTH {
        let (ours, theirs) = (Database::fresh(), Database::fresh());
        for database in [&ours, &theirs] {
            let role = database.role("");
            database.sql(&format!("CREATE SCHEMA AUTHORIZATION {role}"));
            let url = database.url_as(&role);
            if database.name == ours.name {
                run(&project, &url).code(0);
            } else {
                deploy(&project, prisma, &url).code(0);
            }
            doorstep_finds_nothing_to_do(&project, &url);
            // Prisma looks for the table in `public` only, and fails.
            deploy(&project, prisma, &url).code(1).stderr_has("already exists");
            assert_eq!(database.sql(place), "_prisma_migrations t,a t", "{prisma:?}");
            let everything = format!("DROP OWNED BY {role}; DROP ROLE {role}");
            database.sql(&everything);
        }
    }
}

#[test]
fn a_search_path_that_a_dump_left_behind_breaks_prisma_and_not_doorstep() {
    let project = project()
        .migration(
            "1_baseline",
            "SELECT pg_catalog.set_config('search_path', '', false);\nCREATE TABLE public.a (id integer);\n",
        )
        .migration("2_b", "CREATE TABLE b (id integer);");
    let ours = Database::fresh();
    run(&project, &ours.url()).code(0).stderr_has("(2 applied)");
    assert_eq!(ours.sql("SELECT to_regclass('public.b') IS NOT NULL"), "t");
    for prisma in Prisma::BOTH {
        prisma_finds_nothing_to_do(&project, prisma, &ours.url());
        let theirs = Database::fresh();
        deploy(&project, prisma, &theirs.url()).code(1).stderr_has("_prisma_migrations");
        // The objects exist, but no record of them: doorstep reports what exists.
        assert_eq!(theirs.sql("SELECT to_regclass('public.a') IS NOT NULL"), "t");
        deploy(&project, prisma, &theirs.url()).code(1).stderr_has("P3009");
        run(&project, &theirs.url()).code(65).stderr_has("table public.a: exists");
        project.doorstep(&theirs.url(), &["resolve", "--applied", "1_baseline"]).run().code(0);
        run(&project, &theirs.url()).code(0).stderr_has("(1 applied)");
        prisma_finds_nothing_to_do(&project, prisma, &theirs.url());
    }
}

#[test]
fn a_schema_that_exists_is_not_created_again_by_a_role_that_may_not_create_schemas() {
    // What Prisma 6.13, 6.14, 6.19.3 and 7 write at the head of a first migration.
    let script =
        "-- CreateSchema\nCREATE SCHEMA IF NOT EXISTS \"public\";\n\n-- CreateTable\nCREATE TABLE a (id integer);\n";
    let project = project().migration("1_init", script);
    let (ours, as_owner) = (Database::fresh(), Database::fresh());
    let limited = |database: &Database| {
        let role = database.role("");
        database.sql(&format!("GRANT CREATE, USAGE ON SCHEMA public TO {role}"));
        (database.url_as(&role), format!("DROP OWNED BY {role}; DROP ROLE {role}"))
    };
    let (url, clean) = limited(&ours);
    run(&project, &url).code(0).stderr_has("(1 applied)");
    run(&project, &as_owner.url()).code(0);
    assert_eq!(ours.sql(ROWS), as_owner.sql(ROWS));
    for prisma in Prisma::BOTH {
        prisma_finds_nothing_to_do(&project, prisma, &url);
        let theirs = Database::fresh();
        let (url, clean) = limited(&theirs);
        deploy(&project, prisma, &url).code(1).stderr_has("permission denied for database");
        theirs.sql(&clean);
    }
    ours.sql(&clean);
}

#[test]
fn what_counts_as_a_strangers_table_is_the_same_for_both() {
    let project = project().migration("1_a", "CREATE TABLE a (id integer);");
    let harmless = Database::fresh();
    harmless.sql(
        "CREATE VIEW v AS SELECT 1 AS one; CREATE MATERIALIZED VIEW m AS SELECT 1 AS one; CREATE SEQUENCE s; \
         CREATE TYPE e AS ENUM ('a'); CREATE DOMAIN d AS text; CREATE TABLE spatial_ref_sys (); CREATE SCHEMA other; \
         CREATE TABLE other.theirs (); CREATE TABLE parent (id integer) PARTITION BY LIST (id); \
         CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    );
    for prisma in Prisma::BOTH {
        deploy(&project, prisma, &harmless.copy().url()).code(0);
    }
    run(&project, &harmless.url()).code(0).stderr_has("(1 applied)");
    for stranger in ["CREATE TABLE flyway_schema_history ()", "CREATE UNLOGGED TABLE u ()", "CREATE TABLE _other ()"] {
        let database = Database::fresh();
        database.sql(stranger);
        run(&project, &database.url()).code(65).stderr_has("no _prisma_migrations");
        deploy(&project, Prisma::Seven, &database.url()).code(1).stderr_has("P3005");
    }
}

#[test]
fn a_folder_squashed_as_prisma_documents_it_goes_on_with_both() {
    // https://www.prisma.io/docs/orm/prisma-migrate/workflows/squashing-migrations: the old rows stay for ever.
    let squashed =
        project().migration("0_squashed", "CREATE TABLE users (id integer); CREATE TABLE posts (id integer);\n");
    let database = Database::fresh();
    run(&Project::with_two(), &database.url()).code(0);
    resolve(&squashed, Prisma::Seven, &database.url(), "--applied", "0_squashed").code(0);
    doorstep_finds_nothing_to_do(&squashed, &database.url());
    let next = squashed.migration("3_next", "SELECT 1;");
    let copy = database.copy();
    deploy(&next, Prisma::Seven, &copy.url()).code(0).stdout_has("3_next");
    run(&next, &database.url()).code(0).stderr_has("(1 applied)");
}

#[test]
fn a_migration_that_creates_a_schema_of_the_schema_file_finds_it_absent() {
    let schema = "datasource db {\n  provider = \"postgresql\"\n  url      = env(\"DATABASE_URL\")\n  schemas  = [\"app\", \"public\"]\n}\n";
    let project = Project::new()
        .file("prisma/schema.prisma", schema)
        .migration("1_a", "CREATE SCHEMA \"app\";\nCREATE TABLE app.a (id integer);\n");
    let theirs = Database::fresh();
    deploy(&project, Prisma::Seven, &theirs.url()).code(0);
    let ours = Database::fresh();
    run(&project, &ours.url()).code(0).stderr_has("(1 applied)");
    assert_eq!(ours.sql(ROWS), theirs.sql(ROWS));
}
