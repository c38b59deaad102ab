//! Which files are judged: the folder, those that are named, those that are pending, those that are new since a branch.

use crate::support::{Database, Doorstep, MysqlDatabase, Output, Project};

const INIT: (&str, &str) =
    ("0001_init.sql", "CREATE TABLE t (id int PRIMARY KEY, a int);\nCREATE INDEX t_a ON t (a);\n");
const INDEX: (&str, &str) = ("0002_index.sql", "CREATE INDEX t_b ON t (id, a);\n");
const NEW: (&str, &str) = ("0003_new.sql", "CREATE TABLE n (id int);\n");
const ON_NEW: (&str, &str) = ("0004_on_new.sql", "CREATE INDEX n_id ON n (id);\nDROP TABLE t;\n");

fn project() -> Project {
    Project::numbered(&[INIT, INDEX, NEW, ON_NEW])
}

/// Runs `lint` where no database is named.
fn lint(project: &Project, arguments: &[&str]) -> Output {
    let all = [&["lint"], arguments].concat();
    Doorstep::new(&all).directory(&project.path("")).run()
}

/// The places and rules, one per line: `migrations/0002_index.sql:1 index-without-concurrently`.
fn told(output: &Output) -> Vec<String> {
    let found: serde_json::Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}", output.shown));
    let tell = |hazard: &serde_json::Value| {
        let file = hazard["file"].as_str().unwrap().rsplit('/').next().unwrap();
        format!("{file}:{} {}", hazard["line"], hazard["rule"].as_str().unwrap())
    };
    found["hazards"].as_array().unwrap().iter().map(tell).collect()
}

#[test]
fn a_folder_is_judged_file_by_file_and_named_files_together() {
    let project = project();
    let json = ["--dialect", "postgresql", "--format", "json"];
    let all = lint(&project, &json).code(3);
    assert_eq!(
        told(&all),
        [
            "0002_index.sql:1 index-without-concurrently",
            "0004_on_new.sql:1 index-without-concurrently",
            "0004_on_new.sql:2 drop"
        ]
    );
    assert_eq!(told(&lint(&project, &[&json[..], &["migrations"]].concat()).code(3)), told(&all));
    let files = ["migrations/0003_new.sql", "migrations/0004_on_new.sql"];
    let two = lint(&project, &[&json[..], &files].concat()).code(3);
    assert_eq!(told(&two), ["0004_on_new.sql:2 drop"]);
    let one = lint(&project, &[&json[..], &["migrations/0002_index.sql"]].concat()).code(0);
    assert_eq!(told(&one), ["0002_index.sql:1 index-without-concurrently"]);
    lint(&project, &["--dialect", "postgresql", "--fail-on", "warning", "migrations/0002_index.sql"]).code(3);
}

#[test]
fn a_file_in_no_folder_of_migrations_is_judged_by_itself() {
    let project = Project::bare().file("scripts/any name.sql", "SELECT 1;\nALTER TABLE t ADD COLUMN x int NOT NULL;\n");
    let output = lint(&project, &["--dialect", "postgresql", "scripts/any name.sql"]).code(3);
    output.stdout_has("scripts/any name.sql:2:15  error  not-null-without-default  column t.x");
    lint(&project, &["scripts/any name.sql"])
        .code(78)
        .stderr_has("nothing tells which database")
        .stderr_has("--dialect");
    lint(&project, &["scripts/absent.sql", "--dialect", "sqlite"]).code(78).stderr_has("scripts/absent.sql");
    lint(&project, &[]).code(78).stderr_has("doorstep lint FILE");
}

#[test]
fn the_dialect_comes_from_the_url_or_from_the_folder() {
    let project = Project::bare()
        .migration("1_a", "ALTER TABLE t MODIFY a BIGINT;")
        .file("prisma/migrations/migration_lock.toml", "provider = \"mysql\"\n");
    lint(&project, &[]).code(0).stdout_has("long-lock");
    let project = Project::numbered(&[("1_a.sql", "CREATE INDEX i ON t (a);")]);
    let url = |url: &str| Doorstep::new(&["lint"]).directory(&project.path("")).env("DATABASE_URL", url).run().code(0);
    url("postgresql://u:p@127.0.0.1:1/d").stdout_has("index-without-concurrently");
    url("mysql://u:p@127.0.0.1:1/d").stdout_has("1 file: 0 errors, 0 warnings");
}

#[test]
fn what_is_pending_in_a_database_is_judged_with_what_it_has_applied() {
    let database = Database::fresh();
    let project = Project::numbered(&[INIT]);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    for (name, text) in [INDEX, NEW, ON_NEW] {
        project.write(&format!("migrations/{name}"), text);
    }
    let pending = ["lint", "--pending", "--format", "json"];
    let output = project.doorstep(&database.url(), &pending).run().code(3);
    assert_eq!(told(&output), ["0002_index.sql:1 index-without-concurrently", "0004_on_new.sql:2 drop"]);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    project.doorstep(&database.url(), &["lint", "--pending"]).run().code(0).stdout_has("0 files: 0 errors");
    project.write("migrations/0002_index.sql", "SELECT 2;");
    project.write("migrations/0000_late.sql", "SELECT 1;");
    let output = project.doorstep(&database.url(), &pending).run().code(3);
    assert_eq!(told(&output), ["0000_late.sql:1 out-of-order", "0002_index.sql:1 edited-after-applied"]);
}

