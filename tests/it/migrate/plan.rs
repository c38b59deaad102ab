//! `plan`: what a start would do, on every engine, without touching anything.

use serde_json::Value;

use crate::support::{Database, MysqlDatabase, Output, Project, is_mariadb, sqlite};

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", output.stdout))
}

/// A project with one applied migration, and a database that has it.
fn begun() -> (Database, Project) {
    let database = Database::fresh();
    let project = Project::new().migration("1_init", "CREATE TABLE orders (id integer PRIMARY KEY, note text);");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    database.sql("INSERT INTO orders SELECT i, 'x' FROM generate_series(1, 1000) i; ANALYZE orders");
    (database, project)
}

/// All that a plan must leave as it is.
fn state(database: &Database) -> String {
    database.sql(
        "SELECT (SELECT md5(string_agg(m::text, ',')) FROM _prisma_migrations m), (SELECT count(*) FROM pg_class), \
         (SELECT count(*) FROM pg_namespace)",
    )
}

#[test]
fn pending_migrations_come_with_their_mode_their_locks_and_the_size_of_the_tables() {
    let (database, project) = begun();
    let project = project
        .migration("2_status", "ALTER TABLE orders ADD COLUMN status text;\nUPDATE orders SET status = 'new';\n")
        .migration("3_index", "CREATE INDEX CONCURRENTLY i ON orders (status);\nCREATE TABLE fresh (id int);\nCREATE INDEX j ON fresh (id);")
        .migration("4_code", "DO $$ BEGIN PERFORM 1; END $$;");
    let before = state(&database);
    let plan = |form: &str| project.doorstep(&database.url(), &["plan", "--format", form]).run().code(0);
    let text = plan("text");
    for line in [
        "(PostgreSQL",
        "3 of 4 migrations of prisma/migrations are pending",
        "2_status  in one transaction with its record",
        "prisma/migrations/2_status/migration.sql:1  ALTER TABLE orders ADD COLUMN status text",
        "public.orders (about 1,000 rows, ",
        "ACCESS EXCLUSIVE, reads and writes wait until line 2 has written its rows",
        "3_index  in 3 steps, each recorded; a statement refuses a transaction (line 1)",
        "SHARE UPDATE EXCLUSIVE, nothing waits during the index build",
        "which tables it touches is unknown",
        "no session is in the way now",
        "backup: a dump reads",
    ] {
        assert!(text.stdout.contains(line), "{line}\n{}", text.stdout);
    }
    // A table that a pending migration creates is nobody's yet.
    text.stdout_lacks("fresh");
    let json = json(&plan("json"));
    let modes: Vec<_> = json["migrations"].as_array().unwrap().iter().map(|it| it["mode"].as_str().unwrap()).collect();
    assert_eq!(modes, ["atomic", "steps", "atomic"]);
    let table = &json["migrations"][0]["statements"][0]["tables"][0];
    assert_eq!(
        (&table["lock"], &table["rows"], &table["held_line"]),
        (&"ACCESS EXCLUSIVE".into(), &1000.into(), &2.into())
    );
    assert_eq!(json["migrations"][2]["statements"][0]["opaque"], true);
    let markdown = plan("markdown");
    markdown.stdout_has("### doorstep plan:").stdout_has("| **2\\_status** | |").stdout_has("| 1 | `ALTER TABLE");
    assert_eq!(state(&database), before);
    assert_eq!(database.sql("SELECT to_regclass('fresh') IS NULL"), "t");
}

#[test]
fn a_session_whose_lock_conflicts_is_named_with_its_age() {
    let (database, project) = begun();
    let project = project.migration("2_status", "ALTER TABLE orders ADD COLUMN status text;");
    let reader = database.idle_session("BEGIN; SELECT count(*) FROM orders;");
    let output = project.doorstep(&database.url(), &["plan", "--format", "json"]).run().code(0);
    let waits = json(&output)["waits"].clone();
    let wait = &waits[0];
    assert_eq!(
        (&wait["migration"], &wait["table"], &wait["needs"], &wait["has"]),
        (&"2_status".into(), &"public.orders".into(), &"ACCESS EXCLUSIVE".into(), &"ACCESS SHARE".into())
    );
    assert!(wait["seconds"].is_u64() && wait["session"].as_str().unwrap().contains("idle in transaction"), "{wait}");
    drop(reader);
    // A table that is locked for longer than the question waits has the size of the statistics.
    let _writer = database.idle_session("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;");
    let output = project.doorstep(&database.url(), &["plan"]).run().code(0);
    output.stdout_has("public.orders (about 1,000 rows, ").stdout_has("has ACCESS EXCLUSIVE");
}

