//! SIGTERM and SIGINT from the first instruction. PID 1 has no default action for them (kernel rule,
//! `man 7 pid_namespaces`), so without a handler a container could not be stopped while it waits.
//!
//! The first signal asks the pipeline to stop; the second one ends the process at once with 128+n.

use std::cell::{Cell, RefCell};
use std::io::{self, Read as _, Write as _};
use std::ops::RangeInclusive;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow};
use signal_hook::consts::{
    FORBIDDEN, SIGABRT, SIGBUS, SIGHUP, SIGINT, SIGQUIT, SIGSYS, SIGTERM, SIGTRAP, SIGTTIN, SIGTTOU,
};
use signal_hook::iterator::Signals;
use signal_hook::{SigId, flag, low_level};

/// Signals that ask a process to end.
const TERMINATING: [i32; 4] = [SIGTERM, SIGINT, SIGQUIT, SIGHUP];

/// Signals that are about this process itself: the kernel reports a fault of its own, or that it must not touch
/// the terminal. [`FORBIDDEN`] has the rest of them.
const OWN: [i32; 6] = [SIGABRT, SIGBUS, SIGSYS, SIGTRAP, SIGTTIN, SIGTTOU];

/// The real-time signals that a program linked with musl may handle: the kernel has 32 to 64, and musl keeps the first three
/// for its threads (glibc the first two).
const REAL_TIME: RangeInclusive<i32> = 35..=64;

/// How long after a signal a start may go on: to cancel a migration, record how it ended, or let a child end. Kubernetes
/// and Docker are promised 8 s (docs/processes.md).
const GRACE: Duration = Duration::from_millis(7500);

/// The handlers, and the signal that was caught.
#[derive(Debug)]
pub(crate) struct Stop {
    raised: Arc<AtomicUsize>,
    /// The next signal ends the process.
    armed: Arc<AtomicBool>,
    /// The handlers that set `armed`; none while the caller answers second signals itself.
    arming: RefCell<Vec<SigId>>,
    /// A signal has arrived since the last look.
    again: Arc<AtomicBool>,
    wake: UnixStream,
    /// The other end of `wake`.
    waker: UnixStream,
    /// The time of the start is up.
    expired: Cell<bool>,
    deferred: Cell<bool>,
    /// The handlers that end the process at a second signal.
    last_words: Vec<SigId>,
}

/// Installs the handlers; call it first in `main`.
///
/// Signals that a parent ignored get a handler: the kernel resets handlers on exec, so the service starts with
/// defaults. Only a SIGHUP ignored by `nohup` stays ignored, which is what nohup is for. The mask that a parent left
/// behind is cleared once the handlers are installed: signals that it blocked until then are delivered.
///
/// # Errors
/// When the kernel refuses a handler or a socket pair.
pub(crate) fn listen() -> io::Result<Stop> {
    let raised = Arc::new(AtomicUsize::new(0));
    let (armed, again) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let (wake, waker) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    let ignored = ignored_signals();
    let is_ignored = |signal: &i32| ignored & (1 << (signal - 1)) != 0;
    let others = (1..32).chain(REAL_TIME).filter(|signal| !TERMINATING.contains(signal) && is_ignored(signal));
    for signal in others.filter(|signal| !FORBIDDEN.contains(signal)) {
        flag::register(signal, Arc::default())?;
    }
    let (mut last_words, mut arming) = (Vec::new(), Vec::new());
    for signal in TERMINATING {
        if signal == SIGHUP && is_ignored(&SIGHUP) {
            continue;
        }
        // Order matters: the second signal must find `armed` set by the first one.
        last_words.push(flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&armed))?);
        arming.push(flag::register(signal, Arc::clone(&armed))?);
        flag::register(signal, Arc::clone(&again))?;
        flag::register_usize(signal, Arc::clone(&raised), usize::try_from(signal).unwrap_or(0))?;
        low_level::pipe::register(signal, waker.try_clone()?)?;
    }
    SigSet::empty().thread_set_mask()?;
    let (expired, deferred) = (Cell::new(false), Cell::new(false));
    Ok(Stop { raised, armed, arming: arming.into(), again, wake, waker, expired, deferred, last_words })
}

/// Blocks all signals while `work` replaces the process with another doorstep. They stay pending across exec, and are
/// delivered once the new process has installed its handlers and cleared the mask.
pub(crate) fn held_back<T>(work: impl FnOnce() -> T) -> T {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK);
    let result = work();
    let _ = before.and_then(|before| before.thread_set_mask());
    result
}

/// The `SigIgn` mask this process was started with (`man 5 proc`); zero where /proc is absent.
fn ignored_signals() -> u64 {
    // With room for all of it, two read(2) do; a file of /proc has no length beforehand.
    let mut status = String::with_capacity(4096);
    let read = std::fs::File::open("/proc/self/status").and_then(|mut file| file.read_to_string(&mut status));
    read.ok()
        .and_then(|_| {
            let line = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(line.trim(), 16).ok()
        })
        .unwrap_or(0)
}

