//! doorstep stands between a container's start and its service.
//!
//! Read it in this order: `main.rs`, [`prepare`] (the pipeline), the step you care about, [`engine`].
//! Nothing imports what stands above it in the list below; docs/architecture.md has the picture.
//!
//! It is a library only so that tests, fuzzers and benchmarks reach its parts; the product is the binary.

mod commands;

mod startup;

mod verify;

mod migrate;

mod formats;

mod report;

mod differ;

mod schema_source;

mod engines;

mod config;

mod finding;

mod catalog;

mod sql;

mod base;

/// Parts of the program that its tests, its fuzzers and its benchmarks call directly. Not a stable interface: the product
/// is the binary.
pub mod internals {
    pub use crate::base::environment::Environment;
    pub use crate::base::error::{Code, Error};
    pub use crate::base::log::{LogFormat, LogLevel};
    pub use crate::base::secret::Secret;
    pub use crate::base::{log, signal, termination};
    pub use crate::catalog::{
        Access, Arity, Catalog, Column, Default, Enum, ForeignKey, Index, Key, Name, Table, Type, value,
    };
    pub use crate::commands::args::Cli;
    pub use crate::config::Layer;
    pub use crate::differ::{compare, ddl};
    pub use crate::engines::connect::Target;
    pub use crate::engines::session::{ProbeRequest, Scope, Session};
    pub use crate::finding::{Difference, DifferenceKind, Severity};
    pub use crate::migrate::strategy;
    pub use crate::schema_source::prisma;
    pub use crate::sql::{Dialect, script};
    pub use crate::startup::exec;
    pub use crate::verify::diagnose::provenance::Provenance;
}

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use crate::base::environment::Environment;
use crate::base::error::{Code, Error};
use crate::base::log::{self, LogFormat, LogLevel};
use crate::base::signal::Stop;
use crate::base::termination;
use crate::commands::args::{Cli, Form, Verb};
use crate::commands::check::Checked;
use crate::commands::open::Repair;
use crate::commands::replay::Replayed;
use crate::commands::resolve::{self, Mark};
use crate::commands::{baseline, install, status};
use crate::config::{Layer, Settings};
use crate::report::text::{self, Screen};
use crate::report::{github, junit, markdown};
use crate::startup::exec::Service;
use crate::startup::health::Port;
use crate::startup::init;
use crate::startup::pipeline::{Extent, Preparation};

/// How long threads may take to end when there is nothing more for them to do.
const LAST_THREADS: Duration = Duration::from_millis(50);

/// How long a replay may take to notice a signal.
const GRACE: Duration = Duration::from_secs(3);

/// What is left for `main` to do.
#[derive(Debug)]
pub enum Next {
    /// Exec, after the runtime is gone.
    Exec(Service),
    /// End with this code.
    Exit(u8),
}

/// Runs what the command line asks for, up to the moment before exec.
///
/// # Errors
/// Any [`Error`]; its exit code is the program's.
pub fn run(cli: Cli, environment: &Environment, stop: &Stop) -> Result<Next, Error> {
    // What is wrong with the settings is worth a note, too.
    let noted = cli.layer.termination_log.clone().or_else(|| environment.path("DOORSTEP_TERMINATION_LOG"));
    noted.into_iter().for_each(termination::place);
    let (verb, command) = match (cli.verb, cli.command) {
        (Some(Verb::Init { command }), _) => {
            log::start(LogLevel::Info, cli.layer.log_format.unwrap_or(LogFormat::Text));
            let service = Service::find(&command, environment.get("PATH"))?;
            return service.map_or(Ok(Next::Exit(0)), |service| init::stay(&service, stop).map(Next::Exit));
        }
        (Some(Verb::Run { command }), _) => (None, command),
        (None, command) if !command.is_empty() => (None, command),
        (None, _) => {
            return Err(Error::Usage("no command is given\nnext: doorstep run -- CMD, or doorstep --help".to_owned()));
        }
        (verb, _) => (verb, Vec::new()),
    };
    if let Some(Verb::Install { dir }) = verb {
        return print(&format!("{}\n", install::copy_to(&dir)?.display())).map(|()| Next::Exit(0));
    }
    if let Some(Verb::Check { format }) = verb {
        let checked = check(cli.layer, cli.config, environment, stop).unwrap_or_else(|error| Checked::of(&error));
        show(&checked, format)?;
        return Ok(Next::Exit(if checked.ok { 0 } else { Code::Unhealthy as u8 }));
    }
    let settings = Settings::load(cli.layer, cli.config, environment)?;
    log::start(settings.log, settings.log_format);
    settings.termination_log.iter().cloned().for_each(termination::place);
    let service = Service::find(&command, environment.get("PATH"))?;
    let service =
        if settings.init { service.map(|service| service.beside_init(&settings)).transpose()? } else { service };
    let health_addr = settings.health_addr;
    let preparation = Preparation::new(settings, environment)?;
    match verb {
        Some(Verb::Status { format }) => {
            let (target, history) = block_on(stop, preparation.history())?;
            print(&status::render(&history, &target.address(), format))?;
        }
        Some(Verb::Verify { format, notices }) => {
            let verified = block_on(stop, preparation.verified())?;
            print(&match format {
                Form::Text => text::render(&verified, notices, screen(environment)),
                Form::Json => json(&verified),
                Form::Junit => junit::render(&verified),
                Form::Github => github::render(&verified),
                Form::Markdown => markdown::render(&verified),
            })?;
            if !verified.ok {
                return Err(Error::Unverified(verified.stopping()));
            }
        }
        Some(Verb::Diff { script, format }) => {
            let diff = block_on(stop, preparation.diff())?;
            match script {
                true => print(&diff.script())?,
                false => show(&diff, format)?,
            }
        }
        Some(Verb::Replay { format }) => {
            let replayed = rehearse(preparation, stop, async |rehearsal| rehearsal.run(Extent::Run, stop).await);
            show(&Replayed::of(&replayed), format)?;
            replayed?;
        }
        Some(Verb::Snapshot { output }) => {
            let snapshot = rehearse(preparation, stop, async |rehearsal| {
                rehearsal.run(Extent::Migrate, stop).await?;
                rehearsal.snapshot().await
            })?;
            match output {
                None => print(&snapshot.text()?)?,
                Some(path) => std::fs::write(&path, snapshot.text()?)
                    .map_err(|error| Error::Os(format!("cannot write {}: {error}", path.display())))?,
            }
        }
        Some(Verb::Resolve { applied, rolled_back, format }) => {
            let mark = applied.map(Mark::Applied).or(rolled_back.map(Mark::RolledBack));
            let mark = mark.ok_or_else(|| Error::Usage("resolve needs --applied or --rolled-back".to_owned()))?;
            let resolved = block_on(stop, async {
                let mut repair = preparation.repair(matches!(mark, Mark::Applied(_))).await?;
                let Repair { session, probe, history } = &mut repair;
                let resolved = resolve::mark(history, session.as_mut(), probe, &mark).await;
                repair.session.close().await;
                resolved
            })?;
            show(&resolved, format)?;
        }
        Some(Verb::Baseline { through, format }) => {
            let baseline = block_on(stop, async {
                let mut repair = preparation.repair(true).await?;
                let verified = preparation.verify(&mut repair, through.is_some()).await;
                let Repair { session, probe, history } = &mut repair;
                let baseline = match verified {
                    Ok(()) => baseline::adopt(history, session.as_mut(), probe, through.as_deref()).await,
                    Err(error) => Err(error),
                };
                repair.session.close().await;
                baseline
            })?;
            show(&baseline, format)?;
        }
        verb => {
            let extent = match verb {
                Some(Verb::Wait) => Extent::Wait,
                Some(Verb::Migrate) => Extent::Migrate,
                _ => Extent::Run,
            };
            let port = health_addr.map(Port::open).transpose()?;
            let work = preparation.run(extent, stop);
            match port {
                Some(port) => block_on(stop, port.beside(preparation.tracker(), work))?,
                None => block_on(stop, work)?,
            };
        }
    }
    match stop.signal() {
        // Caught in the last moment: the service would never hear of it.
        Some(signal) => Err(Error::not_started(signal)),
        None => Ok(service.map_or(Next::Exit(0), Next::Exec)),
    }
}

