//! Kill -9 at random moments, of doorstep and of the server, more than 200 times in one run: no migration is lost, doubled
//! or falsely recorded.
//!
//! Elsewhere tests wait for an event, never for a time. Here a random delay before each kill is the point: it reaches
//! moments that no event marks. A failure prints its seed; `CRASH_SEED=… scripts/test crashes` repeats the same delays,
//! though not the same scheduling.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::native::{NATIVE, Native, Step};
use crate::support::{Cluster, Database, Output, Project, Running, Scripts, as_postgres, until};

/// Together at least 200.
const KILLS_OF_DOORSTEP: u32 = 130;
const KILLS_WITH_PLAIN_SQL: u32 = 40;
const KILLS_OF_THE_SERVER: u32 = 80;
/// For each other format: a sample beside the other tests, all of them with `scripts/test --all`.
const KILLS_WITH_A_FORMAT: u32 = 6;
const ALL_KILLS_WITH_A_FORMAT: u32 = 60;

/// Each start gets further than the one before, so far fewer are needed; more means that no start succeeds.
pub(super) const STARTS_OF_A_ROUND: u32 = 40;

/// The first violations are printed, the others only counted.
const BREACHES_SHOWN: usize = 4;

// === What is migrated ===

/// A migration for which the test can detect a loss, a second run and a false record.
struct Migration {
    name: &'static str,
    script: &'static str,
    /// Entries in `audit.ledger`, which would accept a second one.
    ledger: u32,
    /// A table and its number of rows.
    table: (&'static str, u32),
    /// An index that must be valid.
    index: &'static str,
}

/// Migrations with a statement that refuses a transaction: a tool may want a mark in their files.
const ALONE: [&str; 3] = ["07_index", "08_mixed", "10_if_not_exists"];

/// All different; the sleeps widen the windows in which a kill can do harm.
const MIGRATIONS: [Migration; 12] = [
    Migration {
        name: "01_first",
        script: "CREATE TABLE first (id integer PRIMARY KEY);\nINSERT INTO first SELECT generate_series(1, 3);\n\
                 INSERT INTO audit.ledger VALUES ('01_first');\n",
        ledger: 1,
        table: ("first", 3),
        index: "first_pkey",
    },
    Migration {
        name: "02_slow",
        script: "CREATE TABLE slow (id integer);\nINSERT INTO audit.ledger VALUES ('02_slow');\n\
                 SELECT pg_sleep(0.02);\nINSERT INTO slow VALUES (1);\n",
        ledger: 1,
        table: ("slow", 1),
        index: "",
    },
    Migration {
        name: "03_own_transaction",
        script: "BEGIN;\nCREATE TABLE own (id integer);\nINSERT INTO audit.ledger VALUES ('03_own_transaction');\n\
                 SELECT pg_sleep(0.02);\nINSERT INTO own VALUES (1);\nCOMMIT;\n",
        ledger: 1,
        table: ("own", 1),
        index: "",
    },
    // Nothing in it would make a second run fail, and the catalog shows no trace of the first.
    Migration {
        name: "04_data_only",
        script: "INSERT INTO audit.ledger VALUES ('04_data_only');\nSELECT pg_sleep(0.02);\n",
        ledger: 1,
        table: ("", 0),
        index: "",
    },
    Migration { name: "05_empty", script: "", ledger: 0, table: ("", 0), index: "" },
    Migration {
        name: "06_large",
        script: "CREATE TABLE large (id integer, text text);\n\
                 INSERT INTO large SELECT i, repeat('x', 100) FROM generate_series(1, 5000) i;\n\
                 INSERT INTO audit.ledger VALUES ('06_large');\n",
        ledger: 1,
        table: ("large", 5000),
        index: "",
    },
    Migration {
        name: "07_index",
        script: "CREATE INDEX CONCURRENTLY large_nap ON large (audit.nap(id));\n",
        ledger: 0,
        table: ("", 0),
        index: "large_nap",
    },
    // Runs statement by statement; a second run of any of them is detected.
    Migration {
        name: "08_mixed",
        script: "CREATE TABLE mixed (id integer);\nINSERT INTO mixed SELECT generate_series(1, 3000);\n\
                 SELECT pg_sleep(0.01);\nCREATE INDEX CONCURRENTLY mixed_id ON mixed (audit.nap(id));\n\
                 INSERT INTO audit.ledger VALUES ('08_mixed');\n",
        ledger: 1,
        table: ("mixed", 3000),
        index: "mixed_id",
    },
    Migration {
        name: "09_alter",
        script: "ALTER TABLE first ADD COLUMN extra integer;\nSELECT pg_sleep(0.02);\n\
                 CREATE INDEX first_extra ON first (extra);\nINSERT INTO audit.ledger VALUES ('09_alter');\n",
        ledger: 1,
        table: ("", 0),
        index: "first_extra",
    },
    // Over an INVALID index that a crash has left, this does nothing and succeeds.
    Migration {
        name: "10_if_not_exists",
        script: "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS mixed_unique ON mixed (audit.nap(id));\n",
        ledger: 0,
        table: ("", 0),
        index: "mixed_unique",
    },
    Migration {
        name: "11_own_again",
        script: "BEGIN;\nCREATE TABLE own_again (id integer);\nINSERT INTO own_again SELECT generate_series(1, 1000);\n\
                 CREATE INDEX own_again_id ON own_again (id);\nINSERT INTO audit.ledger VALUES ('11_own_again');\n\
                 COMMIT;\n",
        ledger: 1,
        table: ("own_again", 1000),
        index: "own_again_id",
    },
    Migration {
        name: "12_last",
        script: "CREATE TABLE last (id integer);\nDO $$ BEGIN PERFORM pg_sleep(0.02); INSERT INTO last VALUES (1); END $$;\n\
                 INSERT INTO audit.ledger VALUES ('12_last');\n",
        ledger: 1,
        table: ("last", 1),
        index: "",
    },
];

impl Migration {
    fn effects(&self) -> String {
        format!("ledger {}, rows {}, valid {}", self.ledger, self.table.1, u32::from(!self.index.is_empty()))
    }
}

/// Outside the schemas of the service, and of another role, so that the database still counts as empty.
const AUDIT: &str =
    "CREATE SCHEMA audit; CREATE TABLE audit.ledger (name text); ALTER TABLE audit.ledger OWNER TO pg_monitor;
    -- An index over it takes its time to build, and is INVALID meanwhile.
    CREATE FUNCTION audit.nap(id integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql AS $$
    BEGIN
        IF id % 1000 = 0 THEN PERFORM pg_sleep(0.005); END IF;
        RETURN id;
    END $$;
    -- STABLE: it counts in the snapshot of the query that calls it.
    CREATE FUNCTION audit.count_of(what text) RETURNS bigint STABLE LANGUAGE plpgsql AS $$
    DECLARE result bigint;
    BEGIN
        EXECUTE 'SELECT count(*) FROM ' || what INTO result;
        RETURN result;
    EXCEPTION WHEN undefined_table THEN RETURN 0;
    END $$";

/// Empties the database for the next round. Backends of the crashed start are terminated first: they belong to the round
/// before.
fn reset(database: &Database) {
    until("the backends of the round before are gone", || {
        let terminated = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
        (database.sql(terminated) == "0").then_some(())
    });
    database.sql(
        "DO $$ DECLARE name text; BEGIN
            FOR name IN SELECT nspname FROM pg_namespace
                WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', 'audit') LOOP
                EXECUTE format('DROP SCHEMA %I CASCADE', name);
            END LOOP;
        END $$; CREATE SCHEMA public; TRUNCATE audit.ledger",
    );
}

/// What is migrated, in the files of one format, and where its history has what.
struct Folder {
    migrations: Vec<&'static Migration>,
    project: Project,
    /// The value of `migration_format`, where it must be named.
    format: Option<&'static str>,
    /// Rows that say that a migration is applied: `table WHERE condition`.
    applied: Box<dyn Fn(&Migration) -> String>,
    /// Rows that say that it is begun.
    open: Box<dyn Fn(&Migration) -> String>,
}

impl Folder {
    fn of_scripts(format: Scripts) -> Self {
        let file =
            |project: Project, Migration { name, script, .. }: &Migration| project.file(&format.file(name), script);
        let rows = move |state: &'static str| {
            Box::new(move |migration: &Migration| {
                let name = migration.name;
                format.query(&format!("_prisma_migrations WHERE {state} AND migration_name = '{name}'"))
            })
        };
        Self {
            migrations: MIGRATIONS.iter().collect(),
            project: MIGRATIONS.iter().fold(Project::bare(), file),
            format: None,
            applied: rows("finished_at IS NOT NULL AND rolled_back_at IS NULL"),
            open: rows("finished_at IS NULL AND rolled_back_at IS NULL"),
        }
    }

    fn of_native(format: &'static Native) -> Self {
        let fits = |migration: &&Migration| format.has_mark || !ALONE.contains(&migration.name);
        let migrations: Vec<&Migration> = MIGRATIONS.iter().filter(fits).collect();
        let steps: Vec<Step> = migrations.iter().map(|migration| step(migration)).collect();
        Self {
            migrations,
            project: format.project(&steps),
            format: Some(format.setting()),
            applied: Box::new(|migration| (format.row)(&step(migration))),
            open: Box::new(|migration| {
                let schema = format.history[0].rsplit_once('.').map_or("public", |(schema, _)| schema);
                let name = (format.migration)(&step(migration));
                format!(
                    "{schema}._doorstep_runs WHERE finished_at IS NULL AND rolled_back_at IS NULL AND name LIKE '%/{name}'"
                )
            }),
        }
    }

    /// `name|applied rows|open rows|effects` of each migration, all in one snapshot.
    fn picture(&self) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let line = |migration: &&Migration| {
            let Migration { name, table: (table, _), index, .. } = migration;
            let [applied, open] = [&self.applied, &self.open].map(|rows| quoted(&rows(migration)));
            format!("('{name}', '{table}', '{index}', {applied}, {open})")
        };
        let values: Vec<String> = self.migrations.iter().map(line).collect();
        format!(
            "SELECT name, audit.count_of(applied), audit.count_of(open), format('ledger %s, rows %s, valid %s',
                (SELECT count(*) FROM audit.ledger l WHERE l.name = m.name),
                CASE \"table\" WHEN '' THEN 0 ELSE audit.count_of(\"table\") END,
                (SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
                 WHERE c.relname = index AND i.indisvalid))
             FROM (VALUES {}) m (name, \"table\", index, applied, open) ORDER BY name",
            values.join(", ")
        )
    }
}

