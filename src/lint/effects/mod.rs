//! The locks that a statement takes and the work that it does under them, from its text and what is known of the database.
//!
//! The sources: PostgreSQL manual 13.3 "Explicit Locking" and the page of each command, `AlterTableGetLockLevel` in its source
//! where the manual is silent; MySQL manual 17.12.1 "Online DDL Operations"; SQLite, "File Locking". A test runs the statements
//! on a server and compares `pg_locks`, scans and new files with what is said here (`tests/it/lint`). What only the database can
//! tell is [`Work::Unknown`] or [`Lock::Unknown`], never none.

pub(crate) mod defaults;
pub(crate) mod known;
pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod sqlite;
pub(crate) mod types;

use crate::sql::actions::{Action, ActionKind, Extent, RowChange, actions};
use crate::sql::script::{Statement, statements};
use crate::sql::{Dialect, ObjectKind, ObjectRef};

pub(crate) use crate::lint::effects::known::Known;

/// What a statement does to one relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Effect {
    /// The table, index or view; `None` where the text names none.
    pub(crate) object: Option<ObjectRef>,
    /// Whether that is the object itself, one that the statement makes, or others that hang together with it.
    pub(crate) reach: Reach,
    /// The lock that the statement takes on it.
    pub(crate) lock: Lock,
    /// The work while that lock is held.
    pub(crate) work: Work,
}

/// What an effect is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The object.
    Itself,
    /// The object, which the statement creates: no other session can wait for it.
    New,
    /// Relations that hang together with the object and that the text does not name: the table of an index, the other end of its
    /// foreign keys, its partitions. There may be none.
    Connected,
}

/// A lock on a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lock {
    /// One of PostgreSQL's table locks.
    Table(TableLock),
    /// MySQL's metadata lock, and what others may do while the statement runs.
    Metadata(OnlineDdl),
    /// The whole database: SQLite has one writer (<https://sqlite.org/lockingv3.html>).
    Database,
    /// It is not known.
    Unknown,
}

/// The lock modes of PostgreSQL (manual, 13.3.1), from the weakest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TableLock {
    AccessShare,
    RowShare,
    RowExclusive,
    ShareUpdateExclusive,
    Share,
    ShareRowExclusive,
    Exclusive,
    AccessExclusive,
}

/// How InnoDB carries a statement out (MySQL manual, 17.12.1 and 17.12.2). Each begins and ends with a short exclusive metadata
/// lock, for which it waits until open transactions on the table have ended, and behind which all others queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OnlineDdl {
    /// Rows are written, each locked by itself; no other session's statement waits for the table.
    Rows,
    /// The definition alone is changed.
    Instant,
    /// Others read and write meanwhile.
    Inplace,
    /// Others read meanwhile, and wait with writing.
    InplaceShared,
    /// The table is copied: others read meanwhile, and wait with writing.
    Copy,
    /// Others neither read nor write.
    Exclusive,
}

/// Work whose time grows with the rows of the relation. The order is that of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// None: the time does not depend on the rows.
    None,
    /// It depends on what the text does not tell.
    Unknown,
    /// Rows are written by a query or a condition without a bound.
    Rows,
    /// Every row is read.
    Scan,
    /// An index is built.
    IndexBuild,
    /// Every row, and every index, is written anew.
    Rewrite,
}

impl TableLock {
    /// The mode as `pg_locks` and the manual call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::AccessShare => "ACCESS SHARE",
            Self::RowShare => "ROW SHARE",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// All modes.
    pub(crate) const ALL: [Self; 8] = [
        Self::AccessShare,
        Self::RowShare,
        Self::RowExclusive,
        Self::ShareUpdateExclusive,
        Self::Share,
        Self::ShareRowExclusive,
        Self::Exclusive,
        Self::AccessExclusive,
    ];

    /// The mode of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// Whether two sessions cannot have these locks on one table at a time (table 13.2).
    pub(crate) fn conflicts_with(self, other: Self) -> bool {
        let (weak, strong) = if self <= other { (self, other) } else { (other, self) };
        match weak {
            Self::AccessShare => strong == Self::AccessExclusive,
            Self::RowShare => strong >= Self::Exclusive,
            Self::RowExclusive => strong >= Self::Share,
            Self::Share => strong != Self::Share,
            Self::ShareUpdateExclusive | Self::ShareRowExclusive | Self::Exclusive | Self::AccessExclusive => true,
        }
    }

    /// SELECT waits for it (table 13.2: ACCESS SHARE conflicts with ACCESS EXCLUSIVE only).
    pub(crate) fn blocks_reads(self) -> bool {
        self == Self::AccessExclusive
    }

    /// INSERT, UPDATE and DELETE wait for it (table 13.2: ROW EXCLUSIVE conflicts with SHARE and all that are stronger).
    pub(crate) fn blocks_writes(self) -> bool {
        self >= Self::Share
    }
}

impl Lock {
    /// Whether queries of others wait while the statement runs; `None` where that is not known.
    pub(crate) fn blocks_reads(self) -> Option<bool> {
        match self {
            Self::Table(lock) => Some(lock.blocks_reads()),
            Self::Metadata(ddl) => Some(ddl == OnlineDdl::Exclusive),
            // Readers of SQLite see the state before, and wait for the commit only.
            Self::Database => Some(false),
            Self::Unknown => None,
        }
    }

    /// Whether writes of others wait while the statement runs; `None` where that is not known.
    pub(crate) fn blocks_writes(self) -> Option<bool> {
        match self {
            Self::Table(lock) => Some(lock.blocks_writes()),
            Self::Metadata(ddl) => Some(ddl >= OnlineDdl::InplaceShared),
            Self::Database => Some(true),
            Self::Unknown => None,
        }
    }
}

