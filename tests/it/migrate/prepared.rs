//! What is sent for the history is prepared once a run has sent it four times.

use crate::support::ground::Engine;
use crate::support::native::{NATIVE, Step};
use crate::support::running_migration::{exists, rows};
use crate::support::{Database, Output, Project};

/// Shows which statements of doorstep's are prepared.
const SEES: &str = "CREATE TABLE seen AS SELECT name FROM pg_prepared_statements WHERE name LIKE 'doorstep%';";

/// The names of them.
fn seen(database: &Database) -> String {
    database.sql("SELECT string_agg(name, ' ' ORDER BY name) FROM seen")
}

/// The name of the migration with this number.
fn name(number: u32) -> String {
    format!("{number:02}_m")
}

/// So many migrations, each of which creates a table; those that are given have another text.
fn project(count: u32, others: &[(u32, &str)]) -> Project {
    let text = |number: u32| {
        let other = others.iter().find(|(other, _)| *other == number);
        other.map_or_else(|| format!("CREATE TABLE t{number} (id integer);"), |(_, text)| (*text).to_owned())
    };
    (1..=count).fold(Project::new(), |project, number| project.migration(&name(number), &text(number)))
}

fn run(project: &Project, database: &Database) -> Output {
    project.doorstep(&database.url(), &["run"]).run()
}

/// How many rows of Prisma's history say that their migration was applied, in the order of their names.
fn applied(database: &Database) -> String {
    database.sql(
        "SELECT count(*) FROM (SELECT migration_name, lag(migration_name) OVER (ORDER BY started_at) AS before \
         FROM _prisma_migrations WHERE finished_at > started_at AND logs IS NULL AND rolled_back_at IS NULL \
         AND applied_steps_count = 1) AS h WHERE before IS NULL OR before < migration_name",
    )
}

#[test]
fn what_is_prepared_writes_the_same_rows_in_every_format() {
    // What another run writes otherwise.
    let varying = "{id,run,started_at,finished_at,applied_at,applied_on,installed_on,installed_at,run_on,tstamp,execution_time,\
                   dateexecuted,deployment_id,createdAt,updatedAt}";
    let mut prepared = Vec::new();
    for format in NATIVE.iter().filter(|format| format.knows(Engine::Postgres)) {
        let mut steps: Vec<Step> =
            (1..=11).map(|number| Step::new(number, "m", &format!("CREATE TABLE t{number} (id integer);"))).collect();
        steps.push(Step::new(12, "it_s", SEES));
        let (together, apart) = (Database::fresh(), Database::fresh());
        let project = format.project(&steps);
        format.doorstep(&project, &together.url(), &["migrate"]).run().code(0).stderr_has("(12 applied)");
        for count in 1..=steps.len() {
            let project = format.project(&steps[..count]);
            format.doorstep(&project, &apart.url(), &["migrate"]).run().code(0);
        }
        let row = (format.row)(&steps[0]);
        let table = row.split(" WHERE ").next().unwrap();
        let written = format!(
            "SELECT string_agg((to_jsonb(h) - '{varying}'::text[])::text, E'\\n' ORDER BY ctid) FROM {table} AS h"
        );
        assert_eq!(together.sql(&written), apart.sql(&written), "{}", format.name);
        for step in &steps {
            assert_eq!(together.sql(&format.count(step)), "1", "{} {}", format.name, step.number);
        }
        assert_eq!(seen(&apart), "", "{}", format.name);
        prepared.push(format!("{}: {}", format.name, seen(&together)));
    }
    // Of a parameter of jsonb_build_object the server cannot tell the type.
    let (none, some): (Vec<_>, Vec<_>) = prepared.iter().partition(|line| line.ends_with(": "));
    assert_eq!(none, ["umzug: ", "liquibase: "], "{some:#?}");
}

#[test]
fn the_end_of_a_row_and_the_begin_of_the_next_are_prepared() {
    let (together, apart) = (Database::fresh(), Database::fresh());
    run(&project(12, &[(12, SEES)]), &together).code(0).stderr_has("(12 applied)");
    for count in 1..=12 {
        run(&project(count, &[(12, SEES)]), &apart).code(0).stderr_has("(1 applied)");
    }
    assert_eq!((seen(&together), seen(&apart)), ("doorstep_1 doorstep_2".to_owned(), String::new()));
    assert_eq!(applied(&together), "12");
    let written = "SELECT string_agg(concat_ws(' ', migration_name, checksum, applied_steps_count, logs, rolled_back_at, \
                   right(id, 12)), E'\\n' ORDER BY started_at) FROM _prisma_migrations";
    assert_eq!(together.sql(written), apart.sql(written));
    // With five migrations to apply the last one finds them prepared, with four none is.
    let few = Database::fresh();
    run(&project(5, &[(5, SEES)]), &few).code(0);
    assert_eq!(seen(&few), "doorstep_1 doorstep_2");
    let fewer = Database::fresh();
    run(&project(4, &[(4, SEES)]), &fewer).code(0);
    assert_eq!(seen(&fewer), "");
}

