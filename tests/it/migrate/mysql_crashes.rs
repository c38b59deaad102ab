//! Kills at random moments on MySQL and MariaDB, where DDL commits: of doorstep, of its session, of the server. No migration is
//! lost, doubled or falsely recorded, and the next start goes on by itself.

use std::time::Instant;

use crate::migrate::crashes::{Campaign, STARTS_OF_A_ROUND, ending};
use crate::support::ground::Engine;
use crate::support::native::{NATIVE, Native, Step};
use crate::support::{MysqlDatabase, MysqlServer, Output, Project, Running, Scripts, kill_session, until};

/// A sample beside the other tests, all of them with `scripts/test --all`.
const KILLS: u32 = 10;
const ALL_KILLS: u32 = 60;

/// With each format of [`NATIVE`].
const KILLS_WITH_A_FORMAT: u32 = 4;
const ALL_KILLS_WITH_A_FORMAT: u32 = 25;

/// Each migration, and how many lines of it are in `LEDGER`, which would accept a second one.
const MIGRATIONS: [(&str, &str, u32); 8] = [
    (
        "01_first",
        "CREATE TABLE first (id INT PRIMARY KEY);\nINSERT INTO first VALUES (1), (2), (3);\n\
                  INSERT INTO LEDGER VALUES ('01_first');\n",
        1,
    ),
    ("02_rows", "INSERT INTO LEDGER VALUES ('02_rows');\nSELECT SLEEP(0.02);\nINSERT INTO first VALUES (4);\n", 1),
    ("03_empty", "", 0),
    (
        "04_large",
        "CREATE TABLE large (id INT PRIMARY KEY, text VARCHAR(100));\n\
                  INSERT INTO large WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 900) \
                  SELECT i, REPEAT('x', 100) FROM n;\nINSERT INTO LEDGER VALUES ('04_large');\n\
                  ALTER TABLE large ADD COLUMN extra INT, ALGORITHM=COPY;\nCREATE INDEX large_text ON large (text);\n",
        1,
    ),
    (
        "05_index",
        "DROP INDEX large_text ON large;\nALTER TABLE large ADD UNIQUE INDEX large_both (id, text), ALGORITHM=COPY;\n",
        0,
    ),
    (
        "06_programs",
        "DELIMITER //\nCREATE PROCEDURE p() BEGIN INSERT INTO LEDGER VALUES ('p'); END//\nDELIMITER ;\n\
                     CREATE TRIGGER tr BEFORE INSERT ON first FOR EACH ROW SET NEW.id = NEW.id;\n\
                     CREATE VIEW seen AS SELECT id FROM large;\nINSERT INTO LEDGER VALUES ('06_programs');\n",
        1,
    ),
    (
        "07_key",
        "CREATE TABLE child (id INT PRIMARY KEY, parent INT);\n\
                ALTER TABLE child ADD CONSTRAINT child_parent FOREIGN KEY (parent) REFERENCES first (id);\n\
                START TRANSACTION;\nINSERT INTO child VALUES (1, 1);\nINSERT INTO LEDGER VALUES ('07_key');\nCOMMIT;\n",
        1,
    ),
    (
        "08_rename",
        "RENAME TABLE child TO grandchild;\nALTER TABLE grandchild RENAME COLUMN parent TO elder;\n\
                   INSERT INTO LEDGER VALUES ('08_rename');\n",
        1,
    ),
];

/// The migration that fails first where a campaign begins with a failure, and the statement of it that does: the fourth of five.
const HALTED: (&str, &str, &str) = ("04_large", "ADD COLUMN extra INT, ALGORITHM", "ADD COLUMN id INT, ALGORITHM");

/// What all of them leave.
const COMPLETE: &str = "SELECT (SELECT COUNT(*) FROM first), (SELECT COUNT(extra IS NULL) FROM large), (SELECT COUNT(elder) FROM grandchild), \
    (SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = DATABASE()), \
    (SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()), \
    (SELECT GROUP_CONCAT(DISTINCT index_name ORDER BY index_name) FROM information_schema.statistics WHERE table_schema = DATABASE() \
     AND table_name = 'large'), (SELECT COUNT(*) FROM seen)";

