//! What the history says of a statement that commits by itself, before it is sent: if its end is never recorded, the next start
//! compares what it changes with what was there before it.

use std::fmt;

/// A statement that has begun. It stands in the row's column for messages, as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Intent {
    /// The statement, from 0.
    pub(crate) step: usize,
    /// How many its script has.
    pub(crate) count: usize,
    /// The fingerprint of what it changes, before it; `None` where the catalog does not show that.
    pub(crate) before: Option<String>,
}

const BEGUN: &str = " has begun, and its end is not recorded; ";
const BEFORE: &str = "before it, what it changes had the fingerprint ";
const UNSEEN: &str = "the catalog does not show what it changes";

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statement {} of {}{BEGUN}", self.step + 1, self.count)?;
        match &self.before {
            Some(before) => write!(f, "{BEFORE}{before}"),
            None => f.write_str(UNSEEN),
        }
    }
}

impl Intent {
    /// Reads what [`fmt::Display`] has written; `None` for any other message. The text is part of the history: it must not
    /// change.
    pub(crate) fn read(message: &str) -> Option<Self> {
        let (begin, trace) = message.split_once(BEGUN)?;
        let (step, count) = begin.strip_prefix("statement ")?.split_once(" of ")?;
        let before = trace.strip_prefix(BEFORE).map(str::to_owned);
        let is_whole = before.as_ref().map_or(trace == UNSEEN, |before| !before.is_empty());
        let step = step.parse::<usize>().ok()?.checked_sub(1)?;
        is_whole.then_some(Self { step, count: count.parse().ok()?, before })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intent_is_read_back_and_nothing_else_is_one() {
        for before in [None, Some("12:ab".to_owned())] {
            let intent = Intent { step: 2, count: 7, before };
            assert_eq!(Intent::read(&intent.to_string()), Some(intent));
        }
        let text = "statement 3 of 7 has begun, and its end is not recorded; before it, what it changes had the fingerprint 12:ab";
        assert_eq!(Intent::read(text), Some(Intent { step: 2, count: 7, before: Some("12:ab".to_owned()) }));
        let other =
            ["", "statement 0 of 7 has begun, and its end is not recorded; the catalog does not show what it changes"];
        for text in other.into_iter().chain(["ERROR: x", "statement 1 of 2 has begun, and its end is not recorded; x"])
        {
            assert_eq!(Intent::read(text), None, "{text}");
        }
    }
}
