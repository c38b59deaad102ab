//! Lost connections, which a start survives a few times.

use crate::base::error::Error;

/// How many lost connections one start survives: a migration may be what crashes the server.
const LOSSES: u32 = 5;

/// The connections that a start has lost.
#[derive(Default)]
pub(crate) struct Losses {
    /// Since the last pass that ended in order.
    pub(crate) in_a_row: u32,
    /// During a migration or a command, in all passes.
    at_work: u32,
}

impl Losses {
    /// Whether this error is a lost connection after which the start goes on; counts and logs it.
    pub(crate) fn survives(&mut self, error: &Error) -> bool {
        let (Error::Statement { doing, fault, .. } | Error::Lost { doing, fault }) = error else { return false };
        if !fault.class.is_transient() || self.in_a_row.max(self.at_work) >= LOSSES {
            return false;
        }
        self.in_a_row += 1;
        self.at_work += u32::from(matches!(error, Error::Lost { .. }));
        tracing::info!(phase = "wait", event = "lost", "lost the database ({doing}): {fault}; waiting again");
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::fault::{Class, Fault};

    #[test]
    fn losses_at_work_count_over_all_passes() {
        let mut losses = Losses::default();
        let lost = Error::Lost { doing: "running x".to_owned(), fault: Fault::new(Class::Unreachable, "gone") };
        for _ in 0..LOSSES {
            assert!(losses.survives(&lost));
            losses.in_a_row = 0;
        }
        assert!(!losses.survives(&lost));
    }

    #[test]
    fn only_what_passes_with_time_is_survived() {
        let statement = |class| Error::statement("look")(Fault::new(class, "no"));
        assert!(Losses::default().survives(&statement(Class::Starting)));
        assert!(!Losses::default().survives(&statement(Class::Privilege)));
        assert!(!Losses::default().survives(&Error::History("failed".to_owned())));
    }
}
