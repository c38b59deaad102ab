//! The command line: the list of commands, the help, and what a mistyped word is answered with.
//!
//! `-h` fits one screen; `--help` has every setting, by group. Arguments of a command stand in its own file.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Args as _, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::base::error::{Code, Error};
use crate::base::likeness::nearest;
use crate::base::neutral;
use crate::commands::{
    advise, baseline, check, compat, diff, doctor, init, install, lint, migrate, plan, replay, resolve, run, snapshot,
    status, verify, version, wait,
};
use crate::config::Layer;

const ABOUT: &str = "doorstep stands between a container's start and its service: it waits for the database, creates \
schemas, applies pending migrations, verifies that what the service needs exists, then becomes the service (same PID).";

const SHORT_ABOUT: &str = "Waits for the database, migrates, verifies, then becomes the service.";

const USAGE: &str = "doorstep [run] [OPTIONS] [-- CMD [ARG…]]\n       doorstep COMMAND [OPTIONS]";

/// The settings that `-h` shows; README.md has the same list.
const COMMON: &[&str] =
    &["database_url", "migrate_url", "wait_timeout", "migrate", "migrations", "require_tables", "verify", "log_format"];

/// What `-h` says of settings whose values would take a line of their own.
const SHORT_HELP: [(&str, &str); 3] = [
    ("migrate", "Pending migrations: apply, await, off [default: apply]"),
    ("verify", "error, warning, notice; report, off"),
    ("log_format", "Form of the log lines: text, json [default: text]"),
];

const AFTER_SHORT: &str = "\
Every setting is a flag (--wait-timeout), a variable (DOORSTEP_WAIT_TIMEOUT) and
a key of doorstep.toml (wait_timeout). These are the most used; doorstep --help
has all of them, examples and exit codes. doorstep COMMAND -h: its options.";

const AFTER: &str = "\
Examples:
  doorstep run -- node server.js                   wait, schemas, migrate, verify, exec
  doorstep run                                     the same without a service: init container, Job
  doorstep run --require-tables users,public.SLAPolicy -- ./server
  doorstep wait --wait-attempts 60 --wait-interval 2s
  doorstep status --format json

Every setting is a flag (--wait-timeout), an environment variable
(DOORSTEP_WAIT_TIMEOUT) and a key of doorstep.toml (wait_timeout); the first of
these that names it decides. Durations: 500ms, 30s, 5m; 0 = no limit.

Exit codes (+ = trying again may help):
    0   done; after exec, the service's own code
    1   check: not healthy
    3   verify found differences, lint hazards; compat: not while the old release runs
   64   bad command line
   65   a migration failed, or the history contradicts the folder
   69 + what it waited for was not ready in time, or a time limit ended it
   70   a bug in doorstep
   71   the operating system refused
   75 + another session held a lock until the deadline
   77   authentication or privilege
   78   bad settings
  126   the command cannot be executed
  127   the command does not exist
128+n   stopped by signal n";

/// doorstep's command line.
#[derive(Parser, Debug)]
#[command(
    name = "doorstep",
    version,
    disable_version_flag = true,
    about = SHORT_ABOUT,
    long_about = ABOUT,
    override_usage = USAGE,
    after_help = AFTER_SHORT,
    after_long_help = AFTER,
    subcommand_help_heading = "Commands"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) global: Global,
    /// The service, after `--`; without it doorstep exits 0 when all is ready
    #[arg(last = true, value_name = "CMD", hide_short_help = true)]
    pub(crate) service: Vec<OsString>,
    /// Print version; with --verbose also commit, target and engines
    #[arg(short = 'V', long, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// What every command takes.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Global {
    /// Settings given as flags.
    #[command(flatten)]
    pub(crate) flags: Layer,
    /// Settings file [default: ./doorstep.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE", hide_short_help = true)]
    pub(crate) config: Option<PathBuf>,
}

