//! What the numbers of the servers' errors mean (MySQL manual, "Server Error Message Reference"; MariaDB, "Error Codes").

use crate::base::fault::Class;

/// The class of an error number.
pub(crate) fn class(number: u16) -> Class {
    match number {
        1040 | 1203 => Class::Busy,
        1053 => Class::Unreachable,
        1045 | 1698 => Class::Authentication,
        1049 => Class::NoDatabase,
        1044 | 1142 | 1143 | 1227 => Class::Privilege,
        1205 | 1213 => Class::LockTimeout,
        1317 => Class::Cancelled,
        _ => Class::Statement,
    }
}