impl Stop {
    /// The signal that arrived, if any.
    #[must_use]
    pub(crate) fn signal(&self) -> Option<u8> {
        u8::try_from(self.raised.load(Ordering::SeqCst)).ok().filter(|signal| *signal != 0)
    }

    /// The same signals, for work that goes on beside other work and defers them for itself.
    ///
    /// # Errors
    /// When the kernel refuses a descriptor.
    pub(crate) fn beside(&self) -> io::Result<Self> {
        Ok(Self {
            raised: Arc::clone(&self.raised),
            armed: Arc::clone(&self.armed),
            arming: RefCell::default(),
            again: Arc::clone(&self.again),
            wake: self.wake.try_clone()?,
            waker: self.waker.try_clone()?,
            expired: Cell::new(false),
            deferred: Cell::new(false),
            last_words: Vec::new(),
        })
    }

    /// From here on every signal that can be passed on is handed out one by one, SIGCHLD among them, and no second
    /// one ends the process. One that `nohup` has ignored stays ignored.
    ///
    /// # Errors
    /// When the kernel refuses a handler.
    pub(crate) fn hand_out(&self) -> io::Result<Signals> {
        let ignored = ignored_signals();
        let is_passed_on =
            |signal: &i32| !FORBIDDEN.contains(signal) && !OWN.contains(signal) && ignored & (1 << (signal - 1)) == 0;
        let signals = Signals::new((1..32).chain(REAL_TIME).filter(is_passed_on))?;
        for handler in &self.last_words {
            low_level::unregister(*handler);
        }
        Ok(signals)
    }

    /// Stops the start as a SIGTERM would: its time is up.
    pub(crate) fn expire(&self) {
        self.expired.set(true);
        let sigterm = usize::try_from(SIGTERM).unwrap_or(0);
        let _ = self.raised.compare_exchange(0, sigterm, Ordering::SeqCst, Ordering::SeqCst);
        // The pipe is full only where a byte keeps it readable already.
        let _ = (&self.waker).write(&[0]);
    }

    /// Whether the time of the start was up.
    pub(crate) fn has_expired(&self) -> bool {
        self.expired.get()
    }

    /// Completes once a signal has arrived, whether or not signals are deferred.
    pub(crate) async fn raised(&self) -> u8 {
        loop {
            if let Some(signal) = self.signal() {
                return signal;
            }
            // Never drained: one byte keeps it readable, and one signal is enough to stop.
            let readable = match self.wake.try_clone().and_then(tokio::net::UnixStream::from_std) {
                Ok(stream) => stream.readable().await,
                Err(error) => Err(error),
            };
            if readable.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Completes once a signal has arrived, unless a step defers signals: it then stays pending.
    pub(crate) async fn undeferred(&self) -> u8 {
        let signal = self.raised().await;
        if self.deferred.get() {
            std::future::pending::<()>().await;
        }
        signal
    }

    /// Completes [`GRACE`] after a signal has arrived, whether or not signals are deferred: what has not ended by then, such
    /// as a query to a server that does not answer, is left.
    pub(crate) async fn grace_over(&self) -> u8 {
        let signal = self.raised().await;
        tokio::time::sleep(GRACE).await;
        signal
    }

    /// From here on a second signal does not end the process at once: the caller asks for it with [`Stop::came_again`].
    pub(crate) fn answer_all(&self) {
        self.arming.borrow_mut().drain(..).for_each(|handler| {
            low_level::unregister(handler);
        });
        self.armed.store(false, Ordering::SeqCst);
    }

    /// From here on a second signal ends the process at once again.
    pub(crate) fn answer_first(&self) {
        let armed = TERMINATING.iter().filter_map(|signal| flag::register(*signal, Arc::clone(&self.armed)).ok());
        self.arming.borrow_mut().extend(armed);
        self.armed.store(self.signal().is_some(), Ordering::SeqCst);
    }

    /// Whether a signal has arrived since the last call.
    pub(crate) fn came_again(&self) -> bool {
        self.again.swap(false, Ordering::SeqCst)
    }

    /// From here on the caller answers signals itself: [`Stop::undeferred`] stays pending.
    pub(crate) fn defer_signals(&self) {
        self.deferred.set(true);
    }

    /// From here on a signal stops the start at once again.
    pub(crate) fn end_deferral(&self) {
        self.deferred.set(false);
    }
}

/// The usual name of a signal number.
pub(crate) fn name(signal: u8) -> String {
    low_level::signal_name(i32::from(signal)).map_or_else(|| format!("signal {signal}"), str::to_owned)
}
