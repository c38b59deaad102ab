//! `[require]` and `[[query]]` of doorstep.toml.

use crate::support::snapshots::{Sections, assert_snapshot};
use crate::support::{Database, Output, Project};

/// Objects of every kind.
const SHOP: &str = "CREATE SCHEMA shop; CREATE TYPE \"Role\" AS ENUM ('USER', 'ADMIN'); CREATE TYPE shop.status AS ENUM ('OPEN'); \
    CREATE TABLE users (id integer PRIMARY KEY, email text NOT NULL, role \"Role\", report_id integer, \
    short varchar(20), tags text[], CONSTRAINT users_email_check CHECK (email <> '')); \
    CREATE UNIQUE INDEX users_email_key ON users (email); \
    CREATE TABLE shop.orders (id integer PRIMARY KEY, user_id integer CONSTRAINT orders_user_fkey REFERENCES users, \
    total numeric(10,2) NOT NULL, at timestamptz(3)); \
    CREATE INDEX orders_user_at ON shop.orders (user_id, at DESC); \
    CREATE INDEX orders_some ON shop.orders (at) WHERE total > 0; \
    CREATE VIEW shop.seen AS SELECT 1 AS x; CREATE TABLE plans (code text); INSERT INTO plans VALUES ('free');";

fn shop() -> Database {
    let database = Database::fresh();
    database.sql(SHOP);
    database
}

fn verify(database: &Database, demands: &str) -> Output {
    Project::bare().file("doorstep.toml", demands).doorstep(&database.url(), &["verify"]).run()
}

/// The findings, a line for each, and the report for people, which says what to do; they would stop a start.
fn differences(database: &Database, demands: &str) -> Sections {
    let diff = Project::bare().file("doorstep.toml", demands).doorstep(&database.url(), &["diff"]).run().code(0);
    let mut sections = Sections::default();
    sections.add("diff", &diff.stdout);
    sections.add("verify", &verify(database, demands).code(3).stdout);
    sections
}

#[test]
fn what_is_there_is_no_finding() {
    let demands = r#"
[require]
tables = ["users", "shop.orders", "shop.seen"]
columns = [
  "users.email text not null", "users.id", "users.tags text[]", "users.role \"Role\" null", "users.short varchar",
  "shop.orders.total numeric(10, 2) not null", "shop.orders.at timestamp(3) with time zone", "users.id int not null",
]
indexes = [
  "users_email_key", "users_pkey", "shop.orders_user_at", "shop.orders_some", "shop.orders (user_id)",
  "shop.orders (user_id, at desc)", "shop.orders (user_id desc, at)", "unique users (email)", "unique users (id)",
]
enums = ["Role", "Role (ADMIN)", "shop.status (OPEN)"]
extensions = "plpgsql"
constraints = [
  "users_email_check", "users.users_email_check", "users.users_pkey", "shop.orders.orders_user_fkey", "users_email_key",
]
rows = ["plans", "plans where code = 'free'"]
absent = ["column users.alert_email", "constraint users.users_old", "table old", "index users_idx", "enum Old"]
"#;
    let output = verify(&shop(), demands).code(0);
    output.stdout_has("verified (0 errors, 0 warnings, 0 notices)");
}

#[test]
fn each_requirement_that_is_not_met_is_told_by_its_line() {
    let demands = r#"[require]
tables = ["shop.invoices"]
columns = [
  "users.phone",
  "users.reportId",
  "users.email int",
  "users.email text null",
  "users.report_id not null",
  "users.short varchar(30)",
  "users.tags tsvector",
  "Users.email",
  "shop.seen.x",
  "nowhere.users.email",
]
"#;
    assert_snapshot!("requirements/tables-and-columns", differences(&shop(), demands).text());
}

#[test]
fn indexes_are_held_to_their_names_or_to_what_they_do() {
    let database = shop();
    database.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'users_email_key'::regclass");
    let demands = r#"[require]
indexes = [
  "users_email_idx",
  "usersEmailKey",
  "users_email_key",
  "unique users (email)",
  "shop.orders (at)",
  "shop.orders (user_id, at)",
  "shop.orders (at desc, user_id)",
  "unique shop.orders (user_id)",
  "shop.orders (owner)",
  "shop.nothing (a)",
]
"#;
    assert_snapshot!("requirements/indexes", differences(&database, demands).text());
}

