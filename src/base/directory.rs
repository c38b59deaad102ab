//! Reads many small files of one directory.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;

use crate::base::file::{self, FileKind};

/// What the files are.
const KIND: FileKind = FileKind::Migration;

/// An open directory. A file is found from here, not from the working directory, and read with four system calls;
/// `std::fs::read` takes six with musl, whose `open` sets FD_CLOEXEC twice. A folder of 100 migrations is a tenth of the
/// processor time of a start.
pub(crate) struct Directory(OwnedFd);

impl Directory {
    /// Opens the directory.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self(open(path, flags, Mode::empty())?))
    }

    /// The content of a file, by its path from this directory.
    ///
    /// # Errors
    /// The kernel's, and those of [`file::read`] for what is no regular file or is too long.
    pub(crate) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let file = loop {
            // O_NONBLOCK: open(2) of a FIFO would wait for a writer.
            let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK;
            match openat(&self.0, path, flags, Mode::empty()) {
                Err(nix::Error::EINTR) => {}
                // open(2) of a socket.
                Err(nix::Error::ENXIO) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a socket, not a regular file"));
                }
                opened => break File::from(opened?),
            }
        };
        let status = file.metadata()?;
        file::check(&status, KIND)?;
        file::read_all(&file, &status, KIND)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNK: usize = 16 * 1024;

    #[test]
    fn a_file_is_read_whole_whatever_its_length() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Directory::open(folder.path()).unwrap();
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 7, 3] {
            let content: Vec<u8> = (0..length).map(|index| u8::try_from(index % 251).unwrap()).collect();
            std::fs::write(folder.path().join("file"), &content).unwrap();
            assert!(directory.read(Path::new("file")).unwrap() == content, "{length}");
        }
    }

    #[test]
    fn errors_are_those_of_the_standard_library() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("inner")).unwrap();
        let directory = Directory::open(folder.path()).unwrap();
        for path in ["absent", "inner", "inner/absent"] {
            let expected = std::fs::read(folder.path().join(path)).unwrap_err();
            let found = directory.read(Path::new(path)).unwrap_err();
            assert_eq!((found.kind(), found.to_string()), (expected.kind(), expected.to_string()), "{path}");
        }
        assert!(Directory::open(&folder.path().join("absent")).is_err());
    }
}
