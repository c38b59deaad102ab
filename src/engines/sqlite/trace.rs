//! The file of a database, looked at without opening it as one ([`crate::engines::trace`]).
//!
//! Whether another process has locked it is asked of the kernel (`F_GETLK`, `man 2 fcntl`), which takes no lock: to try
//! SQLite's own lock would make the service's next write fail. The places of the locks are SQLite's (`os_unix.c`:
//! PENDING_BYTE and what follows it; in WAL mode WAL_WRITE_LOCK of the shared memory).

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::unistd::{AccessFlags, access};

use crate::base::file::irregular;
use crate::engines::sqlite::Target;
use crate::engines::trace::{FileLock, FileState, FileTrace, Trace};

/// PENDING_BYTE and RESERVED_BYTE.
const WRITERS: (i64, i64) = (0x4000_0000, 2);

/// The range of SHARED locks, behind them.
const READERS: (i64, i64) = (0x4000_0002, 510);

/// WAL_WRITE_LOCK: the first byte of the locks in the file of the shared memory (`walformat.html`, 2.3.1).
const WAL_WRITER: (i64, i64) = (120, 1);

/// Looks at the file.
pub(crate) fn trace(target: &Target) -> Trace {
    Trace::File(FileTrace { path: target.shown(), state: state(&target.path) })
}

fn state(path: &Path) -> FileState {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return FileState::Absent,
        Err(error) => return FileState::Unusable(error.to_string()),
    };
    if let Some(error) = irregular(&metadata) {
        return FileState::Unusable(error.to_string());
    }
    let directory = path.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
    FileState::Present {
        size: metadata.len(),
        is_writable: access(path, AccessFlags::W_OK).is_ok(),
        is_directory_writable: access(directory, AccessFlags::W_OK).is_ok(),
        locks: locks(path),
    }
}

fn locks(path: &Path) -> Vec<FileLock> {
    let mut memory: PathBuf = path.to_owned();
    memory.as_mut_os_string().push("-shm");
    let asked = [(path, WRITERS, true), (memory.as_path(), WAL_WRITER, true), (path, READERS, false)];
    let held = |(path, range, is_exclusive): (&Path, (i64, i64), bool)| {
        let (pid, is_write) = holder(path, range)?;
        Some(FileLock { is_exclusive: is_exclusive || is_write, pid })
    };
    // One that excludes all others says enough.
    let found: Vec<FileLock> = asked.into_iter().filter_map(held).collect();
    found.iter().find(|lock| lock.is_exclusive).map_or(found.clone(), |lock| vec![lock.clone()])
}

/// Who would keep a write lock on this range from being taken, and whether by a write lock.
fn holder(path: &Path, (start, length): (i64, i64)) -> Option<(Option<u32>, bool)> {
    let file = File::open(path).ok()?;
    let mut lock = libc::flock {
        l_type: libc::c_short::try_from(libc::F_WRLCK).ok()?,
        l_whence: libc::c_short::try_from(libc::SEEK_SET).ok()?,
        l_start: start,
        l_len: length,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_GETLK(&mut lock)).ok()?;
    let is = |kind: libc::c_int| libc::c_int::from(lock.l_type) == kind;
    (!is(libc::F_UNLCK)).then(|| (u32::try_from(lock.l_pid).ok().filter(|pid| *pid > 0), is(libc::F_WRLCK)))
}
