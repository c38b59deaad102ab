//! Schemas of one start that failed, of many: as one error, with one exit code.

use std::fmt;

use crate::base::error::{Code, Error};
use crate::base::log::number;
use crate::base::neutral;

/// The most schemas that are named.
const NAMED: usize = 10;

/// What became of a start on many schemas of which some failed.
#[derive(Debug)]
pub struct SchemaFailures {
    /// Those that failed, in the order in which the settings have them, each with its error.
    pub failed: Vec<(String, Error)>,
    /// How many there are.
    pub count: usize,
    /// How many were left alone because another one had failed.
    pub left: usize,
}

impl SchemaFailures {
    /// That of the first one that fails again whenever it is tried; without such a one, that of the first.
    pub(crate) fn exit_code(&self) -> u8 {
        let passes = |code: u8| code == Code::Unavailable as u8 || code == Code::Locked as u8;
        let codes = || self.failed.iter().map(|(_, error)| error.exit_code());
        let code = codes().find(|code| !passes(*code)).or_else(|| codes().next());
        code.unwrap_or(Code::Internal as u8)
    }
}

impl fmt::Display for SchemaFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failed, count, left } = self;
        write!(f, "{} of {} schemas failed", number(failed.len()), number(*count))?;
        if *left > 0 {
            write!(f, ", and {} were not begun after that (tenant_failure = stop)", number(*left))?;
        }
        for (schema, error) in failed.iter().take(NAMED) {
            write!(f, "\n  {schema}: {}", first_line(error))?;
        }
        if failed.len() > NAMED {
            write!(f, "\n  and {} more: doorstep status names them", number(failed.len() - NAMED))?;
        }
        f.write_str(
            "\nnext: correct what is said of each schema above, and start again: it goes on with those that are left",
        )
    }
}

/// The first line of an error, with what it is about.
pub(crate) fn first_line(error: &Error) -> String {
    match error {
        // The report begins with the server's message.
        Error::Migration { name, report, .. } => neutral::first_line(&format!("migration {name} failed:\n{report}")),
        error => neutral::first_line(&error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::fault::{Class, Fault};

    fn failures(errors: Vec<Error>) -> SchemaFailures {
        let failed = errors.into_iter().enumerate().map(|(at, error)| (format!("t{at}"), error)).collect();
        SchemaFailures { failed, count: 1000, left: 0 }
    }

    fn lost() -> Error {
        Error::Lost { doing: "applying 1".to_owned(), fault: Fault::new(Class::Unreachable, "gone") }
    }

    #[test]
    fn the_exit_code_says_try_again_only_where_that_may_help_all() {
        let history = || Error::History("diverged".to_owned());
        let settings = || Error::Settings("wrong".to_owned());
        for (errors, expected) in [
            (vec![lost()], 69),
            (vec![lost(), history()], 65),
            (vec![history(), settings()], 65),
            (vec![settings(), history(), lost()], 78),
        ] {
            assert_eq!(failures(errors).exit_code(), expected);
        }
    }

    #[test]
    fn ten_are_named_and_the_others_counted() {
        let text = failures((0..12).map(|_| lost()).collect()).to_string();
        assert!(
            text.starts_with("12 of 1,000 schemas failed\n  t0: lost the database while applying 1: gone\n"),
            "{text}"
        );
        assert!(text.contains("\n  and 2 more: ") && !text.contains("t10"), "{text}");
        let text = SchemaFailures { left: 5, ..failures(vec![lost()]) }.to_string();
        assert!(text.contains("1 of 1,000 schemas failed, and 5 were not begun after that"), "{text}");
    }
}
