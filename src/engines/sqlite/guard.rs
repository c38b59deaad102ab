//! The lock that remains while another program works on an SQLite file (`suspend_lock`).

use std::fs::File;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// A lock on the file (flock) that SQLite itself does not use, so that it excludes other doorsteps only.
#[derive(Debug)]
pub(crate) enum Guard {
    /// Not opened yet.
    Unopened,
    /// Open, and not locked.
    Open(File),
    /// Locked by this process.
    Locked(Flock<File>),
    /// The file system has no such locks.
    Unavailable,
}

impl Guard {
    /// Locks; false where another process has done so.
    pub(crate) fn lock(&mut self, path: &Path) -> bool {
        let file = match std::mem::replace(self, Self::Unavailable) {
            Self::Unopened => File::open(path).ok(),
            Self::Open(file) => Some(file),
            known @ (Self::Locked(_) | Self::Unavailable) => {
                *self = known;
                return true;
            }
        };
        let Some(file) = file else { return true };
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => *self = Self::Locked(locked),
            Err((file, Errno::EWOULDBLOCK)) => {
                *self = Self::Open(file);
                return false;
            }
            Err((_, _)) => {}
        }
        true
    }

    /// Unlocks, and keeps the file open.
    pub(crate) fn unlock(&mut self) {
        *self = match std::mem::replace(self, Self::Unavailable) {
            Self::Locked(locked) => locked.unlock().map_or(Self::Unavailable, Self::Open),
            other => other,
        };
    }
}
