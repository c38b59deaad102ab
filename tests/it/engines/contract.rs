//! What every engine must do alike, from an empty database to a failed migration. Each scenario is one function, and
//! one test per engine and format calls it, so the name of a failed test has all three:
//! `engines::contract::sqlite::prisma::a_later_migration_is_applied_alone`.

use crate::support::{Database, MysqlDatabase, Output, Project, Scripts, sqlite};

/// A project whose folder has one format, and an empty database of one engine.
struct Setup {
    format: Scripts,
    project: Project,
    url: String,
    /// Runs a query beside doorstep and returns its rows.
    query: Box<dyn Fn(&str) -> String>,
    /// What must hold at the end of every scenario.
    at_end: Box<dyn Fn()>,
}

impl Setup {
    fn postgres(format: Scripts) -> Self {
        let database = Database::fresh();
        let url = database.url();
        Self {
            format,
            project: project(format),
            url,
            query: Box::new(move |sql| database.sql(sql)),
            at_end: Box::new(|| ()),
        }
    }

    fn postgres_with_a_schema_parameter(format: Scripts) -> Self {
        let database = std::rc::Rc::new(Database::fresh());
        let url = format!("{}?schema=app&connection_limit=1", database.url());
        let (queried, checked) = (database.clone(), database);
        Self {
            format,
            project: project(format),
            url,
            query: Box::new(move |sql| queried.sql(&format!("SET search_path = app; {sql}"))),
            at_end: Box::new(move || {
                assert_eq!(checked.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
            }),
        }
    }

    fn sqlite(format: Scripts) -> Self {
        let project = if format == Scripts::Prisma { Project::sqlite() } else { Project::bare() };
        let path = project.path("data/dev.db");
        let url = format!("file:{}", path.display());
        Self { format, project, url, query: Box::new(move |sql| sqlite(&path, sql)), at_end: Box::new(|| ()) }
    }

    fn mysql(format: Scripts) -> Self {
        let database = MysqlDatabase::fresh();
        let project = if format == Scripts::Prisma { Project::mysql() } else { Project::bare() };
        let url = database.url();
        Self { format, project, url, query: Box::new(move |sql| database.sql(sql)), at_end: Box::new(|| ()) }
    }

    /// With `1_users` and `2_posts` in the folder.
    fn with_two(self) -> Self {
        self.write("1_users", "CREATE TABLE users (id integer PRIMARY KEY);\n");
        self.write("2_posts", "-- only a comment; with a semicolon\n");
        self
    }

    /// With `1_users`, `2_posts` and `3_tags` applied.
    fn with_three_applied(self) -> Self {
        let setup = self.with_two();
        setup.write("3_tags", "CREATE TABLE tags (id integer PRIMARY KEY);\n");
        setup.doorstep(&["migrate"]).code(0).stderr_has("(3 applied)");
        setup
    }

    /// With three applied, `4_broken` failed at its second statement, and `5_later` after it. Returns the failed start too.
    fn with_a_failure(self) -> (Self, Output) {
        let setup = self.with_three_applied();
        setup.write("4_broken", "CREATE TABLE fine (id integer);\nINSERT INTO nowhere\n  VALUES (1);\n");
        setup.write("5_later", "CREATE TABLE later (id integer);\n");
        let output = setup.doorstep(&["run", "--", "echo", "never"]).code(65).stdout_is("");
        (setup, output)
    }

    fn write(&self, name: &str, script: &str) {
        self.project.write(&self.format.file(name), script);
    }

    fn doorstep(&self, arguments: &[&str]) -> Output {
        self.project.doorstep(&self.url, arguments).run()
    }

    /// Rows of the history, which has another name and other columns in each format.
    fn query(&self, sql: &str) -> String {
        (self.query)(&self.format.query(sql))
    }
}

fn project(format: Scripts) -> Project {
    if format == Scripts::Prisma { Project::new() } else { Project::bare() }
}

fn pending_migrations_are_applied_in_order(setup: Setup) -> Setup {
    let setup = setup.with_two();
    let output = setup.doorstep(&["run", "--require-tables", "users", "--", "sh", "-c", "echo up"]);
    output.code(0).stdout_is("up").stderr_has("applied 1_users in").stderr_has("(2 applied)");
    let names = "SELECT migration_name FROM _prisma_migrations ORDER BY started_at, migration_name";
    assert_eq!(setup.query(names), "1_users\n2_posts");
    let row = "SELECT length(id), length(checksum), finished_at IS NOT NULL, finished_at >= started_at, \
               logs IS NULL, rolled_back_at IS NULL, applied_steps_count FROM _prisma_migrations LIMIT 1";
    // Only Prisma counts a script as one step.
    let steps = u8::from(setup.format == Scripts::Prisma);
    assert_eq!(setup.query(row).replace('t', "1"), format!("36|64|1|1|1|1|{steps}"));
    setup
}

fn a_second_start_applies_nothing(setup: Setup) -> Setup {
    let setup = setup.with_three_applied();
    let all = "SELECT * FROM _prisma_migrations ORDER BY migration_name";
    let before = setup.query(all);
    setup.doorstep(&["run"]).code(0).stderr_has("(0 applied)");
    assert_eq!(setup.query(all), before);
    setup
}

fn a_later_migration_is_applied_alone(setup: Setup) -> Setup {
    let setup = setup.with_two();
    setup.doorstep(&["run"]).code(0).stderr_has("(2 applied)");
    setup.write("3_tags", "CREATE TABLE tags (id integer PRIMARY KEY);\n");
    setup.doorstep(&["migrate"]).code(0).stderr_has("(1 applied)");
    setup
}

fn status_lists_the_applied_migrations(setup: Setup) -> Setup {
    let setup = setup.with_three_applied();
    let output = setup.doorstep(&["status"]).code(0);
    output.stdout_has("3_tags   applied").stdout_has(": current (");
    let output = setup.doorstep(&["status", "--format", "json"]).code(0);
    let status: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(status["verdict"], "current");
    assert_eq!(status["migrations"][0]["name"], "1_users");
    assert_eq!(status["migrations"][0]["state"], "applied");
    assert_eq!(status["migrations"][0]["checksum_matches"], true);
    setup
}

fn edited_and_missing_files_are_reported_and_do_not_stop_a_start(setup: Setup) -> Setup {
    let setup = setup.with_three_applied();
    setup.write("1_users", "-- edited\n");
    std::fs::remove_file(setup.project.path(&setup.format.file("2_posts"))).unwrap();
    let _ = std::fs::remove_dir(setup.project.path("prisma/migrations/2_posts"));
    let output = setup.doorstep(&["run"]).code(0);
    output
        .stderr_has("ahead of this image: applied, but not in the folder: 2_posts")
        .stderr_has("changed since they were applied: 1_users");
    let output = setup.doorstep(&["status"]).code(0);
    output.stdout_has("edited").stdout_has("missing").stdout_has(": ahead (");
    setup
}

fn a_failure_is_recorded_with_its_cause_and_place(setup: Setup) -> Setup {
    let (setup, output) = setup.with_a_failure();
    let place = format!("{}:2:", setup.format.file("4_broken"));
    let output = output.stderr_has("migration 4_broken failed").stderr_has(&place);
    output.stderr_has("    2 | INSERT INTO nowhere").stderr_has("next: repair the file");
    let row = "SELECT finished_at IS NULL, rolled_back_at IS NULL, applied_steps_count, logs LIKE '%nowhere%' \
               FROM _prisma_migrations WHERE migration_name = '4_broken'";
    // Where DDL commits, the statement before the one that failed is done.
    let done = usize::from(setup.url.starts_with("mysql:"));
    assert_eq!(setup.query(row).replace('t', "1"), format!("1|1|{done}|1"));
    setup
}

fn a_failure_stops_the_next_start_before_it(setup: Setup) -> Setup {
    let (setup, _) = setup.with_a_failure();
    let output = setup.doorstep(&["run", "--", "echo", "never"]).code(65).stdout_is("");
    output.stderr_has("4_broken (started ").stderr_has("nowhere").stderr_has("resolve --rolled-back 4_broken");
    let output = setup.doorstep(&["status"]).code(0);
    output.stdout_has("4_broken  failed").stdout_has("5_later   pending").stdout_has(": failed (");
    setup
}

/// It runs again (with Prisma in a second row), and the rest follows, also where earlier files have changed.
fn a_repaired_script_runs_once_it_is_marked_rolled_back(setup: Setup) -> Setup {
    let (setup, _) = setup.with_a_failure();
    setup.write("1_users", "-- edited\n");
    setup.write("4_broken", "CREATE TABLE repaired (id integer);\n");
    setup.query("UPDATE _prisma_migrations SET rolled_back_at = started_at WHERE migration_name = '4_broken'");
    setup.doorstep(&["run", "--require-tables", "repaired,later"]).code(0).stderr_has("(2 applied)");
    let rows = if setup.format == Scripts::Prisma { "2" } else { "1" };
    assert_eq!(setup.query("SELECT count(*) FROM _prisma_migrations WHERE migration_name = '4_broken'"), rows);
    setup
}

/// Also one that the history counts as created.
fn a_table_that_is_gone_is_missing(setup: Setup) -> Setup {
    let setup = setup.with_three_applied();
    setup.query("DROP TABLE tags");
    let output = setup.doorstep(&["run", "--require-tables", "users,tags,Users2", "--", "echo", "never"]);
    output.code(3).stdout_is("").stderr_has("table tags is missing").stderr_has("table Users2 is missing");
    setup
}

/// One test per scenario, for one engine and one format.
macro_rules! scenarios {
    ($engine:ident, $format:expr, $($scenario:ident),+ $(,)?) => {
        $(#[test]
        fn $scenario() {
            let setup = super::super::$scenario(super::super::Setup::$engine($format));
            (setup.at_end)();
        })+
    };
}

/// The scenarios for every engine, with each format that doorstep applies itself.
macro_rules! contract {
    ($($engine:ident)+ => $scenarios:tt) => { $(contract!(@ $engine $scenarios);)+ };
    (@ $engine:ident [$($scenario:ident),+ $(,)?]) => {
        mod $engine {
            mod prisma {
                scenarios!($engine, crate::support::Scripts::Prisma, $($scenario),+);
            }
            mod sql {
                scenarios!($engine, crate::support::Scripts::Sql, $($scenario),+);
            }
        }
    };
}

contract!(mysql postgres postgres_with_a_schema_parameter sqlite => [
    pending_migrations_are_applied_in_order,
    a_second_start_applies_nothing,
    a_later_migration_is_applied_alone,
    status_lists_the_applied_migrations,
    edited_and_missing_files_are_reported_and_do_not_stop_a_start,
    a_failure_is_recorded_with_its_cause_and_place,
    a_failure_stops_the_next_start_before_it,
    a_repaired_script_runs_once_it_is_marked_rolled_back,
    a_table_that_is_gone_is_missing,
]);
