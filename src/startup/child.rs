//! Child processes under the migration lock: the tool that migrates in place of doorstep, and the hooks.
//!
//! They are started without a shell. Their output goes to the log, because stdout belongs to the service; the last lines
//! are kept for the report of a failure. Each child leads its own process group: a signal reaches everything that it has
//! started, and Ctrl-C on a terminal reaches it only once, through doorstep.
//!
//! Meanwhile the session that holds the lock is watched: a read sees that it was closed, a question every second that it
//! is silent. A child never goes on without the lock: it is ended with all its processes, 7 s after the last sign of the
//! session at the latest.

use std::io::PipeReader;
use std::os::unix::process::CommandExt;
use std::pin::Pin;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use tokio::task::JoinHandle;

use crate::base::error::{Error, NEXT_AFTER_SYSTEM};
use crate::base::fault::Fault;
use crate::base::log::{HEARTBEAT, millis, seconds};
use crate::base::mask::Mask;
use crate::base::short_child::{await_end, ending};
use crate::base::signal::{self, Stop};
use crate::config::environment::PENDING;
use crate::config::words::Words;
use crate::migrate::lock;
use crate::startup::child_output::Output;
use crate::startup::database::ChildLogin;
use crate::startup::exec::Service;
use crate::startup::lock_watch::{Watch, still_held};
use crate::startup::process_tree::{MARK, ProcessTree};
use crate::startup::setup::Setup;
use crate::startup::start::Start;

/// Time between the signal that is passed on, or the last sign of the session that holds the lock, and SIGKILL: less than
/// Docker's stop timeout of ten seconds.
const GRACE: Duration = Duration::from_secs(7);

/// How often to look whether the processes of a child that has to end are gone.
const LOOK: Duration = Duration::from_millis(50);

/// How many times they are killed, [`LOOK`] apart.
const KILLS: u32 = 5;

