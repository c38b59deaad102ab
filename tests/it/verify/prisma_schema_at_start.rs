//! Step 4 at a start: `run` compares the database with the Prisma schema before it starts the service.

use crate::support::snapshots::{assert_snapshot, redacted};
use crate::support::{Database, Output, Project, project_of_a_schema};

/// All of [`project_of_a_schema`]'s schema, as Prisma would create it.
const WHOLE: &str = "CREATE TYPE \"Role\" AS ENUM ('A', 'B'); \
    CREATE TABLE \"User\" (id integer NOT NULL, email text NOT NULL, \"reportId\" integer, CONSTRAINT \"User_pkey\" PRIMARY KEY (id)); \
    CREATE UNIQUE INDEX \"User_email_key\" ON \"User\"(email); \
    CREATE TABLE \"SLAPolicy\" (id integer NOT NULL, role \"Role\" NOT NULL, CONSTRAINT \"SLAPolicy_pkey\" PRIMARY KEY (id));";

/// A schema file with a type that does not exist.
const WRONG: &str = "datasource db {\n  provider = \"postgresql\"\n}\nmodel A {\n  id Intt @id\n}\n";

fn run(project: &Project, database: &Database, more: &[&str]) -> Output {
    project.doorstep(&database.url(), &[&["run"], more, &["--", "echo", "up"]].concat()).run()
}

/// The project, with a migration that creates all of its schema, and a database where it is applied.
fn whole() -> (Database, Project) {
    let (database, project) = (Database::fresh(), project_of_a_schema());
    project.write("prisma/migrations/1_init/migration.sql", WHOLE);
    run(&project, &database, &[]).code(0).stdout_is("up");
    (database, project)
}

#[test]
fn what_the_schema_declares_and_no_migration_creates_stops_the_start() {
    let (database, project) = (Database::fresh(), project_of_a_schema());
    project.write("termination", "");
    let output = run(&project, &database, &["--termination-log", "termination"]).code(3).stdout_is("");
    assert_snapshot!("start/table-without-a-migration", redacted(output.error()));
    // Kubernetes shows the beginning of the termination log, so the most important line is first.
    let noted = std::fs::read_to_string(project.path("termination")).unwrap();
    let (_, error) = output.error().split_once(" ERROR exit: ").unwrap();
    assert_eq!(noted.lines().next(), error.lines().next());
    assert!(noted.lines().count() <= 6, "{noted}");
}

#[test]
fn many_findings_are_three_lines_and_a_count() {
    let database = Database::fresh();
    let models: String = (1..=12).map(|n| format!("model M{n} {{\n  id Int @id\n}}\n")).collect();
    let schema = format!(
        "datasource db {{\n  provider = \"postgresql\"\n}}\n{models}\
         model T {{\n  id Int @id\n  a Int\n  b String\n  c A\n}}\nenum A {{\n  X\n}}\n"
    );
    let project = Project::new().file("prisma/schema.prisma", &schema);
    let project = project.migration("1_t", "CREATE TABLE \"T\" (id integer NOT NULL, b integer NOT NULL)");
    let output = run(&project, &database, &[]).code(3).stdout_is("");
    assert_eq!(output.error().lines().count(), 5, "{}", output.stderr);
    assert_snapshot!("start/many-findings", redacted(output.error()));
}

#[test]
fn a_start_can_report_or_be_stopped_by_less_or_pass_over_what_is_allowed() {
    let (database, project) = (Database::fresh(), project_of_a_schema());
    let output = run(&project, &database, &["--verify", "report"]).code(0).stdout_is("up");
    output.stderr_has("WARN  verify: table public.SLAPolicy is missing");
    run(&project, &database, &["--verify", "off"]).code(0).stdout_is("up").stderr_lacks("SLAPolicy");
    let allow = "*:public.SLAPolicy*,*:public.User*,enum:public.Role";
    run(&project, &database, &["--verify-allow", allow]).code(0).stdout_is("up").stderr_has("as verify_allow accepts");

    let (database, project) = whole();
    database.sql("ALTER TABLE \"User\" ADD CONSTRAINT positive CHECK (id > 0) NOT VALID");
    let output = run(&project, &database, &[]).code(0).stdout_is("up");
    output.stderr_has("WARN  verify: constraint public.User.positive is not valid").stderr_has("NOT VALID");
    let output = run(&project, &database, &["--verify", "warning"]).code(3).stdout_is("");
    output.stderr_has("VALIDATE CONSTRAINT").stderr_has("positive");
}