#[test]
fn enums_extensions_constraints_and_what_must_be_gone() {
    let database = shop();
    database.sql("ALTER TABLE shop.orders ADD CONSTRAINT later CHECK (total >= 0) NOT VALID");
    let demands = r#"[require]
enums = ["role", "Role (USER, GUEST)", "shop.kind"]
extensions = ["pgcrypto"]
constraints = ["users.users_old", "usersEmailCheck", "shop.orders.later", "nothing.x", "y"]
absent = ["column users.email", "constraint users.users_email_check", "table plans", "index users_email_key",
  "enum Role", "table shop.seen"]
"#;
    assert_snapshot!("requirements/enums-extensions-constraints-absent", differences(&database, demands).text());
}

#[test]
fn rows_are_looked_for_and_what_hides_them_is_said() {
    let database = shop();
    let demands =
        "[require]\nrows = [\"plans\", \"plans where code = 'gold'\", \"users\", \"nothing\", \"plans where x = 1\"]\n";
    let mut sections = differences(&database, demands);

    // Nothing can be written, not even by a function.
    database.sql("CREATE FUNCTION f() RETURNS boolean LANGUAGE sql AS 'DELETE FROM plans RETURNING true'");
    let function = "[require]\nrows = \"plans where f()\"";
    sections.add("a function that writes", differences(&database, function).text());
    assert_eq!(database.sql("SELECT count(*) FROM plans"), "1");

    let role = database.role("");
    database.sql(&format!(
        "ALTER TABLE plans ENABLE ROW LEVEL SECURITY; GRANT SELECT ON plans TO {role}; \
         CREATE POLICY p ON plans TO {role} USING (code = 'gold')"
    ));
    let project = Project::bare().file("doorstep.toml", "[require]\nrows = [\"plans\", \"users\"]\n");
    let output = project.doorstep(&database.url_as(&role), &["diff"]).run().code(0);
    sections.add("row security, and no right", &output.stdout);
    assert_snapshot!("requirements/rows", sections.text());
}

#[test]
fn a_role_is_told_what_it_may_not_read() {
    let database = shop();
    let (reader, nobody) = (database.role(""), database.role(""));
    database.sql(&format!("GRANT SELECT ON users TO {reader}; GRANT USAGE ON SCHEMA shop TO {reader}"));
    let demands = "[require]\ntables = [\"users\", \"shop.orders\"]\ncolumns = [\"users.email\", \"shop.orders.total\"]\n\
                   indexes = [\"users_email_key\"]\n\n[[query]]\nsql = \"SELECT * FROM users WHERE email = $1\"\nindex = \"users_email_key\"\n";
    let project = Project::bare().file("doorstep.toml", demands);
    let run = |role: &str| project.doorstep(&database.url_as(role), &["diff"]).run().code(0);
    let mut sections = Sections::default();
    sections.add("diff, as a role that may read some", &run(&reader).stdout);
    sections.add("diff, as a role without any right", &run(&nobody).stdout);
    // As a setting, too.
    let project = Project::bare();
    let output = project.doorstep(&database.url_as(&nobody), &["run", "--require-tables", "users"]).run().code(3);
    sections.add("run --require-tables users", output.error());
    // The rights of the service's role count, not those of the role that connects.
    let project = Project::bare().file("doorstep.toml", "[require]\ntables = \"users\"");
    let doorstep = project.doorstep(&database.url_as(&nobody), &["verify", "--migrate-url", &database.url()]);
    sections.add("verify --migrate-url", &doorstep.run().code(3).stdout);
    assert_snapshot!("requirements/rights", sections.text());
}

#[test]
fn what_is_written_wrongly_is_told_before_anything_is_waited_for() {
    let mut sections = Sections::default();
    for demands in [
        "[require]\ncolums = []",
        "[requir]\n",
        "[require]\n\ncolumns = \"users\"",
        "[require]\nabsent = \"clients\"",
        "[require]\nrows = \"t where a; DROP TABLE t\"",
        "[require]\nrows = \"t where (a\"",
        "[[query]]\nsql = \"SELECT 1; SELECT 2\"",
        "[[query]]\nname = \"x\"\nsql = \"DROP TABLE t\"",
        "[[query]]\nsql = \"SELECT 'a\"",
        "[[query]]\nsql = \"\"",
    ] {
        let project = Project::bare().file("doorstep.toml", demands);
        let output = project.doorstep("postgresql://u@127.0.0.1:1/x", &["run"]).run().code(78);
        sections.add(demands.trim_end(), output.error());
    }
    let project = Project::sqlite().file("doorstep.toml", "[require]\nenums = \"Role\"\n");
    let output = project.doorstep("file:./dev.db", &["run"]).run().code(78);
    sections.add("[require]\nenums = \"Role\", for SQLite", output.error());
    assert_snapshot!("requirements/mistakes", sections.text());
}

