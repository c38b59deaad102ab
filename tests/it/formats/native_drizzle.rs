//! Drizzle's folders, of 0.x and of 1.0, applied as Drizzle does: the recorded runs of drizzle-orm and drizzle-kit beside
//! doorstep's, and their histories continued.

use crate::formats::recorded::{Bench, Case, Deviation, Left, cases, compare};
use crate::support::{Database, MysqlDatabase, Project, sqlite};

const LOST: &str = "Drizzle loses an entry that is not newer than the newest row; here the start stops and names it";
const ONE_BY_ONE: &str = "Drizzle runs all files in one transaction; here each commits with its row";
const NO_SNAPSHOTS: &str = "drizzle-kit 1.0 refuses the version of the recorded snapshots; doorstep reads none";

/// Where doorstep differs by design.
const DEVIATIONS: &[Deviation] = &[
    deviation("drizzle-0-sqlite-older-when", &[true, false], &["7e2b", "0792"], &["apple", "fig"], LOST),
    deviation("drizzle-0-older-when-kit", &[true, false, false], &["7e2b", "0792"], &["apple", "fig"], LOST),
    deviation("drizzle-0-equal-when", &[true, false], &["7e2b"], &["apple"], LOST),
    deviation("drizzle-0-when-seconds", &[true, false], &["7e2b"], &["apple"], LOST),
    deviation("drizzle-0-hist-deleted-oldest", &[true, false], &["61d8"], &["pear"], LOST),
    deviation("drizzle-0-fail-second", &[false, false], &["7e2b"], &["apple"], ONE_BY_ONE),
    deviation("drizzle-0-fail-second-kit", &[false], &["7e2b"], &["apple"], ONE_BY_ONE),
    deviation("drizzle-1-fail-second", &[false, false], &["7e2b"], &["apple"], ONE_BY_ONE),
    deviation("drizzle-1-kit", &[true, true], &["7e2b", "61d8"], &["apple", "pear"], NO_SNAPSHOTS),
    deviation("drizzle-1-kit-fail", &[false], &["7e2b"], &["apple"], ONE_BY_ONE),
];

const fn deviation(
    case: &'static str,
    succeeded: &'static [bool],
    rows: &'static [&'static str],
    tables: &'static [&'static str],
    why: &'static str,
) -> Deviation {
    Deviation { case, succeeded, rows: Some(rows), tables, why }
}

const HISTORY: &str = "drizzle.__drizzle_migrations";

/// Hash, time and name of each row, in their order.
fn rows(bench: &Bench) -> Vec<String> {
    let (table, key) = match bench.database {
        Some(_) => (HISTORY, "id"),
        None => ("__drizzle_migrations", "rowid"),
    };
    if !bench.has(table) {
        return Vec::new();
    }
    let name = match &bench.database {
        Some(_) => "coalesce(to_jsonb(h) ->> 'name', '-')",
        None => "'-'",
    };
    bench.lines(&format!(
        "SELECT hash || '|' || CAST(created_at AS text) || '|' || {name} FROM {table} AS h ORDER BY {key}"
    ))
}

fn recorded_rows(case: &Case) -> Option<Vec<String>> {
    let text =
        |row: &serde_json::Value| format!("{}|{}|{}", row[1].as_str().unwrap(), row[2], row[3].as_str().unwrap_or("-"));
    Some(case.field("rows").as_array()?.iter().map(text).collect())
}

