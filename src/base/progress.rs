//! The progress of a start as plain data: the steps write it, the health port serves it.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Instant;

use serde::Serialize;

use crate::base::log::millis;

/// The steps before exec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// Waiting for the database.
    Wait,
    /// Creating schemas.
    Schemas,
    /// Looking for pending migrations, and applying them.
    Migrate,
    /// Comparing the desired state with the database.
    Verify,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wait => "the wait",
            Self::Schemas => "the creation of schemas",
            Self::Migrate => "the migrations",
            Self::Verify => "the verification",
        })
    }
}

/// The body of `/ready`. Contains no secret.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Progress {
    /// The step under way.
    pub phase: Phase,
    /// Milliseconds since the start.
    pub elapsed_ms: u64,
    /// The migration that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<String>,
    /// Migrations applied by this start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<usize>,
    /// Migrations that were pending when it began to apply them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending: Option<usize>,
    /// Connection attempts that have failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Why the step is waiting: the last connection error, or which process it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// A handle to the progress of a start; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Tracker {
    began: Instant,
    standing: Rc<RefCell<Progress>>,
    /// States that the log has told.
    told: Rc<RefCell<Vec<String>>>,
    /// Another session holds the migration lock.
    is_queueing: Rc<Cell<bool>>,
}

/// The most states that are counted. A server that answers with noise has more of them.
const STATES: usize = 16;

impl Default for Tracker {
    fn default() -> Self {
        let standing = Rc::new(RefCell::new(Progress::of(Phase::Wait)));
        Self { began: Instant::now(), standing, told: Rc::default(), is_queueing: Rc::default() }
    }
}

impl Progress {
    fn of(phase: Phase) -> Self {
        Self { phase, elapsed_ms: 0, migration: None, applied: None, pending: None, attempts: None, cause: None }
    }
}

impl Tracker {
    /// A step begins.
    pub(crate) fn enter(&self, phase: Phase) {
        *self.standing.borrow_mut() = Progress::of(phase);
    }

    /// An attempt to connect has failed.
    pub(crate) fn refused(&self, attempts: u32, cause: &str) {
        let mut standing = self.standing.borrow_mut();
        standing.attempts = Some(attempts);
        standing.cause = Some(cause.to_owned());
    }

    /// True for a state that this start has not told yet. A port behind which a server comes and goes alternates between
    /// two states, which is no news.
    pub(crate) fn is_news(&self, state: String) -> bool {
        let mut told = self.told.borrow_mut();
        let is_news = told.len() < STATES && !told.contains(&state);
        if is_news {
            told.push(state);
        }
        is_news
    }

    /// The step waits for another process.
    pub(crate) fn held_up(&self, cause: &str) {
        self.standing.borrow_mut().cause = Some(cause.to_owned());
    }

    /// Whether the start queues for the migration lock, from now on.
    pub(crate) fn queues(&self, is_queueing: bool) {
        self.is_queueing.set(is_queueing);
    }

    /// Whether the start queues for the migration lock.
    #[must_use]
    pub(crate) fn is_queueing(&self) -> bool {
        self.is_queueing.get()
    }

    /// A migration begins, after `applied` of `pending` ones.
    pub(crate) fn migrating(&self, name: &str, applied: usize, pending: usize) {
        let (migration, applied, pending) = (Some(name.to_owned()), Some(applied), Some(pending));
        *self.standing.borrow_mut() = Progress { migration, applied, pending, ..Progress::of(Phase::Migrate) };
    }

    /// The current progress.
    #[must_use]
    pub(crate) fn standing(&self) -> Progress {
        Progress { elapsed_ms: millis(self.began.elapsed()), ..self.standing.borrow().clone() }
    }
}
