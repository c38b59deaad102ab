//! Step 2, schemas: created before migrations, by a role that may create them.

use crate::support::{Database, PASSWORD, Project};

const FOUR: &str = "SELECT string_agg(nspname, ',' ORDER BY nspname) FROM pg_namespace \
                    WHERE nspname IN ('financial', 'public', 'tagging', 'trading', 'app')";

#[test]
fn the_four_schemas_of_a_platform_are_created_before_its_migrations() {
    let database = Database::fresh();
    let schema = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n  \
                  schemas = [\"financial\", \"public\", \"tagging\", \"trading\"]\n}\n";
    let project = Project::new()
        .file("prisma/schema.prisma", schema)
        .migration("1_invoices", "CREATE TABLE financial.invoices (id integer);\n");
    let output = project.doorstep(&database.url(), &["run", "--require-tables", "financial.invoices"]).run();
    output.code(0).stderr_has("created the schema tagging").stderr_lacks("created the schema public");
    assert_eq!(database.sql(FOUR), "financial,public,tagging,trading");
}

#[test]
fn the_setting_and_the_url_name_schemas_too() {
    let database = Database::fresh();
    let url = format!("{}?schema=app", database.url());
    Project::bare().doorstep(&url, &["run", "--schemas", "financial,trading"]).run().code(0);
    assert_eq!(database.sql(FOUR), "app,financial,public,trading");
}

#[test]
fn existing_schemas_need_no_privilege_and_no_lock() {
    let database = Database::fresh();
    let role = database.role("");
    database.sql("CREATE SCHEMA app; SELECT pg_advisory_lock(1)");
    let url = database.url_as(&role);
    Project::bare().doorstep(&url, &["run", "--schemas", "app,public"]).run().code(0).stderr_lacks("created");
}

#[test]
fn a_missing_privilege_names_the_grant() {
    let database = Database::fresh();
    let role = database.role("");
    let output = Project::bare().doorstep(&database.url_as(&role), &["run", "--schemas", "app"]).run().code(77);
    let grant = format!("GRANT CREATE ON DATABASE \"{}\" TO \"{role}\";", database.name);
    output.stderr_has("could not create the schema \"app\"").stderr_has("42501").stderr_has(&grant);
    // That grant is sufficient.
    database.sql(&grant);
    Project::bare().doorstep(&database.url_as(&role), &["run", "--schemas", "app"]).run().code(0);
}

#[test]
fn a_missing_privilege_for_the_history_names_the_grant() {
    let database = Database::fresh();
    let role = database.role("");
    let output = Project::with_two().doorstep(&database.url_as(&role), &["run"]).run().code(77);
    let grant = format!("GRANT USAGE, CREATE ON SCHEMA \"public\" TO \"{role}\";");
    output.stderr_has("could not create the history table public._prisma_migrations").stderr_has(&grant);
    database.sql(&grant);
    Project::with_two().doorstep(&database.url_as(&role), &["run"]).run().code(0);
}

#[test]
fn odd_names_are_quoted() {
    let database = Database::fresh();
    Project::bare().doorstep(&database.url(), &["run", "--schemas", "it's \"odd\"; --"]).run().code(0);
    assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'it''s \"odd\"; --'"), "1");
}

#[test]
fn sqlite_has_no_schemas() {
    let project = Project::sqlite();
    let output = project.doorstep("file:./dev.db", &["run", "--schemas", "app"]).run();
    output.code(78).stderr_has("SQLite has none").stderr_lacks(PASSWORD);
}

#[test]
fn with_migrations_off_only_schemas_asked_for_by_name_are_created() {
    let database = Database::fresh();
    let schema = "datasource db {\n  provider = \"postgresql\"\n  schemas = [\"tagging\"]\n}\n";
    let project = Project::with_two().file("prisma/schema.prisma", schema);
    project.doorstep(&database.url(), &["run", "--migrate", "off", "--schemas", "trading"]).run().code(0);
    assert_eq!(database.sql(FOUR), "public,trading");
}
