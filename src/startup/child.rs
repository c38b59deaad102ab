//! A child of doorstep's, while it holds the migration lock: the tool that migrates in its place, or a hook.
//!
//! No shell stands between the two. What the child prints goes to the log, since stdout belongs to the service; its last
//! lines are kept for the report. The child leads a process group of its own, so that a signal reaches all that
//! it has started, and a terminal's only once. The session that holds the lock is asked for a sign of life
//! meanwhile: a lock that is lost protects nobody.

use std::collections::VecDeque;
use std::io::PipeReader;
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::base::error::Error;
use crate::base::fault::{Class, Fault};
use crate::base::log::{HEARTBEAT, millis, seconds};
use crate::base::signal;
use crate::config::words::Words;
use crate::engines::session::Session;
use crate::migrate::lock;
use crate::startup::exec::Service;
use crate::startup::setup::Setup;
use crate::startup::start::Start;

/// How often the session is asked for a sign of life.
const PULSE: Duration = Duration::from_secs(1);

/// How long the child has after a signal until it is killed: less than the ten seconds that Docker gives.
const GRACE: Duration = Duration::from_secs(8);

/// How long is waited for the last words of a child that has ended; what it has started may hold its pipe open.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How much of the output a report shows: the report fits into the termination log with it.
const KEPT: usize = 3072;

/// A longer line is cut in pieces.
const LINE: usize = 8192;

/// A program that the settings name, found and executable.
#[derive(Debug, Clone)]
pub(crate) struct ChildCommand {
    setting: &'static str,
    shown: String,
    program: Service,
}

impl ChildCommand {
    /// Looks the command up. Do it before anything is written.
    ///
    /// # Errors
    /// [`Error::CommandNotFound`] (127) or [`Error::CommandNotExecutable`] (126).
    pub(crate) fn find(setting: &'static str, words: &Words, path: Option<&str>) -> Result<Self, Error> {
        let arguments: Vec<_> = words.as_slice().iter().map(Into::into).collect();
        let found = Service::find(&arguments, path).map_err(|error| match error {
            Error::CommandNotFound(text) => Error::CommandNotFound(format!("{setting}: {text}")),
            Error::CommandNotExecutable(text) => Error::CommandNotExecutable(format!("{setting}: {text}")),
            other => other,
        })?;
        let missing = || Error::CommandNotFound(format!("{setting}: the command is empty"));
        Ok(Self { setting, shown: words.to_string(), program: found.ok_or_else(missing)? })
    }

    /// The command, as it can be shown.
    #[must_use]
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Runs it to its end. The session must hold the lock, and holds it afterwards.
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
        // From here on a signal is answered here: it is the child's, too.
        stop.defer_signals();
        let Ended { status, signal, killed, fault, output } = self.drive(start).await?;
        if let Some(signal) = signal {
            let how = if killed { "did not end, and was killed".to_owned() } else { ending(status) };
            let next = match self.setting {
                "before_migrate" => "nothing was migrated, and the next start calls it again",
                "after_migrate" => "the migrations are applied, and a start without any does not call it again",
                _ => "the next start looks what became of it",
            };
            let note = format!("{} was told so, and {how}; {next}", self.shown);
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
        let mut output = Output::new(pipe, setup.database.secrets())?;
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
        // It is not collected there: until it is, its number cannot be anybody else's.
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
                line = output.line(), if !output.is_over => {
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
            while !output.is_over {
                if let Some(line) = output.line().await {
                    tracing::info!(phase = "migrate", event = "output", command = self.setting, "{line}");
                }
            }
        })
        .await;
        // As PID 1 we inherit what the child has left behind.
        while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive) {}
        Ok(Ended { status, signal, killed, fault, output: output.kept() })
    }

    fn start(&self, setup: &Setup) -> Result<(Child, PipeReader), Error> {
        let refused = |error: std::io::Error| Error::Os(format!("cannot start {}: {error}", self.shown));
        let (reader, writer) = std::io::pipe().map_err(refused)?;
        let mut command = self.program.command();
        command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(refused)?).stderr(writer).process_group(0);
        command.env("DOORSTEP_MIGRATION_LOCK", setup.lock_key().to_string());
        if let Some(url) = setup.database.url()? {
            // One form of the URL, lest the other lead elsewhere.
            command.env("DATABASE_URL", url.expose()).env_remove("DATABASE_URL_FILE");
        }
        let child = command.spawn().map_err(|error| self.program.refused(&error))?;
        Ok((child, reader))
    }

    /// What a person needs to know of a failure.
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

/// How a child ended, and what was seen on the way.
struct Ended {
    status: ExitStatus,
    /// The signal that was passed on to it.
    signal: Option<u8>,
    killed: bool,
    /// Why the session that held the lock is gone.
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

/// Blocks until the child has ended, and leaves it to be collected.
fn await_end(pid: Pid) {
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(nix::errno::Errno::EINTR) {}
}

/// Completes once the session that holds the lock gives no sign of life any more; says so.
async fn lost(session: &mut dyn Session, setting: &str) -> Fault {
    loop {
        tokio::time::sleep(PULSE).await;
        let silence = || Err(Fault::new(Class::Unreachable, "the database says nothing any more"));
        let sign = tokio::time::timeout(HEARTBEAT, session.rows("SELECT 1".to_owned())).await;
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

/// What a child prints, line by line, and the last of it.
struct Output {
    pipe: Receiver,
    /// Read, but without a line end yet.
    begun: Vec<u8>,
    lines: VecDeque<String>,
    secrets: Vec<String>,
    is_over: bool,
}

impl Output {
    fn new(pipe: PipeReader, secrets: Vec<String>) -> Result<Self, Error> {
        let pipe = Receiver::from_owned_fd(pipe.into());
        let pipe = pipe.map_err(|error| Error::Os(format!("cannot read from a command: {error}")))?;
        Ok(Self { pipe, begun: Vec::new(), lines: VecDeque::new(), secrets, is_over: false })
    }

    /// The next line; `None` where there was nothing to show, or nothing more is to come.
    async fn line(&mut self) -> Option<String> {
        loop {
            let end = self.begun.iter().position(|byte| *byte == b'\n');
            let end = end.map(|end| end + 1).or_else(|| (self.begun.len() >= LINE).then_some(LINE));
            if let Some(end) = end {
                let line: Vec<u8> = self.begun.drain(..end).collect();
                return self.keep(&line);
            }
            // Nothing is lost where this is dropped: what was read is in the buffer.
            if !matches!(self.pipe.read_buf(&mut self.begun).await, Ok(1..)) {
                self.is_over = true;
                let line = std::mem::take(&mut self.begun);
                return self.keep(&line);
            }
        }
    }

    /// A line as the log shows it: without colours, without what a progress bar has overwritten, without secrets.
    fn keep(&mut self, line: &[u8]) -> Option<String> {
        let text = String::from_utf8_lossy(line);
        let text = console::strip_ansi_codes(text.trim_end());
        let text = text.rsplit('\r').next().unwrap_or_default();
        let text = self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "***"));
        if text.is_empty() {
            return None;
        }
        self.lines.push_back(text.clone());
        while self.lines.len() > 1 && self.lines.iter().map(|line| line.len() + 3).sum::<usize>() > KEPT {
            self.lines.pop_front();
        }
        Some(text)
    }

    fn kept(self) -> String {
        let text = Vec::from(self.lines).join("\n");
        let start = text.ceil_char_boundary(text.len().saturating_sub(KEPT));
        text[start..].to_owned()
    }
}
