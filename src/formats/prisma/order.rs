//! The order of migration names. Since 6.6 Prisma sorts with JavaScript's `localeCompare`, which is ICU's
//! root collation; before, by bytes. Both give the same order for the usual names.

use std::cmp::Ordering;

/// ICU's root order of ASCII punctuation (CLDR root collation chart), before digits and letters.
const PUNCTUATION: &str = " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$";

/// Compares as ICU's root collation does, for ASCII; other characters come after, by code point.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let primary = a.chars().map(weight).cmp(b.chars().map(weight));
    // Names that differ in case only: lowercase first, decided by the first difference.
    let by_case = || a.chars().map(char::is_uppercase).cmp(b.chars().map(char::is_uppercase));
    primary.then_with(by_case).then_with(|| a.cmp(b))
}

fn weight(character: char) -> (u8, u32) {
    let lower = character.to_ascii_lowercase();
    match lower {
        '0'..='9' => (1, lower.into()),
        'a'..='z' => (2, u32::from(lower) << 8),
        _ => match PUNCTUATION.find(lower) {
            Some(at) => (0, u32::try_from(at).unwrap_or(u32::MAX)),
            None => fold(lower),
        },
    }
}

/// Latin letters with a mark sort beside their base letter; other characters after all letters.
fn fold(character: char) -> (u8, u32) {
    const BASES: &[(&str, char)] = &[
        ("àáâãäåÀÁÂÃÄÅ", 'a'),
        ("çÇ", 'c'),
        ("èéêëÈÉÊË", 'e'),
        ("ìíîïÌÍÎÏ", 'i'),
        ("ñÑ", 'n'),
        ("òóôõöÒÓÔÕÖ", 'o'),
        ("ùúûüÙÚÛÜ", 'u'),
        ("ýÿÝ", 'y'),
    ];
    let base = BASES.iter().find(|(marked, _)| marked.contains(character));
    base.map_or((3, character.into()), |(_, base)| (2, (u32::from(*base) << 8) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(names: &[&'static str]) -> Vec<&'static str> {
        let mut names = names.to_vec();
        names.sort_by(|a, b| compare(a, b));
        names
    }

    /// Orders observed on Prisma 6.19 and 7.10.
    #[test]
    fn names_sort_as_prisma_sorts_them() {
        let dates = ["20240101", "20240101_init", "202401011200_y", "20240101120000_add", "20240102000000_x"];
        let mut shuffled = dates;
        shuffled.reverse();
        assert_eq!(sorted(&shuffled), dates);
        let others = [
            "_under",
            "-dash",
            "0_init",
            "1_a",
            "1_A",
            "1_a-b",
            "1_a.b",
            "10_b",
            "2_c",
            "20240101_x",
            "a_lower",
            "A_upper",
            "é_acc",
            "Z z space",
        ];
        let mut shuffled = others;
        shuffled.reverse();
        assert_eq!(sorted(&shuffled), others);
    }
}