/// Whose folder it is.
#[derive(Clone, Copy)]
enum Format {
    Scripts(Scripts),
    Native(&'static Native),
}

impl Format {
    /// A folder of these migrations.
    fn project(self, ledger: &str) -> Project {
        let scripts = MIGRATIONS.map(|(name, script, _)| (name, script.replace("LEDGER", ledger)));
        match self {
            Self::Scripts(format) => {
                let project = match format {
                    Scripts::Prisma => Project::mysql(),
                    Scripts::Sql => Project::bare(),
                };
                scripts.iter().fold(project, |project, (name, script)| project.file(&format.file(name), script))
            }
            Self::Native(format) => {
                // Few of these tools know the command of the mysql client.
                let plain = |script: &str| script.replace("DELIMITER //\n", "").replace("//\nDELIMITER ;\n", ";\n");
                // Drizzle refuses a file without a statement.
                let some = |script: String| match script.is_empty() && format.name == "drizzle" {
                    true => "DO 0;\n".to_owned(),
                    false => script,
                };
                format.project(&scripts.map(|(name, script)| step(name, &some(plain(&script)))))
            }
        }
    }

    /// The tables of its history, without that of a lock.
    fn history(self) -> String {
        let is_lock = |table: &str| table.to_ascii_lowercase().ends_with("lock");
        let names = match self {
            Self::Scripts(format) => vec![format.query("_prisma_migrations")],
            Self::Native(format) => {
                format.history.iter().filter(|table| !is_lock(table)).map(|table| (*table).to_owned()).collect()
            }
        };
        names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
    }

    /// Queries for the number of rows that say that a migration is applied, and that it is open.
    fn counts(self, name: &'static str, has_notes: bool) -> [String; 2] {
        match self {
            Self::Scripts(format) => ["NOT NULL", "NULL"].map(|finished| {
                format.query(&format!(
                    "(SELECT COUNT(*) FROM _prisma_migrations WHERE migration_name = '{name}' AND finished_at IS {finished} \
                     AND rolled_back_at IS NULL)"
                ))
            }),
            Self::Native(format) => {
                let step = step(name, "");
                let open = format!(
                    "(SELECT COUNT(*) FROM _doorstep_runs WHERE finished_at IS NULL AND rolled_back_at IS NULL \
                     AND name LIKE '%/{}')",
                    (format.migration)(&step)
                );
                let applied = format!("({})", format.count_on(Engine::Mysql, &step));
                [applied, if has_notes { open } else { "0".to_owned() }]
            }
        }
    }
}

/// A migration that is of no format yet.
fn step(name: &'static str, script: &str) -> Step {
    let (number, slug) = name.split_once('_').unwrap();
    Step::new(number.parse().unwrap(), slug, script)
}

/// A folder, and a database beside which the ledger is.
struct Stage<'a> {
    format: Format,
    project: Project,
    url: String,
    name: String,
    sql: Box<dyn Fn(&str) -> String + 'a>,
    /// Each round begins with a migration that fails, and is repaired.
    halts: bool,
}

impl<'a> Stage<'a> {
    fn new(format: Format, url: String, name: &str, sql: Box<dyn Fn(&str) -> String + 'a>) -> Self {
        let ledger = format!("{name}_audit.ledger");
        sql(&format!("CREATE DATABASE {name}_audit; CREATE TABLE {ledger} (name VARCHAR(50))"));
        Self { format, project: format.project(&ledger), url, name: name.to_owned(), sql, halts: false }
    }

