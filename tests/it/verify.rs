//! Step 4: required tables.

use crate::support::{Database, Project};

#[test]
fn everything_that_is_missing_is_named_at_once_with_the_likely_slip() {
    let database = Database::fresh();
    database.sql("CREATE SCHEMA financial; CREATE TABLE financial.invoices (id integer); CREATE TABLE \"SLAPolicy\" (id integer)");
    let required = "SLAPolicy,slapolicy,sla_metric,invoices,financial.invoices,financial.clients";
    let output = Project::bare().doorstep(&database.url(), &["run", "--require-tables", required]).run().code(3);
    let output =
        output.stderr_has("table slapolicy is missing").stderr_has("there is public.SLAPolicy, under another name");
    let output = output.stderr_has("table sla_metric is missing").stderr_has("table financial.clients is missing");
    let output =
        output.stderr_has("table invoices is missing (required by require_tables); it exists as financial.invoices");
    output.stderr_lacks("table SLAPolicy is").stderr_lacks("table financial.invoices is");
}

#[test]
fn views_and_partitioned_tables_answer_queries_too() {
    let database = Database::fresh();
    database.sql("CREATE VIEW v AS SELECT 1; CREATE TABLE p (id integer) PARTITION BY RANGE (id); CREATE MATERIALIZED VIEW m AS SELECT 1");
    Project::bare().doorstep(&database.url(), &["run", "--require-tables", "v,p,m,public.v"]).run().code(0);
}

#[test]
fn a_name_is_found_through_the_search_path() {
    let database = Database::fresh();
    database.sql(&format!(
        "CREATE SCHEMA app; CREATE TABLE app.users (id integer); ALTER DATABASE {} SET search_path = app",
        database.name
    ));
    Project::bare().doorstep(&database.url(), &["run", "--require-tables", "users"]).run().code(0);
}

#[test]
fn findings_can_be_reported_allowed_or_not_looked_for() {
    let database = Database::fresh();
    let project = Project::bare();
    let run = |more: &[&str]| {
        let arguments = [&["run", "--require-tables", "legacy_a,users"], more, &["--", "echo", "up"]].concat();
        project.doorstep(&database.url(), &arguments).run()
    };
    run(&[]).code(3).stdout_is("").stderr_has("legacy_a").stderr_has("users");
    run(&["--verify", "report"]).code(0).stdout_is("up").stderr_has("table users is missing");
    run(&["--verify", "off"]).code(0).stdout_is("up").stderr_lacks("missing");
    run(&["--verify-allow", "table:legacy_*"]).code(3).stderr_lacks("table legacy_a is missing (required");
    run(&["--verify-allow", "table:public.legacy_*"]).code(3).stderr_lacks("table legacy_a is missing (required");
    run(&["--verify-allow", "tabel:users"]).code(78).stderr_has("begins with no known thing");
    run(&["--verify-allow", "table:legacy_*,missing:users"]).code(0).stdout_is("up");
}

#[test]
fn a_lost_table_is_told_from_one_that_no_migration_creates() {
    let database = Database::fresh();
    let project = Project::with_two();
    project.doorstep(&database.url(), &["run"]).run().code(0);
    database.sql("DROP TABLE posts");
    let output = project.doorstep(&database.url(), &["run", "--require-tables", "users,posts,SLAPolicy"]).run().code(3);
    let output = output.stderr_has(
        "table posts is missing (required by require_tables); 2_posts creates it and is recorded as applied at 20",
    );
    output.stderr_has(
        "table SLAPolicy is missing (required by require_tables); no migration in prisma/migrations creates it",
    );
}