#[test]
fn doorstep_does_what_drizzle_did() {
    compare("drizzle", &[], DEVIATIONS, |case| {
        let bench = case.bench();
        let (succeeded, said) = case.migrated(&bench, |_| {
            let arguments = ["migrate", "--migrations", "drizzle", "--migration-format", "drizzle"];
            let call = bench.project.doorstep(&bench.url(), &arguments);
            match (case.env("T_SCHEMA"), case.env("T_TABLE")) {
                (None, None) => call,
                (schema, table) => {
                    let table = table.unwrap_or("__drizzle_migrations");
                    let name = schema.map_or_else(|| table.to_owned(), |schema| format!("{schema}.{table}"));
                    call.env("DOORSTEP_HISTORY_TABLE", &name)
                }
            }
        });
        let recorded = recorded_rows(case);
        let is_deviation = DEVIATIONS.iter().any(|deviation| deviation.case == case.id());
        let left = Left {
            succeeded,
            rows: if recorded.is_some() || is_deviation { rows(&bench) } else { Vec::new() },
            tables: bench.tables(&[HISTORY, "__drizzle_migrations"]),
        };
        let its = Left { succeeded: case.succeeded(), rows: recorded.unwrap_or_default(), tables: case.tables() };
        (left, its, said)
    });
}

const APPLE: &str = "CREATE TABLE apple (id int);";
const PEAR: &str = "CREATE TABLE pear (id int);";

