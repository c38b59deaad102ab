//! From a target to a session: each host in turn, with TLS and without as sslmode allows. Also the two statements about
//! databases that are run from another database of the server, CREATE and DROP.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use crate::base::fault::{Class, Condition, Fault};
use crate::base::plain_name::shown;
use crate::engines::ahead::{Ahead, Answers};
use crate::engines::engine::{Engine as _, Probe, ProbeRequest};
use crate::engines::net::login::LoginTask;
use crate::engines::net::tls::TlsMode;
use crate::engines::net::{silent, until_answered};
use crate::engines::postgres::catalog::Postgres;
use crate::engines::postgres::client::Client;
use crate::engines::postgres::client::login::Login;
use crate::engines::postgres::conninfo::{Host, Target};
use crate::engines::postgres::dial::{self, Route};
use crate::engines::postgres::imposed::Imposed;
use crate::engines::postgres::lookalike::{self, VERSION};
use crate::engines::postgres::opening;
use crate::engines::postgres::prepared::Prepared;
use crate::engines::postgres::session::Session;
use crate::engines::postgres::{SQL, sqlstate};

/// How long CREATE and DROP DATABASE may take at least: they copy and delete files.
const MAINTENANCE: Duration = Duration::from_secs(30);

/// Begins to log in to the first host.
pub(crate) fn begin(target: &Target) -> Option<LoginTask<Session>> {
    let (target, host) = (target.clone(), target.hosts.first()?.clone());
    Some(LoginTask::begin(async move { log_in(&target, &host, &target.database).await }))
}

/// One attempt at each host in turn, as libpq does: a refused login ends the round, anything else moves on to the next
/// host. A standby takes no writes, so it moves on too. The login to the first host may have begun.
pub(crate) async fn open(
    target: &Target,
    request: &ProbeRequest,
    mut begun: Option<LoginTask<Session>>,
) -> Result<(Session, Probe), Fault> {
    let mut last = None;
    for host in &target.hosts {
        let fault = match open_once(target, host, request, begun.take()).await {
            Ok(found) => return Ok(found),
            // What was only read ahead must not keep a start from its server.
            Err((fault, true)) if fault.class == Class::Unreachable => {
                let alone = ProbeRequest { ahead: Ahead::default(), ..request.clone() };
                match open_once(target, host, &alone, None).await {
                    Ok(found) => return Ok(found),
                    Err((fault, _)) => fault,
                }
            }
            Err((fault, _)) => fault,
        };
        if fault.class == Class::Authentication {
            return Err(fault);
        }
        // An error that a server sent says more than the silence of another one.
        if last.as_ref().is_none_or(|last: &Fault| weight(fault.class) >= weight(last.class)) {
            last = Some(fault);
        }
    }
    Err(last.unwrap_or_else(|| Fault::new(Class::Config, "no host is named")))
}

/// One attempt at a host, to which the login may have begun; a fault with whether the server had begun to answer the opening message.
async fn open_once(
    target: &Target,
    host: &Host,
    request: &ProbeRequest,
    begun: Option<LoginTask<Session>>,
) -> Result<(Session, Probe), (Fault, bool)> {
    let has_probed = Cell::new(false);
    let attempt = async {
        let mut session = match begun {
            Some(login) => login.done().await?,
            None => log_in(target, host, &target.database).await?,
        };
        let probe = probe(&mut session, request, &has_probed).await?;
        Ok((session, probe))
    };
    let found = until_answered(target.connect_timeout, &has_probed, attempt).await;
    found.map_err(|fault| (fault, has_probed.get()))
}

/// Asks the opening message of a session. A server that is only similar to PostgreSQL may not know all that it asks: then the probe
/// alone.
async fn probe(session: &mut Session, request: &ProbeRequest, has_probed: &Cell<bool>) -> Result<Probe, Fault> {
    let query = Postgres.probe(request);
    let mut asked = opening::ask(session, request, has_probed).await;
    if asked.as_ref().is_err_and(|fault| fault.class == Class::Statement) {
        asked = session.run(query.sql.clone().unwrap_or_default()).await.map(|rows| (rows, Answers::default()));
    }
    let (rows, ahead) = match asked {
        Ok(answers) => answers,
        Err(fault) if fault.class == Class::Statement => {
            let version = session.send(VERSION.to_owned()).await.unwrap_or_default();
            return Err(lookalike::of_probe(&version).map_or(fault.clone(), |it| it.unreadable(fault.clone())));
        }
        Err(fault) => return Err(fault),
    };
    session.lookalike = lookalike::of_probe(&rows);
    Ok(Probe { ahead, ..query.read(rows)? })
}

/// How much a fault says about what to do, for the choice among several hosts.
fn weight(class: Class) -> u8 {
    match class {
        Class::Unreachable => 0,
        Class::Busy | Class::ReadOnly => 1,
        Class::Starting => 2,
        Class::NoDatabase => 3,
        _ => 4,
    }
}

