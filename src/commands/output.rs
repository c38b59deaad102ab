//! Results on stdout. Log lines and errors never go there.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::base::environment::Environment;
use crate::base::error::Error;
use crate::base::log::LogFormat;
use crate::base::neutral;
use crate::report::text::Screen;

/// Prints a result in the form asked for.
///
/// # Errors
/// [`Error::Os`].
pub(crate) fn show(result: &(impl Serialize + std::fmt::Display), format: LogFormat) -> Result<(), Error> {
    print(&match format {
        LogFormat::Json => json(result),
        LogFormat::Text => neutral::text(&result.to_string()).into_owned(),
    })
}

/// A result as JSON for people to read, too.
pub(crate) fn json(result: &impl Serialize) -> String {
    neutral::json(&serde_json::to_string_pretty(result).unwrap_or_default()).into_owned() + "\n"
}

/// Prints text as it is: SQL and JSON that are read by programs, or a report that is neutral already.
///
/// # Errors
/// [`Error::Os`].
pub(crate) fn print(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.map_err(|error| Error::Os(format!("cannot write to stdout: {error}\nnext: check where stdout leads")))
}

/// Width and colours of stdout.
pub(crate) fn screen(environment: &Environment) -> Screen {
    let columns = is_terminal().then(|| usize::from(console::Term::stdout().size().1));
    Screen::of(columns, environment)
}

/// Whether a person reads stdout on a terminal.
pub(crate) fn is_terminal() -> bool {
    std::io::stdout().is_terminal()
}
