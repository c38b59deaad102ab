//! Calls of doorstep, running processes, and their output.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use super::{Project, binary, run, until, variable};

/// A call of the binary, built step by step, then run.
pub(crate) struct Doorstep {
    command: Command,
    pub(super) shown: String,
    /// Keeps the project's directory, which may be a temporary of the same expression.
    pub(super) keep: Option<Arc<tempfile::TempDir>>,
}

impl Doorstep {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        Self::through(binary(), &[], arguments)
    }

    /// Through another program: `unshare -pf doorstep …`.
    pub(crate) fn through(program: &str, first: &[&str], arguments: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(first).args(arguments).env_clear().env("PATH", std::env::var("PATH").unwrap());
        // A short deadline; tests of the deadline set their own.
        command.env("DOORSTEP_WAIT_TIMEOUT", "20s");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, shown: format!("doorstep {}", arguments.join(" ")), keep: None }
    }

    pub(crate) fn directory(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn env_remove(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn envs(self, pairs: &[(&str, &str)]) -> Self {
        pairs.iter().fold(self, |doorstep, (name, value)| doorstep.env(name, value))
    }

    /// With a pipe as stdin.
    pub(crate) fn piped(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    pub(crate) fn run(mut self) -> Output {
        let child = self.command.spawn().unwrap();
        Running { child, _keep: self.keep }.finish(&self.shown)
    }

    pub(crate) fn spawn(mut self) -> Running {
        Running { child: self.command.spawn().unwrap(), _keep: self.keep }
    }
}

/// A program of the packages in tests/tools/npm, in a project's directory: `PACKAGE/bin/PROGRAM`, or `.bin/PROGRAM`.
pub(crate) fn real_tool(program: &str, arguments: &[&str], project: &Project) -> Doorstep {
    tool_of("REAL_TOOLS", program, arguments, project)
}

/// The same of tests/tools/npm-large, which only `scripts/test --all` installs.
pub(crate) fn large_tool(program: &str, arguments: &[&str], project: &Project) -> Doorstep {
    tool_of("LARGE_TOOLS", program, arguments, project)
}

fn tool_of(home: &str, program: &str, arguments: &[&str], project: &Project) -> Doorstep {
    let program = format!("{}/node_modules/{program}", variable(home));
    let mut call = Doorstep::through(&program, &[], arguments).directory(&project.path(""));
    call.shown = format!("{program} {}", arguments.join(" "));
    call
}

/// A running child process; killed when dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    _keep: Option<Arc<tempfile::TempDir>>,
}

impl From<Child> for Running {
    fn from(child: Child) -> Self {
        Self { child, _keep: None }
    }
}

impl Running {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        run(Command::new("kill").args(["-s", name, &self.pid().to_string()]));
    }

    /// Reads stderr until a line contains `text`; returns all that was read.
    pub(crate) fn until_stderr(&mut self, text: &str) -> String {
        let stderr = self.child.stderr.as_mut().unwrap();
        let (mut seen, mut line) = (String::new(), Vec::new());
        loop {
            let mut byte = [0];
            assert!(stderr.read(&mut byte).unwrap() == 1, "`{text}` never came:\n{seen}");
            line.push(byte[0]);
            if byte[0] == b'\n' {
                let whole = String::from_utf8(std::mem::take(&mut line)).unwrap();
                seen += &whole;
                if whole.contains(text) {
                    return seen;
                }
            }
        }
    }

    /// The next line of stdout.
    pub(crate) fn stdout_line(&mut self) -> String {
        let mut line = String::new();
        BufReader::with_capacity(1, self.child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until it ends, and collects its output.
    pub(crate) fn finish(mut self, shown: &str) -> Output {
        let read = |stream: Option<Box<dyn Read + Send>>| {
            std::thread::spawn(move || {
                let mut text = Vec::new();
                if let Some(mut stream) = stream {
                    let _ = stream.read_to_end(&mut text);
                }
                String::from_utf8_lossy(&text).into_owned()
            })
        };
        let stdout = read(self.child.stdout.take().map(|s| Box::new(s) as _));
        let stderr = read(self.child.stderr.take().map(|s| Box::new(s) as _));
        let status = until("the process ends", || self.child.try_wait().unwrap());
        let code = status.code();
        Output { code, stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap(), shown: shown.to_owned() }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Output and exit code of a call, with assertions whose failures show all of it.
pub(crate) struct Output {
    /// Exit code; `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) shown: String,
}

impl Output {
    fn picture(&self) -> String {
        let mut text = String::new();
        let Self { code, stdout, stderr, shown } = self;
        write!(text, "$ {shown}\n--- exit {code:?}\n--- stdout\n{stdout}--- stderr\n{stderr}---").unwrap();
        text
    }

    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "\n{}", self.picture());
        self
    }

    #[track_caller]
    pub(crate) fn stderr_has(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "stderr lacks `{text}`\n{}", self.picture());
        self
    }

    #[track_caller]
    pub(crate) fn stderr_lacks(self, text: &str) -> Self {
        assert!(!self.stderr.contains(text), "stderr has `{text}`\n{}", self.picture());
        self
    }

    #[track_caller]
    pub(crate) fn stdout_lacks(self, text: &str) -> Self {
        assert!(!self.stdout.contains(text), "stdout has `{text}`\n{}", self.picture());
        self
    }

    #[track_caller]
    pub(crate) fn stdout_is(self, text: &str) -> Self {
        assert_eq!(self.stdout.trim_end(), text, "\n{}", self.picture());
        self
    }

    #[track_caller]
    pub(crate) fn stdout_has(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "stdout lacks `{text}`\n{}", self.picture());
        self
    }

    /// The error that ended doorstep, without the log before it.
    pub(crate) fn error(&self) -> &str {
        let line = self.stderr.find(" ERROR ").and_then(|at| self.stderr[..at].rfind('\n')).map_or(0, |at| at + 1);
        &self.stderr[line..]
    }

    /// The JSON object in the last line of the log.
    #[track_caller]
    pub(crate) fn last_event(&self) -> serde_json::Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{}", self.picture()))
    }
}
