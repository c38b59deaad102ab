//! The archives that `scripts/dist` has made for `scripts/test --all`. The other tests run the binaries in them: all tests that for
//! x86_64, and a part of them that for aarch64, under QEMU.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::variable;

const TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

/// The binary is copied into images and volumes.
const LIMIT: u64 = 7 * 1024 * 1024;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The stdout of a command that has to succeed.
#[track_caller]
fn stdout(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// An archive, unpacked.
struct Archive {
    file: PathBuf,
    name: String,
    unpacked: tempfile::TempDir,
}

impl Archive {
    fn of(target: &str) -> Self {
        let name = format!("doorstep-{}-{target}", env!("CARGO_PKG_VERSION"));
        let file = PathBuf::from(variable("DIST")).join(format!("{name}.tar.gz"));
        let unpacked = tempfile::tempdir().unwrap();
        stdout(Command::new("tar").arg("-xzf").arg(&file).arg("-C").arg(unpacked.path()));
        Self { file, name, unpacked }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.unpacked.path().join(&self.name).join(file)
    }

    fn text(&self, file: &str) -> String {
        std::fs::read_to_string(self.path(file)).unwrap()
    }
}

#[test]
#[ignore = "the artefacts of a release: scripts/test --all"]
fn an_archive_has_binary_licences_manual_completions_and_sbom() {
    for target in TARGETS {
        let archive = Archive::of(target);
        let listed = stdout(Command::new("tar").args(["--numeric-owner", "--utc", "-tvzf"]).arg(&archive.file));
        let mut times: Vec<&str> = Vec::new();
        let mut names = Vec::new();
        for line in listed.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [mode, owner, _, day, time, path] = words[..] else { panic!("{line}") };
            let path = path.strip_prefix(&format!("{}/", archive.name)).unwrap();
            let expected = match path {
                "doorstep" => "-rwxr-xr-x",
                _ if path.is_empty() || path.ends_with('/') => "drwxr-xr-x",
                _ => "-rw-r--r--",
            };
            assert_eq!((mode, owner), (expected, "0/0"), "{line}");
            times.extend([day, time]);
            names.push(path);
        }
        assert!(times.chunks(2).all(|time| time == &times[..2]), "{listed}");
        names.retain(|name| !name.is_empty() && !name.ends_with('/') && !name.starts_with("man/man1/doorstep-"));
        let expected = [
            "LICENSE",
            "THIRD-PARTY-rust-std.html",
            "THIRD-PARTY.txt",
            "completions/_doorstep",
            "completions/doorstep.bash",
            "completions/doorstep.fish",
            "doorstep",
            "doorstep.cdx.json",
            "man/man1/doorstep.1",
        ];
        assert_eq!(names, expected);
        assert!(listed.contains("/man/man1/doorstep-verify.1"), "{listed}");
    }
}

#[test]
#[ignore = "the artefacts of a release: scripts/test --all"]
fn the_checksums_are_those_of_the_archives_and_of_nothing_else() {
    let dist = PathBuf::from(variable("DIST"));
    let mut names: Vec<String> =
        TARGETS.iter().map(|target| format!("doorstep-{}-{target}.tar.gz: OK", env!("CARGO_PKG_VERSION"))).collect();
    names.extend(names.clone().iter().map(|name| name.replace(".tar.gz", ".cdx.json")));
    let checked = stdout(Command::new("sha256sum").args(["--strict", "-c", "SHA256SUMS"]).current_dir(dist));
    let mut checked: Vec<&str> = checked.lines().collect();
    checked.sort_unstable();
    names.sort_unstable();
    assert_eq!(checked, names);
}

#[test]
#[ignore = "the artefacts of a release: scripts/test --all"]
fn the_binaries_are_static_small_and_name_no_folder_of_the_machine_that_built_them() {
    for (target, machine) in TARGETS.iter().zip(["x86-64", "aarch64"]) {
        let archive = Archive::of(target);
        let content = std::fs::read(archive.path("doorstep")).unwrap();
        assert!(content.len() as u64 <= LIMIT, "{target}: {} bytes", content.len());
        // e_machine of the ELF header.
        let found = match content[18..20] {
            [62, 0] => "x86-64",
            [183, 0] => "aarch64",
            _ => panic!("{:?}", &content[..20]),
        };
        assert_eq!(found, machine);
        let has = |text: &str| content.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!has("ld-musl") && !has("ld-linux"), "{target} has a dynamic linker");
        assert!(has(".text_start"), "{target} is not arranged by packaging/link.ld");
        let home = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{}/.cargo", variable("HOME")));
        for path in [home.as_str(), root().to_str().unwrap()] {
            assert!(!has(path), "{target} names {path}");
        }
        assert!(has("/cargo/registry/src/"), "{target}: the paths are those of --remap-path-prefix");
    }
}

