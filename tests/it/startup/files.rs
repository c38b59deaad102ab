//! Files that are none: a FIFO, a device, a socket, a folder, a link to nowhere, one that is too long. Each is refused at
//! once, wherever a file is read; none is waited for, and none fills the memory.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Cluster, Database, PASSWORD, Project, run};

/// What may stand where a file is expected, with what is said of it.
const NO_FILES: &[(&str, &str)] = &[
    ("fifo", "a FIFO"),
    ("/dev/zero", "a device"),
    ("/dev/urandom", "a device"),
    ("socket", "a socket"),
    ("folder", "directory"),
    ("nowhere", "No such file"),
    ("long", "it has more than"),
];

/// Puts it at `path`, which must be free; a device as a link to it.
fn put(kind: &str, path: &Path) -> Option<std::os::unix::net::UnixListener> {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = std::fs::remove_file(path);
    match kind {
        "fifo" => run(Command::new("mkfifo").arg(path)),
        "socket" => return Some(std::os::unix::net::UnixListener::bind(path).unwrap()),
        "folder" => std::fs::create_dir(path).unwrap(),
        "long" => std::fs::File::create(path).unwrap().set_len(1 << 30).unwrap(),
        "nowhere" => std::os::unix::fs::symlink("no/such/file", path).unwrap(),
        device => std::os::unix::fs::symlink(device, path).unwrap(),
    }
    None
}

/// Each of them at `path` ends a start with this code, soon, and is named.
fn refused(path: &str, code: i32, build: impl Fn(&Project) -> crate::support::Doorstep, project: impl Fn() -> Project) {
    for (kind, said) in NO_FILES {
        let project = project();
        let _socket = put(kind, &project.path(path));
        let began = Instant::now();
        let output = build(&project).run().code(code);
        assert!(began.elapsed() < Duration::from_secs(5), "{path} {kind}: {:?}", began.elapsed());
        if !output.stderr.contains("no file migration.sql") {
            output.stderr_has(said);
        }
    }
}