#[test]
fn what_is_new_since_a_branch_is_judged_and_what_it_changes_is_told() {
    let project = Project::numbered(&[INIT, INDEX]);
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"];
        let all = [&identity[..], arguments].concat();
        Doorstep::through("git", &all, &[]).directory(&project.path("")).run().code(0);
    };
    git(&["init", "-q", "-b", "main"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    git(&["switch", "-qc", "topic"]);
    project.write("migrations/0001_init.sql", "CREATE TABLE t (id int);");
    project.write("migrations/0003_new.sql", NEW.1);
    git(&["add", "."]);
    git(&["commit", "-qm", "two"]);
    project.write("migrations/0004_on_new.sql", ON_NEW.1);
    project.write("migrations/0000_late.sql", "SELECT 1;");
    let since = ["--dialect", "postgresql", "--format", "json", "--base", "main"];
    let output = lint(&project, &since).code(3);
    assert_eq!(
        told(&output),
        ["0000_late.sql:1 out-of-order", "0001_init.sql:1 edited-after-applied", "0004_on_new.sql:2 drop"]
    );
    lint(&project, &["--dialect", "postgresql", "--base", "absent"])
        .code(78)
        .stderr_has("git diff")
        .stderr_has("absent");
}

#[test]
fn a_rule_is_allowed_in_a_comment_and_by_the_setting_in_all_its_forms() {
    let project = Project::numbered(&[
        ("1_a.sql", "-- doorstep:allow drop since v2 nothing reads it\nDROP TABLE t;\n"),
        ("2_b.sql", "DROP TABLE u;\n"),
    ]);
    let dialect = ["--dialect", "sqlite"];
    lint(&project, &dialect).code(3).stdout_has("2_b.sql:1:1").stdout_lacks("1_a.sql");
    lint(&project, &[&dialect[..], &["--lint-allow", "drop:migrations/2*"]].concat()).code(0);
    let by_variable = |value: &str| {
        let call = Doorstep::new(&["lint", "--dialect", "sqlite"]).directory(&project.path(""));
        call.env("DOORSTEP_LINT_ALLOW", value).run()
    };
    by_variable("rename,drop").code(0).stdout_has("0 errors");
    by_variable("drop:1*").code(3);
    by_variable("dorp").code(78).stderr_has("lint_allow: `dorp` is no rule of lint").stderr_has("did you mean drop?");
    project.write("doorstep.toml", "lint_allow = [\"drop:2_b.sql\", \"rename\"]\n");
    lint(&project, &dialect).code(0);
    project.write("doorstep.toml", "lint_allow = [\"drop:2_b.sql\", \"nonsense\"]\n");
    lint(&project, &dialect).code(78).stderr_has("`nonsense` is no rule of lint");
    project.write("doorstep.toml", "");
    project.write("migrations/2_b.sql", "-- doorstep:allow drpo\nDROP TABLE u;\n");
    lint(&project, &dialect).code(78).stderr_has("migrations/2_b.sql:1: `drpo` is no rule of lint");
}

#[test]
fn the_runner_of_the_folder_matters() {
    let two = "SELECT 1;\nCREATE INDEX CONCURRENTLY i ON t (a);\n";
    let prisma = Project::new().migration("1_a", two);
    lint(&prisma, &["--dialect", "postgresql"])
        .code(0)
        .stdout_has("concurrently-in-transaction")
        .stdout_has("prisma sends");
    let dbmate = Project::bare().file("db/migrations/1_a.sql", &format!("-- migrate:up\n{two}"));
    lint(&dbmate, &["--dialect", "postgresql"]).code(3).stdout_has("cannot-run").stdout_has("1_a.sql:1:1");
    let sql = Project::numbered(&[("1_a.sql", "ALTER TABLE t ADD COLUMN x int;\n")]);
    lint(&sql, &["--dialect", "postgresql"]).code(0).stdout_has("0 warnings");
    let off = ["--dialect", "postgresql", "--statement-lock-timeout", "0"];
    lint(&sql, &off).code(0).stdout_has("missing-lock-timeout").stdout_has("SET lock_timeout = '5s';");
    lint(&sql, &["--dialect", "postgresql", "--migrate", "await"]).code(0).stdout_has("missing-lock-timeout");
    let alembic = Project::bare()
        .file("alembic.ini", "[alembic]\nscript_location = alembic\n")
        .file("alembic/env.py", "")
        .file("alembic/versions/1_a.py", "revision = '1'\ndown_revision = None\n");
    lint(&alembic, &["--dialect", "postgresql"]).code(78).stderr_has("are no files of SQL");
    let pending = ["lint", "--pending", "--migrate-command", "true"];
    alembic.doorstep("postgresql://u:p@127.0.0.1:1/d", &pending).run().code(78).stderr_has("are no files of SQL");
}

#[test]
fn mysql_and_mariadb_are_asked_for_their_history_too() {
    let database = MysqlDatabase::fresh();
    let project = Project::numbered(&[("1_a.sql", "CREATE TABLE t (id INT PRIMARY KEY, a INT);")]);
    project.doorstep(&database.url(), &["migrate"]).run().code(0);
    project.write("migrations/2_b.sql", "ALTER TABLE t MODIFY a BIGINT;\nALTER TABLE t ADD COLUMN b INT;\n");
    let output = project.doorstep(&database.url(), &["lint", "--pending", "--format", "json"]).run().code(0);
    assert_eq!(told(&output), ["2_b.sql:1 long-lock"]);
}
