//! Has the linker arrange the binary of a release, and of every profile that inherits from it, as `packaging/link.ld` says. Other builds
//! are left as they are: the tables for unwinding show where a test panics.

use std::env::var;
use std::fs::{read_to_string, write};
use std::path::Path;

/// Where the list of functions goes: the linker would look for it in the folder that it happens to run in.
const INCLUDE: &str = "INCLUDE start-functions.ld";

fn main() {
    for file in ["build.rs", "link.ld", "start-functions.ld"] {
        println!("cargo::rerun-if-changed=packaging/{file}");
    }
    let is = |name: &str, value: &str| var(name).is_ok_and(|found| found == value);
    // mold reads no linker scripts (https://github.com/rui314/mold/issues/243).
    let is_mold = var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("mold"));
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_ENV", "musl") && !is_mold {
        let read = |file: &str| read_to_string(Path::new("packaging").join(file)).expect("a file of this package");
        let script = read("link.ld").replace(INCLUDE, &read("start-functions.ld"));
        let path = Path::new(&var("OUT_DIR").expect("Cargo sets it")).join("link.ld");
        write(&path, script).expect("OUT_DIR is writable");
        // cc and lld (scripts/dist) both take it in this form.
        println!("cargo::rustc-link-arg-bins=-T{}", path.display());
    }
}
