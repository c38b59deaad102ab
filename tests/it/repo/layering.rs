//! Which file may import what, and how long a file may be.

use std::path::{Path, PathBuf};

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every source file below `src`, by its path there.
fn sources() -> Vec<(String, String)> {
    fn walk(directory: PathBuf, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(src(), &mut found);
    let relative = |path: &PathBuf| path.strip_prefix(src()).unwrap().display().to_string();
    found.iter().map(|path| (relative(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The text before the unit tests.
fn product(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap()
}

/// Only files whose path starts with one of `allowed` contain `word`.
#[track_caller]
fn only_in(word: &str, allowed: &[&str]) {
    for (path, text) in sources() {
        let code = product(&text).lines().filter(|line| !line.trim_start().starts_with("//"));
        let found = code.into_iter().any(|line| line.contains(word));
        assert!(!found || allowed.iter().any(|allowed| path.starts_with(allowed)), "`{word}` stands in src/{path}");
    }
}

#[test]
fn each_crate_and_each_power_stays_behind_its_file() {
    only_in("backoff::", &["base/retry.rs"]);
    only_in("sqlx::", &["engines/mysql/client.rs", "engines/sqlite/"]);
    only_in("indicatif", &["base/progress_bar.rs"]);
    only_in("envy::", &["config/environment.rs"]);
    only_in(
        "toml::",
        &[
            "config/",
            "formats/alembic/configuration.rs",
            "formats/diesel/",
            "formats/flyway/configuration.rs",
            "formats/refinery/configuration.rs",
            "formats/sqlx_folder/configuration.rs",
        ],
    );
    only_in("signal_hook", &["base/signal.rs"]);
    only_in("tracing_subscriber::", &["base/log.rs"]);
    only_in("rustls", &["engines/net/tls.rs"]);
    only_in("clap::", &["commands/", "config/", "base/log.rs"]);
    only_in("std::env::var", &["base/environment.rs"]);
    only_in("process::exit", &["main.rs"]);
    only_in("std::process::Command", &["base/password_command.rs", "startup/exec.rs"]);
}

/// The rooms in the order in which src/lib.rs lists them, from top to bottom.
fn rooms() -> Vec<String> {
    let lib = std::fs::read_to_string(src().join("lib.rs")).unwrap();
    lib.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).map(str::to_owned).collect()
}

#[test]
fn each_room_uses_only_rooms_below_its_own() {
    let rooms = rooms();
    let floor = |room: &str, path: &str| {
        let found = rooms.iter().position(|known| known == room);
        found.unwrap_or_else(|| panic!("src/{path}: `{room}` is not in the list of src/lib.rs"))
    };
    for (path, text) in sources().iter().filter(|(path, _)| !matches!(path.as_str(), "main.rs" | "lib.rs")) {
        let own = floor(path.split('/').next().unwrap().trim_end_matches(".rs"), path);
        for used in text.split("crate::").skip(1) {
            let room = used.split(|character: char| !character.is_alphanumeric() && character != '_').next().unwrap();
            assert!(floor(room, path) >= own, "src/{path} uses crate::{room}, which is above it in src/lib.rs");
        }
    }
}

#[test]
fn the_rooms_fit_into_one_list() {
    let rooms = rooms();
    assert!((2..=16).contains(&rooms.len()), "src/lib.rs lists {} rooms: {rooms:?}", rooms.len());
    for entry in std::fs::read_dir(src()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let room = name.trim_end_matches(".rs");
        assert!(matches!(room, "main" | "lib") || rooms.iter().any(|known| known == room), "src/{name} is not listed");
    }
}

#[test]
fn files_stay_small() {
    for (path, text) in sources() {
        let lines = product(&text).lines().count();
        let limit = if path.starts_with("engines/postgres") { 560 } else { 480 };
        assert!(lines <= limit, "src/{path} has {lines} lines");
    }
}
