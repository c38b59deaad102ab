//! What looks like a difference and is none, or cannot be told: no error and no warning.

use super::findings;
use crate::support::{Database, Project};

fn project(models: &str) -> Project {
    let schema = format!("datasource db {{\n  provider = \"postgresql\"\n}}\n{models}");
    Project::new().file("prisma/schema.prisma", &schema)
}

#[test]
fn a_column_that_a_trigger_or_a_domain_fills() {
    let database = Database::fresh();
    database.sql(
        "CREATE DOMAIN stamp AS text NOT NULL DEFAULT 'none';
         CREATE TABLE \"Ticket\" (id integer PRIMARY KEY, number text NOT NULL, mark stamp);
         CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.number := 'T-' || NEW.id; RETURN NEW; END $$;
         CREATE TRIGGER fill BEFORE INSERT ON \"Ticket\" FOR EACH ROW EXECUTE FUNCTION fill()",
    );
    let project = project("model Ticket {\n  id Int @id\n}\n");
    assert_eq!(
        findings(&project, &database),
        ["notice uncompared column public.Ticket.number", "notice extra column public.Ticket.mark"]
    );
    // A trigger that cannot fill it is none.
    database.sql("DROP TRIGGER fill ON \"Ticket\"; CREATE TRIGGER fill AFTER INSERT ON \"Ticket\" FOR EACH ROW EXECUTE FUNCTION fill()");
    assert_eq!(findings(&project, &database)[0], "error extra column public.Ticket.number");
}

#[test]
fn defaults_that_the_server_writes_otherwise() {
    let database = Database::fresh();
    database.sql(
        "CREATE TABLE \"D\" (id integer PRIMARY KEY, \
         later timestamptz(6) NOT NULL DEFAULT now() + interval '1 day', \
         day date NOT NULL DEFAULT date '2020-01-01', \
         code text NOT NULL DEFAULT CAST('a' AS text), \
         key uuid NOT NULL DEFAULT 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', \
         host inet NOT NULL DEFAULT '10.0.0.1/32', \
         sum integer NOT NULL DEFAULT 1 + 1)",
    );
    let project = project(
        "model D {\n  id Int @id\n  \
         later DateTime @default(dbgenerated(\"now() + interval '1 day'\")) @db.Timestamptz(6)\n  \
         day DateTime @default(dbgenerated(\"date '2020-01-01'\")) @db.Date\n  \
         code String @default(dbgenerated(\"CAST('a' AS text)\"))\n  \
         key String @default(\"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11\") @db.Uuid\n  \
         host String @default(\"10.0.0.1/32\") @db.Inet\n  \
         sum Int @default(2)\n}\n",
    );
    let uncompared = ["notice uncompared column public.D.host", "notice uncompared column public.D.sum"];
    assert_eq!(findings(&project, &database), uncompared);
    database.sql("ALTER TABLE \"D\" ALTER code SET DEFAULT 'b'");
    assert_eq!(findings(&project, &database)[0], "warning different column public.D.code");
}

#[test]
fn a_model_on_a_view_needs_its_columns() {
    let database = Database::fresh();
    database.sql("CREATE TABLE base (id integer PRIMARY KEY, name text NOT NULL); CREATE VIEW \"Seen\" AS SELECT id, name FROM base");
    let model = |columns: &str| project(&format!("model Seen {{\n  id Int @id\n  name String\n{columns}}}\n"));
    let known = ["notice different table public.Seen", "notice extra table public.base"];
    assert_eq!(findings(&model(""), &database), known);
    let found = findings(&model("  age Int @default(0)\n"), &database);
    assert_eq!(found, [known[0], "error missing column public.Seen.age", known[1]]);
    let role = database.role("");
    database.sql(&format!("GRANT SELECT ON base TO {role}"));
    let output = model("").doorstep(&database.url_as(&role), &["verify", "--format", "json"]).run().code(3);
    output.stdout_has("\"hidden\"");
}

