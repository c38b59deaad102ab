//! [`Target`] as the [`Endpoint`] that callers open.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::base::error::Error;
use crate::base::fault::Fault;
use crate::base::password_command::PasswordCommand;
use crate::engines::endpoint::{Endpoint, PendingLogin};
use crate::engines::engine::{Engine, Probe, ProbeRequest};
use crate::engines::net::login::LoginTask;
use crate::engines::postgres::catalog::Postgres;
use crate::engines::postgres::{self, Target, login, trace};
use crate::engines::session::{Session, Work};
use crate::engines::trace::Trace;

/// A login to the first host of the target.
struct Pending {
    target: Target,
    login: LoginTask<postgres::session::Session>,
}

impl PendingLogin for Pending {
    fn ended(&mut self) -> Pin<Box<dyn Future<Output = ()> + '_>> {
        Box::pin(self.login.ended())
    }

    fn open<'a>(self: Box<Self>, request: &'a ProbeRequest) -> Work<'a, (Box<dyn Session>, Probe)> {
        Box::pin(async move { open(&self.target, request, Some(self.login)).await })
    }

    fn end(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async {
            if let Some(session) = self.login.unneeded().await {
                session.client.close().await;
            }
        })
    }
}

async fn open(
    target: &Target,
    request: &ProbeRequest,
    begun: Option<LoginTask<postgres::session::Session>>,
) -> Result<(Box<dyn Session>, Probe), Fault> {
    let (session, probe) = login::open(target, request, begun).await.map_err(|fault| target.conceal(fault))?;
    Ok((Box::new(session), probe))
}

impl Endpoint for Target {
    fn engine(&self) -> &'static dyn Engine {
        &Postgres
    }

    fn address(&self) -> String {
        Self::address(self)
    }

    fn trace(&self, limit: Duration) -> Pin<Box<dyn Future<Output = Trace> + '_>> {
        Box::pin(trace::trace(self, limit))
    }

    fn open<'a>(&'a self, request: &'a ProbeRequest) -> Work<'a, (Box<dyn Session>, Probe)> {
        Box::pin(async move {
            let target = self.with_new_password().await?;
            open(&target, request, None).await
        })
    }

    fn begin_login(&self) -> Option<Box<dyn PendingLogin>> {
        Some(Box::new(Pending { target: self.clone(), login: login::begin(self)? }))
    }

    fn create_database(&self) -> Work<'_, ()> {
        Box::pin(async {
            let target = self.with_new_password().await?;
            login::create_database(&target).await.map_err(|fault| target.conceal(fault))
        })
    }

    fn scratch(&self, name: &str) -> Arc<dyn Endpoint> {
        Arc::new(Self::scratch(self, name))
    }

    fn drop_scratch(&self) -> Work<'_, ()> {
        Box::pin(async { login::drop_scratch(&*self.with_new_password().await?).await })
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

    fn with_password_command(&self, command: &PasswordCommand) -> Result<Arc<dyn Endpoint>, Error> {
        Ok(Arc::new(Self::with_password_command(self, command)?))
    }

    fn with_role(&self, role: &str) -> Result<Arc<dyn Endpoint>, Error> {
        Ok(Arc::new(Self::with_role(self, role)))
    }

    fn with_schema(&self, schema: &str, path: &[String]) -> Result<Arc<dyn Endpoint>, Error> {
        let mut target = self.clone();
        (target.schema, target.path) = (Some(schema.to_owned()), path.to_vec());
        Ok(Arc::new(target))
    }

    fn acting_role(&self) -> Option<&str> {
        self.acting_role.as_deref()
    }

    fn acting_options(&self) -> Option<(&'static str, String)> {
        Self::acting_options(self).map(|options| ("PGOPTIONS", options))
    }

    fn password_variable(&self) -> Option<&'static str> {
        Some("PGPASSWORD")
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }
}
