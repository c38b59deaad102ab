//! Words what a person can do about a login or a database that a server of MySQL refused, whose accounts are a user and a host.

use crate::base::fault::{Class, Condition, Fault, Limit};

/// What to do about a login that was refused. `role` and `database` are quoted.
pub(crate) fn remedy(fault: &Fault, role: &str, database: &str) -> Option<String> {
    Some(match (fault.condition, fault.class) {
        (Some(Condition::NotAdmittedPlain), Class::Authentication) => {
            "check user and password of the URL, and let it encrypt the connection: ssl-mode=REQUIRED".to_owned()
        }
        (Some(Condition::NotAdmittedPlain), _) => {
            "encrypt the connection: ssl-mode=REQUIRED in the URL, or ssl-mode=VERIFY_IDENTITY and ssl-ca, which also prove the \
             server"
                .to_owned()
        }
        (Some(Condition::NotAdmitted), _) => {
            format!("let an administrator create an account for the host that the message names: CREATE USER {role}@'HOST' …;")
        }
        (Some(Condition::HostBlocked), _) => "let an administrator run: FLUSH HOSTS; (too many logins from here broke off: a probe \
                                              of the port counts, too)"
            .to_owned(),
        (Some(Condition::NoLogin), _) => format!("let an administrator run: ALTER USER {role} ACCOUNT UNLOCK;"),
        (Some(Condition::PasswordExpired), _) => {
            format!("let the password be changed: ALTER USER {role} IDENTIFIED BY …; and correct the URL")
        }
        (Some(Condition::OtherMethod), _) => format!(
            "log in as the account asks for, or let an administrator give it a password of a known kind: ALTER USER {role} \
             IDENTIFIED WITH caching_sha2_password BY …; (MariaDB: IDENTIFIED VIA mysql_native_password USING PASSWORD(…);)"
        ),
        (Some(Condition::MayNotConnect), _) => format!(
            "correct the database of the URL, or let an administrator run: CREATE DATABASE IF NOT EXISTS {database}; GRANT ALL ON \
             {database}.* TO {role};"
        ),
        (_, Class::Authentication) => "check user and password of the URL".to_owned(),
        (_, Class::Tls) => "check ssl-mode and ssl-ca of the URL".to_owned(),
        (_, Class::Privilege) => format!("let an administrator give {role} the right that the message names"),
        (_, Class::NoDatabase) => "create it, or let an account with the right to create it start doorstep once".to_owned(),
        (_, class) => return remedy_of_limit(class),
    })
}

/// What to do about a statement that a limit of the server ended.
pub(crate) fn remedy_of_limit(class: Class) -> Option<String> {
    Some(match class {
        Class::Cancelled => "another session has cancelled the statement (KILL QUERY): start again".to_owned(),
        Class::Limit(Limit::Statement) => {
            "raise the limit (max_statement_time on MariaDB, max_execution_time on MySQL), and start again".to_owned()
        }
        Class::Limit(_) => "raise the limit that the message names, and start again".to_owned(),
        _ => return None,
    })
}

/// Who may create a missing database.
pub(crate) fn creation(role: &str, database: &str) -> String {
    format!(
        "let an administrator run: CREATE DATABASE {database} CHARACTER SET utf8mb4; GRANT ALL ON {database}.* TO {role}; (the \
         grant alone lets the account create it)"
    )
}

/// The same for a scratch database, which has another name each time.
pub(crate) fn remedy_of_scratch(class: Class, role: &str, other: &str) -> String {
    match class {
        Class::Privilege => {
            format!("let an administrator run: GRANT ALL ON `doorstep\\_replay\\_%`.* TO {role}; or {other}")
        }
        _ => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_own_advice() {
        for (condition, class, expected) in [
            (Some(Condition::NotAdmittedPlain), Class::Authentication, "ssl-mode=REQUIRED"),
            (Some(Condition::NotAdmittedPlain), Class::Tls, "VERIFY_IDENTITY"),
            (Some(Condition::HostBlocked), Class::Authentication, "FLUSH HOSTS"),
            (Some(Condition::NoLogin), Class::Authentication, "ALTER USER `app` ACCOUNT UNLOCK"),
            (Some(Condition::PasswordExpired), Class::Authentication, "IDENTIFIED BY"),
            (Some(Condition::OtherMethod), Class::Authentication, "caching_sha2_password"),
            (Some(Condition::MayNotConnect), Class::Privilege, "GRANT ALL ON `shop`.* TO `app`"),
            (None, Class::Authentication, "check user and password"),
        ] {
            let fault = Fault { condition, ..Fault::new(class, "x") };
            let text = remedy(&fault, "`app`", "`shop`").unwrap();
            assert!(text.contains(expected) && !text.contains("PG"), "{text}");
        }
    }
}
