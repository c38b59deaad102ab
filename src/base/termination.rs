//! `/dev/termination-log`: what Kubernetes shows of a container that has ended (`kubectl describe pod`).

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Where a container finds it, unless its manifest says otherwise (`terminationMessagePath`).
const PLACE: &str = "/dev/termination-log";

/// Kubernetes keeps no more than this of a container's message.
const LIMIT: usize = 4096;

/// The file that the settings name.
static NAMED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Writes to this file instead of the usual one.
pub(crate) fn place(path: PathBuf) {
    *NAMED.lock().unwrap_or_else(PoisonError::into_inner) = Some(path);
}

/// Leaves `text` there, if the file exists: elsewhere there is nobody to read it. Never fails.
pub(crate) fn note(text: &str) {
    let named = NAMED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let path = named.unwrap_or_else(|| PLACE.into());
    // A pipe without a reader would never open.
    if !path.is_file() {
        return;
    }
    let text = &text[..text.floor_char_boundary(LIMIT)];
    if let Ok(mut file) = std::fs::OpenOptions::new().write(true).truncate(true).open(path) {
        let _ = file.write_all(text.as_bytes());
    }
}
