//! What the kernel needs to execute a file, looked at before the database work: a program of this machine with its loader,
//! or a script with its interpreter. Afterwards the kernel would refuse it with the same ENOENT as a missing file.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::base::error::Error;

/// What to do about a program for another processor or system.
pub(super) const FOR_THIS_MACHINE: &str =
    "check that it is complete, and built for the system and the processor of this image (docker build --platform)";

/// What to do about a program whose loader is missing.
pub(super) const FOR_THIS_LIBC: &str =
    "use an image with the libc that it was built for, or build it for this one (statically, for musl)";

/// How much of a file is looked at. Linkers put the name of the loader close to the headers.
const START: usize = 4096;

/// `e_machine` of programs that this processor executes without an emulator, which brings loaders of its own (elf.h: EM_386
/// and EM_X86_64, EM_ARM and EM_AARCH64).
const OWN_MACHINES: &[u16] = if cfg!(target_arch = "x86_64") {
    &[3, 62]
} else if cfg!(target_arch = "aarch64") {
    &[40, 183]
} else {
    &[]
};

/// Where execvp looks for a command: along `path`, unless the name has a slash.
pub(super) fn candidates(name: &OsStr, path: Option<&str>) -> Vec<PathBuf> {
    match name.as_encoded_bytes().contains(&b'/') {
        true => vec![PathBuf::from(name)],
        // The path that execvp searches without PATH.
        false => std::env::split_paths(path.unwrap_or("/bin:/usr/bin")).map(|dir| dir.join(name)).collect(),
    }
}

/// Whether this user may execute it.
pub(super) fn is_executable(path: &Path) -> bool {
    use nix::unistd::{AccessFlags, access};
    path.is_file() && access(path, AccessFlags::X_OK).is_ok()
}

/// Refuses what the kernel would refuse, and a script of `env` whose program is not on `path`.
///
/// # Errors
/// [`Error::CommandNotFound`] or [`Error::CommandNotExecutable`].
pub(super) fn check(program: &Path, path: Option<&str>) -> Result<(), Error> {
    // An executable need not be readable.
    let Ok(file) = File::open(program) else { return Ok(()) };
    let mut start = [0; START];
    let Ok(length) = file.read_at(&mut start, 0) else { return Ok(()) };
    match &start[..length] {
        [b'#', b'!', line @ ..] => check_script(program, line, path),
        start if start.starts_with(b"\x7fELF") => check_loader(program, &file, start),
        start => Err(other_file(program, start)),
    }
}