/// A migration without a format.
fn step(migration: &Migration) -> Step {
    let (number, slug) = migration.name.split_once('_').unwrap();
    let alone = ALONE.contains(&migration.name);
    Step { alone, ..Step::new(number.parse().unwrap(), slug, migration.script) }
}

/// A database, and the starts that are repeated on it.
struct Stage {
    folder: Folder,
    database: Database,
}

impl Stage {
    fn on(database: Database, folder: Folder) -> Self {
        database.sql(AUDIT);
        Self { folder, database }
    }

    fn start(&self) -> Running {
        let doorstep = self.folder.project.doorstep(&self.database.url(), &["run"]);
        match self.folder.format {
            Some(format) => doorstep.env("DOORSTEP_MIGRATION_FORMAT", format).spawn(),
            None => doorstep.spawn(),
        }
    }

    /// Holds at any moment, whatever was just killed: what is recorded as applied exists, once.
    /// Returns the number of open rows: migrations that the kill interrupted.
    fn check_records(&self) -> Result<u32, String> {
        self.check(|applied, _, effects, expected| {
            applied <= 1 && (applied == 0 || effects == expected) && !effects.starts_with("ledger 2")
        })
    }

    /// Holds after a successful start: the next one has nothing to do.
    fn check_complete(&self) -> Result<(), String> {
        self.check(|applied, open, effects, expected| applied == 1 && open == 0 && effects == expected)?;
        let strays =
            self.database.sql("SELECT string_agg(indexrelid::regclass::text, ', ') FROM pg_index WHERE NOT indisvalid");
        if !strays.is_empty() {
            return Err(format!("INVALID indexes are left: {strays}"));
        }
        let again = self.start().finish("run");
        match again.code == Some(0) && again.stderr.contains("(0 applied)") {
            true => Ok(()),
            false => Err(format!("a start after a successful one had work to do: {}", ending(&again))),
        }
    }

