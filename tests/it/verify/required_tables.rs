//! `require_tables` and `verify`.

use crate::support::snapshots::{assert_snapshot, redacted};
use crate::support::{Database, Project, project_of_a_schema};

#[test]
fn everything_that_is_missing_is_named_at_once_with_the_likely_slip() {
    let database = Database::fresh();
    database.sql("CREATE SCHEMA financial; CREATE TABLE financial.invoices (id integer); CREATE TABLE \"SLAPolicy\" (id integer)");
    let required = "SLAPolicy,slapolicy,sla_metric,invoices,financial.invoices,financial.clients";
    let output = Project::bare().doorstep(&database.url(), &["run", "--require-tables", required]).run().code(3);
    assert_snapshot!("start/required-tables", redacted(output.error()));
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
    run(&["--verify", "report"]).code(0).stdout_is("up").stderr_has("tables legacy_a and users are missing");
    run(&["--verify", "off"]).code(0).stdout_is("up").stderr_lacks("missing");
    run(&["--verify-allow", "table:legacy_*"]).code(3).stderr_lacks("table legacy_a is missing (required");
    run(&["--verify-allow", "table:public.legacy_*"]).code(3).stderr_lacks("table legacy_a is missing (required");
    run(&["--verify-allow", "tabel:users"]).code(78).stderr_has("does not begin with a known kind");
    run(&["--verify-allow", "table:legacy_*,missing:users"]).code(0).stdout_is("up");
}

#[test]
fn a_lost_table_is_told_from_one_that_no_migration_creates() {
    let database = Database::fresh();
    let project = Project::with_two();
    project.doorstep(&database.url(), &["run"]).run().code(0);
    database.sql("DROP TABLE posts");
    let output = project.doorstep(&database.url(), &["run", "--require-tables", "users,posts,SLAPolicy"]).run().code(3);
    assert_snapshot!("start/lost-table", redacted(output.error()));
}

#[test]
fn verify_holds_the_database_against_the_prisma_schema() {
    let database = Database::fresh();
    let project = project_of_a_schema();
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let output = project.doorstep(&database.url(), &["verify"]).run().code(3);
    assert_snapshot!("verify/schema", redacted(&output.stdout));
    assert_eq!(output.stderr, "");
    let noted = project.path("termination");
    std::fs::write(&noted, "").unwrap();
    project.doorstep(&database.url(), &["verify", "--termination-log", "termination"]).run().code(3);
    let noted = std::fs::read_to_string(noted).unwrap();
    assert!(
        noted.starts_with("the database lacks what the service needs: ") && noted.contains("would stop"),
        "{noted}"
    );

    let output = project.doorstep(&database.url(), &["verify", "--format", "json"]).run().code(3);
    let verified: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(verified["ok"], false);
    let findings = verified["findings"].as_array().unwrap();
    for finding in findings {
        for key in ["severity", "kind", "object", "expected", "actual", "source", "cause", "remedy"] {
            assert!(finding.get(key).is_some(), "{key} {finding}");
        }
    }
    let renamed = findings.iter().find(|finding| finding["kind"] == "renamed").unwrap();
    assert_eq!((&renamed["severity"], &renamed["source"]), (&"error".into(), &"prisma/schema.prisma:8".into()));

    // Accepted by name, or reported only: the exit code is 0.
    let allow = "*:public.SLAPolicy*,*:public.User*,enum:public.Role";
    project
        .doorstep(&database.url(), &["verify", "--verify-allow", allow, "--log", "info"])
        .run()
        .code(0)
        .stderr_has("as verify_allow accepts");
    project.doorstep(&database.url(), &["verify", "--verify", "report"]).run().code(0);
}

#[test]
fn a_schema_of_the_url_that_this_start_creates_is_where_the_tables_are_looked_for() {
    let database = Database::fresh();
    let url = format!("{}?schema=app", database.url());
    let schema = "datasource db {\n  provider = \"postgresql\"\n}\n\nmodel User {\n  id Int @id\n}\n";
    let table = "CREATE TABLE \"User\" (id integer NOT NULL, CONSTRAINT \"User_pkey\" PRIMARY KEY (id));";
    let project = Project::new().file("prisma/schema.prisma", schema).migration("1_init", table);
    let absent = project.doorstep(&url, &["verify"]).run().code(3);
    absent.stdout_has("schema app  is missing").stdout_has("table app.User  is missing");
    project.doorstep(&url, &["replay"]).run().code(0);
    project.doorstep(&url, &["run", "--verify", "notice"]).run().code(0);
    assert_eq!(database.sql("SELECT to_regclass('app.\"User\"') IS NOT NULL"), "t");
}