/// The command line of one command, without the others.
#[derive(clap::Args, Debug)]
struct Alone<A: clap::Args> {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    own: A,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Wait, create schemas, migrate, verify, then become CMD
    ///
    /// `doorstep -- CMD` is short for `doorstep run -- CMD`.
    #[command(override_usage = "doorstep run [OPTIONS] [-- CMD [ARG…]]", after_help = AFTER_SHORT, after_long_help = AFTER)]
    Run(run::Args),
    /// Return once the database accepts logins and writes
    ///
    /// Writes nothing.
    Wait(wait::Args),
    /// Wait, create schemas, migrate
    Migrate(migrate::Args),
    /// Compare the database with the Prisma schema and the requirements
    ///
    /// Prints by table what differs, why, and what to do about it. Exit code 3 if a finding is of the severity that
    /// --verify names, or worse. Writes nothing.
    Verify(verify::Args),
    /// Probe for HEALTHCHECK: one try, one line, exit code 0 or 1
    ///
    /// Healthy means: reachable, migrations current, verified. A database with more migrations than this image knows is
    /// healthy, too: an old replica keeps serving while a newer one migrates. A finding that --verify does not stop at is no
    /// failure here either. Writes nothing.
    Check(check::Args),
    /// List the differences, or print the SQL that creates what is missing
    ///
    /// Writes nothing.
    Diff(diff::Args),
    /// Find what in migrations would stop a service, fail or lose data
    ///
    /// Prints file, line, why, and the safe way. Reads files only, unless --pending asks a database for its history. Exit code 3 if
    /// something is as severe as --fail-on says. Writes nothing.
    Lint(lint::Args),
    /// Show the state of every migration, and a verdict
    ///
    /// The verdict is current, behind, ahead, diverged or failed. Writes nothing.
    Status(status::Args),
    /// Show what a start would do: pending migrations and their locks
    ///
    /// Each pending migration with how it runs and why, the lock of each statement on the tables that exist, sessions that it would
    /// wait for now, and what verify will find afterwards as far as scripts can be read. Writes nothing.
    Plan(plan::Args),
    /// Examine the way from the settings to a verified database
    ///
    /// Names and addresses, TCP, TLS and what it proves, login, server, rights, pooler, long transactions, locks, history,
    /// drift: each line is ok, odd, broken, unknown or skipped, with what to do. Every part is tried once. The exit code is
    /// that of a start that fails at the first broken line; 0 where there is none. Writes nothing, prints no secret.
    Doctor(doctor::Args),
    /// Recommend indexes, and list the slowest statements
    ///
    /// Foreign keys without an index, queries of doorstep.toml that read a table as a whole, indexes that another one can replace
    /// or that were never used, and what pg_stat_statements has counted: numbers, and the SQL for each. Writes nothing; with
    /// --scratch, to a scratch database. The exit code is 0.
    Advise(advise::Args),
    /// Apply the whole folder to a scratch database and verify it
    ///
    /// Finds the migration that cannot run from scratch. The scratch database is created beside the one of the URL, which
    /// needs CREATEDB, and dropped at the end; with SQLite it is a temporary file.
    Replay(replay::Args),
    /// Apply the whole folder to a scratch database, and write its schema
    ///
    /// The result is a file for the setting snapshot. The scratch database is that of replay.
    Snapshot(snapshot::Args),
    /// Tell whether pending migrations break the release that still runs
    ///
    /// FILE is the snapshot of that release. The folder is applied to a scratch database, that of replay, and compared after
    /// each migration that the snapshot does not have. The verdict is neutral, expand, contract or unknown. Exit code 3 unless
    /// the migrations may be applied while the release runs; --unknown accept passes over what cannot be told.
    Compat(compat::Args),
    /// Correct the history of one migration; runs none of its SQL
    Resolve(resolve::Args),
    /// Adopt a database that has the tables and no history
    ///
    /// Records the migrations of the folder as applied if everything that they create exists.
    Baseline(baseline::Args),
    /// Start CMD and stay as its parent: what `run --init` becomes when all is ready
    #[command(hide = true)]
    Init(init::Args),
    /// Copy this binary to DIR (scratch images have no cp)
    Install(install::Args),
}

/// The command line as clap knows it: manual pages and completions are made from it.
#[must_use]
pub fn command_line() -> clap::Command {
    Cli::command()
}