/// The tables and the eight indexes of a service with pages of clients, accounts, invoices and transactions.
const PAGES: &str = "CREATE SCHEMA financial; SET search_path = financial; \
    CREATE TABLE clients (id text PRIMARY KEY, status text NOT NULL, created_at timestamptz NOT NULL DEFAULT now()); \
    CREATE TABLE accounts (id text PRIMARY KEY, client_id text REFERENCES clients, institution text, created_at timestamptz); \
    CREATE TABLE invoices (id text PRIMARY KEY, status text, issue_date date NOT NULL); \
    CREATE TABLE transactions (id text PRIMARY KEY, account_id text REFERENCES accounts, status text, date timestamptz); \
    CREATE INDEX idx_clients_created_at ON clients (created_at DESC); \
    CREATE INDEX idx_clients_status_created_at ON clients (status, created_at DESC); \
    CREATE INDEX idx_accounts_created_at ON accounts (created_at); \
    CREATE INDEX idx_accounts_institution_created_at ON accounts (institution, created_at); \
    CREATE INDEX idx_invoices_issue_date ON invoices (issue_date DESC); \
    CREATE INDEX idx_invoices_status_issue_date ON invoices (status, issue_date DESC); \
    CREATE INDEX idx_transactions_account_date ON transactions (account_id, date DESC); \
    CREATE INDEX idx_transactions_account ON transactions (account_id); \
    CREATE INDEX idx_transactions_status_date ON transactions (status, date DESC, id);";

/// The queries of the pages.
const QUERIES: &str = r#"
[[query]]
sql = "SELECT * FROM financial.clients ORDER BY created_at DESC LIMIT 20"
index = "idx_clients_created_at"
[[query]]
sql = "SELECT * FROM financial.clients WHERE status = $1 ORDER BY created_at DESC LIMIT $2 OFFSET $3"
index = "idx_clients_status_created_at"
[[query]]
sql = "SELECT * FROM financial.accounts ORDER BY created_at DESC LIMIT 20"
index = "financial.idx_accounts_created_at"
[[query]]
sql = "SELECT * FROM financial.accounts WHERE institution = $1 AND created_at < $2 ORDER BY created_at DESC LIMIT 20"
index = "idx_accounts_institution_created_at"
[[query]]
sql = "SELECT * FROM financial.invoices ORDER BY issue_date DESC LIMIT 20"
index = "idx_invoices_issue_date"
[[query]]
sql = "SELECT * FROM financial.invoices WHERE status = 'OPEN' ORDER BY issue_date DESC LIMIT 20;"
index = "idx_invoices_status_issue_date"
[[query]]
sql = "SELECT * FROM financial.transactions WHERE account_id = $1 ORDER BY date DESC LIMIT 20"
index = "idx_transactions_account_date"
[[query]]
sql = "SELECT * FROM financial.transactions WHERE status = $1 ORDER BY date DESC LIMIT 20"
index = "idx_transactions_status_date"
[[query]]
name = "by account"
sql = "SELECT * FROM financial.transactions t JOIN financial.accounts a ON a.id = t.account_id WHERE a.client_id = $1"
index = ["idx_transactions_account_date", "idx_transactions_account"]
[[query]]
name = "close"
sql = "UPDATE financial.invoices SET status = 'CLOSED' WHERE status = $1"
index = "idx_invoices_status_issue_date"
"#;

