//! Words what a person can do about a login, or a missing database, that the server refused for good.

use crate::base::fault::{Class, Condition, Fault};
use crate::base::plain_name::is_telltale;
use crate::engines::connect::Target;

/// Who wanted to log in, and where.
#[derive(Debug)]
pub(crate) struct Login {
    /// The role, quoted; `None` where the engine has none, as SQLite.
    role: Option<String>,
    /// The database, quoted.
    database: String,
    /// Where the database is, without secrets.
    address: String,
}

impl Login {
    /// The login of a URL. A name that may be a piece of a password is not repeated.
    pub(crate) fn of(target: &Target) -> Self {
        let quoted = |name: &str| match is_telltale(name) {
            true => "…".to_owned(),
            false => target.dialect().identifier(name),
        };
        Self {
            role: target.role().map(quoted),
            database: target.database().map(quoted).unwrap_or_default(),
            address: target.address(),
        }
    }
}

/// What to do about a login that was refused.
pub(crate) fn remedy(fault: &Fault, login: &Login) -> Option<String> {
    let Login { role, database, address } = login;
    let Some(role) = role else { return of_file(fault, address) };
    let hba = format!("let the server's administrator add a line for {role} and {database} to pg_hba.conf");
    Some(match (fault.condition, fault.class) {
        (Some(Condition::NotAdmittedPlain), _) => {
            format!("encrypt the connection: sslmode=require in the URL (or PGSSLMODE=require); or {hba}")
        }
        (Some(Condition::NotAdmitted), _) => {
            format!("{hba}; or give sslcert and sslkey in the URL, if the server asks for a client certificate")
        }
        (Some(Condition::OtherMethod), _) => format!(
            "log in as pg_hba.conf asks for (peer and ident want the system's user to be called {role}; cert wants \
             sslcert and sslkey), or let the server's administrator admit a password there"
        ),
        (Some(Condition::NoLogin), _) => format!(
            "correct the user of the URL (or PGUSER), or let an administrator run: CREATE ROLE {role} LOGIN; \
             (if it exists: ALTER ROLE {role} LOGIN;)"
        ),
        (Some(Condition::MayNotConnect), _) => {
            format!("let the owner of the database run: GRANT CONNECT ON DATABASE {database} TO {role};")
        }
        (Some(Condition::ClosedDatabase), _) => {
            format!(
                "correct the database of the URL, or let its owner run: ALTER DATABASE {database} ALLOW_CONNECTIONS true;"
            )
        }
        (_, Class::Authentication) => "check user and password of the URL (or PGUSER, PGPASSWORD)".to_owned(),
        (_, Class::Tls) => "check sslmode and sslrootcert of the URL (or PGSSLMODE, PGSSLROOTCERT)".to_owned(),
        (_, Class::Privilege) => format!("let an administrator give {role} the right that the message names"),
        (_, Class::NoDatabase) => "create it, or let a role with CREATEDB start doorstep once".to_owned(),
        _ => return None,
    })
}

/// What to do about the file of an SQLite database that cannot be used.
fn of_file(fault: &Fault, address: &str) -> Option<String> {
    Some(match (fault.condition, fault.class) {
        (Some(Condition::IsDirectory), _) => {
            format!("name a file in the URL, such as file:{}/app.db", address.trim_end_matches('/'))
        }
        (Some(Condition::NoDatabaseFile), _) => {
            "point the URL at the SQLite database; this file is another one, or it is encrypted".to_owned()
        }
        (_, Class::Privilege) => {
            "let this user read and write the file and its directory (chmod, chown, or the volume's options)".to_owned()
        }
        (_, Class::NoDatabase) => "check its path; doorstep run creates it".to_owned(),
        _ => return None,
    })
}

/// What to do about a missing database that could not be created.
pub(crate) fn remedy_of_creation(fault: &Fault, login: &Login) -> String {
    let Login { role, database, .. } = login;
    let Some(role) = role else { return "create it, or correct the URL".to_owned() };
    match (fault.condition, fault.class) {
        // It is created from the database postgres, as createdb does.
        (Some(Condition::MayNotConnect), _) => format!(
            "let an administrator create it: CREATE DATABASE {database} OWNER {role}; \
             or allow the role to: GRANT CONNECT ON DATABASE postgres TO {role}; ALTER ROLE {role} CREATEDB;"
        ),
        (_, Class::Privilege) => format!(
            "let an administrator create it: CREATE DATABASE {database} OWNER {role}; \
             or allow the role to: ALTER ROLE {role} CREATEDB;"
        ),
        (Some(Condition::NotAdmitted | Condition::NotAdmittedPlain | Condition::OtherMethod), _) => format!(
            "let an administrator create it: CREATE DATABASE {database} OWNER {role}; \
             or admit {role} to the database postgres in pg_hba.conf"
        ),
        _ => "create it, or correct the URL".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(condition: Option<Condition>, class: Class, role: Option<&str>) -> String {
        let fault = Fault { condition, ..Fault::new(class, "x") };
        let login = Login { role: role.map(str::to_owned), database: "shop".to_owned(), address: "data/".to_owned() };
        remedy(&fault, &login).unwrap_or_default()
    }

    #[test]
    fn each_refusal_has_its_own_advice() {
        let app = Some("app");
        for (condition, class, role, expected) in [
            (Some(Condition::NotAdmittedPlain), Class::Authentication, app, "sslmode=require"),
            (Some(Condition::NotAdmitted), Class::Authentication, app, "a line for app and shop to pg_hba.conf"),
            (Some(Condition::OtherMethod), Class::Authentication, app, "peer"),
            (Some(Condition::NoLogin), Class::Authentication, app, "ALTER ROLE app LOGIN;"),
            (Some(Condition::MayNotConnect), Class::Privilege, app, "GRANT CONNECT ON DATABASE shop TO app;"),
            (Some(Condition::ClosedDatabase), Class::Statement, app, "ALTER DATABASE shop ALLOW_CONNECTIONS true;"),
            (None, Class::Authentication, app, "check user and password"),
            (Some(Condition::IsDirectory), Class::Config, None, "file:data/app.db"),
            (None, Class::Privilege, None, "read and write the file"),
        ] {
            let text = of(condition, class, role);
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn a_missing_database_is_not_blamed_on_createdb_where_the_role_may_not_even_connect() {
        let fault = Fault { condition: Some(Condition::MayNotConnect), ..Fault::new(Class::Privilege, "x") };
        let login = Login { role: Some("app".to_owned()), database: "shop".to_owned(), address: String::new() };
        let text = remedy_of_creation(&fault, &login);
        assert!(text.contains("GRANT CONNECT ON DATABASE postgres TO app;"), "{text}");
    }
}