#[test]
fn what_prisma_would_create_is_verified_without_a_finding_by_a_role_that_may_only_read() {
    let database = Database::fresh();
    let project = project_of_a_schema();
    database.sql(
        "CREATE TYPE \"Role\" AS ENUM ('A', 'B'); \
         CREATE TABLE \"User\" (id integer NOT NULL, email text NOT NULL, \"reportId\" integer, CONSTRAINT \"User_pkey\" PRIMARY KEY (id)); \
         CREATE UNIQUE INDEX \"User_email_key\" ON \"User\"(email); \
         CREATE TABLE \"SLAPolicy\" (id integer NOT NULL, role \"Role\" NOT NULL, CONSTRAINT \"SLAPolicy_pkey\" PRIMARY KEY (id))",
    );
    let role = database.role("");
    let verify = || project.doorstep(&database.url_as(&role), &["verify"]).run();
    // A role without rights can read the catalog, but the service could not read the table.
    let output = verify().code(3).stdout_has("table public.User       is hidden from the service's role");
    output.stdout_has("(2 errors, 0 warnings, 0 notices)");
    database.sql(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"));
    verify().code(0).stdout_has("verified (0 errors, 0 warnings, 0 notices)");
}

#[test]
fn a_schema_file_that_cannot_be_read_is_shown_by_line() {
    let database = Database::fresh();
    let project = Project::new()
        .file("prisma/schema.prisma", "datasource db {\n  provider = \"postgresql\"\n}\nmodel A {\n  id Intt @id\n}\n");
    let output = project.doorstep(&database.url(), &["verify"]).run().code(78);
    output.stderr_has("prisma/schema.prisma:5:");
}

#[test]
fn models_without_a_schema_are_looked_for_where_prismas_client_asks_for_them() {
    let database = Database::fresh();
    let schema = "datasource db {\n  provider = \"postgresql\"\n}\nmodel User {\n  id Int @id\n}\n";
    let project = Project::new().file("prisma/schema.prisma", schema);
    let role = database.role("");
    database.sql(&format!(
        "CREATE TABLE \"User\" (id integer NOT NULL, CONSTRAINT \"User_pkey\" PRIMARY KEY (id)); \
         GRANT SELECT ON \"User\" TO {role}; CREATE SCHEMA {role} AUTHORIZATION {role}"
    ));
    // A schema with the role's name comes first in its search path; Prisma's client still uses "public".
    let output = project.doorstep(&database.url_as(&role), &["verify"]).run().code(0);
    output.stdout_has("(0 errors, 0 warnings, 0 notices)");
    database.sql(&format!("ALTER TABLE \"User\" SET SCHEMA {role}"));
    project.doorstep(&database.url_as(&role), &["verify"]).run().code(3).stdout_has("table public.User");
}

#[test]
fn a_database_may_have_lost_its_information_schema() {
    let database = Database::fresh();
    let schema = "datasource db {\n  provider = \"postgresql\"\n}\nmodel User {\n  id Int @id\n}\n";
    let project = Project::new().file("prisma/schema.prisma", schema);
    database.sql(
        "DROP SCHEMA information_schema CASCADE; \
         CREATE TABLE \"User\" (id integer NOT NULL, CONSTRAINT \"User_pkey\" PRIMARY KEY (id))",
    );
    let verify = || project.doorstep(&database.url(), &["verify"]).run();
    verify().code(0).stdout_has("verified (0 errors, 0 warnings, 0 notices)");
    database.sql("DROP TABLE \"User\"");
    verify().code(3).stdout_has("table public.User");
}

#[test]
fn a_role_that_may_read_some_columns_only_is_told_so() {
    let database = Database::fresh();
    let project = project_of_a_schema();
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let role = database.role("");
    database
        .sql(&format!("GRANT SELECT (id), INSERT ON \"User\" TO {role}; GRANT SELECT ON _prisma_migrations TO {role}"));
    let output = project.doorstep(&database.url_as(&role), &["diff"]).run().code(0);
    output
        .stdout_has("warning  table public.User is hidden from the service's role")
        .stdout_has("on some of its columns only");
}

#[test]
fn what_a_pending_migration_does_is_left_to_it() {
    let database = Database::fresh();
    let schema = "datasource db {\n  provider = \"postgresql\"\n}\nmodel A {\n  id Int @id\n  new Int?\n  k K?\n}\nenum K {\n  X\n  Y\n}\n";
    let project = Project::new().file("prisma/schema.prisma", schema).migration(
        "1_a",
        "CREATE TYPE \"K\" AS ENUM ('X'); CREATE TABLE \"A\" (id integer PRIMARY KEY, old integer, k \"K\");",
    );
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let project = project
        .migration("2_b", "ALTER TABLE \"A\" RENAME COLUMN old TO new;")
        .migration("3_c", "ALTER TYPE \"K\" ADD VALUE 'Y';");
    let output = project.doorstep(&database.url(), &["verify", "--format", "json", "--notices"]).run().code(3);
    let verified: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    for finding in verified["findings"].as_array().unwrap() {
        assert!(finding["sql"].is_null(), "{finding}");
        assert!(finding["cause"].as_str().unwrap().contains("is pending"), "{finding}");
    }
}
