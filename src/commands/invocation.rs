//! One invocation of a command: its settings, the signals, and a session for the commands that only need one.

use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use crate::base::environment::Environment;
use crate::base::error::{Error, NEXT_AFTER_SYSTEM};
use crate::base::log::{self, LogLevel};
use crate::base::signal::Stop;
use crate::base::termination;
use crate::config::{Layer, Settings};
use crate::migrate::history::History;
use crate::migrate::lock;
use crate::startup::exec::Service;
use crate::startup::refusal;
use crate::startup::settle;
use crate::startup::setup::Setup;
use crate::startup::start::{Folder, Start};
use crate::startup::tenants;

/// How long threads may take to end when the work is done.
const LAST_THREADS: Duration = Duration::from_millis(50);

/// What is left to do when a command has returned.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing: exit 0, unless a signal has arrived meanwhile.
    Done,
    /// Exit with this code, even if a signal has arrived.
    Exit(u8),
    /// Become the service.
    Exec(Service),
}

/// What a command runs with, besides its own arguments.
pub(crate) struct Invocation<'a> {
    /// The settings among the flags.
    pub(crate) flags: Layer,
    /// The settings file, if a flag names it.
    pub(crate) config: Option<PathBuf>,
    pub(crate) environment: &'a Environment,
    pub(crate) stop: &'a Stop,
}

impl Invocation<'_> {
    /// Merges the settings, and starts the log at the level they name, else at `usual`.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub(crate) fn settings(&self, usual: LogLevel) -> Result<Settings, Error> {
        let settings = self.load()?;
        log::start(settings.log.unwrap_or(usual), settings.log_format);
        settings.termination_log.iter().cloned().for_each(termination::place);
        Ok(settings)
    }

    /// Merges the settings without starting the log.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub(crate) fn load(&self) -> Result<Settings, Error> {
        self.place_termination_log();
        Settings::load(self.flags.clone(), self.config.clone(), self.environment)
    }

    /// Failures go to the termination log that a flag or a variable names, even before all settings are known.
    pub(crate) fn place_termination_log(&self) {
        let named = || self.environment.path("DOORSTEP_TERMINATION_LOG");
        self.flags.termination_log.clone().or_else(named).into_iter().for_each(termination::place);
    }

    /// The setup of a command that answers a person. Its answer goes to stdout; the log shows warnings and errors, and
    /// more only if a setting asks for it.
    ///
    /// # Errors
    /// [`Error::Settings`].
    pub(crate) fn setup(&self) -> Result<Setup, Error> {
        Setup::new(self.settings(LogLevel::Warn)?, self.environment)
    }

    /// The same, with the format of a folder decided by the history in the database, where only that tells.
    ///
    /// # Errors
    /// [`Error::Settings`], and those of [`settle::settle`].
    pub(crate) fn settled_setup(&self) -> Result<Setup, Error> {
        self.settled(self.setup()?)
    }

    /// The same of a setup that is there already.
    ///
    /// # Errors
    /// Those of [`settle::settle`].
    pub(crate) fn settled(&self, mut setup: Setup) -> Result<Setup, Error> {
        let patience = setup.settings.patience;
        if setup.folder.is_some_and(|folder| folder.claim.is_some()) {
            block_on(self.stop, settle::settle(&mut setup, patience, false))?;
        }
        Ok(setup)
    }

    /// Waits for the database, reads `folder` meanwhile, and runs `work` in the session, which is closed afterwards. With
    /// `verifies`, the work will compare the desired state.
    ///
    /// # Errors
    /// Those of the wait, of `folder` and of `work`; [`Error::Stopped`] on a signal.
    pub(crate) fn in_session<T>(
        &self,
        setup: &Setup,
        verifies: bool,
        folder: impl Future<Output = Result<Option<History>, Error>>,
        work: impl AsyncFnOnce(&mut Start<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // Boxed, so that all commands share the code that opens the session.
        let folder: Folder<'_> = Box::pin(folder);
        block_on(self.stop, async {
            let mut start = Start::open(setup, self.stop, verifies, folder).await?;
            let result = work(&mut start).await;
            start.session.close().await;
            result.map_err(|error| refusal::advised(error, setup))
        })
    }
}

/// Takes the migration lock and reads the history under it: before a command changes the history by hand.
///
/// # Errors
/// [`Error::Locked`] at the deadline, [`Error::Settings`] where the tool of the format keeps the history.
pub(crate) async fn lock_history(start: &mut Start<'_>) -> Result<(), Error> {
    let Some(history) = &start.history else { return Err(start.setup.no_folder()) };
    history.writer()?;
    let keys = start.setup.lock_keys(&start.probe);
    lock::acquire(start.session.as_mut(), &keys, start.setup.settings.lock_timeout).await?;
    start.probe_again().await?;
    tenants::refuse::elsewhere(start.setup, &start.probe)?;
    start.read_history().await
}

/// Runs `work` on one thread until it ends or a signal arrives. The runtime, and every connection with it, is gone when
/// this returns.
///
/// # Errors
/// Those of `work`, and [`Error::Stopped`].
pub(crate) fn block_on<T>(stop: &Stop, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut result = None;
    // Boxed, so that what drives it is compiled once.
    let stopped = drive(stop, Box::pin(async { result = Some(work.await) }))?;
    match (result, stopped) {
        (Some(result), _) => result,
        (None, Some(stopped)) => Err(stopped),
        (None, None) => Err(Error::Internal("the work ended without a result".to_owned())),
    }
}

/// Runs `work` to its end, or until a signal arrives: then gives the error.
fn drive(stop: &Stop, work: Pin<Box<dyn Future<Output = ()> + '_>>) -> Result<Option<Error>, Error> {
    let runtime = runtime()?;
    let stopped = runtime.block_on(async {
        tokio::select! {
            biased;
            () = work => None,
            signal = stop.undeferred() => {
                Some(Error::Stopped { signal, note: "nothing was left half done".to_owned() })
            }
            signal = stop.grace_over() => Some(Error::Stopped { signal, note: UNANSWERED.to_owned() }),
        }
    });
    // A thread that lives on may take a signal that is meant for the service. Idle threads end at once; one that is
    // blocked by a name resolution is not waited for.
    runtime.shutdown_timeout(LAST_THREADS);
    Ok(stopped)
}

/// What is known of a start that a signal could not end in time.
const UNANSWERED: &str = "the database did not answer the request to cancel in time; whether the last statement was \
                          committed is unknown, and the next start finds out";

/// How long a thread that has read its files stays: it ends while the server works, so that the end of the runtime has none to wait
/// for.
const IDLE_THREAD: Duration = Duration::from_millis(1);

/// A runtime on this one thread.
///
/// # Errors
/// [`Error::Os`].
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().thread_keep_alive(IDLE_THREAD).build();
    runtime.map_err(|error| Error::Os(format!("cannot start: {error}\n{NEXT_AFTER_SYSTEM}")))
}
