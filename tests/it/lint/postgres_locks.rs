//! The locks, scans and rewrites that `lint` expects of a statement, held against a PostgreSQL server: each statement runs in a
//! transaction that is rolled back, and the server's own views tell what it did.

use std::collections::BTreeMap;

use doorstep::internals::{Dialect, lint_effects};

use crate::support::{Database, until};

/// What all statements find: tables with rows, keys, checks, an enum, partitions, views.
const SETUP: &str = "\
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE parent (id int PRIMARY KEY, code text NOT NULL UNIQUE, note text);
CREATE TABLE t (id int PRIMARY KEY, a int, b varchar(20), c text, n numeric(10, 2), d timestamp, m mood, parent_id int, ch char(9),
  CONSTRAINT a_set CHECK (a IS NOT NULL), CONSTRAINT a_small CHECK (a < 100000));
CREATE TABLE child (id bigint PRIMARY KEY, t_id int, CONSTRAINT child_fk FOREIGN KEY (t_id) REFERENCES t (id));
CREATE TABLE loose (id int, t_id int, x int);
CREATE TABLE stored (a int, x int GENERATED ALWAYS AS (a + 1) STORED);
CREATE INDEX t_a ON t (a);
CREATE UNIQUE INDEX loose_id ON loose (id);
CREATE TABLE parted (day date NOT NULL, v int) PARTITION BY RANGE (day);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE parted_2 (day date NOT NULL, v int);
CREATE TABLE base (a int);
CREATE VIEW seen AS SELECT id, note FROM parent;
CREATE MATERIALIZED VIEW counted AS SELECT code FROM parent;
CREATE UNIQUE INDEX counted_code ON counted (code);
ALTER TABLE loose ADD CONSTRAINT loose_late FOREIGN KEY (t_id) REFERENCES t (id) NOT VALID;
ALTER TABLE loose ADD CONSTRAINT loose_check CHECK (x > 0) NOT VALID;
INSERT INTO parent SELECT i, 'c' || i FROM generate_series(1, 50) i;
INSERT INTO t SELECT i, i, 'b', 'c', 1, now(), 'ok', 1 FROM generate_series(1, 50) i;
INSERT INTO loose SELECT i, 1, 1 FROM generate_series(1, 50) i;
INSERT INTO child SELECT i, i FROM generate_series(1, 50) i;
INSERT INTO parted_1 SELECT '2020-02-02', i FROM generate_series(1, 50) i;
INSERT INTO parted_2 SELECT '2021-02-02', i FROM generate_series(1, 50) i;
CREATE FUNCTION noop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER t_noop BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION noop();
CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS $$ SELECT 2 * $1 $$;
";

