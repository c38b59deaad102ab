//! Poolers: in session mode one works like a server, in transaction mode a session lock excludes nothing.

use std::sync::Arc;
use std::time::Duration;

use crate::base::fault::{Class, Fault};
use crate::engines::inspector::Pooling;
use crate::engines::postgres::client::CancelKey;
use crate::engines::postgres::login::log_in_beside;
use crate::engines::postgres::session::Session;
use crate::sql::Row;

/// How many other sessions are opened to find a shared backend.
const PROBES: usize = 3;

/// How long to wait for an answer before the other session ends its transaction.
const TURN: Duration = Duration::from_secs(1);

pub(crate) const BACKEND: &str = "SELECT pg_catalog.pg_backend_pid()";

impl Session {
    /// Whether the process id of the login is an invented one, as a pooler does.
    pub(crate) async fn is_behind_pooler(&mut self) -> Result<bool, Fault> {
        let login = self.client.cancel_key().map(CancelKey::process_id);
        let backend = number(&self.send(BACKEND.to_owned()).await?);
        Ok(backend != login)
    }

    /// What stands between the session and its server.
    pub(crate) async fn find_pooling(&mut self) -> Result<Pooling, Fault> {
        if !self.is_behind_pooler().await? {
            return Ok(Pooling::None);
        }
        let backend = number(&self.send(BACKEND.to_owned()).await?).unwrap_or_default();
        Ok(match self.shares_backends(backend).await? {
            true => Pooling::OfTransactions,
            false => Pooling::OfSessions,
        })
    }

    /// Behind a pooler that gives each transaction another backend, a session lock excludes nothing and is left on the
    /// backend. A pooler is recognized by the process id that it invents for the login, before this is called; its mode by a second session,
    /// which then runs on the backend that this session should have for itself.
    pub(crate) async fn refuse_transaction_pooling(&mut self, backend: u32) -> Result<(), Fault> {
        match self.shares_backends(backend).await? {
            false => Ok(()),
            true => Err(Fault::new(
                Class::Config,
                "a pooler in transaction mode stands between doorstep and the server, where a session lock means nothing\n\
                 next: give a URL that leads to the server itself as migrate_url (Prisma's directUrl)",
            )),
        }
    }

    /// Whether another session runs on the backend that was this one's.
    async fn shares_backends(&mut self, backend: u32) -> Result<bool, Fault> {
        let route = Arc::clone(&self.route);
        let mut others = Vec::new();
        let mut pooled = route.target.pgbouncer;
        for _ in 0..PROBES {
            // In a transaction the other session keeps its backend, so a shared one is now missing here.
            let second = async {
                let mut other = log_in_beside(&route).await?;
                let theirs = other.send(format!("BEGIN; {BACKEND}")).await?;
                Ok((other, theirs))
            };
            // The pooler has no backend left for it: so this session's is reserved.
            let Ok(second) = tokio::time::timeout(route.target.connect_timeout, second).await else { break };
            let (other, theirs) = second?;
            let mut other = Some(other);
            let ours = {
                let mut asked = std::pin::pin!(self.send(BACKEND.to_owned()));
                match tokio::time::timeout(TURN, &mut asked).await {
                    Ok(ours) => ours?,
                    // The only backend of the pool may be the one that the other session has in its transaction.
                    Err(_) => {
                        if let Some(other) = other.take() {
                            other.client.close().await;
                        }
                        asked.await?
                    }
                }
            };
            let (ours, theirs) = (number(&ours), number(&theirs));
            pooled |= theirs == Some(backend) || ours != Some(backend) || ours == theirs;
            others.extend(other);
            if pooled {
                break;
            }
        }
        for other in others {
            other.client.close().await;
        }
        Ok(pooled)
    }
}

/// The first value of the first row, as a number.
pub(crate) fn number(rows: &[Row]) -> Option<u32> {
    rows.first()?.first()?.as_ref()?.parse().ok()
}
