//! `compat`: what pending migrations do to a release that still runs, by its snapshot, on each engine.

use crate::support::{Database, MysqlDatabase, Output, Project};

/// A pending migration, and what is found in it: `severity effect object:line`, or `unknown:line`.
type Case = (&'static str, &'static str, &'static [&'static str]);

/// Makes the snapshot of what is there, then adds the cases, each as a migration of its own.
fn running(url: &str, base: &str, cases: &[Case]) -> Project {
    let project = Project::numbered(&[("0001_base.sql", base)]);
    project.doorstep(url, &["snapshot", "--output", "old.json"]).run().code(0);
    for (place, (name, sql, _)) in cases.iter().enumerate() {
        project.write(&format!("migrations/{:04}_{name}.sql", place + 2), sql);
    }
    project
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}\n{}\n{}", output.stdout, output.stderr))
}

/// What was found in a migration, in the notation of [`Case`].
fn found(result: &serde_json::Value, migration: &str) -> Vec<String> {
    let of = |list: &str| {
        let all = result[list].as_array().unwrap().iter();
        all.filter(|it| it["migration"] == migration).cloned().collect::<Vec<_>>()
    };
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let finding = |it: &serde_json::Value| {
        format!("{} {} {}:{}", text(&it["severity"]), text(&it["effect"]), text(&it["object"]), it["line"])
    };
    let unjudged = of("unjudged");
    let unjudged = unjudged.iter().map(|it| format!("unknown:{}", it["line"]));
    of("findings").iter().map(finding).chain(unjudged).collect()
}

