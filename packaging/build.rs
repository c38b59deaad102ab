//! Has the linker arrange the binary of a release as `packaging/link.ld` says. Other builds are left as they are: the tables for
//! unwinding show where a test panics.

use std::env::var;

fn main() {
    for file in ["build.rs", "link.ld", "start-functions.ld"] {
        println!("cargo::rerun-if-changed=packaging/{file}");
    }
    let is = |name: &str, value: &str| var(name).is_ok_and(|found| found == value);
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_ENV", "musl") {
        // Cargo runs the linker in the folder of this package. Both spell it like this: cc, and lld by itself (scripts/dist).
        println!("cargo::rustc-link-arg-bins=-Tpackaging/link.ld");
    }
}
