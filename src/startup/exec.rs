//! Step 5: become the service, with the same PID, arguments, environment and working directory. The kernel and std reset
//! signal handlers and SIGPIPE to their defaults, and every descriptor of doorstep is closed on exec.
//!
//! With `--init` the process executes `doorstep init -- CMD` instead: a new process image, with nothing of the start in its
//! memory, environment or descriptors, that stays as the service's parent (`init.rs`).

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::base::environment;
use crate::base::error::Error;
use crate::base::log::LogFormat;
use crate::base::signal::{self, Stop};
use crate::config::environment::PENDING;
use crate::config::{Layer, Settings, Words};
use crate::startup::database::ChildLogin;
use crate::startup::program::{self, FOR_THIS_LIBC, FOR_THIS_MACHINE, is_executable};

/// Variables of doorstep that may contain a password, and what it tells its hooks; removed from the service's environment.
const OURS: &[&str] = &[
    "DOORSTEP_DATABASE_URL",
    "DOORSTEP_DATABASE_URL_FILE",
    "DOORSTEP_MIGRATE_URL",
    "DOORSTEP_MIGRATE_URL_FILE",
    PENDING,
];

/// The service's command, found and executable.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    program: PathBuf,
    words: Vec<OsString>,
    /// The program is doorstep itself, for `--init`.
    stays: bool,
}

impl Service {
    /// Looks the command up, as execvp would; `None` for an empty command. Call it before anything is written: a misspelt
    /// command should cost milliseconds, not a migration.
    ///
    /// # Errors
    /// [`Error::CommandNotFound`] (127) or [`Error::CommandNotExecutable`] (126).
    pub(crate) fn find(words: &[OsString], path: Option<&str>) -> Result<Option<Self>, Error> {
        let Some(name) = words.first() else { return Ok(None) };
        let shown = name.display();
        if name.is_empty() {
            return Err(Error::CommandNotFound(EMPTY.to_owned()));
        }
        let candidates = program::candidates(name, path);
        if let Some(program) = candidates.iter().find(|path| is_executable(path)) {
            program::check(program, path)?;
            return Ok(Some(Self { program: program.clone(), words: words.to_vec(), stays: false }));
        }
        match candidates.iter().find(|path| path.exists()) {
            Some(path) => Err(Error::CommandNotExecutable(not_executable(path))),
            None => {
                let next = where_to_look(name, path);
                Err(Error::CommandNotFound(format!("the command {shown} was not found\nnext: {next}")))
            }
        }
    }

    /// The same for the command of a setting, which the error names.
    ///
    /// # Errors
    /// As [`Service::find`]; [`Error::CommandNotFound`] for an empty command, too.
    pub(crate) fn find_for(setting: &str, words: &Words, path: Option<&str>) -> Result<Self, Error> {
        let words: Vec<_> = words.as_slice().iter().map(Into::into).collect();
        let found = Self::find(&words, path).map_err(|error| match error {
            Error::CommandNotFound(text) => Error::CommandNotFound(format!("{setting}: {text}")),
            Error::CommandNotExecutable(text) => Error::CommandNotExecutable(format!("{setting}: {text}")),
            other => other,
        })?;
        found.ok_or_else(|| Error::CommandNotFound(format!("{setting}: {EMPTY}")))
    }

    /// `doorstep init` with this service as its child; log format and termination log are passed on.
    ///
    /// # Errors
    /// [`Error::Os`] without /proc, which names the file of this program.
    pub(crate) fn beside_init(self, settings: &Settings) -> Result<Self, Error> {
        let program = std::env::current_exe().map_err(|error| {
            Error::Os(format!(
                "cannot stay as init: /proc/self/exe cannot be read: {error}\nnext: mount /proc, or leave --init out"
            ))
        })?;
        let mut words: Vec<OsString> = vec!["doorstep".into(), "init".into()];
        if settings.log_format == LogFormat::Json {
            words.push("--log-format=json".into());
        }
        if let Some(path) = &settings.termination_log {
            words.extend(["--termination-log".into(), path.into()]);
        }
        words.push("--".into());
        words.extend(self.words);
        Ok(Self { program, words, stays: true })
    }

    /// Replaces this process; returns only if a signal has arrived, or the kernel refuses.
    #[must_use]
    pub(crate) fn exec(self, stop: &Stop) -> Error {
        let mut command = self.command();
        let mut replace = || match stop.signal() {
            Some(signal) => Error::not_started(signal),
            None => self.refused(&command.exec()),
        };
        match self.stays {
            true => signal::held_back(&mut replace),
            // The service must start with an empty signal mask.
            false => replace(),
        }
    }

    /// The command, with the environment of the service.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg0(&self.words[0]).args(&self.words[1..]);
        // std copies an environment in which something is changed, which takes longer than the exec.
        for name in OURS.iter().filter(|name| environment::is_set(name)) {
            command.env_remove(name);
        }
        command
    }

    /// The command of a child that works on this database, if a URL names it. DATABASE_URL_FILE may name another one.
    pub(crate) fn command_on(&self, login: &ChildLogin) -> Command {
        let mut command = self.command();
        if let Some(url) = &login.url {
            command.env("DATABASE_URL", url.expose()).env_remove("DATABASE_URL_FILE");
        }
        if let Some((variable, options)) = &login.options {
            command.env(variable, options);
        }
        if let Some((variable, password)) = &login.password {
            command.env(variable, password.expose());
        }
        command
    }

    /// The error for a refusal of the kernel.
    pub(crate) fn refused(&self, error: &std::io::Error) -> Error {
        let program = self.program.display();
        match error.kind() {
            ErrorKind::NotFound => Error::CommandNotFound(format!(
                "{program} exists, but its interpreter or dynamic loader does not\nnext: {FOR_THIS_LIBC}"
            )),
            ErrorKind::PermissionDenied => {
                Error::CommandNotExecutable(format!("{program} cannot be executed: {error}\nnext: {LET_EXECUTE}"))
            }
            // ENOEXEC
            _ if error.raw_os_error() == Some(nix::libc::ENOEXEC) => {
                Error::CommandNotExecutable(format!("{program} cannot be executed: {error}\nnext: {FOR_THIS_MACHINE}"))
            }
            _ => Error::CommandNotExecutable(format!(
                "{program} cannot be executed: {error}\nnext: repair what the message names, and start again"
            )),
        }
    }
}