/// Statements that a transaction may hold.
const STATEMENTS: &[&str] = &[
    "CREATE INDEX i ON t (b)",
    "CREATE UNIQUE INDEX i ON t USING btree (a, id) WHERE a > 3",
    "CREATE INDEX ON ONLY parted (v)",
    "CREATE INDEX ON parted (v)",
    "DROP INDEX t_a",
    "DROP INDEX IF EXISTS t_a, loose_id",
    "ALTER INDEX t_a RENAME TO t_b",
    "REINDEX TABLE t",
    "REINDEX INDEX t_a",
    "ALTER TABLE t ADD COLUMN x int",
    "ALTER TABLE t ADD COLUMN x text NOT NULL DEFAULT ''",
    "ALTER TABLE t ADD COLUMN x timestamptz DEFAULT now()",
    "ALTER TABLE t ADD COLUMN x timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP",
    "ALTER TABLE t ADD COLUMN x uuid DEFAULT gen_random_uuid()",
    "ALTER TABLE t ADD COLUMN x float8 DEFAULT random()",
    "ALTER TABLE t ADD COLUMN x timestamptz DEFAULT clock_timestamp()",
    "ALTER TABLE t ADD COLUMN x int DEFAULT twice(4)",
    "ALTER TABLE t ADD COLUMN x jsonb NOT NULL DEFAULT '{}'::jsonb",
    "ALTER TABLE t ADD COLUMN x text[] DEFAULT ARRAY[]::text[]",
    "ALTER TABLE t ADD COLUMN x numeric(10, 2) DEFAULT 1.5 NOT NULL",
    "ALTER TABLE t ADD COLUMN x mood NOT NULL DEFAULT 'ok'",
    "ALTER TABLE t ADD COLUMN x positive",
    "ALTER TABLE t ADD COLUMN x positive DEFAULT 3",
    "ALTER TABLE t ADD COLUMN x serial",
    "ALTER TABLE t ADD COLUMN x bigint GENERATED ALWAYS AS IDENTITY",
    "ALTER TABLE t ADD COLUMN x int GENERATED ALWAYS AS (a + 1) STORED",
    "ALTER TABLE t ADD COLUMN x int UNIQUE",
    "ALTER TABLE t ADD COLUMN x int CHECK (x > 0)",
    "ALTER TABLE t ADD COLUMN x int DEFAULT 1 CHECK (x > 0)",
    "ALTER TABLE t ADD COLUMN x int REFERENCES parent",
    "ALTER TABLE t ADD COLUMN x int DEFAULT 1 REFERENCES parent (id)",
    "ALTER TABLE t ADD COLUMN x int REFERENCES t (id)",
    "ALTER TABLE t ADD COLUMN IF NOT EXISTS x int, ADD COLUMN y uuid DEFAULT gen_random_uuid()",
    "ALTER TABLE loose ADD PRIMARY KEY (id)",
    "ALTER TABLE loose ADD COLUMN k int, DROP COLUMN x",
    "ALTER TABLE t DROP COLUMN c",
    "ALTER TABLE child DROP COLUMN t_id",
    "ALTER TABLE t RENAME COLUMN a TO aa",
    "ALTER TABLE t RENAME TO tt",
    "ALTER TABLE t RENAME CONSTRAINT a_set TO a_sat",
    "ALTER TABLE t ALTER COLUMN b SET NOT NULL",
    "ALTER TABLE t ALTER COLUMN a SET NOT NULL",
    "ALTER TABLE t ALTER COLUMN id SET NOT NULL",
    "ALTER TABLE t ALTER COLUMN a DROP NOT NULL",
    "ALTER TABLE t ALTER COLUMN a SET DEFAULT 3",
    "ALTER TABLE t ALTER a DROP DEFAULT",
    "ALTER TABLE t ALTER COLUMN a SET STATISTICS 500",
    "ALTER TABLE t ALTER COLUMN a SET (n_distinct = 5)",
    "ALTER TABLE t ALTER COLUMN c SET STORAGE EXTERNAL",
    "ALTER TABLE parent ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY",
    "ALTER TABLE t ALTER COLUMN a TYPE bigint",
    "ALTER TABLE t ALTER COLUMN b TYPE varchar(40)",
    "ALTER TABLE t ALTER COLUMN b TYPE varchar",
    "ALTER TABLE t ALTER COLUMN b SET DATA TYPE text",
    "ALTER TABLE t ALTER COLUMN b TYPE varchar(5)",
    "ALTER TABLE t ALTER COLUMN c TYPE varchar",
    "ALTER TABLE t ALTER COLUMN c TYPE text COLLATE \"C\"",
    "ALTER TABLE t ALTER COLUMN c TYPE varchar(100)",
    "ALTER TABLE t ALTER COLUMN c TYPE text USING c::text",
    "ALTER TABLE t ALTER COLUMN c TYPE text USING lower(c)",
    "ALTER TABLE t ALTER COLUMN n TYPE numeric(12, 2)",
    "ALTER TABLE t ALTER COLUMN n TYPE numeric",
    "ALTER TABLE t ALTER COLUMN n TYPE numeric(12, 4)",
    "ALTER TABLE t ALTER COLUMN d TYPE timestamptz",
    "ALTER TABLE t ALTER COLUMN d TYPE timestamp(6)",
    "ALTER TABLE t ALTER COLUMN d TYPE timestamp(3)",
    "ALTER TABLE t ALTER COLUMN ch TYPE text",
    "ALTER TABLE t ALTER COLUMN m TYPE text USING m::text",
    "ALTER TABLE t ALTER COLUMN a TYPE bigint, ALTER COLUMN b SET NOT NULL",
    "ALTER TABLE t ADD CONSTRAINT x CHECK (a > 0)",
    "ALTER TABLE t ADD CONSTRAINT x CHECK (a > 0) NOT VALID",
    "ALTER TABLE t ADD CHECK (a > 0)",
    "ALTER TABLE t ADD CONSTRAINT x FOREIGN KEY (parent_id) REFERENCES parent (id)",
    "ALTER TABLE t ADD CONSTRAINT x FOREIGN KEY (parent_id) REFERENCES parent (id) NOT VALID",
    "ALTER TABLE t ADD FOREIGN KEY (parent_id) REFERENCES parent",
    "ALTER TABLE t ADD CONSTRAINT x UNIQUE (b, a)",
    "ALTER TABLE loose ADD CONSTRAINT x UNIQUE USING INDEX loose_id",
    "ALTER TABLE loose ADD CONSTRAINT x PRIMARY KEY USING INDEX loose_id",
    "ALTER TABLE loose VALIDATE CONSTRAINT loose_late",
    "ALTER TABLE loose VALIDATE CONSTRAINT loose_check",
    "ALTER TABLE child DROP CONSTRAINT child_fk",
    "ALTER TABLE t DROP CONSTRAINT a_set",
    "ALTER TABLE child ALTER CONSTRAINT child_fk DEFERRABLE",
    "ALTER TABLE parted ATTACH PARTITION parted_2 FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')",
    "ALTER TABLE parted DETACH PARTITION parted_1",
    "CREATE TABLE parted_3 PARTITION OF parted FOR VALUES FROM ('2023-01-01') TO ('2024-01-01')",
    "ALTER TABLE t SET (fillfactor = 90, autovacuum_enabled = off)",
    "ALTER TABLE t RESET (fillfactor)",
    "ALTER TABLE t CLUSTER ON t_a",
    "ALTER TABLE loose SET UNLOGGED",
    "ALTER TABLE t OWNER TO postgres",
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE t REPLICA IDENTITY FULL",
    "ALTER TABLE t DISABLE TRIGGER t_noop",
    "ALTER TABLE stored INHERIT base",
    "CREATE TABLE new (id int PRIMARY KEY)",
    "CREATE TABLE new (id int PRIMARY KEY, t_id int REFERENCES t (id), p int, FOREIGN KEY (p) REFERENCES parent (id))",
    "CREATE TABLE new AS SELECT * FROM t",
    "CREATE TABLE new (LIKE t INCLUDING ALL)",
    "CREATE TABLE new () INHERITS (t)",
    "DROP TABLE loose",
    "DROP TABLE child",
    "DROP TABLE parent CASCADE",
    "DROP TABLE parted_1",
    "DROP VIEW seen",
    "DROP MATERIALIZED VIEW counted",
    "CREATE VIEW v AS SELECT * FROM t",
    "CREATE OR REPLACE VIEW seen AS SELECT id, note FROM parent WHERE id > 3",
    "ALTER VIEW seen RENAME TO shown",
    "REFRESH MATERIALIZED VIEW counted",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY counted",
    "INSERT INTO t (id, a) VALUES (900, 1)",
    "INSERT INTO t (id, a) SELECT 900 + id, id FROM t",
    "UPDATE t SET c = 'x'",
    "UPDATE t SET c = 'x' WHERE b = 'b'",
    "DELETE FROM loose",
    "DELETE FROM t WHERE id = 99",
    "TRUNCATE loose",
    "TRUNCATE t CASCADE",
    "LOCK TABLE t",
    "LOCK TABLE t IN SHARE ROW EXCLUSIVE MODE",
    "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION noop()",
    "DROP TRIGGER t_noop ON t",
    "CREATE POLICY p ON t USING (true)",
    "CREATE RULE r AS ON INSERT TO loose DO NOTHING",
    "COMMENT ON TABLE t IS 'x'",
    "COMMENT ON COLUMN t.a IS 'x'",
    "CREATE STATISTICS s ON a, b FROM t",
    "ANALYZE t",
    "CLUSTER t USING t_a",
    "GRANT SELECT ON t TO PUBLIC",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TYPE x AS ENUM ('a')",
    "ALTER TYPE mood ADD VALUE 'good'",
    "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'",
    "DROP TYPE positive",
    "CREATE SEQUENCE q",
    "SET LOCAL lock_timeout = '1s'",
    "SELECT set_config('lock_timeout', '1s', true)",
];