#[test]
fn pages_can_use_their_indexes_on_an_empty_database() {
    let database = Database::fresh();
    database.sql(PAGES);
    let output = verify(&database, QUERIES).code(0);
    output.stdout_has("verified (0 errors, 0 warnings, 0 notices)");
    // With rows and statistics, too.
    database.sql(
        "INSERT INTO financial.clients SELECT i, i % 3, now() FROM generate_series(1, 2000) i; \
         INSERT INTO financial.accounts SELECT i, i, i % 3, now() FROM generate_series(1, 2000) i; \
         INSERT INTO financial.invoices SELECT i, i % 3, now() FROM generate_series(1, 2000) i; \
         INSERT INTO financial.transactions SELECT i, i % 50 + 1, i % 3, now() FROM generate_series(1, 2000) i; ANALYZE",
    );
    verify(&database, QUERIES).code(0).stdout_has("0 errors, 0 warnings, 0 notices");
    // A role that may only read, and the command of the service.
    let role = database.role("");
    database.sql(&format!(
        "GRANT USAGE ON SCHEMA financial TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA financial TO {role}"
    ));
    let queries = QUERIES.split("[[query]]\nname = \"close\"").next().unwrap();
    let project = Project::bare().file("doorstep.toml", queries);
    project
        .doorstep(&database.url_as(&role), &["run", "--", "echo", "up"])
        .run()
        .code(0)
        .stdout_is("up")
        .stderr_lacks("WARN  verify");
}

#[test]
fn the_indexes_of_partitions_are_those_of_their_table() {
    let database = Database::fresh();
    database.sql(
        "CREATE TABLE events (id bigint, tenant text, at date NOT NULL) PARTITION BY RANGE (at); \
         CREATE INDEX events_tenant_at ON events (tenant, at DESC)",
    );
    let demands = "[[query]]\nsql = \"SELECT * FROM events WHERE tenant = $1 ORDER BY at DESC LIMIT 10\"\n\
                   index = \"events_tenant_at\"\nseverity = \"error\"\n";
    verify(&database, demands).code(0);
    database.sql(
        "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01') \
         PARTITION BY LIST (tenant); CREATE TABLE events_1a PARTITION OF events_1 FOR VALUES IN ('a'); \
         CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')",
    );
    verify(&database, demands).code(0);
    verify(&database, &demands.replace("WHERE tenant = $1 ORDER BY at DESC", "WHERE id = $1")).code(3);
}

#[test]
fn a_query_that_cannot_use_its_index_says_why() {
    let database = Database::fresh();
    database.sql(PAGES);
    database.sql(
        "SET search_path = financial; DROP INDEX idx_clients_created_at; \
         DROP INDEX idx_clients_status_created_at; CREATE INDEX idx_clients_status_created_at ON clients (created_at, status); \
         DROP INDEX idx_accounts_institution_created_at; CREATE INDEX idx_accounts_institution_created_at ON accounts (institution, id); \
         UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_invoices_issue_date'::regclass; \
         DROP INDEX idx_transactions_status_date; CREATE INDEX idx_transactions_status_date ON transactions (date DESC NULLS LAST)",
    );
    let more = "[[query]]\nname = \"of status\"\nsql = \"SELECT * FROM financial.clients WHERE status = $1\"\n\
                index = \"idx_clients_status_created_at\"\nseverity = \"error\"\n";
    // No snapshot: another version of PostgreSQL may have other plans.
    let demands = format!("{QUERIES}{more}");
    verify(&database, &demands).code(3);
    let output = Project::bare().file("doorstep.toml", &demands).doorstep(&database.url(), &["diff"]).run().code(0);
    let output = output.stdout_has("warning  query idx_clients_created_at cannot use its index (required by doorstep.toml:3): expected a plan with the index idx_clients_created_at, there is Limit > ");
    let output = output.stdout_has("there is no index idx_clients_created_at");
    let output = output.stdout_has("warning  query idx_accounts_institution_created_at cannot use its index");
    let output = output.stdout_has("the index is (institution, id): its order is not that of the query, which sorts");
    let output = output
        .stdout_has("warning  query idx_invoices_issue_date cannot use its index")
        .stdout_has("the index is invalid");
    let output = output.stdout_has("warning  query idx_transactions_status_date cannot use its index");
    let output = output.stdout_has("error    query of status cannot use its index");
    output.stdout_has("the index is (created_at, status): the query does not search its first column");
}

