//! How a tool that applies its migrations itself is asked what is pending, where its files do not tell: the commands, and
//! what their output says. Starts no process: `startup/ask.rs` does.

use std::fmt;

use crate::config::words::Words;

/// What a tool says about its migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// All of them are applied.
    Applied,
    /// These are not.
    Pending(Vec<String>),
}

/// The questions to one tool.
pub(crate) trait Inquiry: Sync + fmt::Debug {
    /// The commands whose output tells what is pending, made from the command that applies the migrations. They only read.
    /// `None` where that command does not show how to ask.
    fn questions(&self, command: &Words) -> Option<Vec<Words>>;

    /// What the outputs of these commands say, in their order; all of them have succeeded.
    ///
    /// # Errors
    /// Why an output is no answer. Nothing of the output is part of that text: it may hold a secret.
    fn answer(&self, command: &Words, outputs: &[String]) -> Result<Answer, String>;
}

/// The lines of an answer. Lines before the first one are passed over, because settings modules and env.py print while
/// they are loaded, unless they hold the `mark` of an answer, which then does not begin its line.
///
/// # Errors
/// As [`Inquiry::answer`].
pub(crate) fn after_noise(
    output: &str,
    is_first: impl Fn(&str) -> bool,
    mark: impl Fn(&str) -> bool,
) -> Result<Vec<&str>, String> {
    let mut lines = output.lines().skip_while(|line| !is_first(line) && !mark(line)).peekable();
    match lines.peek() {
        Some(line) if !is_first(line) => Err("its answer does not begin at the start of a line".to_owned()),
        _ => Ok(lines.collect()),
    }
}
