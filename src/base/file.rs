//! Reads files that a project or a deployment gives. A FIFO would block the start for ever, and a device or a growing log
//! would fill the memory: only regular files are read (also at the end of symbolic links, as in a mounted ConfigMap), up to
//! a limit for each kind.

use std::fmt::Display;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::libc::{EISDIR, O_CLOEXEC, O_NOCTTY, O_NONBLOCK};

/// What a file is for. It decides how long the file may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// A URL or a password.
    Secret,
    /// doorstep.toml, alembic.ini, package.json, migration_lock.toml, pg_service.conf, .pgpass.
    Configuration,
    /// Certificates, also all that a system trusts, and keys.
    #[cfg(feature = "postgres")]
    Certificates,
    /// A Prisma schema, or a file of Python or TypeScript that is read as text.
    Source,
    /// A snapshot.
    Snapshot,
    /// A script, which one message to the server carries: PostgreSQL takes 1 GiB.
    Migration,
}

impl FileKind {
    /// The most bytes that are read.
    pub(crate) const fn limit(self) -> u64 {
        const MIB: u64 = 1024 * 1024;
        match self {
            Self::Secret => 64 * 1024,
            Self::Configuration => MIB,
            #[cfg(feature = "postgres")]
            Self::Certificates => 4 * MIB,
            Self::Source => 16 * MIB,
            Self::Snapshot => 64 * MIB,
            Self::Migration => 256 * MIB,
        }
    }
}

/// The content of a regular file.
///
/// # Errors
/// Those of open(2) and read(2); [`ErrorKind::IsADirectory`]; [`ErrorKind::InvalidInput`] for what is no regular file;
/// [`ErrorKind::FileTooLarge`] for more than the limit.
pub(crate) fn read(path: &Path, kind: FileKind) -> Result<Vec<u8>> {
    // Before open(2) as well: to open a device may have an effect (a tape rewinds).
    check(&std::fs::metadata(path)?, kind)?;
    // O_NONBLOCK: a FIFO may have taken the file's place, and open(2) would wait for a writer.
    let file = OpenOptions::new().read(true).custom_flags(O_NONBLOCK | O_CLOEXEC | O_NOCTTY).open(path)?;
    let metadata = file.metadata()?;
    check(&metadata, kind)?;
    read_all(&file, &metadata, kind)
}

