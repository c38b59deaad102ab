//! The files in tests/snapshots.

use std::path::{Path, PathBuf};

use crate::support::snapshots;

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// A test that is renamed or removed must take its snapshot with it.
#[test]
fn every_snapshot_is_named_by_a_test() {
    let tests = files_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it"));
    let tests: String = tests.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let found = files_below(&snapshots::root());
    assert!(!found.is_empty());
    for path in found {
        let name = path.strip_prefix(snapshots::root()).unwrap().display().to_string();
        let name = name.strip_suffix(".snap").unwrap_or_else(|| panic!("tests/snapshots/{name} is not a snapshot"));
        assert!(
            tests.contains(&format!("\"{name}\"")),
            "no test names the snapshot tests/snapshots/{name}.snap: remove it"
        );
    }
}
