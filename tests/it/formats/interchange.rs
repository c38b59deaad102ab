//! The real tools and doorstep take turns on one database: whoever applies a migration, the rows are the same but for ids
//! and times, and the other goes on.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use crate::support::native::{NATIVE, Native, Step};
use crate::support::{Database, Doorstep, Output, Project, large_tool, real_tool};

/// A real tool, and how its runs are compared with doorstep's.
pub(crate) struct RealTool {
    /// The format, as in [`NATIVE`].
    pub(crate) format: &'static str,
    /// Applies what is pending.
    pub(crate) up: fn(&Project, &Database) -> Doorstep,
    /// Selects the rows of the history in their order, without ids and times.
    pub(crate) rows: &'static str,
    /// A run takes seconds: left to `scripts/test --all`.
    pub(crate) is_slow: bool,
}

pub(crate) const TOOLS: &[RealTool] = &[
    RealTool {
        format: "dbmate",
        up: |project, database| {
            let url = format!("{}?sslmode=disable", database.url_for_tools());
            real_tool("@dbmate/linux-x64/bin/dbmate", &["--no-dump-schema", "migrate"], project)
                .env("DATABASE_URL", &url)
        },
        rows: "SELECT version FROM schema_migrations ORDER BY 1",
        is_slow: false,
    },
    RealTool {
        format: "sqlx",
        up: |project, database| {
            let sqlx = format!("{}/bin/sqlx", std::env::var("PYTHON_HOME").unwrap());
            Doorstep::through(&sqlx, &[], &["migrate", "run"])
                .directory(&project.path(""))
                .env("DATABASE_URL", &database.url())
        },
        rows: "SELECT version, description, success, checksum FROM _sqlx_migrations ORDER BY 1",
        is_slow: false,
    },
    RealTool {
        format: "drizzle",
        up: |project, database| drizzle_orm("drizzle-orm", project, database),
        rows: "SELECT hash, created_at FROM drizzle.__drizzle_migrations ORDER BY id",
        is_slow: false,
    },
    RealTool {
        format: "drizzle 1.0",
        up: |project, database| drizzle_orm("drizzle-orm-1", project, database),
        rows: "SELECT hash, created_at, name, applied_at IS NULL FROM drizzle.__drizzle_migrations ORDER BY id",
        is_slow: false,
    },
    RealTool {
        format: "node-pg-migrate",
        up: |project, database| {
            real_tool(".bin/node-pg-migrate", &["up"], project).env("DATABASE_URL", &database.url())
        },
        rows: "SELECT name FROM pgmigrations ORDER BY run_on, id",
        is_slow: false,
    },
    RealTool {
        format: "umzug",
        up: |project, database| {
            project.write("migrate.cjs", UMZUG);
            Doorstep::through("node", &[], &["migrate.cjs"])
                .directory(&project.path(""))
                .env("REAL_TOOLS", &std::env::var("REAL_TOOLS").unwrap())
                .env("DATABASE_URL", &database.url())
        },
        rows: "SELECT name FROM \"SequelizeMeta\" ORDER BY 1",
        is_slow: false,
    },
    RealTool {
        format: "refinery",
        up: |project, database| {
            Doorstep::through(own_program("refinery"), &[], &[])
                .directory(&project.path(""))
                .env("DATABASE_URL", &database.url())
        },
        rows: "SELECT version, name, checksum FROM refinery_schema_history ORDER BY 1",
        is_slow: true,
    },
    RealTool {
        format: "diesel",
        up: |project, database| {
            Doorstep::through(own_program("diesel"), &[], &[])
                .directory(&project.path(""))
                .env("DATABASE_URL", &database.url())
        },
        rows: "SELECT version FROM __diesel_schema_migrations ORDER BY 1",
        is_slow: true,
    },
    RealTool {
        format: "supabase",
        up: |project, database| {
            let url = format!("{}?sslmode=disable", database.url_for_tools());
            project.write("supabase/config.toml", "project_id = \"t\"\n");
            large_tool("@supabase/cli-linux-x64/bin/supabase", &["db", "push", "--yes", "--db-url", &url], project)
                .env("HOME", project.path("").to_str().unwrap())
                .env("DO_NOT_TRACK", "1")
        },
        rows: "SELECT version, name, statements FROM supabase_migrations.schema_migrations ORDER BY 1",
        is_slow: true,
    },
    RealTool {
        format: "liquibase",
        up: |project, database| {
            let url = database.url_for_tools();
            let (login, place) = url.split_once("://").unwrap().1.split_once('@').unwrap();
            let (user, password) = login.split_once(':').unwrap();
            let options = [
                format!("--url=jdbc:postgresql://{place}"),
                format!("--username={user}"),
                format!("--password={password}"),
                "update".to_owned(),
            ];
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            large_tool("liquibase/dist/liquibase/liquibase", &options, project)
        },
        rows: "SELECT id, author, filename, orderexecuted, exectype, md5sum, description, comments, tag, contexts, labels \
               FROM databasechangelog ORDER BY orderexecuted",
        is_slow: true,
    },
];

