//! `CREATE INDEX CONCURRENTLY` without a name, which the server names: what an interrupted one has left is found and dropped,
//! one that was built is not built twice, and what is not certain to be the statement's own stays.

use crate::support::running_migration::{backend, exists, gone, kill, prisma_begins, rows, terminate, with_t, writer};
use crate::support::{Database, Project};

const BUILD_WAITS: &str = "upper(query) LIKE 'CREATE%INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'";

/// The table `app."Stock"` with three rows, and this pending script.
fn with_stock(script: &str) -> (Database, Project) {
    let (database, project) = with_t(script);
    database.sql(
        "CREATE SCHEMA app; CREATE TABLE app.\"Stock\" (sku varchar(40), place text, amount integer); \
         INSERT INTO app.\"Stock\" VALUES ('a', 'x', 1), ('b', 'x', 2), ('c', 'y', 3)",
    );
    (database, project)
}

/// The indexes of `app."Stock"`, one a line, with what they are and whether they are valid.
fn indexes(database: &Database) -> String {
    database.sql(
        "SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid \
         WHERE i.indrelid = 'app.\"Stock\"'::regclass ORDER BY c.relname",
    )
}

/// Starts doorstep, and ends it (by this signal, or with its backend where it is KILL) while its build waits for a writer.
fn interrupt(database: &Database, project: &Project, signal: &str) {
    let (_session, blocker) = writer(database, "app.\"Stock\"", "SELECT 1");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = backend(database, BUILD_WAITS);
    if signal == "KILL" {
        kill(doorstep);
        terminate(database, &pid);
    } else {
        doorstep.signal(signal);
        doorstep.finish("run").code(143).stderr_has("the next start goes on there");
    }
    terminate(database, &blocker);
}

/// A start whose client dies while its build waits, which the server then completes.
fn built_without_its_client(database: &Database, project: &Project) {
    let (_session, blocker) = writer(database, "app.\"Stock\"", "SELECT 1");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    let pid = backend(database, BUILD_WAITS);
    kill(doorstep);
    terminate(database, &blocker);
    gone(database, &pid);
}

/// A build by hand whose backend ends while it waits for a writer.
fn interrupted_by_hand(database: &Database, sql: &str) {
    let (_session, blocker) = writer(database, "app.\"Stock\"", "SELECT 1");
    let _builder = database.session(sql);
    let pid = backend(database, BUILD_WAITS);
    terminate(database, &pid);
    terminate(database, &blocker);
}

/// A build by hand that fails, and leaves an INVALID index.
fn fails_by_hand(database: &Database, index: &str) {
    let sql = format!("CREATE UNIQUE INDEX CONCURRENTLY {index}");
    database.session(&sql).finish("psql").code(1).stderr_has("could not create unique index");
}

#[test]
fn what_an_interrupted_build_left_is_dropped_and_built_again_in_each_form() {
    for (signal, build, name) in [
        ("KILL", "CREATE INDEX CONCURRENTLY ON app.\"Stock\" (sku)", "Stock_sku_idx"),
        ("TERM", "CREATE INDEX CONCURRENTLY ON app.\"Stock\" (place, amount DESC)", "Stock_place_amount_idx"),
        ("TERM", "create unique index concurrently on only app.\"Stock\" using btree (sku) -- one\n", "Stock_sku_idx"),
        ("KILL", "CREATE INDEX CONCURRENTLY ON app.\"Stock\" (lower(sku)) WHERE place = 'x'", "Stock_lower_idx"),
        ("TERM", "CREATE INDEX CONCURRENTLY ON app.\"Stock\" USING hash (place)", "Stock_place_idx"),
        (
            "KILL",
            "CREATE INDEX CONCURRENTLY ON app.\"Stock\" ((amount + 1), (\"Stock\".amount)) INCLUDE (place) WITH (fillfactor = 70)",
            "Stock_expr_amount_place_idx",
        ),
    ] {
        let (database, project) =
            with_stock(&format!("INSERT INTO t VALUES (2);\n{build};\nINSERT INTO t VALUES (3);\n"));
        interrupt(&database, &project, signal);
        assert_eq!(indexes(&database), format!("{name}|f"), "{build}");
        let status = project.doorstep(&database.url(), &["status"]).run().code(0);
        status.stdout_has("the next start goes on with statement 2");
        let output = project.doorstep(&database.url(), &["run"]).run().code(0);
        output.stderr_has(&format!("dropped the INVALID index app.{name}")).stderr_has("it goes on with statement 2");
        assert_eq!(indexes(&database), format!("{name}|t"), "{build}");
        assert_eq!(database.sql("SELECT string_agg(a::text, ',' ORDER BY a) FROM t"), "1,1,2,3", "{build}");
        assert_eq!(rows(&database, "2_x"), "t|f|1", "{build}");
    }
}