/// The longest list of pending names that is passed on, in bytes: Linux refuses a variable of 128 KiB (`MAX_ARG_STRLEN`).
const LONGEST_LIST: usize = 120_000;

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
        let program = Service::find_for(setting, words, path)?;
        Ok(Self { setting, shown: mask.apply(&words.to_string()), program })
    }

    /// The command as text, without secrets.
    #[must_use]
    pub(crate) fn shown(&self) -> &str {
        &self.shown
    }

    /// Runs it until it exits. The session must hold the lock; it is suspended for the child, and held again afterwards.
    ///
    /// # Errors
    /// [`Error::Command`] when it fails, [`Error::Stopped`] when a signal ended it, [`Error::Lost`] when the lock was lost
    /// meanwhile: then all of its processes have been ended. [`Error::StillRunning`] when a child of another doorstep has
    /// not ended.
    pub(crate) async fn run(&self, start: &mut Start<'_>) -> Result<(), Error> {
        let (began, stop) = (Instant::now(), start.stop);
        let lost = |fault| Error::Lost { doing: format!("running {}", self.shown), fault };
        start.session.suspend_lock().await.map_err(lost)?;
        let mark = start.mark_child().await?;
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
        stop.answer_all();
        let ended = self.drive(start).await;
        stop.answer_first();
        if let Some(mark) = mark {
            mark.close().await;
        }
        self.judge(ended?)?;
        let (keys, timeout) = (start.setup.lock_keys(&start.probe), start.setup.settings.lock_timeout);
        lock::acquire(start.session.as_mut(), &keys, timeout).await.map_err(|error| match error {
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

    /// What the end of the child means for the start.
    fn judge(&self, ended: Ended) -> Result<(), Error> {
        let Ended { status, signal, killed, late, fault, output } = ended;
        if let Some(signal) = signal {
            let how = if killed { "did not end, and was killed".to_owned() } else { ending(status) };
            let next = match self.setting {
                "before_migrate" => "nothing was migrated, and the next start calls it again",
                "after_migrate" => "the migrations are applied, and the next start calls it again",
                _ => "the next start finds out what became of it",
            };
            let note = format!("the signal was passed on to {}, which {how}; {next}", self.shown);
            return Err(Error::Stopped { signal, note });
        }
        match fault {
            // Its exit code does not count: it may have been ended, or have failed for the same reason.
            Some(fault) => Err(Error::Lost { doing: format!("running {}", self.shown), fault }),
            None if let Some(limit) = late => {
                let how = if killed { "did not end, and was killed".to_owned() } else { ending(status) };
                let limit = seconds(limit);
                let what = format!("{} took longer than command_timeout ({limit}): {} {how}", self.setting, self.shown);
                Err(Error::CommandTimeout(with_last_lines(what, &output)))
            }
            None if status.success() => Ok(()),
            None => Err(Error::Command(self.report(status, &output))),
        }
    }

    /// Starts the child, and follows it to its end.
    async fn drive(&self, start: &mut Start<'_>) -> Result<Ended, Error> {
        let Start { setup, stop, session, .. } = start;
        let login = setup.database.child_login().await?;
        let (mut child, pipe, mark) = self.start(setup, &login, start.pending.as_deref())?;
        let group = Pid::from_raw(i32::try_from(child.id()).unwrap_or(i32::MAX));
        let tree = ProcessTree::new(group, &mark);
        let mask = setup.database.mask();
        let mask = login.password.iter().fold(mask, |mask, (_, password)| mask.and(password));
        let output = Output::new(pipe, mask)?;
        let limit = setup.settings.command_timeout;
        let mut running = Running { command: self, tree, output, stop, limit, signal: None, late: None };
        // WNOWAIT leaves the child a zombie, so its PID cannot be reused while signals are sent to it.
        let mut end = tokio::task::spawn_blocking(move || await_end(group));
        let watch = Watch::new();
        let (mut fault, mut killed) = {
            let mut lost = std::pin::pin!(watch.until_lost(session.as_mut()));
            let (fault, deadline) = match running.follow(&mut end, lost.as_mut()).await {
                Cause::Exited => (watch.settle(lost).await, None),
                Cause::Asked => (None, Some(Instant::now() + GRACE)),
                Cause::Lost(fault) => (Some(fault), Some(watch.last_sign.get() + GRACE)),
            };
            match deadline {
                Some(deadline) => {
                    let killed = running.end_all(deadline).await;
                    let _ = end.await;
                    (fault, killed)
                }
                None => (fault, false),
            }
        };
        let is_failure =
            running.signal.is_none() && fault.is_none() && !matches!(exit_of(group), Some(WaitStatus::Exited(_, 0)));
        if is_failure {
            // What ended the session may be what the child failed of, and be known only now.
            fault = still_held(session.as_mut()).await.err();
            // What a failed command has left must not go on without the lock.
            if !running.tree.is_gone() {
                running.tree.send(Signal::SIGTERM);
                killed = running.end_all(Instant::now() + GRACE).await;
            }
        }
        let status = child.wait().map_err(|error| {
            Error::Os(format!("cannot tell how {} ended: {error}\n{NEXT_AFTER_SYSTEM}", self.shown))
        })?;
        let _ = tokio::time::timeout(LAST_WORDS, async {
            while !running.output.is_over() {
                running.line().await;
            }
        })
        .await;
        // As PID 1 doorstep inherits the orphans of the child: reap those that have exited.
        while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(status) if status != WaitStatus::StillAlive) {}
        let Running { signal, late, output, .. } = running;
        Ok(Ended { status, signal, killed, late, fault, output: output.kept() })
    }

    /// Starts it; returns its output and the mark of its processes, too.
    fn start(
        &self,
        setup: &Setup,
        login: &ChildLogin,
        pending: Option<&[String]>,
    ) -> Result<(Child, PipeReader, String), Error> {
        let refused =
            |error: std::io::Error| Error::Os(format!("cannot start {}: {error}\n{NEXT_AFTER_SYSTEM}", self.shown));
        let (reader, writer) = std::io::pipe().map_err(refused)?;
        let mut command = self.program.command_on(login);
        command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(refused)?).stderr(writer).process_group(0);
        let mark = uuid::Uuid::new_v4().simple().to_string();
        command.env("DOORSTEP_MIGRATION_LOCK", setup.lock_key().number.to_string()).env(MARK, &mark);
        self.tell(&mut command, pending);
        if !setup.has_application_name {
            // libpq, node-postgres, pgx and others take the name of their sessions from here.
            command.env("PGAPPNAME", setup.application_name.with(self.setting));
        }
        let child = command.spawn().map_err(|error| self.program.refused(&error))?;
        Ok((child, reader, mark))
    }

    /// Tells the command what is pending, one name a line, if that is known.
    fn tell(&self, command: &mut Command, pending: Option<&[String]>) {
        let Some(names) = pending else { return };
        let list = names.join("\n");
        if list.len() <= LONGEST_LIST {
            command.env(PENDING, list);
            return;
        }
        let (setting, count) = (self.setting, names.len());
        tracing::warn!(
            phase = "migrate",
            event = "pending_untold",
            "{setting} does not get {PENDING}: the names of {count} migrations are too long for a variable"
        );
    }

    /// The report of a failure: exit code or signal, and the last lines of output.
    fn report(&self, status: ExitStatus, output: &str) -> String {
        with_last_lines(format!("{} failed: {} {}", self.setting, self.shown, ending(status)), output)
    }
}

fn with_last_lines(text: String, output: &str) -> String {
    match output {
        "" => format!("{text}\nit printed nothing"),
        output => format!("{text}\nits last lines:\n  {}", output.replace('\n', "\n  ")),
    }
}