#[test]
fn verify_is_told_in_advance_as_far_as_the_scripts_tell() {
    let (database, project) = begun();
    let schema = "datasource db {\n  provider = \"postgresql\"\n  url = env(\"DATABASE_URL\")\n}\n\
                  model orders {\n  id Int @id\n  note String?\n  status String?\n}\nmodel later {\n  id Int @id\n}\n";
    project.write("prisma/schema.prisma", schema);
    let plan =
        |project: &Project| json(&project.doorstep(&database.url(), &["plan", "--format", "json"]).run().code(0));
    let project = project.migration("2_status", "ALTER TABLE orders ADD COLUMN status text;");
    let told = plan(&project)["verify"].clone();
    assert_eq!(
        (&told["ok"], &told["closed"][0]["object"]),
        (&false.into(), &"column public.orders.status".into()),
        "{told}"
    );
    assert_eq!(told["remaining"][0]["object"], "table public.later", "{told}");
    let project = project.migration("3_later", "CREATE TABLE later (id integer PRIMARY KEY);");
    assert_eq!(plan(&project)["verify"]["ok"], true);
    let project = project.migration("4_slip", "\nALTER TABLE orders DROP COLUMN note;");
    let told = plan(&project)["verify"].clone();
    assert_eq!(
        (&told["ok"], &told["broken"][0]["object"]),
        (&false.into(), &"column public.orders.note".into()),
        "{told}"
    );
    assert_eq!((&told["broken"][0]["migration"], &told["broken"][0]["line"]), (&"4_slip".into(), &2.into()));
    // What was told is what comes.
    project.doorstep(&database.url(), &["run"]).run().code(3).stderr_has("column public.orders.note is missing");
}