impl Lock {
    /// The word for it in results.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Table(lock) => lock.name(),
            Self::Metadata(OnlineDdl::Rows) => "rows",
            Self::Metadata(OnlineDdl::Instant) => "instant",
            Self::Metadata(OnlineDdl::Inplace) => "in place",
            Self::Metadata(OnlineDdl::InplaceShared) => "in place, without writers",
            Self::Metadata(OnlineDdl::Copy) => "copy",
            Self::Metadata(OnlineDdl::Exclusive) => "exclusive",
            Self::Database => "database",
            Self::Unknown => "unknown",
        }
    }
}

impl Work {
    /// The word for it in results.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unknown => "unknown",
            Self::Rows => "rows",
            Self::Scan => "scan",
            Self::IndexBuild => "index_build",
            Self::Rewrite => "rewrite",
        }
    }
}

/// One action of a statement, with its effects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ActionEffects {
    /// What is done.
    pub(crate) action: Action,
    /// Its effects; none where it touches no relation.
    pub(crate) effects: Vec<Effect>,
}

/// All effects of a statement; none for one that touches no relation.
#[must_use]
pub(crate) fn effects(statement: &Statement<'_>, known: &Known) -> Vec<Effect> {
    by_action(statement, known).into_iter().flat_map(|of| of.effects).collect()
}

/// The effects of a statement, action by action.
#[must_use]
pub(crate) fn by_action(statement: &Statement<'_>, known: &Known) -> Vec<ActionEffects> {
    let of_action = match statement.dialect() {
        Dialect::Postgres => postgres::effects,
        Dialect::Mysql => mysql::effects,
        Dialect::Sqlite => sqlite::effects,
    };
    let found = actions(statement).into_iter().map(|action| {
        let effects = of_action(&action, known);
        ActionEffects { action, effects }
    });
    let mut found: Vec<ActionEffects> = found.collect();
    strengthen(&mut found);
    found
}

/// A statement takes the strongest lock that one of its actions needs, once, before the first of them.
fn strengthen(found: &mut [ActionEffects]) {
    let all = found.iter().flat_map(|of| &of.effects);
    let own = all.filter(|effect| effect.reach == Reach::Itself);
    let locks: Vec<(Option<ObjectRef>, Lock)> = own.map(|effect| (effect.object.clone(), effect.lock)).collect();
    let of_objects = found.iter_mut().flat_map(|of| &mut of.effects).filter(|effect| effect.reach == Reach::Itself);
    for effect in of_objects {
        for lock in locks.iter().filter(|(object, _)| *object == effect.object).map(|(_, lock)| *lock) {
            effect.lock = match (effect.lock, lock) {
                (Lock::Table(mine), Lock::Table(other)) => Lock::Table(mine.max(other)),
                (Lock::Metadata(mine), Lock::Metadata(other)) => Lock::Metadata(mine.max(other)),
                (mine, _) => mine,
            };
        }
    }
}

/// An effect in words, for tests that compare it with what a server does.
#[derive(Debug)]
pub struct EffectText {
    /// The object's name without its schema; empty where the text names none.
    pub object: String,
    /// Whether it is about the object itself, as it was before.
    pub is_itself: bool,
    /// The lock.
    pub lock: &'static str,
    /// The work under it.
    pub work: &'static str,
}

/// The effects of a script, where the scripts `before` have run; each statement knows those before it. `postgres` is the major
/// version of the server.
#[must_use]
pub fn told(before: &str, script: &str, dialect: Dialect, postgres: Option<u32>) -> Vec<EffectText> {
    let mut known = Known::of_server(postgres);
    let mut learn = |statement: &Statement<'_>| {
        let found = effects(statement, &known);
        actions(statement).iter().for_each(|action| known.learn(action, dialect));
        found
    };
    statements(before, dialect).iter().for_each(|statement| drop(learn(statement)));
    let found: Vec<Effect> = statements(script, dialect).iter().flat_map(learn).collect();
    let tell = |effect: Effect| EffectText {
        object: effect.object.map(|object| object.name).unwrap_or_default(),
        is_itself: effect.reach == Reach::Itself,
        lock: effect.lock.word(),
        work: effect.work.word(),
    };
    found.into_iter().map(tell).collect()
}

/// The effect on the object itself.
fn itself(object: &ObjectRef, lock: Lock, work: Work) -> Effect {
    Effect { object: Some(object.clone()), reach: Reach::Itself, lock, work }
}

/// What is not understood.
fn unknown(object: Option<ObjectRef>) -> Effect {
    Effect { object, reach: Reach::Itself, lock: Lock::Unknown, work: Work::Unknown }
}

/// The rows that are written: how many, only a key tells.
fn rows(change: &RowChange, object: &ObjectRef, known: &Known) -> Work {
    match &change.extent {
        Extent::Listed => Work::None,
        Extent::Equal(columns) if columns.iter().any(|column| known.is_key(object, column)) => Work::None,
        Extent::All | Extent::Condition | Extent::Equal(_) => Work::Rows,
    }
}

/// The kinds that are no relation, so that no lock of a table is taken.
fn is_relation(object: &ObjectRef) -> bool {
    matches!(object.kind, ObjectKind::Table | ObjectKind::Index | ObjectKind::View)
}

/// Whether an action neither touches a relation nor is unknown, on every engine.
fn is_quiet(kind: &ActionKind) -> bool {
    matches!(
        kind,
        ActionKind::Quiet
            | ActionKind::Set { .. }
            | ActionKind::CreateType { .. }
            | ActionKind::AddValue(_)
            | ActionKind::RenameValue(_)
    )
}

#[cfg(test)]
mod tests;
