//! Asks for the facts: tries the way, opens a session, and asks the server about itself. Every step is tried once, within a limit of
//! time, and none of them writes.

use std::future::Future;
use std::time::Duration;

use crate::base::fault::{Class, Fault};
use crate::base::log::seconds;
use crate::base::plain_name::{NOT_SHOWN, is_telltale};
use crate::engines::connect::Target;
use crate::engines::engine::{Probe, ProbeRequest, Query};
use crate::engines::inspector::RoleFacts;
use crate::engines::peer::Peer;
use crate::engines::session::{LockKey, Session};
use crate::engines::trace::{FileState, HostTrace, TlsOutcome, Trace};
use crate::inspect::doctor::facts::{Answer, LoggedIn, ServerAnswers};

/// How much longer than the server doorstep waits for an answer: the server's own limit leaves the session usable.
const MARGIN: Duration = Duration::from_secs(1);

/// Limits of time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How long each part may take.
    pub(crate) part: Duration,
    /// A transaction that is open for this long is listed.
    pub(crate) transaction: Duration,
}

/// A session, and what is known about it.
pub(crate) struct Opened {
    pub(crate) session: Box<dyn Session>,
    pub(crate) probe: Probe,
    /// Why a start would not have got it.
    read_only: Option<Fault>,
}

impl Opened {
    /// What to report of it.
    pub(crate) fn facts(&self) -> LoggedIn {
        LoggedIn {
            facts: self.session.login(),
            server: self.probe.server.clone(),
            role: shown(&self.probe.role),
            read_only: self.read_only.clone(),
        }
    }
}

/// Logs in, once. Where the server takes no writes, a second time, as somebody who only reads.
///
/// # Errors
/// Why there is no session.
pub(crate) async fn log_in(target: &Target, request: &ProbeRequest, limit: Duration) -> Result<Opened, Fault> {
    match within(limit, target.open(request)).await {
        Ok((session, probe)) => Ok(Opened { session, probe, read_only: None }),
        Err(fault) if fault.class == Class::ReadOnly => {
            let reading = ProbeRequest { only_reads: true, ..request.clone() };
            let (session, probe) = within(limit, target.open(&reading)).await?;
            Ok(Opened { session, probe, read_only: Some(fault) })
        }
        Err(fault) => Err(fault),
    }
}

/// Whether a login can be tried at the end of this way.
pub(crate) fn leads_to_login(way: &Trace) -> bool {
    let is_open = |host: &HostTrace| {
        let answers = host.contacts.iter().any(|contact| contact.result.is_ok());
        let is_refused = matches!(host.tls.outcome, TlsOutcome::Failed(..)) && !host.tls.is_optional;
        answers && !is_refused
    };
    match way {
        Trace::Hosts(hosts) => hosts.iter().any(is_open),
        Trace::File(file) => matches!(file.state, FileState::Present { .. }),
    }
}

/// Asks the server about itself, and about the tables of these schemas. Afterwards the session refuses to write, where the engine
/// can do that.
pub(crate) async fn server(
    session: &mut dyn Session,
    schemas: &[String],
    keys: &[LockKey],
    Limits { part: limit, transaction: long }: Limits,
) -> ServerAnswers {
    let inspector = session.engine().inspector();
    let pooling = match within(limit * 2, session.pooling()).await {
        Ok(Some(pooling)) => Answer::Told(pooling),
        Ok(None) => Answer::Nothing(None),
        Err(fault) => Answer::Refused(fault),
    };
    if let Err(fault) = within(limit, session.only_read(limit)).await {
        tracing::debug!(phase = "doctor", event = "writable", "the session cannot be kept from writing: {fault}");
    }
    let role = match ask(session, inspector.role(), limit).await {
        Answer::Told(role) => Answer::Told(RoleFacts { name: shown(&role.name), ..role }),
        other => other,
    };
    ServerAnswers {
        pooling,
        role,
        rights: ask(session, inspector.rights(schemas), limit).await,
        connections: ask(session, inspector.connections(), limit).await,
        transactions: ask(session, inspector.transactions(long), limit).await,
        table_locks: ask(session, inspector.table_locks(schemas), limit).await,
        lock_holder: holder(session, keys, limit).await,
        encryption: ask(session, inspector.encryption(), limit).await,
        journal: ask(session, inspector.journal(), limit).await,
    }
}

async fn ask<T: 'static>(session: &mut dyn Session, query: Option<Query<T>>, limit: Duration) -> Answer<T> {
    let Some(query) = query else { return Answer::Nothing(None) };
    match within(limit + MARGIN, session.ask(query)).await {
        Ok(told) => Answer::Told(told),
        Err(fault) => Answer::Refused(fault),
    }
}

/// Who holds one of the migration locks.
async fn holder(session: &mut dyn Session, keys: &[LockKey], limit: Duration) -> Answer<Option<Peer>> {
    for key in keys {
        match within(limit + MARGIN, session.lock_holder(*key)).await {
            Ok(None) => {}
            Ok(held) => return Answer::Told(held),
            Err(fault) => return Answer::Refused(fault),
        }
    }
    Answer::Told(None)
}

/// Awaits one step at most this long.
///
/// # Errors
/// Those of the step, and that it gave no answer.
pub(crate) async fn within<T>(limit: Duration, step: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let late = || Fault::new(Class::Unreachable, format!("no answer within {}", seconds(limit)));
    tokio::time::timeout(limit, step).await.unwrap_or_else(|_| Err(late()))
}

/// A name as messages may show it.
pub(crate) fn shown(name: &str) -> String {
    // An account of MySQL is a user and a host.
    let user = name.rsplit_once('@').map_or(name, |(user, _)| user);
    if is_telltale(user) { NOT_SHOWN.to_owned() } else { name.to_owned() }
}
