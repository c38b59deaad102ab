//! The pipeline of `run`, `wait` and `migrate`: wait, schemas, migrate, verify, each one call.
//!
//! It ends the moment before exec. A connection that is lost on the way starts it again from the wait, a few times,
//! because a server that is being set up is ready once and then restarts.

use std::time::{Duration, Instant};

use crate::base::error::Error;
use crate::base::progress::Phase;
use crate::base::signal::Stop;
use crate::config::{Mode, Patience};
use crate::finding::Severity;
use crate::migrate::apply::{self, Migrator};
use crate::migrate::history::History;
use crate::migrate::lock;
use crate::startup::hooks::Hooks;
use crate::startup::setup::Setup;
use crate::startup::start::{Report, Start};
use crate::startup::{schemas, wait};
use crate::verify;
use crate::verify::desired::DesiredState;

/// Pause before the wait begins again after a lost connection.
const AFTER_A_LOSS: Duration = Duration::from_millis(100);

/// How many lost connections one start survives: a migration may be what crashes the server.
const LOSSES: u32 = 5;

/// How much of the pipeline a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// `wait`: reads only.
    Wait,
    /// `migrate`: up to and including the migrations.
    Migrate,
    /// `run`: all of it.
    Run,
}

/// Runs the pipeline; the session is closed when it returns, also after an error. Returns how many migrations were
/// applied.
///
/// # Errors
/// The first step that fails ends it.
pub(crate) async fn run(setup: &Setup, extent: Extent, stop: &Stop) -> Result<usize, Error> {
    let began = Instant::now();
    // A misspelt command should cost milliseconds, not a migration.
    let hooks = if applies(setup, extent) { setup.hook_commands.find()? } else { Hooks::default() };
    warn_without_migrations(setup, extent);
    let mut losses = 0;
    loop {
        if let Some(signal) = stop.signal() {
            return Err(Error::Stopped { signal, note: "the database was lost on the way".to_owned() });
        }
        stop.end_deferral();
        match attempt(setup, extent, &hooks, left(setup, began), stop).await {
            Err(Error::Statement { doing, fault, .. } | Error::Lost { doing, fault })
                if fault.class.is_transient() && losses < LOSSES && has_time(setup, began) =>
            {
                losses += 1;
                tracing::info!(phase = "wait", event = "lost", "lost the database ({doing}): {fault}; waiting again");
                tokio::time::sleep(AFTER_A_LOSS).await;
            }
            result => return result,
        }
    }
}

/// One pass through the pipeline, in one session.
async fn attempt(
    setup: &Setup,
    extent: Extent,
    hooks: &Hooks,
    patience: Patience,
    stop: &Stop,
) -> Result<usize, Error> {
    let began = Instant::now();
    let ready = wait::until_ready(setup, patience, applies(setup, extent));
    let ((session, probe), history, desired) =
        tokio::try_join!(ready, read_folder(setup, extent), read_desired(setup, extent))?;
    let report = Report { wait: began.elapsed(), ..Report::default() };
    let mut start = Start { setup, stop, session, probe, history, report };
    let result = start.steps(extent, hooks, &desired).await;
    start.session.close().await;
    result?;
    if extent != Extent::Wait && stop.signal().is_none() {
        start.report.log();
    }
    Ok(start.report.applied)
}