    /// Compares the record of each migration with its effects.
    fn check(&self, is_right: impl Fn(u32, u32, &str, &str) -> bool) -> Result<u32, String> {
        let picture = self.database.sql(&self.folder.picture());
        let mut all_open = 0;
        assert_eq!(picture.lines().count(), self.folder.migrations.len(), "{picture}");
        for (migration, line) in self.folder.migrations.iter().zip(picture.lines()) {
            let fields: Vec<&str> = line.split('|').collect();
            let [name, applied, open, effects] = fields[..] else { panic!("{line}") };
            let (expected, applied, open) = (migration.effects(), applied.parse().unwrap(), open.parse().unwrap());
            all_open += open;
            if !is_right(applied, open, effects, &expected) {
                return Err(format!(
                    "{name} has {applied} applied and {open} open rows; found {effects}; its effects are {expected}"
                ));
            }
        }
        Ok(all_open)
    }

    /// How long an undisturbed start takes: kills happen within this time.
    fn span(&self) -> Duration {
        let began = Instant::now();
        let applied = format!("({} applied)", self.folder.migrations.len());
        self.start().finish("run").code(0).stderr_has(&applied);
        let span = began.elapsed();
        self.check_complete().unwrap();
        span
    }
}

pub(super) fn ending(output: &Output) -> String {
    format!("exit {:?}, stderr:\n{}", output.code, output.stderr)
}