/// `line` begins after `#!`.
fn check_script(program: &Path, line: &[u8], path: Option<&str>) -> Result<(), Error> {
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let line = line.trim_start_matches([' ', '\t']);
    let (interpreter, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let shown = program.display();
    // env would look for a program whose name ends with it.
    let is_env = Path::new(interpreter).file_name() == Some(OsStr::new("env"));
    if interpreter.ends_with('\r') || (is_env && line.ends_with('\r')) {
        return Err(Error::CommandNotFound(format!(
            "{shown} was saved with Windows line ends, so its interpreter is looked for under a wrong name\n\
             next: convert it to LF: sed -i 's/\\r$//' {shown} (in git: *.sh text eol=lf in .gitattributes)"
        )));
    }
    if interpreter.is_empty() {
        return Err(Error::CommandNotExecutable(format!(
            "the #! line of {shown} names no interpreter\nnext: name one there, e.g. #!/bin/sh"
        )));
    }
    match Path::new(interpreter) {
        path if is_executable(path) => {}
        path if path.exists() => {
            return Err(Error::CommandNotExecutable(format!(
                "the interpreter {interpreter} of {shown} is not executable\nnext: correct the first line of {shown}"
            )));
        }
        _ => {
            return Err(Error::CommandNotFound(format!(
                "the interpreter {interpreter} of {shown} does not exist\nnext: install it, or correct the first line"
            )));
        }
    }
    let of_env = if is_env { program_of_env(argument.trim_matches([' ', '\t'])) } else { None };
    match of_env {
        Some(name) if !candidates(OsStr::new(name), path).iter().any(|path| is_executable(path)) => {
            Err(Error::CommandNotFound(format!(
                "the interpreter {name} of {shown} was not found\n\
                 next: install it, or check its name in the first line of {shown} and PATH ({})",
                path.unwrap_or("not set")
            )))
        }
        _ => Ok(()),
    }
}

/// The program that `env` starts, given all that follows it on a `#!` line, which the kernel passes as one argument; `None`
/// where env's options decide.
fn program_of_env(argument: &str) -> Option<&str> {
    let name = match argument.strip_prefix("-S") {
        Some(words) => words.split([' ', '\t']).find(|word| !word.is_empty())?,
        None => argument,
    };
    let is_plain = !name.is_empty() && !name.starts_with('-') && !name.contains(['=', '"', '\'', '\\', '$']);
    is_plain.then_some(name)
}

/// A program of this machine needs the loader that it names.
fn check_loader(program: &Path, file: &File, start: &[u8]) -> Result<(), Error> {
    let Some((offset, length)) = loader_place(start) else { return Ok(()) };
    let mut loader = vec![0; length];
    if file.read_exact_at(&mut loader, offset).is_err() {
        return Ok(());
    }
    let loader = String::from_utf8_lossy(&loader);
    let loader = loader.trim_end_matches('\0');
    match Path::new(loader).exists() {
        true => Ok(()),
        false => Err(Error::CommandNotFound(format!(
            "the loader {loader} of {} does not exist: was it built for another libc?\nnext: {FOR_THIS_LIBC}",
            program.display()
        ))),
    }
}

/// Where the name of the loader is (PT_INTERP of a program header, elf(5)), and how long with its NUL; `None` for a static
/// program, and for one of another machine.
fn loader_place(start: &[u8]) -> Option<(u64, usize)> {
    let number = |place: usize, bytes: usize| {
        let read = start.get(place..place.checked_add(bytes)?)?;
        Some(read.iter().rev().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    let is_little_endian = start.get(5) == Some(&1);
    let machine = u16::try_from(number(18, 2)?).ok()?;
    if !is_little_endian || !OWN_MACHINES.contains(&machine) {
        return None;
    }
    // Places and widths in files of 64 bits and of 32.
    let is_wide = start.get(4) == Some(&2);
    let (headers, size, count) = if is_wide { (32, 54, 56) } else { (28, 42, 44) };
    let (width, offset, length) = if is_wide { (8, 8, 32) } else { (4, 4, 16) };
    let (first, size) = (usize::try_from(number(headers, width)?).ok()?, usize::try_from(number(size, 2)?).ok()?);
    let mut places = (0..number(count, 2)?).map_while(|index| first.checked_add(usize::try_from(index).ok()? * size));
    let header = places.find(|place| number(*place, 4) == Some(3))?;
    let length = usize::try_from(number(header + length, width)?).ok().filter(|length| *length <= START)?;
    Some((number(header + offset, width)?, length))
}

/// A file that is neither a program of this system nor a script.
fn other_file(program: &Path, start: &[u8]) -> Error {
    let (why, next) = match start {
        [] => ("it is empty", "check how it came into the image".to_owned()),
        _ if start.contains(&0) => ("it is no program of this system", FOR_THIS_MACHINE.to_owned()),
        _ => ("it is no program, and has no #! line", format!("name its interpreter, e.g. sh {}", program.display())),
    };
    let shown = program.display();
    Error::CommandNotExecutable(format!("{shown} cannot be executed: {why}\nnext: {next}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(bytes: &[u8]) -> Result<(), String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program");
        std::fs::write(&path, bytes).unwrap();
        check(&path, Some("/usr/bin:/bin")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_missing_interpreter_is_named() {
        assert_eq!(checked(b"#!/bin/sh -e\n"), Ok(()));
        assert!(checked(b"#!/usr/bin/nope\n").unwrap_err().contains("/usr/bin/nope"));
        assert!(checked(b"#!/bin/sh\r\n").unwrap_err().contains("Windows line ends"));
        for fine in ["sh", " sh ", "-S sh -e", "-i", "-u X sh", "-S 'a b'", "X=1", "/bin/sh", ""] {
            assert_eq!(checked(format!("#!/usr/bin/env {fine}\n").as_bytes()), Ok(()), "{fine}");
        }
        for (missing, name) in
            [("nope", "nope"), ("sh -e", "sh -e"), ("-S nope -e", "nope"), ("/bin/nope", "/bin/nope")]
        {
            let error = checked(format!("#!/usr/bin/env {missing}\n").as_bytes()).unwrap_err();
            assert!(error.contains(&format!("the interpreter {name} of")), "{error}");
        }
    }

    #[test]
    fn a_missing_loader_is_named() {
        let own = std::fs::read("/bin/true").unwrap();
        assert_eq!(checked(&own), Ok(()));
        let (offset, length) = loader_place(&own).unwrap();
        let offset = usize::try_from(offset).unwrap();
        let mut other = own.clone();
        other[offset + length - 2] = b'X';
        assert!(checked(&other).unwrap_err().contains("does not exist: was it built for another libc?"));
        // A program of another processor may have an emulator, which has loaders elsewhere.
        other[18] = 243;
        assert_eq!(checked(&other), Ok(()));
        for cut in [6, 20, 64, 100] {
            assert_eq!(checked(&own[..cut]), Ok(()), "{cut}");
        }
    }
}
