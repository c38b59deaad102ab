//! `doorstep --version --verbose`: what this binary was built from and for.

use std::ffi::OsString;
use std::fmt::Write as _;

/// The commit, where the build names it in `DOORSTEP_COMMIT`, as `scripts/dist` and `docker/Dockerfile` do.
const COMMIT: Option<&str> = option_env!("DOORSTEP_COMMIT");

/// The engines that a binary can be built with, and whether this one is.
const ENGINES: [(&str, bool); 3] = [
    ("PostgreSQL", cfg!(feature = "postgres")),
    ("SQLite", cfg!(feature = "sqlite")),
    ("MySQL and MariaDB", cfg!(feature = "mysql")),
];

/// Whether these arguments, after the program's name, ask for the version and all about it.
pub(crate) fn is_asked(arguments: &[OsString]) -> bool {
    let is = |argument: &OsString, names: &[&str]| names.iter().any(|name| argument == name);
    match arguments.get(1..) {
        Some([first, second]) => {
            let version = ["--version", "-V"];
            (is(first, &version) && is(second, &["--verbose"])) || (is(second, &version) && is(first, &["--verbose"]))
        }
        _ => false,
    }
}

/// The version, and below it a line each for the commit, the target and the engines.
pub(crate) fn verbose() -> String {
    let mut text = format!("doorstep {}\n", env!("CARGO_PKG_VERSION"));
    let commit = COMMIT.filter(|commit| !commit.is_empty()).unwrap_or("unknown");
    let libc = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
    let engines: Vec<&str> = ENGINES.iter().filter(|(_, is_in)| *is_in).map(|(name, _)| *name).collect();
    let _ = writeln!(text, "commit: {commit}");
    let _ = writeln!(text, "target: {}-unknown-{}-{libc}", std::env::consts::ARCH, std::env::consts::OS);
    let _ = writeln!(text, "engines: {}", if engines.is_empty() { "none".to_owned() } else { engines.join(", ") });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_flags_ask_for_it_in_any_order() {
        for (line, expected) in [
            ("--version --verbose", true),
            ("--verbose -V", true),
            ("--version", false),
            ("--verbose", false),
            ("--version --version", false),
            ("run --version --verbose", false),
        ] {
            let arguments: Vec<OsString> = "doorstep".split(' ').chain(line.split(' ')).map(Into::into).collect();
            assert_eq!(is_asked(&arguments), expected, "{line}");
        }
    }
}
