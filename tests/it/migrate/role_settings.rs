//! Settings of a role or a database that change how a server words its answers must not change doorstep's.

use crate::support::{Database, Project};

/// Settings, each with a value other than the server's own.
const SETTINGS: [(&str, &str); 22] = [
    ("datestyle", "German, DMY"),
    ("datestyle", "SQL, DMY"),
    ("datestyle", "Postgres, MDY"),
    ("intervalstyle", "iso_8601"),
    ("intervalstyle", "sql_standard"),
    ("timezone", "Asia/Kolkata"),
    ("timezone", "America/New_York"),
    ("bytea_output", "escape"),
    ("standard_conforming_strings", "off"),
    ("extra_float_digits", "-15"),
    ("quote_all_identifiers", "on"),
    ("xmloption", "document"),
    ("client_encoding", "LATIN1"),
    ("lc_messages", "C"),
    ("lc_monetary", "C"),
    ("lc_numeric", "C"),
    ("lc_time", "C"),
    ("search_path", "public, pg_catalog"),
    ("row_security", "off"),
    ("transform_null_equals", "on"),
    ("array_nulls", "off"),
    ("default_transaction_isolation", "serializable"),
];

const SCHEMA: &str = "datasource db {\n  provider = \"postgresql\"\n}\n\nmodel Größe {\n  id Int @id\n  \
    at DateTime @default(\"2020-12-03T04:05:06Z\") @db.Timestamptz(3)\n  day DateTime @default(\"2020-12-03T00:00:00Z\") @db.Date\n  \
    raw Bytes @default(\"AQIA\")\n  ratio Float @default(0.1)\n  order String @default(\"a\\\\b\")\n  kind Kind @default(A)\n}\n\nenum Kind {\n  A\n}\n";

const TABLES: &str = "CREATE TYPE \"Kind\" AS ENUM ('A');\nCREATE TABLE \"Größe\" (id integer PRIMARY KEY, \
    at timestamptz(3) NOT NULL DEFAULT '2020-12-03 04:05:06+00', day date NOT NULL DEFAULT '2020-12-03', \
    raw bytea NOT NULL DEFAULT '\\x010200', ratio double precision NOT NULL DEFAULT 0.1, \
    \"order\" text NOT NULL DEFAULT E'a\\\\b', kind \"Kind\" NOT NULL DEFAULT 'A');\n\
    CREATE INDEX partly ON \"Größe\" (day) WHERE day > '2020-12-03' AND \"order\" IS NOT NULL;\n\
    CREATE SCHEMA pgboss;\nCREATE TABLE pgboss.jobs (id integer);\n";

#[test]
fn no_setting_of_a_role_or_a_database_changes_an_answer() {
    let database = Database::fresh();
    let project = Project::new().migration("0_all", TABLES).file("prisma/schema.prisma", SCHEMA);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    let snapshot = project.doorstep(&database.url(), &["snapshot"]).run().code(0).stdout;
    project.write("snapshot.json", &snapshot);
    // Two migrations that the first of the folder stands for, since a person has recorded it after them: by the texts of
    // `datestyle = German`, the day of January comes before that of December.
    database.sql(
        "UPDATE _prisma_migrations SET started_at = '2025-01-15 10:00+00', finished_at = '2025-01-15 10:00+00', logs = '', \
         applied_steps_count = 0; \
         INSERT INTO _prisma_migrations (id, checksum, migration_name, started_at, finished_at, applied_steps_count) VALUES \
         ('a', 'a', '1_a', '2024-12-30 20:00+00', '2024-12-30 20:00:01.5+00', 1), \
         ('b', 'b', '2_b', '2024-12-31 23:30+00', '2024-12-31 23:30:01+00', 1)",
    );
    let role = database.role("SUPERUSER");
    let answers = || {
        let commands: [&[&str]; 4] = [
            &["status", "--format", "json"],
            &["verify", "--format", "json", "--require-tables", "jobs"],
            &["verify", "--format", "json", "--snapshot", "snapshot.json"],
            &["diff", "--script"],
        ];
        let answer = |arguments: &&[&str]| {
            let output = project.doorstep(&database.url_as(&role), arguments).run();
            format!("{:?} {}", output.code, output.stdout)
        };
        commands.iter().map(answer).collect::<Vec<_>>()
    };
    let expected = answers();
    assert!(expected[0].contains("\"current\"") && expected[0].contains("2024-12-30T20:00:01.5Z"), "{}", expected[0]);
    assert!(expected[1].contains("pgboss.jobs"), "{}", expected[1]);
    for (index, (name, value)) in SETTINGS.into_iter().enumerate() {
        let whose = if index % 2 == 0 { format!("ROLE {role}") } else { format!("DATABASE \"{}\"", database.name) };
        let quoted = if name == "search_path" { value.to_owned() } else { format!("'{value}'") };
        database.sql(&format!("ALTER {whose} SET {name} = {quoted}"));
        assert_eq!(answers(), expected, "{name} = {value}");
        database.sql(&format!("ALTER {whose} RESET {name}"));
    }
    database.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_login_that_works_as_another_role_keeps_the_history_as_that_role() {
    let database = Database::fresh();
    let (login, owner) = (database.role(""), database.role(""));
    database.sql(&format!(
        "GRANT {owner} TO {login}; ALTER ROLE {login} NOINHERIT; ALTER ROLE {login} SET role = '{owner}'; \
         GRANT CREATE ON SCHEMA public TO {owner}"
    ));
    let mixed = "CREATE TABLE a (id int);\nCREATE INDEX CONCURRENTLY i ON a (id);\nCREATE TABLE b (id int);\n";
    let project = Project::new().migration("1_mixed", mixed);
    project.doorstep(&database.url_as(&login), &["run"]).run().code(0).stderr_has("(1 applied)");
    let owners = database.sql("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'");
    assert_eq!(owners, owner);
    database.sql(&format!("DROP OWNED BY {owner}; DROP OWNED BY {login}; DROP ROLE {login}; DROP ROLE {owner}"));
}
