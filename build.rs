//! Leaves the tables for unwinding out of the release binary, which aborts on a panic: an eighth of its size. Of the
//! tests, which unwind, nothing is touched.

fn main() {
    println!("cargo::rerun-if-changed=.cargo/abort.ld");
    let is = |variable: &str, value: &str| std::env::var(variable).is_ok_and(|text| text == value);
    // Cargo knows no flags for one profile only.
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "musl") {
        let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{directory}/.cargo/abort.ld");
    }
}
