//! Leaves the tables for unwinding out of the release binary, which aborts on a panic: an eighth of its size. Of the
//! tests, which unwind, nothing is touched.

/// No frame tables and no tables of landing pads. The C runtime's own, which are empty, must stay: it registers them.
const WITHOUT_TABLES: &str = "SECTIONS
{
  /DISCARD/ : { *(EXCLUDE_FILE(*crtbegin*.o *crtend*.o) .eh_frame) *(.gcc_except_table .gcc_except_table.*) }
}
INSERT BEFORE .text;
";

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |variable: &str, value: &str| std::env::var(variable).is_ok_and(|text| text == value);
    // Cargo knows no flags for one profile only.
    if is("PROFILE", "release") && is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "musl") {
        let script = format!("{}/without_tables.ld", std::env::var("OUT_DIR").unwrap_or_default());
        std::fs::write(&script, WITHOUT_TABLES)?;
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{script}");
    }
    Ok(())
}
