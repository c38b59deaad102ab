//! `--init`: doorstep stays as the parent of the service, and behaves as tini does.

use std::io::{Read as _, Write as _};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Database, Doorstep, Project, Running, binary, is_root, run, until};

/// A shell script beside init, on a database that is ready.
fn beside(database: &Database, script: &str) -> Doorstep {
    Project::bare().doorstep(&database.url(), &["run", "--init", "--", "sh", "-c", script, "zero", "a b"])
}

fn signal(pid: u32, name: &str) {
    run(std::process::Command::new("kill").args(["-s", name, &pid.to_string()]));
}

/// A field of /proc/PID/stat, counted as in `man 5 proc`; `None` once the process is gone.
fn stat(pid: u32, field: usize) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    rest.split(' ').nth(field - 3).map(str::to_owned)
}

/// The children of a process.
fn children(pid: u32) -> Vec<u32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn the_service_is_a_child_with_its_own_group_and_what_exec_would_give_it() {
    let database = Database::fresh();
    let script = "echo $$ $PPID; echo \"$0|$1\"; cat; env; echo oops >&2; cut -d' ' -f5 /proc/$$/stat";
    let migrate_url = format!("--migrate-url={}", database.url());
    let arguments = ["run", "--init", &migrate_url, "--", "sh", "-c", script, "zero", "a b"];
    let url = "postgres://app:for-the-service@nowhere/x";
    let mut doorstep = Project::bare().doorstep(url, &arguments).piped().spawn();
    let pid = doorstep.pid();
    let line = doorstep.stdout_line();
    let (service, parent) = line.split_once(' ').unwrap();
    assert_eq!(parent, pid.to_string(), "the parent is doorstep, under the PID it was started with");
    assert_eq!(doorstep.stdout_line(), "zero|a b");
    // Neither the process that stays nor the service has a secret in its environment or arguments.
    for process in [parent, service] {
        let environment = std::fs::read(format!("/proc/{process}/environ")).unwrap();
        let environment = String::from_utf8(environment).unwrap();
        assert!(environment.contains("for-the-service") && !environment.contains("DOORSTEP_MIGRATE"), "{environment}");
        let title = std::fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap();
        assert!(title.contains("zero") && !title.contains("postgresql:"), "{title}");
    }
    // No socket to the server.
    let tcp = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap();
    let inodes: Vec<&str> = tcp.lines().skip(1).filter_map(|line| line.split_whitespace().nth(9)).collect();
    for descriptor in std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap() {
        let target = std::fs::read_link(descriptor.unwrap().path()).unwrap().display().to_string();
        assert!(!inodes.iter().any(|inode| target == format!("socket:[{inode}]")), "{target}");
    }
    doorstep.child.stdin.take().unwrap().write_all(b"from stdin\n").unwrap();
    let service = service.to_owned();
    let output = doorstep.finish("run --init").code(0).stdout_has("from stdin").stderr_has("oops");
    assert_eq!(output.stdout.lines().last(), Some(service.as_str()), "it leads a process group of its own");
}

#[test]
fn exit_codes_and_fatal_signals_are_handed_on() {
    let database = Database::fresh();
    for (script, code) in [
        ("exit 0", 0),
        ("exit 42", 42),
        ("exit 255", 255),
        ("kill -TERM $$", 143),
        ("kill -KILL $$", 137),
        ("kill -USR1 $$", 138),
        ("kill -SEGV $$", 139),
        ("kill -ABRT $$", 134),
    ] {
        beside(&database, script).run().code(code);
    }
}

#[test]
fn a_real_time_signal_that_ends_the_service_is_handed_on_too() {
    let database = Database::fresh();
    beside(&database, "kill -40 $$").run().code(168);
}