impl Cli {
    /// Parses the arguments. Help, the version and errors are printed here.
    ///
    /// # Errors
    /// The exit code, where there is nothing more to do.
    pub(crate) fn parse_from(arguments: &[OsString]) -> Result<Self, u8> {
        if let Some(cli) = Self::parse_alone(arguments) {
            return Ok(cli);
        }
        if let Some(text) = version::asked(arguments) {
            let _ = std::io::stdout().write_all(text.as_bytes());
            return Err(0);
        }
        let command = if asks_shortly(arguments) { Self::with_short_help() } else { Self::command() };
        let matches = command.try_get_matches_from(arguments);
        matches.and_then(|matches| Self::from_arg_matches(&matches)).map_err(|error| {
            // clap prints help and version on stdout, errors on stderr. Its errors quote the arguments.
            let plain = error.render().to_string();
            let _ = match neutral::text(&plain) {
                shown if error.use_stderr() && shown != plain => write!(std::io::stderr(), "{shown}"),
                _ => error.print(),
            };
            if let Some(tip) = tip(&error) {
                let _ = writeln!(std::io::stderr(), "\n{tip}");
            }
            match (error.use_stderr(), Self::is_probe(arguments)) {
                (false, _) => 0,
                (true, true) => Code::Unhealthy as u8,
                (true, false) => Code::Usage as u8,
            }
        })
    }

    /// Parses the command line of a command that containers start, without building the other commands: clap copies every
    /// setting into each of them, which took a quarter of the instructions of a start with nothing to do. `None` for all
    /// other command lines, and for those with a mistake or a request for help: the whole parser answers them.
    fn parse_alone(arguments: &[OsString]) -> Option<Self> {
        let (_, rest) = arguments.split_first()?;
        match rest.first()?.to_str()? {
            "run" => Alone::parse(rest, Command::Run),
            "wait" => Alone::parse(rest, Command::Wait),
            "migrate" => Alone::parse(rest, Command::Migrate),
            "verify" => Alone::parse(rest, Command::Verify),
            "check" => Alone::parse(rest, Command::Check),
            "init" => Alone::parse(rest, Command::Init),
            _ => None,
        }
    }

    /// The command line for `-h`: with the common settings alone, each in one line.
    fn with_short_help() -> clap::Command {
        Self::command().mut_args(|arg| {
            let name = arg.get_id().as_str();
            let is_rare = Layer::NAMES.contains(&name) && !COMMON.contains(&name);
            match SHORT_HELP.iter().find(|(setting, _)| *setting == name) {
                _ if is_rare => arg.hide_short_help(true),
                Some((_, help)) => arg.hide_possible_values(true).help(help),
                None => arg,
            }
        })
    }

    /// What to run: `doorstep -- CMD` is short for `doorstep run -- CMD`.
    ///
    /// # Errors
    /// [`Error::Usage`] for no arguments at all.
    pub(crate) fn command_or_run(command: Option<Command>, service: Vec<OsString>) -> Result<Command, Error> {
        match (command, service) {
            (Some(command), _) => Ok(command),
            (None, service) if service.is_empty() => {
                Err(Error::Usage("no command is given\nnext: doorstep run -- CMD, or doorstep --help".to_owned()))
            }
            (None, command) => Ok(Command::Run(run::Args { command })),
        }
    }

    /// Whether these arguments, right or wrong, ask for `check`: probes expect no exit codes but 0 and 1.
    #[must_use]
    pub(crate) fn is_probe(arguments: &[OsString]) -> bool {
        let words: Vec<&str> = arguments.iter().skip(1).filter_map(|argument| argument.to_str()).collect();
        let words = words.split(|word| *word == "--").next().unwrap_or_default();
        // Building the list of commands takes time that other commands need not spend.
        words.contains(&"check") && {
            let command = Self::command();
            words.iter().find(|word| command.find_subcommand(word).is_some()) == Some(&"check")
        }
    }
}

impl<A: clap::Args> Alone<A> {
    /// `arguments` begin with the command's name. Without a flag of the command's own, the settings need no parser of clap's.
    fn parse(arguments: &[OsString], command: fn(A) -> Command) -> Option<Cli> {
        let parser = clap::Command::new("doorstep").disable_help_flag(true);
        let (global, own) = match Layer::taken_from(arguments) {
            Some((flags, others)) => {
                let matches = A::augment_args(parser).try_get_matches_from(others).ok()?;
                (Global { flags, config: None }, A::from_arg_matches(&matches).ok()?)
            }
            None => {
                let matches = Self::augment_args(parser).try_get_matches_from(arguments).ok()?;
                let Self { global, own } = Self::from_arg_matches(&matches).ok()?;
                (global, own)
            }
        };
        Some(Cli { command: Some(command(own)), global, service: Vec::new(), version: None })
    }
}

