//! One connected start: the session, what its first query found, the history, and how long each step took.
//!
//! The pipeline and every command that needs the database work on it. [`Setup`] is what was known before.

use std::time::Duration;

use crate::base::error::Error;
use crate::base::log::{millis, seconds};
use crate::base::progress::Phase;
use crate::base::signal::Stop;
use crate::engines::session::{Probe, ProbeRequest, Session};
use crate::finding::Severity;
use crate::migrate::history::History;
use crate::startup::setup::Setup;
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
}

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
        folder: impl Future<Output = Result<Option<History>, Error>>,
    ) -> Result<Self, Error> {
        let wanted = setup.opening_request(verifies);
        let ready = async {
            let ready = wait::until_ready(setup, setup.settings.patience, &wanted, false, true);
            let Connected { mut session, mut probe, .. } = ready.await?;
            let mut ahead = ReadAhead::of(wanted.ahead.clone(), &mut probe);
            ahead.read_catalog(session.as_mut()).await;
            Ok((session, probe, ahead))
        };
        let ((session, probe, ahead), history) = tokio::try_join!(ready, folder)?;
        Ok(Self { setup, stop, session, probe, history, pending: None, ahead, report: Report::default() })
    }

    /// Probes the database again: schemas and the history table may have appeared since. What was read ahead is outdated then.
    pub(crate) async fn probe_again(&mut self) -> Result<(), Error> {
        self.ahead = ReadAhead::default();
        let probe = self.session.probe(&self.setup.probe_request()).await;
        self.probe = probe.map_err(Error::statement("look at the database"))?;
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
            history.mark_running(self.session.as_mut(), &self.probe).await;
        }
        Ok(())
    }

    /// Compares the desired state with the database. Findings below `explained` come without their cause.
    pub(crate) async fn compare(
        &mut self,
        desired: &DesiredState,
        explained: Severity,
    ) -> Result<DatabaseComparison, Error> {
        let setup = self.setup;
        setup.tracker.enter(Phase::Verify);
        let role = setup.role();
        let service = if desired.is_empty() { None } else { self.service_session().await };
        let options = verify::Options {
            dialect: setup.dialect,
            home: setup.home(&self.probe),
            role: role.as_deref(),
            grantee: role.as_deref().unwrap_or(&self.probe.role),
            allow: &setup.settings.allow,
            external: &setup.territory.external,
            has_rows: !setup.is_scratch,
            history: self.history.as_ref(),
            mode: setup.settings.mode,
            explained,
        };
        let ahead = std::mem::take(&mut self.ahead);
        verify::compare_database(self.session.as_mut(), service, desired, ahead, &options).await
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
            "wait {}, schemas {}, migrate {} ({} applied), verify {}",
            seconds(self.wait),
            seconds(self.schemas),
            seconds(self.migrate),
            self.applied,
            seconds(self.verify)
        );
    }
}
