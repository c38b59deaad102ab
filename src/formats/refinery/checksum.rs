//! refinery's checksum: SipHash-1-3 with the keys 0, 0 over what Rust's `Hash` writes for the name, the version and the text.

use std::hash::Hasher as _;

use siphasher::sip::SipHasher13;

/// How many bytes a version has in the program that uses refinery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Width {
    /// The usual ones: `int4`.
    Four,
    /// With refinery's feature `int8-versions`: `int8`.
    Eight,
}

/// The checksum of a migration, as its row has it; `None` where the version does not fit.
#[must_use]
pub(crate) fn checksum(name: &str, version: i64, sql: &str, width: Width) -> Option<String> {
    let mut hasher = SipHasher13::new();
    let mut text = |text: &str| {
        hasher.write(text.as_bytes());
        hasher.write(&[0xff]);
    };
    text(name);
    match width {
        Width::Four => hasher.write(&i32::try_from(version).ok()?.to_le_bytes()),
        Width::Eight => hasher.write(&version.to_le_bytes()),
    }
    hasher.write(sql.as_bytes());
    hasher.write(&[0xff]);
    Some(hasher.finish().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_refinery() {
        for (name, version, sql, four, eight) in [
            ("initial", 1, "CREATE TABLE t (id int);\n", "1459393547224997786", "7567865042636220382"),
            ("add_col", 12, "ALTER TABLE t ADD c text;", "3305551141918070182", "3546462343166227518"),
            ("initial", 1, "", "799725506757761688", "1741729186597674287"),
            ("initial", 1, "\u{feff}é\r\n", "4468771903241412114", "11898053122734850858"),
        ] {
            assert_eq!(checksum(name, version, sql, Width::Four).as_deref(), Some(four));
            assert_eq!(checksum(name, version, sql, Width::Eight).as_deref(), Some(eight));
        }
        assert_eq!(checksum("a", i64::from(i32::MAX) + 1, "", Width::Four), None);
    }
}
