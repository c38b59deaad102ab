//! The binary: the only place that exits.

use std::ffi::OsString;
use std::process::ExitCode;

/// musl's own allocator asks the kernel for pages and gives them back hundreds of times in one start.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| std::process::exit(doorstep::panicked(panic).into())));
    let arguments: Vec<OsString> = std::env::args_os().collect();
    ExitCode::from(doorstep::main(&arguments))
}
