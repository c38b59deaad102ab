//! The complete help texts.

use crate::support::Doorstep;
use crate::support::snapshots::assert_snapshot;

/// Runs doorstep and returns its stdout.
#[track_caller]
fn help(arguments: &[&str]) -> String {
    let output = Doorstep::new(arguments).run().code(0);
    assert_eq!(output.stderr, "");
    output.stdout
}

#[test]
fn short_help() {
    assert_snapshot!("help/doorstep-h", help(&["-h"]));
}

#[test]
fn full_help() {
    let text = help(&["--help"]);
    assert_eq!(help(&["help"]), text);
    assert_snapshot!("help/doorstep", text);
}

/// One test per command, so that the name of a failed test names the command.
macro_rules! help_of {
    ($($command:ident $name:literal),+ $(,)?) => {
        $(#[test]
        fn $command() {
            assert_snapshot!($name, help(&[stringify!($command), "--help"]));
        })+

        /// The commands with a snapshot of their help.
        const COMMANDS: &[&str] = &[$(stringify!($command)),+];
    };
}

help_of!(
    run "help/run",
    wait "help/wait",
    migrate "help/migrate",
    verify "help/verify",
    check "help/check",
    diff "help/diff",
    lint "help/lint",
    status "help/status",
    plan "help/plan",
    doctor "help/doctor",
    advise "help/advise",
    replay "help/replay",
    snapshot "help/snapshot",
    compat "help/compat",
    resolve "help/resolve",
    baseline "help/baseline",
    install "help/install",
);

#[test]
fn every_command_has_a_snapshot_of_its_help() {
    let text = help(&["-h"]);
    let (_, commands) = text.split_once("\nCommands:\n").unwrap();
    let listed = commands.lines().take_while(|line| line.starts_with("  "));
    let listed: Vec<&str> =
        listed.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect();
    assert_eq!(listed, COMMANDS);
}
