//! One row of a catalog query, read by position. Engines send every value as text.

use std::str::FromStr;

/// The values of a row.
#[derive(Clone, Copy)]
pub(crate) struct Values<'a>(pub(crate) &'a [Option<&'a str>]);

impl<'a> Values<'a> {
    pub(crate) fn text(self, place: usize) -> Option<&'a str> {
        *self.0.get(place)?
    }

    pub(crate) fn owned(self, place: usize) -> Option<String> {
        self.text(place).map(str::to_owned)
    }

    pub(crate) fn number<T: FromStr>(self, place: usize) -> Option<T> {
        self.text(place)?.parse().ok()
    }

    /// A boolean, as PostgreSQL (`t`) or an engine without booleans (`1`) writes it.
    pub(crate) fn is_true(self, place: usize) -> bool {
        matches!(self.text(place), Some("t" | "1"))
    }
}