/// `meta/_journal.json` with these entries.
fn journal(entries: &[(&str, i64)]) -> String {
    let entry = |(tag, when): &(&str, i64)| {
        format!("{{\"idx\": 0, \"when\": {when}, \"tag\": \"{tag}\", \"breakpoints\": true}}")
    };
    format!("{{\"version\": \"7\", \"entries\": [{}]}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
}

fn of_journal(place: &str, entries: &[(&str, i64)]) -> Project {
    entries.iter().fold(
        Project::bare().file(&format!("{place}/meta/_journal.json"), &journal(entries)),
        |project, (tag, _)| {
            let table = tag.split_once('_').unwrap().1;
            project.file(&format!("{place}/{tag}.sql"), &format!("CREATE TABLE {table} (id int);\n"))
        },
    )
}

#[test]
fn a_folder_is_recognised_where_drizzle_keeps_it() {
    let config = "import { defineConfig } from 'drizzle-kit';\nexport default defineConfig({ out: './db/steps' });\n";
    for (place, beside) in [
        ("drizzle", ("README.md", "")),
        ("migrations", ("README.md", "")),
        ("db/steps", ("drizzle.config.ts", config)),
        ("db/steps", ("drizzle.config.json", "{\"out\": \"./db/steps\"}")),
    ] {
        for is_old in [true, false] {
            let project = match is_old {
                true => of_journal(place, &[("0000_apple", 1_700_000_000_000)]),
                false => Project::bare()
                    .file(&format!("{place}/20240101000000_apple/migration.sql"), APPLE)
                    .file(&format!("{place}/20240101000000_apple/snapshot.json"), "{}"),
            };
            let project = project.file(beside.0, beside.1);
            let run = |arguments: &[&str]| project.doorstep("file:./dev.db", arguments).run();
            run(&["run"]).code(0).stderr_has("(1 applied)").stderr_has("WARN  migrate: drizzle takes no lock");
            run(&["run"]).code(0).stderr_has("(0 applied)");
            run(&["check"]).code(0);
            run(&["status"]).code(0).stdout_has("_apple").stdout_has(": current (");
            let rows = sqlite(&project.path("dev.db"), "SELECT count(*) FROM __drizzle_migrations");
            assert_eq!(rows, "1", "{place}");
        }
    }
}

#[test]
fn what_is_not_certain_about_a_folder_stops_with_what_decides() {
    // Prisma's or Drizzle's: the setting says it, or a history of Prisma.
    let dated = Project::bare().file("migrations/20240101000000_apple/migration.sql", APPLE);
    let output = dated.doorstep("file:./dev.db", &["run"]).run().code(78);
    output.stderr_has("Prisma (").stderr_has("Drizzle 1.0 (").stderr_has("migration_format = prisma or drizzle");
    dated.doorstep("file:./dev.db", &["run", "--migration-format", "drizzle"]).run().code(0).stderr_has("(1 applied)");
    // The journal was lost on the way to the image.
    let lost = Project::bare().file("drizzle/0000_apple.sql", APPLE);
    lost.doorstep("file:./dev.db", &["run"]).run().code(78).stderr_has("no meta/_journal.json").stderr_has("next: ");
    // Both layouts.
    let both = of_journal("drizzle", &[("0000_apple", 1)]).file("drizzle/20240101000000_pear/migration.sql", PEAR);
    let output = both.doorstep("file:./dev.db", &["run", "--migration-format", "drizzle"]).run().code(65);
    output.stderr_has("the journal of Drizzle 0.x").stderr_has("npx drizzle-kit up");
    // A place that only Node can tell.
    let computed = of_journal("drizzle", &[("0000_apple", 1)]).file("drizzle.config.ts", "export default make();\n");
    computed.doorstep("file:./dev.db", &["run"]).run().code(78).stderr_has("--migrations");
    let run = ["run", "--migrations", "drizzle"];
    computed.doorstep("file:./dev.db", &run).run().code(78).stderr_has("--history-table");
    let named = [&run[..], &["--history-table", "done"]].concat();
    computed.doorstep("file:./dev.db", &named).run().code(0).stderr_has("(1 applied)");
    // A history in another schema than the one that is named.
    let database = Database::fresh();
    database.sql("CREATE TABLE __drizzle_migrations (id serial primary key, hash text not null, created_at bigint)");
    let project = of_journal("drizzle", &[("0000_apple", 1)]);
    let output = project.doorstep(&database.url(), &["run"]).run().code(78);
    output.stderr_has("public.__drizzle_migrations").stderr_has("--history-table public.__drizzle_migrations");
    let named = ["run", "--history-table", "public.__drizzle_migrations"];
    project.doorstep(&database.url(), &named).run().code(0).stderr_has("(1 applied)");
}

#[test]
fn names_of_schema_and_table_come_from_the_configuration() {
    let config = "export default { dialect: 'postgresql', migrations: { schema: 'hist', table: 'done' } };\n";
    let database = Database::fresh();
    let project = of_journal("drizzle", &[("0000_apple", 1)]).file("drizzle.config.js", config);
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT id, created_at FROM hist.done"), "1|1");
    project.doorstep(&database.url(), &["run"]).run().code(0).stderr_has("(0 applied)");
}

#[test]
fn an_entry_that_drizzle_would_lose_is_named_and_runs_when_told_to() {
    let database = Database::fresh();
    let project = of_journal("drizzle", &[("0000_apple", 1000), ("0002_fig", 3000)]);
    let run = |project: &Project, arguments: &[&str]| project.doorstep(&database.url(), arguments).run();
    run(&project, &["run"]).code(0).stderr_has("(2 applied)");
    let project =
        of_journal("drizzle", &[("0000_apple", 1000), ("0001_pear", 2000), ("0002_fig", 3000), ("0003_plum", 3500)]);
    let output = run(&project, &["run"]).code(65);
    output.stderr_has("than the newest that is applied: 0001_pear;").stderr_has("--out-of-order apply");
    assert_eq!(database.sql("SELECT to_regclass('pear') IS NULL AND to_regclass('plum') IS NULL"), "t");
    run(&project, &["check"]).code(1);
    run(&project, &["status"]).code(0).stdout_has("0001_pear").stdout_has("out of order").stdout_has(": behind (");
    run(&project, &["run", "--out-of-order", "apply"]).code(0).stderr_has("(2 applied)");
    run(&project, &["run"]).code(0).stderr_has("(0 applied)");
    let rows = database.sql("SELECT created_at FROM drizzle.__drizzle_migrations ORDER BY id");
    assert_eq!(rows, "1000\n3000\n2000\n3500");
    // One whose changes are there already is recorded.
    let project = of_journal(
        "drizzle",
        &[("0000_apple", 1000), ("0001_pear", 2000), ("0002_fig", 3000), ("0003_plum", 3500), ("0004_kiwi", 3200)],
    );
    database.sql("CREATE TABLE kiwi (id int)");
    run(&project, &["run"]).code(65).stderr_has("0004_kiwi");
    run(&project, &["resolve", "--applied", "0004_kiwi"]).code(0);
    run(&project, &["run"]).code(0).stderr_has("(0 applied)");
}

#[test]
fn a_table_of_the_older_version_is_upgraded_with_the_first_row() {
    let plain = cases("drizzle").into_iter().find(|case| case.id() == "drizzle-0-plain").unwrap();
    let database = Database::fresh();
    database.sql("CREATE SCHEMA drizzle");
    database.sql(plain.field("history_ddl").as_str().unwrap());
    database.sql(&format!(
        "{APPLE} {PEAR} INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('x', 1704067200123), ('y', 1704153600007)"
    ));
    let project = Project::bare()
        .file("drizzle/20240101000000_apple/migration.sql", APPLE)
        .file("drizzle/20240102000000_pear/migration.sql", PEAR);
    let run = |arguments: &[&str]| {
        project.doorstep(&database.url(), arguments).env("DOORSTEP_MIGRATION_FORMAT", "drizzle").run()
    };
    // With nothing to write, nothing is written.
    run(&["run"]).code(0).stderr_has("(0 applied)");
    let columns = "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute \
                   WHERE attrelid = 'drizzle.__drizzle_migrations'::regclass AND attnum > 0";
    assert_eq!(database.sql(columns), "id hash created_at");
    project.write("drizzle/20240103000000_fig/migration.sql", "CREATE TABLE fig (id int);");
    run(&["status"]).code(0).stdout_has("20240101000000_apple").stdout_has(": behind (");
    run(&["run"]).code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql(columns), "id hash created_at name applied_at");
    let rows = "SELECT created_at, name, applied_at IS NULL FROM drizzle.__drizzle_migrations ORDER BY id";
    assert_eq!(
        database.sql(rows),
        "1704067200123|20240101000000_apple|t\n1704153600007|20240102000000_pear|t\n1704240000000|20240103000000_fig|f"
    );
    run(&["run"]).code(0).stderr_has("(0 applied)");
    // A row that no folder fits stops everything, as in Drizzle.
    let other = Database::fresh();
    other.sql("CREATE SCHEMA drizzle");
    other.sql(plain.field("history_ddl").as_str().unwrap());
    other.sql("INSERT INTO drizzle.__drizzle_migrations (hash, created_at) VALUES ('x', 1)");
    let call = project.doorstep(&other.url(), &["run", "--migration-format", "drizzle"]);
    call.run().code(65).stderr_has("no folder fits these rows").stderr_has("next: ");
    assert_eq!(other.sql("SELECT to_regclass('fig') IS NULL"), "t");
}