#[test]
fn a_query_that_makes_no_sense_is_an_error_with_its_place() {
    let database = shop();
    let demands = "[[query]]\nsql = \"SELECT * FROM users WHERE nmae = $1\"\n[[query]]\nsql = \"SELEC 1\"\n[[query]]\nsql = '''\nSELECT *\n  FROM nothing'''\n\
                   [[query]]\nsql = \"WITH x AS (SELECT 1 +) SELECT * FROM x\"\n[[query]]\nsql = \"SELECT email FROM users\"\n";
    let refused = Project::bare().file("doorstep.toml", demands);
    refused
        .doorstep(&database.url(), &["verify"])
        .run()
        .code(78)
        .stderr_has("doorstep.toml:4: the query 2 is not a SELECT");
    let sections = differences(&database, &demands.replace("SELEC 1", "SELECT f($1, $2)"));
    assert_snapshot!("requirements/queries-that-do-not-run", sections.text());
    assert_eq!(database.sql("SELECT count(*) FROM pg_prepared_statements"), "0");
}

#[test]
fn a_scratch_database_is_asked_for_indexes_and_not_for_rows() {
    let database = Database::fresh();
    let project = Project::with_two().file(
        "doorstep.toml",
        "[require]\nindexes = [\"users (id)\"]\nrows = \"users\"\n[[query]]\nsql = \"SELECT * FROM users WHERE id = $1\"\nindex = \"users_pkey\"\n",
    );
    project.doorstep(&database.url(), &["replay"]).run().code(0);
    let output = project.doorstep(&database.url(), &["run", "--", "echo", "never"]).run().code(3).stdout_is("");
    output.stderr_has("row users is missing (required by doorstep.toml:3)");
    project.write("doorstep.toml", "[require]\ncolumns = \"users.email\"\n");
    project.doorstep(&database.url(), &["replay"]).run().code(3).stderr_has("column public.users.email is missing");
    // A baseline up to a migration does not require what later migrations create.
    database.sql("DROP TABLE _prisma_migrations, posts");
    project.doorstep(&database.url(), &["baseline", "--through", "1_users"]).run().code(0);
}

#[test]
fn sqlite_is_held_to_what_it_has() {
    let project = Project::sqlite();
    let path = project.path("dev.db");
    std::fs::write(&path, "").unwrap();
    crate::support::sqlite(
        &path,
        "CREATE TABLE users (id INTEGER NOT NULL PRIMARY KEY, email TEXT NOT NULL, status TEXT, at DATETIME, \
         CONSTRAINT \"users_email_check\" CHECK (email <> '')); CREATE INDEX users_status_at ON users (status, at); \
         CREATE TABLE plans (code TEXT); INSERT INTO plans VALUES ('free')",
    );
    project.write(
        "doorstep.toml",
        "[require]\ntables = \"users\"\ncolumns = [\"users.email text not null\", \"Users.Status\"]\n\
         indexes = [\"users_status_at\", \"users (status)\", \"unique users (id)\"]\nconstraints = \"users.users_email_check\"\n\
         rows = [\"plans where code = 'free'\"]\nabsent = [\"table old\", \"constraint users.x\"]\n\
         [[query]]\nsql = \"SELECT * FROM users WHERE status = ? ORDER BY at DESC LIMIT 10\"\nindex = \"users_status_at\"\n",
    );
    let output = project.doorstep("file:./dev.db", &["verify"]).run().code(0);
    // "Users.Status" is spelled in another case.
    output.stdout_has("0 errors, 0 warnings, 1 notice");
    project.write(
        "doorstep.toml",
        "[require]\ncolumns = [\"users.email integer\"]\nconstraints = \"users_old\"\nrows = [\"plans where code = 'x'\"]\n\
         absent = \"constraint users.users_email_check\"\n\
         [[query]]\nsql = \"SELECT * FROM users WHERE at = ?\"\nindex = \"users_status_at\"\n[[query]]\nsql = \"SELECT x FROM users\"\n",
    );
    let output = project.doorstep("file:./dev.db", &["diff"]).run().code(0);
    let output =
        output.stdout_has("column main.users.email differs").stdout_has("constraint main.users_old is missing");
    let output =
        output.stdout_has("row plans where code = 'x' is missing").stdout_has("users_email_check should not be there");
    let output = output.stdout_has("query users_status_at cannot use its index").stdout_has("SCAN users");
    output.stdout_has("query 2 does not run").stdout_has("no such column: x");
}
