//! `migrate_role`: the role that owns what doorstep creates, whoever logs in.

use crate::support::{Database, Project};

/// A role that may create in the database, and a login that is only its member.
fn roles(database: &Database) -> (String, String) {
    let (owner, login) = (database.role(""), database.role("NOINHERIT"));
    let name = &database.name;
    database.sql(&format!("GRANT CREATE ON DATABASE {name} TO {owner}; GRANT CREATE ON SCHEMA public TO {owner}"));
    (owner, login)
}

#[test]
fn what_is_created_belongs_to_it_whatever_a_script_resets() {
    let database = Database::fresh();
    let (owner, login) = roles(&database);
    let project = Project::new()
        .migration("1_reset", "CREATE TABLE a (id integer);\nRESET ROLE;\nCREATE TABLE b (id integer);\nRESET ALL;\nCREATE TABLE c (id integer);")
        .migration("2_discard", "DISCARD ALL;")
        .migration("3_after", "CREATE TABLE d (id integer);\nCREATE INDEX CONCURRENTLY i ON d (id);\nCREATE TABLE e (id integer);")
        .migration("4_none", "SET ROLE NONE;")
        .migration("5_after", "CREATE TABLE f (id integer);");
    let run = ["run", "--migrate-role", &owner, "--schemas", "app", "--verify", "off"];
    let refused = project.doorstep(&database.url_as(&login), &run).run().code(77);
    refused.stderr_has(&format!("permission denied to set role \"{owner}\"")).stderr_has(&format!(
        "next: let an administrator run: GRANT \"{owner}\" TO \"{login}\"; or correct migrate_role"
    ));
    database.sql(&format!("GRANT {owner} TO {login}"));
    project.doorstep(&database.url_as(&login), &run).run().code(0).stderr_has("(5 applied)");
    let owners = "SELECT string_agg(DISTINCT tableowner, ',') || count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(database.sql(owners), format!("{owner}7"));
    assert_eq!(database.sql("SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'app'"), owner);
    // Another login goes on, and the first one may go.
    let second = database.role("NOINHERIT");
    database.sql(&format!("GRANT {owner} TO {second}; DROP ROLE {login}"));
    project.write("prisma/migrations/6_more/migration.sql", "ALTER TABLE a ADD COLUMN b integer;");
    project.doorstep(&database.url_as(&second), &run).run().code(0).stderr_has("(1 applied)");
}

#[test]
fn hooks_of_libpq_act_as_it_too() {
    let database = Database::fresh();
    let (owner, login) = roles(&database);
    database.sql(&format!("GRANT {owner} TO {login}"));
    let hook = r#"sh -c 'psql -XAtq "$DATABASE_URL" -c "SELECT session_user, current_user, current_setting('\''work_mem'\'')"'"#;
    let run = ["run", "--before-migrate", hook, "--verify", "off"];
    let project = Project::with_two();
    let doorstep = project.doorstep(&database.url_as(&login), &run).env("DOORSTEP_MIGRATE_ROLE", &owner);
    let output = doorstep.env("PGOPTIONS", "-c work_mem=5MB").run().code(0);
    output.stderr_has(&format!("{login}|{owner}|5MB"));
}

#[test]
fn the_rights_of_the_service_are_those_of_the_login() {
    let database = Database::fresh();
    let (owner, login) = roles(&database);
    database.sql(&format!("GRANT {owner} TO {login}"));
    let project = Project::with_two();
    let url = database.url_as(&login);
    let run = ["run", "--migrate-role", &owner, "--require-tables", "users", "--", "echo", "up"];
    let output = project.doorstep(&url, &run).run().code(3).stdout_is("");
    output.stderr_has("table public.users is hidden from the service's role");
    database.sql(&format!("GRANT SELECT ON users TO {login}"));
    project.doorstep(&url, &run).run().code(0).stdout_is("up");
}

#[test]
fn a_missing_database_is_created_by_it() {
    let database = Database::absent();
    let admin = Database::fresh();
    let (owner, login) = (admin.role("CREATEDB"), admin.role("NOINHERIT"));
    admin.sql(&format!("GRANT {owner} TO {login}"));
    let run = ["run", "--migrate-role", &owner, "--verify", "off"];
    Project::with_two().doorstep(&database.url_as(&login), &run).run().code(0).stderr_has("(2 applied)");
    assert_eq!(database.sql("SELECT datdba::regrole FROM pg_database WHERE datname = current_database()"), owner);
    drop(admin);
}

#[test]
fn a_role_that_does_not_exist_and_an_engine_without_owners_are_refused() {
    let database = Database::fresh();
    let wait = |url: &str| Project::bare().doorstep(url, &["wait", "--migrate-role", "no-such role"]).run();
    wait(&database.url()).code(78).stderr_has("role \"no-such role\" does not exist");
    wait("file:./dev.db").code(78).stderr_has("migrate_role is set, but tables of SQLite have no owner");
    wait("mysql://u@h/d").code(78).stderr_has("migrate_role is set, but tables of MySQL");
}
