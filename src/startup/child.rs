//! Child processes under the migration lock: the tool that migrates in place of doorstep, and the hooks.
//!
//! They are started without a shell. Their output goes to the log, because stdout belongs to the service; the last lines
//! are kept for the report of a failure. Each child leads its own process group: a signal reaches everything that it has
//! started, and Ctrl-C on a terminal reaches it only once, through doorstep. Meanwhile the session that holds the lock is
//! queried every second, so that a lost lock is noticed.

use std::io::PipeReader;
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;

use crate::base::error::Error;
use crate::base::fault::{Class, Fault};
use crate::base::log::{HEARTBEAT, millis, seconds};
use crate::base::mask::Mask;
use crate::base::signal;
use crate::config::words::Words;
use crate::engines::session::Session;
use crate::migrate::lock;
use crate::startup::child_output::Output;
use crate::startup::exec::Service;
use crate::startup::setup::Setup;
use crate::startup::start::Start;

/// How often the session that holds the lock is queried.
const PULSE: Duration = Duration::from_secs(1);

/// Time between the signal that is passed on and SIGKILL: less than Docker's stop timeout of ten seconds.
const GRACE: Duration = Duration::from_secs(7);

/// How long to read on after a child has exited: its own children may keep the pipe open.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A program that the settings name, found and executable.
#[derive(Debug, Clone)]
pub(crate) struct ChildCommand {
    setting: &'static str,
    shown: String,
    program: Service,
}

impl ChildCommand {
    /// Looks the command up. Call it before anything is written.
    ///
    /// # Errors
    /// [`Error::CommandNotFound`] (127) or [`Error::CommandNotExecutable`] (126).
    pub(crate) fn find(setting: &'static str, words: &Words, path: Option<&str>, mask: &Mask) -> Result<Self, Error> {
        let arguments: Vec<_> = words.as_slice().iter().map(Into::into).collect();
        let found = Service::find(&arguments, path).map_err(|error| match error {
            Error::CommandNotFound(text) => Error::CommandNotFound(format!("{setting}: {text}")),
            Error::CommandNotExecutable(text) => Error::CommandNotExecutable(format!("{setting}: {text}")),
            other => other,
        })?;
        let missing = || Error::CommandNotFound(format!("{setting}: the command is empty"));
        Ok(Self { setting, shown: mask.apply(&words.to_string()), program: found.ok_or_else(missing)? })
    }

    /// The command as text, without secrets.
    #[must_use]
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Runs it until it exits. The session must hold the lock; it is suspended for the child, and held again afterwards.
    ///
    /// # Errors
    /// [`Error::Command`] when it fails, [`Error::Stopped`] when a signal ended it, [`Error::Lost`] when it succeeded, but
    /// the lock was lost meanwhile.
    pub(crate) async fn run(&self, start: &mut Start<'_>) -> Result<(), Error> {
        let (began, stop) = (Instant::now(), start.stop);
        let doing = || format!("running {}", self.shown);
        let lost = |fault| Error::Lost { doing: doing(), fault };
        start.session.suspend_lock().await.map_err(lost)?;
        tracing::info!(
            phase = "migrate",
            event = "command",
            command = self.setting,
            "{}: {}",
            self.setting,
            self.shown
        );
        if let Some(signal) = stop.signal() {
            return Err(Error::Stopped { signal, note: format!("{} was not started", self.shown) });
        }
        // From here on `drive` answers signals: it passes them on to the child.
        stop.defer_signals();
        let Ended { status, signal, killed, fault, output } = self.drive(start).await?;
        if let Some(signal) = signal {
            let how = if killed { "did not end, and was killed".to_owned() } else { ending(status) };
            let next = match self.setting {
                "before_migrate" => "nothing was migrated, and the next start calls it again",
                "after_migrate" => "the migrations are applied, and a start without any does not call it again",
                _ => "the next start finds out what became of it",
            };
            let note = format!("the signal was passed on to {}, which {how}; {next}", self.shown);
            return Err(Error::Stopped { signal, note });
        }
        if !status.success() {
            return Err(Error::Command(self.report(status, fault.as_ref(), &output)));
        }
        if let Some(fault) = fault {
            return Err(lost(fault));
        }
        let (key, timeout) = (start.setup.lock_key(), start.setup.settings.lock_timeout);
        lock::acquire(start.session.as_mut(), key, timeout).await.map_err(|error| match error {
            Error::Statement { fault, .. } => lost(fault),
            other => other,
        })?;
        stop.end_deferral();
        let took = began.elapsed();
        tracing::info!(
            phase = "migrate",
            event = "command_done",
            command = self.setting,
            duration_ms = millis(took),
            "{} succeeded in {}",
            self.setting,
            seconds(took)
        );
        Ok(())
    }

