//! Decides what a failed script failed of. The script itself, and then a person must repair it; or its surroundings: a
//! lock, a server that lacks something, a limit. Only the first may block later starts. A pure function of the failure.

use crate::base::fault::{Class, Limit, Place};
use crate::engines::session::{Failure, Rollback};
use crate::sql::script::Statement;

/// What a script failed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The script.
    Script,
    /// A lock of another session, or a conflict with it: it is tried again.
    Lock,
    /// The server, or one that it asks, lacks disk, memory, locks, connections, or takes no writes: it is tried again.
    Server,
    /// A limit of the role, the database or the server: another try would meet it again.
    Limit(Limit),
}

impl Trouble {
    /// What this failure of the script `sql` is due to. Without a signal, a cancelled statement has met a limit.
    #[must_use]
    pub(crate) fn of(failure: &Failure, sql: &str) -> Self {
        match failure.fault.class {
            Class::LockTimeout | Class::Held => Self::Lock,
            // The session answers: what is unreachable is a server that the script asks (dblink, a foreign table).
            Class::Busy | Class::Unreachable | Class::Starting => Self::Server,
            // A failover, or a provider that stops writes to a disk which is nearly full.
            Class::ReadOnly if !makes_read_only(sql) => Self::Server,
            Class::Cancelled => Self::Limit(Limit::Statement),
            Class::Limit(limit) => Self::Limit(limit),
            _ => Self::Script,
        }
    }

    /// True where time alone may mend it.
    #[must_use]
    pub(crate) fn passes(self) -> bool {
        matches!(self, Self::Lock | Self::Server)
    }
}

/// Whether the script may have made its own transaction read-only.
fn makes_read_only(sql: &str) -> bool {
    let words = sql.to_ascii_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    words.contains("read only") || words.contains("read_only")
}

/// True if what failed is a statement that can only run outside a transaction. Code that raises such an error, or fails
/// to commit, is no reason to give the transaction up, unless the file has no other statement.
pub(super) fn is_utility(statements: &[Statement<'_>], place: Option<Place>) -> bool {
    let code = ["SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "DO", "CALL", "EXECUTE", "SET"];
    match place {
        Some(Place::Statement(index)) => statements
            .get(index)
            .is_some_and(|failed| statements.len() == 1 || !code.iter().any(|word| failed.starts(&[word]))),
        _ => false,
    }
}

/// Whether the server has refused a statement in a transaction, and kept nothing.
pub(super) fn refuses(failure: &Failure) -> bool {
    failure.fault.class == Class::RefusesTransaction && failure.kept == Rollback::Complete && !failure.of_record
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::fault::Fault;

    #[test]
    fn what_is_not_the_scripts_fault_is_told_by_the_class() {
        let of = |class, sql| Trouble::of(&Failure::without_effect(Fault::new(class, "x")), sql);
        for (class, sql, expected) in [
            (Class::Statement, "", Trouble::Script),
            (Class::Privilege, "", Trouble::Script),
            (Class::RefusesTransaction, "", Trouble::Script),
            (Class::LockTimeout, "", Trouble::Lock),
            (Class::Held, "", Trouble::Lock),
            (Class::Busy, "", Trouble::Server),
            (Class::Unreachable, "", Trouble::Server),
            (Class::ReadOnly, "INSERT INTO t VALUES (1)", Trouble::Server),
            (Class::ReadOnly, "SET TRANSACTION READ\n  ONLY; DELETE FROM t", Trouble::Script),
            (Class::ReadOnly, "SET default_transaction_read_only = on", Trouble::Script),
            (Class::Cancelled, "", Trouble::Limit(Limit::Statement)),
            (Class::Limit(Limit::TemporaryFiles), "", Trouble::Limit(Limit::TemporaryFiles)),
        ] {
            assert_eq!(of(class, sql), expected, "{class:?} {sql}");
        }
        assert!(Trouble::Server.passes() && Trouble::Lock.passes());
        assert!(!Trouble::Script.passes() && !Trouble::Limit(Limit::Statement).passes());
    }
}
