//! What a failure prints, and its exit code: one ERROR line and a note in the termination log; for `check`, which
//! probes run, one line and exit code 1 for every error.

use std::io::Write;

use crate::base::environment::Environment;
use crate::base::error::{Code, Error};
use crate::base::log::{self, LogFormat, LogLevel};
use crate::base::neutral;
use crate::base::termination;

/// Reports the error; returns the exit code. `is_probe` for `check`.
pub(crate) fn report(error: &Error, is_probe: bool, environment: &Environment) -> u8 {
    if is_probe {
        let _ = writeln!(std::io::stderr(), "unhealthy: {}", neutral::text(&error.to_string()));
        return Code::Unhealthy as u8;
    }
    // No effect once a command has started the log; before that the settings are not known yet.
    let is_json = environment.get("DOORSTEP_LOG_FORMAT") == Some("json");
    log::start(LogLevel::Info, if is_json { LogFormat::Json } else { LogFormat::Text });
    let exit_code = error.exit_code();
    termination::note(&error.to_string());
    tracing::error!(phase = "exit", event = "failed", exit_code, sqlstate = error.sqlstate(), "{error}");
    exit_code
}
