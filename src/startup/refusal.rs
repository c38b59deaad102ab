//! Words what a person can do about a login, a missing database or a statement of doorstep's own that the server refused.

use crate::base::error::Error;
use crate::base::fault::{Class, Condition, Fault, Limit};
use crate::base::plain_name::is_telltale;
use crate::engines::connect::Target;
use crate::sql::dialect::Accounts;
use crate::startup::account_refusal;
use crate::startup::database::NEXT_WITHOUT_PASSWORD;
use crate::startup::setup::Setup;

/// Who wanted to log in, and where.
#[derive(Debug)]
pub(crate) struct Login {
    /// The role of `migrate_role`, quoted.
    acting: Option<String>,
    /// The role, quoted; `None` where the engine has none, as SQLite.
    role: Option<String>,
    /// The database, quoted.
    database: String,
    /// Where the database is, without secrets.
    address: String,
    /// What a login is there.
    accounts: Accounts,
}

impl Login {
    /// The login of a URL. A name that may be a piece of a password is not repeated.
    pub(crate) fn of(target: &Target) -> Self {
        let quoted = |name: &str| match is_telltale(name) {
            true => "…".to_owned(),
            false => target.dialect().identifier(name),
        };
        Self {
            acting: target.acting_role().map(quoted),
            role: target.role().map(quoted),
            database: target.database().map(quoted).unwrap_or_default(),
            address: target.address(),
            accounts: target.dialect().rules().accounts,
        }
    }
}

/// What to do about a login that was refused.
pub(crate) fn remedy(fault: &Fault, login: &Login) -> Option<String> {
    let Login { role, acting, database, address, accounts } = login;
    let Some(role) = role else { return of_file(fault, address) };
    if let (Some(acting), Some(Condition::MayNotSetRole)) = (acting, fault.condition) {
        return Some(format!("let an administrator run: GRANT {acting} TO {role}; or correct migrate_role"));
    }
    if *accounts == Accounts::Hosts {
        return account_refusal::remedy(fault, role, database);
    }
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
        (_, class) => return remedy_of_limit(class, login),
    })
}

/// What to do about a statement of doorstep's own that a limit of the role ended. `ALTER ROLE … IN DATABASE` comes before
/// what is set for the role or for the database alone.
fn remedy_of_limit(class: Class, login: &Login) -> Option<String> {
    let Login { role: Some(role), database, accounts, .. } = login else { return None };
    if *accounts == Accounts::Hosts {
        return account_refusal::remedy_of_limit(class);
    }
    let alter = |parameter, value| format!("ALTER ROLE {role} IN DATABASE {database} SET {parameter} = {value};");
    Some(match class {
        Class::Cancelled | Class::Limit(Limit::Statement) => format!(
            "raise the limit, unless another session has cancelled the statement: {} then start again",
            alter("statement_timeout", "0")
        ),
        Class::Limit(limit @ (Limit::Transaction | Limit::IdleTransaction)) => {
            let parameter = limit.parameter().unwrap_or_default();
            format!("raise the limit: {} then start again", alter(parameter, "0"))
        }
        Class::Limit(Limit::TemporaryFiles) => {
            format!("let a superuser run: {} then start again", alter("temp_file_limit", "-1"))
        }
        Class::Limit(Limit::Configured) => "raise the limit that the message names, and start again".to_owned(),
        _ => return None,
    })
}

/// Adds to the error of a statement what the role can do about it, where the maker of the error did not know the role.
pub(crate) fn advised(error: Error, setup: &Setup) -> Error {
    match error {
        Error::Statement { doing, fault, remedy: None } => {
            let login = setup.database.target().ok().map(|target| Login::of(&target));
            let remedy = login.and_then(|login| remedy_of_limit(fault.class, &login));
            Error::Statement { doing, fault, remedy }
        }
        other => other,
    }
}

/// What to do about a database that was not ready by the deadline.
pub(crate) fn remedy_of_wait(fault: &Fault, login: &Login) -> String {
    let check = match (fault.class, &login.role) {
        _ if fault.condition == Some(Condition::NoPassword) => NEXT_WITHOUT_PASSWORD,
        (Class::Held, _) => "start again when the other process is done",
        (Class::NoDatabase, Some(_)) => "check its name, or create it with a role that may: doorstep migrate",
        (Class::NoDatabase, None) => "check its path, or create it: doorstep migrate",
        _ => "check that address",
    };
    format!("{check}; or give it longer with --wait-timeout (0 = no limit)")
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
        (_, Class::NoDatabase) => "check its path, or create it: doorstep migrate".to_owned(),
        _ => return None,
    })
}

/// What to do about a missing database that could not be created.
pub(crate) fn remedy_of_creation(fault: &Fault, login: &Login) -> String {
    let Login { database, address, accounts, .. } = login;
    // The role that creates it.
    let role = login.acting.as_ref().or(login.role.as_ref());
    let general = || "create it, or correct the URL".to_owned();
    let Some(role) = role else { return of_file(fault, address).unwrap_or_else(general) };
    if *accounts == Accounts::Hosts {
        return match fault.class {
            Class::Privilege => account_refusal::creation(role, database),
            _ => general(),
        };
    }
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
        _ => general(),
    }
}

/// The same for a scratch database, which has another name each time and is dropped at the end: nobody else can create it.
pub(crate) fn remedy_of_scratch(fault: &Fault, login: &Login) -> String {
    let other = "give a URL whose role may, as migrate_url (DOORSTEP_MIGRATE_URL)";
    if login.accounts == Accounts::Hosts {
        return account_refusal::remedy_of_scratch(fault.class, login.role.as_deref().unwrap_or_default(), other);
    }
    match (login.acting.as_ref().or(login.role.as_ref()), fault.condition, fault.class) {
        (None, ..) => "let TMPDIR name a folder that this user can write to".to_owned(),
        (Some(role), Some(Condition::MayNotConnect), _) => format!(
            "let an administrator run: GRANT CONNECT ON DATABASE postgres TO {role}; ALTER ROLE {role} CREATEDB; or {other}"
        ),
        (Some(role), _, Class::Privilege) => {
            format!("let an administrator run: ALTER ROLE {role} CREATEDB; or {other}")
        }
        (Some(role), Some(Condition::NotAdmitted | Condition::NotAdmittedPlain | Condition::OtherMethod), _) => {
            format!("admit {role} to the database postgres in pg_hba.conf; or {other}")
        }
        _ => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(condition: Option<Condition>, class: Class, role: Option<&str>) -> String {
        let fault = Fault { condition, ..Fault::new(class, "x") };
        let login = Login {
            acting: None,
            role: role.map(str::to_owned),
            database: "shop".to_owned(),
            address: "data/".to_owned(),
            accounts: if role.is_some() { Accounts::Roles } else { Accounts::None },
        };
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
        let login = Login {
            acting: None,
            role: Some("app".to_owned()),
            database: "shop".to_owned(),
            address: String::new(),
            accounts: Accounts::Roles,
        };
        let text = remedy_of_creation(&fault, &login);
        assert!(text.contains("GRANT CONNECT ON DATABASE postgres TO app;"), "{text}");
    }
}
