//! Which file may import what, and how long a file may be.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file below `src`, with its text before the unit tests.
fn sources() -> Vec<(String, String)> {
    fn walk(directory: PathBuf, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(root().join("src"), &mut found);
    let relative = |path: &PathBuf| path.strip_prefix(root().join("src")).unwrap().display().to_string();
    let product = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        text.split("#[cfg(test)]").next().unwrap().to_owned()
    };
    found.iter().map(|path| (relative(path), product(path))).collect()
}

/// Only files whose path starts with one of `allowed` contain `word`.
#[track_caller]
fn only_in(word: &str, allowed: &[&str]) {
    for (path, text) in sources() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let found = code.into_iter().any(|line| line.contains(word));
        assert!(!found || allowed.iter().any(|allowed| path.starts_with(allowed)), "`{word}` stands in src/{path}");
    }
}

#[test]
fn each_crate_and_each_power_stays_behind_its_file() {
    only_in("backoff::", &["retry.rs"]);
    only_in(
        "sqlx::",
        &["engine/postgres.rs", "engine/postgres/fault.rs", "engine/postgres/unit.rs", "engine/sqlite.rs"],
    );
    only_in("indicatif", &["progress.rs"]);
    only_in("envy::", &["settings/environment.rs"]);
    only_in("toml::", &["settings/file"]);
    only_in("signal_hook", &["signal.rs"]);
    only_in("tracing_subscriber::", &["log.rs"]);
    only_in("rustls", &["engine/postgres/tls.rs"]);
    only_in("clap::", &["cli.rs", "settings", "format.rs", "main.rs"]);
    only_in("std::env::var", &["settings/environment.rs"]);
    only_in("process::exit", &["main.rs"]);
    only_in("std::process::Command", &["exec.rs"]);
}

#[test]
fn dependencies_point_one_way() {
    // What a file may not import: whatever stands above it in lib.rs.
    let above = |layer: &[&str], forbidden: &[&str]| {
        for (path, text) in sources() {
            if layer.iter().any(|layer| path.starts_with(layer)) {
                for module in forbidden {
                    assert!(!text.contains(&format!("crate::{module}")), "src/{path} imports {module}");
                }
            }
        }
    };
    let steps = ["wait", "schemas", "migrate", "verify", "exec"];
    above(
        &["engine", "format"],
        &["prepare", "status", "cli", "database", "lock", "plan", "wait", "schemas", "migrate", "verify"],
    );
    above(&["engine"], &["format"]);
    above(&["plan.rs", "migration.rs"], &["engine", "format", "error", "prepare", "settings"]);
    above(
        &["history.rs", "recovery.rs", "transaction.rs", "attempt.rs"],
        &["migrate", "prepare", "resolve", "baseline"],
    );
    above(&["cause", "provenance.rs", "compare"], &["history", "format", "error", "prepare", "verify"]);
    above(&["script.rs", "script/"], &["transaction", "recovery", "format", "error"]);
    above(&["settings"], &["engine", "prepare", "migrate", "wait"]);
    for step in steps {
        let others: Vec<&str> = steps.into_iter().filter(|other| *other != step).chain(["prepare", "cli"]).collect();
        above(&[&format!("{step}.rs")], &others);
    }
}

#[test]
fn files_stay_small() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        let limit = if path.starts_with("engine/postgres") { 560 } else { 480 };
        assert!(lines <= limit, "src/{path} has {lines} lines");
    }
}