#[test]
fn it_is_a_setting_like_any_other_and_off_unless_asked_for() {
    let database = Database::fresh();
    let project = Project::bare();
    let parent_is_doorstep = |doorstep: Doorstep| {
        let doorstep = doorstep.spawn();
        let pid = doorstep.pid().to_string();
        doorstep.finish("run").code(0).stdout.trim() == pid
    };
    let run = |flags: &[&str]| {
        let arguments = [&["run"], flags, &["--", "sh", "-c", "echo $PPID"]].concat();
        project.doorstep(&database.url(), &arguments)
    };
    assert!(!parent_is_doorstep(run(&[])));
    assert!(parent_is_doorstep(run(&["--init"])));
    assert!(parent_is_doorstep(run(&[]).env("DOORSTEP_INIT", "1")));
    assert!(!parent_is_doorstep(run(&["--init=false"]).env("DOORSTEP_INIT", "true")));
    project.write("doorstep.toml", "init = true\n");
    assert!(parent_is_doorstep(run(&[])));
    project.write("doorstep.toml", "init = \"maybe\"\n");
    run(&[]).run().code(78).stderr_has("doorstep.toml:1: `maybe` is neither true nor false");
    run(&["--init=perhaps"]).run().code(64).stderr_has("`perhaps` is neither true nor false");
    run(&[]).env("DOORSTEP_INIT", "2").run().code(78).stderr_has("DOORSTEP_INIT: `2` is neither true nor false");
    project.write("doorstep.toml", "");
    project.doorstep(&database.url(), &["run", "--init"]).run().code(0).stdout_is("");
}

#[test]
fn a_command_that_cannot_run_is_found_out_before_anything_is_written() {
    let database = Database::fresh();
    let project = Project::with_two();
    for (command, code) in [("no-such-command", 127), ("/etc/passwd", 126), ("", 127)] {
        project.doorstep(&database.url(), &["run", "--init", "--", command]).run().code(code);
    }
    assert_eq!(database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");
}

#[test]
fn a_command_that_only_the_kernel_refuses_has_its_exit_code_too() {
    let database = Database::fresh();
    let project = Project::bare().file("odd", "\u{7f}ELF garbage");
    let path = project.path("odd");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let run = |flags: &[&str]| {
        project.doorstep(&database.url(), &[&["run", "--init"], flags, &["--", "./odd"]].concat()).run()
    };
    run(&[]).code(126).stderr_has("./odd cannot be executed");
    // It is reported as any other failure.
    project.write("termination", "");
    let output = run(&["--log-format", "json", "--termination-log", "termination"]).code(126);
    assert_eq!(output.last_event()["exit_code"], 126);
    assert!(std::fs::read_to_string(project.path("termination")).unwrap().contains("cannot be executed"));
}

/// A Python service that prints the name of every signal it receives, and ends on SIGTERM with code 7.
const LISTENING: &str = "import os, signal, sys\n\
     left_alone = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD, signal.SIGSEGV}\n\
     heard = {s for s in signal.Signals if s < 32} - left_alone\n\
     signal.pthread_sigmask(signal.SIG_BLOCK, heard)\n\
     print('listening', flush=True)\n\
     while True:\n\
     \x20   name = signal.Signals(signal.sigwait(heard)).name\n\
     \x20   print(name, flush=True)\n\
     \x20   if name == 'SIGTERM': sys.exit(7)\n";

#[test]
fn every_signal_that_can_be_passed_on_is_and_each_one_again() {
    let database = Database::fresh();
    let arguments = ["run", "--init", "--", "python3", "-c", LISTENING];
    let mut doorstep = Project::bare().doorstep(&database.url(), &arguments).spawn();
    assert_eq!(doorstep.stdout_line(), "listening");
    for name in [
        "HUP", "INT", "QUIT", "USR1", "USR2", "PIPE", "ALRM", "CONT", "TSTP", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "INT", "HUP", "TERM",
    ] {
        doorstep.signal(name);
        let heard = doorstep.stdout_line();
        assert!(heard == format!("SIG{name}") || (name == "IO" && heard == "SIGPOLL"), "{name}: {heard}");
    }
    doorstep.finish("run --init").code(7);
}

#[test]
fn real_time_signals_are_passed_on_too() {
    let database = Database::fresh();
    let service = "import signal\n\
         heard = set(range(35, 65))\n\
         signal.pthread_sigmask(signal.SIG_BLOCK, heard)\n\
         print('listening', flush=True)\n\
         while True: print(int(signal.sigwait(heard)), flush=True)\n";
    let arguments = ["run", "--init", "--", "python3", "-c", service];
    let mut doorstep = Project::bare().doorstep(&database.url(), &arguments).spawn();
    assert_eq!(doorstep.stdout_line(), "listening");
    for number in (35..=64).chain([35]) {
        let call = [format!("-{number}"), doorstep.pid().to_string()];
        crate::support::run(std::process::Command::new("kill").args(call));
        assert_eq!(doorstep.stdout_line(), number.to_string());
    }
    doorstep.signal("TERM");
    doorstep.finish("run --init").code(143);
}

#[test]
fn the_terminals_stop_signals_are_not_passed_on_and_stop_nobody() {
    let database = Database::fresh();
    let arguments = ["run", "--init", "--", "python3", "-c", LISTENING];
    let mut doorstep = Project::bare().doorstep(&database.url(), &arguments).spawn();
    assert_eq!(doorstep.stdout_line(), "listening");
    for name in ["TTIN", "TTOU", "USR1", "TERM"] {
        doorstep.signal(name);
    }
    assert_eq!(doorstep.stdout_line(), "SIGUSR1");
    doorstep.finish("run --init").code(7);
}

#[test]
fn masks_and_ignored_signals_are_those_of_a_fresh_process_and_nohup_stays_in_force() {
    let database = Database::fresh();
    let mask = |status: &str, field: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        u64::from_str_radix(line.trim_start_matches(':').trim(), 16).unwrap() & 0x7fff_ffff
    };
    let script = "import os, signal, sys\n\
                  for s in (signal.SIGPIPE, signal.SIGINT, signal.SIGCHLD): signal.signal(s, signal.SIG_IGN)\n\
                  signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})\n\
                  os.execv(sys.argv[1], sys.argv[1:])";
    let arguments = ["run", "--init", "--", "cat", "/proc/self/status"];
    let odd = Doorstep::through("python3", &["-c", script, binary()], &arguments).env("DATABASE_URL", &database.url());
    let output = odd.run().code(0);
    for field in ["SigBlk", "SigIgn", "SigCgt"] {
        assert_eq!(mask(&output.stdout, field), 0, "{field}\n{}", output.stdout);
    }
    let output = Doorstep::through("nohup", &[binary()], &arguments).env("DATABASE_URL", &database.url()).run().code(0);
    assert_eq!(mask(&output.stdout, "SigIgn"), 1);
}

