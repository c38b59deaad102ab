//! The real tools and doorstep take turns on one database: whoever applies a migration, the rows are the same but for ids
//! and times, and the other goes on.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use crate::support::ground::{Engine, Ground};
use crate::support::native::{NATIVE, Native, Step, on};
use crate::support::{Doorstep, Output, Project, large_tool, real_tool};

/// A real tool, and how its runs are compared with doorstep's.
pub(crate) struct RealTool {
    /// The format, as in [`NATIVE`].
    pub(crate) format: &'static str,
    /// Applies what is pending.
    pub(crate) up: fn(&Project, &Ground) -> Doorstep,
    /// Selects the rows of the history in their order, without ids and times.
    pub(crate) rows: &'static str,
    /// The servers on which the tool runs here.
    pub(crate) engines: &'static [Engine],
    /// A run takes seconds: left to `scripts/test --all`.
    pub(crate) is_slow: bool,
}

/// PostgreSQL alone.
const POSTGRES: &[Engine] = &[Engine::Postgres];

pub(crate) const TOOLS: &[RealTool] = &[
    RealTool {
        format: "dbmate",
        up: |project, ground| {
            let url = match ground.engine() {
                Engine::Mysql => ground.url(),
                _ => format!("{}?sslmode=disable", ground.url_for_tools()),
            };
            real_tool("@dbmate/linux-x64/bin/dbmate", &["--no-dump-schema", "migrate"], project)
                .env("DATABASE_URL", &url)
        },
        rows: "SELECT version FROM schema_migrations ORDER BY 1",
        engines: &Engine::SERVERS,
        is_slow: false,
    },
    RealTool {
        format: "sqlx",
        up: |project, ground| {
            let sqlx = format!("{}/bin/sqlx", std::env::var("PYTHON_HOME").unwrap());
            Doorstep::through(&sqlx, &[], &["migrate", "run"])
                .directory(&project.path(""))
                .env("DATABASE_URL", &ground.url())
        },
        rows: "SELECT version, description, success, CHECKSUM FROM _sqlx_migrations ORDER BY 1",
        engines: &Engine::SERVERS,
        is_slow: false,
    },
    RealTool {
        format: "drizzle",
        up: |project, ground| drizzle_orm("drizzle-orm", project, ground),
        rows: "SELECT hash, created_at FROM drizzle.__drizzle_migrations ORDER BY id",
        engines: &Engine::SERVERS,
        is_slow: false,
    },
    RealTool {
        format: "drizzle 1.0",
        up: |project, ground| drizzle_orm("drizzle-orm-1", project, ground),
        rows: "SELECT hash, created_at, name, applied_at IS NULL FROM drizzle.__drizzle_migrations ORDER BY id",
        engines: &Engine::SERVERS,
        is_slow: false,
    },
    RealTool {
        format: "node-pg-migrate",
        up: |project, ground| real_tool(".bin/node-pg-migrate", &["up"], project).env("DATABASE_URL", &ground.url()),
        rows: "SELECT name FROM pgmigrations ORDER BY run_on, id",
        engines: POSTGRES,
        is_slow: false,
    },
    RealTool {
        format: "umzug",
        up: |project, ground| {
            project.write("migrate.cjs", UMZUG);
            Doorstep::through("node", &[], &["migrate.cjs"])
                .directory(&project.path(""))
                .env("REAL_TOOLS", &std::env::var("REAL_TOOLS").unwrap())
                .env("DATABASE_URL", &ground.url())
        },
        rows: "SELECT name FROM \"SequelizeMeta\" ORDER BY 1",
        engines: &Engine::SERVERS,
        is_slow: false,
    },
    RealTool {
        format: "refinery",
        up: |project, ground| {
            Doorstep::through(own_program("refinery"), &[], &[])
                .directory(&project.path(""))
                .env("DATABASE_URL", &ground.url())
        },
        rows: "SELECT version, name, checksum FROM refinery_schema_history ORDER BY 1",
        engines: &Engine::SERVERS,
        is_slow: true,
    },
    RealTool {
        format: "diesel",
        up: |project, ground| {
            Doorstep::through(own_program("diesel"), &[], &[])
                .directory(&project.path(""))
                .env("DATABASE_URL", &ground.url())
        },
        rows: "SELECT version FROM __diesel_schema_migrations ORDER BY 1",
        engines: &Engine::SERVERS,
        is_slow: true,
    },
    RealTool {
        format: "supabase",
        up: |project, ground| {
            let url = format!("{}?sslmode=disable", ground.url_for_tools());
            project.write("supabase/config.toml", "project_id = \"t\"\n");
            large_tool("@supabase/cli-linux-x64/bin/supabase", &["db", "push", "--yes", "--db-url", &url], project)
                .env("HOME", project.path("").to_str().unwrap())
                .env("DO_NOT_TRACK", "1")
        },
        rows: "SELECT version, name, statements FROM supabase_migrations.schema_migrations ORDER BY 1",
        engines: POSTGRES,
        is_slow: true,
    },
    RealTool {
        format: "liquibase",
        up: |project, ground| {
            let url = ground.url_for_tools();
            let (login, place) = url.split_once("://").unwrap().1.split_once('@').unwrap();
            let (user, password) = login.split_once(':').unwrap();
            // A change set is one message, which may have several statements on MySQL only where the URL says so.
            let url = match ground.engine() {
                Engine::Mysql => format!("jdbc:mariadb://{place}?allowMultiQueries=true"),
                Engine::Postgres | Engine::Sqlite => format!("jdbc:postgresql://{place}"),
            };
            let options = [
                format!("--url={url}"),
                format!("--username={user}"),
                format!("--password={password}"),
                "update".to_owned(),
            ];
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            large_tool("liquibase/dist/liquibase/liquibase", &options, project)
        },
        rows: "SELECT id, author, filename, orderexecuted, exectype, md5sum, description, comments, tag, contexts, labels \
               FROM databasechangelog ORDER BY orderexecuted",
        engines: &Engine::SERVERS,
        is_slow: true,
    },
];