    /// Lets a statement behind others fail, and repairs its file: the next start has to go on with it.
    fn halt(&self) {
        let ((name, sound, broken), Format::Scripts(format)) = (HALTED, self.format) else { return };
        let file = self.project.path(&format.file(name));
        let script = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, script.replace(sound, broken)).unwrap();
        self.start().finish("run").code(65).stderr_has("statements 1 to 3 of 5 were done before it");
        std::fs::write(&file, script).unwrap();
    }

    /// The URL without the database.
    fn server(&self) -> &str {
        self.url.rsplit_once('/').unwrap().0
    }

    fn query(&self, sql: &str) -> String {
        (self.sql)(&format!("USE {}; {sql}", self.name))
    }

    fn reset(&self) {
        let name = &self.name;
        // A statement of the round before may still be running.
        until("the sessions of the round before are gone", || {
            let others = format!(
                "SELECT id FROM information_schema.processlist WHERE db = '{name}' AND id <> CONNECTION_ID() AND command <> 'Killed'"
            );
            let others = (self.sql)(&others);
            others.lines().for_each(|id| kill_session(self.server(), id));
            others.is_empty().then_some(())
        });
        (self.sql)(&format!(
            "DROP DATABASE {name}; CREATE DATABASE {name} CHARACTER SET utf8mb4; TRUNCATE {name}_audit.ledger"
        ));
    }

    fn start(&self) -> Running {
        match self.format {
            Format::Scripts(_) => self.project.doorstep(&self.url, &["run"]).spawn(),
            Format::Native(format) => format.doorstep(&self.project, &self.url, &["run"]).spawn(),
        }
    }

    /// Holds at any moment: what is recorded as applied was done, and nothing was done twice. Returns the open rows.
    fn check_records(&self) -> Result<u32, String> {
        let tables = |names: &str| {
            self.query(&format!(
                "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN ({names})"
            ))
        };
        if tables(&self.format.history()) == "0" {
            return Ok(0);
        }
        let has_notes = tables("'_doorstep_runs'") == "1";
        let mut all_open = 0;
        for (name, _, lines) in MIGRATIONS {
            let [applied, open] = self.format.counts(name, has_notes);
            let found = format!("(SELECT COUNT(*) FROM {}_audit.ledger WHERE name = '{name}')", self.name);
            let row = self.query(&format!("SELECT {applied}, {open}, {found}"));
            let counts: Vec<u32> = row.split('|').map(|count| count.parse().unwrap()).collect();
            let [applied, open, found] = counts[..] else { panic!("{row}") };
            all_open += open;
            if applied > 1 || found > lines || (applied == 1 && found != lines) {
                return Err(format!("{name} has {applied} applied and {open} open rows, and {found} lines of {lines}"));
            }
        }
        Ok(all_open)
    }

    /// Holds after a successful start: the next one has nothing to do.
    fn check_complete(&self) -> Result<(), String> {
        if self.check_records()? > 0 {
            return Err("rows are open after a successful start".to_owned());
        }
        let found = self.query(COMPLETE);
        if found != "4|900|1|1|1|large_both,PRIMARY|900" {
            return Err(format!("a successful start left {found}"));
        }
        let again = self.start().finish("run");
        match again.code == Some(0) && again.stderr.contains("(0 applied)") {
            true => Ok(()),
            false => Err(format!("a start after a successful one had work to do: {}", ending(&again))),
        }
    }

    /// Kills again and again until a start comes through. `strike` kills something, and says what.
    fn campaign(&self, salt: u64, most: u32, mut strike: impl FnMut(&mut Running, u64) -> String) {
        self.reset();
        if self.halts {
            self.halt();
        }
        let began = Instant::now();
        self.start().finish("run").code(0);
        let campaign = Campaign::new(salt, most, began.elapsed());
        self.check_complete().unwrap();
        campaign.run(|campaign| {
            self.reset();
            if self.halts {
                self.halt();
            }
            for _ in 0..STARTS_OF_A_ROUND {
                let mut doorstep = self.start();
                let delay = campaign.delay(&mut doorstep);
                let choice = campaign.dice.below(2);
                let was_running = doorstep.is_running();
                let struck = campaign.goes_on().then(|| strike(&mut doorstep, choice));
                let output = doorstep.finish("run");
                match (struck, output.code) {
                    // It has waited for the server, and gone on by itself.
                    (Some(what), Some(0)) if was_running && what == "the server" => {
                        campaign.killed(&what, delay, self.check_records())?;
                        return self.check_complete();
                    }
                    (_, Some(0)) => return self.check_complete(),
                    (Some(what), code) if code.is_none_or(|code| is_excused(&what, &output, code)) => {
                        campaign.killed(&what, delay, self.check_records())?;
                    }
                    _ => return Err(format!("a start that was left alone failed: {}", ending(&output))),
                }
            }
            Err("no start came through".to_owned())
        });
    }
}

