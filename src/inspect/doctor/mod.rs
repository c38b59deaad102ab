//! `doctor`: a line for each part of the way from the settings to a migrated and verified database.
//!
//! `facts` is what was found, `examine` asks the server for it; each of the other files judges some of the facts: `connection` the
//! way to the session, `file` that of SQLite, `server` the server, `project` folder, history and drift. [`report`] puts the lines in order.

pub(crate) mod connection;
pub(crate) mod examine;
pub(crate) mod facts;
pub(crate) mod file;
pub(crate) mod project;
pub(crate) mod server;

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::base::neutral;
use crate::base::sorting;
use crate::inspect::doctor::facts::Facts;

/// One part of the way, in the order of the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// The settings, and which of them names the database.
    Settings,
    /// The addresses of the host.
    Names,
    /// Connections to them.
    Tcp,
    /// The encryption, and what it proves.
    Tls,
    /// The file of the database.
    File,
    /// The login.
    Login,
    /// Product and version.
    Server,
    /// Whether it takes writes.
    Writes,
    /// The journal of a file.
    Journal,
    /// What stands between doorstep and the server.
    Pooler,
    /// The role.
    Role,
    /// Its rights.
    Rights,
    /// The service's own login.
    Service,
    /// How full the server is.
    Connections,
    /// Transactions that are open for long.
    Transactions,
    /// Locks on tables.
    Locks,
    /// The migration lock.
    MigrationLock,
    /// The folder of migrations.
    Folder,
    /// Its history.
    History,
    /// What is pending.
    Pending,
    /// What differs from the desired state.
    Drift,
}

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// It works; a person should look at it.
    Odd,
    /// A start fails here.
    Broken,
    /// It cannot be told, or this role may not see it.
    Unknown,
    /// It depends on something that is broken, or is turned off.
    Skipped,
}

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Line {
    pub(crate) stage: Stage,
    pub(crate) state: State,
    /// What was found; several lines of text are possible.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) next: Option<String>,
    /// The same for programs.
    pub(crate) facts: Map<String, Value>,
    /// The exit code of a start that fails here.
    #[serde(skip)]
    pub(crate) code: u8,
}

impl Line {
    fn new(stage: Stage, state: State, message: impl Into<String>) -> Self {
        Self { stage, state, message: message.into(), next: None, facts: Map::new(), code: 0 }
    }

    pub(crate) fn ok(stage: Stage, message: impl Into<String>) -> Self {
        Self::new(stage, State::Ok, message)
    }

    pub(crate) fn odd(stage: Stage, message: impl Into<String>) -> Self {
        Self::new(stage, State::Odd, message)
    }

    pub(crate) fn broken(stage: Stage, message: impl Into<String>, code: u8) -> Self {
        Self { code, ..Self::new(stage, State::Broken, message) }
    }

    pub(crate) fn unknown(stage: Stage, message: impl Into<String>) -> Self {
        Self::new(stage, State::Unknown, message)
    }

    pub(crate) fn skipped(stage: Stage, message: impl Into<String>) -> Self {
        Self::new(stage, State::Skipped, message)
    }

    pub(crate) fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }

    /// Adds a value for programs.
    pub(crate) fn fact(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(key.to_owned(), value.into());
        self
    }
}

/// The result. Keys of its JSON are only ever added.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Nothing is broken.
    pub(crate) ok: bool,
    /// Where the database is, without secrets; `None` where nothing names it.
    pub(crate) address: Option<String>,
    /// This version of doorstep.
    pub(crate) doorstep: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// Judges the facts.
pub(crate) fn report(facts: &Facts) -> Report {
    let mut lines = connection::lines(facts);
    lines.extend(server::lines(facts));
    lines.extend(project::lines(facts));
    sorting::sort_by_key(&mut lines, |line| line.stage);
    Report {
        ok: lines.iter().all(|line| line.state != State::Broken),
        address: facts.database.as_ref().ok().map(|database| database.address.clone()),
        doorstep: env!("CARGO_PKG_VERSION"),
        lines,
    }
}

impl Report {
    /// That of the first broken line; 0 where nothing is broken.
    pub(crate) fn exit_code(&self) -> u8 {
        self.lines.iter().find(|line| line.state == State::Broken).map_or(0, |line| line.code)
    }
}

impl Stage {
    fn name(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Names => "names",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::File => "file",
            Self::Login => "login",
            Self::Server => "server",
            Self::Writes => "writes",
            Self::Journal => "journal",
            Self::Pooler => "pooler",
            Self::Role => "role",
            Self::Rights => "rights",
            Self::Service => "service",
            Self::Connections => "connections",
            Self::Transactions => "transactions",
            Self::Locks => "locks",
            Self::MigrationLock => "migration lock",
            Self::Folder => "folder",
            Self::History => "history",
            Self::Pending => "pending",
            Self::Drift => "drift",
        }
    }
}

impl State {
    const ALL: [Self; 5] = [Self::Broken, Self::Odd, Self::Unknown, Self::Skipped, Self::Ok];

    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Odd => "odd",
            Self::Broken => "broken",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
        }
    }
}

/// Where the text of a line begins: behind the widest word for a state and the widest name of a stage.
const INDENT: usize = 25;

impl fmt::Display for Report {
    /// A line for each part, what to do below it, and how many are in which state.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indent = " ".repeat(INDENT);
        for line in &self.lines {
            let message = neutral::text(&line.message).replace('\n', &format!("\n{indent}"));
            writeln!(f, "{:<9}{:<16}{message}", line.state.word(), line.stage.name())?;
            if let Some(next) = &line.next {
                writeln!(f, "{indent}next: {}", neutral::line(next))?;
            }
        }
        let count = |state: &State| self.lines.iter().filter(|line| line.state == *state).count();
        let counted = State::ALL.iter().filter(|state| count(state) > 0);
        let counted: Vec<String> = counted.map(|state| format!("{} {}", count(state), state.word())).collect();
        match &self.address {
            Some(address) => writeln!(f, "{address}: {}", counted.join(", ")),
            None => writeln!(f, "no database: {}", counted.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_by_line_and_its_first_broken_line_decides_the_exit_code() {
        let lines = vec![
            Line::ok(Stage::Settings, "DATABASE_URL"),
            Line::odd(Stage::Names, "db: 10.0.0.7\nb: no such name").next("correct it"),
            Line::broken(Stage::Login, "refused", 77),
            Line::broken(Stage::Drift, "differs", 3),
        ];
        let report = Report { ok: false, address: Some("db:5432/shop".to_owned()), doorstep: "1", lines };
        assert_eq!(report.exit_code(), 77);
        let expected = "ok       settings        DATABASE_URL\n\
                        odd      names           db: 10.0.0.7\n                         b: no such name\n\
                        \x20                        next: correct it\n\
                        broken   login           refused\n\
                        broken   drift           differs\n\
                        db:5432/shop: 2 broken, 1 odd, 1 ok\n";
        assert_eq!(report.to_string(), expected);
    }
}
