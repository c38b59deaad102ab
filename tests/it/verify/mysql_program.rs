//! The program on MySQL and MariaDB: `verify`, `diff --script`, `[require]`, `[[query]]` and snapshots.

use crate::support::{MysqlDatabase, Output, Project};

const SCHEMA: &str = "datasource db {\n  provider = \"mysql\"\n  url = env(\"DATABASE_URL\")\n}\n\
    enum Role {\n  USER\n  ADMIN\n}\n\
    model User {\n  id Int @id @default(autoincrement()) @db.UnsignedInt\n  email String @unique\n  role Role @default(USER)\n  \
    seen DateTime @default(now())\n  active Boolean @default(true)\n  note String? @db.Text\n  data Json?\n  tags Tag[]\n  posts Post[]\n\n  \
    @@index([note(length: 20), seen(sort: Desc)])\n  @@fulltext([note])\n}\n\
    model Post {\n  id BigInt @id\n  userId Int @db.UnsignedInt\n  user User @relation(fields: [userId], references: [id])\n}\n\
    model Tag {\n  id Int @id\n  users User[]\n}\n";

fn project() -> Project {
    Project::bare().file("prisma/schema.prisma", SCHEMA)
}

fn verify(database: &MysqlDatabase, demands: &str) -> Output {
    Project::bare().file("doorstep.toml", demands).doorstep(&database.url(), &["verify"]).run()
}

/// `severity kind object` of each finding, without the name of the database.
fn findings(output: &Output, database: &MysqlDatabase) -> Vec<String> {
    let report: serde_json::Value =
        serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}", output.stderr));
    let word = |finding: &serde_json::Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let line = |finding| ["severity", "kind", "object"].map(|key| word(finding, key)).join(" ");
    let lines = report["findings"].as_array().unwrap().iter().map(line);
    lines.map(|line| line.replace(&format!("{}.", database.name), "")).collect()
}

#[test]
fn the_script_of_a_prisma_schema_makes_it_verified() {
    let database = MysqlDatabase::fresh();
    let project = project();
    let script = project.doorstep(&database.url(), &["diff", "--script"]).run().code(0).stdout;
    assert!(script.contains("CREATE TABLE `User` (\n    `id` INTEGER UNSIGNED NOT NULL AUTO_INCREMENT,\n"), "{script}");
    database.sql(&script);
    let output = project.doorstep(&database.url(), &["verify"]).run().code(0);
    output.stdout_has("verified (0 errors, 0 warnings, 0 notices)");
    database.sql(
        "ALTER TABLE User DROP COLUMN active, MODIFY role ENUM('USER') NOT NULL, DROP INDEX User_email_key; \
         ALTER TABLE Post DROP FOREIGN KEY Post_userId_fkey; CREATE TABLE other (id int)",
    );
    let output = project.doorstep(&database.url(), &["verify", "--format", "json"]).run().code(3);
    assert_eq!(
        findings(&output, &database),
        [
            "error different column User.role",
            "error missing column User.active",
            "error missing unique User_email_key",
            "notice extra index Post_userId_fkey",
            "warning missing foreign_key Post.userId",
            "notice extra table other",
        ]
    );
    let script = project.doorstep(&database.url(), &["diff", "--script"]).run().code(0).stdout;
    assert!(script.contains("ADD COLUMN `active` BOOLEAN NOT NULL DEFAULT true"), "{script}");
    database.sql("ALTER TABLE User MODIFY role ENUM('USER', 'ADMIN') NOT NULL DEFAULT 'USER'; DROP INDEX Post_userId_fkey ON Post");
    database.sql(&script);
    let output = project.doorstep(&database.url(), &["verify", "--format", "json"]).run().code(0);
    assert_eq!(findings(&output, &database), ["notice extra table other"]);
}

const SHOP: &str = "CREATE TABLE users (id int unsigned PRIMARY KEY AUTO_INCREMENT, email varchar(191) NOT NULL, \
    role enum('USER','ADMIN') NOT NULL, doc json, UNIQUE INDEX users_email_key (email)); \
    CREATE TABLE orders (id bigint PRIMARY KEY, user_id int unsigned NOT NULL, total decimal(10,2), at datetime(3), note text, \
    INDEX orders_user_at (user_id, at DESC), INDEX orders_note (note(20)), \
    CONSTRAINT orders_user_fkey FOREIGN KEY (user_id) REFERENCES users (id), CONSTRAINT orders_total CHECK (total > 0)); \
    CREATE VIEW seen AS SELECT 1 AS x; CREATE TABLE plans (code varchar(9)); INSERT INTO plans VALUES ('free')";

