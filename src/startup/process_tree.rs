//! The processes of a child: its process group, what it has started outside of it, and what those have started.
//!
//! A process that has left the group (setsid, daemons) is recognized by the environment that it inherited, or by its
//! parent. Out of reach are a process that has left the group and its parent and whose environment is another one or not
//! readable (`env -i`, another user), and work that a server does on behalf of the child (Docker, systemd, a remote host).

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

/// The variable that marks the processes of one child; its value is unique.
pub(crate) const MARK: &str = "DOORSTEP_CHILD";

/// One process, as /proc shows it (`man 5 proc_pid_stat`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    /// It has exited, and is not reaped yet.
    is_zombie: bool,
    /// Its environment has the mark.
    is_marked: bool,
}

/// The processes of one child, looked up at each call.
#[derive(Debug)]
pub(crate) struct ProcessTree {
    /// The child leads this process group. It must not be reaped while the tree is in use: a zombie keeps the number.
    pub(crate) group: Pid,
    mark: Vec<u8>,
}

impl ProcessTree {
    /// The tree of the child that leads `group` and was started with this value of [`MARK`].
    pub(crate) fn new(group: Pid, mark: &str) -> Self {
        Self { group, mark: format!("{MARK}={mark}").into_bytes() }
    }

    /// Sends a signal to all of them.
    pub(crate) fn send(&self, signal: Signal) {
        // All at once, so that none of the group escapes by a fork. kill(2) fails only for processes that have exited.
        let _ = killpg(self.group, signal);
        for process in self.living().iter().flatten().filter(|process| process.group != self.group.as_raw()) {
            let _ = kill(Pid::from_raw(process.pid), signal);
        }
    }

    /// Whether all of them have exited. Without /proc, whether the group has.
    pub(crate) fn is_gone(&self) -> bool {
        match self.living() {
            Some(living) => living.is_empty(),
            None => killpg(self.group, None).is_err(),
        }
    }

    fn living(&self) -> Option<Vec<Process>> {
        let own = i32::try_from(std::process::id()).unwrap_or_default();
        let processes = std::fs::read_dir("/proc").ok()?.filter_map(|entry| {
            let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
            self.process(pid)
        });
        Some(members(&processes.collect::<Vec<_>>(), self.group.as_raw(), own))
    }

    /// `None` for one that has ended meanwhile.
    fn process(&self, pid: i32) -> Option<Process> {
        let mut process = parse(pid, &std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?;
        if process.group != self.group.as_raw() && !process.is_zombie {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            process.is_marked = environment.split(|byte| *byte == 0).any(|variable| variable == self.mark);
        }
        Some(process)
    }
}

/// A line of `/proc/PID/stat`. The second field is the name in parentheses, which may hold anything.
fn parse(pid: i32, stat: &str) -> Option<Process> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let is_zombie = matches!(fields.next()?, "Z" | "X");
    let (parent, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Process { pid, parent, group, is_zombie, is_marked: false })
}

/// The living members: those of the group, the marked ones, and all descendants of either. `own` is never one.
fn members(processes: &[Process], group: i32, own: i32) -> Vec<Process> {
    let others: Vec<Process> = processes.iter().copied().filter(|process| process.pid != own).collect();
    let (mut found, mut rest): (Vec<Process>, Vec<Process>) =
        others.into_iter().partition(|process| process.group == group || process.is_marked);
    loop {
        let (more, left): (Vec<Process>, Vec<Process>) =
            rest.into_iter().partition(|process| found.iter().any(|known| known.pid == process.parent));
        rest = left;
        if more.is_empty() {
            break;
        }
        found.extend(more);
    }
    found.retain(|process| !process.is_zombie);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32, group: i32) -> Process {
        Process { pid, parent, group, is_zombie: false, is_marked: false }
    }

    fn pids(processes: &[Process]) -> Vec<i32> {
        members(processes, 10, 2).iter().map(|process| process.pid).collect()
    }

    #[test]
    fn a_line_of_stat_is_read_whatever_the_name_is() {
        assert_eq!(parse(7, "7 (a) Z 9 (x) S 1 5 5 0"), Some(process(7, 1, 5)));
        assert!(parse(7, "7 (sh) Z 1 5 5 0").unwrap().is_zombie);
        assert_eq!(parse(7, "7 (sh"), None);
    }

    #[test]
    fn the_group_the_marked_and_their_descendants_are_members() {
        let group = [process(10, 2, 10), process(11, 10, 10)];
        let outside = [process(20, 11, 20), process(21, 20, 21)];
        let orphan = Process { is_marked: true, ..process(30, 1, 30) };
        let all = [&group[..], &outside, &[orphan, process(31, 30, 31)], &[process(40, 1, 40), process(2, 1, 2)]];
        assert_eq!(pids(&all.concat()), [10, 11, 30, 20, 31, 21]);
    }

    #[test]
    fn what_has_exited_is_no_member_and_leads_to_its_children() {
        let leader = Process { is_zombie: true, ..process(10, 2, 10) };
        assert_eq!(pids(&[leader]), [0; 0]);
        let daemon = Process { is_zombie: true, ..process(20, 10, 20) };
        assert_eq!(pids(&[leader, daemon, process(21, 20, 20)]), [21]);
    }

    #[test]
    fn doorstep_itself_is_no_member_of_an_outer_ones_child() {
        let own = Process { is_marked: true, ..process(2, 1, 2) };
        assert_eq!(pids(&[own, process(5, 2, 2)]), [0; 0]);
    }
}
