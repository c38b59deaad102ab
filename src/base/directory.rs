//! Reads many small files of one directory.

use std::fs::File;
use std::io::{self, Read as _};
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
        let expected = usize::try_from(status.len()).unwrap_or(usize::MAX);
        // With room for more than the file has, one read(2) tells that nothing follows: it gives less than it could.
        let mut content = vec![0; expected.saturating_add(1)];
        let length = fill(&mut &file, &mut content)?;
        if length < content.len() {
            content.truncate(length);
            return Ok(content);
        }
        // It is being written, or has no length beforehand.
        file.take(KIND.limit()).read_to_end(&mut content)?;
        if u64::try_from(content.len()).unwrap_or(u64::MAX) > KIND.limit() {
            return Err(file::too_long(KIND));
        }
        Ok(content)
    }
}

/// Reads until the end of the file, or until the buffer is full; gives how much. A read(2) that gives all but the last byte is not
/// followed by another one.
fn fill(file: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<usize> {
    let (mut length, expected) = (0, buffer.len() - 1);
    while length < buffer.len() {
        match file.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(read) if length + read == expected => return Ok(expected),
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much was read of each time.
    struct Pieces(Vec<usize>);

    impl io::Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.pop() {
                Some(0) => Err(io::ErrorKind::Interrupted.into()),
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
