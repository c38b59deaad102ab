//! The documents name what the program has: settings, exit codes, commands, this version, files of the image.

use std::path::Path;

use doorstep::internals::Layer;

use crate::support::Doorstep;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn the_readme_names_every_setting_and_every_exit_code() {
    let readme = read("README.md");
    for name in Layer::NAMES {
        assert!(readme.contains(&format!("`{name}`")), "README.md lacks the setting {name}");
    }
    for code in [0, 1, 3, 64, 65, 69, 70, 71, 75, 77, 78, 126, 127] {
        assert!(readme.contains(&format!("| {code} |")), "README.md lacks the exit code {code}");
    }
}

#[test]
fn help_names_every_setting_and_every_command_there_is() {
    let help = Doorstep::new(&["--help"]).run().code(0).stdout;
    for name in Layer::NAMES {
        assert!(help.contains(&format!("--{}", name.replace('_', "-"))), "--help lacks {name}");
    }
    for command in [
        "run", "wait", "migrate", "verify", "check", "diff", "status", "replay", "snapshot", "resolve", "baseline",
        "install",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "--help lacks the command {command}");
    }
}

#[test]
fn the_changelog_has_this_version() {
    assert!(read("CHANGELOG.md").contains(&format!("## [{}]", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn the_dockerfile_copies_what_is_there_and_gets_past_dockerignore() {
    let ignored = read(".dockerignore");
    let copies = read("docker/Dockerfile");
    let copies =
        copies.lines().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.starts_with("--from"));
    let sources: Vec<&str> = copies.flat_map(|line| line.rsplit_once(' ').unwrap().0.split(' ')).collect();
    assert!(sources.contains(&"Cargo.lock"), "{sources:?}");
    for source in sources {
        assert!(root().join(source).exists(), "docker/Dockerfile copies {source}, which is not there");
        assert!(ignored.lines().any(|line| line == format!("!{source}")), ".dockerignore keeps {source} out");
    }
}