#[test]
fn breakpoints_divide_a_file_and_one_that_cuts_a_statement_is_refused() {
    let database = Database::fresh();
    let project = of_journal("drizzle", &[("0000_apple", 1)]);
    let run = || project.doorstep(&database.url(), &["run"]).run();
    project
        .write("drizzle/0000_apple.sql", "CREATE TABLE apple (note text DEFAULT 'a\n--> statement-breakpoint\nb');\n");
    run().code(65).stderr_has("drizzle/0000_apple.sql:2: a breakpoint stands within a string").stderr_has("next: ");
    let text = "CREATE TABLE apple (id int)--> statement-breakpointCREATE TABLE pear (id int)\n--> statement-breakpoint\n\
                -- ALTER TABLE apple DROP COLUMN id;--> statement-breakpoint\nINSERT INTO pear VALUES (1) --> statement-breakpoint\n";
    project.write("drizzle/0000_apple.sql", text);
    run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql("SELECT count(*) FROM pear, (SELECT count(id) FROM apple) AS a"), "1");
}

#[test]
fn on_mysql_the_tables_are_those_of_drizzle() {
    // As drizzle-orm 0.45.4 and 1.0.0-rc.4 send them (`mysql-core`).
    let old = "create table if not exists `__drizzle_migrations` (id serial primary key, hash text not null, created_at bigint)";
    let new = "CREATE TABLE IF NOT EXISTS `__drizzle_migrations` (id SERIAL PRIMARY KEY, hash TEXT NOT NULL, created_at BIGINT, \
               name TEXT, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP)";
    let config = "export default { dialect: 'mysql', migrations: { schema: 'of_postgres' } };\n";
    let folders = Project::bare().file("drizzle/20240101000000_apple/migration.sql", APPLE);
    let journal = of_journal("drizzle", &[("0000_apple", 1_704_067_200_000)]).file("drizzle.config.js", config);
    for (project, ddl) in [(journal, old), (folders, new)] {
        let (database, its) = (MysqlDatabase::fresh(), MysqlDatabase::fresh());
        let run = |arguments: &[&str]| project.doorstep(&database.url(), arguments).run();
        run(&["run", "--migration-format", "drizzle"]).code(0).stderr_has("(1 applied)");
        run(&["check", "--migration-format", "drizzle"]).code(0);
        its.sql(&format!("{ddl}; INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('x', 1)"));
        let shape = "SHOW CREATE TABLE __drizzle_migrations";
        assert_eq!(database.sql(shape), its.sql(shape));
        assert_eq!(database.sql("SELECT id, created_at FROM __drizzle_migrations"), "1|1704067200000");
    }
}

