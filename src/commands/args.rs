//! The command line: what the user typed, and the help that answers.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::base::log::LogFormat;
use crate::config::Layer;

const ABOUT: &str = "doorstep stands between a container's start and its service: it waits for the database, creates \
schemas, applies pending migrations, verifies that what the service needs is really there, then becomes the \
service (same PID).";

const USAGE: &str = "doorstep [run] [OPTIONS] [-- CMD [ARG…]]\n       \
doorstep wait|migrate|verify|check|diff|status|replay|snapshot|resolve|baseline|install [OPTIONS]";

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
    3   verify found differences
   64   bad command line
   65   a migration failed, or the history contradicts the folder
   69 + the database was not ready in time
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
    about = ABOUT,
    override_usage = USAGE,
    after_help = AFTER,
    subcommand_help_heading = "Commands"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Option<Verb>,
    /// Settings given as flags.
    #[command(flatten)]
    pub layer: Layer,
    /// Settings file [default: ./doorstep.toml, if it exists]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The service, after `--`; without it doorstep exits 0 when all is ready
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

impl Cli {
    /// What to add to clap's own error: the commonest slip is a service without `--` before it.
    #[must_use]
    pub fn tip(error: &clap::Error) -> Option<&'static str> {
        let context = error.get(ContextKind::InvalidArg).or_else(|| error.get(ContextKind::InvalidSubcommand));
        match context {
            Some(ContextValue::String(word)) if !word.starts_with('-') => {
                Some("tip: a service follows two dashes: doorstep run -- CMD")
            }
            _ => None,
        }
    }

    /// Whether these arguments, right or wrong, ask for `check`: whoever probes knows two exit codes, 0 and 1.
    #[must_use]
    pub fn is_probe(arguments: &[OsString]) -> bool {
        let words: Vec<&str> = arguments.iter().skip(1).filter_map(|argument| argument.to_str()).collect();
        let words = words.split(|word| *word == "--").next().unwrap_or_default();
        // The list of commands is not built for nothing.
        words.contains(&"check") && {
            let command = Self::command();
            words.iter().find(|word| command.find_subcommand(word).is_some()) == Some(&"check")
        }
    }
}

/// The forms in which `verify` tells what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people, by table; coloured on a terminal
    Text,
    /// For machines, with everything
    Json,
    /// JUnit's XML: a suite per file, a case per table
    Junit,
    /// Annotations of GitHub Actions: ::error file=…,line=…
    Github,
    /// Tables, e.g. for $GITHUB_STEP_SUMMARY
    Markdown,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Wait, create schemas, migrate, verify, then become CMD (`doorstep -- CMD` is short for it)
    #[command(override_usage = "doorstep run [OPTIONS] [-- CMD [ARG…]]", after_help = AFTER)]
    Run {
        /// The service; without it doorstep exits 0 when all is ready
        #[arg(last = true, value_name = "CMD")]
        command: Vec<OsString>,
    },
    /// Return once the database accepts real work; writes nothing
    Wait,
    /// Wait, create schemas, migrate
    Migrate,
    /// Hold the live database against the Prisma schema and require_tables; writes nothing
    ///
    /// Prints by table what differs, why, and what to do about it. Exit code 3 if a finding is of the severity that
    /// --verify names, or worse.
    Verify {
        /// Form of the result on stdout
        #[arg(long, value_enum, default_value = "text")]
        format: Form,
        /// Name the notices, too: what differs, and no query of the service can feel
        #[arg(long)]
        notices: bool,
    },
    /// Probe for HEALTHCHECK: reachable, migrations current, verified? One try, one line, exit code 0 or 1; writes nothing
    ///
    /// Healthy is also a database with more migrations than this image knows: an old replica keeps serving while a newer
    /// one migrates. What --verify does not stop at is no reason here either.
    Check {
        /// Form of the result on stdout
        #[arg(long, value_enum, default_value = "text")]
        format: LogFormat,
    },
    /// Print what differs from what is expected, or the SQL that creates what is missing; writes nothing
    Diff {
        /// The SQL of the gap on stdout, as the text of a migration.sql: it creates, and never drops
        #[arg(long, conflicts_with = "format")]
        script: bool,
        /// Form of the result on stdout
        #[arg(long, value_enum, default_value = "text")]
        format: LogFormat,
    },
    /// Show every migration's state and one verdict: current, behind, ahead, diverged, failed; writes nothing
    Status {
        /// Form of the result on stdout
        #[arg(long, value_enum, default_value = "text")]
        format: LogFormat,
    },
    /// Apply the whole folder to a throwaway database and verify it: finds what cannot run from scratch
    ///
    /// The database is created beside the one of the URL, which needs CREATEDB, and dropped in the end; with
    /// SQLite it is a temporary file.
    Replay {
        /// Form of the result on stdout
        #[arg(long, value_enum, default_value = "text")]
        format: LogFormat,
    },
    /// Apply the whole folder to a throwaway database, and write down what it makes (the setting snapshot)
    ///
    /// The throwaway database is that of replay.
    Snapshot {
        /// Where to write it [default: stdout]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Repair the history by name, one migration at a time; runs none of its SQL
    #[command(group(clap::ArgGroup::new("mark").required(true)))]
    Resolve {
        /// All of it is there, or was done by hand: it is never to run
        #[arg(long, value_name = "NAME", group = "mark")]
        applied: Option<String>,
        /// None of it is there: it is to run again
        #[arg(long, value_name = "NAME", group = "mark")]
        rolled_back: Option<String>,
        /// Form of the result on stdout
        #[arg(long, value_enum, default_value = "text")]
        format: LogFormat,
    },
    /// Adopt a database that has the tables but no history, if all that the folder creates is there
    Baseline {
        /// The last migration to record as applied [default: the last of the folder]
        #[arg(long, value_name = "NAME")]
        through: Option<String>,
        /// Form of the result on stdout
        #[arg(long, value_enum, default_value = "text")]
        format: LogFormat,
    },
    /// Start CMD and stay beside it: what `run --init` becomes when all is ready
    #[command(hide = true)]
    Init {
        /// The service
        #[arg(last = true, required = true, value_name = "CMD")]
        command: Vec<OsString>,
    },
    /// Copy this binary to DIR (scratch images have no cp)
    Install {
        /// Where to
        dir: PathBuf,
    },
}
