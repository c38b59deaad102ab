//! How long to pause before the next attempt. The deadline belongs to the caller.

use std::time::Duration;

use backoff::backoff::Backoff as _;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

/// Growing pauses with a ceiling, each with a random part of 30 %, so that replicas which start together do not all
/// connect at the same moment.
#[derive(Debug)]
pub(crate) struct Pace {
    backoff: ExponentialBackoff,
    ceiling: Duration,
}

impl Pace {
    /// Pauses from about `first`, growing by half each time, to about `ceiling`: 30 % more or less.
    pub(crate) fn new(first: Duration, ceiling: Duration) -> Self {
        Self::with_jitter(first, ceiling, 0.3)
    }

    /// The same, half as much more or less: for many processes that begin at the same moment.
    pub(crate) fn scattered(first: Duration, ceiling: Duration) -> Self {
        Self::with_jitter(first, ceiling, 0.5)
    }

    fn with_jitter(first: Duration, ceiling: Duration, jitter: f64) -> Self {
        let backoff = ExponentialBackoffBuilder::new()
            .with_initial_interval(first)
            .with_multiplier(1.5)
            .with_randomization_factor(jitter)
            .with_max_interval(ceiling)
            .with_max_elapsed_time(None)
            .build();
        Self { backoff, ceiling }
    }

    /// For work that a server which answers could not do at the moment: it lacked something, or a lock was taken.
    pub(crate) fn after_refusal() -> Self {
        Self::new(Duration::from_millis(200), Duration::from_secs(5))
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        self.backoff.next_backoff().unwrap_or(self.ceiling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_ceiling_and_never_end() {
        let mut pace = Pace::new(Duration::from_millis(50), Duration::from_millis(200));
        let pauses: Vec<Duration> = (0..50).map(|_| pace.next()).collect();
        assert!(pauses[0] >= Duration::from_millis(35) && pauses[0] <= Duration::from_millis(65));
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_millis(260)));
        assert!(pauses[40..].iter().all(|pause| *pause >= Duration::from_millis(140)));
    }
}