/// What to add to clap's own error about a word that is no command: the command it may be a slip of, else how to name a
/// service.
fn tip(error: &clap::Error) -> Option<String> {
    let context = error.get(ContextKind::InvalidArg).or_else(|| error.get(ContextKind::InvalidSubcommand));
    let Some(ContextValue::String(word)) = context else { return None };
    if word.starts_with('-') {
        return None;
    }
    Some(match nearest_command(word) {
        Some(command) => format!("tip: did you mean `doorstep {command}`?"),
        None => "tip: a service follows two dashes: doorstep run -- CMD".to_owned(),
    })
}

fn nearest_command(word: &str) -> Option<String> {
    let command = Cli::command();
    let names = command.get_subcommands().filter(|command| !command.is_hide_set()).map(clap::Command::get_name);
    nearest(word, names).map(str::to_owned)
}

/// Whether these arguments ask for the short help: `-h`, also among other letters.
fn asks_shortly(arguments: &[OsString]) -> bool {
    let words = arguments.iter().skip(1).map_while(|argument| argument.to_str().filter(|word| *word != "--"));
    words.into_iter().any(|word| word.starts_with('-') && !word.starts_with("--") && word.contains('h'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::with_short_help().debug_assert();
    }

    #[test]
    fn a_command_parsed_alone_has_what_the_whole_parser_finds() {
        for (line, is_alone) in [
            ("run", true),
            ("run -- node server.js --port 1", true),
            ("run --wait-timeout 3s --init --require-tables a,b --config x.toml -- true", true),
            ("run --wait-timeout=3s --require-tables a,b --log-format json -- true --log debug", true),
            ("migrate --database-url postgres://u:p@h/d --migrate await", true),
            ("wait --wait-attempts=2 --log debug", true),
            ("migrate --migrations db/migrations", true),
            ("verify --format json --verify off", true),
            ("check --format json", true),
            ("init --termination-log /t -- sleep 1", true),
            ("init", false),
            ("run --help", false),
            ("run -h", false),
            ("run --version", false),
            ("run --wait-timeuot 3s", false),
            ("run --wait-timeout", false),
            ("run node", false),
            ("wait -- node", false),
            ("run --log info --log debug", false),
            ("--log info run", false),
            ("-- run", false),
            ("", false),
        ] {
            let arguments: Vec<OsString> =
                "doorstep".split(' ').chain(line.split_whitespace()).map(Into::into).collect();
            let alone = Cli::parse_alone(&arguments);
            assert_eq!(alone.is_some(), is_alone, "{line}");
            if let Some(alone) = alone {
                let whole = Cli::try_parse_from(&arguments).unwrap();
                assert_eq!(format!("{alone:?}"), format!("{whole:?}"), "{line}");
            }
        }
    }

    #[test]
    fn a_slip_is_near_a_command_and_a_program_is_not() {
        for (word, expected) in [("statsu", "status"), ("verfy", "verify"), ("migrat", "migrate"), ("chek", "check")] {
            assert_eq!(nearest_command(word).as_deref(), Some(expected), "{word}");
        }
        for program in ["servre", "server", "node", "python", "ruby", "sh", "init"] {
            assert_eq!(nearest_command(program), None, "{program}");
        }
    }

    #[test]
    fn short_help_fits_one_screen_and_has_every_command_and_the_common_settings() {
        let help = Cli::with_short_help().render_help().to_string();
        let lines: usize = help.lines().map(|line| line.chars().count().div_ceil(80).max(1)).sum();
        assert!(lines <= 50, "{lines} lines\n{help}");
        for setting in COMMON {
            assert!(help.contains(&format!("--{} ", setting.replace('_', "-"))), "{setting}\n{help}");
        }
        let command = Cli::command();
        for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
            assert!(help.contains(&format!("\n  {} ", command.get_name())), "{}\n{help}", command.get_name());
        }
    }
}