#[test]
fn a_database_that_does_not_exist_is_not_created_and_everything_is_pending() {
    let database = Database::absent();
    let project = Project::with_two();
    let output = project.doorstep(&format!("{}?schema=app", database.url()), &["plan"]).run().code(0);
    output
        .stdout_has("does not exist")
        .stdout_has("a start would create the database")
        .stdout_has("touches no table that exists");
    let exists = format!("SELECT count(*) FROM pg_database WHERE datname = '{}'", database.name);
    assert_eq!(crate::support::psql(database.port, "postgres", &exists), "0");
    let database = Database::fresh();
    let output = project.doorstep(&format!("{}?schema=app", database.url()), &["plan"]).run().code(0);
    output.stdout_has("a start would create the schemas app");
    assert_eq!(database.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'app'"), "0");
}

#[test]
fn without_a_database_the_files_tell_how_each_runs() {
    let project = Project::bare();
    project.write("migrations/1_init.sql", "CREATE TABLE a (id integer PRIMARY KEY);\n");
    project.write("migrations/2_index.sql", "CREATE INDEX CONCURRENTLY i ON a (id);\nALTER TABLE other ADD b int;\n");
    let plan = |more: &[&str]| {
        let arguments = [&["plan"][..], more].concat();
        project.doorstep("", &arguments).env_remove("DATABASE_URL").run()
    };
    plan(&[]).code(78).stderr_has("--dialect");
    let text = plan(&["--dialect", "postgresql"]).code(0);
    let text = text.stdout_has("no database is named, as on an empty one: 2 of 2 migrations of migrations are pending");
    let text = text.stdout_has("in 2 steps, each recorded; a statement refuses a transaction (line 1)");
    text.stdout_has("public.other: ACCESS EXCLUSIVE").stdout_lacks("public.a").stdout_lacks("in the way");
    let json = json(&plan(&["--dialect", "postgresql", "--format", "json"]).code(0));
    assert!(json["database"].is_null() && json["waits"].is_null() && json["verify"].is_null(), "{json}");
}

#[test]
fn what_would_stop_the_start_has_its_exit_code_and_nothing_pending_is_said_shortly() {
    let (database, project) = begun();
    let output = project.doorstep(&database.url(), &["plan"]).run().code(0);
    output.stdout_has("no migration of prisma/migrations is pending").stdout_lacks("backup");
    let project = project.migration("2_broken", "CREATE TABLE a (;");
    project.doorstep(&database.url(), &["migrate"]).run().code(65);
    let output = project.doorstep(&database.url(), &["plan"]).run().code(65);
    output.stdout_has("a start would stop before the first migration").stderr_has("2_broken");
    project.doorstep(&database.url(), &["plan", "--migrations", "nowhere"]).run().code(78);
    // Tables of others, and no history (P3005): both say the same.
    let other = Database::fresh();
    other.sql("CREATE TABLE someone (id integer)");
    let project = Project::with_two();
    let refused = project.doorstep(&other.url(), &["plan"]).run().code(65).stdout_has("a start would stop before");
    let said = |output: &Output| output.stderr.split_once("ERROR").unwrap().1.to_owned();
    assert_eq!(said(&refused), said(&project.doorstep(&other.url(), &["migrate"]).run().code(65)));
    // What a start leaves to others is said.
    let (database, project) = begun();
    let project = project.migration("2_more", "ALTER TABLE orders ADD COLUMN a int;");
    let plan = project.doorstep(&database.url(), &["plan", "--migrate", "await"]).run().code(0);
    plan.stdout_has("migrate = await: a start applies none of them");
}

#[test]
fn hooks_are_named_without_their_passwords_and_secrets_never_show() {
    let (database, project) = begun();
    let project = project.migration("2_more", "ALTER TABLE orders ADD COLUMN a int;");
    project.write("doorstep.toml", "before_migrate = \"./backup.sh postgresql://u:hunter2@backup/d\"\n");
    for form in ["text", "json", "markdown"] {
        let output = project.doorstep(&database.url(), &["plan", "--format", form]).run().code(0);
        output.stdout_has("backup.sh").stdout_lacks("hunter2");
    }
}

#[test]
fn on_mysql_the_lock_is_how_innodb_carries_it_out() {
    let database = MysqlDatabase::fresh();
    let project = Project::bare();
    project.write("migrations/1_init.sql", "CREATE TABLE orders (id integer PRIMARY KEY, note varchar(20));\n");
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    project
        .write("migrations/2_more.sql", "ALTER TABLE orders ADD COLUMN a int;\nALTER TABLE orders MODIFY note int;\n");
    let plan = json(&project.doorstep(&database.url(), &["plan", "--format", "json"]).run().code(0));
    let migration = &plan["migrations"][0];
    assert_eq!((&migration["mode"], &migration["reason"]), (&"steps".into(), &"commits_itself".into()), "{plan}");
    let lock = |index: usize| migration["statements"][index]["tables"][0]["lock"].as_str().unwrap().to_owned();
    assert_eq!(lock(1), "COPY, LOCK=SHARED", "{plan}");
    assert!(["INSTANT", "INPLACE, LOCK=NONE"].contains(&lock(0).as_str()), "{} (MariaDB: {})", lock(0), is_mariadb());
    assert!(plan["waits"].is_null() && plan["backup"]["bytes"].is_u64(), "{plan}");
    assert_eq!(database.sql("SHOW COLUMNS FROM orders LIKE 'a'"), "");
}

#[test]
fn on_sqlite_every_statement_locks_the_database() {
    let project = Project::bare();
    let file = project.path("app.db");
    let url = format!("file:{}", file.display());
    project.write("migrations/1_init.sql", "CREATE TABLE orders (id integer PRIMARY KEY);\n");
    // Nothing is created, not even the file.
    project.doorstep(&url, &["plan"]).run().code(0).stdout_has("a start would create the database");
    assert!(!file.exists());
    project.doorstep(&url, &["migrate"]).run().code(0);
    project.write("migrations/2_more.sql", "ALTER TABLE orders ADD COLUMN note text;\n");
    project.doorstep(&url, &["plan"]).run().code(0).stdout_has("main.orders").stdout_has("whole database");
    assert_eq!(sqlite(&file, "SELECT count(*) FROM pragma_table_info('orders')"), "1");
}

#[test]
fn migrations_in_code_are_listed_by_name() {
    let database = Database::fresh();
    let project = Project::bare();
    project.write("package.json", "{\"dependencies\": {\"knex\": \"3\"}}");
    project.write("knexfile.js", "module.exports = { client: 'pg', migrations: { directory: './migrations' } }");
    project.write(
        "migrations/20240101000000_first.js",
        "exports.up = knex => knex.schema.createTable('a', t => t.increments());\n",
    );
    let output = project.doorstep(&database.url(), &["plan"]).run().code(0);
    output.stdout_has("20240101000000_first").stdout_has("by its tool: doorstep does not read its code");
}