#[test]
fn a_script_that_discards_what_is_prepared_is_expected() {
    for discards in
        ["DISCARD ALL;", "DO $$ BEGIN EXECUTE 'Deallocate ALL'; END $$;", "CREATE TABLE t8 (); DEALLOCATE ALL;"]
    {
        let database = Database::fresh();
        let sees = SEES.replace("seen", "after");
        let project = project(14, &[(8, discards), (9, &sees), (14, SEES)]);
        run(&project, &database).code(0).stderr_has("(14 applied)");
        assert_eq!(
            (applied(&database), seen(&database)),
            ("14".to_owned(), "doorstep_3 doorstep_4".to_owned()),
            "{discards}"
        );
        assert_eq!(database.sql("SELECT count(*) FROM after"), "0", "{discards}");
    }
}

#[test]
fn a_script_that_discards_it_in_a_function_runs_again() {
    let database = Database::fresh();
    let function = "CREATE SEQUENCE runs; CREATE FUNCTION forget() RETURNS bigint LANGUAGE plpgsql AS \
                    $$ BEGIN EXECUTE 'DEALLOCATE ALL'; RETURN nextval('runs'); END $$;";
    let project = project(12, &[(1, function), (9, "CREATE TABLE t9 AS SELECT forget();"), (12, SEES)]);
    run(&project, &database).code(0).stderr_has("(12 applied)");
    assert_eq!((applied(&database), seen(&database)), ("12".to_owned(), String::new()));
    assert_eq!(database.sql("SELECT string_agg(forget::text, ' ') FROM t9"), "2");
}

#[test]
fn a_history_whose_columns_change_is_written_on() {
    let database = Database::fresh();
    let alters = "ALTER TABLE _prisma_migrations ALTER id TYPE uuid USING id::uuid;";
    run(&project(12, &[(8, alters), (12, SEES)]), &database).code(0).stderr_has("(12 applied)");
    assert_eq!(applied(&database), "12");
    let database = Database::fresh();
    let moves =
        "ALTER TABLE _prisma_migrations ADD more text, ALTER migration_name TYPE text, ALTER checksum TYPE text;";
    run(&project(12, &[(8, moves), (12, SEES)]), &database).code(0).stderr_has("(12 applied)");
    assert_eq!((applied(&database), seen(&database)), ("12".to_owned(), "doorstep_1 doorstep_2".to_owned()));
}

#[test]
fn a_name_that_is_taken_leaves_the_statement_as_it_is() {
    let database = Database::fresh();
    run(&project(12, &[(2, "PREPARE doorstep_1 AS SELECT 1;"), (12, SEES)]), &database).code(0);
    assert_eq!((applied(&database), seen(&database)), ("12".to_owned(), "doorstep_1 doorstep_2".to_owned()));
    assert_eq!(database.sql("SELECT count(*) FROM t11"), "0");
}

#[test]
fn a_failure_is_reported_as_without_it() {
    let refuses = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not that one'; END $$;\n\
                   CREATE TRIGGER refuse BEFORE UPDATE ON _prisma_migrations FOR EACH ROW \
                   WHEN (NEW.finished_at IS NOT NULL) EXECUTE FUNCTION refuse();";
    let alters = "ALTER TABLE _prisma_migrations ALTER finished_at TYPE integer USING NULL;";
    let unlocks = "SELECT pg_advisory_unlock_all();\nDELETE FROM _prisma_migrations WHERE migration_name = '07_m';";
    let fails = "CREATE TABLE kept (id integer);\nINSERT INTO kept\nVALUES (1, 2);";
    let deferred = "CREATE TABLE p (id integer PRIMARY KEY);\n\
                    CREATE TABLE c (id integer REFERENCES p DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO c VALUES (1);";
    for script in [refuses, alters, unlocks, fails, deferred] {
        let reports = [7, 6].map(|first| {
            let database = Database::fresh();
            if first == 6 {
                run(&project(first, &[]), &database).code(0);
            }
            let output = run(&project(8, &[(7, script)]), &database);
            // Without its time.
            let report = output.error().split_once(" ERROR ").unwrap().1.to_owned();
            let logs = "SELECT logs FROM _prisma_migrations WHERE migration_name = '07_m'";
            (output.code, report, database.sql(logs), rows(&database, "07_m"), rows(&database, "08_m"))
        });
        assert_eq!(reports[0], reports[1], "{script}");
        assert!(reports[0].0 != Some(0) && !reports[0].1.contains("doorstep_1"), "{reports:?}");
    }
}

#[test]
fn a_row_that_is_refused_is_reported_for_its_own_migration() {
    let database = Database::fresh();
    let refuses = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not that one'; END $$; \
         CREATE TRIGGER refuse BEFORE INSERT ON _prisma_migrations FOR EACH ROW WHEN (NEW.migration_name = '09_m') \
         EXECUTE FUNCTION refuse();";
    let output = run(&project(12, &[(1, refuses)]), &database);
    output
        .stderr_has("09_m")
        .stderr_has("its start could not be recorded, so it was not run")
        .stderr_has("not that one");
    assert_eq!((rows(&database, "08_m"), rows(&database, "09_m")), ("t|f|1".to_owned(), String::new()));
    assert!(exists(&database, "t8") && !exists(&database, "t9"));
}