/// Statements of later versions.
const LATER: &[(u32, &str)] = &[
    (14, "ALTER TABLE t ALTER COLUMN c SET COMPRESSION pglz"),
    (
        15,
        "CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler; ALTER TABLE loose SET ACCESS METHOD heap2",
    ),
    (17, "ALTER TABLE stored ALTER COLUMN x SET EXPRESSION AS (a + 2)"),
    (18, "ALTER TABLE t ADD COLUMN x int GENERATED ALWAYS AS (a + 1)"),
    (18, "ALTER TABLE t ADD COLUMN x int GENERATED ALWAYS AS (a + 1) VIRTUAL"),
    (18, "ALTER TABLE t ADD CONSTRAINT x NOT NULL b"),
    (18, "ALTER TABLE t ADD CONSTRAINT x NOT NULL b NOT VALID"),
];

/// What the server did in the transaction: by relation, its strongest lock; those that got a new file; those that were read as a
/// whole.
#[derive(Debug, Default)]
struct Done {
    locks: BTreeMap<String, usize>,
    rewritten: Vec<String>,
    scanned: Vec<String>,
}

const MODES: [&str; 8] = [
    "ACCESS SHARE",
    "ROW SHARE",
    "ROW EXCLUSIVE",
    "SHARE UPDATE EXCLUSIVE",
    "SHARE",
    "SHARE ROW EXCLUSIVE",
    "EXCLUSIVE",
    "ACCESS EXCLUSIVE",
];

