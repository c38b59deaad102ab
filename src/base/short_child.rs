//! A child process whose output doorstep reads as an answer: a question to a tool, a check of `wait_for`, a password.
//!
//! It leads a process group of its own. Nothing of the group outlives the child, or the [`ShortChild`] where that is dropped
//! first, as at a deadline.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::base::signal;

/// How long to read what a child has left in the pipe.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// How often to look whether an orphan that was killed has ended, and the pause between two looks.
const MOMENTS: u32 = 100;
const MOMENT: Duration = Duration::from_millis(1);

/// Which output is read; the other one is discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Captured {
    /// Only stdout.
    Stdout,
    /// Both, in the order in which they are written.
    Both,
}

/// A child that runs.
pub(crate) struct ShortChild {
    process: Process,
    output: Receiver,
}

/// How a child ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Answered {
    /// Its exit code or signal.
    pub(crate) status: ExitStatus,
    /// Its output.
    pub(crate) output: Vec<u8>,
}

impl ShortChild {
    /// Starts the command, with an empty stdin.
    ///
    /// # Errors
    /// Those of pipe(2), fork(2) and execve(2).
    pub(crate) fn start(mut command: Command, captured: Captured) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let output = Receiver::from_owned_fd(reader.into())?;
        let stderr = match captured {
            Captured::Stdout => Stdio::null(),
            Captured::Both => writer.try_clone()?.into(),
        };
        command.stdin(Stdio::null()).stdout(writer).stderr(stderr).process_group(0);
        Ok(Self { process: Process { child: command.spawn()?, is_reaped: false }, output })
    }

    /// Awaits its end, and kills what it has left of its group.
    ///
    /// # Errors
    /// Why there is no answer, as what follows the name of the command: `prints too much`.
    pub(crate) async fn answer(mut self, largest: usize) -> Result<Answered, String> {
        let group = self.process.group();
        // WNOWAIT leaves the child a zombie, so its PID cannot be reused before the group is killed.
        let mut end = tokio::task::spawn_blocking(move || await_end(group));
        let mut output = Vec::new();
        let mut is_over = false;
        loop {
            tokio::select! {
                _ = &mut end => break,
                read = self.output.read_buf(&mut output), if !is_over => is_over = over(read)?,
            }
            if output.len() > largest {
                return Err(format!("prints too much (more than {largest} bytes)"));
            }
        }
        let status = self.process.stop().ok_or_else(|| "ended in an unknown way".to_owned())?;
        let rest = async {
            while !is_over && output.len() <= largest {
                is_over = over(self.output.read_buf(&mut output).await)?;
            }
            Ok::<(), String>(())
        };
        // A process that has left the group may keep the pipe open.
        tokio::time::timeout(LAST_WORDS, rest).await.unwrap_or(Ok(()))?;
        match output.len() > largest {
            true => Err(format!("prints too much (more than {largest} bytes)")),
            false => Ok(Answered { status, output }),
        }
    }
}

/// Whether a read has met the end of the output.
fn over(read: io::Result<usize>) -> Result<bool, String> {
    read.map(|length| length == 0).map_err(|error| format!("cannot be read from: {error}"))
}

/// The leader of a process group.
struct Process {
    child: Child,
    is_reaped: bool,
}

impl Process {
    fn group(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX))
    }

    /// Kills what is left of the group, and reaps the child. The signal comes first: until the child is reaped, its PID
    /// cannot be reused.
    fn stop(&mut self) -> Option<ExitStatus> {
        if self.is_reaped {
            return None;
        }
        let _ = killpg(self.group(), Signal::SIGKILL);
        self.is_reaped = true;
        let status = self.child.wait().ok();
        self.reap_orphans();
        status
    }

    /// As PID 1 doorstep inherits what the child has left: reaps those of its group, which have just been killed, so that the service
    /// finds no zombies. Other children of doorstep are left to those who wait for them.
    fn reap_orphans(&self) {
        let group = Pid::from_raw(-self.group().as_raw());
        for _ in 0..MOMENTS {
            match waitpid(group, Some(WaitPidFlag::WNOHANG)) {
                // ECHILD: none of them is a child of this process.
                Err(_) => return,
                Ok(WaitStatus::StillAlive) => std::thread::sleep(MOMENT),
                Ok(_) => {}
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Blocks until the child has exited, and leaves it a zombie for `wait`.
pub(crate) fn await_end(pid: Pid) {
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(nix::errno::Errno::EINTR) {}
}

/// How a child ended, in words.
pub(crate) fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal().and_then(|signal| u8::try_from(signal).ok())) {
        (Some(code), _) => format!("exited with {code}"),
        (None, Some(signal)) => format!("was killed by {}", signal::name(signal)),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(script: &str, captured: Captured, largest: usize) -> Result<(i32, String), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            let answered = ShortChild::start(command, captured).unwrap().answer(largest).await?;
            Ok((answered.status.code().unwrap(), String::from_utf8(answered.output).unwrap()))
        })
    }

    #[test]
    fn the_output_is_read_up_to_its_end_or_its_limit() {
        let both = answer("echo a; echo b >&2; exit 3", Captured::Both, 100);
        assert_eq!(both, Ok((3, "a\nb\n".to_owned())));
        assert_eq!(answer("echo a; echo b >&2", Captured::Stdout, 2), Ok((0, "a\n".to_owned())));
        assert_eq!(answer("echo ab", Captured::Stdout, 2), Err("prints too much (more than 2 bytes)".to_owned()));
        assert_eq!(answer("yes", Captured::Stdout, 2), Err("prints too much (more than 2 bytes)".to_owned()));
    }

    #[test]
    fn what_a_child_leaves_behind_is_killed() {
        // Its reader would wait for the end of the pipe for ever.
        let left = answer("sleep 1000 & echo $!", Captured::Both, 100).unwrap().1;
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", left.trim()));
        let ends = std::time::Instant::now() + Duration::from_secs(20);
        while state().is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(std::time::Instant::now() < ends, "process {left} is left");
            std::thread::yield_now();
        }
    }
}
