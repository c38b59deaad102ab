//! The notices of a server (NoticeResponse): RAISE NOTICE and RAISE WARNING of scripts are for the people who read the log.
//! A script may raise a million of them. Those that differ in their numbers only are folded into a count, and one answer
//! writes at most [`MOST`] lines.

use std::collections::HashMap;

use fallible_iterator::FallibleIterator as _;
use postgres_protocol::message::backend::ErrorFields;

/// So many of one kind are written.
const OF_A_KIND: u64 = 3;

/// So many lines are written for one answer of the server.
const MOST: u64 = 100;

/// The most kinds that are counted separately; more count as one.
const KINDS: usize = 1000;

/// The longest text of a notice that is written, in bytes.
const LONGEST: usize = 4096;

/// The notices of one answer. Dropping it writes how many were folded.
#[derive(Default)]
pub(crate) struct Notices {
    /// How many there were of each kind: severity, SQLSTATE and text without its digits.
    kinds: HashMap<String, u64>,
    written: u64,
    folded: u64,
}

impl Notices {
    /// Writes a notice, or counts it.
    pub(crate) fn log(&mut self, mut fields: ErrorFields<'_>) {
        let (mut severity, mut code, mut message) = (Vec::new(), String::new(), String::new());
        while let Ok(Some(field)) = fields.next() {
            match field.type_() {
                b'V' => severity = field.value_bytes().to_vec(),
                b'C' => code = String::from_utf8_lossy(field.value_bytes()).into_owned(),
                b'M' => message = String::from_utf8_lossy(field.value_bytes()).into_owned(),
                _ => {}
            }
        }
        if !self.is_written(&severity, &code, &message) {
            return;
        }
        let message = &message[..message.floor_char_boundary(LONGEST)];
        match severity.as_slice() {
            b"WARNING" => tracing::warn!(phase = "server", event = "notice", sqlstate = code, "{message}"),
            b"NOTICE" => tracing::info!(phase = "server", event = "notice", sqlstate = code, "{message}"),
            _ => tracing::debug!(phase = "server", event = "notice", sqlstate = code, "{message}"),
        }
    }

    fn is_written(&mut self, severity: &[u8], code: &str, message: &str) -> bool {
        let kind = message.chars().filter(|character| !character.is_ascii_digit()).take(200);
        let kind: String = String::from_utf8_lossy(severity).chars().chain(code.chars()).chain(kind).collect();
        let kind = if self.kinds.len() < KINDS || self.kinds.contains_key(&kind) { kind } else { String::new() };
        let count = self.kinds.entry(kind).or_default();
        *count += 1;
        let is_written = *count <= OF_A_KIND && self.written < MOST;
        match is_written {
            true => self.written += 1,
            false => self.folded += 1,
        }
        is_written
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        let folded = self.folded;
        if folded > 0 {
            let more = if folded == 1 { "1 more notice" } else { &format!("{folded} more notices") };
            tracing::info!(
                phase = "server",
                event = "notices_folded",
                count = folded,
                "the server sent {more}, alike but for their numbers or more than {MOST}, which are not shown"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_that_are_alike_are_counted() {
        let mut notices = Notices::default();
        let written =
            (0..1_000_000).filter(|row| notices.is_written(b"NOTICE", "00000", &format!("row {row}"))).count();
        assert_eq!((written, notices.folded, notices.kinds.len()), (3, 999_997, 1));
        assert!(notices.is_written(b"WARNING", "00000", "row 1"));
        notices.folded = 0;
    }

    #[test]
    fn notices_that_are_not_alike_are_bounded() {
        let word = |mut number: u32| {
            let mut word = String::new();
            while number > 0 {
                word.extend(char::from_digit(10 + number % 20, 36));
                number /= 20;
            }
            word
        };
        let mut notices = Notices::default();
        let written = (0..100_000).filter(|number| notices.is_written(b"NOTICE", "00000", &word(*number))).count();
        assert_eq!(u64::try_from(written).unwrap(), MOST);
        assert!(notices.kinds.len() <= KINDS + 1 && notices.folded == 100_000 - MOST);
        notices.folded = 0;
    }
}