// === Randomness ===

/// xorshift64*: sufficient to choose moments, and the same for the same seed.
pub(super) struct Dice(u64);

impl Dice {
    /// From `CRASH_SEED`, or from the clock. `salt` keeps two tests of one run apart.
    fn new(salt: u64) -> (Self, u64) {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64;
        let seed = std::env::var("CRASH_SEED").map_or_else(|_| clock(), |seed| seed.parse().unwrap());
        // Zero would stay zero; small seeds would begin alike.
        (Self((seed ^ salt).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1), seed)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % limit
    }

    /// A delay that chooses the moment of the kill; it waits for no event. Ends early if the process ends.
    fn delay(&mut self, span: Duration, running: &mut Running) -> Duration {
        let delay = Duration::from_micros(self.below(span.as_micros() as u64));
        let began = Instant::now();
        while running.is_running() {
            let left = delay.saturating_sub(began.elapsed());
            if left.is_zero() {
                break;
            }
            std::thread::sleep(left.min(Duration::from_millis(2)));
        }
        delay
    }
}

/// Kills in rounds until the number is reached, and collects violations.
pub(super) struct Campaign {
    pub(super) dice: Dice,
    seed: u64,
    span: Duration,
    kills: u32,
    most: u32,
    /// Kills that left a migration unfinished.
    hits: u32,
    /// What happened in this round.
    story: Vec<String>,
}

impl Campaign {
    pub(super) fn new(salt: u64, most: u32, span: Duration) -> Self {
        let (dice, seed) = Dice::new(salt);
        Self { dice, seed, span, kills: 0, most, hits: 0, story: Vec::new() }
    }

    pub(super) fn goes_on(&self) -> bool {
        self.kills < self.most
    }

    /// Waits for a moment within the span, or for the end of the process. The span follows the time that a start takes, which
    /// depends on the load: it shrinks where the process has ended first, and grows where it has not.
    pub(super) fn delay(&mut self, running: &mut Running) -> Duration {
        let delay = self.dice.delay(self.span, running);
        self.span = if running.is_running() { self.span * 17 / 16 } else { self.span * 7 / 8 };
        delay
    }

