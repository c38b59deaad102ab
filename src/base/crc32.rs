//! CRC-32/ISO-HDLC (that of zlib), which several tools compute checksums and keys of locks with.

/// A checksum that is computed piece by piece.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crc32(u32);

impl Crc32 {
    /// Of nothing yet.
    pub(crate) const fn new() -> Self {
        Self(u32::MAX)
    }

    /// Adds these bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let step = |crc: u32, byte: &u8| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
        };
        self.0 = bytes.iter().fold(self.0, step);
    }

    /// The checksum of what was added.
    pub(crate) const fn sum(self) -> u32 {
        !self.0
    }
}

/// The checksum of these bytes.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc32::new();
    crc.update(bytes);
    crc.sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_that_of_its_definition() {
        assert_eq!(super::crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(super::crc32(b""), 0);
    }
}