    /// Starts the child, and follows it to its end.
    async fn drive(&self, start: &mut Start<'_>) -> Result<Ended, Error> {
        let Start { setup, stop, session, .. } = start;
        let (mut child, pipe) = self.start(setup)?;
        let mut output = Output::new(pipe, setup.database.mask())?;
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
        // WNOWAIT leaves the child a zombie, so its PID cannot be reused while signals are sent to it.
        let mut end = tokio::task::spawn_blocking(move || await_end(group));
        let mut lost = std::pin::pin!(lost(session.as_mut(), self.setting));
        let (mut signal, mut fault, mut killed) = (None, None, false);
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.tick().await;
        let began = Instant::now();
        let mut deadline = std::pin::pin!(tokio::time::sleep(Duration::MAX));
        loop {
            tokio::select! {
                _ = &mut end => break,
                line = output.line(), if !output.is_over() => {
                    if let Some(line) = line {
                        tracing::info!(phase = "migrate", event = "output", command = self.setting, "{line}");
                    }
                }
                number = stop.raised(), if signal.is_none() => {
                    signal = Some(number);
                    tracing::warn!(phase = "migrate", event = "forwarding", "{}: passed on to {}", signal::name(number), self.shown);
                    let number = Signal::try_from(i32::from(number)).unwrap_or(Signal::SIGTERM);
                    let _ = killpg(group, number);
                    deadline.as_mut().reset(tokio::time::Instant::now() + GRACE);
                }
                () = &mut deadline, if signal.is_some() && !killed => {
                    killed = true;
                    let _ = killpg(group, Signal::SIGKILL);
                }
                why = &mut lost, if fault.is_none() => fault = Some(why),
                _ = heartbeat.tick() => tracing::info!(
                    phase = "migrate",
                    event = "heartbeat",
                    "{} is still running after {}",
                    self.setting,
                    seconds(began.elapsed())
                ),
            }
        }
        let status =
            child.wait().map_err(|error| Error::Os(format!("cannot tell how {} ended: {error}", self.shown)))?;
        let _ = tokio::time::timeout(LAST_WORDS, async {
            while !output.is_over() {
                if let Some(line) = output.line().await {
                    tracing::info!(phase = "migrate", event = "output", command = self.setting, "{line}");
                }
            }
        })
        .await;
        // As PID 1 doorstep inherits the orphans of the child: reap those that have exited.
        while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive) {}
        Ok(Ended { status, signal, killed, fault, output: output.kept() })
    }

    fn start(&self, setup: &Setup) -> Result<(Child, PipeReader), Error> {
        let refused = |error: std::io::Error| Error::Os(format!("cannot start {}: {error}", self.shown));
        let (reader, writer) = std::io::pipe().map_err(refused)?;
        let mut command = self.program.command();
        command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(refused)?).stderr(writer).process_group(0);
        command.env("DOORSTEP_MIGRATION_LOCK", setup.lock_key().number.to_string());
        if let Some(url) = setup.database.url()? {
            // DATABASE_URL_FILE may name another database.
            command.env("DATABASE_URL", url.expose()).env_remove("DATABASE_URL_FILE");
        }
        let child = command.spawn().map_err(|error| self.program.refused(&error))?;
        Ok((child, reader))
    }

    /// The report of a failure: exit code or signal, and the last lines of output.
    fn report(&self, status: ExitStatus, fault: Option<&Fault>, output: &str) -> String {
        let mut text = format!("{} failed: {} {}", self.setting, self.shown, ending(status));
        if let Some(fault) = fault {
            text += &format!("\nthe connection that held the migration lock was lost meanwhile: {fault}");
        }
        match output {
            "" => text += "\nit printed nothing",
            output => text += &format!("\nits last lines:\n  {}", output.replace('\n', "\n  ")),
        }
        text
    }
}

/// How a child exited, and what happened meanwhile.
struct Ended {
    status: ExitStatus,
    /// The signal that was passed on to it.
    signal: Option<u8>,
    killed: bool,
    /// The error of the session that held the lock, if it was lost.
    fault: Option<Fault>,
    /// Its last lines.
    output: String,
}

fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal().and_then(|signal| u8::try_from(signal).ok())) {
        (Some(code), _) => format!("exited with {code}"),
        (None, Some(signal)) => format!("was killed by {}", signal::name(signal)),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

/// Blocks until the child has exited, and leaves it a zombie for `wait`.
fn await_end(pid: Pid) {
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(nix::errno::Errno::EINTR) {}
}

/// Queries the session that holds the lock; completes, with an ERROR line, once it does not answer.
async fn lost(session: &mut dyn Session, setting: &str) -> Fault {
    loop {
        tokio::time::sleep(PULSE).await;
        let silence = || Err(Fault::new(Class::Unreachable, "the database does not answer any more"));
        let sign = tokio::time::timeout(HEARTBEAT, session.query("SELECT 1".to_owned())).await;
        if let Err(fault) = sign.unwrap_or_else(|_| silence()) {
            tracing::error!(
                phase = "migrate",
                event = "lock_lost",
                "the connection that holds the migration lock was lost while {setting} runs: {fault}"
            );
            return fault;
        }
    }
}
