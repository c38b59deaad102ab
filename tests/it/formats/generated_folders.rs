//! Twenty folders of each format, made from statements as people write them: doorstep leaves what the statements make when
//! psql or mariadb runs them, and, where there is a real tool, the rows that the tool leaves.

use crate::formats::interchange::{RealTool, TOOLS};
use crate::support::ground::{Engine, Ground};
use crate::support::native::{NATIVE, Native, Step};

const FOLDERS: u64 = 20;

/// Of the twenty, as many beside the other tests; all with `scripts/test --all`.
const SAMPLE: u64 = 3;
/// On MySQL, where each table is shown by a client of its own.
const SAMPLE_ON_MYSQL: usize = 1;

/// xorshift64*: the same folders in every run.
struct Dice(u64);

impl Dice {
    fn of(folder: u64) -> Self {
        Self((folder + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % limit
    }
}

const SLUGS: [&str; 8] = ["init", "add_users", "orders", "x", "create_index", "fix2", "enum_values", "last_one"];

/// What a migration can do with table @, where # is a number that no other statement has.
const STATEMENTS: [&str; 12] = [
    "ALTER TABLE @ ADD COLUMN c# text DEFAULT 'it''s; -- no comment' NOT NULL;",
    "CREATE INDEX i# ON @ (id) WHERE id > #;",
    "CREATE FUNCTION f#() RETURNS int LANGUAGE plpgsql AS $$\nBEGIN\n    -- a comment; in the body\n    RETURN #;\nEND;\n$$;",
    "INSERT INTO @ (id) VALUES (#);",
    "UPDATE @ SET id = id WHERE note <> 'a\nline -- break';",
    "COMMENT ON TABLE @ IS 'Größe; №#';",
    "CREATE TYPE e# AS ENUM ('new', 'done; or not');",
    "CREATE VIEW v# AS SELECT id, note FROM @ WHERE id <> #;",
    "ALTER TABLE @ ADD CONSTRAINT k# CHECK (id <> -#);",
    "/* a block;\n   of two lines */ CREATE TABLE s# (id int PRIMARY KEY, at timestamptz DEFAULT now());",
    "CREATE UNIQUE INDEX u# ON @ (id, note);",
    "DO $do$ BEGIN PERFORM #; END $do$;",
];

/// The same on MySQL and MariaDB.
const STATEMENTS_OF_MYSQL: [&str; 12] = [
    "ALTER TABLE @ ADD COLUMN c# varchar(60) DEFAULT 'it''s; -- no comment' NOT NULL;",
    "CREATE INDEX i# ON @ (id) -- until the end; of the line\n;",
    "CREATE FUNCTION f#() RETURNS int DETERMINISTIC RETURN /* a comment; in the body */ # + 0;",
    "INSERT INTO @ (id) VALUES (#);",
    "UPDATE @ SET id = id WHERE note <> 'a\nline -- break';",
    "ALTER TABLE @ COMMENT = 'Größe; №#';",
    "CREATE TABLE e# (kind enum('new', 'done; or \\'not'));",
    "CREATE VIEW v# AS SELECT id, note FROM @ WHERE id <> #;",
    "ALTER TABLE @ ADD CONSTRAINT k# CHECK (id <> -#);",
    "/* a block;\n   of two lines */ CREATE TABLE `s;#` (id int PRIMARY KEY, at datetime(3) DEFAULT CURRENT_TIMESTAMP(3));",
    "CREATE UNIQUE INDEX u# ON @ (id, note);",
    "CREATE TRIGGER g# BEFORE INSERT ON @ FOR EACH ROW SET NEW.id = NEW.id + 0;",
];

fn steps(engine: Engine, folder: u64) -> Vec<Step> {
    let statements = if engine == Engine::Mysql { STATEMENTS_OF_MYSQL } else { STATEMENTS };

    let mut dice = Dice::of(folder);
    let count = 2 + dice.below(SLUGS.len() as u64 - 1);
    let mut serial = 100 * folder;
    let mut step = |number: u64| {
        let table = format!("t{number}");
        let mut sql = format!("CREATE TABLE {table} (id int, note varchar(60) DEFAULT 'x');");
        for _ in 0..dice.below(5) {
            serial += 1;
            let statement = statements[usize::try_from(dice.below(statements.len() as u64)).unwrap()];
            sql += "\n";
            sql += &statement.replace('@', &table).replace('#', &serial.to_string());
        }
        Step::new(u32::try_from(number).unwrap(), SLUGS[usize::try_from(number - 1).unwrap()], &sql)
    };
    (1..=count.min(8)).map(&mut step).collect()
}

/// What the statements made, without the history.
fn catalog(format: &Native, ground: &Ground) -> String {
    if ground.engine() == Engine::Mysql {
        return catalog_of_mysql(format, ground);
    }
    let history: Vec<String> =
        format.history.iter().map(|table| format!("'{}'", table.rsplit('.').next().unwrap())).collect();
    let history = history.join(", ");
    ground.sql(&format!(
        "SELECT 'column', table_name, column_name, data_type, column_default, is_nullable FROM information_schema.columns
           WHERE table_schema = 'public' AND table_name NOT IN ({history})
         UNION ALL SELECT 'index', tablename, indexname, indexdef, NULL, NULL FROM pg_indexes
           WHERE schemaname = 'public' AND tablename NOT IN ({history})
         UNION ALL SELECT 'function', proname, prosrc, NULL, NULL, NULL FROM pg_proc WHERE pronamespace = 'public'::regnamespace
         UNION ALL SELECT 'check', conname, pg_get_constraintdef(oid), NULL, NULL, NULL FROM pg_constraint WHERE contype = 'c'
         UNION ALL SELECT 'enum', typname, enumlabel, NULL, NULL, NULL FROM pg_enum JOIN pg_type ON pg_type.oid = enumtypid
         UNION ALL SELECT 'comment', objoid::regclass::text, description, NULL, NULL, NULL FROM pg_description
           WHERE classoid = 'pg_class'::regclass AND objoid >= 16384
         UNION ALL SELECT 'rows', relname, (xpath('/row/c/text()', query_to_xml('SELECT count(*) AS c FROM ' || relname, false, true, '')))[1]::text, NULL, NULL, NULL
           FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname NOT IN ({history})
         ORDER BY 1, 2, 3"
    ))
}

fn catalog_of_mysql(format: &Native, ground: &Ground) -> String {
    let programs = ground.sql(
        "SELECT routine_name, routine_definition, is_deterministic FROM information_schema.routines \
         WHERE routine_schema = DATABASE() UNION ALL SELECT trigger_name, action_statement, event_object_table \
         FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY 1",
    );
    let tables = ground.tables(format);
    let shown = tables.split(' ').map(|table| {
        let shown = ground.sql(&format!("SHOW CREATE TABLE `{table}`; SELECT COUNT(*) FROM `{table}`"));
        // A view names its database, and the account and the collation of the session that made it, which are the tool's: one that
        // prefers the server's Unix socket is root@localhost.
        let shown =
            shown.replace(&ground.sql("SELECT DATABASE()"), "").replace("`root`@`localhost`", "`root`@`127.0.0.1`");
        let without_session = |line: &str| line.split("|utf8mb4|utf8mb4_").next().unwrap().to_owned();
        shown.lines().map(without_session).collect::<Vec<_>>().join("\n")
    });
    std::iter::once(programs).chain(shown).collect::<Vec<_>>().join("\n")
}

fn compare(format: &'static Native, tool: Option<&RealTool>, (engine, folder): (Engine, u64)) {
    let steps = steps(engine, folder);
    let project = format.project(&steps);
    let [ours, expected] = [engine; 2].map(Ground::fresh);
    let applied = format!("({} applied)", steps.len());
    ours.doorstep(format, &project, &["run"]).run().code(0).stderr_has(&applied);
    match tool {
        Some(tool) => {
            (tool.up)(&project, &expected).run().code(0);
            assert_eq!(tool.rows(&ours), tool.rows(&expected), "{}: folder {folder}", format.name);
        }
        None => steps.iter().for_each(|step| drop(expected.sql(&step.sql))),
    }
    let [ours, expected] = [ours, expected].map(|ground| {
        let catalog = catalog(format, &ground);
        if format.name != "liquibase" {
            return catalog;
        }
        // Liquibase takes comments out of what it sends, also out of the body of a function (stripComments).
        let catalog = catalog.replace("/* a comment; in the body */", "");
        let is_left = |line: &&str| !(line.trim().is_empty() || line.trim().starts_with("--"));
        catalog.lines().filter(is_left).map(str::to_owned).collect::<Vec<_>>().join("\n")
    });
    assert_eq!(ours, expected, "{}: folder {folder}", format.name);
}

fn compare_all(folders: std::ops::Range<u64>, with_slow: bool) {
    for format in NATIVE {
        for engine in Engine::SERVERS.into_iter().filter(|engine| format.knows(*engine)) {
            eprintln!("--- {} {engine:?}", format.name);
            let runs = |tool: &&RealTool| tool.engines.contains(&engine) && (with_slow || !tool.is_slow);
            let tool = TOOLS.iter().filter(runs).find(|tool| tool.format == format.name);
            let count = if engine == Engine::Mysql && !with_slow { SAMPLE_ON_MYSQL } else { usize::MAX };
            folders.clone().take(count).for_each(|folder| compare(format, tool, (engine, folder)));
        }
    }
}

#[test]
fn a_sample_of_folders_of_each_format_leaves_what_the_tool_leaves() {
    compare_all(0..SAMPLE, false);
}

#[test]
#[ignore = "minutes: scripts/test --all"]
fn twenty_folders_of_each_format_leave_what_the_tool_leaves() {
    compare_all(0..FOLDERS, true);
}
