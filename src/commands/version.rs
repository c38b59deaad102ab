//! `doorstep --version`, and with `--verbose` what this binary was built from and for.

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

/// What these arguments, after the program's name, ask for, if it is the version and nothing else. clap would build the whole
/// command line first, which is most of the time that it takes to print one line.
pub(crate) fn asked(arguments: &[OsString]) -> Option<String> {
    let asks = |argument: &OsString| argument == "--version" || argument == "-V";
    match arguments.get(1..)? {
        [only] if asks(only) => Some(NAME_AND_VERSION.to_owned()),
        [first, second] if asks(first) && second == "--verbose" => Some(verbose()),
        [first, second] if first == "--verbose" && asks(second) => Some(verbose()),
        _ => None,
    }
}

/// As clap writes it.
const NAME_AND_VERSION: &str = concat!("doorstep ", env!("CARGO_PKG_VERSION"), "\n");

/// The version, and below it a line each for the commit, the target and the engines.
fn verbose() -> String {
    let mut text = NAME_AND_VERSION.to_owned();
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
    fn the_flag_alone_or_both_in_any_order_ask_for_it() {
        let lines = |line: &str| {
            let arguments: Vec<OsString> = "doorstep".split(' ').chain(line.split(' ')).map(Into::into).collect();
            asked(&arguments).map(|text| text.lines().count())
        };
        for line in ["--version", "-V"] {
            assert_eq!(lines(line), Some(1), "{line}");
        }
        for line in ["--version --verbose", "--verbose -V"] {
            assert_eq!(lines(line), Some(4), "{line}");
        }
        for line in ["--verbose", "--version --version", "run --version", "run --version --verbose", ""] {
            assert_eq!(lines(line), None, "{line}");
        }
    }

    #[test]
    fn the_version_is_what_clap_writes() {
        assert_eq!(NAME_AND_VERSION, crate::commands::cli::command_line().render_version());
    }
}