#[test]
fn a_file_with_nothing_else_goes_on_too_also_one_that_the_original_tool_began() {
    let build = "CREATE INDEX CONCURRENTLY ON app.\"Stock\" (place);";
    for by_prisma in [false, true] {
        let (database, project) = with_stock(build);
        if by_prisma {
            prisma_begins(&database, "2_x", build);
            interrupted_by_hand(&database, build);
        } else {
            interrupt(&database, &project, "KILL");
        }
        assert_eq!(indexes(&database), "Stock_place_idx|f");
        let output = project.doorstep(&database.url(), &["run"]).run().code(0);
        output.stderr_has("dropped the INVALID index app.Stock_place_idx");
        assert_eq!((indexes(&database), rows(&database, "2_x")), ("Stock_place_idx|t".into(), "t|f|1".into()));
    }
}

#[test]
fn several_of_the_same_in_one_file_are_told_apart_and_a_shortage_leaves_at_most_one_invalid() {
    let one = "CREATE INDEX CONCURRENTLY ON app.\"Stock\" (side.costly(amount));\n";
    let (database, project) = with_stock(&format!("{one}{one}{one}"));
    // No place while so many of the indexes are built.
    database.sql(
        "CREATE TABLE side.full (built integer); CREATE FUNCTION side.costly(integer) RETURNS integer IMMUTABLE \
         LANGUAGE plpgsql AS $$ BEGIN IF (SELECT count(*) FROM pg_catalog.pg_index WHERE indisvalid AND indrelid = \
         'app.\"Stock\"'::regclass) = (SELECT max(built) FROM side.full) THEN RAISE EXCEPTION 'no place' USING ERRCODE = '53100'; \
         END IF; RETURN $1; END $$",
    );
    for built in 0..3 {
        database.sql(&format!("INSERT INTO side.full VALUES ({built})"));
        let output = project.doorstep(&database.url(), &["run", "--migration-lock-timeout", "900ms"]).run().code(69);
        let output = output.stderr_has("dropped the INVALID index").stderr_has("is tried again");
        output.stderr_has("an INVALID index is left; the next attempt drops it");
        let counts = "SELECT count(*) FILTER (WHERE indisvalid), count(*) FILTER (WHERE NOT indisvalid) FROM pg_index \
                      WHERE indrelid = 'app.\"Stock\"'::regclass";
        assert_eq!(database.sql(counts), format!("{built}|1"));
        assert_eq!(rows(&database, "2_x"), format!("f|f|{built}"));
    }
    database.sql("INSERT INTO side.full VALUES (9)");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("it goes on with statement 3");
    assert_eq!(indexes(&database), "Stock_costly_idx|t\nStock_costly_idx1|t\nStock_costly_idx2|t");
    assert_eq!(rows(&database, "2_x"), "t|f|1");
}

#[test]
fn an_index_that_was_built_after_its_client_died_is_not_built_twice() {
    for (build, after, name) in [
        ("CREATE INDEX CONCURRENTLY ON app.\"Stock\" (place)", "INSERT INTO t VALUES (4);\n", "Stock_place_idx"),
        // The server writes casts that the text lacks.
        ("CREATE INDEX CONCURRENTLY ON app.\"Stock\" (upper(sku)) WHERE sku <> 'z'", "", "Stock_upper_idx"),
    ] {
        let (database, project) = with_stock(&format!("{build};\n{after}"));
        built_without_its_client(&database, &project);
        let output = project.doorstep(&database.url(), &["run"]).run().code(0);
        output.stderr_has(&format!("the index app.{name} is there: an earlier try has built it"));
        assert_eq!(indexes(&database), format!("{name}|t"), "{build}");
        assert_eq!(database.sql("SELECT count(*) FROM t WHERE a = 4"), after.lines().count().to_string());
        assert_eq!(rows(&database, "2_x"), "t|f|1");
    }
}

