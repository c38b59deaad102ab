//! One connected start: the session, what its first query found, the history, and how long each step took.
//!
//! The pipeline and every command that needs the database work on it. [`Setup`] is what was known before.

use std::pin::Pin;
use std::time::Duration;

use crate::base::error::Error;
use crate::base::log::{millis, number, seconds};
use crate::base::progress::Phase;
use crate::base::signal::Stop;
use crate::engines::ahead::TypesRead;
use crate::engines::session::{Probe, ProbeRequest, Session};
use crate::finding::Severity;
use crate::migrate::history::History;
use crate::startup::setup::Setup;
use crate::startup::tenants::refuse;
use crate::startup::wait::{self, Connected};
use crate::verify::ahead::ReadAhead;
use crate::verify::desired::DesiredState;
use crate::verify::rights::Service;
use crate::verify::{self, DatabaseComparison};

/// A start with its session. The caller that opens it closes the session.
pub(crate) struct Start<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) stop: &'a Stop,
    pub(crate) session: Box<dyn Session>,
    pub(crate) probe: Probe,
    /// The folder, and its history once [`Start::read_history`] has read it; `None` without a folder.
    pub(crate) history: Option<History>,
    /// The names that were pending when the lock was taken, for hooks; `None` where they are not known.
    pub(crate) pending: Option<Vec<String>>,
    /// What was answered before it is asked.
    pub(crate) ahead: ReadAhead,
    pub(crate) report: Report,
}

/// How long each step took, and how many migrations were applied.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) wait: Duration,
    pub(crate) schemas: Duration,
    pub(crate) migrate: Duration,
    pub(crate) verify: Duration,
    pub(crate) applied: usize,
    /// Of how many schemas, where `schemas_from` is set.
    pub(crate) tenants: Option<usize>,
}

/// The folder, which is read meanwhile.
pub(crate) type Folder<'a> = Pin<Box<dyn Future<Output = Result<Option<History>, Error>> + 'a>>;

impl<'a> Start<'a> {
    /// Waits for a database that exists already, and reads the folder meanwhile. With `verifies`, also the catalog is read that the
    /// desired state will most likely be compared with.
    ///
    /// # Errors
    /// As [`wait::until_ready`], and those of `folder`.
    pub(crate) async fn open(
        setup: &'a Setup,
        stop: &'a Stop,
        verifies: bool,
        folder: Folder<'_>,
    ) -> Result<Self, Error> {
        let wanted = setup.opening_request(verifies.then_some(TypesRead::All));
        let ready = async {
            let ready = wait::until_ready(setup, setup.settings.patience, &wanted, false, true);
            let Connected { mut session, mut probe, .. } = ready.await?;
            let mut ahead = ReadAhead::of(wanted.ahead.clone(), &mut probe);
            ahead.read_catalog(session.as_mut()).await;
            Ok((session, probe, ahead))
        };
        let ((session, probe, ahead), history) = wait::beside(ready, folder, |(session, ..)| session).await?;
        Ok(Self { setup, stop, session, probe, history, pending: None, ahead, report: Report::default() })
    }

    /// Probes the database again: schemas and the history table may have appeared since. What was read ahead is outdated then.
    pub(crate) async fn probe_again(&mut self) -> Result<(), Error> {
        self.ahead = ReadAhead::default();
        let probe = self.session.probe(&self.setup.probe_request()).await;
        self.probe = probe.map_err(|fault| refuse::unseen(self.setup, &self.probe, fault))?;
        Ok(())
    }

    /// Reads the history of the folder, if there is a folder.
    pub(crate) async fn read_history(&mut self) -> Result<(), Error> {
        match &mut self.history {
            Some(history) => history.read(self.session.as_mut(), &self.probe, self.ahead.history.take()).await,
            None => Ok(()),
        }
    }

    /// The same, and marks the migration that another process is applying right now.
    pub(crate) async fn read_history_and_running(&mut self) -> Result<(), Error> {
        self.read_history().await?;
        if let Some(history) = &mut self.history {
            history.mark_running(self.session.as_mut(), &self.setup.history_keys(&self.probe)).await;
        }
        Ok(())
    }

    /// Compares the desired state with the database. Findings below `explained` come without their cause.
    pub(crate) async fn compare(
        &mut self,
        desired: &DesiredState,
        explained: Severity,
    ) -> Result<DatabaseComparison, Error> {
        self.setup.tracker.enter(Phase::Verify);
        let service = if desired.is_empty() { None } else { self.service_session().await };
        let (setup, probe, ahead) = (self.setup, &self.probe, std::mem::take(&mut self.ahead));
        let comparison = Comparison { setup, probe, history: self.history.as_ref(), ahead, explained };
        comparison.with(self.session.as_mut(), service, desired).await
    }

    /// A session of the service's account, where that is another one than doorstep's, and only it can tell its rights.
    async fn service_session(&self) -> Option<Service> {
        let setup = self.setup;
        if setup.is_scratch || self.session.engine().own_rights(&[]).is_none() {
            return None;
        }
        let (target, own) = (setup.database.service_target()?, setup.database.target().ok()?);
        if target.role() == own.role() {
            return None;
        }
        Some(target.open(&ProbeRequest::default()).await.map(|(session, _)| session))
    }
}

/// What a comparison goes by, besides the desired state.
pub(crate) struct Comparison<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) probe: &'a Probe,
    /// The folder with its history, to explain findings.
    pub(crate) history: Option<&'a History>,
    pub(crate) ahead: ReadAhead,
    /// Findings below this severity come without their cause.
    pub(crate) explained: Severity,
}

impl Comparison<'_> {
    /// Compares what is desired with what the session finds.
    ///
    /// # Errors
    /// As [`verify::compare_database`].
    pub(crate) fn with<'b>(
        self,
        session: &'b mut dyn Session,
        service: Option<Service>,
        desired: &'b DesiredState,
    ) -> Pin<Box<dyn Future<Output = Result<DatabaseComparison, Error>> + 'b>>
    where
        Self: 'b,
    {
        // Boxed, so that its callers share the code.
        Box::pin(self.compare(session, service, desired))
    }

    async fn compare(
        self,
        session: &mut dyn Session,
        service: Option<Service>,
        desired: &DesiredState,
    ) -> Result<DatabaseComparison, Error> {
        let Self { setup, probe, history, ahead, explained } = self;
        let role = setup.role();
        let options = verify::Options {
            dialect: setup.dialect,
            home: setup.home(probe),
            role: role.as_deref(),
            grantee: role.as_deref().unwrap_or(&probe.role),
            allow: &setup.settings.allow,
            external: &setup.territory.external,
            has_rows: !setup.is_scratch,
            history,
            mode: setup.settings.mode,
            explained,
            is_one_of_many: setup.tenant.is_some(),
        };
        verify::compare_database(session, service, desired, ahead, &options).await
    }
}

impl Report {
    /// The last line of a start.
    pub(crate) fn log(&self) {
        tracing::info!(
            phase = "ready",
            event = "ready",
            steps.wait = millis(self.wait),
            steps.schemas = millis(self.schemas),
            steps.migrate = millis(self.migrate),
            steps.verify = millis(self.verify),
            applied = self.applied,
            schemas = self.tenants,
            "wait {}, schemas {}, migrate {} ({} applied{}), verify {}",
            seconds(self.wait),
            seconds(self.schemas),
            seconds(self.migrate),
            self.tenants.map_or_else(|| self.applied.to_string(), |_| number(self.applied)),
            self.tenants.map_or_else(String::new, |count| format!(" in {} schemas", number(count))),
            seconds(self.verify)
        );
    }
}