/// The migrator of this package, with PostgreSQL's driver for Node.
fn drizzle_orm(package: &str, project: &Project, database: &Database) -> Doorstep {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/npm/drizzle-migrate.cjs");
    let packages = std::env::var("REAL_TOOLS").unwrap();
    Doorstep::through("node", &[program, &packages, package], &[])
        .directory(&project.path(""))
        .env("DATABASE_URL", &database.url())
}

/// A program around a library that is a tool, in tests/tools: built once, with its own lock file, for the host.
fn own_program(name: &str) -> &'static str {
    static BUILT: Mutex<BTreeMap<String, &'static str>> = Mutex::new(BTreeMap::new());
    let build = || {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools").join(name);
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tools").join(name);
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--locked", "--jobs", "1", "--manifest-path"]).arg(folder.join("Cargo.toml"));
        cargo.arg("--target-dir").arg(&target).env_remove("CARGO_BUILD_TARGET");
        assert!(cargo.status().unwrap().success(), "{name} does not build");
        let program = target.join("debug").join(format!("{name}-migrate"));
        &*Box::leak(program.into_os_string().into_string().unwrap().into_boxed_str())
    };
    BUILT.lock().unwrap().entry(name.to_owned()).or_insert_with(build)
}

/// A program as umzug's documentation has it for files of SQL.
const UMZUG: &str = r"
const packages = process.env.REAL_TOOLS + '/node_modules/';
const { Umzug, SequelizeStorage } = require(packages + 'umzug');
const { Sequelize } = require(packages + 'sequelize');
const fs = require('fs');
const sequelize = new Sequelize(process.env.DATABASE_URL, { logging: false });
const umzug = new Umzug({
    migrations: {
        glob: 'migrations/*.up.sql',
        resolve: ({ name, path, context }) => ({ name, up: () => context.query(fs.readFileSync(path).toString()) }),
    },
    context: sequelize,
    storage: new SequelizeStorage({ sequelize }),
    logger: undefined,
});
umzug.up().then(() => sequelize.close()).catch(error => { console.error(error); process.exitCode = 1; return sequelize.close(); });
";