/// The error for a command without words.
pub(crate) const EMPTY: &str = "the command is empty\nnext: name a program: doorstep run -- CMD";

const LET_EXECUTE: &str = "let this user execute it, from a volume that is not mounted noexec";

/// Why a path that exists is no command, and what to do about it.
fn not_executable(path: &Path) -> String {
    let shown = path.display();
    match path.metadata() {
        Ok(it) if it.is_dir() => format!("the command {shown} is a directory\nnext: name a program in it"),
        Ok(it) if it.permissions().mode() & 0o111 != 0 => {
            format!("the command {shown} is not executable for this user\nnext: {LET_EXECUTE}")
        }
        _ => {
            format!("the command {shown} is not executable\nnext: chmod +x {shown}, or run it through its interpreter")
        }
    }
}

/// What to do about a command that does not exist.
fn where_to_look(name: &OsStr, path: Option<&str>) -> String {
    let shown = name.display();
    let here = std::env::current_dir().unwrap_or_default();
    if name.as_encoded_bytes().contains(&b'/') {
        let from = match Path::new(name).is_absolute() {
            true => String::new(),
            false => format!(" (it begins in {})", here.display()),
        };
        return format!("check its path{from}, and that the image contains it");
    }
    let path = path.unwrap_or("not set");
    match here.join(name).is_file() {
        true => format!("write ./{shown} if the one in {} is meant; PATH is searched ({path})", here.display()),
        false => format!("check its name and PATH ({path})"),
    }
}

/// Removes URLs given as flags from the process title (/proc/PID/cmdline, `ps`), because a URL may hold a password:
/// executes doorstep again under the same PID, with the URLs in the environment instead of the arguments. `flags` is
/// what clap has parsed from `arguments`. Returns if no flag holds a URL, or if the kernel refuses the exec.
pub(crate) fn hide_secrets(arguments: &[OsString], flags: &Layer) {
    let urls = [("--database-url", OURS[0], &flags.database_url), ("--migrate-url", OURS[2], &flags.migrate_url)];
    let given: Vec<_> =
        urls.iter().filter_map(|(flag, variable, url)| Some((*flag, *variable, url.as_ref()?))).collect();
    // An empty URL is a settings error, but an empty variable counts as not set: keep the flag, so that it is reported.
    if given.is_empty() || given.iter().any(|(_, _, url)| url.expose().is_empty()) {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let names: Vec<&str> = given.iter().map(|(flag, ..)| *flag).collect();
    let kept = without_flags(arguments, &names);
    let mut command = Command::new(program);
    command.arg0(&kept[0]).args(&kept[1..]);
    for (_, variable, url) in given {
        // Both forms in the environment would be an error; the flag overrides either.
        command.env_remove(format!("{variable}_FILE")).env(variable, url.expose());
    }
    let _ = signal::held_back(|| command.exec());
}

/// The arguments without some flags and their values. clap has accepted them, so each flag has a value: behind `=`, or
/// in the next word. What follows `--` belongs to the service and stays as it is.
fn without_flags(arguments: &[OsString], flags: &[&str]) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let text = word.to_str().unwrap_or_default();
        if text == "--" {
            kept.push(word.clone());
            break;
        }
        if flags.contains(&text) {
            words.next();
        } else if !text.split_once('=').is_some_and(|(flag, _)| flags.contains(&flag)) {
            kept.push(word.clone());
        }
    }
    kept.extend(words.cloned());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(words: &[&str]) -> Result<Option<Service>, Error> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        Service::find(&words, Some("/usr/bin:/bin"))
    }

    #[test]
    fn commands_are_found_along_the_path_or_by_their_own() {
        assert!(find(&[]).unwrap().is_none());
        assert!(find(&["sh", "-c", "true"]).unwrap().is_some());
        assert!(find(&["/bin/sh"]).unwrap().is_some());
        assert_eq!(find(&["no-such-command"]).unwrap_err().exit_code(), 127);
        assert_eq!(find(&["/etc/hostname/x"]).unwrap_err().exit_code(), 127);
        assert_eq!(find(&["/etc/passwd"]).unwrap_err().exit_code(), 126);
        assert_eq!(find(&["/etc"]).unwrap_err().exit_code(), 126);
        assert_eq!(find(&[""]).unwrap_err().exit_code(), 127);
    }

    #[test]
    fn flags_with_secrets_leave_the_arguments_and_the_services_own_stay() {
        let os = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let flags = ["--database-url", "--migrate-url"];
        let all =
            ["doorstep", "--migrate-url=m", "run", "--database-url", "u", "--init", "--", "x", "--database-url=y"];
        let kept = ["doorstep", "run", "--init", "--", "x", "--database-url=y"];
        assert_eq!(without_flags(&os(&all), &flags), os(&kept));
        let others = ["doorstep", "wait", "--database-url-file", "f", "--migrate-url-file=f", "--wait-attempts", "2"];
        assert_eq!(without_flags(&os(&others), &flags), os(&others));
    }
}