/// Each migration is judged as its case says, and the verdict of each follows from that.
#[track_caller]
fn is_judged(project: &Project, url: &str, cases: &[Case]) {
    let output = project.doorstep(url, &["compat", "old.json", "--format", "json"]).run().code(3);
    let result = json(&output);
    let mut wrong = Vec::new();
    for (place, (name, _, expected)) in cases.iter().enumerate() {
        let migration = format!("{:04}_{name}", place + 2);
        let found = found(&result, &migration);
        if found != *expected {
            wrong.push(format!("{migration}: {found:?}\n  expected {expected:?}"));
        }
        let is = |words: &[&str]| expected.iter().any(|line| words.iter().any(|word| line.starts_with(word)));
        let verdicts: &[&str] =
            match (is(&["error", "warning"]), is(&["unknown", "notice viewed", "notice may_be_filled"])) {
                (true, _) => &["contract"],
                (false, true) => &["unknown"],
                (false, false) => &["expand", "neutral"],
            };
        let verdict = result["migrations"][place]["verdict"].as_str().unwrap();
        if !verdicts.contains(&verdict) {
            wrong.push(format!("{migration}: {verdict}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), output.stderr);
    assert_eq!((&result["verdict"], &result["ok"]), (&"contract".into(), &false.into()));
    assert_eq!(result["snapshot_differs"], serde_json::json!([]));
}

const POSTGRES: &[Case] = &[
    ("table", "CREATE TABLE fresh (id int PRIMARY KEY, a int NOT NULL);", &[]),
    ("column", "ALTER TABLE t ADD COLUMN late text;\nALTER TABLE t ADD COLUMN later int NOT NULL DEFAULT 0;", &[]),
    ("backfill", "UPDATE t SET late = a;", &[]),
    ("index", "CREATE INDEX t_late ON t (late);", &[]),
    ("nothing", "SELECT 1;", &[]),
    ("rows", "INSERT INTO t (id, a) VALUES (1, 'x');", &[]),
    ("new_unique", "ALTER TABLE t ADD COLUMN key uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE;", &[]),
    ("new_check", "ALTER TABLE t ADD COLUMN state text DEFAULT 'x' CHECK (state IN ('x', 'y'));", &[]),
    ("new_reference", "ALTER TABLE t ADD COLUMN of int REFERENCES parent ON DELETE CASCADE;", &[]),
    ("value", "ALTER TYPE role ADD VALUE 'ROOT';", &["notice more_values enum public.role:1"]),
    ("nullable", "ALTER TABLE loose ALTER a DROP NOT NULL;", &["notice nullable column public.loose.a:1"]),
    (
        "wider",
        "ALTER TABLE wide ALTER short TYPE varchar(40), ALTER price TYPE numeric(14, 2), ALTER code TYPE text;",
        &[],
    ),
    ("default", "ALTER TABLE loose ALTER b SET DEFAULT 'y';", &["notice other_default column public.loose.b:1"]),
    ("slower", "\nDROP INDEX loose_b;", &["notice slower index public.loose_b:2"]),
    (
        "restricting",
        "CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent);",
        &["notice new_reference foreign_key public.child.parent:1"],
    ),
    ("drop_table", "-- gone\nDROP TABLE dropped;", &["error gone table public.dropped:2"]),
    ("rename_table", "ALTER TABLE renamed RENAME TO other;", &["error renamed table public.renamed:1"]),
    (
        "view_instead",
        "ALTER TABLE replaced RENAME TO replaced_base;\nCREATE VIEW replaced AS SELECT * FROM replaced_base;",
        &["notice viewed table public.replaced:1"],
    ),
    ("drop_column", "ALTER TABLE gone DROP COLUMN a;", &["error gone column public.gone.a:1"]),
    ("rename_column", "ALTER TABLE gone RENAME b TO c;", &["error renamed column public.gone.b:1"]),
    ("unfilled", "ALTER TABLE filled ADD COLUMN a int NOT NULL;", &["error unfilled column public.filled.a:1"]),
    ("not_null", "\n\nALTER TABLE filled ALTER b SET NOT NULL;", &["error not_null column public.filled.b:3"]),
    ("default_gone", "ALTER TABLE filled ALTER c DROP DEFAULT;", &["error default_gone column public.filled.c:1"]),
    ("default_lost", "ALTER TABLE filled ALTER d DROP DEFAULT;", &["warning default_lost column public.filled.d:1"]),
    ("retyped", "ALTER TABLE types ALTER a TYPE int USING a::int;", &["error retyped column public.types.a:1"]),
    ("narrowed", "ALTER TABLE types ALTER b TYPE varchar(5);", &["warning narrowed column public.types.b:1"]),
    ("converted", "ALTER TABLE types ALTER c TYPE bigint;", &["warning converted column public.types.c:1"]),
    ("unique", "CREATE UNIQUE INDEX u_a ON u (a);", &["warning refuses unique public.u_a:1"]),
    ("partial", "CREATE UNIQUE INDEX u_b ON u (b) WHERE b > 0;", &["warning refuses unique public.u_b:1"]),
    ("lowered", "CREATE UNIQUE INDEX u_c ON u (lower(c));", &["warning refuses unique public.u_c:1"]),
    ("wider_key", "CREATE UNIQUE INDEX u_id_a ON u (id, a);", &[]),
    ("unique_gone", "ALTER TABLE u DROP CONSTRAINT u_d_key;", &["error unique_gone unique public.u_d_key:1"]),
    (
        "key_gone",
        "ALTER TABLE keyless DROP CONSTRAINT keyless_pkey;",
        &["error unique_gone primary_key public.keyless:1"],
    ),
    (
        "key_made",
        "ALTER TABLE bare ADD PRIMARY KEY (a);",
        &["error not_null column public.bare.a:1", "warning refuses primary_key public.bare:1"],
    ),
    (
        "check",
        "ALTER TABLE u ADD CONSTRAINT positive CHECK (a > 0) NOT VALID;",
        &["warning refuses constraint public.u.positive:1"],
    ),
    (
        "check_renamed",
        "ALTER TABLE checked RENAME CONSTRAINT one TO two;",
        &["notice other_name constraint public.checked.two:1"],
    ),
    (
        "check_gone",
        "ALTER TABLE checked DROP CONSTRAINT three;",
        &["notice less_safe constraint public.checked.three:1"],
    ),
    (
        "reference",
        "ALTER TABLE u ADD FOREIGN KEY (b) REFERENCES parent;",
        &["warning refuses foreign_key public.u.b:1"],
    ),
    (
        "cascade_gone",
        "ALTER TABLE kept DROP CONSTRAINT kept_parent_fkey;",
        &["warning cascade_gone foreign_key public.kept.parent:1"],
    ),
    (
        "action",
        "ALTER TABLE acting DROP CONSTRAINT acting_parent_fkey, ADD FOREIGN KEY (parent) REFERENCES parent ON DELETE CASCADE;",
        &["warning action_changed foreign_key public.acting.parent:1"],
    ),
    (
        "enum_gone",
        "ALTER TABLE colours ALTER c TYPE text;\nDROP TYPE colour;",
        &["error gone enum public.colour:2", "error retyped column public.colours.c:1"],
    ),
    ("view_gone", "DROP VIEW seen;", &["error gone view public.seen:1"]),
    (
        "view_column",
        "DROP VIEW shown;\nCREATE VIEW shown AS SELECT id FROM t;",
        &["error gone column public.shown.a:2"],
    ),
    ("view_replaced", "CREATE OR REPLACE VIEW again AS SELECT id FROM t WHERE id > 1;", &["unknown:1"]),
    (
        "filled_by_trigger",
        "ALTER TABLE triggered ADD COLUMN a int NOT NULL;",
        &["notice may_be_filled column public.triggered.a:1"],
    ),
    ("trigger", "CREATE TRIGGER more BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fill();", &["unknown:1"]),
    (
        "function",
        "CREATE OR REPLACE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';",
        &["unknown:1"],
    ),
    ("new_function", "CREATE OR REPLACE FUNCTION calm() RETURNS int LANGUAGE sql AS 'SELECT 1';", &[]),
    ("delete", "DELETE FROM fresh;\nDELETE FROM t;", &["unknown:2"]),
    ("partition", "DROP TABLE parted_1;", &["unknown:1"]),
    ("always", "ALTER TABLE numbered ALTER id SET GENERATED ALWAYS;", &["unknown:1"]),
    ("for_a_moment", "CREATE TABLE scratch (id int);\nDROP TABLE scratch;", &[]),
    ("security", "ALTER TABLE t ENABLE ROW LEVEL SECURITY;", &["unknown:1"]),
    ("code", "DO $$ BEGIN UPDATE t SET a = ''; END $$;", &["unknown:1"]),
    ("schema", "DROP SCHEMA audit CASCADE;", &["error gone schema audit:1", "error gone table audit.events:1"]),
    ("gone_for_a_while", "ALTER TABLE restored DROP COLUMN a;", &["error gone column public.restored.a:1"]),
    ("back_again", "ALTER TABLE restored ADD COLUMN a text;", &[]),
];

const POSTGRES_BASE: &str = "
CREATE SCHEMA audit;
CREATE TABLE audit.events (id int PRIMARY KEY);
CREATE TYPE role AS ENUM ('USER', 'ADMIN');
CREATE TYPE colour AS ENUM ('RED');
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE t (id int PRIMARY KEY, a text, r role);
CREATE TABLE loose (id int PRIMARY KEY, a text NOT NULL, b text DEFAULT 'x');
CREATE INDEX loose_b ON loose (b);
CREATE TABLE wide (id int PRIMARY KEY, short varchar(20), price numeric(12, 2), code varchar(3));
CREATE TABLE dropped (id int PRIMARY KEY);
CREATE TABLE renamed (id int PRIMARY KEY);
CREATE TABLE replaced (id int PRIMARY KEY, a int);
CREATE TABLE gone (id int PRIMARY KEY, a text, b text);
CREATE TABLE filled (id int PRIMARY KEY, b text, c int NOT NULL DEFAULT 0, d int DEFAULT 0);
CREATE TABLE types (id int PRIMARY KEY, a text, b varchar(20), c int);
CREATE TABLE u (id int PRIMARY KEY, a int, b int, c text, d int UNIQUE);
CREATE TABLE keyless (id int PRIMARY KEY);
CREATE TABLE bare (a int);
CREATE TABLE checked (id int PRIMARY KEY, CONSTRAINT one CHECK (id > 0), CONSTRAINT three CHECK (id > 1));
CREATE TABLE kept (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE);
CREATE TABLE acting (id int PRIMARY KEY, parent int REFERENCES parent);
CREATE TABLE colours (id int PRIMARY KEY, c colour);
CREATE TABLE restored (id int PRIMARY KEY, a text);
CREATE VIEW seen AS SELECT 1 AS one;
CREATE VIEW shown AS SELECT id, a FROM t;
CREATE VIEW again AS SELECT id FROM t;
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE triggered (id int PRIMARY KEY);
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (1) TO (10);
CREATE TABLE numbered (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY);
CREATE TRIGGER fill BEFORE INSERT ON triggered FOR EACH ROW EXECUTE FUNCTION fill();
";

#[test]
fn each_change_is_judged_on_postgres() {
    let database = Database::absent();
    let project = running(&database.url(), POSTGRES_BASE, POSTGRES);
    is_judged(&project, &database.url(), POSTGRES);
    // What is made good again is said to be so.
    let output = project.doorstep(&database.url(), &["compat", "old.json"]).run().code(3);
    output
        .stdout_has("column public.restored.a is gone, until 0058_back_again  migrations/0057_gone_for_a_while.sql:1");
}

const MYSQL: &[Case] = &[
    ("column", "ALTER TABLE t ADD COLUMN late text;", &[]),
    ("backfill", "UPDATE t SET late = a;", &[]),
    ("value", "ALTER TABLE t MODIFY r enum('USER', 'ADMIN', 'ROOT');", &["notice more_values column HOME.t.r:1"]),
    ("value_gone", "ALTER TABLE t MODIFY r2 enum('USER');", &["error value_gone column HOME.t.r2:1"]),
    ("drop_table", "\nDROP TABLE dropped;", &["error gone table HOME.dropped:2"]),
    ("rename_table", "RENAME TABLE renamed TO other;", &["error renamed table HOME.renamed:1"]),
    ("rename_column", "ALTER TABLE gone CHANGE b c text;", &["error renamed column HOME.gone.b:1"]),
    ("unfilled", "ALTER TABLE gone ADD COLUMN d int NOT NULL;", &["error unfilled column HOME.gone.d:1"]),
    ("narrowed", "ALTER TABLE types MODIFY b varchar(5);", &["warning narrowed column HOME.types.b:1"]),
    ("wider", "ALTER TABLE types MODIFY c mediumtext;", &[]),
    ("not_null", "ALTER TABLE types MODIFY d int NOT NULL;", &["error not_null column HOME.types.d:1"]),
    ("unique", "CREATE UNIQUE INDEX u_a ON u (a);", &["warning refuses unique HOME.u_a:1"]),
    ("unique_gone", "ALTER TABLE u DROP INDEX u_d;", &["error unique_gone unique HOME.u_d:1"]),
    (
        "check",
        "ALTER TABLE u ADD CONSTRAINT positive CHECK (a > 0);",
        &["warning refuses constraint HOME.u.positive:1"],
    ),
    (
        "reference",
        "ALTER TABLE u ADD CONSTRAINT f FOREIGN KEY (b) REFERENCES parent (id);",
        &["warning refuses foreign_key HOME.u.b:1"],
    ),
    ("view_gone", "DROP VIEW seen;", &["error gone view HOME.seen:1"]),
    ("upsert", "INSERT INTO parent VALUES (1) ON DUPLICATE KEY UPDATE id = 2;", &["unknown:1"]),
];

const MYSQL_BASE: &str = "
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE t (id int PRIMARY KEY, a text, r enum('USER', 'ADMIN'), r2 enum('USER', 'ADMIN'));
CREATE TABLE dropped (id int PRIMARY KEY);
CREATE TABLE renamed (id int PRIMARY KEY);
CREATE TABLE gone (id int PRIMARY KEY, b text);
CREATE TABLE types (id int PRIMARY KEY, b varchar(20), c text, d int);
CREATE TABLE u (id int PRIMARY KEY, a int, b int, d int, UNIQUE KEY u_d (d));
CREATE VIEW seen AS SELECT 1 AS one;
";

#[test]
fn each_change_is_judged_on_mysql() {
    let database = MysqlDatabase::fresh();
    // In MySQL a schema is a database: what is found has the name of the one that the snapshot was made beside.
    let project = running(&database.url(), MYSQL_BASE, MYSQL);
    let old: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(project.path("old.json")).unwrap()).unwrap();
    let home = old["home"].as_str().unwrap().to_owned();
    let leaked = |text: &str| -> &'static str { Box::leak(text.replace("HOME", &home).into_boxed_str()) };
    let cases: Vec<Case> = MYSQL
        .iter()
        .map(|(name, sql, expected)| {
            let expected: Vec<&'static str> = expected.iter().map(|line| leaked(line)).collect();
            (*name, *sql, &*Box::leak(expected.into_boxed_slice()))
        })
        .collect();
    is_judged(&project, &database.url(), &cases);
}

const SQLITE: &[Case] = &[
    ("column", "ALTER TABLE t ADD COLUMN late TEXT;", &[]),
    ("backfill", "UPDATE t SET late = a;", &[]),
    ("drop_column", "ALTER TABLE gone DROP COLUMN a;", &["error gone column main.gone.a:1"]),
    ("rename_column", "ALTER TABLE gone RENAME COLUMN b TO c;", &["error renamed column main.gone.b:1"]),
    ("unique", "CREATE UNIQUE INDEX u_a ON u (a);", &["warning refuses unique main.u_a:1"]),
    (
        "rebuilt",
        "CREATE TABLE new_built (id INTEGER PRIMARY KEY, b INTEGER NOT NULL);\nINSERT INTO new_built SELECT id, 0 FROM built;\n\
         DROP TABLE built;\nALTER TABLE new_built RENAME TO built;",
        &["error gone column main.built.a:3", "error unfilled column main.built.b:1"],
    ),
    (
        "checked",
        "CREATE TABLE new_checked (id INTEGER PRIMARY KEY CHECK (id > 0));\nDROP TABLE checked;\n\
         ALTER TABLE new_checked RENAME TO checked;",
        &["unknown:1"],
    ),
    ("view_gone", "DROP VIEW seen;", &["error gone view main.seen:1"]),
];

const SQLITE_BASE: &str = "
CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT);
CREATE TABLE gone (id INTEGER PRIMARY KEY, a TEXT, b TEXT);
CREATE TABLE u (id INTEGER PRIMARY KEY, a TEXT);
CREATE TABLE built (id INTEGER PRIMARY KEY, a TEXT);
CREATE TABLE checked (id INTEGER PRIMARY KEY);
CREATE VIEW seen AS SELECT 1;
";

fn sqlite_url(project: &Project) -> String {
    format!("file:{}", project.path("dev.db").display())
}

#[test]
fn each_change_is_judged_on_sqlite() {
    let directory = Project::bare();
    let url = sqlite_url(&directory);
    let project = running(&url, SQLITE_BASE, SQLITE);
    is_judged(&project, &url, SQLITE);
    assert!(!directory.path("dev.db").exists(), "the real database is not even made");
}

/// A running release with `users (id, name)`, and these pending migrations.
fn users(pending: &[(&str, &str)]) -> (Project, String) {
    let project = Project::numbered(&[("1_users.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);\n")]);
    let url = sqlite_url(&project);
    project.doorstep(&url, &["snapshot", "--output", "old.json"]).run().code(0);
    pending.iter().for_each(|(file, sql)| project.write(&format!("migrations/{file}"), sql));
    (project, url)
}

/// Pending files, flags, the exit code, and the beginning of the last line.
type Verdict = (&'static [(&'static str, &'static str)], &'static [&'static str], i32, &'static str);

#[test]
fn the_verdicts_and_their_exit_codes() {
    const ADD: &str = "ALTER TABLE users ADD COLUMN a TEXT;";
    const DROP: &str = "ALTER TABLE users DROP COLUMN name;";
    const DELETE: &str = "DELETE FROM users;";
    let accept = &["--unknown", "accept"];
    let cases: [Verdict; 9] = [
        (&[], &[], 0, "neutral: no migration is pending for the release of old.json"),
        (
            &[("2_a.sql", "SELECT 1;")],
            &[],
            0,
            "neutral: nothing changes for the release of old.json (1 pending migration;",
        ),
        (&[("2_a.sql", ADD)], &[], 0, "expand: safe to apply while the release of old.json runs (1 pending migration;"),
        (
            &[("2_a.sql", ADD), ("3_b.sql", DROP)],
            &[],
            3,
            "contract: apply only when the release of old.json no longer runs: 3_b (",
        ),
        (
            &[("2_a.sql", DELETE)],
            &[],
            3,
            "unknown: whether the release of old.json goes on working cannot be told: 2_a (",
        ),
        (&[("2_a.sql", DELETE)], accept, 0, "unknown: "),
        (&[("2_a.sql", DELETE), ("3_b.sql", DROP)], accept, 3, "contract: "),
        (&[("3_b.sql", DROP)], &["--verify-allow", "column:main.users.name"], 0, "expand: safe to apply"),
        // A pattern for the database itself says nothing of what the old release writes.
        (
            &[("2_a.sql", "CREATE UNIQUE INDEX i ON users (name);")],
            &["--verify-allow", "extra:*,missing:*"],
            3,
            "contract: apply only when",
        ),
    ];
    for (pending, flags, code, conclusion) in cases {
        let (project, url) = users(pending);
        let arguments = [&["compat", "old.json"], flags].concat();
        let output = project.doorstep(&url, &arguments).run().code(code).stdout_has(conclusion);
        assert_eq!(output.stderr, "", "{pending:?}");
    }
}

#[test]
fn the_way_back_is_open_while_the_old_release_passes_its_own_verify() {
    let (project, url) = users(&[("2_a.sql", "CREATE UNIQUE INDEX one_name ON users (name);")]);
    let output = project.doorstep(&url, &["compat", "old.json"]).run().code(3);
    output.stdout_has("rollback: that release passes its own verify on the new schema");
    // The same is found by that release itself.
    project.doorstep(&url, &["migrate"]).run().code(0);
    project.doorstep(&url, &["verify", "--snapshot", "old.json"]).run().code(0);
    let (project, url) = users(&[("2_a.sql", "ALTER TABLE users DROP COLUMN name;")]);
    let output = project.doorstep(&url, &["compat", "old.json"]).run().code(3);
    output.stdout_has("rollback: that release does not pass its own verify on the new schema");
    project.doorstep(&url, &["migrate"]).run().code(0);
    project.doorstep(&url, &["verify", "--snapshot", "old.json"]).run().code(3);
}

#[test]
fn a_folder_that_is_not_that_of_the_snapshot_is_told() {
    let (project, url) = users(&[]);
    std::fs::rename(project.path("migrations/1_users.sql"), project.path("migrations/1_people.sql")).unwrap();
    let output = project.doorstep(&url, &["compat", "old.json"]).run().code(65).stdout_is("");
    output.stderr_has("old.json was made from migrations that migrations does not have: 1_users").stderr_has("next: ");

    // The same names with another text: what the snapshot promises is not what the folder makes.
    let (project, url) = users(&[("2_a.sql", "ALTER TABLE users ADD COLUMN a TEXT;")]);
    project.write("migrations/1_users.sql", "CREATE TABLE users (id INTEGER PRIMARY KEY);\n");
    let output = project.doorstep(&url, &["compat", "old.json"]).run().code(3);
    let output = output.stdout_has("unknown  column main.users.name is missing (required by old.json)");
    output.stdout_has("unknown: the folder is not that of old.json, so nothing is certain");
}

#[test]
fn a_file_that_is_no_snapshot_and_a_migration_that_fails_stop_it() {
    let (project, url) = users(&[("2_a.sql", "ALTER TABLE nobody ADD COLUMN a TEXT;")]);
    project.doorstep(&url, &["compat", "old.json"]).run().code(65).stdout_is("").stderr_has("migrations/2_a.sql");
    project.write("old.json", "{}");
    project.doorstep(&url, &["compat", "old.json"]).run().code(78).stdout_is("").stderr_has("it is not a snapshot");
    project.doorstep(&url, &["compat", "nowhere.json"]).run().code(78).stderr_has("nowhere.json");
    project.doorstep(&url, &["compat"]).run().code(64);
}

#[test]
fn a_late_migration_with_an_early_number_comes_after_those_of_the_snapshot() {
    let (project, url) = users(&[("0_early.sql", "ALTER TABLE users ADD COLUMN a TEXT;")]);
    project.doorstep(&url, &["compat", "old.json"]).run().code(0).stdout_has("0_early: expand\n");
}

#[test]
fn the_forms_for_ci_name_file_and_line() {
    let (project, url) = users(&[("2_a.sql", "-- away\nALTER TABLE users DROP COLUMN name;\nDELETE FROM users;\n")]);
    let github = project.doorstep(&url, &["compat", "old.json", "--format", "github"]).run().code(3);
    let github = github.stdout_has(
        "::error file=migrations/2_a.sql,line=2,title=column main.users.name is gone::is gone; every statement of the running release \
         that names it fails%0Anext: first deploy a release that does without it",
    );
    github.stdout_has("::warning file=migrations/2_a.sql,line=3,title=DELETE FROM users::it changes or removes rows");
    let markdown = project.doorstep(&url, &["compat", "old.json", "--format", "markdown"]).run().code(3);
    let markdown = markdown
        .stdout_has("### doorstep compat: contract: apply only when the release of old.json no longer runs: 2\\_a");
    let markdown = markdown.stdout_has("| `2_a` | contract | | | |\n| | error | `column main.users.name` | is gone |");
    markdown.stdout_has("| | unknown | `DELETE FROM users` | | migrations/2\\_a.sql:3: it changes");
}

#[test]
fn prismas_folder_and_a_schema_of_the_url_are_taken_as_well() {
    let database = Database::absent();
    let url = database.url() + "?schema=app";
    let project = Project::with_two();
    project.doorstep(&url, &["snapshot", "--output", "old.json"]).run().code(0);
    let project = project.migration("3_drop", "ALTER TABLE users ADD COLUMN a integer;\nDROP TABLE posts;\n");
    let output = project.doorstep(&url, &["compat", "old.json"]).run().code(3);
    output.stdout_has("table app.posts is gone  prisma/migrations/3_drop/migration.sql:2");
    // Another environment may have another schema.
    let output = project.doorstep(&database.url(), &["compat", "old.json"]).run().code(3);
    output.stdout_has("table app.posts is gone  prisma/migrations/3_drop/migration.sql:2");
}