/// `AccessShareLock` as the manual writes it.
fn strength(mode: &str) -> usize {
    let plain = |mode: &str| mode.replace(' ', "").to_lowercase();
    let mode = mode.trim_end_matches("Lock");
    MODES.iter().position(|known| plain(known) == plain(mode)).unwrap_or_else(|| panic!("the mode {mode}"))
}

/// Runs a statement, and asks the server before it is rolled back.
fn run(database: &Database, statement: &str) -> Done {
    let relations =
        "FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm', 'v', 'i')";
    let answer = database.sql(&format!(
        "CREATE TEMP TABLE old AS SELECT oid, relname, relfilenode, relkind {relations}; BEGIN; {statement};
         SELECT 'L', old.relname, mode FROM pg_locks l JOIN old ON old.oid = l.relation
         WHERE pid = pg_backend_pid() AND relkind <> 'i' OR relname IN ('t_a', 'loose_id') AND pid = pg_backend_pid();
         SELECT 'F', old.relname, '' FROM pg_class c JOIN old USING (oid)
         WHERE c.relfilenode <> old.relfilenode AND old.relkind = 'r';
         SELECT 'S', relname, '' FROM old WHERE relkind = 'r' AND pg_stat_get_xact_numscans(oid) > 0; ROLLBACK"
    ));
    let mut done = Done::default();
    for line in answer.lines() {
        match line.split('|').collect::<Vec<_>>().as_slice() {
            ["L", relation, mode] => {
                let lock = done.locks.entry((*relation).to_owned()).or_default();
                *lock = (*lock).max(strength(mode));
            }
            ["F", relation, _] => done.rewritten.push((*relation).to_owned()),
            ["S", relation, _] => done.scanned.push((*relation).to_owned()),
            _ => {}
        }
    }
    done
}

