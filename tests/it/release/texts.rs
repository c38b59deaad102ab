//! The manual pages and the completions know every command and every flag.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::release::generator::files;

/// The texts of this command line, by path.
fn text(path: &str) -> String {
    let files = files(doorstep::internals::command_line());
    let found = files.into_iter().find(|(at, _)| at == Path::new(path));
    String::from_utf8(found.unwrap_or_else(|| panic!("there is no {path}")).1).unwrap()
}

fn visible_commands() -> Vec<clap::Command> {
    let command = doorstep::internals::command_line();
    let visible = command.get_subcommands().filter(|command| !command.is_hide_set()).cloned().collect();
    assert!(command.find_subcommand("verify").is_some());
    visible
}

fn flags(command: &clap::Command) -> Vec<String> {
    let visible = command.get_arguments().filter(|argument| !argument.is_hide_set());
    visible.filter_map(|argument| Some(format!("--{}", argument.get_long()?))).collect()
}

#[test]
fn completions_know_every_command_and_every_flag() {
    let command = doorstep::internals::command_line();
    for file in ["doorstep.bash", "_doorstep", "doorstep.fish"] {
        let script = text(&format!("completions/{file}"));
        // fish names a flag without its dashes: `-l wait-timeout`.
        let has = |flag: &str| match file {
            "doorstep.fish" => script.contains(&format!("-l {} ", flag.trim_start_matches('-'))),
            _ => script.contains(flag),
        };
        for flag in flags(&command) {
            assert!(has(&flag), "{file} lacks {flag}");
        }
        for command in visible_commands() {
            assert!(script.contains(command.get_name()), "{file} lacks {}", command.get_name());
            for flag in flags(&command) {
                assert!(has(&flag), "{file} lacks {flag} of {}", command.get_name());
            }
        }
    }
}

#[test]
fn bash_completes_with_the_script() {
    // Longer than a variable may be (128 KiB).
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), text("completions/doorstep.bash")).unwrap();
    let complete = |words: &str| {
        let run = ". \"$SCRIPT\"; read -r -a COMP_WORDS <<< \"$WORDS\"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n\
                   _doorstep doorstep \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"; echo \"${COMPREPLY[*]}\"";
        let mut bash = Command::new("bash");
        let output = bash.args(["--norc", "-c", run]).env("SCRIPT", script.path()).env("WORDS", words);
        let output = output.stderr(Stdio::inherit()).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    };
    assert_eq!(complete("doorstep ver"), "verify");
    assert_eq!(complete("doorstep verify --wait-time"), "--wait-timeout");
    assert_eq!(complete("doorstep --migrate-url-"), "--migrate-url-file");
}

/// Text as a page of the manual has it.
fn in_troff(text: &str) -> String {
    text.replace('-', "\\-")
}

#[test]
fn the_manual_page_has_every_setting_and_every_command_a_page_of_its_own() {
    let page = text("man/man1/doorstep.1");
    for flag in flags(&doorstep::internals::command_line()) {
        assert!(page.contains(&in_troff(&flag)), "doorstep.1 lacks {flag}");
    }
    for command in visible_commands() {
        let name = format!("doorstep-{}", command.get_name());
        assert!(page.contains(&in_troff(&format!("{name}(1)"))), "doorstep.1 does not lead to {name}");
        let own = text(&format!("man/man1/{name}.1"));
        for flag in flags(&command) {
            assert!(own.contains(&in_troff(&flag)), "{name}.1 lacks {flag}");
        }
    }
    assert!(page.contains(&in_troff("128+n   stopped by signal n")), "{page}");
    assert!(page.contains(&format!("doorstep {}", env!("CARGO_PKG_VERSION"))), "{page}");
}

#[test]
fn no_argument_is_without_a_description() {
    let command = doorstep::internals::command_line();
    for command in std::iter::once(&command).chain(&visible_commands()) {
        for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            assert!(argument.get_help().is_some(), "{} of {}", argument.get_id(), command.get_name());
        }
    }
    assert!(text("man/man1/doorstep.1").contains("Settings file [default: ./doorstep.toml, if it exists]"));
}

#[test]
fn cargo_binstall_finds_the_archives_and_the_binary_in_them() {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let metadata = &manifest["package"]["metadata"]["binstall"];
    let filled = |key: &str| {
        let text = metadata[key].as_str().unwrap().to_owned();
        [("repo", "R"), ("version", "1.2.3"), ("target", "T"), ("bin", "doorstep"), ("binary-ext", "")]
            .iter()
            .fold(text, |text, (name, value)| text.replace(&format!("{{ {name} }}"), value))
    };
    assert_eq!(filled("pkg-url"), "R/releases/download/v1.2.3/doorstep-1.2.3-T.tar.gz");
    assert_eq!(filled("bin-dir"), "doorstep-1.2.3-T/doorstep");
    assert_eq!(filled("pkg-fmt"), "tgz");
}
