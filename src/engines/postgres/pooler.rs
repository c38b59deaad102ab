//! Poolers: in session mode they are as good as a server, in transaction mode a session lock is worth nothing.

use crate::base::fault::{Class, Fault};
use crate::engines::postgres::{Session, login, number};

impl Session {
    /// Behind a pooler that gives each transaction another backend, a session lock excludes nobody and is
    /// left behind. A pooler shows by its made-up process id; its mode by a second session, which then
    /// finds the backend that should be ours.
    pub(crate) async fn refuse_transaction_pooling(&mut self, backend: u32) -> Result<(), Fault> {
        if self.wire.backend() == Some(backend) {
            return Ok(());
        }
        let way = self.way.clone();
        let pid = "SELECT pg_catalog.pg_backend_pid()";
        let mut others = Vec::new();
        let mut pooled = way.target.pgbouncer;
        for _ in 0..3 {
            // In a transaction it keeps its backend, so that ours, if shared, must be another one now.
            let second = async {
                let mut other = login(&way.target, &way.host, &way.target.database).await?;
                let theirs = other.send(format!("BEGIN; {pid}")).await?;
                Ok((other, theirs))
            };
            // No backend left for it: then ours is really kept for us.
            let Ok(second) = tokio::time::timeout(way.target.connect_timeout, second).await else { break };
            let (other, theirs) = second?;
            let ours = self.send(pid.to_owned()).await?;
            pooled |= number(&theirs) == Some(backend) || number(&ours) != Some(backend);
            others.push(other);
            if pooled {
                break;
            }
        }
        for other in others {
            crate::engines::session::Session::close(Box::new(other)).await;
        }
        match pooled {
            false => Ok(()),
            true => Err(Fault::new(
                Class::Config,
                "a pooler in transaction mode stands between doorstep and the server, where a session lock means nothing\n\
                 next: give a URL that leads to the server itself as migrate_url (Prisma's directUrl)",
            )),
        }
    }
}