#[test]
fn what_is_required_and_there_is_no_finding() {
    let database = MysqlDatabase::fresh();
    database.sql(SHOP);
    let demands = r#"
[require]
tables = ["users", "orders", "seen"]
columns = [
  "users.email varchar(191) not null", "users.id int unsigned", "users.role enum('USER','ADMIN')", "users.email varchar",
  "orders.total decimal(10, 2) null", "orders.at datetime(3)", "orders.note text",
]
indexes = ["users_email_key", "orders_user_at", "orders (user_id)", "orders (user_id, at desc)", "unique users (email)"]
constraints = ["orders_user_fkey", "orders.orders_total"]
rows = ["plans", "plans where code = 'free'"]
absent = ["column users.alert_email", "table old", "index users_idx"]
"#;
    verify(&database, demands).code(0).stdout_has("verified (0 errors, 0 warnings, 0 notices)");
}

#[test]
fn what_is_required_and_lacking_is_found() {
    let database = MysqlDatabase::fresh();
    database.sql(SHOP);
    let demands = r#"
[require]
tables = ["nothing"]
columns = ["users.email varchar(20)", "users.role enum('USER','GUEST')", "orders.nothing int"]
indexes = ["unique orders (user_id)"]
rows = ["plans where code = 'paid'"]
absent = ["index orders_note"]
"#;
    let output = Project::bare().file("doorstep.toml", demands);
    let output = output.doorstep(&database.url(), &["verify", "--format", "json"]).run().code(3);
    let mut found = findings(&output, &database);
    found.sort();
    assert_eq!(
        found,
        [
            "error different column users.role",
            "error different unique orders (user_id)",
            "error extra index orders_note",
            "error missing column orders.nothing",
            "error missing row plans where code = 'paid'",
            "error missing table nothing",
            "warning different column users.email",
        ]
    );
    assert!(output.stdout.contains("DROP INDEX `orders_note` ON"), "{}", output.stdout);
}

#[test]
fn a_query_may_use_an_index_that_the_server_does_not_take_on_an_empty_table() {
    let database = MysqlDatabase::fresh();
    database.sql(SHOP);
    let demands = r#"
[[query]]
name = "either"
sql = "SELECT * FROM orders WHERE user_id = ? OR id = ?"
index = "orders_user_at"

[[query]]
name = "page"
sql = "SELECT * FROM orders WHERE user_id = ? ORDER BY at DESC LIMIT ?"
index = "orders_user_at"

[[query]]
name = "by key"
sql = "SELECT * FROM users WHERE email = 'it''s'"
index = "users_email_key"

[[query]]
name = "plain"
sql = "SELECT 1"
"#;
    verify(&database, demands).code(0);
    let lacking = r#"
[[query]]
name = "total"
sql = "SELECT * FROM orders WHERE total > ?"
index = "orders_user_at"

[[query]]
name = "wrong"
sql = "SELECT nothing FROM orders"
"#;
    let output = Project::bare().file("doorstep.toml", lacking);
    let output = output.doorstep(&database.url(), &["verify", "--format", "json"]).run();
    let found = findings(&output, &database);
    assert_eq!(found, ["warning different query total", "error missing query wrong"], "{}", output.stdout);
}

#[test]
fn a_snapshot_of_one_database_is_met_by_another() {
    let (maker, database) = (MysqlDatabase::fresh(), MysqlDatabase::fresh());
    let project = Project::mysql().migration("1_shop", SHOP);
    let snapshot = project.doorstep(&maker.url(), &["snapshot"]).run().code(0).stdout;
    assert!(!snapshot.contains(&format!("\"{}.", maker.name)), "{snapshot}");
    database.sql(SHOP);
    let reader = Project::bare().file("doorstep.snapshot.json", &snapshot);
    let output = reader.doorstep(&database.url(), &["verify"]).run().code(0);
    output.stdout_has("verified (0 errors, 0 warnings, 0 notices)");
    database
        .sql("ALTER TABLE orders DROP INDEX orders_note, ADD INDEX orders_note (note(30)), MODIFY total decimal(10,3)");
    let output = reader.doorstep(&database.url(), &["verify", "--format", "json"]).run();
    assert_eq!(
        findings(&output, &database),
        ["warning different column orders.total", "warning different index orders_note"]
    );
}
