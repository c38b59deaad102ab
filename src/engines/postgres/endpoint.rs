//! [`Target`] as the [`Endpoint`] that callers open.

use std::sync::Arc;

use crate::engines::endpoint::Endpoint;
use crate::engines::engine::{Engine, Probe, ProbeRequest};
use crate::engines::postgres::catalog::Postgres;
use crate::engines::postgres::{Target, login};
use crate::engines::session::{Session, Work};

impl Endpoint for Target {
    fn engine(&self) -> &'static dyn Engine {
        &Postgres
    }

    fn address(&self) -> String {
        Self::address(self)
    }

    fn open<'a>(&'a self, request: &'a ProbeRequest) -> Work<'a, (Box<dyn Session>, Probe)> {
        Box::pin(async move {
            let (session, probe) = login::open(self, request).await.map_err(|fault| self.conceal(fault))?;
            Ok((Box::new(session) as Box<dyn Session>, probe))
        })
    }

    fn create_database(&self) -> Work<'_, ()> {
        Box::pin(async { login::create_database(self).await.map_err(|fault| self.conceal(fault)) })
    }

    fn scratch(&self, name: &str) -> Arc<dyn Endpoint> {
        Arc::new(Self::scratch(self, name))
    }

    fn drop_scratch(&self) -> Work<'_, ()> {
        Box::pin(login::drop_scratch(self))
    }

    fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    fn role(&self) -> Option<&str> {
        Some(&self.user)
    }

    fn database(&self) -> Option<&str> {
        Some(&self.database)
    }

    fn secrets(&self) -> Vec<String> {
        Self::secrets(self)
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