#[test]
fn on_mysql_a_table_of_the_older_version_is_upgraded_also_by_a_second_start() {
    let database = MysqlDatabase::fresh();
    database.sql(&format!(
        "create table `__drizzle_migrations` (id serial primary key, hash text not null, created_at bigint); {APPLE} {PEAR} \
         INSERT INTO __drizzle_migrations (hash, created_at) VALUES ('x', 1704067200123), ('y', 1704153600007)"
    ));
    let project = Project::bare()
        .file("drizzle/20240101000000_apple/migration.sql", APPLE)
        .file("drizzle/20240102000000_pear/migration.sql", PEAR)
        .file("drizzle/20240103000000_fig/migration.sql", "CREATE TABLE fig (id int);");
    let run = || project.doorstep(&database.url(), &["run", "--migration-format", "drizzle"]).run();
    run().code(0).stderr_has("(1 applied)");
    let rows = "SELECT created_at, name, applied_at IS NULL FROM __drizzle_migrations ORDER BY id";
    let complete =
        "1704067200123|20240101000000_apple|1\n1704153600007|20240102000000_pear|1\n1704240000000|20240103000000_fig|0";
    assert_eq!(database.sql(rows), complete);
    // A start that ended between the columns and the names.
    database.sql(
        "UPDATE __drizzle_migrations SET name = NULL WHERE id < 3; DELETE FROM __drizzle_migrations WHERE id = 3; DROP TABLE fig",
    );
    run().code(0).stderr_has("(1 applied)");
    assert_eq!(database.sql(rows), complete);
    run().code(0).stderr_has("(0 applied)");
}

#[test]
fn on_mysql_what_the_driver_refuses_between_two_breakpoints_is_refused() {
    let database = MysqlDatabase::fresh();
    let project = of_journal("drizzle", &[("0000_apple", 1)]);
    let run = || project.doorstep(&database.url(), &["run"]).run();
    for (text, told) in [
        ("CREATE TABLE apple (id int);\nCREATE TABLE pear (id int);\n", ":1: several statements"),
        ("CREATE TABLE apple (id int);\n--> statement-breakpoint\n", ":2: no statement"),
        (
            "DELIMITER //\nCREATE PROCEDURE p() BEGIN SELECT 1; END//\n",
            "line 1: DELIMITER is a command of the mysql client",
        ),
        ("\u{feff}CREATE TABLE apple (id int);\n", "which Drizzle sends to MySQL"),
    ] {
        project.write("drizzle/0000_apple.sql", text);
        run().code(65).stderr_has(told).stderr_has("next: ");
    }
    let text = "CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END;\n--> statement-breakpoint\n# a comment\n--> statement-breakpoint\n\
                CREATE TABLE `apple` (`id` int);\n";
    project.write("drizzle/0000_apple.sql", text);
    run().code(0).stderr_has("(1 applied)");
}