#[test]
fn as_a_secret_or_as_the_settings() {
    let database = Database::fresh();
    let url = database.url();
    for variable in ["DATABASE_URL_FILE", "DOORSTEP_DATABASE_URL_FILE", "DOORSTEP_MIGRATE_URL_FILE"] {
        refused("secret", 78, |project| project.doorstep("", &["run"]).env(variable, "secret"), Project::with_two);
    }
    let without = url.replace(&format!(":{PASSWORD}@"), "@");
    refused(
        "secret",
        78,
        |project| project.doorstep(&without, &["run"]).env("PGPASSWORD_FILE", "secret"),
        Project::with_two,
    );
    refused("my.toml", 78, |project| project.doorstep(&url, &["run", "--config", "my.toml"]), Project::with_two);
    refused(
        "doorstep.snapshot.json",
        78,
        |project| project.doorstep(&url, &["run", "--snapshot", "doorstep.snapshot.json"]),
        Project::with_two,
    );
    let all = NO_FILES.iter().filter(|(kind, _)| *kind != "nowhere");
    for (kind, said) in all {
        let project = Project::with_two();
        let _socket = put(kind, &project.path("doorstep.toml"));
        project.doorstep(&url, &["run"]).run().code(78).stderr_has(said);
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn as_a_migration_or_a_schema() {
    let database = Database::fresh();
    let url = database.url();
    refused("prisma/migrations/3_x/migration.sql", 65, |project| project.doorstep(&url, &["run"]), Project::with_two);
    let numbered = || Project::numbered(&[("1_a.sql", "SELECT 1;")]);
    for (kind, said) in NO_FILES.iter().filter(|(kind, _)| !["folder", "nowhere"].contains(kind)) {
        let project = numbered();
        let _socket = put(kind, &project.path("migrations/2_b.sql"));
        let output = project.doorstep(&url, &["run"]).run();
        assert!(matches!(output.code, Some(65 | 78)), "{kind}: {:?}\n{}", output.code, output.stderr);
        output.stderr_has(said);
    }
    for (kind, said) in NO_FILES.iter().filter(|(kind, _)| !["folder", "nowhere"].contains(kind)) {
        let project = Project::with_two();
        let _socket = put(kind, &project.path("prisma/schema.prisma"));
        project.doorstep(&url, &["run"]).run().code(78).stderr_has(said);
        let project = Project::with_two();
        let _socket = put(kind, &project.path("prisma/migrations/migration_lock.toml"));
        let output = project.doorstep(&url, &["run"]).run();
        assert!(matches!(output.code, Some(65 | 78)), "{kind}: {:?}\n{}", output.code, output.stderr);
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn as_a_password_file_or_a_certificate() {
    let cluster = Cluster::started("");
    let without = cluster.url().replace(&format!(":{PASSWORD}@"), "@");
    for (kind, _) in NO_FILES {
        let project = Project::bare();
        let _socket = put(kind, &project.path("passfile"));
        if !kind.starts_with('/') && *kind != "nowhere" {
            run(Command::new("chmod").arg("0600").arg(project.path("passfile")));
        }
        let began = Instant::now();
        project.doorstep(&without, &["wait"]).env("PGPASSFILE", "passfile").run().code(77);
        for parameter in ["sslmode=verify-ca&sslrootcert=x", "sslmode=require&sslcert=x&sslkey=x"] {
            let _socket = put(kind, &project.path("x"));
            let output = project.doorstep(&format!("{}?{parameter}", cluster.url()), &["wait"]).run();
            assert!(matches!(output.code, Some(78)), "{kind} {parameter}: {:?}\n{}", output.code, output.stderr);
            let _ = std::fs::remove_dir(project.path("x"));
            let _ = std::fs::remove_file(project.path("x"));
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{kind}");
    }
}

#[test]
fn as_the_roots_of_the_system() {
    let url = format!("postgres://u@127.0.0.1:{}/d?sslrootcert=system", crate::support::free_port());
    for (kind, said) in NO_FILES.iter().filter(|(kind, _)| !["long", "nowhere"].contains(kind)) {
        let project = Project::bare();
        let _socket = put(kind, &project.path("roots"));
        project.doorstep(&url, &["wait"]).env("SSL_CERT_FILE", "roots").run().code(78).stderr_has(said);
    }
}

#[test]
fn as_a_database() {
    for (kind, said) in NO_FILES.iter().filter(|(kind, _)| !["long", "nowhere"].contains(kind)) {
        let project = Project::sqlite().migration("1_a", "CREATE TABLE a (id integer);");
        let _socket = put(kind, &project.path("x.db"));
        let began = Instant::now();
        project.doorstep("sqlite:x.db", &["run"]).run().code(78).stderr_has(said);
        assert!(began.elapsed() < Duration::from_secs(5), "{kind}");
    }
}

#[test]
fn links_to_files_are_read_as_kubernetes_mounts_them() {
    let database = Database::fresh();
    let project = Project::with_two().file("..2026/url", &format!("{}\n", database.url()));
    std::os::unix::fs::symlink("..2026", project.path("..data")).unwrap();
    std::os::unix::fs::symlink("..data/url", project.path("url")).unwrap();
    project.doorstep("", &["run"]).env("DATABASE_URL_FILE", "url").run().code(0);
}

#[test]
fn a_file_of_the_longest_length_is_read_and_one_byte_more_is_not() {
    let database = Database::fresh();
    let limit = 64 * 1024;
    for (length, code) in [(limit, 0), (limit + 1, 78)] {
        let url = format!("{}?application_name=x", database.url());
        let project = Project::with_two().file("url", &format!("{url}{}", "\n".repeat(length - url.len())));
        project.doorstep("", &["run"]).env("DATABASE_URL_FILE", "url").run().code(code);
    }
}

#[test]
fn a_file_that_becomes_a_fifo_does_not_hold_up_the_deadline_or_a_signal() {
    let project = Project::bare().file("url", &format!("postgres://u:p@127.0.0.1:{}/d", crate::support::free_port()));
    let mut doorstep = project.doorstep("", &["wait", "--wait-timeout", "0"]).env("DATABASE_URL_FILE", "url").spawn();
    doorstep.until_stderr("waiting for the database");
    run(Command::new("mkfifo").arg(project.path("url.new")));
    std::fs::rename(project.path("url.new"), project.path("url")).unwrap();
    doorstep.finish("wait").code(78).stderr_has("a FIFO");
}