#[test]
fn what_is_not_the_statements_own_stays() {
    let (database, project) = with_stock("SELECT 1;\nCREATE INDEX CONCURRENTLY ON app.\"Stock\" (place);\n");
    // Before the row: the server takes the next name.
    interrupted_by_hand(&database, "CREATE INDEX CONCURRENTLY ON app.\"Stock\" (place)");
    interrupt(&database, &project, "TERM");
    assert_eq!(indexes(&database), "Stock_place_idx|f\nStock_place_idx1|f");
    // After it: another order, uniqueness, condition or name.
    let foreign = ["(place DESC)", "(place text_pattern_ops)", "(place) WHERE amount > 1"];
    for index in foreign {
        interrupted_by_hand(&database, &format!("CREATE INDEX CONCURRENTLY ON app.\"Stock\" {index}"));
    }
    fails_by_hand(&database, "ON app.\"Stock\" (place)");
    interrupted_by_hand(&database, "CREATE INDEX CONCURRENTLY mine ON app.\"Stock\" (place)");
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    let output = output.stderr_has("dropped the INVALID index app.Stock_place_idx1");
    let output = output.stderr_has("the INVALID index app.Stock_place_idx stays: it was there before");
    assert_eq!(output.stderr.matches("dropped the INVALID index").count(), 1, "{}", output.stderr);
    assert_eq!(indexes(&database).matches("|f").count(), 6, "{}", indexes(&database));
    assert!(indexes(&database).contains("Stock_place_idx1|t"), "{}", indexes(&database));
    // The command that it names works.
    let (_, sql) = output.stderr.split_once("if no session builds it: ").unwrap();
    database.sql(sql.split_once(';').unwrap().0);
    assert!(!exists(&database, "app.\"Stock_place_idx\""));
}

/// The statements that a message tells a person to run.
fn told(stderr: &str) -> Vec<&str> {
    let begins = |line: &&str| line.trim_start().starts_with("DROP INDEX CONCURRENTLY");
    let lines = stderr.lines().filter(begins).map(|line| line.split_once(';').unwrap().0.trim());
    let mut lines: Vec<&str> = lines.collect();
    lines.dedup();
    lines
}

#[test]
fn two_that_may_be_it_stop_the_start_which_names_them_and_what_drops_them() {
    for by_hand_is_valid in [false, true] {
        let (database, project) =
            with_stock("SELECT 1;\nCREATE INDEX CONCURRENTLY ON app.\"Stock\" (place);\nSELECT 2;\n");
        interrupt(&database, &project, "KILL");
        let by_hand = "CREATE INDEX CONCURRENTLY ON app.\"Stock\" (place)";
        if by_hand_is_valid {
            database.sql(by_hand);
        } else {
            interrupted_by_hand(&database, by_hand);
        }
        let both = indexes(&database);
        let state = if by_hand_is_valid { "valid" } else { "INVALID" };
        let output = project.doorstep(&database.url(), &["run"]).run().code(65);
        let output = output.stderr_has("2_x cannot go on").stderr_has("app.Stock_place_idx: INVALID");
        let output = output.stderr_has(&format!("app.Stock_place_idx1: {state}"));
        assert_eq!((indexes(&database), rows(&database, "2_x")), (both, "f|f|1".into()));
        let commands = told(&output.stderr);
        assert_eq!(commands.len(), if by_hand_is_valid { 1 } else { 2 }, "{}", output.stderr);
        for sql in commands {
            database.sql(sql);
        }
        project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("it goes on with statement 2");
        let left = if by_hand_is_valid { "Stock_place_idx1|t" } else { "Stock_place_idx|t" };
        assert_eq!((indexes(&database), rows(&database, "2_x")), (left.into(), "t|f|1".into()));
    }
}

#[test]
fn a_role_that_may_not_compare_the_definitions_is_told_what_to_do() {
    let (database, project) = with_stock("CREATE INDEX CONCURRENTLY ON app.\"Stock\" (place);\n");
    let role = database.role("");
    database.sql(&format!(
        "REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC; ALTER SCHEMA app OWNER TO {role}; \
         ALTER TABLE app.\"Stock\" OWNER TO {role}; ALTER TABLE t OWNER TO {role}; ALTER TABLE _prisma_migrations OWNER TO {role}",
        database.name
    ));
    interrupt(&database, &project, "KILL");
    let output = project.doorstep(&database.url_as(&role), &["run"]).run().code(65);
    let output =
        output.stderr_has("their definitions could not be compared: permission denied to create temporary tables");
    for sql in told(&output.stderr) {
        database.sql(sql);
    }
    project.doorstep(&database.url_as(&role), &["run"]).run().code(0);
    assert_eq!(indexes(&database), "Stock_place_idx|t");
}