    /// Records a kill, at which the history must be true. `open` is the number of migrations that it interrupted, or what is wrong.
    pub(super) fn killed(&mut self, what: &str, delay: Duration, open: Result<u32, String>) -> Result<(), String> {
        self.kills += 1;
        self.story.push(format!("killed {what} after {delay:.1?}"));
        self.hits += u32::from(open? > 0);
        Ok(())
    }

    pub(super) fn run(mut self, mut round: impl FnMut(&mut Self) -> Result<(), String>) {
        let (mut breaches, mut rounds) = (Vec::new(), 0);
        while self.goes_on() {
            rounds += 1;
            assert!(rounds < 20 * self.most, "seed {}: {} kills in {rounds} rounds", self.seed, self.kills);
            self.story.clear();
            if let Err(breach) = round(&mut self) {
                let (seed, story) = (self.seed, self.story.join("\n  "));
                breaches.push(format!("seed {seed}, round {rounds}: {breach}\n  {story}"));
            }
        }
        let Self { seed, span, kills, hits, .. } = self;
        let broke = breaches.len();
        eprintln!(
            "seed {seed}: {kills} kills, {hits} hit a migration; {broke} of {rounds} rounds broke; a run takes {span:.0?}"
        );
        let shown = breaches.iter().take(BREACHES_SHOWN).map(String::as_str).collect::<Vec<_>>().join("\n\n");
        assert!(broke == 0, "seed {seed}: {broke} of {rounds} rounds broke\n\n{shown}");
    }
}

// === doorstep dies ===

#[test]
fn doorstep_killed_at_any_moment_leaves_a_history_that_the_next_start_completes() {
    kill_doorstep(Folder::of_scripts(Scripts::Prisma), 1, KILLS_OF_DOORSTEP);
}

#[test]
fn so_it_is_with_plain_sql() {
    kill_doorstep(Folder::of_scripts(Scripts::Sql), 3, KILLS_WITH_PLAIN_SQL);
}

#[test]
fn so_it_is_with_every_other_format() {
    for (format, salt) in NATIVE.iter().zip(4..) {
        eprintln!("--- {}", format.name);
        kill_doorstep(Folder::of_native(format), salt, KILLS_WITH_A_FORMAT);
    }
}

#[test]
#[ignore = "minutes: scripts/test --all"]
fn so_it_is_with_every_other_format_at_sixty_moments() {
    for (format, salt) in NATIVE.iter().zip(4..) {
        eprintln!("--- {}", format.name);
        kill_doorstep(Folder::of_native(format), salt, ALL_KILLS_WITH_A_FORMAT);
    }
}

fn kill_doorstep(folder: Folder, salt: u64, kills: u32) {
    let stage = Stage::on(Database::fresh(), folder);
    let campaign = Campaign::new(salt, kills, stage.span());
    campaign.run(|campaign| {
        reset(&stage.database);
        for _ in 0..STARTS_OF_A_ROUND {
            let mut doorstep = stage.start();
            let delay = campaign.delay(&mut doorstep);
            if campaign.goes_on() {
                doorstep.child.kill().unwrap();
            }
            let output = doorstep.finish("run");
            match output.code {
                // The kill was in time. The backend may still be running; the next start finds it.
                None => {
                    campaign.killed("doorstep", delay, stage.check_records())?;
                }
                Some(0) => return stage.check_complete(),
                Some(_) => return Err(format!("a start that was left alone failed: {}", ending(&output))),
            }
        }
        Err("no start came through".to_owned())
    });
}

// === The server dies ===

/// A server whose postmaster is a child of the test, so that it can be killed, reaped and started without doubt
/// about which process it is.
struct Server {
    // Dropped before its cluster, so that nothing is left to be stopped there.
    postmaster: Running,
    cluster: Cluster,
}

/// Ways for a server to die by SIGKILL.
#[derive(Clone, Copy)]
enum Death {
    /// Backends continue until they notice, and may commit.
    Postmaster,
    /// As when a container is killed.
    Everybody,
    /// As by the kernel's out-of-memory killer: the postmaster terminates all sessions and recovers by itself.
    OneProcess,
}