/// One look, in which nothing but the answer is said: whoever probes keeps all that is printed.
fn check(layer: Layer, config: Option<PathBuf>, environment: &Environment, stop: &Stop) -> Result<Checked, Error> {
    let settings = Settings::load(layer, config, environment)?;
    log::start(LogLevel::Error, settings.log_format);
    let preparation = Preparation::new(settings, environment)?;
    block_on(stop, async { Ok(preparation.check().await) })
}

/// Work on a throwaway database, which is dropped whatever happens.
fn rehearse<T>(
    preparation: Preparation,
    stop: &Stop,
    work: impl AsyncFnOnce(&Preparation) -> Result<T, Error>,
) -> Result<T, Error> {
    let (rehearsal, scratch) = block_on(stop, preparation.replay())?;
    let result = runtime()?.block_on(async {
        let mut work = std::pin::pin!(work(&rehearsal));
        tokio::select! {
            result = &mut work => result,
            // CREATE DATABASE would go on behind our back: what has begun may end.
            signal = stop.raised() => {
                let note = || "the throwaway database was dropped".to_owned();
                let ended = tokio::time::timeout(GRACE, work).await;
                ended.unwrap_or_else(|_| Err(Error::Stopped { signal, note: note() }))
            }
        }
    });
    let dropped = runtime()?.block_on(scratch.drop_scratch());
    if let Err(fault) = dropped {
        let address = scratch.address();
        tracing::warn!(
            phase = "replay",
            event = "left_behind",
            "the throwaway database {address} is left behind: {fault}"
        );
    }
    result
}

/// Runs `work` on one thread, against the signals. The runtime, and every connection with it, is gone
/// when this returns.
fn block_on<T>(stop: &Stop, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        tokio::select! {
            biased;
            result = work => result,
            signal = stop.unheld() => {
                Err(Error::Stopped { signal, note: "nothing was left half done".to_owned() })
            }
        }
    });
    // A thread that is still there may take a signal that nobody asks for any more. Idle ones end at once; one that is
    // blocked by a name resolution is not waited for.
    runtime.shutdown_timeout(LAST_THREADS);
    result
}

fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Error::Os(format!("cannot start: {error}")))
}

/// Prints a result in the form asked for.
fn show(result: &(impl serde::Serialize + std::fmt::Display), format: LogFormat) -> Result<(), Error> {
    print(&match format {
        LogFormat::Json => json(result),
        LogFormat::Text => result.to_string(),
    })
}

fn json(result: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(result).unwrap_or_default() + "\n"
}

/// What stdout is.
fn screen(environment: &Environment) -> Screen {
    let columns = std::io::stdout().is_terminal().then(|| usize::from(console::Term::stdout().size().1));
    Screen::of(columns, environment)
}

/// A result, on stdout.
fn print(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| Error::Os(format!("cannot write to stdout: {error}")))
}
