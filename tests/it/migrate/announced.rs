//! A migration whose row is written together with the end of the one before it.

use crate::support::running_migration::{backend, exists, rows, terminate, with_t, writer};
use crate::support::{Database, Project};

#[test]
fn the_next_migration_is_announced_by_the_record_of_the_one_before_it() {
    let database = Database::fresh();
    let sees = "CREATE TABLE seen AS SELECT migration_name, finished_at IS NOT NULL AS done FROM _prisma_migrations;";
    let project = Project::new()
        .migration("1_a", "CREATE TABLE a (id integer);")
        .migration("2_b", "CREATE TABLE b (id integer);")
        .migration("3_sees", sees);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(3 applied)");
    let seen = database.sql("SELECT string_agg(migration_name || ' ' || done, ', ' ORDER BY migration_name) FROM seen");
    assert_eq!(seen, "1_a true, 2_b true, 3_sees false");
    // Three rows of three transactions, each of which began the row of the next one.
    let order = "SELECT string_agg(migration_name, ' ' ORDER BY started_at) FROM _prisma_migrations \
                 WHERE started_at < finished_at AND applied_steps_count = 1 AND logs IS NULL AND rolled_back_at IS NULL";
    assert_eq!(database.sql(order), "1_a 2_b 3_sees");
}

#[test]
fn an_announced_migration_that_does_not_begin_is_rolled_back_and_runs_later() {
    let (database, project) = with_t("CREATE TABLE early (id integer);");
    database.session("CREATE UNIQUE INDEX CONCURRENTLY t_broken ON t (a)").finish("psql").code(1);
    let project = project.migration("3_index", "CREATE UNIQUE INDEX IF NOT EXISTS t_broken ON t (a);");
    database.sql("DELETE FROM t WHERE ctid = (SELECT min(ctid) FROM t)");
    let (_session, old) = writer(&database, "t", "SELECT 1");
    let doorstep = project.doorstep(&database.url(), &["run"]).spawn();
    backend(&database, "query LIKE '%DROP INDEX CONCURRENTLY%' AND wait_event_type = 'Lock'");
    assert_eq!(rows(&database, "3_index"), "f|f|0");
    doorstep.signal("TERM");
    doorstep.finish("run").code(143).stderr_has("3_index was not begun");
    assert_eq!((rows(&database, "2_x"), rows(&database, "3_index")), ("t|f|1".to_owned(), "f|t|0".to_owned()));
    assert!(exists(&database, "early"));
    terminate(&database, &old);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
}

#[test]
fn an_announcement_that_is_refused_does_not_fail_the_migration_before_it() {
    let (database, project) = with_t("CREATE TABLE early (id integer);");
    let project = project.migration("3_y", "CREATE TABLE late (id integer);");
    database.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not that one'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON _prisma_migrations FOR EACH ROW WHEN (NEW.migration_name = '3_y') \
         EXECUTE FUNCTION refuse()",
    );
    let output = project.doorstep(&database.url(), &["run"]).run();
    output
        .stderr_has("3_y")
        .stderr_has("its start could not be recorded, so it was not run")
        .stderr_has("not that one");
    assert_eq!((rows(&database, "2_x"), rows(&database, "3_y")), ("t|f|1".to_owned(), String::new()));
    assert!(exists(&database, "early") && !exists(&database, "late"));
}