/// Leaves an orphan that ends when its stdin is closed, and prints its PID.
const ORPHAN: &str = "exec 3<&0; (sh -c 'echo $$; read -r line' <&3 &) ; exec 3<&-; exec sleep 600 </dev/null";

/// The orphan becomes a child of init, ends, and leaves no zombie.
fn is_reaped(mut doorstep: Running, init: impl Fn(&Running) -> u32, orphan: impl Fn(u32, &mut Running) -> u32) {
    let init = init(&doorstep);
    let orphan = orphan(init, &mut doorstep);
    until("the orphan is adopted", || (stat(orphan, 4)? == init.to_string()).then_some(()));
    drop(doorstep.child.stdin.take());
    until("the orphan is buried", || stat(orphan, 3).is_none().then_some(()));
    assert_eq!(children(init).len(), 1, "the service goes on");
    signal(init, "TERM");
    doorstep.finish("run --init").code(143);
}

#[test]
fn orphans_are_reaped_where_it_is_not_pid_1() {
    let database = Database::fresh();
    let doorstep = beside(&database, ORPHAN).piped().spawn();
    is_reaped(doorstep, Running::pid, |_, doorstep| doorstep.stdout_line().parse().unwrap());
}

#[test]
fn orphans_are_reaped_as_pid_1() {
    if !is_root() {
        return eprintln!("skipped: unshare -p needs root");
    }
    let database = Database::fresh();
    let arguments = ["run", "--init", "--", "sh", "-c", ORPHAN];
    let doorstep = Doorstep::through("unshare", &["-pf", "--kill-child", "--mount-proc", binary()], &arguments);
    let doorstep = doorstep.env("DATABASE_URL", &database.url()).piped().spawn();
    let init = |unshare: &Running| until("unshare has its child", || children(unshare.pid()).first().copied());
    // It prints its PID inside the namespace; outside it is the child that is not the service.
    is_reaped(doorstep, init, |init, doorstep| {
        doorstep.stdout_line();
        until("the service and the orphan are there", || children(init).get(1).copied())
    });
}

