//! Locks that last, and locks that are waited for without an end.

use crate::config::LintRule;
use crate::finding::Severity;
use crate::lint::Circumstances;
use crate::lint::effects::{Effect, Lock, OnlineDdl, Work};
use crate::lint::hazard::Why;
use crate::lint::rules::{Found, Scene};
use crate::sql::Dialect;
use crate::sql::actions::ActionKind;

/// A table that others cannot write for as long as its rows are read or written.
pub(crate) fn long(scene: &Scene<'_>) -> Option<Found> {
    let kind = &scene.of.action.kind;
    let is_judged = match scene.dialect() {
        // The rules before this one know these better.
        Dialect::Postgres => !matches!(kind, ActionKind::AddColumn(_) | ActionKind::CreateIndex(_)),
        Dialect::Mysql => true,
        // SQLite has one writer at a time.
        Dialect::Sqlite => false,
    };
    let own =
        scene.object().map(crate::sql::ObjectRef::of_table).filter(|_| is_judged && scene.is_on_existing_table())?;
    let blocks = |effect: &Effect| effect.lock.blocks_writes() == Some(true);
    let mut effects = scene.on_existing().filter(|(object, _)| **object == own).map(|(_, effect)| effect);
    let is_redeclared = matches!(kind, ActionKind::Redeclare(_));
    let found = effects.find_map(|effect| match effect.work {
        Work::Scan | Work::IndexBuild | Work::Rewrite if blocks(effect) => Some((effect, true)),
        Work::Unknown if is_redeclared => Some((effect, false)),
        _ => None,
    });
    let (effect, certain) = found?;
    let severity = if certain { Severity::Warning } else { Severity::Notice };
    let blocks_reads = effect.lock.blocks_reads() == Some(true);
    Some(Found::new(LintRule::LongLock, severity, Why::LongLock { work: effect.work, blocks_reads, certain }))
}

/// Whether a script bounds how long it waits for locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timeout {
    /// By nothing.
    Unbounded,
    /// By its own setting, or by the runner's.
    Bounded,
    /// Its own setting takes the bound away.
    SwitchedOff,
    /// It was reported; once for a script is enough.
    Told,
}

impl Timeout {
    /// At the beginning of a script.
    pub(crate) fn new(circumstances: &Circumstances<'_>) -> Self {
        if circumstances.runner.sets_lock_timeout { Self::Bounded } else { Self::Unbounded }
    }

    /// The first statement that waits for a table without a bound.
    pub(crate) fn judge(&mut self, scene: &Scene<'_>) -> Option<Found> {
        if let ActionKind::Set { name, value, .. } = &scene.of.action.kind
            && (name == "lock_timeout" || name == "lock_wait_timeout")
        {
            let value = value.trim_matches('\'').trim();
            let is_off = value.trim_start_matches('0').trim_start_matches(['m', 's']).is_empty();
            *self = if is_off && name == "lock_timeout" { Self::SwitchedOff } else { Self::Bounded };
            return None;
        }
        let switched_off = match self {
            Self::Bounded | Self::Told => return None,
            Self::SwitchedOff => true,
            Self::Unbounded => false,
        };
        let waits = |lock: Lock| match lock {
            Lock::Table(lock) => lock.blocks_writes(),
            Lock::Metadata(ddl) => ddl >= OnlineDdl::Instant,
            Lock::Database | Lock::Unknown => false,
        };
        if !scene.on_existing().any(|(_, effect)| waits(effect.lock)) {
            return None;
        }
        *self = Self::Told;
        Some(Found::new(LintRule::MissingLockTimeout, Severity::Warning, Why::NoLockTimeout { switched_off }))
    }
}
