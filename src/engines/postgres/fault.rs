//! What the driver reports, in doorstep's words: class, SQLSTATE, the server's own fields.

use sqlx::postgres::PgErrorPosition;

use crate::base::fault::{Class, Fault, Place};
use crate::engines::postgres::dial;
use crate::engines::postgres::relay::Wire;

/// What sqlx reports, classed. Its own texts are not used where the server gave one: they add a line
/// number of PostgreSQL's C source.
pub(crate) fn fault(error: &sqlx::Error, wire: &Wire) -> Fault {
    let broken = || wire.seen().broken.clone();
    match error {
        sqlx::Error::Database(error) => match error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>() {
            Some(error) => Fault {
                class: match error.routine() {
                    // The server's function that refuses a query under row_security = off; its text may be translated.
                    Some("check_enable_rls") => Class::RowSecurity,
                    _ => class_of(error.code()),
                },
                code: Some(error.code().to_owned()),
                message: error.message().to_owned(),
                detail: error.detail().map(str::to_owned),
                hint: error.hint().map(str::to_owned),
                context: error.r#where().map(str::to_owned),
                place: match error.position() {
                    Some(PgErrorPosition::Original(position)) => Some(Place::Character(position)),
                    _ => None,
                },
            },
            None => Fault::new(Class::Statement, error.message()),
        },
        sqlx::Error::Io(error) => broken().unwrap_or_else(|| Fault::new(Class::Unreachable, dial::reason(error))),
        sqlx::Error::Protocol(text) => broken().unwrap_or_else(|| {
            Fault::new(Class::Unreachable, format!("the server does not speak PostgreSQL's protocol: {text}"))
        }),
        // The driver's text quotes a character of the password.
        sqlx::Error::Configuration(_) => Fault::new(
            Class::Config,
            "the password cannot be used: it holds a control character or another one that SASLprep (RFC 4013) forbids",
        ),
        other => Fault::new(Class::Statement, other.to_string()),
    }
}

/// SQLSTATE to class (PostgreSQL manual, appendix A).
fn class_of(code: &str) -> Class {
    match code {
        "57P03" => Class::Starting,
        "57P01" | "57P02" | "57P04" | "57P05" => Class::Unreachable,
        "25006" => Class::ReadOnly,
        "3D000" => Class::NoDatabase,
        "42501" => Class::Privilege,
        // The victim of a deadlock or of a serialization conflict is as well rolled back, and as safe to
        // repeat, as one of lock_timeout.
        "55P03" | "40P01" | "40001" => Class::LockTimeout,
        "57014" => Class::Cancelled,
        "25001" | "2D000" => Class::RefusesTransaction,
        _ if code.starts_with("08") => Class::Unreachable,
        _ if code.starts_with("53") => Class::Busy,
        _ if code.starts_with("28") => Class::Authentication,
        _ => Class::Statement,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlstates_that_pass_with_time_and_those_that_do_not() {
        for code in ["57P03", "57P01", "53300", "08006", "25006"] {
            assert!(class_of(code).is_transient(), "{code}");
        }
        for code in ["28P01", "28000", "3D000", "42501", "42P01", "55P03"] {
            assert!(!class_of(code).is_transient(), "{code}");
        }
    }
}