/// Creates the target's database, from the maintenance database as `createdb` does. It is no error if another replica
/// was faster.
pub(crate) async fn create_database(target: &Target) -> Result<(), Fault> {
    if target.database_is_default {
        let text =
            format!("the URL names no database, and there is none called {} like the user", shown(&target.database));
        return Err(Fault::new(Class::Config, text));
    }
    match maintain(target, format!("CREATE DATABASE {}", SQL.identifier(&target.database))).await {
        Err(fault) if fault.condition == Some(Condition::AlreadyExists) => Ok(()),
        created => created,
    }
}

/// Drops a database that doorstep has created, even if a backend of an earlier connection has not noticed its end.
pub(crate) async fn drop_scratch(target: &Target) -> Result<(), Fault> {
    match maintain(target, format!("DROP DATABASE {} WITH (FORCE)", SQL.identifier(&target.database))).await {
        Err(fault) if fault.class == Class::NoDatabase => Ok(()),
        dropped => dropped,
    }
}

/// Runs a statement about databases, in one that every server has.
async fn maintain(target: &Target, sql: String) -> Result<(), Fault> {
    let timeout = target.connect_timeout.max(MAINTENANCE);
    let mut last = Fault::new(Class::NoDatabase, "there is no database to create another one from");
    for host in &target.hosts {
        for maintenance in ["postgres", "template1"] {
            let attempt = async {
                let mut session = log_in(target, host, maintenance).await?;
                if let Some(lookalike) = lookalike::of_probe(&session.send(VERSION.to_owned()).await?) {
                    return Err(lookalike.fault());
                }
                let done = session.send(sql.clone()).await.map(drop);
                session.client.close().await;
                done
            };
            match tokio::time::timeout(timeout, attempt).await.unwrap_or_else(|_| Err(silent(timeout))) {
                Ok(()) => return Ok(()),
                Err(fault) if fault.class == Class::NoDatabase => last = fault,
                // Not this host; perhaps the next one.
                Err(fault) if matches!(fault.class, Class::Unreachable | Class::Starting | Class::ReadOnly) => {
                    last = fault;
                    break;
                }
                // Another session is connected to the database that would be copied: the next attempt may succeed.
                Err(fault) if fault.code.as_deref() == Some(sqlstate::OBJECT_IN_USE) => {
                    return Err(Fault { class: Class::Busy, ..fault });
                }
                Err(fault) => return Err(fault),
            }
        }
    }
    Err(last)
}

/// Logs in once more where a session is open, with a new password where a command gives it.
pub(crate) async fn log_in_beside(route: &Route) -> Result<Session, Fault> {
    let target = route.target.with_new_password().await?;
    log_in(&target, &route.host, &target.database).await
}

/// Connects and logs in, with TLS and without as sslmode allows (PostgreSQL manual 34.19, table 34.1).
async fn log_in(target: &Target, host: &Host, database: &str) -> Result<Session, Fault> {
    let (first, second) = match target.tls.mode {
        _ if host.is_socket() => (false, None),
        TlsMode::Disable => (false, None),
        TlsMode::Allow => (false, Some(true)),
        TlsMode::Prefer => (true, Some(false)),
        TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => (true, None),
    };
    let route = |encrypted| Route { target: target.clone(), host: host.clone(), encrypted };
    match (log_in_once(route(first), database).await, second) {
        // pg_hba.conf may have a line for the other kind of connection only.
        (Err(fault), Some(other))
            if fault.class == Class::Tls || fault.code.as_deref() == Some(sqlstate::INVALID_AUTHORIZATION) =>
        {
            log_in_once(route(other), database).await
        }
        (Err(fault), None)
            if fault.condition == Some(Condition::NotAdmitted) && target.tls.mode == TlsMode::Disable =>
        {
            let condition = if host.is_socket() { Condition::NotAdmitted } else { Condition::NotAdmittedPlain };
            Err(Fault { condition: Some(condition), ..fault })
        }
        (result, _) => result,
    }
}

async fn log_in_once(route: Route, database: &str) -> Result<Session, Fault> {
    let connection = dial::dial(&route).await?;
    let password = route.target.password_for(&route.host, database);
    let login = Login {
        user: &route.target.user,
        database,
        password: password.as_ref(),
        application_name: &route.target.application_name,
        options: route.target.options.as_deref(),
        acting_role: route.target.acting_role.as_deref(),
        binding: route.target.binding,
        require_auth: route.target.require_auth.as_ref(),
    };
    let client = Client::log_in(connection, &login).await?;
    Ok(Session {
        client,
        route: Arc::new(route),
        locks: Vec::new(),
        imposed: Imposed::default(),
        in_file: false,
        unsettled: false,
        is_own: false,
        lookalike: None,
        backend: None,
        prepared: Prepared::default(),
        lifted: Vec::new(),
    })
}