impl Server {
    fn started() -> Self {
        let cluster = Cluster::stopped("shared_buffers = 16MB\nmax_connections = 20\nautovacuum = off\n");
        let server = Self { postmaster: postmaster(&cluster), cluster };
        until("the server accepts connections", || server.is_ready().then_some(()));
        server
    }

    /// Kills the server and returns once it accepts connections again. Nothing is cleaned up by hand.
    fn crash(&mut self, death: Death) {
        let children = self.children();
        match death {
            Death::Postmaster => self.postmaster.child.kill().unwrap(),
            Death::Everybody => {
                self.postmaster.child.kill().unwrap();
                // Some have ended already: they noticed that their parent died.
                for pid in &children {
                    let _ = kill(*pid, Signal::SIGKILL);
                }
            }
            // It lives as long as the server does, so it cannot be a zombie.
            Death::OneProcess => {
                let checkpointer = children.iter().find(|pid| title(**pid).contains("checkpointer")).unwrap();
                kill(*checkpointer, Signal::SIGKILL).unwrap();
            }
        }
        if !matches!(death, Death::OneProcess) {
            self.postmaster.child.wait().unwrap();
        }
        until("the old server's processes are gone", || children.iter().all(|pid| is_gone(*pid)).then_some(()));
        // A process forked at that moment may still hold the shared memory; then a start is refused.
        until("the server accepts connections", || {
            if !self.postmaster.is_running() {
                self.postmaster = postmaster(&self.cluster);
            }
            self.is_ready().then_some(())
        });
    }

    fn is_ready(&self) -> bool {
        let mut ready = Command::new("pg_isready");
        ready.args(["-q", "-t", "5", "-h", "127.0.0.1", "-p", &self.cluster.port.to_string()]);
        ready.status().unwrap().success()
    }

    fn children(&self) -> Vec<Pid> {
        let pid = self.postmaster.pid();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        children.split_whitespace().map(|pid| Pid::from_raw(pid.parse().unwrap())).collect()
    }
}

fn postmaster(cluster: &Cluster) -> Running {
    let log = OpenOptions::new().append(true).create(true).open(cluster.directory.path().join("log")).unwrap();
    let mut command = as_postgres("postgres");
    command.arg("-D").arg(cluster.data()).stdin(Stdio::null());
    command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap().into()
}

fn title(pid: Pid) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// Gone, or a zombie: it holds no resources any more.
fn is_gone(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| matches!(rest.trim_start().chars().next(), None | Some('Z' | 'X')))
}

#[test]
fn a_server_killed_at_any_moment_loses_no_migration_and_doorstep_goes_on_or_the_next_start_does() {
    let mut server = Server::started();
    let stage = Stage::on(Database::fresh_on(server.cluster.port), Folder::of_scripts(Scripts::Prisma));
    let campaign = Campaign::new(2, KILLS_OF_THE_SERVER, stage.span());
    campaign.run(|campaign| {
        reset(&stage.database);
        for _ in 0..STARTS_OF_A_ROUND {
            let (mut doorstep, kills) = (stage.start(), campaign.kills);
            loop {
                let delay = campaign.delay(&mut doorstep);
                if !campaign.goes_on() || !doorstep.is_running() {
                    break;
                }
                let (name, death) = match campaign.dice.below(5) {
                    0 | 1 => ("the postmaster", Death::Postmaster),
                    2 | 3 => ("the postmaster and its children", Death::Everybody),
                    _ => ("the checkpointer", Death::OneProcess),
                };
                server.crash(death);
                campaign.killed(name, delay, stage.check_records())?;
            }
            let output = doorstep.finish("run");
            match output.code {
                Some(0) => return stage.check_complete(),
                // It may give up on a server that dies meanwhile; then the next start continues.
                Some(65 | 69) if campaign.kills > kills => {
                    campaign.story.push(ending(&output));
                    stage.check_records()?;
                }
                _ => return Err(format!("a start failed though no server died: {}", ending(&output))),
            }
        }
        Err("no start came through".to_owned())
    });
}
