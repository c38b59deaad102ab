//! What an SQLSTATE means for a start (PostgreSQL manual, appendix A). Outside this engine only the class and the
//! condition of a fault count.

use crate::base::fault::{Class, Condition, Limit};

/// A unique key was violated: what CREATE SCHEMA reports when another session creates the same one in that moment.
const UNIQUE_VIOLATION: &str = "23505";

/// `SELECT 1 / 0`.
pub(crate) const DIVISION_BY_ZERO: &str = "22012";

/// "source database is being accessed by other users".
pub(crate) const OBJECT_IN_USE: &str = "55006";

/// No line of `pg_hba.conf` fits: perhaps one does for an encrypted connection, or for a plain one.
pub(crate) const INVALID_AUTHORIZATION: &str = "28000";

/// Whether an error can be due to a statement's being prepared, so that the same statement, sent as it is, may succeed: it is not there
/// any more (26000), its result has changed (0A000), or the types of its parameters do not fit the columns any more (42…, 22…).
pub(crate) fn is_of_preparation(code: Option<&str>) -> bool {
    let classes = ["26", "0A", "42", "22"];
    code.is_some_and(|code| code != DIVISION_BY_ZERO && classes.iter().any(|class| code.starts_with(class)))
}

/// The class of a fault. `routine` is the function of the server's source that raised it; the server's message is not
/// compared, since it is in the server's language.
pub(crate) fn class_of(code: &str, routine: Option<&str>) -> Class {
    match code {
        // Refuses a query under row_security = off.
        "42501" if routine == Some("check_enable_rls") => Class::RowSecurity,
        "57P03" => Class::Starting,
        "57P01" | "57P02" | "57P04" | "57P05" => Class::Unreachable,
        "25006" => Class::ReadOnly,
        "3D000" => Class::NoDatabase,
        "42501" => Class::Privilege,
        // The victim of a deadlock or of a serialization conflict was rolled back as completely as one of lock_timeout,
        // and can be repeated as safely.
        "55P03" | "40P01" | "40001" => Class::LockTimeout,
        // "tuple concurrently updated": another session wrote the same row of the catalog, such as by GRANT.
        "XX000" if matches!(routine, Some("simple_heap_update" | "simple_heap_delete")) => Class::LockTimeout,
        "57014" => Class::Cancelled,
        "25P03" => Class::Limit(Limit::IdleTransaction),
        "25P04" => Class::Limit(Limit::Transaction),
        "53400" if routine.is_some_and(|routine| routine.starts_with("FileWrite")) => {
            Class::Limit(Limit::TemporaryFiles)
        }
        "53400" => Class::Limit(Limit::Configured),
        // No transaction numbers are left until somebody has vacuumed.
        "54000" if matches!(routine, Some("GetNewTransactionId" | "GetNewMultiXactId")) => Class::Busy,
        "58000" | "58030" => Class::Busy,
        // A foreign server that a script asks does not answer.
        "HV00N" => Class::Unreachable,
        "25001" | "2D000" => Class::RefusesTransaction,
        _ if code.starts_with("08") => Class::Unreachable,
        _ if code.starts_with("53") => Class::Busy,
        _ if code.starts_with("28") => Class::Authentication,
        _ => Class::Statement,
    }
}

/// The closer reason, where a step needs it.
pub(crate) fn condition_of(code: &str, routine: Option<&str>) -> Option<Condition> {
    match (code, routine) {
        ("42P04" | "42P06" | UNIQUE_VIOLATION, _) => Some(Condition::AlreadyExists),
        ("3F000", _) => Some(Condition::NoSchema),
        ("42703", _) => Some(Condition::NoColumn),
        // The refusals of a login: auth.c, miscinit.c and postinit.c of the server's source.
        (INVALID_AUTHORIZATION, Some("ClientAuthentication")) => Some(Condition::NotAdmitted),
        (INVALID_AUTHORIZATION, Some("auth_failed")) => Some(Condition::OtherMethod),
        (INVALID_AUTHORIZATION, Some("InitializeSessionUserId")) => Some(Condition::NoLogin),
        ("42501", Some("CheckMyDatabase")) => Some(Condition::MayNotConnect),
        // The check of a parameter; `role` is the only one that a login sends and that needs a right of its own.
        ("42501", Some("call_string_check_hook")) => Some(Condition::MayNotSetRole),
        ("55000", Some("CheckMyDatabase")) => Some(Condition::ClosedDatabase),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_that_pass_with_time_and_those_that_do_not() {
        for code in ["57P03", "57P01", "53300", "53100", "53200", "58030", "08006", "25006"] {
            assert!(class_of(code, None).is_transient(), "{code}");
        }
        for code in ["28P01", "28000", "3D000", "42501", "42P01", "55P03", "53400", "25P04", "57014", "54000"] {
            assert!(!class_of(code, None).is_transient(), "{code}");
        }
    }

    #[test]
    fn the_routine_tells_apart_what_shares_an_sqlstate() {
        assert_eq!(class_of("53400", Some("FileWriteV")), Class::Limit(Limit::TemporaryFiles));
        assert_eq!(class_of("53400", Some("ReplicationSlotCreate")), Class::Limit(Limit::Configured));
        assert_eq!(class_of("XX000", Some("simple_heap_update")), Class::LockTimeout);
        assert_eq!(class_of("XX000", Some("elsewhere")), Class::Statement);
        assert_eq!(class_of("54000", Some("GetNewTransactionId")), Class::Busy);
    }

    #[test]
    fn row_security_is_told_from_a_missing_grant() {
        assert_eq!(class_of("42501", Some("check_enable_rls")), Class::RowSecurity);
        assert_eq!(class_of("42501", Some("aclcheck_error")), Class::Privilege);
    }
}
