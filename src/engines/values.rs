//! One row of a catalog query, read by position. Engines send every value as text.

use std::str::FromStr;

use smol_str::SmolStr;

use crate::sql::Row;

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

    /// A name: most are short enough to need no memory of their own.
    pub(crate) fn name(self, place: usize) -> Option<SmolStr> {
        self.text(place).map(SmolStr::new)
    }

    /// An oid: a row of a catalog has several, and `FromStr` takes three times as long.
    #[cfg(feature = "postgres")]
    pub(crate) fn oid(self, place: usize) -> Option<u32> {
        let digits = self.text(place)?.as_bytes();
        let add = |oid: u32, byte: &u8| {
            let digit = u32::from(byte.wrapping_sub(b'0'));
            if digit > 9 { None } else { oid.checked_mul(10)?.checked_add(digit) }
        };
        if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
    }

    pub(crate) fn number<T: FromStr>(self, place: usize) -> Option<T> {
        self.text(place)?.parse().ok()
    }

    /// A boolean, as PostgreSQL (`t`) or an engine without booleans (`1`) writes it.
    pub(crate) fn is_true(self, place: usize) -> bool {
        matches!(self.text(place).map(str::as_bytes), Some(b"t" | b"1"))
    }
}

/// A value of a row; empty for NULL and for what is not there.
pub(crate) fn text(row: &Row, index: usize) -> String {
    row.get(index).cloned().flatten().unwrap_or_default()
}
