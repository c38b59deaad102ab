//! The output of a child process, line by line, without secrets; its last lines are kept for the report of a failure.

use std::collections::VecDeque;
use std::io::PipeReader;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;

use crate::base::error::{Error, NEXT_AFTER_SYSTEM};
use crate::base::mask::Mask;

/// Bytes of output in the report of a failure, so that the report fits into the termination log (4096).
const KEPT: usize = 3072;

/// Longest line in the log, in bytes; a longer one is split.
const LINE: usize = 8192;

/// What a child writes to stdout and stderr.
pub(crate) struct Output {
    pipe: Receiver,
    /// Bytes after the last line end.
    begun: Vec<u8>,
    /// Lines that were read and not given out yet.
    ready: VecDeque<String>,
    /// The last lines.
    last: VecDeque<String>,
    mask: Mask,
    is_closed: bool,
}

impl Output {
    pub(crate) fn new(pipe: PipeReader, mask: Mask) -> Result<Self, Error> {
        let pipe = Receiver::from_owned_fd(pipe.into());
        let pipe =
            pipe.map_err(|error| Error::Os(format!("cannot read from a command: {error}\n{NEXT_AFTER_SYSTEM}")))?;
        Ok(Self { pipe, begun: Vec::new(), ready: VecDeque::new(), last: VecDeque::new(), mask, is_closed: false })
    }

    /// True once every line was given out and no more can come.
    pub(crate) fn is_over(&self) -> bool {
        self.is_closed && self.ready.is_empty()
    }

    /// The next line; `None` at the end of the output.
    pub(crate) async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                self.keep(&line);
                return Some(line);
            }
            if self.is_closed {
                return None;
            }
            if let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.begun.drain(..=end).collect();
                self.ready.extend(lines(&line, &self.mask));
            } else if self.begun.len() >= LINE + self.mask.reach() {
                // A secret that stands across the end of a piece is in the buffer as a whole.
                let end = end_of_piece(&mut self.begun, &self.mask);
                let line: Vec<u8> = self.begun.drain(..end).collect();
                self.ready.extend(lines(&line, &self.mask));
            // Safe to cancel: bytes already read stay in the buffer.
            } else if !matches!(self.pipe.read_buf(&mut self.begun).await, Ok(1..)) {
                self.is_closed = true;
                let line = std::mem::take(&mut self.begun);
                self.ready.extend(lines(&line, &self.mask));
            }
        }
    }

    fn keep(&mut self, line: &str) {
        self.last.push_back(line.to_owned());
        while self.last.len() > 1 && self.last.iter().map(|line| line.len() + 3).sum::<usize>() > KEPT {
            self.last.pop_front();
        }
    }

    /// The last lines.
    pub(crate) fn kept(self) -> String {
        let text = Vec::from(self.last).join("\n");
        let start = text.ceil_char_boundary(text.len().saturating_sub(KEPT));
        text[start..].to_owned()
    }
}

/// A line for the log: without colours, without text that a progress bar has overwritten, without secrets; split where it
/// is too long. Nothing for an empty one.
fn lines(line: &[u8], mask: &Mask) -> Vec<String> {
    let text = String::from_utf8_lossy(line);
    let text = console::strip_ansi_codes(text.trim_end());
    let masked = mask.apply(text.rsplit('\r').next().unwrap_or_default());
    let (mut rest, mut lines) = (masked.as_str(), Vec::new());
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.floor_char_boundary(LINE));
        lines.push(line.to_owned());
        rest = after;
    }
    lines
}

/// Where to split a buffer that holds more than a line: not inside of a secret or a character.
fn end_of_piece(begun: &mut Vec<u8>, mask: &Mask) -> usize {
    let incomplete = begun.utf8_chunks().last().map_or(0, |chunk| chunk.invalid().len());
    let tail = begun.split_off(begun.len() - incomplete);
    let text = String::from_utf8_lossy(begun).into_owned();
    let end = text.floor_char_boundary(LINE);
    let across = mask.spans(&text).into_iter().find(|span| span.start < end && end < span.end);
    *begun = text.into_bytes();
    begun.extend(tail);
    across.map_or(end, |span| span.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8], secret: &str, step: usize) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (reader, mut writer) = std::io::pipe().unwrap();
            let mut output = Output::new(reader, Mask::new([secret.to_owned()])).unwrap();
            let text = text.to_vec();
            let writing = std::thread::spawn(move || {
                for chunk in text.chunks(step) {
                    std::io::Write::write_all(&mut writer, chunk).unwrap();
                }
            });
            let mut lines = Vec::new();
            while !output.is_over() {
                lines.extend(output.line().await);
            }
            writing.join().unwrap();
            lines.join("|")
        })
    }

    #[test]
    fn a_secret_across_the_end_of_a_piece_is_hidden() {
        for before in (LINE - 12)..=(LINE + 2) {
            let text = format!("{}p%40ssw%C3%B6rd{}\nend", "x".repeat(before), "y".repeat(3 * LINE));
            let shown = all(text.as_bytes(), "p@sswörd", 4096);
            let whole = shown.replace('|', "");
            assert_eq!(whole, format!("{}***{}end", "x".repeat(before), "y".repeat(3 * LINE)), "{before}");
            assert!(shown.split('|').all(|line| line.len() <= LINE));
        }
    }

    #[test]
    fn a_long_line_is_split_between_characters() {
        let text = "ä".repeat(LINE);
        assert_eq!(all(text.as_bytes(), "hunter2", 1000).replace('|', ""), text);
        assert_eq!(all(b"a\xff\r\nb\n\nc", "hunter2", 1), "a\u{fffd}|b|c");
    }
}