/// Where what is expected of a statement differs from what the server did.
fn differences(statement: &str, before: &str, done: &Done, version: u32) -> Vec<String> {
    let expected = lint_effects(before, statement, Dialect::Postgres, Some(version));
    let mut wrong = Vec::new();
    let is_unknown = expected.iter().any(|effect| effect.lock == "unknown");
    let others = expected.iter().filter(|effect| !effect.is_itself).map(|effect| strength(effect.lock)).max();
    for (relation, lock) in &done.locks {
        let named = expected.iter().find(|effect| effect.is_itself && effect.object == *relation);
        match named {
            Some(effect) if strength(effect.lock) == *lock => {}
            Some(effect) => wrong.push(format!("{relation}: {} expected, {} taken", effect.lock, MODES[*lock])),
            // Indexes follow their table, and what a view or a foreign key reads is read.
            None if is_unknown || others.is_some_and(|other| other >= *lock) || *lock <= 1 => {}
            None if relation == "t_a" || relation == "loose_id" => {}
            None => wrong.push(format!("{relation}: not expected, {} taken", MODES[*lock])),
        }
    }
    for effect in expected.iter().filter(|effect| effect.is_itself) {
        let relation = &effect.object;
        let has = |list: &[String]| list.contains(relation);
        let (rewritten, scanned) = (has(&done.rewritten), has(&done.scanned));
        if !done.locks.contains_key(relation) {
            wrong.push(format!("{relation}: {} expected, none taken", effect.lock));
        }
        let of_object = expected.iter().filter(|other| other.is_itself && other.object == *relation);
        let most = ["rewrite", "index_build", "scan", "rows", "unknown", "none"].into_iter();
        let works: Vec<&str> = of_object.map(|other| other.work).collect();
        let most = most.into_iter().find(|work| works.contains(work)).unwrap();
        let is_right = match most {
            "none" => !rewritten && !scanned || statement.starts_with("TRUNCATE") || effect.lock == "ROW EXCLUSIVE",
            "scan" if works.contains(&"unknown") => scanned,
            // Without the constraints known, SET NOT NULL may read the rows.
            "scan" if before.is_empty() && statement.ends_with("SET NOT NULL") => !rewritten,
            "scan" => !rewritten && (scanned || statement.starts_with("ANALYZE")),
            "index_build" => !rewritten && scanned || relation == "t_a" || relation == "parted",
            "rewrite" => rewritten || relation == "counted",
            _ => true,
        };
        if !is_right {
            wrong.push(format!("{relation}: {most} expected, rewritten: {rewritten}, scanned: {scanned}"));
        }
    }
    wrong.into_iter().map(|what| format!("{statement}\n    {what}")).collect()
}

#[test]
fn what_is_expected_of_a_statement_is_what_the_server_does() {
    let database = Database::fresh();
    database.sql(SETUP);
    let version: u32 = database.sql("SHOW server_version_num").parse::<u32>().unwrap() / 10_000;
    let later = LATER.iter().filter(|(since, _)| version >= *since).map(|(_, statement)| statement);
    let mut wrong = Vec::new();
    for statement in STATEMENTS.iter().chain(later) {
        let done = run(&database, statement);
        wrong.extend(differences(statement, "", &done, version));
        wrong.extend(
            differences(statement, SETUP, &done, version).into_iter().map(|it| format!("knowing the tables: {it}")),
        );
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A statement that refuses a transaction waits for an open one, with its lock taken.
#[test]
fn what_runs_concurrently_lets_others_write() {
    let database = Database::fresh();
    database.sql(SETUP);
    for (statement, table) in [
        ("CREATE INDEX CONCURRENTLY i ON t (b)", "t"),
        ("DROP INDEX CONCURRENTLY t_a", "t"),
        ("REINDEX INDEX CONCURRENTLY loose_id", "loose"),
        ("REINDEX TABLE CONCURRENTLY loose", "loose"),
    ] {
        let expected = lint_effects(SETUP, statement, Dialect::Postgres, None);
        let expected = expected.iter().find(|effect| effect.object == table).unwrap();
        let holder = database.idle_session(&format!("BEGIN; LOCK TABLE {table} IN ROW EXCLUSIVE MODE;"));
        let worker = database.session(statement);
        let taken = until("the statement waits with its lock", || {
            let locks = database.sql(&format!(
                "SELECT mode FROM pg_locks l JOIN pg_stat_activity a USING (pid) JOIN pg_database d ON d.oid = l.database \
                 WHERE relation = '{table}'::regclass AND granted AND d.datname = current_database() AND pid <> pg_backend_pid() \
                 AND mode <> 'RowExclusiveLock'"
            ));
            (!locks.is_empty()).then_some(locks)
        });
        let strongest = taken.lines().map(strength).max().unwrap();
        assert_eq!(MODES[strongest], expected.lock, "{statement}");
        drop(holder);
        worker.finish(statement);
    }
}
