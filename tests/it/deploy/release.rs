//! The action and the release workflow: the scripts of their steps run as on GitHub's runner, beside programs that record how they
//! are called.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::deploy::runner::{Runner, Values, stub};
use crate::deploy::yaml::{documents, files_in, items, read, root, text};
use crate::support::{Project, binary};

const RELEASE: &str = ".github/workflows/release.yml";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const TARGETS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

/// The directory of a release, with archives that hold `binary`.
fn release(project: &Project, directory: &str, binary: &str) {
    let at = project.path(directory);
    std::fs::create_dir_all(&at).unwrap();
    for target in TARGETS {
        let name = format!("doorstep-{VERSION}-{target}");
        let folder = project.path("made").join(&name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(binary, folder.join("doorstep")).unwrap();
        shell(&project.path("made"), &format!("tar -czf '{}/{name}.tar.gz' {name}", at.display()));
    }
    shell(&at, "sha256sum *.tar.gz > SHA256SUMS");
}

fn shell(directory: &Path, script: &str) {
    let done = Command::new("sh").args(["-euc", script]).current_dir(directory).status().unwrap();
    assert!(done.success(), "{script}");
}

fn values(server: &str) -> Values {
    [
        ("github.server_url", server),
        ("github.action_repository", "owner/doorstep"),
        ("github.repository", "Owner/Doorstep"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// A workspace with an SQLite database's migrations, and a release where the action looks for it.
fn workspace() -> (Project, Runner) {
    let project = Project::bare()
        .file("app/migrations/1_init.sql", "CREATE TABLE users (id integer PRIMARY KEY);\n")
        .file("app/doorstep.toml", "require_tables = [\"users\"]\n");
    release(&project, &format!("server/owner/doorstep/releases/download/v{VERSION}"), binary());
    std::fs::create_dir_all(project.path("temp")).unwrap();
    let url = format!("sqlite:{}", project.path("app/data.db").display());
    let runner = Runner {
        workspace: project.path(""),
        temp: project.path("temp"),
        env: vec![("DATABASE_URL".to_owned(), url)],
        values: values(&format!("file://{}", project.path("server").display())),
    };
    (project, runner)
}

#[test]
fn the_action_installs_the_release_of_its_own_version_and_runs_commands() {
    let (project, mut runner) = workspace();
    let linted = runner.action(&json!({ "commands": "lint", "working-directory": "app" }));
    assert_eq!(linted.code, Some(0), "{}{}", linted.stdout, linted.stderr);
    let hazardous = project.path("app/migrations/0009_drop.sql");
    std::fs::write(&hazardous, "DROP TABLE users;\n").unwrap();
    let linted = runner.action(&json!({ "commands": "lint", "working-directory": "app" }));
    assert_eq!(linted.code, Some(3), "{}{}", linted.stdout, linted.stderr);
    assert!(linted.stdout.contains("::error file="), "{}", linted.stdout);
    assert!(std::fs::read_to_string(project.path("temp/summary")).unwrap().contains("doorstep lint"));
    std::fs::remove_file(hazardous).unwrap();
    let replayed = runner.action(&json!({ "commands": "replay", "working-directory": "app" }));
    assert_eq!(replayed.code, Some(0), "{}{}", replayed.stdout, replayed.stderr);
    let path = std::fs::read_to_string(project.path("temp/path")).unwrap();
    assert!(path.trim().ends_with(&format!("doorstep-{VERSION}")), "{path}");
    // A database is there, and nothing is applied.
    project.write("app/data.db", "");
    let verified = runner.action(&json!({ "commands": "verify check", "working-directory": "app" }));
    assert_eq!(verified.code, Some(3), "{}{}", verified.stdout, verified.stderr);
    assert!(verified.stdout.contains("::error"), "{}", verified.stdout);
    assert!(std::fs::read_to_string(project.path("temp/summary")).unwrap().contains("users"));
}

#[test]
fn the_action_refuses_what_has_another_checksum_and_what_is_no_release() {
    let (project, mut runner) = workspace();
    let with = |key: &str, value: &str| json!({ "commands": "check", "working-directory": "app", key: value });
    for (with, expected) in [
        (with("sha256", &"0".repeat(64)), "does not have the checksum that was expected"),
        (with("version", "9.9.9"), "cannot be fetched: is 9.9.9 a release?"),
        (with("binary", "no-such-binary"), "there is no no-such-binary to run"),
        (with("commands", "migrate"), "migrate is none of lint, replay, verify, check"),
    ] {
        let output = runner.action(&with);
        assert_ne!(output.code, Some(0), "{with}");
        assert!(output.stdout.contains(expected), "{with}: {}{}", output.stdout, output.stderr);
    }
    // An archive that was exchanged on the server.
    let archive = format!("doorstep-{VERSION}-{}.tar.gz", TARGETS[usize::from(cfg!(target_arch = "aarch64"))]);
    project.write(&format!("server/owner/doorstep/releases/download/v{VERSION}/{archive}"), "another");
    let output = runner.action(&with("commands", "check"));
    assert!(output.stdout.contains("does not have the checksum"), "{}{}", output.stdout, output.stderr);
}

#[test]
fn the_hooks_of_pre_commit_run_lint_by_the_binary_or_by_the_image_of_this_version() {
    let hooks = documents(&read(".pre-commit-hooks.yaml")).remove(0);
    let told: Vec<(&str, &str, &str)> = (hooks.as_array().unwrap().iter())
        .map(|hook| (text(hook, "id"), text(hook, "language"), text(hook, "entry")))
        .collect();
    let image = format!("ghcr.io/OWNER/doorstep:{VERSION} lint");
    assert_eq!(told, [("doorstep", "system", "doorstep lint"), ("doorstep-docker", "docker_image", image.as_str())]);
}

#[test]
fn the_action_and_the_documents_name_the_version_of_the_crate() {
    let action = documents(&read(".github/actions/doorstep/action.yml")).remove(0);
    assert_eq!(action["inputs"]["version"]["default"], VERSION);
    for path in files_in(".github/workflows").into_iter().chain([".github/actions/doorstep/action.yml".to_owned()]) {
        for tag in read(&path).split("@v").skip(1) {
            let tag: String = tag.chars().take_while(|letter| letter.is_ascii_digit() || *letter == '.').collect();
            assert_eq!(tag.trim_end_matches('.'), VERSION, "{path}");
        }
    }
}

/// Programs that write down how they were called; docker buildx also writes what the workflow reads.
const RECORD: &str = r#"#!/bin/sh
echo "$(basename "$0") $*" >> "$RUNNER_TEMP/calls"
for word; do
    [ "${previous:-}" != --metadata-file ] || echo '{"containerimage.digest": "sha256:abc"}' > "$word"
    previous=$word
done
"#;

/// The release workflow on a runner whose checkout is this repository's; `tag` is what was pushed.
fn publish(tag: &str) -> (Project, Runner) {
    let project = Project::bare();
    for file in ["Cargo.toml", "CHANGELOG.md"] {
        project.write(file, &read(file));
    }
    release(&project, "dist", binary());
    for program in ["docker", "cosign", "gh"] {
        stub(&project.path("temp"), program, RECORD);
    }
    let env = [
        ("GITHUB_REF_NAME", tag),
        ("GITHUB_SHA", "0123abc"),
        ("REGISTRY", "ghcr.io"),
        ("REPOSITORY", "Owner/Doorstep"),
        ("SOURCE", "https://github.com/Owner/Doorstep"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let runner =
        Runner { workspace: project.path(""), temp: project.path("temp"), env, values: values("https://github.com") };
    (project, runner)
}

fn scripts(job: &str) -> Vec<Value> {
    let workflow = documents(&read(RELEASE)).remove(0);
    items(&workflow["jobs"][job], "steps").into_iter().filter(|step| step["run"].is_string()).cloned().collect()
}

#[test]
fn a_tag_that_is_not_the_version_makes_no_release() {
    let step = scripts("build").remove(0);
    assert_eq!(text(&step, "name"), "The tag is the version");
    for (tag, code) in [(format!("v{VERSION}"), 0), ("v9.9.9".to_owned(), 1), (VERSION.to_owned(), 1)] {
        let (_project, mut runner) = publish(&tag);
        let output = runner.step(&step);
        assert_eq!(output.code, Some(code), "{tag}: {}{}", output.stdout, output.stderr);
    }
}

#[test]
fn the_release_is_checked_signed_and_published_with_its_image() {
    let tag = format!("v{VERSION}");
    let (project, mut runner) = publish(&tag);
    for step in scripts("publish") {
        let output = runner.step(&step);
        assert_eq!(output.code, Some(0), "{}: {}{}", text(&step, "name"), output.stdout, output.stderr);
    }
    let calls = std::fs::read_to_string(project.path("temp/calls")).unwrap();
    let (minor, _) = VERSION.rsplit_once('.').unwrap();
    for expected in [
        &format!(
            "--tag ghcr.io/owner/doorstep:{VERSION} --tag ghcr.io/owner/doorstep:{minor} --tag ghcr.io/owner/doorstep:latest"
        ),
        "--platform linux/amd64,linux/arm64 --provenance=mode=max --sbom=true --push",
        "cosign sign --yes ghcr.io/owner/doorstep@sha256:abc",
        "cosign sign-blob --yes --bundle dist/SHA256SUMS.sigstore.json dist/SHA256SUMS",
        &format!("gh release create {tag} --repo Owner/Doorstep --verify-tag --title doorstep {VERSION}"),
    ] {
        assert!(calls.contains(expected), "{expected}\n{calls}");
    }
    for platform in ["amd64", "arm64"] {
        assert!(project.path(&format!("image/{platform}/doorstep")).is_file(), "{platform}");
    }
    let notes = std::fs::read_to_string(project.path("notes.md")).unwrap();
    assert!(notes.contains("### Added") && !notes.contains("## [") && notes.contains("sha256:abc"), "{notes}");
}

#[test]
fn an_artefact_that_changed_on_its_way_is_not_published() {
    let (project, mut runner) = publish(&format!("v{VERSION}"));
    project.write(&format!("dist/doorstep-{VERSION}-{}.tar.gz", TARGETS[0]), "another");
    let output = runner.step(&scripts("publish").remove(0));
    assert_eq!(output.code, Some(1), "{}", output.stdout);
}

#[test]
fn only_the_job_that_publishes_may_write() {
    let workflow = documents(&read(RELEASE)).remove(0);
    assert_eq!(workflow["permissions"], json!({ "contents": "read" }));
    for (name, job) in workflow["jobs"].as_object().unwrap() {
        assert_eq!(job["permissions"].is_object(), name == "publish", "{name}");
    }
    assert_eq!(workflow["jobs"]["publish"]["needs"], json!(["test", "build"]));
    assert!(root().join("docker/Dockerfile.binary").is_file());
}