impl Start<'_> {
    async fn steps(&mut self, extent: Extent, hooks: &Hooks, desired: &DesiredState) -> Result<(), Error> {
        match (extent, self.setup.settings.mode) {
            (Extent::Wait, _) => Ok(()),
            (_, Mode::Await) => self.follow(extent, desired).await,
            (Extent::Migrate, _) => self.migrate(hooks).await,
            (Extent::Run, _) => {
                self.migrate(hooks).await?;
                self.verify(desired).await
            }
        }
    }

    /// Steps 2 and 3, schemas and migrations. Reads first, and takes the lock only when there is something to write:
    /// a replica with nothing to do never queues.
    async fn migrate(&mut self, hooks: &Hooks) -> Result<(), Error> {
        let began = Instant::now();
        self.setup.tracker.enter(Phase::Migrate);
        self.read_history().await?;
        if !self.probe.missing_schemas.is_empty() || self.has_work(hooks) {
            self.migrate_under_lock(hooks).await?;
        }
        self.report.migrate = began.elapsed().saturating_sub(self.report.schemas);
        if let Some(history) = &self.history {
            history.log_oddities();
        }
        Ok(())
    }

    async fn migrate_under_lock(&mut self, hooks: &Hooks) -> Result<(), Error> {
        self.take_lock().await?;
        let is_due = self.is_due(hooks).await?;
        if is_due {
            self.run_before_hook(hooks).await?;
        }
        self.create_schemas().await?;
        if is_due {
            self.report.applied = self.apply(hooks).await?;
            self.run_after_hook(hooks).await?;
        }
        Ok(())
    }

    async fn take_lock(&mut self) -> Result<(), Error> {
        self.setup.tracker.held_up("queueing for the migration lock");
        lock::acquire(self.session.as_mut(), self.setup.lock_key(), self.setup.settings.lock_timeout).await?;
        // Another replica may have been faster: only what the holder of the lock sees counts.
        self.probe_again().await
    }

    /// Whether there is anything to apply, now that the lock is held. Leaves schemas out that a pending migration
    /// creates itself: it must find them absent, as it does under its own tool. The schema of the URL is created
    /// all the same, since that tool creates it first, too.
    async fn is_due(&mut self, hooks: &Hooks) -> Result<bool, Error> {
        let Some(history) = &mut self.history else { return Ok(hooks.migrate.is_some()) };
        if !self.probe.missing_schemas.is_empty() {
            let (later, url_schema) = (history.own_schemas(), self.setup.url_schema.as_ref());
            self.probe.missing_schemas.retain(|name| !later.contains(name) || url_schema == Some(name));
        }
        apply::due(history, self.session.as_mut(), &self.probe).await
    }

    /// Step 2. The history table may go to a schema that is created here, hence the second probe.
    async fn create_schemas(&mut self) -> Result<(), Error> {
        let began = Instant::now();
        self.setup.tracker.enter(Phase::Schemas);
        schemas::create(self.session.as_mut(), &self.probe).await?;
        self.report.schemas = began.elapsed();
        if !self.probe.missing_schemas.is_empty() {
            self.probe_again().await?;
        }
        self.setup.tracker.enter(Phase::Migrate);
        Ok(())
    }

    /// Step 3, by the tool of the format or by doorstep itself. Returns how many migrations were applied.
    async fn apply(&mut self, hooks: &Hooks) -> Result<usize, Error> {
        if let Some(tool) = &hooks.migrate {
            return self.delegate(tool).await;
        }
        let (setup, Some(history)) = (self.setup, &mut self.history) else { return Ok(0) };
        let migrator = Migrator {
            history,
            session: self.session.as_mut(),
            probe: &self.probe,
            stop: self.stop,
            tracker: &setup.tracker,
            application_name: &setup.application_name,
            own_schemas: &setup.own_schemas,
            statement_lock_timeout: setup.settings.statement_lock_timeout,
            lock_timeout: setup.settings.lock_timeout,
            is_scratch: setup.is_scratch,
        };
        let applied = migrator.apply_pending().await?;
        history.note_applied();
        Ok(applied)
    }

    /// Step 4.
    async fn verify(&mut self, desired: &DesiredState) -> Result<(), Error> {
        let began = Instant::now();
        let compared = self.compare(desired, Severity::Warning).await?;
        self.report.verify = began.elapsed();
        verify::judge(compared.findings, self.setup.settings.strictness)
    }
}

/// Whether this start creates and migrates, rather than only looking.
fn applies(setup: &Setup, extent: Extent) -> bool {
    extent != Extent::Wait && setup.settings.mode == Mode::Apply
}

async fn read_folder(setup: &Setup, extent: Extent) -> Result<Option<History>, Error> {
    match extent {
        Extent::Wait => Ok(None),
        Extent::Migrate | Extent::Run => setup.read_folder_if_on().await,
    }
}

async fn read_desired(setup: &Setup, extent: Extent) -> Result<DesiredState, Error> {
    match extent {
        Extent::Run => setup.read_desired().await,
        Extent::Wait | Extent::Migrate => Ok(DesiredState::default()),
    }
}

fn warn_without_migrations(setup: &Setup, extent: Extent) {
    if setup.folder.is_some() || setup.hook_commands.migrate.is_some() || !applies(setup, extent) {
        return;
    }
    let here = std::env::current_dir().unwrap_or_default();
    tracing::warn!(
        phase = "migrate",
        event = "no_folder",
        "no migrations folder (prisma/migrations, migrations) in {}, so there is nothing to migrate \
         (name it with --migrations, or say so with --migrate off)",
        here.display()
    );
}

/// What is left of the patience since `began`.
fn left(setup: &Setup, began: Instant) -> Patience {
    let patience = setup.settings.patience;
    Patience { timeout: patience.timeout.map(|timeout| timeout.saturating_sub(began.elapsed())), ..patience }
}

fn has_time(setup: &Setup, began: Instant) -> bool {
    left(setup, began).timeout.is_none_or(|left| left > AFTER_A_LOSS)
}
