//! Step 5, exec: the service is the same process, and inherits nothing that doorstep has opened or changed.

use crate::support::{Database, Doorstep, Project, binary};

#[test]
fn the_service_has_doorsteps_pid_arguments_and_directory() {
    let database = Database::fresh();
    let project = Project::bare();
    let script = "echo $$; echo \"$0|$1|$2\"; pwd";
    let doorstep =
        project.doorstep(&database.url(), &["run", "--", "sh", "-c", script, "zero", "a b", "--wait-timeout"]).spawn();
    let pid = doorstep.pid();
    let here = project.path("").canonicalize().unwrap();
    let expected = format!("{pid}\nzero|a b|--wait-timeout\n{}", here.display());
    doorstep.finish("run").code(0).stdout_is(expected.trim_end_matches('/'));
}

#[test]
fn run_may_be_left_out() {
    let database = Database::fresh();
    Project::bare().doorstep(&database.url(), &["--", "echo", "up"]).run().code(0).stdout_is("up");
    Project::bare()
        .doorstep(&database.url(), &["--wait-timeout", "9s", "--", "echo", "up"])
        .run()
        .code(0)
        .stdout_is("up");
}

#[test]
fn the_environment_is_untouched_but_for_doorsteps_secrets() {
    let database = Database::fresh();
    let doorstep = Project::bare().doorstep("postgres://app:for-the-service@nowhere/x", &["run", "--", "env"]);
    let output = doorstep.env("DOORSTEP_MIGRATE_URL", &database.url()).env("OTHER", "ö \t=x").run().code(0);
    let output = output.stdout_has("DATABASE_URL=postgres://app:for-the-service@nowhere/x").stdout_has("OTHER=ö \t=x");
    let output = output.stdout_has("DOORSTEP_WAIT_TIMEOUT=20s");
    assert!(!output.stdout.contains("DOORSTEP_MIGRATE_URL"), "{}", output.stdout);
}

#[test]
fn signals_masks_and_descriptors_are_those_of_a_fresh_process() {
    let database = Database::fresh();
    let project = Project::with_two();
    // Started with SIGPIPE, SIGINT, SIGQUIT ignored and SIGTERM blocked, as some parents do.
    let script = "import os, signal, sys\n\
                  for s in (signal.SIGPIPE, signal.SIGINT, signal.SIGQUIT): signal.signal(s, signal.SIG_IGN)\n\
                  signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})\n\
                  os.closerange(3, 1000)\n\
                  os.execv(sys.argv[1], sys.argv[1:])";
    let started = |service: &[&str]| {
        let arguments = [&["run", "--"], service].concat();
        let doorstep = Doorstep::through("python3", &["-c", script, binary()], &arguments);
        doorstep.directory(&project.path("")).env("DATABASE_URL", &database.url()).run().code(0)
    };
    let output = started(&["cat", "/proc/self/status"]);
    for (field, expected) in [("SigBlk", 0), ("SigIgn", 0), ("SigCgt", 0)] {
        assert_eq!(mask(&output.stdout, field), expected, "{field}\n{}", output.stdout);
    }
    // 0, 1, 2, and the directory that ls itself opened.
    output.stdout_has("Threads:\t1");
    started(&["ls", "/proc/self/fd"]).stdout_is("0\n1\n2\n3");
}

/// A signal mask of /proc/self/status, without the two that the C library keeps for itself and no
/// program can change.
fn mask(status: &str, field: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap() & 0x7fff_ffff
}

#[test]
fn nohup_stays_in_force() {
    let database = Database::fresh();
    let arguments = ["run", "--", "grep", "SigIgn", "/proc/self/status"];
    let doorstep = Doorstep::through("nohup", &[binary()], &arguments).env("DATABASE_URL", &database.url());
    let output = doorstep.run().code(0);
    assert_eq!(mask(&output.stdout, "SigIgn"), 1);
}

#[test]
fn the_services_exit_code_is_its_own() {
    let database = Database::fresh();
    Project::bare().doorstep(&database.url(), &["run", "--", "sh", "-c", "exit 42"]).run().code(42);
}

#[test]
fn without_a_command_it_ends_when_all_is_ready() {
    let database = Database::fresh();
    Project::with_two().doorstep(&database.url(), &["run"]).run().code(0).stdout_is("");
}

#[test]
fn a_command_that_cannot_run_is_found_out_before_anything_is_written() {
    let database = Database::fresh();
    let project = Project::with_two().file("not-executable", "#!/bin/sh\n");
    for (command, code, text) in [
        ("no-such-command", 127, "was not found"),
        ("./gone", 127, "was not found"),
        ("./not-executable", 126, "not executable"),
        ("/tmp", 126, "is a directory"),
    ] {
        project.doorstep(&database.url(), &["run", "--", command]).run().code(code).stderr_has(text);
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn a_file_the_kernel_cannot_execute_is_126_before_anything_is_written() {
    let database = Database::fresh();
    let project = Project::with_two();
    for text in ["", "echo no shebang\n", "\u{7f}EL garbage"] {
        project.write("odd", text);
        let path = project.path("odd");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        project.doorstep(&database.url(), &["run", "--", "./odd"]).run().code(126).stderr_has("cannot be executed");
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn install_copies_the_binary() {
    let project = Project::bare();
    let output = project.doorstep("", &["install", "shared/bin"]).run().code(0).stdout_has("shared/bin/doorstep");
    let copy = project.path(output.stdout.trim());
    assert!(
        Doorstep::through(copy.to_str().unwrap(), &[], &["--version"]).run().code(0).stdout.starts_with("doorstep ")
    );
    project.doorstep("", &["install", "/proc/nowhere"]).run().code(71);
}

#[test]
fn a_log_that_nobody_takes_stops_nothing() {
    let database = Database::fresh();
    let project = Project::with_two();
    // A full disk, and a closed pipe.
    for log in ["2>/dev/full", "2> >(true)"] {
        let command = format!("exec '{}' run -- echo up {log}", binary());
        let doorstep = Doorstep::through("bash", &["-c", &command], &[]).directory(&project.path(""));
        doorstep.env("DATABASE_URL", &database.url()).run().code(0).stdout_is("up");
    }
    assert_eq!(database.sql("SELECT count(*) FROM _prisma_migrations"), "2");
}

#[test]
fn a_tab_may_follow_an_interpreter() {
    let database = Database::fresh();
    let project = Project::bare().file("service", "#!/bin/sh\t-e\necho up\n");
    let path = project.path("service");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    project.doorstep(&database.url(), &["run", "--", "./service"]).run().code(0).stdout_is("up");
}
