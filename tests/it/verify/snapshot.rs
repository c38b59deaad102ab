//! `snapshot`: the catalog that a folder creates, as a file, and the comparison of a database with such a file.

use crate::support::{Database, Output, Project};

/// Objects of real folders that no Prisma schema can express.
const RICH: &str = "
CREATE EXTENSION citext;
CREATE SCHEMA audit;
CREATE TYPE \"Role\" AS ENUM ('USER', 'ADMIN');
CREATE TYPE audit.kind AS ENUM ('a', 'b');
CREATE DOMAIN short AS varchar(8) NOT NULL CHECK (VALUE <> '');
CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email citext NOT NULL UNIQUE, role \"Role\" DEFAULT 'USER',
    roles \"Role\"[] NOT NULL DEFAULT '{USER,ADMIN}', name short, price numeric(12,2) DEFAULT 1.50,
    doubled integer GENERATED ALWAYS AS (id * 2) STORED, at timestamptz(3) DEFAULT now(), day date DEFAULT '2020-01-01',
    doc jsonb DEFAULT '{\"b\": 1, \"a\": [1, 2]}', raw bytea DEFAULT '\\xAB', code char(3) DEFAULT 'x', words tsvector,
    spot point DEFAULT '(1,2)', span int4range, number serial, later integer DEFAULT twice(2), flags bit(3),
    key uuid DEFAULT gen_random_uuid(), \"a\"\"b\" text, CONSTRAINT positive CHECK (price > 0)
);
CREATE UNIQUE INDEX lowered ON users (lower(email::text), role);
CREATE INDEX partial ON users (at DESC NULLS LAST) INCLUDE (code) WHERE role = 'ADMIN' AND price > 1;
CREATE INDEX words ON users USING gin (words);
CREATE INDEX pattern ON users (code bpchar_pattern_ops);
CREATE TABLE audit.events (
    id bigserial, at date NOT NULL, kind audit.kind, user_id bigint REFERENCES users ON DELETE CASCADE, PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE audit.events_2020 PARTITION OF audit.events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE INDEX by_kind ON audit.events (kind);
CREATE INDEX only_here ON ONLY audit.events (user_id);
CREATE TABLE bookings (room integer, during int4range, EXCLUDE USING gist (during WITH &&));
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child (more text) INHERITS (parent);
ALTER TABLE bookings ADD CONSTRAINT unchecked CHECK (room > 0) NOT VALID;
ALTER TABLE bookings ADD CONSTRAINT to_parent FOREIGN KEY (room) REFERENCES parent NOT VALID;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE VIEW seen AS SELECT id FROM users;
CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM users;
";

fn rich() -> Project {
    Project::new().migration("1_init", "CREATE TABLE first (id integer PRIMARY KEY);").migration("2_rich", RICH)
}

#[track_caller]
fn has_no_finding(output: Output) {
    output.code(0).stdout_has("(0 errors, 0 warnings, 0 notices)");
}

#[test]
fn the_same_folder_applied_is_as_the_snapshot_has_it() {
    let database = Database::fresh();
    let project = rich();
    let first = project.doorstep(&database.url(), &["snapshot"]).run().code(0);
    project.doorstep(&database.url(), &["snapshot", "--output", "doorstep.snapshot.json"]).run().code(0).stdout_is("");
    let file = std::fs::read_to_string(project.path("doorstep.snapshot.json")).unwrap();
    assert_eq!(first.stdout, file, "the same folder gives the same text");
    assert_eq!(database.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"), "0");
    let json: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert_eq!(json["migrations"], serde_json::json!(["1_init", "2_rich"]));
    assert_eq!((&json["format"], &json["home"], &json["dialect"]), (&1.into(), &"public".into(), &"postgresql".into()));
    assert!(!file.contains("_prisma_migrations"), "{file}");

    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_lacks("WARN");
    has_no_finding(project.doorstep(&database.url(), &["verify"]).run());
    project.doorstep(&database.url(), &["diff"]).run().code(0).stdout_is("");
    let script = project.doorstep(&database.url(), &["diff", "--script"]).run().code(0);
    script.stdout_has("lacks of doorstep.snapshot.json\n\n-- This is an empty migration.");

    database.sql(
        "DROP TABLE first; ALTER TABLE users DROP COLUMN code CASCADE, DROP CONSTRAINT positive; DROP INDEX lowered",
    );
    project
        .doorstep(&database.url(), &["verify"])
        .run()
        .code(3)
        .stdout_has("lowered   is missing  doorstep.snapshot.json");
    let output = project.doorstep(&database.url(), &["diff"]).run().code(0);
    let output = output.stdout_has("table public.first is missing (required by doorstep.snapshot.json)");
    let output = output.stdout_has("column public.users.code is missing (required by doorstep.snapshot.json)");
    let output = output.stdout_has("warning  constraint public.users.positive is missing");
    output.stdout_has("unique public.lowered is missing (required by doorstep.snapshot.json)");
    let script = project.doorstep(&database.url(), &["diff", "--script"]).run().code(0).stdout;
    assert!(script.contains("\"lowered\" holds an expression: take its statement from the migration"), "{script}");
    database.sql(&script);
    assert!(script.contains("\"positive\" is known by name alone: take its statement"), "{script}");
    database.sql("CREATE UNIQUE INDEX lowered ON users (lower(email::text), role)");
    database.sql("ALTER TABLE users ADD CONSTRAINT positive CHECK (price > 0)");
    has_no_finding(project.doorstep(&database.url(), &["verify"]).run());
}

#[test]
fn the_home_schema_may_have_another_name() {
    let database = Database::fresh();
    let project = rich();
    let output = project.doorstep(&database.url(), &["snapshot", "--output", "made.json"]).run().code(0);
    output.stdout_is("");
    let url = database.url() + "?schema=app";
    database.sql("CREATE EXTENSION citext");
    let project =
        project.migration("2_rich", &RICH.replace("CREATE EXTENSION citext;", "").replace("citext", "public.citext"));
    project.doorstep(&url, &["run"]).run().code(0);
    has_no_finding(project.doorstep(&url, &["verify", "--snapshot", "made.json"]).run());
    // The other direction.
    project.doorstep(&url, &["snapshot", "--output", "app.json"]).run().code(65).stderr_has("citext");
    database.sql("DROP TABLE app.first");
    let output = project.doorstep(&url, &["run", "--snapshot", "made.json"]).run().code(3);
    output.stderr_has("table app.first is missing (required by made.json)");
}

#[test]
fn sqlite_has_snapshots_too() {
    let project = Project::sqlite().migration(
        "1_init",
        "CREATE TABLE a (id INTEGER PRIMARY KEY, n DECIMAL(10, 2) DEFAULT 1.5, t TEXT UNIQUE, d AS (n * 2));\n\
         CREATE TABLE b (x, y REFERENCES a, PRIMARY KEY (x, y)) WITHOUT ROWID;\n\
         CREATE INDEX i ON a (lower(t)) WHERE n > 1; CREATE VIEW v AS SELECT 1;\n",
    );
    let url = format!("file:{}", project.path("dev.db").display());
    project.doorstep(&url, &["snapshot", "--output", "doorstep.snapshot.json"]).run().code(0);
    project.doorstep(&url, &["run"]).run().code(0);
    has_no_finding(project.doorstep(&url, &["verify"]).run());
    crate::support::sqlite(&project.path("dev.db"), "DROP TABLE b");
    let output = project.doorstep(&url, &["diff", "--script"]).run().code(0);
    output.stdout_has("CREATE TABLE \"b\" (");
}

#[test]
fn a_snapshot_that_cannot_be_used_says_why_and_how_to_make_it_anew() {
    let database = Database::fresh();
    let project = rich();
    let made = project.doorstep(&database.url(), &["snapshot"]).run().code(0).stdout;
    let refused = |text: &str, why: &str| {
        project.write("s.json", text);
        let output = project.doorstep(&database.url(), &["verify", "--snapshot", "s.json"]).run().code(78);
        let output = output.stderr_has("the snapshot s.json cannot be used: ").stderr_has(why);
        output.stderr_has("next: create it again: doorstep snapshot --output s.json");
    };
    refused("", "EOF while parsing");
    refused("[]", "it is not a snapshot");
    refused("{}", "it is not a snapshot");
    refused(&made.replace("\"format\": 1", "\"format\": 9"), "its format version is 9, and this doorstep reads 1");
    refused(&made.replace("\"postgresql\"", "\"sqlite\""), "it is of sqlite, and the database is postgresql");
    refused(&made.replace("\"int4\"", "\"int4(x)\""), "`int4(x)` is not a type");
    refused(&made.replace("\"tables\"", "\"tabels\""), "missing field `tables`");
    let output = project.doorstep(&database.url(), &["verify", "--snapshot", "absent.json"]).run().code(78);
    output.stderr_has("the snapshot absent.json cannot be used: No such file").stderr_has("--output absent.json");
    // It can be written again.
    project.write("doorstep.snapshot.json", "garbage");
    project.doorstep(&database.url(), &["snapshot", "--output", "doorstep.snapshot.json"]).run().code(0);
    let output = project.doorstep(&database.url(), &["snapshot", "--output", "/nowhere/x.json"]).run().code(71);
    output.stderr_has("cannot write /nowhere/x.json");
    Project::bare()
        .doorstep(&database.url(), &["snapshot"])
        .run()
        .code(78)
        .stderr_has("no migrations folder was found");
}