#[test]
#[ignore = "the artefacts of a release: scripts/test --all"]
fn the_sbom_and_the_licences_have_every_crate_of_the_binary() {
    for target in TARGETS {
        let archive = Archive::of(target);
        let sbom: serde_json::Value = serde_json::from_str(&archive.text("doorstep.cdx.json")).unwrap();
        assert_eq!(sbom["bomFormat"], "CycloneDX");
        assert_eq!(sbom["metadata"]["component"]["name"], "doorstep");
        assert!(sbom["serialNumber"].is_null(), "a random number would differ from build to build");
        let here = root().to_str().unwrap();
        assert!(!archive.text("doorstep.cdx.json").contains(here), "the SBOM names {here}");

        let mut tree = Command::new("cargo");
        tree.args(["tree", "--locked", "--edges", "normal,no-proc-macro", "--prefix", "none", "--target", target]);
        let tree = stdout(tree.args(["--format", "{p}"]).current_dir(root()));
        let licences = archive.text("THIRD-PARTY.txt");
        let components = sbom["components"].as_array().unwrap();
        let mut count = 0;
        for line in tree.lines().filter(|line| !line.starts_with("doorstep ")) {
            let mut words = line.split(' ');
            let (name, version) = (words.next().unwrap(), words.next().unwrap().trim_start_matches('v'));
            let is_it = |component: &&serde_json::Value| component["name"] == name && component["version"] == version;
            assert!(components.iter().any(|component| is_it(&component)), "the SBOM of {target} lacks {line}");
            assert!(licences.contains(&format!("\n  {name} {version}: ")), "{target}: no licence of {line}");
            count += 1;
        }
        assert!(count > 100, "{tree}");
        for library in ["Rich Felker", "LLVM Exceptions", "Brian Smith"] {
            assert!(licences.contains(library), "THIRD-PARTY.txt lacks {library}");
        }
    }
}

/// Another build of these sources: in another folder, with another path of cargo's, by `scripts/dist` of that folder.
#[test]
#[ignore = "minutes, two release builds: scripts/test --all"]
fn a_build_in_another_folder_makes_the_same_bytes() {
    let elsewhere = tempfile::tempdir().unwrap();
    let copy = elsewhere.path().join("a copy of the sources");
    stdout(Command::new("git").args(["clone", "-q"]).arg(root()).arg(&copy));
    // What is not committed yet: the artefacts in DIST have been made from it, too.
    let overlay = "git diff --binary HEAD | git -C \"$0\" apply --allow-empty && \
                   git ls-files -z --others --exclude-standard | xargs -0r cp --parents -t \"$0\"";
    stdout(Command::new("sh").args(["-ec", overlay]).arg(&copy).current_dir(root()));
    let cargo = elsewhere.path().join("cargo's home");
    let home = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{}/.cargo", variable("HOME")));
    std::os::unix::fs::symlink(home, &cargo).unwrap();

    let tools = std::env::var("DIST_TOOLS").unwrap_or_else(|_| format!("{}/dist-tools", variable("TARGET_DIR")));
    let dist = elsewhere.path().join("result");
    let mut again = Command::new(copy.join("scripts/dist"));
    again.arg(&dist).env("CARGO_HOME", &cargo).env("DIST_TOOLS", tools).env_remove("CARGO_TARGET_DIR");
    // An environment that must not matter.
    stdout(again.envs([
        ("RUSTFLAGS", "-Copt-level=0"),
        ("TZ", "Asia/Tokyo"),
        ("LANG", "de_DE.UTF-8"),
        ("CFLAGS", "-g"),
    ]));

    let sums = |dist: &Path| std::fs::read_to_string(dist.join("SHA256SUMS")).unwrap();
    assert_eq!(sums(&dist), sums(Path::new(&variable("DIST"))));
}
