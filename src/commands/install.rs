//! `install DIR`: copies this binary, for images that have no `cp` (an init container that hands
//! doorstep to the next one through a shared volume).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::base::error::Error;
use crate::base::file::{unreadable, unwritable};
use crate::commands::invocation::Next;
use crate::commands::output;

/// Arguments of `install`.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Where to
    dir: PathBuf,
}

/// Copies, and prints the path of the copy. Needs no settings.
///
/// # Errors
/// [`Error::Os`].
pub(crate) fn run(args: &Args) -> Result<Next, Error> {
    output::print(&format!("{}\n", copy_to(&args.dir)?.display()))?;
    Ok(Next::Exit(0))
}

/// Copies this binary to `directory/doorstep`. The rename replaces an older copy in one step, so that no process starts
/// a half-written one, and a running one stays untouched.
fn copy_to(directory: &Path) -> Result<PathBuf, Error> {
    let myself = std::env::current_exe().map_err(|error| Error::Os(unreadable("/proc/self/exe", &error)))?;
    std::fs::create_dir_all(directory).map_err(|error| Error::Os(unwritable(directory, &error)))?;
    let path = directory.join("doorstep");
    let temporary = directory.join(format!(".doorstep.{}", std::process::id()));
    let copy = std::fs::copy(&myself, &temporary)
        .and_then(|_| std::fs::set_permissions(&temporary, PermissionsExt::from_mode(0o755)))
        .and_then(|()| std::fs::rename(&temporary, &path));
    copy.map_err(|error| {
        let _ = std::fs::remove_file(&temporary);
        Error::Os(unwritable(&path, &error))
    })?;
    Ok(path)
}