#[test]
fn a_script_with_a_role_and_a_search_path_of_its_own_goes_on() {
    let role = Database::fresh().role("");
    let script = format!(
        "SET search_path = app;\nSET ROLE {role};\nCREATE INDEX CONCURRENTLY ON \"Stock\" (place);\nRESET ROLE;\n"
    );
    let (database, project) = with_stock(&script);
    database.sql(&format!("ALTER SCHEMA app OWNER TO {role}; ALTER TABLE app.\"Stock\" OWNER TO {role}"));
    interrupt(&database, &project, "TERM");
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    output.stderr_has("dropped the INVALID index app.Stock_place_idx");
    assert_eq!((indexes(&database), rows(&database, "2_x")), ("Stock_place_idx|t".into(), "t|f|1".into()));
    database.sql(&format!("REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_script_with_a_role_of_its_own_goes_on_behind_an_index_that_is_built() {
    let role = Database::fresh().role("");
    let script = format!(
        "SET search_path = app;\nSET ROLE {role};\nCREATE INDEX CONCURRENTLY ON \"Stock\" (place);\nCREATE TABLE after ();\n"
    );
    let (database, project) = with_stock(&script);
    database.sql(&format!("ALTER SCHEMA app OWNER TO {role}; ALTER TABLE app.\"Stock\" OWNER TO {role}"));
    built_without_its_client(&database, &project);
    let output = project.doorstep(&database.url(), &["run"]).run().code(0);
    output.stderr_has("the index app.Stock_place_idx is there: an earlier try has built it");
    assert_eq!((indexes(&database), rows(&database, "2_x")), ("Stock_place_idx|t".into(), "t|f|1".into()));
    let owner = "SELECT schemaname, tableowner FROM pg_tables WHERE tablename = 'after'";
    assert_eq!(database.sql(owner), format!("app|{role}"));
    database.sql(&format!("REASSIGN OWNED BY {role} TO postgres; DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_build_that_fails_of_its_rows_takes_its_index_with_it() {
    let (database, project) = with_stock("CREATE UNIQUE INDEX CONCURRENTLY ON app.\"Stock\" (place);\n");
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    output.stderr_has("(23505)").stderr_has("the INVALID index that it left was dropped: app.Stock_place_idx");
    assert_eq!((indexes(&database), rows(&database, "2_x")), (String::new(), "f|f|0".into()));
    database.sql("UPDATE app.\"Stock\" SET place = 'z' WHERE sku = 'a'");
    project.doorstep(&database.url(), &["resolve", "--rolled-back", "2_x"]).run().code(0);
    project.doorstep(&database.url(), &["run"]).run().code(0);
    assert_eq!(indexes(&database), "Stock_place_idx|t");
}

#[test]
fn after_a_resolve_an_index_of_the_earlier_try_stops_the_start() {
    let (database, project) = with_stock("SELECT 1;\nCREATE INDEX CONCURRENTLY ON app.\"Stock\" (place);\n");
    interrupt(&database, &project, "KILL");
    project.doorstep(&database.url(), &["resolve", "--rolled-back", "2_x"]).run().code(0);
    let output = project.doorstep(&database.url(), &["run"]).run().code(65);
    let output = output.stderr_has("app.Stock_place_idx: INVALID, made before");
    for sql in told(&output.stderr) {
        database.sql(sql);
    }
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("it goes on with statement 2");
    assert_eq!(indexes(&database), "Stock_place_idx|t");
}

#[test]
fn an_index_that_somebody_builds_right_now_is_waited_for() {
    let (database, project) = with_stock("CREATE INDEX CONCURRENTLY ON app.\"Stock\" (place);\nSELECT 1;\n");
    interrupt(&database, &project, "KILL");
    database.sql("DROP INDEX app.\"Stock_place_idx\"");
    let (_session, blocker) = writer(&database, "app.\"Stock\"", "SELECT 1");
    let builder = database.session("CREATE INDEX CONCURRENTLY ON app.\"Stock\" (place)");
    let pid = backend(&database, BUILD_WAITS);
    let output = project.doorstep(&database.url(), &["run"]).run().code(75);
    output.stderr_has("app.Stock_place_idx is being built by another session").stderr_has(&format!("pid {pid}"));
    terminate(&database, &blocker);
    builder.finish("psql").code(0);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("an earlier try has built it");
    assert_eq!(indexes(&database), "Stock_place_idx|t");
}
