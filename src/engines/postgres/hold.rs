//! A session that holds the lock while it is idle, because a child process does the work: the limits of time that would
//! end it, whether it is still there, and the mark for other doorsteps.

use std::sync::Arc;

use crate::base::fault::{Class, Fault};
use crate::engines::net::silent;
use crate::engines::postgres::catalog::peer;
use crate::engines::postgres::login::log_in_beside;
use crate::engines::postgres::pooler::{BACKEND, number};
use crate::engines::postgres::session::{Session, is_true};
use crate::engines::postgres::{SQL, queries};
use crate::engines::session::{ChildMark, LockKey};
use crate::sql::Row;

/// The settings that end an idle session or its statements; a server has some of them (14, 9.6, always, 17).
const LIMITS: [&str; 4] =
    ["idle_session_timeout", "idle_in_transaction_session_timeout", "statement_timeout", "transaction_timeout"];

impl Session {
    /// Sets the limits to 0 for this session. Every role may: they are settings of the user context. A server that refuses
    /// all the same is said to, and the lock is held as it is.
    pub(crate) async fn lift_limits(&mut self) -> Result<(), Fault> {
        let names = LIMITS.map(|name| SQL.literal(name)).join(", ");
        let lifted = self.run(format!(
            "SELECT name, pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings \
             WHERE name IN ({names}) AND setting <> '0'"
        ));
        match lifted.await {
            Ok(rows) => self.lifted.extend(rows.into_iter().filter_map(|row: Row| row.into_iter().next().flatten())),
            Err(fault) if fault.class.is_transient() => return Err(fault),
            Err(fault) => tracing::warn!(
                phase = "migrate",
                event = "limits",
                "the limits of time of the session that holds the migration lock could not be lifted, so it may end \
                 early: {fault}"
            ),
        }
        Ok(())
    }

    /// Scripts run with the limits of their role again.
    pub(crate) async fn restore_limits(&mut self) -> Result<(), Fault> {
        let names = std::mem::take(&mut self.lifted);
        if names.is_empty() {
            return Ok(());
        }
        let reset: Vec<String> = names.iter().map(|name| format!("RESET {}", SQL.identifier(name))).collect();
        self.send(reset.join("; ")).await.map(drop)
    }

    /// Whether the same backend answers as took the lock. An error of the statement is an answer, too.
    pub(crate) async fn check_backend(&mut self) -> Result<(), Fault> {
        match self.send(BACKEND.to_owned()).await {
            Ok(rows) if self.backend.is_none() || number(&rows) == self.backend => Ok(()),
            Ok(_) => {
                Err(Fault::new(Class::Unreachable, "another backend answers: the session that held the lock has ended"))
            }
            Err(fault) if fault.class.is_transient() => Err(fault),
            Err(_) => Ok(()),
        }
    }

    /// A second session, on the same server, that holds a lock of its own.
    pub(crate) async fn mark(&self, key: LockKey) -> Result<ChildMark, Fault> {
        // A pooler invents the process id that the login reports; its pool may have one session only.
        if self.client.cancel_key().map(|key| key.process_id()) != self.backend {
            return Ok(ChildMark::Unavailable);
        }
        let route = Arc::clone(&self.route);
        let attempt = async {
            let mut session = log_in_beside(&route).await?;
            session.lift_limits().await?;
            let held = session.send(format!("SELECT pg_catalog.pg_try_advisory_lock({})", key.number)).await?;
            if is_true(&held) {
                return Ok(ChildMark::Set(Box::new(session)));
            }
            let holder = session.send(queries::holder(key.number)).await?.first().map(peer);
            session.client.close().await;
            Ok(ChildMark::Taken(holder))
        };
        let timeout = self.route.target.connect_timeout;
        tokio::time::timeout(timeout, attempt).await.unwrap_or_else(|_| Err(silent(timeout)))
    }
}