#[test]
fn tables_of_extensions_and_of_another_source_are_not_extra() {
    let database = Database::fresh();
    database.sql(
        "CREATE TABLE \"A\" (id integer PRIMARY KEY); CREATE TABLE owned (); \
         CREATE SCHEMA audit; CREATE TABLE audit.log (id integer PRIMARY KEY); CREATE TYPE audit.level AS ENUM ('low')",
    );
    // The script of an extension creates its tables; so does this.
    database.sql("CREATE EXTENSION pg_trgm; ALTER EXTENSION pg_trgm ADD TABLE owned");
    let maker = Project::new().migration(
        "1_log",
        "CREATE SCHEMA audit; CREATE TABLE audit.log (id integer PRIMARY KEY); CREATE TYPE audit.level AS ENUM ('low')",
    );
    let maker = maker.file("doorstep.toml", "schemas = [\"public\", \"audit\"]\n");
    let snapshot = maker.doorstep(&Database::fresh().url(), &["snapshot"]).run().code(0).stdout;
    let project = project("model A {\n  id Int @id\n}\n").file("doorstep.snapshot.json", &snapshot);
    assert_eq!(findings(&project, &database), [] as [&str; 0]);
    // What nothing expects still is extra.
    database.sql("CREATE TABLE audit.other ()");
    assert_eq!(findings(&project, &database), ["notice extra table audit.other"]);
}

#[test]
fn an_index_that_includes_more_serves_as_well() {
    let database = Database::fresh();
    database.sql(
        "CREATE EXTENSION pg_trgm; CREATE TABLE \"I\" (id integer PRIMARY KEY, a text NOT NULL, b text NOT NULL); \
         CREATE INDEX \"I_a_idx\" ON \"I\" (a) INCLUDE (b); CREATE UNIQUE INDEX \"I_b_key\" ON \"I\" (b) INCLUDE (a); \
         CREATE INDEX grams ON \"I\" USING gist (a gist_trgm_ops (siglen = 32))",
    );
    let project = project(
        "model I {\n  id Int @id\n  a String\n  b String @unique\n\n  @@index([a])\n  \
         @@index([a(ops: raw(\"gist_trgm_ops(siglen = 32)\"))], type: Gist, map: \"grams\")\n}\n",
    );
    let found = findings(&project, &database);
    let expected = [
        "notice different unique public.I_b_key",
        "notice different index public.I_a_idx",
        "notice uncompared index public.grams",
    ];
    assert_eq!(found, expected);
}

#[test]
fn keys_that_are_not_enforced_are_called_so() {
    let database = Database::fresh();
    let version: u32 = database.sql("SELECT current_setting('server_version_num')").parse().unwrap();
    if version < 180_000 {
        // NOT ENFORCED came with PostgreSQL 18, on which scripts/test --postgres 18 runs this.
        return;
    }
    database.sql(
        "CREATE TABLE \"U\" (id integer PRIMARY KEY); CREATE TABLE \"K\" (id integer PRIMARY KEY, \"uId\" integer NOT NULL, \
         CONSTRAINT \"K_uId_fkey\" FOREIGN KEY (\"uId\") REFERENCES \"U\" (id) ON UPDATE CASCADE ON DELETE RESTRICT NOT ENFORCED, \
         CONSTRAINT positive CHECK (id > 0) NOT ENFORCED)",
    );
    let project = project(
        "model U {\n  id Int @id\n  ks K[]\n}\nmodel K {\n  id Int @id\n  uId Int\n  u U @relation(fields: [uId], references: [id])\n}\n",
    );
    assert_eq!(findings(&project, &database), ["notice invalid foreign_key public.K.uId"]);
    let output = project.doorstep(&database.url(), &["verify", "--notices"]).run().code(0);
    let output = output.stdout_has("NOT ENFORCED");
    assert!(!output.stdout.contains("VALIDATE"), "{}", output.stdout);
}