#[test]
fn many_children_that_end_at_once_leave_no_zombie() {
    let database = Database::fresh();
    let script = "for i in $(seq 200); do (sh -c : &) ; done; echo done; exec sleep 600";
    let mut doorstep = beside(&database, script).spawn();
    assert_eq!(doorstep.stdout_line(), "done");
    until("only the service is left", || (children(doorstep.pid()).len() == 1).then_some(()));
    doorstep.signal("TERM");
    doorstep.finish("run --init").code(143);
}

#[test]
fn a_signal_during_the_wait_still_ends_it() {
    let url = format!("postgres://u@127.0.0.1:{}/d", crate::support::free_port());
    let mut doorstep = Doorstep::new(&["run", "--init", "--", "echo", "never"]).env("DATABASE_URL", &url).spawn();
    doorstep.until_stderr("connection refused");
    doorstep.signal("TERM");
    doorstep.finish("run --init").code(143).stdout_is("").stderr_has("stopped by SIGTERM");
}

/// Sends the signal right after the last log line of the start, when doorstep is about to execute itself as init.
fn answers_at_any_moment(call: impl Fn() -> Doorstep, init: impl Fn(&Running) -> u32) {
    for round in 0..30 {
        let mut doorstep = call().spawn();
        let init = Pid::from_raw(i32::try_from(init(&doorstep)).unwrap());
        doorstep.until_stderr("ready: wait");
        // Each round a little later.
        std::thread::sleep(Duration::from_micros(100) * round);
        kill(init, Signal::SIGTERM).unwrap();
        doorstep.finish("run --init").code(143);
    }
}

#[test]
fn no_signal_is_lost_between_the_start_and_the_service() {
    let database = Database::fresh();
    answers_at_any_moment(|| beside(&database, "exec sleep 600"), Running::pid);
}

#[test]
fn no_signal_is_lost_as_pid_1() {
    if !is_root() {
        return eprintln!("skipped: unshare -p needs root");
    }
    let database = Database::fresh();
    let call = || {
        let arguments = ["run", "--init", "--", "sleep", "600"];
        let doorstep = Doorstep::through("unshare", &["-pf", "--kill-child", "--mount-proc", binary()], &arguments);
        doorstep.env("DATABASE_URL", &database.url())
    };
    answers_at_any_moment(call, |unshare| until("unshare has its child", || children(unshare.pid()).first().copied()));
}

/// Runs a script on its own terminal, and returns what was shown there.
fn on_a_terminal(command: &str, keys: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut script = std::process::Command::new("script");
    script.args(["-qec", command, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut script = Running::from(script.spawn().unwrap());
    let (mut stdin, mut stdout) = (script.child.stdin.take().unwrap(), script.child.stdout.take().unwrap());
    let mut shown = String::new();
    let mut byte = [0];
    for (prompt, keys) in keys {
        while !shown.contains(prompt) {
            assert!(stdout.read(&mut byte).unwrap() == 1, "`{prompt}` never came:\n{shown}");
            shown.push(char::from(byte[0]));
        }
        stdin.write_all(keys.as_bytes()).unwrap();
    }
    stdout.read_to_string(&mut shown).unwrap();
    let status = script.child.wait().unwrap();
    (status.code(), shown)
}

#[test]
fn on_a_terminal_the_service_has_the_foreground_and_gives_it_back() {
    // With exec, since dash forgets a Ctrl-C that comes while it forks.
    let project = Project::bare().file("service", "#!/bin/sh\nread -r line\necho \"read $line\"\nexec sleep 600\n");
    let path = project.path("service");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let database = Database::fresh();
    let doorstep =
        format!("DATABASE_URL={} \"{}\" run --migrate off --init -- {}", database.url(), binary(), path.display());
    let command = format!("echo begin; {doorstep}; echo \"code $?\"; read -r line; echo \"then $line\"");
    // The service reads, Ctrl-C ends only the service, and the parent of doorstep can read again.
    let keys = [("begin", "one\n"), ("read one", "\u{3}"), ("code ", "two\n")];
    let (code, shown) = on_a_terminal(&format!("sh -c 'trap : INT; {command}'"), &keys);
    assert!(shown.contains("code 130") && shown.contains("then two"), "{code:?}\n{shown}");
}