/// The same as text.
///
/// # Errors
/// As [`read`]; [`ErrorKind::InvalidData`] for what is not UTF-8.
pub(crate) fn read_text(path: &Path, kind: FileKind) -> Result<String> {
    String::from_utf8(read(path, kind)?)
        .map_err(|_| Error::new(ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
}

/// Whether it is a regular file that is not too long.
pub(crate) fn check(metadata: &Metadata, kind: FileKind) -> Result<()> {
    if let Some(error) = irregular(metadata) {
        return Err(error);
    }
    if metadata.len() > kind.limit() { Err(too_long(kind)) } else { Ok(()) }
}

/// The error for what is no regular file.
pub(crate) fn irregular(metadata: &Metadata) -> Option<Error> {
    let file_type = metadata.file_type();
    let what = match file_type {
        _ if file_type.is_file() => return None,
        _ if file_type.is_dir() => return Some(Error::from_raw_os_error(EISDIR)),
        _ if file_type.is_fifo() => "a FIFO",
        _ if file_type.is_socket() => "a socket",
        _ => "a device",
    };
    Some(Error::new(ErrorKind::InvalidInput, format!("it is {what}, not a regular file")))
}

/// The content of an open file that [`check`] lets pass.
///
/// # Errors
/// Those of read(2); [`ErrorKind::FileTooLarge`] for a file that has grown beyond the limit meanwhile.
pub(crate) fn read_all(file: &File, metadata: &Metadata, kind: FileKind) -> Result<Vec<u8>> {
    // With room for more than the file has, one read(2) tells that nothing follows: it gives less than it could.
    let mut bytes = vec![0; usize::try_from(metadata.len()).unwrap_or(0).saturating_add(1)];
    let length = fill(&mut &*file, &mut bytes)?;
    if length < bytes.len() {
        bytes.truncate(length);
        return Ok(bytes);
    }
    // It has grown since, or /proc names no length.
    file.take(kind.limit()).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > kind.limit() {
        return Err(too_long(kind));
    }
    Ok(bytes)
}

/// Reads until the end of the file, or until the buffer is full; gives how much. The buffer has room for a byte more than the file had: a
/// read(2) that leaves just this byte free has reached the end, and no other one follows.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> Result<usize> {
    let (mut length, expected) = (0, buffer.len() - 1);
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(read) if length + read == expected => return Ok(expected),
            Ok(read) => length += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

fn too_long(kind: FileKind) -> Error {
    Error::new(ErrorKind::FileTooLarge, format!("it has more than {} bytes", kind.limit()))
}

/// The text of an error for a file or a folder that cannot be read: what happened, to which one, and what to do next.
pub(crate) fn unreadable(shown: impl Display, error: &Error) -> String {
    format!("cannot read {shown}: {error}\nnext: {}", way_to_read(error))
}

/// What to do about a file that cannot be read.
pub(crate) fn way_to_read(error: &Error) -> &'static str {
    match error.kind() {
        ErrorKind::NotFound => "check the path, and that the image or the volume contains it",
        ErrorKind::PermissionDenied => "let this user read it, and enter the folders above it (chmod, chown)",
        ErrorKind::IsADirectory => "name a file, this is a folder",
        ErrorKind::NotADirectory => "check the path: a part of it is a file",
        ErrorKind::InvalidInput => "put a regular file in its place",
        ErrorKind::FileTooLarge => "check that it is the right file",
        ErrorKind::InvalidData => "save it as UTF-8",
        _ => "repair what the message names (the file system, the volume), and start again",
    }
}

/// The same for a file that cannot be written.
pub(crate) fn unwritable(path: &Path, error: &Error) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let next = match error.kind() {
        ErrorKind::NotFound if !folder.exists() => format!("create the folder first: mkdir -p {}", folder.display()),
        ErrorKind::PermissionDenied => "let this user write there (chmod, chown), or name another place".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "name a place on a volume that can be written".to_owned(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free space there, or name another place".to_owned(),
        ErrorKind::IsADirectory => format!("name another place: {} is a folder", path.display()),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => "name another place: a file is in the way".to_owned(),
        _ => "name another place".to_owned(),
    };
    format!("cannot write {}: {error}\nnext: {next}", path.display())
}

/// The operating system's message without its number: `connection refused`.
pub(crate) fn reason(error: &Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much was read of each time.
    struct Pieces(Vec<usize>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            match self.0.pop() {
                Some(0) => Err(ErrorKind::Interrupted.into()),
                piece => Ok(piece.unwrap_or_default().min(buffer.len())),
            }
        }
    }

    #[test]
    fn a_read_that_is_interrupted_or_short_goes_on() {
        for (pieces, length) in
            [(vec![], 0), (vec![7], 7), (vec![4, 0, 3], 7), (vec![1, 3], 4), (vec![9], 8), (vec![8, 0], 8)]
        {
            assert_eq!(fill(&mut Pieces(pieces.clone()), &mut [0; 8]).unwrap(), length, "{pieces:?}");
        }
        assert_eq!(fill(&mut Pieces(vec![5]), &mut [0; 1]).unwrap(), 1);
    }

    #[test]
    fn regular_files_are_read_up_to_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let limit = usize::try_from(FileKind::Secret.limit()).unwrap();
        std::fs::write(&path, vec![b'x'; limit]).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(read(&link, FileKind::Secret).unwrap().len(), limit);
        std::fs::write(&path, vec![b'x'; limit + 1]).unwrap();
        assert_eq!(read(&path, FileKind::Secret).unwrap_err().to_string(), "it has more than 65536 bytes");
        assert_eq!(read(&path, FileKind::Source).unwrap().len(), limit + 1);
    }

    #[test]
    fn what_is_no_file_is_told_without_reading_it() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let dangling = folder.path().join("dangling");
        std::os::unix::fs::symlink("nowhere", &dangling).unwrap();
        let said = |path: &Path| read_text(path, FileKind::Source).unwrap_err().to_string();
        assert_eq!(said(&fifo), "it is a FIFO, not a regular file");
        assert_eq!(said(&socket), "it is a socket, not a regular file");
        assert_eq!(said(Path::new("/dev/zero")), "it is a device, not a regular file");
        assert_eq!(read(folder.path(), FileKind::Source).unwrap_err().kind(), ErrorKind::IsADirectory);
        assert_eq!(read(&dangling, FileKind::Source).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(read_text(Path::new("/proc/self/status"), FileKind::Configuration).unwrap().contains("Pid:"));
    }
}
