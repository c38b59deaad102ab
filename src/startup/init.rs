//! Stay beside the service instead of becoming it (`--init`), under tini's contract: signals are passed on, orphans
//! are reaped, and the service's exit code is ours, 128+n where signal n ended it.
//!
//! It is for services that do badly as PID 1: the kernel gives PID 1 no default action for signals, and every orphan
//! of the container as a child.

use std::io::Stdin;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Child;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

use crate::base::error::Error;
use crate::base::signal::Stop;
use crate::startup::exec::Service;

/// Starts the service in a process group of its own and stays until it ends; gives its exit code. Processes that it
/// leaves behind are not waited for.
///
/// # Errors
/// [`Error::CommandNotFound`] and [`Error::CommandNotExecutable`] as with exec, [`Error::Stopped`] for a signal that
/// came before the service was started, [`Error::Os`].
pub(crate) fn stay(service: &Service, stop: &Stop) -> Result<u8, Error> {
    let refused = |doing: &str| {
        let doing = doing.to_owned();
        move |error: std::io::Error| Error::Os(format!("cannot {doing}: {error}"))
    };
    // Before the child is there: neither a signal for it nor its end can be missed.
    let mut signals = stop.hand_out().map_err(refused("listen for signals"))?;
    if let Some(signal) = stop.signal() {
        return Err(Error::not_started(signal));
    }
    // Where we are not PID 1, orphans of the service come to us all the same.
    let _ = prctl::set_child_subreaper(true);
    let mut child = service.command().process_group(0).spawn().map_err(|error| service.refused(&error))?;
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default());
    let foreground = Foreground::give(pid);
    for signal in signals.forever() {
        match Signal::try_from(signal) {
            Ok(Signal::SIGCHLD) => {
                if let Some(code) = reap(&mut child, pid).map_err(refused("wait for the service"))? {
                    foreground.take_back();
                    return Ok(code);
                }
            }
            // It fails only for a child that has just ended: the next SIGCHLD tells.
            Ok(signal) => kill(pid, signal).unwrap_or_default(),
            Err(_) => {}
        }
    }
    Err(Error::Internal("signals are no longer handed out".to_owned()))
}

/// Buries all children that have ended; gives the exit code if the service is among them.
fn reap(child: &mut Child, service: Pid) -> std::io::Result<Option<u8>> {
    let mut code = child.try_wait()?.map(|status| {
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        exit_code(code.unwrap_or_default())
    });
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            // It ended between the two calls.
            Ok(WaitStatus::Exited(pid, status)) if pid == service => code = Some(exit_code(status)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == service => code = Some(exit_code(128 + signal as i32)),
            // Nobody is left, or nobody who has ended.
            Err(Errno::ECHILD) | Ok(WaitStatus::StillAlive) => return Ok(code),
            // An orphan; nix calls it an error where a real-time signal ended it.
            _ => {}
        }
    }
}

fn exit_code(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// The terminal on stdin whose foreground was ours, and is the service's now.
struct Foreground(Option<Stdin>);

impl Foreground {
    /// Gives it to the service's process group, so that Ctrl-C and Ctrl-Z reach it and it may read. Where a shell has
    /// put us in the background, there is nothing to give.
    fn give(service: Pid) -> Self {
        let stdin = std::io::stdin();
        // Whatever happens to the terminal now must not stop us.
        let mut terminal = SigSet::empty();
        terminal.add(Signal::SIGTTIN);
        terminal.add(Signal::SIGTTOU);
        let _ = terminal.thread_block();
        let is_ours = tcgetpgrp(&stdin).is_ok_and(|group| group == getpgrp());
        if !is_ours || tcsetpgrp(&stdin, service).is_err() {
            return Self(None);
        }
        // It may have reached for the terminal already, and been stopped.
        let _ = kill(service, Signal::SIGCONT);
        Self(Some(stdin))
    }

    /// For whoever started us.
    fn take_back(self) {
        if let Some(stdin) = self.0 {
            let _ = tcsetpgrp(stdin, getpgrp());
        }
    }
}
