//! Signals, arguments, work, exec: the only place that exits.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use doorstep::Next;
use doorstep::internals::Cli;
use doorstep::internals::Environment;
use doorstep::internals::exec;
use doorstep::internals::{Code, Error};
use doorstep::internals::{LogFormat, LogLevel};
use doorstep::internals::{log, signal, termination};

/// musl's own allocator asks the kernel for pages and gives them back hundreds of times in one start.
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let listening = signal::listen();
    let environment = Environment::of_process();
    let arguments: Vec<_> = std::env::args_os().collect();
    let is_probe = Cli::is_probe(&arguments);
    let for_panics = environment.clone();
    std::panic::set_hook(Box::new(move |panic| {
        fail(&Error::Internal(panic.to_string()), &for_panics);
        std::process::exit(if is_probe { Code::Unhealthy as i32 } else { Code::Internal as i32 });
    }));
    let fail = |error| match is_probe {
        true => unhealthy(&error),
        false => fail(&error, &environment),
    };
    let stop = match listening {
        Ok(stop) => stop,
        Err(error) => return fail(Error::Os(format!("cannot listen for signals: {error}"))),
    };
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        // Help and version are no errors; clap prints both kinds where they belong.
        Err(error) => {
            let _ = error.print();
            if let Some(tip) = Cli::tip(&error) {
                let _ = writeln!(std::io::stderr(), "\n{tip}");
            }
            return ExitCode::from(match (error.use_stderr(), is_probe) {
                (false, _) => 0,
                (true, true) => Code::Unhealthy as u8,
                (true, false) => Code::Usage as u8,
            });
        }
    };
    if stop.signal().is_none() {
        exec::hide_secrets(&arguments, &cli.layer);
    }
    match doorstep::run(cli, &environment, &stop) {
        Ok(Next::Exit(code)) => ExitCode::from(code),
        Ok(Next::Exec(service)) => fail(service.exec(&stop)),
        Err(error) => fail(error),
    }
}

/// `check` knows one code for all that is wrong, even if it could not begin, or say it.
fn unhealthy(error: &Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "unhealthy: {error}");
    ExitCode::from(Code::Unhealthy as u8)
}

/// Says the error once, whole, and turns it into the exit code.
fn fail(error: &Error, environment: &Environment) -> ExitCode {
    // In case it came before the settings were known; otherwise the log runs already.
    let is_json = environment.get("DOORSTEP_LOG_FORMAT") == Some("json");
    log::start(LogLevel::Info, if is_json { LogFormat::Json } else { LogFormat::Text });
    let exit_code = error.exit_code();
    termination::note(&error.to_string());
    tracing::error!(phase = "exit", event = "failed", exit_code, sqlstate = error.sqlstate(), "{error}");
    ExitCode::from(exit_code)
}