/// How a child exited, and what happened meanwhile.
struct Ended {
    status: ExitStatus,
    /// The signal that was passed on to it.
    signal: Option<u8>,
    killed: bool,
    /// The limit of time that it was ended for.
    late: Option<Duration>,
    /// The error of the session that held the lock, if it was lost.
    fault: Option<Fault>,
    /// Its last lines.
    output: String,
}

/// How a child has exited that is still a zombie; `None` while it runs.
fn exit_of(pid: Pid) -> Option<WaitStatus> {
    let status = waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG);
    status.ok().filter(|status| *status != WaitStatus::StillAlive)
}

/// Why a child is not followed any more.
enum Cause {
    /// It has exited.
    Exited,
    /// A signal has been passed on to it, or its time was up, and it was asked to end.
    Asked,
    /// The lock is lost, and it has been asked to end.
    Lost(Fault),
}

/// A child that runs.
struct Running<'a> {
    command: &'a ChildCommand,
    tree: ProcessTree,
    output: Output,
    stop: &'a Stop,
    /// How long it may take.
    limit: Option<Duration>,
    /// The signal that doorstep got.
    signal: Option<u8>,
    /// The limit, once it has passed.
    late: Option<Duration>,
}

impl Running<'_> {
    /// The next line of its output, to the log.
    async fn line(&mut self) {
        if let Some(line) = self.output.line().await {
            tracing::info!(phase = "migrate", event = "output", command = self.command.setting, "{line}");
        }
    }

    /// Follows the child until it exits or has to be ended.
    async fn follow(
        &mut self,
        end: &mut JoinHandle<()>,
        mut lost: Pin<&mut impl Future<Output = Result<(), Fault>>>,
    ) -> Cause {
        let (stop, began, limit) = (self.stop, Instant::now(), self.limit);
        let late = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        let mut late = std::pin::pin!(late);
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.tick().await;
        loop {
            tokio::select! {
                _ = &mut *end => return Cause::Exited,
                number = stop.raised() => {
                    self.pass_on(number);
                    return Cause::Asked;
                }
                () = &mut late => {
                    self.expire();
                    return Cause::Asked;
                }
                Err(fault) = &mut lost => {
                    tracing::error!(
                        phase = "migrate",
                        event = "lock_lost",
                        "the connection that holds the migration lock was lost while {} runs, so it is ended: {fault}",
                        self.command.setting
                    );
                    self.tree.send(Signal::SIGTERM);
                    return Cause::Lost(fault);
                }
                () = self.line(), if !self.output.is_over() => {}
                _ = heartbeat.tick() => tracing::info!(
                    phase = "migrate",
                    event = "heartbeat",
                    "{} is still running after {}",
                    self.command.setting,
                    seconds(began.elapsed())
                ),
            }
        }
    }

    /// Asks it to end, since its time is up.
    fn expire(&mut self) {
        self.late = self.limit;
        let (shown, limit) = (&self.command.shown, seconds(self.limit.unwrap_or_default()));
        tracing::warn!(
            phase = "migrate",
            event = "late",
            "{shown} takes longer than command_timeout ({limit}): ending it"
        );
        self.tree.send(Signal::SIGTERM);
    }

    fn pass_on(&mut self, number: u8) {
        self.note(number);
        let name = signal::name(number);
        tracing::warn!(phase = "migrate", event = "forwarding", "{name}: passed on to {}", self.command.shown);
        self.tree.send(Signal::try_from(i32::from(number)).unwrap_or(Signal::SIGTERM));
    }

    fn note(&mut self, number: u8) {
        self.signal = Some(number);
        // What has arrived until now counts as one.
        self.stop.came_again();
    }

    /// Waits for the end of all processes of a child that was asked to end, and kills them at the deadline, or at a second
    /// signal. Returns whether the child itself had to be killed.
    async fn end_all(&mut self, deadline: Instant) -> bool {
        let (stop, child, mut are_asked) = (self.stop, self.tree.group, false);
        while !self.tree.is_gone() {
            let has_exited = exit_of(child).is_some();
            if has_exited && !are_asked {
                // A shell lets its background processes ignore SIGINT and SIGQUIT.
                self.tree.send(Signal::SIGTERM);
                are_asked = true;
            }
            if Instant::now() >= deadline || self.signal.is_some() && stop.came_again() {
                self.kill().await;
                return !has_exited;
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.line(), if !self.output.is_over() => {}
                number = stop.raised(), if self.signal.is_none() => {
                    // It has been asked to end already.
                    self.note(number);
                }
            }
        }
        false
    }

    /// Kills until all are gone: one may have been forked meanwhile.
    async fn kill(&self) {
        for _ in 0..KILLS {
            self.tree.send(Signal::SIGKILL);
            if self.tree.is_gone() {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
        let setting = self.command.setting;
        tracing::error!(phase = "migrate", event = "unkillable", "processes of {setting} are left after SIGKILL");
    }
}
