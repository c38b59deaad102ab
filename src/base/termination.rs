//! `/dev/termination-log`: the file whose content Kubernetes shows for a terminated container (`kubectl describe pod`).

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::base::neutral;

/// The default of Kubernetes (`terminationMessagePath`).
const PLACE: &str = "/dev/termination-log";

/// Kubernetes keeps at most this many bytes.
const LIMIT: usize = 4096;

/// The file that a setting names.
static NAMED: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Sets the file to write to instead of the default.
pub(crate) fn place(path: PathBuf) {
    *NAMED.lock().unwrap_or_else(PoisonError::into_inner) = Some(path);
}

/// Writes `text` to it, if the file exists: Kubernetes creates it, and elsewhere it has no reader. Never fails.
pub(crate) fn note(text: &str) {
    let named = NAMED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let path = named.unwrap_or_else(|| PLACE.into());
    // Opening a pipe without a reader would block.
    if !path.is_file() {
        return;
    }
    let text = neutral::text(text);
    let text = &text[..text.floor_char_boundary(LIMIT)];
    if let Ok(mut file) = std::fs::OpenOptions::new().write(true).truncate(true).open(path) {
        let _ = file.write_all(text.as_bytes());
    }
}
