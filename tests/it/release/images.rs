//! The Dockerfiles build for each platform, with what the classic builder understands. scripts/compose-smoke builds and runs them.

use std::path::Path;
use std::process::Command;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[test]
fn the_dockerfile_builds_for_the_processor_that_it_is_asked_for() {
    let dockerfile = read("docker/Dockerfile");
    let (_, rest) = dockerfile.split_once("RUN case ").unwrap();
    let (script, _) = rest.split_once(" > /target\n").unwrap();
    let target = |processor: &str| {
        let mut shell = Command::new("sh");
        let output = shell.args(["-ec", &format!("case {script}")]).env("TARGETARCH", processor).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then(|| text.trim_end().to_owned())
    };
    assert_eq!(target("amd64").unwrap(), "x86_64-unknown-linux-musl");
    assert_eq!(target("arm64").unwrap(), "aarch64-unknown-linux-musl");
    // The classic builder leaves it empty.
    assert_eq!(target("").unwrap(), format!("{}-unknown-linux-musl", std::env::consts::ARCH));
    assert_eq!(target("riscv64"), None);
}

#[test]
fn the_images_need_no_frontend_and_have_one_layer() {
    for path in ["docker/Dockerfile", "docker/Dockerfile.binary"] {
        let dockerfile = read(path);
        let words: Vec<&str> = dockerfile.lines().filter(|line| !line.starts_with('#')).collect();
        for newer in ["<<", "--mount", "--platform", "--link", "--chmod"] {
            assert!(!words.iter().any(|line| line.contains(newer)), "{path}: {newer}");
        }
        assert!(!dockerfile.starts_with("# syntax"), "{path}");
        let (_, last) = dockerfile.rsplit_once("\nFROM scratch\n").unwrap();
        let layers = last.lines().filter(|line| ["COPY ", "ADD ", "RUN "].iter().any(|word| line.starts_with(word)));
        assert_eq!(layers.count(), 1, "{path}");
    }
    assert!(read("docker/Dockerfile.binary").contains("\nARG TARGETARCH\n"));
    assert!(read("docker/Dockerfile.binary").contains("\nARG BINARY=${TARGETARCH:-amd64}/doorstep\n"));
}
