//! `/dev/termination-log`: what Kubernetes shows of a container that has ended (`kubectl describe pod`).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where a container finds it, unless its manifest says otherwise (`terminationMessagePath`).
const PLACE: &str = "/dev/termination-log";

/// Kubernetes keeps no more than this of a container's message.
const LIMIT: usize = 4096;

/// The file that the settings name.
static NAMED: OnceLock<PathBuf> = OnceLock::new();

/// Writes to this file instead of the usual one.
pub fn place(path: PathBuf) {
    let _ = NAMED.set(path);
}

/// Leaves `text` there, if the file exists: elsewhere there is nobody to read it. Never fails.
pub fn note(text: &str) {
    let path = NAMED.get().map_or(Path::new(PLACE), PathBuf::as_path);
    let text = &text[..text.floor_char_boundary(LIMIT)];
    if let Ok(mut file) = std::fs::OpenOptions::new().write(true).truncate(true).open(path) {
        let _ = file.write_all(text.as_bytes());
    }
}