fn steps() -> [Step; 4] {
    [
        Step::new(1, "apple", "CREATE TABLE apple (id int PRIMARY KEY, name text DEFAULT 'Ä; -- no comment');"),
        Step::new(2, "pear", "-- two statements\nCREATE TABLE pear (id int);\nINSERT INTO pear SELECT 1;"),
        Step::new(3, "plum", "CREATE FUNCTION plum() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;\n"),
        Step::new(4, "quince", "ALTER TABLE apple ADD COLUMN weight int NOT NULL DEFAULT 0;"),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Hand {
    Tool,
    Doorstep,
}

impl RealTool {
    fn native(&self) -> &'static Native {
        NATIVE.iter().find(|format| format.name == self.format).unwrap()
    }

    /// The first hand applies two migrations, the second the others, and the first finds nothing to do.
    fn turns(&self, hands: [Hand; 2]) -> (String, String) {
        let (database, native) = (Database::fresh(), self.native());
        let project = Project::bare();
        let run = |hand| -> Output {
            match hand {
                Hand::Tool => (self.up)(&project, &database).run().code(0),
                Hand::Doorstep => native.doorstep(&project, &database.url(), &["run"]).run().code(0),
            }
        };
        native.write(&project, &steps()[..2]);
        run(hands[0]);
        let rows = database.sql(self.rows);
        native.write(&project, &steps());
        run(hands[1]);
        let all = database.sql(self.rows);
        assert!(all.lines().count() >= rows.lines().count() && all != rows, "{}: {hands:?}: {all}", self.format);
        run(hands[0]);
        assert_eq!(database.sql(self.rows), all, "{}: {hands:?}: the first hand found something to do", self.format);
        run(Hand::Doorstep).stderr_has("(0 applied)");
        native.doorstep(&project, &database.url(), &["check"]).run().code(0);
        (all, database.sql(TABLES))
    }
}

/// The service's columns.
const TABLES: &str = "SELECT table_name, column_name, data_type, column_default, is_nullable FROM information_schema.columns \
     WHERE table_name IN ('apple', 'pear') ORDER BY 1, 2";

fn take_turns(is_slow: bool) {
    for tool in TOOLS.iter().filter(|tool| tool.is_slow == is_slow) {
        eprintln!("--- {}", tool.format);
        let by_tool = tool.turns([Hand::Tool, Hand::Tool]);
        for hands in [[Hand::Doorstep, Hand::Doorstep], [Hand::Doorstep, Hand::Tool], [Hand::Tool, Hand::Doorstep]] {
            assert_eq!(tool.turns(hands), by_tool, "{}: {hands:?}", tool.format);
        }
    }
}

#[test]
fn the_real_tools_and_doorstep_take_turns() {
    take_turns(false);
}

#[test]
#[ignore = "a minute: scripts/test --all"]
fn the_slow_ones_take_turns_too() {
    take_turns(true);
}

/// One database goes around: doorstep begins every format, the real tools go on where there is one, and at the end nobody
/// finds anything to do. Each history stands beside the others; of two that have one name, the first is here.
fn ten_hands(with_slow: bool) {
    let database = Database::fresh();
    let mut histories: Vec<&str> = Vec::new();
    let mut hands: Vec<(&Native, Option<&RealTool>, Project)> = Vec::new();
    for native in NATIVE {
        if native.history.iter().any(|table| histories.contains(table)) {
            continue;
        }
        histories.extend(native.history);
        let tool = TOOLS.iter().find(|tool| tool.format == native.name && (with_slow || !tool.is_slow));
        hands.push((native, tool, Project::bare()));
    }
    let steps = |native: &Native, count: usize| {
        let suffix = native.name.replace('-', "_");
        let tables = ["apple", "pear", "plum"].into_iter().zip(1..).take(count);
        let step = |(table, number)| Step::new(number, table, &format!("CREATE TABLE {table}_{suffix} (id int);"));
        tables.map(step).collect::<Vec<_>>()
    };
    let doorstep =
        |native: &Native, project: &Project| native.doorstep(project, &database.url(), &["run"]).run().code(0);
    for (native, _, project) in &hands {
        native.write(project, &steps(native, 1));
        // Flyway itself begins beside tables of others only when it is told to.
        if native.name == "flyway" {
            native.doorstep(project, &database.url(), &["baseline", "--empty"]).run().code(0);
        }
        doorstep(native, project).stderr_has("(1 applied)");
    }
    for (native, tool, project) in &hands {
        native.write(project, &steps(native, 2));
        match tool {
            Some(tool) => (tool.up)(project, &database).run().code(0),
            None => doorstep(native, project),
        };
    }
    for (native, _, project) in hands.iter().rev() {
        native.write(project, &steps(native, 3));
        doorstep(native, project).stderr_has("(1 applied)");
    }
    for (native, tool, project) in &hands {
        if let Some(tool) = tool {
            let rows = database.sql(tool.rows);
            (tool.up)(project, &database).run().code(0);
            assert_eq!(database.sql(tool.rows), rows, "{}", native.name);
        }
        doorstep(native, project).stderr_has("(0 applied)");
        native.doorstep(project, &database.url(), &["check"]).run().code(0);
        for step in steps(native, 3) {
            assert_eq!(database.sql(&native.count(&step)), "1", "{}: {}", native.name, step.slug);
        }
    }
    let made = database
        .sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename ~ '^(apple|pear|plum)_'");
    assert_eq!(made, (3 * hands.len()).to_string());
}

#[test]
fn ten_hands_one_database() {
    ten_hands(false);
}

#[test]
#[ignore = "a minute: scripts/test --all"]
fn ten_hands_one_database_with_the_slow_ones() {
    ten_hands(true);
}