/// A start whose session or server was killed may end with "lost" or "not ready"; never with a migration that needs a person.
fn is_excused(what: &str, output: &Output, code: i32) -> bool {
    what != "doorstep" && matches!(code, 69 | 75) && !output.stderr.contains("doorstep resolve")
}

fn kill_clients(format: Format, salt: u64, most: u32) {
    kill_clients_of(format, false, salt, most);
}

fn kill_clients_of(format: Format, halts: bool, salt: u64, most: u32) {
    let database = MysqlDatabase::fresh();
    let stage = Stage::new(format, database.url(), &database.name, Box::new(|sql| database.sql(sql)));
    let stage = Stage { halts, ..stage };
    let of_doorstep = format!(
        "SELECT id FROM information_schema.processlist WHERE db = '{}' AND id <> CONNECTION_ID()",
        database.name
    );
    stage.campaign(salt, most, |doorstep, choice| {
        if choice == 0 {
            doorstep.child.kill().unwrap();
            return "doorstep".to_owned();
        }
        database.sql(&of_doorstep).lines().for_each(|id| kill_session(stage.server(), id));
        "its session".to_owned()
    });
    database.sql(&format!("DROP DATABASE {}_audit", database.name));
}

fn kill_server(salt: u64, most: u32) {
    let options = ["--innodb-flush-log-at-trx-commit=1"];
    let server = std::cell::RefCell::new(MysqlServer::started(&options));
    server.borrow().sql("CREATE DATABASE crash");
    let url = server.borrow().url("crash");
    let stage = Stage::new(Format::Scripts(Scripts::Prisma), url, "crash", Box::new(|sql| server.borrow().sql(sql)));
    stage.campaign(salt, most, |_, _| {
        let mut server = server.borrow_mut();
        server.kill();
        server.start(&options);
        server.until_ready();
        "the server".to_owned()
    });
}

#[test]
fn a_killed_client_or_session_leaves_what_the_next_start_completes() {
    kill_clients(Format::Scripts(Scripts::Prisma), 101, KILLS);
    kill_clients(Format::Scripts(Scripts::Sql), 102, KILLS);
}

#[test]
fn a_killed_client_or_session_loses_nothing_of_a_repaired_file() {
    kill_clients_of(Format::Scripts(Scripts::Prisma), true, 107, KILLS);
}

#[test]
fn a_killed_server_loses_no_migration() {
    kill_server(103, KILLS / 2);
}

#[test]
#[ignore = "minutes: scripts/test --all"]
fn so_it_is_at_a_hundred_and_fifty_moments() {
    kill_clients(Format::Scripts(Scripts::Prisma), 104, ALL_KILLS);
    kill_clients(Format::Scripts(Scripts::Sql), 105, ALL_KILLS);
    kill_clients_of(Format::Scripts(Scripts::Sql), true, 108, ALL_KILLS / 2);
    kill_server(106, ALL_KILLS / 2);
}

fn kill_clients_of_every_format(salt: u64, most: u32) {
    for (format, salt) in NATIVE.iter().filter(|format| format.knows(Engine::Mysql)).zip(salt..) {
        eprintln!("--- {}", format.name);
        kill_clients(Format::Native(format), salt, most);
    }
}

#[test]
fn so_it_is_with_every_other_format() {
    kill_clients_of_every_format(110, KILLS_WITH_A_FORMAT);
}

#[test]
#[ignore = "minutes: scripts/test --all"]
fn so_it_is_with_every_other_format_at_twenty_five_moments() {
    kill_clients_of_every_format(130, ALL_KILLS_WITH_A_FORMAT);
}
