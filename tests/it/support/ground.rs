//! One test for several engines: a new database of either, and the few texts in which the engines differ.

use crate::support::native::{Native, Step};
use crate::support::{
    Database, Doorstep, MysqlDatabase, Project, Running, kill_session, running_migration, until, variable,
};

/// An engine on which doorstep runs the folders of several tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    Postgres,
    Sqlite,
    /// MySQL and MariaDB, whose DDL commits.
    Mysql,
}

impl Engine {
    /// The servers.
    pub(crate) const SERVERS: [Self; 2] = [Self::Postgres, Self::Mysql];

    /// A statement that waits, without any lock that another statement needs, until the test opens the gate.
    pub(crate) fn gate(self) -> &'static str {
        match self {
            Self::Mysql => "DO GET_LOCK(CONCAT('gate ', DATABASE()), 600), RELEASE_LOCK(CONCAT('gate ', DATABASE()));",
            Self::Postgres | Self::Sqlite => running_migration::GATE,
        }
    }

    /// A statement that fails, and a part of the server's message.
    pub(crate) fn failing(self) -> (&'static str, &'static str) {
        match self {
            Self::Mysql => ("INSERT INTO nowhere VALUES (1);", "doesn't exist"),
            Self::Postgres | Self::Sqlite => ("SELECT 1 / 0;", "division by zero"),
        }
    }

    /// A script that fails after a part of it was kept.
    pub(crate) fn half_kept(self, first: &str) -> String {
        let commits = if self == Self::Mysql { "" } else { "COMMIT;\n" };
        format!("{first}\n{commits}{}", self.failing().0)
    }

    /// The table of a test beside those of the service and the history.
    pub(crate) fn aside(self, name: &str) -> String {
        if self == Self::Mysql { format!("side_{name}") } else { format!("side.{name}") }
    }
}

/// A new database of a server; dropped unless the test failed.
pub(crate) enum Ground {
    Postgres(Database),
    Mysql(MysqlDatabase, Option<Gate>),
}

/// A session that holds the lock which a script of [`Engine::gate`] waits for.
pub(crate) struct Gate {
    id: String,
    /// Its client.
    _session: Running,
}

impl Ground {
    pub(crate) fn fresh(engine: Engine) -> Self {
        match engine {
            Engine::Postgres => Self::Postgres(Database::fresh()),
            Engine::Mysql => Self::Mysql(MysqlDatabase::fresh(), None),
            Engine::Sqlite => panic!("a file is no server"),
        }
    }

    /// With a closed gate.
    pub(crate) fn gated(engine: Engine) -> Self {
        match Self::fresh(engine) {
            Self::Postgres(_) => Self::Postgres(running_migration::gated()),
            Self::Mysql(database, _) => {
                let name = "CONCAT('gate ', DATABASE())";
                let session = database.session(&format!("SELECT GET_LOCK({name}, 0); SELECT SLEEP(600)"));
                let id = until("the gate is closed", || {
                    Some(database.sql(&format!("SELECT IS_USED_LOCK({name})"))).filter(|id| id != "NULL")
                });
                Self::Mysql(database, Some(Gate { id, _session: session }))
            }
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        match self {
            Self::Postgres(_) => Engine::Postgres,
            Self::Mysql(..) => Engine::Mysql,
        }
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Postgres(database) => database.url(),
            Self::Mysql(database, _) => database.url(),
        }
    }

    /// For tools whose driver does not take [`Database::url`].
    pub(crate) fn url_for_tools(&self) -> String {
        match self {
            Self::Postgres(database) => database.url_for_tools(),
            Self::Mysql(database, _) => database.url(),
        }
    }

    /// Runs SQL and returns the rows as `a|b` lines.
    pub(crate) fn sql(&self, sql: &str) -> String {
        match self {
            Self::Postgres(database) => database.sql(sql),
            Self::Mysql(database, _) => database.sql(sql),
        }
    }

    /// doorstep with this format on this database.
    pub(crate) fn doorstep(&self, format: &Native, project: &Project, arguments: &[&str]) -> Doorstep {
        format.doorstep(project, &self.url(), arguments)
    }

    /// How many rows say that a migration is applied.
    pub(crate) fn count(&self, format: &Native, step: &Step) -> String {
        self.sql(&format.count_on(self.engine(), step))
    }

    /// The tables but the history's and the test's own, of all schemas.
    pub(crate) fn tables(&self, format: &Native) -> String {
        let all = self.sql(match self {
            Self::Postgres(_) => {
                "SELECT CASE schemaname WHEN 'public' THEN '' ELSE schemaname || '.' END || tablename FROM pg_tables \
                 WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'side') ORDER BY 1"
            }
            Self::Mysql(..) => {
                "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() \
                 AND table_name NOT LIKE 'side%' ORDER BY 1"
            }
        });
        all.lines().filter(|table| !format.history.contains(table)).collect::<Vec<_>>().join(" ")
    }

    /// Where doorstep's notes about this format's runs are.
    pub(crate) fn notes(&self, format: &Native) -> String {
        match self {
            Self::Postgres(_) => {
                let schema = format.history[0].rsplit_once('.').map_or("public", |(schema, _)| schema);
                format!("{schema}._doorstep_runs")
            }
            Self::Mysql(..) => "_doorstep_runs".to_owned(),
        }
    }

    /// The session that waits at the gate, as soon as one does.
    pub(crate) fn at_gate(&self) -> String {
        match self {
            Self::Postgres(database) => running_migration::at_gate(database),
            Self::Mysql(database, _) => until("a session waits at the gate", || {
                let waiting = "SELECT id FROM information_schema.processlist WHERE db = DATABASE() \
                               AND info LIKE 'DO GET_LOCK(CONCAT(%' AND state = 'User lock'";
                Some(database.sql(waiting)).filter(|id| !id.is_empty())
            }),
        }
    }

    pub(crate) fn open_gate(&self) {
        match self {
            Self::Postgres(database) => running_migration::open_gate(database),
            Self::Mysql(_, gate) => self.terminate(&gate.as_ref().unwrap().id),
        }
    }

    /// Ends a session of the server, and waits until it is gone.
    pub(crate) fn terminate(&self, id: &str) {
        match self {
            Self::Postgres(database) => running_migration::terminate(database, id),
            Self::Mysql(database, _) => {
                kill_session(&variable("MYSQL_URL"), id);
                let left = format!("SELECT COUNT(*) FROM information_schema.processlist WHERE id = {id}");
                until("the session is gone", || (database.sql(&left) == "0").then_some(()));
            }
        }
    }
}
