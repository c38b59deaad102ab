//! A database with tables of others: what `migrate` and `baseline` say, and what `baseline --empty` proves.

use crate::support::{Database, Output, Project};

/// The doorstep command with this option that an error names.
fn named(output: &Output, command: &str) {
    assert!(output.stderr.contains(command), "{command} in {}", output.stderr);
}

fn exists(database: &Database, name: &str) -> bool {
    database.sql(&format!("SELECT to_regclass('{name}') IS NOT NULL")) == "t"
}

#[test]
fn the_messages_lead_out_of_a_shared_schema() {
    let database = Database::fresh();
    let url = database.url();
    database.sql("CREATE TABLE billing (id integer)");
    let project = Project::with_two();
    let doorstep = |arguments: &[&str]| project.doorstep(&url, arguments).run();
    let output = doorstep(&["run", "--schemas", "reports"]).code(65);
    named(&output, "has tables but no _prisma_migrations: public.billing");
    named(&output, "doorstep baseline --empty");
    // Refused before anything is created.
    assert_eq!(database.sql("SELECT to_regnamespace('reports') IS NULL"), "t");
    let output = doorstep(&["baseline"]).code(65);
    named(&output, "nothing of what prisma/migrations creates exists");
    named(&output, "doorstep baseline --empty");
    named(&output, "doorstep migrate");
    assert!(!exists(&database, "_prisma_migrations"));
    let output = doorstep(&["baseline", "--empty"]).code(0);
    output.stdout_has("of 2 objects that the folder creates, none exists").stdout_has("applies 2 migrations");
    doorstep(&["migrate"]).code(0).stderr_has("(2 applied)");
    assert!(exists(&database, "posts") && exists(&database, "billing"));
    doorstep(&["baseline", "--empty"]).code(65).stderr_has("there is a history already");
}

#[test]
fn an_empty_database_needs_no_baseline() {
    let (database, project) = (Database::fresh(), Project::with_two());
    let output = project.doorstep(&database.url(), &["baseline"]).run().code(65);
    named(&output, "doorstep migrate applies it");
    assert!(!output.stderr.contains("--empty"), "{}", output.stderr);
    project.doorstep(&database.url(), &["migrate"]).run().code(0).stderr_has("(2 applied)");
    // Neither does a schema that does not exist yet.
    let (database, project) = (Database::fresh(), Project::with_two());
    database.sql("CREATE TABLE billing (id integer)");
    let url = format!("{}?schema=fresh", database.url());
    project.doorstep(&url, &["baseline", "--empty"]).run().code(65).stderr_has("doorstep migrate creates and fills it");
    project.doorstep(&url, &["migrate"]).run().code(0).stderr_has("(2 applied)");
}

#[test]
fn an_object_of_the_folder_that_exists_contradicts_the_proof() {
    for (there, object) in [
        ("CREATE TABLE posts (id integer)", "table posts"),
        ("CREATE TYPE mood AS ENUM ('x')", "type mood"),
        // Dropped again by the folder, and there all the same.
        ("CREATE TABLE interim (id integer)", "table interim"),
        ("CREATE SCHEMA audit", "schema audit"),
        ("ALTER TABLE billing ADD COLUMN note text", "column billing.note"),
    ] {
        let database = Database::fresh();
        database.sql("CREATE TABLE billing (id integer)");
        database.sql(there);
        let project = Project::with_two()
            .migration(
                "3_more",
                "CREATE TYPE mood AS ENUM ('a');\nCREATE TABLE interim (id integer);\nCREATE SCHEMA audit;",
            )
            .migration("4_less", "DROP TABLE interim;\nALTER TABLE billing ADD COLUMN note text;");
        let output = project.doorstep(&database.url(), &["baseline", "--empty"]).run().code(65);
        output.stderr_has(object).stderr_has("?schema=NAME");
        assert!(!exists(&database, "_prisma_migrations"), "{there}");
    }
}

#[test]
fn what_the_scripts_do_not_tell_is_refused_with_its_place_and_the_way_out_works() {
    let database = Database::fresh();
    database.sql("CREATE TABLE billing (id integer)");
    let project = Project::with_two().migration("3_code", "CREATE TABLE c (id integer);\n\nDO $$ BEGIN END $$;\n");
    let output = project.doorstep(&database.url(), &["baseline", "--empty"]).run().code(65);
    output.stderr_has("3_code/migration.sql:3 has run cannot be told").stderr_has("?schema=NAME");
    assert!(!exists(&database, "_prisma_migrations"));
    let url = format!("{}?schema=own", database.url());
    project.doorstep(&url, &["migrate"]).run().code(0).stderr_has("(3 applied)");
}

#[test]
fn tables_that_the_configuration_calls_external_do_not_count() {
    let database = Database::fresh();
    database.sql("CREATE TABLE billing (id integer); CREATE TABLE other (id integer)");
    let project = Project::with_two();
    let config = |tables: &str| {
        let text = format!(
            "export default defineConfig({{ tables: {{ external: [{tables}] }}, migrations: {{ path: 'prisma/migrations' }} }});"
        );
        project.write("prisma.config.ts", &text);
    };
    config("'public.billing'");
    let output = project.doorstep(&database.url(), &["migrate"]).run().code(65);
    output.stderr_has("_prisma_migrations: public.other\n");
    config("'public.billing', \"public.other\"");
    project.doorstep(&database.url(), &["migrate"]).run().code(0).stderr_has("(2 applied)");
}

#[test]
fn numbered_files_and_sqlite_begin_a_history_too() {
    let database = Database::fresh();
    database.sql("CREATE TABLE billing (id integer)");
    let project = Project::numbered(&[("0001_a.sql", "CREATE TABLE a (id integer);\nINSERT INTO a VALUES (1);\n")]);
    project.doorstep(&database.url(), &["baseline", "--empty"]).run().code(0);
    project.doorstep(&database.url(), &["migrate"]).run().code(0).stderr_has("(1 applied)");
    let project =
        Project::sqlite().migration("1_a", "CREATE TABLE \"a\" (id integer);\nCREATE INDEX i ON \"a\" (id);\n");
    let url = format!("file:{}", project.path("dev.db").display());
    project.doorstep(&url, &["migrate"]).run().code(0);
    let other = Project::sqlite().migration("1_b", "CREATE TABLE b (id integer);\n");
    let url = format!("file:{}", other.path("dev.db").display());
    std::fs::copy(project.path("dev.db"), other.path("dev.db")).unwrap();
    // The history of the first folder is in the way: it is a history.
    other.doorstep(&url, &["baseline", "--empty"]).run().code(65).stderr_has("there is a history already");
}
