//! doorstep stands between a container's start and its service.
//!
//! Read it in this order: this file, `startup/pipeline.rs`, the step you care about, `engines/session.rs`.
//! Each room below uses only rooms below its own (`tests/it/repo/layering.rs` checks it); docs/architecture.md has the
//! picture. It is a library only so that tests, fuzzers and benchmarks reach its parts; the product is the binary.

// The rooms. They have no `///`, which would make rustdoc look for the links of their own pages in this file.

// The command line, and one file per command: arguments, work, printed result.
mod commands;

// The pipeline of `run`, step by step; hooks and other child processes, the health port, exec and init.
mod startup;

// Questions to a live server that only read: what support would ask, and advice about indexes.
mod inspect;
// Rules over the scripts of migrations: what would stop a running service, why, and the safe way to write it.
mod lint;

// What the service needs: compared with the database, explained, judged.
mod verify;

// What is pending, and how it is applied so that the history stays true; locks, recovery, reports of failures.
mod migrate;

// The migration tools: how their folders are read, and their history tables read and written.
mod formats;

// The result of `verify` as text, JSON, JUnit, GitHub commands and Markdown.
mod report;

// Desired catalog against live catalog, and the SQL that closes the gap.
mod differ;

// Where desired catalogs come from: schema.prisma, a snapshot.
mod schema_source;

// The session trait and its engines, PostgreSQL, MySQL and SQLite; connecting by URL.
mod engines;

// Settings: flags, environment, file.
mod config;

// A finding: severity, difference, cause, remedy.
mod finding;

// The model of a database's schema: tables, columns, indexes, keys, types.
mod catalog;

// SQL text: dialects, names, statements, what they create and drop.
mod sql;

// Foundations without a database: errors and exit codes, signals, retry, logs, environment, secrets.
mod base;

/// Parts of the program that its tests, its fuzzers and its benchmarks call directly. Not a stable interface: the product
/// is the binary.
pub mod internals {
    pub use crate::base::environment::Environment;
    pub use crate::base::error::Error;
    pub use crate::base::secret::Secret;
    pub use crate::catalog::{
        Access, Arity, Catalog, Column, Default, Enum, ForeignKey, Index, Key, Name, Table, Type, value,
    };
    pub use crate::commands::cli::command_line;
    pub use crate::config::Layer;
    pub use crate::differ::{compare, ddl};
    pub use crate::engines::connect::Target;
    pub use crate::engines::engine::{ProbeRequest, Scope};
    pub use crate::engines::session::Session;
    pub use crate::finding::{Difference, DifferenceKind, Severity};
    pub use crate::formats::drizzle::{breakpoints as drizzle_breakpoints, journal as drizzle_journal};
    pub use crate::formats::goose::{parser as goose_parser, variables as goose_variables};
    pub use crate::formats::liquibase::changelog;
    pub use crate::formats::marks::sections;
    pub use crate::formats::migration::RunMode;
    pub use crate::formats::node_pg_migrate::sections::up as node_pg_migrate_up;
    pub use crate::formats::tern::folder::up as tern_up;
    pub use crate::lint::effects::told as lint_effects;
    pub use crate::migrate::strategy;
    pub use crate::schema_source::prisma;
    pub use crate::sql::{Dialect, script};
    pub use crate::verify::diagnose::provenance::Provenance;
}

use std::ffi::OsString;
use std::panic::PanicHookInfo;

use crate::base::environment::Environment;
use crate::base::error::{Error, NEXT_AFTER_SYSTEM};
use crate::base::signal::{self, Stop};
use crate::commands::cli::{Cli, Command, Global};
use crate::commands::failure;
use crate::commands::invocation::{Invocation, Next};
use crate::startup::exec;

/// Runs doorstep with the arguments of the process, up to exec: returns the exit code only where no service has replaced
/// this process.
#[must_use]
pub fn main(arguments: &[OsString]) -> u8 {
    // First, so that PID 1 never misses a signal.
    let listening = signal::listen();
    let environment = Environment::of_process();
    let fail = |error: &Error| failure::report(error, Cli::is_probe(arguments), &environment);
    let stop = match listening {
        Ok(stop) => stop,
        Err(error) => return fail(&Error::Os(format!("cannot listen for signals: {error}\n{NEXT_AFTER_SYSTEM}"))),
    };
    let cli = match Cli::parse_from(arguments) {
        Ok(cli) => cli,
        Err(exit_code) => return exit_code,
    };
    if stop.signal().is_none() {
        exec::hide_secrets(arguments, &cli.global.flags);
    }
    match run(cli, &environment, &stop) {
        Ok(Next::Exit(code)) => code,
        Ok(Next::Exec(service)) => fail(&service.exec(&stop)),
        // A signal that came too late to stop the work: 128+n all the same.
        Ok(Next::Done) => stop.signal().map_or(0, |signal| fail(&Error::not_started(signal))),
        Err(error) => fail(&error),
    }
}

/// Reports a panic as a bug; returns the exit code.
#[must_use]
pub fn panicked(panic: &PanicHookInfo<'_>) -> u8 {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let error = Error::Internal(panic.to_string());
    failure::report(&error, Cli::is_probe(&arguments), &Environment::of_process())
}

/// Runs the command that the command line names.
fn run(cli: Cli, environment: &Environment, stop: &Stop) -> Result<Next, Error> {
    let Cli { command, global: Global { flags, config }, service, .. } = cli;
    let invocation = &Invocation { flags, config, environment, stop };
    match Cli::command_or_run(command, service)? {
        Command::Run(args) => commands::run::run(&args, invocation),
        Command::Wait(args) => commands::wait::run(&args, invocation),
        Command::Migrate(args) => commands::migrate::run(&args, invocation),
        Command::Verify(args) => commands::verify::run(&args, invocation),
        Command::Check(args) => commands::check::run(&args, invocation),
        Command::Diff(args) => commands::diff::run(&args, invocation),
        Command::Lint(args) => commands::lint::run(&args, invocation),
        Command::Status(args) => commands::status::run(&args, invocation),
        Command::Plan(args) => commands::plan::run(&args, invocation),
        Command::Doctor(args) => commands::doctor::run(&args, invocation),
        Command::Advise(args) => commands::advise::run(&args, invocation),
        Command::Replay(args) => commands::replay::run(&args, invocation),
        Command::Snapshot(args) => commands::snapshot::run(&args, invocation),
        Command::Compat(args) => commands::compat::run(&args, invocation),
        Command::Resolve(args) => commands::resolve::run(&args, invocation),
        Command::Baseline(args) => commands::baseline::run(&args, invocation),
        Command::Init(args) => commands::init::run(&args, invocation),
        Command::Install(args) => commands::install::run(&args),
    }
}