#[test]
fn a_schema_file_that_is_wrong_stops_a_start_that_relies_on_it() {
    let database = Database::fresh();
    let project = Project::new().file("prisma/schema.prisma", WRONG).migration("1_a", "CREATE TABLE a (id integer)");
    run(&project, &database, &[]).code(78).stdout_is("").stderr_has("prisma/schema.prisma:5:");
    // Reported before anything is written.
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
    let output = run(&project, &database, &["--verify", "report"]).code(0).stdout_is("up");
    output.stderr_has("WARN  verify: ").stderr_has("prisma/schema.prisma:5:");
    run(&project, &database, &["--verify", "off"]).code(0).stdout_is("up").stderr_lacks("schema.prisma:5");
}

#[test]
fn wait_and_migrate_leave_the_schema_alone() {
    let (database, project) = (Database::fresh(), project_of_a_schema());
    for command in ["wait", "migrate"] {
        project.doorstep(&database.url(), &[command]).run().code(0).stderr_lacks("SLAPolicy");
    }
    project.write("prisma/schema.prisma", WRONG);
    for command in ["wait", "migrate"] {
        project.doorstep(&database.url(), &[command]).run().code(0).stderr_lacks("Intt");
    }
}

#[test]
fn a_role_that_owns_nothing_and_only_reads_verifies_as_well() {
    let (database, project) = whole();
    let role = database.role("");
    database.sql(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"));
    let arguments = ["run", "--", "echo", "up"];
    project.doorstep(&database.url_as(&role), &arguments).run().code(0).stdout_is("up").stderr_lacks("WARN");
    database.sql("DROP INDEX \"User_email_key\"");
    let output = project.doorstep(&database.url_as(&role), &arguments).run().code(3);
    output.stderr_has("unique public.User_email_key is missing");
}

#[test]
fn the_grants_of_the_services_role_count_and_not_those_of_the_role_that_migrates() {
    let (database, project) = whole();
    let role = database.role("");
    let run = || {
        let doorstep = project.doorstep(&database.url_as(&role), &["run", "--", "echo", "up"]);
        doorstep.env("DOORSTEP_MIGRATE_URL", &database.url()).run()
    };
    let output =
        run().code(3).stdout_is("").stderr_has("public.SLAPolicy").stderr_has("hidden from the service's role");
    output.stderr_has("next: GRANT SELECT");
    database.sql(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}"));
    run().code(0).stdout_is("up").stderr_lacks("WARN");
    // The owner sees every row; the service would see none.
    database.sql("ALTER TABLE \"User\" ENABLE ROW LEVEL SECURITY");
    let output = run().code(0).stdout_is("up");
    output.stderr_has("WARN  verify: table public.User is hidden").stderr_has("row security, and no policy");
    database.sql(&format!("CREATE POLICY all_rows ON \"User\" TO {role} USING (true)"));
    run().code(0).stdout_is("up").stderr_lacks("WARN");
}

/// The database URL, the migrations folder and the desired state all come from the schema; a follower looks at the
/// database again and again. The file is parsed and lowered once all the same.
#[test]
fn the_schema_is_parsed_and_lowered_once_in_a_run() {
    let count = |output: &Output, what: &str| output.stderr.matches(what).count();
    let (database, project) = whole();
    let output = run(&project, &database, &["--log", "debug"]).code(0).stdout_is("up");
    assert_eq!(count(&output, "parsed the Prisma schema prisma/schema.prisma"), 1, "{}", output.stderr);
    assert_eq!(count(&output, "lowered the Prisma schema prisma/schema.prisma"), 1, "{}", output.stderr);

    // Looks every 250 ms until the deadline, and finds a table missing each time.
    database.sql("DROP TABLE \"SLAPolicy\"");
    let output = run(&project, &database, &["--log", "debug", "--migrate", "await", "--wait-timeout", "2s"]).code(3);
    assert_eq!(count(&output, "parsed the Prisma schema"), 1, "{}", output.stderr);
    assert_eq!(count(&output, "lowered the Prisma schema"), 1, "{}", output.stderr);
}