/// The migrator of this package, with the server's driver for Node.
fn drizzle_orm(package: &str, project: &Project, ground: &Ground) -> Doorstep {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/npm/drizzle-migrate.cjs");
    let packages = std::env::var("REAL_TOOLS").unwrap();
    Doorstep::through("node", &[program, &packages, package], &[])
        .directory(&project.path(""))
        .env("DATABASE_URL", &ground.url())
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
        // diesel's driver of MySQL links to the library of the mariadb client, which no package of headers goes with.
        std::fs::create_dir_all(&target).unwrap();
        let library = target.join("libmariadb.so");
        let _ = std::os::unix::fs::symlink("/usr/lib/x86_64-linux-gnu/libmariadb.so.3", &library);
        cargo.env("MYSQLCLIENT_LIB_DIR", &target).env("MYSQLCLIENT_LIBNAME", "mariadb");
        cargo.env("MYSQLCLIENT_VERSION", "3.3.14");
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
const url = process.env.DATABASE_URL;
// A file is one message.
const dialectOptions = url.startsWith('mysql:') ? { multipleStatements: true } : {};
const sequelize = new Sequelize(url, { logging: false, dialectOptions });
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

fn steps(engine: Engine) -> [Step; 4] {
    let function = match engine {
        Engine::Mysql => "CREATE FUNCTION plum() RETURNS INT DETERMINISTIC BEGIN RETURN 1; END;\n",
        Engine::Postgres | Engine::Sqlite => "CREATE FUNCTION plum() RETURNS int LANGUAGE sql AS $$ SELECT 1; $$;\n",
    };
    [
        Step::new(1, "apple", "CREATE TABLE apple (id int PRIMARY KEY, name varchar(50) DEFAULT 'Ä; -- no comment');"),
        Step::new(2, "pear", "-- two statements\nCREATE TABLE pear (id int);\nINSERT INTO pear SELECT 1;"),
        Step::new(3, "plum", function),
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

    /// The rows of the history; a column of bytes as hexadecimal digits.
    pub(crate) fn rows(&self, ground: &Ground) -> String {
        let bytes = if ground.engine() == Engine::Mysql { "hex(checksum)" } else { "checksum" };
        ground.sql(&on(ground.engine(), &self.rows.replace("CHECKSUM", bytes)))
    }

    /// The first hand applies two migrations, the second the others, and the first finds nothing to do.
    fn turns(&self, engine: Engine, hands: [Hand; 2]) -> (String, String) {
        let (ground, native) = (Ground::fresh(engine), self.native());
        let project = Project::bare();
        let run = |hand| -> Output {
            match hand {
                Hand::Tool => (self.up)(&project, &ground).run().code(0),
                Hand::Doorstep => ground.doorstep(native, &project, &["run"]).run().code(0),
            }
        };
        native.write(&project, &steps(engine)[..2]);
        run(hands[0]);
        let rows = self.rows(&ground);
        native.write(&project, &steps(engine));
        run(hands[1]);
        let all = self.rows(&ground);
        assert!(all.lines().count() >= rows.lines().count() && all != rows, "{}: {hands:?}: {all}", self.format);
        run(hands[0]);
        assert_eq!(self.rows(&ground), all, "{}: {hands:?}: the first hand found something to do", self.format);
        run(Hand::Doorstep).stderr_has("(0 applied)");
        ground.doorstep(native, &project, &["check"]).run().code(0);
        (all, ground.sql(columns(engine)))
    }
}

/// The columns of all tables, with those of the history; without the order of a history's own rows.
fn columns(engine: Engine) -> &'static str {
    match engine {
        Engine::Mysql => {
            "SELECT table_name, column_name, column_type, column_default, is_nullable, column_key, extra \
             FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY 1, ordinal_position"
        }
        Engine::Postgres | Engine::Sqlite => {
            "SELECT table_name, column_name, data_type, column_default, is_nullable FROM information_schema.columns \
             WHERE table_name IN ('apple', 'pear') ORDER BY 1, 2"
        }
    }
}

fn take_turns(is_slow: bool) {
    for tool in TOOLS.iter().filter(|tool| tool.is_slow == is_slow) {
        for engine in tool.engines {
            eprintln!("--- {} {engine:?}", tool.format);
            let by_tool = tool.turns(*engine, [Hand::Tool, Hand::Tool]);
            for hands in [[Hand::Doorstep, Hand::Doorstep], [Hand::Doorstep, Hand::Tool], [Hand::Tool, Hand::Doorstep]]
            {
                assert_eq!(tool.turns(*engine, hands), by_tool, "{}: {hands:?}", tool.format);
            }
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
fn ten_hands(engine: Engine, with_slow: bool) {
    let ground = Ground::fresh(engine);
    let mut histories: Vec<&str> = Vec::new();
    let mut hands: Vec<(&Native, Option<&RealTool>, Project)> = Vec::new();
    for native in NATIVE.iter().filter(|native| native.knows(engine)) {
        if native.history.iter().any(|table| histories.contains(table)) {
            continue;
        }
        histories.extend(native.history);
        let runs = |tool: &&RealTool| tool.engines.contains(&engine) && (with_slow || !tool.is_slow);
        let tool = TOOLS.iter().filter(runs).find(|tool| tool.format == native.name);
        hands.push((native, tool, Project::bare()));
    }
    let steps = |native: &Native, count: usize| {
        let suffix = native.name.replace('-', "_");
        let tables = ["apple", "pear", "plum"].into_iter().zip(1..).take(count);
        let step = |(table, number)| Step::new(number, table, &format!("CREATE TABLE {table}_{suffix} (id int);"));
        tables.map(step).collect::<Vec<_>>()
    };
    let doorstep = |native: &Native, project: &Project| ground.doorstep(native, project, &["run"]).run().code(0);
    for (native, _, project) in &hands {
        native.write(project, &steps(native, 1));
        // Flyway itself begins beside tables of others only when it is told to.
        if native.name == "flyway" {
            ground.doorstep(native, project, &["baseline", "--empty"]).run().code(0);
        }
        doorstep(native, project).stderr_has("(1 applied)");
    }
    for (native, tool, project) in &hands {
        native.write(project, &steps(native, 2));
        match tool {
            Some(tool) => (tool.up)(project, &ground).run().code(0),
            None => doorstep(native, project),
        };
    }
    for (native, _, project) in hands.iter().rev() {
        native.write(project, &steps(native, 3));
        doorstep(native, project).stderr_has("(1 applied)");
    }
    for (native, tool, project) in &hands {
        if let Some(tool) = tool {
            let rows = tool.rows(&ground);
            (tool.up)(project, &ground).run().code(0);
            assert_eq!(tool.rows(&ground), rows, "{}", native.name);
        }
        doorstep(native, project).stderr_has("(0 applied)");
        ground.doorstep(native, project, &["check"]).run().code(0);
        for step in steps(native, 3) {
            assert_eq!(ground.count(native, &step), "1", "{}: {}", native.name, step.slug);
        }
    }
    let is_own = |table: &&str| ["apple_", "pear_", "plum_"].iter().any(|fruit| table.starts_with(fruit));
    let tables = ground.sql(match engine {
        Engine::Mysql => "SHOW TABLES",
        Engine::Postgres | Engine::Sqlite => "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
    });
    assert_eq!(tables.lines().filter(is_own).count(), 3 * hands.len());
}

#[test]
fn ten_hands_one_database() {
    ten_hands(Engine::Postgres, false);
    ten_hands(Engine::Mysql, false);
}

#[test]
#[ignore = "a minute: scripts/test --all"]
fn ten_hands_one_database_with_the_slow_ones() {
    ten_hands(Engine::Postgres, true);
    ten_hands(Engine::Mysql, true);
}
