//! `--init`: stay as the parent of the service instead of becoming it, as tini does. Signals are passed on, orphans are
//! reaped, and the exit code is that of the service, or 128+n if signal n killed it.
//!
//! For services that do not handle signals or reap children as PID 1: the kernel gives PID 1 no default action for
//! signals, and makes it the parent of every orphan in the container.

use std::io::Stdin;
use std::os::unix::process::{CommandExt, ExitStatusExt};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};
use shared_child::SharedChild;
use shared_child::unix::SharedChildExt;

use crate::base::error::{Error, NEXT_AFTER_SYSTEM};
use crate::base::signal::Stop;
use crate::startup::exec::Service;

/// Starts the service in its own process group, and returns its exit code when it exits. Processes that it leaves
/// behind are not waited for.
///
/// # Errors
/// [`Error::CommandNotFound`] and [`Error::CommandNotExecutable`] as with exec, [`Error::Stopped`] for a signal that
/// came before the service was started, [`Error::Os`].
pub(crate) fn stay(service: &Service, stop: &Stop) -> Result<u8, Error> {
    let refused = |doing: &str| {
        let doing = doing.to_owned();
        move |error: std::io::Error| Error::Os(format!("cannot {doing}: {error}\n{NEXT_AFTER_SYSTEM}"))
    };
    // Before the child exists, so that neither a signal for it nor its SIGCHLD can be missed.
    let mut signals = stop.hand_out().map_err(refused("listen for signals"))?;
    if let Some(signal) = stop.signal() {
        return Err(Error::not_started(signal));
    }
    // Orphans of the service come to this process even where it is not PID 1.
    let _ = prctl::set_child_subreaper(true);
    let child = service.command().process_group(0).spawn().and_then(SharedChild::new);
    let child = child.map_err(|error| service.refused(&error))?;
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or_default());
    let foreground = Foreground::give(pid);
    for signal in signals.forever() {
        match Signal::try_from(signal) {
            Ok(Signal::SIGCHLD) => {
                if let Some(code) = reap(&child, pid).map_err(refused("wait for the service"))? {
                    foreground.take_back();
                    return Ok(code);
                }
            }
            // kill(2) fails only for a child that has just exited: SIGCHLD follows. A real-time signal has no name.
            Ok(_) | Err(_) => child.send_signal(signal).unwrap_or_default(),
        }
    }
    Err(Error::Internal("the stream of signals has ended".to_owned()))
}

/// Reaps every exited child; returns the service's exit code if it is one of them.
fn reap(child: &SharedChild, service: Pid) -> std::io::Result<Option<u8>> {
    let mut code = child.try_wait()?.map(|status| {
        let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        exit_code(code.unwrap_or_default())
    });
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            // It exited between the two calls.
            Ok(WaitStatus::Exited(pid, status)) if pid == service => code = Some(exit_code(status)),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == service => code = Some(exit_code(128 + signal as i32)),
            // No child is left, or none has exited.
            Err(Errno::ECHILD) | Ok(WaitStatus::StillAlive) => return Ok(code),
            // An orphan; nix returns an error for one that a real-time signal killed.
            _ => {}
        }
    }
}

fn exit_code(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// The terminal on stdin, if doorstep had its foreground and gave it to the service.
struct Foreground(Option<Stdin>);

impl Foreground {
    /// Makes the service's process group the foreground, so that Ctrl-C and Ctrl-Z reach it and it may read. Does nothing
    /// where a shell has started doorstep in the background.
    fn give(service: Pid) -> Self {
        let stdin = std::io::stdin();
        // tcsetpgrp(3) from the background would stop this process.
        let mut terminal = SigSet::empty();
        terminal.add(Signal::SIGTTIN);
        terminal.add(Signal::SIGTTOU);
        let _ = terminal.thread_block();
        let is_ours = tcgetpgrp(&stdin).is_ok_and(|group| group == getpgrp());
        if !is_ours || tcsetpgrp(&stdin, service).is_err() {
            return Self(None);
        }
        // The service may have read from the terminal already, and been stopped by SIGTTIN.
        let _ = kill(service, Signal::SIGCONT);
        Self(Some(stdin))
    }

    /// Takes the foreground back before doorstep exits: a shell may have started it.
    fn take_back(self) {
        if let Some(stdin) = self.0 {
            let _ = tcsetpgrp(stdin, getpgrp());
        }
    }
}
